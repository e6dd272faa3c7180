"""Learned verifiers against the rule at choosing among N samples: the tiny decoder on chains of operations modulo 10.

    python benchmarks/reward_models.py                     # seeds 0, 1 and 2: about ten CPU-minutes in all
    python benchmarks/reward_models.py --seeds 0 --out runs/reward-models

Everything is made here: a decoder that is right some of the time (SFT stopped early), its answers to training problems,
an outcome reward model from their verdicts, two process reward models (from roll-ins, and from labels that the rule gives to
each step), and then held-out problems of which each selector chooses among the same samples. The rule verifier stands beside
them as the ceiling: it knows the truth. Written to OUT: results.json; printed: the table of docs/lab/2026-11-25-reward-models.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import torch

from assay.core.config import TasksConfig
from assay.core.fitting import OutcomeLabels, RewardModelConfig, SftConfig, StepLabels
from assay.core.types import Completion, Task
from assay.learn.process import decoder
from assay.learn.reward_model import answer_scores, on_outcomes, step_scores, train_reward_model
from assay.learn.roll_ins import roll_in, steps_of
from assay.learn.sft import Example, sft
from assay.measure.calibration import calibration
from assay.measure.passk import Vote, maj_at_k, pass_at_k
from assay.measure.selection import best_of_n, weighted_vote
from assay.model.score import RewardModel, begin_reward_model
from assay.model.tiny import ALPHABET, build_tiny
from assay.reward.rule import find_rule
from assay.rollout.collect import sample
from assay.rollout.engine import Sampling
from assay.rollout.step_search import search_steps
from assay.rollout.torch_engine import TorchEngine
from assay.tasks.conversations import Labelled, Stepwise
from assay.tasks.load import load_source, select
from assay.tasks.source import demonstration_of
from assay.verify.pool import JudgePool, JudgeRequest

OPERATIONS, STEP = 5, 3  # of a chain of level 2; characters of a step
LONGEST = OPERATIONS * (STEP + 1) + 3
SIZES = (1, 2, 4, 8, 16)
FIT = {"learning_rate": 2e-3, "batch_size": 64, "warmup_steps": 20, "epochs": 3}


def ends_of(text: str) -> list[int]:
    """A step is an operation with its result; the answer line is one more."""
    trace = text.partition("\n")[0]
    return list(range(STEP, len(trace) + 1, STEP))


def true_steps(task: Task) -> list[str]:
    text = task.prompt[-1].content.rstrip("=")
    value, steps = int(text[0]), []
    for at in range(1, len(text), 2):
        sign, digit = text[at], int(text[at + 1])
        value = {"+": value + digit, "-": value - digit, "*": value * digit}[sign] % 10
        steps.append(f"{sign}{digit}{value}")
    return steps


def labelled_by_rule(task: Task, answer: Completion, is_right: bool) -> Stepwise | None:
    """A step holds while all of it and all before it are right."""
    steps = steps_of(answer.text, ends_of(answer.text))
    if not steps:
        return None
    truth, labels, holds = true_steps(task), [], True
    for place, step in enumerate(steps[:-1]):
        holds = holds and place < len(truth) and step == truth[place]
        labels.append(float(holds))
    return Stepwise(task.prompt, steps, (*labels, float(is_right)), separator="")


def train(policy: Any, data: Sequence[Any], objective: Any, seed: int) -> RewardModel:
    reward = begin_reward_model(policy, seed)
    train_reward_model(reward, data, RewardModelConfig(**FIT, objective=objective), seed=seed)
    return reward


def one_seed(seed: int, options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    torch.set_num_threads(1)
    began = process_time()
    tasks_config = TasksConfig(source="chain")
    source = load_source(tasks_config, "train", seed)
    policy = build_tiny(ALPHABET, seed=seed)
    examples = [Example(source.task(index).prompt, demonstration_of(source, index)) for index in range(20_000)]
    how = SftConfig(steps=900, batch_size=64, learning_rate=4e-3, schedule="constant", target_loss=options.loss)
    done = sft(policy, examples, how, seed=seed)
    engine, sampling = TorchEngine(policy, batch_size=256), Sampling(LONGEST)
    say(f"seed {seed}: SFT {len(done.losses)} steps, {process_time() - began:.0f} CPU-seconds so far")
    fresh = [source.task(20_000 + index) for index in range(options.problems)]
    fresh = list({task.id: task for task in fresh}.values())
    held_out = list(select(load_source(tasks_config, "held_out", seed), options.held_out))
    with JudgePool(1) as judges:
        rule = find_rule("outcome")
        drawn = sample(engine, fresh, n=4, sampling=sampling, seed=seed, key=("train",), judges=judges, rule=rule)
        answers = [(each.task, member.completion, member.verdict.is_pass) for each in drawn for member in each.members]
        outcomes = [Labelled(task.prompt, answer.text, is_right) for task, answer, is_right in answers]
        by_rule = [made for each in answers if (made := labelled_by_rule(*each)) is not None]
        say(f"  {len(answers)} answers to {len(fresh)} problems, {fmean(each[2] for each in answers):.2f} right")
        rolled = roll_in(
            engine,
            [(task, answer) for task, answer, _ in answers[: options.rolled_in]],
            n=options.roll_ins,
            ends_of=ends_of,
            decode=decoder(policy.tokenizer),
            sampling=sampling,
            judges=judges,
            seed=seed,
        )
        say(
            f"  {rolled.roll_ins} roll-ins for {len(rolled.examples)} answers, {process_time() - began:.0f} CPU-seconds so far"
        )
        models = {
            "outcome": train(policy, outcomes, OutcomeLabels(), seed),
            "outcome, every token": train(policy, outcomes, OutcomeLabels(place="every"), seed),
            "process, roll-ins": train(policy, rolled.examples, StepLabels(), seed),
            "process, rule's labels": train(policy, by_rule, StepLabels(), seed),
        }
        say(f"  reward models trained, {process_time() - began:.0f} CPU-seconds so far")
        most = max(SIZES)
        tested = sample(engine, held_out, n=most, sampling=sampling, seed=0, key=("test",), judges=judges, rule=rule)
        scores = {}
        asked = [(each.task, member.completion.text) for each in tested for member in each.members]
        for name, model in models.items():
            if name.startswith("outcome"):
                flat = answer_scores(model, [(task.prompt, text) for task, text in asked])
            else:
                whole = [
                    (task.prompt, text, [*dict.fromkeys([*ends_of(text), len(text)])] if text else [])
                    for task, text in asked
                ]
                flat = [min(each) if each else 0.0 for each in step_scores(model, whole)]
            scores[name] = [flat[start : start + most] for start in range(0, len(flat), most)]
        found = {
            "pass_rate": fmean(member.verdict.is_pass for each in tested for member in each.members),
            "curves": curves(tested, scores),
            "calibration": calibrations(models, tested),
            "search": searched(policy, engine, models["process, roll-ins"], held_out, judges, options),
            "roll_ins": {"answers": len(rolled.examples), "completions": rolled.roll_ins, "tokens": rolled.tokens},
            "training_answers": len(answers),
        }
    found["cpu_seconds"] = process_time() - began
    say(f"  done, {found['cpu_seconds']:.0f} CPU-seconds")
    return found


def curves(tested: Sequence[Any], scores: dict[str, list[list[float]]]) -> dict[str, dict[int, float]]:
    """Selector -> n -> the share of problems for which what it chooses among n samples is right."""
    rows: dict[str, dict[int, list[float]]] = {}

    def put(name: str, n: int, value: float) -> None:
        rows.setdefault(name, {}).setdefault(n, []).append(value)

    for place, each in enumerate(tested):
        passes = [member.verdict.is_pass for member in each.members]
        votes = [Vote(member.verdict.is_pass, member.verdict.answer) for member in each.members]
        for n in SIZES:
            put("rule verifier (pass@n)", n, pass_at_k(len(passes), sum(passes), n))
            put("majority", n, maj_at_k(votes, n))
            for name, by_problem in scores.items():
                put(f"best of n: {name}", n, best_of_n(passes, by_problem[place], n))
            weights = torch.tensor(scores["outcome"][place]).sigmoid().tolist()
            put("vote weighed by the outcome model", n, weighted_vote(votes, weights, n))
    return {name: {n: fmean(values) for n, values in by_n.items()} for name, by_n in rows.items()}


def calibrations(models: dict[str, RewardModel], tested: Sequence[Any]) -> dict[str, float]:
    """ECE of the outcome model's probabilities; of the process models' step labels, against the rule's."""
    flat = [(each.task, member.completion, member.verdict.is_pass) for each in tested for member in each.members][:1600]
    labelled = [Labelled(task.prompt, answer.text, is_right) for task, answer, is_right in flat]
    found = {name: on_outcomes(models[name], labelled).ece for name in ("outcome", "outcome, every token")}
    steps = [made for each in flat if (made := labelled_by_rule(*each)) is not None]
    for name in ("process, roll-ins", "process, rule's labels"):
        asked = []
        for each in steps:
            ends = [sum(map(len, each.steps[: place + 1])) for place in range(len(each.steps))]
            asked.append((each.prompt, "".join(each.steps), ends))
        stated = [value for row in step_scores(models[name], asked) for value in row]
        found[name] = calibration(stated, [label > 0.5 for each in steps for label in each.labels]).ece
    return found


