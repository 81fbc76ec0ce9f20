"""The ledger: eleven rows, verdicts that follow from the numbers, conditions in each."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from helpers import ledger
from helpers.ledger import Judged, Ledger
from helpers.machine import Machine

ROW = {"threads": 1.0, "processes": 2.0, "processes, start included": 0.5}
TABLE = dict.fromkeys(("wait", "python", "c", "db"), ROW)


def machine(gil: bool = True, usable: int = 2) -> Machine:
    return Machine(8, 8, None, usable, "Linux", "3.14.0", gil, not gil, ("spawn",), "spawn")


def rows(gil: bool = True, usable: int = 2) -> list[Judged]:
    return [
        ledger.c1(0.001, 0.1),
        ledger.c2(0.001, 0.002),
        ledger.c3(4, 0),
        ledger.c4(TABLE, "wait", "python", "c", gil, usable),
        ledger.c5(4, 6),
        ledger.c6(TABLE, "python", usable),
        ledger.c7("Worker 1 died (killed by SIGKILL) while it worked on item 1 of 1 (0)."),
        ledger.c8(1, 2),
        ledger.c9(None, 7_000_000, 0.003),
        ledger.c10({"Pipe": {16: 0.1, 1024: 0.0005}}),
        ledger.c11(TABLE, "wait", "python", "c", "db"),
    ]


def test_every_claim_is_judged_in_its_place_and_in_sentences() -> None:
    found = rows()
    assert [row.number for row in found] == [f"C{n}" for n in range(1, 12)]
    for row in found:
        assert row.verdict.endswith(".")
        assert not row.measured.endswith(".")
        assert not re.search(r"  |None", " ".join(row))


@pytest.mark.parametrize(
    ("thread", "process", "verdict"),
    [
        (1.0, 3.0, "Holds here, by a factor of 3.0."),
        (1.0, 280.0, "Holds here, by a factor of 280."),
        (1.0, 1.1, "No clear difference here."),
        (3.0, 1.0, "Not so here."),
    ],
)
def test_a_comparison_is_judged_by_its_ratio(thread: float, process: float, verdict: str) -> None:
    assert ledger.c1(thread, process).verdict.startswith(verdict)
    assert ledger.c2(thread, process).verdict.startswith(verdict)


@pytest.mark.parametrize(
    ("threads", "gil", "cpus", "verdict"),
    [
        (1.0, True, 2, "Holds for Python code."),
        (1.0, True, 1, "Not to be seen with one usable CPU."),
        (1.8, True, 2, "Not seen in this run."),
        (1.8, False, 2, "Does not hold here: this build runs without a GIL."),
    ],
)
def test_the_gil_is_judged_by_the_build_the_cpus_and_the_run(
    threads: float, gil: bool, cpus: int, verdict: str
) -> None:
    table = {**TABLE, "python": {**ROW, "threads": threads}}
    assert ledger.c4(table, "wait", "python", "c", gil, cpus).verdict.startswith(verdict)


def test_memory_is_judged_by_its_ratio_where_it_is_known() -> None:
    assert ledger.c9(10_000, 7_000_000, 1).verdict.startswith("Holds here, by a factor of 700.")
    assert ledger.c9(None, 7_000_000, 1).verdict.startswith("Memory was not measured here.")
    assert ledger.c9(0, 7_000_000, 1).verdict.startswith("Memory was not measured here.")


def test_several_cores_are_not_judged_where_there_is_one_or_a_run_was_disturbed() -> None:
    slow = {"python": {**ROW, "processes": 1.1}}
    assert ledger.c6(TABLE, "python", 2).verdict.startswith("Holds here")
    assert ledger.c6(TABLE, "python", 1).verdict.startswith("Not to be seen with one usable CPU")
    assert ledger.c6(slow, "python", 2).verdict.startswith("Not seen in this run")


def test_what_nobody_measured_is_said() -> None:
    assert (
        "of a thread not measured, of a process 7000 kB" in ledger.c9(None, 7_000_000, 1).measured
    )


def test_the_longest_trip_counts() -> None:
    assert ledger.c10({"Pipe": {16: 9.0, 1024: 0.0005}}).measured == (
        "a trip of 1 024 bytes: Pipe 0.5 ms"
    )


def test_the_table_says_for_whom_it_holds() -> None:
    assert ledger.ledger([], machine()).where == (
        "Python 3.14.0 on Linux, with the GIL, 2 usable CPUs; processes started by spawn."
    )
    assert "without the GIL, 1 usable CPU;" in ledger.ledger([], machine(False, 1)).where


def test_it_shows_as_a_table_with_heads_and_as_the_same_words() -> None:
    shown: Ledger = ledger.ledger([*rows(), Judged("C<", "<b>", "&", "'.")], machine())
    formatter: Any = DisplayFormatter()
    data, _ = formatter.format(shown)
    assert data["text/plain"] == str(shown)
    table = ET.fromstring(data["text/html"])
    assert len(table.findall("tr")) == 13
    assert {cell.get("scope") for cell in table.iter("th")} == {"col", "row"}
    for row in rows():
        assert all(text in data["text/plain"] for text in row)
