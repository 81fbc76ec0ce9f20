"""D. Loops that wait, poll and try again; programs that must not cost more than they do by hand."""

# ruff: noqa
import contextlib
import dataclasses
import enum
import queue
import threading
import time
from threading import Condition, Event, Lock, Semaphore, Thread

from programs_told import together as go


# ------------------------------------------------ loops that wait for another


def ok_spin_on_a_flag():
    """A loop that reads a flag which the other sets."""
    done = [False]

    def wait():
        while not done[0]:
            pass

    def finish():
        done[0] = True

    go(wait, finish)


def ok_sleep_on_a_flag():
    """The same with a sleep in the loop."""
    done = [False]

    def wait():
        while not done[0]:
            time.sleep(0.01)

    def finish():
        done[0] = True

    go(wait, finish)


def livelock_flag_never_set():
    """Nobody sets the flag: it polls for ever."""
    done, other = [False], [False]

    def wait():
        while not done[0]:
            time.sleep(0.01)

    def finish():
        other[0] = True

    go(wait, finish)


def livelock_flag_set_in_passing():
    """The flag is taken back: who looks too late polls for ever."""
    done = [False]

    def wait():
        while not done[0]:
            pass

    def finish():
        done[0] = True
        done[0] = False

    go(wait, finish)


def ok_event_with_timeouts():
    """wait with a time-out, again and again, by two."""
    e = Event()

    def patient():
        while True:
            if e.wait(1):
                return

    go(patient, patient, e.set)


def livelock_event_never_set():
    """wait with a time-out, again and again, and nobody sets it."""
    e = Event()

    def patient():
        while not e.wait(0.1):
            pass

    go(patient, e.clear)


def ok_condition_with_timeout():
    """A condition waited for with a time-out in a loop."""
    c, ready = Condition(), []

    def wait():
        with c:
            while not ready:
                c.wait(timeout=0.1)

    def wake():
        with c:
            ready.append(1)
            c.notify()

    go(wait, wake)


def ok_condition_without_notify_but_timeout():
    """Nobody notifies, but the time-out looks again."""
    c, ready = Condition(), []

    def wait():
        with c:
            while not ready:
                c.wait(timeout=0.1)

    def wake():
        with c:
            ready.append(1)

    go(wait, wake)


def deadlock_condition_without_notify():
    """Nobody notifies, and there is no time-out."""
    c, ready = Condition(), []

    def wait():
        with c:
            while not ready:
                c.wait()

    def wake():
        with c:
            ready.append(1)

    go(wait, wake)


def ok_queue_with_timeout():
    """get with a time-out, and Empty as the sign to look again."""
    q, got = queue.Queue(), []

    def take():
        while True:
            try:
                got.append(q.get(timeout=0.1))
                return
            except queue.Empty:
                continue

    go(take, lambda: q.put(1))
    assert got == [1]


def ok_queue_polled():
    """get_nowait in a loop."""
    q, got = queue.Queue(), []

    def take():
        while not got:
            try:
                got.append(q.get_nowait())
            except queue.Empty:
                pass

    go(take, lambda: q.put(1))
    assert got == [1]


def ok_acquire_with_timeout():
    """acquire with a time-out in a loop."""
    lock, n = Lock(), [0]

    def add():
        while not lock.acquire(timeout=0.1):
            pass
        n[0] += 1
        lock.release()

    go(add, add)
    assert n == [2]


def ok_acquire_tried():
    """acquire without blocking in a loop: a spin lock."""
    lock, n = Lock(), [0]

    def add():
        while not lock.acquire(blocking=False):
            pass
        n[0] += 1
        lock.release()

    go(add, add)
    assert n == [2]


def ok_poll_through_a_method():
    """Polling through a method that takes a lock."""
    lock, done = Lock(), []

    def is_done():
        with lock:
            return bool(done)

    def poll():
        while not is_done():
            pass

    def finish():
        with lock:
            done.append(1)

    go(poll, finish)


def ok_counting_poll():
    """Each turn counts, for itself only."""
    done = [False]

    def poll():
        turns = 0
        while not done[0]:
            turns += 1

    def finish():
        done[0] = True

    go(poll, finish)


def ok_poll_that_gives_up():
    """Three looks at most."""
    done, seen = [False], []

    def poll():
        for _ in range(3):
            if done[0]:
                seen.append(1)
                return

    def finish():
        done[0] = True

    go(poll, finish)
    assert len(seen) <= 1


def race_poll_that_gives_up():
    """Three looks may all come too early."""
    done, seen = [False], []

    def poll():
        for _ in range(3):
            if done[0]:
                seen.append(1)
                return

    def finish():
        done[0] = True

    go(poll, finish)
    assert seen


def ok_poll_is_alive():
    """Polling until a thread has ended."""
    t = Thread(target=int)
    t.start()
    while t.is_alive():
        time.sleep(0.01)
    t.join()


