"""Work for the tests; in a module, so that every process can import it."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from helpers.timeline import Timeline


def double(x: int) -> int:
    return 2 * x


def slow_double(x: int) -> int:
    time.sleep(0.02)
    return 2 * x


def fail_at_three(x: int) -> int:
    if x == 3:
        raise ValueError("three is not welcome")
    return x


class Awkward(Exception):
    """Cannot be unpickled: its __init__ wants two arguments and gets one."""

    def __init__(self, a: str, b: str) -> None:
        super().__init__(a)


def fail_awkwardly(x: int) -> None:
    raise Awkward("awkward", "really")


def leave(x: int) -> None:
    raise SystemExit(x)


def return_a_lock(x: int) -> Any:
    return threading.Lock()


class Unreadable:
    def __reduce__(self) -> Any:
        return divmod, (1, 0)


def return_what_cannot_be_read(x: int) -> Any:
    return Unreadable()


def die(x: int) -> int:
    if x == 2:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    time.sleep(0.05)
    return x


def forever(x: int) -> None:
    while True:
        pass


def ignore_the_end(x: int) -> None:
    """Never ends, nor does SIGTERM end it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


def sleep_for(seconds: float) -> None:
    time.sleep(seconds)


def fail_then_sleep(seconds: float) -> None:
    if not seconds:
        raise ValueError("no time at all")
    time.sleep(seconds)


def record(order: tuple[Timeline, str, int]) -> int:
    timeline, name, spans = order
    for _ in range(spans):
        with timeline.span(name):
            pass
    return os.getpid()


def record_and_count(timeline: Timeline, done: Any, spans: int) -> None:
    """Counts in shared memory, after each span, how many have ended."""
    for _ in range(spans):
        with timeline.span("step"):
            pass
        done.value += 1


def outer_and_inner(timeline: Timeline) -> None:
    with timeline.span("outer"), timeline.span("inner"):
        time.sleep(0.001)


_kept: list[Timeline] = []


def make_and_keep_a_timeline(folders: Any) -> None:
    _kept.append(Timeline())
    folders.put(_kept[0]._make_folder())


def die_once(path: str) -> str:
    """Kill this process after a while, if nobody has done so before."""
    time.sleep(0.3)
    try:
        open(path, "x").close()
    except FileExistsError:
        return path
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return ""
