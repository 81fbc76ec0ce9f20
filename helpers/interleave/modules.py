"""Which names of `threading`, `queue`, `time` and others mean something else here."""

from __future__ import annotations

import abc
import gc
import queue
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, NoReturn

from . import registered
from .hooks import hooks
from .lifetimes import LOOKS, behind
from .pace import CLOCK
from .queues import LifoQueue, PriorityQueue, Queue, SimpleQueue
from .shown import steady
from .step import Abort, Op, Task
from .things import Twin, check_order, refuse
from .threads import (
    ExceptHook,
    Thread,
    Timer,
    default_hook,
    main_of,
    number_of,
    own_hook,
    run_hooks,
)
from .twins import (
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    Lock,
    RLock,
    Semaphore,
    here,
    look,
    now,
    under_way,
)

TRACES = ("settrace", "setprofile", "settrace_all_threads", "setprofile_all_threads")
STARTS = ("fork", "spawn", "posix_spawn", "exec", "system", "popen", "startfile")  # in os
JUMP = 10**9  # seconds: no deadline is later
SINCE = 1_700_000_000  # seconds since 1970, at which every run begins
STOPS = ("_exit", "abort", "kill", "killpg")  # in os
ITERATORS = ("serialize_iterator", "synchronized_iterator", "concurrent_tee")  # since Python 3.15
SETTINGS = ("switchinterval", "recursionlimit")  # in sys
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
    if run.fifo:
        line = run.current.site.line
        hooks.notes.setdefault(f"line {line}: time.sleep() in a coroutine holds up all other tasks")
    run.row(Op(run.current.site, "sleep", f"sleep {seconds:g}", None))


def _times_passed(name: str) -> int:
    """How often time has passed so far, as a step that reads it."""
    run = now()
    if (task := run.me()) is None:
        return 0
    if run.why:
        raise Abort
    if run.time is None:
        run.pace.wants_time = True
        return 0
    op = Op(task.site, "call", name, None, ((CLOCK, None, False),))
    run.make(task, op, False)
    run.time.read = True
    run.row(op)
    return run.time.passed


def _clock(name: str) -> Callable[..., Any]:
    """A clock that does not go back: between two steps a very long time passes, or none."""
    since = SINCE if name.startswith(("time", "ctime", "localtime", "gmtime")) else 1_000

    def read(*given: Any) -> Any:
        if given and given[0] is not None:
            return getattr(time, name)(*given)
        now_is = since + JUMP * _times_passed(f"time.{name}()")
        if name in ("ctime", "localtime", "gmtime"):
            return now().called(getattr(time, name)(now_is))
        return now().called(now_is * 10**9 if name.endswith("_ns") else float(now_is))

    return _twin(read)


def _date(clock: Any) -> Callable[..., Any]:
    """`datetime.now` or another that reads the same clock as `time.time`; all places keep UTC."""
    name = f"{clock.__self__.__name__}.{clock.__name__}()"
    with_time = clock.__self__ is datetime

    def read(tz: Any = None) -> Any:
        seconds = SINCE + JUMP * _times_passed(name)
        found = datetime.fromtimestamp(seconds, tz or UTC)
        found = found if tz else found.replace(tzinfo=None)
        return now().called(found if with_time else found.date())

    return _twin(read)


