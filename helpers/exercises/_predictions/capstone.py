"""What lesson 10 asks before it measures."""

from __future__ import annotations

from .._asking import Option, prediction

prediction(
    "capstone.slowest",
    "One after the other, most of the time goes into",
    {
        "downloading": Option("Each answer takes 0.1 s, and nobody does anything meanwhile."),
        "shrinking": Option("A photograph is made small in less time than its answer takes."),
        "noting": Option("A row is written in less than a hundredth of a second."),
    },
    right="downloading",
    otherwise="On a slow or busy computer, shrinking may take longer than a download.",
)
prediction(
    "capstone.map",
    "One of twelve photographs cannot be had. What does `list(pool.map(fetch, urls))` give?",
    {
        "11 photographs": Option("`map` cancels what has not begun, and `list` gives up the rest."),
        "those before it": Option("`list` had them, and is given up with the exception."),
        "an exception, and no list": Option("`map` raises where the result would have come."),
    },
    right="an exception, and no list",
)
prediction(
    "capstone.memory",
    "Four threads download 40 photographs, and a slow database notes them. How many wait in "
    "memory, at most?",
    {
        "4": Option("So many are under way; what has come waits as well.", 4),
        "about 10": Option("Nothing holds the four back while the database is slow.", 10),
        "nearly 40": Option("`submit` never waits, and a future keeps its result.", 40),
    },
    right="nearly 40",
)
prediction(
    "capstone.bottleneck",
    "Eight threads download, one makes small, one notes. The bottleneck is now",
    {
        "download": Option("Eight share the waiting: 0.1 s for eight photographs, not for one."),
        "shrink": Option("One thread for what takes longest, now that the waits overlap."),
        "note": Option("A row takes far less time than a thumbnail."),
    },
    right="shrink",
    otherwise="It depends on how fast this computer unpacks a photograph.",
)
prediction(
    "capstone.with",
    "Forty calls are handed to a pool of four threads in a `with`, then its block raises an "
    "exception. How many of the calls are made?",
    {
        "4": Option("Those had begun. The others are in the line, and nobody takes them out.", 4),
        "8": Option("An exception in the block tells the pool nothing.", 8),
        "40": Option("The end of the `with` waits for all that was handed in.", 40),
    },
    right="40",
)
prediction(
    "capstone.thread",
    "A task awaits `asyncio.to_thread(write)`, and is cancelled meanwhile. The thread",
    {
        "ends, too": Option("Nobody can end a thread from outside, and no event loop can."),
        "goes on, and the task waits": Option("`to_thread` gives up its `await` at once."),
        "goes on, and nobody waits": Option("The task has ended; its thread knows of nothing."),
    },
    right="goes on, and nobody waits",
)
