"""Options in another order with the right letter following, and where the right ones stand."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from assay.core.config import TasksConfig
from assay.core.types import Message, Task
from assay.tasks.check import check_sources
from assay.tasks.choices import position_of, positions, shuffle_choices
from assay.tasks.load import load_source
from assay.verify.base import judge

CHOICES = {"A": "iron", "B": "salt", "C": "salt water", "D": "2+2"}
PROMPT = "Which one rusts?\n\nA. iron\nB. salt\nC. salt water\nD. 2+2\n\nAnswer with the letter in \\boxed{}."


def task(n=0, answer="A", prompt=PROMPT, choices=CHOICES):
    return Task(f"t{n}", (Message("user", prompt),), "choice", {"answer": answer, "choices": choices})


def test_the_right_letter_follows_its_text():
    seen = Counter()
    for n in range(200):
        moved = shuffle_choices(task(n), 0)
        right = moved.truth["choices"][moved.truth["answer"]]
        assert right == "iron"
        assert sorted(moved.truth["choices"].values()) == sorted(CHOICES.values())
        for letter, text in moved.truth["choices"].items():
            assert f"\n{letter}. {text}\n" in moved.prompt[-1].content
        assert judge("choice", moved.truth, f"\\boxed{{{moved.truth['answer']}}}").is_pass
        seen[moved.truth["answer"]] += 1
    assert set(seen) == set("ABCD")
    assert max(seen.values()) < 80  # 50 expected of each


def test_it_is_a_function_of_the_seed_and_the_id():
    assert shuffle_choices(task(1), 7) == shuffle_choices(task(1), 7)
    assert len({json.dumps(shuffle_choices(task(1), seed).truth) for seed in range(20)}) > 5


@pytest.mark.parametrize("dressed", ["(A) iron\n(B) salt", "A) iron\nB) salt", "A: iron\nB: salt", "  A  iron\nB salt"])
def test_the_usual_ways_to_list_options(dressed):
    made = task(3, "B", f"Q?\n{dressed}", {"A": "iron", "B": "salt"})
    results = {shuffle_choices(made, seed).truth["answer"] for seed in range(20)}
    assert results == {"A", "B"}


@pytest.mark.parametrize(
    "made",
    [
        task(prompt="Which one rusts?"),
        task(prompt=PROMPT + "\nA. iron"),
        task(choices={"A": "iron", "B": "salt", "C": "salt water", "D": "all of the above"}),
        task(choices={"A": "iron", "B": "salt", "C": "A and B", "D": "2+2"}),
        replace(task(), truth="A"),
        replace(task(), verifier="math"),
    ],
)
def test_what_cannot_be_shuffled_stays(made):
    assert all(shuffle_choices(made, seed) == made for seed in range(10))


def test_positions():
    found = positions([task(n, "ABCD"[n % 4]) for n in range(40)])
    assert (found.counts, found.chance, found.is_biased) == ((10, 10, 10, 10), 0.25, False)
    skewed = positions([task(n, "C" if n % 2 else "A") for n in range(40)])
    assert (skewed.counts, skewed.most, skewed.share, skewed.is_biased) == ((20, 0, 20, 0), 0, 0.5, True)
    bare = positions([Task(str(n), (), "choice", "B") for n in range(30)])
    assert (bare.counts, bare.chance, bare.is_biased) == ((0, 30), 0.5, True)
    assert positions([Task("1", (), "math", "B")]) is None
    assert position_of("(b)", {"choices": CHOICES}) == 1
    assert position_of("yes", "yes") is None


def test_a_file_is_shuffled_on_request_and_its_bias_is_noted(tmp_path):
    path = tmp_path / "mc.jsonl"
    rows = [
        {"id": str(n), "prompt": f"{n}? {PROMPT}", "verifier": "choice", "truth": {"answer": "A", "choices": CHOICES}}
        for n in range(60)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def sides(**options):
        config = TasksConfig(source=str(path), options=options)
        return [load_source(config, side, 0) for side in ("train", "held_out")]

    plain = check_sources(*sides())
    assert any(note.startswith("option A is right in 100% of") for note in plain.notes)
    shuffled = check_sources(*sides(shuffle_choices=0))
    assert shuffled.is_clean
    assert not any("option" in note for note in shuffled.notes)
    assert [each.length for each in sides()] == [each.length for each in sides(shuffle_choices=3)]
    assert [each.fingerprint for each in sides()] != [each.fingerprint for each in sides(shuffle_choices=3)]
