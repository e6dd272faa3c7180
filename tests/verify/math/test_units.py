"""Units: what Assay's own table converts, what pint does, and what no text of an answer can do with either."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from importlib.util import find_spec

import pytest

from assay.core.types import Outcome, Reason, Verdict
from assay.verify.base import judge
from assay.verify.math.units import conversion

PINT = find_spec("pint") is not None
needs_pint = pytest.mark.skipif(not PINT, reason="pint is not installed: pip install 'assay[units]'")


def verdict(truth: str, answer: str, units: str = "convert") -> Verdict:
    return judge("math", {"answer": truth, "units": units}, f"so \\boxed{{{answer}}}")


@pytest.mark.parametrize(
    ("truth", "answer", "reason"),
    [
        (r"1\text{ furlong}", r"220\text{ yards}", "correct"),
        (r"1\text{ furlong}", r"221\text{ yards}", "wrong_value"),
        (r"2\text{ fathoms}", r"12\text{ feet}", "correct"),
        (r"1\text{ mile}", r"5280\text{ ft}", "correct"),
        (r"1\text{ acre}", r"43560\text{ square feet}", "correct"),
        (r"60\text{ mph}", r"88\text{ ft/s}", "correct"),
        (r"1\text{ hour}", r"3600\text{ m}", "wrong_unit"),
    ],
)
def test_what_the_table_converts(truth: str, answer: str, reason: str) -> None:
    assert verdict(truth, answer).reason == reason


@needs_pint
@pytest.mark.parametrize(
    ("truth", "answer", "reason"),
    [
        (r"1\text{ stone}", r"14\text{ pounds}", "correct"),
        (r"1\text{ stone}", r"15\text{ pounds}", "wrong_value"),
        (r"1\text{ stone}", r"14\text{ feet}", "wrong_unit"),
        (r"2\text{ bar}", r"200\text{ kPa}", "correct"),
        (r"101.325\text{ kPa}", r"1\text{ atm}", "correct"),
        (r"101\text{ kPa}", r"1\text{ atm}", "wrong_value"),
        (r"1\text{ nautical mile}", r"1852\text{ m}", "correct"),
        (r"9460730472580.8\text{ km}", r"1\text{ lightyear}", "correct"),
        (r"100000\text{ dyne}", r"1\text{ newton}", "correct"),
    ],
)
def test_what_pint_converts(truth: str, answer: str, reason: str) -> None:
    assert verdict(truth, answer).reason == reason
    assert not verdict(truth, answer, units="same").is_pass


@needs_pint
@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        (r"0\text{ kelvin}", r"0\text{ degC}"),
        (r"0\text{ degC}", r"0\text{ kelvin}"),
        (r"0\text{ degF}", r"0\text{ degC}"),
        (r"0\text{ dB}", r"0\text{ neper}"),
    ],
)
def test_a_scale_that_does_not_begin_at_nothing_is_not_converted(truth: str, answer: str) -> None:
    """0 times any factor is 0: multiplying would have paid each of these."""
    assert not verdict(truth, answer).is_pass


@needs_pint
def test_factors_are_exact() -> None:
    assert conversion((("word:stone", 1),), (("pound", 1),)) == Fraction(1, 14)
    assert conversion((("word:bar", 2),), (("pascal", 2),)) == Fraction(1, 10**10)
    assert conversion((("word:wug", 1),), (("pascal", 1),)) is None


@pytest.mark.parametrize("unit", ["m**9**9", "m*yard/foot", "m**2", "foot + 1", "pi m", "exec", "m" * 400, "1 m"])
def test_pint_is_given_names_and_no_formula(unit: str) -> None:
    """What stands in an answer's text is looked up as a name or not at all: pint has an expression parser of its own."""
    found = verdict(r"1\text{ stone}", f"1\\text{{ {unit}}}")
    assert found.outcome is Outcome.FAIL
    assert found.reason is not Reason.VERIFIER_ERROR


WITHOUT_PINT = """
import sys
sys.modules['pint'] = None  # as where it is not installed: importing it raises ImportError
from assay.verify.base import judge, read_case
from assay.core.errors import MissingExtra
case = {'answer': TRUTH, 'units': 'convert'}
"""


def test_without_pint_a_truth_that_needs_it_is_void_and_says_what_to_install() -> None:
    code = (
        WITHOUT_PINT.replace("TRUTH", repr(r"1\text{ stone}"))
        + r"""
found = judge('math', case, r'so \boxed{14\text{ pounds}}')
assert (found.outcome, found.reason) == ('void', 'missing_extra'), found
assert "pip install 'assay[units]'" in found.evidence['error'], found
try:
    read_case('math', case)
except MissingExtra as error:
    assert 'needs pint' in str(error)
else:
    raise AssertionError('it was read')
"""
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_pint_an_answer_is_never_void() -> None:
    code = (
        WITHOUT_PINT.replace("TRUTH", repr(r"5\text{ m}"))
        + r"""
for unit in ('stone', 'parsec', 'wugs', 'm per stone'):
    found = judge('math', case, r'so \boxed{5\text{ %s}}' % unit)
    assert (found.outcome, found.reason) == ('fail', 'wrong_unit'), (unit, found)
assert judge('math', case, r'so \boxed{500\text{ cm}}').is_pass
"""
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
