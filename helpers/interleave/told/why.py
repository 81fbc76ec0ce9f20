"""Why a schedule went wrong, in a sentence that its steps bear out.

Patterns are looked for in order: an update that another thread wrote over, a
look that was out of date when the thread acted on it, a thread that was woken
and did not look again, values read half before and half after a change. Where
none fits, the sentence says only what happened. Nothing here guesses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from ...timeline.layout import plain
from ..report import Schedule, Step

Steps = Sequence[Step]
Found = tuple[str, str]  # letters of the threads it is about, the sentence
LOOKS = ("if ", "elif ", "while ")  # how a line begins that looks before it acts
FAR = 300  # steps before the end in which a cause is looked for
LONG = 120  # letters of an exception
TAIL = 12  # last steps, which tell where a run without an end goes round


def because(schedule: Schedule) -> str:
    """The causal sentence; "" for a run that is fine, or that has only begun."""
    if not schedule.ended or schedule.verdict == "ok":
        return ""
    if schedule.verdict == "deadlock":
        return one_line(" ".join(_stuck(schedule)))
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


def _failed(schedule: Schedule) -> str:
    """The pattern that fits, with who raised what."""
    steps, raiser = _until_raised(schedule.steps)
    start = max(0, len(steps) - FAR)
    near, after = steps[start:], schedule.steps[start : start + 2 * FAR]
    patterns = _overwritten(near), _stale(near), _woken(near), _torn(after, len(near))
    fits = (sentence for threads, sentence in chain(*patterns) if raiser in (*threads, "M"))
    pattern = next(fits, "")
    return " ".join(filter(None, [pattern, _raised(schedule, bool(pattern))]))


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
                first, second = sorted((a, b))
                both = f"{first} and {second} both read {what} before either wrote it"
                yield a + b, f"{both}: {b}'s update is lost."
            else:
                yield a + b, f"{a} read {what}, then {b} wrote it, and {a} wrote over that unseen."


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
        for k in _rest_on(steps, i) if _looks(steps, i) else ():
            if _value(steps[k - 1], look) != look.what.partition(" -> ")[2]:
                for j in _changes(steps, i, k, look):
                    seen = f"{look.thread} read {look.where}, then {steps[j].thread} changed it"
                    yield look.thread, f"{seen}, and {look.thread} went on with what it had read."


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
                woken = f"{a} was woken and did not look at {steps[k].where} again"
                yield a, f"{woken}: {steps[j].thread} had changed it since {a} looked."


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
        yield reader, f"{reader} read {old} before and {fresh} after {writer} changed them."


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
    changed = _value(step, step) != _value(steps[n - 1], step) if n else False
    called = step.kind == "call" and (changed or " -> " not in step.what)
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
            return f"{when} {_who(step.thread)} raised {what}."
    return "" if explained else f"The run ended with: {short(schedule.outcome, LONG)}."


def _stuck(schedule: Schedule) -> Iterator[str]:
    """The circle, then every other thread that waits."""
    around = schedule.circle[:-1]  # thread, what it waits for, who holds that, ...
    clauses = [
        f"{thread} holds {around[n - 1]} and waits for {around[n + 1]}"
        for n, thread in enumerate(around)
        if n % 2 == 0
    ]
    if clauses:
        yield "; ".join(clauses) + "."
    blocked = schedule.steps[-1].blocked if schedule.steps else {}
    rest = [t for t in blocked if t not in around and (t != "M" or len(blocked) == 1)]
    for label in dict.fromkeys(blocked[thread] for thread in rest):
        yield _waiting(schedule, [t for t in rest if blocked[t] == label], label)


def _waiting(schedule: Schedule, threads: list[str], label: str) -> str:
    """What threads wait for, and why nobody will end that."""
    owner = schedule.steps[-1].holds.get(label, "")
    who = (
        f"{_and([_who(thread) for thread in threads])} wait{'s' * (len(threads) == 1)} for {label}"
    )
    ended = {stands.thread for stands in schedule.standing if stands.ended}
    if owner in threads:
        return f"{who}, which {owner} holds itself."
    if owner in schedule.sources:
        return f"{who}, which {owner} holds{', and it has ended' * (owner in ended)}."
    them = "it" if len(threads) == 1 else "them"
    early = _too_early(schedule.steps, threads[0], label)
    return f"{who}, and no running thread is left to wake {them}. {early}".strip()


def _too_early(steps: Steps, thread: str, label: str) -> str:
    """A notify that came before the wait, which it could not end."""
    number, early = 0, ""
    for step in steps:
        number += step.letter
        if step.where == label and step.what.startswith("notify") and step.thread != thread:
            early = f"{step.thread} notified it at step {number}, before {thread} waited."
        if step.where == label and step.thread == thread and step.kind == "wait":
            return early
    return ""


def _round_and_round(schedule: Schedule) -> str:
    """Who turns in a loop that nobody ends, or where the last steps were."""
    for stands in schedule.standing:
        if stands.what.startswith("spin") or stands.why.startswith("spin"):
            return (
                f"{_who(stands.thread)} goes round in line {stands.line}, and no running thread is "
                "left to change what it looks at."
            )
    left = [s.thread for s in schedule.standing if not s.ended and s.thread != "M"] or ["main"]
    tail = [step for step in schedule.steps if step.letter][-TAIL:]
    places = dict.fromkeys(f"{_who(step.thread)} in line {step.line}" for step in tail)
    last = f" Its last {len(tail)}: {', '.join(places)}." if tail else ""
    return (
        f"{_and(left)} had not ended when the run was stopped, after {len(schedule)} steps.{last}"
    )


def _for_ever(schedule: Schedule) -> str:
    """What comes again and again, and who takes part."""
    again = short(schedule.repeats, LONG)
    moved = [s.thread for s in schedule.standing if s.thread in schedule.repeats]
    turns = "although each gets its turns" if len(moved) > 1 else "and nobody else can change that"
    return f'{_and([_who(thread) for thread in moved])} can go on with "{again}" for ever, {turns}.'


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _who(thread: str) -> str:
    return "main" if thread == "M" else thread
