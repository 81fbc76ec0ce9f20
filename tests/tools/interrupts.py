"""What is left of an interrupt, and of a kill, at a random moment: in a real kernel.

    python tests/tools/interrupts.py [PART ...] [--seconds 60] [--seed N]

A try goes through a lesson, cell by cell, or through programs of `stopped` in random order.
Each cell is interrupted after 0 to 1 s, or one of its processes is killed. Then the kernel
has to answer within 5 s; its threads, its processes, its settings and what an exploration
reports have to be as before; and the cell has to run again, and then the next one. In the end
the kernel is told to end, or is killed in the middle of a cell: nothing of it may be left after
10 s, no process and nobody who listens at a port of it, and no folder once another process has
made one.

PART is a piece of the name of a lesson or of a program; without it all are tried. Whatever does
not hold is printed with the seed of its try. `--seed N` repeats that try, and no other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple
from uuid import uuid4

import nbformat
import psutil
from jupyter_client import KernelManager

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tools")]

from stopped import PROGRAMS  # noqa: E402

MARK = "COURSE_TEST_OF_INTERRUPTS"
STACKS = "COURSE_TEST_STACKS"  # the file that a kernel writes its stacks to
ANSWERS = 5.0  # seconds that a cell may take to end once it is interrupted
SETTLES = 5.0  # seconds until nobody is left of it
SAYS = 20.0  # seconds for that
ENDS = 90.0  # seconds for a cell that nobody interrupts
GONE = 10.0  # seconds until nothing is left of a killed kernel
# One of each for the whole kernel; the last are asyncio's own pool, pyzmq's, for big pictures,
# IPython's and Dask's.
MAY_STAY = (
    "resource_tracker", "forkserver", "server.py", "Thread asyncio_", "GarbageCollectorThread",
    "HistorySavingThread", "Dask-Offload",
    *(["QueueFeederThread"] if sys.version_info < (3, 12) else []),  # of a pool that broke
)  # fmt: skip
# CancelledError ends a cell with `await`; its processes get the interrupt, too, maybe before it:
# whoever was writing to one that was just starting, or reading, sees that, and a pool is broken.
ENDINGS = (
    "ok", "KeyboardInterrupt", "CancelledError", "BrokenPipeError", "ConnectionResetError",
    "BrokenProcessPool", "",
)  # fmt: skip
# The same of a worker of Dask; and of a pool that is just ended because it broke.
BROKEN = ("Nanny failed to start", "OSError: handle is closed")
DELIBERATE = {"wrong-on-purpose", "raises-exception"}

PROBE = """
import faulthandler, os, signal
if hasattr(faulthandler, "register"):
    faulthandler.register(signal.SIGUSR1, open(os.environ["{STACKS}"], "w"))

