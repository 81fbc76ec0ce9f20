"""A recorded run as a `Schedule`: steps in words, values with the names that the program uses.

Nothing in it depends on the machine: no numbers of objects, no paths, no times.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import islice
from traceback import walk_tb
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from .hooks import hooks
from .report import ASLEEP, GOES_ON, NOTIFIED, UNSET, Schedule, Standing, Step
from .run import Run
from .shown import inside, shown, steady
from .step import NOTHING, NOWHERE, Event, Home, Op, Site, Task
from .things import CONTAINERS, SAME, Twin
from .twins import Condition
from .twins import Event as EventTwin

OURS = {f"{__package__}.{room}" for room in ("twins", "threads", "queues", "awaited")}
PRINTED = 2_000  # characters of what a program prints
MANY = 1_000  # items of a container, whose names are looked for
VALUES = 3  # of a failed assertion
HELD = (dict, list, tuple, deque)
PLAIN = (*SAME, *CONTAINERS, Enum)


class Row(NamedTuple):
    """A step as it is recorded; labels come later."""

    task: Task
    op: Op
    value: list[str]
    event: Event | None
    after: dict[str, Any]


class Record:
    """The rows of one run, and what was to be seen after each."""

    run: Run

    def __init__(self, program: Any, code: CodeType) -> None:
        self.program, self.code = program, code
        self.rows: list[Row] = []
        self.printed: list[str] = []
        self.named: dict[tuple[int, Any], Any] = {}  # values of variables, of slots
        self.frame_names: dict[str, Any] = {}
        self.watched: dict[tuple[int, Any], Any] = {}  # shared places, and primitives
        self.first: dict[tuple[int, Any], Op] = {}  # the first step that touched each
        self.asserted = ("", "")  # that failed: the assertion, its values
        self._row: Row | None = None  # under way
        self._reads: Row | None = None  # the one that what is read next belongs to

    def begin(self, run: Run) -> None:
        self.run = run

    def row(self, op: Op, value: Any = NOTHING) -> None:
        """A step is about to be made."""
        if self.run.why:
            return
        self.settle()
        task = self.run.current
        if op.kind == "time" and self.run.time is not None:
            task = self.run.time.task
        if task.number == 0 or self.run.fifo:
            self._look_at_main()
        event = task.event if task.event is not None and task.event.op is op else None
        texts = [] if value is NOTHING or op.kind == "call" else [shown(value, {})]
        self._watch(op)
        self._row = self._reads = Row(task, op, texts, event, {})
        self.rows.append(self._row)
        if op.kind == "write":
            self.named[id(op.where[0]), op.where[1]] = value

    def raised(self, task: Task, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
        self.row(Op(self._site_of(error, task), "raise", f"raise {text}", None))

    def asserts(self, text: str, named: dict[str, tuple[Any, tuple[tuple[str, Any], ...]]]) -> None:
        """An assertion fails: note the values that it names."""
        found = {name: _at(*path) for name, path in named.items()}
        values = [f"{name} is {shown(v, {})}" for name, v in found.items() if isinstance(v, PLAIN)]
        self.asserted = text, " and ".join(values[:VALUES])

    def _site_of(self, error: BaseException, task: Task) -> Site:
        """The line of the program that raised it."""
        name = self.code.co_filename
        steps = [s for s in walk_tb(error.__traceback__) if s[0].f_code.co_filename == name]
        if not steps:
            return task.site
        line = steps[-1][1]
        return Site(-1, line, linecache.getline(name, line).strip(), "", -1)

    def unread(self) -> None:
        """What is read or given back next belongs to no row."""
        self._reads = None

    def saw(self, value: Any) -> None:
        """What the step under way has read, or has given back."""
        row, self._reads = self._reads, None
        if row is not None and row.task is self.run.current and not row.value:
            row.value.append(shown(value, {}))
            if row.op.kind == "read":
                self.named[id(row.op.where[0]), row.op.where[1]] = value

    def _watch(self, op: Op) -> None:
        """Show from now on what this step touches, if others touch it too."""
        shared = op.site.number in self.run.shared
        if not shared or op.where is None or hasattr(op.where, "task"):
            return  # of a thread there is nothing to show
        if isinstance(op.where, tuple):
            owner, key = op.where
            if type(owner) is Home and key is None:
                return  # stands for a generator
            key = None if isinstance(key, tuple) else key
            self.watched.setdefault((id(owner), key), (owner, key))
        else:
            owner, key = getattr(op.where, "lock", op.where), None  # a condition's is what is held
            self.watched.setdefault((id(owner), None), owner)
        self.first.setdefault((id(owner), key), op)

    def _look_at_main(self) -> None:
        """The names that the program, and what it has called, have given to things."""
        frame = self.run.main_frame
        inner: dict[str, Any] = {}
        while frame is not None and frame.f_code is not self.code:
            if frame.f_globals is self.program.__globals__:
                inner = {**inner, **frame.f_locals}
            frame = frame.f_back
        if frame is not None:
            self.frame_names = {**self.frame_names, **inner, **frame.f_locals}

    def settle(self) -> None:
        """The last step is over: note what holds now."""
        if self._row is not None and not self.run.why:
            self._row.after.update(self._snapshot())
            self._row = None

    def _snapshot(self) -> dict[str, Any]:
        """What is shared, held and waited for at this moment."""
        values, holds = {}, {}
        for place, thing in self.watched.items():
            if isinstance(thing, Twin):
                holds[place] = thing.state()  # type: ignore[attr-defined]
            else:
                values[place] = shown(self._value(*thing), {})
        run = self.run
        waiting = {t.letter: t.pending for t in run.live if t.pending and t is not run.current}
        if not run.current.ended and run.current.pending is not None:
            waiting[run.current.letter] = run.current.pending
        blocked = {who: op for who, op in waiting.items() if not op.can() and op.kind != "begin"}
        sleep = {who: how for who, op in blocked.items() if (how := _how(who, op))}
        return {"values": values, "holds": holds, "blocked": blocked, "sleep": sleep}

    def _value(self, owner: Any, key: Any) -> Any:
        if isinstance(owner, CONTAINERS) and not self._is_home(owner):
            return owner
        if (id(owner), key) in self.named and self._is_home(owner):
            return self.named[id(owner), key]
        if key is None or isinstance(key, tuple):
            return owner
        return getattr(owner, "__dict__", {}).get(key, self.named.get((id(owner), key), "?"))

    def _is_home(self, owner: Any) -> bool:
        return isinstance(owner, Home | CellType) or owner is self.program.__globals__

    # ------------------------------------------------------------------ in words

    def schedule(self) -> Schedule:
        """Everything there is to see of the run."""
        run, names = self.run, self._names()
        verdict, what = outcome(run) if run.why != "prefix" else ("ok", "not ended")
        tasks = [t for t in run.tasks if t.twin is not None] + run.tasks[:1]
        sources = {task.letter: self._source(task) for task in tasks}
        steps = [self._step(row, names) for row in self.rows]
        return Schedule(
            kind="task" if self.run.fifo else "thread",
            word=run.word,
            verdict=verdict,
            outcome=what,
            steps=tuple(_slept_on(steps, run.why != "prefix")),
            standing=tuple(self._standing(task, names) for task in tasks),
            sources={letter: source for letter, source in sources.items() if source},
            printed=_capped("".join(self.printed)),
            ended=run.why != "prefix",
            circle=tuple(self._circle(names)) if verdict == "deadlock" else (),
            repeats=run.repeats if verdict == "livelock" else "",
            asserted=self.asserted[1] if what == self.asserted[0] else "",
        )

    def _step(self, row: Row, names: Mapping[int, str]) -> Step:
        op, after = row.op, row.after
        label = self._label(op, names)
        places = {place: self._place_label(place, names) for place in self.watched}
        return Step(
            thread=row.task.letter,
            line=op.site.line,
            source=op.site.source,
            what=_what(op, label, row.value),
            kind=op.kind if op.kind != "notify" else "call",
            where=label,
            letter=row.event is not None,
            preempts=row.event is not None and row.event.preempts,
            values={places[p]: text for p, text in after.get("values", {}).items()},
            holds={places[p]: text for p, text in after.get("holds", {}).items()},
            blocked={
                who: self._waits_for(op, after["sleep"].get(who, ""), names)
                for who, op in after.get("blocked", {}).items()
            },
            sleep=after.get("sleep", {}),
            library=hooks.libraries.get(op.site.number, ""),
        )

    def _waits_for(self, op: Op, how: str, names: Mapping[int, str]) -> str:
        """By name; who was woken waits for the condition's lock, which may have its own."""
        lock = getattr(op.where, "lock", None)
        woken = op.kind == "wake" and how not in (ASLEEP, UNSET)
        return names.get(id(lock), self._label(op, names)) if woken else self._label(op, names)

    def _standing(self, task: Task, names: Mapping[int, str]) -> Standing:
        name = getattr(task.twin, "target_name", "main")
        op, daemon = task.pending, task.daemon
        if task.ended_well or op is None or (op.kind == "begin" and task.at is not NOWHERE):
            at, what = (NOWHERE, "") if task.ended_well or not task.at.line else (task.at, GOES_ON)
            ended, library = task.ended_well, hooks.libraries.get(at.number, "")
            place = at.line, at.source, what
            return Standing(task.letter, name, *place, "", ended, task.statements, daemon, library)
        label = self._label(op, names)
        why = "" if op.can() else (op.why() if callable(op.why) else op.why)
        why = f"{op.what}" if op.kind == "spin" and why else why.replace("{}", label)
        what = _what(op, label, []) if op.kind != "begin" else ""
        number = task.statements + (op.site.statement != task.statement)
        line, source = op.site.line, op.site.source
        library = hooks.libraries.get(op.site.number, "")
        return Standing(task.letter, name, line, source, what, why, False, number, daemon, library)

    def _circle(self, names: Mapping[int, str]) -> list[str]:
        """A waits for what B holds, who waits for what A holds: A, lock, B, lock, A."""
        wants = {t.letter: t.pending for t in self.run.left.stuck if t.pending}
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
                path += [letter, self._label(op, names)]
                letter = owner.letter
            if letter in path[::2]:
                start = path[::2].index(letter) * 2
                return [*path[start:], letter] if len(path) - start > 2 else []
        return []

    def _names(self) -> dict[int, str]:
        """How the program calls its objects: by its own names first, then by what they hold."""
        names: dict[int, str] = {}
        waiting: deque[tuple[str, Any, int]] = deque()
        roots: dict[str, Any] = dict(self.frame_names)
        for variable in inspect.getclosurevars(self.program).nonlocals.items():
            roots.setdefault(*variable)
        known = self.program.__globals__
        for name in _names_in(self.program, known):
            roots.setdefault(name, known[name])
        public = sorted(roots, key=lambda name: name[0] == "_")  # a name of one's own comes last
        waiting.extend((name, roots[name], 0) for name in public if name.isidentifier())
        while waiting:
            name, value, deep = waiting.popleft()
            simple = isinstance(value, int | float | str | bytes | type(None) | FunctionType)
            if simple or isinstance(value, ModuleType) or id(value) in names or deep > 4:
                continue
            names[id(value)] = name
            if type(value).__module__ in OURS:
                if hasattr(value, "lock"):  # of a condition
                    waiting.append((name, value.lock, deep + 1))
                continue
            waiting.extend((inner, each, deep + 1) for inner, each in _parts(name, value))
        return names

    def _label(self, op: Op, names: Mapping[int, str]) -> str:
        """What a step touches, by name."""
        if op.where is None:
            return ""
        if isinstance(op.where, Twin):
            return _twin_label(op, names)
        owner, key = op.where
        if self._is_home(owner):
            return str(key)
        base = names.get(id(owner)) or (owner.__name__ if isinstance(owner, type) else "")
        if isinstance(key, tuple):
            return f"{base}[{shown(key[1], names)}]" if base else op.site.text
        if key is None:
            return _item(op, base) or base or op.site.text
        return f"{base}.{key}" if base else op.site.text

    def _place_label(self, place: tuple[int, Any], names: Mapping[int, str]) -> str:
        """What a watched place is called at the right of the table."""
        thing = self.watched[place]
        op = self.first[place]
        if isinstance(thing, Twin):
            return names.get(place[0]) or _twin_label(op, names)
        plain = Op(op.site, "", "", thing)
        return self._label(plain, names)

    def _source(self, task: Task) -> tuple[int, tuple[str, ...]] | None:
        """The lines of the function that a thread runs."""
        twin = task.twin
        target = self.program if twin is None else getattr(twin, "_target", None)
        if twin is not None and target is None:
            target = type(twin).run
        target = getattr(target, "func", target)
        code = getattr(inspect.unwrap(target) if callable(target) else target, "__code__", None)
        if code is None:
            return None
        lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
        block = inspect.getblock(lines) if lines else []
        return code.co_firstlineno, tuple(line.rstrip() for line in block)


