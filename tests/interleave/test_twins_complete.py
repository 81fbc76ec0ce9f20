"""A twin has every name of what it stands for, or refuses it by that name."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from threading import Condition, Event, Lock, Semaphore, Thread
from typing import Any

import pytest

from helpers.interleave import Refused, explore
from helpers.interleave.hooks import hooks
from helpers.interleave.step import Task
from helpers.interleave.threads import Main

REAL: dict[str, Callable[[], Any]] = {
    "Lock": threading.Lock,
    "RLock": threading.RLock,
    "Condition": threading.Condition,
    "Semaphore": threading.Semaphore,
    "BoundedSemaphore": threading.BoundedSemaphore,
    "Event": threading.Event,
    "Barrier": lambda: threading.Barrier(1),
    "Thread": lambda: threading.Thread(target=int),
    "Timer": lambda: threading.Timer(1, int),
    "main_thread": threading.main_thread,
    "Queue": queue.Queue,
    "LifoQueue": queue.LifoQueue,
    "PriorityQueue": queue.PriorityQueue,
    "SimpleQueue": queue.SimpleQueue,
    "Future": Future,
    "ThreadPoolExecutor": lambda: ThreadPoolExecutor(1),
}
TWINS: dict[str, Callable[[], Any]] = {
    "Lock": lambda: hooks.twin(threading.Lock)(),
    "RLock": lambda: hooks.twin(threading.RLock)(),
    "Condition": lambda: hooks.twin(threading.Condition)(),
    "Semaphore": lambda: hooks.twin(threading.Semaphore)(),
    "BoundedSemaphore": lambda: hooks.twin(threading.BoundedSemaphore)(),
    "Event": lambda: hooks.twin(threading.Event)(),
    "Barrier": lambda: hooks.twin(threading.Barrier)(1),
    "Thread": lambda: hooks.twin(threading.Thread)(target=int),
    "Timer": lambda: hooks.twin(threading.Timer)(1, int),
    "main_thread": lambda: Main(Task(0, int, None)),
    "Queue": lambda: hooks.twin(queue.Queue)(),
    "LifoQueue": lambda: hooks.twin(queue.LifoQueue)(),
    "PriorityQueue": lambda: hooks.twin(queue.PriorityQueue)(),
    "SimpleQueue": lambda: hooks.twin(queue.SimpleQueue)(),
    "Future": lambda: hooks.twin(Future)(),
    "ThreadPoolExecutor": lambda: hooks.twin(ThreadPoolExecutor)(1),
}


def together(*functions: Callable[[], object]) -> None:
    threads = [Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("kind", REAL)
def test_every_public_name_is_there(kind: str) -> None:
    twin = TWINS[kind]()
    inner = {"BROKEN", "prepare_context"} if kind == "ThreadPoolExecutor" else set()  # since 3.14
    names = {name for name in dir(REAL[kind]()) if not name.startswith("_")} - inner
    assert names <= set(dir(twin))
    odd = ("shutdown", "join", "full", "task_done", "mutex", "not_empty")  # of the base only
    assert kind != "SimpleQueue" or not any(hasattr(twin, name) for name in odd)


@pytest.mark.parametrize("kind", REAL)
def test_every_private_name_is_there_or_refused_by_its_name(kind: str) -> None:
    make = TWINS[kind]
    for name in dir(REAL[kind]()):
        if name.startswith("__") or name in dir(make()):
            continue

        def program(name: str = name) -> None:
            getattr(make(), name)

        with pytest.raises(Refused, match=rf"line \d+: \w+\.{name} is"):
            explore(program)


@pytest.mark.parametrize("kind", REAL)
def test_every_twin_says_how_it_differs(kind: str) -> None:
    words = type(TWINS[kind]()).__doc__
    assert words is not None
    assert words.split("\n")[0].endswith((".", ";"))


@pytest.mark.parametrize("module", [threading, queue])
def test_every_public_function_of_a_module_has_a_twin_or_is_harmless(module: Any) -> None:
    harmless = {"ThreadError", "TIMEOUT_MAX", "BrokenBarrierError", "ExceptHookArgs", "local",
                "Empty", "Full", "ShutDown"}  # fmt: skip
    twins = hooks.twin(module).names
    public = {*module.__all__, *(n for n in ("settrace", "setprofile") if hasattr(module, n))}
    assert public - harmless <= set(twins)


@pytest.mark.parametrize("kind", REAL)
def test_a_twin_is_a_key_and_can_be_referred_to_weakly(kind: str) -> None:
    twin = TWINS[kind]()
    assert {twin: 1}[twin] == 1
    assert weakref.ref(twin)() is twin


# ------------------------------------------------------------------- by hand


def a_future_announced_twice() -> object:
    future: Future[int] = Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_running_or_notify_cancel()
    except RuntimeError as error:
        return str(error)
    return None


def a_future_cancelled_and_told() -> object:
    future: Future[int] = Future()
    seen: list[bool] = []
    future.add_done_callback(lambda it: seen.append(it.cancelled()))
    told = future.cancel(), future.set_running_or_notify_cancel(), future.cancelled()
    try:
        future.set_result(1)
    except InvalidStateError:
        return told, seen
    return None


def a_callback_in_the_thread_that_sets() -> object:
    future: Future[int] = Future()
    seen: list[bool] = []
    setter = Thread(target=lambda: future.set_result(1))
    future.add_done_callback(lambda _: seen.append(threading.current_thread() is setter))
    setter.start()
    setter.join()
    return seen


def old_names_of_a_thread() -> object:
    thread = Thread(target=int)
    thread.setName("old")
    thread.setDaemon(True)
    return thread.getName(), thread.isDaemon(), threading.currentThread().getName()


def old_names_of_a_lock() -> object:
    lock = Lock()
    lock.acquire_lock()
    held = lock.locked_lock()
    lock.release_lock()
    return held, lock.locked()


def the_main_thread() -> object:
    seen: list[bool] = []
    main = threading.main_thread()
    together(lambda: seen.append(threading.main_thread() is main))
    return main is threading.current_thread(), seen, isinstance(main, Thread), main.name


def a_pool_looked_into() -> object:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(int)
        seen = pool._max_workers, len(pool._threads), pool._shutdown
    return seen, pool._shutdown


def a_queue_emptied_as_people_do() -> object:
    box: queue.Queue[int] = queue.Queue()
    box.put(1)
    with box.mutex:
        box.queue.clear()
        box.all_tasks_done.notify_all()
        box.unfinished_tasks = 0
    box.join()
    return box.qsize(), list(box.queue)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (a_future_announced_twice, "Future in unexpected state"),
        (a_future_cancelled_and_told, ((True, False, True), [True])),
        (a_callback_in_the_thread_that_sets, [True]),
        (old_names_of_a_thread, ("old", True, "MainThread")),
        (old_names_of_a_lock, (True, False)),
        (the_main_thread, (True, [True], True, "MainThread")),
        (a_pool_looked_into, ((2, 1, False), True)),
        (a_queue_emptied_as_people_do, (0, [])),
    ],
)
def test_it_is_as_in_cpython(program: Callable[[], object], expected: object) -> None:
    report = explore(program)
    assert set(report.counts) == {f"ok: returns {expected!r}"}
    assert report.complete
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # old names
        assert program() == expected


# ------------------------------------------------- looking into them is a step


def looking_is_not_taking() -> None:
    slots, inside = Semaphore(1), [0]

    def use() -> None:
        if slots._value:
            slots.acquire(blocking=False)
            inside[0] += 1

    together(use, use)
    assert inside[0] == 1


def a_put_waits_for_the_mutex() -> None:
    box: queue.Queue[int] = queue.Queue()
    seen: list[bool] = []

    def watch() -> None:
        with box.mutex:
            before = len(box.queue)
            seen.append(before == len(box.queue))

    together(lambda: box.put(1), watch)
    assert seen == [True]


def a_look_without_the_mutex_sees_it_change() -> None:
    box: queue.Queue[int] = queue.Queue()
    seen: list[bool] = []

    def watch() -> None:
        before = len(box.queue)
        seen.append(before == len(box.queue))

    together(lambda: box.put(1), watch)
    assert seen == [True]


def a_method_within_its_own_mutex() -> None:
    box: queue.Queue[int] = queue.Queue()
    with box.mutex:
        box.qsize()


def a_count_that_is_polled() -> None:
    box: queue.Queue[int] = queue.Queue()
    box.put(1)
    together(box.task_done, lambda: box.unfinished_tasks or 1 / 0)


def started_once() -> None:
    told: list[str] = []
    thread = Thread(target=int)

    def start() -> None:
        try:
            thread.start()
        except RuntimeError as error:
            told.append(str(error))

    together(start, start)
    assert told == ["threads can only be started once"]


def joined_too_early_by_chance() -> None:
    thread = Thread(target=int)
    early: list[int] = []

    def join() -> None:
        try:
            thread.join()
        except RuntimeError:
            early.append(1)

    together(join, thread.start)
    assert not early


def cleared_without_telling_who_waits_to_put() -> None:
    box: queue.Queue[int] = queue.Queue(1)
    box.put(1)

    def clear() -> None:
        with box.mutex:
            box.queue.clear()

    together(lambda: box.put(2), clear)


def cleared_and_told() -> None:
    box: queue.Queue[int] = queue.Queue(1)
    box.put(1)

    def clear() -> None:
        with box.mutex:
            box.queue.clear()
            box.not_full.notify()

    together(lambda: box.put(2), clear)


def counted_down_without_telling_who_joins() -> None:
    box: queue.Queue[int] = queue.Queue()
    box.put(1)

    def forget() -> None:
        with box.mutex:
            box.unfinished_tasks = 0

    together(box.join, forget)


def put_and_taken_as_ever() -> None:
    box: queue.Queue[int] = queue.Queue(1)

    def take() -> None:
        box.get()
        box.task_done()

    def give() -> None:
        box.put(1)
        box.put(2)

    together(give, take, take)
    box.join()
    assert not box.queue


class Shared(queue.Queue[int]):
    """What a subclass does inside of `put` is under the queue's lock, and under no other."""

    def _init(self, maxsize: int) -> None:
        self.queue = []
        self.puts = 0

    def _qsize(self) -> int:
        return len(self.queue)

    def _put(self, item: int) -> None:
        self.queue.append(item)
        self.puts += 1

    def _get(self) -> int:
        return self.queue.pop()


