"""A panel shows exactly what its controls say, one run at a time, and always ends."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from helpers import panels
from helpers.panels import Panel, choice, panel, slider, workers
from helpers.run import RunError, Stopped, run
from helpers.timeline import Timeline
from helpers.work import wait


@pytest.fixture(autouse=True)
def nobody_is_left_behind() -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    last = time.monotonic() + 10
    while left := [t for t in threading.enumerate() if t not in threads]:
        assert time.monotonic() < last, f"left behind: {left}"
        time.sleep(0.01)


def until(held: Callable[[], Any], seconds: float = 10) -> None:
    last = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < last, "it has not happened"
        time.sleep(0.01)


def spans(number: int) -> Timeline:
    """A picture without work."""
    timeline = Timeline()
    for n in range(number):
        timeline.add(f"span {n}", f"lane {n}", 1_000_000, 2_000_000)
    return timeline


class Noted:
    """A function for a panel that notes its calls."""

    __qualname__ = "noted"

    def __init__(self) -> None:
        self.calls = list[int]()

    def __call__(self, n: int) -> Timeline:
        self.calls.append(n)
        return spans(n)


class Gate:
    """A function for a panel that waits until it is let through."""

    def __init__(self) -> None:
        self.open, self.calls, self.at_once = threading.Event(), list[int](), 0
        self.inside = 0

    def __call__(self, n: int) -> Timeline:
        self.calls.append(n)
        self.inside += 1
        self.at_once = max(self.at_once, self.inside)
        assert self.open.wait(10)
        self.inside -= 1
        return spans(n)

    __qualname__ = "gate"


def display(shown: Panel) -> None:
    shown._ipython_display_()


def mark(control: panels.Control) -> str:
    """What stands under a slider."""
    text: str = control.shown.children[1].children[2].children[1].value
    return text


# -------------------------------------------------------------------- pictures


def test_move_gives_the_picture_of_exactly_these_values() -> None:
    shown = panel(lambda n, kind: spans(n * kind), n=slider(1, 9, 2), kind=choice(1, 2, 3))
    for n, kind in [(3, 1), (2, 3), (9, 2)]:
        assert len(shown.move(n=n, kind=kind).spans) == n * kind
        assert shown.controls["n"].input.value == n
        assert shown.picture is not None
        assert f"n: {n}, kind: {kind}" in shown._image.value


def test_the_first_picture_comes_with_the_panel() -> None:
    noted = Noted()
    shown = panel(noted, n=slider(1, 9, 2))
    assert not noted.calls
    display(shown)
    until(lambda: shown.picture)
    display(shown)
    shown.move(n=2)
    assert noted.calls == [2]


def test_turning_a_control_runs_it() -> None:
    shown = panel(spans, number=slider(1, 9, 2))
    shown.controls["number"].input.value = 5
    until(lambda: shown.picture is not None and not shown._busy)
    assert isinstance(shown.picture, Timeline)
    assert len(shown.picture.spans) == 5


def test_a_picture_carries_its_words_and_announces_them() -> None:
    shown = panel(spans, number=slider(1, 9, 2))
    timeline = shown.move(number=3)
    assert shown._image.value.startswith('<div aria-live="polite"')
    assert timeline.describe() in shown._image.value


def test_several_timelines_are_one_picture() -> None:
    shown = panel(lambda n: {"left": spans(n), "right": spans(1)}, n=slider(1, 3, 2))
    assert set(shown.move(n=3)) == {"left", "right"}
    assert "right" in shown._image.value


def test_run_again_runs_the_same_values_again() -> None:
    noted = Noted()
    shown = panel(noted, n=slider(1, 9, 2))
    shown.move()
    shown._again.click()
    until(lambda: len(noted.calls) == 2 and not shown._busy)
    assert noted.calls == [2, 2]


def lasting(seconds: float) -> Timeline:
    timeline = Timeline()
    timeline.add(f"work of {seconds} s", "worker 1", 0, round(seconds * 1e9))
    return timeline


def test_the_change_is_said_and_shown_beside_the_run_before_on_one_time_axis() -> None:
    shown = panel(lasting, seconds=slider(1, 20, 8, unit="s"))
    shown.move()
    assert "<b>" not in shown._image.value
    for seconds, said in [(1, "8 s → 1 s: 8 s → 1 s"), (2, "1 s → 2 s: 1 s → 2 s")]:
        shown.move(seconds=seconds)
        assert f"<b>seconds {said}</b>" in shown._image.value
        assert ">8 s</text>" in shown._image.value  # the axis is as long as before
    assert "the run before: 1 s" in shown._image.value
    shown._again.click()
    until(lambda: not shown._busy)
    assert "<b>the same again: 2 s → 2 s</b>" in shown._image.value


def test_a_colour_keeps_its_meaning() -> None:
    shown = panel(lasting, seconds=slider(1, 20, 8))
    for seconds, colour in [(8, 0), (1, 1), (8, 0)]:
        shown.move(seconds=seconds)
        (bar,) = re.findall(r"<rect[^>]*><title>", shown._image.value)
        assert f"unknown{colour})" in bar


def test_a_run_that_was_stopped_is_drawn_so_and_is_no_measure_for_the_next() -> None:
    items = [0.01]
    shown = panel(lambda n: run(wait, items, n), n=slider(1, 9, 2))
    shown.move()
    items[:] = [9.0] * 9
    shown._again.click()
    until(lambda: not shown._halt.disabled)
    shown.stop()
    until(lambda: not shown._busy)
    assert "was told to stop" in shown._image.value
    assert "ended with an exception" not in shown._image.value
    items[:] = [0.01]
    assert shown.move(n=1).elapsed < 1
    assert "n 2 → 1: 0.01" in shown._image.value


def test_a_page_without_a_kernel_has_the_last_picture_with_its_words() -> None:
    shown = panel(spans, number=slider(1, 9, 2))
    assert shown.snapshot() == ("<p>number: 2</p>", "number: 2")
    for number in (2, 3):
        display(shown)
        shown.settle()
        described = shown.move(number=number).describe()
        html, words = shown.snapshot()
        assert words == f"number: {number}. {described}"
        assert f'<img alt="{words}" src="data:image/svg+xml' in html
        assert not re.search("<(svg|script|style)", html)


# ----------------------------------------------------------------- one at a time


def test_changes_during_a_run_lead_to_one_more_run_of_the_newest() -> None:
    gate = Gate()
    shown = panel(gate, n=slider(1, 9, 1))
    for n in (2, 3, 4, 5):
        shown.controls["n"].input.value = n
        until(lambda: gate.calls)
    gate.open.set()
    until(lambda: not shown._busy)
    assert gate.calls == [2, 5]
    assert gate.at_once == 1
    assert "n: 5" in shown._image.value


@pytest.mark.parametrize(("work", "using"), [(wait, "threads"), (asyncio.sleep, "tasks")])
def test_stop_ends_a_run_and_shows_what_there_is(work: Any, using: str) -> None:
    shown = panel(lambda n: run(work, [0.05] * 1000, n, using), n=slider(1, 9, 2))
    display(shown)
    until(lambda: not shown._halt.disabled)
    until(lambda: shown._bar.layout.visibility == "visible" and shown._bar.value > 0)
    assert shown._bar.description.endswith(" of 1000")
    shown._halt.click()
    until(lambda: not shown._busy, 5)
    assert isinstance(shown.error, Stopped)
    assert isinstance(shown.picture, Timeline)
    assert shown.picture.spans
    assert "Stopped, with" in shown._status.value
    assert shown._bar.layout.visibility == "hidden"
    assert shown._halt.disabled


def test_stop_forgets_what_was_to_be_run_next() -> None:
    calls = []

    def long(n: int) -> Timeline:
        calls.append(n)
        return run(wait, [0.05] * 1000, n)

    shown = panel(long, n=slider(1, 9, 2))
    display(shown)
    until(lambda: calls)
    shown.controls["n"].input.value = 3
    shown.stop()
    until(lambda: not shown._busy)
    assert calls == [2]


@pytest.mark.parametrize("is_over", [True, False])
def test_a_panel_that_was_stopped_runs_again(is_over: bool) -> None:
    items = [9.0] * 9
    shown = panel(lambda n: run(wait, items, n), n=slider(1, 9, 2))
    display(shown)
    until(lambda: not shown._halt.disabled)
    shown.stop()
    until(lambda: not is_over or not shown._busy)
    items[:] = [0.06, 0.06, 0.06]
    assert len(shown.move(n=2).spans) == 3
    assert shown._status.value == ""


def test_moving_two_controls_is_one_run() -> None:
    noted = Noted()
    shown = panel(lambda n, m: noted(n * m), n=slider(1, 9, 2), m=slider(1, 9, 2))
    between = threading.Event()  # never set: time for a run between the two controls
    shown.controls["n"].input.observe(lambda _: between.wait(0.05), "value")
    for n in (3, 4):
        shown.move(n=n, m=n)
    assert noted.calls == [9, 16]


def test_an_error_is_not_shown_any_more_while_the_next_run_is_under_way() -> None:
    gate = Gate()
    shown = panel(lambda n: gate(n) if n > 1 else spans("x"), n=slider(1, 9, 1))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        shown.move()
    assert "TypeError" in shown._status.value
    shown.controls["n"].input.value = 2
    until(lambda: gate.calls)
    assert shown._status.value == ""
    gate.open.set()
    until(lambda: not shown._busy)


def test_a_cell_that_is_run_again_stops_the_run_of_its_former_panel() -> None:
    def long(n: int) -> Timeline:
        return run(wait, [0.05] * 1000, n)

    former = panel(long, n=slider(1, 9, 2))
    display(former)
    until(lambda: not former._halt.disabled)
    panel(long, n=slider(1, 9, 2))
    until(lambda: not former._busy)
    assert isinstance(former.error, Stopped)


def test_move_gives_up_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "PATIENCE", 0.2)
    shown = panel(lambda n: run(wait, [0.05] * 1000, n), n=slider(1, 9, 2))
    with pytest.raises(TimeoutError, match=r"no picture after 0\.2 s; the run has been stopped"):
        shown.move(n=3)
    until(lambda: not shown._busy)


# ----------------------------------------------------------------------- errors


def test_an_error_appears_in_words_and_comes_out_of_move(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = panel(lambda n: run(wait, [0.01, "<soon>"], n), n=slider(1, 9, 2))
    with pytest.raises(RunError) as caught:
        shown.move(n=1)
    assert shown._status.value.startswith('<div role="alert"')
    assert "&lt;soon&gt;" in shown._status.value
    assert "Traceback" not in shown._status.value
    assert str(caught.value)
    assert "wait" in shown._image.value  # the item that went well is in the picture
    assert capsys.readouterr() == ("", "")


def test_any_other_error_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    nothing: dict[str, Timeline] = {}
    shown = panel(lambda n: nothing["key"], n=slider(1, 9, 2))
    with pytest.raises(KeyError):
        shown.move(n=3)
    assert "✘ KeyError: &#x27;key&#x27;" in shown._status.value
    assert capsys.readouterr() == ("", "")


def test_a_function_that_gives_no_timeline_is_an_error() -> None:
    shown = panel(lambda n: n, n=slider(1, 9, 2))
    with pytest.raises(Exception, match=r".+"):
        shown.move(n=3)
    assert "✘" in shown._status.value


def test_the_error_goes_with_the_next_picture() -> None:
    shown = panel(lambda n: spans(n) if n != 3 else spans("3"), n=slider(1, 9, 2))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        shown.move(n=3)
    shown.move(n=4)
    assert shown._status.value == ""
    assert shown.error is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"n": 10}, "n can be 1 to 9, not 10"),
        ({"n": "four"}, "n can be 1 to 9, not 'four'"),
        ({"kind": "c"}, "kind can be one of 'a', 'b', not 'c'"),
        ({"size": 1}, "there is no control size; there are n, kind"),
    ],
)
def test_a_control_does_not_go_where_it_cannot(values: dict[str, Any], sentence: str) -> None:
    shown = panel(lambda n, kind: spans(n), n=slider(1, 9, 2), kind=choice("a", "b"))
    with pytest.raises(ValueError, match=sentence):
        shown.move(**values)


# --------------------------------------------------------------------- controls


def test_the_run_sees_the_context_of_its_panel() -> None:
    where: ContextVar[str] = ContextVar("where", default="elsewhere")
    seen = []

    def look(n: int) -> Timeline:
        seen.append(where.get())
        return spans(n)

    shown = panel(look, n=slider(1, 9, 2))
    where.set("in this cell")
    shown.move(n=3)
    assert seen == ["in this cell"]


def test_whole_arguments_make_a_slider_of_whole_numbers() -> None:
    assert isinstance(slider(1, 9, 2).input.value, int)
    assert isinstance(slider(0.1, 0.9, 0.2, 0.1).input.value, float)


def test_controls_are_named_for_everybody() -> None:
    shown = panel(
        lambda **values: spans(1),
        how_many=slider(1, 9, 2),
        each=slider(0.1, 1, 0.2, 0.1, label="each waits", unit="s"),
        pause=slider(5, 50, 20, unit="ms"),
        kind=choice("a", "b"),
    )
    controls = list(shown.controls.values())
    assert [c.name.value for c in controls] == ["how many", "each waits", "pause", "kind"]
    assert [c.says(c.input.value) for c in controls] == ["2", "0.2 s", "20 ms", "a"]
    assert not any(control.input.continuous_update for control in controls[:3])


def test_plus_and_minus_move_a_slider_by_a_step_and_stop_at_its_ends() -> None:
    noted = Noted()
    control = slider(1, 3, 2)
    shown = panel(noted, n=control)
    less, more, _ = control.shown.children[1].children
    for button, value in [(more, 3), (less, 2), (less, 1)]:
        button.click()
        assert control.input.value == value
    assert (less.disabled, more.disabled) == (True, False)
    until(lambda: not shown._busy)
    assert noted.calls[-1] == 1
    tenths = slider(0.1, 0.4, 0.2, 0.1)
    tenths.shown.children[1].children[1].click()
    assert tenths.input.value == 0.3
    assert tenths.says(0.1 + 0.2) == "0.3"


@pytest.mark.parametrize(("usable", "top"), [(1, 8), (2, 8), (6, 12), (40, 61)])
def test_workers_go_beyond_the_usable_cpus_which_are_marked(
    usable: int, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "usable_cpus", lambda: usable)
    turned = workers().input
    assert (turned.min, turned.max, turned.value) == (1, top, 4)
    assert f"▲ usable CPUs here: {usable}" in mark(workers())


def test_the_mark_stands_under_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def left(usable: int) -> float:
        monkeypatch.setattr(panels, "usable_cpus", lambda: usable)
        return float(mark(workers(maximum=5)).partition("calc(")[2].partition(" *")[0])

    assert [left(usable) for usable in (1, 3, 5, 6)] == [0, 0.5, 1, 0]


def test_usable_cpus_beyond_the_slider_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "usable_cpus", lambda: 16)
    assert "16, more than this slider has" in mark(workers(maximum=8))


def test_on_one_cpu_the_panel_says_so_and_shows_a_recorded_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spans(5).save(tmp_path / "four.json")
    recorded = ("recorded on 4 CPUs", str(tmp_path / "four.json"))
    for usable, shows in [(1, True), (2, False)]:
        monkeypatch.setattr(panels, "usable_cpus", lambda usable=usable: usable)
        shown = panel(lambda workers: spans(workers), recorded=recorded, workers=workers())
        shown.move(workers=3)
        assert ("recorded on 4 CPUs" in shown._image.value) is shows
        assert any(getattr(c, "value", "") == panels.ONE_CPU for c in shown.children) is shows
        assert len(shown.picture.spans) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: slider(1, 9, 10), "value must be between 1 and 9, not 10"),
        (lambda: slider(9, 1, 5), "value must be between 9 and 1, not 5"),
        (lambda: slider(1, 9, 2, 0), "step must be above 0, not 0"),
        (lambda: choice("one"), r"options must be two or more, not \('one',\)"),
        (lambda: panel(3, n=slider(1, 9, 2)), "function must be a function, not 3"),  # type: ignore[arg-type]
        (lambda: panel(spans, number=4), r"number must be workers\(\), slider\(\) or .* not 4"),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_picture_that_cannot_be_drawn_does_not_hold_up_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = panel(lambda n: run(wait, [0.01, "soon"], n), n=slider(1, 9, 2))

    def broken(*_: Any) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(panels, "inline", broken)
    for n in (3, 4):
        with pytest.raises(RunError):
            shown.move(n=n)


CALLBACKS = """
import sys
from helpers.interleave import play
from helpers.lesson import predict
from helpers.panels import panel, slider
from helpers.run import run
from helpers.work import wait
shown = panel(lambda n: run(wait, [0.01] * 2, n), n=slider(1, 9, 2))
for n in (2, 3):
    shown.move(n=n)
shown.snapshot()
asked = predict("start.three")
asked.choose("0.3 s")
asked.snapshot()
def program():
    pass
board = play(program)
board.reset()
board.snapshot()
assert "matplotlib" not in sys.modules
"""


def test_what_callbacks_reach_is_safe_beside_a_running_cell(tmp_path: Path) -> None:
    """They run in threads of their own, where pyplot, which has one current figure, may not be."""
    script = tmp_path / "callbacks.py"
    script.write_text(CALLBACKS)
    subprocess.run([sys.executable, script], check=True, timeout=60)
