"""A folder ends with its process, or with the next one; nobody else's is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import folders

ROOT = Path(__file__).parents[2]
WINDOWS = sys.platform == "win32"
CODE = """
import os, sys
from helpers.folders import temporary
with temporary(sys.argv[1], sys.argv[2]) as folder:
    open(os.path.join(folder, "file"), "w").close()
    print(folder, flush=True)
    {then}
"""


def make(kind: str, parent: Path, then: str = "pass") -> tuple[Path, int]:
    """A folder that another process makes, and the number of that process."""
    command = [sys.executable, "-c", CODE.format(then=then), kind, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        said, _ = process.communicate(timeout=60)
    return Path(said.strip()), process.pid


def sweep(parent: Path) -> None:
    folders._sweep.cache_clear()
    folders.prefix("any", str(parent))


def test_a_folder_goes_with_its_block(tmp_path: Path) -> None:
    with folders.temporary("album", str(tmp_path)) as name:
        Path(name, "file").touch()
        assert Path(name).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    make("album", tmp_path, "raise SystemExit")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_folder(tmp_path: Path) -> None:
    left, pid = make("album", tmp_path, "os._exit(1)")
    assert f"-{pid}-" in left.name
    assert left.is_dir()
    if WINDOWS:
        os.utime(left, times=(0, 0))
    other, _ = make("timeline", tmp_path)
    assert not left.exists()
    assert not other.exists()


def test_the_folders_of_those_who_live_are_kept(tmp_path: Path) -> None:
    with folders.temporary("album", str(tmp_path)) as mine:
        sweep(tmp_path)
        make("album", tmp_path)
        assert Path(mine).is_dir()


@pytest.mark.parametrize(
    "name",
    [
        f"album-{folders.HERE}-999999999-x",
        f"{folders.OURS}x",
        f"{folders.OURS}x-{folders.HERE}-9{'9' * 30}-y",
        f"{folders.OURS}album-another-999999999-x",
    ],
)
def test_what_is_not_ours_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    sweep(tmp_path)
    assert (tmp_path / name).is_dir()


def test_a_folder_of_another_computer_goes_after_a_day(tmp_path: Path) -> None:
    (tmp_path / f"{folders.OURS}album-another-999999999-x").mkdir()
    os.utime(tmp_path / f"{folders.OURS}album-another-999999999-x", times=(0, 0))
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(WINDOWS, reason="Windows has other numbers")
def test_a_process_of_somebody_else_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, signal: int) -> None:
        raise PermissionError if pid < 5 else ProcessLookupError

    monkeypatch.setattr(os, "kill", kill)
    for pid in range(1, 20):
        (tmp_path / f"{folders.OURS}album-{folders.HERE}-{pid}-x").mkdir()
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_temporary_directory_that_cannot_be_read_is_no_reason_to_fail(tmp_path: Path) -> None:
    sweep(tmp_path / "none")
