"""A timeline drawn with matplotlib, and pictures that a page without a kernel can keep."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ..layout import (
    COLOURS,
    FAINT,
    FONT,
    LOOKS,
    STRENGTH,
    Area,
    Box,
    Cross,
    Page,
    Picture,
    Text,
    headed,
    plain,
    words,
)
from ..recorder import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAD = 8  # pixels around a PNG


def plot(timeline: Timeline, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw with matplotlib on `ax` (default: a new figure); gives the Axes.

    Across, its coordinates are the time since the first start, in seconds;
    downwards they are pixels.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        return _on_figure(plt.figure(), Page(timeline, title))
    box, dots = ax.get_window_extent(), ax.figure.dpi / 100
    wide, high = box.width / dots, box.height / dots
    return _on_axes(ax, Page(timeline, title, wide, max(40, high - 90)), high)


def show(picture: Picture, title: str = "") -> None:
    """Show the picture as a PNG, then print its words."""
    from matplotlib.figure import Figure

    figure = Figure()
    _on_figure(figure, Page(picture, title))
    display_png(figure, title or "timeline")
    print(headed(title, words(picture)))


def _on_figure(figure: Figure, page: Page) -> Axes:
    wide, high = page.wide + 2 * PAD, page.y + 2 * PAD
    figure.set_dpi(100)
    figure.set_size_inches(wide / 100, high / 100)
    place = PAD / wide, PAD / high, page.wide / wide, page.y / high
    return _on_axes(figure.add_axes(place), page, page.y)


def _on_axes(ax: Axes, page: Page, high: float) -> Axes:
    """Put the page on `ax`, which is as wide, and `high` pixels high."""
    second = 1e9 * page.scale
    ax.axis("off")
    ax.set(xlim=(-page.left / second, (page.wide - page.left) / second), ylim=(high, 0))
    _plot_boxes(ax, page, second)
    for item in page.items:
        x = (item.x - page.left) / second
        if isinstance(item, Text):
            _plot_text(ax, x, item)
        elif isinstance(item, Cross):
            _plot_cross(ax, x, item)
        elif isinstance(item, Area):
            step, bottom = item.width / second / len(item.cover), item.y + item.height
            tops = [bottom - item.height * share for share in item.cover]
            edges = [x + i * step for i in range(len(tops) + 1)]
            ax.stairs(tops, edges, baseline=bottom, fill=True, color=COLOURS[item.colour])
    return ax


def _plot_boxes(ax: Axes, page: Page, second: float) -> None:
    """All boxes of one look at once: one by one, 10 000 take nine seconds."""
    from matplotlib.collections import PolyCollection

    alike: dict[tuple[int, str, int, bool], list[list[tuple[float, float]]]] = {}
    for box in page.items:
        if isinstance(box, Box):
            left, right = ((x - page.left) / second for x in (box.x, box.x + box.width))
            top, bottom = box.y, box.y + box.height
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            alike.setdefault((box.layer, box.kind, box.colour, box.width >= 3), []).append(corners)
    for (layer, kind, colour, edged), shapes in alike.items():
        look = _plot_look(kind, COLOURS[colour])
        line = 0.5 if edged and kind in LOOKS else 0
        ax.add_collection(
            PolyCollection(shapes, zorder=layer, linewidth=line, clip_on=False, **look), False
        )


def _plot_look(kind: str, colour: str) -> dict[str, Any]:
    from matplotlib.colors import to_rgb

    if kind in FAINT:
        return {"facecolor": ("#000", FAINT[kind])}
    if kind == "ran":
        return {"facecolor": colour, "edgecolor": ("#000", 0.5)}
    red, green, blue = (1 - (1 - c) * STRENGTH[kind] for c in to_rgb(colour))  # as if on white
    edge, hatch = (colour, "/////") if kind == "waited" else ("#555", "...")
    return {"facecolor": (red, green, blue), "edgecolor": edge, "hatch": hatch}


def _plot_text(ax: Axes, x: float, text: Text) -> None:
    from matplotlib.patheffects import withStroke

    drawn = ax.text(
        x,
        text.y,
        tex(text.text),
        ha={"start": "left", "middle": "center", "end": "right"}[text.anchor],
        va="center_baseline",
        size=text.size * 0.72,
        weight="bold" if text.size > FONT else "normal",
        color=text.ink or "#222",
        zorder=20,
    )
    if not text.ink:
        drawn.set_path_effects([withStroke(linewidth=2, foreground="white")])


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


def display_png(figure: Figure, name: str) -> None:
    """Show `figure` as a PNG, where there is a notebook to show it in."""
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        publish: Any = display
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=140, facecolor="white")
        shown = {"image/png": _smaller(png), "text/plain": f"[picture: {name}]"}
        publish(shown, raw=True)


def _smaller(png: io.BytesIO) -> bytes:
    """The picture with 64 colours, in a third of the bytes: notebooks store their pictures."""
    from PIL import Image  # matplotlib needs it, too

    few = Image.open(png).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    small = io.BytesIO()
    few.save(small, format="PNG", optimize=True)
    return small.getvalue()
