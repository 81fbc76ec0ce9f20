"""What the explorer says of a program that fails: the wait, the look, the call that decided."""

# mypy: check-untyped-defs=False

from __future__ import annotations

import enum
import fnmatch
import importlib
import json
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from programs_told import together

from helpers.interleave import explore, not_followed, replay
from helpers.interleave import program as follows
from helpers.interleave.report import ASLEEP, NOTIFIED, Schedule
from helpers.interleave.told.lanes import LOOKS, Lanes, moments, operation
from helpers.interleave.told.why import failing, woken

Program = Callable[[], object]


def failing_schedule(program: Program) -> Schedule:
    schedule = explore(program).schedule
    assert schedule is not None
    return schedule


# ------------------------------------------------------------------- deadlocks


def nobody_says_done():
    todo = queue.Queue()

    def work():
        while True:
            todo.get()

    threading.Thread(target=work, daemon=True).start()
    todo.put(1)
    todo.join()


def joins_a_daemon_that_never_ends():
    todo = queue.Queue()

    def work():
        while True:
            todo.get()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    todo.put(1)
    worker.join()


def idle_daemon_beside():
    bell, gate = threading.Event(), threading.Event()

    def idle():
        while True:
            bell.wait()
            bell.clear()

    threading.Thread(target=idle, daemon=True).start()
    together(lambda: gate.wait())


def set_and_cleared():
    ready, items, got = threading.Event(), [], []

    def produce():
        items.append(1)
        ready.set()

    def consume():
        while not items:
            ready.clear()
            ready.wait()
        got.append(items.pop())

    together(consume, produce)


def notified_too_early():
    changed = threading.Condition()

    def wait():
        with changed:
            changed.wait()

    def notify():
        with changed:
            changed.notify()

    together(wait, notify)


def notified_once_for_two():
    changed, ready = threading.Condition(), []

    def wait():
        with changed:
            while not ready:
                changed.wait()

    def notify():
        with changed:
            ready.append(1)
            changed.notify()

    together(wait, wait, notify)


def kept_by_the_dead():
    lock = threading.Lock()

    def take():
        lock.acquire()

    def use():
        with lock:
            pass

    together(take, use)


def waits_for_itself():
    lock = threading.Lock()

    def twice():
        with lock, lock:
            pass

    together(twice, twice)


def join_each_other():
    threads = []
    targets = [lambda: threads[1].join(), lambda: threads[0].join()]
    threads.extend(threading.Thread(target=target) for target in targets)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def too_few_at_the_barrier():
    gate = threading.Barrier(3)
    together(lambda: gate.wait(), lambda: gate.wait())


DEADLOCKS: dict[Program, str] = {
    nobody_says_done: "main waits in todo.join(), and no running thread is left to call "
    "todo.task_done().",
    joins_a_daemon_that_never_ends: "main waits for A to end. A waits for todo, and no running "
    "thread is left to wake it.",
    idle_daemon_beside: "B waits for gate, and no running thread is left to wake it.",
    set_and_cleared: "A waits for ready, and no running thread is left to wake it. B set it at "
    "step 3, but A cleared it at step 4, before A waited.",
    notified_too_early: "A waits for changed, and no running thread is left to wake it. B notified "
    "it at step 2, before A waited: nobody was waiting then, so that was lost.",
    notified_once_for_two: "B waits for changed, and no running thread is left to wake it. "
    "C notified it at step 9, and that woke only A.",
    kept_by_the_dead: "B waits for lock, which A holds, and it has ended.",
    waits_for_itself: "A waits for lock, which it holds itself. B waits for lock, which A holds.",
    join_each_other: "A waits for B to end; B waits for A to end.",
    too_few_at_the_barrier: "A and B wait for gate, and no running thread is left to wake them. "
    "Only 2 of 3 came.",
}


