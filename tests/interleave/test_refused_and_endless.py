"""Programs that cannot be followed, or have no end: a sentence says so, and all is as before."""

# ruff: noqa: PT012 -- the programs are wrong on purpose

from __future__ import annotations

import _thread
import asyncio
import contextlib
import ctypes
import dataclasses
import functools
import itertools
import linecache
import os
import random
import sched
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import Process
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from programs_told import together

from helpers.interleave import Diverged, Refused, explore, real_threads, replay
from helpers.interleave.run import SLOW

Program = Callable[[], object]


def counted() -> None:
    """A program to explore afterwards."""
    total = 0

    def work() -> None:
        nonlocal total
        total += 1

    together(work, work)
    assert total == 2, f"lost update: {total}"


@pytest.fixture(autouse=True)
def the_next_exploration_works() -> Iterator[None]:
    yield
    assert explore(counted).counts == {"ok": 2, "lost update: 1": 2}


def outcomes(program: Program, **how: Any) -> dict[str, int]:
    return dict(explore(program, **how).counts)


# -------------------------------------------------------------- how many threads


def nobody() -> object:
    return 1


def one() -> None:
    together(lambda: None)


def several(number: int) -> Program:
    def program() -> object:
        log: list[int] = []
        together(*(functools.partial(log.append, each) for each in range(number)))
        return len(log)

    return program


def test_a_program_without_threads_has_one_schedule() -> None:
    report = explore(nobody)
    assert (report.ok, report.tried, report.counts) == (True, 1, {"ok: returns 1": 1})
    assert "there is one schedule" in str(report)


def test_one_thread_has_one_schedule() -> None:
    assert (explore(one).ok, explore(one).tried) == (True, 1)


def test_twelve_threads_are_too_many_to_try_all_schedules() -> None:
    report = explore(several(12), budget=100)
    assert (report.verdict, report.complete, report.ok) == ("ok", False, False)
    assert str(report).startswith("None of 100 tried schedules fails, and there are more")


def test_of_thirty_threads_the_26th_is_refused() -> None:
    with pytest.raises(Refused, match=r"^line \d+: a program can start at most 25 threads$"):
        explore(several(30))


# ------------------------------------------------------------------ without end


def spins_alone() -> None:
    def work() -> None:
        while True:
            pass

    together(work)


def spins_for_a_flag() -> None:
    flag = False

    def wait() -> None:
        while not flag:
            pass

    def other() -> None:
        nonlocal flag
        flag = bool(flag)

    together(wait, other)


def counts_without_end() -> None:
    def work() -> None:
        for _ in itertools.count():
            pass

    together(work)


def builds_without_end() -> None:
    def work() -> list[int]:
        return [number for number in itertools.count() if number < 0]

    together(work)


def writes_without_end() -> None:
    total = 0

    def work() -> None:
        nonlocal total
        while True:
            total += 1

    together(work, work)


def counts_what_it_reads() -> None:
    total = 0

    def work() -> None:
        nonlocal total
        while total >= 0:
            total += 1

    together(work, work)


ENDLESS: dict[Program, str] = {
    spins_alone: "livelock",
    spins_for_a_flag: "livelock",
    counts_without_end: "livelock",
    builds_without_end: "no end in sight",
    writes_without_end: "livelock",
    counts_what_it_reads: "no end in sight",
}


@pytest.mark.parametrize("program", ENDLESS, ids=lambda program: program.__name__)
def test_a_program_that_never_ends_is_stopped(program: Program) -> None:
    report = explore(program)
    assert report.verdict == ENDLESS[program]
    assert not report.ok
    assert str(report).startswith(ENDLESS[program])
    if report.verdict == "no end in sight":
        assert report.left_out == "some schedules have no end"


def give_way() -> None:
    wants = [False, False]

    def pass_by(me: int) -> None:
        wants[me] = True
        while wants[1 - me]:
            wants[me] = False
            wants[me] = True
        wants[me] = False

    together(lambda: pass_by(0), lambda: pass_by(1))


def test_a_livelock_has_its_word_and_the_part_that_repeats() -> None:
    report = explore(give_way)
    assert (report.verdict, report.ok) == ("livelock", False)
    schedule = report.schedule
    assert schedule is not None
    assert schedule.repeats
    assert schedule.word.endswith(schedule.repeats)
    assert set(schedule.repeats) == {"A", "B"}
    assert schedule.because == (
        f'A and B can go on with "{schedule.repeats}" for ever, although each gets its turns.'
    )
    again = replay(give_way, schedule.word)
    assert (again.word, again.repeats) == (schedule.word, schedule.repeats)


