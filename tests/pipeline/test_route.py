"""Example task sets, by description, by rows alone and by both: what is recommended, and what is said of it."""

import json
from pathlib import Path

import pytest

from assay.core.errors import ConfigError, TaskFileError, UnknownName, UsageError
from assay.pipeline.description import Description, read_description
from assay.pipeline.route import Route, route
from assay.pipeline.sampled_rows import SampledRow, read_rows, shape_of
from assay.verify.base import read_case
from assay.verify.pool import JudgePool

EXAMPLES = Path(__file__).with_name("examples")
NAMES = sorted(each.stem for each in EXAMPLES.glob("*.toml"))


def recommend(name: str, *, description: bool = True, rows: bool = True) -> Route:
    said = read_description(EXAMPLES / f"{name}.toml") if description else None
    with JudgePool(1, 10.0) as judges:
        return route(said, read_rows(EXAMPLES / f"{name}.jsonl", 64) if rows else [], judges=judges)


def from_rows(tmp_path: Path, *rows: dict[str, object]) -> Route:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    with JudgePool(1, 10.0) as judges:
        return route(None, read_rows(file, 64), judges=judges)


BOTH = {
    "code": "rlvr",
    "demonstrations": "sft",
    "essay": "preference",
    "harm": "preference",
    "math": "rlvr",
    "pairs": "preference",
    "proofs": "rlvr",
    "solved": "rlvr",
    "sql": "rlvr",
    "summaries": "decomposition",
    "support": "decomposition",
    "unsolved": "sft",
}
ALONE = BOTH | {"harm": "sft"}  # nobody has said that a judge is there; the labels are
SAID = BOTH | {"unsolved": "rlvr"}  # that no sample is right stands in the rows


def test_every_example_has_its_expectation() -> None:
    assert set(NAMES) == set(BOTH)


@pytest.mark.parametrize("name", NAMES)
def test_description_and_rows(name: str) -> None:
    assert recommend(name).method == BOTH[name]


@pytest.mark.parametrize("name", NAMES)
def test_rows_alone(name: str) -> None:
    assert recommend(name, description=False).method == ALONE[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_description_alone(name: str) -> None:
    found = recommend(name, rows=False)
    assert found.method == SAID[name]
    assert found.is_ready == (found.method != "rlvr")  # a checker that was tried on nothing is a promise


@pytest.mark.parametrize("name", ["essay", "harm", "pairs", "demonstrations", "support", "summaries"])
def test_what_is_not_rlvr_says_why_not(name: str) -> None:
    found = recommend(name)
    assert "no program can say" in found.objection
    assert not found.is_rlvr
    assert found.reasons


@pytest.mark.parametrize(
    ("name", "checkable"),
    [
        ("essay", {"length: 300 to 500 words": True, "words that must stand there: audience": True}),
        (
            "harm",
            {
                "length: at most 80 words": True,
                "required fields: verdict, section, why": True,
                "citations: each of the policy sections exists": False,
            },
        ),
        (
            "support",
            {
                "length: at most 120 words": True,
                "required fields: order_ids, reply": True,
                "citations: each of the order ids exists": False,
                "language: en": True,
            },
        ),
        (
            "summaries",
            {
                "length: at most 12 words": True,
                "words that must not: I think": True,
                "citations: each of the source numbers exists": False,
            },
        ),
    ],
)
def test_the_checkable_parts_are_named(name: str, checkable: dict[str, bool]) -> None:
    found = recommend(name)
    assert {each.what: each.truth is not None for each in found.parts} == checkable
    for part in found.parts:
        if part.truth is not None:
            read_case(part.verifier, part.truth)


def test_parts_are_read_off_prompts_too() -> None:
    found = recommend("summaries", description=False).parts
    assert [(each.what, each.verifier) for each in found] == [
        ("length: at most 12 words", "instructions"),
        ("citations: each source exists", "grounded"),
    ]
    assert found[0].truth == {
        "checks": [{"id": "length_constraints:number_words", "num_words": 13, "relation": "less than"}]
    }


def test_a_number_that_differs_from_prompt_to_prompt_is_no_common_truth(tmp_path: Path) -> None:
    found = from_rows(
        tmp_path, {"prompt": "Describe the fair in at most 20 words."}, {"prompt": "The port, in at most 30 words."}
    )
    assert [(each.what, each.truth) for each in found.parts] == [("length: at most so many words", None)]


def test_groups_that_differ() -> None:
    groups = recommend("math").groups
    assert groups is not None
    assert (groups.total, groups.mixed, groups.all_right, groups.all_wrong) == (4, 2, 1, 1)
    assert not groups.are_equal


def test_equal_groups_are_said_and_hold_it_up() -> None:
    found = recommend("solved")
    assert found.groups is not None
    assert found.groups.are_equal
    assert any("every sampled group would get equal rewards" in each for each in found.reasons)
    assert found.first == ("harder tasks: every sampled answer is right already",)
    assert not found.is_ready


def test_where_nothing_is_ever_right_worked_answers_come_first() -> None:
    found = recommend("unsolved")
    assert "not RLVR yet" in found.objection
    assert "then GRPO with `math`" in found.way
    rows = read_rows(EXAMPLES / "unsolved.jsonl", 64)
    without = [SampledRow(row.place, row.prompt, row.task, None, False, row.samples) for row in rows]
    with JudgePool(1, 10.0) as judges:
        bare = route(None, without, judges=judges)
    assert bare.is_rlvr
    assert "no sampled answer is ever right" in bare.first[0]


def test_a_reference_in_another_form_is_no_wrong_answer(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{a} + {a}? Think, then answer.", "answer": str(2 * a), "demonstration": f"It is {2 * a}."}
        for a in (2, 3, 4)
    ]
    found = from_rows(tmp_path, *rows)
    assert found.is_rlvr
    assert found.trials[0].given == 3
    assert found.trials[0].refused_by == "no_answer"
    assert "ask for the form" in found.first[0]


def test_where_training_asks_for_the_form_itself_nothing_is_in_the_way(tmp_path: Path) -> None:
    found = from_rows(
        tmp_path,
        {"question": "How many legs have 3 cats?", "answer": "3 * 4 = 12\n#### 12"},
        {"question": "And 5 birds?", "answer": "5 * 2 = 10\n#### 10"},
    )
    assert found.trials[0].refused_by == "no_answer"
    assert found.is_ready


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "verifier"),
    [("gsm8k/test.jsonl", "math"), ("math500.jsonl", "math"), ("humaneval.jsonl", "code"), ("mbpp.jsonl", "code")],
)
def test_public_sets(shared: Path, name: str, verifier: str) -> None:
    with JudgePool(1, 20.0) as judges:
        found = route(None, read_rows(shared / name, 8), judges=judges)
    assert found.is_rlvr
    assert found.is_ready
    assert (found.trials[0].verifier, found.trials[0].read, found.trials[0].written_accepted) == (verifier, 8, 8)


