"""What tasks share, and what may happen to it at an await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .. import exercise
from .._schedules import all_hold, all_tried
from .._tasks import Gone, Odd, expect_class, hold

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
    """Three who withdraw; a bank that fails at first; two accounts, of which one waits."""
    expect_class(answer, "withdraw")

    async def program() -> None:
        handed_out = []

        async def bank(amount: int) -> None:
            await asyncio.sleep(0)
            handed_out.append(amount)

        account, amounts = answer(100, bank), (80, 60, 20)
        paid = await asyncio.gather(*(account.withdraw(amount) for amount in amounts))
        for was in paid:
            assert was is True or was is False, f"withdraw gives True or False, and gave {was!r}"
        left = 100 - sum(amount for amount, was in zip(amounts, paid, strict=True) if was)
        assert left >= 0, "more was paid than was there"
        assert account.money == left, "the money that is left is not what was not paid"
        assert sum(handed_out) == 100 - left, "the bank has paid, and withdraw gave False"
        refused = [amount for amount, was in zip(amounts, paid, strict=True) if not was]
        assert all(amount > left for amount in refused), "who could be paid was refused"

    async def fails_at_first() -> None:
        kinds: list[type[BaseException]] = [ConnectionError, Odd, Gone]

        async def broken(amount: int) -> None:
            await asyncio.sleep(0)
            if kinds:
                raise kinds.pop(0)("the bank does not answer")

        account = answer(100, broken)
        for kind in tuple(kinds):
            try:
                await account.withdraw(80)
            except kind:
                assert account.money == 100, (
                    f"the bank failed, and the money is gone: it raised {kind.__name__}"
                )
            else:
                raise AssertionError("the error of the bank did not come out of withdraw")
        assert await account.withdraw(80), "after an error of the bank nobody is paid"

    async def side_by_side() -> None:
        meet = asyncio.Barrier(2)

        async def both(amount: int) -> None:
            await meet.wait()

        accounts = [answer(100, both) for _ in range(2)]
        await asyncio.gather(*(account.withdraw(50) for account in accounts))

    tried = all_hold(program)
    all_hold(fails_at_first)
    hold(side_by_side, "Two accounts wait for each other: one lock for both is too much")
    return all_tried(tried)


# --------------------------------------------------------------------- total


class Album:
    """A solution of `tasks.total`: the total is read and written with no await in between."""

    def __init__(self, fetch: Callable[[Any], Awaitable[bytes]]) -> None:
        self.fetch, self.total = fetch, 0

    async def add(self, url: Any) -> None:
        size = len(await self.fetch(url))
        self.total += size


class TotalFirst(Album):
    """The starter: the total is read, and then comes the await."""

    async def add(self, url: Any) -> None:
        self.total += len(await self.fetch(url))


class DownloadsInTurn(TotalFirst):
    """Half of the repair: a lock around the download as well, so that nobody else downloads."""

    def __init__(self, fetch: Callable[[Any], Awaitable[bytes]]) -> None:
        super().__init__(fetch)
        self.lock = asyncio.Lock()

    async def add(self, url: Any) -> None:
        async with self.lock:
            await super().add(url)


@exercise(
    "tasks.total",
    "Repair Album.add(url): whatever the order of the tasks, total is the size of all that was "
    "downloaded; downloads are under way side by side.",
    hints=(
        "In which order are the two sides of `+=` looked at, and where is the await?",
        "A lock would help, and hold up every other download. Can the total be read later?",
        "First `size = len(await self.fetch(url))`, and then, without an await, the `+=`.",
    ),
    solution=Album,
    starter=TotalFirst,
    wrong=DownloadsInTurn,
    says="Two downloads are not under way at once",
    seconds=40.0,
)
def _total(answer: Any) -> str:
    """Three downloads, of which one fails; two that wait for each other."""
    expect_class(answer, "add")

    async def program() -> None:
        fetched = []

        async def fetch(url: str) -> bytes:
            fetched.append(url)
            await asyncio.sleep(0)
            if url == "bad":
                raise ConnectionError(url)
            return bytes(int(url[-1]))

        album = answer(fetch)
        assert album.total == 0, "the total does not begin with 0"
        tasks = [asyncio.create_task(album.add(url)) for url in ("p1", "bad", "page3")]
        await asyncio.wait(tasks)
        failed = isinstance(tasks[1].exception(), ConnectionError)
        assert failed, "the error of fetch did not come out of add"
        assert album.total == 4, f"4 bytes were downloaded, and total is {album.total}"
        await album.add("page3")
        assert fetched.count("page3") == 2, "a photograph was added twice, and downloaded once"
        assert album.total == 7, f"3 bytes were downloaded again, and total is {album.total}, not 7"
        assert answer(fetch).total == 0, "a new album knows what another one has downloaded"

    async def all_meet(urls: str) -> None:
        meet = asyncio.Barrier(len(urls))

        async def fetch(url: str) -> bytes:
            await meet.wait()
            return url.encode()

        album = answer(fetch)
        await asyncio.gather(*(album.add(url) for url in urls))

    async def two() -> None:
        await all_meet("ab")

    async def three() -> None:
        await all_meet("abc")

    tried = all_hold(program)
    hold(two, "Two downloads are not under way at once")
    hold(three, "Two downloads are under way at once, and three are not")
    return all_tried(tried)


# --------------------------------------------------------------------- shelf


class Shelf:
    """A solution of `tasks.shelf`: who waits for room or for a photograph holds no lock."""

    def __init__(self, room: int) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(room)
        self.bytes = 0

    async def put(self, photo: bytes) -> None:
        await self.queue.put(photo)
        self.bytes += len(photo)

    async def take(self) -> bytes:
        photo = await self.queue.get()
        self.bytes -= len(photo)
        return photo


class ShelfLocked(Shelf):
    """The starter: who waits has the lock that the other one needs, to end the wait."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.lock = asyncio.Lock()

    async def put(self, photo: bytes) -> None:
        async with self.lock:
            await super().put(photo)

    async def take(self) -> bytes:
        async with self.lock:
            return await super().take()


