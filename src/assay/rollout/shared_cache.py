"""Decoding with shared prompts: what rows have in common is stored once and attended to in place, never copied.

Keys and values stand at three levels: the prefix that all prompts of the call share (one copy, or where that is little
one a prompt), each prompt's own ending (one copy a prompt), and each row's completion (a slot in a preallocated buffer). A row's attention is the joint
softmax over the three, by matrix products that batch all rows of a level: exactly what the row would compute alone.
Grouped-query heads need no repetition. Rows enter and leave at any step.

The attention is registered with transformers' AttentionInterface, so that each architecture keeps its own forward.
Not covered: sliding windows, and attention with terms of its own (`takes_tree_attention` knows them, and `agrees`
compares one small forward with the model's own before the cache is used): those models decode from PlainCache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import AttentionInterface

from assay.model.attention import LEAST_SAVED, common_prefix, prefix_clusters, refuse_own_terms, use_attention
from assay.model.head import REFUSALS, find_head, ordinary_tokens

NAME = "assay_shared"
PREFILL_TOKENS = 8192  # prompt tokens computed together
Pair = tuple[Tensor, Tensor]  # keys and values
FEW_TOKENS = 2048  # a prefix is copied to its prompts when that takes fewer: a level less, and four products a layer
FIRST_SLOTS = 64  # positions reserved per row; doubled when they run out


@dataclass(slots=True)
class LayerStore:
    """One layer's keys and values. Hkv key-value heads of width D."""

    prefix: Pair | None = None  # [1, Hkv, C, D]
    suffix: Pair | None = None  # [P, Hkv, S, D]
    own: Pair | None = None  # [slots, Hkv, capacity, D]
    trunk: Pair | None = None  # [1, Hkv, C', D] what some prompts of a prefill share after the prefix
    entering: list[Pair] = field(default_factory=list)  # suffixes of the prefill under way


