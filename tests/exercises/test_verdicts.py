"""The command that judges all checks under load: one quick round of it."""

from __future__ import annotations

import pytest

import verdicts
from helpers.exercises import find


def test_a_round_of_one_check_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdicts.main(["start.shares", "--rounds", "1", "--busy", "1"]) == 0
    assert "as it should be: 3" in capsys.readouterr().out


def test_a_false_verdict_and_other_words_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = find("start.shares")
    for wrong, says in ((right.solution, "false: "), (lambda *_: None, "other words: ")):
        monkeypatch.setattr("helpers.exercises.find", lambda name, w=wrong: right._replace(wrong=w))
        assert verdicts.judged("start.shares", "wrong").startswith(says)
