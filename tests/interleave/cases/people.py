"""C. As people write: locks of modules and classes, primitives in data, sets, clocks, match."""

# ruff: noqa
import collections
import contextlib
import dataclasses
import functools
import queue
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from threading import Condition, Event, Lock, RLock, Semaphore, Thread

from programs_told import together as go


# ------------------------------------------------ primitives of modules and classes

_lock = Lock()
_other = Lock()
_again = threading.RLock()
_ready = Condition()
_flag = Event()
_slots = Semaphore(1)
_jobs = queue.Queue()
_local = threading.local()
_locks = {"a": Lock(), "b": Lock()}
_stripes = [Lock() for _ in range(2)]
_total = 0


def ok_module_lock_and_global():
    """A lock and a number of the module."""

    def add():
        global _total
        with _lock:
            _total += 1

    go(add, add)
    assert _total == 2


def race_module_two_locks():
    """Each thread holds another lock."""
    n = [0]

    def add(lock):
        with lock:
            n[0] += 1

    go(lambda: add(_lock), lambda: add(_other))
    assert n == [2]


def deadlock_module_locks():
    """Two locks of the module in two orders."""

    def both(one, two):
        with one:
            with two:
                pass

    go(lambda: both(_lock, _other), lambda: both(_other, _lock))


def ok_module_rlock():
    """An RLock of the module, entered twice."""
    n = [0]

    def add():
        with _again, _again:
            n[0] += 1

    go(add, add)
    assert n == [2]


def ok_module_condition():
    """A condition of the module."""
    items, got = [], []

    def take():
        with _ready:
            while not items:
                _ready.wait()
            got.append(items.pop())

    def put():
        with _ready:
            items.append(1)
            _ready.notify()

    go(take, put)
    assert got == [1]


def ok_module_event():
    """An event of the module, which is not set when a run begins."""
    seen = []

    def work():
        _flag.wait()
        seen.append(1)

    assert not _flag.is_set()
    go(work, _flag.set)
    assert seen == [1]


def deadlock_module_semaphore():
    """The second slot does not exist, as nobody gives back."""
    go(_slots.acquire, _slots.acquire)


def ok_module_queue():
    """A queue of the module, which is empty when a run begins."""
    got = []
    go(lambda: _jobs.put(1), lambda: got.append(_jobs.get()))
    assert got == [1] and _jobs.empty()


def ok_module_local():
    """threading.local of the module."""
    seen = []

    def work():
        _local.n = getattr(_local, "n", 0) + 1
        seen.append(_local.n)

    go(work, work)
    assert seen == [1, 1]


def ok_module_dict_of_locks():
    """Locks held in a dict of the module."""
    n = {"a": 0, "b": 0}

    def add(key):
        with _locks[key]:
            n[key] += 1

    go(lambda: add("a"), lambda: add("a"), lambda: add("b"))
    assert n == {"a": 2, "b": 1}


def race_module_wrong_stripe():
    """Striped locks, chosen by the thread instead of by the key."""
    n = [0]

    def add(stripe):
        with _stripes[stripe]:
            n[0] += 1

    go(lambda: add(0), lambda: add(1))
    assert n == [2]


class Counter:
    lock = Lock()
    count = 0

    @classmethod
    def add(cls):
        with cls.lock:
            cls.count += 1

    @classmethod
    def careless(cls):
        cls.count += 1


def ok_class_lock():
    """A lock and a number of the class."""
    go(Counter.add, Counter.add)
    assert Counter.count == 2


def race_class_without_lock():
    """The same class, without its lock."""
    go(Counter.careless, Counter.careless)
    assert Counter.count == 2


class Singleton:
    _instance = None
    _lock = Lock()
    made = 0

    def __new__(cls):
        if cls._instance is None:
            with cls._lock:
                if cls._instance is None:
                    cls.made += 1
                    cls._instance = super().__new__(cls)
        return cls._instance


def ok_singleton_double_checked():
    """Looked at again under the class's lock."""
    got = []
    go(lambda: got.append(Singleton()), lambda: got.append(Singleton()))
    assert got[0] is got[1] and Singleton.made == 1


