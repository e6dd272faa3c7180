"""What TRL's trainers make of the batches in a folder; run as a program, so that its imports' warnings stay out of pytest.

`python trl_losses.py FOLDER` reads FOLDER/{policy,reference,reward} (models) and FOLDER/data.json (rows in TRL's own
columns), and prints one JSON object: name -> {"loss": ..., "input_ids": ..., ...}.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "WANDB_MODE": "disabled",
}

import torch
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer

torch.set_num_threads(1)
disable_progress_bars()


def main(folder: Path) -> dict[str, Any]:
    data = json.loads((folder / "data.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder / "policy")
    common = {
        "output_dir": str(folder / "out"),
        "use_cpu": True,
        "bf16": False,
        "report_to": [],
        "per_device_train_batch_size": 64,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "seed": 0,
    }

    def model(name: str) -> Any:
        return AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32).eval()

    def answer(trainer: Any, **more: Any) -> dict[str, Any]:
        """The loss of the trainer's one batch, and the batch."""
        trainer.model.eval()
        batch = next(iter(trainer.get_train_dataloader()))
        loss = trainer.compute_loss(trainer.model, dict(batch))
        tensors = {key: value.tolist() for key, value in batch.items() if isinstance(value, torch.Tensor)}
        return {"loss": float(loss.detach()), **tensors, **more}

    made = {}
    for name, rows in data["sft"].items():
        config = SFTConfig(**common, assistant_only_loss=name == "messages", packing=False, max_length=None)
        trainer = SFTTrainer(model("policy"), config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
        made[f"sft/{name}"] = answer(trainer)
    for name, rows in data["reward"].items():
        for centre in (None, 0.01):
            scorer = AutoModelForSequenceClassification.from_pretrained(folder / "reward", dtype=torch.float32)
            config = RewardConfig(**common, max_length=None, center_rewards_coefficient=centre)
            trainer = RewardTrainer(scorer, config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
            made[f"reward/{name}/{centre or 0}"] = answer(trainer)
    for name, how in data["dpo"].items():
        config = DPOConfig(**common, max_length=None, **how)
        rows = Dataset.from_list(data["pairs"])
        trainer = DPOTrainer(
            model("policy"), model("reference"), config, train_dataset=rows, processing_class=tokenizer
        )
        made[f"dpo/{name}"] = answer(trainer)
    config = CPOConfig(**common, max_length=64, loss_type="simpo", beta=2.0, simpo_gamma=1.0, cpo_alpha=0.0)
    rows = Dataset.from_list(data["pairs"])
    trainer = CPOTrainer(model("policy"), config, train_dataset=rows, processing_class=tokenizer)
    made["simpo"] = answer(trainer)
    config = KTOConfig(**common, max_length=None, beta=0.1, desirable_weight=1.5, undesirable_weight=0.5)
    rows = Dataset.from_list(data["labelled"])
    trainer = KTOTrainer(model("policy"), model("reference"), config, train_dataset=rows, processing_class=tokenizer)
    made["kto"] = answer(trainer)
    made["kto"]["zero"] = trainer._metrics["eval"]["kl"][-1]
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
