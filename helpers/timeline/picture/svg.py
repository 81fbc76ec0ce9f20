"""A timeline as inline SVG: fast enough to follow a slider, at home on a light or a dark page."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from ..layout import (
    COLOURS,
    FAINT,
    FONT,
    INK,
    LOOKS,
    PAPER,
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

HATCH = {
    "waited": '<path d="M-1 1L1-1M-1 7L7-1M5 7L7 5" stroke="{}" stroke-opacity=".7"/>',
    "unknown": '<path d="M1 1h1.4v1.4H1zM4 4h1.4v1.4H4z" fill-opacity=".6"/>',
}


def html(
    picture: Picture,
    title: str = "",
    *,
    until: float = 0.0,
    ghost: Picture | None = None,
    names: Sequence[str] = (),
) -> str:
    """A timeline, or several on one time scale, as inline SVG with its words.

    Pictures that follow one another are comparable: the time axis reaches `until`
    (seconds) at least, `ghost` is the run before, drawn as an outline, and `names`
    have the colours that they had before, in this order.

    >>> from helpers.timeline import Timeline
    >>> html(Timeline()).endswith("Nothing was recorded.</figcaption></figure>")
    True
    """
    page = Page(picture, title, until=until, ghost=ghost, names=names)
    text = words(picture)
    caption = escape(plain(text)).replace("\n", "<br>")
    return (
        f'<figure style="margin:0;max-width:900px">'
        f"{_svg(page, headed(title, text))}"
        f'<figcaption aria-hidden="true">{caption}</figcaption></figure>'
    )


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
    elif box.kind == "ghost":
        style = 'fill="none" stroke="currentColor" stroke-opacity=".6" stroke-dasharray="4 2"'
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
