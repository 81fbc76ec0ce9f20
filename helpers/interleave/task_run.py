"""One run of an async program under a schedule: the explorer is the event loop.

A step is what a task does from one `await` to the next. Which task goes on, of
those that could, is the choice; asyncio itself takes them in the order in which
they became ready, and promises nothing about it, as whatever is awaited may take
any time. So the first schedule is asyncio's own, and whoever goes on out of turn
counts as a preemption does among threads.

asyncio's own futures, tasks, locks and queues do their work; they only say what
they touch (`awaited`). Callbacks inside of asyncio belong to the step that caused
them. Time passes by the earliest timer, when nobody else can go on, or before.
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
import linecache
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from functools import partial
from types import FrameType
from typing import Any

from .pace import CLOCK, Time
from .run import REST, Run
from .step import LETTERS, NOWHERE, Abort, Access, Event, Op, Refused, Site, Task
from .things import Twin, refuse

DONE = ": done"
EARLY = 8  # times, in one run, that time passes while others can go on
STEPS = ("TaskStepMethWrapper", "task_wakeup", "__step", "__wakeup", "TaskWakeupMethWrapper")
INSIDE = ("asyncio", "_asyncio")


class TaskRun(Run):
    """A run whose tasks are asyncio's, all of them in one thread."""

    fifo = True

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.loop = Loop(self)  # type: ignore[abstract]  # not at run time
        if self.time is not None:
            self.time = OfTimers(self.loop)
        self.real: dict[int, asyncio.Task[Any]] = {}  # by number of a task
        self.numbers: dict[int, int] = {}  # by id of asyncio's task
        self.handles: dict[int, asyncio.Handle] = {}  # of those that are ready; the first is first
        self.begun: dict[int, Op] = {}  # what each task has begun to wait for
        self.spins: dict[int, Op] = {}  # whose last turn of a loop has changed nothing
        self.resumed: set[int] = set()  # who has had a turn
        self.early = 0
        self.looking = False  # whether what is touched is only looked at
        self.coroutines: list[tuple[Site, Any]] = []  # that were made, and where

    # ------------------------------------------------------- from begin to end

    def add(self, call: Callable[[], object], twin: Any) -> Task:
        if self.tasks:
            raise Refused(
                f"line {self.current.site.line}: a thread is started in an async program: explore "
                "threads and tasks each by themselves"
            )
        return super().add(lambda: self._whole(call), twin)

    def _whole(self, program: Callable[[], Any]) -> Any:
        """What `asyncio.run` does: the main task, then the others are cancelled and awaited."""
        asyncio._set_running_loop(self.loop)
        try:
            main = self.loop.create_task(program())
            self._until(main.done)
            others = [task for task in self.real.values() if not task.done()]
            self.current = self.tasks[0]
            for task in others:
                task.cancel()
            self._until(lambda: all(task.done() for task in others))
            self._never_retrieved()
            self._never_awaited()
            main._log_traceback = False
            return main.result()
        finally:
            self.current = self.tasks[0]
            self._throw_away()
            asyncio._set_running_loop(None)

    def _never_retrieved(self) -> None:
        """An exception that nobody has awaited is only logged, when it is too late."""
        for number, task in self.real.items():
            if number and task.done() and task._log_traceback:
                task._log_traceback = False
                error = task.exception()
                assert error is not None
                self.errors.append((self.tasks[number], error))

    def _never_awaited(self) -> None:
        """A coroutine that nobody awaits does nothing, and Python only warns of it."""
        for site, coroutine in self.coroutines:
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                name = coroutine.__name__
                what = (
                    f"line {site.line}: the coroutine {name}() is never awaited, so it never runs"
                )
                self.place.notes.setdefault(what)
                coroutine.close()

    def _throw_away(self) -> None:
        """What a run that was given up has left; its `finally` blocks run, unrecorded."""
        for task in self.real.values():
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(AttributeError):
                task._log_traceback = False
            if not task.done():
                with suppress(BaseException):
                    task.get_coro().close()
        for number, task in self.real.items():
            if number and not task.done() and self.tasks[number] in self.live:
                self.live.remove(self.tasks[number])
        self.live[:] = [task for task in self.live if task.number == 0]

    def new(self, real: asyncio.Task[Any]) -> int:
        """asyncio has made a task, which is about to get its first turn."""
        self.made(real)
        if not self.real:
            task = self.tasks[0]
        else:
            place = len(self.tasks) - (self.time is not None)
            if place > len(LETTERS):
                raise Refused(f"line {self.current.site.line}: more than {len(LETTERS)} tasks")
            task = Task(len(self.tasks), lambda: None, real)
            task.letter = LETTERS[place - 1]
            task.ident = self.tasks[0].ident
            self.tasks.append(task)
            self.live.append(task)
            self.alone = False
            self.started(task)
            task.twin = real
        real.task = task  # type: ignore[attr-defined]
        self.real[task.number] = real
        self.numbers[id(real)] = task.number
        self.begun[task.number] = Op(_first_line(real), "start", "starts", None)
        self._stands(task)
        return task.number

    @property
    def main_frame(self) -> FrameType | None:
        """Where the main task stands, or runs."""
        coroutine: Any = self.real[0].get_coro()
        frame: FrameType | None = coroutine.cr_frame
        return frame

    def of(self, real: asyncio.Task[Any]) -> Task:
        return self.tasks[self.numbers[id(real)]]

    # ---------------------------------------------------------------- choosing

    def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.loop.settle()
            if not done():
                self._turn()

    def _turn(self) -> None:
        """Let somebody go on."""
        self.pace.steps += 1
        can = [self.tasks[number] for number in self.handles]
        can = [task for task in can if task.pending is not None and task.pending.can()]
        timers = self.loop.has_timers()
        if timers and self.time is None:
            self.pace.wants_time = True
            if not can:
                self.loop.fire()
                return
        elif timers and self.time is not None and self._may_pass(can):
            can.append(self.time.task)
        if not can and self.spin.stir():
            return
        if not can:
            self.give_up("stuck")
        elif self.pace.steps > self.pace.most_steps:
            self.give_up("endless")
        elif len(self.live) == 1 and len(can) == 1 and not timers:
            self._step(can[0])
        else:
            self._choose(can)
        if self.why:
            raise Abort

    def _may_pass(self, can: list[Task]) -> bool:
        if can and self.early >= EARLY:
            self.pace.skipped = f"time was let pass {EARLY} times at most while others could go on"
        return not can or self.early < EARLY

    def _choose(self, can: list[Task]) -> None:
        last = self.tasks[self.events[-1].task] if self.events else None
        try:
            chosen = self.chooser.choose(self, can, last)
        except Exception as error:  # not the program's, in whose stack this runs
            self.refused, chosen = error, None
        if chosen is None:
            self.give_up("redundant")
            return
        self.round.could.append(can)
        self._chosen(chosen, chosen is not can[0])
        if self.time is not None and chosen is self.time.task:
            self.early += len(can) > 1
            self._pass_time()
        else:
            self._step(chosen)

    def _pass_time(self) -> None:
        assert self.time is not None
        task = self.time.task
        task.ident, self.current = self.tasks[0].ident, task
        assert task.pending is not None
        self.row(task.pending)
        self.loop.fire()
        self.loop.settle()
        self.time.passes()

    def _step(self, task: Task) -> None:
        """From one await to the next."""
        handle = self.handles.pop(task.number)
        op, self.current = task.pending, task
        assert op is not None
        task.pending, task.site = None, op.site
        self.spins.pop(task.number, None)
        op.what = f"{op.what.removesuffix(DONE)}{self._how(task, handle)}"
        self.row(op)
        handle._run()
        self.loop.settle()
        self.loop.check()
        if self.why:
            raise Abort
        real = self.real[task.number]
        if real.done():
            self._ended(task, real)
        else:
            self._stands(task)

    def _how(self, task: Task, handle: asyncio.Handle) -> str:
        """How what it has awaited came to its end."""
        if task.number not in self.resumed:
            self.resumed.add(task.number)
            return ""
        real: Any = self.real[task.number]
        future: Any = next(iter(handle._args or ()), None)
        if real._must_cancel or (future is not None and future.cancelled()):
            return ": cancelled"
        error = future.exception() if future is not None else None
        return f": raises {type(error).__name__}" if error is not None else DONE

    def _stands(self, task: Task) -> None:
        """A task waits: until asyncio has a handle for it."""
        number, begun = task.number, self.begun[task.number]
        spin = self.spins.get(number)
        accesses = ((self.token(self.real[number]), "step", True), *begun.accesses)

        def ready() -> bool:
            return number in self.handles and (spin is None or spin.can())

        kind, why = (begun.kind, begun.why) if spin is None else ("spin", "spins")
        task.pending = Op(begun.site, kind, begun.what, begun.where, accesses, ready, why)
        task.pending.since = len(self.events)

    def _ended(self, task: Task, real: asyncio.Task[Any]) -> None:
        self.touch(real, "end")
        task.ended = task.ended_well = True
        error = None if real.cancelled() else real._exception
        if isinstance(error, Refused):
            self.refused, self.why = error, "refused"
            raise Abort
        if task.number:
            self.live.remove(task)
            if error is not None and self.recorder is not None:
                self.recorder.raised(task, error)

    # ------------------------------------------------------------------- steps

    def visible(self, task: Task, op: Op) -> None:
        """Nobody gets in between two awaits; what would have to wait here holds up all."""
        if op is REST:
            return
        if not op.can():
            task.pending = op
            self.give_up("stuck")
            raise Abort
        if task.event is not None:
            task.event.accesses += op.accesses

    def idles(self, task: Task, op: Op) -> None:
        """Its next await waits; without one, each turn of the loop is as the last."""
        before = self.spins.get(task.number)
        if before is not None and before.site == op.site and self.time is None:
            self._holds_up(task, op.site)
            task.pending = op
            self.give_up("stuck")
            raise Abort
        self.spins[task.number] = op

    def turn(self) -> None:
        if self.pace.turns >= self.pace.most_turns:
            self._holds_up(self.current, self.current.at)
        super().turn()

    def _holds_up(self, task: Task, site: Site) -> None:
        self.pace.skipped = "what comes in a step after a loop without an end is not known"
        who = task.twin.target_name if task.number else "main"
        self.place.notes.setdefault(
            f"line {site.line}: {who} goes round in a loop without an await, so no other task "
            "has a turn"
        )

    def unfair(self) -> bool:
        """Nobody could give others a turn in a step that does not end."""
        return super().unfair() and self.pace.turns <= self.pace.most_turns

    def _compare(self, task: Task, site: Site, frame: FrameType) -> None:
        """Nothing: where all tasks stand is not known, as they have one thread."""

    def touch(self, thing: Any, key: Any = None, write: bool = True) -> None:
        """Something of asyncio's is looked at, or changed, by the step under way."""
        if self.why or self.workers.ident() != self.current.ident:
            return
        write = write and not self.looking
        self.touches(self.token(thing), key, write)
        if write and self.spin.on:
            self.spin.wrote(thing, key, object())

    def touches(self, token: int, key: Any, write: bool) -> None:
        event: Event | None = self.current.event
        access = (token, key, write)
        if event is not None and access not in event.accesses:
            event.accesses += (access,)

    def waits(
        self, site: Site, what: str, where: Any = None, why: Any = "", kind: str = "wake"
    ) -> None:
        """The task that runs is about to await something."""
        if self.why or self.me() is None:
            return
        accesses: tuple[Access, ...] = (
            (self.token(where), "end" if kind == "join" else None, kind != "join"),
        )
        accesses = accesses if where is not None else ()
        why = why or f"{site.text} has not returned"
        self.begun[self.current.number] = Op(
            site, kind, f"{what}{DONE}", where, accesses, None, why
        )

    def does(self, site: Site, kind: str, what: str, where: Any, *more: Any) -> None:
        """One of asyncio's things is used, in one step. `more`: which part, written or not."""
        task = self.me()
        if task is None or self.why:
            raise Abort
        task.site = site
        key, write = more or (None, True)
        op = Op(site, kind, what, where, ((self.token(where), key, write),))
        self.make(task, op, write, True)
        self.row(op)

    def over(self, *others: asyncio.Future[Any]) -> None:
        """The task that runs has awaited the end of `others`."""
        me = self.me()
        for other in others:
            if me is not None and id(other) in self.numbers and other.done():
                self.joined(me, self.of(other))  # type: ignore[arg-type]

    def _is_alone(self, task: Task) -> bool:
        others = (self.tasks[number] for number in self.real if number != task.number)
        return all(t.ended and task.clock.get(t.number, -1) >= t.epoch for t in others)


