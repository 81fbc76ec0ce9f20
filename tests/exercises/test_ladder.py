"""The ladder: what is shown is what is graded, every wrong repair is refuted, no right one is.

And what the explorer says about a program is what real threads do: an outcome
that it calls impossible is never observed.
"""

from __future__ import annotations

import ast
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.apart import in_a_subprocess
from helpers.exercises import _schedules, find, ladder, rungs
from helpers.exercises.ladder import Rung, programs, puzzles, repairs, with_part
from helpers.interleave import Report, explore, play, replay
from helpers.lesson import verdict

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RUNGS = (*ladder.RUNGS, *rungs.RUNGS)
PUZZLES = (*ladder.PUZZLES, *rungs.PUZZLES)
EACH = pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.program.__name__)
PARTS = {rung.part: rung for rung in RUNGS}
WORKBOOKS = {"04b-the-ladder.ipynb": ladder, "04c-more-rungs.ipynb": rungs}


def answered(rung: Rung, answer: Any) -> tuple[bool, str]:
    return verdict(find(named(rung)), answer)


def named(rung: Rung) -> str:
    """The name of its repair."""
    return f"{'ladder' if rung in ladder.RUNGS else 'rungs'}.{rung.program.__name__}"


# --------------------------------------------------------------- the programs


@EACH
def test_a_program_is_explored_completely_and_can_fail(rung: Rung) -> None:
    report = explore(rung.program)
    assert report.complete
    assert report.verdict != "ok"
    assert report.tried <= 1000, "more than a learner wants to wait for"


@EACH
def test_a_program_that_nobody_interrupts_ends_well(rung: Rung) -> None:
    assert replay(rung.program, "").verdict == "ok"


@EACH
def test_a_repaired_program_keeps_every_outcome_but_the_failures(rung: Rung) -> None:
    counts = explore(with_part(rung.program, rung.part, getattr(repairs, rung.part))).counts
    assert set(counts) == {"ok"}


def test_the_ladder_has_six_rungs_and_there_are_fourteen_more() -> None:
    assert (len(ladder.RUNGS), len(ladder.PUZZLES)) == (5, 1)
    assert (len(rungs.RUNGS), len(rungs.PUZZLES)) == (9, 5)
    assert [each.program.__name__ for each in PUZZLES if each.least == 0] == RIGHT_ONES


RIGHT_ONES = ["double_checked", "settings", "rendezvous", "turnstile"]


# ---------------------------------------------------------------- the repairs

REFUTED = [  # besides those that are on a rung
    ("transfer", repairs.gives_up, "ann has"),
    ("transfer", repairs.locks_the_source, "wrote"),
    ("Gate", repairs.LooksOutside, "deadlock"),
    ("Board", repairs.OneAtATime, "two readers cannot look at once"),
    ("Board", repairs.UncountedReaders, "breaks it"),
    ("Buffer", repairs.Unbounded, "more than one"),
    ("dine", repairs.goes_hungry, "have eaten"),
    ("Mailbox", repairs.ClearsBeforeItWaits, "deadlock"),
]


@pytest.mark.parametrize(("part", "answer", "says"), REFUTED)
def test_a_wrong_repair_is_refuted_by_a_schedule(part: str, answer: Any, says: str) -> None:
    held, sentence = answered(PARTS[part], answer)
    assert not held
    assert says in sentence


@EACH
def test_the_word_that_refutes_a_repair_breaks_it_when_replayed(rung: Rung) -> None:
    broken = with_part(rung.program, rung.part, rung.wrong)
    schedule = explore(broken).schedule
    assert schedule is not None
    assert replay(broken, schedule.word).outcome == schedule.outcome


