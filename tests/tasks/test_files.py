"""Files and their layouts: what they become, which rows are held out, and what is said of a row that cannot be read."""

import json

import pyarrow
import pytest
from pyarrow import parquet

from assay.core.config import TasksConfig
from assay.core.errors import AssayError, ConfigError, TaskFileError, UsageError
from assay.core.types import Message
from assay.tasks.load import load_source
from assay.verify.base import judge

CANONICAL = {"id": "a", "prompt": "2 + 2?", "verifier": "math", "truth": "4"}
GSM8K = {"question": "How many?", "answer": "He has 1,000 + 250 = <<1000+250=1250>>1250.\n#### 1,250"}
MATH = {
    "problem": "Half of $x$?",
    "solution": r"So \boxed{\frac{1}{2}} is wrong, \boxed{\frac{x}{2}}.",
    "answer": r"\frac{x}{2}",
    "subject": "Algebra",
    "level": "Level 2",
    "unique_id": "test/algebra/1.json",
}
VERL = {
    "data_source": "openai/gsm8k",
    "prompt": [{"role": "user", "content": 'How many? Output the final answer after "####".'}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "72"},
    "extra_info": {"split": "test", "index": 3},
}
TRL = {"prompt": [{"role": "user", "content": "1/2 + 1/2?"}], "solution": "1", "level": 3}
OPENRLHF = {"input": "7 * 8? Answer in <answer> tags.", "label": 56}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def load(source, split="train", **keys):
    return load_source(TasksConfig(source=source, **keys), split, 0)


def only(tmp_path, row, **keys):
    """The one task of a file with this row, whatever its split."""
    path = write(tmp_path / "one.jsonl", [row])
    for split in ("train", "held_out"):
        try:
            return load(path, split, **keys).task(0)
        except TaskFileError as error:
            if "holds no" not in str(error):
                raise
    raise AssertionError("the row is on neither side")


def test_canonical(tmp_path):
    row = CANONICAL | {"tags": ["sums"], "source": "mine", "split": "train"}
    task = only(tmp_path, row)
    assert (task.id, task.verifier, task.truth, task.tags, task.source) == ("a", "math", "4", ("sums",), "mine")
    assert task.prompt == (Message("user", "2 + 2?"),)


def test_gsm8k(tmp_path):
    task = only(tmp_path, GSM8K)
    assert task.truth == "1250"
    assert task.prompt[0].content == "How many?\n\nPut the final answer in \\boxed{}."
    assert judge(task.verifier, task.truth, r"\boxed{1,250}").is_pass


def test_math(tmp_path):
    task = only(tmp_path, MATH)
    assert (task.id, task.truth, task.tags) == ("test/algebra/1.json", r"\frac{x}{2}", ("Algebra", "level-2"))
    bare = {key: MATH[key] for key in ("problem", "solution")}
    assert only(tmp_path, bare).truth == r"\frac{x}{2}"


def test_verl_asks_for_its_own_field(tmp_path):
    task = only(tmp_path, VERL)
    assert (task.id, task.source, task.tags) == ("openai/gsm8k/test/3", "openai/gsm8k", ("math",))
    assert judge(task.verifier, task.truth, "so\n#### 72").is_pass
    assert not judge(task.verifier, task.truth, r"\boxed{72}").is_pass
    boxed = VERL | {"prompt": [{"role": "user", "content": "Put it within \\boxed{}."}]}
    assert only(tmp_path, boxed).truth == "72"


def test_trl(tmp_path):
    task = only(tmp_path, TRL)
    assert (task.truth, task.verifier) == ("1", "math")


def test_openrlhf(tmp_path):
    task = only(tmp_path, OPENRLHF)
    assert task.truth == {"answer": "56", "field": "answer_tag"}
    assert judge(task.verifier, task.truth, "<answer>56</answer>").is_pass


def test_a_column_map_goes_into_nested_columns(tmp_path):
    row = {"q": "What?", "meta": {"gold": "5", "n": 9}, "part": "test"}
    task = only(tmp_path, row, columns={"prompt": "q", "truth": "meta.gold", "id": "meta.n", "split": "part"})
    assert (task.id, task.truth, task.verifier) == ("9", "5", "math")


def test_a_named_layout_beats_the_columns(tmp_path):
    row = {"prompt": "?", "truth": "no", "answer": "3"}
    assert only(tmp_path, row, columns={"layout": "trl"}).truth == "3"


def test_parquet_with_nested_columns(tmp_path):
    path = tmp_path / "verl.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([VERL, VERL | {"extra_info": {"split": "train", "index": 4}}]), path)
    assert load(str(path)).task(0).id == "openai/gsm8k/train/4"
    assert load(str(path), "held_out").task(0).truth == {"answer": "72", "field": "hash_line"}