def ok_join_with_timeout():
    """join with a time-out in a loop."""
    n = []
    t = Thread(target=lambda: n.append(1))
    t.start()
    while t.is_alive():
        t.join(0.1)
    assert n == [1]


# ------------------------------------------------ who gives way


def livelock_two_polite_people():
    """Each wants, sees that the other wants, and gives way: for ever, in step."""
    wants = [False, False]

    def pass_by(me):
        wants[me] = True
        while wants[1 - me]:
            wants[me] = False
            wants[me] = True
        wants[me] = False

    go(lambda: pass_by(0), lambda: pass_by(1))


def livelock_spoon():
    """The owner of the spoon gives it to the other as long as that one is hungry."""
    spoon, hungry = [0], [True, True]

    def eat(me):
        while hungry[me]:
            if spoon[0] != me:
                continue
            if hungry[1 - me]:
                spoon[0] = 1 - me
                continue
            hungry[me] = False

    go(lambda: eat(0), lambda: eat(1))


def ok_spoon_once():
    """Who has the spoon eats."""
    spoon, hungry = [0], [True, True]

    def eat(me):
        while hungry[me]:
            if spoon[0] != me:
                continue
            hungry[me] = False
            spoon[0] = 1 - me

    go(lambda: eat(0), lambda: eat(1))
    assert hungry == [False, False]


def livelock_try_with_timeout():
    """Take one, wait a while for the other, give back, again."""
    a, b = Lock(), Lock()

    def both(one, other):
        while True:
            with one:
                if other.acquire(timeout=0.1):
                    other.release()
                    return

    go(lambda: both(a, b), lambda: both(b, a))


def livelock_try_both():
    """Both locks tried; the first given back when the second is taken."""
    a, b, n = Lock(), Lock(), []

    def both(one, other):
        while True:
            one.acquire()
            if not other.acquire(False):
                one.release()
                continue
            n.append(1)
            other.release()
            one.release()
            return

    go(lambda: both(a, b), lambda: both(b, a))


def ok_try_in_one_order():
    """Both begin with the same lock: the second is always free."""
    a, b = Lock(), Lock()

    def both():
        while True:
            with a:
                if b.acquire(blocking=False):
                    b.release()
                    return

    go(both, both)


def ok_one_tries_one_waits():
    """One gives back and tries again, the other waits: sooner or later both get through."""
    a, b = Lock(), Lock()

    def tries():
        while True:
            with a:
                if b.acquire(blocking=False):
                    b.release()
                    return

    def waits():
        with b:
            with a:
                pass

    go(tries, waits)


def ok_peterson():
    """Peterson's algorithm, where each read and write is one step."""
    wants, turn, n = [False, False], [0], [0]

    def work(me):
        wants[me] = True
        turn[0] = 1 - me
        while wants[1 - me] and turn[0] == 1 - me:
            pass
        n[0] += 1
        wants[me] = False

    go(lambda: work(0), lambda: work(1))
    assert n == [2]


def race_peterson_other_order():
    """The turn is given away before one says that one wants: both may enter."""
    wants, turn, n = [False, False], [0], [0]

    def work(me):
        turn[0] = 1 - me
        wants[me] = True
        while wants[1 - me] and turn[0] == 1 - me:
            pass
        n[0] += 1
        wants[me] = False

    go(lambda: work(0), lambda: work(1))
    assert n == [2]


def deadlock_both_want_first():
    """Both say that they want, then wait on events for each other."""
    a, b = Event(), Event()

    def work(mine, other):
        other.wait()
        mine.set()

    go(lambda: work(a, b), lambda: work(b, a))


def livelock_both_wait_for_the_other():
    """Both say that they want, and spin until the other does not."""
    wants = [False, False]

    def work(me):
        wants[me] = True
        while wants[1 - me]:
            pass
        wants[me] = False

    go(lambda: work(0), lambda: work(1))


def ok_alternate():
    """Strict alternation by a turn."""
    turn, n = [0], [0]

    def work(me):
        while turn[0] != me:
            pass
        n[0] += 1
        turn[0] = 1 - me

    go(lambda: work(0), lambda: work(1))
    assert n == [2]


def livelock_alternate_without_a_partner():
    """Strict alternation, and the partner does one turn less."""
    turn = [0]

    def work(me, rounds):
        for _ in range(rounds):
            while turn[0] != me:
                pass
            turn[0] = 1 - me

    go(lambda: work(0, 2), lambda: work(1, 0))


def ok_compare_and_set():
    """A lock-free addition: who fails has been overtaken by one who did not."""
    lock, n = Lock(), [0]

    def swap(old, new):
        with lock:
            if n[0] == old:
                n[0] = new
                return True
            return False

    def add():
        while True:
            old = n[0]
            if swap(old, old + 1):
                return

    go(add, add)
    assert n == [2]


# ------------------------------------------------ context managers and mixins


