"""The one task that runs through the lessons: an album of photographs.

They are downloaded from the course's own server, made into thumbnails, and noted
in a database: `urls`, then `fetch` and `thumbnail` of this package, then `note`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ..folders import temporary
from . import server
from .real_work import averages, check_whole, forget, of_this_thread, photograph, unpacked
from .records import connect, told

MOST = 99_999  # photographs
PATIENCE = 10.0  # seconds that a writer waits for the others
TABLE = "CREATE TABLE photo (name TEXT PRIMARY KEY, thumbnail BLOB)"


def urls(count: int = 12, seconds: float = 0.1, width: int = 800) -> list[str]:
    """The addresses of `count` different photographs; each answer takes `seconds`.

    They are JPEGs, `width` pixels wide or, turned, high. The server is this Python's
    own; it is started if it is not running.
    """
    check_whole("count", count, MOST)
    at = server.address()
    return [f"{at}/photo/{n}?seconds={seconds}&width={width}" for n in range(count)]


@contextmanager
def files(count: int = 12, width: int = 1600) -> Iterator[list[str]]:
    """Gives the paths of `count` photographs of that width; gone when the block ends."""
    check_whole("count", count, MOST)
    photos = [photograph(n, width) for n in range(count)]
    with temporary("album") as folder:
        paths = [os.path.join(folder, f"photo-{n:02}.jpg") for n in range(count)]
        for path, photo in zip(paths, photos, strict=True):
            with open(path, "wb") as file:
                file.write(photo)
        yield paths


def pixels(count: int = 8, width: int = 400) -> list[tuple[int, bytes]]:
    """Photographs as bare pixels: the width of each, and its bytes, RGB, row by row."""
    check_whole("count", count, MOST)
    return [unpacked(photograph(n, width)) for n in range(count)]


def shrink(photo: tuple[int, bytes], size: int = 128) -> bytes:
    """The pixels of a small copy, computed in Python alone: it needs no library, and so any Python.

    What `thumbnail_in_python` does between unpacking and packing.
    """
    width, data = photo
    check_whole("size", size, 5000)
    step = -(-max(width, len(data) // (3 * width)) // size)  # rounded up
    strip = 3 * width * step
    strips = (data[start : start + strip] for start in range(0, len(data), strip))
    return b"".join(averages(each, width, step) for each in strips)


@contextmanager
def database() -> Iterator[str]:
    """Gives the path of an SQLite file for this block; `note` writes into it."""
    with temporary("album") as folder:
        path = os.path.join(folder, "album.db")
        open(path, "wb").close()
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(TABLE)
        try:
            yield path
        finally:
            forget(path)


def note(path: str, name: str, thumbnail: bytes) -> str:
    """Write a thumbnail into the database, in a transaction of its own; gives `name` back.

    Every thread has a connection of its own and keeps it. Undone, where the database
    cannot be written or somebody else keeps it locked for ten seconds.
    """
    with told(f"{name} is not noted", path):
        connection = of_this_thread(path, lambda: connect(path, seconds=PATIENCE))
        connection.execute("INSERT OR REPLACE INTO photo VALUES (?, ?)", (name, thumbnail))
    return name


def noted(path: str) -> list[tuple[str, int]]:
    """What is in the database: the names, sorted, and how many bytes each thumbnail has."""
    with told("the album cannot be read", path), closing(connect(path, write=False)) as connection:
        rows = connection.execute("SELECT name, length(thumbnail) FROM photo ORDER BY name")
        return list(rows)
