"""Who holds the GIL: laws that no load on the computer can break."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import gil
from helpers.gil import RAN, STARVED, Watcher, holds, watch
from helpers.machine import gil_enabled, usable_cpus
from helpers.run import RunError, Stopped, controlled
from helpers.timeline import Timeline
from helpers.work import compress, crunch, fail, hash_bytes, wait

ROOT = Path(__file__).parents[2]
METHODS = multiprocessing.get_all_start_methods()
needs_gil = pytest.mark.skipif(not gil_enabled(), reason="this Python runs without the GIL")
MS = 1_000_000


@pytest.fixture(autouse=True)
def the_switch_interval_is_what_it_was() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    assert sys.getswitchinterval() == before


# ------------------------------------------------------------------- the laws


@needs_gil
@pytest.mark.parametrize("interval", [0.000001, 0.0001, 0.001, 0.005, 0.02])
def test_under_the_gil_never_two_threads_run_at_once(interval: float) -> None:
    timeline = watch(0.2, workers=3, interval=interval)
    assert timeline.at_once() <= 1  # 0 where nobody has two ticks in a row, so no time at all
    assert len(timeline.lanes()) == 3


@needs_gil
@pytest.mark.parametrize("interval", [0.001, 0.005, 0.02])
def test_nobody_keeps_the_gil_for_less_than_the_switch_interval(interval: float) -> None:
    kept = sorted(holds(watch(0.4, workers=3, interval=interval)))
    assert len(kept) > 3
    assert kept[len(kept) // 20] >= 0.98 * interval


@needs_gil
def test_without_an_interval_the_one_in_force_counts() -> None:
    kept = sorted(holds(watch(0.4, workers=2)))
    assert kept[len(kept) // 20] >= 0.98 * sys.getswitchinterval()


PARALLEL = METHODS if gil_enabled() else [*METHODS, "threads"]


@pytest.mark.parametrize("using", PARALLEL)
def test_without_a_common_gil_two_run_at_once(using: str) -> None:
    if usable_cpus() < 2:
        pytest.skip("one CPU runs one worker at a time")
    for _ in range(6):
        if watch(0.1, workers=2, using=using).at_once() == 2:
            return
    pytest.skip("others kept this computer's CPUs busy")


# ------------------------------------------------------------------- the watch


@pytest.mark.parametrize("using", ["threads", *METHODS])
def test_every_worker_has_a_lane_with_what_it_ran(using: str) -> None:
    timeline = watch(0.1, workers=3, using=using)
    assert sorted(timeline.lanes()) == ["worker 1", "worker 2", "worker 3"]
    assert {span.name for span in timeline.spans} <= {RAN, STARVED}
    assert {span.kind for span in timeline.spans if span.seconds} == {"ran"}
    assert len({span.pid for span in timeline.spans}) == (1 if using == "threads" else 3)


def test_it_ends_for_all_workers_at_one_moment() -> None:
    assert watch(0.05, workers=3).elapsed <= 0.05  # nobody's last tick comes after it


def test_one_worker_alone_may_be_serial() -> None:
    timeline = watch(0.01, workers=1, using="serial")
    assert timeline.at_once() == 1
    assert holds(timeline) == []


def test_an_executor_can_bring_the_threads_and_sees_the_interval() -> None:
    seen: list[float] = []
    with ThreadPoolExecutor(2, initializer=lambda: seen.append(sys.getswitchinterval())) as pool:
        watch(0.02, workers=2, using=pool, interval=0.25)
    assert seen == [0.25, 0.25]


def test_workers_that_cannot_meet_are_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gil, "MEETING", 0.2)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(RunError, match=r"only 1 of 2 workers began within 0\.2 s"),
    ):
        watch(0.02, workers=2, using=pool, interval=0.25)


@pytest.mark.parametrize("using", ["threads", "spawn"])
def test_stop_ends_it_and_brings_the_interval_back(using: str) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with controlled(stop), pytest.raises(Stopped) as info:
        watch(60, workers=2, using=using, interval=0.002)
    assert "could not be stopped" not in str(info.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seconds": 0}, r"seconds must be a number from 0\.001 to 60, not 0$"),
        ({"seconds": float("nan")}, "seconds must be .* not nan$"),
        ({"seconds": "1"}, "seconds must be .* not '1'$"),
        ({"seconds": 61}, "seconds must be"),
        ({"interval": 0}, r"interval must be a number of seconds from 0\.000001 to 1, not 0$"),
        ({"interval": 5}, "interval must be .* not 5$"),
        ({"interval": "fast"}, "interval must be .* not 'fast'$"),
        ({"workers": 0}, "workers must be a whole number"),
        ({"workers": -1}, "workers must be a whole number"),
        ({"workers": 2.5}, "workers must be a whole number"),
        ({"workers": "four"}, "workers must be a whole number"),
        ({"workers": 10_000}, "workers must be a whole number"),
        ({"using": "magic"}, "using must be one of"),
        ({"using": "serial"}, 'using must let 3 workers run at once, which "serial" does not'),
    ],
)
def test_arguments_that_cannot_work_are_named_before_anything_starts(
    arguments: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watcher, "__call__", lambda *_: pytest.fail("it has started"))
    with pytest.raises(ValueError, match=sentence):
        watch(**arguments)


# ---------------------------------------------------------- ticks become spans


def burn(ticks: list[int], stop: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    clock = iter(ticks)
    monkeypatch.setattr(gil, "perf_counter_ns", lambda: next(clock))
    timeline = Timeline()
    Watcher(timeline, "", 1, 0, gap=100)._burn("worker 1", stop)
    assert list(clock) == []
    return [(span.name, span.start, span.stop, span.cpu_time) for span in timeline.spans]


def test_a_jump_of_the_clock_ends_a_span_and_begins_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans = burn([0, 50, 150, 251, 300, 900, 1000], 1000, monkeypatch)
    assert spans == [(RAN, 0, 150, 150), (RAN, 251, 300, 49), (RAN, 900, 900, 1)]


def test_a_tick_after_the_end_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert burn([0, 60, 5000], 1000, monkeypatch) == [(RAN, 0, 60, 60)]


def test_a_worker_that_never_had_its_turn_is_recorded_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert burn([1000], 1000, monkeypatch) == [(STARVED, 1000, 1000, -1)]


@pytest.mark.parametrize(
    ("interval", "gap"), [(0.005, 100_000), (0.0001, 50_000), (0.000002, 1000)]
)
def test_a_gap_is_shorter_than_any_turn_of_the_others(interval: float, gap: int) -> None:
    with gil.switch_interval(interval):
        assert gil._gap() == pytest.approx(gap, abs=1)


def test_workers_agree_on_a_start_that_is_ahead_of_all(tmp_path: Path) -> None:
    watcher = Watcher(Timeline(), str(tmp_path), 3, 0, 0)
    with ThreadPoolExecutor(3) as pool:
        starts = set(pool.map(watcher._meet, range(3)))
    arrivals = [int(path.name.partition("-")[0]) for path in tmp_path.iterdir()]
    assert starts == {max(arrivals) + gil.LEAD}


# ----------------------------------------------------------------------- holds


def timeline_of(*spans: tuple[str, int, int], name: str = RAN) -> Timeline:
    timeline = Timeline()
    for lane, start, stop in spans:
        timeline.add(name, lane, start * MS, stop * MS)
    return timeline


def test_a_hold_goes_from_the_first_tick_of_one_to_the_first_of_another() -> None:
    timeline = timeline_of(("a", 0, 5), ("b", 6, 11), ("a", 12, 14))
    assert holds(timeline) == [0.006, 0.006]


def test_an_interruption_by_the_system_does_not_end_a_hold() -> None:
    assert holds(timeline_of(("a", 0, 1), ("a", 5, 8), ("b", 9, 10))) == [0.009]


def test_who_never_ran_held_nothing() -> None:
    timeline = timeline_of(("a", 0, 5))
    timeline.add(STARVED, "b", 5 * MS, 5 * MS)
    assert holds(timeline) == holds(Timeline()) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), max_size=20))
def test_holds_add_up_to_the_time_until_the_last_owner(turns: list[tuple[str, int]]) -> None:
    timeline, now, last_owner_since, owner = Timeline(), 0, 0, ""
    for lane, length in turns:
        if lane != owner:
            owner, last_owner_since = lane, now
        timeline.add(RAN, lane, now, now + length)
        now += length
    assert sum(holds(timeline)) == pytest.approx(last_owner_since / 1e9)


def test_importing_it_loads_nothing_slow() -> None:
    heavy = {"tempfile", "json", "dataclasses", "matplotlib"}
    code = f"import sys; import helpers.gil; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(command, text=True, timeout=60, cwd=ROOT) == "[]\n"


# ------------------------------------------------- who gives the GIL away


@needs_gil
def test_computing_in_python_gives_no_turn_to_others() -> None:
    crunch(0)  # calibrates, which does give turns
    assert gil.turns(lambda: crunch(0.05)) == 0


@needs_gil
def test_c_code_that_keeps_the_gil_gives_no_turn_to_others() -> None:
    numbers = [hash(str(n)) for n in range(100_000)]
    assert gil.turns(lambda: sorted(numbers)) == 0


@pytest.mark.parametrize("work", [wait, hash_bytes, compress])
def test_waiting_and_c_code_that_lets_go_give_turns(work: Callable[[float], object]) -> None:
    assert gil.turns(lambda: work(0.1)) > 0


def test_a_call_that_fails_leaves_no_onlooker() -> None:
    with pytest.raises(ValueError, match="nothing can be done"):
        gil.turns(lambda: fail("it"))
    assert "onlooker" not in [thread.name for thread in threading.enumerate()]
