"""What a GRPO step and an evaluation cost on SmolLM2-135M: CPU-seconds and wall, phase by phase.

    python benchmarks/rollout_and_step.py --threads 2 --repeats 3 --evaluation

Prompts are 2-shot warehouse problems in chat form (about 250 tokens, of which all but the last question is common);
6 of them with 8 completions each of at most 40 tokens, as in the demo. Every step learns from the same first rollout,
so that rows compare: two groups in six have no spread and are left out, as the trainer does. The first step also
allocates Adam's state and is printed apart. CPU-seconds at one thread are the steadier figure on a shared machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from assay.core.config import LearnConfig, ModelConfig
from assay.core.types import Completion, Message
from assay.learn.batch import Sample
from assay.learn.policy import Policy
from assay.model.load import load_model
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine

Result = TypeVar("Result")

RULES = "Work it out, then end with the answer in a box, like this: \\boxed{number}."
SHOTS = (
    (
        "A warehouse has 4 shelves with 7 boxes each. How many boxes does it hold?",
        "There are 4 shelves with 7 boxes each, so 4 x 7 = 28. The answer is \\boxed{28}.",
    ),
    (
        "A forklift must move 45 packages and carries 9 packages a trip. How many trips does it make?",
        "It moves 45 packages at 9 a trip, so 45 / 9 = 5. The answer is \\boxed{5}.",
    ),
)


def prompt(shelves: int, boxes: int) -> tuple[Message, ...]:
    """A 2-shot chat prompt; only the last question differs from one problem to the next."""
    turns = [
        turn
        for question, answer in SHOTS
        for turn in (Message("user", f"{question} {RULES}"), Message("assistant", answer))
    ]
    question = f"A warehouse has {shelves} shelves with {boxes} boxes each. How many boxes does it hold?"
    return (*turns, Message("user", f"{question} {RULES}"))


def problems(count: int) -> list[tuple[Message, ...]]:
    pairs = [(shelves, boxes) for shelves in range(3, 20) for boxes in range(3, 13)]
    return [prompt(*pairs[index * 7 % len(pairs)]) for index in range(count)]


class Timing:
    """Wall and CPU seconds of each call, by name."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[float, float]]] = {}

    def of(self, name: str, do: Callable[[], Result]) -> Result:
        wall, cpu = time.perf_counter(), time.process_time()
        result = do()
        self.rows.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - cpu))
        return result

    def show(self) -> None:
        print(f"{'phase':<28} {'runs':>4} {'wall s':>8} {'CPU s':>8}   (medians)")
        for name, runs in self.rows.items():
            wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
            print(f"{name:<28} {len(runs):>4} {wall:>8.2f} {cpu:>8.2f}")


def samples_of(
    engine: TorchEngine, requests: list[Request], groups: list[list[Completion]]
) -> tuple[list[list[Sample]], int]:
    """Samples with advantages as in a half-right group, a third of the groups left out, and all tokens' count."""
    total = sum(len(each.tokens) for group in groups for each in group)
    samples = [
        [
            Sample(
                engine.render(request.prompt),
                completion,
                (1.0 if place % 2 else -1.0,) * len(completion.tokens),
                1 / total,
            )
            for place, completion in enumerate(group)
        ]
        for request, group in zip(requests, groups, strict=True)
    ]
    return samples[: max(1, len(samples) * 2 // 3)], total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=6)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=40, help="longest completion")
    parser.add_argument("--batch", type=int, default=64, help="rows decoded together")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kl", type=float, default=0.0, help="KL coefficient; above 0 the reference is run too")
    parser.add_argument("--evaluation", action="store_true", help="also 64 problems x (4 samples + greedy)")
    options = parser.parse_args()

    loaded = load_model(ModelConfig(name=options.model, threads=options.threads))
    engine = TorchEngine(loaded, batch_size=options.batch)
    policy = Policy(loaded, LearnConfig(kl={"coefficient": options.kl}), temperature=1.0)
    timing = Timing()
    requests = [Request(each, options.group, 0, (index,)) for index, each in enumerate(problems(options.prompts))]
    sampling = Sampling(options.tokens)
    lengths = sorted(len(engine.render(request.prompt)) for request in requests)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads; prompts of {lengths[0]} to {lengths[-1]} tokens"
    )

    timing.of("first rollout", lambda: engine.generate(requests, sampling))
    for _ in range(options.repeats):
        groups = timing.of("rollout", lambda: engine.generate(requests, sampling))
    if options.evaluation:
        tests = [Request(each, 4, 1, (index,)) for index, each in enumerate(problems(64))]
        greedy = [Request(each.prompt, 1, each.seed, each.key) for each in tests]
        timing.of("evaluation: 64 x 4", lambda: engine.generate(tests, sampling))
        timing.of("evaluation: 64 greedy", lambda: engine.generate(greedy, Sampling(options.tokens, temperature=0.0)))
    teaching, total = samples_of(engine, requests, groups)
    # a rate of zero: Adam does all its work, and the weights stay those that sampled
    update = timing.of("first step", lambda: policy.learn(teaching, 0.0))
    for _ in range(options.repeats):
        timing.of("step", lambda: policy.learn(teaching, 0.0))
    learnt = sum(len(each.completion.tokens) for group in teaching for each in group)
    print(
        f"{total} tokens sampled, {learnt} of them learnt from; |log-prob difference| {update.logprob_difference:.1e}"
    )
    timing.show()


if __name__ == "__main__":
    main()
