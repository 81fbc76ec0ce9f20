"""Bad input: a sentence or a verdict, the kernel alive, everything put back."""

# ruff: noqa
import sys
import threading
from threading import Event, Lock, Thread

from programs_told import together as go

try:
    import numpy
except ImportError:  # a case less
    numpy = None


class Changing:
    def step(self):
        return 1

    def other(self):
        return 2


def race_class_changed_while_it_runs():
    """A method of the class is replaced while another thread calls it."""
    seen, before = [], Changing.step
    thing = Changing()

    def swap():
        Changing.step = Changing.other

    try:
        go(swap, lambda: seen.append(thing.step()))
    finally:
        Changing.step = before
    assert seen == [1]


def race_class_of_an_object_changed():
    """__class__ is assigned."""

    class Shut:
        def step(self):
            return 0

    seen, thing = [], Changing()

    def swap():
        thing.__class__ = Shut

    go(swap, lambda: seen.append(thing.step()))
    assert seen == [1]


def exception_attribute_of_a_class_deleted():
    """What a class had is deleted while another thread reads it."""

    class Plain:
        size = 1

    def remove():
        del Plain.size

    go(remove, lambda: Plain.size)


def ok_a_million_objects():
    """A large list that nobody changes."""
    big, n, lock = [0] * 1_000_000, [0], Lock()

    def add():
        with lock:
            n[0] += len(big)

    go(add, add)
    assert n == [2_000_000]


def race_a_nested_function_each():
    """Each thread defines its own functions, and one of them adds."""
    n = [0]

    def work():
        def add():
            n[0] += 1

        for _ in range(3):

            def unused():
                return n

        add()

    go(work, work)
    assert n == [2]


if numpy is not None:

    def ok_numpy_locked():
        """An array of NumPy, under a lock."""
        a, lock = numpy.zeros(1), Lock()

        def add():
            with lock:
                a[0] += 1

        go(add, add)
        assert a[0] == 2

    def race_numpy():
        """An array of NumPy: reading and writing an item are two steps."""
        a = numpy.zeros(1)

        def add():
            a[0] += 1

        go(add, add)
        assert a[0] == 2


def ok_system_exit_caught():
    """SystemExit is caught by the thread that raised it."""
    seen = []

    def work():
        try:
            sys.exit(1)
        except SystemExit as error:
            seen.append(error.code)

    go(work, work)
    assert seen == [1, 1]


def ok_system_exit_ends_a_thread():
    """SystemExit ends its thread silently, as threading does."""
    n = []

    def work():
        n.append(1)
        sys.exit()

    go(work, work)
    assert len(n) == 2


def deadlock_bare_except_around_a_wait():
    """A bare except around a wait does not end it."""
    e, seen = Event(), []

    def work():
        try:
            e.wait()
        except BaseException:
            seen.append(1)

    go(work)


def deadlock_except_in_a_loop():
    """A bare except in a loop around a wait: it must end all the same."""
    e = Event()

    def work():
        while True:
            try:
                e.wait()
                return
            except BaseException:
                continue

    go(work)


def exception_lock_deleted():
    """An attribute that holds the lock is deleted."""

    class Holder:
        def __init__(self):
            self.lock = Lock()

    h = Holder()

    def use():
        with h.lock:
            pass

    def drop():
        del h.lock

    go(use, drop)


def ok_lock_name_deleted():
    """The name of a lock is deleted when all is over."""
    lock, n = Lock(), [0]
    held = [lock]

    def add():
        with held[0]:
            n[0] += 1

    go(add, add)
    del lock
    assert n == [2]


def race_lock_replaced():
    """The lock is replaced while another holds the old one."""
    state, n = {"lock": Lock()}, [0]

    def add():
        with state["lock"]:
            n[0] += 1

    def renew():
        state["lock"] = Lock()
        add()

    go(add, renew)
    assert n == [2]


def exception_released_by_nobody():
    """A lock that nobody holds is released."""
    lock = Lock()
    go(lock.release)


def race_a_thousand_functions():
    """Functions made in a loop, two of which run."""
    n = [0]
    adders = [lambda: n.__setitem__(0, n[0] + 1) for _ in range(1000)]
    go(adders[0], adders[999])
    assert n == [2]
