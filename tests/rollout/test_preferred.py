"""Reward models as judges and as payment: scored in batches beside the policy, VOID anywhere else, capped where a rule judges."""

import math

import pytest
import torch

from assay.core.config import LearnedReward, RewardConfig
from assay.core.errors import ConfigError, TruthError
from assay.core.types import Message, Outcome, Reason, Task, Verdict
from assay.learn.reward_model import answer_scores
from assay.model.score import begin_reward_model, read_reward_model, save_reward_model
from assay.model.tiny import build_tiny
from assay.reward.learned import Learned, learned, models_of
from assay.reward.rule import find_rule
from assay.reward.shaping import rule_of
from assay.rollout.collect import sample
from assay.rollout.engine import Sampling
from assay.rollout.preferred import PreferenceJudges, request_for
from assay.rollout.scripted import ScriptedEngine
from assay.verify.base import judge, read_case
from assay.verify.pool import JudgePool, JudgeRequest
from assay.verify.preference import read_by

LETTERS = "abcdefgh0123456789 \n/<>thinkoxe{}\\"
PROMPT = (Message("system", "be kind"), Message("user", "ab"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two reward models, of other heads, on disk."""
    loaded = build_tiny("".join(dict.fromkeys(LETTERS)), seed=1)
    found = {}
    for seed, name in enumerate(("helpful", "harmless")):
        folder = tmp_path_factory.mktemp(name)
        reward = begin_reward_model(loaded, seed)
        reward.head.weight.data *= 5
        save_reward_model(reward, folder)
        found[name] = str(folder)
    return found


@pytest.fixture(scope="module")
def judges():
    torch.set_num_threads(1)
    with JudgePool(1) as pool:
        yield PreferenceJudges(pool, "cpu")


def share(folder, text, prompt=PROMPT):
    reward = read_reward_model(folder, "cpu")
    return reward.preference(answer_scores(reward, [(prompt, text)])[0])


def test_a_worker_without_models_never_pays(models):
    truth = {"helpful": {"model": models["helpful"]}}
    assert judge("preference", truth, "ba").outcome is Outcome.VOID
    with JudgePool(1) as pool:
        (verdict,) = pool.judge_many([JudgeRequest("preference", truth, "ba")])
    assert verdict.outcome is Outcome.VOID


def test_every_answer_passes_with_the_models_mean_share_and_each_in_evidence(models, judges):
    truth = {name: {"model": folder, "scale": 0.5} for name, folder in models.items()}
    task = Task("t", PROMPT, "preference", truth)
    requests = [request_for(task, "preference", truth, text, "ab", {}) for text in ("ba", "cd", "ba")]
    requests.insert(1, JudgeRequest("math", "4", r"\boxed{4}"))
    first, checked, second, third = judges.judge_many(requests)
    assert checked.is_pass
    assert (first.outcome, first.reason) == (Outcome.PASS, Reason.CORRECT)
    expected = {name: share(folder, "ba") for name, folder in models.items()}
    assert {name: each["score"] for name, each in first.evidence["preference"].items()} == pytest.approx(
        expected, abs=1e-6
    )
    assert first.score == pytest.approx(sum(expected.values()) / 2, abs=1e-6)
    assert first.evidence == third.evidence != second.evidence
    assert first.verifier.startswith("preference@1#")


def test_the_answer_scope_reads_what_stands_behind_the_reasoning(models, judges):
    text = "<think>no</think> ba"
    truth = {"a": {"model": models["helpful"], "scope": "answer"}, "w": {"model": models["helpful"]}}
    task = Task("t", PROMPT, "preference", truth)
    (verdict,) = judges.judge_many([request_for(task, "preference", truth, text, "ab", {})])
    said = verdict.evidence["preference"]
    assert said["a"]["score"] == pytest.approx(share(models["helpful"], "ba"), abs=1e-6)
    assert said["w"]["score"] == pytest.approx(share(models["helpful"], text), abs=1e-6)
    assert read_by("answer", "no reasoning") == "no reasoning"


def test_what_is_not_finite_or_names_no_model_is_void(models, judges, tmp_path):
    reward = read_reward_model(models["helpful"], "cpu")
    reward.head.weight.data[0, 0] = math.nan
    save_reward_model(reward, tmp_path)
    broken, nobody = judges.judge_many(
        [
            JudgeRequest("preference", {"x": {"model": str(tmp_path)}}, "ba", "ab"),
            JudgeRequest("preference", {}, "ba", "ab"),
        ]
    )
    assert (broken.outcome, broken.reason) == (Outcome.VOID, Reason.NOT_FINITE)
    assert (nobody.outcome, nobody.reason) == (Outcome.VOID, Reason.BAD_TRUTH)


@pytest.mark.parametrize(
    ("truth", "what"),
    [
        ("model", "would be right"),
        ({"x": {}}, "x: no model is named"),
        ({"x": {"model": "m", "scale": 2}}, "x.scale: a number above 0"),
        ({"x": {"model": "m", "scale": True}}, "x.scale: a number above 0"),
        ({"x": {"model": "m", "scope": "half"}}, "x.scope: whole or answer"),
    ],
)
def test_a_truth_that_cannot_be_read_says_what_would_be_right(truth, what, judges):
    with pytest.raises(TruthError, match=what):
        read_case("preference", truth)
    (verdict,) = judges.judge_many([JudgeRequest("preference", truth, "ba")])
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.BAD_TRUTH)


PASS = Verdict(Outcome.PASS, 1.0, Reason.CORRECT, verifier="math@1#0")
FAIL = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE, verifier="math@1#0")
VOID = Verdict(Outcome.VOID, 0.0, Reason.NOT_FINITE)


def said(score):
    return Verdict(
        Outcome.PASS,
        score,
        Reason.CORRECT,
        None,
        {"preference": {"x": {"score": score, "scale": 0.4}}},
        "preference@1#0",
    )


def test_where_a_rule_judges_a_model_adds_to_a_pass_only():
    rule = learned(find_rule("outcome"), {"x": LearnedReward(model="m", scale=0.4)})
    assert rule.reward(PASS, {"x": said(0.5)}).total == pytest.approx(1.2)
    assert rule.reward(PASS, {"x": said(0.5)}).parts == {"outcome": 1.0, "x": pytest.approx(0.2)}
    assert rule.reward(FAIL, {"x": said(1.0)}).total == 0.0
    assert rule.reward(PASS, {"x": VOID}).is_void
    assert rule.reward(VOID, {"x": said(1.0)}).is_void


@pytest.mark.parametrize("name", ["outcome", "gated_format"])
def test_open_to_wrong_answers_it_stays_below_the_lowest_pass(name):
    models = {
        "x": LearnedReward(model="m", scale=0.4, needs_pass=False),
        "y": LearnedReward(model="m", scale=0.59, needs_pass=False),
    }
    rule = learned(find_rule(name), models)
    parts = {"x": said(1.0), "y": said(1.0), "format": FAIL}
    assert 0 < rule.reward(FAIL, parts).total < find_rule(name).reward(PASS, parts).total
    with pytest.raises(ConfigError, match=r"a wrong answer could earn 1, and the lowest PASS of the rule .* is 1"):
        learned(find_rule(name), models | {"y": LearnedReward(model="m", scale=0.6, needs_pass=False)})


def test_where_nothing_judges_the_models_are_all_that_is_paid():
    rule = learned(find_rule("outcome"), {"x": LearnedReward(model="m", scale=0.4)})
    assert rule.reward(said(0.5), {"x": said(0.5)}).parts == {"x": pytest.approx(0.2)}
    assert rule.reward(said(0.5), {"x": said(0.5)}).total == pytest.approx(0.2)


def test_the_rule_owns_up_and_a_name_that_is_taken_is_refused():
    rule = rule_of(RewardConfig(models={"x": {"model": "m"}}), 8)
    assert isinstance(rule, Learned)
    assert "nothing checks that what it likes is right" in rule.holes[-1]
    assert models_of(rule) == {"x": {"model": "m", "scale": 0.5, "scope": "whole"}}
    assert learned(find_rule("outcome"), {}) == find_rule("outcome")
    for name in ("outcome", "format"):
        with pytest.raises(ConfigError, match=f"reward.models.{name}: the rule gated_format has a part of that name"):
            learned(find_rule("gated_format"), {name: LearnedReward(model="m")})


def test_tasks_with_and_without_a_rule_in_one_batch(models, judges):
    rule = rule_of(RewardConfig(models={"helpful": {"model": models["helpful"], "scale": 0.5}}), 8)
    tasks = [Task("4", (Message("user", "2+2"),), "math", "4"), Task("free", PROMPT, "preference", None)]
    engine = ScriptedEngine({"2+2": ["{4}".join((r"\boxed", "")), "5"], "ab": ["ba", "cd"]}, max_prompt_tokens=99)
    first, second = sample(engine, tasks, n=2, sampling=Sampling(20), seed=0, key=("x",), judges=judges, rule=rule)
    right, wrong = first.members
    mine = share(models["helpful"], right.completion.text, tasks[0].prompt)
    assert right.reward.total == pytest.approx(1 + 0.5 * mine, abs=1e-6)
    assert wrong.reward.total == 0.0
    for member, text in zip(second.members, ("ba", "cd"), strict=True):
        assert member.reward.total == pytest.approx(0.5 * share(models["helpful"], text), abs=1e-6)
