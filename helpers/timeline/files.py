"""Spans as they are recorded and kept, and how they are read back.

A timeline's own process keeps rows in a list; every other process appends to
files of its own. `spans_of` makes one ordered list of all.
"""

from __future__ import annotations

import gc
import io
import itertools
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from time import perf_counter_ns
from typing import Any, NamedTuple

from .measures import UNKNOWN, Span

Recorded = tuple[str, Any, int, int, int, str, int | None, int]  # a span, as it is recorded
Shared = tuple[str, Any, str, int | None]  # what many spans share: name, lane, outcome, pid


# ------------------------------------------------- files of other processes


_RECORD = struct.Struct("<qqqqI")  # start, stop, CPU time, slept, number of the text


class SpanFile:
    """One process's spans: records of one size, each with the number of a text.

    The text, a line of another file, has what many spans share: name, lane,
    outcome and pid. It is written before the first span that needs it, so
    whoever reads the records first and the texts afterwards finds every one.
    """

    def __init__(self, folder: str) -> None:
        self.stem = os.path.join(folder, f"{os.getpid()}-{perf_counter_ns()}")
        self.numbers: dict[Shared, int] = {}
        self.lock = threading.Lock()
        self.files: list[io.FileIO] = []
        self.spans = UNKNOWN  # the descriptor

    def write(self, row: Recorded) -> None:
        name, lane, start, stop, cpu, outcome, pid, slept = row
        text = (name, lane, outcome, pid)
        number = self.numbers.get(text)
        if number is None:
            number = self._number(text)
        if self.spans != UNKNOWN:  # else the timeline is gone: nobody could read it
            os.write(self.spans, _RECORD.pack(start, stop, cpu, slept, number))

    def _number(self, text: Shared) -> int:
        with self.lock:
            if not self.files:
                try:
                    self.files = [io.FileIO(self.stem + end, "ab") for end in (".texts", ".spans")]
                except FileNotFoundError:
                    return 0
                self.spans = self.files[1].fileno()
            if text not in self.numbers:
                self.files[0].write(repr(text).encode(errors="surrogatepass") + b"\n")
                self.numbers[text] = len(self.numbers)
            return self.numbers[text]


def files_in(folder: str | None) -> list[tuple[str, int]]:
    """The span files in `folder` with how much of each is whole records."""
    if folder is None or not os.path.isdir(folder):
        return []
    paths = sorted(e.path for e in os.scandir(folder) if e.name.endswith(".spans"))
    return [(p, os.path.getsize(p) // _RECORD.size * _RECORD.size) for p in paths]


# ------------------------------------------------------------------ reading


class Part(NamedTuple):
    """What one process recorded: (start, stop, CPU time, slept, number of the text) of each."""

    pid: int
    texts: list[Shared]
    records: list[tuple[int, int, int, int, int]]


def from_rows(rows: Sequence[Recorded]) -> Part:
    texts: dict[Shared, int] = {}
    records = [
        (start, stop, cpu, slept, texts.setdefault((name, lane, outcome, pid), len(texts)))
        for name, lane, start, stop, cpu, outcome, pid, slept in rows
    ]
    return Part(os.getpid(), list(texts), records)


def from_file(path: str, size: int) -> Part:
    from ast import literal_eval

    with open(path, "rb") as file:
        records = list(_RECORD.iter_unpack(file.read(size)))
    with open(path.removesuffix(".spans") + ".texts", "rb") as file:
        lines = file.read().decode(errors="surrogatepass").split("\n")
    pid = int(os.path.basename(path).partition("-")[0])
    return Part(pid, [literal_eval(line) for line in lines[:-1]], records)


def spans_of(parts: Sequence[Part]) -> list[Span]:
    """The spans of all processes, in order, with lanes that are unique."""
    ended: dict[tuple[int, Any], int] = {}  # each lane's first stop
    for own, texts, records in parts:
        for number, stop in {number: stop for _, stop, _, _, number in reversed(records)}.items():
            _, lane, _, pid = texts[number]
            key = (own if pid is None else pid, lane)
            ended[key] = min(stop, ended.get(key, stop))
    labels = _labels(sorted(ended, key=ended.__getitem__))
    spans: list[Span] = []
    make = tuple.__new__  # half the time of Span(...), for a million of them
    with _no_garbage_collector():
        for own, texts, records in parts:
            known = [
                (str(name), lane, own if pid is None else pid, outcome)
                for name, lane, outcome, pid in texts
            ]
            spans += [
                make(Span, (name, labels[pid, lane], pid, start, stop, cpu, outcome, slept))
                for start, stop, cpu, slept, number in records
                for name, lane, pid, outcome in (known[number],)
            ]
    spans.sort(key=itemgetter(4), reverse=True)
    spans.sort(key=itemgetter(3))
    return spans


@contextmanager
def _no_garbage_collector() -> Iterator[None]:
    """It would walk a million new tuples again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _labels(lanes: Iterable[tuple[int, Any]]) -> dict[tuple[int, Any], str]:
    """A name for each lane: its own, or with a number where two workers share it.

    A lane given as a plain text (by `add`) is that of the first worker so named.
    """
    workers: dict[tuple[int, str], dict[Any, None]] = {}
    for pid, lane in lanes:
        text, number = (lane, None) if isinstance(lane, str) else lane
        workers.setdefault((pid, text), {})[number] = None
    labels: dict[tuple[int, Any], str] = {}
    used: set[str] = set()
    for (pid, text), numbers in workers.items():
        for number in [n for n in numbers if n is not None] or [None]:
            tries = itertools.chain([text], (f"{text} ({n})" for n in itertools.count(2)))
            label = next(name for name in tries if name not in used)
            used.add(label)
            labels[pid, text if number is None else (text, number)] = label
            labels.setdefault((pid, text), label)
    return labels
