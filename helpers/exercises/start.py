"""The exercises of lesson 00: a first overlap, and the CPUs that count."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from ..timeline import Timeline
from ..work import wait
from . import exercise, expect


def together(work: Callable[[Any], Any], items: Iterable[Any]) -> None:
    """A solution of `start.overlap`."""
    threads = [threading.Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one_by_one(work: Callable[[Any], Any], items: Iterable[Any]) -> None:
    """The usual slip: `join` inside the loop waits before the next one starts."""
    for item in items:
        thread = threading.Thread(target=work, args=(item,))
        thread.start()
        thread.join()


@exercise(
    "start.overlap",
    "Write together(work, items): work(item) for every item, at least two at the same time.",
    hints=(
        "A threading.Thread runs its target beside you, from start() on. join() waits for its end.",
        "join() right after start() means: wait before the next one may start.",
        "Two loops: the first starts every thread, the second joins every thread.",
    ),
    solution=together,
    starter=lambda work, items: None,
    wrong=one_by_one,
    says="never two at once",
)
def _overlap(answer: Any) -> str:
    """Each item is worked on once, some of them at once, and all before the return."""
    timeline, items = Timeline(), [1, 2, 3, 4]
    seen: list[int] = []

    def work(item: int) -> None:
        with timeline.span(f"item {item}"):
            wait(0.1)
        seen.append(item)

    answer(work, items)
    ended = sorted(seen)
    expect(
        ended == items,
        f"when your function returned, {len(ended)} of {len(items)} calls had ended. "
        "Start one for every item, and wait for all of them with join().",
    )
    expect(
        timeline.at_once() > 1,
        "all four calls were made, but never two at once. "
        "Look at what your function waits for before it starts the next one.",
    )
    return f"All {len(items)} calls were made, {timeline.at_once()} of them at the same time."


def usable(host: int, allowed: int, quota: float | None) -> int:
    """A solution of `start.usable`."""
    if quota is None:
        return allowed
    return max(1, min(allowed, -int(-quota // 1)))


MACHINES = (  # host, allowed, quota, usable, in words
    (8, 8, None, 8, "a laptop with 8 CPUs and no limits"),
    (8, 2, None, 2, "8 CPUs, of which this process may use 2"),
    (64, 64, 1.0, 1, "a container with a quota of 1 CPU on a host of 64"),
    (64, 4, 2.5, 3, "a quota of 2.5 CPUs: a third worker still helps"),
    (16, 2, 8.0, 2, "a quota above what the process may use"),
    (4, 4, 0.5, 1, "half a CPU: one worker is still needed"),
)


@exercise(
    "start.usable",
    "Write usable(host, allowed, quota): how many CPUs can this process keep busy?",
    hints=(
        "Which of the three numbers can forbid a CPU, and which one only counts what is built in?",
        "The smaller one of allowed and quota counts. A quota of None means that there is none.",
        "A quota of 2.5 keeps a third worker half busy: round up, with math.ceil.",
    ),
    solution=usable,
    starter=lambda host, allowed, quota: host,
    wrong=lambda host, allowed, quota: min(allowed, int(quota or allowed)),
    says="a quota of 2.5",
)
def _usable(answer: Any) -> str:
    """The right number for each of the machines."""
    for host, allowed, quota, right, words in MACHINES:
        given = answer(host, allowed, quota)
        expect(
            given == right,
            f"for {words}, usable({host}, {allowed}, {quota}) gave {given!r}. "
            "Which number forbids, and what does it leave?",
        )
    return f"The right number for all {len(MACHINES)} machines."
