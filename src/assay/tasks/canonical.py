"""A right answer to a task, written from its truth alone, for the verifiers whose truth is the answer."""

from __future__ import annotations

from assay.core.records import dumps
from assay.core.types import Json, Task

FORMS = {
    "boxed": "\\boxed{%s}",
    "answer_tag": "<answer>%s</answer>",
    "hash_line": "#### %s",
    "final_line": "%s",
    "whole_text": "%s",
}
PLAIN = {"answer", "field", "tolerance", "ordered", "choices", "letter_case"}
"""Keys of a truth that leave its own text a right answer; a demanded unit or form may not."""


def canonical_response(task: Task) -> str | None:
    """None where the truth does not say what a right answer looks like (a user's function, hidden tests, a schema)."""
    truth: Json = task.truth
    if task.verifier == "sql":
        gold = truth.get("gold_sql") if isinstance(truth, dict) else None
        return gold if isinstance(gold, str) else None
    if task.verifier in ("structured", "grounded", "constraint"):
        reference = truth.get("reference") if isinstance(truth, dict) else None
        return None if reference is None else dumps(reference)
    if task.verifier == "gym" and isinstance(truth, dict):
        truth = {"answer": truth["entry"]["answer"], "field": truth.get("field", "answer_tag")}
    elif task.verifier not in ("math", "choice"):
        return None
    options = truth if isinstance(truth, dict) else {"answer": truth}
    answer = options.get("answer")
    answer = answer[0] if isinstance(answer, list) and answer else answer
    form = FORMS.get(options.get("field", "boxed"))
    if not isinstance(answer, str) or form is None or set(options) - PLAIN:
        return None
    if answer.startswith("\\boxed{") and answer.endswith("}"):
        answer = answer[len("\\boxed{") : -1]
    return form.replace("%s", answer)
