"""The same real work done serially, by threads and by processes, and who was faster.

`compare` runs it by each way several times, `spread` says how far these runs are
apart, `speedups` gives the numbers of a row of the matrix in lesson 06, and
`faster` says it in a word. `cpus_had` says how many CPUs there were for it, as
others may have kept them. `chunked` and `count_all` are for work whose items are
too small to be sent one by one.

A process imports what its work needs while it starts, so that the bars after
the start are work and nothing else.

>>> chunked("abcdefg", 3)
['abc', 'def', 'g']
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from statistics import median
from typing import Any

from .run import run
from .timeline import Span, Timeline
from .work import count_words
from .work.real_work import CLIENT

WAYS = ("serial", "threads", "processes")
PAYS = 1.3  # times as fast at least, to be called faster: less may be chance
START = "start"  # the name that `run` gives to the start of a process
WITH_START = "processes, start included"
FREE = 0.7  # of the CPUs that the workers could use: with less, others had the rest

_PLUGINS = [f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Ppm", "Png")]
_PILLOW = ("PIL.Image", "PIL.ImageFilter", "PIL.ImageOps", *_PLUGINS)  # a first `open` needs all
NEEDS = {  # the modules that real work imports when it is first called
    "fetch": CLIENT,
    "query": ("sqlite3", "pathlib"),
    "count_words": ("re",),
    "thumbnail": _PILLOW,
    "thumbnail_in_python": _PILLOW,
}


class Ready:
    """`function`, in a process that has imported what it needs: before the first call."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        inner = getattr(function, "func", function)  # of a partial
        self.function, self.__name__ = function, inner.__name__
        for module in NEEDS.get(self.__name__, ()):
            import_module(module)

    def __call__(self, item: Any) -> Any:
        return self.function(item)

    def __reduce__(self) -> tuple[Any, ...]:
        return Ready, (self.function,)


class Compared(dict[str, Timeline]):
    """A run of each way, in the middle of several; `rounds` has all of them, quickest first."""

    def __init__(self, rounds: Mapping[str, Iterable[Timeline]]) -> None:
        self.rounds = {way: sorted(runs, key=seconds) for way, runs in rounds.items()}
        super().__init__((way, runs[len(runs) // 2]) for way, runs in self.rounds.items())


def compare(
    work: Callable[[Any], Any], items: Iterable[Any], workers: int = 3, rounds: int = 3
) -> Compared:
    """A run of each way, in turns, `rounds` times: one run alone may have been disturbed.

    ValueError where the results differ.
    """
    items, ready = list(items), Ready(work)
    ways = {way: partial(_run, ready, items, workers, way) for way in WAYS}
    compared = in_turns(ways, rounds)
    first = compared["serial"].results
    for way, runs in compared.rounds.items():
        if any(timeline.results != first for timeline in runs):
            raise ValueError(f"{ready.__name__} gave other results by {way} than serially")
    return compared


def in_turns(ways: Mapping[str, Callable[[], Timeline]], rounds: int = 3) -> Compared:
    """What the functions give, each called once a round: one run may have been disturbed."""
    tried = [(way, ways[way]()) for way in [*ways] * rounds]
    return Compared({way: [tl for each, tl in tried if each == way] for way in ways})


def spread(compared: Compared) -> str:
    """How long it took, by way: the median, and in brackets the shortest and the longest."""
    each = ((way, [seconds(tl) for tl in runs]) for way, runs in compared.rounds.items())
    said = (f"{way} {median(t):.2f} s ({t[0]:.2f} to {t[-1]:.2f})" for way, t in each)
    return f"Medians, with the shortest and the longest run: {', '.join(said)}."


def _run(work: Ready, items: Sequence[Any], workers: int, way: str) -> Timeline:
    return run(work, items, workers, way, startup=True)


def speedups(runs: Mapping[str, Timeline]) -> dict[str, float]:
    """How many times as fast as serially, by way; processes without and with their start."""
    serial = runs["serial"]
    found = {way: seconds(serial) / seconds(runs[way]) for way in WAYS[1:]}
    return {**found, WITH_START: runs["processes"].speedup(serial)}


def seconds(timeline: Timeline) -> float:
    """From the first item's start to the last one's end: processes had started before."""
    items = _items(timeline)
    first = min((span.start for span in items), default=0)
    return (max((span.stop for span in items), default=0) - first) / 1e9


def _items(timeline: Timeline) -> list[Span]:
    """All spans but the starts of processes."""
    return [span for span in timeline.spans if span.name != START]


def without_start(runs: Mapping[str, Timeline]) -> dict[str, Timeline]:
    """The same without the starts of processes, so that a picture has room for the work."""
    shown = {way: Timeline() for way in runs}
    for way, timeline in runs.items():
        for s in _items(timeline):
            shown[way].add(s.name, s.lane, s.start, s.stop, s.cpu_time, s.outcome, s.pid, s.slept)
    return shown


def faster(runs: Mapping[str, Timeline]) -> str:
    """Which of threads and processes paid: "threads", "processes", "both" or "neither"."""
    found = speedups(runs)
    paid = [way for way in WAYS[1:] if found[way] >= PAYS]
    return "both" if len(paid) == 2 else (paid or ["neither"])[0]


def cpus_had(runs: Mapping[str, Timeline], usable: int) -> str:
    """How many of the `usable` CPUs its workers were on at a time, by the better of two ways.

    For work that computes: whoever waits leaves CPUs free.
    """
    had = max(_cpus(runs[way]) for way in WAYS[1:])
    text = f"The workers had {had:.1f} of {usable} usable CPU{'s' * (usable > 1)}"
    could = min(usable, max(workers_that_worked(runs[way]) for way in WAYS[1:]))
    busy = ": others kept the rest busy. Run it again later"
    return f"{text}{busy if had < FREE * could else ''}."


def _cpus(timeline: Timeline) -> float:
    """CPU time of the items by the time that they took."""
    worked = sum(max(0, span.cpu_time) for span in _items(timeline))
    return worked / 1e9 / max(seconds(timeline), 1e-9)


def workers_that_worked(timeline: Timeline) -> int:
    """How many lanes have more in them than a start."""
    return len({span.lane for span in _items(timeline)})


# --------------------------------------------------------------------- chunks


def chunked(items: Sequence[Any], size: int) -> list[Any]:
    """The items in pieces of `size`, the last one perhaps shorter."""
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size must be a whole number from 1 on, not {size!r:.60}")
    return [items[start : start + size] for start in range(0, len(items), size)]


def count_all(paths: Iterable[str]) -> Counter[str]:
    """How often each word stands in several files: one answer for a whole chunk."""
    words: Counter[str] = Counter()
    for path in paths:
        words.update(count_words(path))
    return words
