"""The kinds that were once judged wrongly, one program each."""

# ruff: noqa
import collections
import contextlib
import dataclasses
import enum
import functools
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event, Lock, Thread

from programs_told import together as go


def race_userdict():
    """A UserDict is read and written."""
    stock = collections.UserDict(apples=1)

    def buy():
        stock["apples"] -= 1

    go(buy, buy)
    assert stock["apples"] == -1


class File:
    def __init__(self):
        self.opened = 0

    @functools.cached_property
    def handle(self):
        self.opened += 1
        return self.opened


def race_cached_property():
    """Two threads find it missing."""
    f = File()
    go(lambda: f.handle, lambda: f.handle)
    assert f.opened == 1


def race_lru_cache():
    """The function is called twice for one key."""
    calls = []

    @functools.lru_cache
    def load(name):
        calls.append(name)

    go(lambda: load("a"), lambda: load("a"))
    assert calls == ["a"]


def race_unbound_method():
    """A built-in called through its class changes what it is given."""
    claimed, winners = [], []

    def claim():
        if not claimed:
            list.append(claimed, "x")
            winners.append(1)

    go(claim, claim)
    assert winners == [1]


@dataclasses.dataclass
class Pair:
    a: int = 0
    b: int = 0


def race_dataclass_eq():
    """A comparison while both fields change."""
    pair, seen = Pair(), []

    def change():
        pair.a = 5
        pair.b = 5

    go(change, lambda: seen.append(pair == Pair(5, 0)))
    assert seen == [False]


_known = {}


def race_state_that_stays():
    """A table of the module, filled by the first run."""

    def find():
        if "key" not in _known:
            _known["key"] = object()
        return _known["key"]

    found = []
    go(lambda: found.append(find()), lambda: found.append(find()))
    assert found[0] is found[1]


def ok_future_by_hand():
    """A result that a thread sets."""
    answer = Future()
    go(lambda: answer.set_result(42))
    assert answer.result() == 42


class Log(list):
    def append(self, value):
        super().append(value)


def ok_super_in_a_list():
    """append of a subclass of list."""
    log = Log()
    go(lambda: log.append("a"), lambda: log.append("b"))
    assert sorted(log) == ["a", "b"]


def exception_started_twice():
    """A thread can be started once."""
    worker = Thread(target=str)
    go(worker.start, worker.start)
    worker.join()


def ok_ordered_by_id():
    """Locks taken in the order of their ids."""
    left, right = Lock(), Lock()

    def eat(*forks):
        first, second = sorted(forks, key=id)
        with first, second:
            pass

    go(lambda: eat(left, right), lambda: eat(right, left))


_gate = Lock()


def ok_module_lock():
    """A lock of the module."""
    made = []

    def make():
        with _gate:
            if not made:
                made.append(1)

    go(make, make)
    assert made == [1]


@dataclasses.dataclass
class Purse:
    lock: object = dataclasses.field(default_factory=Lock)
    coins: int = 0


def ok_default_factory():
    """A lock that a dataclass makes."""
    purse = Purse()

    def add():
        with purse.lock:
            purse.coins += 1

    go(add, add)
    assert purse.coins == 2


def ok_set_of_futures():
    """wait gives a set of futures."""
    with ThreadPoolExecutor(2) as pool:
        done, _ = wait([pool.submit(len, "a"), pool.submit(len, "bc")])
    assert sum(future.result() for future in done) == 3


def _enclosing():
    from threading import Lock as Mine
    from threading import Thread as Runner

    def ok_primitive_of_a_closure():
        """The classes are names of an enclosing function."""
        lock, n = Mine(), []

        def add():
            with lock:
                n.append(1)

        runners = [Runner(target=add) for _ in range(2)]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        assert len(n) == 2

    return ok_primitive_of_a_closure


ok_primitive_of_a_closure = _enclosing()


def race_match():
    """match looks, the case writes."""
    door = {"opened": 0}

    def open_():
        match door["opened"]:
            case 0:
                door["opened"] = 1
            case times:
                door["opened"] = times + 1

    go(open_, open_)
    assert door["opened"] == 2


def race_clock():
    """Two find the entry old."""
    entries, dropped = [time.monotonic() - 60], []

    def sweep():
        oldest = min(entries, default=None)
        if oldest is not None and time.monotonic() - oldest > 30:
            entries.clear()
            dropped.append(1)

    go(sweep, sweep)
    assert len(dropped) == 1


def ok_wait_with_timeout():
    """A wait that is repeated until it succeeds."""
    bell = Event()

    def listen():
        while not bell.wait(0.5):
            pass

    go(listen, bell.set)


def ok_lock_poll():
    """Polling under a lock."""
    lock, ended = Lock(), []

    def poll():
        while True:
            with lock:
                if ended:
                    return

    def end():
        with lock:
            ended.append(1)

    go(poll, end)


def livelock_try_lock():
    """Take one, fail at the other, give back, for ever."""
    left, right = Lock(), Lock()

    def eat(one, other):
        while True:
            with one:
                if other.acquire(blocking=False):
                    other.release()
                    break

    go(lambda: eat(left, right), lambda: eat(right, left))


class Room:
    def __init__(self):
        self.lock, self.inside = Lock(), 0

    @contextlib.contextmanager
    def entered(self):
        with self.lock:
            self.inside += 1
        yield
        with self.lock:
            self.inside -= 1


def ok_contextmanager_method():
    """A generator's method with two short critical sections."""
    room = Room()

    def visit():
        with room.entered():
            pass

    go(visit, visit, visit)
    assert room.inside == 0


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


def ok_keys_of_any_kind():
    """Three kinds of keys, one for each thread."""
    d = {}

    def put(key):
        d[key] = 1
        d[key] += 1

    go(lambda: put((1, "b")), lambda: put(Size.LARGE), lambda: put(0.5))
    assert len(d) == 3


def deadlock_missing_task_done():
    """Nobody calls task_done, so join waits for ever."""
    jobs = queue.Queue()

    def work():
        while True:
            jobs.get()

    Thread(target=work, daemon=True).start()
    jobs.put("job")
    jobs.join()


def deadlock_event_cleared():
    """set came before clear, and was lost."""
    bell, box, got = Event(), [], []

    def send():
        box.append("letter")
        bell.set()

    def receive():
        while not box:
            bell.clear()
            bell.wait()
        got.append(box.pop())

    go(receive, send)
    assert got == ["letter"]


def exception_in_a_thread():
    """Both find the key, one pops it."""
    d, got = {"k": 4}, []

    def take():
        if "k" in d:
            got.append(d.pop("k"))

    go(take, take)
    assert sorted(got) == [4]
