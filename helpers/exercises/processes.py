"""The exercises of lesson 03: a worker that nobody can import, a killer, and a bill to pay."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import active_children, get_context
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from ..timeline import Timeline
from ..work import checksum, checksum_at, fragile, times
from . import NotYet, exercise, expect

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
    "Repair scaled(numbers, factor): its worker is one that a new process can import.",
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
    """Right products in order, computed elsewhere, for a factor that nobody guessed."""
    factor = 7 + os.getpid() % 7
    numbers = [5, 3, 8, 1]
    given = _pairs(answer, numbers, factor)
    wanted = [factor * x for x in numbers]
    products = [product for _, product in given]
    expect(
        products == wanted,
        "the products are not those of numbers and factor, in the order of numbers. "
        "What does pool.map give back?",
    )
    pids = {pid for pid, _ in given}
    expect(
        os.getpid() not in pids,
        "the products are right, but they were computed in this process: the process ids say so.",
    )
    return f"{len(wanted)} products in order, and none was computed in this process."


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
    pairs = list(given) if isinstance(given, (list, tuple)) else []
    expect(
        bool(pairs) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs),
        "scaled must give a list of pairs, (process id, product), one for each number.",
    )
    return pairs


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


DEADLY = [-0.1, 0.3, 0.4, -0.2, 0.2]  # `fragile` dies of the negative ones


@exercise(
    "processes.crash",
    "Repair casualties(work, items): give the items that killed their process, and only those.",
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
    seconds=30.0,
)
def _crash(answer: Any) -> str:
    """Exactly the deadly items, every other one done once, and no process left."""
    timeline = Timeline()
    before = set(active_children())
    given = answer(timeline.wrap(fragile), list(DEADLY))
    expect(isinstance(given, list), "casualties must give a list of items.")
    innocent = [item for item in given if item not in DEADLY or item >= 0]
    expect(
        not innocent,
        "you accused items that killed nobody: they failed because another item's death "
        "broke the pool that they were in.",
    )
    deadly = [item for item in DEADLY if item < 0]
    expect(
        sorted(given) == sorted(deadly),
        f"{len(deadly)} of {len(DEADLY)} items kill their process; you did not notice all of "
        "them, or named one twice. Does your function go on after the first?",
    )
    done = [span for span in timeline.spans if span.outcome == "ok"]
    lives = len(DEADLY) - len(deadly)
    expect(
        len(done) == lives,
        f"each of the {lives} other items must be done once; {len(done)} calls ended well.",
    )
    left = set(active_children()) - before
    expect(not left, "some of your processes are still running: join them all.")
    return f"{len(deadly)} items killed their process, and the other {lives} were done anyway."


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
    """A pool that counts the bytes it is given to send, and the calls."""

    def __init__(self, pool: Executor) -> None:
        self.pool, self.bytes, self.calls = pool, 0, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.bytes += len(pickle.dumps((fn, args, kwargs)))
        self.calls += 1
        return self.pool.submit(fn, *args, **kwargs)


SIZE = 3_000_000
CHEAP = 1_000  # bytes that a name, a size and a function take at most


@exercise(
    "processes.shared",
    "Repair checked(block, size, pool): the same checksum from a worker, without sending bytes.",
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
    data = os.urandom(1000) * (SIZE // 1000)
    block = SharedMemory(create=True, size=SIZE)
    try:
        assert block.buf is not None
        block.buf[:SIZE] = data
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            billed = Billed(pool)
            given = answer(block, SIZE, billed)
        expect(given == checksum(data), "that is not the checksum of the first size bytes.")
        expect(billed.calls > 0, "the number is right, but the pool was not asked for it.")
        expect(
            billed.bytes <= CHEAP,
            f"the number is right, but more than {SIZE:_} bytes were pickled to get it. "
            "The worker can look at the block itself.",
        )
    finally:
        with suppress(BufferError):  # an answer that failed may still be looking at it
            block.close()
        block.unlink()
    return f"The right number for {SIZE:_} bytes, and fewer than {CHEAP:_} were pickled."
