"""Other Pythons of this computer: which there are, and the same work done by one of them.

`free_threaded()`, `with_interpreters()` and `with_gil()` each give a Python. It does
`run(work, items, workers, using)`, in a process of its own, with the modules of this
course; the timeline is one of ours. Where no such Python is found, a `Recording` stands in
for it: what another computer did for the same call. It says so, and takes no other calls.

Looked for are the paths in the variable COURSE_PYTHONS, then the PATH, then where pyenv,
uv, conda and the installers of Windows and macOS put them. Each is asked what it is, and
whether this course loads there. Nothing is installed or changed, and nobody else's
packages are used.

`python3 course.py record` writes the recordings; see `keeping`.
"""

from __future__ import annotations

import glob
import html
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from time import monotonic
from typing import Any, NamedTuple

from ..ending import InOneSentence
from ..folders import temporary
from ..machine import SYSTEMS, usable_cpus
from ..run import RunError, Stopped, run, supervisor
from ..run.door import must_be_importable
from ..timeline import Timeline, outcome_of
from ..work import calibration
from . import ROOT, Ended, errors_in, started

VARIABLE = "COURSE_PYTHONS"  # paths, divided as in PATH
KEEP = "COURSE_RECORD"  # the path of a file to which all that is measured goes, too
RECORDED = os.path.join(ROOT, "notebooks", "recorded", "pythons.json")
PATIENCE = 20.0  # seconds that a Python may take to say what it is
LOOK = 0.1  # seconds between two looks at whether it has ended, or shall
SHORT = 60  # characters of items that stand in the name of a recording
MARGIN = 10.0  # seconds more than a run may take, for Python's own start and end
NAMES = [f"python3.{n}{build}" for n in range(13, 17) for build in ("t", "")]
FREE, INTERPRETERS, GIL = "free-threaded", "interpreters", "GIL"
WANTED = {FREE: "free-threaded Python", INTERPRETERS: "Python with several interpreters"}

ASK = """
import json, sys, sysconfig, importlib.util
import helpers.run, helpers.work
print(json.dumps([
    sys.version.split()[0],
    sysconfig.get_config_var("Py_GIL_DISABLED") == 1,
    getattr(sys, "_is_gil_enabled", lambda: True)(),
    importlib.util.find_spec("concurrent.interpreters") is not None,
]))
"""