class SharedCache:
    """The rows of one call of `generate`: `prefill` prompts, `add_rows` on them, `step`, `keep`, in any sequence."""

    admits = True

    def __init__(self, model: Any, device: torch.device, prompts: Sequence[tuple[int, ...]], max_new: int) -> None:
        causal_lm = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._model, self._device, self._max_new = causal_lm, device, max_new
        self._decoder, head = causal_lm.get_decoder(), find_head(causal_lm)
        if head is None:
            raise NotImplementedError(f"{type(causal_lm).__name__} makes its logits in a way of its own")
        self._head = head
        self._layers = [LayerStore() for _ in range(causal_lm.config.num_hidden_layers)]
        self.depth = max(len(prompt) for prompt in prompts) + max_new  # the longest path
        self._mode = "prefix"
        self._columns = common_prefix(prompts)
        self._is_copied = self._columns * len(prompts) <= FEW_TOKENS  # the prefix, to the front of each suffix
        self._level = 0 if self._is_copied else self._columns  # what is left of it as a level of its own
        self._capacity = 0
        # per prompt in the suffix store, per row in the own store
        self._suffix_lengths: list[int] = []
        self._entering: list[int] = []  # suffix lengths of the last prefill
        self._place: list[int] = []  # where each of its prompts stands in what the layers keep of it
        self._owners: list[int] = []
        self._lengths: list[int] = []
        self._step = _Step.empty(device)
        if self._columns:
            self._forward(torch.tensor([prompts[0][: self._columns]], device=device), 0)

    def groups(self, prompts: Sequence[tuple[int, ...]]) -> list[list[int]]:
        """Which prompts may start together: all."""
        return [list(range(len(prompts)))]

    def prefill(self, prompts: Sequence[tuple[int, ...]]) -> Tensor:
        """Logits [P, V] after each prompt; `add_rows` must follow."""
        suffixes = [prompt[self._columns :] for prompt in prompts]
        self._entering = [len(each) for each in suffixes]
        for layer in self._layers:
            layer.entering = []
        order, last = [], []
        for cluster in prefix_clusters(suffixes):
            shared = common_prefix([suffixes[place] for place in cluster]) if len(cluster) > 1 else 0
            shared = shared if shared * (len(cluster) - 1) >= LEAST_SAVED else 0
            trunk = self._read_trunk(suffixes[cluster[0]][:shared])
            for part in _parts([self._entering[place] for place in cluster]):
                order += cluster[part]
                last.append(self._read([suffixes[place][shared:] for place in cluster[part]], trunk))
        for layer in self._layers:
            layer.trunk = None
        self._place = [order.index(place) for place in range(len(prompts))]
        logits: Tensor = self._head(torch.cat(last)[self._place])
        return logits

    def add_rows(self, owners: Sequence[int]) -> None:
        """One row more for each entry of `owners`, the index of its prompt in the last `prefill`."""
        wanted = sorted(set(owners))
        base = self._drop_prompts()
        place = {prompt: base + index for index, prompt in enumerate(wanted)}
        chosen = torch.tensor([self._place[prompt] for prompt in wanted], device=self._device, dtype=torch.long)
        copied = self._columns - self._level
        self._suffix_lengths += [copied + self._entering[prompt] for prompt in wanted]
        width = max(self._suffix_lengths, default=0)
        for layer in self._layers:
            layer.suffix = _joined(layer.suffix, layer.entering, chosen, width) if wanted or base else None
            layer.entering = []
        self._owners += [place[prompt] for prompt in owners]
        self._lengths += [0] * len(owners)
        self._resize(range(len(self._owners) - len(owners)), len(self._owners))
        self._plan()

    def step(self, tokens: Tensor) -> Tensor:
        """Feed one token a row [R]; logits [R, V] of the next."""
        self._mode = "step"
        if max(self._lengths) == self._capacity:
            self._resize(range(len(self._lengths)), len(self._lengths), max(self._lengths) + 1)
        self._step.advance(self._lengths, self._device)
        positions = torch.tensor(
            [
                self._level + self._suffix_lengths[owner] + length
                for owner, length in zip(self._owners, self._lengths, strict=True)
            ],
            device=self._device,
        )
        hidden = self._forward(tokens[:, None], positions[:, None])
        self._lengths = [length + 1 for length in self._lengths]
        logits: Tensor = self._head(hidden[:, 0])
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        self._owners = [self._owners[row] for row in rows]
        self._lengths = [self._lengths[row] for row in rows]
        self._resize(rows, len(rows))
        self._plan()

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Attention output [B, T, H, D] of query [B, H, T, D] over what the mode says, storing key and value."""
        store = self._layers[layer]
        if self._mode == "prefix":
            store.prefix = (key, value)
            return _causal(query, key, value, None, scaling)
        if self._mode == "trunk":
            store.trunk = (key, value)
            return _causal(query, key, value, store.prefix, scaling)
        if self._mode == "suffix":
            before = store.prefix if store.trunk is None else _after(store.prefix, store.trunk, 1)
            store.entering.append(_after(before if self._is_copied else store.trunk, (key, value), len(key)))
            return _causal(query, key, value, before, scaling)
        assert store.own is not None
        own_keys, own_values = store.own
        if (at := self._step.common_at) is not None:
            own_keys[:, :, at : at + 1] = key
            own_values[:, :, at : at + 1] = value
        else:
            own_keys[self._step.rows, :, self._step.at] = key[:, :, 0].to(own_keys.dtype)
            own_values[self._step.rows, :, self._step.at] = value[:, :, 0].to(own_values.dtype)
        return _joint(query, store, self._step, scaling)

    def _read_trunk(self, tokens: Sequence[int]) -> int:
        """Compute what several prompts share after the prefix of all; its length."""
        for layer in self._layers:
            layer.trunk = None
        if tokens:
            self._mode = "trunk"
            self._forward(torch.tensor([tokens], device=self._device), self._columns)
        return len(tokens)

    def _read(self, rests: Sequence[tuple[int, ...]], trunk: int) -> Tensor:
        """Hidden states [p, d] after each of these ends of prompts, which follow on the trunk."""
        self._mode = "suffix"
        lengths = torch.tensor([len(each) for each in rests], device=self._device)
        width = int(lengths.max())
        tokens = torch.tensor([(*each, *(0,) * (width - len(each))) for each in rests], device=self._device)
        hidden = self._forward(tokens, self._columns + trunk)  # [p, width, d]; padding comes after all that counts
        return hidden[torch.arange(len(rests), device=self._device), lengths - 1]

    def _forward(self, tokens: Tensor, positions: Tensor | int) -> Tensor:
        if isinstance(positions, int):
            positions = torch.arange(positions, positions + tokens.shape[1], device=self._device)[None]
        with use_attention(self._model, NAME):
            hidden: Tensor = self._decoder(
                input_ids=tokens, position_ids=positions, use_cache=False, shared=self
            ).last_hidden_state
        return hidden

    def _drop_prompts(self) -> int:
        """Forget the suffixes that no row needs any more; returns how many are left."""
        used = sorted(set(self._owners))
        if len(used) < len(self._suffix_lengths):
            chosen = torch.tensor(used, device=self._device, dtype=torch.long)
            for layer in self._layers:
                if layer.suffix is not None:
                    layer.suffix = (layer.suffix[0][chosen], layer.suffix[1][chosen])
            self._owners = [used.index(owner) for owner in self._owners]
            self._suffix_lengths = [self._suffix_lengths[prompt] for prompt in used]
        return len(used)

    def _resize(self, rows: Sequence[int], count: int, needed: int = 1) -> None:
        """Buffers of `count` slots, the first of them holding what `rows` held, and at least `needed` positions."""
        used = max(self._lengths, default=0)
        if needed > self._capacity:
            self._capacity = min(self._max_new, max(needed, 2 * self._capacity, FIRST_SLOTS))
        for layer in self._layers:
            like = layer.suffix[0] if layer.suffix is not None else None
            if like is None:
                continue
            old, new = layer.own, []
            for level in range(2):
                buffer = like.new_zeros(count, like.shape[1], self._capacity, layer.suffix[level].shape[-1])  # type: ignore[index]
                if old is not None and len(rows) and used:
                    chosen = torch.tensor(list(rows), device=self._device)
                    buffer[: len(rows), :, :used] = old[level][chosen, :, :used]
                new.append(buffer)
            layer.own = (new[0], new[1])

    def _plan(self) -> None:
        self._step = _Step.plan(self._owners, self._suffix_lengths, self._level, self._device)


@dataclass(slots=True)
class _Step:
    """Where each row reads and writes; the same for every layer of a step."""

    rows: Tensor  # [R] 0..R-1
    at: Tensor  # [R] the slot position to write
    common_at: int | None  # that position, where it is the same for all
    longest: int  # positions of the own buffers in use after this step's writing
    prefix: int  # C, 0 where each prompt has a copy
    is_even: bool  # row r is the (r % G)th of prompt r // G
    gather: Tensor  # [P, G] the row that stands there (0 where none does)
    place: Tensor  # [R] each row's place in [P * G]
    suffix_mask: Tensor | None  # [R, 1, S] -inf over padding
    own_mask: Tensor | None  # [R, 1, T]

    @classmethod
    def empty(cls, device: torch.device) -> _Step:
        none = torch.zeros(0, dtype=torch.long, device=device)
        return cls(none, none, None, 0, 0, False, none[None], none, None, None)

    @classmethod
    def plan(cls, owners: Sequence[int], suffixes: Sequence[int], prefix: int, device: torch.device) -> _Step:
        by_prompt: list[list[int]] = [[] for _ in suffixes]
        for row, owner in enumerate(owners):
            by_prompt[owner].append(row)
        width = max((len(each) for each in by_prompt), default=0)
        place = [0] * len(owners)
        for prompt, rows in enumerate(by_prompt):
            for index, row in enumerate(rows):
                place[row] = prompt * width + index
        gather = [[*rows, *(0,) * (width - len(rows))] for rows in by_prompt]
        return cls(
            rows=torch.arange(len(owners), device=device),
            at=torch.zeros(len(owners), dtype=torch.long, device=device),
            common_at=None,
            longest=0,
            prefix=prefix,
            is_even=place == list(range(len(suffixes) * width)),
            gather=torch.tensor(gather, dtype=torch.long, device=device).reshape(len(suffixes), width),
            place=torch.tensor(place, dtype=torch.long, device=device),
            suffix_mask=_padding([suffixes[owner] for owner in owners], max(suffixes, default=0), device),
            own_mask=None,
        )

    def advance(self, lengths: Sequence[int], device: torch.device) -> None:
        self.at = torch.tensor(lengths, device=device)
        self.common_at = lengths[0] if min(lengths) == max(lengths) else None
        self.longest = max(lengths) + 1
        self.own_mask = _padding([length + 1 for length in lengths], self.longest, device)

    def by_prompt(self, states: Tensor) -> Tensor:
        """[R, ..] as [P, G, ..]."""
        return states.unflatten(0, tuple(self.gather.shape)) if self.is_even else states[self.gather]

    def by_row(self, states: Tensor) -> Tensor:
        """The other way round."""
        return states.flatten(0, 1) if self.is_even else states.flatten(0, 1)[self.place]


def _padding(lengths: Sequence[int], width: int, device: torch.device) -> Tensor | None:
    """-inf past each row's length, [R, 1, width]; None when all are full."""
    if all(length == width for length in lengths):
        return None
    beyond = torch.arange(width, device=device) >= torch.tensor(lengths, device=device)[:, None]
    return torch.zeros(beyond.shape, device=device).masked_fill_(beyond, float("-inf"))[:, None]


