"""course.py: one call makes everything, the next starts at once, trouble is put in a sentence.

Most tests use a copy of the repository's front door in a folder with a space in
its name. Where no package matters, an installer that only pretends stands first
on the PATH; one test installs for real.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pythons import minor, pythons

ROOT = Path(__file__).resolve().parents[2]
DOOR = [
    "course.py",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "LICENSE-prose",
    "tests/tools/suite.py",
]
LOCKS = ["requirements.lock", "requirements-cluster.lock", "requirements-dev.lock"]
posix = pytest.mark.skipif(os.name == "nt", reason="the pretended programs are shell scripts")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The front door of the repository, in a folder with a space in its name."""
    folder = tmp_path / "my course"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "tests" / "tools").mkdir(parents=True)
    for name in DOOR + LOCKS:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(
        ROOT / "helpers", folder / "helpers", ignore=shutil.ignore_patterns("__pycache__")
    )
    cell = {"cell_type": "markdown", "id": "hello", "metadata": {}, "source": "Hello"}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "notebooks" / "00-start-here.ipynb").write_text(json.dumps(notebook))
    return folder


def loaded(folder: Path) -> ModuleType:
    """The copy's course.py as a module, to ask it what it would do."""
    spec = importlib.util.spec_from_file_location("copied_course", folder / "course.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def with_first(path: Path, **more: str) -> dict[str, str]:
    """This environment with a folder first on its PATH, and no CI rules."""
    return {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}", **more}


@pytest.fixture
def pretender(tmp_path: Path) -> Path:
    """A folder with a `uv` that makes a .venv whose Python prints its arguments."""
    log = tmp_path / "calls"
    script(
        tmp_path / "bin" / "uv",
        f'echo "$@" >> "{log}"',
        'case "$1" in venv)',
        "  mkdir -p .venv/bin; echo 'prompt = python-concurrency-course' > .venv/pyvenv.cfg",
        "  printf '#!/bin/sh\\necho got \"$@\"\\n' > .venv/bin/python",
        "  chmod 755 .venv/bin/python;;",
        "esac",
    )
    return tmp_path / "bin"


def calls(tmp_path: Path) -> list[str]:
    """The first words of what the pretended uv was asked since the last look."""
    log = tmp_path / "calls"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [line.split()[0] for line in lines]


def course(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(folder / "course.py"), *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error of a call that failed as it should."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    return line


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


# ---------------------------------------------------------------- old Pythons


def test_an_old_python_can_read_the_file() -> None:
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_an_old_python_is_told_so_in_a_sentence() -> None:
    old = [path for path, number in pythons().items() if number < 11]
    if not old:
        pytest.skip("needs a Python 3.6 to 3.10 on this computer")
    for python in old:
        line = sentence(course(ROOT, "lab", python=python))
        assert line.startswith("The course needs Python 3.11 or later; this is 3.")


# -------------------------------------------------------------------- commands


def test_without_a_command_it_lists_all_of_them() -> None:
    done = course(ROOT)
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")]
    assert listed[1:] == list(loaded(ROOT).COMMANDS)


def test_an_unknown_command_is_answered_with_the_known_ones() -> None:
    line = sentence(course(ROOT, "lap"))
    assert line.startswith("There is no command 'lap'; there are lab, update, test,")


def test_commands_that_take_no_arguments_say_so() -> None:
    assert "no arguments" in sentence(course(ROOT, "check", "--force"))


@posix
def test_arguments_are_passed_on(copy: Path, pretender: Path) -> None:
    done = course(copy, "test", "-k", "timeline", env=with_first(pretender))
    assert done.stdout.splitlines()[-1] == f"got {Path('tests', 'tools', 'suite.py')} -k timeline"


@posix
def test_lab_opens_the_first_lesson_unless_a_file_is_named(copy: Path, pretender: Path) -> None:
    other = "notebooks/01-concurrency.ipynb"
    shutil.copy(copy / "notebooks" / "00-start-here.ipynb", copy / other)
    first = course(copy, "lab", "--port", "9999", env=with_first(pretender)).stdout
    named = course(copy, "lab", other, env=with_first(pretender)).stdout
    assert "/lab/tree/notebooks/00-start-here.ipynb --port 9999" in first
    assert other in named
    assert "00-start-here" not in named


@posix
def test_lessons_are_signed_once_and_after_each_update(
    copy: Path, pretender: Path, tmp_path: Path
) -> None:
    course(copy, "lab", env=with_first(pretender))
    (copy / ".venv" / "signed").unlink()
    asked = tmp_path / "asked"
    script(copy / ".venv" / "bin" / "python", f'echo "$@" >> "{asked}"')
    for _ in range(2):
        course(copy, "lab", env=with_first(pretender))
    first, *others = asked.read_text().splitlines()
    assert first.startswith("-m nbformat.sign ")
    assert first.endswith("00-start-here.ipynb")
    assert ["nbformat.sign" in line for line in others] == [False, False]
    course(copy, "update")
    course(copy, "lab", env=with_first(pretender))
    assert asked.read_text().count("nbformat.sign") == 2


@posix
def test_the_exit_code_of_the_command_is_passed_back(copy: Path, pretender: Path) -> None:
    course(copy, "test", env=with_first(pretender))
    script(copy / ".venv" / "bin" / "python", "exit 5")
    assert course(copy, "test").returncode == 5
    script(copy / ".venv" / "bin" / "python", "kill -KILL $$")
    assert course(copy, "test").returncode == 128 + 9


@posix
def test_check_runs_every_tool_and_fails_if_one_does(copy: Path, pretender: Path) -> None:
    done = course(copy, "check", env=with_first(pretender))
    *tools, floors = [line for line in done.stdout.splitlines() if line.startswith("got")]
    assert [line.split()[2] for line in tools] == [*4 * ["ruff"], *3 * ["mypy"]]
    assert "importlinter" in floors
    assert done.returncode == 0
    ruff, mypy = ["ruff check --no-cache --line", "ruff format"], ["mypy --strict", "mypy tests"]
    for broken in (*ruff, *mypy, "importlinter"):
        script(copy / ".venv" / "bin" / "python", f'case "$*" in *"{broken}"*) exit 1;; esac')
        assert course(copy, "check").returncode == 1


# ----------------------------------------------------- installing, and repairing


@posix
def test_the_second_call_installs_nothing(copy: Path, pretender: Path, tmp_path: Path) -> None:
    course(copy, "lab", env=with_first(pretender))
    assert calls(tmp_path) == ["venv", "pip", "pip"]
    course(copy, "lab", env=with_first(pretender))
    assert calls(tmp_path) == []


@posix
def test_what_test_installed_serves_lab_too(copy: Path, pretender: Path, tmp_path: Path) -> None:
    course(copy, "lab", env=with_first(pretender))
    calls(tmp_path)
    course(copy, "test", env=with_first(pretender))
    assert calls(tmp_path) == ["pip", "pip"]
    course(copy, "lab", env=with_first(pretender))
    assert calls(tmp_path) == []


@posix
@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "pyproject.toml"])
def test_a_changed_dependency_is_installed_into_the_same_venv(
    copy: Path, pretender: Path, tmp_path: Path, name: str
) -> None:
    course(copy, "lab", env=with_first(pretender))
    calls(tmp_path)
    with open(copy / name, "a") as file:
        file.write("# changed\n")
    course(copy, "lab", env=with_first(pretender))
    assert calls(tmp_path) == ["pip", "pip"]


