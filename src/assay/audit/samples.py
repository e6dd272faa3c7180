"""Small tasks to audit a verifier on when nobody names a task source: truths of each shape that the verifier reads."""

from __future__ import annotations

from assay.audit.attacks.proof_answers import LEAN_HEADER, LEAN_PROOFS
from assay.core.errors import UsageError
from assay.core.types import Json, Message, Task
from assay.tasks.generators.coq_statements import statements

NUMBERS = ("168", "12", "-7", "50.35", "1/3", "2500", "0.5", "162", "405", "7")
WORDS = ("Paris", "north-east", "mitochondria", "2x+1")
CHOICES = {"A": "the first law", "B": "the second law", "C": "the third law", "D": "none of these laws"}

SQUARES: tuple[Json, ...] = (  # three shapes of one small programming task
    {
        "mode": "function",
        "entry_point": "solve",
        "tests": [{"args": [n], "expected": n * n + 7} for n in (3, 10, -4)],
        "visible_tests": [{"args": [1], "expected": 8}],
        "reference": "def solve(n):\n    return n * n + 7",
    },
    {
        "mode": "stdin",
        "tests": [{"stdin": f"{n}\n", "stdout": f"{n * n + 7}\n"} for n in (3, 10, -4)],
        "reference": "print(int(input()) ** 2 + 7)",
    },
    {
        "mode": "asserts",
        "asserts": [f"assert solve({n}) == {n * n + 7}" for n in (3, 10, -4)],
        "reference": "def solve(n):\n    return n * n + 7",
    },
)

FORMULAS: tuple[Json, ...] = (  # every question that `smt` asks, and every sort
    {"ask": "equivalent", "declarations": {"p": "Bool", "q": "Bool"}, "formula": "p -> q"},
    {"ask": "equivalent", "declarations": {"x": "Int", "y": "Int"}, "formula": "x < y", "logic": "QF_LIA"},
    {
        "ask": "entails",
        "declarations": {"p": "Bool", "q": "Bool", "r": "Bool"},
        "premises": ["p -> q", "q -> r"],
        "conclusion": "p -> r",
    },
    {"ask": "model", "declarations": {"x": "Int", "y": "Int"}, "premises": ["2*x + 3*y = 12", "x > 0", "y > 0"]},
    {
        "ask": "counterexample",
        "declarations": {"a": "Real", "b": "Real"},
        "premises": ["a < b"],
        "claim": "a*a < b*b",
    },
    {"ask": "satisfiable", "declarations": {"x": "Int"}, "premises": ["x*x = 2"]},
)
CHAINS = (("12*7+3", "87"), ("(2+3)*(4-1)", "15"), ("1/2+1/3", "5/6"), ("2**5-2", "30"))


def _proofs() -> tuple[Json, ...]:
    """Statements of `coq_statements`, one of each topic and of each of the first two levels."""
    first = {(each.topic, each.level): each for each in reversed(statements()) if each.level <= 2}
    return tuple({"statement": each.statement, "preamble": each.preamble} for _, each in sorted(first.items()))


PROOFS = _proofs()

STOCK = [{"sku": "A-1", "price": "1.10", "have": 5}, {"sku": "B-2", "price": "2.25", "have": 3}]
BASKET: dict[str, Json] = {
    "schema": {
        "type": "object",
        "properties": {
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"enum": ["A-1", "B-2"]}, "quantity": {"type": "integer", "minimum": 1}},
                    "required": ["sku", "quantity"],
                    "additionalProperties": False,
                },
            },
            "total": {"type": "string", "pattern": r"^\d+\.\d{2}$"},
        },
        "required": ["lines", "total"],
        "additionalProperties": False,
    },
    "tables": {"stock": STOCK},
    "rules": [
        {"name": "once", "expr": "unique(answer.lines[*].sku)"},
        {"name": "stock", "expr": 'all(l.quantity <= lookup(tables.stock, "sku", l.sku).have for l in answer.lines)'},
        {
            "name": "total",
            "expr": 'money(answer.total) == sum(l.quantity * money(lookup(tables.stock, "sku", l.sku).price) '
            "for l in answer.lines)",
        },
        {"name": "all of it", "expr": "sum(answer.lines[*].quantity) == 8"},
    ],
    "reference": {"lines": [{"sku": "A-1", "quantity": 5}, {"sku": "B-2", "quantity": 3}], "total": "12.25"},
}
LATE: dict[str, Json] = {
    "tables": {
        "orders": [
            {"order_id": "ORD-1001", "status": "late", "cents": 1999},
            {"order_id": "ORD-1002", "status": "shipped", "cents": 4550},
            {"order_id": "ORD-1003", "status": "late", "cents": 700},
        ]
    },
    "citations": [
        {
            "path": "cited[*].order_id",
            "table": "orders",
            "key": "order_id",
            "equal": ["cents"],
            "complete": 'row.status == "late"',
        }
    ],
    "rules": [{"name": "sum", "expr": 'answer.cents == sum(o.cents for o in tables.orders if o.status == "late")'}],
    "reference": {
        "cited": [{"order_id": "ORD-1001", "cents": 1999}, {"order_id": "ORD-1003", "cents": 700}],
        "cents": 2699,
    },
}

