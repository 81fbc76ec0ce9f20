"""What a worker costs: read from /proc, where there is one."""

from __future__ import annotations

import os
import threading

import pytest

from helpers import cost
from helpers.cost import Memory, memory, thread_memory, waiting_threads

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
