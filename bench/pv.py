"""Charging from the sun: sunbox beside its peers' rules and the oracle, with the floors it must reach. `make bench`.

`python bench/pv.py [--trace FILE …] [--days N] [--json] [--write]`. Without --trace it takes the 15 days of June from the folder that
SUNBOX_SHARED names, or `../shared` beside the repository. Everything is explained in docs/bench.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from sunbox.cli.bench import TIMEZONE, WITH_AUTO_PHASES, run_policy
from sunbox.simulator.bench.report import ORACLE, Possible, Row
from sunbox.simulator.bench.run import SUNBOX
from sunbox.simulator.bench.setup import DEFAULT_MAX_A, PHASE_NAMES, SetUp, Tally
from sunbox.simulator.rivals import RIVALS
from sunbox.simulator.trace import Trace, load_trace

ROOT = Path(__file__).parents[1]
JUNE = Path("data", "composite_june_days_01-15_1min.csv.gz")
PROCESSES = 2

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """One line of the tables: a home, and what sunbox must reach there."""

    kwp: float
    setup: SetUp
    share: float
    least: tuple[tuple[str, float], ...]  #: by key of the row
    most: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        phases = {phases: name for name, phases in PHASE_NAMES.items()}[self.setup.phases]
        budget = "unlimited" if self.setup.commands_per_day is None else f"≤ {self.setup.commands_per_day}/day"
        price = f", each command {self.setup.command_price_wh:g} Wh" if self.setup.command_price_wh else ""
        return f"{self.kwp:g} kWp, phases {phases}, {self.setup.max_a} A, {budget}{price}"

    def missed(self, row: Row) -> list[str]:
        """Return the floors that a row does not reach."""
        values = row.to_json()
        low = [f"{key} ≥ {floor:g}" for key, floor in self.least if float(values[key] or 0) < floor]
        return low + [f"{key} ≤ {floor:g}" for key, floor in self.most if float(values[key] or 0) > floor]

    def floors(self) -> str:
        low = [f"{WORDS[key]} ≥ {floor:g}" for key, floor in self.least]
        return ", ".join(low + [f"{WORDS[key]} ≤ {floor:g}" for key, floor in self.most])


WORDS = {
    "capture_pct": "capture",
    "import_kwh_per_30d": "import",
    "net_pct": "net",
    "net_after_price_pct": "net after price",
    "phase_switches_per_day": "switches/d",
}


def home(phases: str, budget: int | None = None, price_wh: float = 0.0) -> SetUp:
    chosen = PHASE_NAMES[phases]
    return SetUp(phases=chosen, max_a=DEFAULT_MAX_A[chosen], commands_per_day=budget, command_price_wh=price_wh)


def sun_only(kwp: float, setup: SetUp, capture: float, imported: float, **most: float) -> Case:
    return Case(kwp, setup, 100.0, (("capture_pct", capture),), (("import_kwh_per_30d", imported), *most.items()))


def balanced(kwp: float, setup: SetUp, net: float, key: str = "net_pct") -> Case:
    return Case(kwp, setup, 50.0, ((key, net),))


TABLES: dict[str, tuple[Case, ...]] = {
    "Sun only (solar share 100 %): capture % / import kWh per 30 days": (
        sun_only(10, home("1"), 85, 10.5),
        sun_only(10, home("1", 48), 75, 17),
        sun_only(5, home("1", 48), 60, 7),
        sun_only(10, home("3"), 42, 8),
        sun_only(10, home("auto"), 79, 12, phase_switches_per_day=6),
    ),
    "Balanced (solar share 50 %): net %": (
        balanced(10, home("1"), 89),
        balanced(10, home("1", price_wh=5.0), 83, "net_after_price_pct"),
        balanced(10, home("1", 48), 79),
        balanced(5, home("1", 48), 67),
        balanced(10, home("3"), 57),
    ),
}

# The work: first every run of a controller, then what the oracle makes of it. Each is done once, however often it is shown.


@dataclass(frozen=True)
class Run:
    """A controller in a home. Rivals know neither budget, price nor share: for them these are the defaults."""

    kwp: float
    setup: SetUp
    policy: str
    share: float

    @classmethod
    def of(cls, case: Case, policy: str) -> Run:
        if policy == SUNBOX:
            return cls(case.kwp, case.setup, policy, case.share)
        return cls(case.kwp, replace(case.setup, commands_per_day=None, command_price_wh=0.0), policy, 100.0)


@dataclass(frozen=True)
class Judgement:
    """All cases of one plant on the same phases and with the same share: they have the oracle in common."""

    cases: tuple[Case, ...]
    tallies: dict[Run, Tally]


@lru_cache(maxsize=4)
def traces(paths: tuple[str, ...], kwp: float) -> tuple[Trace, ...]:
    return tuple(load_trace(path, timezone=TIMEZONE, kwp=kwp) for path in paths)


class Work:
    """What a process needs to know besides its task."""

    def __init__(self, paths: tuple[str, ...], days: float | None) -> None:
        self.paths, self.days = paths, days

    def run(self, task: Run) -> tuple[Run, Tally]:
        loaded = traces(self.paths, task.kwp)
        return task, run_policy(task.policy, loaded, setup=task.setup, solar_share_pct=task.share, days=self.days)

    def judge(self, task: Judgement) -> dict[Case, list[Row]]:
        first = task.cases[0]
        possible = Possible(traces(self.paths, first.kwp), first.setup, days=self.days)
        told = {}
        for case in task.cases:
            rows = [
                possible.row(
                    run.policy,
                    run.share if run.policy == SUNBOX else None,
                    task.tallies[run],
                    case.setup,
                    case.share,
                )
                for run in runs_of(case)
            ]
            told[case] = [*rows, possible.oracle_row(case.share, case.setup)]
        return told


def runs_of(case: Case) -> list[Run]:
    policies = [SUNBOX, *RIVALS]
    if case.setup.has_auto_phases:
        policies = [policy for policy in policies if policy in WITH_AUTO_PHASES]
    return [Run.of(case, policy) for policy in policies]


def measure(work: Work, cases: Sequence[Case]) -> dict[Case, list[Row]]:
    """Return the rows of each case, sunbox first and the oracle last."""
    tasks = dict.fromkeys(run for case in cases for run in runs_of(case))
    costly_first = sorted(tasks, key=lambda run: run.policy != SUNBOX)
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        tallies = dict(watched(pool.imap_unordered(work.run, costly_first), len(costly_first), "runs"))
        plants: dict[tuple[float, tuple[int, ...], float], list[Case]] = {}
        for case in cases:
            plants.setdefault((case.kwp, case.setup.phases, case.share), []).append(case)
        judgements = [
            Judgement(tuple(group), {run: tallies[run] for case in group for run in runs_of(case)})
            for group in plants.values()
        ]
        rows: dict[Case, list[Row]] = {}
        for told in watched(pool.imap_unordered(work.judge, judgements), len(judgements), "oracles"):
            rows.update(told)
    return rows


def watched(done: Iterable[T], count: int, what: str) -> Iterable[T]:
    """Pass on what is done, and say so on a terminal."""
    for number, each in enumerate(done, start=1):
        if sys.stderr.isatty():
            print(f"\r{what}: {number} of {count} ", end="" if number < count else "\n", file=sys.stderr, flush=True)
        yield each


def show(rows: dict[Case, list[Row]]) -> None:
    for title, cases in TABLES.items():
        print(f"\n{title}\n")
        for case in cases:
            print(f"{case.name}: must reach {case.floors()}")
            for row in rows[case]:
                mark = ""
                if row.policy == SUNBOX:
                    missed = case.missed(row)
                    mark = "  PASS" if not missed else f"  below: {', '.join(missed)}"
                price = f"  after price {row.net_after_price_pct:5.1f}" if case.setup.command_price_wh else ""
                switches = f"  {row.phase_switches_per_day:4.1f} switches/d" if case.setup.has_auto_phases else ""
                print(
                    f"  {row.policy:<18}{row.capture_pct:6.1f} / {row.import_kwh_per_30d:5.1f}  net {row.net_pct:5.1f}{price}"
                    f"  {row.commands_per_day:4.0f} commands/d  {row.starts_per_day:4.1f} starts/d"
                    f"{switches}  oracle there {row.oracle_capture_pct:5.1f} / {row.oracle_import_kwh_per_30d:4.1f}{mark}"
                )
            print()


def as_markdown(rows: dict[Case, list[Row]]) -> str:
    """Return the tables for docs/bench.md: per home one line, the peers' best beside sunbox and the oracle."""
    lines: list[str] = []
    for title, cases in TABLES.items():
        lines += [f"### {title.partition(':')[0]}", ""]
        lines += [
            "| home | policy | capture % | import kWh/30 d | net % | after price % | starts/d | switches/d | commands/d |"
        ]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for case in cases:
            for row in rows[case]:
                name = row.policy
                if row.policy == SUNBOX:
                    name = f"**sunbox** ({'reaches' if not case.missed(row) else 'below'} {case.floors()})"
                switches = f"{row.phase_switches_per_day:.1f}" if case.setup.has_auto_phases else ""
                price = f"{row.net_after_price_pct:.1f}" if case.setup.command_price_wh else ""
                lines.append(
                    f"| {case.name} | {name} | {row.capture_pct:.1f} | {row.import_kwh_per_30d:.1f} | {row.net_pct:.1f} "
                    f"| {price} | {row.starts_per_day:.1f} | {switches} | {row.commands_per_day:.0f} |"
                )
        lines.append("")
    return "\n".join(lines)


