"""Lesson 04: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Queue
from threading import Condition, Event, Lock, Semaphore, Thread
from typing import Any

import pytest

from helpers.exercises import find, synchronization
from helpers.exercises.synchronization import ORDER, Account, Lights
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


def in_threads(call: Callable[[Any], Any], items: Iterable[Any]) -> None:
    threads = [Thread(target=call, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --------------------------------------------------------------------- limit


def polls_a_counter(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: two look at the counter before either has changed it."""
    inside = 0

    def call(item: Any) -> None:
        nonlocal inside
        while inside >= limit:
            time.sleep(0.001)
        inside += 1
        try:
            work(item)
        finally:
            inside -= 1

    in_threads(call, items)


def looks_under_the_lock(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: reads under the lock, and writes when it has given it back."""
    inside, changed = 0, Condition()

    def call(item: Any) -> None:
        nonlocal inside
        with changed:
            while inside >= limit:
                changed.wait()
        inside += 1
        try:
            work(item)
        finally:
            with changed:
                inside -= 1
                changed.notify_all()

    in_threads(call, items)


def full_groups_only(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: the last group has fewer than `limit` items, and zip leaves it out."""
    iterator = iter(items)
    for group in zip(*[iterator] * limit, strict=False):
        in_threads(work, group)


def meet_in_groups(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: a barrier lets `limit` in at a time; those of the last group wait for ever."""
    door, slots = threading.Barrier(limit), Semaphore(limit)

    def call(item: Any) -> None:
        with slots:
            door.wait()
            work(item)

    in_threads(call, items)


def catches_exceptions(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: SystemExit is no Exception, and takes its slot along."""
    slots = Semaphore(limit)

    def call(item: Any) -> None:
        slots.acquire()
        with suppress(Exception):
            work(item)
        slots.release()

    in_threads(call, items)


def joins_the_last(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: only the last thread is joined."""
    slots = Semaphore(limit)

    def call(item: Any) -> None:
        with slots:
            work(item)

    thread = None
    for item in items:
        thread = Thread(target=call, args=(item,))
        thread.start()
    if thread is not None:
        thread.join()


def sees_the_last_item(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: the lambda looks at `item` when it runs, and by then it is another one."""
    slots, threads = Semaphore(limit), []
    for item in items:
        threads.append(Thread(target=lambda: slots.acquire() and work(item)))  # noqa: B023
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def late_lambda(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: a slot for each, but all of them work on the item that came last."""
    with ThreadPoolExecutor(limit) as pool:
        for item in items:
            pool.submit(lambda: work(item))  # noqa: B023


def three_is_the_limit(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: right for three."""
    with ThreadPoolExecutor(3) as pool:
        pool.map(work, items)


def one_at_a_time(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: a lock lets in one, whatever the limit."""
    lock = Lock()

    def call(item: Any) -> None:
        with lock:
            work(item)

    in_threads(call, items)


def a_semaphore_each(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: every call has a semaphore of its own."""

    def call(item: Any) -> None:
        with Semaphore(limit):
            work(item)

    in_threads(call, items)


def each_different_item(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: an item that is there twice is done once."""
    with ThreadPoolExecutor(limit) as pool:
        results = {item: pool.submit(work, item) for item in set(items)}
    assert all(each.done() for each in results.values())


def catches_two_kinds(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: there is a third kind, KeyboardInterrupt."""
    slots = Semaphore(limit)

    def call(item: Any) -> None:
        slots.acquire()
        with suppress(Exception, SystemExit):
            work(item)
        slots.release()

    in_threads(call, items)


def gives_back_twice(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: after an error there is a slot more than before."""
    slots = Semaphore(limit)

    def call(item: Any) -> None:
        slots.acquire()
        try:
            work(item)
        except BaseException:
            slots.release()
            raise
        finally:
            slots.release()

    in_threads(call, items)


def args_is_the_item(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: a slot for each, and args wants a tuple."""
    threads = [threading.Thread(target=work, args=(item)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def calls_it_here(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: the target is what the call gave back."""
    for item in items:
        thread = threading.Thread(target=work(item))
        thread.start()
        thread.join()


def with_yield(work: Work, items: Iterable[Any], limit: int) -> Any:
    """Wrong: a generator does nothing until it is asked."""
    for item in items:
        yield work(item)


def dies_of_a_typo(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: each thread ends at a name that there is not."""
    slots = Semaphore(limit)

    def call(item: Any) -> None:
        with slots:
            work(itm)  # type: ignore[name-defined]  # noqa: F821

    threads = [Thread(target=call, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def joins_as_many_as_may_be_inside(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: one that began long ago may end last."""
    threads: list[Thread] = []
    for item in items:
        while sum(thread.is_alive() for thread in threads) >= limit:
            time.sleep(0.001)
        threads.append(Thread(target=work, args=(item,)))
        threads[-1].start()
    for thread in threads[-limit:]:
        thread.join()


def ten_at_most(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: ten, even if more are asked for."""
    with ThreadPoolExecutor(min(limit, 10)) as pool:
        for item in items:
            pool.submit(work, item)


def no_more_than_items(work: Work, items: list[Any], limit: int) -> None:
    """Wrong: where there is nothing to do, a pool of no threads is refused."""
    with ThreadPoolExecutor(min(limit, len(items))) as pool:
        for item in items:
            pool.submit(work, item)


def leaves_without_the_lock(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: it counts under the lock who comes in, and without it who goes out."""
    inside, changed = 0, Condition()

    def call(item: Any) -> None:
        nonlocal inside
        with changed:
            changed.wait_for(lambda: inside < limit)
            inside += 1
        try:
            work(item)
        finally:
            inside -= 1
            with changed:
                changed.notify()

    in_threads(call, items)


def polls_and_leaves_without_the_lock(work: Work, items: Iterable[Any], limit: int) -> None:
    """Wrong: the same, by looking again and again."""
    inside, lock = 0, Lock()

    def call(item: Any) -> None:
        nonlocal inside
        while True:
            with lock:
                if inside < limit:
                    inside += 1
                    break
            time.sleep(0.001)
        try:
            work(item)
        finally:
            inside -= 1

    in_threads(call, items)


WRONG_LIMITS = [
    (leaves_without_the_lock, "two wait for each other inside: schedule"),
    (polls_and_leaves_without_the_lock, "two wait for each other inside: schedule"),
    (ten_at_most, "there were at most 10 at once"),
    (no_more_than_items, "without items there is nothing to do; it raised ValueError"),
    (joins_as_many_as_may_be_inside, "1 had not ended when limited came back"),
    (dies_of_a_typo, "A raised NameError: name 'itm' is not defined"),
    (args_is_the_item, "in line 3 of your function: threads = [threading.Thread(target=work"),
    (calls_it_here, "work(item) calls it there and then"),
    (with_yield, "there is a yield in your function"),
    (gives_back_twice, "at once. For how long is a slot held?"),
    (polls_a_counter, "more calls were inside than may be"),
    (looks_under_the_lock, "more calls were inside than may be"),
    (full_groups_only, "once for each of the items"),
    (meet_in_groups, "10 calls, of which 3 may be inside"),
    (catches_exceptions, "SystemExit is no Exception"),
    (joins_the_last, "not all calls had ended"),
    (sees_the_last_item, "2 calls, of which 1 may be inside"),
    (late_lambda, "once for each of the items"),
    (three_is_the_limit, "more calls were inside than may be"),
    (one_at_a_time, "at most 1 at once"),
    (a_semaphore_each, "more calls were inside than may be"),
    (each_different_item, "once for each of the items"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_LIMITS)
def test_a_limit_that_does_not_hold_is_refused(answer: Work, says: str) -> None:
    refused("synchronization.limit", answer, says)


def a_pool(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: the limit is that of the pool."""
    with ThreadPoolExecutor(limit) as pool:
        for item in items:
            pool.submit(work, item)


def a_pool_that_raises(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: all are done, and then the first error is raised."""
    with ThreadPoolExecutor(limit) as pool:
        futures = [pool.submit(work, item) for item in items]
    for future in futures:
        future.result()


def workers_with_a_queue(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: as many workers as calls may run, and what they have to do in a queue."""
    line: Queue[Any] = Queue()
    for item in items:
        line.put(item)

    def worker(_: int) -> None:
        while True:
            try:
                item = line.get_nowait()
            except Empty:
                return
            with suppress(BaseException):
                work(item)

    in_threads(worker, range(limit))


def main_takes_the_slots(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: the slot is taken before the thread is made, and given back inside of it."""
    slots, threads = threading.BoundedSemaphore(limit), []

    def call(item: Any) -> None:
        try:
            work(item)
        finally:
            slots.release()

    for item in items:
        slots.acquire()
        threads.append(Thread(target=call, args=(item,)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def counts_under_a_condition(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: a semaphore by hand."""
    inside, changed = 0, Condition()

    def call(item: Any) -> None:
        nonlocal inside
        with changed:
            changed.wait_for(lambda: inside < limit)
            inside += 1
        try:
            work(item)
        finally:
            with changed:
                inside -= 1
                changed.notify()

    in_threads(call, items)


def polls_under_a_lock(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right, if not pretty: looks and counts under one lock, again and again."""
    inside, lock = 0, Lock()

    def call(item: Any) -> None:
        nonlocal inside
        while True:
            with lock:
                if inside < limit:
                    inside += 1
                    break
            time.sleep(0.001)
        try:
            work(item)
        finally:
            with lock:
                inside -= 1

    in_threads(call, items)


def groups(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: one group after the other, the last one as large as it is."""
    left = list(items)
    while left:
        group, left = left[:limit], left[limit:]
        in_threads(work, group)


def test_a_third_kind_of_exception_may_not_take_the_last_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(synchronization, "HUNG", 2.0)  # it waits for ever, so that is enough
    refused("synchronization.limit", catches_two_kinds, "nor is KeyboardInterrupt")


def looks_who_is_alive(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: asks again and again whether one of those who run has ended."""
    threads = list[Thread]()
    for item in items:
        while sum(thread.is_alive() for thread in threads) >= limit:
            time.sleep(0.001)
        threads.append(Thread(target=work, args=(item,)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def tokens(work: Work, items: Iterable[Any], limit: int) -> None:
    """Right: a queue of tokens; whoever has one may work."""
    free: Queue[int] = Queue()
    for number in range(limit):
        free.put(number)

    def call(item: Any) -> None:
        token = free.get()
        try:
            work(item)
        finally:
            free.put(token)

    in_threads(call, items)


@pytest.mark.parametrize(
    "answer",
    [
        looks_who_is_alive,
        tokens,
        a_pool,
        a_pool_that_raises,
        workers_with_a_queue,
        main_takes_the_slots,
        counts_under_a_condition,
        polls_under_a_lock,
        groups,
    ],
)
def test_a_limit_that_holds_is_taken_however_it_is_made(answer: Work) -> None:
    taken("synchronization.limit", answer)


# --------------------------------------------------------------------- bytes

Fetch = Callable[[Any], bytes]


def adds_without_a_lock(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: the total is read, then the download waits, then the total is written."""
    total = 0

    def add(url: Any) -> None:
        nonlocal total
        total += len(fetch(url))

    in_threads(add, urls)
    return total


def reads_before_the_lock(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: writes under the lock what was read before it."""
    total, lock = 0, Lock()

    def add(url: Any) -> None:
        nonlocal total
        new = total + len(fetch(url))
        with lock:
            total = new

    in_threads(add, urls)
    return total


def a_lock_for_each(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: nobody else has this lock."""
    total = 0

    def add(url: Any) -> None:
        nonlocal total
        size = len(fetch(url))
        with Lock():
            total += size

    in_threads(add, urls)
    return total


def by_address(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: an address that is there twice counts once."""
    sizes: dict[Any, int] = {}

    def add(url: Any) -> None:
        sizes[url] = len(fetch(url))

    in_threads(add, urls)
    return sum(sizes.values())


def does_not_join(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: comes back before the others have ended."""
    sizes: list[int] = []
    for url in urls:
        Thread(target=lambda url=url: sizes.append(len(fetch(url)))).start()
    return sum(sizes)


def one_after_the_other(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: no thread begins before the last one has ended."""
    sizes: list[int] = []
    for url in urls:
        in_threads(lambda url: sizes.append(len(fetch(url))), [url])
    return sum(sizes)


def a_hundred_at_most(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: a hundred threads are too few for more downloads."""
    with ThreadPoolExecutor(100) as pool:
        return sum(map(len, pool.map(fetch, urls)))


def by_the_number_of_the_thread(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Wrong: when a thread has ended, another one gets its number."""
    sizes: dict[int, int] = {}

    def add(url: Any) -> None:
        sizes[threading.get_ident()] = len(fetch(url))

    in_threads(add, urls)
    return sum(sizes.values())


def one_executor_each(fetch: Fetch, urls: list[Any]) -> int:
    """Right: as many threads as there are addresses, and one where there is none."""
    with ThreadPoolExecutor(len(urls) or 1) as pool:
        return sum(map(len, pool.map(fetch, urls)))


def a_list_of_sizes(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Right without a lock: append is one step, and the sum comes after all of them."""
    sizes: list[int] = []
    in_threads(lambda url: sizes.append(len(fetch(url))), urls)
    return sum(sizes)


def through_a_queue(fetch: Fetch, urls: list[Any]) -> int:
    """Right: only the caller adds."""
    sizes: Queue[int] = Queue()
    for url in urls:
        Thread(target=lambda url=url: sizes.put(len(fetch(url)))).start()
    return sum(sizes.get() for _ in urls)


def all_in_one_array(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Right: keeps the bytes themselves."""
    album, lock = bytearray(), Lock()

    def add(url: Any) -> None:
        photo = fetch(url)
        with lock:
            album.extend(photo)

    in_threads(add, urls)
    return len(album)


def by_the_door(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Right: a semaphore with one place, and acquire and release by hand."""
    total, door = [0], Semaphore(1)

    def add(url: Any) -> None:
        size = len(fetch(url))
        door.acquire()
        try:
            total[0] = total[0] + size
        finally:
            door.release()

    in_threads(add, urls)
    return total[0]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (adds_without_a_lock, "5 bytes came, and the total was"),
        (reads_before_the_lock, "5 bytes came, and the total was"),
        (a_lock_for_each, "5 bytes came, and the total was"),
        (by_address, "4 bytes came, and the total was 3"),
        (does_not_join, "5 bytes came, and the total was"),
        (one_after_the_other, "at most 1 were under way at once"),
        (a_hundred_at_most, "at most 100 were under way at once"),
        (by_the_number_of_the_thread, "5 bytes came, and the total was 3"),
    ],
)
def test_a_total_that_may_be_wrong_or_is_slow_is_refused(answer: Fetch, says: str) -> None:
    refused("synchronization.bytes", answer, says)


@pytest.mark.parametrize(
    "answer", [one_executor_each, a_list_of_sizes, through_a_queue, by_the_door, all_in_one_array]
)
def test_an_unusual_total_is_taken(answer: Fetch) -> None:
    taken("synchronization.bytes", answer)


# ------------------------------------------------------------------ transfer

Transfer = Callable[[Account, Account, int], bool]


def checks_before(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: what was looked at may no longer hold when the locks are there."""
    if giver.money < amount:
        return False
    if giver is not taker:
        first, second = sorted((giver, taker), key=lambda a: a.number)
        with first.lock, second.lock:
            giver.money -= amount
            taker.money += amount
    return True


def one_lock_after_the_other(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: no circle, and between the two an audit misses some money."""
    with giver.lock:
        if giver.money < amount:
            return False
        giver.money -= amount
    with taker.lock:
        taker.money += amount
    return True


GATE = Lock()


def a_lock_of_its_own(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: an audit does not know the gate."""
    with GATE:
        if giver.money < amount:
            return False
        giver.money -= amount
        taker.money += amount
        return True


def a_gate_before_crossed_locks(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: transfers pass one by one, and an audit takes the locks in the other order."""
    if giver is taker:
        return amount <= giver.money
    with GATE, giver.lock, taker.lock:
        if giver.money < amount:
            return False
        giver.money -= amount
        taker.money += amount
        return True


def pays_in_order(
    key: Callable[[Account], Any], giver: Account, taker: Account, amount: int
) -> bool:
    """Takes the lock of the smaller one first."""
    if giver is taker:
        return amount <= giver.money
    first, second = sorted((giver, taker), key=key)
    with first.lock, second.lock:
        if giver.money < amount:
            return False
        giver.money -= amount
        taker.money += amount
        return True


def by_address_in_memory(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: an order that all transfers share, and the audit does not."""
    return pays_in_order(id, giver, taker, amount)


def forgets_to_give_back(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: who has too little keeps both locks."""
    if giver is taker:
        return amount <= giver.money
    for account in sorted((giver, taker), key=lambda a: a.number):
        account.lock.acquire()
    if giver.money < amount:
        return False
    giver.money -= amount
    taker.money += amount
    giver.lock.release()
    taker.lock.release()
    return True


def locks_itself_twice(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: in order, and to oneself it waits for itself."""
    first, second = sorted((giver, taker), key=lambda a: a.number)
    with first.lock, second.lock:
        if giver.money < amount:
            return False
        giver.money -= amount
        taker.money += amount
        return True


def by_its_digits(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: as text, 10 comes before 9."""
    return pays_in_order(lambda a: str(a.number), giver, taker, amount)


def keeps_a_rest(giver: Account, taker: Account, amount: int) -> bool:
    """Wrong: who pays all that it has to itself is told that it cannot."""
    return amount < giver.money if giver is taker else in_a_loop_over_a_set(giver, taker, amount)


def in_a_loop_over_a_set(giver: Account, taker: Account, amount: int) -> bool:
    """Right: each lock once, in order, and given back in any."""
    accounts = sorted({giver, taker}, key=lambda a: a.number)
    for account in accounts:
        account.lock.acquire()
    try:
        enough = giver.money >= amount
        if enough:
            giver.money = giver.money - amount
            taker.money = taker.money + amount
    finally:
        for account in accounts:
            account.lock.release()
    return enough


def calls_itself(giver: Account, taker: Account, amount: int) -> bool:
    """Right: both orders written out."""

    def pay() -> bool:
        if giver.money < amount:
            return False
        giver.money -= amount
        taker.money += amount
        return True

    if giver is taker:
        with giver.lock:
            return pay()
    if giver.number > taker.number:
        with taker.lock, giver.lock:
            return pay()
    with giver.lock, taker.lock:
        return pay()


def behind_a_gate_in_order(giver: Account, taker: Account, amount: int) -> bool:
    """Right: one lock more than is needed."""
    with GATE:
        return in_a_loop_over_a_set(giver, taker, amount)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (checks_before, "never below 0"),
        (one_lock_after_the_other, "saw 8 of 10"),
        (a_lock_of_its_own, "an audit, with both locks, saw"),
        (a_gate_before_crossed_locks, "deadlock"),
        (by_address_in_memory, "deadlock"),
        (forgets_to_give_back, "deadlock"),
        (locks_itself_twice, "deadlock"),
        (by_its_digits, "deadlock"),
        (keeps_a_rest, "of 5, 5 can be paid, to oneself, too"),
    ],
)
def test_a_transfer_that_hangs_or_loses_is_refused(answer: Transfer, says: str) -> None:
    refused("synchronization.transfer", answer, says)


@pytest.mark.parametrize("answer", [in_a_loop_over_a_set, calls_itself, behind_a_gate_in_order])
def test_an_unusual_transfer_is_taken(answer: Transfer) -> None:
    taken("synchronization.transfer", answer)


# --------------------------------------------------------------------- turns


class SortsThem(Lights):
    """Wrong: in the end the order is right, and meanwhile yellow was shown alone."""

    def show(self, colour: str) -> None:
        with self.changed:
            self.shown.append(colour)
            self.shown.sort(key=ORDER.index)


class LooksTwice(Lights):
    """Wrong: who looks twice may be woken a third time."""

    def show(self, colour: str) -> None:
        with self.changed:
            if ORDER[len(self.shown)] != colour:
                self.changed.wait()
            if ORDER[len(self.shown)] != colour:
                self.changed.wait()
            self.shown.append(colour)
            self.changed.notify()


class WakesFirst(Lights):
    """Wrong: wakes the others, gives back the lock, and only then shows."""

    def show(self, colour: str) -> None:
        with self.changed:
            while ORDER[len(self.shown)] != colour:
                self.changed.wait()
            self.changed.notify_all()
        self.shown.append(colour)


class OneEvent(Lights):
    """Wrong: one event for all; whoever clears it may clear the call for somebody else."""

    def __init__(self) -> None:
        super().__init__()
        self.event = Event()

    def show(self, colour: str) -> None:
        while ORDER[len(self.shown)] != colour:
            self.event.wait()
            self.event.clear()
        self.shown.append(colour)
        self.event.set()


class LooksOutside(Lights):
    """Wrong: looks without the lock; the change may come before it waits."""

    def show(self, colour: str) -> None:
        while ORDER[len(self.shown)] != colour:
            with self.changed:
                self.changed.wait()
        with self.changed:
            self.shown.append(colour)
            self.changed.notify_all()


class OfTheClass(Lights):
    """Wrong: all lights of the world show what one of them has shown."""

    changed, shown = Condition(), list[str]()

    def __init__(self) -> None:
        pass


class EventsOfTheClass(Lights):
    """Wrong: what other lights have shown is taken for shown here."""

    red, green = Event(), Event()

    def show(self, colour: str) -> None:
        if colour != "red":
            (self.red if colour == "green" else self.green).wait()
        self.shown.append(colour)
        if colour != "yellow":
            (self.red if colour == "red" else self.green).set()


WRONG_LIGHTS = [
    (EventsOfTheClass, "shown while others wait: yellow"),
    (OfTheClass, "new lights have shown"),
    (SortsThem, "shown while others wait: yellow"),
    (LooksTwice, "breaks it"),
    (WakesFirst, "deadlock"),
    (OneEvent, "deadlock"),
    (LooksOutside, "deadlock"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_LIGHTS)
def test_lights_that_go_wrong_are_refused(answer: type, says: str) -> None:
    refused("synchronization.turns", answer, says)


class EventForEach:
    """Right: whoever is done lets in the next one, and nobody else."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.turn = {colour: Event() for colour in ORDER}
        self.turn["red"].set()

    def show(self, colour: str) -> None:
        self.turn[colour].wait()
        self.shown.append(colour)
        place = len(self.shown)
        if place < len(ORDER):
            self.turn[ORDER[place]].set()


class KeepsForLater:
    """Right: nobody waits; who comes last shows what the others have left."""

    def __init__(self) -> None:
        self.lock, self.shown, self.left = Lock(), list[str](), set[str]()

    def show(self, colour: str) -> None:
        with self.lock:
            self.left.add(colour)
            while len(self.shown) < len(ORDER) and ORDER[len(self.shown)] in self.left:
                self.shown.append(ORDER[len(self.shown)])


class ConditionForEach:
    """Right: three conditions, made with one lock."""

    def __init__(self) -> None:
        self.shown, lock = list[str](), Lock()
        self.turn = [Condition(lock) for _ in ORDER]

    def show(self, colour: str) -> None:
        place = ORDER.index(colour)
        with self.turn[place]:
            self.turn[place].wait_for(lambda: len(self.shown) == place)
            self.shown.append(colour)
            self.turn[(place + 1) % 3].notify()


class WaitsWithATimeOut(Lights):
    """Right: looks again every now and then, so no call is missed for long."""

    def show(self, colour: str) -> None:
        with self.changed:
            while ORDER[len(self.shown)] != colour:
                self.changed.wait(0.01)
            self.shown.append(colour)


@pytest.mark.parametrize(
    "answer",
    [
        EventForEach,
        KeepsForLater,
        ConditionForEach,
        WaitsWithATimeOut,
    ],
)
def test_lights_in_the_right_order_are_taken(answer: type) -> None:
    taken("synchronization.turns", answer)
