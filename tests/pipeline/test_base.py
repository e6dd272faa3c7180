"""A recipe whose base is a model that is there already; examples from a file; a judge for prompts without a rule."""

import pytest
import torch

from assay.core.errors import ConfigError, UsageError
from assay.core.pipeline_folder import PipelineFolder, fingerprint_of
from assay.core.records import read_jsonl, write_jsonl
from assay.model.load import save_model
from assay.model.tiny import build_tiny
from assay.pipeline.recipe import load_recipe
from assay.pipeline.run import Choice, run_pipeline
from assay.report.pipeline import build_pipeline_report
from assay.tasks.generators.pocket import CHARACTERS

RECIPE = """
name = "small"
[model]
name = "{model}"
threads = 1
[tasks]
source = "pocket_logic"
options.level = 1
[rollout]
max_new_tokens = 12
judge_workers = 1
[evaluate]
problems = 4
samples = 1
k = [1]
[examine]
prompts = 1
[audit]
level = "off"
[regression]
decide = "point"
limits = {{ checked = {{ max_drop = 0.0 }} }}

[stages.taught]
kind = "sft"
examples = {{ kind = "file", path = "{examples}" }}
fit = {{ steps = 1, batch_size = 2, learning_rate = 1e-4 }}
"""
REJECT = """
[stages.judged]
kind = "reject"
sample = { prompts = 2, samples = 2 }
filters = { correct = false, near_duplicates = 1.0, cut = true, repetition = 1.0, readable = 0.1 }
general = { kind = "demonstrations", tasks = { source = "pocket_talk" } }
general_share = 0.5
judge = "JUDGE:check"
fit = { steps = 1, batch_size = 2, learning_rate = 1e-4 }
"""


@pytest.fixture
def recipe(tmp_path):
    torch.set_num_threads(1)
    model = build_tiny(CHARACTERS, width=16, layers=1, heads=2)
    save_model(model.model, model.tokenizer, tmp_path / "model")
    examples = [{"prompt": "1&0=", "completion": "so&00"}, {"prompt": "1|0=", "completion": "so|01"}]
    write_jsonl(tmp_path / "examples.jsonl", examples)
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.format(model=tmp_path / "model", examples=tmp_path / "examples.jsonl"))
    return file


def test_the_base_is_examined_and_stands_first_on_the_page(recipe, tmp_path):
    made = run_pipeline(load_recipe([recipe]), tmp_path / "out")
    base, taught = made.stage("base").manifest(), made.stage("taught").manifest()
    assert base.made_sha256 == fingerprint_of(tmp_path / "model") == taught.inputs["start"]
    assert base.made is None
    assert taught.start == "base"
    assert taught.gate["passed"]
    assert taught.metrics["examples"] == 2
    assert set(taught.inputs) == {"start", "examples.path", "tasks.source"}
    page = build_pipeline_report(made.path).read_text()
    assert page.count('<li class="stage') == 2
    assert page.index("<h3>Base</h3>") < page.index("<h3>Taught</h3>")


def test_another_file_is_another_input(recipe, tmp_path):
    run_pipeline(load_recipe([recipe]), tmp_path / "out")
    write_jsonl(tmp_path / "examples.jsonl", [{"prompt": "1&0=", "completion": "so"}])
    with pytest.raises(UsageError, match=r"taught was made with other settings \(input examples.path\)"):
        run_pipeline(load_recipe([recipe]), tmp_path / "out", resume=True)


def test_rows_without_an_answer_are_no_examples(recipe, tmp_path):
    write_jsonl(tmp_path / "examples.jsonl", [{"prompt": "1&0=", "completion": "so"}, {"prompt": "1|0="}])
    with pytest.raises(ConfigError, match="1 of its 2 rows hold no answer"):
        run_pipeline(load_recipe([recipe]), tmp_path / "out")


def test_a_judge_decides_where_no_rule_does(recipe, tmp_path):
    judge = tmp_path / "judge.py"
    judge.write_text("def check(response, truth, prompt):\n    return prompt.startswith('?')\n")
    recipe.write_text(recipe.read_text() + REJECT.replace("JUDGE", str(judge)))
    made = run_pipeline(load_recipe([recipe]), tmp_path / "out", go_on=True)
    found = made.stage("judged").manifest()
    judged = found.details["judge"]
    assert judged["verifier"] == f"{judge}:check"
    assert found.details["general"] == judged["kept"] > 0
    general = list(read_jsonl(made.stage("judged").path / "general.jsonl"))
    assert {row["prompt"][0][1][0] for row in general if row["outcome"] == "pass"} == {"?"}
    assert {row["prompt"][0][1][0] for row in general if row["outcome"] == "fail"} <= {"!"}


def test_a_folder_is_not_written_over(recipe, tmp_path):
    run_pipeline(load_recipe([recipe]), tmp_path / "out", choice=Choice(only=["taught"]))
    with pytest.raises(UsageError, match="already holds a pipeline; go on with --resume"):
        run_pipeline(load_recipe([recipe]), tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds no recipe\.json"):
        PipelineFolder.open(tmp_path)
