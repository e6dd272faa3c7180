"""Rows of HumanEval and MBPP as code tasks.

Hub names: `openai/openai_humaneval` and `google-research-datasets/mbpp` (columns as in the original files; its `test_list`
and `challenge_test_list` are those of the JSONL). The truth keeps every assertion that can be compared outside the
sandbox; a row with others gets the tag `weak`, and `assay audit` shows the forgery that it pays.

Both are public benchmarks: do not train on HumanEval, nor on MBPP's task ids 11 to 510 (its test split).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from assay.core.errors import UsageError
from assay.core.types import Json, Message
from assay.tasks.row import Read, Row
from assay.verify.code.asserts import Weak, read_assertion

MBPP_TEST_IDS = range(11, 511)
ASK = "Answer with the whole program in one fenced Python code block."


def read_humaneval(row: Row) -> Read:
    """`prompt`, `entry_point`, `canonical_solution`, `test` (which defines `check(candidate)`), `task_id`."""
    prompt, entry_point, test = (_text(row, name) for name in ("prompt", "entry_point", "test"))
    asserts = humaneval_asserts(test)
    truth: dict[str, Json] = {"mode": "asserts", "asserts": asserts, "entry_point": entry_point}
    if isinstance(row.get("canonical_solution"), str):
        truth["reference"] = prompt + row["canonical_solution"]
    return Read(
        prompt=(Message("user", f"Complete this function.\n\n```python\n{prompt.strip()}\n```\n\n{ASK}"),),
        truth=truth,
        verifier="code",
        id=_text(row, "task_id"),
        tags=_weakness(asserts, truth),
        source="humaneval",
        split="test",
    )


def read_mbpp(row: Row) -> Read:
    """`text`, `code`, `test_list`, `test_setup_code`, `challenge_test_list`, `task_id`. The first assertion is shown."""
    tests = [*_texts(row, "test_list"), *_texts(row, "challenge_test_list")]
    if not tests:
        raise UsageError("test_list: at least one assertion would be right")
    truth: dict[str, Json] = {"mode": "asserts", "asserts": tests, "visible_asserts": tests[:1]}
    if row.get("test_setup_code"):
        truth["setup"] = _text(row, "test_setup_code")
    if isinstance(row.get("code"), str):
        truth["reference"] = row["code"]
    number = row.get("task_id")
    return Read(
        prompt=(Message("user", f"{_text(row, 'text')}\n\nThe program must pass this test:\n{tests[0]}\n\n{ASK}"),),
        truth=truth,
        verifier="code",
        id=f"mbpp/{number}",
        tags=_weakness(tests, truth),
        source="mbpp",
        split="test" if isinstance(number, int) and number in MBPP_TEST_IDS else "train",
    )


def humaneval_asserts(test: str) -> list[str]:
    """The assertions of `check(candidate)`. Where it does more than assert, what is not an assertion on its own becomes
    one last piece that runs whole."""
    try:
        body = ast.parse(test).body
    except (SyntaxError, ValueError) as error:  # ValueError: NUL, a lone surrogate
        raise UsageError(f"test: no Python ({error})") from None
    found = next((each for each in body if isinstance(each, ast.FunctionDef) and each.name == "check"), None)
    if found is None:
        raise UsageError("test: a function check(candidate) would be right")
    statements = [each for each in found.body if not _does_nothing(each)]
    literal: list[str] = []
    rest: list[str] = []
    for each in statements:
        source = ast.unparse(each)
        is_alone = isinstance(each, ast.Assert) and not isinstance(read_assertion(source, {}), Weak)
        (literal if is_alone else rest).append(source)
    if all(isinstance(each, ast.Assert) for each in statements):
        return literal + rest
    helpers = [ast.unparse(each) for each in body if isinstance(each, (ast.Import, ast.ImportFrom, ast.FunctionDef))]
    inner = [each for each in helpers if not each.startswith("def check(")]
    return [*literal, "\n".join([*inner, *rest])]


def _does_nothing(statement: ast.stmt) -> bool:
    """A docstring, a print, a name by itself."""
    if not isinstance(statement, ast.Expr):
        return isinstance(statement, ast.Pass)
    value = statement.value
    is_print = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
    return is_print or isinstance(value, (ast.Constant, ast.Name))


def _weakness(asserts: Sequence[str], truth: dict[str, Json]) -> tuple[str, ...]:
    """The tag, and the truth's permission, of a row that needs it."""
    if not any(isinstance(read_assertion(each, {}), Weak) for each in asserts):
        return ()
    truth["weak"] = "allow"
    return ("weak",)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{name}: a string would be right, not a {type(value).__name__}")
    return value


def _texts(row: Row, name: str) -> list[str]:
    value = row.get(name) or []
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{name}: a list of assertions would be right")
    return list(value)
