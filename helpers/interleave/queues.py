"""What the queues of `queue` are inside an exploration."""

from __future__ import annotations

import queue
from collections import deque
from heapq import heappop, heappush
from typing import Any

from .hooks import Twin
from .shown import shown
from .twins import now


class Queue(Twin):
    """`put` and `get` are one step each: they are so for everybody who looks."""

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize, self.unfinished_tasks = maxsize, 0
        self.items: Any = deque()
        self.is_shutdown = False

    def __class_getitem__(cls, kind: object) -> type[Queue]:  # Queue[int]
        return cls

    def _put(self, item: Any) -> None:
        self.items.append(item)

    def _get(self) -> Any:
        return self.items.popleft()

    def state(self) -> str:
        return shown(list(self.items), {})

    def _full(self) -> bool:
        return 0 < self.maxsize <= len(self.items)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        _check_timeout(block, timeout)
        ready = (
            (lambda: self.is_shutdown or not self._full()) if block and timeout is None else None
        )
        now().step(self, "put", f"put {shown(item, {})} in {{}}", ready, "{} is full")
        if self.is_shutdown:
            raise queue.ShutDown  # type: ignore[attr-defined, unused-ignore]
        if self._full():
            now().only_looked()
            raise queue.Full
        self.unfinished_tasks += 1
        self._put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        _check_timeout(block, timeout)
        ready = (
            (lambda: bool(self.items) or self.is_shutdown) if block and timeout is None else None
        )
        now().step(self, "get", "get from {}", ready, "{} is empty")
        if not self.items and self.is_shutdown:
            raise queue.ShutDown  # type: ignore[attr-defined, unused-ignore]
        if not self.items:
            now().only_looked()
            raise queue.Empty
        return now().called(self._get())

    def put_nowait(self, item: Any) -> None:
        self.put(item, False)

    def get_nowait(self) -> Any:
        return self.get(False)

    def task_done(self) -> None:
        now().step(self, "call", "{}.task_done()")
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished_tasks -= 1

    def join(self) -> None:
        now().step(self, "wait", "join {}", lambda: self.unfinished_tasks == 0, "{} has work left")

    def qsize(self) -> int:
        now().step(self, "call", "{}.qsize()", write=False)
        return int(now().called(len(self.items)))

    def empty(self) -> bool:
        now().step(self, "call", "{}.empty()", write=False)
        return bool(now().called(not self.items))

    def full(self) -> bool:
        now().step(self, "call", "{}.full()", write=False)
        return bool(now().called(self._full()))

    if hasattr(queue.Queue, "shutdown"):

        def shutdown(self, immediate: bool = False) -> None:
            now().step(self, "call", "{}.shutdown()")
            self.is_shutdown = True
            if immediate:
                self.unfinished_tasks = max(0, self.unfinished_tasks - len(self.items))
                self.items.clear()


class LifoQueue(Queue):
    def _get(self) -> Any:
        return self.items.pop()


class PriorityQueue(Queue):
    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.items = []

    def _put(self, item: Any) -> None:
        heappush(self.items, item)

    def _get(self) -> Any:
        return heappop(self.items)


class SimpleQueue(Queue):
    """Without a limit, and nobody counts what is done."""

    def __init__(self) -> None:
        super().__init__()

    task_done = join = full = None  # type: ignore[assignment]


def _check_timeout(block: bool, timeout: float | None) -> None:
    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
