"""Control rewards: what each pays in a group worked by hand, and that no verdict is touched."""

import re
from pathlib import Path

import pytest

from assay.core.config import load_config
from assay.core.errors import ConfigError
from assay.core.types import Completion, Group, Member, Outcome, Reason, Reward, Task, Verdict
from assay.reward.control import CONTROLS, SENTENCES, controlled

TASK = Task("t", (), "math", "4")


def member(answer: str | None, right: bool) -> Member:
    outcome, reason = (Outcome.PASS, Reason.CORRECT) if right else (Outcome.FAIL, Reason.WRONG_VALUE)
    return Member(Completion(str(answer)), Verdict(outcome, float(right), reason, answer), Reward(float(right)))


def group(*members: Member) -> Group:
    return Group(TASK, (1, 2), members)


def paid(each: Group, control: str, seed: int = 0, key: tuple[int | str, ...] = (1, 0)) -> list[float]:
    return list(controlled(each, control, seed, key).rewards)  # type: ignore[arg-type]


MIXED = group(member("4", True), member("5", False), member(None, False), member("4.0", True), member("5", False))


def test_format_pays_whatever_can_be_read() -> None:
    assert paid(MIXED, "format") == [1, 1, 0, 1, 1]


def test_inverted_pays_wrong_answers_and_no_silence() -> None:
    assert paid(MIXED, "inverted") == [0, 1, 0, 0, 1]


def test_majority_counts_right_answers_as_one_and_the_first_given_wins_a_tie() -> None:
    assert paid(MIXED, "majority") == [1, 0, 0, 1, 0]
    wrong_first = group(member("5", False), member("4", True), member("4.0", True), member("5", False))
    assert paid(wrong_first, "majority") == [1, 0, 0, 1]
    assert paid(group(member("6", False), member("5", False), member("5", False)), "majority") == [0, 1, 1]
    assert paid(group(member(None, False), member(None, False)), "majority") == [0, 0]
    # the text of a wrong answer that spells what a right one would vote by is not one
    assert paid(group(member("", False), member("4", True), member("4", True)), "majority") == [0, 1, 1]
    assert paid(group(member(None, True), member("5", False), member(None, True)), "majority") == [1, 0, 1]


def test_random_pays_half_and_depends_on_its_key_alone() -> None:
    many = group(*(member("4", True) for _ in range(2000)))
    coins = paid(many, "random")
    assert 0.45 < sum(coins) / len(coins) < 0.55
    assert coins == paid(many, "random")
    assert coins[:8] == paid(group(*(member("9", False) for _ in range(8))), "random")  # not on the answers
    assert coins != paid(many, "random", seed=1)
    assert coins != paid(many, "random", key=(2, 0))


@pytest.mark.parametrize("control", CONTROLS)
def test_nothing_but_the_reward_changes(control: str) -> None:
    made = controlled(MIXED, control, 0, (1,))  # type: ignore[arg-type]
    assert (made.task, made.prompt_tokens) == (MIXED.task, MIXED.prompt_tokens)
    assert [each.verdict for each in made.members] == [each.verdict for each in MIXED.members]
    assert [each.completion for each in made.members] == [each.completion for each in MIXED.members]
    assert all(each.reward.parts == {control: each.reward.total} for each in made.members)
    assert control in SENTENCES


def test_rewards_over_checked_steps_are_refused_beside_a_control() -> None:
    process = {"learn.advantage.kind": "grpo", "learn.advantage.process": True}
    assert load_config((), process).reward.control == "none"
    with pytest.raises(ConfigError, match="tell a control arm what is right"):
        load_config((), {**process, "reward.control": "random"})


def test_the_page_names_every_control() -> None:
    page = (Path(__file__).parents[2] / "docs/concepts/controls.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \|", page.split("## How")[1].split("## Measured")[0], re.M)
    assert tuple(shown) == CONTROLS
    assert f"--controls {','.join(CONTROLS)}" in page
