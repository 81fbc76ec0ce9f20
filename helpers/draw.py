"""Timelines, speed-ups and costs as pictures that carry their own words.

`html` makes inline SVG: fast enough to follow a slider, and at home on a light
or a dark page. `show`, `curve`, `costs` and `heat` make a PNG with matplotlib and
print what it shows, so that a page without a kernel has the picture and its words.
Below the lanes of a timeline stands how full its queues were.

One row per worker, one colour per name. How a span spent its time is told by
hatching as well as colour: "ran" is solid, "waited" pale with stripes, unknown
dotted. Up to 10 000 spans are bars; above that a row shows, for each column of
the picture, the share of the time that its worker was inside a span.

The charts stand here; timelines are laid out and drawn in `timeline`.
Deliberately absent: zooming, themes, other charts. `Timeline.save` writes files
for tools that zoom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .timeline.layout import headed
from .timeline.layout import titled as titled
from .timeline.layout import words as words
from .timeline.picture.png import display_png, tex
from .timeline.picture.png import plot as plot
from .timeline.picture.png import show as show
from .timeline.picture.svg import html as html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Law = Callable[[float, int], float]
CURVES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BYTES = (("MB", 1 << 20), ("kB", 1 << 10), ("B", 1))
SECONDS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (5, 2, 1, 2)), (0, (1, 1.5)))


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
    _plot_curve(figure.add_subplot(title=tex(title)), points, promised, usable, most)
    display_png(figure, title or "speed-up by number of workers")
    print(headed(title, _curve_words(points, promised, usable)))


def costs(points: Mapping[str, Mapping[int, float]], title: str = "") -> None:
    """Show seconds by number of bytes, {name: {bytes: seconds}}, on two log scales; print them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained", dpi=100)
    ax = figure.add_subplot(title=tex(title), xscale="log", yscale="log")
    for i, (name, series) in enumerate(points.items()):
        sizes, marker, colour = sorted(series), "os^Dv*"[i % 6], CURVES[i % 6]
        (line,) = ax.plot(sizes, [series[n] for n in sizes], marker, color=colour, markersize=7)
        line.set(linestyle=DASHES[i % 4], label=tex(name))
    ax.xaxis.set_major_formatter(lambda number, _: _bytes(number))
    ax.yaxis.set_major_formatter(lambda number, _: _seconds(number))
    ax.set(xlabel="size", ylabel="time for one trip")
    ax.set_xticks(sorted({size for series in points.values() for size in series}), minor=False)
    ax.minorticks_off()
    _furnish(ax)
    display_png(figure, title or "time by size")
    print(headed(title, _costs_words(points)))


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
    _plot_heat(figure.add_subplot(title=tex(title)), speedups, columns)
    display_png(figure, title or "speed-ups")
    print(headed(title, _heat_words(speedups, columns)))


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
    ax.set_xticks(range(len(columns)), [tex(name).replace(", ", ",\n") for name in columns])
    ax.set_yticks(range(len(speedups)), [tex(name) for name in speedups])
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
        ax.plot(numbers, curve, ("--", "-.", ":")[i % 3], color="#555", label=tex(name))
    for i, (name, series) in enumerate(points.items()):
        workers, marker, colour = sorted(series), "os^Dv*"[i % 6], CURVES[i % 6]
        (line,) = ax.plot(workers, [series[n] for n in workers], marker, color=colour, markersize=7)
        line.set(linestyle=DASHES[i % 4], label=tex(f" {name}"))
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
