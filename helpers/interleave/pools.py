"""`ThreadPoolExecutor` and its futures inside an exploration.

Threads start as CPython's pool starts them: one for each call that comes while
none is idle, up to `max_workers`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures.thread import BrokenThreadPool
from typing import Any

from .hooks import hooks
from .shown import shown
from .step import Abort, Refused
from .threads import Thread
from .twins import Complete, Told, look, names_of, now

BROKEN = "A thread initializer failed, the thread pool is not usable anymore"


ENDED = ("done", "cancelled", "notified")
IN_CPYTHON = {
    "done": "FINISHED", "cancelled": "CANCELLED", "notified": "CANCELLED_AND_NOTIFIED",
}  # fmt: skip


class Future(Told):
    """A result that comes later; unlike an Event it comes once, and may be an error."""

    real = names_of(futures.Future())

    def __class_getitem__(cls, kind: object) -> type[Future]:  # Future[int]
        return cls

    def __init__(self) -> None:
        self.status = "pending"  # running, done, cancelled, notified (of that)
        self.value: Any = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[Any], object]] = []

    def state(self) -> str:
        return "cancelled" if self.status == "notified" else self.status

    def told(self, at: str) -> str:
        text = f"Future {at} state={IN_CPYTHON.get(self.status, self.status.upper()).lower()}"
        if self.status != "done":
            return text
        kind = type(self.value if self.error is None else self.error).__name__
        return f"{text} {'returned' if self.error is None else 'raised'} {kind}"

    def _ended(self) -> bool:
        return self.status in ENDED

    def _cancelled(self) -> bool:
        return self.status in ("cancelled", "notified")

    def _wait(self, timeout: float | None) -> None:
        ready = self._ended if timeout is None else None
        now().step(self, "wait", "result of {}", ready, "{} has no result yet", write=False)
        if not self._ended():
            raise futures.TimeoutError
        if self._cancelled():
            raise futures.CancelledError

    def result(self, timeout: float | None = None) -> Any:
        self._wait(timeout)
        if self.error is not None:
            raise self.error
        return self.value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._wait(timeout)
        return self.error

    def _is(self, what: str, *states: str) -> bool:
        now().step(self, "call", f"{{}}.{what}()", write=False)
        return bool(now().called(self.status in states))

    def done(self) -> bool:
        return self._is("done", *ENDED)

    def running(self) -> bool:
        return self._is("running", "running")

    def cancelled(self) -> bool:
        return self._is("cancelled", "cancelled", "notified")

    def cancel(self) -> bool:
        now().step(self, "call", "cancel {}")
        if self.status == "pending":
            self._end("cancelled")
        return self._cancelled()

    # What whoever makes a future by hand calls.

    def set_running_or_notify_cancel(self) -> bool:
        now().step(self, "call", "{}.set_running_or_notify_cancel()")
        if self.status not in ("pending", "cancelled"):
            raise RuntimeError("Future in unexpected state")
        self.status = "running" if self.status == "pending" else "notified"
        return bool(now().called(self.status == "running"))

    def set_result(self, result: Any) -> None:
        self._set(f"set {{}} to {shown(result, {})}", result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        self._set(f"set the exception of {{}} to {shown(exception, {})}", None, exception)

    def _set(self, what: str, value: Any, error: BaseException | None) -> None:
        now().step(self, "call", what)
        if self._ended():
            now().only_looked()
            its = self.told("at 0x…")  # no two runs have it at the same place
            raise futures._base.InvalidStateError(f"{IN_CPYTHON[self.status]}: <{its}>")
        self.value, self.error = value, error
        self._end("done")

    def add_done_callback(self, function: Callable[[Any], object]) -> None:
        now().step(self, "call", "{}.add_done_callback()")
        if self._ended():
            self._tell(function)
        else:
            self.callbacks.append(function)

    def _end(self, how: str) -> None:
        self.status = how
        for function in self.callbacks:
            self._tell(function)

    def _tell(self, function: Callable[[Any], object]) -> None:
        """As in CPython, what a callback raises is nobody's concern."""
        try:  # no `suppress`, which the program may have followed
            function(self)
        except Exception:
            pass

    def _begin(self) -> bool:
        """Whether there still is something to do."""
        now().step(self, "call", "begin {}")
        if self.status == "cancelled":
            self.status = "notified"
            return False
        self.status = "running"
        return True

    def _run(self, call: Callable[[], Any]) -> None:
        value, error = None, None
        try:
            value = call()
        except (Abort, Refused):
            raise
        except BaseException as caught:
            error = caught
        self._give(value, error)

    def _give(self, value: Any, error: BaseException | None) -> None:
        now().step(self, "call", "{} is done")
        self.value, self.error = value, error
        self._end("done")


