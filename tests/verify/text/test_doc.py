"""docs/concepts/text.md: the table of instructions is the registry, the example task is read, and judged as it says."""

import json
import re
from pathlib import Path

from assay.core.types import Outcome
from assay.verify.base import judge
from assay.verify.compose import DEEPEST, MOST_LEAVES
from assay.verify.text.instructions import INSTRUCTIONS

DOC = (Path(__file__).parents[3] / "docs/concepts/text.md").read_text(encoding="utf-8")


def test_the_page_lists_the_instructions_as_they_are() -> None:
    shown = re.findall(r"^\| `([\w:]+:\w+)` \| (.*?) \| (.*) \|$", DOC, re.M)
    told = [
        (each.id, ", ".join(f"`{name}`" for name in each.arguments) or "none", each.about)
        for each in INSTRUCTIONS.values()
    ]
    assert sorted(shown) == sorted(told)
    assert len(shown) == 32


def test_the_example_task() -> None:
    found = re.search(r"```json\n(.*?)```", DOC, re.S)
    assert found is not None
    task = json.loads(found.group(1))
    thought = "Sechs mal sieben heißt: ich zähle sieben und sieben zusammen, und das sechsmal."
    right = f"<think>{thought}</think><answer>42</answer>"
    assert judge(task["verifier"], task["truth"], right).outcome is Outcome.PASS
    for wrong in (
        right.replace("42", "43"),
        f"{thought} <answer>42</answer>",
        right.replace(thought, "Six times seven means: I add seven and seven, and that six times over."),
    ):
        assert judge(task["verifier"], task["truth"], wrong).outcome is Outcome.FAIL


def test_the_bounds() -> None:
    assert f"up to {DEEPEST} levels and {MOST_LEAVES} parts" in DOC
