"""Every notebook keeps the rules that are in `rules`, by reading it; no kernel is started.

A rule may be broken knowingly, for the reader's sake: KNOWINGLY says where and why.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rules import (
    FOLDER,
    Page,
    Rule,
    everywhere,
    headings,
    in_lessons,
    lessons,
    notebooks,
    solutions,
)

LADDER = "04b-the-ladder"  # a workbook: a learner acts in it, after a lesson that has taught
RUNGS = "04c-more-rungs"  # another one
KNOWINGLY: dict[tuple[str, str], str] = {
    ("03-processes", "its_cells_are_short"): (
        "a program with processes stands whole: what makes them, starts, joins and looks at them"
    ),
    ("03b-pools-and-sharing", "its_cells_are_short"): (
        "the same for pools and blocks, and for modules that their workers import"
    ),
    ("04-synchronization", "its_cells_are_short"): (
        "a program that is explored stands whole in one cell: its threads, and what it asserts"
    ),
    ("06-choosing", "its_cells_are_short"): (
        "a comparison in the standard library's own code stands whole in one cell"
    ),
    ("07-asyncio", "its_cells_are_short"): (
        "the same for programs of tasks, and for those that a reader would copy"
    ),
    ("08-without-the-gil", "its_cells_are_short"): (
        "a program that several Pythons run stands whole in one cell"
    ),
    (LADDER, "it_asks_before_it_measures_and_lets_turn_and_repair"): (
        "exercises to break and to repair stand in the place of predictions and sliders"
    ),
    (LADDER, "its_cells_are_short"): (
        "a program stands whole in one cell, with its class; the others play, check or hint: one "
        "line. That none is over 25 is tested in test_ladder"
    ),
    (LADDER, "prose_and_code_are_in_balance"): (
        "each rung has three texts to read and seven cells to act in"
    ),
    (RUNGS, "it_asks_before_it_measures_and_lets_turn_and_repair"): (
        "exercises to break and to repair stand in the place of predictions and sliders"
    ),
    (RUNGS, "its_cells_are_short"): (
        "a program stands whole in one cell, with its class; the others play, check or hint: one "
        "line. That none is over 25 is tested in test_ladder"
    ),
    (RUNGS, "prose_and_code_are_in_balance"): (
        "each rung has three texts to read and seven cells to act in"
    ),
}


def cases() -> list[object]:
    """Each notebook with each rule that holds for it."""
    found = [(path, rule) for path in notebooks() for rule in everywhere]
    found += [(path, rule) for path in lessons() for rule in in_lessons]
    return [pytest.param(path, rule, id=f"{_name(path)}-{rule.__name__}") for path, rule in found]


def _name(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


@pytest.mark.parametrize(("path", "rule"), cases())
def test_a_notebook_keeps_the_rule(path: Path, rule: Rule) -> None:
    if reason := KNOWINGLY.get((_name(path), rule.__name__)):
        assert list(rule(Page(path))), f"it is kept, so the exception can go: {reason}"
        return
    complaints = list(rule(Page(path)))
    assert not complaints, "\n".join([f"{_name(path)}: {rule.__name__}", *complaints])


def test_every_exception_is_about_a_notebook_and_a_rule() -> None:
    names = {rule.__name__ for rule in (*everywhere, *in_lessons)}
    for notebook, rule in KNOWINGLY:
        assert (FOLDER / f"{notebook}.ipynb").exists()
        assert rule in names


def test_every_lesson_has_its_solutions() -> None:
    assert {*(FOLDER / "solutions").glob("*.ipynb")} == {solutions(path) for path in lessons()}


def test_the_glossary_leads_to_every_lesson_and_has_its_words_in_order() -> None:
    text = (FOLDER / "99-glossary.md").read_text(encoding="utf-8")
    (_, title), *words = headings(text)
    assert title == "Glossary"
    assert {level for level, _ in words} == {2}
    plain = [word.strip("`").lower() for _, word in words]
    assert plain == sorted(plain)
    links = re.findall(r"\]\((\w+-[^)#]*)", text.partition("## ")[0])
    assert links == [path.name for path in lessons()]
