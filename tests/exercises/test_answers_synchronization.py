"""Lesson 04: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Queue
from threading import Condition, Event, Lock, RLock, Semaphore, Thread
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


WRONG_LIMITS = [
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


# ------------------------------------------------------------------- reentry


class NoLock(Account):
    """Wrong: one step in the source, two in the machine: two payers race."""

    def add(self, amount: int) -> None:
        self.money += amount

    def add_all(self, amounts: Iterable[int]) -> None:
        self.money += sum(amounts)

    def total(self) -> int:
        return int(self.money)


class LocksAllOnly(Account):
    """Wrong: the lock was taken out of add, which others call, too."""

    def add(self, amount: int) -> None:
        self.money += amount


class TotalLooksIn(Account):
    """Wrong: total does not wait for the lock, and sees half."""

    def total(self) -> int:
        return int(self.money)


class ReadsUnderTheLock(Account):
    """Wrong: reads under the lock, and writes without it."""

    def add_all(self, amounts: Iterable[int]) -> None:
        with self.lock:
            money = self.money
        self.money = money + sum(amounts)


class TwoLocks(Account):
    """Right: one lock for each amount, and one for whoever looks at all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.all = Lock()

    def add_all(self, amounts: Iterable[int]) -> None:
        with self.all:
            for amount in amounts:
                self.add(amount)

    def total(self) -> int:
        with self.all:
            return int(self.money)

    def add(self, amount: int) -> None:
        with self.lock:
            self.money += amount


class LetsGoInBetween(Account):
    """Wrong: gives back the plain lock for each call of add."""

    def __init__(self) -> None:
        self.lock, self.money = Lock(), 0

    def add_all(self, amounts: Iterable[int]) -> None:
        with self.lock:
            for amount in amounts:
                self.lock.release()
                self.add(amount)
                self.lock.acquire()


class KeepsTheLock(Account):
    """Wrong: an error on the way leaves the lock taken."""

    def add_all(self, amounts: Iterable[int]) -> None:
        self.lock.acquire()
        for amount in amounts:
            self.add(amount)
        self.lock.release()


class EachAmountOnce(Account):
    """Wrong: an amount that comes twice is paid in once."""

    def add_all(self, amounts: Iterable[int]) -> None:
        with self.lock:
            for amount in set(amounts):
                self.add(amount)


class SharedMoney(Account):
    """Wrong: all accounts have the same money."""

    money = 0

    def __init__(self) -> None:
        self.lock = RLock()
        SharedMoney.money = 0

    def add(self, amount: int) -> None:
        with self.lock:
            SharedMoney.money += amount


WRONG_ACCOUNTS = [
    (NoLock, "paid in by two"),
    (LocksAllOnly, "paid in by two"),
    (TotalLooksIn, "half of add_all was seen"),
    (ReadsUnderTheLock, "paid in by two"),
    (LetsGoInBetween, "half of add_all was seen"),
    (KeepsTheLock, "deadlock"),
    (EachAmountOnce, "half of add_all was seen: 5 of 0 or 7"),
    (SharedMoney, "is in another one, too"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_ACCOUNTS)
def test_an_account_that_is_not_safe_is_refused(answer: type, says: str) -> None:
    refused("synchronization.reentry", answer, says)


class SumFirst(Account):
    """Right: sums up first, and adds the sum by the locked method."""

    def __init__(self) -> None:
        self.lock, self.money = Lock(), 0

    def add_all(self, amounts: Iterable[int]) -> None:
        self.add(sum(amounts))


class AddIsAddAll:
    """Right: the other way round, with a condition as the lock."""

    def __init__(self) -> None:
        self.changed, self.amounts = Condition(Lock()), list[int]()

    def add(self, amount: int) -> None:
        self.add_all([amount])

    def add_all(self, amounts: Iterable[int]) -> None:
        with self.changed:
            self.amounts = [*self.amounts, *map(int, amounts)]

    def total(self) -> int:
        with self.changed:
            return sum(self.amounts)


class BySemaphore(Account):
    """Right: a semaphore of one is a lock, acquired and released by hand."""

    def __init__(self) -> None:
        self.lock, self.money = Semaphore(1), 0

    def add_all(self, amounts: Iterable[int]) -> None:
        self.lock.acquire()
        try:
            self.money += sum(amounts)
        finally:
            self.lock.release()


class OneBank(Account):
    """Right: one lock for all accounts keeps out more than it must, and is safe."""

    bank = RLock()

    def __init__(self) -> None:
        self.lock, self.money = self.bank, 0


@pytest.mark.parametrize("answer", [SumFirst, AddIsAddAll, BySemaphore, TwoLocks, OneBank])
def test_an_account_that_is_safe_is_taken(answer: type) -> None:
    taken("synchronization.reentry", answer)


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


WRONG_LIGHTS = [
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
