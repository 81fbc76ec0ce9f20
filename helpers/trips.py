"""What it costs to send something to another worker and to hear that it came, by its size.

The other worker is a thread or a process. It looks into each page of the bytes,
so that they have really arrived, and sends a short answer: a trip is the time
until that is there. Threads hand over a reference. Between processes every byte
is copied, into a pipe and out of it; or once, into shared memory, and then only
a number is sent.

>>> sorted(trips([16], rounds=1))
['Pipe', 'Queue', 'SimpleQueue', 'shared memory', 'threads: queue.Queue']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from time import perf_counter
from typing import Any

SIZES = (16, 1 << 10, 1 << 14, 1 << 18, 1 << 22)  # bytes: 16 to 4 MB
MOST = 1 << 28  # 256 MB, which each way holds several times
PAGE = 4096


def trips(sizes: Sequence[int] = SIZES, rounds: int = 30) -> dict[str, dict[int, float]]:
    """Seconds for a trip, by way of sending and by size: the fastest of `rounds`.

    It waits for answers without a time limit, so it belongs under a `deadline`.
    """
    if not sizes or any(not isinstance(size, int) or not 0 < size <= MOST for size in sizes):
        raise ValueError(
            f"sizes must be whole numbers of bytes from 1 to {MOST}, not {sizes!r:.60}"
        )
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds must be a whole number from 1 on, not {rounds!r:.60}")
    measured, data = {}, {size: bytes(size) for size in sizes}
    with ways(max(sizes)) as (pairs, block):
        for name, (there, back) in pairs.items():
            trip = _trip(there, back, data, block if name == "shared memory" else None)
            measured[name] = {size: _fastest(trip, size, rounds) for size in sizes}
            give(there, None)
    return measured


def _fastest(trip: Callable[[int], None], size: int, rounds: int) -> float:
    """Others disturbed the slower ones; one before them all starts threads and fills caches."""
    fastest = math.inf
    for number in range(rounds + 1):
        start = perf_counter()
        trip(size)
        if number:
            fastest = min(fastest, perf_counter() - start)
    return fastest


def _trip(there: Any, back: Any, data: dict[int, bytes], block: Any) -> Callable[[int], None]:
    """Of a pipe, `there` is our end, for both directions."""
    back = there if hasattr(there, "recv") else back

    def send(size: int) -> None:
        give(there, data[size])
        take(back)

    def share(size: int) -> None:
        block.buf[:size] = data[size]
        give(there, size)
        take(back)

    return send if block is None else share


@contextmanager
def ways(most: int) -> Iterator[tuple[dict[str, tuple[Any, Any]], Any]]:
    """Two queues or a pipe for each way to send, and a shared block of `most` bytes."""
    from multiprocessing import get_context
    from multiprocessing.shared_memory import SharedMemory

    spawn = get_context("spawn")
    near: tuple[Any, Any] = Queue(), Queue()
    far: dict[str, tuple[Any, Any]] = {
        "Queue": (spawn.Queue(), spawn.Queue()),
        "SimpleQueue": (spawn.SimpleQueue(), spawn.SimpleQueue()),
        "Pipe": spawn.Pipe(),
        "shared memory": spawn.Pipe(),
    }
    block = SharedMemory(create=True, size=most)
    process = spawn.Process(target=answer, args=(list(far.values()), block), daemon=True)
    try:
        process.start()
        Thread(target=answer, args=([near], None), daemon=True).start()
        yield {"threads: queue.Queue": near, **far}, block
        process.join()
    finally:
        if process.pid:
            process.kill()
            process.join()
        near[0].put(None)
        block.close()
        block.unlink()


def answer(pairs: Sequence[tuple[Any, Any]], block: Any) -> None:
    """The other worker: answers what comes by each way in turn, until None comes by it."""
    for there, back in pairs:
        inbox = back if hasattr(back, "recv") else there
        while (came := take(inbox)) is not None:
            look_at(block.buf[:came] if isinstance(came, int) else came)
            give(back, True)


def look_at(data: Any) -> int:
    """A byte of each page."""
    return sum(data[::PAGE])


def give(channel: Any, thing: Any) -> None:
    channel.send(thing) if hasattr(channel, "send") else channel.put(thing)


def take(channel: Any) -> Any:
    return channel.recv() if hasattr(channel, "recv") else channel.get()
