"""Other people's columns of worked answers, preferences and steps, as they are."""

import json

import pytest

from assay.core.errors import TaskFileError, UsageError
from assay.core.types import Message
from assay.tasks.conversations import (
    Asked,
    Conversation,
    Example,
    Labelled,
    Pair,
    Passage,
    Stepwise,
    of_kind,
    read_conversations,
)


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


ASKED = (Message("user", "2+2?"),)
ROWS = {
    "messages": ({"messages": [user("2+2?"), said("4")]}, Conversation((*ASKED, Message("assistant", "4")))),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]},
        Conversation((*ASKED, Message("assistant", "4"))),
    ),
    "completion, chat": ({"prompt": [user("2+2?")], "completion": [said("4")]}, Example(ASKED, "4")),
    "completion, plain": ({"prompt": "2+2=", "completion": "4"}, Example("2+2=", "4")),
    "completion of several turns": (
        {"prompt": [user("2+2?")], "completion": [said("4"), user("sure?"), said("yes")]},
        Conversation((*ASKED, Message("assistant", "4"), Message("user", "sure?"), Message("assistant", "yes")), 1),
    ),
    "text": ({"text": "all of it"}, Passage("all of it")),
    "instruction": (
        {"instruction": "Add.", "input": "2, 2", "output": "4"},
        Example((Message("user", "Add.\n\n2, 2"),), "4"),
    ),
    "instruction without input": (
        {"instruction": "Say hi.", "input": "", "output": "hi"},
        Example((Message("user", "Say hi."),), "hi"),
    ),
    "pair, explicit, chat": (
        {"prompt": [user("2+2?")], "chosen": [said("4")], "rejected": [said("5")]},
        Pair(ASKED, "4", "5"),
    ),
    "pair, explicit and repeated": (
        {"prompt": [user("2+2?")], "chosen": [user("2+2?"), said("4")], "rejected": [user("2+2?"), said("5")]},
        Pair(ASKED, "4", "5"),
    ),
    "pair, implicit, chat": (
        {"chosen": [user("2+2?"), said("4")], "rejected": [user("2+2?"), said("5")]},
        Pair(ASKED, "4", "5"),
    ),
    "pair, implicit, equal answers": (
        {"chosen": [user("2+2?"), said("4")], "rejected": [user("2+2?"), said("4")]},
        Pair(ASKED, "4", "4"),
    ),
    "pair, plain": ({"prompt": "2+2=", "chosen": "4", "rejected": "5", "margin": 2}, Pair("2+2=", "4", "5", 2.0)),
    "pair, implicit, plain": (
        {"chosen": "The sky is blue.", "rejected": "The sky is green."},
        Pair("The sky is", " blue.", " green."),
    ),
    "labelled": ({"prompt": "2+2=", "completion": "4", "label": True}, Labelled("2+2=", "4", True)),
    "labelled, chat": (
        {"prompt": [user("2+2?")], "completion": [said("5")], "label": False},
        Labelled(ASKED, "5", False),
    ),
    "steps": (
        {"prompt": "9 or 8?", "completions": ["9 is more.", "So 8."], "labels": [True, False]},
        Stepwise("9 or 8?", ("9 is more.", "So 8."), (1.0, 0.0)),
    ),
    "prompt alone": ({"prompt": [user("2+2?")]}, Asked(ASKED)),
    "prompt alone, plain": ({"prompt": "2+2="}, Asked("2+2=")),
}


def write(folder, *rows):
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_read_as_it_is(tmp_path, name):
    row, expected = ROWS[name]
    assert read_conversations(write(tmp_path, row)) == [expected]


def test_columns_nobody_asked_for_change_nothing_and_nulls_are_no_columns(tmp_path):
    rows = [{**row, "score": 3, "label": row.get("label"), "text": row.get("text")} for row, _ in ROWS.values()]
    assert read_conversations(write(tmp_path, *rows)) == [expected for _, expected in ROWS.values()]


def test_as_chat_asks_a_plain_prompt_as_the_user(tmp_path):
    plain = [row for row, _ in ROWS.values() if isinstance(row.get("prompt"), str)]
    for item in read_conversations(write(tmp_path, *plain), as_chat=True):
        assert isinstance(item.prompt, tuple)
        assert item.prompt[0].role == "user"


def test_one_split_is_read_where_rows_say_theirs(tmp_path):
    file = write(tmp_path, {"text": "a", "split": "train"}, {"text": "b", "split": "test"}, {"text": "c"})
    assert read_conversations(file) == [Passage("a"), Passage("c")]
    assert read_conversations(file, split="test") == [Passage("b"), Passage("c")]


def test_parquet_and_datasets_folders_come_to_the_same(tmp_path):
    datasets = pytest.importorskip("datasets")
    for name in ("messages", "pair, implicit, chat", "steps"):
        row, expected = ROWS[name]
        folder = tmp_path / name.split(",")[0]
        folder.mkdir()
        datasets.Dataset.from_list([row]).to_parquet(folder / "rows.parquet")
        assert read_conversations(folder / "rows.parquet") == [expected]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"question": "2+2?"}, r"its columns \(question\) are none of TRL's"),
        ({"messages": [user("2+2?")]}, "no turn is the assistant's"),
        ({"messages": [{"role": "robot", "content": "4"}]}, "a message must be"),
        ({"messages": "2+2?"}, "a list of messages would be right"),
        ({"prompt": "2+2=", "completion": 4}, "completion: a int where a text is needed"),
        ({"prompt": "q", "completion": "a", "label": 1}, "label: true or false would be right"),
        ({"prompt": "q", "completions": ["a"], "labels": [True, False]}, "one a step, would be right"),
        ({"prompt": "q", "completions": ["a"], "labels": [2]}, "one a step, would be right"),
        ({"chosen": [user("a"), said("b")], "rejected": [user("c"), said("d")]}, "no beginning in common"),
        (
            {"prompt": [user("a")], "chosen": [said("b"), user("c")], "rejected": [said("d")]},
            "one turn of the assistant",
        ),
        ({"prompt": "q", "chosen": "a", "rejected": "b", "margin": "large"}, "margin: a number would be right"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_with_its_line(tmp_path, row, what):
    with pytest.raises(TaskFileError, match=rf"rows.jsonl:2: .*{what}"):
        read_conversations(write(tmp_path, {"text": "fine"}, row))


def test_a_file_without_rows_is_refused(tmp_path):
    with pytest.raises(TaskFileError, match="holds no row of the split 'train'"):
        read_conversations(write(tmp_path))


def test_of_kind_says_which_row_is_another():
    items = [Passage("a"), Pair("q", "a", "b")]
    assert of_kind(items[:1], Passage, Example, where="x") == items[:1]
    with pytest.raises(UsageError, match="x: row 1 is a Passage, and Pair or Labelled is needed"):
        of_kind(items, Pair, Labelled, where="x")
