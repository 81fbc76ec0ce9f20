"""What the hooks know of a value: a twin, a container, which part of it a key names, its order."""

from __future__ import annotations

import array
import functools
import gc
import io
import itertools
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from types import (
    CodeType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
    WrapperDescriptorType,
)
from typing import Any, NoReturn

from .foreign import ONE_STEP
from .step import NOTHING, Refused, Site


class Current:
    """Where those find the hooks who have no hold of them."""

    hooks: Any


CONTAINERS = (list, dict, set, bytearray, deque)
WEAK = (weakref.WeakValueDictionary, weakref.WeakKeyDictionary, weakref.WeakSet)
BY_INDEX = (list, bytearray, deque, array.array)
NESTS = (list, dict, set, deque, tuple, frozenset)  # C looks at what is inside, and inside of that
FLAT = frozenset({int, float, complex, bool, str, bytes, range, slice, type(None)})
DEEP = frozenset(
    map(id, (str, repr, print, format, hash, sum, min, max, any, all, sorted))
)  # of built-in functions that look: who looks deeper than at the container itself
DEEP_METHODS = frozenset(("index", "count", "remove", "sort", "__contains__", "__eq__", "__ne__",
    "__lt__", "__le__", "__gt__", "__ge__", "__repr__", "__str__"))  # fmt: skip
CHEAP = frozenset(
    """append appendleft pop popleft popitem clear copy keys values items insert reverse rotate get
    setdefault add discard move_to_end __len__ __iter__ __getitem__ __setitem__ __delitem__
    fromkeys""".split()  # noqa: SIM905
)  # methods of containers that run no code of what is inside
KEPT_DEEP = 3  # a reader of csv keeps an iterator of its lines, say
MADE = ("__init__", "__new__", "__del__", "__enter__", "__exit__", "__init_subclass__",
        "__class_getitem__", "__set_name__", "__getattr__", "__getattribute__", "__setattr__",
        "__delattr__", "__call__")  # fmt: skip
KEEP_SIZE = (dict, set, deque)  # their iterators remember it
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
READS = (
    "get keys values items copy count index isdisjoint issubset issuperset union intersection "
    "difference symmetric_difference most_common total elements __contains__ __getitem__ "
    "__iter__ __len__ __eq__ __repr__ __str__ hex decode startswith endswith find "
)
BY_KEY = {"get": False, "__getitem__": False, "__contains__": False, "__setitem__": True,
          "setdefault": True, "__delitem__": True}  # fmt: skip
LOOKERS = (
    len, sum, min, max, any, all, sorted, list, tuple, dict, set, frozenset, enumerate, zip, map,
    filter, reversed, iter, str, repr, bool, isinstance, type, id, print, hash, callable, range,
)  # fmt: skip
IN_ORDER = frozenset(map(id, (list, tuple, enumerate, zip, map, filter, iter, deque, str, repr)))
LAZY = (enumerate, zip, map, filter, iter, reversed)  # look at what they are given later, too
DRAWS = frozenset(
    map(id, (list, tuple, dict, set, frozenset, sum, min, max, any, all, sorted))
)  # until it is used up
SAME = (int, float, complex, bool, str, bytes, tuple, frozenset, range, slice, type(None))
ALWAYS_SAME = frozenset(SAME)  # the same, looked up sooner

PRIMITIVE = (type(threading.Lock()), type(threading.RLock()))


class Ended(RuntimeError):
    """A twin is used by what runs when its run is over: by a finalizer, say."""


class Twin:
    """Base of all that stands for something of `threading`, `queue` or `asyncio`."""

    awaits = False  # whether tasks of asyncio wait for it

    by_value = False  # whether two with the same inside are in the same state

    def __new__(cls, *_: Any, **__: Any) -> Any:
        self = super().__new__(cls)
        if Current.hooks.run is not None:
            Current.hooks.run.made(self)
        return self


def as_twin(function: Any) -> Any:
    """Marks it as ours, so that it is called as it is."""
    if isinstance(function, FunctionType):
        function.is_twin = True  # type: ignore[attr-defined]
    return function


def is_twin(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, Twin)
    if type(value) is FunctionType:
        return getattr(value, "is_twin", False) is True
    return isinstance(value, Twin)


SELDOM = ("__class__", "__dict__", "__weakref__", "__self__", "__func__", "__module__")


def kind_of(owner: Any, name: str) -> str:
    if isinstance(owner, ModuleType | threading.local) or (
        isinstance(owner, Twin) and _is_ours(owner, name)
    ):
        return "plain"
    if name == "data" and isinstance(owner, WEAK):
        return "weak"
    mro = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    for base in mro:
        if name in vars(base):
            found = vars(base)[name]
            if isinstance(found, MemberDescriptorType | GetSetDescriptorType):
                return "plain" if name in SELDOM or isinstance(owner, SAME) else "own"
            if isinstance(found, functools.cached_property):
                return "cached"
            if hasattr(type(found), "__get__"):
                return "plain"
            return "own" if isinstance(owner, type) else "class"
    return "own" if hasattr(owner, "__dict__") else "plain"


