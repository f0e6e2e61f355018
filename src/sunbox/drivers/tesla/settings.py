"""What an owner writes about Tesla: the account once (`tesla:`), and each vehicle (`vehicles: - {driver: tesla, …}`).

The keys that every account and vehicle has (`budget`, `id`, `name`, `assume_place`, …) belong to `config/`, not here.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from sunbox.core.commands import RequestKind
from sunbox.core.settings import Capabilities
from sunbox.dialects.tesla.outcomes import is_tesla_url
from sunbox.dialects.tesla.proxies import ProxyKind
from sunbox.dialects.tesla.table import AUTH_URLS, BASE_URLS, PRICES
from sunbox.drivers.written import Written

Region = Literal["na", "eu", "cn"]
CommandWay = Literal["proxy", "fleet"]
ProxyKindName = Literal["ble", "signing"]

HOME_SUFFIXES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".fritz.box", ".localhost", ".test")
"""Ends of names that do not leave the house."""


def _is_at_home(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(HOME_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def _checked_url(url: str) -> str:
    """Return a base URL without its last slash; tokens go to it, so plain http is for the house only."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("allowed is an address such as https://host or http://192.168.0.9:8080")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("allowed is a bare address without user, ? and #")
    if parts.scheme == "http" and not _is_at_home(parts.hostname):
        raise ValueError(f"{parts.hostname} is outside the house and tokens are sent to it: use https")
    return url.rstrip("/")


def may_follow(from_url: str, to_url: str) -> bool:
    """Return whether tokens may be sent where an answer points: to Tesla's own hosts; from a machine of this house to another."""
    to, origin = urlsplit(to_url).hostname, urlsplit(from_url).hostname
    return is_tesla_url(to_url) or (to is not None and origin is not None and _is_at_home(to) and _is_at_home(origin))


def _checked_vin(vin: str) -> str:
    vin = vin.strip().upper()
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", vin):
        raise ValueError(
            f"{vin} is no VIN: it has 17 letters and digits without I, O and Q; see the car's Software page"
        )
    return vin


BaseUrl = Annotated[str, AfterValidator(_checked_url)]
Vin = Annotated[str, AfterValidator(_checked_vin)]
Price = Annotated[float, Field(ge=0, le=100)]


class TeslaPrices(Written):
    """Money per request. What is not written costs what Tesla's billing page says (dollars)."""

    state: Price = PRICES[RequestKind.STATE]
    """Asking whether a car is awake."""
    data: Price = PRICES[RequestKind.DATA]
    """Reading a car."""
    command: Price = PRICES[RequestKind.COMMAND]
    """Telling a car something."""
    wake: Price = PRICES[RequestKind.WAKE]
    """Waking a car."""
    signal: Price = PRICES[RequestKind.SIGNAL]
    """A value that a car streams (Fleet Telemetry)."""

    def by_kind(self) -> dict[RequestKind, float]:
        """Return them as the core wants them."""
        return {kind: getattr(self, kind.value) for kind in RequestKind}


class TeslaAccountSettings(Written):
    """The account with Tesla. An address that is not written is the token file's, else that of the region."""

    account: Annotated[Path, Field(strict=False)] = Path("tokens.json")
    """The token file, made by `sunbox setup tesla`."""
    region: Region | None = None
    """Where the account lives: `na` (also Asia and Pacific), `eu` (also Africa) or `cn`."""
    base_url: BaseUrl | None = None
    """Where vehicles answer, instead of Tesla: a proxy or the simulator."""
    auth_url: BaseUrl | None = None
    """Where tokens are renewed, instead of Tesla."""
    client_id: Annotated[str | None, Field(min_length=1)] = None
    """The application at Tesla; default: the token file's."""
    prices: TeslaPrices = TeslaPrices()
    """Money per request, where it differs from Tesla's price list."""


