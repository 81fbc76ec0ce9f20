"""What the lessons ask before they measure: the question, its options, and a reason for each.

`lesson.predict` finds them here by name, so that a cell which asks betrays nothing.
The answer comes from the measurement. `right` is what the lesson expects of it;
where it comes out otherwise, the reasons do not hold, and `otherwise` says on
what it depends.
"""

from __future__ import annotations

from .._asking import Option, Prediction, everything, find

from . import course, nogil, cluster, capstone  # isort: skip -- in the order of the lessons

__all__ = ["Option", "Prediction", "capstone", "cluster", "course", "everything", "find", "nogil"]
