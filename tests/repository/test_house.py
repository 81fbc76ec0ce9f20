"""The house keeps its measures: no long file, a core that can be read alone, no mutant lost."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HELPERS, TESTS = ROOT / "helpers", ROOT / "tests" / "interleave"
CORE = (
    "step", "pace", "sharing", "unread", "states", "spin", "workers", "run", "search", "graph",
    "replay", "progress", "exploration",
)  # fmt: skip
READ_FIRST = ("step", "workers", "run", "search", "exploration")
TOP, LINES, CORE_LINES, ATTRIBUTES = 24, 600, 1_360, 20
MUTANTS = {"test_twins_mutants.py": 43, "test_search_mutants.py": 26}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def attributes(kind: ast.ClassDef) -> set[str]:
    """What the methods of a class, `__init__` above all, put into `self`."""
    return {
        node.attr
        for node in ast.walk(kind)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def of_helpers(path: Path) -> set[str]:
    """What of `helpers` a module imports, lazily or for its types, too: "run", "..ending"."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            found |= {name for name in names if name.split(".")[0] == HELPERS.name}
        elif isinstance(node, ast.ImportFrom):
            above = "." * max(node.level - 1, 0)
            if node.level and not node.module:  # from . import run
                found |= {above + alias.name for alias in node.names}
            elif node.level or (node.module or "").split(".")[0] == HELPERS.name:
                found.add(above + (node.module or ""))
    return found


def test_no_file_is_long() -> None:
    assert {p.name: lines(p) for p in HELPERS.rglob("*.py") if lines(p) > LINES} == {}


def test_the_top_floor_has_few_rooms() -> None:
    rooms = [p for p in HELPERS.iterdir() if p.name[0] != "_" and (p.is_dir() or p.suffix == ".py")]
    assert len(rooms) <= TOP


def test_a_run_has_few_attributes() -> None:
    tree = parsed(HELPERS / "interleave" / "run.py")
    run = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Run")
    assert 0 < len(attributes(run)) <= ATTRIBUTES


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_nothing_else_of_the_engine(name: str) -> None:
    assert of_helpers(HELPERS / "interleave" / f"{name}.py") <= set(CORE)


def test_the_core_is_short_enough_to_be_read_at_once() -> None:
    assert sum(lines(HELPERS / "interleave" / f"{name}.py") for name in READ_FIRST) <= CORE_LINES


@pytest.mark.parametrize("name", MUTANTS)
def test_no_mutant_is_lost(name: str) -> None:
    values = [
        node.value
        for node in parsed(TESTS / name).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MUTANTS"
    ]
    assert len(values) == 1
    assert isinstance(values[0], ast.Dict | ast.List)
    mutants = values[0].values if isinstance(values[0], ast.Dict) else values[0].elts
    assert len(mutants) >= MUTANTS[name]