def test_references_with_other_values_mean_that_the_checker_does_not_fit(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{a} + {a}? In \\boxed{{}}.", "answer": str(2 * a), "demonstration": f"\\boxed{{{a}}}"}
        for a in (2, 3, 4)
    ]
    found = from_rows(tmp_path, *rows)
    assert not found.is_rlvr
    assert found.trials[0].given_accepted == 0
    assert "(the others: wrong value)" in found.reasons[0]


def test_prose_is_no_truth(tmp_path: Path) -> None:
    answer = "The lease ends when either side gives notice. Notice takes a month, and it must be given in writing."
    found = from_rows(
        tmp_path,
        {"prompt": "When does the lease end?", "answer": answer},
        {"prompt": "And who says?", "answer": answer},
    )
    assert found.trials == ()
    assert any("the truths are prose" in each for each in found.reasons)
    assert found.method == "sft"


def test_one_answer_that_is_right_for_most_rows_is_warned_of(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {n}: A, B, C or D?", "answer": "B" if n % 2 else "ACD"[n % 3]} for n in range(12)]
    found = from_rows(tmp_path, *rows)
    assert found.trials[0].verifier == "choice"
    assert any("'B' is right for 6 of 12 rows" in each for each in found.first)


def test_responses_of_one_prompt_in_rows_of_their_own_are_a_group(tmp_path: Path) -> None:
    row = {"prompt": "2 + 2? In \\boxed{}.", "truth": "4", "verifier": "math"}
    found = from_rows(tmp_path, *({**row, "response": f"\\boxed{{{n}}}"} for n in (3, 4, 5)))
    assert found.rows == 1
    assert found.groups is not None
    assert (found.groups.total, found.groups.mixed) == (1, 1)


def test_a_checker_of_ones_own_is_tried(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def check(response, truth):\n    return response.strip() == truth\n")
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "Capital of France?", "answer": "Paris", "demonstration": "Paris"}\n')
    said = Description(checker=f"{tmp_path / 'mine.py'}:check")
    with JudgePool(1, 10.0) as judges:
        found = route(said, read_rows(file, 9), judges=judges)
    assert found.is_rlvr
    assert found.trials[0].given_accepted == 1


def test_a_verifier_that_cannot_judge_here_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def check(response, truth):\n    raise OSError('no prover')\n")
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "Prove it.", "answer": "P", "demonstration": "P"}\n')
    with JudgePool(1, 10.0) as judges:
        found = route(Description(checker=f"{tmp_path / 'broken.py'}:check"), read_rows(file, 9), judges=judges)
    assert found.is_rlvr
    assert found.first == ("make it work on this machine: OSError: no prover",)


