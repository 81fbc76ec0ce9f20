"""What of a timeline's picture is where: bars, rows, ticks and legend, before they are drawn.

A `Page` lays out one timeline, or several on one time scale. `svg` and `png`
draw it, so that both show the same; `words` says it, and `captions` in short.

How a span spent its time is told by hatching as well as colour, and inside the bar:
the solid part of its height is its share on a CPU. When it was there nobody
measured, so no place along the bar says it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .measures import WAITED, Span, blocked, merge
from .recorder import Timeline
from .shapes import (
    DARK,
    FONT,
    LINE,
    REST,
    WIDTH,
    Area,
    Box,
    Cross,
    Line,
    Sheet,
    Text,
    fits,
    plain,
    short,
)
from .shapes import width as width_of

Picture = Timeline | Mapping[str, Timeline]

MOST_BARS = 10_000  # more bars than this nobody can read, and they take seconds
COLUMNS = 720  # that a row without bars is computed for
ROWS = 620  # pixels: of all rows at most
ROW, GAP = 24.0, 0.3  # pixels of a row at most; the part of it that lies between rows
STRIP, RIM = 0.74, 0.1  # parts of a row that an outer span keeps above and below an inner one
DEPTH = 48.0  # pixels: a queue's depth
SMALL = 15  # pixels: the lowest bar with a name in it
LONGEST = 200  # letters of a name that the mouse finds on a bar
SHARED = 0.9  # a CPU share below this is written into the bar: it had to share
DEEPEST = 6  # spans nested deeper than this share a level
ALIKE = 6  # so many lanes beside each other that did the same at the same time are drawn as one
NUMBERS = "0123456789_-–"  # by these, at their ends, lanes are told apart: they are not cut off
TOLD = 9  # of them at most
SAME = 0.02  # of the picture's time: what still counts as the same time
MARKED = 4.0  # pixels from one switch interval to the next at least, else nobody can see it

LOOKS = {
    "ran": "on a CPU",
    "simulated": "simulated waiting: asleep",
    "blocked": "waited at a lock or in a queue",
    "turn": "waited for its turn: for the GIL, or a CPU",
    "waited": "waited: for the GIL, a CPU, a lock or an answer",
    "unknown": "on a CPU or waiting: unknown",
}
CROSSES = {
    "failed": "ended with an exception",
    "stopped": "was told to stop",
    "died": "the worker died here",
}


class Page(Sheet):
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
        """Pictures that follow one another can be compared.

        The time axis reaches `until` (seconds) at least, `ghost` is the run before, drawn
        as an outline, and `names` have the colours that they had before, in this order.
        """
        super().__init__(wide)
        timelines = titled(picture)
        self.before = {} if ghost is None else titled(ghost)
        lanes = {name: _in_order(timeline.lanes()) for name, timeline in timelines.items()}
        every = [(lane, spans) for each in lanes.values() for lane, spans in each.items()]
        elapsed = {name: round(timeline.elapsed * 1e9) for name, timeline in timelines.items()}
        count = sum(len(spans) for _, spans in every)
        self.dense, self.least = count > MOST_BARS, 1.0 if count < MOST_BARS / 10 else 0.0
        before = (round(timeline.elapsed * 1e9) for timeline in self.before.values())
        self.total = max(1, round(until * 1e9), *elapsed.values(), *before)
        rows = {name: self.rows(each) for name, each in lanes.items()}
        labels = [_together(row) for each in rows.values() for row in each]
        labels += [name for timeline in timelines.values() for name in timeline.depths]
        longest = max((width_of(label[:LONGEST]) for label in labels), default=0)
        self.left = 16 + min(wide / 4, longest)
        self.scale = (wide - self.left - 30) / self.total  # pixels per nanosecond
        heights = (GAP + self.levels(row) for each in rows.values() for row in each)
        self.unit = min(ROW, high / max(1, sum(heights)))
        self.names: dict[str, int] = {}  # and their colours: those of `names` come first
        spans = () if self.dense else (s for t in timelines.values() for s in t.spans)
        found = dict.fromkeys(span.name for span in spans)
        for name in dict.fromkeys([*names, *found]):
            self.names[name] = min(len(self.names), REST)
        self.found = [*found]
        self.unnamed: dict[str, str] = {}  # names that a bar is too small for, and its look
        self.named: set[str] = set()
        self.turned = any(timeline.turns is not None for timeline in timelines.values())
        self.shared = False  # whether some bar shows how its time was shared
        if title:
            self.heading(0, title, 16)
        for name, timeline in timelines.items():
            if name:
                self.heading(self.left, f"{name}: {_time(elapsed[name])}", 14)
            self.panel(timeline, rows[name], elapsed[name], self.before.get(name))
        if count:
            self.axis()
            self.legend()

    def rows(self, lanes: Lanes) -> list[Lanes]:
        """The lanes, those together that are drawn as one."""
        rows: list[Lanes] = []
        for lane, spans in lanes.items():
            last = next(reversed(rows[-1].values())) if rows else []
            if last and not self.dense and self.alike(last, spans):
                rows[-1][lane] = spans
            else:
                rows.append({lane: spans})
        single = ([row] if len(row) >= ALIKE else [{n: row[n]} for n in row] for row in rows)
        return [row for each in single for row in each]

    def alike(self, some: Sequence[Span], others: Sequence[Span]) -> bool:
        """Whether two lanes did the same at the same time, and all of it ended well."""
        near = SAME * self.total
        return len(some) == len(others) and all(
            (a.name, a.outcome, b.outcome) == (b.name, "ok", "ok")
            and abs(a.start - b.start) <= near
            and abs(a.stop - b.stop) <= near
            for a, b in zip(some, others, strict=True)
        )

    def levels(self, row: Lanes) -> float:
        """How many times a plain row's height these need."""
        if self.dense:
            return 1
        deep = 1 + STRIP * max(max(_depths(spans), default=0) for spans in row.values())
        return deep if len(row) == 1 else deep * max(2.0, len(row) * 4 / ROW)

    def panel(
        self, timeline: Timeline, rows: Sequence[Lanes], elapsed: int, before: Timeline | None
    ) -> None:
        """One timeline: a row for each lane, over faint lines at the ticks."""
        top, start = self.y, timeline.spans[0].start if rows else 0
        ghosts = before.lanes() if before and not self.dense else {}
        began = before.spans[0].start if before and ghosts else 0
        every = math.ceil((FONT + 1) / (self.unit * (1 + GAP)))  # in low rows: name some
        for i, row in enumerate(rows):
            height = self.unit * self.levels(row)
            if i % every == 0:
                label = _together(row)
                told = len(label[-TOLD:]) - len(label[-TOLD:].rstrip(NUMBERS))
                name = short(label, self.left - 12, told)
                self.items.append(Text(self.left - 8, self.y + height / 2, name, "end"))
            for n, (lane, spans) in enumerate(row.items()):
                y, part = self.y + height * n / len(row), height / len(row)
                self.items.append(Box(self.left, y, elapsed * self.scale, part, "band"))
                if self.dense:
                    self.cover(timeline, lane, spans, start, height)
                    continue
                if timeline.turns is not None:
                    self.turns(timeline, lane, start, height)
                self.bars(spans, start, y, part, len(row) == 1)
                self.ghost(ghosts.get(lane, ()), began, y, part)
            if len(row) > 1:
                self.counted(row, start, height)
            self.y += height + self.unit * GAP
        for name in timeline.depths if rows else ():
            self.depth(timeline, name, start, start + elapsed)
        if not rows:
            self.items.append(Text(self.left, self.y + LINE / 2, "nothing was recorded"))
            self.y += LINE
        if before and ghosts:
            end = self.left + before.elapsed * 1e9 * self.scale
            self.items.append(Box(end, top - 3, 0.1, self.y - top + 3, "ghost", layer=19))
        for x, _ in self.ticks() if rows else ():
            self.items.append(Box(x - 0.4, top - 3, 0.8, self.y - top + 3, "grid"))

    def cover(
        self, timeline: Timeline, lane: str, spans: Sequence[Span], start: int, height: float
    ) -> None:
        """A lane of more spans than anybody can read: what share of each column they take."""
        from .columns import columns  # NumPy, which a few spans do without

        share = columns(timeline).cover(lane, COLUMNS, self.total)
        self.items.append(Area(self.left, self.y, self.total * self.scale, height, share))
        failed = [s for s in spans if s.outcome != "ok"]
        self.crosses([(s, self.y + height / 2) for s in failed], start)

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
            Text(right, self.y + DEPTH / 2, short(name, self.left - 12), "end"),
            Text(right, self.y + DEPTH - 5, "0", "end"),
        ]
        full = f"full {depth.share(depth.size, start, stop):.0%}, " if depth.size else ""
        said = f"{full}empty {depth.share(0, start, stop):.0%} of the time"
        if fits(said, width - 10):
            self.items.append(Text(self.left + width - 5, self.y + DEPTH - 9, said, "end"))
        self.y += DEPTH + self.unit * GAP

    def bars(
        self, spans: Sequence[Span], start: int, top: float, height: float, named: bool
    ) -> None:
        """Boxes in boxes: an inner span leaves its outer one a strip above and a rim below."""
        failed = []
        for span, depth in zip(spans, _depths(spans), strict=True):
            x, width = self.left + (span.start - start) * self.scale, self.length(span)
            y, high = top + self.unit * STRIP * depth, height - self.unit * (STRIP + RIM) * depth
            middle = y + (high if high <= self.unit else self.unit * STRIP) / 2
            colour, tip, bottom = self.names[span.name], _tip(span, start), y + high
            parts = spent(span)
            self.shared |= len(parts) > 1
            for kind, share in parts:
                bottom -= high * share
                box = Box(x, bottom, max(width, self.least), high * share, kind, colour, 1 + depth)
                self.items.append(box._replace(tip=tip))
            if named and high >= SMALL and (label := self.label(span, width)):
                solid = [kind for kind, _ in parts] == ["ran"]
                ink = "" if not solid else "#fff" if colour == DARK else "#000"
                self.items.append(Text(x + 5, middle, label, ink=ink))
                self.named.add(span.name)
            elif named:
                self.unnamed.setdefault(span.name, parts[-1][0])
            if span.outcome != "ok":
                failed.append((span, middle))
        self.crosses(failed, start)

    def counted(self, row: Lanes, start: int, height: float) -> None:
        """The names of bars that stand above one another in many lanes, once."""
        for span in next(iter(row.values())):
            x, label = self.left + (span.start - start) * self.scale, f"{len(row)} × {span.name}"
            if fits(label, self.length(span) - 9):
                self.items.append(Text(x + 5, self.y + height / 2, plain(label)))
                self.named.add(span.name)
            else:
                self.unnamed.setdefault(span.name, spent(span)[-1][0])

    def turns(self, timeline: Timeline, lane: str, start: int, height: float) -> None:
        """Where a worker that is always ready did not run, and when the others may interrupt it.

        The longest of these waits in all lanes is named.
        """
        longest, right = timeline.longest_wait(), self.left + timeline.elapsed * 1e9 * self.scale
        for begin, end in timeline.waits(lane):
            x, width = self.left + (begin - start) * self.scale, (end - begin) * self.scale
            said = f"{_time(end - begin)} without a turn"
            if width >= 0.5:
                tip = f"{lane}\n{said}"
                self.items.append(Box(x, self.y, width, height, "turn", REST, 1, tip))
            if longest == (lane, begin, end) and fits(said, width - 9):
                self.items.append(Text(x + 5, self.y + height / 2, said))
        after = (timeline.turns or 0) * self.scale
        for began in timeline.takes().get(lane, ()) if after >= MARKED else ():
            x = self.left + (began - start) * self.scale + after
            if x <= right:
                ends = (x, self.y - 3), (x, self.y + height + 3)
                self.items.append(Line(ends, dash=4, width=1))

    def ghost(self, spans: Iterable[Span], start: int, y: float, height: float) -> None:
        """Behind the bars of a lane: where its worker was busy in the run before."""
        pixel = round(1 / self.scale)  # gaps that nobody sees make no boxes of their own
        for begin, end in merge(sorted((span.start, span.stop + pixel) for span in spans)):
            x, width = self.left + (begin - start) * self.scale, (end - begin) * self.scale
            self.items.append(Box(x, y, max(width - 1, self.least), height, "ghost"))

    def length(self, span: Span) -> float:
        return (span.stop - span.start) * self.scale

    def label(self, span: Span, width: float) -> str:
        """The name where it fits, with a CPU share that says more."""
        room = width - (9 if span.outcome == "ok" else 25)
        shared = span.cpu is not None and WAITED <= span.cpu < SHARED
        texts = [f"{span.name}, {span.cpu:.0%} CPU"] if shared else []
        return next((plain(text) for text in [*texts, span.name] if fits(text, room)), "")

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
        """Each look that occurs, and each name that no bar had room for, one after the other."""
        x, last = self.left, self.wide - 10
        for looks, text in [*self.legend_names(), *self.legend_kinds()]:
            text = short(text, last - self.left - 27)
            if x > self.left and x + 27 + width_of(text) > last:
                x, self.y = self.left, self.y + LINE
            for look in looks:
                if isinstance(look, Line):
                    moved = [(x + dx, self.y + dy) for dx, dy in look.points]
                    self.items.append(look._replace(points=moved))
                else:
                    self.items.append(look._replace(x=x + look.x, y=self.y + look.y))
            self.items.append(Text(x + 27, self.y + 9, text))
            x += 27 + width_of(text) + 18
        self.y += LINE

    def legend_names(self) -> Iterator[Entry]:
        if self.dense:
            yield [Box(0, 3, 20, 12, "ran", 0)], "height: share of the time in spans"
        coloured = [name for name in self.found if self.names[name] != REST]
        for name in coloured if len(self.found) > 1 or not self.named else ():
            if name in self.unnamed and not self.turned:
                look = Box(0, 3, 20, 12, self.unnamed[name], self.names[name])
                yield [look], short(name, 160)
        if more := len(self.found) - len(coloured):
            yield [Box(0, 3, 20, 12, "ran")], f"{more} more names"

    def legend_kinds(self) -> Iterator[Entry]:
        """Hatchings, in the colour that all of a kind have; in grey if that stands for a name."""
        found = {(item.kind, item.colour) for item in self.items if isinstance(item, Box)}
        named = [look for looks, _ in self.legend_names() for look in looks]
        kinds = dict[str, int]()
        for kind, colour in found:
            alone = kind not in kinds and Box(0, 3, 20, 12, kind, colour) not in named
            kinds[kind] = colour if alone else REST
        for kind in LOOKS:
            if kind in kinds and not self.dense and LOOKS[kind] not in self.names:
                yield [Box(0, 3, 20, 12, kind, kinds[kind])], LOOKS[kind]
        if self.shared:
            colour = kinds.get("ran", 0)
            two = [Box(0, 3, 20, 7, "waited", colour), Box(0, 10, 20, 5, "ran", colour)]
            yield [*two], "in height: how a bar's time was shared"
        if "ghost" in kinds:
            ends = ", ".join(_time(before.elapsed * 1e9) for before in self.before.values())
            yield [Box(0, 3, 20, 12, "ghost")], f"the run before: {ends}"
        if any(isinstance(item, Line) for item in self.items):
            yield (
                [Line(((10, 1), (10, 17)), dash=4, width=1)],
                "a switch interval after its turn began",
            )
        crosses = {item.why for item in self.items if isinstance(item, Cross)}
        for why, text in CROSSES.items():
            if why in crosses:
                yield [Cross(10, 9, why)], text


