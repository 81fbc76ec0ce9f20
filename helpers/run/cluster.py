"""The workers of a Dask cluster: who has which item, all on one clock, and how they are ended.

A worker says when it begins an item and when it has ended it, by events, which the
scheduler passes on in their order; the scheduler says which worker is gone. So a span
is known though its worker is killed in it, and an item that is done again is two spans.

Two computers have two clocks. How far another one is from ours is measured by round
trips: our time in the middle of the shortest is the worker's reading, give or take
half of that trip.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import platform
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from itertools import count
from queue import SimpleQueue
from time import monotonic, perf_counter_ns
from typing import Any, NamedTuple

from ..ending import GRACE, LOOK, WorkerStopped, not_stopped, tell
from ..ending.interrupts import whole
from ..timeline import STOPPED, Timeline, outcome_of
from .errors import Died, RunError
from .job import Job, drain

ROUNDS = 5  # trips to a worker, of which the shortest counts
ANSWER = 5.0  # seconds that a worker may take for a trip: it may be at work
GONE = "its worker is gone"


class Attempt(NamedTuple):
    """An item in a worker's hands."""

    worker: str  # its address
    lane: str
    pid: int
    start: int  # on our clock


class Clock(NamedTuple):
    """How far a computer's clock is ahead of ours, in nanoseconds, and within what."""

    ahead: int
    within: int


