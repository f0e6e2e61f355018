"""What docs/world.md shows works as it stands there."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.control import HELP
from sunbox.simulator.patch import patch_world
from sunbox.simulator.scenario import Scenario, build_world
from sunbox.simulator.scenario_file import parse_scenario
from sunbox.simulator.tesla_cloud import TeslaCloud

TEXT = (Path(__file__).parents[2] / "docs" / "world.md").read_text(encoding="utf-8")
BODIES = re.findall(r"-d '(\{.*\})'", TEXT) + re.findall(r"-d '(\{.*\})'", HELP)
SCENARIO = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[0]


def test_there_are_examples():
    assert len(BODIES) >= 12


@pytest.mark.parametrize("body", BODIES)
def test_every_patch_is_accepted(body):
    async def story() -> None:
        clock = LoopClock(Scenario().start_at())
        world = build_world(Scenario(battery_kwh=10), clock)
        world.attach("tesla", TeslaCloud(clock, world.cars.values(), sync=world.sync))
        patch_world(world, json.loads(body))

    run_in(VirtualTimeLoop, story())


def test_the_scenario_can_be_read_and_built():
    scenario = parse_scenario(SCENARIO)
    assert scenario.trace == "june.csv.gz"

    async def story() -> None:
        world = build_world(replace(scenario, trace=None), LoopClock(scenario.start_at()))
        assert list(world.cars) == ["model3", "model-y"]

    run_in(VirtualTimeLoop, story())
