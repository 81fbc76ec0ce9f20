"""A schedule as a page to step through, and the space of all schedules as a picture.

`page` puts the lanes over the source of each thread, with a marker where it
stands and a slider from step to step. All of it is there as text, too: where a
page runs no scripts, that text and the source are what is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from textwrap import dedent
from typing import Any, NamedTuple

from ...timeline.shapes import COLOURS, INK
from ..report import Report, Schedule, Standing, Step
from .lanes import (
    CODE,
    WIDTH,
    Lanes,
    Moment,
    moments,
    opens_at,
    own_ids,
    rect,
    safe,
    text,
    tint,
)
from .text import (
    all_fine,
    columns,
    counts,
    digits,
    doing,
    header,
    is_fine,
    remarks,
    table,
    verdict,
    waits,
)
from .why import apart, listed, who, woken

UNITS, LINE, SIDE = 150, 40, 15  # schedules drawn one by one, in a line; pixels of each
WIDEST = 1240  # pixels: of threads beside each other
LETTER = 7.4  # pixels: the width of one, here
FINE = COLOURS[2]
FAILS = (  # stripes, so that it is not told by colour alone
    '<pattern id="\0" width="6" height="6" patternUnits="userSpaceOnUse">'
    f'<path d="M0 0H6V6H0Z" fill="{COLOURS[4]}"/>'
    '<path d="M-1 1L1-1M-1 7L7-1M5 7L7 5" stroke="#fff"/></pattern>'
)
SHOW = "<script>document.currentScript.previousSibling.innerHTML = LIVE</script>"
PRE = '<pre tabindex="0">'  # so that the keyboard can scroll it
INKS = (  # of a listing, on light and on dark paper, also under a marker
    ("Comment", "cs-c", "#4a5d5d", "#c0c0c0"),
    ("Literal.String", "cs-s", "#a31515", "#ffb3a0"),
    ("Literal.Number", "cs-n", "#00539c", "#9fd0ff"),
    ("Keyword", "cs-k", "#006400", "#8fdc94"),
    ("Operator.Word", "cs-k", "#006400", "#8fdc94"),
)
DARK = "[data-jp-theme-light=false],.vscode-dark,[theme=dark]"  # Jupyter, VS Code, Colab
COLOURED = "".join(
    f".cs .{name}{{color:{light}}}:is({DARK}) .cs .{name}{{color:{dark}}}"
    for name, light, dark in dict.fromkeys(ink[1:] for ink in INKS)
)
STYLE = f"""<style>
.cs{{margin:0 0 8px;max-width:{WIDEST}px;color:{INK}}}
.cs figcaption{{margin:0 0 8px;max-width:{WIDTH}px;line-height:1.5}}
.cs.cs.cs pre{{margin:0;font:12px/1.5 {CODE};color:inherit;background:none;overflow-x:auto;
  white-space:pre;word-break:normal;overflow-wrap:normal}}
