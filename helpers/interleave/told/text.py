"""A schedule as a table, and an exploration as a sentence: plain text, always the same.

One column per thread, one row per step. Rows that are letters of the word are
numbered, so that the word can be counted along the table. At the right stands
what the threads share, and who holds what. `why` finds the sentence below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, zip_longest
from typing import NamedTuple

from ...timeline.shapes import plain
from ..report import ASLEEP, NOTIFIED, UNSET, Report, Schedule, Standing, Step
from .why import LONG, apart, because, cut, headline, line_of, one_line, short, who

__all__ = ["because", "counts", "header", "headline", "report", "rows", "table"]

FIRST, LAST = 24, 12  # rows that a long table keeps
WIDE, VALUES, LETTERS = 90, 40, 60  # letters: of all threads, of all values, of a word
SAME = "(Schedules that only swap independent steps count as one.)"
STATES = (
    "(It can be in {states} states; schedules that come to the same one are one from there on.)"
)
FAIL = "fail{s}"
ENDS = {"deadlock": "end{s} in a deadlock", "livelock": "end{s} in a livelock"}
LIFE = ("start", "join", "end", "spin")  # kinds of steps that say nothing a learner needs here
ACCESS = ("read", "write", "call")
LABEL = 30  # letters of the name of a value
NAMES = {"M": "main", "t": "the time"}  # what letters mean that are no thread's


class Row(NamedTuple):
    """A step and its place in the word, "" where it is no letter."""

    number: str
    step: Step
    at: int  # its place among all steps


def table(schedule: Schedule) -> str:
    """The schedule step by step, and below it why it went wrong.

    The arrow marks a preemption: the thread of the letter before could have gone on; among
    tasks, that it was the turn of another one.
    """
    return f"{header(schedule)}\n\n{_body(schedule)}"


def report(report: Report) -> str:
    """What was found: the verdict, how many schedules say so, the simplest that fails."""
    found = report.schedule
    if found is None:
        return f"{all_fine(report)}{remarks(report)}"
    first = f"{verdict(report)}. Schedule {_word(found)}, {_preemptions(found)}."
    return f"{first}\n{counts(report)}.{remarks(report)}\n\n{_body(found)}"


def verdict(report: Report) -> str:
    """ "race, assertion failed: total == 2, where total is 1"; "deadlock"."""
    said = headline(report.schedule) if report.schedule else report.verdict
    mark = ", " if report.verdict == "race" else ": "
    return said if said == report.verdict else f"{report.verdict}{mark}{said}"


def remarks(report: Report) -> str:
    """What counts as one schedule, why there may be more, and what was taken for granted."""
    same = STATES.format(states=digits(report.states)) if report.states else SAME
    one = f" {same}" * (report.complete and report.tried > 1 and not report.every)
    left_out = f" Not all were tried: {report.left_out}." if report.left_out else ""
    notes = "".join(f"\nNote on {note}." for note in report.notes)
    return f"{one}{left_out}{notes}"


def counts(report: Report) -> str:
    """ "6 schedules: 4 fail, 2 do not"; how they fail, where they do not all do so alike."""
    failing = {outcome: n for outcome, n in report.counts.items() if not is_fine(outcome)}
    fail = sum(failing.values())
    verb = ENDS.get(next(iter(failing), ""), FAIL) if len(failing) == 1 else FAIL
    every = {1: "it", 2: "both"}.get(fail, "all of them")
    who = digits(fail) if fail < report.tried else every
    some = ", ".join(f"{digits(n)} × {_quoted(outcome)}" for outcome, n in failing.items())
    alike = f" ({some})" * (len(failing) > 1)
    fine = report.tried - fail
    rest = f", {digits(fine)} do{'es' * (fine == 1)} not" * (fine > 0)
    tried = _number(report.tried, "schedule") + " tried" * (not report.complete)
    return one_line(f"{tried}: {who} {verb.format(s='s' * (fail == 1))}{alike}{rest}")


def _quoted(outcome: str) -> str:
    """In quotes, where it could be mistaken for a number or for several outcomes."""
    return f'"{outcome}"' if outcome[:1].isdigit() or "," in outcome else outcome


def is_fine(outcome: str) -> bool:
    return outcome == "ok" or outcome.startswith("ok: ")


def header(schedule: Schedule) -> str:
    """ "assertion failed: lost update: 1 · schedule ABBA · 1 preemption (→)"."""
    said = short(headline(schedule), LONG)
    return f"{said} · schedule {_word(schedule)} · {_preemptions(schedule, ' (→)')}"


def rows(schedule: Schedule, first: int = FIRST, last: int = LAST) -> list[Row | int]:
    """The steps that are shown; a number stands for that many left out."""
    shown, letters = list[Row](), 0
    touched = {step.where for step in schedule.steps if step.letter}
    for at, step in enumerate(schedule.steps):
        letters += step.letter
        tasks = schedule.kind == "task"  # whose letters say only that they go on
        news = tasks or step.kind not in ACCESS or step.where in touched
        if step.letter or (news and _helps(schedule, at)):
            shown.append(Row(str(letters) if step.letter else "", step, at))
    left_out = len(shown) - first - last
    return [*shown[:first], left_out, *shown[-last:]] if left_out > 1 else [*shown]


def _helps(schedule: Schedule, at: int) -> bool:
    """Not what is no news: main's steps where it takes no part, a name read to use its object."""
    step = schedule.steps[at]
    if step.kind in LIFE or (step.thread == "M" and "M" not in schedule.word):
        return False
    then = next((s for s in schedule.steps[at + 1 :] if s.thread == step.thread), step)
    again = (then.line, then.where, then.letter) == (step.line, step.where, True)
    return step.kind != "read" or not again


