"""What stands for asyncio's locks and queues passes the tests that CPython has for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("test.test_asyncio", reason="this Python came without its test package")

import borrowed_tasks

from helpers.interleave import Refused
from helpers.interleave.real_threads import Threads

MODULES = ("test_locks", "test_queues")
REFUSED = "ConditionTests.test_ambiguous_loops"  # it makes a second event loop
ORDER = {  # these say in which order the tasks began that they have made, as only asyncio's does
    "LockTests": "test_acquire test_cancel_release_race",
    "EventTests": "test_wait",
    "ConditionTests": "test_notify test_notify_all test_wait",
    "SemaphoreTests": (
        "test_acquire test_acquire_cancel_before_awoken test_acquire_fifo_order "
        "test_acquire_fifo_order_2 test_acquire_fifo_order_3 test_acquire_fifo_order_4 "
        "test_acquire_no_hang"
    ),
    "BarrierTests": "test_repr test_reset_barrier_while_tasks_waiting_and_waiting_again",
    "QueueGetTests": "test_get_with_waiting_putters",
    "QueuePutTests": "test_put_cancelled_race",
}
IN_ORDER = {f"{kind}.{name}" for kind, names in ORDER.items() for name in names.split()}

AS_ASYNCIO = {k: c for m in MODULES for k, c in borrowed_tasks.borrowed(m, True).items()}
IN_ANY_ORDER = {k: c for m in MODULES for k, c in borrowed_tasks.borrowed(m, False).items()}


@pytest.fixture
def pool() -> Iterator[Threads]:
    with Threads() as pool:
        yield pool


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_in_asyncios_own_order_they_behave_as_the_real_ones(pool: Threads) -> None:
    said = {
        name: borrowed_tasks.fails(case, pool, lambda can: can[0])
        for name, case in AS_ASYNCIO.items()
        if name != REFUSED
    }
    assert len(said) >= 100
    assert not {name: why for name, why in said.items() if why}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_under_many_schedules_they_behave_as_the_real_ones(pool: Threads) -> None:
    cases = {n: c for n, c in IN_ANY_ORDER.items() if n not in IN_ORDER and n != REFUSED}
    said = {name: borrowed_tasks.first_failure(case, pool) for name, case in cases.items()}
    assert len(said) >= 90
    assert not {name: why for name, why in said.items() if why}


def test_what_needs_asyncios_order_fails_in_another(pool: Threads) -> None:
    """A test that passes must not stand in the list."""
    known = IN_ORDER & IN_ANY_ORDER.keys()
    assert len(known) >= len(IN_ORDER) - 1  # one came with Python 3.12
    passed = [n for n in known if not borrowed_tasks.first_failure(IN_ANY_ORDER[n], pool)]
    assert not passed


def test_a_second_event_loop_is_refused_by_name(pool: Threads) -> None:
    with pytest.raises(Refused, match=r"asyncio\.new_event_loop cannot be followed here"):
        borrowed_tasks.fails(AS_ASYNCIO[REFUSED], pool, lambda can: can[0])
