"""The exercises of lesson 01: response times, a pool that never overlaps, Amdahl backwards."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from numbers import Real
from typing import Any

from ..draw import amdahl
from ..timeline import Timeline
from . import exercise, expect
from .start import HOLD, Calls, as_list, ended_at_return, longer, recorded

# ------------------------------------------------------------------ response


def response(tl: Timeline) -> float:
    """A solution of `concurrency.response`."""
    handed_in = min(span.start for span in tl.spans)
    return sum(span.stop - handed_in for span in tl.spans) / len(tl.spans) / 1e9


def latency(tl: Timeline) -> float:
    """The starter: time in a worker's hands; the time in the line is missing."""
    return sum(span.seconds for span in tl.spans) / len(tl.spans)


def readings(tl: Timeline) -> float:
    """A plausible mistake: what the clock read at the ends, taken for a length of time."""
    return sum(span.stop for span in tl.spans) / len(tl.spans) / 1e9


LINES = (  # worker, start and stop of each item; the mean response; in words
    (((1, 0, 1), (2, 0, 1), (1, 1, 2), (2, 1, 2)), 1.5, "two workers and four items of 1 s"),
    (((1, 0, 1), (1, 1, 2), (1, 2, 3), (1, 3, 4)), 2.5, "one worker and four items of 1 s"),
    (((1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 0, 1)), 1.0, "a worker for each of four items of 1 s"),
    (((1, 0, 3), (2, 0, 1), (2, 2, 3)), 7 / 3, "items of 3 s, 1 s and 1 s, the last one late"),
    (((1, 0, 1), (2, 0, 1), (3, 0, 1), (1, 1, 5)), 2.0, "three items of 1 s and a late one of 4 s"),
    (((2, 0.5, 1), (1, 0, 2.25)), 1.625, "an item that ends first and did not start first"),
    (((1, 0, 0.75),), 0.75, "a single item of 0.75 s"),
    (
        ((1, 0, 0.25), (2, 0, 2.5), (1, 0.25, 1), (1, 1, 1.5), (3, 2, 2.125), (2, 2.5, 4)),
        11.375 / 6,
        "six items of six lengths, and a worker who comes late",
    ),
)
SLIPS = (
    (latency, "that is the time in a worker's hands, and the time in the line counts too"),
    (readings, "that is what the clock read, and only the time since the hand-in counts"),
    (lambda tl: response(tl) * 1e9, "those are nanoseconds"),
    (lambda tl: response(tl) * len(tl.spans), "that is the sum, and the mean is asked for"),
    (
        lambda tl: statistics.median(span.stop - handed_in(tl) for span in tl.spans) / 1e9,
        "that is the median, and the mean is asked for",
    ),
    (lambda tl: tl.elapsed, "that is the time until the last one was done"),
)


def handed_in(tl: Timeline) -> int:
    """When all items were: as the first one started."""
    return min(span.start for span in tl.spans)


@exercise(
    "concurrency.response",
    "Write response(tl): the mean seconds from the hand-in of an item to its end.",
    hints=(
        "Four items, one worker, 1 s each: the first is done after 1 s, the last after 4 s.",
        "All items are handed in when the first one starts: min(span.start for span in tl.spans).",
        "Average span.stop minus that moment; both are nanoseconds, and the answer is in seconds.",
    ),
    solution=response,
    starter=latency,
    wrong=readings,
    says="what the clock read",
)
def _response(answer: Any) -> str:
    """The right mean for each recorded line."""
    for spans, right, words in LINES:
        timeline = recorded(*spans)
        given = answer(timeline)
        slips = (text for slip, text in SLIPS if close(given, slip(timeline)))
        what = next(slips, "count from the moment when the first item starts to the end of each")
        expect(
            close(given, right),
            f"for {words}, response(tl) gave {rounded(given)}, and {right:.4g} is right: {what}.",
        )
    return f"The right mean for all {len(LINES)} timelines: the time in the line is in it."


# -------------------------------------------------------------------- repair


