"""Why a schedule went wrong, in a sentence that its steps bear out.

Patterns are looked for in order: an update that another thread wrote over, a
look that was out of date when the thread acted on it, a thread that was woken
and did not look again, values read half before and half after a change. Where
none fits, the sentence says only what happened. Nothing here guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from ...timeline.shapes import plain
from ..pace import LIMIT, TURNS
from ..report import ASLEEP, GOES_ON, UNSET, Schedule, Standing, Step

LENGTH = (
    f"A run has {LIMIT} steps and {TURNS} turns of loops at most: where the loops do end, explore "
    "them with fewer turns."
)

Steps = Sequence[Step]
TAKES = (".pop(", ".popleft(", ".popitem(", ".setdefault(")  # which change, and give back
LOOKS = ("if ", "elif ", "while ")  # how a line begins that looks before it acts
FAR = 300  # steps before the end in which a cause is looked for
LONG = 120  # letters of an exception
CALLED = re.compile(r"target\s*=\s*([\w.]+)\(\s*\)")
TAIL = 12  # last steps, which tell where a run without an end goes round


class Found(NamedTuple):
    """A pattern that the steps show."""

    threads: str  # letters of those it is about
    sentence: str
    at: int  # the step that did the harm


def because(schedule: Schedule) -> str:
    """The causal sentence; "" for a run that is fine, or that has only begun."""
    if not schedule.ended or schedule.verdict == "ok":
        return ""
    if schedule.verdict == "deadlock":
        stuck = _stuck(schedule) if schedule.steps else map(_waits_alone, schedule.standing)
        return one_line(" ".join([*stuck, *_called_at_once(schedule)]))
    if schedule.verdict == "livelock" and schedule.repeats:
        return one_line(_for_ever(schedule))
    if schedule.verdict in ("livelock", "no end in sight"):
        return one_line(_round_and_round(schedule))
    return one_line(_failed(schedule))


def one_line(text: str) -> str:
    """`text` on one line, with nothing in it that cannot be printed."""
    return plain(" ".join(text.split()))


def short(text: str, room: int) -> str:
    """`text` on one line, cut off where it would take more than `room` letters."""
    text = one_line(text)
    return text if len(text) <= room else text[: room - 1] + "…"


def cut(text: str, room: int) -> str:
    """`text` on one line; where it would take more than `room` letters, its middle is left out."""
    text = one_line(text)
    tail = (room - 1) * 2 // 5
    return text if len(text) <= room else text[: room - 1 - tail] + "…" + text[len(text) - tail :]


def apart(labels: Iterable[str], room: int) -> list[str]:
    """Each in no more than `room` letters; those that differ, differ still, if they can."""
    shown = list[str]()
    meant = dict[str, str]()  # what is shown -> the label
    for label in map(one_line, labels):
        tries = chain([cut(label, room)], (f"{label[: room - 3]}…{n}" for n in range(2, 100)))
        found = next((text for text in tries if meant.get(text, label) == label), cut(label, room))
        meant[found] = label
        shown.append(found)
    return shown


def headline(schedule: Schedule) -> str:
    """How a run ended, in words: what did not hold, or which exception ended which thread."""
    raised = _exceptions(schedule)
    if not schedule.ended:
        return "so far"
    if schedule.verdict == "race":
        values = f", where {schedule.asserted}" if schedule.asserted else ""
        others = (told for thread, told in raised.items() if not told.startswith("AssertionError "))
        after = next((f", after {told}" for told in others), "")
        return one_line(f"assertion failed: {schedule.outcome}{values}{after}")
    if schedule.verdict == "exception" and raised:
        return one_line(raised[min(raised, key=lambda thread: (thread != "M", thread))])
    return one_line(schedule.outcome)


def _exceptions(schedule: Schedule) -> dict[str, str]:
    """What ended each thread: {"B": "ValueError in thread B: no"}."""
    found = dict[str, str]()
    for step in schedule.steps:
        if step.kind == "raise":
            kind, colon, text = step.what.removeprefix("raise ").partition(": ")
            where = "main" if step.thread == "M" else f"{schedule.kind} {step.thread}"
            found[step.thread] = f"{kind} in {where}{colon}{text}"
    return found


def failing(schedule: Schedule) -> int:
    """The step at which to look first: where it went wrong, not where it was over."""
    last = len(schedule.steps) - 1
    if schedule.verdict not in ("race", "exception"):
        return last
    raised = next((n for n, step in enumerate(schedule.steps) if step.kind == "raise"), last)
    if schedule.steps[raised].thread != "M" or raised < 0:
        return raised
    pattern = _pattern(schedule)
    return pattern.at if pattern else raised


def _failed(schedule: Schedule) -> str:
    """The pattern that fits, with who raised what."""
    pattern = _pattern(schedule)
    said = pattern.sentence if pattern else ""
    return " ".join(filter(None, [said, _raised(schedule, bool(pattern)), *_left_held(schedule)]))


def _left_held(schedule: Schedule) -> Iterator[str]:
    """Who waits for what a thread holds that an exception has ended."""
    last = schedule.steps[-1] if schedule.steps else None
    ended = {stands.thread for stands in schedule.standing if stands.ended}
    for label in dict.fromkeys(last.blocked.values()) if last else ():
        if last and last.holds.get(label, "") in ended:
            waiting = [thread for thread in sorted(last.blocked) if last.blocked[thread] == label]
            yield _waiting(schedule, waiting, label)


def _pattern(schedule: Schedule) -> Found | None:
    """The first pattern that has to do with who raised."""
    steps, raiser = _until_raised(schedule.steps)
    start = max(0, len(steps) - FAR)
    near, after = steps[start:], schedule.steps[start : start + 2 * FAR]
    patterns = _overwritten(near), _stale(near), _woken(near), _torn(after, len(near))
    fits = (found for found in chain(*patterns) if raiser in (*found.threads, "M"))
    found = next(fits, None)
    return found._replace(at=found.at + start) if found else None


def _until_raised(steps: Steps) -> tuple[Steps, str]:
    """What came before the first exception, and whose it is: main's, where no thread raised."""
    for n, step in enumerate(steps):
        if step.kind == "raise":
            return steps[: n + 1], step.thread
    return steps, "M"


