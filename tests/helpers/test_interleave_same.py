"""What the explorer says is the same, to the byte, on every Python.

`interleave-reports.txt` was written by `python tests/helpers/test_interleave_same.py`;
to write it anew is right where the words or the programs have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.interleave import explore, replay
from interleave_programs import PROGRAMS

STORED = Path(__file__).with_name("interleave-reports.txt")
RULE = "=" * 80


def told(program: Callable[[], object]) -> Iterator[str]:
    """The report, the first schedule, and the numbers in the other models."""
    report = explore(program)
    yield str(report)
    yield f"{report.tried} tried, {dict(report.counts)}"
    yield str(replay(program, ""))
    for atomic in ("line", "cpython"):
        other = explore(program, atomic=atomic)
        word = other.schedule.word if other.schedule else ""
        yield f"{atomic}: {other.tried} tried, {dict(other.counts)} {word}".rstrip()


def page(program: Callable[[], object]) -> str:
    return "\n\n".join([f"{RULE}\n{program.__name__}", *told(program)]) + "\n"


def stored() -> dict[str, str]:
    pages = STORED.read_text(encoding="utf-8").split(f"{RULE}\n")[1:]
    return {each.partition("\n")[0]: f"{RULE}\n{each}" for each in pages}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_words_are_the_same(program: Callable[[], object]) -> None:
    assert page(program) == stored()[program.__name__]


def test_nothing_stored_is_left_over() -> None:
    assert list(stored()) == [program.__name__ for program in PROGRAMS]


if __name__ == "__main__":
    STORED.write_text("".join(map(page, PROGRAMS)), encoding="utf-8")
