"""Small pieces of syntax that the rewriter needs, and what it refuses."""

from __future__ import annotations

import ast
import threading
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

from .step import Refused

THREADS = "only threads of one process can"
OUTSIDE = "it waits for what is outside of the program; put a queue.Queue in its place"
ELSEWHERE = {  # modules, and why each is refused; what to write instead
    "multiprocessing": f"{THREADS}; use threading.Thread and queue.Queue",
    "subprocess": f"{THREADS}; put a function in place of the command",
    "signal": "a signal comes from outside of the program; call its handler in a thread of its own",
    "socket": OUTSIDE,
    "select": OUTSIDE,
    "selectors": OUTSIDE,
    "sched": "it waits by itself, in library code; make a threading.Timer of each call",
    "_thread": "only threads of threading can; use threading.Thread and threading.Lock",
}
TASKS = ("asyncio",)  # followed where the program is a coroutine function

OF_TASKS = "tasks need a program that is a coroutine function: give explore `main` itself"
COURSE = __name__.split(".")[0]
MAY_BE_USED = ("exercises", "interleave", "lesson", "machine", "work")  # of the course
BY_ITSELF = "it has threads of its own, or watches them: start them with threading.Thread"


def of_the_course(value: Any) -> bool:
    """Whether it is something of this package that runs threads by itself, or watches them."""
    named = value if isinstance(value, ModuleType | type | FunctionType) else type(value)
    name = named.__name__ if isinstance(named, ModuleType) else getattr(named, "__module__", None)
    parts = str(name).split(".")
    return parts[0] == COURSE and len(parts) > 1 and parts[1] not in MAY_BE_USED


def copy_of(function: FunctionType) -> FunctionType:
    """The function with the code that it has now."""
    code, names = function.__code__, function.__globals__
    made = FunctionType(code, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def passed_on(args: ast.arguments) -> tuple[list[ast.expr], list[ast.keyword]]:
    """The arguments of a function, as they are given to another one with the same."""

    def name(arg: ast.arg) -> ast.expr:
        return ast.Name(arg.arg, ast.Load())

    given = [name(arg) for arg in (*args.posonlyargs, *args.args)]
    given += [ast.Starred(name(args.vararg), ast.Load())] if args.vararg else []
    keywords = [ast.keyword(arg.arg, name(arg)) for arg in args.kwonlyargs]
    keywords += [ast.keyword(None, name(args.kwarg))] if args.kwarg else []
    return given, keywords


def name_at(node: ast.AST, name: str) -> ast.Name:
    return ast.copy_location(ast.Name(name, ast.Store()), node)


def text_of(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except ValueError:  # before 3.12, of some f-strings
        return "f'…'"


def named(node: ast.expr) -> ast.Dict:
    """What a condition that does not hold has looked at: text -> (variable, way from there)."""
    found = {text_of(each): each for each in _looked_at(node)}
    ways = [_way(each) for each in found.values()]
    values = [ast.Tuple([name, ast.Constant(way)], ast.Load()) for name, way in ways]
    return ast.Dict([*map(ast.Constant, found)], [*values])


def _looked_at(node: ast.expr) -> list[ast.expr]:
    """Variables and parts of them; nothing that was skipped, or that is known only inside."""
    parts: list[ast.expr] = []
    match node:
        case ast.Name() | ast.Attribute() | ast.Subscript() if _way(node)[0].id:
            return [node]
        case ast.Attribute(value=owner) | ast.Subscript(value=owner):
            parts = [owner]
        case ast.Compare(left=left, comparators=[right, *_]):
            parts = [left, right]
        case ast.BoolOp(op=ast.Or(), values=values):
            parts = values
        case ast.BoolOp(values=[first, *_]):
            parts = [first]
        case ast.UnaryOp(operand=inner):
            parts = [inner]
        case ast.BinOp(left=left, right=right):
            parts = [left, right]
        case ast.Call(func=ast.Attribute(value=owner), args=args):
            parts = [owner, *args]
        case ast.Call(args=args):
            parts = args
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            pass
    return [each for part in parts for each in _looked_at(part)]


def _way(node: ast.expr) -> tuple[ast.Name, Any]:
    """The variable at the beginning, and attributes and items from there; no name, no way."""
    match node:
        case ast.Name(id=name):
            return ast.Name(name, ast.Load()), ()
        case ast.Attribute(value=owner, attr=name):
            first, way = _way(owner)
            return first, (*way, (".", name))
        case ast.Subscript(value=owner, slice=ast.Constant() | ast.UnaryOp() | ast.Tuple() as key):
            first, way = _way(owner)
            with suppress(ValueError):
                return first, (*way, ("[]", ast.literal_eval(key)))
    return ast.Name("", ast.Load()), ()


def elsewhere(module: str, asynchronous: bool) -> bool:
    """Whether it starts processes, or needs an event loop that is not there."""
    first = module.split(".")[0]
    return first in ELSEWHERE or (first in TASKS and not asynchronous)


def way_round(module: str) -> str:
    """Why this module is refused, and what to write instead."""
    first = module.split(".")[0]
    pool = f"{THREADS}; use a ThreadPoolExecutor"
    return pool if first == "concurrent" else ELSEWHERE.get(first, THREADS)


def check_module(node: ast.AST, value: Any, asynchronous: bool = False) -> None:
    """Refuse what starts processes or runs an event loop."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    if not isinstance(name, str) or isinstance(value, str) or value is threading.local:
        return
    if of_the_course(value):
        refuse_syntax(node, text_of(node), BY_ITSELF)
    if elsewhere(name, asynchronous) and isinstance(value, ModuleType | type | FunctionType):
        refuse_syntax(node, f"{text_of(node)} ({name})", way_round(name))
    if name == "concurrent.futures.process":
        refuse_syntax(node, text_of(node), way_round(name))


def refuse_syntax(node: ast.AST, what: str, why: str = THREADS) -> None:
    line = getattr(node, "lineno", "?")
    raise Refused(f"line {line}: {what} cannot be followed here; {why}")
