"""Rules for every test of the explorer."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest
from hypothesis import HealthCheck, settings

from helpers.ending import wait_graph

HERE = Path(__file__).parent

# Properties take as long as a shared machine lets them: time is no reason to fail.
settings.register_profile("course", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("course")


def functions() -> list[FunctionType]:
    """All functions of the modules in this folder: programs are among them."""
    files = ((module, getattr(module, "__file__", None)) for module in list(sys.modules.values()))
    ours = [module for module, file in files if file and HERE in Path(file).parents]
    return [
        each for module in ours for each in vars(module).values() if isinstance(each, FunctionType)
    ]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """All threads have ended, all functions have their code, and all CPUs may be used."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    codes = {each: each.__code__ for each in functions()}
    threads = set(threading.enumerate())
    yield
    last = time.monotonic() + 5
    while left := [thread for thread in wait_graph.running() if thread not in threads]:
        assert time.monotonic() < last, f"left behind: {left}"
        time.sleep(0.01)
    assert [f.__qualname__ for f, code in codes.items() if f.__code__ is not code] == []
    assert cpus is None or os.sched_getaffinity(0) == cpus