def columns(schedule: Schedule) -> dict[str, str]:
    """The letters of the threads that are shown, each with the name of its function."""
    letters = {step.thread: "" for step in schedule.steps if step.kind not in LIFE}
    letters |= {stands.thread: stands.name for stands in schedule.standing}
    if "M" not in schedule.word:
        letters.pop("M", None)
    return dict(sorted(letters.items(), key=lambda item: (item[0] == "M", item[0])))


def shared(schedule: Schedule) -> list[str]:
    """The labels of what the steps shown touch, or touch a part of: values, then primitives."""
    state = state_after(schedule.steps[-1]) if schedule.steps else {}
    every = rows(schedule, len(schedule.steps))
    shown = [row.step for row in every if isinstance(row, Row)]
    return [
        place
        for place in state
        if (at := [step for step in shown if _touches(step, place)])
        and not (schedule.ended and _never_changes(schedule, place, at))
    ]


def _touches(step: Step, place: str) -> bool:
    return step.where == place or step.where.startswith((f"{place}[", f"{place}."))


def _never_changes(schedule: Schedule, place: str, touching: list[Step]) -> bool:
    """A value that is only looked at, and is the same in each row."""
    values = {step.values.get(place) for step in schedule.steps} - {None}
    looks = all(step.kind == "read" or " -> " in step.what for step in touching)
    return len(values) == 1 and looks


def state_after(step: Step) -> dict[str, str]:
    """Shared values, and who holds what."""
    holds = {label: "main" if owner == "M" else owner for label, owner in step.holds.items()}
    return {**step.values, **holds}


def doing(step: Step) -> str:
    """ "A, line 8: read total -> 0"; the line only where it is known."""
    place = f"{who(step.thread)}, {line_of(step)}" if step.line else who(step.thread)
    return one_line(f"{place}: {step.what}")


def waits(step: Step, thread: str) -> str:
    """How it waits, and for what: "wants lock (B)", which B has, "asleep until set: ready"."""
    label, how = step.blocked[thread] or "a change", step.sleep.get(thread, "")
    owner = step.holds.get(label, "")
    held = f" ({who(owner)})" * (len(owner) == 1 and owner.isupper())
    if how in (ASLEEP, UNSET):
        return f"asleep {how}: {label}"
    if how == NOTIFIED:
        return f"{how}, wants {label}{held}"
    return f"wants {label}{held}" if held else f"waits for {label}"


def digits(number: int) -> str:
    """20000 as "20 000"."""
    return f"{number:,}".replace(",", " ")


def _body(schedule: Schedule) -> str:
    """The grid, the sentence, the circle, what was printed; what there is of them."""
    circle = " → ".join(who(thread) for thread, _ in groupby(schedule.circle))
    sentence = "\n".join(filter(None, [schedule.because, circle]))
    printed = plain(schedule.printed).rstrip("\n")
    parts = [_grid(_lines(schedule)), sentence, f"It printed:\n{printed}" if printed else ""]
    return "\n\n".join(filter(None, parts))


