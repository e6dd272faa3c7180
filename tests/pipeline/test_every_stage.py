"""A recipe with a stage of every kind, made for real: manifests, hashes, gates, the page; taken up, changed, left out."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assay.core.errors import ConfigError, GateRefused, RunFolderError, UsageError
from assay.core.pipeline_folder import Manifest, PipelineFolder, fingerprint_of
from assay.core.records import read_jsonl
from assay.pipeline.events import StageBegan, StageTaken
from assay.pipeline.examine import scores_in
from assay.pipeline.recipe import load_recipe, read_recipe
from assay.pipeline.run import Choice, run_pipeline
from assay.report.pipeline import build_pipeline_report

RECIPES = Path(__file__).parent / "recipes"
ALL = ["pretrain", "cold_start", "reasoning", "rejection", "helpful", "final", "preferences", "distill", "ships"]


def recipe(*overrides):
    return load_recipe([RECIPES / "every_kind.toml"], overrides)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    torch.set_num_threads(1)
    return run_pipeline(recipe(), tmp_path_factory.mktemp("pipelines") / "small")


@pytest.fixture
def copy(made, tmp_path):
    """A pipeline that a test may go on with."""
    return PipelineFolder(Path(shutil.copytree(made.path, tmp_path / "small")))


def manifests(folder) -> dict[str, Manifest]:
    return {each.name: each.manifest() for each in folder.finished()}


def test_every_stage_is_made_and_says_what_it_was_made_from(made):
    found = manifests(made)
    assert list(found) == ALL
    assert found["cold_start"].inputs["start"] == found["pretrain"].made_sha256
    assert found["reasoning"].inputs["start"] == found["cold_start"].made_sha256
    rejection = found["rejection"]
    assert rejection.start == "pretrain"  # the base, not the policy that was sampled
    assert rejection.inputs["sampler"] == found["reasoning"].made_sha256
    assert found["final"].inputs["models.helpful.stage"] == found["helpful"].made_sha256
    assert found["ships"].gate["passed"]
    assert found["ships"].gate["against"] == "pretrain"
    for each in made.finished():
        if each.manifest().made is not None:
            assert fingerprint_of(each.made) == each.manifest().made_sha256


def test_the_base_learns_and_every_policy_is_examined_on_the_same(made):
    found = manifests(made)
    exam = found["pretrain"].metrics["exam"]
    assert exam["logic"] > 0.3  # an untrained decoder is right about one time in a million
    policies = [name for name, each in found.items() if "exam" in each.metrics]
    assert policies == ["pretrain", "cold_start", "reasoning", "rejection", "final", "preferences", "distill"]
    prompts = {name: [row["task"] for row in read_jsonl(made.stage(name).path / "answers.jsonl")] for name in policies}
    assert len({tuple(each) for each in prompts.values()}) == 1
    assert any(row["domain"] == "general" for row in read_jsonl(made.stage("final").path / "answers.jsonl"))
    suites = {tuple(each.suite for each in scores_in(made.stage(name).path).suites) for name in policies}
    assert suites == {("logic", "checked", "format", "language")}


def test_what_was_kept_passed_and_what_was_removed_is_shown(made):
    details = manifests(made)["rejection"].details
    samples = list(read_jsonl(made.stage("rejection").path / "samples.jsonl"))
    assert details["gathered"] == len(samples) == 48
    assert sum(each["count"] for each in details["removed"]) == details["gathered"] - details["kept"]
    assert all(each["examples"] for each in details["removed"])
    right = {(row["task"], row["text"]) for row in samples if row["outcome"] == "pass"}
    examples = list(read_jsonl(made.stage("rejection").path / "examples.jsonl"))
    checked = [row for row in examples if row["prompt"][0]["content"][0] not in "?!"]
    tasks = {row["prompt"][0][1]: row["task"] for row in samples}
    assert checked
    assert all((tasks[row["prompt"][0]["content"]], row["completion"][0]["content"]) in right for row in checked)
    assert details["general"] == len(examples) - len(checked) == round(len(checked) / 3)


def test_general_prompts_join_late_and_are_paid_by_their_reward_model(made):
    rows = [row for row in read_jsonl(made.stage("final").path / "run" / "rollouts.jsonl") if row["split"] == "train"]
    general = [row for row in rows if row["task"].startswith("pocket_talk")]
    assert {row["step"] for row in general} == {2}
    assert {row["step"] for row in rows} == {1, 2}
    for row in general:
        said = row["evidence"]["preference"]["helpful"]
        assert 0 <= said["score"] <= 1
        assert row["parts"]["helpful"] == pytest.approx(0.5 * said["score"])
        assert "outcome" not in row["parts"]
    assert all("helpful" not in row["parts"] for row in rows if row not in general)


def test_the_student_is_smaller_and_goes_on_under_its_teachers_eyes(made):
    metrics = manifests(made)["distill"].metrics
    assert metrics["parameters"] < metrics["teacher_parameters"] / 2
    assert metrics["on_policy_steps"] == 2
    stage = made.stage("distill")
    before, after = (load_file(folder / "model.safetensors") for folder in (stage.path / "model", stage.made))
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_the_page_holds_the_stages_their_gates_and_the_answers_side_by_side(made):
    page = build_pipeline_report(made.path).read_text()
    assert page.count('<li class="stage') == len(ALL)
    assert "gate passed" in page
    assert page.count('<figure class="answer') >= 7 * 2
    assert (made.stage("reasoning").path / "run" / "report.html").is_file()
    assert 'id="arms"' not in page


def test_a_finished_pipeline_is_taken_as_it_stands(copy):
    before = {name: each.finished_at for name, each in manifests(copy).items()}
    events = []
    run_pipeline(recipe(), copy.path, resume=True, listen=events.append)
    assert [type(each) for each in events] == [StageTaken] * len(ALL)
    assert {name: each.finished_at for name, each in manifests(copy).items()} == before
    assert read_recipe(copy.recipe).model_dump() == recipe().model_dump()


def test_a_changed_stage_is_refused_and_made_anew_with_what_follows(copy):
    changed = recipe("stages.rejection.fit.steps=3")
    with pytest.raises(RunFolderError, match=r"rejection was made with other settings \(fit.steps\): --from rejection"):
        run_pipeline(changed, copy.path, resume=True)
    before = manifests(copy)
    events = []
    run_pipeline(changed, copy.path, resume=True, choice=Choice(start_from="rejection"), listen=events.append)
    begun = [each.name for each in events if isinstance(each, StageBegan)]
    assert begun == ALL[ALL.index("rejection") :]
    after = manifests(copy)
    assert after["reasoning"] == before["reasoning"]
    assert after["rejection"].metrics["steps"] == 3
    assert after["final"].inputs["start"] != before["final"].inputs["start"]


def test_a_stage_made_again_comes_out_the_same(copy):
    before = load_file(copy.stage("rejection").made / "model.safetensors")
    run_pipeline(recipe(), copy.path, resume=True, choice=Choice(start_from="rejection", only=["rejection"]))
    after = load_file(copy.stage("rejection").made / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert list(manifests(copy)) == ["pretrain", "cold_start", "reasoning", "rejection"]
    with pytest.raises(UsageError, match="final needs helpful, which is not made yet"):
        run_pipeline(recipe(), copy.path, resume=True, choice=Choice(only=["final"]))


def test_a_failing_gate_stops_the_pipeline_until_it_is_told_to_go_on(copy):
    strict = recipe(
        "stages.rejection.regression.limits.checked.gain_above=0.99", "stages.rejection.regression.decide=point"
    )
    with pytest.raises(GateRefused, match=r"gate behind rejection failed.*no gain above 0.99"):
        run_pipeline(strict, copy.path, resume=True, choice=Choice(start_from="rejection"))
    assert list(manifests(copy)) == ["pretrain", "cold_start", "reasoning", "rejection"]
    with pytest.raises(GateRefused):  # it stands in the manifest
        run_pipeline(strict, copy.path, resume=True)
    page = build_pipeline_report(copy.path).read_text()
    assert "gate failed" in page
    assert "no gain above 0.99" in page
    run_pipeline(strict, copy.path, resume=True, choice=Choice(only=["rejection", "helpful"]), go_on=True)
    assert "helpful" in manifests(copy)


def test_the_zero_arm_leaves_the_cold_start_out_and_the_pages_compare(copy):
    zero = copy.path.with_name("small-zero")
    run_pipeline(recipe(), zero, choice=Choice(zero=True, only=["pretrain", "reasoning"]))
    found = manifests(PipelineFolder(zero))
    assert list(found) == ["pretrain", "reasoning"]
    assert found["reasoning"].start == "pretrain"
    assert found["pretrain"].made_sha256 == manifests(copy)["pretrain"].made_sha256
    for folder in (copy.path, zero):
        page = build_pipeline_report(folder).read_text()
        assert 'id="arms"' in page
        assert "without (zero)" in page


def test_the_reward_models_hole_is_refused_unless_it_is_accepted(copy):
    audited = recipe("stages.final.audit.level=quick")
    with pytest.raises(ConfigError, match="r1_final"):
        run_pipeline(audited, copy.path, resume=True, choice=Choice(start_from="final", only=["final"]))
    accepted = recipe("stages.final.audit.level=quick", 'stages.final.audit.accepted_risks={r1_final="watched"}')
    with pytest.raises(RunFolderError, match=r"final was made with other settings \(audit.accepted_risks"):
        run_pipeline(accepted, copy.path, resume=True, choice=Choice(only=["final"]))
    run_pipeline(accepted, copy.path, resume=True, choice=Choice(start_from="final", only=["final"]))
    certificate = json.loads((copy.stage("final").path / "run" / "certificate.json").read_text())
    assert certificate["accepted"] == {"r1_final": "watched"}


def test_a_stage_without_a_kl_term_would_hold_nothing(copy):
    loose = recipe("stages.final.learn.kl.coefficient=0.0")
    with pytest.raises(ConfigError, match="held to the policy it starts from"):
        run_pipeline(loose, copy.path, resume=True, choice=Choice(start_from="final", only=["final"]))
