"""The README's dozen lines of Python, for real and small: judge, train, compare, evaluate, audit."""

from pathlib import Path

import pytest

import assay
from assay.core.errors import ConfigError, RunFolderError
from assay.core.types import Outcome
from assay.learn.events import Event, Saved, Stepped

SMALL = {
    "model.threads": 1,
    "learn.steps": 2,
    "rollout.prompts_per_step": 2,
    "rollout.group_size": 2,
    "rollout.max_new_tokens": 8,
    "evaluate.problems": 4,
    "evaluate.samples": 2,
    "evaluate.k": [1, 2],
    "audit.level": "off",
}


def test_judge_in_one_line() -> None:
    assert assay.judge("choice", "B", r"so it must be \boxed{B}").outcome is Outcome.PASS


def test_the_main_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events: list[Event] = []
    run = assay.train("tiny", settings=SMALL, listen=events.append)
    assert run == assay.RunFolder(Path("runs/tiny"))
    assert [event.step for event in events if isinstance(event, Stepped)] == [1, 2]
    assert any(isinstance(event, Saved) for event in events)

    before, after = assay.read_evaluations(run.evaluations)
    sentence = assay.compare(before, after).sentence()
    assert "held-out pass@1" in sentence

    again = assay.evaluate(run)
    assert [problem.passes for problem in again.problems] == [problem.passes for problem in after.problems]
    assert again.model == str(run.checkpoints / "step-000002")
    other = assay.evaluate(
        run.checkpoints / "step-000002", "chain", settings=SMALL | {"evaluate.problems": 3, "seed": 1}
    )
    assert len(other.problems) == 3

    with pytest.raises(RunFolderError, match="--resume"):
        assay.train("tiny", settings=SMALL)
    assert assay.train("tiny", settings=SMALL, resume=True) == run, "nothing is left to do"
    with pytest.raises(RunFolderError, match="another configuration"):
        assay.train("tiny", settings=SMALL | {"seed": 9}, resume=True)

    page = assay.build_report(run.path)
    assert "<html" in page.read_text(encoding="utf-8")


def test_a_model_without_tasks_takes_the_configurations() -> None:
    found = assay.evaluate("tiny", "chain", settings=SMALL | {"evaluate.problems": 2})
    assert (found.model, found.tasks, len(found.problems)) == ("tiny", "chain", 2)


def test_a_run_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    config = assay.load_config("tiny").model_dump(mode="json")
    with pytest.raises(assay.UsageError, match="holds no checkpoint yet"):
        assay.evaluate(assay.RunFolder.create(tmp_path / "run", config))


def test_configurations_are_layered(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("seed = 5\n[learn]\nsteps = 7\n")
    config = assay.load_config("demo", tmp_path / "mine.toml", settings={"learn.steps": 9})
    assert (config.seed, config.learn.steps, config.model.name, config.name) == (5, 9, "smollm2", "demo")
    assert assay.load_config(config) == config
    assert assay.load_config(config, settings={"seed": 6}).seed == 6
    assert assay.load_config() == assay.RunConfig()
    with pytest.raises(ConfigError, match=r"settings: unknown key 'stpes' in \[learn\]; did you mean 'steps'"):
        assay.load_config("demo", settings={"learn.stpes": 1})
    with pytest.raises(ConfigError, match="no such configuration file"):
        assay.load_config("nowhere")
    with pytest.raises(assay.UsageError, match="only be the first layer"):
        assay.load_config("demo", config)


def test_tasks_are_loaded_checked_judged_and_audited(tmp_path: Path) -> None:
    train, held_out = (assay.load_source("chain", split) for split in ("train", "held_out"))  # type: ignore[arg-type]
    assert {train.task(n).id for n in range(20)}.isdisjoint(held_out.task(n).id for n in range(20))
    assert assay.check_sources(train, held_out).problems == ()
    tasks = [held_out.task(n) for n in range(3)]
    report = assay.audit_tasks(tasks, workers=1)
    assert report.tasks == 3
    assert report.holes == ()
    with pytest.raises(assay.UsageError, match="no task to audit"):
        assay.audit_tasks([])
    with pytest.raises(ConfigError, match="unknown key 'colums'; did you mean 'columns'"):
        assay.load_source("chain", colums={})


def test_judge_many_keeps_the_order() -> None:
    tasks = [assay.Task(str(n), (assay.Message("user", "?"),), "choice", "AB"[n % 2]) for n in range(6)]
    verdicts = assay.judge_many(tasks, [r"\boxed{A}"] * 6)
    assert [verdict.is_pass for verdict in verdicts] == [True, False] * 3
    assert assay.judge_many([], []) == []
    with pytest.raises(assay.UsageError, match="6 tasks but 5 responses"):
        assay.judge_many(tasks, ["x"] * 5)
