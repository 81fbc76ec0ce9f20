"""When two runs have come to the same state, so that they go on alike.

What a task does next is decided by its **history**: the steps that it has made, and
what each of them found where it looked. So the history stands for the task, its names
and its place in the program. What a step finds is the **version** of a place: its
value where that is plain, else the history of whoever wrote it. A state is the
history of each task that lives, and the versions of all that has been written.

The history of a task goes back where the task does: where a turn of a loop begins with
the names of an earlier turn, the task stands as it stood then, whatever it has done
meanwhile; what that has changed for others, the versions say. Nothing is taken for
equal that might differ: two states that are the same may be taken for two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from inspect import CO_GENERATOR
from types import CodeType
from typing import Any

from .step import NOTHING, Op, Task
from .unread import UNREAD, without

PLAIN = (int, str, bool, bytes, type(None))
CONTAINERS = (list, dict, set, deque)
SMALL = 20  # items of a container whose inside is looked into
DEEP = 9  # how far a primitive is looked into


class State:
    """Of one run. `names` gives the same number to the same thing in every run of a search."""

    def __init__(self, names: dict[Any, int]) -> None:
        self.names = names
        self.hidden: dict[int, dict[Any, str]] = {}  # by id of an owner: parts that nobody reads
        self.histories: dict[int, int] = {}  # by task
        self.versions: dict[Any, dict[Any, Any]] = {}  # by thing and part: who wrote it
        self.things: dict[Any, Any] = {}  # containers and primitives, to be looked into
        self.called: dict[int, tuple[str, int]] = {}  # things whose token is another in each run
        self.first: dict[tuple[int, int, int], tuple[int, dict[str, Any]]] = {}  # turns of loops
        self.inside: dict[Any, Any] = {}  # of those that nobody has touched since
        self.before: dict[Any, Any] = {}  # versions before the last step
        self.last: tuple[Any, Any] = (None, None)  # what the last step touched first

    def number(self, *what: Any) -> int:
        return self.names.setdefault(what, len(self.names))

    def history(self, task: Task) -> int:
        return self.histories.get(task.number, 0)

    def thing(self, token: int, task: Task, place: int) -> Any:
        if token >= 0:
            return token
        if token not in self.called:
            self.called[token] = ("first", self.number(self.history(task), place))
        return self.called[token]

    # ------------------------------------------------------------------- steps

    def note(self, task: Task, op: Op) -> None:
        """A step is about to be done: it sees what it touches, and may change it."""
        touched = [
            (self.thing(where, task, place), key, write)
            for place, (where, key, write) in enumerate(op.accesses)
        ]
        owner = op.where[0] if isinstance(op.where, tuple) else op.where
        if touched and (type(owner) in CONTAINERS or getattr(owner, "by_value", False)):
            if touched[0][0] not in self.things:
                self.inside.pop(touched[0][0], None)  # what is inside, nobody has seen so far
            self.things[touched[0][0]] = owner
        if hasattr(owner, "seen"):
            seen = owner.seen(task, op.kind)
        else:
            seen = tuple([self.version(thing, key) for thing, key, _ in touched])
        mine = self.number(self.history(task), op.site.number, op.kind, seen)
        self.histories[task.number] = mine
        self.before = {}
        for thing, key, write in touched:
            self.inside.pop(thing, None)
            if write:
                self.before.setdefault(thing, self.versions.get(thing))
                version = "ended" if op.kind == "end" else mine
                parts = {} if key is None else self.versions.get(thing, {})
                self.versions[thing] = {**parts, key: version}
        self.last = touched[0][:2] if touched else (None, None)

    def only_looked(self) -> None:
        """The last step has changed nothing."""
        for thing, versions in self.before.items():
            if versions is None:
                del self.versions[thing]
            else:
                self.versions[thing] = versions

    def wrote(self, value: Any) -> None:
        """What the last step has written."""
        thing, key = self.last
        plain = _plain(value)
        if (
            plain is not NOTHING
            and key is not None
            and thing in self.versions
            and key in self.versions[thing]
        ):
            self.versions[thing][key] = plain

    def version(self, thing: Any, key: Any) -> Any:
        """What whoever looks there finds."""
        inside = self.inside.get(thing)
        if inside is None:
            inside = self.inside[thing] = self._inside(thing)
        if inside is not NOTHING:
            return inside
        parts = self.versions.get(thing, {})
        return frozenset(parts.items()) if key is None else (parts.get(key), parts.get(None))

    def _inside(self, thing: Any) -> Any:
        """The items of a small container of plain values, the state of a primitive."""
        real = self.things.get(thing)
        if real is None:
            return NOTHING
        hidden = self.hidden.get(id(real), {})
        if None in hidden:
            return self.number("inside", UNREAD)
        real = without(real, hidden) if hidden else real
        inside = _items(real) if type(real) in CONTAINERS else _state(real)
        return inside if inside is NOTHING else self.number("inside", inside)

    # ------------------------------------------------------------------- tasks

    def started(self, child: Task, parent: Task) -> None:
        self.histories[child.number] = self.number("begins", child.number, self.history(parent))

    def alone(self, task: Task, key: int) -> None:
        """All others are over: from here on, all that is written is its own history."""
        self.histories[task.number] = key
        self.versions.clear()
        self.inside.clear()

    def begins(self, task: Task, loop: tuple[int, int]) -> None:
        self.first.pop((task.number, *loop), None)

    def turn(
        self, task: Task, loop: tuple[int, int], names: dict[str, Any], code: CodeType
    ) -> None:
        """A turn of a loop begins: with the same names, the task is where it was before.

        Of a generator's loop that is not so: whoever draws from it has gone on meanwhile.
        """
        if code.co_flags & CO_GENERATOR:
            return
        place = task.number, *loop
        history, first = self.first.setdefault(place, (self.history(task), names))
        means = {name: _means(value, first.get(name, NOTHING)) for name, value in names.items()}
        if NOTHING not in means.values():
            self.histories[task.number] = self.number(
                "turn", history, loop[1], tuple(sorted(means.items()))
            )

    # ------------------------------------------------------------------- states

    def key(
        self, tasks: Sequence[Task], died: Sequence[Task], time: Any, can: Sequence[Task]
    ) -> int:
        """The number of the state in which a run is."""
        those = tuple([self._task(task, task in died) for task in tasks if task.worker is not None])
        places = frozenset([(thing, self.version(thing, None)) for thing in self.versions])
        return self.number(those, places, time, tuple([task.number for task in can]))

    def _task(self, task: Task, died: bool) -> tuple[Any, ...]:
        if task.ended and not died:
            return (task.number,)
        at = task.pending and (task.pending.site.number, task.pending.kind)
        return task.number, self.history(task), task.ended, at


def _plain(value: Any) -> Any:
    """A value that is the same wherever it is equal; NOTHING for any other."""
    if type(value) in PLAIN:
        return type(value).__name__, value
    if type(value) is float:
        return "float", repr(value)
    if type(value) is tuple and len(value) <= SMALL:
        return _all(value)
    return NOTHING


def _all(values: Iterable[Any]) -> Any:
    found = tuple(map(_plain, values))
    return NOTHING if NOTHING in found else found


def _items(container: Any) -> Any:
    if len(container) > SMALL:
        return NOTHING
    if type(container) is set:
        found = _all(container)
        return found if found is NOTHING else frozenset(found)
    return _all(container.items() if type(container) is dict else container)


def _state(value: Any, deep: int = 0) -> Any:
    """What is in a primitive."""
    if isinstance(value, Task):
        return "task", value.number
    if deep == DEEP:
        return NOTHING
    if isinstance(value, list | tuple | deque | dict):
        inside = value.items() if isinstance(value, dict) else value
        found = tuple([_state(each, deep + 1) for each in inside])
        return NOTHING if NOTHING in found else found
    if hasattr(value, "inside"):
        return _state(value.inside(), deep + 1)
    if getattr(value, "by_value", False):  # what another primitive in it does, is its own
        inside = [(k, v) for k, v in vars(value).items() if not getattr(v, "by_value", False)]
        return _state(inside, deep + 1) if deep == 0 else ("primitive",)
    return _plain(value)


def _means(value: Any, first: Any) -> Any:
    plain = _plain(value)
    return ("first",) if plain is NOTHING and value is first else plain
