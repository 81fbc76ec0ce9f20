"""The search tries every class of schedules once: closed forms, two other searches as judges."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from math import factorial
from threading import Thread

import pytest
import random_programs
from hypothesis import given, settings
from hypothesis import strategies as st
from programs_told import PROGRAMS, together
from tries import Tries, tries

from helpers.interleave import explore

MOST = 3_000  # runs of one search over one program
FEW = 120  # where there are many programs
MODELS = ("op", "line", "cpython")


def increments(threads: int, times: int) -> Callable[[], None]:
    """`threads` threads, each adding 1 `times` times."""

    def program() -> None:
        total = 0

        def work() -> None:
            nonlocal total
            for _ in range(times):
                total += 1

        together(*[work] * threads)
        assert total == threads * times, "lost"

    return program


def schedules(threads: int, times: int) -> int:
    """In how many orders `threads` threads can make 2 × `times` steps each."""
    return factorial(2 * times * threads) // factorial(2 * times) ** threads


@pytest.mark.parametrize(
    ("threads", "times", "lose"), [(2, 1, 4), (2, 2, 64), (3, 1, 84)]
)  # (3, 2), 34 650 schedules: see test_synchronization
def test_every_schedule_is_counted(threads: int, times: int, lose: int) -> None:
    report = explore(increments(threads, times), every=True, budget=40_000)
    every = schedules(threads, times)
    assert report.counts == {"ok": every - lose, "lost": lose}
    assert report.tried == every
    assert report.complete


@pytest.mark.parametrize(
    ("threads", "times", "classes"), [(2, 1, 4), (2, 2, 34), (3, 1, 36), (3, 2, 7134)]
)
def test_one_schedule_of_each_class_is_tried(threads: int, times: int, classes: int) -> None:
    report = explore(increments(threads, times))
    assert report.tried == classes
    assert report.complete
    assert report.verdict == "race"


@pytest.mark.parametrize(
    ("bound", "numbers"), [(0, (2, 2, 6, 6)), (1, (4, 8, 24, 60)), (2, (6, 26, 60, 402))]
)
def test_schedules_with_few_preemptions(bound: int, numbers: tuple[int, ...]) -> None:
    programs = [increments(*size) for size in ((2, 1), (2, 2), (3, 1), (3, 2))]
    assert tuple(tries(program, "bounded", bound).runs for program in programs) == numbers


class Counter:
    total = 0

    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        self.value += 1


TOTAL = 0


def add_to_global() -> None:
    global TOTAL
    TOTAL += 1


def through_a_method() -> int:
    counter = Counter()
    together(counter.add, counter.add)
    return counter.value


def through_an_attribute() -> int:
    counter = Counter()

    def work() -> None:
        counter.value += 1

    together(work, work)
    return counter.value


def through_a_class() -> int:
    Counter.total = 0

    def work() -> None:
        Counter.total += 1

    together(work, work)
    return Counter.total


def through_a_global() -> int:
    global TOTAL
    TOTAL = 0
    together(add_to_global, add_to_global)
    return TOTAL


def through_a_dict() -> int:
    counts = {"all": 0}

    def work() -> None:
        counts["all"] += 1

    together(work, work)
    return counts["all"]


def through_a_list() -> int:
    counts = [0]

    def work() -> None:
        counts[0] += 1

    together(work, work)
    return counts[0]


def through_getattr() -> int:
    counter = Counter()

    def work() -> None:
        setattr(counter, "value", getattr(counter, "value") + 1)  # noqa: B009, B010

    together(work, work)
    return counter.value


class Adder(Thread):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    def run(self) -> None:
        self.counter.value += 1


def through_a_thread_of_ones_own() -> int:
    counter = Counter()
    adders = [Adder(counter) for _ in range(2)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    return counter.value


@pytest.mark.parametrize(
    "program",
    [
        through_a_method, through_an_attribute, through_a_class, through_a_global, through_a_dict,
        through_a_list, through_getattr, through_a_thread_of_ones_own,
    ],
)  # fmt: skip
def test_the_numbers_are_the_same_however_data_are_shared(program: Callable[[], int]) -> None:
    assert tries(program, "all").outcomes == {"ok: returns 1": 4, "ok: returns 2": 2}
    assert tries(program, "reduced").outcomes == {"ok: returns 1": 2, "ok: returns 2": 2}
    assert [tries(program, "bounded", bound).runs for bound in range(3)] == [2, 4, 6]


def test_what_is_not_shared_is_no_choice() -> None:
    def program() -> None:
        def work() -> None:
            mine = [0]
            for number in range(5):
                mine[0] += number

        together(work, work)

    assert tries(program, "all").runs == 1


# ------------------------------------------------------------------ the judges


def disagreement(program: Callable[[], object], atomic: str = "op", most: int = MOST) -> str:
    """What the reduced search says that the others do not; "" where they agree."""
    reduced = tries(program, "reduced", atomic=atomic, most=most)
    asleep = tries(program, "sleep", atomic=atomic, most=most)
    every = tries(program, "all", atomic=atomic, most=most)
    if reduced.complete and asleep.complete and reduced.outcomes != asleep.outcomes:
        return f"reduced {reduced.outcomes}, sleep sets {asleep.outcomes}"
    if asleep.complete and not reduced.complete:
        return f"reduced is not complete after {most} runs, sleep sets are after {asleep.runs}"
    return "" if agrees(reduced, every) else f"reduced {reduced.outcomes}, all {every.outcomes}"


def agrees(reduced: Tries, every: Tries) -> bool:
    if not reduced.complete:
        return True
    one, other = set(every.outcomes), set(reduced.outcomes)
    return one == other if every.complete else one <= other


@pytest.mark.parametrize("atomic", MODELS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_fixed_programs(program: Callable[[], object], atomic: str) -> None:
    assert disagreement(program, atomic) == ""


DEEDS = st.lists(st.sampled_from(random_programs.DEEDS), min_size=1, max_size=4)
THREADS = st.lists(DEEDS, min_size=2, max_size=3)
MAIN = st.lists(st.sampled_from(random_programs.DEEDS), max_size=1)


@settings(
    max_examples=100 if "EXAMPLES" not in os.environ else 1000, derandomize=True, database=None
)
@given(THREADS.filter(lambda threads: sum(map(len, threads)) <= 6), MAIN)
def test_random_programs(threads: list[list[str]], main: list[str]) -> None:
    text = random_programs.source(threads, main)
    assert disagreement(random_programs.program(text), most=FEW) == "", text


@pytest.mark.parametrize("atomic", ["line", "cpython"])
def test_random_programs_in_other_models(atomic: str) -> None:
    for seed in random.Random(atomic).sample(range(10**6), 20):
        text = random_programs.by_seed(seed)
        assert disagreement(random_programs.program(text), atomic, FEW) == "", text