BEGIN, END = "<!-- figures: bench/pv.py --write -->", "<!-- end of figures -->"


def write(path: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put the tables between two marks of a file."""
    begin, end = marks
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def default_traces() -> list[str]:
    shared = os.environ.get("SUNBOX_SHARED")
    path = (Path(shared) if shared else ROOT.parent / "shared") / JUNE
    return [str(path)] if path.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description="Sunbox, its peers' rules and the oracle on recorded days.")
    parser.add_argument("--trace", action="append", help="CSV or CSV.gz, may be given again; the floors are for June's")
    parser.add_argument("--days", type=float, help="only so many days of each trace")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/bench.md as well")
    options = parser.parse_args()
    paths = options.trace or default_traces()
    if not paths:
        print("No trace: give --trace FILE, or set SUNBOX_SHARED to the folder that has data/.", file=sys.stderr)
        return
    began_s = time.perf_counter()
    rows = measure(Work(tuple(paths), options.days), [case for cases in TABLES.values() for case in cases])
    if options.write:
        write(ROOT / "docs" / "bench.md", as_markdown(rows))
    if options.json:
        told = [
            {
                "table": title,
                "case": case.name,
                "floors": {"least": dict(case.least), "most": dict(case.most)},
                "rows": [row.to_json() for row in rows[case]],
            }
            for title, cases in TABLES.items()
            for case in cases
        ]
        print(json.dumps(told, indent=2))
        return
    show(rows)
    print(f"{len(paths)} trace(s), {time.perf_counter() - began_s:.0f} s; {ORACLE} at its own number of commands")


if __name__ == "__main__":
    main()
