"""What an owner writes about a go-eCharger (`chargers: - {driver: goe, …}`).

The keys that every charger has (`id`, `name`) belong to `config/`, not here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from sunbox.core.settings import Capabilities, PhaseSwitch
from sunbox.dialects.goe.decide import LEAST_A
from sunbox.dialects.goe.topics import PREFIX
from sunbox.drivers.written import Written, bare_address
from sunbox.net.mqtt import BrokerSettings

Api = Literal["auto", "v2", "v1", "mqtt"]


def _checked_url(url: str) -> str:
    return bare_address(
        url,
        example="http://192.168.0.75",
        why="the charger's API has no password",
        paths=("/api/status", "/api/set", "/status", "/mqtt"),
    )


class GoeChargerSettings(Written):
    """One go-eCharger: Gemini, CORE, PRO, V3 and later over HTTP API v2 or MQTT, older ones over v1.

    Switch on *Allow access to the HTTP API v2* in the go-e app (Internet, Advanced settings).
    """

    url: Annotated[str, AfterValidator(_checked_url)] | None = None
    """Where it answers, such as http://192.168.0.75; `sunbox charger discover` finds it. Not needed over MQTT."""
    api: Api = "auto"
    """Which API it is spoken to: `v2`, `v1` (knows no phases), `mqtt`, or `auto`: v2, and v1 while v2 is switched off."""
    mqtt: BrokerSettings | None = None
    """The broker that the charger is connected to, for `api: mqtt`."""
    mqtt_prefix: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^+#\x00-\x1f]+$")] = PREFIX
    """What its topics begin with, before its serial number."""
    serial: Annotated[str | None, Field(pattern=r"^[0-9A-Za-z]{4,16}$")] = None
    """Its serial number, six digits in quotes, for `api: mqtt`."""
    interval_s: Annotated[float, Field(ge=1, le=30)] = 5.0
    """How often it is read. For some seconds after a command it is read each second, without a car every 10 s."""
    timeout_s: Annotated[float, Field(ge=4, le=60)] = 8.0
    """How long an answer may take; a busy charger takes 3 s to say so."""
    max_a: Annotated[int, Field(ge=LEAST_A, le=32)] = 32
    """Most current per phase: 16 for an 11 kW box. What box, cable and heat allow at the moment counts beside it."""
    phases: Literal[1, 3] = 3
    """Phases that it is wired to."""
    switch_phases: bool = True
    """It may be switched between one phase and three. Write false for a car that does not bear it."""
    feeds_surplus: bool = False
    """Tell the charger every 5 s what the house exports (`ids`), for its own surplus logic. For a charger that no loadpoint
    uses: the two would contradict each other."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.api == "mqtt" and (self.mqtt is None or self.serial is None):
            raise ValueError(
                'api is mqtt: write the broker as mqtt: {url: "mqtt://192.168.0.5:1883"}, and the charger\'s serial: "123456"'
            )
        if self.api != "mqtt" and self.url is None:
            raise ValueError("url is missing; write the charger's address, such as http://192.168.0.75")
        if self.api != "mqtt" and self.mqtt is not None:
            raise ValueError("mqtt is written, and api is not; write api: mqtt, or leave mqtt out")
        if self.feeds_surplus and self.api == "v1":
            raise ValueError("feeds_surplus needs API v2; write api: v2, or leave api out")
        return self

    @property
    def address(self) -> str:
        """Return where it is, for people."""
        return self.url or (str(self.mqtt.broker) if self.mqtt is not None else "")

    @property
    def can_switch_phases(self) -> bool:
        """Return whether it can be told to use one phase or three."""
        return self.switch_phases and self.phases == 3 and self.api != "v1"


def capabilities(charger: GoeChargerSettings, _: object = None) -> Capabilities:
    """Return what a go-eCharger can do.

    Sources: IEC 61851 knows no less than 6 A; its logic runs once a second; it pauses 10 s for a switch of phases (`psmd`),
    before which the car ramps down and after which it takes 10–15 s to begin (reference of the manufacturer, evcc).
    """
    return Capabilities(
        min_a=LEAST_A,
        max_a=charger.max_a,
        step_a=1,
        max_phases=charger.phases,
        phase_switch=PhaseSwitch(gap_s=30.0, settle_s=15.0) if charger.can_switch_phases else None,
        is_polled=True,
        settle_s=8.0,
        start_settle_s=25.0,
    )
