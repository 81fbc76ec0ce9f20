"""Schedules are told truly: in words that never differ, and in pictures that have their words."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import (
    ADD,
    ALL,
    Story,
    begun,
    deadlock,
    ended,
    fine,
    lost_update,
    lost_wakeup,
    report_of,
    spin,
)

from helpers.interleave.report import Schedule, Standing, Step
from helpers.interleave.told import html
from helpers.interleave.told.html import ENDED, page, percent, source, space
from helpers.interleave.told.lanes import LEGIBLE, MOST, Lanes, moments, tint
from helpers.interleave.told.text import (
    FIRST,
    LAST,
    SAME,
    because,
    counts,
    doing,
    header,
    report,
    rows,
    table,
)
from helpers.interleave.told.why import apart, cut

SVG = "{http://www.w3.org/2000/svg}"
every_story = pytest.mark.parametrize("story", ALL, ids=lambda story: story.__name__)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


# ------------------------------------------------------------------ the table


def test_a_table_has_a_column_per_thread_a_row_per_step_and_what_is_shared() -> None:
    assert lines(table(lost_update())) == [
        "assertion failed: lost update: 1 · schedule ABBA · 1 preemption (→)",
        "",
        "step    A: add              B: add              │  total",
        "   1    5: read total -> 0                      │  0",
        "   2 →                      5: read total -> 0  │  0",
        "   3                        5: total = 1        │  1",
        "   4    5: total = 1                            │  1",
        "",
        "A and B both read total before either wrote it: B's update is lost.",
    ]


def test_a_deadlock_shows_who_waits_for_what_and_the_circle() -> None:
    assert lines(table(deadlock())) == [
        "deadlock · schedule AB · 1 preemption (→)",
        "",
        "step    A: there         B: back          │  a  b",
        "   1    11: acquire a                     │  A  -",
        "   2 →  wants b (B)      16: acquire b    │  A  B",
        "        12: wants b (B)  17: wants a (A)",
        "",
        "A holds a and waits for b; B holds b and waits for a.",
        "A → b → B → a → A",
    ]


def test_a_beginning_says_in_brackets_what_comes_next() -> None:
    assert lines(table(begun()))[0] == "so far · schedule AB · 1 preemption (→)"
    assert lines(table(begun()))[-1] == "        (5: total = 1)      (5: total = 1)"


def test_what_is_no_letter_has_no_number_and_what_was_printed_stands_below() -> None:
    shown = lines(table(fine()))
    assert shown[5] == "      5: print 'hi'                           │  0      A"
    assert shown[-3:] == ["It printed:", "hi", "hi"]


@every_story
def test_the_letters_of_the_word_can_be_counted_along_the_table(
    story: Callable[[], Schedule],
) -> None:
    schedule = story()
    numbered = [row for row in rows(schedule, len(schedule.steps)) if not isinstance(row, int)]
    letters = [(row.number, row.step.thread) for row in numbered if row.number]
    assert letters == [(str(n), letter) for n, letter in enumerate(schedule.word, 1)]


@every_story
def test_the_same_schedule_gives_the_same_text_and_the_same_page(
    story: Callable[[], Schedule],
) -> None:
    assert str(story()) == str(story())
    assert page(story()) == page(story())
    assert " at 0x" not in page(story())


@pytest.mark.parametrize("number", [FIRST + LAST + 1, FIRST + LAST + 2, 5000])
def test_of_many_steps_the_first_and_the_last_are_shown(number: int) -> None:
    shown = table(spin(number))
    assert len(lines(shown)) <= FIRST + LAST + 7
    assert f"\n{number:>4}  3: read stop" in shown
    left_out = number - FIRST - LAST
    words = f"… {left_out:,} steps …".replace(",", " ")
    assert (words in shown) == (left_out > 1)


def test_main_has_a_column_only_where_it_takes_part() -> None:
    story = Story({"A": ADD}, total="0").read("A", 5, "total")
    story.step("M", 9, "read total -> 0", "read", "total", letter=False)
    assert "M" not in table(story.told("ok"))
    assert "9: read total" not in table(story.told("ok"))
    story.read("M", 9, "total").write("M", 9, "total", 1)
    assert re.search(r"A +M +│", table(story.told("ok")))


def test_only_what_some_step_touches_is_shown_as_shared() -> None:
    story = Story(total="0", other="7").write("A", 1, "total", 1)
    assert "other" not in table(story.told("ok"))
    story = Story(box="{'n': 1}")
    story.step("A", 1, "box['n'] = 2", "write", "box['n']", values={"box": "{'n': 2}"})
    assert "│  box" in table(story.told("ok"))


def test_a_value_that_never_changes_has_no_column_unless_the_run_goes_on() -> None:
    story = Story(limit="3", total="0").read("A", 1, "limit").write("A", 2, "total", 1)
    assert "limit -> 3" in table(story.told("ok"))
    assert "│  total" in table(story.told("ok"))
    assert "│  limit  total" in table(story.told("ok", ended=False))
    story = Story(total="0").write("A", 1, "total", 0)
    assert "│  total" in table(story.told("ok")), "who writes the same, writes all the same"


def test_a_thread_that_goes_on_waiting_says_so_once() -> None:
    story = Story({"B": ADD})
    story.acquire("A", 1, "lock", blocked={"B": "lock"})
    story.step("A", 2, "x = 1", "write", "x").release("A", 3, "lock", blocked={"B": ""})
    shown = lines(table(story.told("ok")))[2:]
    assert ["wants lock (A)" in line for line in shown] == [False, True, False, False]
    assert re.search(r"2: x = 1 +:", shown[2])


@given(text=st.text(max_size=300))
def test_whatever_the_texts_a_table_keeps_its_lines(text: str) -> None:
    plain = table(_with(text))
    assert len(plain.splitlines()) == len(table(_with("text")).splitlines())
    assert all(len(line) < 200 for line in plain.splitlines())


def _with(text: str) -> Schedule:
    story = Story(total=text)
    story.step("A", 1, text, "call", "total").step("B", 1, text, "call", "total")
    return story.told("race", text or "x", standing=(ended("A", text), ended("B", text)))


# --------------------------------------------------------------- explorations


def test_a_report_says_the_verdict_the_counts_and_the_simplest_schedule() -> None:
    said = lines(str(report_of(lost_update(), {"ok": 2, "lost update: 1": 4}, every=True)))
    assert said[0] == "race, assertion failed: lost update: 1. Schedule ABBA, 1 preemption."
    assert said[1] == "6 schedules: 4 fail, 2 do not."
    assert said[3:] == lines(table(lost_update()))[2:]


@pytest.mark.parametrize(
    ("numbers", "more", "words"),
    [
        ({"ok": 34}, {}, f"ok: all 34 schedules were tried, and none fails. {SAME}"),
        ({"ok": 34650}, {"every": True}, "ok: all 34 650 schedules were tried, and none fails."),
        ({"ok": 1}, {}, "ok: there is one schedule, and it does not fail."),
        ({}, {"complete": False}, "No schedule came to an end: no verdict."),
        (
            {"ok": 20000},
            {"complete": False},
            "None of 20 000 tried schedules fails, and there are more: no verdict on the rest.",
        ),
    ],
)
def test_none_fails_is_a_verdict_only_where_all_were_tried(
    numbers: dict[str, int], more: dict[str, Any], words: str
) -> None:
    assert report(report_of(None, numbers, **more)) == words


def test_a_failure_that_is_named_as_its_verdict_is_named_once() -> None:
    said = report(report_of(deadlock(), {"ok": 2, "deadlock": 1}))
    ends = "3 schedules: 1 ends in a deadlock, 2 do not."
    assert said.startswith(f"deadlock. Schedule AB, 1 preemption.\n{ends} {SAME}\n")


def test_counts_cannot_be_mistaken() -> None:
    some = report_of(lost_update(), {"ok": 1, "2 inside": 4, "torn: 0, 1": 1}, complete=False)
    told = '6 schedules tried: 5 fail (4 × "2 inside", 1 × "torn: 0, 1"), 1 does not'
    assert counts(some) == told


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"lost": 1}, "1 schedule: it fails"),
        ({"lost": 3}, "3 schedules: all of them fail"),
        ({"lost": 2}, "2 schedules: both fail"),
        ({"ok": 1, "lost": 1}, "2 schedules: 1 fails, 1 does not"),
        ({"ok: returns 1": 2, "ok: returns 2": 1, "lost": 4}, "7 schedules: 4 fail, 3 do not"),
        ({"deadlock": 2}, "2 schedules: both end in a deadlock"),
        ({"ok": 2, "livelock": 1}, "3 schedules: 1 ends in a livelock, 2 do not"),
        ({"ok": 1, "deadlock": 1, "x": 2}, "4 schedules: 3 fail (1 × deadlock, 2 × x), 1 does not"),
    ],
)
def test_counts_are_a_sentence(numbers: dict[str, int], words: str) -> None:
    assert counts(report_of(lost_update(), numbers)) == words


def test_an_exception_is_told_with_its_thread_and_an_assertion_as_one() -> None:
    story = Story().step("B", 7, "raise KeyError: 'x'", "raise", "")
    died = story.told("exception", "KeyError: 'x' in B")
    assert died.headline == "KeyError in thread B: 'x'"
    assert report(report_of(died, {"KeyError: 'x' in B": 1})).startswith(
        "exception: KeyError in thread B: 'x'. Schedule B, no preemption.\n1 schedule: it fails."
    )
    story.step("M", 9, "raise AssertionError: total == 2", "raise", "", letter=False)
    both = story.told("race", "total == 2", asserted="total is 1")
    assert both.headline == (
        "assertion failed: total == 2, where total is 1, after KeyError in thread B: 'x'"
    )
    story = Story().step("M", 7, "raise ValueError", "raise", "")
    assert story.told("exception", "ValueError").headline == "ValueError in main"


def test_a_report_says_why_it_is_not_complete_and_what_it_took_for_granted() -> None:
    some = report_of(None, {"ok": 3}, complete=False, left_out="too many", notes=("line 5: a set",))
    assert lines(report(some)) == [
        "None of 3 tried schedules fails, and there are more: no verdict on the rest. "
        "Not all were tried: too many.",
        "Note on line 5: a set.",
    ]
    assert "Not all were tried: too many.<br>Note on line 5: a set." in space(some)
    assert "<b class=" in space(report_of(lost_update(), {"ok": 2, "lost update: 1": 4}))
    assert '<b class="">None of 3 tried schedules fails' in space(some)  # no verdict, no colour


def test_letters_that_are_no_threads_are_explained() -> None:
    story = Story(total="0").read("M", 9, "total").step("t", 0, "time passes", "time", "")
    assert "schedule Mt (M is main, t is the time) · " in header(story.told("ok"))
    story = Story(total="0").read("A", 5, "total").read("M", 9, "total")
    story.write("A", 5, "total", 1).write("M", 9, "total", 1)
    assert because(story.told("race", "lost")) == (
        "A and main both read total before either wrote it: A's update is lost."
    )
    story = Story({"A": ADD}).acquire("M", 1, "lock", blocked={"A": "lock"})
    standing = tuple(Standing(t, "add", 5, "", "", "", False, 0) for t in "AM")
    stuck = story.told("deadlock", standing=standing)
    assert "wants lock (main)" in table(stuck)
    assert stuck.because == "A waits for lock, which main holds."


LONG_LABELS = [f"accounts['{name}'].{part}" for name in ("ann", "bob") for part in ("lock", "n")]


@given(
    st.lists(st.text("ab", max_size=30) | st.sampled_from(LONG_LABELS), max_size=9),
    st.integers(6, 20),
)
def test_labels_that_differ_differ_after_they_are_cut(labels: list[str], room: int) -> None:
    shown = apart(labels, room)
    assert all(len(label) <= room for label in shown)
    assert len(set(shown)) == len({" ".join(label.split()) for label in labels})


def test_what_is_cut_keeps_both_its_ends() -> None:
    assert cut("91: read state[('a', 1)] -> 0", 22) == "91: read stat…1)] -> 0"
    assert cut("short", 22) == "short"


# --------------------------------------------------------------- why it failed


def test_a_look_that_was_out_of_date_is_named() -> None:
    take = (1, ("def take():", "    if balance >= 80:", "        balance -= 80"))
    story = Story({"A": take, "B": take}, balance="100")
    story.read("A", 2, "balance").read("B", 2, "balance", preempts=True)
    story.read("B", 3, "balance").write("B", 3, "balance", 20)
    story.read("A", 3, "balance").write("A", 3, "balance", -60)
    assert because(story.told("race", "overdrawn")) == (
        "A read balance, then B changed it, and A went on with what it had read."
    )


def test_a_first_use_that_was_made_twice_rests_on_an_old_look() -> None:
    use = (1, ("def use():", "    if one is None:", "        log()", "        one = 1"))
    story = Story({"A": use, "B": use}, one="None", log="[]")
    story.read("A", 2, "one").step("A", 3, "log()", "call", "log").read("B", 2, "one")
    story.write("B", 4, "one", 1).write("A", 4, "one", 1)
    assert because(story.told("race", "made twice")) == (
        "A read one, then B changed it, and A went on with what it had read."
    )


def test_who_waited_in_an_if_is_told_that_it_did_not_look_again() -> None:
    assert because(taken_twice("if")) == (
        "A was woken and did not look at items again: B had changed it since A looked. "
        "At step 5 A raised IndexError: pop from empty list."
    )


def taken_twice(word: str) -> Schedule:
    take = (1, ("def take():", f"    {word} not items:", "        wait()", "    items.pop()"))
    story = Story({"A": take, "B": take}, items="[]")
    story.read("A", 2, "items").step("A", 3, "wait for ready", "wait", "ready")
    story.step("B", 4, "items.pop() -> 1", "call", "items", values={"items": "[ ]"})
    story.step("A", 3, "wake up from ready", "wake", "ready")
    if word == "while":
        story.read("A", 2, "items")
    story.step("A", 4, "raise IndexError: pop from empty list", "raise", "items")
    return story.told("exception", "IndexError: pop from empty list in A")


def test_who_waited_in_a_while_looked_again() -> None:
    assert because(taken_twice("while")) == "At step 6 A raised IndexError: pop from empty list."


def test_half_a_change_is_named() -> None:
    story = Story(low="0", high="0")
    story.write("A", 1, "low", 1).read("B", 5, "low").read("B", 6, "high").write("A", 2, "high", 1)
    assert because(story.told("race", "torn")).startswith(
        "B read high before and low after A changed them."
    )


def test_a_notify_that_came_too_early_is_named() -> None:
    assert because(lost_wakeup()) == (
        "A waits for ready, and no running thread is left to wake it. "
        "B notified it at step 4, before A waited: nobody was waiting then, so that was lost."
    )


def test_a_lock_that_is_waited_for_by_its_holder_or_held_by_the_dead_is_named() -> None:
    story = Story({"A": ADD}).acquire("A", 1, "lock", blocked={"A": "lock"})
    assert because(story.told("deadlock")) == "A waits for lock, which it holds itself."
    story.step("B", 1, "x", "call", "x", blocked={"B": "lock"})
    assert because(story.told("deadlock")) == (
        "A waits for lock, which it holds itself. B waits for lock, which A holds."
    )
    story = Story({"A": ADD, "B": ADD}).acquire("A", 1, "lock", blocked={"B": "lock"})
    assert because(story.told("deadlock", standing=(ended("A", "add"),))) == (
        "B waits for lock, which A holds, and it has ended."
    )


def test_a_circle_of_three_and_one_that_waits_outside_of_it() -> None:
    names = "ABC"
    story = Story(dict.fromkeys("ABCD", ADD))
    for n, name in enumerate(names):
        story.acquire(name, 1, f"fork{n}")
    story.step("D", 1, "x = 1", "write", "x", blocked={
        "A": "fork1", "B": "fork2", "C": "fork0", "D": "fork0"})  # fmt: skip
    circle = ("A", "fork1", "B", "fork2", "C", "fork0", "A")
    assert because(story.told("deadlock", circle=circle)) == (
        "A holds fork0 and waits for fork1; B holds fork1 and waits for fork2; "
        "C holds fork2 and waits for fork0. D waits for fork0, which A holds."
    )


def test_a_loop_without_an_end_is_placed() -> None:
    assert because(spin(400)) == (
        "A had not ended when the run was stopped, after 400 steps. Its last 12: A in line 3. A "
        "run has 3000 steps and 50000 turns of loops at most: where the loops do end, explore them "
        "with fewer turns."
    )


def test_an_exception_is_told_with_its_step() -> None:
    story = Story().step("A", 7, "d.pop('x')", "call", "d")
    story.step("A", 7, "raise KeyError: 'x'", "raise", "", letter=False)
    said = because(story.told("exception", "KeyError: 'x' in A"))
    assert said == "After step 1 A raised KeyError: 'x'."


def test_what_main_found_is_said_where_nothing_explains_it() -> None:
    story = Story(total="0").write("A", 1, "total", 3)
    story.step("M", 9, "raise AssertionError: 3", "raise", "", letter=False)
    assert because(story.told("race", "3")) == "After step 1 main raised AssertionError: 3."
    assert because(Story().read.__self__.told("race", "3")) == "The run ended with: 3."  # type: ignore[attr-defined]


@pytest.mark.parametrize("story", [fine, begun])
def test_what_did_not_fail_needs_no_reason(story: Callable[[], Schedule]) -> None:
    assert because(story()) == ""


# Adversaries: near misses of every pattern, of which nothing may be claimed.


def test_updates_one_after_the_other_are_not_called_lost() -> None:
    story = Story({"A": ADD, "B": ADD}, total="0")
    story.read("A", 5, "total").write("A", 5, "total", 1)
    story.read("B", 5, "total").write("B", 5, "total", 2)
    assert because(story.told("race", "3 were wanted")) == "The run ended with: 3 were wanted."


def test_a_flag_that_two_set_is_no_lost_update() -> None:
    either = (1, ("def set():", "    old = flag", "    flag = True"))
    story = Story({"A": either, "B": either}, flag="False")
    story.read("A", 2, "flag").read("B", 2, "flag")
    story.write("B", 3, "flag", True).write("A", 3, "flag", True)
    assert "lost" not in because(story.told("race", "both were first"))


def test_a_change_back_to_what_was_read_is_no_change() -> None:
    look = (1, ("def look():", "    if x == 0:", "        y = 1"))
    story = Story({"A": look}, x="0", y="0").read("A", 2, "x")
    story.write("B", 9, "x", 1).write("B", 9, "x", 0).write("A", 3, "y", 1)
    assert because(story.told("race", "no")) == "The run ended with: no."


def test_what_happened_after_the_exception_is_not_its_cause() -> None:
    story = Story({"A": ADD, "B": ADD}, total="0").read("A", 5, "total")
    story.step("C", 9, "raise ValueError: no", "raise", "", letter=False)
    story.read("B", 5, "total").write("B", 5, "total", 1).write("A", 5, "total", 1)
    said = because(story.told("exception", "ValueError: no in C"))
    assert said == "After step 1 C raised ValueError: no."


SOURCE = (1, ("def f():", "    if x: x = 1", "    x += 1", "    y = x", "    while y: pass"))
moves = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from("xy"),
        st.booleans(),
        st.integers(2, 5),
        st.integers(0, 2),
    ),
    max_size=12,
)


@given(moves)
def test_a_sentence_claims_nothing_that_the_steps_do_not_show(
    made: list[tuple[str, str, bool, int, int]],
) -> None:
    story = Story(dict.fromkeys("ABC", SOURCE), x="0", y="0")
    for thread, where, write, line, value in made:
        if write:
            story.write(thread, line, where, value)
        else:
            story.read(thread, line, where)
    said = because(story.told("race", "no")).partition(" The run ended")[0]
    assert said.startswith("The run ended with") or any(
        holds(said, story.steps) for holds in ORACLES
    )


def _touches(steps: list[Step], thread: str, where: str) -> list[tuple[int, Step]]:
    return [(n, s) for n, s in enumerate(steps) if s.thread == thread and s.where == where]


def _lost(said: str, steps: list[Step]) -> bool:
    """Some write of one comes between the other's read and its write, and both read before."""
    match = re.match(r"(\w) and (\w) both read (\w) before either wrote it: (\w)'s", said)
    if not match:
        return False
    loser, where = match[4], match[3]
    winner = match[1] if loser == match[2] else match[2]
    for j, write in _touches(steps, loser, where):
        mine = [n for n, s in _touches(steps, loser, where) if n < j]
        his = _touches(steps, winner, where)
        before, after = [n for n, _ in his if n < j], [n for n, _ in his if n > j]
        if write.kind == "write" and mine and before and after:
            reads = steps[mine[-1]].kind == steps[before[-1]].kind == "read"
            first = min(mine[-1], before[-1])
            wrote = [n for n in (*mine, *before) if n > first and steps[n].kind == "write"]
            if reads and steps[after[0]].kind == "write" and not wrote:
                return True
    return False


