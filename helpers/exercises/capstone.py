"""Lesson 10: the album, whole. One program, judged in five steps, by threads or by tasks.

Every step it calls is a real one: see `_studio`. What is judged are counts, order,
overlap, and what is left behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, redirect_stdout
from functools import partial
from io import StringIO
from itertools import count
from multiprocessing import active_children
from typing import Any, NamedTuple

from ..deadline import DeadlinePassed, deadline
from ..run import RunError, run
from ..work import album, server
from ..work.real_work import Undone
from ..work.records import connect
from . import NotYet, exercise, expect
from ._studio import QUIET, Gate, Shrink, Studio, open_to_all

WAIT = 15.0  # seconds after which nobody will end any more
GRACE = 1.0  # seconds that a thread or a process gets to end by itself
TURN = 3.0  # seconds that a stage waits for the others to be at work, too
TRIES = 3  # downloads of a photograph, until it has failed
MOST = 6  # photographs in memory
STOP_AT = 5  # the note during which everything is to end

Failed = dict[str, BaseException]

# ------------------------------------------------------------------ two solutions


def album_of_threads(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """A solution: each of `most` threads takes a photograph all the way."""
    failed: Failed = {}
    broken = threading.Event()

    def tried(url: str) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return download(url)
            except Exception:
                if not left or stop.is_set():
                    raise
        return None

    def one(url: str) -> None:
        if stop.is_set() or broken.is_set():
            return
        try:
            small = shrink(tried(url))
        except Exception as error:
            failed[url] = error
            return
        try:
            note(url, small)
        except BaseException:
            broken.set()
            raise

    with ThreadPoolExecutor(most) as pool:
        futures = [pool.submit(one, url) for url in urls]
    for future in futures:
        future.result()
    return failed


async def album_of_tasks(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """A solution: a task for each photograph, and threads for what does not await.

    The pool's `with` waits for its threads, also when the tasks are cancelled.
    """
    failed: Failed = {}
    places = asyncio.Semaphore(most)
    loop = asyncio.get_running_loop()

    async def tried(url: str) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return await download(url)
            except Exception:
                if not left:
                    raise
        return None

    async def one(url: str) -> None:
        async with places:
            try:
                photo = await tried(url)
                small = await loop.run_in_executor(pool, shrink, photo)
            except Exception as error:
                failed[url] = error
            else:
                await loop.run_in_executor(pool, note, url, small)

    with ThreadPoolExecutor(most) as pool:
        async with asyncio.TaskGroup() as group:
            for url in urls:
                group.create_task(one(url))
    return failed


# ----------------------------------------------------- the starter, and wrong answers


def nothing_yet(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> None:
    """The starter of threads."""


async def nothing_awaited(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> None:
    """The starter of tasks."""


def one_by_one(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """The serial version: complete, and nothing else."""
    for url in urls:
        note(url, shrink(download(url)))
    return {}


def stage_by_stage(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: all are downloaded, then all are made small, then all are noted."""
    with ThreadPoolExecutor(most) as pool:
        photos = list(pool.map(download, urls))
        small = list(pool.map(shrink, photos))
        list(pool.map(note, urls, small))
    return {}


