"""Which programs of tests/interleave/cases the explorer judges wrongly, and how long it takes.

    python tests/tools/judge.py [PATTERN] [--limit SECONDS] [--all]

PATTERN is a piece of "module.name". One program at a time, in a process that is replaced when a
program takes longer than the limit (20 s) or ends it. Prints the wrong ones (all with --all),
then how many of each module are right, the median and the worst seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "interleave")]


def judged(name: str) -> tuple[bool, str]:
    """Whether the verdict on this program is right, and what was said."""
    from cases import programs

    from helpers.interleave import Refused, explore

    want = name.split(".")[1].split("_")[0]
    try:
        report = explore(programs(name.split(".")[0])[name])
    except Refused as error:
        return want == "refused" and "line" in str(error), f"Refused: {error}"
    except BaseException as error:
        return False, f"{type(error).__name__}: {error}"
    said = f"{report.verdict}{'' if report.complete else ', not complete'}, {report.tried} tried"
    right = report.verdict == want and (want != "ok" or report.complete)
    return right, f"{said} {dict(report.counts) if not right else ''}"


def work(pipe: Connection) -> None:
    while (name := pipe.recv()) is not None:
        pipe.send(judged(name))


class Judge:
    """A process that judges; another takes its place when it does not answer."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def ask(self, name: str, limit: float) -> tuple[bool, str]:
        self.pipe.send(name)
        try:
            if self.pipe.poll(limit):
                answer: tuple[bool, str] = self.pipe.recv()
                return answer
            said = f"no answer after {limit:g} s"
        except (EOFError, OSError):
            said = "the process died"
        self.process.kill()
        self.process.join()
        self.start()
        return False, said


def main() -> int:
    from cases import programs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--limit", type=float, default=20.0)
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    names = [name for name in programs() if given.pattern in name]
    judge, seconds, right, every = Judge(), [], Counter[str](), Counter[str]()
    for name in names:
        start = time.perf_counter()
        is_right, said = judge.ask(name, given.limit)
        took = time.perf_counter() - start
        seconds.append((took, name))
        every[name.split(".")[0]] += 1
        right[name.split(".")[0]] += is_right
        if given.all or not is_right:
            mark = "ok   " if is_right else "WRONG"
            print(f"{mark} {took:6.2f} s  {name}\n               {said[:200]}", flush=True)
    judge.pipe.send(None)
    for module, count in every.items():
        print(f"{module:10} {right[module]} of {count} right")
    if seconds:
        print(f"seconds: median {median(s for s, _ in seconds):.2f}, worst", *max(seconds))
    return int(right.total() < len(names))


if __name__ == "__main__":
    sys.exit(main())
