"""The number of CPUs that counts, found whatever the control groups look like."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from helpers.machine import OLDEST, PLACES, Machine, cpu_quota, machine, place, usable_cpus

ROOT = Path(__file__).parents[2]
V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
OTHER = (
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
)


def tree(root: Path, own: str, mounts: str, **files: str) -> str:
    """A fake file system; names of files are those below sys/fs/cgroup."""
    write(root / "proc/self/cgroup", own)
    write(root / "proc/self/mountinfo", OTHER + mounts)
    for name, text in files.items():
        write(root / "sys/fs/cgroup" / name, text)
    return str(root)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def v1(folder: str, quota: object, period: object = 100_000) -> dict[str, str]:
    folder = f"cpu,cpuacct/{folder}".rstrip("/")
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": f"{period}\n",
    }


# ------------------------------------------------------------- fake groups


def test_version_2_reads_the_group_the_process_is_in(tmp_path: Path) -> None:
    files = {"jobs/mine/cpu.max": "150000 100000\n", "jobs/other/cpu.max": "10000 100000\n"}
    assert cpu_quota(tree(tmp_path, "0::/jobs/mine\n", V2, **files)) == 1.5


def test_version_1_reads_the_group_the_process_is_in(tmp_path: Path) -> None:
    own = "1:cpu,cpuacct:/jobs/mine\n4:cpuset:/jobs/other\n0::/\n"
    files = v1("jobs/mine", 25_000, 50_000) | v1("jobs/other", 1000)
    assert cpu_quota(tree(tmp_path, own, V1, **files)) == 0.5


@pytest.mark.parametrize("tightest", ["a", "a/b", "a/b/c"])
def test_the_tightest_of_all_groups_around_counts(tmp_path: Path, tightest: str) -> None:
    files = {f"{folder}/cpu.max": "300000 100000" for folder in ["a", "a/b", "a/b/c"]}
    files[f"{tightest}/cpu.max"] = "20000 10000"
    assert cpu_quota(tree(tmp_path, "0::/a/b/c\n", V2, **files)) == 2


def test_a_limit_around_version_1_groups_without_one_counts(tmp_path: Path) -> None:
    files = v1("a", 70_000) | v1("a/b", -1) | v1("", -1)
    assert cpu_quota(tree(tmp_path, "1:cpu:/a/b\n", V1, **files)) == 0.7


def test_both_versions_in_use_at_once_give_the_tighter_limit(tmp_path: Path) -> None:
    unified = V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    files = v1("mine", 300_000) | {"unified/mine/cpu.max": "200000 100000"}
    assert cpu_quota(tree(tmp_path, "1:cpu:/mine\n0::/mine\n", V1 + unified, **files)) == 2


def test_max_and_minus_one_are_no_limit(tmp_path: Path) -> None:
    files = v1("", -1) | {"cpu.max": "max 100000\n"}
    assert cpu_quota(tree(tmp_path, "1:cpu:/\n0::/\n", V1 + V2, **files)) is None


def test_a_container_with_a_name_space_of_its_own_reads_the_mount_point(tmp_path: Path) -> None:
    assert cpu_quota(tree(tmp_path, "0::/\n", V2, **{"cpu.max": "100000 100000"})) == 1


def test_a_container_that_sees_its_own_group_alone_reads_the_mount_point(tmp_path: Path) -> None:
    mount = V1.replace("0:29 / ", "0:29 /docker/4f2 ")
    files = v1("", 50_000) | v1("docker/4f2", 10_000)
    assert cpu_quota(tree(tmp_path, "1:cpu,cpuacct:/docker/4f2\n", mount, **files)) == 0.5


def test_a_group_below_the_one_that_was_mounted_is_found(tmp_path: Path) -> None:
    mount = V2.replace("0:28 / ", "0:28 /pod ")
    root = tree(tmp_path, "0::/pod/me\n", mount, **{"me/cpu.max": "50000 100000"})
    assert cpu_quota(root) == 0.5


def test_a_mount_of_a_group_with_a_longer_name_is_not_taken_for_ours(tmp_path: Path) -> None:
    other = V2.replace("0:28 / /sys/fs/cgroup", "0:28 /pod2 /sys/fs/cgroup/theirs")
    ours = V2.replace("0:28 / /sys/fs/cgroup", "0:28 /pod /sys/fs/cgroup/ours")
    files = {"theirs/cpu.max": "90000 100000", "ours/cpu.max": "50000 100000"}
    assert cpu_quota(tree(tmp_path, "0::/pod\n", other + ours, **files)) == 0.5
    assert cpu_quota(tree(tmp_path, "0::/pod2\n", other + ours, **files)) == 0.9


@pytest.mark.parametrize("path", ["/../outside", "/somewhere/../else", "relative", ""])
def test_a_group_outside_of_what_is_mounted_reads_the_mount_point(
    tmp_path: Path, path: str
) -> None:
    files = {"cpu.max": "200000 100000", "../outside/cpu.max": "1000 100000"}
    assert cpu_quota(tree(tmp_path, f"0::{path}\n", V2, **files)) == 2


def test_a_version_1_group_that_is_not_below_the_mounted_one_reads_the_mount_point(
    tmp_path: Path,
) -> None:
    mount = V1.replace("0:29 / ", "0:29 /renamed ")
    assert cpu_quota(tree(tmp_path, "1:cpu,cpuacct:/here\n", mount, **v1("", 50_000))) == 0.5


def test_names_with_blanks_and_colons_are_read(tmp_path: Path) -> None:
    mount = V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/my\\040groups")
    files = {"my groups/a:b c/cpu.max": "100000 200000"}
    assert cpu_quota(tree(tmp_path, "0::/a:b c\n", mount, **files)) == 0.5


@pytest.mark.parametrize(
    "text", ["", "\n", "max", "50000", "x y", "1 2 3", "0 100000", "5 0", "-1 -1", f"{'9' * 400} 1"]
)
def test_a_limit_that_no_kernel_writes_is_no_limit(tmp_path: Path, text: str) -> None:
    assert cpu_quota(tree(tmp_path, "0::/\n", V2, **{"cpu.max": text})) is None


def test_without_the_files_there_is_no_limit(tmp_path: Path) -> None:
    assert cpu_quota(str(tmp_path)) is None
    assert cpu_quota(tree(tmp_path, "0::/gone\n1:cpu:/gone\n", V1 + V2)) is None


lines = st.lists(
    st.sampled_from(["0::/", "0::", ":", "1:cpu:/a", "::::", V2, V1, " - ", "a b c d e - cgroup2"])
    | st.text(max_size=30),
    max_size=4,
).map("\n".join)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=lines, mounts=lines, limit=lines)
@example(own="0::/", mounts="1 2 3 - cgroup2", limit="1 1")
@example(own="0::/\0", mounts=V2, limit="1 1")
def test_odd_content_raises_nothing(tmp_path: Path, own: str, mounts: str, limit: str) -> None:
    own, mounts, limit = (t.encode(errors="replace").decode() for t in (own, mounts, limit))
    quota = cpu_quota(tree(tmp_path, own, mounts, **{"cpu.max": limit}))
    assert quota is None or quota > 0


def test_bytes_that_are_no_text_spoil_nothing_beside_them(tmp_path: Path) -> None:
    root = tree(tmp_path, "0::/\n", V2, **{"cpu.max": "50000 100000"})
    for name in ["proc/self/cgroup", "proc/self/mountinfo"]:
        path = tmp_path / name
        path.write_bytes(b"7:\xff\x00 - \xfe\n" + path.read_bytes())
    assert cpu_quota(root) == 0.5
    (tmp_path / "sys/fs/cgroup/cpu.max").write_bytes(b"\xff\x00 100000")
    assert cpu_quota(root) is None


# -------------------------------------------------------------- this machine

LOOK = """
import json, os, sys
group, allowed = sys.argv[1:]
if group:
    open(group + "/cgroup.procs", "w").write(str(os.getpid()))
