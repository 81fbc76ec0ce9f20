"""How far an exploration is: a line that is there while it lasts, and gone when it is over.

In a notebook it is an output that is empty at first and in the end, so nothing of it
is stored or compared; in a terminal, a line that is written over.
"""

from __future__ import annotations

import sys
import threading
from time import monotonic
from typing import Any

AFTER, EVERY = 1.0, 0.5  # seconds


class Progress:
    """Of one exploration; nothing is shown in its first second."""

    def __init__(self) -> None:
        self.start = monotonic()
        self.next = self.start + AFTER
        self.output: Any = None  # in a notebook
        self.length = 0  # of the line in a terminal

    def tell(self, runs: int) -> None:
        """So many runs were made so far."""
        now = monotonic()
        if now < self.next or threading.current_thread() is not threading.main_thread():
            return
        self.next = now + EVERY
        self._show(f"exploring: {runs} schedules so far, {now - self.start:.0f} s")

    def over(self) -> None:
        if self.output is not None:
            self.output.update({}, raw=True)
        elif self.length:
            sys.stderr.write(f"\r{' ' * self.length}\r")
            sys.stderr.flush()
        self.output, self.length = None, 0

    def _show(self, text: str) -> None:
        display = sys.modules.get("IPython.display")
        shell = sys.modules.get("ipykernel.zmqshell")
        if display is not None and shell is not None and shell.ZMQInteractiveShell.initialized():
            if self.output is None:
                self.output = display.display({}, raw=True, display_id=True)
            self.output.update({"text/plain": text}, raw=True)
        elif sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(f"\r{text.ljust(self.length)}")
            sys.stderr.flush()
            self.length = max(self.length, len(text))