class Python(NamedTuple):
    """One that works."""

    path: str
    version: str
    free_threaded: bool  # its build
    gil: bool  # whether it is on
    interpreters: bool  # whether there are `concurrent.interpreters`
    source: str = ""  # where it was found, in a word
    kind: str = ""  # what it was chosen for
    options: tuple[str, ...] = ()  # of its command line

    @property
    def name(self) -> str:
        return f"Python {self.version}, {'with a GIL' if self.gil else 'free-threaded'}"

    def run(
        self,
        work: Callable[[Any], Any],
        items: Sequence[Any],
        workers: int = 4,
        using: str = "threads",
        *,
        timeout: float = 45.0,
    ) -> Timeline:
        """`run`, there; RunError as there, and where that Python ends before it has answered.

        ValueError where it could not import `work`, or be sent `items`.
        """
        must_be_importable(work, by="another Python")
        timeline = Timeline()
        wanted = (timeline, work, list(items), workers, using, timeout, calibration())
        try:
            order = pickle.dumps(wanted)
        except Exception as slip:
            raise ValueError(
                f"items must be what pickle can send to another Python ({outcome_of(slip)})"
            ) from slip
        with temporary("python") as folder:
            path = os.path.join(folder, "order")
            with open(path, "wb") as file:
                file.write(order)
            ended = self._ended(
                ["-c", f"from {__name__} import answer\nanswer({path!r})"], timeout + MARGIN
            )
            try:
                with open(f"{path}.answer", "rb") as file:
                    error, timeline.results = pickle.load(file)
            except FileNotFoundError:
                said = f"{self.name} has not answered: {'; '.join(str(ended).splitlines())}"
                raise RunError(said, timeline) from None
        if error is not None:
            raise RunError(error, timeline)
        keeping(self, key(work, items, workers, using), kept(timeline))
        return timeline

    def script(self, program: str, seconds: float = 45.0) -> Ended:
        """Run a program's text there; see `in_a_subprocess`."""
        with temporary("python") as folder:
            path = os.path.join(folder, "program.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(program)
            ended = self._ended([path], seconds)
        keeping(self, digest(program), [ended.exit_code, ended.printed, ended.errors])
        return ended

    def _ended(self, arguments: list[str], seconds: float) -> Ended:
        from subprocess import TimeoutExpired

        outer, last = supervisor(), monotonic() + seconds
        with (
            temporary("apart") as folder,
            started([*self.options, *arguments], folder, self.path) as process,
        ):
            while True:
                try:
                    printed, said = process.communicate(timeout=LOOK)
                    return Ended(process.returncode, printed, errors_in(said), seconds)
                except TimeoutExpired:
                    if outer.stop.is_set():
                        raise Stopped(f"Stopped, and so was {self.name}.", Timeline()) from None
                    if monotonic() > last:
                        break
        return Ended(None, "", [], seconds)


def answer(path: str) -> None:
    """What the other Python does: the order in this file, answered in another one."""
    with open(path, "rb") as file:
        timeline, work, items, workers, using, timeout, amounts = pickle.load(file)
    from ..work import calibrate_as

    calibrate_as(amounts)
    error, results = None, []
    try:
        results = run(work, items, workers, using, timeline=timeline, timeout=timeout).results
    except (RunError, ValueError) as refused:
        error = str(refused)
    with open(f"{path}.new", "wb") as file:
        pickle.dump((error, results), file)
    os.replace(f"{path}.new", f"{path}.answer")


# ----------------------------------------------------------------- recordings


class NotRecorded(InOneSentence, ValueError):
    """There is no such Python here, and nobody has recorded this call."""


class Recording(NamedTuple):
    """What a Python of another computer did; it stands in where there is none here."""

    kind: str
    made: str  # which Python, where and when
    runs: dict[str, Any]

    @property
    def name(self) -> str:
        return f"recorded: {self.made}"

    def run(
        self,
        work: Callable[[Any], Any],
        items: Sequence[Any],
        workers: int = 4,
        using: str = "threads",
        **_: Any,
    ) -> Timeline:
        """The timeline of this call; NotRecorded where there is none."""
        timeline = Timeline()
        found = self._found(key(work, items, workers, using), "these arguments")
        timeline.results = found["results"]
        for name, lane, start, stop, cpu, outcome in found["spans"]:
            timeline.add(name, lane, start, stop, cpu, outcome, 1)
        return timeline

    def script(self, program: str, seconds: float = 45.0) -> Ended:
        """What this program printed; NotRecorded where it is not the lesson's, word for word."""
        exit_code, printed, errors = self._found(digest(program), "this program")
        return Ended(exit_code, printed, errors, seconds)

    def _found(self, which: str, what: str) -> Any:
        if which not in self.runs:
            raise NotRecorded(
                f"there is no {WANTED[self.kind]} here to run {what}, and nothing like it was "
                f"recorded: set {VARIABLE} to the path of one, and restart the kernel"
            )
        return self.runs[which]


def key(work: Any, items: Sequence[Any], workers: int, using: str) -> str:
    """What a call is called in the file of recordings."""
    said = repr(list(items))
    given = said if len(said) <= SHORT else f"{len(items)} items"
    return f"{getattr(work, '__name__', work)}({given}, {workers}, {using!r})"


def digest(program: str) -> str:
    """What a program is called there."""
    return sha256(program.encode()).hexdigest()[:16]


def kept(timeline: Timeline) -> dict[str, Any]:
    first = min((span.start for span in timeline.spans), default=0)
    spans = [
        [s.name, s.lane, s.start - first, s.stop - first, s.cpu_time, s.outcome]
        for s in timeline.spans
    ]
    try:
        json.dumps(timeline.results)
    except TypeError:  # pixels, which no lesson looks at again
        return {"spans": spans, "results": []}
    return {"spans": spans, "results": timeline.results}


def keeping(python: Python, which: str, what: Any) -> None:
    """Write down what was measured, where the environment names a file for it."""
    path = os.environ.get(KEEP)
    if not path or python.kind not in (FREE, INTERPRETERS):
        return
    from datetime import date

    known = json.loads(_text(path) or "{}")
    cpus = usable_cpus()
    made = (
        f"{python.name}, {SYSTEMS.get(sys.platform, sys.platform)}, {cpus} usable "
        f"CPU{'s' * (cpus != 1)}, {date.today()}"
    )
    runs = known.setdefault(python.kind, {"made": made, "runs": {}})
    runs["made"], runs["runs"][which] = made, what
    lines = ",\n".join(
        f'"{kind}": {{"made": {json.dumps(each["made"])}, "runs": {{\n'
        + ",\n".join(f"{json.dumps(n)}: {json.dumps(v)}" for n, v in sorted(each["runs"].items()))
        + "}}"
        for kind, each in sorted(known.items())
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{{{lines}}}\n")


def _text(path: str) -> str:
    with suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return file.read()
    return ""


def recording(kind: str) -> Recording:
    found = json.loads(_text(RECORDED))[kind]
    return Recording(kind, found["made"], found["runs"])


# ---------------------------------------------------------------- which there are


@dataclass(frozen=True, repr=False)
class Found:
    """At the end of a cell a table: those that work, and of the others why not."""

    pythons: tuple[Python, ...]
    broken: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [f"{python.name} ({python.source})" for python in self.pythons]
        return "\n".join([*lines, *self.broken])

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        heads = ("Python", "GIL", "interpreters", "found by")
        rows = [
            (p.version, "on" if p.gil else "off", "yes" if p.interpreters else "no", p.source)
            for p in self.pythons
        ]
        top = "".join(f'<th scope="col" style="text-align:left">{head}</th>' for head in heads)
        body = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row)
            + "</tr>"
            for row in rows
        )
        more = "".join(f"<p>{html.escape(line)}</p>" for line in self.broken)
        return {
            "text/plain": str(self),
            "text/html": f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{more}",
        }


