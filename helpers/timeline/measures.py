"""A `Span`, and what stretches of time add up to.

These are the definitions; `columns` gives the same answers for many spans.

>>> merged([Span("a", "main", 1, 0, 20), Span("b", "main", 1, 10, 30)])
[(0, 30)]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..ending import WorkerStopped

UNKNOWN = -1  # CPU time that nobody could measure
STOPPED = "stopped"  # the outcome of a span that a worker was in when it was told to end
LOOP = "event loop"  # the lane of the thread that runs what tasks do, which is no worker
WAITED = 0.1  # a CPU share below this is reliably "waited", on any machine
BLOCKED = ("waits at ", "waits for ", "waits in ")  # the beginnings of names of mere waits
FOR_NUMPY = 10_000  # spans: above that `columns` measures


class Span(NamedTuple):
    """One piece of work by one worker; all times in nanoseconds.

    `start` and `stop` are readings of `time.perf_counter_ns`, which all
    processes of a machine share. `cpu_time` is -1 where it is unknown: in a
    task, whose thread also runs other tasks, and in spans under 5 microseconds.
    `slept` is how long its thread was asleep in `work.wait`, which stands for
    waiting: for an answer from a network, say.
    `outcome` is "ok", the text of the exception that ended the span, "stopped",
    or "died: ..." for the span a worker was in when it was killed.
    """

    name: str
    lane: str
    pid: int
    start: int
    stop: int
    cpu_time: int = UNKNOWN
    outcome: str = "ok"
    slept: int = 0

    def __str__(self) -> str:
        """
        >>> print(Span("wait", "worker 1", 4711, 0, 100_000_000, 1000))
        wait, by worker 1 of process 4711: 0.100 s, on a CPU 0% of it
        """
        cpu = "CPU time unknown" if self.cpu is None else f"on a CPU {self.cpu:.0%} of it"
        ended = "" if self.outcome == "ok" else f"; {self.outcome}"
        who = f"{self.name}, by {self.lane} of process {self.pid}"
        return f"{who}: {self.seconds:.3f} s, {cpu}{ended}"

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.stop - self.start) / 1e9

    @property
    def cpu(self) -> float | None:
        """Share of the span its thread was on a CPU, 0 to 1; None: unknown."""
        if self.cpu_time < 0:
            return None
        return min(1.0, self.cpu_time / max(1, self.stop - self.start))

    @property
    def kind(self) -> str:
        """ "waited" (share under 0.1), "ran" (the rest) or "unknown".

        "waited" holds on every machine. A span that "ran" may have shared the
        CPU or the GIL with others: its share says how much.
        """
        if self.cpu is None:
            return "unknown"
        return "waited" if self.cpu < WAITED else "ran"


def blocked(name: str) -> bool:
    """Whether spans of that name are mere waits for another worker: at a lock or in a queue.

    >>> blocked("waits in put"), blocked("waits")
    (True, False)
    """
    return name.startswith(BLOCKED)


def at_work(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """As `merged`, without mere waits."""
    return merged(span for span in spans if not blocked(span.name))


def outcome_of(error: BaseException | None) -> str:
    if isinstance(error, (WorkerStopped, GeneratorExit)):  # of a task: its coroutine is closed
        return STOPPED
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return text if len(text) <= 200 else text[:199] + "…"


def merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """The stretches of time, in order, that `spans` cover between them."""
    return merge(sorted((s.start, s.stop) for s in spans))


def merge(ordered: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    stretches: list[tuple[int, int]] = []
    for start, stop in ordered:
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(stop, stretches[-1][1]))
        else:
            stretches.append((start, stop))
    return stretches


def length(stretches: Iterable[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in stretches)


def outermost(spans: Iterable[Span]) -> list[Span]:
    """The spans of one lane that lie in no other span of it."""
    outer: list[Span] = []
    for span in spans:
        if not outer or span.stop > outer[-1].stop:
            outer.append(span)
    return outer
