"""Every state of a program, where it has fewer states than classes of schedules.

Who polls looks again and again, and each look can come before or after what others
do: there are many classes of schedules, while the program is in few states. `Graph`
has everybody who can go on go on from each state once. A run goes where nobody has
gone so far, through states that are known if need be; it ends where all are known.

A livelock is a part of this graph that a run need not leave although everybody in
it who can go on gets a turn (of whom each is in it again and again).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from .run import Run
from .search import Stay
from .states import State
from .step import STOPS, Op, Task

FAR = 1_000  # letters of a run after which it goes to no known state any more
NEAR = 200  # states among which the nearest is looked for that leads to new ones
END = -1  # where a run is over

Edges = dict[int, int]  # to which state each task leads


def _has_stopped(op: Op) -> bool:
    """Whether it was the end of a wait whose lock is still to be taken."""
    return op.what == STOPS and op.ready is not None


class Unlike(Exception):
    """A state was left in two ways by the same task: it was not one state."""


class Many(Exception):
    """So many schedules of a program that looks again and again: its states are fewer."""


class Vertex:
    """A state: who can go on there, and where that leads."""

    __slots__ = ("can", "parent", "to")

    def __init__(self, can: tuple[int, ...], parent: tuple[int, int] | None) -> None:
        self.can, self.parent = can, parent  # from which state it was found, by whose step
        self.to: Edges = {}

    def new(self) -> list[int]:
        return [number for number in self.can if number not in self.to]


class Graph:
    """One of every step from every state."""

    def __init__(self) -> None:
        self.names: dict[object, int] = {}
        self.vertices: dict[int, Vertex] = {}
        self.open: list[int] = []  # states that somebody has not left so far, some more than once
        self.state: State | None = None
        self.stay = Stay()
        self.rows = 0  # how often one task had made a long row of steps, all to new states
        self.before: tuple[int, int] | None = None  # the last state, and who went on there
        self.goal: int | None = None  # which state that is
        self.way: deque[int] = deque()  # who goes on next, up to a state that is known

    def begin(self) -> None:
        self.state, self.before, self.stay = State(self.names), None, Stay()

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None:
        if self.way:  # to where it is known
            task = run.tasks[self.way.popleft()]
            if task not in can:
                raise Unlike
            return task
        if last is not None and last in can and _has_stopped(run.events[-1].op):
            can = [last]  # nobody can tell when the time-out was over: it goes on at once
        key = run.key(can)
        vertex = self.vertices.get(key)
        if vertex is None:
            vertex = self.vertices[key] = Vertex(tuple([t.number for t in can]), self.before)
            self.open.append(key)
        self._arrive(key)
        number = self._next(run, key, last)
        self.before = None if number is None or self.goal is not None else (key, number)
        return None if number is None else run.tasks[number]

    def _arrive(self, key: int) -> None:
        if self.goal not in (None, key):
            raise Unlike
        self.goal = None
        if self.before is not None:
            state, number = self.before
            if self.vertices[state].to.setdefault(number, key) != key:
                raise Unlike

    def _next(self, run: Run, key: int, last: Task | None) -> int | None:
        new = self.vertices[key].new()
        if new:
            late = run.time.task.number if run.time is not None else -1
            stay = self.stay.first(new, last.number if last is not None else -1)
            self.rows += last is not None and last.number in new and stay != last.number
            return min(new, key=lambda n: (n == late, n != stay, n < stay, n))
        way = self._way(key) if len(run.events) < FAR else []
        if not way:
            return None
        self.goal = self._end(key, way)
        self.way.extend(way[1:])
        return way[0]

    def _way(self, start: int) -> list[int]:
        """Whose steps lead to the nearest state that somebody has not left so far."""
        ways: dict[int, list[int]] = {start: []}
        waiting = deque([start])
        while waiting and len(ways) < NEAR:
            key = waiting.popleft()
            for number, to in self.vertices[key].to.items():
                if to in ways or to == END:
                    continue
                ways[to] = [*ways[key], number]
                if self.vertices[to].new():
                    return ways[to]
                waiting.append(to)
        return []

    def next(self, run: Run) -> bool:
        """Whether there is a state left to start from; the way to it is planned."""
        if self.before is not None or self.goal is not None:
            self._arrive(END)
        while self.open and not self.vertices[self.open[-1]].new():
            self.open.pop()
        self.goal = self.open[-1] if self.open else None
        self.way = deque(self.path(self.open[-1]) if self.open else ())
        return bool(self.open)

    def path(self, key: int) -> list[int]:
        """Whose steps lead from the beginning to a state."""
        found: list[int] = []
        while (parent := self.vertices[key].parent) is not None:
            key, number = parent
            found.append(number)
        return found[::-1]

    # ---------------------------------------------------------------- livelocks

    def for_ever(self, run: Run) -> str:
        """A schedule that leads into a livelock and twice around it; "" where there is none."""
        return "".join([run.tasks[number].letter for number in self.livelock()])

    def livelock(self) -> list[int]:
        """Whose steps lead into a livelock and twice around it; none, where there is none."""
        parts = deque([set(self.vertices)])
        while parts:
            for part in self._connected(parts.popleft()):
                moved = {n for key in part for n, to in self.vertices[key].to.items() if to in part}
                if not moved:
                    continue
                starving = {key for key in part if not moved.issuperset(self.vertices[key].can)}
                if not starving:
                    return self._around(part)
                parts.append(part - starving)
        return []

    def _around(self, part: set[int]) -> list[int]:
        """To a part, then along all its steps, and back."""
        start = at = min(part)
        word: list[int] = []
        left = {(k, n) for k in part for n, to in self.vertices[k].to.items() if to in part}
        while left:
            way = self._inside(part, at, {key for key, _ in left})
            at = self._end(at, way)
            number = min(n for key, n in left if key == at)
            left.discard((at, number))
            word += [*way, number]
            at = self.vertices[at].to[number]
        return self.path(start) + (word + self._inside(part, at, {start})) * 2

    def _end(self, at: int, way: list[int]) -> int:
        for number in way:
            at = self.vertices[at].to[number]
        return at

    def _inside(self, part: set[int], start: int, goals: set[int]) -> list[int]:
        ways: dict[int, list[int]] = {start: []}
        waiting = deque([start])
        while waiting:
            key = waiting.popleft()
            if key in goals:
                return ways[key]
            for number, to in sorted(self.vertices[key].to.items()):
                if to in part and to not in ways:
                    ways[to] = [*ways[key], number]
                    waiting.append(to)
        return []

    def _connected(self, part: set[int]) -> Iterator[set[int]]:
        """The parts in which each state leads to each other one (Tarjan, 1972)."""
        order: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        inside: set[int] = set()
        for root in sorted(part):
            if root in order:
                continue
            work = [(root, iter(self._from(root, part)))]
            order[root] = low[root] = len(order)
            stack.append(root)
            inside.add(root)
            while work:
                key, edges = work[-1]
                to = next(edges, None)
                if to is None:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[key])
                    if low[key] == order[key]:
                        found = set()
                        while key not in found:
                            found.add(stack.pop())
                        inside -= found
                        yield found
                elif to not in order:
                    order[to] = low[to] = len(order)
                    stack.append(to)
                    inside.add(to)
                    work.append((to, iter(self._from(to, part))))
                elif to in inside:
                    low[key] = min(low[key], order[to])

    def _from(self, key: int, part: set[int]) -> list[int]:
        return [to for to in self.vertices[key].to.values() if to in part]
