"""The eleven claims of the article, each judged by what was measured here.

There is a function for each claim. It takes the numbers, and gives what the
article says, what this computer said, and a verdict with its conditions: the
build, the start method, the CPUs. `ledger` puts them into one table.

The article: "Threading & Multiprocessing in Python: A Comprehensive Guide"
(NamasteDev, 2025); its claims are told here in our words.

>>> print(c5(4, 6).measured)
of 6 schedules of two updates, 4 lose one
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from .compare import PAYS
from .machine import Machine

ONE_CPU = "Not to be seen with one usable CPU"
Speedups = Mapping[str, Mapping[str, float]]  # as the heat map has them


class Judged(NamedTuple):
    """A row of the ledger."""

    number: str
    says: str  # the article
    measured: str  # here
    verdict: str


@dataclass(frozen=True)  # of a NamedTuple IPython would show what every tuple shows
class Ledger:
    """The rows, and where they were measured; shows as a table."""

    rows: tuple[Judged, ...]
    where: str

    def __str__(self) -> str:
        rows = (
            f"{row.number} {row.says}\n    Measured: {row.measured}.\n    Verdict: {row.verdict}"
            for row in self.rows
        )
        return "\n".join([self.where, *rows])

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        heads = ("Claim", "The article says", "Measured here", "Verdict")
        top = "".join(f'<th scope="col" style="text-align:left">{head}</th>' for head in heads)
        rows = "".join(_html(row) for row in self.rows)
        table = f"<table><caption>{escape(self.where)}</caption><tr>{top}</tr>{rows}</table>"
        return {"text/plain": str(self), "text/html": table}


def ledger(rows: Iterable[Judged], here: Machine) -> Ledger:
    """The table; `here` says for which computer, build and start method it holds."""
    gil = "with the GIL" if here.gil else "without the GIL"
    cpus = "1 usable CPU" if here.usable == 1 else f"{here.usable} usable CPUs"
    where = f"Python {here.python} on {here.system}, {gil}, {cpus}; processes started by spawn."
    return Ledger(tuple(rows), where)


def _html(row: Judged) -> str:
    number, *rest = (escape(text) for text in row)
    cells = "".join(f'<td style="text-align:left">{text}</td>' for text in rest)
    return f'<tr><th scope="row">{number}</th>{cells}</tr>'


# ----------------------------------------------------------------- the claims


def c1(thread: float, process: float) -> Judged:
    """Seconds to start and join each."""
    return Judged(
        "C1",
        "threads are lightweight",
        f"start and end of a thread {_ms(thread)}, of a process {_ms(process)}",
        f"{_holds(process / thread)}. On every build; how much heavier a process is depends on its "
        "start method: spawn starts a whole Python.",
    )


def c2(thread: float, process: float) -> Judged:
    """Seconds for a round trip between two of each."""
    return Judged(
        "C2",
        "switching between threads is faster than between processes",
        f"there and back: threads {_ms(thread)}, processes {_ms(process)}",
        f"{_holds(process / thread)}. It depends on the system and the CPUs; under the GIL a woken "
        "thread waits for that, too.",
    )


def c3(threads: int, processes: int) -> Judged:
    """Items in a list to which four of each appended one."""
    return Judged(
        "C3",
        "threads share data easily",
        f"four appended to a list: after threads it has {threads} items, after processes "
        f"{processes}",
        "Holds, on every build. What is shared can be spoilt, too: see C5.",
    )


def c4(speedups: Speedups, waiting: str, python: str, c_code: str, gil: bool, cpus: int) -> Judged:
    """The heat map, and which of its rows wait, compute in Python, compute in C code."""
    first = "Does not hold here: this build runs without a GIL"
    if gil:
        taking_turns = speedups[python]["threads"] < PAYS
        first = "Holds for Python code" if taking_turns else "Not seen in this run"
        first = first if cpus > 1 else ONE_CPU
    return Judged(
        "C4",
        "the GIL lets one thread execute at a time",
        f"by threads: {_rows(speedups, 'threads', python, c_code, waiting)}",
        f"{first}. Where there is a GIL, it is held neither while waiting nor by C code that lets "
        "go of it.",
    )


def c5(lost: int, schedules: int) -> Judged:
    """How many schedules of two updates lose one."""
    return Judged(
        "C5",
        "threads make debugging hard: race conditions",
        f"of {schedules} schedules of two updates, {lost} lose one",
        "Holds, on every build. The GIL makes some races rare, and rare is hard to debug.",
    )


def c6(speedups: Speedups, python: str, cpus: int) -> Judged:
    """The heat map, and which of its rows computes in Python."""
    row, first = speedups[python], ONE_CPU
    if cpus > 1:
        first = "Holds here" if row["processes"] >= PAYS else "Not seen in this run"
    return Judged(
        "C6",
        "processes escape the GIL and use several cores",
        f"{python}: {_row(row)}",
        f"{first}. On every build, up to the usable CPUs, if there is enough work for the start.",
    )


def c7(error: str) -> Judged:
    """What was said of a worker process that was killed."""
    return Judged(
        "C7",
        "processes are isolated: a crash in one leaves the others",
        f"{error.rstrip('.')}; this notebook goes on",
        "Holds, on every build. But a ProcessPoolExecutor gives up what it has not done yet.",
    )


def c8(grown: int, processes: int) -> Judged:
    """By how much a number in a database grew, to which so many processes added one each."""
    return Judged(
        "C8",
        "processes make races less of an issue",
        f"{processes} processes added one each to a number in a database: it grew by {grown}",
        "Holds for memory. Does not hold for what is shared all the same: a file, a database, "
        "a Value without its lock.",
    )


def c9(thread: int | None, process: int | None, trip: float) -> Judged:
    """Bytes that one more of each takes, where they are known; seconds for a megabyte's trip."""
    memory = f"memory of a thread {_kb(thread)}, of a process {_kb(process)}"
    first = "Memory was not measured here"
    if thread and process and thread > 0:
        first = _holds(process / thread)
    return Judged(
        "C9",
        "processes cost more memory and CPU",
        f"{memory}; 1 MB to a process and a short answer {_ms(trip)}",
        f"{first}. What is sent to a process is pickled and copied, on every build. By fork a "
        "process shares its parent's memory until one of them writes; to use an object is to "
        "write its reference count.",
    )


