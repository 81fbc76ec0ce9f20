"""A block that hangs ends, with a picture; one that does not is left alone."""

# ruff: noqa: PT012 -- the blocks under a deadline are what is tested

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from helpers.deadline import DeadlinePassed, busy_deadline, deadline
from helpers.ending import wait_graph

METHODS = multiprocessing.get_all_start_methods()
needs_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot interrupt a wait for a lock or a thread"
)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    threads, handler = set(threading.enumerate()), signal.getsignal(signal.SIGINT)
    hook = threading.excepthook
    yield
    assert signal.getsignal(signal.SIGINT) is handler
    assert threading.excepthook is hook
    assert not multiprocessing.active_children()
    gc.collect()
    last = time.monotonic() + 5
    while left := [t for t in wait_graph.running() if t not in threads]:
        assert time.monotonic() < last, f"left behind: {left}"
        time.sleep(0.01)


def acquire_twice() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def join_a_waiting_thread() -> None:
    thread = threading.Thread(target=queue.Queue().get, name="reader")
    thread.start()
    thread.join()


def join_a_process() -> None:
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    process.start()
    process.join()


def wait_for_a_pool() -> None:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(queue.Queue().get).result()


HANGS: list[Callable[[], Any]] = [
    acquire_twice,
    join_a_waiting_thread,
    join_a_process,
    wait_for_a_pool,
    lambda: time.sleep(60),
    lambda: queue.Queue().get(),
    lambda: Future[int]().result(),
    lambda: threading.Event().wait(),
    lambda: threading.Barrier(2).wait(),
    lambda: subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"], check=True),
]


@needs_signals
@pytest.mark.parametrize("hang", HANGS)
def test_a_wait_without_end_is_ended_in_one_sentence(hang: Callable[[], Any]) -> None:
    with pytest.raises(TimeoutError) as caught, deadline(0.2):
        hang()
    assert str(caught.value) == "the block had not ended after 0.2 s."


@needs_signals
def test_a_wait_is_ended_where_every_thread_is_profiled() -> None:
    threading.setprofile(lambda *_: None)
    try:
        with pytest.raises(DeadlinePassed), deadline(0.2):
            wait_for_a_pool()
    finally:
        threading.setprofile(None)


def test_an_endless_loop_is_ended() -> None:
    with pytest.raises(DeadlinePassed), deadline(0.2):
        while True:
            pass


@pytest.mark.parametrize("method", METHODS)
def test_a_process_pool_is_ended_with_its_processes(method: str) -> None:
    context = multiprocessing.get_context(method)
    with (
        pytest.raises(DeadlinePassed),
        deadline(0.5),
        ProcessPoolExecutor(2, mp_context=context) as pool,
    ):
        list(pool.map(time.sleep, [60, 60]))


def test_processes_of_before_are_spared() -> None:
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    process.start()
    try:
        with pytest.raises(DeadlinePassed), deadline(0.1):
            time.sleep(60)
        assert process.is_alive()
    finally:
        process.terminate()
        process.join()


def test_threads_of_before_are_spared() -> None:
    release = threading.Event()
    before = threading.Thread(target=release.wait)
    before.start()
    with pytest.raises(DeadlinePassed), deadline(0.1):
        time.sleep(60)
    assert before.is_alive()
    release.set()
    before.join()


def test_a_thread_of_before_that_computes_is_shown_and_one_that_waits_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    end = threading.Event()

    def spin() -> None:
        while time.monotonic() < last:
            pass

    last = time.monotonic() + 0.6
    before = [threading.Thread(target=t, name=t.__name__) for t in (spin, end.wait)]
    for thread in before:
        thread.start()
    with pytest.raises(DeadlinePassed), deadline(0.3):
        time.sleep(60)
    end.set()
    for thread in before:
        thread.join()
    said = capsys.readouterr().out
    assert re.search(r"^spin is ", said, re.M)
    assert "wait " not in said


def test_both_threads_of_a_deadlock_are_shown_and_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def first() -> None:
        with a:
            both.wait()
            with b:
                pass

    def second() -> None:
        with b:
            both.wait()
            with a:
                pass

    threads = [threading.Thread(target=f, name=f.__name__) for f in (first, second)]
    with pytest.raises(DeadlinePassed), deadline(0.3):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    shown, said = capsys.readouterr()
    assert "first waits in with b, at first, line " in shown
    assert "second waits in with a, at second, line " in shown
    assert "the main thread waits in Thread.join" in shown
    assert "the main thread → first" in shown
    assert said == ""
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_cannot_be_ended_is_named() -> None:
    nap = threading.Thread(target=time.sleep, args=(3,), name="sleeper", daemon=True)
    with pytest.raises(DeadlinePassed, match=r"0\.2 s\. sleeper cannot be ended"), deadline(0.2):
        nap.start()
        time.sleep(60)
    nap.join()


def test_errors_of_yours_go_through_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    mine = KeyError("mine")
    with pytest.raises(KeyError) as caught, deadline(10):
        raise mine
    assert caught.value is mine
    assert capsys.readouterr().out == ""


def test_a_block_that_ends_in_time_has_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    with deadline(10):
        threads = threading.active_count()
    assert threads == threading.active_count() + 1  # the watcher
    assert capsys.readouterr().out == ""


