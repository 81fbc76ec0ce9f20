#!/usr/bin/env python3
"""The one entry to the course.

    python3 course.py COMMAND [arguments that are passed on]

    lab         open the lessons in JupyterLab
    update      take the newest version of the course, and keep what you wrote
    test        run every lesson and every test (pytest)
    cluster     install Dask as well, for lesson 09
    bench       measure what the course promises about itself
    notebooks   run the lessons again from clean kernels and store what they show
    record      write down what other Pythons do in lesson 08, for computers without them
    check       style, types and floors of the code (ruff, mypy, import-linter)
    lock        pin every package again, with hashes (needs uv)
    links       write the public address and the computed minutes where they are shown
    sentences   list the sentences with a number, "always" or "never", and what backs each

The first call installs what the command needs into the folder .venv, next to
this file; later calls start at once. Deleting .venv undoes it.
"""

# Standard library only, and syntax that Python 3.6 can still read: a learner
# whose Python is too old is told so in a sentence, not by a SyntaxError.

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, NoReturn

OLDEST = (3, 11)
NAME = "python-concurrency-course"
ROOT = Path(__file__).resolve().parent
FIRST = "notebooks/00-start-here.ipynb"
LOCKS = {  # each holds what stands in those before it
    "lab": ROOT / "requirements.lock",
    "cluster": ROOT / "requirements-cluster.lock",
    "test": ROOT / "requirements-dev.lock",
}
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "course.json"  # written last: without it .venv counts as unfinished
SIGNED = VENV / "signed"  # there once the lessons are signed


class Trouble(Exception):
    """What is wrong and what to do about it, in a sentence for the learner."""


# ------------------------------------------------------------------ commands


