import sys
from pathlib import Path

import pytest

from assay.core.cache import cache_folder


def test_the_users_choice_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("ASSAY_CACHE")
    assert cache_folder() == tmp_path / "assay"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    between = Path("Library/Caches") if sys.platform == "darwin" else Path(".cache")
    assert cache_folder() == tmp_path / between / "assay"


def test_tests_stay_out_of_the_users_cache() -> None:
    """What conftest promises."""
    assert Path.home() not in cache_folder().parents
