"""Code that is not the program's own: which of it is followed, and what is done about the rest.

It is decided here, once:

* Python code of a library is **followed** as the program's own is: functions
  when they are called, the methods of a class as soon as an object of it is
  touched.
* What is written in C is **one step**, which reads or writes the whole of what
  it is given: no other thread gets in between. Where it calls Python (a key's
  `__eq__`, say), another step begins when that returns (`containers`).
* Functions of the modules in `ONE_STEP` are one step, too: they work on what
  they are given, and keep no state that threads could tear.
* Whatever else cannot be followed is one step as well, and the report says so:
  it is **not complete**.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import fractions
import functools
import json
import logging
import os
import pathlib
import random
import re
import string
import struct
import types
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..ending.wait_graph import is_learners

# Modules of the standard library whose functions only work on what they are given.
ONE_STEP = frozenset(
    """abc ast bisect calendar cmath codecs dataclasses datetime decimal difflib dis encodings enum
    fnmatch fractions genericpath gettext glob hashlib heapq hmac importlib inspect io
    ipaddress json keyword linecache locale logging math ntpath numbers operator pathlib pickle
    platform posixpath re shutil statistics struct sysconfig tempfile
    token tokenize traceback typing unicodedata unittest urllib uuid warnings zlib zoneinfo
    IPython ipykernel ipywidgets matplotlib numpy pytest _pytest traitlets""".split()  # noqa: SIM905
)
# Those of them whose Python code looks at what it is given more than once, and changes nothing.
MORE_THAN_ONCE = frozenset(
    "ast difflib fnmatch glob heapq json statistics traceback urllib".split()  # noqa: SIM905
)
FOLLOWED = {
    "warnings": (  # which no two threads may catch
        "__enter__",
        "__exit__",
        "filterwarnings",
        "simplefilter",
        "resetwarnings",
        "_add_filter",
    ),
    "dataclasses": ("asdict", "astuple", "replace", "_asdict_inner", "_astuple_inner", "_replace"),
}
NEVER = frozenset(
    "asyncio threading queue _queue concurrent multiprocessing subprocess socket".split()  # noqa: SIM905
)
DECORATORS = (
    functools.lru_cache, functools.cache, functools.wraps, functools.update_wrapper,
    functools.total_ordering, functools.cached_property, functools.singledispatch,
    collections.namedtuple, types.new_class,
)  # fmt: skip
UNCHANGING = (
    re.Pattern, re.Match, struct.Struct, json.JSONEncoder, json.JSONDecoder, string.Template,
    decimal.Decimal, fractions.Fraction, pathlib.PurePath, uuid.UUID,
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo,
)  # fmt: skip
NOTES = {"unittest.mock": "what a mock notes of calls in several threads"}  # one step, and torn
MOST_LINES = 400  # of a function of a library


def is_one_step(function: types.FunctionType) -> bool:
    """Whether a function of a library only works on what it is given."""
    module = str(function.__globals__.get("__name__", ""))
    if module == "dataclasses.written_out":
        return False
    if function in DECORATORS or is_without_source(function):
        return True
    if function.__name__ == "__subclasshook__" and not is_learners(function.__code__.co_filename):
        return True  # Python asks it once, and keeps the answer over all runs
    if function.__name__ in FOLLOWED.get(module, ()):
        return False
    return module.split(".")[0] in ONE_STEP | NEVER


def may_change(owner: Any, method: str) -> bool:
    """Whether a method of a library's object, which is one step, may change the object."""
    if isinstance(owner, logging.Logger | logging.LoggerAdapter):
        return method.startswith(("set", "add", "remove"))
    return not isinstance(owner, UNCHANGING)


def is_without_source(function: types.FunctionType) -> bool:
    """Whether its source was made up; a module that is frozen in has one all the same."""
    file = function.__code__.co_filename
    return file.startswith("<") and not file.startswith("<frozen ")


def looks_again(function: Any) -> bool:
    """Whether it is one step only where nobody changes meanwhile what it looks at."""
    module = getattr(function, "__module__", None) or ""
    return module.split(".")[0] in MORE_THAN_ONCE


class Undo:
    """What a run changes of what was there before it, put back before the next one."""

    def __init__(self) -> None:
        self._back: list[Callable[[], object]] = []
        self._saved: dict[Any, Any] = {}  # kept alive, so that no id is used twice

    def save(self, owner: Any, name: Any = None) -> None:
        """About to change `owner`: all of a container, one attribute of anything else."""
        key = (id(owner), name)
        if key in self._saved:
            return
        back = _back(owner, name)
        if back is not None:
            self._saved[key] = owner
            self._back.append(back)

    def save_item(self, names: dict[str, Any], name: str) -> None:
        """About to bind a name of a module."""
        key = (id(names), name)
        if key in self._saved:
            return
        self._saved[key] = names
        if name in names:
            value = names[name]
            self._back.append(lambda: names.__setitem__(name, value))
        else:
            self._back.append(lambda: names.pop(name, None))

    def setting(self, name: str, put: Callable[[Any], object], value: Any) -> None:
        """About to change something of this Python that has `value` now."""
        if self._saved.setdefault(name, put) is put:
            self._back.append(lambda: put(value))

    def calls(self, key: Any, owner: Any, back: Callable[[], object]) -> None:
        """About to change `owner` in a way of its own: `back` makes it what it is now."""
        if key not in self._saved:
            self._saved[key] = owner
            self._back.append(back)

    def all(self) -> None:
        """Put everything back, the last change first."""
        while self._back:
            self._back.pop()()
        self._saved.clear()


