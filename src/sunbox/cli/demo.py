"""`sunbox demo` and `sunbox simulate`: a simulated home with a gateway, and the same home alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date
from pathlib import Path
from typing import NamedTuple

import click
from click.core import ParameterSource

from sunbox.app import running, serving_faces
from sunbox.cli.home import (
    GATEWAY_PORT,
    METER_PORT,
    TESLA_PORT,
    WORLD_PORT,
    SimulatedHome,
    build_home,
    charger_urls_of,
    config_document,
    local_url,
    write_config,
)
from sunbox.cli.live import run_until_stopped, set_up_logs
from sunbox.cli.options import port_option, speed_option
from sunbox.cli.smartevse import smartevse
from sunbox.net.http import client_factory
from sunbox.net.serving import Bound, Listener, serving
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.habits import Presence
from sunbox.simulator.powerwall_gateway import PASSWORD
from sunbox.simulator.scenario import (
    CarScenario,
    ChargerKind,
    ChargerScenario,
    Scenario,
    WallboxCarScenario,
    build_trace,
)
from sunbox.simulator.scenario_file import load_scenario
from sunbox.simulator.tesla_tokens import FIRST_ACCESS, FIRST_REFRESH

DEMO_BUDGET = {"per_month": 10.0}
"""What a demo may spend: Tesla's monthly discount."""

DEMO_HOME = Scenario(
    name="demo",
    seed=83,
    day=date(2024, 6, 15),
    presence=Presence.COMMUTER,
    cars=(CarScenario(soc_pct=30.0, limit_pct=90, never_full=False, asleep=False),),
)
"""A summer Saturday on which sun and clouds take turns and the car stays at home; a trip on Sunday, then to work."""

DEFAULT_KINDS = (ChargerKind.GOE,)
IDS: Mapping[ChargerKind, str] = {ChargerKind.GOE: "garage", ChargerKind.SMARTEVSE: "drive"}
"""What the wallboxes of a home without a scenario are called."""


def simulated_home(kinds: Iterable[ChargerKind]) -> Scenario:
    """Return what `sunbox simulate` serves without a scenario; nobody has plugged a car into a wallbox yet."""
    car = WallboxCarScenario(plugged=False, never_full=False)
    return Scenario(
        start="08:00",
        chargers=tuple(ChargerScenario(id=IDS[kind], kind=kind, vehicle=car) for kind in dict.fromkeys(kinds)),
    )


NAMES: Mapping[ChargerKind, str] = {ChargerKind.GOE: "go-e", ChargerKind.SMARTEVSE: "SmartEVSE"}
PAGES: Mapping[ChargerKind, str] = {ChargerKind.GOE: "/api/status", ChargerKind.SMARTEVSE: "/settings"}
"""What people call each kind of charger, and where it says all that it has to say."""


@click.command(
    epilog="""\b
Examples:
  sunbox demo
  sunbox demo --speed 1
  sunbox demo --trace june.csv.gz --speed 120 --port 5050
"""
)
@click.option(
    "--trace",
    type=click.Path(dir_okay=False),
    help="CSV or CSV.gz instead of the generated summer: time, pv_w_per_kwp or pv_w, load_w.",
)
@speed_option(60.0)
@port_option("--port", 5000, "Port of page and API.")
@port_option("--port-base", TESLA_PORT, "Port of the simulated Tesla cloud; the meter is 4 above.", most=65000)
@port_option("--world-port", WORLD_PORT, "Port of the world control.")
@click.option(
    "--folder",
    default="sunbox-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where configuration, store and journal of the demo go.",
)
@click.option(
    "--battery-kwh", default=0.0, show_default=True, type=click.FloatRange(0, 1000), help="Size of the home battery."
)
@click.option("-v", "--verbose", is_flag=True, help="Log everything.")
def demo(
    trace: str | None,
    speed: float,
    port: int,
    port_base: int,
    world_port: int,
    folder: Path,
    battery_kwh: float,
    *,
    verbose: bool,
) -> None:
    """Watch a simulated solar home with a Tesla live a summer's day.

    The gateway is the real one; sun, house, car and Tesla's cloud are simulated and reached over loopback HTTP.
    """
    set_up_logs(is_verbose=verbose)
    scenario = replace(DEMO_HOME, trace=trace, battery_kwh=battery_kwh)
    ports = Ports.of(port_base, world_port)
    run_until_stopped(lambda stop: _demo(scenario, speed, port, ports, folder, stop), speed=speed)


class Ports(NamedTuple):
    """Where the simulated devices are served."""

    tesla: int
    gateway: int
    meter: int
    world: int

    @classmethod
    def of(cls, base: int, world: int) -> Ports:
        """Return the ports of a base, at the distances of the standard ones."""
        return cls(
            tesla=base,
            gateway=base + GATEWAY_PORT - TESLA_PORT,
            meter=base + METER_PORT - TESLA_PORT,
            world=world,
        )

    def listeners(self, home: SimulatedHome) -> list[Listener]:
        """Return what is served of a home."""
        apps = home.apps(tesla_port=self.tesla, meter_port=self.meter, world_port=self.world, gateway_port=self.gateway)
        secure = {} if home.gateway is None else {self.gateway: home.gateway.tls()}
        return [
            Listener(
                app=app,
                host="127.0.0.1",
                port=port,
                tls=secure.get(port),
                most_connections=getattr(app, "most_connections", None),
            )
            for port, app in apps.items()
        ]


