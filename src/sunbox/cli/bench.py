"""`sunbox bench`: sunbox, the rules of its peers and the best that was possible, on the same days."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import click

from sunbox.cli.bench_smartevse import smartevse
from sunbox.cli.options import Within, count_or_unlimited, kwp_option, traces_option
from sunbox.cli.output import print_table, say
from sunbox.core.commands import RequestKind
from sunbox.core.settings import Capabilities
from sunbox.drivers.tesla.settings import TeslaVehicleSettings, capabilities
from sunbox.simulator.bench import run
from sunbox.simulator.bench.engine import Progress
from sunbox.simulator.bench.report import ORACLE, Possible, Row
from sunbox.simulator.bench.run import SUNBOX
from sunbox.simulator.bench.setup import DEFAULT_MAX_A, MONEY_PER_KWH, PHASE_NAMES, SetUp, Tally
from sunbox.simulator.oracle import weight_of
from sunbox.simulator.rivals import RIVALS
from sunbox.simulator.trace import Trace, load_trace

TIMEZONE = ZoneInfo("Europe/Berlin")

POLICIES = (SUNBOX, *RIVALS, ORACLE)
WITH_AUTO_PHASES = frozenset({SUNBOX, ORACLE})
"""Who can switch phases by himself."""
WITH_SOLAR_SHARE = frozenset({SUNBOX, ORACLE})
"""Who runs once for each share."""


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
    setup: SetUp | None = None,
    solar_share_pct: float = 100.0,
    loadpoint: Mapping[str, Any] | None = None,
    days: float | None = None,
    progress: Progress = lambda _: None,
) -> Tally:
    """Run one policy over all traces; for sweeps too: `run_policy("sunbox", [path], setup=SetUp(commands_per_day=48))`.

    Args:
        policy: its name.
        traces: paths, or traces that were read already (then `kwp` is of no effect).
        kwp: size of the solar plant.
        setup: the home; default one phase of 32 A.
        solar_share_pct: for sunbox.
        loadpoint: for sunbox, further fields of `LoadpointSettings`.
        days: only so many days of each trace.
        progress: is told the share that is done.

    Raises:
        TraceError: a trace cannot be read.
        ValueError: there is no such policy.
    """
    home = setup or SetUp()
    total = Tally()
    for number, trace in enumerate(traces):
        tally = run.run_policy(
            policy,
            load_trace(trace, timezone=TIMEZONE, kwp=kwp) if isinstance(trace, str) else trace,
            home,
            timezone=TIMEZONE,
            capabilities=car_capabilities(home),
            solar_share_pct=solar_share_pct,
            loadpoint=loadpoint,
            days=days,
            progress=_part(progress, number, len(traces)),
        )
        total.add(tally)
    return total


def _part(progress: Progress, number: int, count: int) -> Progress:
    """Return what tells of the progress of one part of several."""
    return lambda share: progress((number + share) / count)


def left_out(setup: SetUp, policies: Sequence[str]) -> list[str]:
    """Return those that cannot be put in charge of this home."""
    return [policy for policy in policies if setup.has_auto_phases and policy not in WITH_AUTO_PHASES]


def run_rows(
    traces: Sequence[Trace],
    setup: SetUp,
    policies: Sequence[str] = POLICIES,
    shares: Sequence[float] = (100.0,),
    progress: Progress = lambda _: None,
) -> list[tuple[Row, float]]:
    """Return the row of each policy (of sunbox and the oracle one per solar share), and how far it is below the oracle.

    Rivals, which know no solar share, are compared with the oracle of the first one.
    """
    missing = left_out(setup, policies)
    runs = [
        (policy, share)
        for policy in policies
        if policy not in missing
        for share in (shares if policy in WITH_SOLAR_SHARE else shares[:1])
    ]
    possible = Possible(traces, setup)
    rows: list[tuple[Row, float]] = []
    for number, (policy, share) in enumerate(runs):
        told = _part(progress, number, len(runs))
        if policy == ORACLE:
            row = possible.oracle_row(share, setup)
        else:
            tally = run_policy(policy, traces, setup=setup, solar_share_pct=share, progress=told)
            row = possible.row(policy, share if policy in WITH_SOLAR_SHARE else None, tally, setup, share)
        rows.append((row, possible.below_pct(row, share)))
        told(1.0)
    return rows


@click.group(epilog="\b\nExamples:\n  sunbox bench pv --trace june.csv.gz --kwp 10\n  sunbox bench smartevse")
def bench() -> None:
    """Measure sunbox beside others: on recorded days, or at a SmartEVSE."""


bench.add_command(smartevse)


@bench.command(
    epilog="""\b
Examples:
  sunbox bench pv --trace june.csv.gz --kwp 10
  sunbox bench pv --trace a.csv --trace b.csv --commands-per-day 48 --json
  sunbox bench pv --trace june.csv.gz --solar-share 100 --solar-share 50 --policy sunbox --policy evcc
