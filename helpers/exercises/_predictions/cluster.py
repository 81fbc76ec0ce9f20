"""What lesson 09 asks before it measures."""

from __future__ import annotations

from .._asking import Option, prediction

prediction(
    "cluster.cell",
    "A function of a notebook's cell is given to workers in other processes. What happens?",
    {
        "it cannot be found there": Option(
            "That is what becomes of it in a pool of processes, where only its name is sent."
        ),
        "it is sent along": Option(
            "Dask packs what a cell defines as a whole: its code, and what it uses of the cell."
        ),
    },
    right="it is sent along",
)
prediction(
    "cluster.pure",
    "The same call, clock(), is submitted three times. How often does a worker call it?",
    {
        "once": Option("Equal calls have one name, and what has that name is computed once.", 1),
        "twice": Option("That would be once on each worker, but equal calls are one task.", 2),
        "three times": Option("So every other executor does it.", 3),
    },
    right="once",
)
prediction(
    "cluster.killed",
    "One of two workers is killed, with an item in its hands. What is lost?",
    {
        "all that was not done": Option("So it is in a ProcessPoolExecutor: one death breaks it."),
        "the item in its hands": Option("The scheduler still knows the call, and who had it."),
        "nothing": Option("The scheduler gives the item to another worker: it is done again."),
    },
    right="nothing",
)
prediction(
    "cluster.tiny",
    "200 tiny items, two workers. Which is quicker, a pool of processes or the cluster?",
    {
        "the pool, by far": Option(
            "An item is a message to the scheduler, one to a worker, and both ways back."
        ),
        "about the same": Option("Both have two workers; what lies before them differs."),
        "the cluster": Option("It has more to do for each item: it notes who has what."),
    },
    right="the pool, by far",
    otherwise="More than twice as quick is called by far here.",
)
prediction(
    "cluster.many",
    "Tasks of 0.1 s, and 1 ms of the scheduler for each. What speed-up by 1000 workers?",
    {
        "1000": Option("While one task runs, the scheduler hands out a hundred more.", 1000),
        "500": Option("Nothing here halves it.", 500),
        "100": Option("0.1 s / 1 ms: by then the first worker has ended, and waits.", 100),
        "10": Option("The scheduler is not that slow.", 10),
    },
    right="100",
)
