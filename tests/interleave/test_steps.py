"""The rewritten source computes what the plain one does, in the same order, and each step shows.

A form is a program that writes down what it evaluates, in order, and returns that. Called plainly
and run as an exploration runs it, it must return the same.
"""

# mypy: check-untyped-defs=False
# mypy: disable-error-code="misc, annotation-unchecked"
# ruff: noqa: B006, B008, B009, B010, B018, C416, E731, F821, F842
# ruff: noqa: RUF005, RUF012, RUF051, UP031, UP032

from __future__ import annotations

import functools
import importlib
import inspect
import linecache
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, partial
from itertools import chain, islice
from threading import Lock, Thread

import pytest

from helpers.interleave import Exploring, Refused, explore, replay
from helpers.interleave.program import rewritten
from helpers.interleave.search import All

FORMS: list[Callable[[], object]] = []


def form(program):
    FORMS.append(program)
    return program


LOG: list[object] = []


def note(value, name=None):
    """`value`, and its evaluation noted."""
    LOG.append(name if name is not None else value)
    return value


def run(program: Callable[[], object], atomic: str = "op") -> object:
    """What `program` returns in an exploration, where no thread is interrupted."""
    with Exploring(program, atomic) as explorer:
        run, noted = explorer.run(All()), LOG[:]
        while run.spin.unread.found:
            LOG.clear()
            explorer.read |= run.spin.unread.found
            run, noted = explorer.run(All()), LOG[:]
    LOG[:] = noted  # what the program has changed was put back
    if run.errors:
        raise run.errors[0][1]
    return run.tasks[0].result


class Box:
    count = 0

    def __init__(self, value=0):
        self.value = value
        self.items = {"a": 1}

    def __setattr__(self, name, value):
        LOG.append(("set", name))
        object.__setattr__(self, name, value)

    def __eq__(self, other):
        return isinstance(other, Box) and vars_of(self) == vars_of(other)

    def __hash__(self):
        return 1


def vars_of(box):
    return box.value, sorted(box.items.items())


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self):
        self.left = self.right = 1


class Private:
    __hidden = 1

    def __init__(self):
        self.__mine = [0]

    def more(self):
        self.__mine[0] += self.__hidden
        self.__secret(2)
        return self.__mine

    def __secret(self, by):
        self.__mine[0] *= by


class Base:
    def __init__(self, size):
        self.size = size

    @property
    def area(self):
        return note(self.size) ** 2

    @area.setter
    def area(self, area):
        self.size = note(area) // 2

    @classmethod
    def made(cls, size):
        return cls(size)

    @staticmethod
    def twice(number):
        return number * 2

    @cached_property
    def once(self):
        return note(self.size, "once")

    def __getitem__(self, key):
        return note(("item", key))

    def __len__(self):
        return note(self.size)

    def __bool__(self):
        return note(True, "truth")

    def __iter__(self):
        yield from range(self.size)

    def __contains__(self, item):
        return note(item) == self.size

    def __call__(self, *args, **kwargs):
        return args, kwargs

    def __enter__(self):
        LOG.append("enter")
        return self

    def __exit__(self, *error):
        LOG.append(("exit", error[0].__name__ if error[0] else None))
        return error[0] is KeyError


class Derived(Base):
    def __init__(self, size):
        super().__init__(size)
        self.extra = size + 1

    @property
    def area(self):
        return super().area + self.extra

    def __len__(self):
        return super().__len__() + 1


@dataclass(order=True)
class Point:
    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)

    def moved(self, by):
        self.x += by
        self.names.append(str(by))
        return self


class Colour(Enum):
    RED = 1

    def shout(self):
        return self.name + "!"


Pair = namedtuple("Pair", "one two")


@form
def tuple_assignment():
    box, numbers, key = Box(), [0, 0, 0], "a"
    numbers[note(0)], box.value, (key, *rest) = note(7), note(8), note("xyz")
    left, right = 1, 2
    left, right = right, left
    [numbers[1], numbers[2]] = numbers[2], numbers[0]
    return numbers, box, key, rest, left, right


@form
def tuple_assignment_to_its_own_index():
    i, numbers = 0, [0, 0]
    i, numbers[i] = 1, 5
    return i, numbers


