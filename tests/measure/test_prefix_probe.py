"""The prefix probe: what counts as known, what is left out, and a decoder that was really made to learn prompts by heart."""

import pytest
import torch

from assay.core.errors import UsageError
from assay.core.statistics import wilson
from assay.measure.prefix_probe import probe
from assay.model.continuation import continue_text
from assay.model.load import LoadedModel
from assay.model.tiny import build_tiny

torch.set_num_threads(1)

TEXTS = [
    "the old clock in the hall strikes nine when nobody is there to hear it",
    "a red boat crosses the bay each morning with bread for the small island",
    "seven tired horses walk behind the mill and turn the heavy wheel all day",
    "my aunt keeps her letters in a tin box under the stairs of her house",
    "the last train of the evening carries only a dog and a man asleep",
    "two brothers built a bridge of rope between the tallest trees they found",
]
PLACED = [(f"row {i}", text) for i, text in enumerate(TEXTS)]


def by_heart(begin: str, most: int) -> str:
    return next(text[len(begin) :] for text in TEXTS if text.startswith(begin))


def test_who_knows_them_all_and_who_knows_none() -> None:
    found = probe("m", PLACED, by_heart)
    assert (found.probed, found.verbatim, found.begun, found.rate) == (6, 6, 1.0, 1.0)
    assert found.interval == wilson(6, 6)
    assert {each.begin + each.rest for each in found.known} <= set(TEXTS)
    nobody = probe("m", PLACED, lambda begin, most: "and so on and so on and so on")
    assert (nobody.verbatim, nobody.known) == (0, ())


def test_a_rest_counts_only_when_all_of_it_comes() -> None:
    found = probe("m", PLACED, lambda begin, most: " ".join(by_heart(begin, most).split()[:-1]))
    assert found.verbatim == 0
    assert 0.7 < found.begun < 1
    more = probe("m", PLACED, lambda begin, most: by_heart(begin, most).upper() + ", and then some more")
    assert more.verbatim == 6  # case, marks and what comes after do not matter


def test_an_end_that_most_share_is_taken_off() -> None:
    behind = "\n\nPut the final answer in  a box."
    same = [(f"row {i}", text + behind) for i, text in enumerate(TEXTS)]
    assert probe("m", same, by_heart) == probe("m", PLACED, by_heart)
    assert probe("m", [*same[:5], PLACED[5]], by_heart).verbatim == 6


def test_ends_that_anybody_completes_are_left_out() -> None:
    ends = (" how many boxes does the whole shop hold at night", " and what do three of them cost in the other shop")
    same = [(f"row {i}", f"{text.split()[0]} {text.split()[1]} {i}{ends[i % 2]}") for i, text in enumerate(TEXTS)]
    found = probe("m", same, lambda begin, most: "")
    assert (found.probed, found.left_out) == (0, 6)
    assert "none was probed" in found.sentence()
    short = probe("m", [*PLACED, ("row 9", "what is three times four")], by_heart)
    assert (short.probed, short.left_out) == (6, 1)


def test_some_prompts_are_the_same_some_each_time() -> None:
    two, four = (probe("m", PLACED, by_heart, most=n) for n in (2, 4))
    assert (two.probed, four.probed) == (2, 4)
    assert set(two.known) <= set(four.known)
    with pytest.raises(UsageError, match="no prompt"):
        probe("m", [], by_heart)


@pytest.fixture(scope="module")
def learnt() -> LoadedModel:
    """A decoder trained on the first three sentences until they sit."""
    loaded = build_tiny("abcdefghijklmnopqrstuvwxyz ", seed=0)
    model = loaded.model.train()
    ends = [loaded.tokenizer.eos_token_id]
    rows = [torch.tensor(loaded.tokenizer(text).input_ids + ends) for text in TEXTS[:3]]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        loss = sum(model(input_ids=row[None], labels=row[None]).loss for row in rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3
    model.eval()
    return loaded


def test_a_decoder_knows_what_it_learnt_and_nothing_else(learnt: LoadedModel) -> None:
    found = probe("tiny", PLACED, lambda begin, most: continue_text(learnt, begin, most))
    assert found.probed == 6
    assert {each.place for each in found.known} == {"row 0", "row 1", "row 2"}
    low, high = found.interval
    assert low < 0.5 < high
    assert "completes 3 of 6 prompts word for word" in found.sentence()


def test_going_on_is_greedy_decoding(learnt: LoadedModel) -> None:
    given = learnt.tokenizer(TEXTS[3][:20], return_tensors="pt").input_ids
    whole = learnt.model.generate(given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=40)
    text = learnt.tokenizer.decode(whole[0, given.shape[1] :], skip_special_tokens=True)
    said = continue_text(learnt, TEXTS[3][:20], 3)
    assert len(said.split()) >= 3
    assert text.startswith(said)