def goes_round_with_an_iterator() -> None:
    """How far an iterator is belongs to the state: this ends."""
    numbers = iter(range(20))
    wants = [False, False]

    def work(me: int) -> None:
        while next(numbers, None) is not None:
            wants[me] = True
            wants[me] = False

    together(lambda: work(0), lambda: wants[0])


def goes_round_in_a_for() -> None:
    """How far a `for` is belongs to the state, too."""
    wants = [0]

    def work() -> None:
        for _ in [0] * 20:
            first = True
            while first or wants[0] == 1:
                first = False
                wants[0] = 2
                wants[0] = 0

    together(work, lambda: wants[0])


@pytest.mark.parametrize("program", [goes_round_with_an_iterator, goes_round_in_a_for])
def test_a_loop_that_only_looks_as_if_it_came_back_is_no_livelock(program: Program) -> None:
    assert explore(program).counts.keys() == {"ok"}


def test_a_report_says_why_it_is_not_complete() -> None:
    report = explore(several(12), budget=100)
    assert report.left_out == "the budget of 100 schedules was used up"
    assert str(report).endswith("Not all were tried: the budget of 100 schedules was used up.")
    assert explore(one).left_out == ""


def recurses() -> None:
    def work(depth: int) -> None:
        work(depth + 1)

    together(lambda: work(0))


