"""Length control: DAPO's goldens, the cosine's, and that no rule with a length behind it ever pays more than without."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.config import RewardConfig, RunConfig, load_config
from assay.core.errors import ConfigError
from assay.core.length import Cosine, Length, NoLength, Overlong
from assay.core.types import Outcome, Reason, Reward, Verdict
from assay.reward.rule import RULES, find_rule
from assay.reward.shaping import Shaped, cosine_share, overlong_penalty, pay, rule_of, shorten

RIGHT, WRONG = Verdict(Outcome.PASS, 1.0, Reason.CORRECT), Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)
LOST = Verdict(Outcome.VOID, 0.0, Reason.SANDBOX_LOST)
SHARES = st.floats(0.01, 1)
LENGTHS: st.SearchStrategy[Length] = st.one_of(
    st.builds(Overlong, longest=st.integers(50, 5000), cache=st.integers(1, 50), weight=st.floats(0.01, 3)),
    st.builds(Cosine, longest=st.integers(1, 5000), at_shortest=SHARES, at_longest=SHARES),
)


@pytest.mark.parametrize(
    ("tokens", "penalty"), [(16384, 0.0), (17408, -0.25), (18432, -0.5), (20480, -1.0), (20481, -1.0)]
)
def test_dapo_goldens(tokens: int, penalty: float) -> None:
    # DAPO (arXiv 2503.14476): longest 20,480, cache 4,096, which is the fifth that the configuration takes by itself
    assert overlong_penalty(tokens, 20480, 4096) == penalty
    paid = pay(Shaped(find_rule("outcome"), Overlong(), 20480), RIGHT, {}, tokens)
    assert (paid.total, dict(paid.parts)) == (1 + penalty, {"outcome": 1.0, "overlong": penalty})


@pytest.mark.parametrize(
    ("tokens", "share"),
    [(0, 1.0), (25, 0.5 + 0.25 * (1 + math.sqrt(0.5))), (50, 0.75), (75, 0.5 + 0.25 * (1 - math.sqrt(0.5))), (100, 0.5), (400, 0.5)],
)  # fmt: skip
def test_cosine_by_hand(tokens: int, share: float) -> None:
    assert cosine_share(tokens, 100, 1.0, 0.5) == pytest.approx(share, abs=1e-12)
    paid = pay(Shaped(find_rule("gated_format"), Cosine(longest=100), 9), RIGHT, {"format": RIGHT}, tokens)
    assert paid.total == pytest.approx(1.1 * share)
    assert paid.parts["cosine"] == pytest.approx(1.1 * (share - 1))


@given(st.sampled_from(sorted(RULES)), LENGTHS, st.integers(0, 10_000), st.sampled_from([RIGHT, WRONG, LOST]), st.sampled_from([RIGHT, WRONG, LOST]))  # fmt: skip
def test_no_rule_pays_more_for_any_length(name: str, length: Length, tokens: int, own: Verdict, form: Verdict) -> None:
    rule = find_rule(name)
    parts = dict.fromkeys(rule.parts, form)
    plain, paid = rule.reward(own, parts), pay(Shaped(rule, length, 64), own, parts, tokens)
    assert paid.total <= plain.total
    assert paid.is_void == plain.is_void
    assert paid.total == 0.0 if paid.is_void else math.isclose(paid.total, sum(paid.parts.values()), abs_tol=1e-9)
    if isinstance(length, Cosine):
        if own.is_pass:
            assert paid.total > 0 or plain.total == 0.0
        else:
            assert paid.total == plain.total, "a wrong answer is neither paid nor fined by the cosine"


@given(LENGTHS, st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_right_answer_under_the_cosine_earns_more_than_any_wrong_one(length: Length, right: int, wrong: int) -> None:
    if isinstance(length, Cosine):
        rule = Shaped(find_rule("outcome"), length, 64)
        assert pay(rule, RIGHT, {}, right).total > pay(rule, WRONG, {}, wrong).total


@given(st.integers(0, 10_000), st.integers(1, 5_000), st.floats(-2, 2))
def test_more_tokens_never_cost_less(tokens: int, longest: int, total: float) -> None:
    length = Overlong(longest=longest, cache=longest)
    reward = Reward(total, {"outcome": total})
    shaped = shorten(reward, WRONG, tokens, length, 1)
    assert total - 1 <= shaped.total <= total
    assert shaped.total <= shorten(reward, WRONG, max(tokens - 1, 0), length, 1).total


def test_void_stays_void() -> None:
    void = Reward(0.0, {}, is_void=True)
    assert shorten(void, LOST, 100, Overlong(), 10) is void


def test_without_length_control_the_rule_is_the_rule() -> None:
    assert rule_of(RewardConfig(), 64) == find_rule("outcome")
    reward = Reward(1.0, {"outcome": 1.0})
    assert shorten(reward, RIGHT, 100, NoLength(), 10) is reward


def test_the_configuration_names_the_kind_and_its_own_numbers() -> None:
    config = load_config((), ["reward.length.kind=overlong", "reward.length.cache=8", "rollout.max_new_tokens=40"])
    rule = rule_of(config.reward, config.rollout.max_new_tokens)
    assert [pay(rule, RIGHT, {}, tokens).total for tokens in (32, 36, 40)] == [1.0, 0.5, 0.0]
    with pytest.raises(ConfigError, match=r"cache must be at most 40"):
        load_config((), ["reward.length.kind=overlong", "reward.length.cache=41", "rollout.max_new_tokens=40"])
    with pytest.raises(ConfigError, match="unknown key 'cache'"):
        load_config((), ["reward.length.kind=cosine", "reward.length.cache=8"])
    assert RunConfig().reward.length == NoLength()


@pytest.mark.parametrize("cache", [0, 11])
def test_refuses_a_cache_that_is_none(cache: int) -> None:
    with pytest.raises(ValueError, match="the cache must lie between"):
        overlong_penalty(5, 10, cache)
