"""What workers of each kind are given, and how what they have done is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from ..timeline import Timeline


class Job(Protocol):
    """What is to be done, and who does what; see `run`."""

    work: Any
    items: list[Any]
    timeline: Timeline
    in_hand: dict[int, tuple[str, int]]

    @property
    def call(self) -> Any: ...


def drain(queue: SimpleQueue[Any], seconds: float) -> Iterator[Any]:
    """What is in the queue; if that is nothing, what comes within `seconds`."""
    with suppress(Empty):
        yield queue.get(timeout=seconds)
        while True:
            yield queue.get_nowait()