@pytest.mark.parametrize("program", DEADLOCKS, ids=lambda program: program.__name__)
def test_a_deadlock_is_blamed_on_the_wait_that_decides(program: Program) -> None:
    schedule = failing_schedule(program)
    assert (schedule.verdict, schedule.because) == ("deadlock", DEADLOCKS[program])
    assert len(schedule.circle) != 3, "a circle of one"


def test_threads_that_join_each_other_are_a_circle_of_threads() -> None:
    assert "\nA → B → A" in str(failing_schedule(join_each_other))


# -------------------------------------------------------------- races, exceptions


class Stack:
    def __init__(self):
        self._items = [1]

    def pop(self):
        if len(self._items) == 0:
            return None
        return self._items.pop()


def looks_through_len():
    stack = Stack()
    together(lambda: stack.pop(), lambda: stack.pop())


_pool: list[int] = []


def a_name_of_ones_own():
    _pool.append(1)

    def take():
        if len(_pool) > 0:
            _pool.pop()

    together(take, take)


@pytest.mark.parametrize(
    ("program", "name"), [(looks_through_len, "stack._items"), (a_name_of_ones_own, "_pool")]
)
def test_a_look_through_len_is_a_look_at_what_people_named(program: Program, name: str) -> None:
    schedule = failing_schedule(program)
    assert schedule.because.startswith(
        f"A looked at {name}, then B changed it, and A went on with what it had seen."
    )
    assert f"│  {name}\n" in str(schedule)
    assert schedule.headline == "IndexError in thread A: pop from empty list"


def dies_with_the_lock():
    lock = threading.Lock()

    def careless():
        lock.acquire()
        raise ValueError("no")

    def use():
        with lock:
            pass

    together(careless, use)


def test_an_exception_is_told_with_whom_it_leaves_waiting() -> None:
    report = explore(dies_with_the_lock)
    assert str(report).startswith("exception: ValueError in thread A: no. Schedule ")
    assert report.schedule is not None
    assert report.schedule.because.endswith("B waits for lock, which A holds, and it has ended.")


class Box:
    def __init__(self):
        self.n, self.parts = 0, {"a": [0]}


def says_what_it_saw(check: Callable[[Any, list[int]], None]) -> str:
    def program():
        box, got = Box(), []

        def add():
            box.n += 1

        together(add, add)
        check(box, got)

    return failing_schedule(program).headline


def check_attribute(box, got):
    assert box.n == 2


def check_and(box, got):
    assert box.n == 2 and got == [box.n]  # noqa: PT018


def check_parts(box, got):
    assert box.parts["a"][-1] == box.n - 2


def check_call(box, got):
    assert len(got) == sum(got) + box.n - 2


def check_inside(box, got):
    assert all(n == 2 for n in [box.n])


def check_missing(box, got):
    assert box.n == 2 or got[:1] == box.parts.get("b")


def check_words(box, got):
    assert box.n == 2, f"lost: {box.n}"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (check_attribute, "box.n == 2, where box.n is 1"),
        (check_and, "box.n == 2 and got == [box.n], where box.n is 2"),
        (check_parts, "box.parts['a'][-1] == box.n - 2, where box.parts['a'][-1] is 0 and box.n "),
        (check_call, "len(got) == sum(got) + box.n - 2, where got is [] and box.n is 1"),
        (check_inside, "all((n == 2 for n in [box.n]))"),
        (check_missing, "box.n == 2 or got[:1] == box.parts.get('b'), where box.n is 1 and got "),
        (check_words, "lost: 1"),
    ],
)
def test_a_failed_assertion_says_what_it_asserted_and_what_it_saw(
    check: Callable[..., None], words: str
) -> None:
    assert says_what_it_saw(check).startswith(f"assertion failed: {words}")


def asserts_beside_others():
    x = 0

    def one():
        nonlocal x
        x = 1
        assert x == 1

    def two():
        nonlocal x
        x = 2

    together(one, two)