def _state():
    import json, os, signal, sys, threading
    from multiprocessing import get_all_start_methods, get_start_method

    def name(hook):
        return getattr(hook, "__qualname__", type(hook).__name__)

    report = ""
    if "helpers.interleave" in sys.modules:
        from helpers.interleave import explore
        report = str(explore(_two_add))
    def whose(handler):  # ours, which passes an interrupt on to Python's, is as good as that
        ours = getattr(handler, "__module__", "") == "helpers.ending.interrupts"
        return str(signal.default_int_handler if ours else handler)

    threads = [[f"{type(t).__name__} {t.name}", t.ident]
               for t in threading.enumerate() if t.is_alive()]
    return json.dumps({
        "threads": threads,
        "switch interval": sys.getswitchinterval(),
        "CPUs": sorted(getattr(os, "sched_getaffinity", lambda pid: ())(0)),
        "tracers": str([sys.gettrace(), sys.getprofile(), threading.gettrace(),
                        threading.getprofile()]),
        "hooks": [name(h) for h in (sys.excepthook, threading.excepthook, sys.unraisablehook)],
        "signals": [whose(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "start method": get_start_method(allow_none=True) or get_all_start_methods()[0],
        "recursion limit": sys.getrecursionlimit(),
        "streams": [type(sys.stdout).__name__, type(sys.stderr).__name__],
        "report": report,
    })

def _two_add():
    import threading

    total = 0

    def add():
        nonlocal total
        total += 1

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 2
"""
SETTINGS = ("switch interval", "CPUs", "tracers", "hooks", "signals", "start method",
            "recursion limit", "streams", "report")  # fmt: skip


# Lesson 09 has one cluster from its first cell that asks for it to its end.
# Where a worker is killed, another one is started; one that is killed as it starts is not replaced.
ALL_THERE = "cluster.connect(workers=2).wait_for_workers(2, timeout=60)"
STAYS = {"09": f"from helpers.apart import cluster\nif cluster.here(): {ALL_THERE}"}


class Cell(NamedTuple):
    name: str
    code: str
    fails: bool = False  # on purpose

    @property
    def kind(self) -> str:
        """What a program has to do with: "run", "check"."""
        return self.name.split()[0].strip(",")


class Outcome(NamedTuple):
    status: str  # "ok", or the name of the error; "" where there is no answer
    said: str
    seconds: float


class Wrong(Exception):
    """What does not hold."""


def lessons() -> dict[str, list[Cell]]:
    """The code cells of every lesson, and of its solutions."""
    folder, found = ROOT / "notebooks", {}
    for path in sorted([*folder.glob("*.ipynb"), *folder.glob("[ps]*/*.ipynb")]):
        name = path.relative_to(folder).with_suffix("").as_posix()
        cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
        found[name] = [
            Cell(f"{name}, {c.id}", c.source, bool(DELIBERATE & {*c.metadata.get("tags", ())}))
            for c in cells
        ]
    return {name: cells for name, cells in found.items() if cells}


# ----------------------------------------------------------------- a kernel


class Kernel:
    """A real one, with a temporary folder of its own; all that it starts bears its mark."""

    def __init__(self, folder: str) -> None:
        self.folder, self.mark = os.path.join(folder, "tmp"), uuid4().hex
        self.stacks = Path(folder, "stacks")
        os.mkdir(self.folder)
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(
            cwd=str(ROOT / "notebooks"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TMPDIR": self.folder,
                "IPYTHONDIR": os.path.join(folder, "ipython"),
                "COURSE_PROGRESS": folder,
                MARK: self.mark,
                STACKS: str(self.stacks),
            },
        )
        self._meet()

    def _meet(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(60)
        self.run(PROBE.replace("{STACKS}", STACKS), ENDS)
        provisioner: Any = self.manager.provisioner
        self.pid: int = provisioner.process.pid

    def restart(self) -> None:
        """What a page does when its kernel has died."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._meet()

    def run(
        self, code: str, limit: float, after: float = 0.0, then: Callable[[], object] | None = None
    ) -> Outcome:
        """Run a cell; `after` so many seconds do something else, then the limit counts."""
        said: list[str] = []
        sent = self.client.execute(code)
        self._wait_until_it_runs(sent)
        begun = time.monotonic()
        answer = self._answer(sent, begun + after, said)
        if then:
            time.sleep(max(0.0, begun + after - time.monotonic()))
            then()
        answer = answer or self._answer(sent, time.monotonic() + limit, said)
        seconds = time.monotonic() - begun
        if answer is None:
            return Outcome("", "".join(said), seconds)
        status = answer["status"] if answer["status"] == "ok" else answer.get("ename", "aborted")
        return Outcome(status, f"{answer.get('evalue', '')} {''.join(said)}"[:400], seconds)

    def _wait_until_it_runs(self, sent: str) -> None:
        """Before, an interrupt is lost: ipykernel ignores it between two cells."""
        with suppress(Empty):
            while True:
                shown = self.client.get_iopub_msg(timeout=ENDS)
                mine = shown["parent_header"].get("msg_id") == sent
                if mine and shown["msg_type"] == "execute_input":
                    return

    def _answer(self, sent: str, until: float, said: list[str]) -> dict[str, Any] | None:
        while (left := until - time.monotonic()) > 0:
            self._listen(sent, said, 0)
            with suppress(Empty):
                reply = self.client.get_shell_msg(timeout=min(left, 0.2))
                if reply["parent_header"].get("msg_id") == sent:
                    self._listen(sent, said, 0.5)
                    return dict(reply["content"])
        return None

    def _listen(self, sent: str, said: list[str], seconds: float) -> None:
        """Fetch what is shown, which piles up otherwise, until so long nothing comes or all has."""
        with suppress(Empty):
            while True:
                shown = self.client.get_iopub_msg(timeout=seconds)
                if shown["parent_header"].get("msg_id") == sent:
                    if shown["msg_type"] == "stream":
                        said.append(shown["content"]["text"])
                    if shown["content"].get("execution_state") == "idle":
                        return

    def state(self) -> dict[str, Any]:
        late = ("aborted", "KeyboardInterrupt")  # an interrupt between two cells meets the next one
        answer: dict[str, Any] | None = None
        for _ in range(3):  # or costs its answer
            sent = self.client.execute("", silent=True, user_expressions={"state": "_state()"})
            answer = self._answer(sent, time.monotonic() + SAYS, [])
            answer = answer and answer.get("user_expressions", {}).get("state", answer)
            if answer and not {answer["status"], answer.get("ename")} & {*late}:
                break
        if answer is None:
            raise Wrong(f"the kernel does not say its state within {SAYS:g} s{self.where()}")
        found = answer
        if found.get("status") != "ok":
            raise Wrong(f"the kernel cannot say its state: {found.get('evalue', found)}")
        state: dict[str, Any] = json.loads(eval(found["data"]["text/plain"]))
        state["threads"] = [tuple(thread) for thread in state["threads"]]
        state["children"] = [tuple(child) for child in self.children()]
        return state

    def where(self) -> str:
        """The innermost lines of its threads."""
        if not hasattr(signal, "SIGUSR1"):
            return ""
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(0.5)
        stacks = self.stacks.read_text().split("\n\n")
        return "\n".join(["", *("\n".join(stack.splitlines()[:9]) for stack in stacks)])

    def children(self) -> list[tuple[str, int]]:
        """The command and the number of each process below the kernel that runs."""
        found = []
        for process in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    command = " ".join(process.cmdline())[:300]
                    found.append((re.sub(r"=\d+", "=N", command), process.pid))  # of its pipes
        return found

    def ports(self) -> list[int]:
        """Where it, or a process below it, waits for connections from this computer."""
        found = []
        with suppress(psutil.Error):
            kernel = psutil.Process(self.pid)
            for process in (kernel, *kernel.children(recursive=True)):
                with suppress(psutil.Error):
                    lines = process.net_connections("inet")
                    found += [n.laddr.port for n in lines if n.status == psutil.CONN_LISTEN]
        return found

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def kill_a_child(self, rng: random.Random) -> None:
        """One of its processes; nothing where it has none but the tracker of resources."""
        there = [pid for command, pid in self.children() if "resource_tracker" not in command]
        if there:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(there), signal.SIGKILL)

    def end(self, kill: bool = False) -> list[str]:
        """What is left of it, some seconds after its end."""
        ports = self.ports()
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=kill)
        self.manager.cleanup_resources()
        last = time.monotonic() + GONE
        while (left := self._marked()) and time.monotonic() < last:
            time.sleep(0.1)
        listening = [f"port {port}" for port in ports if _answers(port)]
        code = "from helpers import folders; folders.temporary('next').cleanup()"  # it sweeps
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": self.folder},
            check=True,
        )
        # What the standard library leaves, and the note for the next kernel, see `under_way`.
        folders = [n for n in os.listdir(self.folder) if "pymp-" not in n and "-note-" not in n]
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [*left.values(), *folders, *listening]

    def _marked(self) -> dict[int, str]:
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                mine = process.environ().get(MARK) == self.mark
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = " ".join(process.cmdline())[:300]
        return found


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


