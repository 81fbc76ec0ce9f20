"""All functions that a program can reach in its own code, rewritten for as long as it is explored.

The rewritten code takes the place of the functions' `__code__` for as long as
an exploration lasts; objects, names and closures stay what they are.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Callable
from functools import lru_cache
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from .foreign import is_one_step, of_dataclass
from .rewrite import MARK, Rewriter
from .scopes import Defined, Function
from .source import (
    codes,
    content,
    global_names,
    is_ours,
    node_of,
    own,
    reachable,
    there_before,
    used,
)
from .step import Abort, Refused, Site
from .syntax import OF_TASKS, copy_of, refuse_syntax
from .things import Ended


class Program:
    """All functions that a program can reach in its own code, rewritten."""

    def __init__(self, program: Callable[[], object], hooks: Any, atomic: str) -> None:
        self.hooks = self.place = hooks
        self.program, self.atomic = program, atomic
        self.asynchronous = inspect.iscoroutinefunction(program)
        self.functions, self.classes = reachable(program)
        self.sites: list[Site] = []
        self.libraries: dict[int, str] = {}  # by number of a site: the module that it stands in
        self.statements = 0  # so far
        self.timed = False  # whether it reads a clock
        self.objects: list[Any] = []  # what stands for the marks in the code
        self.compiled: dict[Any, tuple[CodeType, FunctionType]] = {}  # once, if made in each run
        self.written = {name for f in self.functions for name in global_names(f)}
        self.codes = {f: self._code(f) for f in self.functions}
        self.tokens = self._tokens()
        self.code = self.codes[program]  # type: ignore[index]
        self._before: list[tuple[Any, str, Any]] = []
        self.shared_dicts: dict[int, Any] = {}  # by id of a dict: the first that has it

    def call(self) -> object:
        self.hooks.busy = True
        self.hooks.undo.all()
        self.hooks.busy = False
        if self.hooks.run is not None:
            self.hooks.run.sharing.namespaces.update(self.shared_dicts)
        try:
            return self.program()
        finally:
            self.hooks.lifetimes.end(self.hooks.run)

    def followed(self) -> Program:
        return self

    def __enter__(self) -> Program:
        for function, code in self.codes.items():
            self._put(function, "__code__", code)
        for owner, name, value in self.hooks.instead:
            self._put(owner, name, value)
        for kind in self.classes:
            bases = tuple(self.hooks.twin(base) for base in kind.__bases__)
            if bases != kind.__bases__:
                self._put(kind, "__bases__", bases)
        hooks = self.hooks
        every = [code for whole in self.codes.values() for code in codes(whole)]
        hooks.known = {id(code): (code, True) for code in every}
        before = there_before(self.functions, self.classes)
        hooks.names = {id(it): (it, 2 * 10**9 + n) for n, it in enumerate(before)}
        self._one_name_for_one_dict()
        hooks.libraries = self.libraries
        hooks.opened = set()
        hooks.classes_change = hooks.logs = hooks.numbers = False
        hooks.unfollowed.clear()
        hooks.unknown.clear()
        hooks.notes.clear()
        hooks.stdout = sys.stdout
        self._put(sys, "unraisablehook", _quiet(sys.unraisablehook))
        hooks.follow, hooks.write_out = self.follow, self.write_out
        return self

    def __exit__(self, *_: object) -> None:
        self.hooks.undo.all()
        self.hooks.known, self.hooks.follow = {}, lambda site, function: False
        self.hooks.write_out = lambda kind: None
        while self._before:
            setattr(*self._before.pop())

    def follow(self, site: Site, function: FunctionType) -> bool:
        """Have `function` rewritten for the rest of the exploration, if that can be done."""
        known = self.hooks.known.get(id(function.__code__))
        if known is not None:
            return bool(known[1])
        mine = own(function, self.program)
        if not mine and (is_one_step(function) or is_ours(function)):
            return False
        busy, self.hooks.busy = self.hooks.busy, True
        try:
            code = self._code(function)
        except Refused as refused:
            if not mine:
                return False
            raise Refused(str(refused).replace("line ?", f"line {site.line}")) from None
        finally:
            self.hooks.busy = busy
        self._put(function, "__code__", code)
        self.hooks.known.update({id(each): (each, True) for each in codes(code)})
        return True

    def write_out(self, kind: type) -> None:
        """Give the methods that `dataclass` has made a source, so that they can be followed."""
        if "__dataclass_fields__" not in vars(kind):
            return
        for name, method in list(vars(kind).items()):
            plain = inspect.unwrap(method) if isinstance(method, FunctionType) else None
            if not isinstance(plain, FunctionType) or plain.__code__.co_filename != "<string>":
                continue
            source = of_dataclass(plain, kind)
            if source:
                self._put(kind, name, _from_source(source, f"<{kind.__qualname__}.{name}>", name))

    def _tokens(self) -> dict[int, int]:
        """Names for what exists before the program runs."""
        things: list[Any] = [*self.classes, *(f.__globals__ for f in self.functions)]
        for function in self.functions:
            things += [*(function.__closure__ or ()), *used(function)]
        return {id(thing): 10**9 + number for number, thing in enumerate(things)}

    def _one_name_for_one_dict(self) -> None:
        """Objects that share one `__dict__` (Borgs), made before the program runs, are one."""
        found: dict[int, list[tuple[Any, int]]] = {}  # by id of a dict: who has it
        for thing, token in self.hooks.names.values():
            own = None if isinstance(thing, type) else getattr(thing, "__dict__", None)
            if type(own) is dict:
                found.setdefault(id(own), []).append((thing, self.tokens.get(id(thing), token)))
        for number, those in found.items():
            if len(those) > 1:
                self.shared_dicts[number], first = those[0]
                self.tokens[number] = first
                self.tokens.update({id(thing): first for thing, _ in those})

    def _put(self, owner: Any, name: str, value: Any) -> None:
        self._before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def mark(self, thing: Any) -> ast.Constant:
        """A constant that becomes `thing` once the code is compiled."""
        self.objects.append(thing)
        return ast.Constant(f"{MARK}{len(self.objects) - 1}")

    def _code(self, function: FunctionType) -> CodeType:
        """The code of `function`, rewritten; as closed over as it is."""
        cells = function.__closure__ or ()
        key = (id(function.__code__), id(function.__globals__), *map(self._meaning, cells))
        original = copy_of(function)
        if key not in self.compiled:
            self.compiled[key] = self._with_marks(function, original), original
        code, first = self.compiled[key]
        instead = dict(zip(map(id, first.__closure__ or ()), cells, strict=True))
        return self._with_objects(code, {**instead, id(first): original})

    def _meaning(self, cell: CellType) -> tuple[Any, ...]:
        """What the rewriter sees in a variable from around a function."""
        value = content(cell)
        twin = self.hooks.twin(value)
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
        is_code = isinstance(value, ModuleType | FunctionType | type)
        return is_code, str(name), None if twin is value else id(twin)

    def _with_marks(self, function: FunctionType, original: FunctionType) -> CodeType:
        """The same, with marks where objects belong."""
        self.written |= global_names(function)
        node, owner = node_of(function)
        if isinstance(node, ast.AsyncFunctionDef) and not self.asynchronous:
            refuse_syntax(node, "async def", OF_TASKS)
        old = function.__code__
        tree = Rewriter(self, function, owner).rewritten(node, original)
        code = _compiled(tree, node, owner, old)
        if code.co_freevars != old.co_freevars:
            raise Refused(f"{function.__qualname__} uses names in a way that cannot be followed")
        return _named(code, code.co_qualname, old.co_qualname)

    def _with_objects(self, code: CodeType, instead: dict[int, Any]) -> CodeType:
        """Objects where marks were; `instead` has, by id, what takes the place of some."""

        def real(constant: Any) -> Any:
            if isinstance(constant, CodeType):
                return self._with_objects(constant, instead)
            if isinstance(constant, str) and constant.startswith(MARK):
                thing = self.objects[int(constant[len(MARK) :])]
                return instead.get(id(thing), thing)
            return constant

        return code.replace(co_consts=tuple(map(real, code.co_consts)))


def _named(code: CodeType, made: str, real: str) -> CodeType:
    """The same code, and that of the functions inside, under the names that they have."""
    inside = [_named(c, made, real) if isinstance(c, CodeType) else c for c in code.co_consts]
    name = code.co_qualname.replace(made, real, 1)
    return code.replace(co_qualname=name, co_consts=tuple(inside))


def _quiet(before: Callable[[Any], object]) -> Callable[[Any], object]:
    """What a generator's `finally` raises because its run has ended, is of no interest."""

    def hook(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Abort | Ended):
            before(unraisable)

    return hook


