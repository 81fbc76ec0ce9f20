"""What the lessons say of CPython and of the system where no cell shows it: checked on this one.

Where a sentence names a version or a system, so does the test.
"""

from __future__ import annotations

import inspect
import math
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing.pool import ThreadPool
from queue import Queue
from random import random
from typing import Any

import pytest

from helpers.apart.cluster import elapsed
from helpers.cost import private
from helpers.gil import switch_interval
from helpers.interleave import explore
from helpers.machine import gil_enabled

spawn = multiprocessing.get_context("spawn")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
needs_gil = pytest.mark.skipif(not gil_enabled(), reason="there is no GIL")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="said of Linux")


def told(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What a Python of its own says."""
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


# ---------------------------------------------------------- 01 concurrency


def test_work_that_cannot_be_split_comes_in_rounds() -> None:
    assert {math.ceil(16 / workers) for workers in (8, 9, 10, 15)} == {2}
    assert {math.ceil(8 / workers) for workers in (4, 5, 6, 7)} == {2}


# -------------------------------------------------------------- 02 threads


@contextmanager
def beside(other: Callable[[threading.Event], None]) -> Iterator[None]:
    """`other` runs in a thread until the block ends."""
    end = threading.Event()
    thread = threading.Thread(target=other, args=(end,))
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@needs_gil
def test_who_wakes_beside_a_thread_that_computes_waits_for_the_switch_interval() -> None:
    at_work = 0.0  # when the other one has been so

    def computes(end: threading.Event) -> None:
        nonlocal at_work
        while not end.is_set():
            at_work = time.perf_counter()

    met: list[float] = []  # naps that ended while it was at work, not while the system held it
    with beside(computes):
        last = time.monotonic() + 20
        while len(met) < 9 and time.monotonic() < last:
            start = time.perf_counter()
            time.sleep(0.001)
            stop = time.perf_counter()
            met += [stop - start] if at_work > start + 0.001 else []
    assert len(met) == 9
    assert sorted(met)[2] > 0.001 + 0.9 * sys.getswitchinterval()


class Compared:
    """Its order is Python code."""

    def __init__(self) -> None:
        self.key = random()

    def __lt__(self, other: Compared) -> bool:
        return self.key < other.key


def looks_during(call: Callable[[], object]) -> tuple[list[float], float]:
    """When another thread that asks for the GIL had it, from start to stop; and the CPU time."""
    looks: list[float] = []

    def look(end: threading.Event) -> None:
        while not end.is_set():
            looks.append(time.perf_counter())
            time.sleep(0.0005)

    with switch_interval(0.0005), beside(look):
        start, computed = time.perf_counter(), time.thread_time()
        call()
        stop, computed = time.perf_counter(), time.thread_time() - computed
    return [start, *(at for at in looks if start < at < stop), stop], computed


@needs_gil
def test_others_get_a_turn_while_sorted_calls_python() -> None:
    items = [Compared() for _ in range(100_000)]
    looks, _ = looks_during(lambda: sorted(items))
    assert len(looks) > 7


@needs_gil
def test_a_call_that_keeps_the_gil_keeps_it_however_long_it_lasts() -> None:
    looks, seconds = looks_during(lambda: sum(range(10**7)))
    assert max(b - a for a, b in pairwise(looks)) > 0.9 * seconds
    assert seconds * 1000 > 60  # for 10**10


# ------------------------------------------------------------ 03 processes


def test_a_pool_loses_the_task_that_kills_its_worker_and_starts_another_worker() -> None:
    code = """if True:
    import time
    from multiprocessing import get_context
    def square(x):
        return x * x
    with get_context("spawn").Pool(1) as pool:
        result, seen = pool.map_async(square, [1, 2, 3], 1), set()
        end = time.monotonic() + 40
        while len(seen) < 4 and time.monotonic() < end:
            seen |= {worker.pid for worker in pool._pool}
            time.sleep(0.01)
        time.sleep(0.5)
        seen |= {worker.pid for worker in pool._pool}
        print(len(seen), result.ready())
    """
    done = told(code)
    assert done.stdout.split() == ["4", "False"]
    assert done.stderr.count("Can't get attribute 'square'") == 3


@needs_fork
def test_forked_processes_read_on_from_the_same_place_in_a_file(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("abcdef")
    code = f"""if True:
    import os
    file = os.open({str(tmp_path / "file")!r}, os.O_RDONLY)
    if not os.fork():
        os.read(file, 3)
        os._exit(0)
    os.wait()
    print(os.read(file, 3))
    """
    assert told(code).stdout == "b'def'\n"


@needs_linux
def test_reading_objects_after_a_fork_writes_to_their_memory() -> None:
    code = """if True:
    import os, sys
    from helpers.cost import private
    numbers = [float(n) for n in range(400_000)]
    if not os.fork():
        before = private()
        sum(numbers)
        print(private() - before)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    """
    assert private() is not None
    assert int(told(code).stdout) > 2_000_000


@needs_fork
def test_python_renews_the_locks_of_logging_after_a_fork_and_warns_of_threads() -> None:
    code = """if True:
    import logging, os, signal, threading
    logging.basicConfig()
    root = logging.getLogger()
    held, end = threading.Event(), threading.Event()
    def hold():
        with root.handlers[0].lock:
            held.set()
            end.wait()
    threading.Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if not child:
        signal.alarm(10)
        logging.warning("said by the child")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    end.set()
    """
    done = told(code, "-W", "always")
    assert done.stdout == "0\n"
    assert "said by the child" in done.stderr
    assert ("DeprecationWarning" in done.stderr) == (sys.version_info >= (3, 12))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
def test_sigterm_ends_a_process_without_its_finally() -> None:
    code = """if True:
    import os, signal
    try:
        with open(os.devnull):
            print("begun", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        print("tidied up")
    """
    done = told(code)
    assert (done.stdout, done.returncode) == ("begun\n", -15)


@needs_fork
def test_a_pool_that_forks_cannot_replace_its_workers() -> None:
    with pytest.raises(ValueError, match="fork"):
        ProcessPoolExecutor(1, multiprocessing.get_context("fork"), max_tasks_per_child=1)


def test_without_a_number_a_process_pool_has_a_worker_for_each_cpu() -> None:
    cpus = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    with ProcessPoolExecutor(mp_context=spawn) as pool:
        most = pool._max_workers  # type: ignore[attr-defined]
    assert most == (min(cpus, 61) if sys.platform == "win32" else cpus)


def test_an_array_over_a_block_that_was_closed_crashes_who_reads_it() -> None:
    code = """if True:
    import numpy as np
    from multiprocessing.shared_memory import SharedMemory
    block = SharedMemory(create=True, size=4096)
    array = np.ndarray(4096, np.uint8, block.buf)
    array[:] = 1
    block.close()
    block.unlink()
    print(array.sum())
    """
    done = told(code)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_value_does_not_go_through_submit() -> None:
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        error = pool.submit(id, spawn.Value("i", 0)).exception()
    assert isinstance(error, RuntimeError)
    assert "inheritance" in str(error)


# ------------------------------------------------------ 04 synchronization


def test_an_event_remembers_and_a_notify_does_not() -> None:
    event, condition = threading.Event(), threading.Condition()
    event.set()
    with condition:
        condition.notify()
        assert not condition.wait(0.05)
    assert event.wait(0)


def test_anybody_may_release_a_lock_and_only_its_holder_a_reentrant_one() -> None:
    lock, again = threading.Lock(), threading.RLock()
    for each in (lock, again):
        thread = threading.Thread(target=each.acquire)
        thread.start()
        thread.join()
    lock.release()
    with pytest.raises(RuntimeError, match="un-acquired"):
        again.release()


def test_the_primitives_of_multiprocessing_differ_a_little() -> None:
    semaphore, lock = spawn.Semaphore(1), spawn.Lock()
    assert semaphore.acquire(block=False)
    with pytest.raises(TypeError):
        semaphore.acquire(blocking=False)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        semaphore.release(2)  # type: ignore[call-arg]
    assert hasattr(lock, "locked") == (sys.version_info >= (3, 14))


# --------------------------------------------------------------- 05 queues


def together(*functions: Callable[[], None]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def passed_on(size: int, late: bool) -> None:
    """Two consumers who put the sentinel back; perhaps a second producer."""
    line: Queue[str | None] = Queue(size)

    def sell() -> None:
        line.put("a loaf")
        line.put(None)

    def more() -> None:
        if late:
            line.put("another")

    def buy() -> None:
        while line.get() is not None:
            pass
        line.put(None)

    together(sell, more, buy, buy)
    assert line.qsize() == 1, "more than the sentinel stayed"


def test_a_sentinel_may_be_put_back_once_nobody_produces_any_more() -> None:
    assert explore(lambda: passed_on(0, False)).ok
    assert explore(lambda: passed_on(1, False)).ok
    assert explore(lambda: passed_on(0, True)).verdict == "race"
    assert explore(lambda: passed_on(1, True)).verdict == "deadlock"


@needs_linux
def test_a_pipe_for_both_ways_is_sockets_and_a_queue_has_a_pipe() -> None:
    import fcntl
    import socket

    here, there = spawn.Pipe()
    queue = spawn.SimpleQueue()
    assert stat.S_ISSOCK(os.fstat(here.fileno()).st_mode)
    with socket.socket(fileno=os.dup(here.fileno())) as one:
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > 2 * 65_536
    reader = queue._reader  # type: ignore[attr-defined]
    assert stat.S_ISFIFO(os.fstat(reader.fileno()).st_mode)
    assert fcntl.fcntl(reader.fileno(), 1032) == 65_536  # F_GETPIPE_SZ
    for each in (here, there, queue):
        each.close()


# ------------------------------------------------------------- 06 choosing


def test_pool_map_makes_about_four_chunks_a_worker_and_an_executor_one_an_item() -> None:
    with ThreadPool(3) as pool:
        chunk = pool.map_async(abs, range(800))._chunksize  # type: ignore[attr-defined]
    assert 800 / chunk / 3 == pytest.approx(4, abs=0.1)
    assert inspect.signature(Executor.map).parameters["chunksize"].default == 1


# ------------------------------------------------------------- 09 beyond one machine


@pytest.mark.skipif(sys.version_info < (3, 14), reason="there is one interpreter")
@pytest.mark.parametrize(
    ("text", "crosses"),
    [
        ("def work(x): return len(x)", True),
        ("def work(x, y=1): return len(x)", False),
        ("def work(x): return outside", False),
    ],
)
def test_a_function_of_a_cell_crosses_by_its_code_if_it_needs_nothing_else(
    text: str, crosses: bool
) -> None:
    from concurrent import interpreters  # type: ignore[attr-defined, unused-ignore]

    cell: dict[str, Any] = {"__name__": "__main__", "outside": 1}
    exec(text, cell)
    other = interpreters.create()
    try:
        crossed = other.call(cell["work"], "ab") == 2
    except interpreters.NotShareableError:
        crossed = False
    finally:
        other.close()
    assert crossed is crosses


def test_a_scheduler_keeps_no_more_workers_busy_than_a_task_is_longer() -> None:
    """It has handed out a hundred tasks of 0.1 s, 1 ms each, when the first worker is free."""
    tasks = [0.1] * 10_000
    busy = [sum(tasks) / elapsed(tasks, workers, 0.001) for workers in (100, 1000)]
    assert busy == pytest.approx([100, 100], rel=0.02)
