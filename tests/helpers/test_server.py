"""The server answers what it is asked for, wrong on demand, and never outlives its kernel."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_client.manager import start_new_kernel

from helpers.run import RunError, run
from helpers.work import server as module
from helpers.work.real_work import Undone, fetch, fetch_async
from helpers.work.server import ServerError, address, body, server

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    with server() as address:
        yield address


def ask(at: str, text: bytes) -> bytes:
    """What the server says to these bytes, until it closes the connection."""
    host, _, port = at.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(text)
        line.shutdown(socket.SHUT_WR)
        said = b""
        while data := line.recv(65_536):
            said += data
    return said


def nobody_answers(at: str, seconds: float = 20) -> bool:
    """Whether the server is gone, after so many seconds at most."""
    host, _, port = at.removeprefix("http://").partition(":")
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return True
        time.sleep(0.02)
    return False


# ------------------------------------------------------------------- answers


@pytest.mark.parametrize("size", [0, 1, 1000, 300_000])
def test_a_body_has_the_size_that_was_asked_for_and_can_be_checked(at: str, size: int) -> None:
    url = f"{at}/wait?size={size}&name=7"
    assert fetch(url) == body(url)
    assert len(body(url)) == size


@given(st.text(max_size=20))
def test_every_name_has_a_body_of_its_own(at: str, name: str) -> None:
    url = f"{at}/wait?name={quote(name)}"
    assert fetch(url) == body(url)
    assert (body(url) == body(f"{at}/wait")) == (name == "")


def test_an_answer_takes_the_seconds_that_were_asked_for(at: str) -> None:
    start = time.perf_counter()
    fetch(f"{at}/wait?seconds=0.2")
    assert time.perf_counter() - start >= 0.19


def test_one_connection_carries_one_request_after_another(at: str) -> None:
    line = http.client.HTTPConnection(at.removeprefix("http://"), timeout=20)
    ends = set()
    for n in range(3):
        line.request("GET", f"/wait?name={n}")
        assert line.getresponse().read() == body(f"{at}/wait?name={n}")
        ends.add(line.sock.getsockname())
    line.close()
    assert len(ends) == 1


def test_requests_that_come_at_once_are_answered_in_order(at: str) -> None:
    two = b"".join(b"GET /wait?name=%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in (1, 2))
    said = ask(at, two)
    first, second = (said.find(body(f"{at}/wait?name={n}")) for n in (1, 2))
    assert 0 < first < second


@pytest.mark.parametrize("path", ["/wait?size=50", "/nowhere", "/wait?size=-1"])
def test_head_has_the_headers_only(at: str, path: str) -> None:
    said = ask(at, b"HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    assert b"content-length: " in said.lower()
    assert said.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("seconds=-1", b"seconds must be a number from 0 to 60, not '-1'"),
        ("seconds=nan", b"seconds must be a number from 0 to 60, not 'nan'"),
        ("size=1e30", b"size must be a number from 0 to 1e+07, not '1e30'"),
        ("size=many", b"size must be a number from 0 to 1e+07, not 'many'"),
        (
            "colour=red",
            b"colour is not known; there are seconds, size, name, width, fault and times",
        ),
        (
            "fault=fire",
            b"fault must be cut, stall, silent, garbage, die or a number from 400 to 599, "
            b"not 'fire'",
        ),
        ("times=x", b"times must be a number from 0 to 1e+09, not 'x'"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_in_one_sentence(
    at: str, path: str, why: bytes
) -> None:
    said = ask(at, b"GET /wait?%s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.endswith(why + b"\n")
    with pytest.raises(ValueError, match=why.decode().replace("+", r"\+")):
        body(f"{at}/wait?{path}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"405"),
        (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /wait HTTP/1.1\r\n\r\n", b"400"),  # without a host
        (b"\x16\x03\x01 this is no HTTP\r\n\r\n", b"400"),
        (b"GET /" + 100_000 * b"x" + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
    ],
)
def test_what_it_does_not_serve_is_refused_and_the_next_is_served(
    at: str, text: bytes, code: bytes
) -> None:
    try:
        assert ask(at, text).startswith(b"HTTP/1.1 " + code)
    except ConnectionError:  # it may cut the line while we still talk
        assert len(text) > 1000
    assert fetch(f"{at}/wait?size=3") == body(f"{at}/wait?size=3")


def test_a_thousand_slow_clients_are_all_answered_at_once(at: str) -> None:
    """In turn it would take 100 seconds."""

    async def one(port: int, n: int) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = f"/wait?seconds=0.1&size=1000&name={n}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        said = await reader.read()
        writer.close()
        return said.startswith(b"HTTP/1.1 200 ") and said.endswith(body(f"{at}{path}"))

    async def everybody() -> int:
        port = int(at.rpartition(":")[2])
        return sum(await asyncio.gather(*(one(port, n) for n in range(1000))))

    module.allow_many_files()  # each client is an open file here as well
    start = time.perf_counter()
    assert asyncio.run(everybody()) == 1000
    assert time.perf_counter() - start < 10


# ------------------------------------------------------------ wrong on demand


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/status/500", "the server answered 500 Internal Server Error"),
        ("/status/404", "the server answered 404 Not Found"),
        ("/status/204", "the server answered 204 No Content"),
        ("/status/304", "the server answered 304 Not Modified"),
        ("/wait?size=-3", "answered 400 Bad Request: size must be a number from 0 to 1e.07, not"),
        ("/cut?size=1000", "the connection was cut before the whole answer had come"),
        ("/garbage", "what came back is no HTTP"),
        ("/silent", r"the server was silent for 0\.5 s"),
        ("/stall?size=1000", r"the server was silent for 0\.5 s"),
        ("/wait?seconds=5", r"the server was silent for 0\.5 s"),
    ],
)
def test_each_fault_is_told_with_its_url_and_the_server_goes_on(
    at: str, path: str, why: str
) -> None:
    with pytest.raises(Undone, match=why) as info:
        fetch(at + path, seconds=0.5)
    assert str(info.value).startswith(f"{at}{path}: ")
    assert "\n" not in str(info.value)
    assert len(str(info.value)) < 400
    assert fetch(f"{at}/wait") == body(f"{at}/wait")


@pytest.mark.parametrize("download", [fetch, lambda url: asyncio.run(fetch_async(url))])
def test_a_server_that_dies_half_way_is_told_and_comes_back_where_it_was(download: Any) -> None:
    before = address()
    with pytest.raises(Undone, match="/die: the connection was cut"):
        download(f"{before}/die")
    assert nobody_answers(before)
    assert download(f"{before}/wait") == body(f"{before}/wait")
    assert address() == before


def test_many_that_find_it_dead_bring_it_back_once() -> None:
    urls = [f"{address()}/wait?name={n}" for n in range(12)]
    with pytest.raises(Undone):
        fetch(f"{address()}/die")
    for using in ("threads", "tasks"):
        timeline = run(fetch_async if using == "tasks" else fetch, urls, 12, using)
        assert timeline.results == [body(url) for url in urls]


def test_hundreds_that_find_it_dead_do_not_wait_for_each_other() -> None:
    urls = [f"{address()}/wait?name={n}" for n in range(400)]
    assert module._process is not None
    module._process.kill()
    timeline = run(fetch_async, urls, len(urls), "tasks", timeout=20)  # half a second each: 33 s
    assert timeline.results == [body(url) for url in urls]


def test_it_comes_back_elsewhere_where_somebody_has_its_port() -> None:
    before = address()
    with pytest.raises(Undone):
        fetch(f"{before}/die")
    assert module._process is not None
    module._process.wait(20)
    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        after = address()
    assert after != before
    assert fetch(f"{after}/wait") == body(f"{after}/wait")


def test_no_server_is_told() -> None:
    with server() as gone:
        pass
    with pytest.raises(Undone, match=f"^{gone}/wait: no server answers there"):
        fetch(f"{gone}/wait")


@pytest.mark.parametrize("using", ["serial", "threads", "processes"])
def test_among_many_downloads_faults_cost_only_themselves(at: str, using: str) -> None:
    wrong = {3: "/status/500", 7: "/cut", 11: "/garbage"}
    urls = [at + wrong.get(n, f"/wait?seconds=0.01&name={n}") for n in range(16)]
    with pytest.raises(RunError, match=r"Item 4 of 16 \('http.*/status/500'\) failed") as info:
        run(fetch, urls, workers=4, using=using, keep_going=True)
    assert [failure.index for failure in info.value.failures] == list(wrong)
    assert all(failure.item in str(failure) for failure in info.value.failures)
    expected = [None if n in wrong else body(url) for n, url in enumerate(urls)]
    assert info.value.timeline.results == expected


# ------------------------------------------------------------- its beginning and end


def test_it_is_gone_when_its_block_ends() -> None:
    with server() as at:
        assert fetch(f"{at}/wait") == body(f"{at}/wait")
    assert nobody_answers(at)


def test_it_is_gone_when_its_block_ends_while_somebody_waits() -> None:
    said: list[str] = []

    def ask_for_long() -> None:
        try:
            fetch(f"{at}/wait?seconds=30", seconds=30)
        except Undone as error:
            said.append(str(error))

    with server() as at:
        thread = threading.Thread(target=ask_for_long)
        thread.start()
        time.sleep(0.2)
    thread.join(10)
    assert not thread.is_alive()
    assert "the connection was cut" in said[0] or "no server answers" in said[0]


def test_all_threads_that_ask_for_the_address_get_the_same() -> None:
    found: set[str] = set()
    threads = [threading.Thread(target=lambda: found.add(address())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {address()}


@POSIX
def test_a_fork_has_a_server_of_its_own_even_where_the_lock_was_held() -> None:
    fork = get_context("fork")
    answers = fork.SimpleQueue()
    with module._lock:
        child = fork.Process(target=_asks, args=(answers,))
        child.start()
    child.join(30)
    assert not child.is_alive()
    theirs = answers.get()
    assert theirs != address()
    assert nobody_answers(theirs)


def _asks(answers: Any) -> None:
    url = f"{address()}/wait"
    assert fetch(url) == body(url)
    answers.put(address())


KERNEL = """
import os, sys, time
from helpers.work.server import address
print(address(), flush=True)
{then}
"""
ENDS = {
    "ends": "",
    "raises": "raise ValueError",
    "exits at once": "os._exit(3)",
    "is killed": "import signal; os.kill(os.getpid(), signal.SIGKILL)",
    "is killed by a signal that it could handle": "import signal\n"
    "os.kill(os.getpid(), signal.SIGTERM)",
    "is killed while a fork of it goes on": "import signal\n"
    "if os.fork(): os.kill(os.getpid(), signal.SIGKILL)\n"
    "os.close(1); os.close(2); time.sleep(12); os._exit(0)",
}


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_with_its_kernel_however_that_ends(how: str) -> None:
    if sys.platform == "win32" and "killed" in how:
        pytest.skip("Windows has no such signal")
    code = KERNEL.format(then=ENDS[how])
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    at, *more = done.stdout.split()
    assert nobody_answers(at, 8)  # before the fork ends
    assert more == []  # and it wrote nothing where the kernel writes
    assert "ResourceWarning" not in done.stderr


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_when_jupyter_restarts_its_kernel(busy: bool) -> None:
    """Even one that hangs in a cell."""
    said: list[str] = []
    manager, client = start_new_kernel(cwd=str(ROOT))
    try:
        code = KERNEL.format(then="")
        hook = lambda message: said.append(message["content"].get("text", ""))  # noqa: E731
        client.execute_interactive(code, output_hook=hook, timeout=60)
        at = "".join(said).strip()
        assert fetch(f"{at}/wait") == body(f"{at}/wait")
        if busy:
            client.execute(
                "from helpers.work.real_work import fetch; fetch(address() + '/silent', 60)"
            )
        manager.restart_kernel(now=busy)
        assert nobody_answers(at)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@POSIX
def test_interrupting_the_kernel_and_its_group_does_not_reach_it() -> None:
    then = """
