"""The same work on one worker or many, recorded on a timeline.

`run(work, items, workers=4, using="threads")` hands `items` to workers: threads
or asyncio's tasks of this process, interpreters in it, processes of their own, or
any `concurrent.futures.Executor`. It always ends: by its deadline, by the Stop of
a panel, by the first error; and it leaves no worker behind.

One item is in a worker's hands at a time, and every process has a pipe of its
own. So a worker that is killed cannot hang the others, which happens with the
shared queue of `multiprocessing.Pool`, and it is known which item it had.

Not meant for production: there is no retry, and nothing is sent in batches.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from time import monotonic, perf_counter_ns, sleep
from typing import Any, NamedTuple, Protocol

from ..ending import (
    GRACE,
    InOneSentence,
    WorkerStopped,
    end_processes,
    end_threads,
    not_stopped,
)
from ..ending.interrupts import whole
from ..ending.under_way import noted
from ..timeline import STOPPED, Timeline, outcome_of
from .door import MOST as MOST
from .door import brief, check, check_timeout, interpreters_are_there, listed, must_be_importable
from .errors import Died
from .errors import RunError as RunError
from .errors import Stopped as Stopped
from .job import drain
from .serving import in_a_process

PROCESSES = ("spawn", "forkserver", "fork")
USING = ("serial", "threads", "tasks", "interpreters", "processes", *PROCESSES)


@noted
def run(
    work: Callable[[Any], Any],
    items: Iterable[Any],
    workers: int = 4,
    using: Any = "threads",
    *,
    timeline: Timeline | None = None,
    timeout: float = 60.0,
    startup: bool = False,
    keep_going: bool = False,
    loop: bool = False,
) -> Timeline:
    """Call `work(item)` for every item and record it; the results are in `.results`.

    `using` is "serial" (one thread), "threads", "tasks" (`work` is then an async
    function; the event loop has a thread of its own), "interpreters" (threads with an
    interpreter each, since Python 3.14), "processes" (the start method "spawn", which
    every system has), "spawn", "forkserver", "fork", or an `Executor`, which then
    decides on the number of workers. All workers are up before the first item is
    handed out, and each has one before any has two; `startup=True` records a span
    "start" for each process or interpreter, and `loop=True`, on a lane of its own,
    each stretch in which the event loop runs what is ready.

    Results stand in the order of items. The first error, a worker that died, or
    `timeout` seconds passing stops all workers and raises RunError; with
    `keep_going=True` an item that fails stops nothing, everything else is done
    first; a worker that cannot start stops all even then. Raises ValueError for
    arguments that cannot work, before anything has started.
    """
    crew_of = _crew(using, work)
    check(work, items, workers, using)
    check_timeout(timeout)
    if loop and using != "tasks":
        raise ValueError('loop can be True where using is "tasks": nobody else has an event loop')
    timeline = timeline if timeline is not None else Timeline()
    job = _Job(work, listed(items), timeline, startup, loop)
    job.timeline.results = job.results
    crew = crew_of(job, min(workers, len(job.items)))
    outer = supervisor()
    deadline = monotonic() + timeout
    done = 0
    failure: BaseException | None = None
    failures: list[RunError] = []
    try:
        with all_are_started(job.timeline):
            crew.start()
        while done < len(job.items):
            for index, error, result in crew.wait(0.05):
                if error is not None:
                    failures.append(job.failed(index, error))
                    job.in_hand.pop(index, None)
                    if not keep_going:
                        raise failures[0]
                job.results[index] = result
                done += 1
            outer.progress(done, len(job.items))
            if outer.stop.is_set():
                raise Stopped(f"Stopped, with {done} of {len(job.items)} items done.", job.timeline)
            if monotonic() > deadline and done < len(job.items):
                raise job.too_late(timeout, done)
        if failures:
            raise first_of(failures)
    except RunError as error:
        failure = error
        failure.failures = failures
        raise
    except BaseException as error:
        failure = error
        raise
    finally:
        if (said := crew.stop()) and failure:
            add_sentence(failure, said)
    return job.timeline


@contextmanager
def all_are_started(timeline: Timeline) -> Iterator[None]:
    """RunError where the system refuses one: it has limits for threads, processes, open files."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, InOneSentence):
            raise
        why = f"Not all workers could be started: {outcome_of(error).removesuffix('.')}"
        raise RunError(f"{why}. Those that were are told to stop.", timeline) from error


def add_sentence(error: BaseException, sentence: str) -> None:
    """Say one more thing: at the end of an error of ours, below another, such as an interrupt."""
    if isinstance(error, RunError):
        error.args = (f"{error} {sentence}",)
    else:
        error.add_note(sentence)


