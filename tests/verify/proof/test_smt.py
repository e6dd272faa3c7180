"""The smt verifier: golden answers, our evaluator against z3, z3's verdicts against cvc5, and what never pays."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, read_case
from assay.verify.proof import smt
from assay.verify.proof.formula import FormulaError, Node, Value, evaluate, parse_formula, parse_model
from assay.verify.proof.solver import load_z3, solve

GOLDEN = Path(__file__).parents[2] / "golden/proof/smt.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
NAMES = {"x": "Int", "y": "Int", "a": "Real", "p": "Bool", "q": "Bool"}


def test_there_are_enough() -> None:
    assert sum(row["expect"] == "pass" for row in ROWS) >= 30
    assert sum(row["expect"] == "fail" for row in ROWS) >= 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['kind']}: {row['response'][:30]!r}")
def test_golden(row: dict[str, str]) -> None:
    verdict = judge("smt", row["truth"], row["response"])
    assert verdict.outcome.value == row["expect"], dict(verdict.evidence)


@pytest.mark.parametrize(
    "row", [each for each in ROWS if each["truth"]["ask"] == "equivalent"], ids=lambda row: row["response"][:30]
)
def test_cvc5_agrees(row: dict[str, str]) -> None:
    """Another solver, over our formulas in its own terms, says the same of every equivalence."""
    cvc5 = pytest.importorskip("cvc5", reason="no cvc5 (pip install cvc5)")
    truth = read_case("smt", row["truth"]).truth
    try:
        answer = parse_formula(row["response"], truth.names)
    except FormulaError:
        assert row["expect"] == "fail"
        return
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("tlimit-per", "5000")
    sorts = {"Bool": manager.getBooleanSort(), "Int": manager.getIntegerSort(), "Real": manager.getRealSort()}
    terms = {name: manager.mkConst(sorts[sort], name) for name, sort in truth.names.items()}
    for each in (*truth.premises, Node("xor", "Bool", (answer, truth.target))):
        solver.assertFormula(_cvc5_term(cvc5, manager, each, terms))
    result = solver.checkSat()
    if row["expect"] == "pass":
        assert result.isUnsat()
    else:
        assert not result.isUnsat()


def _cvc5_term(cvc5: object, manager: object, node: Node, terms: dict[str, object]) -> object:
    kinds = {"not": "NOT", "and": "AND", "or": "OR", "xor": "XOR", "->": "IMPLIES", "<->": "EQUAL", "ite": "ITE"}
    kinds |= {
        "=": "EQUAL",
        "!=": "DISTINCT",
        "<": "LT",
        "<=": "LEQ",
        ">": "GT",
        ">=": "GEQ",
        "+": "ADD",
        "-": "SUB",
        "*": "MULT",
    }
    kinds |= {"/": "DIVISION", "neg": "NEG", "div": "INTS_DIVISION", "mod": "INTS_MODULUS"}
    if node.op == "name":
        return terms[str(node.value)]
    if node.op == "value":
        if isinstance(node.value, bool):
            return manager.mkBoolean(node.value)
        return manager.mkReal(str(node.value)) if node.sort == "Real" else manager.mkInteger(str(node.value))
    args = [_cvc5_term(cvc5, manager, each, terms) for each in node.args]
    if node.op not in ("not", "and", "or", "xor", "->", "<->", "ite") and "Real" in (
        node.sort,
        *(each.sort for each in node.args),
    ):
        args = [manager.mkTerm(cvc5.Kind.TO_REAL, each) if each.getSort().isInteger() else each for each in args]
    return manager.mkTerm(getattr(cvc5.Kind, kinds[node.op]), *args)


def numbers(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    leaf = st.one_of(st.sampled_from(names), st.integers(0, 9).map(str))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda each: f"({' '.join(each)})"),
            inner.map(lambda each: f"(-{each})"),
            inner.map(lambda each: f"abs({each})"),
            inner.map(lambda each: f"(({each}) mod 5 + ({each}) div 3)")
            if names != ("a",)
            else inner.map(lambda each: f"({each})/3"),
        ),
        max_leaves=5,
    )


formulas = st.recursive(
    st.one_of(
        st.sampled_from(["p", "q", "true", "false"]),
        *(
            st.tuples(numbers(names), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), numbers(names)).map(" ".join)
            for names in (("x", "y"), ("a",))
        ),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or", "xor", "->", "<->"]), inner).map(
            lambda each: f"({' '.join(each)})"
        ),
        inner.map(lambda each: f"not ({each})"),
        st.tuples(inner, inner, inner).map(lambda each: f"ite({', '.join(each)})"),
    ),
    max_leaves=6,
)
models = st.fixed_dictionaries(
    {
        "x": st.integers(-9, 9),
        "y": st.integers(-9, 9),
        "a": st.fractions(-3, 3, max_denominator=5),
        "p": st.booleans(),
        "q": st.booleans(),
    }
)


@settings(max_examples=150, deadline=None)
@given(formulas, models)
def test_our_evaluation_is_z3s(text: str, values: dict[str, object]) -> None:
    """For any formula and any point: z3 finds no model with the point fixed exactly when the formula is false there."""
    z3 = load_z3()
    assert z3 is not None
    node = parse_formula(text, NAMES)  # type: ignore[arg-type]
    model: dict[str, Value] = {
        key: value if isinstance(value, bool) else Fraction(value) for key, value in values.items()
    }  # type: ignore[arg-type]
    fixed = [
        parse_formula(f"{key} = {str(value).lower() if isinstance(value, bool) else f'({value})'}", NAMES)  # type: ignore[arg-type]
        for key, value in values.items()
    ]
    assert solve(z3, [node, *fixed], NAMES).answer == ("sat" if evaluate(node, model) else "unsat")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "x / y = 1",
        "1 / (x - x) = 1",
        "x div y = 1",
        "x mod 0 = 0",
        "x div (-2) = 1",
        "a div 2 = 1",
        "1 / 0 = 1",
        "x ^ 9 = 1",
        "x ^ y = 1",
    ],
)
def test_division_by_what_is_no_constant_is_not_in_the_grammar(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(text, NAMES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + "p" + ")" * 5000, "not " * 3000 + "p", "9" * 100 + " = x", "p and " * 3000 + "p", "x" * 30_000],
)
def test_bombs_are_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(text, NAMES)  # type: ignore[arg-type]


def test_a_long_product_stops() -> None:
    text = " * ".join(["x^8"] * 100) + " = 0"
    node = parse_formula(text, NAMES)  # type: ignore[arg-type]
    with pytest.raises(FormulaError, match="too large"):
        evaluate(node, {"x": Fraction(10**30)})
    truth = {"ask": "model", "declarations": {"x": "Int"}, "premises": [text]}
    assert judge("smt", truth, f"x = {10**30}").outcome is Outcome.FAIL


def test_the_solver_that_does_not_know_never_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.verify.proof.solver.SOLVE_SECONDS", 0.2)
    truth = {
        "ask": "equivalent",
        "declarations": {"x": "Int", "y": "Int", "z": "Int"},
        "formula": "x^3 + y^3 + z^3 != 114",
    }
    verdict = judge("smt", truth, "true")
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, Reason.UNDECIDED)


def test_a_model_that_does_not_hold_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the solver claims is substituted: a wrong model makes the verdict undecided, not a difference."""
    from assay.verify.proof.solver import Solved

    monkeypatch.setattr(smt, "solve", lambda *_: Solved("sat", {"p": True, "q": True, "r": True}))
    truth = smt.SmtTruth(
        "equivalent", {"p": "Bool"}, (), Node("name", "Bool", value="p"), "whole_text", {"p": "Bool"}, False
    )
    assert smt.SmtVerifier().check(truth, "p").reason is Reason.UNDECIDED


