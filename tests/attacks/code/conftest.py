"""The suite's programs lie beside its tests, for a process of its own to import too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
