"""Programs that hang or crash end, with all that they started, and say how."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from helpers import apart
from helpers.apart import at_once, in_a_subprocess, programs

ROOT = Path(__file__).parents[2]


def test_a_program_that_ends_tells_its_exit_code_and_what_it_printed() -> None:
    ended = in_a_subprocess("print('one'); print('two'); raise SystemExit(3)")
    assert ended.exit_code == 3
    assert str(ended) == "ended with exit code 3\n  printed: one\n  printed: two"


def test_the_message_of_each_traceback_is_kept_once_and_without_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    code = """
try:
    [][1]
except IndexError as error:
    raise ValueError('not\\n    so') from error
"""
    assert in_a_subprocess(code).errors == [
        "IndexError: list index out of range",
        "ValueError: not so",
    ]


def test_a_main_module_is_a_file_only_where_it_is_asked_for() -> None:
    code = "print('__file__' in globals())"
    assert in_a_subprocess(code).printed.split() == ["False"]
    assert in_a_subprocess(code, script=True).printed.split() == ["True"]


def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    code = """
import os, subprocess, sys, time
wait = [sys.executable, "-c", "import time; time.sleep(600)"]
print(os.getpid(), subprocess.Popen(wait).pid, flush=True)
time.sleep(600)
"""
    ended = in_a_subprocess(code, 2)
    assert ended.exit_code is None
    assert "still running after 2 s" in str(ended)
    for pid in map(int, ended.printed.split()):
        assert not runs(pid)


def runs(pid: int) -> bool:
    if sys.platform == "win32":
        tasks = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True)
        return str(pid) in tasks.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # an orphan may wait for init to fetch its exit code
    return not state.exists() or ") Z " not in state.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no groups of processes")
def test_a_child_that_has_left_the_group_is_not_waited_for() -> None:
    code = """
import os, time
print("before", flush=True)
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
time.sleep(600)
"""
    begun = time.monotonic()
    ended = in_a_subprocess(code, 1)
    assert time.monotonic() - begun < 1 + 2 * apart.GRACE + 1
    before, child = ended.printed.split()
    assert before == "before"
    os.kill(int(child), signal.SIGKILL)


def test_it_runs_in_a_folder_of_its_own_which_is_gone_afterwards() -> None:
    code = "import os; open('left', 'w').close(); print(os.getcwd())"
    folder = Path(in_a_subprocess(code).printed.strip())
    assert folder != Path.cwd()
    assert not folder.exists()


@pytest.mark.parametrize("seconds", [0, -1, 61, float("nan")])
def test_a_time_that_cannot_work_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds must be above 0 and at most 60, not"):
        in_a_subprocess("print(1)", seconds)


def test_imports_find_a_new_folder_until_it_is_removed() -> None:
    before = list(sys.path)
    folder = Path(apart.new_folder())
    assert apart.new_folder() == str(folder)
    (folder / "freshly_written.py").write_text("answer = 42", encoding="utf-8")
    assert importlib.import_module("freshly_written").answer == 42
    apart.remove_folders()
    assert sys.path == before
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe holds more or less elsewhere")
def test_each_hang_of_a_queue_hangs_and_each_way_out_ends() -> None:
    hung = at_once(programs.SENDING, 4)
    assert {name: ended.exit_code for name, ended in hung.items()} == dict.fromkeys(hung)
    said = {name: ended.printed.splitlines() for name, ended in at_once(programs.WAYS_OUT).items()}
    assert said == {
        "get, then join": ["1000000 bytes"],
        "a queue of a manager": ["1000000 bytes"],
        "a pipe: it cannot be pickled": ["nothing will come: exit code 1"],
        "a pipe for each reader": ["took a letter"],
        "a pipe for each writer": ["nothing will come: exit code -9", "1000000 bytes"],
    }


@pytest.mark.skipif(sys.platform == "win32", reason="no signal to oneself")
def test_an_interrupt_ends_programs_that_run_at_once() -> None:
    threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT]).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        at_once(programs.SENDING, 60)
    assert time.monotonic() - begun < 10


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="locks leave no trace elsewhere")
def test_the_locks_of_a_program_that_hung_are_given_back() -> None:
    before = set(os.listdir("/dev/shm"))
    look = "print(queue._rlock._semlock.name, flush=True); child.join()"
    script = programs.SENDING["join, then get"].replace("child.join()", look)
    ended = in_a_subprocess(script, 4, script=True)
    names = [f"sem.{name.lstrip('/')}" for name in ended.printed.split()]
    assert ended.exit_code is None
    assert names
    assert not set(names) & (set(os.listdir("/dev/shm")) - before)


def test_an_item_that_cannot_be_pickled_is_lost_and_the_others_come() -> None:
    ended = in_a_subprocess(programs.UNPICKLABLE, 40, script=True)
    assert ended.exit_code == 0
    assert ended.printed.startswith("took before\ntook after\n")
    assert any("cannot pickle" in error for error in ended.errors)


def test_the_diagnosis_names_who_waits_and_who_is_dead() -> None:
    assert in_a_subprocess(programs.GREETINGS, 3, script=True).exit_code is None
    ended = in_a_subprocess(programs.DIAGNOSED, 40, script=True)
    assert "the main thread waits in Queue.get" in ended.printed
    assert "exit codes: [" in ended.printed
    assert any("name 'os' is not defined" in error for error in ended.errors)


def test_it_is_imported_quickly() -> None:
    heavy = {"subprocess", "tempfile", "matplotlib", "numpy", "ipywidgets"}
    code = f"import sys, helpers.apart, helpers.apart.programs; print({heavy} & set(sys.modules))"
    assert in_a_subprocess(code).printed.strip() == "set()"
    assert str(ROOT) == apart.ROOT