def _how(who: str, op: Op) -> str:
    """How somebody waits who sleeps, or who has been woken and now needs the lock."""
    if op.kind != "wake":
        return ""
    if isinstance(op.where, EventTwin):
        return UNSET
    if not isinstance(op.where, Condition):
        return ""
    mine = next((wait for wait in op.where.waiting if wait.task.letter == who), None)
    if mine is None or mine.late:
        return ""
    return NOTIFIED if op.where._ticket(mine) is not None else ASLEEP


def _slept_on(steps: list[Step], ended: bool) -> list[Step]:
    """Of several that one notification might wake, those that it did not wake have slept on."""
    slept: dict[str, int] = {}
    for n, step in enumerate(steps):
        slept.pop(step.thread, None)
        for who in [who for who, how in step.sleep.items() if how == ASLEEP]:
            _sleeps(steps, who, step.blocked[who], range(slept.get(who, n) + 1, n))
            slept[who] = n
    notified = [n for n, step in enumerate(steps) if step.what.startswith("notify ")]
    for n in notified if ended else ():
        label, once = steps[n].where, re.match(r"notify (\d+) of|notify (?!all of)", steps[n].what)
        for who in _woken_by(steps, n)[int(once[1] or 1) :] if once else ():
            later = (m for m in notified if m > n and steps[m].where == label)
            _sleeps(steps, who, label, range(n, next(later, _next_of(steps, who, n))))
    return steps


