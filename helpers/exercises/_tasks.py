"""What a grade asks of an async answer, before it is explored and instead.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ..run import RunError, run
from ..timeline import outcome_of
from . import NotYet, expect
from ._schedules import HUNG, all_hold


class Gone(BaseException):
    """An error that `except Exception` does not catch."""


class Odd(Exception):
    """An error that nobody has heard of."""


def expect_class(answer: Any, method: str) -> None:
    expect(isinstance(answer, type), f"Give the class itself, as it is called, not {answer!r:.60}.")
    there = asyncio.iscoroutinefunction(getattr(answer, method, None))
    expect(there, f"{answer.__name__}.{method} must be an async def.")


def expect_coroutine_function(answer: Any, name: str) -> None:
    expect(
        asyncio.iscoroutinefunction(answer),
        f"{name} must be an async def, and is given without calling it; this is {answer!r:.60}.",
    )


def as_list(got: Any) -> list[Any]:
    """What was given, as a list; AssertionError where that is nothing, or still to be awaited."""
    assert got is not None, "it gives nothing back: is there a return?"
    given = list(got)
    coming = [each for each in given if inspect.isawaitable(each)]
    for each in coming:
        if inspect.iscoroutine(each):
            each.close()
    assert not coming, "it gives coroutines or tasks back, and not what they give"
    return given


def hold(program: Any, otherwise: str) -> None:
    """Where somebody is missing at a meeting, nobody goes on."""
    try:
        all_hold(program)
    except NotYet as error:
        if "deadlock" in str(error):
            raise NotYet(f"{otherwise}: {error}") from None
        raise


def really(program: Callable[[], Awaitable[None]], otherwise: str) -> None:
    """Once, by an event loop; NotYet, which says `otherwise`, where that hangs."""

    async def once(item: None) -> None:
        await program()

    try:
        run(once, [None], 1, "tasks", timeout=HUNG)
    except RunError as error:
        if isinstance(error.__cause__, TimeoutError):
            raise NotYet(f"{otherwise}.") from None
        because = error.__cause__
        while isinstance(because, BaseExceptionGroup):
            because = because.exceptions[0]
        said = str(because)
        expect(not isinstance(because, AssertionError), said + "." * (said[-1:] not in "?."))
        raise NotYet(f"it raises {outcome_of(because)}.") from None
