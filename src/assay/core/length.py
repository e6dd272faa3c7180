"""The schema of `[reward.length]`: what a completion's length takes off its reward. The formulas are in reward/shaping.

Both only take away: no length is ever paid for, and a wrong answer never gains by one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assay.core.section import Section


class NoLength(Section):
    """A reward knows nothing of length."""

    kind: Literal["none"] = "none"


class Overlong(Section):
    """A penalty that grows over the last tokens before the limit (DAPO, arXiv 2503.14476, equation 13)."""

    kind: Literal["overlong"] = "overlong"
    longest: int | None = Field(None, ge=1, description="tokens at which the penalty is whole; none: max_new_tokens")
    cache: int | None = Field(
        None, ge=1, description="tokens over which it grows; none: a fifth of `longest` (4,096 of 20,480 in the paper)"
    )
    weight: float = Field(
        1.0,
        gt=0,
        description="the whole penalty (the paper's 1 stands beside rewards of 1 and -1: half of their range)",
    )


class Cosine(Section):
    """A share of what a right answer earns, falling with its length (Yeo et al., arXiv 2502.03373)."""

    kind: Literal["cosine"] = "cosine"
    longest: int | None = Field(
        None, ge=1, description="tokens at which the share is `at_longest`; none: max_new_tokens"
    )
    at_shortest: float = Field(1.0, gt=0, le=1, description="share of its pay that a right answer of no length keeps")
    at_longest: float = Field(0.5, gt=0, le=1, description="share that one of `longest` tokens or more keeps")


Length = Annotated[NoLength | Overlong | Cosine, Field(discriminator="kind")]