# ------------------------------------------------------------ races: patterns


def _overwritten(steps: Steps) -> Iterator[Found]:
    """A reads, B writes, A writes without having looked again."""
    for k, over in enumerate(steps):
        i = _last_read(steps, k, over.thread, over.where) if over.kind == "write" else None
        if i is None or not _is_update(steps[i], over):
            continue
        for j in _between(steps, i, k, over):
            a, b, what = over.thread, steps[j].thread, over.where
            r = _last_read(steps, j, b, what)
            both_read = r is not None and not any(
                step.kind == "write" and step.where == what and step.thread in (a, b)
                for step in steps[min(i, r) : j]
            )
            if r is not None and both_read and _is_update(steps[r], steps[j]):
                both = f"{listed(_both(a, b))} both read {what} before either wrote it"
                yield Found(a + b, f"{both}: {who(b)}'s update is lost.", k)
            else:
                read = f"{who(a)} read {what}, then {who(b)} wrote it"
                yield Found(a + b, f"{read}, and {who(a)} wrote over that unseen.", k)


def _last_read(steps: Steps, before: int, thread: str, where: str) -> int | None:
    """Where the thread last read this, if it has not written it since."""
    for n in range(before - 1, -1, -1):
        if steps[n].thread == thread and steps[n].where == where:
            return n if steps[n].kind == "read" else None
    return None


def _between(steps: Steps, i: int, k: int, over: Step) -> Iterator[int]:
    """Writes of others to the same place between a thread's read and its write."""
    for j in range(i + 1, k):
        if steps[j].kind == "write" and steps[j].where == over.where:
            yield j


def _is_update(read: Step, write: Step) -> bool:
    """The new value comes from the old: in one line, or a number from a number."""
    if read.line == write.line:
        return not read.source.startswith(LOOKS)
    return _is_number(read.what.rpartition(" ")[2]) and _is_number(write.what.rpartition(" ")[2])


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal()


def _stale(steps: Steps) -> Iterator[Found]:
    """A looks, B changes what A saw, an act of A rests on the old look."""
    for i, look in enumerate(steps):
        read = look.kind == "read"
        saw = look.what.partition(" -> ")[2] if read else _value(look, look)
        for k in _rest_on(steps, i) if _looks(steps, i) else ():
            if _value(steps[k - 1], look) != saw:
                for j in _changes(steps, i, k, look):
                    a, b, verb = who(look.thread), who(steps[j].thread), "read"
                    verb = "read" if read else "looked at"
                    seen = f"{a} {verb} {look.where}, then {b} changed it"
                    rest = f"{a} went on with what it had {'read' if read else 'seen'}"
                    yield Found(look.thread, f"{seen}, and {rest}.", k)


