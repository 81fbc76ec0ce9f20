"""Where everything of a schedule is in its picture, as SVG.

A column per moment, a row per thread, below them a row for each shared value.
Nothing is told by colour alone: a read is an outline, anything else is filled,
holding is a bar with words, and every box says what it is. Who is asleep until
somebody notifies it is dotted, who was notified and wants the lock is crossed,
who only wants it is striped. An arrow with a line goes to the thread that
interrupts another one, a dashed one to a thread that is woken.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from html import escape
from itertools import chain, groupby
from typing import NamedTuple

from ...timeline.picture.svg import ON_PAPER
from ...timeline.shapes import COLOURS, GREY, INK, PAPER, plain
from ..report import Schedule, Step
from .text import columns, doing, header, rows, shared, state_after, waits
from .why import apart, cut, failing, short, woken

FONT = 11  # pixels: a letter
WIDTH, GAP, HEAD = 900, 12, 38  # pixels: of the picture, between boxes, of the word above
BOX, BAR, STRIP, CHAR = 34, 15, 24, 6.7  # heights: box, bar, row of values; width of a letter
LEGIBLE, MOST = 88, 24  # pixels of a column in which most steps fit; columns to be scrolled, if so
WORDS = 64  # pixels of a column in which a step is told on two lines, in others in one word
TINTS = [COLOURS[n] for n in (0, 1, 2, 3, 6, 4)]  # of threads A, B, C ...
SHORT = {"acquire": "acq.", "release": "rel.", "print": "prnt", "notify": "ntfy", "append": "app."}
SIGN = {"write": "=", "raise": "✘"}
OPERATIONS = (r"^(\w+)\(", r"\.(\w+)\(", r"(\w+)")  # len(x), items.append(x), notify ready
CALL = re.compile(r"(.*\.\w+)(\(.*\))( -> .*)?$")
ASLEEP, WOKEN, WANTS = "asleep ", "notified, ", ""  # how it is said that somebody waits
ONE_WORD = {ASLEEP: "asleep", WOKEN: "woken", WANTS: "waits"}
LOOKS = {  # by that: the pattern, and the edge
    ASLEEP: ("M1 1h1M4 4h1", "1 3"),
    WOKEN: ("M-1 1L1-1M-1 7L7-1M5 7L7 5M-1 5L1 7M-1-1L7 7M5-1L7 1", "none"),
    WANTS: ("M-1 1L1-1M-1 7L7-1M5 7L7 5", "3 2"),
}
CODE = "var(--jp-code-font-family,ui-monospace,monospace)"
PAPER_INK = "var(--jp-layout-color0,var(--vscode-editor-background,Canvas))"


Pair = tuple[str, str]


class Moment(NamedTuple):
    """A column: a step, or only what is then, at the end and where steps are left out."""

    number: str  # of the letter
    step: Step
    at: int  # its place among all steps
    acts: bool = True


def moments(schedule: Schedule) -> list[Moment]:
    """The steps of the table, and one more where somebody is left waiting."""
    found = list[Moment]()
    for row in rows(schedule):
        if isinstance(row, int):
            found.append(found[-1]._replace(number="…", acts=False))
        else:
            found.append(Moment(*row))
    if found and found[-1].step.blocked:
        found.append(found[-1]._replace(number="", acts=False))
    return found


def opens_at(schedule: Schedule, shown: list[Moment]) -> int:
    """The moment to begin with: where it went wrong, else the last."""
    at, last = failing(schedule), max(0, len(shown) - 1)
    if at == len(schedule.steps) - 1:
        return last
    return max(
        (n for n, moment in enumerate(shown) if moment.acts and moment.at <= at), default=last
    )


def operation(step: Step) -> str:
    """What a step does, in one word: "append", "notify", "read"; or a sign."""
    if step.kind in SIGN or step.kind == "read":
        return SIGN.get(step.kind, step.kind)
    found = filter(None, (re.search(pattern, step.what) for pattern in OPERATIONS))
    return next((match[1] for match in found), step.kind)


def tint(thread: str) -> str:
    """The colour of a thread: always the same for the same letter."""
    return GREY if thread == "M" else TINTS[(ord(thread) - ord("A")) % len(TINTS)]


class Lanes:
    """The picture of one schedule; `str` of it is the SVG."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.moments = schedule, moments(schedule)
        self.threads, self.labels = columns(schedule), shared(schedule)
        names = [*self.labels, *(f"A  {name}" for name in self.threads.values())]
        self.first = opens_at(schedule, self.moments)
        self.left = min(170.0, 18 + CHAR * max(map(len, names), default=0))
        longest = max((len(line) for m in self.moments for line in _two(m.step.what)), default=0)
        fits = min(140.0, max(LEGIBLE, GAP + 12 + CHAR * longest))
        room = (WIDTH - self.left) / max(1, len(self.moments))
        self.wide = min(fits, max(room, LEGIBLE if len(self.moments) <= MOST else 0))
        self.gap = min(GAP, self.wide / 6)
        self.full = self.left + self.wide * len(self.moments) + 2
        self.least = self.full * 10 / FONT  # pixels: where it is shown smaller, it is scrolled
        self.tops, self.bars, y = {}, self._held(), HEAD
        for thread in self.threads:
            self.tops[thread] = y
            y += BOX + 10 + BAR * len(self.bars[thread])
        self.strips = y + 4
        self.high = self.strips + STRIP * len(self.labels) + 4

    def __str__(self) -> str:
        layers = (
            self._now(),
            self._head(),
            self._rows(),
            self._boxes(),
            self._arrows(),
            self._wakes(),
        )
        body = "".join(chain(*layers, self._values()))
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {self.full:.0f} '
            f'{self.high:.0f}" aria-label="{safe(header(self.schedule))}. '
            f'{safe(self.schedule.because)}" fill="currentColor" style="display:block;width:100%;'
            f"min-width:{self.least:.0f}px;max-width:{self.full:.0f}px;height:auto;"
            f'color:{INK};font:{FONT}px {CODE}">'
            f"{''.join(self._patterns())}{body}</svg>"
        )
        return own_ids(svg)

    def image(self) -> str:
        """The picture as an image, for a page that takes no SVG: without what a mouse finds."""
        said = f"{safe(header(self.schedule))}. {safe(self.schedule.because)}"
        drawn = re.sub('<title>.*?</title>| aria-label="[^"]*"', "", str(self))
        drawn = drawn.replace(">", f">{ON_PAPER}", 1)
        data = base64.b64encode(drawn.encode(errors="replace")).decode()
        size = f'width="{self.full:.0f}" height="{self.high:.0f}"'
        return f'<p><img alt="{said}" {size} src="data:image/svg+xml;base64,{data}"></p>'

    def _patterns(self) -> Iterator[str]:
        """Of how threads wait here."""
        found = {_look(said) for thread in self.threads for _, _, said in self._waiting(thread)}
        for n, (look, (lines, _)) in enumerate(LOOKS.items()):
            if look in found:
                yield (
                    f'<pattern id="\0{n}" width="6" height="6" patternUnits="userSpaceOnUse">'
                    f'<path d="{lines}" stroke="currentColor" stroke-opacity=".45"/></pattern>'
                )

    def x(self, column: int) -> float:
        return self.left + column * self.wide

    def _held(self) -> dict[str, list[str]]:
        """The primitives that each thread holds at some moment: a bar for each."""
        held = {thread: dict[str, None]() for thread in self.threads}
        for moment in self.moments:
            for label, owner in moment.step.holds.items():
                if owner in held:
                    held[owner][label] = None
        return {thread: [*labels] for thread, labels in held.items()}

    def _now(self) -> Iterator[str]:
        """A frame around the moment that is told below the picture; a script moves it."""
        x, last = self.left + 1, self.wide * self.first
        look = 'rx="4" fill-opacity=".06" stroke="currentColor" stroke-width="1.5"'
        frame = rect(x, 1, self.wide - 1, self.high - 2, look)
        yield f'<g class="cs-now" transform="translate({last:.1f})">{frame}</g>'

    def _head(self) -> Iterator[str]:
        """The word, a letter over each of its steps."""
        for column, moment in enumerate(self.moments):
            x = self.x(column) + self.wide / 2
            if moment.number and self.wide >= 12:
                if moment.acts:
                    yield text(
                        x, 26, moment.step.thread, "middle", "font-size:15px;font-weight:bold"
                    )
                if self.wide >= CHAR * len(moment.number) + 2:
                    yield text(x, 9, moment.number, "middle", "opacity:.75")

    def _rows(self) -> Iterator[str]:
        """Behind the boxes: the name of each thread, what it waits for, what it holds."""
        for thread, name in self.threads.items():
            y = self.tops[thread]
            yield rect(2, y + 7, 18, 20, f'rx="3" fill="{tint(thread)}"')
            yield text(11, y + 17, thread, "middle", "fill:#000;font-weight:bold")
            yield text(25, y + 17, cut(name, int((self.left - 30) / CHAR)))
            yield rect(self.left, y + BOX / 2 - 0.5, self.full - self.left, 1, 'fill-opacity=".25"')
            yield from self._waits(thread, y)
            for n, label in enumerate(self.bars[thread]):
                yield from self._bar(thread, label, y + BOX + 3 + n * BAR)

    def _waiting(self, thread: str) -> Iterator[tuple[int, int, str]]:
        """From which column to which it waits, and how."""

        def blocked(moment: Moment) -> str:
            acts = moment.acts and moment.step.thread == thread
            return "" if acts or thread not in moment.step.blocked else waits(moment.step, thread)

        return self._spells(map(blocked, self.moments))

    def _waits(self, thread: str, y: float) -> Iterator[str]:
        halo = f"paint-order:stroke;stroke-width:4px;stroke:{PAPER}"
        for start, stop, said in self._waiting(thread):
            x, width = self._span(start, stop)
            look = _look(said)
            edge = f'stroke="currentColor" stroke-dasharray="{LOOKS[look][1]}" stroke-opacity=".6"'
            fill = f'fill="url(#\0{[*LOOKS].index(look)})"'
            tip = f"<title>{thread} {safe(said)}</title>"
            yield rect(x, y, width, BOX, f'style="fill:{PAPER}"')
            yield rect(x, y, width, BOX, f"{fill} {edge}", tip)
            first, second = _waits_on_two(said) if width >= WORDS else ("", "")
            if not first or CHAR * len(first) > width - 4:
                first = ONE_WORD[look]
            yield from words(x, y, width, (first, second), halo)

    def _bar(self, thread: str, label: str, y: float) -> Iterator[str]:
        """The time from the acquire to the release, both included."""
        held, before = list[str](), ""
        for moment in self.moments:
            owner = moment.step.holds.get(label, "")
            mine = thread in (owner, before if moment.step.thread == thread else owner)
            held.append(f"holds {label}" * mine)
            before = owner
        for start, stop, words in self._spells(held):
            x, width = self._span(start, stop)
            yield rect(x, y, width, BAR - 2, 'rx="2" fill-opacity=".8"')
            if room := int((width - 4) / CHAR):
                style = f"fill:{PAPER_INK}"
                said = cut(words, room) if room > 3 else ""
                yield text(x + 5, y + BAR / 2 - 1, said, "start", style)

    def _boxes(self) -> Iterator[str]:
        for column, (_, step, _, acts) in enumerate(self.moments):
            if acts:
                (x, width), y = self._span(column, column + 1), self.tops[step.thread]
                colour, reads = tint(step.thread), step.kind == "read"
                fill = f'style="fill:{PAPER}"' if reads else f'fill="{colour}"'
                edge = f'stroke="{colour}" stroke-width="2.5"' if reads else 'stroke="#0008"'
                tip = f"<title>{safe(doing(step))}</title>"
                yield rect(x, y, width, BOX, f'rx="4" {fill} {edge}', tip)
                style = "" if reads else "fill:#000"
                if self.wide >= WORDS:
                    yield from words(x, y, width, self._fits(step.what, width), style)
                else:
                    word = operation(step)
                    fits = [each for each in (word, SHORT.get(word, word)) if _fits(each, width)]
                    yield from words(x, y, width, ((fits or [word])[0], ""), style)

    def _arrows(self) -> Iterator[str]:
        """From the thread that was interrupted to the one that goes on, between their columns."""
        before: Step | None = None
        for column, (number, step, _, acts) in enumerate(self.moments):
            if acts and step.preempts and before and before.thread != step.thread:
                x = self.x(column)
                start, end = (self.tops[t] + BOX / 2 for t in (before.thread, step.thread))
                head = x + self.gap / 2
                line = f"M{x - self.gap / 2:.1f} {start:.1f}H{x:.1f}V{end:.1f}H{head - 3:.1f}"
                tip = f"<title>{before.thread} could have gone on: a preemption</title>"
                yield f'<path d="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
                yield f'<path d="M{head:.1f} {end:.1f}l-7-5v10z">{tip}</path>'
            before = step if number and acts else before

    def _wakes(self) -> Iterator[str]:
        """From the step that wakes a thread to that thread, in the column of the step."""
        wakes = woken(self.schedule.steps)
        for column, (_, step, at, acts) in enumerate(self.moments):
            for other in wakes.get(at, ()) if acts and step.thread in self.tops else ():
                if other not in self.tops:
                    continue
                down = self.tops[other] > self.tops[step.thread]
                start = self.tops[step.thread] + BOX * down
                end = self.tops[other] + BOX * (not down)
                x, back = self._span(column, column + 1)[0] + 6, -8 if down else 8
                tip = f"<title>{step.thread} wakes {other}</title>"
                edge = (
                    f'stroke="{PAPER}" stroke-width="5"',
                    'stroke="currentColor" stroke-width="2"',
                )
                for look, dash in zip(edge, ("none", "4 2"), strict=True):
                    line = f"M{x:.1f} {start:.1f}V{end + back / 2:.1f}"
                    yield f'<path d="{line}" fill="none" stroke-dasharray="{dash}" {look}/>'
                yield f'<path d="M{x:.1f} {end:.1f}l-5 {back}h10z">{tip}</path>'

    def _fits(self, what: str, width: float) -> Pair:
        """A step on two lines; of a call that is too long, its name."""
        call = CALL.match(what)
        if call is None:
            return _two(what)
        name, given, back = call.groups()
        left = name if _fits(name, width) else name.rpartition(".")[2]
        return left, (back or given).replace(" -> ", "→ ")

    def _values(self) -> Iterator[str]:
        """A row for each shared value: a box for as long as it stays the same."""
        names = apart(self.labels, int((self.left - 8) / CHAR))
        for n, (label, name) in enumerate(zip(self.labels, names, strict=True)):
            y = self.strips + n * STRIP
            yield text(self.left - 8, y + STRIP / 2, name, "end")
            for start, stop, value in self._spells(
                state_after(m.step).get(label, "") for m in self.moments
            ):
                x, width = self.x(start) + 1, (stop - start) * self.wide - 2
                look = 'rx="8" fill="none" stroke="currentColor" stroke-opacity=".5"'
                yield rect(x, y + 2, width, STRIP - 4, look)
                if (room := int((width - 10) / CHAR)) > 0:
                    yield text(x + 8, y + STRIP / 2, short(value, room))

    def _span(self, start: int, stop: int) -> tuple[float, float]:
        return self.x(start) + self.gap / 2, (stop - start) * self.wide - self.gap

    def _spells(self, values: Iterator[str] | list[str]) -> Iterator[tuple[int, int, str]]:
        """Equal values side by side, as (first column, after the last, value); no empty ones."""
        for value, group in groupby(enumerate(values), key=lambda item: item[1]):
            at = [column for column, _ in group]
            if value:
                yield at[0], at[-1] + 1, value


