"""The exercises of lesson 03b: who broke a pool, and what need not be sent."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import active_children, get_context
from multiprocessing.shared_memory import SharedMemory
from tempfile import mkstemp
from typing import Any

from ..folders import temporary
from ..work import checksum, checksum_at, die, wait
from . import NotYet, exercise, expect
from ._time_outs import gave_up, time_outs_pass
from .processes import CHEAP, Billed
from .start import as_list

spawn = get_context("spawn")

# --------------------------------------------------------------------- crash


def casualties(work: Callable[[float], Any], items: Sequence[float]) -> list[float]:
    """A solution of `pools.crash`: a process for each item, and its exit code tells."""
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
    "pools.crash",
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
    """A solution of `pools.shared`: the name is sent, the bytes stay where they are."""
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


SIZES = (3_000_000, 1_999_999)
MORE = 5_000  # bytes of a block beyond the size: a system may round it up


@exercise(
    "pools.shared",
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
