"""The exercises of lesson 03: processes that end, can import their work, and are sent little."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from tempfile import mkstemp
from time import monotonic, sleep
from typing import Any

from ..folders import temporary
from ..work import album, checksum, checksum_of_part, die, thumbnail, times, wait
from . import NotYet, exercise, expect
from ._time_outs import calls_here, gave_up, time_outs_pass, waits_asked_for
from ._workers import Traced
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
    "process can import; nothing is multiplied here.",
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
    with no_fork(), started() as elsewhere:
        for numbers, by in ((NUMBERS, factor), ([9, -4, 0], factor + 4)):
            Traced.multiplied = 0
            given = _pairs(answer, [Traced(number) for number in numbers], by)
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
            expect(
                all(getattr(product, "pid", None) in (None, pid) for pid, product in given),
                "the products are right, and the ids beside them are not those of the process that "
                "has computed them. Let the worker multiply.",
            )
            expect(
                not Traced.multiplied,
                "the products are right, and they were computed in this process, too. Leave that "
                "to the worker.",
            )
    return f"{len(NUMBERS)} products in order, and none was computed in this process."


NUMBERS = [5, 3, 8, 1, 3, -2, 6]


@contextmanager
def no_fork() -> Iterator[None]:
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


KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM  # as Windows ends one
CODES = {"returns": 0, "raises": 1, "exits": 3, "is killed": int(KILLED)}
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
        if item == "is killed":
            die(item)
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
    """Ends that come by themselves, one that has to be made, and nobody left behind."""
    with temporary("ended") as folder, started() as elsewhere:
        work = Various(folder)
        for item, code in CODES.items():
            given = answer(work, item, LONG)
            expect(
                bool(elsewhere),
                f"ended must start a process, and started none. It returned {given!r:.40}.",
            )
            expect(
                given == code and isinstance(given, int) and not isinstance(given, bool),
                f"of work that {item} the exit code is {code}, and ended returned {given!r:.40}.",
            )
            _seen_off(elsewhere)
        begun = monotonic()
        with waits_asked_for() as waits:
            given = answer(work, "stays", SHORT)
        early = monotonic() - begun < 0.95 * SHORT
        expect(
            not os.path.exists(work.note),
            f"work that stays had {SHORT:g} s, and your function waited until it came to its end "
            "by itself. join takes a number of seconds.",
        )
        expect(
            not early, f"work had {SHORT:g} s, and your function ended it before they were over."
        )
        expect(
            sum(waits) <= 1.5 * SHORT,
            f"work had {SHORT:g} s, and your function waited for {sum(waits):.1f} s in all before "
            "it ended it. Does it wait twice?",
        )
        _seen_off(elsewhere)
        expect(
            given is None,
            f"work that stays did not end in time, so ended must give None, not {given!r:.40}.",
        )
    return f"{len(CODES)} exit codes, and a process that was ended when its time was up."


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


# ---------------------------------------------------------------------- bill

Part = tuple[int, int]


def checksums(data: bytes, parts: Sequence[Part], pool: Executor) -> list[int]:
    """A solution of `processes.bill`: each part is cut out here, and nothing else is sent."""
    return list(pool.map(checksum, [data[first:last] for first, last in parts]))


def checksums_of_all(data: bytes, parts: Sequence[Part], pool: Executor) -> list[int]:
    """The starter: right, and all of the data goes with each part."""
    return list(pool.map(partial(checksum_of_part, data), parts))


def checksums_here(data: bytes, parts: Sequence[Part], pool: Executor) -> list[int]:
    """Nothing is sent, and nothing is asked of the pool."""
    return [checksum_of_part(data, part) for part in parts]


class Billed(Executor):
    """A pool that counts the bytes which it has to send there and back, and keeps what came."""

    def __init__(self, pool: Executor, late: float = 0.0) -> None:
        """The first call takes so many seconds longer."""
        self.pool, self.sent, self.late = pool, 0, late
        self.futures: list[Future[Any]] = []
        self.calls: list[tuple[Callable[..., Any], Any, Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sent += len(pickle.dumps((fn, args, kwargs)))
        future = self.pool.submit(_after, 0 if self.futures else self.late, fn, args, kwargs)
        self.futures.append(future)
        self.calls.append((fn, args, kwargs))
        return future

    def results(self) -> list[Any]:
        """What the workers gave back."""
        return [f.result() for f in self.futures if not f.cancelled() and f.exception() is None]

    def was_told(self, number: Any) -> bool:
        """Whether this number, a long one, has been sent to a worker."""
        short = [repr(with_) for _, *with_ in self.calls if len(pickle.dumps(with_)) < SMALL]
        return len(str(number)) > 6 and any(str(number) in each for each in short)

    @property
    def bytes(self) -> int:
        return self.sent + sum(len(pickle.dumps(result)) for result in self.results())


def _after(seconds: float, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    wait(seconds)
    return call(*args, **kwargs)


SMALL = 1_000  # bytes of a call that has numbers and names
CHEAP = 10_000  # bytes that names, sizes and functions take at most
LATE = 0.2  # seconds: so that the first one is not the first to have ended
PARTS = [(100_000, 400_000), (0, 7), (250_000, 300_000), (600_000, 600_000), (500_000, 900_000)]
PARTS += [(0, 7)]  # once more


@exercise(
    "processes.bill",
    "Repair checksums(data, parts, pool): the checksum of each part, in the order of parts, from "
    "the workers of pool, to whom no more bytes are sent than the parts have.",
    hints=(
        "Everything that a call needs is pickled with it. What does each of these calls need?",
        "data[first:last] is a part, and a bytes object of its own, which does not know the rest.",
        "Cut all parts out first, and hand each to work.checksum: pool.map(work.checksum, cut).",
    ),
    solution=checksums,
    starter=checksums_of_all,
    wrong=checksums_here,
    says="pool was not asked",
    seconds=30.0,
)
def _bill(answer: Any) -> str:
    """Right numbers in order, from the pool, for a bill of the bytes that were asked for."""
    data = os.urandom(1_000_000)
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        billed = Billed(pool, LATE)
        with calls_here(zlib, "adler32") as called:  # what work.checksum is made of
            given = as_list(answer(data, list(PARTS), billed), "checksums")
        expect(
            given == [checksum_of_part(data, part) for part in PARTS],
            "those are not the checksums of the parts, in the order of parts.",
        )
        expect(bool(billed.futures), "the numbers are right, but the pool was not asked for them.")
        asked = sum(last - first for first, last in PARTS)
        expect(
            billed.bytes <= asked + CHEAP,
            f"the numbers are right, but some {round(billed.bytes, -3):_} bytes were pickled for "
            f"them. The parts have {asked:_} together.",
        )
        expect(
            not any(map(billed.was_told, given)),
            "the numbers are right, and you have computed them here before you sent them.",
        )
        told = repr(billed.results())
        expect(
            all(str(number) in told for number in given),
            "the numbers are right, and the pool was asked for something, but not for them.",
        )
        expect(
            not called,
            "the numbers are right, and checksums were computed here, too. Leave that to the pool.",
        )
        expect(
            as_list(answer(data, [], Billed(pool)), "checksums") == [],
            "of no parts there are no checksums: an empty list.",
        )
    return f"{len(PARTS)} checksums, for the bytes of the parts and no others."


# --------------------------------------------------------------------- album

Made = dict[str, "bytes | str"]


def small(make: Callable[[str], bytes], paths: Sequence[str]) -> Made:
    """A solution of `processes.album`: a future for each path, each of which is asked."""
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        futures = {path: pool.submit(make, path) for path in paths}
    found: Made = {}
    for path, future in futures.items():
        error = future.exception()
        found[path] = str(error) if error else future.result()
    return found


def small_of_nothing(make: Callable[[str], bytes], paths: Sequence[str]) -> None:
    """The starter: nothing but the task."""


def small_until_one_fails(make: Callable[[str], bytes], paths: Sequence[str]) -> Made:
    """What map gives ends with the first exception, and all that comes after it is lost."""
    found: Made = {}
    with ProcessPoolExecutor(2, mp_context=spawn) as pool, suppress(RuntimeError):
        for path, made in zip(paths, pool.map(make, paths), strict=True):
            found[path] = made
    return found


LAST_OF_ALL = 0.7  # seconds of a first call: longer than a time-out of whoever asks
MEET = 5.0  # seconds that the first process waits for a second one
HERE, ALONE = "here", "alone"


ODD = ".odd"  # the end of a path that raises an error of another kind


def _made(path: str) -> bytes:
    """The thumbnail, or an error whose text is not what it was made of."""
    if path.endswith(ODD):
        raise KeyError(os.path.basename(path))
    return thumbnail(path)


@dataclass(frozen=True)
class Maker:
    """Makes thumbnails, and notes who called it where: a file for each call and each process."""

    folder: str
    home: int

    def __call__(self, path: str) -> bytes:
        if os.getpid() == self.home:
            self._note(HERE)
        else:
            self._meet()
        self._note(f"call={os.path.basename(path)}")
        return _made(path)

    def _meet(self) -> None:
        """The first call in a process waits until there is a second process."""
        if self._notes(f"process={os.getpid()}="):
            return
        self._note(f"process={os.getpid()}")
        last = monotonic() + MEET
        while len(self._notes("process=")) < 2:
            if monotonic() > last:
                self._note(ALONE)
                return
            sleep(0.01)
        wait(LAST_OF_ALL)

    def _note(self, what: str) -> None:
        handle, _ = mkstemp(prefix=f"{what}=", dir=self.folder)
        os.close(handle)

    def _notes(self, what: str) -> list[str]:
        return [name for name in os.listdir(self.folder) if name.startswith(what)]

    def calls(self) -> list[str]:
        return sorted(name.split("=")[1] for name in self._notes("call="))

    def said(self, what: str) -> bool:
        return bool(self._notes(f"{what}="))


@exercise(
    "processes.album",
    "Write small(make, paths): a dictionary with what make(path) gives for each path, or the text "
    "of the exception that it raises; made by two processes or more that are at work together.",
    hints=(
        "What map gives ends with the first exception. Which other way is there to hand a call to "
        "an executor?",
        "submit gives a future for each path. It can be asked for its exception(), which is None "
        "where there was none.",
        "First submit all of them, futures = {path: pool.submit(make, path) for path in paths}, "
        "then ask each: str(future.exception()) or future.result().",
    ),
    solution=small,
    starter=small_of_nothing,
    wrong=small_until_one_fails,
    says="left out",
    seconds=40.0,
)
def _album(answer: Any) -> str:
    """Every photograph and every complaint, one call for each, not here, and two together."""
    with album.files(5, width=300) as paths, temporary("calls") as folder:
        with open(paths[1], "wb") as file:
            file.write(b"this is no picture")
        paths[3:3] = [paths[0] + ".gone", paths[0] + ODD]
        maker = Maker(folder, os.getpid())
        with time_outs_pass() as cut:
            given = answer(maker, list(paths))
        expect(given is not None, "small returned nothing. Is there a return at its end?")
        expect(
            isinstance(given, dict),
            f"small must return a dictionary, and returned a {type(given).__name__}.",
        )
        expect(
            not maker.said(HERE),
            "make was called in the process of the notebook. Hand it to other processes.",
        )
        missing = [os.path.basename(path) for path in paths if path not in given]
        expect(
            not missing,
            f"{len(missing)} of {len(paths)} paths are left out: {', '.join(missing[:2])}. One of "
            "the photographs cannot be read, another one is not there, and make has an error.",
        )
        for path in paths:
            _same(path, given[path], gave_up(cut))
        twice = [name for name, number in Counter(maker.calls()).items() if number > 1]
        expect(
            not twice and len(given) == len(maker.calls()) == len(paths),
            f"make must be called once for each of {len(paths)} paths; there were "
            f"{len(maker.calls())} calls, and {len(given)} paths are in your dictionary.",
        )
        expect(
            not maker.said(ALONE),
            "all is right, but no two processes were at work together: one waited for a second "
            f"one for {MEET:g} s, and none came.",
        )
        expect(answer(maker, []) == {}, "of no paths there are no thumbnails: an empty dictionary.")
    return f"{len(paths) - 3} thumbnails, 3 complaints, and two processes at work together."


def _same(path: str, given: Any, more: str) -> None:
    """What make gives or complains of, as it is here."""
    name = os.path.basename(path)
    try:
        made = _made(path)
    except (RuntimeError, KeyError) as error:
        expect(
            given == str(error),
            f"for {name}, of which nothing can be made, your dictionary must have the text of the "
            f"exception, str(error), and has {given!r:.60}.{more}",
        )
    else:
        expect(given == made, f"for {name} your dictionary does not have what make gave.{more}")
