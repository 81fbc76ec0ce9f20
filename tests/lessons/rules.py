"""What a notebook of this course keeps to, one function per rule.

`test_notebooks` applies the rules, `test_rules` breaks each of them. A rule
gets a `Page` and yields what it does not keep, each naming its cell. The
numbers come from the models that the course follows: short cells, prose around
them, nothing that only one reader (JupyterLab, a Git host, a screen reader)
can show.
"""

from __future__ import annotations

import ast
import json
import re
import symtable
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import nbformat

from helpers.exercises import _predictions

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
TOP = 4  # cells at the top of a lesson that say what it is
PURPOSE = "wrong-on-purpose"  # the tag of a cell whose mistake is the lesson
IGNORED = "nbval-ignore-output"

Complaints = Iterator[str]


class Cell(NamedTuple):
    id: str
    kind: str
    text: str
    tags: frozenset[str]
    outputs: list[Any]
    number: int | None

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def tree(self) -> ast.Module:
        """The cell's Python; magics are left out, and what a cell magic keeps for itself."""
        return _parsed(self.text)


@cache
def _parsed(text: str) -> ast.Module:
    if text.startswith("%%"):
        return ast.Module([], [])
    return ast.parse("\n".join("pass" if re.match(r"\s*[%!]", n) else n for n in text.split("\n")))


class Page:
    """A notebook as the rules see it."""

    def __init__(self, path: Path, notebook: dict[str, Any] | None = None) -> None:
        self.path = path
        self.size = path.stat().st_size if notebook is None else 0
        text = notebook or json.loads(path.read_text(encoding="utf-8"))
        self.json = text
        self.cells = [_cell(cell) for cell in text["cells"]]
        self.code = [cell for cell in self.cells if cell.kind == "code"]
        self.prose = [cell for cell in self.cells if cell.kind == "markdown"]

    @cached_property
    def calls(self) -> list[tuple[Cell, ast.Call]]:
        """Every call in the notebook, with its cell."""
        return [(c, n) for c in self.code for n in ast.walk(c.tree) if isinstance(n, ast.Call)]

    def named(self, name: str) -> list[tuple[Cell, ast.Call]]:
        """The calls of the function, or method, of that name."""
        return [(cell, call) for cell, call in self.calls if called(call) == name]

    @cached_property
    def headings(self) -> list[tuple[str, int, str]]:
        """Cell, level and text of each."""
        return [(cell.id, *heading) for cell in self.prose for heading in headings(cell.text)]


