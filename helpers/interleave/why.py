"""Why a schedule went wrong, in a sentence that its steps bear out.

Patterns are looked for in order: an update that another thread wrote over, a
look that was out of date when the thread acted on it, a thread that was woken
and did not look again, values read half before and half after a change. Where
none fits, the sentence says only what happened. Nothing here guesses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from .report import Schedule, Step

Steps = Sequence[Step]
ACTS = ("write", "call", "print", "raise")  # what a thread does with what it has seen
LOOKS = ("if ", "elif ", "while ", "assert ")  # how a line begins that looks before it acts
TAIL = 12  # last steps, which tell where a run without an end goes round


def because(schedule: Schedule) -> str:
    """The causal sentence; "" for a run that is fine, or that has only begun."""
    if not schedule.ended or schedule.verdict == "ok":
        return ""
    if schedule.verdict == "deadlock":
        return " ".join(_stuck(schedule))
    if schedule.verdict == "no end in sight":
        return _round_and_round(schedule)
    steps = _until_raised(schedule.steps)
    patterns = (
        _overwritten(steps),
        _stale(steps),
        _woken(steps),
        _torn(schedule.steps, len(steps)),
    )
    pattern = next(chain(*patterns), "")
    return " ".join(filter(None, [pattern, _raised(schedule, bool(pattern))]))


def _until_raised(steps: Steps) -> Steps:
    """What came after the first exception is not its cause."""
    raised = (n for n, step in enumerate(steps) if step.kind == "raise")
    return steps[: next(raised, len(steps)) + 1]


# ------------------------------------------------------------ races: patterns


def _overwritten(steps: Steps) -> Iterator[str]:
    """A reads, B writes, A writes without having looked again."""
    for k, over in enumerate(steps):
        i = _last_read(steps, k, over.thread, over.where) if over.kind == "write" else None
        if i is None or not _is_update(steps[i], over):
            continue
        for j in _between(steps, i, k, over):
            a, b, what = over.thread, steps[j].thread, over.where
            r = _last_read(steps, j, b, what)
            if r is not None and _is_update(steps[r], steps[j]):
                first, second = sorted((a, b))
                yield f"{first} and {second} both read {what} before either wrote it: " + (
                    f"{b}'s update is lost."
                )
            else:
                yield f"{a} read {what}, then {b} wrote it, and {a} wrote over that unseen."


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


def _stale(steps: Steps) -> Iterator[str]:
    """A looks, B changes what A saw, A's next act rests on the old look."""
    for i, look in enumerate(steps):
        if not _looks(look, look):
            continue
        k = next((n for n in _later(steps, i, look.thread) if steps[n].kind in ACTS), None)
        again = (n for n in _later(steps, i, look.thread) if _looks_again(steps[n], look))
        if k is None or next(again, len(steps)) < k:
            continue
        same = look.where in look.values and _value(steps[k - 1], look) == _value(look, look)
        for j in _changes(steps, i, k, look) if not same else ():
            a, b = look.thread, steps[j].thread
            yield f"{a} read {look.where}, then {b} changed it, and " + (
                f"{a} went on with what it had read."
            )


def _woken(steps: Steps) -> Iterator[str]:
    """A waited, was woken, and acted without another look at what had changed meanwhile."""
    for w, wake in enumerate(steps):
        k = next((n for n in _later(steps, w, wake.thread) if steps[n].kind in ACTS), None)
        if wake.kind != "wake" or k is None or not steps[k].where:
            continue
        act = steps[k]
        looked = [n for n in _later(steps, -1, act.thread) if n < k and _looks(steps[n], act)]
        for j in _changes(steps, looked[-1], k, act) if looked and looked[-1] < w else ():
            yield f"{act.thread} was woken and did not look at {act.where} again: " + (
                f"{steps[j].thread} had changed it since {act.thread} looked."
            )


def _torn(steps: Steps, until: int) -> Iterator[str]:
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


def _halves(steps: Steps, i: int, k: int, wrote: dict[str, int]) -> Iterator[str]:
    new = {steps[n].where: wrote[steps[n].where] < n for n in (i, k)}
    if set(new.values()) == {True, False}:
        old, fresh = sorted(new, key=new.__getitem__)
        reader, writer = steps[i].thread, steps[wrote[old]].thread
        yield f"{reader} read {old} before and {fresh} after {writer} changed them."


def _later(steps: Steps, after: int, thread: str) -> Iterator[int]:
    return (n for n in range(after + 1, len(steps)) if steps[n].thread == thread)


def _looks(step: Step, at: Step) -> bool:
    look = step.kind in ("read", "call") and step.source.startswith(LOOKS)
    return look and step.where == at.where


def _looks_again(step: Step, look: Step) -> bool:
    return _looks(step, look) and step.line == look.line


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
            return f"{when} {_who(step.thread)} raised {step.what.removeprefix('raise ')}."
    return "" if explained else f"The run ended with: {schedule.outcome}."


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
    tail = [step for step in schedule.steps if step.letter][-TAIL:]
    places = dict.fromkeys(f"{_who(step.thread)} in line {step.line}" for step in tail)
    return f"It was stopped after {len(schedule)} steps. The last {len(tail)}: {', '.join(places)}."


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _who(thread: str) -> str:
    return "main" if thread == "M" else thread
