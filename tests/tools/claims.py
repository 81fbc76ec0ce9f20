"""What the lessons say of their stored pictures: how many lanes, in which order, at which ratio.

A claim quotes its sentence from the lesson, and names the cell whose output must
bear it out where there is a GIL and two CPUs are usable or more. `store` runs a
cell again that does not, and a test holds what is stored to the sentences. What a
picture shows is read from its words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

LINE = re.compile(
    r"(?:(?P<title>.*): )?(?P<workers>\d+) workers?, (?P<spans>[\d ]+) spans? "
    r"in (?P<seconds>[\d.e-]+) s: at most (?P<at_once>\d+) at once.*?(?:on a CPU (?P<cpu>\d+)%.*)?$"
)
EXPECTED = "The lesson expected:"


class Lane(NamedTuple):
    """What the words say of one timeline."""

    title: str
    workers: int
    spans: int
    seconds: float
    at_once: int
    cpu: int  # percent


class Picture:
    """What a cell has shown, by the words of its pictures."""

    def __init__(self, outputs: Iterable[Mapping[str, Any]]) -> None:
        self.pages = "\n".join(_html(output) for output in outputs)
        alts = re.findall(r'<img alt="([^"]*)"', self.pages)
        self.words = unescape("\n".join(alts))
        self.lanes = [_lane(found) for found in map(LINE.match, self.words.split("\n")) if found]

    def __call__(self, title: str = "") -> Lane:
        """The timeline whose title ends so; the first one without a title."""
        return next(
            lane for lane in self.lanes if f": {lane.title}".endswith(f": {title}" * bool(title))
        )

    def full(self) -> list[int]:
        """For how much of the time each queue was full, in percent."""
        return [int(share) for share in re.findall(r"full (\d+)% and empty", self.words)]

    def points(self, name: str) -> dict[str, float]:
        """The points of a line in a chart, as its words name them."""
        line = next(
            n for n in self.words.split("\n") if re.search(rf"(^|: ){re.escape(name)}: ", n)
        )
        return {n: float(s) for n, s in re.findall(r"(\d+): ([\d.]+)[,)]", line)}


class Claim(NamedTuple):
    lesson: str
    cell: str
    says: str  # in the lesson, in these words
    holds: Callable[[Picture], bool]

    def name(self) -> str:
        return f"{self.lesson}, {self.cell}: {self.says}"


def contradicted(lesson: str, cell: str, outputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The sentences of a lesson that the outputs of a cell do not bear out."""
    seen = Picture(outputs)
    for claim in CLAIMS:
        if (claim.lesson, claim.cell) == (lesson, cell) and not _holds(claim, seen):
            yield claim.says
    yield from re.findall(rf"{EXPECTED}[^<.]*", seen.pages)


def _holds(claim: Claim, seen: Picture) -> bool:
    try:
        return claim.holds(seen)
    except (StopIteration, KeyError):  # a timeline or a point that is not there
        return False


def sentences(notebook: Mapping[str, Any]) -> str:
    """All that a lesson says, in one line."""
    texts = [
        "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"
    ]
    return " ".join(" ".join(texts).split())


