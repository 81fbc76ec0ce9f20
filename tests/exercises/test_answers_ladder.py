"""The ladder: for each rung words and repairs that do not hold, and unusual ones that do."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, LifoQueue, Queue
from typing import Any, ClassVar

import pytest

from helpers.exercises import find, ladder, rungs
from helpers.exercises.ladder import Puzzle, Rung, programs, repairs
from helpers.interleave import Schedule, explore, replay
from helpers.lesson import verdict

Call = Callable[[], object]
SHORT = 17 if "EXAMPLES" in os.environ else 5  # letters: longer words take a minute


RUNGS = (*ladder.RUNGS, *rungs.RUNGS)
PUZZLES = (*ladder.PUZZLES, *rungs.PUZZLES)
LESSONS = {
    each.program.__name__: lesson.__name__.rpartition(".")[2]
    for lesson in (ladder, rungs)
    for each in (*lesson.RUNGS, *lesson.PUZZLES)
}


def full(name: str) -> str:
    """The name of an exercise, with that of its lesson."""
    return f"{LESSONS[name.removesuffix('.break')]}.{name}"


def refuse(name: str, answer: Any, says: str) -> None:
    held, sentence = verdict(find(full(name)), answer)
    assert not held, sentence
    assert says in sentence
    assert "\n" not in sentence


def accept(name: str, answer: Any) -> None:
    held, sentence = verdict(find(full(name)), answer)
    assert held, sentence


# ------------------------------------------------------------------- words

EACH = pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.program.__name__)


@EACH
def test_a_word_that_breaks_nothing_is_refused(rung: Rung) -> None:
    name = f"{rung.program.__name__}.break"
    refuse(name, "", "put letters between the quotes")
    refuse(name, rung.word.lower(), "")
    refuse(name, rung.word.replace("B", "Z"), "Z")
    refuse(name, list(rung.word), "must be a word")
    refuse(name, " ".join(rung.word), "")
    refuse(name, rung.harmless, f"{rung.harmless} ")


@EACH
def test_a_word_that_breaks_it_is_taken_whole_too(rung: Rung) -> None:
    name = f"{rung.program.__name__}.break"
    sentence = find(full(name)).grade(rung.word)
    whole = sentence.partition(" goes on as ")[2].partition(",")[0]
    accept(name, whole or rung.word)


@EACH
def test_the_shortest_word_is_praised_and_a_longer_one_told(rung: Rung) -> None:
    grade = find(full(f"{rung.program.__name__}.break")).grade
    enough = next(w for n in range(99) if fails(rung.program, w := rung.word[:n]))
    assert len(enough) == rung.least
    assert grade(enough).endswith(" No word that breaks it is shorter.")
    if len(enough) < len(rung.word):
        assert f"{enough} is enough" in grade(rung.word)


def fails(program: Call, word: str) -> bool:
    schedule = tried(program, word)
    return schedule is not None and schedule.verdict != "ok"


def tried(program: Call, word: str) -> Schedule | None:
    """Nothing where somebody cannot go on there."""
    try:
        return replay(program, word)
    except ValueError:
        return None


def test_a_word_that_could_be_shorter_is_told_so() -> None:
    sentence = find("ladder.lost_update.break").grade("BAAB")
    assert "BA is enough, as the rest follows from the rule. No word" in sentence
    sentence = find("ladder.pool.break").grade("AAAAABBBAAAACCCCCB")
    assert sentence.endswith("The shortest word that breaks it has 17 letters: can you find one?")


@pytest.mark.parametrize("each", [*RUNGS, *PUZZLES], ids=lambda each: each.program.__name__)
def test_no_word_is_shorter_than_the_shortest(each: Rung | Puzzle) -> None:
    least = each.least or 99
    if least > SHORT:
        pytest.skip("EXAMPLES=1000 looks at all words that are shorter")
    words = [""]
    for _ in range(1, least):
        longer = [word + letter for word in words for letter in "ABCD"]
        schedules = {word: tried(each.program, word) for word in longer}
        found = {word: schedule for word, schedule in schedules.items() if schedule}
        assert {schedule.verdict for schedule in found.values()} == {"ok"}
        words = [word for word, schedule in found.items() if len(schedule.word) > len(word)]


# ---------------------------------------------------------- broken or not?


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.program.__name__)
def test_broken_or_not_takes_what_the_explorer_says_and_nothing_else(puzzle: Puzzle) -> None:
    name, report = puzzle.program.__name__, explore(puzzle.program)
    assert report.complete
    assert (report.verdict == "ok") == (puzzle.least == 0)
    refuse(name, "", "put letters between the quotes")
    refuse(name, "wrong", "there is no thread w")
    refuse(name, "broken", "there is no thread b")
    refuse(name, ["right"], "must be a word")
    if report.verdict == "ok":
        for word in ("right", "Right", " right "):
            accept(name, word)
        refuse(name, puzzle.word, "ends well")
        assert puzzle.why
    else:
        refuse(name, "right", "it is not right")
        accept(name, puzzle.word)
        accept(name, replay(puzzle.program, puzzle.word).word)


OTHER_WORDS = [
    ("lost_update", "BAAB"),
    ("overdrawn", "BA"),
    ("cache", "BA"),
    ("transfers", "BA"),
    ("two_clerks", "ACCA"),
    ("wrong_pair", "CCBB"),
    ("philosophers", "CAB"),
]


@pytest.mark.parametrize(("name", "word"), OTHER_WORDS)
def test_another_word_that_breaks_it_is_taken(name: str, word: str) -> None:
    accept(f"{name}.break", word)


# -------------------------------------------------------------- lost_update


class LockForEachCall(programs.Counter):
    """Wrong: a lock that nobody else can ask for."""

    def add(self) -> None:
        with threading.Lock():
            self.value += 1


class LooksUnderTheLock(repairs.Counter):
    """Wrong: reads under the lock, writes without it."""

    def add(self) -> None:
        with self.lock:
            value = self.value
        self.value = value + 1


class OneForAll(repairs.Counter):
    """Wrong: one value for all counters."""

    value = 0

    def __init__(self) -> None:
        self.lock = threading.Lock()
        OneForAll.value = 0

    def add(self) -> None:
        with self.lock:
            OneForAll.value += 1


class TriesTheLock(repairs.Counter):
    """Wrong: who does not get the lock does not count."""

    def add(self) -> None:
        if self.lock.acquire(blocking=False):
            self.value += 1
            self.lock.release()


class AppendsOnes:
    """Right: an append is one step, and the length is the count."""

    def __init__(self) -> None:
        self.ones: list[int] = []

    def add(self) -> None:
        self.ones.append(1)

    @property
    def value(self) -> int:
        return len(self.ones)


class ByHand(repairs.Counter):
    """Right: the with in other words."""

    def add(self) -> None:
        self.lock.acquire()
        try:
            self.value = self.value + 1
        finally:
            self.lock.release()


# ---------------------------------------------------------------- overdrawn


class ServesOneAtATime(repairs.Account):
    """Wrong: whoever comes while another is served gets nothing, though there is enough."""

    def withdraw(self, amount: int) -> None:
        if self.lock.acquire(blocking=False):
            if self.balance >= amount:
                self.balance -= amount
                self.paid.append(amount)
            self.lock.release()


class KeepsTheLast(repairs.Account):
    """Wrong: more than enough is asked for, and enough is enough."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            if self.balance > amount:
                self.balance -= amount
                self.paid.append(amount)