@form
def starred():
    first, *middle, last = range(5)
    (a, *b), c = (1, 2, 3), 4
    return first, middle, last, a, b, c, [*middle, *b], {*middle}, (*b, 1), {"a": 1, "b": 2}


@form
def chained_assignment():
    box, numbers = Box(), [0, 0]
    a = numbers[note(0)] = box.value = b = note(3)
    return a, b, numbers, box


@form
def augmented_names():
    a, text, numbers = 1, "x", [1]
    alias = numbers
    a += note(2) * a
    text *= 3
    numbers += (n for n in (2, 3))
    a -= 1
    a <<= 2
    a |= 1
    a ^= 3
    a &= 30
    a **= 2
    a //= 3
    a %= 50
    a /= 4
    return a, text, numbers, alias is numbers


@form
def augmented_parts():
    box, table = Box(), {"a": [1, 2]}
    note(box, "owner").value += note(2)
    note(table, "table")[note("a")][note(0)] += note(5)
    table["a"][0:1] += [9]
    box.items["a"] += box.items["a"]
    return box, table


@form
def augmented_through_calls():
    boxes = [Box(), Box()]
    picks = iter((0, 1))
    boxes[next(picks)].value += 5
    return boxes


@form
def annotated():
    a: int = note(1)
    b: int
    box = Box()
    box.value: int = note(3)
    numbers: list[int] = []
    numbers.append(a)
    return a, numbers, box, "b" in locals_of(dir())


def locals_of(names):
    return names


@form
def with_as():
    with Base(3) as base, Base(4) as (first, *rest):
        LOG.append((base.size, first, rest))
    box = Box()
    with Base(2) as box.value:
        pass
    with suppress(KeyError), Base(1):
        raise KeyError(1)
    with ExitStack() as stack:
        stack.callback(note, "callback")
        stack.enter_context(Base(5))
    return box.value.size


@form
def a_manager_made_of_a_generator():
    @contextmanager
    def noted(name):
        LOG.append(("in", name))
        try:
            yield name
        except ValueError:
            LOG.append("swallowed")
        finally:
            LOG.append(("out", name))

    with noted(1) as one, noted(one + 1) as two:
        LOG.append(two)
        raise ValueError
    return one, two


@form
def comprehensions():
    n, numbers = 10, [3, 1, 2]
    pairs = [(n, m) for n in note(numbers, "outer") if note(n) > 1 for m in range(n) if m]
    table = {k: v for k, v in zip(numbers, "abc", strict=True)}
    unique = {abs(x) for x in (-1, 1, 2)}
    nested = [[m * n for m in numbers] for n in numbers]
    return n, pairs, table, sorted(unique), nested, [f() for f in [lambda n=n: n for n in numbers]]


@form
def generator_expressions():
    numbers = [1, 2, 3]
    lazy = (note(n) for n in numbers)
    numbers.append(4)
    return (
        sum(lazy),
        any(note(n) > 1 for n in numbers),
        max((n, -n) for n in numbers),
        list(chain((n for n in numbers), islice((m for m in numbers), 2))),
    )


@form
def generators():
    def count(upto):
        received = []
        for number in range(upto):
            received.append((yield number))
        return received

    def both():
        received = yield from count(2)
        yield received

    counter = count(3)
    found = [next(counter), counter.send("a"), counter.send("b")]
    try:
        counter.send("c")
    except StopIteration as stop:
        found.append(stop.value)
    return found, list(both()), dict(enumerate(count(2)))


@form
def try_and_finally():
    def leave(how):
        for number in range(3):
            try:
                note(number)
                if how == "continue":
                    continue
                if how == "break":
                    break
                if how == "return":
                    return "returned"
                if how == "raise":
                    raise KeyError(how)
            except (KeyError, ValueError) as error:
                note(str(error))
            else:
                note("else")
            finally:
                note(("finally", number))
        else:
            note("no break")
        return how

    return [leave(how) for how in ("", "continue", "break", "return", "raise")]


@form
def errors():
    caught = []
    for make in (
        lambda: 1 / 0,
        lambda: {}["x"],
        lambda: [].pop(),
        lambda: None.x,
        lambda: int("y"),
        lambda: 1 + "a",
        lambda: undefined_name,
        lambda: Pair(1),
    ):
        try:
            make()
        except Exception as error:
            caught.append((type(error).__name__, str(error)))
    try:
        try:
            raise ValueError("first")
        except ValueError as error:
            raise RuntimeError("second") from error
    except RuntimeError as error:
        caught.append(repr(error.__cause__))
    try:
        error
    except UnboundLocalError:
        caught.append("unbound")
    return caught


