"""What a worker costs: read from /proc, where there is one."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.shared_memory import SharedMemory
from queue import Queue
from typing import Any

import pytest

from helpers import cost, draw
from helpers.cost import (
    Memory,
    answer,
    downloads,
    look_at,
    memory,
    private,
    thread_memory,
    trips,
    waiting_threads,
    ways,
)
from helpers.deadline import deadline
from helpers.run import run
from helpers.work.server import server

needs_proc = pytest.mark.skipif(memory() is None, reason="this system has no /proc")


@pytest.mark.parametrize("using", ["tasks", "threads"])
def test_downloads_at_once_are_whole_and_their_memory_is_told(using: str) -> None:
    with server() as at:
        found = downloads(using, [f"{at}/wait?seconds=0.3&name={n}" for n in range(30)])
    assert found.whole
    assert found.at_once == 30
    assert found.elapsed < 30 * 0.3
    if memory() is not None:
        assert found.memory is not None
        assert 0 <= found.memory < 100e6


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


# ------------------------------------------------------- trips, by way and size

WAYS = ["threads: queue.Queue", "Queue", "SimpleQueue", "Pipe", "shared memory", "manager: Queue"]


def test_each_way_is_measured_for_each_size_and_nothing_is_left() -> None:
    before = set(threading.enumerate())
    with deadline(60):
        measured = trips([1, 5000, 100_000], rounds=2)
    assert list(measured) == WAYS
    for series in measured.values():
        assert list(series) == [1, 5000, 100_000]
        assert all(seconds > 0 for seconds in series.values())
    assert multiprocessing.active_children() == []
    left = {t.name for t in set(threading.enumerate()) - before if t.name != "QueueFeederThread"}
    assert not left


def test_the_other_worker_answers_by_each_way_until_none_comes() -> None:
    first: tuple[Any, Any] = Queue(), Queue()
    second = multiprocessing.Pipe()
    block = memoryview(bytes(8))
    worker = threading.Thread(target=answer, args=([first, second], type("B", (), {"buf": block})))
    with deadline(20):
        worker.start()
        first[0].put(b"abc")
        assert first[1].get() is True
        first[0].put(None)
        second[0].send(8)
        assert second[0].recv() is True
        second[0].send(None)
        worker.join()


def test_a_byte_of_each_page_is_looked_at() -> None:
    assert look_at(b"\x01" * 4096 + b"\x02" * 4096 + b"\x03") == 6


@pytest.mark.parametrize("sizes", [[], [0], [1.5], ["1"], [10**12]])
def test_sizes_that_cannot_be_are_refused(sizes: list[Any]) -> None:
    with pytest.raises(ValueError, match="sizes must be whole numbers of bytes"):
        trips(sizes)


@pytest.mark.parametrize("rounds", [0, -1, 2.5, "2"])
def test_rounds_that_cannot_be_are_refused(rounds: Any) -> None:
    with pytest.raises(ValueError, match="rounds must be a whole number from 1 on, not "):
        trips([1], rounds)


def test_an_interrupt_leaves_no_worker_and_no_shared_memory() -> None:
    before, names = threading.active_count(), list[str]()

    def interrupted() -> None:
        with ways(100) as (_, block):
            names.append(block.name)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not multiprocessing.active_children()
    with pytest.raises(FileNotFoundError):
        SharedMemory(names[0])
    last = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < last:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5])
def test_a_worker_that_is_killed_ends_the_wait_for_its_answer(delay: float) -> None:
    def kill() -> None:
        while not (workers := [w for w in multiprocessing.active_children() if w.daemon]):
            time.sleep(0.01)
        time.sleep(delay)
        workers[0].kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with deadline(60), pytest.raises(RuntimeError, match=r"was to answer has died \(exit code -?9"):
        trips([1 << 20], rounds=10_000)
    killer.join(20)
    assert not multiprocessing.active_children()


def test_times_are_shown_with_units_for_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    draw.costs({"Pipe": {16: 2.5e-5, 1 << 20: 0.0012}, "none": {}}, "Trips")
    words = "Trips: Pipe: 16 B: 25 µs, 1 MB: 1.2 ms.\nnone: nothing was measured.\n"
    assert capsys.readouterr().out == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2, "2 s"), (1, "1 s"), (0.9999, "1 s"), (1e-3, "1 ms"), (2.5e-7, "250 ns"), (0, "0 ns")],
)
def test_seconds_have_the_unit_that_fits(seconds: float, text: str) -> None:
    assert draw._seconds(seconds) == text


def test_it_is_imported_quickly() -> None:
    code = "import sys, helpers.cost; assert 'multiprocessing.shared_memory' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_worker_has_a_price(kind: str) -> None:
    price = cost.price(kind)
    assert price.seconds > 0
    assert price.memory is None or price.memory > 0


def test_an_interpreter_has_one_where_there_is_such_a_thing_and_none_is_left() -> None:
    if sys.version_info < (3, 14):
        with pytest.raises(ImportError):
            cost.price("interpreter")
        return
    from concurrent import interpreters  # type: ignore[attr-defined, unused-ignore]

    assert cost.price("interpreter").seconds > 0
    assert len(interpreters.list_all()) == 1


def test_a_kind_of_worker_that_there_is_not_is_refused() -> None:
    with pytest.raises(
        ValueError, match="kind must be thread, interpreter or process, not 'fiber'"
    ):
        cost.price("fiber")
