"""Predict before it is measured; check and hint speak in sentences."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from helpers import exercises, lesson
from helpers.exercises import Exercise, NotYet
from helpers.lesson import blame, check, failure, hint, predict, verdict
from helpers.timeline import Timeline

Output = pytest.CaptureFixture[str]
NAMES: dict[str, int] = {}
TIMES = {"0.1 s": 0.1, "0.4 s": 0.4, "1.6 s": 1.6}


# ---------------------------------------------------------------- predictions


def test_nothing_is_chosen_at_first() -> None:
    prediction = predict("How long?", TIMES)
    assert prediction.choice is None
    assert prediction.buttons.value is None


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (0.1, "0.1 s"),
        (0.15, "0.1 s"),
        (0.25, "0.4 s"),
        (0.79, "0.4 s"),
        (0.81, "1.6 s"),
        (99, "1.6 s"),
    ],
)
def test_the_nearest_option_by_ratio_is_the_answer(
    value: float, label: str, capsys: Output
) -> None:
    predict("How long?", TIMES).measured(value)
    assert capsys.readouterr().out.splitlines()[0].endswith(f"The nearest option is: {label}.")


def test_zero_and_negative_numbers_are_compared_by_difference(capsys: Output) -> None:
    predict("How many are lost?", {"none": 0, "half": 50}).measured(3)
    assert "nearest option is: none." in capsys.readouterr().out


def test_an_answer_may_be_one_of_the_options(capsys: Output) -> None:
    predict("In which order?", ["first", "second"]).measured(
        "second", because="It had a head start."
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Measured: second.", "It had a head start."]


def test_whoever_chose_right_is_told_so(capsys: Output) -> None:
    prediction = predict("How long?", TIMES)
    prediction.buttons.value = "0.4 s"
    prediction.measured(0.41)
    assert capsys.readouterr().out.splitlines()[-1] == "That is what you predicted."


def test_whoever_chose_wrong_reads_what_the_choice_overlooks(capsys: Output) -> None:
    prediction = predict("How long?", TIMES, why={"1.6 s": "That is one after another."})
    prediction.buttons.value = "1.6 s"
    prediction.measured(0.41)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "You predicted: 1.6 s. That is one after another."


def test_texts_in_the_options_are_what_they_overlook(capsys: Output) -> None:
    prediction = predict("Who?", {"one": "It cannot.", "two": ""})
    prediction.buttons.value = "one"
    prediction.measured("two")
    assert capsys.readouterr().out.endswith("You predicted: one. It cannot.\n")


def test_whoever_did_not_choose_still_gets_the_answer(capsys: Output) -> None:
    predict("How long?", TIMES).measured(0.4)
    shown = capsys.readouterr().out
    assert "0.4 s" in shown
    assert "You had not chosen." in shown


def test_a_choice_is_final_once_it_was_measured() -> None:
    prediction = predict("How long?", TIMES)
    assert not prediction.buttons.disabled
    prediction.measured(0.4)
    assert prediction.buttons.disabled
    assert "Measured: 0.4" in prediction.said.value


def test_a_choice_is_acknowledged_in_words_a_screen_reader_announces() -> None:
    prediction = predict("How <long>?", ["a<b", "c"])
    prediction.buttons.value = "a<b"
    assert prediction.said.value.startswith('<div role="status">You predict: a&lt;b.')
    assert "How &lt;long&gt;?" in prediction.children[0].value


@pytest.mark.parametrize("options", [[], ["one"], ["one", "one"], "one", {}, {"one": 1}])
def test_options_are_two_or_more_different_ones(options: Any) -> None:
    with pytest.raises(ValueError, match="options must be two or more different labels, not"):
        predict("?", options)


def test_why_names_options() -> None:
    with pytest.raises(ValueError, match="'three' is none of them"):
        predict("?", ["one", "two"], why={"three": "no"})


@pytest.mark.parametrize("value", ["other", None, float("nan")])
def test_a_measured_value_is_an_option_or_a_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"value must be one of '0.1 s', .* or a number, not"):
        predict("?", TIMES).measured(value)


def test_a_number_answers_only_where_options_have_numbers() -> None:
    with pytest.raises(ValueError, match=r"value must be one of 'one', 'two', not 3"):
        predict("?", ["one", "two"]).measured(3)


# ------------------------------------------------------------------ exercises


def graded(grade: Any, solution: Any = len, seconds: float = 10.0) -> Exercise:
    return Exercise("x.y", "?", grade, ("one", "two"), solution, None, None, "", seconds)


def test_check_says_what_held(capsys: Output) -> None:
    check("start.overlap", exercises.find("start.overlap").solution)
    assert capsys.readouterr().out == (
        "✔ For 5, 8 and 13 items: all calls made, some at the same time.\n"
    )


def test_check_says_what_did_not_hold(capsys: Output) -> None:
    check("start.overlap", exercises.find("start.overlap").starter)
    assert capsys.readouterr().out.startswith("✘ not yet: 5 of 5 items were never worked on")


def test_an_error_of_the_answer_is_told_with_its_line() -> None:
    def answer() -> None:
        NAMES["key"]

    held, sentence = verdict(graded(lambda answer: answer()), answer)
    line = answer.__code__.co_firstlineno + 1
    assert not held
    assert sentence == f"""your code raised KeyError: 'key', at answer, line {line}: NAMES["key"]"""


def test_an_error_inside_the_library_names_the_line_that_called_it() -> None:
    def answer() -> None:
        threading.Semaphore(-1)

    _, sentence = verdict(graded(lambda answer: answer()), answer)
    assert sentence.endswith(": threading.Semaphore(-1)")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("otherwise", ["held", "failed"])
def test_an_error_in_a_thread_of_the_answer_is_what_counts(otherwise: str, capsys: Output) -> None:
    def answer() -> None:
        thread = threading.Thread(target=lambda: [][1])
        thread.start()
        thread.join()

    def grade(answer: Any) -> str:
        answer()
        if otherwise == "failed":
            raise NotYet("nothing was done")
        return "all held"

    held, sentence = verdict(graded(grade), answer)
    assert not held
    assert sentence.startswith(
        "your code raised IndexError: list index out of range in a thread, at"
    )
    assert capsys.readouterr().err == ""


def test_an_answer_that_exits_does_not_end_the_kernel() -> None:
    def answer() -> None:
        raise SystemExit(3)

    assert verdict(graded(lambda answer: answer()), answer)[1].startswith(
        "your code raised SystemExit"
    )


def test_an_answer_that_hangs_is_ended_and_shown(capsys: Output) -> None:
    def answer() -> None:
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    held, sentence = verdict(graded(lambda answer: answer(), seconds=0.2), answer)
    assert (held, sentence) == (
        False,
        "the block had not ended after 0.2 s. Above you see who waits where.",
    )
    assert "waits in lock.acquire(), at answer, line" in capsys.readouterr().out


def test_an_answer_that_is_no_function_is_told_so() -> None:
    assert verdict(graded(len), 3) == (False, "the answer must be a function, not 3.")


def test_an_error_of_ours_is_not_shown_as_a_traceback() -> None:
    assert blame(ValueError("x")) == "your code raised ValueError: x."


def test_hints_come_one_at_a_time_and_then_stay(capsys: Output) -> None:
    lesson._hints_given.clear()
    hints = exercises.find("start.overlap").hints
    for stage in (*range(len(hints)), len(hints) - 1):
        hint("start.overlap")
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"Hint {stage + 1} of {len(hints)}: {hints[stage]}"
        left = len(hints) - stage - 1
        assert second.startswith(f"{left} more" if left else "That was the last one.")


@pytest.mark.parametrize("ask", [hint, lambda name: check(name, Timeline)])
def test_an_unknown_name_lists_those_there_are(ask: Any) -> None:
    with pytest.raises(ValueError, match=r'no exercise "start.overlp"; there are .*start.usable.*'):
        ask("start.overlp")
    with pytest.raises(ValueError, match=r"there are .*start.overlap"):
        ask(None)


# -------------------------------------------------------------------- failure


def test_the_exception_of_a_call_is_a_value_and_none_is_an_error() -> None:
    assert isinstance(failure(int, "x"), ValueError)
    with pytest.raises(AssertionError, match="int was to raise an exception, and did not"):
        failure(int, "1")