if allowed:
    os.sched_setaffinity(0, {int(allowed)})
from helpers.machine import machine, usable_cpus
print(json.dumps([machine()._asdict(), usable_cpus()]))
"""


def look(group: str = "", allowed: str = "") -> tuple[dict[str, object], int]:
    """What a new process sees, put into a group and onto one CPU."""
    command = [sys.executable, "-c", LOOK, group, allowed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    found, usable = json.loads(done.stdout)
    return found, usable


def own_groups() -> Iterator[Path]:
    """Where this process could make a group with a limit, as far as a glance can tell."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    for _, names, path in (line.split(":", 2) for line in lines):
        if "cpu" in names.split(","):
            yield Path(f"/sys/fs/cgroup/{names}{path}")
            yield Path(f"/sys/fs/cgroup/cpu{path}")
        elif not names:
            yield Path(f"/sys/fs/cgroup{path}")
            yield Path("/sys/fs/cgroup")


@pytest.fixture
def half_a_cpu() -> Iterator[Path]:
    """A real group inside a real group that is limited to half a CPU."""
    if not os.path.exists("/proc/self/cgroup"):
        pytest.skip("control groups exist on Linux only")
    for parent in own_groups():
        outer = parent / f"course-test-{os.getpid()}"
        inner = outer / "inner"
        try:
            outer.mkdir()
            if (outer / "cpu.max").exists():
                (outer / "cpu.max").write_text("50000 100000")
            else:
                os.stat(outer / "cpu.cfs_quota_us")
                (outer / "cpu.cfs_quota_us").write_text("50000")
            inner.mkdir()
            yield inner
            return
        except OSError:
            continue
        finally:
            remove(inner)
            remove(outer)
    pytest.skip("making a control group with a CPU quota is not permitted here")


def remove(group: Path) -> None:
    """A group is busy for a moment after its last process has ended."""
    last = time.monotonic() + 5
    while group.exists() and time.monotonic() < last:
        with suppress(OSError):
            group.rmdir()
        time.sleep(0.01)


