"""Step labels by going on from a step: what is counted, whose verdict the last step has, and what is left out."""

import pytest

from assay.core.types import Completion, Message, Task
from assay.learn.roll_ins import line_ends, roll_in, steps_of
from assay.rollout.engine import Sampling
from assay.rollout.scripted import ScriptedEngine
from assay.tasks.conversations import Stepwise
from assay.verify.pool import JudgePool

CHECK = """
def check(response, truth):
    if "boom" in response:
        raise RuntimeError("ours")
    return response.endswith(truth)
"""


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


@pytest.fixture
def task(tmp_path):
    (tmp_path / "mine.py").write_text(CHECK)
    return Task("t", (Message("user", "q"),), f"{tmp_path}/mine.py:check", "4")


def answer(text):
    return Completion(text, tuple(map(ord, text)), (0.0,) * len(text))


def decode(tokens):
    return "".join(map(chr, tokens))


def go_on(request, sample):
    """From a beginning that is on the way, three of four come out right; from any other, none."""
    begun = decode(request.begun)
    return "\n=4" if "wrong" not in begun and sample < 3 else "\n=5"


def rolled(judges, answers, script=go_on, n=4):
    return roll_in(
        ScriptedEngine(script),
        answers,
        n=n,
        ends_of=line_ends,
        decode=decode,
        sampling=Sampling(9),
        judges=judges,
        seed=0,
    )


def test_a_steps_label_is_the_share_that_comes_out_right_from_it(judges, task):
    found = rolled(judges, [(task, answer("2+2\nwrong\n=4")), (task, answer("2+2\nso\n=5"))])
    assert found.examples == (
        Stepwise(task.prompt, ("2+2", "\nwrong", "\n=4"), (0.75, 0.0, 1.0), separator=""),
        Stepwise(task.prompt, ("2+2", "\nso", "\n=5"), (0.75, 0.75, 0.0), separator=""),
    )
    assert "".join(found.examples[0].steps) == "2+2\nwrong\n=4"


def test_a_beginning_that_answers_share_is_gone_on_from_once(judges, task):
    asked = []

    def script(request, sample):
        asked.append(request.begun)
        return go_on(request, sample)

    found = rolled(judges, [(task, answer("2+2\nwrong\n=4")), (task, answer("2+2\nso\n=5"))], script)
    assert found.roll_ins == len(asked) == 3 * 4
    assert len(set(asked)) == 3


def test_what_nobody_could_judge_is_left_out(judges, task):
    found = rolled(judges, [(task, answer("2+2\nboom")), (task, answer("")), (task, answer("=4"))])
    assert found.examples == (Stepwise(task.prompt, ("=4",), (1.0,), separator=""),)


def test_steps_are_what_the_ends_say_and_the_rest():
    assert line_ends("a\n\nbc\n") == [1, 5]
    assert steps_of("a\n\nbc\n", [1, 5]) == ("a", "\n\nbc", "\n")
    assert steps_of("abc", []) == ("abc",)
    assert steps_of("", [1]) == ()
