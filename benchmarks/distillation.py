"""A small decoder by its teacher or by RLVR, at equal FLOPs: chains of operations modulo 10.

    python benchmarks/distillation.py                  # seeds 0, 1 and 2
    python benchmarks/distillation.py --seeds 0 --out runs/distillation

A teacher (two layers, width 64) is shown worked answers until its loss is low; the student (one layer fewer, half the width) sees
some of them too, until it is right now and then, as RLVR needs. Then `assay distill`'s comparison: RLVR's steps set the budget.
Printed: the table of docs/lab/2026-11-25-reward-models.md; OUT keeps every arm.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from assay.core.config import TasksConfig
from assay.core.fitting import SftConfig
from assay.core.layers import merge, validate
from assay.learn.sft import Example, sft
from assay.model.load import save_model
from assay.model.tiny import ALPHABET, build_tiny
from assay.pipeline.distill import ComparisonConfig, compare_ways, table
from assay.tasks.load import load_source
from assay.tasks.source import demonstration_of

LEVEL = 1  # three operations
FIGURES = ("greedy", "pass@1", "pass@2", "pass@4", "pass@8")


def shown(seed: int, steps: int, loss: float, **shape: int) -> Any:
    """A decoder that was shown worked answers."""
    source = load_source(TasksConfig(source="chain", options={"level": LEVEL}), "train", seed)
    examples = [Example(source.task(index).prompt, demonstration_of(source, index)) for index in range(10_000)]
    loaded = build_tiny(ALPHABET, seed=seed, **shape)
    how = SftConfig(steps=steps, batch_size=64, learning_rate=4e-3, schedule="constant", target_loss=loss)
    return loaded, sft(loaded, examples, how, seed=seed).losses


def one_seed(seed: int, folder: Path, options: argparse.Namespace) -> Any:
    torch.set_num_threads(1)
    teacher, losses = shown(seed, 900, options.teacher_loss)
    print(
        f"seed {seed}: the teacher took {len(losses)} steps of SFT, loss {losses[-1]:.3f}", file=sys.stderr, flush=True
    )
    save_model(teacher.model, teacher.tokenizer, folder / "teacher-model")
    student, losses = shown(seed + 1, 900, options.student_loss, width=32, layers=2, heads=2)
    print(f"  the student {len(losses)}, loss {losses[-1]:.3f}", file=sys.stderr, flush=True)
    save_model(student.model, student.tokenizer, folder / "student-model")
    settings = {
        "seed": seed,
        "model.name": str(folder / "student-model"),
        "model.device": "cpu",
        "model.threads": 1,
        "tasks.source": "chain",
        "tasks.options": {"level": LEVEL},
        "rollout.prompts_per_step": 16,
        "rollout.group_size": 8,
        "rollout.max_new_tokens": 16,
        "rollout.batch_size": 128,
        "rollout.judge_workers": 1,
        "learn.steps": options.steps,
        "learn.collapse": {"kind": "none"},
        "learn.learning_rate": 3e-4,
        "evaluate.problems": 128,
        "evaluate.samples": 8,
        "evaluate.k": [1, 2, 4, 8],
        "audit.level": "off",
        "distill.teacher": str(folder / "teacher-model"),
        "distill.prompts": 4096,
        "distill.samples": 2,
        "distill.per_task": 1,
        "distill.traces.learning_rate": 2e-3,
        "distill.on_policy.learning_rate": 2e-3,
        "distill.on_policy.batch_size": 16,
        "distill.on_policy.group_size": 2,
    }
    config = validate(ComparisonConfig, merge([], settings, None, ComparisonConfig))
    said = {"arm": ""}

    def say(arm: str, what: str) -> None:
        if arm != said["arm"]:
            said["arm"] = arm
            print(f"  {arm}: {what}", file=sys.stderr, flush=True)

    return table(compare_ways(config, folder, say=say), None)


def shown_table(results: dict[int, Any]) -> str:
    """Means over the seeds, the lowest and highest in brackets."""
    lines = [f"| arm | {' | '.join(FIGURES)} | GFLOP | CPU-seconds |", "|---" * (len(FIGURES) + 3) + "|"]
    for place, arm in enumerate(next(iter(results.values()))["arms"]):
        rows = [each["arms"][place] for each in results.values()]
        cells = []
        for name in FIGURES:
            values = [row["figures"][name]["value"] for row in rows]
            spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{fmean(values):.3f}{spread}")
        spent = [row["spent"] for row in rows if row["spent"]]
        cells.append(f"{fmean(each['flops']['total'] for each in spent) / 1e9:.0f}" if spent else "")
        cells.append(f"{fmean(each['cpu_seconds'] for each in spent):.0f}" if spent else "")
        lines.append(f"| {arm['arm']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300, help="of RLVR, which set the budget")
    parser.add_argument("--teacher-loss", type=float, default=0.03, help="nats a token")
    parser.add_argument("--student-loss", type=float, default=0.25, help="nats a token")
    parser.add_argument("--out", type=Path, help="a folder to keep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        results = {seed: one_seed(seed, out / str(seed), options) for seed in options.seeds}
        if options.out is not None:
            (out / "results.json").write_text(json.dumps(results, indent=1))
    print(shown_table(results))


if __name__ == "__main__":
    main()
