"""The board does what its buttons say, and says what it does: without a browser."""

from __future__ import annotations

import re
import threading
from itertools import cycle
from typing import Any

import pytest
from programs_told import together

from helpers.interleave import Refused, play


def counter() -> None:
    total = 0

    def add() -> None:
        nonlocal total
        total += 1

    together(add, add)
    assert total == 2, f"lost update: {total}"


def transfer() -> None:
    a, b = threading.Lock(), threading.Lock()

    def there() -> None:
        with a, b:
            pass

    def back() -> None:
        with b, a:
            pass

    together(there, back)


def later() -> None:
    """The second thread starts when the first has ended."""
    log: list[str] = []

    def one() -> None:
        log.append("one")

    for _ in range(2):
        together(one, one)


def alone() -> None:
    """No threads."""


def asked() -> None:
    answer = input("?")
    together(lambda: answer)


def said(board: Any) -> str:
    return re.sub(r"<[^>]*>", "", board._said.value)


def buttons(board: Any) -> list[str]:
    """What the buttons say; in brackets where they are disabled."""
    shown = [column.button for column in board.columns.values()]
    return [f"({b.description})" if b.disabled else b.description for b in shown]


def test_a_press_makes_a_whole_statement() -> None:
    board = play(counter)
    assert buttons(board) == ["A: read total", "B: read total"]
    board.press("A")
    assert board.word == "AA"
    assert buttons(board) == ["(A: has ended)", "B: read total"]


def test_one_step_at_a_time_opens_the_statement() -> None:
    board = play(counter)
    board._single.value = True
    for letter in "ABB":
        assert not board.press(letter).ended
    assert buttons(board) == ["A: write total", "(B: has ended)"]
    assert board.press("A").outcome == "lost update: 1"
    assert board.word == board.schedule.word == "ABBA"


def test_who_breaks_it_has_won_and_is_told_why_and_the_answer() -> None:
    board = play(counter)
    board._single.value = True
    for letter in "ABBA":
        board.press(letter)
    assert said(board).startswith("Broken! Assertion failed: lost update: 1.")
    assert "A and B both read total before either wrote it" in said(board)
    assert 'Your answer is the word "ABBA".' in said(board)


def test_where_a_lesson_needs_it_a_press_is_one_step_from_the_start() -> None:
    board = play(counter, one_step=True)
    for letter in "ABBA":
        board.press(letter)
    assert board.schedule.outcome == "lost update: 1"


def test_a_word_that_the_lesson_shows_does_not_win_and_any_other_does() -> None:
    board = play(counter, one_step=True, known=["ABBA"], hand_in=lambda word: None)
    for letter in "ABBA":
        board.press(letter)
    assert "You know this word already: look for another one." in said(board)
    assert board._hand.layout.display == "none"
    for _ in "BA":
        board.undo()
    for letter in "AB":
        board.press(letter)
    assert 'Your answer is the word "ABAB".' in said(board)
    assert board._hand.layout.display == ""


def test_a_word_that_wins_is_handed_in_by_a_button() -> None:
    handed = list[str]()
    board = play(transfer, hand_in=handed.append)
    assert board._hand.layout.display == "none"
    for letter in "AB":
        board.press(letter)
    assert board._hand.description == 'Hand in "AB"'
    board._hand.click()
    assert handed == ["AB"]
    assert play(transfer)._hand.layout.display == "none"


def test_undo_takes_back_what_was_pressed_whole_statements_and_single_steps() -> None:
    board = play(counter)
    board.press("A")
    board._single.value = True
    board.press("B")
    assert [board.undo().word for _ in range(3)] == ["AA", "", ""]


def test_a_page_without_a_kernel_has_sources_what_is_said_and_the_picture() -> None:
    board = play(counter, one_step=True)
    html, words = board.snapshot()
    assert words == "A board for counter, after no step."
    assert "total += 1" in re.sub("<[^>]+>", "", html)
    assert "Press a button" in html
    board.press("A")
    html, words = board.snapshot()
    assert words == "A board for counter, after A."
    assert '<img alt="' in html
    assert "▷" in html
    assert not re.search("<(svg|script|style)", html)


def test_a_run_that_ends_well_suggests_to_undo() -> None:
    board = play(counter)
    board.press("A")
    board.press("B")
    assert "This run ended well. Undo takes back a press" in said(board)


def test_undo_takes_back_a_press_and_reset_all() -> None:
    board = play(counter)
    board.press("A")
    board.press("B")
    assert board.undo().word == board.word == "AA"
    assert board.reset().word == board.word == ""
    assert board.undo().word == ""
    assert board._undo.disabled


def test_a_button_that_cannot_be_pressed_says_why_and_so_does_press() -> None:
    board = play(transfer)
    board.press("A")
    board.press("A")
    assert buttons(board)[1] == "(B: waits, b is held by A)"
    with pytest.raises(ValueError, match="B cannot go on: b is held by A"):
        board.press("B")


def test_a_run_that_is_over_takes_no_more_letters() -> None:
    board = play(transfer)
    board.press("A")
    board.press("B")
    assert board.schedule.verdict == "deadlock"
    with pytest.raises(ValueError, match="A cannot go on: the run is over"):
        board.press("A")
    assert board.word == "AB"


def test_a_letter_that_no_thread_has_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="thread must be one of A, B, not 'Z'"):
        play(counter).press("Z")


def test_threads_that_start_later_get_their_buttons_then() -> None:
    board = play(later)
    assert len(buttons(board)) == 2
    board.press("A")
    board.press("B")
    assert len(buttons(board)) == 4
    board.undo()
    assert buttons(board)[2:] == [
        "(C: waits, it has not started)",
        "(D: waits, it has not started)",
    ]


def test_a_program_without_threads_has_no_buttons_and_ends_well() -> None:
    board = play(alone)
    assert buttons(board) == []
    assert "This run ended well." in said(board)


def test_a_program_that_cannot_be_followed_is_told_on_the_board() -> None:
    board = play(asked)
    assert said(board).startswith("✘ line ")
    assert 'role="alert"' in board._said.value
    with pytest.raises(Refused, match="input"):
        board.press("A")


def test_a_program_that_does_something_else_each_time_is_told_on_the_board() -> None:
    turns = cycle((2, 3))

    def moody() -> None:
        log: list[int] = []

        def add() -> None:
            log.append(1)

        together(*[add] * next(turns))

    assert "did something else" in said(play(moody))


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match="program must be a function, not 3"):
        play(3)  # type: ignore[arg-type]


def test_a_click_never_raises_and_gives_the_keyboard_to_a_button_that_can_be_pressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = play(counter)
    focused: list[str] = []
    for column in board.columns.values():
        button = column.button
        monkeypatch.setattr(button, "focus", lambda b=button: focused.append(b.description))
    board.columns["A"].button.click()
    assert focused == ["B: read total"]
    board.columns["A"].button.click()
    assert said(board) == "✘ A cannot go on: it has ended"
