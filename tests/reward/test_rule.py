import re
from pathlib import Path

import pytest

from assay.core.errors import ConfigError, UnknownName
from assay.core.types import Outcome, Reason, Verdict
from assay.reward.rule import RULES, RewardRule, find_rule, table

DOC = (Path(__file__).parents[2] / "docs/concepts/rewards.md").read_text(encoding="utf-8")
RIGHT = Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
WRONG = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)
VOID = Verdict(Outcome.VOID, 0.0, Reason.WORKER_LOST)
HONEST = {"outcome", "gated_format", "gated_language", "r1_reasoning"}
LEARNED = {"r1_final"}  # pays no wrong answer, and prompts without a rule by what reward models say


def doc_rows(heading: str) -> dict[str, list[str]]:
    section = DOC.split(heading, 1)[1].split("\n## ")[0].split("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", section, flags=re.M)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def test_the_doc_shows_what_the_rules_pay() -> None:
    shown = doc_rows("## What each rule pays")
    assert set(shown) == set(RULES)
    for name, (*pays, hole) in shown.items():
        rule = find_rule(name)
        assert tuple(map(float, pays)) == pytest.approx(table(rule)), name
        assert (hole == "yes") == bool(rule.holes), name


def test_the_doc_shows_what_they_pay_when_only_the_box_is_read() -> None:
    shown = doc_rows("### When the box is the only place")
    assert set(shown) == set(RULES)
    for name, pays in shown.items():
        assert tuple(map(float, pays)) == pytest.approx(table(find_rule(name), plain="unread")), name


@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_named_holes_pay_a_wrong_answer(name: str) -> None:
    pays = table(find_rule(name))
    pays_wrong = pays.wrong_boxed > 0 or pays.wrong_plain > 0
    assert pays_wrong == (name not in HONEST | LEARNED)
    assert bool(find_rule(name).holes) == (name not in HONEST)


def test_the_format_trap() -> None:
    trap, gated = table(find_rule("format_first")), table(find_rule("gated_format"))
    assert trap.wrong_boxed > trap.right_plain
    assert gated.wrong_boxed == 0
    assert gated.right_plain > 0


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_void_part_voids_the_completion(name: str) -> None:
    rule = find_rule(name)
    assert isinstance(rule, RewardRule)
    assert rule.reward(VOID, dict.fromkeys(rule.parts, RIGHT)).is_void
    for part in rule.parts:
        paid = rule.reward(RIGHT, dict.fromkeys(rule.parts, RIGHT) | {part: VOID})
        assert paid.is_void
        assert paid.total == 0
    assert not rule.reward(RIGHT, dict.fromkeys(rule.parts, RIGHT)).is_void


@pytest.mark.parametrize("name", sorted(RULES))
def test_parts_add_up(name: str) -> None:
    rule = find_rule(name)
    for verdict in (RIGHT, WRONG):
        for form in (RIGHT, WRONG):
            paid = rule.reward(verdict, dict.fromkeys(rule.parts, form))
            assert paid.total == pytest.approx(sum(paid.parts.values()))


def test_language_consistency_is_paid_by_degree_and_only_behind_a_pass() -> None:
    rule = find_rule("gated_language", {"bonus": 0.2, "language": "de"})
    assert rule.parts == {"language": ("language", {"language": "de"})}
    half = Verdict(Outcome.FAIL, 0.5, Reason.WRONG_FORM)
    assert rule.reward(RIGHT, {"language": half}).total == pytest.approx(1.1)
    assert rule.reward(RIGHT, {"language": RIGHT}).parts == {"outcome": 1.0, "language": pytest.approx(0.2)}
    assert rule.reward(WRONG, {"language": RIGHT}).total == 0
    with pytest.raises(ConfigError, match=r"language: an ISO 639-1 code"):
        find_rule("gated_language", {"language": "english"})
    with pytest.raises(ConfigError, match=r"bonus: a number between"):
        find_rule("gated_language", {"bonus": 2})
    with pytest.raises(ConfigError, match=r"reward.options.language: a text would be right, not 1"):
        find_rule("gated_language", {"language": 1})
    with pytest.raises(ConfigError, match=r"reward.options.bonus: a number would be right, not '0.1'"):
        find_rule("gated_language", {"bonus": "0.1"})


def test_options_are_numbers_with_names() -> None:
    assert table(find_rule("gated_format", {"bonus": 0.05})).right_boxed == pytest.approx(1.05)
    assert find_rule("r1_sum", {"think": 1}).parts == {"format": ("format", {"grammar": "think_answer"})}
    with pytest.raises(ConfigError, match="did you mean 'bonus'"):
        find_rule("gated_format", {"bonsu": 0.05})
    with pytest.raises(ConfigError, match="has no option 'bonus'; it takes none"):
        find_rule("outcome", {"bonus": 0.05})
    with pytest.raises(ConfigError, match="between 0 and 1"):
        find_rule("gated_format", {"bonus": 1.0})
    with pytest.raises(UnknownName, match="did you mean 'gated_format'"):
        find_rule("gated_fromat")
