"""Lesson 02: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

import pytest
from test_answers_start import refused, taken

from helpers.exercises import threads

Work = Callable[[Any], Any]
Look = Callable[[], object]

# ------------------------------------------------------------------- collect


def sorted_results(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: the order of the alphabet is not that of the items."""
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(work, item) for item in items]
        return sorted((future.result() for future in as_completed(futures)), key=str)


def first_by_the_clock(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: the error that comes first is raised, not that of the first item."""
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(work, item) for item in items]
        for future in as_completed(futures):
            future.result()
    return [future.result() for future in futures]


def cancels_the_rest(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: after an error, the calls that had not begun are lost."""
    pool = ThreadPoolExecutor(2)
    futures = [pool.submit(work, item) for item in items]
    wait(futures, return_when=FIRST_EXCEPTION)
    pool.shutdown(cancel_futures=True)
    for future in futures:
        if not future.cancelled() and future.exception():
            future.result()
    return [future.result() for future in futures]


def raises_early(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: it raises while other calls go on."""
    callers = [Caller(work, item) for item in items]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
        if caller.error is not None:
            raise caller.error
    return [caller.result for caller in callers]


def does_not_wait(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: shutdown need not wait, and then it does not."""
    pool = ThreadPoolExecutor(len(items))
    futures = [pool.submit(work, item) for item in items]
    pool.shutdown(wait=False)
    return [future.result() for future in futures]


def leaves_its_pool(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: nobody ends the threads of the pool."""
    pool = ThreadPoolExecutor(len(items))
    futures = [pool.submit(work, item) for item in items]
    wait(futures)
    return [future.result() for future in futures]


_pool: list[ThreadPoolExecutor] = []


def keeps_its_pool(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: a pool for ever."""
    _pool.append(ThreadPoolExecutor(3))
    futures = [_pool[-1].submit(work, item) for item in items]
    wait(futures)
    return [future.result() for future in futures]


def without_false_results(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: None and 0 are results, too."""
    with ThreadPoolExecutor(len(items)) as pool:
        results = list(pool.map(work, items))
    return [result for result in results if result]


def by_key(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: an item that stands there twice has one future."""
    with ThreadPoolExecutor(len(items)) as pool:
        futures = {item: pool.submit(work, item) for item in items}
    return [future.result() for future in futures.values()]


def one_at_a_time(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: each future is asked before the next call is handed in."""
    with ThreadPoolExecutor(len(items)) as pool:
        return [pool.submit(work, item).result() for item in items]


def errors_as_results(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: an exception stands among the results, and nobody raises it."""
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(work, item) for item in items]
    return [future.exception() or future.result() for future in futures]


def last_error(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: each error takes the place of the one before."""
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(work, item) for item in items]
    failed = None
    for future in futures:
        failed = future.exception() or failed
    if failed:
        raise failed
    return [future.result() for future in futures]


def args_is_the_item(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: args wants a tuple."""
    threads = [Thread(target=work, args=item) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return []


def lazily(work: Work, items: Sequence[Any]) -> Iterator[Any]:
    """Wrong: what map gives is no list."""
    with ThreadPoolExecutor(len(items)) as pool:
        return pool.map(work, items)


def small_pool(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: two at once are enough."""
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, item) for item in items]
    return [future.result() for future in futures]


def futures_by_hand(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: threads that fill futures."""
    futures: list[Future[Any]] = [Future() for _ in items]

    def fill(future: Future[Any], item: Any) -> None:
        try:
            future.set_result(work(item))
        except BaseException as error:
            future.set_exception(error)

    threads = [Thread(target=fill, args=pair) for pair in zip(futures, items, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [future.result() for future in futures]


def through_a_queue(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: each outcome comes through a queue, with its number."""
    outcomes: Queue[tuple[int, Any, Exception | None]] = Queue()

    def call(number: int) -> None:
        try:
            outcomes.put((number, work(items[number]), None))
        except Exception as error:
            outcomes.put((number, None, error))

    threads = [Thread(target=call, args=(number,)) for number in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted((outcomes.get() for _ in items), key=lambda outcome: outcome[0])
    for _, _, error in ordered:
        if error is not None:
            raise error
    return [result for _, result, _ in ordered]


class Caller(Thread):
    """A thread that keeps what its call gave or raised."""

    def __init__(self, work: Work, item: Any) -> None:
        super().__init__()
        self.work, self.item = work, item
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.work(self.item)
        except BaseException as error:
            self.error = error


def subclass_of_thread(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: the thread itself keeps both."""
    callers = [Caller(work, item) for item in items]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for caller in callers:
        if caller.error is not None:
            raise caller.error
    return [caller.result for caller in callers]


def shut_down_by_hand(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: without a with, and all the same the pool is ended."""
    pool = ThreadPoolExecutor()
    try:
        futures = [pool.submit(work, item) for item in items]
        return [future.result() for future in futures]
    finally:
        pool.shutdown()


def sleeps(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: whoever takes longer than a second is not waited for."""
    callers = [Caller(work, item) for item in items]
    for caller in callers:
        caller.start()
    time.sleep(1)
    for caller in callers:
        if caller.error is not None:
            raise caller.error
    return [getattr(caller, "result", None) for caller in callers]


def joins_for_a_second(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: so is a join with a time limit."""
    callers = [Caller(work, item) for item in items]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(1)
    for caller in callers:
        if caller.error is not None:
            raise caller.error
    return [getattr(caller, "result", None) for caller in callers]


def joins_for_two_seconds(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: nor is a longer limit long enough."""
    callers = [Caller(work, item) for item in items]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=2)
    for caller in callers:
        if caller.error is not None:
            raise caller.error
    return [getattr(caller, "result", None) for caller in callers]


def maps_with_ten(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: right for as many items as the pool has threads."""
    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(work, items))


def maps_with_four(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: map cancels what has not begun as soon as the first error comes out."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))


def maps_with_all(work: Work, items: Sequence[Any]) -> list[Any]:
    """Right: a thread for each item, so none is left to be cancelled."""
    threads = [Caller(work, item) for item in items]
    with ThreadPoolExecutor(len(items)) as pool:
        list(pool.map(Caller.run, threads))
    errors = [thread.error for thread in threads if thread.error is not None]
    for error in errors:
        raise error
    return [thread.result for thread in threads]


def exceptions_among_results(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: an exception may be a result, and then nothing has failed."""

    async def main() -> list[Any]:
        calls = [asyncio.to_thread(work, item) for item in items]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(main())
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def made_anew(work: Work, items: Sequence[Any]) -> list[Any]:
    """Wrong: a copy of the error knows nothing of what has happened."""
    try:
        return subclass_of_thread(work, items)
    except Exception as error:
        raise type(error)(*error.args) from None


COLLECT = {
    exceptions_among_results: "not failed",
    made_anew: "is another one",
    sleeps: "calls had ended",
    joins_for_a_second: "calls had ended",
    joins_for_two_seconds: "Thread.join has a time-out",
    maps_with_ten: "never worked on",
    maps_with_four: "never worked on",
    sorted_results: "not in the order of the items",
    first_by_the_clock: "not the first by the clock",
    cancels_the_rest: "never worked on",
    raises_early: "calls had ended",
    does_not_wait: "when collect",
    leaves_its_pool: "of its threads had not",
    keeps_its_pool: "of its threads had not",
    without_false_results: "the results should be",
    by_key: "the results should be",
    one_at_a_time: "never two at once",
    errors_as_results: "as if all were well",
    last_error: "The first by the order of the items should",
    args_is_the_item: "args must be a tuple",
    lazily: "list(...)",
}


@pytest.mark.parametrize("answer", COLLECT)
def test_a_wrong_collect_is_refused(answer: Any) -> None:
    refused("threads.collect", answer, COLLECT[answer])
    while _pool:
        _pool.pop().shutdown()


COLLECTING = [
    maps_with_all,
    small_pool,
    futures_by_hand,
    through_a_queue,
    subclass_of_thread,
    shut_down_by_hand,
]


@pytest.mark.parametrize("answer", COLLECTING)
def test_an_unusual_right_collect_is_taken(answer: Any) -> None:
    taken("threads.collect", answer)


# ------------------------------------------------------------------- gallery

Fetch = Callable[[str], Any]
Show = Callable[[str, Any], object]


def shows_at_the_end(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Wrong: waits for all, then shows."""
    failed = {}
    with ThreadPoolExecutor() as pool:
        futures = {url: pool.submit(fetch, url) for url in urls}
    for url, future in futures.items():
        if error := future.exception():
            failed[url] = error
        else:
            show(url, future.result())
    return failed


def shows_in_the_workers(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Wrong: whoever downloads shows."""
    failed = {}

    def one(url: str) -> None:
        try:
            show(url, fetch(url))
        except Exception as error:
            failed[url] = error

    threads = [Thread(target=one, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def raises_the_first(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Wrong: an error ends it."""
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(fetch, url): url for url in urls}
        for future in as_completed(futures):
            show(futures[future], future.result())
    return {}


def errors_in_words(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Wrong: the text of an exception is not the exception."""
    return {url: str(error) for url, error in gallery(fetch, urls, show).items()}


def no_empty_photos(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Wrong: an empty photograph has come, too."""
    return gallery(fetch, urls, lambda url, photo: photo and show(url, photo))


def names_of_the_failed(fetch: Fetch, urls: Sequence[str], show: Show) -> Any:
    """Wrong: the exceptions are asked for, too."""
    return list(gallery(fetch, urls, show))


def a_thread_for_each(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Wrong: a pool must have a thread, and here are none for an empty list."""
    failed = {}
    with ThreadPoolExecutor(len(urls)) as pool:
        futures = {pool.submit(fetch, url): url for url in urls}
        for future in as_completed(futures):
            if error := future.exception():
                failed[futures[future]] = error
            else:
                show(futures[future], future.result())
    return failed


def gallery(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Right: in rounds of what is done."""
    failed: dict[str, Any] = {}
    with ThreadPoolExecutor(3) as pool:
        left = {pool.submit(fetch, url): url for url in urls}
        while left:
            done, _ = wait(left, return_when=FIRST_COMPLETED)
            for future in done:
                url, error = left.pop(future), future.exception()
                if error is None:
                    show(url, future.result())
                else:
                    failed[url] = error
    return failed


def through_a_line(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Right: bare threads put what came into a queue, and their caller takes it out."""
    line: Queue[Any] = Queue()

    def one(url: str) -> None:
        try:
            line.put((url, fetch(url), None))
        except Exception as error:
            line.put((url, None, error))

    threads = [Thread(target=one, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    failed = {}
    for _ in urls:
        url, photo, error = line.get()
        if error is None:
            show(url, photo)
        else:
            failed[url] = error
    for thread in threads:
        thread.join()
    return failed


def asks_again_and_again(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Right: looks now and then which futures are done."""
    failed: dict[str, Any] = {}
    with ThreadPoolExecutor() as pool:
        left = {url: pool.submit(fetch, url) for url in urls}
        while left:
            for url in [url for url, future in left.items() if future.done()]:
                future = left.pop(url)
                if future.exception():
                    failed[url] = future.exception()
                else:
                    show(url, future.result())
            time.sleep(0.01)
    return failed


def in_five_seconds(fetch: Fetch, urls: Sequence[str], show: Show) -> Any:
    """Wrong: what takes longer ends it with an error."""
    failed = {}
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(fetch, url): url for url in urls}
        for future in as_completed(futures, timeout=5):
            if error := future.exception():
                failed[futures[future]] = error
            else:
                show(futures[future], future.result())
    return failed


def as_it_was_at_first(fetch: Fetch, urls: Sequence[str], show: Show) -> Any:
    """Wrong: what was not there at the first look is taken in any order."""
    failed = {}
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(fetch, url): url for url in urls}
        first, rest = wait(futures, return_when=FIRST_COMPLETED)
        for future in [*first, *(each for each in futures if each in rest)]:
            if error := future.exception():
                failed[futures[future]] = error
            else:
                show(futures[future], future.result())
    return failed


def two_by_two(fetch: Fetch, urls: Sequence[str], show: Show) -> dict[str, Any]:
    """Right: two overlap, and each is shown as soon as it is there."""
    failed = {}
    for first in range(0, len(urls), 2):
        with ThreadPoolExecutor(2) as pool:
            futures = {pool.submit(fetch, url): url for url in urls[first : first + 2]}
            for future in as_completed(futures):
                if error := future.exception():
                    failed[futures[future]] = error
                else:
                    show(futures[future], future.result())
    return failed


GALLERY = {
    as_it_was_at_first: "as soon as it is there",
    in_five_seconds: "TimeoutError",
    shows_at_the_end: "as soon as it is there",
    shows_in_the_workers: "in the thread of a worker",
    raises_the_first: "Refused",
    errors_in_words: "what fetch raised",
    no_empty_photos: "not at all",
    names_of_the_failed: "must return a dictionary",
    a_thread_for_each: "max_workers must be greater than 0",
}


@pytest.mark.parametrize("answer", GALLERY)
def test_a_wrong_gallery_is_refused(answer: Any) -> None:
    refused("threads.gallery", answer, GALLERY[answer])


@pytest.mark.parametrize("answer", [gallery, through_a_line, asks_again_and_again, two_by_two])
def test_an_unusual_right_gallery_is_taken(answer: Any) -> None:
    taken("threads.gallery", answer)


# ---------------------------------------------------------------------- stop


def cannot_be_woken(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it waits for something, but not for stop."""
    other = Event()
    while not stop.is_set():
        look()
        other.wait(pause)


def asks_with_no_wait(look: Look, stop: Event, pause: float) -> None:
    """Wrong: stop.wait(0) asks, and the pause is slept."""
    while not stop.wait(0):
        look()
        time.sleep(pause)


def pause_of_its_own(look: Look, stop: Event, pause: float) -> None:
    """Wrong: ignores pause, and waits for a second."""
    while not stop.is_set():
        look()
        stop.wait(1)


def short_pause_of_its_own(look: Look, stop: Event, pause: float) -> None:
    """Wrong: ignores pause, and waits for a twentieth of a second."""
    while not stop.is_set():
        look()
        stop.wait(0.05)


def no_pause(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it looks as often as it can."""
    while not stop.is_set():
        look()


def milliseconds(look: Look, stop: Event, pause: float) -> None:
    """Wrong: takes seconds for milliseconds."""
    while not stop.is_set():
        look()
        stop.wait(pause / 1000)


def looks_after_the_pause(look: Look, stop: Event, pause: float) -> None:
    """Wrong: woken in a pause, it looks once more."""
    while not stop.is_set():
        stop.wait(pause)
        look()


def waits_without_end(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it never looks."""
    stop.wait()


def goes_to_a_thread(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it returns at once, and a thread polls on."""

    def on() -> None:
        while not stop.wait(pause):
            look()

    Thread(target=on).start()


def looks_five_times(look: Look, stop: Event, pause: float) -> None:
    """Wrong: ends by itself."""
    for _ in range(5):
        if stop.is_set():
            return
        look()
        stop.wait(pause)


def slices_that_look(look: Look, stop: Event, pause: float) -> None:
    """Wrong: a short pause, so that it can be stopped, and a look after each."""
    while not stop.is_set():
        look()
        time.sleep(min(pause, 0.1))


def own_clock(look: Look, stop: Event, pause: float) -> None:
    """Right: it never waits for stop, but asks it a hundred times a second."""
    while not stop.is_set():
        look()
        end = time.monotonic() + pause
        while time.monotonic() < end and not stop.is_set():
            time.sleep(0.01)


def in_rhythm(look: Look, stop: Event, pause: float) -> None:
    """Right: looks at a fixed rhythm, whatever a look takes."""
    following = time.monotonic()
    while not stop.is_set():
        look()
        following += pause
        stop.wait(max(0.0, following - time.monotonic()))


def first_the_pause(look: Look, stop: Event, pause: float) -> None:
    """Right: one line."""
    while not stop.wait(pause):
        look()


def asks_after_the_look(look: Look, stop: Event, pause: float) -> None:
    """Right: wait says whether stop is set."""
    while True:
        look()
        if stop.wait(pause):
            return


def in_slices(look: Look, stop: Event, pause: float) -> None:
    """Right: waits in slices that add up to the pause."""
    while not stop.is_set():
        look()
        left = pause
        while left > 0 and not stop.wait(min(left, 0.1)):
            left -= 0.1


def no_long_pause(look: Look, stop: Event, pause: float) -> None:
    """Wrong: never waits longer than half a second."""
    while not stop.is_set():
        look()
        stop.wait(min(pause, 0.5))


def no_more_than_a_second(look: Look, stop: Event, pause: float) -> None:
    """Wrong: never waits longer than a second."""
    while not stop.is_set():
        look()
        stop.wait(min(pause, 1))


def half_a_pause(look: Look, stop: Event, pause: float) -> None:
    """Wrong: of an hour, it sits out half an hour."""
    while not stop.is_set():
        look()
        end = time.monotonic() + pause
        while time.monotonic() < end and not stop.is_set():
            time.sleep(pause / 2)


def two_pauses(look: Look, stop: Event, pause: float) -> None:
    """Wrong: each pause is twice as long as it should be."""
    while not stop.wait(pause):
        look()
        stop.wait(pause)


def looks_twenty_times(look: Look, stop: Event, pause: float) -> None:
    """Wrong: twenty looks are many, and still not all."""
    for _ in range(20):
        look()
        if stop.wait(pause):
            return


def looks_and_calls_itself(look: Look, stop: Event, pause: float) -> None:
    """Right: a recursion is a loop."""
    if not stop.is_set():
        look()
        stop.wait(pause)
        looks_and_calls_itself(look, stop, pause)


def asks_the_clock(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it never waits, and keeps a CPU busy."""
    last = -pause
    while not stop.is_set():
        if time.perf_counter() - last >= pause:
            last = time.perf_counter()
            look()


def waits_in_vain(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it never sees that stop is set, which ends each of its waits at once."""
    while not stop.is_set():
        look()
        end = time.monotonic() + pause
        while time.monotonic() < end:
            stop.wait(0.01)


def sleeps_in_slices(look: Look, stop: Event, pause: float) -> None:
    """Wrong: short sleeps, and nobody asks between them."""
    while not stop.is_set():
        look()
        for _ in range(100):
            time.sleep(pause / 100)


def looks_once(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it waits again and again, and looks only once."""
    look()
    while not stop.wait(pause):
        pass


def clears_it(look: Look, stop: Event, pause: float) -> None:
    """Wrong: it clears what others have set."""
    while not stop.wait(pause):
        look()
    stop.clear()


def told_by_another(look: Look, stop: Event, pause: float) -> None:
    """Right: a thread waits for stop, and ends the wait of this one."""
    told: Queue[None] = Queue()
    Thread(target=lambda: stop.wait(60) and told.put(None), daemon=True).start()  # type: ignore[func-returns-value]
    while not stop.is_set():
        look()
        with suppress(Empty):
            told.get(timeout=pause)


def asks_coarsely(look: Look, stop: Event, pause: float) -> None:
    """Right: twenty times a second it asks whether the pause is over."""
    while not stop.is_set():
        look()
        end = time.monotonic() + pause
        while time.monotonic() < end and not stop.is_set():
            time.sleep(0.05)


STOP = {
    waits_in_vain: "cut short",
    sleeps_in_slices: "cut short",
    looks_once: "waits for longer",
    clears_it: "clears stop",
    asks_the_clock: "keeps a CPU busy",
    half_a_pause: "cut short",
    two_pauses: "and no longer",
    looks_twenty_times: "nobody had set stop",
    no_long_pause: "also where that is long",
    no_more_than_a_second: "also where that is long",
    cannot_be_woken: "cut short",
    asks_with_no_wait: "cut short",
    pause_of_its_own: "is that pause?",
    short_pause_of_its_own: "wait for pause seconds",
    no_pause: "wait for pause seconds",
    milliseconds: "wait for pause seconds",
    looks_after_the_pause: "looked once more",
    waits_without_end: "never looks",
    goes_to_a_thread: "never looked",
    looks_five_times: "nobody had set stop",
    slices_that_look: "wait for pause seconds",
}


@pytest.mark.parametrize("answer", STOP)
def test_a_wrong_stop_is_refused(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if answer in (waits_in_vain, cannot_be_woken):
        monkeypatch.setattr(threads, "LONG", 0.8)
    refused("threads.stop", answer, STOP[answer])


STOPPING = [
    own_clock,
    in_rhythm,
    first_the_pause,
    asks_after_the_look,
    in_slices,
    looks_and_calls_itself,
    asks_coarsely,
    told_by_another,
]


@pytest.mark.parametrize("answer", STOPPING)
def test_an_unusual_right_stop_is_taken(answer: Any) -> None:
    taken("threads.stop", answer)


# --------------------------------------------------------------------- local


class ByKey:
    """A dict with a place for each `key()`."""

    key: Callable[[], Any] = staticmethod(threading.get_ident)

    def __init__(self) -> None:
        self.users: dict[Any, str] = {}

    def enter(self, user: str) -> None:
        self.users[self.key()] = user

    def name(self) -> str | None:
        return self.users.get(self.key())


class ByIdent(ByKey):
    """Wrong: a new thread gets the number of one that has ended."""


class ByNativeId(ByKey):
    """Wrong: the system gives its numbers again, too."""

    key = staticmethod(lambda: threading.get_native_id())


class ByIdOfThread(ByKey):
    """Wrong: an object that is gone leaves its id to another one."""

    key = staticmethod(lambda: id(threading.current_thread()))


class ByIdentAndName(ByKey):
    """Wrong: two that are given again are no better than one."""

    key = staticmethod(lambda: (threading.get_ident(), threading.current_thread().name))


class OfTheClass:
    """Wrong: one threading.local for all Sessions."""

    own = threading.local()

    def enter(self, user: str) -> None:
        self.own.user = user

    def name(self) -> str | None:
        return getattr(self.own, "user", None)


class ByIdOfSession:
    """Wrong: a Session that is gone leaves its id to another one."""

    own = threading.local()

    def enter(self, user: str) -> None:
        setattr(self.own, f"user{id(self)}", user)

    def name(self) -> str | None:
        return getattr(self.own, f"user{id(self)}", None)


class OnlyItsMaker:
    """Wrong: only the thread that made the Session has the attribute."""

    def __init__(self) -> None:
        self.own = threading.local()
        self.own.user = None

    def enter(self, user: str) -> None:
        self.own.user = user

    def name(self) -> str | None:
        user: str | None = self.own.user
        return user


class TheFirst:
    """Wrong: who enters a second user still gets the first."""

    def __init__(self) -> None:
        self.own = threading.local()

    def enter(self, user: str) -> None:
        self.own.__dict__.setdefault("user", user)

    def name(self) -> str | None:
        return getattr(self.own, "user", None)


class ByThread:
    """Right: the thread itself is the key, and an ended one is forgotten."""

    def __init__(self) -> None:
        self.users: weakref.WeakKeyDictionary[Thread, str] = weakref.WeakKeyDictionary()

    def enter(self, user: str) -> None:
        self.users[threading.current_thread()] = user

    def name(self) -> str | None:
        return self.users.get(threading.current_thread())


class IsLocal(threading.local):
    """Right: the Session itself is another one in each thread."""

    user: str | None = None

    def enter(self, user: str) -> None:
        self.user = user

    def name(self) -> str | None:
        return self.user


class InContext:
    """Right: each thread runs in a context of its own."""

    def __init__(self) -> None:
        self.user: contextvars.ContextVar[str | None] = contextvars.ContextVar("u", default=None)

    def enter(self, user: str) -> None:
        self.user.set(user)

    def name(self) -> str | None:
        return self.user.get()


class OnTheThread:
    """Right: the thread carries its users, by the Session."""

    def enter(self, user: str) -> None:
        vars(threading.current_thread()).setdefault("users", {})[self] = user

    def name(self) -> str | None:
        user: str | None = vars(threading.current_thread()).get("users", {}).get(self)
        return user


class OrNone(IsLocal):
    """Wrong: somebody whose name is empty is nobody here."""

    def name(self) -> str | None:
        return super().name() or None


class AskedOnce:
    """Wrong: whoever asks again gets the user before."""

    def __init__(self) -> None:
        self.own = threading.local()

    def enter(self, user: str) -> None:
        self.own.users = [*getattr(self.own, "users", []), user]

    def name(self) -> Any:
        users = getattr(self.own, "users", None)
        return users.pop() if users else None


class Replaced:
    """Wrong: two threads replace the dict, and one of them loses what the other has put in."""

    def __init__(self) -> None:
        self.users: dict[Thread, str] = {}

    def enter(self, user: str) -> None:
        self.users = {**self.users, threading.current_thread(): user}

    def name(self) -> str | None:
        return self.users.get(threading.current_thread())


class WithDefault(threading.local):
    user: str | None = None


class ByDefault:
    """Right: what a class of its own says holds for each new thread."""

    def __init__(self) -> None:
        self.own = WithDefault()

    def enter(self, user: str) -> None:
        self.own.user = user

    def name(self) -> str | None:
        return self.own.user


LOCAL = {
    OrNone: "whose name is empty",
    AskedOnce: "asked twice",
    Replaced: "update is lost",
    ByIdent: "one that has ended",
    ByNativeId: "one that has ended",
    ByIdOfThread: "one that has ended",
    ByIdentAndName: "one that has ended",
    OfTheClass: "two Sessions share",
    ByIdOfSession: "once the object is gone",
    OnlyItsMaker: "AttributeError",
    TheFirst: "whom it entered last",
}


@pytest.mark.parametrize("answer", LOCAL)
def test_a_wrong_session_is_refused(answer: Any) -> None:
    refused("threads.local", answer, LOCAL[answer])


@pytest.mark.parametrize("answer", [ByThread, IsLocal, InContext, OnTheThread, ByDefault])
def test_an_unusual_right_session_is_taken(answer: Any) -> None:
    taken("threads.local", answer)
    vars(threading.current_thread()).pop("users", None)
