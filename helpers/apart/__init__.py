"""Programs that hang or crash on purpose, in a Python of their own.

`in_a_subprocess(code)` starts another Python, waits for its end or for the time
to be up, and says how it ended. Nothing of it is left afterwards: no process,
no file. Should this process be killed meanwhile, a guard ends the program.

As in a notebook, the main module of such a program is no file, so a new process
cannot import what is defined in it. `script=True` makes it a file.

>>> print(in_a_subprocess("print(6 * 7)"))
ended with exit code 0
  printed: 42
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from ..folders import temporary

if TYPE_CHECKING:
    from subprocess import Popen
    from tempfile import TemporaryDirectory

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRACE = 1.0  # seconds that an ended program's children, and multiprocessing's tracker, get
# The last line of a traceback, and the indented lines that some messages go on with.
ERROR = re.compile(
    r"^(?:\w+\.)*(\w*(?:Error|Exception|BrokenProcessPool)\b.*(?:\n[ \t]+(?!File )\S.*)*)", re.M
)


class Ended(NamedTuple):
    """How a program ended; `print` it to read it."""

    exit_code: int | None  # None: it was still running when its time was up
    printed: str
    errors: list[str]  # the message of every traceback, each message once
    seconds: float  # that it had

    def __str__(self) -> str:
        head = f"ended with exit code {self.exit_code}"
        if self.exit_code is None:
            head = f"still running after {self.seconds:g} s, then ended from outside"
        lines = [f"printed: {line}" for line in self.printed.splitlines()]
        return "\n  ".join([head, *lines, *self.errors])


def in_a_subprocess(code: str, seconds: float = 10.0, *, script: bool = False) -> Ended:
    """Run `code` in a new Python for at most `seconds`, in an empty folder."""
    return _ended(code, seconds, script, [])


def _ended(code: str, seconds: float, script: bool, running: list[Popen[str]]) -> Ended:
    """Meanwhile the program is one of those `running`."""
    import subprocess

    if not 0 < seconds <= 60:
        raise ValueError(f"seconds must be above 0 and at most 60, not {seconds!r}")
    with temporary("apart") as folder:
        arguments = [_write(folder, code)] if script else ["-c", code]
        with started(arguments, folder) as process:
            running.append(process)
            try:
                printed, said = process.communicate(timeout=seconds)
                exit_code = process.returncode
            except subprocess.TimeoutExpired:
                printed, said = _end(process)
                exit_code = None
    return Ended(exit_code, printed, errors_in(said), seconds)


def at_once(programs: Mapping[str, str], seconds: float = 10.0) -> dict[str, Ended]:
    """Run several scripts at the same time, each in a new Python of its own."""
    from concurrent.futures import ThreadPoolExecutor

    running: list[Popen[str]] = []
    with ThreadPoolExecutor(len(programs)) as pool:
        ends = {
            name: pool.submit(_ended, code, seconds, True, running)
            for name, code in programs.items()
        }
        try:
            return {name: end.result() for name, end in ends.items()}
        except BaseException:  # an interrupt: nobody waits for the others
            last = monotonic() + GRACE  # some may just be starting
            while not all(end.done() for end in ends.values()) and monotonic() < last:
                for process in running:
                    _kill(process, firmly=monotonic() > last - GRACE / 2)
                sleep(0.05)
            raise


def new_folder() -> str:
    """A folder that imports look into first, until `remove_folders` or our end.

    Asked for once more it is the same: the cell that asks can be run again.
    """
    if not _folders:
        folder = temporary("lesson")
        _folders.append(folder)
        sys.path.insert(0, folder.name)
    return _folders[0].name


def remove_folders() -> None:
    """Remove what `new_folder` made; modules that were imported from there stay imported."""
    while _folders:
        folder = _folders.pop()
        sys.path.remove(folder.name)
        folder.cleanup()


_folders: list[TemporaryDirectory[str]] = []


def _write(folder: str, code: str) -> str:
    path = os.path.join(folder, "program.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(code)
    return path


def _environment() -> dict[str, str]:
    """Ours, with this package to be found from any folder, and tracebacks without colours."""
    path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHON_COLORS": "0", "PYTHONIOENCODING": "utf-8"}


GUARD = f"""
import os, signal, subprocess, sys, time

program, parent, told = int(sys.argv[1]), int(sys.argv[2]), b""
if os.name == "nt":
    told = os.read(0, 1)
else:
    import select

    while os.getppid() == parent:  # for a pipe that a fork of our parent holds open
        if select.select([0], [], [], 0.5)[0]:
            told = os.read(0, 1)
            break
if not told and os.name == "nt":
    subprocess.run(["taskkill", "/F", "/T", "/PID", str(program)], capture_output=True)
elif not told:
    try:
        os.kill(program, signal.SIGKILL)
        os.killpg(program, signal.SIGTERM)
        time.sleep({GRACE})
        os.killpg(program, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""  # ends a program whose parent is gone; does nothing where it is told so first


@contextmanager
def started(
    arguments: list[str], folder: str, python: str = sys.executable
) -> Iterator[Popen[str]]:
    """A new Python, which does not outlive the block."""
    import subprocess

    process = subprocess.Popen(
        [python, *arguments],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # a group, which can be ended as a whole
    )
    try:
        with _guarded(process):
            yield process
    except BaseException:
        _end(process)
        raise
    if process.poll() is None:
        _end(process)


@contextmanager
def _guarded(program: Popen[str]) -> Iterator[None]:
    """A process beside it that ends it, and all that it started, should ours be killed."""
    import subprocess

    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD, str(program.pid), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # an interrupt is not for it
    )
    assert guard.stdin is not None
    try:
        yield
    finally:
        with suppress(OSError), guard.stdin as line:
            line.write(b"!")
        guard.wait()


def _end(process: Popen[str]) -> tuple[str, str]:
    """End the program and its children; what they borrowed from the system is given back."""
    import subprocess

    so_far: list[bytes | None] = []
    for firmly in (False, True):
        _kill(process, firmly)
        try:
            return process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired as error:  # at last: who has left its group writes there
            so_far = [error.output, error.stderr]
    printed, said = ((part or b"").decode("utf-8", "replace") for part in so_far)
    return printed, said


def _kill(process: Popen[str], firmly: bool = False) -> None:
    """The program, and all that it has started."""
    import subprocess

    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    process.kill()
    if sys.platform != "win32":
        with suppress(
            ProcessLookupError
        ):  # multiprocessing's tracker ignores SIGTERM, and tidies up
            os.killpg(process.pid, signal.SIGKILL if firmly else signal.SIGTERM)


def errors_in(said: str) -> list[str]:
    """The messages in what was written to standard error."""
    return list(dict.fromkeys(" ".join(message.split()) for message in ERROR.findall(said)))