@posix
def test_an_update_by_lab_keeps_what_test_installed(
    copy: Path, pretender: Path, tmp_path: Path
) -> None:
    course(copy, "test", env=with_first(pretender))
    (copy / "requirements.lock").write_text("# changed\n")
    (tmp_path / "calls").unlink()
    course(copy, "lab", env=with_first(pretender))
    assert "requirements-dev.lock" in (tmp_path / "calls").read_text().splitlines()[0]


@posix
def test_a_moved_folder_gets_a_new_venv(copy: Path, pretender: Path, tmp_path: Path) -> None:
    course(copy, "lab", env=with_first(pretender))
    calls(tmp_path)
    moved = copy.rename(tmp_path / "moved course")
    course(moved, "lab", env=with_first(pretender))
    assert calls(tmp_path) == ["venv", "pip", "pip"]
    assert sorted(path.name for path in moved.glob(".venv*")) == [".venv"]


@posix
def test_a_venv_whose_python_is_gone_is_made_anew(
    copy: Path, pretender: Path, tmp_path: Path
) -> None:
    course(copy, "lab", env=with_first(pretender))
    calls(tmp_path)
    python = copy / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert course(copy, "lab", env=with_first(pretender)).returncode == 0
    assert calls(tmp_path) == ["venv", "pip", "pip"]


