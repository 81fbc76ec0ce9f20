"""A. Library containers and decorators, unusual ways to reach built-ins, state that stays."""

# ruff: noqa
import bisect
import collections
import copy
import dataclasses
import functools
import json
import heapq
import operator
import os
import weakref
from threading import Lock, Thread

from programs_told import together as go


# ------------------------------------------------------------------ UserDict


def race_userdict_two_keys():
    """A total kept beside the entry is read and written apart from it."""
    d = collections.UserDict(total=0)

    def put(key):
        d[key] = 1
        d["total"] = d["total"] + 1

    go(lambda: put("a"), lambda: put("b"))
    assert d["total"] == 2


def ok_userdict_locked():
    """The lock is held from the read to the write."""
    d, lock = collections.UserDict(n=0), Lock()

    def add():
        with lock:
            d["n"] += 1

    go(add, add)
    assert d["n"] == 2


def race_userdict_setdefault():
    """UserDict's setdefault is two steps in Python: both may find nothing."""
    d, got = collections.UserDict(), []
    go(lambda: got.append(d.setdefault("k", [1])), lambda: got.append(d.setdefault("k", [2])))
    assert got[0] is got[1]


def ok_dict_setdefault():
    """A dict's setdefault is one step: all get the same list."""
    d, got = {}, []
    go(lambda: got.append(d.setdefault("k", [1])), lambda: got.append(d.setdefault("k", [2])))
    assert got[0] is got[1]


def exception_userdict_pop_with_default():
    """UserDict's pop reads, then deletes: two may read, and one finds nothing to delete."""
    d = collections.UserDict(k=1)
    go(lambda: d.pop("k", None), lambda: d.pop("k", None))


def ok_dict_pop_with_default():
    """A dict's pop is one step: one gets the value, the other the default."""
    d, got = {"k": 1}, []
    go(lambda: got.append(d.pop("k", 0)), lambda: got.append(d.pop("k", 0)))
    assert sorted(got) == [0, 1]


def race_userdict_update():
    """update writes key by key: in between, one is new and the other old."""
    d, seen = collections.UserDict(a=0, b=0), []
    go(lambda: d.update(a=1, b=1), lambda: seen.append((d["a"], d["b"])))
    assert seen[0] in ((0, 0), (1, 1))


class Upper(collections.UserDict):
    def __setitem__(self, key, value):
        super().__setitem__(key.upper(), value)


def race_userdict_subclass():
    """An overridden __setitem__ does not make the addition one step."""
    d = Upper(n=0)

    def add():
        d["n"] = d["N"] + 1

    go(add, add)
    assert d["N"] == 2


def ok_userdict_own_keys():
    """Each thread has a key of its own."""
    d = collections.UserDict()

    def put(key):
        d[key] = 1

    go(lambda: put("a"), lambda: put("b"))
    assert dict(d) == {"a": 1, "b": 1}


# ------------------------------------------------------------------ UserList


def race_userlist_first_come():
    """Both may see the list empty before one appends."""
    x = collections.UserList()

    def once():
        if not x:
            x.append(1)

    go(once, once)
    assert len(x) == 1


def ok_userlist_append():
    """append is one append of the list inside."""
    x = collections.UserList()
    go(lambda: x.append(1), lambda: x.append(2))
    assert sorted(x) == [1, 2]


def race_userlist_item():
    """Reading and writing an item are two steps."""
    x = collections.UserList([0])

    def add():
        x[0] += 1

    go(add, add)
    assert x[0] == 2


def exception_userlist_pop():
    """Both may see one item, and one pops from an empty list."""
    x = collections.UserList([1])

    def take():
        if len(x) > 0:
            x.pop()

    go(take, take)


def ok_userlist_pop_locked():
    """Looking and popping under one lock."""
    x, lock = collections.UserList([1]), Lock()

    def take():
        with lock:
            if len(x) > 0:
                x.pop()

    go(take, take)
    assert len(x) == 0


# ------------------------------------------------------------------ ChainMap


def race_chainmap_add():
    """The first map is read and written."""
    c = collections.ChainMap({"n": 0}, {"m": 1})

    def add():
        c["n"] += 1

    go(add, add)
    assert c["n"] == 2


