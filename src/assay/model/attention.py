"""Tree attention over one packed row: a prompt is computed once for all the completions sampled from it.

The row is `[common prefix | suffix 1 | y11 .. y1G | suffix 2 | y21 .. y2G | ...]`: the prefix that all prompts share,
then each prompt's own ending followed by its completions. A completion sees the prefix, its prompt's ending and
itself, which is exactly what it would see alone, so the log-probabilities are those of the plain forward pass
(largest difference 1.5e-5 in fp32 on SmolLM2-135M) without padding and without repeating a prompt.

The attention is registered with transformers' AttentionInterface: every architecture that dispatches through it keeps
its own forward. Not covered: sliding windows shorter than the longest path, and models with state other than keys and
values; `takes_tree_attention` says why, and the caller runs the plain forward instead. Each model is asked once, with a
small row, whether it comes to the same as by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from assay.model.head import REFUSALS, evaluating, ordinary_tokens

NAME = "assay_tree"
LEAST_SAVED = 32  # tokens; what a forward pass of its own costs in reading the weights
LONG_GROUP = 2048  # tokens; above it each completion is a block of its own, so that masks stay small


@dataclass(frozen=True, slots=True)
class Block:
    """Queries `[start, stop)` attend to the key ranges `before` in full, and to themselves through `mask`
    ([queries, keys] additive, None: causally)."""

    start: int
    stop: int
    before: tuple[tuple[int, int], ...]
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Tree:
    """The shape of a packed row: positions [N], blocks in order (they cover the row), and the longest path."""

    positions: Tensor  # [N]
    blocks: tuple[Block, ...]
    depth: int


def common_prefix(prompts: Sequence[tuple[int, ...]]) -> int:
    """Length of the longest common beginning that leaves each prompt at least one token of its own."""
    first, last = min(prompts), max(prompts)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return min(same, min(len(prompt) for prompt in prompts) - 1)


def prefix_clusters(prompts: Sequence[tuple[int, ...]], least: int = LEAST_SAVED) -> list[list[int]]:
    """Prompts (their places, in order) that should have a common beginning of their own, computed once.

    The partition that saves the most tokens, when each cluster must save `least`; those that no cluster takes come last,
    together. Prompts of one sorted order, cut where that pays: clusters are runs in it.
    """
    order = sorted(range(len(prompts)), key=lambda place: prompts[place])
    best = [
        (0, 0, False)
    ]  # of the first n prompts in order: (tokens saved, where the last run starts, whether it saves)
    for stop in range(1, len(order) + 1):
        best.append((best[-1][0], stop - 1, False))
        for start in range(stop - 2, -1, -1):
            common = common_prefix(
                [prompts[order[start]], prompts[order[stop - 1]]]
            )  # of a sorted run's ends, and of all
            if common == 0:
                break
            saved = best[start][0] + common * (stop - start - 1)
            if common * (stop - start - 1) >= least and saved > best[stop][0]:
                best[stop] = saved, start, True
    clusters: list[list[int]] = []
    alone: list[int] = []
    stop = len(order)
    while stop:
        _, start, saves = best[stop]
        if saves:
            clusters.append(sorted(order[start:stop]))
        else:
            alone += order[start:stop]
        stop = start
    return [*sorted(clusters), *([sorted(alone)] if alone else [])]


def build_tree(
    prefix: int, groups: Sequence[tuple[int, Sequence[int]]], device: torch.device, dtype: torch.dtype
) -> Tree:
    """The tree of a common prefix of `prefix` tokens and, per group, (suffix length, completion lengths)."""
    positions: list[Tensor] = [torch.arange(prefix)]
    blocks: list[Block] = [Block(0, prefix, (), None)] if prefix else []
    shared = ((0, prefix),) if prefix else ()
    at, depth = prefix, prefix
    for suffix, lengths in groups:
        start, end = at, at + suffix + sum(lengths)
        positions.append(torch.arange(prefix, prefix + suffix))
        positions += [torch.arange(prefix + suffix, prefix + suffix + length) for length in lengths]
        depth = max(depth, prefix + suffix + max(lengths, default=0))
        if end - start <= LONG_GROUP:
            mask = _group_mask(prefix, suffix, lengths).to(device=device, dtype=dtype)
            blocks.append(Block(start, end, shared, mask))
        else:
            if suffix:
                blocks.append(Block(start, start + suffix, shared, None))
            inner = (*shared, (start, start + suffix)) if suffix else shared
            first = start + suffix
            for length in lengths:
                if length:
                    blocks.append(Block(first, first + length, inner, None))
                first += length
        at = end
    return Tree(torch.cat(positions).to(device), tuple(blocks), depth)


def _group_mask(prefix: int, suffix: int, lengths: Sequence[int]) -> Tensor:
    """0 where a token of the group may look, -inf elsewhere: [group, prefix + group]."""
    owner = torch.cat([torch.zeros(suffix), *(torch.full((length,), i + 1.0) for i, length in enumerate(lengths))])
    order = torch.arange(len(owner))
    sees = (order[:, None] >= order) & ((owner == 0) | (owner[:, None] == owner))  # the suffix, or its own completion
    sees = torch.cat([torch.ones(len(owner), prefix, dtype=torch.bool), sees], dim=1)
    return torch.zeros(sees.shape).masked_fill(~sees, float("-inf"))


def tree_attention(
    module: Any,
    query: Tensor,  # [1, H, N, D]
    key: Tensor,  # [1, Hkv, N, D]
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    tree: Tree | None = None,
    **terms: Any,
) -> tuple[Tensor, None]:
    if tree is None:
        raise RuntimeError("tree attention needs the row's tree: call the model through assay.model.logprobs")
    refuse_own_terms(module, terms, tree.depth)
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:  # grouped queries: sdpa's own grouping leaves the fast CPU kernel
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    # blocks cover the row, and what a block sees before itself are blocks: split once, so that the backward pass joins
    # the pieces instead of adding up a zero-filled row for each slice
    sizes = [block.stop - block.start for block in tree.blocks]
    key_of, value_of = (
        {(block.start, block.stop): piece for block, piece in zip(tree.blocks, whole.split(sizes, dim=2), strict=True)}
        for whole in (key, value)
    )
    out = []
    for block, queries in zip(tree.blocks, query.split(sizes, dim=2), strict=True):
        spans = (*block.before, (block.start, block.stop))
        keys = torch.cat([key_of[span] for span in spans], dim=2) if block.before else key_of[spans[0]]
        values = torch.cat([value_of[span] for span in spans], dim=2) if block.before else value_of[spans[0]]
        mask = block.mask
        if mask is None and block.before:
            mask = _after(keys.shape[2], queries.shape[2], query)
        out.append(
            scaled_dot_product_attention(
                queries, keys, values, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scaling
            )
        )
    return torch.cat(out, dim=2).transpose(1, 2).contiguous(), None  # [1, N, H, D]


def _after(keys: int, queries: int, like: Tensor) -> Tensor:
    """Causal over the last `queries` keys, open over those before them: [queries, keys]."""
    full = torch.full((queries, keys), float("-inf"), dtype=like.dtype, device=like.device)
    return full.triu(keys - queries + 1)


AttentionInterface.register(NAME, tree_attention)

OWN_TERMS = ("s_aux", "softcap", "position_bias")  # sinks, capped scores, biases


def refuse_own_terms(module: Any, terms: Mapping[str, Any], depth: int) -> None:
    """Raises NotImplementedError when a layer asks of its attention what the registered functions do not do."""
    if any(terms.get(name) is not None for name in OWN_TERMS):
        raise NotImplementedError(f"{type(module).__name__} adds terms of its own to its attention")
    window = terms.get("sliding_window")
    if isinstance(window, int) and window < depth:
        raise NotImplementedError(f"{type(module).__name__} has a sliding window of {window} tokens, paths {depth}")


@contextmanager
def use_attention(model: Any, name: str = NAME) -> Iterator[None]:
    """Run `model` with another registered attention, and put its own back."""
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before


def takes_tree_attention(model: Any, depth: int) -> str | None:
    """None when the packed forward is exact for paths of `depth` tokens, else the reason it is not."""
    why_not = refuses_attention(model, depth)
    if why_not is None and model not in _agrees:
        _agrees[model] = _agrees_with_itself(model)
    if why_not is None and not _agrees[model]:
        return f"{type(model).__name__} comes to other hidden states with it than by itself"
    return why_not


def refuses_attention(model: Any, depth: int) -> str | None:
    """Why the attention of `model` cannot be replaced for paths of `depth` tokens, as far as it says so itself."""
    if not getattr(model, "_supports_attention_backend", False):
        return f"{type(model).__name__} does not dispatch its attention through AttentionInterface"
    if getattr(model.config, "is_encoder_decoder", False):
        return f"{type(model).__name__} attends to more than keys and values of the row"
    window = _shortest_window(model)
    if window is not None and window < depth:
        return f"its sliding window of {window} tokens is shorter than the longest path"
    return None


def _shortest_window(model: Any) -> int | None:
    """Of the layers that say so, else of the configuration."""
    config = model.config.get_text_config()
    layers = [module.sliding_window for module in model.modules() if hasattr(module, "sliding_window")]
    if not layers and getattr(config, "use_sliding_window", True):
        layers = [getattr(config, "sliding_window", None)]
    layers.append(getattr(config, "attention_chunk_size", None))
    return min((window for window in layers if isinstance(window, int)), default=None)


_agrees: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def _agrees_with_itself(model: Any) -> bool:
    """Whether a small packed row gives the hidden states of the plain forward: attention may have terms that no setting
    names, and layers a state that runs along the row."""
    decoder = model.get_decoder()
    ids = ordinary_tokens(model, 12)
    tree = build_tree(3, [(2, (3, 1)), (1, (2,))], ids.device, next(model.parameters()).dtype)
    paths = ((0, 1, 2, 3, 4, 5, 6, 7), (0, 1, 2, 3, 4, 8), (0, 1, 2, 9, 10, 11))
    try:
        with torch.no_grad(), evaluating(model):
            with use_attention(model):
                found = decoder(
                    input_ids=ids[None], position_ids=tree.positions[None], use_cache=False, tree=tree
                ).last_hidden_state[0]
            wanted = [decoder(input_ids=ids[list(path)][None], use_cache=False).last_hidden_state[0] for path in paths]
    except REFUSALS:
        return False
    is_exact = found.device.type == "cpu" and found.dtype in (torch.float32, torch.float64)
    tolerance = 1e-3 if is_exact else 0.1
    size = float(torch.cat(wanted).float().square().mean().sqrt())
    return all(
        bool((found[list(path)] - plain).abs().max() <= tolerance * size)
        for path, plain in zip(paths, wanted, strict=True)
    )