def _rest_on(steps: Steps, i: int) -> Iterator[int]:
    """The thread's next act after a look; and a write to the same place, if it reads no more."""
    look, first, unread = steps[i], True, True
    for n in range(i + 1, len(steps)):
        if steps[n].thread != look.thread:
            continue
        if _ends_the_look(steps, n, look):
            return
        same = steps[n].where == look.where
        if _acts(steps, n) and (first or (same and unread)):
            first = False
            yield n
        unread = unread and not same


def _woken(steps: Steps) -> Iterator[Found]:
    """A looked, waited, was woken, and acted without another look at what had changed."""
    for w, wake in enumerate(steps):
        a = wake.thread
        k = next(
            (n for n in range(w + 1, len(steps)) if steps[n].thread == a and _acts(steps, n)), 0
        )
        mine = [n for n in range(k) if steps[n].thread == a and steps[n].where == steps[k].where]
        if wake.kind == "wake" and mine and mine[-1] < w and _looks(steps, mine[-1]):
            for j in _changes(steps, mine[-1], k, steps[k]):
                woken = f"{who(a)} was woken and did not look at {steps[k].where} again"
                changed = f"{who(steps[j].thread)} had changed it since {who(a)} looked"
                yield Found(a, f"{woken}: {changed}.", k)


def _torn(steps: Steps, until: int) -> Iterator[Found]:
    """Two reads of A, before that step, straddle two writes of B to the same two places."""
    reads = [n for n, step in enumerate(steps[:until]) if step.kind == "read"]
    writes = [n for n, step in enumerate(steps) if step.kind == "write"]
    for reader in sorted({steps[n].thread for n in reads}):
        for i, k in pairwise(n for n in reads if steps[n].thread == reader):
            for writer in sorted({steps[n].thread for n in writes} - {reader}):
                for pair in pairwise(n for n in writes if steps[n].thread == writer):
                    wrote = {steps[n].where: n for n in pair}
                    if len(wrote) == 2 and wrote.keys() == {steps[i].where, steps[k].where}:
                        yield from _halves(steps, i, k, wrote)


def _halves(steps: Steps, i: int, k: int, wrote: dict[str, int]) -> Iterator[Found]:
    new = {steps[n].where: wrote[steps[n].where] < n for n in (i, k)}
    if set(new.values()) == {True, False}:
        old, fresh = sorted(new, key=new.__getitem__)
        reader, writer = steps[i].thread, steps[wrote[old]].thread
        told = f"{who(reader)} read {old} before and {fresh} after {who(writer)} changed them."
        yield Found(reader, told, k)


def _looks(steps: Steps, n: int) -> bool:
    """Whether a step only reads, for a decision."""
    step = steps[n]
    return step.source.startswith(LOOKS) and step.kind in ("read", "call") and not _acts(steps, n)


def _ends_the_look(steps: Steps, n: int, look: Step) -> bool:
    """Another look in the same line, or a wait, which `_woken` judges."""
    again = _looks(steps, n) and steps[n].where == look.where and steps[n].line == look.line
    return again or steps[n].kind == "wake"


def _acts(steps: Steps, n: int) -> bool:
    """Whether a step does more than read."""
    step = steps[n]
    before = _value(steps[n - 1], step) if n else None
    changed = before is not None and _value(step, step) != before
    takes = any(method in step.what for method in TAKES)
    called = step.kind == "call" and (changed or takes or " -> " not in step.what)
    return called or step.kind in ("write", "print", "raise")


def _changes(steps: Steps, i: int, k: int, of: Step) -> Iterator[int]:
    """Steps of other threads that changed this between two steps of a thread; the last first."""
    for j in range(k - 1, i, -1):
        if steps[j].thread != of.thread and steps[j].where == of.where:
            called = steps[j].kind == "call" and _value(steps[j], of) != _value(steps[j - 1], of)
            if steps[j].kind == "write" or called:
                yield j


def _value(step: Step, of: Step) -> str | None:
    return step.values.get(of.where)


# ------------------------------------------------------------- what happened


