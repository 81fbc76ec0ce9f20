"""Queues that note how full they are, and pipelines that lose nothing and always end."""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections import Counter
from itertools import pairwise
from multiprocessing.synchronize import SemLock
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import draw, work
from helpers.deadline import deadline
from helpers.exercises import find
from helpers.interleave import explore
from helpers.lesson import verdict
from helpers.queues import Belt, Closed, Stage, pipeline
from helpers.run import RunError, Stopped, controlled
from helpers.timeline import Timeline
from helpers.timeline.layout import Page
from helpers.timeline.queue_length import Depth
from helpers.timeline.shapes import Area

# -------------------------------------------------------------------- depth

times = st.integers(0, 1000)


@st.composite
def depths(draw_one: Any) -> Depth:
    """Some puts, and for some of them a get that comes later."""
    changes: list[tuple[int, int]] = []
    for put in draw_one(st.lists(times, max_size=12)):
        changes.append((put, 1))
        if draw_one(st.booleans()):
            changes.append((put + draw_one(times), -1))
    return Depth(0, sorted(changes, key=lambda change: (change[0], -change[1])))


def depth_at(depth: Depth, when: int) -> int:
    return sum(change for at, change in depth.changes if at <= when)


@given(depths(), times, st.integers(1, 60), st.integers(1, 9))
def test_the_columns_are_the_average_depth_of_their_part(
    depth: Depth, start: int, wide: int, count: int
) -> None:
    columns = depth.columns(start, start + wide * count, count)
    each = [[depth_at(depth, start + i * wide + j) for j in range(wide)] for i in range(count)]
    assert columns == pytest.approx([sum(one) / wide for one in each])


@given(depths(), times, st.integers(1, 500), st.integers(0, 3))
def test_the_share_of_a_depth_is_the_time_it_lasted(
    depth: Depth, start: int, length: int, wanted: int
) -> None:
    found = [depth_at(depth, start + i) == wanted for i in range(length)]
    assert depth.share(wanted, start, start + length) == pytest.approx(sum(found) / length)


def test_it_says_in_words_how_full_it_was() -> None:
    bounded = Depth(2, [(0, 1), (10, 1), (30, -1), (35, -1)])
    words = "at most 2 of 2 items, 1.4 on average, full 50% and empty 12% of the time."
    assert bounded.describe(0, 40) == words
    assert Depth(0, []).describe(0, 1) == "at most 0 items, 0.0 on average, empty 100% of the time."


# --------------------------------------------------------------------- belts


def steps(belt: Belt) -> list[int]:
    return [depth for _, depth in belt.depth.steps]


def test_a_belt_keeps_the_order_and_notes_every_change() -> None:
    belt = Belt(Timeline(), 3)
    belt.put("a")
    belt.put("b")
    assert [belt.get(), belt.get()] == ["a", "b"]
    assert steps(belt) == [1, 2, 1, 0]


def test_whoever_waits_is_seen_waiting_and_nobody_else() -> None:
    timeline = Timeline()
    belt = Belt(timeline, 1)
    belt.put("a")
    assert timeline.spans == []
    late = threading.Thread(target=belt.put, args=("b",), name="late")
    late.start()
    with deadline(10):
        while not vars(belt.not_full)["_waiters"]:
            time.sleep(0.001)
    assert belt.get() == "a"
    late.join()
    assert belt.get() == "b"
    (span,) = timeline.spans
    assert (span.name, span.lane) == ("waits in put", "late")


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("repeat", range(5))
def test_of_many_threads_nothing_is_lost_and_the_depth_is_never_out_of_bounds(
    size: int, repeat: int
) -> None:
    belt, taken = Belt(Timeline(), size), list[int]()

    def put(number: int) -> None:
        for i in range(200):
            belt.put(1000 * number + i)

    def take() -> None:
        while True:
            try:
                taken.append(belt.get())
            except Closed:
                return

    givers = [threading.Thread(target=put, args=(n,)) for n in range(3)]
    takers = [threading.Thread(target=take) for _ in range(3)]
    with deadline(30):
        for thread in givers + takers:
            thread.start()
        for thread in givers:
            thread.join()
        belt.close()
        for thread in takers:
            thread.join()
    assert Counter(taken) == Counter(1000 * n + i for n in range(3) for i in range(200))
    depths = steps(belt)
    assert min(depths) == depths[-1] == 0
    assert not size or max(depths) <= size
    moments = [when for when, _ in belt.depth.changes]
    assert all(one <= next_one for one, next_one in pairwise(moments))


def test_a_closed_belt_gives_what_is_in_it_and_takes_nothing() -> None:
    belt = Belt(Timeline())
    belt.put("a")
    belt.close()
    assert belt.get() == "a"
    with pytest.raises(Closed):
        belt.get()
    with pytest.raises(Closed):
        belt.put("b")


@pytest.mark.parametrize("full", [True, False])
def test_closing_wakes_whoever_waits(full: bool) -> None:
    belt, ended = Belt(Timeline(), 1), list[str]()
    if full:
        belt.put("a")

    def wait() -> None:
        try:
            belt.put("b") if full else belt.get()
        except Closed:
            ended.append("closed")

    threads = [threading.Thread(target=wait) for _ in range(3)]
    with deadline(10):
        for thread in threads:
            thread.start()
        belt.close()
        for thread in threads:
            thread.join()
    assert ended == ["closed"] * 3


# ----------------------------------------------------------------- pipelines


def double(x: int) -> int:
    return 2 * x


def text(x: int) -> str:
    return f"<{x}>"


