"""Packing: every completion token once, predicted from the right place, weighted by one normaliser."""

import pytest
import torch

from assay.core.types import Completion
from assay.learn.batch import Sample, by_completion, pack
from assay.model.attention import common_prefix

CPU = torch.device("cpu")


def sample(prompt, tokens, advantage=1.0):
    return Sample(
        tuple(prompt), Completion("", tuple(tokens), tuple(-0.1 * t for t in tokens)), (advantage,) * len(tokens), 0.1
    )


GROUPS = [
    [sample([1, 2, 3], [10, 11, 12], 1.0), sample([1, 2, 3], [13], -1.0)],
    [sample([1, 2, 4, 5], [14, 15], 0.5), sample([1, 2, 4, 5], [16, 17, 18, 19], -0.5)],
]


def packed(groups=GROUPS, row_tokens=4096):
    return pack(groups, row_tokens=row_tokens, device=CPU)


def test_a_row_by_hand():
    (batch,) = packed()
    row = batch.row
    # [1 2 | 3 | 10 11 | - | 4 5 | 14 | 16 17 18]: the last token of a completion predicts nothing that was sampled
    assert row.tokens.tolist() == [1, 2, 3, 10, 11, 4, 5, 14, 16, 17, 18]
    assert row.tree.positions.tolist() == [0, 1, 2, 3, 4, 2, 3, 4, 4, 5, 6]
    assert row.targets.tolist() == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert row.predictors.tolist() == [2, 3, 4, 2, 6, 7, 6, 8, 9, 10]
    assert batch.advantages.tolist() == [1, 1, 1, -1, 0.5, 0.5, -0.5, -0.5, -0.5, -0.5]
    assert batch.sequence.tolist() == [0, 0, 0, 1, 2, 2, 3, 3, 3, 3]
    assert batch.old is batch.sampled
    assert batch.sampled.tolist() == pytest.approx([-0.1 * token for token in row.targets.tolist()])
    assert float(batch.weights.sum()) == pytest.approx(1.0)
    assert row.tree.depth == 7


@pytest.mark.parametrize("row_tokens", [1, 5, 7, 9, 11, 4096])
def test_each_completion_token_comes_once_whatever_the_rows(row_tokens):
    batches = packed(row_tokens=row_tokens)
    assert torch.cat([batch.row.targets for batch in batches]).tolist() == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert sum(float(batch.weights.sum()) for batch in batches) == pytest.approx(1.0)
    for batch in batches:
        alone = len(batch.row.paths) == 1
        assert alone or len(batch.row.tokens) <= row_tokens


def test_common_prefix_leaves_each_prompt_a_token_of_its_own():
    assert common_prefix([(1, 2, 3), (1, 2, 4)]) == 2
    assert common_prefix([(1, 2, 3), (1, 2, 3)]) == 2
    assert common_prefix([(1, 2), (1, 2, 3)]) == 1
    assert common_prefix([(5,)]) == 0
    assert common_prefix([(1, 2), (3, 4)]) == 0


def test_prompts_of_two_beginnings_go_to_rows_of_their_own_and_come_back_in_order():
    system, one, other = list(range(30)), list(range(100, 180)), list(range(200, 280))
    groups = [
        [sample([*system, *(one if place % 2 else other), 300 + place], [10 + place, 20 + place])] for place in range(6)
    ]
    batches = packed(groups)
    assert [[each.prompt[-1] - 300 for each in batch.samples] for batch in batches] == [[0, 2, 4], [1, 3, 5]]
    assert [len(batch.row.tokens) for batch in batches] == [110 + 3 * 2] * 2  # the beginning stands once
    back = by_completion(groups, batches, lambda batch: batch.row.targets.float())
    assert [[each.tolist() for each in group] for group in back] == [[[10.0 + p, 20.0 + p]] for p in range(6)]


def test_a_short_beginning_is_not_worth_a_row():
    groups = [[sample([place % 2, place % 2, 300 + place], [10])] for place in range(6)]
    assert len(packed(groups)) == 1
