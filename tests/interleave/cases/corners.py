"""Corners of the language and of the library: iterators, arrays, clocks, endless loops."""

# ruff: noqa
import array
import collections
import contextlib
import csv
import datetime
import decimal
import functools
import graphlib
import heapq
import io
import itertools
import logging
import pickle
import re
import threading
import time
import types
import uuid
import weakref
from unittest import mock
from threading import Event, Lock, local

from anyio.streams.stapled import MultiListener
from programs_told import together as go

from cases import library
from helpers.timeline import Timeline


_timeline = Timeline()


def exception_userdict_iterate():
    d = collections.UserDict(a=1)

    def grow():
        d["b"] = 2

    def sum_():
        return [k for k in d]

    out = []

    def it():
        for k in d:
            out.append(k)

    go(grow, it)


def race_array_len():
    a = array.array("i")

    def once():
        if len(a) == 0:
            a.append(1)

    go(once, once)
    assert len(a) == 1


def race_memoryview_and_bytearray():
    a = bytearray(2)
    v = memoryview(a)
    seen = []

    def write():
        v[0] = 1
        v[1] = 1

    go(write, lambda: seen.append(bytes(a)))
    assert seen[0] in (b"\0\0", b"\1\1")


def exception_bytearray_export():
    a = bytearray(b"abc")

    def hold():
        with memoryview(a) as v:
            x = v[0]

    go(hold, lambda: a.append(1))


def race_singledispatch_register():
    @functools.singledispatch
    def show(x):
        return "any"

    seen = []

    def reg():
        @show.register(int)
        def _(x):
            return "int"

    go(reg, lambda: seen.append(show(1)))
    assert seen == ["any"]


def race_list_of_map_with_step():
    src = [1]
    d = {"k": 0}
    out = []

    def f(y):
        return y + d["k"]

    def bump():
        d["k"] = 1
        src.append(5)

    go(lambda: out.extend(list(map(f, src))), bump)
    assert out in ([1], [2, 6], [2])


def exception_shared_generator_running():
    d = {"n": 0}

    def gen():
        while d["n"] < 2:
            d["n"] += 1
            yield d["n"]

    g = gen()
    go(lambda: list(g), lambda: list(g))


def race_getattribute_counts():
    class A:
        n = 0

        def __getattribute__(self, k):
            if k == "v":
                A.n += 1
            return object.__getattribute__(self, k)

    a = A()
    a.v = 1
    go(lambda: a.v, lambda: a.v)
    assert A.n == 2


def race_max_key_grows():
    src = [1, 2]
    d = {"k": 1}
    out = []

    def key(y):
        return y * d["k"]

    def grow():
        src.append(9)
        d["k"] = 1

    go(lambda: out.append(max(src, key=key)), grow)
    assert out[0] == 2


def race_deadline_monotonic():
    end = time.monotonic() + 5
    out = []

    def f():
        if time.monotonic() < end:
            out.append(1)

    go(f)
    assert out == [1]


def race_datetime_now():
    out = []

    def f():
        t = datetime.datetime.now()
        out.append((datetime.datetime.now() - t).total_seconds() < 1)

    go(f, f)
    assert all(out)


def exception_set_iteration_live():
    s = {"a", "b"}

    def look():
        for x in s:
            pass

    go(lambda: s.add("c"), look)


def livelock_count_loop():
    flag = [False]

    def f():
        for i in itertools.count():
            if flag[0]:
                return

    go(f)


def ok_count_loop():
    flag = [False]

    def f():
        for _ in itertools.count():
            if flag[0]:
                return
            time.sleep(0.1)

    def s():
        flag[0] = True

    go(f, s)


def ok_repeat_loop():
    l = Lock()
    n = [0]

    def f():
        for _ in itertools.repeat(None):
            if l.acquire(blocking=False):
                n[0] += 1
                l.release()
                return

    go(f, f)
    assert n == [2]


def ok_iter_callable_loop():
    e = Event()
    out = []

    def f():
        for _ in iter(e.is_set, True):
            pass
        out.append(1)

    go(f, e.set)
    assert out == [1]


def ok_fresh_objects_loop():
    st = {"v": {"ready": False}}

    def f():
        while True:
            snap = dict(st["v"])
            if snap["ready"]:
                return

    def s():
        st["v"] = {"ready": True}

    go(f, s)


