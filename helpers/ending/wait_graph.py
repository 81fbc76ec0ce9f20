"""Which thread waits where, and for what: the wait-for picture.

Read from the stacks of the running threads, so nothing has to be prepared:
the innermost line outside the standard library is where a thread stands, and
the call on it is what it waits for. `release` ends such a wait from outside.

It cannot see who holds a plain `Lock`: Python does not record that.
"""

from __future__ import annotations

import ast
import dis
import linecache
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType
from typing import Any, NamedTuple

HERE = os.path.normcase(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep)
STANDARD = tuple(os.path.normcase(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
ELSEWHERE = ("site-packages", "dist-packages")
POOLS = (f"concurrent{os.sep}futures{os.sep}", f"{os.sep}multiprocessing{os.sep}")
CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX", "BEFORE_WITH", "LOAD_SPECIAL")

HANDLE = (
    *("__enter__", "__exit__", "acquire", "release", "_acquire_restore", "_release_save"),
    *("notify", "notify_all", "set", "get", "put"),
)

BEGINS_AND_ENDS = threading.Thread._bootstrap_inner.__code__  # type: ignore[attr-defined]
BOOKS = ("_set_ident", "_set_native_id", "_set_os_name", "_set_tstate_lock", "set", "_delete")

IMPORTS = "<frozen importlib"  # where the code of every import stands

FOR_OTHERS = re.compile(r"^with |\b(acquire|wait|wait_for|join|get|put|result)\(")
WAITING = re.compile(r"^with |\b(acquire|wait|join|get|put|result|sleep|shutdown|recv)\b")


class Waiter(NamedTuple):
    """Where one thread stands: `lane` waits in `call`, on the line `source`."""

    lane: str
    call: str  # "Queue.get", "with lock", "time.sleep(9)"; empty while it computes
    where: str  # "at worker, line 3"
    source: str
    on: str = ""  # the thread or process that it waits for, where that is known

    @property
    def waits(self) -> bool:
        """Whether its call is one that is known to wait."""
        return bool(WAITING.search(self.call))

    def __str__(self) -> str:
        verb = "waits in" if self.waits else "is in"
        lines = [f"{self.lane} {verb} {self.call}, {self.where}", f"    {self.source}"]
        if not self.call:
            lines[0] = f"{self.lane} is computing, {self.where}"
        if self.on:
            lines.append(f"    {self.lane} → {self.on}")
        return "\n".join(line for line in lines if line.strip())


def picture(threads: Iterable[threading.Thread]) -> list[Waiter]:
    """One `Waiter` for each of `threads` that is alive and runs Python code."""
    frames = sys._current_frames()
    found = [(thread, frames.get(thread.ident or 0)) for thread in threads]
    return [_wait(thread, frame) for thread, frame in found if frame is not None]


def running() -> list[threading.Thread]:
    """The threads that really run; after an interrupted `join`, `is_alive` may err."""
    frames = sys._current_frames()
    return [thread for thread in threading.enumerate() if thread.ident in frames]


def frame_of(thread: threading.Thread) -> FrameType | None:
    """Where it stands now; None where it does not run."""
    return sys._current_frames().get(thread.ident or 0)


def release(thread: threading.Thread) -> None:
    """End the wait of `thread` for a lock or for a condition, if it is in one.

    The lock then has two owners, so this is only for a program that is given
    up. A wait in `time.sleep` or in C code cannot be ended.
    """
    lock, _ = lock_of(thread)
    if lock is not None:
        with suppress(RuntimeError):  # somebody else has just released it
            lock.release()


def lock_of(thread: threading.Thread) -> tuple[Any, bool]:
    """The plain lock that `thread` waits for, or None; whether nobody else can ever hold it.

    Such a private lock is what a Condition makes for each wait, and with it a
    Semaphore, an Event, a Barrier and a Queue.
    """
    frame = frame_of(thread)
    if frame is None:
        return None, False
    if is_library(frame.f_code.co_filename):  # a condition waits for a lock of its own
        condition = frame.f_locals.get("self")
        private = "waiter" in frame.f_locals
        lock = frame.f_locals.get("waiter", getattr(condition, "_lock", None))
    else:
        lock, private = _lock_at(frame), False
    return (lock, private) if type(lock) is type(threading.Lock()) else (None, False)


def handles_a_lock(frame: FrameType | None) -> bool:
    """Whether it may have got a lock that no block gives back yet, or is just giving one back.

    An exception would leave it closed for ever. The first is so at the `with` itself
    since Python 3.14, and in the methods of locks and queues.
    """
    if frame is None:
        return False
    code, at = frame.f_code, frame.f_lasti
    if is_library(code.co_filename):
        file = os.path.basename(code.co_filename)
        return file in ("threading.py", "queue.py") and code.co_name in HANDLE
    names = [dis.opname[code.co_code[i]] for i in (at - 2, at) if i >= 0]
    return names == ["LOAD_SPECIAL", "CALL"]


def at_acquire(thread: threading.Thread) -> bool:
    """Whether it is in `lock.acquire()`: told there, it would get the lock, but not into a try."""
    frame = frame_of(thread)
    if frame is None or is_library(frame.f_code.co_filename):
        return False
    called = getattr(_expression(frame), "func", None)
    return isinstance(called, ast.Attribute) and called.attr == "acquire"


def waits(thread: threading.Thread) -> bool:
    """Whether it waits for another thread: at a lock, a condition, a queue or a join."""
    frame = frame_of(thread)
    if frame is None:
        return False
    if is_library(frame.f_code.co_filename):
        return os.path.basename(frame.f_code.co_filename) in ("threading.py", "queue.py")
    return bool(FOR_OTHERS.search(_own_call(frame)))


def importing(thread: threading.Thread) -> bool:
    """Whether it is inside an import, its own or one that another thread makes for both."""
    return in_import(frame_of(thread))


def in_import(frame: FrameType | None) -> bool:
    """Whether the frame, or one that it was called from, belongs to the machinery of imports."""
    while frame is not None and not frame.f_code.co_filename.startswith(IMPORTS):
        frame = frame.f_back
    return frame is not None


def begins_or_ends(thread: threading.Thread) -> bool:
    """Whether it is in what `threading` does before `run` and after it.

    There it puts the thread on its list, and takes it off again.
    """
    frame, called = frame_of(thread), None
    while frame is not None and frame.f_code is not BEGINS_AND_ENDS:
        frame, called = frame.f_back, frame
    if frame is None or called is None:
        return frame is not None
    return called.f_code.co_filename == threading.__file__ and called.f_code.co_name in BOOKS


def idle(thread: threading.Thread) -> bool:
    """Whether it only serves a pool and has no work: it ends with its pool."""
    codes = [frame.f_code for frame in _stack(frame_of(thread))]
    pool = [code for code in codes if any(part in code.co_filename for part in POOLS)]
    at_work = any(code.co_qualname == "_WorkItem.run" for code in pool)  # has a call to make
    return bool(pool) and not at_work and all(is_library(code.co_filename) for code in codes)


def is_learners_thread(thread: threading.Thread) -> bool:
    """Whether it runs code of the learner's."""
    return runs_learners_code(frame_of(thread))


def runs_learners_code(frame: FrameType | None) -> bool:
    """Whether the frame, or one that it was called from, is the learner's."""
    return any(is_learners(f.f_code.co_filename) for f in _stack(frame))


def is_learners_own(thread: threading.Thread) -> bool:
    """Whether the learner's code has started it: no package, and no pool that is open.

    A pool that is open may have been made to stay, and its threads with it.
    """
    stack = _stack(frame_of(thread))
    files = [frame.f_code.co_filename for frame in reversed(stack)]  # outermost first
    first = next((file for file in files if not _is_standard(file)), None)
    return first is not None and is_learners(first) and not any(map(_open, stack))


def _open(frame: FrameType) -> bool:
    """Whether it serves a pool that still takes calls."""
    pool = frame.f_locals.get("executor_reference", lambda: None)()
    return pool is not None and not pool._shutdown


def where(frame: FrameType, line: int) -> tuple[str, str]:
    """ "function, line 3" and the text of that line."""
    name = frame.f_code.co_name
    place = "the cell" if name == "<module>" else name
    linecache.checkcache(frame.f_code.co_filename)
    return f"{place}, line {line}", linecache.getline(frame.f_code.co_filename, line).strip()


def is_library(filename: str) -> bool:
    """Whether the file belongs to Python itself or to an installed package."""
    return _is_standard(filename) or any(part in filename for part in ELSEWHERE)


def _is_standard(filename: str) -> bool:
    """Whether the file belongs to Python itself."""
    path = os.path.normcase(filename)
    standard = path.startswith(("<frozen", *STANDARD))
    return standard and not any(part in path for part in ELSEWHERE)


def is_learners(filename: str) -> bool:
    """Whether the file is the learner's: neither the library's nor this package's."""
    return not is_library(filename) and not os.path.normcase(filename).startswith(HERE)


# ------------------------------------------------------------ reading a stack


def _stack(frame: FrameType | None) -> list[FrameType]:
    """Innermost first."""
    return [] if frame is None else [frame, *_stack(frame.f_back)]


def _wait(thread: threading.Thread, frame: FrameType) -> Waiter:
    stack = _stack(frame)
    own = [f for f in stack if not is_library(f.f_code.co_filename)]
    learners = [f for f in own if is_learners(f.f_code.co_filename)]
    targets = [f for f in stack if f.f_code.co_name == "run" and _target(f)]
    user = [*learners, *own, *targets, frame][0]
    inside = stack[: stack.index(user)]
    on = next((name for name in map(_joined, inside) if name), "") or _owner(user)
    call = _library_call(inside[-1]) if inside else _own_call(user)
    if user in targets:
        call = call if inside else _target(user)
        return Waiter(name_of(thread), call, "its target", "", on)
    place, source = where(user, user.f_lineno)
    return Waiter(name_of(thread), call, f"at {place}:", source, on)


def _target(frame: FrameType) -> str:
    """The function that a thread, or a thread of a pool, was given to run."""
    runner: Any = frame.f_locals.get("self")
    target = getattr(runner, "_target", None) or getattr(runner, "fn", None)
    target = target or frame.f_locals.get("fn")  # a pool since 3.14
    return str(getattr(target, "__qualname__", ""))


def name_of(thread: threading.Thread) -> str:
    """How a picture calls this thread."""
    return "the main thread" if thread is threading.main_thread() else thread.name


def _library_call(frame: FrameType) -> str:
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    kind = type(frame.f_locals["self"]).__name__ if "self" in frame.f_locals else ""
    method = name.rpartition(".")[2]
    if method in ("__enter__", "__exit__"):
        return f"{'the end of ' * (method == '__exit__')}with {kind}"
    return f"{kind}.{method}" if kind else str(name)


def _joined(frame: FrameType) -> str:
    """The name of what this frame joins, if it is a `join`."""
    target: Any = frame.f_locals.get("self")
    alive = frame.f_code.co_name == "join" and hasattr(target, "is_alive")
    return str(target.name) if alive else ""


def _own_call(frame: FrameType) -> str:
    """The source of the call, or of the `with`, that the frame is at."""
    expression = _expression(frame)
    if expression is None:
        return ""
    text = ast.unparse(expression)
    return text if isinstance(expression, ast.Call) else f"with {text}"


def _expression(frame: FrameType) -> ast.expr | None:
    """The call that the frame is at, or what stands after its `with`."""
    steps = [i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti]
    if not steps or steps[-1].opname not in CALLS or steps[-1].positions is None:
        return None
    line, last, start, stop = steps[-1].positions
    if line is None or last is None or start is None or stop is None:
        return None
    source = linecache.getline(frame.f_code.co_filename, line)
    with suppress(SyntaxError, IndexError):
        if steps[-1].opname == "BEFORE_WITH":  # up to 3.13
            entered = [i.positions for i in steps if i.opname == "BEFORE_WITH"]
            return _items(source)[sum(p is not None and p.lineno == line for p in entered) - 1]
        if line == last:
            return ast.parse(source.encode()[start:stop].decode(), mode="eval").body
    return None


def _items(source: str) -> list[ast.expr]:
    """What a line that begins with `with` enters."""
    text = source.strip()
    statement = ast.parse(text + " pass" if text.endswith(":") else text).body[0]
    items = statement.items if isinstance(statement, ast.With) else []
    return [item.context_expr for item in items]


def _lock_at(frame: FrameType) -> Any:
    """The object whose `acquire` or `with` the frame stands at."""
    expression = _expression(frame)
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
        expression = expression.func.value
    return None if expression is None else _value(expression, frame)


def _value(expression: ast.expr, frame: FrameType) -> Any:
    """A name, or an attribute of one, looked up without running any code."""
    if isinstance(expression, ast.Name):
        return frame.f_locals.get(expression.id, frame.f_globals.get(expression.id))
    if isinstance(expression, ast.Attribute):
        owner = _value(expression.value, frame)
        return getattr(owner, "__dict__", {}).get(expression.attr)
    return None


def _owner(frame: FrameType) -> str:
    """Who holds the `RLock` that the frame waits for; its text says so."""
    number = re.search(r"RLock.* owner=(\d+)", repr(_lock_at(frame)))
    threads = {thread.ident: thread for thread in threading.enumerate()}
    owner = threads.get(int(number[1])) if number else None
    return name_of(owner) if owner is not None else ""
