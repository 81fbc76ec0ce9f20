"""The exercises of lesson 08: what holds with a GIL and without, and which way to take.

What threads share is judged by the explorer: whatever the build, a schedule that it
finds may come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from time import sleep
from typing import Any

from . import exercise, expect
from ._schedules import all_hold, all_tried, followed
from ._time_outs import Patient
from .start import called, short

# ---------------------------------------------------------------------- stats


class Stats:
    """A solution of `nogil.stats`: what belongs together is changed and read under one lock."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.total = 0
        self.lock = threading.Lock()

    def add(self, camera: str) -> None:
        with self.lock:
            self.counts[camera] = self.counts.get(camera, 0) + 1
            self.total += 1

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.lock:
            return dict(self.counts), self.total


class LocksTheTotal:
    """The starter: a lock around one of two lines that belong together."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.total = 0
        self.lock = threading.Lock()

    def add(self, camera: str) -> None:
        self.counts[camera] = self.counts.get(camera, 0) + 1
        with self.lock:
            self.total += 1

    def snapshot(self) -> tuple[dict[str, int], int]:
        return dict(self.counts), self.total


class LocksTheWritersOnly(Stats):
    """Half of it: nothing is lost, and whoever reads sees a half of a change."""

    def snapshot(self) -> tuple[dict[str, int], int]:
        return dict(self.counts), self.total


@exercise(
    "nogil.stats",
    "Repair Stats: whatever the schedule, no add is lost, and total is the sum of counts in each "
    "snapshot.",
    hints=(
        "Which lines look at something and then change it? Another thread may come between the "
        "look and the change, with a GIL as well as without.",
        "counts and total change together. What may somebody see who reads between the two?",
        "One lock, made in __init__: `with self.lock:` around all of add, and around what "
        "snapshot reads.",
    ),
    solution=Stats,
    starter=LocksTheTotal,
    wrong=LocksTheWritersOnly,
    says="in a snapshot total was",
    seconds=40.0,
)
def _stats(answer: Any) -> str:
    """Three adds of two cameras; an add beside a snapshot; a snapshot that stays as it was."""
    _expect_class(answer, "add", "snapshot")

    def adds() -> None:
        stats = answer()
        _at_once(*(lambda camera=camera: stats.add(camera) for camera in ("a", "a", "b")))
        counts, total = stats.snapshot()
        assert dict(counts) == {"a": 2, "b": 1}, f"a, a and b were added, and counts is {counts}"
        assert total == 3, f"there were 3 adds, and total is {total}"

    def beside() -> None:
        stats = answer()
        stats.add("a")
        seen = []
        _at_once(lambda: stats.add("b"), lambda: seen.append(stats.snapshot()))
        ((counts, total),) = seen
        added = sum(counts.values())
        assert added == total, (
            f"in a snapshot total was {total}, and the counts added up to {added}"
        )
        assert added in (1, 2), f"of two adds one had ended, and a snapshot shows {added}"

    def stays() -> None:
        stats = answer()
        before = stats.snapshot()
        stats.add("a")
        assert tuple(before) == ({}, 0), "an add changed a snapshot that was taken before it"
        assert tuple(stats.snapshot()) == ({"a": 1}, 1), "a snapshot is not (counts, total)"
        assert tuple(stats.snapshot()) == ({"a": 1}, 1), "a second snapshot is another one"
        other = answer()
        assert tuple(other.snapshot()) == ({}, 0), "a new Stats knows what another one was told"

    all_hold(stays)
    return all_tried(all_hold(adds) + all_hold(beside))


def _expect_class(answer: Any, *methods: str) -> None:
    expect(
        isinstance(answer, type), f"Give the class itself, as it is called, not {short(answer)}."
    )
    for method in methods:
        there = callable(getattr(answer, method, None))
        expect(there, f"{answer.__name__} has no method {method}.")


def _at_once(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ----------------------------------------------------------------- serialized


class Serialized:
    """A solution of `nogil.serialized`: one thread at a time asks for the next."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.iterator, self.lock = iter(iterable), threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self.lock:
            return next(self.iterator)


class Bare:
    """The starter: nothing but names."""

    def __init__(self, iterable: Iterable[Any]) -> None: ...

    def __iter__(self) -> Any: ...

    def __next__(self) -> Any: ...


class KeepsTheLock(Serialized):
    """Half of it: the end of the iterator is an exception, and the lock stays taken."""

    def __next__(self) -> Any:
        self.lock.acquire()
        found = next(self.iterator)
        self.lock.release()
        return found


class _Broken(BaseException):
    """An error that is no Exception, as KeyboardInterrupt is."""


