"""The exercises of lesson 02: results lost or late, a thread to be ended, values that mix."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

from . import NotYet, exercise, expect
from ._schedules import followed
from ._seen import TOO_MANY, Poll, Shown, numbers_given_again, waits_seen
from .start import HOLD, Calls, Given, as_list, ended_at_return, longer, short, together

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


TURN = 5.0  # seconds that a thread of a check waits for another one
STRICT = 0.1  # seconds between two threads: a thread that is to end itself has not, at a return


class Refused(Exception):
    """What the work raises for the items that it cannot do."""


def result(item: int) -> object:
    """What the work gives for an item: in no order that sorting finds; false values count, too."""
    return {2: None, 5: 0, 8: "", 7: NO_ERROR}.get(item, f"result {item * 7 % 11}")


NO_ERROR = Refused("given back, and not raised")
ITEMS = [5, 2, 9, 2, 7, 1, 8, 3, 0]
PACE = 0.02  # seconds of a call that does not fail: an error comes while others have not begun
MANY = [n * 7 % 41 for n in range(1, 41)]  # more than a pool has threads by itself
FAILING = (  # items, those that fail, the one whose call ends last
    ([6, 3, 8, 2, 7, 4, 1], {2, 4, 1}, 2),
    ([6, 3, 8, 2, 7, 4, 1], {3, 8}, 4),
    ([4, 0, 7, 7, 2], {2}, 7),
    ([9, 2, 4, 1, 3, 6, 2, 8, 7, 5], {9, 5}, 9),
    (MANY, {MANY[0], MANY[30]}, MANY[3]),
)


@exercise(
    "threads.collect",
    "Repair collect(work, items): one call for each item, some at once; when all have ended, the "
    "results in the order of items, or the first item's error, and no thread left. An item fails "
    "where work raises; an exception that work gives back is a result like any other.",
    hints=(
        "A thread throws away what its function returns, and what it raises. What keeps both?",
        "pool.submit(work, item) gives a future. Keep the futures in the order of the items.",
        "future.result() gives the result back or raises the exception, in your thread.",
    ),
    solution=collect,
    starter=append_results,
    wrong=results_by_place,
    says="item 2, item 4 and item 1 failed",
    seconds=20.0,
)
def _collect(answer: Any) -> str:
    """Calls that end in another order, without and with errors; nothing is left over."""
    gc.collect()  # what an answer before this one left in a circle ends now
    before, began = set(threading.enumerate()), time.monotonic()
    _in_order(answer, before)
    hold = longer(began)
    for items, failing, held in FAILING:
        _first_error(answer, items, failing, held, before, hold)
        hold = HOLD
    return "The results stand in the order of the items, and the first item's error came out."


def _collected(answer: Any, work: Calls, before: set[threading.Thread]) -> Any:
    """What collect gives, or what of `Refused` it raises, once its calls were looked at."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(STRICT)
    left: list[threading.Thread] = []
    try:
        try:
            given = work.called_by(answer, expected=Refused)
        except Refused as error:
            given = error
        left = [t for t in threading.enumerate() if t not in before]
    finally:
        sys.setswitchinterval(interval)
        ended = work.over()
        for thread in left:  # those of a pool that is thrown away end by themselves
            thread.join(0.1)
    work.expect_all(ended, "collect")
    work.expect_overlap("Start the others before you wait for the first.")
    if left:
        raise NotYet(
            f"when collect had ended, {len(left)} of its threads had not: they idle, and wait for "
            "more work. A pool ends its threads at the end of a with, or in shutdown."
        )
    return given


def _in_order(answer: Any, before: set[threading.Thread]) -> None:
    work = Calls(ITEMS, ITEMS[0], lambda item: Given(result(item)))
    given = _collected(answer, work, before)
    expect(
        given is not NO_ERROR,
        "work gave back an exception, as an object like any other, and collect raised it. It has "
        "not failed: an item fails where work raises.",
    )
    if isinstance(given, Refused):
        raise given
    results, right = as_list(given, "collect"), [result(item) for item in ITEMS]
    expect(
        results == right or sorted(map(repr, results)) != sorted(map(repr, right)),
        "all results are there, but not in the order of the items: "
        "the calls ended in another order. Where do you decide on a result's place?",
    )
    expect(results == right, f"the results should be {right}, and were {results!r:.200}.")


