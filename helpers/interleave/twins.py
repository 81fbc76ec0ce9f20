"""What the primitives of `threading` are inside an exploration.

Each operation is one step, and behaves as CPython's does: `Event.wait` does not
look again after it was woken, `notify` wakes any of those that wait, a lock may
be released by another thread. A time-out, and a `sleep`, may be over at any
moment: neither is a way to synchronize.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .hooks import Twin, hooks, refuse
from .run import Run
from .step import LETTERS, Task

NOT_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def now() -> Run:
    """The run under way."""
    if hooks.run is None:
        raise RuntimeError("this object belongs to an exploration, which has ended")
    return hooks.run


def waits(blocking: bool, timeout: float | None) -> bool:
    """Whether to wait without end; the same complaints as CPython's."""
    if not blocking and timeout is not None and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout is not None and timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout is not None and timeout > threading.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return blocking and (timeout is None or timeout == -1)


class Told(Twin):
    """To write one down is to look at it: a step."""

    def __repr__(self) -> str:
        run = hooks.run
        if run is not None and run.me() is not None and not run.why:
            run.step(self, "call", "repr({})", write=False)
        return f"<{self.told(f'at {id(self):#x}')}>"

    def told(self, at: str) -> str:
        return f"threading.{type(self).__name__} {at}"


class Primitive(Told):
    """Entered and left like the lock that it is."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Owned(Primitive):
    """`owner` is who acquired it."""

    def __init__(self) -> None:
        self.owner: Task | None = None
        self.count = 0  # only an RLock counts

    def state(self) -> str:
        return self.owner.letter if self.owner else ""

    def held(self) -> str:
        return f"{{}} is held by {self.owner.letter}" if self.owner else "{} is free"

    def locked(self) -> bool:
        now().step(self, "call", "{}.locked()", write=False)
        return bool(now().called(self.owner is not None))

    def told(self, at: str) -> str:
        how = "locked" if self.owner else "unlocked"
        return f"{how} {type(self).__name__} object {at} count={self.count}"

    # What a condition does with its lock.

    def _is_owned(self) -> bool:
        return self.owner is not None

    def _release_save(self) -> tuple[Task | None, int]:
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        before = self.owner, self.count
        self.owner, self.count = None, 0
        return before

    def _acquire_restore(self, before: tuple[Task | None, int]) -> None:
        self.owner, self.count = before


class Lock(Owned):
    """Whoever may release it."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        wait = waits(blocking, timeout)
        ready = (lambda: self.owner is None) if wait else None
        task = now().step(self, "acquire", "acquire {}" if wait else "try {}", ready, self.held)
        if self.owner is not None:
            now().only_looked()
            return bool(now().called(False))
        now().moved((self, 1), minds=not wait)
        self.owner = task
        return True if wait else bool(now().called(True))

    def release(self) -> None:
        now().step(self, "release", "release {}")
        if self.owner is None:
            raise RuntimeError("release unlocked lock")
        now().moved((self, -1))
        self.owner = None


class RLock(Owned):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        wait, me = waits(blocking, timeout), now().current
        ready = (lambda: self.owner in (None, me)) if wait else None
        task = now().step(self, "acquire", "acquire {}" if wait else "try {}", ready, self.held)
        if self.owner not in (None, task):
            now().only_looked()
            return bool(now().called(False))
        now().moved((self, 1), minds=not wait)
        self.owner, self.count = task, self.count + 1
        return True if wait else bool(now().called(True))

    def release(self) -> None:
        task = now().step(self, "release", "release {}")
        if self.owner is not task:
            raise RuntimeError("cannot release un-acquired lock")
        now().moved((self, -1))
        self.count -= 1
        self.owner = task if self.count else None

    def _is_owned(self) -> bool:
        return self.owner is now().current


class Wait:
    """One wait for a condition; late once its time-out is over."""

    __slots__ = ("late", "task")

    def __init__(self, task: Task) -> None:
        self.task, self.late = task, False


