"""The exercises of lesson 09: what a scheduler does for you, and what it leaves to you."""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from multiprocessing import active_children, get_context
from tempfile import mkstemp
from typing import Any, ClassVar

from ..apart import cluster
from ..folders import temporary
from ..work import checksum_of_part, die, wait
from . import NotYet, exercise, expect
from .start import as_list

spawn = get_context("spawn")

# -------------------------------------------------------------------- finish

Work = Callable[[int], int]


def finished(work: Work, items: Sequence[int]) -> list[int]:
    """A solution of `cluster.finish`: a new pool for what the broken one has lost."""
    results: dict[int, int] = {}
    while len(results) < len(items):
        futures = {}
        with suppress(BrokenProcessPool), ProcessPoolExecutor(2, mp_context=spawn) as pool:
            for n, item in enumerate(items):
                if n not in results:
                    futures[n] = pool.submit(work, item)
        results |= {n: future.result() for n, future in futures.items() if not future.exception()}
    return [results[n] for n in range(len(items))]


def finished_or_broken(work: Work, items: Sequence[int]) -> list[int]:
    """The starter: one death, and everything is lost."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(work, items))


def finished_from_the_beginning(work: Work, items: Sequence[int]) -> list[int]:
    """Nothing is lost, and everything is done again after each death."""
    while True:
        with suppress(BrokenProcessPool):
            return finished_or_broken(work, items)


QUICK, DEATHS = 8, 3  # items that are done at once; how often the last one kills its worker


class Haunted:
    """Work whose last item kills its process some times; leaves a note of each call that ended."""

    def __init__(self, folder: str) -> None:
        self.folder, self.home = folder, os.getpid()

    def __call__(self, item: int) -> int:
        if os.getpid() == self.home:
            raise NotYet(
                "work(item) was called in this process, which an item would have killed. Let a "
                "worker of a pool call it."
            )
        if item == QUICK:
            wait(0.3)  # by now the others are done
            if self._noted("died") < DEATHS:
                self._note("died")
                die(item)
        self._note(str(item))
        return item * item

    def _note(self, name: str) -> None:
        handle, _ = mkstemp(prefix=f"{name}=", dir=self.folder)
        os.close(handle)

    def _noted(self, name: str) -> int:
        return self.notes()[name]

    def notes(self) -> Counter[str]:
        return Counter(name.partition("=")[0] for name in os.listdir(self.folder))


@exercise(
    "cluster.finish",
    "Repair finished(work, items): work(item) for each, in the order of items, by two other "
    "processes, though a worker is killed now and then. What has come back is not done again.",
    hints=(
        "One death breaks the whole pool. Which futures of a broken pool have a result all the "
        "same, and which have not?",
        "Keep the results that came, by the place of their item. As long as some are missing, "
        "make a new pool and submit only those.",
        "future.exception() is None where a result came. submit itself raises BrokenProcessPool "
        "if the pool breaks while you are still submitting: contextlib.suppress.",
    ),
    solution=finished,
    starter=finished_or_broken,
    wrong=finished_from_the_beginning,
    says="were done again",
    seconds=60.0,
)
def _finish(answer: Any) -> str:
    """Everything done, in order, little of it twice, and no process left."""
    items = list(range(QUICK + 1))
    before = set(active_children())
    with temporary("finish") as folder:
        work = Haunted(folder)
        try:
            given = as_list(answer(work, list(items)), "finished")
        except BrokenProcessPool:
            raise NotYet(
                "a worker was killed, the pool broke, and everything that had not come back was "
                "lost: BrokenProcessPool."
            ) from None
        notes, left = work.notes(), set(active_children()) - before
    expect(
        given == [item * item for item in items],
        "those are not the results of all items, in the order of items: a result is missing, "
        "or stands in another one's place.",
    )
    expect(not left, "some of your processes are still running.")
    again = sum(max(0, notes[str(item)] - 1) for item in items)
    expect(
        again <= QUICK // 2,
        "all results are right, but items were done again that had come back already: do again "
        "only what was lost.",
    )
    return f"{len(items)} results, though a worker was killed {DEATHS} times."


# --------------------------------------------------------------------- noted


class Totals:
    """A solution of `cluster.noted`: a row for each photograph, whoever writes it how often."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.execute("CREATE TABLE IF NOT EXISTS photo (name TEXT PRIMARY KEY, size INT)")

    def add(self, name: str, size: int) -> None:
        with self.connection:
            self.connection.execute("INSERT OR REPLACE INTO photo VALUES (?, ?)", (name, size))

    def total(self) -> int:
        row = self.connection.execute("SELECT coalesce(sum(size), 0) FROM photo").fetchone()
        return int(row[0])


