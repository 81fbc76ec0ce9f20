"""What the programs of lesson 04 do on real threads is among what the explorer says they can do.

The programs are taken from the cells of the notebook, so these are the ones a
learner sees.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rules import FOLDER, Page

from helpers import work
from helpers.contention import table
from helpers.deadline import DeadlinePassed, deadline
from helpers.interleave import explore
from helpers.run import run
from stacks import explore_on_stacks

PAGE = Page(FOLDER / "04-synchronization.ipynb")
RUNS = 200
PROGRAMS = """
programs = {
    "program": program,
    "safe": safe,
    "lazily": lazily,
    "letter": letter,
    "shop, while": lambda: shop(with_while),
    "shop, if": lambda: shop(with_if),
    "crossed": crossed,
}
"""
FINE = ["safe", "letter", "shop, while"]
FAILS = {
    "program": "race",
    "lazily": "race",
    "shop, if": "exception",
    "crossed": "deadlock",
}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A module of the lesson's imports and functions, and the programs made of them."""
    kept: list[ast.stmt] = []
    for cell in PAGE.code:
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef)
        kept += [node for node in cell.tree.body if isinstance(node, kinds)]
    path: Path = tmp_path_factory.mktemp("lesson") / "lesson_04.py"
    path.write_text(ast.unparse(ast.Module(kept, [])) + PROGRAMS, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("lesson_04", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chosen(lesson: ModuleType, name: str) -> Callable[[], None]:
    program: Callable[[], None] = lesson.programs[name]
    return program


@pytest.mark.parametrize("name", FINE)
def test_no_schedule_of_a_repaired_program_fails(lesson: ModuleType, name: str) -> None:
    report = explore(chosen(lesson, name))
    assert report.ok, str(report)


@pytest.mark.parametrize("name", FAILS)
def test_a_broken_program_fails_as_the_lesson_says(lesson: ModuleType, name: str) -> None:
    report = explore(chosen(lesson, name))
    assert report.verdict == FAILS[name], str(report)
    assert report.complete


@pytest.mark.parametrize("name", [*FINE, *FAILS])
def test_on_one_thread_that_switches_stacks_the_report_is_the_same(
    lesson: ModuleType, name: str
) -> None:
    program = chosen(lesson, name)
    one, other = explore(program), explore_on_stacks(program)
    assert (str(other), other.counts) == (str(one), one.counts)


@pytest.mark.parametrize("name", [*FINE, *FAILS])
def test_real_threads_do_nothing_that_the_explorer_calls_impossible(
    lesson: ModuleType, name: str
) -> None:
    program = chosen(lesson, name)
    possible = {what.partition(" in ")[0] for what in explore(program).counts}
    seen: set[str] = set()
    for _ in range(RUNS):
        seen.add(_really(program))
        if "deadlock" in seen:
            break  # each would take its whole deadline
    assert seen <= possible


def test_of_34_650_schedules_of_three_threads_with_two_updates_each_34_560_lose() -> None:
    def program() -> None:
        total = 0

        def twice() -> None:
            nonlocal total
            total += 1
            total += 1

        threads = [threading.Thread(target=twice) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert total == 6, "lost"

    report = explore(program, every=True, budget=40_000)
    assert report.complete
    assert report.counts == {"ok": 90, "lost": 34_560}


def _really(program: Callable[[], None]) -> str:
    """How a run on real threads ends, in the words of the explorer."""
    errors: list[BaseException] = []
    before = threading.excepthook
    threading.excepthook = lambda args: errors.append(args.exc_value or args.exc_type())
    try:
        with deadline(3):
            program()
    except DeadlinePassed:
        return "deadlock"
    except AssertionError as error:
        return str(error)
    finally:
        threading.excepthook = before
    return f"{type(errors[0]).__name__}: {errors[0]}" if errors else "ok"


def test_who_needs_two_places_starves_unless_there_is_a_turnstile() -> None:
    before = []
    for turnstile in (None, threading.Lock()):
        spans = table(turnstile).spans
        (large,) = [span for span in spans if span.name == "has 2"]
        before.append(sum(span.start < large.start for span in spans if span.name == "has 1"))
    assert before[1] < 12, "nobody who came later has passed"
    assert before[0] > before[1]


def test_the_recorded_table_is_what_was_recorded() -> None:
    recorded = json.loads((FOLDER / "recorded" / "torn.json").read_text(encoding="utf-8"))
    (shown,) = [cell.text for cell in PAGE.prose if cell.id == "lost-explained"]
    for row in recorded["rows"]:
        build = "" if row["build"] == "GIL" else f", {row['build']}"
        shares = [f"{lost['median']:.0%}" for lost in row["lost"].values()]
        version = row["python"].rpartition(".")[0]
        assert f"| {version}{build} | {' | '.join(shares)} |" in shown
    assert f"{recorded['rounds']} times each" in shown


def test_a_folded_listing_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """A pool of two connections, and one who waits alone at a barrier."""
    names = {"Barrier": threading.Barrier, "BoundedSemaphore": threading.BoundedSemaphore}
    space: dict[str, Any] = {**names, "run": run, "work": work}
    space["together"] = lambda function: function()
    prose = "\n".join(cell.text for cell in PAGE.prose)
    listings = re.findall(r"```python\n(.*?)```", prose, re.DOTALL)
    assert len(listings) == 2
    for listing in listings:
        exec(listing, space)
    assert sorted(space["free"]) == ["connection 1", "connection 2"]
    said = capsys.readouterr().out.strip()
    assert said == "Turned back. Is the barrier broken? True"
    assert f"It prints `{said}`" in prose
