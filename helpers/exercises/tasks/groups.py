"""Tasks that end: by themselves, by an error, by a cancellation; and work beside the loop."""

from __future__ import annotations

import asyncio
import threading
from time import monotonic
from typing import Any

from .. import exercise
from .._schedules import all_hold, all_tried
from .._tasks import Gone, Odd, as_list, expect_coroutine_function, hold, really

MEANWHILE = 2.0  # seconds in which something else can go on, if nobody holds it up

# --------------------------------------------------------------------- place


async def limited(slots: asyncio.Semaphore, work: Any, item: Any) -> Any:
    """A solution of `tasks.place`: whoever leaves gives the place back, however it leaves."""
    async with slots:
        return await work(item)


async def place_lost(slots: asyncio.Semaphore, work: Any, item: Any) -> Any:
    """The starter: a task that is cancelled takes its place with it."""
    await slots.acquire()
    result = await work(item)
    slots.release()
    return result


async def place_never_had(slots: asyncio.Semaphore, work: Any, item: Any) -> Any:
    """Half of the repair: who is cancelled while it waits for a place gives one back, too."""
    try:
        await slots.acquire()
        return await work(item)
    finally:
        slots.release()


@exercise(
    "tasks.place",
    "Repair limited(slots, work, item): whatever ends it, an exception or a cancellation at any "
    "await, it gives back the place that it had, and no other.",
    hints=(
        "A cancellation is raised at an await. Which lines are not reached then?",
        "There are two awaits. At the first one the task has no place yet.",
        "`async with slots:` gives back what it has taken, and nothing else.",
    ),
    solution=limited,
    starter=place_lost,
    wrong=place_never_had,
    says="more places are free than there were",
    seconds=40.0,
)
def _place(answer: Any) -> str:
    """One place; two tasks, of which one is cancelled at any moment; work that raises."""
    expect_coroutine_function(answer, "limited(slots, work, item)")

    async def as_before(slots: asyncio.Semaphore) -> None:
        assert not slots.locked(), "a place was lost"
        await slots.acquire()
        assert slots.locked(), "more places are free than there were"

    async def program() -> None:
        inside, slots = 0, asyncio.Semaphore(1)

        async def work(item: Any) -> Any:
            nonlocal inside
            inside += 1
            assert inside == 1, "two worked at once, and there is one place"
            try:
                await asyncio.sleep(0)
            finally:
                inside -= 1
            return item

        first = asyncio.create_task(answer(slots, work, 1))
        second = asyncio.create_task(answer(slots, work, 2))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([first, second])
        assert first.result() == 1, "work(item) gave a result, and it did not come back"
        ended = second.cancelled() or second.result() == 2
        assert ended, "a task was cancelled, and limited went on as if nothing had been"
        await as_before(slots)

    async def raises() -> None:
        slots = asyncio.Semaphore(1)
        for kind in (ValueError, Odd, Gone):

            async def bad(item: Any, kind: type[BaseException] = kind) -> None:
                await asyncio.sleep(0)
                raise kind(item)

            task = asyncio.create_task(answer(slots, bad, 3))
            await asyncio.wait([task])
            assert isinstance(task.exception(), kind), "the error of work did not come out"
            assert not slots.locked(), f"a place was lost, as work raised {kind.__name__}"
            await as_before(slots)
            slots.release()

    async def one_at_a_time() -> None:
        inside, slots = 0, asyncio.Semaphore(1)

        async def counted(item: Any) -> None:
            nonlocal inside
            inside += 1
            assert inside == 1, "two worked at once, and there is one place"
            await asyncio.sleep(0)
            inside -= 1

        await asyncio.gather(*(answer(slots, counted, item) for item in range(3)))

    async def two_places() -> None:
        slots, meet = asyncio.Semaphore(2), asyncio.Barrier(2)

        async def waits(item: Any) -> None:
            await meet.wait()

        await asyncio.gather(*(answer(slots, waits, item) for item in range(2)))

    tried = all_hold(program)
    all_hold(raises)
    all_hold(one_at_a_time)
    hold(two_places, "There are two places, and two do not work at once")
    return all_tried(tried)


# ----------------------------------------------------------------- fetch_all


async def fetch_all(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """A solution of `tasks.fetch_all`: a group, whose tasks share so many places."""
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(url)) for url in urls]
    return [task.result() for task in tasks]


