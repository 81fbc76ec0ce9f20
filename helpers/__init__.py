"""The course's own package: record work, draw it, and choose how it interleaves.

Import from its modules. This file imports nothing where there is no notebook,
because every spawned process pays for what stands here.
"""

import sys

if "IPython" in sys.modules:  # in a kernel, whose first cells import what takes long
    from .asking import one_at_a_time
    from .ending.interrupts import spare

    spare()
    one_at_a_time()
