"""Workers that get into each other's way, in real time.

They show what the explorer of lesson 04 does not, as it asks what *can* happen
and not how often: two that step aside for each other again and again, and one
that needs more than the others and always comes last.

>>> [span.name for span in table(Lock()).lanes()["worker 4"]]
['waits for places', 'has 2']
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from threading import Condition, Lock
from typing import Any

from .run import run
from .timeline import Timeline
from .work import wait

SLOW = 0.06  # seconds from one thing to the next at table: more than a busy system is late


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


def table(turnstile: Any = None, times: int = 4) -> Timeline:
    """Three that need one of two places, `times` times each, and one that needs both.

    `turnstile` is a lock that everybody takes before waiting for a place, so that
    nobody is passed by who came later; without it whoever finds a place takes it.
    """
    timeline, changed, places = Timeline(), Condition(), 2
    door = turnstile or nullcontext()

    def take(needs: int) -> None:
        nonlocal places
        with timeline.span("waits for places"), door, changed:
            changed.wait_for(lambda: places >= needs)
            places -= needs

    def sit(guest: int) -> None:
        nonlocal places
        needs, rounds = (2, 1) if guest == 3 else (1, times)
        wait(SLOW / 2 * guest)  # so that no two of them get up at the same moment
        for _ in range(rounds):
            take(needs)
            with timeline.span(f"has {needs}"):
                wait(SLOW)
            with changed:
                places += needs
                changed.notify_all()

    run(sit, range(4), 4)
    return timeline