class Cluster:
    """All workers of an executor's cluster; `wait` gives (index, error, result) of each item."""

    def __init__(self, job: Any, executor: Any) -> None:
        self.job: Job = job
        job.if_nobody_works = "no worker of the cluster has begun one of them"
        self.executor, self.client = executor, executor._client
        self.topic = f"course-{os.getpid()}-{next(_runs)}"
        self.call = Call(self.topic, _work(job.work), job.call.name, job.timeline.cpu)
        self.heard: SimpleQueue[Any] = SimpleQueue()
        self.topics: list[str] = []  # that are listened to
        self.futures: list[Any] = []
        self.at: dict[int, Attempt] = {}
        self.lanes: dict[str, str] = {}  # of each worker, by its address
        self.clocks: dict[str, Clock] = {MACHINE: Clock(0, 0)}

    @whole
    def start(self) -> None:
        if self.client.status != "running":
            raise self._lost(
                f"The client of this executor is {self.client.status}: make another one."
            )
        self._compare_clocks(None)
        for topic in (self.topic, "all"):
            self.client.subscribe_topic(topic, self.heard.put)
            self.topics.append(topic)
        for index, item in enumerate(self.job.items):
            try:
                sent = item if _stands_for_data(item) else Sent(_pickled(item))
            except Exception as error:
                why = f"it cannot be sent to a worker ({outcome_of(error)})"
                self.heard.put((index, ValueError(why)))
                continue
            future = self.executor.submit(self.call, index, sent, key=f"{self.topic}-{index}")
            self.futures.append(future)
            future.add_done_callback(lambda it, index=index: self.heard.put((index, it)))

    def wait(self, seconds: float) -> Iterable[tuple[int, BaseException | None, Any]]:
        for first, second in drain(self.heard, seconds):
            if isinstance(second, dict):
                self._take(second)  # an event: when, and what
            elif isinstance(second, BaseException):
                yield first, second, None
            else:
                yield first, *self._answer(first, second)
        if self.client.status != "running":
            raise self._lost(f"The cluster at {_address(self.client)} does not answer any more.")

    def _lost(self, sentence: str) -> RunError:
        return RunError(sentence, self.job.timeline)

    def _answer(self, index: int, future: Any) -> tuple[BaseException | None, Any]:
        if future.cancelled():
            raise self._lost(
                f"The cluster at {_address(self.client)} has cancelled item {index + 1}: it has "
                "ended, or somebody else has taken the work back."
            )
        error = future.exception()
        if error is None:
            try:
                return None, pickle.loads(future.result())
            except Exception as slip:
                why = f"what it returned cannot be unpickled ({outcome_of(slip)})"
                return ValueError(why), None
        if type(error).__name__ == "KilledWorker":
            others = error.allowed_failures
            before = f"as did {others} other worker{'s' * (others > 1)} before it"
            return Died(before if others else "the cluster does not try it again"), None
        return error, None

    # --------------------------------------------------------- what is heard

    def _take(self, message: dict[str, Any]) -> None:
        if "begins" in message:
            clock = self._clock(message)
            start = message["start"] - clock.ahead
            found = Attempt(message["worker"], message["lane"], message["pid"], start)
            self.lanes[found.worker] = found.lane
            self._close(message["begins"], f"died: {GONE}")  # nobody has told
            self.at[message["begins"]] = found
            self.job.in_hand[message["begins"]] = (found.lane, found.start)
        elif "ends" in message:
            self._record(message, self._clock(message))
        elif message.get("action") == "remove-worker":
            self._gone(message["worker"], message["processing-tasks"])

    def _gone(self, worker: str, keys: Iterable[str]) -> None:
        """A worker was lost; if it had begun an item, its word of that may be lost as well."""
        mine = [index for index, attempt in self.at.items() if attempt.worker == worker]
        for index in mine:
            self._close(index, f"died: {GONE}")
        ours = [key for key in keys if key.startswith(f"{self.topic}-")]
        now = perf_counter_ns()
        for index in [int(key.rpartition("-")[2]) for key in ours] if not mine else []:
            self.job.in_hand[index] = (self.lanes.get(worker, f"the worker at {worker}"), now)

    def _record(self, message: dict[str, Any], clock: Clock) -> None:
        index, (name, start, stop, cpu, outcome, slept) = message["ends"], message["span"]
        attempt = self.at.get(index)
        if attempt is not None and attempt.worker == message["worker"]:
            del self.at[index]
            if outcome == "ok":
                self.job.in_hand.pop(index, None)
        start, stop = start - clock.ahead, stop - clock.ahead
        pid, lane = message["pid"], message["lane"]
        self.job.timeline.add(name, lane, start, stop, cpu, outcome, pid, slept)

    def _close(self, index: int, outcome: str) -> None:
        """Record the span that a worker was in, and cannot record."""
        attempt = self.at.pop(index, None)
        if attempt is not None:
            now = max(perf_counter_ns(), attempt.start)
            self.job.timeline.add(
                *(self.job.call.name, attempt.lane, attempt.start, now),
                outcome=outcome,
                pid=attempt.pid,
            )

    # ----------------------------------------------------------------- clocks

    def _clock(self, message: dict[str, Any]) -> Clock:
        """That of the worker's computer; of one that is new, it is measured now."""
        if message["machine"] not in self.clocks:
            with suppress(RunError):
                self._compare_clocks([message["worker"]])
        return self.clocks.setdefault(message["machine"], Clock(0, 0))

    def _compare_clocks(self, workers: list[str] | None) -> None:
        """Ask the workers what time it is, until it is known of each of their computers."""
        found: dict[str, list[Clock]] = {}
        for _ in range(ROUNDS):
            sent = perf_counter_ns()
            answers = self._asked(_look, workers)
            within = (perf_counter_ns() - sent) // 2
            for address, (lane, machine, reading) in answers.items():
                self.lanes[address] = lane
                found.setdefault(machine, []).append(Clock(reading - sent - within, within))
            if found.keys() <= self.clocks.keys():
                return
        for machine, clocks in found.items():
            best = min(clocks, key=lambda clock: clock.within)
            self.clocks.setdefault(machine, best)
        within = max(clock.within for clock in self.clocks.values())
        self.job.timeline.within = max(self.job.timeline.within, within)

    def _asked(self, function: Any, workers: list[str] | None, *args: Any) -> dict[str, Any]:
        """What each of these workers, or of all, gives; RunError where one cannot."""
        try:
            answers: dict[str, Any] = self.client.run(
                function, *args, workers=workers, callback_timeout=ANSWER
            )
        except ModuleNotFoundError as error:
            raise self._lost(
                f"The workers at {_address(self.client)} cannot import {error.name}: install the "
                "course's package in their Python, pip install --no-deps -e . in its folder."
            ) from error
        except Exception as error:
            why = outcome_of(error)
            raise self._lost(
                f"The workers at {_address(self.client)} do not answer: {why}."
            ) from error
        return answers

    # -------------------------------------------------------------- the end

    @whole
    def stop(self) -> str:
        """Take back what nobody has begun; who has an item is told to end."""
        if self.client.status != "running":
            self._close_all(f"died: {GONE}")
            return ""
        for future in self.futures:
            future.cancel()
        last = monotonic() + GRACE
        self._hear_out(LOOK)
        while self.at and monotonic() < last:
            with suppress(RunError):
                workers = sorted({attempt.worker for attempt in self.at.values()})
                self._asked(_end, workers, self.topic)
            self._hear_out(min(0.3, max(0.0, last - monotonic())))
        for topic in self.topics:
            self.client.unsubscribe_topic(topic)
        late = {attempt.lane: "ends with its call" for attempt in self.at.values()}
        self._close_all(STOPPED)
        return not_stopped(late)

    def _hear_out(self, seconds: float) -> None:
        """What is still on its way of those who have an item."""
        last = monotonic() + seconds
        while self.at and (left := last - monotonic()) > 0:
            for _, message in drain(self.heard, left):
                if isinstance(message, dict):
                    self._take(message)

    def _close_all(self, outcome: str) -> None:
        for index in list(self.at):
            self._close(index, outcome)


