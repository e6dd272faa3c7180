"""On-policy distillation: what it costs and counts, that the student comes to its teacher, and how it is stopped and resumed."""

import pytest
import torch

from assay.core.errors import ConfigError
from assay.core.fitting import DistillConfig, SftConfig
from assay.core.types import Message, Task
from assay.learn.distill import distill, parameters, refuse_other_tokens
from assay.learn.sft import sft
from assay.measure.compute import Spent
from assay.model.tiny import build_tiny
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine
from assay.rollout.traces import checked_traces
from assay.tasks.conversations import Example
from assay.verify.pool import JudgePool

LETTERS = "abcd"
QUESTIONS = ["ab", "bc", "cd", "da"]
PROMPTS = [(Message("user", text),) for text in QUESTIONS]
CONFIG = DistillConfig(steps=40, batch_size=4, group_size=4, max_new_tokens=4, learning_rate=1e-2, schedule="constant")


@pytest.fixture(scope="module")
def teacher():
    """A decoder that says a word backwards."""
    loaded = build_tiny(LETTERS, seed=9)
    examples = [Example(prompt, prompt[0].content[::-1]) for prompt in PROMPTS]
    sft(loaded, examples, SftConfig(steps=60, batch_size=4, learning_rate=1e-2, warmup_steps=5), seed=0)
    return loaded


def student():
    return build_tiny(LETTERS, seed=4, width=16, layers=1, heads=2)


def test_a_smaller_student_comes_to_say_what_its_teacher_says(teacher):
    loaded = student()
    fitted = distill(loaded, teacher, PROMPTS, CONFIG, seed=0)
    assert fitted.losses[-1] < fitted.losses[0] / 5
    requests = [Request(prompt, 1, 0, (place,)) for place, prompt in enumerate(PROMPTS)]
    said = TorchEngine(loaded).generate(requests, Sampling(4, temperature=0.0))
    assert [answer.text for (answer,) in said] == [text[::-1] for text in QUESTIONS]


def test_the_teacher_stays_as_it_is_and_its_double_learns_nothing(teacher):
    before = [each.clone() for each in teacher.model.parameters()]
    double = build_tiny(LETTERS, seed=9)
    double.model.load_state_dict(teacher.model.state_dict())
    (row,) = distill(double, teacher, PROMPTS, CONFIG.model_copy(update={"steps": 1}), seed=0).history
    assert row["loss"] < 1e-6
    assert row["grad_norm"] < 1e-5
    assert all(torch.equal(one, other) for one, other in zip(before, teacher.model.parameters(), strict=True))


def test_what_is_spent_is_counted_and_a_budget_stops_it(teacher):
    loaded, spent = student(), Spent()
    config = CONFIG.model_copy(update={"steps": 3})
    fitted = distill(loaded, teacher, PROMPTS, config, seed=0, spent=spent)
    passed = sum(row["passed"] for row in fitted.history)
    assert (
        passed == sum(row["tokens"] for row in fitted.history) + 3 * 4 * 3
    )  # prompts of 3 tokens, once for each group
    ours, theirs = parameters(loaded), parameters(teacher)
    assert spent.flops == {
        "student samples": 2.0 * ours * passed,
        "teacher scores": 2.0 * theirs * passed,
        "student learns": 6.0 * ours * passed,
    }
    half = distill(student(), teacher, PROMPTS, config, seed=0, budget=spent.total / 2)
    assert 1 <= len(half.losses) < 3
    assert "FLOPs is spent" in half.stopped


def test_weights_that_multiply_are_counted():
    loaded = student()
    embedding = loaded.model.model.embed_tokens.weight.numel()
    assert parameters(loaded) == sum(each.numel() for each in loaded.model.parameters()) - embedding


def test_rows_cut_otherwise_change_nothing_but_rounding(teacher):
    config = CONFIG.model_copy(update={"steps": 3})
    whole, cut = (
        distill(student(), teacher, PROMPTS, config.model_copy(update={"row_tokens": row}), seed=0).losses
        for row in (8192, 8)
    )
    assert cut == pytest.approx(whole, abs=1e-4)


def test_killed_and_resumed_it_ends_in_the_same_bits(teacher, tmp_path):
    config = CONFIG.model_copy(update={"steps": 4, "save_every": 1})
    whole = student()
    done = distill(whole, teacher, PROMPTS, config, seed=0)

    def killed(step, numbers):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(student(), teacher, PROMPTS, config, seed=0, folder=tmp_path, progress=killed)
    again = student()
    assert distill(again, teacher, PROMPTS, config, seed=0, folder=tmp_path) == done
    assert all(
        torch.equal(one, other) for one, other in zip(again.model.parameters(), whole.model.parameters(), strict=True)
    )


def test_other_tokens_are_refused_with_the_way_that_would_work(teacher):
    with pytest.raises(
        ConfigError, match=r"read different tokens .*: SFT on the teacher's checked traces would be right"
    ):
        refuse_other_tokens(build_tiny("abce"), teacher)


def test_traces_are_the_answers_that_passed_once_each(teacher, tmp_path):
    (tmp_path / "mine.py").write_text("def check(response, truth):\n    return response == truth\n")
    tasks = [
        Task(text, prompt, f"{tmp_path}/mine.py:check", text[::-1])
        for text, prompt in zip(QUESTIONS, PROMPTS, strict=True)
    ]
    with JudgePool(1) as judges:
        traced = checked_traces(TorchEngine(teacher), tasks, samples=4, sampling=Sampling(4), judges=judges, seed=0)
    assert set(traced.examples) <= {Example(task.prompt, task.truth) for task in tasks}
    assert len(traced.examples) == len(set(traced.examples)) <= 4
    assert traced.sampled == 16
    assert traced.passed >= 12
    other = build_tiny("dcba+", seed=3)  # another tokenizer reads the same texts
    losses = sft(other, traced.examples, SftConfig(steps=40, batch_size=4, learning_rate=1e-2), seed=0).losses
    assert losses[-1] < losses[0] / 4
