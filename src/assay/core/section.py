"""A section of a configuration: a frozen pydantic model that refuses keys it does not know, NaN and infinities."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
