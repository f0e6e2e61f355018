"""A wallbox in the world: its draw counts once, box and car and world agree, people and faults come and go."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from simulator.simple_worlds import START_AT, HandClock, steady
from sunbox.core.model import Charging
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.control import world_truth
from sunbox.simulator.goe_charger import BOOT_S, GoeCharger
from sunbox.simulator.habits import Presence
from sunbox.simulator.patch import PatchError, patch_world
from sunbox.simulator.scenario import (
    CarScenario,
    ChargerScenario,
    MeterScenario,
    Scenario,
    WallboxCarScenario,
    build_world,
)
from sunbox.simulator.wallbox import Wallbox
from sunbox.simulator.world import World
