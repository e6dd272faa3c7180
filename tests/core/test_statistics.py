import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.statistics import wilson


def test_known_intervals() -> None:
    # solved by hand: the roots p of (p_hat - p)^2 = z^2 p (1 - p) / n
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 10) == pytest.approx((0.236590, 0.763410), abs=1e-6)
    low, high = wilson(0, 100)
    assert low == 0.0
    assert high == pytest.approx(1.96**2 / (100 + 1.96**2))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_ends_solve_the_score_equation(counts: tuple[int, int]) -> None:
    passes, n = counts
    rate = passes / n
    low, high = wilson(passes, n)
    assert 0.0 <= low <= rate <= high <= 1.0
    for end in (low, high):
        assert n * (rate - end) ** 2 == pytest.approx(1.96**2 * end * (1 - end), abs=1e-9)


@pytest.mark.parametrize(("passes", "n"), [(-1, 3), (4, 3)])
def test_refuses_counts_that_are_none(passes: int, n: int) -> None:
    with pytest.raises(ValueError, match="passes must lie between"):
        wilson(passes, n)
