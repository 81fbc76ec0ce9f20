"""A real HTTP server on this computer, in a process of its own, for the downloads.

`with server() as address:` starts one and ends it with the block. `address()`
starts one at its first call, for a whole notebook; it ends with the kernel,
whatever happens to that. What a request asks for stands in its URL:

    /wait?seconds=0.05&size=1000&name=7    a body of 1000 bytes, after 50 ms
    /photo/7?seconds=0.05&width=800        photograph number 7 as JPEG, 800 pixels wide
    /status/500                            an error
    /cut                                   half the body, then the line is cut
    /stall                                 half the body, then nothing more
    /silent                                never an answer
    /garbage                               bytes that are no HTTP
    /die                                   the server's process ends half-way
    /photo/7?fault=cut&times=2             the same, or the number of an error, so many
                                           times; without `times` for good

The others take `seconds`, `size` and `name`. The same URL has the same body,
which `body(url)` computes without a server.

The connections are asyncio's and HTTP is h11's, which httpx has inside too.
Tornado, which JupyterLab brings, would do on Linux and macOS; on Windows it
waits for its sockets with `select`, and that ends at 512 of them. Only GET and
HEAD, only this computer, no encryption: it is not meant for production.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    import h11

HERE = "127.0.0.1"
LONGEST = 60.0  # seconds that an answer may take
LARGEST = 10_000_000  # bytes of a body
WAITING = 4096  # connections that may come in before the first is looked at
JPEG = b"\xff\xd8"  # how each begins
DYING, CUT = 0.5, 0.02  # seconds until it is dead
ERRORS = range(400, 600)
KEYS = ("seconds", "size", "name", "width", "fault", "times")
START = 30.0  # seconds that a new process gets until it has its port


class ServerError(RuntimeError):
    """The server could not be started."""


@contextmanager
def server() -> Iterator[str]:
    """A server for this block: gives its address, such as `http://127.0.0.1:49152`."""
    process, at = _start()
    try:
        yield at
    finally:
        _end(process)


def address() -> str:
    """The address of the one server of this Python; started if it is not running.

    If it has died it comes back at the same address, unless somebody else is there now.
    """
    global _process, _address
    from .real_work import revivers

    with _lock:
        revivers[:] = [_revived]
        if _process is None or _process.poll() is not None:
            _process, _address = _start(_address.rpartition(":")[2] or "0")
            atexit.register(_end, _process)
        return _address


def body(url: str) -> bytes:
    """What the server answers to `url` if nothing goes wrong."""
    return _body(_asked(url.partition("://")[2].partition("/")[2]))


# ------------------------------------------------------- the process, from outside

_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None
_address = ""


def _revived(url: str, refused: bool) -> bool:
    """Whether `url` belongs to the one server of this Python, which runs again if it had died.

    Where it was not `refused`, but cut, the server may have done that, and be well.
    """
    process = _process
    if process is None or not url.startswith(f"{_address}/"):
        return False
    try:  # who dies refuses, and cuts, a little before it is dead
        process.wait(DYING if refused else CUT)
    except subprocess.TimeoutExpired:
        if not refused:
            return False
    return url.startswith(f"{address()}/")


def _after_fork_in_child() -> None:
    """The server is its parent's to end, and whoever held the lock may not exist here."""
    global _lock, _process, _address
    _lock, _process, _address = threading.Lock(), None, ""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _start(port: str = "0") -> tuple[subprocess.Popen[str], str]:
    """A process that serves until its standard input is closed, which our end does too.

    At `port` if it is free, else at one that the system chooses.
    """
    from ..ending.interrupts import kept_from_children

    allow_many_files()  # here as well: who asks it has a connection for each question
    new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows has flags,
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with kept_from_children():  # it is one of ours for a moment, before it has its own session
        process = subprocess.Popen(
            [sys.executable, "-P", os.path.abspath(__file__), port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            creationflags=new_group | no_window,
            start_new_session=True,  # other systems this: interrupting the kernel is not for us
        )
    try:
        with _not_for_ever(process):
            return process, _first_line(process)
    except BaseException:
        _end(process)
        raise


@contextmanager
def _not_for_ever(process: subprocess.Popen[str]) -> Iterator[None]:
    too_late = threading.Timer(START, process.kill)
    too_late.start()
    try:
        yield
    finally:
        too_late.cancel()


def _first_line(process: subprocess.Popen[str]) -> str:
    """The address, once it has one; warnings may come before it."""
    assert process.stdout is not None
    said = "nothing"
    with process.stdout as lines:
        for line in lines:
            if line.startswith("http://"):
                return line.strip()
            said = line.strip() or said
    raise ServerError(f"The server could not start; the last it said was: {said}")


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# ------------------------------------------------------------- what is asked for


class Asked(NamedTuple):
    """A request, taken apart."""

    what: str  # wait, status, cut, …
    number: int  # the status, or the photograph
    seconds: float
    size: int
    name: str
    width: int
    fault: str  # cut, stall, … or the number of an error, or nothing
    times: float


def _asked(target: str) -> Asked:
    """Take a URL's path and query apart; ValueError, in one sentence, for what makes no sense."""
    from urllib.parse import parse_qs

    path, _, query = target.partition("?")
    what, _, number = path.strip("/").partition("/")
    given = {key: values[-1] for key, values in parse_qs(query).items()}
    if unknown := set(given) - {*KEYS}:
        known = f"{', '.join(KEYS[:-1])} and {KEYS[-1]}"
        raise ValueError(f"{min(unknown)} is not known; there are {known}")
    fault = given.get("fault", what if what in FAULTS else "")
    if fault and fault not in FAULTS and fault not in map(str, ERRORS):
        known = f"{', '.join(FAULTS)} or a number from {ERRORS[0]} to {ERRORS[-1]}"
        raise ValueError(f"fault must be {known}, not {fault!r:.60}")
    photo = what == "photo"
    least, most = (0, 99_999) if photo else (200, 599)
    return Asked(
        what,
        int(_number("photo" if photo else "status", number or "200", least, most)),
        _number("seconds", given.get("seconds", "0"), 0, LONGEST),
        int(_number("size", given.get("size", "1000"), 0, LARGEST)),
        given.get("name", ""),
        int(_number("width", given.get("width", "800"), 1, 6000)),
        fault,
        _number("times", given.get("times", "1e9"), 0, 1e9),
    )


def _number(name: str, text: str, least: float, most: float) -> float:
    with suppress(ValueError):
        if least <= float(text) <= most:
            return float(text)
    raise ValueError(f"{name} must be a number from {least:g} to {most:g}, not {text!r:.60}")


def _body(asked: Asked) -> bytes:
    """A photograph, or lines that differ from name to name, cut to size."""
    from hashlib import sha256

    if asked.what == "photo":
        return _photograph(asked.number, asked.width)
    line = sha256(asked.name.encode()).hexdigest().encode() + b"\n"
    return (line * (asked.size // len(line) + 1))[: asked.size]


@lru_cache(maxsize=256)
def _photograph(number: int, width: int) -> bytes:
    from helpers.work.real_work import photograph  # this file may run by itself

    return photograph(number, width)


# ---------------------------------------------------------- the process, from inside


async def _serve(port: int = 0) -> None:
    import asyncio

    parent = os.getppid()  # before anybody knows of us: soon it may be killed
    allow_many_files()
    try:
        listening = await asyncio.start_server(_talk, HERE, port, backlog=WAITING)
    except OSError:
        listening = await asyncio.start_server(_talk, HERE, 0, backlog=WAITING)
    port = listening.sockets[0].getsockname()[1]
    print(f"http://{HERE}:{port}", flush=True)
    _be_quiet()
    while os.getppid() == parent:  # for a pipe that a fork of the kernel holds open
        await asyncio.sleep(1)


def _end_with_the_pipe() -> None:
    """The other end of standard input is closed by the kernel, or by the system after it."""
    sys.stdin.buffer.read()
    os._exit(0)


def allow_many_files() -> None:
    """A connection is an open file, and macOS begins with 256 of them."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < WAITING and (hard == resource.RLIM_INFINITY or hard >= WAITING):
            resource.setrlimit(resource.RLIMIT_NOFILE, (WAITING, hard))


def _be_quiet() -> None:
    """Nobody reads what this process says from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


async def _talk(reader: StreamReader, writer: StreamWriter) -> None:
    """One connection, from its first request to its end."""
    import h11

    line = h11.Connection(h11.SERVER)
    with suppress(OSError):
        try:
            async for request in _requests(line, reader):
                await _answer(line, request, reader, writer)
                await writer.drain()
        except h11.RemoteProtocolError as error:
            if line.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                _send(line, writer, error.error_status_hint, f"{error}\n".encode())
        writer.close()
        await writer.wait_closed()


async def _requests(line: h11.Connection, reader: StreamReader) -> AsyncIterator[h11.Request]:
    """The requests of a connection, each without its body."""
    import h11

    while True:
        event = line.next_event()
        if event is h11.NEED_DATA:
            line.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.EndOfMessage):
            yield request
            if line.our_state is not h11.DONE or line.their_state is not h11.DONE:
                return
            line.start_next_cycle()
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return


async def _answer(
    line: h11.Connection, request: h11.Request, reader: StreamReader, writer: StreamWriter
) -> None:
    import asyncio

    head = request.method == b"HEAD"
    if not head and request.method != b"GET":
        return _send(line, writer, 405, b"GET and HEAD are all that there is\n")
    try:
        asked = _asked(target := request.target.decode("ascii"))
    except ValueError as error:
        return _send(line, writer, 400, f"{error}\n".encode(), head)
    if asked.fault and gone_wrong[target] < asked.times:
        gone_wrong[target] += 1
        await asyncio.sleep(asked.seconds)
        if asked.fault in FAULTS:
            return await FAULTS[asked.fault](line, asked, reader, writer)
        return _send(line, writer, int(asked.fault), b"wrong on demand\n", head)
    if asked.what == "photo":  # made meanwhile, on a thread: the other connections go on
        made = asyncio.to_thread(_body, asked)
        _, photo = await asyncio.gather(asyncio.sleep(asked.seconds), made)
        return _send(line, writer, 200, photo, head)
    await asyncio.sleep(asked.seconds)
    if asked.what in ("wait", "status"):
        return _send(line, writer, asked.number, _body(asked), head)
    return _send(line, writer, 404, b"ask for /wait?seconds=0.05&size=1000\n", head)


def _send(
    line: h11.Connection, writer: StreamWriter, code: int, body: bytes, head: bool = False
) -> None:
    """A whole answer; `head` leaves out its body."""
    from http.client import responses

    import h11

    bare = code in (204, 304)  # "no content" and "not modified" have no body
    kind = "image/jpeg" if body.startswith(JPEG) else "text/plain"
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    response = h11.Response(
        status_code=code, headers=[] if bare else headers, reason=responses.get(code, "")
    )
    parts: list[h11.Event] = [response]
    parts += [] if head or bare else [h11.Data(data=body)]
    writer.write(b"".join(line.send(part) or b"" for part in [*parts, h11.EndOfMessage()]))


# -------------------------------------------------------------- what goes wrong

gone_wrong: Counter[str] = Counter()  # how often, by what was asked for


async def _cut(
    line: h11.Connection, asked: Asked, reader: StreamReader, writer: StreamWriter
) -> None:
    import h11

    whole = _body(asked)
    headers = [("Content-Length", str(len(whole)))]
    writer.write(line.send(h11.Response(status_code=200, headers=headers)) or b"")
    writer.write(whole[: len(whole) // 2])
    await writer.drain()


async def _silent(
    line: h11.Connection, asked: Asked, reader: StreamReader, writer: StreamWriter
) -> None:
    while await reader.read(65_536):  # until the client has had enough
        pass


async def _stall(
    line: h11.Connection, asked: Asked, reader: StreamReader, writer: StreamWriter
) -> None:
    await _cut(line, asked, reader, writer)
    await _silent(line, asked, reader, writer)


async def _garbage(
    line: h11.Connection, asked: Asked, reader: StreamReader, writer: StreamWriter
) -> None:
    writer.write(bytes(range(128, 256)) * 8 + b"\r\n\r\n")


async def _die(
    line: h11.Connection, asked: Asked, reader: StreamReader, writer: StreamWriter
) -> None:
    await _cut(line, asked, reader, writer)
    os._exit(1)


FAULTS = {"cut": _cut, "stall": _stall, "silent": _silent, "garbage": _garbage, "die": _die}


if __name__ == "__main__":
    import asyncio

    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    threading.Thread(target=_end_with_the_pipe, daemon=True).start()
    asyncio.run(_serve(*map(int, sys.argv[1:])))
