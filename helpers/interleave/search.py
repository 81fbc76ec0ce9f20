"""Which schedules to try: few preemptions first, then one of every class.

Two schedules are equivalent where one becomes the other by exchanging
neighbouring steps that touch nothing in common; all that are equivalent are a
class. Each strategy is a depth-first search over the choices of a run, which is
repeated from the start for each schedule:

`All` tries every schedule. `Bounded` tries those with few preemptions (Musuvathi,
Qadeer: Iterative Context Bounding, PLDI 2007): the first that fails there is the
simplest to read. `Sleep` leaves out what only repeats a class, by sleep sets; it
needs more runs for the same classes than `Reduced`, but may be used where a step
touches other things after another past, too. `Reduced` tries one schedule of
every class: dynamic partial-order reduction with source sets and sleep sets
(Abdulla, Aronis, Jonsson, Sagonas: Optimal Dynamic Partial Order Reduction,
POPL 2014), where a step that had to wait is looked at as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .run import FAIR, Run
from .states import State
from .step import Access, Diverged, Event, Op, Task, conflict, may_conflict


class Node:
    """A choice: who could go on, who was chosen, who is still to be tried."""

    __slots__ = ("can", "chosen", "clock", "done", "event", "preempted", "sites", "sleep", "todo")

    def __init__(self, can: tuple[int, ...], sites: tuple[int, ...]) -> None:
        self.can, self.sites = can, sites  # numbers of tasks, and where each of them stands
        self.chosen = -1
        self.todo: set[int] = set()  # to be tried here
        self.done: dict[int, tuple[Access, ...]] = {}  # tried: what each has touched
        self.sleep: dict[int, tuple[Access, ...]] = {}  # would only repeat: the same of these
        self.event: Event | None = None  # what came of the choice
        self.clock: dict[int, int] = {}  # per task: how many of its events come before, or are it
        self.preempted = 0  # preemptions up to and with this choice


class All:
    """Every schedule."""

    state: State | None = None  # schedules are told apart, not states

    def __init__(self) -> None:
        self.stack: list[Node] = []
        self.depth = 0
        self.stay = Stay()
        self.fifo = False  # whether the first one, in order, goes on by itself

    # ----------------------------------------------------------------- choosing

    def begin(self) -> None:
        """The next run is about to start."""
        self.depth, self.stay = 0, Stay()

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None:
        self.fifo = run.fifo
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
            node.sleep = self._asleep(before)
        free = [number for number in can if number not in node.sleep]
        if free:
            time = {run.time.task.number} if run.time is not None else set()
            tasks = [number for number in free if number not in time] or free
            stays = self.stay.first(tasks, last.number if last is not None else -1)
            node.chosen = tasks[0] if self.fifo else stays
            node.todo = self._todo(node.chosen, free) | time.intersection(free)
            self._chosen(node, before)
            self.stack.append(node)
        return node

    def _asleep(self, before: Node) -> dict[int, tuple[Access, ...]]:
        """Those whose turn after `before` would only repeat what was tried: here nobody's."""
        return {}

    def _todo(self, chosen: int, free: list[int]) -> set[int]:
        """Those to be tried at a new choice."""
        return set(free)

    def _chosen(self, node: Node, before: Node | None) -> None:
        """Somebody was chosen at `node`."""

    def _may(self, node: Node, before: Node | None, number: int) -> bool:
        """Whether a task may be chosen there at all."""
        return True

    # ------------------------------------------------------------- the next one

    def next(self, run: Run) -> bool:
        """Look at the run that is over; prepare for the next one; False: there is none."""
        for node, event in zip(self.stack, run.events, strict=False):
            node.event = event
        self._look_at(run)
        for number, starved in run.round.starved.items():
            self.stack[number].todo |= starved
        while self.stack:
            node = self.stack[-1]
            before = self.stack[-2] if len(self.stack) > 1 else None
            if node.event is not None:
                node.done[node.chosen] = node.event.accesses
            left = sorted(node.todo - node.done.keys() - node.sleep.keys())
            left = [number for number in left if self._may(node, before, number)]
            if left:
                node.chosen, node.clock = left[0], {}
                self._chosen(node, before)
                return True
            self.stack.pop()
        return False

    def _look_at(self, run: Run) -> None:
        """See what else is to be tried after what has happened."""


class Bounded(All):
    """Those with at most `bound` preemptions, but for those that fairness (`Stay`) adds."""

    def __init__(self, bound: int) -> None:
        super().__init__()
        self.bound = bound

    def _chosen(self, node: Node, before: Node | None) -> None:
        node.preempted = self._used(node, before, node.chosen)

    def _may(self, node: Node, before: Node | None, number: int) -> bool:
        return self._used(node, before, number) <= self.bound

    def _used(self, node: Node, before: Node | None, number: int) -> int:
        if self.fifo:
            return (before.preempted if before else 0) + (number != node.can[0])
        if before is None:
            return 0
        return before.preempted + (number != before.chosen and before.chosen in node.can)


class Sleep(All):
    """No class twice, except in runs that are given up as redundant."""

    def _asleep(self, before: Node) -> dict[int, tuple[Access, ...]]:
        assert before.event is not None
        touched = before.event.accesses
        old = {**before.sleep, **before.done}
        return {n: a for n, a in old.items() if n != before.chosen and not may_conflict(a, touched)}


class Reduced(Sleep):
    """One of every class: only who races is tried in another order."""

    def _todo(self, chosen: int, free: list[int]) -> set[int]:
        return {chosen}

    def _look_at(self, run: Run) -> None:
        if run.why != "endless":  # there the search is not complete
            Races(self.stack, run).find()


