"""Tasks that do the items of a run: an event loop of their own, in a thread of its own.

A cell of a notebook is run by an event loop already, and `run` is called like any
plain function; so its tasks cannot be that loop's. Its own loop ends even where a
task swallows its cancellation, never comes to an await, or stops the loop.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from inspect import iscoroutine
from time import monotonic, perf_counter_ns, thread_time_ns
from typing import Any

from ..ending import GRACE, WorkerStopped, end_threads, not_stopped
from ..ending.interrupts import whole
from ..timeline import LOOP, Timeline
from .job import Job

ANSWER = 0.3  # seconds in which an event loop looks up, if nobody holds it up


class LoopStopped(RuntimeError):
    """Somebody has stopped the event loop while it had tasks."""


class Tasks:
    """So many tasks as there are names; `done` has (index, error, result) of each item."""

    def __init__(self, job: Any, names: Sequence[str], watched: bool) -> None:
        self.job: Job = job
        self.names, self.watched = names, watched
        self.todo: Iterator[tuple[int, Any]] = iter(enumerate(self.job.items))
        self.done: deque[tuple[int, BaseException | None, Any]] = deque()
        self.news = threading.Event()  # set once in a turn of the loop, as each costs a hand-over
        self.at: set[int] = set()  # items that somebody is at
        self.stopping = False
        self.looked_up = threading.Event()
        self.stubborn: list[str] = []  # tasks that were told to end, and went on
        self.executor = ThreadPoolExecutor(thread_name_prefix="asyncio")  # of `to_thread`
        self.thread = threading.Thread(target=self._serve, name=LOOP, daemon=True)

    @whole
    def start(self) -> None:
        self.loop = _Watched(self.job.timeline) if self.watched else _Loop()
        self.loop.set_default_executor(self.executor)
        self.thread.start()

    # ------------------------------------------------------- in the loop's thread

    def _serve(self) -> None:
        main = self.loop.create_task(self._all())
        try:
            with suppress(WorkerStopped, RuntimeError):  # stopped, by us or by somebody else
                self.loop.run_until_complete(main)
        finally:
            self._throw_away(main)
            self.loop.close()
            self.looked_up.set()
            if not self.stopping:  # else nobody asks any more
                for index in [*self.at, *(index for index, _ in self.todo)]:
                    error = LoopStopped("the event loop was stopped under it")
                    self.done.append((index, error, None))
            self.news.set()

    async def _all(self) -> None:
        await asyncio.wait([asyncio.create_task(self._work(), name=name) for name in self.names])
        while others := asyncio.all_tasks() - {asyncio.current_task()}:  # that the work has left
            for task in others:
                task.cancel()
            await asyncio.wait(others)
        await self.loop.shutdown_asyncgens()

    async def _work(self) -> None:
        with suppress(WorkerStopped):
            for index, item in self.todo:
                await self._one(index, item)
                await asyncio.sleep(0)  # others have their turn, though the work never awaits

    async def _one(self, index: int, item: Any) -> None:
        job = self.job
        self.at.add(index)
        job.in_hand[index] = (asyncio.current_task().get_name(), perf_counter_ns())  # type: ignore[union-attr]
        try:
            async with job.timeline.span(job.call.name):
                result = await self._result(item)
        except (WorkerStopped, GeneratorExit):
            raise
        except BaseException as error:
            self._ended(index, error, None)
        else:
            job.in_hand.pop(index)
            self._ended(index, None, result)

    def _ended(self, index: int, error: BaseException | None, result: Any) -> None:
        self.at.remove(index)
        if not self.done:
            self.loop.call_soon(self.news.set)
        self.done.append((index, error, result))

    async def _result(self, item: Any) -> Any:
        try:
            result = await self.job.work(item)
        except asyncio.CancelledError:
            if self.stopping:
                raise WorkerStopped from None
            raise
        if iscoroutine(result):
            name = result.__name__
            result.close()
            raise TypeError(f"it returned the coroutine {name}(), which nobody has awaited")
        return result

    def _cancel(self, workers: Sequence[asyncio.Task[Any]]) -> None:
        self.looked_up.set()
        for task in workers:
            task.cancel()

    def _throw_away(self, main: asyncio.Task[Any]) -> None:
        """What has not ended; its `finally` blocks run."""
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if task is not main and self.stopping:
                self.stubborn.append(task.get_name())
            with suppress(BaseException):
                task.get_coro().close()

    # --------------------------------------------------------- in the run's thread

    def wait(self, seconds: float) -> Iterator[tuple[int, BaseException | None, Any]]:
        """What has ended, for `seconds` at most."""
        self.news.wait(seconds)
        self.news.clear()
        while self.done:
            yield self.done.popleft()

    @whole
    def stop(self) -> str:
        """Cancel all tasks and end the threads of `to_thread`; what did not end as it was told."""
        self.stopping = True
        said, left = "", {}
        if self.thread.is_alive():
            said = self._tell()
            if said:
                left = end_threads([self.thread], error=WorkerStopped)
            else:
                self.thread.join(GRACE)
        if self.thread.is_alive():
            with suppress(RuntimeError):  # it has just been closed
                self.loop.call_soon_threadsafe(self.loop.stop)
            left = left or end_threads([self.thread], error=WorkerStopped)
        if self.stubborn:
            names = ", ".join(sorted(set(self.stubborn)))
            said += f" {names} caught CancelledError and went on, until the event loop was closed."
        self.executor.shutdown(wait=False)
        last = monotonic() + ANSWER
        for thread in self.executor._threads:  # they end by themselves, but for a long call
            thread.join(max(0.0, last - monotonic()))
        busy = [thread for thread in self.executor._threads if thread.is_alive()]
        if threads := sorted(busy, key=lambda thread: thread.name):
            from ..ending import wait_graph

            left |= end_threads(threads, lambda thread: not wait_graph.idle(thread))
        return f"{said} {not_stopped(left)}".strip()

    def _tell(self) -> str:
        """Cancel the workers; who holds up the loop so that it does not hear of it."""
        workers = [task for task in asyncio.all_tasks(self.loop) if task.get_name() in self.names]
        before = asyncio.current_task(self.loop)
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._cancel, workers)
        if self.looked_up.wait(ANSWER) or before is None:
            return ""
        if asyncio.current_task(self.loop) is not before:
            return ""
        return f"{before.get_name()} held up all others: it did not come to an await."


# ------------------------------------------------------------------- its loop


# That of Windows has no limit of 512 sockets, as `select` has there.
_Base: Any = getattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop)


class _Loop(_Base):  # type: ignore[misc]
    """Refuses callbacks of other threads, which asyncio notices in its debug mode only."""

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        if self._thread_id not in (None, threading.get_ident()):
            raise RuntimeError(
                "a callback was given to the event loop by another thread, which the loop may "
                "never notice: use call_soon_threadsafe or asyncio.run_coroutine_threadsafe"
            )
        return super().call_soon(callback, *args, context=context)


class _Watched(asyncio.SelectorEventLoop):
    """Records, on a lane of its own, when the loop's thread runs what is ready."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(_Selector(timeline))


class _Selector(selectors.DefaultSelector):
    """Where an event loop waits for what is next; between two waits it is at work."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self.since: tuple[int, int] | None = None

    def select(self, timeout: float | None = None) -> Any:
        if self.since is not None:
            start, cpu = self.since
            stop = perf_counter_ns()
            cpu = min(stop - start, thread_time_ns() - cpu)
            self.timeline.add("runs", LOOP, start, stop, cpu)
        try:
            return super().select(timeout)
        finally:
            self.since = perf_counter_ns(), thread_time_ns()
