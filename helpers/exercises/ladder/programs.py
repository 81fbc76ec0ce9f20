"""The programs of the ladder: each of them has a schedule that breaks it.

The workbook shows the same code without types and docstrings; a test compares
the two. All of it is ordinary Python: `lost_update()` runs on real threads, and
hardly ever fails there.

A program makes its state, starts its threads, joins them and asserts what must
hold. What its threads have done is kept in the objects that they share.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from threading import Thread


def together(*threads: Thread) -> None:
    """Start them all, then wait for all of them."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ------------------------------------------------------- read, then write back


class Counter:
    """Counts; an increment reads, adds and writes back."""

    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        self.value += 1


def lost_update() -> None:
    """Two increments make two."""
    counter = Counter()
    together(Thread(target=counter.add), Thread(target=counter.add))
    assert counter.value == 2, f"lost update: {counter.value}"


class Account:
    """Pays as long as there is money; looks first, then takes."""

    def __init__(self, balance: int) -> None:
        self.balance = balance
        self.paid: list[int] = []

    def withdraw(self, amount: int) -> None:
        if self.balance >= amount:
            self.balance -= amount
            self.paid.append(amount)


def overdrawn() -> None:
    """60 can be had from 100 once."""
    account = Account(100)
    together(
        Thread(target=account.withdraw, args=[60]),
        Thread(target=account.withdraw, args=[60]),
    )
    assert account.paid == [60], f"paid {account.paid} out of 100"
    assert account.balance == 40, f"{account.balance} left"


class Cache:
    """Keeps what was loaded, so that nothing is loaded twice."""

    def __init__(self, load: Callable[[str], str]) -> None:
        self.load = load
        self.values: dict[str, str] = {}

    def get(self, key: str) -> str:
        if key not in self.values:
            self.values[key] = self.load(key)
        return self.values[key]


def cache() -> None:
    """Two ask for the same page, and it is loaded once."""
    loaded: list[str] = []
    got: list[str] = []

    def load(key: str) -> str:
        loaded.append(key)
        return f"page {key}"

    pages = Cache(load)

    def use() -> None:
        got.append(pages.get("a"))

    together(Thread(target=use), Thread(target=use))
    assert got == ["page a", "page a"], f"got {got}"
    assert loaded == ["a"], f"loaded {len(loaded)} times"


# ------------------------------------------------------------- which lock, when


class Purse:
    """Money and the lock that guards it; the name says whose it is."""

    def __init__(self, name: str, amount: int) -> None:
        self.name, self.amount = name, amount
        self.lock = threading.Lock()


def transfer(source: Purse, target: Purse, amount: int) -> None:
    """Locks where the money comes from, then where it goes."""
    with source.lock, target.lock:
        source.amount -= amount
        target.amount += amount


def transfers() -> None:
    """3 go one way and 4 the other."""
    ann, bob = Purse("ann", 10), Purse("bob", 10)
    together(
        Thread(target=transfer, args=(ann, bob, 3)),
        Thread(target=transfer, args=(bob, ann, 4)),
    )
    amounts = ann.amount, bob.amount
    assert amounts == (11, 9), f"ann has {amounts[0]}, bob has {amounts[1]}"


class Till:
    """What several clerks put money into; nobody uses its lock so far."""

    def __init__(self) -> None:
        self.money = 0
        self.lock = threading.Lock()


class Clerk:
    """Takes care to lock: a lock of its own, made for each sale."""

    def __init__(self, till: Till) -> None:
        self.till = till

    def sell(self, price: int) -> None:
        with threading.Lock():
            self.till.money += price


def two_clerks() -> None:
    """1, 2 and 4 in one till make 7; ann sells twice."""
    till = Till()
    ann, bob = Clerk(till), Clerk(till)
    together(
        Thread(target=ann.sell, args=[1]),
        Thread(target=ann.sell, args=[2]),
        Thread(target=bob.sell, args=[4]),
    )
    assert till.money == 7, f"{till.money} in the till, and 7 were paid"


