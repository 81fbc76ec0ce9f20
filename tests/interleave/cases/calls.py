"""Calls of C and of libraries that go through what is shared, or call Python for each item of it."""

# ruff: noqa
import abc
import array
import collections
import collections.abc
import copy
import dataclasses
import functools
import heapq
import io
import itertools
import json
import operator
import random
import re
import statistics
import types
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Lock

from programs_told import together as go


class Point:
    def __init__(self, x=0, y=0):
        self.x, self.y = x, y


def tear(p):
    p.x = 1
    p.y = 1


def race_sorted_by_attrgetter():
    """The keys are read one after the other."""
    a, b, order = Point(2), Point(3), []

    def write():
        b.x = 0
        a.x = -1

    go(write, lambda: order.append(sorted([a, b], key=operator.attrgetter("x"))[0] is a))
    assert order == [True]


def race_sorted_by_lambda():
    a, b, seen = Point(2), Point(3), []

    def write():
        b.x = 0
        a.x = -1

    go(write, lambda: seen.append(sorted([a, b], key=lambda p: p.x)[0] is a))
    assert seen == [True]


def race_max_of_objects_by_attribute():
    a, b, seen = Point(2), Point(3), []

    def write():
        a.x = 5
        b.x = 6

    go(write, lambda: seen.append(max((a, b), key=lambda p: p.x) is b))
    assert seen == [True]


def race_min_by_dict_get():
    d, seen = {"a": 1, "b": 2}, []

    def write():
        d["b"] = 0
        d["a"] = -1

    go(write, lambda: seen.append(min(["a", "b"], key=d.get)))
    assert seen == ["a"]


def race_sort_by_dict_get():
    d, items, seen = {"a": 1, "b": 2}, ["a", "b"], []
    go(lambda: items.sort(key=d.get), lambda: d.update(a=3))
    assert items == ["a", "b"]


def race_list_sort_by_attrgetter_looks_empty():
    """attrgetter reads attributes, which are steps: the list looks empty meanwhile."""
    items, seen = [Point(2), Point(1)], []

    def write():
        items_first.x = 5

    items_first = items[0]
    go(lambda: items.sort(key=operator.attrgetter("x")), lambda: seen.append(len(items)), write)
    assert seen == [2]


def race_dict_of_zip():
    keys, values, seen = ["a", "b"], [0, 0], []

    def write():
        values[0] = 1
        values[1] = 1

    go(write, lambda: seen.append(dict(zip(keys, values))))
    assert seen[0]["a"] == seen[0]["b"]


def race_zip_star():
    rows, seen = [[0, 1], [0, 1]], []

    def write():
        rows[0][0] = 5
        rows[1][0] = 5

    go(write, lambda: seen.append(list(zip(*rows))[0]))
    assert seen[0] in ((0, 0), (5, 5))


def race_chain_from_iterable():
    rows, seen = [[0], [0]], []

    def write():
        rows[0][0] = 1
        rows[1][0] = 1

    go(write, lambda: seen.append(list(itertools.chain.from_iterable(rows))))
    assert seen[0] in ([0, 0], [1, 1])


def race_map_len():
    rows, seen = [[], []], []

    def write():
        rows[0].append(1)
        rows[1].append(1)

    go(write, lambda: seen.append(list(map(len, rows))))
    assert seen[0] in ([0, 0], [1, 1])


def race_sum_of_lists():
    rows, seen = [[0], [0]], []

    def write():
        rows[0][0] = 1
        rows[1][0] = 1

    go(write, lambda: seen.append(sum(rows, [])))
    assert seen[0] in ([0, 0], [1, 1])


def race_sum_map_attrgetter():
    ps, seen = [Point(), Point()], []

    def write():
        ps[0].x = 1
        ps[1].x = 1

    go(write, lambda: seen.append(sum(map(operator.attrgetter("x"), ps))))
    assert seen[0] in (0, 2)


