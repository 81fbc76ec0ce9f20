"""Small programs for the tests of the search: each kind of step, and what may go wrong with it.

They are written as learners write them: without types.
"""

# mypy: check-untyped-defs=False

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from threading import (
    Barrier,
    BrokenBarrierError,
    Condition,
    Event,
    Lock,
    RLock,
    Semaphore,
    Thread,
    Timer,
    active_count,
)

PROGRAMS: list[Callable[[], object]] = []


def fixed(program: Callable[[], object]) -> Callable[[], object]:
    PROGRAMS.append(program)
    return program


def together(*targets: Callable[[], object]) -> None:
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@fixed
def lost_update():
    total = 0

    def work():
        nonlocal total
        total += 1

    together(work, work)
    assert total == 2, f"lost update: {total}"


@fixed
def under_a_lock():
    lock, total = Lock(), 0

    def work():
        nonlocal total
        for _ in range(2):
            with lock:
                total += 1

    together(work, work)
    assert total == 4


@fixed
def opposite_order():
    a, b = Lock(), Lock()

    def one():
        with a, b:
            pass

    def two():
        with b, a:
            pass

    together(one, two)


@fixed
def try_lock():
    lock, got = Lock(), []

    def work():
        if lock.acquire(blocking=False):
            got.append(1)
            lock.release()
        else:
            got.append(0)

    together(work, work)
    return sorted(got)


@fixed
def try_own_lock():
    lock, total = Lock(), 0

    def work():
        nonlocal total
        total += 1
        with lock:
            if lock.acquire(blocking=False):
                total = 10

    together(work, work)
    return total


@fixed
def lock_with_time_out():
    lock, got = Lock(), []

    def work():
        if lock.acquire(timeout=1):
            got.append(1)
            lock.release()
        else:
            got.append(0)

    together(work, work)
    return sorted(got)


@fixed
def counted_lock():
    lock, total = RLock(), 0

    def work():
        nonlocal total
        with lock, lock:
            total += 1

    together(work, work)
    assert total == 2


@fixed
def raises_with_the_lock_held():
    lock, total = Lock(), 0

    def careless():
        lock.acquire()
        raise KeyError("gone")

    def waits():
        nonlocal total
        with lock:
            total += 1

    together(careless, waits)


@fixed
def raises_in_a_with():
    lock, total = Lock(), 0

    def careful():
        with lock:
            raise KeyError("gone")

    def waits():
        nonlocal total
        with lock:
            total += 1

    together(careful, waits)


@fixed
def released_by_another():
    lock = Lock()
    lock.acquire()

    def release():
        lock.release()

    def use():
        with lock:
            pass

    together(release, use, use)


@fixed
def condition_with_if():
    changed, items = Condition(), []

    def consume():
        with changed:
            if not items:
                changed.wait()
            items.pop()

    def produce():
        for item in range(2):
            with changed:
                items.append(item)
                changed.notify_all()

    together(consume, consume, produce)


@fixed
def condition_with_while():
    changed, items = Condition(), []

    def consume():
        with changed:
            while not items:
                changed.wait()
            items.pop()

    def produce():
        for item in range(2):
            with changed:
                items.append(item)
                changed.notify()

    together(consume, consume, produce)


@fixed
def condition_with_time_out():
    changed, data, got = Condition(), 0, []

    def consume():
        with changed:
            got.append((changed.wait(1), data))

    def produce():
        nonlocal data
        with changed:
            data = 1
            changed.notify()

    together(consume, produce)
    return got


@fixed
def one_notification_for_two():
    changed, got = Condition(Lock()), []

    def patient():
        with changed:
            changed.wait()
            got.append("patient")

    def hasty():
        with changed:
            got.append(changed.wait(1))

    def notify():
        with changed:
            changed.notify()

    together(patient, hasty, notify)
    return got


@fixed
def waits_for_a_predicate():
    changed, number = Condition(RLock()), 0

    def consume():
        with changed, changed:
            changed.wait_for(lambda: number == 2)

    def produce():
        nonlocal number
        for _ in range(2):
            with changed:
                number += 1
                changed.notify()

    together(consume, produce)


@fixed
def notifies_without_the_lock():
    lock = Lock()
    changed = Condition(lock)

    def careless():
        changed.notify()

    def other():
        with lock:
            pass

    together(careless, other)


