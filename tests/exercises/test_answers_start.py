"""Lesson 00: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import Empty, Queue
from threading import Barrier, Semaphore, Thread
from types import MappingProxyType
from typing import Any

import pytest

from helpers.exercises import find
from helpers.lesson import verdict
from helpers.timeline import Timeline

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


def by_item(work: Work, items: Sequence[Any]) -> None:
    """Wrong: of two equal items, the second takes the place of the first, which nobody joins."""
    threads = {}
    for item in items:
        threads[item] = Thread(target=work, args=(item,))
        threads[item].start()
    for thread in threads.values():
        thread.join()


def all_of_them_each_time(work: Work, items: Sequence[Any]) -> None:
    """Wrong: each thread is given the whole list."""
    for thread in [Thread(target=work, args=(items,)) for _ in items]:
        thread.start()
        thread.join()


def in_processes(work: Work, items: Sequence[Any]) -> None:
    """Wrong: whoever forks has copies, and nobody here sees what they do."""
    context: Any = multiprocessing.get_context(multiprocessing.get_all_start_methods()[0])
    processes = [context.Process(target=work, args=(item,)) for item in items]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


OVERLAP = {
    all_of_them_each_time: "which is none of the items",
    in_processes: "to another process",
    by_item: "calls had ended",
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


# -------------------------------------------------------------------- shares


def seconds(tl: Timeline) -> dict[str, float]:
    """Wrong: how long each worked."""
    return {worker: sum(s.seconds for s in spans) for worker, spans in tl.lanes().items()}


def by_name_of_work(tl: Timeline) -> Counter[str]:
    """Wrong: counts by what was done, not by who did it."""
    return Counter(span.name for span in tl.spans)


def parts_of_all(tl: Timeline) -> dict[str, float]:
    """Wrong: the part of all pieces is another number."""
    return {worker: len(spans) / len(tl.spans) for worker, spans in tl.lanes().items()}


def numbers_alone(tl: Timeline) -> list[int]:
    """Wrong: nobody knows whose they are."""
    return [len(spans) for spans in tl.lanes().values()]


def equal_shares(tl: Timeline) -> dict[str, int]:
    """Wrong: pieces are not divided evenly."""
    return dict.fromkeys(tl.lanes(), len(tl.spans) // len(tl.lanes()))


def printed(tl: Timeline) -> None:
    """Wrong: nothing is returned."""
    _ = {worker: len(spans) for worker, spans in tl.lanes().items()}


def counter_of_lanes(tl: Timeline) -> Counter[str]:
    """Right: a Counter is a dictionary."""
    return Counter(span.lane for span in tl.spans)


def one_by_one(tl: Timeline) -> dict[str, int]:
    """Right: counted by hand."""
    found: dict[str, int] = {}
    for span in reversed(tl.spans):
        found[span.lane] = found.get(span.lane, 0) + 1
    return found


def proxied(tl: Timeline) -> MappingProxyType[str, int]:
    """Right: a dictionary that cannot be written to."""
    return MappingProxyType({worker: len(spans) for worker, spans in tl.lanes().items()})


def by_sorted_names(tl: Timeline) -> dict[str, int]:
    """Wrong: the names are sorted, and the numbers are not."""
    return dict(zip(sorted(tl.lanes()), map(len, tl.lanes().values()), strict=True))


SHARES = {
    by_sorted_names: "the first of whom has the larger number",
    seconds: "{'worker 1': 4.0",
    by_name_of_work: "{'item': 3}",
    parts_of_all: "0.66",
    numbers_alone: "must return a dictionary",
    equal_shares: "is right",
    printed: "returned nothing",
}


@pytest.mark.parametrize("answer", SHARES)
def test_wrong_shares_are_refused(answer: Any) -> None:
    refused("start.shares", answer, SHARES[answer])


@pytest.mark.parametrize("answer", [counter_of_lanes, one_by_one, proxied])
def test_unusual_right_shares_are_taken(answer: Any) -> None:
    taken("start.shares", answer)


# ---------------------------------------------------------------------- both

Call = Callable[[], object]


def one_after_the_other(first: Call, second: Call) -> None:
    """Wrong: the second begins when the first has ended."""
    for function in (first, second):
        thread = Thread(target=function)
        thread.start()
        thread.join()


def left_alone(first: Call, second: Call) -> None:
    """Wrong: nobody waits."""
    Thread(target=first).start()
    Thread(target=second).start()


def joins_the_first_of_both(first: Call, second: Call) -> None:
    """Wrong: the second may take longer."""
    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    threads[0].join()


def waits_a_second(first: Call, second: Call) -> None:
    """Wrong: whoever takes longer is left alone."""
    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=1)


def called_here(first: Call, second: Call) -> None:
    """Wrong: the parentheses call them here, before there is a thread."""
    threads = [Thread(target=first()), Thread(target=second())]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def once_more_here(first: Call, second: Call) -> None:
    """Wrong: the second is called twice, in a thread and here."""
    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    second()
    for thread in threads:
        thread.join()


def one_here(first: Call, second: Call) -> None:
    """Right: the caller is a thread, too."""
    thread = Thread(target=first)
    thread.start()
    second()
    thread.join()


def both_by_a_pool(first: Call, second: Call) -> None:
    """Right: the with waits."""
    with ThreadPoolExecutor() as pool:
        pool.submit(second)
        pool.submit(first)


def both_by_tasks(first: Call, second: Call) -> None:
    """Right: tasks that wait for threads."""

    async def main() -> None:
        await asyncio.gather(asyncio.to_thread(first), asyncio.to_thread(second))

    asyncio.run(main())


BOTH = {
    one_after_the_other: "never two at once",
    left_alone: "had not ended",
    joins_the_first_of_both: "second had not ended",
    waits_a_second: "Thread.join has a time-out",
    called_here: "never two at once",
    once_more_here: "second was called twice",
}


@pytest.mark.parametrize("answer", BOTH)
def test_a_wrong_both_is_refused(answer: Any) -> None:
    refused("start.both", answer, BOTH[answer])


@pytest.mark.parametrize("answer", [one_here, both_by_a_pool, both_by_tasks])
def test_an_unusual_right_both_is_taken(answer: Any) -> None:
    taken("start.both", answer)


# ------------------------------------------------------------------- limited


def one_too_many(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: the caller works as well as its threads."""
    for first in range(0, len(items), most + 1):
        threads = started(work, items[first + 1 : first + most + 1])
        work(items[first])
        for thread in threads:
            thread.join()


