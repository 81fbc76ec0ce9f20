"""A run ends, in words, whatever its work does, and leaves nobody behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial, wraps
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import jobs
from helpers.ending import GRACE
from helpers.run import RunError, Stopped, _Job, controlled, run
from helpers.run.tasks import Tasks
from helpers.timeline import LOOP, Timeline

METHODS = multiprocessing.get_all_start_methods()
OURS = ["serial", "threads", "tasks", *METHODS]


def of(work: Any, using: str) -> Any:
    """The same work as an async function, where tasks do it."""
    if using != "tasks":
        return work

    @wraps(work)
    async def twin(item: Any) -> Any:
        return await asyncio.sleep(item) if work is jobs.sleep_for else work(item)

    return twin


@pytest.fixture(autouse=True)
def nobody_is_left_behind() -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    gc.collect()
    assert not multiprocessing.active_children()
    last = time.monotonic() + 5
    while left := [t for t in threading.enumerate() if t not in threads and t.is_alive()]:
        assert time.monotonic() < last, f"left behind: {left}"
        time.sleep(0.01)


# ------------------------------------------------------------------- results


@pytest.mark.parametrize("using", OURS)
def test_results_stand_in_the_order_of_items(using: str) -> None:
    timeline = run(of(jobs.double, using), range(20), workers=3, using=using)
    assert timeline.results == [2 * n for n in range(20)]
    assert len(timeline.spans) == 20
    assert {span.name for span in timeline.spans} == {"double"}


@pytest.mark.parametrize("using", OURS)
def test_workers_work_at_once_and_serial_work_does_not(using: str) -> None:
    timeline = run(of(jobs.sleep_for, using), [0.1] * 6, workers=3, using=using)
    assert timeline.at_once() == (1 if using == "serial" else 3)
    lanes = ["serial"] if using == "serial" else ["worker 1", "worker 2", "worker 3"]
    assert sorted(timeline.lanes()) == lanes


@pytest.mark.parametrize("using", ["threads", "tasks", METHODS[0]])
def test_every_worker_has_an_item_before_any_has_two_however_short_they_are(using: str) -> None:
    for _ in range(1 if using in METHODS else 20):
        timeline = run(of(jobs.double, using), range(4), workers=4, using=using)
        assert sorted(timeline.lanes()) == [f"worker {n}" for n in (1, 2, 3, 4)]


def test_all_threads_are_up_before_the_first_item_is_handed_out() -> None:
    def look(item: int) -> int:
        up = sum(thread.name.startswith("worker") for thread in threading.enumerate())
        time.sleep(0 if item == 0 else 0.05)
        return up

    assert run(look, range(4), workers=4).results[0] == 4


@pytest.mark.parametrize("using", METHODS)
def test_every_process_worker_is_a_process_of_its_own(using: str) -> None:
    timeline = run(jobs.sleep_for, [0.05] * 4, workers=2, using=using)
    pids = {span.pid for span in timeline.spans}
    assert len(pids) == 2
    assert os.getpid() not in pids


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_can_do_the_work(pool: Any) -> None:
    options = {} if pool is ThreadPoolExecutor else {"mp_context": get_context("spawn")}
    with pool(2, **options) as executor:
        timeline = run(jobs.double, range(8), using=executor)
    assert timeline.results == [2 * n for n in range(8)]
    assert len(timeline.spans) == 8


def test_no_items_give_no_results_and_no_spans() -> None:
    timeline = run(jobs.double, [])
    assert timeline.results == []
    assert timeline.describe() == "Nothing was recorded."


def test_there_are_never_more_workers_than_items() -> None:
    assert len(run(jobs.slow_double, [1, 2], workers=8).lanes()) <= 2


def test_a_timeline_can_be_given_and_keeps_what_it_had() -> None:
    timeline = Timeline()
    with timeline.span("before"):
        pass
    assert run(jobs.double, [1], timeline=timeline) is timeline
    assert [span.name for span in timeline.spans] == ["before", "double"]


@pytest.mark.parametrize("using", METHODS)
def test_startup_is_a_span_of_each_worker_before_its_work(using: str) -> None:
    timeline = run(jobs.slow_double, range(4), workers=2, using=using, startup=True)
    for spans in timeline.lanes().values():
        assert spans[0].name == "start"
        assert all(span.start >= spans[0].stop for span in spans[1:])


def test_a_closure_works_where_no_import_is_needed() -> None:
    for using in ("threads", *(m for m in METHODS if m == "fork")):
        assert run(lambda x: x + 1, [1, 2], workers=2, using=using).results == [2, 3]


# --------------------------------------------------------------------- errors


@pytest.mark.parametrize("using", OURS)
def test_the_first_error_names_its_item_and_keeps_the_spans(using: str) -> None:
    with pytest.raises(
        RunError, match=r"^Item 3 of 3 \(3\) failed in \w+.*: ValueError: three"
    ) as e:
        run(of(jobs.fail_at_three, using), [1, 2, 3], workers=1, using=using)
    assert isinstance(e.value.__cause__, ValueError)
    assert (e.value.index, e.value.item) == (2, 3)
    assert e.value.timeline.results == [1, 2, None]
    outcomes = [span.outcome for span in e.value.timeline.spans]
    assert outcomes == ["ok", "ok", "ValueError: three is not welcome"]


def test_a_notebook_shows_an_error_in_one_sentence() -> None:
    with pytest.raises(RunError) as e:
        run(jobs.fail_at_three, [3])
    assert e.value._render_traceback_() == [f"RunError: {e.value}"]


def test_an_executors_error_names_its_item() -> None:
    with (
        ThreadPoolExecutor(2) as pool,
        pytest.raises(RunError, match=r"^Item 2 of 2 \(3\) failed: ValueError: three"),
    ):
        run(jobs.fail_at_three, [1, 3], using=pool)


@pytest.mark.parametrize("using", METHODS)
@pytest.mark.parametrize(
    ("work", "says"),
    [
        (jobs.return_a_lock, "it returned a lock, which cannot be sent back"),
        (jobs.fail_awkwardly, "Awkward: awkward"),
        (jobs.leave, "SystemExit: 7"),
        (jobs.return_what_cannot_be_read, "it returned cannot be unpickled .ZeroDivisionError: "),
    ],
)
def test_what_cannot_come_back_is_said_in_words(
    using: str, work: Callable[[int], Any], says: str
) -> None:
    with pytest.raises(RunError, match=says):
        run(work, [7], workers=1, using=using)


@pytest.mark.parametrize("using", METHODS)
def test_an_item_that_cannot_be_sent_is_named(using: str) -> None:
    with pytest.raises(RunError, match=r"^Item 2 of 2 .* cannot be sent to a process"):
        run(jobs.slow_double, [1, threading.Lock()], workers=2, using=using)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that kill")
@pytest.mark.parametrize("using", METHODS)
def test_a_worker_that_is_killed_is_named_and_shown_with_the_span_it_was_in(using: str) -> None:
    with pytest.raises(RunError, match=r"died \(killed by SIGKILL\).*item 3 of 4 \(2\)") as e:
        run(jobs.die, range(4), workers=2, using=using)
    died = [s for s in e.value.timeline.spans if s.outcome == "died: killed by SIGKILL"]
    assert [span.name for span in died] == ["die"]
    assert {0: 0, 1: 1}.items() & dict(enumerate(e.value.timeline.results)).items()
    assert "killed by SIGKILL" in e.value.timeline.describe()


@pytest.mark.parametrize("using", OURS)
def test_work_that_never_ends_is_ended_by_the_timeout(using: str) -> None:
    timeout = 3 if using in METHODS else 0.3  # a process must have started by then
    with pytest.raises(RunError, match=r"^Not finished .* 0 of 2 .* is still at item") as e:
        run(of(jobs.forever, using), [1, 2], workers=2, using=using, timeout=timeout)
    assert isinstance(e.value.__cause__, TimeoutError)
    assert all(span.outcome != "ok" for span in e.value.timeline.spans)


def test_workers_that_have_not_started_in_time_are_told_from_slow_work() -> None:
    said = []
    for _ in range(5):  # on a busy machine this process may look only when they are up
        with pytest.raises(RunError) as e:
            run(jobs.double, [1, 2], workers=2, using="spawn", timeout=0.001)
        said.append(str(e.value))
    assert any(
        words.endswith("0 of 2 items done, and not all workers had started.") for words in said
    )


def test_a_thread_that_cannot_be_stopped_is_named() -> None:
    with pytest.raises(RunError, match=r"stop\. This .*: worker 1 \(ends with its call\)\.$"):
        run(lambda _: time.sleep(1.5), [1], workers=1, timeout=0.1)


def test_an_executor_that_was_shut_down_is_told() -> None:
    with ThreadPoolExecutor(1) as pool:
        pass
    with pytest.raises(RunError, match=r"^The executor takes no more items: RuntimeError: cannot"):
        run(jobs.double, [1], using=pool)


def test_an_executor_whose_worker_is_killed_is_told_and_nothing_hangs() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(RunError, match=r"failed: BrokenProcessPool: .* pending\. 2 other items"),
    ):
        run(jobs.die, [2, 2, 2], using=pool, keep_going=True)


def test_an_executor_that_is_too_slow_ends_by_the_timeout() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(RunError, match=r"^Not finished after 0.1 s: 0 of 2"):
            run(lambda _: gate.wait(20), [1, 2], using=pool, timeout=0.1)
        gate.set()


@pytest.mark.parametrize("using", OURS)
def test_stop_ends_a_run_and_keeps_what_was_done(using: str) -> None:
    stop = threading.Event()

    def stop_after_two(done: int, total: int) -> None:
        if done >= 2:
            stop.set()

    with controlled(stop, stop_after_two), pytest.raises(Stopped, match=r"^Stopped, with \d") as e:
        run(of(jobs.sleep_for, using), [0.02] * 1000, workers=2, using=using)
    assert 2 <= sum(span.outcome == "ok" for span in e.value.timeline.spans) < 1000


def test_progress_counts_up_to_the_number_of_items() -> None:
    seen: list[tuple[int, int]] = []
    with controlled(threading.Event(), lambda done, total: seen.append((done, total))):
        run(jobs.double, range(5), workers=2)
    assert seen[-1] == (5, 5)
    assert seen == sorted(seen)


@pytest.mark.skipif(sys.platform == "win32", reason="uses os.kill")
@pytest.mark.parametrize("using", METHODS)
def test_workers_end_when_their_parent_is_killed(using: str) -> None:
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import jobs, multiprocessing, os, threading, time\n"
        "from helpers.run import run\n"
        "def tell():\n"
        "    while len(multiprocessing.active_children()) < 2: time.sleep(0.01)\n"
        "    time.sleep(0.5)\n"
        "    print(*(p.pid for p in multiprocessing.active_children()), flush=True)\n"
        "if __name__ == '__main__':\n"
        "    threading.Thread(target=tell, daemon=True).start()\n"
        f"    run(jobs.forever, [1, 2], workers=2, using={using!r})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    assert len(pids) == 2
    last = time.monotonic() + 10
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < last, "a worker outlived its parent"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ------------------------------------------------------------------ keep going


@pytest.mark.parametrize("using", OURS)
def test_keep_going_does_everything_else_and_then_names_what_failed(using: str) -> None:
    with pytest.raises(RunError) as info:
        run(of(jobs.fail_at_three, using), [1, 3, 2, 3, 4], 2, using, keep_going=True)
    assert info.value.timeline.results == [1, None, 2, None, 4]
    assert str(info.value).startswith("Item 2 of 5 (3) failed in ")
    assert str(info.value).endswith(
        "ValueError: three is not welcome. 1 other item failed as well. Everything else is done."
    )
    assert [failure.index for failure in info.value.failures] == [1, 3]


@pytest.mark.parametrize("using", METHODS)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_killed_with_an_item_in_its_hands_costs_that_item_only(
    using: str, workers: int
) -> None:
    with pytest.raises(RunError, match=r"died \(.*\) while it worked on item 2 of 4") as info:
        run(jobs.die, [1, 2, 3, 4], workers=workers, using=using, keep_going=True)
    assert info.value.timeline.results == [1, None, 3, 4]


def test_keep_going_with_an_item_that_cannot_be_sent_does_the_others() -> None:
    items = [1, threading.Lock(), 3]
    with pytest.raises(RunError, match=r"Item 2 of 3 .*cannot be sent to a process") as info:
        run(jobs.double, items, workers=1, using="spawn", keep_going=True)
    assert info.value.timeline.results == [2, None, 6]


def test_keep_going_ends_by_its_timeout_and_says_what_had_failed() -> None:
    with pytest.raises(RunError, match=r"1 of 2 items done, worker 1 is still at item 2") as info:
        run(jobs.fail_then_sleep, [0, 30], 1, "spawn", keep_going=True, timeout=2)
    assert [failure.index for failure in info.value.failures] == [0]


# ---------------------------------------------------------------------- tasks


async def nap(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def computes_for_ever(item: Any) -> None:
    jobs.forever(item)


async def sleeps_in_the_loop(item: Any) -> None:
    time.sleep(1.2)


async def never_gives_in(item: Any) -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def forgets_to_await(item: Any) -> Any:
    return nap(item)


async def stops_the_loop(item: Any) -> None:
    asyncio.get_running_loop().stop()
    await nap(item)


async def closes_the_loop(item: Any) -> None:
    asyncio.get_running_loop().close()


async def calls_from_another_thread(item: Any) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(loop.call_soon, print)


async def cancels_itself(item: Any) -> None:
    asyncio.current_task().cancel()  # type: ignore[union-attr]
    await nap(item)


async def waits_in_a_thread(item: Any) -> None:
    await asyncio.to_thread(jobs.forever, item)


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (nap, "All workers were told to stop.$"),
        (computes_for_ever, "worker 1 held up all others: it did not come to an await"),
        (sleeps_in_the_loop, "worker 1 held up all others: it did not come to an await"),
        (never_gives_in, "worker 1, worker 2 caught CancelledError and went on, until the event"),
        (waits_in_a_thread, "All workers were told to stop.$"),
        (forgets_to_await, r"failed in .*: it returned the coroutine nap\(\), which nobody has aw"),
        (stops_the_loop, "failed in worker 1: LoopStopped: the event loop was stopped under it"),
        (closes_the_loop, "failed in worker 1: RuntimeError: Cannot close a running event loop"),
        (calls_from_another_thread, "given to the event loop by another thread.* use call_soon_th"),
        (cancels_itself, "failed in worker 1: CancelledError"),
    ],
)
def test_what_tasks_do_wrong_is_told_in_a_sentence(work: Any, says: str) -> None:
    with pytest.raises(RunError, match=says) as info:
        run(work, [30, 31], 2, "tasks", timeout=0.2)
    assert all(span.outcome != "ok" for span in info.value.timeline.spans)


def test_a_run_of_tasks_goes_on_in_a_cell_and_beside_it() -> None:
    """Where a loop is running, and where several threads run tasks at once."""

    async def cell() -> list[float]:
        return run(nap, [0.01, 0.02], 2, "tasks").results

    assert asyncio.run(cell()) == [0.01, 0.02]
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(run, nap, [0.02] * n, 5, "tasks") for n in (3, 4, 5)]
        assert [len(each.result().spans) for each in runs] == [3, 4, 5]


class Counted(threading.Event):
    times = 0  # set

    def set(self) -> None:
        self.times += 1
        super().set()


def test_whoever_waits_for_tasks_is_woken_once_for_all_that_end_in_a_turn_of_the_loop() -> None:
    gate, at_it = asyncio.Event(), count(1)

    async def all_at_once(item: int) -> int:
        if next(at_it) == 50:
            gate.set()
        await gate.wait()
        return item

    job = _Job(all_at_once, [*range(50)], Timeline(), startup=False, loop=False)
    tasks = Tasks(job, [f"worker {n}" for n in range(50)], watched=False)
    tasks.news = Counted()
    tasks.start()
    tasks.thread.join(10)
    assert sorted(index for index, _, _ in tasks.wait(0)) == [*range(50)]
    assert tasks.news.times == 2  # for these, and because the loop has ended
    assert tasks.stop() == ""


def test_tasks_that_the_work_has_left_end_with_the_run() -> None:
    left: list[Any] = []
    ended: list[str] = []

    async def background() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    async def leaves(item: int) -> int:
        left.append(asyncio.create_task(background()))
        await asyncio.sleep(0)
        return item

    assert run(leaves, [1, 2], 2, "tasks").results == [1, 2]
    assert ended == ["cancelled"] * 2


def test_the_lane_of_the_event_loop_shows_what_holds_it_up_and_is_no_worker() -> None:
    async def work(seconds: float) -> None:
        time.sleep(seconds)
        await asyncio.sleep(0.05)

    timeline = run(work, [0, 0.2, 0], 3, "tasks", loop=True)
    (lane,) = set(timeline.lanes()) - set(timeline.workers())
    assert lane == LOOP
    assert len(timeline.workers()) == timeline.at_once() == 3
    assert max(span.seconds for span in timeline.lanes()[LOOP]) >= 0.2
    assert "3 workers" in timeline.describe()
    assert "The event loop was held up for 0.2" in timeline.describe()
    assert LOOP not in run(work, [0], 1, "tasks").lanes()


def test_only_tasks_have_an_event_loop() -> None:
    with pytest.raises(ValueError, match=r'^loop can be True where using is "tasks"'):
        run(jobs.double, [1], loop=True)


def test_a_plain_function_and_an_async_one_are_told_apart() -> None:
    with pytest.raises(ValueError, match=r"^work must be an async function .* and double is a pl"):
        run(jobs.double, [1], using="tasks")
    for using in ("serial", "threads"):
        with pytest.raises(ValueError, match=r"^work must be a plain function, and nap is an "):
            run(nap, [1], using=using)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match='Say using="tasks"'):
        run(nap, [1], using=pool)

    async def numbers(item: int) -> Any:
        yield item

    with pytest.raises(ValueError, match="numbers yields: it is a generator"):
        run(numbers, [1], using="tasks")


def test_an_object_and_a_partial_may_be_async() -> None:
    class Doubles:
        async def __call__(self, x: int) -> int:
            return 2 * x

    async def times(factor: int, x: int) -> int:
        return factor * x

    assert run(Doubles(), [1, 2], 2, "tasks").results == [2, 4]
    assert run(partial(times, 3), [1, 2], 2, "tasks").results == [3, 6]


def test_too_many_threads_for_this_computer_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def starts_three(thread: threading.Thread) -> None:
        if thread.name.startswith("worker"):
            if len(started) == 3:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starts_three)
    with pytest.raises(RunError, match=r"let no more than 3 of 8 threads start\.$"):
        run(jobs.double, range(8), 8)
    assert not any(thread.is_alive() for thread in started)


# ----------------------------------------------------------------- at the door


@pytest.mark.parametrize("workers", [0, -1, 2.5, "four", 10_000, True, None])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^workers must be a whole number between 1 and 1000, not "
    ):
        run(jobs.double, [1], workers=workers)


@pytest.mark.parametrize("using", ["processes", *METHODS])
def test_processes_are_fewer_at_most(using: str) -> None:
    with pytest.raises(ValueError, match=r"^workers must be .* between 1 and 61, not 62"):
        run(jobs.double, [1], workers=62, using=using)


@pytest.mark.parametrize("timeout", [0, -1, "soon", float("inf"), float("nan"), None])
def test_a_timeout_that_cannot_be_is_refused(timeout: Any) -> None:
    with pytest.raises(ValueError, match=r"^timeout must be a number of seconds above 0, not "):
        run(jobs.double, [1], timeout=timeout)


def test_items_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^items must be 1000000 at most, and these go on"):
        run(jobs.double, count())
    with pytest.raises(ValueError, match=r"^items must be a list or something like it, not 5"):
        run(jobs.double, 5)  # type: ignore[arg-type]


def test_work_that_is_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^work must be a function, not 7"):
        run(7, [1])  # type: ignore[arg-type]


@pytest.mark.parametrize("using", ["goroutines", 3, None])
def test_an_unknown_way_to_run_is_refused(using: Any) -> None:
    with pytest.raises(ValueError, match=r'^using must be one of "serial", "threads", '):
        run(jobs.double, [1], using=using)


def test_a_class_of_executors_is_told_from_an_executor() -> None:
    with pytest.raises(ValueError, match=r"^using must be an Executor .*: ThreadPoolExecutor\(4\)"):
        run(jobs.double, [1], using=ThreadPoolExecutor)


def local(x: int) -> int:
    return x


@pytest.mark.parametrize("using", ["processes", "spawn"])
def test_work_that_a_new_process_cannot_import_is_refused_with_the_reason(
    using: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inner(x: int) -> int:
        return x

    with pytest.raises(ValueError, match="<lambda> is not: it is a lambda"):
        run(lambda x: x, [1], using=using)
    with pytest.raises(ValueError, match="inner is not: it is defined inside another function"):
        run(inner, [1], using=using)
    monkeypatch.setattr(local, "__module__", "__main__")
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    with pytest.raises(ValueError, match="local is not: it is defined in a notebook cell"):
        run(local, [1], using=using)
    with pytest.raises(ValueError, match="is not: it cannot be pickled"):
        run(threading.Lock().acquire, [1], using=using)


def test_what_work_needs_of_a_notebook_cell_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "local", local, raising=False)
    assert run(partial(pow, 2), [3], 1, "spawn").results == [8]
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    for work in (partial(local), partial(partial(map, local)), partial(jobs.double, x=local)):  # type: ignore[arg-type]
        with pytest.raises(
            ValueError, match="local, which it needs, is defined in a notebook cell"
        ):
            run(work, [1], using="spawn")


class EndsOnArrival:
    """Ends the process that it is sent to."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)

    def __call__(self, x: int) -> int:
        return x


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_worker_that_dies_while_it_starts_is_told(keep_going: bool) -> None:
    sentence = r"^worker \d could not start \(exit code 3\)\. All workers were told to stop\.$"
    with pytest.raises(RunError, match=sentence):
        run(EndsOnArrival(), [1, 2], 2, "spawn", keep_going=keep_going)
    assert not multiprocessing.active_children()


