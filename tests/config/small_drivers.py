"""Drivers and faces as the configuration sees them: small, with one of each thing that a driver may bring."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from sunbox.config import DriverKind, FaceKind, Registry
from sunbox.core.commands import RequestKind
from sunbox.core.settings import Capabilities, PlaceSettings


class Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class LoginKeys(Keys):
    user: str
    password: SecretStr | None = None


class MeterKeys(Keys):
    """A meter for tests."""

    url: str
    """Where it answers."""
    interval_s: Annotated[float, Field(ge=1)] = 10.0
    """How often it is read."""
    pv_w: str | None = None
    """Where the sun's power stands."""
    kind: Literal["grid", "pv"] = "grid"
    """What it measures."""
    login: LoginKeys | None = None
    """Who reads it."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Further headers."""

    @model_validator(mode="after")
    def _is_allowed(self):
        if self.url == "nowhere" and self.kind == "pv":
            raise ValueError("a pv meter is somewhere")
        return self


class PowerKeys(MeterKeys):
    """A meter that is told where each power stands."""

    grid_w: str | None = None
    """Where the grid's power stands."""


class CarKeys(Keys):
    """A car for tests."""

    vin: str
    """Its number."""


class BoxKeys(Keys):
    """A wallbox for tests."""

    url: str
    """Where it answers."""


class AccountKeys(Keys):
    """An account for tests."""

    account: Annotated[Path, Field(strict=False)] = Path("tokens.json")
    """The token file."""
    wake_price: float = 0.02
    """Money per wake."""


class FaceKeys(Keys):
    """A face for tests."""

    loadpoint: str
    """What it shows."""
    port: int
    """Where it is served."""


class BrokerKeys(Keys):
    """A face that is there once."""

    url: str
    """Where the broker is."""


def car_capabilities(_car, account):
    price = {} if account is None else {RequestKind.WAKE: account.wake_price}
    return Capabilities(min_a=5, max_a=16, is_location_bound=True, sleeps=True, price=price)


class Fence:
    """What a geofence parser returns."""

    def __init__(self, places, problems):
        self.places = places
        self.problems = problems


class Fault:
    line = 2
    error = "no comma"


def parse_geofence(text):
    names = text.split()
    return Fence([PlaceSettings(name=name, lat=1.0, lon=2.0) for name in names], [Fault()] if "bad" in names else [])


REGISTRY = Registry(
    meters={"json": DriverKind(MeterKeys), "power": DriverKind(PowerKeys)},
    chargers={"box": DriverKind(BoxKeys, lambda _box, _account: Capabilities(min_a=6, max_a=32))},
    vehicles={"car": DriverKind(CarKeys, car_capabilities), "free": DriverKind(CarKeys)},
    accounts={"car": AccountKeys},
    faces={"box": FaceKind(FaceKeys, is_list=True), "broker": FaceKind(BrokerKeys)},
    parse_geofence=parse_geofence,
)
