"""Lesson 06: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import ChainMap, Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from helpers.compare import chunked, count_all
from helpers.exercises import find
from helpers.exercises.choosing import DECISIONS, REASONS
from helpers.lesson import verdict

Files = Sequence[str]
Work = Callable[[Any], Any]
Lists = tuple[Any, Any]
spawn = multiprocessing.get_context("spawn")


def refused(name: str, answer: Any, says: str) -> None:
    held, sentence = verdict(find(name), answer)
    assert not held, sentence
    assert says in sentence
    assert "\n" not in sentence


def taken(name: str, answer: Any) -> None:
    held, sentence = verdict(find(name), answer)
    assert held, sentence


# -------------------------------------------------------------------- decide

WRONG_DECISIONS = [
    # wrong: what waits needs no process
    ({**DECISIONS, 1: ("processes", "waiting")}, "number 1, processes"),
    # wrong: under a GIL threads take turns
    ({**DECISIONS, 2: ("threads", "gil")}, "number 2, threads"),
    # wrong: the tool is right, and something else decides
    ({**DECISIONS, 4: ("serial", "start")}, "number 4: serial is right, but"),
    # wrong: the pair is the wrong way round
    ({**DECISIONS, 5: ("start", "serial")}, "number 5: the tool comes first"),
    # wrong: no such tool
    ({**DECISIONS, 6: ("thread", "pickling")}, "number 6: 'thread' is none of the tools"),
    # wrong: no such reason
    ({**DECISIONS, 7: ("processes", "trips")}, "number 7: 'trips' is none of the reasons"),
    # wrong: one is missing
    ({n: DECISIONS[n] for n in range(1, 10)}, "the numbers 1 to 10"),
    # wrong: eight CPUs outside do not help a container that may use one
    ({**DECISIONS, 4: ("processes", "gil")}, "number 4, processes"),
    # wrong: the copies are thought of, and not who computes
    ({**DECISIONS, 6: ("processes", "pickling")}, "number 6, processes"),
    # wrong: threads, since each of them waits for its chunk
    ({**DECISIONS, 7: ("threads", "chunks")}, "number 7, threads"),
    # wrong: right, and by another measurement
    ({**DECISIONS, 10: ("threads", "gil")}, "number 10: threads is right, but"),
    # wrong: the numbers are words, as in JSON
    ({str(n): pair for n, pair in DECISIONS.items()}, "the numbers 1 to 10"),
    # wrong: a list has no numbers
    (list(DECISIONS.values()), "must be a dict"),
    # wrong: one more than there are
    ({**DECISIONS, 11: ("serial", "start")}, "the numbers 1 to 10"),
    # wrong: two reasons, to be sure
    ({**DECISIONS, 2: ("processes", "gil", "cpus")}, "number 2: it must be a pair"),
    ({**DECISIONS, 2: ("processes", ("gil", "cpus"))}, "number 2: it must be a pair"),
    # wrong: a pair in one word, of two letters
    ({**DECISIONS, 1: "ab"}, "number 1: it must be a pair"),
    # wrong: nothing decided yet
    ({**DECISIONS, 1: None}, "number 1: it must be a pair"),
    # wrong: what decides is said in words
    ({**DECISIONS, 9: ("processes", "a crash")}, "number 9: 'a crash' is none of the reasons"),
    # wrong: a tool without a reason
    ({**DECISIONS, 9: "processes"}, "number 9: it must be a pair"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_DECISIONS)
def test_a_decision_that_does_not_hold_is_refused(answer: Any, says: str) -> None:
    refused("choosing.decide", answer, says)


def test_decisions_are_taken_in_any_order_and_in_any_pair() -> None:
    taken("choosing.decide", {number: list(pair) for number, pair in DECISIONS.items()})
    taken("choosing.decide", OrderedDict(reversed(DECISIONS.items())))
    taken("choosing.decide", MappingProxyType(DECISIONS))
    taken("choosing.decide", ChainMap({1: DECISIONS[1]}, dict(DECISIONS)))
    taken("choosing.decide", {float(n): Decision(*pair) for n, pair in DECISIONS.items()})


class Decision(NamedTuple):
    """Right: a pair whose parts have names."""

    tool: str
    reason: str


# -------------------------------------------------------------------- chunks


def added(answers: Any) -> Counter[str]:
    return sum(answers, Counter())


def fifteen(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: a good size for 120 files and two workers."""
    return added(pool.map(count_all, chunked(paths, 15)))


