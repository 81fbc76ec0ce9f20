"""What of a picture is where: bars, rows, ticks and legend, before they are drawn.

A `Page` lays out one timeline, or several on one time scale. `svg` and `png`
draw it, so that both show the same; `words` says it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .measures import Span, merge
from .recorder import Timeline

Picture = Timeline | Mapping[str, Timeline]

MOST_BARS = 10_000  # more bars than this nobody can read, and they take seconds
COLUMNS = 720  # that a row without bars is computed for
WIDTH, ROWS = 900, 620  # pixels: of the picture, of all rows at most
ROW, GAP = 23.0, 0.3  # pixels of a row at most; the part of it that lies between rows
STRIP, RIM = 0.74, 0.1  # parts of a row that an outer span keeps above and below an inner one
DEPTH = 48.0  # pixels: a queue's depth
LINE, FONT, SMALL = 20, 11, 13  # pixels: a line, a letter, the lowest bar with a name in it
NARROW = 0.59 * FONT  # pixels: what a letter takes at least
LONGEST = 200  # letters of a name that the mouse finds on a bar
SHARED = 0.9  # a CPU share below this is written into the bar: it had to share
DEEPEST = 6  # spans nested deeper than this share a level

# Okabe and Ito's colours, which colour-blind readers tell apart; grey for the rest
BLUE, GREY = "#56B4E9", "#A0A0A0"
COLOURS = [BLUE, "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#F0E442", GREY]
REST = len(COLOURS) - 1
DARK = 5  # the one on which letters must be white
LOOKS = {"ran": "ran", "waited": "waited", "unknown": "ran or waited: unknown"}
INK = "var(--jp-content-font-color1,var(--vscode-editor-foreground,currentColor))"
PAPER = "var(--jp-layout-color0,var(--vscode-editor-background,transparent))"
STRENGTH = {"waited": 0.25, "unknown": 0.5}  # of a hatched bar's colour
FAINT = {"band": 0.07, "grid": 0.2}
CROSSES = {
    "failed": "ended with an exception",
    "stopped": "was told to stop",
    "died": "the worker died here",
}


class Box(NamedTuple):
    """A bar, or what lies behind the bars; a higher layer covers a lower one."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    colour: int = REST
    layer: int = 0
    tip: str = ""


class Text(NamedTuple):
    x: float
    y: float  # of its middle
    text: str
    anchor: str = "start"
    ink: str = ""  # "": that of the page, with a halo
    size: int = FONT


class Cross(NamedTuple):
    """A span that did not end well: why is one of CROSSES."""

    x: float
    y: float
    why: str


class Area(NamedTuple):
    """What share of each column lies in spans, or how full a queue was, as a height."""

    x: float
    y: float
    width: float
    height: float
    cover: list[float]
    colour: int = 0


