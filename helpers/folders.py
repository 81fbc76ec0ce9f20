"""Folders in the temporary directory, none of which stays, whatever becomes of its process.

A process that ends by itself removes its folders. One that is killed cannot, so
the next process that makes one does it: the number of the process that a folder
belongs to stands in its name.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import lru_cache
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

OURS = "concurrency-course-"  # nobody else's name begins so
NODE = os.uname().nodename if sys.platform != "win32" else ""
HERE = "".join(filter(str.isalnum, NODE))[:32]  # containers that share a folder number alike
DAY = 24 * 3600  # seconds


def temporary(kind: str, parent: str | None = None) -> TemporaryDirectory[str]:
    """A new folder, for a `with` block."""
    from tempfile import TemporaryDirectory

    return TemporaryDirectory(prefix=prefix(kind, parent), dir=parent, ignore_cleanup_errors=True)


def prefix(kind: str, parent: str | None = None) -> str:
    """What the name of a new folder begins with, once the killed ones' are swept away."""
    from tempfile import gettempdir

    _sweep(parent or gettempdir())
    return f"{OURS}{kind}-{HERE}-{os.getpid()}-"


@lru_cache(maxsize=8)  # once in a process is enough
def _sweep(parent: str) -> None:
    import shutil

    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(OURS) and _is_left(entry):
                if entry.is_dir():
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:  # a note, see `under_way`
                    with suppress(OSError):
                        os.unlink(entry.path)


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether its process is gone. Where nobody can be asked without harm, a day must do."""
    host, _, number = entry.name.rpartition("-")[0].rpartition("-")
    if sys.platform == "win32" or not host.endswith(f"-{HERE}"):
        return time() - entry.stat().st_mtime > DAY
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError, OverflowError):
        pass  # it lives, as somebody else's; or this is no folder of ours
    return False
