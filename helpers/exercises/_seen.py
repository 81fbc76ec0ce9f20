"""What answers of lesson 02 are called with, so that all that they do is seen.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import NotYet, expect
from .start import COMPANY, Calls, called, short, times

TOO_MANY = 6  # looks after `stop` was set
LONG = 3.0  # seconds of a pause that is to be cut short


class Shown:
    """What an answer has shown, and in which thread; whoever comes last waits for the others."""

    def __init__(
        self, urls: Sequence[str], errors: Mapping[str, Exception], last: str, hold: float
    ) -> None:
        self.work, self.errors = Calls(urls, last, self._answer, hold), errors
        self.due = [url for url in urls if url not in errors and url != last]
        self.seen: list[tuple[str, Any]] = []
        self.callers: set[int] = set()
        self.too_late: list[str] = []  # what had not been shown when the last one came

    def photo(self, url: str) -> bytes:
        return b"" if url.endswith("/2") else f"the bytes of {url}".encode()

    def show(self, url: str, photo: Any) -> None:
        with self.work.changed:
            self.seen.append((url, photo))
            self.callers.add(threading.get_ident())
            self.work.changed.notify_all()

    def _answer(self, url: str) -> Any:
        if url == self.work.held:
            with self.work.changed:
                self.work.changed.wait_for(lambda: not self._missing(), COMPANY)
                self.too_late = self._missing()
        return self.errors.get(url) or self.photo(url)

    def _missing(self) -> list[str]:
        shown = {url for url, _ in self.seen}
        return [url for url in self.due if url not in shown]

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
            f"{short(*self.too_late)} had come, and was not shown until the last download had "
            "ended. Each photograph is shown as soon as it is there.",
        )


class Enough(BaseException):
    """Ends a loop that does not end by itself."""


class Watched(threading.Event):
    """An event for which nobody may wait without end; it counts how often it is asked."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None and not self.is_set():
            raise NotYet("stop.wait() without a pause waits until stop is set, and never looks.")
        return super().wait(timeout)


class Poll:
    """A call of the answer in a thread of its own, with all that it does seen."""

    def __init__(self, answer: Any, pause: float, stop_in: int = 0) -> None:
        self.answer, self.pause, self.stop_in = answer, pause, stop_in
        self.stop = Watched()
        self.looks: list[tuple[float, bool]] = []  # the time of each, and whether stop was set
        self.changed = threading.Condition()
        self.over = self.ended = False
        self.error: BaseException | None = None
        self.began = time.perf_counter()
        self.thread = threading.Thread(target=self._run, name="poll", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            called(self.answer, self._look, self.stop, self.pause)
        except Enough:
            pass
        except BaseException as error:
            self.error = error
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _look(self) -> None:
        with self.changed:
            self.looks.append((time.perf_counter(), self.stop.is_set()))
            self.changed.notify_all()
            if len(self.looks) == self.stop_in:
                self.stop.set()
            if self.over or self.late > TOO_MANY:
                raise Enough

    @property
    def late(self) -> int:
        """Looks that began after `stop` was set."""
        return sum(late for _, late in self.looks)

    def has_looked(self, times: int, seconds: float) -> bool:
        """Whether it looked so often, or ended, within these seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.looks) >= times or self.ended, seconds)

    def has_ended(self, seconds: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.ended, seconds)

    def finish(self) -> None:
        """End it, whatever it does; what it raised is raised here."""
        self.over = True
        self.stop.set()
        self.thread.join(LONG + 1)
        if self.error is not None:
            raise self.error