import signal
from helpers.work.real_work import fetch
try:
    os.killpg(0, signal.SIGINT); time.sleep(5)
except KeyboardInterrupt:
    print(len(fetch(address() + "/wait?size=77")))
"""
    done = subprocess.run(
        [sys.executable, "-c", KERNEL.format(then=then)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        start_new_session=True,
    )
    assert done.stdout.split()[1:] == ["77"], done.stderr


def test_proxies_in_the_environment_are_not_asked(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = f"{at}/wait?name=direct"
    assert run(fetch, [url], 1, "spawn").results == [body(url)]


def test_a_server_that_cannot_start_says_why_and_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "asyncio.py").write_text("raise SystemExit('no asyncio today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ServerError, match="the last it said was: no asyncio today"):
        module._start()


def test_a_server_that_never_says_its_port_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "asyncio.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(module, "START", 0.5)
    with pytest.raises(ServerError, match="the last it said was: nothing"):
        module._start()


def test_it_is_for_this_computer_only(at: str) -> None:
    assert at.startswith("http://127.0.0.1:")


@POSIX
def test_its_open_files_are_allowed_to_be_many() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 8192));"
        "from helpers.work.server import allow_many_files; allow_many_files();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert said == "(4096, 8192)\n"


def test_its_process_needs_nothing_of_this_folder(tmp_path: Path) -> None:
    """A notebook's folder may have an `h11.py` or a `helpers` of its own."""
    (tmp_path / "h11.py").write_text("raise ImportError('the wrong one')")
    code = "from helpers.work.server import server\nwith server() as at: print(at[:7])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=60,
    )
    assert done.stdout == "http://\n", done.stderr
