"""The exercises of lesson 04b: programs to break, then to repair.

`ladder.lost_update.break` takes the word of a schedule; any one that fails will
do. `ladder.lost_update` takes the repaired class or function; the same program
is explored with it, over all schedules. Then it is tried in other programs: with
more threads, with others who look, so that nobody repairs one run only, or by
leaving nothing to run at once.

`programs` has the programs, `repairs` what holds and what only seems to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from types import FunctionType
from typing import Any, NamedTuple

from ...interleave import replay
from .. import NotYet, exercise, expect
from .._schedules import all_hold, all_tried, really_holds, sentence, told
from . import adversaries, programs, repairs

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
    to_break: tuple[str, ...]  # hints
    to_repair: tuple[str, ...]
    wrong: Any  # a plausible repair
    says: str  # what the schedule shows that breaks it
    also: tuple[Also, ...] = ()
    crowds: tuple[Program, ...] = ()  # on real threads, and all of them at once

    @property
    def name(self) -> str:
        """Of the repair; that of the other exercise has `.break` after it."""
        return f"ladder.{self.program.__name__}"


# ---------------------------------------------------------------------- grading


def breaks(rung: Rung, word: Any) -> str:
    """Does the program fail, if its threads take turns by this word?"""
    expect(isinstance(word, str), f'the answer must be a word such as "AB", not {word!r:.60}.')
    try:
        schedule = replay(rung.program, word)
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
    return f"{word}{rest} fails: {told(schedule)}"


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


# -------------------------------------------------------------------- the rungs

RUNGS = (
    Rung(
        programs.lost_update,
        "Counter",
        word="ABBA",
        harmless="AABB",
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
        programs.overdrawn,
        "Account",
        word="AB",
        harmless="AAAAB",
        to_break=(
            "What A knows after the if was true when it looked.",
            "Let A look at the balance, and then let B do all that it wants to.",
        ),
        to_repair=(
            "Looking and taking belong together: nobody may come in between.",
            "One lock, made in __init__, and one with around the whole if.",
        ),
        wrong=repairs.LocksTwice,
        says="AAABBBBBBBB",
        also=(
            Also(
                adversaries.enough_for_both,
                "nobody is paid too much, but somebody who could be paid is not",
                "Whoever can be paid is paid.",
            ),
            Also(
                adversaries.three_ask,
                "two are paid right, but of three somebody who could be paid is not",
                "",
            ),
            Also(
                adversaries.too_much,
                "nobody is paid too much, but somebody who could be paid is not",
                "",
            ),
        ),
    ),
    Rung(
        programs.made_twice,
        "Service",
        word="AB",
        harmless="AAAAB",
        to_break=(
            "The first to come finds None. Until when does the second one find None, too?",
            "Let B look right after A has looked, before A has connected.",
        ),
        to_repair=(
            "It is check-then-act again: look and connect under one lock.",
            "If you look outside the lock, to save time, look once more when you have it.",
            "In use: with self.lock, and under it the whole if. The last line may stay outside.",
        ),
        wrong=repairs.LocksTheMaking,
        says="B went on with what it had read",
        also=(
            Also(
                adversaries.two_services,
                "two uses of one service are right, but three or another service are not",
                "",
            ),
        ),
    ),
    Rung(
        programs.transfers,
        "transfer",
        word="AB",
        harmless="AAAA",
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
        programs.two_clerks,
        "Clerk",
        word="ABBA",
        harmless="AABB",
        to_break=(
            "Each sale has a lock of its own. Who else waits for that lock?",
            "Nobody does, so these locks are no letters: break it as you broke the counter.",
        ),
        to_repair=(
            "A lock keeps out those who ask for the same lock. What do both clerks have in common?",
            "A lock made by a clerk is that clerk's; one that stands in the class, outside of any "
            "method, is one for all tills of the world.",
            "The lock belongs to what it guards: the till has one.",
        ),
        wrong=repairs.OneLockPerClerk,
        says="AABB",
        also=(
            Also(
                adversaries.one_clerk_each,
                "one till is right, but two tills are not",
                "",
            ),
        ),
    ),
    Rung(
        programs.two_locks,
        "Stock",
        word="ABBA",
        harmless="AABB",
        to_break=(
            "add and take change the same number. Do they ask for the same lock?",
            "Let A read the number, let B do all of its work, then let A write.",
        ),
        to_repair=(
            "How many locks does one number need?",
            "If you want to keep both: which of them does each method take first?",
            "One lock, made in __init__, around the line in add and around the line in take.",
        ),
        wrong=repairs.BothLocks,
        says="deadlock",
        also=(
            Also(
                adversaries.two_of_each,
                "one that adds and one that takes are right, but two of each are not",
                "",
            ),
        ),
    ),
    Rung(
        programs.woken_late,
        "Box",
        word="AAACCCCBBBBBA",
        harmless="AAABBB",
        to_break=(
            "A waits, C puts something in and wakes A. But woken is not yet running: A needs the "
            "lock again first.",
            "Let A wait, let C put in the first thing, and let B come in before A goes on.",
            "B takes what A was woken for. A does not look again.",
        ),
        to_repair=(
            "Between being woken and having the lock again, somebody else may have been there.",
            "What is true before wait() returns need not be true after it: look again.",
            "Replace if by while.",
        ),
        wrong=repairs.WakesAll,
        says="AAABBBCCCC",
        also=(
            Also(
                adversaries.three_takers,
                "two takers are right, but three are not",
                "Three takers are served, too.",
            ),
        ),
    ),
    Rung(
        programs.lost_wake_up,
        "Gate",
        word="ABBBB",
        harmless="BBBBA",
        to_break=(
            "notify_all() wakes those who wait at that moment. Who begins to wait later hears "
            "nothing.",
            "Let A look: the gate is closed. Before A waits, let B do all that it does.",
        ),
        to_repair=(
            "Looking and beginning to wait must leave no gap in which the gate can open.",
            "wait() gives the lock back only once it waits. So look under the lock, too.",
            "In enter: with self.changed, and under it while not self.is_open: wait. In open: set "
            "the flag under the lock.",
        ),
        wrong=repairs.WakesTooEarly,
        says="AAABBB",
        also=(
            Also(
                adversaries.two_visitors,
                "one visitor comes in, but of several somebody does not",
                "Two visitors come in, too.",
            ),
        ),
        crowds=(adversaries.crowd_at_the_gate,),
    ),
    Rung(
        programs.car_park,
        "CarPark",
        word="AABBC",
        harmless="AAAABBBB",
        to_break=(
            "What does a car give back that has found no place?",
            "Let A park. Let B find no place and drive on. How many places are there now?",
            "A is in, B has released what it never had: now let C come in.",
        ),
        to_repair=(
            "A release belongs to an acquire that has succeeded.",
            "Ask first; the try and its finally belong under the if.",
            "BoundedSemaphore raises an error at a release too many. It helps to find the mistake, "
            "and the mistake stays.",
        ),
        wrong=repairs.BoundedPlaces,
        says="ValueError",
        also=(
            Also(
                adversaries.crash,
                "no two cars are on one place, but a place is lost where parking raises an error",
                "An error gives its place back.",
            ),
        ),
    ),
    Rung(
        programs.wrong_pair,
        "Table",
        word="BBCC",
        harmless="AB",
        to_break=(
            "Barrier(2) lets any two through who meet there.",
            "The builder is meant to meet each of the two others. Who else could meet?",
            "Let B and C both deliver, and meet, before A has come.",
        ),
        to_repair=(
            "How many threads have to be there before the table can be built?",
            "With as many parties as threads, each of them waits once.",
        ),
        wrong=repairs.ThreeMeetTwice,
        says="ABBCCA",
    ),
    Rung(
        programs.torn_pair,
        "Board",
        word="AB",
        harmless="AABBCC",
        to_break=(
            "The writer has locked the board. Who asks for that lock?",
            "Let A write the first of two values, and let a reader look.",
        ),
        to_repair=(
            "A reader must keep the writer out, and not the other readers. So the first reader "
            "takes the writers' lock for all of them, and the last one gives it back.",
            "Who is the first and who the last? Count the readers: that number is shared, so it "
            "needs a lock of its own.",
            "In read: under the second lock add 1, and if it is 1 now, acquire the first lock. "
            "Look. Under the second lock take 1 off, and if it is 0 now, release the first.",
        ),
        wrong=repairs.ReadersLock,
        says="ABBBBCCCCA",
        also=(
            Also(
                programs.readers_meet,
                "no pair is torn, but two readers cannot look at once",
                "Two readers can look at once.",
            ),
            Also(
                adversaries.one_by_one,
                "what happens at once is right, but what happens one by one is not",
                "",
            ),
            Also(
                adversaries.three_meet,
                "two readers can look at once, but three cannot",
                "",
            ),
            Also(
                adversaries.two_writers,
                "one writer is right, but two are not",
                "Two writers keep each other out.",
            ),
        ),
    ),
    Rung(
        programs.full_buffer,
        "Buffer",
        word="BBBCCCAAAA",
        harmless="AAAA",
        to_break=(
            "Takers and the filler wait for the same condition, and notify() wakes one of them, "
            "whoever it is.",
            "Let B and C wait. Then let A put in the first thing, find the buffer full, and wait.",
            "B takes it and wakes one of those who wait, A or C. Which of them must come first?",
        ),
        to_repair=(
            "The one who is woken cannot go on, and the one who could is not woken.",
            "Wake all of them: each looks again, and whoever can goes on. Or have a condition for "
            "each thing that is waited for.",
            "Two conditions, made with one lock: threading.Condition(lock). Each with its own "
            "lock would be two locks for the same items.",
        ),
        wrong=repairs.TwoConditionsTwoLocks,
        says="A holds buffer.emptied",
        also=(
            Also(
                programs.room_for_one,
                "nobody is stuck, but the buffer has room for more than one",
                "It has room for one item, as before.",
            ),
            Also(
                adversaries.two_fillers,
                "one that fills is right, but two are not",
                "Two can fill it.",
            ),
            Also(
                adversaries.two_and_two,
                "one who fills or takes is right, but two who fill and two who take are not",
                "",
            ),
        ),
        crowds=(adversaries.crowd_of_takers, adversaries.crowd_of_fillers),
    ),
    Rung(
        programs.philosophers,
        "dine",
        word="ABC",
        harmless="AAAAAAAB",
        to_break=(
            "Everybody takes the left fork first. Whose right fork is that?",
            "Let each of them take one fork.",
        ),
        to_repair=(
            "Three forks, three who hold one and wait for one: a circle. One of them must reach "
            "in the other order.",
            "The forks have numbers: whoever takes the lesser one first cannot close a circle.",
            "first, second = sorted([left, right]); then take forks[first], then forks[second].",
        ),
        wrong=repairs.right_fork_first,
        says="A holds forks[1] and waits for forks[0]",
        also=(
            Also(
                adversaries.four_philosophers,
                "three are fed, but at a larger table it is not right",
                "Four are fed, too.",
            ),
        ),
    ),
    Rung(
        programs.lost_letter,
        "Mailbox",
        word="BBAAAAB",
        harmless="BB",
        to_break=(
            "The flag goes down after the box was emptied. What if a letter comes between?",
            "Let B post one letter, and let A find it and look once more: the box is empty.",
            "Now let B post the second letter and put the flag up. A takes the flag down.",
        ),
        to_repair=(
            "Whoever takes a flag down must look afterwards, not before.",
            "In empty: wait, take the flag down, and then take out all there is.",
        ),
        wrong=repairs.LooksBeforeItClears,
        says="ABBAAAABBAA",
        also=(
            Also(
                adversaries.two_postmen,
                "one postman is right, but two are not",
                "",
            ),
        ),
    ),
)


def _register(rung: Rung) -> None:
    name = rung.program.__name__
    exercise(
        f"{rung.name}.break",
        f"Find a schedule that breaks {name}(): the letters of the threads, as they take turns.",
        hints=rung.to_break,
        solution=rung.word,
        starter="",
        wrong=rung.harmless,
        says=f"{rung.harmless} ",
    )(partial(breaks, rung))
    exercise(
        rung.name,
        f"Repair {rung.part}, so that no schedule breaks {name}().",
        hints=rung.to_repair,
        solution=getattr(repairs, rung.part),
        starter=getattr(programs, rung.part),
        wrong=rung.wrong,
        says=rung.says,
        seconds=60.0,  # for what polls: all others take two at most
    )(partial(holds, rung))


for _rung in RUNGS:
    _register(_rung)
