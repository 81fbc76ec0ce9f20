"""The exercises of lesson 05: an end for all, a limit, three stages, a death that is told."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from multiprocessing import active_children, get_context
from queue import Empty, Queue
from typing import Any

from ..cost import life
from ..deadline import DeadlinePassed, busy_deadline
from . import exercise, expect
from ._real_queues import HAND, LIKE_ENDS, MANY, MOMENT, TURN, WAIT, really_made, really_used
from ._schedules import all_hold, all_tried, followed
from ._time_outs import ending_meanwhile
from ._workers import (
    ALIVE,
    BRIEF,
    EXITS,
    FORKED,
    HERE,
    KILLED,
    SILENT,
    SLOW,
    TALKS,
    greet,
    greeting,
    spawned,
)

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

    return _started([consume] * number)


def _started(targets: Iterable[Callable[[], None]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=target) for target in targets]
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

    threads = _started([consume] * consumers)
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
    """Every schedule of two and of three consumers; then more of both on real threads."""
    tried = all_hold(lambda: _all_used(answer, [0, 1], 2))
    tried += all_hold(lambda: _all_used(answer, [0], 3))
    for items, consumers in (
        (LIKE_ENDS * MANY, 11),
        (["one"], 3),
        ([], 2),
        ([0, 0, 1], 1),
    ):
        really_used(answer, items, consumers)
    return all_tried(tried)


def _all_used(answer: Any, items: Sequence[int], consumers: int) -> None:
    used: list[int] = []

    def use(item: int) -> None:
        used.append(item)

    answer(items, consumers, use)
    for item in items:
        assert item in used, f"item {item} was not used"
    assert len(used) == len(items), "an item was used twice"


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


@exercise(
    "queues.bounded",
    "Repair copy(read, write, size): while a block is written size others wait, and no more; an "
    "error of write is raised.",
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
    """A limit for every schedule, and a disk that is full at some time; then real threads."""
    for blocks, size in (("abcd", 1), ("", 1)):
        _copies(answer, blocks, size)
    for fails_at in ("a", "c", "ac"):
        _tells(answer, fails_at)
    _really_copied(answer, [b"d", b"", b"a", b"a", b"c", b"", b"b", b"e"], 5)
    _really_copied(answer, [b"b", b"a", b"b", b"", b"c", b"a", b"b"], 2)
    return (
        "For every schedule no more blocks waited than may, all were written in order, "
        "and a full disk was told."
    )


def _copies(answer: Any, blocks: str, size: int) -> None:
    all_hold(lambda: _all_written(answer, blocks, size))


def _tells(answer: Any, fails_at: str) -> None:
    all_hold(lambda: _full_disk(answer, fails_at))


def _all_written(answer: Any, blocks: str, size: int) -> None:
    left, begun, most, written = list(blocks), 0, 0, list[str]()

    def read() -> str | None:
        nonlocal most
        if not left:
            return None
        block = left.pop(0)
        most = max(most, len(blocks) - len(left) - begun)
        return block

    def write(block: str) -> None:
        nonlocal begun
        begun += 1
        written.append(block)

    answer(read, write, size)
    assert most <= size + HAND + 1, f"more than {size} waited"
    assert written == list(blocks), f"written were {written}, in this order"


def _full_disk(answer: Any, fails_at: str) -> None:
    left, written = list("abc"), list[str]()

    def read() -> str | None:
        return left.pop(0) if left else None

    def write(block: str) -> None:
        written.append(block)
        if block in fails_at:
            raise DiskFull(block)

    told = ""
    try:
        answer(read, write, 1)
    except DiskFull as error:
        told = str(error)
    assert told, "write raised DiskFull, and copy said nothing"
    assert told == fails_at[0], "write raised DiskFull, and copy raised another one"
    right = "abc"[: "abc".index(told) + 1]
    assert "".join(written) == right, f"{written} were written, and {told} was the last that could"


def _really_copied(answer: Any, blocks: Sequence[bytes], size: int) -> None:
    """On real threads each write waits until the reader has gone as far as it may."""
    left, written, changed = list(blocks), list[bytes](), threading.Condition()
    full, hung = size + HAND, False
    before, threads = set(threading.enumerate()), dict[str, set[threading.Thread]]()
    threads["read"], threads["write"] = set(), set()
    most, short, inside, together = 0, -1, list[bytes](), list[int]()

    def waiting() -> int:
        return len(blocks) - len(left) - len(written)

    def read() -> bytes | None:
        with changed:
            threads["read"].add(threading.current_thread())
            if not left:
                return None
            changed.notify_all()
            return left.pop(0)

    def write(block: bytes) -> None:
        nonlocal most, short
        with changed:
            threads["write"].add(threading.current_thread())
            written.append(block)
            inside.append(block)
            together.append(len(inside))
            if short < 0 and not changed.wait_for(lambda: waiting() >= full or not left, TURN):
                short = max(0, waiting() - HAND)
            if len(written) == 1:
                changed.wait_for(lambda: waiting() > full, MOMENT)
            most = max(most, waiting())
            inside.pop()

    try:
        with redirect_stdout(StringIO()), busy_deadline(WAIT):
            answer(read, write, size)
            for thread in set(threading.enumerate()) - before:
                if thread.name != "deadline":
                    thread.join()
    except DeadlinePassed:
        hung = True
    of = f"{len(blocks)} blocks, of which {size} may wait"
    expect(not hung, f"{of}: somebody waits for ever.")
    expect(max(together) == 1, f"{of}: two were written at once, so their order is chance.")
    expect(written == list(blocks), f"{of}: written were {written}, and not {list(blocks)}.")
    expect(
        not threads["read"] & threads["write"],
        f"{of}: one thread read and wrote. So the reader never reads on while a write takes long.",
    )
    expect(most <= full, f"{of}: more than {size} waited.")
    expect(
        short < 0,
        f"{of}: the reader waited, and only {short} did. It should read on in every write, until "
        f"{size} wait and the next one is in its hands.",
    )


# --------------------------------------------------------------------- album

Step = Callable[[Any], Any]


def make_album(urls: Iterable[Any], download: Step, shrink: Step, note: Step, size: int) -> None:
    """A solution of `queues.album`: two bounded queues, and an end that is handed on."""
    photos: Queue[Any] = Queue(size)
    small: Queue[Any] = Queue(size)

    def downloads() -> None:
        for url in urls:
            photos.put(download(url))
        photos.put(None)

    def shrinks() -> None:
        while (photo := photos.get()) is not None:
            small.put(shrink(photo))
        small.put(None)

    def notes() -> None:
        while (thumbnail := small.get()) is not None:
            note(thumbnail)

    for thread in _started([downloads, shrinks, notes]):
        thread.join()


def no_album(urls: Iterable[Any], download: Step, shrink: Step, note: Step, size: int) -> None:
    """The starter: a name, and nothing else."""


def album_without_limit(
    urls: Iterable[Any], download: Step, shrink: Step, note: Step, size: int
) -> None:
    """Half of it: all photos wait in memory where shrinking is slow."""
    make_album(urls, download, shrink, note, 0)


@exercise(
    "queues.album",
    "Write make_album(urls, download, shrink, note, size): three stages, each in a thread of its "
    "own, and between two of them a queue that holds size items.",
    hints=(
        "Three functions, one for each stage: the first puts, the second gets and puts, the third "
        "gets. How does each of the last two learn that nothing more will come?",
        "Queue(size) twice. The first stage ends with put(None); the second hands that on.",
        "`while (photo := photos.get()) is not None:` also takes a photo that is empty. Start all "
        "three threads, then join all three.",
    ),
    solution=make_album,
    starter=no_album,
    wrong=album_without_limit,
    says="more than 1 waited",
    seconds=60.0,
)
def _album(answer: Any) -> str:
    """Every schedule of two photos, if the explorer can follow; then real threads."""
    if _album_in_order(answer, ["a", "bc"]):
        _album_in_order(answer, [])
    for count, size, slow in (
        (9, 1, ""),
        (0, 2, ""),
        (9, 1, "shrink"),
        (9, 1, "note"),
        (12, 3, "shrink"),
        (12, 3, "note"),
    ):
        really_made(answer, count, size, slow)
    return "All photos were noted in order, three stages worked at once, and no queue was too long."


def _album_in_order(answer: Any, urls: list[str]) -> bool:
    def program() -> None:
        noted: list[str] = []

        def note(small: str) -> None:
            noted.append(small)

        answer(urls, str.upper, lambda photo: photo[1:], note, 1)
        right = [url[1:].upper() for url in urls]
        assert noted == right, f"noted were {noted}, and to be noted were {right}"

    return followed(program, f"{len(urls)} photos")


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


HUNG = 10.0  # seconds; all answers are there in two
LIVES = 10  # of a process that has nothing to do: seconds more, where others keep the CPUs busy


@exercise(
    "queues.dead_worker",
    "Repair ask(worker, names): the answers by name, and the exit codes of those who ended without "
    "one.",
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
    seconds=60.0,
)
def _dead_worker(answer: Any) -> str:
    """Some answer, some end without; then one is slower than all of that together.

    So whoever takes some time, however long, for a sign of death is mistaken. In the
    end all of them answer between two looks, one at the queue and one at who is alive.
    """
    before = time.monotonic()
    _asked(answer, 0, [], [])
    codes = _asked(answer, 0, [SILENT, TALKS, KILLED, BRIEF, ALIVE, EXITS], [TALKS, BRIEF, ALIVE])
    _judge_codes(codes)
    longer = min(time.monotonic() - before, HUNG) + 1
    _asked(answer, longer, [KILLED, SLOW, ALIVE], [ALIVE, SLOW])
    with ending_meanwhile(HUNG / 2):
        _asked(answer, 0, [EXITS, SLOW, ALIVE], [ALIVE, SLOW], LOOKED)
    return (
        f"All answers, the slow one and the long one, too; {KILLED}, {EXITS} and {SILENT} are "
        "reported dead; nothing waits, and no process is left."
    )


NO_TIME = "An exitcode of None belongs to somebody who is alive, and no time proves that nothing "
NO_TIME += "will come."
LOOKED = "It answered and ended after you had looked into the queue, and before you looked who is "
LOOKED += "alive: look at the exit codes first, and then at the queue."


def _asked(
    answer: Any, slow: float, names: list[str], alive: list[str], why: str = NO_TIME
) -> dict[str, Any]:
    """The exit codes that were given; NotYet unless the answers are those of `alive`."""
    before = set(active_children())
    patience = HUNG + LIVES * life(get_context("spawn").Process)
    given = _in_time(patience + slow, answer, partial(greet, slow), names)
    pair = isinstance(given, tuple) and len(given) == 2
    expect(
        pair and all(isinstance(each, dict) for each in given),
        f"ask must give two dicts, answers by name and exit codes by name, not {given!r:.60}.",
    )
    answers, codes = given
    for called in (HERE, FORKED):
        expect(
            called not in answers.values(),
            f"{called}. Each worker needs a process of its own, made by spawn: fork is not "
            "everywhere, and not safe where there are threads.",
        )
    dead = [name for name in names if name not in alive]
    for name in alive:
        expect(
            name not in codes or (name == TALKS and codes[name] == 1),
            f"{name} was not dead, only slow. {why}",
        )
        expect(name not in codes, f"{name} has answered before it ended, so it is not among those.")
        expect(name in answers, f"{name} has answered, and the answer is not there.")
        expect(answers[name] == greeting(name), f"the answer of {name} is not what it has put.")
    for name in dead:
        expect(name in codes, f"{name} ended without an answer, and you did not say so.")
    expect(
        len(answers) == len(alive) and len(codes) == len(dead),
        f"asked were {', '.join(names) or 'none'}, and you told of others, or of somebody twice.",
    )
    left = set(active_children()) - before
    expect(not left, "some of your processes are still there: join all.")
    return dict(codes)


def _judge_codes(codes: dict[str, Any]) -> None:
    expect(
        None not in codes.values(),
        f"the exit codes are {codes}: None belongs to somebody who is alive. Join before you look.",
    )
    killed = codes[KILLED]
    expect(
        isinstance(killed, int) and killed != 0,
        f"{KILLED} was killed: the exit code is some number other than 0, not {killed}.",
    )
    for name, code in ((EXITS, 3), (SILENT, 0)):
        said = f"{name} ended with the exit code {code}, not with {codes[name]}."
        if str(codes[name]).startswith("-"):  # by a signal
            said = f"{name} was not dead, only slow, and your function has ended it. {NO_TIME}"
        expect(codes[name] == code, said)


def _in_time(seconds: float, answer: Any, *arguments: Any) -> Any:
    given = None
    hung = False
    try:
        with spawned(), redirect_stdout(StringIO()), busy_deadline(seconds):
            given = answer(*arguments)
    except DeadlinePassed:
        hung = True
    gc.collect()  # what was given up holds on to a queue, and to its locks in the system
    expect(
        not hung,
        "ask waits for ever: for an answer of somebody who has died, or for the end of somebody "
        "whose long answer nobody has taken out of the queue yet.",
    )
    return given
