"""Lesson 01: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from decimal import Decimal
from fractions import Fraction
from threading import Thread
from typing import Any

import numpy as np
import pytest
from test_answers_start import refused, taken

from helpers.draw import amdahl
from helpers.timeline import Timeline

Work = Callable[[Any], Any]

# ------------------------------------------------------------------ response


def from_the_first_row(tl: Timeline) -> float:
    """Wrong: who was recorded first need not have started first."""
    first = max(tl.spans, key=lambda span: -span.stop).start
    return sum(span.stop - first for span in tl.spans) / len(tl.spans) / 1e9


def the_last_end(tl: Timeline) -> float:
    """Wrong: when everything was done."""
    return tl.elapsed


def the_median(tl: Timeline) -> float:
    """Wrong: half of the items, not the mean."""
    first = min(span.start for span in tl.spans)
    return statistics.median(span.stop - first for span in tl.spans) / 1e9


def for_each_worker(tl: Timeline) -> float:
    """Wrong: the items were handed in at once, also those of a worker who comes late."""
    lanes = {span.lane for span in tl.spans}
    firsts = {lane: min(s.start for s in tl.spans if s.lane == lane) for lane in lanes}
    return sum(span.stop - firsts[span.lane] for span in tl.spans) / len(tl.spans) / 1e9


def whole_seconds(tl: Timeline) -> float:
    """Wrong: the parts of a second are cut off."""
    first = min(span.start for span in tl.spans)
    return sum((span.stop - first) // 10**9 for span in tl.spans) / len(tl.spans)


def one_of_each_end(tl: Timeline) -> float:
    """Wrong: two items that end together are one in a set."""
    first = min(span.start for span in tl.spans)
    ends = {span.stop - first for span in tl.spans}
    return sum(ends) / len(ends) / 1e9


def the_sum(tl: Timeline) -> float:
    """Wrong: not divided by the number of items."""
    first = min(span.start for span in tl.spans)
    return sum(span.stop - first for span in tl.spans) / 1e9


def waiting_and_working(tl: Timeline) -> float:
    """Right: the time in the line, and the time in a worker's hands."""
    first = min(span.start for span in tl.spans)
    return statistics.fmean((span.start - first) / 1e9 + span.seconds for span in tl.spans)


def as_a_fraction(tl: Timeline) -> Fraction:
    """Right: a fraction is a number, too."""
    first = min(span.start for span in tl.spans)
    return Fraction(sum(span.stop - first for span in tl.spans), len(tl.spans) * 10**9)


def mean_end_less_start(tl: Timeline) -> float:
    """Right: the mean end less the one hand-in."""
    return statistics.mean(s.stop for s in tl.spans) / 1e9 - min(s.start for s in tl.spans) / 1e9


def as_a_decimal(tl: Timeline) -> Decimal:
    """Right: exact, too."""
    first = min(span.start for span in tl.spans)
    return Decimal(sum(span.stop - first for span in tl.spans)) / len(tl.spans) / 10**9


def by_numpy(tl: Timeline) -> Any:
    """Right: an array that has no more than a number in it."""
    stops = np.array([span.stop for span in tl.spans])
    return np.asarray((stops - min(span.start for span in tl.spans)).mean() / 1e9)


RESPONSE = {
    from_the_first_row: "response(tl) gave",
    the_last_end: "the last one was done",
    the_median: "median",
    for_each_worker: "response(tl) gave",
    whole_seconds: "response(tl) gave",
    one_of_each_end: "response(tl) gave",
    the_sum: "sum",
}


@pytest.mark.parametrize("answer", RESPONSE)
def test_a_wrong_response_time_is_refused(answer: Any) -> None:
    refused("concurrency.response", answer, RESPONSE[answer])


@pytest.mark.parametrize(
    "answer", [waiting_and_working, as_a_fraction, mean_end_less_start, as_a_decimal, by_numpy]
)
def test_an_unusual_right_response_time_is_taken(answer: Any) -> None:
    taken("concurrency.response", answer)


# -------------------------------------------------------------------- repair


