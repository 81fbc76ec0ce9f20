"""Every check: the solution passes, the starter fails kindly, a wrong answer for its reason."""

from __future__ import annotations

from functools import cache

import pytest

from helpers.exercises import everything, find
from helpers.lesson import verdict

EXERCISES = everything()


@cache
def of_the_starter(name: str) -> tuple[bool, str]:
    """Some starters wait until their deadline, so nobody asks for this twice."""
    return verdict(find(name), find(name).starter)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_passes(name: str) -> None:
    exercise = find(name)
    held, sentence = verdict(exercise, exercise.solution)
    assert held, sentence
    assert sentence.endswith("."), "what held is said in a sentence"


@pytest.mark.parametrize("name", EXERCISES)
def test_the_untouched_starter_fails_kindly_and_always_with_the_same_words(name: str) -> None:
    held, sentence = of_the_starter(name)
    assert not held
    assert "raised" not in sentence, "a starter must not look like an accident"
    assert verdict(find(name), find(name).starter) == (held, sentence)


@pytest.mark.parametrize("name", EXERCISES)
def test_a_plausible_wrong_answer_fails_for_its_reason(name: str) -> None:
    exercise = find(name)
    held, sentence = verdict(exercise, exercise.wrong)
    assert not held
    assert exercise.says, "an empty reason is in every sentence"
    assert exercise.says in sentence
    assert exercise.says not in of_the_starter(name)[1]


@pytest.mark.parametrize("name", EXERCISES)
def test_it_asks_in_a_sentence_and_helps_in_stages(name: str) -> None:
    exercise = find(name)
    assert exercise.question.rstrip().endswith((".", "?"))
    assert len(exercise.hints) >= 2
    assert all(hint.endswith((".", "?", ":")) for hint in exercise.hints)


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("answer", [None, 0, "x", [], object(), lambda *_: None, lambda: 1 / 0])
def test_any_other_answer_gets_a_sentence_too(name: str, answer: object) -> None:
    held, sentence = verdict(find(name), answer)
    assert not held
    assert "Traceback" not in sentence
    assert "\n" not in sentence
