"""What the rewritten source calls: its accesses (`accesses`), its calls, and turns of its loops."""

from __future__ import annotations

import _string  # type: ignore[import-not-found]
import functools
import itertools
import operator
import string
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from . import registered
from .containers import FLATTEN
from .foreign import is_one_step
from .one_step import OneStep
from .operators import IN_PLACE
from .step import NOTHING, Abort, Refused, Site
from .syntax import BY_ITSELF, COURSE, of_the_course
from .things import (
    BY_KEY,
    CHEAP,
    CONTAINERS,
    DEEP,
    DEEP_METHODS,
    LOOKERS,
    READS,
    SAME,
    VIEWS,
    Current,
    Twin,
    dict_of,
    is_iterator,
    is_lazy,
    is_python,
    is_steady,
    is_twin,
    kind_of,
    part_of,
    refuse,
    refuse_real,
)

NOT_DRAWN = frozenset(
    map(id, (iter, reversed, next, isinstance, type, id, repr, str, print, callable, bool, hash))
)
SHALLOW = frozenset(map(id, LOOKERS)) - DEEP - {id(dict)}  # of items, they look at none
ADDS = ("append", "appendleft")
KEEPS_ORDER = frozenset(map(id, (list, tuple, enumerate, zip, map, filter, iter, deque)))
CALLED_BY_C = (
    operator.methodcaller, operator.attrgetter, operator.itemgetter, functools.partial,
    MethodDescriptorType, WrapperDescriptorType,
)  # fmt: skip


def _adds(sign: str) -> Callable[[Hooks, Site], Any]:
    return lambda hooks, site: functools.partial(hooks.add, site, sign)


BY_OPERATOR: dict[Any, Callable[[Hooks, Site], Any]] = {
    operator.getitem: lambda hooks, site: functools.partial(hooks.item, site),
    operator.setitem: lambda hooks, site: functools.partial(hooks.set_item, site),
    operator.delitem: lambda hooks, site: functools.partial(hooks.delete_item, site),
    operator.contains: lambda hooks, site: lambda a, b: hooks.compare(site, "In", b, a),
    **{function: _adds(sign) for sign, function in IN_PLACE.items()},
}