class Condition(Primitive):
    """`woken` has, for each notification not yet used up, who may use it.

    As in CPython, a wait whose time-out is over still waits for the lock, and may
    meanwhile be the one that a notification goes to: then nobody is woken by it.
    """

    def __init__(self, lock: Lock | RLock | None = None) -> None:
        self.lock = RLock() if lock is None else lock
        self.waiting: list[Wait] = []
        self.woken: list[list[Wait]] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return self.lock.acquire(blocking, timeout)

    def release(self) -> None:
        self.lock.release()

    def _looks(self) -> tuple[Owned, ...]:
        """Whether an RLock is its own a thread knows; whether a Lock is held, others change."""
        return (self.lock,) if isinstance(self.lock, Lock) else ()

    def _owned(self, verb: str) -> None:
        if not self.lock._is_owned():
            raise RuntimeError(f"cannot {verb} on un-acquired lock")

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock and wait; take it again before going on."""
        mine = Wait(now().step(self, "wait", "wait for {}", also=(self.lock,)))
        self._owned("wait")
        before, woken = self.lock._release_save(), False
        now().moved((self, 1), (self.lock, -1))
        self.waiting.append(mine)
        if timeout is not None:
            now().step(self, "wake", "stop waiting for {}")
            woken, mine.late = self._use(mine), True
            if not woken:
                now().moved((self, 0))

        def ready() -> bool:
            return self.lock.owner is None and (mine.late or self._ticket(mine) is not None)

        def why() -> str:
            woken = mine.late or self._ticket(mine) is not None
            return self.lock.held() if woken else "nobody has notified {}"

        now().step(self, "wake", "wake up from {}", ready, why, (self.lock,))
        woken = woken or (not mine.late and self._use(mine))
        if mine in self.waiting:
            self.waiting.remove(mine)
        if not woken:
            now().moved((self, -1), (self.lock, 1))
        self.lock._acquire_restore(before)
        return bool(now().called(woken))

    def _ticket(self, wait: Wait) -> list[Wait] | None:
        return next((ticket for ticket in self.woken if wait in ticket), None)

    def _use(self, wait: Wait) -> bool:
        """Whether it has been notified; nobody else can use the same notification."""
        ticket = self._ticket(wait)
        if ticket is not None:
            self.woken.remove(ticket)
            self.waiting.remove(wait)
        return ticket is not None

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        result = predicate()
        while not result:
            if not self.wait(timeout):
                return predicate()
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        what = "notify {}" if n == 1 else f"notify {n} of {{}}"
        now().step(self, "notify", what, also=self._looks())
        self._owned("notify")
        for _ in range(n):
            self._notify_one()

    def _notify_one(self) -> None:
        """Any of those that wait; but where it is the turn of one that is late, that one."""
        late = next((n for n, wait in enumerate(self.waiting) if wait.late), None)
        if late is not None and late <= len(self.woken):
            del self.waiting[late]
        elif len(asleep := self._asleep()) > len(self.woken):
            self.woken.append(asleep)

    def _asleep(self) -> list[Wait]:
        return [wait for wait in self.waiting if not wait.late]

    def notify_all(self) -> None:
        now().step(self, "notify", "notify all of {}", also=self._looks())
        self._owned("notify")
        self.woken = [self._asleep() for _ in self._asleep()]

    def notifyAll(self) -> None:
        self.notify_all()


class Semaphore(Primitive):
    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self.value = self.first = value

    def state(self) -> str:
        return f"{self.value} left"

    def told(self, at: str) -> str:
        return f"{super().told(at)}: value={self.value}"

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        wait = waits(blocking, timeout)
        ready = (lambda: self.value > 0) if wait else None
        what = "acquire {}" if wait else "try {}"
        now().step(self, "acquire", what, ready, "nothing is left of {}")
        if self.value == 0:
            now().only_looked()
            return bool(now().called(False))
        now().moved((self, 1), minds=not wait)
        self.value -= 1
        return True if wait else bool(now().called(True))

    def release(self, n: int = 1) -> None:
        if n < 1:
            raise ValueError("n must be one or more")
        now().step(self, "release", "release {}" if n == 1 else f"release {n} of {{}}")
        self._check(n)
        now().moved((self, -n))
        self.value += n

    def _check(self, n: int) -> None:
        """A plain semaphore lets its value grow without end."""


class BoundedSemaphore(Semaphore):
    def told(self, at: str) -> str:
        return f"{super().told(at)}/{self.first}"

    def _check(self, n: int) -> None:
        if self.value + n > self.first:
            raise ValueError("Semaphore released too many times")


class Event(Told):
    def __init__(self) -> None:
        self.flag = False
        self.waiting: list[list[Any]] = []  # [task, whether it was woken]

    def state(self) -> str:
        return "set" if self.flag else "not set"

    def told(self, at: str) -> str:
        return f"{super().told(at)}: {'set' if self.flag else 'unset'}"

    def is_set(self) -> bool:
        now().step(self, "call", "{}.is_set()", write=False)
        return bool(now().called(self.flag))

    isSet = is_set

    def set(self) -> None:
        task = now().step(self, "set", "set {}")
        self.flag = True
        for each in self.waiting:
            each[1] = True
            now().wakes(task, each[0])

    def clear(self) -> None:
        now().step(self, "clear", "clear {}")
        self.flag = False

    def wait(self, timeout: float | None = None) -> bool:
        """Once woken, it does not look at the flag again."""
        task = now().step(self, "wait", "wait for {}")
        if self.flag:
            now().only_looked()
            return True
        now().moved((self, 1))
        mine: list[Any] = [task, False]
        self.waiting.append(mine)
        why = "nobody has set {}"
        if timeout is None:
            now().step(self, "wake", "wake up from {}", lambda: bool(mine[1]), why, eager=True)
        else:
            now().step(self, "wake", "stop waiting for {}")
            if not mine[1]:
                now().moved((self, -1))
        self.waiting.remove(mine)
        return bool(now().called(mine[1]))


class Barrier(Told):
    """Who is let go has passed. (In CPython `abort` may still break it for one not yet awake.)"""

    def __init__(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> None:
        if parties < 1:
            raise ValueError("parties must be >= 1")
        self._parties, self.action, self.timeout = parties, action, timeout
        self.inside: list[list[Any]] = []  # [task, "waits", "passed" or "broken"]
        self._broken = False

    def state(self) -> str:
        return "broken" if self._broken else f"{len(self.inside)} of {self._parties} there"

    def told(self, at: str) -> str:
        how = "broken" if self._broken else f"waiters={len(self.inside)}/{self._parties}"
        return f"{super().told(at)}: {how}"

    def wait(self, timeout: float | None = None) -> int:
        task = now().step(self, "wait", "wait at {}")
        timeout = self.timeout if timeout is None else timeout
        if self._broken:
            raise threading.BrokenBarrierError
        place, mine = len(self.inside), [task, "waits"]
        self.inside.append(mine)
        if len(self.inside) == self._parties:
            self._open(task)
        elif timeout is None:
            now().step(
                self,
                "wake",
                "go on from {}",
                lambda: mine[1] != "waits",
                lambda: f"{{}}: {len(self.inside)} of {self._parties} are there",
                eager=True,
            )
        else:
            now().step(self, "wake", "stop waiting at {}")
            if mine[1] == "waits":
                self._let_go("broken", task)
        if mine[1] == "broken":
            raise threading.BrokenBarrierError
        return place

    def _open(self, task: Task) -> None:
        try:
            if self.action:
                self.action()
        except BaseException:
            self._let_go("broken", task)
            raise
        self._let_go("passed", task)

    def _let_go(self, how: str, task: Task) -> None:
        for each in self.inside:
            each[1] = how
            now().wakes(task, each[0])
        self.inside = []
        self._broken = how == "broken"

    def abort(self) -> None:
        self._let_go("broken", now().step(self, "call", "abort {}"))

    def reset(self) -> None:
        self._let_go("broken", now().step(self, "call", "reset {}"))
        self._broken = False

    @property
    def parties(self) -> int:
        return self._parties

    @property
    def n_waiting(self) -> int:
        now().step(self, "call", "{}.n_waiting", write=False)
        return len(self.inside)

    @property
    def broken(self) -> bool:
        now().step(self, "call", "{}.broken", write=False)
        return self._broken


class Thread(Twin):
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

    @property
    def ident(self) -> int | None:
        return self.task.number if self.task else None

    native_id = ident

    def state(self) -> str:
        return ""

    def start(self) -> None:
        run = now()
        if self.task is not None:
            raise RuntimeError("threads can only be started once")
        if len(run.tasks) > len(LETTERS):
            line = run.current.site.line
            refuse(f"line {line}: a program can start at most {len(LETTERS)} threads")
        _check_target(self._target)
        parent = run.step(self, "start", "start {}", also=(run.sharing.crowd,))
        self.task = run.add(self.run, self)
        self.task.daemon = self._daemon or parent.daemon
        run.started(self.task)

    def run(self) -> None:
        if self._target is not None:
            target = hooks.function(now().current.site, self._target)
            target(*self._args, **self._kwargs)

    def is_alive(self) -> bool:
        now().step(self, "call", "{}.is_alive()", write=False)
        return self.task is not None and not self.task.ended

    def join(self, timeout: float | None = None) -> None:
        other, run = self.task, now()
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


class Timer(Thread):
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


class Main(Twin):
    """What `current_thread` is in the main thread."""

    name, daemon, ident = "MainThread", False, 0

    def is_alive(self) -> bool:
        return True


def _check_target(target: Any) -> None:
    function = getattr(target, "func", target)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None and code.co_flags & NOT_PLAIN:
        name, line = getattr(function, "__name__", function), now().current.site.line
        refuse(
            f"line {line}: {name} is a generator or async function, which a thread "
            "would only call and not run: give a plain function as target"
        )
