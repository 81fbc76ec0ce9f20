"""Run notebooks from clean kernels and store what they show.

    python3 course.py notebooks                    all lessons, pages and solutions
    python3 course.py notebooks 02-threads         those whose name contains this
    python3 course.py notebooks --widgets 02       only what stands in place of widgets

A cell that is tagged `answer` tells what a prediction asks: what it shows is stored
folded, so that no reader comes upon it before the question.

Pictures are measured on a quiet computer with two CPUs or more. Before each notebook, and
after each cell that shows a picture, processes on all CPUs find out whether others
use them, too. A cell is run again where somebody did, or where what it
shows contradicts what its lesson says of it (see `claims`). Where that does not help,
nothing is stored.

What is stored depends only on the notebook and on what its cells show: no
widget state, no patch version of Python, no path of this computer, keys in
order. A cell that fails stops everything, and its notebook is left as it was.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import claims
from helpers.folders import OURS
from helpers.gil import watch
from helpers.lesson import folded, unfolded
from helpers.machine import usable_cpus
from helpers.run import RunError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
MEASURED = "What was measured"
SNAPSHOT = "from helpers.snapshot import show_stored\nshow_stored()"
IGNORED = "nbval-ignore-output"
YOURS = "yours"  # the tag of a cell that shows what a learner has done
SECONDS = 120  # for one cell; the tests allow half of it
QUIET = 0.9  # of the CPUs' time that is ours when we ask for all of it
PATIENCE = 120.0  # seconds that we wait for others to end
TRIES = 4  # runs of one cell
METADATA = {  # all but its version is what a kernel says: else a notebook opens as changed
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


class Unstorable(Exception):
    """Which notebook, which cell, and what happened there."""


def chosen(names: list[str]) -> list[Path]:
    """The notebooks whose path contains one of the names; all if there are none."""
    folders = ("*.ipynb", "pages/*.ipynb", "solutions/*.ipynb")
    found = [path for each in folders for path in sorted(FOLDER.glob(each))]
    for name in names:
        if not any(name in path.as_posix() for path in found):
            raise Unstorable(f"There is no notebook called {name!r} in {FOLDER.name}/.")
    return [path for path in found if not names or any(name in path.as_posix() for name in names)]


def store(path: Path, widgets: bool = False) -> None:
    """Run one notebook and write it back, outputs and all; or with new ones of its widgets only."""
    notebook = nbformat.read(path, as_version=4)
    before = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    execute(notebook, path, measured=not widgets)
    for cell in notebook.cells if widgets else ():
        if cell.cell_type == "code" and "widget" not in cell.metadata.get("tags", []):
            cell.outputs = before[cell.id]
    path.write_text(text(notebook), encoding="utf-8", newline="\n")


def execute(notebook: Any, path: Path, measured: bool = True) -> None:
    """Run the cells in the notebook's own folder, as JupyterLab does.

    In place of a widget stands what it says itself, asked for after its cell.
    Where what is `measured` shall be stored, it is looked at: see `spoilt`.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    lesson = "" if path.parent.name == "solutions" else path.stem
    kept: list[tuple[Any, Any]] = []  # for later: what lives still brings its outputs up to date
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=SECONDS,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # else each kernel warns that it speaks plain TCP
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                for left in reversed(range(TRIES)):
                    client.execute_cell(cell, index)
                    if not measured or not (why := spoilt(cell, lesson)):
                        break
                    if not left:
                        raise Unstorable(f"{path.name}, cell {cell.id!r}: {why}")
                    print(f"  {cell.id} is run again: {why}", flush=True)
                if "widget" in cell.metadata.get("tags", []):
                    snapshot = nbformat.v4.new_code_cell(SNAPSHOT)
                    client.execute_cell(snapshot, index, store_history=False)
                    notebook.cells[index] = cell  # where nbclient has put the other one
                    kept.append((cell, snapshot.outputs))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        reason = getattr(error, "ename", type(error).__name__)
        words = getattr(error, "evalue", "") or str(error).strip().splitlines()[0]
        raise Unstorable(f"{path.name}, {where(notebook)}: {reason}: {words}") from None
    for cell, shown in kept:
        cell.outputs = shown


def ours() -> float:
    """What part of the CPUs' time is ours, 0 to 1, while a process on each computes."""
    cpus = usable_cpus()
    try:
        ran = watch(0.2, cpus, "processes")
    except RunError:  # they have not even begun within a minute
        return 0.0
    return min(1.0, ran.busy / (cpus * 0.2))


