"""Programs for the explorer: the name of each says what is right.

race_, deadlock_, exception_, livelock_: some schedule fails so. ok_: none fails, and that is
proved. refused_: it cannot be followed, and the sentence names the line and a way round.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

MODULES = ("known", "sound", "alarms", "people", "endings", "reports", "bad", "corners", "tasks",
           "inside", "ways", "calls", "polls", "keys", "lookers")  # fmt: skip
VERDICTS = ("race", "deadlock", "exception", "ok", "livelock", "refused")


def programs(*modules: str) -> dict[str, Callable[[], object]]:
    """All programs of these modules (of every one, if none is named), by "module.name"."""
    found = {}
    for module in modules or MODULES:
        space = vars(importlib.import_module(f"{__name__}.{module}"))
        for name, value in space.items():
            if name.split("_")[0] in VERDICTS and callable(value):
                found[f"{module}.{name}"] = value
    return found
