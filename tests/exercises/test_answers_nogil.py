"""Lesson 08: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, RLock, Thread
from typing import Any

import pytest
from test_answers_start import refused, taken

from helpers.exercises.nogil import LocksTheTotal, Serialized, Stats, _Numbers, _taken
from helpers.interleave import explore

# ---------------------------------------------------------------------- stats


class TwoLocks(LocksTheTotal):
    """Wrong: each line is safe, and somebody reads between them."""

    def __init__(self) -> None:
        super().__init__()
        self.other = Lock()

    def add(self, camera: str) -> None:
        with self.other:
            self.counts[camera] = self.counts.get(camera, 0) + 1
        with self.lock:
            self.total += 1

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.other, self.lock:
            return dict(self.counts), self.total


class NewLock(LocksTheTotal):
    """Wrong: a lock that nobody else has."""

    def add(self, camera: str) -> None:
        with Lock():
            self.counts[camera] = self.counts.get(camera, 0) + 1
            self.total += 1


class SetDefault(LocksTheTotal):
    """Wrong: setdefault is one step, and the += after it is not."""

    def add(self, camera: str) -> None:
        self.counts.setdefault(camera, 0)
        self.counts[camera] += 1
        with self.lock:
            self.total += 1


class GivesItself(Stats):
    """Wrong: what is given is no copy, and changes under whoever has it."""

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.lock:
            return self.counts, self.total


class LooksUnlocked(Stats):
    """Wrong: the look stands before the lock."""

    def add(self, camera: str) -> None:
        before = self.counts.get(camera, 0)
        with self.lock:
            self.counts[camera] = before + 1
            self.total += 1


class ReadsTheTotalLater(Stats):
    """Wrong: the lock is free again before the second half is read."""

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.lock:
            counts = dict(self.counts)
        return counts, self.total


class OneForAll:
    """Wrong: what belongs to an object stands in the class."""

    counts: dict[str, int] = {}  # noqa: RUF012
    lock = Lock()

    def add(self, camera: str) -> None:
        with self.lock:
            self.counts[camera] = self.counts.get(camera, 0) + 1

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.lock:
            return dict(self.counts), sum(self.counts.values())


class Takes(Stats):
    """Wrong: whoever looks takes all of it away."""

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.lock:
            taken = self.counts, self.total
            self.counts, self.total = {}, 0
            return taken


WRONG_STATS = {
    OneForAll: "a new Stats knows",
    Takes: "a second snapshot is another one",
    TwoLocks: "in a snapshot total was",
    NewLock: "there were 3 adds, and total is",
    SetDefault: "were added, and counts is",
    ReadsTheTotalLater: "in a snapshot total was",
    GivesItself: "an add changed a snapshot",
    LooksUnlocked: "were added, and counts is",
    Stats(): "the answer must be a function",
}


@pytest.mark.parametrize("answer", WRONG_STATS)
def test_wrong_stats_are_refused(answer: Any) -> None:
    refused("nogil.stats", answer, WRONG_STATS[answer])


class OneCounter:
    """Right: the total is computed."""

    def __init__(self) -> None:
        self.counts, self.lock = Counter[str](), RLock()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def add(self, camera: str) -> None:
        with self.lock:
            self.counts[camera] += 1

    def snapshot(self) -> tuple[dict[str, int], int]:
        with self.lock:
            return dict(self.counts), self.total


class OfTheClass:
    """Right: one lock for all objects of the class, and a total that is computed under it."""

    lock = Lock()

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, camera: str) -> None:
        with self.lock:
            self.counts.setdefault(camera, 0)
            self.counts[camera] += 1

    def snapshot(self) -> tuple[dict[str, int], int]:
        with OfTheClass.lock:
            return {**self.counts}, sum(self.counts.values())


class KeepsAll:
    """Right: what was added is kept, in one step, and counted by whoever asks."""

    def __init__(self) -> None:
        self.added: list[str] = []

    def add(self, camera: str) -> None:
        self.added.append(camera)

    def snapshot(self) -> tuple[dict[str, int], int]:
        added = list(self.added)
        return dict(Counter(added)), len(added)


class Replaces:
    """Right: both stand in one tuple, which is replaced under a lock and read in one step."""

    def __init__(self) -> None:
        self.now: tuple[dict[str, int], int] = ({}, 0)
        self.lock = Lock()

    def add(self, camera: str) -> None:
        self.lock.acquire()
        try:
            counts, total = self.now
            self.now = ({**counts, camera: counts.get(camera, 0) + 1}, total + 1)
        finally:
            self.lock.release()

    def snapshot(self) -> tuple[dict[str, int], int]:
        return self.now


@pytest.mark.parametrize("answer", [OneCounter, OfTheClass, KeepsAll, Replaces])
def test_unusual_right_stats_are_taken(answer: Any) -> None:
    taken("nogil.stats", answer)


# ----------------------------------------------------------------- serialized


class Unlocked:
    """Wrong: nobody waits."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.iterator = iter(iterable)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self.iterator)


