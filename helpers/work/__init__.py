"""The work that the lessons hand out to workers.

It stands in a module, not in a notebook cell, so that every process can import
it. `wait` is waiting; `crunch` computes in Python and holds the GIL; `hash_bytes`
and `compress` compute in C code that lets go of it. `seconds` means the same for
all of them: so long on an idle CPU of this computer, fast or slow. Computing is
a fixed amount of work, not "until the time is up", so two workers that share a
CPU take twice as long, as real work does.

How much fits into a second is measured once. The answer stands in the
environment, where child processes find it.

Real work is there, too: `fetch` and `fetch_async`, `query`, `count_words` and
`thumbnail`, from the modules `real_work` and `records`.

Below that: work that goes wrong on purpose, and the small functions of lessons
02 to 06. Nothing here prints; nothing knows about pools or pictures.

>>> crunch(0.01) == crunch(0.01)
True
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter, perf_counter_ns, sleep, thread_time_ns
from typing import TYPE_CHECKING, Any, NoReturn

from .. import orphans as orphans  # whoever works in another process ends with its parent
from ..ending import end_processes
from ..ending.interrupts import whole
from ..folders import temporary
from .real_work import count_words as count_words
from .real_work import fetch as fetch
from .real_work import fetch_async as fetch_async
from .real_work import thumbnail as thumbnail
from .real_work import thumbnail_in_python as thumbnail_in_python
from .records import query as query

if TYPE_CHECKING:
    from ..timeline import Timeline

VARIABLE = "COURSE_WORK_PER_SECOND"  # of the environment: rounds, bytes, bytes
LONGEST = 3600  # seconds; more is a slip of the keyboard
BURSTS = 12  # the fastest of so many counts: the others were disturbed
PIECE = memoryview(bytes(4 << 20))  # as much as is given to C code at once: some milliseconds


# ----------------------------------------------------- waiting and computing


def wait(seconds: float) -> float:
    """Sleep, as one does for an answer from a network; gives `seconds` back.

    It looks up ten times a second, so that it can be stopped.
    """
    _check(seconds)
    start = perf_counter_ns()  # on Windows before 3.13 monotonic() ticks in 16 ms
    end = start + round(seconds * 1e9)
    try:
        while (left := end - perf_counter_ns()) > 0:
            sleep(min(left / 1e9, 0.1))
    finally:
        _slept(perf_counter_ns() - start)
    return seconds


def _slept(nanoseconds: int) -> None:
    """Tell a span that its waiting was simulated, where anybody records: it is slow to import."""
    recorder = sys.modules.get("helpers.timeline.recorder")
    if recorder is not None:
        recorder.asleep(nanoseconds)


def crunch(seconds: float) -> int:
    """Compute in Python, holding the GIL; gives a checksum."""
    return _crunch(_amount(0, seconds))


def hash_bytes(seconds: float) -> str:
    """Compute in C, without the GIL: the SHA-256 of a lot of zeros."""
    return _hash(_amount(1, seconds))


def compress(seconds: float) -> int:
    """Compute in C, without the GIL: how small `zlib` makes a lot of zeros, in bytes."""
    return _compress(_amount(2, seconds))


def mixed(seconds: float) -> int:
    """Wait for the first half of the time and compute in Python for the other."""
    _check(seconds)
    return crunch(wait(seconds / 2))


# ------------------------------------------------------ what goes wrong


def fail(x: object) -> NoReturn:
    """Raise an exception, as a function does that meets an item it cannot handle."""
    raise ValueError(f"nothing can be done with {x!r}")


def die(x: object) -> None:
    """End this whole process at once, as a crash in C code would: no clean-up, no exception.

    Never call it in the process of a notebook: its kernel would be gone.
    """
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has no SIGKILL


def forever(x: object) -> NoReturn:
    """Never end."""
    while True:
        wait(1)


def unpicklable(x: object) -> Callable[[], object]:
    """Give back a function without a name, which no process can send to another."""
    return lambda: x


# ------------------------------------------- for lessons 02, 03 and 03b


def numbers(timeline: Timeline, pause: float = 0.05) -> str:
    """Say 1 to 5, each for `pause` seconds; recorded, as prints of two workers would mix."""
    return _say("12345", timeline, pause)


def letters(timeline: Timeline, pause: float = 0.05) -> str:
    """Say A to E, each for `pause` seconds."""
    return _say("ABCDE", timeline, pause)


def _say(words: str, timeline: Timeline, pause: float) -> str:
    for word in words:
        with timeline.span(word):
            wait(pause)
    return words


def append_to(shared: list[Any], value: object) -> list[Any]:
    """Append to a list that others may have too; gives what this worker then sees."""
    shared.append(value)
    return list(shared)


board: list[str] = []  # a global list, to find out which workers see what is put on it


def read_board(x: object) -> list[str]:
    """What this worker sees on the board: a forked process has a copy, a spawned one its own."""
    return list(board)


latch = threading.Lock()  # a lock of this module: every process has one of its own


def latch_is_taken(x: object) -> bool:
    """Whether `latch` is held here: a forked process has a copy, held or not as it was then."""
    return latch.locked()


def quietly(work: Callable[..., Any], *args: Any) -> Any:
    """Call `work(*args)` in a process whose error messages nobody is to see."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 -- until this process ends
    return work(*args)


