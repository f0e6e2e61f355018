"""Days until the early afternoon with a Powerwall as the home's only meter: its battery stays out of a car that follows the sun."""

from __future__ import annotations

import pytest

from sunbox.cli.day import DayOptions, run_days

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("meter", "most_pct"), [("local", 1.0), ("cloud", 4.0)])
def test_what_the_battery_gives_to_the_car_is_the_lag_alone(meter: str, most_pct: float) -> None:
    score = run_days(DayOptions(battery="powerwall", battery_meter=meter, days=0.6), None)
    assert score.charged_kwh > 5
    assert score.battery_pct is not None
    assert score.battery_pct <= most_pct
    assert score.capture_pct is not None
    assert score.capture_pct >= 80
