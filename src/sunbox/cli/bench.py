"""`sunbox bench pv`: sunbox, the rules of its peers and the best that was possible, on the same days."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import click

from sunbox.core.commands import RequestKind
from sunbox.core.settings import Capabilities
from sunbox.drivers.tesla.settings import TeslaVehicleSettings, capabilities
from sunbox.simulator.bench import run
from sunbox.simulator.bench.setup import DEFAULT_MAX_A, PHASE_NAMES, SetUp, Tally
from sunbox.simulator.trace import Trace, load_trace

TIMEZONE = ZoneInfo("Europe/Berlin")

MONEY_PER_KWH = 0.20
"""What a kWh is worth: a command at Tesla's 0.001 $ is then worth 5 Wh."""


def count_or_unlimited(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """Return a number from 1, or None for `unlimited`."""
    if value == "unlimited":
        return None
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a number from 1 nor 'unlimited'")
    return int(value)


def car_capabilities(setup: SetUp) -> Capabilities:
    """Return what the Tesla driver says of a car; the bench's is always here and awake, and costs what the set-up says."""
    money = setup.command_price_wh / 1000.0 * MONEY_PER_KWH
    return replace(
        capabilities(TeslaVehicleSettings(vin="LRW3F7EK4NC700000", max_a=setup.max_a)),
        sleeps=False,
        is_location_bound=False,
        price={RequestKind.COMMAND: money} if money > 0 else {},
    )


def run_policy(
    policy: str,
    traces: Sequence[str | Trace],
    *,
    kwp: float = 10.0,
    phases: str = "1",
    max_a: int | None = None,
    solar_share_pct: float = 100.0,
    loadpoint: dict[str, Any] | None = None,
    days: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
    **setup: Any,
) -> Tally:
    """Run one policy over all traces, for sweeps: `run_policy("sunbox", [path], kwp=5, commands_per_day=48).net_pct`.

    Args:
        policy: its name.
        traces: paths, or traces that were read already (then `kwp` is of no effect).
        kwp: size of the solar plant.
        phases: `1`, `3` or `auto`.
        max_a: default 32 on one phase, 16 on three.
        solar_share_pct: for sunbox.
        loadpoint: for sunbox, further fields of `LoadpointSettings`.
        days: only so many days of each trace.
        progress: is told the share that is done.
        setup: further fields of `SetUp`.
    """
    chosen = PHASE_NAMES[phases]
    home = SetUp(phases=chosen, max_a=DEFAULT_MAX_A[chosen] if max_a is None else max_a, **setup)
    total = Tally()
    for number, trace in enumerate(traces):
        loaded = load_trace(trace, timezone=TIMEZONE, kwp=kwp) if isinstance(trace, str) else trace
        total.add(
            run.run_policy(
                policy,
                loaded,
                home,
                timezone=TIMEZONE,
                capabilities=car_capabilities(home),
                solar_share_pct=solar_share_pct,
                loadpoint=loadpoint,
                days=days,
                progress=_part(progress, number, len(traces)),
            )
        )
    return total


def _part(progress: Callable[[float], None], number: int, count: int) -> Callable[[float], None]:
    """Return what tells of the progress of one part of several."""
    return lambda share: progress((number + share) / count)


@click.group(epilog="\b\nExample:\n  sunbox bench pv --trace june.csv.gz --kwp 10")
def bench() -> None:
    """Measure on recorded days."""


@bench.command(
    epilog="""\b
Examples:
  sunbox bench pv --trace june.csv.gz --kwp 10
  sunbox bench pv --trace a.csv --trace b.csv --commands-per-day 48 --json
"""
)
@click.option(
    "--trace",
    "traces",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False),
    help="CSV or CSV.gz: time, then pv_w_per_kwp or pv_w, load_w. May be given again.",
)
@click.option(
    "--kwp", default=10.0, show_default=True, type=click.FloatRange(0.1, 1000), help="Size of the solar plant."
)
@click.option("--phases", default="1", show_default=True, type=click.Choice(list(PHASE_NAMES)))
@click.option("--max-amps", type=click.IntRange(5, 48), help="Default 32 on one phase, else 16.")
@click.option("--min-amps", default=6, show_default=True, type=click.IntRange(1, 32))
@click.option("--commands-per-day", default="unlimited", show_default=True, callback=count_or_unlimited)
@click.option("--command-price-wh", default=0.0, show_default=True, type=click.FloatRange(0, 1000))
@click.option("--meter-interval", default=10.0, show_default=True, type=click.FloatRange(1, 600))
@click.option("--meter-delay", default=10.0, show_default=True, type=click.FloatRange(0, 120))
@click.option("--car-delay", default=10.0, show_default=True, type=click.FloatRange(0, 120))
@click.option("--solar-share", "shares", multiple=True, type=click.FloatRange(0, 100), default=(100.0,))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pv(
    traces: tuple[str, ...],
    kwp: float,
    phases: str,
    max_amps: int | None,
    min_amps: int,
    commands_per_day: int | None,
    command_price_wh: float,
    meter_interval: float,
    meter_delay: float,
    car_delay: float,
    shares: tuple[float, ...],
    as_json: bool,
) -> None:
    """Put controllers in charge of the same home and print what each was worth."""
    chosen = PHASE_NAMES[phases]
    setup = SetUp(
        phases=chosen,
        min_a=min_amps,
        max_a=DEFAULT_MAX_A[chosen] if max_amps is None else max_amps,
        meter_interval_s=meter_interval,
        meter_delay_s=meter_delay,
        car_delay_s=car_delay,
        commands_per_day=commands_per_day,
        command_price_wh=command_price_wh,
    )
    loaded = [load_trace(trace, timezone=TIMEZONE, kwp=kwp) for trace in traces]
    rows = []
    for share in shares:
        tally = Tally()
        for trace in loaded:
            tally.add(
                run.run_policy(
                    run.SUNBOX,
                    trace,
                    setup,
                    timezone=TIMEZONE,
                    capabilities=car_capabilities(setup),
                    solar_share_pct=share,
                )
            )
        rows.append(
            {
                "policy": run.SUNBOX,
                "solar_share_pct": share,
                "capture_pct": round(tally.capture_pct, 2),
                "import_kwh_per_30d": round(tally.import_kwh_per_30d, 2),
                "net_pct": round(tally.net_pct, 2),
                "net_after_price_pct": round(tally.net_after_price_pct(command_price_wh), 2),
                "starts_per_day": round(tally.starts / tally.days, 2),
                "phase_switches_per_day": round(tally.phase_switches / tally.days, 2),
                "commands_per_day": round(tally.commands_per_day, 2),
                "oracle_capture_pct": None,
                "oracle_import_kwh_per_30d": None,
            }
        )
    click.echo(json.dumps({"set_up": setup.to_json(), "rows": rows}, indent=2))
