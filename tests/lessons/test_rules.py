"""Each rule finds what breaks it: a good page keeps all of them, a spoiled one does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rules
from rules import PURPOSE, Page, everywhere, in_lessons

Notebook = dict[str, Any]

WORDS = " ".join(["A sentence of ten words that says something about cells."] * 3)
HEADER = """# Lesson

[Glossary](99-glossary.md)

**You need** nothing.

**You will be able to**

- say who waits (prediction 1);
- repair a lock (exercise `start.overlap`).

**Time** 9 minutes to read, 25 minutes to do.
"""
END = [
    "## What you measured\n\nTimes.",
    "## Take-aways\n\n- Wait together.",
    "## Words\n\n[Thread](99-glossary.md#Thread)",
    "## Further reading\n\n[threading](https://docs.python.org/3/library/threading.html)",
]
ASKED = ("sixteen", "three", "crunch")
CODE = [
    "from helpers.run import run\n\ntl = run(wait, [1])",
    *[f"{name} = predict('start.{name}')\n{name}" for name in ASKED],
    *[f"{name}.measured(tl.elapsed)\nassert tl" for name in ASKED],
    "turned = panel(work)\nturned",
    "turned.move(workers=2)\nassert tl",
    "check('start.overlap', work)",
    "check('start.shares', work)",
    "hint('start.overlap')\nhint('start.shares')",
    *["x = 1\nassert x\nprint(x)"] * 9,
    *["x = 1\ny = 2\nprint(x)"] * 3,
]
SOLVED = ["check('start.overlap', work)", "check('start.shares', work)"]


SNAPSHOT = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"text/html": "<p>Predict: how long?</p>", "text/plain": "Predict: how long?"},
}


def code(text: str, number: int, *tags: str) -> Notebook:
    widget = text.endswith(tuple(f"\n{name}" for name in (*ASKED, "turned")))
    tags = (*tags, "widget", rules.IGNORED) if widget else tags
    return {
        "cell_type": "code",
        "id": f"code-{number}",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": text,
        "outputs": [SNAPSHOT] if widget else [],
        "execution_count": number,
    }


def prose(text: str, name: str) -> Notebook:
    return {"cell_type": "markdown", "id": f"prose-{name}", "metadata": {}, "source": text}


def notebook(cells: list[Notebook]) -> Notebook:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Page]:
    """A page that keeps every rule, after `spoil` has done something to it."""
    (tmp_path / "solutions").mkdir()
    solved = notebook([code(text, n) for n, text in enumerate(SOLVED, 1)])
    (tmp_path / "solutions" / "00-solved.ipynb").write_text(rules.json.dumps(solved))
    (tmp_path / "99-glossary.md").write_text("# Glossary\n\n## Thread\n")
    cells = [prose(HEADER, "top")]
    for number, text in enumerate(CODE, 1):
        cells += [prose(WORDS, str(number)), code(text, number)]
    cells += [prose(text, f"end-{n}") for n, text in enumerate(END)]

    def make(spoil: Callable[[Notebook], object] = lambda page: None) -> Page:
        spoiled = copy.deepcopy(notebook(cells))
        spoil(spoiled)
        return Page(tmp_path / "00-a.ipynb", spoiled)

    return make


def test_a_good_page_keeps_every_rule(page: Callable[..., Page]) -> None:
    assert rules.broken(page(), [*everywhere, *in_lessons]) == {}


def says(text: str) -> Callable[[Notebook], None]:
    """Spoil a piece of prose."""

    def spoil(page: Notebook) -> None:
        page["cells"][1]["source"] = f"{WORDS}\n\n{text}"

    return spoil


def runs(text: str, *tags: str) -> Callable[[Notebook], None]:
    """Spoil a piece of code."""

    def spoil(page: Notebook) -> None:
        page["cells"][2]["source"] = text
        page["cells"][2]["metadata"]["tags"] = list(tags)

    return spoil


def shows(output: Notebook, *tags: str) -> Callable[[Notebook], None]:
    """Spoil what a cell far from any prediction has stored."""

    def spoil(page: Notebook) -> None:
        page["cells"][2]["outputs"] = [output]
        page["cells"][2]["metadata"]["tags"] = list(tags)

    return spoil


def put(value: object, *path: Any) -> Callable[[Notebook], None]:
    def spoil(page: Any) -> None:
        for step in path[:-1]:
            page = page[step]
        page[path[-1]] = value

    return spoil


def heads(old: str, new: str, cell: int = 0) -> Callable[[Notebook], None]:
    def spoil(page: Notebook) -> None:
        assert old in page["cells"][cell]["source"]
        page["cells"][cell]["source"] = page["cells"][cell]["source"].replace(old, new)

    return spoil


def without(name: str) -> Callable[[Notebook], None]:
    def spoil(page: Notebook) -> None:
        for cell in page["cells"]:
            cell["source"] = cell["source"].replace(f"{name}(", "other(")

    return spoil


def without_cells(*which: int) -> Callable[[Notebook], None]:
    def spoil(page: Notebook) -> None:
        del page["cells"][slice(*which)]

    return spoil


def with_few_words(page: Notebook) -> None:
    for cell in page["cells"]:
        cell["source"] = cell["source"].replace(WORDS, "Few words.")


POOL = "def f(x):\n    return x\n\n\nwith ProcessPoolExecutor(2) as pool:\n    pool.map(f, [1])"
ERROR = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}
PICTURE = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"image/png": "iVBO", "text/plain": "[picture]"},
}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "Measured: 0.1."}
SPOKEN = {  # folded for who sees HTML, and open for who does not
    "output_type": "display_data",
    "metadata": {},
    "data": {
        "text/html": "<details><summary>Measured</summary>\n0.1 s\n</details>",
        "text/plain": "Measured: 0.1 s.",
    },
}
VIEW = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"application/vnd.jupyter.widget-view+json": {}},
}
SPOILED: list[tuple[Callable[[Page], Any], Callable[[Notebook], object]]] = [
    (rules.it_is_valid_and_its_cells_have_ids, put("prose-top", "cells", 1, "id")),
    (rules.it_is_valid_and_its_cells_have_ids, put("3fa1b2c4", "cells", 1, "id")),
    (rules.it_is_valid_and_its_cells_have_ids, put("12", "cells", 1, "id")),
    (rules.it_runs_with_the_kernel_that_everybody_has, put({}, "metadata", "kernelspec")),
    (rules.its_cells_were_run_in_order_from_a_fresh_kernel, put(7, "cells", 2, "execution_count")),
    (
        rules.its_cells_were_run_in_order_from_a_fresh_kernel,
        put(None, "cells", 2, "execution_count"),
    ),
    (rules.it_stores_no_error_but_those_on_purpose, put([ERROR], "cells", 2, "outputs")),
    (rules.it_stores_no_widgets, put({}, "metadata", "widgets")),
    (rules.it_stores_no_widgets, put([VIEW], "cells", 2, "outputs")),
    (rules.it_stores_no_widgets, put([PICTURE], "cells", 4, "outputs")),
    *[
        (rules.it_tells_no_answer_before_its_question_is_answered, put([told], *where))
        for told in (PICTURE, PRINTED, SPOKEN)
        for where in [("cells", 10, "outputs"), ("cells", 4, "outputs")]
    ],
    (rules.it_tells_no_answer_before_its_question_is_answered, shows(PRINTED, "answer")),
    (rules.its_predictions_exist_and_its_cells_betray_nothing, runs("predict('start.none')")),
    (
        rules.its_predictions_exist_and_its_cells_betray_nothing,
        runs("predict('start.three', ['a', 'b'])"),
    ),
    (rules.its_predictions_exist_and_its_cells_betray_nothing, runs("p.measured('a')")),
    (rules.its_predictions_exist_and_its_cells_betray_nothing, runs("p.measured(x, 'As b is.')")),
    (rules.its_widgets_are_tagged_and_pictured, runs("panel(work)")),
    (rules.its_widgets_are_tagged_and_pictured, runs("p = predict('start.three')\np", "widget")),
    (rules.its_widgets_are_tagged_and_pictured, put([], "cells", 4, "outputs")),
    (rules.no_line_is_wider_than_a_page, runs(f"x = {'1' * 80}")),
    (rules.no_cell_ends_with_a_semicolon, runs("plot();")),
    (rules.no_function_of_a_cell_goes_to_another_process, runs(POOL)),
    (
        rules.no_function_of_a_cell_goes_to_another_process,
        runs("run(lambda x: x, [1], 2, 'spawn')"),
    ),
    (
        rules.no_function_of_a_cell_goes_to_another_process,
        runs("def f():\n    pass\n\n\nspawn.Process(target=f).start()"),
    ),
    (rules.no_worker_prints, runs("def f(x):\n    print(x)\n\n\npool.submit(f, 1)")),
    (rules.no_worker_prints, runs("Thread(target=print).start()")),
    (rules.nobody_sleeps_for_luck, runs("thread.start()\ntime.sleep(1)")),
    (
        rules.what_may_differ_is_followed_by_what_must_hold,
        put({"tags": [rules.IGNORED]}, "cells", -9, "metadata"),  # what follows only prints
    ),
    (rules.no_cell_that_only_asserts_is_silent, runs("n = 1\nfor m in [n]:\n    assert m")),
    (rules.what_a_cell_asserts_something_of_has_one_name, runs("tl = three = run(wait, [2])")),
    (
        rules.what_a_cell_asserts_something_of_has_one_name,
        runs("for three in ():\n    await three"),
    ),
    (rules.it_has_one_title_and_no_heading_is_skipped, says("# Another")),
    (rules.it_has_one_title_and_no_heading_is_skipped, says("### Deep")),
    (rules.its_links_and_pictures_lead_somewhere, says("[next](98-nothing.ipynb)")),
    (rules.its_links_and_pictures_lead_somewhere, says("[word](99-glossary.md#nothing)")),
    (rules.its_links_and_pictures_lead_somewhere, says("![words](nothing.png)")),
    (rules.its_links_and_pictures_lead_somewhere, says("[plain](http://example.org)")),
    (rules.its_links_and_pictures_lead_somewhere, says("[kept](https://pypi.example/some)")),
    (rules.its_links_and_pictures_lead_somewhere, says('<a href="/home/me">mine</a>')),
    (rules.its_pictures_and_links_say_what_they_are, says("![](99-glossary.md)")),
    (rules.its_pictures_and_links_say_what_they_are, says('<img src="99-glossary.md">')),
    (rules.its_pictures_and_links_say_what_they_are, says("[here](99-glossary.md)")),
    (rules.its_pictures_and_links_say_what_they_are, says("[`word`](99-glossary.md)")),
    (rules.every_reader_can_show_it, says("> [!NOTE]\n> Look.")),
    (rules.every_reader_can_show_it, says(":::{note}\n:::")),
    (rules.every_reader_can_show_it, says("A claim.[^1]")),
    (rules.every_reader_can_show_it, says("```mermaid\ngraph\n```")),
    (rules.nothing_is_called_easy, says("Simply run it.")),
    (rules.it_begins_with_what_it_takes_and_gives, heads("You need", "You have")),
    (rules.it_begins_with_what_it_takes_and_gives, heads("9 minutes to read", "soon")),
    (rules.every_objective_is_tied_to_something_below, heads("start.overlap", "start.other")),
    (rules.every_objective_is_tied_to_something_below, heads("prediction 1", "prediction 9")),
    (rules.every_objective_is_tied_to_something_below, heads(" (prediction 1)", "")),
    (rules.every_objective_is_tied_to_something_below, heads("- ", "")),
    (rules.it_ends_with_what_was_measured_and_where_to_go_on, heads("Take", "Give", -3)),
    (
        rules.it_ends_with_what_was_measured_and_where_to_go_on,
        heads("99-glossary", "98-glossary", -2),
    ),
    *[
        (rules.it_asks_before_it_measures_and_lets_turn_and_repair, without(name))
        for name in ("predict", "measured", "check", "panel", "move")
    ],
    (rules.every_exercise_has_hints_and_a_solution, without("hint")),
    (rules.every_exercise_has_hints_and_a_solution, runs("check('start.unsolved', f)")),
    (rules.its_cells_are_short, runs("x = 1\n" * 26)),
    (
        rules.it_is_neither_a_leaflet_nor_a_book,
        without_cells(-16, -4),
    ),
    (rules.prose_and_code_are_in_balance, without_cells(1, 24, 2)),
    (
        rules.prose_and_code_are_in_balance,
        with_few_words,
    ),
    (rules.prose_does_the_talking, runs("# one\n# two\n# three\n# four\nx = 1")),
]


@pytest.mark.parametrize(
    ("rule", "spoil"), SPOILED, ids=[f"{n}-{rule.__name__}" for n, (rule, _) in enumerate(SPOILED)]
)
def test_a_spoiled_page_breaks_the_rule(
    page: Callable[..., Page],
    rule: Callable[[Page], Any],
    spoil: Callable[[Notebook], object],
) -> None:
    assert list(rule(page(spoil)))


def test_every_rule_is_broken_by_one_of_them() -> None:
    spoiled = {rule.__name__ for rule, _ in SPOILED}
    kept = {rule.__name__ for rule in (*everywhere, *in_lessons)}
    assert kept - spoiled == {"it_is_small_enough_for_a_git_host_to_show"}


def test_a_large_file_breaks_the_rule(tmp_path: Path) -> None:
    path = tmp_path / "large.ipynb"
    path.write_text(rules.json.dumps(notebook([prose("x" * 400_001, "large")])))
    assert list(rules.it_is_small_enough_for_a_git_host_to_show(Page(path)))


def test_the_question_and_what_is_folded_may_be_stored(page: Callable[..., Page]) -> None:
    folded = {"text/html": "<details><summary>Measured</summary>\n0.1 s\n</details>"}
    question = {"text/html": "<p>How long?</p>"}

    def spoil(notebook: Notebook) -> None:
        for number, data in {4: question, 10: folded}.items():
            output = {"output_type": "display_data", "metadata": {}, "data": data}
            notebook["cells"][number]["outputs"] = [output]

    assert rules.broken(page(spoil), everywhere) == {}


@pytest.mark.parametrize("text", [POOL, "thread.start()\ntime.sleep(1)"])
def test_a_mistake_on_purpose_is_no_mistake(page: Callable[..., Page], text: str) -> None:
    assert rules.broken(page(runs(text, PURPOSE)), everywhere) == {}


def test_a_cell_magic_and_a_line_magic_are_no_python(page: Callable[..., Page]) -> None:
    assert rules.broken(page(runs("%%writefile a.py\nnot python at all")), everywhere) == {}
    assert rules.broken(page(runs("%timeit x\n!ls")), everywhere) == {}


def test_sleep_inside_a_worker_is_work(page: Callable[..., Page]) -> None:
    assert not list(rules.nobody_sleeps_for_luck(page(runs("def f():\n    time.sleep(1)"))))


def test_code_in_prose_may_look_like_anything(page: Callable[..., Page]) -> None:
    text = "`a[0](b)` and `just`:\n\n```python\n# not a title\n[x](y)\n```"
    assert rules.broken(page(says(text)), everywhere) == {}
