"""Lesson 07: wrong answers of thoughtful learners are refused, unusual right ones are taken."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from helpers.exercises import find
from helpers.exercises.tasks.groups import fetch_all
from helpers.exercises.tasks.state import Account, Overdrawn, Shelf, ShelfLocked, TotalFirst
from helpers.lesson import verdict


def refused(name: str, answer: Any, says: str) -> None:
    held, sentence = verdict(find(name), answer)
    assert not held, sentence
    assert says in sentence
    assert "\n" not in sentence


def taken(name: str, answer: Any) -> None:
    held, sentence = verdict(find(name), answer)
    assert held, sentence


# -------------------------------------------------------------------- update


class Reserves(Overdrawn):
    """Right: takes the money before the await, and gives it back after an error."""

    async def withdraw(self, amount: int) -> bool:
        if self.money < amount:
            return False
        self.money -= amount
        try:
            await self.bank(amount)
        except BaseException:
            self.money += amount
            raise
        return True


class OnePlace(Overdrawn):
    """Right: a semaphore with one place is a lock."""

    def __init__(self, money: int, bank: Any) -> None:
        super().__init__(money, bank)
        self.lock: Any = asyncio.Semaphore(1)

    async def withdraw(self, amount: int) -> bool:
        async with self.lock:
            return await super().withdraw(amount)


class ForgetsToGiveBack(Overdrawn):
    async def withdraw(self, amount: int) -> bool:
        if self.money < amount:
            return False
        self.money -= amount
        await self.bank(amount)
        return True


class LockOfTheModule(OnePlace):
    def __init__(self, money: int, bank: Any) -> None:
        super().__init__(money, bank)
        self.lock = LOCK


class LocksTooLate(OnePlace):
    async def withdraw(self, amount: int) -> bool:
        if self.money < amount:
            return False
        async with self.lock:
            await self.bank(amount)
            self.money -= amount
        return True


class LockLost(OnePlace):
    def __init__(self, money: int, bank: Any) -> None:
        super().__init__(money, bank)
        self.lock = asyncio.Lock()

    async def withdraw(self, amount: int) -> bool:
        await self.lock.acquire()
        paid = await Overdrawn.withdraw(self, amount)
        self.lock.release()
        return paid


class LockForEachCall(Overdrawn):
    async def withdraw(self, amount: int) -> bool:
        async with asyncio.Lock():
            return await super().withdraw(amount)


class LooksTwice(Overdrawn):
    async def withdraw(self, amount: int) -> bool:
        if self.money < amount:
            return False
        await self.bank(amount)
        if self.money < amount:
            return False
        self.money -= amount
        return True


class GivesNothing(Account):
    async def withdraw(self, amount: int) -> Any:
        await super().withdraw(amount)


class RefusesWhoCouldBePaid(Account):
    async def withdraw(self, amount: int) -> bool:
        return False if self.lock.locked() else await super().withdraw(amount)


class NoCoroutine(Overdrawn):
    def withdraw(self, amount: int) -> Any:
        self.money -= amount
        return True


LOCK = asyncio.Lock()


@pytest.mark.parametrize("answer", [Reserves, OnePlace])
def test_an_account_that_is_safe_is_taken(answer: type) -> None:
    taken("tasks.update", answer)


class KnowsOneError(Account):
    """Wrong: the money comes back after one kind of error only."""

    async def withdraw(self, amount: int) -> bool:
        async with self.lock:
            if self.money < amount:
                return False
            self.money -= amount
            try:
                await self.bank(amount)
            except ConnectionError:
                self.money += amount
                raise
            return True


class SaysNothingOfRefusal(Account):
    """Wrong: who cannot be paid gets None."""

    async def withdraw(self, amount: int) -> Any:
        return await super().withdraw(amount) or None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (SaysNothingOfRefusal, "withdraw gives True or False, and gave None"),
        (KnowsOneError, "the money is gone: it raised Odd"),
        (ForgetsToGiveBack, "the bank failed, and the money is gone"),
        (LockOfTheModule, "one lock for both is too much"),
        (LocksTooLate, "more was paid than was there"),
        (LockLost, "deadlock"),
        (LockForEachCall, "more was paid than was there"),
        (LooksTwice, "the bank has paid, and withdraw gave False"),
        (GivesNothing, "withdraw gives True or False, and gave None"),
        (RefusesWhoCouldBePaid, "who could be paid was refused"),
        (NoCoroutine, "must be an async def"),
        (lambda money, bank: None, "Give the class itself"),
    ],
)
def test_an_account_that_is_not_safe_is_refused(answer: Any, says: str) -> None:
    refused("tasks.update", answer, says)


# --------------------------------------------------------------------- place


async def by_hand(slots: Any, work: Any, item: Any) -> Any:
    await slots.acquire()
    try:
        return await work(item)
    finally:
        slots.release()


async def whatever_is_raised(slots: Any, work: Any, item: Any) -> Any:
    await slots.acquire()
    try:
        result = await work(item)
    except BaseException:
        slots.release()
        raise
    slots.release()
    return result


async def polls(slots: Any, work: Any, item: Any) -> Any:
    while slots.locked():
        await asyncio.sleep(0)
    async with slots:
        return await work(item)


async def only_exceptions(slots: Any, work: Any, item: Any) -> Any:
    await slots.acquire()
    try:
        result = await work(item)
    except Exception:
        slots.release()
        raise
    slots.release()
    return result


async def no_place(slots: Any, work: Any, item: Any) -> Any:
    return await work(item)


async def no_result(slots: Any, work: Any, item: Any) -> None:
    async with slots:
        await work(item)


async def swallows_the_error(slots: Any, work: Any, item: Any) -> Any:
    async with slots:
        try:
            return await work(item)
        except ValueError:
            return None


async def not_awaited(slots: Any, work: Any, item: Any) -> Any:
    async with slots:
        return work(item)


@pytest.mark.parametrize("answer", [by_hand, whatever_is_raised, polls])
def test_a_place_that_is_given_back_is_taken(answer: Any) -> None:
    taken("tasks.place", answer)


async def two_kinds(slots: asyncio.Semaphore, work: Any, item: Any) -> Any:
    """Wrong: any other error takes the place along."""
    await slots.acquire()
    try:
        result = await work(item)
    except (ValueError, asyncio.CancelledError):
        slots.release()
        raise
    slots.release()
    return result


async def swallows_the_cancellation(slots: Any, work: Any, item: Any) -> Any:
    """Wrong: whoever has cancelled it is told that all went well."""
    async with slots:
        try:
            return await work(item)
        except asyncio.CancelledError:
            return None


async def one_at_a_time(slots: Any, work: Any, item: Any) -> Any:
    """Wrong: right for one place."""
    async with LOCK, slots:
        return await work(item)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (swallows_the_cancellation, "went on as if nothing had been"),
        (one_at_a_time, "There are two places, and two do not work at once"),
        (two_kinds, "as work raised Odd"),
        (only_exceptions, "a place was lost"),
        (no_place, "two worked at once, and there is one place"),
        (no_result, "work(item) gave a result, and it did not come back"),
        (swallows_the_error, "the error of work did not come out"),
        (not_awaited, "work(item) gave a result, and it did not come back"),
        (lambda slots, work, item: work(item), "must be an async def"),
    ],
)
def test_a_place_that_is_lost_or_never_had_is_refused(answer: Any, says: str) -> None:
    refused("tasks.place", answer, says)


# --------------------------------------------------------------------- cache


class Loads:
    def __init__(self, load: Any) -> None:
        self.load = load
        self.kept: dict[Any, Any] = {}
        self.locks: dict[Any, asyncio.Lock] = {}


class LockForEach(Loads):
    """Right: a lock for each key, found or made in one step."""

    async def get(self, key: Any) -> Any:
        async with self.locks.setdefault(key, asyncio.Lock()):
            if key not in self.kept:
                self.kept[key] = await self.load(key)
            return self.kept[key]


class KeepsAFuture(Loads):
    """Right: whoever comes first loads, all others wait for its future."""

    async def get(self, key: Any) -> Any:
        if key not in self.kept:
            coming = self.kept[key] = asyncio.get_running_loop().create_future()
            coming.set_result(await self.load(key))
        return await self.kept[key]


class KeepsACoroutine(Loads):
    async def get(self, key: Any) -> Any:
        if key not in self.kept:
            self.kept[key] = self.load(key)
        return await self.kept[key]


class LooksAgain(Loads):
    async def get(self, key: Any) -> Any:
        if key not in self.kept:
            value = await self.load(key)
            if key not in self.kept:
                self.kept[key] = value
        return self.kept[key]


class TakesNoneForNothing(Loads):
    async def get(self, key: Any) -> Any:
        async with self.locks.setdefault(key, asyncio.Lock()):
            if self.kept.get(key) is None:
                self.kept[key] = await self.load(key)
            return self.kept[key]


class KeepsNothing(Loads):
    async def get(self, key: Any) -> Any:
        return await self.load(key)


class LocksWithoutLooking(Loads):
    async def get(self, key: Any) -> Any:
        async with self.locks.setdefault(key, asyncio.Lock()):
            self.kept[key] = await self.load(key)
            return self.kept[key]


@pytest.mark.parametrize("answer", [LockForEach, KeepsAFuture])
def test_a_cache_that_loads_once_is_taken(answer: type) -> None:
    taken("tasks.cache", answer)


class OneForTheWorld:
    """Wrong: what one cache has loaded, another one gives."""

    loading: ClassVar[dict[Any, asyncio.Task[Any]]] = {}

    def __init__(self, load: Any) -> None:
        self.load = load

    async def get(self, key: Any) -> Any:
        if key not in self.loading:
            self.loading[key] = asyncio.create_task(self.load(key))
        return await self.loading[key]


class TwoLocks:
    """Wrong: two keys are loaded side by side, and the third one waits."""

    def __init__(self, load: Any) -> None:
        self.load, self.kept = load, dict[Any, Any]()
        self.locks, self.numbers = [asyncio.Lock(), asyncio.Lock()], dict[Any, int]()

    async def get(self, key: Any) -> Any:
        async with self.locks[self.numbers.setdefault(key, len(self.numbers) % 2)]:
            if key not in self.kept:
                self.kept[key] = await self.load(key)
            return self.kept[key]


class NoKeyIsFalse(OneForTheWorld):
    """Wrong: an empty key is a key."""

    def __init__(self, load: Any) -> None:
        super().__init__(load)
        self.known = dict[Any, asyncio.Task[Any]]()

    async def get(self, key: Any) -> Any:
        if not key:
            return await self.load(key)
        if key not in self.known:
            self.known[key] = asyncio.create_task(self.load(key))
        return await self.known[key]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (OneForTheWorld, "another cache gave what it had not loaded"),
        (TwoLocks, "and three are not"),
        (NoKeyIsFalse, "'' is a key, too"),
        (KeepsACoroutine, "RuntimeError"),
        (LooksAgain, "loaded: ['a', 'a', 'b']"),
        (TakesNoneForNothing, "loaded: ['a', 'b', 'b']"),
        (KeepsNothing, "loaded: "),
        (LocksWithoutLooking, "loaded: "),
        (Loads, "Loads.get must be an async def"),
    ],
)
def test_a_cache_that_loads_twice_or_in_a_line_is_refused(answer: type, says: str) -> None:
    refused("tasks.cache", answer, says)


# ----------------------------------------------------------------- fetch_all


async def by_workers(fetch: Any, urls: Any, limit: int) -> list[Any]:
    results, todo = [None] * len(urls), enumerate(urls)

    async def work() -> None:
        for place, url in todo:
            results[place] = await fetch(url)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(work())
    return results


async def by_a_queue(fetch: Any, urls: Any, limit: int) -> list[Any]:
    todo: asyncio.Queue[Any] = asyncio.Queue()
    found = {}
    for pair in enumerate(urls):
        todo.put_nowait(pair)

    async def work() -> None:
        while not todo.empty():
            place, url = todo.get_nowait()
            found[place] = await fetch(url)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(work())
    return [found[place] for place in range(len(urls))]


async def cancels_by_hand(fetch: Any, urls: Any, limit: int) -> list[Any]:
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    tasks = [asyncio.create_task(one(url)) for url in urls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def cancels_and_goes(fetch: Any, urls: Any, limit: int) -> list[Any]:
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    tasks = [asyncio.create_task(one(url)) for url in urls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def in_batches(fetch: Any, urls: Any, limit: int) -> list[Any]:
    results = []
    for start in range(0, len(urls), limit):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fetch(url)) for url in urls[start : start + limit]]
        results += [task.result() for task in tasks]
    return results


async def as_they_come(fetch: Any, urls: Any, limit: int) -> list[Any]:
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    return [await each for each in asyncio.as_completed([one(url) for url in urls])]


async def without_a_limit(fetch: Any, urls: Any, limit: int) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(url)) for url in urls]
    return [task.result() for task in tasks]


async def one_too_many(fetch: Any, urls: Any, limit: int) -> list[Any]:
    return await cancels_by_hand(fetch, urls, limit + 1)


async def by_url(fetch: Any, urls: Any, limit: int) -> Any:
    await cancels_by_hand(fetch, urls, limit)
    return {url: url.upper() for url in urls}.values()


async def swallows_errors(fetch: Any, urls: Any, limit: int) -> list[Any]:
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    return await asyncio.gather(*(one(url) for url in urls), return_exceptions=True)


async def gives_nothing(fetch: Any, urls: Any, limit: int) -> None:
    await cancels_by_hand(fetch, urls, limit)


@pytest.mark.parametrize("answer", [by_workers, by_a_queue, cancels_by_hand])
def test_all_pages_in_order_and_none_left_behind_is_taken(answer: Any) -> None:
    taken("tasks.fetch_all", answer)


async def two_places(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: two, whatever the limit is."""
    return await fetch_all(fetch, urls, 2)


