"""What a run of the bench is made of, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from sunbox.simulator.ledger import DAY_S
from sunbox.simulator.score import MONTH_DAYS

DEFAULT_MAX_A: dict[tuple[int, ...], int] = {(1,): 32, (3,): 16, (1, 3): 16}
"""Most current per phase by the phases that can be charged on (EU cars: 7.4 kW on one phase, 11 kW on three)."""

PHASE_NAMES: dict[str, tuple[int, ...]] = {"1": (1,), "3": (3,), "auto": (1, 3)}


MONEY_PER_KWH = 0.20
"""What a kWh is worth: a command at Tesla's 0.001 $ is then worth 5 Wh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """One home of the bench: the car is always there and never full, reacts late and then at once."""

    phases: tuple[int, ...] = (1,)  #: that can be charged on; (1, 3) = switched at will
    min_a: int = 6
    max_a: int = 32
    voltage_v: float = 230.0
    meter_interval_s: float = 10.0
    meter_delay_s: float = 10.0  #: how old a reading is when it arrives
    dim_interval_s: float | None = (
        None  #: between two readings where no car draws nor could from this sun; None = the same
    )
    car_delay_s: float = 10.0  #: from a command until the car does it, and answers
    commands_per_day: int | None = None  #: for controllers that have a budget; None = unlimited
    command_price_wh: float = 0.0  #: what a command is worth, in Wh

    @property
    def has_auto_phases(self) -> bool:
        """Return whether phases are switched at will."""
        return len(self.phases) > 1

    @property
    def min_power_w(self) -> float:
        """Return the least that the car takes when it charges, in W."""
        return min(self.phases) * self.min_a * self.voltage_v

    @property
    def max_power_w(self) -> float:
        """Return the most that the car takes, in W."""
        return max(self.phases) * self.max_a * self.voltage_v

    def to_json(self) -> dict[str, Any]:
        """Return it for people."""
        names = {phases: name for name, phases in PHASE_NAMES.items()}
        return {
            "phases": names[self.phases],
            "min_amps": self.min_a,
            "max_amps": self.max_a,
            "voltage_v": self.voltage_v,
            "meter_interval_s": self.meter_interval_s,
            "meter_delay_s": self.meter_delay_s,
            "car_delay_s": self.car_delay_s,
            "commands_per_day": self.commands_per_day if self.commands_per_day is not None else "unlimited",
            "command_price_wh": self.command_price_wh,
        }


@dataclass(slots=True)
class Tally:
    """What a controller brought over the whole time. Several traces add up."""

    elapsed_s: float = 0.0
    solar_wh: float = 0.0
    import_wh: float = 0.0
    usable_wh: float = 0.0
    starts: int = 0
    phase_switches: int = 0
    commands: int = 0
    commands_by_day: dict[date, int] = field(default_factory=dict)  #: local days

    def add(self, other: Tally) -> None:
        """Add another run."""
        for each in fields(self):
            if each.name != "commands_by_day":
                setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        for day, count in other.commands_by_day.items():
            self.commands_by_day[day] = self.commands_by_day.get(day, 0) + count

    def count_command(self, day: date) -> None:
        """Count one command, sent on a local day."""
        self.commands += 1
        self.commands_by_day[day] = self.commands_by_day.get(day, 0) + 1

    @property
    def days(self) -> float:
        """Return its length in days of 24 h."""
        return self.elapsed_s / DAY_S

    @property
    def capture_pct(self) -> float:
        """Return solar energy into the car ÷ usable surplus, in %; 0 where there was nothing to use."""
        return self._share_pct(self.solar_wh)

    @property
    def net_pct(self) -> float:
        """Return (solar - import) ÷ usable surplus, in %."""
        return self._share_pct(self.solar_wh - self.import_wh)

    @property
    def import_kwh_per_30d(self) -> float:
        """Return the import that the car caused, in kWh per 30 days."""
        return self.import_wh / 1000 / self.days * MONTH_DAYS if self.elapsed_s > 0 else 0.0

    @property
    def commands_per_day(self) -> float:
        """Return the mean number of commands on a day."""
        return self.commands / self.days if self.elapsed_s > 0 else 0.0

    @property
    def most_commands_on_a_day(self) -> int:
        """Return the number of commands on the busiest local day."""
        return max(self.commands_by_day.values(), default=0)

    def net_after_price_pct(self, price_wh: float) -> float:
        """Return net less `price_wh` for each command, in %."""
        return self._share_pct(self.solar_wh - self.import_wh - price_wh * self.commands)

    def _share_pct(self, energy_wh: float) -> float:
        return 100.0 * energy_wh / self.usable_wh if self.usable_wh > 0 else 0.0
