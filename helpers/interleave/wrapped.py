"""What `functools` keeps between calls, inside an exploration: caches, and properties that stay."""

from __future__ import annotations

import functools
from collections import OrderedDict
from typing import Any

from .hooks import hooks
from .step import Site
from .things import Twin, item_of
from .twins import now


class Cached(Twin):
    """A function with a cache: while it works out a value, another thread may do the same.

    As CPython's: the cache itself stays whole, the function may be called twice
    for one key, and each call gives back what it has worked out.
    """

    def __init__(self, real: Any) -> None:
        self.real = real
        parameters = real.cache_parameters()
        self.most, self.typed = parameters["maxsize"], parameters["typed"]
        self.values: OrderedDict[Any, Any] = OrderedDict()
        self.hits = self.misses = 0

    def state(self) -> str:
        return f"{len(self.values)} kept"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        site = now().current.site
        key = functools._make_key(args, kwargs, self.typed)
        part = item_of((args, tuple(kwargs.items())))
        now().access(site, self, part, False, "call", (), self)
        if key in self.values:
            self.hits += 1
            self.values.move_to_end(key)
            return now().called(self.values[key])
        self.misses += 1
        value = hooks.function(site, self.real.__wrapped__)(*args, **kwargs)
        self._keep(site, part, key, value)
        return now().called(value)

    def _keep(self, site: Site, part: Any, key: Any, value: Any) -> None:
        full = self.most is not None and len(self.values) >= self.most
        now().access(site, self, None if full else part, True, "call", (), self)
        if self.most == 0:
            return
        self.values.setdefault(key, value)
        while self.most is not None and len(self.values) > self.most:
            self.values.popitem(last=False)

    @property
    def __wrapped__(self) -> Any:
        return self.real.__wrapped__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def cache_info(self) -> Any:
        now().access(now().current.site, self, None, False, "call", (), self)
        return functools._CacheInfo(self.hits, self.misses, self.most, len(self.values))

    def cache_clear(self) -> None:
        now().access(now().current.site, self, None, True, "call", (), self)
        self.values.clear()
        self.hits = self.misses = 0
