"""SFT, reward-model and preference losses against TRL 1.16's own trainers, on the same rows and the same weights.

TRL runs in a process of its own (`trl_losses.py`); it reads the same models and the same rows, in its own columns, that
are read here by `read_conversations`. Tokens are compared too, so that equal losses are not two wrongs.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from assay.core.fitting import (
    Dpo,
    Hinge,
    Ipo,
    Kto,
    Pairwise,
    PreferenceConfig,
    RewardModelConfig,
    RobustDpo,
    SftConfig,
    SimPo,
)
from assay.learn.prefer import Group, answer_logprobs, grouped, prefer
from assay.learn.preference import kto, kto_zero
from assay.learn.reward_model import rate, train_reward_model
from assay.learn.sft import encoded, mean_loss, sft
from assay.model.load import quiet, save_model
from assay.model.score import read_reward_model
from assay.model.tiny import build_tiny
from assay.tasks.conversations import read_conversations

LETTERS = "abcdefgh ?"
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ m['content'] + '<answer>' }}{% endif %}{% endfor %}"
)


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


PAIRS = [
    {"prompt": [user("ab?")], "chosen": [said("ba")], "rejected": [said("abcd")]},
    {"prompt": [user("fgh?")], "chosen": [said("hgf")], "rejected": [said("f")]},
    {"prompt": [user("c?"), said("cc"), user("d?")], "chosen": [said("dd")], "rejected": [said("dc")]},
]
DATA = {
    "sft": {
        "messages": [
            {"messages": [user("ab?"), said("ba"), user("cd?"), said("dcc")]},
            {"messages": [user("e?"), said("eeeee")]},
        ],
        "completion": [{"prompt": "ab", "completion": "ba"}, {"prompt": "abc", "completion": "cbagh"}],
        "chat": [
            {"prompt": [user("ab?")], "completion": [said("ba")]},
            {"prompt": [user("c")], "completion": [said("h g")]},
        ],
        "text": [{"text": "abcabc"}, {"text": "ff"}],
    },
    "reward": {
        "chat": PAIRS,
        "implicit": [{side: each["prompt"] + each[side] for side in ("chosen", "rejected")} for each in PAIRS],
        "plain": [
            {"prompt": "ab?", "chosen": "ba", "rejected": "abcd"},
            {"prompt": "c", "chosen": "d", "rejected": "e"},
        ],
    },
    "dpo": {
        "dpo": {"loss_type": ["sigmoid"], "beta": 0.1},
        "robust": {"loss_type": ["robust"], "beta": 0.3, "label_smoothing": 0.2},
        "ipo": {"loss_type": ["ipo"], "beta": 0.2},
        "hinge": {"loss_type": ["hinge"], "beta": 0.5},
    },
    "pairs": PAIRS,
    "labelled": [
        {"prompt": each["prompt"], "completion": each[side], "label": side == "chosen"}
        for each in PAIRS
        for side in ("chosen", "rejected")
    ],
}
LOSSES = {
    "dpo/dpo": Dpo(beta=0.1),
    "dpo/robust": RobustDpo(beta=0.3, label_smoothing=0.2),
    "dpo/ipo": Ipo(beta=0.2),
    "dpo/hinge": Hinge(beta=0.5),
    "simpo": SimPo(beta=2.0, gamma=1.0),
}


def policy(seed):
    loaded = build_tiny(LETTERS, seed=seed)
    loaded.tokenizer.chat_template = TEMPLATE
    return loaded


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """TRL's losses and batches by name, and the folder that the models stand in."""
    folder = tmp_path_factory.mktemp("trl")
    for seed, name in ((3, "policy"), (4, "reference")):
        save_model(policy(seed).model, policy(seed).tokenizer, folder / name)
    shape = {**policy(3).model.config.to_dict(), "id2label": {0: "reward"}, "label2id": {"reward": 0}}
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(5)
        LlamaForSequenceClassification(LlamaConfig(**shape)).save_pretrained(folder / "reward")
    policy(3).tokenizer.save_pretrained(folder / "reward")
    (folder / "data.json").write_text(json.dumps(DATA))
    program = Path(__file__).with_name("trl_losses.py")
    done = subprocess.run([sys.executable, program, folder], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout), folder


def rows(folder, name, data):
    file = folder / f"{name.replace('/', '-')}.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in data))
    return read_conversations(file)


