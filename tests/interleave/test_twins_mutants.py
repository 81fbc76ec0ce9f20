"""Break a twin on purpose, and see a test fail: one that is meant for this mistake."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

pytest.importorskip("test.lock_tests", reason="this Python came without its test package")
pytest.importorskip("test.test_queue", reason="this Python came without its test package")

import borrowed
import test_twins as twins

from helpers.interleave import explore, pools, queues, threads
from helpers.interleave import twins as threading_twins
from helpers.interleave.real_threads import Threads

CASES = {**borrowed.lock_cases(), **borrowed.queue_cases()}
PROGRAMS = {program.__name__: program for program in twins.EXPECTED}


class Mutant(NamedTuple):
    """In a method (or function), `old` becomes `new`; the killer is a case or a program."""

    name: str
    where: str  # "Event.wait"
    old: str
    new: str
    killer: str


MUTANTS = [
    Mutant("a lock is taken while it is held", "Lock.acquire",
           "lambda: self.owner is None", "lambda: True", "LockTests.test_reacquire"),
    Mutant("a time-out of a lock never passes", "Lock.acquire",
           "if self.owner is not None", "if False", "LockTests.test_state_after_timeout"),
    Mutant("a free lock may be released", "Lock.release",
           "if self.owner is None", "if False", "a_lock_that_is_free_cannot_be_released"),
    Mutant("anybody may release a recursive lock", "RLock.release",
           "self.owner is not task", "self.owner is None", "RLockTests.test_different_thread"),
    Mutant("a recursive lock is not recursive", "RLock.acquire",
           "(None, me)", "(None,)", "RLockTests.test_reacquire"),
    Mutant("one release frees a recursive lock", "RLock.release",
           "task if self.count else None", "None", "RLockTests.test__is_owned"),
    Mutant("a wait keeps the lock", "Owned._release_save",
           "self.owner, self.count = None, 0", "pass", "ConditionTests.test_notify"),
    Mutant("a wait forgets how often it held the lock", "Owned._acquire_restore",
           "= before", "= before[0], 1",
           "a_wait_takes_a_recursive_lock_again_as_often_as_it_held_it"),
    Mutant("a wait goes on without the lock", "Condition.wait",
           "self.lock.owner is None and", "",
           "a_wait_takes_a_recursive_lock_again_as_often_as_it_held_it"),
    Mutant("whoever has not the lock may wait and notify", "Condition._owned",
           "not self.lock._is_owned()", "False", "ConditionTests.test_unacquired_notify"),
    Mutant("notify wakes all", "Condition.notify",
           "range(n)", "list(self.waiting)", "ConditionTests.test_notify"),
    Mutant("notify wakes only who waits longest", "Condition._notify_one",
           "append(asleep)", "append([w for w in asleep if self._ticket(w) is None][:1])",
           "a_notification_wakes_any_one_of_those_that_wait"),
    Mutant("notify_all wakes one", "Condition.notify_all",
           "for _ in self._asleep()]", "for _ in self._asleep()[:1]]",
           "ConditionTests.test_notify"),
    Mutant("a notification goes to a wait that comes later", "Condition._notify_one",
           "append(asleep)", "append(self.waiting)",
           "a_notification_is_not_for_a_wait_that_comes_later"),
    Mutant("no notification goes to a wait whose time is over", "Condition._notify_one",
           "if late is not None", "if False",
           "a_notification_is_lost_on_a_wait_whose_time_out_is_over"),
    Mutant("wait_for has no time-out", "Condition.wait_for",
           "self.wait(timeout)", "self.wait()", "ConditionTests.test_waitfor_timeout"),
    Mutant("a semaphore keeps one for itself", "Semaphore.acquire",
           "self.value > 0", "self.value > 1", "SemaphoreTests.test_acquire"),
    Mutant("a semaphore does not count", "Semaphore.acquire",
           "self.value -= 1", "pass", "SemaphoreTests.test_try_acquire"),
    Mutant("releasing many counts as one", "Semaphore.release",
           "+= n", "+= 1", "SemaphoreTests.test_multirelease"),
    Mutant("a bounded semaphore has no bound", "BoundedSemaphore._check",
           "> self.first", "> 99", "BoundedSemaphoreTests.test_release_unacquired"),
    Mutant("a woken wait looks at the event again", "Event.wait",
           "called(mine[1])", "called(self.flag)", "EventTests.test_set_and_clear"),
    Mutant("an event wakes one", "Event.set",
           "in self.waiting", "in self.waiting[:1]", "EventTests.test_notify"),
    Mutant("an event stays set", "Event.clear",
           "self.flag = False", "pass", "EventTests.test_is_set"),
    Mutant("a barrier lets go one too early", "Barrier.wait",
           "== self._parties:", "== self._parties - 1:", "BarrierTests.test_barrier"),
    Mutant("all are the first at a barrier", "Barrier.wait",
           "len(self.inside), [task", "0, [task", "BarrierTests.test_wait_return"),
    Mutant("a barrier forgets its action", "Barrier._open",
           "if self.action", "if False", "BarrierTests.test_action"),
    Mutant("a time-out does not break a barrier", "Barrier.wait",
           'self._let_go("broken", task)', "pass", "a_time_out_at_a_barrier_breaks_it_for_all"),
    Mutant("a reset barrier stays broken", "Barrier.reset",
           "self._broken = False", "pass", "BarrierTests.test_reset"),
    Mutant("a join does not wait", "Thread.join",
           "lambda: other.ended", "lambda: True", "a_join_waits_for_the_end"),
    Mutant("a join with a time-out waits", "Thread.join",
           "if timeout is not None", "if False",
           "a_join_with_a_time_out_ends_before_its_thread_or_after"),
    Mutant("a cancelled timer runs", "Timer.run",
           "if not self.finished.is_set()", "if True", "a_timer_is_cancelled_in_time_or_not"),
    Mutant("a thread is started twice", "Thread.start",
           "if self.task is not None", "if False",
           "a_thread_is_started_once_whoever_starts_it"),
    Mutant("nobody looks for a hook", "Thread._live",
           "if hook is None or run.why", "if True",
           "an_error_of_a_thread_goes_to_the_programs_own_hook"),
    Mutant("a future is set twice", "Future._set",
           "if self._ended()", "if False", "a_future_is_set_once_whoever_sets_it"),
    Mutant("a put does not wait for the mutex", "Queue._step",
           "return mutex.owner is None", "return True",
           "whoever_holds_the_mutex_of_a_queue_sees_it_stand_still"),
    Mutant("a put looks again though nobody was told", "Queue._step",
           "while not wants()", "while False",
           "a_queue_that_is_emptied_by_hand_wakes_nobody"),
    Mutant("a queue has no limit", "Queue._full",
           "<= self._size()", "<= -1", "CQueueTest.test_basic"),
    Mutant("a queue's limit is one less", "Queue._full",
           "<= self._size()", "<= self._size() + 1", "CQueueTest.test_nowait"),
    Mutant("work that is done is not counted", "Queue.task_done",
           "self.unfinished -= 1", "pass", "CQueueTest.test_queue_join"),
    Mutant("a join of a queue waits for the get", "Queue.join",
           "self.unfinished == 0", "not self.items",
           "a_join_of_a_queue_waits_for_the_work_and_not_for_the_get"),
    Mutant("the last in is not the first out", "LifoQueue._get",
           "pop()", "popleft()", "CLifoQueueTest.test_basic"),
    Mutant("a priority queue is any list", "PriorityQueue._get",
           "heappop(self.items)", "self.items.pop(0)",
           "CPriorityQueueTest.test_basic"),
    Mutant("a pool has more workers than it may", "ThreadPoolExecutor.submit",
           "== self.most", "== 9",
           "at_most_as_many_calls_run_at_once_as_there_are_workers"),
    Mutant("a pool's last call is its first", "ThreadPoolExecutor._work",
           "popleft()", "pop()", "one_worker_takes_calls_in_the_order_in_which_they_came"),
    Mutant("a shutdown does not wait", "ThreadPoolExecutor.shutdown",
           "if wait else ()", "if False else ()", "a_shutdown_waits_for_all_calls"),
    Mutant("what runs can be cancelled", "Future.cancel",
           'self.status == "pending"', 'self.status in ("pending", "running")',
           "only_a_call_that_has_not_begun_can_be_cancelled"),
    Mutant("an exception is lost", "Future._run",
           "error = caught", "pass", "what_a_call_raises_comes_out_of_its_future"),
    Mutant("a wait does not wait", "pools._wait_until",
           "ready if timeout is None else None", "None",
           "a_wait_waits_for_all_where_nothing_else_is_said"),
]  # fmt: skip


@pytest.fixture
def pool() -> Iterator[Threads]:
    with Threads() as pool:
        yield pool


def home(where: str) -> tuple[Any, str]:
    """The class or module in which "Event.wait" or "pools.wait" stands, and its name there."""
    owner, _, name = where.partition(".")
    if owner == "pools":
        return pools, name
    return next(
        vars(m)[owner] for m in (threading_twins, threads, queues, pools) if owner in vars(m)
    ), name


def mutated(owner: Any, name: str, old: str, new: str) -> Callable[..., Any]:
    """The method, compiled from changed source in the module where it is."""
    method = vars(owner)[name]
    source = textwrap.dedent(inspect.getsource(method))
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in {name}"
    names = dict(method.__globals__)
    exec(compile(source.replace(old, new), f"<{name}>", "exec", dont_inherit=True), names)
    changed: Callable[..., Any] = names[name]
    return changed


def failure(killer: str, pool: Threads) -> str:
    if killer in CASES:
        return borrowed.first_failure(CASES[killer], pool)
    report = explore(PROGRAMS[killer], budget=2_000)
    expected = twins.EXPECTED[PROGRAMS[killer]]
    return "" if set(report.counts) == expected else str(dict(report.counts))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mistake_in_a_twin_is_found(
    mutant: Mutant, pool: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = home(mutant.where)
    monkeypatch.setattr(owner, name, mutated(owner, name, mutant.old, mutant.new))
    assert failure(mutant.killer, pool), f"{mutant.name}: nobody noticed"


@pytest.mark.parametrize("killer", sorted({mutant.killer for mutant in MUTANTS}))
def test_without_a_mistake_the_same_tests_pass(killer: str, pool: Threads) -> None:
    assert failure(killer, pool) == ""
