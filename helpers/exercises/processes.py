"""The exercises of lesson 03: a worker that nobody can import, a killer, and a bill to pay."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from tempfile import mkstemp
from typing import Any

from ..folders import temporary
from ..work import checksum, checksum_at, die, times, wait
from . import NotYet, exercise, expect
from ._time_outs import gave_up, time_outs_pass
from .start import as_list

spawn = get_context("spawn")

# -------------------------------------------------------------------- module


def scaled(numbers: Sequence[int], factor: int) -> list[tuple[int, int]]:
    """A solution of `processes.module`: what the closure captured becomes an argument."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(partial(times, factor), numbers))


def scaled_by_a_closure(numbers: Sequence[int], factor: int) -> list[tuple[int, int]]:
    """The starter: its worker exists inside this call, so no new process can import it."""

    def worker(x: int) -> tuple[int, int]:
        return os.getpid(), factor * x

    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(worker, numbers))


def scaled_here(numbers: Sequence[int], factor: int) -> list[tuple[int, int]]:
    """No error any more, and no process either."""
    return [times(factor, x) for x in numbers]


@exercise(
    "processes.module",
    "Repair scaled(numbers, factor): pairs in the order of numbers, from a worker that a new "
    "process can import.",
    hints=(
        "A function goes to a new process by name: its module and its own. Which module has "
        "a function that stands inside another one?",
        "Take one that stands at the top of a module: work.times(factor, x) does the same. Or "
        "write one with %%writefile, as above.",
        "pool.map gives a function one argument. functools.partial(work.times, factor) fills in "
        "the other one, and can be pickled.",
    ),
    solution=scaled,
    starter=scaled_by_a_closure,
    wrong=scaled_here,
    says="in this process",
    seconds=30.0,
)
def _module(answer: Any) -> str:
    """Right products in order, computed elsewhere, for factors that nobody guessed."""
    factor = 7 + os.getpid() % 7
    with _no_fork(), _started() as started:
        for numbers, by in ((NUMBERS, factor), ([9, -4, 0], factor + 4)):
            given = _pairs(answer, list(numbers), by)
            expect(
                [product for _, product in given] == [by * x for x in numbers],
                "the products are not those of numbers and factor, in the order of numbers. "
                "What does pool.map give back?",
            )
            expect(
                os.getpid() not in {pid for pid, _ in given},
                "the products are right, but they were computed in this process: "
                "the process ids say so.",
            )
            strange = [pid for pid, _ in given if pid not in started]
            expect(
                not strange,
                f"the products are right, but {strange[:1]} is not the id of a process that your "
                "function has started. os.getpid() gives it, in the worker.",
            )
    return f"{len(NUMBERS)} products in order, and none was computed in this process."


NUMBERS = [5, 3, 8, 1, 3, -2, 6]


@contextmanager
def _no_fork() -> Iterator[None]:
    """A process that is forked need not import anything. So everybody spawns here."""
    method = multiprocessing.get_start_method(allow_none=True)
    contexts: dict[str, Any] = multiprocessing.context._concrete_contexts  # type: ignore[attr-defined]
    kept, fork = dict(contexts), getattr(os, "fork", None)

    def refuse() -> int:
        raise NotYet(
            "your worker is a fork, a copy of this process, which need not import it. "
            "Windows has none. Use a context of spawn, as the starter does."
        )

    multiprocessing.set_start_method("spawn", force=True)
    contexts.update({name: spawn for name in contexts if name == "fork"})
    if fork:
        os.fork = refuse
    try:
        yield
    finally:
        if fork:
            os.fork = fork
        contexts.update(kept)
        multiprocessing.set_start_method(method, force=True)


@contextmanager
def _started() -> Iterator[set[int | None]]:
    """The ids of the processes that are started meanwhile."""
    found: set[int | None] = set()
    start, run = BaseProcess.start, subprocess.Popen.__init__

    def started(self: BaseProcess) -> None:
        start(self)
        found.add(self.pid)

    def opened(self: Any, *args: Any, **named: Any) -> None:
        run(self, *args, **named)
        found.add(self.pid)

    BaseProcess.start, subprocess.Popen.__init__ = started, opened  # type: ignore[method-assign]
    try:
        yield found
    finally:
        BaseProcess.start, subprocess.Popen.__init__ = start, run  # type: ignore[method-assign]


def _pairs(answer: Any, *arguments: Any) -> list[tuple[int, int]]:
    """What the answer gives, if it is a list of pairs; what stops a pool, in words."""
    try:
        given = answer(*arguments)
    except BrokenProcessPool:
        raise NotYet(
            "the pool broke: its processes could not import your function. "
            "In which module does it stand?"
        ) from None
    except (pickle.PicklingError, AttributeError) as error:
        if "pickle" not in str(error) and "local object" not in str(error):
            raise
        raise NotYet(
            "your worker could not be pickled: it stands inside another function, or has no "
            "name. Which module could a new process import it from?"
        ) from None
    pairs = as_list(list(given) if isinstance(given, tuple) else given, "scaled")
    expect(
        bool(pairs) and all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs),
        "scaled must give a list of pairs, (process id, product), one for each number.",
    )
    return [(pid, product) for pid, product in pairs]


