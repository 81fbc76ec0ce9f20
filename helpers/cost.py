"""What a worker costs: the memory of processes and of the threads in them.

Read from `/proc`, which Linux has; elsewhere the answer is None, and a lesson
says that it was not measured.

Not a profiler: it sees whole processes, not the objects in them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Memory(NamedTuple):
    """Bytes that are really in use, and bytes of addresses that are set aside."""

    resident: int
    reserved: int


def memory(pid: int | None = None) -> Memory | None:
    """The memory of a process, by default of this one; None where nobody tells."""
    try:
        with open(f"/proc/{pid or os.getpid()}/status", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        kilobytes = [int(lines[name].split()[0]) for name in ("VmRSS", "VmSize")]
    except (OSError, KeyError, ValueError, IndexError):  # no /proc, no such process, a zombie
        return None
    return Memory(*(1024 * number for number in kilobytes))


def private(x: object = None) -> int | None:
    """Bytes that this process shares with no other: what it really adds.

    Linux says so. On macOS it is the most that the process ever had, shared
    bytes included; elsewhere None.
    """
    try:
        with open("/proc/self/smaps_rollup", encoding="utf-8") as file:
            return sum(1024 * int(line.split()[1]) for line in file if line.startswith("Private"))
    except OSError:
        return _most() if sys.platform == "darwin" else None


def _most() -> int:
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss


def thread_memory(count: int = 200) -> Memory | None:
    """What one thread adds, on average over `count` that wait at the same time.

    >>> thread_memory(0)
    Traceback (most recent call last):
    ValueError: count must be a whole number from 1 to 1000, not 0
    """
    if not isinstance(count, int) or not 1 <= count <= 1000:
        raise ValueError(f"count must be a whole number from 1 to 1000, not {count!r:.60}")
    before = memory()
    with waiting_threads(count):
        during = memory()
    if before is None or during is None:
        return None
    return Memory(*((b - a) // count for a, b in zip(before, during, strict=True)))


@contextmanager
def waiting_threads(count: int) -> Iterator[list[threading.Thread]]:
    """`count` threads that have begun and wait until the block ends."""
    begun, end = threading.Semaphore(0), threading.Event()

    def stay() -> None:
        begun.release()
        end.wait()

    threads = [threading.Thread(target=stay, daemon=True) for _ in range(count)]
    started = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
            begun.acquire()
        yield started
    finally:
        end.set()
        for thread in started:
            thread.join()
