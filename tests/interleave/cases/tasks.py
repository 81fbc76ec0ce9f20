"""Programs of tasks: what asyncio's own order hides, and what no order breaks."""

# ruff: noqa
import asyncio
import contextlib
import itertools
import time


# ------------------------------------------------------------------- updates


async def race_lost_update_across_an_await():
    total = 0

    async def add():
        nonlocal total
        seen = total
        await asyncio.sleep(0)
        total = seen + 1

    await asyncio.gather(add(), add())
    assert total == 2


async def ok_no_await_in_between():
    total = 0

    async def add():
        nonlocal total
        await asyncio.sleep(0)
        total = total + 1

    await asyncio.gather(add(), add())
    assert total == 2


async def race_await_inside_of_the_update():
    total = 0

    async def one():
        await asyncio.sleep(0)
        return 1

    async def add():
        nonlocal total
        total += await one()

    await asyncio.gather(add(), add())
    assert total == 2


async def ok_lock_around_the_update():
    total, lock = 0, asyncio.Lock()

    async def add():
        nonlocal total
        async with lock:
            seen = total
            await asyncio.sleep(0)
            total = seen + 1

    async with asyncio.TaskGroup() as group:
        group.create_task(add())
        group.create_task(add())
    assert total == 2


async def race_a_lock_for_each():
    total = 0

    async def add():
        nonlocal total
        async with asyncio.Lock():
            seen = total
            await asyncio.sleep(0)
            total = seen + 1

    await asyncio.gather(add(), add())
    assert total == 2


_lock, _places, _box = asyncio.Lock(), asyncio.Semaphore(1), asyncio.Queue()


async def ok_lock_of_the_module():
    total = 0

    async def add():
        nonlocal total
        async with _lock:
            seen = total
            await asyncio.sleep(0)
            total = seen + 1

    await asyncio.gather(add(), add())
    assert total == 2


async def race_place_of_the_module_lost():
    async def use():
        await _places.acquire()
        await asyncio.sleep(0)
        _places.release()

    user = asyncio.create_task(use())
    await asyncio.sleep(0)
    user.cancel()
    await asyncio.wait([user])
    assert not _places.locked()


async def ok_queue_of_the_module():
    async def put():
        await _box.put(1)

    putting = asyncio.create_task(put())
    assert await _box.get() == 1
    await putting


async def ok_poll_a_lock():
    lock, inside = asyncio.Lock(), 0

    async def use():
        nonlocal inside
        while lock.locked():
            await asyncio.sleep(0)
        async with lock:
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(use(), use())


class Account:
    def __init__(self):
        self.balance = 100
        self.lock = asyncio.Lock()

    async def withdraw(self, amount):
        if self.balance >= amount:
            await asyncio.sleep(0.1)
            self.balance -= amount

    async def withdraw_locked(self, amount):
        async with self.lock:
            await self.withdraw(amount)


async def race_check_then_act():
    account = Account()
    await asyncio.gather(account.withdraw(80), account.withdraw(80))
    assert account.balance >= 0


async def ok_check_then_act_locked():
    account = Account()
    await asyncio.gather(account.withdraw_locked(80), account.withdraw_locked(80))
    assert account.balance == 20


async def race_cache_filled_twice():
    cache, loads = {}, []

    async def load(key):
        loads.append(key)
        await asyncio.sleep(1)
        return key

    async def get(key):
        if key not in cache:
            cache[key] = await load(key)
        return cache[key]

    await asyncio.gather(get("a"), get("a"))
    assert loads == ["a"]


async def ok_cache_of_tasks():
    cache, loads = {}, []

    async def load(key):
        loads.append(key)
        await asyncio.sleep(1)
        return key

    async def get(key):
        if key not in cache:
            cache[key] = asyncio.create_task(load(key))
        return await cache[key]

    assert await asyncio.gather(get("a"), get("a")) == ["a", "a"]
    assert loads == ["a"]


async def race_one_of_two_attributes_is_new():
    class Point:
        x = y = 0

    point, seen = Point(), []

    async def move():
        point.x = 1
        await asyncio.sleep(0)
        point.y = 1

    async def look():
        seen.append((point.x, point.y))

    await asyncio.gather(move(), look())
    assert seen in ([(0, 0)], [(1, 1)])


