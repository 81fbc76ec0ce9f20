"""The exercises of lesson 04b: programs to break, then to repair; and some that are right.

`ladder.lost_update.break` takes the word of a schedule; any one that fails will
do, and the shortest is praised. `ladder.lost_update` takes the repaired class or
function; the same program is explored with it, over all schedules. Then it is
tried in other programs: with more threads, with others who look, so that nobody
repairs one run only, or by leaving nothing to run at once. Where the question is
"broken or not?", the answer is such a word, or "right".

`programs` has the programs, `puzzles` those that may be right, `repairs` what
holds and what only seems to. The rungs of lesson 04c stand in `rungs`, beside
this package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations
from types import FunctionType
from typing import Any, NamedTuple

from ...interleave import replay
from .. import NotYet, exercise, expect
from .._schedules import all_hold, all_tried, really_holds, sentence, told
from . import adversaries, programs, puzzles, repairs

Program = Callable[[], None]
CROWD = adversaries.CROWD
MOST = 6000  # schedules; a repair that waits without polling has a thousand or two


class Also(NamedTuple):
    """Another program for a repair: what is said where that one fails, or holds."""

    program: Program
    fails: str
    holds: str


class Rung(NamedTuple):
    """One program: how it breaks, which part of it is repaired, and what helps."""

    program: Program
    part: str  # the name of what is repaired
    word: str  # of a schedule that fails
    harmless: str  # of one that does not
    least: int  # letters of the shortest word that fails
    to_break: tuple[str, ...]  # hints
    to_repair: tuple[str, ...]
    wrong: Any  # a plausible repair
    says: str  # what the schedule shows that breaks it
    also: tuple[Also, ...] = ()
    crowds: tuple[Program, ...] = ()  # on real threads, and all of them at once


class Puzzle(NamedTuple):
    """Broken or not? A program that is right, or has a word that breaks it."""

    program: Program
    hints: tuple[str, ...]
    word: str  # of a schedule that fails; where the program is right, of any one
    least: int = 0  # letters of the shortest word that fails; 0: the program is right
    why: str = ""  # it is right


# ---------------------------------------------------------------------- grading


RIGHT = "right"


def breaks(program: Program, least: int, word: Any) -> str:
    """Does the program fail, if its threads take turns by this word? The shortest has `least`."""
    expect(isinstance(word, str), f'the answer must be a word such as "AB", not {word!r:.60}.')
    try:
        schedule = replay(program, word)
    except ValueError as error:
        raise NotYet(sentence(error)) from None
    expect(
        schedule.verdict != "ok" or bool(word),
        "put letters between the quotes. Without any, each thread runs for as long as it can, "
        "and that ends well.",
    )
    rest = "" if schedule.word == word else f" goes on as {schedule.word}, which"
    expect(
        schedule.verdict != "ok",
        f"{word}{rest} ends well: no assertion fails, nobody is left waiting.",
    )
    return f"{word}{rest} fails: {told(schedule)} {praise(program, least, word)}"


def praise(program: Program, least: int, word: str) -> str:
    """How short the word is, or could be."""
    beginnings = (word[:n] for n in range(1, len(word) + 1))
    enough = next(each for each in beginnings if replay(program, each).verdict != "ok")
    shorter = "" if enough == word else f"{enough} is enough, as the rest follows from the rule. "
    if len(enough) == least:
        return f"{shorter}No word that breaks it is shorter."
    letters = f"{least} letter{'s' * (least > 1)}"
    return f"{shorter}The shortest word that breaks it has {letters}: can you find one?"


def decides(puzzle: Puzzle, answer: Any) -> str:
    """Is the program right, if that is the answer? Else, does this word break it?"""
    if not (isinstance(answer, str) and answer.strip().lower() == RIGHT):
        return breaks(puzzle.program, puzzle.least, answer)
    expect(puzzle.least == 0, "it is not right: there is a schedule that breaks it. Find its word.")
    return f"It is right. {all_tried(all_hold(puzzle.program, MOST))} {puzzle.why}"


def holds(rung: Rung, answer: Any) -> str:
    """Does no schedule break the program, with `answer` in place of the broken part?"""
    tried = all_hold(with_part(rung.program, rung.part, answer), MOST)
    for program, fails, _ in rung.also:
        try:
            all_hold(with_part(program, rung.part, answer), MOST)
        except NotYet as error:
            raise NotYet(f"{fails}: {error}") from None
    for program in rung.crowds:
        really_holds(with_part(program, rung.part, answer), f"a few hold, but {CROWD} do not")
    return " ".join([all_tried(tried), *(each.holds for each in rung.also if each.holds)])


def with_part(program: Program, part: str, answer: Any) -> Program:
    """The same program, where the name `part` means `answer`."""
    assert isinstance(program, FunctionType)
    names = {**program.__globals__, part: answer}
    return FunctionType(
        program.__code__, names, program.__name__, program.__defaults__, program.__closure__
    )


def register(lesson: str, rungs: Iterable[Rung], puzzles: Iterable[Puzzle]) -> None:
    """Make them exercises, whose names begin with that of the lesson."""
    for rung in rungs:
        name = rung.program.__name__
        exercise(
            f"{lesson}.{name}.break",
            f"Find a schedule that breaks {name}(): the letters of the threads, as they take "
            "turns.",
            hints=rung.to_break,
            solution=rung.word,
            starter="",
            wrong=rung.harmless,
            says=f"{rung.harmless} ",
        )(partial(breaks, rung.program, rung.least))
        exercise(
            f"{lesson}.{name}",
            f"Repair {rung.part}, so that no schedule breaks {name}().",
            hints=rung.to_repair,
            solution=getattr(repairs, rung.part),
            starter=getattr(programs, rung.part),
            wrong=rung.wrong,
            says=rung.says,
            seconds=60.0,  # for what polls: all others take two at most
        )(partial(holds, rung))
    for puzzle in puzzles:
        name, right = puzzle.program.__name__, puzzle.least == 0
        exercise(
            f"{lesson}.{name}",
            f'Is {name}() broken? Find a schedule that breaks it, or answer "{RIGHT}".',
            hints=puzzle.hints,
            solution=RIGHT if right else puzzle.word,
            starter="",
            wrong=puzzle.word if right else RIGHT,
            says=f"{puzzle.word} " if right else "there is a schedule that breaks it",
        )(partial(decides, puzzle))


# -------------------------------------------------------------------- the rungs

RUNGS = (
    Rung(
        programs.lost_update,
        "Counter",
        word="ABBA",
        harmless="AABB",
        least=2,
        to_break=(
            "An increment is two letters: read the value, write it back. Between them another "
            "thread may come in.",
            "Let A read and no more. What does B have to do before A goes on?",
            "A reads, B reads and writes, A writes. Each of these is one letter.",
        ),
        to_repair=(
            "While one thread is between its read and its write, no other may read.",
            "Make one lock in __init__, and enter it in add: with self.lock.",
            "The read and the write both stand in self.value += 1. Put that line under the with.",
        ),
        wrong=repairs.LocksTheWrite,
        says="A's update is lost",
        also=(
            Also(
                adversaries.three_add,
                "two threads are counted right, but three or another counter are not",
                "",
            ),
        ),
    ),
    Rung(
        programs.cache,
        "Cache",
        word="AB",
        harmless="AAAAB",
        least=2,
        to_break=(
            "The first to come does not find the page. Until when does the second one not find it, "
            "too?",
            "Let B look right after A has looked, before A has loaded anything.",
        ),
        to_repair=(
            "Looking and loading belong together: nobody may look while somebody loads.",
            "If you look outside the lock, to save time, look once more when you have it.",
            "A lock, made in __init__. In get: with self.lock, and under it the whole if.",
        ),
        wrong=repairs.LocksTheLoading,
        says="AAABAAAA",
        also=(
            Also(
                adversaries.two_caches,
                "two who ask one cache for one page are right, but three or another cache are not",
                "",
            ),
            Also(
                adversaries.three_for_one,
                "two who ask for one page are right, but three are not",
                "",
            ),
            Also(
                adversaries.empty_page,
                "no page is loaded twice, except where it is empty",
                "",
            ),
        ),
    ),
    Rung(
        programs.transfers,
        "transfer",
        word="AB",
        harmless="AAAA",
        least=2,
        to_break=(
            "Each transfer needs two locks. In which order does A take them, and in which does B?",
            "Let each of them take its first lock.",
        ),
        to_repair=(
            "A circle needs somebody who holds the second lock and waits for the first. When all "
            "take the locks in one order, nobody does.",
            "Use the locks that the purses have; one lock for all of them would keep out transfers "
            "that could go on.",
            "Source and target change places between the two transfers. Names do not.",
            "first and second: the purse with the lesser name, and the other one. Lock in that "
            "order, then move the money as before.",
        ),
        wrong=repairs.locks_the_source,
        says="ann has",
        also=(
            Also(
                adversaries.audited,
                "these two transfers end right, but the locks are not held for all of a transfer",
                "Nobody sees money that is on its way.",
            ),
            Also(
                adversaries.round_trip,
                "these two transfers are right, but three in a ring are not",
                "Three in a ring hold, too.",
            ),
            *(
                Also(
                    adversaries.to_and_fro(*names),
                    "the transfers of ann and bob are right, but not those of others",
                    "",
                )
                for names in combinations(adversaries.NAMES, 2)
            ),
            Also(
                adversaries.somebody_else_pays,
                "these two transfers are right, but one waits for a lock that it does not need",
                "",
            ),
        ),
    ),
    Rung(
        programs.pool,
        "Pool",
        word="AAAAABBBAAAACCCCB",
        harmless="AAAAAAAAAB",
        least=17,
        to_break=(
            "B finds no connection and waits. A gives one back and wakes B. But woken is not yet "
            "running: B needs the lock again first.",
            "Let A borrow, let B begin to wait, let A give back, and let C come in before B goes "
            "on.",
            "C borrows what B was woken for. B does not look again.",
        ),
        to_repair=(
            "Between being woken and having the lock again, somebody else may have been there.",
            "What is true before wait() returns need not be true after it: look again.",
            "Replace if by while.",
        ),
        wrong=repairs.WakesAll,
        says="AAAAABBBCCC",
        also=(
            Also(
                adversaries.one_at_a_time,
                "each has a connection, but somebody has it before it is given back",
                "",
            ),
            Also(
                adversaries.two_connections,
                "one connection is lent right, but two are not",
                "Two connections are lent at once.",
            ),
            Also(
                adversaries.two_given_back,
                "one connection is lent right, but not two that are given back at once",
                "",
            ),
            Also(
                adversaries.three_times,
                "who borrows once is right, but not who borrows several times",
                "",
            ),
        ),
    ),
    Rung(
        programs.shutdown,
        "Worker",
        word="BB",
        harmless="ABB",
        least=1,
        to_break=(
            "The worker looks at the flag, and then it waits for a job. What if the flag changes "
            "between?",
            "One way: let the worker find the only job, look at the flag once more, and wait. Who "
            "wakes it now?",
            "Another way: let the client submit and close before the worker has looked at all.",
        ),
        to_repair=(
            "Who waits in get() sees no flag. What would wake it?",
            "Let close() put something into the queue that is no job: a sentinel.",
            "close: self.jobs.put(None). run: get in an endless loop, and return where it is None. "
            "The queue keeps the order, so all jobs before it are done first.",
        ),
        wrong=repairs.LooksIntoTheQueue,
        says="waits for worker.jobs",
        also=(
            Also(
                adversaries.two_jobs,
                "one job is done, but of two that were submitted something is wrong",
                "Two jobs are done in their order.",
            ),
            Also(
                adversaries.any_job,
                "a job is done, but not whatever it is: None alone is no job",
                "",
            ),
            Also(
                adversaries.no_job,
                "a job is done, but a worker that has none does not end",
                "A worker without a job ends, too.",
            ),
            Also(
                adversaries.two_workers_closed,
                "one worker is right, but another one notices its closing",
                "",
            ),
        ),
    ),
)
PUZZLES = (
    Puzzle(
        puzzles.double_checked,
        word="AB",
        hints=(
            "Two may find no connection at the same time, before either has the lock. What does "
            "the second one do when it gets the lock?",
            "Whoever finds a connection in the first look goes on without the lock. Can that "
            "connection be anything but complete?",
            "Play it: let A and B look, then let A do all that it does. Does B connect?",
        ),
        why="Whoever comes late looks again under the lock, and the one write that others see "
        "without it, self.connection = ..., is one step. The pattern is called double-checked "
        "locking. In languages that may reorder writes it needs more than this.",
    ),
)

register("ladder", RUNGS, PUZZLES)
