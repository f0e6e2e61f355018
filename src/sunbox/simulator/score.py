"""What a simulated time was worth: pure functions from the ledger and the bill's counts to the figures of `sunbox day`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sunbox.core.commands import RequestKind
from sunbox.simulator.bill import Counts
from sunbox.simulator.ledger import DAY_S, DayLedger

MONTH_DAYS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BillCounts:
    """What was asked over the whole time: of paid interfaces, and what wallboxes were told.

    `dollars` is what the maker would charge for it.
    """

    commands: int = 0
    wakes: int = 0
    data: int = 0
    dollars: float = 0.0
    phase_switches: int = 0  #: which cost nothing but the car's patience

    @classmethod
    def of(cls, counts: Counts) -> BillCounts:
        """Return what was billed according to the cloud."""
        billed = counts.billed
        return cls(
            commands=billed[RequestKind.COMMAND],
            wakes=billed[RequestKind.WAKE],
            data=billed[RequestKind.DATA],
            dollars=counts.dollars,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures, named as in `sunbox day --json`.

    `capture_pct` is solar energy into the cars ÷ usable surplus; `net_pct` is (solar - import) ÷ usable surplus; both
    None where there was nothing to use. `battery_pct` is what the home battery gave to the cars ÷ what they got.
    """

    days: float
    charged_kwh: float
    solar_kwh: float
    capture_pct: float | None
    battery_pct: float | None
    import_kwh_per_30d: float
    net_pct: float | None
    starts_per_day: float
    phase_switches_per_day: float
    commands_per_day: float
    wakes_per_day: float
    data_per_day: float
    dollars_per_month: float

    def to_json(self) -> dict[str, float | None]:
        """Return the figures under their JSON keys."""
        return asdict(self)


def score(ledger: DayLedger, bill: BillCounts, days: float | None = None) -> Score:
    """Return the figures of the time that `ledger` sums up; `days` overrides its length in days of 24 h.

    Raises:
        ValueError: no time has passed.
    """
    days = ledger.elapsed_s / DAY_S if days is None else days
    if not days > 0:
        raise ValueError(f"days {days!r}: allowed is more than 0")
    cars = ledger.all_cars()

    def share_pct(energy_wh: float) -> float | None:
        return round(100 * energy_wh / cars.usable_wh, 2) if cars.usable_wh > 0 else None

    return Score(
        days=round(days, 3),
        charged_kwh=round(cars.charged_wh / 1000, 3),
        solar_kwh=round(cars.solar_wh / 1000, 3),
        capture_pct=share_pct(cars.solar_wh),
        battery_pct=round(100 * cars.battery_wh / cars.charged_wh, 2) if cars.charged_wh > 0 else None,
        import_kwh_per_30d=round(cars.import_wh / 1000 / days * MONTH_DAYS, 3),
        net_pct=share_pct(cars.solar_wh - cars.import_wh),
        starts_per_day=round(cars.starts / days, 2),
        phase_switches_per_day=round(bill.phase_switches / days, 2),
        commands_per_day=round(bill.commands / days, 2),
        wakes_per_day=round(bill.wakes / days, 2),
        data_per_day=round(bill.data / days, 2),
        dollars_per_month=round(bill.dollars / days * MONTH_DAYS, 2),
    )
