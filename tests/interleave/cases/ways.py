"""Unusual ways to what is shared: by name, by an iterator, by a descriptor, in a local."""

# ruff: noqa
import array
import collections
import contextlib
import contextvars
import enum
import functools
import itertools
import io
import operator
import random
import string
import struct
import threading
import types
import weakref
from collections import deque
from threading import Lock, Thread

from programs_told import together as go


def tear(p):
    p.x = 1
    p.y = 1


class Point:
    def __init__(self, x=0, y=0):
        self.x, self.y = x, y


# ------------------------------------------------------------------ held by something unusual


def race_object_in_a_local():
    """Each thread has its own name for it, in a threading.local; it is one object."""
    p, mine = Point(), threading.local()

    def add():
        mine.p = p
        mine.p.x += 1

    go(add, add)
    assert p.x == 2


def ok_number_in_a_local():
    mine = threading.local()

    def add():
        mine.n = 0
        mine.n += 1
        assert mine.n == 1

    go(add, add)


def race_list_in_a_local_of_the_starter():
    box, mine = [], threading.local()

    def work(given):
        mine.box = given
        if not mine.box:
            mine.box.append(1)

    go(lambda: work(box), lambda: work(box))
    assert len(box) == 1


_var = contextvars.ContextVar("var", default=None)
_holder = contextvars.ContextVar("holder", default=[0])


def ok_context_var():
    """Each thread has a context of its own."""

    def work(n):
        _var.set(n)
        assert _var.get() == n

    go(lambda: work(1), lambda: work(2))


def race_default_of_a_context_var():
    """The default is one list for all."""
    _holder.get()[0] = 0

    def add():
        _holder.get()[0] += 1

    go(add, add)
    assert _holder.get()[0] == 2


def race_object_in_a_context_var():
    p = Point()

    def add():
        _var.set(p)
        _var.get().x += 1

    go(add, add)
    assert p.x == 2


def race_one_context_run_by_two():
    ctx, box = contextvars.copy_context(), Point()

    def add():
        box.x += 1

    def work():
        try:
            ctx.run(add)
        except RuntimeError:
            add()

    go(work, work)
    assert box.x == 2


def race_context_run():
    box = Point()

    def add():
        box.x += 1

    go(lambda: contextvars.copy_context().run(add), lambda: contextvars.copy_context().run(add))
    assert box.x == 2


def race_in_a_closure_cell():
    def make():
        n = 0

        def add():
            nonlocal n
            n += 1

        return add, lambda: n

    add, get = make()
    go(add, add)
    assert get() == 2


def race_attribute_of_a_function():
    def count():
        count.n += 1

    count.n = 0
    go(count, count)
    assert count.n == 2


def race_attribute_of_a_method_function():
    class C:
        def m(self):
            C.m.calls += 1

    C.m.calls = 0
    c = C()
    go(c.m, c.m)
    assert C.m.calls == 2


def race_default_argument():
    def count(box=[0]):
        box[0] += 1
        return box

    go(count, count)
    box = count()
    n, box[0] = box[0], 0
    assert n == 3


def race_item_of_a_module_dict():
    d = types.ModuleType("made")
    d.n = 0

    def add():
        d.n += 1

    go(add, add)
    assert d.n == 2


def race_simple_namespace():
    s = types.SimpleNamespace(n=0)

    def add():
        s.n += 1

    go(add, add)
    assert s.n == 2


def race_attribute_of_an_exception():
    e = ValueError(0)

    def add():
        e.args = (e.args[0] + 1,)

    go(add, add)
    assert e.args == (2,)


def race_cell_contents():
    n = 0

    def get():
        return n

    cell = get.__closure__[0]

    def add():
        cell.cell_contents = cell.cell_contents + 1

    go(add, add)
    assert get() == 2


def race_function_defaults():
    def f(n=0):
        return n

    def add():
        f.__defaults__ = (f.__defaults__[0] + 1,)

    go(add, add)
    assert f() == 2


def race_dunder_attribute_of_a_class():
    class C:
        __count__ = 0

    def add():
        C.__count__ += 1

    go(add, add)
    assert C.__count__ == 2


def race_dunder_attribute_of_an_object():
    class C:
        __count__ = 0

    c = C()

    def add():
        c.__count__ += 1

    go(add, add)
    assert c.__count__ == 2


def race_private_attribute():
    class C:
        def __init__(self):
            self.__n = 0

        def add(self):
            self.__n += 1

        def get(self):
            return self.__n

    c = C()
    go(c.add, c.add)
    assert c.get() == 2


def race_doc_of_a_function():
    def f():
        "0"

    def add():
        f.__doc__ = str(int(f.__doc__) + 1)

    go(add, add)
    assert f.__doc__ == "2"


def race_name_of_a_class():
    class C:
        pass

    C.__name__ = "0"

    def add():
        C.__name__ = str(int(C.__name__) + 1)

    go(add, add)
    assert C.__name__ == "2"


# ------------------------------------------------------------------ generators, iterators


def exception_generator_for_by_two():
    def numbers():
        yield 1
        yield 2

    g, seen = numbers(), []

    def take():
        for n in g:
            seen.append(n)

    go(take, take)


