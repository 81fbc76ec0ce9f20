"""Loops that do not end: a turn of a `while` that changed nothing waits until others have.

A turn is **quiet** if it has written nothing for good, has given back what it
took (a lock, a place in a semaphore), and the local names mean what they meant.
It was **noticed** if another task looked at something while the turn held it,
or wants something that the turn lets go of for a while. A run with a quiet turn
that nobody noticed is the same as one without: so the task may as well wait,
until what it looked at has changed.

After any other turn with the same names the whole state is compared with
earlier ones: where it comes back, the run can go round for ever.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType, MethodType
from typing import Any

from .pace import CLOCK
from .states import State
from .step import NOTHING, Op, Site, Task
from .unread import UNREAD, Unread, without

Stamps = tuple[tuple[int, int], ...]  # by task: number of its last write
PLAIN = (int, str, float, bool, bytes, type(None))
SCHEDULING = tuple(f"{__package__}.{name}" for name in ("run", "real_threads", "hooks", "spin"))
COPIES = (list, dict, tuple)  # two of them with the same inside may be the same state
SMALL = 20  # items of such a copy; more are not compared, turn after turn
ROOM = 200_000  # items of containers in the states that a run keeps
DEEP = 4  # how far the state of a primitive is looked into


@dataclass
class Look:
    """What a step has touched, and how it was then."""

    where: int
    lasting: Stamps  # what others had written
    passing: Stamps  # what others had taken and given back
    minds: bool  # whether the step would do something else while another holds it


@dataclass
class Move:
    """Something taken (+1) or given back (-1)."""

    where: int
    amount: int
    time: int
    before: int  # the task's stamp there


@dataclass
class Start:
    """How things were when a turn began."""

    writes: int
    names: dict[str, Any]
    history: int
    looks: int
    moves: int


@dataclass
class Turns:
    """Of one task."""

    writes: int = 0  # for good, so far
    looks: list[Look] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    # Of each `while` that is under way, by id of frame and number of site: its last turn.
    last: dict[tuple[int, int], Start] = field(default_factory=dict)
    noted: list[tuple[int, int]] = field(default_factory=list)  # stamps before the last step
    waits: Wait | None = None


class Wait:
    """Until others have changed what a quiet turn has looked at, or want what it lets go of."""

    def __init__(self, spin: Spin, task: Task, looks: list[Look], lent: set[int]) -> None:
        self.spin, self.task, self.lent = spin, task, lent
        self.looks = list({(k.where, k.lasting, k.passing, k.minds): k for k in looks}.values())
        self.stirred = False

    def over(self) -> bool:
        return self.stirred or self._changed(False) or self.spin.wanted(self.task, self.lent)

    def stir(self) -> bool:
        """Nobody can go on: look whether one more turn would stand before what another holds."""
        self.stirred = self._changed(True)
        return self.stirred

    def _changed(self, every: bool) -> bool:
        spin, me = self.spin, self.task.number
        return any(
            _others(spin.lasting, look.where, me) != look.lasting
            or ((look.minds or every) and _others(spin.passing, look.where, me) != look.passing)
            for look in self.looks
        )


class Spin:
    """Of one run: nothing is kept before its first `while`."""

    def __init__(self, state: State | None, read: frozenset[int]) -> None:
        self.state = state  # where states are told apart
        self.unread = Unread(read)
        if state is not None:
            state.hidden = self.unread.hidden
        self.on = state is not None
        self.compared = -1  # how many events there were when states were compared last
        self.time = 0  # steps noted; each stamp is one of them, and is used once
        self.lasting: dict[int, dict[int, int]] = {}  # by token and task: stamps of writes
        self.passing: dict[int, dict[int, int]] = {}  # of what is taken and given back
        self.watched: dict[int, list[tuple[int, int]]] = {}  # by token: who looked, and when
        self.turns: dict[int, Turns] = {}  # by task
        self.live: list[Task] = []
        # The state that is compared.
        self.places: dict[tuple[int, Any], Any] = {}  # what was written, by its owner
        self.whole: dict[int, Any] = {}  # containers and primitives, looked into when compared
        self.unused: dict[int, frozenset[str]] = {}  # by id of code: names that nothing reads
        self.rounds: defaultdict[int, int] = defaultdict(int)  # turns of `for` loops by id of frame
        self.keep: list[Any] = []  # so that no id is used twice
        self.seen: dict[Any, int] = {}  # state -> how many events there were
        self.room = ROOM

    def of(self, task: Task) -> Turns:
        turns = self.turns.get(task.number)
        if turns is None:
            turns = self.turns[task.number] = Turns()
        return turns

    # -------------------------------------------------------------- what steps do

    def note(self, task: Task, op: Op, write: bool) -> None:
        """A step is made."""
        turns, me = self.of(task), task.number
        idle = self.unread.step(op)
        turns.writes += write and not idle
        turns.noted = []
        self.time += 1
        if self.state is not None:
            self.state.note(task, op)
        if idle:
            self._only_looked()
            return
        for where, _, wrote in op.accesses:
            if turns.last:
                lasting = _others(self.lasting, where, me)
                turns.looks.append(Look(where, lasting, _others(self.passing, where, me), True))
            if wrote:
                stamps = self.lasting.setdefault(where, {})
                turns.noted.append((where, stamps.get(me, 0)))
                stamps[me] = self.time
            else:
                self.watched.setdefault(where, []).append((me, self.time))

    def only_looked(self, task: Task, op: Op) -> None:
        """The step that was noted last has changed nothing."""
        self._take_back(task)
        self._only_looked()
        for where, _, _ in op.accesses:
            self.watched.setdefault(where, []).append((task.number, self.time))

    def _only_looked(self) -> None:
        if self.state is not None:
            self.state.only_looked()

    def moved(self, task: Task, moves: tuple[tuple[int, int], ...], minds: bool) -> None:
        """The step that was noted last has only taken something, or given it back."""
        self._take_back(task)
        turns = self.of(task)
        touched = {where for where, _ in moves}
        for look in turns.looks[-len(touched) :] if not minds else ():
            look.minds = False
        for where, amount in moves:
            stamps = self.passing.setdefault(where, {})
            turns.moves.append(Move(where, amount, self.time, stamps.get(task.number, 0)))
            stamps[task.number] = self.time

    # Where states are told apart.

    def went_on(self, task: Task, op: Op) -> None:
        """After a wait that is over it goes on; what a thread did that is joined, others say."""
        if self.state is not None and op.kind != "join":
            self.state.note(task, op)

    def started(self, child: Task, parent: Task) -> None:
        if self.state is not None:
            self.state.started(child, parent)

    def alone(self, task: Task, key: int) -> None:
        if self.state is not None:
            self.state.alone(task, key)

    def others_see(self, events: int) -> bool:
        """Whether a loop makes steps that others see: then the graph of states shows its turns."""
        before, self.compared = self.compared, events
        return self.state is not None and before != events

    def _take_back(self, task: Task) -> None:
        turns = self.of(task)
        turns.writes -= bool(turns.noted)
        for where, before in turns.noted:
            self.lasting[where][task.number] = before
        turns.noted = []

    def wrote(self, owner: Any, key: Any, value: Any) -> None:
        """A place has a new value; one that cannot be compared is never the same again."""
        self.keep.append(owner)
        hidden = self.unread.hidden.get(id(owner), {})
        value = (UNREAD, hidden[key]) if key in hidden else value
        if self.state is not None:
            self.state.wrote(value)
        if type(owner) in (list, dict, set, deque):
            self.whole[id(owner)] = owner
        elif value is NOTHING or not (isinstance(key, str) or key in hidden):
            self.places[id(owner), key] = ("new", self.time)
        else:
            self.places[id(owner), key] = self._plain(value)

    def unseen(self, task: Task, op: Op, write: bool) -> None:
        """A step that nobody else can notice; the turn has changed something all the same."""
        if not self.unread.step(op) and write:
            self.time += 1
            self.of(task).writes += 1
            owner, key = op.where
            self.wrote(owner, key, NOTHING)

    def touched(self, twin: Any) -> None:
        self.whole[id(twin)] = twin

    def round(self, frame: FrameType) -> None:
        """A turn of a `for` begins: how far its iterator is, nobody can see."""
        self.rounds[id(frame)] += 1

    # --------------------------------------------------------------------- turns

    def begins(self, task: Task, loop: tuple[int, int]) -> None:
        """A turn of it that is over belongs to an earlier time."""
        self.of(task).last.pop(loop, None)
        if self.state is not None:
            self.state.begins(task, loop)

    def again(
        self, task: Task, site: Site, frame: FrameType, names: dict[str, Any], live: list[Task]
    ) -> tuple[Op | None, bool]:
        """A turn begins. After a quiet one: what it waits for; else whether to compare states."""
        self.on, self.live = True, live
        steps = {*frame.f_code.co_freevars, *frame.f_code.co_cellvars}  # to write these is one
        names = {n: v for n, v in names.items() if n not in steps and not n.startswith("_step_")}
        turns = self.of(task)
        loop, history = (id(frame), site.number), 0
        if self.state is not None:
            self.state.turn(task, loop, names, frame.f_code)
            history = self.state.history(task)
        start = turns.last.get(loop)
        turns.last[loop] = Start(
            turns.writes, dict(names), history, len(turns.looks), len(turns.moves)
        )
        if start is None or not _same(start.names, names):
            return None, False
        moves = turns.moves[start.moves :]
        sums: defaultdict[int, int] = defaultdict(int)
        lent: set[int] = set()
        for move in moves:
            sums[move.where] += move.amount
            if sums[move.where] < 0:
                lent.add(move.where)
        if start.writes != turns.writes or any(sums.values()):
            return None, True
        noticed = self._noticed(task, moves)
        for move in reversed(moves):
            self.passing[move.where][task.number] = move.before
        if noticed or self.wanted(task, lent):
            return None, True
        if self.state is not None:
            self.state.histories[task.number] = start.history
            turns.last[loop].history = start.history
        wait = turns.waits = Wait(self, task, turns.looks[start.looks :], lent)
        clock = tuple([(CLOCK, None, False) for look in wait.looks if look.where == CLOCK])
        return Op(
            site, "spin", f"spin while {site.text}", None, clock, wait.over, "spins", True
        ), False

    def for_ever(self, task: Task, site: Site) -> Op:
        """The task needs no more turns: each would be as the last, and is nobody's concern."""
        self.of(task).waits = None
        return Op(site, "spin", f"spin while {site.text}", None, (), lambda: False, "spins", True)

    def _noticed(self, task: Task, moves: list[Move]) -> bool:
        """Whether another task looked at something between two moves of it."""
        spans: dict[int, tuple[int, int]] = {}
        for move in moves:
            spans[move.where] = (spans.get(move.where, (move.time, 0))[0], move.time)
        return any(
            number != task.number and first < time < last
            for where, (first, last) in spans.items()
            for number, time in self.watched.get(where, ())
        )

    def wanted(self, me: Task, lent: set[int]) -> bool:
        """Whether another task stands before a step on one of these."""
        return bool(lent) and any(
            access[0] in lent
            for task in self.live
            if task is not me and task.pending is not None
            for access in task.pending.accesses
        )

    def stir(self) -> bool:
        """Nobody can go on: whether one more turn of somebody would show more."""
        return any(
            turns.waits.stir()
            for task in self.live
            if task.pending and task.pending.kind == "spin"
            if (turns := self.of(task)).waits is not None and not turns.waits.stirred
        )

    # --------------------------------------------------------------------- state

    def came_back(
        self, site: Site, events: int, ended: tuple[int, ...], frames: Callable[[Task], Any]
    ) -> int | None:
        """How many events there were when everything was as it is now."""
        hidden = self.unread.hidden
        those = [t for where, t in self.whole.items() if None not in hidden.get(where, ())]
        sizes = [len(t) for t in those if isinstance(t, list | dict | set | deque)]
        self.room -= 1 + sum(sizes)
        if self.room < 0:  # what grows with each turn never comes back
            return None
        tasks = tuple(
            (task.number, task.pending and (task.pending.site.number, task.pending.kind),
             tuple(self._frames(frames(task))))
            for task in self.live
        )  # fmt: skip
        whole = tuple((where, self._inside(thing)) for where, thing in self.whole.items())
        state = (site.number, ended, tasks, whole, tuple(self.places.items()))
        before = self.seen.get(state)
        self.seen[state] = events
        return before

    def _frames(self, frame: FrameType | None) -> Iterator[Any]:
        """Where a task is in the program, and what its names mean there."""
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module == SCHEDULING[0] and frame.f_code.co_name == "_body":
                return
            if module not in SCHEDULING:
                ours = module.startswith(f"{__package__}.")
                code = frame.f_code
                unused = {*self.unused.get(id(code), ()), *code.co_freevars, *code.co_cellvars}
                names = tuple(
                    (name, self._plain(value))
                    for name, value in sorted(frame.f_locals.items())
                    if name not in unused and (not ours or type(value) in PLAIN)
                )
                yield id(frame.f_code), frame.f_lasti, self.rounds.get(id(frame), 0), names
            frame = frame.f_back

    def _plain(self, value: Any, deep: int = 0) -> Any:
        if type(value) in PLAIN:
            return type(value), value
        if type(value) is MethodType:
            return "method", id(value.__self__), id(value.__func__)
        if (
            type(value) in COPIES
            and id(value) not in self.whole
            and deep < DEEP
            and len(value) <= SMALL
        ):
            inside = value.items() if type(value) is dict else value
            return type(value), tuple([self._plain(each, deep + 1) for each in inside])
        if isinstance(value, Iterator):
            return "new", self.time  # how far it is, nobody can see
        self.keep.append(value)
        return id(value)

    def _inside(self, value: Any) -> Any:
        """What is in it, but for what nobody reads."""
        hidden = self.unread.hidden.get(id(value), {})
        if None in hidden:
            return UNREAD
        return self._deep(without(value, hidden) if hidden else value)

    def _deep(self, value: Any, deep: int = 0) -> Any:
        """What is in a container, or in a primitive."""
        if isinstance(value, Task):
            return value.number
        if isinstance(value, dict) and deep < DEEP:
            pairs = ((self._plain(k), self._deep(v, deep + 1)) for k, v in list(value.items()))
            return tuple(pairs)
        if isinstance(value, list | tuple | set | deque):
            return tuple(self._deep(each, deep + 1) for each in value) if deep < DEEP else id(value)
        if hasattr(value, "late"):  # one wait for a condition
            return value.task.number, value.late
        if deep == 0 and hasattr(value, "__dict__"):
            return self._deep(vars(value), 1)
        return self._plain(value)


def _others(stamps: dict[int, dict[int, int]], where: int, me: int) -> Stamps:
    """What other tasks have written there last."""
    its = stamps.get(where)
    if not its:
        return ()
    return tuple(sorted((number, stamp) for number, stamp in its.items() if number != me and stamp))


def _same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the local names mean what they meant."""
    if before.keys() != now.keys():
        return False
    return all(_means(value, now[name]) for name, value in before.items())


def _alike(before: Any, now: Any) -> bool:
    """Whether it is a copy: had one of them been changed, the turn would not be quiet."""
    if len(before) != len(now) or len(now) > SMALL:
        return False
    if type(before) is dict:
        pairs = zip(before.items(), now.items(), strict=True)
        return all(_means(k, its) and _means(v, new) for (k, v), (its, new) in pairs)
    return all(map(_means, before, now))


def _means(before: Any, now: Any) -> bool:
    if type(before) in PLAIN:
        return type(now) is type(before) and bool(now == before)
    if type(before) in COPIES and type(now) is type(before) and now is not before:
        return _alike(before, now)
    return now is before  # to move an iterator on is a step, which has written
