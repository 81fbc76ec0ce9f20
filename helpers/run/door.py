"""What a run refuses before anything has started, in one sentence each."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ..timeline import outcome_of

MOST = 61  # processes: Windows can wait for no more at once
MOST_ITEMS = 1_000_000
MANY = 1000  # threads or tasks: more than a small computer lets a process have


def check(work: Any, items: Any, workers: Any, using: Any) -> None:
    """ValueError where these cannot make a run; `using` is one that there is."""
    if not callable(work):
        raise ValueError(f"work must be a function, not {brief(work)}")
    _check_kind(work, using)
    if not isinstance(items, Iterable):
        raise ValueError(f"items must be a list or something like it, not {brief(items)}")
    most = MANY if using in ("serial", "threads", "tasks") or hasattr(using, "submit") else MOST
    if not isinstance(workers, int) or isinstance(workers, bool) or not 1 <= workers <= most:
        wrong = brief(workers)
        raise ValueError(f"workers must be a whole number between 1 and {most}, not {wrong}")


def _check_kind(work: Any, using: Any) -> None:
    """Tasks take what can pause, and whoever else works cannot await it."""
    from inspect import isasyncgenfunction, iscoroutinefunction

    name = name_of(work)
    called = getattr(work, "__call__", None)  # noqa: B004 -- an object may have an async one
    can_pause = iscoroutinefunction(work) or iscoroutinefunction(called)
    if isasyncgenfunction(work) or isasyncgenfunction(called):
        raise ValueError(f"work must return what it has done, and {name} yields: it is a generator")
    if using == "tasks" and not can_pause:
        raise ValueError(
            f"work must be an async function where tasks do it, and {name} is a plain one, which "
            "would hold up all the others. Give an async def that awaits "
            f"asyncio.to_thread({name}, item), or use threads."
        )
    if using != "tasks" and can_pause:
        raise ValueError(
            f"work must be a plain function, and {name} is an async one: to call it runs nothing. "
            'Say using="tasks".'
        )


def listed(items: Iterable[Any]) -> list[Any]:
    """All items, as a list; ValueError for an iterator that may never end."""
    found = list(islice(items, MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise ValueError(f"items must be {MOST_ITEMS} at most, and these go on after that")
    return found


def check_timeout(timeout: Any) -> None:
    """ValueError where that is no number of seconds."""
    if not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
        raise ValueError(f"timeout must be a number of seconds above 0, not {brief(timeout)}")


def interpreters_are_there() -> None:
    """ValueError where this Python has no `concurrent.interpreters`."""
    from importlib.util import find_spec

    if find_spec("concurrent.interpreters") is None:
        raise ValueError(
            'using="interpreters" takes Python 3.14 or later, and this is Python '
            f"{sys.version.split()[0]}"
        )


def must_be_importable(work: Any, by: str = "a new process") -> None:
    """A new process finds a function by importing its module; see lesson 03.

    So does another interpreter, which has no main module to look into.
    """
    name = name_of(work)
    main = sys.modules["__main__"]
    notebook = not hasattr(main, "__file__")
    place = "a notebook cell" if notebook else "the main program"
    blind = notebook or by != "a new process"
    in_main = blind and getattr(work, "__module__", None) == "__main__"
    why = f"it is defined in {place}" if in_main else ""
    if "<lambda>" in name:
        why = "it is a lambda"
    elif "<locals>" in name:
        why = "it is defined inside another function"
    if not why:
        import pickle
        from pickletools import genops

        try:
            # An old protocol names what is imported there as "module name".
            named = [
                str(arg) for op, arg, _ in genops(pickle.dumps(work, 2)) if op.name == "GLOBAL"
            ]
            if blind and (
                here := [n.partition(" ")[2] for n in named if n.startswith("__main__ ")]
            ):
                why = f"{here[0]}, which it needs, is defined in {place}"
        except Exception as error:
            why = f"it cannot be pickled ({outcome_of(error)})"
    if why:
        raise ValueError(
            f"work must be a function that {by} can import, and {name} is not: {why}. "
            "Define it with def at the top of a module, or use threads."
        )


def brief(value: Any) -> str:
    """How an item is named in a sentence, whatever its own `repr` does."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def name_of(work: Any) -> str:
    """What a sentence calls a function."""
    return getattr(work, "__qualname__", None) or type(work).__name__
