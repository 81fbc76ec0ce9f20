"""The exercises of lesson 04: a limit that holds, a lock taken twice, three that take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

from ..deadline import DeadlinePassed, deadline
from ..interleave import Report, explore
from ..timeline import Timeline
from . import NotYet, exercise, expect

# --------------------------------------------------------------------- limit


def limited(work: Callable[[Any], Any], items: Iterable[Any], limit: int) -> None:
    """A solution of `synchronization.limit`: whoever works holds a slot, and gives it back."""
    slots = threading.Semaphore(limit)

    def call(item: Any) -> None:
        with slots:
            work(item)

    _in_threads(call, items)


def limited_starts(work: Callable[[Any], Any], items: Iterable[Any], limit: int) -> None:
    """The starter: it limits how many threads *start* at once, which is over in no time."""
    slots = threading.Semaphore(limit)
    threads = [threading.Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        with slots:
            thread.start()
    for thread in threads:
        thread.join()


def slots_lost(work: Callable[[Any], Any], items: Iterable[Any], limit: int) -> None:
    """Half of the repair: an exception takes its slot with it."""
    slots = threading.Semaphore(limit)

    def call(item: Any) -> None:
        slots.acquire()
        work(item)
        slots.release()

    _in_threads(call, items)


def _in_threads(call: Callable[[Any], None], items: Iterable[Any]) -> None:
    threads = [threading.Thread(target=call, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


GUESTS, LIMIT = 9, 3
TURN = 2.0  # seconds that a call waits for others to be inside
HUNG = 6.0  # seconds after which nobody will come any more: all calls take a tenth of one


class Broken(Exception):
    """What the work raises for every second item."""


class Inside:
    """Work that stays inside until as many calls as may be there have come."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.changed = threading.Condition()
        self.inside = self.most = 0
        self.in_vain = False
        self.begun: list[Any] = []

    def __call__(self, item: int) -> None:
        with self.timeline.span("inside"):
            with self.changed:
                self.begun.append(item)
                self.inside += 1
                self.most = max(self.most, self.inside)
                self.changed.notify_all()
                self._wait_for_others()
            time.sleep(0.02)
            with self.changed:
                self.inside -= 1
        if item % 2:
            raise Broken(f"item {item}")

    def _wait_for_others(self) -> None:
        if not self.in_vain:
            self.in_vain = not self.changed.wait_for(lambda: self.most >= LIMIT, TURN)


@exercise(
    "synchronization.limit",
    "Repair limited(work, items, limit): never more than limit calls of work at once.",
    hints=(
        "A slot must be held as long as the work takes. Which thread knows when it ends?",
        "Acquire and release in the new thread, around the call of work.",
        "`with slots:` gives the slot back even where work raises an exception.",
    ),
    solution=limited,
    starter=limited_starts,
    wrong=slots_lost,
    says="A call that raises must give its slot back",
    seconds=20.0,
)
def _limit(answer: Any) -> str:
    """Nine calls, every second of which raises; three may be inside."""
    work, hung = Inside(), False
    with _no_reports() as reports:
        try:
            with redirect_stdout(StringIO()), deadline(HUNG):
                answer(work, list(range(GUESTS)), LIMIT)
        except DeadlinePassed:
            hung = True
    if errors := [each for each in reports if not isinstance(each, Broken)]:
        raise errors[0]
    _judge_limit(work, hung)
    return f"{GUESTS} calls, at most {LIMIT} at once, and no slot was lost to an exception."


def _judge_limit(work: Inside, hung: bool) -> None:
    most = max(work.most, work.timeline.at_once())
    expect(
        most <= LIMIT,
        f"{LIMIT} calls may be inside, and more were. For how long is a slot held?",
    )
    expect(
        not hung,
        "some calls wait for ever, as there are no slots left. "
        "A call that raises must give its slot back.",
    )
    right = sorted(work.begun) == list(range(GUESTS))
    expect(right, f"work is to be called once for each item, not for {sorted(work.begun)!s:.60}.")
    expect(most == LIMIT, f"{LIMIT} calls may be inside at once; there were at most {most}.")


@contextmanager
def _no_reports() -> Iterator[list[BaseException]]:
    """What a thread does not catch is judged here, not printed."""
    found: list[BaseException] = []
    before = threading.excepthook
    threading.excepthook = lambda args: found.append(args.exc_value or args.exc_type())
    try:
        yield found
    finally:
        threading.excepthook = before