class Hooks(OneStep):
    """One for each program; `run` is the run that is under way."""

    # ------------------------------------------------------------------- calls

    def method(self, site: Site, owner: Any, name: str) -> Any:
        run = self.run
        if run is None:
            return getattr(owner, name)
        if type(owner) in self.stands:
            owner = self.stand(owner)
        if type(owner) is super:
            return self._of_super(site, owner, name)
        if type(owner) not in self.opened:
            self.opens(type(owner))
        if isinstance(owner, Twin) and hasattr(type(owner), name):
            if owner.awaits:
                return self.tasks.method(site, owner, name)
            method = getattr(owner, name)
            bound = type(method) is MethodType and method.__self__ is owner
            return self._at(site, method) if bound else self.function(site, method)
        if isinstance(owner, CONTAINERS):
            return self._container_method(site, owner, name, getattr(owner, name))
        if isinstance(owner, ModuleType):
            return self.function(site, self.get(site, owner, name))
        if not hasattr(type(owner), name) and self.kind(owner, name) != "plain":
            return self.function(site, self.get(site, owner, name))
        if self.classes_change:
            self.found(site, owner, name)
        return self.function(site, self.asks(owner, name))

    def _of_super(self, site: Site, owner: Any, name: str) -> Any:
        """A method of a base class: one in C is called on the object itself."""
        method, this = getattr(owner, name), owner.__self__
        if isinstance(method, MethodType):
            return self.function(site, method)
        if isinstance(this, CONTAINERS) and callable(method):
            return self._container_method(site, this, name, method)
        if isinstance(method, MethodWrapperType) and not isinstance(this, type):
            if name == "__getattribute__":
                return functools.partial(self._as_it_stands, site, this)
            if name in ("__setattr__", "__delattr__"):
                return functools.partial(self._put_as_it_stands, site, this)
        return self.function(site, method) if callable(method) else method

    def _container_method(self, site: Site, owner: Any, name: str, method: Any) -> Any:
        if isinstance(method, MethodType) and isinstance(method.__func__, FunctionType):
            return self.function(site, method)

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is None:
                return method(*args, **kwargs)
            by_key = name in BY_KEY and isinstance(owner, dict) and args
            key = part_of(owner, args[0]) if by_key else None
            write = BY_KEY[name] if by_key else f"{name} " not in READS
            token = self._token
            seen = [each for arg in args for each in self._inside(arg)]
            more = tuple((token(each), None, is_iterator(each)) for each in seen)
            if name in DEEP_METHODS:
                more += tuple((token(each), None, False) for each in self.within((owner, *args)))
            more += self._grows(owner, args[0]) if by_key and write else ()
            if write:
                self.save(owner)
            adds = name in ADDS and len(args) == 1
            put = args[0] if adds else owner
            self.run.access(site, owner, key, write, "call", more, put, adds)

            def look(value: Any) -> None:
                deep = self.within((owner, *args, value)) if name in DEEP_METHODS else ()
                self._look(site, "change" if write else "call", (owner,), (*args, value, *deep))

            if isinstance(owner, set) and name == "pop" and owner and not is_steady(owner):
                value = self.in_order(site, owner)[0]
                set.remove(owner, value)
            else:
                pairs = isinstance(owner, dict)
                drawn = tuple([self.drawn(site, arg, pairs) for arg in args])
                kwargs = {name: self.given(site, arg) for name, arg in kwargs.items()}
                asked = (*drawn, *kwargs.values(), *(() if name in CHEAP else (owner,)))
                into = write and any(type(arg) is GeneratorType for arg in args)
                if into:
                    value = self._looking(look, method, *drawn, **kwargs)
                else:
                    value = self.through(look, asked, method, *drawn, **kwargs)
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
            if is_twin(function) or function.__globals__.get("__package__") == __package__:
                return self._at(site, function)
            if self.follows(site, function):
                return self.tasks.kept(site, function) if run.fifo else function
            self._check_course(site, function)
            return self._unfollowed(site, function)
        if isinstance(function, MethodType):
            return self._bound(site, function)
        if function is getattr or function is setattr or function is hasattr:
            return self._by_name(site, function)
        function = self.twin(self.stand(function))
        if is_twin(function):
            return self._at(site, function)
        if (special := self._special(site, function)) is not None:
            return special
        if isinstance(function, type):
            return self._made_by(site, function)
        if isinstance(function, BuiltinFunctionType):
            owner = getattr(function, "__self__", None)
            if (stands := self.stand(owner)) is not owner:
                return self.method(site, stands, function.__name__)
            refuse_real(site, owner)
            if isinstance(owner, CONTAINERS):
                return self._container_method(site, owner, function.__name__, function)
            if type(owner) is GeneratorType and function.__name__ in ("send", "throw", "close"):
                return functools.partial(self._goes_on, site, owner, function)
            if not isinstance(owner, (*SAME, type, ModuleType)):
                return self._one_step(site, owner, function)
        elif isinstance(function, weakref.ref):
            if self.lifetimes.look(run, self.line(), [function]):
                return lambda: None
        elif type(function) not in self.opened:  # an object that can be called
            self.opens(type(function))
        flattens = isinstance(function, BuiltinFunctionType) and function == FLATTEN

        def called(*args: Any, **kwargs: Any) -> Any:
            if flattens and any(type(a) is GeneratorType or self.is_lazy_python(a) for a in args):
                return self.flattened(site, *args)
            args = tuple([self.given(site, arg) for arg in args])
            if id(function) in KEEPS_ORDER:
                args = tuple([self.ordered(site, arg) for arg in args])
            kwargs = {name: self.given(site, arg) for name, arg in kwargs.items()}
            every = (*args, *kwargs.values())
            look = self._look_at(site, function, every)
            if function is next:
                value = self._turned(site, *args)
            else:
                drawn = self._drawn_from(site, function, args, kwargs)
                value = self.through(look, every, function, *drawn, **kwargs)
            if self.run is None:
                return value
            self._shows_later(function, value, every)
            return self.run.called(value)

        return called

    def _drawn_from(
        self, site: Site, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...]:
        """The arguments of a call into C; what that goes through item by item, as steps."""
        if self.run is None or id(function) in NOT_DRAWN:
            return args
        if (function is min or function is max) and len(args) == 1 and is_python(kwargs.get("key")):
            return (self.iterate(site, args[0]),)  # the key is asked between two items
        if function is functools.reduce and is_python(args[0]):
            return (args[0], self.iterate(site, args[1]), *args[2:])
        lazy = isinstance(function, type) and is_lazy(function)
        deep = function is itertools.starmap or not (lazy or id(function) in SHALLOW)
        return tuple([self.drawn(site, arg, deep) for arg in args])

    def _special(self, site: Site, function: Any) -> Any:
        """What is called in an unusual way: through its class, by `operator`, by a partial."""
        kind = type(function)
        if kind in (MethodDescriptorType, WrapperDescriptorType):
            return lambda owner, *args, **kwargs: self._through_class(site, function, owner)(
                *args, **kwargs
            )
        if kind is MethodWrapperType and isinstance(function.__self__, CONTAINERS):
            return self._container_method(site, function.__self__, function.__name__, function)
        if kind is MethodWrapperType and function.__name__ == "__next__":
            return functools.partial(self.function(site, next), function.__self__)
        if kind is functools.partial:
            called = self.function(site, function.func)
            return lambda *args, **kwargs: called(
                *function.args, *args, **{**function.keywords, **kwargs}
            )
        if kind is operator.methodcaller:
            return lambda owner: self._call_kept(site, function, owner)
        if kind in (operator.attrgetter, operator.itemgetter):
            parts = function.__reduce__()[1]
            get = self._path if kind is operator.attrgetter else self.item
            return lambda owner: (
                get(site, owner, parts[0])
                if len(parts) == 1
                else tuple(get(site, owner, part) for part in parts)
            )
        if kind is BuiltinFunctionType and function in BY_OPERATOR:
            return BY_OPERATOR[function](self, site)
        if kind is BuiltinFunctionType and isinstance(getattr(function, "__self__", None), str):
            return self._formats(site, function)
        return None

    def _through_class(self, site: Site, function: Any, owner: Any) -> Any:
        """`list.append(x, 1)` is `x.append(1)`; `object.__setattr__` sets as it stands."""
        owner = self.stand(owner)
        name = function.__name__
        if name in ("__setattr__", "__delattr__") and function.__objclass__ is object:
            return functools.partial(self._put_as_it_stands, site, owner)
        if name == "__getattribute__" and function.__objclass__ is object:
            return lambda attribute: self._as_it_stands(site, owner, attribute)
        bound = function.__get__(owner)
        if isinstance(owner, CONTAINERS):
            return self._container_method(site, owner, name, bound)
        if is_twin(owner):
            return self._at(site, getattr(owner, name))
        return self.function(site, bound)

    def _put_as_it_stands(self, site: Site, owner: Any, attribute: str, *value: Any) -> None:
        """What `object.__setattr__` does, with no regard to the object's own; or `__delattr__`."""
        put = object.__setattr__ if value else object.__delattr__
        if self.run is not None and self.kind(owner, attribute, True) != "plain":
            self.save(owner, attribute)
            self.run.access(site, owner, attribute, True, "write", (), *(value or (NOTHING,)))
        put(owner, attribute, *value)

    def _as_it_stands(self, site: Site, owner: Any, attribute: str) -> Any:
        """What `object.__getattribute__` gives, with no regard to the object's own."""
        kind = kind_of(owner, attribute)
        if self.run is None or kind == "plain":
            return object.__getattribute__(owner, attribute)
        also = self._classes(owner, attribute) if kind == "class" else ()
        self.run.access(site, owner, attribute, False, "read", also)
        return self.run.saw(object.__getattribute__(owner, attribute))

    def _call_kept(self, site: Site, caller: Any, owner: Any) -> Any:
        made, parts = caller.__reduce__()[:2]
        if isinstance(made, functools.partial):
            return self.method(site, owner, made.args[0])(*parts, **made.keywords)
        return self.method(site, owner, parts[0])(*parts[1:])

    def _path(self, site: Site, owner: Any, path: str) -> Any:
        for name in path.split("."):
            owner = self.get(site, owner, name)
        return owner

    def _formats(self, site: Site, function: Any) -> Any:
        """`"{0.x}".format(p)` reads `p.x`."""
        if function.__name__ not in ("format", "format_map"):
            return None
        text: str = function.__self__
        if "." not in text and "[" not in text:
            return None
        formatter = _Formatter(self, site)
        if function.__name__ == "format":
            return lambda *args, **kwargs: formatter.vformat(text, args, kwargs)
        return lambda mapping: formatter.vformat(text, (), mapping)

    def ordered(self, site: Site, value: Any) -> Any:
        """A set in an order that is the same in every run; anything else as it is."""
        if not isinstance(value, set | frozenset) or is_steady(value):
            return value
        self.whole(site, value)
        return self.in_order(site, value)

    def given(self, site: Site, value: Any) -> Any:
        """What C is given to call is followed from there, too."""
        if self.run is None:
            return value
        value = self.stand(value)
        calls = type(value) in CALLED_BY_C or (
            type(value) is BuiltinFunctionType and isinstance(value.__self__, CONTAINERS)
        )
        return self.function(site, value) if calls else value

    def _bound(self, site: Site, method: MethodType) -> Any:
        assert self.run is not None
        owner, function = method.__self__, method.__func__
        if is_twin(owner):
            return self._at(site, method)
        if (stands := self.stand(owner)) is not owner:
            return self.method(site, stands, method.__name__)
        refuse_real(site, owner)
        if (stands := self.stand(function)) is not function:  # a cache around a method
            return self._at(site, lambda *args, **kwargs: stands(owner, *args, **kwargs))
        if not isinstance(function, FunctionType) or self.follows(site, function):
            return self.tasks.kept(site, method) if self.run.fifo else method
        self._check_course(site, function)
        if (changes := registered.change_of(function)) is not None:
            return functools.partial(self._of_registry, site, changes, owner, method)
        if isinstance(owner, type):
            return method
        if not is_one_step(function):
            self.unfollowed.setdefault(function.__qualname__, site.line)
        return self._one_step(site, owner, method)

    def _goes_on(self, site: Site, generator: Any, method: Any, *args: Any) -> Any:
        """`send`, `throw` or `close` of a generator."""
        self._look(site, "draw", (generator,))
        if self.run is None:
            return method(*args)
        return self.run.called(self.resumed(site, generator, method, *args))

    def follows(self, site: Site, function: FunctionType) -> bool:
        """Whether `function` is one of those that are rewritten; refuse one that should be."""
        code = function.__code__
        known = self.known.get(id(code))
        if known is None:
            followed = self.follow(site, function)
            known = self.known[id(function.__code__)] = (function.__code__, followed)
        return known[1]

    def _check_course(self, site: Site, thing: Any) -> None:
        """It may have come here by another way than by its name."""
        if str(thing.__module__).startswith(COURSE) and of_the_course(thing):
            refuse(f"line {site.line}: {thing.__name__} cannot be followed here; {BY_ITSELF}")

    def _made_by(self, site: Site, kind: type) -> Any:
        self._check_course(site, kind)

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is None:
                return kind(*args, **kwargs)
            if issubclass(kind, weakref.ref | weakref.finalize):
                self.lifetimes.made(self.line(), kind, args)
            if id(kind) in KEEPS_ORDER:
                args = tuple([self.ordered(site, arg) for arg in args])
            if is_lazy(kind):
                args = tuple([self.given(site, arg) for arg in args])
            if kind not in self.opened:
                self.opens(kind)
            begin = getattr(kind, "__init__", None)
            look = None
            if not (isinstance(begin, FunctionType) and self.follows(site, begin)):
                look = self._look_at(site, kind, args)
            building = self.run.current.building
            building.append(kind)
            try:
                drawn = self._drawn_from(site, kind, args, kwargs)
                value = self.through(look, args, kind, *drawn, **kwargs)
            finally:
                building.pop()
            if not isinstance(value, int | str | float | bool | type(None)):
                self.made(value)
                self._shows_later(kind, value, (*args, *kwargs.values()))
                for part in dict_of(value).values():
                    if isinstance(part, CONTAINERS):
                        self.made(part)
            return self.run.called(value)

        return called

    def _by_name(self, site: Site, function: Any) -> Any:
        def called(owner: Any, name: str, *value: Any) -> Any:
            owner = self.stand(owner)
            reads = function is not setattr and self.run is not None
            if reads and self.kind(owner, name) == "cached":
                return self.get(site, owner, name)
            if function is setattr:
                return self.set(site, owner, name, *value)
            if reads and type(owner) is ModuleType:
                self.run.access(site, vars(owner), name, False, "read")  # type: ignore[union-attr]
                return self.twin(function(owner, name, *value))
            if name == "__dict__" and function is getattr and hasattr(owner, name):
                return self.get(site, owner, name)
            if self.run is not None and self.kind(owner, name) != "plain":
                self.run.access(site, owner, name, False, "read")
            return function(owner, name, *value)

        return called

    def enter(self, site: Site, manager: Any) -> Any:
        """What a `with` enters in place of `manager`."""
        manager = self.stand(manager)
        refuse_real(site, manager)
        if self.run is not None and type(manager) not in self.opened:
            self.opens(type(manager))
        return _Entered(self, site, manager) if is_twin(manager) else manager

    # ------------------------------------------------------------------- awaits

    def awaited(self, site: Site, thing: Any) -> Any:
        """What an `await` awaits in place of `thing`."""
        return thing if self.run is None else self.tasks.awaited(site, thing)

    def enter_async(self, site: Site, manager: Any) -> Any:
        """What an `async with` enters in place of `manager`."""
        if self.run is None:
            return manager
        manager = self.stand(manager)
        if type(manager) not in self.opened:
            self.opens(type(manager))
        return self.tasks.Entered(site, manager)

    def iterate_async(self, site: Site, given: Any) -> Any:
        """What an `async for` goes through in place of `given`."""
        if self.run is None:
            return given
        if type(given) not in self.opened:
            self.opens(type(given))
        return self.tasks.Turning(site, given)

    # -------------------------------------------------------------------- turns

    def tick(self) -> None:
        if self.run is not None:
            self.run.spin.round(sys._getframe(1))
            self.run.tick()
        elif threading.current_thread().name == "exploration":  # of a run that was given up
            raise Abort

    def again(self, site: Site, names: dict[str, Any], unread: tuple[str, ...] = ()) -> bool:
        if self.run is not None:
            self.run.current.at = site
            self.run.again(site, names, unread, sys._getframe(1))
        else:
            self.tick()
        return True

    def begins(self, site: Site) -> None:
        if self.run is not None:
            self.run.begins(site, sys._getframe(1))

    entered = tick

    def plainly(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def foreign(self) -> bool:
        """Whether a thread that is no task has come here: it runs the code as it was."""
        run = self.run  # which may end meanwhile
        return run is None or self.busy or run.me() is None

    def caught(self) -> None:
        """In every handler: what concerns the exploration must get through."""
        error = sys.exc_info()[1]
        if isinstance(error, Abort | Refused):
            raise error
        self.tick()


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


class _Formatter(string.Formatter):
    """Reads the attributes and items of its fields step by step."""

    def __init__(self, hooks: Hooks, site: Site) -> None:
        self.hooks, self.site = hooks, site

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        first, rest = _string.formatter_field_name_split(field_name)
        found = self.get_value(first, args, kwargs)
        for is_attribute, part in rest:
            get = self.hooks.get if is_attribute else self.hooks.item
            found = get(self.site, found, part)
        return found, first


hooks = Hooks()  # the one of this process: one exploration at a time
Current.hooks = hooks
