"""Other Pythons: found, asked, used; and recordings where there are none."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from helpers import work
from helpers.apart import pythons
from helpers.run import RunError, Stopped, controlled
from helpers.timeline import Timeline

posix = pytest.mark.skipif(sys.platform == "win32", reason="scripts of a shell")


@pytest.fixture(autouse=True)
def found_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(pythons.VARIABLE, raising=False)
    monkeypatch.delenv(pythons.KEEP, raising=False)
    kept = pythons.found
    kept.cache_clear()
    yield
    kept.cache_clear()


@pytest.fixture(scope="module")
def ours() -> pythons.Python:
    return pythons.with_gil()


@pytest.fixture
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a computer with one Python, which has a GIL and no interpreters to make."""
    me = pythons.Python(sys.executable, "3.11.0", False, True, False)
    monkeypatch.setattr(pythons, "found", lambda: pythons.Found((me,), ()))


def script(folder: Path, text: str) -> str:
    path = folder / "python3.14t"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


# ---------------------------------------------------------------- which there are


def test_a_python_says_what_it_is() -> None:
    asked = pythons.ask(sys.executable)
    assert isinstance(asked, pythons.Python)
    assert asked.version == sys.version.split()[0]
    assert asked.interpreters == (sys.version_info >= (3, 14))
    assert asked.gil == getattr(sys, "_is_gil_enabled", lambda: True)()


def test_this_notebooks_python_comes_first_and_paths_of_the_variable_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pythons, "_patterns", lambda: iter(()))
    monkeypatch.setattr(pythons, "NAMES", [])
    monkeypatch.setenv(pythons.VARIABLE, str(tmp_path / "none"))
    found = pythons.found()
    assert [each.path for each in found.pythons] == [sys.executable]
    assert [each.source for each in found.pythons] == ["this notebook"]
    assert found.broken == (
        f"The Python at {tmp_path / 'none'} does not work here: No such file or directory.",
    )
    assert "this notebook" in str(found)
    assert found._repr_mimebundle_()["text/html"].count("<tr>") == 2


@posix
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "it says nothing of itself"),
        ("echo none", "it says nothing of itself"),
        ("echo it is broken >&2; exit 1", "it is broken"),
        ("sleep 60", "it has not said within 1 s what it is"),
    ],
)
def test_a_broken_one_gets_a_sentence_within_its_time(tmp_path: Path, text: str, why: str) -> None:
    path = script(tmp_path, f"exec sh -c '{text}'" if "sleep" in text else text)
    assert pythons.ask(path, 1) == f"The Python at {path} does not work here: {why}."


def test_a_file_that_is_no_program_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "python3.14"
    path.write_text("text")
    said = pythons.ask(str(path))
    assert isinstance(said, str)
    assert said.startswith(f"The Python at {path} does not work here: ")


@posix
def test_pythons_are_looked_for_where_they_are_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    homes = {
        "pyenv": "pyenv/versions/3.14.1/bin/python",
        "uv": "uv/cpython-3.14.0+freethreaded-linux/bin/python3.14t",
        "conda": "free/bin/python3.13",
        "too old": "pyenv/versions/3.12.1/bin/python",
    }
    for place in homes.values():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda" / "environments.txt").write_text(f"{tmp_path / 'free'}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(pythons, "NAMES", [])
    there = {source: path for source, path in pythons._candidates() if str(tmp_path) in path}
    assert there == {
        source: str(tmp_path / place) for source, place in homes.items() if source != "too old"
    }


# ---------------------------------------------------------------- the same work there


def test_the_work_is_done_in_another_process_and_recorded_here(ours: pythons.Python) -> None:
    timeline = ours.run(partial(work.times, 2), [1, 2, 3], 2)
    assert [product for _, product in timeline.results] == [2, 4, 6]
    assert {span.pid for span in timeline.spans} == {pid for pid, _ in timeline.results}
    assert os.getpid() not in {span.pid for span in timeline.spans}
    assert sorted(timeline.lanes()) == ["worker 1", "worker 2"]


def test_an_error_there_is_told_here_with_its_spans(ours: pythons.Python) -> None:
    with pytest.raises(RunError, match=r"Item 1 of 1 \(3\) failed in worker 1: ValueError") as told:
        ours.run(work.fail, [3], 1)
    assert [span.name for span in told.value.timeline.spans] == ["fail"]


def test_arguments_that_cannot_work_are_told(ours: pythons.Python) -> None:
    with pytest.raises(RunError, match="workers must be a whole number"):
        ours.run(work.wait, [0.1], 0)
    with pytest.raises(ValueError, match=r"items must be what pickle can send .*cannot pickle"):
        ours.run(work.echo, [threading.Lock()])


