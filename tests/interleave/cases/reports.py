"""Programs rebuilt from the kinds of public bug reports, broken and repaired."""

# ruff: noqa
import collections
import contextlib
import functools
import heapq
import logging
import queue
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Condition, Event, Lock, RLock, Semaphore, Thread, Timer

from programs_told import together as go


# 1 ------------------------------------------------ connection pool


class Pool:
    def __init__(self, size):
        self._lock, self._free, self.made, self.size = Lock(), [], 0, size

    def get_careless(self):
        if self._free:
            return self._free.pop()
        if self.made < self.size:
            self.made += 1
            return object()
        raise LookupError("the pool is empty")

    def get(self):
        with self._lock:
            return self.get_careless()


def race_pool_grows_too_far():
    """Two see room for one more connection, and one number is lost or both are made."""
    pool, got = Pool(1), []

    def use():
        try:
            got.append(pool.get_careless())
        except LookupError:
            pass

    go(use, use)
    assert len(got) == 1


def ok_pool_locked():
    """Looking and making under one lock."""
    pool, got = Pool(1), []

    def use():
        try:
            got.append(pool.get())
        except LookupError:
            pass

    go(use, use)
    assert len(got) == 1


# 2 ------------------------------------------------ pool by semaphore


def ok_pool_by_semaphore():
    """As many as there are slots; deque operations are one step each."""
    slots, free, out = Semaphore(1), collections.deque(["c"]), []

    def use():
        with slots:
            c = free.popleft()
            out.append(c)
            free.append(c)

    go(use, use)
    assert out == ["c", "c"]


def exception_pool_slot_back_too_early():
    """The slot is given back before the connection is."""
    slots, free = Semaphore(1), collections.deque(["c"])

    def use():
        slots.acquire()
        c = free.popleft()
        slots.release()
        free.append(c)

    go(use, use)


# 3 ------------------------------------------------ LRU cache


class LRU:
    def __init__(self, size):
        self.size, self.data, self.lock = size, collections.OrderedDict(), RLock()

    def get(self, key):
        if key not in self.data:
            return None
        self.data.move_to_end(key)
        return self.data[key]

    def put(self, key, value):
        self.data[key] = value
        if len(self.data) > self.size:
            self.data.popitem(last=False)

    def get_locked(self, key):
        with self.lock:
            return self.get(key)

    def put_locked(self, key, value):
        with self.lock:
            self.put(key, value)


def exception_lru_evicted_while_read():
    """The key is evicted between the look and move_to_end."""
    cache = LRU(1)
    cache.put("a", 1)
    go(lambda: cache.get("a"), lambda: cache.put("b", 2))


def ok_lru_locked():
    """Both under the cache's RLock."""
    cache = LRU(1)
    cache.put("a", 1)
    go(lambda: cache.get_locked("a"), lambda: cache.put_locked("b", 2))
    assert list(cache.data) == ["b"]


# 4 ------------------------------------------------ lazy init


class Lazy:
    def __init__(self):
        self._client, self._lock, self.made = None, Lock(), []

    def careless(self):
        if self._client is None:
            self.made.append(1)
            self._client = {"ready": True}
        return self._client

    def half_built(self):
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = {}
                    self._client["ready"] = True
        return self._client

    def right(self):
        if self._client is None:
            with self._lock:
                if self._client is None:
                    client = {}
                    client["ready"] = True
                    self._client = client
        return self._client


def race_lazy_client():
    """Two clients are made."""
    lazy = Lazy()
    go(lazy.careless, lazy.careless)
    assert len(lazy.made) == 1


def exception_lazy_published_half_built():
    """The object can be seen before it is complete: double-checked locking done wrong."""
    lazy = Lazy()
    go(lambda: lazy.half_built()["ready"], lambda: lazy.half_built()["ready"])


def ok_lazy_double_checked():
    """Built first, published afterwards."""
    lazy, got = Lazy(), []
    go(lambda: got.append(lazy.right()["ready"]), lambda: got.append(lazy.right()["ready"]))
    assert got == [True, True]


# 5 ------------------------------------------------ reader-writer lock


