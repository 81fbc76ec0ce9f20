"""Albums that hold, and albums that only seem to: answers to the exercises of lesson 10."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

TRIES = 3  # downloads of a photograph, until it has failed

Failed = dict[str, BaseException]

# ------------------------------------------------------------------ two solutions


def album_of_threads(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """A solution: each of `most` threads takes a photograph all the way."""
    failed: Failed = {}
    broken = threading.Event()

    def tried(url: str) -> Any:
        for _ in range(TRIES - 1):
            try:
                return download(url)
            except Exception:
                if stop.is_set():
                    raise
        return download(url)

    def one(url: str) -> None:
        if stop.is_set() or broken.is_set():
            return
        try:
            small = shrink(tried(url))
        except Exception as error:
            failed[url] = error
            return
        try:
            note(url, small)
        except BaseException:
            broken.set()
            raise

    with ThreadPoolExecutor(most) as pool:
        futures = [pool.submit(one, url) for url in urls]
    for future in futures:
        future.result()
    return failed


async def album_of_tasks(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """A solution: a task for each photograph, and threads for what does not await.

    The pool's `with` waits for its threads, also when the tasks are cancelled.
    """
    failed: Failed = {}
    places = asyncio.Semaphore(most)
    loop = asyncio.get_running_loop()

    async def tried(url: str) -> Any:
        for _ in range(TRIES - 1):
            try:
                return await download(url)
            except Exception:
                pass
        return await download(url)

    async def one(url: str) -> None:
        async with places:
            try:
                photo = await tried(url)
                small = await loop.run_in_executor(pool, shrink, photo)
            except Exception as error:
                failed[url] = error
            else:
                await loop.run_in_executor(pool, note, url, small)

    with ThreadPoolExecutor(most) as pool:
        async with asyncio.TaskGroup() as group:
            for url in urls:
                group.create_task(one(url))
    return failed


# ----------------------------------------------------- the starter, and wrong answers


def nothing_yet(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> None:
    """The starter of threads."""


async def nothing_awaited(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> None:
    """The starter of tasks."""


def one_by_one(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """The serial version: complete, and nothing else."""
    for url in urls:
        note(url, shrink(download(url)))
    return {}


def stage_by_stage(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: all are downloaded, then all are made small, then all are noted."""
    with ThreadPoolExecutor(most) as pool:
        photos = list(pool.map(download, urls))
        small = list(pool.map(shrink, photos))
        list(pool.map(note, urls, small))
    return {}


def comes_back_early(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: all is handed to a pool, and nobody waits for it."""
    pool = ThreadPoolExecutor(most)
    for url in urls:
        pool.submit(one_by_one, [url], download, shrink, note, most, stop)
    pool.shutdown(wait=False)
    return {}


def gives_up_at_once(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: nobody tries again."""
    failed: Failed = {}

    def one(url: str) -> None:
        try:
            small = shrink(download(url))
        except Exception as error:
            failed[url] = error
        else:
            note(url, small)

    with ThreadPoolExecutor(most) as pool:
        list(pool.map(one, urls))
    return failed


def goes_on_after_stop(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: nobody looks at `stop`."""
    return album_of_threads(urls, download, shrink, note, most, threading.Event())


async def threads_go_on(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """Wrong: a task can be cancelled, and the thread that it waits for goes on."""
    failed: Failed = {}
    places = asyncio.Semaphore(most)

    async def one(url: str) -> None:
        async with places:
            for _ in range(TRIES):
                try:
                    small = await asyncio.to_thread(shrink, await download(url))
                except Exception as error:
                    failed[url] = error
                    continue
                failed.pop(url, None)
                await asyncio.to_thread(note, url, small)
                break

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return failed
