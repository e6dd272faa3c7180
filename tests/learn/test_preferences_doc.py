"""docs/concepts/preferences.md and distillation.md: their programs run, their figures are computed, their settings are there."""

import re
import tomllib
from pathlib import Path

import pytest
import torch

from assay.core.config import load_config
from assay.core.fitting import Dpo, Hinge, Ipo, RobustDpo
from assay.learn.preference import Answers, pair_loss_of

torch.set_num_threads(1)

DOCS = Path(__file__).parents[2] / "docs/concepts"
PREFERENCES = (DOCS / "preferences.md").read_text(encoding="utf-8")
DISTILLATION = (DOCS / "distillation.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("text", [PREFERENCES, DISTILLATION], ids=["preferences", "distillation"])
def test_its_programs_run(text, tmp_path):
    programs = blocks(text, "python")
    assert programs
    for program in programs:
        exec(compile(program, "the page", "exec"), {"folder": tmp_path / "reward"})


def test_its_settings_are_settings(tmp_path):
    (settings,) = blocks(PREFERENCES, "toml")
    file = tmp_path / "run.toml"
    file.write_text(settings)
    config = load_config([file])
    assert config.reward.models["helpful"].scale == tomllib.loads(settings)["reward"]["models"]["helpful"]["scale"]


@pytest.mark.parametrize("loss", [Dpo(), RobustDpo(), Ipo(), Hinge()], ids=lambda loss: loss.kind)
def test_the_table_of_losses(loss):
    def answers(value):
        one = torch.tensor([1.0], dtype=torch.float64)
        return Answers(one * value, one * 0, one)

    (line,) = [line for line in PREFERENCES.splitlines() if line.startswith(f"| `{loss.kind}` |")]
    assert line.strip("|").split("|")[-1].strip() == f"{float(pair_loss_of(loss)(answers(2.0), answers(0.0))):.6f}"