class Careless:
    _instance = None
    _lock = Lock()
    made = 0

    def __new__(cls):
        if cls._instance is None:
            with cls._lock:
                cls.made += 1
                cls._instance = super().__new__(cls)
        return cls._instance


def race_singleton_checked_once():
    """Not looked at again under the lock."""
    go(Careless, Careless)
    assert Careless.made == 1


class Meta(type):
    instances = {}
    lock = RLock()

    def __call__(cls, *args):
        with Meta.lock:
            if cls not in Meta.instances:
                Meta.instances[cls] = super().__call__(*args)
        return Meta.instances[cls]


class Settings(metaclass=Meta):
    made = []

    def __init__(self):
        self.made.append(1)


def ok_singleton_by_metaclass():
    """A metaclass with a lock and a table."""
    go(Settings, Settings)
    assert len(Settings.made) == 1


# ------------------------------------------------ primitive classes held in data


@dataclasses.dataclass
class Box:
    lock: Lock = dataclasses.field(default_factory=threading.Lock)
    jobs: queue.Queue = dataclasses.field(default_factory=queue.Queue)
    flag: Event = dataclasses.field(default_factory=Event)
    n: int = 0


def ok_default_factories():
    """Lock, queue and event of a dataclass."""
    box, got = Box(), []

    def put():
        with box.lock:
            box.n += 1
        box.jobs.put(box.lock)
        box.flag.set()

    def take():
        box.flag.wait()
        got.append(box.jobs.get())

    go(put, take)
    assert box.n == 1 and got == [box.lock]


def race_default_factory_each_its_own():
    """A lock for each object does not protect what they share."""
    n = [0]

    def add(box):
        with box.lock:
            n[0] += 1

    one, two = Box(), Box()
    go(lambda: add(one), lambda: add(two))
    assert n == [2]


def _counted(n, lock=Lock()):
    with lock:
        n[0] += 1


def ok_lock_as_a_default():
    """One lock, made when the function was."""
    n = [0]
    go(lambda: _counted(n), lambda: _counted(n))
    assert n == [2]


def _with_own(n, make=Lock):
    with make():
        n[0] += 1


def race_lock_class_as_a_default():
    """A new lock for each call protects nothing."""
    n = [0]
    go(lambda: _with_own(n), lambda: _with_own(n))
    assert n == [2]


_kinds = {"lock": threading.Lock, "rlock": threading.RLock}


def ok_kinds_in_a_dict():
    """The class of the lock is chosen from a dict."""
    lock, n = _kinds["lock"](), [0]

    def add():
        with lock:
            n[0] += 1

    go(add, add)
    assert n == [2]


