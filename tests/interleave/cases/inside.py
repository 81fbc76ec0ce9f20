"""What happens inside of a call into C: attributes that it reads, Python that it calls."""

# ruff: noqa
import bisect
import copy
import dataclasses
import functools
import heapq
import inspect
import io
import itertools
import json
import pickle
import pprint
import types
from collections import deque
from threading import Lock

from programs_told import together as go


class Point:
    def __init__(self, x=0, y=0):
        self.x, self.y = x, y

    def both(self, value):
        self.x = value
        self.y = value


# ---------------------------------------------------------- attributes read inside of C


def race_pickle_torn():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(pickle.loads(pickle.dumps(p))))
    assert seen[0].x == seen[0].y


def ok_pickle_locked():
    p, seen, lock = Point(), [], Lock()

    def write():
        with lock:
            p.both(1)

    def read():
        with lock:
            seen.append(pickle.loads(pickle.dumps(p)))

    go(write, read)
    assert seen[0].x == seen[0].y


def race_pickle_in_a_list():
    p, seen = Point(), []
    things = [p]
    go(lambda: p.both(1), lambda: seen.append(pickle.loads(pickle.dumps(things))[0]))
    assert seen[0].x == seen[0].y


class Stateful(Point):
    def __getstate__(self):
        return {"x": self.x, "y": self.y}


def race_pickle_getstate():
    p, seen = Stateful(), []
    go(lambda: p.both(1), lambda: seen.append(pickle.loads(pickle.dumps(p))))
    assert seen[0].x == seen[0].y


class Reduced(Point):
    def __reduce__(self):
        return Reduced, (self.x, self.y)


def race_pickle_reduce():
    p, seen = Reduced(), []
    go(lambda: p.both(1), lambda: seen.append(pickle.loads(pickle.dumps(p))))
    assert seen[0].x == seen[0].y


def race_copy_torn():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(copy.copy(p)))
    assert seen[0].x == seen[0].y


def race_copy_own_method():
    class Own(Point):
        def __copy__(self):
            return Own(self.x, self.y)

    p, seen = Own(), []
    go(lambda: p.both(1), lambda: seen.append(copy.copy(p)))
    assert seen[0].x == seen[0].y


def race_deepcopy_of_an_object():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(copy.deepcopy(p)))
    assert seen[0].x == seen[0].y


def ok_deepcopy_of_an_object_locked():
    p, seen, lock = Point(), [], Lock()

    def write():
        with lock:
            p.both(1)

    def read():
        with lock:
            seen.append(copy.deepcopy(p))

    go(write, read)
    assert seen[0].x == seen[0].y


def race_deepcopy_of_a_list_of_objects():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(copy.deepcopy([p])[0]))
    assert seen[0].x == seen[0].y


def race_deepcopy_memo():
    class Own(Point):
        def __deepcopy__(self, memo):
            return Own(self.x, self.y)

    p, seen = Own(), []
    go(lambda: p.both(1), lambda: seen.append(copy.deepcopy(p)))
    assert seen[0].x == seen[0].y


def race_json_default_vars():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(json.loads(json.dumps(p, default=vars))))
    assert seen[0]["x"] == seen[0]["y"]


def race_json_default_lambda():
    p, seen = Point(), []
    go(
        lambda: p.both(1),
        lambda: seen.append(json.loads(json.dumps(p, default=lambda o: o.__dict__))),
    )
    assert seen[0]["x"] == seen[0]["y"]


def race_json_default_function():
    p, seen = Point(), []

    def plain(o):
        return [o.x, o.y]

    go(lambda: p.both(1), lambda: seen.append(json.loads(json.dumps([p], default=plain))))
    assert seen[0][0][0] == seen[0][0][1]


def race_json_default_on_a_growing_list():
    """json goes through the list while `default` of its first lets others in."""
    things, seen = [Point(1), 2], []

    def plain(o):
        return o.x

    def swap():
        things.reverse()

    go(swap, lambda: seen.append(json.loads(json.dumps(things, default=plain))))
    assert sorted(seen[0]) == [1, 2]


def race_simple_namespace_repr():
    p, seen = types.SimpleNamespace(x=0, y=0), []

    def write():
        p.x = 1
        p.y = 1

    go(write, lambda: seen.append(repr(p)))
    assert "x=1, y=0" not in seen[0]


