"""Whether every check judges its solution, starter and wrong answer as it should, when busy.

    python tests/tools/verdicts.py [PATTERN] [--rounds 20] [--minutes 60] [--busy 2] [--at-once 2]

PATTERN is a piece of an exercise's name. Each answer is judged in a process of its own, while
`busy` other processes compute. No round begins, and no answer is judged, after the minutes are
over. Prints each verdict that is false, or has other words, then how many there were of each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
KINDS = ("solution", "starter", "wrong")
LONGEST = 180.0  # seconds; no grade may take half of that


def judged(name: str, kind: str) -> str:
    """Nothing if the verdict is as it should be, else what it was."""
    from helpers.exercises import find
    from helpers.lesson import verdict

    exercise = find(name)
    held, said = verdict(exercise, getattr(exercise, kind))
    if held != (kind == "solution"):
        return f"false: {said}"
    if (exercise.says not in said) if kind == "wrong" else (not held and "raised" in said):
        return f"other words: {said}"
    return ""


def apart(name: str, kind: str) -> str:
    """The same in a new process, which is ended if it takes too long."""
    command = [sys.executable, __file__, "--one", name, kind]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LONGEST, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"false: no verdict in {LONGEST:g} s"
    if done.returncode:
        return f"false: the process ended with {done.returncode}: {done.stderr[-200:]}"
    return done.stdout.rpartition(MARK)[2].strip()


MARK = "the verdict:"


def compute() -> None:
    """Until whoever has started this is gone."""
    parent = multiprocessing.parent_process()
    while parent and parent.is_alive():
        sum(range(1_000_000))


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Meanwhile so many processes compute."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=compute, daemon=True) for _ in range(number)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def main(arguments: list[str] | None = None) -> int:
    from helpers.exercises import everything

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--one", nargs=2, metavar=("NAME", "KIND"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(MARK, judged(*given.one), flush=True)
        return 0
    names = [name for name in everything() if given.pattern in name]
    last, counts = time.monotonic() + 60 * given.minutes, Counter[str]()

    def judge(number: int, name: str, kind: str) -> None:
        if time.monotonic() > last:
            counts["not judged, as time was over"] += 1
            return
        said = apart(name, kind)
        counts[said.partition(":")[0] or "as it should be"] += 1
        if said:
            print(f"round {number}, {name}, {kind}: {said}", flush=True)

    with busy(given.busy), ThreadPoolExecutor(given.at_once) as pool:
        for number in range(1, given.rounds + 1):
            tasks = [pool.submit(judge, number, name, kind) for name in names for kind in KINDS]
            for task in tasks:
                task.result()
            if time.monotonic() > last:
                break
            print(f"round {number} of {given.rounds} is over", flush=True)
    print(", ".join(f"{what}: {count}" for what, count in counts.items()))
    return int(counts["false"] > 0)


if __name__ == "__main__":
    sys.exit(main())
