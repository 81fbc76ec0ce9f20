"""Lesson 03b: wrong answers of thoughtful learners are refused, unusual right ones are taken.

What a new process must import stands in `process_answers`.
"""

from __future__ import annotations

from typing import Any

import process_answers as answers
import pytest
from test_answers_start import refused, taken

CRASH = {
    answers.a_process_for_each_different: "",
    answers.who_failed_again: "was begun again",
    answers.sleeps: "",
    answers.joins_for_a_second: "had not ended when you looked",
    answers.knows_one_signal: "other signals",
    answers.signals_only: "exit code above 0",
    answers.stops_at_the_first: "did not notice",
    answers.whole_pool_again: "must be done once",
    answers.joins_the_last: "still running",
    answers.all_but_the_last: "still running",
    answers.kills_them_late: "accused",
    answers.without_trying: "must be done once",
    answers.args_is_the_item: "args must be a tuple",
    answers.calls_it_here: "was called in this process",
    answers.gives_a_set: "must return a list",
}


@pytest.mark.parametrize("answer", CRASH)
def test_wrong_casualties_are_refused(answer: Any) -> None:
    refused("pools.crash", answer, CRASH[answer])


CASUALTIES = [
    answers.three_threads_who_watch,
    answers.one_by_one,
    answers.a_pool_for_each,
    answers.by_their_sentinels,
    answers.from_the_last,
]


@pytest.mark.parametrize("answer", CASUALTIES)
def test_unusual_right_casualties_are_taken(answer: Any) -> None:
    taken("pools.crash", answer)


SHARED = {
    answers.the_whole_block: "whole block",
    answers.fetches_the_bytes: "bytes were pickled",
    answers.asks_for_something: "not for that number",
    answers.echoed: "computed it here",
    answers.gives_the_future: "its result()",
    answers.unlinks: "unlinked it",
    answers.clears: "the bytes of the block have changed",
    answers.closes: "has closed the block",
    answers.in_pieces: "bytes were pickled",
    answers.one_size: "whole block",
    answers.checked_twice: "computed here, too",
}


@pytest.mark.parametrize("answer", SHARED)
def test_a_wrong_checked_is_refused(answer: Any) -> None:
    refused("pools.shared", answer, SHARED[answer])


@pytest.mark.parametrize(
    "answer",
    [answers.by_map, answers.sends_the_block, answers.piece_by_piece, answers.with_its_pid],
)
def test_an_unusual_right_checked_is_taken(answer: Any) -> None:
    taken("pools.shared", answer)


PREPARED = {
    answers.the_pool_of_before: "in the order of words",
    answers.with_every_word: "was sent 12 times",
    answers.looked_up_here: "looked up in this process",
    answers.sends_meanings: "in the order of words",
    answers.walks_of_meanings: "did not get the table",
    answers.prepared_here: "raised KeyError",
    answers.two_for_each_pair: "more than two processes",
    answers.copied_by_fork: "raised KeyError",
    answers.one_worker: "only one process",
}


@pytest.mark.parametrize("answer", PREPARED)
def test_a_wrong_looked_up_is_refused(answer: Any) -> None:
    refused("pools.prepared", answer, PREPARED[answer])


@pytest.mark.parametrize("answer", [answers.two_chunks, answers.two_with_pipes])
def test_an_unusual_right_looked_up_is_taken(answer: Any) -> None:
    taken("pools.prepared", answer)


NUMPY = {
    answers.darkened_twice: "computed here, too",
    answers.gives_a_view: "looks into the block",
    answers.in_one_part: "1 calls went through the pool",
    answers.does_not_wait: "not photo // 2",
    answers.half_here: "all of its rows",
    answers.nothing_for_one: "in one part",
    answers.of_floats: "float64",
    answers.sends_rows: "bytes were pickled",
    answers.overlapping: "not photo // 2",
}


@pytest.mark.parametrize("answer", NUMPY)
def test_a_wrong_darkened_is_refused(answer: Any) -> None:
    refused("pools.numpy", answer, NUMPY[answer])


@pytest.mark.parametrize("answer", [answers.row_by_row, answers.from_block_to_block])
def test_an_unusual_right_darkened_is_taken(answer: Any) -> None:
    taken("pools.numpy", answer)