class CountedTotals:
    """The starter: a sum that grows each time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS total (bytes INT)")
            if not connection.execute("SELECT * FROM total").fetchone():
                connection.execute("INSERT INTO total VALUES (0)")

    def add(self, name: str, size: int) -> None:
        with self.connection:
            self.connection.execute("UPDATE total SET bytes = bytes + ?", (size,))

    def total(self) -> int:
        return int(self.connection.execute("SELECT bytes FROM total").fetchone()[0])


class NotedInTwo(CountedTotals):
    """It looks whether the photograph is known, but notes that in a transaction of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY)")

    def add(self, name: str, size: int) -> None:
        if self.connection.execute("SELECT * FROM seen WHERE name = ?", (name,)).fetchone():
            return
        with self.connection:
            self.connection.execute("INSERT INTO seen VALUES (?)", (name,))
        super().add(name, size)


class Killed(BaseException):
    """What stands for the end of a worker: not an Exception, so no answer catches it."""


class _Cursor(sqlite3.Cursor):
    connection: Mortal

    def execute(self, *args: Any) -> Any:
        self.connection.step()
        return super().execute(*args)

    def executemany(self, *args: Any) -> Any:
        self.connection.step()
        return super().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        self.connection.step()
        return super().executescript(*args)


class Mortal(sqlite3.Connection):
    """A connection whose worker is killed before its next statement, once so many are done."""

    left = 1_000  # statements

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def cursor(self, *args: Any) -> Any:
        return super().cursor(_Cursor)

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor().executescript(*args)

    def commit(self) -> None:
        self.step()
        super().commit()

    def __exit__(self, *error: Any) -> Any:
        if error[0] is None:
            self.step()
        return super().__exit__(*error)


PHOTOS = {"photo-1": 4_000, "photo-2": 700, "photo-3": 4_000}
AGAIN = "photo-2"  # whose worker is killed
MOST_STEPS = 40  # statements of an answer's add


@exercise(
    "cluster.noted",
    "Repair Totals: add(name, size) may be done again, by another worker, wherever the first one "
    "was killed; total() is the size of all photographs that were added, each of them once.",
    hints=(
        "A worker that is killed after it has added, and before it says so, leaves its item to "
        "another one. How does that one see that nothing is to be added any more?",
        "The database must know which photographs it has counted, and learn it in the same "
        "transaction: a row for each, with its name as PRIMARY KEY.",
        "INSERT OR REPLACE INTO photo VALUES (?, ?) can be done twice without harm, and total() is "
        "SELECT coalesce(sum(size), 0) FROM photo.",
    ),
    solution=Totals,
    starter=CountedTotals,
    wrong=NotedInTwo,
    says="was killed between two statements",
)
def _noted(answer: Any) -> str:
    """The right total, wherever a worker is killed and another one does its item again."""
    for kill in (MOST_STEPS, *range(MOST_STEPS)):
        with temporary("noted") as folder:
            path = os.path.join(folder, "total.db")
            cut = False
            if kill == MOST_STEPS:
                _none_added(answer, path)
            for name, size in PHOTOS.items():
                cut |= _worker(answer, path, name, size, kill if name == AGAIN else None)
            if kill == MOST_STEPS:
                _expect_total(answer, path, f"{len(PHOTOS)} photographs were added once each")
            _worker(answer, path, AGAIN, PHOTOS[AGAIN], None)  # by then others have been added
            how = "was killed between two statements of add"
            how = how if cut else "had added a photograph, and died before it could say so"
            again = f"a worker {how}, so another one added the photograph again"
            _expect_total(answer, path, again)
        if not cut and kill < MOST_STEPS:
            return f"{len(PHOTOS)} photographs, each counted once, wherever a worker was killed."
    raise NotYet(f"add takes more than {MOST_STEPS} statements; two or three are enough.")


@contextmanager
def _opened(path: str) -> Iterator[Mortal]:
    with closing(sqlite3.connect(path, factory=Mortal, timeout=1.0)) as connection:
        yield connection


def _worker(answer: Any, path: str, name: str, size: int, kill: int | None) -> bool:
    """One worker adds a photograph; whether it was killed, after so many statements of `add`."""
    with _opened(path) as connection:
        totals = answer(connection)
        connection.commit()
        connection.left = 1_000 if kill is None else kill
        try:
            totals.add(name, size)
        except Killed:
            return True
        connection.left = 1_000
        if connection.in_transaction:
            raise NotYet("add has ended without a commit: what it wrote is gone with its worker.")
    return False


def _none_added(answer: Any, path: str) -> None:
    given = _total(answer, path)
    expect(given == 0, f"before any photograph was added, total() gives {given!r}, and 0 is right.")


