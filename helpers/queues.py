"""Queues that note how full they are, and pipelines of threads with such queues in between.

A `Belt` is a `queue.Queue`. It calls its own `_put` and `_get` while it holds
its own lock: the time is noted there, so the order is the true one, and no
other lock is needed. A wait is a span in the lane of the thread that waits;
where nobody waits, no span is recorded.

`pipeline` sends items through stages. An item that fails is dropped and named
at the end; the others go on. Deliberately absent: priorities, retries, stages
in other processes.

>>> done = pipeline(range(4), Stage("double", lambda x: 2 * x), Stage("add", lambda x: x + 1))
>>> done.results
[1, 3, 5, 7]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from queue import Empty, Queue, SimpleQueue
from time import monotonic, perf_counter_ns
from typing import Any, NamedTuple

from .ending import LOOK, WorkerStopped, end_threads, not_stopped
from .ending.interrupts import whole
from .ending.under_way import noted
from .run import MOST, RunError, Stopped, add_sentence, all_are_started, first_of, supervisor
from .run.door import brief, check_timeout, listed
from .timeline import Timeline, outcome_of
from .timeline.queue_length import Depth


class Closed(Exception):
    """Nothing may be put into this queue any more, or nothing will ever come out of it."""


class Belt(Queue[Any]):
    """A queue that notes on `timeline` how full it is and who waits for it.

    `close` does on every Python what `shutdown` does since 3.13: after it a put
    raises Closed, and a get does so once the belt is empty.
    """

    def __init__(self, timeline: Timeline, size: int = 0, name: str = "queue") -> None:
        super().__init__(size)
        self.closed = False
        self.depth = timeline.depths[name] = Depth(size, [])
        self.not_full = _Noted(self, timeline, "waits in put")
        self.not_empty = _Noted(self, timeline, "waits in get")

    def close(self) -> None:
        """No more is put in; what is in may still be taken."""
        with self.mutex:
            self.closed = True
            self.not_full.notify_all()
            self.not_empty.notify_all()

    def _put(self, item: Any) -> None:
        if self.closed:
            raise Closed
        super()._put(item)
        self.depth.changes.append((perf_counter_ns(), 1))

    def _get(self) -> Any:
        self.depth.changes.append((perf_counter_ns(), -1))
        return super()._get()


class _Noted(threading.Condition):
    """What a queue waits for: room, or an item. Every wait is recorded as a span."""

    def __init__(self, belt: Belt, timeline: Timeline, name: str) -> None:
        super().__init__(belt.mutex)
        self.belt, self.timeline, self.name = belt, timeline, name

    def wait(self, timeout: float | None = None) -> bool:
        if self.belt.closed:
            raise Closed
        with self.timeline.span(self.name):
            return super().wait(timeout)


# -------------------------------------------------------------- pipelines


class Stage(NamedTuple):
    """One kind of work in a pipeline, and how many threads do it."""

    name: str
    work: Callable[[Any], Any]
    workers: int = 1


@noted
def pipeline(
    items: Iterable[Any], *stages: Stage, size: int = 0, timeout: float = 60.0
) -> Timeline:
    """Send each item through all stages; the results stand in order in `.results`.

    Between two stages is a belt of `size`, 0 for no limit; of several, each has a
    name such as "1: load → resize" in `.depths`. An item that fails
    is dropped; when all the others are through, RunError names the first such
    item, and its `failures` have them all. Stop, or `timeout` seconds passing,
    ends the threads. ValueError for arguments that cannot work.
    """
    _check(stages, size)
    check_timeout(timeout)
    flow = _Flow(listed(items), stages, size)
    outer, last = supervisor(), monotonic() + timeout
    failure: RunError | None = None
    try:
        with all_are_started(flow.timeline):
            flow.start()
        while not failure and flow.alive():
            outer.progress(flow.done, len(flow.items))
            if outer.stop.is_set():
                failure = Stopped(flow.so_far("Stopped"), flow.timeline)
            elif monotonic() > last:
                failure = flow.too_late(timeout)
    except BaseException as error:
        if left := flow.stop():
            add_sentence(error, not_stopped(left))
        raise
    if (left := flow.stop()) and failure:
        add_sentence(failure, not_stopped(left))
    if failure or flow.failures:
        errors = [flow.failed(*one) for one in flow.failures]
        failure = failure or first_of(errors)
        failure.failures = errors
        raise failure
    return flow.timeline


def _check(stages: Sequence[Stage], size: int) -> None:
    if not stages:
        raise ValueError("stages must be one Stage or more, not none")
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"size must be a whole number from 0 on, not {size!r:.60}")
    for stage in stages:
        if not isinstance(stage, Stage):
            raise ValueError(f'a stage must be such as Stage("load", load), not {brief(stage)}')
        name, work, workers = stage
        if not callable(work):
            raise ValueError(f"the work of {name} must be a function, not {work!r:.60}")
        if not isinstance(workers, int) or not 1 <= workers <= MOST:
            raise ValueError(f"workers of {name} must be between 1 and {MOST}, not {workers!r:.60}")


class _Flow:
    """The threads of a pipeline, and the belts between them."""

    def __init__(self, items: list[Any], stages: Sequence[Stage], size: int) -> None:
        self.items, self.timeline, self.done = items, Timeline(), 0
        self.results = self.timeline.results = [None] * len(items)
        self.failures: list[tuple[int, str, BaseException]] = []
        self.in_hand: dict[str, int] = {}  # by thread
        pairs = enumerate(pairwise(stage.name for stage in stages), 1)
        names = [f"{n}: {one} → {next}" for n, (one, next) in pairs]
        names = ["queue"] if len(names) == 1 else names
        self.belts = [Belt(self.timeline, size, name) for name in names]
        source: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        for pair in enumerate(items):
            source.put(pair)
        takes = [source.get_nowait, *(belt.get for belt in self.belts)]
        gives = [*(belt.put for belt in self.belts), self._keep]
        self.crews = [
            [
                threading.Thread(
                    target=self._serve,
                    args=(self.timeline.wrap(stage.work), take, give),
                    name=f"{stage.name} {n + 1}",
                    daemon=True,
                )
                for n in range(stage.workers)
            ]
            for stage, take, give in zip(stages, takes, gives, strict=True)
        ]

    @whole
    def start(self) -> None:
        for thread in (thread for crew in self.crews for thread in crew):
            thread.start()

    def _serve(self, work: Callable[[Any], Any], take: Callable[[], Any], give: Any) -> None:
        """What each thread does: take, work, give, until nothing more comes."""
        name = threading.current_thread().name
        with suppress(Empty, Closed, WorkerStopped):
            while True:
                index, item = take()
                self.in_hand[name] = index
                try:
                    result = work(item)
                except WorkerStopped:
                    raise
                except BaseException as error:
                    self.failures.append((index, name, error))
                else:
                    give((index, result))
                self.in_hand.pop(name, None)

    def _keep(self, pair: tuple[int, Any]) -> None:
        index, result = pair
        self.results[index] = result
        self.done += 1  # for the progress bar only

    def alive(self) -> bool:
        """Whether anybody still works; a belt whose givers have all ended is closed."""
        for number, crew in enumerate(self.crews):
            for thread in crew:
                thread.join(LOOK)
                if thread.is_alive():
                    return True
            for belt in self.belts[number : number + 1]:
                belt.close()
        return False

    @whole
    def stop(self) -> dict[str, str]:
        """End all threads: at a belt they find it closed, elsewhere an exception arrives.

        The names of those that cannot be ended, and what is known of each.
        """
        for belt in self.belts:
            belt.close()
        return end_threads(thread for crew in self.crews for thread in crew)

    def so_far(self, why: str) -> str:
        return f"{why}, with {self.done} of {len(self.items)} items through."

    def too_late(self, timeout: float) -> RunError:
        """Names the item that is furthest behind, and who has it."""
        sentence = self.so_far(f"Not finished after {timeout:g} s")
        if not (in_hand := self.in_hand.copy()):
            return RunError(sentence, self.timeline)
        sentence = sentence[:-1] + ":"
        index, name = min((index, name) for name, index in in_hand.items())
        item = self.items[index]
        sentence += f" {name} is still at item {index + 1} ({brief(item)})."
        return RunError(sentence, self.timeline, index, item)

    def failed(self, index: int, where: str, error: BaseException) -> RunError:
        item = self.items[index]
        which = f"Item {index + 1} of {len(self.items)} ({brief(item)})"
        why = outcome_of(error).removesuffix(".")
        failure = RunError(f"{which} failed in {where}: {why}.", self.timeline, index, item)
        failure.__cause__ = error
        return failure
