"""Pictures are true to the spans, say in words what they show, and can be read by everybody."""

from __future__ import annotations

import base64
import builtins
import io
import math
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from itertools import chain, pairwise
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from helpers import draw
from helpers.draw import amdahl, curve, gustafson, html, plot, show, words
from helpers.timeline import STOPPED, Span, Timeline, layout, merged
from helpers.timeline.columns import columns
from helpers.timeline.layout import MOST_BARS, Page, captions, spent
from helpers.timeline.picture import png, shown
from helpers.timeline.picture.svg import _cross, image, inline
from helpers.timeline.shapes import (
    COLOURS,
    DARK,
    FONT,
    GREY,
    WIDTH,
    Box,
    Cross,
    Line,
    Mark,
    Text,
    apart,
    width,
)

MS = 1_000_000
SVG = "{http://www.w3.org/2000/svg}"

span_lists = st.lists(
    st.builds(
        lambda name, lane, start, length, cpu, outcome: Span(
            name, lane, 1, start, start + length, cpu, outcome
        ),
        st.text(max_size=12)
        | st.sampled_from(["load", "<script>alert('&')</script>", "x" * 200, "waits at y"]),
        st.sampled_from(["worker 1", "worker 10", "Arbeiter ü", '"&<']),
        st.integers(0, 1000),
        st.integers(0, 1000),
        st.integers(-1, 1000),
        st.sampled_from(["ok", "ok", "ValueError: <no>", "died: SIGKILL", STOPPED]),
    ),
    max_size=25,
)


def timeline_of(*spans: Span) -> Timeline:
    timeline = Timeline()
    for span in spans:
        timeline.add(span.name, span.lane, span.start, span.stop, span.cpu_time, span.outcome)
    return timeline


def work(lane: str, start: int, stop: int, cpu: int = -1, outcome: str = "ok") -> Span:
    return Span("work", lane, 1, start * MS, stop * MS, cpu * MS if cpu >= 0 else -1, outcome)


def svg_of(picture: Any, title: str = "") -> ET.Element:
    found = re.search(r"<svg.*</svg>", html(picture, title), re.DOTALL)
    assert found
    return ET.fromstring(found[0])


def texts(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(SVG + "text")]


def bars(svg: ET.Element) -> dict[str, ET.Element]:
    """The bars, by what the mouse finds on them."""
    found = {rect.findtext(SVG + "title"): rect for rect in svg.iter(SVG + "rect")}
    return {tip: rect for tip, rect in found.items() if tip}


def boxes(page: Page) -> list[Box]:
    return [item for item in page.items if isinstance(item, Box) and item.layer > 0]


# -------------------------------------------------------------- what it says


def test_a_picture_is_an_image_whose_label_is_its_words_which_follow_as_text() -> None:
    timeline = timeline_of(work("worker 1", 0, 20, 20))
    svg = svg_of(timeline, "One worker")
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == f"One worker: {timeline.describe()}"
    caption = "1 worker · 20 ms · 1 at once · on a CPU 100%"
    assert captions(timeline).replace("\N{NO-BREAK SPACE}", " ") == caption
    assert f"<figcaption>{captions(timeline)}</figcaption>" in html(timeline, "One worker")


def test_a_caption_says_a_cpu_share_only_where_somebody_computed() -> None:
    assert "CPU" not in captions(timeline_of(work("a", 0, 20, 0), work("b", 0, 20)))
    two = captions({"x": timeline_of(work("a", 0, 20, 10)), "y": Timeline()})
    assert two.replace("\N{NO-BREAK SPACE}", " ").splitlines() == [
        "x: 1 worker · 20 ms · 1 at once · on a CPU 50%",
        "y: nothing was recorded",
    ]


def test_the_words_of_several_timelines_are_a_line_each() -> None:
    one, other = timeline_of(work("a", 0, 20)), timeline_of(work("b", 0, 10))
    assert words({"serial": one, "threads": other}) == (
        f"serial: {one.describe()}\nthreads: {other.describe()}"
    )


def test_a_bar_tells_the_mouse_name_worker_start_length_cpu_share_and_outcome() -> None:
    spans = work("worker 1", 5, 25, 10, "ValueError: no"), work("worker 2", 0, 4)
    assert set(bars(svg_of(timeline_of(*spans)))) == {
        "work (worker 1)\n20 ms, from 5 ms on; on a CPU 50% of it\nValueError: no",
        "work (worker 2)\n4 ms, from 0 ns on; CPU time unknown",
    }


def test_workers_stand_in_the_order_of_their_numbers() -> None:
    spans = [work(f"worker {n}", start, 20) for start, n in enumerate((10, 2, 1))]
    lanes = [text for text in texts(svg_of(timeline_of(*spans))) if text.startswith("worker")]
    assert lanes == ["worker 1", "worker 2", "worker 10"]


