"""Exercises are found by their name, and an expectation speaks in one sentence."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from helpers import exercises
from helpers.exercises import NotYet, everything, exercise, expect, find
from helpers.exercises._time_outs import TURN, Patient, time_outs_pass


def test_an_exercise_is_found_by_the_lesson_before_the_dot() -> None:
    found = find("start.overlap")
    assert found.name == "start.overlap"
    assert found.question.endswith(".")


def test_every_lesson_is_discovered() -> None:
    lessons = exercises.lessons()
    assert "start" in lessons
    assert {name.partition(".")[0] for name in everything()} == set(lessons)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(ValueError, match=r'no exercise "start.overlp".*mean "start.overlap"'):
        find("start.overlp")


@pytest.mark.parametrize("name", ["nothing.here", "", "start", 3, None])
def test_a_name_that_is_none_lists_the_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"there is no exercise .*start\.overlap, start\.shares"):
        find(name)


def test_an_exercise_registers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "_known", dict(exercises._known))

    @exercise("start.new", "?", hints=("h",), solution=1, starter=None, wrong=2, says="no")
    def grade(answer: int) -> str:
        return "yes"

    assert find("start.new").grade is grade
    assert "start.new" in everything()


def test_expect_raises_what_does_not_hold() -> None:
    expect(True, "no")
    with pytest.raises(NotYet, match="one is not two"):
        expect(False, "one is not two")


def test_a_worker_may_import_an_exercise_without_widgets() -> None:
    code = "import sys, helpers.exercises.start; sys.exit('ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("module", "cut"), [("ipykernel.iostream", []), ("answer", ["Condition.wait"])]
)
def test_a_kernel_that_writes_out_what_was_printed_has_not_given_up(
    module: str, cut: list[str]
) -> None:
    """As it does before a process starts: its time-out is none of the answer's."""
    program: dict[str, Any] = {"__name__": module, "written": threading.Event()}
    exec("def flush():\n    return written.wait(10)", program)
    with time_outs_pass() as found:
        threading.Timer(0.01, program["written"].set).start()
        assert program["flush"]()
    assert found == cut


def test_a_patient_wait_has_all_its_turns_however_long_each_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns: list[float] = []

    def late(self: Patient, timeout: float) -> bool:
        turns.append(timeout)
        time.sleep(3 * timeout)  # as where other programs have the CPU
        return False

    monkeypatch.setattr(Patient, "wait", late)
    changed = Patient()
    with changed:
        assert not changed.wait_for(lambda: False, 4 * TURN)
        assert len(turns) >= 4
        assert changed.wait_for(lambda: True, 0)