# --------------------------------------------------------------- deadlocks


async def deadlock_two_locks():
    a, b = asyncio.Lock(), asyncio.Lock()

    async def go(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    await asyncio.gather(go(a, b), go(b, a))


async def ok_two_locks_in_one_order():
    a, b = asyncio.Lock(), asyncio.Lock()

    async def go(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    await asyncio.gather(go(a, b), go(a, b))


async def ok_two_locks_without_an_await_in_between():
    """An uncontended acquire does not let others go on: nobody gets in between."""
    a, b = asyncio.Lock(), asyncio.Lock()

    async def go(first, second):
        async with first:
            async with second:
                pass

    await asyncio.gather(go(a, b), go(b, a))


async def deadlock_lock_taken_twice():
    lock = asyncio.Lock()
    async with lock:
        await lock.acquire()


async def deadlock_lost_notify():
    ready = asyncio.Condition()

    async def wait():
        async with ready:
            await ready.wait()

    async def tell():
        async with ready:
            ready.notify()

    await asyncio.gather(wait(), tell())


async def ok_notify_with_a_state():
    ready, items = asyncio.Condition(), []

    async def wait():
        async with ready:
            await ready.wait_for(lambda: items)
            items.pop()

    async def tell():
        async with ready:
            items.append(1)
            ready.notify()

    await asyncio.gather(wait(), tell())
    assert not items


async def deadlock_event_cleared_too_soon():
    flag = asyncio.Event()

    async def wait():
        await asyncio.sleep(0)
        await flag.wait()

    async def blink():
        flag.set()
        await asyncio.sleep(0)
        flag.clear()

    await asyncio.gather(wait(), blink())


async def deadlock_queue_without_an_end():
    box = asyncio.Queue()

    async def take():
        while True:
            if await box.get() is None:
                return

    takers = [asyncio.create_task(take()) for _ in range(2)]
    await box.put(1)
    await box.put(None)
    await asyncio.gather(*takers)


async def ok_an_end_for_each():
    box, got = asyncio.Queue(), []

    async def take():
        while (item := await box.get()) is not None:
            got.append(item)

    takers = [asyncio.create_task(take()) for _ in range(2)]
    for item in (1, 2, None, None):
        await box.put(item)
    await asyncio.gather(*takers)
    assert sorted(got) == [1, 2]


async def ok_join_and_cancel():
    box, done = asyncio.Queue(), []

    async def work():
        while True:
            item = await box.get()
            await asyncio.sleep(0)
            done.append(item)
            box.task_done()

    workers = [asyncio.create_task(work()) for _ in range(2)]
    for item in (1, 2, 3):
        box.put_nowait(item)
    await box.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert sorted(done) == [1, 2, 3]


async def deadlock_task_done_forgotten_after_an_error():
    box = asyncio.Queue()

    async def work():
        while True:
            item = await box.get()
            if item:
                raise ValueError(item)
            box.task_done()

    worker = asyncio.create_task(work())
    box.put_nowait(1)
    await box.join()
    worker.cancel()


# ------------------------------------------------------ time and cancellation


async def race_cancelled_with_a_place():
    slots = asyncio.Semaphore(1)

    async def work():
        await slots.acquire()
        await asyncio.sleep(0)
        slots.release()

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([worker])
    assert not slots.locked()


async def ok_place_given_back_by_with():
    slots = asyncio.Semaphore(1)

    async def work():
        async with slots:
            await asyncio.sleep(0)

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([worker])
    assert not slots.locked()


async def race_time_out_in_the_middle():
    done = []

    async def work():
        done.append("begun")
        await asyncio.sleep(1)
        done.append("ended")

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work(), 1)
    assert done == ["begun", "ended"]


async def ok_a_shield_goes_on():
    done = []

    async def work():
        await asyncio.sleep(1)
        done.append(1)

    inner = asyncio.create_task(work())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(inner), 1)
    await inner
    assert done == [1]