def headings(markdown: str) -> list[tuple[int, str]]:
    """Level and text of each."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^(#{1,6}) +(.+?) *#*$", text, re.MULTILINE)
    return [(len(marks), title) for marks, title in found]


def anchors(file: Path, page: Page) -> set[str]:
    """What a link into the file may have after the #: JupyterLab finds headings, nothing else.

    `page` stands for its own file, which may not be written yet.
    """
    if file.suffix == ".md":
        found = headings(file.read_text(encoding="utf-8"))
    else:
        there = page if file == page.path else Page(file)
        found = [(level, title) for _, level, title in there.headings]
    return {title.replace("`", "").replace(" ", "-") for _, title in found}


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell["source"]
    return Cell(
        cell.get("id", ""),
        cell["cell_type"],
        source if isinstance(source, str) else "".join(source),
        frozenset(cell["metadata"].get("tags", [])),
        cell.get("outputs", []),
        cell.get("execution_count"),
    )


def lessons() -> list[Path]:
    """In their order."""
    return sorted(FOLDER.glob("[0-9][0-9]*-*.ipynb"))


def solutions(lesson: Path) -> Path:
    """The notebook in which the exercises of a lesson are solved; its tab has a name of its own."""
    return lesson.parent / "solutions" / f"{lesson.name.partition('-')[0]}-solved.ipynb"


def notebooks() -> list[Path]:
    return sorted(p for p in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def called(call: ast.Call) -> str:
    """`f` of `f(...)` and of `a.b.f(...)`."""
    function = call.func
    return getattr(function, "id", getattr(function, "attr", ""))


Rule = Callable[[Page], Complaints]
everywhere: list[Rule] = []  # rules for every notebook
in_lessons: list[Rule] = []  # and those for lessons


def rule(kept: list[Rule]) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        kept.append(function)
        return function

    return register


# ------------------------------------------------------------------ the file


@rule(everywhere)
def it_is_valid_and_its_cells_have_ids(page: Page) -> Complaints:
    if (page.json["nbformat"], page.json["nbformat_minor"]) != (4, 5):
        yield "the notebook's format is not 4.5"
    ids = [cell.id for cell in page.cells]
    if len(ids) == len(set(ids)):  # else it would give them others
        nbformat.validate(page.json)
    for cell in page.cells:
        if ids.count(cell.id) > 1:
            yield f"{cell.id}: this id is used twice"
        words = re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id)
        if not words or re.fullmatch(r"(?=.*\d)[0-9a-f]{8}(-[0-9a-f]+)*", cell.id):
            yield f"{cell.id}: an id is words, such as first-picture"


@rule(everywhere)
def it_runs_with_the_kernel_that_everybody_has(page: Page) -> Complaints:
    if page.json["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"


@rule(everywhere)
def its_cells_were_run_in_order_from_a_fresh_kernel(page: Page) -> Complaints:
    for number, cell in enumerate(page.code, 1):
        if cell.number != number:
            yield f"{cell.id}: has the number {cell.number}, not {number}"


@rule(everywhere)
def it_stores_no_error_but_those_on_purpose(page: Page) -> Complaints:
    for cell in page.code:
        for output in cell.outputs:
            if output["output_type"] == "error" and "raises-exception" not in cell.tags:
                yield f"{cell.id}: {output['ename']}: {output['evalue']}"


@rule(everywhere)
def it_stores_no_widgets(page: Page) -> Complaints:
    if "widgets" in page.json["metadata"]:
        yield "metadata.widgets: a dead copy of the widgets is stored"
    for cell in page.code:
        kinds = [set(output.get("data", ())) for output in cell.outputs]
        views = [kind for kind in kinds if any("widget-view" in name for name in kind)]
        if views or ("widget" in cell.tags and any("text/html" not in kind for kind in kinds)):
            yield f"{cell.id}: a widget cell stores no widget; it may store its words as HTML"


@rule(everywhere)
def it_tells_no_answer_before_its_question_is_answered(page: Page) -> Complaints:
    """From a prediction to its answer all that was measured is folded, as is what is tagged."""
    for cell, name in answering(page):
        for output in visible(cell):
            yield f"{cell.id}: {name} is asked above, and its answer shows: {output[:60]!r}"


def answering(page: Page) -> Iterator[tuple[Cell, str]]:
    """The cells between a prediction and its answer, both included, and those tagged `answer`."""
    awaited: dict[str, str] = {}  # the variable of a prediction, and its name
    for cell in page.code:
        for node in cell.tree.body:
            if isinstance(node, ast.Assign) and _makes(node.value, {"predict"}):
                assert isinstance(node.value, ast.Call)
                awaited |= {ast.unparse(t): str(_first(node.value)) for t in node.targets}
        if awaited or "answer" in cell.tags:
            yield cell, next(reversed(awaited.values()), "a prediction")
        for each, call in page.named("measured"):
            if each is cell and isinstance(call.func, ast.Attribute):
                awaited.pop(ast.unparse(call.func.value), None)


def visible(cell: Cell) -> Iterator[str]:
    """What of a cell's outputs a reader sees before anything is opened, but for questions."""
    for output in cell.outputs:
        if output["output_type"] in ("stream", "error"):
            yield "".join(output.get("text", output.get("evalue", "")))
            continue
        html = "".join(output["data"].get("text/html", ""))
        told = re.fullmatch(r"<details><summary>[^<]*</summary>.*</details>", html, re.DOTALL)
        if not html or not (told or "widget" in cell.tags):
            yield html or "".join(output["data"].get("text/plain", "a picture"))
        elif told and not "".join(output["data"].get("text/plain", "[")).startswith("["):
            yield "".join(output["data"]["text/plain"])  # for who sees no HTML