def _unseen(said: str, steps: list[Step]) -> bool:
    match = re.match(r"(\w) read (\w), then (\w) wrote it, and \1 wrote over that unseen", said)
    if not match:
        return False
    mine = _touches(steps, match[1], match[2])
    for (i, read), (k, write) in pairwise(mine):
        others = [n for n, s in _touches(steps, match[3], match[2]) if s.kind == "write"]
        if read.kind == "read" and write.kind == "write" and any(i < n < k for n in others):
            return True
    return False


def _out_of_date(said: str, steps: list[Step]) -> bool:
    """A look, then a change, then an act: the first since the look, or a write there, unread."""
    match = re.match(r"(\w) read (\w), then (\w) changed it, and \1 went on", said)
    if not match:
        return False
    one, where, other = match.groups()
    mine = [(n, s) for n, s in enumerate(steps) if s.thread == one]
    for at, (i, look) in enumerate(mine):
        for k, act in mine[at + 1 :]:
            between = [s for n, s in mine[at + 1 :] if n < k]
            again = [s for s in between if s[:2] == look[:2] and s[3:6] == look[3:6]]
            first = not any(s.kind == "write" for s in between)
            unread = act.where == where and not any(s.where == where for s in between)
            wrote = any(s.kind == "write" for n, s in _touches(steps, other, where) if i < n < k)
            kinds = look.kind == "read" and look.where == where and act.kind == "write"
            changed = wrote and steps[k - 1].values[where] != look.values[where]
            if kinds and changed and not again and (first or unread):
                return True
    return False


