"""A process that `multiprocessing` started ends when its parent is gone.

A parent that is killed, as when memory is short, ends nobody. Its workers would
wait for ever, unless they look. So each process that imports this module, or
that `multiprocessing` starts in one that has, waits for the end of its parent in
a thread. Nothing of this package need be in what the new process does.

`multiprocessing` is used only where it has been imported: it is slow to import.
"""

from __future__ import annotations

import os
import sys
import threading
from time import sleep
from typing import Any

_registered = False


def watch_parent(_: object = None) -> None:
    """End this process, at once, when its parent has ended; nothing where it has none."""
    from multiprocessing import parent_process

    if parent_process() is not None or _is_being_prepared():
        threading.Thread(target=_follow, name="watches the parent", daemon=True).start()


def _is_being_prepared() -> bool:
    """Whether it is a spawned process that imports what it is to do: it knows no parent yet."""
    from multiprocessing import current_process

    return getattr(current_process(), "_inheriting", False)


def _follow() -> None:
    from multiprocessing import parent_process

    while (parent := parent_process()) is None:
        sleep(0.01)
    parent.join()
    os._exit(1)


def _register() -> None:
    """Have each process that `multiprocessing` forks watch: by then it knows its parent."""
    global _registered
    if not _registered and "multiprocessing" in sys.modules:
        from multiprocessing.util import register_after_fork

        _registered = True
        register_after_fork(watch_parent, watch_parent)


def _pickled(process: Any) -> tuple[Any, ...]:
    """How a process goes to where it is to run; it imports this module on its way."""
    reduced: Any = object.__reduce_ex__(process, 2)
    return _arrived, *reduced[1:]


def _arrived(kind: Any) -> Any:
    return object.__new__(kind)


def _have_spawned_ones_watch() -> None:
    from multiprocessing import context, reduction

    for name in ("Process", "SpawnProcess", "ForkServerProcess"):
        if kind := getattr(context, name, None):
            reduction.ForkingPickler.register(kind, _pickled)


if "multiprocessing" in sys.modules:
    watch_parent()
    _have_spawned_ones_watch()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_register)
