"""CPython's own tests of locks and queues, run on the twins that explorations use.

A module of the standard library's test package is executed privately: what it
imports as `threading`, `queue`, `time`, `_thread` and `test.support` are twins.
Each test method is then a program, whose every step on a primitive is a choice.

These tests measure time. Here a clock stands still while any thread can go on,
and jumps to the next moment that somebody waits for when none can: a time-out
passes where nothing else happens, which is what those tests arrange by sleeping.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import queue
import random
import threading
import unittest
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import islice
from types import ModuleType, SimpleNamespace
from typing import Any

from helpers.interleave import modules, queues, threads, twins
from helpers.interleave.hooks import hooks
from helpers.interleave.real_threads import Threads
from helpers.interleave.run import Run
from helpers.interleave.sharing import Sharing
from helpers.interleave.states import State
from helpers.interleave.step import Op, Task

EVERYWHERE = frozenset({-1})  # the site of code that is not rewritten: each step is a choice
SCHEDULES = 40
BOUNDED = 12  # of them with at most two preemptions
MOMENT = 0.01
LOCKS = {
    "LockTests": ("locktype", "Lock"),
    "RLockTests": ("locktype", "RLock"),
    "EventTests": ("eventtype", "Event"),
    "ConditionTests": ("condtype", "Condition"),
    "SemaphoreTests": ("semtype", "Semaphore"),
    "BoundedSemaphoreTests": ("semtype", "BoundedSemaphore"),
    "BarrierTests": ("barriertype", "Barrier"),
}
QUEUES = ("CQueueTest", "CLifoQueueTest", "CPriorityQueueTest", "CFailingQueueTest",
          "CSimpleQueueTest")  # fmt: skip


class Clock:
    """Chooses who goes on; time passes only where nobody can."""

    state: State | None = None

    def __init__(self, pick: Callable[[Sequence[Task], Task | None], Task]) -> None:
        self.pick = pick
        self.now = 0.0
        self.until: dict[int, float] = {}  # task -> when its time-out is over

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task:
        able = [task for task in can if self.able(task)]
        if not able:
            self.now = max(self.now, min(self.until[task.number] for task in can))
            able = [task for task in can if self.able(task)]
        return self.pick(able, last)

    def able(self, task: Task) -> bool:
        until = self.until.get(task.number)
        return until is None or self.now >= until or not would_wait(task)

    @contextmanager
    def patience(self, seconds: float | None) -> Iterator[None]:
        """What the current task does inside may take so long."""
        task = twins.now().current
        before = self.until.get(task.number)
        if seconds is not None and seconds >= 0:
            self.until[task.number] = self.now + seconds
        try:
            yield
        finally:
            self.until.pop(task.number, None)
            if before is not None:
                self.until[task.number] = before


def would_wait(task: Task) -> bool:
    """Whether the next step of `task`, which has a time-out, would find that it has to wait."""
    op = task.pending
    assert op is not None
    twin = op.where
    if op.kind in ("sleep", "join"):
        return op.kind == "sleep" or not twin.task.ended
    if isinstance(twin, twins.Lock | twins.RLock):
        again = isinstance(twin, twins.RLock) and twin.owner is task
        return twin.owner is not None and not again
    if isinstance(twin, twins.Semaphore):
        return op.kind == "acquire" and twin.value == 0
    if isinstance(twin, queues.Queue):
        return twin._full() if op.kind == "put" else op.kind == "get" and not twin.items
    if op.kind != "wake":
        return False
    if isinstance(twin, twins.Condition):
        mine = next((wait for wait in twin.waiting if wait.task is task), None)
        return mine is not None and not mine.late and twin._ticket(mine) is None
    if isinstance(twin, twins.Event):
        return not any(each is task and woken for each, woken in twin.waiting)
    assert isinstance(twin, twins.Barrier)
    return any(each is task and how == "waits" for each, how in twin.inside)


# ------------------------------------------------------------------- schedules


def stay(order: Callable[[Sequence[Task]], Task]) -> Callable[..., Task]:
    """Nobody is interrupted; where the running thread waits, `order` says who is next."""
    return lambda able, last: last if last is not None and last in able else order(able)


def at_random(seed: int) -> Callable[..., Task]:
    rng = random.Random(seed)
    return lambda able, last: rng.choice(able)


def seldom(seed: int) -> Callable[..., Task]:
    """At most two preemptions, somewhere in the first sixty steps."""
    rng = random.Random(seed)
    left = [rng.randrange(60) for _ in range(rng.choice((1, 2)))]
    steps = iter(range(10**6))

    def pick(able: Sequence[Task], last: Task | None) -> Task:
        others = [task for task in able if task is not last]
        if last is not None and last in able and not (next(steps) in left and others):
            return last
        return rng.choice(others or able)

    return pick


def schedules() -> Iterator[Callable[..., Task]]:
    yield stay(lambda able: able[0])
    yield stay(lambda able: able[-1])
    yield from map(seldom, range(BOUNDED))
    yield from map(at_random, range(SCHEDULES - BOUNDED - 2))


def fails(case: unittest.TestCase, pool: Threads, pick: Callable[..., Task]) -> str:
    """Run one test method under one schedule; what went wrong, or nothing."""

    def program() -> None:
        case.debug()

    run = Run(hooks, pool, Clock(pick), Sharing(EVERYWHERE, {}))
    run.execute(program)
    stuck = [task.letter for task in run.left.stuck if not task.daemon]
    if run.errors:
        task, error = run.errors[0]
        return f"{task.letter} raised {type(error).__name__}: {error}"
    return f"{run.why}: {', '.join(stuck)}" if run.why and (stuck or run.why != "stuck") else ""


def first_failure(case: unittest.TestCase, pool: Threads, many: int = SCHEDULES) -> str:
    """Run a test method under many schedules, up to the first that it fails."""
    picks = islice(schedules(), many)
    return next(filter(None, (fails(case, pool, pick) for pick in picks)), "")


# ----------------------------------------------------- twins that know the clock


def clock() -> Clock:
    chooser = twins.now().chooser
    assert isinstance(chooser, Clock)
    return chooser


def timed(kind: type, name: str) -> Callable[..., Any]:
    """A method with a time-out, which here takes the time that it says."""
    signature = inspect.signature(getattr(kind, name))

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        given: Any = signature.bind(self, *args, **kwargs).arguments.get("timeout")
        given = getattr(self, "timeout", None) if given is None else given
        if type(given) not in (int, float):
            return getattr(kind, name)(self, *args, **kwargs)
        until: float = clock().now + given
        with clock().patience(given):
            done = getattr(kind, name)(self, *args, **kwargs)
        if not done and len(twins.now().live) == 1:  # alone: it was not a choice
            clock().now = max(clock().now, until)
        return done

    return method


def knowing(kind: type, *names: str) -> type:
    """A subclass of a twin whose time-outs are measured."""
    return type(kind.__name__, (kind,), {name: timed(kind, name) for name in names})


KINDS = {
    kind.__name__: kind
    for kind in (
        knowing(twins.Lock, "acquire"),
        knowing(twins.RLock, "acquire"),
        knowing(twins.Condition, "acquire", "wait"),
        knowing(twins.Semaphore, "acquire"),
        knowing(twins.BoundedSemaphore, "acquire"),
        knowing(twins.Event, "wait"),
        knowing(twins.Barrier, "wait"),
        knowing(threads.Thread, "join"),
        knowing(queues.Queue, "put", "get"),
        knowing(queues.LifoQueue, "put", "get"),
        knowing(queues.PriorityQueue, "put", "get"),
        knowing(queues.SimpleQueue, "put", "get"),
    )
}


def sleep(seconds: float) -> None:
    run = twins.now()
    task = run.current
    with clock().patience(seconds):
        run.visible(task, Op(task.site, "sleep", "sleep", None))


def retry(*_: object, **__: object) -> Iterator[None]:
    """`support.sleeping_retry`: look again and again, and sleep in between."""
    while True:
        yield
        sleep(MOMENT)


def start_new_thread(function: Callable[..., object], args: tuple[Any, ...]) -> None:
    KINDS["Thread"](target=function, args=args).start()


@contextmanager
def threads_end(*_: object) -> Generator[None]:
    """`threading_helper.wait_threads_exit`: what is started inside ends inside."""
    before = len(twins.now().tasks)
    yield
    for task in twins.now().tasks[before:]:
        task.twin.join()


@contextmanager
def start_threads(threads: Sequence[Any], *_: object) -> Generator[None]:
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


# -------------------------------------------------------------- modules as twins


def over(real: ModuleType, **names: Any) -> Any:
    """A module in which some names mean something else."""
    return modules.Module(real, names)


@cache
def stand_ins() -> dict[str, Any]:
    support = importlib.import_module("test.support")
    helper = over(
        importlib.import_module("test.support.threading_helper"),
        threading_setup=lambda: (),
        threading_cleanup=lambda *_: None,
        wait_threads_exit=threads_end,
        join_thread=lambda thread, *_: thread.join(),
        start_threads=start_threads,
        requires_working_threading=lambda **_: None,
    )
    queues = over(queue, **KINDS, _PySimpleQueue=KINDS["SimpleQueue"])
    return {
        "threading": over(threading, **{**hooks.twins[threading].names, **KINDS}),
        "_thread": SimpleNamespace(
            start_new_thread=start_new_thread, TIMEOUT_MAX=threading.TIMEOUT_MAX
        ),
        "queue": queues,
        "time": SimpleNamespace(sleep=sleep, monotonic=lambda: clock().now),
        "test.support": over(
            support, sleeping_retry=retry, reap_children=lambda: None, gc_collect=lambda: None,
            threading_helper=helper,
            import_helper=SimpleNamespace(import_fresh_module=lambda *_, **__: queues),
        ),
    }  # fmt: skip


def imported(name: str, *rest: Any) -> Any:
    """`import` inside a borrowed module."""
    if name == "test":
        return SimpleNamespace(support=stand_ins()["test.support"])
    return stand_ins()[name] if name in stand_ins() else builtins.__import__(name, *rest)


def borrowed(name: str) -> dict[str, Any]:
    """The names of `test.name`, executed with twins for what it imports."""
    spec = find_spec(f"test.{name}")
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:
        code = compile(file.read(), spec.origin, "exec", dont_inherit=True)
    private = {**vars(builtins), "__import__": imported}
    names = {"__name__": f"borrowed.{name}", "__builtins__": private}
    exec(code, names)
    return names


def cases(kind: type[unittest.TestCase]) -> dict[str, unittest.TestCase]:
    """Each test method of a class, by name."""
    loader = unittest.TestLoader()
    return {name: kind(name) for name in loader.getTestCaseNames(kind)}


def lock_cases() -> dict[str, unittest.TestCase]:
    names = borrowed("lock_tests")
    found = {}
    for name, (attribute, kind) in LOCKS.items():
        twin = staticmethod(KINDS[kind])
        for method, case in cases(type(name, (names[name],), {attribute: twin})).items():
            found[f"{name}.{method}"] = case
    return found


def queue_cases() -> dict[str, unittest.TestCase]:
    names = borrowed("test_queue")
    return {
        f"{name}.{method}": case for name in QUEUES for method, case in cases(names[name]).items()
    }
