"""What the queues of `queue` are inside an exploration."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from heapq import heappop, heappush
from typing import Any

from .hooks import hooks
from .shown import shown
from .things import refuse
from .twins import Complete, Condition, Lock, here, look, names_of, now, under_way

INSIDES = ("queue", "mutex", "not_empty", "not_full", "all_tasks_done")
OVERRIDDEN = ("_init", "_qsize", "_put", "_get")
CAN_SHUT_DOWN = hasattr(queue.Queue, "shutdown")  # since 3.13


def reached_into() -> bool:
    """Whether the program uses, of anything at all, what may be an inside of a queue."""
    codes = [code for code, followed in hooks.known.values() if followed]
    return any(isinstance(name, str) and name in INSIDES for c in codes for name in c.co_consts)


class Mutex(Lock):
    """The lock of a queue: unlike any other, whoever puts or gets waits while it is held."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self.guards = (queue,)


class Notified(Condition):
    """A condition of a queue; unlike any other, nobody waits for it but `put`, `get` and `join`.

    Only where the program reaches into its queues, it matters who has been notified.
    """

    def __init__(self, queue: Queue, name: str) -> None:
        super().__init__(queue.guard)
        self.queue, self.name = queue, name

    def _notify_one(self) -> None:
        self.queue._notify(self.name, 1)

    def notify_all(self) -> None:
        super().notify_all()
        self.queue._notify(self.name)

    def wait(self, timeout: float | None = None) -> bool:
        refuse(
            f"line {here()}: a wait for Queue.{self.name} is not followed: use put(), get() or "
            "join(), or a Condition of your own"
        )


