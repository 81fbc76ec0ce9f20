"""This computer, as a course on concurrency needs to know it.

Three numbers say how many CPUs there are: those of the host, those that this
process is allowed to run on, and the quota of CPU time that its container has.
A fourth follows from them and is the one that counts: the *usable* CPUs. More
workers than that make no computation faster.

`loky.cpu_count` gives such a number too, but version 3.7.0 reads only the root
of the control groups: in a group limited to half a CPU it answered 2. Here the
group that the process is in is looked up, with all the groups around it.

Not looked at: memory, graphics cards, the load, and the limits that Windows
sets by job objects.

>>> 1 <= usable_cpus() <= machine().allowed
True
"""

from __future__ import annotations

import html
import math
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}  # in mountinfo


class Machine(NamedTuple):
    """What `machine()` found; at the end of a cell it shows as a table."""

    host: int  # CPUs of the computer
    allowed: int  # CPUs that this process may run on
    quota: float | None  # how many CPUs' time it may use; None: all it can get
    usable: int  # what counts: the allowed CPUs, or fewer by the quota
    system: str
    python: str
    gil: bool  # is it on, now
    free_threaded_build: bool  # could it be off
    start_methods: tuple[str, ...]
    start_method: str  # how a process starts unless told otherwise

    def describe(self) -> str:
        """The same in sentences, for people and screen readers."""
        others = [name for name in self.start_methods if name != self.start_method]
        can = f"; {' and '.join(others)} can be asked for" if others else ""
        return (
            f"This computer has {_cpus(self.host)}, this process may run on {self.allowed} of "
            f"them, and {self._quota()}: {self.usable} usable. "
            f"Python {self.python} on {self.system}; the GIL is {self._gil()}. "
            f"A process starts by {self.start_method} unless told otherwise{can}."
        )

    def _quota(self) -> str:
        if self.quota is None:
            return "no quota limits how much of their time it gets"
        return f"a quota gives it the time of {_cpus(self.quota)}"

    def _gil(self) -> str:
        if not self.gil:
            return "off: several threads run Python code at the same time"
        build = ", though this build can do without it" if self.free_threaded_build else ""
        return f"on{build}: one thread at a time runs Python code"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        rows = {
            "CPUs of this computer": self.host,
            "CPUs this process may run on": self.allowed,
            "CPU quota": "none" if self.quota is None else f"{self.quota:g}",
            "usable CPUs, the number that counts": f"<b>{self.usable}</b>",
            "Python": f"{self.python} on {self.system}",
            "GIL": self._gil(),
            "start method": f"{self.start_method} (of {', '.join(self.start_methods)})",
        }
        cells = (
            f'<tr><th scope="row" style="text-align:left">{name}</th>'
            f'<td style="text-align:left">{value}</td></tr>'
            for name, value in rows.items()
        )
        return {"text/plain": self.describe(), "text/html": f"<table>{''.join(cells)}</table>"}


def machine() -> Machine:
    """Look at this computer, from inside this process."""
    from multiprocessing import get_all_start_methods, get_start_method
    from sysconfig import get_config_var

    allowed, quota = allowed_cpus(), cpu_quota()
    methods = get_all_start_methods()
    return Machine(
        host=os.cpu_count() or 1,
        allowed=allowed,
        quota=quota,
        usable=_usable(allowed, quota),
        system=SYSTEMS.get(sys.platform, sys.platform),
        python=sys.version.split()[0],
        gil=gil_enabled(),
        free_threaded_build=get_config_var("Py_GIL_DISABLED") == 1,
        start_methods=tuple(methods),
        # allow_none, as asking without it would settle the method for good
        start_method=get_start_method(allow_none=True) or methods[0],
    )


class Place(NamedTuple):
    """Where a notebook runs, and what is missing there; at the end of a cell, in sentences."""

    name: str
    lacks: tuple[str, ...]

    def __str__(self) -> str:
        if not self.lacks:
            return f"This notebook runs in {self.name}. Nothing that the lessons need is missing."
        return "\n".join([f"This notebook runs in {self.name}.", *self.lacks])

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        first, *more = str(self).split("\n")
        items = "".join(f"<li>{html.escape(line)}</li>" for line in more)
        return {
            "text/plain": str(self),
            "text/html": f"<p>{html.escape(first)}</p><ul>{items}</ul>",
        }


# What a place puts into the environment of its kernels, and what is missing there.
PLACES = {
    "COLAB_RELEASE_TAG": (
        "Colab",
        "Colab is not supported: others report that sliders and buttons do not follow there. "
        "Take another place of those in README.md.",
    ),
    "BINDER_LAUNCH_HOST": (
        "Binder",
        "Binder forgets what you write when you leave: keep the line of the section Another day, "
        "and download the notebooks that you changed.",
    ),
    "CODESPACES": ("Codespaces", ""),
    "JUPYTERHUB_USER": ("a JupyterHub", ""),
    "VSCODE_PID": ("VS Code", "The lessons were not tried in VS Code."),
}
OLDEST = {"ipykernel": (7, 4), "ipywidgets": (8, 1)}  # as pyproject.toml asks for


