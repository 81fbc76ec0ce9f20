"""Threads that call `input()` ask whoever sits at the page one after the other.

A kernel waits for an answer at a socket that one thread may use at a time. Two that
ask at once end the kernel, by an assertion in C. So each waits until whoever has
asked before it has an answer.
"""

from __future__ import annotations

import builtins
import getpass
from collections.abc import Callable
from functools import wraps
from threading import Lock

# Where a kernel puts which method of its own, for each cell.
ASKS = ((builtins, "input", "raw_input"), (getpass, "getpass", "getpass"))
_one = Lock()  # asks


def one_at_a_time() -> None:
    """From now on, in a kernel."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)  # type: ignore[no-untyped-call, unused-ignore]
    if kernel is not None:
        for module, name, method in ASKS:
            before, after = getattr(kernel, method), _in_turn(getattr(kernel, method))
            setattr(kernel, method, after)
            if getattr(module, name) == before:  # the cell that runs has it already
                setattr(module, name, after)


def _in_turn(ask: Callable[..., str]) -> Callable[..., str]:
    @wraps(ask)
    def asks(*args: object, **options: object) -> str:
        with _one:
            return ask(*args, **options)

    return asks
