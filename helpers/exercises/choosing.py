"""The exercises of lesson 06: chunks of the right size, an album, a tool for each, decisions."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from multiprocessing.reduction import ForkingPickler
from pickle import loads
from typing import Any

from .. import compare
from ..compare import chunked, count_all
from ..folders import temporary
from ..timeline import Timeline
from ..work.real_work import texts
from . import NotYet, exercise, expect
from ._scenarios import (
    ALL_THREADS,
    BY_THE_RULE,
    DECISIONS,
    REASONS,
    SCENARIOS,
    TOOLS,
    scenarios,
)
from ._time_outs import Patient, calls_here
from ._workers import FORKED, Square, spawned
from .start import short

__all__ = ["REASONS", "SCENARIOS", "scenarios"]  # what the lesson shows

spawn = get_context("spawn")

# -------------------------------------------------------------------- decide


@exercise(
    "choosing.decide",
    "Decide ten cases: for each number the tool, and the measurement that decides it.",
    hints=(
        "Ask in this order: does it wait or compute? If it computes: in Python or in C code? How "
        "many CPUs, and is there a GIL?",
        "Then ask what a process costs: its start, a trip for each item, a copy of the data. And "
        "what it gives: a crash stays inside.",
        "Where nothing is gained by more workers, serial is the best tool: look for one CPU, for "
        "very little work, and for a library that uses all CPUs by itself.",
    ),
    solution=DECISIONS,
    starter=ALL_THREADS,
    wrong=BY_THE_RULE,
    says="whose code computes there",
)
def _decide(answer: Any) -> str:
    """All ten, or a question about the first that is not right; the answer is not told."""
    expect(
        isinstance(answer, Mapping) and set(answer) == set(SCENARIOS),
        f"decisions must be a dict with the numbers 1 to {len(SCENARIOS)} as its keys.",
    )
    wrong = [said for number in SCENARIOS if (said := _wrong_with(number, answer[number]))]
    if wrong:
        right = len(SCENARIOS) - len(wrong)
        raise NotYet(f"{right} of {len(SCENARIOS)} hold. The first that does not is {wrong[0]}")
    return f"All {len(SCENARIOS)} decisions hold, each by its measurement."


def _wrong_with(number: int, decision: Any) -> str:
    """What does not hold about a decision; nothing where it holds."""
    scenario = SCENARIOS[number]
    match decision:
        case (str(tool), str(reason)) if tool in TOOLS and reason in REASONS:
            pass
        case (str(tool), str(reason)) if tool in REASONS and reason in TOOLS:
            return f"number {number}: the tool comes first, then the reason."
        case (str(tool), str(reason)) if tool in TOOLS:
            return f"number {number}: '{reason}' is none of the reasons, {', '.join(REASONS)}."
        case (str(tool), str(reason)) if reason in REASONS:
            return f"number {number}: '{tool}' is none of the tools, {', '.join(TOOLS)}."
        case _:
            return f"number {number}: it must be a pair such as ('threads', 'waiting')."
    if tool != scenario.tool:
        return f"number {number}, {tool}. Ask yourself: {scenario.ask}"
    if reason != scenario.reason:
        why = f"'{REASONS[reason].says}' does not decide it"
        return f"number {number}: {tool} is right, but {why}."
    return ""


# -------------------------------------------------------------------- chunks

Files = Sequence[str]


def words_in(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """A solution of `choosing.chunks`: a few chunks for each worker."""
    size = max(1, len(paths) // (4 * workers))
    total: Counter[str] = Counter()
    for words in pool.map(count_all, chunked(paths, size)):
        total += words
    return total


def words_one_by_one(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """The starter: right, but every file is a trip of its own."""
    total: Counter[str] = Counter()
    for words in pool.map(count_all, [[path] for path in paths]):
        total += words
    return total


def words_at_a_stroke(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """One trip, one worker; the others watch."""
    return pool.submit(count_all, paths).result()


class Counted(Executor):
    """A pool that notes how many files each call hands over, and who answered."""

    def __init__(self, pool: Executor) -> None:
        self.pool, self.sizes = pool, list[int]()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sizes.append(sum(map(_files, (*args, *kwargs.values()))))
        return self.pool.submit(fn, *args, **kwargs)

    def map(self, fn: Callable[..., Any], *iterables: Any, **kwargs: Any) -> Iterator[Any]:
        """With a chunksize the pool sends several calls in one trip."""
        calls = list(zip(*iterables, strict=False))
        for chunk in chunked(calls, kwargs.get("chunksize", 1)):
            self.sizes.append(sum(_files(each) for args in chunk for each in args))
        return self.pool.map(fn, *zip(*calls, strict=True), **kwargs)


class Copied(Executor):
    """A pool of no processes: what it is given is pickled all the same, and done here."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        call, arguments, named = loads(ForkingPickler.dumps((fn, args, kwargs)))
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def _files(argument: Any) -> int:
    return len(argument) if isinstance(argument, (list, tuple)) else 1