def _joint(query: Tensor, store: LayerStore, step: _Step, scaling: float) -> Tensor:
    """One query a row over prefix, its prompt's suffix and its own completion: [R, 1, H, D]."""
    assert store.own is not None
    assert store.suffix is not None
    rows, heads, _, width = query.shape
    own_keys, own_values = (each[:, :, : step.longest] for each in store.own)  # [R, Hkv, T, D]
    kv_heads = own_keys.shape[1]
    share = heads // kv_heads
    asked = (query * scaling).reshape(rows, kv_heads, share, width)
    prompts, group = step.gather.shape
    suffix_keys, suffix_values = store.suffix  # [P, Hkv, S, D]
    size, depth = suffix_keys.shape[2], suffix_values.shape[-1]

    # scores[r] = [prefix | suffix | own] for each of the row's heads
    prefix = step.prefix
    scores = torch.empty(rows, kv_heads, share, prefix + size + step.longest, dtype=query.dtype, device=query.device)
    if prefix:
        assert store.prefix is not None
        asked_of_prefix = asked.transpose(0, 1).reshape(kv_heads, rows * share, width)
        seen = asked_of_prefix @ store.prefix[0][0].transpose(1, 2)  # [Hkv, R * share, C]
        scores[..., :prefix] = seen.view(kv_heads, rows, share, prefix).transpose(0, 1)
    asked_of_suffix = step.by_prompt(asked).transpose(1, 2).reshape(prompts, kv_heads, group * share, width)
    seen = asked_of_suffix @ suffix_keys.transpose(2, 3)  # [P, Hkv, G * share, S]
    seen = step.by_row(seen.view(prompts, kv_heads, group, share, size).transpose(1, 2))
    scores[..., prefix : prefix + size] = seen if step.suffix_mask is None else seen + step.suffix_mask[:, None]
    own = asked @ own_keys.transpose(2, 3)  # [R, Hkv, share, T]
    scores[..., prefix + size :] = own if step.own_mask is None else own + step.own_mask[:, None]

    weights = torch.softmax(scores, dim=-1, dtype=torch.promote_types(query.dtype, torch.float32)).to(query.dtype)

    out = weights[..., prefix + size :] @ own_values  # [R, Hkv, share, D]
    spread = step.by_prompt(weights[..., prefix : prefix + size]).transpose(1, 2)  # [P, Hkv, G, share, S]
    found = spread.reshape(prompts, kv_heads, group * share, size) @ suffix_values
    out += step.by_row(found.view(prompts, kv_heads, group, share, depth).transpose(1, 2))
    if prefix:
        assert store.prefix is not None
        spread = weights[..., :prefix].transpose(0, 1).reshape(kv_heads, rows * share, prefix)
        out += (spread @ store.prefix[1][0]).view(kv_heads, rows, share, depth).transpose(0, 1)
    return out.reshape(rows, 1, heads, depth)


