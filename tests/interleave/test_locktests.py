"""The twins of locks and queues pass the tests that CPython has for the real ones."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator

import pytest

pytest.importorskip("test.lock_tests", reason="this Python came without its test package")
pytest.importorskip("test.test_queue", reason="this Python came without its test package")

import borrowed

from helpers.interleave import Refused
from helpers.interleave.real_threads import Threads

FORK = "a fork hook: explorations have no processes"
KEPT = "an exploration keeps each object until its run is over, so that no id is used twice"
GC = "what a garbage collection does in between cannot be scheduled"
SIZE = "more threads than there are letters, or 65,000 messages"
NAN = "not a number as a time-out, which only newer Pythons refuse"

CANNOT_PASS = {
    "LockTests.test_at_fork_reinit": FORK,
    "EventTests.test_at_fork_reinit": FORK,
    "LockTests.test_weakref_deleted": KEPT,
    "RLockTests.test_weakref_deleted": KEPT,
    "EventTests.test_nan_timeout": NAN,
    "ConditionTests.test_nan_timeout": NAN,
}
TOO_BIG = {
    "CSimpleQueueTest.test_many_threads": SIZE,
    "CSimpleQueueTest.test_many_threads_nonblock": SIZE,
    "CSimpleQueueTest.test_many_threads_timeout": SIZE,
    "CSimpleQueueTest.test_reentrancy": GC,
    **{
        f"C{kind}QueueTest.test_shutdown_{how}all_methods_in_many_threads": SIZE
        for kind in ("", "Lifo", "Priority")
        for how in ("", "immediate_")
    },
}


LOCK_CASES, QUEUE_CASES = borrowed.lock_cases(), borrowed.queue_cases()


@pytest.fixture
def pool() -> Iterator[Threads]:
    with Threads() as pool:
        yield pool


@pytest.mark.parametrize("name", [name for name in LOCK_CASES if name not in CANNOT_PASS])
def test_the_twins_of_locks_behave_as_the_real_ones_under_many_schedules(
    name: str, pool: Threads
) -> None:
    assert borrowed.first_failure(LOCK_CASES[name], pool) == ""


@pytest.mark.parametrize("name", [name for name in QUEUE_CASES if name not in TOO_BIG])
def test_the_twins_of_queues_behave_as_the_real_ones_under_many_schedules(
    name: str, pool: Threads
) -> None:
    many = 16 if name.endswith("queue_join") else borrowed.SCHEDULES  # that one is long
    assert borrowed.first_failure(QUEUE_CASES[name], pool, many) == ""


@pytest.mark.parametrize("name", [name for name in CANNOT_PASS if name in LOCK_CASES])
def test_what_cannot_pass_does_not(name: str, pool: Threads) -> None:
    """A test that passes must not stand in the list; one may be refused by name."""
    try:
        failure = borrowed.first_failure(LOCK_CASES[name], pool)
    except Refused as error:
        failure = str(error)
    assert failure


def test_the_lists_are_of_tests_that_exist() -> None:
    newest = sys.version_info >= (3, 14)
    missing = CANNOT_PASS.keys() - LOCK_CASES.keys()
    assert not missing or not newest, missing
    assert not newest or TOO_BIG.keys() <= QUEUE_CASES.keys()
    assert len(LOCK_CASES) - len(CANNOT_PASS.keys() & LOCK_CASES.keys()) >= 78


def test_the_schedules_differ(pool: Threads) -> None:
    """Else one of them would do."""
    words = set()

    class Case(unittest.TestCase):
        def runTest(self) -> None:
            lock, order = borrowed.KINDS["Lock"](), []

            def work(name: str) -> None:
                for _ in range(2):
                    with lock:
                        order.append(name)

            threads = [borrowed.KINDS["Thread"](target=work, args=name) for name in "abc"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            words.add("".join(order))

    assert borrowed.first_failure(Case("runTest"), pool) == ""
    assert len(words) > 20