"""
)
@traces_option(is_required=True)
@kwp_option
@click.option(
    "--phases",
    default="1",
    show_default=True,
    type=click.Choice(list(PHASE_NAMES)),
    help="Phases that the car charges on; auto: switched at will.",
)
@click.option(
    "--max-amps", type=click.IntRange(5, 48), help="Most that socket and car take; default 32 on one phase, else 16."
)
@click.option("--min-amps", default=6, show_default=True, type=click.IntRange(1, 32), help="Least current.")
@click.option(
    "--commands-per-day",
    default="unlimited",
    show_default=True,
    callback=count_or_unlimited,
    help="For who keeps a budget: the mean over the trace, at most twice as many on one day.",
)
@click.option(
    "--command-price-wh",
    default=0.0,
    show_default=True,
    type=Within(0, 1000),
    help="What a command is worth, Wh; Tesla's is worth about 5.",
)
@click.option("--meter-interval", default=10.0, show_default=True, type=Within(1, 600), help="Between two readings, s.")
@click.option("--meter-delay", default=10.0, show_default=True, type=Within(0, 120), help="Age of a reading, s.")
@click.option(
    "--car-delay",
    default=10.0,
    show_default=True,
    type=Within(0, 120),
    help="From a command until the car does it, at once and exactly, s.",
)
@click.option(
    "--solar-share",
    "shares",
    multiple=True,
    type=Within(0, 100),
    default=(100.0,),
    show_default="100",
    help="Charge when at least this share is sun, %. May be given again: sunbox runs once for each.",
)
@click.option(
    "--policy",
    "chosen",
    multiple=True,
    type=click.Choice(POLICIES),
    help="Who is put in charge; may be given again. Default all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pv(
    traces: tuple[str, ...],
    kwp: float,
    phases: str,
    max_amps: int | None,
    min_amps: int,
    shares: tuple[float, ...],
    chosen: tuple[str, ...],
    as_json: bool,
    **more: Any,
) -> None:
    """Put controllers in charge of the same home and print what each was worth.

    The real engine of sunbox, the published rules of its peers (written anew, not their programs) and an oracle that knows
    the whole trace; one car that is always at home and never full.
    """
    max_a = DEFAULT_MAX_A[PHASE_NAMES[phases]] if max_amps is None else max_amps
    if min_amps > max_a:
        raise click.BadParameter(f"{min_amps} is more than the most, {max_a}", param_hint="--min-amps")
    setup = SetUp(
        phases=PHASE_NAMES[phases],
        min_a=min_amps,
        max_a=max_a,
        meter_interval_s=more["meter_interval"],
        meter_delay_s=more["meter_delay"],
        car_delay_s=more["car_delay"],
        commands_per_day=more["commands_per_day"],
        command_price_wh=more["command_price_wh"],
    )
    policies = [policy for policy in POLICIES if not chosen or policy in chosen]
    missing = left_out(setup, policies)
    loaded = [load_trace(trace, timezone=TIMEZONE, kwp=kwp) for trace in traces]
    with _bar() as progress:
        rows = run_rows(loaded, setup, policies, tuple(dict.fromkeys(shares)), progress)
    described = {"traces": list(traces), "kwp": kwp, **setup.to_json(), "left_out": missing}
    if as_json:
        click.echo(json.dumps({"set_up": described, "rows": [row.to_json() for row, _ in rows]}, indent=2))
    else:
        print_table(title_of(kwp, setup), COLUMNS, [row_cells(row, below_pct) for row, below_pct in rows])
        weights = [f"{weight_of(share):g} at a solar share of {share:g} %" for share in dict.fromkeys(shares)]
        say(f"{WORDS} Import weighs {', '.join(weights)}.")
    if missing:
        say(f"Left out, because they do not switch phases by themselves here: {', '.join(missing)}.", is_error=True)


COLUMNS = (
    "policy",
    "share",
    "capture %",
    "import kWh/30 d",
    "net %",
    "after price %",
    "starts/d",
    "switches/d",
    "commands/d",
    "oracle %",
    "oracle kWh",
    "below it",
)
WORDS = (
    "capture: solar energy into the car ÷ usable surplus; net: (solar - import) ÷ usable surplus; oracle: capture and import\n"
    "of the oracle with as many commands; below it: points of capture - weight × import that it has more."
)


def title_of(kwp: float, setup: SetUp) -> str:
    """Return the home in a line."""
    names = {phases: name for name, phases in PHASE_NAMES.items()}
    budget = "unlimited" if setup.commands_per_day is None else f"≤ {setup.commands_per_day}"
    return (
        f"{kwp:g} kWp, phases {names[setup.phases]}, {setup.min_a}-{setup.max_a} A, {budget} commands a day at "
        f"{setup.command_price_wh:g} Wh; meter each {setup.meter_interval_s:g} s and {setup.meter_delay_s:g} s late, "
        f"car {setup.car_delay_s:g} s"
    )


def row_cells(row: Row, below_pct: float) -> tuple[str, ...]:
    """Return a row as it is printed under `COLUMNS`."""
    return (
        row.policy,
        "-" if row.solar_share_pct is None else f"{row.solar_share_pct:g} %",
        f"{row.capture_pct:.1f}",
        f"{row.import_kwh_per_30d:.1f}",
        f"{row.net_pct:.1f}",
        f"{row.net_after_price_pct:.1f}",
        f"{row.starts_per_day:.1f}",
        f"{row.phase_switches_per_day:.1f}",
        f"{row.commands_per_day:.0f}",
        f"{row.oracle_capture_pct:.1f}",
        f"{row.oracle_import_kwh_per_30d:.1f}",
        f"{below_pct:.1f}",
    )


@contextmanager
def _bar() -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=1000, file=sys.stderr, label="bench") as bar:
        yield lambda share: bar.update(max(0, int(1000 * share) - bar.pos))