class Counted:
    """Two threads that count without a lock, beside a daemon thread."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self.total = 0
        threading.Thread(target=beat, daemon=True).start()
        together(self.add, self.add)
        assert self.total == 2, "lost update"

    def add(self) -> None:
        self.total += 1


def beats_for_ever() -> None:
    def beat() -> None:
        while True:
            time.sleep(1)

    Counted(beat)


def beats_for_long() -> None:
    def beat() -> None:
        for _ in range(SLOW + 100):
            pass

    Counted(beat)


@pytest.mark.parametrize("program", [beats_for_ever, beats_for_long])
def test_a_daemon_thread_that_goes_on_hides_nothing_and_is_no_fault(program: Program) -> None:
    report = explore(program)
    assert report.verdict == "race"
    assert report.complete == (program is beats_for_ever)  # its turns are all the same
    assert not {"no end in sight", "livelock"} & report.counts.keys()
    assert report.schedule is not None
    assert report.schedule.outcome == "lost update"


def test_python_ends_a_daemon_thread_with_the_program() -> None:
    def program() -> None:
        def beat() -> None:
            while True:
                time.sleep(1)

        threading.Thread(target=beat, daemon=True).start()

    assert explore(program).ok


def test_a_long_loop_before_a_step_hides_no_schedule() -> None:
    def program() -> None:
        total = 0

        def add() -> None:
            nonlocal total
            for _ in range(SLOW):
                pass
            total += 1

        together(add, add)
        assert total == 2, "lost update"

    assert outcomes(program) == {"ok": 2, "lost update": 2}


def test_a_recursion_without_end_is_an_exception() -> None:
    (outcome,) = outcomes(recurses)
    assert outcome.startswith("RecursionError: maximum recursion depth exceeded")


# ------------------------------------------------------- what differs from run to run


def throws_a_die() -> None:
    together(lambda: random.randint(1, 6))


def shuffles_by_name() -> None:
    from random import shuffle

    together(lambda: shuffle([1, 2]))


def joins_a_set() -> None:
    together(lambda: "".join({"a", "b"}))


def prints_a_set() -> None:
    together(lambda: print({"a", "b"}))


def writes_a_set_down() -> None:
    together(lambda: str({"a", "b"}))


SET = r"the order of a set differs from run to run: sort it first, with sorted\(\)"
UNSTEADY: dict[Program, str] = {
    throws_a_die: r"random.randint differs from run to run: use random.Random\(a seed\)",
    shuffles_by_name: r"random.shuffle differs from run to run: use random.Random\(a seed\)",
    joins_a_set: SET,
    prints_a_set: SET,
    writes_a_set_down: SET,
}


@pytest.mark.parametrize("program", UNSTEADY, ids=lambda program: program.__name__)
def test_what_differs_from_run_to_run_is_refused(program: Program) -> None:
    with pytest.raises(Refused, match=rf"^line \d+: {UNSTEADY[program]}"):
        explore(program)


def seeded() -> object:
    numbers = random.Random(1)
    together(lambda: numbers.random())
    return numbers.randint(1, 6)


def test_random_numbers_from_a_seed_are_the_same_in_every_run() -> None:
    assert explore(seeded).counts == {"ok: returns 1": 1}


RUNS = iter(range(10**9))  # how far it is, cannot be put back


def goes_on_from_an_earlier_run() -> None:
    total = 0

    def work() -> None:
        nonlocal total
        if next(RUNS) % 3:
            total = 1
        total += 1

    together(work, work)


def asks_the_system() -> None:
    total = 0

    def work() -> None:
        nonlocal total
        if secrets.randbelow(2):
            total = 1
        total += 1

    together(work, work)


@pytest.mark.parametrize("program", [goes_on_from_an_earlier_run, asks_the_system])
def test_a_program_that_does_something_else_when_it_is_run_again_diverges(
    program: Program,
) -> None:
    """Chance may repeat itself, but not often."""
    sentence = "a program must not depend on the time, on random numbers or on what an earlier run"
    with pytest.raises(Diverged, match=sentence):
        for _ in range(200):
            explore(program)


def test_what_fails_once_and_not_again_diverges_with_its_schedule(tmp_path: Path) -> None:
    """What a run leaves with the system cannot be put back."""
    left = tmp_path / "left"

    def fails_the_first_time() -> None:
        together(lambda: None, lambda: None)
        if not os.path.exists(left):
            os.mkdir(left)
            raise ValueError

    with pytest.raises(Diverged, match="failed once, and not again: a run finds something"):
        explore(fails_the_first_time)


# ----------------------------------------------------------- prints and exceptions


def prints_a_lot() -> None:
    def work() -> None:
        for number in range(10_000):
            print("line", number)

    together(work)


def test_ten_thousand_printed_lines_are_capped(capsys: pytest.CaptureFixture[str]) -> None:
    assert explore(prints_a_lot).ok
    printed = replay(prints_a_lot, "").printed
    assert capsys.readouterr().out == ""
    assert len(printed) < 2_100
    assert printed.startswith("line 0\nline 1\n")
    assert printed.endswith(" more lines\n")


def raises_in_a_thread() -> None:
    def work() -> None:
        raise ValueError("no")

    together(lambda: None, work)


def raises_in_main() -> None:
    together(lambda: None)
    raise ValueError("no")


class Raises:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        raise KeyError("left")


def raises_in_an_exit() -> None:
    lock = Lock()

    def work() -> None:
        with lock, Raises():
            pass

    together(work)


def leaves() -> None:
    together(lambda: sys.exit(3))


def is_interrupted() -> None:
    raise KeyboardInterrupt


RAISING: dict[Program, set[str]] = {
    raises_in_a_thread: {"ValueError: no in B"},
    raises_in_main: {"ValueError: no"},
    raises_in_an_exit: {"KeyError: 'left' in A"},
    leaves: {"ok"},
    is_interrupted: {"KeyboardInterrupt"},
}


@pytest.mark.parametrize("program", RAISING, ids=lambda program: program.__name__)
def test_what_a_program_raises_is_its_outcome(program: Program) -> None:
    assert set(outcomes(program)) == RAISING[program]


def catches_all() -> None:
    lock = Lock()

    def work() -> None:
        while True:
            try:
                lock.acquire()
            except BaseException:
                pass

    together(work, work)


def catches_without_a_name() -> None:
    lock = Lock()

    def work() -> None:
        while True:
            try:
                lock.acquire()
            except:  # noqa: E722
                pass

    together(work, work)


def suppresses_all() -> None:
    lock = Lock()

    def work() -> None:
        while True:
            with contextlib.suppress(BaseException):
                lock.acquire()

    together(work, work)


@pytest.mark.parametrize("program", [catches_all, catches_without_a_name, suppresses_all])
def test_a_thread_that_catches_everything_ends_all_the_same(program: Program) -> None:
    assert explore(program).verdict == "deadlock"


# ---------------------------------------------------------------- what is refused


def runs_a_program() -> None:
    subprocess.run(["true"])


def runs_a_program_imported_inside() -> None:
    import subprocess as renamed

    renamed.run(["true"])


def starts_a_process() -> None:
    Process(target=print).start()


def has_a_pool_of_processes() -> None:
    with ProcessPoolExecutor() as pool:
        pool.submit(print)


def has_a_pool_of_processes_imported_inside() -> None:
    from concurrent.futures import ProcessPoolExecutor as Processes

    Processes()


def imports_multiprocessing() -> None:
    import multiprocessing.pool

    multiprocessing.pool.Pool()


def forks() -> None:
    together(lambda: os.fork())


def runs_a_shell() -> None:
    together(lambda: os.system("true"))


def runs_an_event_loop() -> None:
    asyncio.run(asyncio.sleep(0))


def imports_asyncio() -> None:
    import asyncio as loops

    loops.run(loops.sleep(0))


def defines_a_coroutine() -> None:
    async def work() -> None: ...

    together(work)


def starts_a_thread_by_hand() -> None:
    _thread.start_new_thread(print, ())


def evaluates() -> None:
    together(lambda: eval("1"))


def asks() -> None:
    input()


def hides_it() -> None:
    def work() -> None:
        try:
            random.random()
        except Exception:
            pass

    together(work)


def suppresses_it() -> None:
    def work() -> None:
        with contextlib.suppress(Exception):
            random.random()

    together(work)


def hides_it_in_a_pool() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(random.random)


def makes_a_generator() -> None:
    def work() -> Iterator[int]:
        yield 1

    together(work)


REFUSED: dict[Program, str] = {
    runs_a_program: "subprocess",
    runs_a_program_imported_inside: "subprocess",
    starts_a_process: "Process",
    has_a_pool_of_processes: "ProcessPoolExecutor",
    has_a_pool_of_processes_imported_inside: "concurrent.futures",
    imports_multiprocessing: "multiprocessing.pool",
    forks: "os.fork starts a process",
    runs_a_shell: "os.system starts a process",
    runs_an_event_loop: "asyncio",
    imports_asyncio: "asyncio",
    defines_a_coroutine: "async def",
    starts_a_thread_by_hand: "_thread",
    evaluates: r"eval\(\)",
    asks: r"input\(\)",
    hides_it: "random.random differs from run to run",
    suppresses_it: "random.random differs from run to run",
    hides_it_in_a_pool: "random.random differs from run to run",
    makes_a_generator: "work is a generator or async function, which a thread would only call",
}


@pytest.mark.parametrize("program", REFUSED, ids=lambda program: program.__name__)
def test_what_cannot_be_followed_is_refused_by_name_and_line(program: Program) -> None:
    if program is forks and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    first = program.__code__.co_firstlineno
    with pytest.raises(Refused, match=rf"^line \d+: {REFUSED[program]}") as caught:
        explore(program)
    line = int(str(caught.value).split(":")[0].removeprefix("line "))
    inside = range(first, first + 12)
    assert line in (*inside, together.__code__.co_firstlineno + 3)


def keeps_a_schedule() -> None:
    line, log = sched.scheduler(), list[int]()
    line.enter(1, 1, log.append, argument=(1,))
    line.run()
    assert log == [1]


def has_a_timer() -> None:
    log: list[int] = []
    timer = threading.Timer(1, log.append, (1,))
    timer.start()
    timer.join()
    assert log == [1]


def handles_a_signal() -> None:
    signal.signal(signal.SIGINT, lambda *_: None)


def waits_for_a_connection() -> None:
    here, there = socket.socketpair()
    together(lambda: there.send(b"x"))
    here.recv(1)


def waits_until_it_can_read() -> None:
    select.select([], [], [], 1)


WAYS: dict[Program, str] = {
    keeps_a_schedule: "make a threading.Timer of each call",
    handles_a_signal: "call its handler in a thread of its own",
    waits_for_a_connection: "put a queue.Queue in its place",
    waits_until_it_can_read: "put a queue.Queue in its place",
    runs_a_program: "put a function in place of the command",
    runs_a_program_imported_inside: "put a function in place of the command",
    has_a_pool_of_processes: "use a ThreadPoolExecutor",
    starts_a_thread_by_hand: "use threading.Thread and threading.Lock",
}


@pytest.mark.parametrize("program", WAYS, ids=lambda program: program.__name__)
def test_what_is_refused_is_told_with_a_way_round(program: Program) -> None:
    with pytest.raises(Refused, match=rf"^line \d+: .* cannot be followed here; .*{WAYS[program]}"):
        explore(program)


def test_the_way_round_a_schedule_is_followed() -> None:
    assert explore(has_a_timer).ok


def test_a_program_is_a_plain_function_without_arguments() -> None:
    async def turns() -> AsyncIterator[int]:
        yield 1

    def generator() -> Iterator[int]:
        yield 1

    def greedy(number: int) -> None: ...

    with pytest.raises(Refused, match=r"^program must not be a generator; turns is one"):
        explore(turns)
    with pytest.raises(Refused, match=r"^program must not be a generator; generator is one"):
        explore(generator)
    with pytest.raises(ValueError, match=r"^program must be a function without arg.*takes number"):
        explore(greedy)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^program must be a function without arguments, not 3"):
        explore(3)  # type: ignore[arg-type]


def test_without_source_a_program_cannot_be_followed() -> None:
    names: dict[str, Any] = {}
    exec("def program():\n    pass\n", names)
    with pytest.raises(Refused, match=r"^the source of program is not available: define it in a"):
        explore(names["program"])


def test_a_match_statement_of_a_cell_is_followed() -> None:
    source = "def program():\n    x = 1\n    match x:\n        case 1: return 2\n"
    linecache.cache["<cell>"] = (len(source), None, source.splitlines(True), "<cell>")
    names: dict[str, Any] = {}
    exec(compile(source, "<cell>", "exec"), names)
    assert replay(names["program"], "").outcome == "ok: returns 2"


# ------------------------------------------------------------------ words, arguments


def test_a_word_has_letters_of_threads_that_can_go_on() -> None:
    def crossed() -> None:
        lock = Lock()

        def work() -> None:
            with lock:
                pass

        together(work, work)

    for word, sentence in {
        "AZ": 'letter 2 of "AZ": there is no thread Z; there are A, B',
        "AB": 'letter 2 of "AB": B cannot go on there: it waits',
        "a": 'letter 1 of "a": there is no thread a; there are A, B',
        "AABBA": 'the run of "AABBA" is over after 4 letters',
        "AAAA": 'letter 3 of "AAAA": A has ended',
        "A B": 'word must be letters of threads, such as "ABBA", not',
        "A1": 'word must be letters of threads, such as "ABBA", not',
    }.items():
        with pytest.raises(ValueError, match=r"^" + sentence.replace("(", r"\(")):
            replay(crossed, word)
    with pytest.raises(ValueError, match=r"^word must be letters of threads, .* not 5$"):
        replay(crossed, 5)  # type: ignore[arg-type]
    assert replay(crossed, "").verdict == "ok"


def test_a_word_that_is_too_long_says_after_how_many_letters_the_run_is_over() -> None:
    with pytest.raises(ValueError, match=r"over after 4 letters|has ended"):
        replay(counted, "ABABABAB")
    with pytest.raises(ValueError, match='the run of "A" is over after 0 letters'):
        replay(one, "A")


def test_a_very_long_word_is_not_quoted_whole() -> None:
    with pytest.raises(
        ValueError, match=r'^the run of "A{60}…" \(100000 letters\) is over'
    ) as caught:
        replay(one, "A" * 100_000)
    assert len(str(caught.value)) < 150


def test_arguments_are_checked_at_the_door() -> None:
    with pytest.raises(ValueError, match=r"^atomic must be one of line, op, cpython, not 'byte'$"):
        explore(one, atomic="byte")
    with pytest.raises(ValueError, match=r"^budget must be a number of schedules, 1 or more, not"):
        explore(one, budget=0)


# ------------------------------------------------------------ inside, interrupted


def explores() -> object:
    return explore(one)


def explores_in_a_thread() -> None:
    together(lambda: explore(one))


@pytest.mark.parametrize("program", [explores, explores_in_a_thread])
def test_an_exploration_inside_of_another_is_an_error(program: Program) -> None:
    (outcome,) = outcomes(program)
    assert outcome.startswith("RuntimeError: another exploration is under way: wait for its end")


def test_explorations_of_several_threads_wait_for_each_other() -> None:
    def racy() -> None:
        total = [0]

        def add() -> None:
            total[0] += 1

        together(add, add)
        assert total == [2]

    def safe() -> None:
        together(lambda: None, lambda: None)

    programs = [racy, safe]
    alone = [explore(program) for program in programs]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(explore, programs * 5))
    assert reports == alone * 5


def big() -> None:
    totals = [0, 0]

    def work(mine: int) -> None:
        for _ in range(6):
            totals[mine] += 1
            totals[1 - mine] += 1

    together(lambda: work(0), lambda: work(1), lambda: work(0))


@pytest.mark.skipif(sys.platform == "win32", reason="no signal to oneself")
@pytest.mark.parametrize("program", [big, spins_alone])
def test_an_interrupted_exploration_leaves_everything_usable(program: Program) -> None:
    def interrupt(seconds: float, over: threading.Event) -> None:
        while not over.wait(seconds):  # again, as one that comes in a finalizer is lost
            os.kill(os.getpid(), signal.SIGINT)
            seconds = 5.0

    for seconds in (0.02, 0.1, 0.2):
        over = threading.Event()
        finger = threading.Thread(target=interrupt, args=(seconds, over))
        finger.start()
        with suppress(KeyboardInterrupt):  # before the search, or after it
            while not explore(program, budget=10**6).interrupted:
                pass
        over.set()
        finger.join()


def test_a_step_that_blocks_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_threads, "PATIENCE", 0.3)
    ours, theirs = socket.socketpair()
    line = test_a_step_that_blocks_is_told_with_its_line.__code__.co_firstlineno

    def in_a_line() -> None:
        together(lambda: ours.recv(1), lambda: None)

    def in_c() -> None:
        thread = threading.Thread(target=ours.recv, args=(1,))
        thread.start()
        thread.join()

    with ours, theirs:
        with pytest.raises(RuntimeError, match=rf"^line {line + 6}: one step took more than"):
            explore(in_a_line)
        with pytest.raises(RuntimeError, match=r"^the target of thread A, which is no code of th"):
            explore(in_c)
        theirs.send(b"two threads wait")


def test_an_object_of_an_exploration_is_of_no_use_afterwards() -> None:
    kept = ctypes.py_object()  # where nobody puts back what was there before

    def program() -> None:
        kept.value = Lock()

    explore(program)
    with pytest.raises(RuntimeError, match=r"^this object belongs to an exploration, which has en"):
        kept.value.acquire()


class Purse:
    def __init__(self) -> None:
        self.coins, self.lock = 0, Lock()

    def put(self) -> int:
        with self.lock:
            for coin in (1, 2):
                self.coins += coin
        return self.coins


def test_a_thread_that_is_no_task_uses_what_is_explored_and_nobody_notices() -> None:
    errors: list[BaseException] = []
    over, interval = threading.Event(), sys.getswitchinterval()

    def forgotten() -> None:
        try:
            while not over.is_set():
                assert Purse().put() == 3
        except BaseException as error:
            errors.append(error)

    def program() -> None:
        purse = Purse()
        together(purse.put, purse.put)
        assert purse.coins == 6

    alone = explore(program)
    thread = threading.Thread(target=forgotten)
    sys.setswitchinterval(1e-5)
    try:
        thread.start()
        assert [explore(program) for _ in range(20)] == [alone] * 20
    finally:
        over.set()
        sys.setswitchinterval(interval)
        thread.join()
    assert not errors


def test_a_search_ends_after_seconds_of_cpu_time_and_says_so() -> None:
    def program():
        box = [0]

        def work():
            for _ in range(3):
                box[0] += 1

        together(work, work, work)

    report = explore(program, seconds=0.1)
    assert report.verdict == "ok"
    assert not report.complete
    assert report.left_out == "so many steps take too long"


def test_methods_that_dataclass_makes_in_each_run_anew_are_the_same_in_all() -> None:
    def program():
        @dataclasses.dataclass(order=True)
        class Pair:
            left: int = 0

        pair, seen = Pair(), []

        def write():
            pair.left = 1

        together(write, lambda: seen.append(pair < Pair(1)))
        assert seen in ([True], [False])

    report = explore(program, seconds=10.0)
    assert report.ok
    assert report.complete


def appends_a_million_times() -> None:
    shared: list[int] = []

    def work() -> None:
        for _ in range(1_000_000):
            shared.append(0)

    together(work, work)


def test_a_loop_that_is_too_long_is_told_from_one_without_end() -> None:
    schedule = explore(appends_a_million_times).schedule
    assert schedule is not None
    assert schedule.because.endswith("where the loops do end, explore them with fewer turns.")