def test_values_that_others_may_have_changed_meanwhile_are_not_told() -> None:
    alone = failing_schedule(asserts_beside_others)
    assert alone.headline in ("assertion failed: x == 1", "assertion failed: x == 1, where x is 2")


# ----------------------------------------------------------------------- names


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


def keys_of_all_kinds():
    counts, items = {("a", 1): 0, Colour.RED: Level.LOW}, [1, 2]

    def add():
        counts["a", 1] += 1
        counts[Colour.RED] = Level.LOW
        items[-1] += 1
        items[0:1] = [5]

    together(add, add)
    assert items[-1] == 4


def test_items_are_called_as_the_program_calls_them() -> None:
    whats = {step.what for step in failing_schedule(keys_of_all_kinds).steps}
    assert {
        "counts[('a', 1)] = 1",
        "counts[Colour.RED] = Level.LOW",
        "read items[-1] -> 2",
        "items[-1] = 3",
        "items[0:1] = [5]",
    } <= whats


# --------------------------------------------------- asleep, notified, wants the lock


def states(schedule: Schedule, thread: str) -> list[str]:
    """How a thread waits, step by step: "" where it does not, "wants" for a lock alone."""
    return [
        step.sleep.get(thread, "wants") if thread in step.blocked else "" for step in schedule.steps
    ]


def test_one_notification_wakes_one_and_the_other_sleeps_on() -> None:
    schedule = failing_schedule(notified_once_for_two)
    assert {*states(schedule, "A")} == {"", ASLEEP, NOTIFIED}
    b = states(schedule, "B")
    assert NOTIFIED not in b
    assert set(b[b.index(ASLEEP) :]) == {ASLEEP}
    (notify,) = (n for n, step in enumerate(schedule.steps) if step.what == "notify changed")
    assert woken(schedule.steps) == {notify: ["A"]}


def two_notifications():
    changed, items = threading.Condition(), []

    def wait():
        with changed:
            while not items:
                changed.wait()
            items.pop()

    def notify():
        for _ in range(2):
            with changed:
                items.append(1)
                changed.notify()

    together(wait, wait, notify)


def test_of_two_notifications_each_wakes_one() -> None:
    schedule = replay(two_notifications, "")
    assert sorted(woken(schedule.steps).values()) == [["A"], ["B"]]


def own_lock_of_a_condition():
    lock = threading.Lock()
    changed, ready = threading.Condition(lock), []

    def wait():
        with lock:
            while not ready:
                changed.wait()

    def notify():
        with lock:
            ready.append(1)
            changed.notify_all()

    together(wait, notify)


def test_who_was_notified_wants_the_lock_by_its_name() -> None:
    told = str(replay(own_lock_of_a_condition, ""))
    assert "asleep until notified: changed" not in told.replace(":  ", "")[-1]
    assert "notified, wants lock (B)" in told


def test_three_ways_to_wait_have_three_looks_and_a_word_each() -> None:
    picture = str(Lanes(failing_schedule(notified_once_for_two)))
    assert picture.count("<pattern ") == len(LOOKS) == 3
    for word in ("asleep: changed", "until notified", "wants", "woken"):
        assert f">{word}</text>" in picture, word
    assert picture.count("<title>C wakes A</title>") == 1
    assert "C wakes B" not in picture


def test_boxes_say_what_is_done() -> None:
    schedule = failing_schedule(notified_once_for_two)
    words = [operation(step) for step in schedule.steps]
    assert {"acquire", "read", "wait", "append", "notify", "release", "wake"} <= {*words}
    assert "call" not in str(Lanes(schedule))
    assert "It wakes A." in schedule._repr_mimebundle_()["text/html"]


# --------------------------------------------------------- where a report opens


def goes_on_after_a_death():
    items, log = [], []

    def take():
        if not items:
            items.append(1)
            raise KeyError("taken")
        log.append(1)

    together(take, take, lambda: log.append(2))


