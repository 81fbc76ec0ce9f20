"""The work of the lessons: the same everywhere, a fixed amount, and easy to stop."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helpers import work
from helpers.machine import gil_enabled
from helpers.run import RunError, Stopped, controlled, run
from helpers.timeline import Timeline

ROOT = Path(__file__).parents[2]
METHODS = multiprocessing.get_all_start_methods()
COMPUTING = [work.crunch, work.hash_bytes, work.compress]
FAST = "20000000,2000000000,400000000"


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the calibration that children and this process find; removed afterwards."""
    return lambda text: monkeypatch.setenv(work.VARIABLE, text)


# ----------------------------------------------------- waiting and computing


@pytest.mark.parametrize("job", [*COMPUTING, work.mixed])
@pytest.mark.parametrize("using", ["threads", *METHODS])
def test_the_result_is_the_same_for_every_worker(job: Callable[[float], Any], using: str) -> None:
    expected = job(0.004)
    assert run(job, [0.004] * 3, workers=2, using=using).results == [expected] * 3


@pytest.mark.parametrize(("kind", "job"), list(enumerate(COMPUTING)))
def test_computing_is_an_amount_that_grows_with_seconds(
    kind: int, job: Callable[[float], Any], rates: Callable[[str], None]
) -> None:
    rates(FAST)
    assert work._amount(kind, 0.04) == 2 * work._amount(kind, 0.02)
    assert job(0) != job(0.01)


def test_the_hash_is_the_one_of_so_many_zeros(rates: Callable[[str], None]) -> None:
    rates(FAST)
    size = work._amount(1, 0.005)
    assert size > 2 * len(work.PIECE)
    assert work.hash_bytes(0.005) == sha256(bytes(size)).hexdigest()


def test_compress_goes_through_every_byte(rates: Callable[[str], None]) -> None:
    rates(FAST)
    pieces = [len(work.PIECE), work._amount(2, 0.015) - len(work.PIECE)]
    assert work.compress(0.015) == sum(len(zlib.compress(bytes(size))) for size in pieces)


def test_no_piece_for_c_code_takes_long_at_a_slow_computer_s_rate(
    rates: Callable[[str], None],
) -> None:
    rates("1000000,100000000,100000000")
    largest = max(len(piece) for piece in work._pieces(work._amount(1, 1)))
    assert largest / 100_000_000 <= 0.05


def test_waiting_waits_and_is_not_computing() -> None:
    timeline = Timeline()
    with timeline.span("waiting"):
        assert work.wait(0.15) == 0.15
    (span,) = timeline.spans
    assert span.seconds >= 0.149
    assert span.kind == "waited"


@pytest.mark.parametrize("job", COMPUTING)
def test_computing_is_not_waiting(job: Callable[[float], Any]) -> None:
    timeline = Timeline()
    for _ in range(5):  # on a busy computer one may only wait for its turn
        with timeline.span("computing"):
            job(0.03)
    assert "ran" in {span.kind for span in timeline.spans}


def test_mixed_work_does_some_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(work, "sleep", waited.append)
    ticks = iter([0, 0, 10**9, 10**9])
    monkeypatch.setattr(work, "perf_counter_ns", lambda: next(ticks))
    assert work.mixed(0.1) == work.crunch(0.05)
    assert waited == [0.05]


