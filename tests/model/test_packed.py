import pytest
import torch

from assay.model import packed
from assay.model.packed import packed_linears, packs_exactly
from assay.model.tiny import build_tiny

IDS = torch.tensor([[4, 5, 6], [7, 5, 4]])


def test_the_packed_model_gives_the_plain_logits_and_is_put_back(monkeypatch):
    monkeypatch.setattr(packed, "WORTH_PACKING", 1)
    model = build_tiny("abcdefgh").model
    with torch.no_grad():
        plain = model(IDS).logits
        with packed_linears(model):
            assert packs_exactly() == ("forward" in vars(model.lm_head))
            assert torch.allclose(model(IDS).logits, plain, atol=1e-5)
        assert torch.equal(model(IDS).logits, plain)
    assert not any("forward" in vars(module) for module in model.modules())


def test_it_is_put_back_after_an_error(monkeypatch):
    monkeypatch.setattr(packed, "WORTH_PACKING", 1)
    model = build_tiny("abcdefgh").model
    with pytest.raises(KeyError), packed_linears(model):
        raise KeyError
    assert not any("forward" in vars(module) for module in model.modules())


def test_small_layers_and_other_types_are_left_alone():
    with packed_linears(build_tiny("abcdefgh").model) as _, packed_linears(build_tiny("ab").model.double()):
        pass
    model = build_tiny("abcdefgh").model.double()
    with packed_linears(model):
        assert not any("forward" in vars(module) for module in model.modules())
