"""The seam: on one thread that switches stacks, the explorer says the same, to the byte."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from math import factorial

import pytest
import reports
from programs_told import PROGRAMS, together

from helpers.interleave import Exploring, Schedule
from helpers.interleave.exploration import BUDGET
from stacks import Stacks, explore_on_stacks


def replay_on_stacks(program: Callable[[], object], word: str) -> Schedule:
    with Exploring(program, "op", Stacks()) as exploring:
        exploring.report(every=False, budget=BUDGET)
        return exploring.follow(word)


@pytest.fixture(autouse=True)
def no_thread_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise AssertionError("a real thread was started")

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_words_are_the_same(
    program: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "explore", explore_on_stacks)
    monkeypatch.setattr(reports, "replay", replay_on_stacks)
    assert reports.page(program) == reports.stored()[program.__name__]


def increments(threads: int, times: int) -> Callable[[], None]:
    def program() -> None:
        total = 0

        def work() -> None:
            nonlocal total
            for _ in range(times):
                total += 1

        together(*[work] * threads)
        assert total == threads * times, "lost"

    return program


@pytest.mark.parametrize(("threads", "times", "classes"), [(2, 1, 4), (2, 2, 34), (3, 1, 36)])
def test_one_schedule_of_each_class_is_tried(threads: int, times: int, classes: int) -> None:
    report = explore_on_stacks(increments(threads, times))
    assert (report.tried, report.complete, report.verdict) == (classes, True, "race")


@pytest.mark.parametrize(("threads", "times"), [(2, 1), (2, 2), (3, 1)])
def test_every_schedule_is_counted(threads: int, times: int) -> None:
    report = explore_on_stacks(increments(threads, times), every=True)
    steps = 2 * times
    assert report.tried == factorial(steps * threads) // factorial(steps) ** threads
    assert report.complete


def test_a_run_that_is_given_up_leaves_nothing_behind() -> None:
    """What was about to be done in a deadlock is not done; a finally is passed through."""
    passed = array("i")  # which nobody puts back

    def program() -> None:
        one, other = threading.Lock(), threading.Lock()

        def work(first: threading.Lock, then: threading.Lock) -> None:
            with first:
                try:
                    with then:
                        pass
                finally:
                    passed.append(1)

        together(lambda: work(one, other), lambda: work(other, one))

    assert explore_on_stacks(program).verdict == "deadlock"
    del passed[:]
    assert replay_on_stacks(program, "AB").verdict == "deadlock"
    assert passed