def race_chainmap_moved_key():
    """A key is always in one of the maps, but `in` looks at one after the other."""
    c, seen = collections.ChainMap({}, {"k": 1}), []

    def move():
        c.maps[0]["k"] = 1
        del c.maps[1]["k"]

    go(move, lambda: seen.append("k" in c))
    assert seen == [True]


def ok_chainmap_moved_key_locked():
    """The same with a lock around the move and the look."""
    c, seen, lock = collections.ChainMap({}, {"k": 1}), [], Lock()

    def move():
        with lock:
            c.maps[0]["k"] = 1
            del c.maps[1]["k"]

    def look():
        with lock:
            seen.append("k" in c)

    go(move, look)
    assert seen == [True]


def race_chainmap_shadow():
    """Written through the front, read through the back: a copy of the default is lost."""
    c = collections.ChainMap({}, {"n": 10})

    def add():
        c["n"] = c["n"] + 1

    go(add, add)
    assert c["n"] == 12


def ok_chainmap_pop():
    """ChainMap's pop is one pop of the first map: one thread gets it."""
    c, got = collections.ChainMap({"k": 1}, {}), []

    def take():
        try:
            got.append(c.pop("k"))
        except KeyError:
            pass

    go(take, take)
    assert got == [1]


# ------------------------------------------------------------------ Counter


def race_counter_item():
    """A Counter's += reads and writes."""
    c = collections.Counter()

    def add():
        c["a"] += 1

    go(add, add)
    assert c["a"] == 2


def race_counter_update_mapping():
    """Counter.update adds in Python: reads the count, then writes it."""
    c = collections.Counter(a=1)
    go(lambda: c.update({"a": 1}), lambda: c.update({"a": 1}))
    assert c["a"] == 3


def race_counter_subtract():
    """subtract reads and writes as well."""
    c = collections.Counter(a=5)
    go(lambda: c.subtract(["a"]), lambda: c.subtract(["a"]))
    assert c["a"] == 3


def race_counter_iadd():
    """`c += other` adds key by key."""
    c, two = collections.Counter(a=1), collections.Counter(a=1)

    def add():
        nonlocal c
        c += two

    go(add, add)
    assert c["a"] == 3


def ok_counter_locked():
    """The same under a lock."""
    c, lock = collections.Counter(a=1), Lock()

    def add():
        with lock:
            c.update({"a": 1})

    go(add, add)
    assert c["a"] == 3


def ok_counter_own():
    """A counter for each thread, added up at the end."""
    counters = [collections.Counter(), collections.Counter()]

    def count(c):
        for letter in "aab":
            c[letter] += 1

    go(lambda: count(counters[0]), lambda: count(counters[1]))
    assert counters[0] + counters[1] == {"a": 4, "b": 2}


# ------------------------------------------------ OrderedDict, defaultdict, deque


def exception_ordereddict_lru():
    """The entry may be evicted between the look and move_to_end."""
    d = collections.OrderedDict(a=1)

    def get():
        if "a" in d:
            d.move_to_end("a")

    def evict():
        d.popitem(last=False)

    go(get, evict)


def ok_ordereddict_lru_locked():
    """Looking, moving and evicting under one lock."""
    d, lock = collections.OrderedDict(a=1), Lock()

    def get():
        with lock:
            if "a" in d:
                d.move_to_end("a")

    def evict():
        with lock:
            d.popitem(last=False)

    go(get, evict)
    assert not d


def race_defaultdict_factory():
    """Two threads may miss the same key: the factory, which is Python code, is called twice."""
    made = []

    def factory():
        made.append(1)
        return 0

    d = collections.defaultdict(factory)
    go(lambda: d["k"], lambda: d["k"])
    assert len(made) == 1


def race_defaultdict_count():
    """d[k] += 1 is a read and a write, with a default too."""
    d = collections.defaultdict(int)

    def add():
        d["k"] += 1

    go(add, add)
    assert d["k"] == 2


def ok_defaultdict_locked():
    """The same under a lock."""
    d, lock = collections.defaultdict(int), Lock()

    def add():
        with lock:
            d["k"] += 1

    go(add, add)
    assert d["k"] == 2


def exception_deque_rotate():
    """Both may see an item; one popleft fails."""
    d = collections.deque([1])

    def take():
        if d:
            d.popleft()

    go(take, take)


