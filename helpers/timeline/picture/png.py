"""A sheet as a PNG by matplotlib, for whoever shows no SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ..layout import LOOKS, Page
from ..recorder import Timeline
from ..shapes import COLOURS, DASHES, FONT, INKED, SHAPES, Box, Cross, Line, Mark, Sheet, Text
from ..shapes import plain as plain
from .svg import FAINT, HATCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAD = 8  # pixels around a picture
DOTS = 104  # of the PNG for 100 pixels of the sheet
SHADES = 8  # of each colour: a PNG with so few is a third as large, and notebooks store it
# Rows of dots that are the same as those above make a PNG small; slanted lines do not.
HATCHES = {"simulated": "||||", "waited": "----", "blocked": "++++", "turn": "..", "unknown": "..."}


def plot(timeline: Timeline, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw with matplotlib on `ax` (default: a new figure); gives the Axes.

    Across, its coordinates are the time since the first start, in seconds;
    downwards they are pixels.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        return on_figure(plt.figure(), Page(timeline, title))
    box, dots = ax.get_window_extent(), ax.figure.dpi / 100
    wide, high = box.width / dots, box.height / dots
    return _on_axes(ax, Page(timeline, title, wide, max(40, high - 90)), high)


def png(sheet: Sheet) -> bytes:
    """The picture on white paper."""
    from matplotlib.figure import Figure  # without pyplot: a widget's thread may ask for it
    from PIL import Image

    figure, drawn, small = Figure(), io.BytesIO(), io.BytesIO()
    on_figure(figure, sheet)
    figure.savefig(drawn, format="png", dpi=DOTS, facecolor="white")
    colours = {getattr(item, "fill", "") or getattr(item, "colour", INKED) for item in sheet.items}
    shades = min(256, SHADES * (1 + len(colours)))
    few = Image.open(drawn).convert("RGB").quantize(shades, dither=Image.Dither.NONE)
    few.save(small, format="PNG", optimize=True)
    return small.getvalue()


def on_figure(figure: Figure, sheet: Sheet) -> Axes:
    wide, high = sheet.wide + 2 * PAD, sheet.y + 2 * PAD
    figure.set_dpi(100)
    figure.set_size_inches(wide / 100, high / 100)
    place = PAD / wide, PAD / high, sheet.wide / wide, sheet.y / high
    return _on_axes(figure.add_axes(place), sheet, sheet.y)


def _on_axes(ax: Axes, sheet: Sheet, high: float) -> Axes:
    """Put the sheet on `ax`, which is as wide, and `high` pixels high."""
    second = 1e9 * sheet.scale
    ax.axis("off")
    ax.set(xlim=(-sheet.left / second, (sheet.wide - sheet.left) / second), ylim=(high, 0))
    _plot_boxes(ax, sheet, second)
    for item in sheet.items:
        if isinstance(item, Box):
            continue
        if isinstance(item, Line):
            xs, ys = zip(*item.points, strict=True)
            _plot_line(ax, [(x - sheet.left) / second for x in xs], ys, item)
            continue
        x = (item.x - sheet.left) / second
        if isinstance(item, Text):
            _plot_text(ax, x, item)
        elif isinstance(item, Cross):
            _plot_cross(ax, x, item)
        elif isinstance(item, Mark):
            look: Any = {"color": _ink(item.colour), "mec": "white", "mew": 0.7, "markersize": 6}
            ax.plot(
                x, item.y, SHAPES[item.shape].replace("*", "P"), zorder=19, clip_on=False, **look
            )
        else:
            step, bottom = item.width / second / len(item.cover), item.y + item.height
            tops = [bottom - item.height * share for share in item.cover]
            edges = [x + i * step for i in range(len(tops) + 1)]
            ax.stairs(tops, edges, baseline=bottom, fill=True, color=COLOURS[item.colour])
    return ax


def _ink(colour: int) -> str:
    return "#222" if colour == INKED else COLOURS[colour]


def _plot_line(ax: Axes, xs: Any, ys: Any, line: Line) -> None:
    dash = DASHES[line.dash]
    style: Any = (0, [length / line.width for length in dash]) if dash else "-"
    look: Any = {"color": _ink(line.colour), "linewidth": line.width * 0.72, "zorder": 18}
    ax.plot(xs, ys, linestyle=style, clip_on=False, **look)


def _plot_boxes(ax: Axes, sheet: Sheet, second: float) -> None:
    """All boxes of one look at once: one by one, 10 000 take nine seconds."""
    from matplotlib.collections import PolyCollection

    alike: dict[tuple[int, str, int, str, bool], list[list[tuple[float, float]]]] = {}
    for box in sheet.items:
        if isinstance(box, Box):
            left, right = ((x - sheet.left) / second for x in (box.x, box.x + box.width))
            top, bottom = box.y, box.y + box.height
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            look = box.layer, box.kind, box.colour, box.fill, box.width >= 3
            alike.setdefault(look, []).append(corners)
    for (layer, kind, colour, fill, edged), shapes in alike.items():
        line = 0.5 if (edged and kind in LOOKS and not fill) or kind == "ghost" else 0
        style = _plot_look(kind, fill or COLOURS[colour])
        ax.add_collection(
            PolyCollection(shapes, zorder=layer, linewidth=line, clip_on=False, **style), False
        )


def _plot_look(kind: str, colour: str) -> dict[str, Any]:
    from matplotlib.colors import to_rgb

    if kind == "ghost":
        return {"facecolor": "none", "edgecolor": "#555", "linestyle": "--"}
    if kind in FAINT:
        return {"facecolor": ("#000", FAINT[kind])}
    if kind == "ran":
        return {"facecolor": colour, "edgecolor": ("#000", 0.5)}
    strength = HATCH[kind][1]
    red, green, blue = (1 - (1 - c) * strength for c in to_rgb(colour))  # as if on white
    edge = "#555" if kind in ("unknown", "turn") else colour
    return {"facecolor": (red, green, blue), "edgecolor": edge, "hatch": HATCHES[kind]}


def _plot_text(ax: Axes, x: float, text: Text) -> None:
    from matplotlib.patheffects import withStroke

    drawn = ax.text(
        x,
        text.y,
        tex(text.text),
        ha={"start": "left", "middle": "center", "end": "right"}[text.anchor],
        va="center_baseline",
        size=text.size * 0.68,  # of a point; the letters of matplotlib are wider
        weight="bold" if text.size > FONT else "normal",
        color=text.ink or "#222",
        zorder=20,
    )
    if not text.ink:
        drawn.set_path_effects([withStroke(linewidth=3, foreground="white")])


def _plot_cross(ax: Axes, x: float, cross: Cross) -> None:
    """Markers one over the other: shape, size, colour, width of its line."""
    layers: dict[str, list[tuple[str, float, str, float]]] = {
        "failed": [("x", 6, "#fff", 3.5), ("x", 5, "#000", 1.5)],
        "stopped": [("s", 7, "#fff", 0), ("s", 5.5, "#000", 0)],
        "died": [("o", 12, "#fff", 0), ("o", 10.5, "#000", 0), ("x", 5, "#fff", 1.5)],
    }
    for order, (marker, size, colour, line) in enumerate(layers[cross.why]):
        ax.plot(x, cross.y, marker, color=colour, markersize=size, mew=line, zorder=21 + order)


def tex(text: str) -> str:
    return plain(text).replace("$", r"\$")
