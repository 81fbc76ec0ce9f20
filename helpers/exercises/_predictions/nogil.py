"""What lesson 08 asks before it measures."""

from __future__ import annotations

from .._asking import Option, prediction

CPUS = "It depends on how many CPUs the workers had."


prediction(
    "nogil.interpreters",
    "Two interpreters of one process compute. How many times as fast as one?",
    {
        "1": Option("So it is with two threads of one interpreter: they share a GIL.", 1),
        "2": Option("Each interpreter has a GIL of its own, and here are CPUs for two.", 2),
        "4": Option("There are four pieces of work, but two workers.", 4),
    },
    right="2",
    otherwise=CPUS,
)
prediction(
    "nogil.list",
    "A list goes to another interpreter, which appends to it. The list here is then",
    {
        "['notebook']": Option("The other one got a copy, by pickle, and appended to that."),
        "['notebook', 'worker']": Option("For threads it would be: they share all objects."),
        "gone: an error": Option("A list can be pickled, so it crosses, as a copy."),
    },
    right="['notebook']",
)
prediction(
    "nogil.free",
    "Two threads compute in a Python without a GIL. How many times as fast as one?",
    {
        "1": Option("With a GIL it is so: one thread at a time runs Python code.", 1),
        "2": Option("Nobody has to wait for the other, and here are CPUs for both.", 2),
        "4": Option("There are four pieces of work, but two threads.", 4),
    },
    right="2",
    otherwise=CPUS,
)
prediction(
    "nogil.lost",
    "Two threads add one 200 000 times each, without a GIL and without a lock. The total is",
    {
        "400 000": Option("For that, nobody may come between reading the total and writing it."),
        "less": Option("Both read the same number, and both write the next one."),
        "none: Python crashes": Option(
            "Each single use of an object is safe; what two of them add up to is not."
        ),
    },
    right="less",
    otherwise="On one CPU, threads seldom come in between. " + CPUS,
)