def race_re_sub_with_a_function():
    d, seen = {"a": "0", "b": "0"}, []

    def write():
        d["a"] = "1"
        d["b"] = "1"

    go(write, lambda: seen.append(re.sub("[ab]", lambda m: d[m[0]], "ab")))
    assert seen[0] in ("00", "11")


def race_compiled_sub_with_a_function():
    d, seen, rx = {"a": "0", "b": "0"}, [], re.compile("[ab]")

    def write():
        d["a"] = "1"
        d["b"] = "1"

    go(write, lambda: seen.append(rx.sub(lambda m: d[m[0]], "ab")))
    assert seen[0] in ("00", "11")


def race_json_object_hook():
    n = Point()

    def hook(d):
        n.x += 1
        return d

    go(lambda: json.loads("{}", object_hook=hook), lambda: json.loads("{}", object_hook=hook))
    assert n.x == 2


def race_json_encoder_class():
    p, seen = Point(), []

    class E(json.JSONEncoder):
        def default(self, o):
            return [o.x, o.y]

    go(lambda: tear(p), lambda: seen.append(json.dumps(p, cls=E)))
    assert seen[0] in ("[0, 0]", "[1, 1]")


def race_translate():
    d, seen = {97: "0", 98: "0"}, []

    def write():
        d[97] = "1"
        d[98] = "1"

    go(write, lambda: seen.append("ab".translate(d)))
    assert seen[0] in ("00", "11")


def race_statistics_mean():
    x, seen = [0, 0], []

    def write():
        x[0] = 2
        x[1] = 2

    go(write, lambda: seen.append(statistics.mean(x)))
    assert seen[0] in (0, 2)


def race_heapq_merge():
    """merge draws item by item: in between others come."""
    a, seen = [1, 3], []

    def write():
        a[0] = 5
        a[1] = 6

    go(write, lambda: seen.append(list(heapq.merge(a, [9]))))
    assert seen[0] in ([1, 3, 9], [5, 6, 9])


def race_nsmallest_by_key():
    a, seen = [1, 3], []

    def write():
        a[0] = 5
        a[1] = 6

    go(write, lambda: seen.append(heapq.nsmallest(2, a, key=lambda n: n)))
    assert seen[0] in ([1, 3], [5, 6])


def race_random_shuffle():
    """shuffle swaps one pair after the other; it is a function of a library in Python."""
    x, seen, r = [1, 2, 3], [], random.Random(1)
    go(lambda: r.shuffle(x), lambda: seen.append(list(x)))
    assert seen[0] in ([1, 2, 3], x)


def race_array_from_a_generator():
    x, seen = [0, 0], []

    def write():
        x[0] = 1
        x[1] = 1

    go(write, lambda: seen.append(array.array("i", (n for n in x)).tolist()))
    assert seen[0] in ([0, 0], [1, 1])


def race_bytes_of_a_list():
    x, seen = [0, 0], []

    def write():
        x[0] = 1
        x[1] = 1

    go(write, lambda: seen.append(bytes(x)))
    assert seen[0] in (b"\0\0", b"\1\1")


def race_bytes_of_a_generator():
    x, seen = [0, 0], []
    go(lambda: x.reverse() or x.append(1), lambda: seen.append(len(bytes(n for n in x))))
    assert seen == [2]


def race_deque_from_a_list():
    x, seen = [0, 0], []

    def write():
        x[0] = 1
        x[1] = 1

    go(write, lambda: seen.append(sum(deque(x))))
    assert seen[0] in (0, 2)


def race_counter_of_a_list():
    x, seen = ["a", "a"], []

    def write():
        x[0] = "b"
        x[1] = "b"

    go(write, lambda: seen.append(len(collections.Counter(x))))
    assert seen == [1]


def race_int_of_an_object():
    class N(Point):
        def __int__(self):
            return self.x * 10 + self.y

    n, seen = N(), []
    go(lambda: tear(n), lambda: seen.append(int(n)))
    assert seen[0] in (0, 11)


