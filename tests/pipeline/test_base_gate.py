"""The gate before RL: figures worked by hand, and the advice that follows from each."""

import pytest

from assay.core.config import BaseGateConfig
from assay.core.errors import UsageError
from assay.measure.evaluation import Evaluation, Problem
from assay.pipeline.base_gate import COLD_START, EASIER, HARDER, LARGER, base_gate


def evaluation(*rows: str) -> Evaluation:
    """`+` right, `-` wrong, `.` no answer; one string a problem."""
    problems = tuple(
        Problem(
            f"t{i}",
            tuple(each == "+" for each in row),
            tuple(None if each == "." else each for each in row),
            (3,) * len(row),
        )
        for i, row in enumerate(rows)
    )
    return Evaluation(0, "before", "m", max(map(len, rows)), 1.0, (1,), 0, ("v",), problems)


def test_figures_by_hand() -> None:
    verdict = base_gate(evaluation("++--", "----", "++++", "+..."))
    assert verdict.figures() == pytest.approx(
        {"pass@1": 7 / 16, "pass@4": 0.75, "spread@4": 0.5, "format_rate": 13 / 16}
    )
    assert verdict.is_ready
    assert (verdict.k, verdict.problems) == (4, 4)


def test_problems_with_fewer_samples_are_read_at_the_k_that_all_have() -> None:
    verdict = base_gate(evaluation("+---", "+-"))
    # of pairs out of +---, half hold the +: and so does every pair of +-
    assert verdict.figures() == pytest.approx({"pass@1": 0.375, "pass@2": 0.75, "spread@2": 0.75, "format_rate": 1.0})


@pytest.mark.parametrize(
    ("rows", "figures", "advice"),
    [
        (["...."] * 4, ["the share of readable answers", "pass@1", "pass@4"], [COLD_START]),
        (["----"] * 20, ["pass@1", "pass@4"], [EASIER]),
        (["++++"] * 20, ["pass@1"], [HARDER]),
        (["++++"] * 10 + ["----"] * 10, ["spread in groups of 4"], [LARGER]),
        (["+..."] + ["...."] * 3, ["the share of readable answers"], [COLD_START]),
        (["++--"] * 3, [], []),
    ],
)
def test_what_is_lacking_and_what_follows(rows: list[str], figures: list[str], advice: list[str]) -> None:
    verdict = base_gate(evaluation(*rows))
    assert [each.figure for each in verdict.findings] == figures
    assert list(verdict.advice) == advice
    assert verdict.is_ready == (not figures)
    for each in (*figures, *advice):
        assert each in verdict.sentence()


def test_thresholds_are_the_configurations() -> None:
    rows = evaluation("++--", "----")
    assert base_gate(rows).is_ready
    assert [each.figure for each in base_gate(rows, BaseGateConfig(pass_at_1=0.5)).findings] == ["pass@1"]
    assert [each.figure for each in base_gate(rows, BaseGateConfig(spread=0.6)).findings] == ["spread in groups of 4"]


def test_one_sample_a_problem_says_nothing_of_spread() -> None:
    verdict = base_gate(evaluation("+", "-"))
    assert verdict.figures() == {"pass@1": 0.5, "format_rate": 1.0}
    assert verdict.is_ready


def test_an_evaluation_that_is_all_void_says_nothing() -> None:
    with pytest.raises(UsageError, match="no sample"):
        base_gate(evaluation(""))
