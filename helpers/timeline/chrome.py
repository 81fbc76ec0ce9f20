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
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple

from .measures import UNKNOWN, Span
from .queue_length import Depth
from .recorder import Timeline

FAR = 1 << 62  # ns: times are no further from zero than 146 years; other numbers neither


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
            file.writelines(_lines(timeline.spans, timeline.depths, timeline.within))
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
    other = _inside(head, "otherData")
    origin = _whole(f"{path}: start_ns", other.get("start_ns", 0), -FAR)
    queues = _inside(other, "queues")
    checked = [_checked(path, i, event, queues) for i, event in enumerate(events)]
    lanes = _lane_names(checked, unique="start_ns" not in other)
    spans = [event for event in checked if event.phase == "X"]
    if events and not spans:
        raise ValueError(f'{path} has {len(events)} events, but no span (an event with "ph": "X")')
    timeline = Timeline()
    timeline.within = _whole(f"{path}: clocks_within_ns", other.get("clocks_within_ns", 0))
    for event in spans:
        start = _within(event.where, origin + event.start)
        stop = _within(event.where, start + event.length)
        pid, lane = _number(event.thread[0]), lanes[event.thread]
        cpu, slept = event.cpu_time, min(event.slept, event.length)
        timeline.add(event.name, lane, start, stop, cpu, event.says, pid, slept)
    for name, size in queues.items():
        held = _whole(f"{path}: the size of queue {name}", size)
        mine = [e for e in checked if e.phase == "C" and e.name == name]
        timeline.depths[name] = Depth(held, list(_changes(mine, origin)))
    return timeline


# ------------------------------------------------------------------ writing


def _lines(spans: Sequence[Span], depths: Mapping[str, Depth], within: int) -> Iterator[str]:
    """The file, an event a line; names come first, so that they survive if it is cut off."""
    steps = [(name, *step) for name, depth in depths.items() for step in depth.steps]
    start = min([span.start for span in spans[:1]] + [when for _, when, _ in steps], default=0)
    sizes = f', "queues": {_text({n: d.size for n, d in depths.items()})}' if depths else ""
    clocks = f', "clocks_within_ns": {within}' if within else ""
    yield f'{{"otherData": {{"start_ns": {start}{clocks}{sizes}}}, "traceEvents": [\n'
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
    more = [] if span.outcome == "ok" else [f'"outcome": {_text(span.outcome)}']
    more += [f'"slept": {_us(span.slept)}'] if span.slept else []
    args = f', "args": {{{", ".join(more)}}}' if more else ""
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


