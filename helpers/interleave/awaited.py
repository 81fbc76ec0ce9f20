"""What the names of `asyncio` mean inside an exploration.

The real futures, tasks, locks and queues, which say what they touch: whatever the
step under way does with one of them, another step that uses the same one must not
change places with it. What belongs to the world outside of the program (threads,
sockets, processes) is refused by name.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

from .hooks import hooks
from .modules import Module
from .step import Site
from .step import Task as Engaged
from .task_run import Loop, TaskRun
from .things import Twin, refuse

OUTSIDE = (
    "run", "Runner", "to_thread", "run_coroutine_threadsafe", "open_connection", "start_server",
    "open_unix_connection", "start_unix_server", "create_subprocess_exec",
    "create_subprocess_shell", "new_event_loop", "set_event_loop", "EventLoop",
)  # fmt: skip


def under_way() -> TaskRun | None:
    """The run, where one of its tasks asks."""
    run = hooks.run
    return run if isinstance(run, TaskRun) and run.me() is not None and not run.why else None


class Awaited(Twin):
    """Something that tasks wait for: to use it is to touch all of it."""

    awaits = True

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__") and (run := under_way()) is not None:
            run.touch(self)
        return super().__getattribute__(name)

    def held(self) -> str:
        return f"{{}} is {self.state()}"

    def state(self) -> str:
        raise NotImplementedError


def _inside(thing: Any, name: str) -> Any:
    """An attribute, with nothing touched: it is the exploration that looks."""
    return object.__getattribute__(thing, name)


class Future(Twin, asyncio.Future[Any]):
    awaits = True

    def set_result(self, result: Any) -> None:
        _touch(self)
        super().set_result(result)

    def set_exception(self, exception: Any) -> None:
        _touch(self)
        super().set_exception(exception)

    def cancel(self, msg: Any = None) -> bool:
        _touch(self)
        return super().cancel(msg)

    def add_done_callback(self, fn: Callable[[Any], object], *, context: Any = None) -> None:
        _touch(self)
        super().add_done_callback(fn, context=context)


class Task(Twin, asyncio.Task[Any]):
    """One of asyncio's, with what a recorded run wants to know of it."""

    awaits = True

    task: Engaged
    _serial: int

    def __hash__(self) -> int:
        """The same in every run, so that sets of tasks are gone through in one order."""
        return self._serial

    def __new__(cls, *given: Any, **named: Any) -> Any:
        self = super().__new__(cls)
        run = hooks.run
        self._serial = len(run.real) if isinstance(run, TaskRun) else id(self)
        return self

    @property
    def target_name(self) -> str:
        return str(getattr(self.get_coro(), "__name__", "a coroutine"))

    @property
    def _target(self) -> Any:
        code = getattr(self.get_coro(), "cr_code", None)
        return SimpleNamespace(__code__=code)

    def cancel(self, msg: Any = None) -> bool:
        _touch(self)
        return super().cancel(msg)

    def add_done_callback(self, fn: Callable[[Any], object], *, context: Any = None) -> None:
        _touch(self, "end")
        super().add_done_callback(fn, context=context)


Loop.future, Loop.task = Future, Task


def _touch(thing: Any, key: Any = None) -> None:
    if (run := under_way()) is not None:
        run.touch(thing, key)


class Lock(Awaited, asyncio.Lock):
    owner: Engaged | None = None

    async def acquire(self) -> Any:
        got = await super().acquire()
        self.owner = _me()
        return got

    def release(self) -> None:
        if under_way() is not None:  # what a run that was given up has left, stays as it is
            super().release()
            self.owner = None

    def state(self) -> str:
        owner = _inside(self, "owner")
        return owner.letter if owner else ""

    def held(self) -> str:
        state = self.state()
        return f"{{}} is held by {state}" if state else "{} is free"


def _me() -> Engaged | None:
    run = under_way()
    return run.me() if run is not None else None


class Condition(Awaited, asyncio.Condition):
    def __init__(self, lock: asyncio.Lock | None = None) -> None:
        super().__init__(lock or Lock())

    @property
    def lock(self) -> Any:
        return _inside(self, "_lock")

    def state(self) -> str:
        return str(self.lock.state())

    def held(self) -> str:
        return "nobody has notified {}" if not self.state() else str(self.lock.held())


class Event(Awaited, asyncio.Event):
    def state(self) -> str:
        return "set" if _inside(self, "_value") else "not set"


class _Counted(Awaited):
    def state(self) -> str:
        return f"{_inside(self, '_value')} left"


