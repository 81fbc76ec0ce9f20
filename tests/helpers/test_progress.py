"""What a learner has done is kept: by two notebooks at once, after a kill, on another computer."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from helpers import lesson, progress

ROOT = Path(__file__).resolve().parents[2]


def notebook(title: str, *code: str) -> str:
    cells = [{"cell_type": "markdown", "source": [f"# {title}\n", "Words."]}]
    cells += [{"cell_type": "code", "source": text} for text in code]
    return json.dumps({"cells": cells})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two lessons, and a kernel that has started beside them."""
    one = notebook("Start", 'a = predict("start.three")', 'check("start.shares", f)\nhint("x.y")')
    two = notebook("Threads", 'check("threads.stop", f)', 'check("threads.stop", g)')
    (tmp_path / "00-start.ipynb").write_text(one, encoding="utf-8")
    (tmp_path / "01-threads.ipynb").write_text(two, encoding="utf-8")
    (tmp_path / "99-glossary.md").write_text("# Glossary")
    monkeypatch.setenv("COURSE_PROGRESS", "")
    monkeypatch.setattr(progress, "FOLDER", tmp_path)
    monkeypatch.setattr(progress, "_since_start", {})
    monkeypatch.setattr(progress, "_pages", [])
    return tmp_path


@pytest.fixture
def restart(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Forget what only the kernel knows."""
    return lambda: monkeypatch.setattr(progress, "_since_start", {})  # type: ignore[return-value]


def test_what_is_to_be_done_is_read_from_the_notebooks(folder: Path) -> None:
    assert progress.course() == [
        ("00-start.ipynb", "00 Start", ("start.three?", "start.shares")),
        ("01-threads.ipynb", "01 Threads", ("threads.stop",)),
    ]


def test_the_lessons_of_the_course_have_what_the_exercises_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from helpers import exercises
    from helpers.exercises import _predictions

    monkeypatch.setattr(progress, "FOLDER", ROOT / "notebooks")
    names = {name for each in progress.course() for name in each.names}
    asked = {each.name + progress.ASKED for each in _predictions.everything()}
    assert names == asked | set(exercises.everything())


def test_what_was_done_outlives_the_kernel(folder: Path, restart: Any) -> None:
    progress.record("start.three?", "0.3 s")
    progress.record("start.shares")
    restart()
    assert progress.done() == {"start.three?": "0.3 s", "start.shares": ""}
    assert "00 Start: predictions 1 of 1, exercises 1 of 1." in shown("start")
    assert "The whole course: 2 of 3." in shown("start")


def shown(which: str = "") -> str:
    return progress._shown(which)["text/plain"]


def test_a_prediction_and_an_exercise_of_a_lesson_are_recorded(folder: Path) -> None:
    prediction = lesson.predict("start.three")
    prediction.measured(0.3)
    assert progress.done() == {}
    prediction.choose("0.4 s")
    assert progress.done() == {"start.three?": "0.4 s"}
    lesson.check("start.shares", lambda *_: 0)
    assert len(progress.done()) == 1
    lesson.check("start.shares", lesson.exercises.find("start.shares").solution)
    assert [*progress.done()] == ["start.three?", "start.shares"]


def test_a_page_that_shows_it_is_kept_up_to_date(folder: Path) -> None:
    page = Mock()
    progress._pages.append((page, "threads"))
    progress.record("threads.stop")
    assert "exercises 1 of 1" in page.update.call_args.args[0]["text/plain"]


def test_solutions_are_not_counted_as_yours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solutions = folder / "solutions"
    solutions.mkdir()
    (solutions / "01-threads.ipynb").write_text(notebook("Solved", 'check("threads.stop", f)'))
    monkeypatch.setattr(progress, "FOLDER", solutions)
    progress.record("threads.stop")
    assert progress.done() == {}
    assert "nothing is remembered" in shown()


WRITER = """
import sys
from helpers import progress
progress.course = lambda: [progress.Lesson("", "", tuple(sys.argv[2:]))]
print("ready", flush=True)
sys.stdin.readline()
for name in sys.argv[2:]:
    progress.record(name)
print("done", flush=True)
sys.stdin.readline()
"""


def writer(folder: Path, names: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COURSE_PROGRESS": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_two_notebooks_write_at_once_and_one_is_killed(folder: Path) -> None:
    names = {letter: [f"{letter}.n{n}" for n in range(30)] for letter in "ab"}
    both = [writer(folder, each) for each in names.values()]
    try:
        for process in both:
            assert heard(process) == "ready"
        for process in both:
            tell(process)
        assert [heard(process) for process in both] == ["done", "done"]
        both[0].kill()
        both[0].wait(20)
        tell(both[1])
        assert both[1].wait(20) == 0
    finally:
        for process in both:
            process.kill()
            process.communicate()
    assert sorted(progress.done()) == sorted(names["a"] + names["b"])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends a process otherwise")
def test_a_kernel_killed_while_it_writes_spoils_nothing(folder: Path) -> None:
    progress.record("start.shares")
    process = writer(folder, [f"a.n{n}" for n in range(2000)])
    assert heard(process) == "ready"
    tell(process)
    file = folder / progress.FILE
    while len(progress.done()) < 5:
        assert process.poll() is None
    process.kill()
    process.communicate()
    with closing(sqlite3.connect(file)) as there:
        assert there.execute("pragma integrity_check").fetchone() == ("ok",)
    assert "start.shares" in progress.done()
    progress.record("threads.stop")
    assert "threads.stop" in progress._read()


@pytest.mark.parametrize("spoilt", ["a folder", "another file", "no folder"])
def test_where_nothing_can_be_written_the_page_says_so_and_the_kernel_remembers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    if spoilt == "a folder":
        (folder / progress.FILE).mkdir()
    elif spoilt == "another file":
        (folder / progress.FILE).write_text("This is no database, but it is long enough. " * 9)
    else:
        monkeypatch.setenv("COURSE_PROGRESS", str(folder / "nowhere"))
    progress.record("start.shares")
    assert "exercises 1 of 1" in shown("start")
    assert "cannot be written here: what you do is forgotten when the kernel ends" in shown()


def test_what_could_not_be_written_is_written_next_time(folder: Path, restart: Any) -> None:
    (folder / progress.FILE).mkdir()
    progress.record("start.shares")
    (folder / progress.FILE).rmdir()
    progress.record("threads.stop")
    restart()
    assert [*progress.done()] == ["start.shares", "threads.stop"]


def test_a_line_of_text_brings_it_to_another_computer(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
    restart: Any,
) -> None:  # fmt: skip
    for name in ("threads.stop", "start.three?", "start.shares"):
        progress.record(name)
    line = progress.line()
    assert line == "start:shares,three? threads:stop"
    restart()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("other")))
    assert progress.done() == {}
    progress.bring(f"  {line}\n")
    restart()
    assert progress.line() == line
    progress.bring("")
    assert progress.line() == line


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: progress.bring("start:three?,tree"), "line names 'start.tree', which no lesson"),
        (lambda: progress.bring("hello"), "line names 'hello.', which no lesson here has"),
        (lambda: progress.bring(None), "line must be the text that progress.line"),  # type: ignore[arg-type]
        (lambda: progress.show("tread"), "lesson must be one of start, threads, not 'tread'"),
    ],
)
def test_what_is_not_ours_is_refused_in_a_sentence(folder: Path, ask: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask()
    assert progress.done() == {}


def test_what_is_shown_says_in_words_what_the_marks_say(folder: Path) -> None:
    progress.record("start.shares")
    html = progress._shown("")["text/html"]
    assert '<a href="00-start.ipynb">00 Start</a>' in html
    assert '<span aria-hidden="true">●</span> 1 of 1' in html
    assert "<td" in html
    assert "none" in html  # lesson 01 asks for no prediction
