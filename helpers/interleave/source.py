"""The source of a program: which functions and classes are its own, and where they stand."""

from __future__ import annotations

import ast
import inspect
import linecache
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from ..ending.wait_graph import is_library
from .scopes import Function
from .step import Refused

WRAPPED = ("__wrapped__", "__func__", "func")  # of a decorated function, a method, a partial
MOST = 20_000  # things that are looked at for those that are there before a program runs
MANY = 1_000  # a container with more than so many holds data, not functions


def reachable(program: Callable[[], object]) -> tuple[list[FunctionType], list[type]]:
    """The functions and classes of the learner's own code that `program` can reach."""
    if not isinstance(program, FunctionType):
        raise ValueError(f"program must be a function without arguments, not {program!r}")
    if inspect.isgeneratorfunction(program) or inspect.isasyncgenfunction(program):
        raise Refused(f"program must not be a generator; {program.__name__} is one")
    needs = [p.name for p in inspect.signature(program).parameters.values() if _is_needed(p)]
    if needs:
        raise ValueError(f"program must be a function without arguments; it takes {needs[0]}")
    if not own(program, program):
        node_of(program)  # says that there is no source
    functions: dict[FunctionType, None] = {}
    classes: dict[type, None] = {}
    waiting: list[Any] = [program]
    seen: dict[int, Any] = {}
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, FunctionType) and own(thing, program):
            functions[thing] = None
            waiting += reversed(list(used(thing)))
        elif isinstance(thing, type):
            if _own_class(thing, program):
                classes[thing] = None
                waiting += [*reversed(list(vars(thing).values())), *thing.__bases__, type(thing)]
        elif not isinstance(thing, ModuleType):
            waiting += [type(thing)] if _own_class(type(thing), program) else []
        waiting += _parts(thing)
    return list(functions), list(classes)


def _parts(thing: Any) -> list[Any]:
    """What may be called where `thing` is used: what it wraps, what a container holds."""
    if isinstance(thing, dict):
        return list(thing.values()) if len(thing) <= MANY else []
    if isinstance(thing, list | tuple | set | frozenset):
        return list(thing) if len(thing) <= MANY else []
    wrapped = [getattr(thing, name, None) for name in WRAPPED] if callable(thing) else []
    wrapped += [thing.fget, thing.fset, thing.fdel] if isinstance(thing, property) else []
    if isinstance(thing, classmethod | staticmethod | cached_property):
        wrapped.append(getattr(thing, "func", None) or getattr(thing, "__func__", None))
    return [part for part in wrapped if part is not None]


def _is_needed(parameter: inspect.Parameter) -> bool:
    several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not several


def own(function: FunctionType, program: Any) -> bool:
    """Whether it is the learner's: of the same module, or of no library and not of ours."""
    if function.__code__.co_name == "__annotate__":  # since Python 3.14 annotations are a function
        return False
    if function.__globals__ is program.__globals__:
        return not function.__code__.co_filename.startswith("<string>")
    name = str(function.__globals__.get("__name__", ""))
    if not name or name.startswith("namedtuple_"):  # made from a text, in a space of its own
        return False
    file = function.__code__.co_filename
    if file == "<string>":  # made from a text, as a dataclass makes its methods
        file = str(function.__globals__.get("__file__", file))
    library = is_library(file)
    return not library and not is_ours(function) and "<" not in name


def is_ours(function: FunctionType) -> bool:
    """Whether it is of this package, exercises left out."""
    name = str(function.__globals__.get("__name__", ""))
    return name.split(".")[0] == __name__.split(".")[0] and ".exercises" not in name


def _own_class(kind: type, program: Any) -> bool:
    methods = [f for f in vars(kind).values() if isinstance(f, FunctionType)]
    if any(own(method, program) for method in methods):
        return True
    return bool(kind.__module__ == program.__module__)


