"""The accesses that the rewritten source makes: attributes, items, names, containers.

Each says first what is about to happen (`Run.access`, which may let other threads
go on), then does it, as the plain source would have.
"""

from __future__ import annotations

import builtins
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable
from operator import delitem, getitem, setitem
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..ending.wait_graph import is_learners
from . import namespaces
from .containers import Containers
from .foreign import NOTES, Undo
from .lifetimes import Lifetimes, behind
from .step import NOTHING, NOWHERE, Access, Home, Site
from .things import (
    PRIMITIVE,
    SAME,
    Twin,
    as_twin,
    functions_of,
    kind_of,
    part_of,
    refuse,
)

if TYPE_CHECKING:
    from .run import Run

MOST_MADE = 100_000  # objects, by one thread in one run


class Accesses(Containers):
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
        self.classes_change = False  # whether classes, or modules, get other functions
        self.numbers = False  # whether the program asks for the numbers of its threads
        self.logs = False  # whether code of the program runs while a handler of logging is locked
        self.instead: list[tuple[Any, str, Any]] = []  # of libraries: what takes whose place
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
            if base.__module__ in NOTES:
                self.unknown.setdefault(NOTES[base.__module__], self.line())
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

    def imported(self, site: Site, value: Any, module: str, name: str) -> Any:
        """`value`, which `from module import name` has read."""
        found = sys.modules.get(module)
        if self.run is None or type(found) is not ModuleType or not hasattr(found, name):
            return self.twin(value)
        return self._of_module(site, found, name)

    def _of_module(self, site: Site, module: ModuleType, name: str) -> Any:
        """A name of a module: the same place as the global variable that it is."""
        assert self.run is not None
        value = getattr(module, name)
        twin = self.twin(value)
        if twin is value and (self.classes_change or not callable(value)):
            self.run.access(site, vars(module), name, False, "read")
            twin = self.run.saw(getattr(module, name))  # others may have changed it meanwhile
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
            found = (vars(kind)[name] for kind in owner.__mro__ if name in vars(kind))
            its = next(found, None)  # to ask for it could run code, and change it
            return self._changes_function(its, value)
        return changes and self._changes_function(len)

    def _changes_function(self, *values: Any) -> bool:
        """Whether one of these is what can be called: where to find it is a step from now on."""
        changes = any(hasattr(type(value), "__get__") or callable(value) for value in values)
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
        if self.run is None or not self._holds_items(owner, "__getitem__"):
            return owner[key]
        if isinstance(owner, defaultdict) and isinstance(owner.default_factory, FunctionType):
            return self._missing(site, owner, key)
        grows = self._grows(owner, key) if isinstance(owner, defaultdict) else ()
        part = part_of(owner, key)

        def look(*_: Any) -> None:
            assert self.run is not None
            self.run.access(site, owner, part, bool(grows), "read", grows)

        look()
        value = self.through(look, (key,), getitem, owner, key)
        if grows:  # it has made a value
            self.made(value)
        return self.run.saw(value)

    def set_item(self, site: Site, owner: Any, key: Any, value: Any) -> None:
        if self.run is not None and self._holds_items(owner, "__setitem__"):
            self.save(owner)
            also = self._grows(owner, key)
            if isinstance(key, slice):
                if self.is_lazy_python(value):
                    value = list(self.drawn(site, value))  # all of it, before anything is set
                also = tuple((self._token(o), None, False) for o in self._inside(value))
            self._change_item(site, owner, key, value, also)
        else:
            owner[key] = value

    def _change_item(
        self, site: Site, owner: Any, key: Any, value: Any, also: tuple[Access, ...]
    ) -> None:
        """`owner[key] = value`; NOTHING: `del owner[key]`."""
        part = part_of(owner, key)
        if value is NOTHING and not isinstance(owner, dict):
            part = None  # what follows moves

        def look(*_: Any) -> None:
            assert self.run is not None
            self.run.access(site, owner, part, True, "write", also, value)

        look()
        given = (owner, key) if value is NOTHING else (owner, key, value)
        self.through(look, (key,), delitem if value is NOTHING else setitem, *given)

    def _missing(self, site: Site, owner: Any, key: Any) -> Any:
        """An item of a defaultdict whose factory is followed: looked for, made, kept."""
        assert self.run is not None
        self.run.access(site, owner, part_of(owner, key), False, "read")
        if not dict.__contains__(owner, key):
            value = self.function(site, owner.default_factory)()
            self.set_item(site, owner, key, value)
            return value
        return self.run.saw(dict.__getitem__(owner, key))

    def _holds_items(self, owner: Any, method: str) -> bool:
        """Whether its items live in C: a method of a class in Python has its own steps."""
        if isinstance(owner, tuple | str | bytes | range | type):
            return False
        if type(owner) not in self.opened:
            self.opens(type(owner))
        return not isinstance(getattr(type(owner), method, None), FunctionType)

    def _grows(self, owner: Any, key: Any) -> tuple[Access, ...]:
        """A new key goes to the end of a dict: in which order keys come is shared, too."""
        if not isinstance(owner, dict) or self.run is None or dict.__contains__(owner, key):
            return ()
        return ((self._token(owner), ("order",), True),)

    def delete_item(self, site: Site, owner: Any, key: Any) -> None:
        if self.run is not None and self._holds_items(owner, "__delitem__"):
            self.save(owner)
            self._change_item(site, owner, key, NOTHING, ())
        else:
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
                self._changes_function(home.get(name), value)
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
