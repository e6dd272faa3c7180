"""The one-file example stays short, needs torch alone, and learns: run as its reader runs it, with fewer steps."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "examples" / "one_file_grpo.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("one_file_grpo", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["one_file_grpo"] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["one_file_grpo"]


def test_it_is_at_most_300_lines_and_imports_torch_alone():
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) <= 300
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"torch"}
    assert not re.search(r"\b(eval|exec)\(", text)


def test_the_judge_reads_one_answer_and_fails_closed(example):
    task = example.Task("7+3*2-4+8*6=", "44600")
    assert example.values_of(task.prompt) == [0, 0, 6, 4, 4]
    assert example.judge(example.worked_example(task), task.truth) == 1
    assert example.judge("99999#44600.", task.truth) == 1  # a wrong trace: an outcome check cannot see it
    for text in ("", ".", "#.", "00644#44600", "00644#44600#44600.", "00644.", "#446000.", "00644#00644.", "44600."):
        assert example.judge(text, task.truth) == 0, text


def test_cached_sampling_gives_the_log_probs_of_the_plain_forward(example):
    torch.manual_seed(0)
    policy = example.Policy()
    tasks = [example.draw_task(example.random.Random(i)) for i in range(3)]
    rollout = example.sample(policy, tasks, 4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        again = example.completion_logprobs(policy, rollout.prompts, rollout.tokens)
    assert ((again - rollout.logprobs) * rollout.mask).abs().max() < 1e-5
    for text, row, mask in zip(rollout.texts, rollout.tokens, rollout.mask, strict=True):
        assert "".join(example.ALPHABET[i] for i in row[: int(mask.sum())]) == text
        assert "." not in text[:-1]


def test_its_advantages_are_ours(example):
    rewards = torch.tensor([[1.0, 0, 0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]])
    assert example.group_advantages(rewards).tolist() == [[1, -1, -1, 1, -1, 1, -1, 1], [0] * 8, [0] * 8]


@pytest.mark.timeout(900)  # 20 CPU-seconds, and more on a machine that is shared
def test_a_short_run_learns():
    arguments = ["--sft-steps", "320", "--steps", "12", "--problems", "60", "--prompts", "8"]
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments], capture_output=True, text=True, timeout=880, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout.lower()
    losses = [float(each) for each in re.findall(r"sft +\d+  loss ([\d.]+)", done.stdout)]
    assert losses[-1] < losses[0] / 3
    before, after = map(float, re.search(r"pass@1 +([\d.]+) -> ([\d.]+)", done.stdout).groups())
    assert before > 0.15  # luck pays one in 100,000
    assert after > 0.15
    assert re.search(r"gain in pass@1 [+-][\d.]+, 95 % interval \[[+-][\d.]+, [+-][\d.]+\]", done.stdout)
