"""The packed row gives the log-probabilities of the plain forward, for every architecture tried, and its gradients."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    Starcoder2Config,
)

from assay.core.types import Completion
from assay.learn.batch import Sample, pack
from assay.model import attention
from assay.model.attention import common_prefix, prefix_clusters, takes_tree_attention
from assay.model.logprobs import chosen_logprobs, loss_of

SHAPE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
CONFIGS = {
    "llama": LlamaConfig(**SHAPE, num_key_value_heads=4),
    "llama, grouped queries, tied": LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**SHAPE, num_key_value_heads=2),
    "qwen3": Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=16),
    "mistral": MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=None),
    "gemma": GemmaConfig(**SHAPE, num_key_value_heads=1, head_dim=8),
    "phi3": Phi3Config(**SHAPE, num_key_value_heads=2),
    "starcoder2": Starcoder2Config(**SHAPE, num_key_value_heads=2, sliding_window=None),
}


def build(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


def some_groups(seed=0, prompts=3, samples=4, common=5):
    draw = torch.Generator().manual_seed(seed)

    def ids(length):
        return tuple(torch.randint(1, 61, (length,), generator=draw).tolist())

    shared = ids(common)
    groups = []
    for place in range(prompts):
        prompt = shared + ids(2 + place)
        lengths = torch.randint(1, 9, (samples,), generator=draw).tolist()
        groups.append(
            [
                Sample(prompt, Completion("", ids(length), (-1.0,) * length), (advantage,) * length, 1.0)
                for length, advantage in zip(lengths, torch.randn(samples, generator=draw).tolist(), strict=True)
            ]
        )
    return groups


def plain_logprobs(model, groups, temperature=1.0):
    found = []
    with torch.no_grad():
        for group in groups:
            for prompt, completion, _ in ((each.prompt, each.completion.tokens, 0) for each in group):
                logits = model(torch.tensor([[*prompt, *completion]])).logits[0] / temperature
                chosen = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
                found.append(chosen.gather(-1, torch.tensor(completion)[:, None])[:, 0])
    return torch.cat(found)


def packed(groups, **options):
    return pack(groups, **{"row_tokens": 4096, "device": torch.device("cpu"), **options})


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_packed_row_is_exact(name, temperature):
    model, groups = build(CONFIGS[name]), some_groups()
    assert takes_tree_attention(model, 64) is None
    (batch,) = packed(groups)
    difference = chosen_logprobs(model, batch.row, temperature) - plain_logprobs(model, groups, temperature)
    assert difference.abs().max() < 5e-5


@pytest.mark.parametrize("alike", [0.0, 0.75, 1.0])
def test_completions_are_padded_to_their_kinds_length_and_stay_exact(alike, monkeypatch):
    monkeypatch.setattr(attention, "ALIKE", alike)
    model, groups = build(CONFIGS["llama, grouped queries, tied"]), some_groups()
    (batch,) = packed(groups)
    tree = batch.row.tree
    assert (tree.blocks[-1].stop > len(batch.row.tokens)) == (alike < 1)
    assert (chosen_logprobs(model, batch.row) - plain_logprobs(model, groups)).abs().max() < 5e-5


def test_completions_of_one_length_need_no_padding():
    model, groups = build(CONFIGS["llama"]), some_groups()
    for group in groups:
        for place, sample in enumerate(group):
            completion = Completion("", tuple(range(5 + place, 10 + place)), (-1.0,) * 5)
            group[place] = Sample(sample.prompt, completion, (1.0,) * 5, 1.0)
    (batch,) = packed(groups)
    assert batch.row.tree.spread is None
    assert (chosen_logprobs(model, batch.row) - plain_logprobs(model, groups)).abs().max() < 5e-5


def test_a_wrong_tree_is_not_exact():
    # the tests above can fail: let a completion see what comes after
    model, groups = build(CONFIGS["llama"]), some_groups()
    (batch,) = packed(groups)
    for block in batch.row.tree.blocks:
        if block.mask is not None:
            block.mask.zero_()
    assert (chosen_logprobs(model, batch.row) - plain_logprobs(model, groups)).abs().max() > 1e-3


def test_no_common_prefix_and_single_groups():
    model = build(CONFIGS["llama"])
    for groups in (some_groups(common=0), some_groups(prompts=1), some_groups(prompts=1, samples=1)):
        (batch,) = packed(groups)
        assert (chosen_logprobs(model, batch.row) - plain_logprobs(model, groups)).abs().max() < 5e-5


def test_a_short_sliding_window_runs_the_plain_forward_exactly(caplog):
    model = build(MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=6))
    groups = some_groups()
    assert "sliding window" in (takes_tree_attention(model, 64) or "")
    (batch,) = packed(groups)
    assert (chosen_logprobs(model, batch.row) - plain_logprobs(model, groups)).abs().max() < 5e-5


def test_the_models_own_attention_is_put_back():
    model = build(CONFIGS["llama"])
    before = model.config._attn_implementation
    (batch,) = packed(some_groups())
    chosen_logprobs(model, batch.row)
    assert model.config._attn_implementation == before


def gradients(model, batches):
    model.zero_grad()
    for batch in batches:
        weight = batch.advantages * batch.weights
        loss, _, _ = loss_of(
            model, batch.row, 0.9, lambda logprobs, entropies, part, weight=weight: -(weight[part] * logprobs.square())
        )
        loss.backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


# Llama's norms compute in fp32 whatever the weights' type; Starcoder2's are in fp64 throughout
@pytest.mark.parametrize(
    ("name", "tolerance"), [("llama, grouped queries, tied", 1e-6), ("llama", 1e-6), ("starcoder2", 1e-10)]
)
def test_gradients_do_not_depend_on_the_packing_and_match_autograd(name, tolerance):
    model, groups = build(CONFIGS[name]).double(), some_groups()
    reference = gradients(model, packed(groups, dtype=torch.float64))
    for row_tokens in (1, 12, 30, 50):
        other = gradients(model, packed(groups, dtype=torch.float64, row_tokens=row_tokens))
        assert (other - reference).norm() <= tolerance * reference.norm()
    reordered = gradients(model, packed(groups[::-1], dtype=torch.float64))
    assert (reordered - reference).norm() <= tolerance * reference.norm()

    model.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for group in groups:
        for each in group:
            logits = model(torch.tensor([[*each.prompt, *each.completion.tokens]])).logits[0].double() / 0.9
            chosen = torch.log_softmax(logits, -1)[len(each.prompt) - 1 : -1]
            picked = chosen.gather(-1, torch.tensor(each.completion.tokens)[:, None])
            total = total - each.advantages[0] * each.weight * picked.square().sum()
    total.backward()
    plain = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    assert (reference - plain).norm() <= max(tolerance, 1e-6) * plain.norm()


def test_chunks_of_the_head_change_nothing(monkeypatch):
    model, groups = build(CONFIGS["llama"]), some_groups()
    (batch,) = packed(groups)
    whole = loss_of(model, batch.row, 1.0, lambda logprobs, entropies, part: logprobs * batch.weights[part])
    monkeypatch.setattr("assay.model.logprobs.CHUNK_ELEMENTS", 61 * 3)
    cut = loss_of(model, batch.row, 1.0, lambda logprobs, entropies, part: logprobs * batch.weights[part])
    for one, other in zip(whole, cut, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_entropy_is_that_of_the_distribution():
    model, groups = build(CONFIGS["llama"]), some_groups(prompts=1, samples=1)
    (batch,) = packed(groups)
    _, _, entropies = loss_of(model, batch.row, 1.0, lambda logprobs, entropies, part: logprobs * 0)
    each = groups[0][0]
    with torch.no_grad():
        logits = model(torch.tensor([[*each.prompt, *each.completion.tokens]])).logits[0, len(each.prompt) - 1 : -1]
    expected = torch.distributions.Categorical(logits=logits).entropy()
    assert torch.allclose(entropies, expected, atol=1e-5)


def computed(prompts, clusters):
    """Tokens to compute when each cluster's common beginning is computed once."""
    total = 0
    for cluster in clusters:
        here = [prompts[place] for place in cluster]
        shared = common_prefix(here) if len(here) > 1 else 0
        total += shared + sum(len(prompt) - shared for prompt in here)
    return total


