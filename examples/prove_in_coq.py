"""Train a small policy against a real prover: Coq judges every proof, and held-out statements show what was learnt.

    python examples/prove_in_coq.py          # a few minutes on two cores; needs coqc (apt install coq)

1. Cold start: SFT on our own proofs of the training statements of `coq_statements`, level 1. Each statement is shown with
   its own proof and with those of other statements, so that the policy learns how proofs are written, and little about
   which of them proves what.
2. GRPO on the same statements, with Coq's verdict as the reward. Verdicts are remembered and failures end in a warm
   coqtop, so that judging costs less than it sounds.
3. Held-out statements before and after, with proofs that Coq accepted.

`--process` judges with `steps` and spreads each reward over the tactics that Coq accepted (`learn.advantage.process`).
`--model smollm2` trains the pretrained 135M model instead of the tiny decoder (slow on a CPU), `--quick` takes one small
step (for tests).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from assay.core.config import RunConfig
from assay.core.rng import stream
from assay.learn.events import Evaluated, Event, Stepped
from assay.learn.sft import Example, SftConfig, sft
from assay.learn.train import train
from assay.model.load import LoadedModel, load_model, save_model
from assay.model.tiny import build_tiny
from assay.tasks.generators.coq_statements import statements
from assay.tasks.load import load_source
from assay.tasks.source import demonstration_of

OTHERS = 12  # proofs of other statements that a statement is shown with
TINY_COLD_START = SftConfig(steps=600, batch_size=24, learning_rate=3e-3, schedule="constant", target_loss=0.14)
LARGE_COLD_START = SftConfig(steps=16, batch_size=8, learning_rate=2e-5, target_loss=0.5)


def configure(arguments: argparse.Namespace) -> RunConfig:
    is_tiny = arguments.model == "tiny"
    return RunConfig.model_validate(
        {
            "name": "prove_in_coq",
            "seed": arguments.seed,
            "model": {"name": arguments.model, "threads": 1 if is_tiny else 0},
            "tasks": {"source": "coq_statements", "options": {"level": 1, "process": arguments.process}},
            "rollout": {
                "prompts_per_step": 2 if arguments.quick else 18,  # all training statements of the level
                "group_size": 4 if arguments.quick or not is_tiny else 16,
                "max_new_tokens": 72 if is_tiny else 48,
                "batch_size": 288,
                "judge_workers": 2,
                "judge_timeout": 60.0,
            },
            "learn": {
                "steps": 1 if arguments.quick else arguments.steps,
                "learning_rate": 1e-3 if is_tiny else 1e-5,
                "advantage": {"kind": "grpo", "process": arguments.process},
            },
            "evaluate": {"problems": 2 if arguments.quick else 64, "samples": 8 if is_tiny else 2, "k": [1]},
            # `assay audit coq_statements` attacks the verifier; it takes minutes, and is not repeated here
            "audit": {"level": "off"},
        }
    )


def cold_start(config: RunConfig) -> LoadedModel:
    """A policy that writes proofs, most of them of something else."""
    source = load_source(config.tasks, "train", config.seed)
    own = [Example(source.task(at).prompt, demonstration_of(source, at)) for at in range(source.length or 0)]
    proofs = sorted({each.answer for each in own})
    examples = [
        Example(each.prompt, answer)
        for at, each in enumerate(own)
        for answer in (each.answer, *stream(config.seed, "others", at).sample(proofs, min(OTHERS, len(proofs))))
    ]
    if config.model.name != "tiny":
        loaded, how = load_model(config.model), LARGE_COLD_START
    else:
        held_out = load_source(config.tasks, "held_out", config.seed)
        prompts = [each.task(at).prompt for each in (source, held_out) for at in range(each.length or 0)]
        texts = [message.content for prompt in prompts for message in prompt] + [each.proof for each in statements()]
        loaded, how = build_tiny("".join(sorted(set("".join(texts)))), seed=config.seed), TINY_COLD_START
    if config.learn.steps == 1:
        how = how.model_copy(update={"steps": 3})
    losses = sft(loaded, examples, how, seed=config.seed).losses
    print(
        f"cold start: {len(losses)} SFT steps on {len(own)} proofs in {len(examples)} pairs, loss {losses[0]:.2f} to {losses[-1]:.2f}"
    )
    return loaded


def show(event: Event) -> None:
    if isinstance(event, Stepped) and (event.step % 5 == 0 or event.step == 1):
        numbers = event.metrics
        print(
            f"step {event.step:3}: {numbers['pass_rate']:.0%} of training proofs accepted, "
            f"sampling {numbers['time/rollout']:.1f} s, judging {numbers['time/judge']:.1f} s, learning {numbers['time/learn']:.1f} s",
            flush=True,
        )
    if isinstance(event, Evaluated):
        result = event.evaluation
        print(
            f"held out, {event.kind}: pass@1 {result.pass_at_1:.1%} over {len(result.problems)} statements", flush=True
        )


def accepted(folder: Path, step: int) -> dict[str, str]:
    """A proof that Coq accepted at `step`'s evaluation, for each held-out statement that has one."""
    found = {}
    for line in (folder / "rollouts.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["step"] == step and row["split"] == "held_out" and row["outcome"] == "pass":
            found.setdefault(row["task"], row["text"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("tiny", "smollm2"), default="tiny")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--process", action="store_true", help="reward the steps that Coq accepts, too")
    parser.add_argument("--quick", action="store_true", help="one small step, to see that everything works")
    parser.add_argument("--out", type=Path, default=None, help="the run folder (default: a temporary one)")
    arguments = parser.parse_args()
    if shutil.which("coqc") is None:
        sys.exit(
            "no coqc on this machine: `apt install coq` (or opam) brings it, and this example is nothing without it"
        )
    began = time.perf_counter()
    config = configure(arguments)
    folder = arguments.out or Path(tempfile.mkdtemp(prefix="prove-in-coq-")) / "run"
    start = folder.with_name(f"{folder.name}-cold-start")
    loaded = cold_start(config)
    save_model(loaded.model, loaded.tokenizer, start)
    config = config.model_copy(update={"model": config.model.model_copy(update={"name": str(start)})})
    train(config, folder, listen=show)
    source = load_source(config.tasks, "held_out", config.seed)
    before, after = accepted(folder, 0), accepted(folder, config.learn.steps)
    print(f"\nheld-out statements with a proof among the samples: {len(before)} before, {len(after)} after")
    for at in range(source.length or 0):
        task = source.task(at)
        if task.id in after:
            new = "" if task.id in before else "   (new)"
            print(f"  {source.problem(at)}{new}\n      {after[task.id]}")  # type: ignore[attr-defined]
    print(f"\n{time.perf_counter() - began:.0f} s; the run is in {folder}")


if __name__ == "__main__":
    main()
