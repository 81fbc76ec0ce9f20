"""The source of a program, rewritten so that every shared access is a step.

`total += 1` becomes, where `total` is shared,

    total = step.write('total', step.add('+', step.read('total') or total, 1))

and `lock.acquire()` becomes `step.method(lock, 'acquire')()`. What `step` does
in between is the business of `hooks`: it may let another thread go on. Names
that mean `threading`, `queue`, `time` become their twins. Syntax that could not
be followed is refused by name: to miss a step would be worse.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from .expressions import Expressions
from .patterns import Tests
from .scopes import (
    Defined,
    Function,
    Scope,
    bound_in,
    declared,
    settled,
    stored,
    unread_in,
    used_inside,
)
from .source import content
from .syntax import (
    BY_ITSELF,
    COURSE,
    MAY_BE_USED,
    OF_TASKS,
    elsewhere,
    name_at,
    named,
    passed_on,
    refuse_syntax,
    text_of,
    way_round,
)

REFUSED = {
    ast.AsyncFunctionDef: "async def",
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.Await: "await",
}
MARK = "\0interleave "


class Rewriter(Expressions):
    """One function: shared accesses become calls of the hooks."""

    def rewritten(self, node: Function, original: FunctionType | None) -> Function:
        """The function; a thread that is no task, and comes here, runs the `original`."""
        given, keywords = passed_on(node.args)
        if isinstance(node, Defined):
            node.decorator_list, node.returns = [], None
        new: Function = self.visit(node)
        if original is None:
            return ast.fix_missing_locations(new)
        call = self.call(node, "plainly", self.program.mark(original))
        call.args += given
        call.keywords = keywords
        foreign = self.call(node, "foreign")
        if isinstance(new, ast.Lambda):
            new.body = ast.copy_location(ast.IfExp(foreign, call, new.body), new.body)
            return ast.fix_missing_locations(new)
        first = ast.copy_location(ast.If(foreign, self._as_it_was(call), []), node)
        has_text = ast.get_docstring(new, clean=False) is not None
        new.body.insert(int(has_text), first)
        return ast.fix_missing_locations(new)

    def _as_it_was(self, call: ast.expr) -> list[ast.stmt]:
        """Give what the call of the original gives."""
        flags = self.function.__code__.co_flags
        if flags & inspect.CO_ASYNC_GENERATOR:
            name = self.fresh()
            each = ast.Expr(ast.Yield(ast.Name(name, ast.Load())))
            target = ast.Name(name, ast.Store())
            return [ast.AsyncFor(target, call, [each], []), ast.Return(None)]
        if flags & inspect.CO_COROUTINE:
            return [ast.Return(ast.Await(call))]
        return [ast.Return(ast.YieldFrom(call) if flags & inspect.CO_GENERATOR else call)]

    # -------------------------------------------------------------- statements

    def visit(self, node: ast.AST) -> Any:
        if type(node) in REFUSED and not self.program.asynchronous:
            refuse_syntax(node, REFUSED[type(node)], OF_TASKS)
        if isinstance(node, ast.stmt) and not isinstance(node, Defined | ast.ClassDef):
            before = self.statement, self.number
            self.program.statements += 1
            self.statement, self.number = node, self.program.statements
            try:
                return super().visit(node)
            finally:
                self.statement, self.number = before
        return super().visit(node)

    def store(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        """`target = value`, the write being a step."""
        if isinstance(target, ast.Name):
            value = self.written_name(target, value)
            return [ast.copy_location(ast.Assign([target], value), target)]
        if isinstance(target, ast.Attribute):
            owner, name = self.visit(target.value), self.mangled(target.attr)
            step = self.call(target, "set", self.site(target), owner, name, value)
        elif isinstance(target, ast.Subscript):
            owner, index = self.visit(target.value), self.index(target.slice)
            step = self.call(target, "set_item", self.site(target), owner, index, value)
        else:
            return self.unpack(target, value)
        return [ast.copy_location(ast.Expr(step), target)]

    def unpack(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        """Into plain names first, then into the targets one by one, as Python does."""
        plain, stores = self.plain(target)
        iterated = self.call(target, "iterate", self.site(target), value)
        first = ast.copy_location(ast.Assign([plain], iterated), target)
        return [first, *stores]

    def plain(self, target: ast.expr) -> tuple[ast.expr, list[ast.stmt]]:
        """A target of local names only, and the statements that store what they got."""
        if isinstance(target, ast.Name) and self.scope_of(target.id) is None:
            return target, []
        if isinstance(target, ast.Starred):
            inner, stores = self.plain(target.value)
            return ast.copy_location(ast.Starred(inner, ast.Store()), target), stores
        if isinstance(target, ast.Tuple | ast.List):
            parts = [self.plain(part) for part in target.elts]
            whole = ast.Tuple([part for part, _ in parts], ast.Store())
            return ast.copy_location(whole, target), [s for _, each in parts for s in each]
        name = self.fresh()
        stores = self.store(target, ast.Name(name, ast.Load()))
        return ast.copy_location(ast.Name(name, ast.Store()), target), stores

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        with self.updating(node.targets[0], node.value):
            value = self.visit(node.value)
            if len(node.targets) == 1:
                return self.store(node.targets[0], value)
        name = self.fresh()
        first = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), node)
        stores = [self.store(t, ast.Name(name, ast.Load())) for t in node.targets]
        return [first, *(statement for each in stores for statement in each)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return node if isinstance(node.target, ast.Name) else ast.Pass()
        if isinstance(node.target, ast.Name) and self.scope_of(node.target.id) is None:
            node.value = self.visit(node.value)
            return node
        stores: Any = self.store(node.target, self.visit(node.value))
        if isinstance(node.target, ast.Name):  # the annotation says that the name is local
            return [ast.AnnAssign(node.target, node.annotation, None, 1), *stores]
        return stores

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        """Read, work out, write: three things, in the order of Python."""
        with self.updating(node.target, ast.BinOp(node.target, node.op, node.value)):
            return self._added(node)

    @contextmanager
    def updating(self, target: ast.expr, value: ast.expr) -> Iterator[None]:
        """Where `target = value` only adds a constant, what it reads of `target` stays there."""
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
            same = text_of(value.left) == text_of(target) and self._is_steady(target)
            self.updated = text_of(target) if same and isinstance(value.right, ast.Constant) else ""
        try:
            yield
        finally:
            self.updated = ""

    def _is_steady(self, target: ast.expr) -> bool:
        """Whether it means the same place a moment later: nobody else binds its names."""
        if isinstance(target, ast.Name):
            return True
        names = [n for n in ast.walk(target) if isinstance(n, ast.Name)]
        inner = target.value if isinstance(target, ast.Attribute | ast.Subscript) else None
        key = target.slice if isinstance(target, ast.Subscript) else None
        return (
            isinstance(inner, ast.Name)
            and isinstance(key, ast.Name | ast.Constant | None)
            and all(self.scope_of(name.id) is None for name in names)
        )

    def _added(self, node: ast.AugAssign) -> list[ast.stmt]:
        sign, target = type(node.op).__name__, node.target
        before: list[ast.stmt] = []
        if isinstance(target, ast.Name):
            old: ast.expr = self.visit(ast.copy_location(ast.Name(target.id, ast.Load()), target))
            new = self.call(node, "add", self.site(target), sign, old, self.visit(node.value))
            return self.store(target, new)

        def once(expression: ast.expr) -> ast.Name:
            name = self.fresh()
            before.append(
                ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], expression), node)
            )
            return ast.Name(name, ast.Load())

        owner, text = once(self.visit(target.value)), text_of(target)
        if isinstance(target, ast.Attribute):
            key: ast.expr = ast.Constant(self.mangled(target.attr))
            get, put = "get", "set"
        else:
            key, get, put = once(self.index(target.slice)), "item", "set_item"
        old = self.call(node, get, self.site(target, text), owner, key)
        new = self.call(node, "add", self.site(target, text), sign, old, self.visit(node.value))
        last = self.call(node, put, self.site(target, text), owner, key, new)
        return [*before, ast.copy_location(ast.Expr(last), node)]

    def visit_Delete(self, node: ast.Delete) -> list[ast.stmt]:
        return [statement for target in node.targets for statement in self.deleted(target)]

    def deleted(self, target: ast.expr) -> list[ast.stmt]:
        plain: ast.stmt = ast.copy_location(ast.Delete([target]), target)
        if isinstance(target, ast.Attribute):
            owner, name = self.visit(target.value), self.mangled(target.attr)
            step = self.call(target, "delete", self.site(target), owner, name)
        elif isinstance(target, ast.Subscript):
            owner, index = self.visit(target.value), self.index(target.slice)
            step = self.call(target, "delete_item", self.site(target), owner, index)
        elif isinstance(target, ast.Name) and (home := self.scope_of(target.id)) is not None:
            none = ast.Constant(None)
            step = self.call(target, "set_name", self.site(target), home, target.id, none)
            return [ast.copy_location(ast.Expr(step), target), plain]
        else:
            return [plain]
        return [ast.copy_location(ast.Expr(step), target)]

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AsyncFor:
        turns = self.call(node.iter, "iterate_async", self.site(node.iter), self.visit(node.iter))
        node.iter, turn = turns, self.call(node, "tick")
        node.target, stores = self.plain(node.target)
        tick = ast.copy_location(ast.Expr(turn), node)
        node.body = [tick, *stores, *self.block(node.body)]
        node.orelse = self.block(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        endless, site = self.is_endless(node.iter), self.site(node.iter)
        turn, before = self.call(node, "tick"), list[ast.stmt]()
        if endless:  # a `while True`, whose iterator nobody else can have
            before.append(self.begins(node, site))
            names = self.call(node, "locals")
            turn = self.call(node, "again", site, names, self.program.mark(self.unread))
            node.iter = self.visit(node.iter)
        else:
            node.iter = self.call(node.iter, "iterate", site, self.visit(node.iter))
        node.target, stores = self.plain(node.target)
        tick = ast.copy_location(ast.Expr(turn), node)
        node.body = [tick, *stores, *self.block(node.body)]
        node.orelse = self.block(node.orelse)
        return [*before, node]

    def begins(self, node: ast.For | ast.While, site: ast.expr) -> ast.stmt:
        """Its first turn comes after none, though it may have been gone through before."""
        return ast.copy_location(ast.Expr(self.call(node, "begins", site)), node)

    def is_endless(self, node: ast.expr) -> bool:
        """Whether it is `count()`, `repeat()` or `iter(function, last)`, written down here."""
        if not isinstance(node, ast.Call) or node.keywords:
            return False
        called = self.known(node.func)
        return (called is itertools.count or called is itertools.repeat) or (
            called is iter and len(node.args) == 2
        )

    def known(self, node: ast.expr) -> Any:
        """What a name from outside, or a name of a module, means; None if that is not known."""
        if isinstance(node, ast.Attribute):
            module = self.known(node.value)
            return getattr(module, node.attr, None) if isinstance(module, ModuleType) else None
        if not isinstance(node, ast.Name) or self.is_local(node.id):
            return None
        if node.id in self.cells:
            return content(self.cells[node.id])
        return self.function.__globals__.get(node.id, getattr(builtins, node.id, None))

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        """At each turn the hooks see the local names: a turn that changed nothing waits."""
        names = self.call(node, "locals")
        unread, site = self.program.mark(self.unread), self.site(node, text_of(node.test))
        again = self.call(node, "again", site, names, unread)
        node.test = ast.copy_location(ast.BoolOp(ast.And(), [again, self.whole(node.test)]), node)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return [self.begins(node, site), node]

    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self.whole(node.test)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    def visit_Match(self, node: ast.Match) -> list[ast.stmt]:
        """One `if` for each case; a guard may send on to the next one after names are bound."""
        subject, done = self.fresh(), self.fresh()
        found = [self.local(node, subject, self.visit(node.subject))]
        found.append(self.local(node, done, ast.Constant(False)))
        for case in node.cases:
            self.program.statements += 1
            self.number = self.program.statements  # a case is on a line of its own
            tests = Tests(self)
            matches = tests.test(case.pattern, subject)
            free = ast.UnaryOp(ast.Not(), ast.Name(done, ast.Load()))
            test = ast.BoolOp(ast.And(), [free, matches])
            names = [
                statement
                for name, its in tests.names.items()
                for statement in self.store(name_at(case.pattern, name), ast.Name(its, ast.Load()))
            ]
            guard = self.whole(case.guard) if case.guard else None
            body = [self.local(case.pattern, done, ast.Constant(True)), *self.block(case.body)]
            if guard is not None:
                body = [ast.copy_location(ast.If(guard, body, []), case.pattern)]
            found.append(ast.copy_location(ast.If(test, [*names, *body], []), case.pattern))
        return found

    def local(self, node: ast.AST, name: str, value: ast.expr) -> ast.stmt:
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), node)

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        """Without words of its own, a failed assertion says what it asserted."""
        says = self.call(node, "failing", text_of(node.test), named(node.test))
        node.test = self.whole(node.test)
        node.msg = self.visit(node.msg) if node.msg else says
        return node

    def visit_With(self, node: Any) -> Any:
        enter = "enter_async" if isinstance(node, ast.AsyncWith) else "enter"
        stores: list[ast.stmt] = []
        for item in node.items:
            entered = item.context_expr
            site = self.site(entered)
            item.context_expr = self.call(entered, enter, site, self.visit(entered))
            if item.optional_vars:
                item.optional_vars, more = self.plain(item.optional_vars)
                stores += more
        node.body = [*stores, *self.block(node.body)]
        return node

    visit_AsyncWith = visit_With

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        """What an aborted run raises must get through every handler."""
        node.type = self.visit(node.type) if node.type else None
        through = ast.copy_location(ast.Expr(self.call(node, "caught")), node)
        node.body = [through, *self.block(node.body)]
        return node

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> list[ast.stmt]:
        found: list[ast.stmt] = [node]
        for alias in node.names:
            module = getattr(node, "module", None) or alias.name
            if elsewhere(module, self.program.asynchronous) or "process" in alias.name.lower():
                refuse_syntax(node, module, way_round(module))
            first, _, room = module.partition(".")
            if first == COURSE and (room or alias.name).split(".")[0] not in MAY_BE_USED:
                refuse_syntax(node, f"{alias.name} of {module}", BY_ITSELF)
            if alias.name == "*":
                refuse_syntax(node, "import *")
            name = alias.asname or alias.name.split(".")[0]
            value = ast.Name(name, ast.Load())
            twin = self.call(node, "twin", value)
            if isinstance(node, ast.ImportFrom):
                twin = self.call(node, "imported", self.site(node), value, module, alias.name)
            found += self.store(ast.copy_location(ast.Name(name, ast.Store()), node), twin)
        return found

    visit_ImportFrom = visit_Import

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            found += new if isinstance(new, list) else [new]
        return found

    # ----------------------------------------------------- functions and classes

    def function_scope(self, node: Function) -> Scope:
        bound, used = bound_in(node), used_inside(node)
        captured = {name for name in bound & used if not settled(node, name)}
        depth = len([scope for scope in self.scopes if scope.name])
        name = f"_home_{depth}" if captured else ""
        return Scope(bound, captured, declared(node, ast.Global), name)

    def arguments(self, node: ast.arguments) -> None:
        node.defaults = [self.visit(each) for each in node.defaults]
        node.kw_defaults = [self.visit(each) if each else None for each in node.kw_defaults]

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self.arguments(node.args)
        scope = self.function_scope(node)._replace(name="")  # its names: only for inner lambdas
        self.scopes.append(scope)
        node.body = self.visit(node.body)
        self.scopes.pop()
        return node

    def visit_FunctionDef(self, node: Defined) -> Any:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self.arguments(node.args)
        scope = self.function_scope(node)
        outer, unread = self.scopes, self.unread
        self.scopes, self.unread = [*outer, scope], tuple(sorted(unread_in(node)))
        body = node.body
        text = [body[0]] if ast.get_docstring(node, clean=False) is not None else []
        first: list[ast.stmt] = []
        if self.program.atomic != "op":
            first.append(ast.Expr(self.call(node, "entered")))
        home = (
            [ast.Assign([ast.Name(scope.name, ast.Store())], self.call(node, "home"))]
            if scope.name
            else []
        )
        if node.name == "__getattribute__" and len(node.args.args) > 1:
            first.append(self._for_the_program(node))
        node.body = [*text, *home, *first, *self.block(body[len(text) :])]
        self.scopes, self.unread = outer, unread
        return self.defined(node, node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def _for_the_program(self, node: Defined) -> ast.stmt:
        """What the exploration itself asks an object for is no step of the program's."""
        given = [ast.Name(each.arg, ast.Load()) for each in node.args.args[:2]]
        plain = ast.Return(self.call(node, "as_it_is", *given))
        return ast.copy_location(ast.If(self.call(node, "unasked"), [plain], []), node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.bases = [self.visit(each) for each in node.bases]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        every = [n for s in node.body for n in ast.walk(s)]
        bound = {name for n in every if (name := stored(n))}
        bound |= {s.name for s in node.body if isinstance(s, Defined | ast.ClassDef)}
        free = declared(node, ast.Nonlocal) | (names := declared(node, ast.Global))
        bound -= free
        outer, self.classes = self.scopes, [*self.classes, node.name]
        self.scopes = [*outer, Scope(bound, set(), names, "")]
        body: list[ast.stmt] = []
        for statement in node.body:
            if isinstance(statement, Defined):
                self.scopes = outer  # a method does not see the names of its class
            new = self.visit(statement)
            self.scopes = [*outer, Scope(bound, set(), names, "")]
            body += new if isinstance(new, list) else [new]
        node.body, self.scopes, self.classes = body, outer, self.classes[:-1]
        named = self.call(node, "made", ast.Name(node.name, ast.Load()))
        found = self.defined(node, node.name)
        made = ast.copy_location(ast.Expr(named), node)
        return [node, made] if found is node else [node, made, *found[1:]]

    def defined(self, node: ast.stmt, name: str) -> Any:
        """Where another thread may use the name, to bind it is a step too."""
        if not self.scopes or self.scope_of(name) is None:
            return node
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        return [node, *self.store(target, ast.Name(name, ast.Load()))]
