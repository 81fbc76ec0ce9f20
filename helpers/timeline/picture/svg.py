"""A sheet as SVG: inline, where a page follows a slider, or as an image with its words.

Inline it has the colours of its page, light or dark, and the mouse finds out more
about each bar. As an image it follows the page's colour scheme, on paper of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from html import escape
from itertools import groupby
from typing import Any
from urllib.parse import quote

from ..layout import Page, Picture, captions, headed, words
from ..shapes import (
    COLOURS,
    DASHES,
    FONT,
    INK,
    INKED,
    PAPER,
    WIDTH,
    Area,
    Box,
    Cross,
    Line,
    Mark,
    Sheet,
    Text,
    plain,
)

HATCH = {  # what lies on paper, and the strength of its colour
    "simulated": ('<path d="M-1 1L1-1M-1 7L7-1M5 7L7 5" stroke="{}" stroke-opacity=".8"/>', 0.25),
    "waited": ('<path d="M-1 5L1 7M-1-1L7 7M5-1L7 1" stroke="{}"/>', 0),
    "blocked": ('<path d="M0 0L6 6M0 6L6 0" stroke="{}"/>', 0.15),
    "turn": ('<path d="M1 0V2M4 3V5" stroke="{}" stroke-width="1.4"/>', 0),
    "unknown": ('<path d="M1 1h1.4v1.4H1zM4 4h1.4v1.4H4z" fill-opacity=".6"/>', 0.5),
}
FAINT = {"band": 0.07, "grid": 0.2}
ON = "var(--jp-layout-color0)"
EDGE = ' stroke="currentColor" stroke-opacity=".5" stroke-width=".7"'  # of a bar
HALO = f' style="paint-order:stroke;stroke:{PAPER};stroke-width:3px"'  # around letters
ON_PAPER = (  # where there is no page to take colours from
    "<style>:root{--jp-content-font-color1:#222;--jp-layout-color0:#fff;"
    "background:var(--jp-layout-color0)}"
    ".e{stroke:currentColor;stroke-opacity:.5;stroke-width:.7}"
    ".h{paint-order:stroke;stroke:var(--jp-layout-color0);stroke-width:3px}@media(prefers-color-scheme:dark)"
    "{:root{--jp-content-font-color1:#ddd;--jp-layout-color0:#111}}</style>"
)


def html(picture: Picture, title: str = "") -> str:
    """A timeline, or several on one time scale, as inline SVG with its words.

    >>> from helpers.timeline import Timeline
    >>> html(Timeline()).endswith("nothing was recorded</figcaption></figure>")
    True
    """
    return figure(inline(Page(picture, title), headed(title, words(picture))), captions(picture))


def figure(drawn: str, caption: str, numbers: str = "", *, wide: float = WIDTH) -> str:
    """What is drawn, over its caption, a paragraph of the page, and numbers to be opened.

    On a narrow page the picture shrinks until its letters have 10 pixels; then it is scrolled.
    """
    said = escape(plain(caption)).replace("\n", "<br>")
    if numbers:
        lines = escape(plain(numbers)).replace("\n", "<br>")
        said += f"<details><summary>The numbers</summary>{lines}</details>"
    said = f"<figcaption>{said}</figcaption>" if said else ""
    style = f"margin:0;max-width:{wide:.0f}px;overflow-x:auto"
    return f'<figure style="{style}">{drawn}{said}</figure>'


def legible(sheet: Sheet) -> float:
    """Pixels: how wide the picture must be, so that its letters have ten."""
    return sheet.wide * 10 / FONT


def inline(sheet: Sheet, label: str) -> str:
    """The picture, for a page whose colours it takes."""
    return _svg(sheet, f'role="img" aria-label="{escape(plain(label))}"', _boxes)


def image(sheet: Sheet) -> str:
    """The address of the picture as an image, which has all of it inside."""
    body = _svg(sheet, f'width="{sheet.wide:.0f}" height="{sheet.y:.0f}"', _shapes, ON_PAPER)
    body = body.replace(HALO, ' class="h"').replace(EDGE, ' class="e"').replace(PAPER, ON)
    body = body.replace(' pointer-events="none"', "").replace(' text-anchor="start"', "")
    return "data:image/svg+xml," + quote(body.replace('"', "'"), safe="/:=,;()'!*+-._~")


def _svg(sheet: Sheet, attributes: str, boxes: Callable[[list[Box]], str], style: str = "") -> str:
    """The picture. \\0 stands for an id made of all the rest, unlike any other picture's."""
    bars, body = [item for item in sheet.items if isinstance(item, Box)], style + _patterns(sheet)
    for layer in sorted({bar.layer for bar in bars}):
        body += boxes([bar for bar in bars if bar.layer == layer])
    body += "".join(_SVG[type(item)](item) for item in sheet.items if not isinstance(item, Box))
    crisp = "" if sheet.least else ' shape-rendering="crispEdges"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}'
        f' viewBox="0 0 {sheet.wide:g} {sheet.y:.0f}" fill="currentColor"{crisp} style="width:100%;'
        f"min-width:{legible(sheet):.0f}px;height:auto;color:{INK};"
        f'font:{FONT}px system-ui,sans-serif">{body}</svg>'
    )
    return svg.replace("\0", f"t{zlib.crc32(svg.encode(errors='replace')):08x}")