class ReadWrite:
    def __init__(self):
        self.readers, self.count_lock, self.write_lock = 0, Lock(), Lock()

    @contextlib.contextmanager
    def reading(self):
        with self.count_lock:
            self.readers += 1
            if self.readers == 1:
                self.write_lock.acquire()
        try:
            yield
        finally:
            with self.count_lock:
                self.readers -= 1
                if self.readers == 0:
                    self.write_lock.release()

    @contextlib.contextmanager
    def reading_careless(self):
        with self.count_lock:
            self.readers += 1
            first = self.readers == 1
        if first:
            self.write_lock.acquire()
        yield
        with self.count_lock:
            self.readers -= 1
            if self.readers == 0:
                self.write_lock.release()


def ok_read_write_lock():
    """A reader never sees half of a write."""
    rw, pair, seen = ReadWrite(), [0, 0], []

    def read():
        with rw.reading():
            seen.append(pair[0] == pair[1])

    def write():
        with rw.write_lock:
            pair[0] = 1
            pair[1] = 1

    go(read, write)
    assert seen == [True]


def race_second_reader_does_not_wait():
    """The second reader goes in, though the first still waits for the writer."""
    rw, pair, seen = ReadWrite(), [0, 0], []

    def read():
        with rw.reading_careless():
            seen.append(pair[0] == pair[1])

    def write():
        with rw.write_lock:
            pair[0] = 1
            pair[1] = 1

    go(write, read, read)
    assert all(seen)


def deadlock_read_then_write():
    """A reader that wants to write waits for itself."""
    rw = ReadWrite()

    def upgrade():
        with rw.reading():
            with rw.write_lock:
                pass

    go(upgrade)


# 6 ------------------------------------------------ executor