@rule(everywhere)
def its_predictions_exist_and_its_cells_betray_nothing(page: Page) -> Complaints:
    known = {each.name for each in _predictions.everything()}
    for cell, call in page.named("predict"):
        if len(call.args) != 1 or call.keywords or _first(call) not in known:
            yield f"{cell.id}: predict takes one name that exercises/_predictions knows"
    for cell, call in page.named("measured"):
        reasons = [*call.args[1:], *(word.value for word in call.keywords if word.arg == "because")]
        if isinstance(call.args[0], ast.Constant) or any(
            isinstance(r, ast.Constant) for r in reasons
        ):
            yield f"{cell.id}: an answer is measured, and its reason stands with the question"


@rule(everywhere)
def its_widgets_are_tagged_and_pictured(page: Page) -> Complaints:
    makers = {"predict", "panel", "play", "VBox", "HBox", "IntSlider"}
    shown: set[str] = set()
    for cell in page.code:
        body = cell.tree.body
        for node in body:
            if isinstance(node, ast.Assign) and _makes(node.value, makers):
                shown |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
        widget = _makes(last, makers) or (isinstance(last, ast.Name) and last.id in shown)
        if widget and not {"widget", IGNORED} <= cell.tags:
            yield f"{cell.id}: shows a widget and needs the tags widget and {IGNORED}"
        if widget and not cell.outputs:
            yield f"{cell.id}: stores no picture of its widget: course.py notebooks --widgets does"


def _makes(value: ast.expr | None, makers: set[str]) -> bool:
    return isinstance(value, ast.Call) and called(value) in makers


@rule(everywhere)
def it_is_small_enough_for_a_git_host_to_show(page: Page) -> Complaints:
    if page.size > 400_000:
        yield f"{page.size // 1000} KB are stored, 400 is the limit: fewer or smaller pictures"


# ------------------------------------------------------------------ the code


@rule(everywhere)
def no_line_is_wider_than_a_page(page: Page) -> Complaints:
    for cell in page.code:
        for line in cell.lines:
            if len(line) > 79:
                yield f"{cell.id}: {len(line)} characters: {line}"


@rule(everywhere)
def no_cell_ends_with_a_semicolon(page: Page) -> Complaints:
    for cell in page.code:
        if cell.lines and cell.lines[-1].rstrip().endswith(";"):
            yield f"{cell.id}: nbval shows the output that ; hides; write _ = ..."


@rule(everywhere)
def no_function_of_a_cell_goes_to_another_process(page: Page) -> Complaints:
    """It would fail in three ways; see lesson 03."""
    own = {function.name for function in _functions(page)}
    pools = _pools(page)
    for cell, call in page.calls:
        given = _process_target(call, pools)
        wrong = isinstance(given, ast.Lambda) or (isinstance(given, ast.Name) and given.id in own)
        if given is not None and wrong and PURPOSE not in cell.tags:
            yield f"{cell.id}: {ast.unparse(given)} cannot be imported; else tag it {PURPOSE}"


def _functions(page: Page) -> Iterator[ast.FunctionDef]:
    for cell in page.code:
        yield from (n for n in ast.walk(cell.tree) if isinstance(n, ast.FunctionDef))


def _pools(page: Page) -> set[str]:
    """Names bound to pools of processes or interpreters, by `=` or by `with ... as`."""
    makers = {"ProcessPoolExecutor", "InterpreterPoolExecutor", "Pool"}
    names = set()
    for cell in page.code:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Assign) and _makes(node.value, makers):
                names |= {ast.unparse(target) for target in node.targets}
            if isinstance(node, ast.withitem) and _makes(node.context_expr, makers):
                names |= {ast.unparse(node.optional_vars)} if node.optional_vars else set()
    return names


