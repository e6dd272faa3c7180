"""Where what was made once is kept for every run of this user: converted models."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`ASSAY_CACHE`, or `assay` in the user's cache folder."""
    if own := os.environ.get("ASSAY_CACHE"):
        return Path(own).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).expanduser() / "assay"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "assay"