def deadlock_pool_waits_for_itself():
    """A task waits for a task that has no worker."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: pool.submit(int, "1").result()).result()


def ok_pool_two_workers():
    """With a second worker the inner task gets its turn."""
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(lambda: pool.submit(int, "1").result()).result() == 1


def exception_submit_after_shutdown():
    """One submits while the other shuts down."""
    pool = ThreadPoolExecutor(1)
    go(lambda: pool.submit(int), lambda: pool.shutdown(wait=False))


# 7 ------------------------------------------------ scheduler


class Schedule:
    def __init__(self):
        self.jobs, self.cond, self.done = [], Condition(), []

    def add(self, at, name):
        with self.cond:
            heapq.heappush(self.jobs, (at, name))
            self.cond.notify()

    def add_silent(self, at, name):
        with self.cond:
            heapq.heappush(self.jobs, (at, name))

    def take(self):
        with self.cond:
            while not self.jobs:
                self.cond.wait()
            self.done.append(heapq.heappop(self.jobs)[1])


def ok_scheduler():
    """Added under the lock and notified."""
    s = Schedule()
    go(s.take, lambda: s.add(1, "a"))
    assert s.done == ["a"]


def deadlock_scheduler_without_notify():
    """Added, and nobody is told."""
    s = Schedule()
    go(s.take, lambda: s.add_silent(1, "a"))


# 8 ------------------------------------------------ rate limiter


class Limiter:
    def __init__(self, most):
        self.most, self.lock, self.n, self.start = most, Lock(), 0, time.monotonic()

    def allow_careless(self):
        if self.n < self.most:
            self.n += 1
            return True
        return False

    def allow(self):
        with self.lock:
            return self.allow_careless()


def race_limiter():
    """Two see that one is left."""
    limiter, let = Limiter(1), []
    go(lambda: let.append(limiter.allow_careless()), lambda: let.append(limiter.allow_careless()))
    assert sum(let) == 1


def ok_limiter():
    """Looking and counting under one lock."""
    limiter, let = Limiter(1), []
    go(lambda: let.append(limiter.allow()), lambda: let.append(limiter.allow()))
    assert sum(let) == 1


# 9 ------------------------------------------------ publish and subscribe


class Topic:
    def __init__(self):
        self.handlers, self.lock = {}, Lock()

    def subscribe(self, name, handler):
        with self.lock:
            self.handlers[name] = handler

    def publish_careless(self, message):
        for handler in self.handlers.values():
            handler(message)

    def publish(self, message):
        with self.lock:
            handlers = list(self.handlers.values())
        for handler in handlers:
            handler(message)

    def publish_holding(self, message):
        with self.lock:
            for handler in self.handlers.values():
                handler(message)


def exception_subscribed_while_publishing():
    """The dict grows while the loop runs over it."""
    topic, got = Topic(), []
    topic.subscribe("a", got.append)
    go(lambda: topic.publish_careless(1), lambda: topic.subscribe("b", got.append))


def ok_publish_to_a_copy():
    """The loop runs over a copy made under the lock."""
    topic, got = Topic(), []
    topic.subscribe("a", got.append)
    go(lambda: topic.publish(1), lambda: topic.subscribe("b", got.append))
    assert got


def deadlock_handler_subscribes():
    """A handler that is called under the lock wants the lock."""
    topic = Topic()
    topic.subscribe("a", lambda message: topic.subscribe("b", print))
    go(lambda: topic.publish_holding(1))


# 10 ------------------------------------------------ observers


def race_observer_removed_while_notified():
    """A list that shrinks under the loop: one observer is left out."""
    observers, seen = ["a", "b", "c"], []

    def notify():
        for each in observers:
            seen.append(each)

    go(notify, lambda: observers.remove("a"))
    assert "b" in seen and "c" in seen


def ok_observers_replaced():
    """The list is never changed: a new one takes its place."""
    state, seen = {"all": ("a", "b")}, []

    def notify():
        for each in state["all"]:
            seen.append(each)

    def remove():
        state["all"] = ("b",)

    go(notify, remove)
    assert "b" in seen


# 11 ------------------------------------------------ reference counts


class Shared:
    def __init__(self):
        self.n, self.lock, self.closed = 2, Lock(), []

    def drop_careless(self):
        self.n -= 1
        if self.n == 0:
            self.closed.append(1)

    def drop_looks_late(self):
        with self.lock:
            self.n -= 1
        if self.n == 0:
            self.closed.append(1)

    def drop(self):
        with self.lock:
            self.n -= 1
            last = self.n == 0
        if last:
            self.closed.append(1)


def race_refcount_lost():
    """Both read two."""
    s = Shared()
    go(s.drop_careless, s.drop_careless)
    assert s.closed == [1]


def race_refcount_closed_twice():
    """Both see nought after the lock was given back."""
    s = Shared()
    go(s.drop_looks_late, s.drop_looks_late)
    assert s.closed == [1]


def ok_refcount():
    """The last one is known under the lock."""
    s = Shared()
    go(s.drop, s.drop)
    assert s.closed == [1]


# 12 ------------------------------------------------ shutdown


def race_closed_twice():
    """Both see that it is open."""
    state, closed = {"open": True}, []

    def close():
        if state["open"]:
            state["open"] = False
            closed.append(1)

    go(close, close)
    assert closed == [1]


def ok_closed_once_by_pop():
    """dict.pop is one step: one gets it."""
    state, closed = {"open": True}, []

    def close():
        if state.pop("open", False):
            closed.append(1)

    go(close, close)
    assert closed == [1]


def deadlock_stop_lost():
    """The worker clears the flag that told it to stop."""
    wake, state = Event(), {"stop": False}

    def work():
        while not state["stop"]:
            wake.wait()
            wake.clear()
            if state["stop"]:
                return

    def stop():
        wake.set()
        state["stop"] = True

    go(work, stop)


def ok_stop_by_sentinel():
    """None at the end of the queue."""
    q, got = queue.Queue(), []

    def work():
        while (item := q.get()) is not None:
            got.append(item)

    def send():
        q.put(1)
        q.put(None)

    go(work, send)
    assert got == [1]


def deadlock_one_sentinel_for_two():
    """Two workers, one sentinel."""
    q = queue.Queue()

    def work():
        while q.get() is not None:
            pass

    go(work, work, lambda: q.put(None))


def ok_sentinel_passed_on():
    """Who gets the sentinel puts it back for the next."""
    q = queue.Queue()

    def work():
        while q.get() is not None:
            pass
        q.put(None)

    go(work, work, lambda: q.put(None))


# 13 ------------------------------------------------ callbacks of futures


class Promise:
    def __init__(self):
        self.done, self.value, self.callbacks, self.lock = False, None, [], Lock()

    def then_careless(self, callback):
        if self.done:
            callback(self.value)
        else:
            self.callbacks.append(callback)

    def resolve_careless(self, value):
        self.value = value
        self.done = True
        for callback in self.callbacks:
            callback(value)

    def then(self, callback):
        with self.lock:
            if not self.done:
                self.callbacks.append(callback)
                return
        callback(self.value)

    def resolve(self, value):
        with self.lock:
            self.value, self.done = value, True
            callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback(value)


def race_callback_never_called():
    """Seen as not done, and added after all were called."""
    p, got = Promise(), []
    go(lambda: p.then_careless(got.append), lambda: p.resolve_careless(1))
    assert got == [1]


def ok_callback_called_once():
    """Adding and resolving under one lock."""
    p, got = Promise(), []
    go(lambda: p.then(got.append), lambda: p.resolve(1))
    assert got == [1]


# 14 ------------------------------------------------ bounded buffer


class Buffer:
    def __init__(self, size):
        self.size, self.items, self.cond = size, [], Condition()

    def put(self, item):
        with self.cond:
            while len(self.items) == self.size:
                self.cond.wait()
            self.items.append(item)
            self.cond.notify_all()

    def put_if(self, item):
        with self.cond:
            if len(self.items) == self.size:
                self.cond.wait()
            self.items.append(item)
            self.cond.notify_all()

    def get(self):
        with self.cond:
            while not self.items:
                self.cond.wait()
            item = self.items.pop(0)
            self.cond.notify_all()
            return item

    def get_if(self):
        with self.cond:
            if not self.items:
                self.cond.wait()
            item = self.items.pop(0)
            self.cond.notify_all()
            return item


def ok_buffer():
    """while around each wait."""
    b, got = Buffer(1), []
    go(lambda: (b.put(1), b.put(2)), lambda: (got.append(b.get()), got.append(b.get())))
    assert got == [1, 2]


def exception_buffer_if():
    """if around the wait: two wake up for one item."""
    b = Buffer(2)

    go(b.get_if, b.get_if, lambda: (b.put(1), b.put(2)))


# 15 ------------------------------------------------ counters


class Count:
    def __init__(self):
        self._n, self._lock = 0, Lock()

    @property
    def value(self):
        with self._lock:
            return self._n

    @value.setter
    def value(self, new):
        with self._lock:
            self._n = new

    def add(self):
        with self._lock:
            self._n += 1


def race_counter_by_property():
    """Reading and writing are locked, each by itself."""
    c = Count()

    def add():
        c.value += 1

    go(add, add)
    assert c.value == 2


def ok_counter_by_method():
    """The lock is held from the read to the write."""
    c = Count()
    go(c.add, c.add)
    assert c.value == 2


# 16 ------------------------------------------------ memoize with a lock per key


class Memo:
    def __init__(self):
        self.values, self.locks, self.calls, self.lock = {}, {}, [], Lock()

    def get_careless(self, key):
        if key not in self.locks:
            self.locks[key] = Lock()
        with self.locks[key]:
            if key not in self.values:
                self.calls.append(key)
                self.values[key] = key
        return self.values[key]

    def get(self, key):
        with self.lock:
            lock = self.locks.setdefault(key, Lock())
        with lock:
            if key not in self.values:
                self.calls.append(key)
                self.values[key] = key
        return self.values[key]


def race_memo_two_locks_for_a_key():
    """Two locks are made for one key."""
    m = Memo()
    go(lambda: m.get_careless("a"), lambda: m.get_careless("a"))
    assert m.calls == ["a"]


def ok_memo_lock_for_each_key():
    """The table of locks has a lock of its own."""
    m = Memo()
    go(lambda: m.get("a"), lambda: m.get("a"))
    assert m.calls == ["a"]


# 17 ------------------------------------------------ work stealing


def exception_stolen_last_item():
    """Owner and thief see one item."""
    mine = collections.deque([1])

    def own():
        while mine:
            mine.pop()

    def steal():
        if mine:
            mine.popleft()

    go(own, steal)


def ok_stealing_by_trying():
    """Who finds nothing goes on."""
    mine, did = collections.deque([1, 2]), []

    def own():
        with contextlib.suppress(IndexError):
            did.append(mine.pop())

    def steal():
        with contextlib.suppress(IndexError):
            did.append(mine.popleft())

    go(own, steal)
    assert sorted(did) == [1, 2]


# 18 ------------------------------------------------ numbers given out


class Ids:
    last = 0
    lock = Lock()

    @classmethod
    def careless(cls):
        cls.last += 1
        return cls.last

    @classmethod
    def next(cls):
        with cls.lock:
            cls.last += 1
            return cls.last

    @classmethod
    def returned_outside(cls):
        with cls.lock:
            cls.last += 1
        return cls.last


def race_ids():
    """The same number twice."""
    got = []
    go(lambda: got.append(Ids.careless()), lambda: got.append(Ids.careless()))
    assert sorted(got) == [1, 2]


def race_ids_returned_outside():
    """Counted under the lock, read again after it."""
    got = []
    go(lambda: got.append(Ids.returned_outside()), lambda: got.append(Ids.returned_outside()))
    assert len(set(got)) == 2


def ok_ids():
    """Counted and read under the lock."""
    got = []
    go(lambda: got.append(Ids.next()), lambda: got.append(Ids.next()))
    assert sorted(got) == [1, 2]


# 19 ------------------------------------------------ once


class Once:
    def __init__(self):
        self.done, self.lock = False, Lock()

    def do_early(self, function):
        with self.lock:
            if self.done:
                return
            self.done = True
        function()

    def do(self, function):
        with self.lock:
            if not self.done:
                function()
                self.done = True


def race_once_marked_too_early():
    """The second returns before the first has done it."""
    once, state, seen = Once(), [], []

    def use():
        once.do_early(lambda: state.append(1))
        seen.append(len(state))

    go(use, use)
    assert seen == [1, 1]


def ok_once():
    """The second waits for the first."""
    once, state, seen = Once(), [], []

    def use():
        once.do(lambda: state.append(1))
        seen.append(len(state))

    go(use, use)
    assert seen == [1, 1]


# 20 ------------------------------------------------ latch


class Latch:
    def __init__(self, n):
        self.n, self.cond = n, Condition()

    def down(self):
        with self.cond:
            self.n -= 1
            if self.n == 0:
                self.cond.notify_all()

    def down_careless(self):
        self.n -= 1
        if self.n == 0:
            with self.cond:
                self.cond.notify_all()

    def wait(self):
        with self.cond:
            while self.n > 0:
                self.cond.wait()


def ok_latch():
    """Counted down under the lock."""
    latch = Latch(2)
    go(latch.down, latch.down, latch.wait)
    assert latch.n == 0


def deadlock_latch_careless():
    """A lost count: nobody comes to nought."""
    latch = Latch(2)
    go(latch.down_careless, latch.down_careless, latch.wait)


# 21 ------------------------------------------------ phases


def ok_barrier_phases():
    """All have written before anyone reads."""
    met, x, seen = Barrier(2), [0, 0], []

    def work(me):
        x[me] = 1
        met.wait()
        seen.append(x[1 - me])

    go(lambda: work(0), lambda: work(1))
    assert seen == [1, 1]


def race_phases_without_barrier():
    """Read before the other has written."""
    x, seen = [0, 0], []

    def work(me):
        x[me] = 1
        seen.append(x[1 - me])

    go(lambda: work(0), lambda: work(1))
    assert seen == [1, 1]


def deadlock_barrier_of_three():
    """Two come to a barrier for three."""
    met = Barrier(3)
    go(met.wait, met.wait)


def race_home_made_barrier():
    """A home-made barrier that the first opens instead of the last."""
    state, lock, full, x, seen = {"n": 0}, Lock(), Event(), [0, 0], []

    def work(me):
        x[me] = 1
        with lock:
            state["n"] += 1
            n = state["n"]
        if n == 1:
            full.set()
        full.wait()
        seen.append(x[1 - me])

    go(lambda: work(0), lambda: work(1))
    assert seen == [1, 1]


# 22 ------------------------------------------------ timers


def race_timer_cancelled_too_late():
    """cancel may come after the time is over."""
    fired = []
    t = Timer(1, lambda: fired.append(1))
    t.start()
    t.cancel()
    t.join()
    assert not fired


def ok_timer_at_most_once():
    """It fires once or is cancelled."""
    fired = []
    t = Timer(1, lambda: fired.append(1))
    t.start()
    t.cancel()
    t.join()
    assert len(fired) <= 1


def race_timer_reset():
    """Restarted by two, and the first timer is forgotten."""
    state = {"timers": 0}

    def restart():
        state["timers"] = state["timers"] + 1

    a, b = Timer(1, restart), Timer(1, restart)
    a.start()
    b.start()
    a.join()
    b.join()
    assert state["timers"] == 2


# 23 ------------------------------------------------ bank


class Account:
    def __init__(self, amount):
        self.amount, self.lock = amount, Lock()

    def take_careless(self, n):
        if self.amount >= n:
            self.amount -= n
            return True
        return False

    def take(self, n):
        with self.lock:
            return self.take_careless(n)


def race_overdrawn():
    """Both see that there is enough."""
    a, got = Account(1), []
    go(lambda: got.append(a.take_careless(1)), lambda: got.append(a.take_careless(1)))
    assert sum(got) == 1


def ok_not_overdrawn():
    """Looking and taking under one lock."""
    a, got = Account(1), []
    go(lambda: got.append(a.take(1)), lambda: got.append(a.take(1)))
    assert sum(got) == 1 and a.amount == 0


def race_audit_between():
    """An audit between taking and giving misses money."""
    a, b, seen = Account(1), Account(1), []

    def move():
        with a.lock:
            a.amount -= 1
        with b.lock:
            b.amount += 1

    def audit():
        with a.lock, b.lock:
            seen.append(a.amount + b.amount)

    go(move, audit)
    assert seen == [2]


# 24 ------------------------------------------------ context and dict of workers


def exception_workers_changed_while_joined():
    """Workers take themselves out of the dict over which another loops."""
    workers = {"a": 1, "b": 2}

    def look():
        for name in workers:
            workers.get(name)

    go(look, lambda: workers.pop("a"))


def ok_workers_copied():
    """list() of a dict is one step."""
    workers, seen = {"a": 1, "b": 2}, []

    def look():
        for name in list(workers):
            seen.append(workers.get(name))

    go(look, lambda: workers.pop("a"))
    assert seen[-1] == 2


# 25 ------------------------------------------------ metrics


def race_metrics_reset():
    """Read and reset are two steps: what is counted between them is lost."""
    n, lock, told = [0], Lock(), []

    def add():
        with lock:
            n[0] += 1

    def flush():
        told.append(n[0])
        n[0] = 0

    go(add, flush)
    assert told[0] + n[0] == 1


def ok_metrics_reset_locked():
    """Read and reset under the lock."""
    n, lock, told = [0], Lock(), []

    def add():
        with lock:
            n[0] += 1

    def flush():
        with lock:
            told.append(n[0])
            n[0] = 0

    go(add, flush)
    assert told[0] + n[0] == 1


# 26 ------------------------------------------------ a lock and an exception


def deadlock_lock_kept_after_an_error():
    """acquire, an error, and no release."""
    lock = Lock()

    def work(text):
        lock.acquire()
        try:
            int(text)
        except ValueError:
            return
        lock.release()

    go(lambda: work("x"), lambda: work("1"))


def ok_lock_given_back_after_an_error():
    """with gives the lock back."""
    lock = Lock()

    def work(text):
        with lock:
            try:
                int(text)
            except ValueError:
                return

    go(lambda: work("x"), lambda: work("1"))


# 27 ------------------------------------------------ single flight


class Flight:
    def __init__(self):
        self.lock, self.calls, self.flying = Lock(), [], {}

    def do(self, key):
        with self.lock:
            future = self.flying.get(key)
            mine = future is None
            if mine:
                future = self.flying[key] = Future()
        if mine:
            self.calls.append(key)
            future.set_result(key.upper())
        return future.result()

    def do_careless(self, key):
        future = self.flying.get(key)
        if future is None:
            future = self.flying[key] = Future()
            self.calls.append(key)
            future.set_result(key.upper())
        return future.result()


def ok_single_flight():
    """The second waits for the first's future."""
    f, got = Flight(), []
    go(lambda: got.append(f.do("a")), lambda: got.append(f.do("a")))
    assert got == ["A", "A"] and f.calls == ["a"]


