"""Threads that nobody started: those of a C library, such as the one that NumPy multiplies with.

How many it starts is decided when it is loaded, by the environment. So
`limited(2)` sets the variables that the usual libraries read, and processes
started inside, by spawn, obey. In this process NumPy is loaded already.

They are counted where `/proc` lists them, on Linux; elsewhere nobody tells.
The package threadpoolctl asks the libraries themselves, and can limit them later.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np  # while a process starts, so that its first item is as long as the others

VARIABLES = (
    "OPENBLAS_NUM_THREADS",  # OpenBLAS, which NumPy's own packages have inside
    "MKL_NUM_THREADS",  # Intel's library
    "VECLIB_MAXIMUM_THREADS",  # Apple's
    "OMP_NUM_THREADS",  # whatever is built with OpenMP
)
MOST = 64


class Product(NamedTuple):
    """What `multiply` gives back."""

    trace: int  # the same everywhere: all numbers are whole, and small enough
    pid: int
    threads: int | None  # that computed: the caller and the library's; None: not counted


def multiply(size: int) -> Product:
    """Multiply a matrix of `size` by `size` numbers by itself."""
    matrix = (np.arange(size * size, dtype=np.float64) % 7).reshape(size, size)
    return Product(int((matrix @ matrix).trace()), os.getpid(), threads())


def threads() -> int | None:
    """How many threads of this process can compute for one call: the caller and native ones."""
    try:
        everybody = len(os.listdir("/proc/self/task"))
    except OSError:
        return None
    return everybody - threading.active_count() + 1


@contextmanager
def limited(number: int | None) -> Iterator[None]:
    """Processes started in this block have so many native threads each; None: as many as they like.

    >>> with limited(0): pass
    Traceback (most recent call last):
    ValueError: number must be a whole number between 1 and 64, or None, not 0
    """
    if number is not None and (not isinstance(number, int) or not 1 <= number <= MOST):
        wrong = f"{number!r:.60}"
        raise ValueError(
            f"number must be a whole number between 1 and {MOST}, or None, not {wrong}"
        )
    before = {name: os.environ.get(name) for name in VARIABLES}
    try:
        _set(dict.fromkeys(VARIABLES, None if number is None else str(number)))
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
