"""Binder would build what we mean: its Dockerfile is rendered here, which needs no engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import course

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}  # without Qt


def ranges() -> dict[str, str]:
    """Package to range, for what environment.yml asks for."""
    found = [re.match(r"([\w-]+)(.*)", line) for line in ENVIRONMENT["dependencies"]]
    return {match[1]: match[2] for match in found if match}


def test_binder_reads_a_copy_of_the_environment_that_is_equal_to_the_byte() -> None:
    copy = ROOT / "binder" / "environment.yml"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (ROOT / "environment.yml").read_bytes()


def test_the_environment_is_a_plain_list_for_one_exact_supported_python() -> None:
    assert set(ENVIRONMENT) == {"name", "channels", "dependencies"}
    assert all(isinstance(line, str) for line in ENVIRONMENT["dependencies"])
    exact = re.fullmatch(r"=(3\.\d+)", ranges()["python"])
    assert exact
    assert exact[1] in SpecifierSet(PROJECT["requires-python"])


def test_the_environment_asks_for_the_ranges_of_pyproject() -> None:
    optional = PROJECT["optional-dependencies"]
    asked = {
        CONDA_NAMES.get(it.name, it.name): it.specifier
        for it in map(Requirement, [*PROJECT["dependencies"], *optional["cluster"]])
    }
    found = {name: SpecifierSet(it) for name, it in ranges().items() if name != "python"}
    assert found.pop("pip") == SpecifierSet()
    assert found == asked


def test_postbuild_is_a_unix_script_that_anyone_may_run() -> None:
    script = ROOT / "binder" / "postBuild"
    assert script.read_bytes().startswith(b"#!/bin/bash\n")
    assert b"\r" not in script.read_bytes()
    if os.name != "nt":  # Windows has no such bit; git keeps it
        assert script.stat().st_mode & stat.S_IXOTH


def test_postbuild_furnishes_jupyterlab_as_course_py_does(tmp_path: Path) -> None:
    *_, furnish, trust = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8").splitlines()
    assert trust == "jupyter trust notebooks/*.ipynb notebooks/*/*.ipynb"
    python, option, code = shlex.split(furnish)
    assert (python, option) == ("python", "-c")
    code = code.replace("sys.prefix", repr(str(tmp_path)))
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    overrides = tmp_path / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    assert json.loads(overrides.read_text(encoding="utf-8")) == course.SETTINGS


@pytest.fixture(scope="module")
def buildpack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What repo2docker makes of the files that decide it."""
    if sys.platform == "win32":
        pytest.skip("repo2docker does not run on Windows")
    from repo2docker.app import Repo2Docker
    from repo2docker.buildpacks import CondaBuildPack

    folder = tmp_path_factory.mktemp("binder")
    shutil.copytree(ROOT / "binder", folder / "binder")
    for name in ("environment.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        pack = CondaBuildPack(Repo2Docker().base_image)
        pack.platform = "linux/amd64"
        assert pack.detect()
        first = next(it for it in Repo2Docker().buildpacks if it(pack.base_image).detect())
        assert first is CondaBuildPack
        yield pack
    finally:
        os.chdir(before)


def test_binder_takes_our_python_and_our_environment(buildpack: Any) -> None:
    assert f"={buildpack.python_version}" == ranges()["python"]
    assert buildpack.binder_path("environment.yml") == "binder/environment.yml"


def test_binder_builds_the_packages_before_the_lessons_so_that_they_are_cached(
    buildpack: Any,
) -> None:
    dockerfile = buildpack.render(build_args={})
    lines = [line.strip() for line in dockerfile.splitlines()]

    def first(part: str) -> int:
        return next(number for number, line in enumerate(lines) if part in line)

    environment = first("COPY --chown=1000:1000 src/binder/environment.yml")
    packages = first("env update")
    everything = first("COPY --chown=1000:1000 src/ ")
    assert environment < packages < everything < first("binder/postBuild")
    assert buildpack._should_preassemble_env