def _back(owner: Any, name: Any) -> Callable[[], object] | None:
    """What makes `owner` what it is now."""
    if isinstance(owner, os._Environ):
        return _environment(owner)
    if isinstance(name, str):
        return _attribute(owner, name)
    if isinstance(owner, list | bytearray):
        items = owner[:]
        return lambda: owner.__setitem__(slice(None), items)
    if isinstance(owner, collections.deque):
        many = list(owner)
        return lambda: (collections.deque.clear(owner), collections.deque.extend(owner, many))
    if isinstance(owner, dict):
        kind = collections.OrderedDict if isinstance(owner, collections.OrderedDict) else dict
        pairs = list(kind.items(owner))  # in an order of its own, which a dict knows nothing of
        return lambda: (kind.clear(owner), kind.update(owner, pairs))
    if isinstance(owner, set):
        members = set(owner)
        return lambda: (set.clear(owner), set.update(owner, members))
    if isinstance(owner, random.Random):
        return _numbers(owner)
    if isinstance(owner, types.CellType):
        return _cell(owner)
    return None


def _numbers(numbers: random.Random) -> Callable[[], object] | None:
    try:
        state = numbers.getstate()
    except AttributeError:  # it is only being made
        return None
    return lambda: numbers.setstate(state)


def _environment(environ: Any) -> Callable[[], object]:
    before = dict(environ)

    def back() -> None:
        for name in [name for name in environ if name not in before]:
            del environ[name]
        environ.update(before)

    return back


def _attribute(owner: Any, name: str) -> Callable[[], object]:
    nothing = object()
    kinds = [base for base in type(owner).__mro__ if name in vars(base)]
    if kinds and isinstance(vars(kinds[0])[name], types.GetSetDescriptorType):
        return _kept_in_c(owner, name)
    own = getattr(owner, "__dict__", None)
    before = own.get(name, nothing) if own is not None and name in own else nothing
    if own is None or (before is nothing and not isinstance(owner, type)):
        before = nothing if own is not None else getattr(owner, name, nothing)

    def back() -> None:
        if before is nothing:
            if name in getattr(owner, "__dict__", ()) or hasattr(type(owner), name):
                with_no_complaint(lambda: delattr(owner, name))
        elif isinstance(owner, type):
            setattr(owner, name, before)
        else:
            with_no_complaint(lambda: object.__setattr__(owner, name, before))

    return back


def _kept_in_c(owner: Any, name: str) -> Callable[[], object]:
    """The same for what C keeps: the class of an object, the name of a function."""
    try:
        its = getattr(owner, name)
    except (AttributeError, ValueError):  # nothing, so far
        return lambda: None
    return lambda: setattr(owner, name, its)


def with_no_complaint(call: Callable[[], object]) -> None:
    with suppress(AttributeError, ReferenceError):  # of a proxy, it may be
        call()


def _cell(cell: types.CellType) -> Callable[[], object]:
    try:
        content = cell.cell_contents
    except ValueError:  # not bound yet
        return lambda: cell.__delattr__("cell_contents")
    return lambda: setattr(cell, "cell_contents", content)


def fresh_copy(iterator: Any) -> Any:
    """An iterator that was there before the run, as it was."""
    return copy.copy(iterator)


def of_dataclass(function: types.FunctionType, kind: type) -> str:
    """Source for a method that `dataclass` has made, which has none; "" for others.

    Fields are looked at one after the other, as the generated code does.
    """
    fields = list(getattr(kind, "__dataclass_fields__", {}).values())
    fields = [f for f in fields if f._field_type is dataclasses._FIELD]  # type: ignore[attr-defined]
    name = function.__name__
    if name == "__repr__":
        shown = ", ".join(f"{f.name}={{self.{f.name}!r}}" for f in fields if f.repr)
        return f"def __repr__(self):\n    return f'{{type(self).__qualname__}}({shown})'\n"
    if name == "__hash__":
        used = [f.name for f in fields if (f.compare if f.hash is None else f.hash)]
        return f"def __hash__(self):\n    return hash(({_each('self', used)}))\n"
    signs = {"__eq__": "==", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
    if name not in signs:
        return ""
    used = [f.name for f in fields if f.compare]
    return (
        f"def {name}(self, other):\n"
        "    if type(other) is not type(self):\n"
        "        return NotImplemented\n"
        f"    return ({_each('self', used)}) {signs[name]} ({_each('other', used)})\n"
    )


def _each(owner: str, names: list[str]) -> str:
    return "".join(f"{owner}.{name}, " for name in names)
