"""Lesson 10: wrong albums of thoughtful learners are refused, unusual right ones are taken.

Two architectures on the same checks: a plain function works with threads and
processes, an async def with tasks.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from multiprocessing import get_context
from multiprocessing.connection import Listener
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from helpers.ending import end_threads, unreported
from helpers.exercises import capstone, find
from helpers.exercises._studio import Shrink
from helpers.exercises.capstone import runs
from helpers.exercises.capstone.albums import (
    album_of_tasks,
    album_of_threads,
    one_by_one,
    stage_by_stage,
)
from helpers.lesson import verdict

Failed = dict[str, Any]
STEPS = ("complete", "faults", "bounded", "overlap", "ends")


def tried(download: Any, url: str, times: int = 3) -> Any:
    for _ in range(times - 1):
        try:
            return download(url)
        except Exception:
            pass
    return download(url)


# ------------------------------------------------------------------------ right


def with_processes(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """Right: threads wait, processes compute."""
    context = get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:

        def elsewhere(photo: bytes) -> Any:
            return pool.submit(shrink, photo).result()

        return album_of_threads(urls, download, elsewhere, note, most, stop)


def by_stages(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    """Right: three threads to download, one for each other stage, and what waits is counted, too.

    Three in hand, one to shrink, one to note; each queue has room for one, and `most` is 6 or more.
    """
    failed: Failed = {}
    errors: list[BaseException] = []
    crew = most - 5 + 1
    todo: Queue[Any] = Queue()
    photos: Queue[Any] = Queue(1)
    small: Queue[Any] = Queue(1)

    def over() -> bool:
        return stop.is_set() or bool(errors)

    def downloads() -> None:
        for url in iter(todo.get, None):
            if over():
                continue
            try:
                photo = tried(download, url)
            except Exception as error:
                failed[url] = error
            else:
                photos.put((url, photo))
        photos.put(None)

    def shrinks() -> None:
        for _ in range(crew):
            for url, photo in iter(photos.get, None):
                if over():
                    continue
                try:
                    small.put((url, shrink(photo)))
                except Exception as error:
                    failed[url] = error
        small.put(None)

    def notes() -> None:
        for url, thumbnail in iter(small.get, None):
            if over():
                continue
            try:
                note(url, thumbnail)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=each) for each in (*[downloads] * crew, shrinks, notes)]
    for thread in threads:
        thread.start()
    for url in [*urls, *[None] * crew]:
        todo.put(url)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return failed


def by_a_window(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    """Right: no more than `most` futures at once; who has ended makes room for the next one."""
    failed: Failed = {}

    def one(url: str) -> None:
        try:
            small = shrink(tried(download, url))
        except Exception as error:
            failed[url] = error
        else:
            note(url, small)

    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(most) as pool:
        for url in urls:
            if len(under_way) == most:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
            if stop.is_set():
                break
            under_way.add(pool.submit(one, url))
    for future in under_way:
        future.result()
    return failed


async def by_workers(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """Right: so many workers that share an iterator, and a process pool beside a thread."""
    failed: Failed = {}
    todo, loop = iter(urls), asyncio.get_running_loop()

    async def work() -> None:
        for url in todo:
            for left in (2, 1, 0):
                try:
                    photo = await download(url)
                    small = await loop.run_in_executor(processes, shrink, photo)
                    break
                except Exception as error:
                    if not left:
                        failed[url] = error
            else:
                continue
            await loop.run_in_executor(threads, note, url, small)

    spawn = get_context("spawn")
    with ThreadPoolExecutor(most) as threads, ProcessPoolExecutor(2, spawn) as processes:
        async with asyncio.TaskGroup() as group:
            for _ in range(most):
                group.create_task(work())
    return failed


async def shielded(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """Right: whoever is cancelled while a thread works for it waits for that thread first."""
    failed: Failed = {}
    places = asyncio.Semaphore(most)

    async def beside(function: Any, *args: Any) -> Any:
        call = asyncio.ensure_future(asyncio.to_thread(function, *args))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call])
            raise

    async def one(url: str) -> None:
        async with places:
            try:
                small = await beside(shrink, await again(download, url))
            except Exception as error:
                failed[url] = error
            else:
                await beside(note, url, small)

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return failed


async def again(download: Callable[[str], Awaitable[Any]], url: str) -> Any:
    for _ in range(2):
        try:
            return await download(url)
        except Exception:
            pass
    return await download(url)


async def by_stages_of_tasks(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """Right: a task for each worker of a stage, and queues with room for one between them."""
    failed: Failed = {}
    todo, beside = iter(urls), asyncio.get_running_loop().run_in_executor
    photos: asyncio.Queue[Any] = asyncio.Queue(1)
    small: asyncio.Queue[Any] = asyncio.Queue(1)

    async def downloads() -> None:
        for url in todo:
            try:
                photo = await again(download, url)
            except Exception as error:
                failed[url] = error
            else:
                await photos.put((url, photo))

    async def shrinks() -> None:
        while (pair := await photos.get()) is not None:
            try:
                made = await beside(pool, shrink, pair[1])
            except Exception as error:
                failed[pair[0]] = error
            else:
                await small.put((pair[0], made))
        await small.put(None)

    async def notes() -> None:
        while (pair := await small.get()) is not None:
            await beside(pool, note, *pair)

    with ThreadPoolExecutor(2) as pool:
        async with asyncio.TaskGroup() as rest:
            rest.create_task(shrinks())
            rest.create_task(notes())
            async with asyncio.TaskGroup() as crew:
                for _ in range(most - 4):
                    crew.create_task(downloads())
            await photos.put(None)
    return failed


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", [by_stages, by_a_window])
def test_an_unusual_album_is_taken(step: str, answer: Any) -> None:
    held, sentence = verdict(find(f"capstone.{step}"), answer)
    assert held, sentence


@pytest.mark.parametrize(
    ("step", "answer"),
    [(step, answer) for answer in (with_processes, by_workers) for step in STEPS]
    if os.environ.get("EXAMPLES")  # each run starts two processes
    else [("overlap", with_processes), ("ends", with_processes), ("faults", by_workers)],
)
def test_processes_may_make_them_small(step: str, answer: Any) -> None:
    held, sentence = verdict(find(f"capstone.{step}"), answer)
    assert held, sentence


@pytest.mark.parametrize("answer", [shielded, by_stages_of_tasks])
def test_an_unusual_album_of_tasks_is_taken(answer: Any) -> None:
    held, sentence = verdict(find("capstone.tasks"), answer)
    assert held, sentence


# ------------------------------------------------------------------------ wrong


def as_they_come(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    """What comes out first gets the first address."""
    with ThreadPoolExecutor(most) as pool:
        calls = [pool.submit(download, url) for url in urls]
        for url, call in zip(urls, as_completed(calls), strict=True):
            note(url, shrink(call.result()))
    return {}


def looks_first(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    """Downloads each one twice: once to see whether it comes."""
    for url in urls:
        download(url)
    return album_of_threads(urls, download, shrink, note, most, stop)


def notes_twice(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    def twice(url: str, small: bytes) -> None:
        note(url, small)
        note(url, small)

    return album_of_threads(urls, download, shrink, twice, most, stop)


def only_the_first_ones(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    return album_of_threads(list(urls)[:most], download, shrink, note, most, stop)


def tells_what_is_well(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Any:
    album_of_threads(urls, download, shrink, note, most, stop)
    return dict.fromkeys(urls)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (as_they_come, "under the address of another photograph"),
        (looks_first, "were downloaded again"),
        (notes_twice, "of them were noted twice"),
        (only_the_first_ones, "6 of 13 are noted when it comes back"),
        (tells_what_is_well, "none of them fails, and you tell of 13"),
        (lambda *_: {}, "0 of 13 are noted"),
    ],
)
def test_an_album_that_is_not_whole_is_refused(answer: Any, says: str) -> None:
    refused("complete", answer, says)


def one_error_ends_all(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    with ThreadPoolExecutor(most) as pool:
        list(pool.map(lambda url: note(url, shrink(tried(download, url))), urls))
    return {}


def place_lost(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    """A photograph that fails keeps its place, and soon there is none."""
    failed: Failed = {}
    places = threading.Semaphore(most)

    def one(url: str) -> None:
        try:
            small = shrink(tried(download, url))
        except Exception as error:
            failed[url] = error
            return
        note(url, small)
        places.release()

    with ThreadPoolExecutor(most) as pool:
        for url in urls:
            places.acquire()
            pool.submit(one, url)
    return failed


def tells_words(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Any:
    failed = album_of_threads(urls, download, shrink, note, most, stop)
    return {url: str(error) for url, error in failed.items()}


def one_for_all(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Any:
    """The same exception for each."""
    failed = album_of_threads(urls, download, shrink, note, most, stop)
    return dict.fromkeys(failed, RuntimeError("it has failed"))


def says_nothing(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    album_of_threads(urls, download, shrink, note, most, stop)
    return {}


def tries_for_long(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    def stubborn(url: str) -> Any:
        return tried(download, url, 2)

    return album_of_threads(urls, stubborn, shrink, note, most, stop)


async def tells_of_repaired(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """An error of the first try is still told of."""
    failed: Failed = {}

    async def noticed(url: str) -> Any:
        try:
            return await download(url)
        except Exception as error:
            failed[url] = error
            raise

    return {**await album_of_tasks(urls, noticed, shrink, note, most), **failed}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (one_error_ends_all, "8 of which fail: it ends with"),
        (place_lost, "does not come to its end"),
        (tells_words, "give its exception, not"),
        (one_for_all, "none of the exceptions of its download"),
        (says_nothing, "cannot be made, and you do not tell of it"),
        (tries_for_long, "was tried 6 times, not 3"),
        (tells_of_repaired, "which did not fail"),
        (one_by_one, "8 of which fail: it ends with"),
    ],
)
def test_an_album_that_loses_something_to_a_fault_is_refused(
    answer: Any, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is place_lost:
        monkeypatch.setattr(runs, "WAIT", 2.5)
    refused("faults", answer, says)


def counts_the_queue_only(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """A queue for `most`, and those that are in somebody's hands besides."""
    photos: Queue[Any] = Queue(most)

    def downloads() -> None:
        for url in urls:
            photos.put((url, download(url)))
        photos.put(None)

    thread = threading.Thread(target=downloads)
    thread.start()
    for url, photo in iter(photos.get, None):
        note(url, shrink(photo))
    thread.join()
    return {}


