"""A pool of processes that breaks just when it starts one more.

Before Python 3.14 `ProcessPoolExecutor` may overlook that one: it ends the others, since
one has died, and then waits for the end of all, for ever. A worker that is killed breaks a
pool, and so does an interrupt, which is for all processes of a kernel.
"""

from __future__ import annotations

import sys
from concurrent.futures import process
from functools import wraps
from typing import Any


def complete() -> None:
    """From now on a pool that is broken ends each of its processes before it waits for them."""
    if sys.version_info >= (3, 14):
        return
    manager: Any = process._ExecutorManagerThread  # type: ignore[attr-defined, unused-ignore]
    join = manager.join_executor_internals

    @wraps(join)
    def end_and_join(self: Any) -> None:
        executor = self.executor_reference()
        if executor is not None and executor._broken:  # it takes no more calls
            with self.shutdown_lock:  # now nobody is just starting one
                for worker in list(self.processes.values()):
                    worker.terminate()
        join(self)

    manager.join_executor_internals = end_and_join