def race_simple_namespace_eq():
    p, seen = types.SimpleNamespace(x=0, y=0), []

    def write():
        p.x = 1
        p.y = 1

    go(write, lambda: seen.append(p == types.SimpleNamespace(x=1, y=0)))
    assert not seen[0]


def race_getstate_by_hand():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(dict(p.__getstate__())))
    assert seen[0]["x"] == seen[0]["y"]


def race_reduce_ex_by_hand():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(dict(p.__reduce_ex__(2)[2])))
    assert seen[0]["x"] == seen[0]["y"]


def race_dir_of_an_object():
    p, seen = Point(), []

    def write():
        p.a = 1
        p.b = 1

    go(write, lambda: seen.append(dir(p)))
    assert ("a" in seen[0]) == ("b" in seen[0])


def race_exception_args():
    e, seen = ValueError(0), []

    def write():
        e.args = (1,)
        e.note = 1

    go(write, lambda: seen.append((str(e), getattr(e, "note", 0))))
    assert seen[0] in (("0", 0), ("1", 1))


def race_slots_pickled():
    class Slotted:
        __slots__ = ("x", "y")

    p, seen = Slotted(), []
    p.x = p.y = 0

    def write():
        p.x = 1
        p.y = 1

    go(write, lambda: seen.append(p.__reduce_ex__(2)[2][1]))
    assert seen[0]["x"] == seen[0]["y"]


def race_json_dump_to_one_file():
    """The file is looked at between two dumps."""
    f, seen = io.StringIO(), []

    def write():
        json.dump(1, f)
        json.dump(2, f)

    go(write, lambda: seen.append(f.getvalue()))
    assert seen[0] in ("", "12")


def race_pickler_dump():
    f, seen = io.BytesIO(), []

    def write():
        pickle.dump(1, f)
        pickle.dump(2, f)

    go(write, lambda: seen.append(len(f.getvalue())))
    assert seen[0] in (0, 2 * len(pickle.dumps(1)))


def race_inspect_getmembers():
    p, seen = Point(), []
    go(lambda: p.both(1), lambda: seen.append(dict(inspect.getmembers(p))))
    assert seen[0]["x"] == seen[0]["y"]


def race_pprint_of_a_dataclass():
    p, seen = Pair(), []

    def write():
        p.x = 1
        p.y = 1

    go(write, lambda: seen.append(pprint.pformat(p)))
    assert "x=1, y=0" not in seen[0]


@dataclasses.dataclass
class Pair:
    x: int = 0
    y: int = 0


# ------------------------------------------------- Python that C calls while it works


class Key:
    """Equal by value; to compare takes Python."""

    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    def __hash__(self):
        return 7

    def __lt__(self, other):
        return self.n < other.n

    def __repr__(self):
        return str(self.n)


def race_in_while_reversed():
    """2 is always in the list, but `in` compares one by one."""
    keys, seen = [Key(1), Key(2)], []
    go(lambda: keys.reverse(), lambda: seen.append(Key(2) in keys))
    assert seen == [True]


def ok_in_while_reversed_locked():
    keys, seen, lock = [Key(1), Key(2)], [], Lock()

    def turn():
        with lock:
            keys.reverse()

    def look():
        with lock:
            seen.append(Key(2) in keys)

    go(turn, look)
    assert seen == [True]


def ok_in_plain_while_reversed():
    """Numbers are compared in C: one step."""
    keys, seen = [1, 2], []
    go(lambda: keys.reverse(), lambda: seen.append(2 in keys))
    assert seen == [True]


def exception_index_while_reversed():
    keys = [Key(1), Key(2)]
    go(lambda: keys.reverse(), lambda: keys.index(Key(2)))


def race_count_while_reversed():
    keys, seen = [Key(1), Key(2)], []
    go(lambda: keys.reverse(), lambda: seen.append(keys.count(Key(2))))
    assert seen == [1]


def exception_remove_while_reversed():
    keys = [Key(1), Key(2)]
    go(lambda: keys.reverse(), lambda: keys.remove(Key(2)))


def race_remove_the_wrong_one():
    """remove finds the place, then deletes what stands there by now."""
    keys = [Key(1), Key(2), Key(3)]
    go(lambda: keys.insert(0, Key(0)), lambda: keys.remove(Key(2)))
    assert [k.n for k in keys] == [0, 1, 3]