TRUTHS: dict[str, tuple[Json, ...]] = {
    "coq": PROOFS,
    "lean": tuple({"statement": each, "header": LEAN_HEADER} for each in LEAN_PROOFS),
    "smt": FORMULAS,
    "steps": (
        *({"checker": "math", "start": start, "answer": answer} for start, answer in CHAINS),
        *({"checker": "coq", **each} for each in PROOFS[:4]),
    ),
    "instructions": (
        {"checks": [{"id": "punctuation:no_comma"}]},
        {"checks": [{"id": "keywords:existence", "keywords": ["river", "bridge"]}]},
        {"checks": [{"id": "keywords:forbidden_words", "forbidden_words": ["cheap"]}]},
        {"checks": [{"id": "length_constraints:number_words", "num_words": 30, "relation": "at least"}]},
        {"checks": [{"id": "length_constraints:number_words", "num_words": 5, "relation": "less than"}]},
        {"checks": [{"id": "length_constraints:number_sentences", "num_sentences": 3, "relation": "at least"}]},
        {"checks": [{"id": "detectable_format:json_format"}]},
        {
            "checks": [
                {"id": "detectable_format:title"},
                {"id": "detectable_format:number_bullet_lists", "num_bullets": 3},
            ]
        },
        {"checks": [{"id": "detectable_format:number_highlighted_sections", "num_highlights": 2}]},
        {"checks": [{"id": "combination:two_responses"}]},
        {"checks": [{"id": "startend:quotation"}, {"id": "change_case:english_lowercase"}]},
        {"instruction_id_list": ["startend:end_checker"], "kwargs": [{"end_phrase": "Any other questions?"}]},
    ),
    "format": ("boxed", {"grammar": "think_answer"}),
    "language": tuple({"language": each} for each in ("en", "de", "fr", "ru", "zh", "ja", "ar")),
    "structured": (BASKET, {**BASKET, "contract": {"prose_before_fence": True, "fence_langs": ["json"]}}),
    "grounded": (LATE,),
    "code": SQUARES,
    "math": (
        *(*NUMBERS, r"\frac{3}{4}", r"2\sqrt{3}", r"\frac{\pi}{4}", "x^2+1", "(1, 2)", r"\frac{x}{2}", "3x+4y+14=0"),
        {"answer": "50.35", "tolerance": {"absolute": 0.001}},
        {"answer": "168", "field": "answer_tag"},
        {"answer": "168", "field": "hash_line"},
        {"answer": "168", "field": "final_line"},
        {"answer": "168", "field": "whole_text"},
    ),
    "choice": (
        *"ABCD",
        *({"answer": letter, "choices": CHOICES} for letter in "BD"),
    ),
}


def sample_tasks(verifier: str) -> list[Task]:
    """Tasks for `verifier`. A user's own function gets numbers and words. Raises UsageError for a verifier whose truths
    cannot be guessed."""
    if verifier not in TRUTHS and ":" not in verifier:
        raise UsageError(
            f"there are no sample tasks for the verifier {verifier!r}: name tasks that use it with --tasks SOURCE"
        )
    truths = TRUTHS.get(verifier, (*NUMBERS, *WORDS))
    prompt = "Problem {}. Give the answer in the form that was asked for."
    return [
        Task(f"sample-{i}", (Message("user", prompt.format(i)),), verifier, truth, "audit samples")
        for i, truth in enumerate(truths)
    ]
