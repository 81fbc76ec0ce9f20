"""Answers to the exercises of lessons 03 and 03b, in a module that new processes can import."""

from __future__ import annotations

import multiprocessing
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.managers import SharedMemoryManager
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from helpers.work import checksum, checksum_at, checksum_of_part, darken, times

spawn = get_context("spawn")
forking = get_context("fork") if "fork" in multiprocessing.get_all_start_methods() else None
Pairs = list[tuple[int, int]]

# -------------------------------------------------------------------- module


def as_they_come(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: sorted by the product, whatever the order of the numbers."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return sorted(pool.map(partial(times, factor), numbers), key=lambda pair: pair[1])


def forked(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: only a fork has the function inside this one."""
    pipe, end = get_context("spawn").Pipe()

    def worker() -> None:
        end.send([(os.getpid(), factor * x) for x in numbers])

    assert forking is not None
    process = forking.Process(target=worker)
    process.start()
    pairs: Pairs = pipe.recv()
    process.join()
    return pairs


def forks_itself(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: os.fork, by hand."""
    read, write = os.pipe()
    try:
        if os.fork() == 0:
            os.write(write, repr([(os.getpid(), factor * x) for x in numbers]).encode())
            os._exit(0)
        return list(eval(os.read(read, 10_000)))
    finally:
        os.close(read)
        os.close(write)


def a_lambda(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: a lambda has no name."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(lambda x: times(factor, x), numbers))


def in_threads(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: a thread can call anything, in this process."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(partial(times, factor), numbers))


def pairs_of_twos(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: two at a time, and an odd one is lost."""
    pairs: Pairs = []
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for two in zip(*[iter(numbers)] * 2, strict=False):
            pairs += pool.map(partial(times, factor), two)
    return pairs


def without_twins(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: a number that stands there twice has one future."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = {x: pool.submit(times, factor, x) for x in numbers}
        return [future.result() for future in futures.values()]


def products_only(numbers: Sequence[int], factor: int) -> list[int]:
    """Wrong: who computed it is missing."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return [product for _, product in pool.map(partial(times, factor), numbers)]


def lazily(numbers: Sequence[int], factor: int) -> Iterator[tuple[int, int]]:
    """Wrong: what map gives is no list."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return pool.map(partial(times, factor), numbers)


def forgets_to_return(numbers: Sequence[int], factor: int) -> None:
    """Wrong: nothing is returned."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        list(pool.map(partial(times, factor), numbers))


def makes_up_an_id(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: no such process was started."""
    return [(os.getpid() + 1, factor * x) for x in numbers]


def ids_as_words(numbers: Sequence[int], factor: int) -> Any:
    """Wrong: a number in quotes is no number."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return [(str(pid), y) for pid, y in pool.map(partial(times, factor), numbers)]


def ids_of_others(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: a process tells its id, and the products are computed here."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        pid = pool.submit(os.getpid).result()
        return [(pid, factor * x) for x in numbers]


def by_futures(numbers: Sequence[int], factor: int) -> Pairs:
    """Right: a future for each number, in their order."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return [f.result() for f in [pool.submit(times, factor, x) for x in numbers]]


def multiplies_here_too(numbers: Sequence[int], factor: int) -> Pairs:
    """Wrong: the ids come from the workers, and it checks their products by doing them again."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        pairs = list(pool.map(partial(times, factor), numbers))
    assert [product for _, product in pairs] == [factor * x for x in numbers]
    return pairs


def starmap(numbers: Sequence[int], factor: int) -> Pairs:
    """Right: the pool of multiprocessing."""
    with spawn.Pool(2) as pool:
        return pool.starmap(times, [(factor, x) for x in numbers])


def by_the_default_context(numbers: Sequence[int], factor: int) -> Pairs:
    """Right: whatever the start method is, its worker can be imported."""
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(times, [factor] * len(numbers), numbers))


def send_product(end: Any, factor: int, x: int) -> None:
    end.send(times(factor, x))
    end.close()


def a_process_for_each(numbers: Sequence[int], factor: int) -> Pairs:
    """Right: no pool, a process and a pipe for each number."""
    pipes = [spawn.Pipe(duplex=False) for _ in numbers]
    processes = [
        spawn.Process(target=send_product, args=(end, factor, x))
        for (_, end), x in zip(pipes, numbers, strict=True)
    ]
    for process in processes:
        process.start()
    pairs = [pipe.recv() for pipe, _ in pipes]
    for process in processes:
        process.join()
    return pairs


_factor = 0


def remember(factor: int) -> None:
    global _factor
    _factor = factor


def by_what_it_remembers(x: int) -> tuple[int, int]:
    return os.getpid(), _factor * x


def factor_by_initializer(numbers: Sequence[int], factor: int) -> Pairs:
    """Right: each process is told the factor as it starts."""
    with ProcessPoolExecutor(2, mp_context=spawn, initializer=remember, initargs=(factor,)) as pool:
        return list(pool.map(by_what_it_remembers, numbers))


# --------------------------------------------------------------------- ended


def begun(work: Callable[[Any], Any], item: Any) -> Any:
    process = spawn.Process(target=work, args=(item,))
    process.start()
    return process


def not_looked_at(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: killed, and perhaps still there."""
    process = begun(work, item)
    process.join(seconds)
    code = process.exitcode
    process.kill()
    return code


def waits_to_the_end(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: waits for so long, and then for as long as it takes."""
    process = begun(work, item)
    process.join(seconds)
    late = process.is_alive()
    process.join()
    return None if late else process.exitcode


def code_of_the_kill(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: the exit code tells of our own signal."""
    process = begun(work, item)
    process.join(seconds)
    process.terminate()
    process.join()
    return process.exitcode


def zero_is_false(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: 0 is an exit code, and false."""
    process = begun(work, item)
    process.join(seconds)
    if not process.exitcode:
        process.kill()
        process.join()
        return None
    return process.exitcode


def too_early(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: nobody has waited yet."""
    process = begun(work, item)
    code = process.exitcode
    process.join(seconds)
    process.kill()
    process.join()
    return code


def no_signals(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: a process that a signal has ended has an exit code below 0."""
    process = begun(work, item)
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode if process.exitcode >= 0 else None


def called_here(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: the work is done before the process is made."""
    process = spawn.Process(target=work(item))
    process.start()
    process.join(seconds)
    return process.exitcode


def whole_seconds(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: a part of a second is no time at all."""
    return by_sentinel(work, item, int(seconds))


def zero_as_false(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: False is no exit code, although it is equal to one."""
    code = by_sentinel(work, item, seconds)
    return False if code == 0 else code


def waits_twice(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: who is late gets the time once more."""
    process = begun(work, item)
    process.join(seconds)
    if process.exitcode is None:
        process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode


def sleeps_after_the_join(work: Any, item: Any, seconds: float) -> Any:
    """Wrong: the same, asleep."""
    process = begun(work, item)
    process.join(seconds)
    time.sleep(seconds if process.is_alive() else 0)
    code = process.exitcode
    process.kill()
    process.join()
    return code


def joins_until_the_end(work: Any, item: Any, seconds: float) -> Any:
    """Right: many short waits, of so many seconds together; and a patient one after the kill."""
    process = begun(work, item)
    last = time.monotonic() + seconds
    while process.is_alive() and (left := last - time.monotonic()) > 0:
        process.join(min(0.05, left))
    if process.exitcode is not None:
        return process.exitcode
    process.kill()
    process.join(60)
    return None


def by_sentinel(work: Any, item: Any, seconds: float) -> Any:
    """Right: wait for what the system says of its end."""
    process = begun(work, item)
    in_time = bool(wait([process.sentinel], seconds))
    if not in_time:
        process.terminate()
    process.join()
    return process.exitcode if in_time else None


def looks_again_and_again(work: Any, item: Any, seconds: float) -> Any:
    """Right: no join at all, before the end or after it."""
    process = begun(work, item)
    last = time.monotonic() + seconds
    while process.is_alive() and time.monotonic() < last:
        time.sleep(0.01)
    code = process.exitcode
    while process.is_alive():
        process.kill()
        time.sleep(0.01)
    return code


# ---------------------------------------------------------------------- bill

Parts = Sequence[tuple[int, int]]


def as_numbers(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: a list of numbers is longer than the bytes it stands for."""
    return list(pool.map(checksum_of_numbers, [list(data[a:b]) for a, b in parts]))


def checksum_of_numbers(numbers: list[int]) -> int:
    return checksum(bytes(numbers))


def from_the_beginning(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: what stands before a part is sent, too."""
    sent = [(data[:last], (first, last)) for first, last in parts]
    return list(pool.map(checksum_of_part, *zip(*sent, strict=True))) if sent else []


def as_they_end(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: in the order in which they are done."""
    futures = [pool.submit(checksum, data[first:last]) for first, last in parts]
    return [future.result() for future in as_completed(futures)]


def views(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: a memoryview has nothing to pickle."""
    look = memoryview(data)
    return list(pool.map(checksum, [look[first:last] for first, last in parts]))


def by_part(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: a part that stands there twice has one future."""
    futures = {part: pool.submit(checksum, data[part[0] : part[1]]) for part in parts}
    return [future.result() for future in futures.values()]


def sent_for_a_walk(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: computed here, and then sent to a worker who sends it back."""
    return list(pool.map(same, [checksum(data[first:last]) for first, last in parts]))


def asks_and_computes(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Wrong: the pool is asked, and what it gives is thrown away."""
    list(pool.map(checksum, [data[first:last] for first, last in parts]))
    return [checksum_of_part(data, part) for part in parts]


def all_in_one(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Right: one trip for all parts."""
    cut = [data[first:last] for first, last in parts]
    return list(pool.submit(checksums_of, cut).result())


def checksums_of(pieces: list[bytes]) -> list[int]:
    return [checksum(piece) for piece in pieces]


def by_a_block(data: bytes, parts: Parts, pool: Executor) -> list[int]:
    """Right: the data is copied into shared memory, and nothing but names is sent."""
    block = SharedMemory(create=True, size=len(data))
    try:
        assert block.buf is not None
        block.buf[: len(data)] = data
        ends = [pool.submit(checksum_between, block.name, first, last, 1) for first, last in parts]
        return [end.result() for end in ends]
    finally:
        block.close()
        block.unlink()


# --------------------------------------------------------------------- album

Make = Callable[[str], bytes]


def by_threads(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: at the same time, and all in this process."""
    with ThreadPoolExecutor(2) as pool:
        futures = {path: pool.submit(make, path) for path in paths}
    return {path: str(f.exception() or "") or f.result() for path, f in futures.items()}


def by_one_process(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: there is nobody to be at work with."""
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        futures = {path: pool.submit(make, path) for path in paths}
    return {path: str(f.exception() or "") or f.result() for path, f in futures.items()}


def the_exceptions_themselves(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: an exception is not its text."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = {path: pool.submit(make, path) for path in paths}
    return {path: f.exception() or f.result() for path, f in futures.items()}


def tries_again(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: who fails is asked twice."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = {path: pool.submit(make, path) for path in paths}
        wait_for(futures.values())
        again = {path: pool.submit(make, path) for path, f in futures.items() if f.exception()}
    futures |= again
    return {path: str(f.exception() or "") or f.result() for path, f in futures.items()}


def only_what_succeeds(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: the complaints are missing."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = {path: pool.submit(make, path) for path in paths}
    return {path: f.result() for path, f in futures.items() if not f.exception()}


def one_kind_of_error(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: make may raise other exceptions."""
    found: dict[str, Any] = {}
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for path, future in {path: pool.submit(make, path) for path in paths}.items():
            try:
                found[path] = future.result()
            except RuntimeError as error:
                found[path] = str(error)
    return found


def for_three_seconds(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Wrong: what takes longer is given up."""
    found: dict[str, Any] = {}
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for path, future in {path: pool.submit(make, path) for path in paths}.items():
            try:
                found[path] = future.result(timeout=3)
            except Exception as error:
                found[path] = str(error)
    return found


def made_or_said(make: Make, path: str) -> bytes | str:
    try:
        return make(path)
    except Exception as error:
        return str(error)


def by_a_careful_worker(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Right: the worker catches, so map comes to its end."""
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        return dict(zip(paths, pool.map(partial(made_or_said, make), paths), strict=True))


def by_the_older_pool(make: Make, paths: Sequence[str]) -> dict[str, Any]:
    """Right: the pool of multiprocessing, asked for each result."""
    found: dict[str, Any] = {}
    with spawn.Pool(2) as pool:
        results = [(path, pool.apply_async(make, (path,))) for path in paths]
        for path, result in results:
            try:
                found[path] = result.get()
            except Exception as error:
                found[path] = str(error)
    return found


# --------------------------------------------------------------------- crash

Work = Callable[[float], Any]


def ended(work: Work, items: Sequence[float]) -> list[tuple[float, Any]]:
    """A process for each item, all of which have ended."""
    processes = [spawn.Process(target=work, args=(item,)) for item in items]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return list(zip(items, processes, strict=True))


def knows_one_signal(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: only SIGKILL is a death."""
    return [item for item, process in ended(work, items) if process.exitcode == -9]


def signals_only(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: a process can also die with an exit code above 0."""
    return [item for item, process in ended(work, items) if process.exitcode < 0]


def stops_at_the_first(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: the pool breaks at the first death, and that is the end."""
    for item in items:
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            if pool.submit(work, item).exception():
                return [item]
    return []


def whole_pool_again(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: who was in a broken pool is done once more, and some had been done."""
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        futures = [pool.submit(work, item) for item in items]
    if not any(future.exception() for future in futures):
        return []
    return [item for item, process in ended(work, items) if process.exitcode != 0]


def a_process_for_each_different(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: of two equal items the first process is forgotten."""
    processes = {}
    for item in items:
        processes[item] = spawn.Process(target=work, args=(item,))
        processes[item].start()
    for process in processes.values():
        process.join()
    return [item for item, process in processes.items() if process.exitcode]


def who_failed_again(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: what the broken pool has begun is begun once more."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = [pool.submit(work, item) for item in items]
    failed = [item for item, f in zip(items, futures, strict=True) if f.exception()]
    return [item for item in failed if ended(work, [item])[0][1].exitcode]


def joins_the_last(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: nobody waits for the processes that are not deadly."""
    slow = spawn.Process(target=wait_on, args=(1.0,))
    slow.start()
    return [item for item, process in ended(work, items) if process.exitcode != 0]


def wait_on(seconds: float) -> None:
    from helpers.work import wait

    wait(seconds)


def kills_them_late(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: gives up on a process after a moment, and takes it for dead."""
    killed = []
    for item in items:
        process = spawn.Process(target=work, args=(item,))
        process.start()
        process.join(0.01)
        if process.exitcode != 0:
            killed.append(item)
            process.kill()
        process.join()
    return killed


def without_trying(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: the negative ones are known to kill."""
    return [item for item in items if item < 0]


def sleeps(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: what takes longer than some seconds is not waited for."""
    processes = [spawn.Process(target=work, args=(item,)) for item in items]
    for process in processes:
        process.start()
    time.sleep(2)
    return [item for item, process in zip(items, processes, strict=True) if process.exitcode]


def joins_for_a_second(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: whoever has not ended in a second has no exit code, and is accused."""
    processes = [spawn.Process(target=work, args=(item,)) for item in items]
    for process in processes:
        process.start()
    for process in processes:
        process.join(1)
    return [item for item, process in zip(items, processes, strict=True) if process.exitcode != 0]


def all_but_the_last(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: the last one is not waited for."""
    processes = [spawn.Process(target=work, args=(item,)) for item in items]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes[:-1]):
        time.sleep(0.01)
    return [item for item, process in zip(items, processes, strict=True) if process.exitcode]


def args_is_the_item(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: args wants a tuple."""
    return [item for item in items if spawn.Process(target=work, args=item).exitcode]  # type: ignore[arg-type]


def calls_it_here(work: Work, items: Sequence[float]) -> list[float]:
    """Wrong: the target is what the call gave back, if this process is still there."""
    return [item for item in items if spawn.Process(target=work(item)).exitcode]


def gives_a_set(work: Work, items: Sequence[float]) -> set[float]:
    """Wrong: a set is no list."""
    return {item for item, process in ended(work, items) if process.exitcode != 0}


def one_by_one(work: Work, items: Sequence[float]) -> list[float]:
    """Right: one after the other."""
    return [item for item in items if ended(work, [item])[0][1].exitcode]


def a_pool_for_each(work: Work, items: Sequence[float]) -> list[float]:
    """Right: a pool of one for each item, which breaks or does not."""
    killed = []
    for item in items:
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            try:
                pool.submit(work, item).result()
            except BrokenProcessPool:
                killed.append(item)
    return killed


def three_threads_who_watch(work: Work, items: Sequence[float]) -> list[float]:
    """Right: a thread watches a process, three at a time."""
    with ThreadPoolExecutor(3) as pool:
        codes = pool.map(lambda item: ended(work, [item])[0][1].exitcode, items)
        return [item for item, code in zip(items, codes, strict=True) if code]


def by_their_sentinels(work: Work, items: Sequence[float]) -> list[float]:
    """Right: in the order of their deaths."""
    running = {}
    for item in items:
        process = spawn.Process(target=work, args=(item,))
        process.start()
        running[process.sentinel] = item, process
    killed = []
    while running:
        for sentinel in wait(list(running)):
            item, process = running.pop(sentinel)  # type: ignore[arg-type]
            process.join()
            if process.exitcode:
                killed.append(item)
    return killed


def from_the_last(work: Work, items: Sequence[float]) -> list[float]:
    """Right: in whatever order."""
    return [item for item, process in reversed(ended(work, items)) if process.exitcode != 0]


# -------------------------------------------------------------------- shared


def the_whole_block(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Wrong: the block may be longer than size."""
    return pool.submit(checksum_at, block.name, block.size).result()


def bytes_at(name: str, size: int) -> bytes:
    block = SharedMemory(name)
    try:
        assert block.buf is not None
        return bytes(block.buf[:size])
    finally:
        block.close()


def fetches_the_bytes(block: SharedMemory, size: int, pool: Executor) -> int:
    """Wrong: the bytes come back, to be counted here."""
    return checksum(pool.submit(bytes_at, block.name, size).result())


def asks_for_something(block: SharedMemory, size: int, pool: Executor) -> int:
    """Wrong: the number is computed here, while the pool does something else."""
    pool.submit(len, block.name).result()
    assert block.buf is not None
    return checksum(bytes(block.buf[:size]))


def gives_the_future(block: SharedMemory, size: int, pool: Executor) -> Future[int]:
    """Wrong: the place for a number is no number."""
    return pool.submit(checksum_at, block.name, size)


def checksum_and_unlink(name: str, size: int) -> int:
    number = checksum_at(name, size)
    block = SharedMemory(name)
    block.close()
    block.unlink()
    return number


def unlinks(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Wrong: the worker removes what is not its own."""
    return pool.submit(checksum_and_unlink, block.name, size).result()


def in_pieces(block: SharedMemory, size: int, pool: Executor) -> int:
    """Wrong: in small pieces, the bytes are sent all the same."""
    assert block.buf is not None
    number = 1
    for first in range(0, size, 500_000):
        piece = bytes(block.buf[first : min(first + 500_000, size)])
        number = pool.submit(zlib.adler32, piece, number).result()
    return number


def one_size(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Wrong: it knows the size of the lesson's block."""
    return pool.submit(checksum_at, block.name, 3_000_000).result()


def sum_and_clear(name: str, size: int) -> int:
    block = SharedMemory(name)
    try:
        assert block.buf is not None
        number = checksum(bytes(block.buf[:size]))
        block.buf[:size] = bytes(size)
        return number
    finally:
        block.close()


def clears(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Wrong: the right number, and nothing is left of the bytes."""
    return pool.submit(sum_and_clear, block.name, size).result()


def closes(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Wrong: closes what somebody else has opened."""
    number = pool.submit(checksum_at, block.name, size).result()
    block.close()
    return number


def echoed(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Wrong: computed here, and sent to a worker who sends it back."""
    assert block.buf is not None
    with block.buf[:size] as data:
        number = checksum(data)
    return pool.submit(same, number).result()


def by_map(block: SharedMemory, size: int, pool: Executor) -> int:
    """Right: map with one element in each line."""
    return next(iter(pool.map(checksum_at, [block.name], [size])))


def checksum_of_block(block: SharedMemory, size: int) -> int:
    assert block.buf is not None
    with block.buf[:size] as data:
        return checksum(data)


def sends_the_block(block: SharedMemory, size: int, pool: Executor) -> Any:
    """Right: a pickled block is its name, and is opened again."""
    return pool.submit(checksum_of_block, block, size).result()


def checksum_between(name: str, first: int, last: int, number: int) -> int:
    block = SharedMemory(name)
    try:
        assert block.buf is not None
        with block.buf[first:last] as data:
            return zlib.adler32(data, number)
    finally:
        block.close()


def piece_by_piece(block: SharedMemory, size: int, pool: Executor) -> int:
    """Right: the worker looks at a million bytes at a time, each sum goes on with the last one."""
    number = 1
    for first in range(0, size, 1_000_000):
        last = min(first + 1_000_000, size)
        number = pool.submit(checksum_between, block.name, first, last, number).result()
    return number


def checksum_and_pid(name: str, size: int) -> tuple[int, int]:
    return os.getpid(), checksum_at(name, size)


def with_its_pid(block: SharedMemory, size: int, pool: Executor) -> int:
    """Right: the worker says more than it was asked."""
    _, number = pool.submit(checksum_and_pid, block.name, size).result()
    return number


# ------------------------------------------------------------------ prepared

Meanings = Mapping[str, Any]
_table: Meanings = {}


def keep(table: Meanings) -> None:
    global _table
    _table = table


def look_up(word: str) -> Any:
    return _table[word]


def look_up_in(table: Meanings, word: str) -> Any:
    return table[word]


def same(x: Any) -> Any:
    return x


def with_every_word(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: a partial is pickled with all that is in it."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(partial(look_up_in, table), words))


def looked_up_here(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: no process."""
    return [table[word] for word in words]


def sends_meanings(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: looked up here, and taken for a walk."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(same, [table[word] for word in dict.fromkeys(words)]))


def walks_of_meanings(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: the same, each meaning once."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        walked = dict(zip(words, pool.map(same, [table[w] for w in words]), strict=True))
        return [walked[word] for word in words]


def prepared_here(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: the initializer prepares this process, which has no use for it."""
    keep(table)
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(look_up, words))


_pools: list[ProcessPoolExecutor] = []


def the_pool_of_before(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: its workers have the table of the first call."""
    if not _pools:
        _pools.append(ProcessPoolExecutor(2, mp_context=spawn, initializer=keep, initargs=(table,)))
        return list(_pools[0].map(look_up, words))
    with _pools.pop() as pool:
        return list(pool.map(look_up, words))


def one_worker(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: nobody shares the work."""
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=keep, initargs=(table,)) as pool:
        return list(pool.map(look_up, words))


def two_for_each_pair(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: two new processes for every four words."""
    found: list[Any] = []
    for first in range(0, len(words), 4):
        with ProcessPoolExecutor(2, mp_context=spawn, initializer=keep, initargs=(table,)) as pool:
            found += pool.map(look_up, words[first : first + 4])
    return found


def copied_by_fork(words: Sequence[str], table: Meanings) -> list[Any]:
    """Wrong: only a fork has what was kept here."""
    keep(table)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        return list(pool.map(look_up, words))


def two_chunks(words: Sequence[str], table: Meanings) -> list[Any]:
    """Right: the table goes along with each half of the words."""
    half = -(-len(words) // 2)
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        return list(pool.map(partial(look_up_in, table), words, chunksize=half))


def look_up_all(pipe: Any, table: Meanings) -> None:
    for word in iter(pipe.recv, None):
        pipe.send(table[word])


def two_with_pipes(words: Sequence[str], table: Meanings) -> list[Any]:
    """Right: no pool; each has a pipe and gets every other word."""
    pipes = [spawn.Pipe() for _ in range(2)]
    ends = [spawn.Process(target=look_up_all, args=(there, table)) for _, there in pipes]
    for each in ends:
        each.start()
    found = []
    for n, word in enumerate(words):
        pipes[n % 2][0].send(word)
        found.append(pipes[n % 2][0].recv())
    for (here, _), each in zip(pipes, ends, strict=True):
        here.send(None)
        each.join()
    return found


# --------------------------------------------------------------------- numpy


def shared_array(photo: Any) -> tuple[SharedMemory, Any]:
    block = SharedMemory(create=True, size=photo.nbytes)
    array = np.ndarray(photo.shape, photo.dtype, block.buf)
    array[:] = photo
    return block, array


def gives_a_view(photo: Any, pool: Executor) -> Any:
    """Wrong: the array looks into a block that is closed."""
    block, array = shared_array(photo)
    for part in [(0, 3), (3, len(photo))]:
        pool.submit(darken, block.name, photo.shape, *part).result()
    block.close()
    block.unlink()
    return array


def in_one_part(photo: Any, pool: Executor) -> Any:
    """Wrong: one worker does everything."""
    block, array = shared_array(photo)
    pool.submit(darken, block.name, photo.shape, 0, len(photo)).result()
    dark = array.copy()
    del array
    block.close()
    block.unlink()
    return dark


def does_not_wait(photo: Any, pool: Executor) -> Any:
    """Wrong: copied before the workers have done their part."""
    block, array = shared_array(photo)
    parts = [(0, 3), (3, len(photo))]
    ends = [pool.submit(darken_late, block.name, photo.shape, *part) for part in parts]
    dark = array.copy()
    wait_for(ends)
    del array
    block.close()
    block.unlink()
    return dark


def darken_late(name: str, shape: tuple[int, ...], first: int, last: int) -> None:
    time.sleep(0.1)
    darken(name, shape, first, last)


def sends_rows(photo: Any, pool: Executor) -> Any:
    """Wrong: rows are sent, and come back."""
    half = len(photo) // 2
    return np.concatenate(list(pool.map(halved, [photo[:half], photo[half:]])))


def halved(rows: Any) -> Any:
    return rows // 2


def overlapping(photo: Any, pool: Executor) -> Any:
    """Wrong: a row in the middle belongs to both parts."""
    block, array = shared_array(photo)
    half = len(photo) // 2
    for part in [(0, half + 1), (half, len(photo))]:
        pool.submit(darken, block.name, photo.shape, *part).result()
    dark = array.copy()
    del array
    block.close()
    block.unlink()
    return dark


def checked_twice(block: SharedMemory, size: int, pool: Executor) -> int:
    """Wrong: the worker computes it, and so does whoever asked, to be sure."""
    result = pool.submit(checksum_at, block.name, size).result()
    assert block.buf is not None
    with block.buf[:size] as data:
        assert result == checksum(data)
    return int(result)


def darkened_twice(photo: Any, pool: Executor) -> Any:
    """Wrong: what the workers have computed is thrown away."""
    darkened_in(photo, pool, (0, len(photo) // 2), (len(photo) // 2, len(photo)))
    return photo // 2


def darkened_in(photo: Any, pool: Executor, *parts: tuple[int, int]) -> Any:
    """These parts by the workers, and all others here."""
    block, array = shared_array(photo)
    mine = np.ones(len(photo), bool)
    for first, last in parts:
        pool.submit(darken, block.name, photo.shape, first, last).result()
        mine[first:last] = False
    array[mine] //= 2
    dark = array.copy()
    del array
    block.close()
    block.unlink()
    return dark


def half_here(photo: Any, pool: Executor) -> Any:
    """Wrong: the workers compute one half, in two parts, and the other one is computed here."""
    half = len(photo) // 2
    return darkened_in(photo, pool, (0, half // 2), (half // 2, half))


def nothing_for_one(photo: Any, pool: Executor) -> Any:
    """Wrong: a part without rows is no part."""
    return darkened_in(photo, pool, (0, len(photo)), (0, 0))


def of_floats(photo: Any, pool: Executor) -> Any:
    """Wrong: the right numbers, of another type."""
    return darkened_in(photo, pool, (0, 3), (3, len(photo))).astype(float)


def row_by_row(photo: Any, pool: Executor) -> Any:
    """Right: bytes are copied out of the block, and an array is made of them."""
    block, array = shared_array(photo)
    del array
    steps = range(0, len(photo), max(1, len(photo) // 5))
    parts = [(first, min(first + steps.step, len(photo))) for first in steps]
    wait_for([pool.submit(darken, block.name, photo.shape, *part) for part in parts])
    assert block.buf is not None
    dark = np.frombuffer(bytes(block.buf[: photo.nbytes]), np.uint8).reshape(photo.shape)
    block.close()
    block.unlink()
    return dark


def halve_into(source: str, target: str, shape: tuple[int, ...], first: int, last: int) -> None:
    blocks = [SharedMemory(name) for name in (source, target)]
    before, after = (np.ndarray(shape, np.uint8, block.buf) for block in blocks)
    after[first:last] = before[first:last] >> 1
    del before, after
    for block in blocks:
        block.close()


def from_block_to_block(photo: Any, pool: Executor) -> Any:
    """Right: one block to read from, another one to write to."""
    with SharedMemoryManager(ctx=spawn) as manager:
        source, target = (manager.SharedMemory(photo.nbytes) for _ in range(2))
        array = np.ndarray(photo.shape, photo.dtype, source.buf)
        array[:] = photo
        half, where = len(photo) // 2, (source.name, target.name, photo.shape)
        ends = [pool.submit(halve_into, *where, *p) for p in [(0, half), (half, len(photo))]]
        wait_for(ends)
        dark = np.array(np.ndarray(photo.shape, photo.dtype, target.buf))
        del array
        source.close()
        target.close()
    return dark
