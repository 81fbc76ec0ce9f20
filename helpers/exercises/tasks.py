"""The exercises of lesson 07: what may happen at an await, over all orders of the tasks.

Each answer is judged by the explorer: whichever task could go on may be next,
time may pass at any await, and so a cancellation may come at any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from . import NotYet, exercise, expect
from ._schedules import all_hold, all_tried

# -------------------------------------------------------------------- update


class Account:
    """A solution of `tasks.update`: nobody looks while somebody else pays."""

    def __init__(self, money: int, bank: Callable[[int], Awaitable[None]]) -> None:
        self.money, self.bank = money, bank
        self.lock = asyncio.Lock()

    async def withdraw(self, amount: int) -> bool:
        async with self.lock:
            if self.money < amount:
                return False
            await self.bank(amount)
            self.money -= amount
            return True


class Overdrawn:
    """The starter: between the look and the payment others may pay."""

    def __init__(self, money: int, bank: Callable[[int], Awaitable[None]]) -> None:
        self.money, self.bank = money, bank

    async def withdraw(self, amount: int) -> bool:
        if self.money < amount:
            return False
        await self.bank(amount)
        self.money -= amount
        return True


class OneLockForAll(Overdrawn):
    """Half of the repair: whoever pays from one account holds up all others."""

    lock = asyncio.Lock()

    async def withdraw(self, amount: int) -> bool:
        async with self.lock:
            return await super().withdraw(amount)


@exercise(
    "tasks.update",
    "Repair Account.withdraw(amount): whatever the order of the tasks, nobody gets money that is "
    "not there, and whoever could be paid is.",
    hints=(
        "At which await may another task look at the money that is about to be paid?",
        "The look, the payment and the change belong together: what lets one task at a time in?",
        "`async with self.lock:` around all of the method, with a Lock that `__init__` makes.",
    ),
    solution=Account,
    starter=Overdrawn,
    wrong=OneLockForAll,
    says="one lock for both is too much",
    seconds=40.0,
)
def _update(answer: Any) -> str:
    """Three who withdraw; a bank that fails once; two accounts, of which one waits."""
    _expect_class(answer, "withdraw")

    async def program() -> None:
        handed_out = []

        async def bank(amount: int) -> None:
            await asyncio.sleep(0)
            handed_out.append(amount)

        account, amounts = answer(100, bank), (80, 60, 20)
        paid = await asyncio.gather(*(account.withdraw(amount) for amount in amounts))
        left = 100 - sum(amount for amount, was in zip(amounts, paid, strict=True) if was)
        assert left >= 0, "more was paid than was there"
        assert account.money == left, "the money that is left is not what was not paid"
        assert sum(handed_out) == 100 - left, "the bank has paid, and withdraw gave False"
        refused = [amount for amount, was in zip(amounts, paid, strict=True) if not was]
        assert all(amount > left for amount in refused), "who could be paid was refused"

    async def fails_once() -> None:
        fails = [True, False]

        async def broken(amount: int) -> None:
            await asyncio.sleep(0)
            if fails.pop(0):
                raise ConnectionError("the bank does not answer")

        account = answer(100, broken)
        try:
            await account.withdraw(80)
        except ConnectionError:
            assert account.money == 100, "the bank failed, and the money is gone"
            assert await account.withdraw(80), "after an error of the bank nobody is paid"
        else:
            raise AssertionError("the error of the bank did not come out of withdraw")

    async def side_by_side() -> None:
        meet = asyncio.Barrier(2)

        async def both(amount: int) -> None:
            await meet.wait()

        accounts = [answer(100, both) for _ in range(2)]
        await asyncio.gather(*(account.withdraw(50) for account in accounts))

    tried = all_hold(program)
    all_hold(fails_once)
    _hold(side_by_side, "Two accounts wait for each other: one lock for both is too much")
    return all_tried(tried)


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
    _expect_coroutine_function(answer, "limited(slots, work, item)")

    async def work(item: Any) -> Any:
        await asyncio.sleep(0)
        return item

    async def as_before(slots: asyncio.Semaphore) -> None:
        assert not slots.locked(), "a place was lost"
        await slots.acquire()
        assert slots.locked(), "more places are free than there were"

    async def program() -> None:
        slots = asyncio.Semaphore(1)
        first = asyncio.create_task(answer(slots, work, 1))
        second = asyncio.create_task(answer(slots, work, 2))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([first, second])
        assert first.result() == 1, "work(item) gave a result, and it did not come back"
        await as_before(slots)

    async def raises() -> None:
        async def bad(item: Any) -> None:
            await asyncio.sleep(0)
            raise ValueError(item)

        slots = asyncio.Semaphore(1)
        task = asyncio.create_task(answer(slots, bad, 3))
        await asyncio.wait([task])
        assert isinstance(task.exception(), ValueError), "the error of work did not come out"
        await as_before(slots)

    async def one_at_a_time() -> None:
        inside, slots = 0, asyncio.Semaphore(1)

        async def counted(item: Any) -> None:
            nonlocal inside
            inside += 1
            assert inside == 1, "two worked at once, and there is one place"
            await asyncio.sleep(0)
            inside -= 1

        await asyncio.gather(*(answer(slots, counted, item) for item in range(3)))

    tried = all_hold(program)
    all_hold(raises)
    all_hold(one_at_a_time)
    return all_tried(tried)


# --------------------------------------------------------------------- cache


class Cache:
    """A solution of `tasks.cache`: what is kept is who loads, from the first moment on."""

    def __init__(self, load: Callable[[Any], Any]) -> None:
        self.load = load
        self.loading: dict[Any, asyncio.Task[Any]] = {}

    async def get(self, key: Any) -> Any:
        if key not in self.loading:
            self.loading[key] = asyncio.create_task(self.load(key))
        return await self.loading[key]


class LoadsTwice:
    """The starter: whoever asks while the first one loads, loads again."""

    def __init__(self, load: Callable[[Any], Any]) -> None:
        self.load = load
        self.kept: dict[Any, Any] = {}

    async def get(self, key: Any) -> Any:
        if key not in self.kept:
            self.kept[key] = await self.load(key)
        return self.kept[key]


class OneAtATime(LoadsTwice):
    """Half of the repair: one lock for all keys, so that nobody loads beside another."""

    def __init__(self, load: Callable[[Any], Any]) -> None:
        super().__init__(load)
        self.lock = asyncio.Lock()

    async def get(self, key: Any) -> Any:
        async with self.lock:
            return await super().get(key)


@exercise(
    "tasks.cache",
    "Repair Cache.get(key): each key is loaded once, however many ask for it at once; different "
    "keys are loaded side by side. load never fails, and nobody who asks is cancelled.",
    hints=(
        "Between `not in` and the result there is an await. Who may ask meanwhile?",
        "Keep something from the first moment on, before there is a result.",
        "A task can be awaited by any number of others: keep `asyncio.create_task(...)`.",
    ),
    solution=Cache,
    starter=LoadsTwice,
    wrong=OneAtATime,
    says="Two keys are not loaded side by side",
    seconds=40.0,
)
def _cache(answer: Any) -> str:
    """Three who ask for two keys; a value that is false; two keys that wait for each other."""
    _expect_class(answer, "get")

    async def program() -> None:
        loads = []

        async def load(key: str) -> Any:
            loads.append(key)
            await asyncio.sleep(0)
            return None if key == "b" else key.upper()

        cache = answer(load)
        got = await asyncio.gather(*(cache.get(key) for key in ("a", "b", "a")))
        assert got == ["A", None, "A"], "somebody got another value than was loaded"
        await cache.get("b")
        assert sorted(loads) == ["a", "b"], f"loaded: {sorted(loads)}"

    async def side_by_side() -> None:
        meet = asyncio.Barrier(2)

        async def load(key: str) -> str:
            await meet.wait()
            return key

        cache = answer(load)
        await asyncio.gather(cache.get("a"), cache.get("b"))

    tried = all_hold(program)
    _hold(side_by_side, "Two keys are not loaded side by side")
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
    _expect_coroutine_function(answer, "fetch_all(fetch, urls, limit)")

    async def program() -> None:
        inside = most = 0

        async def fetch(url: str) -> str:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            return url.upper()

        got = await answer(fetch, ["b", "a", "b"], 2)
        assert got is not None, "it gives nothing back: is there a `return`?"
        assert most <= 2, "more than limit calls are under way at once"
        assert list(got) == ["B", "A", "B"], f"for ['b', 'a', 'b'] it gave {list(got)}"
        assert await answer(fetch, [], 2) == [], "without urls there is nothing to fetch"

    async def pairs() -> None:
        meet = asyncio.Barrier(2)

        async def fetch(url: str) -> str:
            await meet.wait()
            return url

        await answer(fetch, ["a", "b", "c", "d"], 2)

    async def next_one() -> None:
        begun = asyncio.Event()

        async def fetch(url: str) -> str:
            if url == "c":
                begun.set()
            if url == "a":
                await begun.wait()
            return url

        await answer(fetch, ["a", "b", "c"], 2)

    async def fails() -> None:
        async def fetch(url: str) -> str:
            await asyncio.sleep(0)
            if url == "bad":
                raise ConnectionError(url)
            await asyncio.sleep(0)
            return url

        try:
            await answer(fetch, ["bad", "a"], 2)
        except* ConnectionError:
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert not left, "a call has failed, and a task goes on"
        else:
            raise AssertionError("a call of fetch has failed, and fetch_all raised nothing")

    tried = all_hold(program)
    _hold(pairs, "Two calls are never under way at once, and limit is 2")
    _hold(next_one, "One of two calls has ended, and the next one does not begin")
    all_hold(fails)
    return all_tried(tried)


# ------------------------------------------------------------------- at the door


def _expect_class(answer: Any, method: str) -> None:
    expect(isinstance(answer, type), f"Give the class itself, as it is called, not {answer!r:.60}.")
    there = asyncio.iscoroutinefunction(getattr(answer, method, None))
    expect(there, f"{answer.__name__}.{method} must be an async def.")


def _expect_coroutine_function(answer: Any, name: str) -> None:
    expect(
        asyncio.iscoroutinefunction(answer),
        f"{name} must be an async def, and is given without calling it; this is {answer!r:.60}.",
    )


def _hold(program: Any, otherwise: str) -> None:
    """Where somebody is missing at a meeting, nobody goes on."""
    try:
        all_hold(program)
    except NotYet as error:
        if "deadlock" in str(error):
            raise NotYet(f"{otherwise}: {error}") from None
        raise
