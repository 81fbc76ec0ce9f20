"""README and lessons show one address, and minutes that were computed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import pages
from helpers.interleave import explore

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSONS = sorted((ROOT / "notebooks").glob("[0-8]*.ipynb"))


def cell(kind: str, source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": kind, "source": source.splitlines(True), "metadata": {"tags": [*tags]}}


def of(*cells: dict[str, Any]) -> pages.Minutes:
    return pages.minutes({"cells": cells})


# -------------------------------------------------------------------- minutes


def test_reading_takes_a_minute_per_two_hundred_words_rounded_up() -> None:
    assert of(cell("markdown", "word " * 400)).read == 2
    assert of(cell("markdown", "word " * 401)).read == 3


def test_addresses_tags_and_what_is_folded_away_are_not_read() -> None:
    shown = "word " * 200
    folded = f"<details><summary>Hint</summary>\n{shown}</details>"
    linked = shown.replace("word", "[word](https://example.org/a/long/address)")
    assert of(cell("markdown", f"<b>{linked}</b>{folded}")).read == 1


def test_code_is_read_too() -> None:
    assert of(cell("code", "x = 1\n" * 30)).read == 2


def test_doing_counts_cells_predictions_panels_and_exercises_in_steps_of_five() -> None:
    cells = [
        cell("code", 'p = predict("How long?", options)'),
        cell("code", "panel(picture, workers=workers())", "widget"),
        cell("code", 'check("repair", answer)'),
    ]
    assert of(*cells).do == 15  # 1 + 3 + 6 minutes, and three cells to run
    assert of(cells[0]).do == 5


def test_solutions_are_not_counted() -> None:
    solution = cell("code", 'check("repair", answer)\n' * 100, "solution")
    assert of(cell("markdown", "word"), solution) == of(cell("markdown", "word"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_says_its_minutes_as_they_are_computed(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    prose = [pages._source(it) for it in notebook["cells"] if it["cell_type"] == "markdown"]
    said = [match for text in prose for match in pages.SAYS.findall(text)]
    assert said == [str(pages.minutes(notebook))], "call python3 course.py links"


def test_the_table_has_every_lesson_in_order_with_its_minutes() -> None:
    rows = [match[2] for match in pages.ROW.finditer(README)]
    assert rows == [lesson.name for lesson in LESSONS]
    assert pages.refreshed(README) == README, "call python3 course.py links"


def test_the_map_in_lesson_00_is_the_table_of_the_readme() -> None:
    cells = json.loads(LESSONS[0].read_text(encoding="utf-8"))["cells"]
    text = "\n".join(map(pages._source, cells))
    table = [match[0].replace("(notebooks/", "(") for match in pages.ROW.finditer(README)]
    assert [match[0] for match in pages.ROW.finditer(text)] == table


def test_the_schedule_in_the_readme_is_the_one_of_lesson_04(tmp_path: Path) -> None:
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert shown
    page = json.loads((ROOT / "notebooks" / "04-synchronization.ipynb").read_text("utf-8"))
    sources = [pages._source(cell) for cell in page["cells"] if cell["cell_type"] == "code"]
    before = next(n for n, text in enumerate(sources) if "every = explore(program" in text)
    lesson: dict[str, Any] = {}
    for name in ("together", "program"):
        found = (text for text in sources[before::-1] if f"def {name}(" in text)
        path = tmp_path / f"{name}.py"  # a file for each cell, so that its lines have their numbers
        path.write_text(next(found), encoding="utf-8")
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), lesson)
    assert shown[1].strip() == str(explore(lesson["program"], every=True)).strip()


# -------------------------------------------------------------------- address

ADDRESSES = ["https://github.com/someone/course", "https://git.example.org/school/python/threads"]
OURS = re.compile(r"OWNER|mybinder\.org/v2|git clone|git-pull\?|git\+http|\[source\]")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A course whose address is not known."""
    (tmp_path / "notebooks").mkdir()
    page = {"cells": [cell("markdown", "1 minute to read, 5 minutes to do")]}
    (tmp_path / "notebooks" / "00-start-here.ipynb").write_text(json.dumps(page))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(pages.URLS.sub("", project), encoding="utf-8")
    readme = "\n".join(line for line in README.splitlines() if not pages.ROW.match(line)) + "\n"
    (tmp_path / "README.md").write_text(pages.parts(readme, ""), encoding="utf-8")
    return tmp_path


