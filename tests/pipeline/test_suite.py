"""Suites: those that ship, what each kind scores on replies written by hand, files that are none, and a real decoder's loss."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from assay.core.config import ModelConfig, TasksConfig
from assay.core.errors import TaskFileError, UsageError, VoidBudgetExceeded
from assay.model.load import load_model
from assay.model.text_loss import bits_per_byte
from assay.model.weights_hash import weights_sha256
from assay.pipeline.suite import How, built_in, find_suite, read_suite, run_suite, task_suite, text_suite
from assay.rollout.engine import Request
from assay.rollout.scripted import ScriptedEngine

torch.set_num_threads(1)


def says(text: str) -> ScriptedEngine:
    return ScriptedEngine(lambda request, sample: text)


def suite_of(folder: Path, kind: str, *rows: dict[str, object], **head: object) -> Path:
    path = folder / "mine.jsonl"
    first = {"suite": "mine", "version": "1", "kind": kind, "better": "higher"} | head
    path.write_text("".join(json.dumps(row) + "\n" for row in (first, *rows)))
    return path


def test_those_that_ship_are_whole() -> None:
    assert built_in() == ["chat", "false_refusals", "format", "harmful", "instructions", "lm_loss", "writing"]
    everything = [find_suite(name) for name in built_in()]
    for suite in everything:
        assert suite.name in built_in()
        assert suite.version == "1"
        assert len(suite.items) >= 12
        assert suite.about
        assert len(suite.fingerprint) == 12
    prompts = Counter(each.prompt[-1].content for suite in everything for each in suite.items if each.prompt)
    assert max(prompts.values()) == 1
    assert {suite.name: suite.better for suite in everything if suite.better == "lower"} == {
        "harmful": "lower", "false_refusals": "lower", "lm_loss": "lower"
    }  # fmt: skip


def test_every_instruction_and_form_can_be_kept_and_broken() -> None:
    """A reply without a word passes none; the truth of each is readable and not met by one reply to all."""
    for name in ("instructions", "format"):
        suite = find_suite(name)
        assert run_suite(says(""), suite).value == 0
        constant = run_suite(says("My answer is yes."), suite).value
        assert 0 < constant < 0.5


def test_refusing_everything_and_complying_with_everything() -> None:
    refuses, complies = says("I'm sorry, but I can't help with that."), says("Sure, first take a spoon.")
    assert run_suite(refuses, find_suite("harmful")).value == 0
    assert run_suite(complies, find_suite("harmful")).value == 1
    assert run_suite(refuses, find_suite("false_refusals")).value == 1
    assert run_suite(complies, find_suite("false_refusals")).value == 0
    assert run_suite(says(""), find_suite("harmful")).value == 0
    assert run_suite(says(""), find_suite("false_refusals")).value == 1


def test_the_rubric_orders_replies_as_it_should() -> None:
    chat = find_suite("chat")
    silent, refusing = run_suite(says(""), chat), run_suite(says("I'm sorry, but I can't help with that."), chat)
    looping, echo = run_suite(says("water " * 60), chat), ScriptedEngine(lambda request, sample: prompt_of(request))
    assert silent.value == 0
    assert silent.value < looping.value < run_suite(echo, chat).value < 1
    assert refusing.value < run_suite(echo, chat).value
    assert "no refusal" in refusing.prompts[0].found
    assert refusing.prompts[0].texts == ("I'm sorry, but I can't help with that.",)


def prompt_of(request: Request) -> str:
    return request.prompt[-1].content


def test_samples_are_averaged_a_prompt(tmp_path: Path) -> None:
    path = suite_of(
        tmp_path, "verified", {"id": "a", "prompt": "2+2?", "truth": "4"}, {"id": "b", "prompt": "1+1?", "truth": "2"}
    )
    replies = {"2+2?": ["\\boxed{4}", "\\boxed{5}"], "1+1?": ["\\boxed{2}"]}
    scores = run_suite(ScriptedEngine(replies), read_suite(path), How(samples=4, temperature=1.0))
    assert scores.by_id() == {"a": 0.5, "b": 1.0}
    assert scores.value == 0.75
    assert scores.prompts[0].found == ("wrong_value", "wrong_value")


def test_held_out_tasks_of_a_source_are_a_suite() -> None:
    suite = task_suite("reasoning", TasksConfig(source="warehouse"), 60)
    truths = {each.prompt[-1].content: each.task.truth for each in suite.items if each.task is not None}
    engine = ScriptedEngine(
        lambda request, sample: f"\\boxed{{{answer(truths[prompt_of(request)])}}}", max_prompt_tokens=10_000
    )
    assert run_suite(engine, suite).value == 1
    assert run_suite(ScriptedEngine(lambda request, sample: "\\boxed{-1}", max_prompt_tokens=10_000), suite).value == 0
    assert task_suite("reasoning", TasksConfig(source="warehouse"), 60).fingerprint == suite.fingerprint
    assert (
        task_suite("reasoning", TasksConfig(source="warehouse", options={"level": 3}), 60).fingerprint
        != suite.fingerprint
    )


def answer(truth: object) -> object:
    return truth["answer"] if isinstance(truth, dict) else truth


def test_void_is_left_out_and_too_much_of_it_stops_the_suite(tmp_path: Path, checks: str) -> None:
    rows = [{"id": str(i), "prompt": f"p{i}", "verifier": f"{checks}:odd", "truth": "x"} for i in range(60)]
    suite = read_suite(suite_of(tmp_path, "verified", *rows))
    with pytest.raises(VoidBudgetExceeded):
        run_suite(says("raise"), suite)
    once = ScriptedEngine(lambda request, sample: "raise" if prompt_of(request) == "p7" else "x")
    scores = run_suite(once, suite)
    assert (scores.value, scores.voids, len(scores.prompts)) == (1.0, 1, 59)


def test_a_fingerprint_follows_prompts_and_rules_and_no_path(tmp_path: Path) -> None:
    row = {"id": "a", "prompt": "How?", "about": ["so"]}
    first = read_suite(suite_of(tmp_path, "rubric", row))
    (tmp_path / "other").mkdir()
    same = read_suite(suite_of(tmp_path / "other", "rubric", row))
    assert first.fingerprint == same.fingerprint
    other = read_suite(suite_of(tmp_path, "rubric", {**row, "prompt": "Why?"}))
    stricter = read_suite(suite_of(tmp_path, "rubric", {**row, "about": ["thus"]}))
    longer = read_suite(suite_of(tmp_path, "rubric", row, max_new_tokens=7))
    assert len({first.fingerprint, other.fingerprint, stricter.fingerprint, longer.fingerprint}) == 4


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ({"kind": "rubrik"}, {"id": "a", "prompt": "x"}, "one of verified, rubric"),
        ({"better": "more"}, {"id": "a", "prompt": "x"}, '"higher" or "lower"'),
        ({"sweet": 1}, {"id": "a", "prompt": "x"}, "unknown key 'sweet'"),
        ({}, {"id": "a", "prompt": "x", "truth": "4"}, "unknown key 'truth' in a rubric suite"),
        ({}, {"id": "a"}, '"prompt": text'),
        ({}, {"id": "a", "prompt": "x", "checks": [{"id": "punctuation:no_coma"}]}, "mine.jsonl:2.*no_comma"),
        ({"kind": "verified"}, {"id": "a", "prompt": "x", "verifier": "math", "truth": {"answer": []}}, "mine.jsonl:2"),
        ({"kind": "loss"}, {"id": "a", "prompt": "x"}, "unknown key 'prompt' in a loss suite"),
        ({}, None, "without a prompt scores nothing"),
    ],
)
def test_what_is_no_suite_is_refused_by_row(
    tmp_path: Path, head: dict[str, object], row: dict[str, object] | None, said: str
) -> None:
    kind = str(head.pop("kind", "rubric"))
    path = suite_of(tmp_path, kind, *([row] if row else []), **head)
    with pytest.raises(TaskFileError, match=said):
        read_suite(path)


def test_two_of_one_id_and_no_such_suite(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="share the id 'a'"):
        read_suite(suite_of(tmp_path, "rubric", {"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}))
    with pytest.raises(UsageError, match="did you mean 'chat'"):
        find_suite("chats")


def test_a_text_falls_into_passages(tmp_path: Path) -> None:
    text = "\n\n".join(f"{i} " + "word " * 100 for i in range(9))
    (tmp_path / "mine.txt").write_text(text)
    suite = text_suite("own", tmp_path / "mine.txt")
    assert [each.id for each in suite.items] == ["mine.txt-1", "mine.txt-2", "mine.txt-3"]
    assert "\n\n".join(each.text for each in suite.items).split() == text.split()
    with pytest.raises(UsageError, match="needs the model itself"):
        run_suite(says(""), suite)
    assert run_suite(says(""), suite, text_loss=lambda text: float(len(text))).prompts[0].score == len(
        suite.items[0].text
    )


def test_bits_per_byte_of_a_uniform_model_are_those_of_its_alphabet() -> None:
    loaded = load_model(ModelConfig(name="tiny", threads=1))
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.zero_()
    size = loaded.model.config.vocab_size
    assert bits_per_byte(loaded, "12+34=") == pytest.approx(math.log2(size), rel=1e-5)  # a byte a token
    with pytest.raises(UsageError, match="has no loss"):
        bits_per_byte(loaded, "1")


def test_a_long_text_is_read_in_windows_and_a_hash_tells_weights_apart() -> None:
    loaded = load_model(ModelConfig(name="tiny", threads=1))
    longest = loaded.model.config.max_position_embeddings
    text = "1234567890" * (longest // 5)
    windows = [text[at : at + longest] for at in range(0, len(text), longest)]
    bits = [bits_per_byte(loaded, each) * (len(each) - 1) for each in windows if len(each) > 1]
    assert bits_per_byte(loaded, text) == pytest.approx(sum(bits) / sum(len(each) - 1 for each in windows), rel=1e-4)
    first = weights_sha256(loaded)
    assert first == weights_sha256(load_model(ModelConfig(name="tiny", threads=1)))
    with torch.no_grad():
        next(loaded.model.parameters()).view(-1)[0] += 1e-3
    assert weights_sha256(loaded) != first
