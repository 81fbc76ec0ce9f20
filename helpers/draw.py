"""Timelines, speed-ups and costs as pictures that carry their own words.

`html` makes inline SVG: fast enough to follow a slider, and at home on a light
or a dark page. `show`, `curve`, `costs`, `heat` and `graph` show a picture with its words,
which a page without a kernel can keep: see `timeline.picture.shown`.
Below the lanes of a timeline stands how full its queues were.

One row per worker, one colour per name. How a span spent its time is told by
hatching as well as colour: what ran on a CPU is solid, what waited is striped.
Up to 10 000 spans are bars; above that a row shows, for each column of the
picture, the share of the time that its worker was inside a span.

The charts stand here; timelines are laid out and drawn in `timeline`. All are
made of the same `shapes`. Deliberately absent: zooming, themes, other charts.
`Timeline.save` writes files for tools that zoom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .timeline.layout import headed
from .timeline.layout import words as words
from .timeline.picture import bundle, display
from .timeline.picture import html as html
from .timeline.picture import plot as plot
from .timeline.picture import show as show
from .timeline.shapes import (
    CURVES,
    INKED,
    LINE,
    WIDTH,
    Box,
    Line,
    Mark,
    Sheet,
    Text,
    apart,
    short,
    width,
)

Law = Callable[[float, int], float]
BYTES = ("B", "kB", "MB", "GB")
SECONDS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
HIGH, RIGHT = 330.0, 12.0  # pixels: of a chart; between a line's end and its name
NEAR = 17.0  # pixels from one name to the next
ROUND_WIDE, ROUND_HIGH = 220.0, 80.0  # pixels: half of a circle of boxes
PALE = "#CFE8F7"  # behind the letters of a box
FASTER, SLOWER = (86, 180, 233), (230, 159, 0)  # what the cells of a heat map lean to


class Curve(NamedTuple):
    """A line of a chart; with `marks` where its points were measured."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    dash: int
    marks: int | None = None


def curve(
    points: Mapping[str, Mapping[int, float]],
    usable: int | None = None,
    parallel: float | None = None,
    laws: Sequence[Law] | None = None,
    title: str = "",
) -> None:
    """Show measured speed-ups by number of workers, with their words.

    `points` maps the name of a series to {workers: speed-up}. `usable` marks
    the usable CPUs; `parallel` adds what `laws` (default: both) promise for
    that parallel share of the work.
    """
    _check_points(points)
    most = max([2, usable or 1, *(n for series in points.values() for n in series)])
    promised = _promised(parallel, laws or (amdahl, gustafson), most)
    numbers = _curve_words(points, promised, usable)
    text = headed(title or "Speed-up by number of workers", numbers)
    chart = _curve(points, promised, usable, most, title)
    display(lambda: bundle(chart, text, numbers=numbers), text)


def costs(points: Mapping[str, Mapping[int, float]], title: str = "") -> None:
    """Show seconds by number of bytes, {name: {bytes: seconds}}, on two log scales; say them."""
    numbers = _costs_words(points)
    text = headed(title or "Time by size", numbers)
    chart = Chart(title, "size", "time", log=True)
    sizes = sorted({size for series in points.values() for size in series})
    times = [seconds for series in points.values() for seconds in series.values()] or [1e-3, 1.0]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    chart.span((sizes or [1])[0], (sizes or [1])[-1], 10.0**low, 10.0 ** max(high, low + 1))
    chart.ticks([(size, _bytes(size)) for size in sizes])
    chart.levels([(10.0**power, _seconds(10.0**power)) for power in range(low, high + 1)])
    chart.draw(_measured(points))
    display(lambda: bundle(chart, text, numbers=numbers), text)


def _measured(points: Mapping[str, Mapping[int, float]]) -> Iterator[Curve]:
    """A line for each series; they differ in more than colour."""
    for i, (name, series) in enumerate(points.items()):
        yield Curve(name, sorted(series.items()), CURVES[i % 6], i % 4, i % 6)


