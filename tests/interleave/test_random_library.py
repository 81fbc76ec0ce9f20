"""Random programs over library containers fail where the same, spelled out, fails.

Each program is made twice: over the library's class, and over a class of the same steps whose
source is in the program's own file (`cases/library.py`). A failure that the spelled-out program
has, the other must have, too: it is never "ok, complete". Where the two take the same steps, all
outcomes are the same.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.interleave import Report, explore

EXAMPLES = int(os.environ.get("EXAMPLES", "10"))  # a long run: EXAMPLES=2000 pytest …
OWN = (Path(__file__).parent / "cases" / "library.py").read_text()
LIBRARY = """
import collections
import dataclasses
import functools

MyDict, MyList = collections.UserDict, collections.UserList
MyCounter, MyChainMap, my_cache = collections.Counter, collections.ChainMap, functools.cache


@dataclasses.dataclass
class Pair:
    x: int = 0
    y: int = 0
"""
FRAME = """
from threading import Lock, Thread


def program():
    lock, d, x, c = Lock(), MyDict(n=0), MyList(), MyCounter(a=1)
    chain, point, calls, seen = MyChainMap({{"n": 0}}, {{"m": 1}}), Pair(), [], []
    x.append(0)

    @my_cache
    def made(key):
        calls.append(key)
        return len(calls)

    def one():
{one}

    def two():
{two}

    threads = [Thread(target=one), Thread(target=two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {must}
"""
# What a thread may do, by what is asked about at the end. The values are what one thread after
# the other leaves, whichever comes first.
DEEDS = {
    "d['n']": ("d['n'] += 1", "d.update(n=d['n'] + 1)", "d['n'] = d.get('n', 0) + 1"),
    "x[0]": ("x[0] += 1", "x[0] = x[0] + 1"),
    "c['a'] - 1": ("c['a'] += 1", "c.update({'a': 1})", "c['a'] = c['a'] + 1"),
    "chain['n']": ("chain['n'] += 1", "chain['n'] = chain['n'] + 1"),
    "point.x": ("point.x += 1", "point.x = point.x + 1"),
}
ONCE = {
    "len(calls) == 1": ("made(1)", "seen.append(made(1))"),
    "len(x) <= 2": ("if len(x) < 2: x.append(1)",),
    "len(seen) == 1": (
        "if not d.get('k'):\n    d['k'] = 1\n    seen.append(1)",
        "if 'k' not in d:\n    d['k'] = 1\n    seen.append(1)",
        "if d.setdefault('k', 0) == 0:\n    d['k'] = 1\n    seen.append(1)",
        "if 'k' not in chain:\n    d['k'] = 1\n    chain['k'] = 1\n    seen.append(1)",
    ),
    "seen in ([True], [False])": ("seen.append(point == Pair(0, 0))", "point.x = 1"),
}
OTHER = ("calls.append(0)", "d['other'] = 1", "seen.append(0)", "c['b'] += 1", "point.y += 1")
_numbers = count()


def indented(deeds: list[tuple[str, bool]]) -> str:
    lines: list[str] = []
    for deed, locked in deeds:
        inside = deed.splitlines()
        lines += ["with lock:", *(f"    {line}" for line in inside)] if locked else inside
    return "\n".join(f"        {line}" for line in lines) or "        pass"


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """The part of a program that both have: two threads, each with a deed or two."""
    if draw(st.booleans()):
        what = draw(st.sampled_from(sorted(DEEDS)))
        deeds, most = DEEDS[what], 2
    else:
        what = draw(st.sampled_from(sorted(ONCE)))
        deeds, most = ONCE[what], 1
    deed = st.tuples(st.sampled_from(deeds), st.booleans())
    one = draw(st.lists(deed, min_size=1, max_size=1))
    two = draw(st.lists(deed, min_size=1, max_size=most))
    other = draw(st.sampled_from([each for each in OTHER if each.split(".")[0] not in what]))
    if draw(st.booleans()) and "seen" not in other:
        two.append((other, False))
    must = what if what in ONCE else f"{what} == {len(one) + len(two)}"
    if what in DEEDS and two[-1][0] == other:
        must = f"{what} == {len(one) + len(two) - 1}"
    return FRAME.format(one=indented(one), two=indented(two), must=must)


def imported(text: str, folder: Path) -> Callable[[], object]:
    name = f"made_at_random_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for the names around them
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    program: Callable[[], object] = module.program
    return program


def both(body: str) -> tuple[Report, Report]:
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        library = explore(imported(LIBRARY + body, where), every=False)
        return library, explore(imported(OWN + body, where), every=False)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(bodies())
def test_a_library_hides_no_failure(body: str) -> None:
    library, spelled_out = both(body)
    assert spelled_out.complete, body
    assert spelled_out.verdict == "ok" or not library.ok, f"{body}\n{spelled_out}\n{library}"


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(bodies())
def test_a_library_invents_no_failure(body: str) -> None:
    library, spelled_out = both(body)
    if library.complete:
        assert library.verdict == spelled_out.verdict, f"{body}\n{spelled_out}\n{library}"
        assert set(library.counts) == set(spelled_out.counts), body


@pytest.mark.parametrize(
    ("deed", "must"),
    [(deed, f"{what} == 2") for what, deeds in DEEDS.items() for deed in deeds]
    + [(deed, must) for must, deeds in ONCE.items() if "True" not in must for deed in deeds],
)
def test_each_deed_alone_and_under_a_lock(deed: str, must: str) -> None:
    for locked in (False, True):
        text = indented([(deed, locked)])
        library, spelled_out = both(FRAME.format(one=text, two=text, must=must))
        assert spelled_out.verdict == ("ok" if locked else "race")
        assert library.verdict == spelled_out.verdict
        assert not locked or library.complete
