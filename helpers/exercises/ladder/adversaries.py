"""More programs for the same parts: other numbers of threads, and whoever else is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from threading import Thread

from .programs import (
    Account,
    Board,
    Buffer,
    Cache,
    CarPark,
    Clerk,
    Counter,
    Gate,
    Mailbox,
    Pool,
    Purse,
    Table,
    Till,
    Worker,
    dine,
    together,
    transfer,
)


def three_add() -> None:
    """Three increments make three, and another counter stays as it is."""
    counter, other = Counter(), Counter()
    together(*[Thread(target=counter.add) for _ in range(3)])
    assert counter.value == 3, f"lost update: {counter.value} after three"
    assert other.value == 0, f"another counter says {other.value}, and nobody has used it"


def enough_for_both() -> None:
    """30, 60 and twice 5 can be had from 100, and all of it: whoever can be paid is paid."""
    account, other = Account(100), Account(5)
    together(
        Thread(target=account.withdraw, args=[30]),
        Thread(target=account.withdraw, args=[60]),
    )
    for amount in (5, 5, 1):
        account.withdraw(amount)
    assert sorted(account.paid) == [5, 5, 30, 60], f"paid {account.paid} out of 100"
    assert account.balance == 0, f"{account.balance} left"
    assert (other.balance, other.paid) == (5, []), "another account has paid, and nobody asked it"


def three_ask() -> None:
    """60, 60 and 40 from 100: whoever comes when, 40 and one of the others can be paid."""
    account = Account(100)
    together(*[Thread(target=account.withdraw, args=[amount]) for amount in (60, 60, 40)])
    assert sorted(account.paid) == [40, 60], f"paid {account.paid} out of 100"
    assert account.balance == 0, f"{account.balance} left"


def too_much() -> None:
    """Who asks for more than there is gets nothing, and takes nothing from others meanwhile."""
    account = Account(100)
    together(
        Thread(target=account.withdraw, args=[150]),
        Thread(target=account.withdraw, args=[60]),
    )
    assert account.paid == [60], f"paid {account.paid} out of 100, and 60 were there"
    assert account.balance == 40, f"{account.balance} left"


def two_caches() -> None:
    """Three ask a cache, two of them for the same page; another cache loads for itself."""
    loaded: list[str] = []
    got: list[str] = []

    def load(key: str) -> str:
        loaded.append(key)
        return f"page {key}"

    pages, others = Cache(load), Cache(load)
    assert loaded == [], "loaded before anybody asked"

    def use(key: str) -> None:
        got.append(pages.get(key))

    together(*[Thread(target=use, args=[key]) for key in "aba"])
    assert sorted(got) == ["page a", "page a", "page b"], f"got {got}"
    assert sorted(loaded) == ["a", "b"], f"loaded {loaded}"
    assert others.get("b") == "page b", "another cache gave another page"
    assert sorted(loaded) == ["a", "b", "b"], "another cache gave what it had not loaded"


def three_for_one() -> None:
    """Three ask for the same page, and all of them get it."""
    loaded, got = list[str](), list[str]()

    def load(key: str) -> str:
        loaded.append(key)
        return f"page {key}"

    pages = Cache(load)

    def use() -> None:
        got.append(pages.get("a"))

    together(*[Thread(target=use) for _ in range(3)])
    assert got == ["page a"] * 3, f"got {got}"
    assert loaded == ["a"], f"loaded {len(loaded)} times"


def empty_page() -> None:
    """A page may be empty; it is loaded once all the same."""
    loaded: list[str] = []

    def load(key: str) -> str:
        loaded.append(key)
        return ""

    pages = Cache(load)
    assert [pages.get("a"), pages.get("a")] == ["", ""], "the page is empty, and it is not so now"
    assert loaded == ["a"], f"loaded {len(loaded)} times"


def audited() -> None:
    """Whoever gets both locks without waiting finds all of the money."""
    ann, bob = Purse("ann", 10), Purse("bob", 10)

    def audit() -> None:
        if ann.lock.acquire(blocking=False):
            if bob.lock.acquire(blocking=False):
                assert ann.amount + bob.amount == 20, "some money was on its way, without a lock"
                bob.lock.release()
            ann.lock.release()

    together(Thread(target=transfer, args=(ann, bob, 3)), Thread(target=audit))
    assert (ann.amount, bob.amount) == (7, 13), f"ann has {ann.amount}, bob has {bob.amount}"


def round_trip() -> None:
    """Three purses, and each gives to the next one."""
    ann, bob, cid = Purse("ann", 10), Purse("bob", 20), Purse("cid", 30)
    together(
        Thread(target=transfer, args=(cid, ann, 1)),
        Thread(target=transfer, args=(bob, cid, 2)),
        Thread(target=transfer, args=(ann, bob, 4)),
    )
    amounts = ann.amount, bob.amount, cid.amount
    assert amounts == (7, 22, 31), f"ann, bob and cid have {amounts}"


NAMES = ("ann", "dan", "anna", "bob", "Ann")  # some begin, some end as others, in part or wholly


def to_and_fro(one: str, other: str) -> Callable[[], None]:
    """The same two transfers between these two."""

    def program() -> None:
        first, second = Purse(one, 10), Purse(other, 20)
        together(
            Thread(target=transfer, args=(second, first, 3)),
            Thread(target=transfer, args=(first, second, 4)),
        )
        amounts = first.amount, second.amount
        assert amounts == (9, 21), f"{one} has {amounts[0]}, {other} has {amounts[1]}"

    return program


def somebody_else_pays() -> None:
    """A transfer waits for a purse that is locked; one between two others does not wait for it."""
    ann, bob, cid, dan = (Purse(name, 10) for name in ("ann", "bob", "cid", "dan"))
    waits = Thread(target=transfer, args=(cid, dan, 1))
    with cid.lock:
        waits.start()
        together(Thread(target=transfer, args=(bob, ann, 3)))
    waits.join()
    assert (ann.amount, bob.amount) == (13, 7), f"ann has {ann.amount}, bob has {bob.amount}"
    assert (cid.amount, dan.amount) == (9, 11), f"cid has {cid.amount}, dan has {dan.amount}"


def one_clerk_each() -> None:
    """Two tills, one with a clerk, and two clerks for the other one, who come late."""
    left, right = Till(), Till()
    ann = Clerk(left)

    def comes_late() -> None:
        Clerk(right).sell(1)

    late = [Thread(target=comes_late) for _ in range(2)]
    together(Thread(target=ann.sell, args=[1]), *late)
    money = left.money, right.money
    assert money == (1, 2), f"{money} in the tills, and 1 and 2 were paid"


def one_at_a_time() -> None:
    """Two threads and one connection: it is given back before the other one has it."""
    connections, log = Pool(["one"]), list[str]()

    def query() -> None:
        log.append(connections.borrow())
        log.append("back")
        connections.give_back("one")

    together(*[Thread(target=query) for _ in range(2)])
    assert log == ["one", "back"] * 2, f"borrowed and given back: {log}"


def two_connections() -> None:
    """Two threads have a connection each, at the same time; another pool has its own."""
    connections, meeting, had = Pool(["one", "two"]), threading.Barrier(2), list[str]()
    others = Pool(["three"])

    def query() -> None:
        connection = connections.borrow()
        had.append(connection)
        meeting.wait()
        connections.give_back(connection)

    together(*[Thread(target=query) for _ in range(2)])
    assert sorted(had) == ["one", "two"], f"two threads had {had}"
    assert others.borrow() == "three", "another pool lent a connection that it had not been given"


def two_given_back() -> None:
    """Two wait when two connections are given back, one right after the other."""
    connections, used = Pool(["one", "two"]), list[str]()
    lent = [connections.borrow(), connections.borrow()]

    def query() -> None:
        used.append(connections.borrow())

    waiting = [Thread(target=query) for _ in range(2)]
    for thread in waiting:
        thread.start()
    for connection in lent:
        connections.give_back(connection)
    for thread in waiting:
        thread.join()
    assert sorted(used) == ["one", "two"], f"two threads had {used}"


def three_times() -> None:
    """One borrows again and again, and may always come before the other."""
    connections, used = Pool(["one"]), list[str]()

    def query(times: int) -> None:
        for _ in range(times):
            connection = connections.borrow()
            used.append(connection)
            connections.give_back(connection)

    together(*[Thread(target=query, args=[times]) for times in (3, 1)])
    assert used == ["one"] * 4, f"{len(used)} of 4 times somebody had the connection"


def two_jobs() -> None:
    """Two jobs are done, in the order in which they were submitted."""
    worker = Worker()

    def client() -> None:
        worker.submit("one")
        worker.submit("two")
        worker.close()

    together(Thread(target=worker.run), Thread(target=client))
    assert worker.done == ["one", "two"], f"done: {worker.done}"


JOBS = ("", "stop", "None", "end", "close", "quit", "done", "exit", "STOP", "END")


def any_job() -> None:
    """A job may be empty, or have a name that others use for the end."""
    worker = Worker()
    for job in JOBS:
        worker.submit(job)
    worker.close()
    worker.run()
    assert worker.done == [*JOBS], f"done: {worker.done}, and submitted were {[*JOBS]}"


def no_job() -> None:
    """Closed without a job, before the worker begins, or while it waits; until then it is there."""
    worker, log = Worker(), list[str]()

    def work() -> None:
        worker.run()
        log.append("the worker has ended")

    def close() -> None:
        log.append("closing")
        worker.close()

    together(Thread(target=work), Thread(target=close))
    assert worker.done == [], f"done: {worker.done}, and nothing was submitted"
    assert log[0] == "closing", "the worker has ended, and nobody had closed it"


def two_workers_closed() -> None:
    """One is closed; another goes on, and has its own jobs."""
    one, other = Worker(), Worker()
    one.close()
    other.submit("a job")
    other.close()
    together(Thread(target=one.run), Thread(target=other.run))
    assert (one.done, other.done) == ([], ["a job"]), f"done: {one.done} and {other.done}"


def two_visitors() -> None:
    """Two wait in front of the gate; a dozen come when it is open."""
    gate = Gate()
    together(*[Thread(target=gate.enter) for _ in range(2)], Thread(target=gate.open))
    for _ in range(12):
        gate.enter()
    assert gate.entered == [True] * 14, f"entered when open: {gate.entered}"


def another_gate() -> None:
    """One is open; whoever comes to the other one waits for that."""
    gate, other, log = Gate(), Gate(), list[str]()
    gate.open()
    gate.enter()

    def visit() -> None:
        other.enter()
        log.append("in")

    def opens() -> None:
        log.append("opened")
        other.open()

    together(Thread(target=visit), Thread(target=opens))
    assert log == ["opened", "in"], "somebody came in before that gate was opened"
    entered = gate.entered, other.entered
    assert entered == ([True], [True]), f"one each, entered when open: {entered}"


class Crash(BaseException):
    """An error that not even `except Exception` catches."""


def crash() -> None:
    """There: two cars, after which there must be a place; and a full one fills no other."""
    cars, other, log = CarPark(), CarPark(), []

    def hit() -> None:
        raise Crash

    def visit() -> None:
        try:
            cars.visit(hit)
        except Crash:
            log.append("crash")

    together(Thread(target=visit))
    for _ in range(2):
        cars.visit(lambda: log.append("parked"))
    assert log.count("parked") == 2, "a place was lost, since nobody could park any more"
    cars.visit(lambda: other.visit(lambda: log.append("parked elsewhere")))
    assert "parked elsewhere" in log, "another car park was full, and nobody was there"


def drives_on() -> None:
    """One of two is parked until the other one is gone: it does not wait for the place.

    Nor does who comes in the same thread.
    """
    cars, gone, log = CarPark(), threading.Semaphore(0), list[str]()

    def park() -> None:
        cars.visit(lambda: log.append("a second one"))
        gone.acquire()
        log.append("parked")

    def visit() -> None:
        cars.visit(park)
        gone.release()

    together(*[Thread(target=visit) for _ in range(2)])
    assert log == ["parked"], f"there is one place, and there were {log}"


def another_table() -> None:
    """A table of other parts, and one more; each is built when `build` has ended."""

    def make(*parts: str) -> None:
        table, built = Table(), list[str]()

        def build() -> None:
            table.build()
            built.extend(table.built)

        delivered = [Thread(target=table.deliver, args=[part]) for part in parts]
        together(*delivered, Thread(target=build))
        assert sorted(built) == sorted(parts), f"{parts} came; built from {built}"

    make("stone", "glass")
    make("iron", "wood")


def three_meet() -> None:
    """Each of three readers comes while those before it look."""
    board, looked = Board(), list[int]()

    def look(others: int) -> None:
        looked.append(others)
        if others:
            together(Thread(target=board.read, args=[lambda: look(others - 1)]))

    board.read(lambda: look(2))
    assert len(looked) == 3, "a reader did not look"


def two_writers() -> None:
    """Two who write keep each other out, and whoever reads."""
    board, pair = Board(), {"low": 0, "high": 0}

    def change() -> None:
        number = pair["low"] + 1
        pair["low"] = number
        pair["high"] = number

    def look() -> None:
        low, high = pair["low"], pair["high"]
        assert low == high, f"torn pair: {(low, high)}"

    writers = [Thread(target=board.write, args=[change]) for _ in range(2)]
    together(*writers, Thread(target=board.read, args=[look]))
    assert pair == {"low": 2, "high": 2}, f"two have added 1 to both: {pair}"


def another_board() -> None:
    """One is read while another one is read and written."""
    board, other, pair = Board(), Board(), {"low": 1, "high": 2}

    def change() -> None:
        pair["low"] = 3
        pair["high"] = 4

    def look() -> None:
        seen = pair["low"], pair["high"]
        assert seen in ((1, 2), (3, 4)), f"torn pair: {seen}"

    together(
        Thread(target=board.read, args=[lambda: None]),
        Thread(target=other.write, args=[change]),
        Thread(target=other.read, args=[look]),
    )


def one_by_one() -> None:
    """A writer and a reader, again and again, with nobody else there."""
    board, log = Board(), []
    for _ in range(2):
        board.read(lambda: log.append("read"))
        board.write(lambda: log.append("written"))
    assert log == ["read", "written"] * 2, f"log: {log}"


def two_fillers() -> None:
    """It is full, and two want to put in a thing each: never two of them are in it."""
    buffer, log = Buffer(), []
    buffer.put("tea")

    def fill(item: str) -> None:
        buffer.put(item)
        log.append("is in")

    def take() -> None:
        for _ in range(3):
            log.append("begins to take")
            buffer.take()

    fillers = [Thread(target=fill, args=[item]) for item in ("milk", "jam")]
    together(*fillers, Thread(target=take))
    assert sorted(buffer.taken) == ["jam", "milk", "tea"], f"taken: {buffer.taken}"
    room = 0
    for each in log:
        room += 1 if each == "begins to take" else -1
        assert room >= 0, "two items were in it at once"


def two_and_two() -> None:
    """Two put in a thing each, and two take one each; another buffer has its own."""
    buffer, other = Buffer(), Buffer()
    other.put("jam")
    fillers = [Thread(target=buffer.put, args=[item]) for item in ("tea", "milk")]
    together(*fillers, *[Thread(target=buffer.take) for _ in range(2)])
    assert sorted(buffer.taken) == ["milk", "tea"], f"taken: {buffer.taken}"
    other.take()
    assert other.taken == ["jam"], f"jam was in the other one, and taken: {other.taken}"


def four_philosophers() -> None:
    """Four at a larger table."""
    forks, fed = [threading.Lock() for _ in range(4)], []

    def eat(seat: int) -> None:
        fed.append(seat)
        assert forks[seat].locked(), "ate without the left fork"
        assert forks[(seat + 1) % 4].locked(), "ate without the right fork"

    together(*[Thread(target=dine, args=(s, forks, eat)) for s in range(4)])
    assert sorted(fed) == [0, 1, 2, 3], f"{len(fed)} of 4 have eaten"
    assert not any(fork.locked() for fork in forks), "a fork was not put back"


def two_postmen() -> None:
    """Two post a letter each; what is in another box is not in this one."""
    box, other = Mailbox(), Mailbox()
    other.post("note")
    read: list[str] = []

    def reader() -> None:
        while len(read) < 2:
            read.extend(box.empty())

    together(
        Thread(target=reader),
        Thread(target=box.post, args=["bill"]),
        Thread(target=box.post, args=["card"]),
    )
    assert sorted(read) == ["bill", "card"], f"read: {read}"


# ------------------------- on real threads: more of them than the explorer can follow

CROWD = 24
MOMENT = 0.1  # seconds in which all of them begin to wait


def crowd_at_the_gate() -> None:
    """Everybody waits in front of the gate when it opens."""
    gate = Gate()

    def opens() -> None:
        time.sleep(MOMENT)
        gate.open()

    together(*[Thread(target=gate.enter) for _ in range(CROWD)], Thread(target=opens))
    assert gate.entered == [True] * CROWD, f"{len(gate.entered)} of {CROWD} are in"


def crowd_of_takers() -> None:
    """Everybody waits for something when one begins to fill it."""
    buffer, items = Buffer(), [f"item {n}" for n in range(CROWD)]

    def fill() -> None:
        time.sleep(MOMENT)
        for item in items:
            buffer.put(item)

    together(*[Thread(target=buffer.take) for _ in items], Thread(target=fill))
    assert sorted(buffer.taken) == sorted(items), f"{len(buffer.taken)} of {CROWD} were taken"


def crowd_of_fillers() -> None:
    """Everybody waits for room when one begins to take."""
    buffer, items = Buffer(), [f"item {n}" for n in range(CROWD)]

    def take() -> None:
        time.sleep(MOMENT)
        for _ in items:
            buffer.take()

    together(*[Thread(target=buffer.put, args=[item]) for item in items], Thread(target=take))
    assert sorted(buffer.taken) == sorted(items), f"{len(buffer.taken)} of {CROWD} were taken"
