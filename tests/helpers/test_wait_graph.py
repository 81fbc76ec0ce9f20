"""The picture says who stands where, on which line, and whom they wait for."""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helpers.ending import raise_in, wait_graph

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def stood_still(threads: list[threading.Thread]) -> list[wait_graph.Waiter]:
    """Their picture, once two looks in a row agree."""
    last, before = time.monotonic() + 10, None
    while (now := wait_graph.picture(threads)) != before:
        assert time.monotonic() < last, f"still moving: {now}"
        before = now
        time.sleep(0.05)
    return now


Start = Callable[[Callable[[], Any], str], threading.Thread]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a thread that is ended after the test."""
    started = []

    def starter(target: Callable[[], Any], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        started.append(thread)
        thread.start()
        return thread

    yield starter
    for thread in started:
        raise_in(thread, SystemExit)
    last = time.monotonic() + 10
    while alive := [thread for thread in started if thread.is_alive()]:
        assert time.monotonic() < last, f"cannot be ended: {alive}"
        for thread in alive:
            wait_graph.release(thread)
        alive[0].join(0.1)


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()


lock, reentrant, box, account = threading.Lock(), threading.RLock(), queue.Queue[int](), Account()


@pytest.fixture(autouse=True)
def fresh_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that was ended may have kept the lock of another test."""
    monkeypatch.setitem(globals(), "lock", threading.Lock())
    monkeypatch.setitem(globals(), "account", Account())
    monkeypatch.setitem(globals(), "box", queue.Queue[int]())


def acquires() -> None:
    lock.acquire()


def enters() -> None:
    with lock:
        pass


def enters_two() -> None:
    with reentrant, lock:
        pass


def enters_an_attribute() -> None:
    with account.lock:
        pass


def gets() -> None:
    box.get()


def waits_for_an_event() -> None:
    threading.Event().wait()


def sleeps() -> None:
    for _ in range(600):
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("target", "call", "source"),
    [
        (acquires, "lock.acquire()", "lock.acquire()"),
        (enters, "with lock", "with lock:"),
        (enters_two, "with lock", "with reentrant, lock:"),
        (enters_an_attribute, "with account.lock", "with account.lock:"),
        (gets, "Queue.get", "box.get()"),
        (waits_for_an_event, "Event.wait", "threading.Event().wait()"),
        (sleeps, "time.sleep(0.1)", "time.sleep(0.1)"),
    ],
)
def test_it_names_the_call_and_the_line(
    start: Start, target: Callable[[], None], call: str, source: str
) -> None:
    with lock, account.lock:
        thread = start(target, "someone")
        (wait,) = stood_still([thread])
        assert (wait.lane, wait.call, wait.source) == ("someone", call, source)
        line = target.__code__.co_firstlineno
        assert wait.where.startswith(f"at {target.__name__}, line ")
        assert line < int(wait.where.split()[-1].strip(":")) <= line + 3
        assert str(wait).startswith(f"someone waits in {call}, at {target.__name__}, line ")


def test_a_target_of_the_library_is_named_itself(start: Start) -> None:
    (wait,) = stood_still([start(box.get, "reader")])
    assert str(wait) == "reader waits in Queue.get, its target"
    (wait,) = stood_still([start(functools.partial(sleeps), "other")])
    assert wait.call == "time.sleep(0.1)"


def test_a_join_points_to_the_thread_that_is_joined(start: Start) -> None:
    reader = start(gets, "reader")
    (wait,) = stood_still([start(lambda: reader.join(), "boss")])
    assert (wait.call, wait.on) == ("Thread.join", "reader")
    assert str(wait).endswith("\n    boss → reader")


def test_an_rlock_points_to_its_owner(start: Start) -> None:
    def needs_it() -> None:
        with reentrant:
            pass

    with reentrant:
        (wait,) = stood_still([start(needs_it, "second")])
        assert wait.on == "the main thread"


def test_somebody_who_computes_does_not_wait(start: Start) -> None:
    ended = threading.Event()

    def computes() -> None:
        n = 0
        while not ended._flag:  # type: ignore[attr-defined]
            n += 1

    thread = start(computes, "busy")
    (wait,) = wait_graph.picture([thread])
    ended.set()
    assert "waits" not in str(wait)


def test_the_main_thread_is_called_so() -> None:
    (wait,) = wait_graph.picture([threading.main_thread()])
    assert wait.lane == "the main thread"


def test_threads_that_ended_are_left_out() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    assert wait_graph.picture([thread]) == []


def test_a_pool_thread_is_idle_until_it_gets_work() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        (worker,) = (t for t in threading.enumerate() if t.name.startswith("ThreadPool"))
        stood_still([worker])
        assert wait_graph.idle(worker)
        pool.submit(threading.Event().wait, 2)
        (wait,) = stood_still([worker])
        assert not wait_graph.idle(worker)
        assert (wait.call, wait.where) == ("Event.wait", "its target")


@pytest.mark.parametrize("lock", [threading.Lock, lambda: threading.Condition(threading.Lock())])
def test_release_ends_a_wait_for_a_lock_and_for_that_of_a_condition(
    start: Start, lock: Callable[[], Any]
) -> None:
    mine = lock()
    mine.acquire()

    def waits_for_it() -> None:
        with mine:
            pass

    thread = start(waits_for_it, "waiting")
    stood_still([thread])
    wait_graph.release(thread)
    thread.join(5)
    assert not thread.is_alive()