def always_three(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: it knows the first example."""
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, items))


def one_at_a_time(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: never too many, and never two."""
    for item in items:
        for thread in started(work, [item]):
            thread.join()


def the_first_ones(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: what is above the limit is left out."""
    for thread in started(work, items[:most]):
        thread.join()


def nobody_waits_at_the_end(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: the last group is not joined."""
    threads: list[Thread] = []
    for first in range(0, len(items), most):
        for thread in threads:
            thread.join()
        threads = started(work, items[first : first + most])


def joins_for_three_seconds(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: whoever takes longer is left alone."""
    for first in range(0, len(items), most):
        for thread in started(work, items[first : first + most]):
            thread.join(3)


def joins_one_of_each_group(work: Work, items: Sequence[Any], most: int) -> None:
    """Wrong: the others of the group may go on beside the next one."""
    threads = []
    for first in range(0, len(items), most):
        threads += started(work, items[first : first + most])
        threads[-1].join()
    for thread in threads:
        thread.join()


def by_a_pool(work: Work, items: Sequence[Any], most: int) -> None:
    """Right: a pool has that limit."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        wait([pool.submit(work, item) for item in items])


def by_a_semaphore(work: Work, items: Sequence[Any], most: int) -> None:
    """Right: a thread for every item, and only so many of them are let in."""
    seats = Semaphore(most)

    def seated(item: Any) -> None:
        with seats:
            work(item)

    for thread in started(seated, items):
        thread.join()


def with_the_caller(work: Work, items: Sequence[Any], most: int) -> None:
    """Right: one less, and the caller works, too."""
    for first in range(0, len(items), most):
        threads = started(work, items[first + 1 : first + most])
        work(items[first])
        for thread in threads:
            thread.join()


LIMITED = {
    one_too_many: "is the most",
    always_three: "and 2 is the most",
    one_at_a_time: "never two at once",
    the_first_ones: "never worked on",
    nobody_waits_at_the_end: "calls had ended",
    joins_for_three_seconds: "calls had ended",
    joins_one_of_each_group: "is the most",
}


@pytest.mark.parametrize("answer", LIMITED)
def test_a_wrong_limit_is_refused(answer: Any) -> None:
    refused("start.limited", answer, LIMITED[answer])


@pytest.mark.parametrize("answer", [by_a_pool, by_a_semaphore, with_the_caller])
def test_an_unusual_right_limit_is_taken(answer: Any) -> None:
    taken("start.limited", answer)
