"""What pictures are made of: bars, texts, lines, marks and areas, and how wide a text is.

A `Sheet` is a picture before it is drawn, in pixels from its left and its top.
`layout` fills one with timelines, `draw` with charts; `svg` and `png` draw both,
so that all of them have the same type, sizes and colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 760.0  # pixels: of a picture; a page that is narrower shrinks it
LINE, FONT = 21, 13  # pixels: a line, a letter
NARROW = 0.59 * FONT  # pixels: what a letter takes at least

# Okabe and Ito's colours, which colour-blind readers tell apart; grey for the rest
BLUE, GREY = "#56B4E9", "#A0A0A0"
COLOURS = [BLUE, "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#F0E442", GREY]
REST = len(COLOURS) - 1
DARK = 5  # the one on which letters must be white
INKED = -1  # in place of a colour: that of the page's letters
CURVES = (DARK, 4, 2, 3, 1, 0)  # for lines: the strongest first
INK = "var(--jp-content-font-color1,var(--vscode-editor-foreground,currentColor))"
PAPER = "var(--jp-layout-color0,var(--vscode-editor-background,transparent))"
DASHES: tuple[tuple[float, ...], ...] = ((), (8, 4), (8, 3, 2, 3), (2, 3), (3, 3))
SHAPES = "os^Dv*"  # of marks, by matplotlib's names


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
    fill: str = ""  # a colour that is none of COLOURS


class Text(NamedTuple):
    x: float
    y: float  # of its middle
    text: str
    anchor: str = "start"
    ink: str = ""  # "": that of the page, with a halo
    size: int = FONT


class Cross(NamedTuple):
    """A span that did not end well: why it did not."""

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


class Line(NamedTuple):
    """A line through points; `dash` is the index of one of DASHES."""

    points: Sequence[tuple[float, float]]
    colour: int = INKED
    dash: int = 0
    width: float = 2


class Mark(NamedTuple):
    """A measured point; `shape` is the index of one of SHAPES."""

    x: float
    y: float
    shape: int
    colour: int


Item = Box | Text | Cross | Area | Line | Mark


class Sheet:
    """A picture's parts; `y` is how far down it reaches so far."""

    def __init__(self, wide: float = WIDTH) -> None:
        self.wide, self.y, self.left, self.scale = wide, 0.0, 0.0, 1.0
        self.least = 1.0  # pixels: of a bar
        self.items: list[Item] = []

    def heading(self, x: float, text: str, size: int) -> None:
        text = short(text, (self.wide - x) * FONT / size)
        self.items.append(Text(x, self.y + size * 0.8, text, size=size))
        self.y += size * 1.8


def plain(text: str) -> str:
    kept = "\n\N{NO-BREAK SPACE}"
    return "".join(c if c.isprintable() or c in kept else "\N{REPLACEMENT CHARACTER}" for c in text)


def width(text: str) -> float:
    """About how many pixels `text` takes."""
    return sum(FONT if ord(c) > 0x2E00 else NARROW for c in text)


def fits(text: str, room: float) -> bool:
    """A name may have a million letters, so first they are counted."""
    return len(text) * NARROW <= room and width(text) <= room


def short(text: str, room: float, end: int = 0) -> str:
    """`text`, cut where it would take more than `room` pixels; its last `end` letters stay.

    >>> short("ThreadPoolExecutor-0_3", 100, 4)
    'ThreadP…-0_3'
    """
    if fits(text, room):
        return plain(text)
    kept = text[-end:] if end else ""
    text = text[: max(0, int(room / NARROW))]
    while text and width(text + kept) + NARROW > room:
        text = text[:-1]
    return plain(f"{text}…{kept}")


def apart(wanted: Sequence[float], distance: float, lowest: float) -> list[float]:
    """Places near those wanted, at least `distance` from one another, none below `lowest`.

    >>> apart([10, 12, 50], 20, 100)
    [10, 30, 50]
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places, least = list(wanted), float("-inf")
    for i in order:
        places[i] = least = max(places[i], least)
        least += distance
    most = lowest
    for i in reversed(order):
        places[i] = min(places[i], most)
        most = places[i] - distance
    return places
