"""A cluster for lesson 09: Dask's, on this computer or at an address, or a word on how to get it.

`connect()` gives a client of Dask: of the scheduler whose address stands in the
environment variable DASK_SCHEDULER_ADDRESS, or of a cluster that it starts here.
Each way in which that can fail is said in a sentence. What it starts here is quiet,
listens to this computer only, and ends with `close` or with the kernel.

Dask is no part of the course's own installation. Where it is missing, `required()`
says so, and a cell that needs it shows what it showed when the lesson was stored.

Not here: how `run` records what a cluster does; see `run.cluster`.
"""

from __future__ import annotations

import ast
import json
import os
import re
import symtable
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from heapq import heapreplace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ending import InOneSentence, end_processes
from ..ending.interrupts import kept_from_children, whole
from ..folders import temporary

if TYPE_CHECKING:
    from concurrent.futures import Future
    from tempfile import TemporaryDirectory

VARIABLE = "DASK_SCHEDULER_ADDRESS"  # Dask's own
MISSING = (
    "Dask is not installed here. Call python3 course.py cluster in the folder of the course "
    "(with conda: conda install distributed), and restart the kernel."
)
ADDRESS = re.compile(r"(tcp|tls)://(\[[\da-fA-F:]+\]|[\w.-]+):\d{1,5}")
VERSIONS = (("packages", "distributed"), ("host", "python"))  # where a scheduler says them
SILENT = 100  # a level of logging that nothing reaches


class ClusterError(InOneSentence, RuntimeError):
    """No cluster can be had, in one sentence."""


def here() -> bool:
    """Whether Dask is installed."""
    return find_spec("distributed") is not None


# ------------------------------------------------------------------ a cluster


def connect(address: str | None = None, workers: int = 2, seconds: float = 10.0) -> Any:
    """A `Client` of the scheduler at `address`, or of $DASK_SCHEDULER_ADDRESS, or of our own.

    Our own has so many worker processes of one thread each; there is one until it is
    closed, however often it is asked for. Raises ValueError for what
    is no address, and ClusterError where nobody answers within `seconds`, where that is
    no scheduler, where its Dask or Python is another one, or where Dask is missing. The
    certificates for an address with tls:// are those that Dask's own settings name.
    """
    if not here():
        raise ClusterError(MISSING)
    if not isinstance(workers, int) or not 1 <= workers <= 61:
        raise ValueError(f"workers must be a whole number between 1 and 61, not {workers!r:.60}")
    _silence()
    address = address or os.environ.get(VARIABLE)
    if address:
        return _joined(address, seconds)
    if workers not in _open or _is_over(_open[workers]):
        _begin(workers)
    return _open[workers].result()


def _joined(address: str, seconds: float) -> Any:
    from distributed import Client

    if not ADDRESS.fullmatch(str(address)):
        raise ValueError(
            'address must be like "tcp://10.0.0.5:8786", as a scheduler says it, not '
            f"{address!r:.60}"
        )
    from distributed.security import Security

    try:
        safe = Security().get_connection_args("client")
    except OSError as error:
        raise ClusterError(f"Certificates that Dask's settings name are no use: {error}") from error
    if address.startswith("tls:") and not safe.get("ssl_context"):
        raise ClusterError(
            f"The scheduler at {address} wants certificates: name them in Dask's settings, "
            "distributed.comm.tls.ca-file, .client.cert and .client.key."
        )
    told = _told(address, seconds, safe)
    if told.get("type") != "Scheduler":
        what = f"a {told['type']} of Dask" if "type" in told else "nothing that Dask understands"
        raise ClusterError(
            f"What answers at {address} is {what}, and no scheduler. A scheduler says its address "
            "when it starts."
        )
    found = [told.get(kind, {}).get(name, "unknown") for kind, name in VERSIONS]
    for name, there, ours in zip(("Dask", "Python"), found, _versions(), strict=True):
        if there.split(".")[:2] != ours.split(".")[:2]:
            raise ClusterError(
                f"The scheduler at {address} has {name} {there}, and this computer has {ours}: "
                "what one sends, the other may not be able to read. Install the same in both."
            )
    return Client(address, timeout=seconds, set_as_default=False)


