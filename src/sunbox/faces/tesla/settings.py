"""What an owner writes about the Tesla face."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sunbox.faces.tesla.shapes import Shape


class TeslaFaceSettings(BaseModel):
    """The cars as Tesla's Fleet API and as TeslaBleHttpProxy, on the main port."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    shape: Annotated[Shape, Field(strict=False)] = Shape.SINGLE
    """How /api/1 answers: `single` as the Fleet API, `double` as TeslaBleHttpProxy, for evcc's template `tesla-ble`.
    /fleet/api/1 is single and /ble/api/1 double, whatever stands here."""
