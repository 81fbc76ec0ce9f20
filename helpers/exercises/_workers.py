"""What the checks run in other processes: small and quick to import, since each process does so.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_start_method, set_start_method
from tempfile import mkstemp
from time import monotonic, sleep
from typing import Any, ClassVar

from ..work import die, wait
from . import NotYet

LONG = 200_000  # characters: more than a pipe holds, so somebody has to read them
HERE = "this was called in the process that asks"
FORKED = "this process was forked"
_grading: list[int] = []  # the process in which a check runs; a forked one has it, too

ALIVE, SLOW, TALKS, BRIEF = "Ada", "Bartholomea", "Emil", "Gina"
KILLED, EXITS, SILENT = "chris", "dora", "fritz"


@contextmanager
def spawned() -> Iterator[None]:
    """Meanwhile a process is spawned unless somebody says otherwise, as on macOS and Windows."""
    before = get_start_method(allow_none=True)
    set_start_method("spawn", force=True)
    _grading.append(os.getpid())
    try:
        yield
    finally:
        _grading.clear()
        set_start_method(before, force=True)  # None is what was not set


def how_called() -> str:
    """HERE or FORKED if it is no process of its own that was spawned."""
    if not _grading:
        return ""
    return HERE if os.getpid() in _grading else FORKED


def greet(seconds: float, name: str, answers: Any) -> None:
    """Put `(name, greeting)`, or end without; who does what is in the names above."""
    if called := how_called():
        answers.put((name, called))
    elif name == KILLED:
        die(name)
    elif name == EXITS:
        sys.exit(3)
    elif name != SILENT:
        _answer(seconds, name, answers)


def _answer(seconds: float, name: str, answers: Any) -> None:
    if name == SLOW:
        wait(seconds)
    answers.put((name, greeting(name)))
    if name == TALKS:
        sys.exit(1)  # when all is said


def greeting(name: str) -> str:
    """What is put: a long one of somebody who talks, an empty one of somebody who is brief."""
    if name == BRIEF:
        return ""
    return f"Hello, {name}" + "!" * (LONG if name == TALKS else 1)


class Traced(int):
    """A number whose product knows the process that has computed it."""

    pid: int | None = None
    multiplied: ClassVar[int] = 0  # times, in this process

    def __mul__(self, other: int) -> Traced:
        Traced.multiplied += 1
        product = Traced(int(self) * int(other))
        product.pid = os.getpid()
        return product

    __rmul__ = __mul__


TURN = 0.01  # seconds between two looks
LATE = 6.0  # seconds that a process waits for as many as there should be
HOLD = 0.8  # seconds that it then waits for more: all were started at the same time


@dataclass(frozen=True)
class Square:
    """Computes squares; on arrival a process waits until as many as there should be have come.

    And a little for others. Else the quickest may do all, and nobody sees how many they are.
    """

    folder: str  # has a file for each process that has come
    full: int

    def __call__(self, number: int) -> int | str:
        called = how_called()
        if not called:
            self._arrive()
        return called if called == FORKED else number * number

    def _arrive(self) -> None:
        mine = os.path.join(self.folder, str(os.getpid()))
        if os.path.exists(mine):
            return
        with open(mine, "x"):
            turns = full = 0  # not by the clock: where others have the CPU, turns take longer
        while (here := len(os.listdir(self.folder))) <= self.full:
            if here < self.full:
                full = turns
            if TURN * (turns - full) > HOLD or TURN * turns > LATE:
                return
            turns += 1
            sleep(TURN)


# ------------------------------------------------- items that kill their process

ENDS: dict[float, Callable[[], object]] = {  # how a process is killed by an item
    -1: lambda: die(-1),
    -2: lambda: os.kill(os.getpid(), signal.SIGTERM),
    -3: lambda: os._exit(1),
    -4: lambda: os._exit(77),
}
LATE_START = 3.0  # seconds that a process may start later than one that was started before it
AFTER_IT = 0.3  # seconds


class Mortal:
    """Work that kills its process in several ways, and leaves a note of each other item done.

    Nobody dies before an item as long as `under_way` has begun, or has had the time to: so a
    pool of several processes breaks in the middle of that one, on a busy computer as well. And
    a longer item ends after it, where both are under way.
    """

    def __init__(self, folder: str, under_way: float) -> None:
        self.folder, self.home, self.under_way = folder, os.getpid(), under_way

    def __call__(self, item: float) -> float:
        if os.getpid() == self.home:
            raise NotYet(
                "work(item) was called in this process, which some items would have killed. Hand "
                "in the function and the item, target=work and args=(item,), to a new process."
            )
        if item in ENDS:
            self._wait_while(lambda: self.under_way > max(self.noted("begun"), default=0.0))
            ENDS[item]()
        self._note("begun", item)
        wait(item)
        if item > self.under_way > 0 and self._is_under_way():
            self._wait_while(self._is_under_way)
            wait(AFTER_IT)
        self._note("done", item)
        return item

    def _is_under_way(self) -> bool:
        return self.under_way in self.noted("begun") and self.under_way not in self.noted("done")

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        last = monotonic() + LATE_START
        while condition() and monotonic() < last:
            sleep(0.01)

    def _note(self, what: str, item: float) -> None:
        handle, _ = mkstemp(prefix=f"{what}={item}=", dir=self.folder)
        os.close(handle)

    def noted(self, what: str) -> Counter[float]:
        notes = [name.split("=") for name in os.listdir(self.folder)]
        return Counter(float(item) for kind, item, _ in notes if kind == what)
