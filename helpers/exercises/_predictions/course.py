"""What lessons 00 to 07 ask; the later ones have a file each."""

from __future__ import annotations

from ...machine import usable_cpus
from .._asking import AGAIN, Option, prediction

NO_GIL = "Without a GIL, threads compute at the same instant, on as many CPUs as are usable."
CPUS = "It depends on how many CPUs the workers had."

# -------------------------------------------------------------------- 00 start

prediction(
    "start.sixteen",
    "Eight waits of 0.1 s each, sixteen workers. How long in all?",
    {
        "0.05 s": Option("Two workers cannot share one wait.", 0.05),
        "0.1 s": Option("A wait is never split: all eight begin at once, eight are idle.", 0.1),
        "0.2 s": Option("That is four workers, two waits each.", 0.2),
        "0.8 s": Option("That is one wait after the other.", 0.8),
    },
    right="0.1 s",
)

prediction(
    "start.three",
    "Eight waits of 0.1 s, three workers. How long in all?",
    {
        "0.27 s": Option("0.8 s / 3 would need waits that can be split.", 0.8 / 3),
        "0.3 s": Option("Eight waits for three workers: somebody has to do a third one.", 0.3),
        "0.4 s": Option("That is two workers, four waits each.", 0.4),
        "0.8 s": Option("That is one wait after the other.", 0.8),
    },
    right="0.3 s",
)

prediction(
    "start.crunch",
    "Four computations of 0.1 s, four threads instead of one. Faster?",
    {
        "about the same": Option("Under a GIL, or on one CPU, one thread at a time computes.", 1),
        "twice as fast": Option("For that, two would have to compute at the same instant.", 2),
        "four times as fast": Option(
            "Waits do. To compute, threads need a CPU each, and no GIL.", 4
        ),
    },
    right="about the same",
    otherwise=NO_GIL,
)

# -------------------------------------------------------------- 01 concurrency

prediction(
    "concurrency.running",
    "Three threads compute. How many of them run at one instant?",
    {
        "one": Option("Under a GIL they take turns: three are under way, one of them runs.", 1),
        "one per usable CPU": Option(
            "CPUs are not all that a thread needs.", lambda: min(3, usable_cpus())
        ),
        "three": Option("All three are under way, which is less than running.", 3),
    },
    right="one",
    otherwise=NO_GIL,
)

prediction(
    "concurrency.faster",
    "16 waits, 16 threads instead of 1. What speed-up?",
    {
        "1: they take turns": Option("They do when they run Python code.", 1),
        "16": Option("All wait at once, so the run is about as long as one wait.", 16),
        "one per usable CPU": Option("No CPU is needed for a wait.", usable_cpus),
    },
    right="16",
)

prediction(
    "concurrency.latency",
    "Each wait takes 0.1 s with 1 thread. How long with 16 threads?",
    {
        "0.1 s / 16": Option("Waiting for others, too, makes no answer come sooner.", 0.1 / 16),
        "0.1 s": Option("The run is shorter. Each wait is not.", 0.1),
        "0.1 s × 16": Option("That is the whole run with one thread.", 1.6),
    },
    right="0.1 s",
)

prediction(
    "concurrency.computing",
    "8 computations, 4 threads instead of 1. How long does each take?",
    {
        "a quarter as long": Option("No computation is divided among threads.", 1 / 4),
        "as long as before": Option("For that, four would have to run at the same instant.", 1),
        "twice as long": Option("For that, two would have to run at the same instant.", 2),
        "four times as long": Option(
            "Under a GIL, or with one usable CPU, four divide what one had.", 4
        ),
    },
    right="four times as long",
    otherwise=NO_GIL,
)

