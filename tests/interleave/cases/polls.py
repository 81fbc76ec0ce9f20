"""Loops that poll and count their turns, or note them: nobody reads that, or somebody does."""

# ruff: noqa
import itertools
import queue
import time
from collections import Counter, deque
from threading import Condition, Event, Lock, Semaphore, Thread

from programs_told import together as go


def ok_shared_counter_under_lock():
    lock, done, polls = Lock(), [False], 0

    def poll():
        nonlocal polls
        while True:
            with lock:
                polls += 1
                if done[0]:
                    return

    def finish():
        with lock:
            done[0] = True

    go(poll, finish)


class Heart:
    def __init__(self):
        self.beats, self.stop = 0, Event()

    def run(self):
        while not self.stop.wait(0.1):
            self.beats += 1


def ok_beats_of_an_object():
    heart = Heart()
    go(heart.run, heart.stop.set)


class Beating(Thread):
    def __init__(self):
        super().__init__()
        self.beats, self.stop = 0, Event()

    def run(self):
        while not self.stop.is_set():
            self.beats += 1
            time.sleep(1)


def ok_beats_of_a_thread():
    beating = Beating()
    beating.start()
    beating.stop.set()
    beating.join()
    assert not beating.is_alive()


def race_beats_are_asked_for():
    """It may be stopped before its first beat."""
    beating = Beating()
    beating.start()
    beating.stop.set()
    beating.join()
    assert beating.beats > 0


def ok_condition_with_a_log():
    c, ready, log = Condition(), [], []

    def wait():
        with c:
            while not ready:
                log.append("waiting")
                c.wait(timeout=0.1)

    def wake():
        with c:
            ready.append(1)
            c.notify()

    go(wait, wake)


def ok_queue_with_a_log_of_tuples():
    q, got, log = queue.Queue(), [], deque()

    def take():
        while True:
            try:
                got.append(q.get(timeout=0.1))
                return
            except queue.Empty:
                log.appendleft(("empty", 1))

    go(take, lambda: q.put(1))
    assert got == [1]


def ok_two_pollers_one_counter():
    done, turns = Event(), [0]

    def poll():
        while not done.wait(1):
            turns[0] += 1

    go(poll, poll, done.set)


def ok_three_pollers_one_attribute():
    class Turns:
        n = 0

    done, turns = Event(), Turns()

    def poll():
        while not done.wait(1):
            turns.n = turns.n + 1

    go(poll, poll, poll, done.set)


def ok_item_of_a_dict():
    done, counts = [False], {"polls": 0, "hits": 0}

    def poll():
        while not done[0]:
            counts["polls"] += 1
        counts["hits"] += 1

    def finish():
        done[0] = True

    go(poll, finish)
    assert counts["hits"] == 1


def ok_item_of_a_counter():
    done, counts = [False], Counter()

    def poll():
        while not done[0]:
            counts["polls"] += 1

    def finish():
        done[0] = True

    go(poll, finish)


def ok_daemon_whose_list_grows():
    beats, total, lock = [], [0], Lock()

    def beat():
        while True:
            beats.append(1)
            time.sleep(1)

    def add():
        with lock:
            total[0] += 1

    Thread(target=beat, daemon=True).start()
    go(add, add)
    assert total == [2]


def ok_tries_are_counted():
    lock, total, tries = Lock(), [0], [0]

    def add():
        while not lock.acquire(timeout=0.1):
            tries[0] += 1
        total[0] += 1
        lock.release()

    go(add, add)
    assert total == [2]


def ok_list_of_its_own():
    done = Event()

    def poll():
        seen = []
        while not done.wait(0.1):
            seen.append("not yet")

    go(poll, done.set)


def ok_status_that_is_read_in_the_end():
    done = [False]

    class Worker:
        def run(self):
            recent = deque(maxlen=5)
            while not done[0]:
                recent.append("polling")
                self.status = "polling"
            self.status = "done"

    worker = Worker()

    def finish():
        done[0] = True

    go(worker.run, finish)
    assert worker.status == "done"


def ok_semaphore_with_a_count():
    slots, total, waits = Semaphore(1), [0], 0

    def use():
        nonlocal waits
        while not slots.acquire(blocking=False):
            waits += 1
        total[0] += 1
        slots.release()

    go(use, use)
    assert total == [2]