class ThreadPoolExecutor(Complete):
    """Threads that take calls; unlike a Queue's, they come with it and end with it."""

    real = names_of(futures.ThreadPoolExecutor(1))
    ways_round = ", or keep a number of your own"

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self.most = max_workers or 5  # CPython takes 4 more than there are processors
        self.prefix, self.initializer, self.initargs = thread_name_prefix, initializer, initargs
        self.calls: deque[tuple[Future, Callable[[], Any]]] = deque()
        self.threads: list[Thread] = []
        self.idle, self.closed, self.broken = 0, False, False

    def state(self) -> str:
        return f"{len(self.calls)} to do"

    @property
    def _max_workers(self) -> int:
        return self.most

    @property
    def _threads(self) -> frozenset[Thread]:
        look(self, "{}._threads")
        return frozenset(self.threads)

    @property
    def _shutdown(self) -> bool:
        look(self, "{}._shutdown")
        return self.closed

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        now().step(self, "put", f"submit {_name(function)} to {{}}")
        if self.broken:
            raise BrokenThreadPool(BROKEN)
        if self.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future, call = Future(), hooks.function(now().current.site, function)
        self.calls.append((future, lambda: call(*args, **kwargs)))
        if self.idle >= len(self.calls) or len(self.threads) == self.most:
            return future
        name = f"{self.prefix or 'pool'}_{len(self.threads)}"
        thread = Thread(target=self._work, name=name)
        self.threads.append(thread)
        thread.start()
        return future

    def _work(self) -> None:
        if not self._prepared():
            return
        while True:
            self.idle += 1
            ready = lambda: bool(self.calls) or self.closed  # noqa: E731
            now().step(self, "idle", "next call of {}", ready, "{} has no call")
            self.idle -= 1
            if not self.calls:
                return
            future, call = self.calls.popleft()
            if future._begin():
                future._run(call)

    def _prepared(self) -> bool:
        """As in CPython, a thread whose initializer fails takes the whole pool along."""
        try:
            if self.initializer:
                self.initializer(*self.initargs)
        except (Abort, Refused):
            raise
        except BaseException:
            now().step(self, "call", "{} is broken")
            self.broken = True
            while self.calls:
                self.calls.popleft()[0]._give(None, BrokenThreadPool(BROKEN))
            return False
        return True

    def map(
        self,
        function: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        made = [self.submit(function, *args) for args in zip(*iterables, strict=False)]
        return _results(made, timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        now().step(self, "call", "shut down {}")
        self.closed = True
        while cancel_futures and self.calls:
            self.calls.popleft()[0]._end("cancelled")
        for thread in self.threads if wait else ():
            thread.join()

    def __enter__(self) -> ThreadPoolExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


def _results(made: list[Future], timeout: float | None) -> Iterator[Any]:
    """In the order of the calls; where one has failed, those not yet begun are cancelled."""
    for number, future in enumerate(made):
        try:
            yield future.result(timeout)
        except Exception:
            for other in made[number + 1 :]:
                other.cancel()
            raise


def as_completed(made: Iterable[Future], timeout: float | None = None) -> Iterator[Future]:
    """In the order in which they end; those that have ended already, as given.

    CPython promises no order of the latter: what depends on it is not shown here.
    """
    left = list(dict.fromkeys(made))
    while left:
        _wait_until(left, lambda: any(f._ended() for f in left), timeout)
        first = next((f for f in left if f._ended()), None)
        if first is None:
            raise futures.TimeoutError(f"{len(left)} futures unfinished")
        left.remove(first)
        yield first


def wait(
    made: Iterable[Future], timeout: float | None = None, return_when: str = futures.ALL_COMPLETED
) -> Any:
    left = list(dict.fromkeys(made))

    def enough() -> bool:
        ended = [f for f in left if f._ended()]
        failed = any(f.error for f in ended)
        if return_when == futures.FIRST_COMPLETED:
            return bool(ended)
        first = return_when == futures.FIRST_EXCEPTION and failed
        return first or len(ended) == len(left)

    if left:
        _wait_until(left, enough, timeout)
    done: Any = {f for f in left if f._ended()}
    return futures._base.DoneAndNotDoneFutures(done, set(left) - done)  # the same named tuple


def _wait_until(left: list[Future], ready: Callable[[], bool], timeout: float | None) -> None:
    until = ready if timeout is None else None
    now().step(
        left[0], "wait", "wait for futures", until, "no result yet", tuple(left[1:]), write=False
    )


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


for _function in (as_completed, wait):
    setattr(_function, "is_twin", True)  # noqa: B010
NAMES: dict[str, Any] = {
    "ThreadPoolExecutor": ThreadPoolExecutor,
    "Future": Future,
    "as_completed": as_completed,
    "wait": wait,
}
