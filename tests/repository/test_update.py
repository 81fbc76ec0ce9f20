"""A learner takes a new version of the course, and nothing that was written is lost: with git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import update

ROOT = Path(__file__).resolve().parents[2]
LESSON = "notebooks/00-start-here.ipynb"
ANSWER = "def shares(tl):\n    return {}"

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """The course as others publish it."""
    folder = tmp_path / "upstream"
    (folder / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / LESSON, folder / LESSON)
    shutil.copy(ROOT / ".gitignore", folder)
    shutil.copy(ROOT / "course.py", folder)
    (folder / "tests" / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "tools" / "update.py", folder / "tests" / "tools")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


@pytest.fixture
def course(upstream: Path, tmp_path: Path) -> Path:
    """A learner's clone, in which an exercise is solved, all was run, and notes were taken."""
    folder = tmp_path / "my course"
    git(tmp_path, "clone", "--quiet", str(upstream), str(folder))
    page = read(folder)
    find(page, "shares-starter")["source"] = ANSWER
    find(page, "title")["source"] += "\nMy note."
    for cell in page["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], 7
    own = {**nbformat.v4.new_code_cell("mine = 1"), "id": "my-own-cell"}
    page["cells"].insert(ids(page).index("shares-starter") + 1, own)
    page["metadata"]["language_info"]["version"] = "3.14.0"
    write(folder, page)
    (folder / "notebooks" / "progress.sqlite").write_bytes(b"kept")
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "A version")


def new_version(upstream: Path) -> None:
    page = read(upstream)
    find(page, "shares-check")["source"] = "# better\ncheck('start.shares', shares)"
    find(page, "shares-starter")["source"] = "def shares(tl): ..."
    find(page, "first-timeline")["outputs"] = []
    del page["cells"][ids(page).index("overlap-look")]
    fresh = {**nbformat.v4.new_markdown_cell("New."), "id": "new-cell"}
    page["cells"].insert(3, fresh)
    write(upstream, page)
    commit(upstream)


def read(folder: Path) -> dict[str, Any]:
    page: dict[str, Any] = json.loads((folder / LESSON).read_text(encoding="utf-8"))
    for cell in page["cells"]:
        cell["source"] = "".join(cell["source"])
    return page


def write(folder: Path, page: dict[str, Any]) -> None:
    (folder / LESSON).write_text(json.dumps(page, indent=1), encoding="utf-8", newline="\n")


def find(page: dict[str, Any], name: str) -> dict[str, Any]:
    cell: dict[str, Any] = page["cells"][ids(page).index(name)]
    return cell


def ids(page: dict[str, Any]) -> list[str]:
    return [cell["id"] for cell in page["cells"]]


def test_an_update_brings_what_is_new_and_keeps_what_was_written(
    upstream: Path, course: Path
) -> None:
    new_version(upstream)
    before = (course / LESSON).read_bytes()
    done = subprocess.run(
        [sys.executable, "course.py", "update"],
        cwd=course,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert f"What you wrote stands in {LESSON}." in done.stdout
    page = read(course)
    nbformat.validate(page)
    assert find(page, "shares-starter")["source"] == ANSWER
    assert find(page, "title")["source"].endswith("My note.")
    assert ids(page)[ids(page).index("shares-starter") + 1] == "my-own-cell"
    assert find(page, "shares-check")["source"].startswith("# better")
    assert find(page, "new-cell")["source"] == "New."
    assert "overlap-look" not in ids(page)
    assert (course / ".before-update" / LESSON).read_bytes() == before
    assert (course / "notebooks" / "progress.sqlite").read_bytes() == b"kept"
    assert update.update(course) == [LESSON]  # a second time nothing changes any more
    assert read(course) == page


def test_what_was_only_run_is_taken_anew(upstream: Path, course: Path) -> None:
    page = read(upstream)
    for cell in page["cells"]:
        cell |= {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    write(course, page)
    new_version(upstream)
    assert update.update(course) == []
    assert (course / LESSON).read_bytes() == (upstream / LESSON).read_bytes()


@pytest.mark.parametrize("trouble", ["a commit of one's own", "another file", "nobody answers"])
def test_where_git_cannot_take_it_all_is_left_as_it_was(
    upstream: Path, course: Path, trouble: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new_version(upstream)
    if trouble == "a commit of one's own":
        (course / "mine.txt").write_text("mine")
        git(course, "add", "mine.txt")
        git(course, "commit", "--quiet", "-m", "Mine", "--", "mine.txt")
    elif trouble == "another file":
        (course / "course.py").write_text("mine")
    else:
        upstream.rename(upstream.with_name("elsewhere"))
    before = (course / LESSON).read_bytes()
    assert update.main(course) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert (course / LESSON).read_bytes() == before