def two_puts_of_a_subclass() -> None:
    box = Shared(3)
    together(lambda: box.put(1), lambda: box.put(2), lambda: box.get())
    assert box.puts == 2


def a_subclass_changed_from_outside() -> None:
    box = Shared()

    def outside() -> None:
        box.puts += 1

    together(lambda: box.put(1), outside)
    assert box.puts == 2


def a_subclass_changed_under_its_mutex() -> None:
    box = Shared()

    def outside() -> None:
        with box.mutex:
            box.puts += 1

    together(lambda: box.put(1), outside)
    assert box.puts == 2


class Logged(queue.Queue[int]):
    lock: Any = None

    def _put(self, item: int) -> None:
        with self.lock:
            super()._put(item)


def a_lock_within_a_put() -> None:
    box = Logged()
    box.lock = Lock()

    def other() -> None:
        with box.lock:
            pass

    together(lambda: box.put(1), other)
    assert box.get() == 1


def a_lock_within_a_put_that_is_taken_around_it_too() -> None:
    box = Logged()
    box.lock = Lock()

    def other() -> None:
        with box.lock:
            box.qsize()

    together(lambda: box.put(1), other)


class Broken(queue.Queue[int]):
    def _put(self, item: int) -> None:
        raise ValueError(item)


def a_put_that_fails_lets_go_of_the_mutex() -> None:
    box = Broken()
    try:
        box.put(1)
    except ValueError:
        assert box.qsize() == box.unfinished_tasks == 0


