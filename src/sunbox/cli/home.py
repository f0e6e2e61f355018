"""A simulated home and a gateway for it: the same product code as at a real home, only the addresses differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from sunbox.app import REGISTRY
from sunbox.clock import Clock
from sunbox.config.loader import Config, load
from sunbox.core.commands import RequestKind
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.control import meter_app, world_app
from sunbox.simulator.energy_site import EnergySite
from sunbox.simulator.goe_app import create_goe_app
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.powerwall import Powerwall
from sunbox.simulator.powerwall_gateway import PASSWORD, PowerwallGateway
from sunbox.simulator.scenario import ChargerKind, ChargerScenario, MainsMeter, Scenario, build_world
from sunbox.simulator.score import BillCounts, Score, score
from sunbox.simulator.smartevse_app import HouseSmartEvseApp
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_tokens import FIRST_REFRESH
from sunbox.simulator.trace import Trace
from sunbox.simulator.troubles import Trouble, troubles
from sunbox.simulator.wallbox import TeslaWallbox, Wallbox
from sunbox.simulator.world import World

TESLA_PORT, GOE_PORT, SMARTEVSE_PORT, GATEWAY_PORT, METER_PORT, WORLD_PORT = 5100, 5101, 5102, 5103, 5104, 5199
"""Where simulated devices are served (docs/design.md)."""

METER_INTERVAL_S = 10.0

POWERWALL_METERS: Mapping[str, Mapping[str, Any]] = {
    "local": {"local": {"url": f"http://127.0.0.1:{GATEWAY_PORT}", "password": PASSWORD}},
    "cloud": {},
}
"""What the owner of a Powerwall writes about it, by where it is read: the gateway at home, or Tesla's cloud."""


@dataclass(frozen=True, slots=True)
class SimulatedHome:
    """A world with Tesla's cloud in front of its cars and a meter at its grid connection."""

    world: World
    cloud: TeslaCloud
    scenario: Scenario
    gateway: PowerwallGateway | None = None
    chargers: Mapping[str, Wallbox | TeslaWallbox] = field(default_factory=dict)  #: the world's, by id

    def apps(
        self,
        *,
        tesla_port: int,
        meter_port: int,
        world_port: int,
        gateway_port: int = GATEWAY_PORT,
        charger_ports: Sequence[int] = (),
    ) -> dict[int, Any]:
        """Return what is served, by port: the gateway where there is a Powerwall, chargers from `tesla_port` on by default."""
        world = self.world
        ports = charger_ports or ports_of_chargers(tesla_port, self.kinds)
        boxes = {port: self._app_of(each) for port, each in zip(ports, self.chargers.values(), strict=True)}
        gateway = {} if self.gateway is None else {gateway_port: self.gateway.app}
        return {
            tesla_port: self.cloud.app,
            **boxes,
            **gateway,
            meter_port: meter_app(world),
            world_port: world_app(world),
        }

    @property
    def kinds(self) -> tuple[ChargerKind, ...]:
        """Return the kind of each charger."""
        return tuple(charger.kind for charger in self.scenario.chargers)

    def _app_of(self, wallbox: Wallbox | TeslaWallbox) -> Any:
        charger, world = wallbox.charger, self.world
        if isinstance(charger, GoeCharger):
            return create_goe_app(charger, world.clock.now, world.sync)
        return HouseSmartEvseApp(charger, world.sync)

    def befall(self, fault: Mapping[str, Any]) -> None:
        """Have one thing go wrong: a fault of Tesla's cloud, or what befalls each charger (`troubles.py`)."""
        if "kind" in fault:
            self.cloud.add_faults([dict(fault)])
            return
        self.world.sync()
        for each in self.chargers.values():
            each.check(dict(fault))
            each.change(dict(fault))

    async def trouble(self, kinds: tuple[Trouble, ...], seed: int) -> None:
        """Have things go wrong as in a usual week, for ever."""
        clock = self.cloud.clock
        now = clock.now()
        for at, fault in troubles(seed, self.world.place.timezone, now, now + timedelta(days=3660), kinds):
            await asyncio.sleep(max(0.0, (at - clock.now()).total_seconds()))
            self.befall(fault)

    def score(self, days: float | None = None) -> Score:
        """Return what the time so far was worth."""
        self.world.sync()
        bill = self.cloud.bill
        boxes = [each.charger for each in self.chargers.values()]
        counts = BillCounts(
            commands=bill.count(RequestKind.COMMAND) + sum(box.asked.sets for box in boxes),
            wakes=bill.count(RequestKind.WAKE),
            data=bill.count(RequestKind.DATA),
            dollars=bill.total.dollars,
            phase_switches=sum(box.phase_switches for box in boxes),
        )
        return score(self.world.total(), counts, days)


