"""Who did what, when: spans of threads, tasks and processes on one clock.

`recorder` records, `measures` says what a span is, `files` keeps what other
processes record; `layout`, `svg` and `png` draw, `chrome` writes for other tools.
Worker processes import this, so nothing here imports NumPy or matplotlib.
"""

from .measures import LOOP as LOOP
from .measures import STOPPED as STOPPED
from .measures import Span as Span
from .measures import merged as merged
from .measures import outcome_of as outcome_of
from .measures import outermost as outermost
from .recorder import NEAR as NEAR
from .recorder import Timeline as Timeline
