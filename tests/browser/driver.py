"""Drive real JupyterLab in a real browser; used by the browser tests and the bench.

A notebook in JupyterLab is ready only when its kernel has answered. The
execution indicator is no sign of that: it says "idle" before there is a kernel,
and what is run then is lost. So `Lesson` asks JupyterLab itself.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import course

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = Path(__file__).parent / "screenshots"
PATIENCE = 60_000  # milliseconds for anything that happens in the page
WHOLE = 300_000  # milliseconds for all cells of a lesson
# What axe-core looks at. What belongs to others is left out: code and its numbers, and
# that links have no lines below them. AXE=1 looks at colours, too, which takes three times as long.
OURS = {
    "include": [[".jp-OutputArea-output"], [".jp-RenderedMarkdown"]],
    "exclude": [[".highlight"], [".jp-InternalAnchorLink"]],
}
RULES = {
    "link-in-text-block": {"enabled": False},
    "color-contrast": {"enabled": "AXE" in os.environ},
}
OUTPUTS = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code').map(cell => cell.model.toJSON())"""


class Lab(NamedTuple):
    """A running JupyterLab."""

    address: str
    token: str


def notebooks(parent: Path) -> Path:
    """A copy of the course's notebooks in `parent`."""
    return Path(shutil.copytree(ROOT / "notebooks", parent / "notebooks"))


@contextmanager
def jupyterlab(folder: Path, private: Path) -> Iterator[Lab]:
    """JupyterLab of this Python on `folder`, as course.py furnishes it.

    All it writes of itself goes to `private`. Where Notebook 7 is installed, the same
    server has it, too, under /notebooks.
    """
    lab = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(16))
    course.furnish(private)
    profile = private / "ipython" / "profile_default"  # stands for the etc of the Python
    shutil.copytree(private / "etc" / "ipython", profile)
    log = private / "lab.log"
    with log.open("wb") as output:
        command, environment = _command(folder, lab, private), _environment(private)
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        _wait_for(lab, server, log)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command(folder: Path, lab: Lab, private: Path) -> list[str]:
    port = lab.address.rpartition(":")[2]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    settings = private / "share" / "jupyter" / "lab" / "settings"
    both = [f"--{app}.app_settings_dir={settings}" for app in ("LabApp", "JupyterNotebookApp")]
    both += ["--expose-app-in-browser", "--JupyterNotebookApp.expose_app_in_browser=True"]
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", *root, *both),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={lab.token}"),
    ]