def _look(said: str) -> str:
    """Which of LOOKS a wait has."""
    return next(look for look in LOOKS if said.startswith(look))


def _fits(word: str, width: float) -> bool:
    return CHAR * len(word) <= width - 4 * (width > WORDS / 2)


def _two(what: str) -> Pair:
    """A step on two lines: "read total" and "→ 0"."""
    for mark, keep in ((" -> ", "→ "), (" = ", "= ")):
        left, found, right = what.partition(mark)
        if found:
            return left, keep + right
    left, _, right = what.partition(" ")
    return left, right


def _waits_on_two(said: str) -> Pair:
    """How somebody waits, on two lines: "asleep: ready" and "until notified"."""
    how, _, label = said.partition(": ")
    if said.startswith(ASLEEP):
        return f"asleep: {label}", how.removeprefix(ASLEEP)
    first = next(start for start in (f"{WOKEN}wants ", "wants ", "waits for ") if start in said)
    return first.rstrip(), said.removeprefix(first)


def words(x: float, y: float, width: float, lines: Pair, style: str = "") -> Iterator[str]:
    """One or two lines in the middle of a box; where no line fits, a word or its first letter."""
    found = [cut(line, int((width - 4) / CHAR)) for line in lines if line and width > WORDS / 2]
    if not found and width >= 7:
        fits = CHAR * len(lines[0]) <= width
        found = [lines[0] if fits else lines[0][:1]]
    for n, line in enumerate(found):
        down = (n - (len(found) - 1) / 2) * 14
        yield text(x + width / 2, y + BOX / 2 + down, line, "middle", style)


def rect(x: float, y: float, width: float, height: float, look: str, tip: str = "") -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.5, width):.1f}" height="{height:.1f}"'
    return f"<rect {size} {look}>{tip}</rect>"


def text(x: float, y: float, words: str, anchor: str = "start", style: str = "") -> str:
    look = f' style="{style}"' if style else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" dy=".36em" text-anchor="{anchor}" '
        f'pointer-events="none"{look}>{safe(words)}</text>'
    )


def own_ids(svg: str) -> str:
    """\\0 becomes an id of this picture alone: what another one defines may be folded away."""
    return svg.replace("\0", f"s{zlib.crc32(svg.encode(errors='replace')):08x}")


def safe(words: str) -> str:
    """Nothing in it is markup."""
    return escape(plain(words))