class Queue(Complete):
    """First in, first out; unlike a SimpleQueue it may have a limit, and counts what is done.

    `put` and `get` are one step each: they are so for everybody who looks. What a
    subclass does in `_put` and `_get` is followed, with the mutex held meanwhile.
    """

    real = names_of(queue.Queue())
    by_value = True
    ways_round = ", or a Condition of your own"

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize, self.unfinished = maxsize, 0
        self.is_shutdown = False
        self.__dict__["mutex"] = Mutex(self)
        self.own = any(getattr(type(self), name).__module__ != __name__ for name in OVERRIDDEN)
        self.opened = reached_into()
        self.asleep: dict[str, list[list[bool]]] = {}  # by condition: whether they are notified
        self._init(maxsize)

    def __class_getitem__(cls, kind: object) -> type[Queue]:  # Queue[int]
        return cls

    # What subclasses override, under CPython's names.

    def _init(self, maxsize: int) -> None:
        self.queue = deque()

    def _qsize(self) -> int:
        return len(self.items)

    def _put(self, item: Any) -> None:
        self.items.append(item)

    def _get(self) -> Any:
        return self.items.popleft()

    # What is behind the public methods.

    @property
    def items(self) -> Any:
        """The container, for the twin itself; None before there is one."""
        return self.__dict__.get("queue")

    @property
    def queue(self) -> Any:
        """The container, for the program: whoever holds the mutex need not look twice."""
        if "queue" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'queue'")
        if under_way() and self.owner is not now().current:
            look(self, "{}.queue")
        return self.items

    @queue.setter
    def queue(self, items: Any) -> None:
        if "queue" in self.__dict__:
            look(self, "set {}.queue", write=True)
        if under_way():
            now().made(items)
        self.__dict__["queue"] = items

    @property
    def unfinished_tasks(self) -> int:
        look(self, "{}.unfinished_tasks")
        return self.unfinished

    @unfinished_tasks.setter
    def unfinished_tasks(self, count: int) -> None:
        look(self, "set {}.unfinished_tasks", write=True)
        self.unfinished = count

    @property
    def guard(self) -> Mutex:
        """The mutex, for the twin itself."""
        mutex: Mutex = self.__dict__["mutex"]
        return mutex

    @property
    def mutex(self) -> Mutex:
        return self.guard

    @property
    def owner(self) -> Any:
        """Who holds the mutex."""
        return self.guard.owner

    @property
    def not_empty(self) -> Notified:
        return Notified(self, "not_empty")

    @property
    def not_full(self) -> Notified:
        return Notified(self, "not_full")

    @property
    def all_tasks_done(self) -> Notified:
        return Notified(self, "all_tasks_done")

    def state(self) -> str:
        return shown(list(self.items), {}) if isinstance(self.items, Iterable) else ""

    def _size(self) -> int:
        """How many are inside; what a subclass says to that is heard, and is no step."""
        if not self.own:
            return len(self.items)
        task = now().current
        before = task.ident, task.interruptible, task.site
        task.ident = None  # nobody's: its steps are none
        try:
            return int(self._qsize())
        finally:
            task.ident, task.interruptible, task.site = before

    def _full(self) -> bool:
        return 0 < self.maxsize <= self._size()

    def _has_room(self) -> bool:
        return self.is_shutdown or not self._full()

    def _has_items(self) -> bool:
        return self.is_shutdown or self._size() > 0

    def _step(
        self,
        kind: str,
        what: str,
        ready: Callable[[], bool] | None = None,
        why: str = "",
        until: str = "",
        write: bool = True,
    ) -> None:
        """A step that needs the mutex; and what else it has to wait for.

        Who changes what is inside without telling wakes nobody: where the program may
        do so, to find that one has to wait is a step, and so is to be woken.
        """

        mutex = self.guard

        def can() -> bool:
            if mutex.owner is not None or ready is None:
                return mutex.owner is None
            try:
                return ready()
            except Exception:
                return True  # of a subclass's own _qsize: the thread itself will see it

        def held() -> str:
            return why if mutex.owner is None else mutex.held()

        if ready is None or not self.opened:
            now().step(self, kind, what, can, held, self._inside(), write)
            return
        wants, ready = ready, None
        now().step(self, kind, what, can, held, self._inside(), write)
        while not wants():
            mine = [False]
            self.asleep.setdefault(until, []).append(mine)
            ready = partial(mine.__getitem__, 0)
            now().step(self, "wake", f"wake up for {kind}", can, held, self._inside())

    def _notify(self, until: str, n: int | None = None) -> None:
        """As in CPython, those that have waited longest."""
        asleep = self.asleep.get(until, [])
        for each in asleep[:n]:
            each[0] = True
        del asleep[:n]

    def _inside(self) -> tuple[Any, ...]:
        return () if self.items is None else (self.items,)

    def _within(self, method: Callable[..., Any], *args: Any) -> Any:
        """What a subclass does is many steps, while nobody else gets the mutex."""
        if not self.own:
            return method(*args)
        self.guard.owner = now().current
        try:
            value = method(*args)
            return value if value is None else now().called(value)
        finally:
            if not now().why:
                now().step(self, "release", "release {}.mutex", also=self._inside())
                now().unread()
            self.guard.owner = None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        _check_timeout(block, timeout)
        ready = self._has_room if block and timeout is None else None
        self._step("put", f"put {shown(item, {})} in {{}}", ready, "{} is full", "not_full")
        if self.is_shutdown:
            raise queue.ShutDown  # type: ignore[attr-defined, unused-ignore]
        if self._full():
            now().only_looked()
            raise queue.Full
        self._within(self._take_in, item)
        self._notify("not_empty", 1)

    def _take_in(self, item: Any) -> None:
        self._put(item)
        self.unfinished += 1

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        _check_timeout(block, timeout)
        ready = self._has_items if block and timeout is None else None
        self._step("get", "get from {}", ready, "{} is empty", "not_empty")
        if not self._size():
            if self.is_shutdown:
                raise queue.ShutDown  # type: ignore[attr-defined, unused-ignore]
            now().only_looked()
            raise queue.Empty
        item = self._within(self._get)
        self._notify("not_full", 1)
        return now().called(item)

    def put_nowait(self, item: Any) -> None:
        self.put(item, False)

    def get_nowait(self) -> Any:
        return self.get(False)

    def task_done(self) -> None:
        self._step("call", "{}.task_done()")
        if self.unfinished <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished -= 1
        if self.unfinished == 0:
            self._notify("all_tasks_done")

    def join(self) -> None:
        done = lambda: self.unfinished == 0  # noqa: E731
        self._step("wait", "join {}", done, "{} has work left", "all_tasks_done")

    def qsize(self) -> int:
        self._step("call", "{}.qsize()", write=False)
        return int(now().called(self._within(self._qsize)))

    def empty(self) -> bool:
        self._step("call", "{}.empty()", write=False)
        return bool(now().called(not self._within(self._qsize)))

    def full(self) -> bool:
        self._step("call", "{}.full()", write=False)
        return bool(now().called(0 < self.maxsize <= self._within(self._qsize)))

    if CAN_SHUT_DOWN:

        def shutdown(self, immediate: bool = False) -> None:
            self._step("call", "{}.shutdown()")
            self.is_shutdown = True
            if immediate:
                self.unfinished = max(0, self.unfinished - self._size())
                while self._size():
                    self._within(self._get)
                self._notify("all_tasks_done")
            self._notify("not_empty")
            self._notify("not_full")


class LifoQueue(Queue):
    """A Queue whose last in is the first out."""

    real = names_of(queue.LifoQueue())

    def _get(self) -> Any:
        return self.items.pop()


class PriorityQueue(Queue):
    """A Queue whose smallest is the first out, whenever it came in."""

    real = names_of(queue.PriorityQueue())

    def _init(self, maxsize: int) -> None:
        self.queue = []

    def _put(self, item: Any) -> None:
        heappush(self.items, item)

    def _get(self) -> Any:
        return heappop(self.items)


class Absent:
    """A name that the base has, and the real thing has not."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.text = f"'_queue.{owner.__name__}' object has no attribute {name!r}"

    def __get__(self, thing: object, kind: type) -> Any:
        raise AttributeError(self.text)

    def __set__(self, thing: object, value: object) -> None:
        raise AttributeError(self.text)


class SimpleQueue(Queue):
    """A Queue without a limit, of which nobody counts what is done."""

    real = names_of(queue.SimpleQueue())

    def __init__(self) -> None:
        super().__init__()

    def _init(self, maxsize: int) -> None:
        self.__dict__["queue"] = deque()

    def _inside(self) -> tuple[Any, ...]:
        return ()  # nobody else can reach it

    task_done, join, full, shutdown = (Absent() for _ in range(4))
    queue, mutex, unfinished_tasks = (Absent() for _ in range(3))
    not_empty, not_full, all_tasks_done = (Absent() for _ in range(3))


def _check_timeout(block: bool, timeout: float | None) -> None:
    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
