"""Who ran when: threads that compute, watched from inside.

The interpreter does not tell who holds the GIL. But a thread that does nothing
except read the clock finds out when it did *not* run: the clock jumps. `watch`
starts such workers and records a span "ran" for every stretch without a jump.

Under the GIL two laws hold on every machine, busy or not. Two threads never run
Python code at once. And whoever has got the GIL, and does not give it away, keeps
it for at least the switch interval (`sys.getswitchinterval()`, 5 ms unless it was
changed), because that is how long the others wait before they ask for it; `holds`
shows it. How long a single span is says nothing: the system interrupts threads too.

Processes have a GIL each and free-threaded builds have none: there the workers
run at once, where there are CPUs for them.

>>> watch(0.1, workers=2).at_once() <= 2
True
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby, pairwise
from time import monotonic, perf_counter_ns, sleep
from typing import Any

from .folders import temporary
from .machine import gil_enabled
from .run import run
from .timeline import Timeline

RAN, STARVED = "ran", "did not run"
GAP = 100_000  # ns; a clock that jumps by more was not read in between
MEETING = 30.0  # seconds that workers wait for each other before they begin
LEAD = 2_000_000  # ns from the last worker's arrival to the common start
LOOK = 0.0005  # seconds that an onlooker sleeps between two looks at the clock
TRIES = 3  # calls, before one is said to keep the GIL
PATIENT = 5.0  # seconds: a switch interval so long that nobody asks for the GIL


def watch(
    seconds: float = 0.5,
    workers: int = 3,
    using: Any = "threads",
    interval: float | None = None,
) -> Timeline:
    """Let `workers` compute for `seconds`, all from the same moment; when did each run?

    `using` as in `run`. `interval` is the switch interval in seconds while they
    are watched; afterwards it is what it was. A worker that never got its turn
    has one span "did not run", of no length, at the end.

    Raises ValueError for arguments that cannot work, before anything has started.
    """
    _check(seconds, workers, using, interval)
    numbers = range(workers) if isinstance(workers, int) else ()  # what is not, `run` refuses
    timeline = Timeline(cpu=False)
    with switch_interval(interval), temporary("watch") as folder:
        watcher = Watcher(timeline, folder, workers, round(seconds * 1e9), _gap())
        run(watcher, numbers, workers, using, timeout=seconds + 2 * MEETING)
        timeline.turns = (
            round(sys.getswitchinterval() * 1e9) if using == "threads" and gil_enabled() else 0
        )
    return timeline


def holds(timeline: Timeline) -> list[float]:
    """How long the threads of a `watch` kept the GIL, in seconds, in order.

    From the first tick of one worker to the first tick of another. In between
    the holder may have been interrupted by the system, but nobody else ran.
    The last hold is left out: its end was not seen.
    """
    ran = (span for span in timeline.spans if span.name == RAN)
    firsts = [next(spans).start for _, spans in groupby(ran, key=lambda span: span.lane)]
    return [(stop - start) / 1e9 for start, stop in pairwise(firsts)]


def turns(call: Callable[[], object]) -> int:
    """How often another thread got a turn while `call()` ran; 0 if `call` kept the GIL.

    On a busy computer the other thread may be woken too late for a turn that was
    free. So a call without a turn is made again, three times in all.

    The other thread wakes up every half millisecond, if it can get the GIL for a
    moment. Nobody can ask for it here, as the switch interval is set to 5
    seconds meanwhile: every turn is one that `call` gave away by itself.
    """
    return next(filter(None, (_turns(call) for _ in range(TRIES))), 0)


def _turns(call: Callable[[], object]) -> int:
    looks: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            looks.append(perf_counter_ns())
            sleep(LOOK)

    onlooker = threading.Thread(target=look, name="onlooker", daemon=True)
    with switch_interval(PATIENT):
        onlooker.start()
        while not looks:
            sleep(LOOK)
        start = perf_counter_ns()
        try:
            call()
        finally:
            stop = perf_counter_ns()
            ended.set()
            onlooker.join()
    return sum(start < tick < stop for tick in looks)


@contextmanager
def switch_interval(seconds: float | None) -> Iterator[None]:
    """`sys.setswitchinterval(seconds)` inside, and afterwards what it was before."""
    before = sys.getswitchinterval()
    try:
        if seconds is not None:
            sys.setswitchinterval(seconds)
        yield
    finally:
        sys.setswitchinterval(before)


def _check(seconds: Any, workers: Any, using: Any, interval: Any) -> None:
    if not _between(0.001, seconds, 60):
        raise ValueError(f"seconds must be a number from 0.001 to 60, not {seconds!r:.60}")
    if interval is not None and not _between(1e-6, interval, 1):
        raise ValueError(
            f"interval must be a number of seconds from 0.000001 to 1, not {interval!r:.60}"
        )
    if using == "serial" and workers != 1:
        raise ValueError(f'using must let {workers} workers run at once, which "serial" does not')


def _between(least: float, value: Any, most: float) -> bool:
    return isinstance(value, (int, float)) and least <= value <= most


def _gap() -> int:
    """A jump that stands for a switch: shorter than the others can have run, in ns."""
    return min(GAP, int(sys.getswitchinterval() * 1e9 / 2))


class Watcher:
    """What a worker does; it can be sent to any process."""

    def __init__(self, timeline: Timeline, folder: str, workers: int, length: int, gap: int):
        self.timeline, self.folder, self.workers = timeline, folder, workers
        self.length, self.gap = length, gap

    def __call__(self, number: int) -> None:
        start = self._meet(number)
        while (left := start - perf_counter_ns()) > 0:
            sleep(left / 1e9)
        self._burn(f"worker {number + 1}", start + self.length)

    def _meet(self, number: int) -> int:
        """Wait until all workers are there; the common start, which all find alike.

        Everyone leaves a file that bears the time, as only files can be seen by
        threads and by processes of every kind.
        """
        open(os.path.join(self.folder, f"{perf_counter_ns()}-{number}"), "x").close()
        last = monotonic() + MEETING
        while len(there := os.listdir(self.folder)) < self.workers:
            if monotonic() > last:
                late = f"only {len(there)} of {self.workers} workers began within {MEETING:g} s"
                raise TimeoutError(late)
            sleep(0.001)
        return max(int(name.partition("-")[0]) for name in there) + LEAD

    def _burn(self, lane: str, stop: int) -> None:
        """Read the clock until `stop`; record a span whenever it has jumped."""
        first = last = now = perf_counter_ns()
        if now >= stop:
            self.timeline.add(STARVED, lane, stop, stop)
            return
        while now < stop:
            if now - last > self.gap:
                self._ran(lane, first, last)
                first = now
            last = now
            now = perf_counter_ns()
        self._ran(lane, first, last)

    def _ran(self, lane: str, start: int, stop: int) -> None:
        self.timeline.add(RAN, lane, start, stop, max(1, stop - start))