@given(spans=span_lists)
def test_whatever_the_names_the_picture_is_well_formed_and_nothing_in_it_is_markup(
    spans: list[Span],
) -> None:
    svg = svg_of({"<b>&": timeline_of(*spans)}, "\"'</svg>\0")
    caption = html({"</b>": timeline_of(*spans)}).split("<figcaption")[1].split(">", 1)[1]
    assert set(re.findall(r"<[^>]*>", caption)) <= {"<br>", "</figcaption>", "</figure>"}
    parts = sum(len(spent(span)) for span in spans)
    assert len([rect for rect in svg.iter(SVG + "rect") if len(rect)]) == parts
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} <= {
        *("svg", "pattern", "path", "rect", "title", "text", "circle")
    }


def test_what_is_no_timeline_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="picture must be a Timeline or a dict of them by title"):
        html(3)  # type: ignore[arg-type]


# ------------------------------------------------------------ where things are


@given(spans=span_lists)
def test_a_bar_begins_and_ends_where_its_span_does(spans: list[Span]) -> None:
    laid = Page(timeline_of(*spans))
    first = min((span.start for span in spans), default=0)
    each = [span for span in spans for _ in spent(span)]
    expected = sorted((s.start - first, max(1 / laid.scale, s.stop - s.start)) for s in each)
    drawn = sorted(
        ((box.x - laid.left) / laid.scale, box.width / laid.scale) for box in boxes(laid)
    )
    assert list(chain(*drawn)) == pytest.approx(list(chain(*expected)), abs=0.01)
    assert all(box.x + box.width <= laid.wide for box in boxes(laid))


@given(spans=span_lists)
def test_an_inner_span_lies_inside_its_outer_one_and_leaves_room_above_and_below(
    spans: list[Span],
) -> None:
    whole = (s._replace(lane="one", cpu_time=-1) for s in spans)  # a bar of one part each
    laid = boxes(Page(timeline_of(*whole)))
    for outer in laid:
        for inner in laid:
            within = outer.x <= inner.x and inner.x + inner.width <= outer.x + outer.width
            if within and outer.layer < inner.layer <= layout.DEEPEST:
                assert outer.y < inner.y
                assert inner.y + inner.height < outer.y + outer.height


@given(spans=span_lists)
def test_rows_do_not_overlap_and_all_texts_are_inside_the_picture(spans: list[Span]) -> None:
    laid = Page(timeline_of(*spans), "title")
    bands = [item for item in laid.items if isinstance(item, Box) and item.kind == "band"]
    assert all(a.y + a.height < b.y for a, b in pairwise(bands))
    for text in (item for item in laid.items if isinstance(item, Text)):
        wide = width(text.text) * text.size / FONT
        left = text.x - wide * {"start": 0, "middle": 0.5, "end": 1}[text.anchor]
        assert 0 <= left <= left + wide <= laid.wide + 1
        assert 0 < text.y < laid.y


@given(spans=span_lists)
def test_a_name_is_written_only_into_a_bar_that_is_wide_enough(spans: list[Span]) -> None:
    laid = Page(timeline_of(*spans))
    rows = [item for item in laid.items if isinstance(item, Box) and item.kind == "band"]
    bottom = max((band.y + band.height for band in rows), default=0)
    inside = [t for t in laid.items if isinstance(t, Text) and t.y < bottom and t.anchor == "start"]
    for text in inside:
        assert any(
            box.x < text.x and text.x + width(text.text) < box.x + box.width for box in boxes(laid)
        )


def test_spans_in_spans_in_spans_stay_high_enough_to_be_seen() -> None:
    laid = boxes(Page(timeline_of(*(Span("deep", "w", 1, n, 900 - n) for n in range(400)))))
    assert min(box.height for box in laid) > 5


def test_timelines_in_one_picture_share_one_time_scale() -> None:
    laid = Page({"a": timeline_of(work("w", 0, 40)), "b": timeline_of(work("w", 70, 80))})
    long, short = boxes(laid)
    assert long.x == short.x
    assert long.width == pytest.approx(4 * short.width)


@pytest.mark.parametrize("until", [0.0, 0.02, 9.0])
def test_a_ghost_is_the_run_before_on_the_same_time_axis(until: float) -> None:
    now, before = timeline_of(work("a", 0, 10)), timeline_of(work("a", 50, 90), work("b", 60, 70))
    page = Page(now, until=until, ghost=before)
    assert page.total == max(40 * MS, until * 1e9)
    inside, end, _legend = (it for it in page.items if isinstance(it, Box) and it.kind == "ghost")
    assert inside.width == pytest.approx(40 * MS * page.scale)
    assert end.x == pytest.approx(inside.x + inside.width)
    assert end.layer > inside.layer == 0
    said = [item.text for item in page.items if isinstance(item, Text)]
    assert "the run before: 40 ms" in said
    assert 'stroke-dasharray="4 2"' in inline(page, "")


def test_names_keep_the_colours_that_they_had_before() -> None:
    page = Page(timeline_of(work("a", 0, 10)), names=["load", "work", "save"])
    assert {item.colour for item in page.items if isinstance(item, Box) and item.tip} == {1}
    said = [item.text for item in page.items if isinstance(item, Text)]
    assert not {"load", "save"} & {*said}