def read(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def _html(output: Mapping[str, Any]) -> str:
    html = output.get("data", {}).get("text/html", "")
    return html if isinstance(html, str) else "".join(html)


def _lane(found: re.Match[str]) -> Lane:
    workers, spans = (int(found[name].replace(" ", "")) for name in ("workers", "spans"))
    title, cpu = found["title"] or "", int(found["cpu"] or 0)
    return Lane(title, workers, spans, float(found["seconds"]), int(found["at_once"]), cpu)


def faster(one: Lane, other: Lane, least: float = 1.0, most: float = 1e9) -> bool:
    """Whether `one` took so many times less time than `other`."""
    return least <= other.seconds / one.seconds <= most


CLAIMS = [
    Claim(
        *(
            "00-start-here",
            "first-timeline",
            "each of them gets a [worker](99-glossary.md#Worker) of its own",
        ),
        lambda see: see().workers == see().at_once == see().spans == 8,
    ),
    Claim(
        *("00-start-here", "answer-three", "the whole cannot be done before 0.3 s"),
        lambda see: see().workers == 3 and 0.299 < see().seconds < 0.35,
    ),
    Claim(
        *("00-start-here", "answer-crunch", "With four threads, the bars overlap"),
        lambda see: see("four threads").workers == see("four threads").at_once == 4,
    ),
    Claim(
        *("00-start-here", "answer-crunch", "each is longer than before"),
        lambda see: see("four threads").cpu < 60 < 90 < see("one thread").cpu,
    ),
    Claim(
        *("00-start-here", "overlap-picture", "no two of them are ever at work at the same time"),
        lambda see: see().at_once == 1,
    ),
    Claim(
        *(
            "01-concurrency",
            "four-computations",
            "In both pictures the bars stand above one another",
        ),
        lambda see: all(see(kind).at_once == 4 for kind in ("threads", "processes")),
    ),
    Claim(
        *("01-concurrency", "four-computations", "processes can run at the same instant"),
        lambda see: faster(see("processes"), see("threads"), 1.3),
    ),
    Claim(
        *("01-concurrency", "answer-running", "they are **concurrent, not parallel**"),
        lambda see: see("threads").workers == 3 and see("threads").at_once == 1,
    ),
    Claim(
        *("01-concurrency", "answer-running", "Each process has a GIL of its own"),
        lambda see: see("processes").at_once >= 2,
    ),
    Claim(
        *("01-concurrency", "album-downloads", "threads help however few CPUs there are"),
        lambda see: faster(see("a pool of six"), see("one after the other"), 3),
    ),
    Claim(
        *("01-concurrency", "answer-waiting", "With more workers the latency stays"),
        lambda see: (
            faster(see("workers: 4"), see("workers: 1"), 3.5)
            and faster(see("workers: 16"), see("workers: 4"), 3)
        ),
    ),
    Claim(
        *("01-concurrency", "repair-picture", "no two items are ever under way together"),
        lambda see: see().at_once == 1,
    ),
    Claim(
        *("01-concurrency", "job", "0.2 s that one worker does alone"),
        lambda see: see().workers == 5 and see().at_once == 4 and see().spans == 17,
    ),
    Claim(
        *("01-concurrency", "same-work", "No number of workers gets past it"),
        lambda see: see.points("same work")["1"] < see.points("same work")["16"] < 5,
    ),
    Claim(
        *("01-concurrency", "grown-work", "a straight line without a limit"),
        lambda see: see.points("work grows")["16"] > 2 * see.points("same work")["16"],
    ),
    Claim(
        *(
            "02-threads",
            "printers-run",
            "Both threads wait most of the time, so their words overlap",
        ),
        lambda see: see().at_once == 2 and see().cpu < 10,
    ),
    Claim(
        *("02-threads", "speedups", "Which of them gain from four threads?"),
        lambda see: see("crunch, threads: 4").workers == see("hash_bytes, threads: 4").workers == 4,
    ),
    Claim(
        *("02-threads", "speedups", "`crunch` gains nothing"),
        lambda see: faster(see("crunch, threads: 4"), see("crunch, threads: 1"), 0.5, 1.2),
    ),
    Claim(
        *("02-threads", "speedups", "`hash_bytes` works in C code that lets go of the GIL"),
        lambda see: faster(see("hash_bytes, threads: 4"), see("hash_bytes, threads: 1"), 1.5),
    ),
    Claim(
        *("02-threads", "hand-over-picture", "Three threads compute for half a second."),
        lambda see: see().workers == 3 and see().at_once == 1,
    ),
    Claim(
        *("03-processes", "printers", "each lane has a process number"),
        lambda see: see().workers == see().at_once == 2,
    ),
    Claim(
        *("03-processes", "startup", "a fork server which is already running saves a part of it"),
        lambda see: (
            all(see(m).workers == 3 for m in ("fork", "forkserver", "spawn"))
            and see("fork").seconds < see("forkserver").seconds < see("spawn").seconds
        ),
    ),
    Claim(
        *(
            "03-processes",
            "win",
            "the processes need about half the time",
        ),
        lambda see: faster(see("processes"), see("threads"), 1.4),
    ),
    Claim(
        *("03-processes", "curve", "where do the processes leave the ideal line?"),
        lambda see: see.points("threads")["4"] < 1.3 < 1.6 < see.points("processes")["2"] <= 2.1,
    ),
    Claim(
        *("04-synchronization", "doors", "six visits take six times as long"),
        lambda see: faster(see("6 places"), see("lock"), 5.5, 6.5),
    ),
    Claim(
        *(
            "04-synchronization",
            "doors",
            "**[semaphore](99-glossary.md#Semaphore)** counts free",
        ),
        lambda see: [see(door).at_once for door in ("6 places", "lock", "2 places")] == [6, 1, 2],
    ),
    Claim(
        *("04-synchronization", "rate-limit", "says how many may *start* in a time"),
        lambda see: see().workers == 6 and 0.44 < see().seconds < 0.55,
    ),
    Claim(
        *("04-synchronization", "starving-shown", "so two are hardly ever free together"),
        lambda see: faster(see("turnstile"), see("no turnstile"), 1.03),
    ),
    Claim(
        *("04-synchronization", "hike", "The second part begins when the last one is there."),
        lambda see: see().workers == 3 and 0.39 < see().seconds < 0.5,
    ),
    Claim(
        *("04-synchronization", "lanes", "with the same pause they keep in step"),
        lambda see: see("the same pause").workers == 2 and see("the same pause").spans == 8,
    ),
    Claim(
        *("05-queues", "depths", "So both shops take about the same time"),
        lambda see: faster(see("no limit"), see("limit 4"), 0.9, 1.1),
    ),
    Claim(
        *("05-queues", "stages-shown", "The queue before the slowest stage is full"),
        lambda see: see.full()[0] > 60 > 20 > see.full()[1],
    ),
    Claim(
        *("05-queues", "stages-four", "threads added anywhere else change nothing"),
        lambda see: faster(see("4 to resize"), see("1 to resize"), 1.5),
    ),
    Claim(
        *("05-queues", "stages-four", "Both queues fill up now."),
        lambda see: see.full()[3] > max(50, see.full()[2]) and see.full()[2] > 20,
    ),
    Claim(
        *("06-choosing", "run-http", "Three downloads at once"),
        lambda see: see("threads").at_once == 3 and faster(see("threads"), see("serial"), 2.5),
    ),
    Claim(
        *("06-choosing", "run-http", "Threads also save the start of the processes."),
        lambda see: faster(see("threads"), see("processes"), 1.2),
    ),
    Claim(
        *("06-choosing", "run-database", "It computes: look at the CPU share of the serial row."),
        lambda see: see("serial").cpu >= 90,
    ),
    Claim(
        *("06-choosing", "run-python", "threads help Pillow and do not help Python"),
        lambda see: faster(see("threads"), see("serial"), 0.5, 1.2),
    ),
    Claim(
        *("06-choosing", "run-pillow", "threads help Pillow and do not help Python"),
        lambda see: faster(see("threads"), see("serial"), 1.3),
    ),
    Claim(
        *("08-without-the-gil", "interpreters-measured", "The threads take turns under one GIL."),
        lambda see: faster(see("interpreters"), see("threads"), 1.3),
    ),
    Claim(
        *("08-without-the-gil", "threads-measured", "The upper threads take turns"),
        lambda see: faster(see.lanes[1], see.lanes[0], 1.3) and see.lanes[0].cpu < 70,
    ),
    Claim(
        *("08-without-the-gil", "threads-measured", "The lower ones do not wait for each other."),
        lambda see: see.lanes[1].cpu >= 85,
    ),
    Claim(
        *("08-without-the-gil", "album-measured", "side by side without"),
        lambda see: faster(see.lanes[1], see.lanes[0], 1.2),
    ),
    Claim(
        *("09-beyond-one-machine", "lanes-run", "for the one of a cluster it records who did what"),
        lambda see: see().workers == see().at_once == 2 and see().spans == 12,
    ),
    Claim(
        *("09-beyond-one-machine", "answer-killed", "gave what that worker had"),
        lambda see: see().spans > 8 and "its worker is gone" in see.words,
    ),
    Claim(
        *("10-capstone", "serial-run", "One lane, and no two bars above one another."),
        lambda see: see().workers == see().at_once == 1,
    ),
]