def _raised(schedule: Schedule, explained: bool) -> str:
    """Who raised what, and when; not what main found where that is explained."""
    letters = 0
    for step in schedule.steps:
        letters += step.letter
        if step.kind == "raise" and not (explained and step.thread == "M"):
            when = f"At step {letters}" if step.letter else f"After step {letters}"
            what = short(step.what.removeprefix("raise "), LONG)
            return f"{when} {who(step.thread)} raised {what}."
    return "" if explained else f"The run ended with: {short(schedule.outcome, LONG)}."


def _stuck(schedule: Schedule) -> Iterator[str]:
    """The circle, then every other wait that decides."""
    around = schedule.circle[:-1]  # thread, what it waits for, who holds that, ...
    clauses = [
        _link(around[n - 1], thread, around[n + 1], around[(n + 2) % len(around)])
        for n, thread in enumerate(around)
        if n % 2 == 0
    ]
    if clauses:
        yield "; ".join(clauses) + "."
    last = schedule.steps[-1] if schedule.steps else None
    rest = [thread for thread in _decide(schedule) if thread not in around]
    alike = dict[tuple[str, str], list[str]]()
    for thread in rest:
        assert last is not None
        key = last.blocked[thread], last.sleep.get(thread, "")
        alike.setdefault(key, []).append(thread)
    for (label, _), threads in alike.items():
        yield _waiting(schedule, threads, label)


def _waits_alone(stands: Standing) -> str:
    """Somebody waits where nobody else has made a step so far."""
    place = f"in line {stands.line}, at {stands.what}"
    return f"{who(stands.thread)} waits {place}: {stands.why}, and nobody else runs."


def _called_at_once(schedule: Schedule) -> Iterator[str]:
    """`target=f()` calls `f` where the thread is made: a hint, where main waits in there."""
    lines = [line for _, source in schedule.sources.values() for line in source]
    found = [match for line in lines if (match := CALLED.search(line))]
    if found and any(stands.thread == "M" for stands in schedule.standing) and not schedule.steps:
        name = found[0][1]
        yield f"target={name}() calls {name} there and then: write target={name}."


def _link(holds: str, thread: str, wants: str, owner: str) -> str:
    """One part of a circle; that a thread holds itself, for whoever joins it, is not said."""
    waits = f"waits for {who(wants)} to end" if wants == owner else f"waits for {wants}"
    return f"{who(thread)} {waits if holds == thread else f'holds {holds} and {waits}'}"


def _decide(schedule: Schedule) -> list[str]:
    """Whose waits decide: not main's for a thread that is told of, nor an idle daemon's."""
    blocked = schedule.steps[-1].blocked if schedule.steps else {}
    holds = schedule.steps[-1].holds if schedule.steps else {}
    daemons = {stands.thread for stands in schedule.standing if stands.daemon}
    found = sorted(thread for thread in blocked if thread not in daemons and thread != "M")
    joined = blocked.get("M", "")
    if "M" in blocked and (joined not in blocked or joined in daemons):
        found.append("M")
    for thread in found:  # which grows: of a daemon that somebody waits for, the wait decides, too
        needed = {blocked[thread], holds.get(blocked[thread], "")}
        found += [other for other in sorted(needed & daemons & {*blocked}) if other not in found]
    return found


def _waiting(schedule: Schedule, threads: list[str], label: str) -> str:
    """What threads wait for, and why nobody will end that."""
    last = schedule.steps[-1]
    owner, stands = last.holds.get(label, ""), {s.thread: s for s in schedule.standing}
    s, them = "s" * (len(threads) == 1), "it" if len(threads) == 1 else "them"
    names, place = listed([who(thread) for thread in threads]), stands.get(threads[0])
    said = f"{names} wait{s} for {label}"
    if label in stands and label not in last.holds:
        return f"{said} to end."
    if owner in threads:
        others = [thread for thread in threads if thread != owner]
        rest = f" {_waiting(schedule, others, label)}" if others else ""
        return f"{who(owner)} waits for {label}, which it holds itself.{rest}"
    if owner in stands or owner in schedule.sources:
        over = ", and it has ended" * (owner in stands and stands[owner].ended)
        return f"{said}, which {who(owner)} holds{over}."
    if place and place.what == f"join {label}":
        nobody = f"no running {schedule.kind} is left to call {label}.task_done()"
        return f"{names} wait{s} in {label}.join(), and {nobody}."
    there = place.why.partition(": ")[2] if place and place.why.endswith(" are there") else ""
    came = f" Only {there.removesuffix(' are there')} came." if there else ""
    lost = _lost(schedule, threads[0], label)
    return f"{said}, and no running {schedule.kind} is left to wake {them}.{came} {lost}".strip()


