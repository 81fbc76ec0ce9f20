"""Real work: downloads, words in text, and pictures. Databases are in `records`.

`fetch` waits for a server. `count_words` computes in Python, over the standard
library's own source. `thumbnail` computes in C code, which lets go of the GIL,
and `thumbnail_in_python` does the same to the same picture in Python.

Every function takes one item and gives a result that is the same whoever
computes it, so `run` can hand them to threads and to processes. What cannot be
done raises `Undone`, which names the item in one sentence.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EMFILE
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections import Counter

    import httpx
    from PIL.Image import Image

T = TypeVar("T")

NOT_THE_LIBRARY = ("site-packages", "dist-packages", "test", "tests", "__pycache__")
CLIENT = ("httpx", "httpcore", "ssl")  # what a first download imports
TOO_MANY_PIXELS = 50_000_000  # 150 MB once it is unpacked

# Who may bring a server back that has died: says whether it did, for an address, and for whether
# the connection was refused, or cut. `server`, which needs this module, puts itself in.
revivers: list[Callable[[str, bool], bool]] = []


class Undone(RuntimeError):
    """One item of real work that could not be done; the sentence names it."""

    def _render_traceback_(self) -> list[str]:  # what IPython asks an error for
        return [f"{type(self).__name__}: {self}"]


# ----------------------------------------------------------------- downloads


def fetch(url: str, seconds: float = 10.0) -> bytes:
    """Download `url`; the server may be silent for `seconds` at most.

    Every thread has a connection of its own and keeps it for its next download.
    Proxies that the environment names are not asked. A thread that waits for an
    answer can only be stopped when it has one, or when the time is up.
    """
    import httpx

    _check_seconds(seconds)
    client = of_this_thread("client", lambda: httpx.Client(verify=_trust(), trust_env=False))
    try:
        try:
            answer = client.get(url, timeout=seconds)
        except httpx.NetworkError as error:  # not half way through an answer
            refused = isinstance(error, httpx.ConnectError)
            if not any(revives(url, refused) for revives in revivers):
                raise
            answer = client.get(url, timeout=seconds)
        return _whole(url, answer.status_code, answer.reason_phrase, answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, TypeError, UnicodeError) as error:
        _undone(url, seconds, error)


async def fetch_async(url: str, seconds: float = 10.0) -> bytes:
    """The same for a task, over asyncio's streams; each download has a connection of its own.

    (httpx has a client for tasks, too; with a thousand of them under way it takes
    seconds to find a free connection, again and again.)
    """
    import asyncio

    import httpx

    _check_seconds(seconds)
    try:
        at = httpx.URL(url)
        try:
            return _whole(url, *await _answer(at, seconds))
        except httpx.NetworkError as error:  # not half way through an answer
            refused = isinstance(error, httpx.ConnectError)
            if not any([await asyncio.to_thread(revives, url, refused) for revives in revivers]):
                raise
            return _whole(url, *await _answer(at, seconds))
    except (httpx.HTTPError, httpx.InvalidURL, TypeError, UnicodeError) as error:
        _undone(url, seconds, error)


async def _answer(at: httpx.URL, seconds: float) -> tuple[int, str, bytes]:
    """What the server answers: status, reason, content; what goes wrong is raised as by httpx."""
    import asyncio

    import h11
    import httpx

    if at.scheme not in ("http", "https") or not at.host:
        raise httpx.UnsupportedProtocol("an address begins with http:// or https://, and a host")
    port, trust = (at.port or 443, _trust()) if at.scheme == "https" else (at.port or 80, None)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(at.host, port, ssl=trust)
    except TimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpx.ConnectError(str(error)) from error
    line, whole, status, reason = h11.Connection(h11.CLIENT), bytearray(), 0, ""
    try:
        headers = [(b"Host", at.netloc), (b"Connection", b"close")]
        head = h11.Request(method="GET", target=at.raw_path, headers=headers)
        writer.write(line.send(head) + line.send(h11.EndOfMessage()))
        while not isinstance(event := line.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                async with asyncio.timeout(seconds):
                    line.receive_data(await reader.read(1 << 16))
            elif isinstance(event, h11.Data):
                whole += event.data
            elif isinstance(event, h11.Response):
                status, reason = event.status_code, event.reason.decode("latin-1")
        return status, reason, bytes(whole)
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error)) from error
    except OSError as error:
        raise httpx.ReadError(str(error)) from error
    finally:
        writer.close()


def _whole(url: str, status: int, reason: str, content: bytes) -> bytes:
    if status != 200:
        what = f"{status} {reason}"
        if status == 400:  # our server says what is wrong with the request
            what += f": {content.decode(errors='replace').strip():.200}"
        raise Undone(f"{url}: the server answered {what}")
    return content


def _undone(url: str, seconds: float, error: Exception) -> NoReturn:
    import httpx

    if f"[Errno {EMFILE}]" in str(error):
        why = "this process may have no more connections, as each is an open file"
    elif isinstance(error, httpx.ConnectError):
        why = "no server answers there"
    elif isinstance(error, httpx.TimeoutException):
        raise Undone(f"{url}: the server was silent for {seconds:g} s") from error
    elif isinstance(error, httpx.NetworkError) or "without" in str(error):
        why = "the connection was cut before the whole answer had come"
    elif isinstance(error, httpx.RemoteProtocolError):
        why = "what came back is no HTTP"
    else:
        why = "it cannot be asked for"
    raise Undone(f"{url}: {why}: {error!s:.200}") from error


def _check_seconds(seconds: Any) -> None:
    if not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
        raise ValueError(f"seconds must be a number above 0, not {seconds!r:.60}")


def _trust() -> Any:
    """Whom to believe on encrypted lines; one for all, as reading it takes 20 ms."""
    global _context
    if _context is None:
        import ssl

        _context = ssl.create_default_context()
    return _context


_context: Any = None


# ------------------------------------------------------------ words in text


def texts() -> list[str]:
    """The paths of the standard library's source files, without its tests; sorted."""
    top, found = os.path.dirname(os.__file__), []
    for folder, inner, files in os.walk(top):
        inner[:] = [name for name in inner if name not in NOT_THE_LIBRARY]
        found += [os.path.join(folder, name) for name in files if name.endswith(".py")]
    if not found:
        raise Undone(f"{top}: this Python comes without the source of its standard library")
    return sorted(filter(os.path.isfile, found))  # Debian has links that may lead nowhere


