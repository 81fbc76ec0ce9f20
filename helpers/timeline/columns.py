"""The measures of a timeline for many spans: the same answers, from NumPy.

A million spans are described in a third of a second this way, and in three by
the definitions in `measures`, which are the ones to read. Tests hold the two
together.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Protocol

import numpy as np

from .measures import LOOP, Span, blocked

Numbers = np.ndarray[Any, np.dtype[np.int64]]


class HasSpans(Protocol):
    """A `Timeline`, which asks us and so cannot be asked for by name."""

    @property
    def spans(self) -> list[Span]: ...

    def lanes(self) -> dict[str, list[Span]]: ...


class Columns:
    """What a timeline's spans add up to; `stretches` are, by lane, all starts and all stops."""

    def __init__(self, timeline: HasSpans) -> None:
        self.spans = timeline.spans
        self.stretches: dict[str, tuple[Numbers, Numbers]] = {}
        self.working: list[tuple[Numbers, Numbers]] = []
        waits = {name for name in set(map(itemgetter(0), self.spans)) if blocked(name)}
        self.cpu_time = self.cpu_wall = 0  # ns, of outermost spans whose CPU time is known
        for lane, spans in timeline.lanes().items():
            starts, stops, cpu = (_column(spans, i) for i in (3, 4, 5))
            until = np.maximum.accumulate(stops)
            self.stretches[lane] = _stretches(starts, until)
            if lane == LOOP:
                continue
            working = [span for span in spans if span.name not in waits] if waits else spans
            if len(working) < len(spans):
                begun, ended = (_column(working, i) for i in (3, 4))
                self.working.append(_stretches(begun, np.maximum.accumulate(ended)))
            else:
                self.working.append(self.stretches[lane])
            known = np.append(True, stops[1:] > until[:-1]) & (cpu >= 0)
            self.cpu_time += int(cpu[known].sum())
            self.cpu_wall += int((stops - starts)[known].sum())

    @property
    def busy(self) -> int:
        """Nanoseconds all lanes together were at work."""
        return sum(int((stops - starts).sum()) for starts, stops in self.working)

    def at_once(self) -> int:
        """The most lanes that were at work at the same moment."""
        starts, stops = (np.sort(np.concatenate(e)) for e in zip(*self.working, strict=True))
        begun = np.arange(1, len(starts) + 1)
        return int((begun - np.searchsorted(stops, starts, side="right")).max(initial=0))

    def cover(self, lane: str, columns: int, total: int) -> list[float]:
        """The share of each of `columns` equal parts of `total` ns that `lane` spent in spans.

        Time spent so far, drawn over time, is a line with corners where
        stretches start and stop: read it off where parts meet, and subtract.
        """
        starts, stops = (each - self.spans[0].start for each in self.stretches[lane])
        spent = np.cumsum(stops - starts)
        corners = np.stack([starts, stops], axis=1).ravel()
        heights = np.stack([spent - (stops - starts), spent], axis=1).ravel()
        so_far = np.interp(np.linspace(0, total, columns + 1), corners, heights)
        return [float(share) for share in (np.diff(so_far) * columns / total).clip(0, 1)]


def columns(timeline: HasSpans) -> Columns:
    """What `timeline` adds up to, made once for what it has recorded so far."""
    known = _known.get(timeline)
    if known is None or known.spans is not timeline.spans:
        known = _known[timeline] = Columns(timeline)
    return known


_known: weakref.WeakKeyDictionary[HasSpans, Columns] = weakref.WeakKeyDictionary()


def _column(spans: Sequence[Span], index: int) -> Numbers:
    return np.fromiter(map(itemgetter(index), spans), np.int64, len(spans))


def _stretches(starts: Numbers, until: Numbers) -> tuple[Numbers, Numbers]:
    """As `measures.merged`; `until` has the last stop so far."""
    apart = starts[1:] > until[:-1]  # else it overlaps or touches the one before
    first, last = np.append(True, apart)[: len(starts)], np.append(apart, True)[: len(starts)]
    return starts[first], until[last]