async def gathers(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    photos = await asyncio.gather(*(download(url) for url in urls))
    for url, photo in zip(urls, photos, strict=True):
        await asyncio.to_thread(note, url, await asyncio.to_thread(shrink, photo))
    return {}


async def limits_the_downloads(
    urls: Any, download: Any, shrink: Any, note: Any, most: int
) -> Failed:
    """The place is given back when the photograph has come, and it waits without one."""
    places = asyncio.Semaphore(most)

    async def one(url: str) -> None:
        async with places:
            photo = await download(url)
        await asyncio.to_thread(note, url, await asyncio.to_thread(shrink, photo))

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return {}


def place_for_the_rest(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """A place is taken when the photograph has come."""
    places = threading.Semaphore(most)

    def one(url: str) -> None:
        photo = download(url)
        with places:
            note(url, shrink(photo))

    with ThreadPoolExecutor(2 * most) as pool:
        list(pool.map(one, urls))
    return {}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (place_for_the_rest, "were in memory at once"),
        (counts_the_queue_only, "were in memory at once"),
        (gathers, "were in memory at once"),
        (limits_the_downloads, "were in memory at once"),
        (lambda *_: {}, "0 of 24 are noted"),
    ],
)
def test_an_album_that_fills_the_memory_is_refused(answer: Any, says: str) -> None:
    refused("bounded", answer, says)


