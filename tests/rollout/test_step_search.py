import pytest

from assay.core.types import Message
from assay.model.tiny import build_tiny
from assay.rollout.engine import Sampling
from assay.rollout.step_search import search_steps
from assay.rollout.torch_engine import TorchEngine

LETTERS = "abcd"
PROMPTS = [(Message("user", "ab"),), (Message("user", "c"),)]
STEP = Sampling(1, temperature=1.0)


@pytest.fixture(scope="module")
def loaded():
    return build_tiny(LETTERS)


def search(loaded, score, **more):
    how = {"beams": 2, "branches": 4, "step": STEP, "most_tokens": 6, "eos_ids": loaded.eos_ids, "seed": 0, **more}
    return search_steps(TorchEngine(loaded), PROMPTS, score, **how)


def test_it_follows_the_score(loaded):
    """A score that likes one letter finds answers of it where plain sampling gives it one time in eight."""
    liked = loaded.tokenizer.convert_tokens_to_ids("a")

    def score(asked):
        return [sum(token == liked for token in answer) / max(1, len(answer)) for _, answer in asked]

    found = search(loaded, score, branches=48)
    blind = search(loaded, lambda asked: [0.0] * len(asked), branches=48)
    for one, other in zip(found, blind, strict=True):
        assert one.score == one.answer.count(liked) / len(one.answer)
        assert one.answer.count(liked) >= 4 > other.answer.count(liked)


def test_it_counts_all_that_was_sampled_and_ends_where_an_answer_ends(loaded):
    found = search(loaded, lambda asked: [0.0] * len(asked), beams=1, branches=3)
    for each in found:
        steps = len(each.answer)
        assert each.tokens == 3 * steps
        assert steps == 6 or each.answer[-1] in loaded.eos_ids
        assert not set(each.answer[:-1]) & loaded.eos_ids


def test_a_score_knows_whose_prompt_it_is(loaded):
    seen = set()

    def score(asked):
        seen.update(which for which, _ in asked)
        return [-len(answer) for _, answer in asked]

    search(loaded, score)
    assert seen == {0, 1}


def test_the_same_seed_finds_the_same(loaded):
    def score(asked):
        return [float(sum(answer) % 7) for _, answer in asked]

    assert search(loaded, score) == search(loaded, score)
    assert search(loaded, score) != search(loaded, score, seed=1)