class Guarded:
    make_lock = staticmethod(threading.Lock)
    thread_class = Thread

    def __init__(self):
        self.lock, self.n = self.make_lock(), 0

    def add(self):
        with self.lock:
            self.n += 1

    def run(self):
        threads = [self.thread_class(target=self.add) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def ok_kinds_as_class_attributes():
    """Lock and Thread as attributes of a class."""
    guarded = Guarded()
    guarded.run()
    assert guarded.n == 2


def ok_locks_by_defaultdict():
    """A defaultdict of locks; the keys are made before the threads start."""
    locks, n = collections.defaultdict(Lock), {"a": 0}
    locks["a"]

    def add():
        with locks["a"]:
            n["a"] += 1

    go(add, add)
    assert n == {"a": 2}


def ok_lock_in_a_namedtuple():
    """Lock and list in a namedtuple."""
    Pair = collections.namedtuple("Pair", "lock items")
    pair = Pair(Lock(), [])

    def once():
        with pair.lock:
            if not pair.items:
                pair.items.append(1)

    go(once, once)
    assert pair.items == [1]


def race_partial_lock_maker():
    """A maker of locks in a partial: each call makes another."""
    make, n = functools.partial(Semaphore, 1), [0]

    def add():
        with make():
            n[0] += 1

    go(add, add)
    assert n == [2]


def ok_exit_stack():
    """Locks entered through an ExitStack."""
    a, b, n = Lock(), Lock(), [0]

    def add():
        with contextlib.ExitStack() as stack:
            for lock in (a, b):
                stack.enter_context(lock)
            n[0] += 1

    go(add, add)
    assert n == [2]


# ------------------------------------------------ sets


def ok_set_of_numbers():
    """Summing up does not ask for the order."""
    s, lock = set(), Lock()

    def put(n):
        with lock:
            s.add(n)

    go(lambda: put(1), lambda: put(2))
    total = 0
    for each in s:
        total += each
    assert total == 3


def ok_set_of_threads():
    """All of a set of threads are joined."""
    n = []
    threads = {Thread(target=n.append, args=(i,)) for i in range(2)}
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(n) == [0, 1]


def exception_set_changed_while_looping():
    """One adds while the other loops."""
    s = {1}

    def loop():
        for each in s:
            pass

    go(loop, lambda: s.add(2))


def ok_set_copied_under_a_lock():
    """One loops over a copy that was made under the lock."""
    s, lock, seen = {1}, Lock(), []

    def loop():
        with lock:
            mine = list(s)
        for each in mine:
            seen.append(each)

    def add():
        with lock:
            s.add(2)

    go(loop, add)
    assert 1 in seen


def ok_as_completed():
    """Futures in any order."""
    with ThreadPoolExecutor(2) as pool:
        futures = {pool.submit(int, "1"): "a", pool.submit(int, "2"): "b"}
        total = sum(future.result() for future in as_completed(futures))
    assert total == 3


def ok_wait_first_completed():
    """wait gives sets: at least one is done."""
    with ThreadPoolExecutor(2) as pool:
        done, left = wait(
            [pool.submit(int, "1"), pool.submit(int, "2")], return_when=FIRST_COMPLETED
        )
        assert done and len(done) + len(left) == 2


def race_set_pop():
    """Both may see an element."""
    s, got = {1}, []

    def take():
        if s:
            with contextlib.suppress(KeyError):
                got.append(s.pop())
                return
            got.append(None)

    go(take, take)
    assert None not in got


# ------------------------------------------------ clocks


def ok_clock_does_not_go_back():
    """Two readings one after the other."""
    seen = []

    def read():
        start = time.monotonic()
        seen.append(time.monotonic() - start >= 0)

    go(read, read)
    assert seen == [True, True]


def ok_measured():
    """perf_counter around work: what is measured is not asked about."""
    n, lock, took = [0], Lock(), []

    def work():
        start = time.perf_counter()
        with lock:
            n[0] += 1
        took.append(time.perf_counter() - start)

    go(work, work)
    assert n == [2] and len(took) == 2


def ok_deadline():
    """Waits until it is set or the time is over; both are fine."""
    e, seen = Event(), []

    def patient():
        deadline = time.monotonic() + 5
        seen.append(e.wait(max(0, deadline - time.monotonic())))

    go(patient, e.set)
    assert len(seen) == 1


def race_deadline_missed():
    """Whoever says that it is always set in time is wrong."""
    e, seen = Event(), []

    def patient():
        deadline = time.monotonic() + 5
        seen.append(e.wait(max(0, deadline - time.monotonic())))

    go(patient, e.set)
    assert seen == [True]


def race_token_bucket():
    """Both read the same level of the bucket."""
    bucket = {"level": 1, "at": time.monotonic()}
    got = []

    def take():
        if bucket["level"] >= 1:
            bucket["level"] -= 1
            bucket["at"] = time.monotonic()
            got.append(1)

    go(take, take)
    assert len(got) <= 1


def ok_token_bucket_locked():
    """The same under a lock, and nothing is filled up."""
    bucket, lock, got = {"level": 1, "at": time.monotonic()}, Lock(), []

    def take():
        with lock:
            if bucket["level"] >= 1:
                bucket["level"] -= 1
                bucket["at"] = time.monotonic()
                got.append(1)

    go(take, take)
    assert len(got) == 1


def race_cache_with_expiry():
    """An entry found old is deleted by two."""
    cache, removed = {"k": (1, time.time() - 100)}, []

    def get():
        entry = cache.get("k")
        if entry and time.time() - entry[1] > 10:
            cache.pop("k", None)
            removed.append(1)

    go(get, get)
    assert len(removed) == 1


def ok_cache_with_expiry_locked():
    """The same under a lock."""
    cache, removed, lock = {"k": (1, time.time() - 100)}, [], Lock()

    def get():
        with lock:
            entry = cache.get("k")
            if entry and time.time() - entry[1] > 10:
                cache.pop("k", None)
                removed.append(1)

    go(get, get)
    assert len(removed) == 1


def race_time_stood_still():
    """Time may pass between two steps."""
    seen = []

    def work():
        start = time.monotonic()
        seen.append(1)
        if time.monotonic() - start > 1:
            seen.append("late")

    go(work, work)
    assert "late" not in seen


# ------------------------------------------------ __dict__, vars


class State:
    def __init__(self):
        self.n = 0


def race_dunder_dict():
    """.__dict__ reads and writes the attribute."""
    s = State()

    def add():
        s.__dict__["n"] = s.__dict__["n"] + 1

    go(add, add)
    assert s.n == 2


def ok_dunder_dict_locked():
    """The same under a lock."""
    s, lock = State(), Lock()

    def add():
        with lock:
            s.__dict__["n"] += 1

    go(add, add)
    assert s.n == 2


def race_vars():
    """vars() gives the same dict."""
    s = State()

    def add():
        vars(s)["n"] = s.n + 1

    go(add, add)
    assert s.n == 2


def race_dict_update():
    """Attributes set at once through __dict__, after a look."""
    s = State()

    def once():
        if "opened" not in s.__dict__:
            s.__dict__.update(opened=True)
            s.n = s.n + 1

    go(once, once)
    assert s.n == 1


def ok_vars_copied():
    """A snapshot of the attributes under the lock."""
    s, lock, seen = State(), Lock(), []
    s.m = 0

    def move():
        with lock:
            s.n = 1
            s.m = 1

    def look():
        with lock:
            seen.append(dict(vars(s)))

    go(move, look)
    assert seen[0]["n"] == seen[0]["m"]


def race_setattr():
    """setattr and getattr by name."""
    s = State()

    def add(name):
        setattr(s, name, getattr(s, name) + 1)

    go(lambda: add("n"), lambda: add("n"))
    assert s.n == 2


# ------------------------------------------------ match


def ok_match_locked():
    """A state machine under a lock."""
    state, lock = ["new"], Lock()

    def step():
        with lock:
            match state[0]:
                case "new":
                    state[0] = "open"
                case "open":
                    state[0] = "closed"

    go(step, step)
    assert state == ["closed"]


def race_match_machine():
    """Both may find it new."""
    state = ["new"]

    def step():
        match state[0]:
            case "new":
                state[0] = "open"
            case "open":
                state[0] = "closed"

    go(step, step)
    assert state == ["closed"]


class Message:
    __match_args__ = ("kind", "value")

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


def race_match_class():
    """A pattern that reads attributes."""
    n = [0]

    def take(message):
        match message:
            case Message("add", value):
                n[0] += value
            case _:
                pass

    go(lambda: take(Message("add", 1)), lambda: take(Message("add", 1)))
    assert n == [2]


def ok_match_queue():
    """Messages out of a queue."""
    q, got = queue.Queue(), []

    def work():
        while True:
            match q.get():
                case ("put", value):
                    got.append(value)
                case None:
                    return

    def send():
        q.put(("put", 1))
        q.put(None)

    go(work, send)
    assert got == [1]


def race_match_mapping():
    """A pattern that looks into a shared dict."""
    d, n = {"state": "free"}, []

    def claim():
        match d:
            case {"state": "free"}:
                d["state"] = "taken"
                n.append(1)

    go(claim, claim)
    assert len(n) == 1


# ------------------------------------------------ functions held by objects made at import

_handlers = {}
_plugins = []


def on(name):
    def register(function):
        _handlers[name] = function
        return function

    return register


def plugin(function):
    _plugins.append(function)
    return function


_state = {"n": 0}


@on("add")
def _add():
    _state["n"] += 1


@plugin
def _first(n):
    n[0] += 1


@plugin
def _second(n):
    n[0] += 1


def race_registered_handler():
    """A handler from a table of the module."""
    _state["n"] = 0
    go(_handlers["add"], _handlers["add"])
    assert _state["n"] == 2


def race_plugins():
    """Each plugin in a thread."""
    n = [0]
    go(*[functools.partial(each, n) for each in _plugins])
    assert n == [2]


def ok_plugins_one_after_the_other():
    """All plugins in each thread, under a lock."""
    n, lock = [0], Lock()

    def work():
        with lock:
            for each in _plugins:
                each(n)

    go(work, work)
    assert n == [4]


class Cell:
    """A descriptor that counts how often it was written."""

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, thing, kind=None):
        return getattr(thing, self.name, 0)

    def __set__(self, thing, value):
        setattr(thing, self.name, value)


