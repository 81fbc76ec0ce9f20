"""The album: downloaded, made small and noted, by whoever does it."""

from __future__ import annotations

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.run import run
from helpers.work import album, fetch, server, thumbnail, thumbnail_in_python
from helpers.work.real_work import Undone, photograph, unpacked


def test_the_server_has_every_photograph() -> None:
    urls = album.urls(3, seconds=0, width=100)
    assert [fetch(url) for url in urls] == [photograph(n, 100) for n in range(3)]
    assert server.body(urls[2]) == photograph(2, 100)


def test_a_photograph_takes_its_time_and_no_other_waits_for_it() -> None:
    started = time.monotonic()
    photos = run(fetch, album.urls(8, seconds=0.5, width=60), 8).results
    assert 0.5 <= time.monotonic() - started < 3.0
    assert len({*photos}) == 8


def test_what_the_server_does_not_have_is_told() -> None:
    at = server.address()
    with pytest.raises(Undone, match="photo must be a number from 0 to 99999, not 'x'"):
        fetch(f"{at}/photo/x")
    with pytest.raises(Undone, match="width must be a number from 1 to 6000, not '0'"):
        fetch(f"{at}/photo/1?width=0")


@pytest.mark.parametrize("fault", ["500", "cut", "stall", "garbage"])
def test_a_photograph_goes_wrong_as_often_as_was_asked_for(fault: str) -> None:
    (url,) = album.urls(1, seconds=0, width=60)
    url += f"&fault={fault}&times=2&name={time.time_ns()}"
    for _ in range(2):
        with pytest.raises(Undone):
            fetch(url, 0.2)
    assert fetch(url) == photograph(0, 60) == server.body(url)
    with pytest.raises(Undone):
        fetch(url.replace("&times=2", ""), 0.2)


def test_files_are_the_same_photographs_and_gone_afterwards() -> None:
    with album.files(5, width=100) as paths:
        assert [Path(path).read_bytes() for path in paths] == [photograph(n, 100) for n in range(5)]
        assert [os.path.basename(path) for path in paths][:2] == ["photo-00.jpg", "photo-01.jpg"]
    assert not os.path.exists(os.path.dirname(paths[0]))


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", 100_000])
def test_a_count_that_cannot_be_is_refused(count: Any) -> None:
    why = r"^count must be a whole number from 1 to 99999, not "
    with pytest.raises(ValueError, match=why):
        album.urls(count)
    with pytest.raises(ValueError, match=why), album.files(count):
        pass


def test_many_threads_note_and_nothing_is_lost() -> None:
    small = thumbnail(photograph(0, 60), 10)
    names = [f"{n:03}" for n in range(200)]
    with album.database() as path:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda name: album.note(path, name, small), names)) == names
        assert album.noted(path) == [(name, len(small)) for name in names]
        album.note(path, "007", b"again")
        assert album.noted(path)[7] == ("007", 5)
    assert not os.path.exists(path)


def test_processes_note_too() -> None:
    small = [photograph(n, 60) for n in range(4)]
    with album.database() as path:
        items = [(path, f"{n}", photo) for n, photo in enumerate(small)]
        run(_note, items, 2, using="processes")
        assert album.noted(path) == [(f"{n}", len(photo)) for n, photo in enumerate(small)]


def _note(item: tuple[str, str, bytes]) -> str:
    return album.note(*item)


def test_a_database_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(album, "PATIENCE", 0.05)
    with album.database() as path:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Undone, match=r"7 is not noted: .*somebody else has locked it"):
                album.note(path, "7", b"")
        album.note(path, "7", b"")
    with pytest.raises(Undone, match=r"the album cannot be read: .*there is no such file"):
        album.noted(path)


@pytest.mark.parametrize("number", [0, 3])
def test_pixels_are_shrunk_as_the_thumbnail_in_python_is(number: int) -> None:
    photo = photograph(number, 300)
    small = Image.open(BytesIO(thumbnail_in_python(photo)))
    assert album.shrink(unpacked(photo)) == small.tobytes()
    assert album.pixels(number + 1, 300)[number] == unpacked(photo)
