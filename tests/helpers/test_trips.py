"""Every way to send brings all bytes there and an answer back, and leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time
from multiprocessing.shared_memory import SharedMemory
from queue import Queue
from typing import Any

import pytest

from helpers import draw
from helpers.deadline import DeadlinePassed, deadline
from helpers.trips import answer, look_at, trips, ways

WAYS = ["threads: queue.Queue", "Queue", "SimpleQueue", "Pipe", "shared memory"]


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


def test_a_worker_that_is_killed_is_what_the_deadline_is_for() -> None:
    def kill() -> None:
        while not (workers := multiprocessing.active_children()):
            time.sleep(0.01)
        workers[0].kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(DeadlinePassed), deadline(1):
        trips([1])
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
    code = "import sys, helpers.trips; assert 'multiprocessing.shared_memory' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
