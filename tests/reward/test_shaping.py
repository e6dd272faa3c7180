import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Reward
from assay.reward.shaping import overlong_penalty, shorten


@pytest.mark.parametrize(
    ("tokens", "penalty"), [(16384, 0.0), (17408, -0.25), (18432, -0.5), (20480, -1.0), (20481, -1.0)]
)
def test_dapo_goldens(tokens: int, penalty: float) -> None:
    # DAPO (arXiv 2503.14476): longest 20,480, cache 4,096
    assert overlong_penalty(tokens, 20480, 4096) == penalty


@given(st.integers(0, 10_000), st.integers(1, 5_000), st.floats(-2, 2))
def test_no_length_is_ever_paid_for(tokens: int, longest: int, total: float) -> None:
    reward = Reward(total, {"outcome": total})
    shaped = shorten(reward, tokens, longest, cache=longest)
    assert total - 1 <= shaped.total <= total
    assert shaped.total <= shorten(reward, max(tokens - 1, 0), longest, cache=longest).total


def test_void_stays_void() -> None:
    void = Reward(0.0, {}, is_void=True)
    assert shorten(void, 100, 10, 5) is void


@pytest.mark.parametrize("cache", [0, 11])
def test_refuses_a_cache_that_is_none(cache: int) -> None:
    with pytest.raises(ValueError, match="the cache must lie between"):
        overlong_penalty(5, 10, cache)