@fixed
def two_slots():
    slots = Semaphore(2)

    def work():
        with slots:
            pass

    together(work, work, work)


@fixed
def slots_given_back_twice():
    slots, inside, most = Semaphore(1), 0, 0

    def careless():
        slots.release()

    def work():
        nonlocal inside, most
        with slots:
            inside += 1
            most = max(most, inside)
            inside -= 1

    together(careless, work, work)
    assert most == 1


@fixed
def event():
    ready, data = Event(), None

    def put():
        nonlocal data
        data = 1
        ready.set()

    def take():
        ready.wait()
        assert data == 1

    together(take, put, take)


@fixed
def event_cleared():
    ready = Event()

    def take():
        ready.wait()
        ready.clear()

    def put():
        ready.set()

    together(take, take, put)


@fixed
def event_with_time_out():
    ready, got = Event(), []

    def put():
        ready.set()

    def take():
        return got.append(ready.wait(1))

    def look():
        got.append(ready.is_set())

    together(put, take, look)
    return got


@fixed
def woken_before_the_last_write():
    ready, data = Semaphore(0), 0

    def late():
        nonlocal data
        data = 1

    threads = [Thread(target=late), Thread(target=ready.release)]
    for thread in threads:
        thread.start()
    ready.acquire()
    seen = data
    for thread in threads:
        thread.join()
    return seen


@fixed
def barrier_of_two_for_three():
    gate, order = Barrier(2), []

    def pair():
        order.append(gate.wait())

    def late():
        try:
            order.append(gate.wait(1))
        except BrokenBarrierError:
            order.append("broken")

    together(pair, late)
    return sorted(map(str, order))


@fixed
def barrier_of_three():
    gate, there = Barrier(3), [0, 0, 0]

    def arrive(number):
        there[number] = 1
        gate.wait()
        assert sum(there) == 3

    together(*[lambda number=number: arrive(number) for number in range(3)])


@fixed
def lock_after_a_barrier():
    gate, lock = Barrier(2), Lock()

    def first():
        gate.wait()

    def second():
        gate.wait()
        with lock:
            pass

    def third():
        with lock:
            pass

    together(first, second, third)


@fixed
def bounded_queue():
    box, got = queue.Queue(1), []

    def put():
        for item in range(2):
            box.put(item)

    def get():
        got.append(box.get())

    together(put, get, get)
    return sorted(got)


@fixed
def two_puts_block():
    box, x = queue.Queue(1), 0

    def first():
        box.put(x)

    def second():
        nonlocal x
        x += 1
        box.put(x)

    together(first, second)


@fixed
def last_in_first_out():
    box, got = queue.LifoQueue(), []

    def put():
        box.put(1)
        box.put(2)

    def get():
        try:
            got.append(box.get(timeout=1))
        except queue.Empty:
            got.append(None)

    together(put, get)
    return got


@fixed
def one_sentinel_for_two():
    box = queue.Queue()

    def get():
        while box.get() is not None:
            pass

    threads = [Thread(target=get) for _ in range(2)]
    for thread in threads:
        thread.start()
    box.put(1)
    box.put(None)
    for thread in threads:
        thread.join()


@fixed
def tasks_done():
    box, done = queue.PriorityQueue(), []

    def work():
        while True:
            done.append(box.get())
            box.task_done()

    for item in (2, 1):
        box.put(item)
    Thread(target=work, daemon=True).start()
    box.join()
    return done


@fixed
def spins():
    flag = False

    def waits():
        while not flag:
            pass

    def sets():
        nonlocal flag
        flag = True

    together(waits, sets)


@fixed
def spins_and_looks_elsewhere():
    flag, other, seen = False, 0, 0

    def waits():
        nonlocal seen
        look = 0
        while not flag:
            look = other
        seen = look

    def sets():
        nonlocal flag, other
        other = 1
        flag = True

    together(waits, sets)
    return seen


@fixed
def spins_and_counts():
    """Never the same twice, so it is no spin that waits; it ends for the loop has an end."""
    flag, turns = False, 0

    def waits():
        turns = 0
        while not flag and turns < 3:
            turns += 1

    def sets():
        nonlocal flag
        flag = True

    together(waits, sets)
    return turns


@fixed
def long_without_a_step():
    flag, seen = False, []

    def waits():
        mine = 0
        for number in range(500):
            mine += number
        seen.append((mine, flag))

    def sets():
        nonlocal flag
        flag = True

    together(waits, sets)
    return seen


