"""The generators: right answers, truths out of sight, and splits that no order or wording of the operands can cross."""

import re
from fractions import Fraction
from itertools import pairwise

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError
from assay.model.tiny import ALPHABET
from assay.tasks.generators import products
from assay.tasks.generators.chain import CHARACTERS
from assay.tasks.generators.warehouse import SHOTS, cutoff, shelves, tax, trips
from assay.tasks.load import load_source, select
from assay.tasks.source import SOURCES, TaskSource, demonstration_of, problem_of
from assay.verify.base import judge

FAMILIES = ["shelves", "trips", "tax", "cutoff"]


def source(name, split="train", seed=0, **options):
    return load_source(TasksConfig(source=name, options=options), split, seed)


def problems(found, most=400):
    return {problem_of(found, index) for index in range(found.length or most)}


def answer_of(text):
    """What a person would answer, worked out from the question's words alone."""
    if found := re.search(r"has (\d+) shelves with (\d+) boxes each", text):
        return int(found[1]) * int(found[2])
    if found := re.search(r"carries (\d+) packages a trip.*carry (\d+) packages", text):
        return Fraction(int(found[2]), int(found[1]))
    if found := re.search(r"subtotal of (\d+\.\d\d)\. .* with (\d+) % tax", text):
        return Fraction(found[1]) * (1 + Fraction(int(found[2]), 100))
    if found := re.search(r"It is (\d+):(\d\d)\..*orders is (\d+):(\d\d)\.", text):
        hour, minute, end_hour, end_minute = map(int, found.groups())
        return (end_hour - hour) * 60 + end_minute - minute
    if found := re.search(r"What is (\d+) \* (\d+)\?", text):
        return int(found[1]) * int(found[2])
    raise AssertionError(text)