@posix
def test_another_python_gets_a_new_venv(copy: Path, pretender: Path, tmp_path: Path) -> None:
    course(copy, "lab", env=with_first(pretender))
    calls(tmp_path)
    stamp = copy / ".venv" / "course.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "python": "3.11.0"}))
    course(copy, "lab", env=with_first(pretender))
    assert calls(tmp_path) == ["venv", "pip", "pip"]


@posix
@pytest.mark.parametrize("damage", ["", "{", "[]", "null"])
def test_a_stamp_that_cannot_be_read_means_a_new_venv(
    copy: Path, pretender: Path, tmp_path: Path, damage: str
) -> None:
    course(copy, "lab", env=with_first(pretender))
    calls(tmp_path)
    (copy / ".venv" / "course.json").write_text(damage)
    assert course(copy, "lab", env=with_first(pretender)).returncode == 0
    assert calls(tmp_path) == ["venv", "pip", "pip"]


@posix
def test_somebody_elses_venv_is_left_alone(copy: Path, pretender: Path) -> None:
    (copy / ".venv").mkdir()
    (copy / ".venv" / "pyvenv.cfg").write_text("prompt = mine\n")
    line = sentence(course(copy, "lab", env=with_first(pretender)))
    assert "was not made by course.py" in line
    assert (copy / ".venv" / "pyvenv.cfg").read_text() == "prompt = mine\n"


