"""Predict before it is measured; check and hint speak in sentences."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from helpers import exercises, lesson
from helpers.exercises import Exercise, NotYet, _predictions
from helpers.exercises._asking import Option
from helpers.exercises._asking import Prediction as Question
from helpers.lesson import FOLDED, Prediction, blame, check, failure, hint, predict, verdict
from helpers.timeline import Timeline

Output = pytest.CaptureFixture[str]
NAMES: dict[str, int] = {}
TIMES = {
    "0.1 s": Option("All at once.", 0.1),
    "0.4 s": Option("Four by four.", 0.4),
    "1.6 s": Option("One after another.", 1.6),
}


@contextmanager
def shown() -> Iterator[list[Any]]:
    """What is displayed meanwhile."""
    with patch.object(lesson, "display") as display:
        outputs: list[Any] = []
        display.side_effect = outputs.append
        yield outputs


def visible(html: str) -> str:
    """What a page shows of it before anything is opened."""
    return re.sub(r"<details><summary>(.*?)</summary>.*</details>", r"\1", html, flags=re.DOTALL)


# ---------------------------------------------------------------- predictions

ORDER = {"first": Option("It is late."), "second": Option("It had a head start.")}


def asks(
    options: dict[str, Option] | None = None, right: str = "0.4 s", question: str = "How long?"
) -> Prediction:
    """A prediction that no lesson makes."""
    return Prediction(Question("x.y", question, options or TIMES, right, "It depends."))


def test_nothing_is_chosen_at_first() -> None:
    prediction = asks()
    assert prediction.choice is None
    assert not prediction.buttons.disabled


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
    asks().measured(value)
    assert capsys.readouterr().out.splitlines()[0].endswith(f"The nearest option is: {label}.")


def test_zero_and_negative_numbers_are_compared_by_difference(capsys: Output) -> None:
    asks({"none": Option("a", 0), "half": Option("b", 50)}, "none").measured(3)
    assert "nearest option is: none." in capsys.readouterr().out


def test_an_answer_may_be_one_of_the_options(capsys: Output) -> None:
    asks(ORDER, "second").measured("second", because="Five CPUs.")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Measured: second.", "Five CPUs."]


def test_whoever_chose_right_is_told_so_and_why(capsys: Output) -> None:
    prediction = asks()
    prediction.choose("0.4 s")
    prediction.measured(0.41)
    _, *marked = capsys.readouterr().out.splitlines()
    assert marked == ["✔ 0.4 s, as you predicted. Four by four."]
    assert prediction.buttons.icons == ("", "check", "")


def test_whoever_chose_wrong_reads_both_reasons_once(capsys: Output) -> None:
    prediction = asks()
    prediction.choose("1.6 s")
    prediction.measured(0.41)
    _, *marked = capsys.readouterr().out.splitlines()
    assert marked == [
        "✔ 0.4 s. Four by four.",
        "✘ 1.6 s, as you predicted. One after another.",
    ]
    assert prediction.buttons.icons == ("", "check", "times")
    assert prediction.buttons.disabled
    assert "Four by four" not in prediction.said.value


def test_whoever_did_not_choose_finds_the_answer_folded_and_can_still_choose() -> None:
    prediction = asks()
    with shown() as outputs:
        prediction.measured(0.4)
    (said,) = outputs
    assert visible(said.html) == FOLDED
    assert "4" not in said._repr_mimebundle_()["text/plain"]
    assert all(option.reason in said.html for option in TIMES.values())
    assert prediction.buttons.icons == ()
    assert not prediction.buttons.disabled
    prediction.buttons.value = "1.6 s"
    assert prediction.said.value.count("One after another.") == 1
    assert prediction.buttons.icons == ("", "check", "times")
    assert prediction.buttons.disabled


def test_nobody_is_scolded(capsys: Output) -> None:
    asks().measured(0.4)
    assert "had not chosen" not in capsys.readouterr().out


def test_where_it_comes_out_otherwise_no_reason_is_given_that_does_not_hold(
    capsys: Output,
) -> None:
    prediction = asks()
    prediction.choose("0.4 s")
    prediction.measured(1.6)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "The lesson expected: 0.4 s. It depends.",
        "✘ 0.4 s, as you predicted.",
        "✔ 1.6 s.",
    ]


def test_options_that_stand_for_the_same_number_here_are_both_right(capsys: Output) -> None:
    options = {"one": Option("a", 1), "one per CPU": Option("b", lambda: 1), "3": Option("c", 3)}
    prediction = asks(options, "one")
    prediction.choose("one per CPU")
    prediction.measured(1)
    assert "✔ one per CPU, as you predicted.\n" in capsys.readouterr().out


def test_what_is_shown_with_an_answer_is_folded_with_it() -> None:
    prediction, timeline = asks(), Timeline()
    with shown() as outputs:
        prediction.measured(0.4, shown=timeline)
    assert visible(outputs[0].html) == FOLDED
    assert lesson.page(timeline) in outputs[0].html
    prediction.choose("0.4 s")
    with shown() as outputs:
        prediction.measured(0.4, shown=timeline)
    assert outputs[1] is timeline
    assert "<details>" not in outputs[0].html


def test_a_question_that_is_asked_again_keeps_the_choice_until_it_is_measured() -> None:
    predict("start.three").choose("0.8 s")
    again = predict("start.three")
    assert again.choice == "0.8 s"
    assert "You predict: 0.8 s" in again.said.value
    with shown():
        again.measured(0.3)
    assert predict("start.three").choice is None


def test_a_choice_is_acknowledged_in_words_a_screen_reader_announces() -> None:
    prediction = asks({"a<b": Option("x"), "c": Option("y")}, "c", "How <long>?")
    prediction.choose("a<b")
    assert prediction.said.value.startswith('<div role="status">You predict: a&lt;b.')
    assert "How &lt;long&gt;?" in prediction.children[0].value


def test_a_page_without_a_kernel_has_the_question_and_its_options() -> None:
    prediction = asks(question="How long does `wait` take?")
    html, words = prediction.snapshot()
    assert "How long does <code>wait</code> take?" in html
    for label, option in TIMES.items():
        assert f"<li>{label}</li>" in html
        assert f"- {label}\n" in f"{words}\n"
        assert option.reason not in html + words


def test_a_page_whose_kernel_is_gone_has_what_was_chosen_and_measured() -> None:
    prediction = asks()
    prediction.choose("0.1 s")
    assert "<li>0.1 s (your prediction)</li>" in prediction.snapshot()[0]
    prediction.measured(0.4)
    assert "Measured: 0.4 s." in prediction.snapshot()[0]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: predict("start.sixten"), 'no prediction "start.sixten".*mean "start.sixteen"'),
        (lambda: predict(None), "there is no prediction"),  # type: ignore[arg-type]
        (lambda: predict("start.three", "start.sixteen"), "predict takes one name"),
        (lambda: asks().choose("?"), "label must be one of '0.1 s', .*, not '?'"),
        (lambda: asks().measured("other"), r"value must be one of .* or a number, not 'other'"),
        (lambda: asks().measured(float("nan")), r"value must be one of .* or a number, not nan"),
        (lambda: asks(ORDER, "first").measured(3), "value must be one of 'first', 'second', not 3"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(ask: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        ask()
    assert caught.value._render_traceback_() == [  # type: ignore[attr-defined]
        f"{type(caught.value).__name__}: {caught.value}"
    ]


def test_a_choice_is_final_once_it_was_measured() -> None:
    prediction = asks()
    prediction.choose("0.1 s")
    prediction.measured(0.4)
    with pytest.raises(ValueError, match=r"you chose '0\.1 s', and it has been measured since"):
        prediction.choose("0.4 s")


@pytest.mark.parametrize("asked", _predictions.everything(), ids=lambda asked: asked.name)
def test_a_prediction_has_one_right_option_and_a_reason_for_each(asked: Question) -> None:
    assert len(asked.options) >= 2
    assert asked.right in asked.options
    for option in asked.options.values():
        assert option.reason.endswith((".", ".)"))
    assert len({asked.number(label) is None for label in asked.options}) == 1
    assert asked.otherwise.endswith(".")


def test_a_summary_has_your_predictions_beside_what_was_measured_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lesson, "_answers", {})
    monkeypatch.setattr(lesson.progress, "done", lambda: {"start.sixteen?": "0.2 s"})
    with shown():
        predict("start.sixteen").measured(0.104)
    with shown() as outputs:
        lesson.summary("start", {"CPUs": lambda: 2, "share": lambda: 1 / 3, "late": lambda: [][1]})
    lines = str(outputs[0]).splitlines()
    assert lines[0].endswith("How long in all?: ✘ 0.2 s: 0.1 s (0.104)")
    assert lines[1].endswith(f"How long in all?: {lesson.NOT_RUN}")
    assert lines[3:6] == ["CPUs: 2", "share: 0.333", f"late: {lesson.NOT_RUN}"]
    assert '<th scope="row"' in outputs[0].html


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


def test_a_full_disk_is_not_the_fault_of_an_answer() -> None:
    def answer() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    held, sentence = verdict(graded(lambda answer: answer()), answer)
    assert not held
    assert sentence.startswith("your answer could not be judged, for a reason outside of it: OSE")


def test_nor_is_one_that_a_database_meets() -> None:
    def answer() -> None:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("PRAGMA max_page_count = 2")
            database.execute("CREATE TABLE photographs (name)")
            database.execute("INSERT INTO photographs VALUES (?)", ["x" * 10_000])

    held, sentence = verdict(graded(lambda answer: answer()), answer)
    assert not held
    assert sentence.startswith("your answer could not be judged, for a reason outside of it: Oper")


def test_what_a_check_cannot_set_up_is_not_the_fault_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    exercise = exercises.find("pools.crash")
    held, sentence = verdict(exercise, exercise.solution)
    assert not held
    assert sentence.startswith("your answer could not be judged, for a reason outside of it: File")


def test_a_file_that_an_answer_does_not_find_is_its_fault() -> None:
    def answer() -> None:
        Path("no such file").read_text()

    _, sentence = verdict(graded(lambda answer: answer()), answer)
    assert sentence.startswith("your code raised FileNotFoundError")


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


def test_hints_are_folded_into_one_another_and_none_is_used_up() -> None:
    hints = exercises.find("start.overlap").hints
    with shown() as outputs:
        hint("start.overlap")
        hint("start.overlap")
    first, again = outputs
    assert first == again
    assert visible(first.html) == f"Hint 1 of {len(hints)}"
    assert first.html.count("<details>") == first.html.count("</details>") == len(hints)
    for stage, words in enumerate(hints, 1):
        assert f"Hint {stage} of {len(hints)}: {words}" in str(first)


@pytest.mark.parametrize("ask", [hint, lambda name: check(name, Timeline)])
def test_an_unknown_name_lists_those_there_are(ask: Any) -> None:
    with pytest.raises(ValueError, match=r'no exercise "start.overlp"; there are .*start.shares.*'):
        ask("start.overlp")
    with pytest.raises(ValueError, match=r"there are .*start.overlap"):
        ask(None)


# -------------------------------------------------------------------- failure


def test_the_exception_of_a_call_is_a_value_and_none_is_an_error() -> None:
    assert isinstance(failure(int, "x"), ValueError)
    with pytest.raises(AssertionError, match="int was to raise an exception, and did not"):
        failure(int, "1")
