"""Keys that are objects of a run, or like other keys; generators that threads share."""

# ruff: noqa
import collections
import csv
import enum
import functools
import heapq
import inspect
import io
import itertools
import json
import statistics
import threading
from threading import Lock, Thread, current_thread

from programs_told import together as go


class Key:
    """Hashes and compares like the value that it is made from."""

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        return self.value == getattr(other, "value", other)


# ------------------------------------------------ keys


def race_key_is_an_object():
    """Each run makes another one."""
    key = object()
    total = {key: 0}

    def add():
        total[key] += 1

    go(add, add)
    assert total[key] == 2


def race_key_is_a_class():
    class Kind:
        pass

    total = {Kind: 0}

    def add():
        total[Kind] += 1

    go(add, add)
    assert total[Kind] == 2


def race_key_is_a_lock():
    lock = Lock()
    total = {(lock, "n"): 0}

    def add():
        total[lock, "n"] += 1

    go(add, add)
    assert total[lock, "n"] == 2


def race_key_is_a_member():
    class Colour(enum.Enum):
        RED = 1

    total = {Colour.RED: 0}

    def add():
        total[Colour.RED] += 1

    go(add, add)
    assert total[Colour.RED] == 2


def ok_each_its_own_key():
    """By thread: nobody is in anybody's way but for the order of keys."""
    total = {}

    def add():
        total[current_thread()] = 0
        total[current_thread()] += 1

    go(add, add)
    assert list(total.values()) == [1, 1]


def race_key_like_a_plain_one():
    total = {1: 0}

    def one():
        total[Key(1)] = total[1] + 1

    def other():
        total[1] = total[Key(1)] + 1

    go(one, other)
    assert total[1] == 2


def race_text_of_another_kind():
    class Text(str):
        pass

    total = {"a": 0}

    def one():
        total[Text("a")] = total["a"] + 1

    def other():
        total["a"] = total[Text("a")] + 1

    go(one, other)
    assert total["a"] == 2


def race_cached_by_equal_objects():
    """One entry for both, whatever they look like when written out."""
    calls = []

    @functools.cache
    def made(key):
        calls.append(1)
        return len(calls)

    go(lambda: made(Key(1)), lambda: made(Key(1)))
    assert len(calls) == 1


# ------------------------------------------------ generators that threads share


def numbers():
    yield 1
    yield 2
    yield 3


def both_draw(draw):
    shared = numbers()

    def work():
        try:
            draw(shared)
        except statistics.StatisticsError:
            pass

    go(work, work)


def exception_shared_by_merges():
    both_draw(lambda shared: list(heapq.merge(shared, [5])))


def exception_shared_by_means():
    both_draw(statistics.fmean)


def exception_shared_by_nsmallest():
    both_draw(lambda shared: heapq.nsmallest(1, shared))


def exception_shared_by_zips():
    shared = numbers()
    go(lambda: list(zip(shared, shared)), lambda: next(shared, None))


def exception_shared_by_a_map():
    texts = map(str, numbers())
    go(lambda: next(texts), lambda: next(texts))


def exception_shared_by_a_chain():
    """It hands on what a generator gives, to whoever asks."""
    chained = itertools.chain(numbers())
    go(lambda: next(chained), lambda: list(chained))


def exception_shared_by_writelines():
    lines = (f"{number}" for number in range(2))
    go(lambda: io.StringIO().writelines(lines), lambda: io.StringIO().writelines(lines))


def exception_shared_by_searches():
    shared = numbers()
    go(lambda: 5 in shared, lambda: 5 in shared)


def ok_shared_under_a_lock():
    shared, lock, got = numbers(), Lock(), []

    def work():
        with lock:
            got.extend(heapq.merge(itertools.islice(shared, 1), []))

    go(work, work)
    assert got == [1, 2]


def ok_own_ones_merged():
    got = []

    def work():
        got.append(list(heapq.merge(numbers(), [5])))

    go(work, work)
    assert got == [[1, 2, 3, 5]] * 2


def ok_state_of_a_generator():
    """Who asks about it draws nothing from it."""
    shared, states = numbers(), []
    next(shared)
    go(lambda: states.append(inspect.getgeneratorstate(shared)), lambda: None)
    assert states == [inspect.GEN_SUSPENDED]


def race_kept_by_a_number_that_comes_again():
    """A thread that starts when another one has ended may get its number."""
    kept, lock = {}, Lock()

    def keep(value):
        with lock:
            kept[threading.get_ident()] = value

    go(lambda: keep(1), lambda: keep(2))
    assert sum(kept.values()) == 3


def race_kept_by_an_ident_that_comes_again():
    kept = {}

    def keep(value):
        kept[threading.current_thread().ident] = value

    go(lambda: keep(1), lambda: keep(2))
    assert sum(kept.values()) == 3


def ok_reentrant_by_number():
    """Who owns it has not ended: nobody else has its number."""
    lock, state = Lock(), {"owner": None, "deep": 0}
    seen = []

    def enter():
        if state["owner"] != threading.get_ident():
            lock.acquire()
            state["owner"] = threading.get_ident()
        state["deep"] += 1

    def leave():
        state["deep"] -= 1
        if not state["deep"]:
            state["owner"] = None
            lock.release()

    def use():
        enter()
        enter()
        seen.append(1)
        leave()
        leave()

    go(use, use)
    assert len(seen) == 2