def _after(before: Pair | None, here: Pair, rows: int) -> Pair:
    """Keys and values of one stretch [1, Hkv, C, D] with those of the next [rows, Hkv, T, D] behind them."""
    if before is None:
        return here
    keys, values = (
        torch.cat([one.expand(rows, -1, -1, -1), other], dim=2) for one, other in zip(before, here, strict=True)
    )
    return keys, values


def _causal(query: Tensor, key: Tensor, value: Tensor, before: Pair | None, scaling: float) -> Tensor:
    """Causal attention over `key`, after all of `before`: [B, T, H, D]."""
    mask = None
    if before is not None:
        count, new = before[0].shape[2], key.shape[2]
        key = torch.cat([before[0].expand(len(key), -1, -1, -1), key], dim=2)
        value = torch.cat([before[1].expand(len(value), -1, -1, -1), value], dim=2)
        mask = torch.full((new, count + new), float("-inf"), dtype=query.dtype, device=query.device).triu(count + 1)
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    out = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling
    )
    return out.transpose(1, 2)


def _joined(old: Pair | None, parts: Sequence[Pair], chosen: Tensor, width: int) -> Pair:
    """The suffix store with the chosen prompts of a prefill behind it, all padded to `width`."""
    levels = []
    for level in range(2):
        new = torch.cat([_widened(part[level], width) for part in parts])[chosen] if len(parts) else None
        pieces = [_widened(each, width) for each in (old[level] if old is not None else None, new) if each is not None]
        levels.append(torch.cat(pieces))
    return levels[0], levels[1]


