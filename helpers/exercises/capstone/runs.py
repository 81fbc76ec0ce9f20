"""One run of an answer of lesson 10: what it did, and what there was when it came back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout, suppress
from inspect import iscoroutinefunction
from io import StringIO
from multiprocessing import active_children
from re import sub
from typing import Any, NamedTuple

from ...deadline import DeadlinePassed, busy_deadline
from ...run import RunError, run
from ...work import album
from ...work.records import connect
from .. import NotYet, expect
from .._studio import QUIET, Gate, Shrink, Studio, open_to_all

WAIT = 12.0  # seconds after which nobody will end any more
GRACE = 1.0  # seconds that a thread or a process gets to end by itself
MOST = 6  # photographs in memory
SOMEBODY = "Somebody waits for what nobody does any more: an item, a place, room in a queue, the "
SOMEBODY += "end of a thread."


class Ran(NamedTuple):
    """How a run has ended, and what there was when it came back."""

    of: str
    studio: Studio
    given: Any
    error: BaseException | None
    left: str  # what was still there, in words
    rows: dict[str, bytes]


class Ending:
    """Notices the moment in which the answer comes back, and what is there then."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.threads, self.children = set(threading.enumerate()), set(active_children())
        self.given: Any = None
        self.error: BaseException | None = None
        self.left = ""

    def now(self) -> None:
        # which of the three depends on the moment, and complaints are compared with stored ones
        self.left = "a call that it had begun was still under way" * self.studio.busy()
        self.studio.returned = True

    def threads_left(self) -> list[threading.Thread]:
        new = set(threading.enumerate()) - self.threads
        return [each for each in new if each.name not in ("deadline", "studio")]

    def look(self) -> None:
        """What does not end by itself; whoever has let go of a pool waits a little for its end."""
        workers: list[Any] = [*self.threads_left(), *(set(active_children()) - self.children)]
        for worker in workers:
            worker.join(GRACE)
        alive = {sub(r"-\d+(_\d+)?", "", worker.name) for worker in workers if worker.is_alive()}
        still = "was still there" if len(alive) == 1 else "were still there"
        self.left = self.left or f"{' and '.join(sorted(alive))} {still}" * bool(alive)
        for worker in workers:
            worker.join()  # until the deadline ends it


def ran(
    answer: Any,
    urls: Sequence[str],
    most: int = MOST,
    gate: Gate = open_to_all,
    patience: float = QUIET,
    silent: float = 10.0,
    trouble: Callable[[Studio, Callable[[], None]], None] | None = None,
) -> Ran:
    """Call it once; NotYet where it does not come to its end."""
    of = f"{len(urls)} photograph{'s' * (len(urls) != 1)}, of which {most} may be in memory"
    with album.database() as path:
        studio = Studio(path, gate, patience, silent)
        with studio.shrinking() as shrink:
            how = _awaited if iscoroutinefunction(answer) else _called
            ending = Ending(studio)
            hung = how(answer, studio, shrink, urls, most, ending, trouble)
        expect(hung is None, f"{of}: it does not come to its end. {hung}")
        rows = _rows(path)
    return Ran(of, studio, ending.given, ending.error, ending.left, rows)


def _called(
    answer: Any, studio: Studio, shrink: Shrink, urls: Any, most: int, ending: Ending, trouble: Any
) -> str | None:
    """By threads: who waits for ever, if somebody does."""
    said = StringIO()
    stop = threading.Event()
    if trouble:
        trouble(studio, stop.set)
    try:
        with redirect_stdout(said), busy_deadline(WAIT):
            try:
                ending.given = answer(urls, studio.download, shrink, studio.note, most, stop)
            except DeadlinePassed:
                raise
            except Exception as error:
                ending.error = error
            ending.now()
            ending.look()
    except DeadlinePassed:
        lines = said.getvalue().splitlines()
        waits = [f"Here {line.strip(' :')}." for line in lines if " waits in " in line]
        return None if studio.returned else " ".join([SOMEBODY, *waits[:1]])
    return None


def _awaited(
    answer: Any, studio: Studio, shrink: Shrink, urls: Any, most: int, ending: Ending, trouble: Any
) -> str | None:
    """The same by tasks, in an event loop of their own."""

    async def once(item: None) -> None:
        loop = asyncio.get_running_loop()
        steps = studio.download_async, shrink, studio.note
        task = loop.create_task(answer(urls, *steps, most))
        if trouble:
            trouble(studio, lambda: void(loop.call_soon_threadsafe(task.cancel)))
        here = asyncio.all_tasks()
        await asyncio.wait([task])
        ending.now()
        if asyncio.all_tasks() - here:
            ending.left = ending.left or "some of its tasks went on"
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
            return SOMEBODY
        raise NotYet(f"{error}") from None
    with suppress(DeadlinePassed), redirect_stdout(StringIO()), busy_deadline(WAIT):
        ending.look()
    return None


def void(_: object) -> None:
    """For a call whose result nobody wants."""


def _rows(path: str) -> dict[str, bytes]:
    with closing(connect(path, write=False)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'photo'")
        if not tables.fetchone():
            return {}
        return dict(connection.execute("SELECT name, thumbnail FROM photo"))