def all_answers(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """A solution of `concurrency.repair`."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        futures = [pool.submit(work, item) for item in items]
        return [future.result() for future in futures]


def one_answer_at_a_time(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """The starter: `result()` in the loop waits before the next item is submitted."""
    answers = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        for item in items:
            future = pool.submit(work, item)
            answers.append(future.result())
    return answers


def as_they_end(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """A plausible mistake: what ends first stands first."""
    answers: list[Any] = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        for item in items:
            pool.submit(lambda each: answers.append(work(each)), item)
    return answers


DOWNLOADS = (  # items, and the one whose call ends last
    ([5, 2, 9, 2, 7, 1, 8, 3, 0, 6, 4], 5),
    ([3, 1, 4, 1, 6, 9, 2], 1),
    ([8, 2, 5], 5),
)


def page(item: int) -> str:
    """What the work gives for an item: in no order that sorting finds; a page may be empty."""
    return f"page {item * 7 % 11}" if item != 2 else ""


@exercise(
    "concurrency.repair",
    "Repair fetch(work, items): the same list of answers in the same order, items worked on at "
    "once, each of them one time, and all done when it returns.",
    hints=(
        "future.result() waits until the work is done. What does the loop do meanwhile?",
        "Submit every item before you ask for the first answer.",
        "Two steps inside the `with`: a list of futures, then a list of their results.",
    ),
    solution=all_answers,
    starter=one_answer_at_a_time,
    wrong=as_they_end,
    says="order of the items",
)
def _repair(answer: Any) -> str:
    """Each item once, some at once, all ended, answers in order."""
    hold, began = HOLD, time.monotonic()
    for items, held in DOWNLOADS:
        work = Calls(items, held, page, hold)
        with ended_at_return(work, "fetch"):
            given = work.called_by(answer)
        work.expect_overlap("Look at what the loop waits for before it submits the next item.")
        right = [page(item) for item in items]
        expect(
            as_list(given, "fetch") == right,
            f"items overlapped, but for {len(items)} of them fetch returned {given!r:.90}. It must "
            "return a list of all answers in the order of the items, whichever ends first.",
        )
        hold = longer(began) if hold == HOLD else HOLD
    sizes = ", ".join(str(len(items)) for items, _ in DOWNLOADS[:-1])
    return f"All answers in order, for {sizes} and {len(DOWNLOADS[-1][0])} items, some at once."


# --------------------------------------------------------------------- share


def share(one: float, many: float, workers: int) -> float:
    """A solution of `concurrency.share`."""
    return (1 - many / one) / (1 - 1 / workers)


SHARES = (  # parallel share, workers, seconds with one
    (0.8, 16, 10.0),
    (0.5, 2, 10.0),
    (0.9, 4, 10.0),
    (1.0, 8, 10.0),
    (0.0, 4, 10.0),
    (0.975, 3, 0.4),
    (1 / 3, 100, 3600.0),
    (0.0625, 5, 7.0),
)


@exercise(
    "concurrency.share",
    "Write share(one, many, workers): the parallel share of the work, from two times.",
    hints=(
        "By Amdahl, many = one * (1 - p + p / workers). Everything in it is known but p.",
        "Divide by one and put p on one side: 1 - many / one = p * (1 - 1 / workers).",
        "Divide by (1 - 1 / workers). With many workers that is nearly 1, with 2 it is a half.",
    ),
    solution=share,
    starter=lambda one, many, workers: one / many / workers,
    wrong=lambda one, many, workers: 1 - many / one,
    says="share of the time that was saved",
)
def _share(answer: Any) -> str:
    """The share that the times were made from, for each of them."""
    for parallel, workers, one in SHARES:
        many = one / amdahl(parallel, workers)
        given = answer(one, many, workers)
        saved = ": that is the share of the time that was saved" * close(given, 1 - many / one)
        expect(
            close(given, parallel),
            f"for {one:g} s with one worker and {many:.4g} s with {workers}, "
            f"share({one:g}, {many:.4g}, {workers}) gave {rounded(given)}{saved}. "
            f"Put your p into Amdahl's law: does it give {many:.4g} s?",
        )
    return f"Amdahl's law, solved for the share: right for all {len(SHARES)} pairs of times."


def close(given: Any, right: float) -> bool:
    """Is `given` a number, and `right` but for rounding?"""
    return is_number(given) and math.isclose(float(given), right, rel_tol=1e-6, abs_tol=1e-6)


def is_number(given: Any) -> bool:
    """A Decimal is one, and so is what NumPy gives for a mean."""
    if getattr(given, "shape", None) == ():
        given = given.item()
    return isinstance(given, (Real, Decimal)) and not isinstance(given, bool)


def rounded(given: Any) -> str:
    """An answer as a sentence can quote it."""
    if given is None:
        return "nothing (is there a return?)"
    return f"{float(given):.4g}" if is_number(given) else f"{given!r:.60}"
