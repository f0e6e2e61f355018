"""What an owner writes about a meter whose readings clients push."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PushedMeterSettings(BaseModel):
    """A meter whose readings come through `POST /api/v1/meters/{id}` or a face, such as a go-eCharger's `ids`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    interval_s: Annotated[float, Field(ge=0.5, le=3600)] = 3.0
    """How often a reading is expected."""
    stale_after_s: Annotated[float, Field(ge=1, le=3600)] = 10.0
    """After this the last reading no longer counts (never less than three intervals), and the next meter in the file does."""