def first_of(failures: list[RunError]) -> RunError:
    """The error of the first item that could not be done; all others are done or failed, too."""
    failures.sort(key=lambda failure: failure.index)
    first, *others = failures
    many = f"{len(others)} other item{'s' * (len(others) > 1)} failed as well. " if others else ""
    first.args = (f"{first} {many}Everything else is done.",)
    return first


class Supervisor(NamedTuple):
    """What a panel holds on to while a run is under way."""

    stop: threading.Event
    progress: Callable[[int, int], None]


_supervisor: ContextVar[Supervisor] = ContextVar("supervisor")
_NOBODY = Supervisor(threading.Event(), lambda done, total: None)


def supervisor() -> Supervisor:
    """That of the panel around this call, or nobody's."""
    return _supervisor.get(_NOBODY)


@contextmanager
def controlled(
    stop: threading.Event, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[None]:
    """Make every `run` inside end soon after `stop` is set, and report (done, total)."""
    token = _supervisor.set(Supervisor(stop, progress))
    try:
        yield
    finally:
        _supervisor.reset(token)


def _crew(using: Any, work: Any) -> Callable[[_Job, int], _Crew]:
    if isinstance(using, type) and hasattr(using, "submit"):
        raise ValueError(
            f"using must be an Executor that was made: {using.__name__}(4), not a class"
        )
    if hasattr(using, "get_executor"):
        raise ValueError("using must be an Executor: client.get_executor(), not the client")
    if type(using).__name__ == "ClientExecutor":  # nothing of Dask is imported to find out
        from .cluster import Cluster

        return lambda job, workers: Cluster(job, using)
    if hasattr(using, "submit"):
        return lambda job, workers: _Futures(job, using)
    if using in ("serial", "threads"):
        return lambda job, workers: _Threads(
            job, ["serial"] if using == "serial" else _names(workers)
        )
    if using not in USING:
        known = ", ".join(f'"{name}"' for name in USING)
        raise ValueError(f"using must be one of {known} or an Executor, not {brief(using)}")
    if using == "tasks":
        return lambda job, workers: _Tasks(job, _names(workers))
    if using == "interpreters":
        interpreters_are_there()
        must_be_importable(work, by="another interpreter")
        return lambda job, workers: _Interpreters(job, _names(workers))
    method = "spawn" if using == "processes" else using
    from multiprocessing import get_all_start_methods

    if method not in get_all_start_methods():
        known = " or ".join(f'"{name}"' for name in get_all_start_methods())
        raise ValueError(f'using must be {known} on this system, not "{method}"')
    if method != "fork":
        must_be_importable(work)
    return lambda job, workers: _Processes(job, _names(workers), method)


def _names(workers: int) -> list[str]:
    return [f"worker {n + 1}" for n in range(workers)]


# ---------------------------------------------------------------- the job


class _Job:
    """What is to be done, what is done, and what each worker has in its hands."""

    def __init__(
        self, work: Any, items: list[Any], timeline: Timeline, startup: bool, loop: bool
    ) -> None:
        self.work, self.items, self.timeline = work, items, timeline
        self.startup, self.loop = startup, loop  # whether these are recorded
        self.call = timeline.wrap(work)
        self.results: list[Any] = [None] * len(items)
        self.in_hand: dict[int, tuple[str, int]] = {}  # index: (worker, since)
        self.if_nobody_works = "not all workers had started"

    def failed(self, index: int, error: BaseException) -> RunError:
        item = self.items[index]
        worker, _ = self.in_hand.get(index, ("", 0))
        which = f"item {index + 1} of {len(self.items)} ({brief(item)})"
        if isinstance(error, Died):
            sentence = f"{worker} died ({error}) while it worked on {which}."
        else:
            where = f" in {worker}" if worker else ""
            sentence = f"{which} failed{where}: {outcome_of(error).removesuffix('.')}."
        failure = RunError(sentence[0].upper() + sentence[1:], self.timeline, index, item)
        failure.__cause__ = error
        return failure

    def too_late(self, timeout: float, done: int) -> RunError:
        sentence = f"Not finished after {timeout:g} s: {done} of {len(self.items)} items done"
        index = -1
        if not self.in_hand:
            sentence += f", and {self.if_nobody_works}"
        else:
            index, (worker, _) = min(self.in_hand.items())
            item = f"item {index + 1} ({brief(self.items[index])})"
            sentence += f", {worker} is still at {item}. All workers were told to stop"
        at = self.items[index] if index >= 0 else None
        error = RunError(sentence + ".", self.timeline, index, at)
        error.__cause__ = TimeoutError(f"{timeout:g} s have passed")
        return error


Finished = tuple[int, BaseException | None, Any]  # index of the item, error, result


class _Crew(Protocol):
    """Workers of one kind."""

    def start(self) -> None: ...

    def wait(self, seconds: float) -> Iterable[Finished]:
        """What has been finished, waiting at most `seconds` for the first."""
        ...

    def stop(self) -> str:
        """End all workers; a sentence on those that did not end as they were told, or nothing."""
        ...


# ---------------------------------------------------------------- threads


class _Threads:
    def __init__(self, job: _Job, names: Sequence[str]) -> None:
        self.job = job
        self.first = dict(zip(names, range(len(job.items)), strict=False))  # everybody has one
        self.todo: SimpleQueue[int] = SimpleQueue()
        self.done: SimpleQueue[Finished] = SimpleQueue()
        self.all_up = threading.Event()
        self.threads = [threading.Thread(target=self._work, name=n, daemon=True) for n in names]

    @whole
    def start(self) -> None:
        for index in range(len(self.first), len(self.job.items)):
            self.todo.put(index)
        for n, thread in enumerate(self.threads):
            try:
                thread.start()
            except RuntimeError as error:
                many = f"{n} of {len(self.threads)} threads"
                sentence = f"This computer let no more than {many} start."
                raise RunError(sentence, self.job.timeline) from error
        self.all_up.set()

    def _work(self) -> None:
        with suppress(Empty, WorkerStopped):
            self.all_up.wait()
            first = self.first.pop(threading.current_thread().name, None)
            if first is not None:  # it was not taken back
                self._one(first)
            while True:
                self._one(self.todo.get_nowait())

    def _one(self, index: int) -> None:
        job = self.job
        job.in_hand[index] = (threading.current_thread().name, perf_counter_ns())
        try:
            result = job.call(job.items[index])
        except WorkerStopped:
            raise
        except BaseException as error:
            self.done.put((index, error, None))
        else:
            job.in_hand.pop(index)
            self.done.put((index, None, result))

    def wait(self, seconds: float) -> Iterable[Finished]:
        return drain(self.done, seconds)

    @whole
    def stop(self) -> str:
        """Take back what nobody has begun; who has an item is told to end."""
        self.first.clear()
        with suppress(Empty):
            while True:
                self.todo.get_nowait()
        self.all_up.set()
        return not_stopped(end_threads(self.threads, self._has_item))

    def _has_item(self, thread: threading.Thread) -> bool:
        return any(name == thread.name for name, _ in list(self.job.in_hand.values()))


# ------------------------------------------------------------------ tasks


class _Tasks:
    def __init__(self, job: _Job, names: Sequence[str]) -> None:
        from .tasks import Tasks  # asyncio is slow to import, and workers import this module

        self.tasks = Tasks(job, names, job.loop)
        self.start, self.wait, self.stop = self.tasks.start, self.tasks.wait, self.tasks.stop


# -------------------------------------------------------------- processes


class _Processes:
    kind = "a process"

    def __init__(self, job: _Job, names: Sequence[str], method: str) -> None:
        from multiprocessing import get_context

        self.job, self.names = job, names
        self.context: Any = get_context(method)
        self.todo = iter(range(len(job.items)))
        self.workers: dict[Any, Any] = {}  # pipe: process
        self.at: dict[Any, int] = {}  # pipe: index of the item in hand
        self.starting: dict[Any, int] = {}  # pipe: since

    @whole
    def start(self) -> None:
        from ..work import calibration

        self.job.timeline._make_folder()  # a fork cannot say that there is none
        for name in self.names:
            since, (pipe, worker) = perf_counter_ns(), self._begin(name, calibration())
            self.starting[pipe], self.workers[pipe] = since, worker

    def _begin(self, name: str, calibration: str) -> tuple[Any, Any]:
        """Our end of the pipe to a new worker, and the worker."""
        ours, theirs = self.context.Pipe()
        inherited = [*self.workers, ours] if self.context.get_start_method() == "fork" else []
        arguments = (theirs, inherited, self.job.call, calibration)
        process = self.context.Process(target=in_a_process, args=arguments, name=name, daemon=True)
        try:
            process.start()
        except BaseException:  # the traceback keeps it alive, and files are short
            ours.close()
            raise
        finally:
            theirs.close()
        return ours, process

    def wait(self, seconds: float) -> Iterable[Finished]:
        from multiprocessing.connection import wait

        if not self.workers:  # every one has died of its item, and there are others to do
            self.start()
        ready: list[Any] = wait(list(self.workers), seconds)
        for pipe in ready:
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                yield from self._died(pipe)
                continue
            except Exception as error:  # it came whole
                why = f"what it returned cannot be unpickled ({outcome_of(error)})"
                message = (ValueError(why), None)
            if pipe in self.starting:
                yield from self._is_up(pipe, message)
            else:
                index = self.at.pop(pipe)
                yield index, *message
                self.job.in_hand.pop(index, None)
                yield from self._hand_out(pipe)
        if not ready:  # a pipe stays open where another fork has a copy of it
            for pipe, process in list(self.workers.items()):
                if process.exitcode is not None and not pipe.poll():
                    yield from self._died(pipe)

    def _is_up(self, pipe: Any, error: BaseException | None) -> Iterable[Finished]:
        since, process = self.starting.pop(pipe), self.workers[pipe]
        if error is not None:
            raise self._no_start(process, outcome_of(error).removesuffix(".")) from error
        if self.job.startup:
            now = perf_counter_ns()
            self.job.timeline.add("start", process.name, since, now, pid=process.pid)
        if not self.starting:
            for idle in list(self.workers):
                yield from self._hand_out(idle)

    def _hand_out(self, pipe: Any) -> Iterable[Finished]:
        index = next(self.todo, None)
        if index is None:
            return
        self.at[pipe] = index
        self.job.in_hand[index] = (self.workers[pipe].name, perf_counter_ns())
        try:
            pipe.send(self.job.items[index])
        except (BrokenPipeError, ConnectionError):
            yield from self._died(pipe)
        except Exception as error:
            self.at.pop(pipe)
            why = f"it cannot be sent to {self.kind} ({outcome_of(error)})"
            yield index, ValueError(why), None
            yield from self._hand_out(pipe)

    def _died(self, pipe: Any) -> Iterable[Finished]:
        process = self.workers.pop(pipe)
        process.join(GRACE)
        how = _how(process.exitcode)
        if pipe in self.starting:
            sleep(GRACE / 10)  # an interrupt that has ended it may be on its way to us
            raise self._no_start(process, how)
        if pipe in self.at:
            self._record_open(pipe, process, f"died: {how}")
            yield self.at.pop(pipe), Died(how), None

    def _no_start(self, process: Any, why: str) -> RunError:
        said = f"{process.name} could not start ({why}). All workers were told to stop."
        return RunError(said, self.job.timeline)

    def _record_open(self, pipe: Any, process: Any, outcome: str) -> None:
        """The span a worker was in when it ended, which it could not record itself."""
        _, since = self.job.in_hand[self.at[pipe]]
        name, now = self.job.call.name, perf_counter_ns()
        self.job.timeline.add(name, process.name, since, now, outcome=outcome, pid=process.pid)

    @whole
    def stop(self) -> str:
        left = [process.name for process in end_processes(self.workers.values())]
        for pipe, process in self.workers.items():
            if pipe in self.at:
                self._record_open(pipe, process, STOPPED)
            pipe.close()
        self.workers.clear()
        return not_stopped(dict.fromkeys(left, "ends with its call"))


class _Interpreters(_Processes):
    """The same in this process: each worker is a thread with an interpreter of its own."""

    kind = "another interpreter"

    def __init__(self, job: _Job, names: Sequence[str]) -> None:
        super().__init__(job, names, "spawn")

    def _begin(self, name: str, calibration: str) -> tuple[Any, Any]:
        from .interpreters import Worker

        worker = Worker(name, self.job.call, calibration)
        worker.start()
        return worker.pipe, worker

    def _record_open(self, pipe: Any, process: Any, outcome: str) -> None:
        if process.is_alive():  # who has ended has recorded it
            super()._record_open(pipe, process, outcome)


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-exitcode).name}"
    return f"exit code {exitcode}"


# -------------------------------------------------------------- executors


class _Futures:
    """Any Executor. It is not ours: what it has begun cannot be ended, only awaited."""

    def __init__(self, job: _Job, executor: Any) -> None:
        self.job, self.executor = job, executor
        self.futures: list[Any] = []
        self.done: SimpleQueue[int] = SimpleQueue()

    def start(self) -> None:
        for index, item in enumerate(self.job.items):
            try:
                future = self.executor.submit(self.job.call, item)
            except RuntimeError as error:  # it is shut down, or broken
                why = f"The executor takes no more items: {outcome_of(error)}"
                raise RunError(f"{why}.", self.job.timeline, index, item) from error
            future.add_done_callback(lambda _, index=index: self.done.put(index))
            self.futures.append(future)

    def wait(self, seconds: float) -> Iterable[Finished]:
        for index in drain(self.done, seconds):
            error = self.futures[index].exception()
            yield index, error, None if error else self.futures[index].result()

    @whole
    def stop(self) -> str:
        from concurrent.futures import wait

        running = [future for future in self.futures if not future.cancel()]
        late = wait(running, GRACE).not_done if running else []
        return not_stopped(
            {f"{len(late)} items of the executor": "end with their calls"} if late else {}
        )