@given(total=st.integers(1, 10**14))
def test_ticks_are_few_and_round_and_on_the_axis(total: int) -> None:
    laid = Page(timeline_of(Span("work", "w", 1, 0, total)))
    places, labels = zip(*laid.ticks(), strict=True)
    assert 2 <= len(labels) <= 8
    assert labels[0] == "0"
    assert places[0] == laid.left
    assert places[-1] <= laid.left + total * laid.scale + 0.1
    assert all(re.fullmatch(r"[\d.]+(e\+\d+)? (s|ms|µs)|\d+ ns", label) for label in labels[1:])


def test_a_tick_stands_at_the_time_it_names() -> None:
    laid = Page(timeline_of(work("w", 0, 100)))
    places = {label: place for place, label in laid.ticks()}
    assert places["60 ms"] == pytest.approx(laid.left + 60 * MS * laid.scale)


@pytest.mark.parametrize(
    "timeline",
    [
        Timeline(),
        timeline_of(Span("point", "w", 1, 7, 7)),
        timeline_of(Span("short", "w", 1, 7, 8)),
        timeline_of(*(work(f"worker {n}", n, n + 9) for n in range(60))),
        timeline_of(*(work(f"task {n}", n, n + 9) for n in range(1000))),
        timeline_of(*(Span("deep", "w", 1, n, 900 - n) for n in range(400))),
        timeline_of(Span("x" * 200, "y" * 200, 1, 0, 9)),
    ],
    ids=["nothing", "no time", "1 ns", "60 workers", "1000 workers", "400 deep", "long names"],
)
def test_unusual_timelines_have_a_picture_of_sensible_size(timeline: Timeline) -> None:
    svg = svg_of(timeline, "z" * 200)
    width, height = (float(n) for n in svg.get("viewBox", "").split()[2:])
    assert width == WIDTH
    assert 30 < height < 800
    assert max(len(text) for text in texts(svg)) < 140
    drawn(timeline)


# --------------------------------------------------------------- how it looks


KINDS = [
    work("w", 0, 20, 20),
    work("w", 30, 50, 0)._replace(slept=20 * MS),
    work("w", 60, 80, 0),
    work("w", 90, 110),
    work("w", 120, 140)._replace(name="waits in get"),
]
SAYS = ["on a CPU", "simulated waiting: asleep", "waited at a lock or in a queue"]
SAYS += ["waited: for the GIL, a CPU, a lock or an answer", "on a CPU or waiting: unknown"]


def recorded(*spans: Span) -> Timeline:
    timeline = Timeline()
    for s in spans:
        timeline.add(s.name, s.lane, s.start, s.stop, s.cpu_time, s.outcome, slept=s.slept)
    return timeline


def test_what_ran_and_each_way_to_wait_differ_in_hatching_and_the_legend_says_so() -> None:
    svg = svg_of(recorded(*KINDS))
    patterns = {f"url(#{p.get('id')})": p for p in svg.iter(SVG + "pattern")}
    ran, *waited = (rect.get("fill", "") for rect in bars(svg).values())
    assert ran == COLOURS[0]
    drawings = {patterns[fill][-1].get("d") for fill in waited}
    assert len(drawings) == 4
    assert texts(svg)[-5:] == SAYS


@pytest.mark.parametrize(
    ("span", "says"),
    [*zip(KINDS, (SAYS[n] for n in (0, 1, 3, 4, 2)), strict=True)],
)
def test_the_legend_has_only_what_occurs(span: Span, says: str) -> None:
    svg = svg_of(recorded(span))
    assert texts(svg)[-1] == says
    assert {*SAYS} & {*texts(svg)} == {says}


def test_a_bar_that_ran_for_a_part_of_its_time_is_solid_to_that_part_of_its_height() -> None:
    """The main misconception: that whoever waits for the GIL or for a CPU is at work."""
    laid = Page(recorded(work("w", 0, 100, 25), work("v", 0, 100, 50)._replace(slept=30 * MS)))
    parts = [(box.kind, box.height) for box in boxes(laid)]
    unit = laid.unit
    assert [kind for kind, _ in parts] == [
        *("ran", "waited"),
        *("ran", "simulated", "waited"),
    ]
    assert [high for _, high in parts] == pytest.approx(
        [unit * share for share in (0.25, 0.75, 0.5, 0.3, 0.2)]
    )
    assert "in height: how a bar's time was shared" in [
        item.text for item in laid.items if isinstance(item, Text)
    ]


@given(span=span_lists.filter(bool).map(lambda spans: spans[0]), asleep=st.integers(0, 1000))
def test_the_parts_of_a_bar_are_all_of_it_and_what_ran_comes_first(span: Span, asleep: int) -> None:
    parts = spent(span._replace(slept=asleep))
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert [kind for kind, _ in parts if kind == "ran"] == [parts[0][0]] * (parts[0][0] == "ran")
    assert {kind for kind, _ in parts} <= {*layout.LOOKS}


