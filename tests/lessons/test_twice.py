"""Every cell can be run again: learners press Shift+Enter more than once, and go back.

A lesson takes a minute or more, so a short one is tried here, and all notebooks where
COURSE_TWICE is set: `COURSE_TWICE=1 pytest tests/lessons/test_twice.py`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from rules import FOLDER, notebooks

SHORT = FOLDER / "00-start-here.ipynb"
ALL = bool(os.environ.get("COURSE_TWICE"))


@pytest.mark.parametrize("path", [p for p in notebooks() if ALL or p == SHORT], ids=str)
def test_each_cell_of_a_lesson_can_be_run_twice_and_in_any_order_once_all_have_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    page = nbformat.read(path, 4)
    there = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(page, timeout=60, kernel_name="python3", resources=there)
    seed = random.randrange(10**6)
    failed = []
    with client.setup_kernel():
        for cell, turn in turns([c for c in page.cells if c.cell_type == "code"], seed):
            try:
                client.execute_cell(cell, page.cells.index(cell))
            except CellExecutionError as error:
                failed.append(f"{cell.id}, {turn}: {error.ename}: {error.evalue}")
    assert not failed, "\n".join(failed)


def turns(cells: list[Any], seed: int) -> Iterator[tuple[Any, str]]:
    """Each cell twice in order; then, in an order that the seed says, each once more."""
    for cell in cells:
        yield from ((cell, f"{turn} run") for turn in ("first", "second"))
    for cell in random.Random(seed).sample(cells, len(cells)):
        yield cell, f"in the order of seed {seed}"
