"""The steps of the capstone's album, real ones, that say when they begin and when they end.

`download` asks the course's server, `shrink` makes a thumbnail, `note` writes into
SQLite. A gate may hold a call back, until others have come as far as they are to.
`shrink` works in any thread and any process: it says what it does over a connection.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import active_children
from multiprocessing.connection import Client, Connection, Listener
from time import monotonic, sleep
from typing import Any

from ..work import album, checksum, fetch, fetch_async, thumbnail

PAUSE = 0.003  # seconds between two looks at a gate
QUIET = 0.5  # seconds in which nothing happens: everybody has come as far as they may
STARTING = 30.0  # seconds that a new process gets to its first photograph
TURN = 0.05  # seconds
LAST = 5.0  # seconds for the last words of whoever was given up
SIZE = 32  # pixels of a thumbnail

Gate = Callable[["Studio", str, int], bool]  # whether call number n of a step may go on


def open_to_all(studio: Studio, step: str, number: int) -> bool:
    return True


@dataclass(frozen=True)
class Shrink:
    """Makes a thumbnail, wherever it is called; a process can be given it."""

    address: tuple[str, int]

    def __call__(self, photo: bytes) -> bytes:
        if not isinstance(photo, bytes):
            raise TypeError(f"shrink takes the bytes of a photograph, not {photo!r:.40}")
        with Client(self.address) as line:
            line.send_bytes(_mark(photo))
            _wait_for_word(line)  # it may go on
            small = b""
            try:
                small = thumbnail(photo, SIZE)
            finally:
                line.send_bytes(_mark(small) if small else b"")
                _wait_for_word(line)  # its end is known
        return small


def _wait_for_word(line: Connection) -> None:
    """In turns, so that a thread can be ended where nobody says anything any more."""
    while not line.poll(TURN):
        pass
    line.recv_bytes()


def _mark(data: bytes) -> bytes:
    return checksum(data).to_bytes(4, "big")


class Studio:
    """What was begun, what is under way, and which photographs are in memory.

    One is in memory from the beginning of its download until it is noted or has failed.
    """

    def __init__(self, path: str, gate: Gate, patience: float, silent: float) -> None:
        self.path, self.gate, self.quiet = path, gate, patience
        self.silent = silent  # seconds that a download waits for a server that says nothing
        self.lock = threading.Lock()
        self.begun: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()  # downloads of each address
        self.raised: defaultdict[str, list[BaseException]] = defaultdict(list)
        self.held: set[str] = set()
        self.most = 0
        self.met = False  # all stages were at work at the same time, two downloads among them
        self.open = False  # nobody is held back any more
        self.over = False  # somebody has pressed Stop, or the database is gone
        self.begun_after = 0  # downloads, after that
        self.returned = False  # the answer has come back
        self.mixed: list[str] = []  # noted under a wrong name, or never made small
        self._moves()
        self.urls: dict[bytes, str] = {}  # by photograph
        self.small: dict[str, bytes] = {}  # of each address: the mark of its thumbnail
        self.on_note: Callable[[int], None] = lambda number: None

    # ----------------------------------------------------------------- the steps

    def download(self, url: str) -> bytes:
        number = self._enter("download", url)
        while not self._may("download", number):
            sleep(PAUSE)
        with self._leaving("download", url):
            return self._came(url, fetch(url, self.silent))

    async def download_async(self, url: str) -> bytes:
        number = self._enter("download", url)
        with self._leaving("download", url):
            while not self._may("download", number):
                await asyncio.sleep(PAUSE)
            return self._came(url, await fetch_async(url, self.silent))

    def note(self, url: str, small: bytes) -> None:
        number = self._enter("note", url)
        with self._leaving("note", url):
            if self.small.get(url) != _mark(small):
                self.mixed.append(url)
            self.on_note(number)
            while not self._may("note", number):
                sleep(PAUSE)
            album.note(self.path, url, small)
            self._forget(url)

    @contextmanager
    def shrinking(self) -> Iterator[Shrink]:
        """Gives the step, which is heard until the block ends."""
        with Listener(("127.0.0.1", 0), backlog=64) as listener:
            address: Any = listener.address
            hears = threading.Thread(target=self._accept, args=(listener, []), name="studio")
            hears.daemon = True
            hears.start()
            try:
                yield Shrink(address)
            finally:
                self.open = True
                with Client(address) as line:
                    line.send_bytes(b"")  # nothing more comes
                hears.join(LAST)

    def _accept(self, listener: Listener, crew: list[threading.Thread]) -> None:
        while mark := (line := listener.accept()).recv_bytes():
            crew.append(threading.Thread(target=self._hear, args=(line, mark), name="studio"))
            crew[-1].daemon = True
            crew[-1].start()
        line.close()
        for thread in crew:
            thread.join(LAST)

    def _hear(self, line: Connection, photo: bytes) -> None:
        """Somebody makes a photograph small: its beginning, and its end."""
        url = self.urls.get(photo, "")
        with line, suppress(OSError):
            with suppress(EOFError):
                number = self._enter("shrink", url)
                with self._leaving("shrink", url):
                    while not self._may("shrink", number):
                        sleep(PAUSE)
                    line.send_bytes(b"go on")
                    if not (small := line.recv_bytes()):
                        raise EOFError("this was no picture")
                    self.small[url] = small
            line.send_bytes(b"its end is known")

    # ------------------------------------------------------------- what is known

    def _moves(self) -> None:
        """Something begins or ends: from here on the seconds are counted in which nothing does."""
        self.still, self.looked = 0.0, monotonic()

    def _enter(self, step: str, url: str) -> int:
        with self.lock:
            self._moves()
            self.begun[step] += 1
            self.inside[step] += 1
            if step == "download":
                self.tries[url] += 1
                self.held.add(url)
                self.most = max(self.most, len(self.held))
                self.begun_after += self.over
            inside = self.inside
            self.met |= inside["download"] >= 2 and inside["shrink"] > 0 and inside["note"] > 0
            return self.begun[step]

    @contextmanager
    def _leaving(self, step: str, url: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.raised[url].append(error)
            self._forget(url)
            raise
        finally:
            with self.lock:
                self._moves()
                self.inside[step] -= 1

    def _came(self, url: str, photo: bytes) -> bytes:
        self.urls[_mark(photo)] = url
        return photo

    def _forget(self, url: str) -> None:
        with self.lock:
            self.held.discard(url)

    def _may(self, step: str, number: int) -> bool:
        """Whether it may go on; where nothing happens any more, everybody may.

        A turn that took long, as other programs had the CPU, counts for no more than two.
        """
        before, self.looked = self.looked, monotonic()
        self.still += min(self.looked - before, 2 * PAUSE)
        if not self.open and self.still > self.patience():
            self.open = True
        return self.open or self.gate(self, step, number)

    def patience(self) -> float:
        """How long nothing may happen; a new process takes its time to its first photograph."""
        return STARTING if not self.begun["shrink"] and active_children() else self.quiet

    def busy(self) -> bool:
        """Whether a step is under way."""
        return any(self.inside.values())