def fragile(seconds: float) -> float:
    """Wait, but die of a negative number, as C code dies of an argument it never checked."""
    if seconds < 0:
        die(seconds)
    return wait(seconds)


def times(factor: int, x: int) -> tuple[int, int]:
    """Which process computed it, and the product."""
    return os.getpid(), factor * x


def tally(counter: Any, squares: Any, i: int) -> None:
    """Write into a `Value` and an `Array` that several processes share."""
    with counter.get_lock():
        counter.value += 1
    squares[i] = i * i


def start_methods() -> list[str]:
    """Those of this system, but for `fork` on macOS: its libraries start threads of their own."""
    from multiprocessing import get_all_start_methods

    unsafe = "fork" if sys.platform == "darwin" else ""
    return sorted(method for method in get_all_start_methods() if method != unsafe)


def start_and_join(*workers: Any, seconds: float = 30.0) -> None:
    """Start threads or processes, then wait for all of them; TimeoutError where one never ends.

    No process goes on after an error; a thread must end by itself.
    """
    last = perf_counter() + seconds
    try:
        _start(workers)
        for worker in workers:
            worker.join(max(0.0, last - perf_counter()))
            if worker.is_alive():
                raise TimeoutError(f"{worker.name} had not ended after {seconds:g} s")
    except BaseException:
        end_processes(worker for worker in workers if hasattr(worker, "terminate"))
        raise


@whole
def _start(workers: Iterable[Any]) -> None:
    for worker in workers:
        worker.start()


def checksum(data: Any) -> int:
    """A number that tells whether `data`, bytes or the like, came whole."""
    from zlib import adler32

    return adler32(data)


def checksum_of_part(data: bytes, part: tuple[int, int]) -> int:
    """The same for the bytes from the first place of `part` up to the second."""
    first, last = part
    return checksum(data[first:last])


def checksum_at(name: str, size: int) -> int:
    """The same for the first `size` bytes of the shared memory of that name."""
    from multiprocessing.shared_memory import SharedMemory

    block = SharedMemory(name)
    try:
        assert block.buf is not None  # it is, until `close`
        with block.buf[:size] as data:
            return checksum(data)
    finally:
        block.close()


def darken(name: str, shape: tuple[int, ...], first: int, last: int) -> None:
    """Halve these rows of the picture, an array of bytes, in the shared memory of that name."""
    from multiprocessing.shared_memory import SharedMemory

    import numpy as np

    block = SharedMemory(name)
    try:
        picture = np.ndarray(shape, np.uint8, block.buf)
        picture[first:last] //= 2
        del picture  # it looks into the block
    finally:
        block.close()


@contextmanager
def shared_copy(data: bytes) -> Iterator[tuple[str, int]]:
    """A copy of `data` in shared memory: gives its name and size; gone when the block ends."""
    from multiprocessing.shared_memory import SharedMemory

    block = SharedMemory(create=True, size=len(data))
    try:
        assert block.buf is not None
        block.buf[: len(data)] = data
        yield block.name, len(data)
    finally:
        block.close()  # every process that opened it does this
        block.unlink()  # and whoever made it this, once


def echo(x: Any) -> Any:
    """Give back what came: all that it costs is the way there and back."""
    return x


def pickles(x: Any) -> bool:
    """Whether `x` can be pickled."""
    import pickle

    try:
        pickle.dumps(x)
    except (pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def repickled(x: Any) -> Any:
    """What becomes of `x` on a trip there and back, without the trip: a copy of a copy."""
    import pickle

    return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(x))))


