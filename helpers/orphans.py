"""A process that `multiprocessing` started ends when its parent is gone.

A parent that is killed, as when memory is short, ends nobody. Its workers would
wait for ever, unless they look. So each process that imports this module, or
that is forked from one that has, waits for the end of its parent in a thread.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import current_process, parent_process
from multiprocessing.util import register_after_fork
from time import sleep


def watch_parent(_: object = None) -> None:
    """End this process, at once, when its parent has ended; nothing where it has none."""
    if parent_process() is not None or _is_being_prepared():
        threading.Thread(target=_follow, name="watches the parent", daemon=True).start()


def _is_being_prepared() -> bool:
    """Whether it is a spawned process that imports what it is to do: it knows no parent yet."""
    return getattr(current_process(), "_inheriting", False)


def _follow() -> None:
    while (parent := parent_process()) is None:
        sleep(0.01)
    parent.join()
    os._exit(1)


watch_parent()
register_after_fork(watch_parent, watch_parent)  # by then a forked process knows its parent
