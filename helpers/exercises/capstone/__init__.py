"""Lesson 10: the album, whole. One program, judged in five steps, by threads or by tasks.

Every step it calls is a real one: see `_studio`. What is judged are counts, order,
overlap, and what is left behind. `albums` has answers, `runs` has one run of an answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from inspect import iscoroutinefunction
from itertools import count
from time import perf_counter
from typing import Any

from ...work import album, fetch, server
from ...work.real_work import Undone
from ...work.records import connect
from .. import NotYet, exercise, expect
from .._studio import Studio
from .albums import (
    TRIES,
    album_of_tasks,
    album_of_threads,
    comes_back_early,
    gives_up_at_once,
    goes_on_after_stop,
    nothing_awaited,
    nothing_yet,
    stage_by_stage,
    threads_go_on,
)
from .runs import MOST, Ran, ran

TURN = 3.0  # seconds that a stage waits for the others to be at work, too
SILENT = 0.3, 2.0  # seconds that a download waits for a server that stalls: least and most
SLOWER = 10  # so many times as long as others take
STOP_AT = 5  # the note during which everything is to end

# --------------------------------------------------------------------- what is asked


_runs = count()


def _urls(number: int, seconds: float = 0.005) -> list[str]:
    return album.urls(number, seconds, 60) if number else []


def _came_back(run: Ran) -> None:
    """It has ended without an error, left nothing, and given a dict."""
    if run.error is not None:
        raise _inner(run.error)
    expect(
        isinstance(run.given, Mapping),
        f"{run.of}: it gives {run.given!r:.40}. Give a dict: the address of each photograph that "
        "could not be made, and its exception.",
    )
    expect(not run.left, f"{run.of}: it has come back, and {run.left}.")


def _whole(run: Ran, urls: Sequence[str]) -> None:
    """All of these are noted, and nothing else."""
    studio = run.studio
    missing, more = set(urls) - run.rows.keys(), run.rows.keys() - set(urls)
    expect(
        not missing and not more,
        f"{run.of}: {len(urls) - len(missing)} of {len(urls)} are noted when it comes back"
        + f", and {len(more)} that should not be" * bool(more)
        + ".",
    )
    expect(
        not studio.mixed,
        f"{run.of}: a thumbnail is noted under the address of another photograph. What comes first "
        "out of a pool or a queue need not have gone in first.",
    )


def _nothing_failed(run: Ran, urls: Sequence[str]) -> None:
    _came_back(run)
    _whole(run, urls)
    expect(not run.given, f"{run.of}: none of them fails, and you tell of {len(run.given)}.")
    again = sum(run.studio.tries.values()) - len(urls)
    expect(not again, f"{run.of}: none of them fails, and {again} were downloaded again.")
    for step, words in (("shrink", "made small"), ("note", "noted")):
        again = run.studio.begun[step] - len(urls)
        expect(not again, f"{run.of}: {again} of them were {words} twice, or more often.")


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
    """Some, one, and none."""
    for number in (13, 1, 0):
        urls = _urls(number)
        _nothing_failed(ran(answer, urls, gate=partial(_last_held, number)), urls)
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
    run = ran(answer, urls, silent=_patience(good))
    if run.error and isinstance(_inner(run.error), Undone):
        raise NotYet(
            f"{run.of}, {len(broken)} of which fail: it ends with the exception of one of them. "
            "Tell of each in the dict, and go on."
        )
    _came_back(run)
    for url in flaky:
        expect(
            url in run.rows,
            f"{_brief(url)} is not noted, although it would have come at the "
            f"{'third' if 'times=2' in url else 'second'} try.",
        )
    for url in broken:
        expect(url in run.given, f"{_brief(url)} cannot be made, and you do not tell of it.")
        expect(
            isinstance(run.given[url], BaseException),
            f"{_brief(url)}: give its exception, not {run.given[url]!r:.40}.",
        )
        if url in broken[:5]:
            raised = run.studio.raised[url]
            expect(
                any(error is mine for mine in _chain(run.given[url]) for error in raised),
                f"{_brief(url)}: {run.given[url]!r:.40} is none of the exceptions of its download.",
            )
    told = run.given.keys() - set(broken)
    expect(not told, f"you tell of {_brief(min(told, default=''))}, which did not fail.")
    _whole(run, [*good, *flaky])
    for url in broken[:5]:
        tries = run.studio.tries[url]
        expect(tries == TRIES, f"{_brief(url)} was tried {tries} times, not {TRIES}.")
    most = max(run.studio.tries.values())
    expect(most <= TRIES, f"a photograph was downloaded {most} times, {TRIES} is the most.")
    return (
        f"{len(broken)} of {len(urls)} could not be made, and you told of each; all others are in "
        "the album."
    )


def _patience(urls: Sequence[str]) -> float:
    """Seconds that none of these takes here and now, once the server has made it."""
    took = []
    for url in urls:
        fetch(url)
        start = perf_counter()
        fetch(url)
        took.append(perf_counter() - start)
    least, most = SILENT
    return min(most, max(least, SLOWER * max(took)))


def _brief(url: str) -> str:
    """A photograph, and what is wrong with it."""
    if "/wait" in url:
        return "what is no picture"
    fault = url.partition("fault=")[2].partition("&")[0]
    return f"the photograph that fails with {fault}" if fault else "a photograph"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """It, and what has led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


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
        run = ran(answer, urls, most, _until_quiet)
        expect(
            run.studio.most <= most,
            f"{run.of}: while nothing was noted, {run.studio.most} were in memory at once.",
        )
        _nothing_failed(run, urls)
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
    run = ran(answer, urls, MOST, _all_at_work, TURN)
    _nothing_failed(run, urls)
    expect(
        run.studio.met,
        f"{run.of}: the stages were never all at work at the same time: one to note, one to shrink "
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
    run = ran(answer, urls, MOST, _held_at_the_end, trouble=_pressed)
    if not run.studio.over:
        _came_back(run)
        raise NotYet(f"{run.of}: it comes back, and {len(run.rows)} are noted.")
    after = run.studio.begun_after
    expect(
        after <= MOST,
        f"{run.of}: more than {MOST} downloads were begun after Stop. Those that had begun may "
        "end, no other is to begin.",
    )
    if not isinstance(run.error, asyncio.CancelledError):
        _came_back(run)
    _left_nothing(run, "Stop")
    run = ran(answer, urls, MOST, _held_at_the_end, trouble=_gone)
    if run.error is None:
        raise NotYet(f"{run.of}: the database is gone, and the error of note did not come out.")
    if not isinstance(error := _inner(run.error), Undone):
        raise error
    after = run.studio.begun_after
    expect(
        after <= MOST,
        f"{run.of}: note has failed, and more than {MOST} downloads were begun after it.",
    )
    _left_nothing(run, "an error of note")
    return "After Stop and after an error nothing was begun, and nothing is left."


def _left_nothing(run: Ran, what: str) -> None:
    expect(not run.left, f"{run.of}: after {what} it came back, and {run.left}.")
    expect(
        not run.studio.mixed,
        f"{run.of}: after {what} something is noted that is not the thumbnail of its photograph.",
    )


def _inner(error: BaseException) -> BaseException:
    """What has happened in a task of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


STEPS = (_complete, _ends, _faults, _bounded, _overlap)  # what tasks forget comes first


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
    says="a call that it had begun was still under way",
    seconds=120.0,
)
def _tasks(answer: Any) -> str:
    expect(
        iscoroutinefunction(answer),
        "make_album must be an async def, and is given without calling it; this is "
        f"{answer!r:.40}.",
    )
    for step in STEPS:
        step(answer)
    return "All five steps hold, and one thread does all the waiting."
