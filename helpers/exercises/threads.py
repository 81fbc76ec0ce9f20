"""The exercises of lesson 02: lost results, a thread that must end, values that get mixed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from . import NotYet, exercise, expect

# ------------------------------------------------------------------- collect


def collect(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """A solution of `threads.collect`: a future keeps the result, or the exception."""
    items = list(items)
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(work, item) for item in items]
    return [future.result() for future in futures]


def append_results(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """The starter: results in the order in which the calls end, errors nowhere."""
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda item=item: results.append(work(item))) for item in items
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def results_by_place(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Half of the repair: the order is right, an error still gets lost in its thread."""
    items = list(items)
    results = [None] * len(items)

    def keep(place: int) -> None:
        results[place] = work(items[place])

    threads = [threading.Thread(target=keep, args=(place,)) for place in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


ITEMS = [1, 2, 3, 4]
TURN = 5.0  # seconds that a call waits for the one after it to end
BEHIND = 0.05  # seconds from the end of a call to the end of the one before it


class Refused(Exception):
    """What the work raises for the items that it cannot do."""


class Backwards:
    """Work whose calls end in the reverse order of the items: each waits for the next."""

    def __init__(self, refused: Iterable[int] = ()) -> None:
        self.refused = set(refused)
        self.ended = {item: threading.Event() for item in ITEMS}
        self.alone = threading.Event()  # a call waited in vain

    def __call__(self, item: int) -> str:
        try:
            if item != ITEMS[-1] and not self.alone.is_set():
                self._wait_for(item + 1)
            if item in self.refused:
                raise Refused(f"item {item}")
            return f"result {item}"
        finally:
            self.ended[item].set()

    def _wait_for(self, item: int) -> None:
        if self.ended[item].wait(TURN):
            time.sleep(BEHIND)
        else:
            self.alone.set()


@exercise(
    "threads.collect",
    "Repair collect(work, items): results in the order of items, and the first item's error.",
    hints=(
        "A thread throws away what its function returns, and what it raises. What keeps both?",
        "pool.submit(work, item) gives a future. Keep the futures in the order of the items.",
        "future.result() gives the result back or raises the exception, in your thread.",
    ),
    solution=collect,
    starter=append_results,
    wrong=results_by_place,
    says="item 2 and item 4 failed",
    seconds=20.0,
)
def _collect(answer: Any) -> str:
    """Calls that end in reverse order, without and with errors; nothing is left over."""
    with _no_reports():
        before = set(threading.enumerate())
        _in_order(answer)
        _first_error(answer)
        left = [t for t in threading.enumerate() if t not in before]
    expect(not left, f"when collect had ended, {len(left)} of its threads had not. Join them all.")
    return "The results stand in the order of the items, and the error of item 2 came out."


def _in_order(answer: Any) -> None:
    work = Backwards()
    results = answer(work, list(ITEMS))
    expect(
        not work.alone.is_set(),
        "the call for one item waited in vain for the call for the next one. "
        "Start all of them before you wait for the first.",
    )
    right = [f"result {item}" for item in ITEMS]
    expect(isinstance(results, list), f"collect must return a list, not {results!r:.60}.")
    expect(
        results == right or sorted(map(str, results)) != right,
        "all results are there, but not in the order of the items: "
        "the calls ended in another order. Where do you decide on a result's place?",
    )
    expect(results == right, f"the results should be {right}, and were {results!r:.200}.")


def _first_error(answer: Any) -> None:
    work = Backwards(refused=(2, 4))
    try:
        answer(work, list(ITEMS))
    except Refused as error:
        expect(
            str(error) == "item 2",
            "item 2 and item 4 failed, and the error of item 4 came out. "
            "The first by the order of the items should, not the first by the clock.",
        )
        ended = sum(event.is_set() for event in work.ended.values())
        expect(ended == len(ITEMS), f"collect ended when {ended} of {len(ITEMS)} calls had ended.")
        return
    raise NotYet(
        "item 2 and item 4 failed, and collect returned as if all were well. "
        "An exception ends its thread; who tells the caller?"
    )


@contextmanager
def _no_reports() -> Iterator[None]:
    """What a thread does not catch is judged here, not printed."""
    before, threading.excepthook = threading.excepthook, lambda args: None
    try:
        yield
    finally:
        threading.excepthook = before


# ---------------------------------------------------------------------- stop


def poll(look: Callable[[], object], stop: threading.Event, pause: float) -> None:
    """A solution of `threads.stop`: the pause is a wait for `stop`."""
    while not stop.is_set():
        look()
        stop.wait(pause)


def poll_for_ever(look: Callable[[], object], stop: threading.Event, pause: float) -> None:
    """The starter: it never asks `stop`."""
    while True:
        look()
        time.sleep(pause)


def poll_and_sleep(look: Callable[[], object], stop: threading.Event, pause: float) -> None:
    """Half of the repair: it ends, but only after the pause that it is in."""
    while not stop.is_set():
        look()
        time.sleep(pause)


LAST = 3  # the look during which `stop` is set
TOO_MANY = 6
PAUSE = 0.01  # seconds


class Enough(BaseException):
    """Ends a loop that does not end by itself."""


class Watched(threading.Event):
    """An event that counts the waits for it, and may be set in the middle of one."""

    def __init__(self, set_in_wait: int = 0) -> None:
        super().__init__()
        self.waits, self.set_in_wait = 0, set_in_wait

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        if timeout is None:
            raise NotYet("stop.wait() without a pause waits until stop is set, and never looks.")
        if self.waits == self.set_in_wait:
            self.set()
        return super().wait(timeout)


@exercise(
    "threads.stop",
    "Repair poll(look, stop, pause): it ends when stop is set, also in the middle of a pause.",
    hints=(
        "Nobody can end a thread from outside. So the loop itself has to ask whether to go on.",
        "while not stop.is_set(): is half of it. What if stop is set just after a pause began?",
        "stop.wait(pause) waits for pause seconds or until stop is set, whatever comes first.",
    ),
    solution=poll,
    starter=poll_for_ever,
    wrong=poll_and_sleep,
    says="cut short",
)
def _stop(answer: Any) -> str:
    """Stopped during a look, then in a pause: no look begins after that."""
    stop = Watched()
    looks, late = _looks(answer, stop, last=LAST)
    expect(looks > 0, "stop was not set, and your function never looked.")
    expect(late == 0, f"stop was set during look {LAST}, and yet it {_went_on(late)}.")
    expect(looks == LAST, f"it ended after look {looks}, and nobody had set stop.")
    expect(
        stop.waits > 0,
        "it ends, but its pause cannot be cut short: set to an hour, it would end an hour late. "
        "Let it spend the pause in stop.wait.",
    )
    _, late = _looks(answer, Watched(set_in_wait=2), last=TOO_MANY)
    expect(late == 0, f"stop was set in the second pause, and yet it {_went_on(late)}.")
    return f"Stopped in look {LAST}, it did not look again; stopped in a pause, it left the pause."


def _went_on(late: int) -> str:
    return "looked once more" if late == 1 else f"looked {late} times more"


def _looks(answer: Any, stop: threading.Event, last: int) -> tuple[int, int]:
    """How often it looked, and how often after `stop` was set; in the look `last` it is."""
    looks: list[bool] = []

    def look() -> None:
        looks.append(stop.is_set())
        if len(looks) == last:
            stop.set()
        if len(looks) > TOO_MANY:
            raise Enough

    with suppress(Enough):
        answer(look, stop, PAUSE)
    return len(looks), sum(looks)


# --------------------------------------------------------------------- local


class Session:
    """A solution of `threads.local`."""

    def __init__(self) -> None:
        self.own = threading.local()

    def enter(self, user: str) -> None:
        self.own.user = user

    def name(self) -> str | None:
        return getattr(self.own, "user", None)


class OneForAll:
    """The starter: one attribute, which all threads see."""

    def __init__(self) -> None:
        self.user: str | None = None

    def enter(self, user: str) -> None:
        self.user = user

    def name(self) -> str | None:
        return self.user


class ByThreadName:
    """Half of the repair: a place for each thread's name, which need not be its alone."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}

    def enter(self, user: str) -> None:
        self.users[threading.current_thread().name] = user

    def name(self) -> str | None:
        return self.users.get(threading.current_thread().name)


USERS = ["Ada", "Grace", "Alan", "Edsger"]


@exercise(
    "threads.local",
    "Repair Session: each thread gets the user that it entered itself, None before that.",
    hints=(
        "self.user is one place, and all threads see the same objects.",
        "An attribute of threading.local() is another place in every thread.",
        "Make the threading.local() in __init__. In name, a thread may not have set user yet: "
        'getattr(self.own, "user", None).',
    ),
    solution=Session,
    starter=OneForAll,
    wrong=ByThreadName,
    says="threads of one name",
)
def _local(answer: Any) -> str:
    """Four threads that have all entered before the first one asks; then a fifth."""
    for names, which in ((USERS, "threads"), (["worker"] * 4, "threads of one name")):
        session = answer()
        right = sum(map(str.__eq__, USERS, map(str, _served(session, names))))
        expect(
            right == len(USERS),
            f"four {which} entered a user each, and {right} of them got theirs back. "
            "Where does Session keep a user, and which threads share that place?",
        )
        nobody = _asked(session)
        expect(
            nobody is None,
            f"a new thread, which had entered nobody, got {nobody!r:.60} instead of None. "
            "Where threads are told apart by number: a new one gets that of one that has ended.",
        )
    session, other = answer(), answer()
    session.enter("Ada")
    expect(
        other.name() is None,
        "two Sessions share their users: entered in one, Ada is known to the other. "
        "Keep what belongs to a Session in an attribute of self.",
    )
    return "Every thread got its own user, and a thread that had entered nobody got None."


def _served(session: Any, names: Iterable[str]) -> list[Any]:
    """What each thread gets back, once all of them have entered."""
    got: list[Any] = [None] * len(USERS)
    all_entered = threading.Barrier(len(USERS))

    def serve(place: int) -> None:
        try:
            session.enter(USERS[place])
            all_entered.wait(TURN)
            got[place] = session.name()
        except threading.BrokenBarrierError:
            pass  # another thread has failed, and its error is reported
        except BaseException:
            all_entered.abort()
            raise

    threads = [
        threading.Thread(target=serve, args=(place,), name=name, daemon=True)
        for place, name in enumerate(names)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def _asked(session: Any) -> Any:
    """What a new thread gets that has entered nobody."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(session.name).result()
