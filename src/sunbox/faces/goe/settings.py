"""What an owner writes about a go-eCharger that a loadpoint shall be seen as."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sunbox.dialects.goe.topics import PREFIX, prefix_problem
from sunbox.net.mqtt import BrokerSettings


def _checked_prefix(prefix: str) -> str:
    problem = prefix_problem(prefix)
    if problem is not None:
        raise ValueError(problem)
    return prefix


class GoeMqttSettings(BrokerSettings):
    """A broker at which the charger is seen too."""

    prefix: Annotated[str, AfterValidator(_checked_prefix)] = PREFIX
    """Begin of its topics: `<prefix>/<serial number>/<key>`."""


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
    mqtt: GoeMqttSettings | None = None
    """A broker at which it is seen too; not written: none."""
    surplus_meter: str | None = None
    """The id of a meter of driver `pushed` that gets what energy managers tell by `ids`; not written: it counts for nothing."""
