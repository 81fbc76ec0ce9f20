"""Objects that weak references lead to: whether they would be alive in a run of their own.

A run keeps what it has given a name, so nothing dies while it lasts. Where a
program looks at an object through a weak reference, it is worked out who else
holds the object. Nobody: the reference gives None, as it would. Somebody: the
look was true in this run; in another one the last holder may have let go before
it. That cannot be where the object is still alive once all other threads are
over, as who is dead stays dead. Everywhere else the report says what is not known.
"""

from __future__ import annotations

import dis
import gc
import sys
import weakref
from collections import Counter
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from ..ending.wait_graph import is_learners, is_library
from .things import ALWAYS_SAME, Twin

DEATH = "the moment at which an object dies that only weak references lead to"
LOOKS = (gc.collect, gc.get_count, gc.get_objects, gc.get_referrers, sys.getrefcount,
         weakref.getweakrefcount, weakref.getweakrefs)  # fmt: skip
CLOSED = "the moment at which a generator is closed that an iterator written in C goes through"
ENDS = (*ALWAYS_SAME - {tuple, frozenset}, type, ModuleType, CodeType, BuiltinFunctionType)


def behind(proxy: Any) -> Any:
    """What a weak proxy stands for; it asks that for all of its attributes."""
    return getattr(proxy.__repr__, "__self__", proxy)


class Lifetimes:
    """What was looked at through weak references, in the run that is under way."""

    def __init__(self, unknown: dict[str, int]) -> None:
        self._unknown = unknown  # of the hooks
        self._run: Any = None
        self._looked: dict[int, tuple[Any, int]] = {}  # by id: what, in which line

    def not_known(self, line: int) -> None:
        self._unknown.setdefault(DEATH, line)

    def look(self, run: Any, line: int, references: list[Any]) -> list[Any]:
        """A look at what these lead to; gives those of them that lead to nothing by now."""
        if self._run is not run:
            self._run, self._looked = run, {}
        ids = {id(_object(r)): r for r in references if not isinstance(_object(r), ENDS)}
        gone = _dead(run, ids) if ids else set()
        if gone:
            self.not_known(line)
        if not run.alone:
            self._looked.update({n: (_object(r), line) for n, r in ids.items() if n not in gone})
        return [r for r in references if _object(r) is None or id(_object(r)) in gone]

    def settle(self, run: Any) -> None:
        """All other threads are over: what is alive now was alive whenever they looked."""
        if self._run is run and self._looked:
            gone = _dead(run, set(self._looked))
            for line in [line for number, (_, line) in self._looked.items() if number in gone][:1]:
                self.not_known(line)
            self._looked = {}

    def end(self, run: Any) -> None:
        """The program is over; somebody may have looked who was never waited for."""
        shown = {id(each) for owners in run.sharing.shows.values() for each in owners}
        for generator in run.sharing.half_way():
            if id(generator) in shown and _ends_with_more(generator.gi_code):
                self._unknown.setdefault(CLOSED, generator.gi_frame.f_lineno)
        if self._run is run:
            for _, line in list(self._looked.values())[:1]:
                self.not_known(line)
            self._looked, self._run = {}, None

    def opened(self, kind: type) -> None:
        """An object of this class is touched; what it does when it dies, a run does not."""
        last = vars(kind).get("__del__")
        if isinstance(last, FunctionType) and is_learners(last.__code__.co_filename):
            self.not_known(last.__code__.co_firstlineno)

    def made(self, line: int, kind: type, args: tuple[Any, ...]) -> None:
        """A weak reference, or a finalizer, is about to be made."""
        called = args[1] if len(args) > 1 and issubclass(kind, weakref.ref) else None
        code = getattr(called, "__code__", None)
        ours = code is not None and is_library(code.co_filename)  # takes the entry out, no more
        if kind is weakref.finalize or (called is not None and not ours):
            self.not_known(line)


_object = weakref.ref.__call__


def _dead(run: Any, numbers: Any) -> set[int]:
    """Those of the objects with these ids that nothing but the run itself holds.

    As the collector finds garbage: an object that has more references than come
    from what the run leads to, is held from elsewhere, by a frame, say, and so is
    all it leads to. An object that only a circle holds counts as dead: it is
    when the collector gets there.
    """
    found: dict[int, Any] = {id(run): run}
    leads: dict[int, list[int]] = {}
    inner: Counter[int] = Counter()
    waiting = [id(run)]
    while waiting:
        number = waiting.pop()
        thing = found[number]
        parts = [] if isinstance(thing, ENDS) else _parts(thing)
        leads[number] = [id(part) for part in parts]
        inner.update(leads[number])
        for part in parts:
            if id(part) not in found and not isinstance(part, ENDS):
                found[id(part)] = part
                waiting.append(id(part))
        del parts
    thing = part = None
    counts = {number: sys.getrefcount(found[number]) - 2 for number in found}
    may_live = {number for number, thing in found.items() if not _is_of_the_engine(thing)}
    held = [number for number in may_live if counts[number] > inner[number]]
    alive = set(held)
    while held:
        new = {n for n in leads[held.pop()] if n in may_live and n not in alive}
        alive |= new
        held += new
    return {number for number in numbers if number in found and number not in alive}


def _ends_with_more(code: CodeType) -> bool:
    """Whether there is a `finally` or a `with` in it."""
    return any(each.opname == "PUSH_EXC_INFO" for each in dis.get_instructions(code))


def _parts(thing: Any) -> list[Any]:
    """What `thing` leads to; the names of a module are held by it, whatever leads there."""
    if isinstance(thing, dict) and "__builtins__" in thing:
        return []
    names = thing.__globals__ if isinstance(thing, FunctionType) else thing
    return [part for part in gc.get_referents(thing) if part is not names]


def _is_of_the_engine(thing: Any) -> bool:
    kind: Any = type(thing)
    return str(kind.__module__).startswith(f"{__package__}.") and not isinstance(thing, Twin)
