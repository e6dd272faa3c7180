"""What docs/concepts/objectives.md and docs/reference/papers.md say: their figures are computed, their files are there."""

import re
from pathlib import Path

import pytest
import torch

from assay.core.learning import ConstantLength, LearnConfig, SequenceMean, TokenMean
from assay.learn.advantage import dr_grpo, grpo, rloo
from assay.learn.weights import token_weights

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = Path(__file__).parents[2] / "src/assay"
OBJECTIVES = (DOCS / "concepts/objectives.md").read_text(encoding="utf-8")
PAPERS = (DOCS / "reference/papers.md").read_text(encoding="utf-8")
ONE_RIGHT = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)


def row(start):
    (found,) = [line for line in OBJECTIVES.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("`grpo`", grpo(ONE_RIGHT)),
        ('`grpo`, `std = "sample"`', grpo(ONE_RIGHT, "sample")),
        ("`dr_grpo`", dr_grpo(ONE_RIGHT)),
        ("`rloo`", rloo(ONE_RIGHT)),
    ],
)
def test_the_table_of_advantages(name, found):
    assert row(name)[-1] == ", ".join(f"{value:.6f}" for value in found.tolist())


@pytest.mark.parametrize(
    ("name", "aggregation"),
    [("`token_mean`", TokenMean()), ("`sequence_mean`", SequenceMean()), ("`constant` (here 8)", ConstantLength())],
)
def test_the_table_of_weights(name, aggregation):
    first, second = token_weights([2, 4], aggregation, 8)
    assert row(name)[-1] == f"{first * 2 * 1.0 + second * 4 * 0.5:.6f}"


def test_the_defaults_are_those_that_are_shipped():
    learn = LearnConfig()
    assert row("`[learn.advantage]`")[-1] == f"`{learn.advantage.kind}`"
    assert row("`[learn.loss]`")[-1] == f"`{learn.loss.kind}`"
    assert row("`[learn.aggregation]`")[-1] == f"`{learn.aggregation.kind}`"
    assert row("`[learn.correction]`")[-1] == f"`{learn.correction.kind}`"
    assert (learn.kl.coefficient, learn.entropy_coefficient, learn.minibatches, learn.epochs) == (0, 0, 1, 1)
    assert f"clip range {learn.loss.clip_low} / {learn.loss.clip_high}" in OBJECTIVES


def test_every_file_that_the_papers_page_names_is_there():
    named = set()
    for folder, names, single in re.findall(r"`(learn|model|reward|recipes)/(?:\{([\w,]+)\}\.py|([\w.]+))", PAPERS):
        named |= {f"{folder}/{each}.py" for each in names.split(",")} if names else {f"{folder}/{single}"}
    assert len(named) > 10
    assert [each for each in sorted(named) if not (SOURCE / each).is_file()] == []
