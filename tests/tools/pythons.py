"""Which Pythons are on this computer: on the path, and those that pyenv has."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def minor(python: str | Path) -> int:
    """The 12 of 3.12; 0 where that is no Python that starts."""
    code = "import sys; print(sys.version_info[1])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError:
        return 0
    return int(done.stdout) if done.returncode == 0 else 0


def pythons() -> dict[str, int]:
    """By path: its minor version; oldest first, one of each version and build."""
    names = [f"python3.{number}{build}" for number in range(6, 20) for build in ("", "t")]
    paths = [Path(known) for name in names if (known := shutil.which(name))]
    paths += sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    if os.name == "nt":
        paths += sorted(
            Path(os.environ.get("LOCALAPPDATA", "")).glob("Programs/Python/*/python.exe")
        )
    found: dict[tuple[int, bool], str] = {}
    for path in paths:
        if number := minor(path):
            found.setdefault((number, "t" in path.name.removeprefix("python")), str(path))
    return {path: number for (number, _), path in sorted(found.items())}