class Page:
    """Everything in its place, in pixels from the left and the top of the picture."""

    def __init__(
        self,
        picture: Picture,
        title: str = "",
        wide: float = WIDTH,
        high: float = ROWS,
        *,
        until: float = 0.0,
        ghost: Picture | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """`until`, `ghost` and `names` are explained at `svg.html`."""
        timelines = titled(picture)
        self.before = {} if ghost is None else titled(ghost)
        lanes = {name: _in_order(timeline.lanes()) for name, timeline in timelines.items()}
        every = [(lane, spans) for each in lanes.values() for lane, spans in each.items()]
        elapsed = {name: round(timeline.elapsed * 1e9) for name, timeline in timelines.items()}
        count = sum(len(spans) for _, spans in every)
        self.dense, self.least = count > MOST_BARS, 1.0 if count < MOST_BARS / 10 else 0.0
        self.wide, self.y = wide, 0.0
        labels = [lane for lane, _ in every] + [n for t in timelines.values() for n in t.depths]
        self.left = 16 + min(wide / 6, max((_wide(label[:LONGEST]) for label in labels), default=0))
        before = (round(timeline.elapsed * 1e9) for timeline in self.before.values())
        self.total = max(1, round(until * 1e9), *elapsed.values(), *before)
        self.scale = (wide - self.left - 30) / self.total  # pixels per nanosecond
        rows = sum(GAP + self.levels(spans) for _, spans in every)
        self.unit = min(ROW, high / max(1, rows))
        self.names: dict[str, int] = {}  # and their colours: those of `names` come first
        spans = () if self.dense else (s for t in timelines.values() for s in t.spans)
        found = dict.fromkeys(span.name for span in spans)
        for name in dict.fromkeys([*names, *found]):
            self.names[name] = min(len(self.names), REST)
        self.found = [*found]
        self.items: list[Box | Text | Cross | Area] = []
        if title:
            self.heading(0, title, 14)
        for name, timeline in timelines.items():
            if name:
                self.heading(self.left, f"{name}: {_time(elapsed[name])}", 12)
            self.panel(timeline, lanes[name], elapsed[name], self.before.get(name))
        if count:
            self.axis()
            self.legend()

    def levels(self, spans: Iterable[Span]) -> float:
        """How many times a plain row's height these need."""
        return 1 if self.dense else 1 + STRIP * max(_depths(spans), default=0)

    def heading(self, x: float, text: str, size: int) -> None:
        text = _short(text, (self.wide - x) * FONT / size)
        self.items.append(Text(x, self.y + size * 0.8, text, size=size))
        self.y += size * 1.8

    def panel(
        self,
        timeline: Timeline,
        lanes: dict[str, list[Span]],
        elapsed: int,
        before: Timeline | None,
    ) -> None:
        """One timeline: a row for each lane, over faint lines at the ticks."""
        top, start = self.y, timeline.spans[0].start if lanes else 0
        ghosts = before.lanes() if before and not self.dense else {}
        began = before.spans[0].start if before and ghosts else 0
        every = math.ceil((FONT + 1) / (self.unit * (1 + GAP)))  # in low rows: name some
        for i, (lane, spans) in enumerate(lanes.items()):
            height = self.unit * self.levels(spans)
            self.items.append(Box(self.left, self.y, elapsed * self.scale, height, "band"))
            if i % every == 0:
                name = _short(lane, self.left - 12)
                self.items.append(Text(self.left - 8, self.y + height / 2, name, "end"))
            if self.dense:
                from .columns import columns  # NumPy, which a few spans do without

                cover = columns(timeline).cover(lane, COLUMNS, self.total)
                width = self.total * self.scale
                self.items.append(Area(self.left, self.y, width, height, cover))
                failed = [s for s in spans if s.outcome != "ok"]
                self.crosses([(s, self.y + height / 2) for s in failed], start)
            else:
                self.bars(spans, start, height)
                self.ghost(ghosts.get(lane, ()), began, height)
            self.y += height + self.unit * GAP
        for name in timeline.depths if lanes else ():
            self.depth(timeline, name, start, start + elapsed)
        if not lanes:
            self.items.append(Text(self.left, self.y + LINE / 2, "nothing was recorded"))
            self.y += LINE
        if before and ghosts:
            end = self.left + before.elapsed * 1e9 * self.scale
            self.items.append(Box(end, top - 3, 0.1, self.y - top + 3, "ghost", layer=19))
        for x, _ in self.ticks() if lanes else ():
            self.items.append(Box(x - 0.4, top - 3, 0.8, self.y - top + 3, "grid"))

    def depth(self, timeline: Timeline, name: str, start: int, stop: int) -> None:
        """How full a queue was: from 0 to its size, or to the most that it ever held."""
        depth, right = timeline.depths[name], self.left - 8
        top, width = max(1, depth.size or depth.most), (stop - start) * self.scale
        count = max(1, min(COLUMNS, round(width)))
        cover = [average / top for average in depth.columns(start, stop, count)]
        self.items += [
            Box(self.left, self.y, width, DEPTH, "band"),
            Box(self.left, self.y, width, 0.8, "grid"),
            Area(self.left, self.y, width, DEPTH, cover, DARK),
            Text(right, self.y + 6, str(top), "end"),
            Text(right, self.y + DEPTH / 2, _short(name, self.left - 12), "end"),
            Text(right, self.y + DEPTH - 5, "0", "end"),
        ]
        self.y += DEPTH + self.unit * GAP

    def bars(self, spans: Sequence[Span], start: int, height: float) -> None:
        """Boxes in boxes: an inner span leaves its outer one a strip above and a rim below."""
        failed = []
        for span, depth in zip(spans, _depths(spans), strict=True):
            x, width = self.left + (span.start - start) * self.scale, self.length(span)
            y, high = self.y + self.unit * STRIP * depth, height - self.unit * (STRIP + RIM) * depth
            middle = y + (high if high <= self.unit else self.unit * STRIP) / 2
            colour, kind, tip = self.names[span.name], span.kind, _tip(span, start)
            wide = max(width, self.least)
            self.items.append(Box(x, y, wide, high, kind, colour, 1 + depth, tip))
            if high >= SMALL and (label := self.label(span, width)):
                ink = "" if kind != "ran" else "#fff" if colour == DARK else "#000"
                self.items.append(Text(x + 5, middle, label, ink=ink))
            if span.outcome != "ok":
                failed.append((span, middle))
        self.crosses(failed, start)

    def ghost(self, spans: Iterable[Span], start: int, height: float) -> None:
        """Behind the bars of a lane: where its worker was busy in the run before."""
        pixel = round(1 / self.scale)  # gaps that nobody sees make no boxes of their own
        for begin, end in merge(sorted((span.start, span.stop + pixel) for span in spans)):
            x, width = self.left + (begin - start) * self.scale, (end - begin) * self.scale
            self.items.append(Box(x, self.y, max(width - 1, self.least), height, "ghost"))

    def length(self, span: Span) -> float:
        return (span.stop - span.start) * self.scale

    def label(self, span: Span, width: float) -> str:
        """The name where it fits, with a CPU share that says more; else its letter."""
        room = width - (9 if span.outcome == "ok" else 25)
        shared = span.kind == "ran" and span.cpu is not None and span.cpu < SHARED
        texts = [f"{span.name}, {span.cpu:.0%} CPU"] if shared else []
        texts += [span.name, self.letter(span.name)]
        return next((plain(text) for text in texts if _fits(text, room)), "")

    def letter(self, name: str) -> str:
        colour = self.names[name]
        return "" if colour == REST or len(self.found) == 1 else "ABCDEFG"[colour]

    def crosses(self, failed: Iterable[tuple[Span, float]], start: int) -> None:
        """A cross near the end of each; where they would hide each other, of some."""
        taken: dict[float, float] = {}
        for span, y in failed:
            x = (span.stop - start) * self.scale - min(10, self.length(span) / 2)
            why = span.outcome.partition(":")[0]
            why = why if why in CROSSES else "failed"
            if why == "died" or x - taken.get(y, -math.inf) >= 10:
                self.items.append(Cross(self.left + max(x, 5), y, why))
                taken[y] = x

    def ticks(self) -> list[tuple[float, str]]:
        """Where round times are, and their names."""
        size, unit = next((size, unit) for size, unit in UNITS if self.total >= size)
        step = max(_round_up(self.total / size / 6), 1 / size)
        times = [i * step for i in range(math.floor(self.total / size / step * 1.0001) + 1)]
        return [(self.left + t * size * self.scale, f"{t:g} {unit}" if t else "0") for t in times]

    def axis(self) -> None:
        self.items += [Text(x, self.y + 9, text, "middle") for x, text in self.ticks()]
        self.y += LINE * 1.5

    def legend(self) -> None:
        """Each look that occurs, side by side as many as fit."""
        names: list[tuple[Box | Cross, str]] = list(self.legend_names())
        kinds = list(self.legend_kinds())
        column = max(_wide(text) + 45 for _, text in [*names, *kinds])
        across = max(1, int((self.wide - self.left) / column))
        for looks in [names + kinds] if len(names + kinds) <= across else [names, kinds]:
            for i, (look, text) in enumerate(looks):
                x, y = self.left + i % across * column, self.y + i // across * LINE
                self.items.append(look._replace(x=x + look.x, y=y + look.y))
                self.items.append(Text(x + 27, y + 9, text))
            self.y += math.ceil(len(looks) / across) * LINE

    def legend_names(self) -> Iterator[tuple[Box, str]]:
        if self.dense:
            yield Box(0, 3, 20, 12, "ran", 0), "height: share of the time in spans"
        used = {item.text for item in self.items if isinstance(item, Text)}
        named = [name for name in self.found if self.names[name] != REST]
        for name in named:
            letter = self.letter(name)
            text = f"{letter}: {name}" if letter in used else name
            yield Box(0, 3, 20, 12, "ran", self.names[name]), _short(text, 160)
        if more := len(self.found) - len(named):
            yield Box(0, 3, 20, 12, "ran"), f"{more} more names"

    def legend_kinds(self) -> Iterator[tuple[Box | Cross, str]]:
        kinds = {item.kind for item in self.items if isinstance(item, Box)}
        for kind in LOOKS:
            if kind in kinds and not self.dense and LOOKS[kind] not in self.names:
                yield Box(0, 3, 20, 12, kind), LOOKS[kind]
        if "ghost" in kinds:
            ends = ", ".join(_time(before.elapsed * 1e9) for before in self.before.values())
            yield Box(0, 3, 20, 12, "ghost"), f"the run before: {ends}"
        crosses = {item.why for item in self.items if isinstance(item, Cross)}
        for why, text in CROSSES.items():
            if why in crosses:
                yield Cross(10, 9, why), text


def titled(picture: Picture) -> dict[str, Timeline]:
    if isinstance(picture, Timeline):
        return {"": picture}
    if isinstance(picture, Mapping) and all(isinstance(t, Timeline) for t in picture.values()):
        return {str(title): timeline for title, timeline in picture.items()} or {"": Timeline()}
    raise TypeError(f"picture must be a Timeline or a dict of them by title, not {picture!r}")


def words(picture: Picture) -> str:
    """What a picture shows: a line per timeline."""
    timelines = titled(picture).items()
    return "\n".join(headed(title, timeline.describe()) for title, timeline in timelines)


def headed(title: str, text: str) -> str:
    """`text` after its title, where it has one."""
    return f"{title}: {text}" if title else text


def _in_order(lanes: dict[str, list[Span]]) -> dict[str, list[Span]]:
    """Worker 2 before worker 10; else in the order they come."""
    kinds: dict[str, int] = {}

    def place(lane: str) -> tuple[int, int, str]:
        kind = lane.rstrip("0123456789")
        number = lane[len(kind) :].lstrip("0")
        return kinds.setdefault(kind, len(kinds)), len(number), number

    return {lane: lanes[lane] for lane in sorted(lanes, key=place)}


def _depths(spans: Iterable[Span]) -> list[int]:
    """In how many others each span lies; one that only overlaps counts as inside."""
    depths: list[int] = []
    open_until: list[int] = []
    for span in spans:
        while open_until and open_until[-1] <= span.start:
            open_until.pop()
        depths.append(min(len(open_until), DEEPEST))
        open_until.append(span.stop)
    return depths


UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def _round_up(number: float) -> float:
    """The next of ... 0.1, 0.2, 0.5, 1, 2, 5, 10 ..."""
    power = 10.0 ** math.floor(math.log10(number))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= number * 0.999)


