"""Loops that do not end: turns of a `while` that change nothing wait until somebody else has."""

from __future__ import annotations

from typing import Any

from .step import Op, Site, Task


class Turns:
    """Of one task."""

    __slots__ = ("last", "reads", "writes")

    def __init__(self) -> None:
        self.writes = 0  # by the task, so far
        self.last: dict[int, tuple[int, dict[str, Any], int]] = {}  # of each `while`: as it began
        self.reads: list[tuple[int, int]] = []  # what, and how often others had written it


class Spin:
    """Of one run: nothing is kept before its first `while`."""

    def __init__(self) -> None:
        self.on = False
        self.wrote: dict[int, dict[int, int]] = {}  # by token: how often by each task
        self.turns: dict[int, Turns] = {}  # by task

    def of(self, task: Task) -> Turns:
        turns = self.turns.get(task.number)
        if turns is None:
            turns = self.turns[task.number] = Turns()
        return turns

    def note(self, task: Task, op: Op, write: bool) -> None:
        """A step is made."""
        turns = self.of(task)
        turns.writes += write
        for where, _, wrote in op.accesses:
            if turns.last:
                turns.reads.append((where, self._by_others(where, task)))
            if wrote:
                counts = self.wrote.setdefault(where, {})
                counts[task.number] = counts.get(task.number, 0) + 1

    def unwritten(self, task: Task, op: Op) -> None:
        """The step that was noted last has changed nothing."""
        self.of(task).writes -= 1
        for where, _, _ in op.accesses:
            self.wrote[where][task.number] -= 1

    def again(self, task: Task, site: Site, names: dict[str, Any]) -> Op | None:
        """A turn begins; where the last one has changed nothing, what it waits for."""
        self.on = True
        names = {name: each for name, each in names.items() if not name.startswith("_step_")}
        turns = self.of(task)
        writes, then, start = turns.last.get(site.number, (-1, {}, 0))
        op = None
        if writes == turns.writes and _same(then, names):
            looked = set(turns.reads[start:])

            def changed() -> bool:
                return any(self._by_others(where, task) != n for where, n in looked)

            if looked:
                op = Op(site, "spin", f"spin while {site.text}", None, (), changed, "spins", True)
        turns.last[site.number] = (turns.writes, names, len(turns.reads))
        return op

    def _by_others(self, where: int, me: Task) -> int:
        """How often other tasks have written it, so far."""
        return sum(n for number, n in self.wrote.get(where, {}).items() if number != me.number)


def _same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the local names mean what they meant."""
    if before.keys() != now.keys():
        return False
    plain = (int, str, float, bool, type(None))
    return all(
        now[name] is value or (type(value) in plain and now[name] == value)
        for name, value in before.items()
    )