class ReadsAhead(Serialized):
    """Wrong: all of it is read when it is made; an endless one never comes back."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        super().__init__(list(iterable))


class LockForEach(Unlocked):
    """Wrong: each call has a lock of its own."""

    def __next__(self) -> Any:
        with Lock():
            return next(self.iterator)


class NewIterator(Serialized):
    """Wrong: each loop begins anew."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __next__(self) -> Any:
        return next(iter(self.iterable))


class ReleasesAtTheEndOnly(Serialized):
    """Wrong: an error that is no end leaves the lock taken."""

    def __next__(self) -> Any:
        self.lock.acquire()
        try:
            found = next(self.iterator)
        except StopIteration:
            self.lock.release()
            raise
        self.lock.release()
        return found


class NoneAtTheEnd(Serialized):
    """Wrong: the end is given as None, and nobody stops."""

    def __next__(self) -> Any:
        with self.lock:
            return next(self.iterator, None)


class GivesUp(Serialized):
    """Wrong: whoever finds the lock taken is told that there is nothing more."""

    def __next__(self) -> Any:
        if not self.lock.acquire(blocking=False):
            raise StopIteration
        try:
            return next(self.iterator)
        finally:
            self.lock.release()


class NoneIsTheEnd(Serialized):
    """Wrong: None may be one of the things."""

    def __next__(self) -> Any:
        with self.lock:
            found = next(self.iterator, None)
        if found is None:
            raise StopIteration
        return found


class MadeLate(Serialized):
    """Wrong: two threads may each make an iterator, and both get the first thing."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.iterable, self.lock = iterable, threading.Lock()
        self.made: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self.made is None:
            self.made = iter(self.iterable)
        with self.lock:
            return next(self.made)


class ExceptionsOnly(Serialized):
    """Wrong: what is no Exception leaves the lock taken."""

    def __next__(self) -> Any:
        self.lock.acquire()
        try:
            found = next(self.iterator)
        except Exception:
            self.lock.release()
            raise
        self.lock.release()
        return found


WRONG_SERIALIZED = {
    NoneIsTheEnd: "of None, 0",
    MadeLate: "of a list of 0 and 1",
    ExceptionsOnly: "deadlock",
    Unlocked: "of 0 and 1 two threads",
    ReadsAhead: "asks for things before anybody",
    GivesUp: "of 0 and 1 two threads",
    LockForEach: "of 0 and 1 two threads",
    NewIterator: "must give itself",
    ReleasesAtTheEndOnly: "deadlock",
    NoneAtTheEnd: "of 'abc', after 'a', came",
}


@pytest.mark.parametrize("answer", WRONG_SERIALIZED)
def test_a_wrong_serialized_is_refused(answer: Any) -> None:
    refused("nogil.serialized", answer, WRONG_SERIALIZED[answer])


class ByHand(Unlocked):
    """Right: acquire and release, whatever comes in between."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        super().__init__(iterable)
        self.turn = threading.Semaphore(1)

    def __next__(self) -> Any:
        self.turn.acquire()
        try:
            return next(self.iterator)
        finally:
            self.turn.release()


class ByALoop(Serialized):
    """Right: the loop is left with the first thing, and without one it was the end."""

    def __next__(self) -> Any:
        with self.lock:
            for found in self.iterator:
                return found
            raise StopIteration


