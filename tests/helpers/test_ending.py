"""Threads are ended wherever they wait, none of them inside an import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from helpers.deadline import DeadlinePassed, deadline
from helpers.ending import (
    AGAIN,
    GRACE,
    Ender,
    WorkerStopped,
    end_threads,
    errors_of_threads,
    not_stopped,
    unreported,
    wait_graph,
)
from helpers.queues import Stage, pipeline
from helpers.run import RunError, run

SLOW = """
import time
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    time.sleep(0.005)
whole = True
"""

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nobody_is_left_behind() -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    last = time.monotonic() + 5
    while left := [t for t in threading.enumerate() if t not in threads and t.is_alive()]:
        assert time.monotonic() < last, f"left behind: {left}"
        time.sleep(0.01)


Module = Callable[[float], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Writes a module that takes so many seconds to import, and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(seconds: float) -> str:
        name = f"slow_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(SLOW.format(seconds=seconds))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


# ------------------------------------------------------------------ in an import


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.2])
def test_a_run_that_is_stopped_in_its_first_import_leaves_the_import_whole(
    module: Module, seconds: float
) -> None:
    name = module(0.4)
    with pytest.raises(RunError, match=r"^Not finished") as info:
        run(lambda _: import_module(name).whole, range(6), 3, timeout=seconds)
    assert "could not be stopped" not in str(info.value)
    assert run(lambda _: import_module(name).whole, range(6), 3, timeout=5).results == [True] * 6


def test_a_pipeline_that_is_stopped_in_its_first_import_leaves_the_import_whole(
    module: Module,
) -> None:
    name = module(0.4)
    load = Stage("load", lambda _: import_module(name).whole, 2)
    with pytest.raises(RunError, match=r"^Not finished"):
        pipeline(range(4), load, timeout=0.1)
    assert pipeline(range(4), load, timeout=5).results == [True] * 4


def test_who_is_longer_in_an_import_is_named_and_ended_after_it(module: Module) -> None:
    name, over = module(GRACE + 0.5), threading.Event()

    def work(_: int) -> None:
        import_module(name)
        try:
            while True:
                time.sleep(0.01)
        finally:
            over.set()

    with pytest.raises(RunError, match=r": worker 1 \(is in an import and ends after it\)\.$"):
        run(work, [1], 1, timeout=0.1)
    assert not over.is_set()
    assert over.wait(5)
    assert sys.modules[name].whole


def test_a_deadline_does_not_break_the_import_of_a_thread_nor_of_its_block(module: Module) -> None:
    name = module(0.8)

    def both_import() -> None:
        threading.Thread(target=import_module, args=(name,), daemon=True).start()
        import_module(name)

    with pytest.raises(DeadlinePassed), deadline(0.1):
        both_import()
    assert sys.modules[name].whole


def test_an_import_that_never_ends_does_not_hold_up_a_deadline(module: Module) -> None:
    name = module(30)
    begun = time.monotonic()
    with pytest.raises(DeadlinePassed), deadline(0.1):
        import_module(name)
    assert time.monotonic() - begun < 10


# ------------------------------------------------------------------ at a lock


def crowds() -> dict[str, Callable[[], Callable[[], Any]]]:
    """By name: what makes something that nobody ever comes out of, and gives the way in."""

    def full() -> Callable[[], Any]:
        queue: Queue[int] = Queue(1)
        queue.put(1)
        return lambda: queue.put(2)

    def condition() -> Callable[[], Any]:
        changed = threading.Condition()

        def wait() -> None:
            with changed:
                changed.wait()

        return wait

    return {
        "semaphore": lambda: threading.Semaphore(0).acquire,
        "event": lambda: threading.Event().wait,
        "barrier": lambda: threading.Barrier(9).wait,
        "empty queue": lambda: Queue[int]().get,
        "full queue": full,
        "joined queue": lambda: unfinished().join,
        "condition": condition,
    }


def unfinished() -> Queue[int]:
    queue: Queue[int] = Queue()
    queue.put(1)
    return queue


@pytest.mark.parametrize("name", crowds())
def test_a_crowd_that_waits_is_ended(name: str) -> None:
    way_in = crowds()[name]()
    with pytest.raises(RunError, match=r"^Not finished") as info:
        run(lambda _: way_in(), range(8), 4, timeout=0.1)
    assert "could not be stopped" not in str(info.value)


def test_a_semaphore_is_as_before_when_a_crowd_at_it_was_stopped() -> None:
    seats = threading.Semaphore(2)

    def sit(_: int) -> None:
        with seats:
            while True:
                time.sleep(0.01)

    with pytest.raises(RunError):
        run(sit, range(6), 6, timeout=0.1)
    assert [seats.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_those_who_wait_for_each_other_are_ended_and_their_locks_are_free() -> None:
    forks = [threading.Lock() for _ in range(3)]
    all_have_one = threading.Barrier(3)

    def eat(seat: int) -> None:
        left, right = forks[seat], forks[(seat + 1) % 3]
        with left:
            all_have_one.wait()
            with right:
                pass

    with pytest.raises(RunError) as info:
        run(eat, range(3), 3, timeout=0.2)
    assert "could not be stopped" not in str(info.value)
    assert not any(fork.locked() for fork in forks)


def test_a_lock_that_somebody_else_holds_is_left_alone_and_that_is_said() -> None:
    lock = threading.Lock()

    def need(_: int) -> None:
        with lock:
            pass

    sentence = r": worker 1, worker 2 \(waits for another thread and may never end\)\.$"
    with lock:
        with pytest.raises(RunError, match=sentence):
            run(need, [1, 2], 2, timeout=0.1)
        assert lock.locked()


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_lock_that_stopped_threads_took_is_free_afterwards(make: Callable[[], Any]) -> None:
    for seconds in (0.01, 0.02, 0.03):
        lock = make()

        def work(_: int, lock: Any = lock) -> None:
            while True:
                with lock:
                    time.sleep(0.001)

        with pytest.raises(RunError) as info:
            run(work, range(4), 4, timeout=seconds)
        assert "could not be stopped" not in str(info.value)
        assert lock.acquire(timeout=1)


def test_who_waits_in_acquire_is_told_when_it_can_give_the_lock_back() -> None:
    lock = threading.Lock()

    def visit(_: int) -> None:
        lock.acquire()
        try:
            time.sleep(0.1)
            time.sleep(0)
        finally:
            lock.release()

    with pytest.raises(RunError) as info:
        run(visit, range(4), 4, timeout=0.05)
    assert "could not be stopped" not in str(info.value)
    assert not lock.locked()


def test_who_tidies_up_is_not_told_again_at_once() -> None:
    tidied = []

    def work() -> None:
        try:
            while True:
                time.sleep(0.001)
        except WorkerStopped:
            end = time.monotonic() + AGAIN / 2
            while time.monotonic() < end:
                time.sleep(0.001)
            tidied.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    assert end_threads([thread]) == {}
    assert tidied == [True]


def test_an_interrupt_of_a_run_says_who_cannot_be_stopped() -> None:
    def interrupt(_: int) -> None:
        time.sleep(0.1)
        signal.raise_signal(signal.SIGINT)
        time.sleep(GRACE + 0.5)

    with pytest.raises(KeyboardInterrupt) as info:
        run(interrupt, [1], 1, timeout=20)
    assert info.value.__notes__ == [not_stopped({"worker 1": "ends with its call"})]


def test_an_ender_is_none_of_those_that_a_deadline_ends() -> None:
    gate = threading.Event()

    def ends_nobody_for_ever() -> None:
        main = [threading.main_thread()]
        Ender(lambda: [] if gate.is_set() else main, WorkerStopped, lambda thread: False).start()
        threading.Event().wait()

    with pytest.raises(DeadlinePassed) as info, deadline(0.1):
        ends_nobody_for_ever()
    assert "ender" not in str(info.value)
    gate.set()


# ------------------------------------------------------------------ what is said


def test_what_cannot_be_stopped_is_told_by_its_reason() -> None:
    said = not_stopped({"a": "ends with its call", "b": "waits", "c": "ends with its call"})
    assert said == "This could not be stopped: a, c (ends with its call); b (waits)."


def test_a_wait_for_another_thread_is_told_from_another_call() -> None:
    lock = threading.Lock()
    sleeper = threading.Thread(target=lambda: time.sleep(0.5))

    def at_the_lock() -> None:
        with lock:
            pass

    def at_the_join() -> None:
        sleeper.join()

    with lock:
        threads = [sleeper, *(threading.Thread(target=t) for t in (at_the_lock, at_the_join))]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        assert [wait_graph.waits(thread) for thread in threads] == [False, True, True]
    for thread in threads:
        thread.join()


AFTER_A_RESET = """
from helpers.run import run
from helpers.work import wait
assert len(run(wait, [0.01] * 2, 2, "spawn").results) == 2
"""


def test_processes_are_spawned_also_after_a_reset_of_the_kernel() -> None:
    manager, client = start_new_kernel(cwd=str(ROOT))
    try:
        for code in ("import helpers", "%reset -f", AFTER_A_RESET):
            reply = client.execute_interactive(code, timeout=60, output_hook=lambda _: None)
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_blocks_that_hear_what_threads_die_of_may_end_in_any_order() -> None:
    before = threading.excepthook
    one, two = errors_of_threads(), unreported()
    found = one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert threading.excepthook is not before, "the second is not over"
    two.__exit__(None, None, None)
    assert (threading.excepthook, found) == (before, [])


STOPPED_LATE = """
import _thread, time
from helpers.ending import ThreadStopped