def _woken_by(steps: list[Step], n: int) -> list[str]:
    """Who slept before a notification and not after it; who goes on first comes first."""
    before, after = steps[n - 1], steps[n]
    asleep = [who for who, how in before.sleep.items() if how == ASLEEP]
    woken = [who for who in asleep if before.blocked[who] == after.where]
    woken = [who for who in woken if after.sleep.get(who) != ASLEEP]
    return sorted(woken, key=lambda who: _next_of(steps, who, n))


def _next_of(steps: list[Step], who: str, n: int) -> int:
    return next((m for m in range(n + 1, len(steps)) if steps[m].thread == who), len(steps))


def _sleeps(steps: list[Step], who: str, label: str, at: Iterable[int]) -> None:
    for n in at:
        blocked, sleep = {**steps[n].blocked, who: label}, {**steps[n].sleep, who: ASLEEP}
        steps[n] = steps[n]._replace(blocked=blocked, sleep=sleep)


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
    stuck = [task for task in run.left.stuck if not task.daemon and not _is_idle(task)]
    others = [task for task in run.tasks if not (task.ended_well or task.daemon)]
    if run.why == "endless" and others:
        return "no end in sight", "no end in sight"
    turning = (
        {event.task for event in run.events[run.round.cycle :]} if run.round.cycle >= 0 else set()
    )
    if any(t.number in turning or (t.pending and t.pending.kind == "spin") for t in stuck):
        return "livelock", "livelock"
    if stuck:
        return "deadlock", "deadlock"
    result = run.tasks[0].result
    return "ok", "ok" if result is None else f"ok: returns {shown(result, {})}"