def _is_ours(owner: Twin, name: str) -> bool:
    """Whether the attribute is a twin's own, not one that a subclass of the learner's adds."""
    ours = __name__.rpartition(".")[0]
    kind: Any = type(owner)
    in_ours = kind.__module__.startswith(ours) and name in _names_of(kind)
    return in_ours or name in ("task", *_THREAD)


@functools.lru_cache(maxsize=256)
def _names_of(kind: Any) -> frozenset[str]:
    """All that the methods of a twin call by name: what it keeps, and more."""
    every = [f for base in kind.__mro__ for v in vars(base).values() for f in functions_of(v)]
    inner = [c for f in every for c in f.__code__.co_consts if isinstance(c, CodeType)]
    codes = [*(f.__code__ for f in every), *inner]
    return frozenset([*dir(kind), *(name for code in codes for name in code.co_names)])


_THREAD = ("_target", "_args", "_kwargs", "_name", "_daemon", "name", "daemon", "ident")


def kept_by(value: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Which of the containers and files that it was `given` an object in C keeps for later."""
    kind: Any = type(value)
    if not given or not _is_in_c(kind):
        return ()
    found = _near(value)
    if any(type(each).__module__ == "_sre" for each in found):  # hides the bytes it looks at
        return given
    return tuple([each for each in given if any(each is part for part in found)])


def gone_through_by(iterator: Any) -> tuple[Any, ...]:
    """The containers that an iterator in C goes through."""
    if isinstance(iterator, io.IOBase):
        return ()
    return tuple([each for each in _near(iterator)[1:] if isinstance(each, CONTAINERS)])


def _near(value: Any) -> list[Any]:
    """What an object in C is made of: it, its parts, and their parts."""
    near = found = [value]
    for _ in range(KEPT_DEEP):
        near = [part for each in near if _leads_on(each) for part in gc.get_referents(each)]
        near += [getattr(each, "__self__", None) for each in near]  # of a method: f.write
        found = found + near
    return found


def _leads_on(value: Any) -> bool:
    """Whether it may be that what `value` refers to is used where `value` is.

    What a cycle refers to is its own list of what it has seen.
    """
    kind: Any = type(value)
    ends = (type, ModuleType, itertools.cycle, *CONTAINERS)
    return kind not in ALWAYS_SAME and not isinstance(value, ends)


@functools.lru_cache(maxsize=1024)
def _is_in_c(kind: Any) -> bool:
    """Whether none of its methods is in Python."""
    return not any(
        isinstance(v, FunctionType) for base in kind.__mro__ for v in vars(base).values()
    )


def is_iterator(value: Any) -> bool:
    kind: Any = type(value)
    return _iterates(kind)


def is_container(value: Any) -> bool:
    kind: Any = type(value)
    return _contains(kind)


@functools.lru_cache(maxsize=1024)
def _iterates(kind: Any) -> bool:
    in_c = isinstance(getattr(kind, "__next__", None), WrapperDescriptorType)
    return in_c or issubclass(kind, io.IOBase)


@functools.lru_cache(maxsize=1024)
def _contains(kind: Any) -> bool:
    """Whether what is inside of it lives in C, and can be changed: an array's, say."""
    puts = getattr(kind, "__setitem__", None)
    in_c = isinstance(puts, WrapperDescriptorType)
    kinds = (*CONTAINERS, MappingProxyType, SimpleNamespace)
    return in_c or issubclass(kind, kinds) or _iterates(kind)


_ORDER = type(functools.cmp_to_key(lambda one, two: 0))


def is_lazy(kind: type) -> bool:
    """Whether it looks at what it is made from later, too."""
    return kind in LAZY or kind.__module__ == "itertools"


def is_python(value: Any) -> bool:
    """Whether to call it, or to ask it for the next item, runs code that is followed."""
    if isinstance(value, (GeneratorType, FunctionType, MethodType, _ORDER)):
        return True
    return isinstance(getattr(type(value), "__call__", None), FunctionType)  # noqa: B004


def asks(value: Any) -> bool:
    """Whether C runs Python where it compares this, adds it, or writes it out."""
    kind: Any = type(value)
    return _asks(kind)


@functools.lru_cache(maxsize=1024)
def _asks(kind: Any) -> bool:
    return any(
        isinstance(value, FunctionType) and name.startswith("__") and name not in MADE
        for base in kind.__mro__
        if str(base.__module__).split(".")[0] not in ONE_STEP
        for name, value in vars(base).items()
    )


def has_state(value: Any) -> bool:
    """Whether it is an object of a class in Python: who looks into it reads its attributes."""
    in_python = type(value).__flags__ & _OF_PYTHON
    return bool(in_python) and not isinstance(value, type | Twin | Enum)


_OF_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def attributes_of(value: Any) -> list[Any]:
    """What the attributes of an object are, without a call of the program's."""
    found = list(dict_of(value).values())
    for base in type(value).__mro__:
        for slot in vars(base).values():
            if isinstance(slot, MemberDescriptorType) and base.__module__ != "builtins":
                with suppress(AttributeError):  # not set
                    found.append(slot.__get__(value))
    return found


def dict_of(value: Any) -> dict[str, Any]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:  # all in slots
        return {}
    return found if isinstance(found, dict) else {}


def part_of(owner: Any, key: Any) -> Any:
    """What tells one item from another; None for all of them."""
    if Current.hooks.run and type(key) is str and id(owner) in Current.hooks.run.sharing.namespaces:
        return key
    at_index = isinstance(owner, BY_INDEX) and isinstance(key, int) and key >= 0
    if not at_index and not isinstance(owner, dict):
        return None  # several, one that is counted from the end, or a part of a part
    return item_of(key)


def item_of(key: Any) -> Any:
    """The part of a dict that a key names, the same in every run; None where any may be meant."""
    name = _name_of(key)
    return None if name is NOTHING else ("item", name)


def _name_of(key: Any) -> Any:
    """What stands for a key, where to compare it runs no code of the program.

    An object that is equal to nothing else goes by its token, as each run makes a new one.
    """
    if isinstance(key, int | str | bytes | float | complex | type(None)):
        return key if type(key).__eq__ in _EQUAL else NOTHING
    if type(key) is tuple or type(key) is frozenset:
        names = type(key)(map(_name_of, key))
        return NOTHING if NOTHING in names else names
    kind: Any = type(key)
    by_identity = kind.__hash__ is object.__hash__ or isinstance(key, Enum)
    if not by_identity or kind.__eq__ is not object.__eq__:
        return NOTHING
    hooks = Current.hooks
    if hooks.run is None or id(key) in hooks.names or _is_of_a_module(key):
        return key
    token = hooks.run.token(key)
    return ("made", token) if token >= 0 else NOTHING


def _is_of_a_module(key: Any) -> bool:
    """Whether it is a class or a function that a module has, or a member of such an Enum."""
    if not isinstance(key, type | FunctionType | Enum):
        return False
    named = type(key) if isinstance(key, Enum) else key
    found: Any = sys.modules.get(str(getattr(named, "__module__", "")))
    for part in str(getattr(named, "__qualname__", "")).split("."):
        found = getattr(found, part, None)
    return found is named


_EQUAL = {kind.__eq__ for kind in (int, str, bytes, float, complex, type(None))}


def is_steady(members: Any) -> bool:
    """Whether a set is gone through in the same order in every process."""
    return all(isinstance(member, int | float | bool | type(None)) for member in members)


def rank(member: Any, token: Callable[[int], int | None]) -> tuple[str, Any]:
    kind = type(member)
    if kind in (str, bytes, int, float):
        return kind.__name__, member
    if kind is tuple:
        return kind.__name__, [rank(part, token) for part in member]
    if isinstance(member, Enum):
        return kind.__name__, member.name
    return "", token(id(member)) or 0


def functions_of(value: Any) -> list[FunctionType]:
    """The functions in Python behind an attribute of a class."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    parts = [value.fget, value.fset, value.fdel] if isinstance(value, property) else [value]
    return [part for part in parts if isinstance(part, FunctionType)]


def check_order(site: Site, value: Any) -> None:
    steady = (int, float, bool, type(None))
    if isinstance(value, set | frozenset) and not all(isinstance(v, steady) for v in value):
        refuse(
            f"line {site.line}: the order of a set differs from run to run: sort it first, with "
            "sorted()"
        )


def refuse(text: str) -> NoReturn:
    """End the exploration, even where the program catches what is raised here."""
    error = Refused(text)
    if Current.hooks.run is not None:
        Current.hooks.run.refused = error
    raise error


def refuse_real(site: Site, thing: Any) -> None:
    """A real lock would block the whole run: it was made outside of the program."""
    module = type(thing).__module__
    real = module in ("_thread", "threading", "queue", "_queue", "multiprocessing.synchronize")
    if real and not isinstance(thing, Twin | ModuleType) and type(thing).__name__ != "_local":
        name = type(thing).__name__
        refuse(
            f"line {site.line}: this {name} was made outside of the program: "
            "make it inside, so that every run begins with a new one"
        )
