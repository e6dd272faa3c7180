"""A GRPO step of Assay against TRL's, phase by phase: CPU-seconds, wall and peak memory, the same work on both sides.

    pip install --target TRL --no-deps trl==1.16.0        # beside this environment, which has accelerate and datasets
    python benchmarks/grpo_step.py --trl TRL               # the whole table, one thread
    python benchmarks/grpo_step.py --trl TRL --threads 2   # for the wall column, on a quiet machine
    python benchmarks/grpo_step.py --trl TRL --setting short --memory

Both sides: SmolLM2-135M-Instruct from `assay.model.load`, fp32 (TRL's default is bf16, which is slower on a CPU), the
same chat prompts, completions of exactly the wanted length (nothing ends early), one AdamW update per rollout batch,
gradients clipped at 1, the same KL coefficient, alternating rewards so that every group has spread. TRL runs as its
users run it, through `GRPOTrainer.train`, but without gradient checkpointing, its default, which trades time for memory:
`--memory` adds that row, and Assay's own two ways to trade. Each side runs in a fresh process; memory is that process's
VmHWM. The first step, which allocates Adam's state, is left out of the times and not of the memory. CPU-seconds are
medians over the steps.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

RULES = "Work it out, then end with the answer in a box, like this: \\boxed{number}."
SHOTS = (
    ("user", "A warehouse has 4 shelves with 7 boxes each. How many boxes does it hold?"),
    ("assistant", "4 x 7 = 28, so \\boxed{28}."),
    ("user", "A warehouse has 6 shelves with 5 boxes each. How many boxes does it hold?"),
    ("assistant", "6 x 5 = 30, so \\boxed{30}."),
)
PHASES = ("generate", "reference", "forward and backward", "optimiser", "rest")
Prompt = tuple[tuple[str, str], ...]


def question(shelves: int, boxes: int) -> str:
    return f"A warehouse has {shelves} shelves with {boxes} boxes each. How many boxes does it hold?"


def trips(packages: int, each: int) -> str:
    return f"A forklift must move {packages} packages and carries {each} packages a trip. How many trips does it make?"


@dataclass(frozen=True)
class Setting:
    prompts: tuple[Prompt, ...]
    group: int
    tokens: int

    @property
    def sampled(self) -> int:
        return len(self.prompts) * self.group * self.tokens


def settings() -> dict[str, Setting]:
    short = [question(12, 7), trips(45, 9)]
    shots = tuple((*SHOTS, ("user", question(10 + index, 3 + index))) for index in range(6))
    many = [question(10 + index, 3 + index) for index in range(4)] + [
        trips(40 + index, 4 + index) for index in range(4)
    ]
    return {
        "short": Setting(tuple((("user", f"{each} {RULES}"),) for each in short), 8, 48),
        "few-shot": Setting(shots[:2], 8, 22),
        "few-shot, 6 prompts": Setting(shots, 8, 22),
        "decode": Setting(tuple((("user", f"{each} {RULES}"),) for each in many), 8, 48),
    }


class Clock:
    """CPU and wall seconds by phase; a phase inside another is taken off the outer one."""

    def __init__(self) -> None:
        self.steps: list[dict[str, tuple[float, float]]] = []
        self._open: list[list[float]] = []

    def new_step(self) -> None:
        self.steps.append({})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        self._open.append([0.0, 0.0])
        try:
            yield
        finally:
            spent = time.process_time() - cpu, time.perf_counter() - wall
            inner = self._open.pop()
            if self.steps:
                before = self.steps[-1].get(name, (0.0, 0.0))
                self.steps[-1][name] = (before[0] + spent[0] - inner[0], before[1] + spent[1] - inner[1])
            if self._open:
                self._open[-1][0] += spent[0]
                self._open[-1][1] += spent[1]

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*args: Any, **options: Any) -> Any:
            with self.phase(name):
                return call(*args, **options)

        return timed

    def medians(self, skip: int = 1) -> dict[str, tuple[float, float]]:
        steps = self.steps[skip:] or self.steps
        return {
            name: tuple(statistics.median(step.get(name, (0.0, 0.0))[column] for step in steps) for column in (0, 1))  # type: ignore[misc]
            for name in PHASES
        }


def peak_rss() -> float:
    """The largest resident size so far, GiB."""
    try:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** (30 if sys.platform == "darwin" else 20)


def sgemm_peak(size: int = 1536, repeats: int = 6) -> float:
    """GFLOP/s of a square fp32 product on one thread, by CPU time; the best of several."""
    import torch

    torch.set_num_threads(1)
    one, other, out = (torch.randn(size, size) for _ in range(3))
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        torch.mm(one, other, out=out)
        best = min(best, time.process_time() - start)
    return 2 * size**3 / best / 1e9


def learn_config(kl: float, microbatch_tokens: int, checkpointing: bool) -> Any:
    """The one place that knows the configuration's keys."""
    from assay.core.learning import LearnConfig

    return LearnConfig(
        learning_rate=1e-6,
        kl={"coefficient": kl},
        microbatch_tokens=microbatch_tokens,
        gradient_checkpointing=checkpointing,
    )


