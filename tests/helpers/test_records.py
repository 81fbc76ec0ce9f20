"""The database has what the source has; what is wrong with one is told, and nothing is left."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from helpers import work
from helpers.run import RunError, run
from helpers.work import records
from helpers.work.real_work import Undone, read_text, texts
from helpers.work.records import (
    add_one,
    database,
    notes,
    query,
    total,
    write,
)

ROOT = Path(__file__).parents[2]
WORDS = ["lock", "thread", "Queue", "no such word at all", "it's", "%", ""]


@pytest.fixture(scope="module")
def path() -> Iterator[str]:
    with database() as path:
        yield path


@pytest.fixture
def broken(path: str, tmp_path: Path) -> Path:
    """A copy of the database, to be spoilt."""
    return Path(shutil.copy(path, tmp_path / "broken.db"))


# ------------------------------------------------------------------- reading


@pytest.mark.parametrize("word", ["lock", "it's", "%"])
def test_a_query_counts_the_lines_that_have_the_word(path: str, word: str) -> None:
    top = os.path.dirname(os.__file__)
    counts = {
        os.path.relpath(text, top)[:-3].replace(os.sep, "."): sum(
            word in line for line in read_text(text).splitlines()
        )
        for text in texts()
    }
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    assert query(path, word) == best


def test_a_word_that_is_nowhere_is_in_no_module(path: str) -> None:
    assert query(path, "no such " + "word") == []


def test_modules_functions_and_lines_are_those_of_the_source(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (modules,) = connection.execute("SELECT count(*) FROM module").fetchone()
        (lines,) = connection.execute("SELECT lines FROM module WHERE name = 'queue'").fetchone()
        found = connection.execute(
            "SELECT function.name FROM function JOIN module ON module.id = function.module "
            "WHERE module.name = 'queue' ORDER BY line"
        ).fetchall()
    import queue

    assert modules == len(texts())
    assert lines == len(read_text(queue.__file__).splitlines())
    assert {("task_done",), ("join",), ("qsize",)} <= set(found)


@pytest.mark.parametrize("using", ["serial", "threads", *work.start_methods()])
def test_the_answers_are_the_same_for_every_worker(path: str, using: str) -> None:
    expected = [query(path, word) for word in WORDS]
    assert run(partial(query, path), WORDS, 3, using).results == expected


def test_it_is_built_the_same_again(path: str) -> None:
    with database() as again:
        for word in WORDS:
            assert query(again, word) == query(path, word)


def test_every_thread_has_a_connection_of_its_own_and_closes_it(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[sqlite3.Connection] = []

    def noted(*args: object, **kinds: object) -> sqlite3.Connection:
        made.append(sqlite3.connect(path, check_same_thread=False))
        return made[-1]

    monkeypatch.setattr(records, "connect", noted)
    together = threading.Barrier(3)

    def ask() -> None:
        for word in ("lock", "thread"):
            query(path, word)
            together.wait(20)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    gc.collect()
    assert len(made) == 3
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_a_reader_cannot_write(path: str) -> None:
    with (
        closing(records.connect(path, write=False)) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.execute("DELETE FROM line")


def test_it_is_gone_with_its_block_even_if_somebody_reads_it() -> None:
    with database() as path:
        query(path, "lock")
        assert os.path.exists(path)
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.skipif(sys.platform == "win32", reason="there it takes a day")
def test_one_whose_python_was_killed_is_gone_with_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from helpers.work.records import database, query\n"
        "with database(sys.argv[1]) as path:\n"
        "    query(path, 'lock'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, timeout=60)
    assert len(list(tmp_path.iterdir())) == 1
    with database(str(tmp_path)) as path:
        assert [Path(path).parent] == list(tmp_path.iterdir())


# ------------------------------------------------------------- what is broken


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(Undone, match=r"^'lock' cannot be looked up: .*none\.db: there is no such"):
        query(str(path), "lock")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 10, 100, 5000, 100_000, -4096])
def test_a_database_that_was_cut_off_is_told(broken: Path, size: int) -> None:
    os.truncate(broken, size if size >= 0 else broken.stat().st_size + size)
    with pytest.raises(Undone, match=r"broken\.db: it is no whole database \("):
        query(str(broken), "lock")


def test_a_file_that_is_no_database_is_told(broken: Path) -> None:
    broken.write_bytes(b"GIF89a" * 1000)
    with pytest.raises(Undone, match="it is no whole database"):
        query(str(broken), "lock")


def test_after_a_failure_the_same_path_works_again(path: str, broken: Path) -> None:
    os.truncate(broken, 100)
    with pytest.raises(Undone):
        query(str(broken), "lock")
    for rest in broken.parent.glob("broken.db-*"):
        rest.unlink()
    shutil.copy(path, broken)
    assert query(str(broken), "lock") == query(path, "lock")


def test_a_database_that_somebody_has_locked_is_told_in_time(broken: Path) -> None:
    with closing(sqlite3.connect(broken, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        with pytest.raises(Undone, match=r"somebody else has locked it \(database is locked\)"):
            query(str(broken), "lock")
        assert time.monotonic() - start < 20
    assert query(str(broken), "lock")


def test_a_writer_does_not_keep_readers_waiting(path: str) -> None:
    with closing(records.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM line")
        assert len(query(path, "lock")) == 3
        other.execute("ROLLBACK")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_folder_that_cannot_be_written_is_told(broken: Path) -> None:
    """By somebody who is not root, whom nothing is forbidden."""
    folder = broken.parent
    code = f"""