class _Numbers:
    """An iterator that two threads cannot use at once: 0, 1, … below `end`."""

    def __init__(self, end: int, fails_at: int = -1, error: type[BaseException] = KeyError) -> None:
        self.end, self.fails_at, self.error, self.number = end, fails_at, error, 0

    def __iter__(self) -> _Numbers:
        return self

    def __next__(self) -> int:
        number = self.number
        if number == self.fails_at:
            self.fails_at = -1
            raise self.error(number)
        if number >= self.end:
            raise StopIteration
        self.number = number + 1
        return number


@exercise(
    "nogil.serialized",
    "Write Serialized(iterable): an iterator over the same things, in their order, that several "
    "threads may use at once; each thing goes to one of them.",
    hints=(
        "`iter(iterable)` gives an iterator. It must be asked by one thread at a time.",
        "The end of an iterator is an exception, StopIteration, and it may raise others. Whatever "
        "it raises must come out, and leave the lock free.",
        "`with self.lock: return next(self.iterator)` in __next__; __iter__ gives self.",
    ),
    solution=Serialized,
    starter=Bare,
    wrong=KeepsTheLock,
    says="deadlock",
    seconds=40.0,
)
def _serialized(answer: Any) -> str:
    """Alone, then two threads and two numbers; nothing read ahead; ends and errors come out."""
    _expect_class(answer, "__iter__", "__next__")

    def alone() -> None:
        given = answer("abc")
        assert given.__iter__() is not None, "__iter__ gives nothing back: it is to give self"
        assert iter(given) is given, "iter() of it must give itself: two threads share one"
        first = next(given)
        assert first == "a", f"of 'abc' the first is not {first!r}"
        rest = list(islice(given, 5))
        assert rest == ["b", "c"], f"of 'abc', after 'a', came {rest}"
        assert list(islice(given, 1)) == [], "after its end it gives more"
        false = [None, 0, "", None]
        rest = list(islice(answer(false), 5))
        assert rest == false, f"of None, 0, '' and None came {rest}"
        numbers = _Numbers(9)
        ahead = answer(numbers)
        assert numbers.number == 0, "it asks for things before anybody has asked it"
        next(ahead)
        assert numbers.number == 1, "it asks for more things than it was asked for"

    def shared() -> None:
        assert _taken(answer(_Numbers(2))) == ["0", "1"], f"of 0 and 1 {THEY_GOT}"

    def listed() -> None:
        assert _taken(answer([0, 1])) == ["0", "1"], f"of a list of 0 and 1 {THEY_GOT}"

    def ends() -> None:
        assert _taken(answer(_Numbers(1))) == ["0", "the end"], f"of 0 and the end {THEY_GOT}"

    def fails() -> None:
        taken = _taken(answer(_Numbers(1, fails_at=0)))
        assert taken == ["0", "an error"], f"of an error and then 0 {THEY_GOT}"

    def breaks() -> None:
        taken = _taken(answer(_Numbers(1, fails_at=0, error=_Broken)))
        assert taken == ["0", "an error"], f"of a BaseException and then 0 {THEY_GOT}"

    all_hold(alone)
    tried = all_hold(shared) + all_hold(ends) + all_hold(fails)
    for program in (listed, breaks):
        all_hold(program)
    return all_tried(tried)


THEY_GOT = "two threads that asked once did not get one each"


def _taken(numbers: Iterator[int]) -> list[str]:
    """What two threads get that ask once each."""
    taken: list[str] = []

    def take() -> None:
        try:
            taken.append(str(next(numbers)))
        except StopIteration:
            taken.append("the end")
        except (KeyError, _Broken):
            taken.append("an error")

    _at_once(take, take)
    return sorted(taken)


# ----------------------------------------------------------------------- sums

Size = Callable[[Any], int]


def sums(size: Size, photos: Sequence[Any], workers: int) -> int:
    """A solution of `nogil.sums`: each thread has a sum of its own, and one adds them up."""
    parts = [photos[n::workers] for n in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(lambda part: sum(map(size, part)), parts))


def sums_of_nothing(size: Size, photos: Sequence[Any], workers: int) -> None:
    """The starter: a name, and nothing else."""


