"""The ten cases of lesson 06, and the measurements by which they are decided.

Not a lesson: a name that begins with an underscore has no exercises.
"""

from __future__ import annotations

from typing import NamedTuple

TOOLS = ("serial", "threads", "processes")


class Reason(NamedTuple):
    """A measurement to decide by: what it is called, and what it says."""

    name: str
    says: str


REASONS = {
    reason.name: reason
    for reason in (
        Reason("waiting", "several threads waited for the server at once, and none needed a CPU"),
        Reason("gil", "threads computing in Python took turns, and processes did not"),
        Reason("c code", "Pillow and SQLite let go of the GIL, so threads computed at once"),
        Reason("cpus", "computing gets no faster than the usable CPUs allow"),
        Reason("start", "starting processes took longer than a little work does"),
        Reason("pickling", "what goes to a process is copied, and large things take long"),
        Reason("chunks", "items sent one by one cost a trip each, in chunks next to nothing"),
        Reason("native", "NumPy's library had started its own threads on every CPU"),
        Reason("crash", "a crash ended one process, while in a thread it ended them all"),
        Reason("sharing", "all threads saw one list, and each process had a copy of it"),
    )
}


class Scenario(NamedTuple):
    """A case to decide: the tool, and the measurement that decides; a question that leads there."""

    text: str
    tool: str
    reason: str
    ask: str


SCENARIOS = {
    1: Scenario(
        "300 pages from a slow server, 80 ms each. One CPU, with the GIL.",
        "threads",
        "waiting",
        "what does a page need while it is waited for: a CPU, a process of its own?",
    ),
    2: Scenario(
        "2000 log files, 20 ms of pure Python each; a file's name goes in, a number comes "
        "back. Eight CPUs, with the GIL.",
        "processes",
        "gil",
        "who keeps eight CPUs busy with pure Python, where there is a GIL?",
    ),
    3: Scenario(
        "5000 photographs, 20 ms of Pillow each. Eight CPUs, with the GIL; the program is to "
        "start at once and use little memory.",
        "threads",
        "c code",
        "whose code computes there, and which tool starts at once and needs little memory?",
    ),
    4: Scenario(
        "The log files of 2, in a container with one usable CPU.",
        "serial",
        "cpus",
        "how many can compute at once in that container?",
    ),
    5: Scenario(
        "20 numbers, 1 ms of pure Python each, and then the program ends. Eight CPUs, with the "
        "GIL.",
        "serial",
        "start",
        "how long does all of the work take, and how long does it take to have workers?",
    ),
    6: Scenario(
        "200 frames of 100 MB, in memory already; C code that lets go of the GIL needs 5 ms for "
        "each. Eight CPUs, with the GIL.",
        "threads",
        "pickling",
        "how does a frame get to whoever computes, and how long does that take?",
    ),
    7: Scenario(
        "A million small strings, 20 µs of pure Python each. Eight CPUs, with the GIL.",
        "processes",
        "chunks",
        "who keeps eight CPUs busy with pure Python, and what makes it worth the trips?",
    ),
    8: Scenario(
        "64 products of large matrices, by NumPy, on eight CPUs; nobody has limited its library.",
        "serial",
        "native",
        "who keeps the eight CPUs busy already?",
    ),
    9: Scenario(
        "900 documents, and a C library that crashes on some of them. All others must be done.",
        "processes",
        "crash",
        "what is left of the program when that library crashes?",
    ),
    10: Scenario(
        "Four workers that look things up in one large dict and write into it, pure Python, on a "
        "free-threaded build with eight CPUs. Locks are no bottleneck.",
        "threads",
        "sharing",
        "what do all four need, and does any of them wait for a GIL?",
    ),
}
DECISIONS = {number: (each.tool, each.reason) for number, each in SCENARIOS.items()}
ALL_THREADS = dict.fromkeys(SCENARIOS, ("threads", "waiting"))
BY_THE_RULE = {**DECISIONS, 3: ("processes", "gil")}  # it computes, hence processes


def scenarios() -> str:
    """The ten cases, a line each, and the reasons to choose from."""
    lines = [f"{number:2}  {each.text}" for number, each in SCENARIOS.items()]
    reasons = [f'    "{each.name}": {each.says}' for each in REASONS.values()]
    return "\n".join([*lines, "", "Reasons:", *reasons])
