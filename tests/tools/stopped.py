"""Programs for `interrupts`: something that takes a second or so, in every part of `helpers`.

Each is a cell that ends by itself, without an error, in a fresh kernel and in a used one.
"""

from __future__ import annotations

from helpers.exercises import everything

STOPS = """
from helpers.run import RunError, run

def stops(work, items, workers, using="threads"):
    try:
        run(work, items, workers, using, timeout={timeout})
    except RunError as error:
        assert str(error).startswith("Not finished"), error
        assert "could not be stopped" not in str(error), error
"""

ENDS = STOPS.format(timeout=1.2)

PROGRAMS = {
    "run, semaphore": ENDS + "import threading\n"
    "stops(lambda _: threading.Semaphore(0).acquire(), range(6), 3)",
    "run, one semaphore": ENDS + "import threading\n"
    "seats = threading.Semaphore(2)\n"
    "def sit(_):\n    with seats:\n        while True:\n            threading.Event().wait(0.01)\n"
    "stops(sit, range(6), 6)\n"
    "assert [seats.acquire(blocking=False) for _ in range(3)] == [True, True, False]",
    "run, queue": ENDS + "import queue\nboxes = queue.Queue()\n"
    "stops(lambda _: boxes.get(), range(6), 3)",
    "run, socket": ENDS + "import socket\n"
    "def listen(_):\n    with socket.socket() as ours:\n        ours.bind(('127.0.0.1', 0))\n"
    "        ours.listen()\n        ours.settimeout(0.1)\n        while True:\n"
    "            try:\n                ours.accept()\n"
    "            except TimeoutError:\n                pass\n"
    "stops(listen, range(6), 3)",
    "run, downloads": "from helpers.run import run\n"
    "from helpers.work.real_work import fetch\nfrom helpers.work.server import address\n"
    "urls = [f'{address()}/wait?seconds=0.1&name={n}' for n in range(12)]\n"
    "assert len(run(fetch, urls, 3).results) == 12",
    "run, downloads stopped early": STOPS.format(timeout=0.05)
    + "from helpers.work.real_work import fetch\nfrom helpers.work.server import address\n"
    "urls = [f'{address()}/wait?seconds=0.1&name={n}' for n in range(12)]\n"
    "stops(fetch, urls, 3)\n"
    "assert len(run(fetch, urls, 3).results) == 12",
    "run, import": "from helpers.run import run\nimport sys\n"
    "def load(name):\n    import importlib\n    return importlib.import_module(name).__name__\n"
    "names = ['xmlrpc.client', 'turtledemo', 'lib2to3.main', 'sqlite3', 'unittest.mock',\n"
    "         'http.server', 'mailbox', 'xml.dom.minidom', 'ftplib', 'tomllib', 'wsgiref.util']\n"
    "names = [n for n in names if __import__('importlib.util').util.find_spec(n.split('.')[0])]\n"
    "for name in names:\n    sys.modules.pop(name, None)\n"
    "assert run(load, names, 3).results == names",
    "run, fork": ENDS + "from helpers.work import forever\nstops(forever, range(4), 2, 'fork')",
    "run, spawn": STOPS.format(timeout=2) + "from helpers.work import forever\n"
    "try:\n    stops(forever, range(4), 2, 'spawn')\n"
    "except AssertionError as error:\n    assert 'could not be stopped' not in str(error)",
    "run, forkserver": STOPS.format(timeout=2) + "from helpers.work import forever\n"
    "stops(forever, range(4), 2, 'forkserver')",
    "run, processes": "from helpers.run import run\nfrom helpers.work import wait\n"
    "assert len(run(wait, [0.1] * 8, 2, 'processes').results) == 8",
    "run, tasks": STOPS.format(timeout=1)
    + "import asyncio\nasync def waits(_):\n    await asyncio.Event().wait()\n"
    "stops(waits, range(6), 3, 'tasks')",
    "run, tasks in threads": STOPS.format(timeout=1)
    + "import asyncio\nfrom helpers.work import forever\n"
    "async def elsewhere(n):\n    await asyncio.to_thread(forever, n)\n"
    "stops(elsewhere, range(6), 3, 'tasks')",
    "pool": "from concurrent.futures import ThreadPoolExecutor\n"
    "from helpers.run import run\nfrom helpers.work import wait\n"
    "with ThreadPoolExecutor(3) as pool:\n    run(wait, [0.1] * 30, 3, pool)",
    "process pool": "from concurrent.futures import ProcessPoolExecutor\n"
    "from helpers.run import run\nfrom helpers.work import wait\n"
    "with ProcessPoolExecutor(2) as pool:\n    run(wait, [0.1] * 20, 3, pool)",
    "pipeline": "from time import sleep\nfrom helpers.queues import Stage, pipeline\n"
    "slow = lambda x: sleep(0.03) or x\n"
    "done = pipeline(range(30), Stage('a', slow, 2), Stage('b', slow, 2), size=2)\n"
    "assert done.results == [*range(30)]",
    "pipeline, stopped": "from threading import Event\n"
    "from helpers.queues import Stage, pipeline\nfrom helpers.run import RunError\n"
    "try:\n"
    "    pipeline(range(9), Stage('a', abs), Stage('b', lambda x: Event().wait(), 2), timeout=1)\n"
    "except RunError as error:\n    assert 'could not be stopped' not in str(error), error",
    "gil, watch": "from helpers.gil import holds, watch\nassert watch(0.7, 3).at_once() <= 2",
    "gil, watch processes": "from helpers.gil import watch\n"
    "assert watch(0.3, 2, 'spawn').at_once() <= 2",
    "gil, turns": "import time\nfrom helpers.gil import turns\n"
    "assert turns(lambda: time.sleep(0.6)) > 0",
    "cost, trips": "from helpers.cost import trips\nassert len(trips([16, 65536], 5)) >= 5",
    "cost, threads": "from helpers.cost import thread_memory, round_trip\nimport threading\n"
    "thread_memory(300)\nassert round_trip(threading.Thread, threading.Semaphore, 20_000) > 0",
    "cost, processes": "from multiprocessing import get_context\n"
    "from helpers.cost import life, round_trip\n"
    "spawn = get_context('spawn')\nlife(spawn.Process)\n"
    "assert round_trip(spawn.Process, spawn.Semaphore, 300) > 0",
    "apart": "from helpers.apart import at_once\nfrom helpers.apart.programs import SENDING\n"
    "assert len(at_once(SENDING, 2)) == len(SENDING)",
    "deadline": "import threading\nfrom helpers.deadline import DeadlinePassed, deadline\n"
    "lock = threading.Lock()\n"
    "try:\n    with deadline(0.5), lock:\n"
    "        other = threading.Thread(target=lock.acquire)\n        other.start()\n"
    "        other.join()\n"
    "except DeadlinePassed:\n    pass",
    "server": "import httpx\nfrom helpers.work.server import server\n"
    "with server() as at:\n"
    "    for _ in range(5):\n"
    "        assert httpx.get(f'{at}/wait?seconds=0.1').status_code == 200",
    "explore": "import threading\nfrom helpers.interleave import explore\n"
    "def program():\n"
    "    total = 0\n"
    "    def add():\n        nonlocal total\n        total += 1\n        total += 1\n"
    "    threads = [threading.Thread(target=add) for _ in range(3)]\n"
    "    for thread in threads: thread.start()\n"
    "    for thread in threads: thread.join()\n"
    "    assert total == 6\n"
    "report = explore(program, every=True, budget=1500)\n"
    "assert report.verdict == 'race' or 'interrupted' in str(report), report",
    "explore, library": "import queue, threading\n"
    "from concurrent.futures import ThreadPoolExecutor\n"
    "from helpers.interleave import explore\n"
    "def program():\n"
    "    boxes = queue.Queue(1)\n"
    "    with ThreadPoolExecutor(2) as pool:\n"
    "        pool.submit(boxes.put, 1)\n        pool.submit(boxes.put, 2)\n"
    "        assert boxes.get() + boxes.get() == 3\n"
    "report = explore(program, budget=300)\n"
    "assert report.verdict == 'ok' or 'interrupted' in str(report), report",
    "explore, async": "import asyncio\n"
    "from helpers.interleave import explore\n"
    "async def program():\n"
    "    total = 0\n"
    "    async def add():\n"
    "        nonlocal total\n"
    "        for _ in range(3):\n"
    "            seen = total\n            await asyncio.sleep(0)\n            total = seen + 1\n"
    "    await asyncio.gather(*(add() for _ in range(3)))\n"
    "    assert total == 9\n"
    "report = explore(program, every=True, budget=500)\n"
    "assert report.verdict == 'race' or 'interrupted' in str(report), report",
    "play": "import threading\nfrom helpers.lesson import play\n"
    "def program():\n"
    "    total = 0\n"
    "    def add():\n        nonlocal total\n        total += 1\n"
    "    threads = [threading.Thread(target=add) for _ in range(2)]\n"
    "    for thread in threads: thread.start()\n"
    "    for thread in threads: thread.join()\n"
    "    assert total == 2\n"
    "board = play(program)\n"
    "for _ in range(8):\n"
    "    for thread in 'AB':\n        board.press(thread)\n        board.undo()",
    "panel": "from helpers.panels import panel, workers\nfrom helpers.run import run\n"
    "from helpers.work import wait\n"
    "def waits(workers):\n    return run(wait, [0.1] * 8, workers)\n"
    "turned = panel(waits, workers=workers(4, 2))\n"
    "assert len(turned.move(workers=3).lanes()) == 3",
    "starts and joins": "from multiprocessing import get_context\nfrom helpers import work\n"
    "spawn = get_context('spawn')\n"
    "work.start_and_join(*(spawn.Process(target=work.wait, args=(0.3,)) for _ in range(2)))",
} | {
    f"check {name}, {which}": "from helpers import lesson\nfrom helpers.exercises import find\n"
    f"exercise = find({name!r})\n"
    f"held, said = lesson.verdict(exercise, exercise.{which})\n"
    f"assert held == {which == 'solution'}, said\n"
    for name in everything()
    for which in ("solution", "starter", "wrong")
}