def race_float_round_abs():
    class N(Point):
        def __float__(self):
            return float(self.x - self.y)

        def __round__(self, n=0):
            return self.x - self.y

        def __abs__(self):
            return self.x - self.y

    n, seen = N(), []
    go(lambda: tear(n), lambda: seen.append((float(n), round(n), abs(n))))
    assert seen[0] == (0, 0, 0)


def race_hash_of_an_object():
    class N(Point):
        def __hash__(self):
            return self.x * 10 + self.y

    n, seen = N(), []
    go(lambda: tear(n), lambda: seen.append(hash(n)))
    assert seen[0] in (0, 11)


def race_hash_of_a_tuple():
    class N(Point):
        def __hash__(self):
            return self.x * 10 + self.y

        def __eq__(self, other):
            return self is other

    n, seen = N(), []
    t = (n,)
    go(lambda: tear(n), lambda: seen.append(hash(t) in (hash((_Hash(0),)), hash((_Hash(11),)))))
    assert seen == [True]


class _Hash:
    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return self.n


def race_instancecheck():
    n = Point()

    class Meta(type):
        def __instancecheck__(cls, thing):
            n.x += 1
            return True

    class C(metaclass=Meta):
        pass

    go(lambda: isinstance(1, C), lambda: isinstance(2, C))
    assert n.x == 2


def race_subclasshook():
    n = Point()

    class C(abc.ABC):
        @classmethod
        def __subclasshook__(cls, kind):
            n.x += 1
            return True

    go(lambda: issubclass(int, C), lambda: issubclass(str, C))
    assert n.x == 2


def race_keys_minus():
    d, e, seen = {"a": 1}, {"a": 1}, []

    def write():
        d["b"] = 1
        e["b"] = 1

    go(write, lambda: seen.append(len(d.keys() - e.keys())))
    assert seen == [0]


def race_items_and():
    d, e, seen = {"a": 0}, {"a": 0}, []

    def write():
        d["a"] = 1
        e["a"] = 1

    go(write, lambda: seen.append(len(d.items() & e.items())))
    assert seen == [1]


def race_in_keys():
    d, seen = {}, []
    keys = d.keys()

    def once():
        if "a" not in keys:
            d["a"] = 1
            seen.append(1)

    go(once, once)
    assert len(seen) == 1


def race_first_key():
    d, seen = {"a": 1, "b": 2}, []

    def take():
        k = next(iter(d), None)
        if d.pop(k, None):
            seen.append(k)

    go(take, take)
    assert sorted(seen) == ["a", "b"]


def race_product():
    a, seen = [0, 0], []

    def write():
        a[0] = 1
        a[1] = 1

    go(write, lambda: seen.append(list(itertools.product(a, repeat=1))))
    assert seen[0] in ([(0,), (0,)], [(1,), (1,)])


def race_list_init_again():
    x, seen = [1], []

    def again():
        x.__init__([2])
        x.__init__([3])

    go(again, lambda: seen.append(x[0]))
    assert seen[0] in (1, 3)


def race_class_attribute_by_self():
    class C:
        n = 0

        def add(self):
            self.__class__.n += 1

    c = C()
    go(c.add, c.add)
    assert C.n == 2


def race_class_attribute_by_type():
    class C:
        n = 0

        def add(self):
            type(self).n += 1

    c = C()
    go(c.add, c.add)
    assert C.n == 2


def race_vars_item():
    p = Point()

    def add():
        vars(p)["x"] += 1

    go(add, add)
    assert p.x == 2


def ok_dict_update_of_an_object():
    """Both at once: the update of a dict is one step."""
    p, seen = Point(), []
    go(lambda: p.__dict__.update(x=1, y=1), lambda: seen.append(dict(p.__dict__)))
    assert seen[0]["x"] == seen[0]["y"]