def read_text(path: str) -> str:
    """What is in a text file."""
    with _reading(path) as file:
        return file.read().decode("utf-8", "replace")


@contextmanager
def _reading(path: str) -> Iterator[BinaryIO]:
    """A file, open for the block. A number is no path: it may be an open file of others."""
    try:
        with open(os.fspath(path), "rb") as file:
            yield file
    except (OSError, TypeError, ValueError) as error:
        why = isinstance(error, OSError) and error.strerror
        raise Undone(f"{path}: cannot be read ({why or error})") from error


def count_words(path: str) -> Counter[str]:
    """How often each word stands in a file; what counts as one is what Python calls a name."""
    import re
    from collections import Counter

    return Counter(re.findall(r"[^\W\d]\w*", read_text(path)))


# ------------------------------------------------------------------ pictures


def pictures() -> list[str]:
    """The paths of the pictures that matplotlib brings along; the photograph comes first."""
    from importlib.util import find_spec

    found = find_spec("matplotlib")
    top = os.path.dirname((found and found.origin) or "")
    folder = os.path.join(top, "mpl-data", "sample_data")
    names = ("grace_hopper.jpg", "logo2.png", "Minduka_Present_Blue_Pack.png")
    return [path for name in names if os.path.exists(path := os.path.join(folder, name))]