class Chart(Sheet):
    """Two axes, and lines between them, each with its name at its end."""

    def __init__(self, title: str, across: str, up: str, log: bool = False) -> None:
        super().__init__(WIDTH)
        self.log, self.across = log, across
        if title:
            self.heading(0, title, 16)
        self.items.append(Text(0, self.y + 12, up))
        self.top = self.y + 2 * LINE
        self.bottom = self.top + HIGH
        self.y = self.bottom + 2.6 * LINE
        self.begin, self.end = 70.0, WIDTH - 20

    def span(self, least: float, most: float, low: float, high: float) -> None:
        """From where to where the axes go."""
        self.sides = [self.at(each) for each in (least, max(most, least * 1.01), low, high)]

    def at(self, number: float) -> float:
        return math.log(number) if self.log else number

    def x(self, number: float) -> float:
        left, right = self.sides[:2]
        return self.begin + (self.at(number) - left) / (right - left) * (self.end - self.begin)

    def up(self, number: float) -> float:
        low, high = self.sides[2:]
        return self.bottom - (self.at(number) - low) / (high - low) * HIGH

    def room_for(self, names: Sequence[str]) -> None:
        """At the right of the lines, for their names."""
        longest = max((width(name) for name in names), default=0)
        self.end = WIDTH - RIGHT - 6 - min(longest, WIDTH / 2.6)

    def ticks(self, marks: Sequence[tuple[float, str]]) -> None:
        self.marks = marks

    def levels(self, marks: Sequence[tuple[float, str]]) -> None:
        self.heights = marks

    def draw(self, curves: Iterator[Curve]) -> None:
        """The axes, the lines, and their names, which do not touch each other."""
        lines = [curve for curve in curves if curve.points]
        self.room_for([line.name for line in lines])
        for number, name in self.heights:
            y = self.up(number)
            self.items.append(Box(self.begin, y - 0.4, self.end - self.begin, 0.8, "grid"))
            self.items.append(Text(self.begin - 8, y, name, "end"))
        for number, name in self.marks:
            x = self.x(number)
            self.items.append(Box(x - 0.4, self.top, 0.8, HIGH + 4, "grid"))
            self.items.append(Text(x, self.bottom + 15, name, "middle"))
        middle = (self.begin + self.end) / 2
        self.items.append(Text(middle, self.bottom + 15 + LINE, self.across, "middle"))
        ends = []
        for _, points, colour, dash, marks in lines:
            places = [(self.x(number), self.up(height)) for number, height in points]
            ends.append(places[-1])
            self.items.append(Line(places, colour, dash, 2 if marks is not None else 1.2))
            self.items += [Mark(x, y, marks, colour) for x, y in places if marks is not None]
        levels = apart([y for _, y in ends], NEAR, self.bottom)
        for (x, y), level, line in zip(ends, levels, lines, strict=True):
            at = self.end + RIGHT
            if x < self.end - 1 or abs(level - y) > 2:
                ways = [(x + 5, y), (at - 3, level)]
                self.items.append(Line(ways, line.colour, 3, 0.8))
            self.items.append(Text(at, level, short(line.name, WIDTH - at)))


def _costs_words(points: Mapping[str, Mapping[int, float]]) -> str:
    lines = []
    for name, series in points.items():
        each = ", ".join(f"{_bytes(n)}: {_seconds(series[n])}" for n in sorted(series))
        lines.append(f"{name}: {each or 'nothing was measured'}.")
    return "\n".join(lines) or "Nothing was measured."


def _bytes(number: float) -> str:
    """In powers of 1000 where they fit exactly, else of 1024.

    >>> _bytes(1000), _bytes(1 << 20)
    ('1 kB', '1 MB')
    """
    step = 1000 if number % 1000 == 0 else 1024
    power = min(len(BYTES) - 1, int(math.log(max(1, number)) / math.log(step) + 1e-9))
    return f"{number / step**power:.3g} {BYTES[power]}"


