"""What an owner writes about a meter that answers JSON over HTTP: where it is, and where in the answer each quantity stands.

The keys that every meter has (`id`, `interval_s`, `delay_s`, `stale_after_s`) belong to `config/`, not here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from sunbox.drivers.http.path import path_from_text
from sunbox.drivers.written import Written


def _checked_path(text: str) -> str:
    path_from_text(text)
    return text


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("allowed is an address such as http://192.168.0.20/status")
    if parts.username or parts.password:
        raise ValueError("write user and password as `user:` and `password:`, not inside the address")
    if parts.port == 0:
        raise ValueError("allowed are ports from 1 to 65535")
    return url


def _checked_header(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError(f"{name!r} is no name of a header")
    return name


def _from_text(value: Any) -> Any:
    """Let a bare path stand for a quantity that is taken as it is."""
    return {"path": value} if isinstance(value, str) else value


PathText = Annotated[str, AfterValidator(_checked_path)]


class Quantity(Written):
    """Where a number stands, and how it becomes ours: value × scale + offset, with its sign turned if `invert`."""

    path: PathText
    """Where it stands in the answer, such as `$.meters[0].power`."""
    scale: float = 1.0
    """The number is multiplied with this: 1000 where the meter tells kW."""
    offset: float = 0.0
    """This is added."""
    invert: bool = False
    """Turn the sign: for a grid meter that counts export as positive, a battery that counts charging as positive."""

    @property
    def factor(self) -> float:
        """Return what the number is multiplied with, sign included."""
        return -self.scale if self.invert else self.scale

    @property
    def summand(self) -> float:
        """Return what is added then, sign included."""
        return -self.offset if self.invert else self.offset


QuantityOrPath = Annotated[Quantity | None, BeforeValidator(_from_text, json_schema_input_type=str | Quantity | None)]

PHASES = ("grid_l1_a", "grid_l2_a", "grid_l3_a")
QUANTITIES = ("grid_w", "pv_w", "battery_w", "battery_soc_pct", *PHASES)


class HttpMeterSettings(Written):
    """A meter that answers JSON over HTTP. Signs: grid + = import, battery + = discharging, pv is never negative."""

    url: Annotated[str, AfterValidator(_checked_url)]
    """What is read."""
    method: Literal["GET", "POST"] = "GET"
    """How it is read."""
    headers: dict[Annotated[str, AfterValidator(_checked_header)], SecretStr] = Field(default_factory=dict)
    """Further headers of the request, such as an API key."""
    user: Annotated[str | None, Field(min_length=1)] = None
    """User, where the meter asks for one (HTTP basic)."""
    password: SecretStr | None = None
    """Password of the user."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] | None = None
    """How long an answer may take; default: 15 s."""
    grid_w: QuantityOrPath = None
    """Power at the grid connection in W, + = import."""
    pv_w: QuantityOrPath = None
    """Power of the solar plant in W."""
    battery_w: QuantityOrPath = None
    """Power of the home battery in W, + = discharging."""
    battery_soc_pct: QuantityOrPath = None
    """Charge of the home battery in %."""
    grid_l1_a: QuantityOrPath = None
    """Current of the first phase in A, + = import; fuses are then watched phase by phase. All three, or none. A meter that tells
    no direction counts export as import, which is safe."""
    grid_l2_a: QuantityOrPath = None
    """Current of the second phase in A."""
    grid_l3_a: QuantityOrPath = None
    """Current of the third phase in A."""
    time: PathText | None = None
    """When it was measured: seconds or milliseconds since 1970, or a text with offset such as 2026-06-01T12:00:00Z."""

    @model_validator(mode="after")
    def _measures_something(self) -> Self:
        if all(getattr(self, name) is None for name in QUANTITIES):
            raise ValueError(f"a meter measures something: write at least one of {', '.join(QUANTITIES)}")
        missing = [name for name in PHASES if getattr(self, name) is None]
        if missing and len(missing) < len(PHASES):
            raise ValueError(f"currents are told for all three phases or for none: write {', '.join(missing)} too")
        if self.password is not None and self.user is None:
            raise ValueError("a password needs its `user`")
        return self