def comes_back_early(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: the last photographs are noted by a thread that nobody waits for."""
    urls = list(urls)
    todo = urls[-1:]
    last = threading.Thread(target=album_of_threads, args=(todo, download, shrink, note, 1, stop))
    last.start()
    return album_of_threads(urls[:-1], download, shrink, note, most, stop)


def gives_up_at_once(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: nobody tries again."""
    failed: Failed = {}

    def one(url: str) -> None:
        try:
            small = shrink(download(url))
        except Exception as error:
            failed[url] = error
        else:
            note(url, small)

    with ThreadPoolExecutor(most) as pool:
        list(pool.map(one, urls))
    return failed


def goes_on_after_stop(
    urls: Any, download: Any, shrink: Any, note: Any, most: int, stop: threading.Event
) -> Failed:
    """Wrong: nobody looks at `stop`."""
    return album_of_threads(urls, download, shrink, note, most, threading.Event())


async def threads_go_on(urls: Any, download: Any, shrink: Any, note: Any, most: int) -> Failed:
    """Wrong: a task can be cancelled, and the thread that it waits for goes on."""
    failed: Failed = {}
    places = asyncio.Semaphore(most)

    async def one(url: str) -> None:
        async with places:
            for _ in range(TRIES):
                try:
                    small = await asyncio.to_thread(shrink, await download(url))
                except Exception as error:
                    failed[url] = error
                else:
                    failed.pop(url, None)
                    return await asyncio.to_thread(note, url, small)

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return failed


# ------------------------------------------------------------------ one run of an answer


class Ran(NamedTuple):
    """How a run has ended, and what there was when it came back."""

    of: str
    studio: Studio
    given: Any
    error: BaseException | None
    left: str  # what was still there, in words
    rows: dict[str, bytes]


class _Ending:
    """Notices the moment in which the answer comes back, and what is there then."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.threads, self.children = set(threading.enumerate()), set(active_children())
        self.given: Any = None
        self.error: BaseException | None = None
        self.left = ""

    def now(self) -> None:
        busy = " and ".join(self.studio.busy())
        self.left = f"a call of {busy} was still under way" if busy else ""
        self.studio.returned = True

    def threads_left(self) -> list[threading.Thread]:
        new = set(threading.enumerate()) - self.threads
        return [each for each in new if each.name not in ("deadline", "studio")]

    def look(self) -> None:
        """What does not end by itself; whoever has let go of a pool waits a little for its end."""
        workers: list[Any] = [*self.threads_left(), *(set(active_children()) - self.children)]
        for worker in workers:
            worker.join(GRACE)
        names = [worker.name for worker in workers if worker.is_alive()]
        self.left = self.left or (f"{' and '.join(sorted(names))} was still there" * bool(names))
        for worker in workers:
            worker.join()  # until the deadline ends it


def _ran(
    answer: Any,
    urls: Sequence[str],
    most: int = MOST,
    gate: Gate = open_to_all,
    patience: float = QUIET,
    trouble: Callable[[Studio, Callable[[], None]], None] | None = None,
) -> Ran:
    """Call it once; NotYet where it does not come to its end."""
    of = f"{len(urls)} photograph{'s' * (len(urls) != 1)}, {most} of them in memory"
    with album.database() as path:
        studio = Studio(path, gate, patience)
        with studio.shrinking() as shrink:
            how = _awaited if asyncio.iscoroutinefunction(answer) else _called
            ending = _Ending(studio)
            hung = how(answer, studio, shrink, urls, most, ending, trouble)
        expect(
            not hung,
            f"{of}: it does not come to its end. Somebody waits for what nobody does any more: an "
            "item, a place, room in a queue, or a thread that has died.",
        )
        rows = _rows(path)
    return Ran(of, studio, ending.given, ending.error, ending.left, rows)


def _called(
    answer: Any, studio: Studio, shrink: Shrink, urls: Any, most: int, ending: _Ending, trouble: Any
) -> bool:
    """By threads: whether it hangs."""
    stop = threading.Event()
    if trouble:
        trouble(studio, stop.set)
    try:
        with redirect_stdout(StringIO()), deadline(WAIT):
            try:
                ending.given = answer(urls, studio.download, shrink, studio.note, most, stop)
            except DeadlinePassed:
                raise
            except Exception as error:
                ending.error = error
            ending.now()
            ending.look()
    except DeadlinePassed:
        return not studio.returned
    return False


def _awaited(
    answer: Any, studio: Studio, shrink: Shrink, urls: Any, most: int, ending: _Ending, trouble: Any
) -> bool:
    """By tasks, in an event loop of their own."""

    async def once(item: None) -> None:
        loop = asyncio.get_running_loop()
        steps = studio.download_async, shrink, studio.note
        task = loop.create_task(answer(urls, *steps, most))
        if trouble:
            trouble(studio, lambda: void(loop.call_soon_threadsafe(task.cancel)))
        here = asyncio.all_tasks()
        await asyncio.wait([task])
        ending.now()
        if others := asyncio.all_tasks() - here:
            ending.left = ending.left or f"{len(others)} of its tasks went on"
        if task.cancelled():
            ending.error = asyncio.CancelledError()
        elif not (error := task.exception()):
            ending.given = task.result()
        else:
            ending.error = error

    try:
        with redirect_stdout(StringIO()):
            run(once, [None], 1, "tasks", timeout=WAIT)
    except RunError as error:
        if isinstance(error.__cause__, TimeoutError):
            return True
        raise NotYet(f"{error}") from None
    ending.look()
    return False


def void(_: object) -> None:
    """For a call whose result nobody wants."""


def _rows(path: str) -> dict[str, bytes]:
    with closing(connect(path, write=False)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'photo'")
        if not tables.fetchone():
            return {}
        return dict(connection.execute("SELECT name, thumbnail FROM photo"))


# --------------------------------------------------------------------- what is asked


_runs = count()


def _urls(number: int, seconds: float = 0.005) -> list[str]:
    return album.urls(number, seconds, 60) if number else []


def _came_back(ran: Ran) -> None:
    """It has ended without an error, left nothing, and given a dict."""
    if ran.error is not None:
        raise ran.error
    expect(
        isinstance(ran.given, Mapping),
        f"{ran.of}: it gives {ran.given!r:.40}. Give a dict: the address of each photograph that "
        "could not be made, and its exception.",
    )
    expect(not ran.left, f"{ran.of}: it has come back, and {ran.left}.")


def _whole(ran: Ran, urls: Sequence[str]) -> None:
    """All of these are noted, and nothing else."""
    studio = ran.studio
    missing, more = set(urls) - ran.rows.keys(), ran.rows.keys() - set(urls)
    expect(
        not missing and not more,
        f"{ran.of}: {len(urls) - len(missing)} of {len(urls)} are noted when it comes back"
        + f", and {len(more)} that should not be" * bool(more)
        + ".",
    )
    expect(
        not studio.mixed,
        f"{ran.of}: a thumbnail is noted under the address of another photograph. What comes first "
        "out of a pool or a queue need not have gone in first.",
    )


def _nothing_failed(ran: Ran, urls: Sequence[str]) -> None:
    _came_back(ran)
    _whole(ran, urls)
    expect(not ran.given, f"{ran.of}: none of them fails, and you tell of {len(ran.given)}.")
    again = sum(ran.studio.tries.values()) - len(urls)
    expect(not again, f"{ran.of}: none of them fails, and {again} were downloaded again.")


def _last_held(last: int, studio: Studio, step: str, number: int) -> bool:
    """The last note lasts until the answer comes back, or waits for it."""
    return step != "note" or number != last or studio.returned


@exercise(
    "capstone.complete",
    "make_album downloads, shrinks and notes every photograph, each once, and comes back when all "
    "of it is done, with an empty dict.",
    hints=(
        "Begin with the serial version: a loop over `urls`, with three calls in it.",
        "`note(url, shrink(download(url)))` for each of them, and `return {}` at the end.",
    ),
    solution=album_of_threads,
    starter=nothing_yet,
    wrong=comes_back_early,
    says="it has come back, and",
    seconds=90.0,
)
def _complete(answer: Any) -> str:
    """None, one, and some."""
    for number in (0, 1, 13):
        urls = _urls(number)
        _nothing_failed(_ran(answer, urls, gate=partial(_last_held, number)), urls)
    return "Every photograph is in the album, each was downloaded once, and nothing is left."


@exercise(
    "capstone.faults",
    "A download is tried three times. A photograph that cannot be made is told, with its "
    "exception, and all others are noted.",
    hints=(
        "Where is the `try`? An exception of one photograph must not end the loop, the thread or "
        "the task that has others to do.",
        "What has a photograph that fails in its hands, a place of a semaphore or a lock? `with` "
        "gives it back.",
        "A function for the tries: a loop of three, `return download(url)` inside of a `try`, and "
        "the exception of the last one comes out.",
    ),
    solution=album_of_threads,
    starter=nothing_yet,
    wrong=gives_up_at_once,
    says="is not noted, although",
    seconds=90.0,
)
def _faults(answer: Any) -> str:
    """Bad answers of a real server; more of them than photographs may be in memory."""
    name = f"&name={next(_runs)}-{threading.get_ident()}-{id(answer)}"
    good = _urls(20)
    flaky = [
        good.pop() + f"{name}&fault={fault}&times={times}"
        for fault, times in (("500", 2), ("cut", 1), ("garbage", 1), ("stall", 1))
    ]
    broken = [
        good.pop() + f"{name}&fault={fault}" for fault in ("500", "404", "cut", "garbage", "stall")
    ]
    at = server.address()
    broken += [f"{at}/wait?size=300&name={n}{name[6:]}" for n in range(3)]  # no pictures
    urls = [*broken[::2], *good[:5], *flaky, *broken[1::2], *good[5:]]
    ran = _ran(answer, urls)
    if isinstance(ran.error, Undone):
        raise NotYet(f"{ran.of}, {len(broken)} of which fail: it ends with {ran.error}.")
    _came_back(ran)
    for url in flaky:
        expect(
            url in ran.rows,
            f"{_brief(url)} is not noted, although it would have come at the "
            f"{'third' if 'times=2' in url else 'second'} try.",
        )
    for url in broken:
        expect(url in ran.given, f"{_brief(url)} cannot be made, and you do not tell of it.")
        expect(
            isinstance(ran.given[url], BaseException),
            f"{_brief(url)}: give its exception, not {ran.given[url]!r:.40}.",
        )
    told = ran.given.keys() - set(broken)
    expect(not told, f"you tell of {_brief(min(told, default=''))}, which did not fail.")
    _whole(ran, [*good, *flaky])
    for url in broken[:5]:
        tries = ran.studio.tries[url]
        expect(tries == TRIES, f"{_brief(url)} was tried {tries} times, not {TRIES}.")
    most = max(ran.studio.tries.values())
    expect(most <= TRIES, f"a photograph was downloaded {most} times, {TRIES} is the most.")
    return (
        f"{len(broken)} of {len(urls)} could not be made, and you told of each; all others are in "
        "the album."
    )


def _brief(url: str) -> str:
    """A photograph, and what is wrong with it."""
    if "/wait" in url:
        return "what is no picture"
    fault = url.partition("fault=")[2].partition("&")[0]
    return f"the photograph that fails with {fault}" if fault else "a photograph"


def _until_quiet(studio: Studio, step: str, number: int) -> bool:
    """Nobody notes until all others have come as far as they may."""
    return step != "note"


@exercise(
    "capstone.bounded",
    "Never more than `most` photographs are in memory, from the beginning of the download until it "
    "is noted or has failed, however slow the others are.",
    hints=(
        "What limits how far the downloads may run ahead while the database is slow?",
        "So many threads, each of which takes a photograph all the way; or so many places, a "
        "semaphore, each held from before the download until after the note.",
        "With queues between the stages, count what waits in them *and* what every worker has in "
        "its hands.",
    ),
    solution=album_of_threads,
    starter=nothing_yet,
    wrong=stage_by_stage,
    says="were in memory at once",
    seconds=90.0,
)
def _bounded(answer: Any) -> str:
    """The database is so slow that everything piles up before it."""
    for number, most in ((24, MOST), (30, 9)):
        urls = _urls(number, 0)
        ran = _ran(answer, urls, most, _until_quiet)
        expect(
            ran.studio.most <= most,
            f"{ran.of}: while nothing was noted, {ran.studio.most} were in memory at once.",
        )
        _nothing_failed(ran, urls)
    return f"With a slow database {MOST} and 9 were in memory at most, as many as were allowed."


def _all_at_work(studio: Studio, step: str, number: int) -> bool:
    """The first ones go through; then each waits until all stages are at work at once."""
    return studio.met or number < {"download": 3, "shrink": 2, "note": 1}[step]


@exercise(
    "capstone.overlap",
    "While a photograph is noted, another one is made small, and two more are downloaded.",
    hints=(
        "Who waits for whom? A photograph need not wait for another one.",
        "One loop after the other means: no shrinking before the last download. Let each "
        "photograph go on as soon as it has come.",
        "In a coroutine, `shrink` and `note` hold up the loop. They belong into threads.",
    ),
    solution=album_of_threads,
    starter=nothing_yet,
    wrong=stage_by_stage,
    says="were never all at work at the same time",
    seconds=90.0,
)
def _overlap(answer: Any) -> str:
    """Each stage waits for the others to be at work, too."""
    urls = _urls(16)
    ran = _ran(answer, urls, MOST, _all_at_work, TURN)
    _nothing_failed(ran, urls)
    expect(
        ran.studio.met,
        f"{ran.of}: the stages were never all at work at the same time: one to note, one to shrink "
        "and two to download. Somebody waits for what is not needed yet.",
    )
    return "Downloading, shrinking and noting overlap, and there are two downloads at once."


def _held_at_the_end(studio: Studio, step: str, number: int) -> bool:
    """The note during which everything is to end lasts until the answer comes back, or waits."""
    return step != "note" or number != STOP_AT or studio.returned


def _pressed(studio: Studio, stop: Callable[[], None]) -> None:
    def on_note(number: int) -> None:
        if number == STOP_AT:
            studio.over = True
            stop()

    studio.on_note = on_note


def _gone(studio: Studio, _: Callable[[], None]) -> None:
    """The table is dropped by somebody else: each note fails from now on."""

    def on_note(number: int) -> None:
        if number == STOP_AT:
            with closing(connect(studio.path, seconds=10)) as connection:
                connection.execute("DROP TABLE photo")
            studio.over = True

    studio.on_note = on_note


@exercise(
    "capstone.ends",
    "After Stop, or when note fails, nothing more is begun; it comes back when nobody works any "
    "more, and the error of note comes out.",
    hints=(
        "Who has to look at `stop`, and when? Whoever is about to begin a download.",
        "An error of `note` is none of the photograph's: the next one would fail as well. Who "
        "tells all the others that it is over?",
        "A task can be cancelled, a thread cannot. Who has handed a call to a thread waits for its "
        "end, even when it is cancelled: the `with` of a pool does.",
        "`future.result()` raises what has happened in a thread of a pool.",
    ),
    solution=album_of_threads,
    starter=nothing_yet,
    wrong=goes_on_after_stop,
    says="were begun after Stop",
    seconds=90.0,
)
def _ends(answer: Any) -> str:
    """Stop is pressed during a note; in another run the database is gone."""
    urls = _urls(60)
    ran = _ran(answer, urls, MOST, _held_at_the_end, trouble=_pressed)
    if not ran.studio.over:
        _came_back(ran)
        raise NotYet(f"{ran.of}: it comes back, and {len(ran.rows)} are noted.")
    after = ran.studio.begun_after
    expect(
        after <= MOST,
        f"{ran.of}: {after} downloads were begun after Stop. Those that had begun may end, no other "
        "is to begin.",
    )
    if not isinstance(ran.error, asyncio.CancelledError):
        _came_back(ran)
    _left_nothing(ran, "Stop")
    ran = _ran(answer, urls, MOST, _held_at_the_end, trouble=_gone)
    expect(
        ran.error is not None,
        f"{ran.of}: the database is gone, note has raised an error, and it did not come out.",
    )
    if not _is_undone(ran.error):
        raise ran.error or NotYet("")
    after = ran.studio.begun_after
    expect(
        after <= MOST,
        f"{ran.of}: note has failed, and {after} more downloads were begun.",
    )
    _left_nothing(ran, "an error of note")
    return "After Stop and after an error nothing was begun, and nothing is left."


def _left_nothing(ran: Ran, what: str) -> None:
    expect(not ran.left, f"{ran.of}: after {what} it came back, and {ran.left}.")
    expect(
        not ran.studio.mixed,
        f"{ran.of}: after {what} something is noted that is not the thumbnail of its photograph.",
    )


def _is_undone(error: BaseException | None) -> bool:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return isinstance(error, Undone)


STEPS = (_complete, _faults, _bounded, _overlap, _ends)


@exercise(
    "capstone.tasks",
    "The same by tasks: an async def that holds in all five steps.",
    hints=(
        "`download` is a coroutine function here. `shrink` and `note` are not: who lets the loop "
        "go on meanwhile?",
        "An `asyncio.Semaphore` limits how many are in memory; a `TaskGroup` waits for all.",
        "Nobody presses Stop: the task is cancelled. `asyncio.to_thread` then comes back at once, "
        "and its thread goes on; a `ThreadPoolExecutor` of your own, with `run_in_executor`, can "
        "be waited for.",
    ),
    solution=album_of_tasks,
    starter=nothing_awaited,
    wrong=threads_go_on,
    says="a call of note was still under way",
    seconds=120.0,
)
def _tasks(answer: Any) -> str:
    expect(
        asyncio.iscoroutinefunction(answer),
        f"make_album must be an async def, and is given without calling it; this is {answer!r:.40}.",
    )
    for step in STEPS:
        step(answer)
    return "All five steps hold, and one thread does all the waiting."
