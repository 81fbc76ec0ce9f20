"""Lesson 00: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from decimal import Decimal
from queue import Empty, Queue
from threading import Barrier, Semaphore, Thread
from typing import Any

import pytest

from helpers.exercises import find
from helpers.lesson import verdict

Work = Callable[[Any], Any]


def refused(name: str, answer: Any, says: str) -> None:
    held, sentence = verdict(find(name), answer)
    assert not held, sentence
    assert says in sentence
    assert "\n" not in sentence


def taken(name: str, answer: Any) -> None:
    held, sentence = verdict(find(name), answer)
    assert held, sentence


def started(work: Callable[[Any], object], items: Sequence[Any]) -> list[Thread]:
    threads = [Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    return threads


# ------------------------------------------------------------------- overlap


def never_joined(work: Work, items: Sequence[Any]) -> None:
    """Wrong: it returns while the work goes on."""
    started(work, items)


def joins_the_last(work: Work, items: Sequence[Any]) -> None:
    """Wrong: the variable of the loop is the last thread, and only that one is joined."""
    for item in items:
        thread = Thread(target=work, args=(item,))
        thread.start()
    thread.join()


def joins_the_first(work: Work, items: Sequence[Any]) -> None:
    """Wrong: whoever starts first need not end last."""
    started(work, items)[0].join()


def joins_for_a_while(work: Work, items: Sequence[Any]) -> None:
    """Wrong: a join with a time limit gives up on a long call."""
    for thread in started(work, items):
        thread.join(0.01)


def args_is_the_item(work: Work, items: Sequence[Any]) -> None:
    """Wrong: args wants a tuple."""
    threads = [Thread(target=work, args=item) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def calls_it_at_once(work: Work, items: Sequence[Any]) -> None:
    """Wrong: the target is what the call gave back."""
    threads = [Thread(target=work(item)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sees_the_last_item(work: Work, items: Sequence[Any]) -> None:
    """Wrong: the lambda looks up the item when it runs, and by then it is the last one."""
    ready = Barrier(len(items))
    threads = []
    for item in items:
        threads.append(Thread(target=lambda: (ready.wait(), work(item))))  # noqa: B023
        threads[-1].start()
    for thread in threads:
        thread.join()


def a_thread_for_each_key(work: Work, items: Sequence[Any]) -> None:
    """Wrong: an item that stands there twice has one place in a dict."""
    threads = {item: Thread(target=work, args=(item,)) for item in items}
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join()


def full_groups_only(work: Work, items: Sequence[Any]) -> None:
    """Wrong: right for every number of items that four divides."""
    for group in zip(*[iter(items)] * 4, strict=False):
        for thread in started(work, group):
            thread.join()


def four_items(work: Work, items: Sequence[Any]) -> None:
    """Wrong: it knows how many items the lesson has."""
    for thread in started(work, items[:4]):
        thread.join()


def with_yield(work: Work, items: Sequence[Any]) -> Iterator[None]:
    """Wrong: a generator does nothing until it is asked."""
    for thread in started(work, items):
        yield thread.join()  # type: ignore[func-returns-value]


def a_pool(work: Work, items: Sequence[Any]) -> None:
    """Right: the with waits."""
    with ThreadPoolExecutor(4) as pool:
        for item in items:
            pool.submit(work, item)


def two_in_a_pool(work: Work, items: Sequence[Any]) -> None:
    """Right: two at the same time are enough."""
    with ThreadPoolExecutor(2) as pool:
        wait([pool.submit(work, item) for item in items])


def groups_of_three(work: Work, items: Sequence[Any]) -> None:
    """Right: at most three at once, the last group not full."""
    for first in range(0, len(items), 3):
        for thread in started(work, items[first : first + 3]):
            thread.join()


def counted(work: Work, items: Sequence[Any]) -> None:
    """Right: a semaphore counts those that have ended, and nobody is joined."""
    done = Semaphore(0)

    def call(item: Any) -> None:
        try:
            work(item)
        finally:
            done.release()

    for item in items:
        Thread(target=call, args=(item,)).start()
    for _ in items:
        done.acquire()


def three_who_take(work: Work, items: Sequence[Any]) -> None:
    """Right: three threads take items from a queue, the caller is one of them."""
    todo: Queue[Any] = Queue()
    for item in items:
        todo.put(item)

    def take() -> None:
        while True:
            try:
                work(todo.get_nowait())
            except Empty:
                return

    threads = [Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    take()
    for thread in threads:
        thread.join()


def sleeps(work: Work, items: Sequence[Any]) -> None:
    """Wrong: a second is long enough for short calls only."""
    for item in items:
        Thread(target=work, args=(item,)).start()
    time.sleep(1)


def sleeps_for_each(work: Work, items: Sequence[Any]) -> None:
    """Wrong: so is a tenth of a second for each."""
    for item in items:
        Thread(target=work, args=(item,)).start()
    time.sleep(0.1 * len(items))


def joins_for_a_second(work: Work, items: Sequence[Any]) -> None:
    """Wrong: whoever takes longer is left alone."""
    for thread in started(work, items):
        thread.join(timeout=1)


def joins_for_a_minute(work: Work, items: Sequence[Any]) -> None:
    """Wrong: so is a longer limit; what takes a minute can take two."""
    for thread in started(work, items):
        thread.join(timeout=60)


def asks_for_five_seconds(work: Work, items: Sequence[Any]) -> None:
    """Wrong: the results of a pool, each of them with a time-out."""
    pool = ThreadPoolExecutor(8)
    wait([pool.submit(work, item) for item in items], timeout=5)
    pool.shutdown(wait=False)


def takes_for_three_seconds(work: Work, items: Sequence[Any]) -> None:
    """Wrong: whoever has not told its end in three seconds is left alone."""
    ended: Queue[Any] = Queue()
    started(lambda item: (work(item), ended.put(item)), items)  # type: ignore[func-returns-value]
    try:
        for _ in items:
            ended.get(timeout=3)
    except Empty:
        pass


def all_that_differ(work: Work, items: Sequence[Any]) -> None:
    """Wrong: an item that is there twice has ended when the first of its calls has."""
    ended: set[Any] = set()
    started(lambda item: (work(item), ended.add(item)), items)  # type: ignore[func-returns-value]
    while ended < set(items):
        time.sleep(0.01)


def joins_again_and_again(work: Work, items: Sequence[Any]) -> None:
    """Right: a time-out is no harm to whoever looks again."""
    for thread in started(work, items):
        while thread.is_alive():
            thread.join(timeout=1)


def takes_again_and_again(work: Work, items: Sequence[Any]) -> None:
    """Right: nor is it here."""
    ended: Queue[Any] = Queue()
    started(lambda item: (work(item), ended.put(item)), items)  # type: ignore[func-returns-value]
    left = len(items)
    while left:
        try:
            ended.get(timeout=1)
            left -= 1
        except Empty:
            pass


class Together:
    """Right: an answer may be an object."""

    def __call__(self, work: Work, items: Sequence[Any]) -> None:
        for thread in started(work, items):
            thread.join()


def by_halves(work: Work, items: Sequence[Any]) -> None:
    """Right: one half in another thread, one here, and so on."""
    if len(items) == 1:
        work(items[0])
        return
    middle = len(items) // 2
    thread = Thread(target=by_halves, args=(work, items[:middle]))
    thread.start()
    by_halves(work, items[middle:])
    thread.join()


def by_tasks(work: Work, items: Sequence[Any]) -> None:
    """Right: tasks that wait for threads."""

    async def main() -> None:
        await asyncio.gather(*[asyncio.to_thread(work, item) for item in items])

    asyncio.run(main())


OVERLAP = {
    sleeps: "calls had ended",
    sleeps_for_each: "calls had ended",
    joins_for_a_second: "calls had ended",
    joins_for_a_minute: "Thread.join has a time-out",
    asks_for_five_seconds: "has a time-out",
    takes_for_three_seconds: "Queue.get has a time-out",
    all_that_differ: "calls had ended",
    never_joined: "calls had ended",
    joins_the_last: "calls had ended",
    joins_the_first: "calls had ended",
    joins_for_a_while: "calls had ended",
    args_is_the_item: "in line 3 of your function: threads = [Thread(target=work, args=item)",
    calls_it_at_once: "work(item) calls it there and then",
    sees_the_last_item: "too often",
    a_thread_for_each_key: "never worked on",
    full_groups_only: "never worked on",
    four_items: "never worked on",
    with_yield: "yield",
}


@pytest.mark.parametrize("answer", OVERLAP)
def test_a_wrong_overlap_is_refused(answer: Any) -> None:
    refused("start.overlap", answer, OVERLAP[answer])


@pytest.mark.parametrize(
    "answer",
    [
        *(a_pool, two_in_a_pool, groups_of_three, counted, three_who_take),
        *(Together(), Together().__call__, by_halves, by_tasks),
        *(joins_again_and_again, takes_again_and_again),
    ],
)
def test_an_unusual_right_overlap_is_taken(answer: Any) -> None:
    taken("start.overlap", answer)


# -------------------------------------------------------------------- usable


def rounds(host: int, allowed: int, quota: float | None) -> int:
    """Wrong: 2.001 is rounded down, and so is 2.5."""
    return allowed if quota is None else max(1, min(allowed, round(quota)))


def adds_one(host: int, allowed: int, quota: float | None) -> int:
    """Wrong: a whole number needs no other worker."""
    return allowed if quota is None else max(1, min(allowed, int(quota) + 1))


def rounds_by_a_half(host: int, allowed: int, quota: float | None) -> int:
    """Wrong: 2.5 comes out right, 2.001 does not."""
    return allowed if quota is None else max(1, min(allowed, int(quota + 0.5)))


def quota_only(host: int, allowed: int, quota: float | None) -> int:
    """Wrong: the quota may be above what is allowed."""
    return allowed if quota is None else max(1, math.ceil(quota))


def forgets_one_case(host: int, allowed: int, quota: float | None) -> int | None:
    """Wrong: without a quota nothing is returned."""
    if quota is not None:
        return min(allowed, math.ceil(quota))
    return None


def down_but_one(host: int, allowed: int, quota: float | None) -> int:
    """Wrong: rounded down, with one at least."""
    return max(1, min(allowed, int(quota if quota is not None else allowed)))


def all_three(host: int, allowed: int, quota: float | None) -> int:
    """Right: the host never is the smallest."""
    return min(host, allowed, math.ceil(quota if quota is not None else host))


def as_floats(host: int, allowed: int, quota: float | None) -> float:
    """Right: 3.0 is 3."""
    return float(min(allowed, math.inf if quota is None else math.ceil(quota)))


def by_steps(host: int, allowed: int, quota: float | None) -> int:
    """Right: one worker more as long as some quota is left for it."""
    workers = 1
    while workers < allowed and (quota is None or workers < quota):
        workers += 1
    return workers


def by_floor_division(host: int, allowed: int, quota: float | None) -> int:
    """Right: down of the negative is up."""
    return allowed if quota is None else min(allowed, int(-(-quota // 1)))


def adds_nearly_one(host: int, allowed: int, quota: float | None) -> int:
    """Wrong: right for three digits."""
    return allowed if quota is None else max(1, min(allowed, int(quota + 0.999)))


def as_a_decimal(host: int, allowed: int, quota: float | None) -> Decimal:
    """Right: another kind of number."""
    return Decimal(min(allowed, allowed if quota is None else math.ceil(quota)))


USABLE = {
    adds_nearly_one: "next to nothing above 5",
    rounds: "quota of 2.5",
    adds_one: "gave 2",
    rounds_by_a_half: "a little above 2",
    quota_only: "above what the process may use",
    forgets_one_case: "returned nothing",
    down_but_one: "quota of 2.5",
}


@pytest.mark.parametrize("answer", USABLE)
def test_a_wrong_number_of_usable_cpus_is_refused(answer: Any) -> None:
    refused("start.usable", answer, USABLE[answer])


@pytest.mark.parametrize(
    "answer", [all_three, as_floats, by_steps, by_floor_division, as_a_decimal]
)
def test_an_unusual_right_number_is_taken(answer: Any) -> None:
    taken("start.usable", answer)