def _first_error(
    answer: Any,
    items: list[int],
    failing: set[int],
    held: int,
    before: set[threading.Thread],
    hold: float,
) -> None:
    raised: list[Refused] = []

    def give(item: int) -> object:
        if item in failing:
            raised.append(Refused(f"item {item}"))
            return raised[-1]
        time.sleep(PACE)
        return Given(result(item))

    work = Calls(items, held, give, hold)
    work.second = None  # an error may come early, while others have not begun
    given = _collected(answer, work, before)
    names = [f"item {item}" for item in items if item in failing]
    which = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    if not isinstance(given, Refused):
        raise NotYet(
            f"{which} failed, and collect returned as if all were well. "
            "An exception ends its thread; who tells the caller?"
        )
    expect(
        str(given) == names[0],
        f"{which} failed, and the error of {given} came out. "
        "The first by the order of the items should, not the first by the clock.",
    )
    expect(
        any(given is error for error in raised),
        f"what came out looks like the error of {given}, and is another one. Raise the exception "
        "itself, with all that it knows.",
    )


# ------------------------------------------------------------------- gallery


def gallery(
    fetch: Callable[[str], Any], urls: Iterable[str], show: Callable[[str, Any], object]
) -> dict[str, BaseException]:
    """A solution of `threads.gallery`."""
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(fetch, url): url for url in urls}
        return _one_by_one(as_completed(futures), futures, show)


def in_the_order_of_urls(
    fetch: Callable[[str], Any], urls: Iterable[str], show: Callable[[str, Any], object]
) -> dict[str, BaseException]:
    """A plausible mistake: a slow first photograph holds up all others."""
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(fetch, url): url for url in urls}
        return _one_by_one(futures, futures, show)


def _one_by_one(
    line: Iterable[Future[Any]], urls: Mapping[Future[Any], str], show: Callable[[str, Any], object]
) -> dict[str, BaseException]:
    failed = {}
    for future in line:
        if error := future.exception():
            failed[urls[future]] = error
        else:
            show(urls[future], future.result())
    return failed


WALLS = (  # addresses by their numbers, those that fail, and the one that comes last
    ([4, 2, 7, 1, 9], {7}, 4),
    ([3, 8, 6], {3, 8}, 6),
    ([5, 2], set[int](), 2),
    ([1, 4], {1, 4}, 1),
)


@exercise(
    "threads.gallery",
    "Write gallery(fetch, urls, show): downloads that overlap; show(url, photo) in your own thread "
    "for each, as soon as it is there; a dictionary of the addresses that failed, with the "
    "exceptions.",
    hints=(
        "pool.submit(fetch, url) gives a future. as_completed hands futures out as they end.",
        "Whose future is it? A dictionary knows: futures = {pool.submit(fetch, url): url ...}.",
        "future.exception() gives the exception, or None if there is a result to show.",
    ),
    solution=gallery,
    starter=lambda fetch, urls, show: None,
    wrong=in_the_order_of_urls,
    says="as soon as it is there",
    seconds=20.0,
)
def _gallery(answer: Any) -> str:
    """Each shown once, here, and before slower ones come; each error in the dictionary."""
    began = time.monotonic()
    for numbers, failing, last in WALLS:
        urls = [f"photo/{number}" for number in numbers]
        errors = {f"photo/{number}": Refused(f"photo {number}") for number in failing}
        hold = longer(began) if len(numbers) == 2 and not failing else HOLD
        wall = Shown(urls, errors, f"photo/{last}", hold)
        with ended_at_return(wall.work, "gallery"):
            given = wall.work.called_by(
                lambda work, urls, show=wall.show: answer(work, urls, show), expected=Refused
            )
        wall.work.expect_overlap("Do you wait for one download before the next begins?")
        wall.expect_all_shown()
        expect(
            isinstance(given, Mapping),
            f"gallery must return a dictionary, not {short(given)}.",
        )
        expect(
            dict(given) == wall.errors,
            f"{len(wall.errors)} of {len(urls)} downloads failed, and gallery returned "
            f"{short(dict(given))}. Beside each address that failed stands what fetch raised.",
        )
    given = answer(lambda url: None, [], lambda url, photo: None)
    expect(given == {}, f"without any urls, gallery must return {{}}, not {short(given)}.")
    return f"Each shown as soon as it was there, and no error was lost: {len(WALLS)} albums."


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
SHORT, ROUNDS = 0.01, 30  # seconds of a short pause, and looks with such pauses
MIDDLE, LONG = 1.2, 3.0  # seconds of other pauses that are to be cut short
AFTER = 0.3  # seconds in vain, where nobody sees that it waits
RESTLESS = 30_000  # questions in a pause or two: who waits a tenth of a millisecond has fewer
SOON = 10.0  # seconds for looks with short pauses: only who never looks takes so long


