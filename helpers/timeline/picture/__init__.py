"""A Timeline drawn: by matplotlib (`png`), or into the page itself (`svg`)."""

from .png import plot as plot
from .svg import html as html