def _environment(private: Path) -> dict[str, str]:
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    own = {f"JUPYTER_{name}": str(private / name.lower()) for name in names}
    own |= {
        "IPYTHONDIR": str(private / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str((private / course.WORKSPACE).parent),
        "COURSE_PROGRESS": "",  # beside the copy of the notebooks
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    inherited = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    return inherited | own


def _wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + 60
    while time.monotonic() < last and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{lab.address}/api/status?token={lab.token}", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def chromium() -> str | None:
    """The browser's command, if one is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def browser() -> Iterator[Browser]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as play:
        running = play.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"] if root else []
        )
        try:
            yield running
        finally:
            running.close()


class Lesson:
    """A notebook that is open in JupyterLab, with its kernel ready."""

    def __init__(
        self, page: Page, lab: Lab, name: str, at: str = "lab/tree", more: str = "&reset"
    ) -> None:
        self.page = page
        self.errors: list[str] = []  # of the page's own scripts
        self.elsewhere: list[str] = []  # requests that leave this computer
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)
        page.on("request", lambda request: self._requested(request.url, lab.address))
        page.goto(f"{lab.address}/{at}/{name}?token={lab.token}{more}")
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        self.ask(
            """async () => {
                const context = jupyterapp.shell.currentWidget.sessionContext;
                await context.ready;
                await context.session.kernel.info;
            }"""
        )

    def ask(self, script: str, argument: Any = None, patience: int = PATIENCE) -> Any:
        """Run a function in the page; Playwright would wait for its end without a limit."""
        late = f"new Promise((_, no) => setTimeout(() => no(new Error('no answer')), {patience}))"
        return self.page.evaluate(f"value => Promise.race([({script})(value), {late}])", argument)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _requested(self, url: str, home: str) -> None:
        if url.startswith(("http", "ws")) and home.partition("//")[2] not in url:
            self.elsewhere.append(url)

    def run_all(self) -> None:
        script = "() => jupyterapp.commands.execute('notebook:run-all-cells')"
        self.ask(script, patience=WHOLE)

    def run_cell(self, number: int, wait: bool = True) -> None:
        """Run the code cell of that number, from 0; `wait` for its end, or not."""
        self.ask(
            """async ([number, wait]) => {
                const notebook = jupyterapp.shell.currentWidget.content;
                const codes = notebook.widgets.filter(cell => cell.model.type === 'code');
                notebook.activeCellIndex = notebook.widgets.indexOf(codes[number]);
                const ended = jupyterapp.commands.execute('notebook:run-cell');
                if (wait) await ended;
            }""",
            [number, wait],
        )

    def cells(self) -> list[dict[str, Any]]:
        """The code cells as they would be stored now."""
        cells: list[dict[str, Any]] = self.ask(OUTPUTS)
        return cells

    def failed(self) -> list[str]:
        """What went wrong in cells that may not fail."""
        return [
            f"cell {cell['id']}: {output['ename']}: {output['evalue']}"
            for cell in self.cells()
            for output in cell["outputs"]
            if output["output_type"] == "error"
            and "raises-exception" not in cell["metadata"].get("tags", [])
        ]

    def panels(self) -> list[Panel]:
        panels = self.page.locator(".course-panel")
        return [Panel(panels.nth(n)) for n in range(panels.count())]

    def boards(self) -> list[Board]:
        boards = self.page.locator(".course-board")
        return [Board(boards.nth(n)) for n in range(boards.count())]

    def save(self) -> None:
        self.ask("() => jupyterapp.commands.execute('docmanager:save')")

    def dark(self) -> None:
        change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
        self.ask(change, "JupyterLab Dark")
        self.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")

    def shut_down(self) -> None:
        self.ask("async () => { await jupyterapp.serviceManager.sessions.shutdownAll(); }")


Open = Callable[[str], AbstractContextManager[Lesson]]


def screenshot(lesson: Lesson, name: str) -> Path:
    """The page as it looks now, in a file named for what happened."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.png"
    lesson.page.screenshot(path=path)
    return path


def findings(page: Page) -> list[str]:
    """What axe-core says of our part of the page, with all that is folded opened."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    options = {"resultTypes": ["violations"], "rules": RULES}
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in Axe().run(page, OURS, options).response["violations"]
        for node in rule["nodes"]
    ]


class Panel:
    """A panel as a learner with a keyboard meets it."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.sliders = root.locator(".noUi-handle")
        self.choices = root.locator(".widget-toggle-buttons")
        self.options = self.choices.locator("button")
        self.stop = root.get_by_role("button", name="Stop")
        self.again = root.get_by_role("button", name="Run again")
        self.picture = root.locator("figure")
        self.status = root.locator("[role=status], [role=alert]")

    def wait(self) -> None:
        """Until no run is under way and there is a picture."""
        expect(self.picture.first).to_be_visible(timeout=PATIENCE)
        expect(self.stop).to_be_disabled(timeout=PATIENCE)

    def press(self, slider: int, key: str) -> None:
        handle = self.sliders.nth(slider)
        handle.scroll_into_view_if_needed()
        handle.focus()
        handle.press(key)

    def choose(self, option: str) -> None:
        """Press the button of an option with the keyboard, and wait for the new picture."""
        before = self.picture.first.inner_html()
        self.options.get_by_text(option, exact=True).focus()
        self.root.page.keyboard.press("Space")
        self.changed(before)

    def turn(self, slider: int) -> None:
        """Move a slider one step with the keyboard, and wait for the new picture."""
        handle = self.sliders.nth(slider)
        at, top = (handle.get_attribute(f"aria-value{name}") for name in ("now", "max"))
        before = self.picture.first.inner_html()
        self.press(slider, "ArrowLeft" if at == top else "ArrowRight")
        self.changed(before)

    def changed(self, before: str) -> None:
        """Wait until the picture is another one."""
        self.root.page.wait_for_function(
            "([panel, before]) => {"
            " const now = panel.querySelector('figure'); return now && now.innerHTML !== before; }",
            arg=[self.root.element_handle(), before],
            timeout=PATIENCE,
        )


class Board:
    """A board of `play` as a learner with a keyboard meets it."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.undo = root.get_by_role("button", name="Undo")
        self.reset = root.get_by_role("button", name="Reset")
        self.single = root.get_by_role("button", name="One step at a time")
        self.hand_in = root.get_by_role("button", name="Hand in")
        self.said = root.locator(":scope > * > .widget-html-content > [role]")

    def thread(self, letter: str) -> Locator:
        """The button of a thread."""
        return self.root.get_by_role("button", name=re.compile(f"^{letter}: "))

    def press(self, letter: str) -> None:
        """Press a thread's button by keyboard, and wait for what is said then."""
        expect(self.thread(letter)).to_be_enabled(timeout=PATIENCE)
        before = self.said.inner_text()
        self.thread(letter).press("Space")
        expect(self.said).not_to_have_text(before, timeout=PATIENCE)

    def fresh(self) -> Board:
        """With nobody's step made."""
        if self.reset.is_enabled():
            self.reset.press("Space")
        expect(self.reset).to_be_disabled(timeout=PATIENCE)
        return self


def play_click_to_picture(board: Board, presses: int = 20) -> float:
    """Seconds from a click on a thread's button to the new picture, median of `presses`.

    Measured inside the page: from the click to the change of the lanes.
    """
    times = []
    for _ in range(presses):
        enabled = board.root.locator("button:enabled", has_text=re.compile("^[A-Z]: "))
        if not enabled.count():
            board.fresh()
        board.root.evaluate(WATCH, ["click", "svg"])
        enabled.first.click()
        board.root.page.wait_for_function("() => window.pictureAfter", timeout=PATIENCE)
        times.append(board.root.evaluate("() => window.pictureAfter") / 1000)
    return statistics.median(times)


def slider_to_picture(panel: Panel, presses: int = 10) -> float:
    """Seconds from a slider's key to the new picture, median of `presses`.

    Measured inside the page: from the key event to the change of the picture.
    """
    panel.wait()
    times = []
    for press in range(presses):
        panel.root.evaluate(WATCH, ["keydown", "figure"])
        panel.press(0, "ArrowLeft" if press % 2 else "ArrowRight")
        panel.root.page.wait_for_function("() => window.pictureAfter", timeout=PATIENCE)
        times.append(panel.root.evaluate("() => window.pictureAfter") / 1000)
        panel.wait()
    return statistics.median(times)


WATCH = """(panel, [event, picture]) => {
    window.pictureAfter = 0;
    let pressed = 0;
    panel.addEventListener(event, () => { pressed = performance.now(); },
                           {once: true, capture: true});
    const before = panel.querySelector(picture);
    const watcher = new MutationObserver(() => {
        const now = panel.querySelector(picture);
        if (pressed && now && now !== before) {
            watcher.disconnect();
            requestAnimationFrame(() => { window.pictureAfter = performance.now() - pressed; });
        }
    });
    watcher.observe(panel, {childList: true, subtree: true});
}"""