# --------------------------------------------------------------------- crash


def casualties(work: Callable[[float], Any], items: Sequence[float]) -> list[float]:
    """A solution of `processes.crash`: a process for each item, and its exit code tells."""
    processes = [spawn.Process(target=work, args=(item,)) for item in items]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [item for item, process in zip(items, processes, strict=True) if process.exitcode != 0]


def accused_by_a_pool(work: Callable[[float], Any], items: Sequence[float]) -> list[float]:
    """The starter: the pool breaks as a whole, and everybody looks guilty."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = [pool.submit(work, item) for item in items]
    return [item for item, future in zip(items, futures, strict=True) if future.exception()]


def first_casualty(work: Callable[[float], Any], items: Sequence[float]) -> list[float]:
    """Stops at the first death, so the later ones are never found."""
    for item in items:
        process = spawn.Process(target=work, args=(item,))
        process.start()
        process.join()
        if process.exitcode != 0:
            return [item]
    return []


ENDS: dict[float, Callable[[], object]] = {  # how a process is killed by an item
    -1: lambda: die(-1),
    -2: lambda: os.kill(os.getpid(), signal.SIGTERM),
    -3: lambda: os._exit(1),
    -4: lambda: os._exit(77),
}
ITEMS = [0.05, -3, 0.2, -1, 0.0, 0.2, -4, 0.1, -2]  # the negative ones kill


class Mortal:
    """Work that kills its process in several ways, and leaves a note of each other item done."""

    def __init__(self, folder: str) -> None:
        self.folder, self.home = folder, os.getpid()

    def __call__(self, item: float) -> float:
        if os.getpid() == self.home:
            raise NotYet(
                "work(item) was called in this process, which some items would have killed. Hand "
                "in the function and the item, target=work and args=(item,), to a new process."
            )
        if item in ENDS:
            ENDS[item]()
        wait(item)
        handle, _ = mkstemp(prefix=f"{item}=", dir=self.folder)
        os.close(handle)
        return item

    def done(self) -> Counter[float]:
        return Counter(float(name.partition("=")[0]) for name in os.listdir(self.folder))


@exercise(
    "processes.crash",
    "Repair casualties(work, items): a list of the items that killed their process, in whatever "
    "way, and only those; every other item is done exactly once, and no process is left.",
    hints=(
        "One death breaks the whole pool, and then every future that had not ended fails. What "
        "else tells you how a process ended?",
        "A Process of its own for each item has an exit code of its own.",
        "Start them all, join them all, then keep the items whose process has an exitcode "
        "other than 0.",
    ),
    solution=casualties,
    starter=accused_by_a_pool,
    wrong=first_casualty,
    says="did not notice",
    seconds=60.0,
)
def _crash(answer: Any) -> str:
    """Exactly the deadly items, every other one done once, and no process left.

    Then one takes longer than all of that, so whoever waits for some time is mistaken.
    """
    began = time.monotonic()
    _killed_by(answer, ITEMS)
    longer = min(time.monotonic() - began, LONGEST) + 0.5
    _killed_by(answer, [longer, -4])
    deadly = sum(item in ENDS for item in ITEMS)
    return f"{deadly} items killed their process, and the other {len(ITEMS) - deadly} were done."


LONGEST = 6.0  # seconds; all items are done in one, or in some if it is one after the other


def _killed_by(answer: Any, items: list[float]) -> None:
    deadly = [item for item in items if item in ENDS]
    before = set(active_children())
    with temporary("crash") as folder:
        work = Mortal(folder)
        with time_outs_pass() as cut:
            given = as_list(answer(work, list(items)), "casualties")
        done, left = work.done(), set(active_children()) - before
        for process in left:
            process.join(LAST_GRACE)
    innocent = [item for item in given if item not in deadly]
    expect(
        not innocent,
        "you accused items that killed nobody: they failed because another item's death "
        f"broke the pool that they were in, or they had not ended when you looked.{gave_up(cut)}",
    )
    missed = [item for item in deadly if item not in given]
    expect(
        sorted(given) == sorted(deadly),
        f"{len(deadly)} of {len(items)} items kill their process; you did not notice all of "
        f"them, or named one twice.{_how_missed(missed)} Does your function go on after the first?",
    )
    lives = Counter(float(item) for item in items if item not in deadly)
    expect(
        not left,
        "some of your processes are still running: join them all, however long they take."
        + gave_up(cut),
    )
    expect(
        done == lives,
        f"each of the {lives.total()} other items must be done once; {done.total()} calls ended "
        f"well{', one of them for an item that was done before' * bool(done - lives)}."
        + gave_up(cut),
    )


LAST_GRACE = 5.0  # seconds for processes that were left over


def _how_missed(missed: Sequence[float]) -> str:
    """What the missed ones have in common, if it tells something."""
    if missed and all(item in (-3, -4) for item in missed):
        return " Those you missed ended with an exit code above 0, and no signal."
    if missed and all(item in (-2, -3, -4) for item in missed):
        return " A process can be killed by other signals, and end with other exit codes."
    return ""


# -------------------------------------------------------------------- shared


def checked(block: SharedMemory, size: int, pool: Executor) -> int:
    """A solution of `processes.shared`: the name is sent, the bytes stay where they are."""
    result: int = pool.submit(checksum_at, block.name, size).result()
    return result


def checked_by_copy(block: SharedMemory, size: int, pool: Executor) -> int:
    """The starter: right, but every byte is pickled and sent."""
    assert block.buf is not None
    result: int = pool.submit(checksum, bytes(block.buf[:size])).result()
    return result


def checked_here(block: SharedMemory, size: int, pool: Executor) -> int:
    """Nothing is pickled, and nothing is asked of the pool."""
    assert block.buf is not None
    with block.buf[:size] as data:
        return checksum(data)


class Billed(Executor):
    """A pool that counts the bytes which it has to send there and back, and keeps what came."""

    def __init__(self, pool: Executor) -> None:
        self.pool, self.sent = pool, 0
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sent += len(pickle.dumps((fn, args, kwargs)))
        future = self.pool.submit(fn, *args, **kwargs)
        self.futures.append(future)
        return future

    def results(self) -> list[Any]:
        """What the workers gave back."""
        return [f.result() for f in self.futures if not f.cancelled() and f.exception() is None]

    @property
    def bytes(self) -> int:
        return self.sent + sum(len(pickle.dumps(result)) for result in self.results())


SIZES = (3_000_000, 1_999_999)
MORE = 5_000  # bytes of a block beyond the size: a system may round it up
CHEAP = 10_000  # bytes that names, sizes and functions take at most


@exercise(
    "processes.shared",
    "Repair checked(block, size, pool): the same checksum from a worker, of the first size bytes, "
    "without sending them there or back.",
    hints=(
        "What does the worker need in order to find the bytes, if it can see the same memory?",
        "A block of shared memory has a name: block.name. Which function of work takes one?",
        "pool.submit(work.checksum_at, block.name, size) sends a name and a number.",
    ),
    solution=checked,
    starter=checked_by_copy,
    wrong=checked_here,
    says="pool was not asked",
    seconds=30.0,
)
def _shared(answer: Any) -> str:
    """The right number, from the pool, for a bill that does not grow with the data."""
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for size in SIZES:
            _one_block(answer, size, pool)
    return f"The right number for {SIZES[0]:_} bytes, and fewer than {CHEAP:_} were pickled."


def _one_block(answer: Any, size: int, pool: Executor) -> None:
    data = os.urandom(1 + size // 1000) * 1000
    block, billed = SharedMemory(create=True, size=size + MORE), Billed(pool)
    try:
        assert block.buf is not None
        block.buf[:size] = data[:size]
        block.buf[size : size + MORE] = os.urandom(MORE)
        given = answer(block, size, billed)
        expect(given is not None, "checked returned nothing. Is there a return at its end?")
        expect(
            not isinstance(given, Future),
            "checked returned a future, which is a place for the number: ask its result().",
        )
        expect(
            given != checksum(block.buf if block.buf is not None else b""),
            "that is the checksum of the whole block, and of its first size bytes is asked.",
        )
        expect(given == checksum(data[:size]), "that is not the checksum of the first size bytes.")
        expect(bool(billed.futures), "the number is right, but the pool was not asked for it.")
        expect(
            billed.bytes <= CHEAP,
            f"the number is right, but some {round(billed.bytes, -3):_} bytes were pickled to get "
            "it. The worker can look at the block itself, and need not send what it sees.",
        )
        expect(
            any(str(given) in repr(result) for result in billed.results()),
            "the number is right, and the pool was asked for something, but not for that number.",
        )
        expect(
            _is_there(block.name),
            "the block is gone: your function or its worker has unlinked it. "
            "That is up to whoever made it; a worker closes what it opened, and no more.",
        )
        expect(
            block.buf is not None,
            "the number is right, but your function has closed the block, which it had not opened.",
        )
        expect(
            block.buf[:size] == data[:size],
            "the number is right, but the bytes of the block have changed.",
        )
    finally:
        with suppress(BufferError):  # an answer that failed may still be looking at it
            block.close()
        with suppress(FileNotFoundError):  # what an answer has unlinked is told above
            block.unlink()


def _is_there(name: str) -> bool:
    try:
        SharedMemory(name).close()
    except FileNotFoundError:
        return False
    return True
