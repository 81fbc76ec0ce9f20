"""The patterns of a `match`, written as tests whose every look at the subject is a step.

`case Point(0, y)` becomes, where the subject is in the name `s`,

    (found := fields(step, s, Point, 2)) and (a := found[0],) and a == 0 and (y := found[1],)

each part in the order of Python, so that one that is not reached is not looked at. (A tuple of
one is true whatever it holds.) The names that a pattern binds get their values once all of it has
matched, as they may be shared. Below the writer stand the functions that the tests call.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any

from . import registered
from .step import NOTHING, Site

ITSELF = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)


class Tests:
    """Of one `case`: `names` are what its pattern binds, each with the temporary that has it."""

    def __init__(self, rewriter: Any) -> None:
        self.rewriter = rewriter
        self.names: dict[str, str] = {}

    def test(self, pattern: ast.pattern, subject: str) -> ast.expr:
        """True where the subject, which is in a name, is like `pattern`."""
        write = getattr(self, f"_{type(pattern).__name__}")
        test: ast.expr = ast.copy_location(write(pattern, subject), pattern)
        return test

    # ------------------------------------------------------------- small tools

    def ask(
        self, pattern: ast.pattern, function: Callable[..., Any], subject: str, *args: Any
    ) -> ast.expr:
        """`function(hooks, site, subject, *args)`."""
        rewriter = self.rewriter
        given = [arg if isinstance(arg, ast.expr) else ast.Constant(arg) for arg in args]
        first = [rewriter.hook, rewriter.site(pattern), _load(subject)]
        ours = rewriter.program.mark(sys.modules[__name__])
        called = ast.Attribute(ours, function.__name__, ast.Load())
        return ast.Call(called, [*first, *given], [])

    def named(self, value: ast.expr) -> tuple[ast.expr, str]:
        """A test that is always passed and puts `value` into a temporary."""
        name = self.rewriter.fresh()
        return _bind(name, value), name

    def bound(self, name: str, value: ast.expr) -> ast.expr:
        return _bind(self.names.setdefault(name, self.rewriter.fresh()), value)

    def part(self, pattern: ast.pattern, value: ast.expr) -> list[ast.expr]:
        """The tests of a part of the subject."""
        if _is_wildcard(pattern):
            return []
        keep, name = self.named(value)
        return [keep, self.test(pattern, name)]

    def parts(self, patterns: list[ast.pattern], found: str) -> list[ast.expr]:
        """The same for parts that have been found, in order, in a tuple or list."""
        tests = [self.part(each, _item(found, i)) for i, each in enumerate(patterns)]
        return [test for each in tests for test in each]

    # ---------------------------------------------------------------- patterns

    def _MatchValue(self, pattern: ast.MatchValue, subject: str) -> ast.expr:
        site, value = self.rewriter.site(pattern), self.rewriter.visit(pattern.value)
        called: ast.expr = self.rewriter.call(pattern, "compare", site, "Eq", _load(subject), value)
        return called

    def _MatchSingleton(self, pattern: ast.MatchSingleton, subject: str) -> ast.expr:
        return ast.Compare(_load(subject), [ast.Is()], [ast.Constant(pattern.value)])

    def _MatchAs(self, pattern: ast.MatchAs, subject: str) -> ast.expr:
        first = [self.test(pattern.pattern, subject)] if pattern.pattern else []
        last = [self.bound(pattern.name, _load(subject))] if pattern.name else []
        return _all([*first, *last])

    def _MatchOr(self, pattern: ast.MatchOr, subject: str) -> ast.expr:
        return ast.BoolOp(ast.Or(), [self.test(each, subject) for each in pattern.patterns])

    def _MatchSequence(self, pattern: ast.MatchSequence, subject: str) -> ast.expr:
        parts, size = pattern.patterns, len(pattern.patterns)
        stars = [i for i, each in enumerate(parts) if isinstance(each, ast.MatchStar)]
        star = stars[0] if stars else None
        fits = self.ask(pattern, is_sequence, subject, size - len(stars), bool(stars))
        if all(_is_wildcard(each) for each in parts):
            return fits
        if star is not None and _is_wildcard(parts[star]):  # only what is needed is looked at
            tests = [self._one(p, subject, i, i - size * (i > star)) for i, p in enumerate(parts)]
            return _all([fits, *(test for each in tests for test in each)])
        taken, found = self.named(self.ask(pattern, unpacked, subject, size, star))
        return _all([fits, taken, *self.parts(parts, found)])

    def _one(self, pattern: ast.pattern, subject: str, at: int, index: int) -> list[ast.expr]:
        """The tests of one item; a negative index counts from the end, as it is by then."""
        if index >= 0:
            site = self.rewriter.site(pattern)
            item = self.rewriter.call(pattern, "item", site, _load(subject), ast.Constant(at))
            return self.part(pattern, item)
        return self.part(pattern, self.ask(pattern, from_the_end, subject, -index))

    def _MatchStar(self, pattern: ast.MatchStar, subject: str) -> ast.expr:
        assert pattern.name is not None
        return self.bound(pattern.name, _load(subject))

    def _MatchMapping(self, pattern: ast.MatchMapping, subject: str) -> ast.expr:
        tests = [self.ask(pattern, is_mapping, subject, len(pattern.keys))]
        keys = ast.Tuple([self.rewriter.visit(key) for key in pattern.keys], ast.Load())
        if pattern.keys or pattern.rest:
            keep, given = self.named(keys)
            tests.append(keep)
        if pattern.keys:
            keep, found = self.named(self.ask(pattern, values_of, subject, _load(given)))
            there = ast.Compare(_load(found), [ast.IsNot()], [ast.Constant(None)])
            tests += [keep, there, *self.parts(pattern.patterns, found)]
        if pattern.rest:
            rest = self.ask(pattern, all_but, subject, _load(given))
            tests.append(self.bound(pattern.rest, rest))
        return _all(tests)

    def _MatchClass(self, pattern: ast.MatchClass, subject: str) -> ast.expr:
        kind, names = self.rewriter.visit(pattern.cls), pattern.kwd_attrs
        fields = self.ask(pattern, fields_of, subject, kind, len(pattern.patterns), *names)
        keep, found = self.named(fields)
        there = ast.Compare(_load(found), [ast.IsNot()], [ast.Constant(None)])
        parts = [*pattern.patterns, *pattern.kwd_patterns]
        return _all([keep, there, *self.parts(parts, found)])


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _bind(name: str, value: ast.expr) -> ast.expr:
    return ast.Tuple([ast.NamedExpr(ast.Name(name, ast.Store()), value)], ast.Load())


def _item(name: str, index: int) -> ast.expr:
    return ast.Subscript(_load(name), ast.Constant(index), ast.Load())


def _all(tests: list[ast.expr]) -> ast.expr:
    if len(tests) < 2:
        return tests[0] if tests else ast.Constant(True)
    return ast.BoolOp(ast.And(), tests)


def _is_wildcard(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchStar):
        return pattern.name is None
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None and pattern.name is None


# --------------------------------------------------------------- what the tests call


def is_sequence(hooks: Any, site: Site, subject: Any, fewest: int, more: bool) -> bool:
    """Whether it is a sequence with so many items, or `more`."""
    match subject:
        case [*_]:
            if more and not fewest:  # [*all]: nobody asks how many
                return True
            length = len(hooks.whole(site, subject))
            return bool(length >= fewest if more else length == fewest)
    return False


def unpacked(hooks: Any, site: Site, subject: Any, size: int, star: int | None) -> list[Any]:
    """The items of the subject, one for each pattern: between it and its length it may change."""
    items = iter(hooks.whole(site, subject))
    before = size if star is None else star
    found = list(islice(items, before))
    if star is None:
        if len(found) == size and next(items, NOTHING) is not NOTHING:
            raise ValueError(f"too many values to unpack (expected {size})")
        needed = f"{size}"
    else:
        found += items
        needed = f"at least {size - 1}"
    if len(found) < size - (star is not None):
        raise ValueError(f"not enough values to unpack (expected {needed}, got {len(found)})")
    if star is not None:
        end = len(found) - (size - 1 - star)
        found[star:end] = [hooks.made(found[star:end])]
    return found


def from_the_end(hooks: Any, site: Site, subject: Any, back: int) -> Any:
    length = len(hooks.whole(site, subject))
    return hooks.item(site, subject, length - back)


def is_mapping(hooks: Any, site: Site, subject: Any, fewest: int) -> bool:
    match subject:
        case {}:
            return not fewest or len(hooks.whole(site, subject)) >= fewest
    return False


def values_of(hooks: Any, site: Site, subject: Any, keys: tuple[Any, ...]) -> list[Any] | None:
    """The values of `keys`, all of which a dict looks up in one step; None if one is missing."""
    plain = type(subject).get is dict.get
    if plain and len(keys) > 1:
        get = hooks.whole(site, subject).get
    else:
        get = hooks.method(site, subject, "get")
    found = []
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise ValueError(f"mapping pattern checks duplicate key ({key!r})")
        found.append(get(key, NOTHING))
        if found[-1] is NOTHING:
            return None
    return found


def all_but(hooks: Any, site: Site, subject: Any, keys: tuple[Any, ...]) -> dict[Any, Any]:
    rest: dict[Any, Any] = {}
    rest.update(hooks.whole(site, subject))
    for key in keys:
        del rest[key]
    made: dict[Any, Any] = hooks.made(rest)
    return made


def fields_of(
    hooks: Any, site: Site, subject: Any, kind: Any, positional: int, *names: str
) -> list[Any] | None:
    """The attributes that a class pattern asks for, None where the subject is no such thing."""
    registered.asks_class(hooks, site, subject, kind)
    registered.asks(hooks, site, kind)
    match subject:
        case kind():
            pass
        case _:
            return None
    found, asked = [], list(names)
    if positional:
        order = getattr(kind, "__match_args__", NOTHING)
        itself = order is NOTHING and issubclass(kind, ITSELF)
        order = () if order is NOTHING else order
        if type(order) is not tuple:
            got = type(order).__name__
            raise TypeError(f"{kind.__name__}.__match_args__ must be a tuple (got {got})")
        allowed = 1 if itself else len(order)
        if allowed < positional:
            many = "" if allowed == 1 else "s"
            raise TypeError(
                f"{kind.__name__}() accepts {allowed} positional sub-pattern{many} "
                f"({positional} given)"
            )
        found = [subject] if itself else []
        asked = [*([] if itself else order[:positional]), *names]
    for i, name in enumerate(asked):
        if not isinstance(name, str):
            got = type(name).__name__
            raise TypeError(f"__match_args__ elements must be strings (got {got})")
        if name in asked[:i]:
            raise TypeError(f"{kind.__name__}() got multiple sub-patterns for attribute {name!r}")
        try:
            found.append(hooks.get(site, subject, name))
        except AttributeError:
            return None
    return found
