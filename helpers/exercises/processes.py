"""The exercises of lesson 03: a worker that nobody can import, and a process that has to end."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from ..folders import temporary
from ..work import times, wait
from . import NotYet, exercise, expect
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
    with _no_fork(), started() as elsewhere:
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
            strange = [pid for pid, _ in given if pid not in elsewhere]
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
def started() -> Iterator[dict[int | None, Any]]:
    """The processes that are started meanwhile, by their ids."""
    found: dict[int | None, Any] = {}
    start, run = BaseProcess.start, subprocess.Popen.__init__

    def started(self: BaseProcess) -> None:
        start(self)
        found[self.pid] = self

    def opened(self: Any, *args: Any, **named: Any) -> None:
        run(self, *args, **named)
        found[self.pid] = self

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


# --------------------------------------------------------------------- ended

Work = Callable[[Any], Any]


def ended(work: Work, item: Any, seconds: float) -> int | None:
    """A solution of `processes.ended`: wait so long, look, and end what is still there."""
    process = spawn.Process(target=work, args=(item,))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode


def ended_by_nobody(work: Work, item: Any, seconds: float) -> int | None:
    """The starter: nothing but the task."""
    return None


def ended_or_left(work: Work, item: Any, seconds: float) -> int | None:
    """The time is up, and the process goes on without anybody who knows of it."""
    process = spawn.Process(target=work, args=(item,))
    process.start()
    process.join(seconds)
    return process.exitcode


CODES = {"returns": 0, "raises": 1, "exits": 3}
STAYS, LONG, SHORT = 2.5, 30.0, 0.4  # seconds: of the work that is to be cut, and two limits


class Various:
    """Work that ends in the way its item says, not in the process that asks."""

    def __init__(self, folder: str) -> None:
        self.note, self.home = os.path.join(folder, "end"), os.getpid()

    def __call__(self, item: str) -> str:
        if os.getpid() == self.home:
            raise NotYet(
                "work(item) was called in this process. Hand in the function and the item, "
                "target=work and args=(item,), to a new process."
            )
        if item == "stays":
            wait(STAYS)
            with open(self.note, "w", encoding="utf-8"):
                return item
        wait(0.2)  # whoever asks for the exit code at once gets None
        if item == "raises":
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115 -- until this process ends
            raise ValueError(item)
        if item == "exits":
            sys.exit(CODES[item])
        return item


@exercise(
    "processes.ended",
    "Write ended(work, item, seconds): the exit code of a process that calls work(item), or None "
    "if it has not ended after so many seconds; then your function ends it. No process is left.",
    hints=(
        "join can be told how long to wait, and comes back without a word when the time is up. "
        "How do you find out which of the two happened?",
        "After join(seconds), is_alive() says whether the process still runs, and exitcode is "
        "None if it does. kill() ends it.",
        "kill() asks for the end, and comes back before it. So join() once more after it.",
    ),
    solution=ended,
    starter=ended_by_nobody,
    wrong=ended_or_left,
    says="left it running",
    seconds=30.0,
)
def _ended(answer: Any) -> str:
    """Three ends that come by themselves, one that has to be made, and nobody left behind."""
    with temporary("ended") as folder, started() as elsewhere:
        work = Various(folder)
        for item, code in CODES.items():
            given = answer(work, item, LONG)
            expect(
                bool(elsewhere),
                f"ended must start a process, and started none. It returned {given!r:.40}.",
            )
            expect(
                given == code and isinstance(given, int),
                f"of work that {item} the exit code is {code}, and ended returned {given!r:.40}.",
            )
            _seen_off(elsewhere)
        given = answer(work, "stays", SHORT)
        expect(
            not os.path.exists(work.note),
            f"work that stays had {SHORT:g} s, and your function waited until it came to its end "
            "by itself. join takes a number of seconds.",
        )
        _seen_off(elsewhere)
        expect(
            given is None,
            f"work that stays did not end in time, so ended must give None, not {given!r:.40}.",
        )
    return "Three exit codes, and a process that was ended when its time was up."


def _seen_off(processes: dict[int | None, Any]) -> None:
    """Every process has ended, and the answer has waited for that; what is left is ended here."""
    popens = [getattr(process, "_popen", None) for process in processes.values()]
    left = [popen for popen in popens if popen is not None and popen.returncode is None]
    running = [popen for popen in left if popen.wait(LAST_GRACE) is None]
    for popen in running:
        popen.kill()
        popen.wait()
    expect(
        not running,
        "when your function came back it had left it running: the process of work that stays. "
        "Somebody has to end it.",
    )
    expect(
        not left,
        "your function came back before its process had ended. kill() and terminate() ask for an "
        "end and do not wait for it; join() does.",
    )


LAST_GRACE = 1.0  # seconds for a process that is about to end
