"""Where Dask is missing, a cell that needs it shows what was stored, and every other one runs."""

from __future__ import annotations

import ast
import textwrap

import pytest

from helpers.apart import cluster


def runs(recorded: cluster._Recorded, code: str) -> bool:
    """Whether this cell runs as it is."""
    return ast.unparse(recorded.visit_Module(ast.parse(code))) == ast.unparse(ast.parse(code))


@pytest.fixture
def recorded() -> cluster._Recorded:
    made = cluster._Recorded()
    assert not runs(made, "client = cluster.connect(workers=2)\nphotos, n = [], 2")
    return made


@pytest.mark.parametrize(
    "code",
    [
        "from dask.distributed import Client",
        "import distributed as d",
        "client.submit(len, [])",
        "def ask(data):\n    return client.gather(data)",
        "def deep():\n    def inner():\n        return [n for _ in 'ab']\n    return inner",
        "print(len(photos))",
    ],
)
def test_what_needs_dask_or_what_such_a_cell_has_made_is_shown(
    recorded: cluster._Recorded, code: str
) -> None:
    assert not runs(recorded, code)


@pytest.mark.parametrize(
    "code",
    [
        "import sqlite3\nsqlite3.connect(':memory:')",
        "def checked(client, data, parts):\n    return client.gather(data)",
        "photos = []\nprint(len(photos))",
        "[n for n in range(3)]",
        "await another()",
    ],
)
def test_what_does_not_need_it_runs(recorded: cluster._Recorded, code: str) -> None:
    assert runs(recorded, code)


def test_what_only_needs_a_cell_that_needs_dask_is_shown_until_it_is_made_anew(
    recorded: cluster._Recorded,
) -> None:
    assert not runs(recorded, "small = run(work, photos, using=client)")
    assert not runs(recorded, "print(small)")
    assert runs(recorded, "small = 3")
    assert runs(recorded, "print(small)")


def test_the_outputs_of_the_lesson_are_found_by_the_code_of_their_cell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = """
    for timelines in (short, longer):
        one, other = timelines.values()
        assert one.results == other.results
    assert longer["cluster"].at_once() == 2
    print("✓ holds here: both give the same, and two work at once.")
    """
    cluster.show(ast.unparse(ast.parse(textwrap.dedent(code))))
    assert "✓ holds here: both give the same" in capsys.readouterr().out
    cluster.show("1 + 1")
    assert "✓" not in capsys.readouterr().out
