"""Lesson 09: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

import pytest
from test_answers_start import refused, taken

from helpers import work
from helpers.apart import cluster as dask
from helpers.exercises.cluster import CountedTotals, Totals, finished_from_the_beginning

spawn = get_context("spawn")
Work = Callable[[int], int]
with_dask = pytest.mark.skipif(not dask.here(), reason="the check says how to get Dask")


# -------------------------------------------------------------------- finish


def once_more(work: Work, items: Sequence[int]) -> list[int]:
    """One death is foreseen, and a second comes."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = [pool.submit(work, item) for item in items]
    results = [None if future.exception() else future.result() for future in futures]
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return [pool.submit(work, i).result() if r is None else r for i, r in zip(items, results)]  # noqa: B905


def leaves_holes(work: Work, items: Sequence[int]) -> list[int | None]:
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = [pool.submit(work, item) for item in items]
    return [None if future.exception() else future.result() for future in futures]


def as_they_come(work: Work, items: Sequence[int]) -> list[int]:
    """Nothing is lost, and nobody knows whose result is whose."""
    results: list[int] = []
    missing = list(reversed(items))
    while missing:
        with suppress(BrokenProcessPool), ProcessPoolExecutor(2, mp_context=spawn) as pool:
            futures = {pool.submit(work, item): item for item in missing}
            for future in as_completed(futures):
                results.append(future.result())
                missing.remove(futures[future])
    return list(reversed(results[1:])) + results[:1]


def three_times(work: Work, items: Sequence[int]) -> list[int]:
    """Two deaths are foreseen."""
    results: dict[int, int] = {}
    for _ in range(3):
        futures = {}
        with suppress(BrokenProcessPool), ProcessPoolExecutor(2, mp_context=spawn) as pool:
            for n in set(range(len(items))) - results.keys():
                futures[n] = pool.submit(work, items[n])
        results |= {n: future.result() for n, future in futures.items() if not future.exception()}
    return [results[n] for n in range(len(items)) if n in results]


def half_by_half(work: Work, items: Sequence[int]) -> list[int]:
    """Of a half that breaks, everything is done again, each time."""
    half = len(items) // 2
    return [
        *finished_from_the_beginning(work, items[:half]),
        *finished_from_the_beginning(work, items[half:]),
    ]


def calls_it_here(work: Work, items: Sequence[int]) -> list[int]:
    return [work(item) for item in items]


FINISHED: dict[Any, str] = {
    once_more: "BrokenProcessPool",
    three_times: "a result is missing",
    half_by_half: "were done again",
    leaves_holes: "a result is missing",
    as_they_come: "in the order of items",
    calls_it_here: "was called in this process",
    finished_from_the_beginning: "were done again",
}


@pytest.mark.parametrize("answer", FINISHED)
def test_a_wrong_finished_is_refused(answer: Any) -> None:
    refused("cluster.finish", answer, FINISHED[answer])


def one_worker_at_a_time(work: Work, items: Sequence[int]) -> list[int]:
    """Item by item, in a pool that is made anew where it broke."""
    results: list[int] = []
    while len(results) < len(items):
        with suppress(BrokenProcessPool), ProcessPoolExecutor(1, mp_context=spawn) as pool:
            while len(results) < len(items):
                results.append(pool.submit(work, items[len(results)]).result())
    return results


def by_recursion(work: Work, items: Sequence[int]) -> list[int]:
    found: dict[int, int] = {}
    with suppress(BrokenProcessPool), ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for n, result in enumerate(pool.map(work, items)):
            found[n] = result
    rest = items[len(found) :]
    return [*found.values(), *(by_recursion(work, rest) if rest else [])]


@pytest.mark.parametrize("answer", [by_recursion, one_worker_at_a_time])
def test_an_unusual_right_finished_is_taken(answer: Any) -> None:
    taken("cluster.finish", answer)


# --------------------------------------------------------------------- noted


class Remembers(CountedTotals):
    """What this worker has added, it does not add again; another one knows nothing of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.mine: set[str] = set()

    def add(self, name: str, size: int) -> None:
        if name not in self.mine:
            self.mine.add(name)
            super().add(name, size)


class NotesAfterwards(CountedTotals):
    """It adds, and notes the name in a second transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY)")

    def add(self, name: str, size: int) -> None:
        if self.connection.execute("SELECT 1 FROM seen WHERE name = ?", (name,)).fetchone():
            return
        super().add(name, size)
        with self.connection:
            self.connection.execute("INSERT INTO seen VALUES (?)", (name,))


