"""What every lesson uses: predict, deadline, check and hint.

`predict` asks before a cell measures; `deadline` keeps a cell from hanging;
`check` judges an exercise and `hint` helps with it, one stage at a time; `summary`
ends a lesson with what was measured. What tells an answer is folded until
somebody has chosen, or opens it.

Nothing here is graded by elapsed time. What was done is kept in `progress`.
"""

from __future__ import annotations

import errno
import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from html import escape
from sqlite3 import SQLITE_FULL, SQLITE_IOERR
from traceback import walk_tb
from typing import Any, NamedTuple, TypeGuard

import ipywidgets as widgets
from IPython import display as ipython

from . import exercises, progress
from .deadline import DeadlinePassed, busy_deadline, deadline
from .ending import InOneSentence, errors_of_threads, wait_graph
from .ending.under_way import left_by_the_last_kernel, noted
from .exercises import _predictions
from .exercises._asking import Prediction as Question
from .snapshot import Lasting

__all__ = ["check", "deadline", "failure", "hint", "play", "predict", "summary"]

display: Callable[[object], object] = ipython.display


@dataclass(frozen=True)  # of a NamedTuple IPython would show what every tuple shows
class Said:
    """Words for a page, and the same words where nothing but text is shown.

    `brief` is what stands for them as text where the page folds them.
    """

    html: str
    text: str
    brief: str = ""

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.brief or self.text}


def folded(summary: str, html: str) -> str:
    """A part of a page that is closed until somebody opens it."""
    return f"<details><summary>{escape(summary)}</summary>\n{html}\n</details>"


def unfolded(html: str) -> str:
    """What `folded` has folded."""
    return html.partition("</summary>\n")[2].removesuffix("\n</details>")


class Answer(NamedTuple):
    """What was measured, and how it fits the options of a prediction."""

    asked: Question
    right: list[str]  # several, where options stand for the same number on this computer
    measured: str
    because: str
    short: str  # in a table

    def to(self, choice: str | None) -> Said:
        """The answer to whoever chose that; with None, to everybody, and folded."""
        shown = [self._beside(label, label == choice) for label in self._shown(choice)]
        lines = [line for line in (self.measured, self.because, self._expected()) if line]
        items = "".join(f"<li>{_html(line)}</li>" for line in shown)
        html = f"<p>{'<br>'.join(map(_html, lines))}</p><ul>{items}</ul>"
        text = "\n".join([*lines, *shown])
        if choice is None:
            return Said(folded(FOLDED, html), text, BRIEF)
        return Said(html, text)

    def _shown(self, choice: str | None) -> list[str]:
        if choice is None:
            return [*self.asked.options]
        return [label for label in self.asked.options if label in (*self.right, choice)]

    def _beside(self, label: str, chosen: bool) -> str:
        mark = "✔" if label in self.right else "✘"
        words = f"{mark} {label}" + ", as you predicted" * chosen
        return f"{words}. {self._reason(label)}".strip()

    def _reason(self, label: str) -> str:
        """Reasons hold where it came out as the lesson expects, and are kept back elsewhere."""
        equal = label in self.right and label != self.asked.right  # the same number, another word
        held = self.asked.right in self.right and not equal
        return self.asked.options[label].reason if held else ""

    def _expected(self) -> str:
        if self.asked.right in self.right:
            return ""
        return f"The lesson expected: {self.asked.right}. {self.asked.otherwise}"


FOLDED = "Measured. The answer, and a reason for each option"
BRIEF = '[measured: the answer is folded; without a page to open it on, call .choose("an option")]'


