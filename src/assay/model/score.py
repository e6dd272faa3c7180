"""Reward models: a transformer whose head gives one number, read from a folder or the hub, or begun from a policy.

On disk a reward model is what AutoModelForSequenceClassification reads; `reward_model.json` beside it says on what scale
its numbers lie (their mean and deviation on held-out answers), so that models of different scales can be paid alike.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import ModelError
from assay.core.records import write_json
from assay.core.rng import derive
from assay.core.types import Json
from assay.model.load import LoadedModel, find_device, load_errors, quiet, save_model

FACTS = "reward_model.json"


@dataclass(frozen=True, slots=True)
class RewardModel:
    """`model` and `head` give a number at every token; that of the last one speaks for the whole sequence."""

    model: Any
    head: nn.Linear
    tokenizer: Any
    eos_ids: frozenset[int]
    name: str
    device: torch.device
    centre: float = 0.0
    spread: float = 1.0

    def raw(self, sequences: Sequence[Sequence[int]], row_tokens: int = 8192) -> list[float]:
        """The number at each sequence's last token."""
        return [values[-1] for values in self.values(sequences, row_tokens)]

    def values(self, sequences: Sequence[Sequence[int]], row_tokens: int = 8192) -> list[list[float]]:
        """The number at every token of each sequence, without a gradient."""
        found: dict[int, list[float]] = {}
        for places in _batches([len(each) for each in sequences], row_tokens):
            longest = max(len(sequences[place]) for place in places)
            tokens = torch.zeros(len(places), longest, dtype=torch.long)
            mask = torch.zeros(len(places), longest, dtype=torch.long)
            for row, place in enumerate(places):
                length = len(sequences[place])
                tokens[row, :length], mask[row, :length] = torch.tensor(sequences[place]), 1
            with torch.no_grad():
                states = self.model.get_decoder()(
                    input_ids=tokens.to(self.device), attention_mask=mask.to(self.device), use_cache=False
                ).last_hidden_state
                numbers: Tensor = self.head(states)[..., 0].float().cpu()
            for row, place in enumerate(places):
                found[place] = numbers[row, : len(sequences[place])].tolist()
        return [found[place] for place in range(len(sequences))]

    def preference(self, raw: float) -> float:
        """In (0, 1) on the model's own scale: the chance to be preferred to an answer of the middling kind; NaN stays NaN."""
        if not math.isfinite(raw):
            return math.nan  # `min` and `max` would make a certainty of it
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, (raw - self.centre) / self.spread))))


def begin_reward_model(loaded: LoadedModel, seed: int = 0) -> RewardModel:
    """A reward model with the policy's trunk (a copy) and a head drawn from N(0, 1 / (width + 1)).

    The head's deviation as in Stiennon et al., arXiv 2009.01325, appendix. Raises ModelError where transformers knows no
    classifier of this architecture.
    """
    from transformers import AutoModelForSequenceClassification

    policy = loaded.model
    if hasattr(policy, "merge_and_unload"):
        policy = copy.deepcopy(policy).merge_and_unload()
    config = copy.deepcopy(policy.config)
    config.id2label, config.label2id = {0: "reward"}, {"reward": 0}
    config.pad_token_id = _padding(loaded)
    with load_errors(loaded.name), quiet(), torch.random.fork_rng():
        torch.manual_seed(derive(seed, "reward model"))
        model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
        head = getattr(model, "score", None)
        if not isinstance(head, nn.Linear):
            raise ModelError(f"reward model: {type(model).__name__} has no linear head `score`")
        nn.init.normal_(head.weight, std=(head.in_features + 1) ** -0.5)
    model.base_model.load_state_dict(policy.base_model.state_dict())
    model = model.to(loaded.device).eval()
    return RewardModel(model, head, loaded.tokenizer, loaded.eos_ids, loaded.name, loaded.device)


