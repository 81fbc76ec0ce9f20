"""What the engine asks of the operating system: threads that take turns, and a clock.

`Workers` is all of it. `real_threads` is the one that lessons use. Another way to
let tasks take turns (one thread that switches stacks, say) is put in by giving
the explorer another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Protocol

PATIENCE = 10.0  # seconds without any step: something blocks for real


class Blocked(RuntimeError):
    """A task has made no step for long: it waits for something outside of the program."""

    where: tuple[str, FrameType | None] = ("", None)  # the letter of the task, where it stands


class Workers(Protocol):
    """Somebody for each task; one at a time goes on, and says who is next."""

    def __enter__(self) -> Workers: ...

    def __exit__(self, *error: object) -> None: ...

    def ident(self) -> Any:
        """Who calls: the same for one worker always, another for each other one."""

    def worker(self, body: Callable[[], Any]) -> Any:
        """One that will begin `body` when it is its turn; `body` gives who is next, or None."""

    def switch(self, me: Any, to: Any) -> None:
        """Let `to` go on; comes back when it is the turn of `me`, who calls."""

    def drive(self, first: Any, progress: Callable[[], int]) -> None:
        """Let `first` go on; comes back when all is over. Raises Blocked without progress."""

    def lose(self, live: Iterable[Any], current: Any) -> None:
        """Have all that live end: at their next step, or where they stand if need be."""

    def frame(self, worker: Any) -> FrameType | None:
        """Where a worker that waits for its turn stands."""
