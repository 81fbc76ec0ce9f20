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
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from .hooks import hooks
from .primitives import twins
from .report import Diverged, Refused, Report, Schedule, Standing, Step
from .run import Run, Task
from .search import Explorer, Grown, Search
from .trace import outcome, schedule

__all__ = [
    "Diverged", "Refused", "Report", "Schedule", "Standing", "Step", "explore", "play", "replay",
]  # fmt: skip

BUDGET = 20_000  # schedules
SIMPLE = 2_000  # schedules with few preemptions that are tried for a simple one
ENDLESS = 100  # the same, where a run had no end
UNFAIR = 5  # endless schedules in which somebody never got a turn, after which to stop
ATOMIC = ("line", "op", "cpython")
hooks.twins.update(twins())
_one = threading.Lock()  # at a time: the code of the program is replaced meanwhile
_hot: dict[Any, frozenset[int]] = {}  # what threads share, by program and model


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
    `budget` schedules the report is not complete.

    Raises Refused for a program that cannot be followed, Diverged for one that
    does something else when it is run again, ValueError for a bad argument.
    """
    _check(atomic, budget)
    with _Exploring(program, atomic) as explorer:
        return _explore(explorer, every, budget)


def replay(
    program: Callable[[], object], word: str, *, atomic: str = "op", rest: bool = True
) -> Schedule:
    """Run `program` under the schedule `word`; where it ends, no thread is interrupted any more.

    With `rest=False` the run stops where the word ends. Raises ValueError for a
    letter that no thread has, or whose thread cannot go on at that place.
    """
    _check(atomic, 1)
    if not isinstance(word, str) or (not word.isalpha() and word):
        raise ValueError(f'word must be letters of threads, such as "ABBA", not {word!r}')
    with _Exploring(program, atomic) as explorer:
        if explorer.key not in _hot:
            _explore(explorer, False, BUDGET)
        explorer.hot = _hot[explorer.key]
        return _follow(explorer, word, rest)


def play(program: Callable[[], object], *, atomic: str = "op") -> Any:
    """Buttons for the threads of `program`: you are the scheduler."""
    from .board import Board

    return Board(program, atomic)


class _Exploring(Explorer):
    """An explorer with the process to itself."""

    def __enter__(self) -> _Exploring:
        if hooks.run is not None or not _one.acquire(timeout=60.0):
            raise RuntimeError("another exploration is under way: wait for its end")
        try:
            super().__enter__()
        except BaseException:  # an interrupt, half-way
            self.__exit__()
            raise
        return self

    def __init__(self, program: Callable[[], object], atomic: str) -> None:
        super().__init__(program, hooks, atomic)
        self.key = (atomic, program, tuple(f.__code__ for f in self.rewritten.functions))

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)
        finally:
            _one.release()


def _explore(explorer: _Exploring, every: bool, budget: int) -> Report:
    while True:
        try:
            report = _search(explorer, every, budget)
        except Grown:
            continue
        _hot[explorer.key] = explorer.hot
        return report


def _search(explorer: _Exploring, every: bool, budget: int) -> Report:
    """One of each class; then, if need be, the simplest that fails."""
    explorer.steps = 0
    counts: Counter[str] = Counter()
    failing: list[tuple[int, str, str]] = []
    complete, unfair, word = True, 0, ""
    for run in explorer.runs("all" if every else "reduced"):
        if run.why == "redundant":
            continue
        unfair += run.unfair()
        if unfair == UNFAIR:
            complete = False
            break
        if run.unfair():
            continue
        if sum(counts.values()) == budget:
            complete = False
            break
        verdict, what = outcome(run)
        word = word if counts else _word(run)
        counts[what] += 1
        if verdict != "ok":
            failing.append((run.preemptions, _word(run), verdict))
        if run.why == "endless":
            complete = False
            break
    else:
        complete = explorer.complete and not unfair
    if failing or not complete:
        most = min(ENDLESS if run.why == "endless" else SIMPLE, budget)
        failing = _simplest(explorer, most) or sorted(failing, key=lambda f: f[0])[:1]
    seen = _twice(explorer, failing[0][1] if failing else word)
    found = seen if failing else None
    tried = sum(counts.values())
    return Report(
        program=explorer.program.__name__,
        verdict=found.verdict if found is not None else "ok",
        complete=complete,
        tried=tried,
        counts=dict(sorted(counts.items(), key=lambda item: (item[0] != "ok", item))),
        schedule=found,
        atomic=explorer.atomic,
        every=every,
    )


def _twice(explorer: Explorer, word: str) -> Schedule:
    """The schedule `word`, which must do the same once more."""
    one, two = _follow(explorer, word, True), _follow(explorer, word, True)
    for first, second in zip(one.steps, two.steps, strict=False):
        if first != second:
            other = f'is "{second.what}"' if first.what != second.what else "does something else"
            raise Diverged(
                f'line {first.line}: "{first.what}" {other} in the next run, under the same '
                "schedule: a program must not depend on the time, on random numbers or on what an "
                "earlier run has left"
            )
    return one


def _simplest(explorer: Explorer, most: int) -> list[tuple[int, str, str]]:
    """The first failing schedule with no preemption, with one, with two."""
    for bound in (0, 1, 2):
        for run in islice(explorer.runs("bounded", bound), most):
            verdict, _ = outcome(run)
            if verdict != "ok" and not run.unfair():
                return [(bound, _word(run), verdict)]
    return []


def _follow(explorer: Explorer, word: str, rest: bool) -> Schedule:
    run = explorer.run(_Word(word, rest), record=True)
    if rest and len(run.events) < len(word):
        raise ValueError(f'the run of "{word}" is over after {len(run.events)} letters')
    return schedule(run, explorer.program)


class _Word:
    """Chooses letter by letter; after the last letter, nobody is interrupted."""

    def __init__(self, word: str, rest: bool) -> None:
        self.word, self.rest, self.free = word, rest, Search("all")

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None:
        place = len(run.events)
        if place >= len(self.word):
            if not self.rest:
                run.give_up("prefix")
                return None
            numbers = [task.number for task in can]
            return run.tasks[self.free._first(numbers, last.number if last else -1)]
        letter = self.word[place]
        for task in can:
            if task.letter == letter:
                return task
        raise ValueError(f'letter {place + 1} of "{self.word}": {_why_not(run, letter)}')


def _why_not(run: Run, letter: str) -> str:
    known = {task.letter: task for task in run.tasks if task.number}
    task = known.get(letter, run.tasks[0] if letter == "M" else None)
    if task is None:
        return f"there is no thread {letter}; there are {', '.join(known)}"
    if task.ended:
        return f"{letter} has ended"
    return f"{letter} cannot go on there: it waits"


def _word(run: Run) -> str:
    return "".join(run.tasks[event.task].letter for event in run.events)


def _check(atomic: str, budget: int) -> None:
    if atomic not in ATOMIC:
        raise ValueError(f"atomic must be one of {', '.join(ATOMIC)}, not {atomic!r}")
    if not isinstance(budget, int) or budget < 1:
        raise ValueError(f"budget must be a number of schedules, 1 or more, not {budget!r}")