def test_it_never_fires_after_the_block_ended() -> None:
    outcomes = set()
    for _ in range(200):
        with suppress(DeadlinePassed):
            outcome = "passed"
            with deadline(0.002):
                until = time.perf_counter() + 0.002
                while time.perf_counter() < until:
                    pass
                outcome = "in time"
        outcomes.add(outcome)
        for _ in range(100):  # a late one would arrive here
            pass
    assert outcomes <= {"passed", "in time"}


def test_time_in_which_others_have_the_cpu_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    monkeypatch.setattr("helpers.deadline.process_time", lambda: time.monotonic() * 0.2)
    with pytest.raises(DeadlinePassed), busy_deadline(0.2):
        while True:  # as if it had a fifth of a CPU
            pass
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("share", [0.0, 1.0, 4.0])
def test_a_wait_counts_in_full_and_so_does_who_has_the_cpu(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[float] = []
    monkeypatch.setattr("helpers.deadline.process_time", lambda: time.monotonic() * share)
    monkeypatch.setattr(busy_deadline, "_show", lambda self: passed.append(time.monotonic()))
    began = time.monotonic()
    with pytest.raises(DeadlinePassed), busy_deadline(0.4):
        while True:
            pass
    assert 0.4 <= passed[0] - began < 2.0


def test_the_inner_of_two_deadlines_may_pass_alone() -> None:
    with deadline(30):
        with pytest.raises(DeadlinePassed, match=r"0\.1 s"), deadline(0.1):
            time.sleep(60)
        assert "this still runs"


def test_the_outer_of_two_deadlines_ends_the_inner_block() -> None:
    with pytest.raises(DeadlinePassed, match=r"0\.1 s"), deadline(0.1), deadline(30):
        time.sleep(60)


def test_the_outer_deadline_still_comes_after_the_inner_one() -> None:
    with pytest.raises(DeadlinePassed, match=r"0\.3 s"), deadline(0.3):
        with suppress(DeadlinePassed), deadline(0.1):
            time.sleep(60)
        time.sleep(60)


@pytest.mark.parametrize("in_the_main_thread", [True, False])
def test_a_program_that_swallows_every_exception_for_ever_is_ended(
    in_the_main_thread: bool,
) -> None:
    ended = []

    def swallows() -> None:
        with pytest.raises(DeadlinePassed), deadline(0.1):
            while True:
                with suppress(Exception):
                    while True:
                        time.sleep(0.01)
        ended.append(True)

    if in_the_main_thread:
        swallows()
    else:
        thread = threading.Thread(target=swallows, daemon=True)
        thread.start()
        thread.join(10)
    assert ended


@needs_signals
def test_the_learner_can_still_interrupt() -> None:
    me = threading.main_thread().ident or 0
    with pytest.raises(KeyboardInterrupt), deadline(30):
        threading.Timer(0.1, signal.pthread_kill, (me, signal.SIGINT)).start()
        time.sleep(60)


def test_an_interrupt_ends_the_threads_of_the_block() -> None:
    reader = threading.Thread(target=queue.Queue().get)
    with pytest.raises(KeyboardInterrupt), deadline(30):
        reader.start()
        raise KeyboardInterrupt
    reader.join(5)
    assert not reader.is_alive()


def test_it_works_in_a_thread_that_is_not_the_main_one() -> None:
    outcome: list[BaseException | str] = []

    def body() -> None:
        try:
            with deadline(0.2):
                queue.Queue().get()
        except TimeoutError as error:
            outcome.append(error)
        outcome.append("the thread goes on")

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(20)
    assert str(outcome[0]) == "the block had not ended after 0.2 s."
    assert outcome[1:] == ["the thread goes on"]


def test_a_block_at_an_await_is_cancelled() -> None:
    async def body() -> str:
        with pytest.raises(DeadlinePassed), deadline(0.2):
            await asyncio.sleep(3600)
        await asyncio.sleep(0)
        return "the loop lives"

    assert asyncio.run(body()) == "the loop lives"


def test_ipython_shows_one_sentence() -> None:
    error = DeadlinePassed("the block had not ended after 2 s.")
    assert error._render_traceback_() == [f"DeadlinePassed: {error}"]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "2", None, True])
def test_seconds_must_be_a_number_above_zero(seconds: Any) -> None:
    with pytest.raises(ValueError, match="seconds must be a number above 0, not"):
        deadline(seconds)


def test_a_busy_loop_does_not_make_the_error_miss_its_block() -> None:
    """In Python 3.12 and 3.13 an error raised at the jump back of such a loop skips its `with`."""
    tracer = sys.gettrace()
    for _ in range(20):
        left = False
        with pytest.raises(DeadlinePassed), deadline(0.005):
            try:
                until = time.perf_counter() + 60
                while time.perf_counter() < until:
                    pass
            finally:
                left = True
        assert left
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert sys.gettrace() is tracer


def test_a_finalizer_is_not_broken_off() -> None:
    over = []

    class Slow:
        def __del__(self) -> None:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                time.sleep(0.01)
            over.append(True)

    with pytest.raises(DeadlinePassed), deadline(0.2):
        Slow()
        threading.Event().wait()
    assert over == [True]