class OfTimers(Time):
    """Time passes by one timer after the other."""

    def __init__(self, loop: Loop) -> None:
        super().__init__({})
        self.loop = loop

    def matters_to(self, op: Op, alone: bool) -> bool:
        return False


class Loop(Twin, asyncio.AbstractEventLoop):
    """The event loop of one run: it decides nothing, it keeps what is ready."""

    future: Any = asyncio.Future  # what it makes
    task: Any = asyncio.Task

    def __init__(self, run: TaskRun) -> None:
        self.run = run
        self.soon: deque[asyncio.Handle] = deque()  # callbacks inside of asyncio
        self.timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.made, self.now = 0, 0.0  # timers; seconds since the run began
        self.error: BaseException | None = None  # that a callback has raised

    # --------------------------------------------------------- what asyncio asks

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        owner = getattr(callback, "__self__", None)
        name = getattr(callback, "__name__", type(callback).__name__)
        if isinstance(owner, asyncio.Task) and name in STEPS:
            run = self.run
            number = run.numbers[id(owner)] if id(owner) in run.numbers else run.new(owner)
            run.handles[number] = handle
        elif _is_inside(callback):
            self.soon.append(handle)
        else:
            self.create_task(_called(handle))
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + max(delay, 0), callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        self.run.touches(CLOCK, None, True)
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self.made += 1
        heapq.heappush(self.timers, (when, self.made, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.run.touches(CLOCK, None, True)

    def time(self) -> float:
        self.run.touches(CLOCK, None, False)
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        made: asyncio.Future[Any] = self.future(loop=self)
        self.run.made(made)
        return made

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Any = None,
        **_: Any,
    ) -> asyncio.Task[Any]:
        name = name or f"Task-{len(self.run.real) + 1}"
        made: asyncio.Task[Any] = self.task(coro, loop=self, name=name, context=context)
        return made

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.error = self.error or context.get("exception")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    # -------------------------------------------------------- what the run asks

    def settle(self) -> None:
        """Callbacks inside of asyncio belong to the step that caused them."""
        while self.soon:
            handle = self.soon.popleft()
            if not handle.cancelled():
                handle._run()

    def check(self) -> None:
        """Raise what a callback has raised; asyncio would log it."""
        error, self.error = self.error, None
        if isinstance(error, Refused):
            self.run.refused, self.run.why = error, "refused"
        elif error is not None and not isinstance(error, Abort):
            self.run.errors.append((self.run.current, error))

    def has_timers(self) -> bool:
        while self.timers and self.timers[0][2].cancelled():
            heapq.heappop(self.timers)
        return bool(self.timers)

    def fire(self) -> None:
        """Time passes, until the earliest timer is due."""
        when, _, timer = heapq.heappop(self.timers)
        self.now = max(self.now, when)
        self.run.touches(CLOCK, None, True)
        timer._run()


def _first_line(real: asyncio.Task[Any]) -> Site:
    """Where the coroutine of a task begins."""
    code = getattr(real.get_coro(), "cr_code", None)
    if code is None:
        return NOWHERE
    text = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    return Site(-1, code.co_firstlineno, text, text, -1)


def _refused(name: str) -> Callable[..., Any]:
    def called(self: Loop, *_: Any, **__: Any) -> Any:
        refuse(
            f"line {self.run.current.site.line}: loop.{name} cannot be followed here: it needs "
            "what is outside of the program"
        )

    return called


for _name in {*vars(asyncio.AbstractEventLoop)} - {*vars(Loop)}:
    if not _name.startswith("__"):
        setattr(Loop, _name, _refused(_name))


async def _called(handle: asyncio.Handle) -> None:
    """A callback of the program's, as a task: others may go on before it."""
    if not handle.cancelled():
        handle._run()


def _is_inside(callback: Any) -> bool:
    """Whether it is asyncio's own: what a future calls when it is done."""
    while isinstance(callback, partial):
        callback = callback.func
    callback = inspect.unwrap(callback)
    owner = getattr(callback, "__self__", None)
    module = getattr(callback, "__module__", None) or type(owner).__module__
    inside = isinstance(owner, asyncio.Future) or module.split(".")[0] in INSIDE
    return inside or module.startswith(__package__)
