"""Tasks as threads of the operating system, of which one at a time goes on.

So a program's own names, locals and tracebacks are what they are.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from types import FrameType
from typing import Any

from ..ending import raise_in
from .step import Abort
from .workers import PATIENCE, Blocked

NAME = "exploration"  # of each thread


class Threads:
    """Operating-system threads that serve one run after the other.

    Each waits for a lock of its own, `go`; who hands over releases that of the
    next, and waits for its own. Who drives waits for `over`.
    """

    def __init__(self) -> None:
        self.idle: list[_Worker] = []
        self.all: list[_Worker] = []
        self.cpus: Set[int] = frozenset()  # where the caller may run
        self.over = threading.Lock()  # held while a run is under way

    ident = staticmethod(threading.get_ident)

    def __enter__(self) -> Threads:
        """On one CPU for as long as it takes: one thread runs at a time, and is woken sooner."""
        if hasattr(os, "sched_getaffinity"):
            self.cpus = os.sched_getaffinity(0)
            self._stay_on({sorted(self.cpus)[os.getpid() % len(self.cpus)]})
        return self

    def _stay_on(self, cpus: Set[int]) -> None:
        """This thread, and those that it starts; where that is forbidden, it is only slower."""
        if cpus:
            with suppress(OSError):
                os.sched_setaffinity(0, cpus)

    def __exit__(self, *_: object) -> None:
        """All go home: an interrupt may have come when one was in nobody's hands."""
        self._stay_on(self.cpus)
        for worker in self.all:
            worker.body = None
            with suppress(RuntimeError):  # it has been let go already
                worker.go.release()
        for worker in self.all:
            if worker.is_alive():
                worker.join(0.0 if worker.lost else 5.0)

    def worker(self, body: Callable[[], Any]) -> _Worker:
        if not self.idle:
            new = _Worker(self)
            self.all.append(new)
            self.idle.append(new)
            new.start()
        worker = self.idle.pop()
        worker.body = body
        return worker

    def switch(self, me: _Worker, to: _Worker) -> None:
        to.go.release()
        me.go.acquire()

    def drive(self, first: _Worker, progress: Callable[[], int]) -> None:
        self.over = threading.Lock()  # a lost run may still release its own
        self.over.acquire()
        first.go.release()
        before = progress()
        while not self.over.acquire(timeout=PATIENCE):
            if before == (before := progress()):
                raise Blocked

    def lose(self, live: Iterable[_Worker], current: _Worker) -> None:
        if self.over.acquire(timeout=2.0):
            return
        for worker in live:
            worker.lost = True
            with suppress(RuntimeError):  # it has been let go already
                worker.go.release()
        raise_in(current, Abort)

    def frame(self, worker: _Worker) -> FrameType | None:
        return sys._current_frames().get(worker.ident or 0)


class _Worker(threading.Thread):
    def __init__(self, threads: Threads) -> None:
        super().__init__(name=NAME, daemon=True)
        self.threads, self.go = threads, threading.Lock()
        self.go.acquire()
        self.body: Callable[[], Any] | None = None
        self.lost = False

    def run(self) -> None:
        while True:
            self.go.acquire()
            if self.body is None:
                return
            over = self.threads.over
            after = self.body()
            if self.lost:
                return
            self.body = None  # what a run leaves, dies after it, not in the next one
            self.threads.idle.append(self)
            (after.go if after is not None else over).release()