async def two_at_most(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: a limit of three is another one."""
    return await fetch_all(fetch, urls, min(2, limit))


async def leaves_out_the_false(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: what is false is a result, too."""
    return [result for result in await fetch_all(fetch, urls, limit) if result]


async def after_one_error(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: after an error of another kind the others go on."""
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    tasks = [asyncio.ensure_future(one(url)) for url in urls]
    try:
        return await asyncio.gather(*tasks)
    except ConnectionError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def with_a_place(fetch: Any, limit: int) -> Any:
    slots = asyncio.Semaphore(limit)

    async def one(url: Any) -> Any:
        async with slots:
            return await fetch(url)

    return one


async def waits_for_the_others(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: after an error all others are waited for, however long they take."""
    found = await asyncio.gather(*map(with_a_place(fetch, limit), urls), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found


async def cancels_after_errors(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: a cancellation is no Exception, and leaves the others behind."""
    tasks = [asyncio.create_task(each) for each in map(with_a_place(fetch, limit), urls)]
    try:
        return [await task for task in tasks]
    except Exception:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def leaves_out_none(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: None is a result, too."""
    return [each for each in await fetch_all(fetch, urls, limit) if each is not None]


async def gives_tasks(fetch: Any, urls: Any, limit: int) -> list[Any]:
    """Wrong: a task is no result."""
    async with asyncio.TaskGroup() as group:
        return [group.create_task(each) for each in map(with_a_place(fetch, limit), urls)]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (waits_for_the_others, "After the first error another call goes on"),
        (cancels_after_errors, "fetch_all was cancelled, and a task goes on"),
        (leaves_out_none, "it gave ['B', 'B']"),
        (gives_tasks, "it gives coroutines or tasks back"),
        (two_places, "limit is 1, and 2 calls"),
        (two_at_most, "Three calls are never under way at once"),
        (leaves_out_the_false, "it gave ['B', 'B']"),
        (after_one_error, "a task goes on"),
        (cancels_and_goes, "a task goes on"),
        (in_batches, "the next one does not begin"),
        (as_they_come, "it gave [None, 'B', 'B']"),
        (without_a_limit, "more than limit calls are under way at once"),
        (one_too_many, "more than limit calls are under way at once"),
        (by_url, "it gave ['B', '']"),
        (swallows_errors, "After the first error another call goes on"),
        (gives_nothing, "it gives nothing back"),
        (lambda fetch, urls, limit: [], "must be an async def"),
    ],
)
def test_pages_lost_too_many_or_left_behind_are_refused(answer: Any, says: str) -> None:
    refused("tasks.fetch_all", answer, says)


# --------------------------------------------------------------------- total


class LockAroundTheChange(TotalFirst):
    """Right, though nobody could come in between."""

    def __init__(self, fetch: Any) -> None:
        super().__init__(fetch)
        self.lock = asyncio.Lock()

    async def add(self, url: Any) -> None:
        photo = await self.fetch(url)
        async with self.lock:
            self.total += len(photo)


class TotalOfSizes:
    """Right: keeps all sizes, and adds when it is asked."""

    def __init__(self, fetch: Any) -> None:
        self.fetch, self.sizes = fetch, dict[int, int]()

    @property
    def total(self) -> int:
        return sum(self.sizes.values())

    async def add(self, url: Any) -> None:
        photo = await self.fetch(url)
        self.sizes[len(self.sizes)] = len(photo)


class AddsInATask(TotalFirst):
    """Right: the download is a task of its own."""

    async def add(self, url: Any) -> None:
        photo: bytes = await asyncio.ensure_future(self.fetch(url))
        self.total += len(photo)


class ReadsBefore(TotalFirst):
    async def add(self, url: Any) -> None:
        before = self.total
        size = len(await self.fetch(url))
        self.total = before + size


class PausesBetween(TotalFirst):
    async def add(self, url: Any) -> None:
        size = len(await self.fetch(url))
        seen = self.total
        await asyncio.sleep(0)
        self.total = seen + size


class HidesErrors(TotalFirst):
    async def add(self, url: Any) -> None:
        try:
            photo = await self.fetch(url)
        except ConnectionError:
            return
        self.total += len(photo)


class CountsDownloads(TotalFirst):
    async def add(self, url: Any) -> None:
        await self.fetch(url)
        self.total += 1


class OneDownload(TotalFirst):
    def __init__(self, fetch: Any) -> None:
        super().__init__(fetch)
        self.slots = asyncio.Semaphore(1)

    async def add(self, url: Any) -> None:
        async with self.slots:
            size = len(await self.fetch(url))
        self.total += size


@pytest.mark.parametrize("answer", [LockAroundTheChange, TotalOfSizes, AddsInATask])
def test_a_total_that_is_read_after_the_await_is_taken(answer: Any) -> None:
    taken("tasks.total", answer)


class SizeOfEachUrl:
    """Wrong: what is downloaded twice counts twice."""

    def __init__(self, fetch: Any) -> None:
        self.fetch, self.sizes = fetch, dict[Any, int]()

    @property
    def total(self) -> int:
        return sum(self.sizes.values())

    async def add(self, url: Any) -> None:
        self.sizes[url] = len(await self.fetch(url))


class TotalOfAllAlbums:
    """Wrong: the number is that of the class."""

    total = 0

    def __init__(self, fetch: Any) -> None:
        self.fetch = fetch

    async def add(self, url: Any) -> None:
        size = len(await self.fetch(url))
        type(self).total += size


class TwoDownloads(OneDownload):
    """Wrong: two at once, and no third one."""

    def __init__(self, fetch: Any) -> None:
        super().__init__(fetch)
        self.slots = asyncio.Semaphore(2)


class LengthOfTheUrl(TotalFirst):
    """Wrong: adds up the wrong thing."""

    async def add(self, url: Any) -> None:
        await self.fetch(url)
        self.total += len(url)


class ReturnsErrors(TotalFirst):
    """Wrong: an error is given back, and not raised."""

    async def add(self, url: Any) -> Any:
        try:
            photo = await self.fetch(url)
        except ConnectionError as error:
            return error
        self.total += len(photo)
        return None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (TwoDownloads, "Two downloads are under way at once, and three are not"),
        (LengthOfTheUrl, "4 bytes were downloaded, and total is 7"),
        (ReturnsErrors, "the error of fetch did not come out of add"),
        (SizeOfEachUrl, "3 bytes were downloaded again"),
        (TotalOfAllAlbums, "a new album knows"),
        (ReadsBefore, "4 bytes were downloaded, and total is "),
        (PausesBetween, "4 bytes were downloaded, and total is "),
        (HidesErrors, "the error of fetch did not come out of add"),
        (CountsDownloads, "4 bytes were downloaded, and total is 2"),
        (OneDownload, "Two downloads are not under way at once"),
        (TotalFirst(lambda url: url), "the answer must be a function"),
    ],
)
def test_a_total_that_loses_or_holds_up_is_refused(answer: Any, says: str) -> None:
    refused("tasks.total", answer, says)


