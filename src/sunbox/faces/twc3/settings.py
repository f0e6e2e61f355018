"""What an owner writes about a Wall Connector that a loadpoint shall be seen as."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Twc3Settings(BaseModel):
    """A loadpoint as a Wall Connector of the third generation, to be looked at only, on a port of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    loadpoint: str | None = None
    """The id of the loadpoint that is shown; default: the first."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Port of its own; clients know a Wall Connector by its address alone."""
