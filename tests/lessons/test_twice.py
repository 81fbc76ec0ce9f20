"""Every cell can be run again: learners press Shift+Enter more than once.

A lesson takes a minute or more, so a short one is tried here, and all notebooks where
COURSE_TWICE is set: `COURSE_TWICE=1 pytest tests/lessons/test_twice.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from rules import FOLDER, notebooks

SHORT = FOLDER / "00-start-here.ipynb"
ALL = bool(os.environ.get("COURSE_TWICE"))


@pytest.mark.parametrize("path", [p for p in notebooks() if ALL or p == SHORT], ids=str)
def test_each_cell_of_a_lesson_can_be_run_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    page = nbformat.read(path, 4)
    there = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(page, timeout=60, kernel_name="python3", resources=there)
    failed = []
    with client.setup_kernel():
        for number, cell in enumerate(page.cells):
            for turn in ("first", "second") if cell.cell_type == "code" else ():
                try:
                    client.execute_cell(cell, number)
                except CellExecutionError as error:
                    failed.append(f"{cell.id}, {turn} run: {error.ename}: {error.evalue}")
    assert not failed, "\n".join(failed)