def exception_sort_by_lt():
    """While it is sorted a list looks empty, and must not be changed."""
    keys = [Key(2), Key(1)]
    go(lambda: keys.sort(), lambda: keys.append(Key(3)))


def race_sort_by_lt_looks_empty():
    keys, seen = [Key(2), Key(1)], []
    go(lambda: keys.sort(), lambda: seen.append(len(keys)))
    assert seen == [2]


def ok_sort_plain():
    keys, seen = [2, 1], []
    go(lambda: keys.sort(), lambda: seen.append(len(keys)))
    assert seen == [2]


def race_sorted_by_lt():
    """sorted copies first: one step; so it never sees one twice."""
    keys, seen = [Key(2), Key(1)], []

    def swap():
        keys[0] = Key(5)
        keys[1] = Key(6)

    go(swap, lambda: seen.append([k.n for k in sorted(keys)]))
    assert seen[0] in ([1, 2], [5, 6])


def ok_sorted_by_lt_while_reversed():
    keys, seen = [Key(2), Key(1)], []
    go(lambda: keys.reverse(), lambda: seen.append([k.n for k in sorted(keys)]))
    assert seen[0] == [1, 2]


def race_max_by_lt():
    """max draws item by item."""

    class Up(Key):
        def __gt__(self, other):
            return self.n > other.n

    keys, seen = [Up(1), Up(0), Up(2)], []
    go(lambda: keys.reverse(), lambda: seen.append(max(keys).n))
    assert seen == [2]


def race_min_by_lt():
    keys, seen = [Key(2), Key(3), Key(1)], []
    go(lambda: keys.reverse(), lambda: seen.append(min(keys).n))
    assert seen == [1]


def race_max_by_key_while_reversed():
    keys, seen = [1, 2], []
    go(lambda: keys.reverse(), lambda: seen.append(max(keys, key=lambda n: n)))
    assert seen == [2]


def race_list_eq_while_reversed():
    keys, seen = [Key(1), Key(2)], []
    other = [Key(1), Key(1)]
    go(lambda: keys.reverse(), lambda: seen.append(keys == other))
    assert seen == [False]


def race_repr_of_a_list():
    """Each __repr__ is Python: in between, others come."""
    keys, seen = [Key(1), Key(2)], []
    go(lambda: keys.reverse(), lambda: seen.append(repr(keys)))
    assert seen[0] in ("[1, 2]", "[2, 1]")


def race_str_in_an_f_string():
    keys, seen = [Key(1), Key(2)], []
    go(lambda: keys.reverse(), lambda: seen.append(f"{keys}"))
    assert seen[0] in ("[1, 2]", "[2, 1]")


def race_percent_of_a_list():
    keys, seen = [Key(1), Key(2)], []
    go(lambda: keys.reverse(), lambda: seen.append("%s" % keys))
    assert seen[0] in ("[1, 2]", "[2, 1]")


def race_join_of_map_str():
    keys, seen = [Key(1), Key(2)], []
    go(lambda: keys.reverse(), lambda: seen.append(" ".join(map(str, keys))))
    assert seen[0] in ("1 2", "2 1")


def race_sum_with_add():
    class Money:
        def __init__(self, n):
            self.n = n

        def __radd__(self, other):
            return other + self.n

    box, seen = [Money(1), Money(2)], []
    go(lambda: box.reverse(), lambda: seen.append(sum(box)))
    assert seen == [3]


def race_any_with_bool():
    class Flag:
        def __init__(self, on):
            self.on = on

        def __bool__(self):
            return self.on

    flags, seen = [Flag(False), Flag(True)], []
    go(lambda: flags.reverse(), lambda: seen.append(any(flags)))
    assert seen == [True]


def race_all_with_bool():
    class Flag:
        def __init__(self, on):
            self.on = on

        def __bool__(self):
            return self.on

    flags, seen = [Flag(True), Flag(False)], []
    go(lambda: flags.reverse(), lambda: seen.append(all(flags)))
    assert seen == [False]


def ok_any_plain():
    flags, seen = [False, True], []
    go(lambda: flags.reverse(), lambda: seen.append(any(flags)))
    assert seen == [True]


