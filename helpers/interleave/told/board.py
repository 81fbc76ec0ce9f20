"""A board on which you are the scheduler: a button for each thread.

A click adds letters to the word and runs the program anew, up to the end of the
word. So nothing stays suspended between clicks, undo is a shorter word, and the
word is all that the board has to know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import ipywidgets as widgets

from ...snapshot import Lasting
from ..report import ASLEEP, NOTIFIED, UNSET, Schedule, Standing
from .html import ENDED, NO_SOURCE, STYLE, Source, Stands, sentence, source, stands_at
from .lanes import Lanes, moments, safe, tint
from .text import LETTERS, doing
from .why import cut

START = "Press a button: its thread makes its next step. Find an order in which the program fails."
FINE = "This run ended well. Undo takes back a press: try another order."
KNOWN = "You know this word already: look for another one. Undo takes back a press."
HOW = {ASLEEP: "asleep", UNSET: "asleep", NOTIFIED: "notified"}  # how a thread waits
WIDE = {"width": "auto", "margin": "2px 4px 2px 0"}
FILLS = WIDE | {"width": "0", "min_width": "calc(100% - 4px)"}  # however long its words


class Column:
    """A thread: its source, and its button, which says what it would do or why it cannot."""

    def __init__(self, thread: str, pressed: Callable[[str], None]) -> None:
        self.source = widgets.HTML()
        self.button = widgets.Button(description=thread, layout=FILLS)
        self.button.on_click(lambda _: pressed(thread))
        layout = {"flex": "1 1 auto", "min_width": "260px", "max_width": "100%"}
        self.box = widgets.VBox([self.source, self.button], layout=layout)

    def show(self, schedule: Schedule, stands: Standing) -> None:
        thread, button = stands.thread, self.button
        how = schedule.steps[-1].sleep.get(thread, "") if schedule.steps else ""
        how = HOW.get(how, "waits")
        does = f"{how}, {stands.why}" if stands.why else stands.what
        lines = schedule.sources.get(thread, NO_SOURCE)
        self.source.value = source(thread, stands.name, lines, self._stands(stands, lines, how))
        button.description = f"{thread}: {'has ended' if stands.ended else does}"
        button.tooltip = button.description
        button.disabled = stands.ended or bool(stands.why) or schedule.ended
        button.style.button_color = None if button.disabled else tint(thread)
        button.style.text_color = None if button.disabled else "black"

    def _stands(self, stands: Standing, lines: Source, how: str) -> Stands:
        if stands.ended:
            return ENDED
        if stands.why:
            return stands_at(lines, stands, "‖", how)
        return stands_at(lines, stands, "▷", f"next: {stands.what}")


class Board(Lasting):
    """Made by `play`. `word` is what was chosen so far, `schedule` what came of it.

    You have won where the verdict is not "ok", by a word that is not `known`; the
    word is your answer, which a button gives to `hand_in`. `press`, `undo` and
    `reset` do what the buttons do.
    """

    schedule: Schedule

    def __init__(
        self,
        program: Callable[[], object],
        atomic: str,
        replay: Callable[..., Schedule],  # as it comes from above, where it is made
        one_step: bool = False,
        known: Collection[str] = (),
        hand_in: Callable[[str], object] | None = None,
    ) -> None:
        if not callable(program):
            raise ValueError(f"program must be a function, not {program!r}")
        self.program, self.atomic, self._run = program, atomic, replay
        self.known, self.hand_in = known, hand_in
        self.words = [""]  # after each press: the last one counts, undo drops it
        self.columns: dict[str, Column] = {}
        self._threads = widgets.HBox(layout={"flex_flow": "row wrap"})
        self._undo = widgets.Button(description="Undo", icon="undo", layout=WIDE)
        self._reset = widgets.Button(description="Reset", icon="refresh", layout=WIDE)
        self._single = widgets.ToggleButton(one_step, description="One step at a time", layout=WIDE)
        self._single.tooltip = "a press makes one step, not a whole statement"
        self._undo.on_click(lambda _: self._clicked(self.undo, self._undo))
        self._reset.on_click(lambda _: self._clicked(self.reset, self._reset))
        self._hand = widgets.Button(icon="check", layout=WIDE, button_style="success")
        self._hand.layout.align_self = "flex-start"
        self._hand.on_click(lambda _: self._hands_in())
        self._said, self._picture = widgets.HTML(), widgets.HTML()
        self._graded = widgets.Output()
        controls = widgets.HBox([self._undo, self._reset, self._single])
        parts = [self._threads, controls, self._said, self._hand, self._graded, self._picture]
        super().__init__(parts)
        self.add_class("course-board").add_class("cs")
        self._clicked(self.reset, self._reset)

    @property
    def word(self) -> str:
        """The letters chosen so far."""
        return self.words[-1]

    def press(self, thread: str) -> Schedule:
        """Let a thread go on: to the end of its statement, or by one step where that is chosen."""
        if not self.columns:
            self.reset()  # which raises why there is nothing to play
        if thread not in self.columns:
            raise ValueError(f"thread must be one of {', '.join(self.columns)}, not {thread!r}")
        word, before = self.word, self._standing(self.schedule, thread)
        if self.columns[thread].button.disabled:
            why = before.why if before and before.why else "it has ended"
            raise ValueError(
                f"{thread} cannot go on: {'the run is over' if self.schedule.ended else why}"
            )
        while True:
            word += thread
            schedule = self._replay(word)
            if self._single.value or schedule.ended or self._is_done(before, schedule, thread):
                return self._show([*self.words, word], schedule)

    def undo(self) -> Schedule:
        """Take back the last press."""
        words = self.words[:-1] or [""]
        return self._show(words, self._replay(words[-1]))

    def reset(self) -> Schedule:
        """Back to where nobody has made a step."""
        return self._show([""], self._replay(""))

    # ------------------------------------------------------------ what is shown

    def _replay(self, word: str) -> Schedule:
        return self._run(self.program, word, atomic=self.atomic, rest=False)

    def _show(self, words: list[str], schedule: Schedule) -> Schedule:
        self.words, self.schedule = words, schedule
        for stands in schedule.standing:
            joins = stands.thread == "M" and stands.what.startswith(("join", "start"))
            if stands.what and not joins and stands.thread not in self.columns:
                self.columns[stands.thread] = Column(stands.thread, self._pressed)
                self._threads.children = [each.box for each in self.columns.values()]
        for thread, column in self.columns.items():
            missing = Standing(thread, "", 0, "", "", "it has not started", False, 0)
            column.show(schedule, self._standing(schedule, thread) or missing)
        self._undo.disabled = self._reset.disabled = not self.word
        self._say(self._told())
        self._hand.description = f'Hand in "{cut(self.word, LETTERS)}"'
        self._hand.layout.display = "" if self.hand_in and self._is_won() else "none"
        self._graded.outputs = ()
        lanes = str(Lanes(schedule)) if moments(schedule) else ""
        # The newest step is at the right, and is to be seen first where the picture is scrolled.
        self._picture.value = f'{STYLE}<div class="cs-wide" style="direction:rtl">{lanes}</div>'
        self.keep()
        return schedule

    def _is_won(self) -> bool:
        over = self.schedule.ended and self.schedule.verdict != "ok"
        return over and self.word not in self.known

    def snapshot(self) -> tuple[str, str]:
        """The program as each thread stands in it, what is said, and the picture."""
        if not hasattr(self, "schedule"):
            return self._said.value, "There is nothing to play."
        sources = "".join(column.source.value for column in self.columns.values())
        drawn = Lanes(self.schedule).image() if moments(self.schedule) else ""
        words = f"A board for {self.program.__name__}, after {self.word or 'no step'}."
        return f"{sources}{drawn}{self._said.value}", words

    def _told(self) -> str:
        """The word, and what it has led to."""
        schedule, word = self.schedule, f"<b>{self.word}</b>: " if self.word else ""
        if not schedule.ended:
            last = moments(schedule)[-1:] if word else []
            return word + (f"{safe(doing(last[0].step))}." if last else START)
        if schedule.verdict == "ok":
            return word + FINE
        answer = f'Your answer is the word <code>"{self.word}"</code>.'
        return (
            f'<div class="cs-bad"><b>Broken!</b> {safe(sentence(schedule.headline))}.</div>'
            f"{word}{safe(schedule.because)} {answer if self._is_won() else KNOWN}"
        )

    def _say(self, markup: str, role: str = "status") -> None:
        style = "min-height:3.2em;line-height:1.6;max-width:900px"
        self._said.value = f'<div role="{role}" style="{style}">{markup}</div>'

    def _is_done(self, before: Standing | None, schedule: Schedule, thread: str) -> bool:
        """Whether the thread is through with the statement in which it stood."""
        now = self._standing(schedule, thread)
        if before is None or now is None or now.ended or now.why:
            return True
        last = next(step for step in reversed(schedule.steps) if step.letter)
        return last.kind == "acquire" or now.statement != before.statement

    def _standing(self, schedule: Schedule, thread: str) -> Standing | None:
        return next((each for each in schedule.standing if each.thread == thread), None)

    # ----------------------------------------------------------------- clicks

    def _hands_in(self) -> None:
        """What the check says of the word stands below its button."""
        self._graded.outputs = ()
        with self._graded:
            assert self.hand_in
            self.hand_in(self.word)

    def _pressed(self, thread: str) -> None:
        self._clicked(lambda: self.press(thread), self.columns[thread].button)

    def _clicked(self, action: Callable[[], Any], button: Any) -> None:
        """What goes wrong is said on the board; the keyboard stays where it can be used."""
        first = not hasattr(self, "schedule")
        try:
            action()
        except (ValueError, RuntimeError) as error:
            self._say(f"✘ {safe(str(error))}", "alert")
        if button.disabled and not first:
            threads = (column.button for column in self.columns.values())
            for other in (*threads, self._undo):
                if not other.disabled:
                    other.focus()
                    break
