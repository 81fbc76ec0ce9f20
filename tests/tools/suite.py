"""Run the whole suite: what only computes side by side, then what measures, alone.

    python tests/tools/suite.py [arguments of pytest]

The explorer takes its own steps, so its tests find the same beside others. A test
that measures does not: it comes when everything else has ended, in the order in
which pytest found it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from helpers import machine

if TYPE_CHECKING:
    from xdist.remote import Producer

    from computing_first import ComputingFirst

# Parts of the names of tests that only compute. Each worker does so on a CPU of its own.
COMPUTING = (
    "tests/interleave/",
    "tests/exercises/test_ladder.py",
    "tests/exercises/test_answers_ladder.py",
    "tests/exercises/test_answers_synchronization.py",
    "tests/exercises/test_answers_tasks.py",
    "tests/lessons/test_notebooks.py",
    "tests/lessons/test_rules.py",
    "tests/lessons/test_synchronization.py",
    "[ladder.",
    "[rungs.",
    "[synchronization.",
    "[tasks.",
)
IN_BROWSER = "tests/browser/test_lessons.py"
ONE_LAB = tuple(f"tests/browser/test_{name}.py" for name in ("rooms", "scheduler", "way"))
# Of tests that wait and judge, but hold on a busy computer, too.
HARDY = (
    "notebooks/pages/",
    "notebooks/solutions/",
    *(  # the others measure
        f"notebooks/{name}-" for name in ("03b", "04", "04b", "05", "07", "08", "09", "10")
    ),
    "tests/browser/",
    "tests/exercises/",
    "tests/lessons/test_interrupts.py",
    "tests/lessons/test_twice.py",
    "tests/repository/",
    *(
        f"tests/helpers/test_{name}.py"
        for name in (
            *("album", "apart", "chrome", "cluster", "draw", "ending", "folders", "ledger"),
            *("lesson", "orphans", "progress", "pythons", "queues", "real_work", "records"),
            *("server", "timeline", "wait_graph", "work"),
        )
    ),
)
MEASURING = ("tests/interleave/test_real.py",)
ALONE = "alone"
WORKERS = 2  # for each CPU, as many tests wait


def computes(nodeid: str) -> bool:
    measures = any(part in nodeid for part in MEASURING)
    return not measures and any(part in nodeid for part in COMPUTING)


def group(nodeid: str) -> str:
    """What stays together: a notebook's cells, what one JupyterLab is started for, all that
    measures.
    """
    if IN_BROWSER in nodeid:
        return nodeid.partition("[")[2]
    if any(part in nodeid for part in ONE_LAB):
        return nodeid.split("::")[0]
    if computes(nodeid) or any(part in nodeid for part in HARDY):
        return nodeid.split("::")[0] if ".ipynb::" in nodeid else nodeid
    return ALONE


def own_cpu(nodeid: str, worker: str) -> set[int]:
    """Where a test may run: the explorer stays on one CPU, so two workers need two."""
    cpus = sorted(os.sched_getaffinity(0))
    number = int(worker.removeprefix("gw"))
    return {cpus[number % len(cpus)]} if computes(nodeid) else set(cpus)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ComputingFirst:
    from computing_first import ComputingFirst  # pytest wants to import xdist before we do

    config.option.loadscopereorder = False
    return ComputingFirst(config, log)


if __name__ == "__main__":
    workers = min(8, WORKERS * machine.usable_cpus())
    ours = [f"--numprocesses={workers}"] if workers > 1 else []
    sys.exit(pytest.main([*ours, *sys.argv[1:]], plugins=[sys.modules[__name__]]))
