"""Who waits with a time-out gives up sooner here, so no check needs work longer than anybody waits.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import inspect
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from multiprocessing.process import BaseProcess
from typing import Any

SOON = 0.5  # seconds after which a time-out is over, however long it was to be
WAITS = (
    (threading.Thread, "join"),
    (threading.Condition, "wait"),  # events, barriers and futures wait by it
    (threading.Condition, "wait_for"),
    (threading.Semaphore, "acquire"),
    (queue.Queue, "get"),
    (queue.Queue, "put"),
    (BaseProcess, "join"),
)


class Patient(threading.Condition):
    """A condition of a check: its time-outs are as long as they say."""

    wait = threading.Condition.wait
    wait_for = threading.Condition.wait_for


@contextmanager
def time_outs_pass() -> Iterator[list[str]]:
    """Meanwhile a time-out of this thread, or of a new one, is over SOON, as if work took longer.

    Gives a list, to which the name of each wait is added that ends sooner than it would.
    Whoever waits in a loop until the work has ended is right all the same.
    """
    others = set(threading.enumerate()) - {threading.current_thread()}
    cut: list[str] = []

    def sooner(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        signature = inspect.signature(call)

        @wraps(call)
        def wait(*args: Any, **named: Any) -> Any:
            try:
                given = signature.bind(*args, **named)
            except TypeError:
                return call(*args, **named)  # which says what is wrong in its own words
            seconds = given.arguments.get("timeout")
            long = isinstance(seconds, (int, float)) and seconds > SOON
            if long and threading.current_thread() not in others:
                cut.append(name)
                given.arguments["timeout"] = SOON
            return call(*given.args, **given.kwargs)

        return wait

    before = [(owner, name, getattr(owner, name)) for owner, name in WAITS]
    for owner, name, call in before:
        setattr(owner, name, sooner(call, f"{owner.__name__.removeprefix('Base')}.{name}"))
    try:
        yield cut
    finally:
        for owner, name, call in before:
            setattr(owner, name, call)


def gave_up(cut: list[str]) -> str:
    """What is added to the complaint that somebody did not wait to the end."""
    if not cut:
        return ""
    return f" {cut[0]} has a time-out, and gives up where the work takes longer."