def race_generator_that_counts():
    n = 0

    def numbers():
        nonlocal n
        for _ in range(2):
            n += 1
            yield n

    go(lambda: list(numbers()), lambda: list(numbers()))
    assert n == 4


def exception_generator_send():
    def echo():
        got = yield
        while True:
            got = yield got

    g, seen = echo(), []
    next(g)
    go(lambda: seen.append(g.send(1)), lambda: seen.append(g.send(2)))


def ok_generator_send_locked():
    def echo():
        got = yield
        while True:
            got = yield got

    g, seen, lock = echo(), [], Lock()
    next(g)

    def work(n):
        with lock:
            seen.append(g.send(n))

    go(lambda: work(1), lambda: work(2))
    assert sorted(seen) == [1, 2]


def exception_generator_closed_while_it_runs():
    shared = [1]

    def items():
        yield shared[0]
        yield shared[0]

    g = items()

    def poke():
        shared[0] = 2

    go(lambda: next(g), lambda: g.close(), poke)


def exception_yield_from_shared():
    box = [1, 2]

    def inner():
        yield from box
        box.append(0) if len(box) < 3 else None

    def outer():
        yield from g

    g = inner()
    go(lambda: list(outer()), lambda: list(outer()), lambda: box.append(1))


def ok_count_next():
    """next of a count in C is one step."""
    c, seen = itertools.count(), []
    go(lambda: seen.append(next(c)), lambda: seen.append(next(c)))
    assert sorted(seen) == [0, 1]


def race_zip_over_a_shared_iterator():
    """zip takes from both in one step in C, yet two zips interleave pair by pair."""
    it, seen = iter([1, 2, 3, 4]), []

    def take():
        for a, b in zip(it, it):
            seen.append((a, b))

    go(take, lambda: seen.append((next(it, 0), 9)))
    assert (1, 2) in seen and (3, 4) in seen


def ok_zip_of_own():
    a, seen = [1, 2], []
    go(lambda: seen.append(list(zip(a, a))), lambda: seen.append(list(zip(a, a))))
    assert seen == [[(1, 1), (2, 2)]] * 2


def race_islice_of_a_shared_iterator():
    it, seen = iter(range(4)), []
    go(
        lambda: seen.append(list(itertools.islice(it, 2))),
        lambda: seen.append(list(itertools.islice(it, 2))),
    )
    assert seen[0] == [0, 1]


def race_tee():
    """Halves of a tee share what the other has not taken."""
    it = iter([1, 2])
    a, seen = itertools.tee(it), []
    go(lambda: seen.extend(a[0]), lambda: next(it, None))
    assert seen == [1, 2]


def race_chain_of_shared():
    it, seen = iter([1, 2]), []
    go(lambda: seen.append(list(itertools.chain(it, [9]))), lambda: next(it, None))
    assert seen == [[1, 2, 9]]


def race_iterator_state():
    """How far a shared list iterator is, both see."""
    it, seen = iter([1, 2, 3]), []
    go(lambda: seen.append(next(it)), lambda: seen.append(next(it)))
    assert seen == [1, 2]


def race_length_hint():
    it, seen = iter([1, 2, 3]), []

    def take():
        next(it)
        next(it)

    go(take, lambda: seen.append(operator.length_hint(it)))
    assert seen[0] in (3, 1)


def race_reversed_list():
    items, seen = [1, 2], []

    def look():
        for each in reversed(items):
            seen.append(each)

    go(look, lambda: items.reverse())
    assert sorted(seen) == [1, 2]


def race_enumerate_shared():
    e, seen = enumerate("ab"), []
    go(lambda: seen.append(next(e)), lambda: seen.append(next(e)))
    assert seen == [(0, "a"), (1, "b")]


def race_unpacking_of_an_iterator():
    it, seen = iter([1, 2, 3, 4]), []

    def take():
        a, b = it_two(it)
        seen.append((a, b))

    def it_two(it):
        return next(it), next(it)

    go(take, take)
    assert (1, 2) in seen


def race_star_args_of_a_shared_list():
    items, seen = [1, 2], []

    def f(*args):
        seen.append(args)

    go(lambda: f(*items), lambda: items.append(3))
    assert seen == [(1, 2)]


def race_star_args_torn():
    """The arguments are drawn item by item where it is a generator."""
    items, seen = [1, 2], []

    def each():
        for n in range(2):
            yield items[n]

    def f(*args):
        seen.append(args)

    go(lambda: f(*each()), lambda: items.reverse())
    assert sorted(seen[0]) == [1, 2]


def race_double_star():
    d, seen = {"a": 0, "b": 0}, []

    def write():
        d["a"] = 1
        d["b"] = 1

    def f(a, b):
        seen.append((a, b))

    go(write, lambda: f(**d))
    assert seen[0] in ((0, 0), (1, 1))


def race_dict_display():
    d, seen = {"a": 0, "b": 0}, []

    def write():
        d["a"] = 1
        d["b"] = 1

    go(write, lambda: seen.append({**d}))
    assert seen[0]["a"] == seen[0]["b"]


def race_list_display():
    items, seen = [0, 0], []

    def write():
        items[0] = 1
        items[1] = 1

    go(write, lambda: seen.append([*items]))
    assert seen[0][0] == seen[0][1]


