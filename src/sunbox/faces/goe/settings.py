"""What an owner writes about a go-eCharger that a loadpoint shall be seen as."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class GoeFaceSettings(BaseModel):
    """A loadpoint as a go-eCharger, on a port of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    loadpoint: str | None = None
    """The id of the loadpoint that is served; default: the first."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Port of its own; clients know a go-eCharger by its address alone."""
    profile: Literal["051", "055", "59.4", "60.3", "60.5-core"] = "055"
    """Generation of firmware that it answers as; `055` suits every client, the others are for trying clients out."""
    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Its name, key `fna`; default: the name of the loadpoint."""