def stopped():  # as where `threading` has nothing more to do with it
    raise ThreadStopped

_thread.start_new_thread(stopped, ())
time.sleep(0.2)
"""


def _in_a_script(path: Path, code: str) -> subprocess.CompletedProcess[str]:
    path.write_text(code)
    return subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_python_says_nothing_of_a_thread_that_is_stopped_in_its_last_steps(tmp_path: Path) -> None:
    done = _in_a_script(tmp_path / "late.py", STOPPED_LATE)
    assert (done.returncode, done.stderr) == (0, "")


class Booked(threading.Condition):
    """What `threading` does before `run` and after it takes a while."""

    def notify_all(self) -> None:
        sleep_in_turns(0.3)
        super().notify_all()


def sleep_in_turns(seconds: float) -> None:
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        time.sleep(0.005)


def test_a_thread_is_stopped_when_its_own_code_has_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    thread = threading.Thread(target=sleep_in_turns, args=[9], daemon=True)
    thread._started._cond = Booked()  # type: ignore[attr-defined]
    starter = threading.Thread(target=thread.start)
    starter.start()
    time.sleep(0.1)
    with unreported():
        assert end_threads([thread]) == {}
    starter.join(5)
    assert said == []
    assert not thread.is_alive()
    assert thread not in threading.enumerate()


STARTS_ONE_MORE = """
import threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from helpers.ending import pools

spawn, started = get_context("spawn"), []

class Slow(spawn.Process):
    def start(self):
        super().start()
        started.append(self)
        if len(started) == 2:
            time.sleep(1.5)  # the pool breaks before it has heard of this one

if __name__ == "__main__":
    pools.complete()
    spawn.Process = Slow
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = [pool.submit(time.sleep, 60)]
        threading.Timer(0.5, started[0].kill).start()
        futures.append(pool.submit(time.sleep, 60))
    print(*[type(future.exception()).__name__ for future in futures])
    for process in started:
        process.join(5)
    print(any(process.is_alive() for process in started))
"""


def test_a_pool_that_breaks_while_it_starts_a_process_ends_that_one_as_well(tmp_path: Path) -> None:
    done = _in_a_script(tmp_path / "starts.py", STARTS_ONE_MORE)
    assert done.stdout.split() == ["BrokenProcessPool", "BrokenProcessPool", "False"], done.stderr
