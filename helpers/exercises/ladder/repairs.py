"""Repairs of the ladder's programs: what holds, and what looks as if it did.

A right one has the name of what it repairs. The wrong ones stand below it, each
a mistake that many make; the explorer refutes each with a schedule.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from . import programs
from .programs import Purse, Till

# ------------------------------------------------------- read, then write back


class Counter:
    """One lock per counter, around the read and the write."""

    def __init__(self) -> None:
        self.value = 0
        self.lock = threading.Lock()

    def add(self) -> None:
        with self.lock:
            self.value += 1


class LocksTheWrite(Counter):
    """Locks the write, but not the read."""

    def add(self) -> None:
        value = self.value
        with self.lock:
            self.value = value + 1


class Account(programs.Account):
    """Looking and taking under one lock, without a gap."""

    def __init__(self, balance: int) -> None:
        super().__init__(balance)
        self.lock = threading.Lock()

    def withdraw(self, amount: int) -> None:
        with self.lock:
            if self.balance >= amount:
                self.balance -= amount
                self.paid.append(amount)


class LocksTwice(Account):
    """Looks under the lock and takes under the lock, with a gap between."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            enough = self.balance >= amount
        if enough:
            with self.lock:
                self.balance -= amount
                self.paid.append(amount)


class Cache(programs.Cache):
    """Who waits for the lock looks again when it has it."""

    def __init__(self, load: Callable[[str], str]) -> None:
        super().__init__(load)
        self.lock = threading.Lock()

    def get(self, key: str) -> str:
        with self.lock:
            if key not in self.values:
                self.values[key] = self.load(key)
            return self.values[key]


class LocksTheLoading(Cache):
    """Locks what is slow; who waited for the lock then loads once more."""

    def get(self, key: str) -> str:
        if key not in self.values:
            with self.lock:
                self.values[key] = self.load(key)
        return self.values[key]


# ------------------------------------------------------------- which lock, when


def transfer(source: Purse, target: Purse, amount: int) -> None:
    """Whatever the direction, the lock of the lesser name comes first."""
    first, second = source, target
    if second.name < first.name:
        first, second = second, first
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


def locks_the_source(source: Purse, target: Purse, amount: int) -> None:
    """One lock cannot be in the wrong order; but two transfers now hold two locks."""
    with source.lock:
        source.amount -= amount
        target.amount += amount


def gives_up(source: Purse, target: Purse, amount: int) -> None:
    """Waits for no second lock; the transfer does not take place then."""
    with source.lock:
        if target.lock.acquire(blocking=False):
            source.amount -= amount
            target.amount += amount
            target.lock.release()


class Clerk:
    """The lock of what is shared: whoever uses the till finds the same one."""

    def __init__(self, till: Till) -> None:
        self.till = till

    def sell(self, price: int) -> None:
        with self.till.lock:
            self.till.money += price


class OneLockPerClerk:
    """One lock per clerk, and one till for all of them."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.lock = threading.Lock()

    def sell(self, price: int) -> None:
        with self.lock:
            self.till.money += price


# ------------------------------------------------------------- waiting for others


class Pool(programs.Pool):
    """Who was woken looks again: somebody else may have come first."""

    def borrow(self) -> str:
        with self.returned:
            while not self.free:
                self.returned.wait()
            return self.free.pop()


class WakesAll(programs.Pool):
    """Wakes everybody instead of one, and still nobody looks again."""

    def give_back(self, connection: str) -> None:
        with self.returned:
            self.free.append(connection)
            self.returned.notify_all()


class Worker:
    """The last thing in the queue says that nothing comes after it."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[str | None] = queue.Queue()
        self.done: list[str] = []

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            self.done.append(job)

    def submit(self, job: str) -> None:
        self.jobs.put(job)

    def close(self) -> None:
        self.jobs.put(None)


class LooksIntoTheQueue(programs.Worker):
    """Does all jobs before it ends; but it still waits where nothing will come."""

    def run(self) -> None:
        while not (self.closing and self.jobs.empty()):
            self.done.append(self.jobs.get())


class Gate(programs.Gate):
    """Looks and begins to wait under the lock that the notifier needs."""

    def open(self) -> None:
        with self.changed:
            self.is_open = True
            self.changed.notify_all()

    def enter(self) -> None:
        with self.changed:
            while not self.is_open:
                self.changed.wait()
        self.entered.append(self.is_open)


class LooksOutside(programs.Gate):
    """Sets the flag under the lock; but who looks, looks before it has the lock."""

    def open(self) -> None:
        with self.changed:
            self.is_open = True
            self.changed.notify_all()


class WakesTooEarly(Gate):
    """Wakes first, then says why."""

    def open(self) -> None:
        with self.changed:
            self.changed.notify_all()
        self.is_open = True


class CarPark(programs.CarPark):
    """Gives back what it took, and nothing else."""

    def visit(self, park: Callable[[], object]) -> None:
        if self.places.acquire(blocking=False):
            try:
                park()
            finally:
                self.places.release()


class BoundedPlaces(programs.CarPark):
    """BoundedSemaphore notices a release too many; it does not prevent it."""

    def __init__(self) -> None:
        self.places = threading.BoundedSemaphore(1)