def operands_of(text):
    numbers = [int(each) for each in re.findall(r"\d+", text.split("?")[0])]
    return frozenset({numbers[0], numbers[1] // numbers[0]} if "trip" in text else numbers)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("name", ["warehouse", "times_tables"])
@pytest.mark.parametrize("split", ["train", "held_out"])
def test_every_truth_answers_its_question(name, level, split):
    options = {"families": FAMILIES} if name == "warehouse" else {}
    found = source(name, split, level=level, **options)
    assert isinstance(found, TaskSource)
    for index in range(0, found.length, 1 + found.length // 300):
        task = found.task(index)
        truth = task.truth["answer"] if isinstance(task.truth, dict) else task.truth
        assert Fraction(truth) == answer_of(task.prompt[-1].content), task.id
        assert judge(task.verifier, task.truth, f"So \\boxed{{{truth}}}").is_pass


@pytest.mark.parametrize(
    ("task", "right", "wrong", "ambiguous"),
    [
        (shelves(14, 12), "168", "148", r"Maybe \boxed{168} or \boxed{148}."),
        (trips(8, 12), "12", "8", r"\boxed{12} or \boxed{12}"),
        (tax(4750, 6), "50.35", "50.36", r"\boxed{50.35} \boxed{50.4}"),
        (cutoff(15 * 60 + 40, 17 * 60), "80", "120", r"\boxed{80}, \boxed{20}"),
    ],
)
def test_the_lab_prompts(task, right, wrong, ambiguous):
    assert judge("math", task.truth, f"\\boxed{{{right}}}").is_pass
    assert judge("math", task.truth, f"\\boxed{{{wrong}}}").reason == "wrong_value"
    assert judge("math", task.truth, ambiguous).reason == "ambiguous"


def test_the_tax_tolerance_forgives_less_than_a_cent():
    truth = tax(4750, 6).truth
    assert judge("math", truth, r"\boxed{50.3505}").is_pass
    assert not judge("math", truth, r"\boxed{50.352}").is_pass


@pytest.mark.parametrize("level", [1, 2, 3])
def test_no_unordered_operands_on_both_sides(level):
    """Across families, levels and generators: 3 x 12, 12 x 3 and the trips made of them are one problem."""
    sides = {"train": set(), "held_out": set()}
    for split, seen in sides.items():
        for other in (1, 2, 3):
            for found in (source("warehouse", split, 5, level=level), source("times_tables", split, 9, level=other)):
                seen |= {operands_of(found.task(index).prompt[-1].content) for index in range(found.length)}
    assert min(map(len, sides.values())) > 20
    assert not sides["train"] & sides["held_out"]


def test_all_families_together_are_disjoint():
    train, held_out = (source("warehouse", split, level=2, families=FAMILIES) for split in ("train", "held_out"))
    assert not problems(train) & problems(held_out)


def test_the_demo_has_enough_held_out_problems():
    held_out = source("warehouse", "held_out")
    assert held_out.length >= 64
    assert len(problems(held_out)) == held_out.length
    chosen = select(held_out, 64)
    tags = [task.tags[0] for task in chosen]
    assert abs(tags.count("shelves") - tags.count("trips")) < 16


def test_shots_are_the_same_for_a_family_and_never_a_task():
    taken = {frozenset(pair) for pair in products.SHOTS}
    for split in ("train", "held_out"):
        found = source("warehouse", split)
        tasks = [found.task(index) for index in range(found.length)]
        assert len({(task.tags, task.prompt[:-1]) for task in tasks}) == 2
        assert [message.role for message in tasks[0].prompt] == ["user", "assistant"] * 2 + ["user"]
        assert not taken & {operands_of(task.prompt[-1].content) for task in tasks}
    for shots in SHOTS.values():
        assert len({shot.problem for shot in shots}) == len(shots)
    for shots in (0, 1, 4):
        assert len(source("warehouse", shots=shots).task(0).prompt) == 2 * shots + 1


def test_shots_are_right():
    found = source("warehouse", shots=4, families=FAMILIES)
    prompts = {task.tags: task.prompt for task in map(found.task, range(300))}
    assert len(prompts) == 4
    for question, answer in (turn for prompt in prompts.values() for turn in pairwise(prompt[:-1])):
        if question.role == "user":
            work, _, boxed = answer.content.partition("\n")
            right = answer_of(question.content)
            assert Fraction(boxed.removeprefix("\\boxed{").removesuffix("}")) == right
            assert Fraction(work.split(" = ")[1].removesuffix(" minutes")) == right


@pytest.mark.parametrize("name", ["warehouse", "times_tables", "chain"])
def test_a_task_is_a_function_of_seed_and_index(name):
    first, again, other = source(name, seed=1), source(name, seed=1), source(name, seed=2)
    last = first.length or 50
    backwards = [again.task(index) for index in reversed(range(last))][::-1]
    assert [first.task(index) for index in range(last)] == backwards
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert [first.task(index).id for index in range(20)] != [other.task(index).id for index in range(20)]


@pytest.mark.parametrize("name", ["warehouse", "times_tables", "chain"])
def test_held_out_tasks_do_not_depend_on_the_seed(name):
    one, two = source(name, "held_out", 1), source(name, "held_out", 2)
    assert select(one, 30) == select(two, 30)


@pytest.mark.parametrize("name", ["warehouse", "times_tables"])
def test_past_the_end(name):
    found = source(name)
    for index in (found.length, -1):
        with pytest.raises(IndexError):
            found.task(index)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_chain_answers(level):
    found = source("chain", level=level)
    for index in range(60):
        task = found.task(index)
        text = task.prompt[-1].content
        value, results = int(text[0]), []
        for sign, digit in re.findall(r"([+*-])(\d)", text):
            value = {"+": value + int(digit), "-": value - int(digit), "*": value * int(digit)}[sign] % 10
            results.append(str(value))
        assert task.truth["answer"] == "".join(reversed(results))
        worked = demonstration_of(found, index)
        assert judge(task.verifier, task.truth, worked).is_pass
        assert set(text + worked) <= set(CHARACTERS)


def test_a_chain_demonstration_fits_the_tiny_recipe():
    from assay.recipes import built_in

    room = built_in("tiny")["rollout"]["max_new_tokens"]
    found = source("chain")
    assert max(len(demonstration_of(found, index)) for index in range(50)) + 1 <= room  # and the end token


def test_leading_zeros_count():
    found = source("chain")
    task = next(each for each in map(found.task, range(200)) if each.truth["answer"].startswith("0"))
    worked = task.truth["answer"]
    assert judge(task.verifier, task.truth, f"trace\n{worked}").is_pass
    assert not judge(task.verifier, task.truth, f"trace\n{worked.lstrip('0')}").is_pass


def test_chain_splits_do_not_share_shuffled_operations():
    train, held_out = source("chain", level=1), source("chain", "held_out", level=1)
    shuffled = lambda found: {  # noqa: E731
        tuple(sorted(re.findall(r"[+*-]?\d", found.task(index).prompt[-1].content))) for index in range(1500)
    }
    assert not shuffled(train) & shuffled(held_out)


def test_the_tiny_alphabet_covers_the_chain():
    assert set(CHARACTERS) <= set(ALPHABET)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"levle": 2}, "did you mean 'level'"),
        ({"level": 4}, "less than or equal to 3"),
        ({"families": ["shelfs"]}, "shelves"),
        ({"families": []}, "at least 1"),
        ({"shots": 5}, "tasks.options: shots"),
    ],
)
def test_bad_options(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        source("warehouse", **options)


def test_every_generator_says_what_it_is():
    for name in SOURCES:
        generator = SOURCES.get(name)
        assert generator.about
        for level in generator.levels:
            assert generator.make(generator.options(level=level), "train", 0).task(0).prompt
