"""Modules in whose code another thread may go on after each read and each call.

For a Python of its own: tracing by opcode, which would do the same without
touching the source, crashes some releases of CPython where data is shared.
"""

from __future__ import annotations

import ast
import importlib.util
import random
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from types import CodeType
from typing import Any

PAUSE = "_pause"


def pause(value: Any) -> Any:
    if random.random() < 0.03:
        time.sleep(1e-5)  # another thread goes on
    return value


class Pauses(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        read = isinstance(getattr(node, "ctx", None), ast.Load) or isinstance(node, ast.Call)
        if not read or isinstance(node, ast.Starred):
            return node
        assert isinstance(node, ast.expr)
        return ast.copy_location(ast.Call(ast.Name(PAUSE, ast.Load()), [node], []), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        stop = ast.Expr(ast.Call(ast.Name(PAUSE, ast.Load()), [ast.Constant(0)], []))
        node.body = [each for old in node.body for each in (old, ast.copy_location(stop, old))]
        return node


class PausingLoader(SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, **_: Any) -> CodeType:  # type: ignore[override]
        tree = ast.fix_missing_locations(Pauses().visit(ast.parse(data)))
        return compile(tree, path, "exec", dont_inherit=True)

    def get_code(self, fullname: str) -> CodeType:
        """Never from the cache of bytecode, and never into it."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: Any) -> None:
        setattr(module, PAUSE, pause)
        super().exec_module(module)


class Finder(MetaPathFinder):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self.names:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        loader: Loader = PausingLoader(name, str(spec.origin))
        return importlib.util.spec_from_loader(name, loader, origin=spec.origin)


def pause_in(*names: str, seed: int) -> None:
    """Import these modules with pauses from now on; they must not be imported yet."""
    random.seed(seed)
    sys.setswitchinterval(1e-5)
    sys.meta_path.insert(0, Finder(names))
