"""Evaluation through the real path: a scripted engine, a user's verifier in the judging pool, the outcome rule."""

from pathlib import Path

import pytest

from assay.core.errors import TaskFileError, UsageError, VoidBudgetExceeded
from assay.core.records import append_jsonl, to_json
from assay.core.types import Message, Task
from assay.measure.compare import compare
from assay.measure.evaluate import GREEDY, evaluate
from assay.measure.evaluation import Evaluation, Problem, read_evaluation, read_evaluations
from assay.rollout.collect import VoidBudget
from assay.rollout.engine import Request, Sampling
from assay.rollout.scripted import ScriptedEngine
from assay.verify.pool import JudgePool

CHECK = """
from assay.core.types import Finding, Outcome, Reason

def check(response, truth):
    if response == "boom":
        raise RuntimeError("ours")
    if response == "":
        return Finding(Outcome.FAIL, Reason.NO_ANSWER)
    right = response == truth
    return Finding(Outcome.PASS if right else Outcome.FAIL, Reason.CORRECT if right else Reason.WRONG_VALUE, response)
"""


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("user") / "mine.py"
    path.write_text(CHECK)
    return f"{path}:check"


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


def tasks(verifier: str, count: int) -> list[Task]:
    return [Task(f"t{i}", (Message("user", f"q{i}"),), verifier, str(i)) for i in range(count)]


def run(verifier: str, judges: JudgePool, script: dict[str, list[str]], **more: object):
    settings = {"samples": 4, "sampling": Sampling(16), "k": (1, 2, 4), "greedy": False} | more
    return evaluate(ScriptedEngine(script), tasks(verifier, len(script)), judges=judges, **settings)


def test_figures_and_rows(verifier, judges) -> None:
    result, rows = run(verifier, judges, {"q0": ["0", "0", "7", ""], "q1": ["1", "1", "1", "1"]})
    values = {name: figure.value for name, figure in result.figures().items()}
    assert values["pass@1"] == (0.5 + 1) / 2
    assert values["pass@2"] == ((1 - 1 / 6) + 1) / 2
    assert values["pass@4"] == 1.0
    assert values["maj@4"] == 1.0
    assert values["maj@2"] == (0.5 + 1) / 2  # blocks "0 0" and "7 -": one right, one wrong
    assert values["format_rate"] == (0.75 + 1) / 2
    assert values["mean_length"] == (2 + 2 + 2 + 1 + 4 * 2) / 8  # a character and the end
    assert list(values) == ["pass@1", "pass@2", "pass@4", "maj@2", "maj@4", "format_rate", "mean_length"]
    assert len(rows) == 8
    assert {row.split for row in rows} == {"held_out"}
    assert [row.sample for row in rows[:4]] == [0, 1, 2, 3]
    assert result.pass_at_1 == values["pass@1"]


def test_greedy_is_a_figure_with_wilsons_interval_and_a_row_of_its_own(verifier, judges) -> None:
    result, rows = run(verifier, judges, {"q0": ["0", "5", "5", "5"], "q1": ["5", "1", "1", "1"]}, greedy=True)
    figure = result.figures()["greedy"]
    assert figure.value == 0.5
    assert figure.low == pytest.approx(0.0945, abs=1e-3)
    assert sum(row.sample == GREEDY for row in rows) == 2


def test_void_samples_are_left_out_and_counted(verifier, judges) -> None:
    result, _ = run(verifier, judges, {"q0": ["0", "boom", "boom", "0"], "q1": ["boom"] * 4})
    assert result.voids == 6
    assert result.figures()["pass@1"].value == 1.0
    assert result.figures()["pass@1"].problems == 1  # the other has no sample left
    assert "pass@4" not in result.figures()


def test_a_budget_stops_an_evaluation_that_cannot_be_trusted(verifier, judges) -> None:
    script = {f"q{i}": ["boom"] for i in range(20)}
    with pytest.raises(VoidBudgetExceeded, match="ours"):
        run(verifier, judges, script, budget=VoidBudget(0.1))


