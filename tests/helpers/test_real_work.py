"""Real work gives the same result for every worker, and says what is wrong with an item."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from helpers import work
from helpers.run import RunError, run
from helpers.work import real_work
from helpers.work.real_work import (
    Undone,
    count_words,
    fetch,
    fetch_async,
    of_this_thread,
    photograph,
    pictures,
    texts,
    thumbnail,
    thumbnail_in_python,
)
from helpers.work.server import body, server

ROOT = Path(__file__).parents[2]
EVERY = ["serial", "threads", *work.start_methods()]
SMALL = [thumbnail, thumbnail_in_python]


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    with server() as address:
        yield address


@pytest.fixture(scope="module")
def photo() -> str:
    return pictures()[0]


# ----------------------------------------------------------------- downloads


@pytest.mark.parametrize("using", EVERY)
def test_downloads_are_whole_whoever_does_them(at: str, using: str) -> None:
    urls = [f"{at}/wait?size={1000 * n}&name={n}" for n in range(12)]
    fetch(urls[0])  # so that a fork finds a connection of ours, and must not use it
    assert run(fetch, urls, 3, using).results == [body(url) for url in urls]
    assert fetch(urls[5]) == body(urls[5])


def test_a_thread_keeps_its_connection_and_closes_it_when_it_ends() -> None:
    """Against a server of this test, which sees the connections."""
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as said:
                for line in said:
                    if line == b"\r\n":
                        lines.append("request")
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            lines.append("closed")

        def ask() -> None:
            for _ in range(3):
                assert fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/") == b"hi"

        threads = [threading.Thread(target=work) for work in (serve, ask)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert lines == ["request", "request", "request", "closed"]


def test_hundreds_of_tasks_download_at_once(at: str) -> None:
    urls = [f"{at}/wait?seconds=0.1&size={100 * n}&name={n}" for n in range(300)]
    timeline = run(fetch_async, urls, 300, "tasks")
    assert timeline.results == [body(url) for url in urls]
    assert timeline.at_once() > 100


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/status/503", "the server answered 503 Service Unavailable"),
        ("/cut", "the connection was cut"),
        ("/garbage", "what came back is no HTTP"),
        ("/silent", r"the server was silent for 0\.3 s"),
    ],
)
def test_a_task_is_told_what_went_wrong_as_a_thread_is(at: str, path: str, why: str) -> None:
    with pytest.raises(Undone, match=f"{path}: {why}") as info:
        asyncio.run(fetch_async(at + path, seconds=0.3))
    with pytest.raises(Undone) as of_a_thread:
        fetch(at + path, seconds=0.3)
    assert str(info.value).partition(": ")[0] == str(of_a_thread.value).partition(": ")[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts open files otherwise")
@pytest.mark.parametrize("using", ["threads", "tasks"])
def test_who_may_open_no_more_files_is_told_so(at: str, using: str) -> None:
    import resource

    import helpers.ending.wait_graph  # with which threads are ended: no more files, no more imports

    assert helpers.ending.wait_graph
    urls = [f"{at}/wait?seconds=0.2&name={n}" for n in range(60)]
    work: Any = fetch_async if using == "tasks" else fetch
    run(work, urls[:1], 1, using)  # what is imported first is there
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    already = len(os.listdir("/dev/fd"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (already + 20, before[1]))
        with pytest.raises(RunError, match="this process may have no more connections"):
            run(work, urls, 60, using)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert run(work, urls[:5], 5, using).results == [body(url) for url in urls[:5]]


@pytest.mark.parametrize(
    "url",
    [
        *("", "nonsense", "ftp://127.0.0.1/", "http://", "http://[/", "http://a:b/"),
        *(f"http://{'a' * 80}.com/", 5, None, b"http://127.0.0.1/"),
    ],
)
def test_what_is_no_address_is_told(url: Any) -> None:
    with pytest.raises(Undone) as info:
        fetch(url)
    assert str(info.value).startswith(f"{url}: ")
    with pytest.raises(Undone) as info:
        asyncio.run(fetch_async(url))
    assert str(info.value).startswith(f"{url}: ")


@pytest.mark.parametrize("seconds", [0, -1, None, "long", float("nan"), float("inf")])
def test_a_patience_that_cannot_be_is_refused(seconds: Any) -> None:
    sentence = "^seconds must be a number above 0, not "
    with pytest.raises(ValueError, match=sentence):
        fetch("http://127.0.0.1/", seconds)
    with pytest.raises(ValueError, match=sentence):
        asyncio.run(fetch_async("http://127.0.0.1/", seconds))


@pytest.mark.parametrize("ask", [fetch, lambda url: asyncio.run(fetch_async(url))])
def test_a_cut_by_reset_is_a_cut_too(ask: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reset() -> None:
            connection, _ = listening.accept()
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(0.1)
            connection.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with pytest.raises(Undone, match="the connection was cut before the whole answer"):
            ask(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join(20)


# ------------------------------------------------------------ words in text


def test_words_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("to be, or not to be: that's\nthe_question 42 été", encoding="utf-8")
    expected = ["to", "be", "or", "not", "to", "be", "that", "s", "the_question", "été"]
    assert count_words(str(path)) == Counter(expected)


@pytest.mark.parametrize("using", EVERY)
def test_words_of_the_library_are_the_same_for_every_worker(using: str) -> None:
    some = texts()[:40]
    assert run(count_words, some, 3, using).results == [count_words(path) for path in some]


def test_texts_are_the_library_and_nothing_that_was_installed_or_tests_it() -> None:
    found = texts()
    assert found == sorted(set(found))
    assert os.path.join(os.path.dirname(os.__file__), "threading.py") in found
    top = os.path.dirname(os.__file__)
    parts = {part for path in found for part in Path(path).relative_to(top).parts}
    assert not parts & {"site-packages", "__pycache__", "test", "tests"}


def test_a_python_without_its_source_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "__file__", str(tmp_path / "os.pyc"))
    with pytest.raises(Undone, match="this Python comes without the source"):
        texts()


@pytest.mark.parametrize("name", ["gone", "."])
def test_a_text_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    with pytest.raises(Undone) as info:
        count_words(path)
    assert str(info.value).startswith(f"{path}: cannot be read (")


# ------------------------------------------------------------------ pictures


def opened(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png))


def test_there_are_real_pictures_and_a_photograph_comes_first() -> None:
    assert len(pictures()) == 3
    assert pictures()[0].endswith("grace_hopper.jpg")
    assert Image.open(pictures()[0]).size == (512, 600)


@pytest.mark.parametrize("job", SMALL)
@pytest.mark.parametrize("using", EVERY)
def test_thumbnails_are_the_same_for_every_worker(job: Any, using: str) -> None:
    expected = [job(path) for path in pictures()]
    assert run(job, pictures(), 2, using).results == expected


@pytest.mark.parametrize("job", SMALL)
@pytest.mark.parametrize("size", [1, 50, 128])
def test_a_thumbnail_is_small_and_keeps_its_shape(photo: str, job: Any, size: int) -> None:
    small = opened(job(photo, size))
    assert max(small.size) <= size
    assert abs(small.width * 600 - small.height * 512) <= 600 * 1.5


def test_python_computes_what_pillow_computes(photo: str) -> None:
    ours = opened(thumbnail_in_python(photo, 128))
    theirs = Image.open(photo).reduce(5)
    assert ours.size == theirs.size
    assert max(ImageChops.difference(ours, theirs).tobytes()) <= 1  # both round


@pytest.mark.parametrize("job", SMALL)
def test_a_picture_of_one_pixel_is_its_own_thumbnail(tmp_path: Path, job: Any) -> None:
    Image.new("RGB", (1, 1), (10, 20, 30)).save(tmp_path / "one.png")
    assert opened(job(str(tmp_path / "one.png"))).getpixel((0, 0)) == (10, 20, 30)


def test_every_photograph_is_another_and_the_same_every_time() -> None:
    photos = [photograph(number, 200) for number in range(30)]
    assert len({*photos}) == 30
    assert photograph(29, 200) == photos[29]
    assert {Image.open(BytesIO(photo)).size for photo in photos} == {(200, 234), (234, 200)}


@pytest.mark.parametrize("job", SMALL)
def test_a_thumbnail_is_made_of_a_file_or_of_what_is_in_it(photo: str, job: Any) -> None:
    assert job(Path(photo).read_bytes(), 20) == job(photo, 20)
    with pytest.raises(Undone, match=r"^10 bytes: this is no picture$"):
        job(b"no picture")


# -------------------------------------------------------- pictures that are broken


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(path: Path, width: int, height: int) -> str:
    """A PNG of a few bytes that says it unpacks to so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return str(path)