def livelock_fresh_objects():
    st = {"v": {"ready": False}}

    def f():
        while True:
            snap = list(st.values())
            if snap[0]["ready"]:
                return

    go(f)


def ok_ticket_lock():
    nxt = itertools.count()
    serving = [0]
    n = [0]

    def f():
        me = next(nxt)
        while serving[0] != me:
            pass
        n[0] += 1
        serving[0] += 1

    go(f, f)
    assert n == [2]


def refused_course_run():
    from helpers.run import run

    n = []

    def work(i):
        if not n:
            n.append(i)

    run(work, [1, 2], workers=2, using="threads")
    assert len(n) == 1


def race_main_measures():
    t = time.monotonic()
    x = []
    go(lambda: x.append(1))
    took = time.monotonic() - t
    assert took < 5


def race_sum_shared_iterator():
    it = iter([1, 2])
    got = {}

    def f(k):
        got[k] = sum(it)

    go(lambda: f("a"), lambda: f("b"))
    assert got["a"] == 3


def race_chain_for():
    x = [1]
    got = []

    def r():
        for v in itertools.chain([0], x):
            got.append(v)

    go(r, lambda: x.append(2))
    assert got == [0, 1]


def race_super_setattr_gap():
    class A:
        def __init__(self):
            super().__setattr__("n", 0)

        def __setattr__(self, k, v):
            cur = self.n
            super().__setattr__(k, cur + v)

    a = A()

    def f():
        a.n = 1

    go(f, f)
    assert a.n == 2


def ok_getattribute_writes_lock():
    class A:
        def __init__(self):
            self.hits = 0
            self.l = Lock()
            self.v = 1

        def __getattribute__(self, k):
            if k == "v":
                with object.__getattribute__(self, "l"):
                    self.hits += 1
            return object.__getattribute__(self, k)

    a = A()
    go(lambda: a.v, lambda: a.v)
    assert a.hits == 2


def ok_getattr_hook_locked():
    class A:
        def __init__(self):
            self.made = []
            self.l = Lock()

        def __getattr__(self, name):
            self.made.append(name)
            setattr(self, name, len(self.made))
            return getattr(self, name)

    a = A()

    def f():
        with a.l:
            a.x

    go(f, f)
    assert a.made == ["x"], a.made


def ok_print_file_locked():
    b = io.StringIO()
    l = Lock()

    def f(t):
        with l:
            print(t, end="", file=b)
            print(".", end="", file=b)

    go(lambda: f("a"), lambda: f("b"))
    assert b.getvalue() in ("a.b.", "b.a.")


def ok_redirect_locked():
    b = io.StringIO()
    l = Lock()

    def f(t):
        with l, contextlib.redirect_stdout(b):
            print(t, end="")

    go(lambda: f("a"), lambda: f("b"))
    assert sorted(b.getvalue()) == ["a", "b"]


def race_slice_assign_generator():
    x = [0]
    d = {"k": 0}

    def g():
        d["k"] = d["k"] + 1
        yield d["k"]

    def f():
        x[:] = g()

    go(f, f)
    assert x == [2]


def ok_alone_after_join():
    x = []
    n = 0
    go(lambda: x.append(1))
    it = iter([1, 1, 1, 0])
    while next(it):
        n += 1
    while len(x) < 3:
        x += [1]
    assert n == 3


def refused_timeline_global():
    def w():
        with _timeline.span("a"):
            pass

    go(w)


class Borg:
    _shared = {}

    def __init__(self):
        self.__dict__ = self._shared


_borgs = [Borg(), Borg()]


def race_borgs_made_before():
    """Two objects with one `__dict__`, made when the module was imported."""
    _borgs[0].n = 0

    def add(i):
        _borgs[i].n += 1

    go(lambda: add(0), lambda: add(1))
    assert _borgs[0].n == 2


def race_borg_and_its_dict():
    """One adds to the attribute, the other to the item of the dict that it is."""
    _borgs[0].n = 0

    def by_item():
        Borg._shared["n"] += 1

    def by_attribute():
        _borgs[1].n += 1

    go(by_item, by_attribute)
    assert _borgs[0].n == 2


def ok_borgs_locked():
    """The same under a lock."""
    _borgs[0].n, lock = 0, Lock()

    def add(i):
        with lock:
            _borgs[i].n += 1

    go(lambda: add(0), lambda: add(1))
    assert _borgs[0].n == 2