def a_condition_looked_into() -> None:
    ready, condition = [0], Condition()

    def wait() -> None:
        with condition:
            while not ready[0]:
                condition.wait()

    def wake() -> None:
        with condition:
            ready[0] = 1
            if condition._waiters:  # type: ignore[attr-defined]
                condition.notify()

    together(wait, wake)


def a_flag_looked_at() -> None:
    flag, seen = Event(), [0]

    def look() -> None:
        seen[0] = flag._flag + flag._flag  # type: ignore[attr-defined]

    together(flag.set, look)
    assert seen[0] != 1


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        (looking_is_not_taking, "race"),
        (a_put_waits_for_the_mutex, "ok"),
        (a_look_without_the_mutex_sees_it_change, "race"),
        (a_method_within_its_own_mutex, "deadlock"),
        (a_count_that_is_polled, "exception"),
        (started_once, "ok"),
        (joined_too_early_by_chance, "race"),
        (cleared_without_telling_who_waits_to_put, "deadlock"),
        (cleared_and_told, "ok"),
        (counted_down_without_telling_who_joins, "deadlock"),
        (put_and_taken_as_ever, "ok"),
        (two_puts_of_a_subclass, "ok"),
        (a_subclass_changed_from_outside, "race"),
        (a_subclass_changed_under_its_mutex, "ok"),
        (a_lock_within_a_put, "ok"),
        (a_lock_within_a_put_that_is_taken_around_it_too, "deadlock"),
        (a_put_that_fails_lets_go_of_the_mutex, "ok"),
        (a_condition_looked_into, "ok"),
        (a_flag_looked_at, "race"),
    ],
)
@pytest.mark.parametrize("every", [False, True])
def test_what_people_look_into_is_followed(
    program: Callable[[], object], verdict: str, every: bool
) -> None:
    report = explore(program, every=every)
    assert (report.verdict, report.complete) == (verdict, True)