class Described:
    n = Cell()


def race_descriptor():
    """A descriptor's get and set are two steps."""
    d = Described()

    def add():
        d.n += 1

    go(add, add)
    assert d.n == 2


class Locked(Cell):
    lock = Lock()

    def __set__(self, thing, value):
        with self.lock:
            super().__set__(thing, value)


class DescribedLocked:
    n = Locked()


def race_descriptor_that_locks_too_little():
    """A lock in __set__ does not cover the reading before it."""
    d = DescribedLocked()

    def add():
        d.n += 1

    go(add, add)
    assert d.n == 2


def synchronized(function):
    lock = Lock()

    @functools.wraps(function)
    def locked(*args):
        with lock:
            return function(*args)

    return locked


@synchronized
def _add_one(n):
    n[0] += 1


def ok_synchronized():
    """A decorator with a lock of its own, made at import."""
    n = [0]
    go(lambda: _add_one(n), lambda: _add_one(n))
    assert n == [2]


def memoized(function):
    known = {}

    @functools.wraps(function)
    def look(key):
        if key not in known:
            known[key] = function(key)
        return known[key]

    return look


@memoized
def _made(key):
    return [key]


def race_memoized():
    """A decorator with a table of its own, made at import."""
    got = []
    go(lambda: got.append(_made(1)), lambda: got.append(_made(1)))
    assert got[0] is got[1]


