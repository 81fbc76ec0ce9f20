"""Lesson 01: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from threading import Semaphore, Thread
from types import MappingProxyType
from typing import Any

import pytest
from test_answers_start import refused, taken

from helpers.timeline import Timeline

Work = Callable[[Any], Any]

# -------------------------------------------------------------------- repair


def sorted_answers(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: right only where the answers happen to stand in the order of the alphabet."""
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work, item) for item in items]
        return sorted((future.result() for future in as_completed(futures)), key=str)


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


def inserted(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: who ends later is put before what has moved in the meantime."""
    answers: list[Any] = []
    with ThreadPoolExecutor(4) as pool:
        for place, item in enumerate(items):
            pool.submit(lambda n, each: answers.insert(n, work(each)), place, item)
    return answers


def all_but_none(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: None is an answer, too."""
    return [answer for answer in by_places(work, items) if answer is not None]


REPAIR = {
    inserted: "order of the items",
    all_but_none: "a list of all answers",
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


# ------------------------------------------------------------------ download

Fetch = Callable[[str], Any]


def looked_up(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: whether it is known is asked when it has come, and then its twin is under way."""
    known: dict[str, Any] = {}

    def once(url: str) -> None:
        if url not in known:
            known[url] = fetch(url)

    with ThreadPoolExecutor(max_workers=most) as pool:
        list(pool.map(once, [urls[0], *urls]))
    return known


def as_many_as_there_are(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: no limit."""
    different = set(urls)
    with ThreadPoolExecutor(len(different)) as pool:
        return dict(zip(different, pool.map(fetch, different), strict=True))


def none_of_the_empty(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: what is empty has come, too."""
    photos = download(fetch, urls, most)
    return {url: photo for url, photo in photos.items() if photo}


def beside_all_urls(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: the photographs of the different ones stand beside the addresses of all."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        return dict(zip(urls, pool.map(fetch, dict.fromkeys(urls)), strict=False))


def in_the_order_of_ends(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: who ends first is not who was handed in first."""
    different = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(max_workers=most) as pool:
        futures = [pool.submit(fetch, url) for url in different]
        ended = [future.result() for future in as_completed(futures)]
    return dict(zip(different, ended, strict=True))


def one_after_the_other(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: nothing overlaps."""
    return {url: fetch(url) for url in set(urls)}


def futures_in_a_dictionary(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Wrong: a future is not yet what it will give."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        return {url: pool.submit(fetch, url) for url in set(urls)}


def download(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Right: futures under their addresses."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        futures = {url: pool.submit(fetch, url) for url in set(urls)}
    return {url: future.result() for url, future in futures.items()}


def by_a_semaphore(fetch: Fetch, urls: Sequence[str], most: int) -> dict[str, Any]:
    """Right: threads by hand, and seats for so many."""
    seats, photos = Semaphore(most), dict[str, Any]()

    def seated(url: str) -> None:
        with seats:
            photos[url] = fetch(url)

    threads = [Thread(target=seated, args=(url,)) for url in set(urls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return photos


def as_they_come(fetch: Fetch, urls: Sequence[str], most: int) -> Mapping[str, Any]:
    """Right: whoever comes first is put down first."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        futures = {pool.submit(fetch, url): url for url in dict.fromkeys(reversed(urls))}
        return MappingProxyType({futures[f]: f.result() for f in as_completed(futures)})


DOWNLOAD = {
    looked_up: "was fetched twice",
    as_many_as_there_are: "is the most",
    none_of_the_empty: "whatever that is",
    beside_all_urls: "beside it what fetch gave",
    in_the_order_of_ends: "beside it what fetch gave",
    one_after_the_other: "never two at once",
    futures_in_a_dictionary: "beside it what fetch gave",
}


@pytest.mark.parametrize("answer", DOWNLOAD)
def test_a_wrong_download_is_refused(answer: Any) -> None:
    refused("concurrency.download", answer, DOWNLOAD[answer])


@pytest.mark.parametrize("answer", [download, by_a_semaphore, as_they_come])
def test_an_unusual_right_download_is_taken(answer: Any) -> None:
    taken("concurrency.download", answer)


# ----------------------------------------------------------------- meanwhile

Compute = Callable[[], Any]


def waits_for_each(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: one download at a time, and it computes beside them."""
    with ThreadPoolExecutor(2) as pool:
        number = pool.submit(compute)
        return [fetch(url) for url in urls], number.result()


def lazily(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: an iterator is no list."""
    with ThreadPoolExecutor(4) as pool:
        return pool.map(fetch, urls), compute()


def only_the_photos(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: what compute gave is lost."""
    with ThreadPoolExecutor(4) as pool:
        photos = pool.map(fetch, urls)
        compute()
        return list(photos)


def the_wrong_way_round(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: the number comes first."""
    with ThreadPoolExecutor(4) as pool:
        photos = pool.map(fetch, urls)
        return compute(), list(photos)


def for_each_photo(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: it computes again and again."""
    with ThreadPoolExecutor(4) as pool:
        pairs = list(pool.map(lambda url: (fetch(url), compute()), urls))
    return [photo for photo, _ in pairs], pairs[0][1]


def the_photos_as_they_come(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: another order."""
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(fetch, url) for url in urls]
        number = compute()
        return [future.result() for future in as_completed(futures)][::-1], number


def handed_to_the_pool(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Right: the pool computes, too."""
    with ThreadPoolExecutor(4) as pool:
        number = pool.submit(compute)
        photos = list(pool.map(fetch, urls))
        return photos, number.result()


def in_a_thread(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Right: a thread computes, and its caller waits for the photographs."""
    numbers: list[Any] = []
    thread = Thread(target=lambda: numbers.append(compute()))
    thread.start()
    with ThreadPoolExecutor(2) as pool:
        photos = list(pool.map(fetch, urls))
    thread.join()
    return photos, numbers[0]


def in_the_middle(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Right: after two of the photographs were handed in, the others come later."""
    with ThreadPoolExecutor(4) as pool:
        first = pool.map(fetch, urls[:2])
        number = compute()
        return [*first, *pool.map(fetch, urls[2:])], number


def not_joined(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: it computes beside the downloads, and nobody waits for its end."""
    numbers: list[Any] = [None]
    with ThreadPoolExecutor(4) as pool:
        photos = pool.map(fetch, urls)
        Thread(target=lambda: numbers.insert(0, compute())).start()
        return list(photos), numbers[0]


def in_a_second(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: what is computed in more than a second is given up."""
    with ThreadPoolExecutor(4) as pool:
        number = pool.submit(compute)
        photos = list(pool.map(fetch, urls))
        try:
            return photos, number.result(timeout=1)
        except TimeoutError:
            return photos, None


def or_none(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Wrong: 0 is a number, too."""
    photos, number = in_a_thread(fetch, urls, compute)
    return photos, number or None


def beside_the_first(fetch: Fetch, urls: Sequence[str], compute: Compute) -> Any:
    """Right: it computes beside the first one, and then the others overlap."""
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(fetch, urls[0])
        number = compute()
        return [first.result(), *pool.map(fetch, urls[1:])], number


MEANWHILE = {
    in_a_second: "for the end of compute",
    or_none: "meanwhile gave None for it",
    not_joined: "for the end of compute",
    waits_for_each: "overlap each other",
    lazily: "list(...)",
    only_the_photos: "a tuple of two",
    the_wrong_way_round: "must return a list",
    for_each_photo: "It is called once",
    the_photos_as_they_come: "in the order of urls",
}


@pytest.mark.parametrize("answer", MEANWHILE)
def test_a_wrong_meanwhile_is_refused(answer: Any) -> None:
    refused("concurrency.meanwhile", answer, MEANWHILE[answer])


@pytest.mark.parametrize(
    "answer", [handed_to_the_pool, in_a_thread, in_the_middle, beside_the_first]
)
def test_an_unusual_right_meanwhile_is_taken(answer: Any) -> None:
    taken("concurrency.meanwhile", answer)


# ------------------------------------------------------------------ pool_for


def by_the_first(tl: Timeline) -> Any:
    """Wrong: the first span says nothing of the others."""
    return ThreadPoolExecutor if tl.spans[0].kind == "waited" else ProcessPoolExecutor


def by_most_of_them(tl: Timeline) -> Any:
    """Wrong: many short waits are less than one long computation."""
    waits = sum(span.kind == "waited" for span in tl.spans)
    return ThreadPoolExecutor if waits > len(tl.spans) / 2 else ProcessPoolExecutor


def below_a_half(tl: Timeline) -> Any:
    """Wrong: another border."""
    return ThreadPoolExecutor if (tl.cpu_share() or 0) < 0.5 else ProcessPoolExecutor


def the_other_way_round(tl: Timeline) -> Any:
    """Wrong: who waits needs no process."""
    return ProcessPoolExecutor if (tl.cpu_share() or 0) < 0.1 else ThreadPoolExecutor


def makes_a_pool(tl: Timeline) -> Any:
    """Wrong: a pool that nobody ends."""
    return ThreadPoolExecutor()


def by_length(tl: Timeline) -> Any:
    """Wrong: what takes long need not wait."""
    return ThreadPoolExecutor if tl.elapsed > 1 else ProcessPoolExecutor


def by_the_timeline(tl: Timeline) -> Any:
    """Right: a timeline knows its share."""
    share = tl.cpu_share()
    return ThreadPoolExecutor if share is not None and share < 0.1 else ProcessPoolExecutor


def in_nanoseconds(tl: Timeline) -> Any:
    """Right: whole numbers, and an index."""
    ran = sum(span.cpu_time for span in tl.spans)
    return (ThreadPoolExecutor, ProcessPoolExecutor)[
        10 * ran >= sum(span.stop - span.start for span in tl.spans)
    ]


def by_the_longest(tl: Timeline) -> Any:
    """Wrong: several short ones may count for more than a long one."""
    longest = max(tl.spans, key=lambda span: span.seconds)
    return ThreadPoolExecutor if (longest.cpu or 0) < 0.1 else ProcessPoolExecutor


def by_the_clock(tl: Timeline) -> Any:
    """Wrong: the time from the first start to the last stop is not the sum of the lengths."""
    ran = sum(span.cpu_time for span in tl.spans) / 1e9
    return ThreadPoolExecutor if ran < 0.1 * tl.elapsed else ProcessPoolExecutor


def at_the_border(tl: Timeline) -> Any:
    """Wrong: 0.1 is not under 0.1."""
    return ThreadPoolExecutor if (tl.cpu_share() or 0) <= 0.1 else ProcessPoolExecutor


def by_kinds(tl: Timeline) -> Any:
    """Wrong: a span that did not wait all the time has not computed all the time."""
    computed = sum(span.seconds for span in tl.spans if span.kind != "waited")
    total = sum(span.seconds for span in tl.spans)
    return ThreadPoolExecutor if computed < 0.1 * total else ProcessPoolExecutor


POOL_FOR = {
    at_the_border: "which is not under 0.1",
    by_kinds: "a share of 0.15, and a wait",
    by_the_longest: "a long wait and two computations",
    by_the_clock: "two workers who wait",
    by_the_first: "two short waits",
    by_most_of_them: "a long wait and a short computation",
    below_a_half: "a share of 0.12",
    the_other_way_round: "two computations",
    makes_a_pool: "without parentheses",
    by_length: "two computations",
}


@pytest.mark.parametrize("answer", POOL_FOR)
def test_a_wrong_pool_is_refused(answer: Any) -> None:
    refused("concurrency.pool_for", answer, POOL_FOR[answer])


@pytest.mark.parametrize("answer", [by_the_timeline, in_nanoseconds])
def test_an_unusual_way_to_the_right_pool_is_taken(answer: Any) -> None:
    taken("concurrency.pool_for", answer)