class Old:
    def step(self):
        return 1


class New:
    def step(self):
        return 2


class Thing(Old):
    pass


_thing, _old = Thing(), Old()


def race_method_replaced():
    """Whoever says that the new method is found is wrong, in whatever order threads start."""
    got = []

    def patch():
        Old.step = lambda self: 2

    go(patch, lambda: got.append(_old.step()))
    assert got == [2]


def race_bases_replaced():
    """The same for a class that gets another base."""
    got = []

    def patch():
        Thing.__bases__ = (New,)

    go(patch, lambda: got.append(_thing.step()))
    assert got == [2]


def race_class_of_a_thing_replaced():
    """The same for an object that gets another class."""
    got = []

    def patch():
        _old.__class__ = New

    go(patch, lambda: got.append(_old.step()))
    assert got == [2]


# ------------------------------------------------- who dies, and who only seems to


class Being:
    def __init__(self):
        self.n = 0


_being = Being()
_beings = weakref.WeakKeyDictionary({_being: 0})


def race_weak_value_may_be_gone():
    strong = {"a": Being()}
    weak, seen = weakref.WeakValueDictionary(strong), []
    go(strong.clear, lambda: seen.append("a" in weak))
    assert seen == [True]


def race_weak_value_got():
    strong = [Being()]
    weak, seen = weakref.WeakValueDictionary(a=strong[0]), []
    go(strong.clear, lambda: seen.append(weak.get("a")))
    assert seen[0] is not None


def race_weak_set_len():
    strong = [Being()]
    weak, seen = weakref.WeakSet(strong), []
    go(strong.pop, lambda: seen.append(len(weak)))
    assert seen == [1]


def race_weak_keys_gone_through():
    strong = [Being()]
    weak, seen = weakref.WeakKeyDictionary({strong[0]: 1}), []
    go(strong.pop, lambda: seen.extend(weak.items()))
    assert seen


def race_nobody_holds_it():
    """A local variable ends with its thread."""
    weak = weakref.WeakValueDictionary()

    def make():
        being = Being()
        weak["a"] = being

    go(make, lambda: weak.get("a"))
    assert len(weak) == 1


def race_argument_of_a_thread():
    """A thread that has ended holds its arguments no longer."""
    weak = weakref.WeakSet()

    def make():
        being = Being()
        weak.add(being)
        return threading.Thread(target=lambda: being.n)

    first = make()
    first.start()
    seen = []
    go(lambda: seen.append(len(weak)))
    first.join()
    assert seen == [1]


def race_weak_method():
    box, seen = [Being()], []
    box[0].step = Old().step
    reference = weakref.WeakMethod(box[0].step)
    go(box.clear, lambda: seen.append(reference() is None))
    assert seen == [False]


def race_cycle_may_be_collected():
    being, seen = Being(), []
    being.me = being
    box, reference = [being], weakref.ref(being)
    del being
    go(box.clear, lambda: seen.append(reference() is None))
    assert seen == [False]


def race_through_a_proxy():
    being = Being()
    proxy = weakref.proxy(being)

    def one():
        being.n += 1

    def two():
        proxy.n += 1

    go(one, two)
    assert being.n == 2


def ok_weak_but_held():
    being, lock = Being(), Lock()
    weak = weakref.WeakValueDictionary(a=being)

    def add():
        with lock:
            weak["a"].n += 1

    go(add, add)
    assert being.n == 2


def ok_weak_but_held_by_the_module():
    lock = Lock()

    def add():
        with lock:
            _beings[_being] += 1

    go(add, add)
    assert _beings[_being] == 2


def ok_reference_but_held():
    being, lock = Being(), Lock()
    reference = weakref.ref(being)

    def add():
        with lock:
            reference().n += 1

    go(add, add)
    assert being.n == 2


def ok_registry_of_instances():
    lock, kept = Lock(), []

    class Registered:
        every = weakref.WeakSet()

        def __init__(self):
            with lock:
                self.every.add(self)

    go(lambda: kept.append(Registered()), lambda: kept.append(Registered()))
    assert len(Registered.every) == 2


def _two_under(lock):
    with lock:
        yield 1
        yield 2