def _process_target(call: ast.Call, pools: set[str]) -> ast.expr | None:
    """The function that this call hands to another process, if it does."""
    keywords = {word.arg: word.value for word in call.keywords}
    if called(call) == "Process":
        return keywords.get("target")
    if called(call) == "run" and call.args:
        using = keywords.get("using", call.args[3] if len(call.args) > 3 else None)
        name = using.value if isinstance(using, ast.Constant) else None
        elsewhere = ("interpreters", "processes", "spawn", "forkserver")
        return call.args[0] if name in elsewhere else None
    pool = call.func.value if isinstance(call.func, ast.Attribute) else None
    if pool is not None and call.args and ast.unparse(pool) in pools:
        return call.args[0]
    return None


@rule(everywhere)
def no_worker_prints(page: Page) -> Complaints:
    """What a worker prints appears under whichever cell runs then, or nowhere."""
    printing = {
        function.name
        for function in _functions(page)
        if any(isinstance(n, ast.Call) and called(n) == "print" for n in ast.walk(function))
    }
    for cell, call in page.calls:
        handed = [word.value for word in call.keywords if word.arg == "target"]
        if called(call) in ("submit", "map", "run", "to_thread"):
            handed += call.args[:1]
        for worker in handed:
            named = isinstance(worker, ast.Name) and worker.id in printing | {"print"}
            if named and PURPOSE not in cell.tags:
                yield f"{cell.id}: the worker {ast.unparse(worker)} prints; let it give a result"


@rule(everywhere)
def nobody_sleeps_for_luck(page: Page) -> Complaints:
    """A sleep between two steps of a cell waits for somebody, perhaps long enough."""
    for cell in page.code:
        inside = {n for f in _scopes(cell.tree) for n in ast.walk(f)}
        for node in ast.walk(cell.tree):
            sleeps = isinstance(node, ast.Call) and called(node) == "sleep"
            if sleeps and node not in inside and PURPOSE not in cell.tags:
                yield f"{cell.id}: sleeps in the cell; wait for an event, or join"


