"""The exercises of lesson 07: what may happen at an await, over all orders of the tasks.

Each answer is judged by the explorer: whichever task could go on may be next,
time may pass at any await, and so a cancellation may come at any of them. Only
what needs threads beside the loop is run, by a loop of its own.
"""

from . import groups as groups
from . import state as state