def _versions() -> tuple[str, str]:
    """Of Dask and of Python, here."""
    import platform

    import distributed

    return distributed.__version__, platform.python_version()


def _told(address: str, seconds: float, safe: dict[str, Any]) -> dict[str, Any]:
    """What the other end says of itself; nothing where it does not speak as Dask does.

    A `Client` that is given another address than a scheduler's may wait for ever.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from distributed.comm import connect

    async def ask() -> dict[str, Any]:
        comm = await connect(address, timeout=seconds, **safe)
        told: dict[str, Any] = {}
        try:
            for question in ("identity", "versions"):
                await comm.write({"op": question, "reply": True})
                told |= await comm.read()
        finally:
            comm.abort()
        return told

    with ThreadPoolExecutor(1) as thread:  # a cell has a loop that runs already
        try:
            return thread.submit(lambda: asyncio.run(asyncio.wait_for(ask(), seconds + 1))).result()
        except (OSError, TimeoutError) as error:
            if _listens(address):
                return {}
            raise ClusterError(
                f"No scheduler answers at {address}. Does it run there, does it listen to this "
                "computer, and is that its port?"
            ) from error
        except Exception:
            return {}


def _listens(address: str) -> bool:
    """Whether anybody is at that port."""
    import socket

    host, _, port = address.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), 2).close()
    except OSError:
        return False
    return True


def quiet() -> dict[str, Any]:
    """What a `LocalCluster` is told here: this computer alone, no log, a folder that goes.

    From now on an interrupt waits until one has started or ended, and a client of it: nobody
    could close half of it.
    """
    from distributed import Client, LocalCluster
    from distributed.deploy import Cluster

    for step in (LocalCluster.__init__, Cluster.__enter__, Cluster.__exit__, Client.__exit__):
        whole(step)
    whole(Client.__init__)  # else the event loop is one more client's, and goes on
    return {
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",  # of a page with numbers, which always is somewhere
        "silence_logs": SILENT,
        "local_directory": _folder().name,
        "scheduler_kwargs": {"local_directory": _folder().name},
    }


@lru_cache(maxsize=1)
def _folder() -> TemporaryDirectory[str]:
    return temporary("cluster")


@whole
def _begin(workers: int) -> None:
    """Start one in a thread: no interrupt reaches it, and nobody could close half a cluster."""
    from concurrent.futures import ThreadPoolExecutor

    thread = ThreadPoolExecutor(1, "starts a cluster")
    _open[workers] = thread.submit(_started, workers)
    thread.shutdown(wait=False)


def _started(workers: int) -> Any:
    from multiprocessing import resource_tracker

    from distributed import Client, LocalCluster

    resource_tracker.ensure_running()  # whoever starts it hears of interrupts again
    try:
        with kept_from_children():
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, **quiet())
            return Client(cluster, set_as_default=False)
    except Exception as error:
        raise ClusterError(f"No cluster could be started here: {error}") from error


def _is_over(ours: Future[Any]) -> bool:
    """Whether it could not be started, or has ended."""
    return ours.done() and (ours.exception() is not None or ours.result().status != "running")


@whole
def close(client: Any) -> None:
    """End the client, and the cluster with its workers if it was started here."""
    from multiprocessing import active_children

    with suppress(Exception):  # its scheduler may be gone
        client.close()
    there = {n: ours for n, ours in _open.items() if ours.done() and ours.exception() is None}
    for workers in [n for n, ours in there.items() if ours.result() is client]:
        del _open[workers]
        with suppress(TimeoutError):  # of a worker that does not hear
            client.cluster.close(timeout=5)
        end_processes(p for p in active_children() if p.name.startswith("Dask Worker"))
    if not _open:
        _folder().cleanup()
        _folder.cache_clear()


_open: dict[int, Future[Any]] = {}  # clients of clusters that were started here, by their workers


def _silence() -> None:
    """Dask says to the log, again and again, what an error says in the end."""
    import logging

    import distributed as distributed  # which sets these levels

    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(SILENT)


# -------------------------------------------------------------- on paper


def elapsed(seconds: Sequence[float], workers: int, handling: float) -> float:
    """When the last of these tasks ends, if all workers are free at 0; all in seconds.

    For each task in turn the scheduler waits until a worker is free and takes `handling`
    seconds, in which it does nothing else; then the worker begins the task.

    >>> elapsed([4, 4], workers=2, handling=1)
    6.0
    """
    free, now = [0.0] * workers, 0.0
    for each in seconds:
        now = max(now, free[0]) + handling
        heapreplace(free, now + each)
    return max(free)


# ------------------------------------------------------------- and without it


def required() -> None:
    """Say whether Dask is here; where it is not, cells that need it show what was stored."""
    from IPython import get_ipython

    shell: Any = get_ipython()  # type: ignore[no-untyped-call, unused-ignore]
    if here():
        print("Dask is installed, so the cells of this lesson run.")
        return
    print(f"{MISSING} Until then cells that need it show what was recorded elsewhere.")
    if shell is not None and not any(isinstance(t, _Recorded) for t in shell.ast_transformers):
        shell.ast_transformers.append(_Recorded())


class _Recorded(ast.NodeTransformer):
    """Puts in the place of a cell that needs Dask what the notebook has stored for it.

    A cell needs it if it imports it, or reads a name that only such a cell has made.
    """

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def visit_Module(self, tree: ast.Module) -> ast.Module:
        made, read = _names(tree)
        if not _imports_dask(tree) and not read & self.missing:
            self.missing -= made
            return tree
        self.missing |= made
        source = ast.unparse(tree)
        return ast.parse(f"__import__({__name__!r}, fromlist=['show']).show({source!r})")


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """What a cell makes, and what it reads that it has not made itself."""
    body = textwrap.indent(ast.unparse(tree), "    ")
    inside = symtable.symtable(f"async def cell():\n{body}\n    pass", "cell", "exec")
    table = inside.lookup("cell").get_namespace()
    return {s.get_name() for s in table.get_symbols() if s.is_local()}, set(_read(table))


def _read(table: symtable.SymbolTable) -> Iterator[str]:
    yield from (s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced())
    for inner in table.get_children():
        yield from _read(inner)


def _imports_dask(tree: ast.Module) -> bool:
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    connects = any(
        isinstance(node, ast.Attribute) and ast.unparse(node) == "cluster.connect"
        for node in ast.walk(tree)
    )
    return connects or any(name.split(".")[0] in ("dask", "distributed") for name in modules)


NOTE = {"course": "note"}  # in the metadata of what is no part of the recording


def show(source: str) -> None:
    """What the notebooks have stored for the cell with this code, and that it is not from here."""
    from IPython import display

    publish: Any = display.publish_display_data
    stored = _stored(source)
    said = "; this is what it showed elsewhere:" if stored else "."
    publish({"text/plain": f"This cell needs Dask{said}"}, NOTE)
    for output in stored:
        if output["output_type"] == "stream":
            print("".join(output["text"]), end="")
        elif output["output_type"] in ("display_data", "execute_result"):
            data = {kind: _joined_lines(kind, text) for kind, text in output["data"].items()}
            publish(data)


def _joined_lines(kind: str, text: Any) -> Any:
    return "".join(text) if isinstance(text, list) and "json" not in kind else text


def _stored(source: str) -> list[Any]:
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    for path in [*folder.glob("09-*.ipynb"), *folder.glob("solutions/09-*.ipynb")]:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code" and _same(cell["source"], source):
                return [out for out in cell["outputs"] if out.get("metadata") != NOTE]
    return []


def _same(cell: Any, source: str) -> bool:
    text = cell if isinstance(cell, str) else "".join(cell)
    try:
        return ast.unparse(ast.parse(text)) == source
    except SyntaxError:  # a magic
        return False