@form
def exception_groups():
    try:
        raise ExceptionGroup("several", [ValueError(1), KeyError(2)])
    except* ValueError as group:
        note(len(group.exceptions))
    except* KeyError as group:
        note(str(group.exceptions[0]))


@form
def walrus():
    total = 0

    def inner():
        nonlocal total
        while (total := total + 1) < 5:
            note(total)
        return [last := n for n in range(3)], last

    found = [y := 1, y**2]
    if (n := note(3)) > 2 and (m := n):
        found.append(m)
    return found, inner(), total, f"{(z := 5)}", z


@form
def chained_comparison():
    a, numbers = 2, [1, 2]
    return [
        note(1) < note(2) < note(3),
        note(3) < note(2) < note(1),
        1 < a < 3 != 4 in [False],
        note(numbers, "n") == [1, 2] == numbers is numbers,
        1 in numbers, 5 not in numbers, a is not None, numbers != [2], a >= 2, a <= 1,
    ]  # fmt: skip


@form
def boolean_operators():
    empty, full = [], [1]
    return [empty or full, empty and full, not empty, not full, note(0) or note("") or note(2),
            note(1) and note(0) and note(3), (full and empty) or None]  # fmt: skip


@form
def conditional_expressions():
    items = []
    return ["full" if items else note("empty"), note(1) if not items else note(2),
            (1 if items else 2 if not items else 3)]  # fmt: skip


GLOBAL = [1]
NUMBER = 0


@form
def global_names():
    global NUMBER, MADE
    NUMBER = 5
    NUMBER += note(1)
    MADE = NUMBER
    del MADE
    GLOBAL.append(2)
    GLOBAL.pop()

    def inner():
        global NUMBER
        NUMBER *= 2
        return NUMBER

    return inner(), NUMBER, "MADE" in names_of(inner)


def names_of(function):
    return function.__globals__


@form
def nonlocal_names():
    a = b = 0

    def middle():
        nonlocal a
        a += 1
        b = 10

        def inner():
            nonlocal a, b
            a += 1
            b += 1
            return a, b

        return inner(), inner(), b

    return middle(), a, b


@form
def deleted():
    box, table, numbers, name = Box(), {"a": 1, "b": 2}, [1, 2, 3], 1
    del name, box.items, table[note("a")], numbers[0:2]

    def inner():
        return shared

    shared = 1
    inner()
    del shared
    try:
        inner()
    except NameError as error:
        return type(error).__name__, table, numbers, hasattr(box, "items")


@form
def f_strings():
    width, box, items = 6, Box(3), {"k": [1, 2]}
    return [f"{width}{box.value!r:>{width}}|{items['k'][0]:0{width - 2}d}|{width=}",
            f"{note(1)}{note(2)}" "plain" f"{{{width}}}", "%s-%s" % (width, items),
            "{0} {x}".format(width, x=items), f"{box.value:{'>'}{width}}"]  # fmt: skip


@form
def lambdas():
    total = 1
    add = lambda x, y=note(2), *rest, z=3, **more: (x + y + z + total, rest, sorted(more))
    nested = lambda x: lambda y: x + y + total
    total = 10
    return add(1), add(1, 2, 3, z=4, q=5), nested(1)(2), sorted([3, 1, 2], key=lambda n: -n)


@form
def nested_functions_and_classes():
    shared = []

    class Local:
        kind = "local"
        copies = [letter for letter in kind]

        def put(self, value):
            shared.append((value, __class__.__name__))
            return self

        class Inner:
            def deeper(self):
                return len(shared)

    def outer(value):
        def middle():
            return Local().put(value).put(value)

        return middle

    outer(3)()
    return shared, Local.Inner().deeper(), Local.copies, outer.__name__, Local.__name__


def decorator(function):
    calls = []

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        calls.append(len(calls))
        return function(*args, **kwargs), list(calls)

    return wrapper


def decorator_with(argument):
    note(argument)
    return decorator


@decorator
def decorated(x, *, y=1):
    """A decorated function."""
    return x + y