# ------------------------------------------------------------- waiting for others


class Pool:
    """A few connections for many threads: each is borrowed, used and given back."""

    def __init__(self, connections: list[str]) -> None:
        self.free = [*connections]
        self.returned = threading.Condition()

    def borrow(self) -> str:
        with self.returned:
            if not self.free:
                self.returned.wait()
            return self.free.pop()

    def give_back(self, connection: str) -> None:
        with self.returned:
            self.free.append(connection)
            self.returned.notify()


def pool() -> None:
    """Three threads use one connection, one after the other."""
    connections, used = Pool(["connection"]), []

    def query() -> None:
        connection = connections.borrow()
        used.append(connection)
        connections.give_back(connection)

    together(*[Thread(target=query) for _ in range(3)])
    assert used == ["connection"] * 3, f"{len(used)} of 3 had the connection"


class Worker:
    """Does jobs from a queue in a thread of its own, until it is closed."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[str] = queue.Queue()
        self.closing = False
        self.done: list[str] = []

    def run(self) -> None:
        while not self.closing:
            self.done.append(self.jobs.get())

    def submit(self, job: str) -> None:
        self.jobs.put(job)

    def close(self) -> None:
        self.closing = True


def shutdown() -> None:
    """What was submitted before the closing is done, and then the worker ends."""
    worker = Worker()

    def client() -> None:
        worker.submit("a job")
        worker.close()

    together(Thread(target=worker.run), Thread(target=client))
    assert worker.done == ["a job"], f"done: {worker.done}"


class Gate:
    """Who wants to enter looks whether it is open, and waits if not."""

    def __init__(self) -> None:
        self.is_open = False
        self.entered: list[bool] = []
        self.changed = threading.Condition()

    def open(self) -> None:
        self.is_open = True
        with self.changed:
            self.changed.notify_all()

    def enter(self) -> None:
        while not self.is_open:
            with self.changed:
                self.changed.wait()
        self.entered.append(self.is_open)


def lost_wake_up() -> None:
    """Sooner or later the gate is open, and the visitor is in."""
    gate = Gate()
    together(Thread(target=gate.enter), Thread(target=gate.open))
    assert gate.entered == [True], f"entered when open: {gate.entered}"


class CarPark:
    """One place. Who finds it taken drives on; in the end everybody is gone."""

    def __init__(self) -> None:
        self.places = threading.Semaphore(1)

    def visit(self, park: Callable[[], object]) -> None:
        found = self.places.acquire(blocking=False)
        try:
            if found:
                park()
        finally:
            self.places.release()


def car_park() -> None:
    """One comes in and goes out before the next comes in."""
    cars, log = CarPark(), []

    def park() -> None:
        log.append("in")
        log.append("out")

    together(*[Thread(target=cars.visit, args=[park]) for _ in range(3)])
    assert "out" in log, "nobody parked, and there was a place"
    assert log[::2] == ["in"] * (len(log) // 2), f"two on one place: {log}"


class Table:
    """Legs and top are delivered; when both are there, it is put together."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.built: list[str] = []
        self.meeting = threading.Barrier(2)

    def deliver(self, part: str) -> None:
        self.parts.append(part)
        self.meeting.wait()

    def build(self) -> None:
        self.meeting.wait()
        self.meeting.wait()
        self.built = sorted(self.parts)


def wrong_pair() -> None:
    """One builds, two deliver."""
    table = Table()
    together(
        Thread(target=table.build),
        Thread(target=table.deliver, args=["legs"]),
        Thread(target=table.deliver, args=["top"]),
    )
    assert table.built == ["legs", "top"], f"built from {table.built}"


# ------------------------------------------------------------------- the classics