def eight_chunks(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: eight chunks are enough for few workers only."""
    return added(pool.map(count_all, chunked(paths, max(1, len(paths) // 8))))


def rest_is_lost(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: the files that are left when all workers have the same number are not counted."""
    size = max(1, len(paths) // workers)
    return added(pool.map(count_all, [paths[n * size : (n + 1) * size] for n in range(workers)]))


def no_least_size(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: with fewer files than chunks the size is 0."""
    return added(pool.map(count_all, chunked(paths, len(paths) // (4 * workers))))


def rest_goes_to_the_last(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: the last chunk has all that is left."""
    size = max(1, len(paths) // (2 * workers))
    chunks = [paths[n * size : (n + 1) * size] for n in range(workers)]
    return added(pool.map(count_all, [*chunks, paths[workers * size :]]))


def without_the_pool(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: no trip at all."""
    return count_all(paths)


def different_files(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: a file that is there twice is counted once."""
    return added(
        pool.map(count_all, chunked(sorted(set(paths)), max(1, len(paths) // (4 * workers))))
    )


def says_nothing(paths: Files, pool: Executor, workers: int) -> None:
    """Wrong: nothing is returned."""
    added(pool.map(count_all, chunked(paths, max(1, len(paths) // (4 * workers)))))


def not_added_up(paths: Files, pool: Executor, workers: int) -> Any:
    """Wrong: the words of each chunk."""
    return list(pool.map(count_all, chunked(paths, max(1, len(paths) // (4 * workers)))))


def the_last_only(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: the words of the last chunk replace those of the others."""
    total: Counter[str] = Counter()
    for words in pool.map(count_all, chunked(paths, max(1, len(paths) // (4 * workers)))):
        total |= words
    return total


def eight_files(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: never more than eight files in a chunk, so many files are too many chunks."""
    return added(pool.map(count_all, chunked(paths, max(1, min(8, len(paths) // workers)))))


def counts_here_too(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: the pool is asked, and everything is counted here once more."""
    list(pool.map(count_all, chunked(paths, max(1, len(paths) // (4 * workers)))))
    return count_all(paths)


def by_chunksize(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Right: the pool makes the chunks."""
    size = max(1, len(paths) // (4 * workers))
    return added(pool.map(count_all, [[path] for path in paths], chunksize=size))


def sixteen(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: for more than sixteen workers some have nothing to do."""
    return added(pool.map(count_all, chunked(paths, max(1, -(-len(paths) // 16)))))


def by_chunk(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Wrong: of two chunks that are equal, one is forgotten."""
    chunks = [tuple(chunk) for chunk in chunked(paths, max(1, len(paths) // (4 * workers)))]
    futures = {chunk: pool.submit(count_all, chunk) for chunk in chunks}
    return added(future.result() for future in futures.values())


WRONG_CHUNKS = [
    (counts_here_too, "were counted here, too"),
    (by_chunk, "not the words of all files"),
    (sixteen, "60 files and 20 workers"),
    (eight_files, "At most 16 will do"),
    (fifteen, "one call had 15 of the files"),
    (eight_chunks, "48 files and 16 workers"),
    (rest_is_lost, "not the words of all files"),
    (no_least_size, "raised"),
    (rest_goes_to_the_last, "others had nothing to do"),
    (without_the_pool, "the pool was not asked"),
    (different_files, "not the words of all files"),
    (says_nothing, "gave back None"),
    (not_added_up, "added up, not [Counter("),
    (the_last_only, "not the words of all files"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_CHUNKS)
def test_chunks_that_do_not_fit_are_refused(answer: Any, says: str) -> None:
    refused("choosing.chunks", answer, says)


def a_chunk_each(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Right: every worker gets its share, and the files are dealt out like cards."""
    return added(pool.map(count_all, [paths[n::workers] for n in range(workers)]))


def rounded_up(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Right: chunks of a share, rounded up."""
    size = -(-len(paths) // workers)
    return added(pool.map(count_all, [paths[n : n + size] for n in range(0, len(paths), size)]))


def as_they_come(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """Right: words may be added in any order."""
    size = max(1, len(paths) // (3 * workers))
    futures = [pool.submit(count_all, chunk) for chunk in chunked(paths, size)]
    total: Counter[str] = Counter()
    for future in as_completed(futures):
        total.update(future.result())
    return total


@pytest.mark.parametrize("answer", [a_chunk_each, rounded_up, as_they_come, by_chunksize])
def test_chunks_that_fit_are_taken(answer: Any) -> None:
    taken("choosing.chunks", answer)


# --------------------------------------------------------------------- tools


def swapped(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: processes wait, and threads compute."""
    with ProcessPoolExecutor(2, mp_context=spawn) as many, ThreadPoolExecutor(cpus) as few:
        return list(many.map(fetch, urls)), list(few.map(compute, numbers))


def default_threads(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: a pool that is not told how many threads has not enough of them."""
    with ThreadPoolExecutor() as threads, ProcessPoolExecutor(cpus, mp_context=spawn) as some:
        return list(threads.map(fetch, urls)), list(some.map(compute, numbers))


def two_processes(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: two, whatever the number of CPUs."""
    with ThreadPoolExecutor(len(urls)) as threads, ProcessPoolExecutor(2, mp_context=spawn) as some:
        return list(threads.map(fetch, urls)), list(some.map(compute, numbers))


def one_process(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: one, while the other CPUs have nothing to do."""
    with ThreadPoolExecutor(len(urls)) as threads, ProcessPoolExecutor(1, mp_context=spawn) as one:
        return list(threads.map(fetch, urls)), list(one.map(compute, numbers))


def as_it_comes(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: the first page to come is the first in the list."""
    with (
        ThreadPoolExecutor(len(urls)) as threads,
        ProcessPoolExecutor(cpus, mp_context=spawn) as some,
    ):
        pages = [threads.submit(fetch, url) for url in urls]
        squares = list(some.map(compute, numbers))
        return [page.result() for page in as_completed(pages)], squares


def by_name(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: a url that is there twice is a key that is there once."""
    with (
        ThreadPoolExecutor(len(urls)) as threads,
        ProcessPoolExecutor(cpus, mp_context=spawn) as some,
    ):
        pages = {url: threads.submit(fetch, url) for url in urls}
        squares = {number: some.submit(compute, number) for number in numbers}
        return [p.result() for p in pages.values()], [s.result() for s in squares.values()]


def not_yet_lists(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: what map gives is no list."""
    with (
        ThreadPoolExecutor(len(urls)) as threads,
        ProcessPoolExecutor(cpus, mp_context=spawn) as some,
    ):
        return threads.map(fetch, urls), some.map(compute, numbers)


def forked(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: forks while threads run, and where there is no fork it does not run at all."""
    context = multiprocessing.get_context("fork")
    with ThreadPoolExecutor(len(urls)) as threads:
        pages = threads.map(fetch, urls)
        with ProcessPoolExecutor(cpus, mp_context=context) as some:
            squares = list(some.map(compute, numbers))
        return list(pages), squares


def sixty_four(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: enough for 64 urls, and not for more."""
    with ThreadPoolExecutor(64) as threads, ProcessPoolExecutor(cpus, mp_context=spawn) as some:
        return list(threads.map(fetch, urls)), list(some.map(compute, numbers))


def two_hundred(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: two hundred are many, and one more is too many."""
    with ThreadPoolExecutor(200) as threads, ProcessPoolExecutor(cpus, mp_context=spawn) as some:
        return list(threads.map(fetch, urls)), list(some.map(compute, numbers))


def rest_is_left(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Wrong: as many numbers for each, and nobody takes the rest."""
    size = len(numbers) // cpus
    with ThreadPoolExecutor(len(urls)) as threads:
        pages = threads.map(fetch, urls)
        with ProcessPoolExecutor(cpus, mp_context=spawn) as some:
            parts = [some.map(compute, numbers[n * size : (n + 1) * size]) for n in range(cpus)]
            return list(pages), [square for part in parts for square in part]


WRONG_TOOLS = [
    (sixty_four, "64 urls were waited for at once"),
    (two_hundred, "201 urls, 2 numbers, 1 CPUs: 200 urls were waited for at once"),
    (rest_is_left, "those are not the numbers"),
    (swapped, "fetch was called in another process"),
    (default_threads, "urls were waited for at once"),
    (two_processes, "3 urls, 4 numbers, 1 CPUs: compute ran in 2 processes"),
    (one_process, "no more than 1 computed at once"),
    (as_it_comes, "not in the order of what came in"),
    (by_name, "those are not the pages"),
    (not_yet_lists, "no list yet"),
    pytest.param(
        forked,
        "this process was forked",
        marks=pytest.mark.skipif(
            "fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here"
        ),
    ),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_TOOLS)
def test_tools_for_the_wrong_work_are_refused(answer: Any, says: str) -> None:
    refused("choosing.tools", answer, says)


def threads_by_hand(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Right: a thread for each url, and the other kind of pool."""
    pages = [""] * len(urls)

    def one(place: int, url: Any) -> None:
        pages[place] = fetch(url)

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(urls)]
    for thread in threads:
        thread.start()
    with spawn.Pool(cpus) as pool:
        squares = pool.map(compute, numbers, chunksize=1)
    for thread in threads:
        thread.join()
    return pages, squares


def one_after_the_other(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Right: each with its tool; first one kind of work, then the other."""
    with ProcessPoolExecutor(max_workers=cpus) as processes:
        squares = [processes.submit(compute, number) for number in numbers]
        squares = [each.result() for each in squares]
    with ThreadPoolExecutor(max_workers=len(urls)) as threads:
        return list(threads.map(fetch, urls)), squares


def new_processes(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Right: several processes one after the other, never more than CPUs at once."""
    with ThreadPoolExecutor(len(urls)) as threads:
        pages = threads.map(fetch, urls)
        with spawn.Pool(cpus, maxtasksperchild=2) as pool:
            squares = pool.map(compute, numbers, 1)
            pool.close()
            pool.join()
        return list(pages), squares


def two_hundred_or_more(fetch: Work, urls: Any, compute: Work, numbers: Any, cpus: int) -> Lists:
    """Right: a pool that has too many threads has none too few."""
    with ThreadPoolExecutor(max(200, len(urls))) as threads:
        pages = threads.map(fetch, urls)
        with ProcessPoolExecutor(cpus, mp_context=spawn) as some:
            return list(pages), list(some.map(compute, numbers))


@pytest.mark.parametrize(
    "answer", [threads_by_hand, one_after_the_other, new_processes, two_hundred_or_more]
)
def test_the_right_tools_are_taken_however_they_are_held(answer: Any) -> None:
    taken("choosing.tools", answer)


def test_a_check_leaves_the_start_method_as_it_was() -> None:
    before = multiprocessing.get_start_method(allow_none=True)
    taken("choosing.tools", find("choosing.tools").solution)
    assert multiprocessing.get_start_method(allow_none=True) == before
    assert os.getpid() == multiprocessing.current_process().pid


# --------------------------------------------------------------------- album

Photos = list[bytes | None]


def one_by_one(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: right, and nobody waits beside anybody."""
    found: Photos = []
    for url in urls:
        try:
            found.append(shrink(fetch(url)))
        except Exception:
            found.append(None)
    return found


def a_thread_each(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: as many at once as there are urls."""
    return find("choosing.album").solution(fetch, shrink, urls, max(1, len(urls)))


def as_they_are_done(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: the first to be done is the first in the list."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(lambda url: shrink(fetch(url)), url) for url in urls]
        return [None if f.exception() else f.result() for f in as_completed(futures)]


def leaves_them_out(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: what failed has no entry."""
    made = find("choosing.album").solution(fetch, shrink, urls, workers)
    return [each for each in made if each is not None]


def forgives_downloads_only(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: what cannot be made small ends it all."""

    def quiet(url: str) -> Any:
        try:
            return fetch(url)
        except Exception:
            return None

    with ThreadPoolExecutor(workers) as pool:
        return [photo if photo is None else shrink(photo) for photo in pool.map(quiet, urls)]


def tries_again(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: what failed is downloaded once more."""

    def small(url: str) -> bytes | None:
        for _ in range(2):
            try:
                return shrink(fetch(url))
            except Exception:
                pass
        return None

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(small, urls))


def each(small: Callable[[Work, Work, str], Any]) -> Any:
    """An album whose photographs are each made by this."""

    def answer(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda url: small(fetch, shrink, url), urls))

    return answer


def knows_two_errors(fetch: Work, shrink: Work, url: str) -> Any:
    """Wrong: there are other errors."""
    try:
        return shrink(fetch(url))
    except (OSError, ValueError):
        return None


def none_for_the_empty(fetch: Work, shrink: Work, url: str) -> Any:
    """Wrong: an empty thumbnail is one."""
    with suppress(Exception):
        return shrink(fetch(url)) or None


def no_empty_photo(fetch: Work, shrink: Work, url: str) -> Any:
    """Wrong: an empty photograph is one, too."""
    with suppress(Exception):
        photo = fetch(url)
        return shrink(photo) if photo else None


def in_batches(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: one that takes long holds up all others."""
    solution, found = find("choosing.album").solution, list[Any]()
    for first in range(0, len(urls), workers):
        found += solution(fetch, shrink, urls[first : first + workers], workers)
    return found


def does_not_wait(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Wrong: one more thread, which nobody joins."""
    threading.Thread(target=threading.Event().wait, args=[3], daemon=True).start()
    return find("choosing.album").solution(fetch, shrink, urls, workers)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (one_by_one, "1 were downloaded at once, and it could be 4"),
        (a_thread_each, "more than there are workers"),
        (as_they_are_done, "not in the order of the urls"),
        (leaves_them_out, "the list has 8 entries"),
        (forgives_downloads_only, "is no picture"),
        (tries_again, "fetch was called 14 times"),
        (each(knows_two_errors), "Moved"),
        (each(none_for_the_empty), "those are not the thumbnails"),
        (each(no_empty_photo), "those are not the thumbnails"),
        (does_not_wait, "still alive"),
        (in_batches, "did not begin"),
    ],
)
def test_an_album_that_is_not_right_is_refused(answer: Any, says: str) -> None:
    refused("choosing.album", answer, says)


def with_places(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Right: a thread for each, and a semaphore for the downloads."""
    found: Photos = [None] * len(urls)
    places = threading.Semaphore(workers)

    def one(place: int, url: str) -> None:
        try:
            with places:
                photo = fetch(url)
            found[place] = shrink(photo)
        except Exception:
            found[place] = None

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(urls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def by_futures(fetch: Work, shrink: Work, urls: Any, workers: int) -> Photos:
    """Right: a future knows its exception; and whoever downloads need not make it small."""
    with ThreadPoolExecutor(workers) as pool, ThreadPoolExecutor(2) as others:
        photos = [pool.submit(fetch, url) for url in urls]
        small = [None if p.exception() else others.submit(shrink, p.result()) for p in photos]
        return [None if each is None or each.exception() else each.result() for each in small]


@pytest.mark.parametrize("answer", [with_places, by_futures])
def test_an_album_that_is_right_is_taken(answer: Any) -> None:
    taken("choosing.album", answer)


def test_a_decision_that_does_not_hold_is_answered_by_a_question_and_not_by_the_reason() -> None:
    for number, (tool, reason) in DECISIONS.items():
        for other in {"serial", "threads", "processes"} - {tool}:
            answer = {**DECISIONS, number: (other, "waiting")}
            held, sentence = verdict(find("choosing.decide"), answer)
            assert not held
            assert REASONS[reason].says not in sentence
            assert sentence.endswith("?")
