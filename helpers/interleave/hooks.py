"""What the rewritten source calls: each shared access becomes a step of the run.

A hook first says what is about to happen (`Run.access`, which may let other
threads go on), then does it, as the plain source would have.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, NoReturn

from . import namespaces
from .operators import IN_PLACE, SIGNS, TESTS
from .step import NOTHING, Abort, Access, Home, Refused, Site

if TYPE_CHECKING:
    from .run import Run

CONTAINERS = (list, dict, set, bytearray, deque)
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
IN_ORDER = (list, tuple, enumerate, zip, map, filter, iter, deque, str, repr)
LAZY = (enumerate, zip, map, filter, iter, reversed)  # look at what they are given later, too
SAME = (int, float, complex, bool, str, bytes, tuple, frozenset, range, slice, type(None))


class Hooks:
    """One for each program; `run` is the run that is under way."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.twins: dict[Any, Any] = {}
        self.kinds: dict[tuple[type, str], str] = {}
        self.known: dict[int, tuple[CodeType, bool]] = {}  # by id: whether it is rewritten
        self.turning: list[Any] = []  # generators that run
        self.should_follow: Callable[[FunctionType], bool] = lambda function: False

    def twin(self, value: Any) -> Any:
        """What stands for `value` inside an exploration: mostly `value` itself."""
        try:
            return self.twins.get(value, value)
        except TypeError:  # cannot be hashed
            return value

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
        if name == "__dict__":
            return namespaces.namespace(self, site, owner, owner.__dict__)
        if run is None or (kind := self.kind(owner, name)) == "plain":
            return self._plain(site, owner, getattr(owner, name))
        also = self._classes(owner, name) if kind == "class" or isinstance(owner, type) else ()
        run.access(site, owner, name, False, "read", also)
        return run.saw(getattr(owner, name))

    def _plain(self, site: Site, owner: Any, value: Any) -> Any:
        """An attribute that is no step; a method in C that is taken makes one when it is called."""
        if type(owner) is ModuleType:
            return self.twin(value)
        taken = isinstance(value, BuiltinFunctionType) and not isinstance(owner, (*SAME, type))
        return _step_maker(self.function(site, value)) if taken else value

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
        elif self.run is not None and self.kind(owner, name, True) != "plain":
            self.run.access(site, owner, name, True, "write", (), value)
        setattr(owner, name, value)

    def delete(self, site: Site, owner: Any, name: str) -> None:
        if self.run is not None:
            self.run.access(site, owner, name, True, "write", (), NOTHING)
        delattr(owner, name)

    def kind(self, owner: Any, name: str, write: bool = False) -> str:
        """Where an attribute lives: "own", "class" (a default), or "plain": no step."""
        kind = type(owner)
        found = self.kinds.get((kind, name))
        if found is None or isinstance(owner, type):
            found = self.kinds[kind, name] = _kind(owner, name)
        if found == "class" and (write or name in getattr(owner, "__dict__", ())):
            return "own"
        return found

    # ------------------------------------------------------------------- items

    def item(self, site: Site, owner: Any, key: Any) -> Any:
        if self.run is None or not _holds_items(owner):
            return owner[key]
        grows = self._grows(owner, key) if isinstance(owner, defaultdict) else ()
        self.run.access(site, owner, _key(owner, key), bool(grows), "read", grows)
        return self.run.saw(owner[key])

    def set_item(self, site: Site, owner: Any, key: Any, value: Any) -> None:
        if self.run is not None and _holds_items(owner):
            also = self._grows(owner, key)
            if isinstance(key, slice):
                also = tuple((self._token(o), None, False) for o in self._inside(value))
            self.run.access(site, owner, _key(owner, key), True, "write", also, value)
        owner[key] = value

    def _grows(self, owner: Any, key: Any) -> tuple[Access, ...]:
        """A new key goes to the end of a dict: in which order keys come is shared, too."""
        if not isinstance(owner, dict) or self.run is None or dict.__contains__(owner, key):
            return ()
        return ((self._token(owner), ("order",), True),)

    def delete_item(self, site: Site, owner: Any, key: Any) -> None:
        if self.run is not None and _holds_items(owner):
            part = _key(owner, key) if isinstance(owner, dict) else None  # what follows moves
            self.run.access(site, owner, part, True, "write", (), NOTHING)
        del owner[key]

    slice, locals = staticmethod(slice), staticmethod(locals)

    # ------------------------------------------------------------------- names

    def name(self, site: Site, home: Any, name: str) -> None:
        if self.run is not None:
            self.run.access(site, home, name, False, "read")

    def seen(self, value: Any) -> Any:
        return value if self.run is None else self.run.saw(value)

    def set_name(self, site: Site, home: Any, name: str, value: Any) -> Any:
        if self.run is not None:
            self.run.access(site, home, name, True, "write", (), value)
        return value

    def home(self) -> object:
        """A new home for the variables of one call of a function."""
        home = Home()
        if self.run is not None:
            self.run.made(home)
        return home

    def made(self, value: Any) -> Any:
        """A list, a dict or a set that the program has written down."""
        if self.run is not None:
            self.run.made(value)
        return value

    # -------------------------------------------------------------- containers

    def whole(self, site: Site, value: Any) -> Any:
        """About to look at all of `value`: its length, its truth, its text."""
        self._look(site, "read", (value,))
        return value

    def compare(self, site: Site, kind: str, left: Any, right: Any) -> Any:
        if kind not in ("Is", "IsNot") and not (type(left) in SAME and type(right) in SAME):
            self._look(site, "read", (left, right))
        return TESTS[kind](left, right)

    def work_out(self, site: Site, sign: str, left: Any, right: Any) -> Any:
        self._look(site, "read", (left, right))
        return SIGNS[sign](left, right)

    def add(self, site: Site, sign: str, old: Any, value: Any) -> Any:
        if type(old) in SAME and type(value) in SAME:
            return IN_PLACE[sign](old, value)
        if self.run is not None and _is_container(old):
            self._look(site, "write", (old,), (value,))
        else:
            self._look(site, "read", (value,))
        return IN_PLACE[sign](old, value)

    def _look(
        self, site: Site, kind: str, values: tuple[Any, ...], more: tuple[Any, ...] = ()
    ) -> None:
        """A step on all the containers among `values`; those among `more` are only read."""
        if self.run is None or self.run.alone:
            return
        owners = [owner for value in values for owner in self._inside(value)]
        seen = [owner for value in more for owner in self._inside(value)]
        if owners or seen:
            token, write = self._token, kind in ("write", "change")
            kind = "call" if kind == "change" else kind
            first = (owners or seen)[0]
            also = [(token(owner), None, write) for owner in owners[1:]]
            also += [(token(owner), None, False) for owner in (seen if owners else seen[1:])]
            self.run.access(site, first, None, write, kind, tuple(also), first)

    def _inside(self, value: Any) -> tuple[Any, ...]:
        """The containers that one sees who looks at `value`; a view shows what is in a dict."""
        if type(value) in SAME:
            return ()
        assert self.run is not None
        own = (value,) if _is_container(value) else ()
        return (*self.run.sharing.shows.get(id(value), ()), *own)

    def _shows(self, value: Any, owners: tuple[Any, ...]) -> None:
        """Who looks at `value` looks at `owners` as well."""
        assert self.run is not None
        self.run.sharing.show(value, owners)

    def iterate(self, site: Site, value: Any) -> Any:
        if self.run is None or not (owners := self._inside(value)):
            return value
        check_order(site, owners[0])
        if any(isinstance(owner, KEEP_SIZE) for owner in owners) and not _is_iterator(value):
            self._look(site, "read", owners)
        return self._items(site, iter(value), owners)

    def _items(self, site: Site, items: Iterator[Any], owners: tuple[Any, ...]) -> Iterator[Any]:
        """Each turn of the loop looks at the container anew; an iterator is moved on by it."""
        how = "change" if any(map(_is_iterator, owners)) else "read"
        while True:
            self._look(site, how, owners)
            if self.run is not None:
                self.run.turn()
            try:
                item = self._turned(site, items)
            except StopIteration:
                return
            yield item

    def _turned(self, site: Site, items: Any, *default: Any) -> Any:
        """The next item. A generator that runs for one thread is an error for another."""
        run = self.run
        if run is None or not isinstance(items, GeneratorType):
            return next(items, *default)
        if items in self.turning:
            raise ValueError("generator already executing")
        self.turning.append(items)
        try:
            return next(items, *default)
        finally:
            self._look(site, "change", (items,))
            self.turning.remove(items)

    # ------------------------------------------------------------------- calls

    def method(self, site: Site, owner: Any, name: str) -> Any:
        run = self.run
        if run is None:
            return getattr(owner, name)
        if isinstance(owner, CONTAINERS):
            return self._container_method(site, owner, name)
        if isinstance(owner, ModuleType):
            return self.function(site, self.get(site, owner, name))
        if not hasattr(type(owner), name) and self.kind(owner, name) != "plain":
            return self.function(site, self.get(site, owner, name))
        return self.function(site, getattr(owner, name))

    def _container_method(self, site: Site, owner: Any, name: str) -> Any:
        method = getattr(owner, name)
        if isinstance(method, MethodType) and isinstance(method.__func__, FunctionType):
            return method  # of a class of the learner's own

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is None:
                return method(*args, **kwargs)
            if isinstance(owner, set) and name == "pop":
                check_order(site, owner)
            by_key = name in BY_KEY and isinstance(owner, dict) and args
            key = _key(owner, args[0]) if by_key else None
            write = BY_KEY[name] if by_key else f"{name} " not in READS
            token = self._token
            seen = [each for arg in args for each in self._inside(arg)]
            more = tuple((token(each), None, False) for each in seen)
            more += self._grows(owner, args[0]) if by_key and write else ()
            self.run.access(site, owner, key, write, "call", more, owner)
            value = method(*args, **kwargs)
            if isinstance(value, VIEWS):
                self._shows(value, (owner,))
            return self.run.called(value)

        return called

    def function(self, site: Site, function: Any) -> Any:
        """What is called in place of `function`."""
        run = self.run
        if run is None:
            return function
        if isinstance(function, FunctionType):
            if _is_twin(function):
                return self._at(site, function)
            self.follows(site, function)
            return function
        if isinstance(function, MethodType):
            return self._bound(site, function)
        if function is getattr or function is setattr or function is hasattr:
            return self._by_name(site, function)
        if _is_twin(function):
            return self._at(site, function)
        if isinstance(function, type):
            return self._made_by(site, function)
        if isinstance(function, BuiltinFunctionType):
            owner = getattr(function, "__self__", None)
            refuse_real(site, owner)
            if (twin := self.twin(function)) is not function:
                return self._at(site, twin)
            if isinstance(owner, CONTAINERS):
                return self._container_method(site, owner, function.__name__)
            if not isinstance(owner, (*SAME, type, ModuleType)):
                return self._one_step(site, owner, function)

        def called(*args: Any, **kwargs: Any) -> Any:
            self._look_at(site, function, args)
            value = self._turned(site, *args) if function is next else function(*args, **kwargs)
            if self.run is None:
                return value
            if function is iter:
                self._shows(value, self._inside(args[0]))
            return self.run.called(value)

        return called

    def _bound(self, site: Site, method: MethodType) -> Any:
        assert self.run is not None
        owner, function = method.__self__, method.__func__
        if _is_twin(owner):
            return self._at(site, method)
        refuse_real(site, owner)
        if not isinstance(function, FunctionType) or self.follows(site, function):
            return method
        return method if isinstance(owner, type) else self._one_step(site, owner, method)

    def _one_step(self, site: Site, owner: Any, method: Any) -> Any:
        """A method of a library's object, whose inside is not followed: it may change it."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is None:
                return method(*args, **kwargs)
            seen = [each for arg in args for each in self._inside(arg)]
            also = tuple((self._token(each), None, True) for each in seen)
            self.run.access(site, owner, None, True, "call", also, owner)
            return self.run.called(method(*args, **kwargs))

        return called

    def follows(self, site: Site, function: FunctionType) -> bool:
        """Whether `function` is one of those that are rewritten; refuse one that should be."""
        code = function.__code__
        known = self.known.get(id(code))
        if known is None:
            if self.should_follow(function):
                raise Refused(
                    f"line {site.line}: {function.__name__} cannot be found from the source of "
                    "the program: call it, or give it as a target, by its name"
                )
            known = self.known[id(code)] = (code, False)
        return known[1]

    def _made_by(self, site: Site, kind: type) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is None:
                return kind(*args, **kwargs)
            begin = getattr(kind, "__init__", None)
            if not (isinstance(begin, FunctionType) and self.follows(site, begin)):
                self._look_at(site, kind, args)
            building = self.run.current.building
            building.append(kind)
            try:
                value = kind(*args, **kwargs)
            finally:
                building.pop()
            if not isinstance(value, int | str | float | bool | type(None)):
                self.run.made(value)
                if kind in LAZY:
                    self._shows(value, tuple(o for arg in args for o in self._inside(arg)))
                for part in getattr(value, "__dict__", {}).values():
                    if isinstance(part, CONTAINERS):
                        self.run.made(part)
            return self.run.called(value)

        return called

    def _look_at(self, site: Site, function: Any, args: tuple[Any, ...]) -> None:
        """A call into C looks at the containers that it is given, or changes them."""
        if self.run is None:
            return
        self.run.unread()
        every = [owner for arg in args for owner in self._inside(arg)]
        if every and (function in IN_ORDER or getattr(function, "__name__", "") == "join"):
            check_order(site, every[0])
        of_same = isinstance(getattr(function, "__self__", None), SAME)  # of a str: "".join
        looks = of_same or any(function is each for each in LOOKERS)
        self._look(site, "call" if looks else "change", args)

    def _by_name(self, site: Site, function: Any) -> Any:
        def called(owner: Any, name: str, *value: Any) -> Any:
            if function is setattr:
                return self.set(site, owner, name, *value)
            if name == "__dict__" and function is getattr and hasattr(owner, name):
                return self.get(site, owner, name)
            if self.run is not None and self.kind(owner, name) != "plain":
                self.run.access(site, owner, name, False, "read")
            return function(owner, name, *value)

        return called

    def enter(self, site: Site, manager: Any) -> Any:
        """What a `with` enters in place of `manager`."""
        refuse_real(site, manager)
        return _Entered(self, site, manager) if _is_twin(manager) else manager

    # -------------------------------------------------------------------- turns

    def tick(self) -> None:
        if self.run is not None:
            self.run.tick()
        elif threading.current_thread().name == "exploration":  # of a run that was given up
            raise Abort

    def again(self, site: Site, names: dict[str, Any]) -> bool:
        if self.run is not None:
            self.run.again(site, names)
        else:
            self.tick()
        return True

    entered = tick

    def caught(self) -> None:
        """In every handler: what concerns the exploration must get through."""
        error = sys.exc_info()[1]
        if isinstance(error, Abort | Refused):
            raise error
        self.tick()


class Twin:
    """Base of all that stands for something of `threading` or `queue`."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        self = super().__new__(cls)
        if hooks.run is not None:
            hooks.run.made(self)
        return self


