"""What an owner writes about a Powerwall (`meters: - {driver: powerwall, …}`): how it is read, and how its battery is held.

The keys that every meter has (`id`, `delay_s`, `stale_after_s`) belong to `config/`, not here; the account to `tesla:`.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator

from sunbox.dialects.powerwall.hold_book import Manner, Method, ReservePolicy
from sunbox.drivers.tesla.settings import BaseUrl
from sunbox.drivers.written import Written

CLOUD_INTERVAL_S, LOCAL_INTERVAL_S = 60.0, 5.0


def _interval_s(known: dict[str, Any]) -> float:
    is_home = known.get("local") is not None or known.get("proxy") is not None
    return LOCAL_INTERVAL_S if is_home else CLOUD_INTERVAL_S


class LocalSettings(Written):
    """The gateway at home."""

    url: BaseUrl
    """Where it answers, such as https://192.168.0.40."""
    password: SecretStr
    """The last five characters of the password on its label; `file:…`, `env:…` or `credential:…` keeps it out of this file."""
    email: Annotated[str | None, Field(max_length=200)] = None
    """What it is told beside the password; most take any."""


class PowerwallMeterSettings(Written):
    """A Powerwall: grid, sun and battery in one. Through Tesla's cloud, or at home (`local`, `proxy`), which costs nothing."""

    site: Annotated[int | None, Field(ge=1)] = None
    """Its number in the account, as `fleetapi sites` tells it. Without `local` and `proxy` it is read through the cloud; with
    one of them the cloud is only used to hold the battery."""
    local: LocalSettings | None = None
    """The gateway at home."""
    proxy: BaseUrl | None = None
    """Where pypowerwall's proxy answers, such as http://192.168.0.9:8675."""
    interval_s: Annotated[float, Field(ge=2, le=3600, default_factory=_interval_s)]
    """How often it is read: default every 5 s at home, every 60 s through the cloud."""
    hold: Annotated[Method, Field(strict=False)] = Method.RESERVE
    """How the battery is kept from feeding a car that charges on purpose (`battery_hold` of the site): by a `reserve` as high as
    the charge, by the mode `backup` with charging from the grid forbidden, or not at all (`off`)."""
    reserve_policy: Annotated[ReservePolicy, Field(strict=False)] = ReservePolicy.EIGHTY_OR_HUNDRED
    """What the site makes of a reserve above 80 %: `80-or-100` (most firmware), `cap-80`, or `free`."""
    max_writes_per_day: Annotated[int, Field(ge=2, le=1000)] = 20
    """Most settings that are changed on a day for holds. Giving back is never held back by it."""
    hold_in_autonomous: bool = False
    """Whether it is also held in Tesla's time-based mode, which is slow and has plans of its own."""

    @property
    def cloud(self) -> bool:
        """Return whether its readings come from a service that counts requests."""
        return self.local is None and self.proxy is None

    @property
    def can_hold(self) -> bool:
        """Return whether its battery can be held."""
        return self.site is not None and self.hold is not Method.OFF

    @property
    def manner(self) -> Manner:
        """Return how its battery is held."""
        return Manner(
            method=self.hold if self.can_hold else Method.OFF,
            policy=self.reserve_policy,
            max_writes_per_day=self.max_writes_per_day,
            in_autonomous=self.hold_in_autonomous,
        )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.local is not None and self.proxy is not None:
            raise ValueError("local and proxy are two ways to the same figures; write one of them")
        if self.cloud and self.site is None:
            raise ValueError(
                "write site, its number in the account (`fleetapi sites` tells it), or local, or proxy, or site and one of these"
            )
        if self.cloud and self.interval_s < 10.0:
            raise ValueError(f"interval_s is {self.interval_s:g}; through the cloud allowed is 10 to 3600")
        return self


def needs_account(settings: PowerwallMeterSettings) -> bool:
    """Return whether anything about it goes through Tesla's cloud."""
    return settings.site is not None