def _patterns(sheet: Sheet) -> str:
    used = {(i.kind, i.colour) for i in sheet.items if isinstance(i, Box) and i.kind in HATCH}
    return "".join(
        f'<pattern id="\0{kind}{c}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<path d="M0 0H6V6H0Z" style="fill:{PAPER}"/>'
        f'<path d="M0 0H6V6H0Z" fill="{COLOURS[c]}" fill-opacity="{HATCH[kind][1]}"/>'
        f"{HATCH[kind][0].format(COLOURS[c])}</pattern>"
        for kind, c in sorted(used)
    )


def _boxes(boxes: list[Box]) -> str:
    """One by one, with what the mouse finds on them."""
    return "".join(
        f'<rect x="{box.x:.2f}" y="{box.y:.1f}" width="{box.width:.2f}" '
        f'height="{box.height:.1f}" {_style(box)}>{_tip(box.tip)}</rect>'
        for box in boxes
    )


def _shapes(boxes: list[Box]) -> str:
    """Those that look the same as one shape: a quarter of the letters."""
    alike: dict[str, str] = {}
    for box in boxes:
        x, y, wide, high = (f"{each:.1f}".removesuffix(".0") for each in box[:4])
        path = f"M{x},{y}h{wide}v{high}h-{wide}z"
        alike[_style(box)] = alike.get(_style(box), "") + path
    return "".join(f'<path d="{path}" {style}/>' for style, path in alike.items())


def _tip(tip: str) -> str:
    return f"<title>{escape(plain(tip))}</title>" if tip else ""


def _style(box: Box) -> str:
    if box.kind == "ghost":
        return 'fill="none" stroke="currentColor" stroke-opacity=".6" stroke-dasharray="4 2"'
    if box.kind in FAINT:
        return f'fill-opacity="{FAINT[box.kind]}"'
    style = f'fill="{box.fill or COLOURS[box.colour]}"'
    if box.kind in HATCH:
        style = f'fill="url(#\0{box.kind}{box.colour})"'
    edged = box.width >= 3 and not box.fill
    return style + EDGE * edged


def _text(text: Text) -> str:
    style = f'text-anchor="{text.anchor}"'
    if text.size != FONT:
        style += f' font-size="{text.size}"' + ' font-weight="bold"' * (text.size > FONT)
    if text.ink:
        style += f' fill="{text.ink}"'
    else:
        style += HALO
    return (
        f'<text x="{text.x:.1f}" y="{text.y:.1f}" dy=".36em" pointer-events="none" '
        f"{style}>{escape(text.text)}</text>"
    )


def _cross(cross: Cross) -> str:
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


def _area(area: Area) -> str:
    step, bottom = area.width / len(area.cover), area.y + area.height
    tops = groupby(f"{bottom - area.height * share:.1f}" for share in area.cover)
    path = "".join(f"V{top}h{step * len([*same]):.6g}" for top, same in tops)
    return (
        f'<path d="M{area.x:.1f} {bottom:.1f}{path}V{bottom:.1f}Z" fill="{COLOURS[area.colour]}"/>'
    )


def _ink(colour: int) -> str:
    return "currentColor" if colour == INKED else COLOURS[colour]


def _line(line: Line) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
    dash = " ".join(f"{length:g}" for length in DASHES[line.dash])
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{_ink(line.colour)}"'
        f' stroke-width="{line.width:g}"{dashed}/>'
    )


def _mark(mark: Mark) -> str:
    x, y = mark.x, mark.y
    outline = (
        f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
        f"M{x - 3.6:.1f} {y - 3.6:.1f}h7.2v7.2h-7.2z",
        f"M{x:.1f} {y - 4.6:.1f}l4.6 8h-9.2z",
        f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5-5z",
        f"M{x:.1f} {y + 4.6:.1f}l4.6-8h-9.2z",
        f"M{x - 1.5:.1f} {y - 5:.1f}h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    )[mark.shape]
    return f'<path d="{outline}" fill="{_ink(mark.colour)}" style="stroke:{PAPER}"/>'


_SVG: dict[type, Callable[[Any], str]] = {
    Text: _text,
    Cross: _cross,
    Area: _area,
    Line: _line,
    Mark: _mark,
}
