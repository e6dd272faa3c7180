"""What the page embeds of a row, and how a truth is read for people."""

import pytest

from assay.report.rows import COLUMNS, embed_rows, expected


@pytest.mark.parametrize(
    ("truth", "shown", "policy"),
    [
        ("168", "168", ""),
        (7, "7", ""),
        (None, "null", ""),
        ({"answer": "12", "field": "boxed"}, "12", '{"field": "boxed"}'),
        ({"answer": ["1/2", "0.5"]}, "1/2 or 0.5", ""),
        ({"tests": [1, 2]}, '{"tests": [1, 2]}', ""),
        ({"dataset": "chain_sum", "entry": {"answer": "9", "metadata": {}}}, "9", '{"dataset": "chain_sum"}'),
    ],
)
def test_a_truth_for_readers(truth: object, shown: str, policy: str) -> None:
    assert expected(truth) == (shown, policy)


def test_prompts_stand_there_once_a_task(make_row) -> None:
    rows = [{name: getattr(row, name) for name in ("task", "prompt", "truth", "step", "text")} for row in
            (make_row(1, 1, 0, True), make_row(1, 1, 1, False), make_row(1, 2, 0, True))]  # fmt: skip
    found = embed_rows([rows[:2], rows[2:]])
    assert [task["id"] for task in found["tasks"]] == ["double-1", "double-2"]
    run, task = COLUMNS.index("run"), COLUMNS.index("task")
    assert [(row[run], row[task]) for row in found["rows"]] == [(0, 0), (0, 0), (1, 1)]