def race_extended_unpacking():
    items, seen = [0, 0], []

    def write():
        items[0] = 1
        items[1] = 1

    def read():
        a, *b = items
        seen.append((a, b[0]))

    go(write, read)
    assert seen[0][0] == seen[0][1]


def race_extend_by_a_generator():
    """What a generator gives comes into the list one by one."""
    items, seen = [], []
    go(lambda: items.extend(n for n in (1, 2)), lambda: seen.append(list(items)))
    assert seen[0] in ([], [1, 2])


def race_extend_by_a_call_of_python():
    items, seen = [], []

    def twice(n):
        return n * 2

    go(lambda: items.extend(map(twice, (1, 2))), lambda: seen.append(list(items)))
    assert seen[0] in ([], [2, 4])


def ok_extend_by_a_list():
    items, seen = [], []
    go(lambda: items.extend([1, 2]), lambda: seen.append(list(items)))
    assert seen[0] in ([], [1, 2])


def race_update_by_a_generator():
    d, seen = {}, []
    go(lambda: d.update((n, n) for n in (1, 2)), lambda: seen.append(len(d)))
    assert seen[0] in (0, 2)


def race_set_update_by_a_generator():
    s, seen = set(), []
    go(lambda: s.update(n for n in (1, 2)), lambda: seen.append(len(s)))
    assert seen[0] in (0, 2)


def race_deque_extend_by_a_generator():
    s, seen = deque(), []
    go(lambda: s.extend(n for n in (1, 2)), lambda: seen.append(len(s)))
    assert seen[0] in (0, 2)


def race_list_iadd_generator():
    s, seen = [], []

    def add():
        nonlocal s
        s += (n for n in (1, 2))

    go(add, lambda: seen.append(len(s)))
    assert seen[0] in (0, 2)


def race_join_over_a_shared_generator():
    """join drains the generator first, item by item: the other takes one away."""

    def letters():
        yield "a"
        yield "b"

    g, seen = letters(), []

    def steal():
        try:
            next(g, None)
        except ValueError:
            pass

    go(lambda: seen.append("".join(g)), steal)
    assert seen == ["ab"]


def ok_sum_over_a_shared_list():
    items, seen = [1, 2], []
    go(lambda: seen.append(sum(items)), lambda: items.reverse())
    assert seen == [3]


def race_sum_over_a_shared_list_that_is_written():
    items, seen = [0, 0], []

    def write():
        items[0] = 1
        items[1] = 1

    go(write, lambda: seen.append(sum(items)))
    assert seen[0] in (0, 2)


def race_any_over_a_generator():
    items, seen = [False, True], []
    go(lambda: seen.append(any(x for x in items)), lambda: items.reverse())
    assert seen == [True]


def race_all_over_a_generator():
    items, seen = [True, False], []
    go(lambda: seen.append(all(x for x in items)), lambda: items.reverse())
    assert seen == [False]


# ------------------------------------------------------------------ bytes, arrays, views


def race_struct_pack_into():
    buf, seen = bytearray(8), []

    def write():
        struct.pack_into("i", buf, 0, 1)
        struct.pack_into("i", buf, 4, 1)

    go(write, lambda: seen.append(struct.unpack("ii", buf)))
    assert seen[0] in ((0, 0), (1, 1))


def race_struct_unpack_from():
    buf = bytearray(4)

    def add():
        (n,) = struct.unpack_from("i", buf)
        struct.pack_into("i", buf, 0, n + 1)

    go(add, add)
    assert struct.unpack("i", buf) == (2,)


def race_struct_object():
    s, buf = struct.Struct("i"), bytearray(4)

    def add():
        s.pack_into(buf, 0, s.unpack_from(buf)[0] + 1)

    go(add, add)
    assert struct.unpack("i", buf) == (2,)


def race_memoryview_slice():
    buf, seen = bytearray(4), []
    v = memoryview(buf)[1:3]

    def write():
        v[0] = 1
        v[1] = 1

    go(write, lambda: seen.append((buf[1], buf[2])))
    assert seen[0] in ((0, 0), (1, 1))


def race_memoryview_cast():
    buf = bytearray(8)
    v = memoryview(buf).cast("i")

    def add():
        v[0] += 1

    go(add, add)
    assert v[0] == 2


def race_bytes_of_a_bytearray():
    buf, seen = bytearray(2), []

    def write():
        buf[0] = 1
        buf[1] = 1

    go(write, lambda: seen.append(bytes(buf)))
    assert seen[0] in (b"\0\0", b"\1\1")


def race_int_from_bytes():
    buf, seen = bytearray(2), []

    def write():
        buf[0] = 1
        buf[1] = 1

    go(write, lambda: seen.append(int.from_bytes(buf, "big")))
    assert seen[0] in (0, 257)


def race_bytearray_slice_assigned():
    buf, seen = bytearray(b"ab"), []

    def swap():
        buf[0:1] = b"xy"
        buf[1:3] = b"z"

    go(swap, lambda: seen.append(len(buf)))
    assert seen == [2]


def race_bytes_join():
    buf, seen = bytearray(b"ab"), []

    def write():
        buf[0] = 120
        buf[1] = 121

    go(write, lambda: seen.append(b"".join([buf, b"!"])))
    assert seen[0] in (b"ab!", b"xy!")