def _seconds(number: float) -> str:
    unit, size = next((each for each in SECONDS if number >= each[1] * 0.9995), SECONDS[-1])
    return f"{number / size:.3g} {unit}"


def heat(speedups: Mapping[str, Mapping[str, float]], title: str = "") -> None:
    """Show speed-ups as a heat map, {row: {column: speed-up}}, a number in each cell; say them.

    Blue is faster than 1, orange slower; a cell without a number was not measured.
    """
    _check_heat(speedups)
    columns = list(dict.fromkeys(name for row in speedups.values() for name in row))
    text = headed(title or "Speed-ups", _heat_words(speedups, columns))
    display(lambda: bundle(_heat(speedups, columns, title), text), text)


def _check_heat(speedups: Mapping[str, Mapping[str, float]]) -> None:
    if not any(speedups.values()):
        raise ValueError("speedups must have a row with a number in it, and there is none")
    for name, row in speedups.items():
        for column, speedup in row.items():
            if not 0 < speedup < float("inf"):
                where = f"({name}, {column})"
                raise ValueError(f"speed-ups must be positive numbers, not {speedup!r} {where}")


def graph(arrows: Mapping[tuple[str, str], str], title: str = "") -> None:
    """Show who leads to whom, {(from, to): words on the arrow}; say it.

    What stands for a thread or a lock is a box; the boxes stand in a circle, in the
    order in which the arrows lead from one to the next.
    """
    if not arrows:
        raise ValueError("arrows must have one arrow or more, and there is none")
    text = ". ".join(f"{one} {said} {other}" for (one, other), said in arrows.items()) + "."
    text = headed(title or "Who leads to whom", text)
    display(lambda: bundle(_graph(arrows, title), text), text)


def _graph(arrows: Mapping[tuple[str, str], str], title: str) -> Sheet:
    sheet, names = Sheet(), _in_a_row(arrows)
    if title:
        sheet.heading(0, title, 16)
    middle, down = sheet.y + ROUND_HIGH + LINE, ROUND_HIGH if len(names) > 2 else 0.0
    places = {}
    for i, name in enumerate(names):
        angle = math.pi * (1 + 2 * i / len(names))
        places[name] = WIDTH / 2 + ROUND_WIDE * math.cos(angle), middle + down * math.sin(angle)
    sizes = {name: (width(short(name, ROUND_WIDE)) / 2 + 12, LINE * 0.8) for name in names}
    for (one, other), said in arrows.items():
        begin = _edge(places[one], places[other], sizes[one])
        end = _edge(places[other], places[one], sizes[other])
        sheet.items += [Line([begin, end]), *_head(begin, end)]
        x, y = ((a + b) / 2 for a, b in zip(begin, end, strict=True))
        across, down, said = abs(end[0] - begin[0]), abs(end[1] - begin[1]), short(said, ROUND_WIDE)
        if across > down:  # beside its line, which would cross it out: outside of the circle
            aside = LINE / 2 + width(said) / 2 * down / across
            y += aside if end[0] < begin[0] else -aside
        sheet.items.append(Text(x, y, said, "middle"))
    for name, (x, y) in places.items():
        wide, high = sizes[name]
        sheet.items.append(Box(x - wide, y - high, 2 * wide, 2 * high, "ran", fill=PALE))
        sheet.items.append(Text(x, y, short(name, ROUND_WIDE), "middle", "#000"))
    sheet.y = middle + ROUND_HIGH + LINE
    return sheet


def _in_a_row(arrows: Mapping[tuple[str, str], str]) -> list[str]:
    """All names, each after one that leads to it where there is one."""
    names: dict[str, None] = {}
    for begin, _ in arrows:
        on: str | None = begin
        while on is not None and on not in names:
            names[on] = None
            on = next((b for a, b in arrows if a == on and b not in names), None)
    return [*names, *dict.fromkeys(b for _, b in arrows if b not in names)]


