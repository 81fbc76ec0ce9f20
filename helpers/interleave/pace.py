"""How far a run may go, how it ended, and how time passes where the program reads a clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .step import NOWHERE, Event, Op, Task

LIMIT = 3_000  # steps on what tasks share, in one run
TURNS = 50_000  # turns of loops in one run
LATE = 300  # steps, and turns, of daemon tasks once all others have ended
TICKS = 8  # how often time may pass in one run: nine looks at the clock may all differ
OFTEN = f"what happens where time passes more than {TICKS} times in a run"
CLOCK = 10**9 - 1  # token of the time: higher than those of what a run makes


class Pace:
    """How far a run has come, and how far it may go."""

    __slots__ = ("again", "most_steps", "most_turns", "skipped", "steps", "turns", "wants_time")

    def __init__(self) -> None:
        self.steps = self.turns = 0
        self.skipped = ""  # what was not tried in it
        self.again = False  # whether more are steps from here on than were before
        self.wants_time = False  # whether it has read a clock that does not go
        self.most_steps, self.most_turns = LIMIT, TURNS

    def hurry(self) -> None:
        """From here on only a little."""
        self.most_steps = min(LIMIT, self.steps + LATE)
        self.most_turns = min(TURNS, self.turns + LATE)

    def progress(self) -> int:
        """Grows with every step and turn: while it stands still, something blocks for real."""
        return self.steps + self.turns


class Left(NamedTuple):
    """Who had not ended when a run was given up."""

    stuck: tuple[Task, ...]  # stood before a step
    waiting: tuple[Task, ...]  # those of them that could not go on
    fair: bool  # each that could go on had got a turn of late


class Round:
    """Whether a run goes round: who could go on, and where it began to repeat itself."""

    __slots__ = ("could", "cycle", "starved")

    def __init__(self) -> None:
        self.could: list[Sequence[Task]] = []  # before each event
        self.starved: dict[int, set[int]] = {}  # by event: who never got a turn from there on
        self.cycle = -1  # the event from which on the run repeats itself

    def is_fair(self, events: Sequence[Event]) -> bool:
        """Whether nobody who could go on had to wait for half of it."""
        since: dict[int, int] = {}
        for now, (can, event) in enumerate(zip(self.could, events, strict=False)):
            numbers = {task.number for task in can if not task.daemon} - {event.task}
            since = {number: since.get(number, now) for number in numbers}
            if any(now - then > len(events) // 2 for then in since.values()):
                return False
        return True


def is_look(op: Op) -> bool:
    """Whether it reads the clock."""
    return (CLOCK, None, False) in op.accesses


class Time:
    """How much time has passed since the run began, where the program reads a clock.

    Time may pass between any two steps: by so much that every deadline is over,
    or not at all. It is a task of its own, with the letter t, that has nothing else to do.
    """

    def __init__(self, unknown: dict[str, int]) -> None:
        self.task: Task
        self.unknown = unknown  # for the report: what was left out, and the line
        self.passed = 0  # times
        self.read = False  # since it last passed

    def begin(self, task: Task) -> None:
        self.task = task
        task.letter, task.daemon = "t", True
        task.pending = Op(NOWHERE, "time", "time passes", None, ((CLOCK, None, True),))

    def can(self, live: Sequence[Task], stuck: bool) -> bool:
        """Only where somebody is about to read the clock: before that, nobody could tell.

        Where all are `stuck`, one whose loop waits for a change reads it in its next turn.
        """
        stand = [t.pending for t in live if t.pending and (stuck or not t.pending.eager)]
        looks = [op for op in stand if is_look(op)] if self.read else []
        if looks and self.passed == TICKS:
            self.unknown.setdefault(OFTEN, looks[0].site.line)
        return bool(looks) and self.passed < TICKS

    def matters_to(self, op: Op, alone: bool) -> bool:
        """Whether time may pass before a look at the clock, or another's look may come before."""
        return is_look(op) and (not alone or (self.read and self.passed < TICKS))

    def passes(self) -> None:
        self.passed, self.read = self.passed + 1, False
        self.begin(self.task)
