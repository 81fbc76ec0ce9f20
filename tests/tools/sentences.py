"""Every sentence of the lessons that says a number, "always" or "never", and what backs it.

    python3 course.py sentences        the table: lesson, sentence, check

What backs a sentence stands in tests/lessons/sentences.toml, in a table for each
page. It is the id of a code cell of this notebook, a test as pytest names it
(tests/lessons/test_facts.py::test_...) or a page (https://...); several are divided
by a space. The command brings the file up to date: a sentence that is new, or says
something else than before, gets a "?", which `test_sentences` refuses. Standard
library only. The cell of another notebook is called 01-concurrency#check-laws.

Left out are questions, and what others hold: the head of a lesson (`rules`,
`course.py links`), exercises (their checks), its words and its further reading.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "lessons" / "sentences.toml"
OPEN = "?"

NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve fourteen sixteen twenty hundred"
    " thousand million half twice"
)
NUMBER = re.compile(rf"\d|\b({NUMBERS.replace(' ', '|')})\b", re.IGNORECASE)
ALWAYS = re.compile(r"\b(always|never|for ever)\b", re.IGNORECASE)
REFERENCE = re.compile(
    r"\b(lesson|prediction|picture|PEP)s? \d+b?((, | and | to )\d+)*|\b0\db?\b"
    r"|\bC\d+\b|\bgh-\d+|\b(the|these|those)( same)? (two|three)\b",
    re.IGNORECASE,
)
LEFT_OUT = re.compile(
    r"^\*[^*]*\d+ minutes?\.\*|^\*\*(Break|Repair) it\.|^<details>|^## (Words|Further reading)$"
    r"|\d minutes? to read|\| \d+ \+ \d+ \|$",
    re.MULTILINE,
)


class Sentence(NamedTuple):
    page: str
    where: str  # the id of its cell
    text: str

    @property
    def always(self) -> bool:
        return bool(ALWAYS.search(self.text))


def pages() -> list[Path]:
    """The lessons in their order, and the glossary."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]*-*.*"))


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def texts(path: Path) -> list[tuple[str, str]]:
    """Of a lesson the cells of text with their ids, of the glossary its entries; no heads."""
    if path.suffix == ".md":
        entries = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        return [(entry.split("\n")[0], entry) for entry in entries[1:]]
    found = [cell for cell in cells(path) if cell["cell_type"] == "markdown"]
    return [(cell["id"], "".join(cell["source"])) for cell in found[1:]]


def said(path: Path) -> Iterator[Sentence]:
    """The sentences of a page that need backing, in their order."""
    for where, text in texts(path):
        for sentence in sentences(text) if not LEFT_OUT.search(text) else ():
            plain = REFERENCE.sub("", sentence)
            says = NUMBER.search(plain) or ALWAYS.search(plain)
            if says and not plain.endswith("?"):
                yield Sentence(path.stem, where, sentence)


def sentences(markdown: str) -> Iterator[str]:
    """Its sentences, items and rows of tables, as they are read: no headings, marks or links."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*(?=\D|$)", "", text)  # of 10**10 they are no marks
    for block in re.split(r"\n\s*\n|\n(?=[-|])|\n(?=#)|(?<=#)[^#\n]*\n", text):
        line = " ".join(block.split()).strip("- ")
        if not line.startswith("#"):
            yield from re.split(r"(?<=[.!?])\)?\s+(?=[A-Z`*\[(])", line)


def backing() -> dict[str, dict[str, str]]:
    """By notebook and sentence: what backs it."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}


def up_to_date() -> str:
    """The file as it has to be: all sentences that there are, and what is known of them."""
    known, lines = backing(), []
    for path in pages():
        lines += [f"[{path.stem}]"]
        for text in dict.fromkeys(sentence.text for sentence in said(path)):
            check = known.get(path.stem, {}).get(text, OPEN)
            lines.append(f"{_quoted(text)} = {_quoted(check)}")
        lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def wanting(sentence: Sentence, check: str) -> str:
    """What is wrong with a check; nothing if it backs the sentence."""
    if check.strip() in ("", OPEN):
        return "nothing backs it"
    wrong = (_wanting(sentence, each) for each in check.split())
    return "; ".join(filter(None, wrong))


def _wanting(sentence: Sentence, check: str) -> str:
    if check.startswith("https://"):
        return ""
    if check.startswith("tests/"):
        file, _, name = check.partition("::")
        path = ROOT / file
        there = path.exists() and f"def {name}(" in path.read_text(encoding="utf-8")
        return "" if there else f"there is no test {check}"
    notebook, _, name = check.rpartition("#")
    path = ROOT / "notebooks" / f"{notebook or sentence.page}.ipynb"
    found = cells(path) if path.exists() else []
    cell = next((each for each in found if each["id"] == name), None)
    if cell is None or cell["cell_type"] != "code":
        return f"there is no code cell {check}"
    compared = cell["outputs"] and "nbval-ignore-output" not in cell["metadata"].get("tags", [])
    if sentence.always and not compared and "assert " not in "".join(cell["source"]):
        return f"{check} asserts nothing, and shows nothing that is the same in every run"
    return ""


def main() -> int:
    TABLE.write_text(up_to_date(), encoding="utf-8")
    known, open_ones = backing(), 0
    for path in pages():
        for sentence in said(path):
            check = known[path.stem][sentence.text]
            print(f"{sentence.page} | {sentence.text} | {check}")
            if wrong := wanting(sentence, check):
                open_ones += 1
                print(f"    at {sentence.where}: {wrong}")
    print(f"{open_ones} of them to be looked at, in {TABLE.relative_to(ROOT).as_posix()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
