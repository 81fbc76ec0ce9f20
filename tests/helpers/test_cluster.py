"""A cluster of Dask is one more way to run: with its deaths, its clocks, and its end.

Real schedulers and workers, each a process; another computer is one with a clock of its
own, and where that may be made a network of its own, which Linux can do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

import jobs
from helpers import work
from helpers.apart import cluster
from helpers.ending.interrupts import press_again
from helpers.folders import OURS
from helpers.run import RunError, Stopped, controlled, run
from helpers.work import server

pytest.importorskip("distributed")
dask = pytest.importorskip("dask")

ROOT = Path(__file__).resolve().parents[2]
DASK = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
WORKER = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--nthreads", "1"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    found = cluster.connect(workers=2)
    yield found
    cluster.close(found)


@pytest.fixture
def executor(client: Any) -> Any:
    client.wait_for_workers(2, timeout=30)
    return client.get_executor()


def soon(held: Callable[[], bool], seconds: float = 10.0) -> bool:
    last = time.monotonic() + seconds
    while not held() and time.monotonic() < last:
        time.sleep(0.02)
    return held()


# ------------------------------------------------------------------- results


def test_results_stand_in_order_and_equal_items_are_done_each(executor: Any) -> None:
    timeline = run(jobs.double, [1, 2, 3, 2, 2], using=executor)
    assert timeline.results == [2, 4, 6, 4, 4]
    assert [span.name for span in timeline.spans] == ["double"] * 5


def test_workers_are_lanes_of_one_timeline_and_work_at_once(executor: Any) -> None:
    timeline = run(work.wait, [0.3] * 4, using=executor)
    assert sorted(timeline.lanes()) == ["worker 0", "worker 1"]
    assert timeline.at_once() == 2
    assert timeline.within == 0, "they are on this computer and have its clock"
    assert len({span.pid for span in timeline.spans}) == 2
    assert timeline.cpu_share() is not None


def test_data_that_is_with_the_workers_already_is_an_item(client: Any, executor: Any) -> None:
    futures = client.scatter([b"one", b"three"])
    assert run(len, futures, using=executor).results == [3, 5]


# --------------------------------------------------------------------- errors


def test_the_first_error_names_its_item_and_its_worker(executor: Any) -> None:
    with pytest.raises(RunError, match=r"^Item 3 of 3 \(3\) failed in worker \d: ValueError") as e:
        run(jobs.fail_at_three, [1, 2, 3], using=executor)
    assert isinstance(e.value.__cause__, ValueError)


def test_keep_going_does_everything_else(executor: Any) -> None:
    with pytest.raises(RunError, match="Everything else is done") as e:
        run(jobs.fail_at_three, [1, 3, 2, 3], using=executor, keep_going=True)
    assert e.value.timeline.results == [1, None, 2, None]
    assert len(e.value.failures) == 2


def test_what_cannot_cross_is_told_in_words(executor: Any) -> None:
    with pytest.raises(RunError, match="returned a lock, which cannot be sent back"):
        run(jobs.return_a_lock, [1], using=executor)
    with pytest.raises(RunError, match="what it returned cannot be unpickled"):
        run(jobs.return_what_cannot_be_read, [1], using=executor)
    with pytest.raises(RunError, match="it cannot be sent to a worker") as e:
        run(work.echo, [1, threading.Lock(), 2], using=executor, keep_going=True)
    assert e.value.timeline.results == [1, None, 2]
    locked: Any = threading.Lock().locked
    with pytest.raises(ValueError, match="work must be a function that can be pickled"):
        run(locked, [1], using=executor)


def test_a_client_is_told_from_its_executor(client: Any) -> None:
    with pytest.raises(ValueError, match="using must be an Executor"):
        run(jobs.double, [1], using=client)


def test_work_that_never_ends_is_ended_by_the_timeout(executor: Any) -> None:
    with pytest.raises(RunError, match=r"0 of 3 items done, worker \d is still at item 1") as e:
        run(work.forever, range(3), using=executor, timeout=0.5)
    assert {span.outcome for span in e.value.timeline.spans} == {"stopped"}
    assert "could not be stopped" not in str(e.value)
    assert run(jobs.double, [1, 2], using=executor).results == [2, 4], "the workers are free"


def test_stop_ends_it_and_keeps_what_was_done(executor: Any) -> None:
    stop = threading.Event()

    def after_the_first(done: int, total: int) -> None:
        if done:
            stop.set()

    with controlled(stop, after_the_first), pytest.raises(Stopped) as e:
        run(work.wait, [0.05, *[5] * 5], using=executor)
    assert e.value.timeline.results[0] == 0.05


# --------------------------------------------------------------------- deaths


def test_a_worker_killed_in_the_middle_loses_nothing_and_its_span_is_seen(
    executor: Any, tmp_path: Path
) -> None:
    path = str(tmp_path / "died")
    timeline = run(jobs.die_once, [path] * 4, using=executor)
    assert timeline.results == [path] * 4
    died = [span for span in timeline.spans if span.outcome == "died: its worker is gone"]
    assert [span.lane in ("worker 0", "worker 1") for span in died] == [True]
    assert len(timeline.spans) == 5, "one item was done again"


def test_an_item_that_kills_its_workers_is_named(executor: Any, client: Any) -> None:
    def no_more_than_once(dask_scheduler: Any) -> None:
        dask_scheduler.allowed_failures = 0

    client.run_on_scheduler(no_more_than_once)
    with pytest.raises(RunError, match=r"^Worker \d died .*while it worked on item 1 of 3 \(-1\)"):
        run(work.fragile, [-1, 0.0, 0.0], using=executor, keep_going=True)


# ------------------------------------------------------------------- elsewhere


@contextmanager
def scheduler(folder: Path, *before: str, host: str = "127.0.0.1") -> Iterator[tuple[str, Any]]:
    """The address of a scheduler in a process of its own."""
    file = folder / "scheduler.json"
    command = [*DASK, "--host", host, "--port", "0", "--scheduler-file", str(file), *before]
    with started(command) as process:
        assert soon(lambda: file.exists() and file.read_text().endswith("}"), 30)
        yield json.loads(file.read_text(encoding="utf-8"))["address"], process


@contextmanager
def started(command: list[str]) -> Iterator[Any]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    environment = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


AHEAD = ["unshare", "--uts", "--time", "--monotonic"]  # and the seconds by which it is ahead
LINES = f"10.213.{os.getpid() % 256}"
HERE = f"{LINES}.1"


def may(*command: str) -> bool:
    found = shutil.which(command[0])
    return found is not None and subprocess.run(command, capture_output=True).returncode == 0


def another_network(number: int, closing: ExitStack) -> list[str]:
    """What a command in a network of its own begins with; a line leads from there to ours."""
    name, line = f"course{os.getpid()}-{number}", f"c{os.getpid()}n{number}"
    inside = ["ip", "netns", "exec", name]
    if not may("ip", "netns", "add", name):
        return []
    closing.callback(may, "ip", "netns", "delete", name)  # and with it the line
    steps = (
        f"ip link add {line} type veth peer name inner netns {name}",
        f"ip address add {HERE}/32 peer {LINES}.{number}/32 dev {line}",
        f"ip link set {line} up",
        f"ip -n {name} address add {LINES}.{number}/32 peer {HERE}/32 dev inner",
        f"ip -n {name} link set inner up",
        f"ip -n {name} link set lo up",
        f"ip -n {name} route add default via {HERE}",
    )
    made = all(may(*step.split()) for step in steps)
    return inside if made and may(*inside, "true") else []


def test_clocks_of_other_computers_are_aligned_and_their_loss_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here, a computer whose clock is a day ahead, and one that is two days ahead."""
    if not may(*AHEAD, "86400", "true"):
        pytest.skip("a clock of its own for a process: only Linux, and only for root")
    with ExitStack() as closing:
        inside = [another_network(number, closing) for number in (2, 3)]
        networks = all(inside)  # else they have clocks of their own, and our network
        host = HERE if networks else "127.0.0.1"
        address, process = closing.enter_context(scheduler(tmp_path, host=host))
        at = [*WORKER, address, "--no-nanny", "--local-directory", str(tmp_path), "--name"]
        closing.enter_context(started([*at, "here"]))
        for days, name in enumerate(("there", "yonder"), 1):
            before = inside[days - 1] if networks else []
            ahead = [*AHEAD, f"{days * 86400}"]
            closing.enter_context(started([*before, *ahead, *at, name]))
        monkeypatch.setenv(cluster.VARIABLE, address)
        client = cluster.connect()
        closing.callback(cluster.close, client)
        client.wait_for_workers(3, timeout=30)
        begun = time.perf_counter_ns()
        timeline = run(work.wait, [0.2] * 9, using=client.get_executor())
        ended = time.perf_counter_ns()
        assert sorted(timeline.lanes()) == ["here", "there", "yonder"]
        assert 0 < timeline.within < 1e9
        assert "The clock of another computer is known to within" in timeline.describe()
        for span in timeline.spans:
            assert begun - timeline.within < span.start
            assert span.stop < ended + timeline.within
        hosts = {each["host"] for each in client.scheduler_info()["workers"].values()}
        assert len(hosts) == (3 if networks else 1)
        threading.Timer(0.5, process.kill).start()
        with pytest.raises(RunError, match=r"has cancelled item|do(es)? not answer"):
            run(work.wait, [0.2] * 20, using=client.get_executor())