def test_bad_requests_are_sentences(verifier, judges) -> None:
    with pytest.raises(UsageError, match="pass@8 needs at least 8"):
        run(verifier, judges, {"q0": ["0"]}, k=(8,))
    with pytest.raises(UsageError, match="no held-out task"):
        run(verifier, judges, {})
    twice = tasks(verifier, 1) * 2
    with pytest.raises(UsageError, match="share an id"):
        evaluate(ScriptedEngine({"q0": ["0"]}), twice, sampling=Sampling(4), judges=judges)


def test_samples_have_the_same_luck_before_and_after(verifier, judges) -> None:
    seen: list[Request] = []

    def answer(request: Request, sample: int) -> str:
        seen.append(request)
        return "0"

    for step in (0, 7):
        engine = ScriptedEngine(answer)
        evaluate(engine, tasks(verifier, 1), samples=1, k=(1,), sampling=Sampling(4), judges=judges, step=step)
    assert seen[0].key == seen[2].key
    assert seen[0].key != seen[1].key  # sampled and greedy


def test_it_is_written_and_read_whole(verifier, judges, tmp_path: Path) -> None:
    result, _ = run(verifier, judges, {"q0": ["0", "boom", "", "3"], "q1": ["1"]}, greedy=True)
    path = tmp_path / "evaluations.jsonl"
    append_jsonl(path, [to_json(result)])
    assert read_evaluations(path) == [result]
    assert read_evaluation(tmp_path) == result
    assert read_evaluations(tmp_path / "none.jsonl") == []
    with pytest.raises(UsageError, match="holds no evaluation"):
        read_evaluation(tmp_path / "none.jsonl")
    path.write_text('{"step": 1}\n{"step": 2}\n')
    with pytest.raises(TaskFileError, match="row 1 is not an evaluation"):
        read_evaluations(path)


def made(
    rates: list[int], samples: int = 4, verifiers: tuple[str, ...] = ("v",), greedy: bool | None = None
) -> Evaluation:
    """Problem i has rates[i] right samples."""
    problems = tuple(
        Problem(f"t{i}", tuple(j < right for j in range(samples)), ("x",) * samples, (5,) * samples, greedy)
        for i, right in enumerate(rates)
    )
    return Evaluation(0, "alone", "m", samples, 1.0, (1, samples), 0, verifiers, problems)


def test_a_gain_is_shown_only_above_zero() -> None:
    base = made([0, 1, 2, 0] * 10)
    better = compare(base, made([2, 3, 3, 2] * 10))
    assert better.shows_gain
    assert better.sentence().startswith("gain shown: held-out pass@1 0.188 to 0.625, +0.438")
    same = compare(base, base)
    assert not same.shows_gain
    assert same.sentence().startswith("no gain shown: ")
    wobbly = compare(base, made([0, 2, 2, 0] * 5 + [0, 0, 2, 0] * 5))
    assert not wobbly.shows_gain
    assert wobbly.row("pass@1").low <= 0 <= wobbly.row("pass@1").high
    worse = compare(made([2, 3, 3, 2] * 10), base)
    assert "but a loss" in worse.sentence()


def test_sharpening_is_said() -> None:
    said = compare(made([1, 1, 1, 1] * 10), made([4, 4, 4, 0] * 10)).sentence()
    assert said.startswith("gain shown")
    assert "pass@4 fell by 0.250" in said


def test_problems_are_resampled_not_samples() -> None:
    """Eight problems that all gain or all lose: 400 samples each do not narrow what eight problems can show."""
    before = made([200] * 8, samples=400)
    after = made([400, 0, 400, 400, 0, 400, 400, 0], samples=400)
    row = compare(before, after).row("pass@1")
    assert row.gain == pytest.approx(0.125)
    assert row.high - row.low > 0.4


def test_only_like_is_compared_with_like() -> None:
    with pytest.raises(UsageError, match="different verifiers"):
        compare(made([1]), made([1], verifiers=("w",)))
    other = Evaluation(0, "alone", "m", 4, 1.0, (1,), 0, ("v",), (Problem("elsewhere", (True,), ("x",), (1,)),))
    with pytest.raises(UsageError, match="share no problem"):
        compare(made([1]), other)
