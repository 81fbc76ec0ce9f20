"""One run of a program under a schedule: real threads, of which one at a time runs.

Each thread of the program is a `Task` on an operating-system thread of its own,
and stops before each step. The thread that stops asks the search who goes on;
where it is the same one, nothing has to switch. Starting a thread and joining
one that has ended are no choices: they happen at once.

Sequential consistency is assumed: a step is seen by all threads as soon as it
is done. What one call into C does, and what code outside of the program's own
does, is one step. (On free-threaded builds that is too much said of an iterator
that threads share: there two of them may be given the same item.)
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from traceback import walk_tb
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol

from ..ending import raise_in
from .hooks import NOTHING, Abort, Home, Hooks, Twin
from .steps import Site

LIMIT = 3_000  # steps on what threads share, in one run
TURNS = 50_000  # turns of loops in one run
SLOW = 5_000  # turns in one run, after which a daemon's loop without a step comes last
LATE = 300  # steps, and turns, of daemon threads once all others have ended
FAIR = 60  # steps in a row that one thread makes before another may be asked
PATIENCE = 10.0  # seconds without any step: something blocks for real
LETTERS = "ABCDEFGHIJKLNOPQRSTUVWXYZ"  # M is main
Noted = tuple[int, Any, bool, int]  # at which site, which part, written or not, in which epoch
Access = tuple[int, Any, bool]  # whose (a token), which part (None: all), written or not


class Op:
    """The next step of a task; `ready` says whether it can be made now."""

    __slots__ = ("accesses", "eager", "kind", "ready", "since", "site", "what", "where", "why")

    def __init__(
        self,
        site: Site,
        kind: str,
        what: str,
        where: Any,
        accesses: tuple[Access, ...] = (),
        ready: Callable[[], bool] | None = None,
        why: Callable[[], str] | str = "",
        eager: bool = False,
    ) -> None:
        self.site, self.kind, self.what, self.where = site, kind, what, where
        self.accesses, self.ready, self.why, self.eager = accesses, ready, why, eager
        self.since = 0  # how many events there were when its task came to stand before it

    def can(self) -> bool:
        return self.ready is None or self.ready()


REST = Op(Site(-1, 0, "", "", 0), "rest", "", None, eager=True)  # of a loop that is long


class Event:
    """A letter of the word: what one task did from one choice to the next."""

    __slots__ = ("accesses", "op", "preds", "task")

    def __init__(self, task: Task, op: Op) -> None:
        self.task, self.op, self.accesses = task.number, op, op.accesses
        self.preds, task.preds = task.preds, ()


class Task:
    """One thread of the program."""

    def __init__(self, number: int, letter: str, call: Callable[[], object], twin: Any) -> None:
        self.number, self.letter, self.call, self.twin = number, letter, call, twin
        self.name = getattr(twin, "target_name", "main")
        self.daemon = False
        self.pending: Op | None = None
        self.ended = self.ended_well = False
        self.error: BaseException | None = None
        self.knows: dict[int, int] = {}  # epochs of other tasks that are over for it
        self.epoch = 0  # grows with each start of a thread
        self.preds: tuple[int, ...] = ()  # events that come before its next one
        self.event: Event | None = None
        self.last = -1  # number of its last event
        self.fresh = True  # may be interrupted before its next access (atomic="cpython", "line")
        self.site = Site(-1, 0, "", "", 0)  # where it calls a primitive
        self.at = self.site  # where it has made its last step
        self.statement, self.statements = -1, 0
        self.writes = self.made = 0
        self.op: Op | None = None  # its last on a primitive
        self.building: list[type] = []  # classes whose calls are under way
        self.turns: dict[int, tuple[int, dict[str, Any], int]] = {}  # of each `while`: the last
        self.reads: list[tuple[int, int]] = []  # what, and how often others had written it
        self.go: threading.Lock = _NO_LOCK
        self.worker: _Worker
        self.ident = 0


class Row(NamedTuple):
    """A step as it is recorded; labels come later."""

    task: Task
    op: Op
    value: list[str]
    event: Event | None
    preempts: bool
    after: dict[str, Any]


class Chooser(Protocol):
    """Who goes next? None: the rest of this run is of no interest."""

    def choose(self, run: Run, can: Sequence[Task], last: Task | None) -> Task | None: ...


_NO_LOCK = threading.Lock()


class Pool:
    """Operating-system threads that serve one run after the other."""

    def __init__(self) -> None:
        self.idle: list[_Worker] = []
        self.all: list[_Worker] = []
        self.cpus: Set[int] = frozenset()  # where the caller may run

    def __enter__(self) -> Pool:
        """On one CPU for as long as it takes: one thread runs at a time, and is woken sooner."""
        if hasattr(os, "sched_getaffinity"):
            self.cpus = os.sched_getaffinity(0)
            self._stay_on({sorted(self.cpus)[os.getpid() % len(self.cpus)]})
        return self

    def _stay_on(self, cpus: Set[int]) -> None:
        """This thread, and those that it starts; where that is forbidden, it is only slower."""
        if cpus:
            with suppress(OSError):
                os.sched_setaffinity(0, cpus)

    def __exit__(self, *_: object) -> None:
        """All go home: an interrupt may have come when one was in nobody's hands."""
        self._stay_on(self.cpus)
        for worker in self.all:
            worker.job = None
            with suppress(RuntimeError):  # it has been let go already
                worker.go.release()
        for worker in self.all:
            if worker.is_alive():
                worker.join(0.0 if worker.lost else 5.0)

    def worker(self) -> _Worker:
        if not self.idle:
            new = _Worker(self)
            self.all.append(new)
            self.idle.append(new)
            new.start()
        return self.idle.pop()


