"""Async programs: all orders of tasks, the same verdict by reduction, and words for people."""

from __future__ import annotations

import asyncio
import os
from math import comb
from typing import Any

import pytest
from cases import tasks
from random_programs import by_seed, program

from helpers.interleave import Refused, explore, pace, play, replay

EXAMPLES = int(os.environ.get("EXAMPLES", "6"))  # a long run: EXAMPLES=400 pytest …


def work_of(*sleeps: int) -> Any:
    """A program whose tasks sleep so many times each, with a step on what they share between."""

    async def program() -> None:
        total = 0

        async def work(times: int) -> None:
            nonlocal total
            for _ in range(times):
                total += 1
                await asyncio.sleep(0)

        await asyncio.gather(*(work(times) for times in sleeps))

    return program


@pytest.mark.parametrize(
    ("sleeps", "orders"),
    [((1, 1), comb(4, 2)), ((2, 2), comb(6, 3)), ((3, 3), comb(8, 4)), ((1, 1, 1), 90)],
)
def test_every_order_of_their_steps_is_tried_once(sleeps: tuple[int, ...], orders: int) -> None:
    report = explore(work_of(*sleeps), every=True)
    assert report.ok
    assert report.tried == orders


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_a_random_program_ends_in_the_same_ways_with_and_without_reduction(seed: int) -> None:
    made = program(by_seed(seed, of_tasks=True))
    every, few = explore(made, every=True, budget=1_000), explore(made)
    if every.complete:
        assert few.complete
        assert set(few.counts) == set(every.counts)
        assert few.tried <= every.tried
    elif few.complete:
        assert set(every.counts) <= set(few.counts)


def test_the_first_schedule_is_the_one_that_asyncio_itself_takes() -> None:
    async def program() -> None:
        order: list[str] = []

        async def work(name: str, times: int) -> None:
            for _ in range(times):
                order.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(work("a", 3), work("b", 1), work("c", 2))
        assert order != list("abcaca")

    asyncio_itself = explore(program)
    assert asyncio_itself.verdict == "race"
    assert asyncio_itself.schedule is not None
    assert asyncio_itself.schedule.preemptions == 0
    assert "asyncio's own order" in str(asyncio_itself)
    with pytest.raises(AssertionError):
        asyncio.run(program())


def test_the_table_shows_what_a_task_does_between_two_awaits() -> None:
    assert str(explore(tasks.race_lost_update_across_an_await)) == (
        "race, assertion failed: total == 2, where total is 1. "
        "Schedule ABAB, asyncio's own order.\n"
        "4 schedules: 2 fail, 2 do not. "
        "(Schedules that only swap independent steps count as one.)\n"
        "\n"
        "step  A: add                      B: add                      │  total\n"
        "   1  16: starts                                              │  -\n"
        "      18: read total -> 0                                     │  0\n"
        "   2                              16: starts                  │  0\n"
        "                                  18: read total -> 0         │  0\n"
        "   3  19: asyncio.sleep(0): done                              │  0\n"
        "      20: total = 1                                           │  1\n"
        "   4                              19: asyncio.sleep(0): done  │  1\n"
        "                                  20: total = 1               │  1\n"
        "\n"
        "A and B both read total before either wrote it: A's update is lost."
    )


def test_a_deadlock_of_tasks_names_the_circle() -> None:
    told = str(explore(tasks.deadlock_two_locks))
    assert "A holds a and waits for b; B holds b and waits for a." in told
    assert "A → b → B → a → A" in told


def test_a_task_that_nobody_wakes_is_called_a_task() -> None:
    told = str(explore(tasks.deadlock_lost_notify))
    assert "thread" not in told
    assert "B notified it after step 1, before A waited" in told


def test_a_schedule_can_be_replayed_and_played() -> None:
    good = replay(tasks.race_lost_update_across_an_await, "AABB")
    assert good.verdict == "ok"
    assert good.preemptions == 1
    bad = replay(tasks.race_lost_update_across_an_await, "ABAB")
    assert bad.verdict == "race"
    with pytest.raises(ValueError, match="letter 3 of"):
        replay(tasks.race_lost_update_across_an_await, "AAAB")
    board = play(tasks.race_lost_update_across_an_await)
    for letter in "ABAB":
        board.press(letter)
    assert board.schedule.verdict == "race"


def test_a_coroutine_that_is_never_awaited_is_noted(recwarn: pytest.WarningsRecorder) -> None:
    async def program() -> None:
        async def work() -> None: ...

        work()  # type: ignore[unused-coroutine]

    report = explore(program)
    assert "the coroutine work() is never awaited, so it never runs" in str(report)
    assert not recwarn.list


def test_sleep_in_a_coroutine_is_noted() -> None:
    import time

    async def program() -> None:
        time.sleep(0.1)

    assert "time.sleep() in a coroutine holds up all other tasks" in str(explore(program))


def test_a_task_that_waits_in_a_loop_without_an_await_holds_up_all_others() -> None:
    async def program() -> None:
        go = False

        async def waits() -> None:
            while not go:
                pass

        async def goes() -> None:
            nonlocal go
            await asyncio.sleep(0)
            go = True

        await asyncio.gather(waits(), goes())

    report = explore(program)
    assert report.verdict == "livelock"
    assert "waits goes round in a loop without an await, so no other task has a turn" in str(report)
    assert "no running task is left to change what it looks at" in str(report)
    assert not report.complete


def test_a_task_that_never_comes_to_an_await_has_no_end_in_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def program() -> None:
        n = 0

        async def counts() -> None:
            nonlocal n
            while n >= 0:
                n += 1

        await asyncio.gather(counts(), asyncio.sleep(0))

    monkeypatch.setattr(pace, "TURNS", 1_000)
    report = explore(program)
    assert report.verdict == "no end in sight"
    assert "counts goes round in a loop without an await" in str(report)


def test_a_task_that_swallows_its_cancellation_and_goes_on_is_found() -> None:
    """The end of the program cancels it, and waits."""

    async def program() -> None:
        async def stubborn() -> None:
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        del task

    assert explore(program).verdict == "livelock"


@pytest.mark.parametrize("name", ["close", "stop", "run_until_complete", "run_in_executor"])
def test_what_would_end_or_leave_the_loop_is_refused_by_name(name: str) -> None:
    async def program() -> None:
        getattr(asyncio.get_running_loop(), name)()

    with pytest.raises(Refused, match=rf"loop\.{name} cannot be followed here"):
        explore(program)


def test_threads_and_tasks_together_are_refused() -> None:
    import threading

    async def program() -> None:
        threading.Thread(target=print).start()

    with pytest.raises(Refused, match="a thread is started in an async program"):
        explore(program)


def test_a_plain_function_is_told_to_give_the_coroutine_function() -> None:
    with pytest.raises(Refused, match="give explore `main` itself"):
        explore(tasks.refused_asyncio_in_a_plain_function)


def test_it_works_beside_an_event_loop_that_runs() -> None:
    """As in a notebook, whose kernel has one."""

    async def cell() -> str:
        return explore(tasks.ok_lock_around_the_update).verdict

    assert asyncio.run(cell()) == "ok"
