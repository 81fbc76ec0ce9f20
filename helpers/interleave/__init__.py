"""You are the scheduler: every interleaving of real Python threads.

    report = explore(program)          # is there a schedule that fails?
    replay(program, "ABBA")            # exactly this one, step by step
    play(program)                      # a button for each thread

A program is a function without arguments: it makes its state, starts threads,
joins them and asserts what must hold. It is run again and again, each time under
another schedule, and has to do the same under the same one.

Where it is an `async def`, its tasks are what is scheduled: a step is what a task
does up to its next `await`, and whichever of them could go on may be next. (asyncio
itself takes them in the order in which they became ready; what they await may take
any time, so programs must not count on that order.)
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from time import process_time
from typing import Any

from ..ending.interrupts import whole
from ..ending.under_way import noted
from ..ending.wait_graph import is_learners
from . import awaited, logs
from .exploration import BUDGET, SECONDS, Explorer, every_schedule
from .hooks import hooks
from .modules import make_stands, stand_ins
from .program import Program
from .real_threads import Threads
from .record import Record, outcome
from .replay import Replay, quoted
from .report import Report, Schedule, Standing, Step
from .run import Run
from .step import Diverged, Refused
from .task_run import TaskRun
from .workers import PATIENCE, Blocked, Workers

__all__ = [
    "Diverged", "Refused", "Report", "Schedule", "Standing", "Step", "explore", "play", "replay",
]  # fmt: skip

ATOMIC = ("line", "op", "cpython")
NAMED = 3  # calls that were not followed, in a report
hooks.twins.update(stand_ins())
hooks.stands.update({**make_stands(), **awaited.make_stands()})
hooks.tasks = awaited
hooks.instead.append((logging.Handler, "handle", logs.handle))
_of_threads = dict(hooks.twins)
_of_tasks = {**_of_threads, **awaited.stand_ins()}
_one = threading.Lock()  # at a time: the code of the program is replaced meanwhile
# By program and model: sites that threads share, and those whose writes are looked at.
_shared: dict[Any, tuple[frozenset[int], frozenset[int]]] = {}


@noted
def explore(
    program: Callable[[], object],
    *,
    atomic: str = "op",
    every: bool = False,
    budget: int = BUDGET,
    seconds: float | None = None,
) -> Report:
    """Try all schedules of `program`, one of each class of equivalent ones.

    `atomic` says what no other thread can interrupt: "op" (each shared read or
    write, which is what the language promises), "line" (the usual wrong
    picture) or "cpython" (what builds with the GIL do since 3.10: they switch
    where a function is called and where a loop turns); tasks always go on to
    their next `await`. `every=True` tries
    equivalent schedules too, so that `counts` is about all there are. After
    `budget` schedules the report is not complete; nor is it after so many `seconds`
    (of CPU time of this process; as many as are usual, where none are given and
    no more schedules are asked for than usual) or after an interrupt (Ctrl-C,
    the Stop button), which ends the search and reports what was found.

    Raises Refused for a program that cannot be followed, Diverged for one that
    does something else when it is run again, ValueError for a bad argument.
    """
    _check(atomic, budget)
    with _alone(), Exploring(program, atomic) as exploring:
        return exploring.report(every, budget, seconds)


@noted
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
    with _alone(), Exploring(program, atomic) as exploring:
        if exploring.key not in _shared:
            exploring.report(False, BUDGET)
            if exploring.interrupted:  # so not all is known that threads share
                raise KeyboardInterrupt
        exploring.shared, exploring.read = _shared[exploring.key]
        return exploring.follow(word, rest)


def play(
    program: Callable[[], object],
    *,
    atomic: str = "op",
    one_step: bool = False,
    known: Collection[str] = (),
    hand_in: Callable[[str], object] | None = None,
) -> Any:
    """Buttons for the threads of `program`: you are the scheduler.

    A press makes a whole statement; with `one_step` a single step, which the board
    can switch, too. Words that are `known` do not win. `hand_in` is called with a
    word that wins, when its button is pressed; what it displays stands on the board.
    """
    from .told.board import Board

    return Board(program, atomic, replay, one_step, known, hand_in)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for the end of what another thread explores; a program cannot wait for its own."""
    nested = (run := hooks.run) is not None and run.me() is not None
    if nested or not _one.acquire(timeout=60.0):
        raise RuntimeError("another exploration is under way: wait for its end")
    try:
        yield
    except Blocked as error:
        letter, frame = error.where
        while frame is not None and not is_learners(frame.f_code.co_filename):
            frame = frame.f_back
        target = f"the target of thread {letter}, which is no code of the program"
        where = target if frame is None else f"line {frame.f_lineno}"
        raise RuntimeError(
            f"{where}: one step took more than {PATIENCE:g} s; "
            "a program must not wait for anything outside of it"
        ) from None
    finally:
        _one.release()


class Exploring(Explorer):
    """An explorer that records and reports; there must be one at a time."""

    def __init__(
        self, program: Callable[[], object], atomic: str, workers: Workers | None = None
    ) -> None:
        hooks.kinds.clear()
        asynchronous = inspect.iscoroutinefunction(program)
        hooks.twins = _of_tasks if asynchronous else _of_threads
        self.program = Program(program, hooks, atomic)
        super().__init__(self.program, workers or Threads(), TaskRun if asynchronous else Run)
        self.key = (atomic, program, tuple(f.__code__ for f in self.program.functions))

    @whole
    def __enter__(self) -> Exploring:
        try:
            super().__enter__()
        except BaseException:  # an interrupt, half-way
            self.__exit__()
            raise
        return self

    @whole
    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)

    def report(self, every: bool, budget: int, seconds: float | None = None) -> Report:
        if seconds is None:
            seconds = inf if every or budget > BUDGET else SECONDS
        self.until, self.seconds = process_time() + seconds, seconds
        found = every_schedule(self, outcome, every, budget)
        if not self.interrupted:
            _shared[self.key] = self.shared, self.read
        if found.failure or not self.interrupted:
            seen = self._confirm(found.failure.word if found.failure else found.first)
            if found.failure and seen.verdict == "ok":
                raise Diverged(
                    f"the schedule {found.failure.word:.60} failed once, and not again: a run "
                    "finds something that an earlier one has left"
                )
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
        if run.spin.unread.found:
            self.read |= run.spin.unread.found
            return self.follow(word, rest)
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
