"""What is written and never read: a count of turns, a log that nobody looks into.

A loop that counts its turns is in another state after each, although nobody can tell: the
count leads to nothing. So a write is **unread** where nobody looks at what it has put there,
in any run that was made; that is found out on the way, as it is found out what tasks share.
It starts with the belief that every write of a plain value is unread. Who looks at a place
ends the belief in all that has been written there (`found`), and the search begins again
without it. Where a search comes to its end with no such look, there is none: had there been
one in some run of the program, all that came before it would have been made here, too, but
for the values of unread places, which lead to nothing else.

`n += 1` looks at `n` as well, but what it has seen goes nowhere but there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from .step import NOTHING, Op

PLAIN = frozenset({int, float, bool, str, bytes})
FLAT = PLAIN | {type(None)}  # what leads to nothing else
UNREAD = "\0unread"


def is_flat(value: Any) -> bool:
    kind = type(value)
    return kind in FLAT or (kind is tuple and all(map(is_flat, value)))


class Unread:
    """Of one run: the places whose values nobody has looked at."""

    def __init__(self, read: frozenset[int]) -> None:
        self.read = read  # numbers of sites: what they write is looked at
        self.found: set[int] = set()  # more of them
        self.hidden: dict[int, dict[Any, str]] = {}  # by id of an owner: parts, and their types
        self._sites: dict[int, dict[Any, set[int]]] = {}  # the same by token: where written

    def step(self, op: Op) -> bool:
        """A step is made; whether nobody can tell from what was before."""
        if not isinstance(op.where, tuple):  # a primitive, whose attributes nobody looks at
            for where, key, _ in op.accesses[1:]:
                self._look(where, key)
            return False
        updates = op.site.updates and not op.accesses[0][2] and self._is_hidden(op)
        if not updates and not self._puts(op):
            for where, key, _ in op.accesses:
                self._look(where, key)
            return False
        where, key, _ = op.accesses[0]
        for there, part, _ in op.accesses:  # of itself, only whether there is such a part
            self._look(there, part, own=there != where or part != key)
        if updates:
            return len(op.accesses) == 1
        self._sites.setdefault(where, {}).setdefault(key, set()).add(op.site.number)
        parts = self.hidden.setdefault(id(op.where[0]), {})
        kind = type(op.puts).__name__ if key is not None else ""
        before, parts[key] = parts.get(key), kind
        return before == kind

    def _is_hidden(self, op: Op) -> bool:
        return op.where[1] in self.hidden.get(id(op.where[0]), ())

    def _puts(self, op: Op) -> bool:
        """Whether it only puts a plain value somewhere: a name, an attribute, an item, an end."""
        if op.puts is NOTHING or len(op.accesses) > 1 or op.site.number in self.read:
            return False
        owner, key = op.where
        if key is None:
            return type(owner) in (list, deque) and is_flat(op.puts)
        named = isinstance(key, str) or isinstance(owner, dict) or op.site.updates
        return type(op.puts) in PLAIN and named

    def _look(self, where: int, key: Any, own: bool = True) -> None:
        """Somebody looks there: at what was put there, and (`own`) by a step of its kind, too."""
        for part, sites in self._sites.get(where, {}).items():
            if (part is None or key is None or part == key) and (own or part != key):
                self.found |= sites

    def leaves(self, values: Iterable[Any]) -> None:
        """These are what becomes of the run: who writes them out looks at all that is in them."""
        if not all(map(is_flat, values)):
            for where in self._sites:
                self._look(where, None)


def without(thing: Any, parts: Iterable[Any]) -> Any:
    """A copy of a list or a dict, or what are the attributes of another thing, without these."""
    if not isinstance(thing, list | dict | deque):
        return {name: value for name, value in vars(thing).items() if name not in parts}
    copy = thing.copy()
    for _, key in parts:
        copy[key] = UNREAD
    return copy


def is_plain(error: BaseException) -> bool:
    """Whether its text is that of its arguments."""
    return type(error).__str__ in (BaseException.__str__, KeyError.__str__, OSError.__str__)