async def _demo(scenario: Scenario, speed: float, port: int, ports: Ports, folder: Path, stop: asyncio.Event) -> None:
    home = _home(scenario, ports)
    # Each demo is a world of its own: what an earlier one remembered of its car and tokens would be wrong here.
    for name in ("tokens.json", "tokens.json.by-hand", "sunbox.db", "sunbox.db-wal", "sunbox.db-shm"):
        (folder / name).unlink(missing_ok=True)
    async with serving(ports.listeners(home), speed=speed):
        document = config_document(
            home,
            tesla_url=local_url(ports.tesla),
            meter_url=local_url(ports.meter),
            port=port,
            budget=DEMO_BUDGET,
            journal=False,
            charger_urls=charger_urls_of(home, ports.tesla),
        )
        config = write_config(folder, document)
        clients = client_factory(speed=speed)
        async with (
            running(config, clients, LoopClock(home.world.clock.now())) as gateway,
            serving_faces(gateway, config, speed=speed) as (main, *_),
        ):
            click.echo(_welcome(main.bound, speed, ports, folder))
            await stop.wait()


def _home(scenario: Scenario, ports: Ports) -> SimulatedHome:
    trace = build_trace(scenario)
    begins_at = scenario.start_at() if scenario.trace is None else trace.start_at.astimezone(UTC)
    return build_home(scenario, LoopClock(begins_at), trace=trace, tesla_url=local_url(ports.tesla))


def _welcome(bound: Bound, speed: float, ports: Ports, folder: Path) -> str:
    return f"""\
A simulated home runs at {speed:g} times real time.
  page      {bound.url}/
  try       curl {bound.url}/tlwb/1/status
            curl '{bound.url}/tlwb/1/control?1'        start    (?0 stops)
            curl '{bound.url}/tlwb/1/set_amps?10'      amps     /set_soc?60  /set_mode?pv
  world     curl {local_url(ports.world)}/world              what is true, and what Tesla would charge
            curl -X PATCH {local_url(ports.world)}/world -d '{{"sun": {{"factor": 0.2}}}}'   clouds
  config    {folder / "sunbox.yaml"}
Ctrl-C stops it."""


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[smartevse ...]",
    epilog="""\b
Examples:
  sunbox simulate
  sunbox simulate --scenario winter.yaml --speed 10
  sunbox simulate --charger smartevse
  sunbox simulate --port-base 6100 --world-port 6199
  sunbox simulate smartevse --script steps.json
""",
)
@click.option(
    "--scenario",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file that describes the home (docs/world.md).",
)
@click.option(
    "--charger",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in ChargerKind]),
    help="Which wallbox there is without a scenario; may be given again. Default: goe.",
)
@port_option(
    "--port-base",
    TESLA_PORT,
    "Tesla's cloud here, the first go-e 1 above, the first SmartEVSE 2, a Powerwall's gateway 3, the meter 4, further wallboxes behind it.",
    most=65000,
)
@port_option("--world-port", WORLD_PORT, "Port of the world control.")
@speed_option(1.0)
@click.option("-v", "--verbose", is_flag=True, help="Log everything.")
@click.pass_context
def simulate(
    ctx: click.Context,
    path: Path | None,
    kinds: tuple[str, ...],
    port_base: int,
    world_port: int,
    speed: float,
    *,
    verbose: bool,
) -> None:
    """Run the simulated devices alone, for trying any client against them."""
    if ctx.invoked_subcommand is not None:
        refuse_given(ctx)
        return
    set_up_logs(is_verbose=verbose)
    if path is not None and kinds:
        raise click.BadParameter("a scenario names its own `chargers`; leave one of them out", param_hint="--charger")
    scenario = load_scenario(path) if path is not None else simulated_home(map(ChargerKind, kinds or DEFAULT_KINDS))
    ports = Ports.of(port_base, world_port)
    run_until_stopped(lambda stop: _simulate(scenario, ports, speed, stop), speed=speed)


def _about_powerwall(home: SimulatedHome, ports: Ports) -> str:
    if home.gateway is None:
        return ""
    site = home.gateway.site.settings.site_id
    where = local_url(ports.gateway).replace("http:", "https:")
    return (
        f"\n  Powerwall      {where}   (the gateway, with a certificate of its own; password {PASSWORD}; in the cloud it is "
        f"site {site})"
    )


async def _simulate(scenario: Scenario, ports: Ports, speed: float, stop: asyncio.Event) -> None:
    home = _home(scenario, ports)
    async with serving(ports.listeners(home), speed=speed):
        vins = ", ".join(car.vin for car in home.world.cars.values() if isinstance(car, TeslaCar)) or "none"
        urls = charger_urls_of(home, ports.tesla)
        chargers = "".join(
            f"  {f'{NAMES[own.kind]} {own.id}':<13}  {urls[own.id]}{PAGES[own.kind]}\n" for own in scenario.chargers
        )
        click.echo(f"""\
Simulated devices run at {speed:g} times real time.
  Tesla's cloud  {local_url(ports.tesla)}   (VIN {vins}; access token {FIRST_ACCESS}, refresh token {FIRST_REFRESH})
{chargers}\
  meter          {local_url(ports.meter)}/meter{_about_powerwall(home, ports)}
  world          {local_url(ports.world)}/world   (GET shows it, PATCH changes it)
Ctrl-C stops it.""")
        await stop.wait()


def refuse_given(ctx: click.Context) -> None:
    """Refuse options of the home before a device's name: they would change nothing.

    Raises:
        click.UsageError: there are some.
    """
    given = [each for each in ctx.params if ctx.get_parameter_source(each) is ParameterSource.COMMANDLINE]
    names = [each.opts[0] for each in ctx.command.params if each.name in given]
    if names:
        raise click.UsageError(
            f"{', '.join(names)} is for the home; options of {ctx.invoked_subcommand} stand behind it"
        )


simulate.add_command(smartevse)
