"""What every lesson uses: predict, deadline, check and hint.

`predict` asks before a cell measures; `deadline` keeps a cell from hanging;
`check` judges an exercise and `hint` helps with it, one stage at a time.

Nothing here is graded by elapsed time, and nothing is kept between kernels.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from traceback import walk_tb
from typing import Any

import ipywidgets as widgets

from . import exercises, wait_graph
from .deadline import DeadlinePassed, deadline

__all__ = ["check", "deadline", "failure", "hint", "predict"]


class Prediction(widgets.VBox):  # type: ignore[misc, unused-ignore]
    """A question with options, shown at the end of its cell; made by `predict`.

    The options are buttons, because JupyterLab takes the arrow keys that radio
    buttons and menus need: there Tab and the space bar reach every option.
    """

    def __init__(self, question: str, options: Mapping[str, Any], why: Mapping[str, str]) -> None:
        self.options, self.why = options, why
        width = f"{min(60, max(map(len, options)) + 6)}ch"  # each option on a line of its own
        self.buttons = widgets.ToggleButtons(
            options=list(options), index=None, layout={"width": f"calc({width} + 8px)"}
        )
        self.buttons.style.button_width = width
        self.buttons.tooltips = [f"{question} {label}" for label in options]
        self.said = widgets.HTML()
        self.buttons.observe(self._chosen, "value")
        asked = widgets.HTML(f"<b>Predict:</b> {escape(question)}")
        super().__init__([asked, self.buttons, self.said])
        self.add_class("prediction")
        self._say("Choose one, then run the next cell.")

    @property
    def choice(self) -> str | None:
        """The label that was chosen, None so far."""
        value: str | None = self.buttons.value
        return value

    def measured(self, value: float | str, because: str = "") -> None:
        """Answer from the measurement: `value` is a number, or one of the options.

        A number belongs to the option with the nearest number: by ratio, or by
        difference where one of them is not above zero. Prints the answer, and what
        the chosen option overlooks. The choice is then final.
        """
        label = self._label(value)
        number = f"{value:.3g}. The nearest option is: " if value != label else ""
        answer = [f"Measured: {number}{label}.", because, self._beside_the_choice(label)]
        text = "\n".join(line for line in answer if line)
        self.buttons.disabled = True
        self._say(text)
        print(text)

    def _label(self, value: float | str) -> str:
        if isinstance(value, str) and value in self.options:
            return value
        numbers = {k: v for k, v in self.options.items() if _is_number(v)}
        if not _is_number(value) or not numbers:
            known = ", ".join(map(repr, self.options)) + " or a number" * bool(numbers)
            raise ValueError(f"value must be one of {known}, not {value!r}")
        number = float(value)
        ratio = all(each > 0 for each in (number, *numbers.values()))
        scale = math.log if ratio else float
        return min(numbers, key=lambda label: abs(scale(numbers[label]) - scale(number)))

    def _beside_the_choice(self, label: str) -> str:
        if self.choice is None:
            return "You had not chosen. Choose before you run: a wrong guess is well remembered."
        if self.choice == label:
            return "That is what you predicted."
        return f"You predicted: {self.choice}. {self.why.get(self.choice, '')}".strip()

    def _chosen(self, change: Any) -> None:
        self._say(f"You predict: {change['new']}. Now run the next cell.")

    def _say(self, text: str) -> None:
        self.said.value = f'<div role="status">{escape(text).replace(chr(10), "<br>")}</div>'


def predict(
    question: str,
    options: Mapping[str, float | str] | Sequence[str],
    why: Mapping[str, str] | None = None,
) -> Prediction:
    """Ask before the next cell measures; `prediction.measured(value)` answers there.

    `options` are labels, or labels with the number that each stands for. `why`
    says, for a wrong option, what it overlooks.
    """
    labels = dict(options) if isinstance(options, Mapping) else dict.fromkeys(options, "")
    if isinstance(options, str) or len(labels) < 2 or len(labels) != len(options):
        raise ValueError(f"options must be two or more different labels, not {options!r}")
    if unknown := [label for label in why or {} if label not in labels]:
        raise ValueError(f"why must name options, and {unknown[0]!r} is none of them")
    texts = {label: text for label, text in labels.items() if isinstance(text, str)}
    return Prediction(question, labels, {**texts, **(why or {})})


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


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


# -------------------------------------------------------------------- exercises

_hints_given: Counter[str] = Counter()


def check(name: str, answer: Any) -> None:
    """Grade your answer to an exercise: prints what holds, or what does not yet."""
    held, sentence = verdict(exercises.find(name), answer)
    print(f"✔ {sentence}" if held else f"✘ not yet: {sentence}")


def hint(name: str) -> None:
    """Print the next hint to an exercise; each call goes one stage further."""
    hints = exercises.find(name).hints
    stage = min(_hints_given[name] + 1, len(hints))
    _hints_given[name] = stage
    print(f"Hint {stage} of {len(hints)}: {hints[stage - 1]}")
    if stage < len(hints):
        print(f"{len(hints) - stage} more: run this cell again.")
    else:
        print("That was the last one. The solution is folded below the exercise.")


def verdict(exercise: exercises.Exercise, answer: Any) -> tuple[bool, str]:
    """Whether the answer holds, and one sentence; no error gets out."""
    if callable(exercise.solution) and not callable(answer):
        return False, f"the answer must be a function, not {answer!r}."
    in_threads: list[BaseException] = []
    sentence = ""
    try:
        with _errors_of_threads(in_threads), deadline(exercise.seconds):
            held = exercise.grade(answer)
        if not in_threads:
            return True, held
    except exercises.NotYet as error:
        sentence = str(error)
    except DeadlinePassed as error:
        return False, f"{error} Above you see who waits where."
    except (Exception, SystemExit) as error:
        sentence = blame(error)
    return False, blame(in_threads[0], " in a thread") if in_threads else sentence


@contextmanager
def _errors_of_threads(found: list[BaseException]) -> Iterator[None]:
    """Collect them instead of printing their tracebacks."""
    before = threading.excepthook
    threading.excepthook = lambda args: found.append(args.exc_value or args.exc_type())
    try:
        yield
    finally:
        threading.excepthook = before


def blame(error: BaseException, where: str = "") -> str:
    """An error of the learner's code in a sentence, with the line it happened on."""
    steps = [
        s for s in walk_tb(error.__traceback__) if wait_graph.is_learners(s[0].f_code.co_filename)
    ]
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    if not steps:
        return f"your code raised {what}{where}."
    place, line = wait_graph.where(*steps[-1])
    return f"your code raised {what}{where}, at {place}: {line}"