def lab(arguments: "list[str]") -> int:
    """Open JupyterLab on the first lesson, or on the file named in the arguments."""
    prepare("lab")
    try:
        furnish(VENV)
        trust()
    except OSError as error:
        raise Trouble(explain(str(error))) from error
    command = ["-m", "jupyterlab", "-y", "--Application.log_level=INFO"]
    command.append(f"--LabApp.workspaces_dir={VENV / WORKSPACE.parent}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # containers are often root, and Jupyter refuses it
    if not has_screen():
        command.append("--no-browser")
    if not any((ROOT / argument).exists() for argument in arguments):
        command.append(f"--LabApp.default_url=/lab/tree/{FIRST}")
    return serve([str(PYTHON), *command, *arguments])


def cluster(arguments: "list[str]") -> int:
    """Install Dask's distributed as well; lesson 09 then starts a cluster."""
    refuse(arguments)
    prepare("cluster")
    say("Dask is installed. Restart the kernel of lesson 09, and run its cells again.")
    return 0


def update(arguments: "list[str]") -> int:
    """Pull the newest version, notebook by notebook, cell by cell."""
    refuse(arguments)
    if SIGNED.exists():
        SIGNED.unlink()  # what is new is signed at the next start
    return run([sys.executable, str(Path("tests", "tools", "update.py"))])


def test(arguments: "list[str]") -> int:
    """Run pytest over tests and notebooks, or over what the arguments choose."""
    prepare("test")
    return run([str(PYTHON), str(Path("tests", "tools", "suite.py")), *arguments])


def bench(arguments: "list[str]") -> int:
    """Measure: medians and ratios, printed."""
    prepare("test")
    return run([str(PYTHON), str(Path("tests", "bench.py")), *arguments])


def notebooks(arguments: "list[str]") -> int:
    """Run the named notebooks, or all, and store their outputs."""
    prepare("lab")
    return run([str(PYTHON), str(Path("tests", "tools", "store.py")), *arguments])


def record(arguments: "list[str]") -> int:
    """Run lesson 08 with the other Pythons of this computer, and keep what they did."""
    refuse(arguments)
    prepare("lab")
    return run([str(PYTHON), str(Path("tests", "tools", "record.py"))])


def check(arguments: "list[str]") -> int:
    """Say all that ruff, mypy and import-linter find; notebook cells have narrower lines."""
    refuse(arguments)
    prepare("test")
    narrow = ["--line-length", "79", "notebooks"]
    tools = [
        ["ruff", "check", "--no-cache", "--extend-exclude", "notebooks", "."],
        ["ruff", "check", "--no-cache", *narrow],
        ["ruff", "format", "--check", "--extend-exclude", "notebooks", "."],
        ["ruff", "format", "--check", *narrow],
        ["mypy", "--strict", "helpers", "course.py"],
    ]
    for folder in sorted({path.parent for path in ROOT.glob("tests/**/*.py")}):
        tools.append(["mypy", *sorted(str(path.relative_to(ROOT)) for path in folder.glob("*.py"))])
    tools.append(["mypy", "conftest.py"])
    commands = [["-m", *tool] for tool in tools]
    commands.append(["-c", "from importlinter.cli import *; lint_imports_command()", "--no-cache"])
    return max([run([str(PYTHON), *command]) for command in commands])


def lock(arguments: "list[str]") -> int:
    """Compile the lock files from pyproject.toml; `lock --upgrade` takes newer versions."""
    uv = shutil.which("uv")
    if not uv:
        raise Trouble("`lock` needs uv (https://docs.astral.sh/uv/), and uv is not on the PATH.")
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-emit-index-url", "--group", "build"]
    command += ["--custom-compile-command", "python3 course.py lock", "pyproject.toml"]
    more: "list[str]" = []
    failed = 0
    for level, file in LOCKS.items():
        if level != "lab":
            more += ["--extra", "dev" if level == "test" else level]
        failed = failed or run([*command, *more, "--output-file", file.name, *arguments])
        more += ["--constraint", file.name]
    return failed


def links(arguments: "list[str]") -> int:
    """Bring README.md and the minutes of the lessons up to date; `links ADDRESS` changes it."""
    return run([sys.executable, str(Path("tests", "tools", "pages.py")), *arguments])


def sentences(arguments: "list[str]") -> int:
    """Bring the table of what backs a sentence up to date, and print it."""
    refuse(arguments)
    return run([sys.executable, str(Path("tests", "tools", "sentences.py"))])


COMMANDS = {
    "lab": lab,
    "update": update,
    "test": test,
    "cluster": cluster,
    "bench": bench,
    "notebooks": notebooks,
    "record": record,
    "check": check,
    "lock": lock,
    "links": links,
    "sentences": sentences,
}


def refuse(arguments: "list[str]") -> None:
    if arguments:
        raise Trouble(f"This command takes no arguments, but was given {' '.join(arguments)!r}.")


def has_screen() -> bool:
    """Is there a desktop whose browser could show a page?"""
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


# ------------------------------------------------------------ the environment


def prepare(level: str) -> None:
    """See to it that .venv holds everything that `lab` or `test` needs."""
    try:
        if ready(level):
            return
        with alone():
            if not ready(level):  # another call may have finished it while we waited
                install(level)
    except OSError as error:
        raise Trouble(explain(str(error))) from error


def ready(level: str) -> bool:
    """Has some call finished installing all of it? A .venv for `test` serves `lab` too."""
    found = stamp().items()
    serve = list(LOCKS)[list(LOCKS).index(level) :]
    return PYTHON.exists() and any(wanted(it).items() <= found for it in serve)


def stamp() -> "dict[str, str]":
    """What the last finished installation wrote; empty if there is none."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def wanted(level: str) -> "dict[str, str]":
    """What the stamp says when everything for this level is in place."""
    files = [*LOCKS.values(), ROOT / "pyproject.toml"]
    contents = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    return {**foundation(), "contents": contents.hexdigest(), "level": level}


def foundation() -> "dict[str, str]":
    """What a .venv is built on: if any of it changes, only a new one will do."""
    threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return {
        "place": str(ROOT),  # the scripts in .venv name it, so a moved folder breaks them
        "python": platform.python_version() + threads,
    }


def install(level: str) -> None:
    """Make .venv if need be, and fill it; the stamp goes first and comes back last."""
    before = stamp()
    if STAMP.exists():
        STAMP.unlink()
    say(f"Installing the course into {VENV} (once; seconds with uv, a minute or two with pip).")
    base = {**foundation(), "installer": "uv" if shutil.which("uv") else "pip"}
    if not (PYTHON.exists() and base.items() <= before.items()):
        clear()
        watch(making())
    level = max(level, before.get("level", level), key=list(LOCKS).index)
    for command in filling(LOCKS[level]):
        watch(command)
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps({**base, **wanted(level)}, indent=1), encoding="utf-8")
    os.replace(str(fresh), str(STAMP))


def clear() -> None:
    """Take the old .venv away, in one step, so that half of it is never left."""
    old = VENV.with_name(".venv.old")
    shutil.rmtree(str(old), ignore_errors=True)
    if not VENV.exists():
        return
    config = VENV / "pyvenv.cfg"
    ours = VENV.is_dir() and (not config.exists() or NAME in config.read_text(encoding="utf-8"))
    if not ours:
        raise Trouble(f"{VENV} was not made by course.py; rename it or delete it, and call again.")
    os.replace(str(VENV), str(old))
    shutil.rmtree(str(old), ignore_errors=True)


def making() -> "list[str]":
    """The command that makes an empty .venv."""
    base = getattr(sys, "_base_executable", None) or sys.executable  # not .venv's own Python
    uv = shutil.which("uv")
    if uv:
        return [uv, "venv", "--python", base, "--prompt", NAME, str(VENV)]
    return [base, "-m", "venv", "--prompt", NAME, str(VENV)]


def filling(packages: Path) -> "list[list[str]]":
    """The commands that install the locked packages, then the course itself."""
    uv = shutil.which("uv")
    if uv:
        pip = [uv, "pip", "install", "--python", str(PYTHON)]
        fast = ["--compile-bytecode"]  # else the first import of everything takes a quarter minute
    else:
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
        fast = []
    return [
        [*pip, *fast, "--require-hashes", "-r", str(packages)],
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ]


# How JupyterLab looks to a learner who opens it for the first time.
SETTINGS = {
    # Its first question, whether to fetch news, would hide the first lesson.
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    # A link into the glossary opens the page, on its word, and not the page's source.
    "@jupyterlab/docmanager-extension:plugin": {
        "defaultViewers": {"markdown": "Markdown Preview"},
    },
    # Else the names of the lessons are cut off.
    "@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False},
}
# The contents of the lesson stand at its left, instead of the files with the solutions.
LAYOUT = {
    "main": {},
    "left": {
        "collapsed": False,
        "visible": True,
        "current": "@jupyterlab/toc:plugin",
        "widgets": ["filebrowser", "running-sessions", "@jupyterlab/toc:plugin"],
    },
    "right": {"collapsed": True, "visible": True, "widgets": []},
    "relativeSizes": [0.2, 0.8, 0],
}
# A notebook does not say which Python ran it: else it would count as changed once it is opened.
KERNEL = """c = get_config()
c.IPKernelApp.exec_lines = ["get_ipython().kernel.language_info.pop('version', None)"]
"""
WORKSPACE = Path("share", "jupyter", "lab", "workspaces", "default-37a8.jupyterlab-workspace")


def furnish(prefix: Path) -> None:
    """Put JupyterLab's settings where the Python in `prefix` finds them.

    The workspace changes as the learner opens and closes things, so it is written once.
    """
    workspace = {"data": {"layout-restorer:data": LAYOUT}, "metadata": {"id": "default"}}
    files = {
        Path("share", "jupyter", "lab", "settings", "overrides.json"): json.dumps(SETTINGS),
        Path("etc", "ipython", "ipython_kernel_config.py"): KERNEL,
    }
    if not (prefix / WORKSPACE).exists():
        files[WORKSPACE] = json.dumps(workspace)
    for path, text in files.items():
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_text(text, encoding="utf-8")


def trust() -> None:
    """Sign the lessons as they came, once.

    JupyterLab shows the stored pictures and styles of a notebook that it does not
    trust only in part.
    """
    if SIGNED.exists():
        return
    lessons = sorted(str(path) for path in ROOT.glob("notebooks/**/*.ipynb"))
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = start([str(PYTHON), "-m", "nbformat.sign", *lessons], **silent)
    with seen_off(child):
        child.wait()
    if child.returncode == 0:
        SIGNED.touch()


@contextmanager
def alone() -> "Iterator[None]":
    """Let one call install at a time.

    The lock is on this file, far behind its end, so it leaves nothing in the
    folder. An installer inherits it: if this process is killed, the next call
    waits for the orphan instead of working against it.
    """
    with open(__file__, "rb") as door:
        os.set_inheritable(door.fileno(), True)
        if not locked(door.fileno()):
            say("Another call of course.py is installing; waiting for it.")
            while not locked(door.fileno()):
                time.sleep(0.2)
        yield


def locked(file: int) -> bool:
    """Try to take the lock; a file system that knows no locks does without."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, 1 << 30, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


# ------------------------------------------------------------------ processes


def run(command: "list[str]") -> int:
    """Run a command in the course's folder and return its exit code."""
    child = start(command)
    with seen_off(child):
        child.wait()
    return code(child)


def start(command: "list[str]", **more: Any) -> "subprocess.Popen[bytes]":
    """Start a command in the course's folder, with .venv as its Python."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(VENV)}
    return subprocess.Popen(command, cwd=str(ROOT), env=environment, **more)


def code(child: "subprocess.Popen[bytes]") -> int:
    """The exit code as a shell has it."""
    status: int = child.returncode
    return status if status >= 0 else 128 - status


def serve(command: "list[str]") -> int:
    """Run JupyterLab, say where it is and how it ends; its own words go into a file."""
    log = VENV / "lab.log"
    say("Starting JupyterLab ...")
    with open(str(log), "wb") as words:
        child = start(command, stdout=words, stderr=words)
    with seen_off(child):
        address = None
        while address is None and child.poll() is None:
            time.sleep(0.1)
            address = ADDRESS.search(log.read_text(encoding="utf-8", errors="replace"))
        if address is None:  # an argument such as --version, or it could not start
            say(log.read_text(encoding="utf-8", errors="replace").strip())
        else:
            say(READY.format(address=address[1]))
        child.wait()
    return code(child)


ADDRESS = re.compile(r"is running at:\s.*?(https?://\S+)")
READY = """The course is open in your browser. If you do not see it there, open this address:

    {address}

Keep this window as long as you learn. Ctrl-C here ends the course; what you saved stays."""


def watch(command: "list[str]") -> None:
    """Run an installer; count its seconds on a terminal, show its words only if it fails."""
    start = time.monotonic()
    child = subprocess.Popen(
        command,
        cwd=str(ROOT),
        close_fds=False,  # it inherits the lock, see alone()
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    with seen_off(child):
        words = None
        while words is None:
            try:
                words, _ = child.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                count(f"\r  {time.monotonic() - start:.0f} s ")
        count("\r" + " " * 12 + "\r")
    if child.returncode:
        raise Trouble(explain(words))


@contextmanager
def seen_off(child: "subprocess.Popen[Any]") -> "Iterator[None]":
    """Leave no child behind: Ctrl-C reached it too; if it stays, ask, then insist."""
    try:
        yield
    except SystemExit:  # SIGTERM reached us alone
        child.terminate()
        raise
    finally:
        if child.poll() is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        for push in (child.poll, child.terminate, child.kill):
            push()
            try:
                child.wait(timeout=5)
                break
            except subprocess.TimeoutExpired:
                continue


# ---------------------------------------------------------------------- words

SIGNS = [
    (
        r"no space left|errno 28\b|os error 28\b|not enough space|os error 112\b|quota exceeded",
        "There is no room left on the disk; the course needs about 600 MB in {root}.",
    ),
    (
        r"permission denied|access is denied|read-only file system|os error (5|13|30)\b",
        "A file could not be written ({line}); put the course into a folder of your own.",
    ),
    (
        r"ensurepip is not available|no module named '?(venv|ensurepip)",
        "This Python cannot make virtual environments; install its venv module"
        " (Debian and Ubuntu: apt install python3-venv) or uv, and call again.",
    ),
    (
        r"do not match the hashes|hash mismatch",
        "A package that arrived is not the one that was locked, so it was not installed: {line}",
    ),
    (
        r"connect|network|resolve host|name resolution|dns error|timed out|failed to fetch",
        "The packages could not be downloaded; connect this computer to the internet"
        " and call again.",
    ),
    (
        r"no matching distribution|no solution found",
        "A package is not to be had here ({line}); look at this computer's connection to the"
        " internet and at the settings of its installer.",
    ),
]


def explain(words: str) -> str:
    """Put an installer's failure in a sentence; keep its own words in a file."""
    sentence = meaning(words)
    try:
        (VENV / "install.log").write_text(words, encoding="utf-8")
    except OSError:  # no .venv yet, or no room even for this
        return sentence
    return sentence + " (Details: .venv/install.log)"


def meaning(words: str) -> str:
    """What the words of pip, uv or the system say to a learner."""
    lines = [line.strip() for line in words.splitlines() if line.strip()] or ["no reason given"]
    if shutil.disk_usage(str(ROOT)).free < 20_000_000:  # ensurepip fails without saying why
        lines.append("no space left")
    for sign, sentence in SIGNS:
        found = [line for line in lines if re.search(sign, line, re.IGNORECASE)]
        if found:
            return sentence.format(root=ROOT, line=found[-1])
    return f"The packages could not be installed: {lines[-1]}"


def say(words: str) -> None:
    print(words, flush=True)


def count(words: str) -> None:
    if sys.stdout.isatty():
        print(words, end="", flush=True)


def stop(*_: object) -> "NoReturn":
    """SIGTERM ends us the way Ctrl-C does: with the children."""
    sys.exit(143)


def main(arguments: "list[str]") -> int:
    try:
        if sys.version_info < OLDEST:
            raise Trouble(
                f"The course needs Python 3.11 or later; this is {platform.python_version()}."
            )
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            say((__doc__ or "").strip())
            return 0
        if arguments[0] not in COMMANDS:
            raise Trouble(f"There is no command {arguments[0]!r}; there are {', '.join(COMMANDS)}.")
        signal.signal(signal.SIGTERM, stop)
        return COMMANDS[arguments[0]](arguments[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
