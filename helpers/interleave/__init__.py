"""You are the scheduler: every interleaving of real Python threads.

    report = explore(program)          # is there a schedule that fails?
    replay(program, "ABBA")            # exactly this one, step by step
    play(program)                      # a button for each thread

A program is a function without arguments: it makes its state, starts threads,
joins them and asserts what must hold. It is run again and again, each time under
another schedule, and has to do the same under the same one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from .exploration import BUDGET, Explorer, every_schedule
from .hooks import hooks
from .modules import make_stands, stand_ins
from .program import Program
from .real_threads import Threads
from .record import Record, outcome
from .replay import Replay, quoted
from .report import Report, Schedule, Standing, Step
from .step import Diverged, Refused
from .workers import Workers

__all__ = [
    "Diverged", "Refused", "Report", "Schedule", "Standing", "Step", "explore", "play", "replay",
]  # fmt: skip

ATOMIC = ("line", "op", "cpython")
NAMED = 3  # calls that were not followed, in a report
hooks.twins.update(stand_ins())
hooks.stands.update(make_stands())
_one = threading.Lock()  # at a time: the code of the program is replaced meanwhile
_shared: dict[Any, frozenset[int]] = {}  # sites that threads share, by program and model


def explore(
    program: Callable[[], object],
    *,
    atomic: str = "op",
    every: bool = False,
    budget: int = BUDGET,
) -> Report:
    """Try all schedules of `program`, one of each class of equivalent ones.

    `atomic` says what no other thread can interrupt: "op" (each shared read or
    write, which is what the language promises), "line" (the usual wrong
    picture) or "cpython" (what builds with the GIL do since 3.10: they switch
    where a function is called and where a loop turns). `every=True` tries
    equivalent schedules too, so that `counts` is about all there are. After
    `budget` schedules the report is not complete; nor is it after an interrupt
    (Ctrl-C, the Stop button), which ends the search and reports what was found.

    Raises Refused for a program that cannot be followed, Diverged for one that
    does something else when it is run again, ValueError for a bad argument.
    """
    _check(atomic, budget)
    with Exploring(program, atomic) as exploring:
        return exploring.report(every, budget)


def replay(
    program: Callable[[], object], word: str, *, atomic: str = "op", rest: bool = True
) -> Schedule:
    """Run `program` under the schedule `word`; where it ends, no thread is interrupted any more.

    With `rest=False` the run stops where the word ends. Raises ValueError for a
    letter that no thread has, or whose thread cannot go on at that place.
    """
    _check(atomic, 1)
    if not isinstance(word, str) or (not word.isalpha() and word):
        raise ValueError(f'word must be letters of threads, such as "ABBA", not {word!r:.60}')
    with Exploring(program, atomic) as exploring:
        if exploring.key not in _shared:
            exploring.report(False, BUDGET)
        exploring.shared = _shared[exploring.key]
        return exploring.follow(word, rest)


def play(program: Callable[[], object], *, atomic: str = "op") -> Any:
    """Buttons for the threads of `program`: you are the scheduler."""
    from .told.board import Board

    return Board(program, atomic, replay)


class Exploring(Explorer):
    """An explorer with the process to itself, that records and reports."""

    def __init__(
        self, program: Callable[[], object], atomic: str, workers: Workers | None = None
    ) -> None:
        hooks.kinds.clear()
        self.program = Program(program, hooks, atomic)
        super().__init__(self.program, workers or Threads())
        self.key = (atomic, program, tuple(f.__code__ for f in self.program.functions))

    def __enter__(self) -> Exploring:
        if hooks.run is not None or not _one.acquire(timeout=60.0):
            raise RuntimeError("another exploration is under way: wait for its end")
        try:
            super().__enter__()
        except BaseException:  # an interrupt, half-way
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)
        finally:
            _one.release()

    def report(self, every: bool, budget: int) -> Report:
        found = every_schedule(self, outcome, every, budget)
        _shared[self.key] = self.shared
        if found.failure or not self.interrupted:
            seen = self._confirm(found.failure.word if found.failure else found.first)
        reasons = [found.left_out, not_followed(hooks.unfollowed)]
        reasons += [
            f"{what}, as in line {line}, is not known" for what, line in hooks.unknown.items()
        ]
        return Report(
            program=self.program.program.__name__,
            verdict=seen.verdict if found.failure else "ok",
            complete=not any(reasons),
            tried=sum(found.counts.values()),
            counts=dict(sorted(found.counts.items(), key=lambda item: (item[0] != "ok", item))),
            schedule=seen if found.failure else None,
            atomic=self.program.atomic,
            every=every,
            left_out="; ".join(filter(None, reasons)),
            states=found.states,
            interrupted=self.interrupted,
            notes=tuple(hooks.notes),
        )

    def _confirm(self, word: str) -> Schedule:
        """The schedule `word`, which must do the same once more."""
        try:
            one, two = self.follow(word), self.follow(word)
        except ValueError as error:  # the word is one of a run, so this was another
            raise Diverged(f"{error}, in the next run") from None
        for first, second in zip(one.steps, two.steps, strict=False):
            if first != second:
                differs = first.what != second.what
                other = f'is "{second.what}"' if differs else "does something else"
                raise Diverged(
                    f'line {first.line}: "{first.what}" {other} in the next run, under the same '
                    "schedule"
                )
        return one

    def follow(self, word: str, rest: bool = True) -> Schedule:
        """One run under `word`, recorded."""
        record = Record(self.program.program, self.program.code)
        run = self.run(Replay(word, rest), record)
        if rest and len(run.events) < len(word):
            raise ValueError(f"the run of {quoted(word)} is over after {len(run.events)} letters")
        return record.schedule()


def not_followed(calls: Mapping[str, int]) -> str:
    """What was taken as one step although more may happen inside, and where; "" for nothing."""
    first = [f"{name}() in line {line}" for name, line in list(calls.items())[:NAMED]]
    more = f" and {len(calls) - NAMED} more" if len(calls) > NAMED else ""
    steps = "was taken as one step" if len(calls) == 1 else "were taken as one step each"
    inside = f"{', '.join(first)}{more}, whose inside is not followed, {steps}"
    return inside if calls else ""


def _check(atomic: str, budget: int) -> None:
    if atomic not in ATOMIC:
        raise ValueError(f"atomic must be one of {', '.join(ATOMIC)}, not {atomic!r}")
    if not isinstance(budget, int) or budget < 1:
        raise ValueError(f"budget must be a number of schedules, 1 or more, not {budget!r}")
