"""Real threads never do what the explorer calls impossible.

The programs run many times on real threads, in a Python of their own, where
after each read and each call another thread may go on.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool
from functools import partial
from pathlib import Path
from threading import Lock, Thread

import pytest
import test_twins as twins
from programs_told import together

from helpers.apart import in_a_subprocess
from helpers.interleave import explore
from helpers.interleave.shown import shown

TIMES = 40
PROGRAMS: list[Callable[[], object]] = []
REAL = """
import json, os, sys
sys.path[:0] = [FOLDER]
from pauses import pause_in

pause_in("test_twins", "test_real", seed=5)
import test_real as programs

found = {}
for program in programs.every():
    patience = 1.0 if program.__name__ in MAY_HANG else 10.0
    seen = set()
    for _ in range(TIMES):
        seen.add(programs.outcome(program, patience))
        if "deadlock" in seen:
            break
    found[program.__name__] = sorted(seen)
print(json.dumps(found), flush=True)
os._exit(0)  # although some of its threads wait for ever
"""


def outcome(program: Callable[[], object], seconds: float) -> str:
    """Run it on real threads; what became of it, in the words of the explorer."""
    results: list[object] = []
    failed: list[Exception] = []
    errors: list[object] = []
    threading.excepthook = lambda args: errors.append(args.exc_value)

    def main() -> None:
        try:
            results.append(program())
        except Exception as error:
            failed.append(error)

    thread = Thread(target=main, daemon=True)
    thread.start()
    thread.join(seconds)
    for error in (*failed, *errors):
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
        return str(error) if isinstance(error, AssertionError) else text
    if thread.is_alive():
        return "deadlock"
    return "ok" if results == [None] else f"ok: returns {shown(results[0], {})}"


def gil() -> bool:
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def possible(program: Callable[[], object]) -> set[str]:
    report = explore(program)
    assert report.complete
    return {re.sub(r" in [A-Z]$", "", what) for what in report.counts}


def real(program: Callable[[], object]) -> Callable[[], object]:
    PROGRAMS.append(program)
    return program


def every() -> list[Callable[[], object]]:
    # CPython itself may start a thread twice where two call start() at once: its look and its
    # act are two things. The explorer holds to what is documented.
    once = twins.a_thread_is_started_once_whoever_starts_it
    return [*PROGRAMS, *(program for program in twins.EXPECTED if program is not once)]


# ---------------------------------------------------------- programs with data


def one() -> int:
    return 1


@real
def updates_of_a_variable() -> object:
    total = 0

    def work() -> None:
        nonlocal total
        total += one()

    together(work, work)
    return total


@real
def updates_of_an_attribute() -> object:
    class Counter:
        value = 0

    counter = Counter()

    def work() -> None:
        counter.value += one()

    together(work, work)
    return counter.value


@real
def updates_of_an_item() -> object:
    totals: dict[str, int] = {}

    def work(name: str) -> None:
        totals[name] = totals.get(name, 0) + 1

    together(lambda: work("a"), lambda: work("b"), lambda: work("a"))
    return sorted(totals.items())


@real
def a_look_and_then_an_act() -> object:
    left = 1

    def take() -> None:
        nonlocal left
        if left > 0:
            left -= one()

    together(take, take)
    assert left == 0, f"left: {left}"
    return left


@real
def two_values_that_belong_together() -> object:
    low, high = 0, 0
    seen = []

    def write() -> None:
        nonlocal low, high
        low = 1
        high = 1

    def read() -> None:
        seen.append((low, high))

    together(write, read)
    return seen


@real
def a_swap() -> object:
    left, right = "a", "b"

    def swap() -> None:
        nonlocal left, right
        left, right = right, left

    together(swap, swap)
    return left + right


@real
def a_thing_made_once() -> object:
    made: list[str] = []
    thing: str | None = None

    def get() -> None:
        nonlocal thing
        if thing is None:
            made.append("made")
            thing = made[-1]

    together(get, get)
    return len(made)


@real
def a_list_that_grows_while_it_is_read() -> object:
    items, seen = [1], []

    def grow() -> None:
        items.append(2)
        items.append(3)

    def read() -> None:
        for item in items:
            seen.append(item)

    together(grow, read)
    return seen


@real
def a_dict_that_grows_while_it_is_read() -> object:
    items, seen = {1: 1, 2: 2}, []

    def grow() -> None:
        items[3] = 3

    def read() -> None:
        for item in items:
            seen.append(item)

    together(grow, read)
    return seen


@real
def an_item_that_two_take() -> object:
    items = deque([1])

    def take() -> None:
        if items:
            items.popleft()

    together(take, take)
    return len(items)


@real
def an_item_that_is_deleted_twice() -> object:
    items = {"a": 1}

    def forget() -> None:
        if "a" in items:
            del items["a"]  # noqa: RUF051 -- a look, and then an act

    together(forget, forget)
    return len(items)


@real
def a_generator_that_two_turn() -> object:
    def count() -> Iterator[int]:
        number = 0
        while True:
            number += one()
            yield number

    numbers, got = count(), []

    def turn() -> None:
        try:
            got.append(next(numbers))
        except ValueError:
            got.append(0)

    together(turn, turn)
    return sorted(got)


@real
def a_generator_that_two_loops_turn() -> object:
    numbers, got = (number for number in (1, 2)), [0, 0]

    def turn(mine: int) -> None:
        try:
            for number in numbers:
                got[mine] = number
                break
        except ValueError:
            got[mine] = -1

    together(lambda: turn(0), lambda: turn(1))
    return got


@real
def an_iterator_that_two_loops_move_on() -> object:
    items, got = iter([1, 2]), [0, 0]

    def take(mine: int) -> None:
        for item in items:
            got[mine] = item
            break

    together(lambda: take(0), lambda: take(1))
    return got


@real
def a_method_that_is_handed_on() -> object:
    log: list[int] = []
    together(partial(log.append, 1), lambda: list(map(log.append, [2, 3])))
    return log


@real
def a_flag_and_a_value() -> object:
    value, ready = 0, False
    seen = []

    def write() -> None:
        nonlocal value, ready
        value = 1
        ready = True

    def read() -> None:
        if ready:
            seen.append(value)

    together(write, read)
    return seen


@real
def a_loop_that_looks_again_and_again() -> object:
    value, ready = 0, False

    def write() -> None:
        nonlocal value, ready
        value = 1
        ready = True

    thread = Thread(target=write)
    thread.start()
    while not ready:
        pass
    return value


@real
def an_exception_in_a_thread() -> object:
    amounts = [1]

    def work() -> None:
        if amounts.pop() < 2:
            raise ValueError("too little")

    together(work, lambda: None)
    return len(amounts)


@real
def an_exception_with_a_lock_held() -> object:
    lock, log = Lock(), []

    def fail() -> None:
        try:
            with lock:
                log.append("in")
                raise ValueError
        except ValueError:
            log.append("out")

    def look() -> None:
        with lock:
            log.append("look")

    together(fail, look)
    return log


@real
def values_of_each_thread() -> object:
    mine, log = threading.local(), []

    def work(name: str) -> None:
        mine.name = name
        log.append(mine.name)

    together(lambda: work("a"), lambda: work("b"))
    return log


@real
def two_reads_in_one_comparison() -> object:
    level, seen = 1, []

    def change() -> None:
        nonlocal level
        level = 3
        level = 0

    def look() -> None:
        seen.append(0 < level < 2)

    together(change, look)
    return seen


@real
def a_lock_for_the_write_and_none_for_the_read() -> object:
    lock, total = Lock(), 0

    def work() -> None:
        nonlocal total
        before = total
        with lock:
            total = before + 1

    together(work, work)
    return total


@real
def an_optimistic_update() -> object:
    version, value, lock = 0, 0, Lock()

    def work() -> None:
        nonlocal version, value
        while True:
            seen, new = version, value + one()
            with lock:
                if version == seen:
                    version, value = seen + 1, new
                    return

    together(work, work)
    return value


@real
def threads_that_start_threads() -> object:
    log = []

    def inner() -> None:
        log.append("inner")

    def outer() -> None:
        thread = Thread(target=inner)
        thread.start()
        log.append("outer")
        thread.join()

    together(outer, lambda: log.append("other"))
    return log


@real
def an_initializer_that_fails_breaks_the_pool() -> object:
    def begin() -> None:
        raise ValueError("not today")

    ended: list[str] = []
    with ThreadPoolExecutor(2, initializer=begin) as pool:
        for _ in range(2):
            try:
                pool.submit(one).result()
            except BrokenThreadPool:
                ended.append("broken")
    return ended


# ----------------------------------------------------------------------- tests


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What happened on real threads, by program."""
    may_hang = [each.__name__ for each in every() if "deadlock" in possible(each)]
    folder = str(Path(__file__).parent)
    ended = in_a_subprocess(f"{FOLDER_AND_TIMES % (folder, TIMES, may_hang)}\n{REAL}", 60)
    assert ended.exit_code == 0, str(ended)
    results: dict[str, list[str]] = json.loads(ended.printed)
    return results


FOLDER_AND_TIMES = "FOLDER, TIMES, MAY_HANG = %r, %d, %r"


@pytest.mark.parametrize("program", every(), ids=lambda program: program.__name__)
def test_real_threads_never_do_what_the_explorer_calls_impossible(
    program: Callable[[], object], found: dict[str, list[str]]
) -> None:
    if program is an_iterator_that_two_loops_move_on and not gil():
        pytest.skip("without the GIL an iterator may give the same item to two threads")
    assert set(found[program.__name__]) <= possible(program)


def test_the_real_threads_were_disturbed(found: dict[str, list[str]]) -> None:
    """Else it would say little that nothing impossible was seen."""
    assert sum(len(outcomes) > 1 for outcomes in found.values()) > 10