def ok_deque_two_ends():
    """append and popleft are one step each; who finds nothing goes home."""
    d, got = collections.deque([1]), []

    def take():
        try:
            got.append(d.popleft())
        except IndexError:
            pass

    go(take, lambda: d.append(2))
    assert sorted(got + list(d)) == [1, 2]


# ------------------------------------------------------------------ Weak*


class Thing:
    pass


def race_weakvalues_setdefault():
    """WeakValueDictionary.setdefault looks first, then writes."""
    d, got, one, two = weakref.WeakValueDictionary(), [], Thing(), Thing()
    go(lambda: got.append(d.setdefault("k", one)), lambda: got.append(d.setdefault("k", two)))
    assert got[0] is got[1]


def race_weakkeys_add():
    """A count kept for each object: += reads and writes."""
    d, one = weakref.WeakKeyDictionary(), Thing()
    d[one] = 0

    def add():
        d[one] += 1

    go(add, add)
    assert d[one] == 2


def ok_weakkeys_locked():
    """The same under a lock."""
    d, one, lock = weakref.WeakKeyDictionary(), Thing(), Lock()
    d[one] = 0

    def add():
        with lock:
            d[one] += 1

    go(add, add)
    assert d[one] == 2


def race_weakset_once():
    """Both may find the object missing."""
    seen, one, n = weakref.WeakSet(), Thing(), []

    def visit():
        if one not in seen:
            seen.add(one)
            n.append(1)

    go(visit, visit)
    assert len(n) == 1


def ok_weakset_once_locked():
    """Looking and adding under one lock."""
    seen, one, n, lock = weakref.WeakSet(), Thing(), [], Lock()

    def visit():
        with lock:
            if one not in seen:
                seen.add(one)
                n.append(1)

    go(visit, visit)
    assert len(n) == 1


# ------------------------------------------------ cached_property, lru_cache, cache


class Connection:
    def __init__(self):
        self.opened = []

    @functools.cached_property
    def socket(self):
        self.opened.append(1)
        return [len(self.opened)]

    @functools.cached_property
    def port(self):
        return 80


def race_cached_property_two_sockets():
    """Both compute it, and use two different sockets or open two."""
    c = Connection()
    go(lambda: c.socket, lambda: c.socket)
    assert len(c.opened) == 1


def ok_cached_property_constant():
    """Computed twice or once: the value is the same."""
    c, got = Connection(), []
    go(lambda: got.append(c.port), lambda: got.append(c.port))
    assert got == [80, 80]


def ok_cached_property_locked():
    """The first look happens under a lock."""
    c, lock = Connection(), Lock()

    def use():
        with lock:
            c.socket

    go(use, use)
    assert len(c.opened) == 1


def race_cache_two_objects():
    """functools.cache: two may miss, and get two objects for one key."""
    got = []

    @functools.cache
    def made(key):
        return [key, len(got)]

    go(lambda: got.append(made(1)), lambda: got.append(made(1)))
    assert got[0] is got[1]


def ok_cache_pure():
    """A pure function may be computed twice: its value is the same."""
    got = []

    @functools.cache
    def square(n):
        return n * n

    go(lambda: got.append(square(3)), lambda: got.append(square(3)))
    assert got == [9, 9]


def race_lru_cache_maxsize():
    """lru_cache(maxsize=1) calls the function again, although both ask for the same."""
    calls = []

    @functools.lru_cache(maxsize=1)
    def load(name):
        calls.append(name)
        return name

    go(lambda: load("a"), lambda: load("a"))
    assert calls == ["a"]


def ok_lru_cache_locked():
    """Who calls it holds a lock."""
    calls, lock = [], Lock()

    @functools.lru_cache
    def load(name):
        calls.append(name)
        return name

    def use():
        with lock:
            load("a")

    go(use, use)
    assert calls == ["a"]


def race_cache_filled_with_old():
    """A value that was read before the change is cached for ever."""
    setting, got = [1], []

    @functools.cache
    def read():
        return setting[0]

    def change():
        setting[0] = 2
        read.cache_clear()

    go(lambda: read(), change)
    assert read() == 2


class Service:
    def __init__(self):
        self.calls = 0

    @functools.lru_cache
    def config(self):
        self.calls += 1
        return self.calls


def race_lru_cache_method():
    """A cached method may run twice for one object."""
    s = Service()
    go(s.config, s.config)
    assert s.calls == 1


