"""A real database: every line and every function of the standard library's source.

It is built on the spot, in half a second, as one SQLite file; `query` reads it.
Each thread has a connection of its own, which can only read. The file is in WAL
mode: readers and a writer do not wait for each other, but writers do.

Below that: what goes wrong when writers collide.
SQLite computes in C code and lets go of the GIL while it does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from time import sleep
from typing import TYPE_CHECKING, Any

from ..folders import temporary
from .real_work import Undone, forget, of_this_thread, read_text, texts

if TYPE_CHECKING:
    import sqlite3

PATIENCE = 1.0  # seconds that a reader waits for a lock
HOW = ("apart", "deferred", "immediate")

TABLES = """
CREATE TABLE module (id INTEGER PRIMARY KEY, name TEXT, lines INTEGER);
CREATE TABLE line (module INTEGER REFERENCES module, number INTEGER, text TEXT);
CREATE TABLE function (module INTEGER REFERENCES module, line INTEGER, name TEXT);
CREATE TABLE note (name TEXT);
CREATE TABLE total (value INTEGER);
INSERT INTO total VALUES (0);
"""
WHERE = """
SELECT module.name, count(*) FROM line JOIN module ON module.id = line.module
WHERE instr(line.text, ?) GROUP BY module.id ORDER BY count(*) DESC, module.name LIMIT 3
"""


@contextmanager
def database(folder: str | None = None) -> Iterator[str]:
    """Build the database for this block and give its path; gone when the block ends."""
    try:
        made = temporary("database", folder)
    except OSError as error:
        raise Undone(f"{folder}: no database can be made there ({error.strerror})") from error
    with made as inside:
        path = os.path.join(inside, "source.db")
        _build(path)
        try:
            yield path
        finally:
            forget(path)


def query(path: str | os.PathLike[str], word: str) -> list[tuple[str, int]]:
    """The three modules in which most lines have `word`, and how many they have."""
    path = str(path)
    with told(f"{word!r} cannot be looked up", path):
        reader = of_this_thread(path, lambda: connect(path, write=False))
        return reader.execute(WHERE, (word,)).fetchall()


# ------------------------------------------------------------------ building


def _build(path: str) -> None:
    import sqlite3

    saying = told("the database cannot be made", path)
    with saying, closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
        with connection:
            _fill(connection)


def _fill(connection: sqlite3.Connection) -> None:
    from re import compile

    function = compile(r"\s*(?:async )?def (\w+)")
    top = os.path.dirname(os.__file__)
    for module, path in enumerate(texts(), 1):
        name = os.path.relpath(path, top)[: -len(".py")].replace(os.sep, ".")
        lines = read_text(path).splitlines()
        found = [
            (module, n, m[1]) for n, text in enumerate(lines, 1) if (m := function.match(text))
        ]
        numbered = [(module, n, text) for n, text in enumerate(lines, 1)]
        connection.execute("INSERT INTO module VALUES (?, ?, ?)", (module, name, len(lines)))
        connection.executemany("INSERT INTO line VALUES (?, ?, ?)", numbered)
        connection.executemany("INSERT INTO function VALUES (?, ?, ?)", found)


def connect(path: str, *, write: bool = True, seconds: float = PATIENCE) -> sqlite3.Connection:
    """A connection that makes no file; transactions begin where we say BEGIN.

    `seconds` is how long it waits for a lock.
    """
    import sqlite3
    from pathlib import Path

    mode = "rw" if write else "ro"
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=seconds,
        isolation_level=None,
    )


@contextmanager
def told(what: str, path: str) -> Iterator[None]:
    """Whatever SQLite refuses is told with `what` was to be done, and to which file."""
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        forget(path)
        raise Undone(f"{what}: {path}: {_why(path, error)}") from error


def _why(path: str, error: Exception) -> str:
    why = f"it cannot be used ({error})"
    if not os.path.exists(path):
        why = "there is no such file"
    elif not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
        why = f"its folder cannot be written, as a file in WAL mode needs ({error})"
    elif "locked" in str(error):
        why = f"somebody else has locked it ({error})"
    elif "malformed" in str(error) or "not a database" in str(error) or "no such" in str(error):
        why = f"it is no whole database ({error})"
    return why


# ------------------------------------------------------- writers that collide


def write(path: str, name: str, hold: float = 0.05, patience: float = 10.0) -> str:
    """Write a note, and keep the database locked for `hold` seconds while at it.

    There is one writer at a time; the others wait, each for `patience` seconds at most.
    """
    with (
        told(f"{name!r} cannot be written", path),
        closing(connect(path, seconds=patience)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO note VALUES (?)", (name,))
        sleep(hold)
        connection.execute("COMMIT")
    return name


def notes(path: str) -> list[str]:
    """The names that were written, sorted."""
    saying = told("the notes cannot be read", path)
    with saying, closing(connect(path, write=False)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM note ORDER BY name")]


def add_one(path: str, how: str, pause: float = 0.0, together: Any = None) -> int:
    """Read the total, add one, write it back `pause` seconds later; gives what was written.

    `how` the two belong together: "apart" (not at all: an update may be lost), "deferred" (a
    transaction that begins with the read: refused where somebody wrote in between) or
    "immediate" (one that locks before it reads). `together`: a barrier after the read.
    """
    if how not in HOW:
        raise ValueError(f"how must be one of {', '.join(HOW)}, not {how!r}")
    saying = told("one cannot be added", path)
    with saying, closing(connect(path, seconds=10)) as connection:
        if how != "apart":
            connection.execute(f"BEGIN {how}")
        ((total,),) = connection.execute("SELECT value FROM total")
        if together:
            together.wait(10)
        sleep(pause)
        connection.execute("UPDATE total SET value = ?", (total + 1,))
        if how != "apart":
            connection.execute("COMMIT")
    return int(total) + 1


def total(path: str) -> int:
    """What `add_one` has added up."""
    saying = told("the total cannot be read", path)
    with saying, closing(connect(path, write=False)) as connection:
        ((value,),) = connection.execute("SELECT value FROM total")
        return int(value)
