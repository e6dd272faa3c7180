"""Every error Assay raises on purpose. Each message is a sentence: what was wrong, where, and what would be right.

AssayError
├── UsageError            exit 2: the user can mend it in their own files or flags
│   ├── ConfigError       an unknown key, a bad value, a file that is not TOML
│   ├── UnknownName       a name that no registry holds (carries the nearest one)
│   ├── TaskFileError     a task file's line that cannot be read
│   ├── TruthError        a ground truth that its verifier cannot read
│   └── RunFolderError    a run folder that exists already, or does not, or is not one
├── EnvironmentFault      exit 3: this machine lacks something
│   ├── MissingExtra      an optional dependency
│   ├── ModelError        a model that cannot be found or loaded
│   ├── EngineError       a server that samples cannot be reached, or answers what cannot be used
│   ├── OutOfDisk         no room for an artefact
│   └── OutOfMemory       no memory for a step (names the knob to turn)
├── VoidBudgetExceeded    exit 3: too many verdicts were VOID, the run stops with its reasons
├── Stopped               exit 1: an alarm whose action is `stop` was raised; the run ended there (alarms)
│   └── Collapsed         the pass rate fell, or nothing is left to learn from; the run stopped (learn.collapse)
├── Paused                exit 4: an alarm whose action is `pause` was raised; the run goes on with --resume
├── NotReady              exit 1: the untrained policy gives RL nothing to build on (gate.action = "stop")
├── GateRefused           exit 1: the gate behind a pipeline's stage failed, and it was not told to go on
├── RankFailed            exit 3: another process of the same run failed (its own exit code, where it told one)
├── NonFiniteStep         exit 3: a loss or gradient that is not a number; the step was refused and dumped
└── LogprobMismatch       exit 3: sampled log-probs are not those of the model that learns
"""

from __future__ import annotations

from collections.abc import Iterable


class AssayError(Exception):
    """The root of the tree. `exit_code` is what the command line returns for it."""

    exit_code = 2


class UsageError(AssayError):
    """Something the user wrote or asked for cannot be done as asked."""


class ConfigError(UsageError):
    """A configuration that cannot be used."""


class TaskFileError(UsageError):
    """A task file that cannot be read; the message names file and line."""


class TruthError(UsageError):
    """A ground truth that its verifier cannot read (the verdict's reason is `bad_truth`)."""


class RunFolderError(UsageError):
    """A run folder in the wrong state for what was asked."""


class UnknownName(UsageError):
    """A name that is not registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"unknown {kind} {name!r}{did_you_mean(name, names)}; known: {', '.join(names)}")
        self.kind, self.name, self.known = kind, name, tuple(names)


class EnvironmentFault(AssayError):
    """This machine, or its installation, lacks something."""

    exit_code = 3


class MissingExtra(EnvironmentFault):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str, wanted_by: str) -> None:
        super().__init__(f"{wanted_by} needs {package}, which is not installed: pip install 'assay[{extra}]'")
        self.package, self.extra, self.wanted_by = package, extra, wanted_by


class ModelError(EnvironmentFault):
    """A model that cannot be found or loaded."""


class EngineError(EnvironmentFault):
    """A server that samples cannot be reached, or its answer cannot be used."""


class OutOfDisk(EnvironmentFault):
    """No room to write an artefact; nothing was left half written."""


class OutOfMemory(EnvironmentFault):
    """A step did not fit in memory; the message names the setting to lower."""


class VoidBudgetExceeded(AssayError):
    """More verdicts were VOID than the budget allows, so the rewards can no longer be trusted."""

    exit_code = 3


class RankFailed(AssayError):
    """Another process of this run failed, and with it the run."""

    exit_code = 3

    def __init__(self, message: str, exit_code: int = 3, *, is_explained: bool = False) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.is_explained = is_explained  # whether the message is the other one's own


class NonFiniteStep(AssayError):
    """A loss or gradient was not finite; the update was refused and its batch dumped."""

    exit_code = 3


class Stopped(AssayError):
    """A run that was ended before its last step for what was seen in it; its checkpoints are kept."""

    exit_code = 1


class Collapsed(Stopped):
    """A run whose metrics show that its policy has collapsed."""


class Paused(AssayError):
    """An alarm asks for a look at the run; everything is saved, and it goes on with --resume."""

    exit_code = 4


class NotReady(AssayError):
    """The gate before RL found that the policy cannot learn from these tasks, and was asked to stop the run."""

    exit_code = 1


class GateRefused(AssayError):
    """The gate behind a pipeline's stage failed: what it would have led to was not made."""

    exit_code = 1


class LogprobMismatch(AssayError):
    """Sampling and training do not agree on the log-probabilities of the same tokens."""

    exit_code = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or nothing when none is near."""
    import difflib  # only for a mistake: it costs what a verdict does

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