@form
def decorators():
    @decorator_with(note(5))
    @decorator
    def inner(x):
        return x

    once = decorated(1)
    return inner(2), once[0], decorated.__name__, decorated.__doc__


@form
def properties_and_the_like():
    base, derived = Base.made(3), Derived.made(4)
    base.area = 10
    found = [base.area, derived.area, len(base), len(derived), base[1], base["a":2], list(base)]
    found += [5 in base, 6 not in base, bool(base), base(1, *[2], a=3, b=4), base.once]
    found += [base.once, Base.twice(4), base.twice(5), derived.extra, isinstance(derived, Base)]
    if base and derived:
        found.append(base or derived)
    return [each.size if isinstance(each, Base) else each for each in found]


@form
def slots_and_private_names():
    slotted, private = Slotted(), Private()
    slotted.left += 2
    slotted.right, slotted.left = slotted.left, slotted.right
    private._Private__mine.append(3)
    del slotted.left
    return hasattr(slotted, "left"), slotted.right, private.more(), private._Private__hidden


@form
def dataclasses_enums_named_tuples():
    point = Point(1).moved(3)
    pair = Pair(1, two=2)
    one, two = pair
    return point, point < Point(5), pair._replace(one=3), one + two, pair.two, Colour.RED.shout()


@form
def attributes_of_classes():
    Box.count = 0

    class Local(Box):
        pass

    box = Local()
    Box.count += 1
    box.count += 1
    Local.count -= 5
    return Box.count, box.count, Local.count, Box().count


@form
def default_arguments():
    start = 1

    def late(a, b=note(start), /, c=[], *args, d=note(4), **rest):
        c.append(a)
        return a, b, list(c), args, d, rest

    start = 100
    return late(1), late(2, 3), late(1, 2, [3], 4, 5, d=6, e=7)


@form
def many_arguments():
    args, kwargs = [1, 2], {"c": 3}

    def take(*args, **kwargs):
        return args, kwargs

    return take(0, *args, *(n for n in (7,)), **kwargs, d=note(1)), take(
        *args, **{**kwargs, "c": 9}
    )


@form
def slices():
    numbers, text = list(range(6)), "python"
    numbers[note(1) : note(3)] = [10, 11, 12]
    numbers[::3] = numbers[-1], *numbers[:2]
    del numbers[-2:]
    return numbers[::-1], numbers[: note(2)], text[1:-1:2], numbers[-1], text[note(0)]


@form
def container_methods():
    table, numbers, unique = {"a": 1}, [3, 1], {1}
    table.update(b=2)
    table.setdefault("c", []).append(1)
    numbers.extend(table.values() and [5])
    numbers.sort(key=lambda n: note(n), reverse=True)
    numbers.insert(0, numbers.pop())
    unique |= {2}
    unique.add(3)
    unique.discard(1)
    many, queue, counts = defaultdict(list), deque([1, 2], maxlen=2), Counter("aab")
    many["x"].append(1)
    queue.appendleft(0)
    counts["a"] += 1
    counts.update("b")
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    joined = ", ".join(sorted(table))
    return (table.pop("a"), table.get("z", 0), numbers, sorted(unique), dict(many), list(queue),
            counts.most_common(1), list(ordered), joined, [*table], dict(table, d=4), "a" in table,
            table == {"b": 2, "c": [1]}, numbers + [1], numbers * 2, unique & {2, 9}, len(queue),
            list(reversed(numbers)), list(table.items()), {**table})  # fmt: skip


@form
def lists_that_change_meanwhile():
    numbers, seen = [1, 2, 3, 4], []
    for number in numbers:
        seen.append(number)
        if number < 3:
            numbers.remove(number)
    for place, number in enumerate(numbers):
        if place < 2:
            numbers.append(number)
    try:
        table = {1: 1}
        for key in table:
            table[key + 1] = 1
    except RuntimeError as error:
        seen.append(str(error))
    return numbers, seen


@form
def loops():
    found = []
    for a, (b, *c) in [(1, "xyz"), (2, "ab")]:
        found.append((a, b, c))
    else:
        found.append("else")
    box = Box()
    for box.value in range(3):
        if box.value == 1:
            break
    n = 0
    while n < 5:
        n += 1
        if n == 2:
            continue
        if n == 4:
            break
    else:
        found.append("never")
    for found[0] in "ab":
        pass
    return found, box.value, n


