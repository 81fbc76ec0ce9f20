"""Rules for every test, and for the notebooks that are tested."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from importlib.util import find_spec

import pytest


def pytest_configure() -> None:
    """A shell that starts this in the background has interrupts ignored, by its children, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish() -> Generator[None, None, None]:
    """No kernel writes into the learner's progress: it gets a folder of its own."""
    yield
    _progress.cleanup()


_progress = tempfile.TemporaryDirectory(prefix="course-progress-", ignore_cleanup_errors=True)
os.environ["COURSE_PROGRESS"] = _progress.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop running in the main thread.

    Without Dask, lesson 09 shows what is recorded, and says so: its cells run, and nothing
    of what they show is compared. With it, what a process of Dask says at its end is not.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    has_dask = find_spec("distributed") is not None
    for item in items:
        if "/09-" in item.nodeid and hasattr(item, "options"):
            if not has_dask:
                item.options["check"] = False
            elif "stderr" not in item.parent.skip_compare:  # type: ignore[union-attr]
                item.parent.skip_compare = (*item.parent.skip_compare, "stderr")  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def a_cpu_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """Workers of pytest-xdist that compute beside each other do so on different CPUs."""
    worker = getattr(request.config, "workerinput", None)
    if worker is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    from suite import own_cpu

    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, own_cpu(request.node.nodeid, worker["workerid"]))
    yield
    os.sched_setaffinity(0, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI is set, a browser test that is skipped has failed: nobody would notice there."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI is set and a browser test must run: {report.longrepr}"
    return report
