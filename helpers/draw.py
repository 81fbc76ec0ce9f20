"""Timelines, speed-ups and costs as pictures that carry their own words.

`html` makes inline SVG: fast enough to follow a slider, and at home on a light
or a dark page. `show`, `curve`, `costs` and `heat` make a PNG with matplotlib and
print what it shows, so that a page without a kernel has the picture and its words.
Below the lanes of a timeline stands how full its queues were.

One row per worker, one colour per name. How a span spent its time is told by
hatching as well as colour: "ran" is solid, "waited" pale with stripes, unknown
dotted. Up to 10 000 spans are bars; above that a row shows, for each column of
the picture, the share of the time that its worker was inside a span.

Deliberately absent: zooming, themes, other charts. `trace` writes files for
tools that zoom.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .page import COLOURS, FONT, LOOKS, Area, Box, Cross, Page, Picture, Text, plain, titled
from .timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Law = Callable[[float, int], float]
STRENGTH = {"waited": 0.25, "unknown": 0.5}  # of a hatched bar's colour
FAINT = {"band": 0.07, "grid": 0.2}
PAD = 8  # pixels around a PNG
CURVES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BYTES = (("MB", 1 << 20), ("kB", 1 << 10), ("B", 1))
SECONDS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (5, 2, 1, 2)), (0, (1, 1.5)))


def html(picture: Picture, title: str = "") -> str:
    """A timeline, or several on one time scale, as inline SVG with its words.

    >>> html(Timeline()).endswith("Nothing was recorded.</figcaption></figure>")
    True
    """
    text = words(picture)
    caption = escape(plain(text)).replace("\n", "<br>")
    return (
        f'<figure style="margin:0;max-width:900px">'
        f"{_svg(Page(picture, title), _with(title, text))}"
        f'<figcaption aria-hidden="true">{caption}</figcaption></figure>'
    )


def words(picture: Picture) -> str:
    """What a picture shows: a line per timeline."""
    timelines = titled(picture).items()
    return "\n".join(_with(title, timeline.describe()) for title, timeline in timelines)


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
    _display(figure, title or "timeline")
    print(_with(title, words(picture)))


def curve(
    points: Mapping[str, Mapping[int, float]],
    usable: int | None = None,
    parallel: float | None = None,
    laws: Sequence[Law] | None = None,
    title: str = "",
) -> None:
    """Show measured speed-ups by number of workers, then print them.

    `points` maps the name of a series to {workers: speed-up}. `usable` marks
    the usable CPUs; `parallel` adds what `laws` (default: both) promise for
    that parallel share of the work.
    """
    from matplotlib.figure import Figure

    _check_points(points)
    most = max([2, usable or 1, *(n for series in points.values() for n in series)])
    promised = _promised(parallel, laws or (amdahl, gustafson), most)
    figure = Figure(figsize=(7, 4.2), layout="constrained", dpi=100)
    _plot_curve(figure.add_subplot(title=_tex(title)), points, promised, usable, most)
    _display(figure, title or "speed-up by number of workers")
    print(_with(title, _curve_words(points, promised, usable)))


def costs(points: Mapping[str, Mapping[int, float]], title: str = "") -> None:
    """Show seconds by number of bytes, {name: {bytes: seconds}}, on two log scales; print them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained", dpi=100)
    ax = figure.add_subplot(title=_tex(title), xscale="log", yscale="log")
    for i, (name, series) in enumerate(points.items()):
        sizes, marker, colour = sorted(series), "os^Dv*"[i % 6], CURVES[i % 6]
        (line,) = ax.plot(sizes, [series[n] for n in sizes], marker, color=colour, markersize=7)
        line.set(linestyle=DASHES[i % 4], label=_tex(name))
    ax.xaxis.set_major_formatter(lambda number, _: _bytes(number))
    ax.yaxis.set_major_formatter(lambda number, _: _seconds(number))
    ax.set(xlabel="size", ylabel="time for one trip")
    ax.set_xticks(sorted({size for series in points.values() for size in series}), minor=False)
    ax.minorticks_off()
    _furnish(ax)
    _display(figure, title or "time by size")
    print(_with(title, _costs_words(points)))


def _costs_words(points: Mapping[str, Mapping[int, float]]) -> str:
    lines = []
    for name, series in points.items():
        each = ", ".join(f"{_bytes(n)}: {_seconds(series[n])}" for n in sorted(series))
        lines.append(f"{name}: {each or 'nothing was measured'}.")
    return "\n".join(lines) or "Nothing was measured."


def _bytes(number: float) -> str:
    unit, size = next((each for each in BYTES if number >= each[1]), BYTES[-1])
    return f"{number / size:.3g} {unit}"


