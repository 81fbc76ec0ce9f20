"""CPython's own tests of asyncio's locks and queues, run as async programs.

A module of `test.test_asyncio` is executed privately; what it imports as `asyncio`
is the explorer's. Each test method is a program of tasks, under asyncio's own
order, and under others at random.

These tests let others go on by `asyncio.sleep(0)`, and count on where they then
stand. In another order than asyncio's they stand there once nobody else can go on:
so a pause lasts that long here, in the way that a time-out passes.
"""

from __future__ import annotations

import asyncio
import builtins
import random
import unittest
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from borrowed import EVERYWHERE, cases

from helpers.interleave import awaited, modules
from helpers.interleave.hooks import hooks
from helpers.interleave.real_threads import Threads
from helpers.interleave.run import Run
from helpers.interleave.sharing import Sharing
from helpers.interleave.states import State
from helpers.interleave.step import Task
from helpers.interleave.task_run import TaskRun

SCHEDULES = 25
MOMENT = 1e-9  # seconds: shorter than any time-out of these tests


class Order:
    """Which of those that could go on does; the first is asyncio's own."""

    state: State | None = None

    def __init__(self, pick: Callable[[Sequence[Task]], Task]) -> None:
        self.pick = pick

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task:
        return self.pick(can)


def orders() -> Iterator[Callable[[Sequence[Task]], Task]]:
    yield lambda can: can[-1]
    yield from (random.Random(seed).choice for seed in range(SCHEDULES - 1))


async def pause(delay: float, result: Any = None) -> Any:
    return await asyncio.sleep(delay or MOMENT, result)


def fails(case: unittest.TestCase, pool: Threads, pick: Callable[[Sequence[Task]], Task]) -> str:
    """Run one test method under one schedule; what went wrong, or nothing."""
    method: Any = getattr(case, case._testMethodName)

    async def program() -> None:
        case.setUp()
        if isinstance(case, unittest.IsolatedAsyncioTestCase):
            await case.asyncSetUp()
        found = method()
        if found is not None:
            await found

    run = TaskRun(hooks, pool, Order(pick), Sharing(EVERYWHERE, {}))
    run.execute(program)
    if run.errors:
        task, error = run.errors[0]
        return f"{task.letter} raised {type(error).__name__}: {error}"
    return f"{run.why}" if run.why else ""


def first_failure(case: unittest.TestCase, pool: Threads) -> str:
    return next(filter(None, (fails(case, pool, pick) for pick in orders())), "")


def borrowed(name: str, in_order: bool) -> dict[str, unittest.TestCase]:
    """The test methods of `test.test_asyncio.name`, by class and name."""
    spec = find_spec(f"test.test_asyncio.{name}")
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:
        code = compile(file.read(), spec.origin, "exec", dont_inherit=True)
    known = awaited.stand_ins()[asyncio].names
    twin: Any = modules.Module(asyncio, known if in_order else {**known, "sleep": pause})

    def imported(wanted: str, *rest: Any) -> Any:
        return twin if wanted == "asyncio" else builtins.__import__(wanted, *rest)

    names: dict[str, Any] = {
        "__name__": f"borrowed.{name}",
        "__builtins__": {**vars(builtins), "__import__": imported},
    }
    exec(code, names)
    kinds = [kind for kind in names.values() if isinstance(kind, type)]
    kinds = [kind for kind in kinds if issubclass(kind, unittest.TestCase)]
    return {f"{kind.__name__}.{n}": case for kind in kinds for n, case in cases(kind).items()}
