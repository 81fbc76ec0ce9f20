"""What answers of lesson 02 are called with, so that all that they do is seen.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from . import NotYet, expect
from ._time_outs import Patient, replaced
from .start import COMPANY, Calls, called, times

TOO_MANY = 6  # looks after `stop` was set
SLICE = 0.25  # seconds: whoever asks now and then whether a pause is over asks at least so often


class Shown:
    """What an answer has shown, and in which thread; whoever comes last waits for the others."""

    def __init__(
        self, urls: Sequence[str], errors: Mapping[str, Exception], last: str, hold: float
    ) -> None:
        self.work, self.errors = Calls(urls, last, self._answer, hold), errors
        self.due = [url for url in urls if url not in errors and url != last]
        self.seen: list[tuple[str, Any]] = []
        self.callers: set[int] = set()
        self.come: list[str] = []
        self.too_late: list[str] = []  # what had come, and was not shown before another one came

    def photo(self, url: str) -> bytes:
        return b"" if url.endswith("/2") else f"the bytes of {url}".encode()

    def show(self, url: str, photo: Any) -> None:
        with self.work.changed:
            self.seen.append((url, photo))
            self.callers.add(threading.get_ident())
            self.work.changed.notify_all()

    def _answer(self, url: str) -> Any:
        """A photograph comes when those before it were shown, and the last one after all."""
        with self.work.changed:
            if url == self.work.held:
                self.work.changed.wait_for(lambda: not self._missing(self.due), COMPANY)
                self.too_late = self._missing(self.come)
            elif url in self.due:
                if not self.work.changed.wait_for(lambda: not self._missing(self.come), COMPANY):
                    self.too_late = self._missing(self.come)
                self.come.append(url)
        return self.errors.get(url) or self.photo(url)

    def _missing(self, urls: Sequence[str]) -> list[str]:
        shown = {url for url, _ in self.seen}
        return [url for url in urls if url not in shown]

    def expect_all_shown(self) -> None:
        """Each that came once, here, and before the last one; none that failed."""
        number = {url: sum(url == seen for seen, _ in self.seen) for url in self.work.items}
        for url in self.work.items:
            wanted = url not in self.errors
            expect(
                number[url] == wanted,
                f"show was called {times(number[url])} for {url}, which "
                + ("has come." if wanted else "failed, and is not to be shown."),
            )
        expect(
            all(photo == self.photo(url) for url, photo in self.seen),
            "show was called with something else than the address and what fetch gave for it.",
        )
        expect(
            self.callers <= {threading.get_ident()},
            "show was called in the thread of a worker. Call it in the thread that called gallery: "
            "most libraries for windows take calls of one thread only.",
        )
        expect(
            not self.too_late,
            "a photograph had come, and was not shown while another download went on. "
            "Each photograph is shown as soon as it is there.",
        )


class Enough(BaseException):
    """Ends a loop that does not end by itself."""


class Watched(threading.Event):
    """An event for which nobody may wait without end; it knows what it has told."""

    asked = 0
    told: bool | None = None  # the last answer since the last look

    def is_set(self) -> bool:
        self.asked += 1
        self.told = super().is_set()
        return self.told

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None and not super().is_set():
            raise NotYet("stop.wait() without a pause waits until stop is set, and never looks.")
        self.told = super().wait(timeout)
        return self.told

    def clear(self) -> None:
        raise NotYet("your function clears stop. Whoever has set it wants it to stay set.")


class Look(NamedTuple):
    """When it began, whether `stop` had said that it is set, and the seconds waited before it."""

    at: float
    late: bool
    waited: float


class Poll:
    """A call of the answer in a thread of its own, with all that it does seen.

    Its waits are counted by the seconds that they were asked to take: nothing that is
    said of them depends on how busy the computer is.
    """

    def __init__(self, answer: Any, pause: float, stop_in: int = 0) -> None:
        self.answer, self.pause, self.stop_in = answer, pause, stop_in
        self.stop = Watched()
        self.looks: list[Look] = []
        self.waited = 0.0  # seconds, since the last look
        self.stuck = 0.0  # seconds of the longest wait that `stop` does not end
        self.after = 0.0  # seconds, since `stop` was set
        self.changed = Patient()
        self.asleep = threading.Lock()
        self.asleep.acquire()
        self.over = self.ended = False
        self.error: BaseException | None = None
        self.began = self.ended_at = time.perf_counter()
        self.thread = threading.Thread(target=self._run, name="poll", daemon=True)
        vars(self.thread)["poll"] = self
        self.thread.start()

    def _run(self) -> None:
        try:
            called(self.answer, self._look, self.stop, self.pause)
        except Enough:
            pass
        except BaseException as error:
            self.error = error
        with self.changed:
            self.ended, self.ended_at = True, time.perf_counter()
            self.changed.notify_all()

    def _look(self) -> None:
        with self.changed:
            is_set = threading.Event.is_set(self.stop)
            late = is_set and (self.stop.told is True or (self.stop.told is None and self.looks))
            self.looks.append(Look(time.perf_counter(), bool(late), self.waited))
            self.waited, self.stop.told = 0.0, None
            self.changed.notify_all()
            if len(self.looks) == self.stop_in:
                self.stop.set()
            if self.over or self.late > TOO_MANY:
                raise Enough

    def waits(self, seconds: float, can_be_ended: bool) -> None:
        """Its thread begins a wait."""
        with self.changed:
            self.waited += seconds
            if threading.Event.is_set(self.stop):
                self.after += seconds
            if not can_be_ended:
                self.stuck = max(self.stuck, seconds)
            self.changed.notify_all()

    def sleeps(self, seconds: float) -> None:
        """In place of `time.sleep`: the same, but the end of the check ends it."""
        if self.asleep.acquire(timeout=seconds):
            self.asleep.release()

    @property
    def late(self) -> int:
        """Looks that began although `stop` had said that it is set, or was not asked."""
        return sum(look.late for look in self.looks)

    @property
    def too_long(self) -> bool:
        """Whether it waits for longer than `pause`; slices may be coarser than a short one."""
        return max([self.waited, *(look.waited for look in self.looks)]) > 1.5 * self.pause + SLICE

    @property
    def too_soon(self) -> bool:
        """Whether a look came sooner than the pauses before it allow."""
        return any(
            look.at - self.began < 0.9 * place * self.pause for place, look in enumerate(self.looks)
        )

    @property
    def sits_it_out(self) -> bool:
        """Whether it waits on after `stop` was set, or in a way that `stop` does not end."""
        return max(self.stuck, self.after) >= max(SLICE, self.pause / 3)

    def has_looked(self, times: int, seconds: float) -> bool:
        """Whether it looked so often, or ended, or waits too long, within these seconds."""
        return self._comes_to(lambda: len(self.looks) >= times or self.too_long, seconds)

    def is_in_a_pause(self, looks: int, seconds: float) -> bool:
        """Whether it has begun to wait after so many looks, within these seconds."""
        return self._comes_to(lambda: len(self.looks) >= looks and self.waited > 0, seconds)

    def has_ended(self, seconds: float) -> bool:
        self._comes_to(lambda: self.sits_it_out or self.too_long, seconds)
        return self.ended

    def _comes_to(self, what: Callable[[], object], seconds: float) -> bool:
        with self.changed:
            return bool(self.changed.wait_for(lambda: self.ended or what(), seconds))

    def finish(self) -> None:
        """End it, whatever it does; what it raised is raised here."""
        self.over = True
        self.stop.set()
        self.asleep.release()
        self.thread.join(self.pause + 1)
        if self.error is not None:
            raise self.error


def waits_seen() -> AbstractContextManager[None]:
    """Meanwhile each Poll is told of the waits of its thread."""
    return replaced([(threading.Condition, "wait"), (time, "sleep")], _seen)


def _seen(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    def wait(*given: Any, **named: Any) -> Any:
        poll = getattr(threading.current_thread(), "poll", None)
        if poll is None or given[:1] == (poll.changed,):
            return call(*given, **named)
        seconds = named.get("timeout", given[-1] if given else None)
        if isinstance(seconds, (int, float)) and seconds > 0:
            poll.waits(seconds, given[0] is poll.stop._cond)
            if name == "time.sleep":
                return poll.sleeps(seconds)
        return call(*given, **named)

    return wait