def test_a_scheduler_of_another_version_is_told(tmp_path: Path) -> None:
    older = tmp_path / "older.py"
    older.write_text(
        "import distributed.versions as v\n"
        "info = v.get_package_info\n"
        "v.get_package_info = lambda them, info=info: {**info(them), 'distributed': '2020.1.0'}\n",
        encoding="utf-8",
    )
    with (
        scheduler(tmp_path, "--preload", str(older)) as (address, _),
        pytest.raises(cluster.ClusterError, match=r"has Dask 2020\.1\.0, and this computer has"),
    ):
        cluster.connect(address)


def test_a_scheduler_with_certificates_is_joined_by_who_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=course -days 1"
    if not may(*new.split(), "-keyout", str(key), "-out", str(certificate)):
        pytest.skip("openssl makes the certificate, and is not there")
    names = [
        f"{who}__{what}" for who in ("SCHEDULER", "WORKER", "CLIENT") for what in ("KEY", "CERT")
    ]
    for name in ("CA_FILE", *names):
        value = str(key if name.endswith("KEY") else certificate)
        monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}", value)
    with scheduler(tmp_path, "--protocol", "tls") as (address, _):
        assert address.startswith("tls://")
        with pytest.raises(cluster.ClusterError, match="wants certificates: name them in Dask's"):
            cluster.connect(address)
        dask.config.refresh()
        try:
            with started([*WORKER, address, "--no-nanny", "--local-directory", str(tmp_path)]):
                client = cluster.connect(address)
                try:
                    assert run(len, ["one", "three"], using=client.get_executor()).results == [3, 5]
                finally:
                    cluster.close(client)
            key.unlink()
            with pytest.raises(cluster.ClusterError, match=r"are no use: .*No such file"):
                cluster.connect(address)
        finally:
            monkeypatch.undo()
            dask.config.refresh()