class Prediction(Lasting):
    """A question with options, shown at the end of its cell; made by `predict`.

    The options are buttons, because JupyterLab takes the arrow keys that radio
    buttons and menus need: there Tab and the space bar reach every option. A page
    without a kernel shows the question and its options in words.
    """

    def __init__(self, asked: Question) -> None:
        self.asked = asked
        self._answer: Answer | None = None
        self._one_at_a_time = threading.Lock()  # a button may be pressed while a cell runs
        width = f"{min(60, max(map(len, asked.options)) + 8)}ch"  # an option on a line of its own
        shown = [(f"{label}\N{EN SPACE}", label) for label in asked.options]  # room for a mark
        self.buttons = widgets.ToggleButtons(
            options=shown, index=None, layout={"width": f"calc({width} + 8px)"}
        )
        self.buttons.style.button_width = width
        self.buttons.tooltips = [f"{asked.question} {label}" for label in asked.options]
        self.said = widgets.HTML()
        self.buttons.observe(self._chosen, "value")
        super().__init__([widgets.HTML(_asks(asked)), self.buttons, self.said])
        self.add_class("prediction")
        self._say("Choose one, then run the next cell.")

    @property
    def choice(self) -> str | None:
        """The label that was chosen, None so far."""
        value: str | None = self.buttons.value
        return value

    @property
    def answered(self) -> bool:
        """Whether it was measured."""
        return self._answer is not None

    def choose(self, label: str) -> None:
        """What a button does; says the answer if it was measured."""
        if label not in self.asked.options:
            options = ", ".join(map(repr, self.asked.options))
            raise NoOption(f"label must be one of {options}, not {label!r}")
        if self.buttons.disabled and label != self.choice:
            raise NoOption(f"you chose {self.choice!r}, and it has been measured since")
        self.buttons.value = label
        if self._answer is not None:
            display(self._answer.to(label))

    def measured(self, value: float | str, because: str = "", shown: Any = None) -> None:
        """Answer from the measurement: `value` is a number, or one of the options.

        A number belongs to the option with the nearest number: by ratio, or by
        difference where one of them is not above zero. `because` is what else was
        found out, `shown` an object that is displayed with the answer. The answer
        is folded for whoever has not chosen, and the choice can still be made.
        """
        with self._one_at_a_time:
            self._answer = _answers[self.asked.name] = self._measured(value, because)
            choice = self.choice
            self._mark()
        said = self._answer.to(choice)
        if shown is not None and choice is None:
            inside = unfolded(said.html) + page(shown)
            display(Said(folded(FOLDED, inside), f"{said.text}\n{shown}", BRIEF))
            return
        display(said)
        if shown is not None:
            display(shown)

    def _measured(self, value: float | str, because: str) -> Answer:
        labels = [*self.asked.options]
        if isinstance(value, str) and value in labels:
            return Answer(self.asked, [value], f"Measured: {value}.", because, value)
        numbers = {label: self.asked.number(label) for label in labels}
        known = {label: number for label, number in numbers.items() if number is not None}
        if not _is_number(value) or not known:
            options = ", ".join(map(repr, labels)) + " or a number" * bool(known)
            raise NoOption(f"value must be one of {options}, not {value!r}")
        nearest = _nearest(known, float(value))
        words = f"Measured: {_digits(value)}. The nearest option is: {nearest}."
        equal = [label for label in labels if known[label] == known[nearest]]
        return Answer(self.asked, equal, words, because, f"{nearest} ({_digits(value)})")

    def _chosen(self, change: Any) -> None:
        with self._one_at_a_time:
            if self._answer is None:
                self._say(f"You predict: {change['new']}. Now run the next cell.")
            else:
                self._mark(late=True)

    def _mark(self, late: bool = False) -> None:
        """Show what is right and what was chosen; whoever chooses late reads the reasons here."""
        assert self._answer is not None
        if self.choice is None:
            self._say("Measured. You can still choose before you open the answer.")
            return
        right = self._answer.right
        other = {self.choice: "times"} | dict.fromkeys(right, "check")
        self.buttons.icons = [other.get(label, "") for label in self.asked.options]
        self.buttons.disabled = True
        if late:
            self._tell(self._answer.to(self.choice).html)
        else:
            self._say(f"Measured: {' or '.join(right)}. The reason stands where it was measured.")
        progress.record(self.asked.name + progress.ASKED, self.choice)

    def _say(self, text: str) -> None:
        self._tell(_html(text))

    def _tell(self, html: str) -> None:
        self.said.value = f'<div role="status">{html}</div>'
        self.keep()

    run = "Choose one: run this cell for buttons."

    def snapshot(self) -> tuple[str, str]:
        """The question with its options, and what was chosen and measured so far."""
        options = [f"{label}{CHOSEN * (label == self.choice)}" for label in self.asked.options]
        items = "".join(f"<li>{_html(option)}</li>" for option in options)
        html = f"<p>{_asks(self.asked)}</p><ul>{items}</ul>"
        words = "\n".join([f"Predict: {self.asked.question}", *(f"- {o}" for o in options)])
        return html + self.said.value * (self.choice is not None), words


