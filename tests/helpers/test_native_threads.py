"""Native threads are limited in processes, counted where that is possible, and change no result."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import pytest

from helpers.native_threads import VARIABLES, limited, multiply, threads
from helpers.run import run


def test_processes_obey_the_limit_and_compute_the_same() -> None:
    with limited(1):
        found = run(multiply, [200] * 4, 2, "processes").results
    assert {each.threads for each in found} <= {1, None}
    assert {each.trace for each in found} == {multiply(200).trace}
    assert os.getpid() not in {each.pid for each in found}


def test_the_product_is_right() -> None:
    rows = [[float((4 * i + j) % 7) for j in range(4)] for i in range(4)]
    trace = sum(rows[i][k] * rows[k][i] for i in range(4) for k in range(4))
    assert multiply(4).trace == trace


def test_the_environment_is_as_it_was_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[0], "7")
    monkeypatch.delenv(VARIABLES[1], raising=False)
    before = dict(os.environ)
    with suppress(KeyError), limited(2):
        assert {os.environ[name] for name in VARIABLES} == {"2"}
        raise KeyError
    assert dict(os.environ) == before


def test_without_a_limit_the_variables_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[0], "7")
    with limited(None):
        assert not set(VARIABLES) & set(os.environ)


@pytest.mark.parametrize("number", [0, -1, 65, 1.5, "2"])
def test_a_limit_that_cannot_be_is_refused(number: Any) -> None:
    with pytest.raises(ValueError, match="number must be a whole number between 1 and 64, or None"):
        limited(number).__enter__()


def test_threads_are_counted_on_linux_only() -> None:
    found = threads()
    assert (found is not None) == (sys.platform == "linux")
    assert found is None or found >= 1
