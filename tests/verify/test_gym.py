"""reasoning-gym's scorers behind our rule: 1.0 exactly or nothing, and no answer reaches Python's eval."""

import json
import subprocess
import sys

import pytest

from assay.core.types import Outcome, Reason
from assay.verify.base import find_verifier, judge
from assay.verify.gym import datasets, evaluates, is_arithmetic

pytest.importorskip("reasoning_gym")

SUM = {"dataset": "chain_sum", "entry": {"question": "1 + 2 =", "answer": "3", "metadata": {}}}
COUNTDOWN = {
    "dataset": "countdown",
    "entry": {"question": "?", "answer": "5*(4 + 2)", "metadata": {"numbers": [5, 4, 2], "target": 30}},
}
STRING = {"dataset": "string_insertion", "entry": {"question": "?", "answer": "ABC", "metadata": {}}}


def say(truth, answer):
    return judge("gym", truth, f"<answer>{answer}</answer>")


def test_right_and_wrong():
    assert say(SUM, "3").is_pass
    verdict = say(SUM, "4")
    assert (verdict.outcome, verdict.reason, verdict.score) == (Outcome.FAIL, Reason.WRONG_VALUE, 0.0)
    assert verdict.evidence["gym_score"] < 1


def test_the_default_score_pays_lists_and_we_do_not():
    """len(oracle) / len(answer): ten guesses earn a tenth, and a long oracle earns nearly all with one sign more."""
    legs = {"dataset": "leg_counting", "entry": {"question": "?", "answer": "3", "metadata": {}}}
    long = {"dataset": "leg_counting", "entry": {"question": "?", "answer": "9" * 200, "metadata": {}}}
    for truth, answer in ((legs, "1 2 3 4 5"), (long, "9" * 200 + "1"), (legs, "3.")):
        verdict = say(truth, answer)
        assert 0 < verdict.evidence["gym_score"] < 1
        assert verdict.outcome is Outcome.FAIL
        assert verdict.score == 0.0


def test_exactly_one_field():
    assert judge("gym", SUM, "3").reason == Reason.NO_ANSWER
    assert judge("gym", SUM, "<answer>3</answer> <answer>3</answer>").reason == Reason.AMBIGUOUS
    assert judge("gym", SUM | {"field": "boxed"}, r"\boxed{3}").is_pass


def test_other_right_answers_pass_where_the_scorer_says_so():
    assert say(COUNTDOWN, "(2+4)*5").is_pass
    assert say(COUNTDOWN, "5*4+2").reason == Reason.WRONG_VALUE


ATTACKS = (
    "__import__('os').system('touch {marker}')",
    "open('{marker}', 'w')",
    "().__class__.__base__.__subclasses__()",
    "exec('1')",
    "exit()",
    "quit()",
    "[1, 2, 3]",
    "lambda: 1",
    "chr(65)",
    "(2).real",
    "9**99999",
    "factorial(9)",
)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("truth", [COUNTDOWN, STRING])
def test_no_answer_is_evaluated_but_arithmetic(attack, truth, tmp_path):
    marker = tmp_path / "marker"
    verdict = say(truth, attack.replace("{marker}", str(marker)))
    assert verdict.reason == Reason.MALFORMED
    assert not marker.exists()


def test_the_scorers_that_evaluate_are_found():
    found = {name for name, (kind, _) in datasets("a test").items() if evaluates(kind)}
    assert found >= {
        *("countdown", "puzzle24", "n_queens", "string_insertion", "spiral_matrix", "binary_matrix"),
        *("simple_integration", "intermediate_integration", "polynomial_multiplication"),
    }
    assert "chain_sum" not in found


@pytest.mark.parametrize("text", ["3*x**2 + C", "(1+2)/3", "sin(x) + 2.5", "-x^2", "1 2\n3 4", "ABC", "x = 4"])
def test_plain_arithmetic_is_let_through(text):
    assert is_arithmetic(text)


@pytest.mark.parametrize(
    "text", ["", "a.b", "1 .real", "f(x)", "x_1", "'a'", "{1}", "a[0]", "1e5;2", "9" * 16, "x" * 501, "é"]
)
def test_anything_else_is_not(text):
    assert not is_arithmetic(text)


def test_a_scorer_that_raises_is_a_fail(monkeypatch):
    case = find_verifier("gym").read(SUM)

    def explode(answer, entry):
        raise SystemExit(3)

    monkeypatch.setattr(case.dataset, "score_answer", explode)
    finding = find_verifier("gym").check(case, "<answer>3</answer>")
    assert finding.outcome is Outcome.FAIL
    assert "SystemExit" in finding.evidence["error"]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 0.999999999, 2.0, True])
def test_only_one_is_one(monkeypatch, score):
    case = find_verifier("gym").read(SUM)
    monkeypatch.setattr(case.dataset, "score_answer", lambda answer, entry: score)
    outcome = find_verifier("gym").check(case, "<answer>3</answer>").outcome
    assert outcome is (Outcome.PASS if score is True else Outcome.FAIL)


def test_the_scorer_cannot_change_the_truth(monkeypatch):
    case = find_verifier("gym").read(SUM)
    monkeypatch.setattr(case.dataset, "score_answer", lambda answer, entry: entry.update(answer=answer) or 0.0)
    find_verifier("gym").check(case, "<answer>7</answer>")
    assert case.entry["answer"] == "3"


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ("3", "would be right"),
        (SUM | {"datset": 1}, "did you mean 'dataset'"),
        (SUM | {"dataset": "chain_sums"}, "did you mean 'chain_sum'"),
        (SUM | {"config": {"min_term": 2}}, "did you mean 'min_terms'"),
        (SUM | {"config": {"min_terms": -2}}, "is refused"),
        (SUM | {"entry": {"answer": "3"}}, "`metadata`"),
        (SUM | {"field": "box"}, "none of"),
    ],
)
def test_bad_truths(truth, sentence):
    verdict = say(truth, "3")
    assert verdict.reason == Reason.BAD_TRUTH
    assert sentence in verdict.evidence["error"]


def test_a_worker_process_judges_from_json_alone():
    line = json.dumps({"id": "1", "verifier": "gym", "truth": COUNTDOWN, "response": "<answer>5*(2+4)</answer>"})
    done = subprocess.run(
        [sys.executable, "-m", "assay", "verify", "-", "--workers", "1", "--timeout", "60"],
        input=line + "\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["outcome"] == "pass"


def test_without_the_extra():
    code = (
        "import sys; sys.modules['reasoning_gym'] = None\n"
        "from assay.core.config import TasksConfig\n"
        "from assay.core.errors import MissingExtra\n"
        "from assay.tasks.load import load_source\n"
        "try:\n    load_source(TasksConfig(source='gym:chain_sum'), 'train', 0)\n"
        "except MissingExtra as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "gym:chain_sum needs reasoning-gym, which is not installed: pip install 'assay[gym]'"
    )