class PaysOnce(repairs.Account):
    """Wrong: pays the first, and then nobody."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            if not self.paid and self.balance >= amount:
                self.balance -= amount
                self.paid.append(amount)


class TakesFirst(repairs.Account):
    """Right: takes, and puts back what was too much, all under the lock."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            self.balance -= amount
            if self.balance < 0:
                self.balance += amount
                return
        self.paid.append(amount)


class RLockAccount(repairs.Account):
    """Right: a lock that may be taken again, and a method of its own for the look."""

    def __init__(self, balance: int) -> None:
        super().__init__(balance)
        self.lock: Any = threading.RLock()

    def has(self, amount: int) -> bool:
        with self.lock:
            return self.balance >= amount

    def withdraw(self, amount: int) -> None:
        with self.lock:
            if self.has(amount):
                self.balance -= amount
                self.paid.append(amount)


class PaysTwo(repairs.Account):
    """Wrong: two are paid, and a third is not."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            if self.balance >= amount and len(self.paid) < 2:
                self.balance -= amount
                self.paid.append(amount)


class PutsBackLater(repairs.Account):
    """Wrong: until it puts back what was too much, others find too little."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            self.balance -= amount
            enough = self.balance >= 0
        if enough:
            self.paid.append(amount)
        else:
            with self.lock:
                self.balance += amount


class OneListForAll(repairs.Account):
    """Wrong: what one account has paid is in the list of all."""

    everything: ClassVar[list[int]] = []

    def __init__(self, balance: int) -> None:
        super().__init__(balance)
        self.everything.clear()
        self.paid = self.everything


# -------------------------------------------------------------------- cache


class MarksItFirst(repairs.Cache):
    """Wrong: says that the page is there before it is."""

    def get(self, key: str) -> str:
        with self.lock:
            mine = key not in self.values
            self.values.setdefault(key, "")
        if mine:
            self.values[key] = self.load(key)
        return self.values[key]


class OneForTheWorld(repairs.Cache):
    """Wrong: all caches have one dict."""

    everything: ClassVar[dict[str, str]] = {}

    def __init__(self, load: Callable[[str], str]) -> None:
        super().__init__(load)
        self.everything.clear()
        self.values = self.everything


class LooksAgainOutside(repairs.Cache):
    """Wrong: looks twice, and both times before it has the lock."""

    def get(self, key: str) -> str:
        if key not in self.values and key not in self.values:
            with self.lock:
                self.values[key] = self.load(key)
        return self.values[key]


class AsksForTruth(repairs.Cache):
    """Wrong: an empty page is a page."""

    def get(self, key: str) -> str:
        with self.lock:
            if not self.values.get(key):
                self.values[key] = self.load(key)
            return self.values[key]


class LoadsAnyway(programs.Cache):
    """Wrong: setdefault is one step, and its argument was loaded before."""

    def get(self, key: str) -> str:
        return self.values.setdefault(key, self.load(key))


class DoubleChecked(repairs.Cache):
    """Right, and quicker once the page is there."""

    def get(self, key: str) -> str:
        if key not in self.values:
            with self.lock:
                if key not in self.values:
                    self.values[key] = self.load(key)
        return self.values[key]


class ALockForEachKey(programs.Cache):
    """Right: whoever loads one page keeps nobody from loading another."""

    def __init__(self, load: Callable[[str], str]) -> None:
        super().__init__(load)
        self.locks: dict[str, threading.Lock] = {}

    def get(self, key: str) -> str:
        with self.locks.setdefault(key, threading.Lock()):
            return super().get(key)


class MadeByTheFirst(programs.Cache):
    """Right: the first one promises a page, and the others wait for it."""

    def __init__(self, load: Callable[[str], str]) -> None:
        super().__init__(load)
        self.lock = threading.Lock()
        self.ready: dict[str, threading.Event] = {}

    def get(self, key: str) -> str:
        with self.lock:
            first = key not in self.ready
            ready = self.ready.setdefault(key, threading.Event())
        if first:
            self.values[key] = self.load(key)
            ready.set()
        ready.wait()
        return self.values[key]


# ---------------------------------------------------------------- transfers

Purse = programs.Purse