def _lines(schedule: Schedule) -> Iterator[list[str]]:
    """The cells of each line: number, a column per thread, a bar, what is shared."""
    threads, labels = columns(schedule), shared(schedule)
    room, wide = max(14, WIDE // max(1, len(threads))), max(12, VALUES // max(1, len(labels)))
    heads = [f"{letter}: {name}" if name else letter for letter, name in threads.items()]
    yield ["step", *(cut(head, room) for head in heads), *_bar(apart(labels, LABEL))]
    before: Step | None = None
    for row in rows(schedule):
        if isinstance(row, int):
            yield [f"… {digits(row)} steps …"]
            continue
        fit = short if row.step.kind == "raise" else cut
        cells = [fit(_cell(thread, row.step, before), room) for thread in threads]
        state = state_after(row.step)
        values = [short(state.get(label, ""), wide) or "-" for label in labels]
        yield [f"{row.number:>4}{' →' * row.step.preempts}", *cells, *_bar(values)]
        before = row.step
    if any(stands.thread in threads and not stands.ended for stands in schedule.standing):
        standing = {stands.thread: stands for stands in schedule.standing}
        yield ["", *(cut(_left(standing.get(thread), schedule), room) for thread in threads)]


def _cell(thread: str, step: Step, before: Step | None) -> str:
    """What a thread does at this step, or what it begins to wait for; ":" where it still does."""
    if thread == step.thread:
        return at_line(step, step.what)
    if thread not in step.blocked:
        return ""
    return (
        ":"
        if before and _waits_as(before, thread) == _waits_as(step, thread)
        else waits(step, thread)
    )


def _waits_as(step: Step, thread: str) -> tuple[str, str]:
    return step.blocked.get(thread, ""), step.sleep.get(thread, "")


def _left(stands: Standing | None, schedule: Schedule) -> str:
    """Where a thread was left standing: waiting, or before its next step, in brackets."""
    if stands is None or stands.ended:
        return ""
    step = schedule.steps[-1] if schedule.steps else None
    if step and stands.thread in step.blocked:
        return at_line(stands, waits(step, stands.thread))
    return f"({at_line(stands, stands.what)})" if stands.what else "(has not ended)"


def at_line(at: Step | Standing, what: str) -> str:
    """ "14: read total", "contextlib 137: next(self.gen)"; the line only where it is known."""
    return f"{at.library} {at.line}: {what}".lstrip() if at.line else what


def _bar(cells: list[str]) -> list[str]:
    return ["│", *cells] if cells else []


def _grid(lines: Iterator[list[str]]) -> str:
    """Columns as narrow as their content; a line with one cell goes across."""
    cells = list(lines)
    wide = [
        max(map(len, column))
        for column in zip_longest(*(c for c in cells if len(c) > 1), fillvalue="")
    ]
    padded = (map(str.ljust, line, wide) if len(line) > 1 else line for line in cells)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def _word(schedule: Schedule) -> str:
    """The word; what its letters mean that are no thread's."""
    named = [f"{letter} is {name}" for letter, name in NAMES.items() if letter in schedule.word]
    means = f" ({', '.join(named)})" if named else ""
    return f"{short(schedule.word, LETTERS)}{means}" if schedule.word else "without a choice"


def _preemptions(schedule: Schedule, mark: str = "") -> str:
    number = schedule.preemptions
    if schedule.kind == "task":
        return f"{_number(number, 'time')} out of turn{mark}" if number else "asyncio's own order"
    return _number(number, "preemption") + mark if number else "no preemption"


def all_fine(report: Report) -> str:
    """No schedule fails; but only where none was left out is that a verdict."""
    if not report.tried:
        return "No schedule came to an end: no verdict."
    if not report.complete:
        return (
            f"None of {digits(report.tried)} tried schedules fails, and there are more: "
            "no verdict on the rest."
        )
    if report.tried == 1:
        return "ok: there is one schedule, and it does not fail."
    if report.tried == 2:
        return "ok: both schedules were tried, and none fails."
    return f"ok: all {_number(report.tried, 'schedule')} were tried, and none fails."


def _number(number: int, noun: str) -> str:
    return f"{digits(number)} {noun}{'s' * (number != 1)}"
