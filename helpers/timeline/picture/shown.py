"""A picture shown in a notebook, so that every page that may keep it has it, with its words.

What a page gets is HTML: a picture that names two images, SVG first, and a PNG for
whoever takes out the first, as JupyterLab does in a notebook that it does not
trust. The PNG bears the words as its alternative text, which all of them keep; so
do those who show the SVG.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from typing import Any

from ..layout import Page, Picture, captions, headed, words
from ..shapes import Sheet, plain
from .png import png
from .svg import figure, image, legible

# An image follows the system's colours, unless its page says otherwise; an export does not.
THEMES = (
    "<style>[data-jp-theme-light=true] picture{color-scheme:light}"
    "[data-jp-theme-light=false] picture{color-scheme:dark}</style>"
)
MOST = 1.5  # times as long as its PNG an SVG may be


def show(picture: Picture, title: str = "") -> None:
    """Show a timeline, or several on one time scale, with its words; without a notebook, say them.

    Raises TypeError for what is neither.
    """
    display(lambda: bundled(picture, title), headed(title, words(picture)))


def bundled(picture: Picture, title: str = "") -> dict[str, str]:
    """What `show` shows."""
    return bundle(Page(picture, title), headed(title, words(picture)), captions(picture))


def display(drawn: Callable[[], dict[str, str]], text: str) -> None:
    """Show what is drawn where there is a notebook; else print the text."""
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display as publish
    except ImportError:
        print(text)
        return
    if get_ipython() is None:
        print(text)
        return
    shown: Any = publish
    shown(drawn(), raw=True)


def bundle(sheet: Sheet, text: str, caption: str = "", numbers: str = "") -> dict[str, str]:
    """The picture for a page, and its words where nothing but text is shown.

    `numbers` are what a chart shows, for whoever opens them.
    """
    return {"text/html": figure(embedded(sheet, text), caption, numbers), "text/plain": plain(text)}


def embedded(sheet: Sheet, text: str) -> str:
    """The picture as images that need nothing else.

    An SVG of hundreds of bars is far longer than its PNG. It is left out then: notebooks store
    both, and a Git host shows none that is long. Else it is kept, for it follows a dark page.
    """
    dots = "data:image/png;base64," + base64.b64encode(png(sheet)).decode()
    drawn = image(sheet)
    source = (
        f'<source type="image/svg+xml" srcset="{drawn}">' if len(drawn) <= MOST * len(dots) else ""
    )
    style = f"width:100%;min-width:{legible(sheet):.0f}px"
    words = f'<img alt="{escape(plain(text))}" style="{style}" src="{dots}">'
    return f"<picture>{source}{words}</picture>{THEMES * bool(source)}"