def _lost(schedule: Schedule, thread: str, label: str) -> str:
    """What could have ended the wait, and why it did not: too early, undone, or gone to another."""
    steps = schedule.steps
    here = [n for n, step in enumerate(steps) if step.where == label]
    waits = [n for n in here if steps[n].thread == thread and steps[n].kind == "wait"]
    if not waits:
        return ""
    sets = [n for n in here if steps[n].what == f"set {label}" and n < waits[-1]]
    clears = [n for n in here if steps[n].what == f"clear {label}" and n < waits[-1]]
    if sets and clears and sets[-1] < clears[-1]:
        undone = f"{who(steps[clears[-1]].thread)} cleared it {_when(steps, clears[-1])}"
        was = f"{who(steps[sets[-1]].thread)} set it {_when(steps, sets[-1])}"
        return f"{was}, but {undone}, before {who(thread)} waited."
    notified = [n for n in here if steps[n].what.startswith("notify") and steps[n].thread != thread]
    later = [n for n in notified if n > waits[-1] and n in woken(steps)]
    if later:
        others = listed([who(other) for other in woken(steps)[later[-1]]])
        by = who(steps[later[-1]].thread)
        return f"{by} notified it {_when(steps, later[-1])}, and that woke only {others}."
    early = [n for n in notified if n < waits[0]]
    if not early:
        return ""
    by, before = who(steps[early[-1]].thread), steps[max(0, early[-1] - 1)]
    slept = any(before.blocked[other] == label for other in before.sleep)
    lost = "" if slept else ": nobody was waiting then, so that was lost"
    return f"{by} notified it {_when(steps, early[-1])}, before {who(thread)} waited{lost}."


def woken(steps: Steps) -> dict[int, list[str]]:
    """By step: whom it has woken, of those that slept before it."""
    found = dict[int, list[str]]()
    for n, (before, step) in enumerate(pairwise(steps), 1):
        for thread, how in before.sleep.items():
            asleep = how in (ASLEEP, UNSET) and step.sleep.get(thread) not in (ASLEEP, UNSET)
            if asleep and step.thread != thread:
                found.setdefault(n, []).append(thread)
    return found


def _when(steps: Steps, n: int) -> str:
    number = sum(step.letter for step in steps[: n + 1])
    return f"{'at' if steps[n].letter else 'after'} step {number}"


def line_of(at: Step | Standing) -> str:
    """ "line 14", or "line 137 of contextlib"."""
    return f"line {at.line} of {at.library}" if at.library else f"line {at.line}"


def _round_and_round(schedule: Schedule) -> str:
    """Who turns in a loop that nobody ends, or where the last steps were."""
    for stands in schedule.standing:
        if stands.what.startswith("spin") or stands.why.startswith("spin"):
            return (
                f"{who(stands.thread)} goes round in {line_of(stands)}, and no running "
                f"{schedule.kind} is left to change what it looks at."
            )
    left = [s.thread for s in schedule.standing if not s.ended and s.thread != "M"] or ["main"]
    tail = [step for step in schedule.steps if step.letter][-TAIL:]
    places = dict.fromkeys(f"{who(step.thread)} in {line_of(step)}" for step in tail)
    last = f" Its last {len(tail)}: {', '.join(places)}." if tail else ""
    on = [s for s in schedule.standing if s.what == GOES_ON]
    still = "".join(f" {who(s.thread)} still went on in {line_of(s)}." for s in on)
    steps = f"after {len(schedule)} steps"
    return f"{listed(left)} had not ended when the run was stopped, {steps}.{still}{last} {LENGTH}"


def _for_ever(schedule: Schedule) -> str:
    """What comes again and again, and who takes part."""
    again = short(schedule.repeats, LONG)
    moved = [s.thread for s in schedule.standing if s.thread in schedule.repeats]
    turns = "although each gets its turns" if len(moved) > 1 else "and nobody else can change that"
    return (
        f'{listed([who(thread) for thread in moved])} can go on with "{again}" for ever, {turns}.'
    )


def _both(a: str, b: str) -> list[str]:
    return [who(thread) for thread in sorted((a, b))]


def listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def who(thread: str) -> str:
    return "main" if thread == "M" else thread