@fixed
def spins_for_ever():
    flag = False

    def waits():
        while not flag:
            time.sleep(0.1)

    def other():
        nonlocal flag
        flag = bool(flag)

    together(waits, other)


@fixed
def a_pool():
    done = []
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(done.append, number) for number in range(2)]
        for future in futures:
            future.result()
    return done


@fixed
def as_they_complete():
    with ThreadPoolExecutor(2) as pool:
        futures = {pool.submit(int, number): number for number in range(2)}
        return [futures[future] for future in as_completed(futures)]


@fixed
def the_first_that_completes():
    with ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(int, number) for number in range(2)]
        done, _ = wait(futures, return_when=FIRST_COMPLETED)
        return len(done)


@fixed
def is_it_alive():
    x = 0

    def work():
        nonlocal x
        x = 1

    thread = Thread(target=work)
    thread.start()
    alive, seen = thread.is_alive(), x
    thread.join()
    return alive, seen


@fixed
def how_many_are_alive():
    x = 0

    def work():
        nonlocal x
        x = 1

    thread = Thread(target=work)
    thread.start()
    number, seen = active_count(), x
    thread.join()
    return number, seen


@fixed
def joined_for_a_while():
    x = 0

    def work():
        nonlocal x
        x = 1

    thread = Thread(target=work)
    thread.start()
    thread.join(1)
    seen = x
    alive = thread.is_alive()
    thread.join()
    return seen, alive


@fixed
def a_timer_cancelled():
    rang = []
    timer = Timer(1, rang.append, ["rang"])
    timer.start()
    timer.cancel()
    timer.join()
    return rang


@fixed
def threads_that_start_threads():
    order = []

    def child(name):
        order.append(name)

    def parent(name):
        thread = Thread(target=child, args=(name,))
        thread.start()
        thread.join()

    together(lambda: parent(1), lambda: parent(2))
    return order


@fixed
def main_joins_in():
    total = 0

    def work():
        nonlocal total
        total += 1

    thread = Thread(target=work)
    thread.start()
    total += 1
    thread.join()
    assert total == 2


@fixed
def check_then_act():
    balance = 10

    def draw():
        nonlocal balance
        if balance >= 10:
            balance -= 10

    together(draw, draw)
    assert balance >= 0, f"balance {balance}"


@fixed
def philosophers():
    forks = [Lock() for _ in range(3)]

    def eat(number):
        with forks[number], forks[(number + 1) % 3]:
            pass

    together(*[lambda number=number: eat(number) for number in range(3)])


@fixed
def keys_of_a_dict():
    counts = {}

    def work(key):
        counts[key] = counts.get(key, 0) + 1

    together(lambda: work("a"), lambda: work("b"), lambda: work("a"))
    return sorted(counts.items())


@fixed
def a_list_that_grows():
    items, seen = [1], []

    def read():
        for number, item in enumerate(items):
            seen.append((number, item))

    together(read, lambda: items.append(2))
    return seen


@fixed
def a_dict_that_grows():
    items = {1: 1}

    def read():
        for _ in items.values():
            pass

    def write():
        items[2] = 2

    together(read, write)


class Account:
    opened = 0

    def __init__(self) -> None:
        self.balance = 0
        type(self).opened += 1


class Savings(Account):
    pass


@fixed
def an_attribute_of_a_class():
    Account.opened = 0

    def open_one():
        Account().balance += 1

    together(open_one, open_one)
    return Account.opened


@fixed
def an_attribute_of_the_base():
    Account.opened, seen = 0, []

    def write():
        Account.opened = 5

    together(write, lambda: seen.append(Savings.opened))
    return seen


@fixed
def a_manager_of_ones_own():
    busy, clashes = False, 0

    @contextmanager
    def alone():
        nonlocal busy, clashes
        clashes += busy
        busy = True
        try:
            yield
        finally:
            busy = False

    def work():
        with alone():
            pass

    together(work, work)
    return clashes


def deposit(account: dict[str, int]) -> None:
    account["balance"] += 1


CLERKS = {"first": deposit, "second": deposit}


@fixed
def targets_in_a_table():
    account = {"balance": 0}
    together(*[lambda clerk=clerk: clerk(account) for clerk in CLERKS.values()])
    return account["balance"]
