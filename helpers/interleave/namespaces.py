"""The dict of an object, `x.__dict__` or `vars(x)`: what is done to it is done to the attributes.

Such a dict goes by the name of its object, and its keys by those of the
attributes. So `vars(x)["n"] = 1` meets whoever reads `x.n`, and `len(vars(x))`
meets whoever writes any attribute of `x`.
"""

from __future__ import annotations

import threading
from types import MappingProxyType, ModuleType
from typing import Any

from .step import Refused, Site


def namespace(hooks: Any, site: Site, owner: Any, found: Any) -> Any:
    """`found`, which is the dict of `owner`, known as that from here on."""
    run = hooks.run
    if run is None or isinstance(owner, threading.local):  # its own in every thread
        return found
    if isinstance(owner, ModuleType):
        run.refused = error = Refused(
            f"line {site.line}: the dict of a module cannot be followed here; "
            "write its names by assignments, with global"
        )
        raise error
    run.sharing.namespace(found, owner, run.current)
    if isinstance(found, MappingProxyType):  # of a class: who looks at it looks at the class
        run.sharing.show(found, (owner,))
    return found


def replaced(hooks: Any, site: Site, owner: Any, new: Any) -> None:
    """About to do `owner.__dict__ = new`: all that have this dict have its attributes."""
    run = hooks.run
    if run is not None and isinstance(new, dict):
        run.access(site, owner, None, True, "write", ((run.token(new), None, True),), new)
        run.sharing.namespace(new, owner, run.current)
