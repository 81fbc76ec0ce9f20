"""What is under way, noted where the next kernel finds it.

An answer may end the kernel: by `os._exit`, by an error in C code. The page then
says only that the kernel died. So a check, a run or an exploration is noted in a
small file of this kernel before it begins, and crossed out after it; whoever
starts under the same number, which a restarted kernel does, reads what is left.

The file is mapped into memory: a note costs microseconds, and stays when the
process is gone. Where no file can be written nothing is remembered, and nothing
is said. Outside of a kernel there is no file.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from mmap import mmap
from pathlib import Path
from typing import Any, TypeVar

from ..folders import OURS

SIZE = 600  # bytes of the file
SHORT = 60  # characters of a line that is quoted

F = TypeVar("F", bound=Callable[..., Any])


def noted(function: F) -> F:
    """Note each call while it is under way, as `name(first argument)`."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _note is None:
            return function(*args, **kwargs)
        with _note.of(f"{function.__name__}({_named(args[0]) if args else ''})"):
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def left_by_the_last_kernel() -> str:
    """Begin to note; one sentence on what was under way when the last one ended, or ""."""
    global _note
    with suppress(Exception):  # there is no kernel here, or no folder
        if _note is None:
            _note = _Note(_path())
            return _note.found
    return ""


def _path() -> Path:
    from tempfile import gettempdir

    from ipykernel.connect import get_connection_file

    return Path(gettempdir(), f"{OURS}note-{Path(get_connection_file()).stem}")


class _Note:
    """A file with one sentence; empty while nothing is under way."""

    def __init__(self, path: Path) -> None:
        self.pid, self.under_way = os.getpid(), list[str]()
        self.lock = threading.Lock()  # a panel runs beside a cell
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.truncate(descriptor, SIZE)
            self.page = mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self.found = self.page[:].rstrip(b"\0").decode("utf-8", "ignore")
        self._write("")
        atexit.register(self._remove, path)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        with self.lock:
            self.under_way.append(what)
            self._write(self._sentence())
        try:
            yield
        finally:
            with self.lock:
                self.under_way.remove(what)
                self._write(self._sentence())

    def _sentence(self) -> str:
        if not self.under_way:
            return ""
        what, where = " and ".join(self.under_way[:3]), _first_line()
        return f"The last kernel ended while {what} was under way{where}."

    def _write(self, text: str) -> None:
        if os.getpid() == self.pid:  # a fork has the page, too
            self.page[:] = text.encode()[:SIZE].ljust(SIZE, b"\0")

    def _remove(self, path: Path) -> None:
        if os.getpid() == self.pid:
            with suppress(OSError):
                path.unlink()


_note: _Note | None = None


def _forget() -> None:
    """Nothing is noted in a fork: the page is its parent's, and so was whoever held the lock."""
    global _note
    _note = None


def _named(argument: Any) -> str:
    if isinstance(argument, str):
        return f'"{argument:.{SHORT}}"'
    return str(getattr(argument, "__name__", ""))[:SHORT]


def _first_line() -> str:
    """The line by which its cell is found."""
    shell = sys.modules["IPython"].get_ipython()
    cells = shell.user_ns.get("In", [""]) if shell is not None else [""]
    lines = [line for line in cells[-1].splitlines() if line.strip()]
    return f", in the cell that begins with `{lines[0][:SHORT]}`" if lines else ""
