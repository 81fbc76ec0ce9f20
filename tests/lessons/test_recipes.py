"""The recipes of lesson 06 do what their sentences say: they are run as they stand there."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.work import count_words
from helpers.work.real_work import texts

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "06-choosing.ipynb"
LATE = 10.0  # seconds


def recipes() -> dict[str, Any]:
    """What the listings define, by name."""
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    known: dict[str, Any] = {}
    for listing in re.findall(r"^```python\n(.*?)^```", prose, re.DOTALL | re.MULTILINE):
        exec(listing, known)
    return known


def test_each_recipe_is_there() -> None:
    assert {"fetch_all", "first_answer", "compute_all", "fetch_many"} <= recipes().keys()


def odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(number)
    return 10 * number


def test_a_failure_ends_nobody_else_and_each_result_is_known_by_its_url() -> None:
    pages, failed = recipes()["fetch_all"](odd, range(6))
    assert pages == {1: 10, 3: 30, 5: 50}
    assert {number: str(error) for number, error in failed.items()} == {0: "0", 2: "2", 4: "4"}


def test_the_first_answer_is_taken_and_nobody_waits_for_the_others() -> None:
    gate, before = threading.Event(), set(threading.enumerate())

    def fetch(url: str) -> str:
        if url != "quick":
            gate.wait(LATE)
        return url

    assert recipes()["first_answer"](fetch, ["slow", "quick", "slower"]) == "quick"
    assert not gate.is_set()
    gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(LATE)
    assert set(threading.enumerate()) <= before


def test_what_has_not_begun_is_never_asked() -> None:
    asked = []

    def fetch(url: int) -> int:
        asked.append(url)
        time.sleep(0.1)
        return url

    assert recipes()["first_answer"](fetch, range(50), LATE, 2) in (0, 1)
    assert len(asked) < 10


def test_no_answer_in_time_is_an_error() -> None:
    with pytest.raises(TimeoutError, match=r"no answer in 0\.01 seconds"):
        recipes()["first_answer"](lambda _: time.sleep(0.2), ["slow"], 0.01)


def test_processes_compute_in_chunks_and_keep_the_order() -> None:
    paths = texts()[:7]
    assert recipes()["compute_all"](count_words, paths, 2, 3) == [*map(count_words, paths)]


def test_tasks_wait_at_once_but_not_more_than_allowed() -> None:
    here, most = 0, 0

    async def fetch(url: int) -> int:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await asyncio.sleep(0.001)
        here -= 1
        return -url

    assert asyncio.run(recipes()["fetch_many"](fetch, range(50), 7)) == [-n for n in range(50)]
    assert most == 7