class Retry:
    """A decorator that is an object."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


@Retry
def _tried():
    return 1


def race_decorator_object():
    """An object that counts its calls."""
    _tried.calls = 0
    go(_tried, _tried)
    assert _tried.calls == 2


# ------------------------------------------------ several lambdas on a line


def race_lambdas_on_a_line():
    """Two lambdas on one line, which share a number."""
    n = [0]
    get, put = (lambda: n[0]), (lambda value: n.__setitem__(0, value))
    go(lambda: put(get() + 1), lambda: put(get() + 1))
    assert n == [2]


def ok_lambdas_on_a_line():
    """Two lambdas on one line, one step each."""
    x = []
    go(lambda: x.append(1), lambda: x.append(2))
    assert sorted(x) == [1, 2]


_ops = {"inc": lambda d: d.update(n=d["n"] + 1), "dec": lambda d: d.update(n=d["n"] - 1)}


def race_lambdas_in_a_dict():
    """Lambdas of a table on one line."""
    d = {"n": 0}
    go(lambda: _ops["inc"](d), lambda: _ops["dec"](d))
    assert d["n"] == 0


def ok_lambdas_in_a_dict_locked():
    """The same under a lock of the module."""
    d = {"n": 0}

    def do(name):
        with _lock:
            _ops[name](d)

    go(lambda: do("inc"), lambda: do("dec"))
    assert d["n"] == 0
