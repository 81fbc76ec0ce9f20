"""An interrupt at any moment leaves nothing behind, in a real kernel; see `interrupts`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interrupts import ANSWERS, ENDS, Kernel

SLOW = """
import time
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    time.sleep(0.005)
whole = True
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    started = Kernel(str(tmp_path))
    yield started
    assert started.end() == []


def test_an_interrupt_of_an_import_arrives_after_it_and_the_module_is_whole(
    kernel: Kernel, tmp_path: Path
) -> None:
    for name, seconds in {"short": 0.3, "other": 0.3, "long": 30}.items():
        (tmp_path / f"{name}.py").write_text(SLOW.format(seconds=seconds))
    kernel.run(f"import helpers, sys, time; sys.path.insert(0, {str(tmp_path)!r})", ENDS)
    cell = "import short, other\nreached = True\nwhile True: time.sleep(0.01)"
    assert kernel.run(cell, ANSWERS, 0.2, kernel.interrupt).status == "KeyboardInterrupt"
    assert kernel.run("assert short.whole; import other; assert other.whole", ENDS).status == "ok"
    assert kernel.run("import long", ANSWERS, 0.2, kernel.interrupt).status == "KeyboardInterrupt"
    assert kernel.run("time.sleep(0.1)", ENDS).status == "ok"
