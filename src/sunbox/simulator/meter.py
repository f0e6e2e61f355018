"""The meter at the grid connection: what it measures is late, rounded and a little wrong, as a real one's is.

Its noise depends on seed and instant of measurement only, so that asking twice, or more often, changes nothing.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

HANG_S = 3600.0
"""How long a hanging meter keeps its client waiting, s."""
MAX_DELAY_S = 120.0
"""How far the world remembers, s."""


class Sample(NamedTuple):
    """The site at one instant, `t_s` after the beginning of the trace. Powers in W; battery + = discharging."""

    t_s: float
    pv_w: float
    house_w: float
    cars_w: float
    battery_w: float = 0.0
    battery_soc_pct: float | None = None

    @property
    def grid_w(self) -> float:
        """Return the power from the grid, + = import."""
        return self.house_w + self.cars_w - self.pv_w - self.battery_w


class MeterFault(StrEnum):
    """How a meter can fail."""

    STALE = "stale"  #: it repeats its last measurement, with its old time
    HTTP_500 = "http_500"
    HANG = "hang"  #: it takes the request and does not answer
    NULL = "null"  #: it answers, and knows nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterParams:
    """What a meter is like."""

    delay_s: float = 0.0  #: it answers what was so long ago
    noise_w: float = 5.0  #: standard deviation; cut off at twice that
    resolution_w: float = 1.0
    has_time: bool = True  #: whether it says when it measured; many do not
    fault: MeterFault | None = None

    def __post_init__(self) -> None:
        for name, value, most in (("delay_s", self.delay_s, MAX_DELAY_S), ("noise_w", self.noise_w, 1e6)):
            if not 0 <= value <= most:
                raise ValueError(f"meter {name} {value!r}: allowed is 0 to {most:g}")
        if not 0 < self.resolution_w <= 1e5:
            raise ValueError(f"meter resolution_w {self.resolution_w!r}: allowed is above 0, up to 100000")

    def truth(self) -> dict[str, Any]:
        """Return the parameters as JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class MeteredSite(Protocol):
    """What a meter is connected to."""

    @property
    def t_s(self) -> float:
        """Return the present, in s since the beginning of the trace."""
        ...

    def sync(self) -> None:
        """Bring the site up to the present."""
        ...

    def sample_at(self, t_s: float) -> Sample:
        """Return the site as it was at `t_s`, at most `MAX_DELAY_S` ago."""
        ...

    def at(self, t_s: float) -> datetime:
        """Return the instant of `t_s`."""
        ...


class Meter:
    """One meter at the grid connection, which sees PV and home battery too."""

    def __init__(self, params: MeterParams, site: MeteredSite, seed: int) -> None:
        self._params = params
        self._site = site
        self._seed = seed
        self._frozen: dict[str, Any] | None = None
        self.change(params)

    @property
    def params(self) -> MeterParams:
        """Return what it is like now."""
        return self._params

    def change(self, params: MeterParams) -> None:
        """Become `params`; a fault `stale` freezes what it would answer at this moment."""
        if params.fault is not MeterFault.STALE:
            self._frozen = None
        elif self._frozen is None:
            self._site.sync()
            self._frozen = self.measure()
        self._params = params

    def measure(self) -> dict[str, Any]:
        """Return what it answers now, without any fault. `load_w` is all that is used at home, cars included."""
        params, site = self._params, self._site
        sample = site.sample_at(site.t_s - params.delay_s)
        noise_w = 0.0
        if params.noise_w > 0:
            # seeded by the instant: independent of how often it is asked
            noise = random.Random((self._seed << 48) ^ round(sample.t_s * 1000)).gauss(0.0, params.noise_w)
            noise_w = max(-2 * params.noise_w, min(2 * params.noise_w, noise))
        grid_w, pv_w = self._rounded(sample.grid_w + noise_w), self._rounded(sample.pv_w)
        reading: dict[str, Any] = {}
        if params.has_time:
            reading["time"] = site.at(sample.t_s).astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        reading["grid_w"] = grid_w
        reading["pv_w"] = pv_w
        load_w = grid_w + pv_w
        if sample.battery_soc_pct is not None:
            battery_w = self._rounded(sample.battery_w)
            load_w += battery_w
            reading["battery_w"] = battery_w
            reading["battery_soc_pct"] = round(sample.battery_soc_pct, 1)
        reading["load_w"] = round(load_w, 3)
        return reading

    def _rounded(self, value_w: float) -> float:
        """Return a power in the steps of the display."""
        step_w = self._params.resolution_w
        return round(round(value_w / step_w) * step_w, 3)

    def answer(self) -> tuple[int, bytes]:
        """Return HTTP status and JSON body of a request now. A hanging meter's is what it says when it gives up."""
        self._site.sync()
        fault = self._params.fault
        if fault is None:
            return 200, json.dumps(self.measure()).encode()
        if fault is MeterFault.STALE:
            return 200, json.dumps(self._frozen).encode()
        if fault is MeterFault.NULL:
            measured = self.measure()
            return 200, json.dumps({key: measured[key] if key == "time" else None for key in measured}).encode()
        return 500, b'{"error": "the meter has a fault"}'