def used(function: FunctionType) -> Iterator[Any]:
    """The values of the names that a function uses, its closure and its defaults."""
    names = [name for code in codes(function.__code__) for name in code.co_names]
    for name in dict.fromkeys(names):
        if name in function.__globals__:
            yield function.__globals__[name]
    yield from (content(cell) for cell in function.__closure__ or ())
    yield from function.__defaults__ or ()


def there_before(functions: Iterable[FunctionType], classes: Iterable[type]) -> Iterator[Any]:
    """What the program can reach of what exists before it runs, the nearest first."""
    waiting: deque[Any] = deque()
    for function in functions:
        waiting += used(function)
    for kind in classes:
        waiting += vars(kind).values()
    seen: dict[int, Any] = {}
    while waiting and len(seen) < MOST:
        thing = waiting.popleft()
        if id(thing) in seen or isinstance(thing, str | int | float | ModuleType):
            continue
        seen[id(thing)] = thing
        yield thing
        if isinstance(thing, dict):
            waiting += thing.values() if len(thing) <= MANY else ()
        elif isinstance(thing, list | tuple | set | frozenset | deque):
            waiting += thing if len(thing) <= MANY else ()
        elif isinstance(thing, FunctionType):
            waiting += [content(cell) for cell in thing.__closure__ or ()]
        elif not isinstance(thing, type):
            waiting += getattr(thing, "__dict__", {}).values()


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


def lines_of(function: FunctionType) -> list[str]:
    """The file that `function` stands in; a frozen module names it only in its globals."""
    file = function.__code__.co_filename
    if file.startswith("<frozen "):
        file = str(function.__globals__.get("__file__", file))
    linecache.checkcache(file)
    return linecache.getlines(file)


def node_of(function: FunctionType) -> tuple[Function, str]:
    """The source of `function`, to be changed, and the class around it."""
    node, owner = _node(function)
    return pickle.loads(pickle.dumps(node)), owner  # sooner than by `copy`


def _node(function: FunctionType) -> tuple[Function, str]:
    code = function.__code__
    source = "".join(lines_of(function))
    found = _functions(source).get((code.co_name, code.co_firstlineno), [])
    if len(found) > 1:
        found = _around(code, found)
    if len(found) != 1:
        raise Refused(
            f"the source of {function.__qualname__} is not available: "
            "define it in a cell or in a file, each lambda on a line of its own"
        )
    return found[0]


def _around(code: CodeType, found: list[tuple[Function, str]]) -> list[tuple[Function, str]]:
    """Of several lambdas on a line, the innermost one whose body has all that `code` does."""
    parts = [(a, c, b, d) for a, b, c, d in code.co_positions() if a and b and c is not None and d]
    spans = [((a, c), (b, d)) for a, c, b, d in parts if (a, c) != (b, d)]
    if not spans:  # Python was told to keep no columns
        return []
    first, last = min(start for start, _ in spans), max(end for _, end in spans)

    def span(node: Any) -> tuple[tuple[int, int], tuple[int, int]]:
        body = node.body
        return (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)

    lambdas = [each for each in found if isinstance(each[0], ast.Lambda)]
    around = [e for e in lambdas if span(e[0])[0] <= first and last <= span(e[0])[1]]
    return [max(around, key=lambda each: span(each[0]))] if around else []


@lru_cache(maxsize=8)
def _functions(source: str) -> dict[tuple[str, int], list[tuple[Function, str]]]:
    """All functions by name and first line, each with the class around it."""
    found: dict[tuple[str, int], list[tuple[Function, str]]] = {}

    def look(node: ast.AST, owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                name = getattr(child, "name", "<lambda>")
                for line in {n.lineno for n in [child, *getattr(child, "decorator_list", [])]}:
                    found.setdefault((name, line), []).append((child, owner))
            look(child, child.name if isinstance(child, ast.ClassDef) else owner)

    try:
        look(ast.parse(source), "")
    except SyntaxError:
        return {}
    return found


def global_names(function: FunctionType) -> set[str]:
    node, _ = _node(function)
    return {name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names}
