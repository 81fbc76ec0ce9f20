"""Lesson 06: other right answers than the solution are taken, and near misses are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor

import pytest

from helpers.compare import count_all
from helpers.exercises import find
from helpers.lesson import verdict
from helpers.work.real_work import count_words

Files = Sequence[str]


def by_chunksize(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    """What the solution names as the other way."""
    size = max(1, len(paths) // (4 * workers))
    return sum(pool.map(count_words, paths, chunksize=size), Counter())


def by_submit(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    halves = [pool.submit(count_all, paths[n::workers]) for n in range(workers)]
    return sum((half.result() for half in halves), Counter())


@pytest.mark.parametrize("answer", [by_chunksize, by_submit])
def test_few_trips_are_right_however_they_are_made(answer: object) -> None:
    held, sentence = verdict(find("choosing.chunks"), answer)
    assert held, sentence


def all_in_one_chunk(paths: Files, pool: Executor, workers: int) -> Counter[str]:
    return sum(pool.map(count_words, paths, chunksize=len(paths)), Counter())


def test_one_trip_with_everything_is_not() -> None:
    held, sentence = verdict(find("choosing.chunks"), all_in_one_chunk)
    assert not held
    assert "others had nothing to do" in sentence
