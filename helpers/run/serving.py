"""What a worker does that is no thread of ours: it answers items until nobody asks any more.

It has a pipe. First it says that it is there, by None, or why not, by the exception. From
then on each item gets an answer: (exception, None), or (None, result).
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..timeline import outcome_of


def in_a_process(pipe: Any, inherited: Sequence[Any], call: Any, calibration: str) -> None:
    """A process: it ends when its parent is gone, see `orphans`, or ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is asked to stop, and stops us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # by this; a fork has the parent's handler
    for other in inherited:
        other.close()
    serve(pipe, call, calibration)


def serve(pipe: Any, call: Any, calibration: str) -> None:
    """Answer by `call(item)` until the pipe is closed."""
    from ..work import calibrate_as

    calibrate_as(calibration)
    pipe.send(None)
    with suppress(EOFError, OSError):
        while True:
            _answer(pipe, call, pipe.recv_bytes())


def _answer(pipe: Any, call: Any, data: bytes) -> None:
    try:
        answer: tuple[BaseException | None, Any] = (None, call(pickle.loads(data)))
    except BaseException as error:
        answer = (portable(error), None)
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as error:
        what = type(answer[1]).__name__
        text = f"it returned a {what}, which cannot be sent back ({outcome_of(error)})"
        pipe.send((TypeError(text), None))


def portable(error: BaseException) -> BaseException:
    """The exception itself where it survives pickling, else one that says the same."""
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:
        pass
    return RuntimeError(outcome_of(error))
