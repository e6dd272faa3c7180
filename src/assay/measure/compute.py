"""What a method spends, in floating-point operations and CPU-seconds, so that methods are compared at equal compute.

    a forward pass over T tokens    2 N T       a step of learning from T tokens    6 N T    (N parameters)

the usual count (Kaplan et al., arXiv 2001.08361, section 2.1), which leaves attention's own sums out: they are small beside the
weights' while contexts are shorter than a few thousand tokens. A prompt counts once for its completions, as it is computed.
The count is of the method, not of the machine; `cpu_seconds` is of the machine, and of all threads of the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import process_time

from assay.core.types import Json


@dataclass(slots=True)
class Spent:
    """Counts by what was done."""

    flops: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0

    @property
    def total(self) -> float:
        """FLOPs."""
        return sum(self.flops.values())

    def forward(self, what: str, parameters: int, tokens: int) -> None:
        """Tokens that went forward only: sampled, scored, or of a reference."""
        self._add(what, 2.0 * parameters * tokens, tokens)

    def learn(self, what: str, parameters: int, tokens: int) -> None:
        """Tokens that went forward and backward."""
        self._add(what, 6.0 * parameters * tokens, tokens)

    @contextmanager
    def clocked(self) -> Iterator[None]:
        """Count the CPU-seconds of what happens inside."""
        began = process_time()
        try:
            yield
        finally:
            self.cpu_seconds += process_time() - began

    def as_json(self) -> dict[str, Json]:
        return {
            "flops": {**self.flops, "total": self.total},
            "tokens": dict(self.tokens),
            "cpu_seconds": self.cpu_seconds,
        }

    def _add(self, what: str, flops: float, tokens: int) -> None:
        self.flops[what] = self.flops.get(what, 0.0) + flops
        self.tokens[what] = self.tokens.get(what, 0) + tokens
