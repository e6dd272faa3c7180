from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.measure.passk import Vote, maj_at_k, pass_at_k


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (16, 4, 1, 0.25),
        (16, 4, 8, 0.9615384615),
        (8, 3, 5, 0.9821428571),
        (4, 0, 4, 0.0),
        (4, 4, 1, 1.0),
        (4, 1, 4, 1.0),
    ],
)
def test_goldens(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-10)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_it_is_the_share_of_subsets_that_hold_a_right_one(case: tuple[int, int, int]) -> None:
    n, c, k = case
    holding = sum(any(index < c for index in subset) for subset in combinations(range(n), k))
    assert pass_at_k(n, c, k) == pytest.approx(holding / comb(n, k))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 5), (4, 2, 0)])
def test_impossible_counts_are_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@k needs"):
        pass_at_k(n, c, k)


def votes(text: str) -> list[Vote]:
    """R: right; a letter: that wrong answer; -: no answer."""
    return [Vote(sign == "R", None if sign == "-" else sign) for sign in text]


@pytest.mark.parametrize(
    ("said", "k", "expected"),
    [
        ("RRab", 4, 1.0),  # two wrong answers that differ do not add up
        ("Raab", 4, 0.0),
        ("RRaa", 4, 0.5),  # a tie counts half
        ("R---", 4, 1.0),  # silence does not vote
        ("----", 4, 0.0),
        ("RaaR", 2, 0.5),  # two blocks of two: both ties
        ("RRaab", 2, 0.5),  # the fifth belongs to no whole block
    ],
)
def test_majorities(said: str, k: int, expected: float) -> None:
    assert maj_at_k(votes(said), k) == expected


def test_right_answers_in_different_words_vote_together() -> None:
    assert (
        maj_at_k([Vote(True, "1/2"), Vote(True, "0.5"), Vote(False, "2"), Vote(False, "2"), Vote(True, ".5")], 5) == 1.0
    )
