"""Classes that are registered with an abstract one: who asks for an instance depends on that.

All registries are one place: what `isinstance` finds depends on what was registered with
the class, with those that inherit from it, and with those that were registered with these.
"""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]
import abc
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

from ..ending.wait_graph import is_learners
from .step import Site
from .things import ALWAYS_SAME

CHANGES = ("register", "_abc_registry_clear")
READS = ("__instancecheck__", "__subclasscheck__")


def change_of(function: FunctionType) -> bool | None:
    """Whether it is one that changes a registry; None if it has nothing to do with them."""
    if function.__globals__ is not vars(abc):
        return None
    name = function.__name__
    return True if name in CHANGES else False if name in READS else None


def changes(hooks: Any, site: Site, kinds: Any) -> None:
    """About to register something with the class, or to forget what was."""
    if (run := hooks.run) is not None:
        run.access(site, run.sharing.registries, None, True, "call")
        run.sharing.registered += 1
        for kind in _abstract(kinds):
            hooks.undo.calls((id(kind), "registry"), kind, _registry_of(kind))


def asks(hooks: Any, site: Site, kinds: Any) -> None:
    """About to ask whether something is, or inherits from, one of these."""
    if (run := hooks.run) is None:
        return
    for kind in _abstract(kinds):
        run.access(site, run.sharing.registries, None, False, "call")
        # What is found out before a change holds in other runs, too, unless the program decides.
        if run.sharing.registered or _decides(kind):
            hooks.undo.calls((id(kind), "asked"), kind, partial(_forget, kind))


def cache_token(hooks: Any) -> int:
    """How often something was registered in this run: what Python says goes on over all runs."""
    run = hooks.run
    run.access(run.current.site, run.sharing.registries, None, False, "call")
    run.called(run.sharing.registered)
    return int(run.sharing.registered)


def asks_class(hooks: Any, site: Site, thing: Any, kinds: Any = None) -> None:
    """About to ask for the class of something: where classes change, that is a step.

    What a protocol is asked about is asked which attributes it has.
    """
    if hooks.run is not None and any(getattr(k, "_is_protocol", False) for k in _abstract(kinds)):
        for each in (thing, *type(thing).__mro__[:-1]):
            hooks.run.access(site, each, None, False, "call")
    if hooks.run is not None and hooks.classes_change and type(thing) not in ALWAYS_SAME:
        hooks.run.access(site, thing, "__class__", False, "read")


def _abstract(kinds: Any) -> Iterator[Any]:
    """The abstract classes among what `isinstance` may be given: a class, a tuple, a union."""
    if isinstance(kinds, abc.ABCMeta):
        yield kinds
    elif not isinstance(kinds, type):
        parts = kinds if isinstance(kinds, tuple) else getattr(kinds, "__args__", ())
        for each in parts if isinstance(parts, tuple) else ():
            yield from _abstract(each)


def _decides(kind: Any) -> bool:
    """Whether a `__subclasshook__` of the program's may say something else in the next run."""
    function = getattr(kind.__subclasshook__, "__func__", None)
    return isinstance(function, FunctionType) and is_learners(function.__code__.co_filename)


def _registry_of(kind: Any) -> Callable[[], object]:
    """What makes the registry of a class what it is now."""
    before = [reference() for reference in _abc._get_dump(kind)[0]]

    def back() -> None:
        _abc._reset_registry(kind)
        for each in before:
            if each is not None:
                _abc._abc_register(kind, each)
        for base in kind.__mro__:
            if isinstance(base, abc.ABCMeta):
                _abc._reset_caches(base)

    return back


def _forget(kind: Any) -> None:
    """What a class and those that inherit from it have found out about others."""
    _abc._reset_caches(kind)
    for each in type.__subclasses__(kind):
        _forget(each)
