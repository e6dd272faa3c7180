"""`assay gate` from the outside: figures and recorded scores, real decoders, limits fixed in a run, and the gate before RL."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.core.run_folder import RunFolder
from assay.pipeline.scores import read_scores

torch.set_num_threads(1)

LIMITS = """
decide = "point"
[suites.reasoning]
gain_above = 0.0
[suites.helpfulness]
max_drop = 0.03
[suites.false_refusals]
max_rise = 0.02
"""
SMALL = (
    "model.name=tiny",
    "model.threads=1",
    "rollout.prompts_per_step=2",
    "rollout.group_size=4",
    "rollout.max_new_tokens=6",
    "evaluate.problems=4",
    "evaluate.samples=2",
    "evaluate.k=[1,2]",
    "learn.steps=1",
    "audit.level=off",
)


def call(verb: str, *arguments: object, settings: tuple[str, ...] = ()) -> Result:
    options = [part for each in settings for part in ("--set", each)]
    return CliRunner().invoke(app, [verb, *map(str, arguments), *options])


@pytest.fixture
def figures(tmp_path: Path) -> tuple[Path, Path, Path]:
    (tmp_path / "base.json").write_text('{"reasoning": 0.61, "helpfulness": 0.92, "false_refusals": 0.04}')
    (tmp_path / "new.json").write_text('{"reasoning": 0.74, "helpfulness": 0.81, "false_refusals": 0.13}')
    (tmp_path / "limits.toml").write_text(LIMITS)
    return tmp_path / "base.json", tmp_path / "new.json", tmp_path / "limits.toml"


def test_the_illustrative_case_exits_1_with_two_reasons(figures: tuple[Path, Path, Path], tmp_path: Path) -> None:
    base, new, limits = figures
    result = call("gate", base, new, "--thresholds", limits, "--out", tmp_path / "out")
    assert result.exit_code == 1
    reasons = [line for line in result.output.splitlines() if line.startswith("  ")]
    assert reasons == [
        "  helpfulness 0.920 to 0.810 (-0.110): fell by more than 0.03",
        "  false_refusals 0.040 to 0.130 (+0.090): rose by more than 0.02",
    ]
    assert "does not ship, for 2 reasons:" in result.output
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    as_json = json.loads(call("gate", base, new, "--thresholds", limits, "--json").stdout)
    assert verdict == as_json
    assert [each["suite"] for each in verdict["checks"] if each["status"] == "broken"] == [
        "helpfulness",
        "false_refusals",
    ]
    assert len(verdict["baseline"]["sha256"]) == 64


def test_what_keeps_its_limits_ships_with_exit_0(figures: tuple[Path, Path, Path]) -> None:
    base, new, limits = figures
    new.write_text('{"reasoning": 0.62, "helpfulness": 0.89, "false_refusals": 0.06}')
    result = call("gate", base, new, "--thresholds", limits)
    assert (result.exit_code, "ships: all 3 limits are kept" in result.output) == (0, True)
    one = call("gate", base, new, "--thresholds", limits, "--suite", "helpfulness")
    assert "ships: all 1 limits are kept" in one.output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"new.json": '{"reasoning": 0.7}'}, "has no suite 'helpfulness'"),
        ({"new.json": "not json"}, "not JSON"),
        ({"limits.toml": "[suites.reasoning]\n"}, "a gate without a limit ships anything"),
        ({"limits.toml": "[suites.reasoning]\ngian_above = 0"}, "did you mean 'gain_above'"),
    ],
)
def test_bad_input_exits_2_with_one_sentence(
    figures: tuple[Path, Path, Path], change: dict[str, str], said: str
) -> None:
    base, new, limits = figures
    for name, text in change.items():
        (base.parent / name).write_text(text)
    result = call("gate", base, new, "--thresholds", limits)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
    assert result.stderr.count("\n") == 1


def test_flags_that_do_not_go_together_are_refused(figures: tuple[Path, Path, Path]) -> None:
    base, new, limits = figures
    for arguments, said in (
        ((base,), "name a CANDIDATE, or an --out"),
        ((base, new, "--thresholds", limits, "--suite", "chat"), "the thresholds have reasoning, helpfulness"),
        ((base, new, "--tasks", "chain"), "--tasks is for --before-rl"),
        ((base, new, "--before-rl"), "leave out CANDIDATE"),
    ):
        result = call("gate", *arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A tiny run whose limits were fixed before training."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "mine.py").write_text("def check(response, truth):\n    return any(sign in truth for sign in response)\n")
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{folder}/mine.py:check", "truth": "135", "split": split}
        for i, split in enumerate(["train"] * 8 + ["held_out"] * 4)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "gate.toml").write_text(
        f'[suites.reasoning]\ntasks = "{folder}/tasks.jsonl"\nmax_new_tokens = 8\nmax_drop = 0.9\n'
        '[suites.digits]\nfile = "digits.txt"\nmax_rise = 0.5\n'
    )
    (folder / "digits.txt").write_text("\n\n".join(["12+34=46\n" * 170, "7*8=56\n" * 250]))
    settings = (*SMALL, f"tasks.source={folder}/tasks.jsonl")
    return folder / "run", call("train", "--out", folder / "run", "--gate", folder / "gate.toml", settings=settings)


def test_a_run_keeps_its_limits_and_is_gated_by_them(trained: tuple[Path, Result], tmp_path: Path) -> None:
    run, result = trained
    assert result.exit_code == 0, result.output
    assert (run / "gate.json").is_file()
    done = call("gate", "tiny", run, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    verdict = json.loads(done.stdout)
    assert [each["suite"] for each in verdict["checks"]] == ["reasoning", "digits"]
    assert (verdict["baseline"]["kind"], verdict["candidate"]["kind"]) == ("weights", "weights")
    assert verdict["baseline"]["sha256"] != verdict["candidate"]["sha256"]
    # what was recorded decides as the models did
    again = call("gate", tmp_path / "out" / "baseline.jsonl", tmp_path / "out" / "candidate.jsonl", "--thresholds", run.parent / "gate.toml", "--json")  # fmt: skip
    assert json.loads(again.stdout) == verdict
    scores = read_scores(tmp_path / "out" / "candidate.jsonl")
    assert [len(each.prompts) for each in scores.suites] == [4, 2]
    assert scores.suites[0].prompts[0].texts


def test_other_limits_than_those_of_the_run_are_refused(trained: tuple[Path, Result], tmp_path: Path) -> None:
    run, _ = trained
    (tmp_path / "looser.toml").write_text((run.parent / "gate.toml").read_text().replace("0.9", "0.95"))
    result = call("gate", "tiny", run, "--thresholds", tmp_path / "looser.toml")
    assert (result.exit_code, "limits are fixed before training" in result.stderr) == (2, True)
    same = call("gate", "tiny", run, "--thresholds", run.parent / "gate.toml", "--suite", "reasoning")
    assert same.exit_code == 0, same.output


def test_a_checkpoint_and_a_models_own_folder_are_read_as_models(trained: tuple[Path, Result], tmp_path: Path) -> None:
    """Both hold a config.json that is not a run's."""
    run, _ = trained
    checkpoint = next((run / "checkpoints").glob("step-*"))
    shutil.copytree(checkpoint, tmp_path / "mine")
    result = call("gate", tmp_path / "mine", checkpoint, "--suite", "digits", "--json")
    assert result.exit_code == 0, result.output
    verdict = json.loads(result.stdout)
    assert verdict["baseline"]["sha256"] == verdict["candidate"]["sha256"]
    assert verdict["checks"][0]["change"] == 0


