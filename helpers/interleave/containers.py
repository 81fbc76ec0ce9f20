"""Looks at containers: at all of one, at one item after the other, at what C does with them.

What is written in C is one step, as long as it stays there. Where it calls Python (`x in keys`
compares one by one, and the class of a key may say `__eq__` in Python), others may come in between.
So what C does up to the next call is one step, and what it does from the return of
that call on is another: `through` makes a look at each return.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from inspect import CO_GENERATOR
from itertools import chain
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
)
from typing import TYPE_CHECKING, Any

from . import registered
from .foreign import looks_again
from .operators import IN_PLACE, SIGNS, TESTS
from .shown import inside
from .step import Site
from .things import (
    ALWAYS_SAME,
    DEEP,
    DRAWS,
    FLAT,
    IN_ORDER,
    KEEP_SIZE,
    LOOKERS,
    NESTS,
    SAME,
    asks,
    attributes_of,
    check_order,
    gone_through_by,
    has_state,
    is_container,
    is_iterator,
    is_lazy,
    is_python,
    is_steady,
    kept_by,
    rank,
)

if TYPE_CHECKING:
    from .run import Run


FLATTEN = itertools.chain.from_iterable
WRITES: dict[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}


class Containers:
    """What the rewritten source calls to look into containers; `run` is the run under way."""

    run: Run | None
    opened: set[type]
    turning: list[Any]
    known: dict[int, tuple[CodeType, bool]]
    notes: dict[str, None]

    def save(self, owner: Any, name: Any = None) -> None:
        """About to change `owner`, which may have been there before the run."""
        raise NotImplementedError

    def opens(self, kind: type) -> None:
        """Have the methods of a class in Python followed."""
        raise NotImplementedError

    def stand(self, thing: Any) -> Any:
        """What stands for a real thing that was made elsewhere."""
        raise NotImplementedError

    def _token(self, owner: Any) -> int:
        raise NotImplementedError

    def whole(self, site: Site, value: Any) -> Any:
        """About to look at all of `value`: its length, its truth, its text."""
        self._look(site, "read", (value,))
        return value

    def text(self, site: Site, value: Any, how: str) -> Any:
        """`value`, which an f-string writes out with all that is in it, as `!r` or another says."""
        write = WRITES.get(how)
        if how == "" and isinstance(value, NESTS) and type(value).__format__ is object.__format__:
            write = str

        def look(*_: Any) -> None:
            self._look(site, "read", (value,), self.within((value,)))

        look()
        return value if write is None else self.through(look, (value,), write, value)

    def through(
        self,
        look: Callable[[Any], object] | None,
        values: tuple[Any, ...],
        call: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """`call(...)`, which is in C; where it may call Python for `values`, with looks between.

        `look` is given what each function has returned that C has called.
        """
        run = self.run
        quiet = run is None or (run.alone and not run.spin.on)
        if look is None or quiet or not self._asks(values):
            return call(*args, **kwargs)
        return self._looking(look, call, *args, **kwargs)

    def _looking(
        self, look: Callable[[Any], object], call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """`call(...)`, with a look whenever a function returns that C has called meanwhile.

        Not when a generator yields that others may have: it is not yet at rest, and to go on
        with it in another thread would crash this Python.
        """
        here: FrameType | None = sys._getframe()
        wrapper, shared = Containers._items.__code__, call is next  # of what it is made from
        itself = getattr(call, "__code__", None)

        def back(frame: FrameType, event: str, value: Any) -> None:
            if event != "return" or frame.f_code is itself:
                return
            if self._is_anybodys(frame) or (shared and frame.f_code is wrapper):
                return
            if frame.f_back is here or (
                self._rewritten(frame) and not self._rewritten(frame.f_back)
            ):
                look(value)

        before = sys.getprofile()
        sys.setprofile(back)
        try:
            return call(*args, **kwargs)
        finally:
            sys.setprofile(before)
            here = None  # no circle: what the call was given dies when it is over

    def _is_anybodys(self, frame: FrameType) -> bool:
        """Whether it is the frame of a generator of the program's that others may have."""
        if not frame.f_code.co_flags & CO_GENERATOR:
            return False
        if self.run is None or frame.f_globals.get("__package__") == __package__:
            return False
        return all(each.gi_frame is not frame for each in self.run.current.private)

    def _rewritten(self, frame: FrameType | None) -> bool:
        return frame is not None and self.known.get(id(frame.f_code), (None, False))[1]

    def _asks(self, values: tuple[Any, ...]) -> bool:
        """Whether one of these is a function in Python, or has such methods; or what is inside."""
        if any(is_python(v) and not self.is_private(v) for v in values):
            return True
        if any(asks(value) for value in values):
            return True
        return any(asks(each) for each in self._every(values, False))

    def within(self, values: tuple[Any, ...], objects: bool = False) -> tuple[Any, ...]:
        """The containers inside of these, at any depth: C compares and writes out them, too.

        With the `objects` there whose attributes it reads, where it does.
        """
        if self.run is None or (self.run.alone and not self.run.spin.on):
            return ()
        found = {id(each): each for each in self._every(values, objects)}
        return tuple([e for e in found.values() if is_container(e) or (objects and has_state(e))])

    def _every(self, values: tuple[Any, ...], objects: bool) -> Iterator[Any]:
        """All that is inside of these, at any depth."""
        waiting = [v for v in values if isinstance(v, NESTS) or (objects and has_state(v))]
        seen = {id(value): value for value in waiting}
        while waiting:
            value = waiting.pop()
            if not isinstance(value, NESTS):
                parts: Iterable[Any] = attributes_of(value)
            else:
                parts = chain(*inside(value)) if isinstance(value, dict) else inside(value)
            for each in parts:
                yield each
                nests = isinstance(each, NESTS) or (objects and has_state(each))
                if nests and id(each) not in seen:
                    seen[id(each)] = each
                    waiting.append(each)

    def compare(self, site: Site, kind: str, left: Any, right: Any) -> Any:
        test = TESTS[kind]
        if (type(left) in FLAT and type(right) in FLAT) or kind in ("Is", "IsNot"):
            return test(left, right)
        by_hash = kind in ("In", "NotIn") and isinstance(right, dict | set | frozenset)

        def look(*_: Any) -> None:
            more = () if by_hash else self.within((left, right))
            self._look(site, "read", (left, right), more)

        look()
        among = self.drawn(site, right) if kind in ("In", "NotIn") else right
        return self.through(
            look if self._is_in_c(left, right) else None, (left, right), test, left, among
        )

    def _is_in_c(self, *values: Any) -> bool:
        """Whether one of these is a container: else nothing is to be looked at between calls."""
        return any(isinstance(value, NESTS) or is_container(value) for value in values)

    def work_out(self, site: Site, sign: str, left: Any, right: Any) -> Any:
        writes_out = sign == "Mod" and isinstance(left, str | bytes)

        def look(*_: Any) -> None:
            self._look(site, "read", (left, right), self.within((right,)) if writes_out else ())

        look()
        between = look if self._is_in_c(left, right) else None
        return self.through(between, (left, right), SIGNS[sign], left, right)

    def add(self, site: Site, sign: str, old: Any, value: Any) -> Any:
        if type(old) in ALWAYS_SAME and type(value) in ALWAYS_SAME:
            return IN_PLACE[sign](old, value)
        if self.run is not None and is_container(old):
            self._look(site, "write", (old,), (value,))
            drawn = self.drawn(site, value)
            return self.through(
                lambda _: self._look(site, "change", (old,), (value,)),
                (old, drawn),
                IN_PLACE[sign],
                old,
                drawn,
            )
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
        seen = [owner for value in more for owner in self._inside(value) or self._object(value)]
        if owners or seen:
            token, write = self._token, kind in ("write", "change")
            draws = kind == "draw"  # an iterator is moved on by it, what it goes through is not
            kind = "call" if kind in ("change", "draw") else kind
            first = (owners or seen)[0]
            also = [(token(o), None, write or (draws and is_iterator(o))) for o in owners[1:]]
            also += [(token(owner), None, False) for owner in (seen if owners else seen[1:])]
            write = write or (draws and is_iterator(first))
            self.run.access(site, first, None, write, kind, tuple(also), first)

    def _look_at(self, site: Site, function: Any, args: tuple[Any, ...]) -> Any:
        """A call into C looks at the containers that it is given, or changes them.

        What it does so with, to be called again when C has called Python; None for what calls none.
        """
        if self.run is None:
            return None
        self.run.unread()
        if (function is isinstance or function is type) and 1 <= len(args) <= 2:
            registered.asks_class(self, site, *args[:2])
        if (function is isinstance or function is issubclass) and len(args) == 2:
            registered.asks(self, site, args[1])
        every = [owner for arg in args for owner in self._inside(arg)]
        looks = any(function is each for each in LOOKERS)
        pairs = function is dict and args and not isinstance(args[0], dict)
        deep = not looks or id(function) in DEEP or pairs
        objects = not looks and not isinstance(function, type)
        more = self._seen_in(args, objects) if deep else ()
        if not every and not more and looks:
            return None
        in_c = isinstance(function, BuiltinFunctionType)
        if id(function) in IN_ORDER or (in_c and function.__name__ == "join"):
            check_order(site, next(iter((*every, *more)), None))
        of_same = in_c and isinstance(function.__self__, SAME)  # of a str: "".join
        looks = of_same or looks
        draws = of_same or id(function) in DRAWS or looks_again(function)
        how = "draw" if draws else "call" if looks else "change"
        self._look(site, how, args, more)

        def look(value: Any) -> None:
            given = (*args, value)
            self._look(site, how, args, (value, *(self._seen_in(given, objects) if deep else ())))

        return look if deep or draws else None

    def _seen_in(self, values: tuple[Any, ...], objects: bool) -> tuple[Any, ...]:
        """What is inside of these, and those of them whose attributes are read."""
        own = tuple([value for value in values if has_state(value)]) if objects else ()
        return own + self.within(values, objects)

    def _inside(self, value: Any) -> tuple[Any, ...]:
        """The containers that one sees who looks at `value`; a view shows what is in a dict."""
        if type(value) in ALWAYS_SAME:
            return ()
        assert self.run is not None
        if type(value) not in self.opened:
            self.opens(type(value))
        own = (value,) if is_container(value) and not self.is_private(value) else ()
        unknown = own and id(value) not in self.run.sharing.shows
        if unknown and is_iterator(value) and type(value) is not GeneratorType:  # which is not kept
            self._shows(value, gone_through_by(value))  # it was made by C, as in `map(iter, rows)`
        shows = self.run.sharing.shows.get(id(value), ())
        inner = self.within(shows) if shows and id(value) in self.run.sharing.deep else ()
        return (*shows, *inner, *own)

    def _object(self, value: Any) -> tuple[Any, ...]:
        return (value,) if has_state(value) else ()

    def _shows(self, value: Any, owners: tuple[Any, ...]) -> None:
        """Who looks at `value` looks at `owners` as well."""
        assert self.run is not None
        self.run.sharing.show(value, owners)

    def _shows_later(self, function: Any, value: Any, args: tuple[Any, ...]) -> None:
        """An iterator in C looks at what it was made from at each turn."""
        assert self.run is not None
        if type(value) is GeneratorType and isinstance(function, FunctionType | MethodType):
            inside = [o for arg in args if not self.is_lazy_python(arg) for o in self._inside(arg)]
            self._shows(value, tuple(inside))  # of a library: looks into them when it goes on
            self.run.sharing.deep.add(id(value))
            return
        for each in value if function is itertools.tee else (value,):
            if is_iterator(each) and (function in (iter, reversed) or is_lazy(type(each))):
                self._shows(each, tuple(o for arg in args for o in self._inside(arg)))
                lazy = any(self.is_lazy_python(arg) for arg in args) or self._asks(args)
                if lazy:
                    self.run.sharing.lazy.add(id(each))
                rows = type(each) is itertools.starmap or function == FLATTEN
                if rows or (not lazy and any(map(callable, args))):  # `map(len, rows)`: at each
                    self.run.sharing.deep.add(id(each))
        if type(value) not in ALWAYS_SAME and not is_lazy(type(value)):
            given = tuple([owner for arg in args for owner in self._inside(arg)])
            if kept := kept_by(value, given):  # a writer of csv goes on to use its file
                self._shows(value, kept)

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
            if run is None or id(items) not in run.sharing.lazy:
                item = next(items, *default)
            else:
                look = lambda _: self._look(site, "draw", (items,))  # noqa: E731
                item = self._looking(look, next, items, *default)
            if run is not None and type(items) is itertools.groupby and type(item) is tuple:
                self._shows(item[1], self._inside(items))  # a group draws from the same
            return item
        return self.resumed(site, items, next, items, *default)

    def resumed(self, site: Site, generator: Any, call: Callable[..., Any], *args: Any) -> Any:
        """A call that lets a generator go on: nobody else can, up to its end."""
        if generator in self.turning:
            raise ValueError("generator already executing")
        self.turning.append(generator)
        try:
            return call(*args)
        finally:
            self._look(site, "draw", (generator,))
            self.turning.remove(generator)

    def delegate(self, site: Site, value: Any) -> Any:
        """What a `yield from` goes through in place of `value`."""
        value = self.stand(value)
        generator = type(value) is GeneratorType and self.run is not None
        return self._delegated(site, value) if generator else self.iterate(site, value)

    def _delegated(self, site: Site, generator: Any) -> Generator[Any, Any, Any]:
        """Hands on what is sent and thrown to a generator that others may have, too (PEP 380)."""
        call, args = generator.__next__, tuple[Any, ...]()
        while True:
            self._look(site, "draw", (generator,))
            try:
                item = self.resumed(site, generator, call, *args)
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                self.resumed(site, generator, generator.close)
                raise
            except BaseException as error:
                call, args = generator.throw, (error,)
            else:
                call, args = (generator.__next__, ()) if sent is None else (generator.send, (sent,))

    def drawn(self, site: Site, value: Any, deep: bool = False) -> Any:
        """What C draws item by item from an iterator that runs Python: each is a step.

        A `deep` one looks into each item, too: `dict(pairs)` at what is in each pair.
        """
        if self.run is None:
            return value
        items = self.iterate(site, value) if self.is_lazy_python(value) else value
        lazy = items is not value or type(value) is GeneratorType
        return self._looked_into(site, items) if deep and lazy else items

    def _looked_into(self, site: Site, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            if type(item) not in FLAT:
                self._look(site, "read", (item,), self.within((item,)))
            yield item

    def flattened(self, site: Site, rows: Iterator[Any]) -> Iterator[Any]:
        """`chain.from_iterable(rows)`, where to get the next row runs Python."""
        for row in self.iterate(site, rows):
            yield from self.iterate(site, row)

    def is_lazy_python(self, value: Any) -> bool:
        assert self.run is not None
        if type(value) is GeneratorType:
            return not self.is_private(value)
        return id(value) in self.run.sharing.lazy

    def is_private(self, value: Any) -> bool:
        """Whether it is a generator that nobody else can have."""
        if self.run is None or type(value) is not GeneratorType:
            return False
        return value in self.run.current.private

    def private(self, generator: Any) -> Any:
        """A generator that is an argument on the spot: nobody else can get hold of it."""
        if self.run is not None:
            self.run.current.private.add(generator)
        return generator

    def in_order(self, site: Site, members: Any) -> list[Any]:
        """The members of a set in one order that is the same in every run."""
        assert self.run is not None
        self.notes[f"line {site.line}: a set is gone through in one of its possible orders"] = None
        token = self.run.sharing.tokens.get
        return sorted(members, key=lambda member: rank(member, token))