def test_json(tmp_path):
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([CANONICAL | {"split": "train"}]))
    assert load(str(path)).task(0).id == "a"


def rows(count):
    return [CANONICAL | {"id": str(n), "prompt": f"{n} + 0?", "truth": str(n)} for n in range(count)]


def ids(found):
    return {found.task(index).id for index in range(found.length)}


def test_without_a_split_column_a_tenth_is_held_out_always_the_same(tmp_path):
    path = write(tmp_path / "many.jsonl", rows(400))
    train, held_out = load(path), load(path, "held_out")
    assert ids(train) | ids(held_out) == {str(n) for n in range(400)}
    assert not ids(train) & ids(held_out)
    assert 20 <= held_out.length <= 60
    fewer = write(tmp_path / "fewer.jsonl", rows(300)[::-1])
    assert ids(load(fewer, "held_out")) == ids(held_out) & {str(n) for n in range(300)}
    assert load(path, "held_out", options={"held_out_share": 0.5}).length > 150


def test_equal_prompts_stay_together(tmp_path):
    twice = [each | {"id": f"{each['id']}-{turn}"} for each in rows(60) for turn in range(2)]
    path = write(tmp_path / "twice.jsonl", twice)
    for split in ("train", "held_out"):
        found = {each.split("-")[0] for each in ids(load(path, split))}
        assert len(ids(load(path, split))) == 2 * len(found)


def test_a_second_source_is_held_out_whole(tmp_path):
    first = write(tmp_path / "first.jsonl", rows(40))
    second = write(tmp_path / "second.jsonl", [row | {"id": f"x{row['id']}"} for row in rows(10)])
    assert load(first, held_out=second).length == 40
    assert load(first, "held_out", held_out=second).length == 10


@pytest.mark.parametrize("name", ["test", "validation", "held_out", "Dev"])
def test_split_names(tmp_path, name):
    path = write(tmp_path / "split.jsonl", [CANONICAL | {"split": "train"}, CANONICAL | {"id": "b", "split": name}])
    assert ids(load(path)) == {"a"}
    assert ids(load(path, "held_out")) == {"b"}


def test_a_verifier_for_all_rows(tmp_path):
    (tmp_path / "mine.py").write_text("def check(response, truth):\n    return response == truth\n")
    row = {"prompt": "2 + 2?", "truth": "4", "split": "train"}
    task = only(tmp_path, row, verifier=f"{tmp_path}/mine.py:check")
    assert judge(task.verifier, task.truth, "4").is_pass


def test_instruction_and_system(tmp_path):
    task = only(tmp_path, GSM8K, options={"instruction": "Box it.", "system": "You are brief."})
    assert task.prompt == (Message("system", "You are brief."), Message("user", "How many?\n\nBox it."))
    assert only(tmp_path, GSM8K, options={"instruction": ""}).prompt[0].content == "How many?"


def test_unreadable_truths_can_be_dropped(tmp_path):
    path = write(
        tmp_path / "t.jsonl", [CANONICAL | {"split": "train"}, CANONICAL | {"id": "b", "truth": [], "split": "train"}]
    )
    assert load(path).length == 2
    assert ids(load(path, options={"drop_unreadable": True})) == {"a"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"id": "a", "prompt": ', r"tasks\.jsonl:2: not a line of JSON"),
        ("[1]", r"tasks\.jsonl:2: a list where a JSON object"),
        (json.dumps(CANONICAL | {"verifier": "mth"}), r"tasks\.jsonl:2: unknown verifier 'mth'; did you mean 'math'"),
        (json.dumps(CANONICAL | {"verifier": None}), r"tasks\.jsonl:2: no `verifier`"),
        (json.dumps(CANONICAL | {"prompt": ""}), r"tasks\.jsonl:2: the prompt must be"),
        (json.dumps(CANONICAL | {"prompt": [{"role": "me", "content": "x"}]}), r"tasks\.jsonl:2: a message must be"),
        (json.dumps(CANONICAL | {"prompt": [{"role": "assistant", "content": "x"}]}), "the question must come last"),
        (json.dumps(CANONICAL | {"truth": None}), r"tasks\.jsonl:2: no column 'truth'"),
        (json.dumps(CANONICAL | {"id": "first"}), r"tasks\.jsonl:2: the id 'first' stands there already"),
        (json.dumps(CANONICAL | {"split": "tran"}), r"tasks\.jsonl:2: the split 'tran' .*did you mean 'train'"),
        (json.dumps(CANONICAL | {"tags": 3}), r"tasks\.jsonl:2: tags: a int"),
    ],
)
def test_a_bad_line_is_one_sentence(tmp_path, line, sentence):
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(CANONICAL | {"id": "first", "split": "train"}) + "\n" + line + "\n")
    with pytest.raises(TaskFileError, match=sentence) as caught:
        load(str(path), options={"held_out_share": 1e-9})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"question": "?", "answer": "#### 1\n#### 2"}, "2 `#### n` lines"),
        ({"problem": "?", "solution": r"\boxed{1"}, "never closed"),
        (VERL | {"reward_model": {"style": "model", "ground_truth": "1"}}, "only `rule` rows"),
        ({"a": 1, "b": 2}, r"its columns \(a, b\) show no known layout"),
        ({"prompt": "?", "solution": {"x": 1}}, "the truth is a dict"),
    ],
)
def test_a_bad_foreign_row(tmp_path, row, sentence):
    with pytest.raises(TaskFileError, match=sentence):
        only(tmp_path, row)