@lru_cache(maxsize=256)
def _from_source(source: str, file: str, name: str) -> Any:
    """A function whose source can be found where tracebacks look for it.

    The same one for the same class of every run: new code would have new sites.
    """
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"__name__": "dataclasses.written_out"}
    exec(compile(source, file, "exec"), space)
    return space[name]


def _compiled(new: Function, old: Function, owner: str, code: CodeType) -> CodeType:
    """Compile `new` with the same free names around it, and take its code."""
    inner: ast.stmt
    name = code.co_name
    if isinstance(new, Defined):  # under other names than the real ones, which it may use
        new.name = name = f"___{name}"
    new.args.defaults = [ast.Constant(None) for _ in new.args.defaults]  # it has them already
    new.args.kw_defaults = [each and ast.Constant(None) for each in new.args.kw_defaults]
    inner = new if isinstance(new, Defined) else ast.Expr(new)
    if owner:  # private names are mangled the same
        inner = ast.ClassDef(f"___{owner}", [], [], [inner], [])
        if hasattr(ast, "TypeVar"):
            setattr(inner, "type_params", [])  # noqa: B010 - only since 3.12
    names = [name for name in code.co_freevars if name != "__class__"]
    free: list[ast.stmt] = [ast.Assign([ast.Name(n, ast.Store())], ast.Constant(0)) for n in names]
    around: ast.stmt = ast.parse("def around(): pass").body[0]
    around.body = [*free, inner]  # type: ignore[attr-defined]
    module = ast.fix_missing_locations(ast.Module([around], []))
    whole = compile(module, code.co_filename, "exec", dont_inherit=True)
    found = next(c for c in codes(whole) if c.co_name == name)  # what is around comes first
    return found.replace(co_name=code.co_name)


def rewritten(program: Callable[[], object]) -> str:
    """The source that an exploration runs in place of `program`, for reading.

    Each shared access shows as a call of `step`.
    """
    from .hooks import hooks

    made = Program(program, hooks, "op")
    node, owner = node_of(program)  # type: ignore[arg-type]
    tree = Rewriter(made, program, owner).rewritten(node, None)  # type: ignore[arg-type]
    return ast.unparse(_Readable(made).visit(tree))


class _Readable(ast.NodeTransformer):
    """Marks back into something to read: `step`, and no sites."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not (isinstance(node.value, str) and node.value.startswith(MARK)):
            return node
        thing = self.program.objects[int(node.value[len(MARK) :])]
        name = "step" if thing is self.program.hooks else getattr(thing, "__name__", "outside")
        return ast.Name(name, ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "failing":
            return node.args[0]  # the values that it tells besides are no steps
        node.args = [a for a in node.args if not self._is_site(a)]
        return node

    def _is_site(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == "outside"