def test_a_missing_solver_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smt, "load_z3", lambda: None)
    truth = {"ask": "equivalent", "declarations": {"p": "Bool"}, "formula": "p"}
    for response in ("p", "", "(reset)"):
        verdict = judge("smt", truth, response)
        assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.PROVER_MISSING)
        assert "pip install" in str(verdict.evidence["error"])
    # models are checked by substitution: no solver is needed
    assert judge("smt", {"ask": "model", "declarations": {"x": "Int"}, "premises": ["x > 1"]}, "x = 2").is_pass


@pytest.mark.parametrize(
    "truth",
    [
        "p",
        {"ask": "prove", "declarations": {"p": "Bool"}},
        {"ask": "equivalent", "declarations": {"p": "Bool"}},
        {"ask": "equivalent", "declarations": {"p": "Bool"}, "formula": "q"},
        {"ask": "equivalent", "declarations": {"p": "Bool"}, "formula": "p", "claim": "p"},
        {"ask": "equivalent", "declarations": {"p": "Truth"}, "formula": "p"},
        {"ask": "equivalent", "declarations": {"not": "Bool"}, "formula": "true"},
        {"ask": "equivalent", "declarations": {}, "formula": "true"},
        {"ask": "equivalent", "declarations": {"p": "Bool"}, "formula": "p", "premises": ["p", "not p"]},
        {"ask": "entails", "declarations": {"p": "Bool"}, "premises": ["p", "not p"], "conclusion": "p"},
        {"ask": "entails", "declarations": {"p": "Bool", "q": "Bool"}, "premises": ["p"], "conclusion": "q"},
        {"ask": "model", "declarations": {"p": "Bool"}},
        {"ask": "model", "declarations": {"p": "Bool"}, "premises": ["p"], "field": "box"},
        {"ask": "model", "declarations": {"p": "Bool"}, "premises": ["p"], "extra": 1},
        {"ask": "model", "declarations": {"x": "Int"}, "premises": ["x > 0"], "logic": "QF_X"},
        {"ask": "equivalent", "declarations": {"p": "Bool"}, "formula": "p", "vocabulary": ["q"]},
    ],
)
def test_unreadable_truths(truth: object) -> None:
    with pytest.raises(TruthError):
        read_case("smt", truth)


def test_a_linear_logic_takes_no_product() -> None:
    truth = {"ask": "equivalent", "declarations": {"x": "Int"}, "formula": "x = 0", "logic": "QF_LIA"}
    assert judge("smt", truth, "x * x = 0").reason is Reason.MALFORMED
    assert judge("smt", truth, "2 * x = 0").is_pass


def test_models_are_exact() -> None:
    assert parse_model("x = -3, y = 4/2", {"x": "Int", "y": "Int"}) == {"x": -3, "y": 2}
    assert parse_model("a = 0.1", {"a": "Real"}) == {"a": Fraction(1, 10)}