def _scopes(tree: ast.Module) -> list[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


@rule(everywhere)
def what_may_differ_is_followed_by_what_must_hold(page: Page) -> Complaints:
    for number, cell in enumerate(page.code):
        if IGNORED not in cell.tags or "widget" in cell.tags or called_last(cell) in TELLING:
            continue
        after = [each for each in page.code[number + 1 :] if "widget" not in each.tags]
        if not any(_asserts(each) for each in after[:3]):
            yield f"{cell.id}: none of the next three cells asserts anything that is compared"


TELLING = ("hint", "progress.show", "progress.line", "summary")  # what others have measured


def called_last(cell: Cell) -> str:
    """What the last statement of a cell calls, if it does: "hint", "progress.show"."""
    last = cell.tree.body[-1] if cell.tree.body else None
    value = last.value if isinstance(last, ast.Expr) else None
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""


@rule(everywhere)
def what_a_cell_asserts_something_of_has_one_name(page: Page) -> Complaints:
    """Whoever goes back and runs an earlier cell again does not break a later one."""
    names = {cell.id: _names(cell) for cell in page.code}
    for cell in page.code:
        if any(isinstance(node, ast.Assert) for node in ast.walk(cell.tree)):
            for name in sorted(names[cell.id].read):
                by = [other for other, (assigned, _) in names.items() if name in assigned]
                if len(by) > 1:
                    yield f"{cell.id}: it reads {name}, which {' and '.join(by)} assign"


class Names(NamedTuple):
    assigned: set[str]  # by a cell
    read: set[str]  # but not assigned there


def _names(cell: Cell) -> Names:
    body = textwrap.indent(ast.unparse(cell.tree), "    ")
    inside = symtable.symtable(f"async def cell():\n{body}\n    pass", cell.id, "exec")
    table = inside.lookup("cell").get_namespace()
    here = [symbol for symbol in table.get_symbols() if not symbol.is_imported()]
    assigned = {symbol.get_name() for symbol in here if symbol.is_assigned()}
    return Names(assigned, {s.get_name() for s in _globals(table) if s.is_referenced()})


def _globals(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    yield from (symbol for symbol in table.get_symbols() if symbol.is_global())
    for inner in table.get_children():
        yield from _globals(inner)


def _asserts(cell: Cell) -> bool:
    """Whether it fails when something does not hold: an assert, or a check that is compared."""
    nodes = list(ast.walk(cell.tree))
    checks = any(isinstance(node, ast.Call) and called(node) == "check" for node in nodes)
    found = checks or any(isinstance(node, ast.Assert) for node in nodes)
    return found and IGNORED not in cell.tags


@rule(everywhere)
def no_cell_that_only_asserts_is_silent(page: Page) -> Complaints:
    """To a learner it would be noise: it says "✓ holds here: ...", and what holds."""
    for cell in page.code:
        kinds = (ast.Assert, ast.Assign, ast.For, ast.If, ast.Import, ast.ImportFrom)
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(cell.tree))
        only = all(isinstance(node, kinds) for node in cell.tree.body)
        made = any(
            isinstance(node, ast.Call) and called(node) in SAYING for node in ast.walk(cell.tree)
        )
        if asserts and only and not made:
            yield f'{cell.id}: it only asserts; let it end with print("✓ holds here: ...")'


SAYING = ("print", "measured", "in_a_subprocess")


# ----------------------------------------------------------------- the prose


@rule(everywhere)
def it_has_one_title_and_no_heading_is_skipped(page: Page) -> Complaints:
    levels = [level for _, level, _ in page.headings]
    if levels.count(1) != 1 or levels[0] != 1:
        yield f"there are {levels.count(1)} headings with one #; it takes one, at the top"
    for (_, before, _), (cell, level, title) in zip(page.headings, page.headings[1:], strict=False):
        if level > before + 1:
            yield f"{cell}: '{title}' is {level - before} levels below the heading before it"


LINK = re.compile(r"(?<!!)\[(?P<text>[^]]*)\]\((?P<to>[^)\s]+)[^)]*\)")
IMAGE = re.compile(r"!\[(?P<text>[^]]*)\]\((?P<to>[^)\s]+)[^)]*\)")
TAG = re.compile(r"<(?P<tag>a|img)\b(?P<rest>[^>]*)>")


@rule(everywhere)
def its_links_and_pictures_lead_somewhere(page: Page) -> Complaints:
    for cell in page.prose:
        text = _without_code(cell.text)
        targets = [match["to"] for match in (*LINK.finditer(text), *IMAGE.finditer(text))]
        targets += re.findall(r"""\b(?:href|src)=["']([^"']+)""", text)
        for target in targets:
            if wrong := _leads_nowhere(page, target):
                yield f"{cell.id}: {target}: {wrong}"


def _leads_nowhere(page: Page, target: str) -> str:
    if re.match(r"https://(\w+\.)?(pypi|pythonhosted|anaconda)\.", target):
        return "a link leads to a project itself, not to where its packages are kept"
    if re.match(r"https://", target):
        return ""
    if re.match(r"\w+:|/", target):
        return "a link is https:// or a path from here"
    path, _, anchor = target.partition("#")
    file = (page.path.parent / path).resolve() if path else page.path
    if not file.exists():
        return "there is no such file"
    if anchor and file.suffix in (".ipynb", ".md") and anchor not in anchors(file, page):
        return "there is no such place in it"
    return ""


@rule(everywhere)
def its_pictures_and_links_say_what_they_are(page: Page) -> Complaints:
    for cell in page.prose:
        text = _without_code(cell.text)
        for match in IMAGE.finditer(text):
            if not match["text"].strip():
                yield f"{cell.id}: {match['to']} has no words for who cannot see it"
        for match in TAG.finditer(text):
            if match["tag"] == "img" and not re.search(r"""alt=["'][^"']+""", match["rest"]):
                yield f"{cell.id}: an <img> has no words for who cannot see it"
        for match in LINK.finditer(text):
            if match["text"].strip().lower() in ("", "here", "this", "link", "click here"):
                yield f"{cell.id}: a link called '{match['text']}' does not say where it leads"
        for name in re.findall(r"\[`([^`]*)`\]\(", cell.text):
            yield f"{cell.id}: [`{name}`] has the colour of code, and is not seen to be a link"


FOREIGN = {
    r"^\s*> \[!\w+\]": "> [!NOTE]",
    r"^\s*:::": ":::",
    r"\[\^[^]]+\]": "a footnote",
    r"^```mermaid": "a mermaid diagram",
    r"\{(ref|doc|term)\}`": "a MyST role",
    r"<(script|style|iframe)\b": "a <script>, <style> or <iframe>",
}


@rule(everywhere)
def every_reader_can_show_it(page: Page) -> Complaints:
    for cell in page.prose:
        for pattern, what in FOREIGN.items():
            if re.search(pattern, cell.text, re.MULTILINE):
                yield f"{cell.id}: {what} is not shown everywhere"


@rule(everywhere)
def nothing_is_called_easy(page: Page) -> Complaints:
    for cell in page.prose:
        text = _without_code(cell.text)
        for word in re.findall(r"\b(simply|just|obviously)\b", text, re.IGNORECASE):
            yield f"{cell.id}: '{word}' helps nobody who did not see it at once"


def _without_code(markdown: str) -> str:
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "code", text)


