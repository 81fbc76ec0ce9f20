"""Every sentence with a number, an "always" or a "never" names what backs it, and that exists."""

from __future__ import annotations

import pytest

import sentences as table
from sentences import TABLE, Sentence, backing, pages, said, up_to_date, wanting


def test_the_table_has_the_sentences_of_the_lessons_and_no_others() -> None:
    assert TABLE.read_text(encoding="utf-8") == up_to_date(), "call python3 course.py sentences"


def test_each_sentence_is_backed() -> None:
    known = backing()
    checks = {
        each: known.get(path.stem, {}).get(each.text) for path in pages() for each in said(path)
    }
    wrong = {
        f"{each.page}, {each.where}: {each.text}: {complaint}"
        for each, check in checks.items()
        if (complaint := wanting(each, check or table.OPEN))
    }
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("## Two\n\nIt never ends. Nothing.", ["It never ends."]),
        ("Nothing is said. It takes 5 ms.", ["It takes 5 ms."]),
        ("- one\n- two of them", ["two of them"]),
        ("| head | 3 |\n|---|---|\n| row | 4 |", ["| head | 3 |", "| row | 4 |"]),
        ("See lesson 03, predictions 1 and 2, [02](02.ipynb#Three) and C7.", []),
        ("```python\nx = 3\n```", []),
        ("Is it 3?", []),
        ("*8 minutes.* Write 3 lines.", []),
    ],
)
def test_what_a_cell_says_is_found(
    markdown: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "texts", lambda path: [("here", markdown)])
    assert [each.text for each in said(pages()[0])] == found


HERE = "tests/lessons/test_sentences.py::"
SHOWS_NOTHING = "asserts nothing, and shows nothing that is the same in every run"


@pytest.mark.parametrize(
    ("check", "complaint"),
    [
        ("?", "nothing backs it"),
        (" ", "nothing backs it"),
        ("check-laws", ""),
        ("https://docs.python.org/3/library/threading.html", ""),
        (HERE + "test_each_sentence_is_backed", ""),
        ("two-pictures", "there is no code cell two-pictures"),
        ("02-threads#check-laws", "there is no code cell 02-threads#check-laws"),
        ("02-threads#cancel check-laws", ""),
        ("four-kinds", f"four-kinds {SHOWS_NOTHING}"),
        ("repair-starter", f"repair-starter {SHOWS_NOTHING}"),
        (HERE + "test_nothing", f"there is no test {HERE}test_nothing"),
        (HERE.rstrip(":"), f"there is no test {HERE.rstrip(':')}"),
    ],
)
def test_what_backs_a_sentence_has_to_be_there(check: str, complaint: str) -> None:
    assert wanting(Sentence("01-concurrency", "cell", "It never ends."), check) == complaint


def test_a_sentence_of_a_number_may_be_about_one_run() -> None:
    assert not wanting(Sentence("01-concurrency", "cell", "It took 5 ms."), "four-kinds")
