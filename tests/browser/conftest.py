"""One JupyterLab and one browser for the tests of a module; a picture of each that fails.

While a browser is driven, its thread has a running event loop: so it ends with the module.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import driver
import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the notebooks, which a test may spoil."""
    return driver.notebooks(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[driver.Lab]:
    if driver.chromium() is None:
        pytest.skip("no Chromium: install one, on Debian by `apt-get install chromium`")
    with driver.jupyterlab(folder, tmp_path_factory.mktemp("private")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(lab: driver.Lab) -> Iterator[Any]:
    with driver.browser() as running:
        yield running


@pytest.fixture(scope="module")
def open_lesson(lab: driver.Lab, browser: Any) -> driver.Open:
    """`with open_lesson("00-start-here.ipynb") as lesson:`; its kernel ends with it."""

    @contextmanager
    def opened(name: str) -> Iterator[driver.Lesson]:
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        lesson = driver.Lesson(context.new_page(), lab, name)
        try:
            yield lesson
        finally:
            lesson.shut_down()
            context.close()

    return opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test keeps what the page looked like, and says where."""
    report = yield
    fixtures = getattr(item, "funcargs", {}).values()
    lesson = next((each for each in fixtures if isinstance(each, driver.Lesson)), None)
    if report.when == "call" and report.failed and lesson is not None:
        path = driver.screenshot(lesson, item.name)
        report.longrepr = f"{report.longreprtext}\n\nWhat the page looked like: {path}"
    return report