async def race_gather_goes_on_after_the_first_error():
    log = []

    async def bad():
        raise ValueError

    async def good():
        await asyncio.sleep(0)
        log.append(1)

    try:
        await asyncio.gather(bad(), good())
    except ValueError:
        before = list(log)
        await asyncio.sleep(1)
        assert log == before


async def ok_a_group_has_ended():
    log = []

    async def bad():
        raise ValueError

    async def good():
        await asyncio.sleep(0)
        log.append(1)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bad())
            group.create_task(good())
    except* ValueError:
        before = list(log)
        await asyncio.sleep(1)
        assert log == before


async def exception_nobody_asks_for():
    async def bad():
        raise ValueError("no")

    asyncio.create_task(bad())
    await asyncio.sleep(1)


async def ok_cancellation_swallowed_once():
    turns = 0

    async def work():
        nonlocal turns
        while turns < 3:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                pass
            turns += 1

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([worker])


async def race_order_of_starting():
    order = []

    async def note(number):
        order.append(number)

    await asyncio.gather(note(1), note(2))
    assert order == [1, 2]


async def race_order_of_completion():
    async def work(number, seconds):
        await asyncio.sleep(seconds)
        return number

    order = [await each for each in asyncio.as_completed([work(1, 1), work(2, 2)])]
    assert order == [1, 2]


async def ok_results_in_order():
    async def work(number, seconds):
        await asyncio.sleep(seconds)
        return number

    assert await asyncio.gather(work(1, 2), work(2, 1)) == [1, 2]


# ------------------------------------------------------------------ to the end


async def ok_poll():
    flag = False

    async def set_it():
        nonlocal flag
        await asyncio.sleep(0)
        flag = True

    setter = asyncio.create_task(set_it())
    while not flag:
        await asyncio.sleep(0)
    await setter


async def livelock_nobody_sets_it():
    flag = False
    while not flag:
        await asyncio.sleep(0)


# ------------------------------------------------------------ parts of the language


async def ok_generators_and_comprehensions():
    async def numbers(most):
        for number in range(most):
            await asyncio.sleep(0)
            yield number

    got = [number async for number in numbers(3)]
    async for number in numbers(2):
        got.append(number)
    assert got == [0, 1, 2, 0, 1]


async def race_generator_shared():
    counter = itertools.count()
    got = []

    async def pages():
        while (page := next(counter)) < 3:
            await asyncio.sleep(0)
            yield page

    async def read():
        async for page in pages():
            got.append(page)

    await asyncio.gather(read(), read())
    assert got == [0, 1, 2]


@contextlib.asynccontextmanager
async def borrowed(pool):
    one = pool.pop()
    try:
        await asyncio.sleep(0)
        yield one
    finally:
        pool.append(one)


async def exception_pool_is_empty():
    pool = [1]

    async def use():
        async with borrowed(pool):
            pass

    await asyncio.gather(use(), use())


async def ok_pool_behind_a_semaphore():
    pool, places = [1], asyncio.Semaphore(1)

    async def use():
        async with places, borrowed(pool):
            pass

    await asyncio.gather(use(), use())
    assert pool == [1]


async def ok_limit_is_kept():
    places, inside, most = asyncio.Semaphore(2), 0, 0

    async def use():
        nonlocal inside, most
        async with places:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(use() for _ in range(3)))
    assert most <= 2


async def ok_a_barrier():
    gate, passed = asyncio.Barrier(2), []

    async def meet(number):
        await gate.wait()
        passed.append(number)

    await asyncio.gather(meet(1), meet(2))
    assert sorted(passed) == [1, 2]


async def ok_a_callback():
    log = []
    asyncio.get_running_loop().call_soon(log.append, 1)
    await asyncio.sleep(0.1)
    task = asyncio.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda done: log.append(2))
    await task
    assert log[:1] == [1] or not log


async def refused_a_thread():
    await asyncio.to_thread(print, 1)


async def refused_an_executor():
    await asyncio.get_running_loop().run_in_executor(None, time.monotonic)


async def refused_a_connection():
    await asyncio.open_connection("localhost", 80)


def refused_asyncio_in_a_plain_function():
    async def main():
        pass

    asyncio.run(main())
