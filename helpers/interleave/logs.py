"""What `logging` does inside an exploration: a handler's lock is a twin, its text is kept.

The rest of `logging` is one step. But a handler holds its lock while it formats and
emits, and there code of the program may run: a handler of its own, a formatter, the
`__repr__` of what is logged. A thread that stopped in there with the real lock would
block all others.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from ..ending.wait_graph import is_library
from .hooks import hooks
from .shown import steady
from .step import Op
from .things import FLAT
from .twins import now

PLAIN = (type(None), logging.Formatter)
_real = logging.Handler.handle


def handle(handler: logging.Handler, record: logging.LogRecord) -> Any:
    """In place of `logging.Handler.handle`."""
    run = hooks.run
    if run is None or run.me() is None or run.why:
        return _real(handler, record)
    kept: Any = handler.filter(record)
    if not kept:
        return kept
    record = kept if isinstance(kept, logging.LogRecord) else record
    record.threadName = getattr(run.current.twin, "name", "MainThread")
    if run.fifo or (_is_plain(handler, record) and not hooks.logs):
        _emit(handler, record)
        return kept
    if not hooks.logs:  # from here on the lock is a step for everybody
        hooks.logs = run.pace.again = True
    with hooks.stand(handler.lock):
        _emit(handler, record)
    return kept


def _is_plain(handler: logging.Handler, record: logging.LogRecord) -> bool:
    """Whether no code of the program runs, and nothing that it may look at changes."""
    given = record.args.values() if isinstance(record.args, dict) else record.args or ()
    return (
        _is_told(handler)
        and type(handler.formatter) in PLAIN
        and all(type(each) in FLAT for each in (record.msg, *given))
    )


def _is_told(handler: Any) -> bool:
    """Whether it shows what it is given to people: that is kept for the report instead."""
    if not is_library(type(handler).emit.__code__.co_filename):
        return False
    stream = getattr(handler, "stream", None)
    if stream is not None and any(stream is each for each in (sys.stderr, hooks.stdout)):
        return True
    mine = 0 <= now().sharing.tokens.get(id(handler), -1) < 10**9
    return not mine and id(handler) not in hooks.names


def _emit(handler: Any, record: logging.LogRecord) -> None:
    run = now()
    if not _is_told(handler):
        stream = getattr(handler, "stream", None)
        if stream is not None:
            run.access(run.current.site, stream, None, True, "call", (), stream)
        handler.emit(record)
    elif run.recorder is not None or hooks.logs:
        text = steady(handler.format(record))
        if run.recorder is not None:
            run.recorder.printed.append(f"{text}\n")
            run.row(Op(run.current.site, "print", f"log {text[:40]!r}", None))