@form
def iterators():
    numbers = iter([1, 2, 3, 4])
    pairs = list(zip(numbers, numbers, strict=True))
    letters = map(str.upper, "ab")
    return (
        pairs,
        next(letters),
        next(letters),
        next(letters, "end"),
        list(filter(None, [0, 1])),
        [*map(lambda x, y: x + y, [1, 2], [3, 4])],
        sum(x for x in reversed([1, 2])),
    )


@form
def builtins_and_methods_as_values():
    numbers, table = [], {"a": 1}
    put, get = numbers.append, table.get
    put(1)
    deeds = {"put": put, "call": note}
    deeds["put"](2)
    deeds["call"]("called")
    box = Box()
    setattr(box, "value", getattr(box, "value") + 1)
    return numbers, get("a"), box, hasattr(box, "nothing"), list(map(get, "ab")), callable(put)


@form
def recursion():
    def depth(tree):
        return 1 + max((depth(child) for child in tree), default=0)

    def fibonacci(n, seen={}):
        if n not in seen:
            seen[n] = n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
        return seen[n]

    return depth([[], [[[]]]]), fibonacci(20)


def size(tree):
    def inner(child):
        return size(child)

    return 1 + sum(map(inner, tree)) + sum(0 * size(child) for child in tree)


@form
def recursion_of_a_function_of_the_module():
    return size([[], [[]]])


@form
def closures_of_a_factory():
    def counter(start):
        count = start

        def add(by=1):
            nonlocal count
            count += by
            return count

        return add, lambda: count

    (one, get_one), (two, get_two) = counter(0), counter(10)
    one(), one(5), two()
    return get_one(), get_two()


def module_counter():
    count = 0

    def add():
        nonlocal count
        count += 1
        return count

    return add


ADD = module_counter()


@form
def a_closure_from_outside():
    before = ADD()
    return ADD() - before


def primitives():
    """The classes are names of the function around the program."""
    from queue import Queue
    from threading import Condition, Thread

    def primitives_of_a_closure():
        got, ready = Queue(), Condition()

        class Worker(Thread):
            def run(self):
                with ready:
                    got.put(note(1))

        worker = Worker()
        worker.start()
        worker.join()
        return got.get(), isinstance(ready, Condition), Queue is Queue

    return primitives_of_a_closure


form(primitives())


@form
def partials():
    def take(*args, **kwargs):
        return args, kwargs

    half = partial(take, 1, a=2)
    method = partial(Base(3).__contains__, 3)
    return half(2, b=3), partial(half, 5)(), method()


@form
def asserts():
    numbers = [1]
    assert numbers, note("never")
    try:
        assert not numbers, f"has {note(len(numbers))}"
    except AssertionError as error:
        return str(error).splitlines()[0]  # pytest adds to the plain one's


@form
def imports_inside():
    import math
    from collections import Counter as Count
    from os import path

    return math.floor(2.5), Count("aa")["a"], path.basename("a/b")


@form
def names_that_look_like_ours():
    step, _step_1, _home_0, hooks = 1, 2, 3, 4

    def inner():
        return _step_1 + _home_0

    a, b = step, hooks
    return a, b, inner()


@form
def docstrings_and_annotations():
    def told(a: int = 1) -> str:
        "What it does."
        b: int = a
        return str(b)

    return told(), told.__doc__


def plain(program: Callable[[], object]) -> tuple[object, list[object]]:
    LOG.clear()
    return program(), list(LOG)


def explored(program: Callable[[], object], atomic: str) -> tuple[object, list[object]]:
    LOG.clear()
    return run(program, atomic), list(LOG)


@pytest.mark.parametrize("atomic", ["op", "line", "cpython"])
@pytest.mark.parametrize("program", FORMS, ids=lambda program: program.__name__)
def test_it_computes_the_same_in_the_same_order(program: Callable[[], object], atomic: str) -> None:
    expected, log = plain(program)
    assert explored(program, atomic) == (expected, log)
    assert plain(program) == (expected, log), "and afterwards it is what it was"


@pytest.mark.parametrize("program", FORMS, ids=lambda program: program.__name__)
def test_the_rewritten_source_can_be_read(program: Callable[[], object]) -> None:
    compile(rewritten(program), "rewritten", "exec")


# --------------------------------------------- what others have written, rewritten