def race_array_extend():
    a, seen = array.array("i"), []

    def put():
        a.extend([1, 2])
        a.extend([3])

    go(put, lambda: seen.append(a.tolist()))
    assert seen[0] in ([], [1, 2, 3])


def ok_array_extend():
    a, seen = array.array("i"), []
    go(lambda: a.extend([1, 2]), lambda: seen.append(a.tolist()))
    assert seen[0] in ([], [1, 2])


def race_array_item():
    a = array.array("i", [0])

    def add():
        a[0] += 1

    go(add, add)
    assert a[0] == 2


def race_array_frombytes_of_a_bytearray():
    buf, seen = bytearray(8), []

    def write():
        buf[0] = 1
        buf[4] = 1

    def read():
        a = array.array("i")
        a.frombytes(buf)
        seen.append(a.tolist())

    go(write, read)
    assert seen[0] in ([0, 0], [1, 1])


# ------------------------------------------------------------------ descriptors, slots, classes


def race_slots():
    class S:
        __slots__ = ("n",)

    s = S()
    s.n = 0

    def add():
        s.n += 1

    go(add, add)
    assert s.n == 2


def race_slots_and_dict():
    class S:
        __slots__ = ("n", "__dict__")

    s = S()
    s.n = s.m = 0

    def add():
        s.m += 1

    go(add, add)
    assert s.m == 2


def race_descriptor_with_a_dict():
    class D:
        def __init__(self):
            self.values = {}

        def __get__(self, owner, kind):
            return self.values.get(id(owner), 0)

        def __set__(self, owner, value):
            self.values[id(owner)] = value

    class C:
        n = D()

    c = C()

    def add():
        c.n += 1

    go(add, add)
    assert c.n == 2


def race_descriptor_that_stores_by_name():
    class D:
        def __set_name__(self, owner, name):
            self.name = "_" + name

        def __get__(self, owner, kind):
            return getattr(owner, self.name)

        def __set__(self, owner, value):
            setattr(owner, self.name, value)

    class C:
        n = D()

        def __init__(self):
            self.n = 0

    c = C()

    def add():
        c.n += 1

    go(add, add)
    assert c.n == 2


def ok_descriptor_that_locks():
    class D:
        def __init__(self):
            self.lock = Lock()

        def __get__(self, owner, kind):
            return self

        def add(self, owner):
            with self.lock:
                owner.m += 1

    class C:
        n = D()

        def __init__(self):
            self.m = 0

    c = C()
    go(lambda: c.n.add(c), lambda: c.n.add(c))
    assert c.m == 2


def race_property_setter():
    class C:
        def __init__(self):
            self._n = 0

        @property
        def n(self):
            return self._n

        @n.setter
        def n(self, value):
            self._n = value

    c = C()

    def add():
        c.n += 1

    go(add, add)
    assert c.n == 2


def ok_property_locked():
    class C:
        def __init__(self):
            self._n, self.lock = 0, Lock()

        @property
        def n(self):
            with self.lock:
                return self._n

    c, seen = C(), []
    go(lambda: seen.append(c.n), lambda: seen.append(c.n))
    assert seen == [0, 0]


def race_property_made_by_call():
    class C:
        def get(self):
            return self._n

        def put(self, value):
            self._n = value

        n = property(get, put)

    c = C()
    c.n = 0

    def add():
        c.n += 1

    go(add, add)
    assert c.n == 2


def race_setattr_hook():
    class C:
        def __init__(self):
            object.__setattr__(self, "log", [])

        def __setattr__(self, name, value):
            if not self.log:
                self.log.append(name)
            object.__setattr__(self, name, value)

    c = C()

    def put():
        c.n = 1

    go(put, put)
    assert len(c.log) == 1


def race_class_body():
    """The body of a class is run by both threads, and counts."""
    n = 0

    def make():
        nonlocal n

        class C:
            nonlocal n
            n += 1

        return C

    go(make, make)
    assert n == 2


def race_class_body_reads():
    box, seen = [0, 0], []

    def write():
        box[0] = 1
        box[1] = 1

    def make():
        class C:
            a = box[0]
            b = box[1]

        seen.append((C.a, C.b))

    go(write, make)
    assert seen[0] in ((0, 0), (1, 1))


def race_init_subclass():
    made = []

    class Base:
        def __init_subclass__(cls):
            if not made:
                made.append(cls)

    def make():
        class Sub(Base):
            pass

    go(make, make)
    assert len(made) == 1


def race_metaclass_registry():
    count = {"n": 0}

    class Meta(type):
        def __new__(meta, name, bases, space):
            count["n"] += 1
            return super().__new__(meta, name, bases, space)

    def make():
        class C(metaclass=Meta):
            pass

    go(make, make)
    assert count["n"] == 2


def race_type_called():
    count = {"n": 0}

    class Base:
        def __init_subclass__(cls):
            count["n"] += 1

    go(lambda: type("A", (Base,), {}), lambda: type("B", (Base,), {}))
    assert count["n"] == 2


def race_set_name():
    names = [0]

    class D:
        def __set_name__(self, owner, name):
            names[0] += 1

    def make():
        class C:
            d = D()

    go(make, make)
    assert names[0] == 2