def build_home(
    scenario: Scenario,
    clock: Clock,
    *,
    trace: Trace | None = None,
    cloud: CloudSettings | None = None,
    tesla_url: str | None = None,
) -> SimulatedHome:
    """Return the home of a scenario, which begins at `clock.now()`; `tesla_url` is where its cloud says that it is.

    Raises:
        TraceError: the scenario's file cannot be read.
    """
    world = build_world(scenario, clock, trace=trace)
    cars = [car for car in world.cars.values() if isinstance(car, TeslaCar)]
    site = EnergySite(world) if isinstance(world.battery, Powerwall) else None
    tesla = TeslaCloud(
        clock,
        cars,
        sites=() if site is None else (site,),
        sync=world.sync,
        settings=cloud,
        timezone=world.place.timezone,
        base_url=tesla_url or local_url(TESLA_PORT),
        seed=scenario.seed,
    )
    world.attach("tesla", tesla)
    gateway = None if site is None else PowerwallGateway(site, seed=scenario.seed)
    chargers = {each.id: each for each in world.chargers.values() if isinstance(each, Wallbox | TeslaWallbox)}
    return SimulatedHome(world, tesla, scenario, gateway, chargers)


def local_url(port: int) -> str:
    """Return the address of a port of this machine."""
    return f"http://127.0.0.1:{port}"


PORTS: Mapping[ChargerKind, int] = {ChargerKind.GOE: GOE_PORT, ChargerKind.SMARTEVSE: SMARTEVSE_PORT}
"""Where the first charger of each kind is served."""


def ports_of_chargers(tesla_port: int, kinds: Sequence[ChargerKind]) -> list[int]:
    """Return where chargers are served: the first of each kind beside Tesla's cloud, all others behind the meter."""
    ports: list[int] = []
    next_port = METER_PORT + 1
    for index, kind in enumerate(kinds):
        is_first = kind not in kinds[:index]
        ports.append(tesla_port - TESLA_PORT + (PORTS[kind] if is_first else next_port))
        next_port += not is_first
    return ports


def charger_urls_of(home: SimulatedHome, tesla_port: int = TESLA_PORT) -> dict[str, str]:
    """Return the address of each charger by its id."""
    ports = ports_of_chargers(tesla_port, home.kinds)
    return {charger_id: local_url(port) for charger_id, port in zip(home.chargers, ports, strict=True)}


