"""The exercises of lesson 01: downloads that overlap, computing meanwhile, a pool for the work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from ..timeline import Timeline
from . import exercise, expect
from .start import (
    COMPANY,
    HOLD,
    IN_VAIN,
    PATIENT,
    TOO_MANY,
    Calls,
    as_list,
    ended_at_return,
    longer,
    short,
    times,
)

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
    ([5, 9, 2, 7, 1, 8, 3, 0, 2, 6, 4], 5),  # the twin comes late
    ([3, 1, 4, 1, 6, 9, 2], 1),
    ([8, 2, 5], 5),
)


def page(item: int) -> str | None:
    """What the work gives for an item: in no order that sorting finds; a page may be empty."""
    return {2: "", 9: None}.get(item, f"page {item * 7 % 11}")


@exercise(
    "concurrency.repair",
    "Repair every(work, items): the same list of answers in the same order, items worked on at "
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
        with ended_at_return(work, "every"):
            given = work.called_by(answer)
        work.expect_overlap("Look at what the loop waits for before it submits the next item.")
        right = [page(item) for item in items]
        expect(
            as_list(given, "every") == right,
            f"items overlapped, but for {len(items)} of them every returned {given!r:.90}. It must "
            "return a list of all answers in the order of the items, whichever ends first.",
        )
        hold = longer(began) if hold == HOLD else HOLD
    sizes = ", ".join(str(len(items)) for items, _ in DOWNLOADS[:-1])
    return f"All answers in order, for {sizes} and {len(DOWNLOADS[-1][0])} items, some at once."


# ------------------------------------------------------------------ download


def download(fetch: Callable[[str], Any], urls: Iterable[str], most: int) -> dict[str, Any]:
    """A solution of `concurrency.download`."""
    different = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(max_workers=most) as pool:
        return dict(zip(different, pool.map(fetch, different), strict=True))


def every_one_of_them(
    fetch: Callable[[str], Any], urls: Sequence[str], most: int
) -> dict[str, Any]:
    """A plausible mistake: what stands there twice is fetched twice."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        return dict(zip(urls, pool.map(fetch, urls), strict=True))


LISTS = (  # addresses by their numbers, how many at once, and the one whose call ends last
    ([5, 2, 9, 2, 7, 5, 1, 8], 3, 5),
    ([3, 1, 4, 1], 2, 1),
    ([7, 2], 1, 2),
)


@exercise(
    "concurrency.download",
    "Write download(fetch, urls, most): a dictionary of each address and its photograph; no "
    "address fetched twice, never more than most at the same time, two at least where most allows "
    "it.",
    hints=(
        "A ThreadPoolExecutor(max_workers=most) has never more than so many calls under way.",
        "list(dict.fromkeys(urls)) has each address once, in the same order.",
        "pool.map gives the photographs in the order of the addresses; zip puts them together.",
    ),
    solution=download,
    starter=lambda fetch, urls, most: None,
    wrong=every_one_of_them,
    says="was fetched twice",
    seconds=20.0,
)
def _download(answer: Any) -> str:
    """Each address once, never too many at once, and all photographs in the dictionary."""
    began = time.monotonic()
    for numbers, most, held in LISTS:
        urls = [f"photo/{number}" for number in numbers]
        work = Calls(
            list(dict.fromkeys(urls)), f"photo/{held}", hold=longer(began) if most == 2 else HOLD
        )

        def photograph(url: str, work: Calls = work, most: int = most) -> bytes:
            with work.changed:
                work.changed.wait_for(lambda: work.at_once > most, TOO_MANY)
            return b"" if url.endswith("2") else f"the bytes of {url}".encode()

        work.answers = photograph
        if most == 1:
            work.patience = 0.0  # nobody is to come
        try:
            given = work.called_by(lambda work, _, u=urls, m=most: answer(work, list(u), m))
        finally:
            ended = work.over()
        again = next((url for url in urls if work.begun.count(url) > 1), "")
        expect(
            not again,
            f"{again} was fetched {times(work.begun.count(again))}. An address that stands in urls "
            "twice has one photograph, which is fetched once.",
        )
        work.expect_all(ended, "download")
        expect(
            work.at_once <= most,
            f"more downloads were under way at once than there may be, and {most} is the most.",
        )
        if most > 1:
            work.expect_overlap("Is each answer waited for before the next download begins?")
        right = {url: photograph(url) for url in work.items}
        expect(given is not None, "download returned nothing. Is there a return at its end?")
        expect(
            isinstance(given, Mapping),
            f"download must return a dictionary, not {short(given)}.",
        )
        expect(
            dict(given) == right,
            f"the downloads are right, but the dictionary was {short(dict(given))}. It must have "
            "each address, and beside it what fetch gave for it, whatever that is.",
        )
    return f"Each address once, never too many at a time: right for all {len(LISTS)} lists."