def _read(path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What stands beside the events, and the events."""
    text = _contents(path)
    try:
        data = _decoder.decode(text)
    except json.JSONDecodeError as error:
        data = _whole_events(path, text, error)
    except RecursionError:
        raise _too_deep(path) from None
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
    try:
        head = _decoder.decode(text[: begin.end()] + ("]" if text.lstrip()[0] == "[" else "]}"))
        with suppress(json.JSONDecodeError):
            while gap := re.compile(r"[,\s]*").match(text, at):
                event, at = _decoder.raw_decode(text, gap.end())
                events.append(event)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as other:
        raise ValueError(f"{path} is not JSON: {other}") from None
    if not events:
        raise ValueError(f"{path} is cut off before its first event") from None
    warnings.warn(f"{path} is cut off: its {len(events)} whole events were read", stacklevel=4)
    return {**head, "traceEvents": events} if isinstance(head, dict) else events


def _too_deep(path: str) -> ValueError:
    return ValueError(f"{path} is nested more deeply than any trace")


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number that JSON knows")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent of twenty digits
        raise ValueError(f"{text:.40} is not a number that anybody can use") from None


_decoder = json.JSONDecoder(parse_float=_decimal, parse_constant=_no_number)


# ------------------------------------------------- at the door: types and ranges


class _Event(NamedTuple):
    """An event whose every part is what it must be; times in nanoseconds."""

    where: str  # the file and the number of the event, for a sentence
    phase: str = ""  # "X" is a span, "C" a count, "M" a name
    name: str = ""
    thread: tuple[int | str, int | str] = (0, 0)  # process and thread
    start: int = 0
    length: int = 0
    cpu_time: int = UNKNOWN
    slept: int = 0
    says: str = ""  # how a span ended, or what a thread is called
    items: int = 0  # of a counter


def _checked(path: str, i: int, event: dict[str, Any], queues: Container[str]) -> _Event:
    """ValueError that names the file and the event, where some part cannot be used."""
    where, phase, inside = f"{path}: event {i}", event.get("ph"), _inside(event, "args")
    if phase not in ("X", "M", "C"):
        return _Event(where)
    found = _Event(where, phase, _said(where, event, "name"), _thread(where, event))
    if phase == "X":
        start, length = (_ns(where, event, key) for key in ("ts", "dur"))
        cpu = _ns(where, event, "tdur") if "tdur" in event else UNKNOWN
        slept = _ns(where, inside, "slept") if "slept" in inside else 0
        says = _said(where, inside, "outcome", "ok")
        return found._replace(start=start, length=length, cpu_time=cpu, slept=slept, says=says)
    if phase == "C" and found.name in queues:  # other tools count what they like
        items: Any = inside.get("items")
        if not _is_whole(items):
            raise ValueError(f"{where} must have a number of items, not {_short(items)}")
        return found._replace(start=_ns(where, event, "ts"), items=items)
    if phase == "M" and found.name == "thread_name":
        return found._replace(says=_said(where, inside, "name"))
    return found


def _lane_names(events: Sequence[_Event], unique: bool) -> dict[tuple[Any, Any], str]:
    """A name for each thread that has spans; with its number where two would share one."""
    named = {e.thread: e.says for e in events if e.phase == "M" and e.name == "thread_name"}
    threads = dict.fromkeys(event.thread for event in events if event.phase == "X")
    names = {thread: named.get(thread, f"thread {thread[1]}") for thread in threads}
    shared = Counter((_number(pid), name) for (pid, _), name in names.items())
    return {
        (pid, tid): f"{name} ({tid})" if unique and shared[_number(pid), name] > 1 else name
        for (pid, tid), name in names.items()
    }


def _changes(counted: Sequence[_Event], origin: int) -> Iterator[tuple[int, int]]:
    """When a queue changed, and by how much."""
    before = 0
    for event in counted:
        yield _within(event.where, origin + event.start), event.items - before
        before = event.items


def _inside(event: dict[str, Any], key: str) -> dict[str, Any]:
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def _thread(where: str, event: dict[str, Any]) -> tuple[int | str, int | str]:
    pid, tid = (event.get(key, 0) for key in ("pid", "tid"))
    for key, value in (("pid", pid), ("tid", tid)):
        if not isinstance(value, str):  # which other tools write
            _whole(f"{where}: its {key}", value, -FAR)
    return pid, tid


def _number(pid: int | str) -> int:
    return pid if isinstance(pid, int) else 0


def _said(where: str, event: dict[str, Any], key: str, otherwise: str = "") -> str:
    value = event.get(key, otherwise)
    if isinstance(value, list | dict):
        raise ValueError(f"{where} must have a text as its {key}, not a {type(value).__name__}")
    return str(value)


def _whole(what: str, value: Any, least: int = 0) -> int:
    if not _is_whole(value, least):
        raise ValueError(f"{what} must be a whole number of usual size, not {_short(value)}")
    return int(value)


def _is_whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= FAR


def _ns(where: str, event: dict[str, Any], key: str) -> int:
    """A time of the event, which the file has in microseconds."""
    value = event.get(key)
    least = -FAR if key == "ts" else 0
    if not isinstance(value, int | Decimal) or isinstance(value, bool) or value < least:
        raise ValueError(f"{where} must have a {key} in microseconds, not {_short(value)}")
    return _within(where, round(min(value, FAR) * 1000))


def _within(where: str, ns: int) -> int:
    """The difference of any two such times still fits into NumPy's numbers."""
    if not -FAR <= ns <= FAR:
        raise ValueError(f"{where} is more than a hundred years away")
    return ns


def _short(value: Any) -> str:
    """A value from the file as a sentence can quote it; a deep one has no `repr`."""
    if isinstance(value, list | dict):
        return f"a {type(value).__name__}"
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
