"""Late and rare readings, slow cars: sunbox at 27 lags on all days of the traces, and whether it swings. `make bench`.

`python bench/lags.py [--trace FILE …] [--days N] [--three] [--json]`. --three takes only a clear, a changeable and a dull day.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from dataclasses import dataclass
from functools import lru_cache

from pv import PROCESSES, default_traces, home, traces, watched
from sunbox.cli.bench import TIMEZONE, car_capabilities
from sunbox.simulator.bench.lags import (
    LAGS,
    USUAL,
    Borne,
    Lag,
    Swing,
    chosen_days,
    days_of,
    swing_at,
    tally_at,
)
from sunbox.simulator.bench.setup import Tally
from sunbox.simulator.trace import RecordedTrace

KWP = 10.0
SETUP = home("1")
CAPABILITIES = car_capabilities(SETUP)


@dataclass(frozen=True)
class Work:
    """What a process needs to know besides its task."""

    paths: tuple[str, ...]
    days: int | None
    is_three: bool

    def day(self, task: tuple[Lag, int]) -> tuple[Lag, Tally]:
        lag, number = task
        return lag, tally_at(lag, [chosen(self)[number]], SETUP, TIMEZONE, CAPABILITIES)


@lru_cache(maxsize=1)
def chosen(work: Work) -> list[RecordedTrace]:
    found = {
        day: part
        for trace in traces(work.paths, KWP)
        if isinstance(trace, RecordedTrace)
        for day, part in days_of(trace, TIMEZONE).items()
    }
    if work.is_three:
        return [found[day] for day in chosen_days(found, SETUP).values()]
    return list(found.values())[: work.days]


def measure(work: Work) -> list[Borne]:
    """Return what came of each lag; day by day, so that both processes are busy until the end."""
    count = len(chosen(work))
    tasks = [(lag, number) for lag in LAGS for number in range(count)]
    tallies = {lag: Tally() for lag in LAGS}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        swings = pool.map_async(swing_of, LAGS, chunksize=1)
        for lag, tally in watched(pool.imap_unordered(work.day, tasks), len(tasks), "days at a lag"):
            tallies[lag].add(tally)
        return [Borne(lag=lag, tally=tallies[lag], swing=swing) for lag, swing in zip(LAGS, swings.get(), strict=True)]


def swing_of(lag: Lag) -> Swing:
    return swing_at(lag, SETUP, TIMEZONE, CAPABILITIES)


def show(borne: list[Borne], usual: Tally) -> None:
    print(f"\n{KWP:g} kWp, phases 1, {SETUP.max_a} A, sun only; beside {USUAL}\n")
    print("  meter s  late s  car s    net %  points  capture %  import kWh  starts/d  commands/d  swing A  turns")
    for each in borne:
        tally, swing = each.tally, each.swing
        failings = each.failings(usual)
        print(
            f"  {each.lag.interval_s:7g} {each.lag.meter_delay_s:7g} {each.lag.car_delay_s:6g}  {tally.net_pct:7.1f}"
            f" {tally.net_pct - usual.net_pct:7.1f}  {tally.capture_pct:9.1f}  {tally.import_kwh_per_30d:10.1f}"
            f"  {tally.starts / tally.days:8.1f}  {tally.commands_per_day:10.0f}  {swing.late_a:7g}  {swing.reversals:5d}"
            + ("  PASS" if not failings else "  below: " + "; ".join(said.partition(": ")[2] for said in failings))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Sunbox at many lags.")
    parser.add_argument("--trace", action="append", help="CSV or CSV.gz, may be given again")
    parser.add_argument("--days", type=int, help="only the first so many days")
    parser.add_argument("--three", action="store_true", help="only a clear, a changeable and a dull day")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    paths = options.trace or default_traces()
    if not paths:
        print("No trace: give --trace FILE, or set SUNBOX_SHARED to the folder that has data/.", file=sys.stderr)
        return
    began_s = time.perf_counter()
    borne = measure(Work(tuple(paths), options.days, options.three))
    usual = next(each.tally for each in borne if each.lag == USUAL)
    if options.json:
        told = [
            {
                "meter_interval_s": each.lag.interval_s,
                "meter_delay_s": each.lag.meter_delay_s,
                "car_delay_s": each.lag.car_delay_s,
                "net_pct": round(each.tally.net_pct, 2),
                "capture_pct": round(each.tally.capture_pct, 2),
                "import_kwh_per_30d": round(each.tally.import_kwh_per_30d, 2),
                "starts_per_day": round(each.tally.starts / each.tally.days, 2),
                "commands_per_day": round(each.tally.commands_per_day, 2),
                "swing_a": each.swing.late_a,
                "reversals": each.swing.reversals,
                "failings": each.failings(usual),
            }
            for each in borne
        ]
        print(json.dumps(told, indent=2))
        return
    show(borne, usual)
    print(f"{usual.days:.0f} days at {len(LAGS)} lags, {time.perf_counter() - began_s:.0f} s")


if __name__ == "__main__":
    main()
