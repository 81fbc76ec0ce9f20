"""The errors of a run: what did not finish, and who died."""

from __future__ import annotations

from typing import Any

from ..ending import InOneSentence
from ..timeline import Timeline


class RunError(InOneSentence, RuntimeError):
    """A run that did not finish, in one sentence.

    `timeline` has every span that had ended, and the results so far, with None
    where there is none; `index` and `item` say what could not be done. The
    original exception is the `__cause__`. `failures` has one such error for each
    item that could not be done: more than one only after `keep_going`.
    """

    def __init__(
        self, sentence: str, timeline: Timeline, index: int = -1, item: Any = None
    ) -> None:
        super().__init__(sentence)
        self.timeline, self.index, self.item = timeline, index, item
        self.failures: list[RunError] = []


class Stopped(RunError):
    """Somebody pressed Stop."""


class Died(Exception):
    """A worker that ended without an answer; how, or as the how-manieth."""
