"""The exercises of lesson 04: a limit that holds, a lock taken twice, three that take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from typing import Any

from ..deadline import DeadlinePassed, deadline
from ..interleave import Diverged, Refused, explore
from . import NotYet, exercise, expect
from ._schedules import ENDLESS, all_hold, all_tried, broken

ENOUGH = 3000  # schedules; polling has more than anybody could try, or takes too long for each

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


TURN = 2.0  # seconds that a call waits for others to be inside
TRIED = 4.0  # seconds for the schedules; the real threads judge those who poll for ever
MOMENT = 0.06  # seconds that each call gives to one more than may be inside
HUNG = 6.0  # seconds after which nobody will come any more: all calls take a tenth of one
ITEMS = (4, 0, 7, 4, 1, 9, 2, 0, 8, 5)  # in no order, some of them twice, and a false one


class Broken(Exception):
    """What the work raises."""


RAISED = (SystemExit, KeyboardInterrupt, Broken)


class Inside:
    """Work that stays inside until as many calls as may be there have come.

    The second, the fourth and every other call after it raises: an exception, what
    `sys.exit()` raises, or what Ctrl+C does, by turns; `first` says with which to begin.
    """

    def __init__(self, full: int, first: int = 0) -> None:
        self.full, self.first = full, first
        self.changed = threading.Condition()
        self.inside = self.most = self.ended = 0
        self.in_vain = False
        self.begun: list[Any] = []
        self.callers: set[threading.Thread] = set()
        self.raised: list[BaseException] = []

    def __call__(self, item: Any) -> None:
        with self.changed:
            self.begun.append(item)
            self.callers.add(threading.current_thread())
            number = len(self.begun)
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.changed.notify_all()
            self._wait_for_others()
            self.changed.wait_for(lambda: self.most > self.full, MOMENT)
            self.inside -= 1
            self.ended += 1
            self.changed.notify_all()
            if number % 2 == 0:
                kind = RAISED[(number // 2 - 1 + self.first) % len(RAISED)]
                self.raised.append(kind(f"item {item}"))
                raise self.raised[-1]

    def _wait_for_others(self) -> None:
        if not self.in_vain:
            self.in_vain = not self.changed.wait_for(lambda: self.most >= self.full, TURN)

    def is_cause(self, error: BaseException) -> bool:
        """Whether the work raised it: alone, or in a group of its own."""
        parts = getattr(error, "exceptions", (error,))
        return all(any(part is each for each in self.raised) for part in parts)


@exercise(
    "synchronization.limit",
    "Repair limited(work, items, limit): limit calls of work at once, never more, whatever they "
    "raise; it comes back when all have ended.",
    hints=(
        "A slot must be held as long as the work takes. Which thread knows when it ends?",
        "Acquire and release in the new thread, around the call of work.",
        "`with slots:` gives the slot back even where work raises an exception.",
    ),
    solution=limited,
    starter=limited_starts,
    wrong=slots_lost,
    says="A call that raises must give its slot back",
    seconds=40.0,
)
def _limit(answer: Any) -> str:
    """Every schedule of two and three calls; then more on real threads, some of which raise.

    What the explorer cannot follow or finish is judged by the real threads alone.
    """
    if _no_schedule_fails(answer, 2, 1):
        _no_schedule_fails(answer, 3, 1)
    for calls, limit in ((len(ITEMS), 3), (2, 4), (5, 5)):
        _judge_limit(answer, list(ITEMS[:calls]), limit)
    for first in range(len(RAISED)):  # with one slot, each of them takes along all there are
        _judge_limit(answer, list(ITEMS[:3]), 1, first)
    return (
        f"{len(ITEMS)} calls, at most 3 at once; no slot was lost to an exception, and other "
        "limits hold, too."
    )


def _no_schedule_fails(answer: Any, calls: int, limit: int) -> bool:
    """Whether the explorer can say so; NotYet where it says that one fails."""

    def program() -> None:
        log: list[str] = []

        def work(item: int) -> None:
            log.append("in")
            log.append("out")

        answer(work, range(calls), limit)
        inside = 0
        for each in log:
            inside += 1 if each == "in" else -1
            assert inside <= limit, "more calls were inside than may be"
        assert log.count("out") == calls, "not all calls had ended"

    try:
        with redirect_stdout(StringIO()), deadline(TRIED):
            report = explore(program, budget=ENOUGH)
    except (Refused, Diverged, DeadlinePassed):
        return False
    if report.interrupted:
        raise KeyboardInterrupt
    if report.schedule is not None and report.schedule.verdict not in ENDLESS:
        raise NotYet(f"{calls} calls, of which {limit} may be inside: {broken(report.schedule)}")
    return report.ok


def _judge_limit(answer: Any, items: list[int], limit: int, first: int = 0) -> None:
    full = min(limit, len(items))
    work, hung = Inside(full, first), False
    with _no_reports() as reports:
        try:
            with redirect_stdout(StringIO()), deadline(HUNG):
                answer(work, items, limit)
        except DeadlinePassed:
            hung = True
        except BaseException as error:
            if not work.is_cause(error):
                raise
        with work.changed:
            ended = work.ended
            work.changed.wait_for(lambda: not work.inside, TURN)
    if errors := [each for each in reports if not work.is_cause(each)]:
        raise errors[0]
    of = f"{len(items)} calls, of which {limit} may be inside"
    expect(
        work.most <= limit, f"{of}: there were {work.most} at once. For how long is a slot held?"
    )
    lost = bool(work.raised) and len(work.begun) < len(items)
    expect(
        not (hung and lost),
        f"{of}: some calls wait for ever, as there are no slots left. A call that raises must "
        "give its slot back, whatever it raises: SystemExit is no Exception, nor is "
        "KeyboardInterrupt.",
    )
    expect(
        not hung,
        f"{of}: limited had not come back after {HUNG:.0f} seconds, and work had been called "
        f"{len(work.begun)} times.",
    )
    expect(
        work.callers != {threading.current_thread()},
        f"{of}: work was called in the thread that called you: work(item) calls it there and then. "
        "Hand in the function and the item, target=work and args=(item,).",
    )
    right = sorted(work.begun) == sorted(items)
    expect(
        right,
        f"{of}: work is to be called once for each of the items {items!s:.60}, not for "
        f"{work.begun!s:.60}.",
    )
    expect(
        ended == len(items),
        f"{of}: {len(items) - ended} had not ended when limited came back. Join all threads.",
    )
    expect(
        work.most == full,
        f"{of}: there were at most {work.most} at once. As many as may be inside should be.",
    )


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
    seconds=60.0,
)
def _reentry(answer: Any) -> str:
    """One pays and one looks; two pay at once, by each pair of methods; an amount is no number."""

    def looked_at() -> None:
        account, seen = answer(), list[int]()
        _at_once(
            lambda: account.add_all([2, 3, 2]),
            lambda: seen.append(account.total()),
        )
        assert seen[0] in (0, 7), f"half of add_all was seen: {seen[0]} of 0 or 7"
        assert account.total() == 7, f"2, 3 and 2 were paid in, and the total is {account.total()}"

    def two_payers() -> None:
        account = answer()
        _at_once(lambda: account.add_all([1, 1]), lambda: account.add_all([2, 2]))
        assert account.total() == 6, f"6 were paid in by two, and the total is {account.total()}"

    def one_and_many() -> None:
        account, other = answer(), answer()
        _at_once(lambda: account.add_all([1, 1]), lambda: account.add(2))
        assert account.total() == 4, f"4 were paid in by two, and the total is {account.total()}"
        assert other.total() == 0, "what is paid into one account is in another one, too"

    def one_and_one() -> None:
        account = answer()
        _at_once(lambda: account.add(1), lambda: account.add(2))
        assert account.total() == 3, f"3 were paid in by two, and the total is {account.total()}"

    def no_number() -> None:
        account = answer()
        with suppress(Exception):
            account.add_all([1, "two"])
        before = account.total()
        _at_once(lambda: account.add(1), lambda: account.add_all([]))
        assert account.total() == before + 1, "after an error, what is paid in is lost"

    tried = sum(map(all_hold, (looked_at, two_payers, one_and_many, one_and_one, no_number)))
    return all_tried(tried)


def _at_once(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
    seconds=60.0,
)
def _turns(answer: Any) -> str:
    """Whoever comes back from `show` sees a right beginning, whatever the order of the calls."""

    def program() -> None:
        lights = answer()
        wrong: list[str] = []

        def call(colour: str) -> None:
            lights.show(colour)
            shown = tuple(lights.shown)
            if shown != ORDER[: len(shown)]:
                wrong.append(f"shown while others wait: {', '.join(shown)}")

        threads = [threading.Thread(target=call, args=(c,)) for c in reversed(ORDER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[0]
        assert tuple(lights.shown) == ORDER, "shown: " + ", ".join(lights.shown)

    return all_tried(all_hold(program))