FEW_FILES = """
import multiprocessing, os, resource
from helpers.run import RunError, run
from helpers.work import wait
run(wait, [0.01], 1, "fork")  # what it imports is there
most = max(map(int, os.listdir("/dev/fd"))) + 12
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
try:
    run(wait, [0.01] * 20, 20, "fork")
except RunError as error:
    print(error, len(multiprocessing.active_children()))
print(len(run(wait, [0.01] * 4, 2, "fork").results))
"""


@pytest.mark.skipif("fork" not in METHODS, reason="Windows has no such limit")
def test_workers_that_the_system_refuses_are_told_and_those_that_it_gave_are_ended() -> None:
    done = subprocess.run([sys.executable, "-c", FEW_FILES], capture_output=True, text=True)
    told, after = done.stdout.splitlines()
    assert told.startswith("Not all workers could be started: OSError: [Errno 24] ")
    assert told.endswith(". Those that were are told to stop. 0")
    assert after == "4"


@pytest.mark.skipif("fork" not in METHODS, reason="a fork starts at once")
def test_workers_that_ignore_the_signal_to_end_are_given_one_second_together() -> None:
    begun = time.monotonic()
    with pytest.raises(RunError, match=r"^Not finished after 0\.5 s") as told:
        run(jobs.ignore_the_end, range(6), 6, "fork", timeout=0.5)
    assert "could not be stopped" not in str(told.value)
    assert time.monotonic() - begun < 0.5 + 3 * GRACE


@pytest.mark.parametrize("method", METHODS)
def test_no_temporary_folder_is_told_before_a_process_starts(
    method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(OSError, match=r"^spans of other processes need a temporary folder, and n"):
        run(jobs.double, [1, 2], 2, method)
    assert run(jobs.double, [1, 2], 2).results == [2, 4]