# --------------------------------------------------------------------- shelf


class LockWhereNobodyWaits(Shelf):
    """Right: the lock is held for the change only."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.lock = asyncio.Lock()

    async def put(self, photo: bytes) -> None:
        await self.queue.put(photo)
        async with self.lock:
            self.bytes += len(photo)

    async def take(self) -> bytes:
        photo = await self.queue.get()
        async with self.lock:
            self.bytes -= len(photo)
        return photo


class ByCondition:
    """Right: a condition gives its lock back while somebody waits."""

    def __init__(self, room: int) -> None:
        self.room, self.photos = room, list[bytes]()
        self.changed = asyncio.Condition()

    @property
    def bytes(self) -> int:
        return sum(map(len, self.photos))

    async def put(self, photo: Any) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.photos) < self.room)
            self.photos.append(photo)
            self.changed.notify_all()

    async def take(self) -> Any:
        async with self.changed:
            await self.changed.wait_for(lambda: self.photos)
            self.changed.notify_all()
            return self.photos.pop(0)


class CountsTooEarly(Shelf):
    async def put(self, photo: bytes) -> None:
        self.bytes += len(photo)
        await self.queue.put(photo)


class PutsLocked(ShelfLocked):
    """Right: whoever waits for that lock would have to wait for room anyway."""

    async def take(self) -> bytes:
        return await Shelf.take(self)


class AnyRoom(Shelf):
    def __init__(self, room: int) -> None:
        super().__init__(0)


class NeverWaits(Shelf):
    async def put(self, photo: bytes) -> None:
        self.queue.put_nowait(photo)
        self.bytes += len(photo)


class LastFirst(Shelf):
    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.photos: list[bytes] = []

    async def put(self, photo: bytes) -> None:
        while len(self.photos) >= self.queue.maxsize:
            await asyncio.sleep(0)
        self.photos.append(photo)
        self.bytes += len(photo)


@pytest.mark.parametrize("answer", [LockWhereNobodyWaits, ByCondition, PutsLocked])
def test_a_shelf_whose_lock_nobody_holds_while_it_waits_is_taken(answer: Any) -> None:
    taken("tasks.shelf", answer)


class BytesOfAllShelves(Shelf):
    """Wrong: the number is that of the class."""

    bytes = 0

    def __init__(self, room: int) -> None:
        self.queue = asyncio.Queue(room)

    async def put(self, photo: Any) -> None:
        await self.queue.put(photo)
        BytesOfAllShelves.bytes += len(photo)

    async def take(self) -> Any:
        photo = await self.queue.get()
        BytesOfAllShelves.bytes -= len(photo)
        return photo


class RoomForTwo(Shelf):
    """Wrong: two at most, whatever the room is."""

    def __init__(self, room: int) -> None:
        super().__init__(min(room, 2))


class NothingIsNoPhoto(Shelf):
    """Wrong: an empty photograph is one, too."""

    async def put(self, photo: Any) -> None:
        if photo:
            await super().put(photo)


class WakesOne(ByCondition):
    """Wrong: the one who is woken may wait for something else."""

    async def put(self, photo: Any) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.photos) < self.room)
            self.photos.append(photo)
            self.changed.notify()

    async def take(self) -> Any:
        async with self.changed:
            await self.changed.wait_for(lambda: self.photos)
            self.changed.notify()
            return self.photos.pop(0)


class LooksOnce(ByCondition):
    """Wrong: between being woken and going on somebody else takes it."""

    async def take(self) -> Any:
        async with self.changed:
            if not self.photos:
                await self.changed.wait()
            self.changed.notify_all()
            return self.photos.pop(0)


class QueueOfAllShelves(Shelf):
    """Wrong: what is put on one shelf stands on all of them."""

    def __init__(self, room: int) -> None:
        if not hasattr(QueueOfAllShelves, "queue"):
            QueueOfAllShelves.queue = asyncio.Queue(room)
        self.bytes = 0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (WakesOne, "deadlock"),
        (LooksOnce, "IndexError"),
        (QueueOfAllShelves, "deadlock"),
        (BytesOfAllShelves, "another shelf is empty"),
        (RoomForTwo, "deadlock"),
        (NothingIsNoPhoto, "a fourth one was put"),
        (CountsTooEarly, "bytes was "),
        (AnyRoom, "bytes was 4, with room for one"),
        (NeverWaits, "QueueFull"),
        (LastFirst, "breaks it"),
        (Shelf(1), "the answer must be a function"),
    ],
)
def test_a_shelf_that_counts_wrongly_or_never_waits_is_refused(answer: Any, says: str) -> None:
    refused("tasks.shelf", answer, says)


# ---------------------------------------------------------------- thumbnails


async def in_an_executor(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """Right: a pool of its own, which ends with it."""
    loop, photos = asyncio.get_running_loop(), dict[int, Any]()

    async def one(pool: Any, number: int, url: Any) -> None:
        photos[number] = await loop.run_in_executor(pool, small, await fetch(url))

    with ThreadPoolExecutor(2) as pool:
        try:
            async with asyncio.TaskGroup() as group:
                for number, url in enumerate(urls):
                    group.create_task(one(pool, number, url))
        except* RuntimeError:
            pass
    return [photos[number] for number in range(len(urls))]


async def downloads_beside(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """Right: all downloads are tasks; what has come is made small in a thread, in turn."""
    coming = [asyncio.ensure_future(fetch(url)) for url in urls]
    return [await asyncio.to_thread(small, await photo) for photo in coming]


async def all_in_one_thread(fetch: Any, small: Any, urls: Any) -> Any:
    """Downloads everything, and then holds up nobody; but the first waits for the last."""
    photos = await asyncio.gather(*map(fetch, urls))
    return await asyncio.to_thread(lambda: list(map(small, photos)))


async def calls_in_the_loop(fetch: Any, small: Any, urls: Any) -> list[Any]:
    photos = await asyncio.gather(*map(fetch, urls))
    return [small(photo) for photo in photos]


async def forgets_the_call(fetch: Any, small: Any, urls: Any) -> list[Any]:
    return [asyncio.to_thread(small, await fetch(url)) for url in urls]


async def as_they_are_done(fetch: Any, small: Any, urls: Any) -> list[Any]:
    async def one(url: Any) -> Any:
        return await asyncio.to_thread(small, await fetch(url))

    return [await each for each in asyncio.as_completed([one(url) for url in set(urls)])]


async def nothing_of_errors(fetch: Any, small: Any, urls: Any) -> list[Any]:
    async def one(url: Any) -> Any:
        return await asyncio.to_thread(small, await fetch(url))

    return await asyncio.gather(*map(one, urls), return_exceptions=True)


@pytest.mark.parametrize("answer", [in_an_executor, downloads_beside])
def test_thumbnails_made_beside_the_loop_are_taken(answer: Any) -> None:
    taken("tasks.thumbnails", answer)


async def without_the_empty(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """Wrong: a thumbnail that is false is one, too."""

    async def one(url: Any) -> Any:
        return await asyncio.to_thread(small, await fetch(url))

    return [each for each in await asyncio.gather(*map(one, urls)) if each]


async def forgives_downloads(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """Wrong: an error of fetch is lost."""

    async def one(url: Any) -> Any:
        try:
            return await asyncio.to_thread(small, await fetch(url))
        except OSError:
            return None

    return await asyncio.gather(*map(one, urls))


async def gives_futures(fetch: Any, small: Any, urls: Any) -> list[Any]:
    """Wrong: a future is no thumbnail."""
    loop = asyncio.get_running_loop()
    return [loop.run_in_executor(None, small, await fetch(url)) for url in urls]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (gives_futures, "it gives coroutines or tasks back"),
        (without_the_empty, "it gave ['BB', 'AA', 'BB']"),
        (forgives_downloads, "fetch has raised an error"),
        (all_in_one_thread, "is not made small while another download goes on"),
        (calls_in_the_loop, "small runs in the thread of the event loop"),
        (forgets_the_call, "it gives coroutines or tasks back"),
        (as_they_are_done, "for ['b', 'a', '', 'b'] it gave"),
        (nothing_of_errors, "it did not come out"),
        (lambda fetch, small, urls: [], "must be an async def"),
    ],
)
def test_thumbnails_made_in_the_loop_or_lost_are_refused(answer: Any, says: str) -> None:
    refused("tasks.thumbnails", answer, says)
