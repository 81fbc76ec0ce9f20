"""One run of a program under a schedule: of its tasks, one at a time goes on.

A task stops before each step that others may notice, and asks the chooser who
goes on; where that is itself, nothing has to switch. Starting a task and
joining one that has ended are no choices: they happen at once.

The way of a step: rewritten code calls `access`, a primitive calls `step`; both
`make` an operation. Where others may notice it, that is `visible`: the task
stands before it, `_next` asks the chooser, and the task that is chosen goes on.
From one choice to the next a task runs as plain Python does.

Sequential consistency is assumed: a step is seen by all tasks as soon as it is
done. What one call into C does up to its next call of Python, and what code outside of the
program's own does, is one step. (On free-threaded builds that is too much said of an iterator
that threads share: there two of them may be given the same item.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Literal, Protocol

from .pace import Left, Pace, Round, Time
from .sharing import Sharing
from .spin import Spin
from .states import State
from .step import LETTERS, NOTHING, NOWHERE, Abort, Access, Event, Op, Refused, Site, Task
from .unread import is_plain
from .workers import Blocked, Workers

SLOW = 5_000  # turns in one run, after which a daemon's loop without a step comes last
FAIR = 60  # steps in a row that one task makes before another may be asked
# What a long loop stands before, so that others' parts that nobody sees go on. Nobody can
# notice the loop either, so it goes on before any choice; a daemon's beyond SLOW is left there.
REST = Op(NOWHERE, "rest", "", None, eager=True)

# Why a run ended early. stuck: nobody can go on. livelock, unfair: it goes round, and all, or not
# all, got turns. endless: a limit was reached. redundant: the chooser wants no more of it. prefix:
# the word that was given is over. lost: it was ended from outside.
Why = Literal[
    "", "stuck", "livelock", "unfair", "endless", "redundant", "prefix", "refused", "lost"
]  # fmt: skip


class Chooser(Protocol):
    """Who goes next? None: the rest of this run is of no interest."""

    state: State | None

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None: ...


class Recorder(Protocol):
    """Keeps the steps of a run, for people."""

    printed: list[str]

    def begin(self, run: Run) -> None: ...

    def row(self, op: Op, value: Any = NOTHING) -> None: ...

    def raised(self, task: Task, error: BaseException) -> None: ...
    def asserts(self, text: str, named: dict[str, Any]) -> None: ...
    def unread(self) -> None: ...

    def saw(self, value: Any) -> None: ...

    def settle(self) -> None: ...


class Place(Protocol):
    """Where the rewritten program finds the run that is under way."""

    run: Run | None
    notes: dict[str, None]  # what a report has to say besides
    unknown: dict[str, int]  # what may happen otherwise than in these runs, and its line


class Run:
    """One run: `events` are what happened, `errors`, `why` and `left` how it ended."""

    fifo = False  # whether those that can go on stand in line; else nobody is interrupted

    def __init__(
        self,
        place: Place,
        workers: Workers,
        chooser: Chooser,
        sharing: Sharing,
        atomic: str = "op",
        recorder: Recorder | None = None,
        timed: bool = False,
    ) -> None:
        self.time = Time(place.unknown) if timed else None
        self.place, self.workers, self.chooser = place, workers, chooser
        self.sharing, self.shared = sharing, sharing.shared
        self.atomic, self.recorder = atomic, recorder
        self.pace, self.spin = Pace(), Spin(chooser.state, sharing.read)
        self.tasks: list[Task] = []
        self.live: list[Task] = []
        self.events: list[Event] = []
        self.errors: list[tuple[Task, BaseException]] = []
        self.refused: BaseException | None = None
        self.why: Why = ""  # it was given up
        self.left = Left((), (), True)
        self.round = Round()
        self.alone = True  # whether nobody else runs, or may have run unnoticed
        self.current: Task  # whose turn it is

    @property
    def main_frame(self) -> FrameType | None:
        """Where the main thread stands, which is making a step."""
        return sys._getframe(1)

    @property
    def preemptions(self) -> int:
        return sum(event.preempts for event in self.events)

    @property
    def word(self) -> str:
        return "".join([self.tasks[event.task].letter for event in self.events])

    def unfair(self) -> bool:
        """Whether it had no end because somebody who could go on never got a turn."""
        return self.why == "unfair" or (self.why == "endless" and not self.left.fair)

    @property
    def repeats(self) -> str:
        """The part of the word that goes on for ever."""
        return self.word[self.round.cycle :] if self.round.cycle >= 0 else ""

    # ------------------------------------------------------- from begin to end

    def execute(self, program: Callable[[], object]) -> Run:
        """Run the program to its end, or until it is given up."""
        if self.recorder is not None:
            self.recorder.begin(self)
        try:
            self.current = main = self.add(program, None)
            self.place.run = self  # from now on a thread that is no task may find it, too
            if self.time is not None:
                self.time.begin(Task(1, lambda: None, None))
                self.tasks.append(self.time.task)
            self.workers.drive(main.worker, self.pace.progress)
        except BaseException as error:
            self.why = "lost"  # an interrupt, or a step that blocks
            if isinstance(error, Blocked):
                error.where = self.current.letter, self.workers.frame(self.current.worker)
            if self.live:
                self.workers.lose([task.worker for task in self.live], self.current.worker)
            raise
        finally:
            self.place.run = None
        if self.refused is not None:
            raise self.refused
        return self

    def add(self, call: Callable[[], object], twin: Any) -> Task:
        """A task with a worker of its own, not yet running."""
        task = Task(len(self.tasks), call, twin)
        if task.number and self.time is not None:
            task.letter = LETTERS[task.number - 2]
        task.worker = self.workers.worker(lambda: self._body(task))
        self.tasks.append(task)
        self.live.append(task)
        self.alone = task.number == 0
        return task

    def _body(self, task: Task) -> Any:
        """The whole life of a task; gives the worker of whoever is next."""
        task.ident = self.workers.ident()
        try:
            if not self.why:
                task.result = task.call()
                self.spin.unread.leaves(() if task.number else (task.result,))
        except Abort:
            pass
        except BaseException as error:
            self._failed(task, error)
        try:  # with nothing of the standard library that a program may have followed
            self._over(task)
        except Abort:
            pass
        return self._end(task)

    def _over(self, task: Task) -> None:
        """That a task ends is a step where others look whether it is alive."""
        if task.number and not self.why:
            site = task.at._replace(number=-2 - task.number)
            op = Op(site, "end", "{} ends", task.twin, ((self.token(task.twin), None, True),))
            self.make(task, op, True, True)
            if site.number in self.shared:
                self.row(op)

    def _failed(self, task: Task, error: BaseException) -> None:
        if self.why:
            return
        if isinstance(error, Refused):
            self.refused, self.why = error, "refused"
        elif not (isinstance(error, SystemExit) and task.number):
            self.errors.append((task, error))
            self.spin.unread.leaves(error.args if is_plain(error) else (error,))
            if self.recorder is not None:
                self.recorder.raised(task, error)

    def _end(self, task: Task) -> Any:
        task.ended, task.ended_well = True, not self.why
        if task in self.live:  # else it was lost
            self.live.remove(task)
        if not self.live:
            if self.recorder is not None and not self.why:
                self.recorder.settle()
            return None
        if not task.daemon and all(each.daemon for each in self.live):
            self.pace.hurry()
        after = self._next(None) if not self.why else None
        self.current = after if after is not None and not self.why else self.live[0]
        return self.current.worker

    # ---------------------------------------------------------------- choosing

    def visible(self, task: Task, op: Op) -> None:
        """Stop before `op`; come back when it is this task's turn. Only `_end` switches, too."""
        task.pending, op.since = op, len(self.events)
        after = self._next(task)
        if after is not task and not self.why:
            self.current = after
            self.workers.switch(task.worker, after.worker)
            task.interruptible = task.interruptible or op.eager
        if self.why:
            self.current = task
            raise Abort
        task.pending = None

    def _next(self, me: Task | None) -> Task:
        """Whose turn it is: first those that go on without a choice, then whom the chooser says.

        Where a run is given up that is of no interest: somebody, so that all can end.
        """
        can = []
        resting = []
        for task in self.live:
            op = task.pending
            if op is None:
                return task
            if op.ready is None or op.ready():
                if not op.eager:
                    can.append(task)
                elif op is REST:
                    resting.append(task)
                else:
                    return task
        if resting and can and self.pace.turns > SLOW and all(task.daemon for task in resting):
            self.pace.skipped, resting = "a daemon thread's long loop was not waited for", []
        if resting:
            return next((task for task in resting if me and task.number > me.number), resting[0])
        self.pace.steps += 1
        if self.time is not None and self.time.can(self.live, not can):
            can.append(self.time.task)
        if not can and self.spin.stir():
            return self._next(me)
        if not can:
            self.give_up("stuck")
        elif self.pace.steps > self.pace.most_steps:
            self.give_up("endless")
        else:
            last = self.tasks[self.events[-1].task] if self.events else None
            try:
                chosen = self.chooser.choose(self, can, last)
            except Exception as error:  # not the program's, in whose stack this runs
                self.refused, chosen = error, None
            if chosen is not None:
                self.round.could.append(can)
                self._chosen(chosen, last in can and chosen is not last)
                return chosen if chosen.worker is not None else self._passes(me, chosen)
            self.give_up("redundant")
        return me or self.live[0]

    def _passes(self, me: Task | None, task: Task) -> Task:
        """Time passes, by itself; then somebody else goes on."""
        assert self.time is not None
        assert task.pending is not None
        if self.spin.on:
            self.spin.note(task, task.pending, True)
        self.spin.wrote(self.time, "passed", self.time.passed)
        if self.recorder is not None:
            self.recorder.row(task.pending)
        self.time.passes()
        return self._next(me)

    def _chosen(self, task: Task, preempts: bool) -> Task:
        assert task.pending is not None
        task.event = Event(task, task.pending, preempts)
        task.last = len(self.events)
        self.events.append(task.event)
        task.interruptible = False
        return task

    def key(self, can: Sequence[Task]) -> int:
        """The number of its state, where states are told apart."""
        time = self.time and (self.time.passed, self.time.read)
        died = [task for task, _ in self.errors]
        return self.spin.state.key(self.tasks, died, time, can) if self.spin.state else 0

    def give_up(self, why: Why) -> None:
        """End the run here, if it has not ended: its tasks get Abort at their next step.

        Plain reads and writes go on, unrecorded, so that what is in a `finally` can end.
        """
        if self.why:
            return
        if self.recorder is not None:
            self.recorder.settle()
        self.why = why
        stuck = [task for task in self.live if task.pending is not None]
        waiting = [task for task in stuck if task.pending and not task.pending.can()]
        late = {event.task for event in self.events[len(self.events) // 2 :]}
        could = [t for t in stuck if t.pending and not t.pending.eager and t.pending.can()]
        fair = all(t.number in late for t in could) and self.round.is_fair(self.events)
        self.left = Left(tuple(stuck), tuple(waiting), fair)

    def me(self) -> Task | None:
        """The task that calls; None where nothing is to be recorded."""
        return self.current if self.workers.ident() == self.current.ident else None

    # ------------------------------------------------------------------- steps

    def access(
        self,
        site: Site,
        owner: Any,
        key: Any,
        write: bool,
        kind: str,
        also: tuple[Access, ...] = (),
        value: Any = NOTHING,
        adds: bool = False,
    ) -> None:
        """A task is about to read or write `key` of `owner`; `adds`: only to put `value` to it."""
        task = self.current
        if self.why or self.workers.ident() != task.ident:
            return
        if self.recorder is not None:
            self.recorder.unread()
        if self.alone and not self.spin.on:
            return
        accesses = ((self.sharing.token(owner, task), key, write), *also)
        op = Op(site, kind, "", (self.sharing.namespaces.get(id(owner), owner), key), accesses)
        if adds or (write and kind == "write" and key is not None):
            op.puts = value
        if self.alone:
            self.spin.unseen(task, op, write)
            return
        self.make(task, op, write)
        if write or also:  # has it changed anything? NOTHING: yes; a value: if it is another one
            new = kind != "write" or any(w and where != accesses[0][0] for where, _, w in also)
            self.spin.wrote(op.where[0], key, NOTHING if new else value)
        if self.recorder is not None and site.number in self.shared:
            self.recorder.row(op, value)

    def step(
        self,
        twin: Any,
        kind: str,
        what: str,
        ready: Callable[[], bool] | None = None,
        why: Callable[[], str] | str = "",
        also: tuple[Any, ...] = (),
        write: bool = True,
        eager: bool = False,
    ) -> Task:
        """An operation on a primitive; comes back when it can be done, and is to be."""
        task = self.me()
        if task is None or self.why:
            raise Abort
        accesses = tuple([(self.token(each), None, write) for each in (twin, *also)])
        op = Op(task.site, kind, what, twin, accesses, ready, why, eager)
        if eager:
            self.visible(task, op)
            self.spin.went_on(task, op)
        else:
            self.make(task, op, write, True)
        task.op = op
        for each in (twin, *also):
            self.spin.touched(each)
        self.row(op)
        return task

    def make(self, task: Task, op: Op, write: bool, primitive: bool = False) -> None:
        """Come back when `op` is to be done; wait for that only where others may notice it."""
        if not self.alone:
            self.sharing.note(task, op)
        shared = op.site.number in self.shared and not self.alone
        if self.time is not None and self.time.matters_to(op, self.alone):
            shared = True  # for somebody who is alone, too
        task.at = op.site
        if op.site.statement != task.statement:
            task.statement = op.site.statement
            task.statements += 1
            task.interruptible = task.interruptible or self.atomic == "line"
        # A choice is what must wait, and what is shared where a switch is allowed: with "op"
        # always, else at a primitive or where interruptible. All else belongs to the last event.
        if (shared and (primitive or self.atomic == "op" or task.interruptible)) or not op.can():
            self.visible(task, op)
        elif shared and task.event is not None:
            task.event.accesses += op.accesses
        if self.spin.on:
            self.spin.note(task, op, write)

    def only_looked(self) -> None:
        """The step on a primitive that is under way has changed nothing: it only read."""
        task, op = self.current, self.current.op
        assert op is not None
        if self.spin.on:
            self.spin.only_looked(task, op)
        op.accesses = tuple([(where, key, False) for where, key, _ in op.accesses])
        if task.event is not None and task.event.op is op:
            task.event.accesses = op.accesses

    def moved(self, *moves: tuple[Any, int], minds: bool = False) -> None:
        """The step under way has only taken (+1) or given back (-1) something."""
        if self.spin.on:
            given = tuple([(self.token(twin), amount) for twin, amount in moves])
            self.spin.moved(self.current, given, minds)

    def row(self, op: Op, value: Any = NOTHING) -> None:
        if self.recorder is not None:
            self.recorder.row(op, value)

    def saw(self, value: Any) -> Any:
        """What the step under way has read."""
        if self.recorder is not None:
            self.recorder.saw(value)
        return value

    def called(self, value: Any) -> Any:
        """A call into C is over: there CPython looks whether to let another thread go on."""
        self.current.interruptible = True
        if self.recorder is not None and value is not None:
            self.recorder.saw(value)
        return value

    def unread(self) -> None:
        """What is read or given back next belongs to no row."""
        if self.recorder is not None and self.me() is not None:
            self.recorder.unread()

    def token(self, owner: Any) -> int:
        return self.sharing.token(owner, self.current)

    def made(self, value: Any) -> None:
        """The task under way has made `value`."""
        self.sharing.made(value, self.current)

    # -------------------------------------------------------------------- loops

    def tick(self) -> None:
        """A turn of a loop, a handler or a function begins."""
        task = self.me()
        if task is None:
            return
        if self.why:
            raise Abort
        task.interruptible, task.statement = True, -1
        self.turn()
        if self.pace.turns % FAIR == 0 and len(self.live) > 1:
            self.visible(task, REST)

    def turn(self) -> None:
        """One more turn of a loop: not without end."""
        self.pace.turns += 1
        if self.pace.turns > self.pace.most_turns:
            self.give_up("endless")
            raise Abort

    def begins(self, site: Site, frame: FrameType) -> None:
        """A `while` is come to, maybe not for the first time."""
        task = self.me()
        if task is not None:
            self.spin.begins(task, (id(frame), site.number))

    def again(
        self, site: Site, names: dict[str, Any], unread: tuple[str, ...], frame: FrameType
    ) -> None:
        """A turn of a `while`. One that has changed nothing waits until somebody else has."""
        self.tick()
        task = self.me()
        if task is None:
            return
        self.spin.unused[id(frame.f_code)] = frozenset(unread)
        names = {name: value for name, value in names.items() if name not in unread}
        op, compare = self.spin.again(task, site, frame, names, self.live)
        if op is not None:
            self.idles(task, op)
        elif compare:
            self._compare(task, site, frame)

    def idles(self, task: Task, op: Op) -> None:
        """A turn has changed nothing: the next one waits for `op`."""
        self.visible(task, op)

    def _compare(self, task: Task, site: Site, frame: FrameType) -> None:
        """Whether all is as it was before: then the run can go round for ever."""
        now = len(self.events)
        if self.spin.others_see(now):
            return
        ended = tuple([each.number for each in self.tasks if each.ended])

        def at(each: Task) -> FrameType | None:
            return frame if each is task else self.workers.frame(each.worker)

        start = self.spin.came_back(site, now, ended, at)
        if start is None:
            return
        if start == now:  # it goes round by itself, for ever, and nobody can notice
            self.visible(task, self.spin.for_ever(task, site))
            return
        moved = {event.task for event in self.events[start:]}
        could = self.round.could
        for starving in {each for can in could[start:] for each in can if each.number not in moved}:
            last = max(k for k in range(start, now) if starving in could[k])
            self.round.starved.setdefault(last, set()).add(starving.number)
        self.round.cycle = start
        self.give_up("unfair" if self.round.starved else "livelock")
        raise Abort

    # ---------------------------------------------------------- starting, joining

    def started(self, child: Task) -> None:
        """The child runs to its first choice as soon as its parent stops at one."""
        parent = self.current
        child.clock = {**parent.clock, parent.number: parent.epoch}
        self.after(child, parent)
        self.spin.started(child, parent)
        parent.epoch += 1
        child.pending = Op(parent.site, "begin", "begin", None, eager=True)

    def joined(self, task: Task, other: Task) -> None:
        """What `other` did comes before whatever `task` does from now on."""
        clock = dict(task.clock)  # a new one, as what is noted keeps the old
        for number, epoch in {**other.clock, other.number: other.epoch}.items():
            clock[number] = max(epoch, clock.get(number, -1))
        task.clock = clock
        self.after(task, other)
        self.alone = self._is_alone(task)
        if self.alone:
            self.spin.alone(task, self.key(()))

    def _is_alone(self, task: Task) -> bool:
        """Whether all others are over, and it has joined them."""
        if len(self.live) > 1:
            return False
        others = [t for t in self.tasks if t is not task and t.worker is not None]
        return all(task.clock.get(t.number, -1) >= t.epoch for t in others)

    def wakes(self, task: Task, waiter: Task) -> None:
        """What `waiter` does comes after this; unless it might stop waiting by itself."""
        if waiter.pending is not None and waiter.pending.eager:
            self.after(waiter, task)

    def after(self, task: Task, other: Task) -> None:
        task.preds += (*other.preds, *([other.last] if other.last >= 0 else []))