def _time(ns: float) -> str:
    size, unit = next(((size, unit) for size, unit in UNITS if ns >= size), UNITS[-1])
    return f"{ns / size:.3g} {unit}"


def _tip(span: Span, start: int) -> str:
    """What the mouse finds on a bar."""
    cpu = "CPU time unknown" if span.cpu is None else f"on a CPU {span.cpu:.0%} of it"
    ended = "" if span.outcome == "ok" else f"\n{span.outcome}"
    long, since = _time(span.stop - span.start), _time(span.start - start)
    name, lane = (
        t if len(t) <= LONGEST else t[: LONGEST - 1] + "…" for t in (span.name, span.lane)
    )
    return f"{name} ({lane})\n{long}, from {since} on; {cpu}{ended}"


def plain(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _wide(text: str) -> float:
    """About how many pixels `text` takes."""
    return sum(FONT if ord(c) > 0x2E00 else NARROW for c in text)


def _fits(text: str, room: float) -> bool:
    """A name may have a million letters, so first they are counted."""
    return len(text) * NARROW <= room and _wide(text) <= room


def _short(text: str, room: float) -> str:
    """`text`, cut off where it would take more than `room` pixels."""
    if _fits(text, room):
        return plain(text)
    text = text[: max(0, int(room / NARROW))]
    while text and _wide(text) + NARROW > room:
        text = text[:-1]
    return plain(text) + "…"