def copied(module: str, *names: str) -> dict[str, object]:
    """Names of a module of the standard library, from a copy of its source that is ours."""
    text = inspect.getsource(importlib.import_module(module))
    file = f"copy of {module}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    made = types.ModuleType(f"copy_of_{module.replace('.', '_')}")
    sys.modules[made.__name__] = made
    exec(compile(text, file, "exec", dont_inherit=True), vars(made))
    return {name: getattr(made, name) for name in names}


TEXT = "It was a bright cold day in April, and the clocks were striking thirteen.\n" * 3
WRAP = copied("textwrap", "wrap", "dedent", "indent", "shorten")
DIFF = copied("difflib", "unified_diff", "get_close_matches", "SequenceMatcher")
CALENDAR = copied("calendar", "TextCalendar")
FRACTIONS = copied("fractions", "Fraction")
STATISTICS = copied("statistics", "mean", "median", "stdev")
SHLEX = copied("shlex", "split", "quote")
STRINGS = copied("string", "Formatter")
GRAPH = copied("graphlib", "TopologicalSorter")
COLOURS = copied("colorsys", "rgb_to_hls", "hls_to_rgb")
ENCODER = copied("json.encoder", "JSONEncoder")
PATTERNS = copied("fnmatch", "filter", "translate")


def wraps():
    return (WRAP["wrap"](TEXT, 20), WRAP["indent"](TEXT, "> "), WRAP["shorten"](TEXT, 30),
            WRAP["dedent"]("  a\n   b\n"))  # fmt: skip


def differences():
    one, two = TEXT.split(), TEXT.replace("cold", "warm").split()[1:]
    ratio = DIFF["SequenceMatcher"](None, one, two).ratio()
    return (
        list(DIFF["unified_diff"](one, two, "a", "b")),
        ratio,
        DIFF["get_close_matches"]("clock", one),
    )


def a_month():
    return CALENDAR["TextCalendar"]().formatmonth(2026, 2)


