"""The standard library's own code stands in sight, or Dask's, in a share of the cells that teach.

A cell teaches unless it asks, answers, checks, moves a slider, shows a board, hints, or tells how
far somebody has come. It contains real code if it uses what comes from one of MODULES: an import
alone is none, a pool that another cell has made is some. Programs in strings and in written files
count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from rules import TELLING, Cell, Page, called, called_last, lessons

LEAST = {  # the share of each lesson, by its number: a third, or a half
    "00": 0.34,
    "01": 0.34,
    "02": 0.5,
    "03": 0.35,
    "03b": 0.7,
    "04": 0.5,
    "04b": 0.6,
    "04c": 0.8,
    "05": 0.5,
    "06": 0.4,
    "07": 0.5,
    "08": 0.5,
    "09": 0.5,
    "10": 0.35,
}
MODULES = {"threading", "multiprocessing", "concurrent", "queue", "asyncio", "dask"}
GIVES = {"cluster.connect"}  # of helpers, and what it gives is not: a client of Dask
HELPING = {"predict", "measured", "check", "hint", "move", "play"}


def teaching(page: Page) -> list[Cell]:
    """The code cells that teach."""
    helping = {cell.id for cell, call in page.calls if called(call) in HELPING}
    return [
        cell
        for cell in page.code
        if cell.id not in helping
        and not cell.tags & {"answer", "yours"}
        and called_last(cell) not in TELLING
        and not only_checks(cell.tree)
    ]


def only_checks(tree: ast.Module) -> bool:
    """Whether it asserts, and does nothing else than to say so."""
    kinds = (ast.Assert, ast.Assign, ast.For, ast.If, ast.Import, ast.ImportFrom, ast.FunctionDef)
    rest = [node for node in tree.body if not isinstance(node, kinds)]
    prints = all(isinstance(n, ast.Expr) and _root(n.value) == "print" for n in rest)
    return prints and any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def real(page: Page) -> set[str]:
    """The ids of the cells that contain real code."""
    known: set[str] = set()
    return {
        cell.id
        for cell in page.code
        if _uses(cell.tree, known) or any(_uses(tree, {*known}) for tree in _programs(cell))
    }


def _programs(cell: Cell) -> Iterator[ast.AST]:
    """What a cell writes into a file, and the programs in its strings."""
    if cell.text.startswith("%%writefile"):
        yield ast.parse(cell.text.partition("\n")[2])
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            try:
                yield ast.parse(dedent(node.value))
            except SyntaxError:
                continue


def _uses(tree: ast.AST, known: set[str]) -> bool:
    """Whether a name of MODULES is used; `known` are such names, and learns those made here."""
    bound: list[tuple[ast.expr | None, ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {
                alias.asname or alias.name.partition(".")[0]
                for alias in node.names
                if alias.name.partition(".")[0] in MODULES
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            known |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            bound += [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.withitem):
            bound.append((node.optional_vars, node.context_expr))
    for target, value in bound:
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and _gives(value, known):
            known.add(target.id)
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return any(name.id in known for name in names)


def _gives(call: ast.Call, known: set[str]) -> bool:
    return _root(call) in known or ast.unparse(call.func) in GIVES


def _root(value: ast.expr) -> str:
    """`a` of `a.b(...).c`."""
    while isinstance(value, (ast.Call, ast.Attribute)):
        value = value.func if isinstance(value, ast.Call) else value.value
    return value.id if isinstance(value, ast.Name) else ""


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_lesson_shows_real_code(path: Path) -> None:
    page, least = Page(path), LEAST[path.name.partition("-")[0]]
    cells, has = teaching(page), real(page)
    without = [cell.id for cell in cells if cell.id not in has]
    share = 1 - len(without) / len(cells)
    assert share >= least, (
        f"{len(cells) - len(without)} of {len(cells)} cells that teach ({share:.0%}) contain real "
        f"code, {least:.0%} is the least; without are {', '.join(without)}"
    )


def page(*texts: str) -> Page:
    """A notebook of such cells of code, named one, two, three."""
    names = ("one", "two", "three")
    cells = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": text}
        for name, text in zip(names, texts, strict=False)
    ]
    return Page(Path("none.ipynb"), {"cells": cells})


@pytest.mark.parametrize(
    "text",
    [
        "import threading\nthreading.Event()",
        "from concurrent.futures import ThreadPoolExecutor as Pool\nwith Pool() as p:\n    p",
        "import multiprocessing as mp\n\ndef start():\n    return mp.Process()",
        "%%writefile jobs.py\nfrom queue import Queue\nline = Queue()",
        "run('''\nimport threading\nthreading.Thread().start()\n''')",
    ],
)
def test_code_of_the_standard_library_is_real(text: str) -> None:
    assert real(page(text)) == {"one"}


def test_what_another_cell_has_made_is_real() -> None:
    made = page("import threading", "stop = threading.Event()", "stop.set()")
    assert real(made) == {"two", "three"}


@pytest.mark.parametrize(
    "text",
    ["import threading", "from helpers.run import run\nrun(work)", "x = 'threading\\nThread'"],
)
def test_other_code_and_an_import_alone_are_not(text: str) -> None:
    assert real(page(text)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "asked = predict('start.three')",
        "asked.measured(1)",
        "check('start.overlap', together)",
        "hint('start.overlap')",
        "panel.move(workers=1)",
        "progress.line()",
        "import threading\nassert threading.active_count() == 1\nprint('one')",
    ],
)
def test_a_cell_that_asks_or_checks_does_not_teach(text: str) -> None:
    assert teaching(page(text, "x = 1")) == page("pass", "x = 1").code[1:]
