"""`sunbox day`: whole days in virtual time through the real gateway, drivers and HTTP, and what they were worth."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sunbox.app import running
from sunbox.cli.home import (
    METER_PORT,
    POWERWALL_METERS,
    TESLA_PORT,
    SimulatedHome,
    build_home,
    config_document,
    local_url,
    write_config,
)
from sunbox.cli.live import set_up_logs
from sunbox.cli.options import Within, count_or_unlimited, kwp_option, phases_or_auto, traces_option
from sunbox.core.commands import RequestKind
from sunbox.core.wallbox import SiteSnapshot
from sunbox.net.http import client_factory
from sunbox.simulator.bench.setup import DEFAULT_MAX_A
from sunbox.simulator.bill import Counts
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.habits import Presence
from sunbox.simulator.powerwall import UNIT_WH
from sunbox.simulator.scenario import (
    CarScenario,
    ChargerKind,
    ChargerScenario,
    MeterScenario,
    Scenario,
    WallboxCarScenario,
    build_trace,
)
from sunbox.simulator.score import Score
from sunbox.simulator.tesla_cloud import BLE_PROXY, SIGNING_PROXY
from sunbox.simulator.trace import Trace
from sunbox.simulator.troubles import AT_GOE, AT_SMARTEVSE, OVER_BLUETOOTH, OVER_CLOUD, Trouble

METER_DELAY_S = 10.0
DAY_S = 86400.0

KINDS_OF_TROUBLE: dict[str, tuple[Trouble, ...]] = {
    "fleet": OVER_CLOUD,
    "signing": OVER_CLOUD,
    "ble": OVER_BLUETOOTH,
    "ble+fleet": (*OVER_BLUETOOTH, *OVER_CLOUD),
    ChargerKind.GOE: AT_GOE,
    ChargerKind.SMARTEVSE: AT_SMARTEVSE,
}
"""By the way to the cars, or by the charger that they stand at."""


BLE_URL, SIGNING_URL = (local_url(TESLA_PORT) + path for path in (BLE_PROXY, SIGNING_PROXY))

WAYS: dict[str, dict[str, Any]] = {
    "fleet": {},
    "signing": {"commands": ["proxy"], "proxy_url": SIGNING_URL, "proxy_kind": "signing"},
    "ble": {"commands": ["proxy"], "proxy_url": BLE_URL, "proxy_kind": "ble"},
    "ble+fleet": {"commands": ["proxy", "fleet"], "proxy_url": BLE_URL, "proxy_kind": "ble"},
}
"""How the cars are reached, and what the owner writes for it."""

UNSIGNED_WAYS = ("fleet", "ble+fleet")
"""Those for which the cars must take plain commands, as older ones do."""


CHARGER_LEAST_A, CHARGER_MOST_A = 6, 32
"""What a charger can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOptions:
    """What a run is made of. A budget of None is unlimited; `per_month` is money.

    With a charger there are no Teslas: each car stands at its own one. `phases` None is three of them, which it switches.
    """

    traces: tuple[str, ...] = ()
    kwp: float = 10.0
    charger: ChargerKind | None = None
    phases: int | None = 1
    max_amps: int | None = None
    min_amps: int | None = None
    battery_kwh: float = 0.0
    battery: str | None = None
    battery_meter: str | None = None
    commands_per_day: int | None = None
    per_month: float | None = None
    presence: Presence = Presence.ALWAYS
    cars: int = 1
    way: str = "fleet"
    troubles: bool = False
    days: float | None = None
    seed: int = 1
    journal: Path | None = None

    def scenario(self, trace: str | None) -> Scenario:
        """Return the home that these options describe."""
        return Scenario(
            seed=self.seed,
            trace=trace,
            kwp=self.kwp,
            phases=self.phases or 3,
            max_amps=self.max_amps,
            battery_kwh=self.battery_kwh,
            powerwalls=self.powerwalls,
            presence=self.presence,
            start="00:00",
            meter=MeterScenario(delay_s=METER_DELAY_S),
            cars=self._teslas() if self.charger is None else (),
            chargers=() if self.charger is None else self._chargers(self.charger),
        )

    @property
    def powerwalls(self) -> int:
        """Return how many Powerwalls there are: as many as the energy asked for takes, else one."""
        return 0 if self.battery is None else max(1, math.ceil(1000.0 * self.battery_kwh / UNIT_WH))

    @property
    def powerwall_meter(self) -> Mapping[str, Any] | None:
        """Return what the owner writes about the Powerwall as a meter, None where another one is read."""
        return None if self.battery_meter is None else POWERWALL_METERS[self.battery_meter]

    def _teslas(self) -> tuple[CarScenario, ...]:
        needs_signing = self.way not in UNSIGNED_WAYS
        return tuple(
            CarScenario(
                id=f"model3{number or ''}",
                charges_at_plug_in=True,
                needs_signing=needs_signing,
            )
            for number in range(self.cars)
        )

    def _chargers(self, kind: ChargerKind) -> tuple[ChargerScenario, ...]:
        phases = self.phases or 3
        max_amps = self.max_amps or DEFAULT_MAX_A[(phases,)]
        return tuple(
            ChargerScenario(
                id=f"garage{number or ''}",
                kind=kind,
                supply_phases=phases,
                max_amps=max_amps,
                vehicle=WallboxCarScenario(phases=phases, max_amps=max_amps),
            )
            for number in range(self.cars)
        )

    def loadpoint(self) -> dict[str, Any]:
        """Return what the owner writes about each loadpoint."""
        amps = {"min_a": self.min_amps, "max_a": self.max_amps}
        phases = {} if self.charger is None else {"phases": self.phases or "auto"}
        return {key: value for key, value in amps.items() if value is not None} | phases

    def budget(self) -> dict[str, Any] | None:
        """Return what the owner writes about what may be spent; chargers cost nothing."""
        if self.charger is not None:
            return None
        return {
            "per_month": "unlimited" if self.per_month is None else self.per_month,
            "commands_per_day": self.commands_per_day or "unlimited",
        }

    @property
    def kinds_of_trouble(self) -> tuple[Trouble, ...]:
        """Return what goes wrong."""
        return KINDS_OF_TROUBLE[self.charger or self.way]


