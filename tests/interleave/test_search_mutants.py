"""Mistakes put into the search on purpose: each is found by a program that is meant for it."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from threading import Barrier, Lock, Thread
from types import FunctionType
from typing import Any, NamedTuple

import programs_told as programs
import pytest
import random_programs
from programs_told import together
from tries import Tries, tries

from helpers.interleave import exploration, run, search, spin, step


def increments_of_two() -> None:
    total = 0

    def work() -> None:
        nonlocal total
        total += 1
        total += 1

    together(work, work)


def increments_of_three() -> None:
    total = 0

    def work() -> None:
        nonlocal total
        total += 1

    together(work, work, work)


def readers() -> int:
    number = 1

    def read() -> int:
        return number + number

    def write() -> None:
        nonlocal number
        number = 2

    together(read, read, write)
    return number


def one_that_is_not_joined() -> int:
    x = y = 0

    def late() -> None:
        nonlocal x
        x = 1

    def other() -> None:
        nonlocal y
        y = 1

    first = Thread(target=late)
    first.start()
    together(other, other)
    seen = x
    first.join()
    return seen


def spins_on_a_dict() -> None:
    """The flag may be set after it was read, in the same turn."""
    state = {"flag": 0, "other": 0}

    def wait() -> None:
        while not state["flag"]:
            state["other"]

    def put() -> None:
        state["other"] = 1
        state["flag"] = 1

    together(wait, put)


def counts_without_end() -> None:
    running = True

    def count() -> None:
        turns = 0
        while running:
            turns += 1
        assert turns >= 0  # read, or the turns would be all the same

    def stop() -> None:
        nonlocal running
        running = False

    together(count, stop)


# Whose loser waits before its last step could be tried.
LOSER_WAITS = random_programs.program(
    random_programs.source(
        [
            ["box.put(x)", "{mine}.append(flag.is_set())"],
            ["x = 2", "flag.wait()"],
            ["x += 1", "box.put(x)"],
        ]
    )
)


def three_with_one_lock() -> None:
    lock = Lock()

    def work() -> None:
        with lock:
            pass

    together(work, work, work)


def looks_in_the_line_in_which_it_waits() -> list[int]:
    gate, number, seen = Barrier(2), 0, []

    def wait() -> None:
        seen.append((gate.wait(), number)[1])

    def write() -> None:
        nonlocal number
        gate.wait()
        number = 1

    together(wait, write)
    return seen


class Mutant(NamedTuple):
    where: Any  # a function, or a method
    old: str
    new: str
    program: Callable[[], object]
    how: str = "reduced"
    bound: int = 0
    atomic: str = "op"
    most: int = 400


MUTANTS = {
    "no sleep sets": Mutant(
        search.Sleep._asleep, "for n, a in old.items()", "for n, a in ()", programs.philosophers
    ),
    "sleep sets that nothing wakes": Mutant(
        search.Sleep._asleep, "and not may_conflict(a, touched)", "", increments_of_two
    ),
    "what was tried is not asleep": Mutant(
        search.Sleep._asleep, ", **before.done", "", increments_of_two
    ),
    "a race with the last step only": Mutant(
        search.Races._reverse, "second.others:", "second.others[:1]:", three_with_one_lock
    ),
    "steps that wait are no races": Mutant(
        search.Races.find, "self.run.left.waiting", "()", programs.opposite_order
    ),
    "steps that wait are no races in redundant runs": Mutant(
        search.Races.find, "self.run.left.waiting",
        "self.run.left.waiting * (self.run.why == 'stuck')",
        LOSER_WAITS,
    ),
    "a release covers an acquire": Mutant(
        search.Races._reverse, "continue  # nothing", "if not covered.append(other): continue  #",
        programs.opposite_order,
    ),
    "a release and an acquire are a race": Mutant(
        search.Races._reverse, "if waited and", "if False and", programs.philosophers
    ),
    "one thing alone can end a wait": Mutant(
        search.Races._reverse, "for each in racing[:-1]", "for each in ()",
        programs.as_they_complete,
    ),
    "it stood there from the beginning": Mutant(
        search.Races._reverse, "other >= op.since", "True", programs.lock_after_a_barrier
    ),
    "what has woken a thread is forgotten": Mutant(
        search.Races._second, "in preds", "in ()", programs.barrier_of_three
    ),
    "clocks are not joined": Mutant(
        search.Races._clock, "_join(clock, self.stack[other].clock)", "pass", programs.bounded_queue
    ),
    "only the task itself is tried": Mutant(
        search.Races._try_before, "first &= set(node.can)", "first &= {task}",
        programs.bounded_queue,
    ),
    "parts of a thing are the whole": Mutant(
        step.conflict, "(key is None or its is None or key == its)", "True",
        programs.keys_of_a_dict,
    ),
    "two that read are a conflict": Mutant(step.conflict, "(write or wrote)", "True", readers),
    "two that write are none": Mutant(
        step.conflict, "(write or wrote)", "(write != wrote)", programs.main_joins_in
    ),
    "each switch is a preemption": Mutant(
        search.Bounded._used, "and before.chosen in node.can", "", increments_of_three, "bounded", 1
    ),
    "one preemption more": Mutant(
        search.Bounded._may, "<= self.bound", "<= self.bound + 1", increments_of_two, "bounded", 1
    ),
    "what is shared is not learned": Mutant(
        exploration.Explorer.runs, "not found <= self.shared", "False", increments_of_two
    ),
    "the last that lives is alone": Mutant(
        run.Run._is_alone, "return all(", "return True or all(", one_that_is_not_joined
    ),
    "who may stop waiting is woken": Mutant(
        run.Run.wakes, "and waiter.pending.eager", "", programs.event_with_time_out
    ),
    "a failed try is a write": Mutant(
        run.Run.only_looked, "task.event.op is op", "False", programs.event
    ),
    "the end of a thread is no step": Mutant(
        run.Run._over, "task.number and", "False and", programs.is_it_alive
    ),
    "a spin waits from the end of its turn": Mutant(
        spin.Spin.again, "turns.looks[start.looks :]",
        "[Look(k.where, _others(self.lasting, k.where, task.number), k.passing, k.minds)"
        " for k in turns.looks[start.looks :]]",
        spins_on_a_dict,
    ),
    "a long loop lets nobody else begin": Mutant(
        run.Run.tick, "self.pace.turns % FAIR == 0", "False", counts_without_end, most=3
    ),
    "what follows a wait belongs to what was before": Mutant(
        run.Run.visible, "task.interruptible or op.eager", "task.interruptible",
        looks_in_the_line_in_which_it_waits, atomic="line",
    ),
}  # fmt: skip


def mutated(function: Any, old: str, new: str) -> FunctionType:
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, f"{function.__qualname__} reads otherwise now: {old!r} is not in it"
    space: dict[str, Any] = {}
    code = compile("from __future__ import annotations\n" + source.replace(old, new), "<m>", "exec")
    exec(code, vars(sys.modules[function.__module__]), space)
    found = space[function.__name__]
    assert isinstance(found, FunctionType)
    return found


def put(patch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    owner: Any = sys.modules[mutant.where.__module__]
    for name in mutant.where.__qualname__.split(".")[:-1]:
        owner = getattr(owner, name)
    patch.setattr(owner, mutant.where.__name__, mutated(mutant.where, mutant.old, mutant.new))


def result(mutant: Mutant) -> Tries | str:
    try:
        return tries(
            mutant.program, mutant.how, mutant.bound, atomic=mutant.atomic, most=mutant.most
        )
    except (RuntimeError, ValueError, LookupError, AssertionError) as error:
        return type(error).__name__


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    right = result(mutant)
    assert isinstance(right, Tries)
    if mutant.how == "reduced":  # what it is held against does not come from the reduced search
        judge = tries(mutant.program, "sleep", atomic=mutant.atomic, most=mutant.most)
        assert right.outcomes == judge.outcomes or not judge.complete
    put(monkeypatch, mutant)
    assert result(mutant) != right
