"""A loop that waits leaves out no outcome: held against the same loop, a few turns long.

A `for` is never left out of anything, so what a program can do whose loops may turn twice (and
then give up) is found turn by turn. All of it that ends without giving up, the same program with
`while` must do as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Condition, Event, Lock, Semaphore
from typing import Any

import pytest
from programs_told import together

from helpers.interleave import explore, pace, spin

SEEDS = range(24)
TURNS = 2


class GaveUp(Exception):
    """A loop had its turns."""


class Things:
    """What the threads of one program share."""

    def __init__(self) -> None:
        self.lock, self.other = Lock(), Lock()
        self.slots, self.event, self.condition = Semaphore(1), Event(), Condition()
        self.flag = 0
        self.log: list[object] = []


def look_under_a_lock(t: Things) -> bool:
    with t.lock:
        return t.flag > 0


def look(t: Things) -> bool:
    return t.flag > 0


def wait_for_the_event(t: Things) -> bool:
    return t.event.wait(1)


def wait_for_the_condition(t: Things) -> bool:
    with t.condition:
        return t.flag > 0 or (t.condition.wait(1) and t.flag > 0)


def take_both(t: Things) -> bool:
    with t.lock:
        if t.other.acquire(blocking=False):
            t.other.release()
            return True
    return False


def take_both_other_way(t: Things) -> bool:
    with t.other:
        if t.lock.acquire(blocking=False):
            t.lock.release()
            return True
    return False


def look_with_a_slot(t: Things) -> bool:
    with t.slots:
        return t.flag > 0


def take_a_slot(t: Things) -> bool:
    if t.slots.acquire(blocking=False):
        t.slots.release()
        return True
    return False


POLLS = [look_under_a_lock, look, wait_for_the_event, wait_for_the_condition, take_both,
         take_both_other_way, look_with_a_slot, take_a_slot]  # fmt: skip


def raise_the_flag(t: Things) -> None:
    t.flag = 1


def raise_it_under_a_lock(t: Things) -> None:
    with t.lock:
        t.flag = 1


def lower_the_flag(t: Things) -> None:
    t.flag = 0


def set_the_event(t: Things) -> None:
    t.event.set()


def notify(t: Things) -> None:
    with t.condition:
        t.flag = 1
        t.condition.notify()


def try_the_lock(t: Things) -> None:
    got = t.lock.acquire(blocking=False)
    t.log.append(got)
    if got:
        t.lock.release()


def is_it_locked(t: Things) -> None:
    t.log.append(t.other.locked())


def try_a_slot(t: Things) -> None:
    got = t.slots.acquire(blocking=False)
    t.log.append(got)
    if got:
        t.slots.release()


def pass_through(t: Things) -> None:
    with t.lock:
        pass


def both_locks(t: Things) -> None:
    with t.other, t.lock:
        t.flag = 1


ACTS = [raise_the_flag, raise_it_under_a_lock, lower_the_flag, set_the_event, notify, try_the_lock,
        is_it_locked, try_a_slot, pass_through, both_locks]  # fmt: skip

Deed = tuple[bool, Callable[[Things], object]]


def program(threads: list[list[Deed]], short: bool) -> Callable[[], object]:
    def work(t: Things, deeds: list[Deed]) -> None:
        for polls, deed in deeds:
            if not polls:
                deed(t)
            elif short:
                for _ in range(TURNS):
                    if deed(t):
                        break
                else:
                    raise GaveUp
            else:
                while not deed(t):
                    pass

    def run() -> object:
        t = Things()
        together(*[lambda deeds=deeds: work(t, deeds) for deeds in threads])
        return t.log, t.flag

    return run


def drawn(seed: int) -> list[list[Deed]]:
    chance = random.Random(seed)
    one = [(True, chance.choice(POLLS))]
    acts: list[Deed] = [(False, chance.choice(ACTS)) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.3:
        acts.append((True, chance.choice(POLLS)))
    if chance.random() < 0.3:
        one.append((False, chance.choice(ACTS)))  # type: ignore[arg-type]
    return [one, acts]  # type: ignore[list-item]


def missed(seed: int) -> tuple[bool, set[str]]:
    """Whether both searches were complete, and the outcomes that only the short loops have."""
    threads = drawn(seed)
    long, short = explore(program(threads, False)), explore(program(threads, True), budget=4000)
    ends = {outcome for outcome in short.counts if "GaveUp" not in outcome}
    return long.complete and short.complete, ends - set(long.counts)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loop_that_waits_leaves_out_no_outcome(seed: int) -> None:
    complete, only_short = missed(seed)
    assert not complete or not only_short, drawn(seed)


def grows_for_ever() -> None:
    def grow() -> None:
        items: list[int] = []
        while len(items) >= 0:
            items.append(1)

    together(grow, grow)


def test_the_states_of_a_loop_that_grows_are_kept_only_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spins: dict[int, spin.Spin] = {}
    came_back = spin.Spin.came_back

    def watched(self: spin.Spin, *state: Any) -> int | None:
        spins[id(self)] = self
        return came_back(self, *state)

    monkeypatch.setattr(spin.Spin, "came_back", watched)
    monkeypatch.setattr(spin, "ROOM", 1_000)
    monkeypatch.setattr(pace, "TURNS", 1_000)
    assert not explore(grows_for_ever).complete
    assert 0 < max(len(each.seen) for each in spins.values()) < 100