# ----------------------------------------------------------------- meanwhile


def meanwhile(
    fetch: Callable[[str], Any], urls: Iterable[str], compute: Callable[[], Any]
) -> tuple[list[Any], Any]:
    """A solution of `concurrency.meanwhile`: it computes before it asks for the photographs."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        photos = pool.map(fetch, urls)
        number = compute()
        return list(photos), number


def afterwards(
    fetch: Callable[[str], Any], urls: Iterable[str], compute: Callable[[], Any]
) -> tuple[list[Any], Any]:
    """The starter: `list` waits for all photographs, and only then it computes."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        photos = list(pool.map(fetch, urls))
        number = compute()
        return photos, number


def computes_first(
    fetch: Callable[[str], Any], urls: Iterable[str], compute: Callable[[], Any]
) -> tuple[list[Any], Any]:
    """A plausible mistake: the other way round is no better."""
    number = compute()
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(fetch, urls)), number


ALBUMS = (([4, 9, 2, 7, 1, 6], 4), ([8, 3, 5], 5))  # addresses, and the one that ends last


class Computing:
    """A computation that looks whether a download is under way, for a while; then it has a result.

    Each download waits a while until it has begun. If it `lasts`, it ends when none is under way.
    """

    def __init__(self, work: Calls, result: Any, lasts: bool) -> None:
        self.work, self.result, self.lasts = work, result, lasts
        self.calls, self.beside, self.early = 0, False, False
        self.begun = threading.Event()

    def __call__(self) -> Any:
        with self.work.changed:
            self.calls += 1
            self.early = not self.work.begun
            self.begun.set()
            self.work.changed.notify_all()
            self.beside |= self.work.changed.wait_for(lambda: self.work.now > 0, COMPANY)
            if self.lasts and self.beside:
                self.work.changed.wait_for(lambda: self.work.now == 0, COMPANY)
                self.work.changed.wait_for(lambda: self.work.returned, PATIENT)
        return self.result

    def download(self, url: str) -> str:
        with self.work.changed:
            self.work.changed.wait_for(self.begun.is_set, IN_VAIN)
        return f"photo of {url}"


@exercise(
    "concurrency.meanwhile",
    "Repair meanwhile(fetch, urls, compute): compute() is called once, while photographs are "
    "downloaded; the photographs in a list, in the order of urls, and what compute gave.",
    hints=(
        "list(pool.map(...)) waits for every photograph. What does pool.map alone do?",
        "pool.map hands in all items and comes back at once; asking for the results is what waits.",
        "Three lines in this order: pool.map, compute, and list(...) in the return.",
    ),
    solution=meanwhile,
    starter=afterwards,
    wrong=computes_first,
    says="before any download had begun",
    seconds=20.0,
)
def _meanwhile(answer: Any) -> str:
    """Computed once, beside the downloads, which overlap; both results are given."""
    for numbers, held in ALBUMS:
        work = Calls([f"photo/{number}" for number in numbers], f"photo/{held}")
        computing = Computing(work, result=len(numbers) * 111 - 333, lasts=len(numbers) == 3)
        work.answers = computing.download
        with ended_at_return(work, "meanwhile"):
            given = work.called_by(lambda work, urls, c=computing: answer(work, urls, c))
        expect(
            computing.calls == 1,
            f"compute was called {times(computing.calls)}. It is called once."
            if computing.calls
            else "compute was never called.",
        )
        when = "before any download had begun" if computing.early else "after all had ended"
        expect(
            computing.beside,
            f"compute ran {when}. Where does your function wait, and could it compute there?",
        )
        work.expect_overlap("The downloads are to overlap each other, too.")
        expect(
            isinstance(given, tuple) and len(given) == 2,
            f"meanwhile must return a tuple of two, photos and number, not {short(given)}.",
        )
        photos, number = given
        right = [computing.download(url) for url in work.items]
        expect(
            as_list(photos, "meanwhile") == right,
            f"the first thing that meanwhile gave was {short(photos)}. It must be the list of the "
            "photographs, in the order of urls.",
        )
        expect(
            number == computing.result,
            f"compute gave {computing.result}, and meanwhile gave {short(number)} for it. Does it "
            "wait for the end of compute?",
        )
    return "compute ran while photographs were downloaded, and nothing got lost."