def race_dict_setdefault_of_an_object_and_attribute():
    p, seen = Point(), []

    def once():
        if not hasattr(p, "z"):
            seen.append(p.__dict__.setdefault("z", []))

    go(once, once)
    assert len(seen) == 1


def race_property_deleter():
    class C:
        def __init__(self):
            self.n = 1

        @property
        def v(self):
            return self.n

        @v.deleter
        def v(self):
            self.n -= 1

    c = C()

    def drop():
        del c.v

    go(drop, drop)
    assert c.n == -1


def race_getattr_fallback_makes():
    made = []

    class C:
        def __getattr__(self, name):
            value = [name]
            made.append(value)
            setattr(self, name, value)
            return value

    c = C()
    go(lambda: c.box, lambda: c.box)
    assert len(made) == 1


def race_mutable_mapping():
    """setdefault of the mixin is Python: look, then set."""

    class M(collections.abc.MutableMapping):
        def __init__(self):
            self.d = {}

        def __getitem__(self, k):
            return self.d[k]

        def __setitem__(self, k, v):
            self.d[k] = v

        def __delitem__(self, k):
            del self.d[k]

        def __iter__(self):
            return iter(self.d)

        def __len__(self):
            return len(self.d)

    m, got = M(), []
    go(lambda: got.append(m.setdefault("k", 1)), lambda: got.append(m.setdefault("k", 2)))
    assert got[0] == got[1]


def exception_mutable_sequence_pop():
    class S(collections.abc.MutableSequence):
        def __init__(self):
            self.x = [1]

        def __getitem__(self, n):
            return self.x[n]

        def __setitem__(self, n, v):
            self.x[n] = v

        def __delitem__(self, n):
            del self.x[n]

        def __len__(self):
            return len(self.x)

        def insert(self, n, v):
            self.x.insert(n, v)

    s = S()

    def take():
        if len(s):
            s.pop()

    go(take, take)


def race_mapping_eq():
    class M(collections.abc.Mapping):
        def __init__(self):
            self.a = self.b = 0

        def __getitem__(self, k):
            return getattr(self, k)

        def __iter__(self):
            return iter("ab")

        def __len__(self):
            return 2

    m, seen = M(), []

    def write():
        m.a = 1
        m.b = 1

    go(write, lambda: seen.append(m == {"a": 1, "b": 0}))
    assert seen == [False]


def race_dict_of_a_mapping():
    class M:
        def __init__(self):
            self.a = self.b = 0

        def keys(self):
            return ["a", "b"]

        def __getitem__(self, k):
            return getattr(self, k)

    m, seen = M(), []

    def write():
        m.a = 1
        m.b = 1

    go(write, lambda: seen.append(dict(m)))
    assert seen[0]["a"] == seen[0]["b"]


def race_double_star_of_a_mapping():
    class M:
        def __init__(self):
            self.a = self.b = 0

        def keys(self):
            return ["a", "b"]

        def __getitem__(self, k):
            return getattr(self, k)

    m, seen = M(), []

    def write():
        m.a = 1
        m.b = 1

    def f(a, b):
        seen.append(a == b)

    go(write, lambda: f(**m))
    assert seen == [True]


def race_missing_twice():
    made = []

    class D(dict):
        def __missing__(self, k):
            made.append(k)
            self[k] = v = []
            return v

    d = D()
    go(lambda: d["k"], lambda: d["k"])
    assert len(made) == 1


def race_list_subclass_len():
    class L(list):
        def __len__(self):
            return list.__len__(self)

    x, made = L(), []

    def once():
        if len(x) == 0:
            x.append(1)
            made.append(1)

    go(once, once)
    assert len(made) == 1


def race_dict_subclass_getitem():
    class D(dict):
        def __getitem__(self, k):
            return super().__getitem__(k)

    d = D(n=0)

    def add():
        d["n"] = d["n"] + 1

    go(add, add)
    assert d["n"] == 2


