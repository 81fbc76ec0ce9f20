"""Lesson 05: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from queue import Empty, Queue, SimpleQueue
from threading import Condition, Lock, Semaphore, Thread
from typing import Any

import pytest

from helpers.exercises import find, queues
from helpers.lesson import verdict
from helpers.queues import Stage, pipeline

Use = Callable[[Any], Any]
Read = Callable[[], Any]
Dicts = tuple[dict[str, Any], dict[str, Any]]
spawn = multiprocessing.get_context("spawn")


def refused(name: str, answer: Any, says: str) -> None:
    held, sentence = verdict(find(name), answer)
    assert not held, sentence
    assert says in sentence
    assert "\n" not in sentence


def taken(name: str, answer: Any) -> None:
    held, sentence = verdict(find(name), answer)
    assert held, sentence


def started(number: int, target: Callable[[], Any], **more: Any) -> list[Thread]:
    threads = [Thread(target=target, **more) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


# ----------------------------------------------------------------- sentinels


def no_thread(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: whoever puts them in uses them, and nobody else is there."""
    for item in items:
        use(item)


def two_ends(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: right for two consumers."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    threads = started(consumers, consume)
    for item in [*items, None, None]:
        line.put(item)
    for thread in threads:
        thread.join()


def five_ends(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: right for five consumers, and for fewer."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    threads = started(consumers, consume)
    for item in items:
        line.put(item)
    for _ in range(5):
        line.put(None)
    for thread in threads:
        thread.join()


def zero_is_the_end(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: takes 0 for the end, as `while item` does."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while item := line.get():
            use(item)

    threads = started(consumers, consume)
    for item in [*items, *[None] * consumers]:
        line.put(item)
    for thread in threads:
        thread.join()


def minus_one_is_the_end(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: an item may be -1."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) != -1:
            use(item)

    threads = started(consumers, consume)
    for item in [*items, *[-1] * consumers]:
        line.put(item)
    for thread in threads:
        thread.join()


def joins_the_last(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: only the last of the consumers is joined."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    threads = started(consumers, consume)
    for item in [*items, *[None] * consumers]:
        line.put(item)
    threads[-1].join()


def waits_for_the_queue(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: all items are used, and the consumers wait for more as long as the program runs."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while True:
            use(line.get())
            line.task_done()

    started(consumers, consume, daemon=True)
    for item in items:
        line.put(item)
    line.join()


def one_consumer(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: one consumer ends for certain, and the others were not asked."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    for item in [*items, None]:
        line.put(item)
    for thread in started(1, consume):
        thread.join()


def thread_for_each(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: as many threads as items."""
    threads = [Thread(target=use, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def empty_then_get(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: between empty() and get() somebody else may take the last one."""
    line: Queue[Any] = Queue()
    for item in items:
        line.put(item)

    def consume() -> None:
        while not line.empty():
            use(line.get())

    for thread in started(consumers, consume):
        thread.join()


def room_for_fifty(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: fills a queue with a limit before anybody takes something out of it."""
    line: Queue[Any] = Queue(50)
    for item in [*items, *[None] * consumers]:
        line.put(item)

    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    for thread in started(consumers, consume):
        thread.join()


def calls_the_consumer(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: consume() is called where it should be handed over."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) is not None:
            use(item)

    threads = [Thread(target=consume()) for _ in range(consumers)]  # type: ignore[func-returns-value]
    for item in [*items, *[None] * len(threads)]:
        line.put(item)
    for thread in threads:
        thread.start()


def an_empty_list_is_the_end(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Wrong: an item may be an empty list."""
    line: Queue[Any] = Queue()

    def consume() -> None:
        while (item := line.get()) != []:
            use(item)

    threads = started(consumers, consume)
    for item in [*items, *[[] for _ in threads]]:
        line.put(item)
    for thread in threads:
        thread.join()


WRONG_ENDS = [
    (an_empty_list_is_the_end, "11 consumers"),
    (calls_the_consumer, "calls f there and then: write target=f, in line 9 of your function"),
    (no_thread, "in the thread of the caller"),
    (five_ends, "11 consumers: somebody waits for ever"),
    (two_ends, "deadlock"),
    (zero_is_the_end, "item 0 was not used"),
    (minus_one_is_the_end, "11 consumers"),
    (joins_the_last, "not used"),
    (waits_for_the_queue, "waits for ever"),
    (one_consumer, "11 consumers that work at the same time"),
    (thread_for_each, "There are to be 11 consumers"),
    (empty_then_get, "deadlock"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_ENDS)
def test_consumers_that_do_not_end_right_are_refused(answer: Any, says: str) -> None:
    refused("queues.sentinels", answer, says)


def handed_on(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Right: one end, which everybody hands on to the next."""
    line: SimpleQueue[Any] = SimpleQueue()
    end = object()

    def consume() -> None:
        while (item := line.get()) is not end:
            use(item)
        line.put(end)

    threads = started(consumers, consume)
    for item in [*items, end]:
        line.put(item)
    for thread in threads:
        thread.join()


def filled_before(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Right: all items are there before anybody begins, so an empty queue is the end."""
    line: Queue[Any] = Queue()
    for item in items:
        line.put(item)

    def consume() -> None:
        while True:
            try:
                item = line.get_nowait()
            except Empty:
                return
            use(item)

    for thread in started(consumers, consume):
        thread.join()


def by_a_pool(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Right: a pool is a queue with consumers that know when to end."""
    with ThreadPoolExecutor(consumers) as pool:
        for item in items:
            pool.submit(use, item)


def by_hand(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Right: a deque, a condition, and a flag that says that no more will come."""
    line, changed, over = deque[Any](), Condition(), [False]

    def consume() -> None:
        while True:
            with changed:
                changed.wait_for(lambda: line or over[0])
                if not line:
                    return
                item = line.popleft()
            use(item)

    threads = started(consumers, consume)
    for item in items:
        with changed:
            line.append(item)
            changed.notify()
    with changed:
        over[0] = True
        changed.notify_all()
    for thread in threads:
        thread.join()


def test_a_queue_that_is_filled_before_anybody_takes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queues, "WAIT", 2.0)  # it waits for ever, so that is enough
    refused("queues.sentinels", room_for_fifty, "somebody waits for ever")


def one_line_each(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Right: a queue for each consumer, and the items are dealt out like cards."""
    lines = [Queue[Any]() for _ in range(consumers)]

    def consume(line: Queue[Any]) -> None:
        while found := line.get():
            use(found[0])

    threads = [Thread(target=consume, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for number, item in enumerate(items):
        lines[number % consumers].put((item,))
    for line in lines:
        line.put(())
    for thread in threads:
        thread.join()


def one_by_one_from_the_source(items: Iterable[Any], consumers: int, use: Use) -> None:
    """Right: no queue; the consumers share an iterator and a lock."""
    source, lock = iter(items), Lock()

    def consume() -> None:
        while True:
            with lock:
                item = next(source, lock)
            if item is lock:
                return
            use(item)

    for thread in started(consumers, consume):
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [handed_on, filled_before, by_a_pool, by_hand, one_line_each, one_by_one_from_the_source],
)
def test_consumers_that_end_right_are_taken(answer: Any) -> None:
    taken("queues.sentinels", answer)


# ------------------------------------------------------------------- bounded


def one_thread_only(read: Read, write: Use, size: int) -> None:
    """Wrong: never more than one block, and nobody reads while one is written."""
    while (block := read()) is not None:
        write(block)


def one_waits(read: Read, write: Use, size: int) -> None:
    """Wrong: room for one, whatever the size."""
    with_queue(read, write, 1)


def twice_the_size(read: Read, write: Use, size: int) -> None:
    """Wrong: room for twice as many as may wait."""
    with_queue(read, write, 2 * size + 1)


def one_more(read: Read, write: Use, size: int) -> None:
    """Wrong: the reader has one more in its hands already."""
    with_queue(read, write, size + 1)


def one_fewer(read: Read, write: Use, size: int) -> None:
    """Wrong: right for one."""
    with_queue(read, write, max(1, size - 1))


def with_queue(read: Read, write: Use, room: int) -> None:
    blocks: Queue[Any] = Queue(room)
    errors: list[Exception] = []

    def writer() -> None:
        while (block := blocks.get()) is not None:
            try:
                if not errors:
                    write(block)
            except Exception as error:
                errors.append(error)

    thread = Thread(target=writer)
    thread.start()
    while (block := read()) is not None:
        blocks.put(block)
    blocks.put(None)
    thread.join()
    if errors:
        raise errors[0]


def ends_at_an_empty_block(read: Read, write: Use, size: int) -> None:
    """Wrong: an empty block is not the end, None is."""

    def until_false() -> Any:
        return read() or None

    with_queue(until_false, write, size)


def looks_before_each_block(read: Read, write: Use, size: int) -> None:
    """Wrong: an error at the last block comes after the last look."""
    blocks: Queue[Any] = Queue(size)
    errors: list[Exception] = []

    def writer() -> None:
        while (block := blocks.get()) is not None:
            try:
                if not errors:
                    write(block)
            except Exception as error:
                errors.append(error)

    thread = Thread(target=writer)
    thread.start()
    while (block := read()) is not None:
        if errors:
            break
        blocks.put(block)
    error = errors[0] if errors else None
    blocks.put(None)
    thread.join()
    if error:
        raise error


def writes_on(read: Read, write: Use, size: int) -> None:
    """Wrong: goes on writing after a block is missing."""
    blocks: Queue[Any] = Queue(size)
    errors: list[Exception] = []

    def writer() -> None:
        while (block := blocks.get()) is not None:
            try:
                write(block)
            except Exception as error:
                errors.append(error)

    thread = Thread(target=writer)
    thread.start()
    while (block := read()) is not None:
        blocks.put(block)
    blocks.put(None)
    thread.join()
    if errors:
        raise errors[0]


def swallows(read: Read, write: Use, size: int) -> None:
    """Wrong: does not hang, and says nothing."""
    with ThreadPoolExecutor(1) as pool:
        slots = Semaphore(size)

        def one(block: Any) -> None:
            try:
                write(block)
            finally:
                slots.release()

        while (block := read()) is not None:
            slots.acquire()
            pool.submit(one, block)


def writer_ends(read: Read, write: Use, size: int) -> None:
    """Wrong: keeps the error and ends; then put waits for room that nobody makes."""
    blocks: Queue[Any] = Queue(size)
    errors: list[Exception] = []

    def writer() -> None:
        try:
            while (block := blocks.get()) is not None:
                write(block)
        except Exception as error:
            errors.append(error)

    thread = Thread(target=writer)
    thread.start()
    while (block := read()) is not None:
        blocks.put(block)
    blocks.put(None)
    thread.join()
    if errors:
        raise errors[0]


def a_pool_of_writers(read: Read, write: Use, size: int) -> None:
    """Wrong: two write at once, and the order is lost; with a size of 1 it is right."""
    failed = [False]

    def one(block: Any) -> None:
        try:
            if not failed[0]:
                write(block)
        except Exception:
            failed[0] = True
            raise

    with ThreadPoolExecutor(2) as pool:
        slots, futures = Semaphore(size), []
        while (block := read()) is not None:
            slots.acquire()
            future = pool.submit(one, block)
            future.add_done_callback(lambda _: slots.release())
            futures.append(future)
    for future in futures:
        future.result()


def group_by_group(read: Read, write: Use, size: int) -> None:
    """Wrong: while a group is written, nobody reads on."""
    with ThreadPoolExecutor(1) as pool:
        while group := [block for _ in range(size) if (block := read()) is not None]:
            pool.submit(lambda blocks: [write(block) for block in blocks], group).result()


def by_slots(read: Read, write: Use, size: int) -> None:
    """Right: a semaphore is the limit, a pool of one writes, and its futures have the error."""
    with_slots(read, write, size + 1)  # whoever is written has a slot, too


def slots_while_written(read: Read, write: Use, size: int) -> None:
    """Wrong: a slot that is held while its block is written is no place to wait."""
    with_slots(read, write, size)


def with_slots(read: Read, write: Use, number: int) -> None:
    slots, futures, failed = Semaphore(number), list[Any](), [False]

    def one(block: Any) -> None:
        try:
            if not failed[0]:
                write(block)
        except Exception:
            failed[0] = True
            raise
        finally:
            slots.release()

    with ThreadPoolExecutor(1) as pool:
        while (block := read()) is not None:
            slots.acquire()
            futures.append(pool.submit(one, block))
    for future in futures:
        future.result()


def calls_the_writer(read: Read, write: Use, size: int) -> None:
    """Wrong: writer() is called where it should be handed over."""
    blocks: Queue[Any] = Queue(size)

    def writer() -> None:
        while (block := blocks.get()) is not None:
            write(block)

    thread = Thread(target=writer())  # type: ignore[func-returns-value]
    thread.start()
    while (block := read()) is not None:
        blocks.put(block)
    blocks.put(None)
    thread.join()


WRONG_COPIES = [
    (calls_the_writer, "calls f there and then: write target=f, in line 9 of your function"),
    (group_by_group, "should read on in every write"),
    (one_thread_only, "one thread read and wrote"),
    (one_waits, "the reader waited, and only 1 did"),
    (twice_the_size, "more than 1 waited"),
    (one_more, "more than 1 waited"),
    (one_fewer, "and only 4 did"),
    (slots_while_written, "and only 4 did"),
    (ends_at_an_empty_block, "written were"),
    (looks_before_each_block, "copy said nothing"),
    (writes_on, "was the last that could"),
    (swallows, "copy said nothing"),
    (writer_ends, "deadlock"),
    (a_pool_of_writers, "two were written at once"),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_COPIES)
def test_a_copy_that_goes_wrong_is_refused(answer: Any, says: str) -> None:
    refused("queues.bounded", answer, says)


def stops_reading(read: Read, write: Use, size: int) -> None:
    """Right: reads no more once something has failed."""
    blocks: Queue[Any] = Queue(size)
    errors: list[BaseException] = []

    def writer() -> None:
        while (block := blocks.get()) is not None:
            try:
                if not errors:
                    write(block)
            except BaseException as error:
                errors.append(error)

    thread = Thread(target=writer)
    thread.start()
    while not errors and (block := read()) is not None:
        blocks.put(block)
    blocks.put(None)
    thread.join()
    if errors:
        raise errors[0]


def writer_empties_the_queue(read: Read, write: Use, size: int) -> None:
    """Right: after an error the writer takes what comes, in another loop."""
    blocks: Queue[Any] = Queue(size)
    errors: list[Exception] = []

    def writer() -> None:
        try:
            while (block := blocks.get()) is not None:
                write(block)
        except Exception as error:
            errors.append(error)
            while blocks.get() is not None:
                pass

    thread = Thread(target=writer)
    thread.start()
    for block in iter(read, None):
        blocks.put(block)
    blocks.put(None)
    thread.join()
    for error in errors:
        raise error


def the_other_way_round(read: Read, write: Use, size: int) -> None:
    """Right: the reader has the second thread, and whoever called writes and raises."""
    blocks: Queue[Any] = Queue(size)
    failed = threading.Event()

    def reader() -> None:
        while not failed.is_set() and (block := read()) is not None:
            blocks.put(block)
        blocks.put(None)

    thread = Thread(target=reader)
    thread.start()
    try:
        while (block := blocks.get()) is not None:
            write(block)
    except Exception:
        failed.set()
        while blocks.get() is not None:
            pass
        raise
    finally:
        thread.join()


def by_condition(read: Read, write: Use, size: int) -> None:
    """Right: a list and a condition; an error makes room for everything."""
    line, changed, over, errors = list[Any](), Condition(), [False], list[Exception]()

    def writer() -> None:
        while True:
            with changed:
                changed.wait_for(lambda: line or over[0])
                if not line:
                    return
                block = line.pop(0)
                changed.notify_all()
            try:
                write(block)
            except Exception as error:
                with changed:
                    errors.append(error)
                    changed.notify_all()
                return

    thread = Thread(target=writer)
    thread.start()
    while (block := read()) is not None:
        with changed:
            changed.wait_for(lambda: len(line) < size or errors)
            if errors:
                break
            line.append(block)
            changed.notify_all()
    with changed:
        over[0] = True
        changed.notify_all()
    thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize(
    "answer",
    [stops_reading, writer_empties_the_queue, the_other_way_round, by_slots, by_condition],
)
def test_a_copy_that_goes_right_is_taken(answer: Any) -> None:
    taken("queues.bounded", answer)


# --------------------------------------------------------------- dead_worker


def begun(worker: Use, names: Sequence[str], queue: Any, context: Any = spawn) -> dict[str, Any]:
    workers = {name: context.Process(target=worker, args=(name, queue)) for name in names}
    for process in workers.values():
        process.start()
    return workers


def codes(workers: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    return {name: each.exitcode for name, each in workers.items() if name not in answers}


def joins_before_it_takes(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: a long answer does not fit into the pipe, and its worker cannot end."""
    queue, answers = spawn.Queue(), dict[str, Any]()
    workers = begun(worker, names, queue)
    for process in workers.values():
        process.join()
    while not queue.empty():
        name, text = queue.get()
        answers[name] = text
    return answers, codes(workers, answers)


def looks_at_them_last(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: between the empty queue and the look at who is alive somebody answers and ends."""
    queue, answers = spawn.Queue(), dict[str, Any]()
    workers = begun(worker, names, queue)
    while len(answers) < len(names):
        try:
            name, text = queue.get_nowait()
            answers[name] = text
        except Empty:
            if not any(each.is_alive() for each in workers.values()):
                break
            time.sleep(0.001)
    for process in workers.values():
        process.join()
    return answers, codes(workers, answers)


def five_seconds(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: whoever has not answered in some seconds is called dead."""
    queue, answers = spawn.Queue(), dict[str, Any]()
    workers = begun(worker, names, queue)
    until = time.monotonic() + 3
    while (left := until - time.monotonic()) > 0:
        try:
            name, text = queue.get(timeout=left)
            answers[name] = text
        except Empty:
            break
    for process in workers.values():
        process.terminate()
        process.join()
    return answers, codes(workers, answers)


def signals_only(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: knows who was killed, but not who left by itself."""
    queue, answers, died = spawn.Queue(), dict[str, Any](), dict[str, Any]()
    workers = begun(worker, names, queue)
    while len(answers) + len(died) < len(names):
        died = {n: p.exitcode for n, p in workers.items() if p.exitcode and p.exitcode < 0}
        if all(process.exitcode is not None for process in workers.values()) and queue.empty():
            break
        try:
            name, text = queue.get(timeout=0.1)
            answers[name] = text
        except Empty:
            pass
    for process in workers.values():
        process.join()
    return answers, died


def zero_is_alive(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: who ended with 0 without an answer is not among those who ended without one."""
    answers, died = in_order(worker, names)
    return answers, {name: code for name, code in died.items() if code}


def failed_is_dead(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: who answered and then ended with an error had an answer."""
    queue, answers = spawn.Queue(), dict[str, Any]()
    workers = begun(worker, names, queue)
    while True:
        ended = all(process.exitcode is not None for process in workers.values())
        try:
            name, text = queue.get(timeout=0.1)
            answers[name] = text
        except Empty:
            if ended:
                break
    died = {name: p.exitcode for name, p in workers.items() if p.exitcode or name not in answers}
    return {name: text for name, text in answers.items() if name not in died}, died


def leaves_them(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: looks at the exit code of somebody who need not have one yet."""
    queue, answers = spawn.Queue(), dict[str, Any]()
    workers = begun(worker, names, queue)
    try:
        while True:
            name, text = queue.get(timeout=0.01)
            answers[name] = text
    except Empty:
        return answers, codes(workers, answers)


def in_this_process(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: threads; the first that dies takes the whole program along."""
    queue: Queue[Any] = Queue()
    threads = [Thread(target=worker, args=(name, queue)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = dict(queue.get() for _ in range(queue.qsize()))
    return answers, {name: 1 for name in names if name not in answers}


def forks(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: a closure reaches a forked process, and no other one."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()

    def work(name: str, answers: Any) -> None:
        worker(name, answers)

    workers = begun(work, names, queue, context)  # type: ignore[arg-type]
    answers = dict(queue.get() for _ in names)
    for process in workers.values():
        process.join()
    return answers, {}


def empty_is_dead(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: an empty answer is one, too."""
    answers, died = in_order(worker, names)
    return answers, died | {name: 0 for name, text in answers.items() if not text}


def a_thread_for_each_name(worker: Any, names: Sequence[str]) -> Dicts:
    """Wrong: without names a pool of no threads is refused."""
    with ThreadPoolExecutor(len(names)) as pool:
        return pool.submit(in_order, worker, names).result()


WRONG_ASKS = [
    (empty_is_dead, "Gina was not dead"),
    (a_thread_for_each_name, "max_workers must be greater than 0"),
    (looks_at_them_last, "look at the exit codes first"),
    (joins_before_it_takes, "for the end of somebody whose long answer"),
    (five_seconds, "only slow"),
    (signals_only, "ended without an answer, and you did not say so"),
    (zero_is_alive, "fritz ended without an answer"),
    (failed_is_dead, "Emil has answered before it ended"),
    (leaves_them, "only slow"),
    (in_this_process, "called in the process that asks"),
    pytest.param(
        forks,
        "this process was forked",
        marks=pytest.mark.skipif(
            "fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here"
        ),
    ),
]


@pytest.mark.parametrize(("answer", "says"), WRONG_ASKS)
def test_who_cannot_tell_the_dead_is_refused(answer: Any, says: str) -> None:
    refused("queues.dead_worker", answer, says)


def in_order(worker: Any, names: Sequence[str]) -> Dicts:
    """Right: a queue for each, and whoever has ended with nothing in it is dead."""
    queues = {name: spawn.Queue() for name in names}
    workers = {name: spawn.Process(target=worker, args=(name, queues[name])) for name in names}
    for process in workers.values():
        process.start()
    answers = {}
    for name, process in workers.items():
        while name not in answers:
            ended = process.exitcode is not None
            try:
                answers[name] = queues[name].get(timeout=0.05)[1]
            except Empty:
                if ended:
                    break
        process.join()
    return answers, codes(workers, answers)


def by_sentinels(worker: Any, names: Sequence[str]) -> Dicts:
    """Right: waits for an end and takes what comes meanwhile; a last look when all have ended."""
    queue, answers = spawn.Queue(), dict[str, Any]()
    workers = begun(worker, names, queue)
    alive = list(workers.values())
    while alive:
        wait([each.sentinel for each in alive], timeout=0.05)
        alive = [each for each in alive if each.exitcode is None]
        while True:
            try:
                name, text = queue.get(timeout=0.05)
            except Empty:
                break
            answers[name] = text
    for each in workers.values():
        each.join()
    return answers, codes(workers, answers)


def by_the_default(worker: Any, names: Sequence[str]) -> Dicts:
    """Right with any start method: nothing but what can be pickled goes there."""
    queue: Any = multiprocessing.Queue()
    answers: dict[str, Any] = {}
    workers = begun(worker, names, queue, multiprocessing)
    collected = threading.Event()

    def collect() -> None:
        while (given := queue.get()) is not None:
            answers[given[0]] = given[1]
        collected.set()

    Thread(target=collect).start()
    for process in workers.values():
        process.join()
    queue.put(None)
    assert collected.wait(60)
    return answers, codes(workers, answers)


def with_a_manager(worker: Any, names: Sequence[str]) -> Dicts:
    """Right: what was put is with the manager, so one may join before one takes."""
    with spawn.Manager() as manager:
        queue, answers = manager.Queue(), dict[str, Any]()
        workers = begun(worker, names, queue)
        for process in workers.values():
            process.join()
        while not queue.empty():
            name, text = queue.get()
            answers[name] = text
        return answers, codes(workers, answers)


@pytest.mark.parametrize("answer", [in_order, by_sentinels, by_the_default, with_a_manager])
def test_who_tells_the_dead_is_taken(answer: Any) -> None:
    taken("queues.dead_worker", answer)


def test_a_pair_that_is_none_is_named() -> None:
    refused("queues.dead_worker", lambda worker, names: {}, "must give two dicts")


def test_a_lock_is_no_leftover() -> None:
    """After a check that hung, the next one begins as if nothing had been."""
    lock = Lock()
    with lock:
        taken("queues.sentinels", handed_on)


# --------------------------------------------------------------------- album

Step = Callable[[Any], Any]


def three_threads(*stages: Callable[[], None]) -> None:
    threads = [Thread(target=stage) for stage in stages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def photo_by_photo(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Wrong: no stage begins before the last one has ended."""
    for url in urls:
        note(shrink(download(url)))


def stage_by_stage(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Wrong: all photos are downloaded before the first one is shrunk."""
    photos: list[Any] = []
    small: list[Any] = []
    for work, source, target in ((download, urls, photos), (shrink, photos, small)):
        three_threads(partial(_all_of, work, source, target))
    three_threads(partial(_all_of, note, small, []))


def _all_of(work: Step, source: Any, target: list[Any]) -> None:
    target.extend(map(work, source))


def an_empty_photo_is_the_end(
    urls: Any, download: Step, shrink: Step, note: Step, size: int
) -> None:
    """Wrong: `while photo := ...` takes an empty photo for the end."""
    photos: Queue[Any] = Queue(size)
    small: Queue[Any] = Queue(size)

    def downloads() -> None:
        for url in urls:
            photos.put(download(url))
        photos.put(None)

    def shrinks() -> None:
        while photo := photos.get():
            small.put(shrink(photo))
        small.put(None)

    def notes() -> None:
        while thumbnail := small.get():
            note(thumbnail)

    three_threads(downloads, shrinks, notes)


def keeps_the_end(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Wrong: the last stage is not told that it is over."""
    photos: Queue[Any] = Queue(size)
    small: Queue[Any] = Queue(size)

    def downloads() -> None:
        for url in urls:
            photos.put(download(url))
        photos.put(None)

    def shrinks() -> None:
        while (photo := photos.get()) is not None:
            small.put(shrink(photo))

    def notes() -> None:
        while (thumbnail := small.get()) is not None:
            note(thumbnail)

    three_threads(downloads, shrinks, notes)


def does_not_wait(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Wrong: comes back before all is noted."""
    worker = Thread(target=queues.make_album, args=(urls, download, shrink, note, size))
    worker.start()


def second_queue_without_limit(
    urls: Any, download: Step, shrink: Step, note: Step, size: int
) -> None:
    """Wrong: where noting is slow, all thumbnails wait in memory."""
    photos: Queue[Any] = Queue(size)
    small: Queue[Any] = Queue()

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

    three_threads(downloads, shrinks, notes)


def one_place_less(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Wrong: with a size of 1 there is no limit, else one item less than may."""
    queues.make_album(urls, download, shrink, note, size - 1)


def shrinks_where_it_downloads(
    urls: Any, download: Step, shrink: Step, note: Step, size: int
) -> None:
    """Wrong: two stages in one thread."""
    small: Queue[Any] = Queue(size)

    def makes() -> None:
        for url in urls:
            small.put(shrink(download(url)))
        small.put(None)

    def notes() -> None:
        while (thumbnail := small.get()) is not None:
            note(thumbnail)

    three_threads(makes, notes)


def the_caller_downloads(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Right: two threads and the caller, and a sentinel of its own."""
    end, photos, small = object(), Queue[Any](size), Queue[Any](size)

    def shrinks() -> None:
        for photo in iter(photos.get, end):
            small.put(shrink(photo))
        small.put(end)

    def notes() -> None:
        for thumbnail in iter(small.get, end):
            note(thumbnail)

    threads = [Thread(target=shrinks), Thread(target=notes)]
    for thread in threads:
        thread.start()
    for url in urls:
        photos.put(download(url))
    photos.put(end)
    for thread in threads:
        thread.join()


def by_conditions(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Right: a list and a condition for each queue."""

    class Line:
        def __init__(self) -> None:
            self.items: list[Any] = []
            self.changed = Condition()

        def put(self, item: Any) -> None:
            with self.changed:
                while len(self.items) >= size:
                    self.changed.wait()
                self.items.append(item)
                self.changed.notify_all()

        def get(self) -> Any:
            with self.changed:
                while not self.items:
                    self.changed.wait()
                item = self.items.pop(0)
                self.changed.notify_all()
                return item

    photos, small = Line(), Line()

    def downloads() -> None:
        for url in urls:
            photos.put([download(url)])
        photos.put([])

    def shrinks() -> None:
        while box := photos.get():
            small.put([shrink(box[0])])
        small.put([])

    def notes() -> None:
        while box := small.get():
            note(box[0])

    three_threads(downloads, shrinks, notes)


def by_the_helper(urls: Any, download: Step, shrink: Step, note: Step, size: int) -> None:
    """Right: the pipeline of this course, whose threads the explorer does not follow."""
    stages = Stage("download", download), Stage("shrink", shrink), Stage("note", note)
    pipeline(urls, *stages, size=size)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (photo_by_photo, "one thread did the work of two stages"),
        (stage_by_stage, "never at work at the same time"),
        (an_empty_photo_is_the_end, "deadlock"),
        (keeps_the_end, "deadlock"),
        (does_not_wait, "noted were"),
        (second_queue_without_limit, "while the first note took long, more than 1 waited"),
        (one_place_less, "more than 1 waited"),
        (shrinks_where_it_downloads, "one thread did the work of two stages"),
    ],
)
def test_an_album_that_hangs_or_fills_the_memory_is_refused(
    answer: Callable[..., None], says: str
) -> None:
    refused("queues.album", answer, says)


@pytest.mark.parametrize("answer", [the_caller_downloads, by_conditions, by_the_helper])
def test_an_unusual_album_is_taken(answer: Callable[..., None]) -> None:
    taken("queues.album", answer)