class BySize(Totals):
    """Two photographs of one size are one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.execute("CREATE TABLE IF NOT EXISTS photo (size INT PRIMARY KEY)")

    def add(self, name: str, size: int) -> None:
        with self.connection:
            self.connection.execute("INSERT OR IGNORE INTO photo VALUES (?)", (size,))


class OfTheLast(CountedTotals):
    """It knows whom it has added last; in the meantime that is another one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS last (name TEXT)")

    def add(self, name: str, size: int) -> None:
        with self.connection:
            if self.connection.execute("SELECT 1 FROM last WHERE name = ?", (name,)).fetchone():
                return
            self.connection.execute("DELETE FROM last")
            self.connection.execute("INSERT INTO last VALUES (?)", (name,))
            self.connection.execute("UPDATE total SET bytes = bytes + ?", (size,))


class NoneAtFirst(Totals):
    """The sum of nothing is NULL."""

    def total(self) -> Any:
        return self.connection.execute("SELECT sum(size) FROM photo").fetchone()[0]


class NoCommit(Totals):
    def add(self, name: str, size: int) -> None:
        self.connection.execute("INSERT OR REPLACE INTO photo VALUES (?, ?)", (name, size))


WRONG_TOTALS: dict[Any, str] = {
    Remembers: "died before it could say so",
    NotesAfterwards: "was killed between two statements",
    BySize: "8700 bytes were to be counted",
    OfTheLast: "died before it could say so",
    NoneAtFirst: "gives None, and 0 is right",
    NoCommit: "without a commit",
}


@pytest.mark.parametrize("answer", WRONG_TOTALS)
def test_wrong_totals_are_refused(answer: Any) -> None:
    refused("cluster.noted", answer, WRONG_TOTALS[answer])


class InOneTransaction(CountedTotals):
    """The sum stays; who has been counted is noted with it, by BEGIN and COMMIT."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY)")
        connection.commit()
        connection.isolation_level = None

    def add(self, name: str, size: int) -> None:
        execute = self.connection.cursor().execute
        execute("BEGIN IMMEDIATE")
        if execute("INSERT OR IGNORE INTO seen VALUES (?)", (name,)).rowcount:
            execute("UPDATE total SET bytes = bytes + ?", (size,))
        execute("COMMIT")


class ByARowEach(Totals):
    """Every attempt is a row, and each name is summed once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.executescript("CREATE TABLE IF NOT EXISTS tries (name TEXT, size INT);")

    def add(self, name: str, size: int) -> None:
        self.connection.execute("INSERT INTO tries VALUES (?, ?)", (name, size))
        self.connection.commit()

    def total(self) -> int:
        rows = self.connection.execute("SELECT DISTINCT name, size FROM tries")
        return sum(size for _, size in rows)


@pytest.mark.parametrize("answer", [InOneTransaction, ByARowEach])
def test_unusual_right_totals_are_taken(answer: Any) -> None:
    taken("cluster.noted", answer)


# ----------------------------------------------------------------- simulated


def in_turns(seconds: Sequence[float], workers: int, handling: float) -> float:
    """The workers get their tasks in turns, whoever is free."""
    free, now = [0.0] * workers, 0.0
    for n, each in enumerate(seconds):
        now = max(now, free[n % workers]) + handling
        free[n % workers] = now + each
    return max(free)


def ahead_of_time(seconds: Sequence[float], workers: int, handling: float) -> float:
    """The scheduler handles the next task while it waits for a worker."""
    free, now = [0.0] * workers, 0.0
    for each in seconds:
        now += handling
        worker = free.index(min(free))
        free[worker] = max(now, free[worker]) + each
    return max(free)


def until_the_last_one(seconds: Sequence[float], workers: int, handling: float) -> float:
    """The last task need not be the last to end."""
    free, now, end = [0.0] * workers, 0.0, 0.0
    for each in seconds:
        worker = free.index(min(free))
        now = max(now, free[worker]) + handling
        end = free[worker] = now + each
    return end


def beside_each_other(seconds: Sequence[float], workers: int, handling: float) -> float:
    """As if each worker had a scheduler of its own."""
    free = [0.0] * workers
    for each in seconds:
        free[free.index(min(free))] += handling + each
    return max(free)


def without_a_scheduler(seconds: Sequence[float], workers: int, handling: float) -> float:
    return dask.elapsed(seconds, workers, 0)


SIMULATED: dict[Any, str] = {
    in_turns: "the last one ends after",
    ahead_of_time: "the last one ends after",
    beside_each_other: "two tasks of 4 s, two workers, and a scheduler",
    until_the_last_one: "tasks of 8, 1, 1 and 1 s",
    without_a_scheduler: "a scheduler that takes 1 s",
    lambda seconds, workers, handling: "6 s": "must give a number",
}


@pytest.mark.parametrize("answer", SIMULATED)
def test_a_wrong_simulation_is_refused(answer: Any) -> None:
    refused("cluster.simulated", answer, SIMULATED[answer])


def by_sorting(seconds: Sequence[float], workers: int, handling: float) -> float:
    ends: list[float] = [0.0] * workers
    busy = 0.0
    for each in seconds:
        ends.sort()
        busy = max(busy, ends.pop(0)) + handling
        ends.append(busy + each)
    return max(ends)


