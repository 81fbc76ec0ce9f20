"""Every program of `cases` gets the verdict that its name says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cases import programs

from helpers.interleave import Refused, explore

PROGRAMS = programs()


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_verdict_is_what_the_name_says(name: str) -> None:
    program: Callable[[], object] = PROGRAMS[name]
    want = name.split(".")[1].split("_")[0]
    if want == "refused":
        with pytest.raises(Refused, match=r"line \d+: .+[:;] "):
            explore(program)
        return
    report = explore(program)
    assert report.verdict == want, f"{report.counts}\n{report}"
    assert want != "ok" or report.complete, str(report)