# ------------------------------------------------------------------ pool_for


def pool_for(tl: Timeline) -> type[Executor]:
    """A solution of `concurrency.pool_for`."""
    on_a_cpu = sum((span.cpu or 0.0) * span.seconds for span in tl.spans)
    waited = on_a_cpu < 0.1 * sum(span.seconds for span in tl.spans)
    return ThreadPoolExecutor if waited else ProcessPoolExecutor


def by_the_mean(tl: Timeline) -> type[Executor]:
    """A plausible mistake: a short span counts as much as a long one."""
    waited = sum(span.cpu or 0.0 for span in tl.spans) < 0.1 * len(tl.spans)
    return ThreadPoolExecutor if waited else ProcessPoolExecutor


AT_ONCE = "two workers who wait at the same time"
BREAK = "a computation, a long break, and another one"
MEASURED = (  # CPU share and seconds of each span, the pool it takes, in words
    (((0.9, 0.5), (1.0, 1)), ProcessPoolExecutor, "two computations"),
    (((0.02, 1), (0.01, 2), (0.0, 0.5)), ThreadPoolExecutor, "three spans that waited"),
    (((0.0, 9), (1.0, 0.2)), ThreadPoolExecutor, "a long wait and a short computation"),
    (((0.0, 0.1), (0.0, 0.2), (0.9, 5)), ProcessPoolExecutor, "two short waits, then a lot to do"),
    (((0.08, 3),), ThreadPoolExecutor, "a span with a share of 0.08"),
    (((0.12, 0.05),), ProcessPoolExecutor, "a span with a share of 0.12"),
    (((0.5, 2), (0.0, 2)), ProcessPoolExecutor, "as much waiting as half a computation"),
    (((0.0, 3), (1.0, 2), (1.0, 2)), ProcessPoolExecutor, "a long wait and two computations"),
    (((0.06, 3), (0.07, 3)), ThreadPoolExecutor, AT_ONCE),
    (((0.9, 0.2), (0.9, 0.2)), ProcessPoolExecutor, BREAK),
    (((0.1, 1),), ProcessPoolExecutor, "a span with a share of 0.1, which is not under 0.1"),
    (((0.15, 1), (0.0, 1)), ThreadPoolExecutor, "a span with a share of 0.15, and a wait"),
)


def measured(words: str, *spans: tuple[float, float]) -> Timeline:
    """A timeline of spans (CPU share, seconds): of one worker, unless the words say otherwise."""
    timeline, start = Timeline(), 10**11
    for number, (share, seconds) in enumerate(spans):
        stop, worker = start + round(seconds * 1e9), number if words == AT_ONCE else 0
        timeline.add("item", f"worker {worker}", start, stop, cpu_time=round(share * seconds * 1e9))
        start = {AT_ONCE: start, BREAK: stop + 10**10}.get(words, stop)
    return timeline


@exercise(
    "concurrency.pool_for",
    "Write pool_for(tl): ThreadPoolExecutor if the spans of the timeline, taken together, had a "
    "CPU share under 0.1, else ProcessPoolExecutor.",
    hints=(
        "span.cpu * span.seconds is how long a span was on a CPU, in seconds.",
        "Add that up for all spans, and divide it by the sum of their lengths.",
        "Return the class itself, without parentheses: nobody needs the pool yet.",
    ),
    solution=pool_for,
    starter=lambda tl: ThreadPoolExecutor,
    wrong=by_the_mean,
    says="a long wait and a short computation",
)
def _pool_for(answer: Any) -> str:
    """The right class for each timeline."""
    for spans, right, words in MEASURED:
        given = answer(measured(words, *spans))
        expect(given is not None, "pool_for returned nothing. Is there a return for every case?")
        expect(
            not isinstance(given, Executor),
            "pool_for made a pool. Return the class itself, without parentheses.",
        )
        name = given.__name__ if isinstance(given, type) else short(given)
        expect(
            given is right,
            f"for {words}, pool_for gave {name}, and {right.__name__} is right. "
            "How much of all their time were these spans on a CPU?",
        )
    return f"The right pool for all {len(MEASURED)} timelines."
