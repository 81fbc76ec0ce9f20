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

from . import snapshot
from .machine import usable_cpus
from .run import MOST, RunError, Stopped, controlled
from .timeline import Timeline
from .timeline.layout import Page, captions, headed, titled, words
from .timeline.picture.svg import figure, image, inline

Picture = Timeline | Mapping[str, Timeline]
PATIENCE = 50.0  # seconds that `move` waits for a picture
SOON = 0.5  # seconds after which a run shows that it is under way
LABEL, TRACK = 110, 300  # widths in pixels: of a name, of a slider at most
NUMBER, END = 82, 6  # of the number beside a slider; from its left to where its handle begins
WIDE = 640  # pixels a picture is laid out for: fits where the contents panel is open, at 1024
ONE_CPU = "One CPU is usable here: more workers make waiting shorter, but not computing."


class Control(NamedTuple):
    """Something to turn."""

    input: Any  # the widget with the value
    shown: Any  # what stands in the panel
    name: Any  # the widget with its name
    unit: str = ""

    def says(self, value: Any) -> str:
        """A value with its unit; of a step of 0.01 no more is shown than was turned."""
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        return f"{text} {self.unit}".rstrip()


def slider(
    minimum: float, maximum: float, value: float, step: float = 1, label: str = "", unit: str = ""
) -> Control:
    """A slider for a number; whole numbers where all arguments are whole."""
    return _slider(minimum, maximum, value, step, label, unit)


def _slider(
    minimum: float, maximum: float, value: float, step: float, label: str, unit: str, *below: Any
) -> Control:
    if not minimum <= value <= maximum:
        raise ValueError(f"value must be between {minimum:g} and {maximum:g}, not {value:g}")
    if step <= 0:
        raise ValueError(f"step must be above 0, not {step:g}")
    whole = all(isinstance(number, int) for number in (minimum, maximum, value, step))
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    turned = kind(value, min=minimum, max=maximum, step=step, layout={"width": "auto"})
    turned.continuous_update = False  # one run when it is let go, not one for every step
    less, more = (_button(turned, sign) for sign in (-1, 1))
    track = widgets.VBox([turned, *below], layout={"flex": "1 1 auto", "max_width": f"{TRACK}px"})
    return _named(label, turned, unit, less, more, track)


def _button(turned: Any, sign: int) -> Any:
    """Moves a slider by one step, for who has no arrow keys; disabled at its end."""
    text, words = ("+", "more") if sign > 0 else ("−", "less")
    button = widgets.Button(description=text, tooltip=words, layout={"width": "32px"})
    button.add_class("course-step")

    def press(_: Any) -> None:
        value = round(turned.value + sign * turned.step, 10)
        turned.value = min(max(value, turned.min), turned.max)

    def enable(*_: Any) -> None:
        button.disabled = turned.value == (turned.max if sign > 0 else turned.min)

    button.on_click(press)
    turned.observe(enable, "value")
    enable()
    return button


def workers(maximum: int | None = None, value: int = 4, minimum: int = 1) -> Control:
    """A slider for a number of workers, with the usable CPUs of this computer marked."""
    usable = usable_cpus()
    most = maximum if maximum is not None else min(MOST, max(8, 2 * usable))
    scale = _scale(minimum, most, usable)
    return _slider(minimum, most, min(value, most), 1, "workers", "", scale)


def choice(*options: Any, label: str = "") -> Control:
    """One of several; the first is chosen at the start."""
    if len(options) < 2:
        raise ValueError(f"options must be two or more, not {options!r}")
    turned = widgets.ToggleButtons(options=options, layout={"width": "auto"})  # see Prediction
    turned.style.button_width = "auto"
    turned.add_class("course-options")
    return _named(label, turned, "", turned)


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


