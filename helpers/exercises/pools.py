"""The exercises of lesson 03b: workers that are prepared, who broke a pool, and shared memory."""

from __future__ import annotations

import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from mmap import mmap
from multiprocessing import active_children, get_context
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

from ..folders import temporary
from ..work import checksum, checksum_at, darken
from . import exercise, expect
from ._time_outs import calls_here, gave_up, time_outs_pass
from ._workers import ENDS, Mortal
from .processes import CHEAP, LATE, Billed, no_fork, started
from .start import as_list, short

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

spawn = get_context("spawn")

# ------------------------------------------------------------------ prepared

Table = Mapping[str, Any]


def looked_up(words: Sequence[str], table: Table) -> list[Any]:
    """A solution of `pools.prepared`: the table goes to each worker as it starts."""
    with ProcessPoolExecutor(2, mp_context=spawn, initializer=_prepare, initargs=(table,)) as pool:
        return list(pool.map(_look_up, words))


def looked_up_by_nobody(words: Sequence[str], table: Table) -> None:
    """The starter: nothing but the task."""


def looked_up_with_all(words: Sequence[str], table: Table) -> list[Any]:
    """The table travels with every word."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(_look_up_in, [table] * len(words), words))


_table: Table = {}  # of a worker


def _prepare(table: Table) -> None:
    global _table
    _table = table


def _look_up(word: str) -> Any:
    return _table[word]


def _look_up_in(table: Table, word: str) -> Any:
    return table[word]


class Meaning:
    """What stands in the table: knows which processes have sent it on, and how often this one."""

    def __init__(self, text: str, way: tuple[int, ...] = ()) -> None:
        self.text, self.way, self.sent = text, way, 0

    def __reduce__(self) -> Any:
        self.sent += 1
        return Meaning, (self.text, (*self.way, os.getpid()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Meaning) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text


WORDS = 500
ASKED = [f"word {n}" for n in (7, 499, 0, 7, 250, 31, 123, 42, 8, 400, 99, 311)]


@exercise(
    "pools.prepared",
    "Write looked_up(words, table): table[word] for each word, in order, looked up by two other "
    "processes; the table goes to each of them once at most.",
    hints=(
        "Each worker needs the table before its first word. What does a pool call in each worker "
        "as it starts?",
        "The module has a global variable, a function prepare(table) that sets it, and a function "
        "look_up(word) that uses it.",
        "ProcessPoolExecutor(2, mp_context=spawn, initializer=lookup.prepare, initargs=(table,)), "
        "then pool.map(lookup.look_up, words).",
    ),
    solution=looked_up,
    starter=looked_up_by_nobody,
    wrong=looked_up_with_all,
    says="was sent 12 times",
    seconds=30.0,
)
def _prepared(answer: Any) -> str:
    """Right, in order, from other processes, each of which got the table once at most."""
    for words, kind in ((ASKED, "meaning"), (ASKED[3:9], "another meaning")):
        _looked_up(answer, words, {f"word {n}": Meaning(f"{kind} {n}") for n in range(WORDS)})
    return f"{len(ASKED)} meanings, and {WORDS} went to each process once."


def _looked_up(answer: Any, words: list[str], table: dict[str, Meaning]) -> None:
    with no_fork(), started() as elsewhere:
        given = as_list(answer(list(words), table), "looked_up")
    expect(
        given == [table[word] for word in words],
        f"those are not the meanings of the words, in the order of words: {short(given)}.",
    )
    expect(
        all(meaning.way and meaning.way[-1] in elsewhere for meaning in given),
        "the meanings are right, but they were looked up in this process.",
    )
    sent = [meaning.sent for meaning in table.values()]
    expect(
        max(sent) <= len(elsewhere),
        f"the meanings are right, but the table, or a part of it, was sent {max(sent)} times to "
        f"{len(elsewhere)} processes.",
    )
    expect(
        min(sent) > 0 or max(sent) == 0,
        "the meanings are right, but the processes did not get the table: you looked the words up "
        "before you sent them.",
    )
    expect(
        len(elsewhere) > 1,
        "the meanings are right, but only one process was started for them.",
    )
    mine = [process for process in elsewhere.values() if "Manager" not in process.name]
    expect(
        len(mine) <= 2,
        "the meanings are right, but more than two processes were started for them.",
    )


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


ITEMS = [0.05, -3, 0.2, -1, 0.0, 0.2, -4, 0.1, -2]  # the negative ones kill


@exercise(
    "pools.crash",
    "Repair casualties(work, items): a list of the items that killed their process, in whatever "
    "way, each as often as it did, and only those; every other item is begun and done exactly "
    "once, and no process is left.",
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
    seconds=120.0,
)
def _crash(answer: Any) -> str:
    """Exactly the deadly items, every other one done once, and no process left.

    Then one takes longer than all of that, so whoever waits for some time is mistaken.
    """
    began = time.monotonic()
    _killed_by(answer, ITEMS)
    longer = min(time.monotonic() - began, LONGEST) + 0.5
    _killed_by(answer, [longer, -4, 0.1, -4, longer + 0.5], under_way=longer)
    deadly = sum(item in ENDS for item in ITEMS)
    return f"{deadly} items killed their process, and the other {len(ITEMS) - deadly} were done."


LONGEST = 6.0  # seconds; all items are done in one, or in some if it is one after the other


def _killed_by(answer: Any, items: list[float], under_way: float = 0.0) -> None:
    deadly = [item for item in items if item in ENDS]
    before = set(active_children())
    with temporary("crash") as folder:
        work = Mortal(folder, under_way)
        with time_outs_pass() as cut:
            given = as_list(answer(work, list(items)), "casualties")
        done, left = work.noted("done"), set(active_children()) - before
        for process in left:
            process.join(LAST_GRACE)
        again = work.noted("begun") - Counter(items)
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
        f"them, or named one twice.{_how_missed(missed)} Does your function go on after the first?"
        + gave_up(cut),
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
    expect(
        not again,
        f"{short(*again)} was begun again: once in a process that did not come to its end, as "
        "another item's death broke the pool. What it did there is done twice.",
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
        with calls_here(zlib, "adler32") as called:  # what work.checksum is made of
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
            not billed.was_told(given),
            "the number is right, and you have computed it here before you sent it.",
        )
        expect(
            any(str(given) in repr(result) for result in billed.results()),
            "the number is right, and the pool was asked for something, but not for that number.",
        )
        expect(
            not called,
            "the number is right, and it was computed here, too. Leave that to the worker.",
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


# --------------------------------------------------------------------- numpy


def darkened(photo: Picture, pool: Executor) -> Picture:
    """A solution of `pools.numpy`: one block, of which each worker changes its rows in place."""
    import numpy as np

    block = SharedMemory(create=True, size=photo.nbytes)
    try:
        shared = np.ndarray(photo.shape, photo.dtype, block.buf)
        shared[:] = photo
        half, rows = len(photo) // 2, len(photo)
        parts = [(0, half), (half, rows)]
        for end in [pool.submit(darken, block.name, photo.shape, *part) for part in parts]:
            end.result()
        dark = shared.copy()
        del shared
    finally:
        block.close()
        block.unlink()
    return dark


def darkened_by_nobody(photo: Picture, pool: Executor) -> None:
    """The starter: nothing but the task."""


def darkened_and_left(photo: Picture, pool: Executor) -> Picture:
    """Right, and the block stays."""
    import numpy as np

    block = SharedMemory(create=True, size=photo.nbytes)
    shared = np.ndarray(photo.shape, photo.dtype, block.buf)
    shared[:] = photo
    half, rows = len(photo) // 2, len(photo)
    for part in [(0, half), (half, rows)]:
        pool.submit(darken, block.name, photo.shape, *part).result()
    dark = shared.copy()
    del shared
    block.close()
    return dark


EACH = 300  # bytes that a call takes at most: a name, a shape and numbers of rows
HALVES = ("floor_divide", "divide", "right_shift")  # in which ways a photo gets darker
SHAPES = [(301, 200, 3), (7, 5)]


@exercise(
    "pools.numpy",
    "Write darkened(photo, pool): a new array, photo // 2, of which workers of pool have computed "
    "the rows in two parts or more, in one block of shared memory; no block is left.",
    hints=(
        "The block must be as large as the photo, which has photo.nbytes bytes. How does an array "
        "look into it?",
        "np.ndarray(photo.shape, photo.dtype, block.buf) is an array over the block. Copy the "
        "photo into it, and hand work.darken the name of the block, the shape and some rows.",
        "When all futures have their result, copy the array: dark = shared.copy(). Then del shared,"
        " block.close() and block.unlink().",
    ),
    solution=darkened,
    starter=darkened_by_nobody,
    wrong=darkened_and_left,
    says="is still there",
    seconds=30.0,
)
def _numpy(answer: Any) -> str:
    """The right array, of its own, by small messages to the pool, and no block left behind."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for shape in SHAPES:
            _one_photo(answer, shape, pool)
    return f"{len(SHAPES)} photos, each by workers that were sent a name, a shape and some rows."