def lets_go_between(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: between taking and giving the money is nowhere."""
    with source.lock:
        source.amount -= amount
    with target.lock:
        target.amount += amount


def lock_of_its_own(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: a lock that nobody else has."""
    with threading.Lock():
        source.amount -= amount
        target.amount += amount


def by_amount(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: the order of what changes is none."""
    first, second = sorted([source, target], key=lambda purse: purse.amount)
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


def ann_first(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: right for ann and bob; others are locked as they come."""
    first, second = (target, source) if target.name == "ann" else (source, target)
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


def tries_and_retreats(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: two that retreat in step may do so for ever: a livelock."""
    while True:
        with source.lock:
            if target.lock.acquire(blocking=False):
                source.amount -= amount
                target.amount += amount
                target.lock.release()
                return
        time.sleep(0.01)


def by_id(source: Purse, target: Purse, amount: int) -> None:
    """Right: any order will do that does not change."""
    first, second = sorted([source, target], key=id)
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


def greater_name_first(source: Purse, target: Purse, amount: int) -> None:
    """Right: the other way round, by hand."""
    first, second = max(source, target, key=name_of), min(source, target, key=name_of)
    first.lock.acquire()
    second.lock.acquire()
    try:
        target.amount, source.amount = target.amount + amount, source.amount - amount
    finally:
        first.lock.release()
        second.lock.release()


def name_of(purse: Purse) -> str:
    return purse.name


one_for_all = threading.Lock()


def all_wait_for_one(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: a lock for all; whoever waits for a purse with it keeps out everybody."""
    with one_for_all, source.lock, target.lock:
        source.amount -= amount
        target.amount += amount


def all_wait_at_the_gate(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: so does a lock that is held only until both purses are locked."""
    with one_for_all:
        source.lock.acquire()
        target.lock.acquire()
    source.amount -= amount
    target.amount += amount
    source.lock.release()
    target.lock.release()


def by_first_letter(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: two names may begin with the same letter."""
    first, second = sorted([source, target], key=lambda purse: purse.name[0])
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


class Transfer:
    """Right: an object that can be called, which goes on by recursion."""

    def __call__(self, source: Purse, target: Purse, amount: int) -> None:
        if target.name < source.name:
            return self(target, source, -amount)
        with source.lock, target.lock:
            source.amount -= amount
            target.amount += amount
        return None


# --------------------------------------------------------------- two_clerks


class LockByPrice(programs.Clerk):
    """Wrong: another lock for each price."""

    def sell(self, price: int) -> None:
        locks = self.till.__dict__.setdefault("locks", {})
        with locks.setdefault(price, threading.Lock()):
            self.till.money += price


class ReadsTheTill(programs.Clerk):
    """Wrong: reads under the lock, writes without."""

    def sell(self, price: int) -> None:
        with self.till.lock:
            money = self.till.money
        self.till.money = money + price


class CountsForItself(programs.Clerk):
    """Wrong: a clerk knows its own sales only."""

    def __init__(self, till: programs.Till) -> None:
        super().__init__(till)
        self.sold = 0

    def sell(self, price: int) -> None:
        with self.till.lock:
            self.sold += price
            self.till.money = self.sold


class BringsALock(repairs.Clerk):
    """Wrong: a clerk who comes late changes the lock while others are behind it."""

    def __init__(self, till: programs.Till) -> None:
        super().__init__(till)
        till.lock = threading.Lock()


class AddsByHand(programs.Clerk):
    """Right: acquires and releases by hand."""

    def sell(self, price: int) -> None:
        self.till.lock.acquire()
        try:
            self.till.money = self.till.money + price
        finally:
            self.till.lock.release()


class KnowsTheLock:
    """Right: keeps the lock of the till under another name."""

    def __init__(self, till: programs.Till) -> None:
        self.till, self.lock = till, till.lock

    def sell(self, price: int) -> None:
        with self.lock:
            self.till.money += price


class OneLockForAll(programs.Clerk):
    """Right: more than needed, and nobody disturbs anybody."""

    lock = threading.Lock()

    def sell(self, price: int) -> None:
        with self.lock:
            self.till.money += price


# --------------------------------------------------------------------- pool


class LooksTwice(programs.Pool):
    """Wrong: right for who borrows once; who waits may be woken too late twice."""

    def borrow(self) -> str:
        with self.returned:
            if not self.free:
                self.returned.wait()
            if not self.free:
                self.returned.wait()
            return self.free.pop()


class TakesOutside(repairs.Pool):
    """Wrong: looks under the lock, takes without it."""

    def borrow(self) -> str:
        with self.returned:
            while not self.free:
                self.returned.wait()
        return self.free.pop()


class LendsItTwice(programs.Pool):
    """Wrong: who finds none free gets one that somebody else has."""

    def __init__(self, connections: list[str]) -> None:
        super().__init__(connections)
        self.all = [*connections]

    def borrow(self) -> str:
        with self.returned:
            return self.free.pop() if self.free else self.all[0]


class MakesMore(programs.Pool):
    """Wrong: who finds none free makes another one."""

    def borrow(self) -> str:
        with self.returned:
            return self.free.pop() if self.free else "connection"


class WaitsFor(programs.Pool):
    """Right: wait_for is the loop."""

    def borrow(self) -> str:
        with self.returned:
            self.returned.wait_for(lambda: self.free)
            return self.free.pop()


class LooksAgainInTime(programs.Pool):
    """Right: whoever is woken late, or by nobody, looks again."""

    def borrow(self) -> str:
        with self.returned:
            while not self.free:
                self.returned.wait(timeout=0.05)
            return self.free.pop()


class CountsThem(programs.Pool):
    """Right: a semaphore counts what is free."""

    def __init__(self, connections: list[str]) -> None:
        super().__init__(connections)
        self.there = threading.Semaphore(len(connections))

    def borrow(self) -> str:
        self.there.acquire()
        return self.free.pop()

    def give_back(self, connection: str) -> None:
        self.free.append(connection)
        self.there.release()


class AQueueOfThem:
    """Right: a queue is a list, a lock and a condition."""

    def __init__(self, connections: list[str]) -> None:
        self.free: Queue[str] = Queue()
        for connection in connections:
            self.free.put(connection)

    def borrow(self) -> str:
        return self.free.get()

    def give_back(self, connection: str) -> None:
        self.free.put(connection)


# ----------------------------------------------------------------- shutdown


class ClosesAsAJob(programs.Worker):
    """Wrong: the sentinel wakes the worker, and is taken for a job."""

    def close(self) -> None:
        self.closing = True
        self.jobs.put("close")


class FlagAndSentinel(repairs.Worker):
    """Wrong: looks at the flag first, and leaves jobs in the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def run(self) -> None:
        while not self.closing and (job := self.jobs.get()) is not None:
            self.done.append(job)

    def close(self) -> None:
        self.closing = True
        self.jobs.put(None)


class LastInFirstOut(repairs.Worker):
    """Wrong: does all jobs, the last one first."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = LifoQueue()
        self.waiting: list[str] = []

    def submit(self, job: str) -> None:
        self.waiting.insert(0, job)

    def run(self) -> None:
        assert self.jobs.get() is None
        self.done.extend(self.waiting)


class WithoutTheWorker(repairs.Worker):
    """Wrong: a worker that nobody closes later is closed for all."""

    everybody: ClassVar[Queue[str | None]] = Queue()

    def __init__(self) -> None:
        self.done = []
        self.jobs = self.everybody


class FlagUnderACondition(programs.Worker):
    """Right: a list, a flag and a condition."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[str] = deque()
        self.changed = threading.Condition()

    def run(self) -> None:
        while True:
            with self.changed:
                while not self.waiting and not self.closing:
                    self.changed.wait()
                if not self.waiting:
                    return
                job = self.waiting.popleft()
            self.done.append(job)

    def submit(self, job: str) -> None:
        with self.changed:
            self.waiting.append(job)
            self.changed.notify()

    def close(self) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify()


class LooksNowAndThen(programs.Worker):
    """Right: whoever waits for a job looks at the flag now and then."""

    def run(self) -> None:
        while True:
            closing = self.closing
            try:
                self.done.append(self.jobs.get(timeout=0.05))
            except Empty:
                if closing:
                    return


class SentinelOfItsOwn(programs.Worker):
    """Right: any object will do that is no job; iter calls get until it comes."""

    end = "the end"

    def run(self) -> None:
        for job in iter(self.jobs.get, self.end):
            self.done.append(job)

    def close(self) -> None:
        self.jobs.put(self.end)


# ------------------------------------------------------------- lost_wake_up


class WakesOneVisitor(repairs.Gate):
    """Wrong: right for one visitor."""

    def open(self) -> None:
        with self.changed:
            self.is_open = True
            self.changed.notify()


class LetsThreeIn(programs.Gate):
    """Wrong: three may enter, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = threading.Semaphore(0)

    def open(self) -> None:
        self.is_open = True
        self.slots.release(3)

    def enter(self) -> None:
        self.slots.acquire()
        self.entered.append(self.is_open)


class OpensOutside(repairs.Gate):
    """Wrong: the visitor looks under the lock, the gate opens without; and it wakes before."""

    def open(self) -> None:
        with self.changed:
            self.changed.notify_all()
        with self.changed:
            self.is_open = True


class DoesNotWait(programs.Gate):
    """Wrong: enters a closed gate."""

    def enter(self) -> None:
        self.entered.append(self.is_open)


class OneSlot(programs.Gate):
    """Right: whoever is in lets in the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.slot = threading.Semaphore(0)

    def open(self) -> None:
        self.is_open = True
        self.slot.release()

    def enter(self) -> None:
        with self.slot:
            self.entered.append(self.is_open)


class WaitsForIt(repairs.Gate):
    """Right: opened without the lock, and told under it."""

    def open(self) -> None:
        self.is_open = True
        with self.changed:
            self.changed.notify_all()

    def enter(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.is_open)
        self.entered.append(self.is_open)


class LooksAgainAndAgain(programs.Gate):
    """Right: a wake-up that was lost is made good by the next look."""

    def enter(self) -> None:
        while not self.is_open:
            with self.changed:
                self.changed.wait(0.01)
        self.entered.append(self.is_open)


# ----------------------------------------------------------------- car_park


class WithoutFinally(programs.CarPark):
    """Wrong: an error while parking takes the place along."""

    def visit(self, park: Call) -> None:
        if self.places.acquire(blocking=False):
            park()
            self.places.release()


class CatchesExceptions(programs.CarPark):
    """Wrong: SystemExit and its like are no Exception."""

    def visit(self, park: Call) -> None:
        if self.places.acquire(blocking=False):
            try:
                park()
            except Exception:
                self.places.release()
                raise
            self.places.release()


class OnePlaceForAll(repairs.CarPark):
    """Wrong: all car parks have one place together."""

    everywhere = threading.Semaphore(1)

    def __init__(self) -> None:
        self.places = self.everywhere


class OnceOnly(programs.CarPark):
    """Wrong: one car parks, and after it nobody."""

    def visit(self, park: Call) -> None:
        if self.places.acquire(blocking=False):
            park()


class LooksAtTheNumber(programs.CarPark):
    """Wrong: looks whether it is free, then takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.free = True

    def visit(self, park: Call) -> None:
        if self.free:
            self.free = False
            try:
                park()
            finally:
                self.free = True


class ParksAfterAWhile(programs.CarPark):
    """Wrong: after five seconds it parks, whether or not there is a place."""

    def visit(self, park: Call) -> None:
        self.places.acquire(timeout=5)
        try:
            park()
        finally:
            self.places.release()


class ALockIsAPlace(programs.CarPark):
    """Right: one place is a lock."""

    def __init__(self) -> None:
        self.place = threading.Lock()

    def visit(self, park: Call) -> None:
        if not self.place.acquire(blocking=False):
            return
        try:
            park()
        finally:
            self.place.release()


class TellsNobody(programs.CarPark):
    """Right: the place is given back, and the error is kept."""

    def visit(self, park: Call) -> None:
        found = self.places.acquire(blocking=False)
        try:
            if found:
                park()
        except BaseException:
            pass
        if found:
            self.places.release()


# --------------------------------------------------------------- wrong_pair


class BuildsAtOnce(programs.Table):
    """Wrong: builds from what is there."""

    def build(self) -> None:
        self.built = sorted(self.parts)


class MeetsBefore(repairs.Table):
    """Wrong: they meet, and then deliver."""

    def deliver(self, part: str) -> None:
        self.meeting.wait()
        self.parts.append(part)


class OneEvent(programs.Table):
    """Wrong: the first part is told, and the second is not waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.there = threading.Event()

    def deliver(self, part: str) -> None:
        self.parts.append(part)
        self.there.set()

    def build(self) -> None:
        self.there.wait()
        self.built = sorted(self.parts)


class WaitsForParts(programs.Table):
    """Right: a condition, and what it is for."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def deliver(self, part: str) -> None:
        with self.changed:
            self.parts.append(part)
            self.changed.notify()

    def build(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: len(self.parts) == 2)
            self.built = sorted(self.parts)


class InAQueue(programs.Table):
    """Right: parts come through a queue."""

    def __init__(self) -> None:
        self.line: Queue[str] = Queue()
        self.built = []

    def deliver(self, part: str) -> None:
        self.line.put(part)

    def build(self) -> None:
        self.built = sorted([self.line.get(), self.line.get()])


# ---------------------------------------------------------------- torn_pair


class TwoReadersOnly(programs.Board):
    """Wrong: the third reader waits for one of the two others."""

    def __init__(self) -> None:
        self.places, self.writing = threading.Semaphore(2), threading.Lock()

    def write(self, change: Call) -> None:
        with self.writing, self.places, self.places:
            change()

    def read(self, look: Call) -> None:
        with self.places:
            look()


class WritersDeadlock(programs.Board):
    """Wrong: each of two writers holds one place and waits for the other one."""

    def __init__(self) -> None:
        self.places = threading.Semaphore(3)

    def write(self, change: Call) -> None:
        with self.places, self.places, self.places:
            change()

    def read(self, look: Call) -> None:
        with self.places:
            look()


class WritersMeet(programs.Board):
    """Wrong: a writer waits for the readers, and not for another writer."""

    def __init__(self) -> None:
        self.readers, self.writers, self.changed = 0, 0, threading.Condition()

    def write(self, change: Call) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.readers == 0)
            self.writers += 1
        change()
        with self.changed:
            self.writers -= 1
            self.changed.notify_all()

    def read(self, look: Call) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.writers == 0)
            self.readers += 1
        look()
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()


class WritesUnderTheCondition(programs.Board):
    """Right: the writer keeps the lock of the condition while it writes."""

    def __init__(self) -> None:
        self.readers, self.changed = 0, threading.Condition()

    def write(self, change: Call) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.readers == 0)
            change()

    def read(self, look: Call) -> None:
        with self.changed:
            self.readers += 1
        try:
            look()
        finally:
            with self.changed:
                self.readers -= 1
                self.changed.notify_all()


class ManyPlaces(programs.Board):
    """Right: a place for each reader, and a writer at a time that takes all of them."""

    def __init__(self) -> None:
        self.places, self.writing = threading.Semaphore(3), threading.Lock()

    def write(self, change: Call) -> None:
        with self.writing, self.places, self.places, self.places:
            change()

    def read(self, look: Call) -> None:
        with self.places:
            look()


# -------------------------------------------------------------- full_buffer


class FillsIf(programs.Buffer):
    """Wrong: one that fills may look once, and two may not."""

    def put(self, item: str) -> None:
        with self.changed:
            if self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify_all()

    def take(self) -> None:
        with self.changed:
            while not self.items:
                self.changed.wait()
            self.taken.append(self.items.pop())
            self.changed.notify_all()


class LooksNowhere(programs.Buffer):
    """Wrong: takes without the lock."""

    def take(self) -> None:
        with self.changed:
            while not self.items:
                self.changed.wait()
        self.taken.append(self.items.pop())
        with self.changed:
            self.changed.notify_all()


class WakesAllTakers(programs.Buffer):
    """Right: who takes wakes one, and when something is there nobody but fillers can wait."""

    def put(self, item: str) -> None:
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify_all()


class RoomForTwo(repairs.WakesEverybody):
    """Wrong: never stuck, and room for two."""

    def put(self, item: str) -> None:
        with self.changed:
            while len(self.items) >= 2:
                self.changed.wait()
            self.items.insert(0, item)
            self.changed.notify_all()


class ASizedQueue(programs.Buffer):
    """Right: a queue with room for one is that buffer; the lock keeps what is taken in order."""

    def __init__(self) -> None:
        self.taken, self.line, self.lock = list[str](), Queue[str](1), threading.Lock()

    def put(self, item: str) -> None:
        self.line.put(item)

    def take(self) -> None:
        with self.lock:
            self.taken.append(self.line.get())


class TwoSemaphores(programs.Buffer):
    """Right: one semaphore counts what is free, one what is full; the lock keeps the order."""

    def __init__(self) -> None:
        self.items, self.taken = deque[str](), list[str]()  # type: ignore[assignment]
        self.free, self.full = threading.Semaphore(1), threading.Semaphore(0)
        self.lock = threading.Lock()

    def put(self, item: str) -> None:
        self.free.acquire()
        self.items.append(item)
        self.full.release()

    def take(self) -> None:
        with self.lock:
            self.full.acquire()
            self.taken.append(self.items.pop())
            self.free.release()


# ------------------------------------------------------------- philosophers

Forks = list[Any]


def three_forks(seat: int, forks: Forks, eat: Callable[[int], object]) -> None:
    """Wrong: right for three; at a larger table the right fork is another one."""
    first, second = sorted([seat, (seat + 1) % 3])
    with forks[first], forks[second]:
        eat(seat)


def puts_down_the_first(seat: int, forks: Forks, eat: Callable[[int], object]) -> None:
    """Wrong: takes the other fork when it has put down the first."""
    with forks[seat]:
        pass
    with forks[(seat + 1) % len(forks)]:
        eat(seat)


def tries_for_ever(seat: int, forks: Forks, eat: Callable[[int], object]) -> None:
    """Wrong: all take one and put it down again, in step, for ever: a livelock."""
    left, right = forks[seat], forks[(seat + 1) % len(forks)]
    while True:
        with left:
            if right.acquire(blocking=False):
                eat(seat)
                right.release()
                return


def odd_ones_reach_across(seat: int, forks: Forks, eat: Callable[[int], object]) -> None:
    """Right: every second one takes the right fork first."""
    hands = [seat, (seat + 1) % len(forks)]
    if seat % 2:
        hands.reverse()
    with forks[hands[0]], forks[hands[1]]:
        eat(seat)


def greater_first(seat: int, forks: Forks, eat: Callable[[int], object]) -> None:
    """Right: the other order, by hand."""
    first, second = sorted([seat, (seat + 1) % len(forks)], reverse=True)
    forks[first].acquire()
    forks[second].acquire()
    eat(seat)
    forks[second].release()
    forks[first].release()


room = threading.Semaphore(2)


def two_in_the_room(seat: int, forks: Forks, eat: Callable[[int], object]) -> None:
    """Right: with two at the table one of them has both forks."""
    with room, forks[seat], forks[(seat + 1) % len(forks)]:
        eat(seat)


# -------------------------------------------------------------- lost_letter


class TakesOne(programs.Mailbox):
    """Wrong: takes one letter, and the flag down for both."""

    def empty(self) -> list[str]:
        self.flag.wait()
        self.flag.clear()
        return [self.letters.pop(0)] if self.letters else []


class FlagBeforeTheLetter(repairs.Mailbox):
    """Wrong: puts the flag up, and then the letter in."""

    def post(self, letter: str) -> None:
        self.flag.set()
        self.letters.append(letter)


class ChangesTheBox(programs.Mailbox):
    """Wrong: a letter may be posted into the old box after that was read."""

    def empty(self) -> list[str]:
        self.flag.wait()
        self.flag.clear()
        found = list(self.letters)
        self.letters = []
        return found


class NoFlag(programs.Mailbox):
    """Right: the queue is box and flag."""

    def __init__(self) -> None:
        self.line: Queue[str] = Queue()

    def post(self, letter: str) -> None:
        self.line.put(letter)

    def empty(self) -> list[str]:
        return [self.line.get()]


class UnderALock(programs.Mailbox):
    """Right: the old order of the lines, under a lock."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def post(self, letter: str) -> None:
        with self.lock:
            super().post(letter)

    def empty(self) -> list[str]:
        self.flag.wait()
        with self.lock:
            found, self.letters = self.letters, []
            self.flag.clear()
        return found


class TakesBackUnderTheLock(repairs.Account):
    """Wrong: who looks outside may see what is about to be put back."""

    def withdraw(self, amount: int) -> None:
        if self.balance >= amount:
            with self.lock:
                self.balance -= amount
                if self.balance >= 0:
                    self.paid.append(amount)
                else:
                    self.balance += amount


def bob_last(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: right wherever bob is one of the two."""
    first, second = (target, source) if source.name == "bob" else (source, target)
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


def by_last_letter(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: two names may end with the same letter."""
    first, second = sorted([source, target], key=lambda purse: purse.name[-1])
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


class WakesTwoVisitors(repairs.Gate):
    """Wrong: right for two."""

    def open(self) -> None:
        with self.changed:
            self.is_open = True
            self.changed.notify(2)


class WakesTwo(programs.Buffer):
    """Wrong: both may be takers, and find nothing, while one who fills sleeps on."""

    def put(self, item: str) -> None:
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify(2)

    def take(self) -> None:
        with self.changed:
            while not self.items:
                self.changed.wait()
            self.taken.append(self.items.pop())
            self.changed.notify(2)


class Turnstile(repairs.Board):
    """Right: who reads goes through a gate that a writer holds, so writers need not wait long."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Lock()

    def write(self, change: Callable[[], object]) -> None:
        with self.gate:
            super().write(change)

    def read(self, look: Callable[[], object]) -> None:
        with self.gate:
            pass
        super().read(look)


class WakesOneOfTwo(repairs.Pool):
    """Wrong: who waits is told of the first connection, and not of the second."""

    def give_back(self, connection: str) -> None:
        with self.returned:
            self.free.append(connection)
            if len(self.free) == 1:
                self.returned.notify()


class EndsAtTheFalse(repairs.Worker):
    """Wrong: a job may be empty."""

    def run(self) -> None:
        while job := self.jobs.get():
            self.done.append(job)


class EndsAtAWord(repairs.Worker):
    """Wrong: a job may have that name."""

    def run(self) -> None:
        while (job := self.jobs.get()) != "stop":
            assert job is not None
            self.done.append(job)

    def close(self) -> None:
        self.jobs.put("stop")


class WaitsForThePlace(programs.CarPark):
    """Wrong: who finds it taken is to drive on."""

    def visit(self, park: Callable[[], object]) -> None:
        with self.places:
            park()


class KnowsTheParts(programs.Table):
    """Wrong: another table has other parts."""

    def deliver(self, part: str) -> None:
        pass

    def build(self) -> None:
        self.built = ["legs", "top"]


class PaysEachAmountOnce(repairs.Account):
    """Wrong: two may ask for the same amount, and there is enough for both."""

    def withdraw(self, amount: int) -> None:
        with self.lock:
            if amount not in self.paid and self.balance >= amount:
                self.balance -= amount
                self.paid.append(amount)


class TellsOneOfThose(programs.Cache):
    """Wrong: of two who wait for the same page one is told that it is there."""

    def __init__(self, load: Callable[[str], str]) -> None:
        super().__init__(load)
        self.loading, self.changed = set[str](), threading.Condition()

    def get(self, key: str) -> str:
        with self.changed:
            while key in self.loading:
                self.changed.wait()
            if key in self.values:
                return self.values[key]
            self.loading.add(key)
        page = self.load(key)
        with self.changed:
            self.values[key] = page
            self.loading.remove(key)
            self.changed.notify()
        return page


def by_lower_case(source: Purse, target: Purse, amount: int) -> None:
    """Wrong: ann and Ann are two."""
    first, second = sorted([source, target], key=lambda purse: purse.name.lower())
    with first.lock, second.lock:
        source.amount -= amount
        target.amount += amount


class OnePoolForAll(repairs.Pool):
    """Wrong: what is free in one pool is lent by all."""

    free: ClassVar[list[str]] = []  # type: ignore[misc]

    def __init__(self, connections: list[str]) -> None:
        self.returned = threading.Condition()
        self.free.extend(connections)


class DoesItHere(programs.Worker):
    """Wrong: whoever submits does the job, and the worker ends before it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    def submit(self, job: str) -> None:
        self.done.append(job)

    def run(self) -> None:
        self.over.wait(5)

    def close(self) -> None:
        self.over.set()


class MakesALockIfThereIsNone(programs.Clerk):
    """Wrong: two who come at the same time make one each."""

    def __init__(self, till: Any) -> None:
        super().__init__(till)
        if not hasattr(till, "key"):
            till.key = threading.Lock()

    def sell(self, price: int) -> None:
        with self.till.key:  # type: ignore[attr-defined]
            self.till.money += price


class HasWaitedLongEnough(repairs.Gate):
    """Wrong: enters after a while, whether it is open or not."""

    def enter(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.is_open, timeout=60)
        self.entered.append(True)


class OneGateForAll:
    """Wrong: when one gate opens, all of them do."""

    opened = threading.Event()

    def __init__(self) -> None:
        self.entered: list[bool] = []

    def open(self) -> None:
        self.opened.set()

    def enter(self) -> None:
        self.opened.wait()
        self.entered.append(True)


class KnowsWhoIsThere(programs.CarPark):
    """Wrong: the same thread gets the place once more."""

    def __init__(self) -> None:
        self.place = threading.RLock()

    def visit(self, park: Call) -> None:
        if self.place.acquire(blocking=False):
            try:
                park()
            finally:
                self.place.release()


class LooksAndWaits(programs.CarPark):
    """Wrong: who finds it free may wait for it all the same."""

    def __init__(self) -> None:
        self.place = threading.Lock()

    def visit(self, park: Call) -> None:
        if not self.place.locked():
            with self.place:
                park()


class BuiltWhenAsked:
    """Wrong: build ends before the parts are there."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def deliver(self, part: str) -> None:
        self.parts.append(part)

    def build(self) -> None:
        pass

    @property
    def built(self) -> list[str]:
        return sorted(self.parts)


class PartsOfAllTables(programs.Table):
    """Wrong: what was delivered for one table is there for another."""

    parts: ClassVar[list[str]] = []  # type: ignore[misc]
    changed = threading.Condition()

    def __init__(self) -> None:
        self.built = []

    def deliver(self, part: str) -> None:
        with self.changed:
            self.parts.append(part)
            self.changed.notify()

    def build(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: len(self.parts) >= 2)
            self.built = sorted(self.parts)


class ReadersOfAllBoards(repairs.Board):
    """Wrong: whoever reads another board is not the first, and keeps no writer out."""

    number = 0

    def read(self, look: Callable[[], object]) -> None:
        with self.counting:
            ReadersOfAllBoards.number += 1
            if ReadersOfAllBoards.number == 1:
                self.room.acquire()
        look()
        with self.counting:
            ReadersOfAllBoards.number -= 1
            if ReadersOfAllBoards.number == 0:
                self.room.release()


class OneBufferForAll(repairs.WakesEverybody):
    """Wrong: what is put into one buffer is in all of them."""

    items: ClassVar[list[str]] = []  # type: ignore[misc]

    def __init__(self) -> None:
        self.taken, self.changed = [], threading.Condition()


class OneBoxForAll(repairs.Mailbox):
    """Wrong: a letter for one box is in all of them."""

    letters: ClassVar[list[str]] = []  # type: ignore[misc]

    def __init__(self) -> None:
        self.flag = threading.Event()


WRONG = [
    ("overdrawn", PaysEachAmountOnce, "somebody who could be paid is not"),
    ("cache", TellsOneOfThose, "two who ask for one page are right, but three are not"),
    ("transfers", by_lower_case, "not those of others"),
    ("pool", OnePoolForAll, "one connection is lent right, but two are not"),
    ("shutdown", DoesItHere, "the worker has ended, and nobody had closed it"),
    ("two_clerks", MakesALockIfThereIsNone, "two tills are not"),
    ("lost_wake_up", HasWaitedLongEnough, "before that gate was opened"),
    ("lost_wake_up", OneGateForAll, "before that gate was opened"),
    ("car_park", ParksAfterAWhile, "two on one place"),
    ("car_park", KnowsWhoIsThere, "there is one place, and there were"),
    ("car_park", LooksAndWaits, "does not drive on"),
    ("wrong_pair", BuiltWhenAsked, "another one is not"),
    ("wrong_pair", PartsOfAllTables, "another one is not"),
    ("torn_pair", ReadersOfAllBoards, "one board is right, but two are not"),
    ("full_buffer", OneBufferForAll, "but two who fill and two who take are not"),
    ("lost_letter", OneBoxForAll, "one postman is right, but two are not"),
    ("pool", WakesOneOfTwo, "two that are given back at once"),
    ("shutdown", EndsAtTheFalse, "None alone is no job"),
    ("shutdown", EndsAtAWord, "None alone is no job"),
    ("car_park", WaitsForThePlace, "does not drive on"),
    ("wrong_pair", KnowsTheParts, "another one is not"),
    ("overdrawn", TakesBackUnderTheLock, "of three somebody who could be paid is not"),
    ("transfers", bob_last, "not those of others"),
    ("transfers", by_last_letter, "not those of others"),
    ("lost_wake_up", WakesTwoVisitors, "a few hold, but 24 do not: somebody waits for ever"),
    ("full_buffer", WakesTwo, "a few hold, but 24 do not: somebody waits for ever"),
    ("overdrawn", PaysTwo, "somebody who could be paid is not"),
    ("overdrawn", PutsBackLater, "somebody who could be paid is not"),
    ("overdrawn", OneListForAll, "another account has paid"),
    ("transfers", all_wait_for_one, "one waits for a lock that it does not need"),
    ("transfers", all_wait_at_the_gate, "one waits for a lock that it does not need"),
    ("transfers", by_first_letter, "not those of others"),
    ("two_clerks", BringsALock, "two tills are not"),
    ("lost_wake_up", LetsThreeIn, "of several somebody does not"),
    ("car_park", OnePlaceForAll, "another car park"),
    ("lost_update", LockForEachCall, "lost update"),
    ("lost_update", LooksUnderTheLock, "lost update"),
    ("lost_update", OneForAll, "another counter"),
    ("lost_update", TriesTheLock, "lost update"),
    ("overdrawn", ServesOneAtATime, "somebody who could be paid is not"),
    ("overdrawn", KeepsTheLast, "somebody who could be paid is not"),
    ("overdrawn", PaysOnce, "somebody who could be paid is not"),
    ("cache", MarksItFirst, "breaks it"),
    ("cache", OneForTheWorld, "another cache"),
    ("cache", LooksAgainOutside, "loaded 2 times"),
    ("cache", AsksForTruth, "except where it is empty"),
    ("cache", LoadsAnyway, "loaded 2 times"),
    ("transfers", lets_go_between, "on its way, without a lock"),
    ("transfers", lock_of_its_own, "breaks it"),
    ("transfers", by_amount, "deadlock"),
    ("transfers", ann_first, "not those of others"),
    ("transfers", tries_and_retreats, "livelock"),
    ("two_clerks", LockByPrice, ""),
    ("two_clerks", ReadsTheTill, "7 were paid"),
    ("two_clerks", CountsForItself, "in the till"),
    ("pool", LooksTwice, "not who borrows several times"),
    ("pool", TakesOutside, "breaks it"),
    ("pool", LendsItTwice, "before it is given back"),
    ("pool", MakesMore, "before it is given back"),
    ("shutdown", ClosesAsAJob, "breaks it"),
    ("shutdown", FlagAndSentinel, "breaks it"),
    ("shutdown", LastInFirstOut, "of two that were submitted"),
    ("shutdown", WithoutTheWorker, "another one notices"),
    ("lost_wake_up", WakesOneVisitor, "of several somebody does not"),
    ("lost_wake_up", OpensOutside, "deadlock"),
    ("lost_wake_up", DoesNotWait, "entered when open"),
    ("car_park", WithoutFinally, "a place was lost"),
    ("car_park", CatchesExceptions, "a place was lost"),
    ("car_park", OnceOnly, "a place was lost"),
    ("car_park", LooksAtTheNumber, "two on one place"),
    ("wrong_pair", BuildsAtOnce, "built from"),
    ("wrong_pair", MeetsBefore, "built from"),
    ("wrong_pair", OneEvent, "built from"),
    ("torn_pair", TwoReadersOnly, "three cannot"),
    ("torn_pair", WritersDeadlock, "one writer is right, but two are not"),
    ("torn_pair", WritersMeet, "one writer is right, but two are not"),
    ("full_buffer", FillsIf, "one that fills is right, but two are not"),
    ("full_buffer", LooksNowhere, "breaks it"),
    ("full_buffer", RoomForTwo, "room for more than one"),
    ("philosophers", three_forks, "at a larger table"),
    ("philosophers", puts_down_the_first, "without the left fork"),
    ("philosophers", tries_for_ever, "again and again"),
    ("lost_letter", TakesOne, "deadlock"),
    ("lost_letter", FlagBeforeTheLetter, "deadlock"),
    ("lost_letter", ChangesTheBox, "deadlock"),
]


@pytest.mark.parametrize(("name", "answer", "says"), WRONG)
def test_a_repair_that_does_not_hold_is_refused(name: str, answer: Any, says: str) -> None:
    refuse(name, answer, says)


RIGHT = [
    ("transfers", Transfer()),
    ("lost_update", AppendsOnes),
    ("lost_update", ByHand),
    ("overdrawn", TakesFirst),
    ("overdrawn", RLockAccount),
    ("cache", DoubleChecked),
    ("cache", ALockForEachKey),
    ("cache", MadeByTheFirst),
    ("transfers", greater_name_first),
    ("transfers", by_id),
    ("two_clerks", AddsByHand),
    ("two_clerks", KnowsTheLock),
    ("two_clerks", OneLockForAll),
    ("pool", WaitsFor),
    ("pool", CountsThem),
    ("pool", LooksAgainInTime),
    ("pool", AQueueOfThem),
    ("shutdown", FlagUnderACondition),
    ("shutdown", LooksNowAndThen),
    ("shutdown", SentinelOfItsOwn),
    ("lost_wake_up", OneSlot),
    ("lost_wake_up", WaitsForIt),
    ("lost_wake_up", LooksAgainAndAgain),
    ("car_park", ALockIsAPlace),
    ("car_park", TellsNobody),
    ("wrong_pair", WaitsForParts),
    ("wrong_pair", InAQueue),
    ("torn_pair", WritesUnderTheCondition),
    ("torn_pair", ManyPlaces),
    ("torn_pair", Turnstile),
    ("full_buffer", ASizedQueue),
    ("full_buffer", TwoSemaphores),
    ("full_buffer", WakesAllTakers),
    ("philosophers", odd_ones_reach_across),
    ("philosophers", greater_first),
    ("philosophers", two_in_the_room),
    ("lost_letter", NoFlag),
    ("lost_letter", UnderALock),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_an_unusual_repair_that_holds_is_taken(name: str, answer: Any) -> None:
    accept(name, answer)