def test_one_model_is_measured_to_a_file(trained: tuple[Path, Result], tmp_path: Path) -> None:
    run, _ = trained
    result = call("gate", "tiny", "--thresholds", run.parent / "gate.toml", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert [each.suite for each in read_scores(tmp_path / "baseline.jsonl").suites] == ["reasoning", "digits"]


def test_limits_that_cannot_be_measured_stop_a_run_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[suites.mine]\nfile = 'gone.jsonl'\nmax_drop = 0.1\n")
    result = call(
        "train", "--out", tmp_path / "run", "--gate", tmp_path / "gate.toml", settings=(*SMALL, "tasks.source=chain")
    )
    assert (result.exit_code, "gone.jsonl: no such file" in result.stderr) == (2, True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("action", ["note", "stop", "off"])
def test_the_gate_before_rl_notes_or_stops(action: str, tmp_path: Path) -> None:
    """An untrained decoder answers no chain: a note goes by, `stop` ends the run before step 1, also when it is resumed."""
    out = tmp_path / "run"
    result = call("train", "--out", out, settings=(*SMALL, "tasks.source=chain", f"gate.action={action}"))
    steps = RunFolder.open(out).read_metrics("train")
    assert ("pass@1 is 0.000, under 0.02" in result.output) == (action != "off")
    if action == "stop":
        assert (result.exit_code, steps) == (1, [])
        assert "stopped before step 1" in result.stderr
        again = call("train", "--resume", out)
        assert (again.exit_code, "stopped before step 1" in again.stderr) == (1, True)
    else:
        assert (result.exit_code, len(steps)) == (0, 1), result.output


def test_before_rl_by_itself(trained: tuple[Path, Result], tmp_path: Path) -> None:
    run, _ = trained
    recorded = call("gate", run, "--before-rl", "--json")
    said = json.loads(recorded.stdout)
    assert recorded.exit_code == (0 if said["is_ready"] else 1)
    assert set(said["figures"]) == {"pass@1", "pass@2", "spread@2", "format_rate"}
    first = json.loads((run / "evaluations.jsonl").read_text().splitlines()[0])
    rate = sum(sum(each["passes"]) for each in first["problems"]) / 8
    assert said["figures"]["pass@1"] == pytest.approx(rate)
    live = call("gate", "tiny", "--before-rl", "--tasks", "chain", settings=SMALL[2:-2])
    assert live.exit_code == 1
    assert "pass@1 is 0.000, under 0.02" in live.output
    assert "cold-start it" in live.output