def photograph(number: int, width: int = 800) -> bytes:
    """A JPEG of that width, in pixels; each `number` from 0 to 99 999 gives another one.

    They are prints of the one that matplotlib brings: turned, of another brightness,
    and with their number in a corner, so no two are the same.
    """
    from io import BytesIO

    from PIL import ImageDraw, ImageEnhance

    check_whole("number", number, 99_999, least=0)
    check_whole("width", width, 6000)
    image = _enlarged(width).rotate(90 * number, expand=True)
    image = ImageEnhance.Brightness(image).enhance(0.6 + 0.8 * (5 * number % 12) / 12)
    ImageDraw.Draw(image).text((width // 40, width // 40), f"{number}", "white")
    file = BytesIO()
    image.save(file, "jpeg")
    return file.getvalue()


@lru_cache(maxsize=2)
def _enlarged(width: int) -> Image:
    photo, *_ = pictures()
    image = _opened(photo)
    return image.resize((width, round(image.height * width / image.width)))


def thumbnail(photo: str | bytes, size: int = 128) -> bytes:
    """A small sharp copy of a picture, at most `size` pixels wide and high, as PNG.

    `photo` is the path of a file, or what is in it.
    """
    from PIL import ImageFilter, ImageOps

    check_whole("size", size, 5000)

    small = ImageOps.contain(_opened(photo), (size, size))
    return _as_png(small.filter(ImageFilter.UnsharpMask(1)))


def thumbnail_in_python(photo: str | bytes, size: int = 128) -> bytes:
    """A small copy, each of whose pixels is the average of a square of the picture's.

    Unpacking and packing is Pillow's; every pixel is computed here.
    """
    from PIL import Image

    check_whole("size", size, 5000)
    image = _opened(photo)
    width, height = image.size
    step = -(-max(width, height) // size)  # rounded up
    ends = [*range(step, height, step), height]
    strips = (
        image.crop((0, y, width, end)) for y, end in zip(range(0, height, step), ends, strict=True)
    )
    rows = [averages(strip.tobytes(), width, step) for strip in strips]
    return _as_png(Image.frombytes("RGB", (len(rows[0]) // 3, len(rows)), b"".join(rows)))


def check_whole(name: str, number: Any, most: int, least: int = 1) -> None:
    if not isinstance(number, int) or not least <= number <= most:
        raise ValueError(
            f"{name} must be a whole number from {least} to {most}, not {number!r:.60}"
        )


def averages(strip: bytes, width: int, step: int) -> bytes:
    """One row of pixels, RGB, out of a strip that is `step` pixels high at most."""
    height, row = len(strip) // (3 * width), bytearray()
    for left in range(0, width, step):
        right = min(left + step, width)
        for colour in range(3):
            total = 0
            for y in range(height):
                start = (y * width + left) * 3 + colour
                total += sum(strip[start : (y * width + right) * 3 : 3])
            count = height * (right - left)
            row.append((total + count // 2) // count)
    return bytes(row)


def unpacked(photo: bytes) -> tuple[int, bytes]:
    """Its width, and its pixels, RGB, row by row."""
    image = _opened(photo)
    return image.width, image.tobytes()


def _opened(photo: str | bytes) -> Image:
    """A picture, unpacked; a small file that unpacks to a huge picture is refused before."""
    from io import BytesIO

    from PIL import Image

    name = f"{len(photo)} bytes" if isinstance(photo, bytes) else photo
    with BytesIO(photo) if isinstance(photo, bytes) else _reading(photo) as file:
        try:
            with Image.open(file) as image:
                if image.width * image.height > TOO_MANY_PIXELS:
                    raise Undone(
                        f"{name}: {image.width} × {image.height} pixels are too many to unpack"
                    )
                return image.convert("RGB")
        except Undone:
            raise
        except Exception as error:  # each kind of file has its own way of being broken
            raise Undone(f"{name}: {_wrong_with(error)}") from error


def _wrong_with(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "this is no picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels to unpack ({error})"
    return f"the picture is not whole ({error})"


def _as_png(image: Image) -> bytes:
    from io import BytesIO

    file = BytesIO()
    image.save(file, "png")
    return file.getvalue()


# ---------------------------------------------------- what each thread keeps


class _Kept:
    """Something open that is closed when the thread that keeps it has ended."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __del__(self) -> None:
        with suppress(Exception):
            self.thing.close()


_mine = threading.local()
_of_parents: list[Any] = []


def of_this_thread(name: str, make: Callable[[], T]) -> T:
    """What this thread keeps under that name; made when it asks for the first time."""
    kept: _Kept | None = getattr(_mine, name, None)
    if kept is None:
        kept = _Kept(make())
        setattr(_mine, name, kept)
    thing: T = kept.thing
    return thing


def forget(name: str) -> None:
    """Close what this thread keeps under that name."""
    with suppress(AttributeError):
        delattr(_mine, name)


def _after_fork_in_child() -> None:
    """Our parent goes on with what it has open: not to be used here, and not to be closed."""
    global _mine
    _of_parents.append(_mine)
    _mine = threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
