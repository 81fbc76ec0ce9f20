"""How a thread is ended from outside, and how an error is said in one sentence.

Python has no way to end a thread but an exception that arrives in it, between
two steps of its Python code. `run` and `queues` end their workers so, `deadline`
and the explorer whatever they watch.

It must not arrive inside an import: the module would stay half made, or the
lock of the import closed, for this thread and for all later ones. The same holds
for an interrupt, which is an exception in the main thread: see `interrupts`.

Where a thread stands says `wait_graph`; it is asked for only when somebody has
to be ended, as every worker process would pay 8 ms for it.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Thread
from time import monotonic, sleep
from typing import Any

GRACE = 1.0  # seconds that a worker gets to end after it was told to
LOOK = 0.05  # seconds between two looks at whether they have ended
AGAIN = 0.3  # seconds until they are told again: the first time may have met a `finally`
LATER = 60.0  # seconds that somebody may stay in an import, and is told after it


class InOneSentence:
    """A mixin for errors that a notebook shows without a traceback from our insides."""

    def _render_traceback_(self) -> list[str]:  # what IPython asks an error for
        return [f"{type(self).__name__}: {self}"]


class WorkerStopped(BaseException):
    """Raised inside a thread that must end; not an Exception, so `except` lets it pass."""


class ThreadStopped(WorkerStopped, SystemExit):
    """The same; it may arrive when the thread's own code is over, where Python does not tell it."""


def raise_in(thread: Thread, error: type[BaseException]) -> bool:
    """Raise `error` in `thread` as soon as it runs Python code again; False: it runs none here."""
    ident = ctypes.c_ulong(thread.ident or 0)
    return bool(ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(error)))


_lock = threading.Lock()
_hooks: list[Callable[[Any], object]] = []  # of the blocks that are under way
_usual: Callable[[Any], object] = threading.excepthook


@contextmanager
def reported_to(hook: Callable[[Any], object]) -> Iterator[None]:
    """What threads die of in this block is given to `hook`; after it all is as before.

    Several threads may be in such blocks, and leave them in any order.
    """
    global _usual
    with _lock:
        _usual = _usual if _hooks else threading.excepthook
        _hooks.append(hook)
        threading.excepthook = hook
    try:
        yield
    finally:
        with _lock:
            _hooks.remove(hook)
            threading.excepthook = _hooks[-1] if _hooks else _usual


@contextmanager
def errors_of_threads() -> Iterator[list[BaseException]]:
    """What threads die of in this block is collected, not printed."""
    found: list[BaseException] = []
    with reported_to(lambda args: found.append(args.exc_value or args.exc_type())):
        yield found


def unreported() -> AbstractContextManager[None]:
    """What threads die of in this block is not printed: they are ended, and it is of that."""
    return reported_to(lambda args: None)


def untraced() -> None:
    """From now on the thread that calls is neither traced nor profiled.

    Python 3.11 holds one that is, at its next call, while an exception is on its
    way to a thread that waits: then nobody is left to end that wait.
    """
    sys.settrace(None)
    sys.setprofile(None)


def end_threads(
    threads: Iterable[Thread],
    at_work: Callable[[Thread], bool] = lambda thread: True,
    error: type[BaseException] = ThreadStopped,
) -> dict[str, str]:
    """Raise `error` in those of `threads` that are `at_work`, until all have ended.

    The others must be about to end by themselves. Gives the names of those that
    have not ended after GRACE seconds, and what is to be said of each.
    """
    threads = list(threads)
    for thread in threads:
        if thread.is_alive() and not at_work(thread):
            thread.join(LOOK)
    ender = Ender(lambda: _running(threads), error, at_work)
    if ender.threads():
        ender.start()
        ender.join(GRACE)
    return {thread.name: _prospect(thread) for thread in ender.threads()}


def _running(threads: list[Thread]) -> list[Thread]:
    """Those that have not ended; up to Python 3.12 `is_alive` errs after an interrupted join."""
    there = threading.enumerate()
    return [thread for thread in threads if thread.is_alive() or thread in there]


def end_processes(processes: Iterable[Any], grace: float = GRACE) -> list[Any]:
    """Terminate them, and kill those that are there `grace` seconds later; who is there even then.

    All of them are given the same seconds. One that was not started is left alone.
    """
    left = [process for process in processes if process.pid is not None]
    for end in ("terminate", "kill"):
        for process in left:
            getattr(process, end)()
        last = monotonic() + grace
        for process in left:
            process.join(max(0.0, last - monotonic()))
        left = [process for process in left if process.is_alive()]
    return left


