"""Lesson 03: wrong answers of thoughtful learners are refused, unusual right ones are taken.

What a new process must import stands in `process_answers`.
"""

from __future__ import annotations

from typing import Any

import process_answers as answers
import pytest
from test_answers_start import refused, taken

MODULE = {
    answers.as_they_come: "in the order of numbers",
    answers.forked: "a fork",
    answers.forks_itself: "a fork",
    answers.a_lambda: "could not be pickled",
    answers.in_threads: "in this process",
    answers.pairs_of_twos: "in the order of numbers",
    answers.without_twins: "in the order of numbers",
    answers.products_only: "list of pairs",
    answers.makes_up_an_id: "is not the id of a process",
    answers.multiplies_here_too: "in this process, too",
    answers.ids_as_words: "is not the id of a process",
    answers.ids_of_others: "Let the worker multiply",
    answers.lazily: "list(...)",
    answers.forgets_to_return: "returned nothing",
}


@pytest.mark.parametrize("answer", MODULE)
def test_a_wrong_scaled_is_refused(answer: Any) -> None:
    refused("processes.module", answer, MODULE[answer])


SCALED = [
    answers.by_futures,
    answers.starmap,
    answers.by_the_default_context,
    answers.a_process_for_each,
    answers.factor_by_initializer,
]


@pytest.mark.parametrize("answer", SCALED)
def test_an_unusual_right_scaled_is_taken(answer: Any) -> None:
    taken("processes.module", answer)


ENDED = {
    answers.whole_seconds: "ended it before",
    answers.zero_as_false: "the exit code is 0",
    answers.no_signals: "of work that is killed",
    answers.not_looked_at: "came back before its process had ended",
    answers.waits_to_the_end: "until it came to its end",
    answers.code_of_the_kill: "must give None",
    answers.zero_is_false: "of work that returns the exit code is 0",
    answers.too_early: "of work that returns the exit code is 0",
    answers.called_here: "was called in this process",
    answers.waits_twice: "Does it wait twice?",
    answers.sleeps_after_the_join: "Does it wait twice?",
}


@pytest.mark.parametrize("answer", ENDED)
def test_a_wrong_ended_is_refused(answer: Any) -> None:
    refused("processes.ended", answer, ENDED[answer])


ENDED_RIGHT = [answers.by_sentinel, answers.looks_again_and_again, answers.joins_until_the_end]


@pytest.mark.parametrize("answer", ENDED_RIGHT)
def test_an_unusual_right_ended_is_taken(answer: Any) -> None:
    taken("processes.ended", answer)


BILL = {
    answers.as_numbers: "bytes were pickled",
    answers.from_the_beginning: "bytes were pickled",
    answers.as_they_end: "in the order of parts",
    answers.by_part: "in the order of parts",
    answers.sent_for_a_walk: "computed them here",
    answers.views: "cannot pickle",
    answers.asks_and_computes: "computed here, too",
}


@pytest.mark.parametrize("answer", BILL)
def test_wrong_checksums_are_refused(answer: Any) -> None:
    refused("processes.bill", answer, BILL[answer])


@pytest.mark.parametrize("answer", [answers.all_in_one, answers.by_a_block])
def test_unusual_right_checksums_are_taken(answer: Any) -> None:
    taken("processes.bill", answer)


ALBUM = {
    answers.one_kind_of_error: "KeyError",
    answers.for_three_seconds: "has a time-out",
    answers.by_threads: "in the process of the notebook",
    answers.by_one_process: "no two processes",
    answers.the_exceptions_themselves: "the text of the exception",
    answers.tries_again: "there were 10 calls",
    answers.only_what_succeeds: "3 of 7 paths are left out",
}


@pytest.mark.parametrize("answer", ALBUM)
def test_a_wrong_small_is_refused(answer: Any) -> None:
    refused("processes.album", answer, ALBUM[answer])


@pytest.mark.parametrize("answer", [answers.by_a_careful_worker, answers.by_the_older_pool])
def test_an_unusual_right_small_is_taken(answer: Any) -> None:
    taken("processes.album", answer)
