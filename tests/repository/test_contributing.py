"""CONTRIBUTING.md draws the house: its tree is held to the folders, its floors to the contract."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LINE = re.compile(r"( *)(\S+?)(/?)(?: {2,}(\S.*))?")
PACKAGES = sorted(path.parent for path in (ROOT / "helpers").rglob("__init__.py"))


def drawn() -> dict[str, str]:
    """What stands in the tree, by its path, with the words beside it."""
    above: list[str] = []
    found = {}
    for line in PAGE.split("```")[1].strip("\n").splitlines():
        parts = LINE.fullmatch(line)
        assert parts, line
        indent, name, folder, words = parts.groups()
        above[len(indent) // 4 :] = [name]
        found["/".join(above)] = words or ""
        assert (ROOT / "/".join(above)).is_dir() == bool(folder), line
    return found


def inside(folder: Path) -> set[str]:
    """The modules and packages in a folder; what begins with an underscore is its face."""
    return {
        path.name
        for path in folder.iterdir()
        if path.name[0] != "_" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_the_tree_has_each_module_of_the_package_and_no_other(folder: Path) -> None:
    here = folder.relative_to(ROOT).as_posix() + "/"
    known = {path.removeprefix(here) for path in drawn() if path.startswith(here)}
    assert {path for path in known if "/" not in path and path[0] != "_"} == inside(folder)


def test_the_tree_has_each_folder_of_tests_and_notebooks() -> None:
    for top in ("tests", "notebooks"):
        folders = {p.name for p in (ROOT / top).iterdir() if p.is_dir() and p.name[0] not in "._"}
        known = {p.split("/")[1] for p in drawn() if p.startswith(f"{top}/")}
        assert known == folders


def test_the_floors_are_those_of_the_contract() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contract = tomllib.load(file)["tool"]["importlinter"]["contracts"][0]
    floors = [
        re.findall(r"`(\w+)`", line) for line in PAGE.splitlines() if re.match(r"\d+\. `\w+`", line)
    ]
    assert floors == [layer.split(" | ") for layer in contract["layers"]]
