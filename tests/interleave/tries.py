"""All the runs of one search over a program: what became of them, and how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from helpers.interleave import Exploring
from helpers.interleave.exploration import Grown
from helpers.interleave.record import outcome
from helpers.interleave.search import All, Bounded, Reduced, Sleep


class Tries(NamedTuple):
    outcomes: Counter[str]
    complete: bool
    redundant: int

    @property
    def runs(self) -> int:
        return sum(self.outcomes.values())


def strategy(how: str, bound: int, atomic: str) -> All:
    if how == "bounded":
        return Bounded(bound)
    if how == "reduced" and atomic == "op":
        return Reduced()
    return All() if how == "all" else Sleep()


def tries(
    program: Callable[[], object],
    how: str,
    bound: int = 0,
    *,
    atomic: str = "op",
    most: int = 10**6,
) -> Tries:
    """Search until it is complete, or until there were `most` runs, redundant ones too."""
    with Exploring(program, atomic) as explorer:
        while True:
            outcomes: Counter[str] = Counter()
            redundant = 0
            explorer.steps = 0
            try:
                for run in explorer.runs(strategy(how, bound, atomic)):
                    if run.why in ("redundant", "unfair"):
                        redundant += 1
                    else:
                        outcomes[outcome(run)[1]] += 1
                    if redundant + sum(outcomes.values()) >= most:
                        return Tries(outcomes, False, redundant)
            except Grown:
                continue
            return Tries(outcomes, not explorer.left_out, redundant)
