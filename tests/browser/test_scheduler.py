"""A schedule to step through and a board to play on, in real JupyterLab, by keyboard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import nbformat
import pytest
from driver import Board, Lesson, Open, play_click_to_picture, screenshot
from playwright.sync_api import Locator, expect
from test_rooms import CONTRAST, KERNEL

from helpers.interleave import replay

pytestmark = pytest.mark.browser

CELLS = """
import threading
from helpers.interleave import explore, play, replay

def counter():
    total = 0
    def add():
        nonlocal total
        total += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 2, f"lost update: {total}"

def transfer():
    a, b = threading.Lock(), threading.Lock()
    def there():
        with a:
            with b:
                pass
    def back():
        with b:
            with a:
                pass
    threads = [threading.Thread(target=f) for f in (there, back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
# --
replay(counter, "ABBA")
# --
explore(counter, every=True)
# --
board = play(counter)
board
# --
from helpers.lesson import play
locks = play(transfer, check="ladder.transfers.break")
locks
# --
board.press("A"), board.press("B")
board.schedule.outcome
"""
DRIVEN = 5  # the number of the cell that presses buttons


def counter() -> None:
    """The program of the first cell."""
    total = 0

    def add() -> None:
        nonlocal total
        total += 1

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 2, f"lost update: {total}"


@pytest.fixture(scope="module")
def lesson(folder: Path, open_lesson: Open) -> Iterator[Lesson]:
    cells = [nbformat.v4.new_code_cell(text.strip()) for text in CELLS.split("# --")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, folder / "scheduler.ipynb")
    with open_lesson("scheduler.ipynb") as lesson:
        lesson.run_all()
        yield lesson


@pytest.fixture
def page(lesson: Lesson) -> Locator:
    """What `replay` shows."""
    return lesson.page.locator("figure.cs").first


@pytest.fixture
def board(lesson: Lesson) -> Board:
    """The board of the lost update, where nobody has made a step."""
    return lesson.boards()[0].fresh()


@pytest.fixture
def locks(lesson: Lesson) -> Board:
    """The board of the two locks, where nobody has made a step."""
    return lesson.boards()[1].fresh()


def test_all_cells_run(lesson: Lesson) -> None:
    assert lesson.failed() == []


def test_the_slider_of_a_schedule_goes_from_step_to_step_by_keyboard(page: Locator) -> None:
    slider, told = page.locator("input"), page.locator(".cs-step")
    expect(told).to_have_text("Step 4 of 4. A, line 8: total = 1.")
    slider.focus()
    for key, step in [("ArrowLeft", 3), ("Home", 1), ("ArrowRight", 2), ("End", 4)]:
        slider.press(key)
        expect(slider).to_be_focused()
        expect(told).to_contain_text(f"Step {step} of 4.")
        assert slider.get_attribute("aria-valuetext") == told.inner_text()


def test_a_run_is_gone_through_by_buttons_and_plays_by_itself(page: Locator) -> None:
    told, play = page.locator(".cs-step"), page.get_by_role("button", name="Play")
    page.locator("input").press("End")
    for name, step in [("Previous", 3), ("Previous", 2), ("Next", 3)]:
        page.get_by_role("button", name=name).press("Enter")
        expect(told).to_contain_text(f"Step {step} of 4.")
    play.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    expect(told).to_contain_text("Step 4 of 4.")
    expect(play).to_be_focused()  # at the end it rests


def test_with_the_slider_the_markers_and_the_frame_move(page: Locator) -> None:
    slider, frame = page.locator("input"), page.locator(".cs-now")
    slider.press("Home")
    first = frame.bounding_box()
    sources = page.locator(".cs-code > div")
    expect(sources.nth(0).locator(".now")).to_have_text("▶   8      total += 1")
    expect(sources.nth(1).locator(".next")).to_contain_text("▷   8")
    slider.press("End")
    expect(sources.nth(1).locator("em")).to_have_text("has ended")
    expect(sources.nth(1).locator(".now, .next")).to_have_count(0)
    last = frame.bounding_box()
    assert first
    assert last
    assert last["x"] > first["x"] + 100


def test_every_line_of_a_listing_stands_on_a_line_of_its_own(lesson: Lesson) -> None:
    whole = """pre => [pre.scrollWidth <= pre.clientWidth,
        pre.offsetHeight / pre.children.length / parseFloat(getComputedStyle(pre).lineHeight)]"""
    for listing in lesson.page.locator(".cs-source pre:has(span):visible").all():
        fits, height = listing.evaluate(whole)
        assert fits
        assert height == pytest.approx(1, abs=0.1)


def test_a_slider_belongs_to_its_own_schedule(lesson: Lesson) -> None:
    first, second = (lesson.page.locator("figure.cs").nth(n) for n in (0, 2))
    first.locator("input").press("End")
    second.locator("input").press("Home")
    expect(second.locator(".cs-step")).to_contain_text("Step 1 of 4.")
    expect(first.locator(".cs-step")).to_contain_text("Step 4 of 4.")


def test_the_space_of_schedules_is_counted(lesson: Lesson) -> None:
    space = lesson.page.locator("figure.cs").nth(1)
    expect(space).to_contain_text("6 schedules: 4 fail, 2 do not.")
    expect(space.locator("svg")).to_contain_text("4 of 6: 67%")


def test_a_lost_update_is_won_by_keyboard(lesson: Lesson, board: Board) -> None:
    board.single.focus()
    lesson.page.keyboard.press("Space")
    lesson.page.wait_for_timeout(500)  # the value of a toggle may be overtaken by the next press
    board.thread("A").focus()
    lesson.page.keyboard.press("Space")
    expect(board.said).to_contain_text("A: A, line 8: read total -> 0.")
    expect(board.thread("A")).to_be_focused()
    lesson.page.keyboard.press("Tab")  # the source of B, which can be scrolled
    lesson.page.keyboard.press("Tab")
    expect(board.thread("B")).to_be_focused()
    lesson.page.keyboard.press("Space")
    expect(board.said).to_contain_text("AB: B, line 8")
    lesson.page.keyboard.press("Space")
    expect(board.said).to_contain_text("ABB: B, line 8: total = 1.")
    expect(board.thread("B")).to_be_disabled()
    expect(board.thread("A")).to_be_focused()  # B has ended: the keyboard goes on to A
    lesson.page.keyboard.press("Space")
    expect(board.said).to_contain_text("Broken! Assertion failed: lost update: 1.")
    expect(board.said).to_contain_text("A and B both read total before either wrote it")
    expect(board.said).to_contain_text('"ABBA"')
    expect(board.undo).to_be_focused()
    lesson.page.keyboard.press("Space")
    expect(board.said).to_contain_text("ABB: ")
    expect(board.undo).to_be_focused()
    board.single.press("Space")


def test_a_press_makes_a_whole_statement_and_a_run_that_ends_well_says_so(board: Board) -> None:
    board.press("A")
    expect(board.said).to_contain_text("AA: A, line 8: total = 1.")
    board.press("B")
    expect(board.said).to_contain_text("AABB: This run ended well. Undo takes back a press")
    board.undo.press("Enter")
    expect(board.said).to_contain_text("AA: ")
    board.reset.press("Enter")
    expect(board.said).to_contain_text("Press a button")
    expect(board.undo).to_be_disabled()


def test_a_blocked_thread_has_a_button_that_says_why(locks: Board) -> None:
    locks.press("A")
    expect(locks.thread("B")).to_be_enabled()
    locks.press("A")
    expect(locks.thread("B")).to_be_disabled()
    expect(locks.thread("B")).to_have_text("B: waits, b is held by A")
    locks.undo.press("Enter")
    locks.press("B")
    expect(locks.said).to_contain_text("Broken! Deadlock.")
    expect(locks.said).to_contain_text("A holds a and waits for b; B holds b and waits for a.")
    expect(locks.thread("A")).to_have_text("A: waits, b is held by B")
    locks.hand_in.press("Space")
    expect(locks.root.locator(".jp-OutputArea")).to_contain_text("AB fails: deadlock.")
    locks.undo.press("Enter")
    expect(locks.hand_in).not_to_be_visible()
    expect(locks.root.locator(".jp-OutputArea")).not_to_contain_text("AB fails")


def test_a_driver_cell_presses_the_same_buttons(lesson: Lesson, board: Board) -> None:
    lesson.run_cell(DRIVEN)
    expect(board.said).to_contain_text("AABB: This run ended well.")


def test_a_click_gives_a_new_picture_at_once(board: Board) -> None:
    seconds = play_click_to_picture(board)
    print(f"click to picture: {seconds * 1000:.0f} ms")
    assert seconds < 2  # the bench says how much faster it is


def test_words_stand_out_in_both_themes(
    lesson: Lesson, page: Locator, board: Board, locks: Board
) -> None:
    board.press("A")
    for letter in "AB":
        locks.press(letter)
    parts = {"figcaption": page, ".cs-step": page, "svg text": page, ".now": page}
    parts |= {"[role=status]": locks.root, "pre": locks.root, "button:enabled": board.root}
    parts |= {"button:disabled": locks.root, ".cs-k": page, ".cs-n": page, ".now .cs-n": page}
    for theme in ("light", "dark"):
        if theme == "dark":
            lesson.dark()
        for name, root in {"schedule": page, "board": board.root, "locks": locks.root}.items():
            root.scroll_into_view_if_needed()
            sleep(0.3)  # for the picture only: the theme fades in
            screenshot(lesson, f"{name} {theme}")
        for part, root in parts.items():
            assert root.locator(part).first.evaluate(CONTRAST) > 4.5, (theme, part)
            assert root.locator(part).first.evaluate("e => getComputedStyle(e).opacity") == "1"


def test_nothing_complained_and_nothing_left_this_computer(lesson: Lesson) -> None:
    assert lesson.errors == []
    assert lesson.elsewhere == []


def test_what_is_not_trusted_is_told_by_text_and_source_alone(
    folder: Path, open_lesson: Open
) -> None:
    """As on a Git host: no script runs, and nothing of the picture is left over.

    The last test here: closing a lesson ends all kernels.
    """
    shown = replay(counter, "ABBA")._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", shown, execution_count=1)
    cell = nbformat.v4.new_code_cell("replay(counter, 'ABBA')", execution_count=1, outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, folder / "untrusted.ipynb")
    with open_lesson("untrusted.ipynb") as lesson:
        output = lesson.page.locator(".jp-OutputArea-output")
        header = "Assertion failed: lost update: 1 · schedule ABBA · 1 preemption"
        expect(output).to_contain_text(header)
        expect(output).to_contain_text("A and B both read total before either wrote it")
        expect(output.locator("details pre")).to_be_visible()
        expect(output.locator("svg, input")).to_have_count(0)
        words = output.inner_text()
        assert "querySelector" not in words
        assert "font-family" not in words
        source = output.locator(".cs-source pre").first.inner_text().splitlines()
        assert [line.split()[-1] for line in source if "▶" in line] == ["1"]
        assert len(source) == 3
        screenshot(lesson, "untrusted")