class ShelfHalfLocked(Shelf):
    """Half of the repair: who puts holds the lock no longer while it waits, who takes does."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.lock = asyncio.Lock()

    async def put(self, photo: bytes) -> None:
        await self.queue.put(photo)
        async with self.lock:
            self.bytes += len(photo)

    async def take(self) -> bytes:
        async with self.lock:
            return await super().take()


@exercise(
    "tasks.shelf",
    "Repair Shelf: put(photo) waits for room and take() for a photograph, nobody waits for ever, "
    "and bytes is the size of what stands there.",
    hints=(
        "Who ends the wait of `take`? What does that task need first?",
        "A lock that is held over an await keeps out the one who is waited for.",
        "The queue waits by itself. After it, up to the end of the method, there is no await: "
        "what is a lock good for there?",
    ),
    solution=Shelf,
    starter=ShelfLocked,
    wrong=ShelfHalfLocked,
    says="bytes was -1",
    seconds=40.0,
)
def _shelf(answer: Any) -> str:
    """Room for one; two photographs, and somebody who takes them and looks at the size."""
    expect_class(answer, "put")
    expect_class(answer, "take")

    async def program() -> None:
        shelf, sizes = answer(1), []

        async def put() -> None:
            for photo in (b"a", b"bbb"):
                await shelf.put(photo)
                sizes.append(shelf.bytes)

        async def take() -> None:
            for photo in (b"a", b"bbb"):
                sizes.append(shelf.bytes)
                assert await shelf.take() == photo, "the photographs do not come in their order"

        await asyncio.gather(put(), take())
        assert set(sizes) <= {0, 1, 3}, (
            f"bytes was {max(sizes, key=abs)}, with room for one of 1, 3"
        )
        assert shelf.bytes == 0, f"everything was taken, and bytes is {shelf.bytes}"

    async def has_room() -> None:
        shelf, other = answer(3), answer(1)
        for photo in (b"a", b"", b"bbb"):
            await shelf.put(photo)
        assert shelf.bytes == 4, f"4 bytes stand there, and bytes is {shelf.bytes}"
        assert other.bytes == 0, "another shelf is empty, and has the bytes of this one"
        await other.put(b"o")
        assert await other.take() == b"o", "from another shelf came what stood on this one"
        fourth = asyncio.create_task(shelf.put(b"cc"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not fourth.done(), "there is room for three, and a fourth one was put"
        assert shelf.bytes == 4, "bytes counts a photograph that waits for room"
        await asyncio.gather(*(shelf.take() for _ in range(4)))
        await fourth
        assert shelf.bytes == 0, f"everything was taken, and bytes is {shelf.bytes}"

    async def two_and_two() -> None:
        shelf = answer(1)
        photos = [b"a", b"bbb"]
        put = [asyncio.create_task(shelf.put(photo)) for photo in photos]
        taken = await asyncio.gather(shelf.take(), shelf.take())
        await asyncio.wait(put)
        assert sorted(taken) == photos, "two put a photograph each, and others were taken"
        assert shelf.bytes == 0, f"everything was taken, and bytes is {shelf.bytes}"

    tried = all_hold(program)
    all_hold(has_room)
    all_hold(two_and_two)
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
    expect_class(answer, "get")

    async def program() -> None:
        loads = []

        async def load(key: str) -> Any:
            loads.append(key)
            await asyncio.sleep(0)
            return None if key == "b" else key.upper()

        cache, other = answer(load), answer(load)
        got = await asyncio.gather(*(cache.get(key) for key in ("a", "b", "a")))
        assert got == ["A", None, "A"], "somebody got another value than was loaded"
        await cache.get("b")
        assert sorted(loads) == ["a", "b"], f"loaded: {sorted(loads)}"
        assert [await cache.get("") for _ in range(2)] == ["", ""], "the value of '' is ''"
        assert loads.count("") == 1, f"'' is a key, too, and was loaded {loads.count('')} times"
        await other.get("a")
        assert loads.count("a") == 2, "another cache gave what it had not loaded"

    def all_meet(number: int) -> Callable[[str], Awaitable[str]]:
        meet = asyncio.Barrier(number)

        async def load(key: str) -> str:
            await meet.wait()
            return key

        return load

    async def two() -> None:
        cache = answer(all_meet(2))
        await asyncio.gather(cache.get("a"), cache.get("b"))

    async def three() -> None:
        cache = answer(all_meet(3))
        await asyncio.gather(cache.get("a"), cache.get("b"), cache.get("c"))

    tried = all_hold(program)
    hold(two, "Two keys are not loaded side by side")
    hold(three, "Two keys are loaded side by side, and three are not")
    return all_tried(tried)
