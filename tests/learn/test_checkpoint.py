"""Checkpoints: plain Hugging Face folders that reload, resume exactly, and are whole or not there."""

import errno
import json
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from assay.core.config import LoraConfig, ModelConfig
from assay.core.errors import OutOfDisk, RunFolderError
from assay.core.learning import CriticConfig, LearnConfig
from assay.core.run_folder import RunFolder
from assay.core.types import Completion
from assay.learn import checkpoint
from assay.learn.batch import Sample
from assay.learn.checkpoint import (
    best_checkpoint,
    folder_of,
    latest_checkpoint,
    load_checkpoint,
    mark_best,
    prune,
    save_checkpoint,
)
from assay.learn.policy import Policy
from assay.learn.value import Critic
from assay.model.load import load_model, save_model
from assay.model.tiny import build_tiny

IDS = torch.tensor([[4, 5, 6, 7, 5]])
GROUP = [
    Sample((4, 5), Completion("", (6, 7, 1), (-1.0,) * 3), (1.0,) * 3, 0.2),
    Sample((4, 5), Completion("", (5, 5, 1), (-1.0,) * 3), (-1.0,) * 3, 0.2),
]


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", {"seed": 0})


def policy_of(lora=None, tmp_path=None):
    if lora is None:
        loaded = build_tiny("abcdefgh")
    else:
        tiny = build_tiny("abcdefgh")
        save_model(tiny.model, tiny.tokenizer, tmp_path / "base")
        loaded = load_model(ModelConfig(name=str(tmp_path / "base"), device="cpu", threads=1, lora=lora))
    return Policy(loaded, LearnConfig(learning_rate=1e-2), temperature=1.0)


def update(policy):
    policy.learn([GROUP], 1e-2)
    policy.version += 1


def logits_of(model):
    with torch.no_grad():
        return model(IDS).logits


def test_a_checkpoint_is_a_plain_folder_that_reloads_to_the_same_logits(run):
    policy = policy_of()
    update(policy)
    folder = save_checkpoint(run, policy, 3, {"data_position": 18})
    plain = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert torch.equal(logits_of(plain), logits_of(policy.loaded.model))
    assert AutoTokenizer.from_pretrained(folder).encode("abc") == policy.loaded.tokenizer.encode("abc")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == {
        "step": 3,
        "policy": 1,
        "kl_coefficient": 0.0,
        "config_sha256": run.config_sha256,
        "data_position": 18,
    }
    assert (run.checkpoints / "last").read_text().strip() == folder.name == "step-000003"
    assert latest_checkpoint(run) == folder


