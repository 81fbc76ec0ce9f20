"""Time that passes between looks at the clock: one schedule of a class, no outcome left out.

EXAMPLES=300 holds more random programs to plain enumeration.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from math import comb

import pytest
import random_programs
from programs_told import together

from helpers.interleave import explore, pace

EXAMPLES = int(os.environ.get("EXAMPLES", "10"))
FRAME = random_programs.FRAME.replace("from queue", "import time\nfrom queue")
LOOKS = (
    "{mine}.append(time.monotonic())",
    "since = time.monotonic(); {mine}.append(time.monotonic() - since > 5)",
    "x = time.monotonic()",
    "if time.monotonic() > x: y += 1",
    "with a: x = time.monotonic()",
    "with a: {mine}.append(time.time() > x)",
    "both['a'] = time.time()",
)
OTHERS = (
    "x += 1",
    "{mine}.append(x)",
    "with a: x += 1",
    "flag.set()",
    "slots.acquire()",
    "{mine}.append(flag.wait(1))",
    "slots.release()",
    "box.put(x)",
    "with a: y = x",
)


def two_looks() -> None:
    time.monotonic()
    time.monotonic()


@pytest.mark.parametrize(("threads", "classes"), [(1, 2), (2, 26), (3, 818)])
def test_looks_at_the_clock_differ_by_how_time_passed_between_them(
    threads: int, classes: int
) -> None:
    """Time passes, or does not, between any two of them: some look is in each part."""
    report = explore(lambda: together(*[two_looks] * threads))
    assert (report.complete, report.tried) == (True, classes)
    parts = range(1, 2 * threads + 1)
    assert classes == sum(
        (-1) ** without * comb(part, without) * comb(part - without + 1, 2) ** threads
        for part in parts
        for without in range(part)
    )


def stamped() -> float:
    at: dict[str, float] = {}

    def stamp(name: str) -> None:
        at[name] = time.monotonic()

    together(lambda: stamp("a"), lambda: stamp("b"))
    return at["a"] - at["b"]


def test_either_of_two_may_look_first_though_time_passes_only_after_a_look() -> None:
    report = explore(stamped)
    signs = {-1.0, 0.0, 1.0}
    jump = 10**9
    assert set(report.counts) == {f"ok: returns {sign * jump}" for sign in signs}


def looks(times: int) -> Callable[[], None]:
    return lambda: together(lambda: [time.monotonic() for _ in range(times)])


def test_a_search_is_not_complete_where_time_could_pass_more_often_than_it_does() -> None:
    assert explore(looks(pace.TICKS + 1)).complete
    report = explore(looks(pace.TICKS + 2))
    assert not report.complete
    assert re.fullmatch(f"{pace.OFTEN}, as in line \\d+, is not known", report.left_out)


def drawn(seed: int) -> Callable[[], object]:
    chance = random.Random(seed)
    sizes = [chance.randint(1, 2) for _ in range(3 if chance.random() < 0.1 else 2)]
    deeds = [[chance.choice(LOOKS if chance.random() < 0.6 else OTHERS) for _ in range(size)]
             for size in sizes]  # fmt: skip
    main = [chance.choice(LOOKS)] if chance.random() < 0.2 else []
    return random_programs.program(random_programs.source(deeds, main))


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_no_outcome_is_left_out(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_programs, "FRAME", FRAME)
    program = drawn(seed)
    report, every = explore(program), explore(program, every=True, budget=1_000)
    assert set(every.counts) <= set(report.counts) or not report.complete
    assert set(every.counts) == set(report.counts) or not every.complete
