from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.measure.passk import Vote, maj_at_k, pass_at_k
from assay.measure.selection import best_of_n, weighted_vote

SAMPLES = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=7)


@given(SAMPLES, st.data())
def test_best_of_n_is_the_mean_over_all_subsets(samples, data):
    n = data.draw(st.integers(1, len(samples)))
    chances = []
    for chosen in combinations(samples, n):
        top = max(score for _, score in chosen)
        best = [is_right for is_right, score in chosen if score == top]
        chances.append(sum(best) / len(best))
    passes, scores = [each for each, _ in samples], [float(each) for _, each in samples]
    assert best_of_n(passes, scores, n) == pytest.approx(sum(chances) / len(chances), abs=1e-12)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_a_perfect_selector_is_pass_at_n_and_a_blind_one_pass_at_1(passes, data):
    n = data.draw(st.integers(1, len(passes)))
    perfect = best_of_n(passes, [float(each) for each in passes], n)
    assert perfect == pytest.approx(pass_at_k(len(passes), sum(passes), n), abs=1e-12)
    assert best_of_n(passes, [0.0] * len(passes), n) == pytest.approx(sum(passes) / len(passes), abs=1e-12)
    assert best_of_n(passes, [-float(each) for each in passes], n) <= sum(passes) / len(passes) + 1e-12


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", None])), min_size=1, max_size=9), st.data())
def test_equal_weights_are_the_plain_majority(drawn, data):
    votes = [Vote(*each) for each in drawn]
    n = data.draw(st.integers(1, len(votes)))
    assert weighted_vote(votes, [2.0] * len(votes), n) == pytest.approx(maj_at_k(votes, n), abs=1e-12)


def test_a_heavy_vote_outweighs_two_light_ones():
    votes = [Vote(True, "4"), Vote(False, "5"), Vote(False, "5")]
    assert maj_at_k(votes, 3) == 0.0
    assert weighted_vote(votes, [0.9, 0.2, 0.3], 3) == 1.0
    assert weighted_vote(votes, [0.5, 0.2, 0.3], 3) == 0.5
    assert weighted_vote([Vote(False, None)], [1.0], 1) == 0.0


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="best of n needs"):
        best_of_n([True], [1.0], 2)
    with pytest.raises(ValueError, match="best of n needs"):
        best_of_n([True, False], [1.0], 1)
    with pytest.raises(ValueError, match="a weight of 0 or more"):
        weighted_vote([Vote(True, "a")], [-1.0], 1)