def searched(
    policy: Any,
    engine: TorchEngine,
    model: RewardModel,
    tasks: Sequence[Task],
    judges: JudgePool,
    options: argparse.Namespace,
) -> dict[str, dict[str, float]]:
    """Step-level search by the process model (beams x branches), with the tokens it takes a problem."""
    decode, found = decoder(policy.tokenizer), {}
    for beams, branches in ((1, 4), (2, 4), (4, 4)):

        def score(asked: Sequence[tuple[int, tuple[int, ...]]]) -> list[float]:
            rows = []
            for which, tokens in asked:
                text = decode([token for token in tokens if token not in policy.eos_ids])
                ends = [end for end in ends_of(text) if end <= OPERATIONS * STEP]
                rows.append((tasks[which].prompt, text, ends))
            return [min(each) if each else 0.0 for each in step_scores(model, rows)]

        made = search_steps(
            engine,
            [task.prompt for task in tasks],
            score,
            beams=beams,
            branches=branches,
            step=Sampling(STEP),
            most_tokens=LONGEST,
            eos_ids=policy.eos_ids,
            seed=0,
        )
        requests = [
            JudgeRequest(
                task.verifier, task.truth, decode([token for token in each.answer if token not in policy.eos_ids])
            )
            for task, each in zip(tasks, made, strict=True)
        ]
        right = fmean(verdict.is_pass for verdict in judges.judge_many(requests))
        found[f"{beams} x {branches}"] = {"right": right, "tokens": fmean(each.tokens for each in made)}
    return found