@exercise(
    "threads.stop",
    "Repair poll(look, stop, pause): it looks every pause seconds, and returns when stop is set, "
    "also in the middle of a pause, without another look.",
    hints=(
        "Nobody can end a thread from outside. So the loop itself has to ask whether to go on.",
        "while not stop.is_set(): is half of it. What if stop is set just after a pause began?",
        "stop.wait(pause) waits for pause seconds or until stop is set, whatever comes first.",
    ),
    solution=poll,
    starter=poll_for_ever,
    wrong=poll_and_sleep,
    says="cut short",
    seconds=40.0,
)
def _stop(answer: Any) -> str:
    """Stopped during a look, then in a pause; and it looks once in each pause."""
    with waits_seen():
        _stopped_in_a_look(answer)
        _every_pause(answer)
        # where other programs have the CPU, who is late is given a longer pause
        if not _stopped_in_a_pause(answer, LONG) and not _stopped_in_a_pause(answer, 3 * LONG):
            raise NotYet(NOT_CUT)
        _stopped_in_a_pause(answer, MIDDLE, looks=2)
    return f"Stopped in look {LAST}, it did not look again; stopped in a pause, it left the pause."


def _stopped_in_a_look(answer: Any) -> None:
    poll = Poll(answer, SHORT, stop_in=LAST)
    poll.has_looked(LAST, SOON)
    poll.has_ended(SOON)
    ended, looks, late = poll.ended, len(poll.looks), poll.late
    poll.finish()
    expect(looks > 0, "stop was not set, and your function never looked.")
    expect(late == 0, f"stop was set during look {LAST}, and yet it {_went_on(late)}.")
    expect(looks == LAST or not ended, f"it ended after look {looks}, and nobody had set stop.")
    _expect_pauses(poll)
    expect(looks == LAST, f"with a pause of {SHORT} s it does not look again. Does it wait?")
    expect(ended, f"stop was set during look {LAST}, and your function did not return.")


def _every_pause(answer: Any) -> None:
    poll = Poll(answer, SHORT)
    poll.has_looked(ROUNDS, SOON)
    looks, ended = len(poll.looks), poll.ended
    poll.finish()
    expect(not ended, f"it ended after look {looks}, and nobody had set stop.")
    _expect_pauses(poll)
    expect(looks >= ROUNDS, f"with a pause of {SHORT} s it looks, and then no more. Is that pause?")


def _stopped_in_a_pause(answer: Any, pause: float, looks: int = 0) -> bool:
    """Whether it ended while its pause was going on: an order of two events, not a speed."""
    poll = Poll(answer, pause)
    poll.has_looked(looks, SOON)
    poll.is_in_a_pause(looks, AFTER)
    seen, ended = time.perf_counter(), poll.ended
    poll.stop.set()
    last = poll.looks[-1].at if poll.looks else poll.began
    poll.has_ended(0.9 * pause - (seen - last))
    in_time, late = poll.ended and poll.ended_at - last < 0.95 * pause, poll.late
    poll.finish()
    expect(not ended, f"it ended after look {len(poll.looks)}, and nobody had set stop.")
    _expect_pauses(poll)
    expect(
        poll.stop.asked < RESTLESS,
        f"with a pause of {pause:g} s it asks stop again and again whether to go on, so the pause "
        "is no wait, and keeps a CPU busy.",
    )
    expect(not poll.sits_it_out, NOT_CUT)
    expect(late == 0, f"stop was set in a pause, and yet it {_went_on(late)}.")
    return in_time


NOT_CUT = "it ends, but its pause cannot be cut short: set to an hour, it would end an hour late. "
NOT_CUT += "Let it spend the pause in stop.wait."