# ------------------------------------------------------------------ os.environ


def race_environ_count():
    """The environment is a mapping as any other: read, then written."""
    os.environ["CASES_N"] = "0"

    def add():
        os.environ["CASES_N"] = str(int(os.environ["CASES_N"]) + 1)

    go(add, add)
    assert os.environ["CASES_N"] == "2"


def ok_environ_locked():
    """The same under a lock."""
    os.environ["CASES_N"] = "0"
    lock = Lock()

    def add():
        with lock:
            os.environ["CASES_N"] = str(int(os.environ["CASES_N"]) + 1)

    go(add, add)
    assert os.environ["CASES_N"] == "2"


def race_environ_setdefault():
    """os.environ.setdefault looks, writes and reads: both may have written."""
    os.environ.pop("CASES_MODE", None)
    got = []
    go(
        lambda: got.append(os.environ.setdefault("CASES_MODE", "a")),
        lambda: got.append(os.environ.setdefault("CASES_MODE", "b")),
    )
    assert got[0] == got[1]


# ------------------------------------------------------------------ copy


def race_deepcopy_torn():
    """deepcopy goes through the lists one after the other."""
    pair, got = [[0], [0]], []

    def move():
        pair[0][0] = 1
        pair[1][0] = 1

    go(move, lambda: got.append(copy.deepcopy(pair)))
    assert got[0] in ([[0], [0]], [[1], [1]])


def ok_deepcopy_locked():
    """Moving and copying under one lock."""
    pair, got, lock = [[0], [0]], [], Lock()

    def move():
        with lock:
            pair[0][0] = 1
            pair[1][0] = 1

    def look():
        with lock:
            got.append(copy.deepcopy(pair))

    go(move, look)
    assert got[0] in ([[0], [0]], [[1], [1]])


def exception_deepcopy_of_a_growing_dict():
    """deepcopy loops over the dict in Python: it may grow meanwhile."""
    d = {"a": [1]}

    def grow():
        d["b"] = [2]

    go(grow, lambda: copy.deepcopy(d))


def ok_copy_of_a_growing_dict():
    """copy.copy of a dict is one step."""
    d, got = {"a": 1}, []

    def grow():
        d["b"] = 2

    go(grow, lambda: got.append(copy.copy(d)))
    assert got[0] in ({"a": 1}, {"a": 1, "b": 2})


def race_copy_and_write_back():
    """Copy, change, write back: what another wrote meanwhile is lost."""
    state = {"d": {}}

    def put(key):
        new = copy.copy(state["d"])
        new[key] = 1
        state["d"] = new

    go(lambda: put("a"), lambda: put("b"))
    assert len(state["d"]) == 2


class Node:
    def __init__(self):
        self.n = 0

    def __copy__(self):
        new = Node()
        new.n = self.n
        return new


def race_own_copy():
    """__copy__ is called by the library, and reads what another writes."""
    node = [Node()]

    def add():
        new = copy.copy(node[0])
        new.n += 1
        node[0] = new

    go(add, add)
    assert node[0].n == 2


# ------------------------------------------------------------------ singledispatch


_shown = []


@functools.singledispatch
def show(value):
    _shown.append(0)


@show.register
def _(value: int):
    if not _shown:
        _shown.append(value)


def race_singledispatch():
    """The registered function is reached through a registry; it looks, then appends."""
    go(lambda: show(1), lambda: show(2))
    assert len(_shown) == 1


def ok_singledispatch():
    """The function for other kinds appends in one step."""
    go(lambda: show("a"), lambda: show("b"))
    assert len(_shown) == 2


class Formatter:
    def __init__(self):
        self.n = 0

    @functools.singledispatchmethod
    def take(self, value):
        raise TypeError(value)

    @take.register
    def _(self, value: int):
        self.n += value


def race_singledispatchmethod():
    """A method chosen by the type of its argument."""
    f = Formatter()
    go(lambda: f.take(1), lambda: f.take(1))
    assert f.n == 2


# ------------------------------------------------ built-ins reached in unusual ways


def race_unbound_dict():
    """dict.__getitem__ and dict.__setitem__ called through the class."""
    d = {"n": 0}

    def add():
        dict.__setitem__(d, "n", dict.__getitem__(d, "n") + 1)

    go(add, add)
    assert d["n"] == 2