def _one_photo(answer: Any, shape: tuple[int, ...], pool: Executor) -> None:
    import numpy as np

    photo = np.random.default_rng().integers(1, 256, shape, np.uint8)
    before, billed = photo.copy(), Billed(pool, LATE)  # else who does not wait may be lucky
    halved: list[str] = []

    class Seen(np.ndarray):
        """A photo that knows what is computed from it here; sent on, it is any array."""

        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
            if ufunc.__name__ in HALVES:
                halved.append(ufunc.__name__)
            if "out" in kwargs:
                kwargs["out"] = tuple(map(_plain, kwargs["out"]))
            return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)

        def __reduce__(self) -> Any:
            return np.asarray(self).__reduce__()

    def _plain(each: Any) -> Any:
        return each.view(np.ndarray) if isinstance(each, Seen) else each

    with _blocks() as blocks:
        given = answer(photo.view(Seen), billed)
        expect(given is not None, "darkened returned nothing. Is there a return at its end?")
        expect(
            isinstance(given, np.ndarray),
            f"darkened must return an array, and returned a {type(given).__name__}.",
        )
        expect(
            not _looks_into_a_block(given),
            "your array looks into the block, whose memory is gone once it is closed. Return a "
            "copy of it.",
        )
        expect(
            given.shape == shape and bool((given == before // 2).all()),
            "that is not photo // 2. Were all rows computed, each of them once, before you copied?",
        )
        expect(
            given.dtype == photo.dtype,
            f"photo // 2 is an array of {photo.dtype}, as photo is, and yours is one of "
            f"{given.dtype}.",
        )
        expect(bool((photo == before).all()), "the photo itself has changed; make a new array.")
        expect(
            not halved,
            "the array is right, and it was computed here, too. Leave that to the workers.",
        )
        done = [future for future in billed.futures if not future.exception()]
        rows = [
            range(*args[2:4]) for call, args, named in billed.calls if call is darken and not named
        ]
        expect(
            len(done) >= 2,
            f"the array is right, but {len(done)} calls went through the pool. Hand out two parts "
            "or more.",
        )
        expect(
            len(rows) < len(done) or {n for part in rows for n in part} == set(range(len(photo))),
            "the array is right, but the workers were not told to compute all of its rows.",
        )
        expect(
            len(rows) < len(done) or sum(map(bool, rows)) > 1,
            "the array is right, but all of its rows are in one part.",
        )
        expect(
            billed.bytes <= CHEAP + EACH * len(billed.futures),
            f"the array is right, but some {round(billed.bytes, -3):_} bytes were pickled to get "
            "it. The workers can change their rows in the block.",
        )
        expect(bool(blocks), "the array is right, but you made no block of shared memory.")
        left = [block for block in blocks if _is_there(block.name)]
        expect(
            not left,
            "the array is right, but its block is still there. Whoever makes one has to unlink it.",
        )
        expect(
            all(block.buf is None for block in blocks),
            "the array is right, but you have not closed the block.",
        )


@contextmanager
def _blocks() -> Iterator[list[SharedMemory]]:
    """The blocks that are made here meanwhile; those that are left go."""
    made: list[SharedMemory] = []
    begin = SharedMemory.__init__

    def noted(self: SharedMemory, *args: Any, **named: Any) -> None:
        begin(self, *args, **named)
        if named.get("create") or True in args[1:2]:
            made.append(self)

    SharedMemory.__init__ = noted  # type: ignore[method-assign]
    try:
        yield made
    finally:
        SharedMemory.__init__ = begin  # type: ignore[method-assign]
        for block in made:
            with suppress(BufferError):
                block.close()
            with suppress(FileNotFoundError):
                block.unlink()


def _looks_into_a_block(array: Any) -> bool:
    """Whether its bytes are those of somebody's buffer; not to be read if so."""
    base = array
    while getattr(base, "base", None) is not None:
        base = base.base
    return isinstance(base, (memoryview, mmap))
