"""Tree attention over one packed row: a prompt is computed once for all the completions sampled from it.

The row is `[common prefix | suffix 1 | y11 .. y1G | suffix 2 | y21 .. y2G | ...]`: the prefix that all prompts share,
then each prompt's own ending followed by its completions. A completion sees the prefix, its prompt's ending and
itself, which is exactly what it would see alone, so the log-probabilities are those of the plain forward pass
(largest difference 1.5e-5 in fp32 on SmolLM2-135M) without repeating a prompt. Only inside the attention are a group's
completions padded, to their own kind's length, so that those of about one length are computed as one batch.

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
ALIKE = 0.75  # completions are padded to one length when the shortest is at least this share of the longest


@dataclass(frozen=True, slots=True)
class Block:
    """`count` stretches of one length, from `start` to `stop`: each attends to the key ranges `before` in full and to
    itself causally, and `mask` [length, before + length] (additive) says so where sdpa's own causal mask does not."""

    start: int
    stop: int
    count: int
    before: tuple[tuple[int, int], ...]
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Tree:
    """The shape of a packed row of N tokens: positions [N], the longest path, and the blocks.

    Blocks cover the padded row of L >= N places, which `spread` makes of the row and `gather` makes the row of again;
    None where the two are the same.
    """

    positions: Tensor  # [N]
    depth: int
    blocks: tuple[Block, ...]
    spread: Tensor | None  # [L] the token that stands at each place
    gather: Tensor | None  # [N] the place of each token


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
    spread: list[Tensor] = [torch.arange(prefix)]
    stands = [(0, prefix, 0)]  # in the row, how many tokens, in the padded row
    blocks: list[Block] = []
    masks: dict[tuple[int, int], Tensor] = {}
    depth = prefix

    def add(count: int, length: int, before: tuple[tuple[int, int], ...]) -> tuple[int, int]:
        start = blocks[-1].stop if blocks else 0
        seen = sum(stop - start for start, stop in before)
        if seen and (seen, length) not in masks:
            masks[seen, length] = _causal_after(seen, length).to(device=device, dtype=dtype)
        blocks.append(Block(start, start + count * length, count, before, masks.get((seen, length))))
        return start, start + count * length

    shared = (add(1, prefix, ()),) if prefix else ()
    at = prefix
    for suffix, lengths in groups:
        positions.append(torch.arange(prefix, prefix + suffix))
        positions += [torch.arange(prefix + suffix, prefix + suffix + length) for length in lengths]
        depth = max(depth, prefix + suffix + max(lengths, default=0))
        inner = shared
        if suffix:
            own = add(1, suffix, shared)
            spread.append(torch.arange(at, at + suffix))
            stands.append((at, suffix, own[0]))
            inner = (*shared, own)
        starts = [at + suffix + sum(lengths[:place]) for place in range(len(lengths))]
        for kind in _kinds(lengths):
            longest = max(lengths[place] for place in kind)
            first, _ = add(len(kind), longest, inner)
            for index, place in enumerate(kind):  # padded with its last token, which nobody looks at
                spread.append(starts[place] + torch.arange(longest).clamp(max=lengths[place] - 1))
                stands.append((starts[place], lengths[place], first + index * longest))
        at += suffix + sum(lengths)
    places = torch.cat(spread)
    if len(places) == at and bool((places == torch.arange(at)).all()):
        return Tree(torch.cat(positions).to(device), depth, tuple(blocks), None, None)
    gather = torch.empty(at, dtype=torch.long)
    for start, length, place in stands:
        gather[start : start + length] = torch.arange(place, place + length)
    return Tree(torch.cat(positions).to(device), depth, tuple(blocks), places.to(device), gather.to(device))


def _kinds(lengths: Sequence[int]) -> list[list[int]]:
    """Completions (their places) of about one length each; without those of none."""
    kinds: list[list[int]] = []
    for place in sorted((place for place, length in enumerate(lengths) if length), key=lambda place: -lengths[place]):
        if kinds and lengths[place] >= ALIKE * lengths[kinds[-1][0]]:
            kinds[-1].append(place)
        else:
            kinds.append([place])
    return [sorted(kind) for kind in kinds]


def _causal_after(seen: int, length: int) -> Tensor:
    """0 over `seen` keys and over what came before in a stretch, -inf elsewhere: [length, seen + length]."""
    return torch.full((length, seen + length), float("-inf")).triu(seen + 1)


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
    if tree.spread is not None:
        query, key, value = (states.index_select(2, tree.spread) for states in (query, key, value))
    repeats = query.shape[1] // key.shape[1]
    is_grouped = repeats > 1
    if is_grouped and query.device.type != "cpu":  # with a mask, sdpa's own grouping leaves the fast kernels there
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
        is_grouped = False
    # split once, so that the backward pass joins the pieces instead of adding up a zero-filled row for each slice
    sizes = [block.stop - block.start for block in tree.blocks]
    key_of, value_of = (
        {(block.start, block.stop): piece for block, piece in zip(tree.blocks, whole.split(sizes, dim=2), strict=True)}
        for whole in (key, value)
    )
    out = []
    for block, queries in zip(tree.blocks, query.split(sizes, dim=2), strict=True):
        here = (block.start, block.stop)
        found = scaled_dot_product_attention(
            _stretches(queries, block.count),
            _after(key_of, block, here),
            _after(value_of, block, here),
            attn_mask=block.mask,
            dropout_p=dropout,
            is_causal=block.mask is None,
            scale=scaling,
            enable_gqa=is_grouped,
        )  # [count, H, length, D]
        out.append(found.transpose(1, 2).flatten(0, 1))
    joined = torch.cat(out)  # [L, H, D]
    if tree.gather is not None:
        joined = joined.index_select(0, tree.gather)
    return joined[None], None  # [1, N, H, D]


def _stretches(states: Tensor, count: int) -> Tensor:
    """[1, H, count * length, D] as [count, H, length, D]."""
    return states if count == 1 else states[0].unflatten(1, (count, -1)).transpose(0, 1)


def _after(pieces: Mapping[tuple[int, int], Tensor], block: Block, here: tuple[int, int]) -> Tensor:
    """What a block's stretches see, [count, H, before + length, D]."""
    own = _stretches(pieces[here], block.count)
    if not block.before:
        return own
    return torch.cat([*(pieces[span].expand(block.count, -1, -1, -1) for span in block.before), own], dim=2)


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
