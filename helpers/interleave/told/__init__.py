"""What an exploration has found, in words and pictures; nothing here runs a program but `board`."""

from .html import page as page
from .html import space as space
from .text import because as because
from .text import headline as headline
from .text import report as report
from .text import table as table