def ok_unbound_setdefault():
    """dict.setdefault through the class is one step still."""
    d, got = {}, []
    go(
        lambda: got.append(dict.setdefault(d, "k", [1])),
        lambda: got.append(dict.setdefault(d, "k", [2])),
    )
    assert got[0] is got[1]


def exception_unbound_pop():
    """list.pop through the class, after a look."""
    x = [1]

    def take():
        if x:
            list.pop(x)

    go(take, take)


def race_unbound_set():
    """set.add through the class, after a look."""
    seen, n = set(), []

    def once():
        if 1 not in seen:
            set.add(seen, 1)
            n.append(1)

    go(once, once)
    assert n == [1]


def ok_unbound_append():
    """list.append through the class is one step."""
    x = []
    go(lambda: list.append(x, 1), lambda: list.append(x, 2))
    assert sorted(x) == [1, 2]


def race_methodcaller():
    """operator.methodcaller appends as append does."""
    x, n, append = [], [], operator.methodcaller("append", 1)

    def once():
        if not x:
            append(x)
            n.append(1)

    go(once, once)
    assert len(n) == 1


def race_operator_items():
    """operator.getitem and setitem are a read and a write."""
    d = {"n": 0}

    def add():
        operator.setitem(d, "n", operator.getitem(d, "n") + 1)

    go(add, add)
    assert d["n"] == 2


def ok_operator_items_locked():
    """The same under a lock."""
    d, lock = {"n": 0}, Lock()

    def add():
        with lock:
            operator.setitem(d, "n", operator.getitem(d, "n") + 1)

    go(add, add)
    assert d["n"] == 2


class Holder:
    def __init__(self):
        self.n = 0


def race_attrgetter():
    """operator.attrgetter reads the attribute."""
    h, n = Holder(), operator.attrgetter("n")

    def add():
        h.n = n(h) + 1

    go(add, add)
    assert h.n == 2


def race_object_setattr():
    """object.__setattr__ writes as an assignment does."""
    h = Holder()

    def add():
        object.__setattr__(h, "n", object.__getattribute__(h, "n") + 1)

    go(add, add)
    assert h.n == 2


def race_itemgetter():
    """operator.itemgetter reads the item."""
    d, n = {"n": 0}, operator.itemgetter("n")

    def add():
        d["n"] = n(d) + 1

    go(add, add)
    assert d["n"] == 2


def race_partial():
    """A partial of an unbound method appends to the shared list."""
    x, n = [], []
    append = functools.partial(list.append, x)

    def once():
        if not x:
            append(1)
            n.append(1)

    go(once, once)
    assert len(n) == 1


def race_bound_method_kept():
    """Bound methods under other names."""
    d = {"n": 0}
    get, put = d.get, d.__setitem__

    def add():
        put("n", get("n") + 1)

    go(add, add)
    assert d["n"] == 2


def race_map_of_a_method():
    """A method that map calls."""
    h = Holder()

    def add(by):
        h.n += by

    go(lambda: list(map(add, [1])), lambda: list(map(add, [1])))
    assert h.n == 2


def race_reduce():
    """A function that functools.reduce calls."""
    x = [0]

    def add(_, by):
        x[0] += by
        return by

    go(lambda: functools.reduce(add, [1], 0), lambda: functools.reduce(add, [1], 0))
    assert x[0] == 2


def race_sort_key():
    """A key function that counts how often it was called."""
    h = Holder()

    def key(value):
        h.n += 1
        return value

    go(lambda: sorted([1], key=key), lambda: max([1, 2], key=key))
    assert h.n == 3


def ok_map_append():
    """map of append over own values: each is one step."""
    x = []
    go(lambda: list(map(x.append, [1])), lambda: list(map(x.append, [2])))
    assert sorted(x) == [1, 2]


def race_bisect_and_insert():
    """Where to insert is known before it is done."""
    x = [0, 10]

    def put(value):
        x.insert(bisect.bisect(x, value), value)

    go(lambda: put(3), lambda: put(5))
    assert x == sorted(x)


def exception_heappop():
    """Both see one entry."""
    heap = []
    heapq.heappush(heap, 1)

    def take():
        if heap:
            heapq.heappop(heap)

    go(take, take)


def race_format():
    """A format string reads the attribute."""
    h = Holder()

    def add():
        h.n = int("{0.n}".format(h)) + 1

    go(add, add)
    assert h.n == 2