def ok_dict_key_with_eq():
    """A dict looks again when it was changed while keys were compared."""
    d, seen = {Key(1): "a"}, []

    def put():
        d[Key(2)] = "b"

    go(put, lambda: seen.append(d[Key(1)]))
    assert seen == ["a"]


def race_dict_key_with_eq_counts():
    d = {Key(1): 0}

    def add():
        d[Key(1)] += 1

    go(add, add)
    assert d[Key(1)] == 2


def race_eq_that_counts():
    calls = 0

    class Counted:
        def __init__(self, n):
            self.n = n

        def __hash__(self):
            return 1

        def __eq__(self, other):
            nonlocal calls
            calls += 1
            return self.n == other.n

    d = {Counted(1): 1}
    go(lambda: d.get(Counted(1)), lambda: d.get(Counted(1)))
    assert calls == 2


def race_hash_that_counts():
    calls = 0

    class Counted:
        def __hash__(self):
            nonlocal calls
            calls += 1
            return 1

    k, s = Counted(), set()
    go(lambda: s.add(k), lambda: s.discard(k))
    assert calls == 2


def race_eq_that_numbers_its_calls():
    """A lookup is one step for plain keys only: these compare in Python."""
    calls, d = [], {}

    class K:
        def __init__(self, n):
            self.n = n

        def __hash__(self):
            return 1

        def __eq__(self, other):
            calls.append(len(calls))
            return self.n == other.n

    d[K(0)] = 0
    go(lambda: d.get(K(1)), lambda: d.get(K(2)))
    assert len(set(calls)) == 2


def race_bool_of_an_object():
    class Box:
        def __init__(self):
            self.a = self.b = 0

        def __bool__(self):
            return self.a == self.b

    box, seen = Box(), []

    def write():
        box.a = 1
        box.b = 1

    def read():
        if not box:
            seen.append(1)

    go(write, read)
    assert not seen


def race_len_of_an_object():
    class Box:
        def __init__(self):
            self.a, self.b = [1], []

        def __len__(self):
            return len(self.a) + len(self.b)

    box, seen = Box(), []

    def move():
        box.b.append(box.a.pop())

    go(move, lambda: seen.append(len(box)))
    assert seen == [1]


def race_contains_of_an_object():
    class Box:
        def __init__(self):
            self.a, self.b = {1}, set()

        def __contains__(self, x):
            return x in self.b or x in self.a

    box, seen = Box(), []

    def move():
        box.b.add(1)
        box.a.discard(1)

    go(move, lambda: seen.append(1 in box))
    assert seen == [True]


def race_iter_of_an_object():
    class Box:
        def __init__(self):
            self.a = [1, 2]

        def __iter__(self):
            return iter(self.a)

    box, seen = Box(), []

    def swap():
        box.a[0] = 3
        box.a[1] = 4

    go(swap, lambda: seen.append(list(box)))
    assert seen[0] in ([1, 2], [3, 4])


def race_getitem_protocol():
    """An old-style sequence: C asks __getitem__ until IndexError."""

    class Old:
        def __init__(self):
            self.a = [1, 2]

        def __getitem__(self, n):
            return self.a[n]

    old, seen = Old(), []
    go(lambda: old.a.reverse(), lambda: seen.append(list(old)))
    assert sorted(seen[0]) == [1, 2]


def race_index_protocol():
    class N:
        def __init__(self):
            self.n = 0

        def __index__(self):
            return self.n

    n, items, seen = N(), [0, 1], []

    def read():
        seen.append((items[n], items[n]))

    def write():
        n.n = 1

    go(write, read)
    assert seen[0] in ((0, 0), (1, 1))


def race_format_spec_method():
    class M:
        def __init__(self):
            self.a = self.b = 0

        def __format__(self, spec):
            return f"{self.a}{self.b}"

    m, seen = M(), []

    def write():
        m.a = 1
        m.b = 1

    go(write, lambda: seen.append(f"{m:x}"))
    assert seen[0] in ("00", "11")


def exception_heappush_by_lt():
    """heappush notices that the heap has grown while it compared."""
    heap = [Key(5)]
    go(lambda: heapq.heappush(heap, Key(1)), lambda: heapq.heappush(heap, Key(2)))


