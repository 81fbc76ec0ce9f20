"""What recording, drawing and running cost, side by side in one run.

    python3 course.py bench            everything (about eight minutes)
    python3 course.py bench span kill  only these

Medians of several rounds, with the competitors taking turns, because machines
are shared: read the ratios. Nothing here is a test; `wanted` is what the
course holds itself to.
"""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from queue import Queue
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns, thread_time_ns
from typing import Any

from helpers import draw, queues
from helpers.apart import cluster as apart
from helpers.apart import pythons
from helpers.cost import downloads as all_at_once
from helpers.cost import peak
from helpers.machine import machine, usable_cpus
from helpers.run import run
from helpers.timeline import Timeline
from helpers.work import album as photos
from helpers.work import crunch, echo, fetch, thumbnail, wait
from helpers.work.real_work import read_text, texts
from helpers.work.server import allow_many_files, body, server

ROOT = Path(__file__).resolve().parents[1]
FIRST = "notebooks/00-start-here.ipynb"
SPANS = 10_000
ZEROS = bytes(1 << 20)


def row(what: str, value: float, wanted: str = "", unit: str = "") -> None:
    print(f"  {what:<58}{value:>10.3g}{unit:<3} {wanted}", flush=True)


def turns(rounds: int, **candidates: Callable[[], Any]) -> dict[str, float]:
    """The median of what each candidate returns, or of the seconds it took, taking turns."""
    seen: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, candidate in candidates.items():
            start = perf_counter()
            value = candidate()
            seen[name].append(perf_counter() - start if value is None else value)
    return {name: median(values) for name, values in seen.items()}


# --------------------------------------------------------------- one span


def per_span(one_thread: Callable[[], None], threads: int) -> float:
    """Nanoseconds of CPU time that one thread, or each of several, spends per span."""
    spent: list[int] = []

    def timed() -> None:
        start = thread_time_ns()
        one_thread()
        spent.append(thread_time_ns() - start)

    crowd = [threading.Thread(target=timed) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return sum(spent) / SPANS / threads


def floor() -> None:
    rows: list[tuple[str, int, int]] = []
    for _ in range(SPANS):
        start = perf_counter_ns()
        stop = perf_counter_ns()
        rows.append(("x", start, stop))


def with_timeline(cpu: bool) -> Callable[[], None]:
    def record() -> None:
        timeline = Timeline(cpu)
        for _ in range(SPANS):
            with timeline.span("x"):
                pass

    return record


def with_viztracer() -> None:
    from viztracer import VizTracer

    tracer = VizTracer(verbose=0, tracer_entries=10 * SPANS, max_stack_depth=0)
    tracer.start()
    for _ in range(SPANS):
        with tracer.log_event("x"):
            pass
    tracer.stop()
    tracer.clear()


def with_logging() -> None:
    logger = logging.Logger("bench", logging.DEBUG)
    logger.addHandler(logging.handlers.MemoryHandler(10 * SPANS, flushLevel=100))
    for _ in range(SPANS):
        logger.debug("span %s %d", "x", perf_counter_ns())


def with_opentelemetry() -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    tracer = provider.get_tracer("bench")
    for _ in range(SPANS):
        with tracer.start_as_current_span("x"):
            pass


def span() -> None:
    """One recorded span ÷ floor (two perf_counter_ns and one list append)."""
    for threads in (1, 4):
        cost = turns(
            9,
            floor=partial(per_span, floor, threads),
            plain=partial(per_span, with_timeline(cpu=False), threads),
            cpu=partial(per_span, with_timeline(cpu=True), threads),
        )
        count = "1 thread" if threads == 1 else f"{threads} threads"
        row(f"floor, {count}", cost["floor"], unit=" ns")
        row(f"span ÷ floor, {count}", cost["plain"] / cost["floor"], "wanted: at most 3")
        row(f"span with CPU share ÷ floor, {count}", cost["cpu"] / cost["floor"], "at most 6")
    others = {
        "VizTracer log_event": with_viztracer,
        "logging": with_logging,
        "OpenTelemetry": with_opentelemetry,
    }
    for name, other in others.items():
        try:
            cost = turns(3, floor=partial(per_span, floor, 1), other=partial(per_span, other, 1))
        except ImportError as error:
            print(f"  {name} is not installed ({error})")
        else:
            row(f"{name} ÷ floor", cost["other"] / cost["floor"])


# ------------------------------------------------- spans of four processes


def record_into(timeline: Timeline) -> None:
    for _ in range(25_000):
        with timeline.span("x"):
            pass


def record_and_return(_: int) -> list[tuple[Any, ...]]:
    timeline = Timeline()
    record_into(timeline)
    return timeline._rows


def transport() -> None:
    """100 000 spans from four processes back to the parent, by file and as results."""
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(record_and_return, range(4)))  # all workers are up

        def by_file() -> None:
            timeline = Timeline()
            list(pool.map(record_into, [timeline] * 4))
            assert len(timeline.spans) == 100_000

        def as_results() -> None:
            rows = [row for rows in pool.map(record_and_return, range(4)) for row in rows]
            assert len(rows) == 100_000

        def as_results_made_spans() -> None:
            timeline = Timeline()
            for rows in pool.map(record_and_return, range(4)):
                timeline._rows += rows
            assert len(timeline.spans) == 100_000

        cost = turns(7, file=by_file, results=as_results, spans=as_results_made_spans)
    row("as executor results: plain rows", cost["results"], unit=" s")
    row("as executor results: made into spans", cost["spans"], unit=" s")
    row("by file: made into spans", cost["file"], unit=" s")
    row("by file ÷ executor results, both as spans", cost["file"] / cost["spans"], "at most 1.5")
    row("by file, as spans ÷ executor results, as rows", cost["file"] / cost["results"])


