"""Waits that end at the worst moment, so no check needs longer work than anybody waits.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import inspect
import math
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager
from functools import wraps
from multiprocessing import active_children, connection, queues
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
LOOKS = ((queues.Queue, "get"), (queues.Queue, "empty"), (queues.SimpleQueue, "empty"))


TURN = 0.05  # seconds, at most, between two looks of whoever is patient


class Patient(threading.Condition):
    """A condition of a check: its time-outs are as long as they say, or longer.

    It waits in short turns, each of which counts for no more than it should have taken: where
    other programs have the CPU, turns take longer, and those it waits for get as many of them.
    """

    wait = threading.Condition.wait

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        left = math.inf if timeout is None else timeout
        while not (held := predicate()) and left > 0:
            turn, begun = min(TURN, left), time.monotonic()
            self.wait(turn)
            left -= min(turn, time.monotonic() - begun)
        return held


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
            if not long or threading.current_thread() in others or _for_the_kernel():
                return call(*given.args, **given.kwargs)
            cut.append(name)
            given.arguments["timeout"] = SOON
            came = call(*given.args, **given.kwargs)
            if not came and _called_by(as_completed):  # it would look at the clock, and wait again
                raise TimeoutError("some futures have not ended")
            return came

        return wait

    with replaced(WAITS, sooner):
        yield cut


def _called_by(function: Callable[..., Any]) -> bool:
    """Whether this function waits by an event."""
    frame = sys._getframe(3)
    return frame.f_code is function.__code__


def _for_the_kernel() -> bool:
    """Whether a kernel waits: it writes out what was printed before a process starts."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__") == "threading":
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")).startswith("ipykernel.")


def gave_up(cut: list[str]) -> str:
    """What is added to the complaint that somebody did not wait to the end."""
    if not cut:
        return ""
    return f" {cut[0]} has a time-out, and gives up where the work takes longer."


@contextmanager
def ending_meanwhile(seconds: float) -> Iterator[None]:
    """Whoever finds a queue empty is told so when all processes have ended, with all they put.

    Processes that do not end within these seconds are not waited for.
    """

    def late(look: Callable[..., Any], name: str) -> Callable[..., Any]:
        def looks(*given: Any, **named: Any) -> Any:
            try:
                found = look(*given, **named)
            except queue.Empty:
                _all_end(seconds)
                raise
            if found is True:  # what empty() says, and nobody has put
                _all_end(seconds)
            return found

        return looks

    with replaced(LOOKS, late):
        yield


def _all_end(seconds: float) -> None:
    last = time.monotonic() + seconds
    while active_children() and time.monotonic() < last:
        time.sleep(0.01)


@contextmanager
def replaced(
    methods: Iterable[tuple[Any, str]],
    by: Callable[[Callable[..., Any], str], Callable[..., Any]],
) -> Iterator[None]:
    """Meanwhile each of these functions is what `by` makes of it and of its name."""
    before = [(owner, name, getattr(owner, name)) for owner, name in methods]
    for owner, name, call in before:
        setattr(owner, name, by(call, f"{owner.__name__.removeprefix('Base')}.{name}"))
    try:
        yield
    finally:
        for owner, name, call in before:
            setattr(owner, name, call)


@contextmanager
def calls_here(owner: Any, name: str) -> Iterator[list[str]]:
    """The calls of this function in this process: others import it anew, and are not seen."""
    called: list[str] = []

    def noted(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(call)
        def calls(*given: Any, **named: Any) -> Any:
            called.append(name)
            return call(*given, **named)

        return calls

    with replaced([(owner, name)], noted):
        yield called


@contextmanager
def waits_asked_for() -> Iterator[list[float]]:
    """The seconds of each wait in vain, until a process is told to end: asked for, not taken."""
    waits: list[float] = []
    here, closed, inside = threading.get_ident(), False, False

    def counted(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wait(*given: Any, **named: Any) -> Any:
            nonlocal inside
            if closed or inside or threading.get_ident() != here:  # join waits by connection.wait
                return call(*given, **named)
            inside = True
            try:
                came = call(*given, **named)
            finally:
                inside = False
            seconds = named.get("timeout", given[-1] if given else None)
            in_vain = given[0].is_alive() if name.endswith("join") else not came
            if isinstance(seconds, (int, float)) and in_vain:
                waits.append(seconds)
            return came

        return wait

    def closing(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def end(process: BaseProcess) -> None:
            nonlocal closed
            closed = True
            call(process)

        return end

    ends = [(BaseProcess, "kill"), (BaseProcess, "terminate")]
    with (
        replaced([(BaseProcess, "join"), (connection, "wait"), (time, "sleep")], counted),
        replaced(ends, closing),
    ):
        yield waits
