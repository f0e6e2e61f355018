"""`sunbox bench smartevse`: the law of a SmartEVSE beside sunbox over the driver, with the same box, car, house and feed.

Equal: what the house takes or gives each second; how often the currents of the mains are told (the feed of the law, the grid
meter of sunbox: per phase); the box and its limits (MaxMains = the main fuse, MaxSumMains = a circuit in W with the meter at the
mains, MaxCircuit of a garage = a circuit); the car, which takes what is offered a second later; no meter of the car; the
instant at which the mode is switched to (SMART = `now`, SOLAR = `pv`); how long sun or shade must last for other phases (60 s
up, 30 s down).

Different: the box's law gets its own SOLAR or SMART; for sunbox the box is in SMART and is fed by sunbox (`feeds_currents`), or,
in a second row, in NORMAL. StartCurrent, StopTime, the time that MaxSumMains may be exceeded and the contactor's setting are the
law's alone: sunbox starts, stops and switches phases by its own defaults, and keeps each limit at once. Its currents are whole
amps and each takes a request; the law has tenths and no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from sunbox.cli.live import set_up_logs
from sunbox.cli.output import print_table, say
from sunbox.cli.smartevse_stage import Wiring, by_sunbox
from sunbox.core.model import Mode
from sunbox.dialects.smartevse.state import Setup
from sunbox.simulator.bench.smartevse import (
    CIRCUIT_A,
    GARAGES,
    SCENARIOS,
    STEPPED,
    SUNNY,
    Outcome,
    Second,
    by_law,
    by_sharing,
    failings,
    garage_setup,
    limits_of,
    outcome_of,
    steps_of,
    turns_of,
    used_pct,
)

LAW = "box law"
CHARGERS: Mapping[str, Mapping[str, Any]] = {
    "sunbox": {"feeds_currents": True},
    "sunbox, NORMAL": {"base_mode": "normal"},
}
"""What its owner writes about the box, by the name of the row: in SMART its own guard of the fuses stays."""
PHASES = {"phase_up_delay_s": 60, "phase_down_delay_s": 30}
"""As the law switches its second contactor."""
NAMES = (*SCENARIOS, *GARAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one made of a scenario."""

    scenario: str
    by: str
    outcome: Outcome
    used_pct: float | None  #: least share of what is left on L1 that the car takes, after a step of load
    failings: tuple[str, ...] = ()  #: in what it is worse than the law

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        used = None if self.used_pct is None else round(self.used_pct, 1)
        told = {"scenario": self.scenario, "by": self.by, **self.outcome.to_json(), "used_pct": used}
        return {**told, "failings": list(self.failings)}


def rows_of(name: str) -> list[Row]:
    """Return the rows of a scenario, the law's first."""
    limits, lived = (garage_setup(), _in_garage(name)) if name in GARAGES else _alone(name)
    rows: list[Row] = []
    for by, seconds in lived:
        outcome = outcome_of(seconds, limits)
        used = used_pct(seconds, limits) if name in STEPPED else None
        worse = tuple(failings(name, rows[0].outcome, outcome)) if rows else ()
        rows.append(Row(scenario=name, by=by, outcome=outcome, used_pct=used, failings=worse))
    return rows


Lived = Iterable[tuple[str, list[Second]]]


def _alone(name: str) -> tuple[Setup, Lived]:
    steps = steps_of(name)
    limits, turns = limits_of(steps), turns_of(steps)
    mode, loadpoint = (Mode.PV, PHASES) if name in SUNNY else (Mode.NOW, {})

    def live() -> Lived:
        yield LAW, by_law(steps)
        for by, charger in CHARGERS.items():
            yield by, by_sunbox(turns, Wiring(setup=limits, mode=mode, charger=charger, loadpoint=loadpoint))

    return limits, live()


def _in_garage(name: str) -> Lived:
    turns = GARAGES[name]
    yield LAW, by_sharing(turns)
    for by, charger in CHARGERS.items():
        wiring = Wiring(setup=garage_setup(), mode=Mode.NOW, charger=charger, circuit_a=CIRCUIT_A)
        yield by, by_sunbox(turns, wiring)


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "scenario": lambda row: row.scenario,
    "by": lambda row: row.by,
    "energy Wh": lambda row: f"{row.outcome.energy_wh:.0f}",
    "imported Wh": lambda row: f"{row.outcome.imported_wh:.0f}" if row.scenario in SUNNY else "",
    "overload s": lambda row: f"{row.outcome.overload_s}",
    "late s": lambda row: f"{row.outcome.late_s}",
    "starts": lambda row: f"{row.outcome.starts}",
    "least A": lambda row: f"{row.outcome.least_da / 10:g}",
    "most A": lambda row: f"{row.outcome.most_da / 10:g}",
    "used %": lambda row: "" if row.used_pct is None else f"{row.used_pct:.0f}",
}
"""The table, for a terminal and for docs/bench.md."""


@click.command(
    epilog="""\b
Examples:
  sunbox bench smartevse
  sunbox bench smartevse --scenario load_step_10s --scenario two_at_once --json
"""
)
@click.option(
    "--scenario",
    "chosen",
    multiple=True,
    type=click.Choice(NAMES),
    help="What is lived through; may be given again. Default all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def smartevse(chosen: tuple[str, ...], as_json: bool) -> None:
    """Put the law of a SmartEVSE and sunbox in charge of the same box.

    The scenarios of the firmware's golden traces, a step of load that is told each 2 s and each 10 s, and two boxes behind one
    fuse; sunbox's whole gateway drives the simulated box over HTTP in virtual time.
    """
    set_up_logs(is_quiet=True, is_silent=True)  # what the house does on purpose is no news
    rows = [row for name in NAMES if not chosen or name in chosen for row in rows_of(name)]
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], indent=2))
        return
    print_table("", tuple(COLUMNS), [[cell(row) for cell in COLUMNS.values()] for row in rows])
    say(WORDS)
    for row in rows:
        for failing in row.failings:
            say(f"{row.scenario}, {row.by}: {failing}")


WORDS = (
    "overload: seconds in which a car takes part in more than MaxMains or MaxSumMains allow; late: from 12 s after a step on;\n"
    "least and most A: of one car while it charges, of all cars on one phase; used: of what L1 has left from 20 s after a step on."
)