def _expect_total(answer: Any, path: str, after: str) -> None:
    total, expected = _total(answer, path), sum(PHOTOS.values())
    expect(
        total == expected,
        f"{after}: {expected} bytes were to be counted, and total() gives {total!r}.",
    )


def _total(answer: Any, path: str) -> Any:
    with _opened(path) as connection:
        return answer(connection).total()


# ----------------------------------------------------------------- simulated


def elapsed(seconds: Sequence[float], workers: int, handling: float) -> float:
    """A solution of `cluster.simulated`: when each worker is free next, in a list."""
    free, now = [0.0] * workers, 0.0
    for each in seconds:
        worker = free.index(min(free))
        now = max(now, free[worker]) + handling
        free[worker] = now + each
    return max(free)


def elapsed_nothing(seconds: Sequence[float], workers: int, handling: float) -> float | None:
    """The starter: nothing but the task."""
    return None


def elapsed_on_average(seconds: Sequence[float], workers: int, handling: float) -> float:
    """As if work could be cut into any pieces, and the scheduler worked beside it."""
    return max(sum(seconds) / workers, len(seconds) * handling)


SIMPLE: list[tuple[list[float], int, float, str]] = [
    ([], 3, 1, "no tasks at all"),
    ([5], 1, 0, "one task of 5 s, one worker"),
    ([5], 3, 1, "one task of 5 s, three workers, and a scheduler that takes 1 s"),
    ([4, 4], 2, 0, "two tasks of 4 s, two workers"),
    ([4, 4], 2, 1, "two tasks of 4 s, two workers, and a scheduler that takes 1 s"),
    ([8, 1, 1, 1], 2, 0, "tasks of 8, 1, 1 and 1 s, two workers"),
    ([1, 8, 1], 2, 0, "tasks of 1, 8 and 1 s, two workers"),
    ([2, 2, 2], 1, 1, "three tasks of 2 s, one worker, and a scheduler that takes 1 s"),
    ([1] * 10, 100, 2, "ten tasks of 1 s, a hundred workers, and a scheduler that takes 2 s"),
]


@exercise(
    "cluster.simulated",
    "Write elapsed(seconds, workers, handling): when the last task ends. For each task in turn the "
    "scheduler waits until a worker is free, takes `handling` seconds, and the task begins.",
    hints=(
        "Note for each worker when it is free again: at first all are, at 0. Which of them gets "
        "the next task?",
        "Note also until when the scheduler is busy. A task begins `handling` seconds after both "
        "the scheduler and a worker are free.",
        "now = max(now, min(free)) + handling; then the worker that was free first is free at "
        "now + seconds of this task. The result is max(free).",
    ),
    solution=elapsed,
    starter=elapsed_nothing,
    wrong=elapsed_on_average,
    says="one task of 5 s, three workers",
)
def _simulated(answer: Any) -> str:
    """The same as a simulation, for simple cases and for random ones."""
    dice = random.Random(9)  # the same complaint each time that it is asked
    cases = list(SIMPLE)
    for _ in range(200):
        tasks: list[float] = [dice.randint(1, 9) for _ in range(dice.randint(1, 12))]
        workers, handling = dice.randint(1, 5), dice.choice([0, 0.25, 1, 3])
        words = f"tasks of {tasks} s, {workers} workers, a scheduler that takes {handling} s"
        cases.append((tasks, workers, handling, words))
    for seconds, workers, handling, words in cases:
        given = answer(list(seconds), workers, handling)
        right = cluster.elapsed(seconds, workers, handling)
        expect(given is not None, "elapsed returned nothing. Is there a return at its end?")
        expect(
            isinstance(given, (int, float)) and not isinstance(given, bool),
            f"elapsed must give a number of seconds, and gave a {type(given).__name__}.",
        )
        expect(
            abs(given - right) < 1e-6,
            f"{words}: the last one ends after {right:g} s, and elapsed gave {given:g}.",
        )
    return f"The same as a simulation in all {len(cases)} cases."


# ---------------------------------------------------------------------- sent

Part = tuple[int, int]


def checked(client: Any, data: Any, parts: Sequence[Part]) -> list[int]:
    """A solution of `cluster.sent`: the data goes once, and each task names it."""
    there = client.scatter(data)
    futures = [client.submit(checksum_of_part, there, part) for part in parts]
    results: list[int] = client.gather(futures)
    return results


def checked_and_sent(client: Any, data: Any, parts: Sequence[Part]) -> list[int]:
    """The starter: right, and each task takes the data with it."""
    futures = [client.submit(checksum_of_part, data, part) for part in parts]
    results: list[int] = client.gather(futures)
    return results


