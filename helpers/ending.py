"""How a thread is ended from outside, and how an error is said in one sentence.

Python has no way to end a thread but an exception that arrives in it, between
two steps of its Python code. `run` and `queues` end their workers so, `deadline`
and the explorer whatever they watch.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from threading import Thread
from time import monotonic

GRACE = 1.0  # seconds that a worker gets to end after it was told to
LOOK = 0.05  # seconds between two looks at whether they have ended


class InOneSentence:
    """A mixin for errors that a notebook shows without a traceback from our insides."""

    def _render_traceback_(self) -> list[str]:  # what IPython asks an error for
        return [f"{type(self).__name__}: {self}"]


class WorkerStopped(BaseException):
    """Raised inside a thread that must end; not an Exception, so `except` lets it pass."""


def raise_in(thread: Thread, error: type[BaseException]) -> None:
    """Raise `error` in `thread` as soon as it runs Python code again."""
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(error))


def end_threads(
    threads: Iterable[Thread], at_work: Callable[[Thread], bool] = lambda thread: True
) -> list[str]:
    """Raise WorkerStopped in those of `threads` that are `at_work`, until all have ended.

    The others must be about to end by themselves. Gives the names of those that
    have not ended after GRACE seconds: they are in C code, or wait for a lock.
    """
    threads, last = list(threads), monotonic() + GRACE
    while (alive := [t for t in threads if t.is_alive()]) and monotonic() < last:
        for thread in filter(at_work, alive):
            raise_in(thread, WorkerStopped)
        alive[0].join(LOOK)
    return [thread.name for thread in alive]


def not_stopped(workers: Sequence[str]) -> str:
    """What is said of workers that cannot be ended."""
    return f"This could not be stopped and ends with its call: {', '.join(workers)}."
