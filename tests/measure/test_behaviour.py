"""Patterns of text: found where they stand, not where they seem to; and their accuracies worked by hand."""

import pytest

from assay.measure.behaviour import (
    REFLECTION,
    behaviour,
    foreign_share,
    patterns,
    reflection_words,
    repetition,
    shows_backtrack,
    shows_check,
)


@pytest.mark.parametrize(
    "text",
    [
        "Let me check: 3 + 4 = 7.",
        "let's double-check this",
        "To verify, substitute back into the equation.",
        "We verified that it holds.",
        "Plug it back in.",
        "Checking the result gives 12.",
    ],
)
def test_self_verification(text):
    assert shows_check(text)


@pytest.mark.parametrize(
    "text", ["A check of $20 was written.", "He paid by check.", "The checkers board", "3 + 4 = 7"]
)
def test_what_only_looks_like_it(text):
    assert not shows_check(text)


@pytest.mark.parametrize(
    "text",
    ["Wait, that's not right.", "Hold on.", "Let me try again.", "I've made a mistake.", "this is wrong, so go back", "Let's start over"],
)  # fmt: skip
def test_backtracking(text):
    assert shows_backtrack(text)


@pytest.mark.parametrize("text", ["The waiter brings 3 plates.", "He goes home.", "Await the result"])
def test_no_backtracking(text):
    assert not shows_backtrack(text)


def test_the_words_that_r1_counts():
    assert REFLECTION == ("wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check")
    assert reflection_words("Wait. But wait, butter is no but; CHECK") == {"wait": 2, "but": 2, "check": 1}


def test_repetition_by_hand():
    assert repetition("a b c d e f g h") == 0.0
    assert repetition("a b c d a b c d a b") == pytest.approx(6 / 7), (
        "of abcd bcda cdab dabc abcd bcda cdab all but dabc"
    )
    assert repetition("seven words are too few to tell") is None


def test_language_mix():
    assert foreign_share("The first number is three and the second number is four.") == 0.0
    assert foreign_share("The first number is three 所以 答案 是 七 and we add four more to it.") > 0.1
    assert foreign_share("3 + 4 = 7") is None, "no word to tell it by"
    assert foreign_share("Die erste Zahl ist drei und die zweite Zahl ist vier.", "de") == 0.0


def row(text, is_right, group="g", step=1, tokens=5, **more):
    return {
        "step": step,
        "group": group,
        "text": text,
        "outcome": "pass" if is_right else "fail",
        "tokens": tokens,
        **more,
    }


def test_accuracy_with_and_without_within_prompts_and_over_all():
    rows = [
        row("let me check", True, "a"), row("no", False, "a"), row("no", False, "a"),
        row("let me check", True, "b"), row("let me check", False, "b"), row("no", False, "b"),
        row("let me check", False, "c"),
        row("let me check", True, "d", split="held_out"), row("let me check", True, "e", outcome="void"),
    ]  # fmt: skip
    found = {each.pattern: each for each in behaviour(rows).beside}
    check = found["check"]
    assert (check.having, check.told) == (4, 7)
    assert check.right_with == pytest.approx(2 / 4)
    assert check.right_without == 0.0
    assert check.within[0] == pytest.approx((1.0 + 0.5) / 2), "prompts a and b have both; c has only one side"
    assert check.prompts == 2
    assert check.within[1] <= check.within[0] <= check.within[2]
    assert found["backtrack"].within is None
    assert found["mixed"].told == 0, "three words tell no language"


def test_by_step_and_length_by_outcome():
    rows = [row("wait", True, step=2, tokens=4), row("x", True, step=2, tokens=6), row("x", False, step=1, tokens=9)]
    first, second = behaviour(rows).moments
    assert (first.step, first.tokens_right, first.tokens_wrong) == (1, None, 9)
    assert (second.step, second.completions, second.tokens_right, second.tokens_wrong) == (2, 2, 5, None)
    assert second.shares["backtrack"] == 0.5
    assert second.shares["repeats"] is None


def test_nothing_seen_is_said():
    assert behaviour([row("12", True)]).is_silent
    assert not behaviour([row("wait", True)]).is_silent
    assert behaviour([]).completions == 0
    assert set(patterns()) == {"check", "backtrack", "reflect", "mixed", "repeats"}