def run_assay(setting: Setting, options: argparse.Namespace) -> dict[str, Any]:
    from assay.core.config import ModelConfig
    from assay.core.types import Message
    from assay.learn import policy as policy_file
    from assay.learn.batch import Sample
    from assay.model.load import load_model
    from assay.rollout.engine import Request, Sampling
    from assay.rollout.torch_engine import TorchEngine

    clock = Clock()
    loaded = load_model(ModelConfig(name="smollm2", threads=options.threads, device="cpu"))
    endless = replace(loaded, eos_ids=frozenset())  # nothing ends early
    engine = TorchEngine(endless, batch_size=64)
    requests = [
        Request(tuple(Message(*turn) for turn in prompt), setting.group, 0, (index,))
        for index, prompt in enumerate(setting.prompts)
    ]
    sampling = Sampling(setting.tokens)
    prompts = [engine.render(request.prompt) for request in requests]
    policy = None
    if not options.decode:
        for phase, name in (("reference", "chosen_logprobs"), ("optimiser", "step_of")):
            setattr(policy_file, name, clock.wrap(phase, getattr(policy_file, name)))
        config = learn_config(options.kl, options.microbatch_tokens, options.checkpointing)
        policy = policy_file.Policy(loaded, config, temperature=1.0)
    difference = 0.0
    for _ in range(options.steps + 1):
        clock.new_step()
        with clock.phase("rest"):
            with clock.phase("generate"):
                groups = engine.generate(requests, sampling)
            assert all(len(each.tokens) == setting.tokens for group in groups for each in group)
            if policy is None:
                continue
            samples = [
                [
                    Sample(prompt, each, (1.0 if place % 2 else -1.0,) * setting.tokens, 1 / setting.sampled)
                    for place, each in enumerate(group)
                ]
                for prompt, group in zip(prompts, groups, strict=True)
            ]
            with clock.phase("forward and backward"):
                update = policy.learn(samples, 1e-6)
            difference = max(difference, update.logprob_difference)
    return {
        "phases": clock.medians(),
        "peak": peak_rss(),
        "prompt_tokens": [len(each) for each in prompts],
        "difference": difference,
    }


