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
from types import FunctionType, ModuleType
from typing import Any, Protocol

from .patterns import Tests
from .scopes import (
    Function,
    Scope,
    bound_in,
    declared,
    settled,
    stored,
    targets,
    unread_in,
    used_inside,
)
from .source import content, lines_of
from .step import Site
from .syntax import (
    BY_ITSELF,
    COURSE,
    ELSEWHERE,
    MAY_BE_USED,
    check_module,
    name_at,
    named,
    passed_on,
    refuse_syntax,
    text_of,
)

REFUSED = {
    ast.AsyncFunctionDef: "async def",
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.Await: "await",
}
NO_NAMES = {"exec", "eval", "globals", "locals", "input", "breakpoint"}
MARK = "\0interleave "


class Pages(Protocol):
    """What a rewriter writes for: it numbers sites, and keeps what stands for marks."""

    hooks: Any
    atomic: str
    sites: list[Site]
    statements: int
    written: set[str]

    def mark(self, thing: Any) -> ast.Constant: ...


class Rewriter(ast.NodeTransformer):
    """One function: shared accesses become calls of the hooks."""

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
        self.number = self.temporary = 0

    def rewritten(self, node: Function, original: FunctionType | None) -> Function:
        """The function; a thread that is no task, and comes here, runs the `original`."""
        given, keywords = passed_on(node.args)
        if isinstance(node, ast.FunctionDef):
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
        generates = self.function.__code__.co_flags & inspect.CO_GENERATOR
        value: ast.expr = ast.YieldFrom(call) if generates else call
        first = ast.copy_location(ast.If(foreign, [ast.Return(value)], []), node)
        has_text = ast.get_docstring(new, clean=False) is not None
        new.body.insert(int(has_text), first)
        return ast.fix_missing_locations(new)

    # ------------------------------------------------------------ small tools

    def site(self, node: ast.AST, text: str = "") -> ast.Constant:
        line = getattr(node, "lineno", self.statement.lineno if self.statement else 0)
        source = self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""
        site = Site(len(self.program.sites), line, source, text or text_of(node), self.number)
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
            check_module(node, value)
            return None
        mark = self.program.mark(twin)
        # The code must go on to close over the same names: this one stays, and is never reached.
        return ast.BoolOp(ast.Or(), [mark, node]) if cell else mark

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
        node.value = self.whole(node.value)
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
        if node.is_async:
            refuse_syntax(node.iter, "async for")
        node.iter = self.call(node.iter, "iterate", self.site(node.iter), self.visit(node.iter))
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

    # -------------------------------------------------------------- statements

    def visit(self, node: ast.AST) -> Any:
        if type(node) in REFUSED:
            refuse_syntax(node, REFUSED[type(node)], "only threads can")
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
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

    def written_name(self, target: ast.Name, value: ast.expr) -> ast.expr:
        home = self.scope_of(target.id)
        if home is None:
            return value
        return self.call(target, "set_name", self.site(target), home, target.id, value)

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
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

    def visit_For(self, node: ast.For) -> ast.For:
        endless, site = self.is_endless(node.iter), self.site(node.iter)
        turn = self.call(node, "tick")
        if endless:  # a `while True`, whose iterator nobody else can have
            names = self.call(node, "locals")
            turn = self.call(node, "again", site, names, self.program.mark(self.unread))
            node.iter = self.visit(node.iter)
        else:
            node.iter = self.call(node.iter, "iterate", site, self.visit(node.iter))
        node.target, stores = self.plain(node.target)
        tick = ast.copy_location(ast.Expr(turn), node)
        node.body = [tick, *stores, *self.block(node.body)]
        node.orelse = self.block(node.orelse)
        return node

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

    def visit_While(self, node: ast.While) -> ast.While:
        """At each turn the hooks see the local names: a turn that changed nothing waits."""
        names = self.call(node, "locals")
        unread = self.program.mark(self.unread)
        again = self.call(node, "again", self.site(node, text_of(node.test)), names, unread)
        node.test = ast.copy_location(ast.BoolOp(ast.And(), [again, self.whole(node.test)]), node)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

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

    def visit_With(self, node: ast.With) -> ast.With:
        stores: list[ast.stmt] = []
        for item in node.items:
            entered = item.context_expr
            site = self.site(entered)
            item.context_expr = self.call(entered, "enter", site, self.visit(entered))
            if item.optional_vars:
                item.optional_vars, more = self.plain(item.optional_vars)
                stores += more
        node.body = [*stores, *self.block(node.body)]
        return node

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
            if module.split(".")[0] in ELSEWHERE or "process" in alias.name.lower():
                refuse_syntax(node, module)
            first, _, room = module.partition(".")
            if first == COURSE and (room or alias.name).split(".")[0] not in MAY_BE_USED:
                refuse_syntax(node, f"{alias.name} of {module}", BY_ITSELF)
            if alias.name == "*":
                refuse_syntax(node, "import *")
            name = alias.asname or alias.name.split(".")[0]
            twin = self.call(node, "twin", ast.Name(name, ast.Load()))
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

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self.arguments(node.args)
        scope = self.function_scope(node)
        outer, unread = self.scopes, self.unread
        self.scopes, self.unread = [*outer, scope], tuple(sorted(unread_in(node)))
        body = node.body
        text = [body[0]] if ast.get_docstring(node, clean=False) is not None else []
        first = [ast.Expr(self.call(node, "entered"))] if self.program.atomic != "op" else []
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

    def _for_the_program(self, node: ast.FunctionDef) -> ast.stmt:
        """What the exploration itself asks an object for is no step of the program's."""
        given = [ast.Name(each.arg, ast.Load()) for each in node.args.args[:2]]
        plain = ast.Return(self.call(node, "as_it_is", *given))
        return ast.copy_location(ast.If(self.call(node, "unasked"), [plain], []), node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.bases = [self.visit(each) for each in node.bases]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        every = [n for s in node.body for n in ast.walk(s)]
        bound = {name for n in every if (name := stored(n))}
        bound |= {s.name for s in node.body if isinstance(s, ast.FunctionDef | ast.ClassDef)}
        outer, self.classes = self.scopes, [*self.classes, node.name]
        self.scopes = [*outer, Scope(bound, set(), set(), "")]
        body: list[ast.stmt] = []
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                self.scopes = outer  # a method does not see the names of its class
            new = self.visit(statement)
            self.scopes = [*outer, Scope(bound, set(), set(), "")]
            body += new if isinstance(new, list) else [new]
        node.body, self.scopes, self.classes = body, outer, self.classes[:-1]
        return self.defined(node, node.name)

    def defined(self, node: ast.stmt, name: str) -> Any:
        """Where another thread may use the name, to bind it is a step too."""
        if not self.scopes or self.scope_of(name) is None:
            return node
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        return [node, *self.store(target, ast.Name(name, ast.Load()))]
