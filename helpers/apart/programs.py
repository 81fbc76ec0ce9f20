"""The programs that lesson 05 runs apart, most of them wrong on purpose.

They are text, because a main module is part of what they are about: see `apart`.

>>> from helpers.apart import in_a_subprocess
>>> in_a_subprocess(WAYS_OUT["get, then join"], script=True).exit_code
0
"""

from __future__ import annotations


def _script(worker: str, main: str, imports: str = "") -> str:
    """A worker at the top of a module, and the rest under the guard."""
    head = imports + 'from multiprocessing import get_context\n\nspawn = get_context("spawn")\n'
    body = "".join(f"    {line}\n" for line in main.splitlines())
    return f'{head}\n{worker}\nif __name__ == "__main__":\n{body}'


_SEND = """\
def send(queue):
    queue.put(bytes(1_000_000))
"""

_LOCK = """\
def send(queue):
    queue.put(threading.Lock())
"""

_ONE = """\
child = spawn.Process(target=send, args=(queue,))
child.start()
"""

_TWO = """\
first = spawn.Process(target={0}, args=(queue,))
second = spawn.Process(target={0}, args=(queue,))
first.start()
{1}
time.sleep(0.5)
first.kill()
second.start()
"""

_FIRST_SENDS = """\
while queue.empty():
    time.sleep(0.01)"""

_FIRST_TAKES = "begun.wait()"

_TAKE = """\
def take(queue):
    begun.set()
    print("took", queue.get())
"""

_NEW = "queue = spawn.Queue()\n"

SENDING = {  # each waits for ever
    "join, then get": _script(
        _SEND, _NEW + _ONE + 'child.join()\nprint(len(queue.get()), "bytes")'
    ),
    "it cannot be pickled": _script(
        _LOCK, _NEW + _ONE + 'print("took", queue.get())', "import threading\n"
    ),
    "a killed reader": _script(
        _TAKE.replace("queue)", "queue, begun)", 1),
        "queue, begun = spawn.Queue(), spawn.Event()\n"
        + _TWO.format("take", _FIRST_TAKES).replace("queue,", "queue, begun")
        + 'queue.put("a letter")\nsecond.join()',
        "import time\n",
    ),
    "a killed writer": _script(
        _SEND,
        _NEW + _TWO.format("send", _FIRST_SENDS) + 'print(len(queue.get()), "bytes")',
        "import time\n",
    ),
}

UNPICKLABLE = """\
import threading
from multiprocessing import get_context

if __name__ == "__main__":
    queue = get_context("spawn").Queue()
    for item in ("before", threading.Lock(), "after"):
        queue.put(item)
    print("took", queue.get())
    print("took", queue.get())
    print([thread.name for thread in threading.enumerate()])
"""

_EACH = """\
def start(target):
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=target, args=(theirs,))
    child.start()
    theirs.close()
    return child, ours

def receive(child, pipe):
    try:
        return f"{len(pipe.recv())} bytes"
    except (EOFError, OSError):
        child.join()
        return f"nothing will come: exit code {child.exitcode}"
"""

WAYS_OUT = {  # the same four, repaired
    "get, then join": _script(
        _SEND, _NEW + _ONE + 'print(len(queue.get()), "bytes")\nchild.join()'
    ),
    "a queue of a manager": _script(
        _SEND,
        "manager = spawn.Manager()\nqueue = manager.Queue()\n"
        + _ONE
        + 'child.join()\nprint(len(queue.get()), "bytes")',
    ),
    "a pipe: it cannot be pickled": _script(
        "def send(pipe):\n    pipe.send(threading.Lock())\n\n" + _EACH,
        "child, pipe = start(send)\nprint(receive(child, pipe))",
        "import threading\n",
    ),
    "a pipe for each reader": _script(
        'def take(pipe):\n    print("took", pipe.recv())\n\n' + _EACH,
        """\
(first, _), (second, pipe) = start(take), start(take)
first.kill()
pipe.send("a letter")
second.join()""",
    ),
    "a pipe for each writer": _script(
        "def send(pipe):\n    pipe.send(bytes(1_000_000))\n\n" + _EACH,
        """\
children = [start(send), start(send)]
children[0][0].kill()
for child, pipe in children:
    print(receive(child, pipe))""",
    ),
}

GREETINGS = """\
from multiprocessing import get_context

spawn = get_context("spawn")

def greet(name, answers):
    answers.put(f"Hello {name}, from process {os.getpid()}")

if __name__ == "__main__":
    answers = spawn.Queue()
    names = ["Ada", "Bea", "Cleo", "Dora"]
    workers = [spawn.Process(None, greet, n, (n, answers)) for n in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        print(answers.get())
"""

_WAIT = """\
    for worker in workers:
        print(answers.get())
"""

DIAGNOSED = ("from helpers.deadline import deadline\n" + GREETINGS).replace(
    _WAIT,
    """\
    try:
        with deadline(5):
            for worker in workers:
                print(answers.get())
    except TimeoutError:
        print("exit codes:", [worker.exitcode for worker in workers])
""",
)