prediction(
    "concurrency.response",
    "16 waits of 0.1 s, handed in together, 4 threads. When is one done, on average?",
    {
        "after 0.1 s": Option("That is its latency: the time in the line counts, too.", 0.1),
        "after 0.25 s": Option(
            "Four rounds end after 0.1, 0.2, 0.3 and 0.4 s: that is 0.25 s on average.", 0.25
        ),
        "after 0.4 s": Option("Then the last ones are done.", 0.4),
        "after 1.6 s": Option("That is one thread, and its last wait.", 1.6),
    },
    right="after 0.25 s",
)

prediction(
    "concurrency.amdahl",
    "0.8 of the work can be shared by 16 workers. What speed-up?",
    {
        "16": Option("The part alone takes as long as before.", 16),
        "12.8": Option("0.8 × 16 forgets what the part alone costs.", 12.8),
        "4": Option("0.2 s + 0.8 s / 16 = 0.25 s, not 1 s.", 4),
        "2": Option("That would leave 0.5 s of 1 s, and 0.2 s + 0.8 s / 16 is half of it.", 2),
    },
    right="4",
)

# ------------------------------------------------------------------ 02 threads

prediction(
    "threads.exception",
    "A thread ends with a ValueError. What does its join() do?",
    {
        "join() raises ValueError": Option("It only waits for the end, good or bad."),
        "join() returns None": Option("It waits for the end, and is told nothing else."),
        "the whole program ends": Option("An exception ends its own thread only."),
    },
    right="join() returns None",
)

prediction(
    "threads.order",
    "Waits of 0.3, 0.1 and 0.2 s are submitted. as_completed gives them:",
    {
        "as submitted": Option("That is what pool.map does."),
        "as they end": Option("A future is handed out as soon as it has ended."),
    },
    right="as they end",
)

prediction(
    "threads.hold",
    "Three threads compute. How long does one hold the GIL, at the least?",
    {
        "one line, 0.0001 ms": Option("Nobody asks for the GIL as often as that.", 0.0001),
        "5 ms": Option(
            "Whoever wants it waits that long before asking. (The shortest 5 % are left out.)", 5
        ),
        "to its end, 500 ms": Option("The others can ask for the GIL.", 500),
    },
    right="5 ms",
    otherwise="Without a GIL nobody holds it; with one, a busy computer makes holds longer.",
)

prediction(
    "threads.sorted",
    "sorted() works on many floats. Do other threads get a turn meanwhile?",
    {
        "yes": Option("C code keeps the GIL unless it says otherwise."),
        "no": Option("It compares floats, in C code that keeps the GIL to the end."),
    },
    right="no",
    otherwise="Without a GIL no thread needs a turn.",
)

# ---------------------------------------------------------------- 03 processes

prediction(
    "processes.memory",
    "The list in the notebook is then",
    {
        "['notebook', 'worker']": Option("A thread would have done that."),
        "['notebook']": Option("The process appended to a copy."),
        "['worker']": Option("Whatever a process does to its copy, this list stays."),
    },
    right="['notebook']",
)

prediction(
    "processes.exit",
    "A process raises ValueError. What do join() and exitcode tell you?",
    {
        "join() raises it": Option("join() waits for the end, good or bad."),
        "exitcode 0": Option("That stands for a function that returned."),
        "exitcode 1": Option("The exit code is all that comes back: 1 for an exception."),
    },
    right="exitcode 1",
)

prediction(
    "processes.board",
    "The board is read in a process started by",
    {
        "fork": Option("It copies the parent, memory and all. The others begin afresh."),
        "fork, forkserver": Option("What a fork server copies is a fresh Python, not yours."),
        "fork, forkserver, spawn": Option(
            "A fresh Python imports the module again, with an empty board."
        ),
        "nobody": Option("fork copies the parent, memory and all."),
    },
    right="fork",
    otherwise="Where this lesson does not fork, as on Windows and macOS, nobody reads it.",
)

