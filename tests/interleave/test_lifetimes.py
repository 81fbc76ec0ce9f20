"""What an exploration does not know of the death of objects, it says."""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
import weakref
from collections.abc import Callable
from threading import Lock

import pytest
from programs_told import together

from helpers.interleave import explore


class Being:
    n = 0


def called_back() -> None:
    box, out = [Being()], [0]
    reference = weakref.ref(box[0], lambda _: out.append(1))
    together(box.clear, lambda: out.append(2))
    assert reference


def finalizer() -> None:
    being, out = Being(), [0]
    last = weakref.finalize(being, out.append, 1)
    together(last, last)


def finalizer_method() -> None:
    class Last:
        def __del__(self) -> None:
            out.append(1)

    box, out = [Last()], [0]
    together(box.clear, lambda: out.append(2))


def collector() -> None:
    together(gc.collect, gc.collect)


def counted() -> None:
    being = Being()
    box, seen = [being], [0]
    together(box.clear, lambda: seen.append(sys.getrefcount(being)))


def dropped_after_the_look() -> None:
    """The thread that looks comes first in every schedule that differs on nothing else."""
    strong, seen = [Being()], [0]
    weak = weakref.WeakSet(strong)
    together(lambda: seen.append(len(weak)), strong.clear)


def never_waited_for() -> None:
    import threading

    being = Being()
    weak = weakref.WeakSet([being])
    threading.Thread(target=lambda: len(weak)).start()


def cut_short_in_c() -> None:
    lock = Lock()

    def two() -> object:
        with lock:
            yield 1
            yield 2

    def one() -> None:
        list(itertools.islice(two(), 1))  # type: ignore[call-overload]

    together(one, int)


@pytest.mark.parametrize(
    "program",
    [
        called_back, finalizer, finalizer_method, collector, counted, dropped_after_the_look,
        never_waited_for, cut_short_in_c,
    ],
)  # fmt: skip
def test_what_is_not_known_of_a_death_is_said(program: Callable[[], None]) -> None:
    report = explore(program)
    assert not report.complete
    assert "the moment at which" in report.left_out


def left_in_many_ways() -> None:
    lock = Lock()

    def two() -> object:
        with lock:
            yield 1
            yield 2

    def one() -> None:
        with contextlib.suppress(ValueError):
            for _ in two():  # type: ignore[attr-defined]
                raise ValueError
        next(two())  # type: ignore[call-overload]

    together(one, one)
    kept = two()
    next(kept)  # type: ignore[call-overload]
    lock.acquire()


def test_a_generator_that_is_closed_after_its_run_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.unraisablehook
    assert explore(left_in_many_ways).verdict == "deadlock"
    gc.collect()
    assert capsys.readouterr() == ("", "")
    assert sys.unraisablehook is before
