"""What several tasks touch: names for things that are the same in every run, and who meets where.

Only sites where a task touches what another may be touching at the time, one of
the two writing, have to be choices. Which sites those are is learned: each run
is noted as it goes, and looked through afterwards if anything in it was done at
a site that is not known to be shared.
"""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from types import GeneratorType, MappingProxyType
from typing import Any

from .step import Home, Op, Task

REGISTRIES = 10**9 - 1  # a token that no task gives

Noted = tuple[int, Any, bool, int]  # at which site, which part, written or not, in which epoch


class Sharing:
    """Of one run."""

    def __init__(
        self, shared: frozenset[int], tokens: dict[int, int], read: frozenset[int] = frozenset()
    ) -> None:
        self.shared = shared  # numbers of sites
        self.read = read  # of those whose writes are looked at
        self.crowd = Home()  # all tasks: the order in which they start
        self.registries = Home()  # of all abstract classes
        self.registered = 0  # how often one of them was changed
        self.tokens = {**tokens, id(self.crowd): 0, id(self.registries): REGISTRIES}  # by id
        self.keep: list[Any] = []  # so that no id is used twice in a run
        self.generators: list[weakref.ref[Any]] = []
        self.shows: dict[int, tuple[Any, ...]] = {}  # by id of a view, an iterator: of what
        self.lazy: set[int] = set()  # ids of iterators in C that run Python at each turn
        self.deep: set[int] = set()  # of those that call C for each item, and look inside of it
        self.stands: dict[int, tuple[Any, Any]] = {}  # by id of a real thing: it, and its twin
        self.namespaces: dict[int, Any] = {}  # by id of an object's dict: the object
        self.standing = 0  # token of what is made for a twin that is just being made
        self.log: list[tuple[Task, int, dict[int, int], Op]] = []  # epoch and clock at the time
        self.unknown: set[int] = set()  # tokens: touched at a site not known to be shared

    # -------------------------------------------------------------------- names

    def token(self, owner: Any, task: Task) -> int:
        """What `owner` is called; below 0 where it may be called otherwise in another run."""
        token = self.tokens.get(id(owner))
        if token is None and (behind := _behind(owner)) is not None:
            token = self._named(owner, self.token(behind, task))
        elif token is None:
            new = bool(task.building) and isinstance(owner, task.building[-1])
            token = self.made(owner, task) if new else self._named(owner, -id(owner))
        return token

    def made(self, value: Any, task: Task) -> int:
        """The task has made `value`: the same one in every run where it gets there."""
        token = self.tokens.get(id(value))
        if token is None and (behind := _behind(value)) is not None:
            return self._named(value, self.token(behind, task))
        if token is None and self.standing:  # who looks at it first, differs from run to run
            self.standing += 1
            token = self._named(value, self.standing)
        elif token is None:
            task.made += 1
            token = self._named(value, task.number * 10**6 + task.made)
        return token

    def _named(self, value: Any, token: int) -> int:
        self._refer(value) if type(value) is GeneratorType else self.keep.append(value)
        self.tokens[id(value)] = token
        return token

    def _refer(self, generator: Any) -> None:
        """It is closed when the program lets go of it, so it is not kept."""
        number = id(generator)
        self.namespaces[number] = Home()  # stands for it in what is kept

        def over(_: Any) -> None:
            del self.tokens[number], self.namespaces[number]

        self.generators.append(weakref.ref(generator, over))

    def half_way(self) -> list[Any]:
        """Generators that were begun and have not come to their end."""
        every = [reference() for reference in self.generators]
        return [each for each in every if each is not None and each.gi_frame is not None]

    def close(self) -> None:
        """The run is over: what generators do at last belongs to no run."""
        for generator in self.half_way():
            with suppress(BaseException):  # it uses a lock of the run, it may be
                generator.close()

    def show(self, value: Any, owners: tuple[Any, ...]) -> None:
        """Who looks at `value` looks at `owners` as well."""
        self.shows[id(value)] = owners
        self.keep.append(value)

    def namespace(self, value: Any, owner: Any, task: Task) -> None:
        """`value` is the dict of `owner`: they are one. A dict that had a name keeps it."""
        token = self.tokens.get(id(value))
        if token is None:
            self._named(value, self.token(owner, task))
        else:
            self.tokens[id(owner)] = token
            self.keep.append(owner)
        self.namespaces[id(value)] = owner

    # -------------------------------------------------------------- who meets where

    def note(self, task: Task, op: Op) -> None:
        """A step is made: only kept, as most runs are never looked through."""
        self.log.append((task, task.epoch, task.clock, op))
        if op.site.number not in self.shared:
            self.unknown.update([where for where, _, _ in op.accesses])

    def found(self) -> set[int]:
        """Sites, not all known, that touch what another task may be touching at the time."""
        found: set[int] = set()
        if not self.unknown:
            return found
        seen: dict[int, dict[int, set[Noted]]] = {}  # by token and task
        for task, epoch, clock, op in self.log:
            for where, key, write in op.accesses:
                if where not in self.unknown:  # all who touch it are known
                    continue
                everybodys = seen.setdefault(where, {})
                what = op.site.number, key, write, epoch
                mine = everybodys.setdefault(task.number, set())
                if what in mine:  # with a clock that has only grown since
                    continue
                mine.add(what)
                for number, theirs in everybodys.items():
                    if number != task.number:
                        found.update(self._meet(what, theirs, clock.get(number, -1)))
        return found

    def _meet(self, what: Noted, theirs: set[Noted], over: int) -> set[int]:
        """Of what another task did since its epoch `over`: where it met this, with one writing."""
        site, key, write, _ = what
        found: set[int] = set()
        for there, its, wrote, then in theirs:
            meets = key is None or its is None or key == its
            if then > over and meets and (write or wrote):
                found.update((site, there))
        return found


def _behind(value: Any) -> Any:
    """What a memoryview, a view of an array, or a mapping that only reads, shows: they are one."""
    if type(value) is MappingProxyType:
        return gc.get_referents(value)[0]  # there is no other way to it
    if type(value) is memoryview:
        try:
            return value.obj
        except ValueError:  # it has been released
            return None
    return getattr(value, "base", None) if type(value).__module__ == "numpy" else None