def test_prompts_of_two_families_make_two_clusters():
    first, second = tuple(range(100, 150)), tuple(range(200, 260))
    prompts = [(*first, 1, 2), (*second, 3), (*first, 4), (*second, 5, 6), (7, 8, 9), (*second, 10)]
    clusters = prefix_clusters(prompts)
    assert clusters == [[0, 2], [1, 3, 5], [4]]
    assert computed(prompts, clusters) == 50 + 3 + 60 + 4 + 3


def test_a_beginning_that_all_share_is_given_up_only_for_a_longer_one():
    system = tuple(range(20))
    first, second = system + tuple(range(100, 160)), system + tuple(range(200, 260))
    prompts = [(*first, 1), (*first, 2), (*second, 1), (*second, 2)]
    assert prefix_clusters(prompts) == [[0, 1], [2, 3]]
    assert prefix_clusters([(*system, place, 1) for place in range(30, 34)]) == [[0, 1, 2, 3]]


def test_nothing_worth_sharing_is_one_cluster_and_none_is_none():
    assert prefix_clusters([]) == []
    assert prefix_clusters([(1, 2, 3), (1, 2, 4), (5, 6)]) == [[0, 1, 2]]
    assert prefix_clusters([(5,)]) == [[0]]
    assert prefix_clusters([tuple(range(40))] * 2) == [[0, 1]]


@pytest.mark.parametrize("seed", range(8))
def test_no_other_partition_saves_more(seed):
    draw = torch.Generator().manual_seed(seed)

    def ids(length):
        return tuple(torch.randint(0, 2, (length,), generator=draw).tolist())

    stems = [ids(3), ids(4)]
    prompts = [stems[place % 2] + ids(3) for place in range(6)]
    clusters = prefix_clusters(prompts, least=1)
    assert sorted(place for cluster in clusters for place in cluster) == list(range(6))
    assert computed(prompts, clusters) == min(computed(prompts, each) for each in partitions(list(range(6))))


def partitions(places):
    if not places:
        yield []
        return
    for rest in partitions(places[1:]):
        yield [places[:1], *rest]
        for index, part in enumerate(rest):
            yield [*rest[:index], [places[0], *part], *rest[index + 1 :]]
