"""The exercises of lesson 04c: more rungs of the ladder, and more programs that may be right."""

from __future__ import annotations

from .ladder import Also, Puzzle, Rung, adversaries, programs, puzzles, register, repairs

RUNGS = (
    Rung(
        programs.overdrawn,
        "Account",
        word="AB",
        harmless="AAAAB",
        least=2,
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
        programs.two_clerks,
        "Clerk",
        word="ABBA",
        harmless="AABB",
        least=2,
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
        programs.lost_wake_up,
        "Gate",
        word="ABBBB",
        harmless="BBBBA",
        least=2,
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
            Also(
                adversaries.another_gate,
                "who waits for this gate is right, but who comes to another one is not",
                "",
            ),
        ),
        crowds=(adversaries.crowd_at_the_gate,),
    ),
    Rung(
        programs.car_park,
        "CarPark",
        word="AABBC",
        harmless="AAAABBBB",
        least=3,
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
            Also(
                adversaries.drives_on,
                "no two cars are on one place, but who finds it taken does not drive on",
                "",
            ),
        ),
    ),
    Rung(
        programs.wrong_pair,
        "Table",
        word="BBCC",
        harmless="AB",
        least=1,
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
        also=(
            Also(
                adversaries.another_table,
                "this table is right, but another one is not",
                "",
            ),
        ),
    ),
    Rung(
        programs.torn_pair,
        "Board",
        word="AB",
        harmless="AABBCC",
        least=2,
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
                adversaries.another_board,
                "one board is right, but two are not",
                "",
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
        least=1,
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
        least=3,
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
        least=7,
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
PUZZLES = (
    Puzzle(
        puzzles.two_locks,
        word="AB",
        least=2,
        hints=(
            "Two that add cannot disturb each other, and two that take cannot. Which two can?",
            "How many locks does one number need?",
            "Let A read the number, and let B do all of its work before A writes.",
        ),
    ),
    Puzzle(
        puzzles.settings,
        word="AB",
        hints=(
            "There is no lock. Which objects do two threads touch at the same time?",
            "The dict that reload fills: who else can see it, and from which line on?",
            "How many times does address read self.current?",
        ),
        why="Until the last line of reload nobody else has the new dict, and from then on nobody "
        "changes it. To put it in place is one step, and address looks at one dict only, as it "
        "reads self.current once. Two that reload at once would need a lock.",
    ),
    Puzzle(
        puzzles.ready_flag,
        word="AAAAB",
        least=5,
        hints=(
            "Compare it with the double-checked connection, line by line. Which lines have changed "
            "places?",
            "What does a thread know that finds ready to be true?",
            "Stop A between the two lines under the innermost if.",
        ),
    ),
    Puzzle(
        puzzles.rendezvous,
        word="AB",
        hints=(
            "A deadlock needs two that wait for each other. When does one begin to wait, and what "
            "has it done before?",
            "What if release comes before anybody waits for it: is it lost, like a notify?",
        ),
        why="Each one releases before it waits, and a semaphore keeps what was released until "
        "somebody takes it. If both waited first, nobody would ever come to release.",
    ),
    Puzzle(
        puzzles.turnstile,
        word="DD",
        hints=(
            "One release, and three who acquire. How many releases are there in all?",
            "Who is in enter and has acquired: what does it do next, whatever the others do?",
        ),
        why="Whoever gets through releases for the next one, so one release is enough for "
        "everybody, however many come and whenever they come. It stays open for good.",
    ),
)

register("rungs", RUNGS, PUZZLES)
