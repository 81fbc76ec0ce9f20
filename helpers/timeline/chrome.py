"""A timeline to and from Chrome trace JSON, which Perfetto and VizTracer open.

The file keeps to what Perfetto's own engine accepts: times in microseconds
from the first span on, never negative; small thread numbers that occur once;
names as they are, in UTF-8; spans of one thread inside each other or apart. A
worker whose spans overlap takes several threads, which `load` puts together
again. A queue is a counter: how many items it holds.

Deliberately absent: results, arrows, other tools' counters.
"""

from __future__ import annotations

import codecs
import itertools
import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from .measures import UNKNOWN, Span
from .queue_length import Depth
from .recorder import Timeline

Events = list[dict[str, Any]]


def save(timeline: Timeline, path: str | os.PathLike[str]) -> None:
    """Write all spans; a file that stood there is replaced at the end, or not at all."""
    path = os.fspath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder: give the name of a file")
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise FileNotFoundError(f"there is no folder {os.path.dirname(path)} to save a trace in")
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.writelines(_lines(timeline.spans, timeline.depths))
        os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(part)
        raise


def load(path: str | os.PathLike[str]) -> Timeline:
    """Read what `save` wrote, or the spans of another tool's trace.

    A trace that is cut off is read as far as it goes, with a warning. Raises
    ValueError for a file that is no trace, FileNotFoundError for none.
    """
    path = os.fspath(path)
    head, events = _read(path)
    origin = _inside(head, "otherData").get("start_ns")
    lanes = _lane_names(events, unique=origin is None)
    spans = [(i, event) for i, event in enumerate(events) if event.get("ph") == "X"]
    if events and not spans:
        raise ValueError(f'{path} has {len(events)} events, but no span (an event with "ph": "X")')
    timeline = Timeline()
    for i, event in spans:
        start, length = (_ns(path, i, event, key) for key in ("ts", "dur"))
        start += origin if isinstance(origin, int) else 0
        outcome = str(_inside(event, "args").get("outcome", "ok"))
        cpu = _ns(path, i, event, "tdur") if "tdur" in event else UNKNOWN
        pid, lane = _number(event.get("pid")), lanes[_thread(event)]
        name = str(event.get("name", ""))
        timeline.add(name, lane, start, start + length, cpu, outcome, pid)
    counted = [(i, event) for i, event in enumerate(events) if event.get("ph") == "C"]
    for name, size in _inside(_inside(head, "otherData"), "queues").items():
        mine = [(i, event) for i, event in counted if event.get("name") == name]
        timeline.depths[name] = Depth(_number(size), list(_changes(path, mine, origin)))
    return timeline


# ------------------------------------------------------------------ writing


def _lines(spans: Sequence[Span], depths: Mapping[str, Depth]) -> Iterator[str]:
    """The file, an event a line; names come first, so that they survive if it is cut off."""
    steps = [(name, *step) for name, depth in depths.items() for step in depth.steps]
    start = min([span.start for span in spans[:1]] + [when for _, when, _ in steps], default=0)
    sizes = f', "queues": {_text({n: d.size for n, d in depths.items()})}' if depths else ""
    yield f'{{"otherData": {{"start_ns": {start}{sizes}}}, "traceEvents": [\n'
    tracks = _tracks(spans)
    threads = dict.fromkeys((s.pid, s.lane, track) for s, track in zip(spans, tracks, strict=True))
    numbers = {thread: number for number, thread in enumerate(threads, 1)}
    events = itertools.chain(
        (_named("process_name", pid, 0, f"process {pid}") for pid in {t[0]: 0 for t in threads}),
        (_named("thread_name", t[0], numbers[t], t[1]) for t in threads),
        (
            _span(span, numbers[span.pid, span.lane, track], start)
            for span, track in zip(spans, tracks, strict=True)
        ),
        (
            f'{{"ph": "C", "name": {_text(name)}, "pid": {spans[0].pid if spans else 0}, '
            f'"ts": {_us(when - start)}, "args": {{"items": {items}}}}}'
            for name, when, items in steps
        ),
    )
    yield next(events, "")
    yield from (",\n" + event for event in events)
    yield "\n]}\n"


def _tracks(spans: Sequence[Span]) -> list[int]:
    """For each span, which of its lane's threads has room: in the span open there, or after it."""
    tracks: list[int] = []
    lanes: dict[str, list[list[int]]] = {}  # for each thread, until when its spans are open
    for span in spans:
        threads = lanes.setdefault(span.lane, [])
        fits = (i for i, stops in enumerate(threads) if _has_room(stops, span))
        tracks.append(next(fits, len(threads)))
        if tracks[-1] == len(threads):
            threads.append([])
        threads[tracks[-1]].append(span.stop)
    return tracks


