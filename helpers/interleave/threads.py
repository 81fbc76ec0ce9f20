"""What threads are inside an exploration: they start, are joined, and may die of an error."""

from __future__ import annotations

import inspect
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from .hooks import hooks
from .run import Run
from .step import LETTERS, Abort, Refused, Task
from .things import Twin, refuse
from .twins import Complete, Event, look, names_of, now, under_way

HOOKS = vars(sys.modules[Twin.__module__])
NOT_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Thread(Complete):
    """A task of the run; unlike a Timer it begins at once, and unlike a pool's it has one call."""

    real = names_of(threading.Thread(target=int))

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
        context: Any = None,
    ) -> None:
        if group is not None:
            raise ValueError("group argument must be None for now")
        self._target, self._args, self._kwargs = target, tuple(args), dict(kwargs or {})
        self._name, self._daemon = name, bool(daemon)
        self.task: Task | None = None

    @property
    def target_name(self) -> str:
        target = self._target if type(self).run is Thread.run else type(self).run
        function = getattr(target, "func", target)
        name = str(getattr(function, "__qualname__", type(function).__name__))
        name = re.sub(r"<(list|set|dict)comp>\.", "", name)  # which newer Pythons leave out
        return name.rpartition("<locals>.")[2].replace("<lambda>", "lambda")

    @property
    def name(self) -> str:
        if self._name is None:
            number = self.task.number if self.task else 0
            return f"Thread-{number} ({self.target_name})"
        return str(self._name)

    @name.setter
    def name(self, name: str) -> None:
        self._name = str(name)

    @property
    def daemon(self) -> bool:
        return self._daemon

    @daemon.setter
    def daemon(self, daemon: bool) -> None:
        self._daemon = bool(daemon)
        if self.task is not None:
            raise RuntimeError("cannot set daemon status of active thread")

    def isDaemon(self) -> bool:
        return self.daemon

    def setDaemon(self, daemonic: bool) -> None:
        self.daemon = daemonic

    def getName(self) -> str:
        return self.name

    def setName(self, name: str) -> None:
        self.name = name

    @property
    def ident(self) -> int | None:
        """Whether it has one yet, depends on who started it, and when."""
        if self.task is None or (under_way() and now().current is not self.task):
            look(self, "{}.ident")
        return number_of(self.task) if self.task else None

    native_id = ident

    def state(self) -> str:
        return ""

    def start(self) -> None:
        run = now()
        if "task" not in vars(self):
            raise RuntimeError("thread.__init__() not called")
        if len(run.tasks) > len(LETTERS):
            line = run.current.site.line
            refuse(f"line {line}: a program can start at most {len(LETTERS)} threads")
        _check_target(self._target)
        others = tuple([twin for twin in _twins(run) if twin.task]) if hooks.numbers else ()
        parent = run.step(self, "start", "start {}", also=(run.sharing.crowd, *others))
        if self.task is not None:  # by somebody else, it may be
            run.only_looked()
            raise RuntimeError("threads can only be started once")
        busy, hooks.busy = hooks.busy, True  # a real thread is noted in a WeakSet of its own
        try:
            self.task = run.add(self._live, self)
        finally:
            hooks.busy = busy
        self._number = _free_number(run, self.task) if hooks.numbers else self.task.number
        self.task.daemon = self._daemon or parent.daemon
        run.started(self.task)

    def _live(self) -> None:
        """`run`, and what becomes of its error: the program's own hook has seen to it."""
        try:
            self.run()
        except (Abort, Refused, SystemExit):
            raise
        except BaseException as error:
            run = now()
            hook = own_hook.get(run)
            if hook is None or run.why:
                raise
            run.step(run_hooks[run], "call", "call threading.excepthook", write=False)
            hook = own_hook.get(run)
            if hook is None:
                raise
            given = (type(error), error, error.__traceback__, self)
            hooks.function(run.current.site, hook)(threading.ExceptHookArgs(given))

    def run(self) -> None:
        if self._target is not None:
            target = hooks.function(now().current.site, self._target)
            try:
                target(*self._args, **self._kwargs)
            finally:  # who has run leads to nothing any more
                self._target, self._args, self._kwargs = _husk(self._target), (), {}

    def is_alive(self) -> bool:
        now().step(self, "call", "{}.is_alive()", write=False)
        return self.task is not None and not self.task.ended

    def join(self, timeout: float | None = None) -> None:
        run = now()
        if self.task is None:  # somebody may be about to start it
            run.step(self, "join", "join {}", write=False)
        other = self.task
        if other is None:
            raise RuntimeError("cannot join thread before it is started")
        if other is run.current:
            raise RuntimeError("cannot join current thread")
        if timeout is not None:
            run.step(self, "join", "stop waiting for {}", write=False)
        else:
            why = f"{other.letter} has not ended"
            run.step(self, "join", "join {}", lambda: other.ended, why, eager=True)
        if other.ended:
            run.joined(run.current, other)
            if run.alone:
                hooks.lifetimes.settle(run)


