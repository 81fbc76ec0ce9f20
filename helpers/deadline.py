"""A cell that may block ends, with a picture of who waits where.

`with deadline(5):` is for code that is wrong on purpose, and for yours. How it
knows who waits where is in `wait_graph`.

It is not a time limit for correct programs: it gives the program up, releases
its locks and ends its threads and child processes.
"""

from __future__ import annotations

import asyncio
import ctypes
import dis
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing import active_children
from time import monotonic, process_time
from types import FrameType
from typing import Any, Literal, NoReturn

from .ending import Ender, InOneSentence, end_processes, raise_in, unreported, untraced, wait_graph
from .ending.interrupts import must_not_be_broken, press_again, whole

MORE = 0.3  # seconds between two tries to get out of a block
GRACE = 1.5  # seconds that threads get to end after they were told to
PATIENCE = 2.0  # seconds that an import in the block gets to end, or what is as easily broken


class DeadlinePassed(InOneSentence, TimeoutError):
    """A block took longer than its deadline."""


class TimeIsUp(InOneSentence, BaseException):
    """Raised in a block that has handled DeadlinePassed and goes on; no Exception."""


class deadline:
    """`with deadline(seconds):` around whatever may block.

    When the time has passed, it prints which thread waits where, ends the wait
    in the block, ends the threads and child processes that were started in it,
    and raises DeadlinePassed, a TimeoutError. The kernel lives on. Blocks may
    be nested; an error of your own goes through unchanged.

    A thread inside `time.sleep` or C code cannot be ended; it is named. One call
    that keeps the GIL, as `sum(range(10**10))` does, holds up the deadline itself. On
    Windows the same holds for a wait in `Thread.join`. In a thread other than
    the main one the block ends between two steps of Python code, and an error
    on its way may arrive just after the block. A block that handles every
    BaseException and goes on, as one with a bare `except:` may, never ends.
    """

    def __init__(self, seconds: float) -> None:
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not number or not 0 < seconds <= threading.TIMEOUT_MAX:
            raise ValueError(f"seconds must be a number above 0, not {seconds!r}")
        self.seconds = float(seconds)

    @whole
    def __enter__(self) -> None:
        self._thread, self._task = threading.current_thread(), _task()
        self._main = self._thread is threading.main_thread()
        self._threads, self._children = set(threading.enumerate()), set(active_children())
        self._expired = self._stepped_in = self._shown = self._given_up = False
        self._raised = False  # in the block, at least once
        self._left: list[str] = []
        self._at: tuple[int, int] | None = None  # where it was not interrupted
        self._inside = must_not_be_broken(sys._getframe(1))
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="deadline", daemon=True)
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        self._watcher.start()

    @whole
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> Literal[False]:
        try:
            self._given_up = kind is KeyboardInterrupt
            self._closed.set()
            self._watcher.join()
        finally:
            self._stop_listening()
        if not self._stepped_in:
            return False
        self._show()
        raise self._error(self._left) from None

    def _stop_listening(self) -> None:
        if not self._main:
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, None)  # takes back what is on its way
            return
        if hasattr(signal, "pthread_sigmask"):  # a signal on its way arrives here, not later
            signal.pthread_sigmask(signal.SIG_BLOCK, ())
        signal.signal(signal.SIGINT, self._before)

    # ------------------------------------------------- when the time has passed

    def _watch(self) -> None:
        untraced()
        self._wait_and_step_in()
        if self._stepped_in or self._given_up:
            self._left = self._end_all()

    def _wait_and_step_in(self) -> None:
        if self._ends_in_time():
            return
        self._waits = wait_graph.picture([self._thread, *self._new_threads()])
        self._waits += [w for w in wait_graph.picture(self._forgotten()) if not w.waits]
        self._expired, self._patient_until = True, monotonic() + PATIENCE
        while not self._closed.is_set():
            self._interrupt()
            if not self._closed.wait(MORE):
                self._show()
                self._stepped_in = True
                self._end_all()
                self._closed.wait(MORE)

    def _ends_in_time(self) -> bool:
        """Wait for the end of the block, or until its time has passed."""
        return self._closed.wait(self.seconds)

    def _interrupt(self) -> None:
        """Raise in the block; a wait that a signal cannot end is released."""
        if not self._main:
            if self._must_not_be_broken(wait_graph.frame_of(self._thread)):
                return
            raise_in(self._thread, type(self._next()))
        else:
            press_again()
            if sys.platform != "win32":
                return
        wait_graph.release(self._thread)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """SIGINT is the watcher's once the time has passed; before, the learner's."""
        if not self._expired:
            if callable(self._before):
                self._before(number, frame)
        elif self._task is not None and _task() is not self._task:  # it is at an `await`
            self._stepped_in = True
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        elif frame is None or self._must_not_be_broken(frame):
            return  # the watcher comes again
        elif dis.opname[frame.f_code.co_code[frame.f_lasti]] == "JUMP_BACKWARD":
            self._tracer, frame.f_trace = sys.gettrace(), self._at_next_line
            sys.settrace(self._at_next_line)
        else:
            self._raise()

    def _at_next_line(self, frame: FrameType, *_: Any) -> None:
        """Raise here: in Python 3.12 and 3.13 an error at the end of a loop may miss its `with`."""
        sys.settrace(self._tracer)
        frame.f_trace = None
        if not self._must_not_be_broken(frame):
            self._raise()

    def _must_not_be_broken(self, frame: FrameType | None) -> bool:
        """Whether this is a deadline's own code, or what would stay half done, for a while."""
        if _entering_or_leaving(frame):
            return True
        at = (id(frame), frame.f_lasti) if frame is not None else None
        self._at, before = at, self._at
        if wait_graph.handles_a_lock(frame) and at != before:  # not the same wait as last time
            return True
        patient = not self._inside and monotonic() < self._patient_until
        return patient and must_not_be_broken(frame)

    def _raise(self) -> NoReturn:
        raise self._next()

    def _next(self) -> BaseException:
        """What is raised in the block: DeadlinePassed, and from the second time on no Exception."""
        again, self._raised, self._stepped_in = self._raised, True, True
        return TimeIsUp("the block had not ended in time.") if again else self._error([])

    def _new_threads(self) -> list[threading.Thread]:
        known = {*self._threads, self._watcher}
        found = [t for t in wait_graph.running() if t not in known and not isinstance(t, Ender)]
        return [thread for thread in found if not wait_graph.idle(thread)]

    def _forgotten(self) -> list[threading.Thread]:
        """Threads of an earlier cell; those that compute slow down whatever runs beside them."""
        older = [t for t in wait_graph.running() if t in self._threads and t is not self._thread]
        return [t for t in older if wait_graph.is_learners_thread(t)]

    def _end_all(self) -> list[str]:
        """End what was started inside; the names of what could not be ended."""
        children = [child for child in active_children() if child not in self._children]
        end_processes(children, GRACE)
        with unreported():  # nor is SystemExit, which may come later
            ender = Ender(self._new_threads, SystemExit, given_up=True, grace=GRACE)
            ender.start()
            ender.join(GRACE)
        return [thread.name for thread in self._new_threads()]

    def _show(self) -> None:
        if not self._shown:
            print(f"After {self.seconds:g} s:", *self._waits, sep="\n")
        self._shown = True

    def _error(self, left: Sequence[str]) -> DeadlinePassed:
        sentence = f"the block had not ended after {self.seconds:g} s."
        if left:
            sentence += f" {', '.join(left)} cannot be ended and runs on until its call is over."
        return DeadlinePassed(sentence)


TICK = 0.1  # seconds between two looks at the CPU time of this process
IDLE = 0.02  # of the time: who computes less than that waits for something
LEAST = 1 / 6  # of the time: so much counts at least, as who polls computes a little


class busy_deadline(deadline):
    """`with busy_deadline(seconds):` counts no time in which other programs have the CPU.

    Time in which the block waits counts in full; while it computes, its CPU time counts,
    or a sixth of the time, if that is more. So a busy computer ends no block that an idle
    one would not end.
    """

    def _ends_in_time(self) -> bool:
        left, now, computed = self.seconds, monotonic(), process_time()
        while left > 0:
            if self._closed.wait(min(TICK, left)):
                return True
            before, now = now, monotonic()
            earlier, computed = computed, process_time()
            passed, own = now - before, computed - earlier
            left -= passed if own < IDLE * passed else min(passed, max(own, LEAST * passed))
        return False


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # there is no event loop here
        return None


def _entering_or_leaving(frame: FrameType | None) -> bool:
    """Whether a deadline, this one or an inner one, is just being set up or taken down."""
    doors = (deadline.__enter__.__code__, deadline.__exit__.__code__)
    while frame is not None and frame.f_code not in doors:
        frame = frame.f_back
    return frame is not None