def read_reward_model(name: str, device: str = "auto") -> RewardModel:
    """A reward model with its own tokenizer and scale. Raises ModelError."""
    from transformers import AutoTokenizer

    model, head = load_reward_model(name, with_bias=False)
    with load_errors(name, "its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    ends = {tokenizer.eos_token_id, *_listed(getattr(model.config, "eos_token_id", None))} - {None}
    if not ends:
        raise ModelError(f"reward model {name}: its tokenizer names no end token, which answers are scored at")
    place = find_device(device)
    facts = _facts(name)
    return RewardModel(
        model.to(place).eval(),
        head.to(place),
        tokenizer,
        frozenset(int(each) for each in ends),
        name,
        place,
        float(facts.get("centre", 0.0)),
        float(facts.get("spread", 1.0)),
    )


def save_reward_model(reward: RewardModel, folder: Path, facts: Mapping[str, Json] | None = None) -> None:
    """Write a folder that `read_reward_model`, and AutoModelForSequenceClassification, read. Raises OutOfDisk."""
    save_model(reward.model, reward.tokenizer, folder)
    write_json(folder / FACTS, {"centre": reward.centre, "spread": reward.spread, **(facts or {})})


def _facts(name: str) -> dict[str, Json]:
    file = Path(name).expanduser() / FACTS
    if not file.is_file():
        return {}
    facts = json.loads(file.read_text())
    return facts if isinstance(facts, dict) else {}


def _padding(loaded: LoadedModel) -> int | None:
    """A token that no answer ends in: transformers reads the last token that is not padding."""
    if loaded.pad_id not in loaded.eos_ids:
        return loaded.pad_id
    return next((each for each in loaded.tokenizer.all_special_ids if each not in loaded.eos_ids), None)


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]


def _batches(lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Sequences of like lengths together, at most `row_tokens` with their padding where that can be."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= row_tokens:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def load_reward_model(
    name: str, vocabulary: dict[str, int] | None = None, *, with_bias: bool = True
) -> tuple[Any, nn.Linear]:
    """The model (fp32) and its one-number head, as AutoModelForSequenceClassification reads them.

    `vocabulary` is what the tokens mean that the model will be given; a model that reads them otherwise is refused.
    `with_bias`: a head without a bias is given one of 0 to learn (it would not be read from disk again). Raises ModelError.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with load_errors(name), quiet():
        model, found = AutoModelForSequenceClassification.from_pretrained(
            name,
            num_labels=1,
            dtype=torch.float32,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    head = getattr(model, "score", None)
    if not isinstance(head, nn.Linear):
        raise ModelError(f"reward model {name}: {type(model).__name__} has no linear head `score`")
    if found["mismatched_keys"]:
        key, theirs, _ = sorted(found["mismatched_keys"])[0]
        raise ModelError(f"reward model {name}: its {key} has the shape {list(theirs)}, not that of one number")
    if found["missing_keys"]:
        raise ModelError(
            f"reward model {name}: it has no weights for {', '.join(sorted(found['missing_keys'])[:3])}: a model trained "
            f"to give one number (LlamaForSequenceClassification and the like) would be right"
        )
    if vocabulary is not None:
        with load_errors(name, "its tokenizer"):
            theirs = AutoTokenizer.from_pretrained(name, trust_remote_code=False).get_vocab()
        _same_tokens(name, theirs, vocabulary, model.get_input_embeddings().weight.shape[0])
    if head.bias is None and with_bias:
        head.bias = nn.Parameter(torch.zeros(1))
    return model, head


def _same_tokens(name: str, theirs: dict[str, int], ours: dict[str, int], rows: int) -> None:
    another = f"reward model {name}: it has another vocabulary than the policy"
    if not theirs.keys() & ours.keys():
        raise ModelError(f"{another}: the two share no token")
    for token, place in sorted(ours.items(), key=lambda each: each[1]):
        if place >= rows:
            raise ModelError(f"{another}: {token!r} is token {place} to the policy, and the reward model has {rows}")
        if theirs.get(token, place) != place:
            raise ModelError(
                f"{another}: {token!r} is token {place} to the policy and {theirs[token]} to the reward model"
            )
