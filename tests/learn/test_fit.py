"""The loop of everything that is fitted to examples: which examples a step has, and when it stops."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import NonFiniteStep
from assay.core.fitting import FitConfig
from assay.learn.fit import drawn, fit, steps_of


@given(st.integers(1, 30), st.integers(1, 8), st.sampled_from([0.5, 1.0, 2.0, 2.5]), st.integers(0, 3))
def test_an_epoch_has_every_example_once_in_an_order_of_its_own(count, batch, epochs, seed):
    config = FitConfig(epochs=epochs, batch_size=batch)
    steps = [drawn(config, count, seed, "x", step) for step in range(1, steps_of(config, count) + 1)]
    everything = [index for step in steps for index in step]
    assert all(len(step) == batch for step in steps[:-1])
    whole = int(epochs)
    for epoch in range(whole):
        assert sorted(everything[epoch * count : (epoch + 1) * count]) == list(range(count))
    assert max(Counter(everything[whole * count :]).values(), default=0) <= 1


def test_with_steps_every_step_has_a_draw_of_its_own():
    config = FitConfig(steps=50, batch_size=3)
    found = [tuple(drawn(config, 9, 0, "x", step)) for step in range(1, 51)]
    assert all(len(set(step)) == 3 for step in found)
    assert len(set(found)) > 40
    assert drawn(config, 9, 1, "x", 1) != drawn(config, 9, 0, "x", 1)
    assert len(drawn(config, 2, 0, "x", 1)) == 2, "no more than there are"


def line(start=0.0):
    """One number, fitted to the mean of the examples 0, 1, 2, 3."""
    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(start)

    def update(step, chosen):
        loss = sum((module.weight[0, 0] - index).square() for index in chosen) / len(chosen)
        loss.backward()
        return {"loss": float(loss.detach())}

    return module, update


def test_it_goes_down_to_the_best_and_says_what_it_did():
    module, update = line()
    config = FitConfig(steps=200, batch_size=4, learning_rate=0.1, warmup_steps=4)
    seen = []
    done = fit(module, update, 4, config, seed=0, name="line", progress=lambda step, numbers: seen.append(step))
    assert float(module.weight.detach()) == pytest.approx(1.5, abs=0.05)
    assert seen == [row["step"] for row in done.history] == list(range(1, 201))
    rates = [row["learning_rate"] for row in done.history]
    assert rates[0] == pytest.approx(0.025)
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.01)
    assert done.stopped is None


def test_it_stops_when_it_is_told_and_validates_then():
    module, update = line()
    done = fit(
        module,
        update,
        4,
        FitConfig(steps=9, batch_size=4, learning_rate=0.1),
        seed=0,
        name="line",
        validate=lambda: {"loss": float((module.weight - 1.5).square().detach())},
        should_stop=lambda history: "enough" if len(history) == 3 else None,
    )
    assert (done.stopped, len(done.history)) == ("enough", 3)
    assert [row["step"] for row in done.validations] == [0, 3]
    assert done.best_step == 3


def test_a_loss_that_is_no_number_is_refused_before_the_step():
    module, _ = line()
    with pytest.raises(NonFiniteStep, match=r"line step 1: the loss is nan"):
        fit(module, lambda step, chosen: {"loss": float("nan")}, 4, FitConfig(steps=2), seed=0, name="line")
    assert float(module.weight.detach()) == 0.0