def _edge(
    one: tuple[float, float], other: tuple[float, float], size: tuple[float, float]
) -> tuple[float, float]:
    """Where the line from the middle of a box to another place leaves the box, and a bit on."""
    (x, y), across, down = one, other[0] - one[0], other[1] - one[1]
    share = min(
        (half + 4) / abs(way) if way else math.inf
        for half, way in zip(size, (across, down), strict=True)
    )
    share = min(share, 0.4)
    return x + across * share, y + down * share


def _head(begin: tuple[float, float], end: tuple[float, float]) -> Iterator[Line]:
    """The two strokes at an arrow's end."""
    angle = math.atan2(end[1] - begin[1], end[0] - begin[0])
    for turn in (2.7, -2.7):
        x, y = end[0] + 9 * math.cos(angle + turn), end[1] + 9 * math.sin(angle + turn)
        yield Line([end, (x, y)])


def _heat(speedups: Mapping[str, Mapping[str, float]], columns: Sequence[str], title: str) -> Sheet:
    """Colours by ratio: twice as fast is as blue as half as fast is orange."""
    sheet, high = Sheet(), 1.5 * LINE
    if title:
        sheet.heading(0, title, 16)
    left = 16 + min(WIDTH / 3, max(map(width, speedups)))
    across = (WIDTH - left) / max(3, len(columns))
    numbers = [number for row in speedups.values() for number in row.values()]
    far = max(1.0, *(abs(math.log2(number)) for number in numbers))
    deepest = 0
    for i, column in enumerate(columns):
        lines = column.replace(", ", ",\n").split("\n")
        deepest = max(deepest, len(lines))
        for n, line in enumerate(lines):
            x, y = left + (i + 0.5) * across, sheet.y + (n + 0.6) * LINE
            sheet.items.append(Text(x, y, short(line, across), "middle"))
    sheet.y += (deepest + 0.3) * LINE
    for name, row in speedups.items():
        sheet.items.append(Text(left - 10, sheet.y + high / 2, short(name, left - 12), "end"))
        for i, column in enumerate(columns):
            x, middle = left + i * across, sheet.y + high / 2
            if column in row:
                shade = _shade(math.log2(row[column]) / far)
                sheet.items.append(Box(x, sheet.y, across - 3, high - 3, "ran", fill=shade))
            said = f"× {row[column]:.2f}" if column in row else "not measured"
            ink = "#000" if column in row else ""
            sheet.items.append(Text(x + across / 2, middle, said, "middle", ink))
        sheet.y += high
    return sheet


def _shade(lean: float) -> str:
    """From white, for 0, to blue, for 1, or orange, for -1."""
    towards = FASTER if lean > 0 else SLOWER
    return "#" + "".join(f"{round(255 + (each - 255) * abs(lean)):02x}" for each in towards)


def _heat_words(speedups: Mapping[str, Mapping[str, float]], columns: Sequence[str]) -> str:
    def said(row: Mapping[str, float], column: str) -> str:
        return f"{column} {row[column]:.2f}" if column in row else f"{column} not measured"

    rows = [
        f"{name}: {'; '.join(said(row, c) for c in columns)}." for name, row in speedups.items()
    ]
    return "\n".join(["Times as fast as serially.", *rows])


def amdahl(parallel: float, workers: int) -> float:
    """Speed-up at most, where `parallel` (0 to 1) of the work can be shared.

    >>> amdahl(0.5, 2)
    1.3333333333333333
    """
    _check_law(parallel, workers)
    return 1 / (1 - parallel + parallel / workers)