@pytest.mark.parametrize("job", SMALL)
@pytest.mark.parametrize(("width", "height"), [(8000, 8000), (60_000, 60_000), (2**31 - 1, 1)])
def test_a_decompression_bomb_is_refused_before_it_unpacks(
    tmp_path: Path, job: Any, width: int, height: int
) -> None:
    path = bomb(tmp_path / "bomb.png", width, height)
    with pytest.raises(Undone, match=r"bomb\.png: .*too many") as info:
        job(path)
    assert str(info.value).startswith(path)


@pytest.mark.parametrize("job", SMALL)
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_picture_that_was_cut_off_is_told(
    tmp_path: Path, job: Any, number: int, share: float
) -> None:
    data = Path(pictures()[number]).read_bytes()
    path = tmp_path / "half"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Undone, match=r"half: the picture is not whole \("):
        job(str(path))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "thing.jpg"
    path.write_bytes(data)
    with pytest.raises(Undone, match=r"thing\.jpg: (this is no picture|the picture is not whole)"):
        thumbnail(str(path))


@pytest.mark.parametrize("job", [count_words, *SMALL])
def test_what_is_no_path_is_told_and_no_open_file_is_taken_for_it(job: Any) -> None:
    with open(os.devnull) as other:
        for item in (other.fileno(), None, "a\0b"):
            with pytest.raises(Undone, match=r"cannot be read \((expected str|embedded null)"):
                job(item)
        other.read()