def _is_idle(task: Task) -> bool:
    """A thread of a pool that is left open waits for calls: no deadlock, it ends with Python."""
    return task.pending is not None and task.pending.kind == "idle"


def _line(text: str) -> str:
    return " ".join(steady(text).split())[:120]


def _capped(text: str) -> str:
    if len(text) <= PRINTED:
        return text
    lines = text[PRINTED:].count("\n")
    return f"{text[:PRINTED].rpartition(chr(10))[0]}\n… and {lines} more lines\n"


def _names_in(program: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """Global names that the program uses, and then the functions and classes that it calls."""
    codes, seen = deque([program.__code__]), dict[str, None]()
    while codes:
        code = codes.popleft()
        codes.extend(const for const in code.co_consts if isinstance(const, CodeType))
        for name in code.co_names:
            if name in known and name not in seen:
                seen[name] = None
                yield name
                called = getattr(known[name], "__code__", None)
                if isinstance(called, CodeType) and known[name].__globals__ is known:
                    codes.append(called)


def _at(value: Any, way: tuple[tuple[str, Any], ...]) -> Any:
    """What is found on the way from `value`, without a call of anything; NOTHING, where none is."""
    for kind, key in way:
        try:
            inside = vars(value) if kind == "." else value
            plain: Any = next(kind for kind in HELD if isinstance(inside, kind))
            value = plain.__getitem__(inside, key)
        except (TypeError, LookupError, StopIteration):
            return NOTHING
    return value


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple | deque):
        yield from ((f"{name}[{i}]", each) for i, each in enumerate(islice(inside(value), MANY)))
    elif isinstance(value, dict):
        items = islice(inside(value), MANY)
        yield from ((f"{name}[{shown(k, {}, 1)}]", each) for k, each in items)
    elif not isinstance(value, type) and hasattr(value, "__dict__"):
        yield from ((f"{name}.{key}", each) for key, each in vars(value).items())
    if hasattr(type(value), "__slots__") and not isinstance(value, Twin):
        slots = [s for s in type(value).__slots__ if hasattr(value, s)]
        yield from ((f"{name}.{key}", getattr(value, key)) for key in slots)


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


def _item(op: Op, base: str) -> str:
    """ "items[-1]": an item, or a slice, whose place depends on how many there are; else ""."""
    if not base or op.kind not in ("read", "write") or not op.site.text.endswith("]"):
        return ""
    try:
        node = ast.parse(op.site.text, mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(node, ast.Subscript):
        return ""
    of, key = ast.unparse(node.value), ast.unparse(node.slice)
    whole = op.kind == "read" and of.rpartition(".")[2] != base.rpartition(".")[2]
    return "" if whole else f"{base}[{key}]"


def _what(op: Op, label: str, value: list[str]) -> str:
    result = f" -> {value[0]}" if value else ""
    if op.kind == "read":
        return f"read {label}{result}"
    if op.kind == "write":
        return f"{label} = {value[0]}" if value else f"write {label}"
    if isinstance(op.where, tuple):
        return f"{op.site.text}{result}"
    return op.what.replace("{}", label) + result
