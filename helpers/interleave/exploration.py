"""Every schedule of a program: run, learn what is shared, and search until none is left.

`Explorer` runs one program under one chooser after the other. `every_schedule` tries all
schedules that its strategy leaves, and says what became of them; it alone
decides whether that was complete.

At first no site is known to be shared, so the first run switches only where a
task has to wait. What it touched says where tasks meet; the search begins again
with these sites as choices (`Grown`), until one finds no new site.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from math import inf
from time import process_time
from typing import NamedTuple, Protocol

from .graph import Graph, Many, Unlike
from .progress import Progress
from .replay import Replay
from .run import Chooser, Place, Recorder, Run
from .search import All, Bounded, Reduced, Sleep
from .sharing import Sharing
from .workers import Workers

BUDGET = 20_000  # schedules
SIMPLE = 2_000  # schedules with few preemptions that are tried for a simple one
ENDLESS = 100  # the same, where a run had no end
LIVELOCKS = 20  # after which to stop: each can be entered in ever new ways
UNFAIR = 5  # endless schedules in which somebody never got a turn, after which to stop
ROWS = 20  # long rows of steps to ever new states, after which to stop
MANY = 300  # schedules of a program that looks again and again; then its states are told apart
MANY_STEPS = 5_000  # the same, where schedules are long
ENDLESS_RUNS = "some schedules have no end"
COLLECT = 50  # runs, after which garbage is collected
ALL_STEPS = 1_000_000  # of one search
SECONDS = 14.0  # of CPU time of this process, for one exploration
FEW_STEPS = 20_000  # in search of a simple schedule, where a run had no end: two seconds

Judge = Callable[[Run], tuple[str, str]]  # the verdict on a run, and what became of it


class Subject(Protocol):
    """A program that can be run under a schedule."""

    place: Place
    atomic: str
    timed: bool  # whether it reads a clock
    tokens: dict[int, int]  # by id of what exists before it runs: names that are always the same

    def call(self) -> object:
        """The program itself."""

    def followed(self) -> AbstractContextManager[object]:
        """While it lasts, each step of the program is one of the run under way."""


class Failure(NamedTuple):
    """A schedule that fails; the fewer preemptions, the simpler."""

    preemptions: int
    word: str
    verdict: str


class Found(NamedTuple):
    """What a search has found."""

    counts: Mapping[str, int]  # outcome -> schedules
    failure: Failure | None  # the simplest
    first: str  # word of the first schedule
    left_out: str  # why it is not complete; "" where it is
    states: int  # that the program can be in, where they were told apart; else 0


class Grown(Exception):
    """More sites are shared than was known: begin again."""


class Explorer:
    """A program, prepared; the sites where its tasks meet are learned on the way."""

    def __init__(self, subject: Subject, workers: Workers, kind: type[Run] = Run) -> None:
        self.subject, self.workers, self.kind = subject, workers, kind
        self.shared: frozenset[int] = frozenset()
        self.read: frozenset[int] = frozenset()  # sites: what they write is looked at
        self.steps = 0
        self.until, self.seconds = inf, SECONDS  # of the CPU time of this process: it ends then
        self.runs_so_far = 0
        self._collects = False  # whether the garbage collector is on
        self.progress = Progress()
        self.interrupted = False  # by whoever waits for it
        self.left_out = ""  # by the last search, and why; "" where it has come to its end
        self._followed = subject.followed()

    def __enter__(self) -> Explorer:
        self._collects = gc.isenabled()
        gc.disable()  # within a run: what a finalizer or a weak reference calls would be its steps
        self._followed.__enter__()
        self.workers.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.over()
        try:
            self.workers.__exit__(*error)
        finally:
            if self._collects:
                gc.enable()
            self._followed.__exit__(None, None, None)

    def run(self, chooser: Chooser, recorder: Recorder | None = None) -> Run:
        subject = self.subject
        sharing = Sharing(self.shared, subject.tokens, self.read)
        run = self.kind(
            subject.place, self.workers, chooser, sharing, subject.atomic, recorder, subject.timed
        )
        try:
            run.execute(subject.call)
        except Unlike:  # it may be that what was taken for unread is read
            self.read |= run.spin.unread.found
            raise (Grown if run.spin.unread.found else Unlike) from None
        sharing.close()
        self.runs_so_far += 1
        if self.runs_so_far % COLLECT == 0:
            gc.collect(1)
        self.progress.tell(self.runs_so_far)
        self.steps += run.pace.steps + run.pace.turns // 20
        return run

    def runs(self, strategy: All | Graph) -> Iterator[Run]:
        """One run for each schedule, redundant ones too; ends early where a new site is found."""
        self.left_out, skipped = "so many steps take too long", ""  # until it comes to its end
        while self.steps < ALL_STEPS and process_time() < self.until:
            strategy.begin()
            run = self.run(strategy)
            found, read = run.sharing.found(), run.spin.unread.found
            grows = not found <= self.shared or read or run.pace.wants_time or run.pace.again
            if grows and process_time() < self.until:
                self.shared, self.read = self.shared | found, self.read | read
                self.subject.timed = self.subject.timed or run.pace.wants_time
                raise Grown
            yield run
            skipped = skipped or run.pace.skipped
            if grows or not strategy.next(run):
                self.left_out = self.left_out if grows else skipped
                return

    def strategy(self, every: bool) -> All:
        if every:
            return All()
        # What a whole line touches, or a task up to its next await, depends on what came before.
        return Reduced() if self.subject.atomic == "op" and not self.kind.fifo else Sleep()


def every_schedule(explorer: Explorer, judge: Judge, every: bool, budget: int) -> Found:
    """One of each class, or one of each step from each state; then the simplest that fails."""
    whole = explorer.subject.atomic != "op" or explorer.kind.fifo  # steps that are no single ones
    plainly, graph = every or whole, False
    while True:
        strategy = Graph() if graph else explorer.strategy(every)
        try:
            return _search(explorer, judge, strategy, budget, not plainly and not graph)
        except Grown:
            continue
        except Many:
            graph = True
        except Unlike:
            plainly, graph = True, False


def _search(
    explorer: Explorer, judge: Judge, strategy: All | Graph, budget: int, may_change: bool
) -> Found:
    explorer.steps = 0
    counts: Counter[str] = Counter()
    failing: list[Failure] = []
    left_out, unfair, livelocks, first, why = "", 0, 0, "", ""
    graph = strategy if isinstance(strategy, Graph) else None
    try:
        for run in explorer.runs(strategy):
            why = run.why
            many = counts.total() >= MANY or explorer.steps > MANY_STEPS or unfair == UNFAIR - 1
            if may_change and run.spin.on and many:
                raise Many
            if why in ("redundant", "unfair"):  # the starved are tried next, so nothing is left out
                continue
            unfair += run.unfair()  # cut off where somebody starved: something is left out
            if unfair == UNFAIR:
                left_out = ENDLESS_RUNS
                break
            if run.unfair():
                continue
            if counts.total() == budget:
                left_out = f"the budget of {budget} schedules was used up"
                break
            verdict, what = judge(run)
            first = first if counts else run.word
            counts[what] += 1
            if verdict != "ok":
                failing.append(Failure(run.preemptions, run.word, verdict))
            livelocks += why == "livelock"
            why = "endless" if graph and graph.rows > ROWS else why
            if why == "endless" or livelocks == LIVELOCKS:
                left_out = ENDLESS_RUNS
                break
        else:
            left_out = explorer.left_out or (ENDLESS_RUNS if unfair else "")
    except KeyboardInterrupt:
        explorer.interrupted = True
        left_out = f"you interrupted it after {counts.total()} schedules"
    if graph is not None and not left_out and (word := graph.for_ever(run)):
        run = explorer.run(Replay(word))
        verdict, what = judge(run)
        if verdict == "ok":
            left_out = ENDLESS_RUNS
        else:
            counts[what] += 1
            failing.append(Failure(run.preemptions, run.word, verdict))
    if (failing or left_out) and not explorer.interrupted:
        endless = why == "endless"
        most = ALL_STEPS - FEW_STEPS if endless else min(explorer.steps, ALL_STEPS * 9 // 10)
        explorer.steps, explorer.until = most, process_time() + min(SECONDS, explorer.seconds) / 2
        simplest = _simplest(explorer, judge, min(ENDLESS if endless else SIMPLE, budget))
        failing = [simplest] if simplest else sorted(failing, key=lambda f: f.preemptions)
    states = len(graph.vertices) if graph is not None else 0
    return Found(counts, failing[0] if failing else None, first, left_out, states)


def _simplest(explorer: Explorer, judge: Judge, most: int) -> Failure | None:
    """The first failing schedule with no preemption, with one, with two."""
    try:
        for bound in (0, 1, 2):
            for run in islice(explorer.runs(Bounded(bound)), most):
                if run.unfair():
                    continue
                verdict, _ = judge(run)
                if verdict != "ok":
                    return Failure(run.preemptions, run.word, verdict)
    except KeyboardInterrupt:  # what was found before is told all the same
        explorer.interrupted = True
    return None