def quiet(patience: float = PATIENCE) -> None:
    """Wait until nobody else uses the CPUs; Unstorable where that takes too long."""
    if usable_cpus() < 2:
        raise Unstorable("The stored pictures need two usable CPUs, and here is one.")
    last = time.monotonic() + patience
    while (share := ours()) < QUIET:
        if time.monotonic() > last:
            raise Unstorable(
                f"This computer is busy: of its CPUs' time {share:.0%} is ours, and pictures that "
                f"are worth storing need {QUIET:.0%}. End what else computes, and call again."
            )
        time.sleep(1)


def spoilt(cell: Any, lesson: str) -> str:
    """Why what a cell shows is not worth storing; nothing where it is.

    Where others use the CPUs, it comes back when they have ended.
    """
    shown = cell.get("outputs", [])
    if wrong := list(claims.contradicted(lesson, cell.id, shown)):
        return f"it contradicts “{wrong[0]}”"
    pages = (output.get("data", {}).get("text/html", "") for output in shown)
    if "widget" in cell.metadata.get("tags", []) or not any("<img" in page for page in pages):
        return ""
    share = ours()
    if share >= QUIET:
        return ""
    quiet()
    return f"of the CPUs' time {share:.0%} was ours"


def where(notebook: Any) -> str:
    """The cell that failed is the last one that was started."""
    started = [
        cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")
    ]
    return f"cell {started[-1].id!r}" if started else "first cell"


def text(notebook: Any) -> str:
    """The notebook as it is stored: the same cells and outputs, always the same bytes."""
    notebook.metadata = METADATA
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = outputs(cell, count)
    nbformat.validate(notebook)
    split = nbformat.v4.rwbase.split_lines(notebook)
    return json.dumps(split, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def outputs(cell: Any, count: int) -> list[Any]:
    """What a cell stores: whole streams, portable tracebacks, no answer unfolded.

    What is shown as HTML has one line of text besides. What a learner has done is not stored.
    """
    tags = cell.metadata.get("tags", [])
    if YOURS in tags:
        return []
    kept: list[Any] = []
    for output in cell.outputs:
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
            continue
        if output.output_type == "execute_result":
            output.execution_count = count
        if output.output_type == "error":
            output.traceback = [portable(line) for line in output.traceback]
        kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = portable(output.text)
            if IGNORED in tags:  # a page shows each "\r" as a line
                output.text = re.sub(r".*\r", "", output.text)
        elif "text/html" in output.get("data", {}) and IGNORED in tags:  # else it is compared
            output.data["text/plain"] = output.data["text/plain"].partition("\n")[0]
    return fold(kept) if "answer" in tags and kept else kept


def fold(shown: list[Any]) -> list[Any]:
    """One output that is closed until a reader opens it: what was measured for a prediction."""
    inside = "\n".join(html(output) for output in shown)
    data = {"text/html": folded(MEASURED, inside), "text/plain": f"[folded: {MEASURED.lower()}]"}
    return [nbformat.v4.new_output("display_data", data)]


def html(output: Any) -> str:
    """An output as HTML, so that it can be folded; a picture keeps its words."""
    if output.output_type == "stream":
        return f"<pre>{escape(output.text)}</pre>"
    data = output.data
    if "text/html" in data:
        page: str = data["text/html"]
        return unfolded(page) if page.startswith("<details>") else page
    if "image/png" in data:
        words = escape(data["text/plain"].strip("[]"))
        return f'<p><img alt="{words}" src="data:image/png;base64,{data["image/png"].strip()}"></p>'
    return f"<pre>{escape(data['text/plain'])}</pre>"


def portable(text: str) -> str:
    """A text without the folders of this computer."""
    temporary = re.escape(tempfile.gettempdir() + os.sep + OURS)
    line = re.sub(temporary + rf"[^{re.escape(os.sep)}\s]+", "…", text)
    for folder in (str(ROOT), sys.prefix, sys.base_prefix):
        home = str(Path.home())
        for name in (folder, "~" + folder[len(home) :] if folder.startswith(home) else folder):
            line = line.replace(name + os.sep, "")
    return line


def main(arguments: list[str]) -> int:
    names = [each for each in arguments if each != "--widgets"]
    try:
        # No learner has our IPython profile, so the lessons must do without.
        with tempfile.TemporaryDirectory() as profile:
            os.environ |= {"IPYTHONDIR": profile, "COURSE_PROGRESS": profile}
            for path in chosen(names):
                print(path.relative_to(ROOT).as_posix(), flush=True)
                if not (widgets := len(names) < len(arguments)):
                    quiet()
                store(path, widgets)
    except Unstorable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
