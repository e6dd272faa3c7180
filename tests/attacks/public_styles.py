"""Three public styles of reward function, written anew from their described behaviour, in the frameworks' own shapes.

They are what `docs/concepts/audit.md` audits beside math-verify's default.
"""

import re
from typing import Any


def last_number(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    """verl's shape. The last number of the response decides, wherever it stands (GSM8K's flexible graders)."""
    numbers = re.findall(r"-?\d[\d,]*\.?\d*", solution_str)
    return float(bool(numbers) and numbers[-1].replace(",", "").rstrip(".") == ground_truth)


def format_first(completions: list[list[dict[str, str]]], answer: list[str], **kwargs: Any) -> list[float]:
    """TRL's shape. Half the reward for a box, the other half for the right thing inside it."""
    rewards = []
    for completion, truth in zip(completions, answer, strict=True):
        boxes = re.findall(r"\\boxed\{([^{}]*)\}", completion[0]["content"])
        rewards.append((0.5 + 0.5 * (boxes[-1] == truth)) if boxes else 0.0)
    return rewards


def reward_func(queries: list[str], prompts: list[str], labels: list[str], **kwargs: Any) -> dict[str, list[float]]:
    """OpenRLHF's shape. Full credit for the label, and for the label inside something longer its share of the length
    (the default score of reasoning-gym's data sets works that way)."""
    rewards = []
    for query, prompt, label in zip(queries, prompts, labels, strict=True):
        answer = query.removeprefix(prompt).strip()
        rewards.append(1.0 if answer == label else len(label) / len(answer) if label in answer else 0.0)
    return {"rewards": rewards, "scores": rewards}


def math_verify_default(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    """verl's shape. math-verify with the defaults of its README: parse both, verify."""
    from math_verify import parse, verify

    return float(verify(parse(f"${ground_truth}$"), parse(solution_str)))
