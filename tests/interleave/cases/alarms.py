"""B. Correct programs that must not be called wrong, beside twins that are wrong."""

# ruff: noqa
import collections
import queue
import threading
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from threading import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore, Thread

from programs_told import together as go


# ------------------------------------------------------------------ Future by hand


def ok_future_set_exception():
    """The error is stored, and handed to who asks."""
    f = Future()
    go(lambda: f.set_exception(KeyError("a")))
    assert isinstance(f.exception(), KeyError)


def ok_future_handed_over():
    """One thread waits for the result that another sets."""
    f, got = Future(), []
    go(lambda: got.append(f.result()), lambda: f.set_result(7))
    assert got == [7]


def deadlock_future_never_set():
    """Nobody sets the result."""
    f = Future()
    go(lambda: f.result(), lambda: f.done())


def exception_future_set_twice():
    """The second set_result raises InvalidStateError."""
    f = Future()
    go(lambda: f.set_result(1), lambda: f.set_result(2))


def exception_future_done_then_set():
    """Both may see that it is not done."""
    f = Future()

    def offer(value):
        if not f.done():
            f.set_result(value)

    go(lambda: offer(1), lambda: offer(2))


def ok_future_first_wins():
    """Who comes second is told, and accepts it."""
    f, late = Future(), []

    def offer(value):
        try:
            f.set_result(value)
        except InvalidStateError:
            late.append(value)

    go(lambda: offer(1), lambda: offer(2))
    assert sorted([f.result(), *late]) == [1, 2]


def exception_future_cancelled_meanwhile():
    """A future that was not announced as running may be cancelled before its result comes."""
    f = Future()
    go(lambda: f.cancel(), lambda: f.set_result(1))


def ok_future_announced():
    """set_running_or_notify_cancel decides, once, between running and cancelled."""
    f, ran = Future(), []

    def work():
        if f.set_running_or_notify_cancel():
            ran.append(1)
            f.set_result(1)

    go(work, f.cancel)
    assert f.cancelled() == (not ran)


def ok_future_callback():
    """The callback runs once, whether it is added before or after the result."""
    f, seen = Future(), []
    go(
        lambda: f.add_done_callback(lambda done: seen.append(done.result())),
        lambda: f.set_result(3),
    )
    assert seen == [3]


def race_future_callback_counts():
    """Callbacks of two futures run in two threads, and share a number."""
    futures, n = [Future(), Future()], [0]

    def count(_):
        n[0] += 1

    for f in futures:
        f.add_done_callback(count)
    go(lambda: futures[0].set_result(1), lambda: futures[1].set_result(2))
    assert n == [2]


# ------------------------------------------------ what people read of primitives


def ok_semaphore_value():
    """After all have given back, the value is as before."""
    s = Semaphore(2)

    def use():
        with s:
            pass

    go(use, use)
    assert s._value == 2


def race_semaphore_value_looked_at():
    """To look at the value is no way to take a slot."""
    s, inside, most = Semaphore(1), [], []

    def use():
        if s._value > 0:
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    go(use, use)
    assert max(most) == 1


def ok_queue_queue():
    """The deque of a queue, read at the end."""
    q = queue.Queue()
    go(lambda: q.put(1), lambda: q.put(2))
    assert sorted(q.queue) == [1, 2]


def ok_queue_cleared_under_its_mutex():
    """Emptied under the queue's own lock."""
    q = queue.Queue()
    q.put(1)

    def clear():
        with q.mutex:
            q.queue.clear()

    go(clear, clear)
    assert q.qsize() == 0


def deadlock_queue_queue_emptied():
    """Looked at, then taken: the other took it meanwhile."""
    q = queue.Queue()
    q.put(1)

    def take():
        if q.queue:
            q.get()

    go(take, take)


def ok_queue_unfinished():
    """unfinished_tasks goes back to nought."""
    q = queue.Queue()
    q.put(1)

    def work():
        q.get()
        q.task_done()

    go(work, q.join)
    assert q.unfinished_tasks == 0


def ok_event_names():
    """is_set and its old attribute say the same."""
    e = Event()
    go(e.set, e.wait)
    assert e.is_set() and e._flag


def ok_barrier_attributes():
    """parties, n_waiting and broken."""
    b = Barrier(2)
    go(b.wait, b.wait)
    assert (b.parties, b.n_waiting, b.broken) == (2, 0, False)


def ok_condition_waiters():
    """People look at how many wait, under the lock."""
    c, ready = Condition(), []

    def wait():
        with c:
            while not ready:
                c.wait()

    def wake():
        with c:
            ready.append(1)
            if len(c._waiters) > 0:
                c.notify()

    go(wait, wake)
    assert ready


def ok_thread_attributes():
    """Names, daemon, ident and current_thread."""
    seen = []

    def work():
        me = threading.current_thread()
        seen.append((me.name, me.daemon, me.is_alive(), me.ident == threading.get_ident()))

    t = Thread(target=work, name="worker")
    t.start()
    t.join()
    assert seen == [("worker", False, True, True)] and not t.is_alive()


