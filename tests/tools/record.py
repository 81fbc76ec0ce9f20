"""What other Pythons do in lesson 08, recorded for computers that have none: `course.py record`.

Runs the lesson on a quiet computer, as `store` does, which has both a Python without a GIL
and one with interpreters, and keeps what each of them was asked and answered. The file is
written anew, and only if the whole lesson has run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat

from helpers.apart import pythons
from store import FOLDER, Unstorable, execute, quiet

LESSON = FOLDER / "08-without-the-gil.ipynb"


def record(path: Path = LESSON, measured: bool = True) -> None:
    """Run the lesson, and write down what its other Pythons did; Unstorable where one is missing.

    Not `measured`: the computer may be busy, for tests.
    """
    for found in (pythons.free_threaded(), pythons.with_interpreters()):
        if isinstance(found, pythons.Recording):
            raise Unstorable(
                f"There is no {found.kind} Python here; {pythons.VARIABLE} can name its path."
            )
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "pythons.json")
        os.environ |= {"IPYTHONDIR": folder, "COURSE_PROGRESS": folder, pythons.KEEP: str(kept)}
        if measured:
            quiet()
        execute(nbformat.read(path, as_version=4), path, measured)
        Path(pythons.RECORDED).write_text(kept.read_text(encoding="utf-8"), encoding="utf-8")


def main() -> int:
    try:
        record()
    except Unstorable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
