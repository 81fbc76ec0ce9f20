"""Storing a notebook's outputs: always the same bytes, nothing of this computer, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import store
from helpers.folders import temporary
from helpers.machine import usable_cpus


def code(name: str, source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": [*tags]} if tags else {},
        "source": source,
        "execution_count": 7,
        "outputs": [],
    }


def write(path: Path, *cells: dict[str, Any]) -> Path:
    metadata = {"language_info": {"name": "python", "version": "3.9.9"}, "widgets": {"state": {}}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook with one cell of each kind, stored."""
    folder = tmp_path_factory.mktemp("a folder")
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Größe ×"}
    path = write(
        folder / "lesson.ipynb",
        title,
        code("streams", "import sys\nfor n in 'ab': print(n, flush=True)\nsys.stderr.write('é')"),
        code("slider", "import ipywidgets\nipywidgets.IntSlider()", "widget"),
        code("failure", "import json\njson.loads('{')", "raises-exception"),
        code("where", "import os; os.path.basename(os.getcwd())"),
    )
    store.store(path)
    return path


def cells(path: Path) -> dict[str, Any]:
    return {cell["id"]: cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}


def test_cells_keep_their_names_and_order_and_are_counted_from_one(stored: Path) -> None:
    found = cells(stored)
    assert list(found) == ["title", "streams", "slider", "failure", "where"]
    counts = [cell["execution_count"] for cell in found.values() if cell["cell_type"] == "code"]
    assert counts == [1, 2, 3, 4]
    assert found["where"]["outputs"][0]["execution_count"] == 4


def test_a_stream_is_stored_in_one_piece(stored: Path) -> None:
    first = cells(stored)["streams"]["outputs"][0]
    assert (first["name"], first["text"]) == ("stdout", ["a\n", "b\n"])


def test_a_widget_that_has_no_snapshot_stores_nothing(stored: Path) -> None:
    assert cells(stored)["slider"]["outputs"] == []
    assert "widget" not in json.dumps(json.loads(stored.read_text(encoding="utf-8"))["metadata"])


def test_the_notebook_does_not_say_which_python_ran_it(stored: Path) -> None:
    assert json.loads(stored.read_text(encoding="utf-8"))["metadata"] == store.METADATA


def test_an_expected_error_is_stored_without_this_computers_folders(stored: Path) -> None:
    (error,) = cells(stored)["failure"]["outputs"]
    assert error["ename"] == "JSONDecodeError"
    assert "decoder.py" in json.dumps(error)
    assert str(Path.home()) not in json.dumps(error)


def test_a_notebook_runs_in_its_own_folder(stored: Path) -> None:
    assert stored.parent.name in cells(stored)["where"]["outputs"][0]["data"]["text/plain"][0]


def test_the_file_is_sorted_readable_and_ends_with_a_line_end(stored: Path) -> None:
    raw = stored.read_text(encoding="utf-8")
    again = json.dumps(json.loads(raw), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert raw == again
    assert "Größe ×" in raw
    assert b"\r" not in stored.read_bytes()


@pytest.mark.parametrize("folder", [store.ROOT, Path(store.sys.base_prefix)])
def test_a_traceback_loses_the_folders_of_this_computer(folder: Path) -> None:
    file = Path("lib", "threading.py")
    assert store.portable(f"File {folder / file}:9") == f"File {file}:9"
    if folder.is_relative_to(Path.home()):
        short = Path("~", folder.relative_to(Path.home()))
        assert store.portable(f"File {short / file}:9") == f"File {file}:9"


def test_of_a_line_that_is_written_over_the_last_words_are_stored() -> None:
    printed = nbformat.v4.new_output("stream", text="\r1 of 2\r2 of 2\nend\n")
    cell = nbformat.v4.new_code_cell(outputs=[printed], metadata={"tags": [store.IGNORED]})
    assert store.outputs(cell, 1)[0].text == "2 of 2\nend\n"


def test_what_a_cell_prints_loses_our_temporary_folder() -> None:
    with temporary("lesson") as folder:
        path = Path(folder, "squares.py")
        assert store.portable(f"Writing {path}\n") == f"Writing {Path('…', 'squares.py')}\n"


def test_a_failing_cell_is_named_and_its_notebook_left_as_it_was(tmp_path: Path) -> None:
    path = write(
        tmp_path / "bad.ipynb",
        code("good", "print(1)"),
        code("bad", "raise ValueError('no such number')"),
        code("later", "print(2)"),
    )
    before = path.read_bytes()
    with pytest.raises(store.Unstorable) as failure:
        store.store(path)
    assert str(failure.value) == "bad.ipynb, cell 'bad': ValueError: no such number"
    assert path.read_bytes() == before


@pytest.mark.skipif(usable_cpus() < 2, reason="one CPU is refused for that")
def test_pictures_are_not_measured_while_others_use_the_cpus() -> None:
    burn = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(burn) for _ in range(3 * usable_cpus())]
    try:
        with pytest.raises(store.Unstorable, match=r"busy: of its CPUs' time \d+% is ours"):
            store.quiet(patience=0)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert 0 < store.ours() <= 1