prediction(
    "processes.switch",
    "Compared with threads, two processes take",
    {
        "a third": Option("There is more to exchange between processes, not less.", 1 / 3),
        "as long": Option("There is more to exchange between processes.", 1),
        "3 times": Option("There is more to exchange, and perhaps another CPU to wake.", 3),
        "10 times": Option("There is more to exchange, but not that much more.", 10),
    },
    right="3 times",
    otherwise="This ratio differs from computer to computer; the text below says what counts.",
)

# ------------------------------------------------------ 03b pools and sharing

prediction(
    "pools.many",
    "Four workers per usable CPU: an item takes",
    {
        "a quarter of the time": Option("More workers do not make a CPU faster.", 0.25),
        "as long": Option("That would take a CPU for each worker.", 1),
        "4 times as long": Option("They take turns, four on each CPU.", 4),
    },
    right="4 times as long",
    otherwise="With more than 15 usable CPUs there are fewer than four for each, as run takes 61 "
    f"workers at most. {AGAIN}",
)

prediction(
    "pools.initializer",
    "Two workers, 12 items. The initializer is called",
    {
        "once": Option("Each process has a memory of its own, and needs its own preparation.", 1),
        "2 times": Option("Each worker is prepared once, when it starts.", 2),
        "12 times": Option("An item finds its worker prepared.", 12),
    },
    right="2 times",
)

prediction(
    "pools.late",
    "result(timeout=0.1) has raised TimeoutError. The worker",
    {
        "is ended": Option("The time-out is about your waiting, and not about the work."),
        "goes on": Option("You have stopped waiting; nobody has told the worker."),
    },
    right="goes on",
)

prediction(
    "pools.lock",
    "A process is killed while it holds a lock. The next acquire",
    {
        "gets the lock": Option("Whoever is killed runs no code any more, no release either."),
        "raises an exception": Option("Nobody finds out that the holder is gone."),
        "waits for ever": Option("The lock stays taken, and nobody is left who could release it."),
    },
    right="waits for ever",
)

# ---------------------------------------------------------- 04 synchronization

prediction(
    "synchronization.lost",
    "How many updates does `total += one()` lose?",
    {
        "none": Option("Between its read and its write stands a call, where others come in.", 0),
        "one in a thousand": Option(
            "Whoever is interrupted there later undoes all that the other did meanwhile.", 0.001
        ),
        "one in ten, or more": Option(
            "Whoever is interrupted between read and write later undoes all that the other did"
            " meanwhile. (Measured is the median of five runs.)",
            0.25,
        ),
    },
    right="one in ten, or more",
    otherwise="How often they meet depends on the Python, on the CPUs and on what else runs.",
)

prediction(
    "synchronization.six",
    "How many of the 6 lose an update?",
    {
        "1": Option("One is lost whenever both threads read before either has written.", 1),
        "2": Option("Two is how many lose nothing: AABB and BBAA.", 2),
        "4": Option("All but AABB and BBAA: there both read before either has written.", 4),
    },
    right="4",
)

prediction(
    "synchronization.hang",
    "A thousand runs on real threads, one by one:",
    {
        "it hangs": Option("For that, both threads have to hold one lock each at the same moment."),
        "all runs end": Option("The moment between two locks is short, and both have to be in it."),
    },
    right="all runs end",
    otherwise="A run has hit the moment in which each thread holds one lock.",
)

prediction(
    "synchronization.value",
    "Two processes, `n.value += 1`. Of the updates",
    {
        "none is lost": Option("The lock of a Value covers one read, or one write."),
        "some are lost": Option("`+=` is a read and a write; its lock covers each, not both."),
    },
    right="some are lost",
    otherwise="They have to meet between read and write, which is rare where one CPU is usable.",
)

# ------------------------------------------------------------------- 05 queues

prediction(
    "queues.longest",
    "With Queue(4), producers are longest in",
    {
        "bake": Option("Two of them bake more than one consumer can use."),
        "waits in put": Option("The queue is full, and put waits until the consumer has taken."),
        "waits in get": Option("They put. Who gets is the consumer."),
    },
    right="waits in put",
)

