"""Programs of which the ladder asks: broken or not? Some of them are right.

As in `programs`, the workbook shows the same code without types and docstrings.
"""

from __future__ import annotations

import threading
from threading import Thread

from .programs import together


class Service:
    """Connects when it is first used; looks without the lock first, as that is quicker."""

    def __init__(self) -> None:
        self.connection: str | None = None
        self.lock = threading.Lock()
        self.log: list[str] = []

    def use(self) -> None:
        if self.connection is None:
            with self.lock:
                if self.connection is None:
                    self.log.append("connect")
                    self.connection = "connection"
        self.log.append(f"use {self.connection}")


def double_checked() -> None:
    """Three uses, and one connection."""
    service = Service()
    together(*[Thread(target=service.use) for _ in range(3)])
    made, used = map(service.log.count, ["connect", "use connection"])
    assert (made, used) == (1, 3), f"connected {made} times for {used} uses"


class Settings:
    """Replaced as a whole: nobody changes the dict that others may be reading."""

    def __init__(self) -> None:
        self.current = {"host": "old", "port": 1}

    def reload(self) -> None:
        fresh = dict(self.current)
        fresh["host"] = "new"
        fresh["port"] = 2
        self.current = fresh

    def address(self) -> tuple[object, object]:
        now = self.current
        return now["host"], now["port"]


def settings() -> None:
    """Nobody gets the host of one version and the port of another."""
    shared, seen = Settings(), []

    def connect() -> None:
        seen.append(shared.address())

    readers = [Thread(target=connect) for _ in range(2)]
    together(Thread(target=shared.reload), *readers)
    assert len(seen) == 2, "somebody has no address"
    assert {*seen} <= {("old", 1), ("new", 2)}, f"torn settings: {seen}"


def rendezvous() -> None:
    """Each of two says that it is here, then waits for the other."""
    left, right, log = threading.Semaphore(0), threading.Semaphore(0), []

    def first() -> None:
        log.append("before")
        left.release()
        right.acquire()
        log.append("after")

    def second() -> None:
        log.append("before")
        right.release()
        left.acquire()
        log.append("after")

    together(Thread(target=first), Thread(target=second))
    assert log == ["before", "before", "after", "after"], f"log: {log}"


class Turnstile:
    """Closed at first. Whoever has passed lets the next one pass."""

    def __init__(self) -> None:
        self.is_open = False
        self.passage = threading.Semaphore(0)

    def open(self) -> None:
        self.is_open = True
        self.passage.release()

    def enter(self) -> bool:
        self.passage.acquire()
        self.passage.release()
        return self.is_open


def turnstile() -> None:
    """One release, and all three get in."""
    gate, entered = Turnstile(), []

    def visit() -> None:
        entered.append(gate.enter())

    visitors = [Thread(target=visit) for _ in range(3)]
    together(*visitors, Thread(target=gate.open))
    assert entered == [True] * 3, f"entered when open: {entered}"


class Early:
    """As `Service`, with a flag that says whether there is a connection."""

    def __init__(self) -> None:
        self.ready = False
        self.connection: str | None = None
        self.lock = threading.Lock()
        self.log: list[str] = []

    def use(self) -> None:
        if not self.ready:
            with self.lock:
                if not self.ready:
                    self.ready = True
                    self.connection = "connection"
        self.log.append(f"use {self.connection}")


def ready_flag() -> None:
    """Whoever uses it has a connection."""
    service = Early()
    together(Thread(target=service.use), Thread(target=service.use))
    assert service.log == ["use connection"] * 2, f"log: {service.log}"


class Stock:
    """One lock for what comes in, one for what goes out."""

    def __init__(self) -> None:
        self.items = 1
        self.coming = threading.Lock()
        self.going = threading.Lock()

    def add(self) -> None:
        with self.coming:
            self.items += 1

    def take(self) -> None:
        with self.going:
            self.items -= 1


def two_locks() -> None:
    """One comes, one goes."""
    stock = Stock()
    together(Thread(target=stock.add), Thread(target=stock.take))
    assert stock.items == 1, f"{stock.items} items, and there is 1"
