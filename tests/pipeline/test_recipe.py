"""Recipes are data: read by the one configuration system, refused with the nearest name, planned before anything runs."""

from pathlib import Path

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError, UsageError
from assay.pipeline.kinds import FinalStage
from assay.pipeline.plan import GIB, plan_pipeline
from assay.pipeline.recipe import load_recipe, read_recipe
from assay.pipeline.run import Choice, origin, skipped
from assay.recipes import find_pipeline, pipeline_names

RECIPES = Path(__file__).parent / "recipes"


def recipe(*overrides):
    return load_recipe([RECIPES / "every_kind.toml"], overrides)


@pytest.mark.parametrize("name", pipeline_names())
def test_built_in_recipes_are_read_and_read_back(name):
    found = load_recipe([find_pipeline(name)])
    assert found.name == name
    kinds = [each.kind for each in found.named.values()]
    assert {"sft", "rl", "reject", "final_rl", "reward_model"} <= set(kinds)
    assert read_recipe(found.model_dump(mode="json")).model_dump() == found.model_dump()


def test_a_stage_has_what_the_recipe_says_for_all_under_what_it_says_itself():
    found = recipe("rollout.group_size=6", "stages.final.rollout.group_size=2", "filters.repetition=0.2")
    assert found.stages.reasoning.rollout.group_size == 6
    assert found.stages.final.rollout.group_size == 2
    assert found.stages.cold_start.filters.repetition == 0.2
    assert found.stages.cold_start.filters.per_prompt == 1
    assert found.stages.reasoning.reward.rule == "r1_reasoning"
    assert found.stages.final.reward.rule == "r1_final"


def test_another_kind_starts_its_table_afresh():
    found = recipe("stages.reasoning.learn.loss.kind=gspo", "stages.cold_start.examples.kind=demonstrations")
    assert found.stages.reasoning.learn.loss.kind == "gspo"
    assert found.stages.cold_start.examples.count == 2000


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("rolout.group_size=3", "unknown key 'rolout'; did you mean 'rollout'"),
        ("stages.reasoning.learn.stepz=3", r"unknown key 'stepz' in \[stages.reasoning.learn\]; did you mean 'steps'"),
        ("stages.reasonin.learn.steps=3", "stages.reasonin names no kind; did you mean 'reasoning'"),
        ("stages.reasoning.kind=rll", "no kind 'rll'; did you mean 'rl'"),
        ("stages.final.models.helpful.scal=1", "unknown key 'scal'.*did you mean 'scale'"),
        ("stages.final.start=rejektion", "stands before it; did you mean 'rejection'"),
        ("stages.final.models.helpful.stage=rejection", r"rejection \(reject\) makes no reward_model"),
        ("stages.rejection.sampler=final", "no stage 'final' stands before it"),
        ("stages.rejection.general_share=1.5", "stages.rejection.general_share: Input should be less than 1"),
        ("stages.copy.kind=sft", "a stage cannot have this name"),
        ("base=helpful", "is no stage that makes a policy"),
        ("stages.final.general_share=0", "stages.final.general_share: Input should be greater than 0"),
    ],
)
def test_mistakes_are_sentences(override, sentence):
    with pytest.raises(ConfigError, match=sentence):
        recipe(override)


def test_general_prompts_need_somebody_to_judge_them():
    with pytest.raises(ValueError, match="general prompts need a reward model each"):
        FinalStage(general=TasksConfig(source="pocket_talk"))


def test_a_recipe_without_stages_says_what_they_are(tmp_path):
    file = tmp_path / "none.toml"
    file.write_text('name = "none"\n')
    with pytest.raises(ConfigError, match=r"needs stages: a table \[stages.NAME\] with a kind \(sft, rl"):
        load_recipe([file])


def test_what_is_left_out_passes_its_own_start_on():
    found = recipe()
    assert origin(found, None, "reasoning", ()) == "cold_start"
    assert origin(found, None, "reasoning", {"cold_start"}) == "pretrain"
    assert origin(found, "base", "rejection", ()) == "pretrain"
    assert origin(found, "rejection", "final", {"rejection"}) == "pretrain"
    assert origin(found, None, "preferences", ()) == "final"


def test_choices_that_cannot_be():
    found = recipe()
    assert skipped(found, Choice(zero=True)) == {"cold_start"}
    with pytest.raises(UsageError, match="no stage 'fnal' in the recipe; did you mean 'final'"):
        skipped(found, Choice(only=["fnal"]))
    with pytest.raises(UsageError, match=r"final.models.helpful.stage needs helpful, which is left out"):
        skipped(found, Choice(skip=["helpful"]))
    with pytest.raises(UsageError, match="nothing can begin there"):
        skipped(found, Choice(skip=["reasoning"], start_from="reasoning"))
    with pytest.raises(UsageError, match="no stage of the recipe says cold_start"):
        skipped(recipe("stages.cold_start.cold_start=false"), Choice(zero=True))


def test_a_plan_counts_what_the_stages_will_take():
    found = plan_pipeline(recipe(), gflops=50.0)
    stages = {each.name: each for each in found.stages}
    assert stages["pretrain"].steps == 150
    assert stages["pretrain"].sampled == 0
    assert stages["rejection"].sampled == 12 * 4 * 14  # half of the longest completion
    assert stages["reasoning"].sampled == 2 * 4 * 4 * 14
    assert stages["helpful"].examination == 0
    assert found.seconds == pytest.approx(sum(each.seconds for each in found.stages))
    twice = plan_pipeline(recipe(), gflops=100.0)
    assert twice.seconds == pytest.approx(found.seconds / 2)


def test_the_recipe_at_scale_fits_the_machine_that_it_names_and_a_larger_model_does_not():
    scaled = load_recipe([find_pipeline("r1_8gpu")])
    found = plan_pipeline(scaled)
    assert found.devices == 8
    assert 1.5e9 < found.parameters < 1.6e9
    assert found.too_large == ()
    large = load_recipe(
        [find_pipeline("r1_8gpu")],
        [
            "machine.shape.hidden_size=3584",
            "machine.shape.intermediate_size=18944",
            "machine.shape.num_attention_heads=28",
            "machine.shape.num_key_value_heads=4",
        ],
    )
    planned = plan_pipeline(large)
    assert "cold_start" in planned.too_large
    assert max(each.memory for each in planned.stages) > 100 * GIB
