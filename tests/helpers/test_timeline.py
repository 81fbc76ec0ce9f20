"""Recording loses nothing, wherever it happens, and the measures mean what they say."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobs
from helpers.folders import HERE, OURS
from helpers.timeline import NEAR, Span, Timeline, merged, outermost

METHODS = multiprocessing.get_all_start_methods()
MS = 1_000_000


def timeline_of(*spans: tuple[str, str, int, int]) -> Timeline:
    timeline = Timeline()
    for name, lane, start, stop in spans:
        timeline.add(name, lane, start, stop)
    return timeline


# ------------------------------------------------------------------ recording


def test_a_span_has_its_name_lane_process_and_a_start_before_its_stop() -> None:
    timeline = Timeline()
    with timeline.span("load"):
        pass
    (span,) = timeline.spans
    assert (span.name, span.lane, span.pid, span.outcome) == ("load", "main", os.getpid(), "ok")
    assert span.start <= span.stop


def test_an_exception_is_recorded_and_goes_on() -> None:
    timeline = Timeline()
    with pytest.raises(ValueError, match="no such thing"), timeline.span("load"):
        raise ValueError("no such thing")
    assert timeline.spans[0].outcome == "ValueError: no such thing"


def test_a_span_that_sleeps_waited_and_one_that_computes_did_not() -> None:
    timeline = Timeline()
    with timeline.span("sleep"):
        time.sleep(0.05)
    with timeline.span("compute"):
        sum(range(300_000))
    assert [span.kind for span in timeline.spans] == ["waited", "ran"]


def test_without_cpu_the_share_is_unknown() -> None:
    timeline = Timeline(cpu=False)
    with timeline.span("sleep"):
        time.sleep(0.01)
    assert timeline.spans[0].cpu is None
    assert timeline.spans[0].kind == "unknown"


def test_the_share_of_a_span_too_short_to_measure_is_unknown() -> None:
    timeline = Timeline()
    for _ in range(200):
        with timeline.span("nothing"):
            pass
    short = [span for span in timeline.spans if span.stop - span.start < NEAR]
    assert short
    assert all(span.cpu is None for span in short)


def test_a_span_right_after_another_has_its_own_cpu_time_only() -> None:
    timeline = Timeline()
    for name in ("compute", "sleep"):
        with timeline.span(name):
            sum(range(300_000)) if name == "compute" else time.sleep(0.02)
    assert timeline.spans[1].kind == "waited"


def test_nested_spans_come_outer_first() -> None:
    timeline = Timeline()
    jobs.outer_and_inner(timeline)
    assert [span.name for span in timeline.spans] == ["outer", "inner"]
    assert [span.name for span in outermost(timeline.spans)] == ["outer"]


def test_threads_that_share_a_name_get_lanes_of_their_own() -> None:
    timeline, gate = Timeline(), threading.Barrier(3)

    def work() -> None:
        with timeline.span("meet"):
            gate.wait(10)

    threads = [threading.Thread(target=work, name="twin") for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(timeline.lanes()) == {"twin", "twin (2)", "twin (3)"}
    assert timeline.at_once() == 3


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_no_span_is_lost_however_many_threads_record(counts: list[int]) -> None:
    timeline = Timeline(cpu=False)
    with ThreadPoolExecutor(len(counts)) as pool:
        list(pool.map(jobs.record, [(timeline, f"t{n}", c) for n, c in enumerate(counts)]))
    names = [span.name for span in timeline.spans]
    assert [names.count(f"t{n}") for n in range(len(counts))] == counts


def test_a_task_is_a_lane_and_its_share_is_unknown() -> None:
    timeline = Timeline()

    async def fetch() -> None:
        async with timeline.span("fetch"):
            await asyncio.sleep(0.01)

    async def both() -> None:
        await asyncio.gather(*(asyncio.create_task(fetch(), name=n) for n in ("a", "b")))

    asyncio.run(both())
    assert set(timeline.lanes()) == {"a", "b"}
    assert {span.kind for span in timeline.spans} == {"unknown"}
    assert timeline.at_once() == 2


def test_steps_records_each_stretch_that_a_coroutine_ran_and_passes_on_its_value() -> None:
    timeline = Timeline()

    async def three_steps() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    async def main() -> str:
        return await timeline.steps(three_steps(), "step")

    assert asyncio.run(main()) == "done"
    assert len(timeline.spans) == 3
    assert all(span.outcome == "ok" for span in timeline.spans)


def test_steps_passes_an_exception_in_both_directions() -> None:
    timeline = Timeline()

    async def caught() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ValueError("cleaned up") from None
        return "never"

    async def main() -> None:
        task = asyncio.ensure_future(timeline.steps(caught()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(ValueError, match="cleaned up"):
        asyncio.run(asyncio.wait_for(main(), 10))
    assert [span.outcome for span in timeline.spans] == ["ok", "ValueError: cleaned up"]


# ----------------------------------------------------------- other processes


@pytest.mark.parametrize("method", METHODS)
def test_spans_of_executor_processes_come_back(method: str) -> None:
    timeline = Timeline()
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        pids = set(pool.map(timeline.wrap(jobs.record), [(timeline, "inner", 50)] * 6))
    assert [span.name for span in timeline.spans].count("inner") == 300
    assert {span.pid for span in timeline.spans} == pids


@pytest.mark.parametrize("method", METHODS)
def test_spans_of_a_bare_process_come_back_on_the_same_clock(method: str) -> None:
    timeline, before = Timeline(), time.perf_counter_ns()
    order = (timeline, "step", 20)
    context: Any = get_context(method)
    process = context.Process(target=jobs.record, args=(order,), name="child")
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert list(timeline.lanes()) == ["child"]
    assert all(before < span.start <= span.stop < time.perf_counter_ns() for span in timeline.spans)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_writes_to_its_own_file_and_leaves_the_parents_spans_alone() -> None:
    timeline = Timeline()
    with timeline.span("before"):
        pass
    pid = os.fork()
    if pid == 0:
        with timeline.span("child"):
            pass
        gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    with timeline.span("after"):
        pass
    assert [span.name for span in timeline.spans] == ["before", "child", "after"]
    assert [span.pid == pid for span in timeline.spans] == [False, True, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_that_exits_normally_does_not_remove_the_parents_folder() -> None:
    script = (
        "import os, sys\nfrom helpers.timeline import Timeline\n"
        "timeline = Timeline()\nfolder = timeline._make_folder()\n"
        "pid = os.fork()\n"
        "if not pid: sys.exit()\n"
        "os.waitpid(pid, 0)\nassert os.path.isdir(folder)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=30)


@pytest.mark.parametrize("method", METHODS)
def test_a_process_leaves_no_folder_of_a_timeline_of_its_own(method: str) -> None:
    context: Any = get_context(method)
    folders = context.Queue()
    process = context.Process(target=jobs.make_and_keep_a_timeline, args=(folders,))
    process.start()
    folder = folders.get(timeout=30)
    process.join(30)
    assert process.exitcode == 0
    assert not os.path.exists(folder)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_worker_loses_at_most_the_span_it_was_in(method: str) -> None:
    context: Any = get_context(method)
    timeline = Timeline()
    counters = [context.Value("q", 0, lock=False) for _ in range(3)]
    workers = [
        context.Process(target=jobs.record_and_count, args=(timeline, n, 10**9), daemon=True)
        for n in counters
    ]
    for worker in workers:
        worker.start()
    give_up = time.monotonic() + 30
    while min(n.value for n in counters) < 200 and time.monotonic() < give_up:
        time.sleep(0.001)
    for worker in workers:
        worker.kill()
        worker.join(10)
    recorded = [sum(s.pid == w.pid for s in timeline.spans) for w in workers]
    assert min(n.value for n in counters) >= 200
    assert all(0 <= r - n.value <= 1 for r, n in zip(recorded, counters, strict=True))


def test_a_half_written_record_is_left_out() -> None:
    timeline = Timeline()
    process = get_context("spawn").Process(target=jobs.record, args=((timeline, "step", 3),))
    process.start()
    process.join(30)
    (path,) = [e.path for e in os.scandir(timeline._make_folder()) if e.name.endswith(".spans")]
    with open(path, "ab") as file:
        file.write(b"half a record")
    assert len(timeline.spans) == 3


def test_the_folder_goes_with_the_timeline() -> None:
    timeline = Timeline()
    folder = timeline._make_folder()
    assert os.path.isdir(folder)
    del timeline
    gc.collect()
    assert not os.path.exists(folder)


def test_the_name_of_the_folder_says_whose_it_is() -> None:
    """So the next process can remove it if this one is killed."""
    name = os.path.basename(Timeline()._make_folder())
    assert name.startswith(f"{OURS}timeline-{HERE}-{os.getpid()}-")


def test_a_worker_whose_timeline_is_gone_works_on_in_silence() -> None:
    timeline = Timeline()
    data = pickle.dumps(timeline)
    del timeline
    gc.collect()
    copy = pickle.loads(data)
    with copy.span("nobody reads this"):
        pass


def test_a_timeline_unpickled_at_home_is_the_same_timeline() -> None:
    timeline = Timeline()
    assert pickle.loads(pickle.dumps(timeline)) is timeline


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_survives_the_way_through_a_file(name: str, lane: str) -> None:
    timeline, writer = Timeline(), Timeline()
    writer._write_to(timeline._make_folder())
    writer.add(name, lane, 5, 7, outcome=name, pid=3)
    assert timeline.spans == [Span(name, lane, 3, 5, 7, -1, name)]


# ------------------------------------------------------------------- measures


def test_measures_of_a_known_timeline() -> None:
    timeline = timeline_of(
        ("a", "x", 0, 10 * MS), ("in", "x", 2 * MS, 4 * MS), ("b", "y", 5 * MS, 20 * MS)
    )
    assert timeline.elapsed == 0.020
    assert timeline.busy == 0.025
    assert timeline.at_once() == 2
    assert timeline.overlap("a", "b") == 0.005
    assert timeline.overlap("in", "b") == 0
    assert timeline.speedup(timeline_of(("a", "x", 0, 60 * MS))) == 3


def test_spans_that_only_touch_are_not_at_once() -> None:
    timeline = timeline_of(("a", "x", 0, 10), ("b", "y", 10, 20))
    assert timeline.at_once() == 1
    assert timeline.overlap("a", "b") == 0


def test_an_empty_timeline_measures_nothing_and_says_so() -> None:
    timeline = Timeline()
    assert (timeline.elapsed, timeline.busy, timeline.at_once()) == (0, 0, 0)
    assert timeline.describe() == "Nothing was recorded."


def test_add_refuses_a_stop_before_the_start() -> None:
    with pytest.raises(ValueError, match="stop must not be before start, not 1 < 2"):
        Timeline().add("x", "y", 2, 1)


def test_a_span_added_for_a_worker_joins_that_workers_lane() -> None:
    timeline = Timeline()
    with timeline.span("own"):
        pass
    now = time.perf_counter_ns()
    timeline.add("died", "main", now, now, outcome="died: killed by SIGKILL")
    assert list(timeline.lanes()) == ["main"]


def test_the_description_names_workers_spans_overlap_share_and_failures() -> None:
    timeline = Timeline()
    timeline.add("load", "x", 0, 10 * MS, cpu_time=5 * MS)
    timeline.add("load", "y", 5 * MS, 20 * MS, outcome="ValueError: no")
    assert timeline.describe() == (
        "2 workers, 2 spans in 0.02 s: at most 2 at once, 1.2 on average. "
        "In their spans they were on a CPU 50% of the time. "
        "1 span did not end well (y, in load: ValueError: no)."
    )


NAMES = ("a", "b", "waits for b", "waits in vain")
intervals = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from("xyz"), st.integers(0, 30), st.integers(0, 9)
    ),
    min_size=1,
    max_size=12,
)


@given(intervals)
def test_the_measures_agree_with_counting_every_nanosecond(
    drawn: list[tuple[str, str, int, int]],
) -> None:
    timeline = timeline_of(*((n, lane, start, start + d) for n, lane, start, d in drawn))
    spans = timeline.spans
    ticks = [[s for s in spans if s.start <= t < s.stop] for t in range(40)]
    at_work = [len({s.lane for s in at if not s.name.startswith("waits ")}) for at in ticks]
    assert timeline.at_once() == max(at_work)
    assert round(timeline.busy * 1e9) == sum(at_work)
    assert round(timeline.overlap("a", "b") * 1e9) == sum(
        {s.name for s in at} >= {"a", "b"} for at in ticks
    )
    assert sum(stop - start for start, stop in merged(spans)) == sum(bool(at) for at in ticks)


def test_importing_it_pulls_in_nothing_slow() -> None:
    script = (
        "import sys, helpers.run, helpers.work, helpers.timeline\n"
        "slow = {'asyncio', 'json', 'tempfile', 'dataclasses', 'inspect', 'numpy', 'matplotlib'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = {sys.path!r}\n{script}",
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout.strip() == "[]"


def test_threads_that_pickle_a_fresh_timeline_at_once_make_one_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together, made, make = threading.Barrier(5), [], tempfile.mkdtemp

    def all_at_once(**how: Any) -> str:
        together.wait(10)
        made.append(make(**how))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", all_at_once)
    timeline = Timeline()
    with ThreadPoolExecutor(5) as pool:
        copies = [
            pool.submit(lambda tl: pickle.loads(pickle.dumps(tl)), timeline) for _ in range(5)
        ]
    assert all(copy.result() is timeline for copy in copies)
    assert len(made) == 5
    (left,) = [folder for folder in made if os.path.isdir(folder)]
    del timeline, copies
    gc.collect()
    assert not os.path.exists(left)


def test_threads_that_ask_at_once_get_the_same_lanes() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(20):
            timeline = Timeline()
            for number in range(200):
                timeline.add("job", f"lane {number % 5}", number, number + 1)
            with ThreadPoolExecutor(4) as pool:
                found = [
                    future.result() for future in [pool.submit(timeline.lanes) for _ in "1234"]
                ]
            assert {len(spans) for lanes in found for spans in lanes.values()} == {40}
    finally:
        sys.setswitchinterval(interval)
