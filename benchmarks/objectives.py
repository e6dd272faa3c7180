"""Does it learn? Each objective on the chain task from the same cold start, at several seeds, with intervals.

    python benchmarks/objectives.py --out runs/objectives --seeds 0 1 2

The tiny decoder is cold-started once per seed (as `assay demo --tiny` does) and trained from there by each method:
first those that differ in the advantage, with one update per rollout batch, then those that differ in the loss, with
eight, since with one update every ratio is 1 and all losses have the same gradient. Runs are folders like any other:
finished ones are kept, interrupted ones go on, and the table is made of what is there. Figures: held-out pass@1 before
and after, the gain with its 95 % interval (paired bootstrap over problems, within a seed), and over seeds the mean with
the range, since three seeds make no interval.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from assay.cli.demo import cold_started
from assay.core.config import RunConfig, load_config
from assay.core.run_folder import RunFolder
from assay.learn.checkpoint import latest_checkpoint
from assay.learn.train import train
from assay.measure.compare import compare
from assay.measure.evaluation import read_evaluations
from assay.recipes import built_in

ONE_UPDATE: dict[str, dict[str, Any]] = {
    "GRPO": {},
    "GRPO, sequence mean": {"learn.aggregation.kind": "sequence_mean"},
    "GRPO, KL 0.01": {"learn.kl.coefficient": 0.01},
    "Dr. GRPO": {"learn.advantage.kind": "dr_grpo", "learn.aggregation.kind": "constant"},
    "RLOO": {"learn.advantage.kind": "rloo"},
    "REINFORCE++": {"learn.advantage.kind": "reinforce_pp"},
    "REINFORCE++, group baseline": {"learn.advantage.kind": "reinforce_pp", "learn.advantage.baseline": "group"},
    "PPO with a critic": {
        "learn.advantage.kind": "gae",
        "learn.advantage.critic.learning_rate": 1e-3,
        "learn.advantage.critic.warmup_steps": 3,
    },
}
SEVERAL = {"learn.minibatches": 4, "learn.epochs": 2, "learn.learning_rate": 2e-4}
EIGHT_UPDATES: dict[str, dict[str, Any]] = {
    "PPO-clip": SEVERAL,
    "GSPO": SEVERAL | {"learn.loss.kind": "gspo", "learn.aggregation.kind": "sequence_mean"},
    "CISPO": SEVERAL | {"learn.loss.kind": "cispo"},
    "policy gradient": SEVERAL | {"learn.loss.kind": "policy_gradient"},
    "PPO-clip with a critic": SEVERAL
    | {
        "learn.advantage.kind": "gae",
        "learn.advantage.critic.learning_rate": 3e-4,
        "learn.advantage.critic.warmup_steps": 3,
    },
}
METHODS = ONE_UPDATE | EIGHT_UPDATES


def config_of(seed: int, steps: int, settings: Mapping[str, Any]) -> RunConfig:
    shared = {"seed": seed, "learn.steps": steps, "learn.eval_every": max(1, steps // 4), "learn.keep_last": 1}
    return load_config((), shared | dict(settings), built_in("tiny"))


def run(out: Path, method: str, seed: int, steps: int, console: Console) -> Path:
    """The finished run folder, made or continued where it is not there."""
    folder = out / f"{method.lower().replace(' ', '-').replace(',', '').replace('.', '')}-{seed}"
    if (folder / "seconds.json").is_file():
        return folder
    base = out / f"base-{seed}"
    start = base.with_name(f"{base.name}-cold-start")
    config = config_of(seed, steps, METHODS[method])
    if not start.is_dir():
        cold_started(config, base, console)
    config = config.model_copy(update={"model": config.model.model_copy(update={"name": str(start)})})
    began = time.process_time()
    train(config, folder, resume=folder.is_dir())
    (folder / "seconds.json").write_text(json.dumps(time.process_time() - began))
    return folder


def row(folder: Path) -> dict[str, float]:
    evaluations = read_evaluations(RunFolder.open(folder).evaluations)
    found = compare(evaluations[0], evaluations[-1])
    gain = found.row("pass@1")
    assert gain is not None
    steps = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "before": gain.before,
        "after": gain.after,
        "low": gain.low,
        "high": gain.high,
        "greedy": getattr(found.row("greedy"), "after", float("nan")),
        "pass@4": getattr(found.row("pass@4"), "after", float("nan")),
        "entropy": next((each["entropy"] for each in reversed(steps) if each.get("entropy") is not None), float("nan")),
        "seconds": json.loads((folder / "seconds.json").read_text()),
        "critic_mb": max((each.get("critic/bytes") or 0) for each in steps) / 2**20,
    }


def table(rows: Mapping[str, list[dict[str, float]]]) -> str:
    lines = [
        "| method | pass@1 before, after (gain, 95 %) by seed | mean gain (range) | greedy | pass@4 | entropy | CPU-s |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for method, seeds in rows.items():
        each = "; ".join(f"{r['before']:.3f} to {r['after']:.3f} ({r['low']:+.3f} to {r['high']:+.3f})" for r in seeds)
        gains = [r["after"] - r["before"] for r in seeds]
        mean = {key: statistics.fmean(r[key] for r in seeds) for key in seeds[0]}
        lines.append(
            f"| {method} | {each} | {statistics.fmean(gains):+.3f} ({min(gains):+.3f} to {max(gains):+.3f}) "
            f"| {mean['greedy']:.3f} | {mean['pass@4']:.3f} | {mean['entropy']:.3f} | {mean['seconds']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/objectives"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=100, help="with one update a step; half as many with eight")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args()
    console = Console()
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in options.seeds:
        for method in options.methods:
            steps = options.steps if method in ONE_UPDATE else options.steps // 2
            folder = run(options.out, method, seed, steps, console)
            found = row(folder)
            rows.setdefault(method, []).append(found)
            console.print(f"seed {seed} {method}: {found}", highlight=False, soft_wrap=True)
            assert latest_checkpoint(RunFolder.open(folder)) is not None
    print(table(rows))


if __name__ == "__main__":
    main()
