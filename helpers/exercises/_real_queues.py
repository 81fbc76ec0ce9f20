"""How exercises of lesson 05 are judged by real threads: who is at work at once, how many wait.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from ..deadline import DeadlinePassed, busy_deadline
from . import expect

WAIT = 6.0  # seconds after which nobody will end any more
TURN = 2.0  # seconds that a stage, or a consumer, waits for the others
MOMENT = 0.2  # seconds that a stage, or a reader, gets to go further than it may
HAND = 1  # an item that is made and not yet put

FALSE: list[Any] = [0, "", False, 0.0, (), b"", [], {}]  # `if item` takes them for None
WORDS = ["stop", "STOP", "end", "END", "<end>", "EOF", "done", "quit", "exit", "None", "sentinel"]
LIKE_ENDS = [*FALSE, -1, *WORDS, ..., StopIteration, *FALSE]
MANY = 12  # times all of them: more than anybody would think that a queue must have room for


class Users:
    """Uses items, and waits in the first of them until all consumers have one."""

    def __init__(self, full: int) -> None:
        self.full = full
        self.changed = threading.Condition()
        self.inside = self.most = 0
        self.in_vain = False
        self.used: list[Any] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, item: Any) -> None:
        with self.changed:
            self.used.append(item)
            self.threads.add(threading.current_thread())
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.changed.notify_all()
            if not self.in_vain:
                self.in_vain = not self.changed.wait_for(lambda: self.most >= self.full, TURN)
            self.inside -= 1


def really_used(answer: Any, items: Sequence[Any], consumers: int) -> None:
    """On real threads: as many consumers as were asked for, and all of them end."""
    full = min(len(items), consumers)
    users, before = Users(full), set(threading.enumerate())
    of, alive, hung = f"{len(items)} items and {consumers} consumers", list[str](), False
    try:
        with redirect_stdout(StringIO()), busy_deadline(WAIT):
            answer(items, consumers, users)
            for thread in set(threading.enumerate()) - before:
                if thread.name != "deadline":
                    alive.append(thread.name)
                    thread.join()
                    alive.pop()
    except DeadlinePassed:
        hung = True
    expect(not alive, f"{of}: deliver came back, but {' '.join(alive)} waits for ever.")
    expect(not hung, f"{of}: somebody waits for ever.")
    expect(
        _counted(users.used) == _counted(items),
        f"{of}: each is to be used once, and used were {users.used!s:.80}, not {items!s:.80}.",
    )
    expect(
        threading.current_thread() not in users.threads,
        f"{of}: use was called in the thread of the caller; that is for the consumers to do.",
    )
    expect(
        users.most == full and len(users.threads) <= consumers,
        f"{of}: items were used by {len(users.threads)} threads, {users.most} at once. There are "
        f"to be {consumers} consumers that work at the same time.",
    )


def _counted(items: Iterable[Any]) -> Counter[str]:
    return Counter(map(repr, items))


FIRST = {"download": 3, "shrink": 2, "note": 1}  # when all three can be at work at the same time


class Stages:
    """Stages that wait for each other: until all three are at work, or until a queue is full.

    The first call of the stage `slow` waits until the one before it has gone as far as it may.
    """

    def __init__(self, count: int, size: int, slow: str) -> None:
        self.photos = [bytes(n % 3) for n in range(count)]
        self.slow, self.ahead = slow, min(size + HAND + 1, count)
        self.changed = threading.Condition()
        self.begun = dict.fromkeys(FIRST, 0)
        self.threads: dict[str, set[threading.Thread]] = {name: set() for name in self.begun}
        self.inside: set[str] = set()
        self.met = self.in_vain = count < len(self.begun)
        self.furthest = 0
        self.noted: list[bytes] = []

    def download(self, number: int) -> bytes:
        self._at_work("download")
        return self.photos[number]

    def shrink(self, photo: bytes) -> bytes:
        self._at_work("shrink")
        return photo[1:]

    def note(self, small: bytes) -> None:
        self._at_work("note")
        with self.changed:
            self.noted.append(small)

    def _at_work(self, name: str) -> None:
        with self.changed:
            self.begun[name] += 1
            self.threads[name].add(threading.current_thread())
            self.inside.add(name)
            self.met |= len(self.inside) == len(self.begun)
            self.changed.notify_all()
            if name == self.slow and self.begun[name] == 1:
                self._wait_for_the_one_before({"shrink": "download", "note": "shrink"}[name])
            elif not self.slow and not self.in_vain and self.begun[name] >= FIRST[name]:
                self.in_vain = not self.changed.wait_for(lambda: self.met, TURN)
            self.inside.discard(name)

    def _wait_for_the_one_before(self, before: str) -> None:
        self.changed.wait_for(lambda: self.begun[before] >= self.ahead, TURN)
        self.changed.wait_for(lambda: self.begun[before] > self.ahead, MOMENT)
        self.furthest = self.begun[before]


def really_made(answer: Any, count: int, size: int, slow: str) -> None:
    stages, hung = Stages(count, size, slow), False
    before = set(threading.enumerate())
    steps = stages.download, stages.shrink, stages.note
    try:
        with redirect_stdout(StringIO()), busy_deadline(WAIT):
            answer([*range(count)], *steps, size)
            noted = [*stages.noted]
            for thread in set(threading.enumerate()) - before:
                if thread.name != "deadline":
                    thread.join()
    except DeadlinePassed:
        hung = True
    of = f"{count} photos, and {size} may wait"
    expect(
        not hung,
        f"{of}: somebody waits for ever. Who tells the next stage that it is "
        "over? Is an empty photo taken for the end?",
    )
    right = [photo[1:] for photo in stages.photos]
    expect(
        noted == right,
        f"{of}: noted were {len(noted)} of {count} when make_album came back, or in another order. "
        "An empty photo is a photo, too.",
    )
    first, second, third = stages.threads.values()
    expect(
        not (first & second or second & third or first & third),
        f"{of}: one thread did the work of two stages, so one stage waits for the other.",
    )
    expect(
        slow != "" or stages.met,
        f"{of}: the three stages were never at work at the same time.",
    )
    expect(
        not slow or stages.furthest <= stages.ahead,
        f"{of}: while the first {slow} took long, more than {size} waited for it.",
    )
    expect(
        not slow or stages.furthest == stages.ahead,
        f"{of}: while the first {slow} took long, the stage before it should go on until {size} "
        f"wait, with the next one in its hands. It stopped {stages.ahead - stages.furthest} before "
        "that.",
    )