def race_single_flight():
    """Both find no flight."""
    f = Flight()
    go(lambda: f.do_careless("a"), lambda: f.do_careless("a"))
    assert f.calls == ["a"]


# 28 ------------------------------------------------ a daemon and the end


def race_daemon_not_joined():
    """Nobody waits for the daemon: the result may be missing."""
    got = []
    Thread(target=lambda: got.append(1), daemon=True).start()
    assert got == [1]


def ok_daemon_joined():
    """The queue is joined: all is done."""
    q, got = queue.Queue(), []

    def work():
        while True:
            got.append(q.get())
            q.task_done()

    Thread(target=work, daemon=True).start()
    q.put(1)
    q.join()
    assert got == [1]


def race_task_done_too_early():
    """task_done before the work."""
    q, got = queue.Queue(), []

    def work():
        while True:
            item = q.get()
            q.task_done()
            got.append(item)

    Thread(target=work, daemon=True).start()
    q.put(1)
    q.join()
    assert got == [1]


# 29 ------------------------------------------------ copy on write


def race_copy_on_write():
    """Two writers copy the same old table."""
    state = {"routes": ()}

    def add(route):
        state["routes"] = (*state["routes"], route)

    go(lambda: add("a"), lambda: add("b"))
    assert len(state["routes"]) == 2