@pytest.mark.parametrize("name", sorted(DATA["sft"]))
def test_sft(theirs, name):
    found, folder = theirs
    batch = found[f"sft/{name}"]
    examples = rows(folder, name, DATA["sft"][name])
    sequences = encoded(policy(3), examples)
    tokens = [list(each.tokens) for each in sequences]
    assert sorted(tokens) == sorted(
        [token for token, there in zip(row, mask, strict=True) if there]
        for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    )
    assert sorted([list(each.learnt) for each in sequences]) == sorted(
        [label != -100 and place > 0 for place, (label, there) in enumerate(zip(row, mask, strict=True)) if there]
        for row, mask in zip(batch["labels"], batch["attention_mask"], strict=True)
    )
    assert mean_loss(policy(3), sequences, 8192) == pytest.approx(batch["loss"], abs=1e-5)
    (trained,) = sft(policy(3), examples, SftConfig(steps=1), seed=0).losses
    assert trained == pytest.approx(batch["loss"], abs=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_preferences(theirs, name):
    found, folder = theirs
    pairs = rows(folder, "pairs", PAIRS)
    config = PreferenceConfig(loss=LOSSES[name], steps=1)
    (loss,) = prefer(policy(3), pairs, config, seed=0, reference=policy(4)).losses
    assert loss == pytest.approx(found[name]["loss"], rel=2e-5)
    if name != "simpo":
        ours = [[*group.prompt, *answer] for side in (0, 1) for group in grouped(policy(3), pairs, config) for answer in [group.answers[side]]]  # fmt: skip
        assert sorted(ours) == sorted(unpadded(found[name]["input_ids"], found[name]["attention_mask"]))


@pytest.mark.parametrize("name", sorted(DATA["reward"]))
@pytest.mark.parametrize("centre", [0.0, 0.01])
def test_reward_model(theirs, name, centre):
    found, folder = theirs
    batch = found[f"reward/{name}/{centre or 0}"]
    pairs = rows(folder, f"reward-{name}", DATA["reward"][name])
    config = RewardModelConfig(steps=1, objective=Pairwise(centre=centre))
    reward = read_reward_model(str(folder / "reward"), "cpu")
    rated = rate(reward, pairs, config)
    ours = [[*each.prompt, *each.answers[side]] for side in (0, 1) for each in rated]
    assert sorted(ours) == sorted(unpadded(batch["input_ids"], batch["attention_mask"]))
    (loss,) = train_reward_model(reward, pairs, config, seed=0).losses
    assert loss == pytest.approx(batch["loss"], abs=1e-5)


def test_kto(theirs):
    """On TRL's own mismatched answers: which answer is laid under which prompt is each implementation's own choice."""
    found, _ = theirs
    batch = found["kto"]

    def logprobs(loaded, kind):
        groups = []
        for ids, there, mask in zip(*(batch[f"{kind}{key}"] for key in ("input_ids", "attention_mask", "completion_mask")), strict=True):  # fmt: skip
            start = mask.index(1)
            groups.append(Group(tuple(ids[:start]), (tuple(ids[start : sum(there)]),)))
        return torch.tensor([value for (value,) in answer_logprobs(loaded, groups, 8192)])

    zero = kto_zero(logprobs(policy(3), "KL_") - logprobs(policy(4), "KL_"))
    ratios = logprobs(policy(3), "") - logprobs(policy(4), "")
    is_good = torch.tensor([bool(each) for each in batch["label"]])
    assert float(zero) == pytest.approx(batch["zero"], abs=1e-5)
    assert float(kto(ratios, is_good, zero, 0.1, 1.5, 0.5).mean()) == pytest.approx(batch["loss"], abs=1e-5)


def test_kto_as_it_trains_differs_by_its_zero_only(theirs):
    found, folder = theirs
    answers = rows(folder, "labelled", DATA["labelled"])
    config = PreferenceConfig(loss=Kto(beta=0.1, good=1.5, bad=0.5), steps=1)
    fitted = prefer(policy(3), answers, config, seed=0, reference=policy(4))
    groups = grouped(policy(3), answers, config)
    ratios = torch.tensor(answer_logprobs(policy(3), groups, 8192)) - torch.tensor(answer_logprobs(policy(4), groups, 8192))  # fmt: skip
    is_good = torch.tensor([group.is_good for group in groups])
    expected = float(kto(ratios[:, 0], is_good, fitted.history[0]["zero"], 0.1, 1.5, 0.5).mean())
    assert fitted.losses[0] == pytest.approx(expected, abs=1e-6)
    assert abs(fitted.losses[0] - found["kto"]["loss"]) < 0.1


def unpadded(ids, there):
    return [row[: sum(mask)] for row, mask in zip(ids, there, strict=True)]