# --------------------------------------------------------------- the lessons


@rule(in_lessons)
def it_begins_with_what_it_takes_and_gives(page: Page) -> Complaints:
    top = "\n".join(cell.text for cell in page.cells[:TOP] if cell.kind == "markdown")
    for words in ("You need", "You will be able to"):
        if words not in top:
            yield f"the first cells do not say: {words}"
    if not re.search(r"\d+ minutes? to read, \d+ minutes? to do", top):
        yield "the first cells do not say: 9 minutes to read, 25 minutes to do"
    order = lessons()
    if page.path in order:
        at = order.index(page.path)
        for word, near in (("Previous", order[:at][-1:]), ("Next", order[at + 1 : at + 2])):
            if near and not re.search(rf"\[{word}[^]]*\]\({near[0].name}\)", top):
                yield f"the first cells have no link [{word}: ...]({near[0].name})"


@rule(in_lessons)
def every_objective_is_tied_to_something_below(page: Page) -> Complaints:
    top = "\n".join(cell.text for cell in page.cells[:TOP])
    after = top.partition("You will be able to")[2].partition("**Time**")[0]
    objectives = re.findall(r"^- (.+?)(?=^- |^\S|\Z)", after, re.DOTALL | re.MULTILINE)
    checked = {_first(call) for _, call in page.named("check")}
    for text in objectives:
        ties = re.findall(r"\(([^()]*(?:prediction|exercise|slider|check)[^()]*)\)", text)
        if not ties:
            yield f"no (prediction 1) or (exercise ...) in: {' '.join(text.split())}"
        for name in re.findall(r"`([a-z]+\.[a-z_]+)`", " ".join(ties)):
            if name not in checked:
                yield f"there is no check of {name}"
        for number in re.findall(r"predictions? (\d+)", " ".join(ties)):
            if int(number) > len(page.named("predict")):
                yield f"there is no prediction {number}"
    if not objectives:
        yield "there is no list of objectives"


def _first(call: ast.Call) -> Any:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


@rule(in_lessons)
def it_ends_with_what_was_measured_and_where_to_go_on(page: Page) -> Complaints:
    wanted = ["What you measured", "Take-aways", "Words", "Further reading"]
    last = [title for _, level, title in page.headings if level == 2][-len(wanted) :]
    if last != wanted:
        yield f"it ends with {', '.join(last)}, not with {', '.join(wanted)}"
    end = "\n".join(cell.text for cell in page.prose[-len(wanted) - 1 :])
    if "99-glossary.md#" not in end:
        yield "the end has no links into the glossary"