def test_an_address_at_which_no_scheduler_is_is_told_in_time(client: Any) -> None:
    with pytest.raises(ValueError, match='address must be like "tcp://'):
        cluster.connect("the big one")
    with pytest.raises(cluster.ClusterError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9"):
        cluster.connect("tcp://127.0.0.1:9", seconds=0.5)
    ours = server.address().replace("http:", "tcp:")
    with pytest.raises(cluster.ClusterError, match="is nothing that Dask understands"):
        cluster.connect(ours, seconds=0.5)
    [worker, *_] = client.scheduler_info()["workers"]
    with pytest.raises(cluster.ClusterError, match="is a Worker of Dask, and no scheduler"):
        cluster.connect(worker, seconds=5)


def test_there_is_one_cluster_of_our_own_until_it_is_closed(client: Any) -> None:
    assert cluster.connect(workers=2) is client


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt a wait for a lock")
def test_an_interrupted_start_gives_the_next_one_its_cluster() -> None:
    before = {process.pid for process in active_children()}
    threading.Timer(0.2, press_again).start()
    with pytest.raises(KeyboardInterrupt):
        cluster.connect(workers=1)
    client = cluster.connect(workers=1)
    [worker] = client.run(os.getpid).values()
    assert worker not in before
    cluster.close(client)
    assert worker not in {process.pid for process in active_children()}
    assert 1 not in cluster._open


@pytest.mark.parametrize("workers", [0, 62, 2.0, "two"])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: Any) -> None:
    with pytest.raises(ValueError, match="workers must be a whole number between 1 and 61"):
        cluster.connect(workers=workers)


# ------------------------------------------------------------ nothing is left

ENDED = """
import os, sys
from helpers.apart import cluster

if __name__ == "__main__":
    client = cluster.connect(workers=1)
    try:
        print(os.getpid(), *client.run(os.getpid).values(), flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        print(os.getpid(), *client.run(os.getpid).values(), flush=True)
    sys.stdin.read()
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes as Linux shows them")
def test_an_interrupt_leaves_the_workers_alone_and_a_killed_parent_leaves_none(
    tmp_path: Path,
) -> None:
    file = tmp_path / "ended.py"
    file.write_text(ENDED, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, str(file)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    before = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == before
    process.kill()
    process.wait()
    assert soon(lambda: not any(alive(int(pid)) for pid in before.split()))
    sweep = "from helpers.folders import temporary; temporary('x').cleanup()"
    subprocess.run([sys.executable, "-c", sweep], env=environment, check=True)
    left = [n for n in os.listdir(tmp_path) if n.startswith((f"{OURS}cluster", "dask"))]
    assert left == []