def test_a_cell_is_run_again_until_it_bears_out_its_lesson(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = "The lesson expected:"
    source = (
        "from IPython.display import HTML\n"
        "tries = globals().get('tries', 0) + 1\n"
        f"HTML('{expected} 2.' * (tries < 3) + 'try ' + str(tries))"
    )
    path = write(tmp_path / "lesson.ipynb", code("measures", source))
    store.store(path)
    assert "try 3" in "".join(cells(path)["measures"]["outputs"][0]["data"]["text/html"])
    assert (
        capsys.readouterr().out.count(f"measures is run again: it contradicts “{expected} 2") == 2
    )
    path = write(tmp_path / "never.ipynb", code("measures", source.replace("tries < 3", "True")))
    before = path.read_bytes()
    with pytest.raises(store.Unstorable, match=r"never\.ipynb, cell 'measures': it contradicts"):
        store.store(path)
    assert path.read_bytes() == before


def test_a_name_that_no_notebook_has_is_refused() -> None:
    with pytest.raises(store.Unstorable, match="no notebook called '42-life'"):
        store.chosen(["42-life"])


def test_in_place_of_a_widget_its_first_picture_is_stored_and_alone_if_so_asked(
    tmp_path: Path,
) -> None:
    panel = (
        "from helpers.panels import panel, slider\nfrom helpers.timeline import Timeline\n"
        "def late(n):\n    import time; time.sleep(0.3)\n    t = Timeline()\n"
        "    t.add('work', 'A', 0, n); return t\np = panel(late, n=slider(1, 9, 2))\np"
    )
    path = write(
        tmp_path / "shows.ipynb",
        code("shows", panel, "widget"),
        code("moves", "_ = p.move(n=3)", "widget"),
        code("clock", "import time\ntime.time_ns()"),
    )
    store.store(path)
    first = cells(path)
    (shown,), moved = first["shows"]["outputs"], first["moves"]["outputs"]
    page = "".join(shown["data"]["text/html"])
    assert '<img alt="n: 2. 1 worker' in page
    assert page.endswith("<p><em>Run this cell to use it.</em></p>")
    assert "".join(shown["data"]["text/plain"]).startswith("n: 2. ")
    assert moved == []
    store.store(path, widgets=True)
    assert cells(path)["clock"] == first["clock"]


def test_what_tells_an_answer_is_stored_folded_and_a_question_without_its_buttons(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "asks.ipynb",
        code("asks", "from helpers.lesson import predict\nn = predict('start.three')\nn", "widget"),
        code("tells", "print('0.3 <s>')\nn.measured(0.3)", "answer"),
    )
    store.store(path)
    (asked,), (told,) = (cell["outputs"] for cell in cells(path).values())
    assert set(asked["data"]) == {"text/html", "text/plain"}
    assert "0.27 s" in "".join(asked["data"]["text/html"])
    page = "".join(told["data"]["text/html"])
    assert page.startswith("<details><summary>What was measured</summary>")
    assert page.count("<details>") == page.count("</details>") == 1
    assert "<pre>0.3 &lt;s&gt;\n</pre>" in page
    assert "✔ 0.3 s. " in page
    assert "0.3" not in "".join(told["data"]["text/plain"])