def test_a_process_in_a_real_group_with_half_a_cpu_has_one_to_use(half_a_cpu: Path) -> None:
    found, usable = look(group=str(half_a_cpu))
    assert found["quota"] == 0.5
    assert found["usable"] == usable == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_kept_on_one_cpu_has_one_to_use() -> None:
    one = min(os.sched_getaffinity(0))
    found, usable = look(allowed=str(one))
    assert found["allowed"] == found["usable"] == usable == 1


def test_a_system_without_affinity_counts_its_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(sys, "version_info", (3, 11))
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert machine().allowed == machine().host == 7


@pytest.mark.parametrize(
    ("quota", "usable"), [(None, 4), (0.01, 1), (1.0, 1), (1.01, 2), (3.5, 4), (64.0, 4)]
)
def test_the_quota_rounded_up_limits_the_usable_cpus(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, usable: int
) -> None:
    monkeypatch.setattr("helpers.machine.cpu_quota", lambda: quota)
    monkeypatch.setattr("helpers.machine.allowed_cpus", lambda: 4)
    assert usable_cpus() == machine().usable == usable


def test_asking_does_not_settle_the_start_method() -> None:
    code = (
        "import multiprocessing as m; from helpers.machine import machine; found = machine();"
        "m.set_start_method('spawn'); assert machine().start_method == 'spawn';"
        "m.set_start_method(None, force=True); print(found.start_method == m.get_start_method())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout == "True\n", done.stderr


def test_the_gil_and_the_build_are_those_of_this_python() -> None:
    found = machine()
    assert found.free_threaded_build == bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    assert found.gil or found.free_threaded_build
    assert found.start_method in found.start_methods
    assert found.start_methods == tuple(multiprocessing.get_all_start_methods())


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"multiprocessing", "sysconfig", "dataclasses", "json", "tempfile"}
    code = f"import sys; import helpers.machine; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(command, text=True, timeout=60, cwd=ROOT) == "[]\n"


# ------------------------------------------------------------------- in words

EXAMPLE = Machine(8, 4, 1.5, 2, "Linux", "3.13.0", True, False, ("fork", "spawn"), "fork")


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_sentences_name_every_number() -> None:
    words = EXAMPLE.describe()
    assert "8 CPUs" in words
    assert "4 of them" in words
    assert "the time of 1.5 CPUs: 2 usable" in words
    assert "Python 3.13.0 on Linux; the GIL is on: one thread" in words
    assert "by fork unless told otherwise; spawn can be asked for" in words


def test_the_sentences_follow_what_is_there() -> None:
    one = EXAMPLE._replace(host=1, quota=1.0, start_methods=("spawn",), start_method="spawn")
    assert "has 1 CPU," in one.describe()
    assert "the time of 1 CPU:" in one.describe()
    assert one.describe().endswith("by spawn unless told otherwise.")
    assert "no quota" in EXAMPLE._replace(quota=None).describe()
    assert "GIL is off" in EXAMPLE._replace(gil=False, free_threaded_build=True).describe()
    assert "can do without" in EXAMPLE._replace(free_threaded_build=True).describe()


def test_a_cell_shows_a_table_and_its_plain_text() -> None:
    shown = EXAMPLE._repr_mimebundle_()
    cells = Cells()
    cells.feed(shown["text/html"])
    assert shown["text/plain"] == EXAMPLE.describe()
    assert {"8", "4", "1.5", "2", "3.13.0 on Linux"} <= set(cells.texts)
    assert shown["text/html"].count('<th scope="row"') == 7


# ------------------------------------------------------------------- places


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A computer with two CPUs, in none of the known places."""
    for variable in PLACES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("helpers.machine.usable_cpus", lambda: 2)
    return monkeypatch


def test_a_place_that_lacks_nothing_says_so(here: pytest.MonkeyPatch) -> None:
    assert str(place()).endswith("Nothing that the lessons need is missing.")


@pytest.mark.parametrize("variable", PLACES)
def test_a_known_place_is_named_with_what_it_lacks(here: pytest.MonkeyPatch, variable: str) -> None:
    here.setenv(variable, "1")
    name, lack = PLACES[variable]
    assert place() == (name, (lack,) if lack else ())
    assert f"runs in {name}." in str(place())


def test_one_cpu_an_old_package_and_a_browser_are_said(here: pytest.MonkeyPatch) -> None:
    here.setattr("helpers.machine.usable_cpus", lambda: 1)
    here.setattr("helpers.machine._version", lambda name: (6, 29) if name == "ipykernel" else ())
    here.setattr("helpers.machine.sys.platform", "emscripten")
    said = "\n".join(place().lacks)
    assert "One CPU is usable here" in said
    assert "ipykernel is 6.29 here, and 7.4 is the oldest that was tried" in said
    assert "ipywidgets is missing here" in said
    assert "no threads and no processes" in said
    assert place()._repr_mimebundle_()["text/html"].count("<li>") == 4


def test_the_oldest_packages_are_those_that_pyproject_asks_for() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for package, (major, minor) in OLDEST.items():
        assert f'"{package}>={major}.{minor}' in text
