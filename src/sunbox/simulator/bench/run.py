"""One policy on one trace: whoever is named is put in charge of the same home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sunbox.core.settings import Capabilities
from sunbox.simulator.bench.cars import IdealCar
from sunbox.simulator.bench.engine import EngineRun, Progress, settings_for
from sunbox.simulator.bench.home import Home, SteppedClock
from sunbox.simulator.bench.rival import RivalRun
from sunbox.simulator.bench.setup import SetUp, Tally
from sunbox.simulator.ledger import DAY_S
from sunbox.simulator.rivals import RIVALS
from sunbox.simulator.trace import Trace

SUNBOX = "sunbox"


def run_policy(
    policy: str,
    trace: Trace,
    setup: SetUp,
    *,
    timezone: ZoneInfo,
    capabilities: Capabilities | None = None,
    solar_share_pct: float = 100.0,
    loadpoint: Mapping[str, Any] | None = None,
    days: float | None = None,
    progress: Progress = lambda _: None,
) -> Tally:
    """Run a policy over a trace, or over its first `days`, and return what it was worth.

    Args:
        policy: `sunbox` or the name of a rival.
        trace: sun and house.
        setup: the home.
        timezone: of the home.
        capabilities: of the car, for sunbox; default the core's own.
        solar_share_pct: for sunbox, least share of sun at which charging is worth it.
        loadpoint: for sunbox, further fields of `LoadpointSettings`.
        days: default all.
        progress: is told the share that is done.

    Raises:
        ValueError: there is no such policy.
    """
    home = Home(trace, IdealCar(setup), setup, SteppedClock(trace.start_at), timezone)
    length_s = home.length_s if days is None else min(home.length_s, days * DAY_S)
    if policy in RIVALS:
        return RivalRun(home, RIVALS[policy]()).run(length_s, progress)
    if policy != SUNBOX:
        raise ValueError(f"policy {policy!r}: allowed are {', '.join((SUNBOX, *RIVALS))}")
    able = replace(capabilities or Capabilities(), max_a=setup.max_a)
    settings = settings_for(setup, timezone, able, solar_share_pct=solar_share_pct, loadpoint=loadpoint)
    return EngineRun(home, settings).run(length_s, progress)
