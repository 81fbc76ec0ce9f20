"""What a prediction is, and where those of the lessons are found by name.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from . import no_such

AGAIN = "One run can be disturbed: run the cell again."


class Option(NamedTuple):
    """Why it is so, where it is measured; or what whoever chose it overlooks."""

    reason: str
    number: float | Callable[[], float] | None = None  # that it stands for, if it does


class Prediction(NamedTuple):
    """A question that a measurement answers."""

    name: str
    question: str
    options: Mapping[str, Option]
    right: str
    otherwise: str

    def number(self, label: str) -> float | None:
        """What the option stands for, on this computer."""
        number = self.options[label].number
        return number() if callable(number) else number


_asked: dict[str, Prediction] = {}


def prediction(
    name: str,
    question: str,
    options: Mapping[str, Option],
    right: str,
    otherwise: str = AGAIN,
) -> None:
    """Register a question under the name `lesson.what`."""
    _asked[name] = Prediction(name, question, options, right, otherwise)


def find(name: str) -> Prediction:
    """The prediction of that name; an error that lists those of the lesson."""
    if isinstance(name, str) and name in _asked:
        return _asked[name]
    raise no_such("prediction", name, [*_asked])


def everything() -> list[Prediction]:
    """All of them, in the order of the lessons."""
    return list(_asked.values())
