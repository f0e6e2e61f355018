"""What an owner writes about a SmartEVSE (`chargers: - {driver: smartevse, …}`) and about its meters (`meters:`).

The keys that every charger and every meter has belong to `config/`, not here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from sunbox.core.settings import Capabilities, PhaseSwitch
from sunbox.dialects.smartevse.listening import prefixes_of
from sunbox.drivers.written import Written, bare_address
from sunbox.net.mqtt import BrokerSettings

LEAST_A, MOST_A = 6, 80
"""What any box can be set to per phase."""

Base = Literal["auto", "smart", "normal"]


def _checked_url(url: str) -> str:
    return bare_address(
        url, example="http://192.168.0.76", why="the box has no password", paths=("/settings", "/currents")
    )


Url = Annotated[str, AfterValidator(_checked_url)]


class SmartEvseSettings(Written):
    """One SmartEVSE v3, firmware 3.5 or later, over HTTP or MQTT. As a master it is told alone; nodes follow it."""

    url: Url | None = None
    """Where it answers, such as http://192.168.0.76; `sunbox charger discover` finds it. Not needed over MQTT."""
    api: Literal["http", "mqtt"] = "http"
    """How it is spoken to. HTTP tells more, and at once."""
    mqtt: BrokerSettings | None = None
    """The broker that the box is connected to, for `api: mqtt`."""
    mqtt_prefix: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^+#\x00-\x1f]+$")] | None = None
    """What its topics begin with, as its web page shows; default: `SmartEVSE/` or `SmartEVSE-` and its serial number."""
    serial: Annotated[str, Field(pattern=r"^[0-9]{1,8}$")] | None = None
    """Its serial number in quotes, for `api: mqtt`."""
    interval_s: Annotated[float, Field(ge=1, le=30)] = 5.0
    """How often it is read. For some seconds after a command it is read each second, without a car every 10 s."""
    timeout_s: Annotated[float, Field(ge=2, le=60)] = 8.0
    """How long an answer may take."""
    base_mode: Base = "auto"
    """The mode in which it charges: `smart`, in which its own guard of the fuses stays, `normal`, or `auto`: smart where it has a
    mains meter."""
    min_a: Annotated[int, Field(ge=LEAST_A, le=16)] = LEAST_A
    """Least current per phase, as MIN in its menu (`current_min`): it refuses less."""
    max_a: Annotated[int, Field(ge=LEAST_A, le=MOST_A)] = 32
    """Most current per phase. What the box is set to counts beside it. Where the cable is in a socket, write what the thinnest
    cable bears: a current that is told counts for the box more than the cable."""
    phases: Literal[1, 3] = 3
    """Phases that it is wired to."""
    switch_phases: bool = True
    """Its second contactor may be switched (`enable_C2`), if it has one. Write false for a car that does not bear it."""
    feeds_currents: bool = False
    """Tell the box what flows at the mains, for its own guard of the fuses. It listens only where its mains meter is API."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.api == "mqtt" and (self.mqtt is None or (self.serial is None and self.mqtt_prefix is None)):
            raise ValueError(
                'api is mqtt: write the broker as mqtt: {url: "mqtt://192.168.0.5:1883"}, and the box\'s serial: "1234"'
            )
        if self.api == "http" and self.url is None:
            raise ValueError("url is missing; write the box's address, such as http://192.168.0.76")
        if self.api == "http" and self.mqtt is not None:
            raise ValueError("mqtt is written, and api is not; write api: mqtt, or leave mqtt out")
        if self.min_a > self.max_a:
            raise ValueError(f"min_a is {self.min_a} and max_a is {self.max_a}; write a min_a that is not above it")
        return self

    @property
    def address(self) -> str:
        """Return where it is, for people."""
        return (self.url or "") if self.api == "http" or self.mqtt is None else str(self.mqtt.broker)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Return what may stand before its topics."""
        if self.mqtt_prefix is not None:
            return (self.mqtt_prefix.rstrip("/"),)
        return prefixes_of(self.serial or "")

    @property
    def can_switch_phases(self) -> bool:
        """Return whether it may be told to use one phase or three."""
        return self.switch_phases and self.phases == 3


class SmartEvseMeterSettings(Written):
    """A meter of a SmartEVSE, read over HTTP, together with the charger of the same address if there is one."""

    url: Url
    """Where the box answers."""
    measures: Literal["mains", "ev", "circuit"] = "mains"
    """Which of its meters: `mains` for the grid connection, `ev` or `circuit` for a circuit below it (`circuits: - {meter: …}`)."""
    voltage_v: Annotated[float, Field(ge=100, le=260)] = 230.0
    """Voltage of a phase: the box tells currents, whose sum is turned into power with it."""
    timeout_s: Annotated[float, Field(ge=2, le=60)] = 8.0
    """How long an answer may take."""


def capabilities(charger: SmartEvseSettings, _: object = None) -> Capabilities:
    """Return what a SmartEVSE can do.

    Sources: its law runs every 2 s; the second contactor moves only while nothing flows, so it stops for that and begins again:
    17 s with a car that reacts at once, of which the contactor takes up to 6 s (C1), and a real car 10–15 s more.
    """
    return Capabilities(
        min_a=charger.min_a,
        max_a=charger.max_a,
        step_a=1,
        max_phases=charger.phases,
        phase_switch=PhaseSwitch(gap_s=30.0, settle_s=15.0) if charger.can_switch_phases else None,
        is_polled=True,
        settle_s=10.0,
        start_settle_s=25.0,
    )