class Panel(snapshot.Lasting):
    """Controls over one function; made by `panel`. `picture` is the last result."""

    def __init__(
        self, function: Callable[..., Picture], controls: dict[str, Control], recorded: Any
    ) -> None:
        self.function, self.controls = function, controls
        self.recorded = recorded if usable_cpus() == 1 else None
        self.picture: Picture | None = None
        self._page: Page | None = None  # of the picture
        self._before: tuple[Picture, dict[str, Any]] | None = None  # the last run that ended well
        self._longest = 0.0  # seconds: the time axis never gets shorter
        self._names: dict[str, None] = {}  # of spans, in the order of their colours
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
            failed = self._stop.is_set() if self._busy else self.error is not None
            if failed or self._values() != (self._wanted or self._last):
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
        for name, control in self.controls.items():
            control.name.value = control.name.value or name.replace("_", " ")
            control.input.observe(self._request, "value")
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

    def _ipython_display_(self) -> None:
        if self._last is None and not self._busy:
            self._request()  # the first picture, without a click
        super()._ipython_display_()

    def settle(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, PATIENCE)

    def snapshot(self) -> tuple[str, str]:
        said = self._titled(self._last or self._values())
        if self.picture is None or self._page is None:
            return f"<p>{escape(said)}</p>{self._status.value}", said
        said += f". {words(self.picture)}"
        drawn = f'<img alt="{escape(said)}" src="{image(self._page)}">'
        return figure(drawn, captions(self.picture), wide=WIDE) + self._status.value, said

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
                threading.Thread(None, serve, "panel", (self._serve,), daemon=True).start()

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
                picture = self.function(**values)
                self._draw(picture, values)
                self._ended_well(picture, values)
        except BaseException as error:
            self.error = error
            if isinstance(error, RunError):
                with suppress(Exception):  # what there is, if it can be drawn
                    self._draw(error.timeline, values)
        self._status.value = _said(self.error)
        self._bar.layout.visibility = "hidden"
        self._halt.disabled = True
        if self._wanted is None:
            self.keep()

    def _draw(self, picture: Picture, values: dict[str, Any]) -> None:
        shown, before = self._here(picture), self._before
        ghost = self._here(before[0]) if before else None
        if self.recorded is not None:
            label, path = self.recorded
            shown = {**titled(shown), label: Timeline.load(path)}
        timelines = titled(shown).values()
        self._names |= dict.fromkeys(span.name for each in timelines for span in each.spans)
        title, names = self._titled(values), [*self._names]
        self._page = Page(shown, title, WIDE, until=self._longest, ghost=ghost, names=names)
        label = headed(title, words(shown))
        drawn = figure(inline(self._page, label), captions(shown), wide=WIDE)
        change = f"<b>{escape(self._change(picture, values))}</b>" if before else ""
        self.picture = picture
        live = '<div aria-live="polite" style="line-height:1.5">'
        self._image.value = f"{live}{change}{drawn}</div>"

    def _here(self, picture: Picture) -> Picture:
        """The picture under a title of its own, where a recorded one stands beside it."""
        alone = self.recorded is not None and isinstance(picture, Timeline)
        return {"here": picture} if alone else picture  # type: ignore[dict-item]

    def _ended_well(self, picture: Picture, values: dict[str, Any]) -> None:
        """What the next run is compared with."""
        self._before = picture, values
        self._longest = max([self._longest, *(e for e in _elapsed(picture).values())])

    def _titled(self, values: Mapping[str, Any]) -> str:
        """The controls and where they stand: "workers: 4, each waits: 0.1 s"."""
        controls = self.controls.items()
        return ", ".join(f"{c.name.value}: {c.says(values[name])}" for name, c in controls)

    def _change(self, picture: Picture, values: dict[str, Any]) -> str:
        """What was turned, and what it did: "workers 1 → 8: 0.8 s → 0.1 s"."""
        assert self._before
        before = self._before[1]
        turned = [
            f"{control.name.value} {control.says(before[name])} → {control.says(values[name])}"
            for name, control in self.controls.items()
            if before[name] != values[name]
        ]
        then = _elapsed(self._before[0])
        times = [
            f"{title} {_seconds(then[title])} → {_seconds(now)}".strip()
            for title, now in _elapsed(picture).items()
            if title in then
        ]
        return f"{', '.join(turned) or 'the same again'}: {', '.join(times)}"

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
    said = str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"
    return f'<div role="alert" style="color: var(--jp-error-color1)">✘ {escape(said)}</div>'


def _elapsed(picture: Picture) -> dict[str, float]:
    return {title: timeline.elapsed for title, timeline in titled(picture).items()}


def _seconds(number: float) -> str:
    return f"{number:.1f} s" if number >= 10 else f"{number:.2g} s"


def _named(label: str, turned: Any, unit: str, *parts: Any) -> Control:
    """A control in a row: its name, its parts and its unit; narrow, the name stands above."""
    name, after = widgets.Label(label), [widgets.Label(unit)] * bool(unit)
    name.layout.width = f"{LABEL}px"
    rest = widgets.HBox([*parts, *after], layout={"flex": f"1 1 {TRACK}px", "min_width": "0"})
    shown = widgets.HBox([name, rest], layout={"flex_flow": "row wrap"})
    return Control(turned, shown.add_class("course-control"), name, unit)


def _scale(minimum: int, maximum: int, usable: int) -> Any:
    """The mark under a slider of workers."""
    share, said = (usable - minimum) / max(1, maximum - minimum), f"usable CPUs here: {usable}"
    text = f"▲ {said}" if share <= 1 else f"{said}, more than this slider has"
    style = f"margin-left: {_place(min(share, 1) * (share <= 1))}; line-height: 1.2; font-size: 85%"
    return widgets.HTML(f'<div style="{style}">{text}</div>', layout={"margin": "-8px 0 6px 0"})


def _place(share: float) -> str:
    """Where a mark begins whose middle is at that share of a slider."""
    return f"calc({share:.3f} * (100% - {NUMBER + END}px) + {END - 5}px)"  # 5 is half a mark


_panels: WeakValueDictionary[tuple[str, str], Panel] = WeakValueDictionary()
