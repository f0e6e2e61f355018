"""What docs/world.md shows works as it stands there."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sunbox.simulator.car import TeslaCar
from sunbox.simulator.car_control import ROWS
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.control import HELP
from sunbox.simulator.faults import KINDS
from sunbox.simulator.goe_control import BOX_ROWS
from sunbox.simulator.patch import patch_world
from sunbox.simulator.scenario import ChargerScenario, Scenario, build_world
from sunbox.simulator.scenario_file import parse_scenario
from sunbox.simulator.smartevse_control import BOX_ROWS as SMARTEVSE_ROWS
from sunbox.simulator.tesla_cloud import TeslaCloud
from sunbox.simulator.wallbox_control import CAR_ROWS

TEXT = (Path(__file__).parents[2] / "docs" / "world.md").read_text(encoding="utf-8")
BODIES = re.findall(r"-d '(\{.*\})'", TEXT) + re.findall(r"-d '(\{.*\})'", HELP)
SCENARIO = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[0]


def test_there_are_examples():
    assert len(BODIES) >= 12


@pytest.mark.parametrize("body", BODIES)
def test_every_patch_is_accepted(body):
    async def story() -> None:
        clock = LoopClock(Scenario().start_at())
        world = build_world(Scenario(powerwalls=1, chargers=(ChargerScenario(),)), clock)
        teslas = [car for car in world.cars.values() if isinstance(car, TeslaCar)]
        world.attach("tesla", TeslaCloud(clock, teslas, sync=world.sync))
        patch_world(world, json.loads(body))

    run_in(VirtualTimeLoop, story())


def listed(heading: str) -> set[str]:
    """The words in code of a table's first column."""
    table = TEXT.partition(heading)[2].partition("|---|---|\n")[2].partition("\n\n")[0]
    return {word for row in table.splitlines() for word in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_key_of_a_car_and_every_fault_is_explained():
    assert listed("What may be true of a car") == set(ROWS)
    assert listed("## What can go wrong") == set(KINDS)
    assert listed("What may be true of a wallbox") == set(BOX_ROWS) | set(CAR_ROWS)
    assert listed("What may be true of a SmartEVSE") == set(SMARTEVSE_ROWS)


@pytest.mark.parametrize(
    ("kind", "option"), [(name, each) for name, row in KINDS.items() for each in sorted(row.options)]
)
def test_every_option_of_a_fault_is_explained(kind: str, option: str):
    (row,) = re.findall(rf"^\| [^|]*`{kind}`[^|]*\|.*$", TEXT, flags=re.MULTILINE)
    assert f"`{option}`" in row


def test_the_scenario_can_be_read_and_built():
    scenario = parse_scenario(SCENARIO)
    assert scenario.trace == "june.csv.gz"

    async def story() -> None:
        world = build_world(replace(scenario, trace=None), LoopClock(scenario.start_at()))
        assert list(world.cars) == ["model3", "model-y", "drive", "yard"]
        assert {box.id: box.car_id for box in world.chargers.values()} == {
            "garage": "model-y",
            "drive": "drive",
            "yard": "yard",
        }

    run_in(VirtualTimeLoop, story())