CHOSEN = " (your prediction)"
_asked: dict[str, Prediction] = {}  # the last one of each name
_answers: dict[str, Answer] = {}  # what this kernel has measured, by the name of its prediction


class NoOption(InOneSentence, ValueError):
    """What was chosen, or measured, is none of the options."""


def predict(name: str, *more: object) -> Prediction:
    """Ask before the next cell measures; `prediction.measured(value)` answers there.

    The question stands in `exercises`, under that name, with its options and reasons. Asked
    again before it is measured, it keeps the choice: whoever presses a button and then
    Shift+Enter runs this cell once more.
    """
    if more:
        raise exercises.UnknownName(
            f"predict takes one name, as in predict({str(name)!r:.40}); ask each in its own cell"
        )
    before, prediction = _asked.get(name), Prediction(_predictions.find(name))
    if before is not None and not before.answered and before.choice is not None:
        prediction.buttons.value = before.choice
    _asked[name] = prediction
    return prediction


def page(shown: object) -> str:
    """An object as a page shows it."""
    bundle: Mapping[str, str] = getattr(shown, "_repr_mimebundle_", dict)()
    html: str = bundle.get("text/html", "") or f"<pre>{escape(str(shown))}</pre>"
    return html


def _asks(asked: Question) -> str:
    return f"<b>Predict:</b> {_html(asked.question)}"


def _html(text: str) -> str:
    """One line of words; what stands in `backticks` is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _nearest(numbers: Mapping[str, float], number: float) -> str:
    ratio = all(each > 0 for each in (number, *numbers.values()))
    scale = math.log if ratio else float
    return min(numbers, key=lambda label: abs(scale(numbers[label]) - scale(number)))


def failure(call: Callable[..., object], *arguments: Any) -> Exception:
    """The exception that `call(*arguments)` raises, for a lesson about that exception.

    Its traceback is left out, which would keep alive all that the call had in its hands.
    """
    try:
        call(*arguments)
    except Exception as error:
        return error.with_traceback(None)
    name = getattr(call, "__name__", repr(call))
    raise AssertionError(f"{name} was to raise an exception, and did not")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _digits(value: float) -> str:
    """Three digits that count, and no power of ten beside them.

    >>> _digits(1234.5), _digits(0.000071234)
    ('1230', '0.0000712')
    """
    return f"{Decimal(f'{value:.3g}'):f}"


# ---------------------------------------------------------- what came of it all


def summary(lesson: str, more: Mapping[str, Callable[[], object]] | None = None) -> None:
    """The end of a lesson: what you predicted, what was measured, and what is solved.

    `lesson` is what the names of its predictions begin with. `more` adds rows: the name
    of a thing that was measured, and a function that gives it. What stands in a cell
    that has not run is said to be missing.
    """
    asked = [each for each in _predictions.everything() if each.name.startswith(f"{lesson}.")]
    said = progress.done()
    rows = [_row(each, said.get(each.name + progress.ASKED, "")) for each in asked]
    rows += [(name, "", _made(make)) for name, make in (more or {}).items()]
    text = "\n".join(": ".join(filter(None, row)) for row in rows)
    table = _summary_table(rows) if rows else ""
    ending = progress.ending(lesson)
    held = card(ending.title, _html(ending.words)) if ending.title else f"<p>{ending.words}</p>"
    display(Said(table + held, f"{text}\n{ending.title} {ending.words}".strip()))


def _row(asked: Question, choice: str) -> tuple[str, str, str]:
    """The question, what you predicted, and what was measured."""
    answer = _answers.get(asked.name)
    if answer is None:
        return asked.question, choice, NOT_RUN
    mark = "" if not choice else "✔ " if choice in answer.right else "✘ "
    return asked.question, mark + (choice or "no prediction"), answer.short


def _made(make: Callable[[], object]) -> str:
    try:
        value = make()
    except (NameError, LookupError):  # its cell has not run, or not to its end
        return NOT_RUN
    return _digits(value) if isinstance(value, float) else str(value)


NOT_RUN = "not measured yet: run the cells above"


def _summary_table(rows: list[tuple[str, str, str]]) -> str:
    left = 'style="text-align:left"'
    heads = ("What", "You predicted", "Measured here")
    top = "".join(f'<th scope="col" {left}>{head}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row" {left}>{_html(name)}</th>'
        f"<td {left}>{_html(choice)}</td><td {left}>{_html(measured)}</td></tr>"
        for name, choice, measured in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


# -------------------------------------------------------------------- exercises


@noted
def check(name: str, answer: Any) -> None:
    """Grade your answer to an exercise: a card says what holds, a line what does not yet."""
    held, sentence = verdict(exercises.find(name), answer)
    if not held:
        print(f"✘ not yet: {sentence}")
        return
    progress.record(name)
    display(Said(card("Solved", _html(sentence)), f"✔ {sentence}"))


def card(title: str, html: str) -> str:
    """What was reached, with a green edge; the colours of the words are the page's own."""
    return (
        '<div role="status" style="border-left: 4px solid #2e9e4f; padding: 4px 12px">'
        f"<strong>✔ {title}</strong><br>{html}</div>"
    )