def place() -> Place:
    """Where this notebook runs, as far as it can be told from inside."""
    known = (found for variable, found in PLACES.items() if os.environ.get(variable))
    name, lack = next(known, ("Jupyter on this computer", ""))
    lacks = [lack] if lack else []
    if sys.platform == "emscripten":
        lacks.append("A browser's Python has no threads and no processes, so nothing works here.")
    if usable_cpus() == 1:
        lacks.append("One CPU is usable here: more workers speed up waiting, and no computing.")
    for package, least in OLDEST.items():
        if (found := _version(package)) < least:
            words = ".".join(map(str, found)) if found else "missing"
            lacks.append(
                f"{package} is {words} here, and {'.'.join(map(str, least))} is the oldest that "
                "was tried: what workers and sliders show may be lost."
            )
    return Place(name, tuple(lacks))


def _version(package: str) -> tuple[int, ...]:
    """Its first two numbers; none, if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return tuple(int(part) for part in version(package).split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return ()


def usable_cpus() -> int:
    """How many CPUs' worth of computing this process can really get: at least 1."""
    return _usable(allowed_cpus(), cpu_quota())


def allowed_cpus() -> int:
    """The CPUs that this process may run on (its affinity, where a system has that)."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def gil_enabled() -> bool:
    """Does a lock let only one thread of this process run Python code at a time?"""
    enabled = getattr(sys, "_is_gil_enabled", None)  # since 3.13
    return enabled is None or bool(enabled())


def cpu_quota(root: str = "") -> float | None:
    """How many CPUs' time the control groups of this process allow; None: no limit.

    A group is limited by every group around it as well, so the tightest counts.
    `root` is put before every path, so that tests can bring a tree of their own. Whatever
    stands in them, this function raises nothing: what it cannot read is no limit.
    """
    limits = [_limit(folder) for folder in _groups(root)]
    return min((limit for limit in limits if limit is not None), default=None)


def _usable(allowed: int, quota: float | None) -> int:
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _cpus(number: float) -> str:
    return f"{number:g} CPU{'' if number == 1 else 's'}"


# ----------------------------------------------------------- control groups


def _limit(folder: str) -> float | None:
    """The limit of one group: time it may use in a period ÷ length of the period."""
    texts = _read(f"{folder}/cpu.max").split() or [  # version 2 of control groups, else 1
        _read(f"{folder}/cpu.cfs_quota_us"),
        _read(f"{folder}/cpu.cfs_period_us"),
    ]
    try:
        quota, period = (int(text) for text in texts)
        return quota / period if quota > 0 and period > 0 else None
    except (ValueError, OverflowError):
        return None  # "max", or nothing that a kernel writes


def _groups(root: str) -> Iterator[str]:
    """The folders of this process's own group and of all the groups around it."""
    own = _own(_read(f"{root}/proc/self/cgroup"))
    mounts = list(_mounts(_read(f"{root}/proc/self/mountinfo")))
    for kind, path in own.items():
        tops = [(point, _below(top, path)) for k, top, point in mounts if k == kind]
        known = [(point, inner) for point, inner in tops if inner is not None]
        # A container may see its own group alone, under a name that it cannot relate.
        for point, inner in known or [(point, "") for point, _ in tops]:
            steps = [step for step in inner.split("/") if step]
            for depth in range(len(steps), -1, -1):
                yield "/".join([root + point, *steps[:depth]])


def _own(text: str) -> dict[str, str]:
    """The group this process is in, by kind of file system: two kinds may be in use."""
    own: dict[str, str] = {}
    for line in text.split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "cpu" in controllers.split(","):
            own["cgroup"] = path
        elif number == "0":
            own["cgroup2"] = path
    return own


def _mounts(text: str) -> Iterator[tuple[str, str, str]]:
    """Kind, top group and mount point of each file system of groups with CPU limits."""
    for line in text.split("\n"):
        mount, _, system = line.partition(" - ")
        fields, (kind, *options) = mount.split(" "), system.split(" ")
        if len(fields) > 4 and (kind == "cgroup2" or (kind == "cgroup" and _has_cpu(options))):
            yield kind, _unescaped(fields[3]), _unescaped(fields[4])


def _has_cpu(options: list[str]) -> bool:
    return bool(options) and "cpu" in options[-1].split(",")


def _below(top: str, path: str) -> str | None:
    """`path` as seen from the group `top`, or None where it is not below it."""
    top = top.rstrip("/")
    inner = path[len(top) :]
    below = path.startswith(top) and inner[:1] in ("", "/") and ".." not in inner.split("/")
    return inner if below else None


def _unescaped(text: str) -> str:
    for escape, character in ESCAPES.items():
        text = text.replace(escape, character)
    return text


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ValueError):  # ValueError: a path with a null character
        return ""