def sorted_answers(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: right only where the answers happen to stand in the order of the alphabet."""
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work, item) for item in items]
        return sorted(future.result() for future in as_completed(futures))


def by_sorted_items(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: the order of the items is not their size."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, sorted(items)))


def no_twins(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: an item that stands there twice has one future in the dict."""
    with ThreadPoolExecutor(4) as pool:
        futures = {item: pool.submit(work, item) for item in items}
        return [future.result() for future in futures.values()]


def full_batches(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: the last batch is not full, and gets lost."""
    answers: list[Any] = []
    with ThreadPoolExecutor(2) as pool:
        for batch in zip(*[iter(items)] * 2, strict=False):
            answers += pool.map(work, batch)
    return answers


def a_pool_of_one(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: everything is submitted, to a single worker."""
    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(work, items))


def maps_and_returns(work: Work, items: Sequence[Any]) -> Iterator[Any]:
    """Wrong: an iterator is no list."""
    with ThreadPoolExecutor(4) as pool:
        return pool.map(work, items)


def forgets_to_return(work: Work, items: Sequence[Any]) -> None:
    """Wrong: nothing is returned."""
    with ThreadPoolExecutor(4) as pool:
        [future.result() for future in [pool.submit(work, item) for item in items]]


def calls_before_submitting(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: `work(item)` is called here, and the pool gets what it gave."""
    with ThreadPoolExecutor(4) as pool:
        answers = [work(item) for item in items]
        return list(pool.map(lambda answer: answer, answers))


def joins_the_last(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: places in order, but only the last thread is waited for."""
    places: list[Any] = [None] * len(items)

    def keep(place: int) -> None:
        places[place] = work(items[place])

    for place in range(len(items)):
        thread = Thread(target=keep, args=(place,))
        thread.start()
    thread.join()
    return places


def by_map(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: map does both steps."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))


def by_number(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: as they end, then sorted by the number that each was given."""
    with ThreadPoolExecutor(4) as pool:
        numbers = {pool.submit(work, item): number for number, item in enumerate(items)}
        ended = [(numbers[future], future.result()) for future in as_completed(numbers)]
    return [answer for _, answer in sorted(ended, key=lambda pair: pair[0])]


def by_places(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: threads, and a place for each."""
    places: list[Any] = [None] * len(items)

    def keep(place: int) -> None:
        places[place] = work(items[place])

    threads = [Thread(target=keep, args=(place,)) for place in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return places


def in_batches(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: two at once, batch by batch, the last one as it is."""
    answers: list[Any] = []
    with ThreadPoolExecutor(2) as pool:
        for first in range(0, len(items), 2):
            answers += pool.map(work, items[first : first + 2])
    return answers


def backwards(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: submitted from the last one, asked from the first one."""
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(work, item) for item in reversed(items)]
        return [future.result() for future in reversed(futures)]


def sleeps(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: what takes longer than a second has no answer yet."""
    places: list[Any] = [None] * len(items)

    def keep(place: int) -> None:
        places[place] = work(items[place])

    for place in range(len(items)):
        Thread(target=keep, args=(place,)).start()
    time.sleep(1)
    return places


def joins_for_two_seconds(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: a place in order for each, and a call that takes longer has none."""
    places: list[Any] = [None] * len(items)

    def keep(place: int) -> None:
        places[place] = work(items[place])

    threads = [Thread(target=keep, args=(place,)) for place in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=2)
    return places


def maps_for_five_seconds(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: after five seconds there are no answers at all."""
    pool = ThreadPoolExecutor(4)
    try:
        return list(pool.map(work, items, timeout=5))
    except TimeoutError:
        return []
    finally:
        pool.shutdown(wait=False)


def asks_each_again(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: asks a future again until it has an answer."""

    def patiently(future: Any) -> Any:
        while True:
            try:
                return future.result(timeout=1)
            except TimeoutError:
                pass

    with ThreadPoolExecutor(4) as pool:
        return [patiently(future) for future in [pool.submit(work, item) for item in items]]


def full_pages_only(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: an empty page is an answer, too."""
    with ThreadPoolExecutor(4) as pool:
        return [answer for answer in pool.map(work, items) if answer]


def stripes(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: each of four takes every fourth item, and the order is lost when they are joined."""
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda n: [work(item) for item in items[n::4]], range(4))
        return [answer for part in parts for answer in part]


def one_by_one_from_a_window(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: four are under way, and the oldest is waited for."""
    answers, window = list[Any](), deque[Any]()
    with ThreadPoolExecutor(4) as pool:
        for item in items:
            if len(window) == 4:
                answers.append(window.popleft().result())
            window.append(pool.submit(work, item))
        return [*answers, *(future.result() for future in window)]


REPAIR = {
    joins_for_two_seconds: "Thread.join has a time-out",
    maps_for_five_seconds: "has a time-out",
    sleeps: "calls had ended",
    full_pages_only: "a list of all answers",
    stripes: "order of the items",
    sorted_answers: "order of the items",
    by_sorted_items: "order of the items",
    no_twins: "order of the items",
    full_batches: "never worked on",
    a_pool_of_one: "never two at once",
    maps_and_returns: "list(...)",
    forgets_to_return: "returned nothing",
    calls_before_submitting: "work(item) calls it there and then",
    joins_the_last: "calls had ended",
}


@pytest.mark.parametrize("answer", REPAIR)
def test_a_wrong_repair_is_refused(answer: Any) -> None:
    refused("concurrency.repair", answer, REPAIR[answer])


@pytest.mark.parametrize(
    "answer",
    [
        by_map,
        by_number,
        by_places,
        in_batches,
        backwards,
        one_by_one_from_a_window,
        asks_each_again,
    ],
)
def test_an_unusual_right_repair_is_taken(answer: Any) -> None:
    taken("concurrency.repair", answer)


# --------------------------------------------------------------------- share


def of_the_speed_up(one: float, many: float, workers: int) -> float:
    """Wrong: the efficiency of the workers above the first."""
    return (one / many - 1) / (workers - 1)


def to_one_digit(one: float, many: float, workers: int) -> float:
    """Wrong: right for shares of one digit."""
    return round((1 - many / one) / (1 - 1 / workers), 1)


def for_ten_seconds(one: float, many: float, workers: int) -> float:
    """Wrong: it knows that the example takes ten seconds."""
    return (10 - many) / 10 / (1 - 1 / workers)


def the_serial_share(one: float, many: float, workers: int) -> float:
    """Wrong: that is the other part."""
    return 1 - (1 - many / one) / (1 - 1 / workers)


def in_percent(one: float, many: float, workers: int) -> float:
    """Wrong: 80 is not 0.8."""
    return 100 * (1 - many / one) / (1 - 1 / workers)


def multiplied(one: float, many: float, workers: int) -> float:
    """Right: both sides times the workers."""
    return workers * (one - many) / (one * (workers - 1))


def by_halving(one: float, many: float, workers: int) -> float:
    """Right: tries shares until Amdahl's law gives the time."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if one / amdahl(middle, workers) > many else (low, middle)
    return low


def exactly(one: float, many: float, workers: int) -> Fraction:
    """Right: as a fraction."""
    return (1 - Fraction(many) / Fraction(one)) / (1 - Fraction(1, workers))


def karp_flatt(one: float, many: float, workers: int) -> float:
    """Right: the serial share by Karp and Flatt, taken from one."""
    return 1 - (many / one - 1 / workers) / (1 - 1 / workers)


def share_as_a_decimal(one: float, many: float, workers: int) -> Decimal:
    """Right: as a Decimal."""
    return (1 - Decimal(many) / Decimal(one)) / (1 - 1 / Decimal(workers))


SHARE = [of_the_speed_up, to_one_digit, for_ten_seconds, the_serial_share, in_percent]


@pytest.mark.parametrize("answer", SHARE)
def test_a_wrong_share_is_refused(answer: Any) -> None:
    refused("concurrency.share", answer, "Put your p into Amdahl's law")


@pytest.mark.parametrize(
    "answer", [multiplied, by_halving, exactly, karp_flatt, share_as_a_decimal]
)
def test_an_unusual_right_share_is_taken(answer: Any) -> None:
    taken("concurrency.share", answer)
