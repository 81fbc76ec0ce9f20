"""An interrupt at any moment leaves nothing behind, in a real kernel; see `interrupts`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.apart import cluster
from interrupts import ANSWERS, ENDS, Kernel, chosen, differences, random_seeds, tries

SLOW = """
import time
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    time.sleep(0.005)
whole = True
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    started = Kernel(str(tmp_path))
    yield started
    assert started.end() == []


def test_an_interrupt_of_an_import_arrives_after_it_and_the_module_is_whole(
    kernel: Kernel, tmp_path: Path
) -> None:
    for name, seconds in {"short": 0.3, "other": 0.3, "long": 30, "again": 1, "last": 0.3}.items():
        (tmp_path / f"{name}.py").write_text(SLOW.format(seconds=seconds))
    kernel.run(f"import helpers, sys, threading, time; sys.path.insert(0, {str(tmp_path)!r})", ENDS)
    cell = "import short, other\nwhile True: time.sleep(0.01)"
    assert kernel.run(cell, ANSWERS, 0.2, kernel.interrupt).status == "KeyboardInterrupt"
    assert kernel.run("assert short.whole; import other; assert other.whole", ENDS).status == "ok"
    assert kernel.run("import long", ANSWERS, 0.2, kernel.interrupt).status == "KeyboardInterrupt"
    assert kernel.run("time.sleep(0.1)", ENDS).status == "ok"
    blocks = "import last\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"
    assert kernel.run(blocks, ANSWERS, 0.1, kernel.interrupt).status == "KeyboardInterrupt"
    twice = kernel.run("import again\ntime.sleep(9)", ANSWERS, 0.1, lambda: press_twice(kernel))
    assert twice.status == "KeyboardInterrupt"
    assert kernel.run("time.sleep(0.5); assert again.whole", ENDS).status == "ok"
    assert kernel.run("time.sleep(9)", ANSWERS, 0.2, kernel.interrupt).status == "KeyboardInterrupt"


def press_twice(kernel: Kernel) -> None:
    kernel.interrupt()
    time.sleep(0.2)
    kernel.interrupt()


STARTS = """
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Lock, Thread
from helpers import lesson
line, left, right, kept = Queue(), Lock(), Lock(), ThreadPoolExecutor(1)
def waits():
    line.get()
def computes():
    while True: pass
def ends():
    time.sleep(0.4)
def one():
    with left:
        time.sleep(0.1)
        with right: pass
def two():
    with right:
        time.sleep(0.1)
        with left: pass
def together(*functions):
    threads = [Thread(target=function, name=function.__name__) for function in functions]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_an_interrupt_ends_the_threads_that_its_cell_has_started(kernel: Kernel) -> None:
    kernel.run(STARTS, ENDS)
    before = kernel.state()
    stopped = kernel.run("together(waits, computes, ends)", ANSWERS, 0.3, kernel.interrupt)
    said = "The interrupt ends the threads of this cell, too: waits, computes."
    assert (stopped.status, stopped.said.strip()) == ("KeyboardInterrupt", said)
    stopped = kernel.run("together(one, two)", ANSWERS, 0.4, kernel.interrupt)
    assert stopped.said.strip() == said.replace("waits, computes", "one, two")
    assert kernel.run("assert not left.locked() and not right.locked()", ENDS).status == "ok"
    assert differences(before, kernel.state()) == ""
    pool = "kept.submit(ends); after = kept.submit(int)\nafter.result()"
    stopped = kernel.run(pool, ANSWERS, 0.1, kernel.interrupt)
    assert (stopped.status, stopped.said.strip()) == ("KeyboardInterrupt", "")
    assert kernel.run("assert after.result() == 0", ENDS).status == "ok"


COMPUTES = """
import asyncio
import helpers
async def computes():
    while True: pass
"""


def test_an_interrupt_of_a_cell_that_awaits_meets_it_though_it_waits_or_computes(
    kernel: Kernel,
) -> None:
    kernel.run(COMPUTES, ENDS)
    cells = {
        "await asyncio.Event().wait()": "CancelledError",
        "await computes()": "KeyboardInterrupt",
        "await asyncio.gather(computes(), asyncio.sleep(9))": "CancelledError",
    }
    for cell, ending in cells.items():
        assert kernel.run(cell, ANSWERS, 0.2, kernel.interrupt).status == ending
        while (after := kernel.run("len(asyncio.all_tasks())", ENDS)).status == "aborted":
            pass  # what a page sends just after an error is
        assert after.status == "ok"


AROUND = """
import os, signal, time
import helpers
kernel = get_ipython().kernel
def pressed_in(name):
    # from the next time on, once, as somebody presses Stop in that step of ipykernel
    step = getattr(kernel, name)
    def pressed(*args):
        setattr(kernel, name, step)
        os.kill(os.getpid(), signal.SIGINT)
        return step(*args)
    setattr(kernel, name, pressed)
