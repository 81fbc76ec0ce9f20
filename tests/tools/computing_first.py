"""For pytest-xdist: which worker takes which test, when some have to be alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

from suite import ALONE, group

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController


class ComputingFirst(LoadScopeScheduling):
    """All workers share what computes; then one is left, and takes all that measures.

    A worker keeps its last test until it knows what comes after it, so whoever
    is not needed any more has to be told to end.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker has ended or died: what it has done is not handed out again."""
        work = self.assigned_work[node]
        for scope in [scope for scope, tests in work.items() if all(tests.values())]:
            del work[scope]
        crashed: str | None = super().remove_node(node)
        return crashed

    def _reschedule(self, node: WorkerController) -> None:
        if ALONE in self.workqueue:
            self.workqueue.move_to_end(ALONE)
        if list(self.workqueue) != [ALONE]:
            super()._reschedule(node)
            return
        last = next((each for each in self.nodes if not each.shutting_down), None)
        if node is not last and not node.shutting_down:
            node.shutdown()
        others = [work for each, work in self.assigned_work.items() if each is not last]
        if last is not None and not any(self._pending_of(work) for work in others):
            super()._reschedule(last)
