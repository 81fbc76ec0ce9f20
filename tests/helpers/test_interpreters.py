"""`run(using="interpreters")`: as processes do, in this process; and nothing is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from helpers import work
from helpers.run import RunError, Stopped, controlled, run
from helpers.run.interpreters import plain
from helpers.timeline import Timeline

there = pytest.mark.skipif(sys.version_info < (3, 14), reason="interpreters came with Python 3.14")
USING = "interpreters"


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    before, files = set(threading.enumerate()), open_files()
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    assert open_files() <= files
    if sys.version_info >= (3, 14):
        from concurrent import interpreters  # type: ignore[attr-defined, unused-ignore]

        assert len(interpreters.list_all()) == 1


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there are interpreters")
def test_an_older_python_says_which_one_it_takes() -> None:
    with pytest.raises(ValueError, match=r'using="interpreters" takes Python 3.14 or later'):
        run(work.wait, [0.1], using=USING)


@there
def test_each_worker_has_a_lane_and_an_interpreter_in_this_process() -> None:
    work.board.append("written here")
    try:
        timeline = run(work.read_board, range(6), 2, USING, startup=True)
    finally:
        work.board.clear()
    assert timeline.results == [[]] * 6, "a module is imported anew in each"
    assert {span.pid for span in timeline.spans} == {os.getpid()}
    assert sorted(timeline.lanes()) == ["worker 1", "worker 2"]
    assert [lane[0].name for lane in timeline.lanes().values()] == ["start", "start"]


@there
def test_waits_overlap_and_results_stand_in_order() -> None:
    timeline = run(work.wait, [0.2, 0.1, 0.2], 3, USING)
    assert timeline.results == [0.2, 0.1, 0.2]
    assert timeline.at_once() == 3


@there
def test_an_error_comes_home_with_its_type() -> None:
    with pytest.raises(RunError, match=r"failed in worker 1: ValueError: nothing can be") as caught:
        run(work.fail, [3], 1, USING)
    assert type(caught.value.__cause__) is ValueError
    assert [span.outcome for span in caught.value.timeline.spans] == [
        "ValueError: nothing can be done with 3"
    ]


@there
def test_keep_going_does_all_the_rest() -> None:
    with pytest.raises(RunError, match=r"1 other item failed as well. Everything") as caught:
        run(fails_for_odd, [0, 1, 2, 3], 2, USING, keep_going=True)
    assert caught.value.timeline.results == [0, None, 2, None]


def fails_for_odd(x: int) -> int:
    if x % 2:
        raise KeyError(x)
    return x


@there
@pytest.mark.parametrize("item", [work.crunch, work.wait])
def test_its_deadline_ends_a_call(item: Any) -> None:
    began = time.perf_counter()
    with pytest.raises(RunError, match=r"Not finished after 3 s"):
        run(item, [50, 50], 2, USING, timeout=3)
    assert time.perf_counter() - began < 20


@there
def test_stop_ends_a_call() -> None:
    stop = threading.Event()
    threading.Timer(2, stop.set).start()
    with controlled(stop), pytest.raises(Stopped, match="0 of 2 items done"):
        run(work.forever, [1, 2], 2, USING)


@there
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no such signal")
def test_an_interrupt_ends_a_call() -> None:
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(2, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run(work.crunch, [50, 50], 2, USING)


@there
def test_who_cannot_be_told_is_named_and_ends_with_its_call() -> None:
    with pytest.raises(RunError, match=r"could not be stopped: worker 1 \(ends with its call\)"):
        run(time.sleep, [6], 1, USING, timeout=1.5)


@there
def test_python_ends_though_one_waits_for_ever(tmp_path: Any) -> None:
    (tmp_path / "stuck.py").write_text(
        "import threading\n\n\ndef stuck(x):\n    threading.Event().wait()\n"
    )
    code = """
import stuck
from helpers.run import RunError, run
try:
    run(stuck.stuck, [1], 1, "interpreters", timeout=2)
except RunError as error:
    print(error)
"""
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "could not be stopped: worker 1" in done.stdout


@there
@pytest.mark.parametrize(
    ("call", "item", "words"),
    [
        (work.echo, threading.Lock(), "cannot be sent to another interpreter"),
        (work.unpicklable, 1, "it returned a function, which cannot be sent back"),
        (work.thumbnail, b"", "the module PIL._imaging does not load in a subinterpreter"),
        (partial(work.darken, "", (1,), 1), 1, "the module numpy.* does not load in a subinterp"),
    ],
)
def test_what_cannot_cross_gets_a_sentence(call: Any, item: Any, words: str) -> None:
    with pytest.raises(RunError, match=words) as caught:
        run(call, [item], 1, USING)
    assert "\n" not in str(caught.value)
    assert all("\n" not in span.outcome for span in caught.value.timeline.spans)


@there
def test_a_module_that_does_not_load_there_is_named_at_the_start() -> None:
    from helpers.timeline.columns import columns

    with pytest.raises(RunError, match=r"worker 1 could not start \(ImportError: the module num"):
        run(columns, [Timeline()], 1, USING)


@there
def test_a_function_of_main_and_a_lambda_are_refused_before_anything_starts() -> None:
    code = """
from helpers.run import run
def mine(x): return x
try:
    run(mine, [1], 1, "interpreters")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert "another interpreter can import, and mine is not: it is defined in" in done.stdout
    with pytest.raises(ValueError, match="it is a lambda"):
        run(lambda x: x, [1], 1, USING)


@pytest.mark.parametrize("chained", [False, True])
def test_a_wall_of_text_becomes_a_sentence(chained: bool) -> None:
    error = ImportError("module a._b does not support loading in subinterpreters")
    if chained:
        wall = ImportError("IMPORTANT\n\nread this")
        wall.__cause__ = error
        error = wall
    assert str(plain(error)) == "the module a._b does not load in a subinterpreter"


def test_any_other_error_stays_what_it_is() -> None:
    error = ImportError("No module named 'a'")
    assert plain(error) is error
