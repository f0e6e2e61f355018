"""Days at work and at home of two commuting cars through the real stack, with clouds and with what goes wrong in a usual week.

What it costs, what the owner's spend meter says beside Tesla's bill, and what is never sent twice. `-s` prints the table;
`sunbox day --days 7 --cars 2 --presence commuter --per-month 2 --troubles` measures the same.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.home import Home, live, living

from sunbox.cli.day import KINDS_OF_TROUBLE, WAYS
from sunbox.core.commands import Command, CommandName, Outcome, RequestKind
from sunbox.core.wallbox import Accepted
from sunbox.simulator.habits import Presence
from sunbox.simulator.scenario import CarScenario, Scenario, build_trace

pytestmark = pytest.mark.slow

DAY_S = 86400.0
FIRST_DAY = date(2024, 6, 19)
"""A Wednesday: four days are three at work and one at home, nearly as in a week."""
ORDER_EACH_S = 11 * 3600.0
CENT = 0.005


@dataclass
class Week:
    """What was seen."""

    bills: dict[str, dict[str, Any]] = field(default_factory=dict)  #: by car: what Tesla charges
    meters: dict[str, float] = field(default_factory=dict)  #: by car: what the gateway says that it cost
    over_bluetooth: int = 0
    charged_kwh: float = 0.0
    solar_kwh: float = 0.0
    import_kwh_per_30d: float = 0.0
    orders: list[Outcome] = field(default_factory=list)
    kept: dict[str, list[int]] = field(default_factory=dict)  #: by car: start times of the schedules that it has
    exchanges: list[tuple[str, str, Any, str]] = field(default_factory=list)  #: car, command, its words, outcome


def lived(way: str, days: float, seed: int = 1) -> Week:
    """Let two cars live and return what was seen. Everything is as the owner gets it who writes nothing but the way."""
    week = Week()
    scenario = Scenario(
        seed=seed,
        day=FIRST_DAY,
        start="00:00",
        presence=Presence.COMMUTER,
        cars=tuple(CarScenario(id=name, needs_signing=way in ("signing", "ble")) for name in ("model3", "modely")),
    )

    def by_way(text: str) -> str:
        written = "".join(f"\n  {key}: {json.dumps(value)}" for key, value in WAYS[way].items())
        return text.replace("\n  driver: tesla", f"\n  driver: tesla{written}")

    async def main() -> None:
        trace = build_trace(scenario)
        async with living(
            scenario=scenario,
            trace=trace,
            start_at=trace.start_at,
            budget={"per_month": 2.0},
            journal=True,
            edit=by_way,
        ) as home:
            trouble = asyncio.create_task(home.simulated.trouble(KINDS_OF_TROUBLE[way], seed))
            orders = asyncio.create_task(ordering(home, week))
            await home.sleep(days * DAY_S)
            for task in (trouble, orders):
                task.cancel()
            await asyncio.gather(trouble, orders, return_exceptions=True)
            await home.sleep(400)  # what is under way ends
            note(home, week)
            await home.stop_gateway()
            week.exchanges = list(exchanges_of(home.folder / "journal"))

    live(main)
    return week


async def ordering(home: Home, week: Week) -> None:
    """Order an additive command now and then, whatever goes wrong just then; of cars that are awake, since wakes are dear."""
    number = 0
    while True:
        await home.sleep(ORDER_EACH_S)
        for car in home.simulated.world.cars:
            number += 1
            if not await awake(home, car):
                continue
            details = (
                ("lat", 52.394),
                ("lon", 13.542),
                ("days_of_week", "All"),
                ("start_enabled", True),
                ("end_enabled", False),
                ("enabled", False),
                ("start_time", number),
            )
            reply = home.gateway.order(car, Command(CommandName.ADD_SCHEDULE, details=details), "test")
            assert isinstance(reply, Accepted)
            end = await home.gateway.order_ended(car, reply.version, 600.0)
            assert end is not None
            week.orders.append(end.outcome)


async def awake(home: Home, car: str) -> bool:
    """Wait until a car is awake, at most half the time to the next order."""

    def is_awake() -> bool:
        return any(each.id == car and not each.is_asleep for each in home.gateway.snapshot().vehicles)

    for _ in range(int(ORDER_EACH_S / 4 / 60)):
        if is_awake():
            return True
        await home.sleep(60)
    return False


def note(home: Home, week: Week) -> None:
    bill = home.simulated.cloud.bill
    for shown in home.gateway.snapshot().vehicles:
        counts = bill.cars.get(str(shown.vin))
        billed = {kind.value: 0 if counts is None else counts.billed[kind] for kind in RequestKind}
        week.bills[shown.id] = {**billed, "dollars": 0.0 if counts is None else counts.dollars}
        week.meters[shown.id] = 0.0 if shown.spend is None else shown.spend.money_this_month
    week.over_bluetooth = len(home.simulated.cloud.ble.requests)
    result = home.simulated.score()
    week.charged_kwh, week.solar_kwh = result.charged_kwh, result.solar_kwh
    week.import_kwh_per_30d = result.import_kwh_per_30d
    for name, car in home.simulated.world.cars.items():
        week.kept[name] = [int(each["start_time"]) for each in car.kept_schedules.values()]  # type: ignore[attr-defined]


def exchanges_of(folder: Path) -> Iterator[tuple[str, str, Any, str]]:
    """Yield each command that was sent, and how it ended, in the order in which they ended."""
    sent: dict[int, tuple[str, str, Any]] = {}
    for path in sorted(folder.iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            entry = json.loads(line)
            for name, given in entry.get("effects", ()):
                if name == "Send":
                    command = given["command"]
                    words = (command.get("value"), json.dumps(command.get("details")))
                    sent[given["exchange_id"]] = (given["device_id"], command["name"], words)
            if entry["event"] == "CommandEnded":
                ended = entry["with"]
                yield (*sent.pop(ended["exchange_id"]), ended["outcome"])


def told(way: str, week: Week, days: float) -> str:
    rows = [f"{days:g} days by {way}: {week.charged_kwh:.0f} kWh charged, {week.solar_kwh:.0f} kWh of them solar"]
    for car, bill in week.bills.items():
        rows.append(
            f"  {car}: {bill['wake']} wakes, {bill['data']} data, {bill['command']} commands, ${bill['dollars']:.3f} "
            f"(meter ${week.meters[car]:.3f}, ${bill['dollars'] / days * 30:.2f} per 30 days)"
        )
    rows.append(f"  over Bluetooth: {week.over_bluetooth} requests; orders: {len(week.orders)}")
    return "\n".join(rows) + "\n"


def check_nothing_twice(week: Week) -> None:
    """What adds was never sent twice; what may have been done was sent once more at most, before anything else was."""
    assert len(week.orders) >= 1
    for car, starts in week.kept.items():
        assert len(starts) == len(set(starts)), car
    open_doubts: dict[tuple[str, str], tuple[Any, int]] = {}
    for car, name, words, outcome in week.exchanges:
        key = (car, name)
        if name == CommandName.ADD_SCHEDULE.value:
            previous = open_doubts.get((car, str(words)))
            assert previous is None, f"{words} was sent again after it may have been done"
            if outcome in (Outcome.UNCONFIRMED.value, Outcome.APPLIED.value):
                open_doubts[car, str(words)] = (words, 1)
            continue
        if name == CommandName.WAKE.value:
            continue
        if outcome == Outcome.UNCONFIRMED.value:
            before = open_doubts.get(key)
            count = before[1] + 1 if before is not None and before[0] == words else 1
            assert count <= 2, f"{car}: {name} {words} was sent {count} times without knowing what became of it"
            open_doubts[key] = (words, count)
        else:
            open_doubts.pop(key, None)


@pytest.mark.parametrize(("way", "days"), [("fleet", 4.0), ("signing", 2.0)])
def test_a_commuting_car_costs_two_dollars_and_a_half_a_month_at_most(way: str, days: float) -> None:
    week = lived(way, days)
    sys.stdout.write(told(way, week, days) + f"  import: {week.import_kwh_per_30d:.1f} kWh per 30 days\n")
    for car, bill in week.bills.items():
        assert bill["dollars"] / days * 30 <= 2.50, car
        assert bill["command"] > 0
        assert week.meters[car] == pytest.approx(bill["dollars"], abs=CENT)
        # it is let sleep
        assert bill["wake"] / days < 3
        assert bill["data"] / days < 25
    assert week.import_kwh_per_30d < 25 * len(week.bills)
    assert week.solar_kwh > 0.9 * week.charged_kwh > 0
    check_nothing_twice(week)


def test_over_bluetooth_it_costs_nothing() -> None:
    week = lived("ble", 2.0)
    sys.stdout.write(told("ble", week, 2.0))
    assert [bill["dollars"] for bill in week.bills.values()] == [0.0, 0.0]
    assert set(week.meters.values()) == {0.0}
    assert week.over_bluetooth > 330
    assert week.solar_kwh > 0.8 * week.charged_kwh > 0
    check_nothing_twice(week)


def test_bluetooth_first_costs_less_and_the_meter_says_what_the_rest_costs() -> None:
    week = lived("ble+fleet", 2.0)
    sys.stdout.write(told("ble+fleet", week, 2.0))
    for car, bill in week.bills.items():
        assert week.meters[car] == pytest.approx(bill["dollars"], abs=CENT)
        assert bill["dollars"] / 2.0 * 30 <= 2.0
    check_nothing_twice(week)