def race_percent():
    """A format string that reads from a dict."""
    d = {"n": 0}

    def add():
        d["n"] = int("%(n)d" % d) + 1

    go(add, add)
    assert d["n"] == 2


def race_format_map():
    """format_map reads from the dict."""
    d = {"n": 0}

    def add():
        d["n"] = int("{n}".format_map(d)) + 1

    go(add, add)
    assert d["n"] == 2


def exception_shared_generator():
    """A generator that runs in one thread cannot be continued by another."""
    x = [0]

    def numbers():
        while True:
            x[0] += 1
            yield x[0]

    g = numbers()
    go(lambda: next(g), lambda: next(g))


def ok_shared_generator_locked():
    """Each next under a lock."""
    x, lock = [0], Lock()

    def numbers():
        while True:
            x[0] += 1
            yield x[0]

    g, got = numbers(), []

    def take():
        with lock:
            got.append(next(g))

    go(take, take)
    assert sorted(got) == [1, 2]


# ------------------------------------------------------------------ dataclasses


@dataclasses.dataclass
class Spot:
    x: int = 0
    y: int = 0


def _moved(spot):
    spot.x = 1
    spot.y = 1


def race_dataclass_eq_inside():
    """The comparison reads x before the move and y after it: a place where the spot never was."""
    p, seen = Spot(), []
    go(lambda: _moved(p), lambda: seen.append(p == Spot(0, 1)))
    assert seen == [False]


def race_dataclass_repr():
    """The generated repr reads field by field."""
    p, seen = Spot(), []
    go(lambda: _moved(p), lambda: seen.append("x=0, y=1" in repr(p)))
    assert seen == [False]


def race_dataclass_asdict():
    """asdict reads field by field."""
    p, seen = Spot(), []
    go(lambda: _moved(p), lambda: seen.append(dataclasses.asdict(p)))
    assert seen[0] != {"x": 0, "y": 1}


def race_dataclass_astuple():
    """astuple reads field by field."""
    p, seen = Spot(), []
    go(lambda: _moved(p), lambda: seen.append(dataclasses.astuple(p)))
    assert seen[0] != (0, 1)


@dataclasses.dataclass(frozen=True)
class Setting:
    a: int = 0
    b: int = 0


def race_dataclass_replace():
    """Made new from the old and put in its place: two threads lose one change."""
    now = [Setting()]

    def change(**what):
        now[0] = dataclasses.replace(now[0], **what)

    go(lambda: change(a=1), lambda: change(b=1))
    assert now[0] == Setting(1, 1)


def ok_dataclass_replace_locked():
    """The same under a lock."""
    now, lock = [Setting()], Lock()

    def change(**what):
        with lock:
            now[0] = dataclasses.replace(now[0], **what)

    go(lambda: change(a=1), lambda: change(b=1))
    assert now[0] == Setting(1, 1)


def ok_dataclass_eq_locked():
    """Moving and comparing under one lock."""
    p, seen, lock = Spot(), [], Lock()

    def move():
        with lock:
            _moved(p)

    def look():
        with lock:
            seen.append(p == Spot(0, 1) or p == Spot(1, 0))

    go(move, look)
    assert seen == [False]


@dataclasses.dataclass(frozen=True)
class Lazy:
    made: list

    def value(self):
        if not hasattr(self, "_value"):
            self.made.append(1)
            object.__setattr__(self, "_value", 7)
        return self._value


def race_frozen_lazy():
    """A frozen dataclass that keeps what it computed."""
    lazy = Lazy([])
    go(lazy.value, lazy.value)
    assert len(lazy.made) == 1


# ------------------------------------------------------------------ state that stays

_items = []
_table = {}
_count = 0
_names = set()


def race_global_list_that_stays():
    """Only the first run finds the list empty, unless it is put back."""

    def once():
        if not _items:
            _items.append(1)

    go(once, once)
    assert len(_items) == 1


def ok_global_number_put_back():
    """The count begins at nought in each run."""
    global _count
    lock = Lock()

    def add():
        global _count
        with lock:
            _count += 1

    go(add, add)
    assert _count == 2


def race_global_number():
    """The same without a lock."""

    def add():
        global _count
        _count += 1

    go(add, add)
    assert _count == 2


