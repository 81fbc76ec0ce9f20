"""Sliders and buttons over a run: turn one, and its picture follows.

`panel(function, workers=workers())` calls `function(workers=...)` in a thread
of its own, so the page stays alive and Stop works. There is never more than
one run: what is turned meanwhile is run next, with the newest values.

Deliberately absent: layouts, themes, and anything that no lesson turns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from html import escape
from time import monotonic
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import ipywidgets as widgets
from traitlets import TraitError

from . import draw
from .machine import usable_cpus
from .run import MOST, RunError, Stopped, controlled
from .timeline import Timeline

Picture = Timeline | Mapping[str, Timeline]
PATIENCE = 50.0  # seconds that `move` waits for a picture
SOON = 0.5  # seconds after which a run shows that it is under way
LABEL, GAP, TRACK, NUMBER = 110, 14, 300, 82  # widths of a slider's parts, in pixels
ONE_CPU = "One CPU is usable here: more workers make waiting shorter, but not computing."


class Control(NamedTuple):
    """Something to turn."""

    input: Any  # the widget with the value
    shown: Any  # what stands in the panel


def slider(
    minimum: float, maximum: float, value: float, step: float = 1, label: str = "", unit: str = ""
) -> Control:
    """A slider for a number; whole numbers where all arguments are whole."""
    if not minimum <= value <= maximum:
        raise ValueError(f"value must be between {minimum:g} and {maximum:g}, not {value:g}")
    if step <= 0:
        raise ValueError(f"step must be above 0, not {step:g}")
    whole = all(isinstance(number, int) for number in (minimum, maximum, value, step))
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    text = f"{label} ({unit})" if unit else label  # without a label, `panel` has a name for it
    turned = kind(value, min=minimum, max=maximum, step=step, description=text)
    turned.continuous_update = False  # one run when it is let go, not one for every step
    return _sized(turned)


def workers(maximum: int | None = None, value: int = 4, minimum: int = 1) -> Control:
    """A slider for a number of workers, with the usable CPUs of this computer marked."""
    usable = usable_cpus()
    most = maximum if maximum is not None else min(MOST, max(8, 2 * usable))
    turned = slider(minimum, most, min(value, most), label="workers").input
    turned.tooltip = f"workers, {minimum} to {most}; usable CPUs here: {usable}"
    return Control(turned, widgets.VBox([turned, _scale(minimum, most, usable)]))


def choice(*options: Any, label: str = "") -> Control:
    """One of several; the first is chosen at the start."""
    if len(options) < 2:
        raise ValueError(f"options must be two or more, not {options!r}")
    turned = widgets.ToggleButtons(options=options, description=label)  # see lesson.Prediction
    turned.style.button_width, turned.layout.display = "auto", "flex"
    return _sized(turned)


def panel(
    function: Callable[..., Picture],
    *,
    recorded: tuple[str, str] | None = None,
    **controls: Control,
) -> Panel:
    """Controls, and the picture of `function(**values)`; shows itself at the end of a cell.

    `recorded` is a label and the path of a saved timeline, which is drawn beside
    the run where only one CPU is usable and more would be to be seen.
    """
    if not callable(function):
        raise ValueError(f"function must be a function, not {function!r}")
    for name, control in controls.items():
        if not isinstance(control, Control):
            raise ValueError(f"{name} must be workers(), slider() or choice(), not {control!r}")
    return Panel(function, controls, recorded)


class Panel(widgets.VBox):  # type: ignore[misc, unused-ignore]
    """Controls over one function; made by `panel`. `picture` is the last result."""

    def __init__(
        self, function: Callable[..., Picture], controls: dict[str, Control], recorded: Any
    ) -> None:
        self.function, self.controls = function, controls
        self.recorded = recorded if usable_cpus() == 1 else None
        self.picture: Picture | None = None
        self.error: BaseException | None = None  # how the last run ended
        self._changed = threading.Condition()
        self._wanted: dict[str, Any] | None = None  # the values to run next
        self._last: dict[str, Any] | None = None  # the values of the last run, or of this one
        self._busy = self._quiet = False
        self._stop = threading.Event()
        self._since = self._said = 0.0  # when the run began, when progress was shown
        super().__init__(self._furniture())
        self.add_class("course-panel")
        name = (function.__module__, getattr(function, "__qualname__", ""))
        if former := _panels.get(name):  # its cell is run again
            former.stop()
        _panels[name] = self

    def move(self, **values: Any) -> Any:
        """Turn controls as a learner would; gives the picture of exactly these values.

        An error of the run is raised here; ValueError where a control cannot go there.
        """
        self._quiet = True
        try:
            for name, value in values.items():
                self._turn(name, value)
        finally:
            self._quiet = False
        with self._changed:
            if self._values() != (self._wanted or self._last) or (self.error and not self._busy):
                self._request()
            try:
                over = self._changed.wait_for(lambda: not self._busy, PATIENCE)
            except BaseException:  # an interrupt is for the run, too
                self.stop()
                raise
            if not over:
                self.stop()
                raise TimeoutError(f"no picture after {PATIENCE:g} s; the run has been stopped")
        if self.error is not None:
            raise self.error
        return self.picture

    def stop(self, *_: Any) -> None:
        """What the Stop button does: end the run and show what there is."""
        with self._changed:
            self._wanted = None
            self._stop.set()

    # ----------------------------------------------------------- the furniture

    def _furniture(self) -> list[Any]:
        for name, (turned, _) in self.controls.items():
            if not turned.description.partition(" (")[0]:
                turned.description = name.replace("_", " ") + turned.description
            turned.tooltip = turned.tooltip or turned.description
            turned.observe(self._request, "value")
        self._again = widgets.Button(description="Run again", icon="refresh")
        self._halt = widgets.Button(description="Stop", icon="stop", disabled=True)
        self._bar = widgets.FloatProgress(0, min=0, max=1, layout={"visibility": "hidden"})
        self._status, self._image = widgets.HTML(), widgets.HTML()
        self._again.on_click(self._request)
        self._halt.on_click(self.stop)
        note = [widgets.HTML(ONE_CPU)] if usable_cpus() == 1 and "workers" in self.controls else []
        buttons = widgets.HBox([self._again, self._halt, self._bar])
        shown = [control.shown for control in self.controls.values()]
        return [*shown, *note, buttons, self._status, self._image]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if self._last is None and not self._busy:
            self._request()  # the first picture, without a click
        return super()._repr_mimebundle_(**kwargs)

    def _turn(self, name: str, value: Any) -> None:
        if name not in self.controls:
            raise ValueError(f"there is no control {name}; there are {', '.join(self.controls)}")
        turned = self.controls[name].input
        with suppress(TraitError):
            turned.value = value
        if turned.value != value:
            options = ", ".join(map(repr, getattr(turned, "options", ())))
            can = f"one of {options}" if options else f"{turned.min:g} to {turned.max:g}"
            raise ValueError(f"{name} can be {can}, not {value!r}")

    # ----------------------------------------------------------------- the run

    def _values(self) -> dict[str, Any]:
        return {name: control.input.value for name, control in self.controls.items()}

    def _request(self, *_: Any) -> None:
        """Run the values of now: at once, or after the run that is under way."""
        if self._quiet:
            return
        with self._changed:
            self._wanted = self._values()
            if not self._busy:
                self._busy = True
                serve = copy_context().run  # so that output keeps to the cell of the panel
                threading.Thread(target=serve, args=(self._serve,), daemon=True).start()

    def _serve(self) -> None:
        """Run what is wanted until nothing is."""
        while True:
            with self._changed:
                if self._wanted is None:
                    self._busy = False
                    self._changed.notify_all()
                    return
                self._last, self._wanted = self._wanted, None
                self._stop.clear()
            self._run(self._last)

    def _run(self, values: dict[str, Any]) -> None:
        self._halt.disabled, self._since = False, monotonic()
        self.error, self._status.value = None, ""
        try:
            with controlled(self._stop, self._progress):
                self._draw(self.function(**values), values)
        except BaseException as error:
            self.error = error
            if isinstance(error, RunError):
                with suppress(Exception):  # what there is, if it can be drawn
                    self._draw(error.timeline, values)
        self._status.value = _said(self.error)
        self._bar.layout.visibility = "hidden"
        self._halt.disabled = True

    def _draw(self, picture: Picture, values: Mapping[str, Any]) -> None:
        title = ", ".join(f"{self.controls[n].input.description}: {v}" for n, v in values.items())
        self.picture = shown = picture
        if self.recorded is not None:
            label, path = self.recorded
            here = {"here": picture} if isinstance(picture, Timeline) else picture
            shown = {**here, label: Timeline.load(path)}
        self._image.value = f'<div aria-live="polite">{draw.html(shown, title)}</div>'

    def _progress(self, done: int, total: int) -> None:
        now = monotonic()
        if now - self._since > SOON and now - self._said > 0.1:
            self._said = now
            self._bar.value, self._bar.description = done / total, f"{done} of {total}"
            self._bar.layout.visibility = "visible"


def _said(error: BaseException | None) -> str:
    """How the run ended, in words; nothing where it ended well."""
    if error is None:
        return ""
    if isinstance(error, Stopped):
        return f'<div role="status">{escape(str(error))}</div>'
    words = str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"
    return f'<div role="alert" style="color: var(--jp-error-color1)">✘ {escape(words)}</div>'


def _sized(turned: Any) -> Control:
    turned.style.description_width = f"{LABEL}px"
    turned.layout.width = f"{LABEL + GAP + TRACK + NUMBER}px"
    return Control(turned, turned)


def _scale(minimum: int, maximum: int, usable: int) -> Any:
    """The mark under a slider of workers."""
    share, words = (usable - minimum) / max(1, maximum - minimum), f"usable CPUs here: {usable}"
    text = f"▲ {words}" if share <= 1 else f"{words}, more than this slider has"
    left = LABEL + GAP + (share * TRACK - 5 if share <= 1 else 0)  # 5 is half a mark
    style = f"margin-left: {left:.0f}px; line-height: 1.2; font-size: 85%"
    return widgets.HTML(f'<div style="{style}">{text}</div>', layout={"margin": "-8px 0 6px 0"})


_panels: WeakValueDictionary[tuple[str, str], Panel] = WeakValueDictionary()
