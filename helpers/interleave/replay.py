"""One schedule: a given word."""

from __future__ import annotations

from collections.abc import Sequence

from .run import Run
from .search import Stay
from .states import State
from .step import Task

LONG = 60  # letters of a word that a message quotes


class Replay:
    """Letter by letter; after the last letter, nobody is interrupted, or (not `rest`) it ends."""

    state: State | None = None

    def __init__(self, word: str, rest: bool = True) -> None:
        self.word, self.rest, self.stay = word, rest, Stay()

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None:
        place = len(run.events)
        if place >= len(self.word):
            if not self.rest:
                run.give_up("prefix")
                return None
            if run.fifo:
                return can[0]
            numbers = [task.number for task in can]
            return run.tasks[self.stay.first(numbers, last.number if last else -1)]
        letter = self.word[place]
        for task in can:
            if task.letter == letter:
                return task
        raise ValueError(f"letter {place + 1} of {quoted(self.word)}: {_why_not(run, letter)}")


def quoted(word: str) -> str:
    """The word, or how it begins."""
    return f'"{word}"' if len(word) <= LONG else f'"{word[:LONG]}…" ({len(word)} letters)'


def _why_not(run: Run, letter: str) -> str:
    known = {task.letter: task for task in run.tasks if task.number}
    task = known.get(letter, run.tasks[0] if letter == "M" else None)
    if task is None:
        return f"there is no thread {letter}; there are {', '.join(known)}"
    if task.ended:
        return f"{letter} has ended"
    return f"{letter} cannot go on there: it waits"
