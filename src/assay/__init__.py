"""Assay: reinforcement learning from rewards that a program can check, and that you can trust.

The public API: every name below, each loaded when it is first used, so that `import assay` costs nothing and brings in
neither torch nor sympy.

>>> import assay
>>> assay.judge("choice", "B", r"so it must be \\boxed{B}").outcome
<Outcome.PASS: 'pass'>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.api import audit_tasks, evaluate, judge_many, load_config, load_source, train
    from assay.core.config import RunConfig
    from assay.core.errors import AssayError, EnvironmentFault, UsageError
    from assay.core.run_folder import RunFolder
    from assay.core.types import Completion, Group, Message, Outcome, Reason, Reward, Task, Verdict
    from assay.measure.compare import compare
    from assay.measure.evaluation import read_evaluations
    from assay.report.build import build_report
    from assay.reward.rule import RewardRule, find_rule
    from assay.tasks.check import check_sources
    from assay.verify.base import Verifier, judge
    from assay.verify.pool import JudgePool

    __version__: str

__all__ = [
    "AssayError",
    "Completion",
    "EnvironmentFault",
    "Group",
    "JudgePool",
    "Message",
    "Outcome",
    "Reason",
    "Reward",
    "RewardRule",
    "RunConfig",
    "RunFolder",
    "Task",
    "UsageError",
    "Verdict",
    "Verifier",
    "__version__",
    "audit_tasks",
    "build_report",
    "check_sources",
    "compare",
    "evaluate",
    "find_rule",
    "judge",
    "judge_many",
    "load_config",
    "load_source",
    "read_evaluations",
    "train",
]

_PLACES = {
    "assay.api": ("audit_tasks", "evaluate", "judge_many", "load_config", "load_source", "train"),
    "assay.core.config": ("RunConfig",),
    "assay.core.errors": ("AssayError", "EnvironmentFault", "UsageError"),
    "assay.core.run_folder": ("RunFolder",),
    "assay.core.types": ("Completion", "Group", "Message", "Outcome", "Reason", "Reward", "Task", "Verdict"),
    "assay.measure.compare": ("compare",),
    "assay.measure.evaluation": ("read_evaluations",),
    "assay.report.build": ("build_report",),
    "assay.reward.rule": ("RewardRule", "find_rule"),
    "assay.tasks.check": ("check_sources",),
    "assay.verify.base": ("Verifier", "judge"),
    "assay.verify.pool": ("JudgePool",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("assay")
    else:
        module = next((module for module, names in _PLACES.items() if name in names), None)
        if module is None:
            raise AttributeError(f"module 'assay' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
