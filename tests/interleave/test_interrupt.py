"""An exploration can be interrupted: it reports what it has found, and all is as before."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

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
REPLAYS = """
    from helpers.interleave import play
    interrupt_after(1.5)
    try:
        play(program)
    except KeyboardInterrupt:
        board = play(program)
        board.press("A")
        print("a board after the interrupt:", list(board.columns))
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (REPORTS, "you interrupted it after"),
        (CHECKS, "ended by the interrupt"),
        (REPLAYS, "a board after the interrupt: ['A', 'B', 'C', 'D']"),
    ],
    ids=["explore", "check", "play"],
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


SHOWN = """
    print("before")
    report = explore(program, budget=10**6)
    print("after:", report.left_out)
"""


def test_in_a_notebook_progress_is_shown_and_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What nbval compares and a notebook stores is the first and the last of it: nothing."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    manager, client = start_new_kernel()
    told: list[Any] = []
    texts: list[str] = []

    def output(message: dict[str, Any]) -> None:
        content = message["content"]
        if "data" in content:
            told.append(content["data"])
            if len(told) == 2:  # there is a line: press Stop
                threading.Timer(0.1, manager.interrupt_kernel).start()
        texts.append(content.get("text", ""))

    try:
        code = textwrap.dedent(MANY.format(send="pass")) + textwrap.dedent(SHOWN)
        reply = client.execute_interactive(code, output_hook=output, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok"
    assert "schedules so far" in told[1]["text/plain"]
    assert told[0] == told[-1] == {}
    assert "before\n" in texts
    assert any(text.startswith("after: you interrupted it after ") for text in texts)