@pytest.mark.parametrize("job", [work.wait, work.mixed, *COMPUTING])
@pytest.mark.parametrize(
    "seconds",
    [
        -1,
        -0.001,
        float("nan"),
        float("inf"),
        3601,
        pytest.param(10**400, id="huge"),
        "1",
        None,
        [1],
    ],
)
def test_seconds_that_make_no_sense_are_named(job: Callable[[Any], Any], seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^seconds must be a number from 0 to 3600, not ") as info:
        job(seconds)
    assert len(str(info.value)) < 120


@pytest.mark.parametrize("job", [work.wait, work.crunch, work.hash_bytes, work.compress])
def test_a_thread_doing_an_hour_of_it_can_be_stopped(job: Callable[[float], Any]) -> None:
    work.calibration()
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with controlled(stop), pytest.raises(Stopped) as info:
        run(job, [3600], using="threads", timeout=30)
    assert "could not be stopped" not in str(info.value)


@pytest.mark.parametrize(("kind", "job"), [(1, work.hash_bytes), (2, work.compress)])
def test_python_code_runs_while_c_code_computes(
    kind: int, job: Callable[[float], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is one call into C, so nothing else could run in its middle under the GIL.

    One success proves it; a busy system may not run us during a single call.
    """
    monkeypatch.setattr(work, "PIECE", memoryview(bytes(work._amount(kind, 0.05))))
    assert any(_ticks_in_the_middle(job) for _ in range(20))


def _ticks_in_the_middle(job: Callable[[float], Any]) -> bool:
    timeline, ticks = Timeline(), []
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(timeline.wrap(job), 0.05)
        while not future.done():
            ticks.append(time.perf_counter_ns())
    (span,) = timeline.spans
    quarter = (span.stop - span.start) // 4
    return any(span.start + quarter < tick < span.stop - quarter for tick in ticks)


def test_computing_in_python_never_has_two_threads_at_once() -> None:
    """Under the GIL all threads together have no more CPU time than one CPU gives."""
    if not gil_enabled():
        pytest.skip("this Python runs without the GIL")
    work.calibration()
    timeline = run(work.crunch, [0.05] * 4, workers=4)
    assert sum(span.cpu_time for span in timeline.spans) / 1e9 <= 1.05 * timeline.elapsed


# ------------------------------------------------------ how much is a second


def test_it_is_measured_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(work.VARIABLE, raising=False)
    measured: list[int] = []
    together = threading.Barrier(4)

    def measure(job: object, amount: int) -> int:
        measured.append(amount)
        time.sleep(0.02)  # so that the others come in the meantime
        return amount

    def ask(_: int) -> str:
        together.wait(10)
        return work.calibration()

    monkeypatch.setattr(work, "_per_second", measure)
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(4)))
    assert len(answers) == 1
    assert len(measured) == len(COMPUTING)


def refuse(*_: object) -> int:
    raise AssertionError("measured again")


def rates_found(_: object) -> tuple[str, list[int]]:
    """In a child: what it finds, and what it then computes with, without measuring."""
    work.__dict__["_per_second"] = refuse
    return work.calibration(), [work._amount(kind, 1) for kind in range(3)]


@pytest.mark.parametrize("method", [m for m in METHODS if m != "forkserver"])
def test_children_inherit_it(method: str, rates: Callable[[str], None]) -> None:
    rates("1234567,2345678,3456789")
    with multiprocessing.get_context(method).Pool(1) as pool:
        found = pool.map_async(rates_found, [0]).get(timeout=60)
    assert found == [("1234567,2345678,3456789", [1234567, 2345678, 3456789])]


@pytest.mark.skipif("forkserver" not in METHODS, reason="no fork server on this system")
def test_run_hands_it_to_workers_of_a_fork_server_that_started_before(
    rates: Callable[[str], None],
) -> None:
    run(rates_found, [0], using="forkserver")
    rates("1234567,2345678,3456789")
    (found,) = run(rates_found, [0], using="forkserver").results
    assert found[0] == "1234567,2345678,3456789"


@pytest.mark.parametrize(
    "text", ["", "fast", "1,2", "1,2,3,4", "-1,2,3", "1.5,2,3", "nan,1,1", f"{'9' * 5000},1,1"]
)
def test_garbage_in_the_environment_is_measured_over(
    text: str, rates: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates(text)
    monkeypatch.setattr(work, "_per_second", lambda job, amount: 777)
    assert work._amount(0, 2) == 2 * 777
    assert os.environ[work.VARIABLE] == "777,777,777"


@given(st.text(max_size=40))
@example("0,0,0")
@example("²,3,4")
def test_no_text_in_the_environment_breaks_it(text: str) -> None:
    rates = work._parsed(text)
    assert rates == [] or (len(rates) == 3 and min(rates) >= 1)


def test_what_another_process_measured_is_taken_over(rates: Callable[[str], None]) -> None:
    rates("1,1,1")
    work.calibrate_as("5,6,7")
    work.calibrate_as("garbage")
    assert work.calibration() == "5,6,7"


def test_a_measurement_gives_work_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([3_000_000, 2_000_000] * work.BURSTS)
    monkeypatch.setattr(work, "_burst", lambda job, amount: next(times))
    assert work._per_second(work._crunch, 1000) == 500_000  # of 1000 rounds in 2 ms


@pytest.mark.skipif("fork" not in METHODS, reason="no fork on this system")
def test_a_fork_during_the_measurement_does_not_hang_the_child() -> None:
    context = multiprocessing.get_context("fork")
    with work._lock:
        child = context.Process(target=work.calibration)
        child.start()
    child.join(30)
    assert child.exitcode == 0


# ------------------------------------------------------------ the small ones


def test_what_fails_says_at_which_item() -> None:
    with pytest.raises(ValueError, match="nothing can be done with 'seven'"):
        work.fail("seven")


def test_what_dies_takes_its_process_with_it() -> None:
    code = "from helpers.work import die\ntry: die(1)\nfinally: print('clean-up')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == (-9 if hasattr(os, "fork") else 15)
    assert done.stdout == ""


def test_what_never_ends_can_be_stopped() -> None:
    with pytest.raises(RunError, match="All workers were told to stop") as info:
        run(work.forever, ["x"], timeout=0.2)
    assert "could not be stopped" not in str(info.value)


def test_what_cannot_be_pickled_cannot() -> None:
    answer = work.unpicklable(3)
    assert answer() == 3
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(answer)


@pytest.mark.parametrize("using", ["thread", "process"])
def test_two_printers_are_recorded_word_by_word_and_overlap(using: str) -> None:
    timeline = Timeline()
    make: Any = (
        threading.Thread if using == "thread" else multiprocessing.get_context("spawn").Process
    )
    workers = [make(target=say, args=(timeline, 0.2)) for say in (work.numbers, work.letters)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    said = [[span.name for span in lane] for lane in timeline.lanes().values()]
    assert sorted(said) == [list("12345"), list("ABCDE")]
    if using == "thread":
        assert timeline.at_once() == 2


def test_threads_append_to_one_list_and_processes_to_copies() -> None:
    shared: list[int] = []
    run(partial(work.append_to, shared), [1, 2, 3], using="threads")
    assert sorted(shared) == [1, 2, 3]
    seen = run(partial(work.append_to, shared), [4], using="spawn").results
    assert sorted(seen[0]) == [1, 2, 3, 4]
    assert 4 not in shared


@pytest.mark.skipif("fork" not in METHODS, reason="no fork on this system")
def test_a_forked_process_sees_the_board_and_a_spawned_one_its_own() -> None:
    work.board.append("written before")
    try:
        assert run(work.read_board, [0], using="fork").results == [["written before"]]
        assert run(work.read_board, [0], using="spawn").results == [[]]
    finally:
        work.board.clear()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_ping_pong_ends_after_so_many_rounds(kind: str) -> None:
    home: Any = threading if kind == "threads" else multiprocessing.get_context("spawn")
    make = home.Thread if kind == "threads" else home.Process
    ping, pong = home.Semaphore(1), home.Semaphore(0)
    other = make(target=work.bounce, args=(pong, ping, 20), daemon=True)
    other.start()
    me = threading.Thread(target=work.bounce, args=(ping, pong, 20), daemon=True)
    me.start()
    for worker in (me, other):
        worker.join(60)
        assert not worker.is_alive()
    assert ping.acquire(timeout=1)
    assert not pong.acquire(timeout=0)


def test_echo_gives_back_what_came() -> None:
    thing = [1, 2]
    assert work.echo(thing) is thing


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"multiprocessing", "hashlib", "zlib", "dataclasses", "json", "tempfile", "numpy"}
    code = f"import sys; import helpers.work; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(command, text=True, timeout=60, cwd=ROOT) == "[]\n"


# --------------------------------------------------------------- for lesson 03

SPAWN = multiprocessing.get_context("spawn")


def test_start_and_join_ends_what_does_not_end_by_itself() -> None:
    endless = SPAWN.Process(target=work.forever, args=(0,), name="endless")
    with pytest.raises(TimeoutError, match=r"endless had not ended after 0\.3 s"):
        work.start_and_join(endless, seconds=0.3)
    assert not endless.is_alive()


def test_start_and_join_leaves_no_process_where_another_cannot_be_started() -> None:
    endless, started = (SPAWN.Process(target=work.forever, args=(0,)) for _ in range(2))
    started.start()
    with pytest.raises(AssertionError, match="start a process twice"):
        work.start_and_join(endless, started)
    assert not endless.is_alive()
    assert not started.is_alive()


def test_a_start_method_that_is_not_safe_on_macos_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert work.start_methods() == sorted(
        {m for m in METHODS if (m, sys.platform) != ("fork", "darwin")}
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "fork" not in work.start_methods()


def test_quietly_hides_the_traceback_and_not_the_exit_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    child = SPAWN.Process(target=work.quietly, args=(work.fail, 1))
    work.start_and_join(child)
    assert child.exitcode == 1
    assert capfd.readouterr().err == ""


def test_fragile_waits_but_dies_of_a_negative_number() -> None:
    children = [SPAWN.Process(target=work.fragile, args=(x,)) for x in (0.01, -1)]
    work.start_and_join(*children)
    assert children[0].exitcode == 0
    assert children[1].exitcode != 0


def test_a_lock_that_is_held_is_held_in_a_forked_process_only() -> None:
    with work.latch:
        taken = {m: run(work.latch_is_taken, [0], 1, m).results for m in work.start_methods()}
    assert taken == {method: [method == "fork"] for method in taken}


def test_a_value_and_an_array_are_written_by_every_process() -> None:
    count, squares = SPAWN.Value("i", 0), SPAWN.Array("i", 3)
    arguments = [(count, squares, i) for i in range(3)]
    work.start_and_join(*(SPAWN.Process(target=work.tally, args=a) for a in arguments))
    assert (count.value, squares[:]) == (3, [0, 1, 4])


@given(st.binary(min_size=1, max_size=5000))
def test_a_shared_copy_has_the_bytes_until_its_block_ends(data: bytes) -> None:
    with work.shared_copy(data) as (name, size):
        assert work.checksum_at(name, size) == work.checksum(data) == zlib.adler32(data)
    with pytest.raises(FileNotFoundError):
        work.checksum_at(name, size)


@pytest.mark.parametrize("thing", [lambda: 1, threading.Lock(), (x for x in "a")])
def test_what_has_no_name_or_lives_here_only_cannot_be_pickled(thing: object) -> None:
    assert not work.pickles(thing)


def test_what_is_pickled_comes_back_equal_and_as_another_object() -> None:
    thing = {"a": [1, 2]}
    assert work.pickles(thing)
    assert work.repickled(thing) == thing
    assert work.repickled(thing) is not thing
    assert run(work.echo, [thing], 1, "spawn").results == [thing]


def test_times_says_who_computed_it() -> None:
    assert work.times(3, 5) == (os.getpid(), 15)
    (pid, product), *_ = run(partial(work.times, 3), [5], 1, "spawn").results
    assert pid != os.getpid()
    assert product == 15
