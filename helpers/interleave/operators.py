"""What operators do, by the names of their nodes in the syntax tree."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

_SIGNS = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv",
    "Mod": "mod", "Pow": "pow", "LShift": "lshift", "RShift": "rshift", "BitOr": "or",
    "BitXor": "xor", "BitAnd": "and", "MatMult": "matmul",
}  # fmt: skip
IN_PLACE = {sign: getattr(operator, f"__i{name}__") for sign, name in _SIGNS.items()}
SIGNS = {sign: getattr(operator, f"__{name}__") for sign, name in _SIGNS.items()}
TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le,
    "Gt": operator.gt, "GtE": operator.ge, "Is": operator.is_, "IsNot": operator.is_not,
    "In": lambda a, b: a in b, "NotIn": lambda a, b: a not in b,
}  # fmt: skip