# ------------------------------------------------------------------- reentry


class Account:
    """A solution of `synchronization.reentry`: an RLock, which its holder may take again."""

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.money = 0

    def add(self, amount: int) -> None:
        with self.lock:
            self.money += amount

    def add_all(self, amounts: Iterable[int]) -> None:
        with self.lock:
            for amount in amounts:
                self.add(amount)

    def total(self) -> int:
        with self.lock:
            return self.money


class WaitsForItself(Account):
    """The starter: `add_all` holds the lock that `add` waits for."""

    def __init__(self) -> None:
        self.lock, self.money = threading.Lock(), 0


class HalfDone(Account):
    """A plausible repair: nobody waits for himself, and others see half of it."""

    def __init__(self) -> None:
        self.lock, self.money = threading.Lock(), 0

    def add_all(self, amounts: Iterable[int]) -> None:
        for amount in amounts:
            self.add(amount)


@exercise(
    "synchronization.reentry",
    "Repair Account: add_all pays in all amounts as one step, and nobody waits for himself.",
    hints=(
        "Run the starter in your head: who holds the lock when add wants it?",
        "Without the lock in add_all, total can come in the middle. It must not.",
        "An RLock may be taken again by whoever holds it.",
    ),
    solution=Account,
    starter=WaitsForItself,
    wrong=HalfDone,
    says="half of add_all was seen",
    seconds=20.0,
)
def _reentry(answer: Any) -> str:
    def program() -> None:
        account, seen = answer(), []

        def pay() -> None:
            account.add_all([1, 1])

        def look() -> None:
            seen.append(account.total())

        threads = [threading.Thread(target=pay), threading.Thread(target=look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen[0] in (0, 2), "half of add_all was seen"
        assert account.total() == 2, "the money is not all there"

    return _in_words(explore(program))


# --------------------------------------------------------------------- turns

ORDER = ("red", "green", "yellow")


class Lights:
    """A solution of `synchronization.turns`: look again after every wait, wake everybody."""

    def __init__(self) -> None:
        self.changed, self.shown = threading.Condition(), list[str]()

    def show(self, colour: str) -> None:
        with self.changed:
            while ORDER[len(self.shown)] != colour:
                self.changed.wait()
            self.shown.append(colour)
            self.changed.notify_all()


class LooksOnce(Lights):
    """The starter: whoever is woken believes that it is his turn."""

    def show(self, colour: str) -> None:
        with self.changed:
            if ORDER[len(self.shown)] != colour:
                self.changed.wait()
            self.shown.append(colour)
            self.changed.notify()


class WakesOne(Lights):
    """Half of the repair: the one that is woken may not be the one whose turn it is."""

    def show(self, colour: str) -> None:
        with self.changed:
            while ORDER[len(self.shown)] != colour:
                self.changed.wait()
            self.shown.append(colour)
            self.changed.notify()


@exercise(
    "synchronization.turns",
    "Repair Lights: whatever the order of the calls, it shows red, green, yellow.",
    hints=(
        "Between the notify and the moment that wait() comes back, a lot may happen.",
        "Whoever comes back from wait() must look again: while, not if.",
        "notify() wakes one, perhaps not the one whose turn it is. Who can tell?",
    ),
    solution=Lights,
    starter=LooksOnce,
    wrong=WakesOne,
    says="deadlock",
    seconds=20.0,
)
def _turns(answer: Any) -> str:
    def program() -> None:
        lights = answer()
        threads = [threading.Thread(target=lights.show, args=(c,)) for c in reversed(ORDER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tuple(lights.shown) == ORDER, "shown: " + ", ".join(lights.shown)

    return _in_words(explore(program))


def _in_words(report: Report) -> str:
    """What the explorer found: that all is well, or the schedule that shows it is not."""
    if report.ok:
        return f"All {report.tried} inequivalent schedules were tried, and none fails."
    if report.schedule is None:
        raise NotYet(f"none of {report.tried} schedules fails, but there are too many to try all.")
    failing = report.schedule
    ends = f"with the schedule {failing.word} it ends in: {failing.outcome}"
    raise NotYet(" ".join(f"{ends.rstrip('.')}. {failing.because}".split()))
