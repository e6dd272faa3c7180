"""The optimiser by name, a guarded step of it, and gradient checkpointing that leaves the model as it was."""

import sys

import pytest
import torch
from torch import nn

from assay.core.errors import ConfigError, MissingExtra, NonFiniteStep
from assay.core.learning import OptimiserConfig
from assay.learn.optimiser import checkpointed, make_optimiser, step_of
from assay.model.tiny import build_tiny


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0]))
        self.frozen = nn.Parameter(torch.tensor([5.0]), requires_grad=False)


def test_adamw_takes_what_learns_with_the_configurations_numbers():
    model = Two()
    config = OptimiserConfig(betas=(0.8, 0.95), weight_decay=0.1)
    (group,) = make_optimiser(model, config, 0.5).param_groups
    assert [each is model.weight for each in group["params"]] == [True]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.5, (0.8, 0.95), 0.1)


@pytest.mark.parametrize("kind", ["adamw_8bit", "paged_adamw_8bit"])
def test_eight_bits_are_for_accelerators(kind, monkeypatch):
    with pytest.raises(ConfigError, match=rf'learn\.optimiser\.kind: {kind} is for accelerators.*"adamw"'):
        make_optimiser(Two(), OptimiserConfig(kind=kind), 0.1)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtra, match="bitsandbytes, which is not installed"):
        make_optimiser(Two().to("meta"), OptimiserConfig(kind=kind), 0.1)


def test_a_step_by_hand():
    model, called = Two(), []
    optimiser = torch.optim.SGD([model.weight], lr=1.0)
    model.weight.grad = torch.tensor([3.0, 4.0])
    norm = step_of(optimiser, 1.0, before=lambda: called.append(model.weight.tolist()))
    assert norm == 5.0
    assert model.weight.tolist() == pytest.approx([1 - 0.6, 2 - 0.8], abs=1e-5)
    assert called == [[1, 2]], "before anything changes"
    assert model.weight.grad is None
    model.weight.grad = torch.tensor([0.3, 0.4])  # below the largest norm: as it is
    step_of(optimiser, 1.0)
    assert model.weight.tolist() == pytest.approx([0.4 - 0.3, 1.2 - 0.4], abs=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing(bad):
    model, called = Two(), []
    optimiser = torch.optim.SGD([model.weight], lr=1.0)
    model.weight.grad = torch.tensor([1.0, bad])
    with pytest.raises(NonFiniteStep, match=r"^critic: the gradient's norm is (nan|inf): the update was refused"):
        step_of(optimiser, 1.0, before=lambda: called.append(1), who="critic: ")
    assert model.weight.tolist() == [1, 2]
    assert called == []
    assert model.weight.grad is None


def test_checkpointing_is_on_inside_without_training_mode_and_off_again():
    model = build_tiny("abc").model
    with checkpointed(model, True):
        layers = [each for each in model.modules() if getattr(each, "gradient_checkpointing", False)]
        assert len(layers) >= 2
        assert all(each.training for each in layers)
        assert not model.model.layers[0].self_attn.training
        assert not model.model.layers[0].mlp.training
    assert not any(each.training for each in model.modules())
    assert not any(getattr(each, "gradient_checkpointing", False) for each in model.modules())
    with checkpointed(model, False):
        assert not any(getattr(each, "gradient_checkpointing", False) for each in model.modules())


def test_checkpointing_is_undone_after_an_error():
    model = build_tiny("abc").model
    with pytest.raises(ZeroDivisionError), checkpointed(model, True):
        raise ZeroDivisionError
    assert not any(each.training for each in model.modules())


def test_a_model_whose_layers_cannot_is_refused():
    with (
        pytest.raises(ConfigError, match=r"learn\.gradient_checkpointing: Two has no layers"),
        checkpointed(Two(), True),
    ):
        raise AssertionError
