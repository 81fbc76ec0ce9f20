"""Lessons in real JupyterLab: all cells run, every control gives a new picture.

A lesson takes a minute. So those are run that between them have every kind of widget, and
all of them where COURSE_LESSONS is set: `COURSE_LESSONS=1 pytest tests/browser/test_lessons.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from driver import ROOT, Lesson, Open, findings

pytestmark = pytest.mark.browser
SOME = ("00-", "03b-", "04-", "05-", "07-")  # panels of each kind, a board, reports, stages, tasks
ALL = bool(os.environ.get("COURSE_LESSONS"))
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("0[0-9]*-*.ipynb"))
LESSONS = [name for name in NAMES if ALL or name.startswith(SOME)]


@pytest.fixture(params=LESSONS, scope="module")
def lesson(request: pytest.FixtureRequest, open_lesson: Open) -> Iterator[Lesson]:
    with open_lesson(request.param) as opened:
        opened.run_all()
        yield opened


def test_all_cells_run(lesson: Lesson) -> None:
    assert lesson.failed() == []
    assert all(cell["execution_count"] for cell in lesson.cells())


def test_all_that_it_shows_has_words(lesson: Lesson) -> None:
    for panel in lesson.panels():
        panel.wait()
    assert findings(lesson.page) == []


def test_every_control_turned_by_keyboard_gives_a_new_picture(lesson: Lesson) -> None:
    for panel in lesson.panels():
        panel.wait()
        for slider in range(panel.sliders.count()):
            panel.turn(slider)
            panel.wait()
        for choice in range(panel.choices.count()):
            options = panel.choices.nth(choice).locator("button").all_inner_texts()
            for option in [*options[1:], options[0]]:
                panel.choose(option)
                panel.wait()


def test_stop_leaves_a_panel_with_a_picture(lesson: Lesson) -> None:
    for panel in lesson.panels():
        panel.wait()
        panel.again.click()
        panel.stop.evaluate("button => button.click()")
        panel.wait()
        panel.turn(0)


def test_nothing_complained_and_nothing_left_this_computer(lesson: Lesson) -> None:
    assert lesson.errors == []
    assert lesson.elsewhere == []
