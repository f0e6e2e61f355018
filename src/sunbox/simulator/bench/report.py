"""The rows of the bench: what each policy was worth, beside what was possible with as many commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sunbox.simulator.bench.setup import SetUp, Tally
from sunbox.simulator.course import courses_of
from sunbox.simulator.ledger import DAY_S
from sunbox.simulator.oracle import Oracle, weight_of
from sunbox.simulator.score import MONTH_DAYS
from sunbox.simulator.trace import Trace

ORACLE = "oracle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One policy. The fields are the keys of `sunbox bench pv --json`.

    `solar_share_pct` is None for who knows no such setting. The oracle's figures are at the same number of commands.
    """

    policy: str
    solar_share_pct: float | None
    capture_pct: float
    import_kwh_per_30d: float
    net_pct: float
    net_after_price_pct: float
    starts_per_day: float
    phase_switches_per_day: float
    commands_per_day: float
    oracle_capture_pct: float
    oracle_import_kwh_per_30d: float

    def to_json(self) -> dict[str, str | float | None]:
        """Return the figures under their JSON keys."""
        return asdict(self)


class Possible:
    """What was possible on some traces in one home: an oracle per weight of import, made when it is asked for.

    Neither budget nor price of commands matters to it: they are told with each row.
    """

    def __init__(self, traces: Sequence[Trace], setup: SetUp, *, days: float | None = None) -> None:
        self._courses = courses_of(traces, setup, days=days)
        self.usable_wh = sum(course.usable_wh for course in self._courses)
        self.days = sum(sum(course.hours) for course in self._courses) * 3600.0 / DAY_S
        self._oracles: dict[float, Oracle] = {}

    def oracle(self, solar_share_pct: float) -> Oracle:
        """Return the oracle that weighs import as somebody with this share does."""
        weight = weight_of(solar_share_pct)
        if weight not in self._oracles:
            self._oracles[weight] = Oracle(self._courses, weight)
        return self._oracles[weight]

    def row(self, policy: str, solar_share_pct: float | None, tally: Tally, setup: SetUp, weighed_as_pct: float) -> Row:
        """Return the row of a policy.

        Args:
            policy: its name.
            solar_share_pct: with which it ran, None where it has no such setting.
            tally: what it brought.
            setup: the home, for the price of a command.
            weighed_as_pct: the share whose oracle it is compared with.
        """
        best = self.oracle(weighed_as_pct).with_commands(tally.commands)
        return Row(
            policy=policy,
            solar_share_pct=solar_share_pct,
            capture_pct=round(tally.capture_pct, 2),
            import_kwh_per_30d=round(tally.import_kwh_per_30d, 2),
            net_pct=round(tally.net_pct, 2),
            net_after_price_pct=round(tally.net_after_price_pct(setup.command_price_wh), 2),
            starts_per_day=round(tally.starts / tally.days, 2),
            phase_switches_per_day=round(tally.phase_switches / tally.days, 2),
            commands_per_day=round(tally.commands_per_day, 2),
            oracle_capture_pct=self._share_pct(best.solar_wh),
            oracle_import_kwh_per_30d=self._monthly_kwh(best.import_wh),
        )

    def oracle_row(self, solar_share_pct: float, setup: SetUp) -> Row:
        """Return what the oracle itself does: within the budget, at the price, or with as many commands as are of use."""
        oracle = self.oracle(solar_share_pct)
        commands = float(oracle.at_price(setup.command_price_wh).commands)
        if setup.commands_per_day is not None:
            commands = min(commands, setup.commands_per_day * self.days)
        best = oracle.with_commands(commands)
        return Row(
            policy=ORACLE,
            solar_share_pct=solar_share_pct,
            capture_pct=self._share_pct(best.solar_wh),
            import_kwh_per_30d=self._monthly_kwh(best.import_wh),
            net_pct=self._share_pct(best.solar_wh - best.import_wh),
            net_after_price_pct=self._share_pct(best.solar_wh - best.import_wh - setup.command_price_wh * commands),
            starts_per_day=round(best.starts / self.days, 2),
            phase_switches_per_day=round(best.phase_switches / self.days, 2),
            commands_per_day=round(commands / self.days, 2),
            oracle_capture_pct=self._share_pct(best.solar_wh),
            oracle_import_kwh_per_30d=self._monthly_kwh(best.import_wh),
        )

    def below_pct(self, row: Row, weighed_as_pct: float) -> float:
        """Return how far a row stays below the oracle with as many commands, in points of capture - weight × import."""
        weight = weight_of(weighed_as_pct)
        kwh_pct = 100.0 / (self.usable_wh / 1000.0 / self.days * MONTH_DAYS) if self.usable_wh > 0 else 0.0
        more_import_pct = (row.import_kwh_per_30d - row.oracle_import_kwh_per_30d) * kwh_pct
        return row.oracle_capture_pct - row.capture_pct + weight * more_import_pct

    def _share_pct(self, energy_wh: float) -> float:
        return round(100.0 * energy_wh / self.usable_wh, 2) if self.usable_wh > 0 else 0.0

    def _monthly_kwh(self, energy_wh: float) -> float:
        return round(energy_wh / 1000.0 / self.days * MONTH_DAYS, 2)