def test_training_goes_on_from_it_to_the_last_bit(run):
    policy = policy_of()
    update(policy)
    save_checkpoint(run, policy, 1, {})
    update(policy)
    resumed = policy_of()
    assert load_checkpoint(resumed, folder_of(run, 1))["step"] == 1
    assert resumed.version == 1
    update(resumed)
    for one, other in zip(policy.loaded.model.parameters(), resumed.loaded.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_adapter_is_saved_merged_and_apart_and_resumes(run, tmp_path):
    policy = policy_of(LoraConfig(rank=4), tmp_path)
    for _ in range(3):
        update(policy)
    folder = save_checkpoint(run, policy, 3, {})
    merged = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert torch.allclose(logits_of(merged), logits_of(policy.loaded.model), atol=1e-5)
    assert not torch.allclose(logits_of(merged), logits_of(build_tiny("abcdefgh").model), atol=1e-4)
    assert (folder / "adapter" / "adapter_config.json").is_file()

    resumed = policy_of(LoraConfig(rank=4), tmp_path)
    load_checkpoint(resumed, folder)
    update(policy)
    update(resumed)
    assert torch.equal(logits_of(policy.loaded.model), logits_of(resumed.loaded.model))


def test_a_full_disk_leaves_nothing_behind_and_is_one_sentence(run, monkeypatch):
    policy = policy_of()
    first = save_checkpoint(run, policy, 1, {})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name, raising in (
        ("write_json", full),  # the manifest, after everything else is there
        ("save_model", full),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, name, raising)
            with pytest.raises(OutOfDisk, match=r"no space left on the disk.*--resume"):
                save_checkpoint(run, policy, 2, {})
        assert sorted(each.name for each in run.checkpoints.iterdir()) == ["last", first.name]
    assert latest_checkpoint(run) == first


def test_torchs_own_writer_on_a_full_disk(run, monkeypatch):
    policy = policy_of()

    def full(*_, **__):
        raise RuntimeError("PytorchStreamWriter failed writing file: No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutOfDisk):
        save_checkpoint(run, policy, 1, {})
    assert list(run.checkpoints.iterdir()) == []


def test_the_last_n_and_the_best_are_kept_and_half_written_ones_go(run):
    policy = policy_of()
    for step in range(1, 6):
        save_checkpoint(run, policy, step, {})
    mark_best(run, folder_of(run, 2))
    (run.checkpoints / ".writing-step-000006").mkdir()
    prune(run, keep_last=2)
    assert sorted(each.name for each in run.checkpoints.iterdir()) == [
        "best",
        "last",
        "step-000002",
        "step-000004",
        "step-000005",
    ]
    assert best_checkpoint(run) == "step-000002"


def test_what_is_no_checkpoint_of_this_model_is_refused(run, tmp_path):
    with pytest.raises(RunFolderError, match="not a checkpoint"):
        load_checkpoint(policy_of(), tmp_path)
    folder = save_checkpoint(run, policy_of(), 1, {})
    other = Policy(build_tiny("abcdefgh", layers=1), LearnConfig(), temperature=1.0)
    with pytest.raises(RunFolderError, match="another model"):
        load_checkpoint(other, folder)


def test_a_folder_without_its_manifest_is_not_the_latest(run):
    folder = save_checkpoint(run, policy_of(), 1, {})
    (folder / "manifest.json").unlink()
    assert latest_checkpoint(run) is None


def with_critic():
    """A policy whose reference has a will of its own, an adaptive KL, and a critic."""
    kl = {"coefficient": 0.1, "target": 1e-3, "horizon": 100, "reset_every": 2}
    config = LearnConfig(learning_rate=1e-2, kl=kl)
    policy = Policy(build_tiny("abcdefgh"), config, temperature=1.0)
    return policy, Critic(policy.loaded, CriticConfig(learning_rate=1e-2), config)


def step(policy, critic, reset=False):
    values = critic.values([GROUP])
    fitted = [
        replace(each, values=tuple(value.tolist()), returns=(0.5,) * 3)
        for each, value in zip(GROUP, values[0], strict=True)
    ]
    critic.learn([fitted])
    update(policy)
    if reset:
        policy.reset_reference()


def everything(policy, critic):
    modules = (policy.loaded.model, policy.reference, critic.model, critic.head)
    return torch.cat([each.detach().flatten().double() for module in modules for each in module.parameters()])


def test_a_critic_and_a_reference_that_has_moved_go_on_to_the_last_bit(run):
    policy, critic = with_critic()
    step(policy, critic)
    step(policy, critic, reset=True)
    step(policy, critic)
    folder = save_checkpoint(run, policy, 3, {}, critic)
    assert (folder / "training" / "reference.safetensors").is_file()
    assert (folder / "training" / "critic.pt").is_file()
    assert policy.kl_coefficient != 0.1

    resumed, its_critic = with_critic()
    load_checkpoint(resumed, folder, its_critic)
    assert resumed.kl_coefficient == policy.kl_coefficient
    assert torch.equal(everything(resumed, its_critic), everything(policy, critic))
    for pair in ((policy, critic), (resumed, its_critic)):
        step(*pair)
    assert torch.equal(everything(resumed, its_critic), everything(policy, critic))
    assert resumed.kl_coefficient == policy.kl_coefficient
    assert not torch.equal(
        torch.cat([each.flatten() for each in policy.reference.parameters()]),
        torch.cat([each.flatten() for each in build_tiny("abcdefgh").model.parameters()]),
    )


def test_a_checkpoint_without_what_the_configuration_keeps_is_refused(run):
    policy, critic = with_critic()
    folder = save_checkpoint(run, policy, 1, {})
    with pytest.raises(RunFolderError, match=r"step-000001 holds no critic: it was written by a run without one"):
        load_checkpoint(policy, folder, critic)
    (folder / "training" / "reference.safetensors").unlink()
    with pytest.raises(RunFolderError, match=r"step-000001 holds no reference, which learn\.kl\.reset_every moves"):
        load_checkpoint(policy, folder)