def race_heappop_by_lt():
    """While it compares, the last one stands where the first one was."""
    heap, seen = [Key(1), Key(2), Key(3), Key(4)], []
    go(lambda: heapq.heappop(heap), lambda: seen.append(heap[0].n))
    assert seen[0] in (1, 2)


def ok_heap_plain():
    heap, got = [1, 2, 3], []
    go(lambda: got.append(heapq.heappop(heap)), lambda: got.append(heapq.heappop(heap)))
    assert sorted(got) == [1, 2] and heap == [3]


def race_insort_by_lt():
    """bisect.insort looks for the place, then inserts: two may disorder the list."""
    keys = [Key(5)]
    go(lambda: bisect.insort(keys, Key(1)), lambda: bisect.insort(keys, Key(2)))
    assert [k.n for k in keys] == [1, 2, 5]


def ok_insort_plain():
    keys = [5]
    go(lambda: bisect.insort(keys, 1), lambda: bisect.insort(keys, 2))
    assert keys == [1, 2, 5]


def race_insort_with_a_key():
    keys = [5]
    go(
        lambda: bisect.insort(keys, 1, key=lambda n: n),
        lambda: bisect.insort(keys, 2, key=lambda n: n),
    )
    assert keys == [1, 2, 5]


def race_bisect_by_lt():
    keys, seen = [Key(1), Key(5)], []

    def look():
        seen.append(bisect.bisect(keys, Key(3)))

    go(lambda: keys.insert(0, Key(0)), look)
    assert seen[0] in (1,)


def race_deque_index_by_eq():
    """A deque says that it was changed, where a list says nothing."""
    keys, seen = deque([Key(1), Key(2)]), []

    def look():
        try:
            seen.append(keys.index(Key(2)))
        except RuntimeError:
            seen.append(-1)

    go(lambda: keys.rotate(1), look)
    assert seen[0] in (0, 1)


def race_set_union_by_eq():
    """Sets of keys that compare in Python."""
    a, seen = {Key(1)}, []

    def look():
        seen.append(len(a))

    def put():
        a.add(Key(2))
        a.add(Key(3))

    go(put, look)
    assert seen[0] in (1, 3)


def race_groupby_by_key():
    things, seen = [1, 1, 2], []
    go(
        lambda: things.reverse(),
        lambda: seen.append(
            [(k, len(list(g))) for k, g in itertools.groupby(things, key=lambda n: n)]
        ),
    )
    assert seen[0] in ([(1, 2), (2, 1)], [(2, 1), (1, 2)])


def race_filter_by_function():
    things, seen = [1, 2], []
    go(lambda: things.reverse(), lambda: seen.append(list(filter(lambda n: n == 2, things))))
    assert seen == [[2]]


def race_map_by_function():
    things, seen = [1, 2], []
    go(lambda: things.reverse(), lambda: seen.append(list(map(lambda n: n, things))))
    assert sorted(seen[0]) == [1, 2]


def race_dict_from_pairs_generator():
    things, seen = [1, 2], []
    go(lambda: things.reverse(), lambda: seen.append(dict((n, n) for n in things)))
    assert len(seen[0]) == 2


def race_accumulate():
    things, seen = [1, 2], []
    go(
        lambda: things.reverse(),
        lambda: seen.append(list(itertools.accumulate(things, lambda a, b: a + b))),
    )
    assert seen[0][-1] == 3


def race_cmp_to_key():
    things, seen = [2, 1], []

    def order(a, b):
        return a - b

    go(lambda: things.sort(key=functools.cmp_to_key(order)), lambda: seen.append(len(things)))
    assert seen == [2]


def race_total_ordering():
    @functools.total_ordering
    class T:
        def __init__(self, a, b):
            self.a, self.b = a, b

        def __eq__(self, other):
            return (self.a, self.b) == (other.a, other.b)

        def __lt__(self, other):
            return (self.a, self.b) < (other.a, other.b)

    t, seen = T(0, 5), []

    def write():
        t.a = 1
        t.b = 0

    go(write, lambda: seen.append(t >= T(1, 1)))
    assert seen == [False]


def race_list_mult_eq_of_tuple():
    """A tuple's items compare in Python, and one of them changes."""
    p, seen = Key(1), []
    pair = (p, Key(2))

    def write():
        p.n = 5
        pair[1].n = 6

    go(write, lambda: seen.append(pair == (Key(5), Key(2))))
    assert seen == [False]
