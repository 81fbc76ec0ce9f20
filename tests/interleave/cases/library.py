"""Small containers in the shape of third-party ones, for the tests to put where libraries are.

A copy of this file in a directory named site-packages is library code to the explorer; imported
as it stands, it is the program's own. The verdict must be the same.
"""

# ruff: noqa


class MyDict:
    """As collections.UserDict: Python around a dict."""

    def __init__(self, **items):
        self.data = dict(items)

    def __getitem__(self, key):
        return self.data[key]

    def __setitem__(self, key, value):
        self.data[key] = value

    def __contains__(self, key):
        return key in self.data

    def get(self, key, default=None):
        if key in self:
            return self[key]
        return default

    def pop(self, key, default):
        try:
            value = self[key]
        except KeyError:
            return default
        else:
            del self.data[key]
            return value

    def setdefault(self, key, default):
        try:
            return self[key]
        except KeyError:
            self[key] = default
        return default

    def update(self, **items):
        for key in items:
            self[key] = items[key]


class MyList:
    """As collections.UserList."""

    def __init__(self):
        self.data = []

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]

    def __setitem__(self, i, value):
        self.data[i] = value

    def append(self, value):
        self.data.append(value)

    def pop(self):
        return self.data.pop()


class MyCounter(dict):
    """As collections.Counter, as far as the programs use it."""

    def __missing__(self, key):
        return 0

    def update(self, other):
        for key, count in other.items():
            self[key] = count + self.get(key, 0)

    def subtract(self, other):
        for key, count in other.items():
            self[key] = self.get(key, 0) - count


class MyChainMap:
    """As collections.ChainMap."""

    def __init__(self, *maps):
        self.maps = list(maps)

    def __getitem__(self, key):
        for mapping in self.maps:
            try:
                return mapping[key]
            except KeyError:
                pass
        raise KeyError(key)

    def __setitem__(self, key, value):
        self.maps[0][key] = value

    def __contains__(self, key):
        return any(key in mapping for mapping in self.maps)


def my_cache(function):
    """As functools.cache, for one argument."""
    known = {}

    def look(key):
        if key in known:
            return known[key]
        value = function(key)
        known[key] = value
        return value

    return look


class Pair:
    """As a dataclass with two fields."""

    def __init__(self, x=0, y=0):
        self.x = x
        self.y = y

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y


count = 0
ready = False


def answer():
    return 1


def replace():
    global answer
    answer = two


def two():
    return 2
