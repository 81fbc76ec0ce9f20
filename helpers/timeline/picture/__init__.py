"""A sheet drawn: into the page itself (`svg`), by matplotlib (`png`), or both (`shown`)."""

from .png import plot as plot
from .shown import bundle as bundle
from .shown import bundled as bundled
from .shown import display as display
from .shown import show as show
from .svg import html as html