def checked_here(client: Any, data: Any, parts: Sequence[Part]) -> list[int]:
    """Nothing is sent, and nobody is asked."""
    return [checksum_of_part(data, part) for part in parts]


class Heavy:
    """Data that is counted whenever it arrives somewhere."""

    arrived = 0

    def __init__(self, data: bytes) -> None:
        self.data, self.looked = data, False

    def __getitem__(self, part: slice) -> bytes:
        self.looked = True
        return self.data[part]

    def __len__(self) -> int:
        return len(self.data)

    def __dask_tokenize__(self) -> bytes:  # else Dask names it by what pickle makes of it
        return self.data

    def __reduce__(self) -> Any:
        return _arrive, (self.data,)


def _arrive(data: bytes) -> Heavy:
    Heavy.arrived += 1
    return Heavy(data)


class Kept(dict[Any, Any]):
    """What a worker keeps, by Dask's names; notes under which it was given the data."""

    everywhere: ClassVar[list[Kept]] = []  # of a cluster

    def __init__(self) -> None:
        super().__init__()
        self.names: list[Any] = []
        self.everywhere.append(self)

    def __setitem__(self, name: Any, value: Any) -> None:
        if isinstance(value, Heavy):
            self.names.append(name)
        super().__setitem__(name, value)


AGAIN_AND_AGAIN = 4  # times: which worker gets what is up to Dask, where the data has two names
WORKERS = 2
PARTS: list[Part] = [(n * 1_000, (n + 3) * 1_000) for n in range(16)]


@exercise(
    "cluster.sent",
    "Repair checked(client, data, parts): work.checksum_of_part(data, part) for each part, in "
    "order, by workers of the cluster; the data goes to each of them once at most.",
    hints=(
        "Each submit packs its arguments. What could a task be given that is smaller than the "
        "data, and leads to it?",
        "client.scatter(data) sends it once, and gives a future. A future may be an argument of a "
        "task: the worker then has the data, or gets it from the one that has it.",
        "there = client.scatter(data), then client.submit(work.checksum_of_part, there, part) for "
        "each part, and client.gather(futures).",
    ),
    solution=checked,
    starter=checked_and_sent,
    wrong=checked_here,
    says="no worker was asked",
    seconds=60.0,
)
def _sent(answer: Any) -> str:
    """The right numbers, by workers, each of which got the data once at most.

    Whatever an answer does by processes of its own does not arrive here.
    """
    if not cluster.here():
        raise NotYet(cluster.MISSING)
    for _ in range(AGAIN_AND_AGAIN):
        if _judge_sent(answer) < 2:
            break
    return f"{len(PARTS)} numbers, and the data went to each of {WORKERS} workers once at most."


def _judge_sent(answer: Any) -> int:
    """Under how many names the workers were given the data."""
    with _here() as client:
        Heavy.arrived, data = 0, Heavy(random.randbytes(20_000))
        try:
            given = as_list(answer(client, data, list(PARTS)), "checked")
        except CancelledError:
            raise NotYet(
                "nobody had the future of the data any more when a task wanted it, so Dask gave "
                "the data up: scatter once, and keep that future in a variable."
            ) from None
        arrived, kept = Heavy.arrived, [list(each.names) for each in Kept.everywhere]
        expect(
            not any(hasattr(each, "result") for each in given),
            "checked gave futures, which are places for the numbers: client.gather them.",
        )
    expect(
        given == [checksum_of_part(data.data, part) for part in PARTS],
        "those are not the checksums of the parts, in the order of parts.",
    )
    expect(arrived > 0, "the numbers are right, and no worker was asked for them with the data.")
    expect(
        not data.looked,
        "the numbers are right, but your function has looked into the data itself. Let the workers "
        "do that.",
    )
    expect(
        arrived <= 2 * WORKERS,  # on the way to each it may be unpacked by the scheduler, too
        f"the numbers are right, but the data went along with {len(PARTS)} tasks, and there are "
        f"{WORKERS} workers.",
    )
    most = max(map(len, kept))
    expect(
        most <= 1,
        f"the numbers are right, but a worker was sent the data {most} times. Scatter it once, and "
        "give that future to all tasks.",
    )
    return len({name for names in kept for name in names})


@contextmanager
def _here() -> Iterator[Any]:
    """A client of workers that are threads of this process, and are sent to as others are."""
    from distributed import Client, LocalCluster

    options = {"processes": False, "protocol": "tcp://", "data": Kept, **cluster.quiet()}
    Kept.everywhere.clear()
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, **options) as workers,
        Client(workers, set_as_default=False) as client,
    ):
        yield client
