"""The programs that lesson 03 runs apart, each wrong or deadly on purpose.

They are text, because a main module is part of what they are about: see `apart`.

>>> from helpers.apart import in_a_subprocess
>>> in_a_subprocess(WITH_GUARD, script=True).exit_code
0
"""

from __future__ import annotations

WITHOUT_GUARD = """\
from multiprocessing import get_context

child = get_context("spawn").Process(target=print, args=("hello",))
child.start()
child.join()
print("exit code of the child:", child.exitcode)
"""

WITH_GUARD = """\
from multiprocessing import get_context

if __name__ == "__main__":
    child = get_context("spawn").Process(target=print, args=("hello",))
    child.start()
    child.join()
    print("exit code of the child:", child.exitcode)
"""

_CELL = """\
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
start = get_context("spawn")

def square(x):
    return x * x

"""

FROM_A_CELL = {  # a worker that is defined where a notebook cell defines it
    "ProcessPoolExecutor": _CELL
    + """\
with ProcessPoolExecutor(1, mp_context=start) as pool:
    print(list(pool.map(square, [1, 2, 3])))
""",
    "Process": _CELL
    + """\
child = start.Process(target=square, args=(3,))
child.start()
child.join()
print("exit code of the child:", child.exitcode)
""",
    "Pool": _CELL
    + """\
with start.Pool(1) as pool:
    print(pool.map(square, [1, 2, 3]))
""",
}

_CRASH = """
from helpers.work import die

worker = Worker(target=die, args=(0,))
worker.start()
worker.join()
print("the main program goes on")
"""

CRASH = {  # the same, but for the kind of worker that dies
    "process": "from multiprocessing.context import SpawnProcess as Worker" + _CRASH,
    "thread": "from threading import Thread as Worker" + _CRASH,
}

FRESH_FORKS = """\
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

ProcessPoolExecutor(1, get_context("fork"), max_tasks_per_child=1)
"""
