"""What is graded in each lesson, and how.

One module per lesson, named as the part of an exercise's name before the dot:
`start.overlap` stands in `start`. A module registers its exercises with
`exercise`; `lesson.check` and `lesson.hint` find them here. What is asked before
a measurement stands in `_predictions`.

A grade judges overlap, order and counts, never elapsed time: a slow machine
must not fail a correct answer, and a fast one must not pass a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from inspect import getsourcelines, isgeneratorfunction
from pkgutil import iter_modules
from typing import Any, NamedTuple

from ..ending import InOneSentence

Grade = Callable[[Any], str]


class UnknownName(InOneSentence, ValueError):
    """No exercise, or no prediction, has that name."""


class NotYet(Exception):
    """The answer does not hold yet: one sentence saying what, and where to look."""


class Exercise(NamedTuple):
    """One graded question.

    `grade(answer)` gives a sentence that says what held, or raises NotYet. The
    last four are for the tests, three for every exercise: `solution` passes,
    the untouched `starter` fails kindly, and `wrong`, a plausible mistake,
    fails with the words `says` in its verdict.
    """

    name: str
    question: str
    grade: Grade
    hints: tuple[str, ...]
    solution: Any
    starter: Any
    wrong: Any
    says: str
    seconds: float = 10.0  # that a grade may take, whatever the answer does


_known: dict[str, Exercise] = {}


def exercise(
    name: str,
    question: str,
    *,
    hints: tuple[str, ...],
    solution: Any,
    starter: Any,
    wrong: Any,
    says: str,
    seconds: float = 10.0,
) -> Callable[[Grade], Grade]:
    """Register the decorated function as the grade of the exercise `name`."""

    def register(grade: Grade) -> Grade:
        _known[name] = Exercise(
            name, question, grade, hints, solution, starter, wrong, says, seconds
        )
        return grade

    return register


def find(name: str) -> Exercise:
    """The exercise of that name; an error that lists those of the lesson."""
    lesson = name.partition(".")[0] if isinstance(name, str) else ""
    if lesson in lessons():
        import_module(f"{__name__}.{lesson}")
    if isinstance(name, str) and name in _known:
        return _known[name]
    raise no_such("exercise", name, everything())


def no_such(kind: str, name: object, known: list[str]) -> UnknownName:
    """The error for a name that is not among the `known` ones."""
    lesson = str(name).partition(".")[0]
    names = [each for each in known if each.startswith(f"{lesson}.")] or known
    near = get_close_matches(str(name), names, 1)
    guess = f' Did you mean "{near[0]}"?' if near else ""
    return UnknownName(f'there is no {kind} "{name}"; there are {", ".join(names)}.{guess}')


def lessons() -> list[str]:
    """The lessons that have exercises."""
    return sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))


def everything() -> list[str]:
    """The names of all exercises."""
    for lesson in lessons():
        import_module(f"{__name__}.{lesson}")
    return sorted(_known)


def expect(held: bool, otherwise: str) -> None:
    """Raise NotYet with the sentence `otherwise`, unless `held`."""
    if not held:
        raise NotYet(otherwise)


def named_slip(answer: Any, complaint: str) -> str:
    """A common slip, if the complaint is about what it leads to; else the complaint."""
    if isgeneratorfunction(answer) and "generator" not in complaint:
        return MADE_NO_CALL
    line = line_with_args(answer) if NO_TUPLE.search(complaint) else ""
    if line:
        return not_a_tuple(line)
    called = line_with(answer, CALLED) if ALONE.search(complaint) else ""
    return (
        f"{complaint} target=f() calls f there and then: write target=f{called}"
        if called
        else complaint
    )


MADE_NO_CALL = "there is a yield in your function, so a call of it only makes a generator, "
MADE_NO_CALL += "and nothing has been done yet."
NO_TUPLE = re.compile("argument after [*] must be an iterable|object is not iterable")


def not_a_tuple(line: str) -> str:
    """The slip args=item, in words; `line` says where, or is empty."""
    return f"args must be a tuple, args=(item,) with its comma, and is the item itself{line}"


ALONE = re.compile(
    r"nobody else runs|main waits for \w+, and no running|in the thread of the caller"
)
CALLED = r"target\s*=\s*[\w.]+\(\s*\)"


def line_with_args(answer: Any) -> str:
    """Where args is no tuple and no list, in words; nothing if the source is not there."""
    return line_with(answer, r"args\s*=\s*(\w|\(\s*\w+\s*\))")


def line_with(answer: Any, pattern: str) -> str:
    """Where the source of an answer has this, in words; nothing if the source is not there."""
    with suppress(OSError, TypeError):
        lines, _ = getsourcelines(answer)
        for n, text in enumerate(lines, 1):
            if re.search(pattern, text):
                return f", in line {n} of your function: {text.strip()}"
    return ""
