"""`match` computes what plain Python computes and looks in the same order; each look is a step.

So do lambdas of which several stand on a line, and what is done through the dict of an object.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, attr-defined, union-attr"
# mypy: disable-error-code="var-annotated, index, arg-type, assignment, no-any-return, type-arg"
# mypy: check-untyped-defs=False
# ruff: noqa: PIE807

from __future__ import annotations

import re
from array import array
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from threading import Lock, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.interleave import Exploring, Refused, explore, replay
from helpers.interleave.program import rewritten
from helpers.interleave.search import All

LOG: list[object] = []


def note(value, name=None):
    LOG.append(value if name is None else name)
    return value


class Noted:
    """Notes who asks for what."""

    __match_args__ = ("one", "two")

    def __init__(self, **values):
        self.values = values

    def __getattr__(self, name):
        LOG.append(("attribute", name))
        if name.startswith("__") or name not in self.values:
            raise AttributeError(name)
        return self.values[name]

    def __eq__(self, other):
        LOG.append(("equal", other))
        return self is other

    __hash__ = None


class NotedItems(Sequence):
    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return note(len(self.items), "length")

    def __getitem__(self, index):
        LOG.append(("item", index))
        return self.items[index]

    def __iter__(self):
        for item in self.items:
            LOG.append(("next", item))
            yield item


class NotedKeys(Mapping):
    def __init__(self, **items):
        self.items_ = items

    def __len__(self):
        return note(len(self.items_), "length")

    def __getitem__(self, key):
        LOG.append(("item", key))
        return self.items_[key]

    def __iter__(self):
        LOG.append("iter")
        return iter(self.items_)


class Lies(NotedItems):
    def __len__(self):
        return 2


@dataclass
class Point:
    x: object
    y: object = 0


class Private:
    def __init__(self):
        self.__mine = 1

    def look(self):
        match self:
            case Private(__mine=mine):
                return "as it is written", mine
            case Private(_Private__mine=mine):
                return "mangled", mine


class Colour(Enum):
    RED = 1
    BLUE = 2


class Noisy(type):
    def __instancecheck__(cls, thing):
        return note(isinstance(thing, int), ("is it", thing))


class Number(metaclass=Noisy):
    LIMIT = 3


class Text(str):
    __slots__ = ()


class Wrong:
    __match_args__ = ["x"]  # noqa: RUF012


class Worse:
    __match_args__ = (1,)


class Same:
    __match_args__ = ("x",)
    x = 1


Pair = namedtuple("Pair", "one two")

SUBJECTS: list[Callable[[], object]] = [
    lambda: 0, lambda: 1, lambda: -1, lambda: 1.0, lambda: 2 + 3j, lambda: True, lambda: None,
    lambda: "", lambda: "ab", lambda: b"ab", lambda: Text("ab"), lambda: bytearray(b"ab"),
    lambda: (), lambda: (1,), lambda: (1, 2), lambda: [1, 2, 3], lambda: [[1, 2], [3, [4, 5]]],
    lambda: range(4), lambda: deque([1, 2]), lambda: array("i", [1, 2]), lambda: {1, 2},
    lambda: Pair(1, 2), lambda: iter([1, 2]), lambda: UserList([1, 2]), lambda: memoryview(b"ab"),
    lambda: NotedItems(), lambda: NotedItems(1), lambda: NotedItems(1, 2), lambda: Lies(1, 2, 3),
    lambda: NotedItems(1, 2, 3), lambda: NotedItems(*range(6)), lambda: Lies(1), lambda: Lies(),
    lambda: {}, lambda: {"a": 1}, lambda: {"a": 1, "b": 2}, lambda: {"a": {"b": [1, 2]}, 1: "x"},
    lambda: {"a": None}, lambda: OrderedDict(b=2, a=1), lambda: defaultdict(list, c=3),
    lambda: Counter("aab"), lambda: UserDict(a=1, b=2), lambda: NotedKeys(),
    lambda: NotedKeys(a=1), lambda: NotedKeys(a=1, b=2, c=3), lambda: Colour.RED,
    lambda: Colour.BLUE, lambda: Point(0, 0), lambda: Point(0, 5), lambda: Point([1, 2], {"a": 1}),
    lambda: Noted(one=1, two=2), lambda: Noted(one=1), lambda: Noted(two=2, three=3),
    lambda: Noted(), lambda: Private(), lambda: Wrong(), lambda: Worse(), lambda: Same(),
    lambda: SimpleNamespace(x=1, y=(1, 2)), lambda: int, lambda: Number,
]  # fmt: skip


def values(subject):
    match subject:
        case 0 | -1:
            return "small"
        case 1.0 if note(True, "guard"):
            return "one"
        case 2 + 3j:
            return "complex"
        case "ab" | b"ab":
            return "text"
        case Colour.RED:
            return "red"
        case None:
            return "nothing"
        case False | True:
            return "a truth"
        case Number.LIMIT:
            return "at the limit"
    return "fell through"


def sequences(subject):
    match subject:
        case []:
            return "empty"
        case [0] | [1]:
            return "one"
        case [1, [2, x]] | [x, [3, [4, _]]]:
            return "nested", x
        case [1, 2] | [1, _, 3]:
            return "known"
        case first, *_ if first == 7:
            return "seven"
        case [_, _, _, _]:
            return "four"
        case (a, *middle, b):
            return a, middle, b, type(middle)
    return "no sequence"


def stars(subject):
    match subject:
        case [0, *_, 5 as last]:
            return "from both ends", last
        case [*_, 2, _, 9]:
            return "never"
        case [*_, 2, 3]:
            return "at the end"
        case [1, *rest] if len(rest) < 1:
            return "short", rest
        case [*every]:
            return every
    return "no sequence"


def mappings(subject):
    match subject:
        case {"a": {"b": [x, *_]}, **rest}:
            return x, rest
        case {"a": 1, "b": b}:
            return "both", b
        case {"a": None} | {"c": _}:
            return "nothing"
        case {"c": c, **rest} if note(rest):
            return c, rest
        case {"a": a, **rest}:
            return a, rest, type(rest)
        case {}:
            return "a mapping"
    return "no mapping"


def empty_rest(subject):
    match subject:
        case {**every}:
            every["new"] = 1
            return every
        case whole:
            return type(whole)


def classes(subject):
    match subject:
        case bool(truth):
            return "bool", truth
        case Text(text) | (str() as text):
            return "text", text
        case int(number) | float(number):
            return number
        case Point(0, y=0):
            return "origin"
        case Point(x=[*xs], y={"a": a}):
            return xs, a
        case Point(x, y):
            return x, y
        case Noted(1, 2, three=3):
            return "never"
        case Noted(1, two):
            return "noted", two
        case Noted(three=three, two=2):
            return three
        case Pair(one, 2):
            return "pair", one
        case SimpleNamespace(x=1, y=(a, b)):
            return a, b
        case list([1, *more]) | tuple([1, *more]):
            return more
        case dict(d):
            return d
        case set(s) | bytearray(s) | bytes(s):
            return type(s)
        case type():
            return "a class"
    return "none of them"


def an_order_with_holes(subject):
    match subject:
        case Number() as n if n > 0:
            return "a number", n
        case Noted(one=1, one_more=_) | Noted(two=_):
            return "noted"
        case Private():
            return subject.look()
        case Noted():
            return "empty"


def mistaken(subject):
    what = 3 if subject == 0 else Wrong
    match subject:
        case what():
            return "what"
        case Worse(x):
            return x
        case Same(1, x=1):
            return "twice"
        case Point(1, 2, 3):
            return "three"
        case str(a, b):
            return a, b
        case {"a": _, Colour.RED.name: _}:
            return "keys"


def same_key_twice(subject):
    key = SimpleNamespace(a="a")
    match subject:
        case {"a": a, key.a: b}:
            return a, b


def evaluated_once(subject):
    match note(subject, "subject"), note(1):
        case (None, _) | (_, 2):
            return "no"
        case (1 as x, y) | (x, 1 as y):
            x = type(x), y
    return x


def binds_before_the_guard(subject):
    x = "before"
    match subject:
        case [x] if x == 2:
            return "two"
        case {"a": x} if x is None:
            return "none"
    return x


def leaves(subject):
    seen = []
    for each in (subject, 1, None, 2):
        match each:
            case None:
                break
            case 1:
                continue
            case [*_]:
                try:
                    seen.append("sequence")
                finally:
                    seen.append("finally")
            case _ if seen:
                return seen
        seen.append(type(each))
    else:
        seen.append("else")
    return seen


def nested(subject):
    match subject:
        case [x, *_]:
            match x:
                case int():
                    return "int", x
                case [y, *_]:
                    return "list", y
        case x:
            match (x, x):
                case (Point(x=a), Point(y=b)):
                    return a, b
    return type(x)


def yields(subject):
    def each() -> Iterator[object]:
        match subject:
            case [first, *_]:
                yield first
            case {"a": value, **rest}:
                yield value
                yield rest
            case _:
                yield from ()

    return list(each())


def shared_names(subject):
    def inner():
        return first, rest, whole

    first = rest = whole = None
    match subject:
        case [first, *rest] as whole:
            pass
        case {"a": first, **rest}:
            whole = "mapping"
    return inner()


def in_a_class(subject):
    class Inside:
        match subject:
            case int(number):
                kind = number
            case _:
                kind = None

    return Inside.kind


def bound_inside_only(subject):
    def inner():
        match subject:
            case [x, *_]:
                return x
            case x:
                return type(x)

    x = "outside"
    return inner(), x


MATCHES = [
    values, sequences, stars, mappings, empty_rest, classes, an_order_with_holes, mistaken,
    same_key_twice, evaluated_once, binds_before_the_guard, leaves, nested, yields, shared_names,
    in_a_class, bound_inside_only,
]  # fmt: skip


def tried(matcher, make) -> object:
    """What comes of it and what was noted, as text where objects are new each time."""
    LOG.clear()
    try:
        result = matcher(make())
    except Exception as error:
        result = type(error), str(error)
    return tuple(re.sub("0x[0-9a-f]+", "", repr(each)) for each in (result, *LOG))


def run(program: Callable[[], object], atomic: str = "op") -> Any:
    with Exploring(program, atomic) as explorer:
        run = explorer.run(All())
    if run.errors:
        raise run.errors[0][1]
    return run.tasks[0].result


@pytest.mark.parametrize("atomic", ["op", "line", "cpython"])
@pytest.mark.parametrize("matcher", MATCHES, ids=lambda matcher: matcher.__name__)
def test_a_match_finds_what_python_finds_and_asks_in_the_same_order(matcher, atomic) -> None:
    def program():
        return [tried(matcher, make) for make in SUBJECTS]

    expected, found = program(), run(program, atomic)
    different = [pair for pair in zip(expected, found, strict=True) if pair[0] != pair[1]]
    assert different == []
    compile(rewritten(program), "rewritten", "exec")


# --------------------------------------------------------------------------- steps


def go(*works) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def takes_a_message():
    point = Point(1, 2)

    def work():
        match point:
            case Point(1, y):
                point.x = y

    go(work, work)


def takes_items():
    items = [1, 2]

    def work():
        match items:
            case [1, x]:
                items[1] = x

    go(work, work)


def takes_the_last():
    items = [1, 2]

    def work():
        match items:
            case [*_, last]:
                items[0] = last

    go(work, work)


def takes_keys():
    table = {"a": 1, "b": 2}

    def work():
        match table:
            case {"a": a, "b": _}:
                table["a"] = a

    go(work, work)


def binds_a_shared_name():
    last = None

    def work():
        nonlocal last
        match 1:
            case last:
                pass

    go(work, work)


def through_the_dict():
    point = Point(1)

    def work():
        point.__dict__["x"] += 1
        vars(point).update(y=3)

    go(work, work)


STEPS = {
    takes_a_message: ["read point.x -> 1", "read point.y -> 2", "point.x = 2"],
    takes_items: ["read items -> [1, 2]", "read items -> [1, 2]", "items[1] = 2"],
    takes_the_last: [
        "read items -> [1, 2]", "read items -> [1, 2]", "read items[1] -> 2", "items[0] = 2",
    ],
    takes_keys: ["read table -> {'a': 1, 'b': 2}"] * 2 + ["table['a'] = 1"],
    binds_a_shared_name: ["last = 1"],
    through_the_dict: ["read point.x -> 1", "point.x = 2", "vars(point).update(y=3)"],
}  # fmt: skip


@pytest.mark.parametrize("program", STEPS, ids=lambda program: program.__name__)
def test_each_look_is_a_step(program) -> None:
    explore(program)
    steps = [step.what for step in replay(program, "").steps if step.thread == "A"]
    assert steps == STEPS[program]


# ------------------------------------------------------------------------ verdicts


def race_attributes():
    """The pattern has looked, the other has changed it."""
    point = Point(0)

    def work():
        match point:
            case Point(x=0):
                point.x = 1
                point.y += 1

    go(work, work)
    assert point.y == 1


def race_length():
    """Two looks at one list: its length, then its items."""
    items, seen = [1, 2], []

    def look():
        match items:
            case [a, b]:
                seen.append((a, b))

    go(look, items.pop)


exception_length = race_length


def race_guard():
    """What the guard has seen holds no longer."""
    n = [0]

    def work():
        match n:
            case [x] if x < 1:
                n[0] = n[0] + 1

    go(work, work)
    assert n == [1]


def race_captured_name():
    """A name that two threads bind by a pattern."""
    last = None

    def work(mine):
        nonlocal last
        match [mine]:
            case [last]:
                assert last == mine

    go(lambda: work(1), lambda: work(2))


def ok_keys_together():
    """A dict gives all keys of a pattern in one step."""
    table, seen = {"a": 0, "b": 0}, []

    def look():
        match table:
            case {"a": a, "b": b}:
                seen.append(a == b)

    go(look, lambda: table.update(a=1, b=1))
    assert seen == [True]


def ok_polling():
    """A turn whose pattern does not fit changes nothing, and waits for the other."""
    state = {"now": "new"}

    def wait():
        while True:
            match state, 1:
                case {"now": "done"}, _:
                    return

    def work():
        state["now"] = "done"

    go(wait, work)


def race_dict_and_attribute():
    """The dict on one side, the attribute on the other."""
    point = Point(0)

    def one():
        point.__dict__["x"] += 1

    def two():
        point.x += 1

    go(one, two)
    assert point.x == 2


def race_new_attribute():
    """Who counts the attributes meets who adds one."""
    space = SimpleNamespace()

    def add():
        space.new = 1

    go(add, lambda: note(len(vars(space))))
    assert LOG.pop() == 1


def race_getattr_of_dict():
    """By the name of the dict."""
    point = Point(0)

    def work():
        d = getattr(point, "__dict__")  # noqa: B009
        d["x"] = d["x"] + 1

    go(work, work)
    assert point.x == 2


class Borg:
    shared: dict = {}  # noqa: RUF012

    def __init__(self):
        self.__dict__ = self.shared


def race_borg():
    """All of them have the same attributes."""
    Borg.shared.clear()
    one, two = Borg(), Borg()
    one.n = 0

    def work(each):
        each.n += 1

    go(lambda: work(one), lambda: work(two))
    assert one.n == two.n == 2


class Stored:
    """Its attributes are written through its dict."""

    def __setattr__(self, name, value):
        self.__dict__[name] = value


def race_own_setattr():
    """A __setattr__ of its own."""
    thing = Stored()
    thing.n = 0

    def work():
        thing.n += 1

    go(work, work)
    assert thing.n == 2


def ok_own_setattr_locked():
    """The same under a lock."""
    thing, lock = Stored(), Lock()
    thing.n = 0

    def work():
        with lock:
            thing.n += 1

    go(work, work)
    assert thing.n == 2


def race_dict_of_a_class():
    """The dict of a class shows what others write to the class."""

    class Config:
        level = 0

    def write():
        Config.level = 1

    go(write, lambda: note(Config.__dict__["level"]))
    assert LOG.pop() == 1


def race_look_at_a_class():
    """All of a class."""

    class Config:
        level = 0

    def write():
        Config.more = 1

    go(write, lambda: note("more" in vars(Config)))
    assert LOG.pop()


def ok_other_attribute():
    """Two attributes, one of them through the dict."""
    point = Point(0)

    def one():
        vars(point)["x"] = 1

    def two():
        point.y = 1

    go(one, two)
    assert (point.x, point.y) == (1, 1)


_pairs = [lambda d: d.get("n"), lambda d: d.get("n")], {"+": lambda d, n: d.update(n=n + 1)}
_outer = lambda d: lambda: d["n"], lambda d: lambda by=(lambda: 1): d["n"] + by()


def race_same_lambda_twice():
    """The same text twice on a line, in a list."""
    d = {"n": 0}
    go(*[lambda get=get: _pairs[1]["+"](d, get(d)) for get in _pairs[0]])
    assert d["n"] == 2


def race_lambdas_in_lambdas():
    """Lambdas inside of lambdas, one of them a default."""
    d = {"n": 0}
    go(lambda: d.update(n=_outer[0](d)() + 1), lambda: d.update(n=_outer[1](d)()))
    assert d["n"] == 2


VERDICTS = [thing for name, thing in list(globals().items()) if name.split("_")[0] in
            ("race", "ok", "exception") and name != "race_length"]  # fmt: skip


@pytest.mark.parametrize("program", VERDICTS, ids=lambda program: program.__name__)
def test_the_verdict_is_right(program) -> None:
    report = explore(program)
    want = "exception" if program is race_length else program.__name__.split("_")[0]
    assert report.verdict == want
    assert report.complete or want != "ok"


def test_where_keys_do_not_touch_there_is_nothing_to_choose() -> None:
    assert explore(ok_other_attribute).tried == 1


def looks_into_a_module():
    return pytest.__dict__


def names_no_object():
    return vars()


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (looks_into_a_module, "the dict of a module cannot be followed here; write its names"),
        (names_no_object, r"vars\(\) cannot be followed here; name an object, as in vars\(x\)"),
    ],
)
def test_what_is_refused_says_what_to_write_instead(program, sentence) -> None:
    line = program.__code__.co_firstlineno + 1
    with pytest.raises(Refused, match=f"^line {line}: {sentence}"):
        explore(program)