@cache
def found() -> Found:
    """The Pythons of this computer from 3.13 on, that of this notebook first."""
    from concurrent.futures import ThreadPoolExecutor

    sources = {sys.executable: "this notebook"}
    for source, path in _candidates():
        sources.setdefault(path, source)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, sources)
        asked = [
            each._replace(source=source) if isinstance(each, Python) else each
            for each, source in zip(answers, sources.values(), strict=True)
        ]
    pythons = {(a.version, a.free_threaded): a for a in reversed(asked) if isinstance(a, Python)}
    ours = asked[0]
    rest = sorted(
        (p for p in pythons.values() if p != ours), key=lambda p: (_numbers(p.version), p.path)
    )
    broken = [each for each in asked if isinstance(each, str)]
    return Found((*[p for p in [ours] if isinstance(p, Python)], *rest), tuple(broken))


def ask(path: str, seconds: float = PATIENCE) -> Python | str:
    """What the Python at `path` is, or a sentence on what is wrong with it."""
    import subprocess

    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            [path, "-c", ASK],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            env=environment,
            encoding="utf-8",
            errors="replace",
        )
        return Python(path, *json.loads(done.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        why = f"it has not said within {seconds:g} s what it is"
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, TypeError, IndexError):
        why = (done.stderr.strip().splitlines() or ["it says nothing of itself"])[-1]
    return f"The Python at {path} does not work here: {why.rstrip('.')}."


def _numbers(version: str) -> list[int]:
    return [int(n) for n in version.split(".")[:2]]


Candidate = tuple[str, str]  # in a word by whom it is known, and a path or a pattern of paths


def _candidates() -> Iterator[Candidate]:
    """Where a Python from 3.13 on may be."""
    for path in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        yield VARIABLE, path
    for name in NAMES:
        path = shutil.which(name) or ""
        if path and f"{os.sep}shims{os.sep}" not in path:  # pyenv's, which may lead nowhere
            yield "PATH", path
    for source, pattern in _patterns():
        for path in sorted(glob.glob(os.path.expanduser(pattern))):
            yield source, path
    if sys.platform == "win32":
        yield from (("py", path) for path in _of_the_launcher())


def _patterns() -> Iterator[Candidate]:
    at, join = os.environ.get, os.path.join
    if sys.platform == "win32":
        own = join(at("LOCALAPPDATA", ""), "Programs", "Python", "Python31[3-9]*")
        yield "installer", join(own, "python.exe")
        yield "installer", join(own, "python3*t.exe")
        uv = at("UV_PYTHON_INSTALL_DIR", join(at("APPDATA", ""), "uv", "python"))
        yield "uv", join(uv, "cpython-3.1[3-9]*", "python.exe")
        insides = ["python.exe"]
    else:
        yield "pyenv", join(at("PYENV_ROOT", "~/.pyenv"), "versions", "3.1[3-9]*", "bin", "python")
        uv = at(
            "UV_PYTHON_INSTALL_DIR", join(at("XDG_DATA_HOME", "~/.local/share"), "uv", "python")
        )
        insides = [join("bin", f"python3.1[3-9]{end}") for end in ("", "t")]
        homes = {"uv": join(uv, "cpython-3.1[3-9]*")}
        if sys.platform == "darwin":
            homes["installer"] = "/Library/Frameworks/Python*.framework/Versions/3.1[3-9]*"
        yield from ((name, join(home, end)) for name, home in homes.items() for end in insides)
    for environment in _text(os.path.expanduser("~/.conda/environments.txt")).splitlines():
        for inside in insides:
            yield "conda", join(glob.escape(environment.strip()), inside)


def _of_the_launcher() -> Iterator[str]:
    """What `py`, the launcher of Windows, lists: at the end of a line is a path."""
    import re
    import subprocess

    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["py", "--list-paths"], capture_output=True, text=True, timeout=PATIENCE
        ).stdout
        yield from re.findall(r"-V:3\.1[3-9]\S*.*?([A-Za-z]:\\.*\.exe)", listed)


def free_threaded() -> Python | Recording:
    """The newest one whose GIL is off, or what was recorded."""
    return _newest(FREE, lambda python: not python.gil)


def with_interpreters() -> Python | Recording:
    """This one where it has `concurrent.interpreters`, else the newest one with a GIL that has."""
    ours = next((p for p in found().pythons if p.path == sys.executable), None)
    if ours is not None and ours.interpreters:
        return ours._replace(kind=INTERPRETERS)
    return _newest(INTERPRETERS, lambda python: python.interpreters and python.gil)


def with_gil() -> Python:
    """That of this notebook, with its GIL switched on where it could do without."""
    ours = ask(sys.executable)
    if isinstance(ours, str):
        raise OSError(ours)
    options = ("-X", "gil=1") if ours.free_threaded else ()
    return ours._replace(kind=GIL, gil=True, options=options)


def _newest(kind: str, fits: Callable[[Python], bool]) -> Python | Recording:
    those = [python for python in found().pythons if fits(python)]
    if not those:
        return recording(kind)
    return max(those, key=lambda python: _numbers(python.version))._replace(kind=kind)