class _Entered:
    """A twin in a `with`: its steps are on the line of the `with`."""

    def __init__(self, hooks: Hooks, site: Site, manager: Any) -> None:
        self.hooks, self.site, self.manager = hooks, site, manager

    def __enter__(self) -> Any:
        if self.hooks.run is not None:
            self.hooks.run.current.site = self.site
        return self.manager.__enter__()

    def __exit__(self, *error: Any) -> Any:
        if self.hooks.run is not None:
            self.hooks.run.current.site = self.site
        return self.manager.__exit__(*error)


def _step_maker(function: Any) -> Any:
    """Marks it as ours, so that it is called as it is."""
    if isinstance(function, FunctionType):
        function.is_twin = True  # type: ignore[attr-defined]
    return function


def _is_twin(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, Twin)
    return isinstance(value, Twin) or getattr(value, "is_twin", False) is True


def _kind(owner: Any, name: str) -> str:
    if isinstance(owner, ModuleType | threading.local) or (
        isinstance(owner, Twin) and _is_ours(owner, name)
    ):
        return "plain"
    mro = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    for base in mro:
        if name in vars(base):
            found = vars(base)[name]
            if isinstance(found, MemberDescriptorType):
                return "own" if base.__module__ != "builtins" else "plain"
            if hasattr(type(found), "__get__") or name.startswith("__"):
                return "plain"
            return "own" if isinstance(owner, type) else "class"
    return "own" if hasattr(owner, "__dict__") else "plain"


