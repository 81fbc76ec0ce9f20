"""The exercises of lesson 00: a timeline read, a first overlap, and a limit to it.

`Calls`, `called` and `as_list` serve the checks of the next lessons, too.
"""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from mmap import mmap
from typing import Any, NamedTuple

from ..ending import reported_to
from ..timeline import Timeline
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


ELSEWHERE = "work was handed to another process, and nobody here sees what it does there. Threads "
ELSEWHERE += "are enough."


class Given(NamedTuple):
    """What a call returns, whatever it is: also an exception."""

    value: object


class Calls:
    """Work that sees how it is called, whatever the speed of the machine.

    Its first call waits until there is another one beside it. The call for the
    item `held`, or its first call if that stands there several times, ends last, if
    the others are called at all meanwhile, and that for the first other item ends
    before it: who waits for some of the calls only, keeps one of two that are equal,
    or sorts by the clock, is seen. `answers` gives what a call returns, or the
    exception that it raises; `hold` is how long the last call goes on, in seconds.
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
        self.second = next((item for item in self.items if item != held), None)
        self.forked = mmap(-1, 1)  # a process that is forked from this one has it, too
        self.home = os.getpid()

    def __reduce__(self) -> Any:
        raise NotYet(ELSEWHERE)

    def called_by(self, answer: Any, expected: type[BaseException] | None = None) -> Any:
        """What the answer gives for this work; a time-out of it is over sooner than the work."""
        with time_outs_pass() as self.cut:
            return called(answer, self, list(self.items), expected=expected)

    def __call__(self, item: Any) -> Any:
        self._expect_here(item)
        place = self._begin(item)
        try:
            if place:
                self._hold(place)
            answer = self.answers(item)
            if isinstance(answer, BaseException):
                raise answer
            return answer.value if isinstance(answer, Given) else answer
        finally:
            with self.changed:
                self.now -= 1
                self.ended.append(item)
                self.changed.notify_all()

    def _expect_here(self, item: Any) -> None:
        """It is one of the items, and this is the process of the check."""
        if os.getpid() != self.home:
            self.forked[0] = 1
        expect(
            isinstance(item, Hashable) and item in self.items,
            f"work was called with {short(item)}, which is none of the items.",
        )

    def _begin(self, item: Any) -> int:
        """Waits for a second call; 1 for the call that is to end last, 2 for the one before it."""
        with self.changed:
            self.begun.append(item)
            is_first = self.begun.count(item) == 1
            place = {self.held: 1, self.second: 2}.get(item, 0) * is_first
            self.callers.add(threading.get_ident())
            self.now += 1
            self.at_once = max(self.at_once, self.now)
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: self.at_once > 1, self.patience):
                self.patience /= 4  # perhaps only the first one is alone
            return place

    def _hold(self, place: int) -> None:
        """Until all others have ended, and the last until the return, or some time in vain."""
        with self.changed:
            others = len(self.items) - place
            self.changed.wait_for(lambda: len(self.ended) >= others or self.returned, IN_VAIN)
            if place == 1:
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
        expect(not self.forked[0], ELSEWHERE)
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
            f"when {name} returned, not all {len(self.items)} calls had ended. Start one for "
            "every item, and wait for all of them, however long they take." + gave_up(self.cut),
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


@contextmanager
def ended_at_return(work: Calls, name: str) -> Iterator[list[Any]]:
    """Around a call of an answer: each item once, no other, and all ended when it returns."""
    try:
        yield work.items
    finally:
        ended = work.over()
    work.expect_all(ended, name)


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
    try:
        with reported_to(seen.append):
            given = answer(*arguments)
    finally:
        slips = [args for args in seen if "argument after * must be" in str(args.exc_value)]
        if slips:
            raise NotYet(not_a_tuple(line_with_args(answer))) from None
        for args in seen:
            if expected is None or not issubclass(args.exc_type, expected):
                threading.excepthook(args)
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
        with ended_at_return(work, "your function"):
            work.called_by(answer)
        work.expect_overlap("Look at what your function waits for before it starts the next one.")
        hold = longer(began) if hold == HOLD else HOLD
    sizes = ", ".join(str(len(items)) for items, _ in CROWDS[:-1])
    return f"For {sizes} and {len(CROWDS[-1][0])} items: all calls made, some at the same time."


# -------------------------------------------------------------------- shares


def shares(tl: Timeline) -> dict[str, int]:
    """A solution of `start.shares`."""
    return {worker: len(spans) for worker, spans in tl.lanes().items()}


def recorded(*spans: tuple[int, float, float]) -> Timeline:
    """A timeline of spans (worker, start, stop), in seconds of a clock that is not at 0."""
    timeline = Timeline()
    for worker, start, stop in spans:
        first, last = (int((100 + second) * 10**9) for second in (start, stop))
        timeline.add("item", f"worker {worker}", first, last, cpu_time=0)
    return timeline


CREWS = (  # worker, start and stop of each piece; in words
    (((1, 0, 1), (2, 0, 1), (1, 1, 2)), "two workers, one of whom did two pieces"),
    (((1, 0, 4), (2, 0, 1), (2, 1, 2), (2, 2, 3)), "a long piece beside three short ones"),
    (((3, 0, 1), (3, 1, 2), (3, 2, 3), (3, 3, 4), (3, 4, 5)), "one worker and five pieces"),
    (((4, 0, 1), (2, 0, 1), (9, 0, 1)), "a worker for each of three pieces"),
    (((8, 0, 1), (5, 0, 1), (8, 1, 2)), "two workers, the first of whom has the larger number"),
)


@exercise(
    "start.shares",
    "Write shares(tl): a dictionary with the name of each worker, and how many pieces of work it "
    "did.",
    hints=(
        "for worker, spans in tl.lanes().items(): gives each name with the list of its spans.",
        "len(spans) is how many pieces of work that worker did.",
        "A dictionary of all: {worker: ... for worker, spans in tl.lanes().items()}.",
    ),
    solution=shares,
    starter=lambda tl: tl.lanes(),
    wrong=lambda tl: {
        worker: sum(s.seconds for s in spans) for worker, spans in tl.lanes().items()
    },
    says="{'worker 1': 4.0",
)
def _shares(answer: Any) -> str:
    """The right numbers for each recorded crew."""
    for spans, words in CREWS:
        timeline = recorded(*spans)
        given, right = answer(timeline), shares(timeline)
        expect(given is not None, "shares returned nothing. Is there a return at its end?")
        expect(
            isinstance(given, Mapping),
            f"shares must return a dictionary, not {short(given)}.",
        )
        lists = [each for each in given.values() if isinstance(each, list)]
        expect(
            not lists,
            "each name has a list of spans beside it; how many are in it is asked for.",
        )
        expect(
            dict(given) == right,
            f"for {words}, shares(tl) gave {short(dict(given))}, and {right} is right.",
        )
    return f"The right numbers for all {len(CREWS)} timelines."


# ---------------------------------------------------------------------- both


def both(first: Callable[[], object], second: Callable[[], object]) -> None:
    """A solution of `start.both`."""
    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def waits_for_one(first: Callable[[], object], second: Callable[[], object]) -> None:
    """A plausible mistake: the second may be done long before the first."""
    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    two.start()
    two.join()


@exercise(
    "start.both",
    "Write both(first, second): it calls the two functions at the same time, each once, and "
    "returns when both have ended.",
    hints=(
        "threading.Thread(target=first) makes a thread that will call first().",
        "Two threads: start both, and only then wait for them.",
        "Each of the two needs its start() and its join(), and the order is two starts, two joins.",
    ),
    solution=both,
    starter=lambda first, second: None,
    wrong=waits_for_one,
    says="first had not ended",
)
def _both(answer: Any) -> str:
    """Both called, at once, and over at the return, whichever of them ends last."""
    names, hold, began = ("first", "second"), HOLD, time.monotonic()
    for held in names:
        work = Calls(names, held, hold=hold)
        try:
            work.called_by(lambda work, _: answer(*[partial(work, name) for name in names]))
        finally:
            ended = work.over()
        for name in names:
            number = work.begun.count(name)
            expect(number > 0, f"{name} was never called.")
            expect(number == 1, f"{name} was called {times(number)}. Each of them is called once.")
        left = [name for name in names if name not in ended]
        expect(
            not left,
            f"when both returned, {' and '.join(left)} had not ended. "
            f"Wait for both of them, however long each takes.{gave_up(work.cut)}",
        )
        work.expect_overlap("Do you wait for one of them before the other begins?")
        hold = longer(began)
    return "Both were called, at the same time, and had ended, whichever of them ended last."


# ------------------------------------------------------------------- limited


def limited(work: Callable[[Any], object], items: Sequence[Any], most: int) -> None:
    """A solution of `start.limited`."""
    for first in range(0, len(items), most):
        together(work, items[first : first + most])


def without_a_limit(work: Callable[[Any], object], items: Sequence[Any], most: int) -> None:
    """A plausible mistake: a thread for every item, whatever `most` says."""
    together(work, items)


TOO_MANY = 0.1  # seconds that a call looks out for more of them than there may be
LIMITS = (  # items, how many at once, and the one whose call ends last
    ([6, 2, 8, 2, 7, 1, 3], 3, 6),
    ([5, 1, 4, 9], 2, 1),
    ([3, 8, 5], 1, 5),
    ([4, 7], 5, 4),
)


@exercise(
    "start.limited",
    "Write limited(work, items, most): work(item) once for every item, never more than most at "
    "the same time, but at least two where most allows it; all ended before it returns.",
    hints=(
        "items[0:most] are the first items, items[most:2 * most] those after them.",
        "range(0, len(items), most) gives the places where the groups begin.",
        "For each group: start a thread for every item in it, then join them all, then the next.",
    ),
    solution=limited,
    starter=lambda work, items, most: None,
    wrong=without_a_limit,
    says="and 3 is the most",
    seconds=20.0,
)
def _limited(answer: Any) -> str:
    """Each item once, never too many at once and never too few, and all before the return."""
    began = time.monotonic()
    for items, most, held in LIMITS:
        work = Calls(items, held, hold=longer(began) if most == 2 else HOLD)
        work.answers = partial(_looks_out, work, most)
        if most == 1:
            work.patience = 0.0  # nobody is to come
        with ended_at_return(work, "limited"):
            work.called_by(lambda work, items, most=most: answer(work, items, most))
        expect(
            work.at_once <= most,
            f"for {len(items)} items, more calls were under way at once than there may be, and "
            f"{most} is the most. What does your function wait for before it starts the next one?",
        )
        if most > 1:
            work.expect_overlap(f"{most} are allowed, so start more than one before you join.")
    return f"Never too many, and never one at a time: right for all {len(LIMITS)} limits."


def _looks_out(work: Calls, most: int, item: Any) -> None:
    with work.changed:
        work.changed.wait_for(lambda: work.at_once > most, TOO_MANY)