def ok_generator_left():
    """Nobody holds it after the loop: it is closed there."""
    lock = Lock()

    def one():
        for _ in _two_under(lock):
            break

    go(one, one)


def ok_generator_left_by_an_error():
    lock = Lock()

    def one():
        with contextlib.suppress(ValueError):
            for _ in _two_under(lock):
                raise ValueError

    go(one, one)


def ok_generator_asked_once():
    lock = Lock()
    go(lambda: next(_two_under(lock)), lambda: any(_two_under(lock)))


def ok_generator_within_a_generator():
    lock = Lock()

    def outer():
        yield from _two_under(lock)

    def one():
        for _ in (item for item in outer()):
            break

    go(one, one)


def deadlock_generator_that_is_kept():
    lock, kept = Lock(), []

    def one():
        items = _two_under(lock)
        kept.append(items)
        for _ in items:
            break

    go(one, one)


def ok_loop_called_twice():
    """The flag is still set when the same loop is come to again."""
    done = [False]

    def once():
        while not done[0]:
            pass

    def wait():
        once()
        once()

    def finish():
        done[0] = True

    go(wait, finish)


def ok_lock_tried_in_rounds():
    """A turn of the second round is no turn of the first."""
    lock = Lock()

    def work():
        for _ in range(2):
            while not lock.acquire(timeout=0.1):
                pass
            lock.release()

    go(work, work)


def livelock_phases_missed():
    """Whoever looks too late has missed a phase: it waits for the next, which never comes."""
    phase = [0]

    def follow():
        for _ in range(2):
            while phase[0] % 2 == 0:
                pass
            while phase[0] % 2 == 1:
                pass

    def lead():
        for _ in range(4):
            phase[0] += 1

    go(follow, lead)


def ok_three_that_poll_in_turn():
    """Each looks again every now and then whether it is its turn."""
    changed, shown = threading.Condition(), []

    def show(place):
        with changed:
            while len(shown) != place:
                changed.wait(0.01)
            shown.append(place)

    go(lambda: show(2), lambda: show(1), lambda: show(0))
    assert shown == [0, 1, 2]


def ok_two_take_with_a_timeout():
    """Who waits with a time-out misses no item, though nobody is notified."""
    changed, items, got = threading.Condition(), [], []

    def take():
        with changed:
            while not items:
                changed.wait(0.1)
            got.append(items.pop())

    def put():
        for item in (1, 2):
            with changed:
                items.append(item)

    go(take, take, put)
    assert sorted(got) == [1, 2]


def exception_waits_once_with_a_timeout():
    """The time-out may be over before anything is there."""
    changed, items = threading.Condition(), []

    def take():
        with changed:
            if not items:
                changed.wait(0.1)
            items.pop()

    def put():
        with changed:
            items.append(1)
            changed.notify()

    go(take, put)


def ok_philosophers_try_in_order():
    """Three who take the smaller fork first, and give it back when the other is not free."""
    forks, ate = [Lock() for _ in range(3)], []

    def eat(i):
        first, second = sorted((i, (i + 1) % 3))
        while True:
            with forks[first]:
                if forks[second].acquire(timeout=0.1):
                    ate.append(i)
                    forks[second].release()
                    return

    go(lambda: eat(0), lambda: eat(1), lambda: eat(2))
    assert len(ate) == 3


def ok_readers_and_writers_poll():
    """Who may not enter tries again; two writers, one reader."""
    lock, readers, writing, x, seen = Lock(), [0], [False], [0, 0], []

    def read():
        while True:
            with lock:
                if not writing[0]:
                    readers[0] += 1
                    break
        seen.append(x[0] == x[1])
        with lock:
            readers[0] -= 1

    def write():
        while True:
            with lock:
                if not readers[0] and not writing[0]:
                    writing[0] = True
                    break
        x[0] += 1
        x[1] += 1
        with lock:
            writing[0] = False

    go(read, write, write)
    assert seen == [True]
    assert x == [2, 2]


_recent = collections.OrderedDict(a=0, b=0)


def race_order_that_stays():
    """An OrderedDict has an order of its own, which has to be put back, too."""
    seen = []

    def use():
        _recent.move_to_end("a")
        seen.append(next(iter(_recent)))
        _recent.move_to_end("b")

    go(use, use)
    assert seen == ["b", "b"]