class Stuck:
    """A call of `course.py lab` whose installer hangs in the named step until it is stopped."""

    def __init__(self, copy: Path, pretender: Path, tmp_path: Path, step: str) -> None:
        self.uv = pretender / "uv"
        self.honest = self.uv.rename(pretender / "honest-uv")
        reached = tmp_path / "reached"
        script(
            self.uv,
            f'case "$*" in *{step}*) echo $$ > "{reached}"; exec sleep 60;; esac',
            f'exec "{self.honest}" "$@"',
        )
        self.process = subprocess.Popen(
            [sys.executable, str(copy / "course.py"), "lab"],
            env=with_first(pretender),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        wait_until(lambda: reached.exists() and reached.read_text().strip())
        self.installer = int(reached.read_text())

    def ended(self) -> tuple[int, str]:
        """Exit code and errors of the call, once its installer is gone too."""
        _, errors = self.process.communicate(timeout=60)
        wait_until(lambda: not alive(self.installer))
        self.honest.rename(self.uv)
        return self.process.returncode, errors


@posix
@pytest.mark.parametrize("step", ["venv", "requirements", "--no-deps"])
@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_an_interrupted_installation_is_repaired_by_the_next_call(
    copy: Path, pretender: Path, tmp_path: Path, step: str, how: signal.Signals, code: int
) -> None:
    stuck = Stuck(copy, pretender, tmp_path, step)
    os.killpg(stuck.process.pid, how)  # as a terminal does: to all of them
    assert stuck.ended() == (code, "")
    calls(tmp_path)
    assert course(copy, "lab", env=with_first(pretender)).returncode == 0
    assert calls(tmp_path) == ["venv", "pip", "pip"]


@posix
def test_an_interrupted_update_is_not_built_upon(
    copy: Path, pretender: Path, tmp_path: Path
) -> None:
    course(copy, "lab", env=with_first(pretender))
    (copy / "requirements.lock").write_text("# changed\n")
    stuck = Stuck(copy, pretender, tmp_path, "requirements")
    os.killpg(stuck.process.pid, signal.SIGKILL)
    stuck.ended()
    calls(tmp_path)
    course(copy, "lab", env=with_first(pretender))
    assert calls(tmp_path) == ["venv", "pip", "pip"]


@posix
def test_a_call_that_is_stopped_alone_takes_its_installer_along(
    copy: Path, pretender: Path, tmp_path: Path
) -> None:
    stuck = Stuck(copy, pretender, tmp_path, "requirements")
    os.kill(stuck.process.pid, signal.SIGTERM)
    assert stuck.ended() == (143, "")


def alive(pid: int) -> bool:
    """Is it running, rather than gone or a zombie nobody has fetched?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc").exists()


@posix
def test_an_orphaned_installer_is_waited_for(copy: Path, pretender: Path, tmp_path: Path) -> None:
    real = (pretender / "uv").rename(pretender / "honest-uv")
    reached, go = tmp_path / "reached", tmp_path / "go"
    script(
        pretender / "uv",
        f'case "$*" in *requirements*) touch "{reached}"',
        f'  for i in $(seq 300); do [ -e "{go}" ] && break; sleep 0.1; done;; esac',
        f'exec "{real}" "$@"',
    )
    command = [sys.executable, str(copy / "course.py"), "lab"]
    killed = subprocess.Popen(command, env=with_first(pretender), stdout=subprocess.DEVNULL)
    wait_until(reached.exists)
    killed.kill()
    killed.wait()
    real_again = with_first(script(tmp_path / "second" / "uv", f'exec "{real}" "$@"').parent)
    waiting = subprocess.Popen(command, env=real_again, stdout=subprocess.PIPE, text=True)
    assert waiting.stdout
    assert "waiting for it" in waiting.stdout.readline()
    go.touch()
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert out.splitlines()[-1].startswith("got -m jupyterlab")


# --------------------------------------------------------------------- trouble

WORDS = [
    (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "room",
    ),
    ("error: failed to write to file\n  Caused by: No space left on device (os error 28)", "room"),
    ("[WinError 112] There is not enough space on the disk", "room"),
    ("[Errno 122] Disk quota exceeded: '/home/a/.venv'", "room"),
    ("[Errno 13] Permission denied: '/usr/share/course/.venv'", "folder of your own"),
    ("[Errno 30] Read-only file system: '/mnt/course/.venv'", "folder of your own"),
    (
        "error: failed to create directory `.venv`: Permission denied (os error 13)",
        "folder of your",
    ),
    (
        "The virtual environment was not created because ensurepip is not available.",
        "venv module",
    ),
    ("/usr/bin/python3: No module named venv", "venv module"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one"),
    ("error: Hash mismatch for `anyio==4.16.0`", "not the one"),
    ("  cause: tcp connect error\n  cause: Connection refused (os error 111)", "internet"),
    ("  cause: dns error\n  cause: failed to lookup address information", "internet"),
    (
        "WARNING: Retrying after: Failed to establish a new connection\nERROR: No matching",
        "internet",
    ),
    ("hint: Packages were unavailable because the network was disabled.", "internet"),
    ("ERROR: No matching distribution found for anyio==4.16.0", "not to be had here (ERROR: No"),
    ("something else\n\n", "could not be installed: something else"),
    ("", "no reason given"),
]


@pytest.mark.parametrize(("words", "meant"), WORDS)
def test_an_installers_words_become_one_sentence(words: str, meant: str) -> None:
    told = loaded(ROOT).meaning(words)
    assert meant in told
    assert "\n" not in told


@posix
def test_a_failed_installation_says_why_once_and_keeps_the_details(
    copy: Path, pretender: Path
) -> None:
    real = (pretender / "uv").rename(pretender / "honest-uv")
    script(
        pretender / "uv",
        'case "$*" in *requirements*) echo "error: dns error"; echo more; exit 2;; esac',
        f'exec "{real}" "$@"',
    )
    line = sentence(course(copy, "lab", env=with_first(pretender)))
    assert "connect this computer to the internet" in line
    assert (copy / ".venv" / "install.log").read_text() == "error: dns error\nmore\n"


@posix
def test_no_network_is_one_sentence(copy: Path, tmp_path: Path) -> None:
    offline = {"PIP_NO_INDEX": "0", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        offline |= {name: "http://127.0.0.1:9", name.upper(): "http://127.0.0.1:9"}
    env = {**without_uv(tmp_path), **offline, "PIP_CACHE_DIR": str(tmp_path / "cache")}
    assert "connect this computer to the internet" in sentence(course(copy, "lab", env=env))


@posix
def test_a_folder_that_cannot_be_written_to_is_one_sentence(copy: Path, pretender: Path) -> None:
    script(pretender / "uv", "mkdir .venv || exit 2")
    if os.geteuid() == 0:
        python = "/usr/bin/python3"
        if minor(python) < 11:
            pytest.skip("needs a Python that other users may run, since root may write anywhere")
        who: dict[str, int | list[int]] = {"user": 65534, "group": 65534, "extra_groups": []}
    else:
        python, who = sys.executable, {}
    for folder in copy.parents:
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o755)
    copy.chmod(0o555)
    done = subprocess.run(
        [python, str(copy / "course.py"), "lab"],
        env=with_first(pretender, LC_ALL="C"),
        capture_output=True,
        text=True,
        timeout=60,
        **who,  # type: ignore[call-overload]
    )
    copy.chmod(0o755)
    assert "put the course into a folder of your own" in sentence(done)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes: the course fits, and what it needs does not."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence(copy: Path, small_disk: Path, tmp_path: Path) -> None:
    full = small_disk / "course"
    shutil.copytree(copy, full)
    line = sentence(course(full, "lab", env=without_uv(tmp_path)))
    assert "no room left on the disk" in line


def without_uv(tmp_path: Path) -> dict[str, str]:
    """This environment with a PATH on which there is no uv."""
    paths = os.environ["PATH"].split(os.pathsep)
    kept = [path for path in paths if not shutil.which("uv", path=path)]
    return {**os.environ, "PATH": os.pathsep.join(kept)}


# -------------------------------------------------------------------- for real


def reduced(lock: str) -> str:
    """Of a lock file, what pytest and an editable installation need."""
    needed = (
        *("pytest", "pytest-xdist", "execnet"),
        *("colorama", "iniconfig", "packaging", "pluggy", "pygments"),
        *("hatchling", "editables", "pathspec", "tomlkit", "trove-classifiers"),
    )
    blocks = lock.split("\n")
    kept: list[str] = []
    wanted = False
    for line in blocks:
        if not line.startswith((" ", "#")):
            wanted = line.split("==")[0] in needed
        if wanted:
            kept.append(line)
    return "\n".join(kept) + "\n"


def test_a_real_installation_that_was_killed_half_way_is_repaired(copy: Path) -> None:
    for name in LOCKS:
        path = copy / name
        path.write_text(reduced(path.read_text(encoding="utf-8")), encoding="utf-8")
    packages = copy / ".venv"
    killed = subprocess.Popen(
        [sys.executable, str(copy / "course.py"), "test", "--version"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: list(packages.glob("**/site-packages/*")) or killed.poll() is not None)
    killed.kill()
    killed.wait()
    assert not (packages / "course.json").exists()

    done = course(copy, "test", "--version")
    if "internet" in done.stderr and not os.environ.get("CI"):
        pytest.skip("needs the internet")
    assert done.returncode == 0, done.stderr
    assert "pytest" in done.stdout
    again = course(copy, "test", "--version")
    assert again.stdout.splitlines() == done.stdout.splitlines()[-1:]
    python = loaded(copy).PYTHON
    where = subprocess.run(
        [python, "-c", "import helpers; print(helpers.__file__)"],
        cwd=copy.parent,
        capture_output=True,
        text=True,
    )
    assert Path(where.stdout.strip()) == copy / "helpers" / "__init__.py"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else is listening."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@posix
def answers(address: str) -> None:
    """Wait until the server at `address` does."""
    last = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < last, f"nobody answers at {address}"
            time.sleep(0.05)


def test_lab_prints_its_address_with_the_port_taken_and_leaves_nothing_running(
    copy: Path, taken: int, tmp_path: Path
) -> None:
    module = loaded(copy)
    script(module.PYTHON, f'exec "{sys.executable}" "$@"')
    module.STAMP.write_text(json.dumps(module.wanted("lab")))
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "BROWSER")}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        env[f"JUPYTER_{name}_DIR"] = str(tmp_path / name)
    process = subprocess.Popen(
        [sys.executable, str(copy / "course.py"), "lab", "--port", str(taken)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    heard: list[str] = []
    while not heard or "Ctrl-C here ends the course" not in heard[-1]:
        heard.append(process.stdout.readline())
        assert heard[-1], heard
    address = next(line.strip() for line in heard if line.strip().startswith("http://"))
    server = int(next((tmp_path / "RUNTIME").glob("jpserver-*.json")).stem.split("-")[1])
    assert "/lab/tree/notebooks/00-start-here.ipynb?token=" in address
    assert f":{taken}/" not in address
    answers(address)  # until then JupyterLab itself would answer Ctrl-C with a traceback
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(heard) <= 6
    assert out == ""  # no word of the server's own
    assert not alive(server)
