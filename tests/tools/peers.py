"""How many schedules a second an explorer tries: ours, or one of two others.

    python3 tests/tools/peers.py ours | frontrun | interleave_test | plain

Lost update, three threads with two increments each, no check, so that nothing
ends early. Each engine gets the program in its own form and searches as it does
best: frontrun by partial-order reduction, as ours does, and interleave-test all
schedules with at most two preemptions. "plain" runs it on plain threads and
controls nothing. Prints the schedules of a second.

The bench runs this file, and takes its programs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from time import perf_counter

# About two seconds each.
MOST = {"ours": 20_000, "frontrun": 600, "interleave_test": 1_500, "plain": 10_000}


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def twice(self) -> None:
        self.value += 1
        self.value += 1


def program() -> None:
    counter = Counter()
    threads = [threading.Thread(target=counter.twice) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ours(most: int) -> int:
    from helpers.interleave import explore

    return explore(program, budget=most).tried


def frontrun(most: int) -> int:
    os.environ["FRONTRUN_ACTIVE"] = "1"  # else it takes no orders but those of its command line
    found = import_module("frontrun").explore(
        setup=Counter,
        workers=Counter.twice,
        count=3,
        invariant=lambda counter: True,
        preemption_bound=None,
        max_executions=most,
    )
    return int(found.num_explored)


def interleave_test(most: int) -> int:
    found = import_module("interleave_test").explore(program, iterations=most, strategy="dfs")
    return int(found.schedules_run)


def plain(most: int) -> int:
    for _ in range(most):
        program()
    return most


ENGINES = {"ours": ours, "frontrun": frontrun, "interleave_test": interleave_test, "plain": plain}


# ---------------------------------------------- programs as the lesson has them


def once() -> None:
    """Two threads, one increment each."""
    counter = Counter()

    def add() -> None:
        counter.value += 1

    in_threads(add, add)


def guarded() -> None:
    counter, lock = Counter(), threading.Lock()

    def add() -> None:
        with lock:
            counter.value += 1

    in_threads(add, add, add)
    assert counter.value == 3


def crossed() -> None:
    a, b = threading.Lock(), threading.Lock()

    def left() -> None:
        with a, b:
            pass

    def right() -> None:
        with b, a:
            pass

    in_threads(left, right)


def bakery() -> None:
    bread: list[str] = []
    changed = threading.Condition()

    def put() -> None:
        with changed:
            bread.append("a loaf")
            changed.notify()

    def take() -> None:
        with changed:
            while not bread:
                changed.wait()
            bread.pop()

    in_threads(take, put, take, put)
    assert not bread


def in_threads(*functions: Callable[[], None]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    engine = ENGINES[sys.argv[1]]
    engine(3)  # imports, pools, caches
    start = perf_counter()
    tried = engine(MOST[sys.argv[1]])
    print(tried / (perf_counter() - start))
