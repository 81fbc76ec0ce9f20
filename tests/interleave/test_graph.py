"""The states of a program say what its schedules say, whichever search is asked, and for how long.

EXAMPLES=2000 judges all cases so, and more loops.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import test_loops
from cases import programs

from helpers.interleave import Exploring, Refused, exploration, explore
from helpers.interleave.exploration import Grown
from helpers.interleave.graph import Graph, Unlike
from helpers.interleave.record import outcome

LONG = "EXAMPLES" in os.environ
PROGRAMS = programs() if LONG else programs("endings")
SEEDS = range(300 if LONG else 12)
MOST = 2_000  # runs


def graph_of(program: Callable[[], object]) -> tuple[Graph, set[str], bool]:
    """All states of a program, how runs end, and whether that is all of it."""
    with Exploring(program, "op") as explorer:
        while True:
            graph, ends, explorer.steps, runs = Graph(), set[str](), 0, 0
            try:
                for run in explorer.runs(graph):
                    runs += 1
                    if run.why != "redundant":
                        ends.add(outcome(run)[1])
                    if runs == MOST:
                        return graph, ends, False
            except Grown:
                continue
            return (
                graph,
                ends | ({"livelock"} if graph.livelock() else set()),
                not explorer.left_out,
            )


@pytest.mark.parametrize("seed", SEEDS)
def test_states_lead_to_the_ends_that_schedules_lead_to(seed: int) -> None:
    program = test_loops.program(test_loops.drawn(seed), False)
    report = explore(program)
    try:
        _, ends, complete = graph_of(program)
    except Unlike:  # seen, and the states are not used
        return
    assert not (complete and report.complete) or ends == set(report.counts)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_verdict_does_not_hang_on_the_search(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first schedule on by states; and after a budget that is soon used up."""
    program: Any = PROGRAMS[name]
    want = name.split(".")[1].split("_")[0]
    if want == "refused":
        with pytest.raises(Refused):
            explore(program)
        return
    short = explore(program, budget=2)
    assert short.verdict == want or not short.complete
    monkeypatch.setattr(exploration, "MANY", 1)
    report = explore(program)
    assert report.verdict == want, f"{report.counts}\n{report}"
    assert want != "ok" or report.complete


def test_three_that_poll_are_in_few_states() -> None:
    report = explore(programs("corners")["corners.ok_three_that_poll_in_turn"])
    assert report.ok
    assert 0 < report.states < 200
    assert f"It can be in {report.states} states" in str(report)