def test_sources_that_are_not_there(tmp_path):
    write(tmp_path / "tasks.jsonl", [CANONICAL])
    with pytest.raises(TaskFileError, match=r"no such file; did you mean 'tasks\.jsonl'"):
        load(str(tmp_path / "task.jsonl"))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(TaskFileError, match="holds no task"):
        load(str(tmp_path / "empty.jsonl"))
    (tmp_path / "bad.parquet").write_text("not parquet")
    with pytest.raises(TaskFileError, match="not a parquet file"):
        load(str(tmp_path / "bad.parquet"))
    path = write(tmp_path / "test.jsonl", [CANONICAL | {"split": "test"}])
    with pytest.raises(TaskFileError, match=r"holds no training task \(1 rows in all\)"):
        load(path)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"layout": "very"}, "did you mean 'verl'"),
        ({"prompt": "q"}, "must name the column that holds the truth"),
        ({"promt": "q", "truth": "t"}, "did you mean 'prompt'"),
        ({"layout": "trl", "prompt": "q"}, "not both"),
        ({"prompt": "prompt", "truth": "meta.gold"}, "no column 'meta.gold'"),
    ],
)
def test_bad_column_maps(tmp_path, columns, sentence):
    with pytest.raises(UsageError, match=sentence):
        load(write(tmp_path / "t.jsonl", [CANONICAL]), columns=columns)


def test_unknown_options(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'system'"):
        load(write(tmp_path / "t.jsonl", [CANONICAL]), options={"sistem": "x"})


@pytest.mark.shared
def test_the_public_files():
    from pathlib import Path

    data = Path(__file__).parents[3] / "shared" / "data"
    train = load(str(data / "gsm8k" / "train.jsonl"), held_out=str(data / "gsm8k" / "test.jsonl"))
    assert train.length == 7473
    problems = load(str(data / "math500.jsonl"), "held_out", options={"held_out_share": 0.999999})
    assert problems.length == 500
    assert all(isinstance(found.task(index).truth, str) for found in (train, problems) for index in range(found.length))


def test_every_error_is_ours(tmp_path):
    """Rows of every shape end in a task or in one of our sentences, never in another exception."""
    said = []
    odd = [None, 3, "", [], {}, [{}], {"role": 1}, True, 1.5, "x"]
    for key in ("id", "prompt", "verifier", "truth", "tags", "source", "split", "reward_model", "extra_info", "label"):
        for base in (CANONICAL, VERL, TRL, OPENRLHF, GSM8K, MATH):
            for value in odd:
                try:
                    only(tmp_path, base | {key: value})
                except AssayError as error:
                    said.append(str(error))
    assert len(said) > 50
    assert not [sentence for sentence in said if "\n" in sentence]


def test_ifeval_rows(tmp_path):
    row = {
        "key": 1001,
        "prompt": "Name a river, in capitals, without commas.",
        "instruction_id_list": ["punctuation:no_comma", "change_case:english_capital"],
        "kwargs": [{"num_words": None}, {"num_words": None}],
    }
    source = write(
        tmp_path / "input_data.jsonl", [row | {"key": n, "prompt": f"{n}: {row['prompt']}"} for n in range(40)]
    )
    task = load_source(TasksConfig(source=source), "train", 0).task(0)
    assert (task.verifier, task.prompt[-1].content.partition(": ")[2]) == ("instructions", row["prompt"])
    assert judge(task.verifier, task.truth, "THE RHINE").is_pass
    assert not judge(task.verifier, task.truth, "The Rhine").is_pass