def race_dict_subclass_update_skips_setitem():
    calls = Point()

    class D(dict):
        def __setitem__(self, k, v):
            calls.x += 1
            super().__setitem__(k, v)

    d = D()

    def put(k):
        d[k] = 1

    go(lambda: put("a"), lambda: put("b"))
    assert calls.x == 2


def race_str_subclass_attribute():
    class S(str):
        pass

    s = S("a")
    s.n = 0

    def add():
        s.n += 1

    go(add, add)
    assert s.n == 2


def race_int_subclass_attribute():
    class N(int):
        pass

    n = N(1)
    n.count = 0

    def add():
        n.count += 1

    go(add, add)
    assert n.count == 2


def race_tuple_subclass_attribute():
    class T(tuple):
        pass

    t = T()
    t.n = 0

    def add():
        t.n += 1

    go(add, add)
    assert t.n == 2


def race_exception_subclass_attribute():
    class E(Exception):
        def __init__(self):
            self.n = 0

    e = E()

    def add():
        try:
            raise e
        except E as got:
            got.n += 1

    go(add, add)
    assert e.n == 2


def race_queue_item_changed_by_both():
    q, box = Queue(), [0]
    q.put(box)
    q.put(box)

    def work():
        mine = q.get()
        mine[0] += 1

    go(work, work)
    assert box == [2]


def race_future_result_shared():
    with ThreadPoolExecutor(1) as pool:
        f = pool.submit(lambda: [0])

        def add():
            f.result()[0] += 1

        go(add, add)
        assert f.result() == [2]


def race_mapping_proxy():
    d, seen = {"a": 0, "b": 0}, []
    view = types.MappingProxyType(d)

    def write():
        d["a"] = 1
        d["b"] = 1

    go(write, lambda: seen.append(dict(view)))
    assert seen[0]["a"] == seen[0]["b"]


def race_list_copy():
    x, seen = [0, 0], []

    def write():
        x[0] = 1
        x[1] = 1

    go(write, lambda: seen.append(copy.copy(x)))
    assert seen[0] in ([0, 0], [1, 1])


def race_percent_of_objects():
    class S(Point):
        def __str__(self):
            return f"{self.x}{self.y}"

    s, seen = S(), []
    go(lambda: tear(s), lambda: seen.append("%s" % s))
    assert seen[0] in ("00", "11")


def race_percent_of_two_objects():
    class S(Point):
        def __str__(self):
            return str(self.x)

    a, b, seen = S(), S(), []

    def write():
        a.x = 1
        b.x = 1

    go(write, lambda: seen.append("%s%s" % (a, b)))
    assert seen[0] in ("00", "11")


def race_join_of_strs():
    class S(Point):
        def __str__(self):
            return str(self.x)

    a, b, seen = S(), S(), []

    def write():
        a.x = 1
        b.x = 1

    go(write, lambda: seen.append("".join(map(str, (a, b)))))
    assert seen[0] in ("00", "11")


def race_print_of_objects_to_a_file():
    class S(Point):
        def __str__(self):
            return f"{self.x}{self.y}"

    s, out = S(), io.StringIO()
    go(lambda: tear(s), lambda: print(s, file=out, end=""))
    assert out.getvalue() in ("00", "11")


def race_operator_methods():
    class V(Point):
        def __add__(self, other):
            return self.x + self.y

        def __neg__(self):
            return self.x - self.y

        def __getitem__(self, n):
            return self.x - self.y

        def __matmul__(self, other):
            return self.x - self.y

    v, seen = V(), []
    go(lambda: tear(v), lambda: seen.append((-v, v[0], v @ v)))
    assert seen[0] == (0, 0, 0)


def race_reflected_operator():
    class V(Point):
        def __radd__(self, other):
            return other + self.x - self.y

    v, seen = V(), []
    go(lambda: tear(v), lambda: seen.append(0 + v))
    assert seen == [0]


