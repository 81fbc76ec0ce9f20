"""Two facts are shown in several places: the course's address, and a lesson's minutes.

The address stands in pyproject.toml, the minutes follow from the notebook.
`python3 course.py links` calls this file to write both where they are shown
(README.md, the map in lesson 00, and the top of each lesson). Standard library only.

A lesson says its time in one of its markdown cells, in these words:

    9 minutes to read, 25 minutes to do
"""

from __future__ import annotations

import json
import math
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
SAYS = re.compile(r"\b\d+ minutes? to read, \d+ minutes? to do\b")
ROW = re.compile(  # in README.md and, as a line of JSON, in lesson 00
    r'^( *"?\| \[[^]]+\]\((?:notebooks/)?([\w-]+\.ipynb)\) \|.*\| )\d+ \+ \d+( \|)(?=$|\\n)',
    re.MULTILINE,
)
SHOWN = re.compile(r"^\[source\]: (\S+)$", re.MULTILINE)


# -------------------------------------------------------------------- minutes

WORDS_A_MINUTE = 200
SECONDS_A_CODE_LINE = 4  # to read it
SECONDS_A_CELL = 15  # to run it and look at what it shows
MINUTES = {  # to think, turn or write
    re.compile(r"\bpredict\("): 1,
    re.compile(r"\bpanel\("): 3,
    re.compile(r"\bcheck\(|^%%check\b", re.MULTILINE): 6,
}


class Minutes(NamedTuple):
    read: int
    do: int

    def __str__(self) -> str:
        return f"{_minutes(self.read)} to read, {_minutes(self.do)} to do"


def minutes(notebook: dict[str, Any]) -> Minutes:
    """How long a lesson takes: reading, to the minute; doing, to five minutes, both rounded up.

    What is folded away (hints, cells tagged `solution`) is not counted.
    """
    cells = [cell for cell in notebook["cells"] if "solution" not in _tags(cell)]
    prose = [_source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    code = [_source(cell) for cell in cells if cell["cell_type"] == "code"]
    words = sum(len(_words(text)) for text in prose)
    lines = sum(len(text.splitlines()) for text in code)
    read = words / WORDS_A_MINUTE + lines * SECONDS_A_CODE_LINE / 60
    do = len(code) * SECONDS_A_CELL / 60
    do += sum(each * len(call.findall(text)) for text in code for call, each in MINUTES.items())
    return Minutes(max(1, math.ceil(read)), max(5, 5 * math.ceil(do / 5)))


def _words(markdown: str) -> list[str]:
    """What a reader reads: nothing folded away, no HTML tags, no addresses of links."""
    text = re.sub(r"<details>.*?</details>", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.findall(r"\w[\w'’-]*", text)


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: dict[str, Any]) -> list[str]:
    tags: list[str] = cell["metadata"].get("tags", [])
    return tags


def _minutes(number: int) -> str:
    return f"{number} minute" + "s" * (number != 1)


# -------------------------------------------------------------------- address


def source(root: Path = ROOT) -> str:
    """The public address of the course, from the one place where it stands."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address: str = project["urls"]["Source"]
    return address.rstrip("/")


def forms(address: str) -> list[str]:
    """Every way an address is written on a page: plain, inside another one, for Binder."""
    return [binder(address), quote(address, safe=""), address]


def binder(address: str) -> str:
    """The beginning of the address that launches the course on Binder."""
    host, _, name = address.removeprefix("https://").partition("/")
    where = f"gh/{name}" if host == "github.com" else f"git/{quote(address, safe='')}"
    return f"https://mybinder.org/v2/{where}/HEAD"


# --------------------------------------------------------------------- pages


def readdressed(page: str, old: str, new: str) -> str:
    """The page with every form of the old address replaced."""
    for before, after in zip(forms(old), forms(new), strict=True):
        page = after.join(re.split(re.escape(before) + r"(?![\w-])", page))
    return page


def refreshed(page: str, root: Path = ROOT) -> str:
    """README.md, or lesson 00, with the minutes of each lesson in its table, `read + do`."""

    def row(match: re.Match[str]) -> str:
        path = root / "notebooks" / match[2]
        if not path.exists():
            return match[0]
        time = minutes(json.loads(path.read_text(encoding="utf-8")))
        return f"{match[1]}{time.read} + {time.do}{match[3]}"

    return ROW.sub(row, page)


def lesson(page: str) -> str:
    """A notebook's text with its minutes as they are now."""
    return SAYS.sub(str(minutes(json.loads(page))), page)


def main(root: Path = ROOT) -> int:
    readme = root / "README.md"
    shown = SHOWN.search(readme.read_text(encoding="utf-8"))
    if not shown:
        print("README.md has no line that begins with [source]: and names its address.")
        return 1
    old, new = shown[1], source(root)
    for path in [*sorted(root.glob("notebooks/*.ipynb")), readme]:
        before = path.read_text(encoding="utf-8")
        after = readdressed(before, old, new)
        after = refreshed(after if path == readme else lesson(after), root)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"{path.relative_to(root).as_posix()} is up to date now.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