def ok_copy_on_write_locked():
    """Writers take turns, readers need no lock."""
    state, lock, seen = {"routes": ()}, Lock(), []

    def add(route):
        with lock:
            state["routes"] = (*state["routes"], route)

    go(lambda: add("a"), lambda: add("b"), lambda: seen.append(len(state["routes"])))
    assert len(state["routes"]) == 2 and seen[0] in (0, 1, 2)


# 30 ------------------------------------------------ registry of weak references


class Item:
    pass


def race_weak_registry():
    """Looked for and then registered."""
    registry, got, keep = weakref.WeakValueDictionary(), [], []

    def get():
        item = registry.get("k")
        if item is None:
            item = Item()
            keep.append(item)
            registry["k"] = item
        got.append(item)

    go(get, get)
    assert got[0] is got[1]


def ok_weak_registry_locked():
    """The same under a lock."""
    registry, got, keep, lock = weakref.WeakValueDictionary(), [], [], Lock()

    def get():
        with lock:
            item = registry.get("k")
            if item is None:
                item = Item()
                keep.append(item)
                registry["k"] = item
            got.append(item)

    go(get, get)
    assert got[0] is got[1]


# 31 ------------------------------------------------ two conditions, one lock


class TwoConditions:
    def __init__(self):
        self.lock, self.items = Lock(), []
        self.not_empty, self.not_full = Condition(self.lock), Condition(self.lock)

    def put(self, item):
        with self.not_full:
            while self.items:
                self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()

    def put_wrong_bell(self, item):
        with self.not_full:
            while self.items:
                self.not_full.wait()
            self.items.append(item)
            self.not_full.notify()

    def get(self):
        with self.not_empty:
            while not self.items:
                self.not_empty.wait()
            item = self.items.pop()
            self.not_full.notify()
            return item


def ok_two_conditions():
    """Each side rings the other's bell."""
    t, got = TwoConditions(), []
    go(lambda: (t.put(1), t.put(2)), lambda: (got.append(t.get()), got.append(t.get())))
    assert got == [1, 2]


def deadlock_wrong_bell():
    """put rings its own bell."""
    t = TwoConditions()
    go(lambda: t.put_wrong_bell(1), t.get)


# 32 ------------------------------------------------ a pipeline with a result list


def race_results_by_position():
    """Results by the order in which they come."""
    got = []
    go(lambda: got.append("a"), lambda: got.append("b"))
    assert got == ["a", "b"]


def ok_results_by_index():
    """Each writes into its own place."""
    got = [None, None]

    def work(i):
        got[i] = "ab"[i]

    go(lambda: work(0), lambda: work(1))
    assert got == ["a", "b"]


def ok_results_by_map():
    """A pool's map gives them in order."""
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(str, [1, 2])) == ["1", "2"]


def deadlock_bounded_pipeline():
    """Two bounded queues in a circle, each full."""
    a, b = queue.Queue(1), queue.Queue(1)

    def forth():
        a.put(1)
        a.put(2)
        b.get()

    def back():
        b.put(1)
        b.put(2)
        a.get()

    go(forth, back)
