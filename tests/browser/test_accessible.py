"""axe-core finds nothing to complain of in what a notebook shows, exported as a page."""

from __future__ import annotations

from typing import Any

import pytest
from driver import ROOT, findings
from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def at_home(route: Route) -> None:
    """An export names scripts of other computers, which no test asks for."""
    if route.request.url.startswith("http"):
        route.abort()
    else:
        route.continue_()


@pytest.fixture(scope="module")
def export(browser: Any) -> Any:
    page = browser.new_page()
    page.route("**/*", at_home)
    yield page
    page.close()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_export_of_a_notebook_has_words_for_all_it_shows(export: Page, path: Any) -> None:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name="lab", exclude_input=True).from_filename(str(path))
    export.set_content(page, wait_until="domcontentloaded")
    assert findings(export) == []


def test_a_picture_without_words_would_be_found(export: Page) -> None:
    export.set_content('<div class="jp-OutputArea-output"><img src="data:image/png;base64,"></div>')
    assert [each.partition(" ")[0] for each in findings(export)] == ["image-alt"]