def _widened(states: Tensor, width: int) -> Tensor:
    return pad(states, (0, 0, 0, width - states.shape[2]))  # a negative pad cuts: what is cut was padding


def _parts(lengths: Sequence[int]) -> list[slice]:
    """Slices of prompts that come to at most PREFILL_TOKENS, padding included."""
    parts, start, widest = [], 0, 0
    for index, length in enumerate(lengths):
        if index > start and max(widest, length) * (index + 1 - start) > PREFILL_TOKENS:
            parts.append(slice(start, index))
            start, widest = index, 0
        widest = max(widest, length)
    return [*parts, slice(start, len(lengths))]


def shared_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    shared: SharedCache | None = None,
    **terms: Any,
) -> tuple[Tensor, None]:
    if shared is None:
        raise RuntimeError("shared attention needs the rows' cache: sample through assay.rollout.torch_engine")
    refuse_own_terms(module, terms, shared.depth)
    return shared.attend(module.layer_idx, query, key, value, scaling or query.shape[-1] ** -0.5).contiguous(), None


AttentionInterface.register(NAME, shared_attention)


def agrees(model: Any, device: torch.device) -> bool:
    """Whether the shared cache gives the model's own logits on two short prompts and a step of three rows."""
    a, b, c, d, e, f, g = ordinary_tokens(model, 7).tolist()
    prompts = [(a, b, c, d, e), (a, b, c, f)]
    rows = [(*prompts[0], g), (*prompts[1], b), (*prompts[1], c)]
    try:
        cache = SharedCache(model, device, prompts, 2)
        cache.prefill(prompts)
        cache.add_rows([0, 1, 1])
        found = cache.step(torch.tensor([row[-1] for row in rows], device=device))
        wanted = torch.cat([model(input_ids=torch.tensor([row], device=device)).logits[:, -1] for row in rows])
    except REFUSALS:
        return False
    tolerance = 1e-3 if found.dtype == torch.float32 and device.type == "cpu" else 0.1
    return bool((found.log_softmax(-1) - wanted.log_softmax(-1)).abs().max() < tolerance)