class Semaphore(_Counted, asyncio.Semaphore):
    pass


class BoundedSemaphore(_Counted, asyncio.BoundedSemaphore):
    pass


class Barrier(Awaited, asyncio.Barrier):
    def state(self) -> str:
        return f"{_inside(self, '_count')} of {_inside(self, '_parties')}"


class _Items(Awaited):
    def state(self) -> str:
        items = _inside(self, "_queue")
        most = _inside(self, "_maxsize")
        return f"{len(items)} of {most}" if most > 0 else f"{len(items)}"

    def held(self) -> str:
        return f"{{}} has {self.state()}"


class Queue(_Items, asyncio.Queue[Any]):
    pass


class LifoQueue(_Items, asyncio.LifoQueue[Any]):
    pass


class PriorityQueue(_Items, asyncio.PriorityQueue[Any]):
    pass


class TaskGroup(Twin, asyncio.TaskGroup):
    """Its tasks have ended when it is left."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Any] = []

    def create_task(self, coro: Any, **named: Any) -> Any:
        made = super().create_task(coro, **named)
        self.made.append(made)
        return made

    async def __aexit__(self, *error: Any) -> Any:
        try:
            return await super().__aexit__(*error)
        finally:
            _over(self.made)


def _joining(site: Site, what: str, tasks: Iterable[Any]) -> None:
    """A task is about to await the end of others."""
    run = under_way()
    first = next((task for task in tasks if isinstance(task, Task) and not task.done()), None)
    if run is not None and first is not None:
        run.waits(site, what, first, "{} has not ended", "join")


def _over(tasks: Iterable[Any]) -> None:
    if (run := under_way()) is not None:
        run.over(*tasks)


def create_task(coro: Any, **named: Any) -> Any:
    return asyncio.create_task(coro, **named)


async def wait(fs: Any, *, timeout: float | None = None, return_when: str = "ALL_COMPLETED") -> Any:
    done, pending = await asyncio.wait(fs, timeout=timeout, return_when=return_when)
    _over(done)
    return done, pending


async def wait_for(fut: Any, timeout: float | None) -> Any:
    """As since Python 3.12: in the task that waits, not in one of its own."""
    if timeout is not None and timeout <= 0:
        fut = asyncio.ensure_future(fut)
        if fut.done():
            return fut.result()
        fut.cancel()
        try:
            return await fut
        except asyncio.CancelledError as error:
            raise TimeoutError from error
    async with asyncio.timeout(timeout):
        return await fut


def as_completed(fs: Any, *, timeout: float | None = None) -> Any:
    """The tasks are made in the order in which they are given."""
    return asyncio.as_completed([asyncio.ensure_future(f) for f in fs], timeout=timeout)


async def joins(task: Any) -> Any:
    """Await the end of a task, or of several."""
    try:
        return await task
    finally:
        _over(getattr(task, "_children", [task]))


class Entered:
    """What an `async with` enters: its awaits are on the line of the `async with`."""

    def __init__(self, site: Site, manager: Any) -> None:
        self.site, self.manager = site, manager

    async def __aenter__(self) -> Any:
        _begins(self.site, self.manager, "acquire", f"enter {self.site.text}")
        return await type(self.manager).__aenter__(self.manager)

    async def __aexit__(self, *error: Any) -> Any:
        manager = self.manager
        _begins(self.site, manager, "release", f"leave {self.site.text}")
        if isinstance(manager, TaskGroup):
            _joining(self.site, f"leave {self.site.text}", manager.made)
        return await type(self.manager).__aexit__(self.manager, *error)


class Turning:
    """What an `async for` goes through: its awaits are on the line of the `async for`."""

    def __init__(self, site: Site, given: Any) -> None:
        self.site, self.turns = site, given.__aiter__()

    def __aiter__(self) -> Turning:
        return self

    async def __anext__(self) -> Any:
        if (run := under_way()) is not None:
            run.waits(self.site, f"next of {self.site.text}")
        return await self.turns.__anext__()


def _begins(site: Site, thing: Any, kind: str, what: str) -> None:
    """A step on something that the task may then have to wait for."""
    run = under_way()
    if run is None:
        return
    if not isinstance(thing, Awaited):
        run.waits(site, what)
        return
    run.does(site, kind, f"{kind} {{}}", thing)
    run.waits(site, f"{kind} {{}}", thing, thing.held, kind)


KINDS = {"acquire": "acquire", "release": "release", "wait": "wait", "notify": "notify"}
QUIET = ("locked", "empty", "full", "qsize", "is_set")  # look, and change nothing
LOOKS = ("done", "result", "exception", "cancelled", "cancelling", "get_name", "get_coro")


def method(site: Site, owner: Any, name: str) -> Callable[..., Any]:
    """A method of something that tasks wait for, as a step; a coroutine says what it waits for."""
    function = getattr(owner, name)
    kind = KINDS.get(name, "call")
    what = f"{name} {{}}" if kind != "call" or name == "cancel" else f"{{}}.{name}()"

    def called(*args: Any, **kwargs: Any) -> Any:
        run = under_way()
        if run is None:
            return function(*args, **kwargs)
        if name == "create_task":
            run.current.site = site
        elif isinstance(owner, asyncio.Future) and name in LOOKS:
            run.does(site, kind, what, owner, "end", False)
        else:
            run.looking = name in QUIET
            run.does(site, kind, what, owner, None, not run.looking)
        try:
            value = function(*args, **kwargs)
        finally:
            run.looking = False
        if asyncio.iscoroutine(value):
            told: Any = _told(value, site, what, owner, kind)
            told.__name__ = getattr(value, "__name__", name)
            run.coroutines += [(site, told), (site, value)]
            return told
        return run.called(value)

    return called


async def _told(coroutine: Coroutine[Any, Any, Any], site: Site, what: str, *more: Any) -> Any:
    run = under_way()
    if run is not None:
        owner, kind = more
        run.waits(site, what, owner, getattr(owner, "held", ""), kind)
    return await coroutine


def _refused(name: str) -> Callable[..., Any]:
    def called(*_: Any, **__: Any) -> Any:
        run = hooks.run
        line = run.current.site.line if run is not None else "?"
        refuse(
            f"line {line}: asyncio.{name} cannot be followed here: it needs what is outside of the "
            "program; explore the coroutines by themselves, and use asyncio.sleep for what takes "
            "time"
        )

    called.is_twin = True  # type: ignore[attr-defined]
    return called


def _as_twin(function: Any) -> Any:
    function.is_twin = True
    return function


def stand_ins() -> dict[Any, Any]:
    """Which real thing of asyncio has which twin."""
    kinds = (
        Lock, Event, Condition, Semaphore, BoundedSemaphore, Barrier, Queue, LifoQueue,
        PriorityQueue, TaskGroup,
    )  # fmt: skip
    names: dict[str, Any] = {kind.__name__: kind for kind in kinds}
    functions = (create_task, wait, wait_for, as_completed)
    names.update({function.__name__: _as_twin(function) for function in functions})
    names.update({name: _refused(name) for name in OUTSIDE if hasattr(asyncio, name)})
    table = {getattr(asyncio, name): twin for name, twin in names.items()}
    table[asyncio] = Module(asyncio, names)
    return table


def kept(site: Site, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the program's; of a coroutine that it makes, the run asks whether it began."""
    if not inspect.iscoroutinefunction(function):
        return function

    def called(*args: Any, **kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        if (run := under_way()) is not None:
            run.coroutines.append((site, made))
        return made

    return called


def make_stands() -> dict[type, Callable[[Any], Any]]:
    """By the type of what was made before the program runs: what makes a new one for each run."""

    def full(kind: Any) -> Callable[[Any], Any]:
        def make(real: Any) -> Any:
            made = kind(real.maxsize)
            made._queue.extend(real._queue)
            return made

        return make

    return {
        asyncio.Lock: lambda real: Lock(),
        asyncio.Event: lambda real: Event(),
        asyncio.Condition: lambda real: Condition(),
        asyncio.Semaphore: lambda real: Semaphore(real._value),
        asyncio.BoundedSemaphore: lambda real: BoundedSemaphore(real._value),
        asyncio.Barrier: lambda real: Barrier(real.parties),
        asyncio.Queue: full(Queue),
        asyncio.LifoQueue: full(LifoQueue),
        asyncio.PriorityQueue: full(PriorityQueue),
    }


def awaited(site: Site, thing: Awaitable[Any]) -> Awaitable[Any]:
    """What an `await` awaits in place of `thing`."""
    run = under_way()
    if run is None:
        return thing
    run.current.site = site
    run.waits(site, site.text)
    if isinstance(thing, Task) or hasattr(thing, "_children"):
        _joining(site, site.text, getattr(thing, "_children", [thing]))
        return joins(thing)
    return thing
