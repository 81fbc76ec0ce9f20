"""All the runs of one search over a program: what became of them, and how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from helpers.interleave import _Exploring
from helpers.interleave.search import Grown
from helpers.interleave.trace import outcome


class Tries(NamedTuple):
    outcomes: Counter[str]
    complete: bool
    redundant: int

    @property
    def runs(self) -> int:
        return sum(self.outcomes.values())


def tries(
    program: Callable[[], object],
    how: str,
    bound: int = 0,
    *,
    atomic: str = "op",
    most: int = 10**6,
) -> Tries:
    """Search until it is complete, or until there were `most` runs, redundant ones too."""
    with _Exploring(program, atomic) as explorer:
        while True:
            outcomes: Counter[str] = Counter()
            redundant = 0
            explorer.steps = 0
            try:
                for run in explorer.runs(how, bound):
                    if run.why == "redundant":
                        redundant += 1
                    else:
                        outcomes[outcome(run)[1]] += 1
                    if redundant + sum(outcomes.values()) >= most:
                        return Tries(outcomes, False, redundant)
            except Grown:
                continue
            return Tries(outcomes, explorer.complete, redundant)