def write_config(folder: Path, document: Mapping[str, Any]) -> Config:
    """Write what `config_document` returned as the `sunbox.yaml` of a folder, and return it checked.

    The token file is written only if there is none: a restart goes on with the tokens that it has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sunbox.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    tokens = folder / "tokens.json"
    if "tesla" in document and not tokens.exists():
        tokens.touch(mode=0o600)
        tokens.write_text(json.dumps({"refresh_token": FIRST_REFRESH, "client_id": "simulated"}), encoding="utf-8")
    return load(path, REGISTRY)


def config_document(
    home: SimulatedHome,
    *,
    tesla_url: str,
    meter_url: str,
    port: int = 5000,
    loadpoint: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    journal: bool = True,
    meter: Mapping[str, Any] | None = None,
    vehicle: Mapping[str, Any] | None = None,
    charger_urls: Mapping[str, str] | None = None,
    powerwall: Mapping[str, Any] | None = None,
    site: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the configuration that an owner of this home would have.

    Args:
        home: what the configuration is for.
        tesla_url: where Tesla's cloud answers.
        meter_url: where the meter answers.
        port: of the faces.
        loadpoint: further keys of each loadpoint.
        budget: of the account; None = unlimited.
        journal: whether a journal is written to files.
        meter: further keys of the meter.
        vehicle: further keys of each car.
        charger_urls: where each charger answers, by id; default where it is served beside the standard ports.
        powerwall: keys of the Powerwall as the home's only meter (`POWERWALL_METERS`); None = the plain meter is read.
        site: further keys of the site.
    """
    place = home.world.place
    has_battery = home.world.battery is not None
    cars = [car for car in home.world.cars.values() if isinstance(car, TeslaCar)]
    urls = charger_urls_of(home) if charger_urls is None else charger_urls
    quantities = {"grid_w": "$.grid_w", "pv_w": "$.pv_w", "time": "$.time"}
    if has_battery:
        quantities |= {"battery_w": "$.battery_w", "battery_soc_pct": "$.battery_soc_pct"}
    document: dict[str, Any] = {
        "site": {"name": place.name, "timezone": place.timezone.key, **(site or {})},
        "places": [
            {"name": "Home", "lat": place.latitude, "lon": place.longitude, "radius_m": 60, "tags": ["home", "pv"]}
        ],
        "tesla": {"account": "tokens.json", "base_url": tesla_url, "auth_url": tesla_url},
        "chargers": [
            {"id": own.id, "driver": DRIVERS[own.kind], "url": urls[own.id], **_about_charger(own)}
            for own in home.scenario.chargers
        ],
        "meters": [
            {
                "id": "house",
                "driver": "http",
                "url": meter_url,
                "interval_s": METER_INTERVAL_S,
                **quantities,
                **(meter or {}),
            }
        ],
        "vehicles": [{"id": car.id, "driver": "tesla", "vin": car.vin, **(vehicle or {})} for car in cars],
        "loadpoints": [
            {
                "id": f"carport{number}" if number > 1 else "carport",
                "vehicle": car.id,
                "mode": "pv",
                **(loadpoint or {}),
            }
            for number, car in enumerate((car for car in cars if not car.is_boxed), start=1)
        ]
        + [_charger_loadpoint(each, loadpoint) for each in home.chargers.values()],
        "faces": {"port": port},
        "store": "sqlite:///sunbox.db",
    }
    if powerwall is not None:
        number = home.cloud.sites[0].settings.site_id
        document["meters"] = [{"id": "powerwall", "driver": "powerwall", "site": number, **powerwall}]
    if budget is not None:
        document["tesla"]["budget"] = dict(budget)
    document["journal"] = {"enabled": journal, "folder": "journal"}
    if not cars:
        del document["vehicles"]
        if powerwall is None:
            del document["tesla"]
    if not home.chargers:
        del document["chargers"]
    return document


DRIVERS: Mapping[ChargerKind, str] = {ChargerKind.GOE: "goe", ChargerKind.SMARTEVSE: "smartevse"}
"""What drives each kind of charger."""


def _about_charger(own: ChargerScenario) -> dict[str, Any]:
    """Return what the owner of a charger must write beside its address."""
    if own.kind is not ChargerKind.SMARTEVSE:
        return {}
    wiring = {} if own.supply_phases == 3 else {"phases": own.supply_phases}
    return wiring | ({"feeds_currents": True} if own.mains is MainsMeter.API else {})


def _charger_loadpoint(charger: Wallbox | TeslaWallbox, further: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the loadpoint of a wallbox, named as it is; a Tesla that is plugged into it stands there."""
    vehicle = {"vehicle": charger.car_id} if isinstance(charger, TeslaWallbox) else {}
    return {"id": charger.id, "charger": charger.id, **vehicle, "mode": "pv", **(further or {})}
