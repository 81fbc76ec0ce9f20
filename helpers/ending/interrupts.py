"""An interrupt that comes where it would break something arrives when that is over.

An interrupt is an exception, between any two steps of the main thread. Within an
import it leaves a module half made; within what ends a block, a lock that stays
closed, a hook that stays replaced, a process that nobody knows of. So in a
notebook it waits for the end of these, a few seconds at most. Pressing Stop once
more meanwhile changes nothing: both presses want the same, and one is enough.

Where a cell awaits, ipykernel cancels it, but only when its event loop looks up: a
message may wake it, or nothing; and no task that computes is held. So we wake it,
and cancel at once what computes.

Before and after the code of a cell ipykernel itself is at work. An interrupt there would cost
the answer to the cell, and in ipykernel's first or last step the whole kernel, which then answers
nothing more. So it waits for the code of the cell, and where that is over, it comes too late.

An interrupt ends the main thread of the cell, and may come before a thread has started that
another one waits for. So what the cell has started is ended after it, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Thread
from time import monotonic, sleep
from types import CodeType, FrameType
from typing import Any, TypeVar
from weakref import WeakSet

PATIENCE = 3.0  # seconds
BY_ITSELF = 0.5  # seconds in which a thread may end, and is not told
LOOK = 0.001  # seconds between two looks at whether it is over
IN_HANDS = 0.05  # seconds in which who has just got a lock may come to hold it

F = TypeVar("F", bound=Callable[..., Any])
_block = contextlib._GeneratorContextManager  # what sets something up, and puts it back
_whole: set[CodeType] = {_block.__enter__.__code__, _block.__exit__.__code__}
CALLBACKS = ("weakref.py", "_weakrefset.py")  # an exception there is printed, and lost


def whole(function: F) -> F:
    """For what starts something or puts it back: an interrupt in there arrives after it."""
    _whole.add(function.__code__)
    return function


def must_not_be_broken(frame: FrameType | None) -> bool:
    """Whether it is, or was called from, an import, a finalizer, or what is `whole`.

    Generators that are context managers are: what they do before and after a block. What a
    forked process does is not, though whoever started it is on its stack.
    """
    from . import wait_graph

    while frame is not None:
        code = frame.f_code
        if code.co_name == "_bootstrap":
            return False
        if code in _whole or code.co_name == "__del__" or code.co_filename.endswith(CALLBACKS):
            return True
        if code.co_filename.startswith(wait_graph.IMPORTS):
            return True
        frame = frame.f_back
    return False


def spare() -> None:
    """From now on an interrupt of a cell waits a while for the end of what it must not break.

    NumPy and matplotlib, say, cannot be imported again once that was broken off.
    """
    from IPython import get_ipython

    if (shell := get_ipython()) is not None:  # type: ignore[no-untyped-call, unused-ignore]
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from multiprocessing.process import BaseProcess
        from multiprocessing.util import Finalize
        from subprocess import Popen
        from tempfile import TemporaryDirectory

        from . import pools
        from . import wait_graph as wait_graph  # nothing is imported while one is handled

        pools.complete()
        whole(ProcessPoolExecutor.submit)
        whole(ThreadPoolExecutor.submit)
        whole(BaseProcess.start)
        whole(Finalize.__call__)
        whole(Popen.__init__)
        whole(TemporaryDirectory.__init__)
        whole(TemporaryDirectory.cleanup)
        shell.events.register("pre_run_cell", _listen)
        shell.events.register("pre_run_cell", _complete_main)
        shell.events.register("pre_run_cell", _remember)
        shell.events.register("post_run_cell", _forget)
        shell.events.register("post_run_cell", lambda result: _end_threads(result.error_in_exec))
        shell.showtraceback = _after_the_threads(shell.showtraceback)
        if (kernel := getattr(shell, "kernel", None)) is not None:
            _around_each_message(kernel)
        _listen()


def _complete_main(*_: object) -> None:
    """`%reset` takes along what a process that is spawned asks of `__main__`."""
    vars(sys.modules["__main__"]).setdefault("__spec__", None)


_late: _Late | None = None
_arrive: Callable[[int, FrameType | None], Any]  # what an interrupt does in this cell


def _listen(*_: object) -> None:
    """The kernel sets Python's own handler before each cell, or its own; others' are left alone."""
    global _arrive
    if threading.current_thread() is threading.main_thread():
        handler: Any = signal.getsignal(signal.SIGINT)
        if handler is signal.default_int_handler:
            _arrive = handler
        elif getattr(handler, "__module__", "").startswith("ipykernel"):
            _arrive = partial(_cancel, handler)
        else:
            return
        signal.signal(signal.SIGINT, _interrupted)


_handling: CodeType | None = None  # of a message, by ipykernel
_asked: set[CodeType] = set()  # what runs the code of a cell or of a widget, or completes one


def _around_each_message(kernel: Any) -> None:
    """As ipykernel sets Python's own handler before a message, and what was there after it."""
    from comm.base_comm import CommManager
    from IPython.core.interactiveshell import InteractiveShell

    asked = (InteractiveShell.run_code, CommManager.comm_msg, kernel.do_complete, kernel.do_inspect)
    _asked.update(function.__code__ for function in asked)
    global _handling
    _handling = kernel.dispatch_shell.__code__
    restore = kernel.post_handler_hook

    def begin() -> None:
        global _arrive
        _arrive = signal.default_int_handler
        kernel.saved_sigint_handler = signal.signal(signal.SIGINT, _interrupted)

    def end() -> None:
        restore()
        _forget()

    kernel.pre_handler_hook, kernel.post_handler_hook = begin, end