class EventGate:
    """An event is a flag and a condition in one."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered: list[bool] = []

    def open(self) -> None:
        self.opened.set()

    def enter(self) -> None:
        self.opened.wait()
        self.entered.append(self.opened.is_set())


class SemaphoreTable(programs.Table):
    """Two deliveries are two releases."""

    def __init__(self) -> None:
        super().__init__()
        self.delivered = threading.Semaphore(0)

    def deliver(self, part: str) -> None:
        self.parts.append(part)
        self.delivered.release()

    def build(self) -> None:
        self.delivered.acquire()
        self.delivered.acquire()
        self.built = sorted(self.parts)


def last_one_reaches_across(seat: int, forks: list[Any], eat: Callable[[int], object]) -> None:
    left, right = seat, (seat + 1) % len(forks)
    if seat == 2:
        left, right = right, left
    with forks[left], forks[right]:
        eat(seat)


RIGHT = [
    ("Gate", EventGate),
    ("Table", SemaphoreTable),
    ("Buffer", repairs.WakesEverybody),
    ("dine", last_one_reaches_across),
]


@pytest.mark.parametrize(("part", "answer"), RIGHT)
def test_another_right_repair_is_accepted(part: str, answer: Any) -> None:
    held, sentence = answered(PARTS[part], answer)
    assert held, sentence


def idle(self: Any, *given: Any) -> None:
    """Whatever was asked."""


METHODS = [
    (rung, method)
    for rung in RUNGS
    if isinstance(solution := getattr(repairs, rung.part), type)
    for base in solution.__mro__[:-1]
    for method in vars(base)
    if not method.startswith("__") and method in vars(base)
]


@pytest.mark.parametrize(("rung", "method"), METHODS)
def test_to_do_nothing_is_no_repair(rung: Rung, method: str) -> None:
    lazy = type("Lazy", (getattr(repairs, rung.part),), {method: idle})
    held, sentence = answered(rung, lazy)
    assert not held, sentence


def test_no_function_of_the_ladder_is_repaired_by_doing_nothing_either() -> None:
    for rung in RUNGS:
        held, sentence = answered(rung, lambda *_: None)
        assert not held, sentence


class NeverLetsGo(programs.Counter):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def add(self) -> None:
        self.lock.acquire()
        self.value += 1


def test_a_lock_that_is_held_for_ever_is_no_repair() -> None:
    held, sentence = answered(PARTS["Counter"], NeverLetsGo)
    assert not held
    assert "deadlock" in sentence


def left_fork_only(seat: int, forks: list[Any], eat: Callable[[int], object]) -> None:
    with forks[seat]:
        eat(seat)


def no_fork(seat: int, forks: list[Any], eat: Callable[[int], object]) -> None:
    eat(seat)


@pytest.mark.parametrize(("dine", "side"), [(left_fork_only, "right"), (no_fork, "left")])
def test_nobody_eats_with_one_fork_or_none(dine: Callable[..., None], side: str) -> None:
    held, sentence = answered(PARTS["dine"], dine)
    assert not held
    assert f"ate without the {side} fork" in sentence


def test_where_not_all_schedules_were_tried_there_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def some(program: Callable[[], None], budget: int) -> Report:
        return explore(program, budget=1)

    monkeypatch.setattr(_schedules, "explore", some)
    held, sentence = answered(PARTS["Counter"], repairs.Counter)
    assert not held
    assert "none of the 1 schedules tried fails" in sentence


class OneLockForAllTills:
    lock = threading.Lock()

    def __init__(self, till: programs.Till) -> None:
        self.till = till

    def sell(self, price: int) -> None:
        with self.lock:
            self.till.money += price


def test_a_lock_of_the_class_holds_as_well() -> None:
    held, sentence = answered(PARTS["Clerk"], OneLockForAllTills)
    assert held, sentence


def test_a_word_for_which_nobody_can_go_on_is_answered_in_a_sentence() -> None:
    held, sentence = verdict(find("ladder.transfers.break"), "ABA")
    assert not held
    assert sentence.endswith(".")
    assert "A" in sentence


def test_without_a_word_the_answer_asks_for_one() -> None:
    held, sentence = verdict(find("ladder.lost_update.break"), "")
    assert not held
    assert sentence.startswith("put letters between the quotes")


def test_a_word_that_ends_well_is_told_how_it_went_on() -> None:
    held, sentence = verdict(find("ladder.lost_update.break"), "AA")
    assert not held
    assert sentence.startswith("AA goes on as AABB, which ends well")


# ------------------------------------------------- what is shown is what is graded


class Bare(ast.NodeTransformer):
    """Code without its types and docstrings."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self.without_docstring(node)

    def without_docstring(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            del node.body[0]
        return node


def definitions(source: str) -> dict[str, str]:
    """Each function and class at the top of the source, by its name."""
    tree = Bare().visit(ast.parse(source))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, kinds)}


def cells(path: str) -> list[tuple[str, str]]:
    notebook = json.loads((NOTEBOOKS / path).read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [(cell["id"], "".join(cell["source"])) for cell in code]


def graded(module: Any) -> dict[str, str]:
    return definitions(Path(module.__file__).read_text(encoding="utf-8"))


def test_the_workbooks_show_the_programs_that_are_graded() -> None:
    right, shown = graded(programs) | graded(puzzles), dict[str, str]()
    for book in WORKBOOKS:
        for id, source in cells(book):
            for name, text in definitions(source).items():
                assert text == right[name], f"{id}: {name} is not what is graded"
                shown[name] = id
    wanted = {each.program.__name__ for each in (*RUNGS, *PUZZLES)} | {rung.part for rung in RUNGS}
    assert wanted | {"together"} <= set(shown)


PRESSES = {  # on boards where a press makes a whole statement
    "cache": "ABAAABBB",
    "shutdown": "BBA",
    "overdrawn": "ABAABB",
    "transfers": "AB",
    "lost_wake_up": "ABBBBAA",
    "car_park": "CBBCAAAACC",
    "wrong_pair": "BBCCA",
    "torn_pair": "CABA",
    "full_buffer": "BBBCCCAAAAAAABBBBBCCC",
    "philosophers": "CBA",
}


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.program.__name__)
def test_every_board_can_be_won_as_the_workbook_sets_it_up(rung: Rung) -> None:
    name = rung.program.__name__
    text = "\n".join(source for book in WORKBOOKS for _, source in cells(book))
    one_step = f'play({name}, check="{named(rung)}.break", one_step=True)' in text
    one_step |= name == "lost_update"  # where the text says to switch it on
    board = play(rung.program, one_step=one_step)
    for letter in rung.word if one_step else PRESSES[name]:
        board.press(letter)
    while not board.schedule.ended:  # whoever went last goes on, as `replay` does it
        can = [thread for thread, column in board.columns.items() if not column.button.disabled]
        board.press(board.word[-1] if board.word[-1] in can else can[0])
    assert board.schedule.verdict != "ok"