def gustafson(parallel: float, workers: int) -> float:
    """Speed-up where the shared part of the work grows with the workers.

    `parallel` is the share of the time, 0 to 1, that all of them work.

    >>> gustafson(0.5, 2)
    1.5
    """
    _check_law(parallel, workers)
    return 1 - parallel + parallel * workers


# ----------------------------------------------------------- speed-up curves


def _check_law(parallel: float, workers: int) -> None:
    if not 0 <= parallel <= 1:
        raise ValueError(f"parallel must be a share between 0 and 1, not {parallel!r}")
    if not workers >= 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")


def _check_points(points: Mapping[str, Mapping[int, float]]) -> None:
    for name, series in points.items():
        for workers, speedup in series.items():
            if not (isinstance(workers, int) and workers >= 1):
                raise ValueError(
                    f"workers must be whole numbers from 1 on, not {workers!r} ({name})"
                )
            if not 0 < speedup < float("inf"):
                raise ValueError(f"speed-ups must be positive numbers, not {speedup!r} ({name})")


def _promised(parallel: float | None, laws: Sequence[Law], most: int) -> dict[str, list[float]]:
    """The curve of each law, from 1 worker to `most`."""
    if parallel is None:
        return {}
    names = [f"{law.__name__.capitalize()}, {parallel:.0%} parallel" for law in laws]
    curves = [[law(parallel, n) for n in range(1, most + 1)] for law in laws]
    return dict(zip(names, curves, strict=True))


def _curve(
    points: Mapping[str, Mapping[int, float]],
    promised: Mapping[str, Sequence[float]],
    usable: int | None,
    most: int,
    title: str,
) -> Chart:
    """Measured points over the whole ideal line and the laws."""
    chart = Chart(title, "workers", "speed-up: times as fast")
    measured = [speedup for series in points.values() for speedup in series.values()]
    chart.span(1, most, 0, 1.02 * max([most, *measured]))
    step = max(1, _round(most / 8))
    chart.ticks([(n, str(n)) for n in range(1, most + 1) if n == 1 or n % step == 0])
    step = max(1, _round(max([most, *measured]) / 6))
    top = math.floor(max([most, *measured]))
    chart.levels([(n, str(n)) for n in range(0, top + 1, step)])
    ideal = Curve("ideal: n workers, n times", [(1, 1), (most, most)], INKED, 0)
    laws = (
        Curve(name, [*enumerate(law, 1)], INKED, 1 + i)
        for i, (name, law) in enumerate(promised.items())
    )
    chart.draw(each for some in ([ideal], laws, _measured(points)) for each in some)
    if usable:
        x, side = chart.x(usable), "end" if usable > most / 2 else "start"
        chart.items.append(Line([(x, chart.top), (x, chart.bottom)], INKED, 4, 1.2))
        x += -6 if side == "end" else 6
        chart.items.append(Text(x, chart.top + 8, f"usable CPUs: {usable}", side))
    return chart


def _round(number: float) -> int:
    """The next of 1, 2, 5, 10, 20 ..."""
    power = 10 ** math.floor(math.log10(max(1, number)))
    return next(int(f * power) for f in (1, 2, 5, 10) if f * power >= number)


def _curve_words(
    points: Mapping[str, Mapping[int, float]],
    promised: Mapping[str, Sequence[float]],
    usable: int | None,
) -> str:
    lines = []
    for name, series in points.items():
        best = max(sorted(series), key=series.__getitem__, default=None)
        if best is None:
            lines.append(f"{name}: nothing was measured.")
            continue
        each = ", ".join(f"{n}: {series[n]:.2f}" for n in sorted(series))
        most = f"best {series[best]:.2f} times as fast, with {_workers(best)}"
        lines.append(f"{name}: {most} ({each}).")
    for name, curve in promised.items():
        lines.append(f"{name}: {curve[-1]:.2f} times as fast with {_workers(len(curve))}.")
    if usable:
        lines.append(f"Usable CPUs: {usable}.")
    return "\n".join(lines) or "Nothing was measured."


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
