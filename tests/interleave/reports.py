"""What the explorer says of each program: it is the same, to the byte, on every Python.

    python tests/interleave/reports.py            # which programs differ?
    python tests/interleave/reports.py --write    # new words, new programs

Needs nothing but Python and `helpers`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from programs_told import PROGRAMS

from helpers.interleave import explore, replay

STORED = Path(__file__).with_name("reports.txt")
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


if __name__ == "__main__":
    if "--write" in sys.argv:
        STORED.write_text("".join(map(page, PROGRAMS)), encoding="utf-8")
    before = stored()
    print(*(p.__name__ for p in PROGRAMS if page(p) != before.get(p.__name__)))
