"""How many items a queue held, and when.

A `Depth` is what a queue noted of itself: the time of every put and of every
get, in the order in which they happened. `queues` writes it, `layout` draws it
below the lanes of its timeline.

>>> depth = Depth(2, [(0, 1), (10, 1), (30, -1)])
>>> depth.most, depth.average(0, 40)
(2, 1.5)
"""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import NamedTuple


class Depth(NamedTuple):
    """All times in nanoseconds of `perf_counter_ns`; before the first change it was empty."""

    size: int  # the most that it may hold; 0: no limit
    changes: list[tuple[int, int]]  # when, and +1 for a put or -1 for a get

    @property
    def steps(self) -> list[tuple[int, int]]:
        """When the depth changed, and what it was from then on."""
        changes = list(self.changes)  # others may still be adding to it
        depths = accumulate(change for _, change in changes)
        return [(when, depth) for (when, _), depth in zip(changes, depths, strict=True)]

    @property
    def most(self) -> int:
        """The most items that it held at once."""
        return max((depth for _, depth in self.steps), default=0)

    def average(self, start: int, stop: int) -> float:
        """How many items it held between two moments, on average over that time."""
        return self.columns(start, stop, 1)[0] if stop > start else 0.0

    def columns(self, start: int, stop: int, count: int) -> list[float]:
        """The same for each of `count` equal parts of that time."""
        wide = (stop - start) / count
        averages = [0.0] * count
        for (begin, depth), (end, _) in pairwise([*self.steps, (stop, 0)]):
            left, right = (min(max(t - start, 0) / wide, count) for t in (begin, end))
            for i in range(int(left), math.ceil(right)):
                averages[i] += depth * (min(right, i + 1) - max(left, i))
        return averages

    def share(self, depth: int, start: int, stop: int) -> float:
        """For which part of that time, 0 to 1, it held exactly so many items."""
        lengths = [
            min(end, stop) - max(begin, start)
            for (begin, found), (end, _) in pairwise([(start, 0), *self.steps, (stop, 0)])
            if found == depth
        ]
        return sum(length for length in lengths if length > 0) / max(1, stop - start)

    def describe(self, start: int, stop: int) -> str:
        """One sentence: for people, screen readers and tests."""
        of = f" of {self.size}" if self.size else ""
        text = f"at most {self.most}{of} items, {self.average(start, stop):.1f} on average, "
        if self.size:
            text += f"full {self.share(self.size, start, stop):.0%} and "
        return text + f"empty {self.share(0, start, stop):.0%} of the time."