class Table(programs.Table):
    """All three meet once."""

    def __init__(self) -> None:
        super().__init__()
        self.meeting = threading.Barrier(3)

    def build(self) -> None:
        self.meeting.wait()
        self.built = sorted(self.parts)


class ThreeMeetTwice(programs.Table):
    """The right number of parties, and one of them comes twice."""

    def __init__(self) -> None:
        super().__init__()
        self.meeting = threading.Barrier(3)


# ------------------------------------------------------------------- the classics


class Board:
    """The first reader takes the room for all readers, the last one gives it back."""

    def __init__(self) -> None:
        self.readers = 0
        self.counting = threading.Lock()
        self.room = threading.Lock()

    def write(self, change: Callable[[], object]) -> None:
        with self.room:
            change()

    def read(self, look: Callable[[], object]) -> None:
        with self.counting:
            self.readers += 1
            if self.readers == 1:
                self.room.acquire()
        look()
        with self.counting:
            self.readers -= 1
            if self.readers == 0:
                self.room.release()


class ReadersLock(programs.Board):
    """Two locks for the same data: one for writers, one for readers."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = threading.Lock()

    def read(self, look: Callable[[], object]) -> None:
        with self.reading:
            look()


class OneAtATime(programs.Board):
    """No torn pair, and no two readers at once either."""

    def read(self, look: Callable[[], object]) -> None:
        with self.writing:
            look()


class UncountedReaders(Board):
    """Readers are counted without a lock: a lost update decides about the room."""

    def read(self, look: Callable[[], object]) -> None:
        self.readers += 1
        if self.readers == 1:
            self.room.acquire()
        look()
        self.readers -= 1
        if self.readers == 0:
            self.room.release()


class Buffer(programs.Buffer):
    """One lock, and a condition for each thing that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        lock = threading.Lock()
        self.filled = threading.Condition(lock)
        self.emptied = threading.Condition(lock)

    def put(self, item: str) -> None:
        with self.emptied:
            while self.items:
                self.emptied.wait()
            self.items.append(item)
            self.filled.notify()

    def take(self) -> None:
        with self.filled:
            while not self.items:
                self.filled.wait()
            self.taken.append(self.items.pop())
            self.emptied.notify()


class WakesEverybody(programs.Buffer):
    """Also right: all of them look, and the one who can goes on."""

    def put(self, item: str) -> None:
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify_all()

    def take(self) -> None:
        with self.changed:
            while not self.items:
                self.changed.wait()
            self.taken.append(self.items.pop())
            self.changed.notify_all()


class TwoConditionsTwoLocks(programs.Buffer):
    """Two conditions, each with a lock of its own, for the same items."""

    def __init__(self) -> None:
        super().__init__()
        self.filled = threading.Condition()
        self.emptied = threading.Condition()

    def put(self, item: str) -> None:
        with self.emptied:
            while self.items:
                self.emptied.wait()
            self.items.append(item)
            with self.filled:
                self.filled.notify()

    def take(self) -> None:
        with self.filled:
            while not self.items:
                self.filled.wait()
            self.taken.append(self.items.pop())
            with self.emptied:
                self.emptied.notify()


class Unbounded(programs.Buffer):
    """Never stuck, since there is room for everything: no longer a bounded buffer."""

    def put(self, item: str) -> None:
        with self.changed:
            self.items.insert(0, item)
            self.changed.notify()


def dine(seat: int, forks: list[threading.Lock], eat: Callable[[int], object]) -> None:
    """The fork with the lesser number first: somebody reaches across, and no circle closes."""
    first, second = sorted([seat, (seat + 1) % len(forks)])
    with forks[first], forks[second]:
        eat(seat)


def right_fork_first(seat: int, forks: list[threading.Lock], eat: Callable[[int], object]) -> None:
    """Everybody takes the right fork first: the same circle, the other way round."""
    left, right = seat, (seat + 1) % len(forks)
    with forks[right], forks[left]:
        eat(seat)


def goes_hungry(seat: int, forks: list[threading.Lock], eat: Callable[[int], object]) -> None:
    """Who does not get the second fork puts down the first, and does not eat."""
    left, right = seat, (seat + 1) % len(forks)
    with forks[left]:
        if forks[right].acquire(blocking=False):
            eat(seat)
            forks[right].release()


class Mailbox(programs.Mailbox):
    """Takes the flag down first: whatever comes after that puts it up again."""

    def empty(self) -> list[str]:
        self.flag.wait()
        self.flag.clear()
        found = []
        while self.letters:
            found.append(self.letters.pop(0))
        return found


class LooksBeforeItClears(programs.Mailbox):
    """Looks whether the box is empty, then takes the flag down: check-then-act."""

    def empty(self) -> list[str]:
        self.flag.wait()
        found = []
        while self.letters:
            found.append(self.letters.pop(0))
        if not self.letters:
            self.flag.clear()
        return found


class ClearsBeforeItWaits(programs.Mailbox):
    """Takes the flag down for a letter that is there already, then waits for it."""

    def empty(self) -> list[str]:
        self.flag.clear()
        self.flag.wait()
        found = []
        while self.letters:
            found.append(self.letters.pop(0))
        return found