class Sorted(dict):
    """As of sortedcontainers: its items are asked for one by one, by code in Python."""

    def __init__(self):
        super().__init__()
        self.order = []

    def __setitem__(self, key, value):
        if key not in self:
            self.order = sorted([*self.order, key])
        super().__setitem__(key, value)

    def __iter__(self):
        return iter(self.order)

    def items(self):
        return [(key, self[key]) for key in self.order]


def race_dict_with_an_order_of_its_own():
    d = Sorted()

    def put(key):
        d[key] = 1

    go(lambda: put("b"), lambda: put("a"))
    assert list(d) == ["a", "b"]


def ok_dict_with_an_order_of_its_own():
    d, lock = Sorted(), Lock()

    def put(key):
        with lock:
            d[key] = 1

    go(lambda: put("b"), lambda: put("a"))
    assert list(d) == ["a", "b"]


def race_view_that_only_reads():
    d = {}
    view, seen = types.MappingProxyType(d), []

    def put():
        d["a"] = 1

    go(put, lambda: seen.append(len(view)))
    assert seen == [1]


def race_item_of_a_view():
    d = {"a": 0}
    view = types.MappingProxyType(d)

    def add():
        d["a"] = view["a"] + 1

    go(add, add)
    assert d["a"] == 2


def ok_item_of_a_view_locked():
    d, lock = {"a": 0}, Lock()
    view = types.MappingProxyType(d)

    def add():
        with lock:
            d["a"] = view["a"] + 1

    go(add, add)
    assert d["a"] == 2


def exception_list_changed_while_it_is_sorted():
    """The key is a function in Python: there another thread may go on, and finds an empty list."""
    items = [3, 1, 2]
    go(lambda: items.sort(key=lambda item: item), lambda: items.append(9))


def race_list_changed_while_it_is_folded():
    items, out = ["a", "a"], []

    def change():
        items[0] = "b"
        items[1] = "c"

    go(lambda: out.append(functools.reduce(lambda a, b: a + b, items)), change)
    assert out[0] in ("aa", "ba", "bc")


def ok_local_imported_by_name():
    mine, out = local(), []

    def keep(number):
        mine.number = number
        out.append(mine.number == number)

    go(lambda: keep(1), lambda: keep(2))
    assert all(out)


class _Measured:
    count: int = 0  # since Python 3.14 the annotation is in a function, which has no source
    unit: "str"


def race_annotated_class():
    shared = _Measured()

    def add():
        shared.count += 1

    go(add, add)
    assert shared.count == 2


def race_dataclass_of_a_library():
    shared = MultiListener([])

    def add():
        shared.listeners = [*shared.listeners, 1]

    go(add, add)
    assert len(shared.listeners) == 2


class _Meta(type):
    made = {}
    lock = Lock()

    def __call__(cls, *args):
        if cls not in cls.made:
            cls.made[cls] = super().__call__(*args)
        return cls.made[cls]


class _LockedMeta(_Meta):
    def __call__(cls, *args):
        with cls.lock:
            return super().__call__(*args)


class _Settings(metaclass=_LockedMeta):
    times = 0

    def __init__(self):
        type(self).times += 1


class _Careless(metaclass=_Meta):
    times = 0

    def __init__(self):
        type(self).times += 1


def ok_singleton_by_inherited_metaclass():
    """What a metaclass keeps is put back before the next run."""
    go(_Settings, _Settings)
    assert _Settings.times == 1


def race_singleton_by_metaclass():
    go(lambda: _Careless(), lambda: _Careless())
    assert _Careless.times == 1


def ok_scheduler_with_delays():
    """All wait, and time passes: one waits for a moment that comes."""
    wake, tasks, done = threading.Condition(), [], []

    def run():
        while True:
            with wake:
                if not tasks:
                    return
                if (delay := tasks[0] - time.monotonic()) > 0:
                    wake.wait(delay)
                    continue
                done.append(tasks.pop(0))

    tasks.append(time.monotonic() + 1)
    go(run, run)
    assert len(done) == 1


_log = logging.getLogger(__name__)


class _Ticket:
    def __init__(self):
        self.state = "new"

    def __repr__(self):
        return f"Ticket({self.state})"


def ok_log_of_an_object():
    """Its text is asked for while a handler is locked."""
    ticket = _Ticket()

    def work():
        ticket.state = "open"
        _log.warning("now %s", ticket)

    go(work, work)


