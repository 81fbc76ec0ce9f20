"""All tasks of a program on one thread: a second way to take turns, as a browser would need.

Each task has a stack of its own (a greenlet), and one thread switches from one
to the next. Nothing of the explorer knows: it asks `Workers`, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from typing import Any

from greenlet import getcurrent, greenlet

from helpers.interleave import Exploring, Report
from helpers.interleave.exploration import BUDGET
from helpers.interleave.step import Abort


class Stacks:
    """For tests: a step that blocks for real would block everything, so nobody watches for that."""

    ident = staticmethod(getcurrent)

    def __enter__(self) -> Stacks:
        self.hub = getcurrent()  # where a stack that is over comes back to
        return self

    def __exit__(self, *_: object) -> None:
        """A stack that is not over ends where nobody has it any more."""

    def worker(self, body: Callable[[], Any]) -> greenlet:
        return greenlet(body, self.hub)

    def frame(self, worker: greenlet) -> FrameType | None:
        return worker.gr_frame

    def switch(self, me: greenlet, to: greenlet) -> None:
        to.switch()

    def drive(self, first: greenlet, progress: Callable[[], int]) -> None:
        after: Any = first
        while after is not None:
            after = after.switch()

    def lose(self, live: Iterable[greenlet], current: greenlet) -> None:
        for worker in live:
            with suppress(Abort):
                worker.throw(Abort)


def explore_on_stacks(
    program: Callable[[], object],
    *,
    atomic: str = "op",
    every: bool = False,
    budget: int = BUDGET,
) -> Report:
    """`explore`, with no thread but the one that calls."""
    with Exploring(program, atomic, Stacks()) as exploring:
        return exploring.report(every, budget)