# ---------------------------------------------------------------- excepthook


def an_error_that_is_seen_to() -> object:
    seen: list[Any] = []
    threading.excepthook = lambda args: seen.append(
        (args.exc_type, args.thread and args.thread.name, args.thread is threading.current_thread())
    )
    thread = Thread(target=lambda: int("x"), name="T")
    thread.start()
    thread.join()
    return [(kind.__name__, *rest) for kind, *rest in seen]


def an_error_after_the_hook_is_put_back() -> None:
    before = threading.excepthook
    threading.excepthook = lambda args: None
    threading.excepthook = before
    together(lambda: int("x"))


def an_error_handed_on() -> None:
    threading.excepthook = lambda args: threading.__excepthook__(args)
    together(lambda: int("x"))


def a_hook_that_counts_without_a_lock() -> None:
    count = [0]

    def hook(args: Any) -> None:
        count[0] += 1

    threading.excepthook = hook
    together(lambda: int("x"), lambda: int("y"))
    assert count == [2]


def an_error_and_no_hook() -> None:
    together(lambda: int("x"))


def a_hook_that_comes_too_late() -> None:
    def late() -> None:
        threading.excepthook = lambda args: None

    together(late, lambda: int("x"))


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        (an_error_that_is_seen_to, "ok"),
        (an_error_after_the_hook_is_put_back, "exception"),
        (an_error_handed_on, "exception"),
        (a_hook_that_counts_without_a_lock, "race"),
        (a_hook_that_comes_too_late, "exception"),
    ],
)
def test_a_hook_of_the_program_sees_to_errors_of_threads(
    program: Callable[[], object], verdict: str
) -> None:
    before = threading.excepthook
    report = explore(program)
    assert report.verdict == verdict
    assert threading.excepthook is before
    assert explore(an_error_and_no_hook).verdict == "exception"  # each run begins without


def test_a_hook_is_told_what_cpython_tells() -> None:
    report = explore(an_error_that_is_seen_to)
    assert set(report.counts) == {"ok: returns [('ValueError', 'T', True)]"}


# ------------------------------------------------------------------- refused


def a_module_that_is_changed() -> None:
    threading.Lock = Event  # type: ignore[assignment]


def threads_that_are_traced() -> None:
    threading.settrace(lambda *_: None)


def a_wait_for_a_queues_condition() -> None:
    box: queue.Queue[int] = queue.Queue()
    with box.not_empty:
        box.not_empty.wait()


def a_value_that_is_set() -> None:
    slots = Semaphore(0)
    slots._value = 1


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (a_value_that_is_set, r"Semaphore\._value is set to 1: acquire\(\) or release\(\)"),
        (a_module_that_is_changed, r"threading\.Lock is changed: use a name of your own"),
        (threads_that_are_traced, r"threading\.settrace follows the threads"),
        (a_wait_for_a_queues_condition, r"a wait for Queue\.not_empty is not followed: use put"),
    ],
)
def test_what_is_not_followed_is_refused_with_its_line(
    program: Callable[[], object], words: str
) -> None:
    last = max(line or 0 for _, _, line in program.__code__.co_lines())
    with pytest.raises(Refused, match=words) as caught:
        explore(program)
    line = int(str(caught.value).split(":")[0].removeprefix("line "))
    assert program.__code__.co_firstlineno < line <= last
    assert threading.Lock is not Event
