"""Values in a few characters, with nothing in them that depends on the machine."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

LONG = 40  # characters of a value


BUILT_IN: tuple[type[Any], ...] = (OrderedDict, dict, list, tuple, set, frozenset, deque)


def inside(container: Any) -> Iterator[Any]:
    """The items of a built-in container, of a dict as pairs, without a call of the program's."""
    kind = next(kind for kind in BUILT_IN if isinstance(container, kind))
    return iter(kind.items(container)) if issubclass(kind, dict) else kind.__iter__(container)


def shown(value: Any, names: Mapping[int, str], deep: int = 3) -> str:
    """A value in a few characters; an object by its name, or by its kind."""
    text = steady(_shown(value, names, deep))
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _shown(value: Any, names: Mapping[int, str], deep: int) -> str:
    if isinstance(value, Enum):
        return str(value) if type(value).__str__ is Enum.__str__ else _member(value)
    if isinstance(value, int | float | str | bytes | complex | type(None)) and not deep < 0:
        return repr(value)
    if id(value) in names and deep < 3:
        return names[id(value)]
    kind = type(value).__name__
    if isinstance(value, BaseException):
        return f"{kind}({', '.join(_shown(a, names, deep - 1) for a in value.args)})"
    if deep == 0:
        return "…"
    if isinstance(value, Mapping) and isinstance(value, dict):
        items = islice(inside(value), LONG)  # more than can be seen
        pairs = [(_shown(k, names, deep - 1), _shown(v, names, deep - 1)) for k, v in items]
        return "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    if isinstance(value, list | tuple | set | frozenset | deque):
        is_set = isinstance(value, set | frozenset)  # which is sorted first
        seen = inside(value) if is_set else islice(inside(value), LONG)
        inner = [_shown(each, names, deep - 1) for each in seen]
        if is_set:
            return "{" + ", ".join(sorted(inner)) + "}" if inner else "set()"
        left, right = "()" if isinstance(value, tuple) else "[]"
        comma = "," if isinstance(value, tuple) and len(inner) == 1 else ""
        return f"{left}{', '.join(inner)}{comma}{right}"
    if isinstance(value, type | FunctionType | ModuleType):
        return value.__name__
    if id(value) in names:
        return names[id(value)]
    return f"a {kind}" if kind[:1] not in "AEIOUaeiou" else f"an {kind}"


def _member(value: Enum) -> str:
    return f"{type(value).__name__}.{value.name}"


def steady(text: str) -> str:
    """Without the numbers that objects have in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