class ByCondition(Unlocked):
    """Right: a condition has a lock."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        super().__init__(iterable)
        self.one = threading.Condition()

    def __next__(self) -> Any:
        with self.one:
            return next(self.iterator)


@pytest.mark.parametrize("answer", [ByHand, ByALoop, ByCondition])
def test_an_unusual_right_serialized_is_taken(answer: Any) -> None:
    taken("nogil.serialized", answer)


def test_an_iterator_of_our_own_is_torn_where_nobody_locks() -> None:
    def program() -> None:
        assert _taken(_Numbers(2)) == ["0", "1"]

    assert explore(program).verdict == "race"


# ----------------------------------------------------------------------- sums

Size = Callable[[Any], int]


def shares_a_total(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: the total is read before the size is known, and written after it."""
    total = 0

    def add(part: Sequence[Any]) -> None:
        nonlocal total
        for photo in part:
            total += size(photo)

    threads = [Thread(target=add, args=(photos[n::workers],)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total


def one_after_the_other(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: each thread is waited for before the next one starts."""
    sizes: list[int] = []
    for n in range(workers):
        thread = Thread(target=lambda n=n: sizes.extend(map(size, photos[n::workers])))
        thread.start()
        thread.join()
    return sum(sizes)


def at_once_the_result(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: who submits waits for the result before the next submit."""
    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.submit(size, photo).result() for photo in photos)


def one_thread_each(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: a thread for each photo, however many CPUs there are."""
    with ThreadPoolExecutor(len(photos) or 1) as pool:
        return sum(pool.map(size, photos))


def by_nobody_else(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: it is computed where it was called."""
    return sum(map(size, photos))


def loses_the_rest(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: what does not divide is left out."""
    each = len(photos) // workers
    parts = [photos[n * each : (n + 1) * each] for n in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(lambda part: sum(map(size, part)), parts))


def of_the_photos(size: Size, photos: Sequence[Any], workers: int) -> list[int]:
    """Wrong: the sizes, and nobody has added them."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(size, photos))


def large_parts(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: of four photos, two threads take two each, and the third has none."""
    each = -(-len(photos) // workers) or 1
    parts = [photos[first : first + each] for first in range(0, len(photos), each)]
    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(lambda part: sum(map(size, part)), parts))


def round_by_round(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Wrong: all wait for the slowest before they go on."""
    total = 0
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(photos), workers):
            total += sum(pool.map(size, photos[first : first + workers]))
    return total


WRONG_SUMS = {
    large_parts: "3 threads do not compute at once",
    round_by_round: "waited for it",
    shares_a_total: "and the sum was",
    one_after_the_other: "do not compute at once",
    at_once_the_result: "do not compute at once",
    one_thread_each: "more than 2 threads computed at once",
    by_nobody_else: "do not compute at once",
    loses_the_rest: "the sum is",
    of_the_photos: "the sum is",
}


@pytest.mark.parametrize("answer", WRONG_SUMS)
def test_wrong_sums_are_refused(answer: Any) -> None:
    refused("nogil.sums", answer, WRONG_SUMS[answer])


def by_a_queue(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Right: whoever is free takes the next, and what comes out is put into another queue."""
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    for photo in photos:
        todo.put(photo)

    def work() -> None:
        mine = 0
        while True:
            try:
                photo = todo.get_nowait()
            except queue.Empty:
                break
            mine += size(photo)
        done.put(mine)

    threads = [Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done.get() for _ in threads)


def places_of_their_own(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Right: a place in a list for each thread."""
    sums = [0] * workers

    def add(n: int) -> None:
        for photo in photos[n::workers]:
            sums[n] += size(photo)

    threads = [Thread(target=add, args=(n,)) for n in range(workers)]
    deque(map(Thread.start, threads), 0)
    deque(map(Thread.join, threads), 0)
    return sum(sums)


def so_many_places(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Right: a thread for each photo, of which so many compute at once."""
    places, sizes = threading.Semaphore(workers), []

    def add(photo: Any) -> None:
        with places:
            sizes.append(size(photo))

    threads = [Thread(target=add, args=(photo,)) for photo in photos]
    deque(map(Thread.start, threads), 0)
    deque(map(Thread.join, threads), 0)
    return sum(sizes)


def each_by_the_pool(size: Size, photos: Sequence[Any], workers: int) -> int:
    """Right: the pool hands out one after the other."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return sum(future.result() for future in [pool.submit(size, p) for p in photos])


@pytest.mark.parametrize(
    "answer", [by_a_queue, places_of_their_own, so_many_places, each_by_the_pool]
)
def test_unusual_right_sums_are_taken(answer: Any) -> None:
    taken("nogil.sums", answer)


# ------------------------------------------------------------------------ way


def threads_always(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    return "threads"


def threads_whatever_crashes(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    if not gil:
        return "threads"
    return "processes" if crashes or not loads or version < (3, 14) else "interpreters"


def by_text(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    """Wrong: as text, 3.9 comes after 3.14."""
    if crashes:
        return "processes"
    new = ".".join(map(str, version)) >= "3.14"
    return "threads" if not gil else "interpreters" if new and loads else "processes"


def forgets_modules(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    if crashes:
        return "processes"
    return "threads" if not gil else "interpreters" if version >= (3, 14) else "processes"


def this_minor_only(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    if crashes:
        return "processes"
    return "threads" if not gil else "interpreters" if version[1] >= 14 and loads else "processes"


WAYS = [threads_always, threads_whatever_crashes, by_text, forgets_modules, this_minor_only]


@pytest.mark.parametrize("answer", WAYS)
def test_a_wrong_way_is_refused(answer: Any) -> None:
    refused("nogil.way", answer, "is not what costs least there")


def by_a_table(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    """Right: the first of the ways that are left."""
    ways = {
        "threads": not gil and not crashes,
        "interpreters": version > (3, 13) and loads and not crashes,
        "processes": True,
    }
    return next(way for way, there in ways.items() if there)


def by_match(gil: bool, version: Any, loads: bool, crashes: bool) -> str:
    """Right: cases, from the first that fits."""
    match (crashes, gil, loads, version >= (3, 14)):
        case (False, False, _, _):
            return "threads"
        case (False, True, True, True):
            return "interpreters"
    return "processes"


@pytest.mark.parametrize("answer", [by_a_table, by_match])
def test_an_unusual_right_way_is_taken(answer: Any) -> None:
    taken("nogil.way", answer)