class Board:
    """Guards what is written on it: it calls `change` to write and `look` to read."""

    def __init__(self) -> None:
        self.writing = threading.Lock()

    def write(self, change: Callable[[], object]) -> None:
        with self.writing:
            change()

    def read(self, look: Callable[[], object]) -> None:
        look()


def torn_pair() -> None:
    """1 and 2 belong together, and so do 3 and 4."""
    board, pair = Board(), {"low": 1, "high": 2}

    def change() -> None:
        pair["low"] = 3
        pair["high"] = 4

    def look() -> None:
        seen = pair["low"], pair["high"]
        assert seen in ((1, 2), (3, 4)), f"torn pair: {seen}"

    readers = [Thread(target=board.read, args=[look]) for _ in range(2)]
    together(Thread(target=board.write, args=[change]), *readers)
    assert pair == {"low": 3, "high": 4}, "nothing was written"


class Buffer:
    """Room for one item. Who cannot go on waits for a change."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.taken: list[str] = []
        self.changed = threading.Condition()

    def put(self, item: str) -> None:
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify()

    def take(self) -> None:
        with self.changed:
            while not self.items:
                self.changed.wait()
            self.taken.append(self.items.pop())
            self.changed.notify()


def full_buffer() -> None:
    """Two things through a buffer for one."""
    buffer = Buffer()

    def fill() -> None:
        buffer.put("tea")
        buffer.put("milk")

    takers = [Thread(target=buffer.take) for _ in range(2)]
    together(Thread(target=fill), *takers)
    assert buffer.taken == ["tea", "milk"], f"taken: {buffer.taken}"


def dine(seat: int, forks: list[threading.Lock], eat: Callable[[int], object]) -> None:
    """Take the fork on the left, take the fork on the right, eat, put both back."""
    left, right = seat, (seat + 1) % len(forks)
    with forks[left], forks[right]:
        eat(seat)


def philosophers() -> None:
    """Three at a round table, with a fork between any two of them."""
    forks, fed = [threading.Lock() for _ in range(3)], []

    def eat(seat: int) -> None:
        fed.append(seat)
        assert forks[seat].locked(), "ate without the left fork"
        assert forks[(seat + 1) % 3].locked(), "ate without the right fork"

    guests = [Thread(target=dine, args=(s, forks, eat)) for s in range(3)]
    together(*guests)
    assert sorted(fed) == [0, 1, 2], f"{len(fed)} of 3 have eaten"


class Mailbox:
    """A flag tells that there is mail; whoever empties the box takes it down."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.flag = threading.Event()

    def post(self, letter: str) -> None:
        self.letters.append(letter)
        self.flag.set()

    def empty(self) -> list[str]:
        self.flag.wait()
        found = []
        while self.letters:
            found.append(self.letters.pop(0))
        self.flag.clear()
        return found


def lost_letter() -> None:
    """Who waits for two letters gets both."""
    box = Mailbox()
    read: list[str] = []

    def reader() -> None:
        while len(read) < 2:
            read.extend(box.empty())

    def postman() -> None:
        box.post("bill")
        box.post("card")

    together(Thread(target=reader), Thread(target=postman))
    assert read == ["bill", "card"], f"read: {read}"


# ------------------------------------- what a repair must leave possible, and what not


def readers_meet() -> None:
    """Each of two readers looks while the other one does."""
    board, meeting, met = Board(), threading.Barrier(2), []

    def look() -> None:
        met.append(meeting.wait())

    together(*[Thread(target=board.read, args=[look]) for _ in range(2)])
    assert len(met) == 2, "a reader did not look"


def room_for_one() -> None:
    """The second item goes in after the first is taken."""
    buffer, log = Buffer(), []

    def fill() -> None:
        buffer.put("tea")
        buffer.put("milk")
        log.append("both are in")

    def take() -> None:
        log.append("begins to take")
        buffer.take()

    together(Thread(target=fill), Thread(target=take))
    assert log == ["begins to take", "both are in"], "two items were in it at once"
