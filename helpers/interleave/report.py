"""What an exploration gives back: steps, where each thread stands, a schedule, a report.

Values only: nothing here runs a program, and nothing here draws. `text` and
`html` put these into words and pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# How a thread waits that no free lock alone would let go on.
ASLEEP, UNSET, NOTIFIED = "until notified", "until set", "notified"
GOES_ON = "goes on"  # what a thread does that was stopped between two steps


class Step(NamedTuple):
    """One thing that one thread did: a row of the table."""

    thread: str  # "A"; "M" is main
    line: int  # of the cell or file
    source: str  # that line, stripped
    what: str  # "read total -> 0", "total = 1", "acquire lock"
    kind: str  # read write call acquire release wait wake start join end sleep print raise
    where: str  # what it touches: "total", "lock"; "" for nothing
    letter: bool  # whether it is a letter of the word
    preempts: bool  # the thread of the letter before could have gone on
    values: Mapping[str, str]  # shared values after this step
    holds: Mapping[str, str]  # primitives after it: {"lock": "A", "slots": "2 left"}
    blocked: Mapping[str, str]  # after it: letter -> what it waits for
    sleep: Mapping[str, str] = {}  # of those: letter -> ASLEEP, UNSET or NOTIFIED
    library: str = ""  # the module that the line belongs to, where it is not the learner's


class Standing(NamedTuple):
    """Where one thread stands after the last step."""

    thread: str
    name: str  # of the function it runs
    line: int
    source: str
    what: str  # what its next step would be
    why: str  # why it cannot move; "" if it can
    ended: bool
    statement: int  # the same as long as it is inside one execution of one statement
    daemon: bool = False
    library: str = ""  # as of a Step


@dataclass(frozen=True)
class Schedule:
    """One run, step by step; `replay` gives it, and `Report.schedule`.

    `word` has a letter for each step on something that two running threads
    share. The same word gives the same run, on every Python.
    """

    word: str
    verdict: str  # ok, race, exception, deadlock, livelock, no end in sight
    outcome: str  # what became of it: "ok", "lost update: 1", "deadlock"
    steps: tuple[Step, ...]
    standing: tuple[Standing, ...] = ()
    sources: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    printed: str = ""
    ended: bool = True  # False: only the beginning was run
    circle: tuple[str, ...] = ()  # of a deadlock of several: ("A", "b", "B", "a", "A")
    repeats: str = ""  # of a livelock: the last part of the word, which goes on for ever
    asserted: str = ""  # values of what a failed assertion names: "total is 1"
    kind: str = "thread"  # of what goes on: "thread", or "task" of asyncio

    def __len__(self) -> int:
        return len(self.word)

    @property
    def preemptions(self) -> int:
        """How often a thread was interrupted that could have gone on."""
        return sum(step.preempts for step in self.steps)

    @property
    def because(self) -> str:
        """Why it went wrong, in a sentence; "" where it did not."""
        from .told import because

        return because(self)

    @property
    def headline(self) -> str:
        """How it ended, in words: "assertion failed: total == 2 (total is 1)"."""
        from .told import headline

        return headline(self)

    def __str__(self) -> str:
        from .told import table

        return table(self)

    def __repr__(self) -> str:
        return f"Schedule({self.word!r}, {self.outcome!r})"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        from .told import page

        return {"text/plain": str(self), "text/html": page(self)}


@dataclass(frozen=True)
class Report:
    """What `explore` found out about a program."""

    program: str
    verdict: str
    complete: bool  # one of each class of equivalent schedules was tried (every=True: each one)
    tried: int
    counts: Mapping[str, int]  # outcome -> how many of the schedules tried
    schedule: Schedule | None  # the simplest that fails, None where none does
    atomic: str = "op"
    every: bool = False
    left_out: str = ""  # why it is not complete
    states: int = 0  # that it can be in, where schedules that come to the same one are one
    interrupted: bool = False
    notes: tuple[str, ...] = ()  # what was taken for granted: "line 5: a set is gone through in …"

    @property
    def ok(self) -> bool:
        """No schedule fails, and none was left out."""
        return self.verdict == "ok" and self.complete

    def __str__(self) -> str:
        from .told import report

        return report(self)

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        from .told import space

        return {"text/plain": str(self), "text/html": space(self)}
