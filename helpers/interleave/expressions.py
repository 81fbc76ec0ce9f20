"""How the expressions of a program are rewritten: names, attributes, items, calls, operators.

`Expressions` is the half of a `Rewriter` that knows no statement.
"""

from __future__ import annotations

import ast
import builtins
from types import FunctionType
from typing import Any, Protocol

from ..ending.wait_graph import is_library
from .scopes import (
    Scope,
    targets,
)
from .source import content, lines_of
from .step import Site
from .syntax import (
    check_module,
    refuse_syntax,
    text_of,
)

NO_NAMES = {"exec", "eval", "globals", "locals", "input", "breakpoint"}


class Pages(Protocol):
    """What a rewriter writes for: it numbers sites, and keeps what stands for marks."""

    hooks: Any
    atomic: str
    sites: list[Site]
    libraries: dict[int, str]  # by number of a site: the module it stands in, if not the learner's
    statements: int
    written: set[str]
    asynchronous: bool  # whether tasks of asyncio are followed in it, in place of threads

    def mark(self, thing: Any) -> ast.Constant: ...


class Expressions(ast.NodeTransformer):
    """What a `Rewriter` knows of its function, and how its expressions become steps."""

    def __init__(self, program: Pages, function: FunctionType, owner: str) -> None:
        self.program, self.function = program, function
        self.lines = lines_of(function)
        self.hook = program.mark(program.hooks)
        self.cells = dict(
            zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        )
        self.scopes: list[Scope] = []
        self.unread: tuple[str, ...] = ()  # local names that nothing reads
        self.classes = [owner] if owner else []
        self.statement: ast.stmt | None = None
        self.updated = ""  # what is under way is `updated += 1`
        self.number = self.temporary = 0

    # ------------------------------------------------------------ small tools

    def site(self, node: ast.AST, text: str = "") -> ast.Constant:
        line = getattr(node, "lineno", self.statement.lineno if self.statement else 0)
        source = self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""
        text = text or text_of(node)
        updates = text == self.updated
        site = Site(len(self.program.sites), line, source, text, self.number, updates)
        if is_library(self.function.__code__.co_filename):
            module = str(self.function.__globals__.get("__name__", ""))
            self.program.libraries[site.number] = module
        self.program.sites.append(site)
        return self.program.mark(site)

    def call(self, node: ast.AST, name: str, *args: ast.expr | str) -> ast.Call:
        """`hooks.name(*args)`, on the line of `node`."""
        function = ast.Attribute(self.hook, name, ast.Load())
        given = [ast.Constant(a) if isinstance(a, str) else a for a in args]
        return ast.copy_location(ast.Call(function, given, []), node)

    def mangled(self, name: str) -> str:
        private = name.startswith("__") and not name.endswith("__") and self.classes
        return f"_{self.classes[-1].lstrip('_')}{name}" if private else name

    def fresh(self) -> str:
        self.temporary += 1
        return f"_step_{self.temporary}"

    # ------------------------------------------------------------------ names

    def scope_of(self, name: str) -> ast.expr | None:
        """What stands for the variable's home, if another thread may use the variable."""
        for scope in reversed(self.scopes):
            if name in scope.declared_global:
                break
            if name in scope.bound:
                shared = name in scope.captured and scope.name
                return ast.Name(scope.name, ast.Load()) if shared else None
        else:
            if name in self.cells:
                return self.program.mark(self.cells[name])
        if name not in self.program.written:
            return None
        return self.program.mark(self.function.__globals__)

    def is_local(self, name: str) -> bool:
        for scope in reversed(self.scopes):
            if name in scope.declared_global:
                return False
            if name in scope.bound:
                return True
        return False

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Store | ast.Del):
            return node
        if not self.is_local(node.id) and (twin := self._twin(node)) is not None:
            return twin
        home = self.scope_of(node.id)
        if home is None:
            return node
        step = self.call(node, "name", self.site(node), home, node.id)
        return self.call(node, "seen", ast.BoolOp(ast.Or(), [step, node]))

    def _twin(self, node: ast.Name) -> ast.expr | None:
        """What a name from outside, or one of a builtin, means inside an exploration."""
        nowhere = object()
        cell = self.cells.get(node.id)
        value = content(cell) if cell else self.function.__globals__.get(node.id, nowhere)
        if value is nowhere:
            value = getattr(builtins, node.id, nowhere)
            if node.id in NO_NAMES and value is not nowhere:
                refuse_syntax(node, f"{node.id}()", "the source must say what is read and written")
        if value is nowhere:
            return None
        twin = self.program.hooks.twin(value)
        if twin is value:
            check_module(node, value, self.program.asynchronous)
            return None
        mark = self.program.mark(twin)
        # The code must go on to close over the same names: this one stays, and is never reached.
        return ast.BoolOp(ast.Or(), [mark, node]) if cell else mark

    def written_name(self, target: ast.Name, value: ast.expr) -> ast.expr:
        home = self.scope_of(target.id)
        if home is None:
            return value
        return self.call(target, "set_name", self.site(target), home, target.id, value)

    # ------------------------------------------------------------ expressions

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        site, value = self.site(node), self.visit(node.value)
        return self.call(node, "get", site, value, self.mangled(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        site, value = self.site(node), self.visit(node.value)
        return self.call(node, "item", site, value, self.index(node.slice))

    def index(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Slice):
            parts = [node.lower, node.upper, node.step]
            given = [self.visit(part) if part else ast.Constant(None) for part in parts]
            return self.call(node, "slice", *given)
        new: ast.expr = self.visit(node)
        return new

    def visit_Call(self, node: ast.Call) -> ast.expr:
        site, function = self.site(node), node.func
        if isinstance(function, ast.Name) and function.id == "super":
            return node
        if isinstance(function, ast.Attribute):
            value, name = self.visit(function.value), self.mangled(function.attr)
            called = self.call(node, "method", site, value, name)
        else:
            called = self.call(node, "function", site, self.visit(function))
        args = [self.argument(arg) for arg in node.args]
        keywords = [
            ast.keyword(k.arg, self.visit(k.value) if k.arg else self.whole(k.value))
            for k in node.keywords
        ]
        return ast.copy_location(ast.Call(called, args, keywords), node)

    def visit_Await(self, node: ast.Await) -> ast.Await:
        site = self.site(node, text_of(node.value))
        node.value = self.call(node, "awaited", site, self.visit(node.value))
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.YieldFrom:
        site = self.site(node.value)
        node.value = self.call(node, "delegate", site, self.visit(node.value))
        return node

    def argument(self, node: ast.expr) -> ast.expr:
        """Of a call; a generator that is written down there cannot have come to anybody else."""
        new: ast.expr = self.visit(node)
        return self.call(node, "private", new) if isinstance(node, ast.GeneratorExp) else new

    def whole(self, node: ast.expr) -> ast.expr:
        """The value of `node`, which is about to be looked at as a whole."""
        new: ast.expr = self.visit(node)
        looks = not isinstance(node, ast.Constant | ast.Compare | ast.UnaryOp | ast.BinOp)
        return self.call(node, "whole", self.site(node), new) if looks else new

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        if isinstance(node.ctx, ast.Load):
            node.value = self.call(node, "iterate", self.site(node.value), self.visit(node.value))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1:
            left, right = self.visit(node.left), self.visit(node.comparators[0])
            kind = type(node.ops[0]).__name__
            return self.call(node, "compare", self.site(node), kind, left, right)
        node.left = self.whole(node.left)
        node.comparators = [self.whole(each) for each in node.comparators]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        return self.call(node, "work_out", self.site(node), type(node.op).__name__, left, right)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        node.values = [self.whole(value) for value in node.values]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self.whole(node.operand)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        """Written out by the hooks, as far as that may call Python."""
        how = (
            chr(node.conversion)
            if node.conversion > 0
            else "by a format"
            if node.format_spec
            else ""
        )
        if not isinstance(node.value, ast.Constant):
            value = self.visit(node.value)
            node.value = self.call(node, "text", self.site(node.value), value, how)
            node.conversion = -1
        if node.format_spec:
            node.format_spec = self.visit(node.format_spec)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        node.test = self.whole(node.test)
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        value = self.visit(node.value)
        node.value = self.written_name(node.target, value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        if node.is_async and not self.program.asynchronous:
            refuse_syntax(node.iter, "async for")
        iterate = "iterate_async" if node.is_async else "iterate"
        node.iter = self.call(node.iter, iterate, self.site(node.iter), self.visit(node.iter))
        node.ifs = [self.whole(test) for test in node.ifs]
        return node

    def comprehension(self, node: Any) -> Any:
        """Its own names are its own; all else belongs to the function around it."""
        bound = {n.id for g in node.generators for n in targets(g.target)}
        self.scopes.append(Scope(bound, set(), set(), ""))
        node.generators = [self.visit(g) for g in node.generators]
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                setattr(node, part, self.visit(getattr(node, part)))
        self.scopes.pop()
        return node

    visit_GeneratorExp = comprehension

    def display(self, node: ast.expr) -> ast.expr:
        """A new container: the same one in every run."""
        comprehended = isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp)
        new: Any = self.comprehension(node) if comprehended else self.generic_visit(node)
        stored: bool = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        return new if stored else self.call(node, "made", new)

    visit_ListComp = visit_SetComp = visit_DictComp = display
    visit_List = visit_Set = display

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        pairs = list(zip(node.keys, node.values, strict=True))
        node.keys = [self.visit(key) if key else None for key, _ in pairs]
        node.values = [self.visit(v) if key else self.whole(v) for key, v in pairs]  # {**other}
        return self.call(node, "made", node)