def _cancel(handler: Callable[..., object], number: int, frame: FrameType | None) -> None:
    """An interrupt of a cell that awaits: of its task as of any cell, and of one that computes."""
    import asyncio

    from IPython.core.interactiveshell import InteractiveShell

    from . import wait_graph

    handler(number, frame)
    asyncio.get_running_loop().call_soon_threadsafe(lambda: None)  # now it looks up
    if asyncio.current_task() is not None and wait_graph.runs_learners_code(frame):
        while frame is not None and frame.f_code is not InteractiveShell.run_code.__code__:
            frame = frame.f_back
        raise asyncio.CancelledError if frame is None else KeyboardInterrupt


def _forget(*_: object) -> None:
    """The cell is over, so nothing is on its way any more."""
    global _late
    _late = None


_older: WeakSet[Thread] = WeakSet()  # than the cell


def _remember(*_: object) -> None:
    _older.clear()
    _older.update(threading.enumerate())


def _after_the_threads(show: Callable[..., object]) -> Callable[..., object]:
    """IPython looks at hundreds of files for a traceback, and lets go of the GIL at each of them.

    A thread that computes keeps it for 5 ms then, so the cell would not end for seconds.
    """

    def shown(*args: Any, **named: Any) -> object:
        _end_threads(sys.exc_info()[1])
        return show(*args, **named)

    return shown


@whole
def _end_threads(error: BaseException | None) -> None:
    """After an interrupt, of the threads that the cell has started; it is said of whom."""
    from asyncio import CancelledError

    if isinstance(error, (KeyboardInterrupt, CancelledError)):  # this, where it had an `await`
        last = monotonic() + BY_ITSELF
        while (left := _threads_of_cell()) and monotonic() < last:
            sleep(LOOK)
        if left:
            from . import end_threads, not_stopped, unreported

            with unreported():  # nor is SystemExit, which may come later
                said = not_stopped(end_threads(left, error=SystemExit))
            names = ", ".join(thread.name for thread in left)
            print(f"The interrupt ends the threads of this cell, too: {names}. {said}".strip())


def _threads_of_cell() -> list[Thread]:
    from . import wait_graph

    new = [thread for thread in wait_graph.running() if thread not in _older]
    return [thread for thread in new if wait_graph.is_learners_own(thread)]


def _interrupted(number: int, frame: FrameType | None) -> None:
    global _late
    patience = _patience(frame)
    if not patience or (_late and _late.has_waited(patience)):
        late, _late = _late, None
        if late is not None:
            late.pass_on()
        _arrive(number, frame)
    elif _late is None:
        _late = _Late()
        _late.start()


def _patience(frame: FrameType | None) -> float:
    """Seconds that an interrupt may wait there. Who has just got a lock goes on at once."""
    from . import wait_graph

    if must_not_be_broken(frame) or _is_ipykernels(frame):
        return PATIENCE
    return IN_HANDS if wait_graph.handles_a_lock(frame) else 0.0


def _is_ipykernels(frame: FrameType | None) -> bool:
    """Whether ipykernel handles a message there, and has not come to, or has left, `_asked`."""
    while frame is not None and frame.f_code not in _asked:
        if frame.f_code is _handling:
            return True
        frame = frame.f_back
    return False


@contextmanager
def kept_from_children() -> Iterator[None]:
    """A process that is started in this block hears of no interrupt; whoever started it ends it.

    An interrupt is for all processes of a kernel. Where it ended the child first, its parent
    would fail of that, and not of the interrupt.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def press_again() -> None:
    """Interrupt the main thread, from another one; a wait in C code ends with it, too.

    `_thread.interrupt_main` would not end that wait. On Windows nothing ends it.
    """
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _children() -> set[Any]:
    """The processes that were started here; nothing is imported while an interrupt is handled."""
    return set(getattr(sys.modules.get("multiprocessing.process"), "_children", ()))


class _Late(Thread):
    """An interrupt on its way to the main thread, where it would break something."""

    def __init__(self) -> None:
        super().__init__(name="interrupt", daemon=True)
        self.begun = monotonic()
        self.there = _children()

    def pass_on(self) -> None:
        """It is for all processes of the kernel, and some may have started since it came."""
        for child in _children() - self.there:
            with suppress(OSError):  # on Windows this ends it
                os.kill(child.pid, signal.SIGINT)

    def has_waited(self, seconds: float) -> bool:
        return monotonic() - self.begun >= seconds

    def run(self) -> None:
        from . import wait_graph

        main = threading.main_thread()
        while not self.has_waited(2 * PATIENCE):
            patience = _patience(wait_graph.frame_of(main))
            if _late is not self:  # it has arrived, or its cell has ended
                return
            sent = self.has_waited(patience)
            if sent:
                press_again()
            sleep(IN_HANDS if sent else LOOK)