prediction(
    "queues.end",
    "One None for two consumers:",
    {
        "it depends on the schedule": Option("Only which of them takes it depends on that."),
        "one waits for ever": Option("Whoever takes the None keeps it; the other gets nothing."),
        "both end": Option("That takes a None for each, or one that is put back."),
    },
    right="one waits for ever",
)

prediction(
    "queues.put",
    "An item that cannot be pickled goes into it:",
    {
        "put raises": Option("It comes back before the item is pickled."),
        "get raises": Option("Nothing arrives that it could complain about."),
        "neither": Option("A thread pickles it later. It prints the error, and drops the item."),
    },
    right="neither",
)

prediction(
    "queues.join",
    "First join, then get:",
    {
        "it prints 1000000 bytes": Option("A pipe is full: the child waits for somebody who gets."),
        "it raises an exception": Option("Nobody does anything wrong: both wait."),
        "it hangs": Option("A pipe is full: the child waits for a get, the parent for its end."),
    },
    right="it hangs",
)

prediction(
    "queues.greetings",
    "The program prints",
    {
        "four greetings in some order": Option("The workers die before they put anything."),
        "none, and it ends": Option("Nobody tells the parent, which waits in get."),
        "none, ever": Option("The workers die, and nobody tells the parent, which waits in get."),
    },
    right="none, ever",
)

prediction(
    "queues.full",
    "With one thread for resizing, full for longest is",
    {
        "the one before resize": Option("Photos wait in front of the slowest stage."),
        "the one after resize": Option("What the slowest stage gives is taken at once."),
        "both": Option("A queue is full where more comes than goes, in front of one stage."),
    },
    right="the one before resize",
)

prediction(
    "queues.bottleneck",
    "With four threads for resizing, the bottleneck is",
    {
        "load": Option("Two threads load: a photo each 10 ms."),
        "resize": Option("Four threads resize: a photo each 10 ms."),
        "store": Option("One thread stores: a photo each 20 ms, and all others are faster."),
    },
    right="store",
    otherwise="Each stage has to keep its pace, and something else kept this computer busy.",
)

# ----------------------------------------------------------------- 06 choosing

prediction(
    "choosing.http",
    "Once its workers have started: what is clearly faster than serial for downloads?",
    {
        "threads": Option("They are; and processes wait at once just as well."),
        "processes": Option("They are; and threads wait at once just as well."),
        "both": Option("Who waits needs no CPU, and no GIL."),
        "neither": Option("Several waits can go on at once."),
    },
    right="both",
)

prediction(
    "choosing.database",
    "What is clearly faster than serial for queries?",
    {
        "threads": Option("They are; and processes compute at once just as well."),
        "processes": Option("They are; and sqlite3 lets go of the GIL, so threads are, too."),
        "both": Option("SQLite computes, in C code that lets go of the GIL."),
        "neither": Option("SQLite computes, and several CPUs can do that at once."),
    },
    right="both",
    otherwise=CPUS,
)

prediction(
    "choosing.words",
    "What is clearly faster than serial for counting?",
    {
        "threads": Option("The work keeps the GIL, so where there is one they take turns."),
        "processes": Option("Each has a GIL of its own; but each file is a trip to a process."),
        "both": Option("Threads keep the GIL here, so where there is one they take turns."),
        "neither": Option("Each file is a trip to a process, which cost less than it gave."),
    },
    right="processes",
    otherwise="Each file is a trip to a process, which may cost all that it gives. " + CPUS,
)

prediction(
    "choosing.pillow",
    "What is clearly faster than serial with Pillow?",
    {
        "threads": Option("They are; and processes compute at once just as well."),
        "processes": Option("They are; and Pillow lets go of the GIL, so threads are, too."),
        "both": Option("Pillow computes in C code that lets go of the GIL."),
        "neither": Option("Pillow computes, and several CPUs can do that at once."),
    },
    right="both",
    otherwise=CPUS,
)

