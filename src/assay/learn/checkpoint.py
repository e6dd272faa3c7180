"""Checkpoints: an HF folder that any tool loads, with what a bit-exact resume needs beside it.

    checkpoints/step-000010/
      config.json, model.safetensors, tokenizer...   plain AutoModelForCausalLM (LoRA: merged)
      adapter/                                       LoRA only: the peft folder
      training/optimiser.pt                          AdamW's state (tensors and numbers only)
      training/reference.safetensors                 only where learn.kl.reset_every moves the reference
      training/lagged.pt                             only with rollout.max_lag: the weights that batches are still sampled with
      training/critic.pt                             only with a critic: weights, head and optimiser
      manifest.json                                  step, policy version, data position, config and verifier hashes

Randomness is counter-based, so seed and step are all of its state. A folder is written under a temporary name and
renamed, its manifest written last: a checkpoint is whole or not there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from assay.core.errors import RunFolderError
from assay.core.records import disk_errors, write_json, write_text
from assay.core.run_folder import RunFolder
from assay.core.types import Json
from assay.learn.policy import Policy
from assay.learn.value import Critic
from assay.model.load import LoadedModel, save_model
from assay.rollout.overlap import Weights

TEMPORARY = ".writing-"


def save_checkpoint(
    run: RunFolder,
    policy: Policy,
    step: int,
    facts: Mapping[str, Json],
    critic: Critic | None = None,
    lagged: Sequence[Weights] = (),
    state: tuple[LoadedModel, dict[str, Any]] | None = None,
) -> Path:
    """Write the state after `step` and point `last` at it. `lagged` are the older weights that batches are still sampled
    with; `state`, the whole model and optimiser state where the policy's are sharded. Raises OutOfDisk, leaving nothing
    behind."""
    loaded, optimiser = state or (policy.whole(), policy.optimiser_state())
    final = folder_of(run, step)
    temporary = run.checkpoints / f"{TEMPORARY}{final.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with disk_errors(run.checkpoints):
            (temporary / "training").mkdir(parents=True)
            save_model(loaded.model, loaded.tokenizer, temporary)
            torch.save(optimiser, temporary / "training" / "optimiser.pt")
            if policy.config.kl.reset_every:
                save_file(_weights(policy.reference), temporary / "training" / "reference.safetensors")
            if critic is not None:
                torch.save(critic.state_dict(), temporary / "training" / "critic.pt")
            if lagged:
                older = [{"version": each.version, "tensors": dict(each.tensors)} for each in lagged]
                torch.save(older, temporary / "training" / "lagged.pt")
            manifest = {
                "step": step,
                "policy": policy.version,
                "kl_coefficient": policy.kl_coefficient,
                "config_sha256": run.config_sha256,
                **facts,
            }
            write_json(temporary / "manifest.json", manifest)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, RuntimeError) and "No space left" in str(error):  # torch's own writer
            with disk_errors(run.checkpoints):
                raise OSError(28, "No space left on device") from error
        raise
    write_text(run.checkpoints / "last", final.name + "\n")
    return final


def load_checkpoint(policy: Policy, folder: Path, critic: Critic | None = None) -> dict[str, Json]:
    """Put a checkpoint's weights and optimiser state into `policy` and `critic`; returns its manifest.

    Raises RunFolderError.
    """
    manifest = read_manifest(folder)
    model = policy.whole().model
    if (folder / "adapter").is_dir():
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, load_file(folder / "adapter" / "adapter_model.safetensors"))
    else:
        weights: dict[str, torch.Tensor] = {}
        for file in sorted(folder.glob("*.safetensors")):
            weights |= load_file(file)
        missing, unexpected = model.load_state_dict(weights, strict=False)
        tied = set(getattr(model, "all_tied_weights_keys", None) or getattr(model, "_tied_weights_keys", None) or ())
        if unexpected or set(missing) - tied:
            raise RunFolderError(
                f"{folder} holds the weights of another model: {[*missing, *unexpected][:3]} do not match"
            )
    state = torch.load(folder / "training" / "optimiser.pt", weights_only=True, map_location=policy.loaded.device)
    policy.restore(state)
    policy.version = int(manifest["policy"])
    policy.kl_coefficient = float(manifest["kl_coefficient"])
    moved = folder / "training" / "reference.safetensors"
    if policy.config.kl.reset_every:
        if not moved.is_file():
            raise RunFolderError(
                f"{folder} holds no reference, which learn.kl.reset_every moves: it was written without"
            )
        policy.reference.load_state_dict(load_file(moved), strict=False)
    if critic is not None:
        file = folder / "training" / "critic.pt"
        if not file.is_file():
            raise RunFolderError(f"{folder} holds no critic: it was written by a run without one")
        critic.load_state_dict(torch.load(file, weights_only=True, map_location=policy.loaded.device))
    return manifest


def read_lagged(folder: Path, device: torch.device) -> tuple[Weights, ...]:
    """The older weights that a run with rollout.max_lag still samples with, oldest first. Raises RunFolderError."""
    file = folder / "training" / "lagged.pt"
    if not file.is_file():
        raise RunFolderError(f"{folder} holds no older weights, which rollout.max_lag needs: it was written without")
    return tuple(Weights(**each) for each in torch.load(file, weights_only=True, map_location=device))


def _weights(model: Any) -> dict[str, torch.Tensor]:
    """A model's weights without the second name of a tied one, which safetensors refuses."""
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict().items():
        found.setdefault(tensor.data_ptr(), (name, tensor.contiguous()))
    return dict(found.values())


def latest_checkpoint(run: RunFolder) -> Path | None:
    """The whole checkpoint of the highest step, or None."""
    found = sorted(each for each in run.checkpoints.glob("step-*") if (each / "manifest.json").is_file())
    return found[-1] if found else None


def mark_best(run: RunFolder, folder: Path) -> None:
    write_text(run.checkpoints / "best", folder.name + "\n")


def best_checkpoint(run: RunFolder) -> str | None:
    file = run.checkpoints / "best"
    return file.read_text().strip() if file.is_file() else None


def prune(run: RunFolder, keep_last: int) -> None:
    """Delete all but the last `keep_last` checkpoints and the best one, and what a kill left half written."""
    for each in run.checkpoints.glob(f"{TEMPORARY}*"):
        shutil.rmtree(each, ignore_errors=True)
    best = best_checkpoint(run)
    for each in sorted(run.checkpoints.glob("step-*"))[:-keep_last]:
        if each.name != best:
            shutil.rmtree(each, ignore_errors=True)


def folder_of(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"step-{step:06d}"


def read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{folder} is not a checkpoint: its manifest.json cannot be read ({error})") from None
    if not isinstance(manifest, dict):
        raise RunFolderError(f"{folder}/manifest.json holds no manifest")
    return manifest
