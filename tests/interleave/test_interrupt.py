"""An exploration can be interrupted: it reports what it has found, and all is as before."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANY = """
    import os, signal, sys, threading, time
    from helpers.interleave import explore, exploration
    from helpers.lesson import check

    def program():
        total = 0
        def work():
            nonlocal total
            for _ in range(6):
                total += 1
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

    def interrupt_after(seconds):
        def send():
            time.sleep(seconds)
            {send}
        threading.Thread(target=send, daemon=True).start()
"""
SEND = "os.kill(os.getpid(), signal.SIGINT)"
IF_WINDOWS = "signal.raise_signal(signal.SIGINT)"
REPORTS = """
    before = program.__code__, threading.active_count()
    interrupt_after(1.5)
    report = explore(program, budget=10**6)
    assert report.verdict == "ok" and not report.complete and not report.ok
    assert report.left_out == f"you interrupted it after {report.tried} schedules", report.left_out
    assert report.tried > 0
    time.sleep(0.1)
    assert (program.__code__, threading.active_count()) == before
    assert explore(program, budget=3).tried == 3
    print(report)
"""
CHECKS = """
    from helpers.exercises import synchronization
    class Slow(synchronization.Lights):
        def show(self, colour):
            total.append(1)
            super().show(colour)
            for _ in range(20):
                total.append(1)
    total = []
    interrupt_after(1.5)
    try:
        check("synchronization.turns", Slow)
    except KeyboardInterrupt:
        print("ended by the interrupt")
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [(REPORTS, "you interrupted it after"), (CHECKS, "ended by the interrupt")],
    ids=["explore", "check"],
)
def test_an_interrupt_ends_the_search(text: str, says: str, tmp_path: Path) -> None:
    send = IF_WINDOWS if sys.platform == "win32" else SEND
    path = tmp_path / "interrupted.py"
    path.write_text(
        textwrap.dedent(MANY.format(send=send)) + textwrap.dedent(text), encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert says in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert "exploring" not in done.stderr  # no line of progress where nobody reads it
