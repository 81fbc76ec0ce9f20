"""Which schedules to try: few preemptions first, then one of every class.

Two schedules are equivalent where one becomes the other by exchanging
neighbouring steps that touch nothing in common. `reduced` tries one schedule of
every class: dynamic partial-order reduction with source sets and sleep sets
(Abdulla, Aronis, Jonsson, Sagonas: Optimal Dynamic Partial Order Reduction,
POPL 2014), where a step that had to wait is looked at as well. `sleep` has the
sleep sets only: it needs more runs for the same classes, but may be used where a
step touches other things after another past, too. `bounded` tries those with few
preemptions (Musuvathi, Qadeer: Iterative Context Bounding, PLDI 2007): the first
that fails there is the simplest to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .hooks import Hooks
from .report import Diverged
from .run import FAIR, Access, Event, Op, Pool, Run, Task
from .steps import Program

ALL_STEPS = 1_000_000  # of one exploration: some twenty seconds


class Node:
    """A choice: who could go on, who was chosen, who is still to be tried."""

    __slots__ = ("can", "chosen", "clock", "done", "event", "preempted", "sites", "sleep", "todo")

    def __init__(self, can: tuple[int, ...], sites: tuple[int, ...]) -> None:
        self.can, self.sites = can, sites
        self.chosen = -1
        self.todo: set[int] = set()
        self.done: dict[int, tuple[Access, ...]] = {}
        self.sleep: dict[int, tuple[Access, ...]] = {}
        self.event: Event | None = None
        self.clock: dict[int, int] = {}  # per task: how many of its events come before, or are it
        self.preempted = 0  # preemptions up to and with this choice


class Search:
    """Depth first over the choices, which is repeated from the start for each schedule."""

    def __init__(self, how: str, bound: int = 0) -> None:
        self.how, self.bound = how, bound  # "reduced", "sleep", "all", "bounded"
        self.stack: list[Node] = []
        self.depth = 0
        self.row = 0

    # ----------------------------------------------------------------- choosing

    def begin(self) -> None:
        self.depth = self.row = 0

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None:
        numbers = tuple([task.number for task in can])
        sites = tuple([task.pending.site.number if task.pending else -1 for task in can])
        if self.depth < len(self.stack):
            node = self.stack[self.depth]
            if node.can != numbers or node.sites != sites:
                raise_diverged(run, can)
        else:
            node = self._new(run, numbers, sites, last)
            if node.chosen < 0:
                return None
        self.depth += 1
        return run.tasks[node.chosen]

    def _new(
        self, run: Run, can: tuple[int, ...], sites: tuple[int, ...], last: Task | None
    ) -> Node:
        node = Node(can, sites)
        before = self.stack[-1] if self.stack else None
        if before is not None:
            before.event = run.events[-1]
            if self.how in ("reduced", "sleep"):
                node.sleep = self._asleep(before)
        free = [number for number in can if number not in node.sleep]
        number = last.number if last is not None else -1
        if free:
            node.chosen = self._first(free, number)
            if self.how == "bounded":
                self._count(node, before, number)
            node.todo = {node.chosen} if self.how == "reduced" else set(free)
            self.stack.append(node)
        return node

    def _first(self, free: list[int], last: int) -> int:
        """The one that is running, unless it has been for long while others could."""
        stay = last in free
        self.row = self.row + 1 if stay else 0
        if stay and (self.row <= FAIR or len(free) == 1):
            return last
        self.row = 0
        return next((number for number in free if number > last), free[0])

    def _count(self, node: Node, before: Node | None, last: int) -> None:
        used = before.preempted if before else 0
        node.preempted = used + (node.chosen != last and last in node.can)
        node.event = None

    def _asleep(self, before: Node) -> dict[int, tuple[Access, ...]]:
        """Those whose turn here would only repeat what was tried before."""
        assert before.event is not None
        touched = before.event.accesses
        old = {**before.sleep, **before.done}
        return {
            n: a for n, a in old.items() if n != before.chosen and not _may_conflict(a, touched)
        }

    # ------------------------------------------------------------- the next one

    def next(self, run: Run) -> bool:
        """Look at the run that is over; prepare for the next one; False: there is none."""
        for node, event in zip(self.stack, run.events, strict=False):
            node.event = event
        if self.how == "reduced" and run.why != "endless":  # there the search is not complete
            Races(self.stack, run).find()
        while self.stack:
            node = self.stack[-1]
            if node.event is not None:
                node.done[node.chosen] = node.event.accesses
            left = sorted(node.todo - node.done.keys() - node.sleep.keys())
            left = [number for number in left if self._within(node, number)]
            if left:
                node.chosen, node.clock = left[0], {}
                if self.how == "bounded":
                    before = self.stack[-2] if len(self.stack) > 1 else None
                    last = before.chosen if before else -1
                    self._count(node, before, last)
                return True
            self.stack.pop()
        return False

    def _within(self, node: Node, number: int) -> bool:
        if self.how != "bounded":
            return True
        before = self.stack[-2] if len(self.stack) > 1 else None
        last, used = (before.chosen, before.preempted) if before else (-1, 0)
        return used + (number != last and last in node.can) <= self.bound


class Races:
    """Pairs of steps of the last run that could have come the other way round."""

    def __init__(self, stack: list[Node], run: Run) -> None:
        self.stack, self.run = stack, run
        self.events = run.events
        self.count: list[int] = []  # per event: which of its task's it is, from 1
        self.by_task: dict[int, list[int]] = {}
        self.by_thing: dict[int, list[int]] = {}

    def find(self) -> None:
        for number, event in enumerate(self.events):
            mine = self.by_task.setdefault(event.task, [])
            node = self.stack[number]
            known = self._before(mine, event.preds)
            if not node.clock:
                node.clock = self._clock(number, event, known)
                self._reverse(number, event.task, event.accesses, known, event.op)
            mine.append(number)
            self.count.append(len(mine))
            for thing in {access[0] for access in event.accesses}:
                self.by_thing.setdefault(thing, []).append(number)
        for task in self.run.waiting:  # in a run that is redundant, too
            if task.pending is not None and not task.pending.eager:
                known = self._before(self.by_task.get(task.number, []), task.preds)
                end = len(self.events)
                self._reverse(end, task.number, task.pending.accesses, known, task.pending)

    def _before(self, mine: list[int], preds: tuple[int, ...]) -> dict[int, int]:
        """What happens before the next event of a task, whatever that event touches."""
        clock = dict(self.stack[mine[-1]].clock) if mine else {}
        for number in preds:
            _join(clock, self.stack[number].clock)
        return clock

    def _clock(self, number: int, event: Event, known: dict[int, int]) -> dict[int, int]:
        clock = dict(known)
        for other in self._conflicting(event.accesses):
            if self.count[other] > clock.get(self.events[other].task, 0):
                _join(clock, self.stack[other].clock)
        clock[event.task] = len(self.by_task[event.task]) + 1
        return clock

    def _conflicting(self, accesses: tuple[Access, ...]) -> list[int]:
        """The earlier events that touch the same, one of the two writing; latest first."""
        found = set()
        for access in accesses:
            for number in self.by_thing.get(access[0], ()):
                if number not in found and conflict(self.events[number].accesses, (access,)):
                    found.add(number)
        return sorted(found, reverse=True)

    def _reverse(
        self,
        number: int,
        task: int,
        accesses: tuple[Access, ...],
        known: dict[int, int],
        op: Op,
    ) -> None:
        """Have the next step of `task` tried before each earlier one that it races with."""
        covered: list[int] = []
        later: list[int] = []
        for other in self._conflicting(accesses):
            its = self.events[other].task
            if its == task or self.count[other] <= known.get(its, 0):
                continue
            if any(self._is_before(other, each) for each in covered):
                continue
            later.append(other)
            stood = other >= op.since
            waited = op.ready is not None and stood and task not in self.stack[other].can
            if waited and all(self._is_before(other, each) for each in later[:-1]):
                continue  # nothing else can have ended its waiting: no other order of these two
            self._try_before(other, number, task, known, accesses)
            if op.ready is None or (stood and not waited):
                covered.append(other)

    def _is_before(self, first: int, second: int) -> bool:
        task = self.events[first].task
        return self.stack[second].clock.get(task, 0) >= self.count[first]

    def _try_before(
        self,
        other: int,
        number: int,
        task: int,
        known: dict[int, int],
        accesses: tuple[Access, ...],
    ) -> None:
        node = self.stack[other]
        between = [n for n in range(other + 1, number) if not self._is_before(other, n)]
        first: set[int] = set()
        seen: set[int] = set()
        for place, n in enumerate(between):
            its = self.events[n].task
            if its not in seen and not any(self._is_before(m, n) for m in between[:place]):
                first.add(its)
            seen.add(its)
        if task not in seen and not self._waits_for(between, known, accesses):
            first.add(task)
        first &= set(node.can)
        if first and not first & (node.todo | node.done.keys() | node.sleep.keys()):
            node.todo.add(task if task in first else min(first))

    def _waits_for(
        self, between: list[int], known: dict[int, int], accesses: tuple[Access, ...]
    ) -> bool:
        return any(
            self.count[n] <= known.get(self.events[n].task, 0)
            or conflict(self.events[n].accesses, accesses)
            for n in between
        )


def conflict(one: tuple[Access, ...], two: tuple[Access, ...]) -> bool:
    """Whether two steps touch the same, one of them writing."""
    for where, key, write in one:
        for there, its, wrote in two:
            if where == there and (write or wrote) and (key is None or its is None or key == its):
                return True
    return False


def _may_conflict(old: tuple[Access, ...], new: tuple[Access, ...]) -> bool:
    """The same for steps of two runs, where a token below 0 may stand for anything."""
    return conflict(old, new) or any(
        where < 0 and there < 0 and (write or wrote)
        for where, _, write in old
        for there, _, wrote in new
    )


def _join(clock: dict[int, int], other: dict[int, int]) -> None:
    for task, count in other.items():
        if count > clock.get(task, 0):
            clock[task] = count


def raise_diverged(run: Run, can: Sequence[Task]) -> None:
    at = ", ".join(f"{t.letter} at line {t.pending.site.line}" for t in can if t.pending)
    raise Diverged(
        f"the program did something else when it was run again (after {len(run.events)} steps: "
        f"{at}); a program must not depend on the time, on random numbers or on what an earlier "
        "run has left"
    )


class Explorer:
    """A program, prepared; the sites where its threads meet are learned on the way."""

    def __init__(self, program: Callable[[], Any], hooks: Hooks, atomic: str) -> None:
        hooks.kinds.clear()
        self.program, self.hooks, self.atomic = program, hooks, atomic
        self.rewritten = Program(program, hooks, atomic)
        self.code = self.rewritten.codes[program]  # type: ignore[index]
        self.hot: frozenset[int] = frozenset()
        self.steps = 0
        self.complete = False  # whether the last search has come to its end, and left nothing out
        self.pool = Pool()

    def __enter__(self) -> Explorer:
        self.rewritten.__enter__()
        self.pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.pool.__exit__()
        finally:
            self.rewritten.__exit__()

    def run(self, chooser: Any, record: bool = False) -> Run:
        run = Run(
            self.hooks, self.pool, chooser, self.hot, self.atomic, record, self.rewritten.tokens
        )
        run.execute(self.program, self.code)
        self.steps += run.steps + run.turns // 20
        return run

    def runs(self, how: str, bound: int = 0) -> Iterator[Run]:
        """One run for each schedule, redundant ones too; ends early where a new site is found."""
        if how == "reduced" and self.atomic != "op":
            how = "sleep"  # what a whole line touches depends on what came before it
        search, self.complete, skipped = Search(how, bound), False, False
        while self.steps < ALL_STEPS:
            search.begin()
            run = self.run(search)
            if not run.found <= self.hot:
                self.hot |= run.found
                raise Grown
            yield run
            skipped = skipped or run.skipped
            if not search.next(run):
                self.complete = not skipped
                return


class Grown(Exception):
    """More places are shared than was known: begin again."""