Entry = tuple[list[Box | Cross | Line], str]  # of a legend
Lanes = dict[str, list[Span]]


def spent(span: Span) -> list[tuple[str, float]]:
    """How a span spent its time: one of LOOKS and its share, that on a CPU first.

    What is less than a tenth is left out, as no clock is that exact.
    """
    if blocked(span.name):
        return [("blocked", 1.0)]
    if span.cpu is None:
        return [("unknown", 1.0)]
    asleep = min(span.slept / max(1, span.stop - span.start), 1 - span.cpu)
    shares = {"ran": span.cpu, "simulated": asleep, "waited": 1 - span.cpu - asleep}
    kept = {look: share for look, share in shares.items() if share >= WAITED}
    return [(look, share / sum(kept.values())) for look, share in kept.items()]


def _together(row: Lanes) -> str:
    """The name of a lane; of several, from the first to the last."""
    first, *others = row
    if not others:
        return first
    kind = first.rstrip("0123456789")
    return f"{first}–{others[-1].removeprefix(kind)}"


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


def captions(picture: Picture) -> str:
    """The same in short, a line per timeline; no line breaks inside of a number and its unit."""
    return "\n".join(headed(title, _caption(each)) for title, each in titled(picture).items())


def _caption(timeline: Timeline) -> str:
    if not timeline.spans:
        return "nothing was recorded"
    lanes = len(timeline.workers())
    parts = [f"{lanes} worker{'s' * (lanes != 1)}", _time(timeline.elapsed * 1e9)]
    parts.append(f"{max(1, timeline.at_once())} at once")
    share = timeline.cpu_share()
    if share is not None and share >= WAITED and timeline.turns is None:
        parts.append(f"on a CPU {share:.0%}")
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)


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
