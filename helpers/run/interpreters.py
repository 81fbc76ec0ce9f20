"""Interpreters in this process that do the items of a run; there are such since Python 3.14.

Each has a thread, and serves there as a process does: see `serving`. What one of ours
raises does not reach it, as an exception goes to a thread of the same interpreter. So a
second thread in it listens, and passes on that it has to end. One that waits for a lock
cannot be told, nor can one in a call into C code: it ends with that, or not at all.

An interpreter is not a wall as a process is: a crash in one is the end of them all.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any

from ..ending import AGAIN, GRACE, WorkerStopped, raise_in
from .serving import portable, serve

FOREIGN = "does not support loading in subinterpreters"


_left: set[Worker] = set()  # those that have begun and not ended


def _end_anyway() -> None:
    """Python would wait at its end for an interpreter in which somebody waits for ever."""
    for worker in list(_left):
        worker.join(GRACE)
    if _left:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(1)


Finalize(None, _end_anyway, exitpriority=-200)  # after folders are removed


class Worker(threading.Thread):
    """A thread with an interpreter. It is asked what a process is asked, and ended as one is."""

    def __init__(self, name: str, call: Any, calibration: str) -> None:
        """Raises what pickle raises where `call` cannot go to another interpreter."""
        super().__init__(name=name, daemon=True)
        self.call, self.calibration = pickle.dumps(call), calibration
        ours, theirs = socket.socketpair()
        self.pipe, self.theirs = Connection(ours.detach()), theirs
        self.tell, self.told = socket.socketpair()

    @property
    def pid(self) -> int | None:
        return os.getpid() if self.ident else None

    @property
    def exitcode(self) -> int | None:
        return None if self.is_alive() else 0

    def terminate(self) -> None:
        """Tell it to end: in its call by an exception, after it by the end of the pipe."""
        with suppress(OSError):  # it has just ended
            self.tell.send(b"!")
        self.pipe.close()

    kill = terminate

    def run(self) -> None:
        from concurrent import interpreters  # type: ignore[attr-defined, unused-ignore]

        interpreter = None
        _left.add(self)
        try:
            interpreter = interpreters.create()
            interpreter.exec(f"import sys\nsys.path[:] = {sys.path}\nimport {__name__}")
        except Exception as error:
            with suppress(OSError), Connection(self.theirs.detach()) as pipe:
                pipe.send(RuntimeError(str(error).partition("\n")[0]))
            self.told.close()
        else:
            handles = self.theirs.detach(), self.told.detach()
            with suppress(interpreters.ExecutionFailed):  # it was told to end as it ended
                interpreter.call(_serve, self.name, *handles, self.call, self.calibration)
        finally:
            self.tell.close()
            if interpreter is not None:
                interpreter.close()
            _left.discard(self)


# ------------------------------------------------------------ in the interpreter


def _serve(name: str, handle: int, told: int, data: bytes, calibration: str) -> None:
    """What the thread does in its interpreter; nobody tells it anything once this has ended."""
    worker, ended = threading.current_thread(), False
    worker.name = name
    line = socket.socket(fileno=told)
    listener = threading.Thread(target=_listen, args=(line, worker), name="listens")
    listener.start()
    while listener.is_alive():
        with suppress(WorkerStopped):
            if not ended:
                ended = True
                _answer_all(Connection(handle), data, calibration)
            with suppress(OSError):  # it was told twice
                line.shutdown(socket.SHUT_RDWR)
            listener.join()


def _answer_all(pipe: Any, data: bytes, calibration: str) -> None:
    with pipe:
        try:
            call = pickle.loads(data)
        except Exception as error:
            pipe.send(portable(plain(error)))
        else:
            call.function = _Plainly(call.function)
            serve(pipe, call, calibration)


def _listen(line: socket.socket, worker: threading.Thread) -> None:
    """Tell the worker to end, again and again, from when we are told to until it has ended."""
    with line:
        came = line.recv(1)
        line.settimeout(AGAIN)
        while came:
            raise_in(worker, WorkerStopped)
            with suppress(TimeoutError):
                came = line.recv(1)


class _Plainly:
    """A call that says in a sentence which module does not load in such an interpreter."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def __call__(self, item: Any) -> Any:
        try:
            return self.call(item)
        except ImportError as error:
            raise plain(error) from error


def plain(error: BaseException) -> BaseException:
    """The error, or a short one in its place where it is about a module of that kind."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    if not isinstance(first, ImportError) or FOREIGN not in str(first):
        return error
    module = str(first).partition(FOREIGN)[0].split()[-1]
    return ImportError(f"the module {module} does not load in a subinterpreter")