@pytest.mark.parametrize("number", [0, -1, 1.5, "10", 10_000])
def test_numbers_of_pixels_and_photographs_that_cannot_be_are_refused(
    photo: str, number: Any
) -> None:
    for job in SMALL:
        with pytest.raises(ValueError, match=r"^size must be a whole number from 1 to 5000, not "):
            job(photo, number)
    with pytest.raises(ValueError, match=r"^width must be a whole number from 1 to 6000, "):
        photograph(1, number)


def test_a_picture_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Undone, match=r"gone\.jpg: cannot be read \(No such file or directory\)"):
        thumbnail(str(tmp_path / "gone.jpg"))


@pytest.mark.parametrize("using", ["serial", "threads", "processes"])
def test_among_many_pictures_the_broken_ones_cost_only_themselves(
    tmp_path: Path, photo: str, using: str
) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    items = [photo, str(tmp_path / "text.jpg"), photo, bomb(tmp_path / "b.png", 9000, 9000), photo]
    with pytest.raises(RunError, match=r"Item 2 of 5 .*text\.jpg: this is no picture") as info:
        run(thumbnail, items, 2, using, keep_going=True)
    good = thumbnail(photo)
    assert info.value.timeline.results == [good, None, good, None, good]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "text.jpg"]


# ---------------------------------------------------- what each thread keeps


class Closing:
    def __init__(self, closed: list[int]) -> None:
        self.closed = closed

    def close(self) -> None:
        self.closed.append(threading.get_ident())


def test_what_a_thread_keeps_is_its_own_and_closed_at_its_end() -> None:
    closed: list[int] = []
    seen: list[Any] = []

    def keep() -> None:
        first = of_this_thread("test", lambda: Closing(closed))
        seen.append(first is of_this_thread("test", lambda: Closing(closed)))

    threads = [threading.Thread(target=keep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    gc.collect()
    assert seen == [True] * 3
    assert len(closed) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_neither_uses_nor_closes_what_its_parent_keeps() -> None:
    closed: list[int] = []
    mine = of_this_thread("forked", lambda: Closing(closed))
    pid = os.fork()
    if pid == 0:
        other = of_this_thread("forked", lambda: Closing([]))
        gc.collect()
        os._exit(0 if other is not mine and closed == [] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    real_work.forget("forked")
    real_work.forget("forked")
    assert len(closed) == 1


def test_a_notebook_shows_what_could_not_be_done_in_one_sentence() -> None:
    assert Undone("a: b")._render_traceback_() == ["Undone: a: b"]


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"httpx", "PIL", "ssl", "tempfile", "matplotlib", "multiprocessing", "subprocess"}
    code = f"import sys; import helpers.work.real_work; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(command, text=True, timeout=60, cwd=ROOT) == "[]\n"


def test_the_client_stands_in_one_module_so_that_another_can_take_its_place() -> None:
    imports = {
        path.name
        for path in (Path(__file__).parents[2] / "helpers").rglob("*.py")
        if re.search(r"(import|from) httpx|[\"']httpx", path.read_text(encoding="utf-8"))
    }
    assert imports == {"real_work.py"}
