"""The exercises of lesson 04: a total, a limit, two locks in order, three that take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

from ..deadline import DeadlinePassed, busy_deadline
from ..ending import errors_of_threads
from . import NotYet, exercise, expect
from ._schedules import all_hold, all_tried, followed

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
LONGER = 1.0  # seconds that the first call stays at most, while the others end
MOMENT = 0.06  # seconds that each call gives to one more than may be inside
HUNG = 6.0  # seconds after which nobody will come any more: all calls take a tenth of one
ITEMS = (4, 0, 7, 4, 1, 9, 2, 0, 8, 5)  # in no order, some of them twice, and a false one
MANY = 4 * ITEMS  # more than an executor has threads unless it is told


class Broken(Exception):
    """What the work raises."""


RAISED = (SystemExit, KeyboardInterrupt, Broken)


class Inside:
    """Work that stays inside until as many calls as may be there have come.

    The second, the fourth and every other call after it raises: an exception, what
    `sys.exit()` raises, or what Ctrl+C does, by turns; `first` says with which to begin.
    The first of them stays until all others have ended, or for a while.
    """

    def __init__(self, full: int, calls: int, first: int = 0) -> None:
        self.full, self.calls, self.first = full, calls, first
        self.changed = threading.Condition()
        self.inside = self.most = self.ended = 0
        self.in_vain = self.returned = False
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
            if number == 1 < self.full:
                self.changed.wait_for(lambda: self.ended >= self.calls - 1, LONGER)
                self.changed.wait_for(lambda: self.returned, MOMENT)
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
    for calls, limit in ((len(ITEMS), 3), (2, 4), (0, 3), (len(MANY), len(MANY))):
        _judge_limit(answer, list(MANY[:calls]), limit)
    for first in range(len(RAISED)):  # with one slot, each of them takes along all there are
        _judge_limit(answer, list(ITEMS[:3]), 1, first)
    _two_meet(answer)
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

    return followed(program, f"{calls} calls, of which {limit} may be inside")


def _two_meet(answer: Any) -> None:
    """NotYet where the explorer finds a slot that was lost, not in an exception but in a race.

    Of two slots one is free after the first call: two calls that wait for each other find out
    whether it really is. With one slot nobody could tell, and four calls are too many to try.
    """

    def program() -> None:
        meeting = threading.Barrier(2)

        def work(item: int) -> None:
            if item:
                meeting.wait()

        answer(work, [1, 2, 0], 2)  # who works in groups has 1 and 2 in one of them

    of = "3 calls, of which 2 may be inside, and two wait for each other inside"
    followed(program, of, longer=2, livelocks=True)


def _judge_limit(answer: Any, items: list[int], limit: int, first: int = 0) -> None:
    full = min(limit, len(items))
    work, hung = Inside(full, len(items), first), False
    with errors_of_threads() as reports:
        try:
            with redirect_stdout(StringIO()), busy_deadline(HUNG):
                answer(work, items, limit)
        except DeadlinePassed:
            hung = True
        except BaseException as error:
            if not items:
                said = f"without items there is nothing to do; it raised {type(error).__name__}"
                raise NotYet(f"{said}: {error}.") from None
            if not work.is_cause(error):
                raise
        with work.changed:
            ended, work.returned = work.ended, True
            work.changed.notify_all()
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
    called = f"and work had been called {len(work.begun)} times"
    expect(not hung, f"{of}: limited had not come back after {HUNG:.0f} seconds, {called}.")
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


# --------------------------------------------------------------------- bytes

Fetch = Callable[[Any], bytes]


def total_bytes(fetch: Fetch, urls: Iterable[Any]) -> int:
    """A solution of `synchronization.bytes`: fetched outside of the lock, added inside."""
    total, lock = 0, threading.Lock()

    def add(url: Any) -> None:
        nonlocal total
        size = len(fetch(url))
        with lock:
            total += size

    _in_threads(add, urls)
    return total


def no_answer(fetch: Fetch, urls: Iterable[Any]) -> None:
    """The starter: a name, and nothing else."""


def total_under_the_lock(fetch: Fetch, urls: Iterable[Any]) -> int:
    """Half of it: nothing is lost, and one download waits for the other."""
    total, lock = 0, threading.Lock()

    def add(url: Any) -> None:
        nonlocal total
        with lock:
            total += len(fetch(url))

    _in_threads(add, urls)
    return total


DOWNLOADS = 120  # more than anybody would give to an executor, unless by their number
SOON = 0.2  # seconds that a thread gets to end before the next one starts


class Fetched:
    """Downloads that stay until `full` of them are under way: for `url` come so many bytes."""

    def __init__(self, full: int) -> None:
        self.full, self.changed = full, threading.Condition()
        self.inside = self.most = self.begun = 0
        self.in_vain = False

    def __call__(self, url: int) -> bytes:
        with self.changed:
            self.begun += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.most >= self.full:
                self.changed.notify_all()
            elif not self.in_vain:
                self.in_vain = not self.changed.wait_for(lambda: self.most >= self.full, TURN)
            self.inside -= 1
        return bytes(url)


@exercise(
    "synchronization.bytes",
    "Write total_bytes(fetch, urls): all downloads at once, each in a thread of its own, and how "
    "many bytes came in all.",
    hints=(
        "A function for the threads calls fetch(url) for one address, and adds the length.",
        "Which lines belong together, so that no other thread may come in between? The download "
        "is none of them: whoever waits inside a lock makes all the others wait.",
        "`size = len(fetch(url))`, and then, `with lock:`, `total += size`. Start all threads, "
        "then join all of them, then return the total.",
    ),
    solution=total_bytes,
    starter=no_answer,
    wrong=total_under_the_lock,
    says="under way at once",
    seconds=40.0,
)
def _bytes(answer: Any) -> str:
    """Every schedule of two and three downloads, if the explorer can follow; then real ones."""
    for sizes in ((2, 3), (1, 2, 1)):
        if not _adds_up(answer, sizes):
            break
    for urls in ([5] * 3 + [7], [], [9], [*range(DOWNLOADS)]):
        _judge_total(answer, urls, at_once=True)
    with _each_ends_at_once():
        _judge_total(answer, [2, 3, 4], at_once=False)
    return f"{DOWNLOADS} downloads were under way at once, and no byte was lost."


def _adds_up(answer: Any, sizes: tuple[int, ...]) -> bool:
    """Whether the explorer can say so of every schedule; NotYet where it says that one fails."""

    def program() -> None:
        total = answer(bytes, sizes)
        assert total == sum(sizes), f"{sum(sizes)} bytes came, and the total was {total}"

    return followed(program, f"{len(sizes)} downloads")


@contextmanager
def _each_ends_at_once() -> Iterator[None]:
    """Whoever starts a thread goes on when it has ended; so its number is given again."""
    start = threading.Thread.start

    def starts(thread: threading.Thread) -> None:
        start(thread)
        thread.join(SOON)

    threading.Thread.start = starts  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


def _judge_total(answer: Any, urls: list[int], at_once: bool) -> None:
    fetch, total, hung = Fetched(len(urls) * at_once), None, False
    with errors_of_threads() as reports:
        try:
            with redirect_stdout(StringIO()), busy_deadline(HUNG):
                total = answer(fetch, urls)
        except DeadlinePassed:
            hung = True
    if reports:
        raise reports[0]
    of = f"{len(urls)} downloads" + ", each over before the next one began" * (not at_once)
    expect(not hung, f"{of}: total_bytes had not come back after {HUNG:.0f} seconds.")
    expect(
        fetch.begun == len(urls),
        f"{of}: fetch is to be called once for each address, and was called {fetch.begun} times.",
    )
    left = f"{fetch.inside} had not ended when total_bytes came back"
    expect(not fetch.inside, f"{of}: {left}. Join all threads.")
    expect(
        fetch.most == len(urls) or not at_once,
        f"{of}: at most {fetch.most} were under way at once. Who waits for an answer inside the "
        "lock, or who starts a thread and joins it before the next one starts?",
    )
    came = f"{sum(urls)} bytes came"
    expect(total == sum(urls), f"{of}: {came}, and total_bytes gave {total!r:.40}.")


# ------------------------------------------------------------------ transfer


class Account:
    """What `synchronization.transfer` is about."""

    def __init__(self, number: int, money: int) -> None:
        self.number, self.money, self.lock = number, money, threading.Lock()


def transfer(giver: Account, taker: Account, amount: int) -> bool:
    """A solution of `synchronization.transfer`: the lock of the lower number first, then look."""
    if giver is taker:
        return amount <= giver.money
    first, second = (giver, taker) if giver.number < taker.number else (taker, giver)
    with first.lock, second.lock:
        if giver.money < amount:
            return False
        giver.money -= amount
        taker.money += amount
        return True


def transfer_crossed(giver: Account, taker: Account, amount: int) -> bool:
    """The starter: two that go in opposite directions wait for each other."""
    if giver.money < amount:
        return False
    with giver.lock, taker.lock:
        giver.money -= amount
        taker.money += amount
        return True


def transfer_looked_before(giver: Account, taker: Account, amount: int) -> bool:
    """Half of the repair: in order, but what was checked may no longer hold."""
    if giver.money < amount or giver is taker:
        return giver.money >= amount
    first, second = (giver, taker) if giver.number < taker.number else (taker, giver)
    with first.lock, second.lock:
        giver.money -= amount
        taker.money += amount
        return True


@exercise(
    "synchronization.transfer",
    "Repair transfer(giver, taker, amount): no schedule ends in a deadlock, spends more than there "
    "is, or lets an audit see money on its way.",
    hints=(
        "Ada pays Bea while Bea pays Ada. Which lock has each of them, and which one is wanted?",
        "Take the lock of the account with the lower number first, whoever gives. And look "
        "whether there is enough after you have the locks: check and act belong together.",
        "The giver may be the taker, too: its lock cannot be taken twice.",
    ),
    solution=transfer,
    starter=transfer_crossed,
    wrong=transfer_looked_before,
    says="never below 0",
    seconds=60.0,
)
def _transfer(answer: Any) -> str:
    """In opposite directions, out of one account, beside an audit, in a circle, to oneself."""

    def opposite() -> None:
        ada, bea = _accounts(5, 5)
        _at_once(lambda: answer(ada, bea, 3), lambda: answer(bea, ada, 2))
        assert (ada.money, bea.money) == (4, 6), f"5 − 3 + 2 came to {ada.money}"

    def too_much() -> None:
        ada, bea = _accounts(5, 0)
        paid: dict[int, bool] = {}

        def pay(amount: int) -> None:
            paid[amount] = answer(ada, bea, amount)

        _at_once(lambda: pay(3), lambda: pay(4))
        assert ada.money >= 0, f"an account is never below 0, and was at {ada.money}"
        assert ada.money + bea.money == 5, f"of 5 there were {ada.money + bea.money} in the end"
        told = {amount: paid[amount] for amount in (3, 4)}
        assert told in ({3: True, 4: False}, {3: False, 4: True}), f"of 5, 3 or 4 is paid: {told}"
        assert ada.money == (2 if told[3] else 1), f"{told} was told, and {bea.money} were paid"
        with ada.lock, bea.lock:  # both were given back
            pass

    def audited() -> None:
        ada, bea = _accounts(5, 5)
        seen: list[int] = []

        def audit() -> None:
            with ada.lock, bea.lock:
                seen.append(ada.money + bea.money)

        _at_once(audit, lambda: answer(bea, ada, 2))
        assert seen == [10], f"an audit, with both locks, saw {seen[0]} of 10"

    def around() -> None:
        ada, bea, cleo = _accounts(1, 1, 1)
        _at_once(
            lambda: answer(ada, bea, 1), lambda: answer(bea, cleo, 1), lambda: answer(cleo, ada, 1)
        )
        assert [ada.money, bea.money, cleo.money] == [1, 1, 1], "three paid in a circle"

    def to_oneself() -> None:
        ada, bea = _accounts(5, 5)
        said = [answer(ada, ada, 2), answer(ada, ada, 6)]
        assert said == [True, False], f"of 5, 2 can be paid and 6 cannot, to oneself, too: {said}"
        assert answer(ada, ada, 5) is True, "of 5, 5 can be paid, to oneself, too"
        assert ada.money == 5, f"who pays 2, and then 5, to itself keeps 5, not {ada.money}"
        assert answer(ada, bea, 5) is True, "all of an account's money can be paid"

    return all_tried(sum(map(all_hold, (opposite, too_much, audited, around, to_oneself))))


def _accounts(*money: int) -> list[Account]:
    """Numbered against the order of their addresses, and of their digits: 10 comes after 9."""
    accounts = sorted((Account(0, each) for each in money), key=id, reverse=True)
    for number, (account, each) in enumerate(zip(accounts, money, strict=True), 9):
        account.number, account.money = number, each
    return accounts


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
    """Whoever comes back from `show` sees a right beginning; others have shown all before."""

    def program() -> None:
        others, lights = answer(), answer()
        for colour in ORDER:
            others.show(colour)
        assert not lights.shown, f"new lights have shown {lights.shown}, as others did"
        wrong: list[str] = []

        def call(colour: str) -> None:
            lights.show(colour)
            shown = tuple(lights.shown)
            if shown != ORDER[: len(shown)]:
                wrong.append(f"shown while others wait: {', '.join(shown)}")

        _in_threads(call, ORDER[::-1])
        assert not wrong, wrong[0]
        assert tuple(lights.shown) == ORDER, "shown: " + ", ".join(lights.shown)

    return all_tried(all_hold(program))
