"""The exercises of lesson 05: an end for everybody, a limit that holds, a death that is told."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from multiprocessing import active_children, get_context
from queue import Empty, Queue
from typing import Any

from ..deadline import DeadlinePassed, deadline
from ..interleave import explore
from ..work import greet
from . import NotYet, exercise, expect

spawn = get_context("spawn")
Use = Callable[[Any], object]

# ----------------------------------------------------------------- sentinels


def deliver(items: Iterable[Any], consumers: int, use: Use) -> None:
    """A solution of `queues.sentinels`: as many ends as there are consumers."""
    line: Queue[Any] = Queue()
    threads = _consumers(line, consumers, use)
    for item in items:
        line.put(item)
    for _ in threads:
        line.put(None)
    for thread in threads:
        thread.join()


def deliver_one_end(items: Iterable[Any], consumers: int, use: Use) -> None:
    """The starter: the first consumer that takes the end keeps it."""
    line: Queue[Any] = Queue()
    threads = _consumers(line, consumers, use)
    for item in items:
        line.put(item)
    line.put(None)
    for thread in threads:
        thread.join()


def _consumers(line: Queue[Any], number: int, use: Use) -> list[threading.Thread]:
    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    threads = [threading.Thread(target=consume) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


def deliver_until_empty(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Nobody waits for ever: who finds nothing goes home, even before the first item came."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while True:
            try:
                use(line.get_nowait())
            except Empty:
                return

    threads = [threading.Thread(target=consume) for _ in range(consumers)]
    for thread in threads:
        thread.start()
    for item in items:
        line.put(item)
    for thread in threads:
        thread.join()


@exercise(
    "queues.sentinels",
    "Repair deliver(items, consumers, use): each item is used once, and every consumer ends.",
    hints=(
        "Follow the None. Who takes it out of the queue, and what do the others find there?",
        "Put one None for each consumer. Or let whoever takes the None put it back for the next.",
        "`for _ in threads: line.put(None)`, after the last item.",
    ),
    solution=deliver,
    starter=deliver_one_end,
    wrong=deliver_until_empty,
    says="not used",
    seconds=40.0,
)
def _sentinels(answer: Any) -> str:
    """Two consumers and two items, one of which is false; three consumers and one item."""
    tried = _tried(lambda: _all_used(answer, [0, 1], 2))
    tried += _tried(lambda: _all_used(answer, [0], 3))
    return f"All {tried} inequivalent schedules were tried, and none fails."


def _all_used(answer: Any, items: Sequence[int], consumers: int) -> None:
    used: list[int] = []

    def use(item: int) -> None:
        used.append(item)

    answer(items, consumers, use)
    for item in items:
        assert item in used, f"item {item} was not used"
    assert len(used) == len(items), "an item was used twice"


def _tried(program: Callable[[], None]) -> int:
    """How many schedules there are, none of which fails."""
    report = explore(program)
    if report.schedule is not None:
        word, outcome = report.schedule.word, report.schedule.outcome
        why = report.schedule.because if report.verdict == "deadlock" else ""
        raise NotYet(" ".join(f"with the schedule {word} it ends in: {outcome}. {why}".split()))
    expect(
        report.ok,
        f"none of {report.tried} schedules fails, but there are too many to try them all.",
    )
    return report.tried


# ------------------------------------------------------------------- bounded

Read = Callable[[], Any]


def copy(read: Read, write: Use, size: int) -> None:
    """A solution of `queues.bounded`: a limit, and a writer that takes on even if it cannot write.

    So the reader never waits for room that nobody makes, and the error comes home.
    """
    blocks: Queue[Any] = Queue(size)
    errors: list[Exception] = []

    def writer() -> None:
        while (block := blocks.get()) is not None:
            try:
                if not errors:
                    write(block)
            except Exception as error:
                errors.append(error)

    _read_all(read, blocks, writer)
    if errors:
        raise errors[0]


def _read_all(read: Read, blocks: Queue[Any], writer: Callable[[], None]) -> None:
    thread = threading.Thread(target=writer)
    thread.start()
    while (block := read()) is not None:
        blocks.put(block)
    blocks.put(None)
    thread.join()


def copy_without_limit(read: Read, write: Use, size: int) -> None:
    """The starter: a fast reader fills the memory with what a slow writer has not written."""
    blocks: Queue[Any] = Queue()

    def writer() -> None:
        while (block := blocks.get()) is not None:
            write(block)

    _read_all(read, blocks, writer)


def copy_hopefully(read: Read, write: Use, size: int) -> None:
    """Half of the repair: when `write` fails, nobody makes room any more."""
    blocks: Queue[Any] = Queue(size)

    def writer() -> None:
        while (block := blocks.get()) is not None:
            write(block)

    _read_all(read, blocks, writer)


class DiskFull(Exception):
    """What `write` raises."""


BLOCKS, SIZE = 4, 1


@exercise(
    "queues.bounded",
    "Repair copy(read, write, size): a limit on what waits, and an error of write that is raised.",
    hints=(
        "Queue(size) lets put wait until there is room. Who makes room?",
        "If write raises, its thread ends, and nobody takes blocks out any more: then put waits "
        "for ever. Catch the error in the writer, and keep it.",
        "After an error the writer goes on taking blocks, without writing them, until the None "
        "comes. Then copy can raise the error that it kept.",
    ),
    solution=copy,
    starter=copy_without_limit,
    wrong=copy_hopefully,
    says="DiskFull",
    seconds=40.0,
)
def _bounded(answer: Any) -> str:
    """A limit for every schedule; then the same with a disk that is full."""
    _tried(lambda: _all_written(answer))
    _tried(lambda: _full_disk(answer))
    return (
        f"For every schedule at most {SIZE} block waited, all {BLOCKS} were written in order, "
        "and a full disk was told."
    )


def _all_written(answer: Any) -> None:
    taken, begun, most, written = 0, 0, 0, list[int]()

    def read() -> int | None:
        nonlocal taken, most
        if taken == BLOCKS:
            return None
        taken += 1
        most = max(most, taken - begun)
        return taken

    def write(block: int) -> None:
        nonlocal begun
        begun += 1
        written.append(block)

    answer(read, write, SIZE)
    hands = 2  # a block that was read and not yet put, one that was taken and not yet written
    assert most <= SIZE + hands, f"more than {SIZE} block waits"
    assert written == list(range(1, BLOCKS + 1)), f"written were {written}, in this order"


def _full_disk(answer: Any) -> None:
    left = [1, 2, 3]

    def read() -> int | None:
        return left.pop() if left else None

    def write(block: int) -> None:
        raise DiskFull("no room on the disk")

    told = False
    try:
        answer(read, write, SIZE)
    except DiskFull:
        told = True
    assert told, "write raised DiskFull, and copy said nothing"


# --------------------------------------------------------------- dead_worker

Worker = Callable[[str, Any], None]
Answers = tuple[dict[str, str], dict[str, int]]


def ask(worker: Worker, names: Sequence[str]) -> Answers:
    """A solution of `queues.dead_worker`: whoever had ended before has nothing on its way."""
    queue, answers = spawn.Queue(), dict[str, str]()
    workers = _start(worker, names, queue)
    while len(answers) < len(names):
        all_ended = all(process.exitcode is not None for process in workers.values())
        try:
            name, text = queue.get(timeout=0.1)
            answers[name] = text
        except Empty:
            if all_ended:
                break
    for process in workers.values():
        process.join()
    return answers, {n: p.exitcode for n, p in workers.items() if n not in answers}


def _start(worker: Worker, names: Sequence[str], queue: Any) -> dict[str, Any]:
    workers = {name: spawn.Process(target=worker, args=(name, queue)) for name in names}
    for process in workers.values():
        process.start()
    return workers


def ask_and_wait(worker: Worker, names: Sequence[str]) -> Answers:
    """The starter: it waits for an answer from everybody, the dead included."""
    queue = spawn.Queue()
    _start(worker, names, queue)
    return dict(queue.get() for _ in names), {}


def ask_with_a_time_limit(worker: Worker, names: Sequence[str]) -> Answers:
    """A guess: whoever has not answered for a while must be dead."""
    queue, answers = spawn.Queue(), dict[str, str]()
    workers = _start(worker, names, queue)
    try:
        while len(answers) < len(names):
            first = not answers
            name, text = queue.get(timeout=5 if first else 0.5)
            answers[name] = text
    except Empty:
        pass
    for process in workers.values():
        process.terminate()
        process.join()
    return answers, {n: p.exitcode for n, p in workers.items() if n not in answers}


ALIVE, SLOW, DEADLY = "Ada", "Bartholomea", "chris"
HUNG = 10.0  # seconds; the slow one takes two, more on a busy computer


@exercise(
    "queues.dead_worker",
    "Repair ask(worker, names): the answers of those who live, the exit codes of those who died.",
    hints=(
        "queue.get(timeout=0.1) raises queue.Empty if nothing came. What can you look at then?",
        "A process that has ended has an exitcode, one that runs has None. Nothing there and all "
        "ended: nothing will come any more.",
        "Look at the exit codes before you call get, not after it. Who had ended by then has put "
        "all it ever will, so an empty queue is final.",
    ),
    solution=ask,
    starter=ask_and_wait,
    wrong=ask_with_a_time_limit,
    says="only slow",
    seconds=30.0,
)
def _dead_worker(answer: Any) -> str:
    """One who answers, one who takes long, one who dies first."""
    before = set(active_children())
    given = _in_time(answer, greet, [ALIVE, DEADLY, SLOW])
    pair = isinstance(given, tuple) and len(given) == 2
    expect(
        pair and all(isinstance(each, dict) for each in given),
        "ask must give two dicts: answers by name, and exit codes by name.",
    )
    answers, died = given
    expect(
        SLOW not in died,
        f"{SLOW} was not dead, only slow. An exitcode of None belongs to somebody who is alive.",
    )
    right = {name: f"Hello, {name}" for name in (ALIVE, SLOW)}
    expect(answers == right, f"the answers are to be those of {ALIVE} and {SLOW}, and no others.")
    expect(list(died) == [DEADLY], f"{DEADLY} died without an answer, and you did not say so.")
    code = died[DEADLY]
    expect(
        isinstance(code, int) and code != 0,
        f"{DEADLY} was killed: the exit code is some number other than 0. Join before you look.",
    )
    expect(not set(active_children()) - before, "some of your processes are still there: join all.")
    return f"Two answers, and {DEADLY} is reported dead; nothing waits, and no process is left."


def _in_time(answer: Any, *arguments: Any) -> Any:
    given = None
    hung = False
    try:
        with redirect_stdout(StringIO()), deadline(HUNG):
            given = answer(*arguments)
    except DeadlinePassed:
        hung = True
    gc.collect()  # what was given up holds on to a queue, and to its locks in the system
    expect(
        not hung,
        f"nobody will answer for {DEADLY}, who died before it could put anything, "
        "and ask waits for ever.",
    )
    return given
