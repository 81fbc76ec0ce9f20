"""What library code does that is taken as one step: it looks at what it is given, or changes it."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from . import registered
from .accesses import Accesses
from .foreign import is_one_step, looks_again, may_change
from .step import Site
from .things import ALWAYS_SAME, dict_of, is_iterator


class OneStep(Accesses):
    """Calls of functions and of methods whose inside is not followed."""

    def _unfollowed(self, site: Site, function: FunctionType) -> Any:
        """A function of a library that is one step: looks at what it is given, or changes it."""
        if (changes := registered.change_of(function)) is not None:
            return lambda kind, *args: self._of_registry(site, changes, kind, function, kind, *args)

        def called(*args: Any, **kwargs: Any) -> Any:
            every = (*args, *kwargs.values())
            if self.run is not None and ALWAYS_SAME.issuperset(map(type, every)):
                self.run.unread()
                value = function(*args, **kwargs)
            elif self.run is not None:
                if not is_one_step(function):
                    self.unfollowed.setdefault(function.__qualname__, site.line)
                look = self._look_at(site, function, every)
                asks = function.__module__ == "inspect"  # about the generator, and draws nothing
                drawn = args if asks else tuple([self.drawn(site, arg, True) for arg in args])
                began = len(self.run.events)
                value = self.through(look, every, function, *drawn, **kwargs)
                self._looked_again(site, function, every, began)
            else:
                value = function(*args, **kwargs)
            if self.run is None:
                return value
            self._shows_later(function, value, every)
            if type(value) in self.stands:  # a cache around a function, say
                self.made(value)
            return self.run.called(value)

        return called

    def _of_registry(
        self, site: Site, changes: bool, kind: Any, method: Callable[..., Any], *args: Any
    ) -> Any:
        """A method of an abstract class, which looks into the registries, or changes one."""
        (registered.changes if changes else registered.asks)(self, site, kind)
        return method(*args) if self.run is None else self.run.called(method(*args))

    def _one_step(self, site: Site, owner: Any, method: Any) -> Any:
        """A method of a library's object, whose inside is not followed: it may change it."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.run is None:
                return method(*args, **kwargs)
            self.run.current.site = site
            seen = [each for arg in (owner, *args) for each in self._inside(arg)]
            seen = [each for each in seen if each is not owner]
            changes = not looks_again(method)
            also = tuple((self._token(e), None, changes or is_iterator(e)) for e in seen)
            also += tuple((self._token(each), None, False) for each in self.within(args))
            write = may_change(owner, method.__name__)
            for each in (owner, *seen) if write else seen:
                self.save(each)

            def look(value: Any) -> None:
                if self.run is not None:
                    more = tuple((self._token(e), None, False) for e in self.within((value,)))
                    self.run.access(site, owner, None, write, "call", also + more, owner)

            look(None)
            drawn = [self.drawn(site, arg, True) for arg in args]
            began = len(self.run.events)
            value = self.through(look, (owner, *args), method, *drawn, **kwargs)
            self._looked_again(site, method, args, began)
            if self.run is not None:
                self._shows_later(method, value, (owner, *args, *kwargs.values()))
            if self.run is not None and type(value) is dict and value is dict_of(owner):
                self.run.sharing.namespace(value, owner, self.run.current)
            return self.run.called(value) if self.run is not None else value

        return called

    def _looked_again(self, site: Site, function: Any, args: tuple[Any, ...], began: int) -> None:
        """It was one step, and looks several times: right unless another task writes meanwhile.

        So there is a step at its end as well, and who writes between the two is found.
        """
        if self.run is None or not looks_again(function):
            return
        self._look(site, "call", args, self._seen_in(args, True))
        if self.run is None or began == 0:
            return
        me, looked = self.run.events[began - 1].task, self.run.events[began - 1].accesses
        seen = {token for token, _, _ in looked}
        for event in self.run.events[began:]:
            if event.task != me and any(write and t in seen for t, _, write in event.accesses):
                self.unfollowed.setdefault(function.__qualname__, site.line)