def ok_ident_as_a_key():
    """What is kept by get_ident belongs to one thread, while all run."""
    kept, met = {}, Barrier(2)

    def work(value):
        kept[threading.get_ident()] = value
        met.wait()

    go(lambda: work(1), lambda: work(2))
    assert sorted(kept.values()) == [1, 2]


def ok_bounded_semaphore():
    """Given back as often as taken."""
    s = BoundedSemaphore(1)

    def use():
        s.acquire()
        s.release()

    go(use, use)


def exception_bounded_semaphore():
    """Given back once more than taken."""
    s = BoundedSemaphore(1)

    def use():
        s.acquire()
        s.release()
        s.release()

    go(use)


class Cell(threading.local):
    def __init__(self):
        self.n = 0


def ok_local_subclass():
    """Each thread has its own number, made by __init__ for it."""
    cell, seen = Cell(), []

    def add():
        cell.n += 1
        seen.append(cell.n)

    go(add, add)
    assert seen == [1, 1]


def ok_excepthook():
    """An own threading.excepthook is told of the error of a thread."""
    seen, before = [], threading.excepthook
    threading.excepthook = lambda args: seen.append(args.exc_type)
    try:
        go(lambda: int("x"))
    finally:
        threading.excepthook = before
    assert seen == [ValueError]


def ok_executor_attributes():
    """The pool's size, and what its futures tell."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        f = pool.submit(int, "4")
        assert f.result() == 4
    assert f.done() and not f.cancelled() and not f.running() and f.exception() is None


# ------------------------------------------------ subclasses of Queue


class Unique(queue.Queue):
    """Holds each item once."""

    def _init(self, maxsize):
        self.queue = []

    def _qsize(self):
        return len(self.queue)

    def _put(self, item):
        if item not in self.queue:
            self.queue.append(item)

    def _get(self):
        return self.queue.pop(0)


def ok_queue_of_unique_items():
    """_put looks and appends under the queue's lock."""
    q = Unique()
    go(lambda: q.put(1), lambda: q.put(1))
    assert q.qsize() == 1


def deadlock_queue_of_unique_items():
    """Two are put, one is kept: the second get waits for ever."""
    q = Unique()
    go(lambda: (q.put(1), q.put(1)), lambda: (q.get(), q.get()))


def race_queue_of_unique_items_looked_into():
    """Looking from outside and putting are two steps; a plain queue would hold both."""
    q = queue.Queue()

    def offer():
        if 1 not in q.queue:
            q.put(1)

    go(offer, offer)
    assert q.qsize() == 1


class Backwards(queue.Queue):
    def _get(self):
        return self.queue.pop()


def ok_queue_that_gets_the_last():
    """Only _get is overridden."""
    q, got = Backwards(), []
    go(lambda: q.put(1), lambda: got.append(q.get()))
    assert got == [1]


class Counting(queue.Queue):
    def _init(self, maxsize):
        super()._init(maxsize)
        self.total = 0

    def _put(self, item):
        super()._put(item)
        self.total += 1


def ok_queue_that_counts():
    """Counting in _put happens under the queue's lock."""
    q = Counting()
    go(lambda: q.put(1), lambda: q.put(2))
    assert q.total == 2


class CountingOutside(queue.Queue):
    total = 0

    def put(self, item):
        super().put(item)
        self.total += 1


def race_queue_that_counts_outside():
    """Counting in put happens after the queue's lock was given back."""
    q = CountingOutside()
    go(lambda: q.put(1), lambda: q.put(2))
    assert q.total == 2


# ------------------------------------------------ super() in containers


class Loud(dict):
    def __setitem__(self, key, value):
        super().__setitem__(key, value)

    def __getitem__(self, key):
        return super().__getitem__(key)


def ok_super_in_a_dict():
    """Two keys, one step each."""
    d = Loud()

    def put(key):
        d[key] = 1

    go(lambda: put("a"), lambda: put("b"))
    assert len(d) == 2


def race_super_in_a_dict():
    """+= through super() is two steps still."""
    d = Loud(n=0)

    def add():
        d["n"] += 1

    go(add, add)
    assert d["n"] == 2


class Once(set):
    def add(self, item):
        if item not in self:
            super().add(item)
            return True
        return False


def race_super_in_a_set():
    """The look and the add of a subclass are two steps."""
    s, n = Once(), []

    def claim():
        if s.add(1):
            n.append(1)

    go(claim, claim)
    assert len(n) == 1


class Defaulting(dict):
    def __missing__(self, key):
        self[key] = value = [key]
        return value


def race_missing():
    """__missing__ is Python code: two may make a list for one key."""
    d, got = Defaulting(), []
    go(lambda: got.append(d["k"]), lambda: got.append(d["k"]))
    assert got[0] is got[1]


class Recent(collections.OrderedDict):
    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        if len(self) > 1:
            self.popitem(last=False)


