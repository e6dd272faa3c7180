"""Any text gets a Verdict and never a VOID, an unreadable truth an error; and no verdict depends on what came before,
on the thread it is made in, or on which of two scalars is the truth.
"""

from __future__ import annotations

import asyncio
import json
import random
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Verdict
from assay.verify.base import judge, judge_case, read_case

GOLDEN = Path(__file__).parents[2] / "golden" / "math"
FIELDS = ("boxed", "answer_tag", "hash_line", "final_line", "whole_text")

COMMON = settings(max_examples=150, deadline=None, derandomize=True)


def boxed(answer: str) -> str:
    return f"So it is\n\n\\boxed{{{answer}}}"


def verdict_on(truth: Any, answer: str) -> Verdict:
    return judge("math", truth, boxed(answer))


# Any text gets a Verdict, and never a VOID


TOKENS = str.split(
    r"""
\frac \sqrt { } ( ) [ ] \{ \} , ; : . - + * / ^ _ = < > \le \in \pm
\cup | ! % \% $ \$ & \\ ' ~ # @ ? 0 1 2 7 10 1.5 .5 x y n e i
\pi \infty \text \mathrm \left \right \boxed \begin{pmatrix} \end{pmatrix} \sin \log \sum \int \binom \overline ^\circ \text{cm} \langle \rangle \emptyset
\mathbb{R} or and <think> </think> <answer>
</answer> #### ``` <!-- --> \lfloor \rfloor \lim \prod \cdot \, \! \quad \displaystyle \over \choose \to \ldots
"""
)
soup = st.lists(st.sampled_from([*TOKENS, " ", "\n"]), max_size=40).map("".join)
spaced_soup = st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join)
anything = st.one_of(
    soup, spaced_soup, st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
)
anything_decoded = st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", errors="surrogateescape"))
TRUTHS = (
    *("5", r"\frac{1}{2}", r"3\sqrt{13}", "x^2+1", "(1, 2)", r"\{1, 2\}", "(3, 4]", "y = 2x+3", r"\text{east}"),
    *(r"5 \text{ cm}", r"20\%", "204_5", "6+9i", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"1 \pm \sqrt{19}", "x > 3"),
    *({"answer": "5", "tolerance": {"absolute": 0.1}}, {"answer": r"5 \text{ cm}", "units": "convert"}),
)


@settings(COMMON, max_examples=400)
@given(st.one_of(anything, anything_decoded), st.sampled_from(TRUTHS))
def test_any_content_of_a_box_gets_a_verdict(text: str, truth: Any) -> None:
    verdict = judge("math", truth, f"\\boxed{{{text}}}")
    assert not verdict.is_void, (truth, text, dict(verdict.evidence))


@settings(COMMON, max_examples=300)
@given(st.one_of(anything, anything_decoded), st.sampled_from(FIELDS))
def test_any_response_gets_a_verdict_in_any_field(text: str, field: str) -> None:
    verdict = judge("math", {"answer": "5", "field": field}, text)
    assert not verdict.is_void, (text, dict(verdict.evidence))


@settings(COMMON, max_examples=200)
@given(st.one_of(soup, spaced_soup))
def test_a_truth_is_read_or_refused_by_name(text: str) -> None:
    """And one that is read is met by itself, or at least never void."""
    try:
        case = read_case("math", text)
    except TruthError:
        return
    assert not judge_case(case, boxed(text)).is_void