def test_queries_without_their_schema_cannot_be_run_yet(tmp_path: Path) -> None:
    found = from_rows(tmp_path, {"question": "How many orders are there?", "sql": "SELECT COUNT(*) FROM orders"})
    assert found.is_rlvr
    assert "a program can run both on the same databases" in found.reasons[-1]
    assert found.first == (
        "give each row its schema (CREATE TABLE ...), so that both queries can be run: see the verifier `sql`",
    )


def test_the_description_counts_before_what_the_rows_look_like() -> None:
    rows = read_rows(EXAMPLES / "math.jsonl", 64)
    with JudgePool(1, 10.0) as judges:
        found = route(Description(ground_truth="none", judge=True), rows, judges=judges)
    assert found.trials[0].fits
    assert found.method == "preference"
    assert found.groups is None
    assert "the description says that there is no truth" in found.reasons[1]


def test_nothing_to_learn_from() -> None:
    found = route(Description(ground_truth="none", checker=False))
    assert found.method == "gather"
    assert not found.is_ready


def test_nothing_at_all() -> None:
    with pytest.raises(UsageError, match="there is nothing to go by"):
        route(None, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grond_truth = true\n", "unknown key 'grond_truth'; did you mean 'ground_truth'"),
        ('ground_truth = "exakt"\n', "ground_truth: Input should be 'exact', 'opinion' or 'none', not 'exakt'"),
        ("checker = 3\n", "checker: true, false or a verifier's name would be right, not 3"),
        ("[parts]\nmax_words = 0\n", "parts.max_words"),
        ("a = [\n", "not TOML"),
    ],
)
def test_a_description_that_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "d.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_description(file)
    assert str(error.value).startswith(str(file))
    assert said in str(error.value)


def test_other_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"ground_truth": true}')
    with pytest.raises(TaskFileError, match=r"no such file; did you mean 'd\.json'"):
        read_description(tmp_path / "e.json")
    assert read_description(tmp_path / "d.json").ground_truth == "exact"
    (tmp_path / "d.json").write_text("[]")
    with pytest.raises(ConfigError, match="a list where a description's keys are needed"):
        read_description(tmp_path / "d.json")
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(TaskFileError, match="holds no row"):
        read_rows(tmp_path / "rows.jsonl", 9)
    (tmp_path / "rows.jsonl").write_text('{"title": "no question"}\n')
    with pytest.raises(TaskFileError, match=r"rows.jsonl:1: no prompt in its columns \(title\)"):
        read_rows(tmp_path / "rows.jsonl", 9)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"language": "xx"}, "'xx' is none of"),
        ({"min_words": 9, "max_words": 3}, "parts.min_words = 9 is above parts.max_words = 3"),
        ({"checks": [{"id": "no:such"}]}, "unknown id 'no:such'"),
        ({"json_schema": {"type": "nothing"}}, "parts: "),
    ],
)
def test_a_part_that_no_verifier_can_read(parts: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        route(Description.model_validate({"parts": parts}))
    assert said in str(error.value)


def test_a_checker_that_is_not_there() -> None:
    with pytest.raises(UnknownName, match="did you mean 'math'"):
        route(Description(checker="maths"))


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        ("168", "number"),
        ("-1,234.50", "number"),
        ("7 %", "number"),
        (12, "number"),
        ("1/2", "number"),
        (r"\frac{1}{2}", "expression"),
        ("x^2+1", "expression"),
        ("B", "choice"),
        ("(B)", "choice"),
        (True, "label"),
        ("New York City", "name"),
        ("SELECT name FROM users", "query"),
        ("with t as (select 1) select * from t", "query"),
        ("It depends. Ask them.", "prose"),
        ("the one that the other one had seen before", "prose"),
        (["a"], "object"),
    ],
)
def test_shapes_of_truths(answer: object, shape: str) -> None:
    assert shape_of(answer) == shape