# ------------------------------------------------------------- a killed one


def count_spans(timeline: Timeline, done: Any) -> None:
    for _ in range(4_000):
        with timeline.span("x"):
            pass
        done.value += 1


def kill() -> None:
    """Spans lost, and healthy workers hung, when one of four workers gets SIGKILL."""
    context = multiprocessing.get_context("spawn")
    lost, hung, killed = 0, 0, 0
    for _ in range(20):
        timeline = Timeline()
        counters = [context.Value("q", 0, lock=False) for _ in range(4)]
        workers = [
            context.Process(target=count_spans, args=(timeline, done), daemon=True)
            for done in counters
        ]
        for worker in workers:
            worker.start()
        while counters[0].value < random.randrange(1, 3_000):
            time.sleep(0.0005)
        workers[0].kill()
        for worker in workers:
            worker.join(30)
        hung += sum(worker.is_alive() for worker in workers)
        killed += counters[0].value < 4_000
        spans = [span.pid for span in timeline.spans]
        for worker, done in zip(workers, counters, strict=True):
            lost += max(0, done.value - spans.count(worker.pid or 0))
    row("rounds in which the victim died half-way", killed, "of 20")
    row("spans lost in 20 rounds, besides the one it was in", lost, "0")
    row("healthy workers hung", hung, "0")


# ------------------------------------------------------------------ start-up


def startup() -> None:
    """A spawned worker's start-up ÷ a bare spawn importing nothing."""
    context = multiprocessing.get_context("spawn")

    def bare() -> None:
        process = context.Process(target=os.getpid)
        process.start()
        process.join()

    def pipe() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=theirs.send, args=(None,))
        process.start()
        ours.recv()
        process.kill()
        process.join()

    def worker() -> float:
        timeline = run(abs, [1], workers=1, using="spawn", startup=True)
        return next(span.seconds for span in timeline.spans if span.name == "start")

    cost = turns(15, bare=bare, pipe=pipe, worker=worker)
    row("bare spawn, until it has ended", cost["bare"], unit=" s")
    row("bare spawn, until its first message", cost["pipe"], unit=" s")
    row("a worker of ours, until its first message", cost["worker"], unit=" s")
    row("worker ÷ bare spawn until it has ended", cost["worker"] / cost["bare"], "at most 1.5")
    row("worker ÷ bare spawn until its first message", cost["worker"] / cost["pipe"])


