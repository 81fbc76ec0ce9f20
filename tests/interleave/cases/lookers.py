"""What is registered with abstract classes; what iterators and generators of libraries look into."""

# ruff: noqa
import abc
import collections
import csv
import functools
import io
import itertools
import json
import pprint
import re
import string
import typing
from threading import Lock, Thread

from programs_told import together as go


def race_abc_register():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    seen = []
    go(lambda: Base.register(Other), lambda: seen.append(isinstance(Other(), Base)))
    assert seen == [True]


def race_abc_issubclass():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    seen = []
    go(lambda: Base.register(Other), lambda: seen.append(issubclass(Other, Base)))
    assert seen == [True]


def race_abc_match():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    seen = []

    def look():
        match Other():
            case Base():
                seen.append(1)

    go(lambda: Base.register(Other), look)
    assert seen == [1]


def race_abc_hook():

    class Base(abc.ABC):
        on = False

        @classmethod
        def __subclasshook__(cls, c):
            return cls.on

    class Other:
        pass

    def turn():
        Base.on = True

    seen = []
    go(turn, lambda: seen.append(issubclass(Other, Base)))
    assert seen == [True]


def race_abc_nested():

    class Top(abc.ABC):
        pass

    class Base(Top):
        pass

    class Other:
        pass

    seen = []
    go(lambda: Base.register(Other), lambda: seen.append(isinstance(Other(), Top)))
    assert seen == [True]


def race_abc_shared_collections():

    class Other:
        pass

    seen = []
    go(
        lambda: collections.abc.Sized.register(Other),
        lambda: seen.append(isinstance(Other(), collections.abc.Sized)),
    )
    assert seen == [True]


def race_abc_except():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    seen = []
    go(lambda: Base.register(Other), lambda: seen.append(Base.__instancecheck__(Other())))
    assert seen == [True]


def race_abc_cache_token():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    seen = []
    before = abc.get_cache_token()
    go(lambda: Base.register(Other), lambda: seen.append(abc.get_cache_token() - before))
    assert seen == [1]


def race_singledispatch_abc():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    @functools.singledispatch
    def f(x):
        return "plain"

    f.register(Base)(lambda x: "base")
    seen = []
    go(lambda: Base.register(Other), lambda: seen.append(f(Other())))
    assert seen == ["base"]


def race_protocol():
    import typing

    @typing.runtime_checkable
    class HasClose(typing.Protocol):
        def close(self): ...

    class O:
        pass

    o = O()
    seen = []

    def w():
        o.close = lambda: 1

    go(w, lambda: seen.append(isinstance(o, HasClose)))
    assert seen == [True]


def race_class_change():

    class A:
        pass

    class B:
        pass

    o = A()
    seen = []

    def w():
        o.__class__ = B

    go(w, lambda: seen.append(isinstance(o, B)))
    assert seen == [True]


def ok_abc_after_join():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    seen = []
    t = Thread(target=lambda: Base.register(Other))
    t.start()
    t.join()
    go(lambda: seen.append(isinstance(Other(), Base)), lambda: seen.append(issubclass(Other, Base)))
    assert seen == [True, True]


def ok_abc_locked():

    class Base(abc.ABC):
        pass

    class Other:
        pass

    lock = Lock()
    n = [0]

    def reg():
        with lock:
            Base.register(Other)

    def look():
        with lock:
            n[0] += isinstance(Other(), Base)

    go(reg, look)
    assert n[0] in (0, 1)


def race_json_iterencode_mid():
    x = [1, 2]
    out = []

    def w():
        x[0] = 8
        x[1] = 9

    def r():
        for part in json.JSONEncoder().iterencode(x):
            out.append(part)

    go(w, r)
    assert "".join(out) in ("[1, 2]", "[8, 9]", "[8, 2]")


def race_csv_writerows_gen_mid():
    x = [[1, 2], [3, 4]]
    out = io.StringIO()

    def w():
        x[0][0] = 8
        x[1][0] = 9

    def r():
        csv.writer(out).writerows((row for row in x))

    go(w, r)
    assert out.getvalue() in ("1,2\r\n3,4\r\n", "8,2\r\n9,4\r\n", "8,2\r\n3,4\r\n")


def race_csv_reader_mid():
    x = ["a", "b"]
    out = []

    def w():
        x[0] = "x"
        x[1] = "y"

    def r():
        for row in csv.reader(x):
            out.append(row[0])

    go(w, r)
    assert out in (["a", "b"], ["x", "y"], ["x", "b"])


def race_csv_dictreader_mid():
    x = ["h", "a", "b"]
    out = []

    def w():
        x[1] = "x"
        x[2] = "y"

    def r():
        for row in csv.DictReader(x):
            out.append(row["h"])

    go(w, r)
    assert out in (["a", "b"], ["x", "y"], ["x", "b"])


def race_finditer():
    b = bytearray(b"ab")
    out = []

    def w():
        b[0] = ord("x")
        b[1] = ord("y")

    def r():
        for m in re.finditer(b".", b):
            out.append(m.group()[0])

    go(w, r)
    assert out in ([97, 98], [120, 121], [120, 98])


def race_pprint_mid():
    d = [1, 2]
    out = []

    def w():
        d[0] = 8
        d[1] = 9

    def r():
        out.append(pprint.pformat(d, width=1))

    go(w, r)
    assert "1" not in out[0] or "9" not in out[0]


