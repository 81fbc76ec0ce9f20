"""Nobody outlives a process that is killed: neither its children nor the programs it ran apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

PROC = Path("/proc")
MARK = "COURSE_TEST_OF_ORPHANS"

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")

CHILD = """
from multiprocessing import get_context
from helpers import work
if __name__ == "__main__":
    child = get_context({method!r}).Process(target=work.forever, args=(1,))
    child.start()
    child.join()
"""

POOL = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from helpers import work
if __name__ == "__main__":
    with ProcessPoolExecutor(2, get_context({method!r})) as pool:
        list(pool.map(work.forever, [1, 2]))
"""

OTHERS = """
import time
from multiprocessing import get_context
if __name__ == "__main__":  # a new process does not come here
    from helpers import timeline
    child = get_context({method!r}).Process(target=time.sleep, args=(60,))
    child.start()
    child.join()
"""

POOL_OF_OTHERS = """
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
if __name__ == "__main__":  # a new process does not come here
    from helpers import timeline
    with ProcessPoolExecutor(2, get_context({method!r})) as pool:
        list(pool.map(abs, [1, 2]))
        time.sleep(60)
"""

APART = """
from helpers.apart import at_once
from helpers.apart.programs import SENDING
at_once(SENDING, 60)
"""

PROGRAMS = {
    "a child": (CHILD, 2),
    "a pool": (POOL, 3),
    "a child that knows nothing of us": (OTHERS, 2),
    "a pool that knows nothing of us": (POOL_OF_OTHERS, 3),
    "programs apart": (APART, 10),  # four, each with a child, and this one; guards come to it
}


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Stands in the environment of all that is started here, by which they are found."""
    value = uuid4().hex
    monkeypatch.setenv(MARK, value)
    yield value
    for pid in marked(value) - {os.getpid()}:
        os.kill(pid, signal.SIGKILL)


def marked(value: str) -> set[int]:
    """The processes that have the mark, and are not only waiting to be fetched."""
    found = set()
    for folder in PROC.glob("[0-9]*"):
        try:
            dead = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not dead and f"{MARK}={value}".encode() in (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:  # it has just ended, or is somebody else's
            pass
    return found


def by(seconds: float, happens: object) -> bool:
    last = time.monotonic() + seconds
    while not (done := happens()) and time.monotonic() < last:  # type: ignore[operator]
        time.sleep(0.1)
    return bool(done)


@pytest.mark.parametrize(
    ("program", "method"),
    [
        ("a child", "spawn"),
        ("a child", "fork"),
        ("a child", "forkserver"),
        ("a pool", "spawn"),
        ("a pool", "fork"),
        ("a child that knows nothing of us", "forkserver"),
        ("a pool that knows nothing of us", "spawn"),
        ("programs apart", ""),
    ],
)
def test_nobody_is_left_ten_seconds_after_a_kill(
    program: str, method: str, mark: str, tmp_path: Path
) -> None:
    text, many = PROGRAMS[program]
    script = tmp_path / "program.py"
    script.write_text(text.replace("{method!r}", repr(method)))
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    started = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": path})
    try:
        assert by(20, lambda: len(marked(mark)) >= many)
        time.sleep(1)  # until those who have just come have imported what they need
    finally:
        started.kill()
        started.wait(10)
    assert by(10, lambda: not marked(mark)), f"left: {marked(mark)}"