class Single:
    made = 0
    only = None

    @classmethod
    def get(cls):
        if cls.only is None:
            cls.made += 1
            cls.only = cls()
        return cls.only


def race_class_attribute_that_stays():
    """A singleton in a class attribute: made in the first run, and there in all others."""
    got = []
    go(lambda: got.append(Single.get()), lambda: got.append(Single.get()))
    assert got[0] is got[1]


class Tally:
    all = []

    def __init__(self):
        self.all.append(self)


def ok_class_list_put_back():
    """A list of the class, which each run finds empty."""
    go(Tally, Tally)
    assert len(Tally.all) == 2


def _remember(value, seen=[]):
    if value not in seen:
        seen.append(value)
    return seen


def race_mutable_default_that_stays():
    """A mutable default is kept from run to run."""
    go(lambda: _remember(1), lambda: _remember(1))
    assert len(_remember(1)) == 1


def _collect(value, into=[]):
    into.append(value)
    return into


def ok_mutable_default_put_back():
    """Only appends: three in each run."""
    go(lambda: _collect(1), lambda: _collect(2))
    assert len(_collect(3)) == 3


def _counted():
    _counted.calls = getattr(_counted, "calls", 0) + 1


def race_function_attribute():
    """A count kept as an attribute of the function."""
    go(_counted, _counted)
    assert _counted.calls == 2


_calls = []


@functools.cache
def _configuration():
    _calls.append(1)
    return {"a": 1}


def race_module_cache_that_stays():
    """A cached function of the module: filled by the first run."""
    go(_configuration, _configuration)
    assert len(_calls) == 1


def _made_outside():
    kept = {}

    def race_closure_that_stays():
        """What a closure has around it outlives the run, too."""

        def once():
            if "a" not in kept:
                kept["a"] = object()
            return kept["a"]

        got = []
        go(lambda: got.append(once()), lambda: got.append(once()))
        assert got[0] is got[1]

    return race_closure_that_stays


race_closure_that_stays = _made_outside()


def ok_global_dict_locked():
    """A table of the module under a lock: one object is made."""
    lock, made = Lock(), []

    def get():
        with lock:
            if "a" not in _table:
                _table["a"] = object()
                made.append(1)
            return _table["a"]

    go(get, get)
    assert len(made) == 1


def race_global_set_that_stays():
    """A set of names of the module."""
    n = []

    def claim():
        if "a" not in _names:
            _names.add("a")
            n.append(1)

    go(claim, claim)
    assert len(n) == 1


def race_global_rebound():
    """A global that is replaced, not changed."""
    global _table
    _table = {}
    n = []

    def load():
        global _table
        if not _table:
            n.append(1)
            _table = {"a": 1}

    go(load, load)
    assert len(n) == 1


# ------------------------------------------------- what is inside of what is looked at


def _inner_and_outer(look, box=lambda inner: [inner]):
    """One thread changes a list that stands inside of what the other looks at."""
    inner, seen = [], []
    outer = box(inner)
    go(lambda: inner.append(1), lambda: seen.append(look(outer)))
    return seen[0]


def race_inside_compared():
    assert _inner_and_outer(lambda outer: outer == [[1]])


def race_inside_of_a_tuple_compared():
    assert _inner_and_outer(lambda outer: outer == ([1],), lambda inner: (inner,))


def race_inside_written_out():
    assert _inner_and_outer(str) == "[[1]]"


def race_inside_in_a_text():
    assert _inner_and_outer(lambda outer: f"{outer}", lambda inner: {"a": inner}) == "{'a': [1]}"


def race_inside_searched():
    assert _inner_and_outer(lambda outer: [1] in outer)


def race_inside_counted():
    assert _inner_and_outer(lambda outer: outer.count([1])) == 1


def race_inside_sorted():
    assert _inner_and_outer(sorted, lambda inner: [[0], inner]) == [[0], [1]]


def race_inside_of_json():
    assert _inner_and_outer(json.dumps) == "[[1]]"


def ok_inside_not_looked_at():
    assert _inner_and_outer(len) == 1


def ok_inside_compared_locked():
    inner, lock, seen = [], Lock(), []
    outer = [inner]

    def add():
        with lock:
            inner.append(1)
            inner.append(2)

    def look():
        with lock:
            seen.append(outer == [[1]])

    go(add, look)
    assert seen == [False]