class Stay:
    """Nobody is interrupted, unless it has been running for long while others could."""

    def __init__(self) -> None:
        self.row = 0

    def first(self, free: Sequence[int], last: int) -> int:
        stay = last in free
        self.row = self.row + 1 if stay else 0
        if stay and (self.row <= FAIR or len(free) == 1):
            return last
        self.row = 0
        return next((number for number in free if number > last), free[0])


class Second(NamedTuple):
    """A step that has an earlier one it may race with; `number` is its place among the events."""

    number: int
    task: int
    op: Op
    accesses: tuple[Access, ...]
    known: dict[int, int]  # clock of what comes before it, whatever it touches
    others: list[int]  # earlier events that it conflicts with, latest first


class Races:
    """Pairs of steps of the last run that could have come the other way round.

    Two conflicting steps of different tasks race where nothing but this conflict
    puts the first before the second: no third step, no start or join. `find`
    goes through the events in order, gives each its vector clock, and has the
    second of each race tried before the first. Of two tasks that do `n += 1`:

        0  A reads n
        1  A writes n
        2  B reads n     conflicts with 1: a race, so B is to be tried at node 1
        3  B writes n    conflicts with 1 and 0: no race, as both come before 2, and 2 before 3
    """

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
            if not node.clock:  # else it has been looked at after an earlier run
                second = self._second(number, event.task, event.op, event.accesses, event.preds)
                node.clock = self._clock(second)
                self._reverse(second)
            mine.append(number)
            self.count.append(len(mine))
            for thing in {access[0] for access in event.accesses}:
                self.by_thing.setdefault(thing, []).append(number)
        for task in self.run.left.waiting:  # in a run that is redundant, too
            op = task.pending
            if op is not None and not op.eager:
                end = len(self.events)
                self._reverse(self._second(end, task.number, op, op.accesses, task.preds))

    def _second(
        self, number: int, task: int, op: Op, accesses: tuple[Access, ...], preds: tuple[int, ...]
    ) -> Second:
        mine = self.by_task.get(task)
        known = dict(self.stack[mine[-1]].clock) if mine else {}
        for event in preds:
            _join(known, self.stack[event].clock)
        return Second(number, task, op, accesses, known, self._conflicting(accesses))

    def _clock(self, second: Second) -> dict[int, int]:
        """What comes before its event, or is it, now that it has been made."""
        clock = dict(second.known)
        for other in second.others:
            if self.count[other] > clock.get(self.events[other].task, 0):
                _join(clock, self.stack[other].clock)
        clock[second.task] = len(self.by_task[second.task]) + 1
        return clock

    def _conflicting(self, accesses: tuple[Access, ...]) -> list[int]:
        """The earlier events that touch the same, one of the two writing; latest first."""
        found = set()
        for access in accesses:
            for number in self.by_thing.get(access[0], ()):
                if number not in found and conflict(self.events[number].accesses, (access,)):
                    found.add(number)
        return sorted(found, reverse=True)

    def _reverse(self, second: Second) -> None:
        """Have it tried before each earlier step, `other`, that it races with.

        If it had to wait at `other`, and only `other` can have let it go on, there is no other
        order of the two. A step that may have to wait can race further back as well: not with
        the release of a lock, but with its acquire. So an `other` covers what comes before it
        only where this one could really have come first.
        """
        op = second.op
        covered: list[int] = []  # what comes before one of these is no race of its own
        racing: list[int] = []  # those so far
        for other in second.others:
            its = self.events[other].task
            if its == second.task or self.count[other] <= second.known.get(its, 0):
                continue
            if any(self._event_is_before(other, each) for each in covered):
                continue
            racing.append(other)
            stood = other >= op.since
            waited = op.ready is not None and stood and second.task not in self.stack[other].can
            if waited and all(self._event_is_before(other, each) for each in racing[:-1]):
                continue  # nothing else can have ended its waiting: no other order of these two
            self._try_before(other, second)
            if op.ready is None or (stood and not waited):
                covered.append(other)

    def _event_is_before(self, first: int, second: int) -> bool:
        task = self.events[first].task
        return self.stack[second].clock.get(task, 0) >= self.count[first]

    def _try_before(self, other: int, second: Second) -> None:
        """At `other`, let somebody go on who leads to `second`: itself, or whom it waits for.

        What comes after `other` because of it cannot come sooner. Of the rest, up to
        `second`, one that nothing else of the rest comes before is enough: a source set.
        """
        node, task = self.stack[other], second.task
        between = [
            n for n in range(other + 1, second.number) if not self._event_is_before(other, n)
        ]
        first: set[int] = set()
        seen: set[int] = set()
        for place, n in enumerate(between):
            its = self.events[n].task
            if its not in seen and not any(self._event_is_before(m, n) for m in between[:place]):
                first.add(its)
            seen.add(its)
        if task not in seen and not any(self._must_precede(n, second) for n in between):
            first.add(task)
        first &= set(node.can)
        if second.op.kind == "time" and not first:
            node.todo |= set(node.can)  # it passes after any look at the clock: at another, maybe
        if first and not first & (node.todo | node.done.keys() | node.sleep.keys()):
            node.todo.add(task if task in first else min(first))

    def _must_precede(self, number: int, second: Second) -> bool:
        """The same for `second`, which has no clock yet."""
        event = self.events[number]
        known = self.count[number] <= second.known.get(event.task, 0)
        return known or conflict(event.accesses, second.accesses)


def _join(clock: dict[int, int], other: dict[int, int]) -> None:
    for task, count in other.items():
        if count > clock.get(task, 0):
            clock[task] = count


def raise_diverged(run: Run, can: Sequence[Task]) -> None:
    at = ", ".join(f"{t.letter} at line {t.pending.site.line}" for t in can if t.pending)
    raise Diverged(
        f"the program did something else when it was run again (after {len(run.events)} steps: "
        f"{at})"
    )
