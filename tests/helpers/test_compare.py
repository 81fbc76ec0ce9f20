"""Real work by every tool: same results, what was measured, and who is called faster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import compare as compared
from helpers.compare import (
    PAYS,
    START,
    WAYS,
    WITH_START,
    Compared,
    Ready,
    chunked,
    compare,
    count_all,
    cpus_had,
    faster,
    seconds,
    speedups,
    spread,
    without_start,
    workers_that_worked,
)
from helpers.run import RunError
from helpers.timeline import Timeline
from helpers.work import wait
from helpers.work.real_work import count_words, texts

MS = 1_000_000


def timeline(start: int, work: int) -> Timeline:
    """A worker that takes `start` ms to start, and `work` ms for its item."""
    made = Timeline()
    if start:
        made.add(START, "worker 1", 0, start * MS)
    made.add("item", "worker 1", start * MS, (start + work) * MS)
    return made


def runs(serial: int, threads: int, processes: int, start: int = 50) -> dict[str, Timeline]:
    found = timeline(0, serial), timeline(0, threads), timeline(start, processes)
    return dict(zip(WAYS, found, strict=True))


def test_the_same_work_is_done_serially_by_threads_and_by_processes() -> None:
    found = compare(wait, [0.05] * 4, 2)
    assert list(found) == list(WAYS)
    assert [tl.results for tl in found.values()] == [[0.05] * 4] * 3
    assert [workers_that_worked(tl) for tl in found.values()] == [1, 2, 2]
    assert {span.pid for span in found["threads"].spans} == {os.getpid()}
    assert os.getpid() not in {s.pid for s in found["processes"].spans if s.name != START}


def test_the_run_in_the_middle_counts_and_the_others_are_told() -> None:
    times = {"serial": [90, 300, 100], "threads": [50, 40, 45], "processes": [60, 61, 59]}
    made = {way: [timeline(0, each) for each in several] for way, several in times.items()}
    found = Compared(made)
    assert [seconds(found[way]) for way in WAYS] == pytest.approx([0.1, 0.045, 0.06])
    assert spread(found).startswith("Medians, with the shortest and the longest run: ")
    assert "serial 0.10 s (0.09 to 0.30), threads 0.04 s (0.04 to 0.05)" in spread(found)


def test_each_way_is_run_as_often_as_asked() -> None:
    found = compare(wait, [0.01], 1, rounds=2)
    assert {way: len(several) for way, several in found.rounds.items()} == dict.fromkeys(WAYS, 2)


def test_results_that_differ_are_told() -> None:
    with pytest.raises(ValueError, match="pid_of gave other results by processes than serially"):
        compare(pid_of, [1, 2], 2)


def pid_of(x: object) -> int:
    return os.getpid()


def test_an_item_that_fails_is_named() -> None:
    with pytest.raises(RunError, match=r"nowhere\.py.*cannot be read"):
        compare(count_words, ["nowhere.py"], 1)


def test_the_start_of_processes_counts_only_where_it_is_said() -> None:
    row = speedups(runs(serial=100, threads=100, processes=50, start=150))
    assert row == pytest.approx({"threads": 1.0, "processes": 2.0, WITH_START: 0.5})


def test_a_picture_can_do_without_the_starts_and_loses_no_item() -> None:
    found = runs(100, 60, 50, start=150)
    shown = without_start(found)
    assert list(shown) == list(found)
    for way, timeline in shown.items():
        assert timeline.spans == [span for span in found[way].spans if span.name != START]
    assert shown["processes"].elapsed == seconds(found["processes"])


def test_time_without_items_is_none() -> None:
    assert seconds(Timeline()) == 0


@pytest.mark.parametrize(
    ("threads", "processes", "word"),
    [(50, 50, "both"), (50, 90, "threads"), (90, 50, "processes"), (90, 120, "neither")],
)
def test_who_is_clearly_faster_is_said_in_a_word(threads: int, processes: int, word: str) -> None:
    assert 100 / 90 < PAYS < 100 / 50
    assert faster(runs(100, threads, processes)) == word


@pytest.mark.parametrize(
    ("cpu", "usable", "sentence"),
    [
        (0.9, 2, "The workers had 1.8 of 2 usable CPUs."),
        (0.9, 8, "The workers had 1.8 of 8 usable CPUs."),
        (0.5, 2, "The workers had 1.0 of 2 usable CPUs: others kept the rest busy. Run it again "),
        (0.5, 1, "The workers had 1.0 of 1 usable CPU."),
    ],
)
def test_how_many_cpus_there_were_is_told(cpu: float, usable: int, sentence: str) -> None:
    two = Timeline()
    for n in (1, 2):
        two.add(START, f"worker {n}", 0, 50 * MS, 50 * MS)
        two.add("item", f"worker {n}", 50 * MS, 150 * MS, round(cpu * 100 * MS))
    both = {"serial": timeline(0, 200), "threads": timeline(0, 200), "processes": two}
    assert cpus_had(both, usable).startswith(sentence)


def test_a_process_has_imported_what_its_work_needs_before_its_first_item() -> None:
    code = (
        "import pickle, sys; from helpers.compare import Ready; from helpers import work;"
        "data = pickle.dumps(Ready(work.fetch)); [sys.modules.pop('httpx')];"
        "before = 'httpx' in sys.modules; ready = pickle.loads(data);"
        "print(before, 'httpx' in sys.modules, ready.__name__)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True", "fetch"]


def test_a_partial_has_the_name_of_its_function() -> None:
    assert Ready(partial(pow, 2)).__name__ == "pow"
    assert Ready(partial(pow, 2))(3) == 8


@pytest.mark.parametrize("name", compared.NEEDS)
def test_what_is_said_to_be_needed_is_for_work_that_exists(name: str) -> None:
    from helpers import work

    assert callable(getattr(work, name))


@given(st.lists(st.integers()), st.integers(1, 50))
def test_chunks_are_of_one_size_and_lose_nothing(items: list[int], size: int) -> None:
    chunks = chunked(items, size)
    assert [item for chunk in chunks for item in chunk] == items
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}
    assert all(chunk for chunk in chunks)


@pytest.mark.parametrize("size", [0, -1, 1.5, "2"])
def test_a_chunk_must_have_a_size(size: Any) -> None:
    with pytest.raises(ValueError, match="size must be a whole number from 1 on, not"):
        chunked([1], size)


def test_the_words_of_a_chunk_are_those_of_its_files() -> None:
    paths = texts()[:5]
    assert count_all(paths) == sum(map(count_words, paths), Counter())
    assert count_all([]) == Counter()