def _seconds(number: float) -> str:
    unit, size = next((each for each in SECONDS if number >= each[1] * 0.9995), SECONDS[-1])
    return f"{number / size:.3g} {unit}"


def heat(speedups: Mapping[str, Mapping[str, float]], title: str = "") -> None:
    """Show speed-ups as a heat map, {row: {column: speed-up}}, a number in each cell; print them.

    Blue is faster than 1, orange slower; a cell without a number was not measured.
    """
    from matplotlib.figure import Figure

    _check_heat(speedups)
    columns = list(dict.fromkeys(name for row in speedups.values() for name in row))
    wide, high = 2.4 + 1.5 * len(columns), 0.9 + 0.5 * len(speedups)
    figure = Figure(figsize=(wide, high), layout="constrained", dpi=100)
    _plot_heat(figure.add_subplot(title=_tex(title)), speedups, columns)
    _display(figure, title or "speed-ups")
    print(_with(title, _heat_words(speedups, columns)))


def _check_heat(speedups: Mapping[str, Mapping[str, float]]) -> None:
    if not any(speedups.values()):
        raise ValueError("speedups must have a row with a number in it, and there is none")
    for name, row in speedups.items():
        for column, speedup in row.items():
            if not 0 < speedup < float("inf"):
                where = f"({name}, {column})"
                raise ValueError(f"speed-ups must be positive numbers, not {speedup!r} {where}")


def _plot_heat(
    ax: Axes, speedups: Mapping[str, Mapping[str, float]], columns: Sequence[str]
) -> None:
    """Colours by ratio: twice as fast is as blue as half as fast is orange."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("ratio", [CURVES[4], "#fff", CURVES[5]])
    table = np.array([[row.get(c, np.nan) for c in columns] for row in speedups.values()])
    far = max(1.0, float(np.nanmax(abs(np.log2(table)))))
    ax.imshow(np.log2(table), cmap=shades, vmin=-far, vmax=far, aspect="auto")
    ax.set_xticks(range(len(columns)), [_tex(name).replace(", ", ",\n") for name in columns])
    ax.set_yticks(range(len(speedups)), [_tex(name) for name in speedups])
    ax.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(speedups) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=3)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    for (y, x), number in np.ndenumerate(table):
        said = "not measured" if np.isnan(number) else f"× {number:.2f}"
        ax.text(x, y, said, ha="center", va="center", size=11)


def _heat_words(speedups: Mapping[str, Mapping[str, float]], columns: Sequence[str]) -> str:
    def said(row: Mapping[str, float], column: str) -> str:
        return f"{column} {row[column]:.2f}" if column in row else f"{column} not measured"

    rows = [
        f"{name}: {'; '.join(said(row, c) for c in columns)}." for name, row in speedups.items()
    ]
    return "\n".join(["Times as fast as serially.", *rows])


def _furnish(ax: Axes) -> None:
    """What all curves have: faint lines, a legend beside them, no frame."""
    ax.grid(alpha=0.25)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)


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


def _with(title: str, text: str) -> str:
    return f"{title}: {text}" if title else text


# ---------------------------------------------------------------------- SVG

INK = "var(--jp-content-font-color1,var(--vscode-editor-foreground,currentColor))"
PAPER = "var(--jp-layout-color0,var(--vscode-editor-background,transparent))"
HATCH = {
    "waited": '<path d="M-1 1L1-1M-1 7L7-1M5 7L7 5" stroke="{}" stroke-opacity=".7"/>',
    "unknown": '<path d="M1 1h1.4v1.4H1zM4 4h1.4v1.4H4z" fill-opacity=".6"/>',
}


def _svg(page: Page, label: str) -> str:
    """The picture. \\0 stands for an id made of all the rest, unlike any other picture's."""
    items = sorted(page.items, key=lambda item: getattr(item, "layer", 99))
    body = _svg_patterns(page) + "".join(_SVG[type(item)](item) for item in items)
    crisp = "" if page.least else ' shape-rendering="crispEdges"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(plain(label))}"'
        f' viewBox="0 0 {page.wide} {page.y:.0f}" fill="currentColor"{crisp} style="width:100%;'
        f'height:auto;color:{INK};font:{FONT}px system-ui,sans-serif">{body}</svg>'
    )
    return svg.replace("\0", f"t{zlib.crc32(svg.encode(errors='replace')):08x}")


def _svg_patterns(page: Page) -> str:
    used = {(i.kind, i.colour) for i in page.items if isinstance(i, Box) and i.kind in HATCH}
    return "".join(
        f'<pattern id="\0{kind}{c}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<path d="M0 0H6V6H0Z" style="fill:{PAPER}"/>'
        f'<path d="M0 0H6V6H0Z" fill="{COLOURS[c]}" fill-opacity="{STRENGTH[kind]}"/>'
        f"{HATCH[kind].format(COLOURS[c])}</pattern>"
        for kind, c in sorted(used)
    )