def text(copy: Path) -> str:
    return (copy / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_address_of_pyproject_or_none() -> None:
    assert pages.parts(README, pages.source()) == README, "call python3 course.py links"


def test_without_an_address_nothing_leads_nowhere(copy: Path) -> None:
    assert pages.source(copy) == ""
    assert pages.main([], copy) == 0
    assert not OURS.search(text(copy))
    assert "Clone this repository" in text(copy)
    assert not re.search(r"\]\[", text(copy))  # a link by reference


@pytest.mark.parametrize("address", ADDRESSES)
def test_links_puts_the_address_wherever_it_is_needed(copy: Path, address: str) -> None:
    assert pages.main([f"{address}.git"], copy) == 0
    assert pages.source(copy) == address
    readme = text(copy)
    assert f"[binder]: {pages.binder(address)}" in readme
    assert "[![Launch on Binder][badge]][binder]" in readme
    assert f"git clone {address} concurrency" in readme
    assert f"pip install --no-deps git+{address}`" in readme
    shown = [unquote(it) for it in re.findall(r"[\w+]+(?::|%3A)[^\s()<>`\]]+", readme)]
    name = address.partition("//")[2].partition("/")[2]
    assert sum(name in it for it in shown) == 5


def test_another_address_takes_the_place_of_the_first_and_the_same_changes_nothing(
    copy: Path,
) -> None:
    for address in (*ADDRESSES, ADDRESSES[0]):
        pages.main([address], copy)
    there = text(copy), (copy / "pyproject.toml").read_text()
    assert ADDRESSES[1] not in "".join(there)
    assert unquote(there[0]).count("someone/course") == 5
    pages.main([], copy)
    assert there == (text(copy), (copy / "pyproject.toml").read_text())


@pytest.mark.parametrize("wrong", [["OWNER"], ["http://example.org/x"], ["https://a.b"], ADDRESSES])
def test_what_is_no_address_is_refused(
    copy: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = text(copy)
    assert pages.main(wrong, copy) == 1
    assert "The address must be https:// with a path" in capsys.readouterr().out
    assert text(copy) == before


# ----------------------------------------------------------------------- README


def test_what_readme_points_to_exists() -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", README)
    missing = [it for it in targets if "://" not in it and not (ROOT / it).exists()]
    assert missing == []


def test_readme_begins_with_what_and_for_whom_in_five_lines() -> None:
    title, badge, paragraph, *_ = README.split("\n\n")
    assert title.startswith("# ")
    assert badge.startswith("<!-- badge -->")
    assert len(paragraph.splitlines()) == 5


def test_every_picture_says_in_words_what_it_shows() -> None:
    for words in re.findall(r"!\[([^\]]*)\]", README):
        assert len(words.split()) > 2


def test_both_licences_are_there_and_named() -> None:
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("BSD 3-Clause License")
    assert "creativecommons.org/licenses/by/4.0/" in (ROOT / "LICENSE-prose").read_text()
    assert "(LICENSE)" in README
    assert "(LICENSE-prose)" in README


def test_a_page_without_the_place_for_an_address_is_refused(copy: Path) -> None:
    (copy / "README.md").write_text("# Nothing here\n")
    with pytest.raises(ValueError, match=r"README.md has no <!-- badge -->"):
        pages.main([], copy)


def test_the_readme_does_not_begin_with_running_all() -> None:
    assert "Run All" not in README
