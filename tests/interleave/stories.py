"""Schedules written by hand, for tests of how they are told and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpers.interleave.report import Report, Schedule, Standing, Step

ADD = (3, ("def add():", "    global total", "    total += 1"))
CROSSED = (10, ("def there():", "    with a:", "        with b:", "            move(1)"))
BACK = (15, ("def back():", "    with b:", "        with a:", "            move(-1)"))


class Story:
    """Steps in order; what a step does not say is as it was after the step before."""

    def __init__(self, sources: Mapping[str, Any] | None = None, **state: str) -> None:
        self.steps: list[Step] = []
        self.sources = dict(sources or {})
        self.values: dict[str, str] = state
        self.holds: dict[str, str] = {}
        self.blocked: dict[str, str] = {}

    def source(self, thread: str, line: int) -> str:
        first, lines = self.sources.get(thread, (1, ()))
        return str(lines[line - first]).strip() if 0 <= line - first < len(lines) else ""

    def step(self, thread: str, line: int, what: str, kind: str, where: str, **more: Any) -> Story:
        """`values`, `holds`, `blocked` add to what is; a blocked thread is freed by ""."""
        self.values = {**self.values, **more.get("values", {})}
        self.holds = {**self.holds, **more.get("holds", {})}
        self.blocked = {k: v for k, v in {**self.blocked, **more.get("blocked", {})}.items() if v}
        source = more.get("source", self.source(thread, line))
        flags = more.get("letter", True), more.get("preempts", False)
        state = self.values, self.holds, self.blocked
        self.steps.append(Step(thread, line, source, what, kind, where, *flags, *state))
        return self

    def read(self, thread: str, line: int, where: str, **more: Any) -> Story:
        return self.step(
            thread, line, f"read {where} -> {self.values[where]}", "read", where, **more
        )

    def write(self, thread: str, line: int, where: str, value: object, **more: Any) -> Story:
        more["values"] = {where: str(value)}
        return self.step(thread, line, f"{where} = {value}", "write", where, **more)

    def acquire(self, thread: str, line: int, lock: str, **more: Any) -> Story:
        more["holds"] = {lock: thread}
        return self.step(thread, line, f"acquire {lock}", "acquire", lock, **more)

    def release(self, thread: str, line: int, lock: str, **more: Any) -> Story:
        more["holds"] = {lock: ""}
        return self.step(thread, line, f"release {lock}", "release", lock, **more)

    def told(self, verdict: str, outcome: str = "", **more: Any) -> Schedule:
        word = "".join(step.thread for step in self.steps if step.letter)
        more.setdefault("sources", self.sources)
        if "standing" not in more:
            threads = dict.fromkeys([*self.sources, *word])
            more["standing"] = tuple(
                Standing(t, "", 0, "", "", "", True, 0) for t in threads if t not in self.blocked
            )
        return Schedule(word, verdict, outcome or verdict, tuple(self.steps), **more)


def ended(thread: str, name: str) -> Standing:
    return Standing(thread, name, 0, "", "", "", True, 9)


def lost_update() -> Schedule:
    story = Story({"A": ADD, "B": ADD}, total="0")
    story.read("A", 5, "total").read("B", 5, "total", preempts=True)
    story.write("B", 5, "total", 1).write("A", 5, "total", 1)
    standing = ended("A", "add"), ended("B", "add")
    return story.told("race", "lost update: 1", standing=standing)


def deadlock() -> Schedule:
    story = Story({"A": CROSSED, "B": BACK})
    story.holds = {"a": "", "b": ""}
    story.acquire("A", 11, "a")
    story.acquire("B", 16, "b", preempts=True, blocked={"A": "b", "B": "a"})
    standing = (
        Standing("A", "there", 12, "with b:", "acquire b", "b is held by B", False, 2),
        Standing("B", "back", 17, "with a:", "acquire a", "a is held by A", False, 2),
    )
    return story.told("deadlock", standing=standing, circle=("A", "b", "B", "a", "A"))


WAITER = (
    5,
    ("def waiter():", "    if not done:", "        with ready:", "            ready.wait()"),
)
SENDER = (10, ("def sender():", "    done = True", "    with ready:", "        ready.notify()"))


def lost_wakeup() -> Schedule:
    story = Story({"A": WAITER, "B": SENDER}, done="False")
    story.holds = {"ready": ""}
    story.read("A", 6, "done").write("B", 11, "done", True, preempts=True)
    story.acquire("B", 12, "ready", blocked={}).step("B", 13, "notify ready", "call", "ready")
    story.release("B", 12, "ready").acquire("A", 7, "ready")
    story.step(
        "A", 8, "wait for ready", "wait", "ready", holds={"ready": ""}, blocked={"A": "ready"}
    )
    standing = (
        Standing("A", "waiter", 8, "ready.wait()", "wake", "nobody has notified", False, 3),
        ended("B", "sender"),
    )
    return story.told("deadlock", standing=standing)


MEET = (4, ("def meet():", "    gate.wait()", "    print('through')"))


def barrier() -> Schedule:
    story = Story({"A": MEET, "B": MEET})
    story.holds = {"gate": "0 of 3"}
    wait = ("wait for gate", "wait", "gate")
    story.step("A", 5, *wait, holds={"gate": "1 of 3"}, blocked={"A": "gate"})
    story.step("B", 5, *wait, holds={"gate": "2 of 3"}, blocked={"B": "gate"})
    standing = tuple(
        Standing(t, "meet", 5, "gate.wait()", "pass gate", "2 of 3 are there", False, 1)
        for t in "AB"
    )
    return story.told("deadlock", standing=standing)


SPIN = (2, ("def spin():", "    while not stop:", "        pass"))


def spin(steps: int = 400) -> Schedule:
    story = Story({"A": SPIN, "B": ADD}, stop="False")
    for _ in range(steps):
        story.read("A", 3, "stop")
    turning = Standing("A", "spin", 3, "while not stop:", "read stop", "", False, 1)
    return story.told("no end in sight", standing=(turning, ended("B", "add")))


def fine() -> Schedule:
    story = Story({"A": ADD, "B": ADD}, total="0")
    story.holds = {"lock": ""}
    for thread, value in (("A", 1), ("B", 2)):
        story.acquire(thread, 4, "lock").read(thread, 5, "total")
        story.step(thread, 5, "print 'hi'", "print", "", letter=False)
        story.write(thread, 5, "total", value).release(thread, 4, "lock")
    standing = ended("A", "add"), ended("B", "add")
    return story.told("ok", standing=standing, printed="hi\nhi\n")


def begun() -> Schedule:
    whole = lost_update()
    standing = (
        Standing("A", "add", 5, "total += 1", "total = 1", "", False, 1),
        Standing("B", "add", 5, "total += 1", "total = 1", "", False, 1),
    )
    return Schedule("AB", "ok", "ok", whole.steps[:2], standing, whole.sources, ended=False)


ALL = (lost_update, deadlock, lost_wakeup, barrier, spin, fine, begun)


def report_of(schedule: Schedule | None, counts: dict[str, int], **more: Any) -> Report:
    verdict = schedule.verdict if schedule else "ok"
    tried = more.pop("tried", sum(counts.values()))
    return Report("program", verdict, more.pop("complete", True), tried, counts, schedule, **more)