def deadlock_log_in_a_repr():
    """A lock taken while a handler is locked, and the other way round."""
    lock = Lock()

    class Guarded:
        def __repr__(self):
            with lock:
                return "guarded"

    def within():
        with lock:
            _log.warning("within")

    go(lambda: _log.warning("%s", Guarded()), within)


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = 0

    def emit(self, record):
        self.records += 1


def ok_handler_of_the_program():
    kept, log = _Kept(), logging.Logger("a")
    log.addHandler(kept)
    go(lambda: log.error("a"), lambda: log.error("b"))
    assert kept.records == 2


def race_filter_of_the_program():
    class Count(logging.Filter):
        seen = 0

        def filter(self, record):
            self.seen += 1
            return True

    count, log = Count(), logging.Logger("a")
    log.addFilter(count)
    log.addHandler(logging.NullHandler())
    go(lambda: log.error("a"), lambda: log.error("b"))
    assert count.seen == 2


def race_log_into_a_text():
    text, log = io.StringIO(), logging.Logger("a")
    log.addHandler(logging.StreamHandler(text))

    def once():
        if not text.getvalue():
            log.error("header")

    go(once, once)
    assert text.getvalue() == "header\n"


def ok_two_spin_until_a_deadline():
    end = time.monotonic() + 5

    def wait():
        while time.monotonic() < end:
            pass

    go(wait, wait)


def race_csv_header():
    """A writer in C keeps the file that it was given."""
    text = io.StringIO()
    rows = csv.writer(text)

    def once():
        if not text.getvalue():
            rows.writerow(["header"])

    go(once, once)
    assert text.getvalue().count("header") == 1


def race_text_over_bytes():
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, write_through=True)

    def once():
        if not raw.getvalue():
            text.write("x")

    go(once, once)
    assert raw.getvalue() == b"x"


def race_pickles_in_one_file():
    file = io.BytesIO()
    pickler = pickle.Pickler(file)

    def once():
        if not file.getvalue():
            pickler.dump(1)

    go(once, once)
    assert file.getvalue() == pickle.dumps(1)


def race_ready_nodes_given_twice():
    """Methods of a class of the library that is written in Python."""
    sorter = graphlib.TopologicalSorter({"a": {"b"}})
    sorter.prepare()
    got = []

    def take():
        got.extend(sorter.get_ready())

    go(take, take)
    assert got == ["b"]


def race_side_effect_of_a_mock():
    calls = [0]

    def count():
        calls[0] += 1

    stub = mock.Mock(side_effect=count)
    go(stub, stub)
    assert calls == [2]


def ok_patterns_and_numbers():
    """Their methods change nothing."""
    pattern, price = re.compile("a"), decimal.Decimal("1.5")

    def work():
        for _ in range(4):
            pattern.match("a")
            price.quantize(decimal.Decimal(1))

    go(work, work, work, work)


def ok_uuids_are_unique():
    jobs = {}

    def submit():
        jobs[uuid.uuid4().hex] = jobs[uuid.uuid1()] = 1

    go(submit, submit)
    assert len(jobs) == 4


def race_function_of_a_module_replaced():
    seen = []

    def patch():
        before = library.answer
        library.answer = lambda: 2
        library.answer = before

    go(patch, lambda: seen.append(library.answer()))
    assert seen == [1]


def race_function_of_a_module_replaced_by_itself():
    seen = []
    go(library.replace, lambda: seen.append(library.answer()))
    assert seen == [1]


def race_name_of_a_module_by_getattr():
    first = []

    def once():
        if not getattr(library, "ready"):
            setattr(library, "ready", True)
            first.append(1)

    go(once, once)
    assert first == [1]


def ok_count_of_a_module_locked():
    lock = Lock()

    def add():
        with lock:
            library.count += 1

    go(add, add)
    assert library.count == 2


def race_name_imported_meanwhile():
    seen = []

    def look():
        from cases.library import ready

        seen.append(ready)

    def write():
        library.ready = True

    go(look, write)
    assert seen == [False]


def race_merged_while_it_grows():
    """A generator of the library looks at what it was given when it goes on."""
    rows, out = [1, 3], []
    merged = heapq.merge(rows, [2])
    go(lambda: out.extend(merged), lambda: rows.append(4))
    assert out == [1, 2, 3]