def test_being_inside_a_critical_section_is_not_waiting_at_its_lock() -> None:
    from helpers.work import wait

    timeline = Timeline()
    with timeline.span("inside"):
        wait(0.02)
    assert [kind for kind, _ in spent(timeline.spans[0])] == ["simulated"]


def test_lanes_that_did_the_same_at_the_same_time_are_drawn_as_one_without_losing_any() -> None:
    same = [work(f"worker {n}", 0, 100 + n % 2, 0) for n in range(1, 17)]
    for spans, lane, bars_drawn in (
        (same, ["worker 1–16"], 16),
        (same[:5], [f"worker {n}" for n in range(1, 6)], 5),
        ([*same[:8], work("worker 9", 0, 50)], ["worker 1–8", "worker 9"], 9),
    ):
        laid = Page(timeline_of(*spans))
        found = [t.text for t in laid.items if isinstance(t, Text) and t.text.startswith("worker")]
        assert found == lane
        assert len(boxes(laid)) == bars_drawn
    assert "16 × work" in texts(svg_of(timeline_of(*same)))


def test_who_never_stops_asking_for_a_turn_is_drawn_waiting_and_the_longest_wait_is_named() -> None:
    timeline = timeline_of(
        Span("ran", "a", 1, 0, 20 * MS, 20 * MS),
        Span("ran", "b", 1, 20 * MS, 26 * MS, 6 * MS),
        Span("ran", "a", 1, 26 * MS, 100 * MS, 74 * MS),
    )
    timeline.turns = 5 * MS
    assert timeline.takes() == {"a": [0, 26 * MS], "b": [20 * MS]}
    assert timeline.waits("a") == [(20 * MS, 26 * MS)]
    assert timeline.longest_wait() == ("b", 26 * MS, 100 * MS)
    assert "Longest without a turn: b, 0.074 s." in timeline.describe()
    laid = Page(timeline)
    drawn_waits = [box for box in boxes(laid) if box.kind == "turn"]
    lengths = sorted(round(box.width / laid.scale / MS) for box in drawn_waits[:3])
    assert lengths == [6, 20, 74]
    asks = [item.points[0][0] for item in laid.items if isinstance(item, Line)][:3]
    times = sorted(round((x - laid.left) / laid.scale / MS) for x in asks)
    assert times == [5, 25, 31], "a switch interval after each hand-over"
    assert "74 ms without a turn" in [t.text for t in laid.items if isinstance(t, Text)]


def test_an_exception_a_stop_and_a_death_have_marks_of_their_own() -> None:
    spans = [
        work("a", 0, 50, outcome="ValueError"),
        work("b", 1, 60, outcome=STOPPED),
        work("c", 2, 70, outcome="died: SIGKILL"),
        work("d", 3, 80),
    ]
    laid = Page(timeline_of(*spans))
    marks = [item for item in laid.items if isinstance(item, Cross)]
    assert [mark.why for mark in marks] == 2 * ["failed", "stopped", "died"]  # and in the legend
    for mark, box in zip(marks[:3], boxes(laid)[:3], strict=True):
        assert box.x < mark.x < box.x + box.width
        assert box.y < mark.y < box.y + box.height
    svg = svg_of(timeline_of(*spans))
    assert texts(svg)[-3:] == [
        "ended with an exception",
        "was told to stop",
        "the worker died here",
    ]
    assert len({_cross(mark._replace(x=0, y=0)) for mark in marks}) == 3


def test_a_name_stands_in_its_bar_and_in_the_legend_only_where_a_bar_is_too_small() -> None:
    spans = [Span("a very long name", "w", 1, 0, 20), Span("rest", "w", 1, 20, 1000)]
    assert texts(svg_of(timeline_of(*spans))).count("a very long name") == 1
    assert texts(svg_of(timeline_of(*spans))).count("rest") == 1
    wide_enough = [Span("one", "w", 1, 0, 500), Span("two", "w", 1, 500, 1000)]
    assert [texts(svg_of(timeline_of(*wide_enough))).count(name) for name in ("one", "two")] == [
        *(1, 1),
    ]


def test_no_two_entries_of_a_legend_look_the_same() -> None:
    short, other, rest = (Span(f"n{n}", "w", 1, n * 20, n * 20 + 20) for n in range(3))
    for spans in (
        [short, other, rest._replace(stop=9999)],
        [short._replace(stop=21), work("v", 0, 9)],
    ):
        laid = Page(timeline_of(*spans))
        entries = [*laid.legend_names(), *laid.legend_kinds()]
        looks = [look for looks, _ in entries for look in looks]
        assert len({*looks}) == len(looks) >= 2


def test_workers_of_a_pool_are_told_apart_however_long_their_names() -> None:
    lanes = [f"{'ThreadPoolExecutor' * n}-0_{m}" for n in (1, 9) for m in (0, 10)]
    shown = texts(svg_of(timeline_of(*(Span("s", lane, 1, 0, 9) for lane in lanes))))
    assert {*lanes[:2]} <= {*shown}
    assert [text[-4:] for text in shown if "…" in text] == ["-0_0", "0_10"]