# ------------------------------------------------------------------ pictures


def many(spans: int, lanes: int = 8) -> Timeline:
    timeline, random_ = Timeline(), random.Random(1)
    for lane in range(lanes):
        now = 0
        for _ in range(spans // lanes):
            start = now + random_.randrange(1_000, 20_000)
            now = start + random_.randrange(1_000, 50_000)
            timeline.add("work", f"worker {lane + 1}", start, now, cpu_time=(now - start) // 2)
    return timeline


def picture() -> None:
    """Making a picture: the SVG that JupyterLab shows, words included; and matplotlib's."""
    for spans, wanted in ((40, "at most 0.06 s"), (100_000, "0.3 s"), (1_000_000, "0.6 s")):
        timeline = many(spans)
        start = perf_counter()
        assert len(timeline.spans) == spans
        read = perf_counter() - start
        cost = turns(3, svg=partial(drawn, timeline))
        row(f"picture of {spans} spans", cost["svg"], wanted, unit=" s")
        row("   reading them back first, once", read, unit=" s")
        if spans <= 100_000:
            cost = turns(3, plot=partial(plotted, timeline))
            row("   the same with matplotlib, to PNG", cost["plot"], unit=" s")


def drawn(timeline: Timeline) -> None:
    draw.html(timeline)


def void(_: object) -> None:
    return None


def plotted(timeline: Timeline) -> None:
    import io

    import matplotlib

    matplotlib.use("Agg")
    figure = timeline.plot().figure
    figure.savefig(io.BytesIO(), format="png")
    import matplotlib.pyplot as plt

    plt.close(figure)


# ------------------------------------------------------------------ speed-up


def speedup() -> None:
    """Computing work over processes: speed-up ÷ usable CPUs, beside two well-known pools."""
    usable, context = usable_cpus(), multiprocessing.get_context("spawn")
    items = [0.25] * (8 * usable)

    def ours() -> float:
        return run(crunch, items, workers=usable, using="spawn").elapsed

    def cold() -> None:
        with ProcessPoolExecutor(usable, mp_context=context) as fresh:
            list(fresh.map(crunch, items))

    with ProcessPoolExecutor(usable, mp_context=context) as pool:
        list(pool.map(crunch, [0.01] * 2 * usable))
        ways: dict[str, Callable[[], Any]] = {
            "ours, start-up included": lambda: void(ours()),
            "ProcessPoolExecutor, warm": lambda: void(list(pool.map(crunch, items))),
            "ProcessPoolExecutor, start-up included": cold,
        }
        try:
            from joblib import Parallel, delayed
        except ImportError:
            print("  joblib is not installed")
        else:
            with_joblib = Parallel(n_jobs=usable)
            with_joblib(delayed(crunch)(0.01) for _ in range(2 * usable))
            ways["joblib, warm"] = lambda: void(with_joblib(delayed(crunch)(s) for s in items))
        cost = turns(5, serial=lambda: void(run(crunch, items, using="serial")), **ways)
    steady = turns(3, ours=ours)["ours"]
    row("ours, once the workers are up", cost["serial"] / steady / usable, "at least 0.9")
    for name in ways:
        row(name, cost["serial"] / cost[name] / usable)


# ------------------------------------------------------------- real JupyterLab

PANELS = """
from time import perf_counter
from helpers.panels import panel, slider
from helpers.run import run
from helpers.timeline import Timeline
from helpers.work import wait
took = []
made = [run(wait, [0.001] * 40, workers=8) for _ in range(2)]
def ready(number):
    return made[number % 2]
def working(number):
    start = perf_counter()
    timeline = run(wait, [0.02] * 40, workers=8)
    took.append(perf_counter() - start)
    return timeline
first = panel(ready, number=slider(1, 20, 5))
"""


def browser() -> None:
    """In real JupyterLab, from the key that moves a slider to the new picture of 40 spans."""
    cells = [PANELS + "first", "panel(working, number=slider(1, 20, 5))"]
    cells.append("from statistics import median\nprint(median(took[-10:]))")
    with in_jupyterlab(cells) as (driver, lesson):
        if lesson is None:
            return
        ready, working = (driver.slider_to_picture(panel) for panel in lesson.panels())
        lesson.run_cell(2)
        work = float("".join(lesson.cells()[2]["outputs"][0]["text"]))
    row("key to picture, where nothing is run", ready, "at most 0.06 s", unit=" s")
    row("key to picture, where 0.1 s of work is run", working, unit=" s")
    row("   the work itself", work, unit=" s")
    row("   the difference", working - work, "at most 0.1 s", unit=" s")


def opening() -> None:
    """From `course.py lab` to a first lesson whose kernel answers and whose first cell has run."""
    sys.path.insert(0, str(Path(__file__).parent / "browser"))
    import driver

    if driver.chromium() is None:
        print("  there is no Chromium here")
        return
    port = driver.free_port()  # the same each time, as the browser keeps what it has read
    took = []
    with driver.browser() as chromium, chromium.new_context() as context:
        for _ in range(4):
            start = perf_counter()
            with course_lab(port) as (address, token):
                lab = driver.Lab(address, token)
                lesson = driver.Lesson(context.new_page(), lab, FIRST, "lab/tree", "")
                lesson.run_cell(0)
                took.append(perf_counter() - start)
                lesson.shut_down()
                lesson.page.close()
    row("usable after course.py lab, first start", took[0], unit=" s")
    row("   every other start", median(took[1:]), "at most 6 s", unit=" s")


@contextmanager
def course_lab(port: int) -> Iterator[tuple[str, str]]:
    """`course.py lab` without a browser of its own: gives the address and the token it says."""
    command = [sys.executable, str(ROOT / "course.py"), "lab", "--no-browser"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--expose-app-in-browser"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        tried = (re.search(r"(http://[^/\s]+)/\S*token=(\w+)", line) for line in child.stdout)
        said = next(filter(None, tried))
        yield said[1], said[2]
    finally:
        child.terminate()
        child.wait(30)


@contextmanager
def in_jupyterlab(cells: list[str]) -> Iterator[tuple[Any, Any]]:
    """The driver, and a notebook of these cells that has been run; None where no browser is."""
    sys.path.insert(0, str(Path(__file__).parent / "browser"))
    import driver
    import nbformat

    if driver.chromium() is None:
        print("  there is no Chromium here")
        yield driver, None
        return
    new = [nbformat.v4.new_code_cell(cell) for cell in cells]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=new, metadata=kernel)
    with TemporaryDirectory() as name, driver.browser() as chromium:
        folder = Path(name)
        nbformat.write(notebook, folder / "bench.ipynb")
        with driver.jupyterlab(folder, folder / "private") as lab:
            lesson = driver.Lesson(chromium.new_page(), lab, "bench.ipynb")
            lesson.run_all()
            yield driver, lesson
            lesson.shut_down()


# ------------------------------------------------------ every interleaving

PEERS = {  # what is installed, and how many times as fast ours is to be
    "frontrun": ("frontrun==0.7.0", "at least 25"),
    "interleave_test": ("interleave-test==0.1.0", "at least 8"),
}
OURS_OF_TASKS, FRONTRUN_OF_TASKS = "ours_of_tasks", "frontrun_of_tasks"
PLAY = """
from threading import Thread
from helpers.interleave import play
def program():
    total = 0
    def add():
        nonlocal total
        total += 1
    threads = [Thread(target=add) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert total == 2
play(program)
"""


def interleave() -> None:
    """Schedules a second, beside two other explorers; what a verdict takes; a click in `play`."""
    tests = Path(__file__).parent
    sys.path[:0] = [str(tests / "tools"), str(tests / "interleave")]
    beside_peers()
    verdicts()
    click()


def beside_peers() -> None:
    """Each engine in a Python of its own, taking turns; the others are installed for this only."""
    from pythons import pythons

    python = next((path for path, minor in pythons().items() if minor >= 12), None)
    if python is None:
        print("  interleave-test needs Python 3.12 or later, and there is none here")
        return
    with TemporaryDirectory() as folder:
        if not _installed(python, folder, ["greenlet", *(name for name, _ in PEERS.values())]):
            return
        names = ["ours", *PEERS, "plain"]  # the last: the program itself, on plain threads
        names += [OURS_OF_TASKS, FRONTRUN_OF_TASKS]
        rates = turns(3, **{name: partial(_rate, python, folder, name) for name in names})
        on_cases(python, folder)
    for name in names:
        row(f"{name}, 3 workers × 2 increments", rates[name], unit=" /s")
    for name, (_, wanted) in PEERS.items():
        row(f"ours ÷ {name}", rates["ours"] / rates[name], wanted)
    of_tasks = rates[OURS_OF_TASKS]
    row("ours of tasks ÷ ours", of_tasks / rates["ours"], "at least 0.7")
    row("ours of tasks ÷ frontrun of tasks", of_tasks / rates[FRONTRUN_OF_TASKS], "at least 25")


def _installed(python: str, folder: str, packages: list[str]) -> bool:
    uv = shutil.which("uv")
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    done = subprocess.run([*pip, "--target", folder, *packages], capture_output=True, text=True)
    if done.returncode:
        print(f"  the others cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return done.returncode == 0


def on_cases(python: str, folder: str) -> None:
    """What each says of the programs that we once judged wrongly, and how soon."""
    from cases import programs

    found = {case: case.split(".")[1].split("_")[0] != "ok" for case in programs("known")}
    for name in ("ours", *PEERS):
        said = {case: _says(python, folder, name, case) for case in found}
        broken = [said[case][0] == "found" for case in found if found[case]]
        right = [said[case][0] == "nothing" for case in found if not found[case]]
        row(f"{name}: broken programs found, of {len(broken)}", sum(broken))
        row(f"{name}: right programs left alone, of {len(right)}", sum(right))
        row(
            f"{name}: seconds to the answer, median", median(s for _, s in said.values()), unit=" s"
        )


def _says(python: str, folder: str, engine: str, case: str) -> tuple[str, float]:
    try:
        what, seconds = _peer(python, folder, engine, case).split()
    except subprocess.CalledProcessError:
        return "refused", 0.0
    except subprocess.TimeoutExpired:
        return "hangs", 30.0
    return what, float(seconds)


def _rate(python: str, folder: str, engine: str) -> float:
    return float(_peer(python, folder, engine))


def _peer(python: str, folder: str, *arguments: str) -> str:
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(root), str(root / "tests" / "interleave"), folder])
    command = [python, str(root / "tests" / "tools" / "peers.py"), *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=30 if len(arguments) > 1 else None,
    )
    return done.stdout


def verdicts() -> None:
    import peers
    from helpers.interleave import explore

    row("2 threads × 1 increment: classes tried", explore(peers.once).tried, "wanted: 4")
    start = perf_counter()
    found = explore(peers.program)
    row("3 × 2: classes tried", found.tried, "7134, complete" if found.complete else "incomplete")
    row("3 × 2: until the verdict", perf_counter() - start, "at most 6 s", unit=" s")
    for program in (peers.guarded, peers.crossed, peers.bakery):
        start = perf_counter()
        found = explore(program)
        what = f"{program.__name__}: {found.verdict}, {found.tried} classes"
        row(what, perf_counter() - start, "at most 0.5 s", unit=" s")


def click() -> None:
    """In real JupyterLab, from a click on a thread's button to the new picture."""
    with in_jupyterlab([PLAY]) as (driver, lesson):
        if lesson is not None:
            (board,) = lesson.boards()
            seconds = driver.play_click_to_picture(board)
            row("play: click to picture", seconds, "at most 0.2 s", unit=" s")


# ---------------------------------------------------------------- real work


def downloads() -> None:
    """200 downloads of 50 ms over 50 threads ÷ the ideal, which is 200 ms."""
    with server() as at:
        urls = [f"{at}/wait?seconds=0.05&size=1000&name={n}" for n in range(200)]
        whole = [body(url) for url in urls]

        def ours() -> float:
            timeline = run(fetch, urls, workers=50)
            assert timeline.results == whole
            return timeline.elapsed / 0.2

        def with_call() -> float:
            start = perf_counter()
            assert run(fetch, urls, workers=50).results == whole
            return (perf_counter() - start) / 0.2

        def plain() -> float:
            start = perf_counter()
            with ThreadPoolExecutor(50) as pool:
                assert list(pool.map(fetch, urls)) == whole
            return (perf_counter() - start) / 0.2

        fetch(urls[0])  # httpx is imported
        cost = turns(7, ours=ours, with_call=with_call, plain=plain)
    row("run: elapsed ÷ ideal", cost["ours"], "at most 1.5")
    row("   from the call to its return ÷ ideal", cost["with_call"])
    row("plain ThreadPoolExecutor.map, start to end ÷ ideal", cost["plain"])


def thousand() -> None:
    """1000 requests of 100 ms that wait at the server at once, each on a line of its own."""
    allow_many_files()
    with server() as at:
        port, seconds, answered = int(at.rpartition(":")[2]), [], []
        for _ in range(7):
            start = perf_counter()
            answered.append(asyncio.run(_clients(port, 1000)))
            seconds.append(perf_counter() - start)
    row("answered whole, in the worst of seven rounds", min(answered), "wanted: 1000")
    row("until the last answer, median", median(seconds), "at most 1 s", unit=" s")
    row("   the worst", max(seconds), unit=" s")


def tasks() -> None:
    """1000 downloads of 100 ms at once, by tasks and by threads, in a fresh process each time."""
    with server() as at:
        urls = [f"{at}/wait?seconds=0.1&name={n}" for n in range(1000)]
        kinds = ("tasks", "threads")
        one = [all_at_once("tasks", urls[:1]).elapsed for _ in range(5)]
        found = [{kind: all_at_once(kind, urls) for kind in kinds} for _ in range(5)]
    row("whole with tasks, in the worst of five rounds", min(r["tasks"].whole for r in found))
    for kind in kinds:
        elapsed = median(r[kind].elapsed for r in found)
        row(f"{kind}: until the last answer, median", elapsed, unit=" s")
        wanted = "at most 5" if kind == "tasks" else ""
        row("   ÷ a single download", elapsed / median(one), wanted)
        if memory := [each for r in found if (each := r[kind].memory) is not None]:
            row("   memory, median", median(memory) / 1e6, unit=" MB")


async def _clients(port: int, count: int) -> int:
    return sum(await asyncio.gather(*(_client(port, n) for n in range(count))))


async def _client(port: int, n: int) -> bool:
    """As little as a client can do, as it shares the CPUs with what is measured."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/wait?seconds=0.1&size=1000&name={n}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    return said.startswith(b"HTTP/1.1 200 ") and said.endswith(body(f"http://x{path}"))


# ------------------------------------------------------------------- queues


def pipeline() -> None:
    """Two stages and a bounded queue: items a second ÷ those of a bare one, not recorded."""

    def pause(_: Any) -> None:
        time.sleep(0.0005)

    hashed = partial(_digest, 64)
    for what, first, second, items, wanted in (
        ("files: read, then their words counted", read_text, _words, texts()[::4], "at least 0.8"),
        ("0.5 ms of waiting in each stage", pause, pause, range(400), "at least 0.8"),
        ("64 kB hashed in each stage, 0.04 ms", hashed, hashed, range(2000), "at least 0.8"),
        ("nothing to do: only the queue", id, id, range(10_000), ""),
    ):
        stages = queues.Stage("first", first), queues.Stage("second", second)
        cost = turns(
            9,
            ours=lambda: void(queues.pipeline(items, *stages, size=16)),  # noqa: B023
            bare=lambda: void(bare_pipeline(items, first, second, 16)),  # noqa: B023
        )
        row(what, cost["bare"] / cost["ours"], wanted)
        row("   items a second", len(items) / cost["ours"])
        if not wanted:
            row("   what recording costs", (cost["ours"] - cost["bare"]) / len(items), "", " s")


def _digest(kilobytes: int, _: Any) -> bytes:
    return sha256(memoryview(ZEROS)[: kilobytes << 10]).digest()


def _words(text: str) -> Counter[str]:
    return Counter(text.split())


def bare_pipeline(
    items: Sequence[Any], work: Callable[[Any], Any], more: Callable[[Any], Any], size: int
) -> list[Any]:
    """What one would write by hand: a thread for each stage, one queue, one sentinel."""
    line: Queue[Any] = Queue(size)
    results = []

    def first() -> None:
        for index, item in enumerate(items):
            line.put((index, work(item)))
        line.put(None)

    def second() -> None:
        while (pair := line.get()) is not None:
            results.append((pair[0], more(pair[1])))

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def album() -> None:
    """10 000 photographs of 4 kB through the pipeline of lesson 10, in a fresh process."""
    code = "import bench; bench.album_here()"
    there = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    subprocess.run([sys.executable, "-c", code], env=there, check=True)


def album_here(count: int = 10_000, crew: int = 8, width: int = 48) -> None:
    """Each answer takes 20 ms; then each stage alone, with the same crew, and nothing kept.

    A photograph is 120 pixels wide, its small copy `width`.
    """
    with server() as at, photos.database() as path:
        urls = [f"{at}/photo/{n % 200}?seconds=0.02&width=120&name={n}" for n in range(count)]
        photo = fetch(urls[0])
        small = thumbnail(photo, width)

        def load(url: str) -> tuple[str, bytes]:
            return url, fetch(url)

        def shrink(pair: tuple[str, bytes]) -> tuple[str, bytes]:
            return pair[0], thumbnail(pair[1], width)

        def note(pair: tuple[str, bytes]) -> str:
            return photos.note(path, *pair)

        def seconds(items: Sequence[Any], *stages: queues.Stage) -> float:
            start = perf_counter()
            assert len(queues.pipeline(items, *stages, size=crew, timeout=900).results) == count
            return perf_counter() - start

        first = queues.Stage("load", load, crew)
        stages = first, queues.Stage("shrink", shrink), queues.Stage("note", note)
        queues.pipeline(urls[:200], *stages, size=crew)  # all is imported, and the server has them
        idle = peak()
        all_of_it = seconds(urls, *stages)
        memory = None if idle is None else (peak() or 0) - idle
        assert len(photos.noted(path)) == count
        alone = {
            "load": seconds(urls, queues.Stage("load", lambda url: void(load(url)), crew)),
            "shrink": seconds(
                urls, queues.Stage("shrink", lambda url: void(thumbnail(photo, width)))
            ),
            "note": seconds(urls, queues.Stage("note", lambda url: void(note((url, small))))),
        }
    row("all of it", all_of_it, "", " s")
    for name, took in alone.items():
        row(f"   {name} alone", took, "", " s")
    row("elapsed ÷ the slowest stage alone", all_of_it / max(alone.values()), "at most 1.2")
    if memory is not None:
        row("peak resident memory above idle", memory / 1e6, "at most 300", " MB")


def cluster() -> None:
    """40 items of 50 ms by a pool of two processes and by two workers of Dask's local cluster."""
    client = apart.connect(workers=2)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(2, mp_context=spawn) as pool:
            ways = {"pool": pool, "cluster": client.get_executor(pure=False)}
            for work in (wait, crunch):
                recorded = {
                    name: partial(_elapsed, run, work, [0.05] * 40, using=executor)
                    for name, executor in ways.items()
                }
                plain = {
                    f"{name}, plain": partial(_elapsed, _mapped, executor, work, [0.05] * 40)
                    for name, executor in ways.items()
                }
                for once in (*recorded.values(), *plain.values()):
                    once()
                cost = turns(5, **recorded, **plain)
                for end, wanted in (("", "at least 0.7"), (", plain", "")):
                    ratio = cost[f"pool{end}"] / cost[f"cluster{end}"]
                    row(f"{work.__name__}{end}: pool ÷ cluster, elapsed", ratio, wanted)
            executor = ways["cluster"]
            each = median(_elapsed(_mapped, executor, echo, range(200)) / 200 for _ in range(3))
        row("an item that takes no time", 1e3 * each, unit=" ms")
    finally:
        apart.close(client)


def _elapsed(call: Callable[..., Any], *arguments: Any, **named: Any) -> float:
    start = perf_counter()
    call(*arguments, **named)
    return perf_counter() - start


def _mapped(executor: Any, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    return list(executor.map(work, items))


def nogil() -> None:
    """Two threads of `crunch` on two CPUs, here and without a GIL; and two interpreters."""
    pieces = [0.1] * 4
    ways = (
        ("threads, with a GIL", pythons.with_gil(), "threads", "1.0"),
        ("threads, without", pythons.free_threaded(), "threads", "at least 1.7"),
        ("interpreters", pythons.with_interpreters(), "interpreters", ""),
    )
    for name, python, using, wanted in ways:
        if isinstance(python, pythons.Recording):
            print(f"  {name}: there is no such Python here; see {pythons.VARIABLE}")
            continue
        pairs = [[python.run(crunch, pieces, n, using) for n in (1, 2)] for _ in range(7)]
        row(
            f"{name}: speed-up, median of 7", median(two.speedup(one) for one, two in pairs), wanted
        )
        row("   CPU time of two ÷ of one", median(_cpu(two) / _cpu(one) for one, two in pairs))


def _cpu(timeline: Timeline) -> int:
    return sum(span.cpu_time for span in timeline.spans)


def outside() -> None:
    """What other tools see of the lost update of lesson 10; installed for this only."""
    with TemporaryDirectory() as folder:
        if not _installed(sys.executable, folder, ["frontrun", "pytest-run-parallel", "py-spy"]):
            return
        file = shutil.copy(ROOT / "tests" / "tools" / "outside.py", folder)
        theirs = {**os.environ, "PYTHONPATH": folder}
        ran = partial(subprocess.run, cwd=folder, capture_output=True, text=True, timeout=60)
        explored = ran([sys.executable, file, "explore"], env={**theirs, "FRONTRUN_ACTIVE": "1"})
        print(explored.stdout)
        pytest = [sys.executable, "-m", "pytest", "-q", "--parallel-threads=8", "--iterations=2000"]
        for name in ("test_own", "test_shared"):
            ends = [ran([*pytest, f"{file}::{name}"], env=theirs).returncode for _ in range(3)]
            row(f"pytest-run-parallel, {name}: failed, of 3", sum(map(bool, ends)))
        with subprocess.Popen([sys.executable, file, "hangs"], stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            program.stdout.readline()
            spy = os.path.join(folder, "bin", "py-spy")
            print(ran([spy, "dump", "--pid", str(program.pid)]).stdout)
            program.kill()
        there = (each for each in pythons.found().pythons if each.version.split(".")[1] >= "15")
        if (newest := next((each.path for each in there), None)) is None:
            print(
                f"  profiling.sampling needs Python 3.15, which is not here; see {pythons.VARIABLE}"
            )
            return
        with subprocess.Popen([newest, file, "hangs"], stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            program.stdout.readline()
            sampled = [newest, "-m", "profiling.sampling"]
            print(ran([*sampled, "dump", "--all-threads", str(program.pid)]).stdout)
            gil = ["attach", "--all-threads", "--mode", "gil", "--duration", "2"]
            print(ran([*sampled, *gil, str(program.pid)]).stdout)
            program.kill()


def main(names: list[str]) -> None:
    every = (span, transport, kill, startup, picture, speedup, browser, opening, interleave)
    later = (downloads, tasks, nogil, cluster, pipeline, album, outside)
    parts = {part.__name__: part for part in (*every, *later)}
    parts["server"] = thousand  # as `server` is what it starts
    if unknown := [name for name in names if name not in parts]:
        sys.exit(f"no part of the bench is called {unknown[0]}; there are {', '.join(parts)}")
    print(machine().describe())
    for name in names or parts:
        print(f"\n{parts[name].__doc__}")
        parts[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