def _expect_pauses(poll: Poll) -> None:
    """Never sooner than the pauses allow, on any machine; and no longer waits than asked for."""
    pause = f"with a pause of {poll.pause:g} s"
    expect(
        not poll.too_soon,
        f"{pause} it looked again too soon. It must wait for pause seconds after each look, also "
        "where that is long.",
    )
    expect(
        not poll.too_long,
        f"{pause} it waits for longer before it looks again. It must wait for pause seconds after "
        "each look, and no longer. How long does it wait: is that pause?",
    )


def _went_on(late: int) -> str:
    if late > TOO_MANY:
        return "went on looking"
    return "looked once more" if late == 1 else f"looked {late} times more"


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


USERS = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Tony", "Leslie"]
ONE_NAME = ["worker"] * len(USERS)
REUSED = 30  # threads, and Sessions, one after the other: numbers are given again


@exercise(
    "threads.local",
    "Repair Session: each thread gets the user that it entered last itself, None before that; "
    "and each Session has users of its own.",
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
    """Threads that have all entered before the first one asks; then new ones, and new Sessions."""
    with numbers_given_again():
        for names, new, which in (
            (USERS, list(map(str.upper, USERS)), "threads"),
            (ONE_NAME, ONE_NAME, "threads of one name"),
        ):
            session = answer()
            right = sum(map(str.__eq__, USERS, map(str, _served(session, names))))
            expect(
                right == len(USERS),
                f"{len(USERS)} {which} entered a user each, and {right} of them got theirs back. "
                "Where does Session keep a user, and which threads share that place?",
            )
            _nobody(_served(session, new, entering=False))
        session = answer()
        for number in range(REUSED):
            _nobody([_asked(session, f"user {number}")])
        _own_users(answer)

    def enters() -> None:
        session, got = answer(), list[Any]()

        def serve(user: str) -> None:
            session.enter(user)
            got.append(session.name() == user)

        together(serve, USERS[:2])
        assert got == [True, True], "of two threads that entered a user, one got another one"

    followed(enters, "two threads at once")
    return "Every thread got its own user, and a thread that had entered nobody got None."


def _nobody(got: Iterable[Any]) -> None:
    for user in got:
        expect(
            user is None,
            f"a new thread, which had entered nobody, got {user!r:.60} instead of None. "
            "Where threads are told apart by number: a new one gets that of one that has ended.",
        )


def _own_users(answer: Any) -> None:
    """Two Sessions in one thread, the last user of two, and a Session after one that is gone."""
    session, other = answer(), answer()
    session.enter("Ada")
    expect(
        other.name() is None,
        "two Sessions share their users: entered in one, Ada is known to the other. "
        "Keep what belongs to a Session in an attribute of self.",
    )
    session.enter("Grace")
    expect(
        session.name() == "Grace",
        f"a thread that entered Ada and then Grace got {session.name()!r:.60}. "
        "It serves whom it entered last.",
    )
    expect(session.name() == "Grace", "asked twice, name() gave Grace, and then somebody else.")
    session.enter("")
    expect(session.name() == "", "a user whose name is empty is a user, and name() gave none.")
    session.enter("Grace")
    other.enter("Alan")
    expect(session.name() == "Grace", "Alan entered another Session, and is now in this one, too.")
    del session, other
    for _ in range(REUSED):
        session = answer()
        expect(
            session.name() is None,
            "a new Session knew a user whom only a Session before it had been told. "
            "The id of an object is given again once the object is gone.",
        )
        session.enter("Ada")
        del session


def _served(session: Any, names: Sequence[str], entering: bool = True) -> list[Any]:
    """What each thread gets back, once all of them have entered, if they do."""
    got: list[Any] = [None] * len(names)
    all_entered = threading.Barrier(len(names))

    def serve(place: int) -> None:
        try:
            if entering:
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


def _asked(session: Any, user: str) -> Any:
    """What a new thread gets before it enters anybody; then it enters `user` and is gone."""
    got: list[Any] = []

    def ask() -> None:
        got.append(session.name())
        session.enter(user)

    thread = threading.Thread(target=ask, name="worker", daemon=True)
    thread.start()
    thread.join()
    return got[0] if got else None