def ok_super_in_an_ordereddict_locked():
    """A bounded mapping whose users hold a lock."""
    d, lock = Recent(), Lock()

    def put(key):
        with lock:
            d[key] = 1

    go(lambda: put("a"), lambda: put("b"))
    assert len(d) == 1


def race_super_in_an_ordereddict():
    """Without the lock, both may see two and remove both."""
    d = Recent()

    def put(key):
        d[key] = 1

    go(lambda: put("a"), lambda: put("b"))
    assert len(d) == 1


class Pile(collections.deque):
    def append(self, item):
        super().append(item)


def ok_super_in_a_deque():
    """append is one step of the deque."""
    d = Pile()
    go(lambda: d.append(1), lambda: d.append(2))
    assert sorted(d) == [1, 2]


class Named(Thread):
    def __init__(self, box):
        super().__init__()
        self.box = box

    def run(self):
        self.box[0] += 1


def race_super_in_a_thread():
    """A subclass of Thread."""
    box = [0]
    threads = [Named(box), Named(box)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box == [2]


# ------------------------------------------------ start from two threads


def ok_started_by_who_comes_first():
    """One of the two start() raises, and that is expected."""
    ran, late = [], []
    t = Thread(target=lambda: ran.append(1))

    def start():
        try:
            t.start()
        except RuntimeError:
            late.append(1)

    go(start, start)
    t.join()
    assert ran == [1] and late == [1]


def exception_started_if_not_alive():
    """Both may see that it does not run yet."""
    t = Thread(target=int)

    def start():
        if not t.is_alive():
            t.start()

    go(start, start)


def ok_started_once_under_a_lock():
    """A flag and a lock."""
    lock, started, ran = Lock(), [], []
    t = Thread(target=lambda: ran.append(1))

    def start():
        with lock:
            if not started:
                started.append(1)
                t.start()

    go(start, start)
    t.join()
    assert ran == [1]


def exception_joined_before_it_started():
    """join of a thread that was not started raises."""
    t = Thread(target=int)
    go(t.start, t.join)


# ------------------------------------------------ the order of id and hash


class Account:
    def __init__(self, name, amount):
        self.name, self.amount, self.lock = name, amount, Lock()


def _moved(first, second, one, two):
    with first.lock:
        with second.lock:
            one.amount -= 1
            two.amount += 1


def ok_accounts_by_id():
    """if id(a) < id(b): the textbook's way to order."""
    a, b = Account("a", 5), Account("b", 5)

    def move(one, two):
        if id(one) < id(two):
            _moved(one, two, one, two)
        else:
            _moved(two, one, one, two)

    go(lambda: move(a, b), lambda: move(b, a))
    assert a.amount + b.amount == 10


def ok_accounts_by_hash():
    """hash() of plain objects does not change while they live."""
    a, b = Account("a", 5), Account("b", 5)

    def move(one, two):
        first, second = sorted((one, two), key=hash)
        _moved(first, second, one, two)

    go(lambda: move(a, b), lambda: move(b, a))
    assert a.amount + b.amount == 10


def ok_accounts_by_name():
    """Names that differ."""
    a, b = Account("a", 5), Account("b", 5)

    def move(one, two):
        first, second = sorted((one, two), key=lambda account: account.name)
        _moved(first, second, one, two)

    go(lambda: move(a, b), lambda: move(b, a))
    assert a.amount + b.amount == 10


def deadlock_accounts_by_equal_names():
    """Names that are equal leave the order of the arguments."""
    a, b = Account("a", 5), Account("a", 5)

    def move(one, two):
        first, second = sorted((one, two), key=lambda account: account.name)
        _moved(first, second, one, two)

    go(lambda: move(a, b), lambda: move(b, a))


def deadlock_accounts_as_given():
    """Each takes its own first."""
    a, b = Account("a", 5), Account("b", 5)
    go(lambda: _moved(a, b, a, b), lambda: _moved(b, a, b, a))


def ok_locks_by_id_of_three():
    """Three locks, any two of them at a time."""
    locks = [Lock(), Lock(), Lock()]

    def both(i, j):
        first, second = sorted((locks[i], locks[j]), key=lambda lock: id(lock))
        with first, second:
            pass

    go(lambda: both(0, 1), lambda: both(1, 2), lambda: both(2, 0))


def ok_kept_by_id():
    """A table by id of objects that live."""
    a, b, table = Account("a", 1), Account("b", 2), {}

    def note(account):
        table[id(account)] = account

    go(lambda: note(a), lambda: note(b))
    assert table[id(a)] is a and table[id(b)] is b


def ok_rlock_reentered():
    """A method that calls another, both under the same lock."""
    lock, n = RLock(), [0]

    def inner():
        with lock:
            n[0] += 1

    def outer():
        with lock:
            inner()

    go(outer, outer)
    assert n == [2]


def deadlock_lock_reentered():
    """The same with a Lock waits for itself."""
    lock, n = Lock(), [0]

    def inner():
        with lock:
            n[0] += 1

    def outer():
        with lock:
            inner()

    go(outer)
