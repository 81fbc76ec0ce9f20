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
# The same for tasks of asyncio.
AWAITED = (
    "x += 1",
    "seen = x; await asyncio.sleep(0); x = seen + 1",
    "await asyncio.sleep(0)",
    "await asyncio.sleep(1)",
    "await asyncio.sleep(2)",
    "{mine}.append(x)",
    "both['a'] = x",
    "async with a: x += 1",
    "async with a:\n    await asyncio.sleep(0)\n    y = x",
    "async with b:\n    async with a: y += 1",
    "async with a:\n    async with b: x += 1",
    "a.release()",
    "{mine}.append(a.locked())",
    "async with slots:\n    await asyncio.sleep(0)\n    x += 1",
    "await slots.acquire()",
    "slots.release()",
    "async with ready: await ready.wait()",
    "async with ready:\n    x += 1\n    ready.notify()",
    "async with ready: await ready.wait_for(lambda: x)",
    "flag.set()",
    "flag.clear()",
    "await flag.wait()",
    "{mine}.append(flag.is_set())",
    "await box.put(x)",
    "x = await box.get()",
    "{mine}.append(box.qsize())",
    "try: {mine}.append(box.get_nowait())\nexcept asyncio.QueueEmpty: pass",
    "try: {mine}.append(await asyncio.wait_for(box.get(), 1))\nexcept TimeoutError: y += 1",
    "try:\n    async with asyncio.timeout(1): await a.acquire()\nexcept TimeoutError: y += 1",
    "if x == 1: raise ValueError(x)",
    "tasks[0].cancel()",
    "{mine}.append(tasks[0].done())",
    "await asyncio.wait([tasks[0]], timeout=1)",
    "try: await asyncio.sleep(1)\nexcept asyncio.CancelledError: y += 5",
    "try: await asyncio.shield(asyncio.sleep(1))\nfinally: x += 10",
    "await asyncio.gather(asyncio.sleep(0), inner())",
    "tasks.append(asyncio.create_task(inner()))",
    "try: await gate.wait()\nexcept asyncio.BrokenBarrierError: y += 3",
)
FRAME_OF_TASKS = """
import asyncio

async def program():
    x = y = 0
    both, a, b, slots = {{}}, asyncio.Lock(), asyncio.Lock(), asyncio.Semaphore(1)
    ready, flag, box = asyncio.Condition(), asyncio.Event(), asyncio.Queue(1)
    gate = asyncio.Barrier(2)
    tasks = []
    async def inner():
        nonlocal x
        await asyncio.sleep(0)
        x += 7
{bodies}
{starts}
{main}
    got = await asyncio.gather(*tasks, return_exceptions=True)
    ends = [type(each).__name__ for each in got]
    return x, y, tuple(both.items()), flag.is_set(), box.qsize(), ends, {mines}
"""
_numbers = count()


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def source(
    threads: Sequence[Sequence[str]], main: Sequence[str] = (), of_tasks: bool = False
) -> str:
    """A program whose threads, or tasks, do these deeds, and main these while they run."""
    bodies, starts, mines = [], [], []
    for number, deeds in enumerate([*threads, main]):
        mine = f"mine{number}"
        mines.append(f"tuple({mine})")
        bodies.append(f"    {mine} = []")
        text = "\n".join(deed.format(mine=mine) for deed in deeds) or "pass"
        if number == len(threads):
            last = indented(text, 4)
        else:
            define = "async def" if of_tasks else "def"
            head = f"    {define} work{number}():\n        nonlocal x, y\n"
            bodies.append(f"{head}{indented(text, 8)}")
            of_a_task = f"tasks.append(asyncio.create_task(work{number}()))"
            of_a_thread = f"threads.append(Thread(target=work{number}))"
            starts.append(f"    {of_a_task if of_tasks else of_a_thread}")
    return (FRAME_OF_TASKS if of_tasks else FRAME).format(
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


def by_seed(seed: int, of_tasks: bool = False) -> str:
    """The same source for the same seed."""
    random_ = random.Random(seed)
    sizes = [random_.randint(1, 4) for _ in range(random_.choice((2, 2, 3)))]
    deeds = AWAITED if of_tasks else DEEDS
    threads = [random_.choices(deeds, k=size) for size in sizes]
    main = random_.choices(deeds, k=1) if random_.random() < 0.2 else []
    return source(threads, main, of_tasks)
