"""Run folders as the trainer leaves them, written through the same records, small enough to reason about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from assay.core.config import RunConfig
from assay.core.records import append_jsonl, sha256_of, to_json, write_json
from assay.core.run_folder import RolloutRow, RunFolder
from assay.measure.evaluation import Evaluation, Problem

VERIFIER = "math@1#9f2c1b7a"
PROBLEMS = 24


def row(step: int, group: int, sample: int, passed: bool, **more: Any) -> RolloutRow:
    """A completion of `2 x group`, right or wrong."""
    split = more.pop("split", "train")
    truth = 2 * group
    answer = str(truth if passed else truth + 1)
    made: dict[str, Any] = {
        "step": step,
        "group": f"{step}-{group}" if split == "train" else f"held-out-{step}-{group}",
        "sample": sample,
        "task": f"double-{group}",
        "prompt": f"user: What is 2 x {group}?",
        "text": f"It is \\boxed{{{answer}}}",
        "answer": answer,
        "truth": truth,
        "outcome": "pass" if passed else "fail",
        "reason": "correct" if passed else "wrong_value",
        "verifier": VERIFIER,
        "evidence": {},
        "reward": float(passed),
        "parts": {"outcome": float(passed)},
        "advantage": 0.0 if split != "train" else 1.0 if passed else -1.0,
        "tokens": 6 + sample,
        "finish": "stop",
        "policy": step,
        "seed": 0,
        "seconds": 0.0002,
        "split": split,
    }
    return RolloutRow(**made | more)


def metrics(step: int, informative: int = 2, all_wrong: int = 1, **more: Any) -> dict[str, Any]:
    made = {
        "step": step,
        "kind": "train",
        "reward": 0.25 + step / 20,
        "reward_std": 0.4,
        "frac_reward_zero_std": all_wrong / (informative + all_wrong),
        "pass_rate": 0.25 + step / 20,
        "format_rate": 0.9,
        "completions/mean_length": 12.0,
        "completions/min_length": 6,
        "completions/max_length": 20,
        "completions/clipped_ratio": 0.05,
        "groups/informative": informative,
        "groups/all_right": 0,
        "groups/all_wrong": all_wrong,
        "groups/all_unparsed": 0,
        "groups/flat": 0,
        "groups/dropped": 0,
        "entropy": 0.8,
        "kl": 0.001 * step,
        "grad_norm": 1.0,
        "clip_ratio/low_mean": 0.001,
        "clip_ratio/high_mean": 0.002,
        "clip_ratio/region_mean": 0.003,
        "logprob_difference": 1.5e-5,
        "time/rollout": 2.0,
        "time/judge": 0.1,
        "time/learn": 3.0,
        "time/step": 5.5,
    }
    return made | more


def evaluation(step: int, kind: str, right: int, seed: int = 0) -> Evaluation:
    """Problem i has `right` or `right - 1` of its four samples right."""
    problems = tuple(
        Problem(f"double-{i}", tuple(j < right - i % 2 for j in range(4)), ("x",) * 4, (12,) * 4, i % 3 < right - 1)
        for i in range(PROBLEMS)
    )
    return Evaluation(step, kind, "smollm2", 4, 1.0, (1, 4), seed, (VERIFIER,), problems, "warehouse")  # type: ignore[arg-type]


def certificate(run: RunFolder, accepted: dict[str, str], text: str = "I think 1, 2, 3") -> None:
    hole = {
        "name": "substrings",
        "kind": "paid",
        "sentence": "substrings: a number that contains the truth (pass correct)",
        "response": text,
        "truth": 3,
        "verifier": "math",
    }
    family = {"family": "several answers", "expect": "unpaid", "tried": 40, "paid": 1, "voids": 0, "bound": 0.13}
    body = {
        "subject": {
            "verifiers": [VERIFIER],
            "rule": "outcome",
            "rule_fingerprint": "5d0a77e1",
            "tasks": "c0ffee12",
            "battery": "77ab01fe",
        },
        "level": "quick",
        "figures": {
            "tasks": 12,
            "attacks_tried": 40,
            "attacks_paid": 1 if accepted else 0,
            "false_accept_bound": 0.13,
            "equivalents_tried": 20,
            "equivalents_paid": 19,
            "recall_bound": 0.76,
            "families": [family],
        },
        "holes": [hole] if accepted else [],
        "accepted": accepted,
    }
    write_json(run.path / "certificate.json", body | {"sha256": sha256_of(body)})


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(
        name: str = "run",
        *,
        steps: int = 4,
        done: int | None = None,
        gain: bool = True,
        evaluated: Iterable[str] = ("before", "after"),
        rows: Iterable[RolloutRow] | None = None,
        accepted: dict[str, str] | None = None,
        **settings: Any,
    ) -> Path:
        config = RunConfig.model_validate(
            {
                "name": name,
                "learn": {"steps": steps, "kl": {"coefficient": 0.02}},
                "audit": {"accepted_risks": accepted or {}},
            }
            | settings
        )
        run = RunFolder.create(tmp_path / name, config.model_dump(mode="json"))
        reached = steps if done is None else done
        for kind in evaluated:
            step = 0 if kind == "before" else reached
            result = evaluation(step, kind, 1 if kind == "before" or not gain else 3, config.seed)
            append_jsonl(run.evaluations, [to_json(result)])
            run.log({"step": step, "kind": "evaluate", **result.metrics()})
        for step in range(1, reached + 1):
            run.log(metrics(step) if step != 2 else metrics(step, informative=0, all_wrong=3))
        if rows is None:
            rows = [row(step, group, sample, (group + sample) % 3 == 0) for step in range(1, reached + 1) for group in range(3) for sample in range(4)]  # fmt: skip
        run.log_rollouts(rows)
        if accepted is not None:
            certificate(run, accepted)
        return run.path

    return make


@pytest.fixture
def make_row() -> Callable[..., RolloutRow]:
    return row


@pytest.fixture
def make_metrics() -> Callable[..., dict[str, Any]]:
    return metrics
