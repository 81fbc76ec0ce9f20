"""Who may import whom: the contract in pyproject.toml, and what it cannot say."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
DOORS = 3  # imports that point up: what a Timeline and a report ask for when they are shown


def contracts() -> list[dict[str, Any]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return found


def doors() -> set[tuple[str, str]]:
    """Imports that are left out of a contract: (importer, imported)."""
    lines = {line for one in contracts() for line in one.get("ignore_imports", ())}
    pairs = (line.split(" -> ") for line in lines)
    return {(importer, imported) for importer, imported in pairs}


def circles(graph: grimp.ImportGraph) -> list[tuple[str, ...]]:
    """Two modules and the way on which each reaches the other; a package counts as its file."""
    found = []
    for module in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(module) - {module}):
            if back := graph.find_shortest_chain(imported, module):
                found.append((module, *back))
    return found


def graph() -> grimp.ImportGraph:
    """All imports, those inside of functions and those for types included."""
    return grimp.build_graph("helpers", cache_dir=None, exclude_type_checking_imports=False)


def test_the_contract_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_cache=True) == 0


def test_no_module_reaches_itself_but_through_a_declared_door() -> None:
    found = graph()
    assert len(doors()) <= DOORS
    for importer, imported in doors():
        found.remove_import(importer=importer, imported=imported)
    assert circles(found) == []


def test_a_circle_would_be_seen() -> None:
    found = graph()
    assert ("helpers.timeline.recorder", "helpers.timeline.picture") in {
        c[:2] for c in circles(found)
    }