def run_days(
    options: DayOptions,
    trace: str | None,
    progress: Callable[[float], None] = lambda _: None,
    watch: Callable[[SimulatedHome, SiteSnapshot], None] = lambda _, __: None,
) -> Score:
    """Run one trace (None = the generated summer day) from its beginning to its end and return what it was worth.

    Args:
        options: what the run is made of.
        trace: the file.
        progress: told the share that is done.
        watch: told at the end, while all still runs, what is true and what the gateway shows.

    Raises:
        TraceError: the trace cannot be read.
    """
    scenario = options.scenario(trace)
    recorded = build_trace(scenario)
    begins_at = recorded.start_at.astimezone(UTC)
    length_s = DAY_S if trace is None else (recorded.end_at - recorded.start_at).total_seconds()
    if options.days is not None:
        length_s = min(length_s, options.days * DAY_S) if trace is not None else options.days * DAY_S
    with tempfile.TemporaryDirectory(prefix="sunbox-day-") as folder:
        main = _live(options, scenario, recorded, begins_at, length_s, Path(folder), progress, watch)
        return run_in(VirtualTimeLoop, main)


async def _live(
    options: DayOptions,
    scenario: Scenario,
    trace: Trace,
    begins_at: datetime,
    length_s: float,
    folder: Path,
    progress: Callable[[float], None],
    watch: Callable[[SimulatedHome, SiteSnapshot], None],
) -> Score:
    clock = LoopClock(begins_at)
    home = build_home(scenario, clock, trace=trace)
    apps = home.apps(tesla_port=TESLA_PORT, meter_port=METER_PORT, world_port=0)
    clients = client_factory(apps={local_url(port): app for port, app in apps.items() if port})
    document = config_document(
        home,
        tesla_url=local_url(TESLA_PORT),
        meter_url=local_url(METER_PORT),
        loadpoint=options.loadpoint(),
        budget=options.budget(),
        journal=options.journal is not None,
        vehicle=WAYS[options.way],
        powerwall=options.powerwall_meter,
    )
    config = write_config(folder, document)
    async with running(config, clients, clock, is_virtual=True) as gateway:
        loop = asyncio.get_running_loop()
        trouble = asyncio.create_task(home.trouble(options.kinds_of_trouble, options.seed))
        if not options.troubles:
            trouble.cancel()
        ends_s = loop.time() + length_s
        while loop.time() < ends_s:
            await asyncio.sleep(min(3600.0, ends_s - loop.time()))
            progress(1.0 - (ends_s - loop.time()) / length_s)
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)
        result = home.score()
        watch(home, gateway.snapshot())
    if options.journal is not None:
        options.journal.mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / "journal").iterdir()):
            (options.journal / path.name).write_bytes(path.read_bytes())
    return result


