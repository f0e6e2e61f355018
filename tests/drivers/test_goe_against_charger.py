"""The go-e driver against the simulated charger, in virtual time: what it says is what happened, whatever happens."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from goe_place import START, STOP, Place, amps, phases, play

from sunbox.core.commands import Outcome
from sunbox.core.model import ChargerStatus
from sunbox.dialects.goe.profiles import PROFILES

EVERY = sorted(PROFILES)


@pytest.mark.parametrize("profile", EVERY)
def test_a_charge_from_plug_to_stop(profile: str) -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(1)
            assert place.last.status is ChargerStatus.A
            place.charger.plug()
            assert (await place.send(STOP)).outcome is Outcome.APPLIED
            await asyncio.sleep(30)
            assert (place.last.status, place.last.is_enabled) == (ChargerStatus.B, False)
            assert (await place.send(amps(10))).outcome is Outcome.APPLIED
            assert (await place.send(START)).outcome is Outcome.APPLIED
            await asyncio.sleep(30)
            reading = place.last
            assert (reading.status, reading.is_enabled, reading.amps_set_a) == (ChargerStatus.C, True, 10)
            assert reading.current_a == pytest.approx((10, 10, 10), abs=0.1)
            assert reading.power_w == pytest.approx(place.charger.draw_w, rel=0.02)
            assert (reading.phases, reading.phases_set) == (3, 3)
            assert (reading.energy_session_wh or 0) > 10
            assert (await place.send(STOP)).outcome is Outcome.APPLIED
            await asyncio.sleep(30)
            assert (place.last.status, place.last.power_w) == (ChargerStatus.B, 0)

    play(act, profile=profile)


@pytest.mark.parametrize("profile", EVERY)
def test_phases_are_switched_and_the_blips_are_told_as_such(profile: str) -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        async with place.polling():
            assert (await place.send(START)).outcome is Outcome.APPLIED
            await asyncio.sleep(40)
            assert place.last.phases == 3
            before = len(place.readings)
            assert (await place.send(phases(1))).outcome is Outcome.APPLIED
            assert (await place.send(phases(1))).outcome is Outcome.ALREADY_SET
            await asyncio.sleep(60)
            during = place.readings[before:]
            assert (place.last.phases, place.last.phases_set, place.last.status) == (1, 1, ChargerStatus.C)
            assert any(reading.is_switching for reading in during)
            assert all(reading.is_enabled for reading in during)
            assert all(reading.is_switching for reading in during if reading.status is ChargerStatus.A)

    play(act, profile=profile, charger={"unplugs_at_switch": True})


def test_nothing_is_written_that_is_so_already() -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        assert (await place.send(amps(10))).outcome is Outcome.APPLIED
        written = len(place.wire.sets)
        for command in (amps(10), phases(3)):
            await asyncio.sleep(60)
            assert (await place.send(command)).outcome is Outcome.ALREADY_SET
        assert len(place.wire.sets) == written

    play(act)


def test_the_box_is_asked_at_most_once_a_second_and_with_a_filter() -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        async with place.polling():
            for command in (START, amps(8), phases(1), amps(16), STOP):
                await asyncio.gather(place.send(command), place.driver.read_keys(("car",)))
            await asyncio.sleep(60)
        instants = [at for at, *_ in place.wire.asked]
        assert min(b - a for a, b in pairwise(instants)) >= 1.0
        assert all("filter" in query for _, path, query in place.wire.asked if path == "/api/status")

    play(act, interval_s=1.0)