class TeslaVehicleSettings(Written):
    """One Tesla."""

    vin: Vin
    """Its vehicle identification number, 17 letters and digits."""
    base_url: BaseUrl | None = None
    """Where this car answers, instead of the account's address."""
    commands: Annotated[list[CommandWay] | None, Field(min_length=1)] = None
    """The ways by which it is told something, in this order: `proxy`, `fleet` (Tesla's own, unsigned). The next one is taken
    where one did not reach the car. Default: `[proxy]` if `proxy_url` is written, else `[fleet]`."""
    proxy_url: BaseUrl | None = None
    """Where the proxy of this car answers."""
    proxy_kind: ProxyKindName | None = None
    """What it is: `ble` (TeslaBleHttpProxy, over Bluetooth, free, needs no account; it reads the car too) or `signing`
    (tesla-http-proxy, which signs what goes to Tesla). Default: `signing` for an https address, else `ble`."""
    proxy_ca: Annotated[Path | None, Field(strict=False)] = None
    """The certificate to trust for a proxy that made its own."""
    max_a: Annotated[int, Field(ge=5, le=48)] = 32
    """Most current per phase that it takes: 32, in America up to 48."""

    @property
    def is_ble(self) -> bool:
        """Return whether its proxy reaches it over Bluetooth."""
        if self.proxy_kind is not None:
            return self.proxy_kind == ProxyKind.BLE.value
        return self.proxy_url is not None and self.proxy_url.startswith("http:")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.commands is not None and len(set(self.commands)) != len(self.commands):
            raise ValueError("commands: a way is written twice; allowed is each once, such as [proxy, fleet]")
        if self.commands is not None and "proxy" in self.commands and self.proxy_url is None:
            raise ValueError(
                "commands has proxy, and proxy_url is missing; write where it answers, such as "
                "http://192.168.0.9:8080, or leave proxy out"
            )
        if self.proxy_url is None and (self.proxy_kind is not None or self.proxy_ca is not None):
            raise ValueError("proxy_kind and proxy_ca say how a proxy is; write proxy_url too, or leave them out")
        if self.commands is not None and "proxy" not in self.commands and self.proxy_url is not None:
            raise ValueError("proxy_url is written, and commands does not have proxy; add it, or leave proxy_url out")
        return self


def ways_in_order(vehicle: TeslaVehicleSettings) -> list[CommandWay]:
    """Return the ways by which a car is reached: with a signing proxy alone, the Fleet API stands behind for wakes and reads."""
    ways: list[CommandWay] = list(vehicle.commands or (["proxy"] if vehicle.proxy_url is not None else ["fleet"]))
    if ways == ["proxy"] and not vehicle.is_ble:
        ways.append("fleet")
    return ways


def needs_account(vehicle: TeslaVehicleSettings) -> bool:
    """Return whether anything about this car goes through Tesla's cloud."""
    return ways_in_order(vehicle) != ["proxy"]


def capabilities(vehicle: TeslaVehicleSettings, account: TeslaAccountSettings | None = None) -> Capabilities:
    """Return what a Tesla can do.

    Sources: `charge_limit_soc_min` is 50; below 5 A it goes only while charging and when told twice (evcc,
    TeslaSolarCharger); it sleeps, and wakes within 10–60 s (Tesla's best practices).
    """
    prices = TeslaPrices() if account is None else account.prices
    is_paid = needs_account(vehicle)
    return Capabilities(
        min_a=5,
        low_min_a=3,
        max_a=vehicle.max_a,
        step_a=1,
        max_phases=3,
        sleeps=True,
        is_location_bound=True,
        stops_at_limit_soc=True,
        limit_soc_min_pct=50,
        settle_s=6.0,
        start_settle_s=20.0,
        price=prices.by_kind() if is_paid else {},
        has_free_way=is_paid and vehicle.is_ble and ways_in_order(vehicle)[0] == "proxy",
    )


def addresses(region: Region) -> tuple[str, str]:
    """Return Tesla's base URL and auth URL of a region."""
    return BASE_URLS[region], AUTH_URLS[region]