class Ender(Thread):
    """Tells `threads()` to end until there are none.

    It is a thread of its own, because it goes on where somebody is in an import
    and whoever waits for it has to go on; and because it has to be `untraced`.

    Each is told once, then its wait is released, and both again only after a
    pause. A lock that others may hold is released where the program is
    `given_up`, or where all wait for such locks, for more than one: for each other.
    Elsewhere who waits for it is told when that wait is over.
    """

    def __init__(
        self,
        threads: Callable[[], list[Thread]],
        error: type[BaseException],
        at_work: Callable[[Thread], bool] = lambda thread: True,
        *,
        given_up: bool = False,
        grace: float = GRACE,
    ) -> None:
        super().__init__(name="ender", daemon=True)
        self.threads, self.error, self.at_work = threads, error, at_work
        self.given_up, self.grace = given_up, grace
        self.told: dict[Thread, float] = {}
        self.released: list[Any] = []  # locks that others may hold
        self.apart = 0.0  # when they did not wait for each other

    def run(self) -> None:
        untraced()
        begun = self.apart = monotonic()
        while (alive := self.threads()) and monotonic() < begun + self.grace:
            self._tell(alive, again=True)
            self._look()
        while any(map(self._untold, self.threads())) and monotonic() < begun + LATER:
            self._tell(self.threads(), again=False)
            self._look()
        if not self.threads():  # nobody has them any more
            for lock in filter(lambda lock: lock.locked(), self.released):
                with suppress(RuntimeError):
                    lock.release()

    def _untold(self, thread: Thread) -> bool:
        return thread not in self.told and self.at_work(thread)

    def _tell(self, alive: list[Thread], again: bool) -> None:
        from . import wait_graph

        now = monotonic()
        self.apart = self.apart if wait_for_each_other(alive) else now
        each_other = now - self.apart >= AGAIN
        pause = AGAIN if again else LATER
        due = [t for t in alive if now - self.told.get(t, -pause) >= pause and self.at_work(t)]
        for thread in due:
            lock, private = wait_graph.lock_of(thread)
            releases = lock is not None and (private or each_other or self.given_up)
            if tell(thread, self.error, releases):
                self.told[thread] = now
                if releases:
                    self.released += [] if private else [lock]
                    with suppress(RuntimeError):  # somebody else has just released it
                        lock.release()

    def _look(self) -> None:
        last = monotonic() + LOOK
        while self.threads() and monotonic() < last:
            sleep(0.002)


def tell(thread: Thread, error: type[BaseException], at_a_lock: bool = False) -> bool:
    """Raise `error` in `thread`, unless that would break something; whether it was done.

    That is inside an import, before its own code begins and after it, and where it may have
    got a lock or waits `at_a_lock`.
    """
    from . import wait_graph

    if wait_graph.importing(thread) or wait_graph.begins_or_ends(thread):
        return False
    handles = wait_graph.handles_a_lock(wait_graph.frame_of(thread))
    if (handles or wait_graph.at_acquire(thread)) and not at_a_lock:
        return False
    raise_in(thread, error)
    return True


def wait_for_each_other(threads: Iterable[Thread]) -> bool:
    """Whether all wait for locks, for two at least.

    Where all wait for one and the same, somebody else may hold it, who goes on.
    """
    from . import wait_graph

    locks = [wait_graph.lock_of(thread)[0] for thread in threads]
    return None not in locks and len(set(map(id, locks))) > 1


def _prospect(thread: Thread) -> str:
    """What is to be said of one that has not ended."""
    from . import wait_graph

    if wait_graph.importing(thread):
        return "is in an import and ends after it"
    if wait_graph.waits(thread):
        return "waits for another thread and may never end"
    return "ends with its call"


def not_stopped(workers: Mapping[str, str]) -> str:
    """What is said of workers that cannot be ended: by name, what is known of each."""
    if not workers:
        return ""
    named: dict[str, list[str]] = {}
    for name, why in workers.items():
        named.setdefault(why, []).append(name)
    said = "; ".join(f"{', '.join(names)} ({why})" for why, names in named.items())
    return f"This could not be stopped: {said}."
