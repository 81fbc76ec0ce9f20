"""How far a learner has come: the predictions made and the exercises solved.

Kept in one small file beside the notebooks, a database of SQLite, so that two
notebooks may write at once and a kernel may be killed meanwhile. It is sent
nowhere. Where it cannot be written, it is known until the kernel ends, and the
page says so. `line` and `bring` carry it to another computer as a line of text.

What there is to do is read from the notebooks themselves: what they ask by
`predict("...")` and grade by `check("...")`. A notebook of solutions has none of
them beside it, so what it checks is not remembered.

The environment variable COURSE_PROGRESS names another folder for the file.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from IPython import display as ipython

from .ending import InOneSentence

FILE = "progress.sqlite"
FOLDER = Path.cwd()  # of the notebook: where its kernel starts
MARKS = 10  # more of them nobody counts
ASKED = "?"  # after the name of a prediction, as one exercise may have the same name
# JupyterLab breaks printed lines wherever they are full, also inside of words.
STYLE = (
    "<style>.jp-OutputArea .jp-OutputArea-output pre"
    "{word-break:normal;overflow-wrap:anywhere}</style>"
)
SECONDS = 5.0  # to wait for another notebook that is writing
CALLS = re.compile(r'\b(predict|check)\("([a-z_]+\.[a-z_.]+)"')

display: Callable[..., Any] = ipython.display

_since_start: dict[str, str] = {}  # what this kernel has recorded
_pages: list[tuple[Any, str]] = []  # where it is shown, and of which lesson


class NotOurs(InOneSentence, ValueError):
    """What names no lesson, prediction or exercise of this course."""


class Lesson(NamedTuple):
    """A notebook, and what is to be done in it, in its order."""

    file: str
    title: str
    names: tuple[str, ...]

    @property
    def predictions(self) -> list[str]:
        return [name for name in self.names if name.endswith(ASKED)]

    @property
    def exercises(self) -> list[str]:
        return [name for name in self.names if not name.endswith(ASKED)]


def course() -> list[Lesson]:
    """The lessons that stand in the folder of this notebook; none beside solutions."""
    if not any(FOLDER.glob("99-glossary.md")):
        return []
    return [_lesson(path) for path in sorted(FOLDER.glob("[0-8]*-*.ipynb"))]


def _lesson(path: Path) -> Lesson:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):  # being saved, or not a notebook
        return Lesson(path.name, path.stem, ())
    texts = ["".join(cell["source"]) for cell in cells]
    title = next((text.split("\n")[0] for text in texts if text.startswith("# ")), path.stem)
    code = [text for cell, text in zip(cells, texts, strict=True) if cell["cell_type"] == "code"]
    calls = [call for text in code for call in CALLS.findall(text)]
    names = [name + ASKED * (kind == "predict") for kind, name in calls]
    number = path.name.partition("-")[0]
    return Lesson(path.name, f"{number} {title.lstrip('# ')}", tuple(dict.fromkeys(names)))


# --------------------------------------------------------------------- memory


def record(name: str, said: str = "") -> None:
    """Remember that something was done, and what the learner said to it.

    A prediction's name has a question mark behind it. Raises nothing.
    """
    if name in _since_start and _since_start[name] == said:
        return
    if name in {each for lesson in course() for each in lesson.names}:
        _since_start[name] = said
        _write()
        for page, which in _pages:
            page.update(_shown(which), raw=True)


def done() -> dict[str, str]:
    """What was done, by its name, and what the learner said to it."""
    return _read() | _since_start


def _file() -> Path:
    return Path(os.environ.get("COURSE_PROGRESS") or FOLDER) / FILE


def _write() -> bool:
    """Write all that this kernel has recorded, what failed before, too; whether it went well."""
    try:
        with closing(sqlite3.connect(_file(), timeout=SECONDS)) as file, file:
            file.execute("begin immediate")  # fails where nothing can be written
            file.execute("create table if not exists done (name text primary key, said text)")
            file.executemany("insert or replace into done values (?, ?)", _since_start.items())
    except (sqlite3.Error, OSError):
        return False
    return True


def _read() -> dict[str, str]:
    if not _file().exists():
        return {}
    try:
        with closing(sqlite3.connect(_file(), timeout=SECONDS)) as file:
            return dict(file.execute("select name, said from done"))
    except (sqlite3.Error, OSError):
        return {}


# ------------------------------------------------------- to another computer


def line() -> str:
    """All that was done as one line of text, for `bring` on another computer.

    A question mark stands behind a prediction: `start:sixteen?,overlap queues:bounded`.
    """
    lessons: dict[str, list[str]] = {}
    for name in sorted(done()):
        lesson, _, rest = name.partition(".")
        lessons.setdefault(lesson, []).append(rest)
    return " ".join(f"{lesson}:{','.join(names)}" for lesson, names in lessons.items())


def bring(line: str) -> None:
    """Add what a `line` from another computer says, and show the course.

    Raises ValueError where it names what this course does not have.
    """
    if not isinstance(line, str):
        raise NotOurs(f"line must be the text that progress.line() gave, not {line!r:.60}")
    names = list(_named(line))
    known = {name for lesson in course() for name in lesson.names}
    if unknown := [name for name in names if name not in known]:
        raise NotOurs(f"line names {unknown[0]!r:.60}, which no lesson here has")
    fresh = {name: "" for name in names if name not in done()}
    _since_start.update(fresh)
    _write()
    show()


def _named(line: str) -> Iterator[str]:
    for word in line.split():
        lesson, _, rest = word.partition(":")
        yield from (f"{lesson}.{each}" for each in rest.split(","))


# ---------------------------------------------------------------------- shown


def show(lesson: str = "") -> None:
    """How far you are in a lesson, or in the whole course; kept up to date below the cell.

    `lesson` is what the names of its exercises begin with, such as "threads".
    """
    handle = display(_shown(lesson), raw=True, display_id=True)
    if handle is not None:  # None: no notebook
        _pages[:] = [each for each in _pages if each[1] != lesson]
        _pages.append((handle, lesson))


class Ending(NamedTuple):
    """How far a lesson is done; with a title where all of it is."""

    title: str
    words: str


def ending(lesson: str) -> Ending:
    """What to say at the end of a lesson; at the end of the course, that it is one."""
    lessons, so_far = course(), done()
    everything = [each for each in lessons if each.names]
    left = [each for each in everything if not so_far.keys() >= set(each.names)]
    here = next((each for each in everything if lesson in _prefixes(each)), None)
    if here is None:
        return Ending("", "")
    predictions, exercises = _of(here.predictions, so_far), _of(here.exercises, so_far)
    if not left:
        asked, solved = (sum(len(kind) for kind in kinds) for kinds in zip(
            *((each.predictions, each.exercises) for each in everything), strict=True))  # fmt: skip
        return Ending(
            "You have done the whole course",
            f"All {asked} predictions are made, and all {solved} exercises are solved.",
        )
    if here in left:
        counts = f"predictions made: {predictions.words}; exercises solved: {exercises.words}."
        return Ending("", f"In this lesson, {counts}")
    others = ", ".join(each.title for each in left)
    return Ending(f"Lesson {here.title} is done", f"Something is left to do in: {others}.")


def _shown(which: str) -> dict[str, str]:
    lessons, so_far = course(), done()
    of_it = [lesson for lesson in lessons if not which or which in _prefixes(lesson)]
    if lessons and not of_it:
        names = sorted(set().union(*map(_prefixes, lessons)))
        raise NotOurs(f"lesson must be one of {', '.join(names)}, not {which!r:.60}")
    rows = [(lesson, _of(lesson.predictions, so_far), _of(lesson.exercises, so_far))
            for lesson in of_it]  # fmt: skip
    everything = [name for lesson in lessons for name in lesson.names]
    words = f"The whole course: {_of(everything, so_far).words}. {_memory(bool(lessons))}"
    text = [f"{lesson.title}: predictions {p.words}, exercises {e.words}." for lesson, p, e in rows]
    html = "".join(f"<p>{_counted(p, e)}</p>" for _, p, e in rows) if which else _table(rows)
    return {
        "text/html": f"{STYLE}{html}<p>{escape(words)}</p>",
        "text/plain": "\n".join([*text, words]),
    }


def _counted(predictions: Count, exercises: Count) -> str:
    said = f"Exercises {exercises.html}"
    return f"Predictions {predictions.html} · {said.lower()}" if predictions.all else said


def _prefixes(lesson: Lesson) -> set[str]:
    return {name.partition(".")[0] for name in lesson.names}


class Count(NamedTuple):
    """How many of how many."""

    done: int
    all: int

    @property
    def words(self) -> str:
        return f"{self.done} of {self.all}" if self.all else "none"

    @property
    def html(self) -> str:
        """A mark for each, which a screen reader leaves out, and the words."""
        if self.all > MARKS:
            return self.words
        marks = "●" * self.done + "○" * (self.all - self.done)
        return f'<span aria-hidden="true">{marks}</span> {self.words}'.strip()


def _of(names: Iterable[str], so_far: dict[str, Any]) -> Count:
    names = list(names)
    return Count(sum(name in so_far for name in names), len(names))


def _table(rows: list[tuple[Lesson, Count, Count]]) -> str:
    left = 'style="text-align:left;white-space:nowrap"'
    columns = ("Lesson", "Predictions", "Exercises")
    heads = "".join(f'<th scope="col" {left}>{head}</th>' for head in columns)
    body = "".join(
        f'<tr><th scope="row" {left}><a href="{escape(lesson.file)}">{escape(lesson.title)}</a>'
        f"</th><td {left}>{predictions.html}</td><td {left}>{exercises.html}</td></tr>"
        for lesson, predictions, exercises in rows
    )
    return f"<table><tr>{heads}</tr>{body}</table>"


def _memory(lessons: bool) -> str:
    """Where it is kept, tried by writing."""
    if not lessons:
        return "No lesson stands in this folder, so nothing is remembered."
    if not _write():
        return (
            f"{FILE} cannot be written here: what you do is forgotten when the kernel ends, "
            "unless you keep what progress.line() gives."
        )
    return f"Kept on this computer alone, in {_file() if _file().parent != FOLDER else FILE}."
