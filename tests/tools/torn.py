"""How many updates two threads lose, on every Python that it is given: a recorded experiment.

    python3 tests/tools/torn.py PYTHON [PYTHON ...]

Each PYTHON, from 3.9 on, runs this file again, by itself. Two threads add one to
a shared total, a million times each: once by `total += 1`, once by
`total += one()`, in turns. What is written into notebooks/recorded/torn.json are
shares of all updates, median and range of the rounds. Lesson 04 shows the file.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
import threading
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, Callable  # noqa: UP035 -- this file runs on Python 3.9, too

FILE = Path(__file__).resolve().parents[2] / "notebooks" / "recorded" / "torn.json"
INCREMENTS = 1_000_000  # by each thread
ROUNDS = 15


def one() -> int:
    return 1


def plain() -> int:
    """The updates that `total += 1` loses."""
    total = 0

    def add() -> None:
        nonlocal total
        for _ in range(INCREMENTS):
            total += 1

    in_two_threads(add)
    return 2 * INCREMENTS - total


def with_a_call() -> int:
    """The updates that `total += one()` loses."""
    total = 0

    def add() -> None:
        nonlocal total
        for _ in range(INCREMENTS):
            total += one()

    in_two_threads(add)
    return 2 * INCREMENTS - total


def in_two_threads(work: Callable[[], None]) -> None:
    ready = threading.Barrier(2)

    def begin_together() -> None:
        ready.wait()
        work()

    threads = [threading.Thread(target=begin_together) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


FORMS = {"total += 1": plain, "total += one()": with_a_call}


def measured() -> dict[str, Any]:
    """One row: this Python, and what it lost."""
    rounds = [{form: lose() for form, lose in FORMS.items()} for _ in range(ROUNDS)]
    return {
        "python": platform.python_version(),
        "build": "GIL" if gil() else "free-threaded",
        "switch_interval": sys.getswitchinterval(),
        "lost": {form: spread([each[form] for each in rounds]) for form in FORMS},
    }


def gil() -> bool:
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return True
    return bool(sys._is_gil_enabled())  # type: ignore[attr-defined, unused-ignore]


def spread(lost: list[int]) -> dict[str, float]:
    """Shares of all updates."""
    shares = [updates / (2 * INCREMENTS) for updates in lost]
    values = {"median": median(shares), "lowest": min(shares), "highest": max(shares)}
    return {name: round(value, 4) for name, value in values.items()}


def main(pythons: list[str]) -> None:
    if not pythons:
        print(json.dumps(measured()))
        return
    rows = []
    for python in pythons:
        done = subprocess.run([python, "-I", __file__], stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    about = {
        "date": date.today().isoformat(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "threads": 2,
        "increments": INCREMENTS,
        "rounds": ROUNDS,
    }
    FILE.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