.cs-bad,.cs-good{{display:inline-block;padding:1px 8px;border-radius:3px;color:#000}}
.cs-bad{{background:{COLOURS[4]}}}
.cs-good{{background:{FINE}}}
.cs-go{{display:flex;gap:6px;margin:2px 0}}
.cs-go button{{font:inherit;padding:2px 10px;cursor:pointer;color:inherit;border-radius:3px;
  background:var(--jp-layout-color2,#8884);border:1px solid currentColor}}
.cs-wide{{overflow-x:auto}}
.cs-wide>*{{direction:ltr;margin:0 auto 0 0}}
div.cs-bad{{display:block;width:fit-content;margin:4px 0;padding:4px 12px}}
.cs.cs.cs .jp-RenderedText pre,.cs.cs.cs .cs-else{{white-space:pre-wrap}}
.cs summary{{cursor:pointer}}
.cs input{{display:block;height:24px;min-width:16px;accent-color:#0072B2;cursor:pointer}}
.cs-step{{min-height:1.5em;margin:2px 0 6px}}
.cs-code{{display:flex;flex-wrap:wrap;gap:6px 24px;margin:6px 0}}
.cs-code>div{{flex:1 1 auto;min-width:220px;max-width:100%}}
.cs-source>:not(:nth-child(2)){{width:0;min-width:100%}}
.cs-source b{{padding:1px 6px;border-radius:3px;color:#000}}
.cs-source em{{font-style:normal}}
.cs-source pre>span{{display:inline-block;min-width:100%}}
.cs-source .now,.cs-source .stuck,.cs .cs-else{{background:var(--jp-layout-color2,#8884)}}
.cs.cs .jupyter-button:disabled{{opacity:1;background:none;color:var(--jp-ui-font-color1);
  outline:1px dashed var(--jp-ui-font-color2);outline-offset:-1px}}
{COLOURED}</style>"""
SCRIPT = """<script>(() => {
const root = document.currentScript.closest('.cs'), told = TOLD;
root.querySelector('.cs-live').innerHTML = LIVE;
root.querySelector('details').open = false;
const slider = root.querySelector('input'), now = root.querySelector('.cs-now');
const wide = root.querySelector('.cs-wide');
const [before, after, play] = root.querySelectorAll('button');
let timer = 0;
const show = () => {
  const {words, stands} = told[slider.value], x = slider.value * WIDE;
  root.querySelector('.cs-step').textContent = words;
  slider.setAttribute('aria-valuetext', words);
  now.setAttribute('transform', `translate(${x})`);
  const scale = wide.firstChild.offsetWidth / FULL, left = (LEFT + x) * scale;
  wide.scrollLeft = Math.min(wide.scrollLeft, left - LEFT * scale);
  wide.scrollLeft = Math.max(wide.scrollLeft, left + WIDE * scale - wide.clientWidth);
  root.querySelectorAll('.cs-code>div').forEach((column, n) => {
    const [line, mark, kind, text, elsewhere] = stands[n];
    Object.assign(column.querySelector('.cs-else'),
      {textContent: elsewhere, tabIndex: elsewhere ? 0 : -1});
    column.querySelector('em').textContent = text;
    for (const row of column.querySelectorAll('pre>span')) {
      row.className = row.dataset.line == line ? kind : '';
      row.firstChild.textContent = row.className ? mark : ' ';
    }
  });
};
const go = by => { slider.value = +slider.value + by; show(); };
const rest = () => { clearInterval(timer); timer = 0; play.textContent = 'Play'; };
const next = () => { go(1); if (slider.value === slider.max) rest(); };
slider.addEventListener('input', () => { rest(); show(); });
before.addEventListener('click', () => { rest(); go(-1); });
after.addEventListener('click', () => { rest(); go(1); });
play.addEventListener('click', () => {
  if (timer) { rest(); return; }
  if (slider.value === slider.max) go(-slider.max);
  timer = setInterval(next, 1000);
  play.textContent = 'Pause';
});
show();
})()</script>"""
BUTTONS = "".join(
    f'<button type="button" data-lm-suppress-shortcuts="true">{name}</button>'
    for name in ("Previous", "Next", "Play")
)


Source = tuple[int, tuple[str, ...]]  # number of the first line, lines
NO_SOURCE: Source = (0, ())
UNKNOWN = "unknown"  # nothing was found, and not everything was tried
LOOKS = {"ok": ("cs-good", "✓ "), UNKNOWN: ("", "")}  # by verdict; all others are bad
KINDS = {"▶": "now", "▷": "next", "‖": "stuck"}  # what a marker means


class Stands(NamedTuple):
    """Where a thread stands at a moment."""

    line: int
    mark: str  # at that line
    kind: str
    text: str
    elsewhere: str = ""  # the marker with its line, where that is in another function


ENDED = Stands(0, "", "", "has ended")


def page(schedule: Schedule) -> str:
    """The schedule as HTML: lanes with a slider, the source with markers, the table."""
    seen = moments(schedule)
    where = _all_stand(schedule, seen[opens_at(schedule, seen)]) if seen else {}
    code = "".join(
        source(thread, columns(schedule)[thread], schedule.sources.get(thread, NO_SOURCE), each)
        for thread, each in where.items()
    )
    return (
        f'<figure class="cs">{STYLE}<figcaption>{_headed(schedule.verdict, header(schedule))}'
        f'<div>{safe(schedule.because)}</div></figcaption><div class="cs-live"></div>'
        f'<div class="cs-code">{code}</div><details open><summary>As text</summary>'
        f"{PRE}{safe(table(schedule))}</pre></details>{_script(schedule) if seen else ''}</figure>"
    )


def _headed(verdict: str, words: str) -> str:
    """What was found, in the colour of the verdict and with its sign; the rest as it is."""
    said, mark, rest = words.partition(" · ")
    look, sign = LOOKS.get(verdict, ("cs-bad", "✘ "))
    return f'<b class="{look}">{sign}{safe(sentence(said))}</b>{safe(mark + rest)}'


def sentence(words: str) -> str:
    """With a capital letter, as a sentence begins."""
    return words[:1].upper() + words[1:]


def source(thread: str, name: str, lines: Source, stands: Stands) -> str:
    """The source of a thread with its marker, and above it what it does."""
    listing = []
    for number, line in enumerate(_coloured(dedent("\n".join(lines[1]))), lines[0]):
        mark, kind = (stands.mark, stands.kind) if number == stands.line else (" ", "")
        row = f"<span>{mark}</span>{number:>4}  {line}"
        listing.append(f'<span data-line="{number}" class="{kind}">{row}</span>')
    code, tab = "\n".join(listing), ' tabindex="0"' * bool(stands.elsewhere)
    return (
        f'<div class="cs-source"><div><b style="background:{tint(thread)};color:#000">{thread}</b> '
        f"{safe(name)} · <em>{safe(stands.text)}</em></div>{PRE}{code}</pre>"
        f'<pre class="cs-else"{tab}>{safe(stands.elsewhere)}</pre></div>'
    )


def _coloured(code: str) -> list[str]:
    """The lines of a program, as HTML with colours."""
    from pygments.lexers.python import PythonLexer  # a page has it; a report in words needs none

    tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(code)
    html = ""
    for look, alike in groupby(tokens, lambda each: _look(each[0])):
        words = "".join(text for _, text in alike)
        start, stop = (f'<span class="{look}">', "</span>") if look else ("", "")
        html += "\n".join(f"{start}{safe(line)}{stop}" for line in words.split("\n"))
    return html.splitlines()


def _look(kind: Any) -> str:
    """The class of a kind of token; its name has a dot between a group and what is in it."""
    return next((name for group, name, *_ in INKS if f"{kind}.".startswith(f"Token.{group}.")), "")


def stands_at(lines: Source, at: Step | Standing, mark: str, text: str) -> Stands:
    """A thread with a marker where it is, in its own function or in another."""
    inside = lines[0] <= at.line < lines[0] + len(lines[1])
    elsewhere = "" if inside or not at.line else f"{mark}{at.line:>4}  {at.source}"
    return Stands(at.line, mark, KINDS[mark], text, elsewhere)


def _stands(schedule: Schedule, thread: str, moment: Moment) -> Stands:
    """Where a thread stands: at its step, before its next one, waiting, or at its end."""
    step, lines = moment.step, schedule.sources.get(thread, NO_SOURCE)
    if moment.acts and step.thread == thread:
        return stands_at(lines, step, "▶", step.what)
    later = (s for s in schedule.steps[moment.at + 1 :] if s.thread == thread)
    then = next((s for s in later if s.kind not in ("end", "join")), None)
    left = next((s for s in schedule.standing if s.thread == thread and not s.ended), None)
    if thread in step.blocked:
        return stands_at(lines, then or left or step, "‖", waits(step, thread))
    if then or left:
        what = (then or left or step).what.partition(" -> ")[0]
        return stands_at(lines, then or left or step, "▷", f"next: {what}")
    return ENDED


def _all_stand(schedule: Schedule, moment: Moment) -> dict[str, Stands]:
    return {thread: _stands(schedule, thread, moment) for thread in columns(schedule)}


def _words(schedule: Schedule, moment: Moment) -> str:
    """A moment in a line."""
    step = moment.step
    if moment.number == "…":
        return "Here steps are left out."
    if not moment.acts:
        shown = columns(schedule)
        waiting = [f"{who(t)} {waits(step, t)}" for t in step.blocked if t in shown]
        return f"In the end: {', '.join(waiting)}."
    place = f"Step {moment.number} of {len(schedule)}" if moment.number else "No letter of the word"
    over = " A preemption: the thread before could have gone on." if step.preempts else ""
    others = [who(each) for each in woken(schedule.steps).get(moment.at, ())]
    wakes = f" It wakes {listed(others)}." if others else ""
    return f"{place}. {doing(step)}.{over}{wakes}"


def _script(schedule: Schedule) -> str:
    """What puts lanes and slider in place: where no script runs, neither would be of use."""
    drawn = Lanes(schedule)
    first, last = drawn.first, len(drawn.moments) - 1
    told = [
        {"words": _words(schedule, moment), "stands": [*_all_stand(schedule, moment).values()]}
        for moment in drawn.moments
    ]
    start, full = drawn.left + drawn.wide / 2, drawn.full
    live = (
        f'<div class="cs-wide"><div style="min-width:{drawn.least:.0f}px;max-width:{full:.0f}px">'
        f'{drawn}<input type="range" aria-label="step" '
        f'min="0" max="{last}" value="{first}" aria-valuetext="{safe(str(told[first]["words"]))}" '
        f'data-lm-suppress-shortcuts="true" style="margin-left:calc({start / full:.3%} - 8px);'
        f'width:calc({drawn.wide * last / full:.3%} + 16px)"></div></div>'
        f'<div class="cs-go">{BUTTONS}</div>'
        f'<div class="cs-step">{safe(str(told[first]["words"]))}</div>'
    )
    fill = {"TOLD": _literal(told), "LIVE": _literal(live), "WIDE": f"{drawn.wide:.3f}"}
    fill |= {"LEFT": f"{drawn.left:.1f}", "FULL": f"{full:.1f}"}
    return re.sub("|".join(fill), lambda found: fill[found[0]], SCRIPT)


# ------------------------------------------------------- the space of schedules


def space(report: Report) -> str:
    """How many schedules are fine and how many fail; then the simplest that fails."""
    found = report.schedule
    words = f"{verdict(report)}. {counts(report)}." if found else all_fine(report)
    judged = UNKNOWN if report.verdict == "ok" and not report.complete else report.verdict
    more = remarks(report).strip()
    script = SHOW.replace("LIVE", _literal(_shares(report))) if report.counts else ""
    shown = (
        f'<figure class="cs">{STYLE}<figcaption>{_headed(judged, words)}'
        f"{'<br>' * bool(more)}{safe(more).replace(chr(10), '<br>')}</figcaption>"
        f'<div class="cs-live cs-wide"></div>{script}</figure>'
    )
    return shown + (page(found) if found is not None else "")


def _shares(report: Report) -> str:
    """A row for each outcome: a square for each schedule; where they are many, a bar."""
    outcomes = sorted(report.counts.items(), key=lambda item: not is_fine(item[0]))
    total = sum(report.counts.values())
    names = apart((outcome for outcome, _ in outcomes), 36)
    heads = [
        f"{'✓' if is_fine(outcome) else '✘'} {name}"
        for (outcome, _), name in zip(outcomes, names, strict=True)
    ]
    left, body, y, full = 20 + LETTER * max(map(len, heads)), "", 2.0, 0.0
    for head, (outcome, number) in zip(heads, outcomes, strict=True):
        look = f'rx="2" fill="{FINE}"' if is_fine(outcome) else 'rx="2" fill="url(#\0)"'
        look += ' stroke="currentColor" stroke-opacity=".6"'
        boxes = [*_units(number, left, y)] if total <= UNITS else [_share(number / total, left, y)]
        right, bottom = max(x + w for x, _, w in boxes), boxes[-1][1] + SIDE
        body += "".join(rect(x, top, width, SIDE - 3, look) for x, top, width in boxes)
        body += text(2, y + SIDE / 2, head)
        said = f"{digits(number)} of {digits(total)}: {percent(number, total)}"
        body += text(right + 10, y + SIDE / 2, said)
        full = max(full, right + 10 + LETTER * len(said))
        y = bottom + 8
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{safe(counts(report))}" '
        f'viewBox="0 0 {full:.0f} {y:.0f}" fill="currentColor" style="display:block;width:100%;'
        f"min-width:{full * 10 / 12:.0f}px;max-width:{full:.0f}px;height:auto;"
        f'margin:8px 0;font:12px {CODE}">{FAILS}{body}</svg>'
    )
    return own_ids(svg)


def _units(number: int, left: float, y: float) -> Iterator[tuple[float, float, float]]:
    """Squares, so many in a line as a reader still counts."""
    for n in range(number):
        yield left + n % LINE * SIDE, y + n // LINE * SIDE, SIDE - 3


def _share(share: float, left: float, y: float) -> tuple[float, float, float]:
    return left, y, max(2.0, share * (WIDTH - left - 190))


def percent(number: int, total: int) -> str:
    """Never "0%" of what there is, and never "100%" of less than all."""
    share = 100 * number / total
    if share < 0.01:
        return "less than 0.01%"
    for places in range((share < 10) + (share < 1), 3):
        told = f"{share:.{places}f}"
        if number == total or 0 < float(told) < 100:
            return f"{told}%"
    return "more than 99.99%"


def _literal(value: object) -> str:
    """`value` as it stands in a script: no "<" that could end it."""
    return json.dumps(value).replace("<", "\\u003c")
