"""Workers that get into each other's way, in real time: two that eat, wait or count.

They show what the explorer of lesson 04 does not, as it asks what *can* happen
and not how often: two that step aside for each other again and again, one that
always comes last, and two processes that share a number.

>>> [span.name for span in starving(rounds=1).spans]
['greedy', 'patient']
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock
from typing import Any

from .run import run
from .timeline import Timeline
from .work import start_and_join, wait

SLOW = 0.06  # seconds from one thing to the next at table: more than a busy system is late
QUICK = 0.03  # seconds that the greedy one keeps the lock


def meal(pause: Callable[[], float], tries: int = 4) -> Timeline:
    """Two eat with two forks; who does not get the second one puts the first one back.

    The next try comes after `pause()` seconds. `tries` bounds a livelock.
    """
    timeline, forks = Timeline(), (Lock(), Lock())

    def eat(first: Lock, second: Lock) -> None:
        for _ in range(tries):
            with first:
                with timeline.span("holds one"):
                    wait(SLOW)
                    got_both = second.acquire(blocking=False)
                    wait(SLOW)
                if got_both:
                    with timeline.span("eats"):
                        wait(SLOW)
                    second.release()
                    return
            wait(pause())

    run(lambda pair: eat(*pair), [forks, forks[::-1]], 2)
    return timeline


def starving(rounds: int = 12) -> Timeline:
    """One takes a lock again as soon as it has let go; one looks now and then if it is free."""
    timeline, lock, begun = Timeline(), Lock(), Event()

    def greedy() -> None:
        for _ in range(rounds):
            with lock, timeline.span("greedy"):
                begun.set()
                wait(QUICK)

    def patient() -> None:
        begun.wait()
        while not lock.acquire(blocking=False):
            wait(QUICK / 7)
        with timeline.span("patient"):
            wait(QUICK)
        lock.release()

    run(lambda part: part(), [greedy, patient], 2)
    return timeline


def add_by_two(worker: Callable[..., object], total: Any, times: int, lock: Any) -> None:
    """Let two processes call `worker(total, times, lock, together)`, and wait for both."""
    from multiprocessing import get_context

    spawn = get_context("spawn")
    args = total, times, lock, spawn.Barrier(2)
    start_and_join(*(spawn.Process(target=worker, args=args) for _ in range(2)))