class _Worker(threading.Thread):
    def __init__(self, pool: Pool) -> None:
        super().__init__(name="exploration", daemon=True)
        self.pool, self.go = pool, threading.Lock()
        self.go.acquire()
        self.job: Callable[[_Worker], Callable[[], None]] | None = None
        self.lost = False

    def run(self) -> None:
        while True:
            self.go.acquire()
            if self.job is None:
                return
            hand_over = self.job(self)
            if self.lost:
                return
            self.pool.idle.append(self)
            hand_over()


class Run:
    """One run. `word`, `events` and `rows` are what happened; `verdict` what came of it."""

    def __init__(
        self,
        hooks: Hooks,
        pool: Pool,
        chooser: Chooser,
        hot: frozenset[int],
        atomic: str = "op",
        record: bool = False,
        tokens: Mapping[int, int] = {},
    ) -> None:
        self.hooks, self.pool, self.chooser = hooks, pool, chooser
        self.hot, self.atomic, self.record = hot, atomic, record
        self.tasks: list[Task] = []
        self.live: list[Task] = []
        self.events: list[Event] = []
        self.rows: list[Row] = []
        self.printed: list[str] = []
        self.crowd = Home()  # all threads: the order in which they start
        self.tokens = {**tokens, id(self.crowd): 0}  # by id: the same names in every run
        self.turning: list[Any] = []  # generators that run
        self.shows: dict[int, tuple[Any, ...]] = {}  # by id of a view, an iterator: of what
        self.keep: list[Any] = []  # so that no id is used twice in a run
        self.seen: dict[int, dict[int, dict[Noted, int]]] = {}  # by token and task: how often
        self.cold: set[int] = set()  # what is touched at a site that is not known to be shared
        self.found: set[int] = set()  # sites that touch what another thread touches
        self.named: dict[tuple[int, Any], Any] = {}
        self.errors: list[tuple[Task, BaseException]] = []
        self.refused: BaseException | None = None
        self.why = ""  # it was given up: stuck, endless, redundant, prefix, lost
        self.steps = self.turns = self.preemptions = 0
        self.limits = LIMIT, TURNS
        self.preempts = False
        self.wrote: dict[int, Counter[int]] = {}  # by token: how often by each task
        self.skipped = False  # whether somebody's next step was not waited for
        self.alone = True  # whether nobody else runs, or may have run unnoticed
        self.spins = False  # whether there is a `while` at all
        self.last: Task | None = None  # of the last event
        self.code: CodeType | None = None
        self.globals: dict[str, Any] = {}
        self.frame_names: dict[str, Any] = {}
        self.watched: dict[tuple[int, Any], Any] = {}  # shared places, and primitives
        self.first: dict[tuple[int, Any], Op] = {}  # the first step that touched each
        self.stuck: list[Task] = []  # those that stood before a step when the run was given up
        self.waiting: list[Task] = []  # those of them that could not go on
        self.result: Any = None
        self._done = threading.Lock()
        self._row: Row | None = None
        self._reads: Row | None = None  # the one that what is read next belongs to

    # ------------------------------------------------------- from begin to end

    def execute(self, program: Callable[[], object], code: CodeType) -> Run:
        """Run the program to its end, or until it is given up."""
        self.code, self.globals = code, program.__globals__
        self._done.acquire()
        self.hooks.run = self
        try:
            main = self.add(lambda: setattr(self, "result", program()), None)
            self.current = main
            main.go.release()
            self._wait()
        except BaseException:
            self._lose()
            raise
        finally:
            self.hooks.run = None
        if self.refused is not None:
            raise self.refused
        return self

    def _wait(self) -> None:
        """For the end; not for a step that blocks for real."""
        before = -1
        while not self._done.acquire(timeout=PATIENCE):
            if before == self.steps + self.turns:
                raise RuntimeError(
                    f"line {self.current.site.line}: one step took more than {PATIENCE:g} s; "
                    "a program must not wait for anything outside of it"
                )
            before = self.steps + self.turns

    def _lose(self) -> None:
        """An interrupt, or a step that blocks: have all threads end, each by itself if need be."""
        self.why = "lost"
        if self.live and not self._done.acquire(timeout=2.0):
            for task in self.live:
                task.worker.lost = True
                with suppress(RuntimeError):  # it has been let go already
                    task.go.release()
            raise_in(self.current.worker, Abort)

    def add(self, call: Callable[[], object], twin: Any) -> Task:
        """A task on a thread of the pool, not yet running."""
        number = len(self.tasks)
        letter = LETTERS[number - 1] if number else "M"
        task = Task(number, letter, call, twin)
        task.worker = worker = self.pool.worker()
        task.go, worker.job = worker.go, lambda worker: self._body(task)
        self.tasks.append(task)
        self.live.append(task)
        self.alone = number == 0
        return task

    def _body(self, task: Task) -> Callable[[], None]:
        task.ident = threading.get_ident()
        try:
            if not self.why:
                task.call()
        except Abort:
            pass
        except BaseException as error:
            self._failed(task, error)
        with suppress(Abort):
            self._over(task)
        return lambda: self._end(task)

    def _over(self, task: Task) -> None:
        """That a thread ends is a step where others look whether it is alive."""
        if task.number and not self.why:
            site = task.at._replace(number=-2 - task.number)
            op = Op(site, "end", "{} ends", task.twin, ((self.token(task.twin), None, True),))
            self._make(task, op, True, True)
            if site.number in self.hot:
                self.row(op)

    def _failed(self, task: Task, error: BaseException) -> None:
        from .report import Refused

        if self.why:
            return
        if isinstance(error, Refused):
            self.refused, self.why = error, "refused"
        elif not (isinstance(error, SystemExit) and task.number):
            task.error = error
            self.errors.append((task, error))
            text = f"{type(error).__name__}: {error}".removesuffix(": ")
            self.row(Op(self._site_of(error, task), "raise", f"raise {text}", None))

    def _site_of(self, error: BaseException, task: Task) -> Site:
        """The line of the program that raised it."""
        assert self.code is not None
        name = self.code.co_filename
        steps = [s for s in walk_tb(error.__traceback__) if s[0].f_code.co_filename == name]
        if not steps:
            return task.site
        line = steps[-1][1]
        return Site(-1, line, linecache.getline(name, line).strip(), "", -1)

    def _end(self, task: Task) -> None:
        """Hand over to whoever is next; the last one says that the run is over."""
        task.ended, task.ended_well = True, not self.why
        self.live.remove(task)
        if not self.live:
            self.settle()
            self._done.release()
            return
        if not task.daemon and all(each.daemon for each in self.live):
            self.limits = min(LIMIT, self.steps + LATE), min(TURNS, self.turns + LATE)
        if not self.why:
            after = self._next(None)
        if self.why:
            after = self.live[0]
        self.current = after
        after.go.release()

    # ---------------------------------------------------------------- choosing

    def visible(self, task: Task, op: Op) -> None:
        """Stop before `op`; come back when it is this task's turn."""
        task.pending, op.since = op, len(self.events)
        after = self._next(task)
        if after is not task and not self.why:
            self.current = after
            after.go.release()
            task.go.acquire()
            task.fresh = task.fresh or op.eager
        if self.why:
            self.current = task
            raise Abort
        task.pending = None

    def _next(self, me: Task | None) -> Task:
        """Whose turn it is. First those that go on without a choice."""
        can = []
        resting = []
        for task in self.live:
            op = task.pending
            if op is None:
                return task
            if op.ready is None or op.ready():
                if op is REST:
                    resting.append(task)
                    continue
                if op.eager:
                    return task
                can.append(task)
        if resting and can and self.turns > SLOW and all(task.daemon for task in resting):
            self.skipped, resting = True, []
        if resting:
            return next((task for task in resting if me and task.number > me.number), resting[0])
        self.steps += 1
        if not can:
            self.give_up("stuck")
        elif self.steps > self.limits[0]:
            self.give_up("endless")
        else:
            try:
                chosen = self.chooser.choose(self, can, self.last)
            except (ValueError, RuntimeError) as error:
                self.refused, chosen = error, None
            if chosen is not None:
                return self._chosen(chosen, can)
            self.give_up("redundant")
        return me or self.live[0]

    def _chosen(self, task: Task, can: Sequence[Task]) -> Task:
        assert task.pending is not None
        event = task.event = Event(task, task.pending)
        task.last = len(self.events)
        self.events.append(event)
        task.fresh = False
        self.preempts = self.last is not task and self.last in can
        self.preemptions += self.preempts
        self.last = task
        return task

    def give_up(self, why: str) -> None:
        if not self.why:
            self.settle()
            self.why = why
            self.stuck = [task for task in self.live if task.pending is not None]
            self.waiting = [t for t in self.stuck if t.pending and not t.pending.can()]

    def unfair(self) -> bool:
        """Whether it had no end because somebody who could go on never got a turn."""
        late = {event.task for event in self.events[LIMIT // 2 :]}
        could = [t for t in self.stuck if t.pending and not t.pending.eager and t.pending.can()]
        return self.why == "endless" and any(task.number not in late for task in could)

    def me(self) -> Task | None:
        """The task that calls; None where nothing is to be recorded."""
        return self.current if threading.get_ident() == self.current.ident else None

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
    ) -> None:
        """A thread is about to read or write `key` of `owner`."""
        task = self.current
        if self.why or threading.get_ident() != task.ident:
            return
        self._reads = None
        if self.alone:
            return
        accesses = ((self.token(owner), key, write), *also)
        op = Op(site, kind, "", (owner, key), accesses)
        self._make(task, op, write)
        if self.record and site.number in self.hot:
            self.row(op, value)
            if kind == "write":
                self.named[id(owner), key] = value

    def step(
        self,
        twin: Twin,
        kind: str,
        what: str,
        ready: Callable[[], bool] | None = None,
        why: Callable[[], str] | str = "",
        also: tuple[Twin | Home, ...] = (),
        write: bool = True,
        eager: bool = False,
    ) -> Task:
        """An operation on a primitive; comes back when it can be done, and is to be."""
        task = self.me()
        if task is None or self.why:
            raise Abort
        accesses = tuple((self.token(each), None, write) for each in (twin, *also))
        op = Op(task.site, kind, what, twin, accesses, ready, why, eager)
        if eager:
            self.visible(task, op)
        else:
            self._make(task, op, write, True)
        task.op = op
        self.row(op)
        return task

    def _is_alone(self, task: Task) -> bool:
        """Whether all others are over, and it has joined them."""
        if len(self.live) > 1:
            return False
        return all(t is task or task.knows.get(t.number, -1) >= t.epoch for t in self.tasks)

    def _make(self, task: Task, op: Op, write: bool, primitive: bool = False) -> None:
        self._note(task, op)
        hot = op.site.number in self.hot and not self.alone
        task.at = op.site
        if op.site.statement != task.statement:
            task.statement = op.site.statement
            task.statements += 1
            task.fresh = task.fresh or self.atomic == "line"
        if (hot and (primitive or self.atomic == "op" or task.fresh)) or not op.can():
            self.visible(task, op)
        elif hot and task.event is not None:
            task.event.accesses += op.accesses
        task.writes += write
        for where, _, wrote in op.accesses if self.spins else ():
            if task.turns:
                task.reads.append((where, self._writes(where, task)))
            if wrote:
                self.wrote.setdefault(where, Counter())[task.number] += 1

    def only_looked(self) -> None:
        """The step on a primitive that is under way has changed nothing: it only read."""
        task, op = self.current, self.current.op
        assert op is not None
        task.writes -= 1
        if task.event is not None and task.event.op is op:
            task.event.accesses = tuple((where, key, False) for where, key, _ in op.accesses)
        for where, key, _ in op.accesses:
            if self.spins:
                self.wrote[where][task.number] -= 1
            noted, site = self.seen[where][task.number], op.site.number
            noted[site, key, True, task.epoch] -= 1
            noted[site, key, False, task.epoch] = noted.get((site, key, False, task.epoch), 0) + 1

    def _note(self, task: Task, op: Op) -> None:
        """Find sites that touch what another thread may be touching at the time."""
        number, site = task.number, op.site.number
        for where, key, write in op.accesses:
            everybodys = self.seen.get(where)
            if everybodys is None:
                everybodys = self.seen[where] = {}
            mine = everybodys.get(number)
            if mine is None:
                mine = everybodys[number] = {}
            if site not in self.hot:
                self.cold.add(where)
            what = site, key, write, task.epoch
            if what in mine:
                mine[what] += 1
            else:
                mine[what] = 1
                if where in self.cold and len(everybodys) > 1:  # else all are known already
                    self._compare(task, what, everybodys)

    def _compare(self, task: Task, what: Noted, everybodys: dict[int, dict[Noted, int]]) -> None:
        site, key, write, _ = what
        for other, theirs in everybodys.items():
            over = task.knows.get(other, -1) if other != task.number else task.epoch
            for (there, its, wrote, then), times in theirs.items():
                meets = key is None or its is None or key == its
                if then > over and times and meets and (write or wrote):
                    self.found.update((site, there))

    def token(self, owner: Any) -> int:
        """What `owner` is called; below 0 where it may be called otherwise in another run."""
        token = self.tokens.get(id(owner))
        if token is None:
            building = self.current.building
            new = bool(building) and isinstance(owner, building[-1])
            token = self.made(owner) if new else self._named(owner, -id(owner))
        return token

    def made(self, value: Any) -> int:
        """The task under way has made `value`: the same one in every run where it gets there."""
        token = self.tokens.get(id(value))
        if token is None:
            self.current.made += 1
            token = self._named(value, self.current.number * 10**6 + self.current.made)
        return token

    def _named(self, value: Any, token: int) -> int:
        self.keep.append(value)
        self.tokens[id(value)] = token
        return token

    def called(self, value: Any) -> Any:
        """A call into C is over: there CPython looks whether to let another thread go on."""
        self.current.fresh = True
        return self.saw(value) if self.record and value is not None else value

    def unread(self) -> None:
        """What is read or given back next belongs to no row."""
        if self._reads is not None and self.me() is not None:
            self._reads = None

    def saw(self, value: Any) -> Any:
        """What the step under way has read, or has given back."""
        row, self._reads = self._reads, None
        if row is not None and row.task is self.current and not row.value:
            row.value.append(self.text(value))
            if row.op.kind == "read":
                self.named[id(row.op.where[0]), row.op.where[1]] = value
        return value

    # -------------------------------------------------------------------- loops

    def tick(self) -> None:
        """A turn of a loop, a handler or a function begins."""
        task = self.me()
        if task is None:
            return
        if self.why:
            raise Abort
        task.fresh, task.statement = True, -1
        self.turn()
        if self.turns % FAIR == 0 and len(self.live) > 1:
            self.visible(task, REST)

    def turn(self) -> None:
        """One more turn of a loop: not without end."""
        self.turns += 1
        if self.turns > self.limits[1]:
            self.give_up("endless")
            raise Abort

    def again(self, site: Site, names: dict[str, Any]) -> None:
        """A turn of a `while`. One that has changed nothing waits until somebody else has."""
        self.tick()
        task = self.me()
        if task is None:
            return
        self.spins = True
        writes, then, start = task.turns.get(site.number, (-1, {}, 0))
        if writes == task.writes and _same(then, names):
            looked = set(task.reads[start:])

            def changed() -> bool:
                return any(self._writes(where, task) != n for where, n in looked)

            if looked:
                op = Op(site, "spin", f"spin while {site.text}", None, (), changed, "spins", True)
                self.visible(task, op)
        task.turns[site.number] = (task.writes, dict(names), len(task.reads))

    def _writes(self, where: int, me: Task) -> int:
        """How often other threads have written it, so far."""
        return sum(n for number, n in self.wrote.get(where, {}).items() if number != me.number)

    # ---------------------------------------------------------- starting, joining

    def started(self, child: Task) -> None:
        """The child runs to its first choice as soon as its parent stops at one."""
        parent = self.current
        child.knows = {**parent.knows, parent.number: parent.epoch}
        self.after(child, parent)
        parent.epoch += 1
        child.pending = Op(parent.site, "begin", "begin", None, eager=True)

    def joined(self, task: Task, other: Task) -> None:
        """What `other` did comes before whatever `task` does from now on."""
        for number, epoch in {**other.knows, other.number: other.epoch}.items():
            task.knows[number] = max(epoch, task.knows.get(number, -1))
        self.after(task, other)
        self.alone = self._is_alone(task)

    def wakes(self, task: Task, waiter: Task) -> None:
        """What `waiter` does comes after this; unless it might stop waiting by itself."""
        if waiter.pending is not None and waiter.pending.eager:
            self.after(waiter, task)

    def after(self, task: Task, other: Task) -> None:
        task.preds += (*other.preds, *([other.last] if other.last >= 0 else []))

    # ----------------------------------------------------------------- recording

    def at(self, site: Site, method: Callable[..., Any]) -> Callable[..., Any]:
        """`method` of a twin, called from `site`."""

        def called(*args: Any, **kwargs: Any) -> Any:
            self.current.site = site
            return method(*args, **kwargs)

        return called

    def row(self, op: Op, value: Any = NOTHING) -> None:
        if not self.record or self.why:
            return
        self.settle()
        task = self.current
        if task.number == 0:
            self._look_at_main()
        event = task.event if task.event is not None and task.event.op is op else None
        texts = [] if value is NOTHING or op.kind == "call" else [self.text(value)]
        self._watch(op)
        self._row = Row(task, op, texts, event, bool(event and self.preempts), {})
        self.rows.append(self._row)
        self._reads = self._row

    def _watch(self, op: Op) -> None:
        """Show from now on what this step touches, if others touch it too."""
        if op.site.number not in self.hot or op.where is None or hasattr(op.where, "task"):
            return  # of a thread there is nothing to show
        if isinstance(op.where, tuple):
            owner, key = op.where
            key = None if isinstance(key, tuple) else key
            self.watched.setdefault((id(owner), key), (owner, key))
        else:
            owner, key = getattr(op.where, "lock", op.where), None  # a condition's is what is held
            self.watched.setdefault((id(owner), None), owner)
        self.first.setdefault((id(owner), key), op)

    def labels(self, names: Mapping[int, str]) -> dict[tuple[int, Any], str]:
        """How each watched place is called."""
        from .trace import place_label

        return {place: place_label(self, place, names) for place in self.watched}

    def _look_at_main(self) -> None:
        """The names that the program, and what it has called, have given to things."""
        frame: FrameType | None = sys._getframe(2)
        inner: dict[str, Any] = {}
        while frame is not None and frame.f_code is not self.code:
            if frame.f_globals is self.globals:
                inner = {**inner, **frame.f_locals}
            frame = frame.f_back
        if frame is not None:
            self.frame_names = {**self.frame_names, **inner, **frame.f_locals}

    def settle(self) -> None:
        """The last step is over: note what holds now."""
        if not self.record or self._row is None or self.why:
            return
        from .trace import snapshot

        self._row.after.update(snapshot(self))
        self._row = None

    def text(self, value: Any) -> str:
        from .trace import shown

        return shown(value, {})


def _same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the local names mean what they meant."""
    if before.keys() != now.keys():
        return False
    plain = (int, str, float, bool, type(None))
    return all(
        now[name] is value or (type(value) in plain and now[name] == value)
        for name, value in before.items()
    )