def _print(
    *values: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, **_: Any
) -> None:
    """Keep what is printed, to show it once; what goes elsewhere is written there."""
    run = now()
    for value in values:
        check_order(run.current.site, value)
    text = (" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end)
    if file is None:
        run.access(run.current.site, vars(sys), "stdout", False, "read")
        file = sys.stdout
    if file is not hooks.stdout and file is not sys.stderr:
        hooks.method(run.current.site, file, "write")(text)
        return
    if run.recorder is not None:
        text = steady(text)
        run.recorder.printed.append(text)
        run.row(Op(run.current.site, "print", f"print {text.strip()[:40]!r}", None))


def _vars(*owners: Any) -> Any:
    """`vars(x)` is `x.__dict__`."""
    site = now().current.site
    if not owners:
        refuse(f"line {site.line}: vars() cannot be followed here; name an object, as in vars(x)")
    vars(*owners)  # says so where there is none
    return hooks.get(site, owners[0], "__dict__")


def _at_deaths(function: Callable[..., Any]) -> Callable[..., Any]:
    """What tells who is dead, or makes it so, is not followed; a run collects no garbage."""

    def called(*args: Any, **kwargs: Any) -> Any:
        hooks.lifetimes.not_known(here())
        return 0 if function is gc.collect else function(*args, **kwargs)

    return _twin(called)


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


def _id(thing: Any) -> int:
    """A number that is the same in every run where that can be known."""
    run = hooks.run
    if run is None or run.me() is None:
        return id(thing)
    token = run.token(hooks.stand(thing))
    return token if token >= 0 else id(thing)


def _hash(thing: Any) -> int:
    kind: Any = type(thing)
    plain = kind.__hash__ is object.__hash__ or isinstance(thing, Twin)
    return _id(thing) if plain else hash(thing)


def make_stands() -> dict[type, Callable[[Any], Any]]:
    """How to make what stands for a real thing that was made before the run."""
    import functools
    import itertools

    from .foreign import fresh_copy
    from .wrapped import Cached

    def lock(real: Any) -> Any:
        return Lock()

    def condition(real: Any) -> Any:
        return Condition(hooks.stand(real._lock))

    def event(real: Any) -> Any:
        made = Event()
        made.flag = real.is_set()
        return made

    def full(kind: type) -> Callable[[Any], Any]:
        def make(real: Any) -> Any:
            made = kind() if kind is SimpleQueue else kind(real.maxsize)
            for item in list(getattr(real, "queue", ())):
                made._put(item)
            made.unfinished = getattr(real, "unfinished_tasks", 0)
            return made

        return make

    return {
        type(threading.Lock()): lock,
        type(threading.RLock()): lambda real: RLock(),
        threading._RLock: lambda real: RLock(),
        threading.Condition: condition,
        threading.Semaphore: lambda real: Semaphore(real._value),
        threading.BoundedSemaphore: lambda real: BoundedSemaphore(real._initial_value),
        threading.Event: event,
        threading.Barrier: lambda real: Barrier(real.parties, real._action, real._timeout),
        threading.local: lambda real: threading.local(),
        queue.Queue: full(Queue),
        queue.LifoQueue: full(LifoQueue),
        queue.PriorityQueue: full(PriorityQueue),
        queue.SimpleQueue: full(SimpleQueue),
        functools._lru_cache_wrapper: Cached,
        itertools.count: fresh_copy,
        itertools.cycle: fresh_copy,
        **dict.fromkeys(weakref.ProxyTypes, behind),
    }


def _twin(function: Callable[..., Any]) -> Callable[..., Any]:
    function.is_twin = True  # type: ignore[attr-defined]
    return function


_default_hook = _twin(default_hook)


def _uuid(version: int) -> Callable[..., Any]:
    """One that nobody else has in this run; the thread gets the same in every run."""

    def made(*_: Any) -> uuid.UUID:
        run = now()
        return uuid.UUID(int=run.sharing.made(object(), run.current), version=version)

    return _twin(made)


def _setting(name: str) -> Callable[..., Any]:
    """A setting of this Python: as it was, when a run is over."""
    put, get = getattr(sys, f"set{name}"), getattr(sys, f"get{name}")

    def setting(value: Any) -> None:
        hooks.undo.setting(name, put, get())
        put(value)

    return _twin(setting)


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
        "get_ident": _twin(lambda: number_of(now().current)),
        "get_native_id": _twin(lambda: number_of(now().current)),
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
        **{
            name: _refused(f"threading.{name}", "is not followed: hold a Lock around each next()")
            for name in ITERATORS
            if hasattr(threading, name)
        },
        **{name: _twin(lambda: None) for name in ("gettrace", "getprofile")},
    }
    queues = {kind.__name__: kind for kind in (Queue, LifoQueue, PriorityQueue, SimpleQueue)}
    clocks = {
        full: _clock(full)
        for name in CLOCKS
        for full in (name, f"{name}_ns")
        if hasattr(time, full)
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
    for name in (name for name in STOPS if hasattr(os, name)):
        table[getattr(os, name)] = _refused(f"os.{name}", "would end this Python: leave it out")
    for name in TRACES[:2]:
        table[getattr(sys, name)] = _refused(
            f"sys.{name}", "follows the threads that run, too: leave it out"
        )
    for name in SETTINGS:
        table[getattr(sys, f"set{name}")] = _setting(name)
    for clock in (datetime.now, datetime.utcnow, datetime.today, date.today):
        table[clock] = _date(clock)
    table.update({uuid.uuid1: _uuid(1), uuid.uuid4: _uuid(4)})
    table.update({function: _at_deaths(function) for function in LOOKS})
    table[abc.get_cache_token] = _twin(lambda: registered.cache_token(hooks))
    table[builtins.print] = _twin(_print)
    table.update({builtins.id: _twin(_id), builtins.hash: _twin(_hash)})
    table[builtins.vars] = _twin(_vars)
    table[random] = _Random(random, {})
    for name in random.__all__:
        if name not in ("Random", "SystemRandom"):
            table[getattr(random, name)] = getattr(table[random], name)
    return table