def play(program: Callable[[], object], *, check: str = "", **how: Any) -> Any:
    """The board of `interleave.play`, with a button that hands its word to the check `check`."""
    from .interleave import play as board

    if not check:
        return board(program, **how)
    exercises.find(check)
    return board(program, hand_in=partial(_check, check), **how)


def hint(name: str) -> None:
    """Show the hints to an exercise, one folded into the other: open as many as you need."""
    hints = exercises.find(name).hints
    titles = [f"Hint {stage} of {len(hints)}" for stage in range(1, len(hints) + 1)]
    html = f"<p>{LAST}</p>"
    for title, words in reversed([*zip(titles, hints, strict=True)]):
        html = folded(title, f"<p>{_html(words)}</p>\n{html}")
    lines = [f"{title}: {words}" for title, words in zip(titles, hints, strict=True)]
    display(Said(html, "\n".join([*lines, LAST]), f"[{len(hints)} hints to {name}, folded]"))


_check = check  # `play` has an argument of that name
LAST = "That was the last one. The solution is folded below the exercise."


def verdict(exercise: exercises.Exercise, answer: Any) -> tuple[bool, str]:
    """Whether the answer holds, and one sentence; no error gets out."""
    if callable(exercise.solution) and not callable(answer):
        return False, f"the answer must be a function, not {answer!r}."
    sentence = ""
    try:
        with errors_of_threads() as in_threads, busy_deadline(exercise.seconds):
            held = exercise.grade(answer)
        if not in_threads:
            return True, held
    except exercises.NotYet as error:
        sentence = str(error)
    except DeadlinePassed as error:
        return False, f"{error} Above you see who waits where."
    except (Exception, SystemExit) as error:
        sentence = blame(error)
    if in_threads:
        sentence = blame(in_threads[0], " in a thread")
    return False, exercises.named_slip(answer, sentence)


# As the system says it, and as SQLite does.
FULL = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
SQLITE = {SQLITE_FULL, SQLITE_IOERR}


def _of_the_disk(error: BaseException) -> bool:
    said = getattr(error, "errno", None), getattr(error, "sqlite_errorcode", 0) & 0xFF
    return said[0] in FULL or said[1] in SQLITE


def blame(error: BaseException, where: str = "") -> str:
    """An error of the learner's code in a sentence, with the line it happened on.

    A full disk is nobody's, and so is what a check cannot set up.
    """
    frames = [*walk_tb(error.__traceback__)]
    steps = [s for s in frames if wait_graph.is_learners(s[0].f_code.co_filename)]
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    inside = frames and not frames[-1][0].f_globals["__name__"].startswith(exercises.__name__)
    if _of_the_disk(error) or (isinstance(error, OSError) and inside and not steps):
        return f"your answer could not be judged, for a reason outside of it: {what}."
    if not steps:
        return f"your code raised {what}{where}."
    place, line = wait_graph.where(*steps[-1])
    return f"your code raised {what}{where}, at {place}: {line}"


if last := left_by_the_last_kernel():
    print(last)
