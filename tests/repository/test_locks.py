"""What is installed is pinned: every package by its hash, nothing by a place on the network."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = PROJECT["project"]["dependencies"]
CLUSTER = PROJECT["project"]["optional-dependencies"]["cluster"]
DEV = CLUSTER + PROJECT["project"]["optional-dependencies"]["dev"]
LOCKS = ["requirements.lock", "requirements-cluster.lock", "requirements-dev.lock"]
BUILD = PROJECT["dependency-groups"]["build"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pinned(name: str) -> dict[tuple[str, str], str]:
    """Package and marker to version, as a lock file has them."""
    found = re.findall(r"^([\w.-]+)==([^ ]+)(?: ; (.*?))? \\$", text(name), re.MULTILINE)
    return {(canonicalize_name(package), marker): version for package, version, marker in found}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_packages_and_hashes_and_no_host(name: str) -> None:
    for line in text(name).splitlines():
        if line.startswith(("    #", "# This file")):
            continue
        assert re.fullmatch(
            r"#    python3 course\.py lock"
            r"|[\w.-]+==[\w.]+(?: ; .+)? \\"
            r"|    --hash=sha256:[0-9a-f]{64}(?: \\)?",
            line,
        ), line
    assert not re.search(r"\w+://|file:|localhost|--index|--find-links|[^\w]/\w+/", text(name))


@pytest.mark.parametrize(
    ("name", "asked"),
    zip(LOCKS, [RUNTIME + BUILD, RUNTIME + BUILD + CLUSTER, RUNTIME + BUILD + DEV], strict=True),
)
def test_a_lock_satisfies_what_pyproject_asks_for(name: str, asked: list[str]) -> None:
    for requirement in map(Requirement, asked):
        versions = [
            version
            for (package, _), version in pinned(name).items()
            if package == canonicalize_name(requirement.name)
        ]
        assert versions, f"{requirement.name} is not in {name}; call python3 course.py lock"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize(("less", "more"), pairwise(LOCKS))
def test_each_lock_repeats_the_one_before_it_exactly(less: str, more: str) -> None:
    both = versions(more)
    assert {package: both.get(package) for package in versions(less)} == versions(less)


def versions(name: str) -> dict[str, frozenset[str]]:
    """Of each package; where more packages want it, it may be wanted on more systems."""
    found: dict[str, set[str]] = {}
    for (package, _), version in pinned(name).items():
        found.setdefault(package, set()).add(version)
    return {package: frozenset(of) for package, of in found.items()}


def test_what_builds_the_package_is_locked_too() -> None:
    assert PROJECT["build-system"]["requires"] == [BUILD[0]]


def test_every_dependency_has_a_lowest_version() -> None:
    for requirement in map(Requirement, RUNTIME + DEV + BUILD):
        assert any(part.operator == ">=" for part in requirement.specifier), requirement