def _svg_box(box: Box) -> str:
    style = f'fill="{COLOURS[box.colour]}"'
    if box.kind in HATCH:
        style = f'fill="url(#\0{box.kind}{box.colour})"'
    elif box.kind in FAINT:
        style = f'fill-opacity="{FAINT[box.kind]}"'
    if box.width >= 3 and box.kind in LOOKS:
        style += ' stroke="currentColor" stroke-opacity=".5" stroke-width=".7"'
    title = f"<title>{escape(plain(box.tip))}</title>" if box.tip else ""
    return (
        f'<rect x="{box.x:.2f}" y="{box.y:.1f}" width="{box.width:.2f}" '
        f'height="{box.height:.1f}" {style}>{title}</rect>'
    )


def _svg_text(text: Text) -> str:
    style = f'text-anchor="{text.anchor}"'
    if text.size > FONT:
        style += f' font-size="{text.size}" font-weight="bold"'
    if text.ink:
        style += f' fill="{text.ink}"'
    else:
        style += f' style="paint-order:stroke;stroke:{PAPER};stroke-width:3px"'
    return (
        f'<text x="{text.x:.1f}" y="{text.y:.1f}" dy=".36em" pointer-events="none" '
        f"{style}>{escape(text.text)}</text>"
    )


def _svg_cross(cross: Cross) -> str:
    """Black on white or white on black: seen on every colour."""
    x, y = cross.x, cross.y
    if cross.why == "stopped":
        return f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z" fill="#000" stroke="#fff"/>'
    line = f'd="M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0-7l-7 7"'
    if cross.why == "died":
        disc = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7.5" fill="#000" stroke="#fff"/>'
        return f'{disc}<path {line} stroke="#fff" stroke-width="2"/>'
    strokes = (("#fff", 4.5), ("#000", 2))
    return "".join(f'<path {line} stroke="{ink}" stroke-width="{w}"/>' for ink, w in strokes)


def _svg_area(area: Area) -> str:
    step, bottom = area.width / len(area.cover), area.y + area.height
    path = "".join(f"V{bottom - area.height * share:.1f}h{step:.5g}" for share in area.cover)
    return (
        f'<path d="M{area.x:.1f} {bottom:.1f}{path}V{bottom:.1f}Z" fill="{COLOURS[area.colour]}"/>'
    )


_SVG: dict[type, Callable[[Any], str]] = {
    Box: _svg_box,
    Text: _svg_text,
    Cross: _svg_cross,
    Area: _svg_area,
}


# --------------------------------------------------------------- matplotlib


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
        _tex(text.text),
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


def _tex(text: str) -> str:
    return plain(text).replace("$", r"\$")


def _display(figure: Figure, name: str) -> None:
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


def _plot_curve(
    ax: Axes,
    points: Mapping[str, Mapping[int, float]],
    promised: Mapping[str, Sequence[float]],
    usable: int | None,
    most: int,
) -> None:
    """Measured points over the ideal line and the laws; lines differ in more than colour."""
    from matplotlib.ticker import MaxNLocator

    numbers = range(1, most + 1)
    ax.plot(numbers, numbers, color="#999", linewidth=1, label="ideal: n workers, n times")
    for i, (name, curve) in enumerate(promised.items()):
        ax.plot(numbers, curve, ("--", "-.", ":")[i % 3], color="#555", label=_tex(name))
    for i, (name, series) in enumerate(points.items()):
        workers, marker, colour = sorted(series), "os^Dv*"[i % 6], CURVES[i % 6]
        (line,) = ax.plot(workers, [series[n] for n in workers], marker, color=colour, markersize=7)
        line.set(linestyle=DASHES[i % 4], label=_tex(f" {name}"))
    measured = [speedup for series in points.values() for speedup in series.values()]
    lowest_law = min((max(curve) for curve in promised.values()), default=1.0)
    high = 1.15 * max([1.5, lowest_law, *measured])
    ax.set(xlim=(1 - most / 40, most * 1.025), ylim=(0, high))
    ax.set(xlabel="workers", ylabel="speed-up (times as fast)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if usable:
        side = "right" if usable > most / 2 else "left"  # of the line, where there is room
        ax.axvline(usable, color="#222", linewidth=1, linestyle=(0, (1, 2)))
        ax.text(usable, high * 0.03, f" usable CPUs: {usable} ", size=9, ha=side)
    _furnish(ax)


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
