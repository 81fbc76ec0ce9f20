"""A schedule as a table, and an exploration as a sentence: plain text, always the same.

One column per thread, one row per step. Rows that are letters of the word are
numbered, so that the word can be counted along the table. At the right stands
what the threads share, and who holds what. `why` finds the sentence below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

from ...timeline.layout import plain
from ..report import Report, Schedule, Standing, Step
from .why import LONG, because, one_line, short

__all__ = ["because", "counts", "header", "report", "rows", "table"]

FIRST, LAST = 24, 12  # rows that a long table keeps
WIDE, VALUES, LETTERS = 90, 40, 60  # letters: of all threads, of all values, of a word
LIFE = ("start", "join", "end", "spin")  # kinds of steps that say nothing a learner needs here
ACCESS = ("read", "write", "call")


class Row(NamedTuple):
    """A step and its place in the word, "" where it is no letter."""

    number: str
    step: Step
    at: int  # its place among all steps


def table(schedule: Schedule) -> str:
    """The schedule step by step, and below it why it went wrong.

    The arrow marks a preemption: the thread of the letter before could have gone on.
    """
    return f"{header(schedule)}\n\n{_body(schedule)}"


def report(report: Report) -> str:
    """What was found: the verdict, how many schedules say so, the simplest that fails."""
    found = report.schedule
    if found is None:
        return _all_fine(report)
    named = "" if found.outcome == report.verdict else f": {found.outcome}"
    said = one_line(report.verdict + named)
    first = f"{said}. Schedule {_word(found)}, {_preemptions(found)}."
    return f"{first}\n{counts(report)}.{left_out(report)}\n\n{_body(found)}"


def left_out(report: Report) -> str:
    """ " Not all were tried: the budget of 100 schedules was used up."."""
    return f" Not all were tried: {report.left_out}." if report.left_out else ""


def counts(report: Report) -> str:
    """How many schedules had which outcome: "6 schedules: 2 ok, 4 lost update: 1"."""
    kind = "schedule" if report.every else "inequivalent schedule"
    tried = _number(report.tried, kind) + " tried" * (not report.complete)
    outcomes = (f"{digits(number)} {_quoted(o)}" for o, number in report.counts.items())
    return one_line(f"{tried}: {', '.join(outcomes)}")


def _quoted(outcome: str) -> str:
    """In quotes, where it could be mistaken for a number or for several outcomes."""
    return f'"{outcome}"' if outcome[:1].isdigit() or "," in outcome else outcome


def header(schedule: Schedule) -> str:
    """ "lost update: 1 · schedule ABBA · 1 preemption (→)"."""
    outcome = schedule.outcome if schedule.ended else "so far"
    return f"{short(outcome, LONG)} · schedule {_word(schedule)} · {_preemptions(schedule, ' (→)')}"


def rows(schedule: Schedule, first: int = FIRST, last: int = LAST) -> list[Row | int]:
    """The steps that are shown; a number stands for that many left out."""
    shown, letters = list[Row](), 0
    touched = {step.where for step in schedule.steps if step.letter}
    for at, step in enumerate(schedule.steps):
        letters += step.letter
        news = step.kind not in ACCESS or step.where in touched
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
    touched = {row.step.where for row in every if isinstance(row, Row)}
    return [
        place
        for place in state
        if any(where == place or where.startswith((f"{place}[", f"{place}.")) for where in touched)
    ]


def state_after(step: Step) -> dict[str, str]:
    """Shared values, and who holds what."""
    return {**step.values, **step.holds}


def doing(step: Step) -> str:
    """ "A, line 8: read total -> 0"; the line only where it is known."""
    place = f"{step.thread}, line {step.line}" if step.line else step.thread
    return one_line(f"{place}: {step.what}")


def waits(blocked: str, holds: Mapping[str, str]) -> str:
    """ "waits for lock (B)": for what, and who has it."""
    owner = holds.get(blocked, "")
    held = f" ({owner})" * (len(owner) == 1 and owner.isupper())
    return f"waits for {blocked or 'a change'}{held}"


def digits(number: int) -> str:
    """20000 as "20 000"."""
    return f"{number:,}".replace(",", " ")


def _body(schedule: Schedule) -> str:
    """The grid, the sentence, the circle, what was printed; what there is of them."""
    sentence = "\n".join(filter(None, [schedule.because, " → ".join(schedule.circle)]))
    printed = plain(schedule.printed).rstrip("\n")
    parts = [_grid(_lines(schedule)), sentence, f"It printed:\n{printed}" if printed else ""]
    return "\n\n".join(filter(None, parts))


def _lines(schedule: Schedule) -> Iterator[list[str]]:
    """The cells of each line: number, a column per thread, a bar, what is shared."""
    threads, labels = columns(schedule), shared(schedule)
    room, wide = max(14, WIDE // max(1, len(threads))), max(12, VALUES // max(1, len(labels)))
    heads = [f"{letter}: {name}" if name else letter for letter, name in threads.items()]
    yield ["step", *(short(head, room) for head in heads), *_bar(labels)]
    before: Mapping[str, str] = {}
    for row in rows(schedule):
        if isinstance(row, int):
            yield [f"… {digits(row)} steps …"]
            continue
        cells = [short(_cell(thread, row.step, before), room) for thread in threads]
        state = state_after(row.step)
        values = [short(state.get(label, ""), wide) or "-" for label in labels]
        yield [f"{row.number:>4}{' →' * row.step.preempts}", *cells, *_bar(values)]
        before = row.step.blocked
    if any(stands.thread in threads and not stands.ended for stands in schedule.standing):
        standing = {stands.thread: stands for stands in schedule.standing}
        yield ["", *(short(_left(standing.get(thread), schedule), room) for thread in threads)]


def _cell(thread: str, step: Step, before: Mapping[str, str]) -> str:
    """What a thread does at this step, or what it begins to wait for; ":" where it still does."""
    if thread == step.thread:
        return at_line(step.line, step.what)
    if thread not in step.blocked:
        return ""
    begins = before.get(thread) != step.blocked[thread]
    return waits(step.blocked[thread], step.holds) if begins else ":"


def _left(stands: Standing | None, schedule: Schedule) -> str:
    """Where a thread was left standing: waiting, or before its next step, in brackets."""
    if stands is None or stands.ended:
        return ""
    step = schedule.steps[-1] if schedule.steps else None
    if step and stands.thread in step.blocked:
        return at_line(stands.line, waits(step.blocked[stands.thread], step.holds))
    return f"({at_line(stands.line, stands.what)})" if stands.what else "(has not ended)"


def at_line(line: int, what: str) -> str:
    """ "14: read total"; the line only where it is known."""
    return f"{line}: {what}" if line else what


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
    return short(schedule.word, LETTERS) if schedule.word else "without a choice"


def _preemptions(schedule: Schedule, mark: str = "") -> str:
    number = schedule.preemptions
    return _number(number, "preemption") + mark if number else "no preemption"


def _all_fine(report: Report) -> str:
    """No schedule fails; but only where none was left out is that a verdict."""
    kind = "schedule" if report.every else "inequivalent schedule"
    if not report.complete:
        return (
            f"None of {digits(report.tried)} tried schedules fails, and there are more: "
            f"no verdict on the rest.{left_out(report)}"
        )
    if report.tried == 1:
        return f"ok: there is one {kind}, and it does not fail."
    return f"ok: all {_number(report.tried, kind)} were tried, and none fails."


def _number(number: int, noun: str) -> str:
    return f"{digits(number)} {noun}{'s' * (number != 1)}"