def _is_ours(owner: Twin, name: str) -> bool:
    """Whether the attribute is a twin's own, not one that a subclass of the learner's adds."""
    ours = __name__.rpartition(".")[0]
    return type(owner).__module__.startswith(ours) or name in ("task", *_THREAD)


_THREAD = ("_target", "_args", "_kwargs", "_name", "_daemon", "name", "daemon", "ident")


def _is_iterator(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__next__") and kind.__module__ in ("builtins", "itertools")


def _is_container(value: Any) -> bool:
    kind = type(value)
    if kind in (int, str, bool, float, tuple, range, type(None)):
        return False
    return isinstance(value, CONTAINERS) or _is_iterator(value)


def _holds_items(owner: Any) -> bool:
    """Whether its items live in C: a class of the learner's has its own steps."""
    if isinstance(owner, tuple | str | bytes | range | type):
        return False
    return not isinstance(getattr(type(owner), "__getitem__", None), FunctionType)


def _key(owner: Any, key: Any) -> Any:
    """What tells one item from another; None for all of them."""
    if hooks.run and type(key) is str and id(owner) in hooks.run.sharing.namespaces:
        return key
    if isinstance(key, slice) or (isinstance(owner, list | deque) and not isinstance(key, int)):
        return None
    if isinstance(owner, list | deque) and key < 0:
        return None
    return ("item", key) if isinstance(key, int | str | bytes | type(None)) else None


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
    if hooks.run is not None:
        hooks.run.refused = error
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


hooks = Hooks()  # the one of this process: one exploration at a time
