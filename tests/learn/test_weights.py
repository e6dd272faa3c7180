"""What a token's loss weighs: the three aggregations, and the corrections for another engine's log-probs, by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.core.learning import (
    ConstantLength,
    MaskCorrection,
    NoCorrection,
    SequenceMean,
    TokenMean,
    TruncateCorrection,
)
from assay.learn.weights import importance, token_weights


def total(losses, aggregation, longest=8):
    weights = token_weights([len(each) for each in losses], aggregation, longest)
    return sum(weight * loss for weight, each in zip(weights, losses, strict=True) for loss in each)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (SequenceMean(), 0.75),  # (1 + 0.5) / 2
        (TokenMean(), 2 / 3),  # 4 / 6
        (ConstantLength(), 0.25),  # 4 / (2 x 8)
        (ConstantLength(length=4), 0.5),
    ],
)
def test_two_completions_in_each_aggregation(aggregation, expected):
    assert total([[1.0, 1.0], [0.5] * 4], aggregation) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("aggregation", [SequenceMean(), TokenMean(), ConstantLength()])
def test_a_masked_completion_weighs_nothing_and_counts_for_nothing(aggregation):
    masked = token_weights([2, 0, 4], aggregation, 8)
    left = token_weights([2, 4], aggregation, 8)
    assert masked == [left[0], 0.0, left[1]]
    assert token_weights([0, 0], aggregation, 8) == [0.0, 0.0]
    assert token_weights([], aggregation, 8) == []


lengths = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@given(lengths)
def test_means_weigh_one_in_all(found):
    for aggregation in (SequenceMean(), TokenMean()):
        whole = sum(weight * length for weight, length in zip(token_weights(found, aggregation, 9), found, strict=True))
        assert whole == pytest.approx(1.0 if any(found) else 0.0)


@given(lengths)
def test_a_constant_length_is_linear_in_tokens(found):
    """Unlike the two means, no token's weight depends on how long the completions have become."""
    counted = sum(length > 0 for length in found)
    assert set(token_weights(found, ConstantLength(), 9)) <= {0.0, 1 / (9 * max(1, counted))}


# p_train / p_sampled of two completions: 2 x 2 = 4 and 0.5 x 0.5 x 3.2 = 0.8
RATIOS = (2.0, 2.0, 0.5, 0.5, 3.2)
SEQUENCE = torch.tensor([0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("correction", "expected"),
    [
        (TruncateCorrection(), [2, 2, 0.5, 0.5, 2]),
        (TruncateCorrection(cap=1.5), [1.5, 1.5, 0.5, 0.5, 1.5]),
        (TruncateCorrection(level="sequence"), [2, 2, 0.8, 0.8, 0.8]),
        (TruncateCorrection(cap=8, level="sequence"), [4, 4, 0.8, 0.8, 0.8]),
        (MaskCorrection(low=0.6, high=2.1), [2, 2, 0, 0, 0]),
        (MaskCorrection(low=0.4, high=4), [2, 2, 0.5, 0.5, 3.2]),
        (MaskCorrection(level="sequence"), [0, 0, 0.8, 0.8, 0.8]),
        (MaskCorrection(low=0.9, high=5, level="sequence"), [4, 4, 0, 0, 0]),
    ],
)
def test_corrections_by_token_and_by_sequence(correction, expected):
    sampled = torch.tensor([-1.0, -2, -3, -4, -5], dtype=torch.float64)
    before = sampled + torch.tensor([math.log(ratio) for ratio in RATIOS], dtype=torch.float64)
    found = importance(before, sampled, SEQUENCE, correction)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_no_correction_is_none():
    assert importance(torch.zeros(5), torch.zeros(5), SEQUENCE, NoCorrection()) is None


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("kind", [TruncateCorrection, MaskCorrection])
def test_equal_log_probs_weigh_one(kind, level):
    same = torch.tensor([-1.0, -2, -3, -4, -5])
    assert importance(same, same, SEQUENCE, kind(level=level)).tolist() == [1.0] * 5


def test_a_ratio_beyond_the_numbers_is_masked_or_truncated_not_nan():
    apart = torch.tensor([100.0, 0, 0, 0, 0])  # exp(100) is infinite in fp32
    for level in ("token", "sequence"):
        masked = importance(apart, torch.zeros(5), SEQUENCE, MaskCorrection(level=level))
        assert masked[0] == 0
        assert torch.isfinite(masked).all()
        assert importance(apart, torch.zeros(5), SEQUENCE, TruncateCorrection(level=level))[0] == 2
