"""Journals for who looks back: three simulated days with a trip, a stop, a silent meter and a full car, and fifteen made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sunbox.core.commands import RequestKind
from sunbox.core.effects import Effect
from sunbox.core.events import Event
from sunbox.core.model import Mode, Override
from sunbox.core.settings import Capabilities, SiteSettings
from sunbox.core.state import State
from sunbox.gateway.journal import Journal
from sunbox.simulator.bench.site import MeterFault, SiteRun, settings_of
from sunbox.simulator.bench.site_car import SiteCar, Traits
from sunbox.simulator.bench.site_log import Summary
from sunbox.simulator.household import GeneratedTrace

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 6, 1)
DAYS = 3
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
CAR = "blue"
TRAITS = Traits(phases=1, offered=1, max_a=32, lag_s=5.0, told_each_s=300.0)
PRICE = {RequestKind.COMMAND: 0.001}


@dataclass(frozen=True)
class Lived:
    """Where the journal is, and what was true."""

    folder: Path
    summary: Summary
    commands: int


def live_days(folder: Path, days: int = DAYS) -> Lived:
    """Live and write. Local times: away 10–15 on day 2, its meter silent 16:00–16:30; stopped by hand 12–13 on day 3."""
    journal = Journal(folder)
    before: State | None = None

    def watch(event: Event, state: State, effects: tuple[Effect, ...]) -> None:
        nonlocal before
        journal.add(before, event, state, effects)
        before = state

    car = SiteCar(CAR, TRAITS)
    capabilities: Capabilities = TRAITS.capabilities()
    settings = settings_of(
        [car],
        site=SiteSettings(timezone=BERLIN, phases=1),
        grid={"delay_s": 10.0},
        loadpoints={CAR: {"name": "Carport", "start_delay_s": 120.0}},
        vehicles={CAR: {"capabilities": _priced(capabilities)}},
    )
    trace = GeneratedTrace(FIRST, timezone=BERLIN, seed=5)
    run = SiteRun(trace, settings, [car], watch=watch, measures_phases=False, keeps_lines=False)
    run.at(DAY_S + 10 * HOUR_S, lambda: run.unplug(CAR))
    run.at(DAY_S + 15 * HOUR_S, lambda: run.plug(CAR))
    run.at(DAY_S + 16 * HOUR_S, lambda: run.fail(MeterFault.SILENT))
    run.at(DAY_S + 16.5 * HOUR_S, run.heal)
    run.at(2 * DAY_S + 12 * HOUR_S, lambda: run.request(CAR, by="tlwb", override=Override.STOP))
    run.at(2 * DAY_S + 13 * HOUR_S, lambda: run.request(CAR, by="tlwb", override=Override.NONE, mode=Mode.PV))
    run.run(days * DAY_S - 30.0)
    journal.close()
    return Lived(folder, run.summary(), sum(sent.car == CAR for sent in run.sent))


def _priced(capabilities: Capabilities) -> Capabilities:
    from dataclasses import replace

    return replace(capabilities, price=PRICE)


def copy_days(source: Path, target: Path, times: int) -> None:
    """Write the days of a folder several times, one after the other: their dates are changed, and nothing else."""
    files = sorted(source.glob("*.jsonl"))
    texts = [path.read_text() for path in files]
    begins = FIRST - timedelta(days=1)  # in UTC a day begins on the one before
    known = [(begins + timedelta(days=number)).isoformat() for number in range(len(files) + 2)]
    for time in range(times):
        shift = timedelta(days=time * len(files))
        for path, original in zip(files, texts, strict=True):
            text = original
            for day in known:
                text = text.replace(f'"{day}T', f'"@{(date.fromisoformat(day) + shift).isoformat()}T')
            day = date.fromisoformat(path.stem) + shift
            (target / f"{day.isoformat()}.jsonl").write_text(text.replace('"@', '"'))
