"""What CPython's own tests do not ask of the twins: pools, conditions, what may happen at all.

Each program is explored; the outcomes are those that the real thing can have,
all of them and no others.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    CancelledError,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    TimeoutError,
    as_completed,
    wait,
)
from threading import Barrier, BrokenBarrierError, Condition, Event, Lock, RLock, Thread, Timer
from typing import Any

import pytest
from programs_told import together

from helpers.interleave import explore

SOON = 0.001  # seconds; to the explorer it makes no difference how long
EXPECTED: dict[Callable[[], object], set[str]] = {}


def outcomes(*expected: object) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """What the decorated program may return, under one schedule or another; or other outcomes."""

    def register(program: Callable[[], object]) -> Callable[[], object]:
        EXPECTED[program] = {
            each[1:] if isinstance(each, str) and each[:1] == "!" else f"ok: returns {each!r}"
            for each in expected
        }
        return program

    return register


# ------------------------------------------------------------------------ locks


@outcomes("release unlocked lock")
def a_lock_that_is_free_cannot_be_released() -> object:
    try:
        Lock().release()
    except RuntimeError as error:
        return str(error)
    return "released"


@outcomes([1])
def a_thread_is_started_once_whoever_starts_it() -> object:
    thread, late = Thread(target=int), []

    def start() -> None:
        try:
            thread.start()
        except RuntimeError:
            late.append(1)

    together(start, start)
    return late


@outcomes([1])
def a_future_is_set_once_whoever_sets_it() -> object:
    future: Future[int] = Future()
    late: list[int] = []

    def offer(value: int) -> None:
        try:
            future.set_result(value)
        except InvalidStateError:
            late.append(1)

    together(lambda: offer(1), lambda: offer(2))
    return late


@outcomes(0, 1)
def whoever_holds_the_mutex_of_a_queue_sees_it_stand_still() -> object:
    box: queue.Queue[int] = queue.Queue()
    seen: list[int] = []

    def watch() -> None:
        with box.mutex:
            seen.append(len(box.queue))
            seen.append(len(box.queue))

    together(lambda: box.put(1), watch)
    return seen[0] if seen[0] == seen[1] else "changed"


@outcomes("!deadlock", "!ok")
def a_queue_that_is_emptied_by_hand_wakes_nobody() -> None:
    box: queue.Queue[int] = queue.Queue(1)
    box.put(1)

    def clear() -> None:
        with box.mutex:
            box.queue.clear()

    together(lambda: box.put(2), clear)


@outcomes([1, 1])
def an_error_of_a_thread_goes_to_the_programs_own_hook() -> object:
    seen: list[int] = []
    threading.excepthook = lambda args: seen.append(1)
    together(lambda: int("x"), lambda: int("y"))
    return seen


@outcomes([1, 1], [0, 1])
def a_time_out_of_a_lock_may_pass_only_while_it_is_held() -> object:
    lock, got = Lock(), []

    def work() -> None:
        if lock.acquire(timeout=SOON):
            got.append(1)
            lock.release()
        else:
            got.append(0)

    together(work, work)
    return sorted(got)


@outcomes(True)
def a_wait_takes_a_recursive_lock_again_as_often_as_it_held_it() -> object:
    ready = Condition(RLock())
    told: list[str] = []

    def waiter() -> None:
        with ready, ready:
            while not told:
                ready.wait()
        told.append("left")

    def teller() -> None:
        with ready:
            told.append("told")
            ready.notify()

    together(waiter, teller)
    return ready.acquire(blocking=False)


@outcomes(True, False)
def a_notification_wakes_any_one_of_those_that_wait() -> object:
    ready, inside, woken = Condition(), [], []

    def waiter(name: str) -> None:
        with ready:
            inside.append(name)
            ready.wait()
            woken.append(name)

    for name in "BC":
        Thread(target=waiter, args=name, daemon=True).start()
    while len(inside) < 2:
        pass
    with ready:
        ready.notify()
    while not woken:
        pass
    return woken[0] == inside[0]


@outcomes(False)
def a_notification_is_not_for_a_wait_that_comes_later() -> object:
    ready = Condition()
    inside: list[str] = []

    def waiter() -> None:
        with ready:
            inside.append("B")
            ready.wait()

    Thread(target=waiter, daemon=True).start()
    while not inside:
        pass
    with ready:
        ready.notify()
        return ready.wait(SOON)


@outcomes(["told", "woken"], "!deadlock")
def a_notification_is_lost_on_a_wait_whose_time_out_is_over() -> object:
    ready = Condition()
    log: list[str] = []

    def patient() -> None:
        with ready:
            if not log:
                ready.wait()
            log.append("woken")

    def hasty() -> None:
        with ready:
            if not log and ready.wait(SOON):
                ready.notify()  # passed on: it was not for this one

    def teller() -> None:
        with ready:
            log.append("told")
            ready.notify()

    together(patient, hasty, teller)
    return log


@outcomes("not yet", "set")
def a_wait_for_an_event_that_is_cleared_at_once_is_woken() -> object:
    event, seen = Event(), ["not yet"]

    def waiter() -> None:
        event.wait()
        seen[0] = "set"

    thread = Thread(target=waiter, daemon=True)
    thread.start()
    event.set()
    event.clear()
    return seen[0]


@outcomes(["broken", "broken"], ["passed", "passed"])
def a_time_out_at_a_barrier_breaks_it_for_all() -> object:
    barrier, ended = Barrier(2), []

    def work(timeout: float | None) -> None:
        try:
            barrier.wait(timeout)
            ended.append("passed")
        except BrokenBarrierError:
            ended.append("broken")

    together(lambda: work(SOON), lambda: work(None))
    return sorted(ended)


@outcomes("ran", "cancelled")
def a_timer_is_cancelled_in_time_or_not() -> object:
    ran: list[str] = []
    timer = Timer(SOON, ran.append, ["ran"])
    timer.start()
    timer.cancel()
    timer.join()
    return ran[0] if ran else "cancelled"


@outcomes("ended")
def a_join_waits_for_the_end() -> object:
    log: list[str] = []
    thread = Thread(target=log.append, args=["ended"])
    thread.start()
    thread.join()
    return "".join(log)


@outcomes(True, False)
def a_join_with_a_time_out_ends_before_its_thread_or_after() -> object:
    lock = Lock()

    def work() -> None:
        with lock:
            pass

    thread = Thread(target=work)
    thread.start()
    with lock:
        pass
    thread.join(0)
    return thread.is_alive()


# ----------------------------------------------------------------------- queues


@outcomes(["empty"], [1])
def a_time_out_of_a_queue_may_pass_only_while_it_is_empty() -> object:
    jobs: queue.Queue[int] = queue.Queue()
    got: list[object] = []

    def get() -> None:
        try:
            got.append(jobs.get(timeout=SOON))
        except queue.Empty:
            got.append("empty")

    together(get, lambda: jobs.put(1))
    return got


@outcomes(1)
def a_queue_of_one_holds_one() -> object:
    jobs: queue.Queue[int] = queue.Queue(1)
    most = [0]

    def put() -> None:
        for number in range(2):
            jobs.put(number)
            most[0] = max(most[0], jobs.qsize())

    def get() -> None:
        for _ in range(2):
            jobs.get()

    together(put, get)
    return most[0] or 1


@outcomes(["ran", "joined"])
def a_join_of_a_queue_waits_for_the_work_and_not_for_the_get() -> object:
    jobs: queue.Queue[int] = queue.Queue()
    log = []

    def work() -> None:
        jobs.get()
        log.append("ran")
        jobs.task_done()

    thread = Thread(target=work)
    thread.start()
    jobs.put(1)
    jobs.join()
    log.append("joined")
    thread.join()
    return log


# ------------------------------------------------------------------------ pools


@outcomes([0, 1, 4])
def a_map_gives_results_in_the_order_of_the_calls() -> object:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda n: n * n, range(3)))


@outcomes(["a", "b"], ["b", "a"])
def futures_complete_in_any_order() -> object:
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(str, name) for name in "ab"]
        return [future.result() for future in as_completed(made)]


@outcomes(["a", "b"])
def one_worker_takes_calls_in_the_order_in_which_they_came() -> object:
    log: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(log.append, "a")
        pool.submit(log.append, "b")
    return log


@outcomes(1)
def at_most_as_many_calls_run_at_once_as_there_are_workers() -> object:
    lock, inside, most = Lock(), 0, 0

    def call() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1

    with ThreadPoolExecutor(1) as pool:
        pool.submit(call)
        pool.submit(call)
    return most


@outcomes(["ValueError: no", "ValueError('no')"])
def what_a_call_raises_comes_out_of_its_future() -> object:
    def call() -> None:
        raise ValueError("no")

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        try:
            future.result()
        except ValueError as error:
            return [f"ValueError: {error}", repr(future.exception())]
    return []


@outcomes([True, "cancelled", True], [False, "ran", False])
def only_a_call_that_has_not_begun_can_be_cancelled() -> object:
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(str, "ran")
        cancelled = future.cancel()
        try:
            return [cancelled, future.result(), future.cancelled()]
        except CancelledError:
            return [cancelled, "cancelled", future.cancelled()]


@outcomes([], ["ran"])
def a_shutdown_can_cancel_what_has_not_begun() -> object:
    ran: list[str] = []
    pool = ThreadPoolExecutor(1)
    pool.submit(ran.append, "ran")
    pool.shutdown(cancel_futures=True)
    return list(ran)


@outcomes(["ran"])
def a_shutdown_waits_for_all_calls() -> object:
    ran: list[str] = []
    pool = ThreadPoolExecutor(1)
    pool.submit(ran.append, "ran")
    pool.shutdown()
    return list(ran)


@outcomes("refused")
def a_pool_that_is_shut_down_takes_no_calls() -> object:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    try:
        pool.submit(str)
    except RuntimeError:
        return "refused"
    return "taken"


@outcomes(3)
def a_pool_that_is_left_open_is_no_deadlock() -> object:
    return ThreadPoolExecutor(1).submit(int, "3").result()


@outcomes("!deadlock")
def a_call_that_waits_for_a_call_behind_it_never_ends() -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: pool.submit(int, "3").result()).result()


@outcomes(["told", 3])
def what_a_callback_raises_is_nobodys_concern() -> object:
    log: list[object] = []

    def told(future: Future[int]) -> None:
        log.append("told")
        raise ValueError

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(int, "3")
        future.add_done_callback(told)
    return [*log, future.result()]


@outcomes([1, 1], [2, 0])
def a_wait_for_the_first_may_find_more() -> object:
    with ThreadPoolExecutor(2) as pool:
        done, left = wait([pool.submit(str) for _ in "ab"], return_when=FIRST_COMPLETED)
        return [len(done), len(left)]


@outcomes([1, 1], [2, 0])
def a_wait_for_an_exception_ends_with_the_first_that_there_is() -> object:
    def call() -> None:
        raise ValueError

    with ThreadPoolExecutor(1) as pool:
        made: list[Future[Any]] = [pool.submit(call), pool.submit(str)]
        done, left = wait(made, return_when=FIRST_EXCEPTION)
        return [len(done), len(left)]


@outcomes([2, 0])
def a_wait_waits_for_all_where_nothing_else_is_said() -> object:
    with ThreadPoolExecutor(2) as pool:
        done, left = wait([pool.submit(str) for _ in "ab"])
        return [len(done), len(left)]


@outcomes([0, 1], [1, 0])
def a_wait_with_a_time_out_may_find_nothing() -> object:
    with ThreadPoolExecutor(1) as pool:
        done, left = wait([pool.submit(str)], timeout=SOON)
        return [len(done), len(left)]


@outcomes("late", "1")
def a_result_may_come_too_late() -> object:
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(str, 1).result(timeout=SOON)
        except TimeoutError:
            return "late"


@outcomes("late", "1")
def the_next_that_completes_may_come_too_late() -> object:
    with ThreadPoolExecutor(1) as pool:
        try:
            return next(as_completed([pool.submit(str, 1)], timeout=SOON)).result()
        except TimeoutError:
            return "late"


@outcomes(["no", 0], ["no", 0, 1])
def a_map_cancels_what_comes_after_a_failure() -> object:
    ran: list[object] = []

    def call(number: int) -> None:
        ran.append(number)
        if number == 0:
            raise ValueError("no")

    with ThreadPoolExecutor(1) as pool:
        try:
            list(pool.map(call, range(2)))
        except ValueError as error:
            why = str(error)
    return [why, *ran]


@outcomes(["pool_0", "pool_0"])
def threads_are_started_only_while_none_is_idle() -> object:
    with ThreadPoolExecutor(2, "pool") as pool:
        first = pool.submit(lambda: threading.current_thread().name).result()
        time.sleep(SOON)
        return [first, "pool_0"]


@pytest.mark.parametrize("program", EXPECTED, ids=lambda program: program.__name__)
def test_the_outcomes_are_those_of_the_real_thing(program: Callable[[], object]) -> None:
    report = explore(program)
    assert report.complete
    assert set(report.counts) == EXPECTED[program]