def _has_room(stops: list[int], span: Span) -> bool:
    while stops and stops[-1] <= span.start:
        stops.pop()
    return not stops or span.stop <= stops[-1]


def _named(what: str, pid: int, tid: int, name: str) -> str:
    thread = f'"pid": {pid}, "tid": {tid}'
    return f'{{"ph": "M", "name": "{what}", {thread}, "args": {{"name": {_text(name)}}}}}'


def _span(span: Span, tid: int, start: int) -> str:
    cpu = "" if span.cpu_time == UNKNOWN else f', "tdur": {_us(span.cpu_time)}'
    args = "" if span.outcome == "ok" else f', "args": {{"outcome": {_text(span.outcome)}}}'
    return (
        f'{{"ph": "X", "name": {_text(span.name)}, "pid": {span.pid}, "tid": {tid}, '
        f'"ts": {_us(span.start - start)}, "dur": {_us(span.stop - span.start)}{cpu}{args}}}'
    )


def _us(ns: int) -> str:
    """Microseconds with three decimals, exactly."""
    return f"{ns // 1000}.{ns % 1000:03d}"


def _text(value: str | dict[str, int]) -> str:
    return json.dumps(value, ensure_ascii=False)  # Perfetto shows \u00e9 literally


# ------------------------------------------------------------------ reading


def _read(path: str) -> tuple[dict[str, Any], Events]:
    """What stands beside the events, and the events."""
    text = _contents(path)
    try:
        data = _decoder.decode(text)
    except json.JSONDecodeError as error:
        data = _whole_events(path, text, error)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    head = data if isinstance(data, dict) else {"traceEvents": data}
    events = head.get("traceEvents")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError(f"{path} is JSON, but no trace: it has no list of traceEvents")
    return head, events


def _contents(path: str) -> str:
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder, not a trace")
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no trace {path}")
    with open(path, "rb") as file:
        data = file.read()
    if not data.strip():
        raise ValueError(f"{path} is empty")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data)  # may end in a letter
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not JSON: it is not even text in UTF-8") from None


def _whole_events(path: str, text: str, error: json.JSONDecodeError) -> Any:
    """What can be read of a file that was cut off."""
    begin = re.match(r'\s*(?:\{.*?"traceEvents"\s*:\s*)?\[', text, re.DOTALL)
    if begin is None:
        raise ValueError(f"{path} is not JSON: {error}") from None
    at, events = begin.end(), []
    with suppress(json.JSONDecodeError):
        while gap := re.compile(r"[,\s]*").match(text, at):
            event, at = _decoder.raw_decode(text, gap.end())
            events.append(event)
    if not events:
        raise ValueError(f"{path} is cut off before its first event") from None
    warnings.warn(f"{path} is cut off: its {len(events)} whole events were read", stacklevel=4)
    if text.lstrip().startswith("["):
        return events
    return {**_decoder.decode(text[: begin.end()] + "]}"), "traceEvents": events}


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number that JSON knows")


_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)


def _lane_names(events: Events, unique: bool) -> dict[tuple[Any, Any], str]:
    """A name for each thread that has spans; with its number where two would share one."""
    named = {
        _thread(event): str(_inside(event, "args").get("name", ""))
        for event in events
        if event.get("ph") == "M" and event.get("name") == "thread_name"
    }
    threads = dict.fromkeys(_thread(event) for event in events if event.get("ph") == "X")
    names = {thread: named.get(thread, f"thread {thread[1]}") for thread in threads}
    shared = Counter((_number(pid), name) for (pid, _), name in names.items())
    return {
        (pid, tid): f"{name} ({tid})" if unique and shared[_number(pid), name] > 1 else name
        for (pid, tid), name in names.items()
    }


def _thread(event: dict[str, Any]) -> tuple[Any, Any]:
    return event.get("pid", 0), event.get("tid", 0)


def _inside(event: dict[str, Any], key: str) -> dict[str, Any]:
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def _changes(
    path: str, counted: list[tuple[int, dict[str, Any]]], origin: Any
) -> Iterator[tuple[int, int]]:
    """When a queue changed, and by how much."""
    before = 0
    for i, event in counted:
        items = _inside(event, "args").get("items")
        if not isinstance(items, int):
            raise ValueError(f"{path}: event {i} must have a number of items, not {items!r}")
        yield _ns(path, i, event, "ts") + (origin if isinstance(origin, int) else 0), items - before
        before = items


def _number(pid: Any) -> int:
    return pid if isinstance(pid, int) else 0


def _ns(path: str, i: int, event: dict[str, Any], key: str) -> int:
    """A time of the event, which the file has in microseconds."""
    value = event.get(key)
    if not isinstance(value, int | Decimal) or (value < 0 and key != "ts"):
        raise ValueError(f"{path}: event {i} must have a {key} in microseconds, not {value!r}")
    return round(value * 1000)
