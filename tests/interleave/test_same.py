"""What the explorer says is the same, to the byte, on every Python that is here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import reports
from programs_told import PROGRAMS

from pythons import pythons


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_words_are_the_same(program: Callable[[], object]) -> None:
    assert reports.page(program) == reports.stored()[program.__name__]


def test_nothing_stored_is_left_over() -> None:
    assert list(reports.stored()) == [program.__name__ for program in PROGRAMS]


def test_the_words_are_the_same_on_other_pythons() -> None:
    here = sys.version_info[1]
    others = [path for path, minor in pythons().items() if 11 <= minor <= 14 and minor != here]
    if not others:
        pytest.skip("needs another Python 3.11 to 3.14 on this computer")
    for python in others:
        done = subprocess.run(
            [python, "-B", reports.__file__],
            env={**os.environ, "PYTHONHASHSEED": "random"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.stdout.strip(), done.returncode) == ("", 0), f"{python}: {done.stderr}"
