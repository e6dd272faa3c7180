"""The sources of the recipes: right worked answers, flaws that are what they are called, splits that hold, preferences."""

import re

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError
from assay.tasks.generators.pocket import CHARACTERS, FLAWS
from assay.tasks.load import load_source
from assay.tasks.source import demonstration_of, problem_of
from assay.verify.base import judge

POCKET = ["pocket_math", "pocket_logic", "pocket_code"]


def source(name, split="train", seed=0, **options):
    return load_source(TasksConfig(source=name, options=options), split, seed)


@pytest.mark.parametrize("name", POCKET)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_worked_answers_are_right_and_within_the_alphabet(name, level):
    found = source(name, level=level)
    for index in range(40):
        task, answer = found.task(index), demonstration_of(found, index)
        assert set(task.prompt[0].content + answer) <= set(CHARACTERS)
        assert judge(task.verifier, task.truth, answer).is_pass, (task, answer)


@pytest.mark.parametrize("name", POCKET)
def test_flaws_are_a_share_and_some_of_them_fail(name):
    found, clean = source(name, flaws=0.6), source(name)
    differing = [i for i in range(300) if demonstration_of(found, i) != demonstration_of(clean, i)]
    # a program has no line of work that could be said twice or fenced
    assert 300 * 0.6 * (0.4 if name == "pocket_code" else 0.8) < len(differing) < 300 * 0.6 * 1.25
    verdicts = [judge(found.task(i).verifier, found.task(i).truth, demonstration_of(found, i)) for i in differing]
    assert any(each.is_pass for each in verdicts)
    assert not all(each.is_pass for each in verdicts)
    assert len(FLAWS) == 5


@pytest.mark.parametrize("name", [*POCKET, "pocket_talk", "functions", "orders", "everyday"])
def test_no_problem_is_on_both_sides(name):
    sides = []
    for split in ("train", "held_out"):
        found = source(name, split)
        sides.append({problem_of(found, index) for index in range(found.length or 300)})
    assert not sides[0] & sides[1]
    assert min(map(len, sides)) >= 20


def test_pocket_programs_are_judged_by_their_values():
    found = source("pocket_code", level=2)
    task = next(found.task(i) for i in range(99) if re.search(r"[+-]\d\*", found.task(i).prompt[0].content))
    written = task.truth["reference"]
    assert judge("code", task.truth, f"so\n```\n{written}```").is_pass
    without = (
        written.replace("(x", "x").replace(")", "").replace("def f(x:", "def f(x):").replace("def fx:", "def f(x):")
    )
    assert not judge("code", task.truth, f"so\n```\n{without}```").is_pass


def test_function_references_pass_and_another_number_does_not():
    found = source("functions", level=1)
    for index in range(0, found.length, 7):
        task = found.task(index)
        reference = task.truth["reference"]
        assert judge("code", task.truth, f"```python\n{reference}```").is_pass, task.id
        assert not judge("code", task.truth, f"```python\n{reference.rstrip()} * 3 + 1\n```").is_pass, task.id
    assert [message.role for message in found.task(0).prompt] == ["user", "assistant"] * 2 + ["user"]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_orders_follow_from_what_is_told(level):
    found = source("orders", level=level)
    more = re.compile(r"(\w+) is (taller|older|faster) than (\w+)\.")
    less = re.compile(r"(\w+) is (shorter|younger|slower) than (\w+)\.")
    for index in range(60):
        task = found.task(index)
        text = task.prompt[-1].content
        above = {(a, b) for a, _, b in more.findall(text)} | {(b, a) for a, _, b in less.findall(text)}
        people = task.truth["answer"].split(", ")
        assert {(people[i], people[i + 1]) for i in range(len(people) - 1)} == above
        assert judge("choice", task.truth, f"\\boxed{{{', '.join(people)}}}").is_pass
        assert not judge("choice", task.truth, f"\\boxed{{{', '.join(reversed(people))}}}").is_pass


@pytest.mark.parametrize("name", ["pocket_talk", "everyday"])
def test_preferences_prefer_another_answer_to_the_tasks_own_prompt(name):
    found = source(name)
    tags = set()
    for index in range(200):
        prompt, chosen, rejected = found.preference(index)
        assert prompt == found.task(index).prompt
        assert chosen != rejected
        assert chosen == demonstration_of(found, index)
        tags |= set(found.task(index).tags)
    assert tags == {"helpful", "harmless"}


def test_general_prompts_join_late_at_their_share():
    models = {
        "helpful": {"model": "m", "scale": 0.5, "tag": "helpful"},
        "kind": {"model": "k", "scale": 0.1, "tag": None},
    }
    options = {
        "checkable": {"source": "pocket_logic"},
        "general": {"source": "pocket_talk"},
        "joins_at": 40,
        "share": 0.25,
        "verifier": "preference",
        "models": models,
    }
    found = source("late", **options)
    names = [found.task(index).source for index in range(140)]
    assert set(names[:40]) == {"pocket_logic"}
    assert names[40:].count("pocket_talk") == 25
    checkable = source("pocket_logic")
    ours = [found.task(i) for i in range(140) if found.task(i).source == "pocket_logic"]
    assert [each.id for each in ours] == [checkable.task(i).id for i in range(115)]  # none is left out
    for index in range(40, 140):
        task = found.task(index)
        if task.source == "pocket_talk":
            assert task.verifier == options["verifier"]
            assert set(task.truth) == ({"helpful", "kind"} if "helpful" in task.tags else {"kind"})
            assert all("tag" not in each for each in task.truth.values())
    held_out = source("late", "held_out", **options)
    assert {held_out.task(i).source for i in range(20)} == {"pocket_logic"}
    assert found.fingerprint != source("late", **{**options, "joins_at": 41}).fingerprint
    with pytest.raises(ConfigError, match="did you mean 'joins_at'"):
        source("late", joins=3)
