"""A recorded run as a `Schedule`: steps in words, values with the names that the program uses.

Nothing in it depends on the machine: no numbers of objects, no paths, no times.
"""

from __future__ import annotations

import inspect
import linecache
import re
from collections import deque
from collections.abc import Iterator, Mapping
from types import CellType, FunctionType, ModuleType
from typing import Any

from .hooks import CONTAINERS, Home, Twin
from .report import Schedule, Standing, Step
from .run import Op, Row, Run, Task

LONG = 40  # characters of a value
PRINTED = 2_000  # characters of what a program prints


def outcome(run: Run) -> tuple[str, str]:
    """The verdict on a run, and what became of it in a few words."""
    if run.errors:
        # Of two, not the earlier: which one that is may differ between equivalent schedules.
        task, error = min(run.errors, key=lambda pair: pair[0].number)
        text = _line(f"{error}")
        if isinstance(error, AssertionError):
            return "race", text or "an assertion failed"
        kind = type(error).__name__
        where = f" in {task.letter}" if task.number else ""
        return "exception", f"{kind}: {text}{where}" if text else f"{kind}{where}"
    stuck = [task for task in run.stuck if not task.daemon and not _is_idle(task)]
    others = [task for task in run.tasks if not (task.ended_well or task.daemon)]
    if (run.why == "endless" and others) or any(
        task.pending and task.pending.kind == "spin" for task in stuck
    ):
        return "no end in sight", "no end in sight"
    if stuck:
        return "deadlock", "deadlock"
    return "ok", "ok" if run.result is None else f"ok: returns {shown(run.result, {})}"


def _is_idle(task: Task) -> bool:
    """A thread of a pool that is left open waits for calls: no deadlock, it ends with Python."""
    return task.pending is not None and task.pending.kind == "idle"


def schedule(run: Run, program: Any) -> Schedule:
    """Everything there is to see of a recorded run."""
    names = _names(run, program)
    verdict, what = outcome(run) if run.why != "prefix" else ("ok", "not ended")
    tasks = [task for task in run.tasks if task.number] + run.tasks[:1]
    return Schedule(
        word="".join(run.tasks[event.task].letter for event in run.events),
        verdict=verdict,
        outcome=what,
        steps=tuple(_step(run, row, names) for row in run.rows),
        standing=tuple(_standing(run, task, names) for task in tasks),
        sources={t.letter: source for t in tasks if (source := _source(run, t, program))},
        printed=_capped("".join(run.printed)),
        ended=run.why != "prefix",
        circle=tuple(_circle(run, names)),
    )


def shown(value: Any, names: Mapping[int, str]) -> str:
    """A value in a few characters; an object by its name, or by its kind."""
    text = steady(_shown(value, names, 3))
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _shown(value: Any, names: Mapping[int, str], deep: int) -> str:
    if isinstance(value, int | float | str | bytes | complex | type(None)) and not deep < 0:
        return repr(value)
    if id(value) in names and deep < 3:
        return names[id(value)]
    kind = type(value).__name__
    if isinstance(value, BaseException):
        return f"{kind}({', '.join(_shown(a, names, deep - 1) for a in value.args)})"
    if deep == 0:
        return "…"
    if isinstance(value, Mapping) and isinstance(value, dict):
        pairs = [(_shown(k, names, deep - 1), _shown(v, names, deep - 1)) for k, v in value.items()]
        return "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    if isinstance(value, list | tuple | set | frozenset | deque):
        inner = [_shown(each, names, deep - 1) for each in value]
        if isinstance(value, set | frozenset):
            return "{" + ", ".join(sorted(inner)) + "}" if inner else "set()"
        left, right = "()" if isinstance(value, tuple) else "[]"
        comma = "," if isinstance(value, tuple) and len(inner) == 1 else ""
        return f"{left}{', '.join(inner)}{comma}{right}"
    if isinstance(value, type | FunctionType | ModuleType):
        return value.__name__
    if id(value) in names:
        return names[id(value)]
    return f"a {kind}" if kind[:1] not in "AEIOUaeiou" else f"an {kind}"