# ----------------------------------------------------------------- a try


class Try:
    """What one seed does."""

    def __init__(self, seed: int, parts: Mapping[str, list[Cell]], last: float) -> None:
        self.seed, self.last, self.rng = seed, last, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        name = self.rng.choice([*parts])
        cells = list(parts[name])
        if name == "programs":
            kinds = Counter(cell.kind for cell in cells)
            weights = [1 / kinds[cell.kind] for cell in cells]  # as often a run as a check
            cells = self.rng.choices(cells, weights, k=self.rng.choice([1, 1, 2, 4, 8]))
        self.killed_at = self.rng.randrange(len(cells)) if self.rng.random() < 0.5 else None
        self.cells = cells

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            kernel, kill = Kernel(folder), False
            kernel.run(self._stays(), ENDS)
            try:
                for number, cell in enumerate(self.cells):
                    if time.monotonic() > self.last:
                        break
                    if kill := number == self.killed_at:
                        kernel.run(cell.code, 0.01, self._moment(), lambda: None)
                        break
                    self._stop(kernel, cell)
            except Wrong as wrong:
                self._note(cell.name, str(wrong))
                kill = True
            left = kernel.end(kill)
            self.counts["kernels killed" if kill else "kernels ended"] += 1
            if left:
                self._note(
                    cell.name,
                    f"left of the kernel when it {'was killed' if kill else 'ended'}: {left}",
                )

    def _stays(self) -> str:
        return STAYS.get(self.cells[0].name.rpartition("/")[2][:2], "")

    def _moment(self) -> float:
        """From 0 to 1 s: as often within 10 ms as within a second, as many cells are short."""
        if self.rng.random() < 0.5:
            return self.rng.random()
        return 10 ** self.rng.uniform(-3.0, 0.0)

    def _note(self, where: str, what: str) -> None:
        self.wrong.append(what)
        print(f"seed {self.seed}, {where}: {what}", flush=True)

    def _stop(self, kernel: Kernel, cell: Cell) -> None:
        before = kernel.state()
        moment = self._moment()
        if self.rng.random() < 0.8:
            kind, act, limit = "interrupts", kernel.interrupt, ANSWERS
        else:
            kind, act, limit = "children killed", lambda: kernel.kill_a_child(self.rng), ENDS
        stopped = kernel.run(cell.code, limit, moment, act)
        self.counts[kind] += 1
        what = f"{kind} after {moment:.3f} s"
        if not stopped.status:
            try:
                kernel.state()
            except Wrong as wrong:
                said = f"{stopped.said}; {wrong}"
                raise Wrong(f"{what}: no answer within {limit:g} s; {said}") from None
            self.counts["answers that an interrupt of ipykernel itself has cost"] += 1
        self.counts[f"{kind} that met a cell at work"] += stopped.status != "ok"
        said = f"{stopped.status}: {stopped.said}"
        expected = stopped.status in ENDINGS or any(words in said for words in BROKEN)
        if "explore(" in cell.code:  # it gives what it has; who reads more out of it fails of that
            expected |= stopped.status in ("AttributeError", "KeyError")
        if kind == "interrupts" and not expected and not cell.fails:
            self._note(cell.name, f"{what}: {stopped.status}: {stopped.said}")
        if kind == "children killed":
            kernel.run(self._stays(), ENDS)
        self._settled(kernel, before, cell, what)
        again = kernel.run(cell.code, ENDS)
        if not again.status:
            where = kernel.where()
            raise Wrong(f"{what}: run again, no answer within {ENDS:g} s; {again.said}{where}")
        if again.status != "ok" and not cell.fails:
            self._note(cell.name, f"{what}: run again: {again.status}: {again.said}")
        self._settled(kernel, before, cell, f"{what}, and run again")

    def _settled(self, kernel: Kernel, before: Mapping[str, Any], cell: Cell, what: str) -> None:
        last = time.monotonic() + SETTLES
        while left := differences(before, kernel.state()):
            # The run of a panel is not the cell's, and a server that was killed starts anew.
            slow = any(name in left for name in ("Thread panel", "Timer Thread"))
            wait = ENDS - SETTLES if slow else 0
            if time.monotonic() > last + wait:
                break
            time.sleep(0.1)
        if left:
            self._note(cell.name, f"{what}: {left}{kernel.where() if 'threads' in left else ''}")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is left, or is another, in words; empty where all is as before."""
    found = [f"{k}: {now[k]}, not {before[k]}" for k in SETTINGS if now[k] != before[k]]
    if not before["report"] and len(found) == 1 and found[0].startswith("report"):
        found = []  # `interleave` has just been imported
    for kind in ("threads", "children"):  # by name, as one may take the place of another
        then, there = (Counter(name for name, _ in state[kind]) for state in (before, now))
        gone = (there - then).elements()
        if left := [name for name in gone if not any(part in name for part in MAY_STAY)]:
            found.append(f"{kind} left: {left}")
    return "; ".join(found)


def tries(
    parts: Mapping[str, list[Cell]], seconds: float, seeds: Iterator[int]
) -> tuple[Counter[str], list[str]]:
    """What was done, and what does not hold."""
    counts, wrong, last = Counter[str](), [], time.monotonic() + seconds
    for seed in seeds:
        if time.monotonic() > last:
            break
        one = Try(seed, parts, last)
        one.run()
        counts += one.counts
        wrong += one.wrong
    return counts, wrong


def random_seeds() -> Iterator[int]:
    return iter(lambda: random.randrange(10**6), None)


def chosen(names: list[str]) -> dict[str, list[Cell]]:
    """The lessons, and the programs as if they were cells of one, that have such a name."""
    parts = lessons()
    parts["programs"] = [Cell(name, code) for name, code in PROGRAMS.items()]
    if not names:
        return parts
    found = {}
    for part, cells in parts.items():
        programs = [c for c in cells if part == "programs" and any(n in c.name for n in names)]
        if programs or any(name in part for name in names):
            found[part] = programs or cells
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", nargs="*")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    if not (parts := chosen(given.part)):
        parser.error(f"part must be a piece of the name of a lesson or of a program: {given.part}")
    if given.seed is None:
        counts, wrong = tries(parts, given.seconds, random_seeds())
    else:
        counts, wrong = tries(parts, 10**6, iter([given.seed]))
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}")
    print(f"{len(wrong):6} bad")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