def fractions():
    made = FRACTIONS["Fraction"]
    whole = made(1, 3) + made("0.25") * 2 - 1
    return [str(whole), float(whole**2), made(7, 3) // 1, whole < 0, round(made(5, 3), 1) == 1.7]


def numbers():
    data = [1, 2.5, 4, 8]
    return [STATISTICS[name](data) for name in ("mean", "median", "stdev")]


def words():
    return SHLEX["split"]("a 'b c' d\\ e # f", comments=True), SHLEX["quote"]("it's")


def templates():
    return STRINGS["Formatter"]().format("{0:>{1}} {x[k]} {2.real}", 3, 5, 1j, x={"k": 2})


def an_order():
    return list(
        GRAPH["TopologicalSorter"]({"d": ["b", "c"], "b": ["a"], "c": ["a"]}).static_order()
    )


def colours():
    return COLOURS["hls_to_rgb"](*COLOURS["rgb_to_hls"](0.2, 0.4, 0.4))


def encodes():
    value = {"a": [1, 2.5, None, True], "b": {"c": "é"}, "d": []}
    return list(ENCODER["JSONEncoder"](indent=1).iterencode(value))


def patterns():
    return PATTERNS["filter"](["a.py", "b.txt", "ab.py"], "a*.py"), PATTERNS["translate"]("[!a]?*")


@pytest.mark.parametrize(
    "program",
    [wraps, differences, a_month, fractions, numbers, words, templates, an_order, colours, encodes,
     patterns],
)  # fmt: skip
def test_code_of_the_standard_library_computes_the_same(program: Callable[[], object]) -> None:
    assert run(program) == program()


# ------------------------------------------------------------- the steps it makes


def twice(work: Callable[[], object]) -> None:
    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def steps(program: Callable[[], object]) -> list[str]:
    """What the first thread does, in words, where nobody is interrupted."""
    explore(program)
    return [step.what for step in replay(program, "").steps if step.thread == "A"]


def adds_to_a_name():
    total = 0

    def work():
        nonlocal total
        total += 1

    twice(work)


def adds_to_an_attribute():
    point = Point(0)

    def work():
        point.x += 2

    twice(work)


def adds_to_an_item():
    table = {"a": 1}

    def work():
        table["a"] += 1

    twice(work)


def swaps():
    left, right = 1, 2

    def work():
        nonlocal left, right
        left, right = right, left

    twice(work)


def assigns_in_a_chain():
    point, numbers = Point(0), [0]

    def work():
        numbers[0] = point.y = point.x

    def reads():
        return numbers[0], point.y

    def writes():
        point.x = 5

    threads = [Thread(target=target) for target in (work, reads, writes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def calls_methods():
    items = []

    def work():
        items.append(1)
        if items:
            items.pop()
        len(items)

    twice(work)


def loops_over_items():
    items = [1]

    def work():
        for item in items:
            items[0] = item

    twice(work)


def compares():
    low, high = 0, 5

    def work():
        nonlocal low
        if low < high > low:
            low = 1

    twice(work)


def names_a_walrus():
    last = 0

    def work():
        nonlocal last
        if (last := last + 1) > 5:
            pass

    twice(work)


def formats():
    point = Point(1)

    def work():
        point.x = int(f"{point.x}{point.x}")

    twice(work)


def uses_a_lock():
    lock = Lock()

    def work():
        with lock:
            pass
        lock.acquire()
        lock.release()

    twice(work)


def deletes():
    table = {"a": 1}

    def work():
        if "a" in table:
            del table["a"]

    twice(work)


STEPS = {
    adds_to_a_name: ["read total -> 0", "total = 1"],
    adds_to_an_attribute: ["read point.x -> 0", "point.x = 2"],
    adds_to_an_item: ["read table['a'] -> 1", "table['a'] = 2"],
    swaps: ["read right -> 2", "read left -> 1", "left = 2", "right = 1"],
    assigns_in_a_chain: ["read point.x -> 0", "numbers[0] = 0", "point.y = 0"],
    calls_methods: ["items.append(1)", "read items -> [1]", "items.pop() -> 1", "len(items) -> 0"],
    loops_over_items: ["read items -> [1]", "items[0] = 1", "read items -> [1]"],
    compares: ["read low -> 0", "read low -> 0", "low = 1"],
    names_a_walrus: ["read last -> 0", "last = 1"],
    formats: ["read point.x -> 1", "read point.x -> 1", "point.x = 11"],
    uses_a_lock: ["acquire lock", "release lock", "acquire lock", "release lock"],
    deletes: ["read table -> {'a': 1}", "write table['a']"],
}


@pytest.mark.parametrize("program", STEPS, ids=lambda program: program.__name__)
def test_the_steps_are_those_of_the_language(program: Callable[[], object]) -> None:
    assert steps(program) == STEPS[program]


# ----------------------------------------------------------------- what is refused


def awaits():
    async def inner():
        return 1

    return inner


def executes():
    exec("x = 1")


def evaluates():
    return eval("1")


def looks_at_globals():
    return globals()


def looks_at_locals():
    return locals()


def looks_inside():
    return functools.__dict__


def asks():
    return input()


REFUSED = {
    awaits: "async def", executes: r"exec\(\)",
    evaluates: r"eval\(\)", looks_at_globals: r"globals\(\)", looks_at_locals: r"locals\(\)",
    looks_inside: "the dict of a module", asks: r"input\(\)",
}  # fmt: skip


@pytest.mark.parametrize("program", REFUSED, ids=lambda program: program.__name__)
def test_what_cannot_be_followed_is_refused_by_name(program: Callable[[], object]) -> None:
    with pytest.raises(Refused, match=REFUSED[program]) as refusal:
        explore(program)
    line = program.__code__.co_firstlineno + 1
    assert str(refusal.value).startswith(f"line {line}: ")


def test_a_function_that_only_an_object_holds_is_followed() -> None:
    hidden = types.SimpleNamespace(work=adds_to_a_name)

    def program():
        getattr(hidden, "work")()

    assert explore(program).tried == explore(adds_to_a_name).tried > 1


def test_the_rewritten_source_reads_well() -> None:
    def program():
        total = 0

        def work():
            nonlocal total
            total += 1

        twice(work)
        return total

    assert rewritten(program).splitlines() == [
        "def program():",
        "    _home_0 = step.home()",
        "    total = step.set_name(_home_0, 'total', 0)",
        "",
        "    def work():",
        "        nonlocal total",
        "        total = step.set_name(_home_0, 'total', step.add('Add', "
        "step.seen(step.name(_home_0, 'total') or total), 1))",
        "    step.function(twice)(work)",
        "    return step.seen(step.name(_home_0, 'total') or total)",
    ]