"""


def test_an_interrupt_before_the_code_of_a_cell_arrives_in_it_and_after_it_is_too_late(
    kernel: Kernel,
) -> None:
    kernel.run(AROUND, ENDS)
    waits = "end = time.monotonic() + 2\nwhile time.monotonic() < end: time.sleep(0.01)"
    for step in ("init_metadata", "_forward_input"):
        kernel.run(f"pressed_in({step!r})", ENDS)
        assert kernel.run(waits, ANSWERS).status == "KeyboardInterrupt"
    for step in ("_restore_input", "finish_metadata", "post_handler_hook"):
        for cell in (f"pressed_in({step!r})", "time.sleep(0.01)", "time.sleep(0.2)"):
            assert kernel.run(cell, ENDS).status == "ok"


FORKS = """
import os, time
from multiprocessing import get_context
import helpers
def slow():
    end = time.monotonic() + 0.5
    while time.monotonic() < end: time.sleep(0.005)
os.register_at_fork({moment}=slow)
child = get_context("fork").Process(target=time.sleep, args=[9])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
@pytest.mark.parametrize("moment", ["before", "after_in_parent"])
def test_an_interrupt_of_a_start_of_a_process_arrives_after_it(kernel: Kernel, moment: str) -> None:
    kernel.run(FORKS.format(moment=moment), ENDS)
    cell = "child.start()\nwhile True: time.sleep(0.01)"
    assert kernel.run(cell, ANSWERS, 0.2, kernel.interrupt).status == "KeyboardInterrupt"
    assert kernel.run("child.join(5); assert child.exitcode == 1", ENDS).status == "ok"


A_CLUSTER = """
import os, signal, time
from dask.distributed import Client, LocalCluster
from distributed.deploy.spec import SpecCluster
from helpers.apart import cluster
def pressed(*args, **named):
    setattr(kind, name, step)
    os.kill(os.getpid(), signal.SIGINT)
    return step(*args, **named)
kind, name = {kind}, {name!r}
step = getattr(kind, name)
setattr(kind, name, pressed)
"""
MADE = """
with LocalCluster(n_workers=1, **cluster.quiet()) as one, Client(one) as client:
    pass
time.sleep(9)
"""


@pytest.mark.skipif(not cluster.here(), reason="needs Dask")
@pytest.mark.parametrize(("kind", "name"), [("Client", "_start"), ("SpecCluster", "close")])
def test_an_interrupt_of_a_cluster_that_starts_or_ends_leaves_nothing(
    kernel: Kernel, kind: str, name: str
) -> None:
    kernel.run(A_CLUSTER.format(kind=kind, name=name), ENDS)
    before = kernel.state()
    assert kernel.run(MADE, ENDS).status == "KeyboardInterrupt"
    assert differences(before, kernel.state()) == ""


DEATHS = {
    "a run in a check": (
        'check("start.overlap", lambda *_: run(ends, [1]))',
        'check("start.overlap") and run(ends)',
    ),
    "an exploration": ("explore(crashes)", "explore(crashes)"),
}
IMPORTS = """
import ctypes, os
from helpers.interleave import explore
from helpers.lesson import check
from helpers.run import run
def ends(*_): os._exit(1)
def crashes(): ctypes.string_at(0)
"""


FORKED = """
from multiprocessing import get_context
from helpers.ending import under_way
with under_way._note.lock:  # as a panel may have it
    child = get_context("fork").Process(target=run, args=(len, ["ab"]))
    child.start()
child.join(20)
child.kill()
assert child.exitcode == 0
"""


def test_the_next_kernel_says_what_was_under_way_when_the_last_one_died(kernel: Kernel) -> None:
    assert kernel.run(IMPORTS, ENDS)[:2] == ("ok", " ")
    for call, what in DEATHS.values():
        kernel.client.execute(f"# once more\nanswer = 1\n{call}")
        provisioner: Any = kernel.manager.provisioner
        provisioner.process.wait(60)
        kernel.restart()
        where = "in the cell that begins with `# once more`"
        sentence = f"The last kernel ended while {what} was under way, {where}.\n"
        assert kernel.run(IMPORTS, ENDS).said.strip() == sentence.strip()
    assert kernel.run(FORKED, ENDS).status == "ok"
    kernel.run(f"{IMPORTS}\nrun(ends, [1], using='fork')", ENDS)
    kernel.restart()
    assert kernel.run(IMPORTS, ENDS).said.strip() == ""


def test_nothing_is_left_of_interrupts_and_kills_at_random_moments() -> None:
    """A long run, over all lessons: python tests/tools/interrupts.py --seconds 600."""
    counts, wrong = tries(chosen(["run, ", "pipeline", "explore", "gil"]), 5, random_seeds())
    assert wrong == []
    assert counts.total() > 0


def test_what_is_left_is_seen(kernel: Kernel) -> None:
    before = kernel.state()
    kernel.run(LEAVES, ENDS)
    left = differences(before, kernel.state())
    for part in ("switch interval: 0.5", "hooks", "threads left: ['Thread forgotten']", "sleep"):
        assert part in left
    kernel.run("child.kill(); child.wait()", ENDS)


LEAVES = """
import subprocess, sys, threading
threading.Thread(target=threading.Event().wait, name="forgotten", daemon=True).start()
sys.setswitchinterval(0.5)
threading.excepthook = print
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
"""
