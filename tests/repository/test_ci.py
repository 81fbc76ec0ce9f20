"""What runs elsewhere runs the commands of README, and notices a browser test that did not run."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".ci" / "run"


def test_ci_runs_the_test_command_of_readme_last_and_check_before() -> None:
    script = RUN.read_text(encoding="utf-8")
    assert "python3 course.py test\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"python3 course\.py \w+", script)
    assert commands == ["python3 course.py check", "python3 course.py test"]
    if os.name != "nt":
        assert RUN.stat().st_mode & stat.S_IXUSR


@pytest.mark.skipif(os.name == "nt", reason="the script is for Debian")
@pytest.mark.parametrize(
    ("check", "test", "code"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 3, 3), (0, 5, 5)]
)
def test_ci_runs_both_and_fails_if_either_does(
    tmp_path: Path, check: int, test: int, code: int
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(RUN, tmp_path / ".ci")
    lines = ["import os, sys", "print(sys.argv[1], os.environ['CI'])"]
    lines += [f"sys.exit({{'check': {check}, 'test': {test}}}[sys.argv[1]])"]
    (tmp_path / "course.py").write_text("\n".join(lines))
    for name in ("chromium", "git"):  # so that nothing is installed here
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([tmp_path / ".ci" / "run"], env=env, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["check true", "test true"]
    assert done.returncode == code


def test_the_workflow_covers_three_systems_and_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14", "3.15"]
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 failed, 1 skipped"), ("", "2 skipped")])
def test_a_skipped_browser_test_fails_only_where_ci_is_set(
    tmp_path: Path, ci: str, outcome: str
) -> None:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = browser\n")
    lines = ["import pytest", "@pytest.mark.browser", "def test_page():", "    pytest.skip('none')"]
    lines += ["def test_other():", "    pytest.skip('of no interest')"]
    (tmp_path / "test_both.py").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert outcome in done.stdout
