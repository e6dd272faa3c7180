"""Which source a name means, the overrides around it, and the selection of tasks."""

import subprocess
import sys

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError, EnvironmentFault, TaskFileError, UnknownName, UsageError
from assay.core.types import Message, Task
from assay.tasks.listed import ListedTasks
from assay.tasks.load import load_source, select
from assay.tasks.source import SOURCES, Generator, TaskSource, demonstration_of, problem_of


def load(split="train", **keys):
    return load_source(TasksConfig(**keys), split, 0)


@pytest.mark.parametrize(
    ("name", "near"),
    [("warehous", "warehouse"), ("time_tables", "times_tables"), ("chains", "chain")],
)
def test_an_unknown_name_has_a_nearest_one(name, near):
    with pytest.raises(UnknownName, match=f"did you mean '{near}'"):
        load(source=name)


def test_an_unknown_verifier_is_refused_before_anything_is_read():
    with pytest.raises(UnknownName, match="did you mean 'math'"):
        load(source="warehouse", verifier="mth")


def test_a_generator_takes_no_columns():
    with pytest.raises(ConfigError, match="is a generator"):
        load(source="chain", columns={"prompt": "q"})


def test_another_verifier():
    plain, other = load(source="warehouse"), load(source="warehouse", verifier="choice")
    assert isinstance(other, TaskSource)
    assert other.task(3).verifier == "choice"
    assert other.task(3).prompt == plain.task(3).prompt
    assert problem_of(other, 3) == problem_of(plain, 3)
    assert other.fingerprint != plain.fingerprint


def test_a_limit_ends_a_source_without_end():
    found = load(source="chain", limit=20)
    assert found.length == 20
    assert len(select(found, 50)) == 20
    assert demonstration_of(found, 3)
    with pytest.raises(IndexError):
        found.task(20)


def test_no_worked_answers():
    with pytest.raises(UsageError, match="no worked answers"):
        demonstration_of(load(source="warehouse"), 0)


def test_the_held_out_tasks_of_another_generator():
    found = load("held_out", source="warehouse", options={"level": 3}, held_out="times_tables")
    assert (found.name, found.split) == ("times_tables", "held_out")
    assert load(source="warehouse", held_out="times_tables").name == "warehouse"


def test_a_held_out_file_beside_a_generator_with_options(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"prompt": "1 + 1?", "verifier": "math", "truth": "2"}\n')
    assert load("held_out", source="warehouse", options={"level": 3}, held_out=str(path)).length == 1
    keys = {"source": str(path), "columns": {"layout": "assay"}, "held_out": "times_tables"}
    assert load("held_out", **keys).name == "times_tables"
    assert load("train", **keys).length == 1


def test_a_plug_in():
    """What an entry point brings is a `Generator` like ours."""
    task = Task("t", (Message("user", "?"),), "math", "1")
    generator = Generator(
        "one task", {1: "one"}, TasksConfig, lambda options, split, seed: ListedTasks("mine", split, (task,))
    )
    SOURCES.add("mine", generator)
    try:
        assert load(source="mine").task(0) is task
        with pytest.raises(UnknownName, match="did you mean 'mine'"):
            load(source="mines")
    finally:
        del SOURCES._loaded["mine"]


def listed(count, repeated=1):
    tasks = [Task(f"{n}", (Message("user", f"{n // repeated}?"),), "math", "1") for n in range(count)]
    return ListedTasks("some", "train", tuple(tasks))


def test_select_is_spread_nested_and_in_order():
    few, more = (list(select(listed(1000), n)) for n in (40, 100))
    numbers = [int(task.id) for task in few]
    assert numbers == sorted(numbers)
    assert set(few) <= set(more)
    assert sum(number < 500 for number in numbers) in range(10, 31)
    assert few == list(select(listed(1000), 40))


def test_select_takes_each_prompt_once():
    assert len(select(listed(30, repeated=3), 30)) == 10
    assert [task.id for task in select(listed(5), 9)] == ["0", "1", "2", "3", "4"]


def test_select_from_a_source_without_end():
    found = load(source="chain", options={"level": 1})
    assert len({task.prompt for task in select(found, 300)}) == 300


def test_a_folder_and_a_hub_name_without_network(tmp_path):
    pytest.importorskip("datasets")
    with pytest.raises(TaskFileError, match="no such file or folder"):
        load(source="./nowhere/set")
    with pytest.raises(EnvironmentFault, match="not in the local cache, and the hub cannot be reached") as caught:
        load(source="nobody/nothing")
    assert "\n" not in str(caught.value)


def test_data_sets_saved_in_a_folder(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"question": f"{n}?", "answer": f"so\n#### {n}"} for n in range(30)]
    both = datasets.DatasetDict(
        {"train": datasets.Dataset.from_list(rows[:20]), "test": datasets.Dataset.from_list(rows[20:])}
    )
    both.save_to_disk(tmp_path / "both")
    assert load(source=str(tmp_path / "both")).length == 20
    assert load("held_out", source=str(tmp_path / "both")).task(0).truth == "20"
    with pytest.raises(TaskFileError, match="no split 'tests'; did you mean 'test'"):
        load(source=str(tmp_path / "both"), options={"held_out_split": "tests"})
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "one")
    sizes = [
        load(side, source=str(tmp_path / "one"), options={"held_out_share": 0.3}).length
        for side in ("train", "held_out")
    ]
    assert sum(sizes) == 30
    assert min(sizes) > 2


def test_no_torch_and_no_sympy_to_list_and_generate():
    code = (
        "import sys\n"
        "from assay.core.config import TasksConfig\n"
        "from assay.tasks.load import load_source, select\n"
        "import assay.cli.tasks, assay.tasks.check, assay.tasks.convert, assay.tasks.gym, assay.tasks.hub, assay.tasks.mixture\n"
        "for name in ('warehouse', 'times_tables', 'chain', 'warehouse:1,chain:1'):\n"
        "    select(load_source(TasksConfig(source=name), 'train', 0), 10)\n"
        "print([name for name in ('torch', 'transformers', 'sympy', 'datasets', 'reasoning_gym', 'pyarrow') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