def test_a_png_has_the_colours_of_its_names() -> None:
    spans = [Span(f"name {n}", "w", 1, n * MS, (n + 1) * MS, MS) for n in range(7)]
    drawn = Image.open(io.BytesIO(png.png(Page(timeline_of(*spans))))).convert("RGB")
    found = np.asarray(drawn).reshape(-1, 3)
    for colour in COLOURS[:7]:
        wanted = 255 * np.asarray(to_rgb(colour))
        assert np.linalg.norm(found - wanted, axis=1).min() < 8, colour


def test_more_names_than_colours_share_grey() -> None:
    spans = [Span(f"name {n}", "w", 1, n, n + 1) for n in range(10)]
    laid = Page(timeline_of(*spans))
    assert list(laid.names.values()) == [0, 1, 2, 3, 4, 5, 6, 7, 7, 7]
    assert COLOURS[7] == GREY
    assert "3 more names" in texts(svg_of(timeline_of(*spans)))


def test_pictures_on_one_page_do_not_share_patterns_and_the_same_picture_is_the_same() -> None:
    one, other = timeline_of(*KINDS), timeline_of(*KINDS, work("v", 0, 1))
    ids = [{p.get("id") for p in svg_of(t).iter(SVG + "pattern")} for t in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert html(one) == html(one)


@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_letters_stand_out_on_every_colour(colour: int) -> None:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(COLOURS[colour])
    )
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    contrast = 1.05 / (light + 0.05) if colour == DARK else (light + 0.05) / 0.05
    assert contrast > 4.5


# ---------------------------------------------------------------- many spans


def brute_cover(spans: list[Span], start: int, total: int, parts: int) -> list[float]:
    stretches = [(a - start, b - start) for a, b in merged(spans)]
    edges = [total * i / parts for i in range(parts + 1)]
    return [
        sum(max(0, min(b, right) - max(a, left)) for a, b in stretches) / (right - left)
        for left, right in pairwise(edges)
    ]


@given(spans=span_lists.filter(lambda spans: any(s.stop > s.start for s in spans)))
def test_a_dense_row_has_in_each_column_the_exact_share_of_time_in_spans(
    spans: list[Span],
) -> None:
    timeline = timeline_of(*spans)
    total = max(1, round(timeline.elapsed * 1e9))
    for lane, own in timeline.lanes().items():
        cover = columns(timeline).cover(lane, 40, total)
        expected = brute_cover(own, timeline.spans[0].start, total, 40)
        assert cover == pytest.approx(expected, abs=1e-9)


@given(spans=span_lists.filter(bool))
def test_the_measures_of_many_spans_are_those_of_the_timeline(spans: list[Span]) -> None:
    timeline = timeline_of(*spans)
    many = columns(timeline)
    assert many.busy == round(timeline.busy * 1e9)
    assert many.at_once() == timeline.at_once()
    inside = [
        span
        for own in timeline.lanes().values()
        for i, span in enumerate(own)
        if span.cpu_time >= 0 and all(span.stop > other.stop for other in own[:i])
    ]
    assert many.cpu_time == sum(span.cpu_time for span in inside)
    assert many.cpu_wall == sum(span.stop - span.start for span in inside)


def test_measures_are_made_again_when_more_was_recorded() -> None:
    timeline = timeline_of(Span("a", "w", 1, 0, 10))
    assert columns(timeline) is columns(timeline)
    assert columns(timeline).busy == 10
    timeline.add("b", "w", 20, 25)
    assert columns(timeline).busy == 15


