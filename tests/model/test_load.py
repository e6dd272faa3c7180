"""Models by name: each way to find one, and one sentence for each way not to."""

import os

import pytest
import torch

from assay.core.cache import cache_folder
from assay.core.config import ModelConfig
from assay.core.errors import ConfigError, ModelError
from assay.core.types import Message
from assay.model.load import find_device, load_model, save_model, smollm2_folder, smollm2_gguf
from assay.model.tiny import build_tiny
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine

IDS = torch.tensor([[4, 5, 6, 7]])


def load(name, **more):
    return load_model(ModelConfig(name=str(name), device="cpu", threads=1, **more))


@pytest.fixture
def folder(tmp_path):
    tiny = build_tiny("abcdefgh")
    save_model(tiny.model, tiny.tokenizer, tmp_path / "mine")
    return tmp_path / "mine"


def test_a_folder(folder):
    loaded, tiny = load(folder), build_tiny("abcdefgh")
    with torch.no_grad():
        assert torch.equal(loaded.model(IDS).logits, tiny.model(IDS).logits)
    assert loaded.tokenizer.encode("abc") == tiny.tokenizer.encode("abc")
    assert loaded.eos_ids == tiny.eos_ids
    assert loaded.pad_id == tiny.pad_id
    assert loaded.path == folder
    assert not loaded.model.training
    assert load(folder, dtype="bfloat16").dtype == torch.bfloat16


def test_loading_leaves_the_global_generator_alone(folder):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    load(folder)
    build_tiny("abc")
    load(folder, lora={"rank": 2})
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"holds no weights \(model\.safetensors would be right\)"):
        load(folder)


def test_a_folder_without_a_config(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        load(tmp_path)
    (tmp_path / "some.gguf").write_bytes(b"")
    with pytest.raises(ModelError, match=r"name the file: .*some\.gguf"):
        load(tmp_path)


def test_weights_that_are_no_weights(folder):
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("smollm", r"did you mean 'smollm2'"),
        ("nobody/nothing-at-all", r"neither a folder nor in the local hub cache"),
        ("./missing", r"no such folder"),
        ("missing.gguf", r"no such file"),
    ],
)
def test_what_cannot_be_found_is_one_sentence(name, sentence):
    with pytest.raises(ModelError, match=sentence) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_no_end_token_is_refused(folder):
    from assay.model.load import describe

    tiny = build_tiny("abc")
    tiny.tokenizer.eos_token = None
    tiny.model.generation_config.eos_token_id = None
    with pytest.raises(ModelError, match="end-of-sequence"):
        describe(tiny.model, tiny.tokenizer, "mine")


def test_lora_targets_that_do_not_exist(folder):
    with pytest.raises(ConfigError, match=r"model\.lora\.targets"):
        load(folder, lora={"targets": ["nowhere"]})


def test_devices():
    assert find_device("cpu").type == "cpu"
    with pytest.raises(ConfigError, match="no device"):
        find_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="cpu would work"):
            find_device("cuda")


def test_the_cache_folder_is_honoured(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("ASSAY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "assay"


@pytest.mark.smollm2
def test_smollm2_is_converted_once_and_speaks(monkeypatch):
    folder = smollm2_folder()
    written = (folder / "model.safetensors").stat().st_mtime_ns
    loaded = load("smollm2")
    assert (folder / "model.safetensors").stat().st_mtime_ns == written  # from the cache
    assert loaded.eos_ids == {2}
    assert loaded.pad_id == 2
    assert loaded.model.get_input_embeddings().weight is loaded.model.get_output_embeddings().weight
    engine = TorchEngine(loaded)
    request = Request((Message("user", "What is the capital of France?"),), 2, 0, ())
    (greedy, _) = engine.generate([request], Sampling(12, temperature=0.0))[0]
    assert "Paris" in greedy.text
    prompt = engine.render(request.prompt)
    with torch.no_grad():
        logits = loaded.model(torch.tensor([[*prompt, *greedy.tokens]])).logits[0, len(prompt) - 1 : -1]
    expected = logits.log_softmax(-1).gather(-1, torch.tensor(greedy.tokens)[:, None])[:, 0].tolist()
    assert greedy.logprobs == pytest.approx(expected, abs=1e-3)


@pytest.mark.smollm2
def test_the_conversion_is_looked_for_in_the_cache_folder_that_is_set(monkeypatch, tmp_path):
    converted = smollm2_folder()
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    (tmp_path / converted.name).symlink_to(converted)
    assert smollm2_folder() == tmp_path / converted.name
    assert os.path.getsize(smollm2_gguf()) > 5e7
