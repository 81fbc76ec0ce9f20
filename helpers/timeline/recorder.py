"""Who did what, when: spans of threads, tasks and processes on one clock.

A `Timeline` records; a `Span` is what you read back. Recording appends one
plain tuple to one list, without a lock. Other processes append to a file of
their own in the timeline's folder, one `os.write` per span, so a worker that
is killed loses at most the span it was in.

Deliberately absent: a global timeline, levels, background threads, queues.
Pictures are made in `svg` and `png`, files for other tools in `chrome`.

>>> tl = Timeline()
>>> with tl.span("load"):
...     pass
>>> [span.name for span in tl.spans]
['load']
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from functools import lru_cache
from multiprocessing.util import Finalize, register_after_fork
from operator import itemgetter
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

from .. import orphans as orphans  # whoever records in another process ends with its parent
from ..ending import InOneSentence
from ..folders import prefix
from .files import Recorded, SpanFile, files_in, from_file, from_rows, spans_of
from .measures import (
    FOR_NUMPY,
    LOOP,
    STOPPED,
    UNKNOWN,
    Span,
    at_work,
    length,
    merge,
    merged,
    outcome_of,
    outermost,
)

if TYPE_CHECKING:
    from .columns import Columns
    from .queue_length import Depth

NEAR = 5_000  # ns; a reading of the CPU clock this old is still good


class NoFolder(InOneSentence, OSError):
    """No temporary folder can be made, as where the disk is full."""

    def __str__(self) -> str:
        return str(self.strerror)


class Timeline:
    """Records spans and answers questions about them.

    `Timeline(cpu=False)` leaves the CPU share out and costs less per span.
    A pickled timeline is a promise to write into the same folder, so it can be
    handed to any process of this machine.
    """

    def __init__(self, cpu: bool = True) -> None:
        self.cpu = cpu
        self._recorder = _CpuRecorder if cpu else _Recorder
        self.results: list[Any] = []
        self.depths: dict[str, Depth] = {}  # of queues, by name; see `queues`
        self.turns: int | None = None  # see `takes`
        self.within = 0  # nanoseconds: how well the clocks of other computers are known
        self._rows: list[Recorded] = []
        self._record: Callable[[Recorded], None] = self._rows.append
        self._place: dict[str, str] = {}  # its folder, once there is one
        self._read: tuple[Any, list[Span], dict[str, list[Span]]] = (None, [], {})
        _timelines.add(self)

    # ------------------------------------------------------------ recording

    def span(self, name: str) -> _Recorder:
        """Record the body of `with tl.span(name):`, in any thread.

        In a task write `async with`: the lane is then the task's. An exception
        is recorded and goes on.
        """
        recorder = _new(self._recorder)  # an __init__ would cost a tenth more
        recorder.record = self._record
        recorder.name = name
        return recorder

    def wrap(self, function: Callable[..., Any], name: str = "") -> Wrapped:
        """A picklable `function` that records every call as a span.

        Works with any executor and any start method: `pool.map(tl.wrap(f), items)`.
        """
        return Wrapped(self, function, name or _name_of(function))

    def steps(self, coroutine: Coroutine[Any, Any, Any], name: str = "step") -> _Steps:
        """Await `coroutine`, recording each stretch that it really ran."""
        return _Steps(self, coroutine, name)

    def add(
        self,
        name: str,
        lane: str,
        start: int,
        stop: int,
        cpu_time: int = UNKNOWN,
        outcome: str = "ok",
        pid: int | None = None,
        slept: int = 0,
    ) -> None:
        """Record a span that was measured elsewhere; times in nanoseconds.

        Raises ValueError where `stop` comes before `start`.
        """
        if stop < start:
            raise ValueError(f"stop must not be before start, not {stop} < {start}")
        self._record((name, lane, start, stop, cpu_time, outcome, pid, slept))

    # -------------------------------------------------------------- reading

    @property
    def spans(self) -> list[Span]:
        """All spans that have ended, by start; an outer span before its inner ones."""
        files = files_in(self._folder)
        seen = (len(self._rows), [size for _, size in files])
        if self._read[0] != seen:
            parts = [from_file(path, size) for path, size in files]
            spans = spans_of([from_rows(self._rows[: seen[0]]), *parts])
            self._read = (seen, spans, {})
        return self._read[1]

    def lanes(self) -> dict[str, list[Span]]:
        """The spans of each worker, by its name, in order of first start."""
        self.spans  # noqa: B018  # are read
        _, spans, lanes = self._read
        if not lanes:
            found: dict[str, list[Span]] = {}
            for span in spans:
                found.setdefault(span.lane, []).append(span)
            lanes.update(found)  # in one step: several threads may ask at once
        return lanes

    def workers(self) -> dict[str, list[Span]]:
        """The lanes but that of an event loop, which runs what its tasks do."""
        return {lane: spans for lane, spans in self.lanes().items() if lane != LOOP}

    @property
    def elapsed(self) -> float:
        """Seconds from the first start to the last stop."""
        spans = self.spans
        return (max(map(itemgetter(4), spans)) - spans[0].start) / 1e9 if spans else 0.0

    @property
    def busy(self) -> float:
        """Seconds all lanes together were at work; a nested span adds nothing.

        At work is whoever is inside a span, unless it only waits at a lock or in a
        queue: the name of such a span begins with "waits at", "waits for" or "waits in".
        """
        if many := self._many():
            return many.busy / 1e9
        return sum(length(at_work(lane)) for lane in self.workers().values()) / 1e9

    def speedup(self, serial: Timeline) -> float:
        """How many times faster than `serial`, the same work done by one worker."""
        return serial.elapsed / self.elapsed if self.elapsed else 1.0

    def overlap(self, a: str, b: str) -> float:
        """Seconds during which a span named `a` and another named `b` were both open."""
        one, other = (merged(s for s in self.spans if s.name == n) for n in (a, b))
        return (length(one) + length(other) - length(merge(sorted([*one, *other])))) / 1e9

    def at_once(self) -> int:
        """The most lanes that were at work at the same moment; see `busy`."""
        if many := self._many():
            return many.at_once()
        edges = [
            edge
            for lane in self.workers().values()
            for start, stop in at_work(lane)
            for edge in ((start, 1), (stop, -1))
        ]
        return max(itertools.accumulate(step for _, step in sorted(edges)), default=0)

    def takes(self) -> dict[str, list[int]]:
        """When each lane began to run after another one had: the hand-overs, in nanoseconds.

        That is known where `turns` is not None: in a timeline of `gil.watch`, whose
        workers are always ready. It is the switch interval in nanoseconds that they
        had, or 0 where they took no turns.
        """
        takes: dict[str, list[int]] = {}
        ran = (span for span in self.spans if span.stop > span.start)
        for lane, spans in itertools.groupby(ran, key=itemgetter(1)):
            takes.setdefault(lane, []).append(next(spans).start)
        return takes

    def waits(self, lane: str) -> list[tuple[int, int]]:
        """From when to when, in nanoseconds, a lane was in no span; from the first start on."""
        start, stop = self.spans[0].start, max(map(itemgetter(4), self.spans))
        spans = merged(self.lanes()[lane])
        edges = [start, *itertools.chain.from_iterable(spans), stop]
        return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]

    def longest_wait(self) -> tuple[str, int, int]:
        """The lane that was without a turn for longest; from when to when, in nanoseconds."""
        waits = [(lane, *wait) for lane in self.lanes() for wait in self.waits(lane)]
        return max(waits, key=lambda wait: wait[2] - wait[1], default=(self.spans[0].lane, 0, 0))

    def cpu_share(self) -> float | None:
        """What part of its spans' time they were on a CPU, 0 to 1; None: unknown."""
        on_cpu, known = self._cpu()
        return on_cpu / known if known else None

    def _cpu(self) -> tuple[int, int]:
        """CPU time and length, in nanoseconds, of the outermost spans that know the former."""
        if many := self._many():
            return many.cpu_time, many.cpu_wall
        outer = [s for lane in self.workers().values() for s in outermost(lane)]
        known = [s for s in outer if s.cpu_time >= 0]
        return sum(s.cpu_time for s in known), sum(s.stop - s.start for s in known)

    def _many(self) -> Columns | None:
        """NumPy's answers, where the definitions here would take seconds."""
        if len(self.spans) <= FOR_NUMPY:
            return None
        from .columns import columns

        return columns(self)

    # -------------------------------------------------------------- showing

    def describe(self) -> str:
        """One to three sentences: for people, screen readers and tests."""
        spans = self.spans
        if not spans:
            return "Nothing was recorded."
        text = [
            f"{_count(len(self.workers()), 'worker')}, {_count(len(spans), 'span')} in "
            f"{self.elapsed:.3g} s: at most {max(1, self.at_once())} at once, "
            f"{self.busy / max(self.elapsed, 1e-9):.1f} on average."
        ]
        if self.turns is not None:
            lane, begin, end = self.longest_wait()
            text.append(f"Longest without a turn: {lane}, {(end - begin) / 1e9:.3g} s.")
        elif (share := self.cpu_share()) is not None:
            text.append(f"In their spans they were on a CPU {share:.0%} of the time.")
        else:
            text.append("How much of it was CPU time is unknown.")
        if failed := [s for s in spans if s[6] != "ok"]:  # s.outcome, for a million
            worst = min(failed, key=lambda s: s.outcome == STOPPED)
            what = f"{worst.lane}, in {worst.name}: {worst.outcome}"
            text.append(f"{_count(len(failed), 'span')} did not end well ({what}).")
        start, stop = spans[0].start, max(map(itemgetter(4), spans))
        if LOOP in self.lanes():
            longest = max(span.seconds for span in self.lanes()[LOOP])
            text.append(f"The event loop was held up for {max(longest, 0.001):.3f} s at most.")
        if self.within:
            within = f"{self.within / 1e6:.2g} ms"
            text.append(f"The clock of another computer is known to within {within}.")
        text += [f"{name}: {depth.describe(start, stop)}" for name, depth in self.depths.items()]
        return " ".join(text)

    def plot(self, ax: Any = None, title: str = "") -> Any:
        """Draw with matplotlib on `ax` (default: a new figure); gives the Axes."""
        from .picture import plot

        return plot(self, ax, title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write Chrome trace JSON, which Perfetto and VizTracer open."""
        from .chrome import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Timeline:
        """Read what `save` wrote; ValueError in words where it cannot be read."""
        from .chrome import load

        return load(path)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from .picture import bundled

        return bundled(self)

    # ------------------------------------------------- across processes

    def __reduce__(self) -> tuple[Any, ...]:
        return _attached, (self._make_folder(), self.cpu)

    @property
    def _folder(self) -> str | None:
        return self._place.get("folder")

    def _make_folder(self) -> str:
        """The folder, made when it is first needed.

        Threads may come at once. Each makes a folder, the first one puts its own
        in the place, in one step, and the others take theirs away.
        """
        if self._folder is None:
            import shutil
            import tempfile

            try:
                made = tempfile.mkdtemp(prefix=prefix("timeline"))
            except OSError as error:
                raise NoFolder(
                    error.errno,
                    "spans of other processes need a temporary folder, and none can be made: "
                    f"{error.strerror or error}",
                ) from error
            # Only this process does it, and not before its children have ended.
            cleanup = Finalize(self, shutil.rmtree, (made, True), exitpriority=-100)
            _owners[made] = self  # before others can see it
            if self._place.setdefault("folder", made) != made:
                del _owners[made]
                cleanup()
        return self._place["folder"]

    def _write_to(self, folder: str) -> None:
        """From here on spans go to this process's own file in `folder`."""
        self._place["folder"] = folder
        self._rows = []
        self._record = SpanFile(folder).write

    def _follow_fork(self) -> None:
        if self._folder is not None:
            _owners.pop(self._folder, None)
            self._write_to(self._folder)


# ---------------------------------------------------------------- recorders


class _Here(threading.local):
    """What a thread needs to record: its lane, its last look at the CPU clock, and its sleep.

    Two threads may have one name, so a lane is a name and a number.
    """

    def __init__(self) -> None:
        self.lane = (_worker_name(), next(_numbers))
        self.clock = [-NEAR, 0, 0]  # when it looked, what it read; ns that it has slept in `asleep`


def asleep(ns: int) -> None:
    """Note for the spans of this thread that it slept so long on purpose."""
    _here.clock[2] += ns


def _worker_name() -> str:
    from multiprocessing.process import current_process

    thread, process = threading.current_thread(), current_process()
    if process.name == "MainProcess":
        return "main" if thread is threading.main_thread() else thread.name
    if thread is threading.main_thread():
        return process.name
    return f"{process.name}, {thread.name}"


class _Recorder:
    """The `with` block of `Timeline.span`; a class, as a generator costs twice as much."""

    __slots__ = ("lane", "name", "record", "start")

    name: str
    record: Callable[[Recorded], None]

    def __enter__(self) -> None:
        self.start = perf_counter_ns()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        outcome = "ok" if kind is None else outcome_of(error)
        row = (self.name, _here.lane, self.start, perf_counter_ns(), UNKNOWN, outcome, None, 0)
        self.record(row)

    async def __aenter__(self) -> None:
        self.lane = _task()  # now, as the event loop may be gone when it ends
        self.start = perf_counter_ns()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        stop = perf_counter_ns()
        outcome = "ok" if kind is None else outcome_of(error)
        self.record((self.name, self.lane, self.start, stop, UNKNOWN, outcome, None, 0))


class _CpuRecorder(_Recorder):
    """Also measures the thread's CPU time, which is a system call.

    One reading serves two spans that follow each other closely: between them
    this thread was running.
    """

    __slots__ = ("cpu", "here", "slept")

    def __enter__(self) -> None:
        self.here = here = _here.clock
        self.slept = here[2]
        start = perf_counter_ns()
        if start - here[0] < NEAR:
            self.cpu = here[1] + start - here[0]
            self.start = start
        else:
            self.cpu = here[1] = thread_time_ns()
            self.start = here[0] = perf_counter_ns()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        stop = perf_counter_ns()
        outcome = "ok" if kind is None else outcome_of(error)
        cpu, here = UNKNOWN, self.here
        if stop - self.start >= NEAR:
            here[0], here[1] = stop, thread_time_ns()
            cpu = min(max(0, here[1] - self.cpu), stop - self.start)
        slept = here[2] - self.slept
        self.record((self.name, _here.lane, self.start, stop, cpu, outcome, None, slept))


_new = object.__new__


class Wrapped:
    """`function` with every call recorded; made by `Timeline.wrap`."""

    def __init__(self, timeline: Timeline, function: Callable[..., Any], name: str) -> None:
        self.timeline, self.function, self.name = timeline, function, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.timeline.span(self.name):
            return self.function(*args, **kwargs)


class _Steps:
    """Drives a coroutine as its event loop would, recording every step."""

    def __init__(self, timeline: Timeline, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        self.timeline, self.coroutine, self.name = timeline, coroutine, name

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = self.coroutine.send
        value: Any = None
        while True:
            start, cpu, outcome = perf_counter_ns(), thread_time_ns(), "ok"
            try:
                awaited = resume(value)
            except StopIteration as end:
                return end.value
            except BaseException as error:
                outcome = outcome_of(error)
                raise
            finally:
                stop, cpu = perf_counter_ns(), thread_time_ns() - cpu
                cpu = min(cpu, stop - start)
                self.timeline._record((self.name, _task(), start, stop, cpu, outcome, None, 0))
            try:
                resume, value = self.coroutine.send, (yield awaited)
            except BaseException as error:
                resume, value = self.coroutine.throw, error


def _task() -> tuple[str, int]:
    """The lane of the running task."""
    from asyncio import current_task  # 50 ms that a worker need not pay

    task = current_task()
    if task is None:
        return _here.lane
    return _task_numbers.setdefault(task, (task.get_name(), next(_numbers)))


def _name_of(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}".replace(",", " ")


# ------------------------------------------------- what a process has one of

_numbers = itertools.count()
_here = _Here()
_task_numbers: weakref.WeakKeyDictionary[Any, tuple[str, int]] = weakref.WeakKeyDictionary()
_timelines: weakref.WeakSet[Timeline] = weakref.WeakSet()
_owners: weakref.WeakValueDictionary[str, Timeline] = weakref.WeakValueDictionary()


def _attached(folder: str, cpu: bool) -> Timeline:
    """What a pickled timeline becomes: itself at home, elsewhere one that writes."""
    return _owners.get(folder) or _writer(folder, cpu)


@lru_cache(maxsize=8)
def _writer(folder: str, cpu: bool) -> Timeline:
    timeline = Timeline(cpu)
    timeline._write_to(folder)
    return timeline


def _before_fork() -> None:
    for timeline in list(_timelines):
        timeline._make_folder()


def _after_fork_in_child() -> None:
    _forget_here()
    for timeline in list(_timelines):
        timeline._follow_fork()


def _forget_here(_: object = None) -> None:
    global _here
    _here = _Here()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
    register_after_fork(_Here, _forget_here)  # by then the new process has its name
