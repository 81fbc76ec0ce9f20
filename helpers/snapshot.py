"""What a page keeps of a widget: its last state, for a page whose kernel is gone.

A widget lives in its kernel: without one, JupyterLab says "model not found" in
its place, and a Git host says nothing. So a cell shows a snapshot beside the
widget, HTML that needs no kernel and no script, and that is seen only where no
widget lives. It is brought up to date with the widget, and saved with the page.

A page that nobody has trusted yet takes away scripts, styles and inline SVG. An
`<img>` stays, so a picture is put into the page as one.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4
from weakref import WeakSet

import ipywidgets as widgets
from IPython import display as ipython
from IPython.core.interactiveshell import InteractiveShell

display: Callable[..., object] = ipython.display
update_display: Callable[..., object] = ipython.update_display

AGAIN = "This is how it was last. Run this cell again to use it."
WIDGET = "application/vnd.jupyter.widget-view+json"
# One of the two is seen: the widget, which is a Panel with something in it, or the snapshot.
# Where outputs have frames of their own (Colab), there is no .jp-OutputArea.
STYLE = """<style>
.jp-OutputArea:has(.course-alive) .jp-OutputArea-child:has(.course-snapshot),
body:not(:has(.jp-OutputArea)):has(.course-alive) .course-snapshot,
.jp-OutputArea-child:has(.course-snapshot) ~ .jp-OutputArea-child
  >.jp-OutputArea-output.lm-Panel:not(:has(*)) {display:none}
.course-control .widget-readout {text-align:right}
.prediction .widget-toggle-button:disabled {opacity:1}
.course-control .noUi-handle:focus-visible {outline:3px solid var(--jp-brand-color1,#0072B2)}
</style>"""
# ipywidgets names neither a slider's handle nor its number, and Notebook 7 takes the arrow keys.
SCRIPT = """<script>(() => {
const area = document.currentScript.closest('.jp-OutputArea');
const name = () => area.querySelectorAll('.course-control').forEach(control => {
  const labels = [...control.querySelectorAll('.widget-label')].map(label => label.textContent);
  const text = labels.filter(Boolean).join(', in ');
  for (const step of control.querySelectorAll('.course-step')) {
    step.ariaLabel = `${step.title}: ${labels[0]}`;
  }
  for (const part of control.querySelectorAll('.noUi-handle,.widget-readout,.course-options')) {
    part.dataset.lmSuppressShortcuts = 'true';
    part.ariaLabel = text;
    part.role = part.role || (part.isContentEditable ? 'textbox' : 'group');
  }
});
if (!area || area.courseNames) return;
area.courseNames = new MutationObserver(name);
area.courseNames.observe(area, {childList: true, subtree: true});
name();
})()</script>"""


class Lasting(widgets.VBox):  # type: ignore[misc, unused-ignore]
    """A widget that leaves a snapshot; `snapshot` gives it as HTML, and in a line of words."""

    run = "Run this cell to use it."  # what a notebook says under it before it was ever run

    def snapshot(self) -> tuple[str, str]:
        raise NotImplementedError

    def settle(self) -> None:
        """Wait for what is under way; a page without a kernel is to show how it came out."""

    def keep(self) -> None:
        """Bring what the page keeps up to date; to be called after each change."""
        if self._place and InteractiveShell.initialized():
            update_display(self._kept(), raw=True, display_id=self._place)

    _place = ""  # the id of the output with the snapshot, once there is one

    def _ipython_display_(self) -> None:
        self.add_class("course-alive")
        if InteractiveShell.initialized():
            self._place = uuid4().hex
            display(self._kept(), raw=True, display_id=self._place)
            display({WIDGET: self._repr_mimebundle_()[WIDGET], "text/plain": ""}, raw=True)
        _displayed.add(self)

    def _kept(self) -> dict[str, str]:
        html, words = self.snapshot()
        seen = f'<div class="course-snapshot">{html}<p><em>{AGAIN}</em></p></div>'
        return {"text/html": seen + STYLE + SCRIPT, "text/plain": words}


def show_stored() -> None:
    """Display what a notebook stores of each widget that was displayed since the last call."""
    while _displayed:
        shown = _displayed.pop()
        shown.settle()
        html, words = shown.snapshot()
        html = f"{html}<p><em>{shown.run}</em></p>"
        display({"text/html": html, "text/plain": words.partition("\n")[0]}, raw=True)


_displayed: WeakSet[Lasting] = WeakSet()