def race_iadd_method():
    class V:
        def __init__(self):
            self.n = 0

        def __iadd__(self, other):
            self.n += other
            return self

    v = V()

    def add():
        nonlocal v
        v += 1

    go(add, add)
    assert v.n == 2


def ok_comparison_chain_of_objects():
    class V:
        def __init__(self, n):
            self.n = n

        def __lt__(self, other):
            return self.n < other.n

    a, b, c, seen = V(0), V(1), V(2), []

    def write():
        c.n = 10
        b.n = 9
        a.n = 8

    go(write, lambda: seen.append(a < b < c))
    assert seen == [True]


def race_comparison_chain_torn():
    class V:
        def __init__(self, n):
            self.n = n

        def __lt__(self, other):
            return self.n < other.n

    a, b, seen = V(0), V(1), []

    def write():
        a.n = 5
        b.n = 6

    go(write, lambda: seen.append(a < b))
    assert seen == [True]


def race_iter_sentinel():
    x, seen = [1, 2, 0], []
    go(lambda: seen.extend(iter(lambda: x.pop(0), 0)), lambda: x.insert(0, 9))
    assert seen == [1, 2]


def race_starmap():
    n = Point()

    def add(a, b):
        n.x += a + b

    go(
        lambda: list(itertools.starmap(add, [(1, 0)])),
        lambda: list(itertools.starmap(add, [(1, 0)])),
    )
    assert n.x == 2


def race_takewhile_shared():
    it, seen = iter([1, 2, 9, 3]), []
    go(lambda: seen.append(list(itertools.takewhile(lambda n: n < 5, it))), lambda: next(it, None))
    assert seen == [[1, 2]]


def race_pairwise():
    x, seen = [0, 0, 0], []

    def write():
        x[0] = 1
        x[1] = 1
        x[2] = 1

    go(write, lambda: seen.append([a == b for a, b in itertools.pairwise(x)]))
    assert seen == [[True, True]]


def race_dataclass_default_factory():
    @dataclasses.dataclass
    class D:
        log: list = dataclasses.field(default_factory=list)

    d = D()

    def once():
        if not d.log:
            d.log.append(1)

    go(once, once)
    assert len(d.log) == 1


def race_dataclass_order():
    @dataclasses.dataclass(order=True)
    class D:
        a: int = 0
        b: int = 5

    d, seen = D(), []

    def write():
        d.a = 1
        d.b = 0

    go(write, lambda: seen.append(d >= D(1, 1)))
    assert seen == [False]


def race_dataclass_slots():
    @dataclasses.dataclass(slots=True)
    class D:
        n: int = 0

    d = D()

    def add():
        d.n += 1

    go(add, add)
    assert d.n == 2


def race_namedtuple_replace_of_shared():
    T = collections.namedtuple("T", "a b")
    t = T(0, 0)

    def add(name):
        nonlocal t
        t = t._replace(**{name: 1})

    go(lambda: add("a"), lambda: add("b"))
    assert t == (1, 1)


def race_partial_keywords():
    box = [0]

    def add(*, b):
        b[0] += 1

    f = functools.partial(add, b=box)
    go(f, f)
    assert box == [2]


def race_wraps_counter():
    def counted(f):
        @functools.wraps(f)
        def inner():
            inner.calls += 1
            return f()

        inner.calls = 0
        return inner

    f = counted(lambda: None)
    go(f, f)
    assert f.calls == 2


def race_lru_cache_counts():
    calls = []

    @functools.lru_cache
    def f(n):
        calls.append(n)
        return n

    go(lambda: f(1), lambda: f(1))
    assert len(calls) == 1


def race_callable_class_in_a_list():
    class C:
        def __init__(self):
            self.n = 0

        def __call__(self):
            self.n += 1

    c = C()
    callbacks = [c]

    def run():
        for each in callbacks:
            each()

    go(run, run)
    assert c.n == 2