def race_class_getitem():
    class C:
        n = 0

        def __class_getitem__(cls, item):
            cls.n += 1
            return cls

    go(lambda: C[int], lambda: C[str])
    assert C.n == 2


def race_static_and_class_methods():
    class C:
        n = 0

        @classmethod
        def add(cls):
            cls.n += 1

    go(C.add, C.add)
    assert C.n == 2


def race_new_singleton():
    class C:
        one = None

        def __new__(cls):
            if cls.one is None:
                cls.one = super().__new__(cls)
            return cls.one

    seen = []
    go(lambda: seen.append(C()), lambda: seen.append(C()))
    assert seen[0] is seen[1]


def race_call_method():
    class C:
        def __init__(self):
            self.n = 0

        def __call__(self):
            self.n += 1

    c = C()
    go(c, c)
    assert c.n == 2


def race_enum_member_attribute():
    class E(enum.Enum):
        A = enum.auto()

    E.A.count = 0

    def add():
        E.A.count += 1

    go(add, add)
    assert E.A.count == 2


def ok_enum_compared():
    class E(enum.Enum):
        A = enum.auto()
        B = enum.auto()

    state, seen = [E.A], []

    def flip():
        state[0] = E.B

    go(flip, lambda: seen.append(state[0]))
    assert seen[0] in (E.A, E.B)


def race_enum_state_checked():
    class E(enum.Enum):
        NEW = enum.auto()
        DONE = enum.auto()

    p, runs = Point(E.NEW), []

    def once():
        if p.x is E.NEW:
            runs.append(1)
            p.x = E.DONE

    go(once, once)
    assert len(runs) == 1


def race_weak_proxy():
    p = Point()
    w = weakref.proxy(p)

    def add():
        w.x += 1

    go(add, add)
    assert p.x == 2


# ------------------------------------------------------------------ by name, by operator


def race_getattr_by_name():
    p, name = Point(), "x"

    def add():
        setattr(p, name, getattr(p, name) + 1)

    go(add, add)
    assert p.x == 2


def race_getattr_default():
    p = Point()

    def once():
        p.n = getattr(p, "n", 0) + 1

    go(once, once)
    assert p.n == 2


def race_hasattr_then_set():
    p, made = Point(), []

    def once():
        if not hasattr(p, "n"):
            p.n = 1
            made.append(1)

    go(once, once)
    assert len(made) == 1


def race_delattr():
    p, got = Point(), []

    def once():
        if hasattr(p, "x"):
            got.append(1)
            with contextlib.suppress(AttributeError):
                delattr(p, "x")

    go(once, once)
    assert len(got) == 1


def exception_delattr_twice():
    p = Point()

    def once():
        if hasattr(p, "x"):
            delattr(p, "x")

    go(once, once)


def race_getattr_method_by_name():
    items = [0]

    def once():
        if len(items) == 1:
            getattr(items, "append")(1)

    go(once, once)
    assert len(items) == 2


def race_getattr_of_a_class():
    class C:
        n = 0

    def add():
        setattr(C, "n", getattr(C, "n") + 1)

    go(add, add)
    assert C.n == 2


def race_operator_iadd():
    box = Point()

    def add():
        box.x = operator.iadd(box.x, 1)

    go(add, add)
    assert box.x == 2


def race_operator_setitem():
    d = {"n": 0}

    def add():
        operator.setitem(d, "n", operator.getitem(d, "n") + 1)

    go(add, add)
    assert d["n"] == 2


def race_attrgetter():
    p = Point()
    get = operator.attrgetter("x")

    def add():
        p.x = get(p) + 1

    go(add, add)
    assert p.x == 2


def race_partial_target():
    d = {"n": 0}

    def add(k):
        d[k] += 1

    go(functools.partial(add, "n"), functools.partial(add, "n"))
    assert d["n"] == 2


def race_partialmethod():
    class C:
        def __init__(self):
            self.n = 0

        def add(self, by):
            self.n += by

        one = functools.partialmethod(add, 1)

    c = C()
    go(c.one, c.one)
    assert c.n == 2


