"""How many schedules a second an explorer tries: ours, or one of two others. Or what it says.

    python3 tests/tools/peers.py ours | frontrun | interleave_test | plain
    python3 tests/tools/peers.py ours_of_tasks | frontrun_of_tasks
    python3 tests/tools/peers.py ours | frontrun | interleave_test   module.name

Lost update, three threads with two increments each, no check, so that nothing
ends early. Each engine gets the program in its own form and searches as it does
best: frontrun by partial-order reduction, as ours does, and interleave-test all
schedules with at most two preemptions. "plain" runs it on plain threads and
controls nothing. Prints the schedules of a second. Of tasks: the same, with an
await between the look and the change.

With the name of a program of tests/interleave/cases: prints whether the engine
found a schedule that fails, nothing, or gave up, and the seconds until then.
frontrun wants the threads' functions apart from what comes before and after
them, so it gets those that the program gives to `go`.

The bench runs this file, and takes its programs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

# About two seconds each.
MOST = {
    "ours": 20_000, "frontrun": 600, "interleave_test": 1_500, "plain": 10_000,
    "ours_of_tasks": 2_000, "frontrun_of_tasks": 60,
}  # fmt: skip


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


class AsyncCounter:
    def __init__(self) -> None:
        self.value = 0

    async def twice(self) -> None:
        for _ in range(2):
            seen = self.value
            await asyncio.sleep(0)
            self.value = seen + 1


async def async_program() -> None:
    counter = AsyncCounter()
    await asyncio.gather(*(counter.twice() for _ in range(3)))


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


def ours_of_tasks(most: int) -> int:
    from helpers.interleave import explore

    return explore(async_program, budget=most).tried


def frontrun_of_tasks(most: int) -> int:
    os.environ["FRONTRUN_ACTIVE"] = "1"
    found = import_module("frontrun").explore(
        setup=AsyncCounter,
        workers=AsyncCounter.twice,
        count=3,
        invariant=lambda counter: True,
        preemption_bound=None,
        max_executions=most,
    )

    async def searched() -> Any:
        return await found

    return int(asyncio.run(searched()).num_explored)


def interleave_test(most: int) -> int:
    found = import_module("interleave_test").explore(program, iterations=most, strategy="dfs")
    return int(found.schedules_run)


def plain(most: int) -> int:
    for _ in range(most):
        program()
    return most


# ---------------------------------------------- whether it finds what is wrong

FOUND, NOTHING, UNDECIDED = "found", "nothing", "undecided"
SECONDS = 20.0  # for a search that does not end by itself


def ours_says(case: Callable[[], object]) -> str:
    from helpers.interleave import explore

    found = explore(case)
    return FOUND if not found.ok else NOTHING if found.complete else UNDECIDED


def frontrun_says(case: Callable[[], object]) -> str:
    """Until it calls `go`, the program is the setup; from there on the invariant."""
    from greenlet import getcurrent, greenlet

    here = getcurrent()
    vars(sys.modules[case.__module__])["go"] = lambda *functions: here.switch(functions)

    def setup() -> tuple[Any, Any]:
        program = greenlet(case)
        return program, program.switch()

    def invariant(state: tuple[Any, Any]) -> bool:
        try:
            state[0].switch()
        except AssertionError:
            return False
        return True

    functions = setup()[1]
    if functions is None:
        raise SystemExit("this program starts its threads by itself")
    os.environ["FRONTRUN_ACTIVE"] = "1"  # else it takes no orders but those of its command line
    found = import_module("frontrun").explore(
        setup=setup,
        workers=[lambda state, n=n: state[1][n]() for n in range(len(functions))],
        invariant=invariant,
        clock="virtual",  # with which it found the most
        total_timeout=SECONDS,
        reproduce_on_failure=0,
    )
    return {True: NOTHING, False: FOUND}.get(found.property_holds, UNDECIDED)


def interleave_test_says(case: Callable[[], object]) -> str:
    """200 random schedules, with which it found the most; they prove nothing.

    It replaces the names of `threading`, so the program looks them up there again.
    """
    module = vars(sys.modules[case.__module__])

    def model() -> None:
        module.update({name: vars(threading)[name] for name in threading.__all__ if name in module})
        module["go"] = in_threads
        case()

    peer = import_module("interleave_test")
    found = peer.explore(model, iterations=200, timeout=5, raise_on_failure=False)
    return NOTHING if found.ok else FOUND


SAYS = {"ours": ours_says, "frontrun": frontrun_says, "interleave_test": interleave_test_says}

ENGINES = {
    "ours": ours, "frontrun": frontrun, "interleave_test": interleave_test, "plain": plain,
    "ours_of_tasks": ours_of_tasks, "frontrun_of_tasks": frontrun_of_tasks,
}  # fmt: skip


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


def main(name: str, case: str = "") -> None:
    if case:
        from cases import programs

        start = perf_counter()
        said = SAYS[name](programs(case.split(".")[0])[case])
        print(said, perf_counter() - start)
        return
    engine = ENGINES[name]
    engine(3)  # imports, pools, caches
    start = perf_counter()
    tried = engine(MOST[name])
    print(tried / (perf_counter() - start))


if __name__ == "__main__":
    main(*sys.argv[1:])