def exception_list_index_after_len():
    x = [1, 2]

    def last():
        if len(x) > 1:
            x[1]

    go(last, lambda: x.pop())


def exception_key_after_in():
    d = {"a": 1}

    def take():
        if "a" in d:
            d["a"]

    go(take, lambda: d.clear())


def race_while_pop():
    x, got = [1, 2], []

    def work():
        while True:
            try:
                got.append(x.pop())
            except IndexError:
                return

    go(work, work)
    assert got == [2, 1]


def ok_while_pop_all():
    x, got = [1, 2], []

    def work():
        while True:
            try:
                got.append(x.pop())
            except IndexError:
                return

    go(work, work)
    assert sorted(got) == [1, 2]


def race_string_format_map_live():
    d, seen = collections.defaultdict(int), []

    def write():
        d["a"] = 1
        d["b"] = 1

    go(write, lambda: seen.append("{a}{b}".format_map(d)))
    assert seen[0] in ("00", "11")


def race_nested_attribute_path():
    a = Point(Point(0))

    def add():
        a.x.x += 1

    go(add, add)
    assert a.x.x == 2


def race_swap_of_an_inner_object():
    a, seen = Point(Point(0, 0)), []

    def swap():
        a.x = Point(1, 1)

    go(swap, lambda: seen.append((a.x.x, a.x.y)))
    assert seen[0] in ((0, 0), (1, 1))


def ok_snapshot_of_an_inner_object():
    a, seen = Point(Point(0, 0)), []

    def swap():
        a.x = Point(1, 1)

    def look():
        inner = a.x
        seen.append((inner.x, inner.y))

    go(swap, look)
    assert seen[0] in ((0, 0), (1, 1))


def race_generator_expression_is_lazy():
    x, seen = [1], []

    def work():
        g = (n for n in x)
        seen.append(list(g))

    go(work, lambda: x.append(2))
    assert seen == [[1]]


def race_local_function_kept():
    box, kept = [0], []

    def make():
        def add():
            box[0] += 1

        kept.append(add)
        add()

    go(make, make)
    assert box == [2]


def race_conditional_import_state():
    m = types.SimpleNamespace(ready=False, runs=0)

    def init():
        if not m.ready:
            m.runs += 1
            m.ready = True

    go(init, init)
    assert m.runs == 1


def race_read_modify_in_a_comprehension():
    p = Point()

    def add():
        [setattr(p, "x", p.x + 1) for _ in range(1)]

    go(add, add)
    assert p.x == 2


def race_dict_comprehension_of_attributes():
    p, seen = Point(), []
    go(lambda: tear(p), lambda: seen.append({k: getattr(p, k) for k in ("x", "y")}))
    assert seen[0]["x"] == seen[0]["y"]


def race_set_operations_in_place():
    s, seen = set(), []

    def grow():
        nonlocal s
        s |= {1}
        s |= {2}

    go(grow, lambda: seen.append(len(s)))
    assert seen[0] in (0, 2)


def race_operator_concat():
    x = Point([])

    def add(n):
        x.x = operator.concat(x.x, [n])

    go(lambda: add(1), lambda: add(2))
    assert len(x.x) == 2


def race_bit_flags():
    p = Point(0)

    def put(bit):
        p.x |= bit

    go(lambda: put(1), lambda: put(2))
    assert p.x == 3


def race_toggle():
    p = Point(False)

    def flip():
        p.x = not p.x

    go(flip, flip)
    assert p.x is False


def race_max_update():
    p = Point(0)

    def put(n):
        p.x = max(p.x, n)

    go(lambda: put(1), lambda: put(2))
    assert p.x == 2


def ok_max_under_lock():
    p, lock = Point(0), Lock()

    def put(n):
        with lock:
            p.x = max(p.x, n)

    go(lambda: put(1), lambda: put(2))
    assert p.x == 2