async def fetch_one_by_one(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """The starter: nothing overlaps."""
    return [await fetch(url) for url in urls]


async def fetch_and_go(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Half of it: after the first error the others go on, and nobody waits for them."""
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    return await asyncio.gather(*(one(url) for url in urls))


@exercise(
    "tasks.fetch_all",
    "Write fetch_all(fetch, urls, limit): all results in the order of urls, limit calls of fetch "
    "under way at once where there are so many, never more; after an error none goes on.",
    hints=(
        "A semaphore limits how many are inside; where is it taken, and for how long?",
        "Who waits for the others when one of them fails, and who cancels them?",
        "A TaskGroup does both. Its tasks keep their results: `task.result()`.",
    ),
    solution=fetch_all,
    starter=fetch_one_by_one,
    wrong=fetch_and_go,
    says="a task goes on",
    seconds=60.0,
)
def _fetch_all(answer: Any) -> str:
    """Two at once of three; calls that wait for one another; an error; no url at all."""
    expect_coroutine_function(answer, "fetch_all(fetch, urls, limit)")

    async def counted(urls: list[str], limit: int) -> tuple[Any, int]:
        """What it gives, and how many calls were under way at once."""
        inside = most = 0

        async def fetch(url: str) -> str | None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            return url.upper() or None

        return await answer(fetch, urls, limit), most

    async def program() -> None:
        got, most = await counted(["b", "", "b"], 2)
        given = as_list(got)
        assert most <= 2, "more than limit calls are under way at once"
        assert given == ["B", None, "B"], f"for ['b', '', 'b'] it gave {given}"
        got, _ = await counted([], 2)
        assert list(got) == [], "without urls there is nothing to fetch"

    async def one_place() -> None:
        _, most = await counted(["a", "b"], 1)
        assert most == 1, f"limit is 1, and {most} calls are under way at once"

    async def all_meet(urls: list[str], limit: int) -> None:
        meet = asyncio.Barrier(limit)

        async def fetch(url: str) -> str:
            await meet.wait()
            return url

        await answer(fetch, urls, limit)

    async def pairs() -> None:
        await all_meet(["a", "b", "c", "d"], 2)

    async def three() -> None:
        await all_meet(["a", "b", "c"], 3)

    async def next_one() -> None:
        begun = asyncio.Event()

        async def fetch(url: str) -> str:
            if url == "c":
                begun.set()
            if url == "a":
                await begun.wait()
            return url

        await answer(fetch, ["a", "b", "c"], 2)

    async def fails(kind: type[Exception]) -> None:
        async def fetch(url: str) -> str:
            await asyncio.sleep(0)
            if url == "bad":
                raise kind(url)
            await asyncio.Event().wait()
            return url

        try:
            await answer(fetch, ["bad", "a"], 2)
        except* kind:
            assert not left(), "a call has failed, and a task goes on"
        else:
            raise AssertionError("a call of fetch has failed, and fetch_all raised nothing")

    def left() -> list[Any]:
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    async def cancelled() -> None:
        async def fetch(url: str) -> None:
            await asyncio.Event().wait()

        task = asyncio.create_task(answer(fetch, ["a", "b"], 2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), "fetch_all was cancelled, and went on as if nothing had been"
        assert not left(), "fetch_all was cancelled, and a task goes on"

    async def fails_as_expected() -> None:
        await fails(ConnectionError)

    async def fails_oddly() -> None:
        await fails(Odd)

    tried = all_hold(program)
    all_hold(one_place)
    hold(pairs, "Two calls are never under way at once, and limit is 2")
    hold(three, "Three calls are never under way at once, and limit is 3")
    hold(next_one, "One of two calls has ended, and the next one does not begin")
    hold(fails_as_expected, "After the first error another call goes on")
    hold(fails_oddly, "After the first error another call goes on")
    all_hold(cancelled)
    return all_tried(tried)


# ---------------------------------------------------------------- thumbnails


async def thumbnails(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """A solution of `tasks.thumbnails`: what computes has a thread, what waits is a task."""

    async def one(url: Any) -> Any:
        return await asyncio.to_thread(small, await fetch(url))

    return await asyncio.gather(*(one(url) for url in urls))


async def thumbnails_in_the_loop(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """While one is made small, nothing is downloaded."""

    async def one(url: Any) -> Any:
        return small(await fetch(url))

    return await asyncio.gather(*(one(url) for url in urls))


async def thumbnails_one_by_one(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """Half of it: the loop is free, and nobody uses it."""
    return [await asyncio.to_thread(small, await fetch(url)) for url in urls]


@exercise(
    "tasks.thumbnails",
    "Write thumbnails(fetch, small, urls): small(await fetch(url)) of each, in the order of urls; "
    "small is a plain function that takes long, and the event loop goes on beside it.",
    hints=(
        "Who waits for the downloads? All of them can, at once: each is a task.",
        "`small` computes. In which thread may it, so that other tasks have their turns?",
        "In each task: `await asyncio.to_thread(small, await fetch(url))`.",
    ),
    solution=thumbnails,
    starter=thumbnails_in_the_loop,
    wrong=thumbnails_one_by_one,
    says="while one is made small, no other download goes on",
    seconds=40.0,
)
def _thumbnails(answer: Any) -> str:
    """Threads cannot be explored with tasks: here each waits for what must go on beside it."""
    expect_coroutine_function(answer, "thumbnails(fetch, small, urls)")

    async def results() -> None:
        loop = threading.get_ident()

        async def fetch(url: str) -> str:
            await asyncio.sleep(0.05 if url == "b" else 0)
            return url * 2

        def small(photo: str) -> str:
            assert threading.get_ident() != loop, "small runs in the thread of the event loop"
            return photo.upper()

        given = as_list(await answer(fetch, small, ["b", "a", "", "b"]))
        assert given == ["BB", "AA", "", "BB"], f"for ['b', 'a', '', 'b'] it gave {given}"
        assert list(await answer(fetch, small, [])) == [], "without urls there is nothing to do"

    async def beside() -> None:
        begun, come = threading.Event(), threading.Event()

        async def fetch(url: str) -> str:
            if url == "slow":
                last = monotonic() + MEANWHILE
                while not begun.is_set():
                    assert monotonic() < last, (
                        "what has come is not made small while another download goes on"
                    )
                    await asyncio.sleep(0.001)
                come.set()
            return url

        def small(photo: str) -> str:
            begun.set()
            assert come.wait(MEANWHILE), "while one is made small, no other download goes on"
            return photo

        await answer(fetch, small, ["first", "slow"])

    async def fails() -> None:
        async def fetch(url: str) -> str:
            if url == "gone":
                raise ConnectionError(url)
            return url

        def small(photo: str) -> str:
            raise ValueError(photo)

        for url, who in (("a", "small"), ("gone", "fetch")):
            try:
                await answer(fetch, small, [url])
            except* (ValueError, ConnectionError):
                pass
            else:
                raise AssertionError(f"{who} has raised an error, and it did not come out")

    for program in (results, beside, fails):
        really(program, "thumbnails does not come to its end")
    return "Downloads go on while photographs are made small, in other threads."