import os
from helpers.work import real_work, records
with records.database() as other:  # all is imported while that is still allowed
    records.query(other, "lock")
os.chmod({str(broken)!r}, 0o444); os.chmod({str(folder)!r}, 0o555)
if os.getuid() == 0: os.setuid(65534)
for what in (lambda: records.query({str(broken)!r}, "lock"),
             lambda: records.database({str(folder)!r}).__enter__()):
    try: what()
    except records.Undone as error: print(error)
"""
    for outer in folder.parents:  # pytest's own are closed to others
        if outer != Path(gettempdir()) and Path(gettempdir()) in outer.parents:
            outer.chmod(0o755)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    folder.chmod(0o755)
    first, second = done.stdout.splitlines()
    assert first.startswith(f"'lock' cannot be looked up: {broken}: its folder cannot be written")
    assert second.startswith(f"{folder}: no database can be made there (Permission denied)")
    assert [file.name for file in folder.iterdir()] == ["broken.db"]


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize(
    "use",
    [
        partial(query, word="x"),
        notes,
        total,
        partial(write, name="x"),
        partial(add_one, how="apart"),
    ],
)
def test_whatever_is_done_with_a_database_that_is_none_is_told(
    tmp_path: Path, use: Any, empty: bool
) -> None:
    path = tmp_path / "none.db"
    if empty:
        path.touch()
    why = "it is no whole database" if empty else "there is no such file"
    with pytest.raises(Undone, match=rf"none\.db: {why}"):
        use(str(path))


def test_a_path_may_be_a_path_object(path: str) -> None:
    assert query(Path(path), "lock") == query(path, "lock")


def test_where_the_source_is_missing_no_half_database_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "texts", lambda: [str(tmp_path / "gone.py")])
    with pytest.raises(Undone, match=r"gone\.py: cannot be read"), database(str(tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("using", ["serial", "threads", "processes"])
def test_among_many_databases_the_broken_ones_cost_only_themselves(
    path: str, broken: Path, using: str
) -> None:
    os.truncate(broken, 5000)
    paths = [path, str(broken), path, str(broken) + "x", path]
    with pytest.raises(RunError, match=r"Item 2 of 5 .*broken\.db: it is no") as info:
        run(partial(query, word="lock"), paths, 2, using, keep_going=True)
    good = query(path, "lock")
    assert info.value.timeline.results == [good, None, good, None, good]


# ------------------------------------------------------------- writers that collide


@pytest.mark.parametrize("using", ["threads", "processes"])
def test_writers_that_are_patient_write_one_after_the_other(broken: Path, using: str) -> None:
    names = [f"note {n}" for n in range(6)]
    timeline = run(partial(write, str(broken), hold=0.02), names, 3, using)
    assert timeline.results == names == notes(str(broken))
    assert timeline.elapsed >= 6 * 0.02


def test_a_writer_that_is_not_patient_is_told_and_the_others_are_done(broken: Path) -> None:
    with closing(records.connect(str(broken))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Undone, match=r"^'Bob' cannot be written: .*somebody else has locked"):
            write(str(broken), "Bob", patience=0.05)
        other.execute("ROLLBACK")
    assert write(str(broken), "Ann") == "Ann"
    assert notes(str(broken)) == ["Ann"]


def add_two(path: str, how: str) -> tuple[int, list[str]]:
    """Two threads add one each, after both have read; the total, and what was refused."""
    together, refused = threading.Barrier(2), []

    def add() -> None:
        try:
            add_one(path, how, together=together if how != "immediate" else None)
        except Undone as error:
            refused.append(str(error))

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return total(path), refused


@pytest.mark.parametrize(
    ("how", "expected", "errors"), [("apart", 1, 0), ("deferred", 1, 1), ("immediate", 2, 0)]
)
def test_read_and_write_belong_together_only_where_the_read_locks(
    broken: Path, how: str, expected: int, errors: int
) -> None:
    added, refused = add_two(str(broken), how)
    assert added == expected
    assert len(refused) == errors
    assert all("database is locked" in text for text in refused)


def test_another_way_to_belong_together_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="how must be one of apart, deferred, immediate, not 'x'"):
        add_one(path, "x")


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"sqlite3", "tempfile", "pathlib", "httpx", "PIL", "ssl", "multiprocessing"}
    code = f"import sys; import helpers.work.records; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(command, text=True, timeout=60, cwd=ROOT) == "[]\n"
