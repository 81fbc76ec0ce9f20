"""The terms of the engine: what a step is, and who makes it.

**Task**: one thread of the program. **Site**: a place in its source where a
step is made. **Operation** (`Op`): the step that a task is about to make there;
it may have to wait until it is `ready`. **Access**: which thing an operation
touches, which part of it, and whether it writes. Two operations **conflict**
where they touch the same and one of them writes; steps that do not conflict may
change places, and nobody can tell. **Event**: a step that was chosen, with all
that its task did up to its next choice. **Letter**: the name of the task of an
event; the letters of a run are its **schedule**, the *word*.

What comes before what is kept twice. `Task.clock` knows start and join only, and
counts epochs (from one start of a thread to the next): it says who is alone, and
what is shared. The vector clocks of `search` count events and know conflicts,
too: they say what races. `preds` are the events that a start, a join or a
wake-up puts before a task's next event.

Values only, and the errors that end an exploration: nothing here runs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

LETTERS = "ABCDEFGHIJKLNOPQRSTUVWXYZ"  # of tasks, in the order in which they start; M is main
STOPS = "stop waiting for {}"  # the step that says that a time-out is over
NOTHING = object()  # where no value is, as None may be one

Access = tuple[int, Any, bool]  # whose (a token), which part (None: all), written or not


class Refused(ValueError):
    """A program that cannot be followed: the construct, its line, and what to write instead."""


class Diverged(RuntimeError):
    """A program that did something else when it was run again with the same schedule."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: a program must not depend on the time, on random numbers or on what an "
            "earlier run has left"
        )


class Abort(BaseException):
    """Ends a task of a run that is given up."""


class Site(NamedTuple):
    """A place in the source where a step is made."""

    number: int
    line: int
    source: str  # of the line
    text: str  # of the expression: "counter.value"
    statement: int
    updates: bool = False  # whether what is read there goes nowhere else, as in `n += 1`


NOWHERE = Site(-1, 0, "", "", 0)


class Home:
    """Where the variables of one call of a function are at home."""

    __slots__ = ()


class Op:
    """The next step of a task; `ready` says whether it can be made now.

    An eager one is made as soon as it is ready: it is no choice.
    """

    __slots__ = (
        "accesses", "eager", "kind", "puts", "ready", "since", "site", "what", "where", "why",
    )  # fmt: skip

    def __init__(
        self,
        site: Site,
        kind: str,
        what: str,
        where: Any,
        accesses: tuple[Access, ...] = (),
        ready: Callable[[], bool] | None = None,
        why: Callable[[], str] | str = "",
        eager: bool = False,
    ) -> None:
        self.site, self.kind, self.what, self.where = site, kind, what, where
        self.accesses, self.ready, self.why, self.eager = accesses, ready, why, eager
        self.puts: Any = NOTHING  # the value that it puts there, and looks at nothing
        self.since = 0  # how many events there were when its task came to stand before it

    def can(self) -> bool:
        return self.ready is None or self.ready()


class Event:
    """What one task did from one choice to the next: a letter of the word."""

    __slots__ = ("accesses", "op", "preds", "preempts", "task")

    def __init__(self, task: Task, op: Op, preempts: bool) -> None:
        self.task, self.op, self.accesses, self.preempts = task.number, op, op.accesses, preempts
        self.preds, task.preds = task.preds, ()  # handed over: they hold for one event only


class Task:
    """One thread of the program."""

    def __init__(self, number: int, call: Callable[[], object], twin: Any) -> None:
        self.number, self.call, self.twin = number, call, twin
        self.letter = LETTERS[number - 1] if number else "M"
        self.daemon = False
        self.pending: Op | None = None  # what it stands before
        self.ended = self.ended_well = False
        self.result: Any = None
        self.worker: Any = None  # that serves it
        self.ident: Any = None  # of that
        # Order: what comes before its next step, whatever that touches.
        self.clock: dict[int, int] = {}  # epochs of other tasks that are over for it
        self.epoch = 0
        self.preds: tuple[int, ...] = ()  # events
        self.event: Event | None = None  # its last
        self.last = -1  # number of that
        # Place: where it has come to.
        self.interruptible = True  # before its next access (atomic="cpython", "line")
        self.site = self.at = NOWHERE  # where it calls a primitive; where it has made its last step
        self.statement, self.statements = -1, 0
        self.op: Op | None = None  # its last on a primitive
        self.made = 0  # objects
        self.private: weakref.WeakSet[Any] = weakref.WeakSet()  # generators nobody else can have
        self.building: list[type] = []  # classes whose calls are under way


def conflict(one: tuple[Access, ...], two: tuple[Access, ...]) -> bool:
    """Whether two steps touch the same, one of them writing."""
    for where, key, write in one:
        for there, its, wrote in two:
            if where == there and (write or wrote) and (key is None or its is None or key == its):
                return True
    return False


def may_conflict(old: tuple[Access, ...], new: tuple[Access, ...]) -> bool:
    """The same for steps of two runs.

    A token below 0 was given during a run, so another run may give it to another object:
    any two of them may be the same. One from 0 up means the same in every run.
    """
    return conflict(old, new) or any(
        where < 0 and there < 0 and (write or wrote)
        for where, _, write in old
        for there, _, wrote in new
    )