def steady(text: str) -> str:
    """Without the numbers that objects have in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _line(text: str) -> str:
    return " ".join(steady(text).split())[:120]


def _capped(text: str) -> str:
    if len(text) <= PRINTED:
        return text
    lines = text[PRINTED:].count("\n")
    return f"{text[:PRINTED].rpartition(chr(10))[0]}\n… and {lines} more lines\n"


# -------------------------------------------------------------------- snapshots


def snapshot(run: Run) -> dict[str, Any]:
    """What is shared, held and waited for at this moment."""
    values, holds = {}, {}
    for place, thing in run.watched.items():
        if isinstance(thing, Twin):
            holds[place] = thing.state()  # type: ignore[attr-defined]
        else:
            values[place] = shown(_value(run, *thing), {})
    waiting = {t.letter: t.pending for t in run.live if t.pending and t is not run.current}
    if not run.current.ended and run.current.pending is not None:
        waiting[run.current.letter] = run.current.pending
    blocked = {letter: op for letter, op in waiting.items() if not op.can() and op.kind != "begin"}
    return {"values": values, "holds": holds, "blocked": blocked}


def _value(run: Run, owner: Any, key: Any) -> Any:
    if isinstance(owner, CONTAINERS) and not _is_home(owner, run):
        return owner
    if (id(owner), key) in run.named and _is_home(owner, run):
        return run.named[id(owner), key]
    if key is None or isinstance(key, tuple):
        return owner
    return getattr(owner, "__dict__", {}).get(key, run.named.get((id(owner), key), "?"))


def _is_home(owner: Any, run: Run) -> bool:
    return isinstance(owner, Home | CellType) or owner is run.globals


# ------------------------------------------------------------------------ names


def _names(run: Run, program: Any) -> dict[int, str]:
    """How the program calls its objects: by its own names first, then by what they hold."""
    names: dict[int, str] = {}
    waiting: deque[tuple[str, Any, int]] = deque()
    roots: dict[str, Any] = dict(run.frame_names)
    for variable in inspect.getclosurevars(program).nonlocals.items():
        roots.setdefault(*variable)
    for name in program.__code__.co_names:
        if name in program.__globals__:
            roots.setdefault(name, program.__globals__[name])
    waiting.extend((name, value, 0) for name, value in roots.items() if name[0] != "_")
    while waiting:
        name, value, deep = waiting.popleft()
        simple = isinstance(value, int | float | str | bytes | type(None) | FunctionType)
        if simple or isinstance(value, ModuleType) or id(value) in names or deep > 4:
            continue
        names[id(value)] = name
        if (
            isinstance(value, Twin)
            and type(value).__module__ == Twin.__module__[:-5] + "primitives"
        ):
            if hasattr(value, "lock"):  # of a condition
                waiting.append((name, value.lock, deep + 1))
            continue
        waiting.extend((inner, each, deep + 1) for inner, each in _parts(name, value))
    return names


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple | deque):
        yield from ((f"{name}[{i}]", each) for i, each in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f"{name}[{_shown(k, {}, 1)}]", each) for k, each in value.items())
    elif not isinstance(value, type) and hasattr(value, "__dict__"):
        yield from ((f"{name}.{key}", each) for key, each in vars(value).items())
    if hasattr(type(value), "__slots__") and not isinstance(value, Twin):
        slots = [s for s in type(value).__slots__ if hasattr(value, s)]
        yield from ((f"{name}.{key}", getattr(value, key)) for key in slots)


def _label(op: Op, names: Mapping[int, str], run: Run) -> str:
    """What a step touches, by name."""
    if op.where is None:
        return ""
    if isinstance(op.where, Twin):
        return _twin_label(op, names)
    owner, key = op.where
    if _is_home(owner, run):
        return str(key)
    base = names.get(id(owner)) or (owner.__name__ if isinstance(owner, type) else "")
    if isinstance(key, tuple):
        return f"{base}[{shown(key[1], names)}]" if base else op.site.text
    if key is None:
        return base or op.site.text
    return f"{base}.{key}" if base else op.site.text


def place_label(run: Run, place: tuple[int, Any], names: Mapping[int, str]) -> str:
    """What a watched place is called at the right of the table."""
    thing = run.watched[place]
    op = run.first[place]
    if isinstance(thing, Twin):
        return names.get(place[0]) or _twin_label(op, names)
    plain = Op(op.site, op.kind, "", thing)
    return _label(plain, names, run)


def _twin_label(op: Op, names: Mapping[int, str]) -> str:
    twin: Any = op.where
    task = getattr(twin, "task", None)
    if task is not None:
        return str(task.letter)
    if id(twin) in names:
        return names[id(twin)]
    text = op.site.text
    method = re.match(r"(.+)\.(\w+)\(.*\)$", text)
    return method[1] if method and hasattr(twin, method[2]) else text


# ------------------------------------------------------------------------ steps


def _step(run: Run, row: Row, names: Mapping[int, str]) -> Step:
    op, after = row.op, row.after
    label = _label(op, names, run)
    places = run.labels(names)
    return Step(
        thread=row.task.letter,
        line=op.site.line,
        source=op.site.source,
        what=_what(op, label, row.value),
        kind=op.kind if op.kind != "notify" else "call",
        where=label,
        letter=row.event is not None,
        preempts=row.preempts,
        values={places[p]: text for p, text in after.get("values", {}).items()},
        holds={places[p]: text for p, text in after.get("holds", {}).items()},
        blocked={who: _label(op, names, run) for who, op in after.get("blocked", {}).items()},
    )


def _what(op: Op, label: str, value: list[str]) -> str:
    result = f" -> {value[0]}" if value else ""
    if op.kind == "read":
        return f"read {label}{result}"
    if op.kind == "write":
        return f"{label} = {value[0]}" if value else f"write {label}"
    if isinstance(op.where, tuple):
        return f"{op.site.text}{result}"
    return op.what.replace("{}", label) + result


def _standing(run: Run, task: Task, names: Mapping[int, str]) -> Standing:
    name = getattr(task.twin, "target_name", "main")
    op = task.pending
    if task.ended_well or op is None:
        return Standing(task.letter, name, 0, "", "", "", task.ended_well, task.statements)
    label = _label(op, names, run)
    why = "" if op.can() else (op.why() if callable(op.why) else op.why)
    why = f"{op.what}" if op.kind == "spin" and why else why.replace("{}", label)
    what = _what(op, label, []) if op.kind != "begin" else ""
    number = task.statements + (op.site.statement != task.statement)
    return Standing(task.letter, name, op.site.line, op.site.source, what, why, False, number)


def _source(run: Run, task: Task, program: Any) -> tuple[int, tuple[str, ...]] | None:
    """The lines of the function that a thread runs."""
    twin = task.twin
    target = program if twin is None else getattr(twin, "_target", None)
    if twin is not None and target is None:
        target = type(twin).run
    target = getattr(target, "func", target)
    code = getattr(inspect.unwrap(target) if callable(target) else target, "__code__", None)
    if code is None:
        return None
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    block = inspect.getblock(lines) if lines else []
    return code.co_firstlineno, tuple(line.rstrip() for line in block)


def _circle(run: Run, names: Mapping[int, str]) -> list[str]:
    """A waits for what B holds, who waits for what A holds: A, lock, B, lock, A."""
    wants = {t.letter: t.pending for t in run.stuck if t.pending}
    for first in wants:
        path: list[str] = []
        letter = first
        while letter in wants and letter not in path[::2]:
            op = wants[letter]
            twin: Any = op.where
            owner = getattr(getattr(twin, "lock", twin), "owner", None)
            if owner is None and op.kind == "join":
                owner = twin.task
            if owner is None:
                break
            path += [letter, _label(op, names, run)]
            letter = owner.letter
        if letter in path[::2]:
            start = path[::2].index(letter) * 2
            return [*path[start:], letter]
    return []