def test_a_function_that_it_cannot_import_is_refused_and_a_missing_module_is_named(
    ours: pythons.Python,
) -> None:
    with pytest.raises(ValueError, match=r"another Python can import, and .*lambda> is not"):
        ours.run(lambda x: x, [1])
    with pytest.raises(RunError, match=r"has not answered: .* No module named 'test_pythons'"):
        ours.run(of_this_test, [1])


def of_this_test(x: int) -> int:
    return x


def test_one_that_dies_is_told(ours: pythons.Python) -> None:
    with pytest.raises(RunError, match=r"with a GIL has not answered: ended with exit code -?\d+"):
        ours.run(work.die, [1], 1)


def test_work_that_never_ends_is_ended(ours: pythons.Python) -> None:
    with pytest.raises(RunError, match=r"Not finished after 1 s"):
        ours.run(work.forever, [1], 1, timeout=1)


def test_stop_ends_it(ours: pythons.Python) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with controlled(stop), pytest.raises(Stopped, match="and so was Python"):
        ours.run(work.forever, [1], 1)


def test_a_program_is_run_and_ended_in_time(ours: pythons.Python, tmp_path: Path) -> None:
    assert ours.script("print(6 * 7)").printed == "42\n"
    beat = tmp_path / "beat"
    endless = f"import time\nwhile True: open({str(beat)!r}, 'w').close(); time.sleep(0.01)"
    assert ours.script(endless, seconds=2).exit_code is None
    beat.unlink()
    time.sleep(0.1)
    assert not beat.exists(), "it goes on"


# ---------------------------------------------------------------- recordings


@pytest.mark.usefixtures("nobody_else")
def test_where_there_is_none_a_recording_stands_in_and_says_so() -> None:
    for found in (pythons.free_threaded(), pythons.with_interpreters()):
        assert isinstance(found, pythons.Recording)
        assert found.name.startswith("recorded: Python 3.1")
        assert " CPU" in found.name
        assert ", 20" in found.name, "there is no date"


@pytest.mark.usefixtures("nobody_else")
def test_a_recording_takes_no_other_call_and_no_other_program() -> None:
    free = pythons.free_threaded()
    with pytest.raises(ValueError, match="there is no free-threaded Python here to run these"):
        free.run(work.crunch, [0.1], 2)
    with pytest.raises(ValueError, match="to run this program, and nothing like it was recorded"):
        free.script("print(1)")
    with pytest.raises(ValueError, match="there is no Python with several interpreters here"):
        pythons.with_interpreters().run(work.crunch, [0.1], 2, "interpreters")


def test_what_is_kept_is_given_back(
    ours: pythons.Python, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "kept.json"
    monkeypatch.setenv(pythons.KEEP, str(path))
    monkeypatch.setattr(pythons, "RECORDED", str(path))
    free = ours._replace(kind=pythons.FREE)
    done, printed = free.run(work.wait, [0.02, 0.01], 2), free.script("print(1)").printed
    assert list(json.loads(path.read_text())) == [pythons.FREE]
    again = pythons.recording(pythons.FREE)
    played = again.run(work.wait, [0.02, 0.01], 2)
    assert shape(played) == shape(done)
    assert played.results == done.results
    assert again.script("print(1)").printed == printed


def shape(timeline: Timeline) -> list[Any]:
    first = timeline.spans[0].start
    return [(s.name, s.lane, s.start - first, s.stop - first, s.outcome) for s in timeline.spans]


def test_of_several_the_newest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def python(version: str, gil: bool, interpreters: bool) -> pythons.Python:
        return pythons.Python(version, version, not gil, gil, interpreters)

    those = (
        python("3.13.9", False, False),
        python("3.14.1", False, True),
        python("3.14.2", True, True),
        python("3.13.5", True, False),
    )
    monkeypatch.setattr(pythons, "found", lambda: pythons.Found(those, ()))
    assert pythons.free_threaded().name == "Python 3.14.1, free-threaded"
    assert pythons.with_interpreters().name == "Python 3.14.2, with a GIL"


def test_a_build_without_a_gil_has_one_switched_on_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = pythons.Python(sys.executable, "3.14.0", True, False, True)
    monkeypatch.setattr(pythons, "ask", lambda path: free)
    assert pythons.with_gil().options == ("-X", "gil=1")
    assert pythons.with_gil().name == "Python 3.14.0, with a GIL"
