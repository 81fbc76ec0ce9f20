"""What is stored bears out what the lessons say of it."""

from __future__ import annotations

from typing import Any

import pytest
from rules import FOLDER, lessons

from claims import CLAIMS, Claim, contradicted, read, sentences


def outputs(lesson: str, name: str) -> Any:
    cells = read(FOLDER / f"{lesson}.ipynb")["cells"]
    return next(cell["outputs"] for cell in cells if cell["id"] == name)


@pytest.mark.parametrize("claim", CLAIMS, ids=Claim.name)
def test_a_claim_quotes_its_lesson(claim: Claim) -> None:
    assert claim.says in sentences(read(FOLDER / f"{claim.lesson}.ipynb"))


@pytest.mark.parametrize(
    ("lesson", "cell"),
    [
        (path.stem, cell["id"])
        for path in lessons()
        for cell in read(path)["cells"]
        if cell["cell_type"] == "code" and any("data" in each for each in cell["outputs"])
    ],
)
def test_what_is_stored_contradicts_nothing_that_its_lesson_says(lesson: str, cell: str) -> None:
    assert list(contradicted(lesson, cell, outputs(lesson, cell))) == []


def test_a_picture_that_shows_something_else_is_told_from_one_that_bears_a_lesson_out() -> None:
    def words(seconds: float, at_once: int) -> list[dict[str, Any]]:
        says = f"6 workers, 6 spans in {seconds} s: at most {at_once} at once, 1.0 on average."
        slow = says.replace("0.1", "0.6")
        alt = f"Six threads at a door: 6 places: {says}\nlock: {slow}\n2 places: {says}"
        return [{"data": {"text/html": [f'<figure><img alt="{alt}" ', 'src=""></figure>']}}]

    found = list(contradicted("04-synchronization", "doors", words(0.1, 6)))
    assert found == ["**[semaphore](99-glossary.md#Semaphore)** counts free"]
    found = list(contradicted("04-synchronization", "doors", words(0.2, 6)))
    assert "six visits take six times as long" in found
    assert len(list(contradicted("04-synchronization", "doors", []))) == 2, "nothing is there"
    page = {"data": {"text/html": "<p>Measured: 400.<br>The lesson expected: 20. It depends.</p>"}}
    assert list(contradicted("06-choosing", "any", [page])) == ["The lesson expected: 20"]