def _address(client: Any) -> str:
    return str(getattr(client.scheduler, "address", "its address"))


def _stands_for_data(item: Any) -> bool:
    """Whether it is a future of Dask: data that is with the workers already."""
    from distributed import Future

    return isinstance(item, Future)


def _work(work: Any) -> bytes:
    try:
        return _pickled(work)
    except Exception as error:
        why = outcome_of(error)
        raise ValueError(f"work must be a function that can be pickled ({why})") from error


def _pickled(value: Any) -> bytes:
    """By value what a cell defines, by name what a module does."""
    from cloudpickle import dumps

    data: bytes = dumps(value)
    return data


_runs = count()


# ------------------------------------------------------------ in the workers


def _time_namespace() -> str:
    """On Linux two containers of one computer may have two clocks."""
    with suppress(OSError, AttributeError):
        return os.readlink("/proc/self/ns/time")
    return ""


MACHINE = f"{platform.node()} {_time_namespace()}".strip()  # what has one clock


class Sent(NamedTuple):
    """An item on its way."""

    data: bytes


class Call:
    """The work, for a worker: it says what it is at, and gives the pickled result."""

    def __init__(self, topic: str, work: bytes, name: str, cpu: bool) -> None:
        self.topic, self.work, self.name, self.cpu = topic, work, name, cpu

    def __call__(self, index: int, item: Any) -> bytes:
        from distributed import get_worker

        worker: Any = get_worker()
        who = {"worker": worker.address, "lane": _lane(worker), "pid": os.getpid()}
        who["machine"] = MACHINE
        timeline = Timeline(self.cpu)
        start = perf_counter_ns()
        worker.log_event(self.topic, {**who, "begins": index, "start": start})
        try:
            with _can_be_ended(self.topic), timeline.span(self.name):
                return self._done(item)
        finally:
            [(name, _, start, stop, cpu, outcome, _, slept)] = timeline._rows
            span = [name, start, stop, cpu, _plain(outcome), slept]
            worker.log_event(self.topic, {**who, "ends": index, "span": span})

    def _done(self, item: Any) -> bytes:
        work = _unpickled(self.work)
        result = work(pickle.loads(item.data) if isinstance(item, Sent) else item)
        try:
            return _pickled(result)
        except Exception as error:
            what = type(result).__name__
            raise TypeError(
                f"it returned a {what}, which cannot be sent back ({outcome_of(error)})"
            ) from None


@lru_cache(maxsize=8)
def _unpickled(data: bytes) -> Any:
    return pickle.loads(data)


def _plain(text: str) -> str:
    return text.encode(errors="replace").decode()


def _name(worker: Any) -> str:
    return f"worker {worker.name}" if isinstance(worker.name, int) else str(worker.name)


def _lane(worker: Any) -> str:
    """Its name, and which of its threads this is, where it has several."""
    if worker.state.nthreads == 1:
        return _name(worker)
    return f"{_name(worker)}, thread {threading.current_thread().name.rpartition('-')[2]}"


def _look(dask_worker: Any) -> tuple[str, str, int]:
    """Who it is, whose clock it has, and what that shows."""
    return _name(dask_worker), MACHINE, perf_counter_ns()


_at_work: dict[threading.Thread, str] = {}
_lock = threading.Lock()  # nobody is told to end who has just ended


class _can_be_ended:
    """A `with` block in which `_end` can end this thread's work."""

    def __init__(self, topic: str) -> None:
        self.topic, self.thread = topic, threading.current_thread()

    def __enter__(self) -> None:
        with _lock:
            _at_work[self.thread] = self.topic

    def __exit__(self, *_: object) -> None:
        with _lock:
            del _at_work[self.thread]
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread.ident or 0), None)


def _end(topic: str) -> None:
    """End what this worker does for the run of that topic."""
    with _lock:
        for thread, of in _at_work.items():
            if of == topic:
                tell(thread, WorkerStopped)