@pytest.mark.parametrize(("book", "lesson"), WORKBOOKS.items())
def test_a_workbook_asks_for_every_exercise(book: str, lesson: Any) -> None:
    text, first = "\n".join(source for _, source in cells(book)), lesson.__name__.split(".")[-1]
    for rung in lesson.RUNGS:
        name = f"{first}.{rung.program.__name__}"
        assert f'check("{name}.break", "")' in text
        assert f'check("{name}", {rung.part})' in text
        assert f'play({rung.program.__name__}, check="{name}.break"' in text
    for puzzle in lesson.PUZZLES:
        name = f"{first}.{puzzle.program.__name__}"
        assert f'check("{name}", "")' in text
        assert f'play({puzzle.program.__name__}, check="{name}"' in text


def test_the_solutions_show_what_the_tests_know() -> None:
    right = graded(repairs)
    found = {
        name: text
        for book in ("04b-solved.ipynb", "04c-solved.ipynb")
        for _, source in cells(f"solutions/{book}")
        for name, text in definitions(source).items()
    }
    assert found == {name: right[name] for name in found}
    assert set(right) == set(found)


def test_a_cell_of_the_workbook_is_read_in_one_go() -> None:
    for book in WORKBOOKS:
        for id, source in cells(book):
            assert len([line for line in source.splitlines() if line.strip()]) <= 25, id


# ----------------------------------------------------------- beside real threads

REAL = """
import json, os, sys, threading
sys.path[:0] = [FOLDER]
from pauses import pause_in

LADDER = "helpers.exercises.ladder"
pause_in(f"{LADDER}.programs", f"{LADDER}.puzzles", f"{LADDER}.repairs", seed=4)
from helpers.exercises import ladder, rungs
from helpers.exercises.ladder import repairs, with_part

def outcome(program, seconds):
    errors, result = [], []
    threading.excepthook = lambda args: errors.append(args.exc_value)
    def main():
        try:
            program()
        except AssertionError as error:
            result.append(str(error))
    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return "deadlock"
    kinds = [str(e) if isinstance(e, AssertionError) else type(e).__name__ for e in errors]
    return [*result, *kinds, "ok"][0]

def watched(program, seconds):
    seen = set()
    for _ in range(TIMES):
        seen.add(outcome(program, seconds))
        if "deadlock" in seen:
            break
    return sorted(seen)

found = {}
for rung in (*ladder.RUNGS, *rungs.RUNGS):
    fixed = with_part(rung.program, rung.part, getattr(repairs, rung.part))
    found[rung.part] = watched(fixed, 20.0)
for each in (*ladder.RUNGS, *rungs.RUNGS, *ladder.PUZZLES, *rungs.PUZZLES):
    name = each.program.__name__
    found[name] = watched(each.program, 1.0 if name in MAY_HANG else 20.0)
print(json.dumps(found), flush=True)
os._exit(0)  # although some of its threads wait for ever
"""


def kind(what: str) -> str:
    """An outcome of the explorer as `REAL` names it: an error without thread and message."""
    name, colon, _ = what.partition(": ")
    return name if colon and name.endswith("Error") else what


def test_real_threads_never_do_what_the_explorer_calls_impossible() -> None:
    programs = {each.program.__name__: each.program for each in (*RUNGS, *PUZZLES)}
    possible = {name: set(map(kind, explore(each).counts)) for name, each in programs.items()}
    may_hang = sorted(name for name, outcomes in possible.items() if "deadlock" in outcomes)
    folder = str(Path(__file__).parents[1] / "interleave")
    ended = in_a_subprocess(f"FOLDER, TIMES, MAY_HANG = {folder!r}, 40, {may_hang}\n{REAL}", 60)
    assert ended.exit_code == 0, str(ended)
    found = json.loads(ended.printed)
    for rung in RUNGS:
        assert found[rung.part] == ["ok"]
    for name in programs:
        assert set(found[name]) <= possible[name]
    failing = [name for name in programs if set(found[name]) - {"ok"}]
    assert len(failing) > 3, "the threads were hardly disturbed"
