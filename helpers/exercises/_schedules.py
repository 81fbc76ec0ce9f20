"""What a grade asks the explorer, and how a verdict that is no "ok" becomes a sentence.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from math import inf

from ..deadline import DeadlinePassed, busy_deadline
from ..interleave import Diverged, Refused, Report, Schedule, explore
from . import NotYet, expect

LONG = 60  # letters of a word
BUDGET = 20_000  # schedules
ENOUGH = 3000  # schedules, where real threads judge too: polling has more than anybody could try
TRIED = 4.0  # seconds of CPU time for these
HUNG = 4.0  # seconds after which nobody on real threads will end any more
RAISED = re.compile(r"(At|After) step \d+ \S+ raised .*", re.DOTALL)
SLIP = re.compile(r" raised (Name|UnboundLocal|Type|Attribute|Index|Key|Runtime|Zero)\w*Error")
ENDLESS = ("no end in sight", "livelock")  # the second: although everybody gets a turn


def all_hold(program: Callable[[], object], budget: int = BUDGET) -> float:
    """How many schedules were tried (`inf`: see `all_tried`).

    NotYet for the simplest that fails, or with what is unknown.

    A program that cannot be followed, one that may go on for ever and one that
    has too many schedules have a sentence each.
    """
    try:
        with redirect_stdout(StringIO()):
            report = explore(program, budget=budget)
    except (Diverged, ValueError) as error:  # Refused is one of them
        raise NotYet(f"the explorer cannot follow this: {sentence(error)}") from None
    if report.interrupted:
        raise KeyboardInterrupt  # nothing is graded by a part of the schedules
    return held(report)


def followed(
    program: Callable[[], None], of: str, *, longer: int = 1, livelocks: bool = False
) -> bool:
    """Whether the explorer can say that no schedule fails; NotYet where it says that one does.

    Where it cannot, real threads have to judge. `of` begins the sentence of NotYet.
    `longer` times as much is tried. With `livelocks` a livelock fails, too: of a program in
    which who polls in vain has every turn, and waits for what nobody will do any more.
    """
    try:
        with redirect_stdout(StringIO()):
            report = explore(program, budget=longer * ENOUGH, seconds=longer * TRIED)
    except (Refused, Diverged):
        return False
    if report.interrupted:
        raise KeyboardInterrupt
    endless = ENDLESS[:1] if livelocks else ENDLESS
    if report.schedule is not None and report.schedule.verdict not in endless:
        raise NotYet(f"{of}: {broken(report.schedule)}")
    return report.ok


def really_holds(program: Callable[[], None], otherwise: str) -> None:
    """Once on real threads; NotYet, which begins with `otherwise`, where that fails or hangs."""
    try:
        with redirect_stdout(StringIO()), busy_deadline(HUNG):
            program()
    except AssertionError as error:
        raise NotYet(f"{otherwise}: {sentence(error)}") from None
    except DeadlinePassed:
        raise NotYet(f"{otherwise}: somebody waits for ever.") from None


def held(report: Report) -> float:
    """The same of a report."""
    if report.schedule is not None:
        raise NotYet(broken(report.schedule))
    expect(
        report.complete,
        f"none of the {report.tried} schedules tried fails, and there are more: too many to say "
        "that all hold. Is there a loop that tries again and again?",
    )
    return inf if report.states else report.tried


def broken(schedule: Schedule) -> str:
    """Which schedule fails, how it ends, and why."""
    word = schedule.word
    short = word if len(word) <= LONG else f"{word[:LONG]}…"
    main = " (M is main)" if "M" in word else ""
    which = f"schedule {short}{main} breaks it" if word else "there is one schedule, and it fails"
    if schedule.verdict in ENDLESS:
        return (
            f"{which}: it has no end, since somebody looks or tries again and again, and what "
            "it tries for need never come (a livelock, if all of them do so). Wait for it instead."
        )
    return f"{which}: {told(schedule)}"


def told(schedule: Schedule) -> str:
    """How it ends and why, on one line; what the outcome has said is not said again."""
    because = RAISED.sub("", schedule.because)
    if schedule.verdict == "race" and not because and SLIP.search(schedule.because):
        because = schedule.because  # what a thread has died of, of which the outcome says nothing
    return " ".join(f"{sentence(schedule.outcome)} {because}".split())


def sentence(said: object) -> str:
    """What an error or an outcome says, with one mark at its end."""
    text = str(said)
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."


def all_tried(number: float) -> str:
    """That all is well, in words; `inf` where states were told apart, not schedules."""
    if number == inf:
        return "All states that it can come to were looked at, and in none does it fail."
    if number == 1:
        return "There is one schedule, and it does not fail."
    if number == 2:
        return "Both schedules were tried, and none fails."
    return f"All {number} schedules were tried, and none fails."