def number_of(task: Task) -> int:
    """Its number, which a later thread may get once it has ended: as the system does it.

    From the first time that a program asks for one, it matters who has ended when another
    one starts.
    """
    if not hooks.numbers:
        hooks.numbers = now().pace.again = True
    return getattr(task.twin, "_number", task.number)


def _twins(run: Run) -> list[Thread]:
    return [task.twin for task in run.tasks if isinstance(task.twin, Thread)]


def _free_number(run: Run, task: Task) -> int:
    """That of the first one that has ended, and that nobody has now."""
    twins = [twin for twin in _twins(run) if twin.task is not task]
    taken = {twin._number for twin in twins if twin.task and not twin.task.ended}
    free = [twin._number for twin in twins if twin._number not in taken]
    return min(free, default=task.number)


class Timer(Thread):
    """A Thread that calls a function after a while, unless it is cancelled first."""

    real = names_of(threading.Timer(1, int))

    def __init__(
        self, interval: float, function: Callable[..., object], args: Any = None, kwargs: Any = None
    ) -> None:
        super().__init__(target=function)
        self.interval, self.function = interval, function
        self.args, self.kwargs = list(args or ()), dict(kwargs or {})
        self.finished = Event()

    def cancel(self) -> None:
        self.finished.set()

    def run(self) -> None:
        self.finished.wait(self.interval)
        if not self.finished.is_set():
            self.function(*self.args, **self.kwargs)
        self.finished.set()


class Main(Thread):
    """What `current_thread` is in the main thread: a Thread that nobody has to start."""

    real = names_of(threading.main_thread())

    def __init__(self, task: Task) -> None:
        super().__init__(name="MainThread", daemon=False)
        self.task = task

    def is_alive(self) -> bool:
        return True


class ExceptHook(Twin):
    """Where a run keeps the program's own `threading.excepthook`."""

    def state(self) -> str:
        return "own" if own_hook.get(now()) else ""


mains: WeakKeyDictionary[Run, Main] = WeakKeyDictionary()
own_hook: WeakKeyDictionary[Run, Callable[[Any], object]] = WeakKeyDictionary()
run_hooks: WeakKeyDictionary[Run, ExceptHook] = WeakKeyDictionary()


def main_of(run: Run) -> Main:
    if run not in mains:
        mains[run] = Main(run.tasks[0])
    return mains[run]


def default_hook(args: Any) -> None:
    """What an error does that no hook of the program's own has seen to: it ends the run."""
    raise args.exc_value


def _husk(target: Any) -> Any:
    """Of a function that was run, what a report shows: its name and its source."""
    if type(target) is MethodType:
        return target.__func__
    if type(target) is not FunctionType or not target.__closure__:
        return target
    cells = tuple(CellType() for _ in target.__closure__)
    husk = FunctionType(target.__code__, target.__globals__, target.__name__, None, cells)
    husk.__qualname__ = target.__qualname__
    return husk


def _check_target(target: Any) -> None:
    function = target.func if type(target) is partial else target
    function = function.__func__ if type(function) is MethodType else function
    code = function.__code__ if type(function) is FunctionType else None
    if code is not None and code.co_flags & NOT_PLAIN:
        name, line = getattr(function, "__name__", function), now().current.site.line
        refuse(
            f"line {line}: {name} is a generator or async function, which a thread "
            "would only call and not run: give a plain function as target"
        )
