"""A clock that is set by hand, a car without opinions, and traces of a line or two."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sunbox.simulator.trace import RecordedTrace
from sunbox.simulator.world import World

START_AT = datetime(2024, 6, 17, 10, tzinfo=UTC)  # a Monday, 12:00 in Berlin


class HandClock:
    def __init__(self, at: datetime = START_AT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def go(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class SimpleCar:
    """Draws what it is told, at once or on a ramp of 1 kW/s."""

    def __init__(self, car_id: str = "car", *, draw_w: float = 0.0, max_power_w: float = 7360.0) -> None:
        self.id = car_id
        self.draw_w = self.wanted_w = draw_w
        self.max_power_w = max_power_w
        self.is_home = self.is_plugged = True
        self.is_asleep = False
        self.soc_pct = 50.0
        self.lived_s = 0.0
        self.moves: list[tuple[Any, ...]] = []

    @property
    def is_busy(self) -> bool:
        return self.draw_w != self.wanted_w

    def ramp_to(self, wanted_w: float) -> None:
        self.wanted_w = wanted_w

    def draw(self, draw_w: float) -> None:
        self.draw_w = self.wanted_w = draw_w

    def advance(self, dt_s: float) -> None:
        assert dt_s > 0
        self.lived_s += dt_s
        step_w = 1000 * dt_s
        self.draw_w += max(-step_w, min(step_w, self.wanted_w - self.draw_w))

    def truth(self) -> dict[str, Any]:
        return {"soc_pct": self.soc_pct, "asleep": self.is_asleep, "plugged": self.is_plugged, "home": self.is_home}

    def patch(self, changes: dict[str, Any]) -> None:
        for key, value in changes.items():
            if key not in ("soc_pct", "asleep"):
                raise ValueError(f"{key}: unknown; allowed are soc_pct, asleep")
            if key == "soc_pct" and not 0 <= value <= 100:
                raise ValueError(f"soc_pct: {value!r}; allowed is 0 to 100")
        self.soc_pct = changes.get("soc_pct", self.soc_pct)
        self.is_asleep = changes.get("asleep", self.is_asleep)

    def plug(self) -> None:
        self.moves.append(("plug",))
        self.is_plugged = True

    def unplug(self) -> None:
        self.moves.append(("unplug",))
        self.is_plugged = False
        self.draw(0.0)

    def drive_off(self) -> None:
        self.moves.append(("drive_off",))
        self.is_home = self.is_plugged = False

    def arrive(self, used_kwh: float = 0.0) -> None:
        self.moves.append(("arrive", used_kwh))
        self.is_home = True


def rows(*triples: tuple[float, float, float], start_at: datetime = START_AT) -> RecordedTrace:
    """Return a trace of (s, pv W, load W)."""
    return RecordedTrace(
        start_at, [row[0] for row in triples], [row[1] for row in triples], [row[2] for row in triples]
    )


def steady(pv_w: float, load_w: float, *, start_at: datetime = START_AT) -> RecordedTrace:
    return rows((0, pv_w, load_w), (86_399, pv_w, load_w), start_at=start_at)


def steady_world(pv_w: float, load_w: float, *cars: SimpleCar, **options: Any) -> tuple[World, HandClock]:
    clock = HandClock()
    return World(clock, steady(pv_w, load_w), cars=cars, **options), clock
