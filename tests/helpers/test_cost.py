"""What a worker costs: read from /proc, where there is one."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helpers import cost
from helpers.cost import Memory, memory, private, thread_memory, waiting_threads
from helpers.run import run

needs_proc = pytest.mark.skipif(memory() is None, reason="this system has no /proc")


@needs_proc
def test_a_process_that_takes_memory_has_more_of_it() -> None:
    before = memory()
    taken = bytearray(os.urandom(1 << 10) * (64 << 10))
    during = memory()
    assert before is not None
    assert during is not None
    assert during.resident - before.resident > len(taken) * 0.9
    assert during.reserved >= during.resident


def test_of_a_process_that_is_not_there_nothing_is_known() -> None:
    assert memory(2**31 - 1) is None


@needs_proc
def test_a_thread_reserves_more_than_it_uses() -> None:
    added = thread_memory(100)
    assert isinstance(added, Memory)
    assert added.resident < added.reserved


def test_where_nobody_tells_the_memory_of_a_thread_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "memory", lambda: None)
    assert thread_memory(2) is None


@pytest.mark.parametrize("count", [0, -1, 1001, 2.5, "four"])
def test_a_count_that_cannot_work_is_refused_before_a_thread_starts(count: int) -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="count must be a whole number from 1 to 1000, not"):
        thread_memory(count)
    assert threading.active_count() == before


def test_waiting_threads_are_there_in_the_block_and_gone_after_it() -> None:
    with waiting_threads(5) as threads:
        assert all(thread.is_alive() for thread in threads)
        assert len(threads) == 5
    assert not any(thread.is_alive() for thread in threads)


def test_an_error_in_the_block_ends_the_waiting_threads_too() -> None:
    with pytest.raises(KeyError), waiting_threads(3) as threads:
        raise KeyError("mine")
    assert not any(thread.is_alive() for thread in threads)


SPAWN = multiprocessing.get_context("spawn")
WORKERS: dict[str, Callable[..., Any]] = {"thread": threading.Thread, "process": SPAWN.Process}


@needs_proc
def test_a_forked_process_has_less_to_itself_than_a_fresh_one_and_shares_the_rest() -> None:
    taken = bytearray(os.urandom(1 << 10) * (64 << 10))
    forked = run(private, [0], 1, "fork").results[0]
    assert 0 < forked < len(taken) < memory().resident  # type: ignore[union-attr]


def test_the_fastest_of_several_rounds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    clock = iter([0, 5, 10, 12, 20, 29])
    monkeypatch.setattr(cost, "perf_counter", lambda: next(clock))
    assert cost.seconds(calls.append, 7) == 2
    assert calls == [7, 7, 7]


@pytest.mark.parametrize("kind", WORKERS)
def test_a_life_and_a_round_trip_take_some_time_and_leave_nobody(kind: str) -> None:
    before = threading.enumerate(), multiprocessing.active_children()
    assert cost.life(WORKERS[kind]) > 0
    assert cost.round_trip(WORKERS[kind], SPAWN.Semaphore, 20) > 0
    assert (threading.enumerate(), multiprocessing.active_children()) == before


def test_a_partner_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "PATIENCE", 0.05)
    monkeypatch.setattr(cost, "bounce", lambda mine, theirs, rounds: None)
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.05 s"):
        cost.round_trip(threading.Thread, threading.Semaphore, 1)


def test_a_bill_has_the_trip_and_the_pickling_in_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        small, large = cost.bill(pool, b""), cost.bill(pool, [0.5] * 100_000)
    assert small.trip > 0
    assert large.pickling > small.pickling > 0
