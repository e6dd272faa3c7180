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

SHOP = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT); "
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, amount INTEGER NOT NULL, placed TEXT NOT NULL);"
)
SALES: tuple[Json, ...] = (
    {},
    {
        "customers": [[1, "Ann", "Paris"], [2, "Bo", None], [3, "Cy", "Rome"], [4, "Ann", "Oslo"]],
        "orders": [[1, 1, 30, "2024-01-05"], [2, 1, 20, "2024-01-06"], [3, 2, 50, "2024-02-01"], [4, 4, 50, "2024-02-01"]],
    },
    {
        "customers": [[1, "Ann", None], [2, "Bo", "Rome"], [5, "Eve", "Rome"]],
        "orders": [[1, None, 30, "2024-01-05"], [2, 2, 10, "2024-03-01"], [3, 2, 10, "2024-03-01"]],
    },
    {
        "customers": [[1, "Ann", "Rome"], [2, "Ann", "Rome"], [3, "Bo", "Paris"]],
        "orders": [[1, 1, 50, "2024-01-05"], [2, 2, 50, "2024-01-05"], [3, 3, 30, "2024-01-05"], [4, 3, 50, "2024-01-06"]],
    },
)  # fmt: skip


def _query(gold: str, **more: Json) -> Json:
    return {"gold_sql": gold, "tables": {"schema": SHOP, "instances": list(SALES)}, **more}


QUERIES = (
    _query("SELECT c.name, SUM(o.amount) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id"),
    _query(
        "SELECT c.id, COUNT(o.id) FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id",
        contract={"prose_before_fence": True, "fence_langs": ["sql"]},
    ),
    _query("SELECT id, amount FROM orders ORDER BY amount DESC, id DESC LIMIT 2", order_matters=True),
    _query(
        "SELECT DISTINCT city FROM customers WHERE id NOT IN "
        "(SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)"
    ),
)
PUZZLES: tuple[Json, ...] = (
    {
        "problem": {
            "kind": "knapsack",
            "capacity": 10,
            "items": [
                {"id": name, "weight": weight, "value": value}
                for name, weight, value in (("A", 7, 8), ("B", 5, 5), ("C", 5, 4), ("D", 2, 3))
            ],
            "apart": [["A", "D"]],
            "best": 9,
        },
        "ask": "optimal",
        "reference": {"items": ["B", "C"], "value": 9},
    },
    {
        "problem": {
            "kind": "schedule",
            "jobs": [
                {"id": "J1", "tasks": [{"machine": "M1", "minutes": 3}, {"machine": "M2", "minutes": 2}]},
                {"id": "J2", "tasks": [{"machine": "M1", "minutes": 2}, {"machine": "M2", "minutes": 4}]},
            ],
            "deadline": 12,
            "best": 8,
        },
        "ask": "optimal",
        "reference": {"starts": {"J1": [2, 6], "J2": [0, 2]}, "makespan": 8},
    },
    {
        "problem": {
            "kind": "schedule",
            "jobs": [
                {"id": "J1", "tasks": [{"machine": "M1", "minutes": 3}, {"machine": "M2", "minutes": 2}]},
                {"id": "J2", "tasks": [{"machine": "M1", "minutes": 2}]},
            ],
            "deadline": 7,
        },
        "ask": "feasible",
        "reference": {"starts": {"J1": [0, 3], "J2": [3]}, "makespan": 5},
    },
    {
        "problem": {
            "kind": "colouring",
            "nodes": ["u", "v", "w", "x"],
            "edges": [["u", "v"], ["v", "w"], ["w", "u"], ["w", "x"]],
            "colours": 4,
            "best": 3,
        },
        "ask": "optimal",
        "reference": {"colours": {"u": 1, "v": 2, "w": 3, "x": 1}, "used": 3},
    },
    {
        "problem": {
            "kind": "sudoku",
            "size": 4,
            "box": [2, 2],
            "givens": [[1, 0, 0, 0], [0, 0, 3, 0], [0, 4, 0, 0], [0, 0, 0, 2]],
        },
        "ask": "feasible",
        "reference": {"grid": [[1, 3, 2, 4], [4, 2, 3, 1], [2, 4, 1, 3], [3, 1, 4, 2]]},
    },
)

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
    "sql": QUERIES,
    "constraint": PUZZLES,
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
