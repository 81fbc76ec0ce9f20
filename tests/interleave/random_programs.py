"""Small programs made at random, as source: what a search must agree on with another search."""

from __future__ import annotations

import linecache
import random
from collections.abc import Callable, Sequence
from itertools import count

# Each is what one thread may do; `{mine}` is a list of its own, which the program returns.
DEEDS = (
    "x += 1",
    "x = 2",
    "y = x + 1",
    "{mine}.append(x)",
    "{mine}.append((x, y))",
    "both['a'] = x",
    "both['b'] = both.get('a')",
    "{mine}.append(len(both))",
    "with a: x += 1",
    "with a: y = x",
    "with b:\n    with a: y += 1",
    "with a:\n    with b: x += 1",
    "a.release()",
    "if a.acquire(blocking=False):\n    x += 1\n    a.release()",
    "if b.acquire(timeout=1):\n    y += 1\n    b.release()\nelse: {mine}.append('late')",
    "{mine}.append(a.locked())",
    "with slots: x += 1",
    "slots.acquire()",
    "slots.release()",
    "{mine}.append(slots.acquire(blocking=False))",
    "with ready: ready.wait()",
    "with ready: {mine}.append(ready.wait(1))",
    "with ready:\n    x += 1\n    ready.notify()",
    "with ready: ready.notify_all()",
    "with plain:\n    if not x: plain.wait()",
    "with plain:\n    x += 1\n    plain.notify()",
    "flag.set()",
    "flag.clear()",
    "flag.wait()",
    "{mine}.append(flag.wait(1))",
    "{mine}.append(flag.is_set())",
    "box.put(x)",
    "x = box.get()",
    "{mine}.append(box.qsize())",
    "try: {mine}.append(box.get_nowait())\nexcept Empty: pass",
    "try: box.put(y, timeout=1)\nexcept Full: y += 1",
    "if x:\n    y += 1",
    "if x == 1: raise ValueError(x)",
    "for _ in range(2): x += 1",
    "{mine}.append(threads[0].is_alive())",
    "threads[0].join(1)",
    "gate.wait()",
    "with again:\n    with again: y += 1",
)
FRAME = """
from queue import Empty, Full, Queue
from threading import Barrier, Condition, Event, Lock, RLock, Semaphore, Thread

def program():
    x = y = 0
    both, a, b, again, slots = {{}}, Lock(), Lock(), RLock(), Semaphore(1)
    ready, flag, box, gate = Condition(), Event(), Queue(1), Barrier(2)
    plain = Condition(a)
    threads = []
{bodies}
{starts}
    for thread in threads: thread.start()
{main}
    for thread in threads: thread.join()
    return x, y, tuple(both.items()), flag.is_set(), box.qsize(), {mines}
"""
_numbers = count()


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def source(threads: Sequence[Sequence[str]], main: Sequence[str] = ()) -> str:
    """A program whose threads do these deeds, and main these while they run."""
    bodies, starts, mines = [], [], []
    for number, deeds in enumerate([*threads, main]):
        mine = f"mine{number}"
        mines.append(f"tuple({mine})")
        bodies.append(f"    {mine} = []")
        text = "\n".join(deed.format(mine=mine) for deed in deeds) or "pass"
        if number == len(threads):
            last = indented(text, 4)
        else:
            bodies.append(f"    def work{number}():\n        nonlocal x, y\n{indented(text, 8)}")
            starts.append(f"    threads.append(Thread(target=work{number}))")
    return FRAME.format(
        bodies="\n".join(bodies), starts="\n".join(starts), main=last, mines=", ".join(mines)
    )


def program(text: str) -> Callable[[], object]:
    """The function `program` of a source that exists only in memory."""
    name = f"random-{next(_numbers)}.py"
    lines = text.splitlines(keepends=True)
    linecache.cache[name] = (len(text), None, lines, name)
    space: dict[str, object] = {"__name__": "random_programs_made"}
    exec(compile(text, name, "exec", dont_inherit=True), space)
    made = space["program"]
    assert callable(made)
    return made


def by_seed(seed: int) -> str:
    """The same source for the same seed."""
    random_ = random.Random(seed)
    sizes = [random_.randint(1, 4) for _ in range(random_.choice((2, 2, 3)))]
    threads = [random_.choices(DEEDS, k=size) for size in sizes]
    main = random_.choices(DEEDS, k=1) if random_.random() < 0.2 else []
    return source(threads, main)