def c10(trips: Mapping[str, Mapping[int, float]]) -> Judged:
    """Seconds for a trip, by way and size."""
    size = max(next(iter(trips.values())))
    each = ", ".join(f"{way} {_ms(times[size])}" for way, times in trips.items())
    return Judged(
        "C10",
        "sharing between processes is complex: queues, pipes",
        f"a trip of {size:_} bytes: {each}".replace("_", " "),
        "Holds, on every build: each way has its price, and its ways to hang. An executor hides "
        "most of them.",
    )


def c11(speedups: Speedups, waiting: str, python: str, c_code: str, database: str) -> Judged:
    """The heat map, and which of its rows is what."""
    threads = _rows(speedups, "threads", waiting, c_code, database)
    processes = _rows(speedups, "processes", python)
    return Judged(
        "C11",
        "I/O-bound: threads; CPU-bound: processes",
        f"threads: {threads}; processes: {processes}",
        "A first rule, and not the last. C code that lets go of the GIL suits threads; so does "
        "Python code on a build without it. Small items need chunks. With one CPU, or where others "
        "keep the rest busy, no tool computes faster.",
    )


def _holds(ratio: float) -> str:
    if ratio >= PAYS:
        return f"Holds here, by a factor of {ratio:{'.0f' if ratio >= 10 else '.1f'}}"
    return "Not so here" if ratio <= 1 / PAYS else "No clear difference here"


def _rows(speedups: Speedups, way: str, *names: str) -> str:
    return ", ".join(f"{name} × {speedups[name][way]:.2f}" for name in names)


def _row(row: Mapping[str, float]) -> str:
    return ", ".join(f"{way} × {number:.2f}" for way, number in row.items())


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _kb(size: int | None) -> str:
    return "not measured" if size is None else f"{size / 1e3:.0f} kB"