class Switch:
    def __init__(self):
        self.lock, self.n, self.most = Lock(), 0, 0

    @contextlib.contextmanager
    def held(self):
        self.lock.acquire()
        try:
            yield self
        finally:
            self.lock.release()

    @contextlib.contextmanager
    def careless(self):
        self.n += 1
        yield
        self.n -= 1


def ok_contextmanager_three():
    """A lock held by a generator's method, for three threads."""
    s = Switch()

    def use():
        with s.held():
            s.n += 1

    go(use, use, use)
    assert s.n == 3


def race_contextmanager_counts():
    """A count without a lock in a context manager."""
    s = Switch()

    def use():
        with s.careless():
            pass

    go(use, use)
    assert s.n == 0


class LockMixin:
    def __init__(self):
        self._lock = Lock()

    def locked(self, function):
        with self._lock:
            function()


class NameMixin:
    name = "x"


class Account(NameMixin, LockMixin):
    def __init__(self):
        super().__init__()
        self.amount = 0

    def add(self):
        self.locked(self._add)

    def _add(self):
        self.amount += 1


def ok_mixin_three():
    """A method of a mixin takes the lock."""
    a = Account()
    go(a.add, a.add, a.add)
    assert a.amount == 3


def race_mixin_without():
    """The method that the mixin should have called."""
    a = Account()
    go(a._add, a._add)
    assert a.amount == 2


class Guard:
    def __init__(self, lock):
        self.lock = lock

    def __enter__(self):
        self.lock.acquire()
        return self

    def __exit__(self, *_):
        self.lock.release()


def ok_own_context_manager():
    """__enter__ and __exit__ by hand."""
    guard, n = Guard(Lock()), [0]

    def add():
        with guard:
            n[0] += 1

    go(add, add, add)
    assert n == [3]


# ------------------------------------------------ keys


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Place:
    x: int
    y: int


def ok_keys_frozen_dataclass():
    """Keys that are frozen dataclasses."""
    d = {}

    def put(key):
        d[key] = 1
        d[key] += 1

    go(lambda: put(Place(0, 1)), lambda: put(Place(1, 0)))
    assert d == {Place(0, 1): 2, Place(1, 0): 2}


def ok_keys_mixed():
    """Keys: -1, None, a frozenset, bytes."""
    d = {-1: 0, None: 0, frozenset((1,)): 0}

    def add(key):
        d[key] += 1

    go(lambda: add(-1), lambda: add(None), lambda: add(frozenset((1,))))
    assert list(d.values()) == [1, 1, 1]


def race_keys_equal_tuples():
    """Two tuples that are equal are one key."""
    d = {("a", 1): 0}

    def add(one, two):
        d[(one, two)] += 1

    go(lambda: add("a", 1), lambda: add("a", 1))
    assert d[("a", 1)] == 2


def race_keys_one_and_true():
    """1, 1.0 and True are one key."""
    d = {1: 0}

    def add(key):
        d[key] += 1

    go(lambda: add(True), lambda: add(1.0))
    assert d[1] == 2


def race_keys_enum():
    """The same member of an enum."""
    d = {Colour.RED: 0}

    def add():
        d[Colour.RED] += 1

    go(add, add)
    assert d[Colour.RED] == 2


def ok_keys_enum():
    """Two members of an enum."""
    d = {Colour.RED: 0, Colour.BLUE: 0}

    def add(key):
        d[key] += 1

    go(lambda: add(Colour.RED), lambda: add(Colour.BLUE))
    assert d == {Colour.RED: 1, Colour.BLUE: 1}


def race_negative_index():
    """-1 and 0 are one place of a list with one item."""
    x = [0]

    def add(i):
        x[i] += 1

    go(lambda: add(0), lambda: add(-1))
    assert x == [2]


def ok_indices():
    """Two places of a list, one of them from the end."""
    x = [0, 0]

    def add(i):
        x[i] += 1

    go(lambda: add(0), lambda: add(-1))
    assert x == [1, 1]


class Ticket:
    pass


def ok_keys_objects():
    """Plain objects as keys."""
    one, two = Ticket(), Ticket()
    d = {one: 0, two: 0}

    def add(key):
        d[key] += 1

    go(lambda: add(one), lambda: add(two))
    assert d[one] == d[two] == 1


def ok_poll_any():
    """A generator that is written down in a call is nobody's: the turn changes nothing."""
    flags = [False, False]

    def poll():
        while not any(flag for flag in flags):
            pass

    def end():
        flags[1] = True

    go(poll, end)


def ok_poll_all_of_two():
    flags = [False, False]

    def poll():
        while not all(flag for flag in flags):
            time.sleep(0.01)

    def one():
        flags[0] = True

    def other():
        flags[1] = True

    go(poll, one, other)


def ok_poll_any_alive():
    threads = [Thread(target=lambda: None) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
    for thread in threads:
        thread.join()