def sums_in_turn(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Nothing is lost, and the lock is held while a thread computes: one computes at a time."""
    total, lock = 0, threading.Lock()

    def add(photo: Any) -> None:
        nonlocal total
        with lock:
            total += size(photo)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(add, photos))
    return total


@exercise(
    "nogil.sums",
    "Write sums(size, photos, workers): the sum of size(photo) over all photos, by so many "
    "threads that compute at once, and never more.",
    hints=(
        "What does a thread need to share with the others while it computes?",
        "photos[n::workers] is every so-many-th photo, beginning with number n: a part for each "
        "thread.",
        "`pool.map` over the parts gives the sum of each part. sum() of these, by the one who "
        "called, is the result.",
    ),
    solution=sums,
    starter=sums_of_nothing,
    wrong=sums_in_turn,
    says="do not compute at once",
    seconds=60.0,
)
def _sums(answer: Any) -> str:
    """All schedules where they can be followed; then real threads that meet while they compute."""
    expect(callable(answer), f"sums must be a function, not {short(answer)}.")
    given = called(answer, len, ["a", "bb"], 1)
    expect(given is not None, "sums returned nothing. Is there a return at its end?")
    for photos, workers in ((["a", "bb"], 1), ([], 2), (["a"], 3), (["abc"] * 7, 3)):
        given = called(answer, len, list(photos), workers)
        wanted = sum(map(len, photos))
        expect(
            given == wanted and isinstance(given, int),
            f"{len(photos)} photos, {workers} workers: the sum is {wanted}, not {short(given)}.",
        )

    def program() -> None:
        total = answer(lambda photo: photo, (1, 2, 4), 2)
        assert total == 7, f"the sizes are 1, 2 and 4, and the sum was {total}"

    def meeting() -> None:
        meet = threading.Barrier(2)

        def size(photo: int) -> int:
            meet.wait()
            return photo

        assert answer(size, (1, 2), 2) == 3, "a part of the sum is lost"

    followed(program, "2 workers and 3 photos")
    followed(meeting, "2 threads do not compute at once")
    for workers, number in ((2, 6), (3, 9), (3, 4)):
        _compute_at_once(answer, workers, list(range(number)))
    return "2 and 3 threads computed at once, none waited for another, and nothing was lost."


TURN = 2.0  # seconds that a call waits for as many beside it as there are workers
HOLD = 0.1  # seconds that they then go on, so that one more would be seen


def _compute_at_once(answer: Any, workers: int, photos: list[int]) -> None:
    """Whoever looks at a photo waits until as many do as there are workers.

    The first one goes on until the others have begun another one each, if there are as many.
    """
    changed, patience, long = Patient(), TURN, 2 * workers - 1
    now = most = begun = 0
    waited = False

    def size(photo: int) -> int:
        nonlocal now, most, patience, begun, waited
        with changed:
            now += 1
            most = max(most, now)
            changed.notify_all()
            if not changed.wait_for(lambda: most >= workers, patience):
                patience = 0.0
            begun += 1
            changed.notify_all()
            if photo == 0 and patience and len(photos) > long:
                waited = not changed.wait_for(lambda: begun >= long, TURN)
        sleep(HOLD)
        with changed:
            now -= 1
        return photo

    given = called(answer, size, list(photos), workers)
    expect(most >= workers, f"{workers} threads do not compute at once: at most {most} did.")
    expect(
        most <= workers,
        f"more than {workers} threads computed at once: there are to be {workers}, one for each "
        "CPU.",
    )
    expect(
        not waited,
        "while one thread computed for long, the others had ended what they had, and waited for it "
        "before they went on.",
    )
    expect(given == sum(photos), f"the sum is {sum(photos)}, not {short(given)}.")


# ------------------------------------------------------------------------ way


def way(gil: bool, version: tuple[int, int], loads: bool, crashes: bool) -> str:
    """A solution of `nogil.way`: what must not happen first, then the cheapest that computes."""
    if crashes:
        return "processes"
    if not gil:
        return "threads"
    return "interpreters" if version >= (3, 14) and loads else "processes"


def always_processes(gil: bool, version: tuple[int, int], loads: bool, crashes: bool) -> str:
    """The starter: what worked before."""
    return "processes"


def forgets_the_crash(gil: bool, version: tuple[int, int], loads: bool, crashes: bool) -> str:
    """An interpreter is no wall: a crash in one ends all of them."""
    if not gil:
        return "threads"
    return "interpreters" if version >= (3, 14) and loads else "processes"


VERSIONS = ((3, 9), (3, 13), (3, 14), (3, 15), (4, 0))


@exercise(
    "nogil.way",
    'Write way(gil, version, loads, crashes): "threads", "interpreters" or "processes" for Python '
    "code that is to compute on several CPUs.",
    hints=(
        "Begin with what must not happen: what of a crash in a thread, in an interpreter, in a "
        "process?",
        "Of what computes at once, threads cost least, and processes most. Which of them compute "
        "at once with a GIL?",
        "Versions are pairs of numbers: (3, 9) < (3, 14). Interpreters need 3.14, and all "
        "modules must load there; else it is processes.",
    ),
    solution=way,
    starter=always_processes,
    wrong=forgets_the_crash,
    says="may crash",
)
def _way(answer: Any) -> str:
    """Every combination."""
    expect(callable(answer), f"way must be a function, not {short(answer)}.")
    cases = list(product((True, False), VERSIONS, (True, False), (False, True)))
    for case in cases:
        gil, version, loads, crashes = case
        given = answer(*case)
        expect(
            given == way(*case),
            f"Python {'.'.join(map(str, version))} {'with a' if gil else 'without a'} GIL, "
            f"modules that {'load' if loads else 'do not load'} in an interpreter"
            f"{', work that may crash' * crashes}: {short(given)} is not what costs least there.",
        )
    return f"All {len(cases)} combinations are decided."
