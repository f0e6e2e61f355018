"""What an owner writes about a SmartEVSE that a loadpoint shall be seen as."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sunbox.core.settings import MeterSettings
from sunbox.dialects.smartevse.mqtt import default_prefix, prefix_problem
from sunbox.dialects.smartevse.state import MAINS_LASTS_S, Identity
from sunbox.faces.serial import serial_of
from sunbox.net.mqtt import BrokerSettings

OWN_METER = "smartevse"
"""The id of the meter that `/currents` makes where nobody wrote one."""
API, NONE = "api", "none"


def _checked_prefix(prefix: str) -> str:
    problem = prefix_problem(prefix)
    if problem is not None:
        raise ValueError(problem)
    return prefix


class SmartEvseMqttSettings(BrokerSettings):
    """A broker at which the box is seen too."""

    prefix: Annotated[str, AfterValidator(_checked_prefix)] | None = None
    """Begin of its topics; default: `SmartEVSE/<serial number>`, as the device has it."""


class SmartEvseFaceSettings(BaseModel):
    """A loadpoint as a SmartEVSE, on a port of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    loadpoint: str | None = None
    """The id of the loadpoint that is served; default: the first."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Port of its own; clients know a SmartEVSE by its address alone."""
    profile: Literal["3.5", "3.6", "3.9", "3.10", "3.11"] = "3.11"
    """Generation of firmware that it answers as; before 3.10 energies are kWh, which older clients expect."""
    serial: Annotated[int, Field(ge=0, le=999_999)] | None = None
    """Its serial number; default: made of the loadpoint's id."""
    mains_meter: str | None = None
    """What `POST /currents` counts for: the id of a meter of driver `pushed` that gets it; `api`: a meter of its own; `none`:
    nothing. Default: `api` if the site has no other meter, else `none`."""
    ev_meter: str = API
    """What `POST /ev_meter` counts for: `api`: it is shown; the id of a meter of driver `pushed` (of a circuit) that gets it too;
    `none`: nothing."""
    modem: bool = False
    """Whether `POST /modem` and `override_pwm` are heard, by which anybody in the network holds the current."""
    mdns: bool = True
    """Whether it is announced as `SmartEVSE-<serial number>` where other machines can reach it."""
    mqtt: SmartEvseMqttSettings | None = None
    """A broker at which it is seen too; not written: none."""

    def identity_of(self, loadpoint_id: str) -> Identity:
        """Return who it is as a loadpoint's box."""
        return Identity(serial=int(serial_of(loadpoint_id)) if self.serial is None else self.serial)

    def topics_of(self, loadpoint_id: str) -> str:
        """Return what stands before its topics."""
        prefix = None if self.mqtt is None else self.mqtt.prefix
        return (prefix or default_prefix(self.identity_of(loadpoint_id))).rstrip("/")


def mains_meter_of(own: SmartEvseFaceSettings, *, has_other_meter: bool) -> str | None:
    """Return the id of the meter that gets what is told of the mains, None if nothing does."""
    if own.mains_meter is None:
        return None if has_other_meter else OWN_METER
    return {API: OWN_METER, NONE: None}.get(own.mains_meter, own.mains_meter)


def ev_meter_of(own: SmartEvseFaceSettings) -> str | None:
    """Return the id of the meter that gets what is told of the car's, None if nothing does."""
    return None if own.ev_meter in (API, NONE) else own.ev_meter


def own_meter(own: SmartEvseFaceSettings, has_other_meter: bool) -> MeterSettings | None:
    """Return the meter that an instance brings with it, None if it brings none."""
    if mains_meter_of(own, has_other_meter=has_other_meter) != OWN_METER:
        return None
    return MeterSettings(id=OWN_METER, interval_s=3.0, stale_after_s=float(MAINS_LASTS_S))