async def in_the_loop(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    places = asyncio.Semaphore(most)

    async def one(url: str) -> None:
        async with places:
            note(url, shrink(await download(url)))

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return {}


def by_chunks(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    for first in range(0, len(urls), most):
        stage_by_stage(urls[first : first + most], download, shrink, note, most, stop)
    return {}


@pytest.mark.parametrize("answer", [one_by_one, stage_by_stage, in_the_loop, by_chunks])
def test_an_album_whose_stages_wait_for_each_other_is_refused(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capstone, "TURN", 0.5)
    refused("overlap", answer, "were never all at work at the same time")


def no_error_comes_out(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """A database that is gone is taken for a fault of the photograph."""
    failed: Failed = {}

    def one(url: str) -> None:
        if not stop.is_set():
            try:
                note(url, shrink(tried(download, url)))
            except Exception as error:
                failed[url] = error

    with ThreadPoolExecutor(most) as pool:
        list(pool.map(one, urls))
    return failed


def goes_on_after_an_error(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """The error comes out, when all others have been tried."""
    failed: Failed = {}

    def one(url: str) -> None:
        if stop.is_set():
            return
        try:
            small = shrink(tried(download, url))
        except Exception as error:
            failed[url] = error
        else:
            note(url, small)

    with ThreadPoolExecutor(most) as pool:
        calls = [pool.submit(one, url) for url in urls]
    for call in calls:
        call.result()
    return failed


def looks_when_handed_in(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """Whoever submits looks at stop, and has submitted everything before anybody presses it."""
    with ThreadPoolExecutor(most) as pool:
        for url in urls:
            if stop.is_set():
                break
            pool.submit(one_by_one, [url], download, shrink, note, most, stop)
    return {}


def leaves_a_thread(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any
) -> Failed:
    """Somebody waits at an empty queue, and nobody tells it that it is over."""
    line: Queue[Any] = Queue()
    threading.Thread(target=line.get, daemon=True, name="waiter").start()
    return album_of_threads(urls, download, shrink, note, most, stop)


def does_not_wait(urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: Any) -> Failed:
    """Stop is heard at once, and what is under way goes on alone."""
    pool = ThreadPoolExecutor(most)
    calls = [
        pool.submit(one_by_one, [url], download, shrink, note, most, stop)  # of one photograph
        for url in urls
    ]
    while not all(call.done() for call in calls):
        if stop.wait(0.005) or any(call.done() and call.exception() for call in calls):
            break
    pool.shutdown(wait=False, cancel_futures=True)
    for call in calls:
        if call.done() and not call.cancelled():
            call.result()
    return {}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (no_error_comes_out, "the error of note did not come out"),
        (looks_when_handed_in, "were begun after Stop"),
        (goes_on_after_an_error, "downloads were begun after it"),
        (leaves_a_thread, "waiter was still there"),
        (does_not_wait, "was still under way"),
        (one_by_one, "were begun after Stop"),
        (lambda *_: {}, "it comes back, and 0 are noted"),
    ],
)
def test_an_album_that_does_not_end_is_refused(
    answer: Any, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is leaves_a_thread:
        monkeypatch.setattr(runs, "WAIT", 2.5)
        monkeypatch.setattr(runs, "GRACE", 0.3)
    refused("ends", answer, says)


async def gathered_at_the_end(
    urls: Any, download: Any, shrink: Any, note: Any, most: int
) -> Failed:
    """gather passes the error of note on, and the other tasks go on."""
    failed: Failed = {}
    places, beside = asyncio.Semaphore(most), asyncio.get_running_loop().run_in_executor

    async def one(url: str) -> None:
        async with places:
            try:
                small = await beside(pool, shrink, await again(download, url))
            except Exception as error:
                failed[url] = error
            else:
                await beside(pool, note, url, small)

    with ThreadPoolExecutor(most) as pool:
        await asyncio.gather(*map(one, urls))
    return failed


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (gathered_at_the_end, "note"),  # it comes back, or more downloads begin: whichever is first
        (album_of_threads, "must be an async def"),
        (gathers, "was still under way"),
        (limits_the_downloads, "was still under way"),
        (in_the_loop, "of which fail: it ends with"),
    ],
)
def test_an_album_of_tasks_that_does_not_hold_is_refused(answer: Any, says: str) -> None:
    refused("tasks", answer, says)


def refused(step: str, answer: Any, says: str) -> None:
    held, sentence = verdict(find(f"capstone.{step}"), answer)
    assert not held, sentence
    assert says in sentence
    assert "\n" not in sentence


def test_a_thread_that_shrinks_can_be_ended_though_nobody_answers() -> None:
    with Listener(("127.0.0.1", 0)) as silent:
        address: Any = silent.address
        thread = Thread(target=Shrink(address), args=[b"a photograph"], daemon=True)
        thread.start()
        with silent.accept() as line, unreported():
            line.recv_bytes()
            assert end_threads([thread]) == {}