@pytest.fixture(scope="module")
def dense() -> Timeline:
    """Two workers: one always busy, one every other microsecond; one span of each failed."""
    timeline = Timeline()
    for i in range(MOST_BARS // 2 + 1):
        outcome = "ok" if i != MOST_BARS // 4 else "ValueError"
        timeline.add("work", "busy", i * 2000, i * 2000 + 2000, outcome=outcome)
        timeline.add("work", "half", i * 2000, i * 2000 + 1000, outcome=outcome)
    return timeline


def test_above_ten_thousand_spans_a_row_is_one_shape_as_high_as_the_share(dense: Timeline) -> None:
    svg = svg_of(dense)
    busy, half = (p.get("d", "") for p in svg.iter(SVG + "path") if "h" in p.get("d", "")[:30])
    assert bars(svg) == {}
    heights = [{round(float(y)) for y in re.findall(r"V([\d.]+)h", d)} for d in (busy, half)]
    (top,), bottom = heights[0], float(re.findall(r"V([\d.]+)Z", busy)[0])
    assert bottom - top == pytest.approx(layout.ROW, abs=1)
    lowest = float(re.findall(r"V([\d.]+)Z", half)[0])
    assert all(lowest - y == pytest.approx(layout.ROW / 2, abs=1) for y in heights[1])
    assert texts(svg)[-2:] == ["height: share of the time in spans", "ended with an exception"]


def test_at_ten_thousand_spans_every_one_is_still_a_bar(dense: Timeline) -> None:
    timeline = timeline_of(*dense.spans[:MOST_BARS])
    assert len(boxes(Page(timeline))) == MOST_BARS
    assert boxes(Page(dense)) == []


def test_a_picture_of_a_few_spans_needs_neither_numpy_nor_matplotlib() -> None:
    code = (
        "import sys; from helpers.draw import html; from helpers.timeline import Timeline\n"
        "tl = Timeline(); tl.add('a', 'w', 0, 9); html(tl)\n"
        "print({'numpy', 'matplotlib', 'IPython'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "set()\n"


# --------------------------------------------------------------- matplotlib


def drawn(timeline: Timeline) -> Any:
    figure = Figure()
    ax = png.on_figure(figure, Page(timeline))
    figure.savefig(io.BytesIO(), format="png")
    return ax


def test_plot_draws_on_the_given_axes_in_seconds() -> None:
    ax = Figure(figsize=(9, 3)).add_subplot()
    assert plot(timeline_of(work("worker 1", 1000, 1250, 250)), ax, "title") is ax
    (path,) = [p for c in ax.collections if c.zorder == 1 for p in c.get_paths()]
    box = path.get_extents()
    assert (box.x0, box.x1) == pytest.approx((0, 0.25))
    written = [text.get_text() for text in ax.texts]
    assert {"title", "worker 1", "work", "on a CPU", "250 ms"} <= set(written)


def test_plot_makes_a_figure_of_its_own_where_none_is_given() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    ax = timeline_of(*KINDS).plot()
    assert len(plt.get_fignums()) == len(before) + 1
    plt.close(ax.figure)


def test_bars_of_different_kinds_are_hatched_differently_in_the_png_too() -> None:
    ax = drawn(recorded(*KINDS))
    hatches = {c.get_hatch() for c in ax.collections if c.zorder == 1}
    assert len(hatches) == 5
    assert None in hatches


def test_names_that_matplotlib_would_take_for_formulas_are_shown_as_they_are() -> None:
    drawn(timeline_of(Span("$x^{$", "_lane", 1, 0, 9), Span("$y$", "$", 1, 0, 9)))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a notebook would display."""
    import IPython.core.getipython
    import IPython.display

    displayed: list[dict[str, Any]] = []
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", object)
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: displayed.append(data))
    return displayed


def test_show_displays_two_images_that_have_all_inside_and_their_words(
    notebook: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    timeline = timeline_of(*KINDS)
    show({"one": timeline, "two": timeline}, "<Twice>")
    (data,) = notebook
    assert data.keys() == {"text/html", "text/plain"}
    said = f"<Twice>: {words({'one': timeline, 'two': timeline})}"
    assert data["text/plain"] == said
    page = ET.fromstring(
        data["text/html"]
        .replace("<br>", "")
        .replace('"></picture>', '"/></picture>')
        .replace('"><img', '"/><img')
    )
    (source,), (image,) = page.iter("source"), page.iter("img")
    assert image.get("alt") == said.replace("\n", " ")  # as XML reads an attribute
    kind, _, dots = image.get("src", "").partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(dots).startswith(b"\x89PNG")
    kind, _, svg = source.get("srcset", "").partition(",")
    assert kind == "data:image/svg+xml"
    assert not re.search(r"[\s\"<>]", svg), "srcset would end there"
    assert "<Twice>" in texts(ET.fromstring(unquote(svg)))
    assert capsys.readouterr().out == ""
    assert plt.get_fignums() == before


def test_a_timeline_at_the_end_of_a_cell_is_shown_in_the_same_way() -> None:
    timeline = timeline_of(*KINDS)
    data = timeline._repr_mimebundle_()
    assert data == shown.bundled(timeline)
    assert f'alt="{timeline.describe()}"' in data["text/html"]


def test_an_image_is_read_in_both_colour_schemes_on_paper_of_its_own() -> None:
    svg = ET.fromstring(unquote(image(Page(timeline_of(*KINDS))).partition(",")[2]))
    style = svg.findtext(SVG + "style") or ""
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    for part, paper in ((light, "#fff"), (dark, "#111")):
        assert f"--jp-layout-color0:{paper}" in part
    assert "background:var(--jp-layout-color0)" in light
    shows = shown.bundled(timeline_of(*KINDS))["text/html"]
    assert "[data-jp-theme-light=false] picture{color-scheme:dark}" in shows
    assert "min-width:585px" in shows  # narrower, its letters would have less than ten pixels


def test_without_ipython_show_prints_the_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("IPython"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    show(timeline_of(*KINDS))
    assert capsys.readouterr().out.startswith("1 worker, 5 spans in 0.14 s")


# ----------------------------------------------------------- speed-up curves


@given(workers=st.integers(1, 1000), parallel=st.floats(0, 1))
def test_the_laws_agree_at_their_ends_and_never_exceed_the_workers(
    workers: int, parallel: float
) -> None:
    for law in (amdahl, gustafson):
        assert law(0, workers) == pytest.approx(1)
        assert law(1, workers) == pytest.approx(workers)
        assert law(parallel, 1) == pytest.approx(1)
    assert amdahl(parallel, workers) <= gustafson(parallel, workers) + 1e-9
    assert gustafson(parallel, workers) <= workers + 1e-9
    if parallel < 1:
        assert amdahl(parallel, workers) <= 1 / (1 - parallel) + 1e-9


@pytest.mark.parametrize("law", [amdahl, gustafson])
def test_a_law_refuses_what_is_no_share_and_no_number_of_workers(law: draw.Law) -> None:
    for parallel in (-0.1, 1.1, 90, math.nan):
        with pytest.raises(ValueError, match="parallel must be a share between 0 and 1, not"):
            law(parallel, 2)
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        law(0.5, 0)


def test_a_curve_says_its_best_point_and_every_other(capsys: pytest.CaptureFixture[str]) -> None:
    curve({"threads": {4: 0.9, 1: 1.0, 2: 1.0}, "processes": {2: 1.9, 1: 0.98}, "none": {}}, 2)
    assert capsys.readouterr().out.splitlines() == [
        "Speed-up by number of workers: threads: best 1.00 times as fast, with 1 worker "
        "(1: 1.00, 2: 1.00, 4: 0.90).",
        "processes: best 1.90 times as fast, with 2 workers (1: 0.98, 2: 1.90).",
        "none: nothing was measured.",
        "Usable CPUs: 2.",
    ]


def test_a_curve_says_what_the_laws_promise(capsys: pytest.CaptureFixture[str]) -> None:
    curve({"wait": {1: 1.0, 4: 3.9}}, parallel=0.5, title="Waiting")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Amdahl, 50% parallel: 1.60 times as fast with 4 workers.",
        "Gustafson, 50% parallel: 2.50 times as fast with 4 workers.",
    ]


def sheet_of(monkeypatch: pytest.MonkeyPatch, call: Any, *arguments: Any, **named: Any) -> Any:
    """The chart that a function would show."""
    kept: list[Any] = []
    monkeypatch.setattr(draw, "bundle", lambda sheet, *words, **more: kept.append(sheet))
    monkeypatch.setattr(draw, "display", lambda drawn, text: drawn())
    call(*arguments, **named)
    return kept[0]


def test_a_curve_has_a_line_of_its_own_look_for_each_series_and_each_law(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = {"a": {1: 1.0, 2: 2.0}, "b": {1: 1.0, 2: 1.0}, "$c": {1: 1.0, 2: 1.5}}
    chart = sheet_of(monkeypatch, curve, points, usable=2, parallel=0.9)
    marks = [item for item in chart.items if isinstance(item, Mark)]
    assert len({(mark.shape, mark.colour) for mark in marks}) == 3
    heights = [[(mark.x, mark.y) for mark in marks[i : i + 2]] for i in (0, 2, 4)]
    assert heights == [[(chart.x(n), chart.up(s[n])) for n in s] for s in points.values()]
    lines = [item for item in chart.items if isinstance(item, Line) and len(item.points) == 2]
    assert len({(line.colour, line.dash) for line in lines[:6]}) == 6
    labels = [item.text for item in chart.items if isinstance(item, Text)]
    names = ["ideal: n workers, n times", "Amdahl, 90% parallel", "Gustafson, 90% parallel"]
    assert {*names, *points, "usable CPUs: 2"} <= {*labels}


@given(
    series=st.dictionaries(
        st.integers(1, 64), st.floats(0.01, 100, allow_nan=False), min_size=1, max_size=6
    )
)
def test_all_of_a_curve_is_inside_and_so_is_the_ideal_line(series: dict[int, float]) -> None:
    most = max(2, *series)
    chart = draw._curve({"some": series}, {}, None, most, "title")
    for item in chart.items:
        if isinstance(item, Line):
            assert all(0 <= x <= chart.wide and 0 <= y <= chart.y for x, y in item.points)
    assert chart.up(most) >= chart.top - 1e-6


@given(wanted=st.lists(st.floats(0, 1000), max_size=12))
def test_names_at_the_ends_of_lines_do_not_touch(wanted: list[float]) -> None:
    placed = sorted(apart(wanted, 20, 1000))
    assert all(b - a >= 20 - 1e-6 for a, b in pairwise(placed))
    assert all(place <= 1000 for place in placed)


def test_a_curve_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    curve({})
    assert capsys.readouterr().out == "Speed-up by number of workers: Nothing was measured.\n"


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ({"a": {0: 1.0}}, r"workers must be whole numbers from 1 on, not 0 \(a\)"),
        ({"a": {1.5: 1.0}}, "workers must be whole numbers from 1 on, not 1.5"),
        ({"a": {1: math.inf}}, "speed-ups must be positive numbers, not inf"),
        ({"a": {1: math.nan}}, "speed-ups must be positive numbers, not nan"),
        ({"a": {1: -1.0}}, r"speed-ups must be positive numbers, not -1\.0"),
    ],
)
def test_points_that_cannot_be_are_refused(points: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        curve(points)


def test_a_bar_that_ran_but_had_to_share_says_how_much_where_it_fits() -> None:
    shared = timeline_of(work("a", 0, 100, 40), work("b", 0, 100, 95), work("c", 0, 100, 5))
    texts = [item.text for item in Page(shared).items if isinstance(item, Text)]
    assert [text for text in texts if text.startswith("work")] == ["work, 40% CPU", *["work"] * 2]
    narrow = timeline_of(work("a", 0, 100, 40), work("b", 0, 1000, 950))
    texts = [item.text for item in Page(narrow).items if isinstance(item, Text)]
    assert [text for text in texts if text.startswith("work")] == ["work"] * 2


def test_a_heat_map_says_every_number_and_what_was_not_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw.heat({"waiting": {"threads": 4.0, "processes": 3.5}, "computing": {"threads": 0.98}}, "Us")
    assert capsys.readouterr().out == (
        "Us: Times as fast as serially.\n"
        "waiting: threads 4.00; processes 3.50.\n"
        "computing: threads 0.98; processes not measured.\n"
    )


def test_a_heat_map_has_its_numbers_in_its_cells_and_colours_that_do_not_hide_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = {"$a$": {"x": 8.0, "y": 1 / 8}, "b": {"x": 1.0}}
    sheet = sheet_of(monkeypatch, draw.heat, table)
    labels = [item.text for item in sheet.items if isinstance(item, Text)]
    assert labels == ["x", "y", "$a$", "× 8.00", "× 0.12", "b", "× 1.00", "not measured"]
    fast, slow, same = (to_rgb(box.fill) for box in sheet.items if isinstance(box, Box))
    assert same == (1, 1, 1)
    assert fast[2] > fast[0], "blue"
    assert slow[0] > slow[2], "orange"
    for red, green, blue in (fast, slow):
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.4, "black is read on it"


@pytest.mark.parametrize("number", [0, -1.0, math.inf, math.nan])
def test_a_heat_map_refuses_what_is_no_speed_up(number: float) -> None:
    with pytest.raises(ValueError, match=r"speed-ups must be positive numbers, not .*\(a, b\)"):
        draw.heat({"a": {"b": number}})


@pytest.mark.parametrize("table", [{}, {"a": {}}])
def test_a_heat_map_of_nothing_is_refused(table: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="speedups must have a row with a number in it"):
        draw.heat(table)


CIRCLE = {
    ("A", "b"): "waits for",
    ("b", "B"): "is held by",
    ("B", "a"): "waits for",
    ("a", "A"): "is held by",
}


def test_a_graph_says_its_arrows_and_places_boxes_in_the_order_of_the_circle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw.graph(CIRCLE, "Who waits")
    assert capsys.readouterr().out.strip() == (
        "Who waits: A waits for b. b is held by B. B waits for a. a is held by A."
    )
    boxes = [item for item in draw._graph(CIRCLE, "").items if isinstance(item, Box)]
    assert len(boxes) == 4
    assert draw._in_a_row(CIRCLE) == ["A", "b", "B", "a"]


@given(
    st.dictionaries(
        st.tuples(st.text(max_size=40), st.text(max_size=40)), st.text(max_size=9), min_size=1
    )
)
def test_any_graph_lies_on_its_sheet_and_each_name_has_a_box(
    arrows: dict[tuple[str, str], str],
) -> None:
    sheet = draw._graph(arrows, "")
    boxes = [item for item in sheet.items if isinstance(item, Box)]
    assert len(boxes) == len({name for pair in arrows for name in pair})
    for box in boxes:
        assert min(box.x, box.y) >= 0
        assert box.x + box.width <= sheet.wide
        assert box.y + box.height <= sheet.y


def test_a_graph_without_an_arrow_is_refused() -> None:
    with pytest.raises(ValueError, match="arrows must have one arrow or more"):
        draw.graph({})


@pytest.mark.parametrize("letter", ["x", "界", "7", "\0"])
def test_names_of_a_million_letters_are_drawn_at_once_and_in_short(letter: str) -> None:
    name = letter * 1_000_000
    timeline = timeline_of(*(Span(name, name, 1, i * MS, (i + 1) * MS) for i in range(100)))
    start = time.perf_counter()
    page = Page({name: timeline}, name)
    assert time.perf_counter() - start < 5, "measured letter by letter it is hours"
    assert sum(len(item.tip) for item in page.items if isinstance(item, Box)) < 100_000
    assert max(len(item.text) for item in page.items if isinstance(item, Text)) < 200


def test_a_picture_of_hundreds_of_bars_is_stored_as_dots_only() -> None:
    few = timeline_of(*(work("w", n, n + 1) for n in range(20)))
    many = timeline_of(*(work("w", 2 * n, 2 * n + 1) for n in range(2000)))
    pages = [shown.bundled(timeline)["text/html"] for timeline in (few, many)]
    assert ["<source" in page for page in pages] == [True, False]
    assert all("<img alt=" in page for page in pages)
    assert len(pages[1]) < 60_000