def run_trl(setting: Setting, options: argparse.Namespace) -> dict[str, Any]:
    sys.path.append(str(Path(options.trl).resolve()))
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

    from assay.model.load import smollm2_folder

    torch.set_num_threads(options.threads)
    folder = str(smollm2_folder())
    rows = [{"prompt": [{"role": role, "content": text} for role, text in prompt]} for prompt in setting.prompts]
    clock = Clock()
    prompt_tokens: list[int] = []

    def alternate(completions: list[Any], **_: Any) -> list[float]:
        return [float(place % 2) for place in range(len(completions))]

    with tempfile.TemporaryDirectory() as out:
        trainer = GRPOTrainer(
            model=folder,
            reward_funcs=alternate,
            processing_class=AutoTokenizer.from_pretrained(folder, padding_side="left"),
            train_dataset=Dataset.from_list(rows * (options.steps + 1)),
            args=GRPOConfig(
                output_dir=out,
                use_cpu=True,
                bf16=False,
                fp16=False,
                model_init_kwargs={"dtype": "float32"},
                gradient_checkpointing=options.checkpointing,
                per_device_train_batch_size=len(rows) * setting.group,
                num_generations=setting.group,
                max_completion_length=setting.tokens,
                generation_kwargs={"min_new_tokens": setting.tokens},
                temperature=1.0,
                beta=options.kl,
                learning_rate=1e-6,
                lr_scheduler_type="constant",
                max_grad_norm=1.0,
                max_steps=options.steps + 1,
                shuffle_dataset=False,
                logging_steps=10_000,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
        )
        assert next(trainer.model.parameters()).dtype == torch.float32
        turn, logps = trainer._generate_single_turn, trainer._get_per_token_logps_and_entropies

        def generate(prompt_ids: Any, *args: Any, **named: Any) -> Any:
            prompt_tokens[:] = [len(each) for each in prompt_ids]
            with clock.phase("generate"):
                found = turn(prompt_ids, *args, **named)
            assert all(len(each) == setting.tokens for each in found[0]), "TRL's completions ended early"
            return found

        def logprobs(model: Any, *args: Any, **named: Any) -> Any:
            with clock.phase("forward and backward" if torch.is_grad_enabled() else "reference"):
                return logps(model, *args, **named)

        trainer._generate_single_turn = generate
        trainer._get_per_token_logps_and_entropies = logprobs
        whole = trainer.training_step

        def training_step(*args: Any, **named: Any) -> Any:
            clock.new_step()
            with clock.phase("forward and backward"):
                return whole(*args, **named)

        trainer.training_step = training_step
        create = trainer.create_optimizer

        def create_optimizer(*args: Any, **named: Any) -> Any:
            made = create(*args, **named)
            made.step = clock.wrap("optimiser", made.step)
            return made

        trainer.create_optimizer = create_optimizer
        clip = trainer.accelerator.clip_grad_norm_
        trainer.accelerator.clip_grad_norm_ = clock.wrap("optimiser", clip)
        if options.decode:
            template = trainer.processing_class.apply_chat_template
            ids = [template(row["prompt"], add_generation_prompt=True)["input_ids"] for row in rows]
            for _ in range(options.steps + 1):
                clock.new_step()
                generate([each for each in ids for _ in range(setting.group)], None, {}, setting.group)
        else:
            trainer.train()
    return {"phases": clock.medians(), "peak": peak_rss(), "prompt_tokens": prompt_tokens[:: setting.group]}


def child(side: str, name: str, options: argparse.Namespace, **changes: Any) -> dict[str, Any]:
    """A fresh process's report."""
    values = {**vars(options), **changes}
    flags = ["--child", side, "--setting", name]
    for key in ("threads", "steps", "kl", "microbatch_tokens", "trl"):
        if values[key] is not None:
            flags += [f"--{key.replace('_', '-')}", str(values[key])]
    flags += [f"--{key}" for key in ("checkpointing", "decode") if values[key]]
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *flags], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{side}, {name}: {done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(side: str, name: str, found: dict[str, Any], against: dict[str, Any] | None) -> None:
    phases = found["phases"]
    cpu, wall = (sum(phases[phase][column] for phase in PHASES) for column in (0, 1))
    columns = " ".join(f"{phases[phase][0]:>8.2f}" for phase in PHASES)
    line = f"{name:<34} {side:<22} {columns} {cpu:>8.2f} {wall:>8.2f} {found['peak']:>6.2f}"
    if against is not None:
        theirs = sum(against["phases"][phase][0] for phase in PHASES)
        line += f"   {theirs / cpu:.2f}x faster, {found['peak'] / against['peak']:.2f} of the memory"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trl", help="the folder that TRL was installed into; without it only Assay runs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3, help="measured steps, after one that is not")
    parser.add_argument("--kl", type=float, default=0.0)
    parser.add_argument("--microbatch-tokens", type=int, default=4096)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--memory", action="store_true", help="also the rows that trade time for memory")
    parser.add_argument("--decode", action="store_true", help="decoding alone")
    parser.add_argument("--setting", choices=list(settings()), help="this one only")
    parser.add_argument("--child", choices=["assay", "trl"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run = run_assay if options.child == "assay" else run_trl
        print(json.dumps(run(settings()[options.setting], options)))
        return
    print(f"{options.threads} threads, medians of {options.steps} steps; CPU seconds by phase, wall s, peak GiB")
    print(f"sgemm on one thread: {sgemm_peak():.0f} GFLOP/s")
    heads = " ".join(f"{phase.split()[0]:>8}" for phase in PHASES)
    print(f"{'setting':<34} {'side':<22} {heads} {'step':>8} {'wall':>8} {'GiB':>6}")
    for name in [options.setting] if options.setting else list(settings()):
        decode = name == "decode" or options.decode
        for kl in (0.0,) if decode else (0.0, 0.04):
            label = name if decode else f"{name}, KL {'on' if kl else 'off'}"
            theirs = child("trl", name, options, kl=kl, decode=decode) if options.trl else None
            if theirs is not None:
                show("TRL", label, theirs, None)
            ours = child("assay", name, options, kl=kl, decode=decode)
            show("Assay", label, ours, theirs)
            if theirs is not None:
                assert sorted(ours["prompt_tokens"]) == sorted(theirs["prompt_tokens"]), "the prompts differ"
            if decode:
                for side, found in (("TRL", theirs), ("Assay", ours)):
                    if found is not None:
                        rate = settings()[name].sampled / found["phases"]["generate"][0]
                        print(f"{'':<34} {side}: {rate:.0f} tokens per CPU-second")
            elif options.memory:
                if options.trl:
                    theirs = child("trl", name, options, kl=kl, checkpointing=True)
                    show("TRL, checkpointing", label, theirs, None)
                ours = child("assay", name, options, kl=kl, microbatch_tokens=512)
                show("Assay, rows of 512", label, ours, theirs)
                ours = child("assay", name, options, kl=kl, microbatch_tokens=512, checkpointing=True)
                show("Assay, checkpointing", label, ours, theirs)
    print(f"sgemm on one thread: {sgemm_peak():.0f} GFLOP/s")


if __name__ == "__main__":
    main()
