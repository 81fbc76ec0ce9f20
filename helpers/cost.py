"""What a worker costs: memory, the time to reach it, and what it takes to send it something.

Memory is read from `/proc`, which Linux has; elsewhere the answer is None, and
a lesson says that it was not measured.

Not a profiler: it sees whole processes, not the objects in them.

>>> sorted(trips([16], rounds=1))
['Pipe', 'Queue', 'SimpleQueue', 'manager: Queue', 'shared memory', 'threads: queue.Queue']
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from time import perf_counter
from typing import Any, NamedTuple

from .ending.interrupts import kept_from_children
from .run import run
from .work import bounce, echo, fetch, fetch_async, repickled
from .work.server import address, body

PATIENCE = 10.0  # seconds that a ball may be away
SIZES = (16, 1 << 10, 1 << 14, 1 << 18, 1 << 22)  # bytes: 16 to 4 MB
BIGGEST = 1 << 28  # bytes: 256 MB, which each way holds several times
PAGE = 4096


class Memory(NamedTuple):
    """Bytes that are really in use, and bytes of addresses that are set aside."""

    resident: int
    reserved: int

    def __str__(self) -> str:
        """
        >>> print(Memory(12902, 8576778))
        13 kB resident, 8577 kB reserved
        """
        return f"{self.resident / 1e3:.0f} kB resident, {self.reserved / 1e3:.0f} kB reserved"


def memory(pid: int | None = None) -> Memory | None:
    """The memory of a process, by default of this one; None where nobody tells."""
    found = _status(pid or os.getpid(), "VmRSS", "VmSize")
    return Memory(*found) if found else None


def _status(pid: int, *names: str) -> list[int] | None:
    """What Linux says of a process, in bytes."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        return [1024 * int(lines[name].split()[0]) for name in names]
    except (OSError, KeyError, ValueError, IndexError):  # no /proc, no such process, a zombie
        return None


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


def peak() -> int | None:
    """The most bytes that this process has had in use since it began."""
    found = _status(os.getpid(), "VmHWM")
    return found[0] if found else _most() if sys.platform == "darwin" else None


class Downloads(NamedTuple):
    """What it took to download so many pages at once."""

    elapsed: float  # seconds
    at_once: int
    memory: int | None  # bytes more than before the first of them; None where nobody tells
    whole: bool


def downloads(using: str, urls: Sequence[str]) -> Downloads:
    """A worker for each of `urls`, by "tasks" or "threads", in a process of their own.

    A process of its own, as memory that was used once is not given back. It could not
    bring our server back, should that have died, so we do.
    """
    address()
    return run(_downloads, [(using, list(urls))], 1, "processes").results[0]  # type: ignore[no-any-return]


def _downloads(order: tuple[str, list[str]]) -> Downloads:
    using, urls = order
    work: Any = fetch_async if using == "tasks" else fetch
    run(work, urls[:1], 1, using)  # what is imported for a first download is there
    before = peak()
    timeline = run(work, urls, len(urls), using)
    after = peak()
    more = None if before is None or after is None else max(0, after - before)
    whole = timeline.results == [body(url) for url in urls]
    return Downloads(timeline.elapsed, timeline.at_once(), more, whole)


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


def seconds(call: Callable[..., Any], *arguments: Any, rounds: int = 3) -> float:
    """How long `call(*arguments)` takes: the fastest of `rounds`, as others were disturbed."""
    fastest = math.inf
    for _ in range(rounds):
        start = perf_counter()
        call(*arguments)
        fastest = min(fastest, perf_counter() - start)
    return fastest


class Price(NamedTuple):
    """What one more worker takes: seconds until it has done next to nothing, and bytes."""

    seconds: float
    memory: int | None  # None where nobody tells


CROWD = 5  # interpreters: their memory is that of them all, divided


