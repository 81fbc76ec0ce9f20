"""What the primitives of `threading` are inside an exploration.

Each operation is one step, and behaves as CPython's does: `Event.wait` does not
look again after it was woken, `notify` wakes any of those that wait, a lock may
be released by another thread. A time-out, and a `sleep`, may be over at any
moment: neither is a way to synchronize.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from .hooks import hooks
from .run import Run
from .step import STOPS, Site, Task
from .things import Ended, Twin, refuse

WAITS = ("wait", "wake")
HOOKS = tuple(f"{__package__}.{room}" for room in ("accesses", "hooks"))


def now() -> Run:
    """The run under way."""
    if hooks.run is None:
        raise Ended("this object belongs to an exploration, which has ended")
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


def here() -> int:
    """The line of the program that reads an attribute; what the reading does is done there."""
    run, frame = now(), sys._getframe(1)
    for _ in range(6):  # a property, or two, are read from within a hook
        if frame.f_globals["__name__"] in HOOKS and isinstance(frame.f_locals.get("site"), Site):
            run.current.site = frame.f_locals["site"]
            break
        if frame.f_back is None:
            break
        frame = frame.f_back
    return run.current.site.line


def under_way() -> bool:
    """Whether it is the program that asks: not a report, nor what cleans up after a run."""
    return hooks.run is not None and hooks.run.me() is not None and not hooks.run.why


def look(twin: Twin, what: str, write: bool = False) -> None:
    """To read an attribute that others change is a step; so is to change it."""
    if under_way():
        here()
        now().step(twin, "call", what, write=write)


class Complete(Twin):
    """What the real thing has and this has not is refused by its name."""

    real: frozenset[str] = frozenset()  # names of the attributes of the real thing
    ways_round = ""

    def __getattr__(self, name: str) -> Any:
        kind = type(self).__name__
        if name in self.real and under_way():
            refuse(
                f"line {here()}: {kind}.{name} is an inside of CPython's {kind}, which is not "
                f"followed: use its public methods{self.ways_round}"
            )
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=self)


def names_of(thing: object) -> frozenset[str]:
    return frozenset(name for name in dir(thing) if not name.startswith("__"))


class Told(Complete):
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

    by_value = True

    def __init__(self) -> None:
        self.owner: Task | None = None
        self.count = 0  # only an RLock counts

    def state(self) -> str:
        return self.owner.letter if self.owner else ""

    def seen(self, task: Task, kind: str) -> Any:
        return self.owner is None, self.owner is task, self.count

    def held(self) -> str:
        return f"{{}} is held by {self.owner.letter}" if self.owner else "{} is free"

    def locked(self) -> bool:
        now().step(self, "call", "{}.locked()", write=False)
        return bool(now().called(self.owner is not None))

    def told(self, at: str) -> str:
        how = "locked" if self.owner else "unlocked"
        return f"{how} {type(self).__name__} object {at} count={self.count}"

    guards: tuple[Any, ...] = ()  # what can only be used while it is free

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
    """One holder at a time, even against itself; unlike an RLock, whoever may release it."""

    real = names_of(threading.Lock())

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        wait = waits(blocking, timeout)
        ready = (lambda: self.owner is None) if wait else None
        what = "acquire {}" if wait else "try {}"
        task = now().step(self, "acquire", what, ready, self.held, self.guards)
        if self.owner is not None:
            now().only_looked()
            return bool(now().called(False))
        now().moved((self, 1), minds=not wait)
        self.owner = task
        return True if wait else bool(now().called(True))

    def release(self) -> None:
        now().step(self, "release", "release {}", also=self.guards)
        if self.owner is None:
            raise RuntimeError("release unlocked lock")
        now().moved((self, -1))
        self.owner = None

    acquire_lock, release_lock, locked_lock = acquire, release, Owned.locked


class RLock(Owned):
    """A lock that its holder may take again; only it may release it, and as often."""

    real = names_of(threading.RLock())

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

    def _recursion_count(self) -> int:
        return self.count if self._is_owned() else 0


class Wait:
    """One wait for a condition; late once its time-out is over."""

    __slots__ = ("late", "task")

    def __init__(self, task: Task) -> None:
        self.task, self.late = task, False


class Condition(Primitive):
    """A lock that is let go while one waits; unlike an Event, it forgets a notify for nobody.

    `woken` has, for each notification not yet used up, who may use it. As in
    CPython, a wait whose time-out is over still waits for the lock, and may meanwhile
    be the one that a notification goes to: then nobody is woken by it.
    """

    real = names_of(threading.Condition())
    by_value = True

    def __init__(self, lock: Lock | RLock | None = None) -> None:
        self.lock = RLock() if lock is None else lock
        self.waiting: list[Wait] = []
        self.woken: list[list[Wait]] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return self.lock.acquire(blocking, timeout)

    def release(self) -> None:
        self.lock.release()

    if sys.version_info >= (3, 14):

        def locked(self) -> bool:
            return self.lock.locked()

    @property
    def _lock(self) -> Lock | RLock:
        return self.lock

    @property
    def _waiters(self) -> tuple[Wait, ...]:
        """As many as wait and were not notified; who was notified is not settled yet."""
        look(self, "{}._waiters")
        return tuple(self.waiting[len(self.woken) :])

    def _is_owned(self) -> bool:
        return self.lock._is_owned()

    def seen(self, task: Task, kind: str) -> Any:
        if kind == "wake":
            return any(task.number in ticket for ticket in self._tickets())
        return self.lock.seen(task, kind), kind == "call" and (len(self.waiting), len(self.woken))

    def inside(self) -> Any:
        return [(wait.task.number, wait.late) for wait in self.waiting], self._tickets()

    def _tickets(self) -> list[list[int]]:
        """For each notification not used up, who may still use it."""
        asleep = self._asleep()
        return [[wait.task.number for wait in ticket if wait in asleep] for ticket in self.woken]

    def _looks(self) -> tuple[Owned, ...]:
        """Whether an RLock is its own a thread knows; whether a Lock is held, others change."""
        return (self.lock, *self.lock.guards) if isinstance(self.lock, Lock) else ()

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
            may = (lambda: self._may_stop(mine)) if now().spin.state is not None else None
            now().step(self, "wake", STOPS, may)
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

    def _may_stop(self, wait: Wait) -> bool:
        """A time-out matters to nobody before this one takes the lock, or somebody notifies.

        So, where states are told apart, it is over just before one of these.
        """
        run = now()
        if self.lock.owner is None or self._ticket(wait) is not None:
            return True
        ops = [task.pending for task in run.live]
        return any(
            op and (op.kind == "spin" or (op.where is self and op.kind not in WAITS)) for op in ops
        )

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
    """So many may be inside at once; unlike a lock, nobody holds it, and it may be given more."""

    real = names_of(threading.Semaphore())
    by_value = True

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self.value = self.first = value

    def state(self) -> str:
        return f"{self.value} left"

    def seen(self, task: Task, kind: str) -> Any:
        return self.value > 0 if kind == "acquire" else self.value

    @property
    def _value(self) -> int:
        look(self, "{}._value")
        return int(now().called(self.value) if under_way() else self.value)

    @_value.setter
    def _value(self, value: int) -> None:
        """In CPython nobody is woken by it, whatever the value."""
        refuse(f"line {here()}: Semaphore._value is set to {value}: acquire() or release() instead")

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
    """A Semaphore that is never given back more often than it was taken."""

    real = names_of(threading.BoundedSemaphore())

    def told(self, at: str) -> str:
        return f"{super().told(at)}/{self.first}"

    def _check(self, n: int) -> None:
        if self.value + n > self.first:
            raise ValueError("Semaphore released too many times")


class Event(Told):
    """A flag to wait for; unlike a Condition it has no lock, and stays set until it is cleared."""

    real = names_of(threading.Event())
    by_value = True

    def __init__(self) -> None:
        self.flag = False
        self.waiting: list[list[Any]] = []  # [task, whether it was woken]

    def state(self) -> str:
        return "set" if self.flag else "not set"

    def seen(self, task: Task, kind: str) -> Any:
        woken = [task, True] in self.waiting
        return None if kind in ("set", "clear") else woken if kind == "wake" else self.flag

    def told(self, at: str) -> str:
        return f"{super().told(at)}: {'set' if self.flag else 'unset'}"

    def is_set(self) -> bool:
        now().step(self, "call", "{}.is_set()", write=False)
        return bool(now().called(self.flag))

    isSet = is_set

    @property
    def _flag(self) -> bool:
        look(self, "{}._flag")
        return bool(now().called(self.flag) if under_way() else self.flag)

    @_flag.setter
    def _flag(self, flag: bool) -> None:
        """As in CPython, nobody is woken by it."""
        look(self, "set {}._flag", write=True)
        self.flag = flag

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
    """All wait for the last, then all go on; unlike an Event it is used again and again.

    Who is let go has passed. (In CPython `abort` may still break it for one not yet awake.)
    """

    real = names_of(threading.Barrier(1))

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
        look(self, "{}.n_waiting")
        return len(self.inside)

    @property
    def broken(self) -> bool:
        look(self, "{}.broken")
        return self._broken
