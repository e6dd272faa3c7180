"""One of several processes of a run, as torchrun starts them: which one speaks for all of them.

What goes wrong in all of them alike is said by the first alone; so is what another one told it (learn/parallel does).
"""

from __future__ import annotations

import os

from assay.core.errors import EnvironmentFault

TOLD = "the first process of the run was told"
"""A note on an error that another process raises in this one's place."""


def is_one_of_several() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first_process() -> bool:
    """True where there is only one, too."""
    return not is_one_of_several() or os.environ.get("RANK", "0") == "0"


def is_said_elsewhere(error: BaseException) -> bool:
    """Whether the first process says it, so that this one need not: only what this process or machine lacks may be its own."""
    if is_first_process():
        return False
    return not isinstance(error, EnvironmentFault) or TOLD in getattr(error, "__notes__", ())