def race_bound_method_in_c_as_target():
    items, seen = [], []
    threads = [
        Thread(target=items.append, args=(1,)),
        Thread(target=lambda: seen.append(len(items))),
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen == [1]


def exception_pop_as_target():
    items = [1]
    dead = []

    def guarded():
        try:
            items.pop()
        except IndexError:
            dead.append(1)

    t = Thread(target=items.pop)
    t.start()
    guarded()
    t.join()


def race_setattr_as_target():
    p, seen = Point(), []
    a = Thread(target=setattr, args=(p, "x", 1))
    b = Thread(target=lambda: seen.append(p.x))
    for t in (a, b):
        t.start()
    for t in (a, b):
        t.join()
    assert seen == [1]


def race_setitem_as_target():
    d, seen = {}, []
    a = Thread(target=d.__setitem__, args=("k", 1))
    b = Thread(target=lambda: seen.append("k" in d))
    for t in (a, b):
        t.start()
    for t in (a, b):
        t.join()
    assert seen == [True]


def race_map_of_setattr():
    p, seen = Point(), []

    def write():
        list(map(lambda name: setattr(p, name, 1), ["x", "y"]))

    go(write, lambda: seen.append((p.x, p.y)))
    assert seen[0] in ((0, 0), (1, 1))


def race_map_of_append():
    items, seen = [], []
    go(lambda: list(map(items.append, [1, 2])), lambda: seen.append(len(items)))
    assert seen[0] in (0, 2)


def race_reduce_with_operator():
    items, seen = [1, 2, 3], []

    def write():
        items[0] = 5
        items[2] = 7

    go(write, lambda: seen.append(functools.reduce(operator.add, items)))
    assert seen[0] in (6, 14)


def race_suppress():
    d, got = {"k": 1}, []

    def take():
        with contextlib.suppress(KeyError):
            got.append(d["k"])
            del d["k"]

    go(take, take)
    assert len(got) == 1


def ok_suppress():
    d, got = {"k": 1}, []

    def take():
        with contextlib.suppress(KeyError):
            got.append(d.pop("k"))

    go(take, take)
    assert len(got) == 1


def race_exit_callback():
    n = Point()

    def add():
        n.x += 1

    def work():
        with contextlib.ExitStack() as stack:
            stack.callback(add)

    go(work, work)
    assert n.x == 2


def race_closing():
    log = Point()

    class R:
        def close(self):
            log.x += 1

    def work():
        with contextlib.closing(R()):
            pass

    go(work, work)
    assert log.x == 2


def race_nullcontext():
    n = Point()

    def add():
        with contextlib.nullcontext(n) as p:
            p.x += 1

    go(add, add)
    assert n.x == 2


# ------------------------------------------------------------------ augmented, names, merging


def race_dict_or_equals():
    d, seen = {}, []

    def put():
        nonlocal d
        d |= {"a": 1, "b": 1}

    go(put, lambda: seen.append(d.get("a", 0) + d.get("b", 0)))
    assert seen[0] in (0, 2)


def race_dict_or():
    """`d = d | …` is read, merge, write."""
    d = {}

    def put(k):
        nonlocal d
        d = d | {k: 1}

    go(lambda: put("a"), lambda: put("b"))
    assert len(d) == 2


def ok_dict_or_equals_kept():
    """`|=` changes the one dict, so that both keys stay."""
    d = {}

    def put(k):
        nonlocal d
        d |= {k: 1}

    go(lambda: put("a"), lambda: put("b"))
    assert len(d) == 2


def race_list_plus():
    x = []

    def put(n):
        nonlocal x
        x = x + [n]

    go(lambda: put(1), lambda: put(2))
    assert len(x) == 2


def ok_list_plus_equals():
    x = []

    def put(n):
        nonlocal x
        x += [n]

    go(lambda: put(1), lambda: put(2))
    assert len(x) == 2


def race_tuple_plus_equals():
    x = ()

    def put(n):
        nonlocal x
        x += (n,)

    go(lambda: put(1), lambda: put(2))
    assert len(x) == 2


def race_string_plus_equals():
    x = ""

    def put(n):
        nonlocal x
        x += n

    go(lambda: put("a"), lambda: put("b"))
    assert len(x) == 2


def race_nested_subscript():
    d = {"a": [0]}

    def add():
        d["a"][0] += 1

    go(add, add)
    assert d["a"][0] == 2


def race_attribute_of_an_item():
    d = {"p": Point()}

    def add():
        d["p"].x += 1

    go(add, add)
    assert d["p"].x == 2


def race_index_evaluated_once():
    d, n = [0, 0], Point()

    def nxt():
        n.x += 1
        return 0

    def add():
        d[nxt()] += 1

    go(add, add)
    assert n.x == 2 and d[0] == 2


def race_walrus():
    n = 0

    def add():
        nonlocal n
        m = (k := n) + 1
        n = m

    go(add, add)
    assert n == 2


_count = 0


def race_global_in_a_nested_function():
    global _count
    _count = 0

    def outer():
        def inner():
            global _count
            _count += 1

        inner()

    go(outer, outer)
    assert _count == 2


def race_nonlocal_two_deep():
    n = 0

    def outer():
        def inner():
            nonlocal n
            n += 1

        inner()

    go(outer, outer)
    assert n == 2


def ok_nonlocal_own():
    done = []

    def outer():
        n = 0

        def inner():
            nonlocal n
            n += 1

        inner()
        inner()
        done.append(n)

    go(outer, outer)
    assert done == [2, 2]


def race_for_target_nonlocal():
    n, seen = 0, []

    def loop():
        nonlocal n
        for n in (1, 2):
            pass

    go(loop, lambda: seen.append(n))
    assert seen[0] in (0, 2)


def race_with_target():
    n, seen = None, []

    def enter():
        nonlocal n
        with contextlib.nullcontext(1) as n:
            n = 2

    go(enter, lambda: seen.append(n))
    assert seen[0] in (None, 2)


def race_except_target():
    e, seen = 0, []

    def fail():
        nonlocal e
        try:
            raise ValueError
        except ValueError as e:
            pass

    def look():
        try:
            seen.append(e)
        except NameError:
            seen.append("gone")

    go(fail, look)
    assert seen != ["gone"]


def race_del_of_a_name():
    n, seen = 1, []

    def drop():
        nonlocal n
        del n

    def look():
        try:
            seen.append(n)
        except NameError:
            seen.append("gone")

    go(drop, look)
    assert seen == [1]


def race_swap():
    a, b, seen = 1, 2, []

    def swap():
        nonlocal a, b
        a, b = b, a

    go(swap, lambda: seen.append((a, b)))
    assert seen[0] in ((1, 2), (2, 1))


def race_chained_assignment():
    p, seen = Point(), []

    def write():
        p.x = p.y = 1

    go(write, lambda: seen.append((p.x, p.y)))
    assert seen[0] in ((0, 0), (1, 1))


def race_chained_comparison():
    p, seen = Point(0, 1), []

    def write():
        p.x = 5
        p.y = 6

    go(write, lambda: seen.append(p.x < p.y < 6))
    assert seen == [True]


def race_chained_comparison_of_lists():
    a, seen = [[1], [1]], []

    def write():
        a[0].append(2)
        a[1].append(2)

    go(write, lambda: seen.append(a[0] == a[1] == a[1]))
    assert seen == [True]


def race_conditional_expression():
    p, runs = Point(), []

    def once():
        runs.append(1) if p.x == 0 else None
        p.x = 1

    go(once, once)
    assert len(runs) == 1


def race_try_finally_counts():
    p = Point()

    def work():
        try:
            return 1
        finally:
            p.x += 1

    go(work, work)
    assert p.x == 2


def race_comprehension_over_attribute():
    p, seen = Point(), []
    p.items = [1, 2]

    def write():
        p.items = [3, 4]

    go(write, lambda: seen.append([p.items[n] for n in range(2)]))
    assert seen[0] in ([1, 2], [3, 4])


def race_nested_comprehension():
    rows, seen = [[0], [0]], []

    def write():
        rows[0][0] = 1
        rows[1][0] = 1

    go(write, lambda: seen.append([n for row in rows for n in row]))
    assert seen[0] in ([0, 0], [1, 1])


def race_match_on_attributes():
    p, seen = Point(), []

    def read():
        match p:
            case Point(x=0, y=1):
                seen.append("torn")

    def write():
        p.y = 1
        p.x = 1

    go(write, read)
    assert not seen


def race_deque_rotate():
    d, seen = deque([1, 2]), []

    def turn():
        d.rotate(1)
        d.rotate(1)

    go(turn, lambda: seen.append(d[0]))
    assert seen == [1]


def race_deque_maxlen():
    d = deque(maxlen=1)
    seen = []

    def put():
        d.append(1)
        d.append(2)

    go(put, lambda: seen.append(list(d)))
    assert seen[0] in ([], [2])


def race_ordered_dict_move():
    d, seen = collections.OrderedDict(a=1, b=2), []
    go(lambda: d.move_to_end("a"), lambda: seen.append(list(d)))
    assert seen == [["a", "b"]]


def race_namedtuple_with_a_list():
    T = collections.namedtuple("T", "items")
    t = T([])

    def once():
        if not t.items:
            t.items.append(1)

    go(once, once)
    assert len(t.items) == 1


def race_frozenset_of_objects():
    p = Point()
    s = frozenset([p])

    def add():
        for each in s:
            each.x += 1

    go(add, add)
    assert p.x == 2


def race_dict_views_live():
    d, seen = {"a": 1}, []
    keys = d.keys()

    def put():
        d["b"] = 2

    go(put, lambda: seen.append(len(keys)))
    assert seen == [1]


def exception_dict_items_loop():
    d = {"a": 1}

    def put():
        d["b"] = 2

    def look():
        for k, v in d.items():
            pass

    go(put, look)


def race_dict_popitem():
    d, got = {"a": 1}, []

    def take():
        if d:
            got.append(1)
        d.pop("a", None)

    go(take, take)
    assert len(got) == 1


def race_counter_most_common():
    c, seen = collections.Counter(a=1, b=1), []

    def write():
        c["a"] = 5
        c["b"] = 6

    go(write, lambda: seen.append(c.most_common(1)[0][0]))
    assert seen != ["a"] or c["b"] == 6 and seen == ["b"]


def race_string_builder():
    parts, seen = [], []

    def put():
        parts.append("a")
        parts.append("b")

    go(put, lambda: seen.append("".join(parts)))
    assert seen[0] in ("", "ab")


def race_print_to_a_buffer():
    out = io.StringIO()
    seen = []

    def put():
        print("a", end="", file=out)
        print("b", end="", file=out)

    go(put, lambda: seen.append(out.getvalue()))
    assert seen[0] in ("", "ab")


def race_stringio_write():
    out, seen = io.StringIO(), []

    def put():
        out.write("a")
        out.write("b")

    go(put, lambda: seen.append(out.getvalue()))
    assert seen[0] in ("", "ab")


def race_stringio_position():
    out, seen = io.StringIO("ab"), []
    go(lambda: seen.append(out.read(1)), lambda: seen.append(out.read(1)))
    assert seen == ["a", "b"]


def race_stringio_lines():
    out, seen = io.StringIO("a\nb\n"), []

    def take():
        for line in out:
            seen.append(line)

    go(take, take)
    assert seen == ["a\n", "b\n"]


def race_random_state():
    r, seen = random.Random(1), []
    go(lambda: seen.append(r.random()), lambda: seen.append(-r.random()))
    assert seen[0] > 0


def race_super_attribute():
    class A:
        def __init__(self):
            self.n = 0

        def add(self):
            self.n += 1

    class B(A):
        def add(self):
            super().add()

    b = B()
    go(b.add, b.add)
    assert b.n == 2


def race_decorator_counts():
    calls = Point()

    def counted(f):
        @functools.wraps(f)
        def inner(*args):
            calls.x += 1
            return f(*args)

        return inner

    @counted
    def f():
        pass

    go(f, f)
    assert calls.x == 2


def race_lambda_default():
    box = [0]
    add = lambda b=box: b.__setitem__(0, b[0] + 1)
    go(add, add)
    assert box == [2]


def race_recursion():
    p = Point()

    def down(n):
        if n:
            down(n - 1)
        else:
            p.x += 1

    go(lambda: down(2), lambda: down(2))
    assert p.x == 2


def race_thread_subclass():
    p = Point()

    class T(Thread):
        def run(self):
            p.x += 1

    a, b = T(), T()
    a.start()
    b.start()
    a.join()
    b.join()
    assert p.x == 2


def race_bool_and():
    p, runs = Point(), []

    def once():
        p.x == 0 and runs.append(1)
        p.x = 1

    go(once, once)
    assert len(runs) == 1


def race_not_of_a_list():
    items = []

    def once():
        if not items:
            items.append(1)

    go(once, once)
    assert len(items) == 1


def race_is_on_a_list_item():
    items = [None]
    made = []

    def once():
        if items[0] is None:
            items[0] = 1
            made.append(1)

    go(once, once)
    assert len(made) == 1


def race_slice_read():
    items, seen = [0, 0, 0], []

    def write():
        items[0] = 1
        items[1] = 1

    go(write, lambda: seen.append(items[:2]))
    assert seen[0] in ([0, 0], [1, 1])


def race_slice_deleted():
    items, seen = [1, 2, 3], []

    def write():
        del items[:1]
        items.append(4)

    go(write, lambda: seen.append(len(items)))
    assert seen == [3]


def race_list_multiplied_in_place():
    items, seen = [1], []

    def grow():
        nonlocal items
        items *= 2
        items *= 2

    go(grow, lambda: seen.append(len(items)))
    assert seen[0] in (1, 4)


def race_min_of_two_attributes():
    p, seen = Point(1, 1), []

    def write():
        p.x = 0
        p.y = 0

    go(write, lambda: seen.append(max(p.x, p.y) - min(p.x, p.y)))
    assert seen == [0]


def race_format_of_attributes():
    p, seen = Point(), []
    go(lambda: tear(p), lambda: seen.append("{p.x}{p.y}".format(p=p)))
    assert seen[0] in ("00", "11")


def race_percent_with_a_dict():
    d, seen = {"a": 0, "b": 0}, []

    def write():
        d["a"] = 1
        d["b"] = 1

    go(write, lambda: seen.append("%(a)d%(b)d" % d))
    assert seen[0] in ("00", "11")


def race_template():
    d, seen = {"a": 0, "b": 0}, []

    def write():
        d["a"] = 1
        d["b"] = 1

    go(write, lambda: seen.append(string.Template("$a$b").substitute(d)))
    assert seen[0] in ("00", "11")


def race_slot_by_descriptor():
    class S:
        __slots__ = ("n",)

    s = S()
    s.n = 0

    def add():
        S.n.__set__(s, S.n.__get__(s) + 1)

    go(add, add)
    assert s.n == 2


def race_type_mappingproxy():
    class C:
        n = 0

    seen = []

    def write():
        C.n = 1
        C.m = 1

    go(write, lambda: seen.append(dict(vars(C)).get("n", 0) == ("m" in vars(C))))
    assert seen == [True]


def race_annotations():
    class C:
        a: int = 0

    seen = []

    def write():
        C.__annotations__["b"] = int
        C.__annotations__["c"] = int

    go(write, lambda: seen.append(len(C.__annotations__)))
    assert seen[0] in (1, 3)


def race_function_dict():
    def f():
        pass

    f.n = 0

    def add():
        f.__dict__["n"] = f.n + 1

    go(add, add)
    assert f.n == 2


def race_closure_of_a_loop():
    box, fs = [0], []
    for k in range(2):

        def add(k=k):
            box[0] += 1

        fs.append(add)
    go(*fs)
    assert box == [2]


def race_async_free_coroutine_send():
    box = Point()

    def gen():
        while True:
            k = yield
            box.x += k

    a, b = gen(), gen()
    next(a)
    next(b)
    go(lambda: a.send(1), lambda: b.send(1))
    assert box.x == 2


def race_throw_into_a_generator():
    box = Point()

    def gen():
        while True:
            try:
                yield
            except ValueError:
                box.x += 1

    a, b = gen(), gen()
    next(a)
    next(b)
    go(lambda: a.throw(ValueError), lambda: b.throw(ValueError))
    assert box.x == 2


def race_finally_of_a_generator():
    box = Point()

    def gen():
        try:
            yield
        finally:
            box.x += 1

    a, b = gen(), gen()
    next(a)
    next(b)
    go(a.close, b.close)
    assert box.x == 2