def table(results: dict[int, dict[str, Any]]) -> str:
    """Means over the seeds, and the lowest and highest of them at the largest n."""
    lines = [f"| selector | {' | '.join(f'n = {n}' for n in SIZES)} |", "|---" * (len(SIZES) + 1) + "|"]
    for name in next(iter(results.values()))["curves"]:
        cells = []
        for n in SIZES:
            values = [each["curves"][name][n] for each in results.values()]
            spread = f" ({min(values):.3f} to {max(values):.3f})" if n == max(SIZES) and len(values) > 1 else ""
            cells.append(f"{fmean(values):.3f}{spread}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| step search, beams x branches | right | tokens a problem |", "|---|---|---|"]
    for name in next(iter(results.values()))["search"]:
        rows = [each["search"][name] for each in results.values()]
        lines.append(
            f"| {name} | {fmean(row['right'] for row in rows):.3f} | {fmean(row['tokens'] for row in rows):.0f} |"
        )
    lines += ["", "| model | ECE |", "|---|---|"]
    for name in next(iter(results.values()))["calibration"]:
        lines.append(f"| {name} | {fmean(each['calibration'][name] for each in results.values()):.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--loss", type=float, default=0.15, help="SFT loss at which the policy is taken, nats a token")
    parser.add_argument("--problems", type=int, default=1500, help="training problems, 4 answers each")
    parser.add_argument("--rolled-in", type=int, default=1500, help="answers that are labelled by roll-ins")
    parser.add_argument("--roll-ins", type=int, default=4, help="per step")
    parser.add_argument("--held-out", type=int, default=200, help="problems to choose for")
    parser.add_argument("--out", type=Path, help="a folder for results.json")
    options = parser.parse_args()
    results = {
        seed: one_seed(seed, options, lambda text: print(text, file=sys.stderr, flush=True)) for seed in options.seeds
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(json.dumps(results, indent=1))
    print(table(results))


if __name__ == "__main__":
    main()
