"""One lost update, as the tools named at the end of lesson 10 see it.

    FRONTRUN_ACTIVE=1 python outside.py explore     what frontrun finds
    python outside.py hangs                         a program for py-spy to look at
    pytest outside.py --parallel-threads=8          pytest-run-parallel, with its tests

The bench installs the three tools and runs this file.
"""

from __future__ import annotations

import sys
import threading
from queue import Queue


class Shelf:
    def __init__(self) -> None:
        self.total = 0

    def add(self, size: int = 1) -> None:
        total = self.total
        self.total = total + size


shared = Shelf()


def test_own() -> None:
    shelf = Shelf()
    shelf.add()
    assert shelf.total == 1


def test_shared() -> None:
    before = shared.total
    shared.add()
    assert shared.total == before + 1


def explore() -> None:
    import frontrun

    found = frontrun.explore(
        setup=Shelf, workers=Shelf.add, count=2, invariant=lambda shelf: shelf.total == 2
    )
    print(found.explanation)


def hangs() -> None:
    """One thread waits for an item that never comes, another one computes."""
    shelf, line = Shelf(), Queue[str]()

    def computes() -> None:
        while True:
            shelf.add()

    for work, name in ((line.get, "waits"), (computes, "computes")):
        threading.Thread(target=work, name=name, daemon=True).start()
    print("up", flush=True)
    threading.Event().wait(60)


if __name__ == "__main__":
    {"explore": explore, "hangs": hangs}[sys.argv[1]]()