ROWS: tuple[tuple[str, str, str], ...] = (
    ("days", "days", ""),
    ("charged_kwh", "energy to the car", "kWh"),
    ("solar_kwh", "of it solar", "kWh"),
    ("capture_pct", "capture (solar ÷ usable surplus)", "%"),
    ("battery_pct", "of it from the home battery", "%"),
    ("import_kwh_per_30d", "import by the car, per 30 days", "kWh"),
    ("net_pct", "net (capture - import)", "%"),
    ("starts_per_day", "starts per day", ""),
    ("phase_switches_per_day", "phase switches per day", ""),
    ("commands_per_day", "commands per day", ""),
    ("wakes_per_day", "wakes per day", ""),
    ("data_per_day", "data reads per day", ""),
    ("dollars_per_month", "dollars per 30 days", "$"),
)
"""What is printed: JSON key, words, unit."""


@click.command(
    epilog="""\b
Examples:
  sunbox day                                       a generated summer day
  sunbox day --trace june.csv.gz --kwp 10 --phases 1 --max-amps 32 --min-amps 6
  sunbox day --trace a.csv --trace b.csv --json
  sunbox day --days 7 --cars 2 --presence commuter --per-month 2 --troubles
  sunbox day --charger goe --phases auto --trace june.csv.gz --troubles
  sunbox day --charger smartevse --phases auto --min-amps 6 --trace june.csv.gz
  sunbox day --battery powerwall --battery-meter local --trace june.csv.gz
"""
)
@traces_option(is_required=False)
@kwp_option
@click.option(
    "--charger",
    type=click.Choice([kind.value for kind in ChargerKind]),
    help="Cars without a cloud, each at such a wallbox, instead of Teslas at sockets.",
)
@click.option(
    "--phases",
    default="1",
    show_default=True,
    callback=phases_or_auto,
    help="Phases that the car charges on: 1 or 3; auto with a charger, which switches them.",
)
@click.option(
    "--max-amps",
    type=click.IntRange(5, 48),
    help="Most that socket and car take; default 32 on one phase, 16 on three.",
)
@click.option("--min-amps", type=click.IntRange(5, 32), help="Least current; default the car's 5 A.")
@click.option(
    "--battery-kwh", default=0.0, show_default=True, type=click.FloatRange(0, 1000), help="Size of the home battery."
)
@click.option(
    "--battery",
    type=click.Choice(["powerwall"]),
    help="The home battery is Powerwalls: one, or as many as --battery-kwh takes.",
)
@click.option(
    "--battery-meter",
    type=click.Choice(list(POWERWALL_METERS)),
    help="The Powerwall is the only meter: its gateway at home, every 5 s, or Tesla's cloud, every 60 s.",
)
@click.option(
    "--commands-per-day",
    default="unlimited",
    show_default=True,
    callback=count_or_unlimited,
    help="Hard line for commands and wakes.",
)
@click.option("--per-month", type=Within(0.0, 1000.0), help="Dollars per month for the car; default unlimited.")
@click.option(
    "--presence",
    default="always",
    show_default=True,
    type=click.Choice([presence.value for presence in Presence]),
    help="always: home, plugged in and never full. commuter: away on workdays.",
)
@click.option("--cars", default=1, show_default=True, type=click.IntRange(1, 4), help="How many of them.")
@click.option(
    "--way",
    default="fleet",
    show_default=True,
    type=click.Choice(list(WAYS)),
    help="How the cars are reached: Tesla's Fleet API, a signing proxy, a Bluetooth proxy, or Bluetooth first.",
)
@click.option(
    "--troubles", is_flag=True, help="Things go wrong as in a usual week: late, lost, refused, wrong answers."
)
@click.option("--days", type=click.FloatRange(min=0.01), help="Only so many days of the trace.")
@click.option("--seed", default=1, show_default=True, type=int, help="Of everything random.")
@click.option(
    "--journal",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the journal in this folder (for `sunbox replay`).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def day(traces: tuple[str, ...], presence: str, charger: str | None, as_json: bool, **options: Any) -> None:
    """Run whole days in virtual time and print what they were worth.

    Gateway, drivers and HTTP are the real ones, the world is simulated: the grid meter is read every 10 s and is 10 s late,
    the car lags, sleeps, refuses and bills.
    """
    set_up_logs(is_quiet=True, is_silent=bool(options["troubles"]))  # what goes wrong on purpose is no news
    kind = None if charger is None else ChargerKind(charger)
    chosen = DayOptions(traces=traces, presence=Presence(presence), charger=kind, **options)
    _check(chosen)
    results = []
    cars: dict[str | None, list[dict[str, Any]]] = {}
    for trace in traces or (None,):
        began_s = time.perf_counter()
        cars[trace] = []
        result = run_days(chosen, trace, _progress(trace or "a summer day"), _collector(cars[trace]))
        took_s = time.perf_counter() - began_s
        results.append((trace, result, took_s))
    if as_json:
        entries = [
            {
                **({"trace": trace} if trace else {}),
                **result.to_json(),
                **({"cars": cars[trace]} if chosen.cars > 1 else {}),
            }
            for trace, result, _ in results
        ]
        click.echo(json.dumps(entries[0] if len(entries) == 1 else entries, indent=2))
        return
    for trace, result, took_s in results:
        values = result.to_json()
        click.echo(f"{trace or 'generated summer day'} ({took_s:.1f} s)")
        for key, words, unit in ROWS:
            value = values[key]
            click.echo(f"  {words:<36}{'-' if value is None else f'{value:g}':>10} {unit}".rstrip())
        for car in cars[trace]:
            click.echo(
                f"  {car['id']}: {car['wake']} wakes, {car['data']} data reads, {car['command']} commands, "
                f"{car['dollars']:.3f} $ by Tesla's bill, {car['spend_meter']:.3f} $ by the spend meter"
            )


def _check(options: DayOptions) -> None:
    """Raise click.BadParameter where options do not fit together."""
    if options.battery_meter is not None and options.battery is None:
        raise click.BadParameter("reads a Powerwall; add --battery powerwall", param_hint="--battery-meter")
    if options.charger is None:
        if options.phases is None:
            raise click.BadParameter(
                "auto needs --charger (goe or smartevse); without it allowed are 1 and 3", param_hint="--phases"
            )
        return
    for name, amps in (("--min-amps", options.min_amps), ("--max-amps", options.max_amps)):
        if amps is not None and not CHARGER_LEAST_A <= amps <= CHARGER_MOST_A:
            allowed = f"with a charger allowed is {CHARGER_LEAST_A} to {CHARGER_MOST_A}"
            raise click.BadParameter(f"{amps}; {allowed}", param_hint=name)
    teslas = {
        "--way": options.way != "fleet",
        "--per-month": options.per_month is not None,
        "--commands-per-day": options.commands_per_day is not None,
    }
    for name, is_given in teslas.items():
        if is_given:
            raise click.BadParameter(
                "is about Teslas, and with a charger there are none; leave it out", param_hint=name
            )


def _collector(cars: list[dict[str, Any]]) -> Callable[[SimulatedHome, SiteSnapshot], None]:
    """Return what takes down what each car cost: by Tesla's bill, and by the meter that its owner sees."""

    def collect(home: SimulatedHome, shown: SiteSnapshot) -> None:
        for vehicle in shown.vehicles:
            billed = home.cloud.bill.cars.get(str(vehicle.vin), Counts())
            counts = {
                kind.value: billed.billed[kind] for kind in (RequestKind.WAKE, RequestKind.DATA, RequestKind.COMMAND)
            }
            meter = vehicle.spend.money_this_month if vehicle.spend is not None else 0.0
            cars.append(
                {"id": vehicle.id, **counts, "dollars": round(billed.dollars, 4), "spend_meter": round(meter, 4)}
            )

    return collect


def _progress(name: str) -> Callable[[float], None]:
    """Return what shows progress on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _: None

    def show(share: float) -> None:
        click.echo(f"\r{name}: {100 * share:3.0f} %", err=True, nl=share >= 1.0)

    return show