@pytest.mark.parametrize(
    "truth",
    [
        "",
        " ",
        r"\boxed{}",
        r"\boxed{5} \boxed{6}",
        r"\frac{1}{",
        r"\frac{1}",
        "2+",
        "((1, 2)",
        {},
        {"answer": ""},
        {"answer": []},
        {"answer": None},
        {"answer": ["5", ""]},
        {"answer": "5", "tolerence": {"absolute": 1}},
        {"answer": "5", "tolerance": {"absolute": -1}},
        {"answer": "5", "tolerance": {"absolute": "a"}},
        {"answer": "5", "tolerance": {"nearly": 1}},
        {"answer": "5", "tolerance": {"absolute": 1, "relative": 1}},
        {"answer": "5", "tolerance": {"absolute": float("nan")}},
        {"answer": "5", "tolerance": {"absolute": float("inf")}},
        {"answer": "5", "tolerance": {"digits": 0}},
        {"answer": "5", "tolerance": {}},
        {"answer": "5", "field": "anywhere"},
        {"answer": "5", "form": "pretty"},
        {"answer": "5", "ordered": "yes"},
        {"answer": "5", "letter_case": "upper"},
        {"answer": "5", "locale": "klingon"},
        {"answer": "5", "units": "any"},
        {"answer": "5", "percent": "maybe"},
        [],
        None,
        True,
    ],
    ids=json.dumps,
)
def test_a_truth_that_cannot_be_read_is_an_error(truth: Any) -> None:
    with pytest.raises(TruthError):
        read_case("math", truth)
    verdict = judge("math", truth, r"\boxed{5}")
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, "bad_truth")


# Symmetry and statelessness


SCALARS = str.split(
    r"""
\sqrt{2} \frac{\sqrt{8}}{2} \pi 3.14 \frac{22}{7} e i -i 2^{-99} 2^{-98} 1-\frac1e 1+\frac1e x x+0 2x \frac{x^2}{x} 0.5 \frac12
\sin{30^\circ} 1+i i+1 \ln{2} \frac{\ln{4}}{2} 5! 120 \binom{10}{3} \infty -\infty 0.1 10^{-1} \frac{\pi}{4} \arctan{1}
"""
)
fractions = st.builds(Fraction, st.integers(-99, 99), st.integers(1, 99))
scalars = st.one_of(
    st.sampled_from(SCALARS),
    st.integers(-50, 50).map(str),
    fractions.map(lambda value: rf"\frac{{{value.numerator}}}{{{value.denominator}}}"),
)


@settings(COMMON, max_examples=300)
@given(scalars, scalars)
def test_scalars_are_judged_alike_both_ways(a: str, b: str) -> None:
    assert verdict_on(a, b).outcome is verdict_on(b, a).outcome, (a, b)


@COMMON
@given(scalars)
def test_a_scalar_meets_itself(a: str) -> None:
    verdict = verdict_on(a, a)
    assert verdict.is_pass, (a, verdict.reason, dict(verdict.evidence))


def golden_sample(count: int, seed: int) -> list[dict[str, Any]]:
    rows = [
        json.loads(line)
        for file in sorted(GOLDEN.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return random.Random(seed).sample(rows, count)


def bare(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.outcome, verdict.score, verdict.reason, verdict.answer, json.dumps(dict(verdict.evidence))


def judge_row(row: dict[str, Any]) -> tuple[Any, ...]:
    return bare(judge("math", row["truth"], row.get("response") or boxed(row.get("answer", ""))))


def test_no_verdict_depends_on_what_came_before() -> None:
    rows = golden_sample(300, 1)
    first = [judge_row(row) for row in rows]
    order = list(range(len(rows)))
    random.Random(2).shuffle(order)
    shuffled = {at: judge_row(rows[at]) for at in order}
    assert [shuffled[at] for at in range(len(rows))] == first
    assert [judge_row(row) for row in reversed(rows)] == first[::-1]


def test_threads_and_tasks_judge_as_the_main_thread_does() -> None:
    rows = golden_sample(200, 3)
    alone = [judge_row(row) for row in rows]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(judge_row, rows)) == alone

    async def in_tasks() -> list[tuple[Any, ...]]:
        async def one(row: dict[str, Any]) -> tuple[Any, ...]:
            await asyncio.sleep(0)
            return judge_row(row)

        return await asyncio.gather(*map(one, rows))

    assert asyncio.run(in_tasks()) == alone