def _half(said: str, steps: list[Step]) -> bool:
    match = re.match(r"(\w) read (\w) before and (\w) after (\w) changed them", said)
    if not match:
        return False

    def at(thread: str, where: str, kind: str) -> list[int]:
        return [n for n, s in _touches(steps, thread, where) if s.kind == kind]

    old = any(
        r < w for r in at(match[1], match[2], "read") for w in at(match[4], match[2], "write")
    )
    new = any(
        w < r for r in at(match[1], match[3], "read") for w in at(match[4], match[3], "write")
    )
    return old and new


ORACLES = (_lost, _unseen, _out_of_date, _half)


# ---------------------------------------------------------------------- pages


class Parser(HTMLParser):
    """Notes what is open, and fails where a tag closes that was not."""

    VOID = ("input", "br", "path", "rect")

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID or not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open += [tag] * (tag not in ("input", "br"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def live(markup: str) -> str:
    """What the script of a page puts in place."""
    found = re.search(r"innerHTML = (\".*\");?", markup)
    assert found
    inserted: str = json.loads(found[1].partition("</script>")[0].rstrip(";"))
    return inserted


def svg(schedule: Schedule) -> ET.Element:
    return ET.fromstring(str(Lanes(schedule)))


@every_story
def test_a_page_is_well_formed_and_so_is_what_its_script_puts_in_place(
    story: Callable[[], Schedule],
) -> None:
    markup = page(story())
    Parser(markup)
    Parser(live(markup))
    svg(story())


@every_story
def test_without_a_script_the_table_and_the_source_are_there(
    story: Callable[[], Schedule],
) -> None:
    markup = page(story())
    plain = Parser(re.sub(r"<(script|style)>.*?</\1>", "", markup, flags=re.DOTALL))
    assert table(story()) in plain.texts["pre"]
    assert not {tag for tag, _ in plain.tags} & {"svg", "input", "script", "style"}
    for _, lines in story().sources.values():
        assert lines[0].strip() in plain.texts["span"]


@every_story
def test_the_picture_says_in_words_what_it_shows(story: Callable[[], Schedule]) -> None:
    picture, schedule = svg(story()), story()
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == f"{header(schedule)}. {because(schedule)}"
    told = [title.text for title in picture.iter(SVG + "title")]
    for moment in moments(schedule):
        if moment.acts:
            assert doing(moment.step) in told


@every_story
def test_every_slider_keeps_its_keys_and_says_its_step(story: Callable[[], Schedule]) -> None:
    (slider,) = [
        attributes for tag, attributes in Parser(live(page(story()))).tags if tag == "input"
    ]
    assert slider["data-lm-suppress-shortcuts"] == "true"
    assert slider["aria-label"] == "step"
    assert slider["aria-valuetext"]
    assert slider["max"] == slider["value"] == str(len(moments(story())) - 1)


def test_a_verdict_has_its_colour_and_sign_and_begins_with_a_capital_letter() -> None:
    bad, good = (page(story()) for story in (lost_update, fine))
    assert '<b class="cs-bad">✘ Assertion failed: lost update: 1</b> · schedule ABBA' in bad
    assert '<b class="cs-good">✓ Ok</b> · schedule ' in good


def test_a_picture_is_scrolled_where_its_letters_would_be_under_ten_pixels() -> None:
    picture = svg(fine())
    least = float(re.findall(r"min-width:([\d.]+)px", picture.get("style", ""))[0])
    _, _, wide, _ = map(float, str(picture.get("viewBox")).split())
    assert 11 * least / wide == pytest.approx(10, abs=0.01)
    assert not re.search(r"font-size:\d(px|\.)", page(fine()))


def test_reading_is_an_outline_and_writing_is_filled_so_that_colour_is_not_needed() -> None:
    boxes = [rect for rect in svg(lost_update()).iter(SVG + "rect") if len(rect)]
    assert [box.get("fill") is None for box in boxes] == [True, True, False, False]
    words = [text.text for text in svg(lost_update()).iter(SVG + "text")]
    assert {"A", "B", "add", "read total", "→ 0", "total", "= 1"} <= set(words)


def test_holding_is_a_bar_with_words_and_waiting_is_striped_with_words() -> None:
    picture = svg(deadlock())
    words = [text.text for text in picture.iter(SVG + "text")]
    assert {"holds a", "holds b", "wants", "b (B)", "a (A)"} <= set(words)
    (pattern,) = picture.iter(SVG + "pattern")
    striped = [
        r for r in picture.iter(SVG + "rect") if r.get("fill") == f"url(#{pattern.get('id')})"
    ]
    assert len(striped) == 2


def test_in_narrow_columns_a_step_is_one_word_and_in_very_narrow_ones_a_letter() -> None:
    for steps, told in ((6, "read stop"), (24, "read stop"), (36, "r"), (300, "r")):
        words = [text.text for text in svg(spin(steps)).iter(SVG + "text")]
        assert {"read stop", "read", "r"} & set(words) == {told}


def test_a_thread_that_is_in_another_function_has_its_marker_there() -> None:
    story = Story({"A": ADD, "B": ADD}, total="0")
    story.step("A", 50, "read total -> 0", "read", "total", source="self.total += 1")
    story.read("B", 5, "total")
    standing = (
        Standing("A", "add", 50, "self.total += 1", "total = 1", "", False, 1),
        Standing("B", "add", 5, "total += 1", "total = 1", "", False, 1),
    )
    plain = Parser(page(story.told("ok", standing=standing, ended=False)))
    assert plain.texts["pre"].count("▷  50  self.total += 1") == 1
    assert "▶   5" in plain.texts["span"]


def test_an_arrow_goes_where_a_thread_was_interrupted_and_nowhere_else() -> None:
    def arrows(schedule: Schedule) -> int:
        titles = (title.text or "" for title in svg(schedule).iter(SVG + "title"))
        return sum("a preemption" in title for title in titles)

    assert [arrows(story()) for story in (lost_update, fine, deadlock)] == [1, 0, 1]


@every_story
def test_everything_is_inside_the_picture(story: Callable[[], Schedule]) -> None:
    picture = svg(story())
    _, _, wide, high = map(float, str(picture.get("viewBox")).split())
    for box in picture.iter(SVG + "rect"):
        x, y, w, h = (float(box.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert -0.1 <= x <= x + w <= wide + 1
        assert -0.1 <= y <= y + h <= high + 1
    assert wide <= max(html.WIDTH, 170 + LEGIBLE * MOST) + 3


@given(
    text=st.text(max_size=60)
    | st.sampled_from(["</script><b>&", "<!--<script>", '"\\u003c\\', "TOLD LIVE WIDE"])
)
def test_nothing_that_a_program_says_is_markup_or_script(text: str) -> None:
    markup = page(_with(text))
    Parser(markup)
    assert markup.count("</script>") == markup.count("<script>") == 1
    ET.fromstring(str(Lanes(_with(text))))
    told = re.search(r"told = (\[.*\]);\n", markup)
    assert told
    json.loads(told[1])
    live(markup)


def test_threads_have_colours_that_stay_theirs() -> None:
    assert tint("A") != tint("B") != tint("C")
    assert tint("M") not in [tint(letter) for letter in "ABCDEF"]


def test_a_listing_has_colours_line_by_line() -> None:
    program = 'def f():\n    """of\n    two lines"""\n    return 7  # why'
    shown = source("A", "f", (3, tuple(program.split("\n"))), ENDED)
    Parser(shown)
    rows = [row for row in ET.fromstring(shown).iter("span") if row.get("data-line")]
    assert ["".join(row.itertext()) for row in rows] == [
        f" {n:>4}  {line}" for n, line in enumerate(program.split("\n"), 3)
    ]
    looks = [[part.get("class") for part in row if part.get("class")] for row in rows]
    assert looks == [["cs-k"], ["cs-s"], ["cs-s"], ["cs-k", "cs-n", "cs-c"]]


# ------------------------------------------------------- the space of schedules


def test_stripes_do_not_depend_on_another_picture_which_may_be_folded() -> None:
    reports = (report_of(lost_update(), {"ok": 2, "lost update: 1": n}, every=True) for n in (3, 4))
    pictures = [ET.fromstring(live(space(report))) for report in reports]
    assert len({p.get("id") for each in pictures for p in each.iter(SVG + "pattern")}) == 2


def test_the_space_has_a_square_for_each_schedule_and_signs_beside_colours() -> None:
    markup = space(report_of(lost_update(), {"ok": 2, "lost update: 1": 4}, every=True))
    Parser(markup)
    picture = ET.fromstring(live(markup))
    fills = [rect.get("fill") for rect in picture.iter(SVG + "rect")]
    assert len(fills) == 6
    stripes = [pattern.get("id") for pattern in picture.iter(SVG + "pattern")]
    assert [fills.count(f"url(#{stripe})") for stripe in stripes] == [4]
    words = [text.text for text in picture.iter(SVG + "text")]
    assert words == ["✓ ok", "2 of 6: 33%", "✘ lost update: 1", "4 of 6: 67%"]
    assert "6 schedules: 4 fail, 2 do not." in markup
    assert markup.count("<figure") == 2


def test_a_large_space_has_bars_that_are_as_long_as_their_share() -> None:
    numbers = {"ok": 90, "lost update: 1": 20000, "lost update: 2": 14560}
    picture = ET.fromstring(live(space(report_of(lost_update(), numbers))))
    wide = [float(str(rect.get("width"))) for rect in picture.iter(SVG + "rect")]
    assert wide[1] / wide[2] == pytest.approx(20000 / 14560, rel=0.01)
    assert wide[0] >= 1


def test_where_none_fails_the_space_is_all_there_is() -> None:
    markup = space(report_of(None, {"ok": 34}))
    assert markup.count("<figure") == 1
    assert "all 34 schedules were tried, and none fails" in markup
    assert SAME in markup


@given(number=st.integers(1, 40000), more=st.integers(0, 40000))
def test_a_share_is_never_all_or_nothing_unless_it_is(number: int, more: int) -> None:
    told = percent(number, number + more)
    assert (told == "100%") == (more == 0)
    assert not told.startswith("0%")
    assert float(told.split()[-1].rstrip("%")) == pytest.approx(
        100 * number / (number + more), abs=0.5
    )


def test_schedules_and_reports_show_themselves() -> None:
    for value in (lost_update(), report_of(lost_update(), {"lost update: 1": 1})):
        shown = value._repr_mimebundle_()
        assert shown["text/plain"] == str(value)
        assert shown["text/html"].startswith("<figure")


def test_all_stories_are_told() -> None:
    assert all(chain(*([table(story()), page(story())] for story in ALL)))
