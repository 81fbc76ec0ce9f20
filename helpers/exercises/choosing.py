"""The exercises of lesson 06: ten decisions, parcels of the right size, a tool for each kind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import active_children, get_context
from typing import Any, NamedTuple

from ..compare import chunked, count_all
from ..timeline import Timeline
from ..work import crunch, crunch_on_arrival, wait
from ..work.real_work import texts
from . import NotYet, exercise, expect

spawn = get_context("spawn")
TOOLS = ("serial", "threads", "processes")

# -------------------------------------------------------------------- decide


class Reason(NamedTuple):
    """A measurement to decide by: what it is called, and what it says."""

    name: str
    says: str


REASONS = {
    reason.name: reason
    for reason in (
        Reason("waiting", "several threads waited for the server at once, and none needed a CPU"),
        Reason("gil", "threads computing in Python took turns, and processes did not"),
        Reason("c code", "Pillow and SQLite let go of the GIL, so threads computed at once"),
        Reason("cpus", "computing gets no faster than the usable CPUs allow"),
        Reason("start", "starting processes took longer than a little work does"),
        Reason("pickling", "what goes to a process is copied, and large things take long"),
        Reason("chunks", "items sent one by one cost a trip each, in chunks next to nothing"),
        Reason("native", "NumPy's library had started its own threads on every CPU"),
        Reason("crash", "a crash ended one process, while in a thread it ended them all"),
        Reason("sharing", "all threads saw one list, and each process had a copy of it"),
    )
}


class Scenario(NamedTuple):
    """A case to decide: the tool, and the measurement that decides."""

    text: str
    tool: str
    reason: str


SCENARIOS = {
    1: Scenario(
        "300 pages from a slow server, 80 ms each. One CPU, with the GIL.", "threads", "waiting"
    ),
    2: Scenario(
        "2000 log files, 20 ms of pure Python each; a file's name goes in, a number comes "
        "back. Eight CPUs, with the GIL.",
        "processes",
        "gil",
    ),
    3: Scenario(
        "5000 photographs, 20 ms of Pillow each. Eight CPUs, with the GIL; the program is to "
        "start at once and use little memory.",
        "threads",
        "c code",
    ),
    4: Scenario("The log files of 2, in a container with one usable CPU.", "serial", "cpus"),
    5: Scenario(
        "20 numbers, 1 ms of pure Python each, and then the program ends. Eight CPUs, with the "
        "GIL.",
        "serial",
        "start",
    ),
    6: Scenario(
        "200 frames of 100 MB, in memory already; C code without the GIL needs 5 ms for each. "
        "Eight CPUs.",
        "threads",
        "pickling",
    ),
    7: Scenario(
        "A million small strings, 20 µs of pure Python each. Eight CPUs, with the GIL.",
        "processes",
        "chunks",
    ),
    8: Scenario(
        "64 products of large matrices, by NumPy, on eight CPUs; nobody has limited its library.",
        "serial",
        "native",
    ),
    9: Scenario(
        "900 documents, and a C library that crashes on some of them. All others must be done.",
        "processes",
        "crash",
    ),
    10: Scenario(
        "Four workers that look things up in one large dict and write into it, pure Python, on a "
        "free-threaded build with eight CPUs. Locks are no bottleneck.",
        "threads",
        "sharing",
    ),
}
DECISIONS = {number: (each.tool, each.reason) for number, each in SCENARIOS.items()}
ALL_THREADS = dict.fromkeys(SCENARIOS, ("threads", "waiting"))
BY_THE_RULE = {**DECISIONS, 3: ("processes", "gil")}  # it computes, hence processes


def scenarios() -> str:
    """The ten cases, a line each, and the reasons to choose from."""
    lines = [f"{number:2}  {each.text}" for number, each in SCENARIOS.items()]
    reasons = [f'    "{each.name}": {each.says}' for each in REASONS.values()]
    return "\n".join([*lines, "", "Reasons:", *reasons])


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
    says="Pillow and SQLite let go of the GIL",
)
def _decide(answer: Any) -> str:
    """All ten, or what the measurement says about the first that is not right."""
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
    """What the measurement says about a decision; nothing where it holds."""
    scenario = SCENARIOS[number]
    match decision:
        case (str(tool), str(reason)) if tool in TOOLS and reason in REASONS:
            pass
        case _:
            return f"number {number}: it must be a pair such as ('threads', 'waiting')."
    if tool != scenario.tool:
        measured = REASONS[scenario.reason].says
        return f"number {number}, {tool}. The measurement says: {measured}."
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
        self.sizes.append(sum(map(_files, args)))
        return self.pool.submit(fn, *args, **kwargs)

    def map(self, fn: Callable[..., Any], *iterables: Any, **kwargs: Any) -> Iterator[Any]:
        """With a chunksize the pool sends several calls in one trip."""
        calls = list(zip(*iterables, strict=False))
        for chunk in chunked(calls, kwargs.get("chunksize", 1)):
            self.sizes.append(sum(_files(each) for args in chunk for each in args))
        return self.pool.map(fn, *zip(*calls, strict=True), **kwargs)


def _files(argument: Any) -> int:
    return len(argument) if isinstance(argument, (list, tuple)) else 1


FILES, WORKERS = 120, 2
TRIPS = 16  # for each worker, at most


@exercise(
    "choosing.chunks",
    "Repair words_in(paths, pool, workers): the same words for few trips, and work for everybody.",
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
    seconds=40.0,
)
def _chunks(answer: Any) -> str:
    """The right words, by the pool, in few trips, none of which has most of the files."""
    paths = texts()[:FILES]
    with ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool:
        counted = Counted(pool)
        given = answer(paths, counted, WORKERS)
    expect(given == count_all(paths), "those are not the words of all files, each counted once.")
    trips, largest = len(counted.sizes), max(counted.sizes, default=0)
    expect(trips > 0, "the words are right, but the pool was not asked for them.")
    most = TRIPS * WORKERS
    expect(
        trips <= most,
        f"the words are right, but it took {trips} trips for {FILES} files. At most {most} "
        f"will do for {WORKERS} workers.",
    )
    expect(
        largest <= FILES // WORKERS,
        f"one call had {largest} of the {FILES} files: one worker computed, and the others had "
        "nothing to do.",
    )
    return f"All words, in {trips} trips, and no worker had more than {largest} files at a time."


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


PAGES = [0.3] * 8
NUMBERS = [0.02] * 6
CPUS = 2


@exercise(
    "choosing.tools",
    "Repair both(fetch, urls, compute, numbers, cpus): each kind of work with the tool it needs.",
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
    seconds=40.0,
)
def _tools(answer: Any) -> str:
    """Waiting all at once, here; computing elsewhere, by no more workers than CPUs."""
    right = PAGES, [crunch(NUMBERS[0])] * len(NUMBERS)  # first: processes then take as much work
    waiting, computing, before = Timeline(), Timeline(), set(active_children())
    compute = computing.wrap(crunch_on_arrival)
    given = answer(waiting.wrap(wait), list(PAGES), compute, list(NUMBERS), CPUS)
    expect(
        isinstance(given, tuple) and tuple(map(_listed, given)) == right,
        "both must give two lists: what fetch gave for the urls, what compute gave for the "
        "numbers.",
    )
    here = {span.pid for span in waiting.spans}
    expect(here == {os.getpid()}, "fetch was called in another process: waiting needs none.")
    expect(
        waiting.at_once() == len(PAGES),
        f"{waiting.at_once()} of {len(PAGES)} urls were waited for at once; all of them can be.",
    )
    pids = {span.pid for span in computing.spans}
    expect(
        os.getpid() not in pids,
        "compute ran in this process. Let other processes compute: under a GIL, threads that "
        "compute in Python take turns.",
    )
    expect(
        len(pids) <= CPUS,
        f"compute ran in {len(pids)} processes; there should be never more than the {CPUS} CPUs "
        "that they have.",
    )
    expect(not set(active_children()) - before, "some of your processes are still running.")
    return f"{len(PAGES)} waits at once in this process, and computing in at most {CPUS} others."


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
