"""Which names of `threading`, `queue`, `time` and others mean something else here."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NoReturn

from .hooks import Twin, check_order, refuse
from .queues import LifoQueue, PriorityQueue, Queue, SimpleQueue
from .shown import steady
from .step import Op, Task
from .twins import (
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    ExceptHook,
    Lock,
    RLock,
    Semaphore,
    Thread,
    Timer,
    default_hook,
    here,
    look,
    main_of,
    now,
    own_hook,
    run_hooks,
    under_way,
)  # fmt: skip

TRACES = ("settrace", "setprofile", "settrace_all_threads", "setprofile_all_threads")
STARTS = ("fork", "spawn", "posix_spawn", "exec", "system", "popen", "startfile")  # in os
CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time", "ctime", "localtime")


class Module(Twin):
    """A module, some of whose names mean something else here."""

    real: ModuleType
    names: Mapping[str, Any]

    def __init__(self, real: ModuleType, names: Mapping[str, Any]) -> None:
        vars(self).update(real=real, names=names)

    def __getattr__(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        return getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """It would stay changed for the runs to come, and for whoever else uses the module."""
        self._refuse(name)

    def __delattr__(self, name: str) -> None:
        self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        refuse(
            f"line {here()}: {self.real.__name__}.{name} is changed: use a name of your own "
            "for what you put there"
        )


class _Threading(Module):
    """`threading.excepthook` may be changed: each run begins with the default one."""

    def __getattr__(self, name: str) -> Any:
        if name != "excepthook" or not under_way():
            return super().__getattr__(name)
        look(_hook_of_run(), "threading.excepthook")
        return own_hook.get(now(), _default_hook)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "excepthook" or not under_way():
            return super().__setattr__(name, value)
        look(_hook_of_run(), "set threading.excepthook", write=True)
        own_hook.pop(now(), None)
        if value is not _default_hook:
            own_hook[now()] = value
        return None


def _hook_of_run() -> ExceptHook:
    return run_hooks.setdefault(now(), ExceptHook())


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    run = now()
    run.tick()
    run.row(Op(run.current.site, "sleep", f"sleep {seconds:g}", None))


def _print(*values: Any, sep: str | None = " ", end: str | None = "\n", **_: Any) -> None:
    """Keep what is printed, to show it once."""
    run = now()
    for value in values:
        check_order(run.current.site, value)
    text = (" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end)
    if run.recorder is not None:
        text = steady(text)
        run.recorder.printed.append(text)
        run.row(Op(run.current.site, "print", f"print {text.strip()[:40]!r}", None))


def _current_thread() -> Any:
    return _thread_of(now().current)


def _thread_of(task: Task) -> Any:
    return task.twin if task.number else main_of(now())


def _refused(name: str, instead: str) -> Callable[..., Any]:
    def called(*_: object, **__: object) -> Any:
        refuse(f"line {now().current.site.line}: {name} {instead}")

    return _twin(called)


def _alive() -> list[Any]:
    run = now()
    task, twins = run.current, [run.sharing.crowd, *(t.twin for t in run.live if t.number)]
    accesses = tuple((run.token(twin), None, False) for twin in twins)
    op = Op(task.site, "call", "look who is alive", None, accesses)
    run.make(task, op, False, True)
    run.row(op)
    return [_thread_of(task) for task in now().live]


def _twin(function: Callable[..., Any]) -> Callable[..., Any]:
    function.is_twin = True  # type: ignore[attr-defined]
    return function


_default_hook = _twin(default_hook)


class _Random(Module):
    """Numbers from a seed are the same in every run; others are not."""

    def __getattr__(self, name: str) -> Any:
        if name == "Random":
            return self.real.Random
        return _refused(f"random.{name}", "differs from run to run: use random.Random(a seed)")


def stand_ins() -> dict[Any, Any]:
    """Which real thing has which twin."""
    import builtins
    import concurrent.futures
    import os
    import random
    from datetime import date, datetime

    from . import pools

    table: dict[Any, Any] = {}
    kinds = {
        kind.__name__: kind
        for kind in (Thread, Timer, Lock, RLock, Condition, Semaphore, BoundedSemaphore, Event)
    }
    names = {
        **kinds,
        "Barrier": Barrier,
        "current_thread": _twin(_current_thread),
        "currentThread": _twin(_current_thread),
        "main_thread": _twin(lambda: main_of(now())),
        "get_ident": _twin(lambda: now().current.number),
        "get_native_id": _twin(lambda: now().current.number),
        "active_count": _twin(lambda: len(_alive())),
        "activeCount": _twin(lambda: len(_alive())),
        "enumerate": _twin(_alive),
        "excepthook": _default_hook,
        "__excepthook__": _default_hook,
        "stack_size": _twin(lambda size=0: 0),  # of a thread in C: nothing here depends on it
        **{
            name: _refused(
                f"threading.{name}", "follows the threads that run: read the report instead"
            )
            for name in TRACES
        },
        **{name: _twin(lambda: None) for name in ("gettrace", "getprofile")},
    }
    queues = {kind.__name__: kind for kind in (Queue, LifoQueue, PriorityQueue, SimpleQueue)}
    clocks = {
        name: _refused(f"time.{name}", "reads a clock, which differs from run to run")
        for full in CLOCKS
        for name in (full, f"{full}_ns")
        if hasattr(time, name)
    }
    for module, twins in (
        (threading, names),
        (queue, queues),
        (time, {"sleep": _twin(_sleep), **clocks}),
        (concurrent.futures, pools.NAMES),
    ):
        table[module] = (_Threading if module is threading else Module)(module, twins)
        for name, twin in twins.items():
            if hasattr(module, name):  # some are newer, or older, than this Python
                table[getattr(module, name)] = twin
    for name in (name for name in dir(os) if name.startswith(STARTS)):
        table[getattr(os, name)] = _refused(f"os.{name}", "starts a process, which is not followed")
    for clock in (datetime.now, datetime.utcnow, datetime.today, date.today):
        table[clock] = _refused(clock.__qualname__, "reads a clock, which differs from run to run")
    table[builtins.print] = _twin(_print)
    table[random] = _Random(random, {})
    for name in random.__all__:
        if name not in ("Random", "SystemRandom"):
            table[getattr(random, name)] = getattr(table[random], name)
    return table
