"""Contamination: what is shared and what is nearly the same is found with its place, and a template's words are not taken for it."""

import json
import random
import time
from pathlib import Path

import pytest

from assay.core.config import TasksConfig
from assay.core.types import Message, Task
from assay.tasks.check import check_sources
from assay.tasks.load import load_source
from assay.tasks.overlap import Contamination, find_overlap

STORY = (
    "A gardener waters forty tulips every second morning and gives each of them a third of a litre, except on Sundays when "
    "her brother does the work and forgets half of the bed. How many litres does she use in June?"
)
OTHER = "The ferry leaves at seven and needs two hours to the island, where it waits until the fog has gone. When is it back?"


def tasks(*texts: str) -> list[tuple[str, Task]]:
    return [(f"row {i}", Task(f"t{i}", (Message("user", text),), "math", "1")) for i, text in enumerate(texts, 1)]


def find(train: list[str], held_out: list[str]) -> Contamination:
    return find_overlap(tasks(*train), tasks(*held_out))


def test_nothing_shared() -> None:
    found = find([STORY], [OTHER])
    assert (found.compared, found.against, found.shared, found.near) == (1, 1, 0, 0)
    assert not found.is_found
    assert found.notes() == []


def test_ten_words_in_a_row_whatever_case_and_white_space() -> None:
    ten = "gives each of them a third of a litre except"
    found = find(
        [OTHER, STORY], [f"Someone {ten.upper().replace(' ', '   ')} nobody knows why.", OTHER.replace("ferry", "boat")]
    )
    assert found.shared == 2
    shared = [each for each in found.examples if each.kind == "shared"]
    assert shared[0] == ("shared", "row 1", "row 2", ten)
    assert shared[1].train == "row 1"
    assert "row 1 and row 2 (gives each of them a third of a litre except)" in found.notes()[0]


def test_nine_words_in_a_row_are_not_enough() -> None:
    nine = "gives each of them a third of a litre"
    assert len(nine.split()) == 9
    assert find([STORY], [f"Nobody {nine} unless asked politely by the mayor himself"]).shared == 0


def test_a_prompt_with_a_few_other_words_is_nearly_the_same() -> None:
    changed = STORY.replace("gardener", "farmer").replace("tulips", "roses")
    found = find([OTHER, STORY], [changed])
    assert found.near == 1
    (near,) = [each for each in found.examples if each.kind == "near"]
    assert (near.held_out, near.train) == ("row 1", "row 2")
    assert near.text.endswith("% alike")
    assert "are nearly a training prompt: row 1 and row 2" in found.notes()[-1]


def test_other_numbers_are_told() -> None:
    text = (
        "In June Anna sells 40 loaves a day, in July 12 fewer, and closes for 5 days in August: how many loaves in all?"
    )
    other = text.replace("40", "41")
    (near,) = [each for each in find([text], [other]).examples if each.kind == "near"]
    assert near.text.endswith(", other numbers")


def test_another_third_of_the_words_is_another_prompt() -> None:
    pieces = STORY.split()
    for at in range(0, len(pieces), 4):
        pieces[at] = f"word{at}"
    assert find([STORY], [" ".join(pieces)]).near == 0


def template(a: int, b: int) -> str:
    return (
        f"A warehouse has {a} shelves. Every shelf holds {b} boxes of the same size and no box is left on the floor at night. "
        f"How many boxes are there in all? Put the final answer in a box."
    )


def test_a_templates_words_are_form_and_a_copy_inside_it_is_not() -> None:
    train = [template(a, b) for a in range(20, 30) for b in range(30, 40)]
    held_out = [template(a, b) for a in range(40, 50) for b in range(50, 54)]
    found = find(train, held_out)
    assert (found.shared, found.near) == (0, 0)
    assert found.form > 0
    leak = f"{STORY} {held_out[0]}"
    assert find([*train, STORY], [*held_out, leak]).shared == 1


def test_an_instruction_behind_every_prompt_is_not_counted() -> None:
    behind = " Think step by step and put only the final number into a box at the very end."
    texts = [f"{i} cats and {i} dogs meet; what do they cost together{behind}" for i in range(60)]
    assert find(texts[:40], texts[40:]).shared == 0
    assert find(texts[:1], texts[1:2]).shared == 1  # of two prompts nobody can tell what is form


def test_short_prompts_are_counted_as_such() -> None:
    found = find(["What is 3 times 4?"], ["What is 3 times 4?", STORY])
    assert (found.short, found.shared) == (1, 0)


def test_only_the_last_user_message_is_compared() -> None:
    shown = (Message("user", STORY), Message("assistant", "It is 12."))
    one = Task("a", (*shown, Message("user", "How many cats?")), "math", "1")
    two = Task("b", (*shown, Message("user", "How many dogs?")), "math", "1")
    assert find_overlap([("a", one)], [("b", two)]).shared == 0


def test_the_check_notes_it_and_stops_nothing(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "prompt": STORY, "truth": "1", "verifier": "math", "split": "train"},
        {"id": "2", "prompt": STORY.replace("gardener", "farmer"), "truth": "2", "verifier": "math", "split": "test"},
    ]
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = TasksConfig(source=str(path))
    report = check_sources(load_source(config, "train", 0), load_source(config, "held_out", 0))
    assert report.is_clean
    assert report.contamination is not None
    assert (report.contamination.shared, report.contamination.near) == (1, 1)
    assert any(f"{path}:2 and {path}:1" in note for note in report.notes)
    assert check_sources(load_source(config, "train", 0)).contamination is None


@pytest.mark.parametrize("name", ["warehouse", "times_tables", "packing"])
def test_our_own_generators_give_nothing_away(name: str) -> None:
    config = TasksConfig(source=name)
    sides = [load_source(config, split, 0) for split in ("train", "held_out")]
    placed = [[(str(i), side.task(i)) for i in range(min(side.length or 200, 200))] for side in sides]
    found = find_overlap(*placed)
    assert not found.is_found, found.examples


def test_ten_thousand_prompts_take_seconds() -> None:
    draw = random.Random(0)
    vocabulary = [f"w{i}" for i in range(3000)]
    texts = [" ".join(draw.choices(vocabulary, k=60)) for _ in range(10_000)]
    began = time.process_time()
    found = find(texts[:9000], texts[9000:])
    assert time.process_time() - began < 20
    assert (found.shared, found.near) == (0, 0)


@pytest.mark.shared
def test_gsm8k_shares_a_few_lines_between_its_splits(shared: Path) -> None:
    config = TasksConfig(source=str(shared / "gsm8k" / "train.jsonl"), held_out=str(shared / "gsm8k" / "test.jsonl"))
    sides = [load_source(config, split, 0) for split in ("train", "held_out")]
    found = find_overlap(*([(str(i), side.task(i)) for i in range(side.length or 0)] for side in sides))
    assert (found.compared, found.against) == (1319, 7473)
    assert 1 <= found.shared <= 40