@given(
    st.lists(st.integers(), max_size=20),
    st.integers(0, 3),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
)
def test_results_stand_in_order_whatever_the_workers(
    items: list[int], size: int, workers: list[int]
) -> None:
    stages = [Stage(f"stage {i}", double, n) for i, n in enumerate(workers)]
    done = pipeline(items, *stages, size=size)
    assert done.results == [x * 2 ** len(workers) for x in items]
    for depth in done.depths.values():
        assert not size or depth.most <= size


def test_each_stage_and_each_queue_has_its_lane_and_its_name() -> None:
    gate = threading.Barrier(2)

    def meet(x: int) -> int:
        gate.wait(20)
        return x

    stages = Stage("one", meet, 2), Stage("two", text), Stage("3", id)
    done = pipeline(range(2), *stages, size=1)
    assert {"one 1", "one 2", "two 1", "3 1"} == set(done.lanes())
    assert list(done.depths) == ["1: one → two", "2: two → 3"]
    assert "1: one → two: at most 1 of 1 items" in done.describe()


def test_an_item_that_fails_is_named_and_all_others_are_done() -> None:
    def picky(x: int) -> int:
        if x in (3, 5):
            raise ValueError(f"no {x}")
        return x

    with pytest.raises(RunError) as caught:
        pipeline(range(8), Stage("first", picky), Stage("second", text, 2), size=1)
    error = caught.value
    said = "Item 4 of 8 (3) failed in first 1: ValueError: no 3. 1 other item failed as well."
    assert (str(error), error.index, error.item) == (f"{said} Everything else is done.", 3, 3)
    assert [(failure.item, str(failure.__cause__)) for failure in error.failures] == [
        (3, "no 3"),
        (5, "no 5"),
    ]
    assert error.timeline.results == ["<0>", "<1>", "<2>", None, "<4>", None, "<6>", "<7>"]
    assert isinstance(error.__cause__, ValueError)


def test_stop_ends_it_soon_and_keeps_what_is_done() -> None:
    stop, before = Event(), threading.active_count()

    def second(x: int) -> int:
        if x == 3:
            stop.set()
            work.wait(60)
        return x

    start = time.monotonic()
    with controlled(stop), pytest.raises(Stopped) as caught:
        pipeline(range(30), Stage("first", int), Stage("second", second), size=2)
    assert time.monotonic() - start < 10
    assert caught.value.timeline.results[:4] == [0, 1, 2, None]
    assert "Stopped, with 3 of 30 items through." in str(caught.value)
    assert threading.active_count() == before


def test_a_time_limit_ends_it_too_and_says_who_was_at_what() -> None:
    with pytest.raises(
        RunError, match=r"^Not finished after 0\.2 s, with 1 of 3 items t"
    ) as caught:
        pipeline([0, 59, 58], Stage("wait", work.wait), Stage("get", int), timeout=0.2)
    error = caught.value
    assert str(error).endswith("through: wait 1 is still at item 2 (59).")
    assert (error.index, error.item, error.timeline.results) == (1, 59, [0, None, None])


def test_a_thread_that_cannot_be_stopped_is_named() -> None:
    with pytest.raises(RunError, match=r"could not be stopped: sleep 1 \(ends with its call\)\.$"):
        pipeline([1.5], Stage("sleep", time.sleep), timeout=0.1)


@pytest.mark.parametrize(
    ("stages", "size", "words"),
    [
        ([], 0, "stages must be one Stage or more, not none"),
        ([Stage("a", double)], -1, "size must be a whole number from 0 on, not -1"),
        ([Stage("a", double, 0)], 1, "workers of a must be between 1 and 61, not 0"),
        ([Stage("a", 3)], 1, "the work of a must be a function, not 3"),  # type: ignore[arg-type]
        ([double], 1, r'a stage must be such as Stage\("load", load\), not <function double'),
    ],
)
def test_what_cannot_work_is_said_at_the_door(stages: list[Any], size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pipeline([1], *stages, size=size)


def test_a_time_limit_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout must be a number of seconds above 0, not 'x'"):
        pipeline([1], Stage("a", double), timeout="x")  # type: ignore[arg-type]


# ------------------------------------------------------------------ pictures


def test_the_depth_stands_below_the_lanes_true_to_time() -> None:
    timeline = Timeline()
    timeline.add("work", "main", 0, 1000)
    timeline.depths["orders"] = Depth(4, [(250, 1), (500, 1), (750, -1)])
    (area,) = (item for item in Page(timeline).items if isinstance(item, Area))
    quarters = [area.cover[len(area.cover) * (2 * i + 1) // 8] for i in range(4)]
    assert quarters == [0, 0.25, 0.5, 0.25]
    picture = draw.html(timeline)
    for words in (">orders<", ">4<", "orders: at most 2 of 4 items"):
        assert words in picture


# ----------------------------------------------------- the lesson's programs


@pytest.mark.skipif(not hasattr(queue, "ShutDown"), reason="it came with Python 3.13")
def test_shutdown_ends_all_consumers_whatever_the_schedule() -> None:
    def program() -> None:
        line: Any = queue.Queue()
        bought: list[str] = []

        def sell() -> None:
            line.put("a loaf")
            line.shutdown()

        def buy() -> None:
            try:
                while True:
                    bought.append(line.get())
            except queue.ShutDown:  # type: ignore[attr-defined, unused-ignore]
                pass

        threads = [threading.Thread(target=each) for each in (sell, buy, buy)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bought == ["a loaf"]

    assert explore(program).ok


def locks() -> int:
    return sum(isinstance(each, SemLock) for each in gc.get_objects())


def test_an_answer_that_hangs_leaves_no_lock_of_the_system_behind() -> None:
    exercise = find("queues.dead_worker")
    gc.collect()
    before = locks()
    held, _ = verdict(exercise, exercise.starter)
    assert not held
    assert locks() == before