def ok_turns_of_count():
    done, seen = [False], []

    def poll():
        for _ in itertools.count():
            if done[0]:
                return
            seen.append("not yet")

    def finish():
        done[0] = True

    go(poll, finish)


def ok_one_waits_for_the_other():
    first, second, turns = [False], [False], [0]

    def a():
        while not first[0]:
            turns[0] += 1
        second[0] = True

    def b():
        while not second[0]:
            turns[0] += 1

    def begin():
        first[0] = True

    go(a, b, begin)


def livelock_try_both_and_count():
    a, b, tries = Lock(), Lock(), [0]

    def both(one, other):
        while True:
            with one:
                if other.acquire(blocking=False):
                    other.release()
                    return
            tries[0] += 1

    go(lambda: both(a, b), lambda: both(b, a))


def livelock_never_set_and_counted():
    done, turns = Event(), [0]

    def poll():
        while not done.wait(0.1):
            turns[0] += 1

    go(poll, done.clear)


def race_count_is_read_at_the_end():
    done, turns = Event(), [0]

    def poll():
        while not done.wait(0.1):
            turns[0] += 1

    go(poll, done.set)
    assert turns[0] < 2


def race_list_is_read_at_the_end():
    done, log = Event(), []

    def poll():
        while not done.wait(0.1):
            log.append(1)

    go(poll, done.set)
    assert len(log) < 2


def exception_third_turn():
    done, turns = Event(), [0]

    def poll():
        while not done.wait(0.1):
            turns[0] += 1
            if turns[0] == 3:
                raise TimeoutError

    go(poll, done.set)


def exception_another_reads_it():
    done, log = Event(), []

    def poll():
        while not done.wait(0.1):
            log.append(1)

    def watch():
        if len(log) > 1:
            raise ValueError
        done.set()

    go(poll, watch)


def exception_it_is_raised():
    """What an exception is given, its text reads."""
    done, log = Event(), []

    def poll():
        while not done.wait(0.1):
            log.append(1)
        if log:
            raise ValueError(log)

    go(poll, done.set)


def race_read_through_another_name():
    """The count of one object goes on in another."""

    class Turns:
        n = 0

    done, turns = Event(), Turns()

    def poll():
        while not done.wait(0.1):
            turns.n += 1

    def watch():
        if vars(turns).get("n", 0) >= 2:
            done.value = "twice"
        done.set()

    go(poll, watch)
    assert not hasattr(done, "value")


def race_the_list_has_another_owner():
    """Whoever is handed the list may look into it."""
    done, log = Event(), []

    def poll():
        while not done.wait(0.1):
            log.append("turn")

    def watch(notes):
        assert notes.count("turn") < 2
        done.set()

    failed = []

    def watching():
        try:
            watch(log)
        except AssertionError:
            failed.append(1)
            done.set()

    go(poll, watching)
    assert not failed


def race_type_changes():
    """A count that becomes a text is another state: adding to it fails."""
    done, turns, failed = Event(), [0], []

    def poll():
        while not done.wait(0.1):
            try:
                turns[0] += 1
            except TypeError:
                failed.append(1)
                return

    def spoil():
        turns[0] = "many"
        done.set()

    go(poll, spoil)
    assert not failed


def exception_bound_at_last():
    """The first turn makes it, so that the second differs."""

    class Turns:
        pass

    done, turns = Event(), Turns()

    def poll():
        while not done.wait(0.1):
            turns.n = 0
        turns.n += 1

    go(poll, done.set)


def race_attribute_of_a_primitive():
    """What a program keeps in an attribute of an Event, or of a Thread, is its own."""
    done = Event()
    done.value = 0

    def add():
        done.value += 1

    go(add, add)
    assert done.value == 2


def race_result_of_a_thread():
    first = Thread(target=lambda: setattr(first, "result", first.result + 1))
    second = Thread(target=lambda: setattr(first, "result", first.result + 1))
    first.result = 0
    for thread in (first, second):
        thread.start()
    for thread in (first, second):
        thread.join()
    assert first.result == 2
