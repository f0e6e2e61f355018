"""A home battery with its own control: self-consumption. Nobody commands it; it makes the grid power 0 as far as it can."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryParams:
    """What a home battery is. Defaults: a 10 kWh AC-coupled home battery with 5 kW, as sold in the mid-2020s."""

    capacity_wh: float = 10_000.0
    max_charge_w: float = 5_000.0
    max_discharge_w: float = 5_000.0
    round_trip_efficiency: float = 0.90  #: AC to AC; half of the loss either way
    soc_pct: float = 50.0  #: at the beginning
    reserve_pct: float = 5.0  #: it does not discharge below
    lag_s: float = 3.0  #: time constant of its control

    def __post_init__(self) -> None:
        for name, value, ok, allowed in (
            ("capacity_wh", self.capacity_wh, self.capacity_wh > 0, "more than 0"),
            ("max_charge_w", self.max_charge_w, self.max_charge_w >= 0, "0 or more"),
            ("max_discharge_w", self.max_discharge_w, self.max_discharge_w >= 0, "0 or more"),
            (
                "round_trip_efficiency",
                self.round_trip_efficiency,
                0 < self.round_trip_efficiency <= 1,
                "above 0, up to 1",
            ),
            ("soc_pct", self.soc_pct, 0 <= self.soc_pct <= 100, "0 to 100"),
            ("reserve_pct", self.reserve_pct, 0 <= self.reserve_pct <= 100, "0 to 100"),
            ("lag_s", self.lag_s, self.lag_s >= 0, "0 or more"),
        ):
            if not ok:
                raise ValueError(f"battery {name} {value!r}: allowed is {allowed}")


class Battery:
    """The battery over time. `power_w` + = discharging, at its AC side."""

    __slots__ = ("_one_way", "energy_wh", "params", "power_w")

    def __init__(self, params: BatteryParams) -> None:
        self.params = params
        self.energy_wh = params.capacity_wh * params.soc_pct / 100
        self.power_w = 0.0
        self._one_way = math.sqrt(params.round_trip_efficiency)

    @property
    def soc_pct(self) -> float:
        """Return the state of charge in %."""
        return 100 * self.energy_wh / self.params.capacity_wh

    def set_soc_pct(self, soc_pct: float) -> None:
        """Set the state of charge in %."""
        self.energy_wh = self.params.capacity_wh * soc_pct / 100

    def advance(self, dt_s: float, need_w: float) -> None:
        """Live `dt_s` while the site needs `need_w` (cars + house - pv; negative = surplus)."""
        params = self.params
        target_w = max(-params.max_charge_w, min(params.max_discharge_w, need_w))
        follow = 1.0 if params.lag_s == 0 else -math.expm1(-dt_s / params.lag_s)
        power_w = self.power_w + (target_w - self.power_w) * follow
        # what is stored and what there is room for, as AC power over this step
        floor_wh = params.capacity_wh * params.reserve_pct / 100
        per_h = 3600.0 / dt_s
        most_w = max(0.0, self.energy_wh - floor_wh) * self._one_way * per_h
        least_w = -(params.capacity_wh - self.energy_wh) / self._one_way * per_h
        self.power_w = power_w = max(least_w, min(most_w, power_w))
        self.energy_wh -= (power_w / self._one_way if power_w > 0 else power_w * self._one_way) / per_h
