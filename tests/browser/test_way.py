"""The way through the course, as a learner with a keyboard takes it: in JupyterLab and Notebook 7.

JupyterLab opens as `course.py lab` furnishes it. In Notebook 7 the walk ends behind the
first prediction, when every kind of control was used, and goes on where COURSE_WALK is set.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import driver
import pytest
from driver import PATIENCE, Lesson, screenshot
from playwright.sync_api import Browser, expect

from helpers import exercises

pytestmark = pytest.mark.browser
FIRST = "00-start-here.ipynb"
PLACES = {"JupyterLab": "lab/tree", "Notebook 7": "notebooks"}
PROGRESS = 1  # the number of the cell that shows it
RUNNING = """async () => {
    await jupyterapp.serviceManager.sessions.refreshRunning();
    return [...jupyterapp.serviceManager.sessions.running()].map(session => session.path);
}"""
ACTIVE = """() => {
    const notebook = jupyterapp.shell.currentWidget.content;
    return [notebook.activeCellIndex, notebook.activeCell.model.id, notebook.widgets.length];
}"""
HAS_RUN = """number => {
    const cell = jupyterapp.shell.currentWidget.content.widgets[number].model;
    return cell.type !== 'code' || (cell.executionState === 'idle' && cell.executionCount);
}"""
KEEPS_KEYS = "() => !!document.activeElement.closest('[data-lm-suppress-shortcuts]')"

Opened = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, browser: Browser) -> Iterator[Opened]:
    """A lesson as it is opened for the first time: in a JupyterLab that nobody has used.

    JupyterLab keeps which panels and lessons were open, whoever opened them.
    """

    @contextmanager
    def opening(at: str, name: str = FIRST) -> Iterator[Lesson]:
        context = browser.new_context(viewport={"width": 1024, "height": 768})
        lesson = Lesson(context.new_page(), lab, name, at, "")
        try:
            yield lesson
        finally:
            lesson.shut_down()
            context.close()

    with driver.jupyterlab(driver.notebooks(tmp_path), tmp_path / "private") as lab:
        yield opening


def test_jupyterlab_opens_with_the_contents_and_a_link_lands_in_the_glossary(
    opened: Opened,
) -> None:
    with opened("lab/tree") as lesson:
        contents = lesson.page.get_by_role("region", name="Table of Contents section")
        expect(contents).to_contain_text("Your first prediction")
        expect(lesson.page.locator(".jp-FileBrowser")).to_be_hidden()
        assert not lesson.ask("() => jupyterapp.shell.currentWidget.context.model.dirty")
        lesson.run_cell(PROGRESS)
        printed = lesson.page.locator(".jp-OutputArea-output pre").first
        expect(printed).to_have_css("word-break", "normal")
        lesson.ask("() => jupyterapp.commands.execute('filebrowser:activate').then(() => null)")
        for name in lesson.page.locator(".jp-DirListing-itemText").all():
            assert name.evaluate("e => e.scrollWidth <= e.clientWidth"), "a name is cut off"
        screenshot(lesson, "first screen")
        lesson.page.locator(".jp-RenderedMarkdown a", has_text="worker").first.click()
        word = lesson.page.locator(".jp-MarkdownViewer h2", has_text=re.compile("^Worker"))
        expect(word).to_be_in_viewport(timeout=PATIENCE)
        assert lesson.ask(RUNNING) == [FIRST]


class Walk:
    """A keyboard, and nothing else: from the first cell of a lesson to its last."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson, self.press = lesson, lesson.page.keyboard.press

    def at(self) -> tuple[int, str, int]:
        """The number of the active cell, its id, and how many there are."""
        number, name, cells = self.lesson.ask(ACTIVE)
        return number, name, cells

    def run(self) -> None:
        """Shift+Enter: the cell runs, and the next one is active."""
        number, *_ = self.at()
        self.press("Shift+Enter")
        self.lesson.page.wait_for_function(HAS_RUN, arg=number, timeout=PATIENCE)

    def back_to(self, locator: str) -> None:
        """Up to the cell that has run, and by Tab to what is in its output."""
        self.lesson.page.locator(locator).first.wait_for()
        self.press("ArrowUp")
        came_by = []
        for _ in range(9):
            self.press("Tab")
            if self.lesson.page.locator(f"{locator}:focus").count():
                return
            came_by.append(self.lesson.ask("() => document.activeElement.outerHTML.slice(0, 80)"))
        raise AssertionError(f"Tab does not lead to {locator}, but to {came_by}")

    def leave_slider(self) -> None:
        """By Tab: a slider and its number keep Shift+Enter for themselves."""
        while self.lesson.ask(KEEPS_KEYS):
            self.press("Tab")

    def write(self, text: str) -> None:
        self.press("Enter")
        self.press("ControlOrMeta+a")
        self.lesson.page.keyboard.insert_text(text)


def solution(name: str) -> str:
    solved = exercises.find(name).solution
    return textwrap.dedent(inspect.getsource(solved)).replace(solved.__name__, name.split(".")[1])


@pytest.mark.parametrize("place", PLACES)
def test_the_first_lesson_can_be_walked_through_by_keyboard(opened: Opened, place: str) -> None:
    if place == "Notebook 7" and not find_spec("notebook"):
        pytest.skip("needs Notebook 7")
    with opened(PLACES[place]) as lesson:
        walk, page = Walk(lesson), lesson.page
        number, name, cells = walk.at()
        whole = place == "JupyterLab" or os.environ.get("COURSE_WALK")
        while number < cells - 1 and (whole or name != "check-crowd"):
            if name == "shares-starter":
                needs = "from helpers.timeline import Timeline"
                walk.write(f"{needs}\n\n\n{solution('start.shares')}")
            walk.run()
            if name == "predict-crowd":
                walk.back_to(".prediction button")
                walk.press("Space")
                walk.run()  # the question again, with the choice
            if name == "first-panel":
                lesson.panels()[0].wait()
                walk.back_to(".course-panel .noUi-handle")
                handle = page.locator(".course-panel .noUi-handle")
                before = handle.get_attribute("aria-valuetext")
                walk.press("ArrowRight")
                expect(handle).not_to_have_attribute("aria-valuetext", before or "")
                walk.leave_slider()
                walk.run()
            number, name, cells = walk.at()
        assert lesson.failed() == []
        outputs = {cell["id"]: json.dumps(cell["outputs"]) for cell in lesson.cells()}
        assert "as you predicted" in outputs["answer-crowd"]
        screenshot(lesson, f"walked through lesson 00 in {place}")
        if not whole:
            return
        assert "Solved" in outputs["shares-check"]
        assert "not yet" in outputs["overlap-check"]
        assert "predictions 1 of 3, exercises 1 of 4" in outputs["progress"]
        assert "predictions made: 1 of 3; exercises solved: 1 of 4" in outputs["summary"]
        assert "start:shares,sixteen?" in outputs["progress-line"]
