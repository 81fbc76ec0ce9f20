"""Which names a function binds, and which of them other threads may use."""

from __future__ import annotations

import ast
from typing import NamedTuple

Defined = ast.FunctionDef | ast.AsyncFunctionDef
Function = Defined | ast.Lambda


class Scope(NamedTuple):
    """What a function binds, and which of that its inner functions use."""

    bound: set[str]
    captured: set[str]
    declared_global: set[str]
    name: str  # of the local that stands for this call of the function; "" if none is needed


def targets(node: ast.AST) -> list[ast.Name]:
    return [n for n in ast.walk(node) if isinstance(n, ast.Name)]


def stored(node: ast.AST) -> str | None:
    """The name that a target, or a part of a pattern, gives a value to."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return node.id
    if isinstance(node, ast.MatchAs | ast.MatchStar):
        return node.name
    return node.rest if isinstance(node, ast.MatchMapping) else None


def _own_nodes(node: ast.AST) -> list[ast.AST]:
    """The nodes of a function, those of inner functions and classes left out."""
    found = list(ast.iter_child_nodes(node))
    for each in found:  # it grows meanwhile
        if not isinstance(each, Function | ast.ClassDef):
            found.extend(ast.iter_child_nodes(each))
    return found


def declared(node: ast.AST, kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    return {name for n in _own_nodes(node) if isinstance(n, kind) for name in n.names}


def bound_in(node: Function) -> set[str]:
    """The names that are local to a function."""
    names = {arg.arg for arg in arguments(node)}
    nodes = _own_nodes(node)
    inside = [g for g in nodes if isinstance(g, ast.comprehension)]
    theirs = {id(name) for g in inside for name in targets(g.target)}
    elsewhere: set[str] = set()
    for n in nodes:
        if (name := stored(n)) and id(n) not in theirs:
            names.add(name)
        elif isinstance(n, Defined | ast.ClassDef | ast.ExceptHandler) and n.name:
            names.add(n.name)
        elif isinstance(n, ast.alias):
            names.add(n.asname or n.name.split(".")[0])
        elif isinstance(n, ast.Global | ast.Nonlocal):
            elsewhere.update(n.names)
    return names - elsewhere


def used_inside(node: ast.AST) -> set[str]:
    """The names that inner functions take from outside."""
    found: set[str] = set()
    for n in _own_nodes(node):
        if isinstance(n, Function):
            used = {m.id for m in _own_nodes(n) if isinstance(m, ast.Name)}
            used |= declared(n, ast.Nonlocal)
            found |= (used | used_inside(n)) - bound_in(n)
        elif isinstance(n, ast.ClassDef):
            found |= {m.id for m in _own_nodes(n) if isinstance(m, ast.Name)} | used_inside(n)
    return found


def unread_in(node: Function) -> set[str]:
    """Local names that nobody reads: they count turns, say, for nothing."""
    read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not stored(n)}
    shared = {name for n in ast.walk(node) if isinstance(n, ast.Global | ast.Nonlocal)
              for name in n.names}  # fmt: skip
    asks = read & {"locals", "vars", "eval", "exec", "dir"}
    return set() if asks else bound_in(node) - read - shared


def settled(node: Function, name: str) -> bool:
    """Whether a variable has got its only value before any inner function could use it."""
    if isinstance(node, ast.Lambda) or name in _nonlocal(node):
        return isinstance(node, ast.Lambda)
    stores = [n for n in _own_nodes(node) if _binds(n, name)]
    if name in {arg.arg for arg in arguments(node)}:
        return not stores
    places = [i for i, statement in enumerate(node.body) if statement in stores] + [
        i
        for i, statement in enumerate(node.body)
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and any(n in stores for n in ast.walk(statement))
    ]
    if len(stores) != 1 or len(places) != 1:
        return False
    until = places[0] + isinstance(node.body[places[0]], ast.Assign | ast.AnnAssign)
    return name not in used_inside(ast.Module(node.body[:until], []))


def _nonlocal(node: ast.AST) -> set[str]:
    """The names that inner functions declare nonlocal."""
    return {name for n in ast.walk(node) if isinstance(n, ast.Nonlocal) for name in n.names}


def arguments(node: Function) -> list[ast.arg]:
    every = node.args
    given = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
    return [arg for arg in given if arg]


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, Defined | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.alias):
        return (node.asname or node.name.split(".")[0]) == name
    if isinstance(node, ast.ExceptHandler):
        return node.name == name
    return stored(node) == name