FILES, WORKERS = 120, 2
TRIPS = 16  # for each worker, at most
# files and workers
OTHERS = ((31, 3), (48, 16), (10, 4), (3, 4), (70, 1), (1, 2), (330, 1), (60, 20))


@exercise(
    "choosing.chunks",
    "Repair words_in(paths, pool, workers): the same words, in 16 trips for each worker at most, "
    "none of which has more than a worker's share of the files.",
    hints=(
        "Each call of count_all is a trip to a process. It takes a list of files: how many could "
        "be in it?",
        "chunked(paths, size) cuts the list. With size = len(paths) there is one chunk, and only "
        "one worker has something to do.",
        "About four chunks for each worker: size = max(1, len(paths) // (4 * workers)).",
    ),
    solution=words_in,
    starter=words_one_by_one,
    wrong=words_at_a_stroke,
    says="others had nothing to do",
    seconds=60.0,
)
def _chunks(answer: Any) -> str:
    """The right words, by the pool, in few trips, none of which has more than its share."""
    paths = texts()[:FILES]
    paths = [*paths[::-3], *paths[1::3], *paths[::-3], *paths][:FILES]  # some of them twice
    for files, workers in OTHERS:
        _judge_trips(answer, (paths * -(-files // FILES))[:files], Copied(), workers)
    _judge_trips(answer, paths[:1] * 24, Copied(), 2)  # the same file: chunks are equal, too
    with (
        ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool,
        calls_here(compare, "count_words") as called,  # what count_all is made of
    ):
        sizes = _judge_trips(answer, paths, pool, WORKERS, called)
    return (
        f"All words, in {len(sizes)} trips, and no worker had more than {max(sizes)} files at a "
        "time; other numbers of files and workers hold, too."
    )


def _judge_trips(
    answer: Any, paths: list[str], pool: Executor, workers: int, called: Sequence[str] = ()
) -> list[int]:
    """How many files each trip had; `called` has a name for each file that was counted here."""
    counted, some, many = Counted(pool), "s" * (len(paths) != 1), "s" * (workers != 1)
    of = f"{len(paths)} file{some} and {workers} worker{many}"
    given = answer(list(paths), counted, workers)
    here = len(called)  # before the right words are counted
    expect(given is not None, f"{of}: words_in gave back None. Does it return the words?")
    expect(
        isinstance(given, Mapping),
        f"{of}: words_in must give the words of all files, added up, not {short(given)}.",
    )
    expect(
        given == count_all(paths),
        f"{of}: those are not the words of all files, each counted as often as it is there.",
    )
    sizes = counted.sizes
    expect(bool(sizes), f"{of}: the words are right, but the pool was not asked for them.")
    expect(
        not here,
        f"{of}: the words are right, and {here} of the files were counted here, too. Leave that "
        "to the pool.",
    )
    most = TRIPS * workers
    expect(
        len(sizes) <= most,
        f"{of}: the words are right, but it took {len(sizes)} trips. At most {most} will do.",
    )
    largest, share = max(sizes), -(-len(paths) // workers)
    expect(
        largest <= share,
        f"{of}: one call had {largest} of the files: one worker computed, and the others had "
        f"nothing to do, or less. A share is {share}.",
    )
    expect(
        sum(sizes) == len(paths),
        f"{of}: {sum(sizes)} of the files went to the pool; it is to count them all.",
    )
    return sizes


# --------------------------------------------------------------------- album

Fetched = Callable[[str], bytes]
Shrunk = Callable[[bytes], bytes]


def thumbnails(
    fetch: Fetched, shrink: Shrunk, urls: Sequence[str], workers: int
) -> list[bytes | None]:
    """A solution of `choosing.album`: a pool of threads, and a try around each photograph."""

    def small(url: str) -> bytes | None:
        try:
            return shrink(fetch(url))
        except Exception:
            return None

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(small, urls))


def no_thumbnails(
    fetch: Fetched, shrink: Shrunk, urls: Sequence[str], workers: int
) -> list[bytes | None]:
    """The starter: nothing yet."""
    return None  # type: ignore[return-value]  # what an empty function gives


def thumbnails_or_error(
    fetch: Fetched, shrink: Shrunk, urls: Sequence[str], workers: int
) -> list[bytes | None]:
    """One photograph that fails, and nobody gets any."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda url: shrink(fetch(url)), urls))


class Photos:
    """A server whose photographs come when `full` are asked for at once; some are broken.

    With `held`, the first one comes when all of so many were asked for.
    """

    def __init__(
        self, full: int, lost: Collection[str] = (), broken: Collection[str] = (), held: int = 0
    ) -> None:
        self.full, self.lost, self.broken, self.held = full, lost, broken, held
        self.in_vain = self.waits = False
        self.changed, self.here, self.most = Patient(), 0, 0
        self.calls, self.shrunk, self.come = Counter[str](), 0, False

    def fetch(self, url: str) -> bytes:
        with self.changed:
            self.calls[url] += 1
            self.here += 1
            self.most = max(self.most, self.here)
            self.come = self.come or self.here >= self.full
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.come, 0.0 if self.come else TURN)
            self.come = True  # whoever has waited in vain waits once
            if self.held and self.calls.total() <= self.full and not self.waits:
                self.waits = True
                all_asked = self.changed.wait_for(lambda: self.calls.total() >= self.held, TURN)
                self.in_vain = not all_asked
        time.sleep(MOMENT)  # so that one too many comes while the others are here
        with self.changed:
            self.here -= 1
        if url in self.lost:
            raise [OSError, Moved][len(url) % 2](f"{url} cannot be found")
        return b"" if url == EMPTY else url.encode()

    def shrink(self, photo: bytes) -> bytes:
        if photo.decode() in self.broken:
            raise ValueError(f"{photo!r} is no picture")
        with self.changed:
            self.shrunk += 1
        return b"" if photo.decode() == SHRUNK else b"small " + photo

    def right(self, urls: Iterable[str]) -> list[bytes | None]:
        small = {EMPTY: b"small ", SHRUNK: b""} | dict.fromkeys((*self.lost, *self.broken))
        return [small.get(url, b"small " + url.encode()) for url in urls]


class Moved(Exception):
    """An error that nobody has heard of."""


MOMENT = 0.05  # seconds
EMPTY, SHRUNK = "/2", "/8"  # a photograph without bytes, and one of which nothing is left


@exercise(
    "choosing.album",
    "Write thumbnails(fetch, shrink, urls, workers): shrink(fetch(url)) for each url, in order, "
    "None where that raises an exception, with as many downloads at once as there are workers: "
    "whoever has ended takes the next url, however long another one takes.",
    hints=(
        "Downloads wait, and shrink computes in C code that lets go of the GIL: which one tool "
        "does both?",
        "An exception of one photograph must not leave the function that the pool calls. Write a "
        "small function of one url, with try and except in it.",
        "with ThreadPoolExecutor(workers) as pool: return list(pool.map(small, urls)), where "
        "small(url) gives shrink(fetch(url)), or None.",
    ),
    solution=thumbnails,
    starter=no_thumbnails,
    wrong=thumbnails_or_error,
    says="cannot be found",
    seconds=60.0,
)
def _album(answer: Any) -> str:
    """All photographs in order, None for what fails, as many at once as there are workers."""
    urls = [f"/{n * 5 % 11}" for n in range(11)]
    lost, broken = ["/0", "/10"], ["/4"]
    for workers in (4, 3):
        photos = Photos(workers, lost, broken, held=len(urls) * (workers == 3))
        _judge_album(answer, photos, urls, workers)
    _judge_album(answer, Photos(2), urls[:2], 5)
    _judge_album(answer, Photos(1), ["/a", "/b", "/a"], 1)
    _judge_album(answer, Photos(1), [], 2)
    return "The thumbnails are in order, what failed is None, and the workers were all busy."


def _judge_album(answer: Any, photos: Photos, urls: list[str], workers: int) -> None:
    before = set(threading.enumerate())
    given = answer(photos.fetch, photos.shrink, list(urls), workers)
    left = set(threading.enumerate()) - before
    of = f"{len(urls)} urls and {workers} workers"
    expect(given is not None, f"{of}: thumbnails gave back None. Does it return a list?")
    right = photos.right(urls)
    expect(
        isinstance(given, (list, tuple)),
        f"{of}: thumbnails must give a list, not {short(given)}.",
    )
    expect(
        len(given) == len(right),
        f"{of}: the list has {len(given)} entries. It should have one for each url, and None where "
        "fetch or shrink has raised an exception.",
    )
    expect(
        list(given) == right or Counter(given) != Counter(right),
        f"{of}: the thumbnails are all there, but not in the order of the urls.",
    )
    expect(
        list(given) == right,
        f"{of}: those are not the thumbnails, with None where fetch or shrink has raised an "
        "exception.",
    )
    expect(
        photos.calls == Counter(urls),
        f"{of}: fetch was called {photos.calls.total()} times, or not for each of them.",
    )
    full = min(workers, len(urls))
    expect(
        photos.most >= full,
        f"{of}: {photos.most} were downloaded at once, and it could be {full}.",
    )
    expect(
        photos.most <= workers,
        f"{of}: {photos.most} were downloaded at once, and that is more than there are workers.",
    )
    expect(
        not photos.in_vain,
        f"{of}: one download took long, and as long as it did, some that were left did not begin, "
        "although there were workers for them.",
    )
    expect(not left, f"{of}: when thumbnails returned, a thread of it was still alive.")


# --------------------------------------------------------------------- tools

Work = Callable[[Any], Any]


def both(
    fetch: Work, urls: Sequence[Any], compute: Work, numbers: Sequence[Any], cpus: int
) -> tuple[list[Any], list[Any]]:
    """A solution of `choosing.tools`: many threads for waiting, a process per CPU for computing."""
    with ThreadPoolExecutor(len(urls)) as threads:
        pages = threads.map(fetch, urls)
        with ProcessPoolExecutor(cpus, mp_context=spawn) as processes:
            computed = list(processes.map(compute, numbers))
        return list(pages), computed


def both_swapped(
    fetch: Work, urls: Sequence[Any], compute: Work, numbers: Sequence[Any], cpus: int
) -> tuple[list[Any], list[Any]]:
    """The starter: as many threads as CPUs wait, and a crowd of threads computes."""
    with ThreadPoolExecutor(cpus) as few, ThreadPoolExecutor(16) as many:
        pages = few.map(fetch, urls)
        computed = many.map(compute, numbers)
        return list(pages), list(computed)


def both_crowded(
    fetch: Work, urls: Sequence[Any], compute: Work, numbers: Sequence[Any], cpus: int
) -> tuple[list[Any], list[Any]]:
    """The right tools, and a process for every number."""
    return both(fetch, urls, compute, numbers, len(numbers))


TURN = 4.0  # seconds that a page waits for the others
MOST = 1200  # urls: as many threads as a small computer lets a process have


class Pages:
    """Pages that come when all have been asked for, the first one last."""

    def __init__(self, full: int) -> None:
        self.full, self.asked, self.room = full, 0, 0
        self.changed, self.in_vain = Patient(), False

    def fetch(self) -> None:
        with self.changed:
            self.asked += 1
            place = self.asked
            if place in (1, self.full):
                self.room = max(self.room, _room())
            if place >= self.full:
                self.changed.notify_all()
            if not self.in_vain:
                self.in_vain = not self.changed.wait_for(lambda: self.asked >= self.full, TURN)
        time.sleep(0.1 * (self.full - place) / self.full)


def _room() -> int:
    """How many threads there may be in the pool that has called; else how many there are."""
    frame = inspect.currentframe()
    while frame := frame and frame.f_back:
        pool = frame.f_locals.get("executor_reference", lambda: None)()
        if isinstance(pool, ThreadPoolExecutor):
            return pool._max_workers
    return threading.active_count()


_servers: dict[str, Pages] = {}


@dataclass(frozen=True)
class Fetch:
    """Asks a server of this process; elsewhere, where there is none, it gives its page at once."""

    server: str

    def __call__(self, url: str) -> str:
        if pages := _servers.get(self.server):
            pages.fetch()
        return page_of(url)


def page_of(url: str) -> str:
    """What is at that address."""
    return f"page of {url}"


@exercise(
    "choosing.tools",
    "Repair both(fetch, urls, compute, numbers, cpus): wait for all urls at once, compute in cpus "
    "other processes, and give two lists in the order of what came in.",
    hints=(
        "Which of the two waits, and which computes in Python? Who of them needs a CPU?",
        "All urls can be waited for at once, by threads. For computing more workers than cpus "
        "gain nothing, and threads would take turns.",
        "ThreadPoolExecutor(len(urls)) for fetch; ProcessPoolExecutor(cpus, mp_context=spawn) "
        "for compute.",
    ),
    solution=both,
    starter=both_swapped,
    wrong=both_crowded,
    says="never more than",
    seconds=60.0,
)
def _tools(answer: Any) -> str:
    """Waiting all at once, here; computing elsewhere, by as many processes as there are CPUs."""
    urls = [f"/{n * 7 % 136}" for n in range(140)]  # more than anybody would think of
    _judge_tools(answer, urls, [5, 2, 9, 2, 7, 1, 4], 2)
    room = _judge_tools(answer, ["/b", "/a", "/b"], [3, 1, 4, 1], 1)
    if len(urls) <= room < MOST:  # for three urls: is it a number of its own? Then one too many
        _judge_tools(answer, [f"/{n}" for n in range(room + 1)], [3, 1], 1)
    return (
        f"{len(urls)} waits at once in this process, and computing in 2 others; with one CPU, in "
        "one other."
    )


def _judge_tools(answer: Any, urls: list[str], numbers: list[int], cpus: int) -> int:
    """How many threads there could have been for waiting."""
    waiting, computing, before = Timeline(), Timeline(), set(active_children())
    with temporary("tools") as folder, spawned():
        pages = _servers[folder] = Pages(len(urls))
        fetch = waiting.wrap(Fetch(folder), "fetch")
        compute = computing.wrap(Square(folder, cpus), "compute")
        try:
            given = answer(fetch, list(urls), compute, list(numbers), cpus)
        finally:
            del _servers[folder]
    of = f"{len(urls)} urls, {len(numbers)} numbers, {cpus} CPUs"
    here = {span.pid for span in waiting.spans}
    expect(bool(here), f"{of}: fetch was never called, so no url was waited for.")
    expect(here == {os.getpid()}, f"{of}: fetch was called in another process: waiting needs none.")
    expect(
        waiting.at_once() == len(urls),
        f"{of}: {waiting.at_once()} urls were waited for at once; all of them can be.",
    )
    expect(
        os.getpid() not in {span.pid for span in computing.spans},
        f"{of}: compute ran in this process. Let other processes compute: under a GIL, threads "
        "that compute in Python take turns.",
    )
    at_once = computing.at_once()
    expect(
        at_once <= cpus,
        f"{of}: compute ran in {at_once} processes at once; there should be never more than the "
        "CPUs that they have.",
    )
    expect(
        FORKED not in repr(given),
        f"{of}: {FORKED}. Let spawn make it: that is safe beside threads, and there is one "
        "everywhere.",
    )
    expect(
        at_once == cpus,
        f"{of}: no more than {at_once} computed at once, and there is a CPU for each of {cpus}.",
    )
    _judge_lists(of, given, [list(map(page_of, urls)), [number**2 for number in numbers]])
    expect(not set(active_children()) - before, "some of your processes are still running.")
    return pages.room


def _judge_lists(of: str, given: Any, right: list[list[Any]]) -> None:
    expect(given is not None, f"{of}: both gave back None. Does it return the two lists?")
    pair = isinstance(given, (tuple, list)) and len(given) == 2
    expect(
        pair and all(isinstance(each, (list, tuple)) for each in given),
        f"{of}: both must give two lists, not {given!r:.80}. What map gives is no list yet.",
    )
    for mine, theirs, what in zip(given, right, ("pages", "numbers"), strict=True):
        expect(
            list(mine) == theirs or Counter(mine) != Counter(theirs),
            f"{of}: the {what} are all there, but not in the order of what came in.",
        )
        expect(list(mine) == theirs, f"{of}: those are not the {what} for what came in.")