def bounce(mine: Any, theirs: Any, rounds: int) -> None:
    """Ping-pong: wait for my semaphore, release theirs, `rounds` times.

    The semaphores may be those of `threading` or of `multiprocessing`.
    """
    for _ in range(rounds):
        mine.acquire()
        theirs.release()


# ------------------------------------------------------- for lesson 04


def add_ones(total: Any, times: int, lock: Any, together: Any) -> None:
    """Add one to a `Value`, over and over, from the moment that all are `together`."""
    together.wait()
    for _ in range(times):
        with lock:
            total.value += 1


def add_ones_in_file(path: str, times: int, lock: Any, together: Any) -> None:
    """The same for a number in a file, of eight digits."""
    together.wait()
    for _ in range(times):
        with lock, open(path, "r+", encoding="ascii") as file:
            number = int(file.read())
            file.seek(0)
            file.write(f"{number + 1:08}")


@contextmanager
def file_with_zero() -> Iterator[str]:
    """The path of a file that holds the number 0; gone when the block ends."""
    with temporary("file") as folder:
        path = os.path.join(folder, "total")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{0:08}")
        yield path


# ------------------------------------------------------- for lesson 05


def after(seconds: float, x: Any) -> Any:
    """Wait, then give `x` back."""
    wait(seconds)
    return x


# ------------------------------------------------------ how much is a second


def calibration() -> str:
    """How much work this computer does in a second; measured at the first call.

    Hand it to `calibrate_as` in a process that may not have our environment.
    """
    with _lock:
        if not _parsed(os.environ.get(VARIABLE, "")):
            measured = (_per_second(*pair) for pair in _BURSTS)
            os.environ[VARIABLE] = ",".join(map(str, measured))
        return os.environ[VARIABLE]


def calibrate_as(text: str) -> None:
    """Take over what `calibration` measured in another process."""
    if _parsed(text):
        os.environ[VARIABLE] = text


def _amount(kind: int, seconds: float) -> int:
    _check(seconds)
    rates = _parsed(os.environ.get(VARIABLE, "")) or _parsed(calibration())
    return round(rates[kind] * seconds)


def _check(seconds: Any) -> None:
    if not isinstance(seconds, (int, float)) or not 0 <= seconds <= LONGEST:
        raise ValueError(f"seconds must be a number from 0 to {LONGEST}, not {seconds!r:.60}")


def _parsed(text: str) -> list[int]:
    """The rates in `text`; none where it is not what `calibration` writes."""
    rates = text.split(",")
    known = len(rates) == len(_BURSTS) and all(r.isdecimal() and len(r) < 16 for r in rates)
    return [max(1, int(rate)) for rate in rates] if known else []


def _per_second(work: Callable[[int], object], amount: int) -> int:
    return round(amount * 1e9 / min(_burst(work, amount) for _ in range(BURSTS)))


def _burst(work: Callable[[int], object], amount: int) -> int:
    """Nanoseconds of CPU time for a little work: waiting for the GIL or a CPU is left out."""
    clock = perf_counter_ns if sys.platform == "win32" else thread_time_ns  # there: 16 ms steps
    start = clock()
    work(amount)
    return max(1, clock() - start)


def _crunch(rounds: int) -> int:
    """Threads share the constants of a function, and Python 3.13 without a GIL counts, on several
    CPUs at once, who uses them: that takes twice the time. So each call has numbers of its own.
    """
    x, factor, modulus = 1, int("69069"), int("1000003")
    for _ in range(rounds):
        x = (x * factor + 1) % modulus
    return x


def _hash(size: int) -> str:
    from hashlib import sha256  # 5 ms that a worker need not pay

    digest = sha256()
    for piece in _pieces(size):
        digest.update(piece)
    return digest.hexdigest()


def _compress(size: int) -> int:
    from zlib import compress

    return sum(len(compress(piece)) for piece in _pieces(size))


def _pieces(size: int) -> Iterator[memoryview]:
    """`size` zeros in pieces; between two of them a thread can be stopped."""
    for start in range(0, size, len(PIECE)):
        yield PIECE[: size - start]


_BURSTS = [(_crunch, 20_000), (_hash, 1 << 20), (_compress, 1 << 18)]  # about a millisecond each
_lock = threading.Lock()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()  # its holder may not exist here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
