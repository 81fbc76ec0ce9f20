"""What every lesson is made of, in real JupyterLab: predict, panel, check, hint, deadline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import nbformat
import pytest
from driver import PATIENCE, Lesson, Open, Panel, screenshot
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}

CELLS = """
from helpers.lesson import check, deadline, hint, predict
from helpers.panels import choice, panel, slider, workers
from helpers.run import run
from helpers.work import wait
# --
prediction = predict("start.sixteen")
prediction
# --
prediction.measured(run(wait, [0.1] * 8, 16).elapsed)
# --
def waiting(workers, seconds, using):
    return run(wait, [seconds] * 8, workers, using)

steps = panel(waiting, workers=workers(value=2), using=choice("threads", "serial"),
              seconds=slider(0.01, 0.2, 0.05, 0.01, label="each waits", unit="s"))
steps
# --
steps.move(workers=3).at_once()
# --
def together(work, items):
    ...

check("start.overlap", together)
hint("start.overlap")
# --
def long_or_wrong(workers):
    if workers == 3:
        return run(wait, [0.1, "soon"], workers)
    return run(wait, [0.5] * 100, workers)

long = panel(long_or_wrong, workers=workers(value=1))
long
# --
import threading
with deadline(0.5):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
# --
"the kernel lives"
# --
import time
time.sleep(5)
"""


PREDICT, ANSWER, WAITING, MOVE, CHECK, LONG, HANGS, LIVES, SLEEPS = range(1, 10)


@pytest.fixture(scope="module")
def rooms(folder: Path, open_lesson: Open) -> Iterator[Lesson]:
    cells = [nbformat.v4.new_code_cell(text.strip()) for text in CELLS.split("# --")]
    cells[HANGS].metadata["tags"] = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, folder / "rooms.ipynb")
    with open_lesson("rooms.ipynb") as lesson:
        lesson.run_all()
        yield lesson


@pytest.fixture
def waiting(rooms: Lesson) -> Panel:
    return rooms.panels()[0]


@pytest.fixture
def long(rooms: Lesson) -> Panel:
    return rooms.panels()[1]


def test_all_cells_run(rooms: Lesson) -> None:
    assert rooms.failed() == []


def test_run_all_leaves_a_prediction_open_and_its_answer_folded(rooms: Lesson) -> None:
    prediction = rooms.page.locator(".prediction")
    said = prediction.locator("[role=status]")
    expect(said).to_have_text("Measured. You can still choose before you open the answer.")
    answer = rooms.page.locator(".jp-OutputArea-output details", has_text="0.8 s").first
    expect(answer.locator("li").first).not_to_be_visible()
    prediction.get_by_role("button", name="0.8 s").press("Space")
    late = "✘ 0.8 s, as you predicted."  # with its reason, if nothing disturbed the run
    expect(said).to_contain_text(late, timeout=PATIENCE)
    expect(prediction.locator(".fa-check")).to_have_count(1)
    expect(prediction.locator(".fa-times")).to_have_count(1)
    screenshot(rooms, "prediction late")


def test_a_prediction_is_made_by_keyboard_and_answered(rooms: Lesson) -> None:
    rooms.run_cell(PREDICT)
    prediction = rooms.page.locator(".prediction")
    said = prediction.locator("[role=status]")
    expect(said).to_have_text("Choose one, then run the next cell.")
    screenshot(rooms, "prediction asked")
    prediction.get_by_role("button").first.focus()
    rooms.page.keyboard.press("Tab")
    rooms.page.keyboard.press("Space")
    expect(said).to_have_text("You predict: 0.1 s. Now run the next cell.")
    rooms.page.keyboard.press("Tab")
    rooms.page.keyboard.press("Enter")
    expect(said).to_contain_text("0.2 s")
    rooms.run_cell(ANSWER)
    expect(said).to_contain_text("Measured: 0.1 s.")
    expect(prediction.get_by_role("button").first).to_be_disabled()
    expect(prediction.get_by_role("button").first).to_have_css("opacity", "1")  # it has a mark
    told = "".join(rooms.cells()[ANSWER]["outputs"][0]["data"]["text/plain"])
    assert "✘ 0.2 s, as you predicted. That is four workers, two waits each." in told
    screenshot(rooms, "prediction answered")


def test_a_check_and_a_hint_speak_in_sentences(rooms: Lesson) -> None:
    said, hints = rooms.cells()[CHECK]["outputs"]
    assert "".join(said["text"]).startswith("✘ not yet: ")
    assert "Hint 1 of 3" in "".join(hints["data"]["text/html"])


def test_a_cell_that_hangs_ends_with_a_picture_and_one_sentence(rooms: Lesson) -> None:
    shown, error = rooms.cells()[HANGS]["outputs"]
    assert "the main thread waits in lock.acquire(), at the cell, line 5" in "".join(shown["text"])
    assert error["traceback"] == ["DeadlinePassed: the block had not ended after 0.5 s."]
    assert rooms.cells()[LIVES]["execution_count"] is not None


def test_the_first_picture_needs_no_click(waiting: Panel) -> None:
    waiting.wait()
    expect(waiting.picture).to_contain_text("workers: 3, using: threads")


def test_every_control_turned_by_keyboard_gives_a_new_picture(
    rooms: Lesson, waiting: Panel
) -> None:
    waiting.wait()
    for slider in range(waiting.sliders.count()):
        waiting.turn(slider)
    waiting.choose("serial")
    expect(waiting.picture).to_contain_text("workers: 4, using: serial, each waits: 0.06 s")
    expect(waiting.picture).to_contain_text("the run before: ")
    expect(waiting.root).to_contain_text("using threads → serial: ")


def test_a_slider_has_a_name_and_buttons_and_keeps_its_arrow_keys(waiting: Panel) -> None:
    waiting.wait()
    named = waiting.root.get_by_role("slider", name="each waits, in s")
    assert named.get_attribute("data-lm-suppress-shortcuts") == "true"
    expect(waiting.root.get_by_role("slider", name="workers")).to_have_count(1)
    more = waiting.root.get_by_role("button", name="more: workers")
    at, before = named.get_attribute("aria-valuetext"), waiting.picture.first.inner_html()
    more.press("Space")
    waiting.changed(before)
    waiting.wait()
    assert named.get_attribute("aria-valuetext") == at  # it was the other one's


def test_a_slider_is_followed_while_a_cell_runs(rooms: Lesson, waiting: Panel) -> None:
    waiting.wait()
    rooms.run_cell(SLEEPS, wait=False)
    rooms.page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    waiting.turn(0)
    waiting.wait()
    expect(rooms.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    expect(rooms.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.parametrize("wide", [1280, 1024, 768])
def test_no_letter_is_smaller_than_ten_pixels(rooms: Lesson, waiting: Panel, wide: int) -> None:
    rooms.page.set_viewport_size({"width": wide, "height": 1000})
    waiting.wait()
    waiting.root.scroll_into_view_if_needed()
    screenshot(rooms, f"rooms {wide}")
    sizes: list[float] = waiting.root.evaluate(SIZES)
    rooms.page.set_viewport_size({"width": 1280, "height": 1000})
    assert min(sizes) > 9.9
    assert len(sizes) > 20


def test_stop_ends_a_run_and_its_spans_are_shown(rooms: Lesson, long: Panel) -> None:
    rooms.run_cell(LONG)
    expect(long.root.locator(".progress")).to_be_visible(timeout=PATIENCE)
    long.stop.focus()
    long.stop.press("Enter")
    long.wait()
    expect(long.status).to_contain_text("Stopped, with")
    expect(long.picture).to_contain_text("workers: 1")


def test_an_error_is_told_in_the_panel_and_the_next_turn_goes_on(
    rooms: Lesson, long: Panel
) -> None:
    rooms.run_cell(LONG)
    long.press(0, "ArrowRight")
    long.press(0, "ArrowRight")
    long.stop.click()
    long.again.click()
    expect(long.root.get_by_role("alert")).to_contain_text("seconds must be", timeout=PATIENCE)
    expect(long.root).not_to_contain_text("Traceback")
    long.press(0, "ArrowRight")
    expect(long.stop).to_be_enabled(timeout=PATIENCE)
    expect(long.root.get_by_role("alert")).to_have_count(0)
    long.stop.click()
    long.wait()


def test_in_the_dark_theme_words_stand_out(rooms: Lesson, waiting: Panel) -> None:
    waiting.wait()
    for theme in ("light", "dark"):
        if theme == "dark":
            rooms.dark()
        waiting.root.scroll_into_view_if_needed()
        sleep(0.3)  # for the picture only: the theme fades in
        screenshot(rooms, f"rooms {theme}")
        for part in ("figcaption", "svg text", ".widget-label"):
            assert waiting.root.locator(part).first.evaluate(CONTRAST) > 4.5, (theme, part)


SIZES = """root => [...root.querySelectorAll('*')]
    .filter(e => e.checkVisibility())
    .filter(e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
    .map(e => parseFloat(getComputedStyle(e).fontSize) * (e.getScreenCTM ? e.getScreenCTM().a : 1))
"""
CONTRAST = """element => {
    const numbers = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const style = getComputedStyle(element);
    const ink = numbers(element.tagName === 'text' ? style.fill : style.color);
    let paper = null;
    for (let e = element; e && !paper; e = e.parentElement) {
        const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
        if (a > 0) paper = [r, g, b];
    }
    const [low, high] = [light(ink), light(paper)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
}"""


def test_nothing_complained_and_nothing_left_this_computer(rooms: Lesson) -> None:
    assert rooms.errors == []
    assert rooms.elsewhere == []


def test_reopened_the_next_day_a_page_has_the_last_state_of_what_it_showed(
    rooms: Lesson, open_lesson: Open
) -> None:
    """The last test here: the kernel ends."""
    said = rooms.page.locator(".course-panel").first.locator("figcaption").inner_text()
    expect(rooms.page.locator(".course-snapshot").first).not_to_be_visible()
    rooms.save()
    rooms.shut_down()
    with open_lesson("rooms.ipynb") as again:
        shown = again.page.locator(".course-snapshot")
        for number in range(3):  # a prediction and two panels
            expect(shown.nth(number)).to_be_visible(timeout=PATIENCE)
            expect(shown.nth(number)).to_contain_text("Run this cell again to use it.")
        expect(shown.nth(1).locator("figcaption")).to_have_text(said, use_inner_text=True)
        expect(shown.nth(1).locator("img")).to_have_attribute("alt", re.compile("^workers: "))
        missing = again.page.get_by_text("model not found")
        expect(missing).to_have_count(3)
        for number in range(3):
            expect(missing.nth(number)).not_to_be_visible()
        screenshot(again, "rooms the next day")
