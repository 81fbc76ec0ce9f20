"""Threads that ask at once are answered one after the other, by a real kernel."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

ASK = """
import getpass, threading
import helpers
answers = []
def asks(ask):
    answers.append(ask("Your name? "))
ways = [input, getpass.getpass] * 3
threads = [threading.Thread(target=asks, args=[way]) for way in ways]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sorted(answers) == [f"answer {n}" for n in range(6)], answers
"""


def test_threads_that_ask_at_once_are_answered_in_turn() -> None:
    manager, client = start_new_kernel(cwd=str(Path(__file__).parents[2]))
    numbers = count()

    def answer(_: Any) -> None:
        client.input(f"answer {next(numbers) % 6}")

    try:
        for _ in range(2):  # the first cell is the one that imports
            reply = client.execute_interactive(
                ASK, timeout=30, allow_stdin=True, stdin_hook=answer, output_hook=lambda _: None
            )
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