def price(kind: str) -> Price:
    """The price of a "thread", an "interpreter" or a spawned "process".

    An interpreter and a process have imported what they call, this course's own
    work. Interpreters take Python 3.14: elsewhere ImportError.
    """
    if kind == "thread":
        took = min(life(threading.Thread) for _ in range(3))
        found = thread_memory(50)
        return Price(took, found and found.resident)
    if kind == "process":
        from multiprocessing import get_context

        took = min(life(get_context("spawn").Process) for _ in range(3))
        return Price(took, run(private, [0], 1, "spawn").results[0])
    if kind != "interpreter":
        raise ValueError(f"kind must be thread, interpreter or process, not {kind!r:.60}")
    from concurrent import interpreters  # type: ignore[attr-defined, unused-ignore]

    before, took, others = memory(), math.inf, []
    for _ in range(CROWD):
        start = perf_counter()
        other = interpreters.create()
        others.append(other)
        other.call(echo, None)
        took = min(took, perf_counter() - start)
    during = memory()
    for other in others:
        other.close()
    if before is None or during is None:
        return Price(took, None)
    return Price(took, (during.resident - before.resident) // CROWD)


class Bill(NamedTuple):
    """Seconds for a thing to go to a worker and back, and for the pickling in that."""

    trip: float
    pickling: float


def bill(pool: Any, thing: Any) -> Bill:
    """What the workers of `pool` cost for an argument and a result such as `thing`."""

    def trip() -> None:
        pool.submit(echo, thing).result()

    return Bill(seconds(trip), seconds(repickled, thing))


def life(worker: Callable[..., Any]) -> float:
    """Seconds to start a worker that has next to nothing to do, and to join it."""
    start = perf_counter()
    started = worker(target=echo, args=(None,))
    started.start()
    started.join()
    return perf_counter() - start


def round_trip(
    worker: Callable[..., Any], semaphore: Callable[[int], Any], rounds: int = 300
) -> float:
    """Seconds from waking another worker to being woken by it; the median of `rounds`.

    `worker` and `semaphore` are `threading.Thread` and its like; the other
    worker is up before the first round that counts.
    """
    from statistics import median  # 10 ms that a worker need not pay

    with _partner(worker, semaphore, rounds + 1) as (mine, theirs):
        seconds = [_bounce(mine, theirs) for _ in range(rounds + 1)]
    return median(seconds[1:])


@contextmanager
def _partner(
    worker: Callable[..., Any], semaphore: Callable[[int], Any], rounds: int
) -> Iterator[tuple[Any, Any]]:
    """Another worker, which is woken by the second semaphore and wakes whoever has the first."""
    mine, theirs = semaphore(0), semaphore(0)
    other = worker(target=bounce, args=(theirs, mine, rounds), daemon=True)
    other.start()
    try:
        yield mine, theirs
    finally:  # after an interrupt it needs the rest of its rounds to come to its end
        for _ in range(rounds):
            theirs.release()
        other.join(PATIENCE)


def _bounce(mine: Any, theirs: Any) -> float:
    start = perf_counter()
    theirs.release()
    if not mine.acquire(True, PATIENCE):
        raise TimeoutError(f"the other worker did not answer within {PATIENCE:g} s")
    return perf_counter() - start


# ------------------------------------------------------- trips, by way and size


def trips(sizes: Sequence[int] = SIZES, rounds: int = 30) -> dict[str, dict[int, float]]:
    """Seconds for a trip, by way of sending and by size: the fastest of `rounds`.

    The other worker is a thread or a process. It looks into each page of the
    bytes, so that they have really arrived, and sends a short answer: a trip is
    the time until that is there. Threads hand over a reference. Between processes
    every byte is copied, into a pipe and out of it; to the queue of a manager and
    from there, so twice; or once, into shared memory, and then only a number is sent.

    Raises RuntimeError where the other process dies before its last answer. It waits
    for answers without a time limit: a slow one is no mistake.
    """
    if not sizes or any(not isinstance(size, int) or not 0 < size <= BIGGEST for size in sizes):
        raise ValueError(
            f"sizes must be whole numbers of bytes from 1 to {BIGGEST}, not {sizes!r:.60}"
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
        "Queue": (_quiet(spawn.Queue()), _quiet(spawn.Queue())),
        "SimpleQueue": (spawn.SimpleQueue(), spawn.SimpleQueue()),
        "Pipe": spawn.Pipe(),
        "shared memory": spawn.Pipe(),
    }
    with kept_from_children():
        manager = spawn.Manager()
    with manager:
        far["manager: Queue"] = manager.Queue(), manager.Queue()
        block = SharedMemory(create=True, size=most)
        process = spawn.Process(target=answer, args=(list(far.values()), block), daemon=True)
        over = threading.Event()
        mourner = threading.Thread(target=_mourn, args=(process, over, manager), daemon=True)
        try:
            with kept_from_children():
                process.start()
            _close_its_ends(far)
            mourner.start()
            threading.Thread(target=answer, args=([near], None), daemon=True).start()
            give(far["Queue"][0], b"")  # starts its thread, which half started would never end
            take(far["Queue"][1])
            yield {"threads: queue.Queue": near, **far}, block
            over.set()
            process.join()
        except (EOFError, OSError) as error:
            process.join()
            how = f"exit code {process.exitcode}"
            raise RuntimeError(f"The process that was to answer has died ({how}).") from error
        finally:
            over.set()
            if process.pid:
                process.kill()
                process.join()
            if mourner.ident:
                mourner.join()
            near[0].put(None)
            _close_its_ends(far)  # its thread may wait for somebody to read
            for queue in far["Queue"]:
                queue.cancel_join_thread()
                queue.close()
            block.close()
            block.unlink()


def _quiet(queue: Any) -> Any:
    """Its thread says nothing where nobody is left to read; an executor does it this way, too."""
    queue._ignore_epipe = True
    return queue


def _close_its_ends(far: dict[str, tuple[Any, Any]]) -> None:
    """What the other process reads from and writes to: when it dies, no wait here is for ever."""
    for way in ("Queue", "SimpleQueue"):
        there, back = far[way]
        there._reader.close()
        back._writer.close()
    for way in ("Pipe", "shared memory"):
        far[way][1].close()


def _mourn(process: Any, over: threading.Event, manager: Any) -> None:
    """A manager does not know who was to answer: its queues end with it."""
    from multiprocessing.connection import wait

    wait([process.sentinel])
    if not over.is_set():
        manager.shutdown()


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