prediction(
    "choosing.python",
    "And what, if every pixel is computed in Python?",
    {
        "threads": Option("Python code keeps the GIL, so they take turns."),
        "processes": Option("Each has a GIL of its own, and work enough to pay for the trip."),
        "both": Option("Python code keeps the GIL, so threads take turns."),
        "neither": Option("Each process has a GIL of its own."),
    },
    right="processes",
    otherwise="Without a GIL, threads are faster, too. " + CPUS,
)

prediction(
    "choosing.crowd",
    "300 pages: how many times as fast are 300 threads as 10?",
    {
        "about as fast": Option("Thirty times as many wait at once.", 1),
        "5 times": Option("Each opens a connection, and that now takes longer than waiting.", 5),
        "30 times": Option("The waiting gets so much shorter. The CPU has as much to do.", 30),
    },
    right="5 times",
    otherwise="What is left when all wait at once is work for a CPU: it depends on the CPUs.",
)

prediction(
    "choosing.mixed",
    "Twelve photographs are downloaded and made small by Pillow. Which is the quickest way?",
    {
        "serial": Option("While one photograph is waited for, another one can be computed."),
        "threads": Option("They wait all at once, and Pillow lets go of the GIL."),
        "threads and processes": Option("Pillow lets go of the GIL, and threads need no start."),
    },
    right="threads",
)

prediction(
    "choosing.chunks",
    "Three processes. The fastest chunks have how many files?",
    {
        "1": Option("Each file is a trip: nobody waits long, and all wait often."),
        "20": Option("There are few trips, and enough chunks for three workers."),
        "800": Option("One trip, but with one chunk only one worker has work."),
    },
    right="20",
    otherwise="Which loss is larger depends on the item, on the CPUs, and on what disturbs.",
)

prediction(
    "choosing.native",
    "One native thread each, compared with no limit, takes",
    {
        "half as long": Option("Without a limit, more threads want a CPU than there are.", 0.5),
        "about as long": Option("Without a limit, more threads want a CPU than there are.", 1),
        "twice as long": Option("The CPUs are busy with three processes, too.", 2),
    },
    right="half as long",
    otherwise="It depends on the library, and on how many CPUs are usable.",
)

# -------------------------------------------------------------------- 07 tasks

prediction(
    "tasks.await",
    "Three downloads are awaited in a loop. How many are under way at once?",
    {
        "1": Option("`await` goes on when what it awaits has ended: so does the loop.", 1),
        "2": Option("One would have to begin before another has ended.", 2),
        "3": Option("That takes tasks: a coroutine that is awaited has nobody beside it.", 3),
    },
    right="1",
)
prediction(
    "tasks.blocking",
    "Two tasks tick, a third calls time.sleep. What becomes of the ticks meanwhile?",
    {
        "they go on": Option("They would with `await`; `time.sleep` keeps the loop's one thread."),
        "they stand still": Option("All tasks share a thread, and it sleeps."),
    },
    right="they stand still",
)
prediction(
    "tasks.many",
    "A thousand tasks each wait 0.1 s for a page. How long in all?",
    {
        "about 1 s": Option("All wait at once; what is left is the work of asking.", 1.0),
        "about 25 s": Option("That would be four at a time: nothing limits them here.", 25.0),
        "about 100 s": Option("That is one after the other: an `await` in a loop.", 100.0),
    },
    right="about 1 s",
)
prediction(
    "tasks.error",
    "One of two tasks in a gather fails. What becomes of the other?",
    {
        "it is cancelled": Option("A task group does that; gather leaves it alone."),
        "it goes on": Option("gather raises at once, and has no hold on the others."),
    },
    right="it goes on",
)
prediction(
    "tasks.races",
    "Two tasks look, pause and add one. Can an update be lost?",
    {
        "never": Option("One thread is not enough: at an await another task may change things."),
        "yes, across an await": Option("Between the look and the change another one has its turn."),
    },
    right="yes, across an await",
)
