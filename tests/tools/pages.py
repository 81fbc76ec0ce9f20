"""Two facts are shown in several places: the course's address, and a lesson's minutes.

The address stands in pyproject.toml, once there is one; the minutes follow from
the notebook. `python3 course.py links` calls this file to write both where they are shown
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

    What is folded away (hints, cells tagged `solution`) is not counted, nor is code that
    stands in an earlier cell word for word, such as a program that is to be repaired.
    """
    cells = [cell for cell in notebook["cells"] if "solution" not in _tags(cell)]
    prose = [_source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    code = [_source(cell) for cell in cells if cell["cell_type"] == "code"]
    words = sum(len(_words(text)) for text in prose)
    fresh = [text for n, text in enumerate(code) if not any(text in each for each in code[:n])]
    lines = sum(len(text.splitlines()) for text in fresh)
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

URLS = re.compile(r'^\[project\.urls\]\nSource = "([^"]*)"\n\n', re.MULTILINE)
BEFORE = "# What builds the package is locked"  # in pyproject.toml, after the address


def source(root: Path = ROOT) -> str:
    """The public address of the course, from pyproject.toml; "" until there is one."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address: str = project.get("urls", {}).get("Source", "")
    return address.rstrip("/")


def addressed(project: str, address: str) -> str:
    """The text of pyproject.toml with the address in it."""
    urls = f'[project.urls]\nSource = "{address}"\n\n'
    return URLS.sub("", project).replace(BEFORE, urls + BEFORE, 1)


def binder(address: str) -> str:
    """The address that launches the course on Binder."""
    host, _, name = address.removeprefix("https://").partition("/")
    where = f"gh/{name}" if host == "github.com" else f"git/{quote(address, safe='')}"
    return f"https://mybinder.org/v2/{where}/HEAD?urlpath=lab/tree/{FIRST}"


FIRST = "notebooks/00-start-here.ipynb"
# What README.md says between `<!-- name -->` and `<!-- /name -->`: with an address, and without.
PARTS = {
    "badge": ("[![Launch on Binder][badge]][binder]", ""),
    "start": (
        """```
git clone {address} concurrency
cd concurrency
python3 course.py lab
```

With nothing installed, [launch it on Binder][binder].""",
        """Clone this repository, go into its folder, and call

```
python3 course.py lab
```""",
    ),
    "teachers": (
        """- **One link for the class**: the Binder button works for a demonstration, but a
  public Binder limits how many people use one repository at once.
- **JupyterHub**: build the image from this repository with repo2docker, or
  install the packages of `environment.yml` and then
  `pip install --no-deps git+{address}`.
  Give each learner two CPUs or more if you can: lesson 03 measures them.
- **nbgitpuller** puts the notebooks into each learner's folder and updates them
  without touching their changes. Replace `HUB` in this address by your hub:

```
https://HUB/hub/user-redirect/git-pull?repo={quoted}&branch=main&targetpath=concurrency&urlpath=lab%2Ftree%2Fconcurrency%2Fnotebooks%2F00-start-here.ipynb
```""",
        """- **JupyterHub**: build the image from this repository with repo2docker, or
  install the packages of `environment.yml` and then, in a clone of it,
  `pip install --no-deps .`
  Give each learner two CPUs or more if you can: lesson 03 measures them.""",
    ),
    "links": (
        """[badge]: https://mybinder.org/badge_logo.svg
[binder]: {binder}
[source]: {address}""",
        "",
    ),
}


def parts(readme: str, address: str) -> str:
    """README.md with what depends on the address."""
    for name, (known, unknown) in PARTS.items():
        text = unknown
        if address:
            quoted = quote(address, safe="")
            text = known.format(address=address, binder=binder(address), quoted=quoted)
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = readme.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"README.md has no {begin.strip()} ... {end}")
        readme = f"{before}{begin}{text}\n{end}{after}" if text else f"{before}{begin}{end}{after}"
    return readme


# --------------------------------------------------------------------- pages


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


def main(arguments: list[str], root: Path = ROOT) -> int:
    if arguments:
        address = arguments[0].removesuffix(".git").rstrip("/")
        if len(arguments) > 1 or not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", address):
            print(f"The address must be https:// with a path, not {' '.join(arguments)}.")
            return 1
        project = root / "pyproject.toml"
        text = addressed(project.read_text(encoding="utf-8"), address)
        project.write_text(text, encoding="utf-8", newline="\n")
    readme = root / "README.md"
    for path in [*sorted(root.glob("notebooks/*.ipynb")), readme]:
        before = path.read_text(encoding="utf-8")
        after = parts(before, source(root)) if path == readme else lesson(before)
        after = refreshed(after, root)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"{path.relative_to(root).as_posix()} is up to date now.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
