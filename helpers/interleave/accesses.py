"""The accesses that the rewritten source makes: attributes, items, names, containers.

Each says first what is about to happen (`Run.access`, which may let other threads
go on), then does it, as the plain source would have.
"""

from __future__ import annotations

import builtins
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from inspect import CO_GENERATOR
from itertools import chain
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..wait_graph import is_learners
from . import namespaces
from .foreign import Undo
from .lifetimes import Lifetimes, behind
from .operators import IN_PLACE, SIGNS, TESTS
from .shown import inside
from .step import NOTHING, NOWHERE, Access, Home, Site
from .things import (
    ALWAYS_SAME,
    FLAT,
    KEEP_SIZE,
    NESTS,
    PRIMITIVE,
    SAME,
    Twin,
    as_twin,
    functions_of,
    is_container,
    is_iterator,
    is_steady,
    kind_of,
    part_of,
    rank,
    refuse,
)

if TYPE_CHECKING:
    from .run import Run

MOST_MADE = 100_000  # objects, by one thread in one run


class Accesses:
    """What the rewritten source calls to read and to write; `run` is the run that is under way."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.twins: dict[Any, Any] = {}
        self.kinds: dict[tuple[type, str], str] = {}
        self.known: dict[int, tuple[CodeType, bool]] = {}  # by id: whether it is rewritten
        self.turning: list[Any] = []  # generators that run
        self.follow: Callable[[Site, FunctionType], bool] = lambda site, function: False
        self.write_out: Callable[[type], None] = lambda kind: None
        self.stands: dict[type, Callable[[Any], Any]] = {}  # makes what stands for a real thing
        self.opened: set[type] = set()  # classes whose methods are followed as far as they can be
        self.unfollowed: dict[str, int] = {}  # calls that were taken as one step, and their line
        self.unknown: dict[str, int] = {}  # what may happen otherwise than here, and its line
        self.lifetimes = Lifetimes(self.unknown)
        self.notes: dict[str, None] = {}  # what the report has to say besides
        self.libraries: dict[int, str] = {}  # by number of a site: the module, if not the learner's
        self.names: dict[int, tuple[Any, int]] = {}  # tokens of what was there before the run
        self.undo = Undo()
        self.stdout: Any = None  # where the report is shown: what is printed there is kept
        self.classes_change = False  # whether the program gives classes other methods
        self.tasks: Any = None  # the room `awaited`, for what tasks of asyncio do
        self.asked = False  # whether an object's `__getattribute__` is about to be called
        self.busy = False  # with the exploration's own work, in the thread of a task

    def function(self, site: Site, function: Any) -> Any:
        """What is called in place of `function`."""
        raise NotImplementedError

    def twin(self, value: Any) -> Any:
        """What stands for `value` inside an exploration: mostly `value` itself."""
        try:
            return self.twins.get(value, value)
        except TypeError:  # cannot be hashed
            return value

    def stand(self, thing: Any) -> Any:
        """What stands for a real lock, queue, cache or iterator that was made elsewhere.

        It is a new one in every run, in the state in which the real one is.
        """
        make = self.stands.get(type(thing))
        if make is None or self.run is None:
            return thing
        if make is behind:
            return self._behind(thing)
        stands = self.run.sharing.stands
        found = stands.get(id(thing))
        if found is None:
            token = self.run.sharing.tokens.get(id(thing))
            if token is not None and 0 <= token < 10**9 and not isinstance(thing, PRIMITIVE):
                return thing  # an iterator that the run itself has made
            if token is None or token < 0:
                token = self.names[id(thing)][1] if id(thing) in self.names else -id(thing)
                self.run.sharing.keep.append(thing)
            busy, self.busy = self.busy, True
            sharing = self.run.sharing
            sharing.standing = 4 * 10**9 + token * 1_000 if token > 0 else 0
            try:
                twin = make(thing)
            finally:
                self.busy, sharing.standing = busy, 0
            self.run.sharing.tokens[id(twin)] = token
            found = stands[id(thing)] = thing, twin
        return found[1]

    def save(self, owner: Any, name: Any = None) -> None:
        """About to change `owner`, which may have been there before the run."""
        if self.run is not None and type(owner) is not Home:
            token = self.run.token(owner)
            if not 0 <= token < 10**9:
                self.undo.save(owner, name)

    def opens(self, kind: type) -> None:
        """Have the methods of a class in Python followed: an object of it is touched."""
        for base in kind.__mro__:
            if base in self.opened:
                continue
            self.opened.add(base)
            if base.__module__ in ("builtins", "typing", "abc") or issubclass(base, Twin):
                continue
            self.lifetimes.opened(base)
            self.write_out(base)
            for value in list(vars(base).values()):
                for function in functions_of(value):
                    self.follow(NOWHERE, function)

    def _token(self, owner: Any) -> int:
        assert self.run is not None
        return self.run.token(owner)

    def _at(self, site: Site, method: Callable[..., Any]) -> Callable[..., Any]:
        """`method` of a twin, called from `site`."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is not None:
                self.run.current.site = site
            return method(*args, **kwargs)

        return called

    # -------------------------------------------------------------- attributes

    def get(self, site: Site, owner: Any, name: str) -> Any:
        run = self.run
        if run is None:
            return getattr(owner, name)
        if name == "__dict__":
            return namespaces.namespace(self, site, owner, owner.__dict__)
        if type(owner) is ModuleType:
            return self._of_module(site, owner, name)
        if type(owner) in self.stands:
            owner = self.stand(owner)
        if (kind := self.kind(owner, name)) == "plain":
            if self.classes_change:
                self.found(site, owner, name)
            return self._plain(site, owner, self.asks(owner, name))
        if kind == "cached":
            return self._stays(site, owner, name)
        also = self._classes(owner, name) if kind == "class" or isinstance(owner, type) else ()
        run.access(site, owner, name, False, "read", also)
        if kind == "weak":
            self._looks_weakly(owner)
        return run.saw(getattr(owner, name))

    def _looks_weakly(self, owner: Any) -> None:
        """What a Weak* container leads to is looked at; the dead are no longer in it."""
        assert self.run is not None
        data = vars(owner)["data"]
        by_value = isinstance(owner, WeakValueDictionary)
        keys = {reference: key for key, reference in data.items()} if by_value else {}
        gone = self.lifetimes.look(self.run, self.line(), list(keys or data))
        if gone:
            self.save(data)
        for reference in gone:
            data.discard(reference) if isinstance(data, set) else data.pop(
                keys.get(reference, reference)
            )

    def _behind(self, proxy: Any) -> Any:
        """The object that a weak proxy stands for."""
        reference = weakref.ref(behind(proxy))
        if self.lifetimes.look(self.run, self.line(), [reference]):
            raise ReferenceError("weakly-referenced object no longer exists")
        return reference()

    def line(self) -> int:
        """The line of the program that is under way, whatever library it has called."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not is_learners(frame.f_code.co_filename):
            frame = frame.f_back
        return frame.f_lineno if frame is not None else 0

    def asks(self, owner: Any, name: str) -> Any:
        """`getattr` for the program: its own `__getattribute__` makes steps now, and only now."""
        self.asked = isinstance(type(owner).__getattribute__, FunctionType)
        return getattr(owner, name)

    def unasked(self) -> bool:
        """Whether it is the exploration that looks, not the program."""
        asked, self.asked = self.asked, False
        return not asked

    as_it_is = staticmethod(object.__getattribute__)

    def _of_module(self, site: Site, module: ModuleType, name: str) -> Any:
        """A name of a module: the same place as the global variable that it is."""
        assert self.run is not None
        value = getattr(module, name)
        twin = self.twin(value)
        if twin is value:
            self.run.access(site, vars(module), name, False, "read")
            self.run.saw(value)
        return twin

    def _stays(self, site: Site, owner: Any, name: str) -> Any:
        """A `cached_property`: looked for, worked out, kept; since Python 3.12 without a lock."""
        assert self.run is not None
        self.run.access(site, owner, name, False, "read")
        kept = owner.__dict__
        if name in kept:
            return self.run.saw(kept[name])
        value = self.function(site, getattr(type(owner), name).func)(owner)
        self.save(owner, name)
        self.run.access(site, owner, name, True, "write", (), value)
        kept[name] = value
        return value

    def _plain(self, site: Site, owner: Any, value: Any) -> Any:
        """An attribute that is no step; a method in C that is taken makes one when it is called."""
        if type(owner) is ModuleType:
            return self.twin(value)
        taken = isinstance(value, BuiltinFunctionType) and not isinstance(owner, (*SAME, type))
        return as_twin(self.function(site, value)) if taken else value

    def _classes(self, owner: Any, name: str) -> tuple[Access, ...]:
        """The classes that are asked for `name`, up to the one that has it."""
        assert self.run is not None
        asked: list[Access] = []
        for kind in (owner if isinstance(owner, type) else type(owner)).__mro__:
            if kind is not owner:
                asked.append((self._token(kind), name, False))
            if name in vars(kind):
                break
        return tuple(asked)

    def set(self, site: Site, owner: Any, name: str, value: Any) -> None:
        if name == "__dict__":
            namespaces.replaced(self, site, owner, value)
        elif self.run is not None and type(owner) is ModuleType:
            if owner is builtins:
                refuse(f"line {site.line}: builtins.{name} is changed: use a name of your own")
            self.set_name(site, vars(owner), name, value)
        elif self.run is not None:
            if type(owner) in self.stands:
                owner = self.stand(owner)
            changes = self._changes_class(owner, name, value)
            if changes or self.kind(owner, name, True) != "plain":
                self.save(owner, name)
                part = None if name == "__bases__" else name
                self.run.access(site, owner, part, True, "write", (), value)
        setattr(owner, name, value)

    def _changes_class(self, owner: Any, name: str, value: Any) -> bool:
        """Whether other methods are found from now on: where any may be, finding one is a step."""
        changes = name in ("__class__", "__bases__")
        if isinstance(owner, type) and not changes:
            its = getattr(owner, name, None)
            changes = any(hasattr(type(v), "__get__") or callable(v) for v in (its, value))
        if changes and not self.classes_change and self.run is not None:
            self.classes_change = self.run.pace.again = True
        return changes

    def found(self, site: Site, owner: Any, name: str) -> None:
        """A method is looked for, where classes change."""
        if self.run is not None and not isinstance(owner, Twin):
            also = self._classes(owner, name)
            self.run.access(site, owner, "__class__", False, "read", also)

    def delete(self, site: Site, owner: Any, name: str) -> None:
        if self.run is not None:
            self._changes_class(owner, name, NOTHING)
            self.save(owner, name)
            self.run.access(site, owner, name, True, "write", (), NOTHING)
        delattr(owner, name)

    def kind(self, owner: Any, name: str, write: bool = False) -> str:
        """Where an attribute lives: "own", "class" (a default), or "plain": no step."""
        kind = type(owner)
        found = self.kinds.get((kind, name))
        if found is None or isinstance(owner, type):
            self.opens(owner if isinstance(owner, type) else kind)
            if isinstance(kind.__getattribute__, FunctionType) and not isinstance(owner, type):
                return kind_of(owner, name) if write else "plain"  # its own makes the steps
            found = self.kinds[kind, name] = kind_of(owner, name)
        if found == "class" and (write or name in getattr(owner, "__dict__", ())):
            return "own"
        return found

    # ------------------------------------------------------------------- items

    def item(self, site: Site, owner: Any, key: Any) -> Any:
        if self.run is None or not self._holds_items(owner):
            return owner[key]
        if isinstance(owner, defaultdict) and isinstance(owner.default_factory, FunctionType):
            return self._missing(site, owner, key)
        grows = self._grows(owner, key) if isinstance(owner, defaultdict) else ()
        self.run.access(site, owner, part_of(owner, key), bool(grows), "read", grows)
        value = owner[key]
        if grows:  # it has made a value
            self.made(value)
        return self.run.saw(value)

    def set_item(self, site: Site, owner: Any, key: Any, value: Any) -> None:
        if self.run is not None and self._holds_items(owner):
            self.save(owner)
            also = self._grows(owner, key)
            if isinstance(key, slice):
                if self.is_lazy_python(value):
                    value = list(self.drawn(site, value))  # all of it, before anything is set
                also = tuple((self._token(o), None, False) for o in self._inside(value))
            self.run.access(site, owner, part_of(owner, key), True, "write", also, value)
        owner[key] = value

    def _missing(self, site: Site, owner: Any, key: Any) -> Any:
        """An item of a defaultdict whose factory is followed: looked for, made, kept."""
        assert self.run is not None
        self.run.access(site, owner, part_of(owner, key), False, "read")
        if not dict.__contains__(owner, key):
            value = self.function(site, owner.default_factory)()
            self.set_item(site, owner, key, value)
            return value
        return self.run.saw(dict.__getitem__(owner, key))

    def _holds_items(self, owner: Any) -> bool:
        """Whether its items live in C: a class in Python has its own steps."""
        if isinstance(owner, tuple | str | bytes | range | type):
            return False
        if type(owner) not in self.opened:
            self.opens(type(owner))
        return not isinstance(getattr(type(owner), "__getitem__", None), FunctionType)

    def _grows(self, owner: Any, key: Any) -> tuple[Access, ...]:
        """A new key goes to the end of a dict: in which order keys come is shared, too."""
        if not isinstance(owner, dict) or self.run is None or dict.__contains__(owner, key):
            return ()
        return ((self._token(owner), ("order",), True),)

    def delete_item(self, site: Site, owner: Any, key: Any) -> None:
        if self.run is not None and self._holds_items(owner):
            self.save(owner)
            part = part_of(owner, key) if isinstance(owner, dict) else None  # what follows moves
            self.run.access(site, owner, part, True, "write", (), NOTHING)
        del owner[key]

    slice, locals = staticmethod(slice), staticmethod(locals)

    # ------------------------------------------------------------------- names

    def name(self, site: Site, home: Any, name: str) -> None:
        if self.run is not None:
            self.run.access(site, home, name, False, "read")

    def failing(self, text: str, named: dict[str, Any]) -> str:
        """What an assertion without words of its own says, and the values that it names."""
        if self.run is not None and self.run.recorder is not None and len(self.run.live) == 1:
            self.run.recorder.asserts(text, named)
        return text

    def seen(self, value: Any) -> Any:
        return value if self.run is None else self.run.saw(value)

    def set_name(self, site: Site, home: Any, name: str, value: Any) -> Any:
        if self.run is not None:
            if type(home) is dict:
                self.undo_name(home, name)
            else:
                self.save(home)
            self.run.access(site, home, name, True, "write", (), value)
        return value

    def undo_name(self, names: dict[str, Any], name: str) -> None:
        """About to bind a name of a module."""
        self.undo.save_item(names, name)

    def home(self) -> object:
        """A new home for the variables of one call of a function."""
        home = Home()
        if self.run is not None:
            self.made(home)
        return home

    def made(self, value: Any) -> Any:
        """An object that the program has made, a list that it has written down, say."""
        if self.run is not None:
            self.run.made(value)
            if self.run.current.made > MOST_MADE:
                refuse(
                    f"line {self.line()}: more than {MOST_MADE:_} objects are made in one run: "
                    "explore it with fewer".replace("_", " ")
                )
        return value

    # -------------------------------------------------------------- containers

    def whole(self, site: Site, value: Any) -> Any:
        """About to look at all of `value`: its length, its truth, its text."""
        self._look(site, "read", (value,))
        return value

    def text(self, site: Site, value: Any) -> Any:
        """About to write out `value`, with all that is in it."""
        self._look(site, "read", (value,), self.within((value,)))
        return value

    def within(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The containers inside of these, at any depth: C compares and writes out them, too."""
        if self.run is None or (self.run.alone and not self.run.spin.on):
            return ()
        waiting = [value for value in values if isinstance(value, NESTS)]
        seen = {id(value): value for value in waiting}
        found = []
        while waiting:
            value = waiting.pop()
            for each in chain(*inside(value)) if isinstance(value, dict) else inside(value):
                if isinstance(each, NESTS) and id(each) not in seen:
                    seen[id(each)] = each
                    waiting.append(each)
                    found.append(each)
        return tuple([each for each in found if is_container(each)])

    def compare(self, site: Site, kind: str, left: Any, right: Any) -> Any:
        plain = type(left) in FLAT and type(right) in FLAT
        if not plain and kind not in ("Is", "IsNot"):
            by_hash = kind in ("In", "NotIn") and isinstance(right, dict | set | frozenset)
            more = () if by_hash else self.within((left, right))
            self._look(site, "read", (left, right), more)
        return TESTS[kind](left, right)

    def work_out(self, site: Site, sign: str, left: Any, right: Any) -> Any:
        more = self.within((right,)) if sign == "Mod" and isinstance(left, str | bytes) else ()
        self._look(site, "read", (left, right), more)
        return SIGNS[sign](left, right)

    def add(self, site: Site, sign: str, old: Any, value: Any) -> Any:
        if type(old) in ALWAYS_SAME and type(value) in ALWAYS_SAME:
            return IN_PLACE[sign](old, value)
        if self.run is not None and is_container(old):
            self._look(site, "write", (old,), (value,))
            value = self.drawn(site, value, old)
        else:
            self._look(site, "read", (value,))
        return IN_PLACE[sign](old, value)

    def _look(
        self, site: Site, kind: str, values: tuple[Any, ...], more: tuple[Any, ...] = ()
    ) -> None:
        """A step on all the containers among `values`; those among `more` are only read."""
        if self.run is None:
            return
        owners = [owner for value in values for owner in self._inside(value)]
        if kind in ("write", "change"):
            for owner in owners:
                self.save(owner)
        if self.run.alone and not self.run.spin.on:
            return
        seen = [owner for value in more for owner in self._inside(value)]
        if owners or seen:
            token, write = self._token, kind in ("write", "change")
            draws = kind == "draw"  # an iterator is moved on by it, what it goes through is not
            kind = "call" if kind in ("change", "draw") else kind
            first = (owners or seen)[0]
            also = [(token(o), None, write or (draws and is_iterator(o))) for o in owners[1:]]
            also += [(token(owner), None, False) for owner in (seen if owners else seen[1:])]
            write = write or (draws and is_iterator(first))
            self.run.access(site, first, None, write, kind, tuple(also), first)

    def _inside(self, value: Any) -> tuple[Any, ...]:
        """The containers that one sees who looks at `value`; a view shows what is in a dict."""
        if type(value) in ALWAYS_SAME:
            return ()
        assert self.run is not None
        if type(value) not in self.opened:
            self.opens(type(value))
        own = (value,) if is_container(value) else ()
        return (*self.run.sharing.shows.get(id(value), ()), *own)

    def _shows(self, value: Any, owners: tuple[Any, ...]) -> None:
        """Who looks at `value` looks at `owners` as well."""
        assert self.run is not None
        self.run.sharing.show(value, owners)

    def iterate(self, site: Site, value: Any) -> Any:
        if self.run is None:
            return value
        value = self.stand(value)
        if not (owners := self._inside(value)):
            return self._own_iterator(site, value)
        if any(isinstance(owner, KEEP_SIZE) for owner in owners) and not is_iterator(value):
            self._look(site, "read", owners)
        if isinstance(value, set | frozenset) and not is_steady(value):
            return self._items(site, iter(self.in_order(site, value)), owners, value)
        return self._items(site, iter(value), owners)

    def _own_iterator(self, site: Site, value: Any) -> Any:
        """A class in Python may give an iterator of a container: its turns are steps, too."""
        begin = getattr(type(value), "__iter__", None)
        if not isinstance(begin, FunctionType) or hasattr(type(value), "__next__"):
            return value
        items = iter(value)
        return items if begin.__code__.co_flags & CO_GENERATOR else self.iterate(site, items)

    def _items(
        self, site: Site, items: Iterator[Any], owners: tuple[Any, ...], members: Any = ()
    ) -> Iterator[Any]:
        """Each turn of the loop looks at the container anew; an iterator is moved on by it."""
        how = "draw" if any(map(is_iterator, owners)) else "read"
        size = len(members)
        while True:
            self._look(site, how, owners)
            if self.run is not None:
                self.run.current.at = site
                self.run.turn()
            if len(members) != size:
                raise RuntimeError("Set changed size during iteration")
            try:
                item = self._turned(site, items)
            except StopIteration:
                return
            yield item

    def _turned(self, site: Site, items: Any, *default: Any) -> Any:
        """The next item. A generator that runs for one thread is an error for another."""
        run = self.run
        items = self.stand(items)
        if run is None or not isinstance(items, GeneratorType):
            return next(items, *default)
        if items in self.turning:
            raise ValueError("generator already executing")
        self.turning.append(items)
        try:
            return next(items, *default)
        finally:
            self._look(site, "draw", (items,))
            self.turning.remove(items)

    def drawn(self, site: Site, value: Any, into: Any = None) -> Any:
        """What C draws item by item from an iterator that runs Python: each is a step.

        Others may come between two of them, and see what has come `into` a container by then.
        """
        if self.run is None or not self.is_lazy_python(value):
            return value
        items = self.iterate(site, value)
        return items if into is None else self._each_into(site, items, into)

    def _each_into(self, site: Site, items: Iterator[Any], owner: Any) -> Iterator[Any]:
        for item in items:
            self._look(site, "change", (owner,))
            yield item

    def is_lazy_python(self, value: Any) -> bool:
        assert self.run is not None
        if type(value) is GeneratorType:
            private = self.run.current.private
            return private is None or value is not private()
        return id(value) in self.run.sharing.lazy

    def private(self, generator: Any) -> Any:
        """A generator that is an argument on the spot: nobody else can get hold of it."""
        if self.run is not None:
            self.run.current.private = weakref.ref(generator)
        return generator

    def in_order(self, site: Site, members: Any) -> list[Any]:
        """The members of a set in one order that is the same in every run."""
        assert self.run is not None
        self.notes[f"line {site.line}: a set is gone through in one of its possible orders"] = None
        token = self.run.sharing.tokens.get
        return sorted(members, key=lambda member: rank(member, token))