def test_a_report_opens_where_it_went_wrong() -> None:
    schedule = failing_schedule(goes_on_after_a_death)
    at = failing(schedule)
    assert schedule.steps[at].kind == "raise"
    assert at < len(schedule.steps) - 1
    shown = moments(schedule)
    first = Lanes(schedule).first
    assert shown[first].at == at
    assert f'value=\\"{first}\\"' in schedule._repr_mimebundle_()["text/html"]


def lost_and_then_more():
    total, log = 0, []

    def add():
        nonlocal total
        total += 1
        log.append(1)

    together(add, add)
    assert total == 2


def test_what_main_finds_is_shown_where_it_happened() -> None:
    schedule = failing_schedule(lost_and_then_more)
    assert schedule.steps[failing(schedule)].what == "total = 1"
    assert (
        failing(failing_schedule(waits_for_itself))
        == len(failing_schedule(waits_for_itself).steps) - 1
    )


# ------------------------------------------------------------- what is not known


def walks_a_set():
    seen, names = [], set()
    together(lambda: names.add("a"), lambda: names.add("b"))
    for name in names:
        seen.append(name)


def test_a_report_says_what_it_has_taken_for_granted() -> None:
    report = explore(walks_a_set)
    assert report.complete
    assert "\nNote on line " in str(report)
    assert str(report).endswith("a set is gone through in one of its possible orders.")


def test_a_report_says_what_was_not_followed_and_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "def count(box):", "    import asyncio", "    box['n'] = box['n'] + 1", ""
    (tmp_path / "a_library.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(follows, "own", lambda function, _: function.__module__ != "a_library")
    a_library = importlib.import_module("a_library")

    def program():
        box = {"n": 0}
        together(lambda: a_library.count(box), lambda: a_library.count(box))

    report = explore(program)
    assert not report.complete
    assert report.left_out.startswith("count() in line ")
    assert report.left_out.endswith(", whose inside is not followed, was taken as one step")
    assert f"Not all were tried: {report.left_out}." in str(report)


@pytest.mark.parametrize(
    "call",
    [
        lambda d: json.dumps(d, indent=1),
        lambda d: json.JSONEncoder(indent=1).encode(d),
        lambda d: urlencode(d, doseq=True),
        lambda d: fnmatch.filter(d, "*"),
    ],
)
def test_one_step_of_a_library_is_no_proof_where_somebody_writes_meanwhile(call: Any) -> None:
    """On real threads a dictionary changes size during this iteration."""

    def program() -> None:
        box, got = {"n": 0}, []
        together(lambda: box.update(m=1), lambda: got.append(call(box)))
        assert len(got) == 1

    report = explore(program)
    assert report.verdict == "ok"
    assert not report.complete
    assert "whose inside is not followed" in report.left_out


def test_many_calls_that_were_not_followed_are_counted() -> None:
    told = not_followed({f"f{n}": n for n in range(5)})
    assert told == (
        "f0() in line 0, f1() in line 1, f2() in line 2 and 2 more, whose inside is not followed, "
        "were taken as one step each"
    )
    assert not_followed({}) == ""


def test_a_budget_that_is_used_up_is_said_with_what_was_found() -> None:
    report = explore(lost_and_then_more, budget=2)
    assert "Not all were tried: the budget of 2 schedules was used up." in str(report)


def calls_its_target():
    line = queue.Queue()
    threading.Thread(target=line.get()).start()


def test_main_that_waits_alone_is_told_where_and_that_it_has_called_the_target() -> None:
    because = failing_schedule(calls_its_target).because
    assert "main waits in line " in because
    assert "get from line: line is empty, and nobody else runs." in because
    assert because.endswith(
        "target=line.get() calls line.get there and then: write target=line.get."
    )


def pool_waits_for_itself():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: pool.submit(int, "1").result()).result()


def test_a_pool_whose_worker_waits_for_its_own_next_call_is_a_deadlock_of_that_worker() -> None:
    because = failing_schedule(pool_waits_for_itself).because
    assert because.startswith("A waits for ")
    assert "which it holds" not in because
