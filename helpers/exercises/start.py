"""The exercises of lesson 00: a first overlap, and the CPUs that count.

`Calls`, `called` and `as_list` serve the checks of the next lessons, too.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from . import MADE_NO_CALL, NotYet, exercise, expect, line_with_args, not_a_tuple
from ._time_outs import Patient, gave_up, time_outs_pass

# ------------------------------------------------- work that sees how it is called

COMPANY = 2.0  # seconds that the first call waits for a second one beside it
IN_VAIN = 0.5  # seconds that the last call to end waits for all others to end
HOLD = 0.25  # seconds that it then goes on, so that a return before its end is seen
PATIENT = 1.3  # the same for once: longer than those wait who wait for a second, whatever happens


def longer(began: float) -> float:
    """A hold that outlasts whoever took time for a sign of the end in the round since `began`."""
    return max(PATIENT, time.monotonic() - began + HOLD)


class Calls:
    """Work that sees how it is called, whatever the speed of the machine.

    Its first call waits until there is another one beside it. The call for the
    item `held`, or its last call if that stands there several times, ends last, if
    the others are called at all meanwhile: who waits for some of the calls only, or
    sorts by the clock, is seen. `answers` gives what a call returns, or the exception
    that it raises; `hold` is how long the last call goes on, in seconds.
    """

    def __init__(
        self,
        items: Sequence[Any],
        held: Any,
        answers: Callable[[Any], Any] = lambda item: None,
        hold: float = HOLD,
    ) -> None:
        self.items, self.held, self.answers, self.hold = list(items), held, answers, hold
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.callers: set[int] = set()
        self.at_once = self.now = 0
        self.patience = COMPANY
        self.changed = Patient()
        self.returned = False
        self.cut: list[str] = []  # waits that ended by a time-out

    def called_by(self, answer: Any, expected: type[BaseException] | None = None) -> Any:
        """What the answer gives for this work; a time-out of it is over sooner than the work."""
        with time_outs_pass() as self.cut:
            return called(answer, self, list(self.items), expected=expected)

    def __call__(self, item: Any) -> Any:
        is_last = self._begin(item)
        try:
            if is_last:
                self._hold()
            answer = self.answers(item)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        finally:
            with self.changed:
                self.now -= 1
                self.ended.append(item)
                self.changed.notify_all()

    def _begin(self, item: Any) -> bool:
        """Waits for a second call; whether this one is to end last."""
        with self.changed:
            self.begun.append(item)
            is_last = item == self.held and self.begun.count(item) == self.items.count(item)
            self.callers.add(threading.get_ident())
            self.now += 1
            self.at_once = max(self.at_once, self.now)
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: self.at_once > 1, self.patience):
                self.patience = 0.0  # it is one at a time, and need not be slow as well
            return is_last

    def _hold(self) -> None:
        """Until all others have ended, and then until the return, or some time in vain."""
        with self.changed:
            others = len(self.items) - 1
            self.changed.wait_for(lambda: len(self.ended) >= others or self.returned, IN_VAIN)
            self.changed.wait_for(lambda: self.returned, self.hold)

    def over(self) -> list[Any]:
        """The items whose calls had ended at the return, which is now; waits for the rest."""
        with self.changed:
            ended, self.returned = list(self.ended), True
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.now == 0, COMPANY)
        return ended

    def expect_all(self, ended: Iterable[Hashable], name: str) -> None:
        """Each item once, no other, and all of them ended at the return."""
        begun, due, done = Counter(self.begun), Counter(self.items), Counter(ended)
        twice = begun - due
        expect(
            not twice,
            f"work was called too often: {short(*twice)} stands {times(due[next(iter(twice), 0)])} "
            f"in items, and was worked on {times(begun[next(iter(twice), 0)])}.",
        )
        never = due - begun
        expect(
            not never,
            f"{never.total()} of {len(self.items)} items were never worked on: {short(*never)} "
            "was left out. Every item counts, also one that stands there twice.",
        )
        expect(
            not due - done,
            f"when {name} returned, {done.total()} of {len(self.items)} calls had ended. "
            "Start one for every item, and wait for all of them, however long they take."
            + gave_up(self.cut),
        )

    def expect_overlap(self, where: str) -> None:
        """At least two at once."""
        here = self.callers == {threading.get_ident()}
        expect(
            self.at_once > 1,
            f"all calls were made, but never two at once. {where}"
            + " All of them ran in the thread that called you: work(item) calls it there and "
            "then. Hand in the function and the item." * here,
        )


def short(*items: Any) -> str:
    """The first of these, as a sentence can quote it."""
    return f"{items[0]!r:.60}" if items else "none"


def times(number: int) -> str:
    """How often, in words."""
    return {0: "not at all", 1: "once", 2: "twice"}.get(number, f"{number} times")


def called(answer: Any, *arguments: Any, expected: type[BaseException] | None = None) -> Any:
    """What the answer gives. A slip in starting a thread is named, with its line.

    What work raises on purpose, an `expected` error, is nobody's slip.
    """
    seen: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, seen.append
    try:
        given = answer(*arguments)
    finally:
        threading.excepthook = before
        slips = [args for args in seen if "argument after * must be" in str(args.exc_value)]
        if slips:
            raise NotYet(not_a_tuple(line_with_args(answer))) from None
        for args in seen:
            if expected is None or not issubclass(args.exc_type, expected):
                before(args)
    expect(
        not inspect.isgenerator(given) or not inspect.isgeneratorfunction(answer),
        MADE_NO_CALL,
    )
    if inspect.iscoroutine(given):
        given.close()
        raise NotYet("an async function only makes a coroutine when called: nothing was done.")
    return given


def as_list(given: Any, name: str) -> list[Any]:
    """The list that the answer gave; else a sentence about what it gave instead."""
    expect(given is not None, f"{name} returned nothing. Is there a return at its end?")
    lazy = hasattr(given, "__next__")
    expect(
        not lazy,
        f"{name} returned a {type(given).__name__}, which gives its items only when asked. "
        "A list is wanted: put list(...) around it.",
    )
    expect(isinstance(given, list), f"{name} must return a list, not {short(given)}.")
    return list(given)


# ------------------------------------------------------------------- overlap


def together(work: Callable[[Any], Any], items: Iterable[Any]) -> None:
    """A solution of `start.overlap`."""
    threads = [threading.Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one_by_one(work: Callable[[Any], Any], items: Iterable[Any]) -> None:
    """The usual slip: `join` inside the loop waits before the next one starts."""
    for item in items:
        thread = threading.Thread(target=work, args=(item,))
        thread.start()
        thread.join()


CROWDS = (  # items, and the one whose call ends last
    ([7, 3, 9, 3, 1], 7),
    ([4, 8, 8, 2, 6, 0, 5, 1], 8),
    ([5, 1, 12, 3, 3, 11, 8, 2, 10, 7, 4, 9, 6], 6),
)


@exercise(
    "start.overlap",
    "Write together(work, items): work(item) once for every item, at least two at the same time, "
    "and all ended before it returns.",
    hints=(
        "A threading.Thread runs its target beside you, from start() on. join() waits for its end.",
        "join() right after start() means: wait before the next one may start.",
        "Two loops: the first starts every thread, the second joins every thread.",
    ),
    solution=together,
    starter=lambda work, items: None,
    wrong=one_by_one,
    says="never two at once",
)
def _overlap(answer: Any) -> str:
    """Each item is worked on once, some of them at once, and all before the return."""
    hold, began = HOLD, time.monotonic()
    for items, held in CROWDS:
        work = Calls(items, held, hold=hold)
        try:
            work.called_by(answer)
        finally:
            ended = work.over()
        work.expect_all(ended, "your function")
        work.expect_overlap("Look at what your function waits for before it starts the next one.")
        hold = longer(began) if hold == HOLD else HOLD
    sizes = ", ".join(str(len(items)) for items, _ in CROWDS[:-1])
    return f"For {sizes} and {len(CROWDS[-1][0])} items: all calls made, some at the same time."


# -------------------------------------------------------------------- usable


def usable(host: int, allowed: int, quota: float | None) -> int:
    """A solution of `start.usable`."""
    if quota is None:
        return allowed
    return max(1, min(allowed, -int(-quota // 1)))


MACHINES = (  # host, allowed, quota, usable, in words
    (8, 8, None, 8, "a laptop with 8 CPUs and no limits"),
    (8, 2, None, 2, "8 CPUs, of which this process may use 2"),
    (64, 64, 1.0, 1, "a container with a quota of 1 CPU on a host of 64"),
    (64, 4, 2.5, 3, "a quota of 2.5 CPUs: a third worker still helps"),
    (16, 2, 8.0, 2, "a quota above what the process may use"),
    (4, 4, 0.5, 1, "half a CPU: one worker is still needed"),
    (16, 16, 2.0, 2, "a quota of exactly 2 CPUs: a third worker has none"),
    (16, 16, 2.001, 3, "a quota a little above 2 CPUs: a third worker helps a little"),
    (16, 16, 3.5, 4, "a quota of 3.5 CPUs: a fourth worker still helps"),
    (16, 16, 5.0001, 6, "a quota next to nothing above 5 CPUs: a sixth worker still has something"),
    (8, 8, 7.25, 8, "a quota that leaves the last CPU a quarter of its time"),
    (8, 3, 2.75, 3, "a quota of 2.75 CPUs, and 3 that this process may use"),
    (8, 3, 3.25, 3, "a quota of 3.25 CPUs, and 3 that this process may use"),
    (64, 1, None, 1, "one CPU of 64"),
    (8, 8, 0.001, 1, "a thousandth of a CPU: one worker is still needed"),
    (32, 32, 4, 4, "a quota of 4, as a whole number"),
)


@exercise(
    "start.usable",
    "Write usable(host, allowed, quota): how many CPUs can this process keep busy? A part of one "
    "counts as one, and there is always one.",
    hints=(
        "Which of the three numbers can forbid a CPU, and which one only counts what is built in?",
        "The smaller one of allowed and quota counts. A quota of None means that there is none.",
        "A quota of 2.5 keeps a third worker half busy: round up, with math.ceil.",
    ),
    solution=usable,
    starter=lambda host, allowed, quota: host,
    wrong=lambda host, allowed, quota: min(allowed, int(quota or allowed)),
    says="a quota of 2.5",
)
def _usable(answer: Any) -> str:
    """The right number for each of the machines."""
    for host, allowed, quota, right, words in MACHINES:
        given = answer(host, allowed, quota)
        expect(given is not None, "usable returned nothing. Is there a return for every case?")
        expect(
            given == right and not isinstance(given, bool),
            f"for {words}, usable({host}, {allowed}, {quota}) gave {given!r}. "
            "Which number forbids, and what does it leave?",
        )
    return f"The right number for all {len(MACHINES)} machines."