@rule(in_lessons)
def it_asks_before_it_measures_and_lets_turn_and_repair(page: Page) -> Complaints:
    for name, least in {"predict": 3, "check": 2, "panel": 1, "move": 1}.items():
        if (number := len(page.named(name))) < least:
            yield f"{name}( is called {number} times, and {least} is the least"
    asked, answered = len(page.named("predict")), len(page.named("measured"))
    if answered < asked:
        yield f"{asked} predictions, but {answered} answers"


@rule(in_lessons)
def every_exercise_has_hints_and_a_solution(page: Page) -> Complaints:
    hints = {_first(call) for _, call in page.named("hint")}
    file = solutions(page.path)
    solved = {_first(call) for _, call in Page(file).named("check")} if file.exists() else ()
    for name in {_first(call) for _, call in page.named("check")}:
        if name not in hints:
            yield f"{name}: there is no hint"
        if name not in solved:
            yield f"{name}: it is not solved in solutions/{file.name}"


@rule(in_lessons)
def its_cells_are_short(page: Page) -> Complaints:
    lengths = [len(cell.lines) for cell in page.code]
    for cell, length in zip(page.code, lengths, strict=True):
        if length > 25:
            yield f"{cell.id}: {length} lines, 25 is the most"
    if len(lengths) > 1 and (high := quantiles(lengths, n=10)[-1]) > 10:
        yield f"one cell in ten has {high:g} lines or more; 10 is the most"
    if not 2 <= median(lengths) <= 4:
        yield f"half of the cells have {median(lengths):g} lines or more; 2 to 4 is right"


@rule(in_lessons)
def it_is_neither_a_leaflet_nor_a_book(page: Page) -> Complaints:
    """Counted are the cells that teach; asking, playing and grading take one or two besides.

    Before what is graded stands a cell for the learner, with a beginning or with none.
    """
    helping = ("predict", "panel", "play", "check", "hint", "move")
    calls = {cell.id for name in helping for cell, _ in page.named(name)}
    calls |= {cell.id for cell in page.code if called_last(cell) in TELLING}
    graded = {cell.id for cell, _ in page.named("check")}
    begun = {cell.id for cell, then in pairwise(page.code) if then.id in graded}
    cells = [cell for cell in page.code if cell.id not in calls]
    teaching = [cell for cell in cells if cell.id not in begun]
    if len(cells) < 12 or len(teaching) > 30:
        yield f"{len(teaching)} code cells beside those that ask and grade; 12 to 30 is right"


@rule(in_lessons)
def prose_and_code_are_in_balance(page: Page) -> Complaints:
    ratio = len(page.prose) / max(1, len(page.code))
    if not 0.9 <= ratio <= 1.5:
        yield f"{ratio:.2f} prose cells per code cell; 0.9 to 1.5 is right"
    words = median(len(_words(cell.text)) for cell in page.prose)
    if not 25 <= words <= 50:
        yield f"half of the prose cells have {words:g} words or more; 25 to 50 is right"


def _words(markdown: str) -> list[str]:
    text = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", markdown)
    return re.findall(r"\w[\w'’-]*", text)


@rule(in_lessons)
def prose_does_the_talking(page: Page) -> Complaints:
    lines = [line for cell in page.code for line in cell.lines]
    comments = [line for line in lines if line.lstrip().startswith("#")]
    if len(comments) > 0.06 * len(lines):
        yield f"{len(comments)} of {len(lines)} lines of code are comments; 6 % is the most"


def broken(page: Page, rules: Iterable[Rule]) -> dict[str, list[str]]:
    """The rules that the page does not keep, with what they say."""
    said = {each.__name__: list(each(page)) for each in rules}
    return {name: complaints for name, complaints in said.items() if complaints}