def race_dict_pairs_gen():
    rows = [["a", 1], ["b", 2]]
    out = []

    def w():
        rows[0][1] = 8
        rows[1][1] = 9

    def r():
        out.append(dict((x for x in rows)))

    go(w, r)
    assert out != [{"a": 1, "b": 9}]


def race_update_pairs_gen():
    rows = [["a", 1], ["b", 2]]
    out = {}

    def w():
        rows[0][1] = 8
        rows[1][1] = 9

    def r():
        out.update((x for x in rows))

    go(w, r)
    assert out != {"a": 1, "b": 9}


def race_sum_lists_gen():
    rows = [[1], [2]]
    out = []

    def w():
        rows[0][0] = 8
        rows[1][0] = 9

    def r():
        out.append(sum((x for x in rows), []))

    go(w, r)
    assert out != [[1, 9]]


def race_flatten_gen():
    rows = [[1], [2]]
    out = []

    def w():
        rows[0][0] = 8
        rows[1][0] = 9

    def r():
        out.append(list(itertools.chain.from_iterable((x for x in rows))))

    go(w, r)
    assert out != [[1, 9]]


def race_starmap_rows():
    rows = [[1], [2]]
    out = []

    def w():
        rows[0][0] = 8
        rows[1][0] = 9

    def r():
        for v in itertools.starmap(lambda a: a, rows):
            out.append(v)

    go(w, r)
    assert out != [1, 9]


def ok_iterencode_own():
    out = []

    def r():
        out.append("".join(json.JSONEncoder().iterencode([1, {"a": 2}])))

    go(r, r)
    assert out == ['[1, {"a": 2}]'] * 2


def ok_writerows_own():

    def r():
        f = io.StringIO()
        csv.writer(f).writerows(([i, i] for i in range(2)))
        assert f.getvalue() == "0,0\r\n1,1\r\n"

    go(r, r)


def ok_flatten_own():

    def r():
        assert list(itertools.chain.from_iterable(([i, i] for i in range(3)))) == [0, 0, 1, 1, 2, 2]

    go(r, r)


def ok_sum_own():

    def r():
        assert sum((i * i for i in range(4))) == 14 and dict(((i, [i]) for i in range(2))) == {
            0: [0],
            1: [1],
        }

    go(r, r)


def race_json_iterencode_next():
    x = {"a": 1}
    out = []
    it = json.JSONEncoder().iterencode(x)

    def w():
        x["a"] = 9

    def r():
        out.append("".join(it))

    go(r, w)
    assert out == ['{"a": 1}']


def race_csv_writerows_gen():
    x = [[1, 2], [3, 4]]
    out = io.StringIO()

    def w():
        x[1][0] = 9

    def r():
        csv.writer(out).writerows((row for row in x))

    go(r, w)
    assert out.getvalue() == "1,2\r\n3,4\r\n"


def race_csv_dictwriter():
    rows = [{"a": 1}]
    out = io.StringIO()

    def w():
        rows[0]["a"] = 2

    def r():
        csv.DictWriter(out, ["a"]).writerows(rows)

    go(r, w)
    assert out.getvalue() == "1\r\n"


def race_match_object():
    b = bytearray(b"ab")
    out = []
    m = re.match(b"..", b)

    def w():
        b[0] = ord("x")

    def r():
        out.append(m.group())

    go(r, w)
    assert out == [b"ab"]


def race_scanner():
    b = bytearray(b"ab")
    out = []
    s = re.compile(b".").scanner(b)

    def w():
        b[1] = ord("x")

    def r():
        while m := s.match():
            out.append(m.group()[0])

    go(r, w)
    assert out == [97, 98]


def _mid(make):
    """One thread goes through a list of two, which another changes from the front to the end."""

    def program():
        x = [1, 2]
        out = []

        def change():
            x[0] = 8
            x[1] = 9

        def look():
            for v in make(x):
                out.append(v)

        go(change, look)
        assert out in ([1, 2], [8, 9], [8, 2]), out

    return program


race_chain_of_rows = _mid(lambda x: itertools.chain.from_iterable([x]))
race_iterators_made_in_c = _mid(lambda x: next(map(iter, [x])))
race_next_of_an_iterator = _mid(lambda x: (take() for take in [iter(x).__next__] * 2))


def race_template_mid():
    d = {"a": 1, "b": 2}
    out = []

    def w():
        d["a"] = 8
        d["b"] = 9

    def r():
        out.append(string.Template("$a $b").substitute(d))

    go(w, r)
    assert out[0] != "1 9"


class Lazy:
    """Found out by the first one who asks, and kept by the class."""

    def __get__(self, instance, kind=None):
        kind.found = kind.find()
        return kind.found


def race_class_attribute_made_by_who_asks_first():
    class Shop:
        found = Lazy()
        calls = 0

        @classmethod
        def find(cls):
            cls.calls += 1
            return 5

    go(lambda: Shop().found, lambda: Shop().found)
    assert Shop.calls == 1


def ok_json_under_a_lock():
    d, lock, out = {"a": 1}, Lock(), []

    def w():
        with lock:
            d["b"] = 2

    def r():
        with lock:
            out.append(json.dumps(d, indent=1))

    go(w, r)
    assert len(out) == 1


def ok_two_make_json_of_the_same():
    d, out = {"a": [1]}, []
    go(*[lambda: out.append(json.dumps(d, indent=1))] * 2)
    assert out[0] == out[1]