def by_ends(seconds: Sequence[float], workers: int, handling: float) -> float:
    """Nothing but the ends: if all workers are busy, one of these is waited for."""
    ends: list[float] = []
    now = 0.0
    for each in seconds:
        busy = sorted(end for end in ends if end > now)
        if len(busy) >= workers:
            now = busy[-workers]
        now += handling
        ends.append(now + each)
    return max(ends, default=0)


def recursively(
    seconds: Sequence[float], workers: int, handling: float, now: float = 0.0, ends: Any = ()
) -> float:
    """Those at work, by their ends; who is not among them is free."""
    if not seconds:
        return max(ends, default=0.0)
    ends = sorted(ends)
    begin = (now if len(ends) < workers else max(now, ends.pop(0))) + handling
    return recursively(seconds[1:], workers, handling, begin, [*ends, begin + seconds[0]])


@pytest.mark.parametrize("answer", [dask.elapsed, by_sorting, by_ends, recursively])
def test_an_unusual_right_simulation_is_taken(answer: Any) -> None:
    taken("cluster.simulated", answer)


# ---------------------------------------------------------------------- sent


def mapped(client: Any, data: Any, parts: Any) -> Any:
    return client.gather(client.map(work.checksum_of_part, [data] * len(parts), parts))


def scattered_each(client: Any, data: Any, parts: Any) -> Any:
    """Each task has a copy that was scattered for it."""
    copies = [client.scatter(data, hash=False) for _ in parts]
    return client.gather(client.map(work.checksum_of_part, copies, parts))


def scattered_in_passing(client: Any, data: Any, parts: Any) -> Any:
    """Nobody keeps the futures of the data."""
    return client.gather(
        [client.submit(work.checksum_of_part, client.scatter(data), part) for part in parts]
    )


def gives_futures(client: Any, data: Any, parts: Any) -> Any:
    return client.map(work.checksum_of_part, [client.scatter(data)] * len(parts), parts)


def sorted_sums(client: Any, data: Any, parts: Any) -> Any:
    return sorted(scattered_to_all(client, data, parts))


def computed_here(client: Any, data: Any, parts: Any) -> Any:
    """The data goes to a worker, and nobody asks for anything but its length."""
    client.submit(len, client.scatter(data)).result()
    return [work.checksum_of_part(data, part) for part in parts]


def scattered_twice(client: Any, data: Any, parts: Any) -> Any:
    """Wrong: half of the tasks have another future of the data, and their worker another copy."""
    there = client.scatter(data)
    again = client.scatter(data, workers=next(iter(client.who_has(there).values())), hash=False)
    halves = [(there, part) if part[0] % 2_000 else (again, part) for part in parts]
    return client.gather([client.submit(work.checksum_of_part, *half) for half in halves])


SENT: dict[Any, str] = {
    scattered_twice: "was sent the data 2 times",
    mapped: "went along with 16 tasks",
    scattered_each: "went along with 16 tasks",
    scattered_in_passing: "the data",  # which Dask has given up by then, or not
    computed_here: "looked into the data itself",
    gives_futures: "client.gather them",
    sorted_sums: "in the order of parts",
}


@with_dask
@pytest.mark.parametrize("answer", SENT)
def test_a_wrong_checked_is_refused(answer: Any) -> None:
    refused("cluster.sent", answer, SENT[answer])


def scattered_to_all(client: Any, data: Any, parts: Any) -> Any:
    there = client.scatter(data, broadcast=True)
    executor = client.get_executor()
    return [
        future.result()
        for future in [executor.submit(work.checksum_of_part, there, part) for part in parts]
    ]


def once_to_each(client: Any, data: Any, parts: Any) -> Any:
    """Right: a copy for each worker, and tasks that stay where theirs is."""
    workers = list(client.scheduler_info()["workers"])
    there = [client.scatter(data, workers=[each], hash=False) for each in workers]
    return client.gather(
        [
            client.submit(
                work.checksum_of_part, there[n % 2], part, workers=[workers[n % 2]], pure=False
            )
            for n, part in enumerate(parts)
        ]
    )


def in_one_task(client: Any, data: Any, parts: Any) -> Any:
    def all_of(data: Any, parts: Any) -> Any:
        return [work.checksum_of_part(data, part) for part in parts]

    return client.submit(all_of, data, parts).result()


@with_dask
@pytest.mark.parametrize("answer", [scattered_to_all, in_one_task, once_to_each])
def test_an_unusual_right_checked_is_taken(answer: Any) -> None:
    taken("cluster.sent", answer)


@pytest.mark.skipif(dask.here(), reason="Dask is installed")
def test_without_dask_the_check_says_how_to_get_it() -> None:
    refused("cluster.sent", scattered_to_all, "python3 course.py cluster")
