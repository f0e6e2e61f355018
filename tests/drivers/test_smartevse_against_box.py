"""The SmartEVSE driver against the simulated box, in virtual time: what it says is what happened, whatever happens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import pairwise

import pytest
from smartevse_place import START, STOP, URL, Place, amps, phases, play
from structlog.testing import capture_logs
from tests.dialects.smartevse.smartevse_files import FIXTURES, needs_files

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read
from sunbox.core.events import ChargerRead, MeterRead, ReadFailed
from sunbox.core.model import ChargerStatus, MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.dialects.smartevse.profiles import PROFILES
from sunbox.dialects.smartevse.wire import document_from_wire
from sunbox.dialects.smartevse.words import Access, Contactor, Meter, Regime, State
from sunbox.drivers.smartevse.meter import SmartEvseMeterDriver
from sunbox.drivers.smartevse.settings import SmartEvseMeterSettings
from sunbox.errors import SunboxError

EVERY = sorted(PROFILES)


@pytest.mark.parametrize("profile", EVERY)
def test_a_charge_from_plug_to_stop(profile: str) -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(1)
            assert place.last.status is ChargerStatus.A
            place.plug()
            await asyncio.sleep(12)
            assert (place.last.status, place.last.is_enabled, place.last.told) == (ChargerStatus.B, False, False)
            assert (await place.send(amps(10))).outcome is Outcome.APPLIED
            assert (await place.send(START)).outcome is Outcome.APPLIED
            assert place.document["mode"] == "SMART"
            await asyncio.sleep(60)
            reading = place.last
            assert (reading.status, reading.is_enabled, reading.amps_set_a) == (ChargerStatus.C, True, 10)
            assert reading.current_a == pytest.approx((10, 10, 10), abs=0.1)
            assert reading.power_w == pytest.approx(6900, rel=0.02)
            assert (reading.phases, reading.phases_set, reading.max_a) == (3, 3, 16)
            assert (reading.energy_session_wh or 0) > 50
            assert (await place.send(STOP)).outcome is Outcome.APPLIED
            assert place.document["mode"] == ("PAUSE" if PROFILES[profile].has_pause else "OFF")
            await asyncio.sleep(30)
            assert (place.last.status, place.last.power_w, place.last.told) == (ChargerStatus.B, 0, False)

    play(act, profile=profile, plugged=False)


def test_nothing_is_written_that_is_so_already() -> None:
    async def act(place: Place) -> None:
        for command in (STOP, amps(10), START):
            await place.send(command)
        written = len(place.wire.sets)
        for command in (amps(10), START, phases(3)):
            await asyncio.sleep(60)
            assert (await place.send(command)).outcome is Outcome.ALREADY_SET
        await place.send(STOP)
        await asyncio.sleep(60)
        assert (await place.send(STOP)).outcome is Outcome.ALREADY_SET
        assert len(place.wire.sets) == written + 1

    play(act)


def test_one_request_at_a_time_each_on_its_own_connection_with_a_length() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            for command in (START, amps(8), phases(1), amps(16), STOP):
                await asyncio.gather(place.send(command), place.driver.read_document())
            await asyncio.sleep(60)
        assert place.wire.most_under_way == 1
        instants = [at for at, *_ in place.wire.asked]
        assert min(b - a for a, b in pairwise(instants)) >= 0.5
        for (_, method, *_), headers in zip(place.wire.asked, place.wire.headers, strict=True):
            assert headers[b"connection"] == b"close"
            assert (headers.get(b"content-length") == b"0") is (method == "POST")

    play(act, interval_s=1.0, changes={"contactor": Contactor.ALWAYS_ON})


def test_only_the_override_is_written_while_it_charges() -> None:
    """Mode and contactor go to the flash."""

    async def act(place: Place) -> None:
        await place.send(START)
        written = len(place.wire.sets)
        for number in range(60):
            await place.send(amps(6 + number % 10))
            await asyncio.sleep(10)
        assert {key for told in place.wire.sets[written:] for key in told} == {"override_current"}

    play(act)


@pytest.mark.parametrize(
    ("meter", "base", "mode"),
    [
        (Meter.API, "auto", "SMART"),
        (Meter.SENSORBOX, "auto", "SMART"),
        (Meter.DISABLED, "auto", "NORMAL"),
        (Meter.API, "normal", "NORMAL"),
        (Meter.API, "smart", "SMART"),
    ],
)
def test_the_base_mode(meter: Meter, base: str, mode: str) -> None:
    async def act(place: Place) -> None:
        assert (await place.send(START)).outcome is Outcome.APPLIED
        assert place.document["mode"] == mode

    play(act, changes={"mains_meter": meter}, base_mode=base)


def test_smart_without_a_meter_is_refused_with_a_word() -> None:
    async def act(place: Place) -> None:
        ended = await place.send(START)
        assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.INVALID)
        assert "base_mode: normal" in ended.detail
        assert place.wire.sets == []
        assert "base_mode: normal" in await place.driver.probe()

    play(act, changes={"mains_meter": Meter.DISABLED}, base_mode="smart")


def test_left_in_solar_a_current_is_told_with_the_start() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(1)
            assert place.last.amps_set_a is None
            assert (await place.send(amps(9))).outcome is Outcome.APPLIED
            assert (await place.send(amps(9))).outcome is Outcome.ALREADY_SET
            assert place.wire.sets == []
            assert place.last.amps_set_a == 9
            assert (await place.send(amps(17))).outcome is Outcome.REFUSED
            assert (await place.send(START)).outcome is Outcome.APPLIED
            assert place.wire.sets == [{"mode": "3", "override_current": "90"}]
            await asyncio.sleep(30)
            assert (place.last.amps_set_a, place.last.status) == (9, ChargerStatus.C)

    play(act, changes={"regime": Regime.SOLAR, "access": Access.PAUSE})


def test_its_own_solar_charging_is_taken_over() -> None:
    async def act(place: Place) -> None:
        place.box.base_da = (-100, -100, -100)
        place.by_hand(mode=2)
        async with place.polling():
            await asyncio.sleep(120)
            assert (place.last.status, place.last.told, place.last.amps_set_a) == (ChargerStatus.C, None, None)
            assert (await place.send(amps(8))).outcome is Outcome.APPLIED
            assert place.document["mode"] == "SMART"
            await asyncio.sleep(30)
            assert (place.last.told, place.last.amps_set_a) == (True, 8)

    play(act)


# --- phases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", EVERY)
def test_phases_are_switched_by_a_stop_of_its_own_that_nobody_takes_for_one(profile: str) -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(60)
            assert place.last.phases == 3
            before = len(place.readings)
            assert (await place.send(phases(1))).outcome is Outcome.APPLIED
            await asyncio.sleep(60)
            during = place.readings[before:]
            assert (place.last.phases, place.last.phases_set, place.last.status) == (1, 1, ChargerStatus.C)
            assert place.document["settings"]["enable_C2"] == "Always Off"
            assert any(reading.is_switching for reading in during)
            assert all(reading.is_enabled for reading in during)
            assert all(reading.told is not False for reading in during)
            assert not place.last.is_switching
            assert (await place.send(phases(1))).outcome is Outcome.ALREADY_SET
            assert (await place.send(phases(3))).outcome is Outcome.APPLIED
            await asyncio.sleep(60)
            assert place.last.phases == 3

    play(act, profile=profile)


def test_phases_of_one_that_does_not_charge_are_set_at_once() -> None:
    async def act(place: Place) -> None:
        assert (await place.send(phases(1))).outcome is Outcome.APPLIED
        assert place.wire.sets == [{"enable_C2": "1"}]
        await place.send(START)
        await asyncio.sleep(30)
        assert place.document["ev_meter"]["currents"]["L2"] == 0

    play(act)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"changes": {"contactor": Contactor.NOT_PRESENT}}, "no second contactor"),
        ({"switch_phases": False}, "switch_phases is false"),
        ({"phases": 1}, "wired to one phase"),
    ],
    ids=str,
)
def test_phases_that_cannot_be_switched(about, words: str) -> None:
    async def act(place: Place) -> None:
        ended = await place.send(phases(1))
        assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.INVALID)
        assert words in ended.detail
        assert place.wire.sets == []

    play(act, **about)


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", EVERY)
def test_ten_minutes_of_silence_are_told_and_survived(profile: str) -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(30)
            place.wire.is_silent = True
            ended = await place.send(STOP)
            assert (ended.outcome, ended.cause) == (Outcome.UNCONFIRMED, Cause.NO_ANSWER)
            await asyncio.sleep(500)
            assert {failed.cause for failed in place.failures} == {Cause.NO_ANSWER}
            assert all((failed.retry_after_s or 0) <= 30 for failed in place.failures)
            place.wire.is_silent = False
            before = len(place.readings)
            await asyncio.sleep(60)
            assert len(place.readings) > before
            assert place.last.status is ChargerStatus.C
            assert (await place.send(STOP)).outcome is Outcome.APPLIED

    play(act, profile=profile)


BUSY = (503, "text/plain", b"Server busy, retry shortly")


def test_a_busy_box_is_left_alone_and_was_told_nothing() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(1)
            place.wire.instead = lambda *_: BUSY
            ended = await place.send(amps(10))
            assert (ended.outcome, ended.cause) == (Outcome.NOT_DELIVERED, Cause.BUSY)
            assert ended.retry_after_s
            asked = len(place.wire.asked)
            await asyncio.sleep(110)
            assert {failed.cause for failed in place.failures} == {Cause.BUSY}
            assert len(place.wire.asked) - asked <= 6
            place.wire.instead = lambda *_: None
            await asyncio.sleep(60)
            assert (await place.send(amps(10))).outcome is Outcome.APPLIED

    play(act)


def test_a_connection_that_is_closed_without_a_word() -> None:
    async def act(place: Place) -> None:
        app, failing = place.wire.app, [2]

        async def closing(scope, receive, send):
            if failing[0]:
                failing[0] -= 1
                return
            await app(scope, receive, send)

        place.wire.app = closing
        assert isinstance(
            await place.driver.read(Read(device_id="garage", exchange_id=1, what=ReadKind.DATA)), ReadFailed
        )
        failing[0] = 1  # a read is tried twice
        assert isinstance(
            await place.driver.read(Read(device_id="garage", exchange_id=1, what=ReadKind.DATA)), ChargerRead
        )

    play(act)


def test_a_reboot_forgets_the_override_and_that_is_seen() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(amps(8))
            await place.send(START)
            await asyncio.sleep(30)
            assert place.last.amps_set_a == 8
            await place.send(STOP)
            await asyncio.sleep(20)
            place.box.post("/reboot", {})
            await asyncio.sleep(30)
            assert place.last.amps_set_a == 16
            assert (await place.send(amps(8))).outcome is Outcome.APPLIED

    play(act)


@pytest.mark.parametrize(
    ("command", "cause", "words"),
    [
        (amps(5), Cause.REFUSED, "override_current: Value not allowed!; allowed: 6 to 16 A"),
        (amps(17), Cause.REFUSED, "override_current: Value not allowed!; allowed: 6 to 16 A"),
        (phases(2), Cause.INVALID, "knows no set_phases"),
        (Command(CommandName.SET_AMPS), Cause.INVALID, "knows no set_amps"),
        (Command(CommandName.WAKE), Cause.INVALID, "knows no wake"),
        (Command(CommandName.SET_LIMIT, 80), Cause.INVALID, "knows no set_limit"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_the_boxs_words(command: Command, cause: Cause, words: str) -> None:
    async def act(place: Place) -> None:
        ended = await place.send(command)
        assert (ended.outcome, ended.cause, ended.exchange_id, ended.billed) == (Outcome.REFUSED, cause, 7, 0)
        assert words in ended.detail

    play(act)


def test_a_node_takes_no_current() -> None:
    async def act(place: Place) -> None:
        ended = await place.send(amps(10))
        assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.REFUSED)
        assert "it is a node of another SmartEVSE" in await place.driver.probe()

    play(act, changes={"loadbl": 2})


def test_a_refused_pause_is_a_switch_off() -> None:
    """A firmware that tells access as a number and knows no PAUSE."""

    async def act(place: Place) -> None:
        await place.send(START)
        refused = (200, "application/json", b'{"mode":"Value not allowed!"}')
        place.wire.instead = lambda _, target: refused if target.endswith("mode=4") else None
        assert (await place.send(STOP)).outcome is Outcome.APPLIED
        assert place.document["mode"] == "OFF"

    play(act)


BAD_ANSWERS = [
    ((200, "text/html", b"<html><body>Router</body></html>"), Cause.BAD_ANSWER),
    ((200, "application/json", b'{"version":"v3.11.1","serialnr":12'), Cause.BAD_ANSWER),
    ((200, "application/json", b""), Cause.BAD_ANSWER),
    ((200, "application/json", b"null"), Cause.BAD_ANSWER),
    ((200, "application/json", b"[1,2]"), Cause.BAD_ANSWER),
    ((200, "application/json", b'{"a":' * 100_000), Cause.BAD_ANSWER),
    ((200, "application/json", b"\xff\xfe\x00"), Cause.BAD_ANSWER),
    ((200, "application/json", b"x" * 2_000_001), Cause.BAD_ANSWER),
    ((302, "text/html", b""), Cause.BAD_ANSWER),
    ((401, "text/html", b""), Cause.FORBIDDEN),
    ((403, "text/plain", b"Not available in portal mode"), Cause.FORBIDDEN),
    ((404, "text/html", b"Not found"), Cause.NOT_FOUND),
    ((500, "text/html", b"oops"), Cause.SERVER_ERROR),
    (BUSY, Cause.BUSY),
]


@pytest.mark.parametrize(("answer", "cause"), BAD_ANSWERS, ids=lambda value: str(value)[:50])
def test_an_answer_that_is_none_is_a_failure_that_says_what_it_was(answer, cause: Cause) -> None:
    async def act(place: Place) -> None:
        place.wire.instead = lambda *_: answer
        event = await place.driver.read(Read(device_id="garage", exchange_id=3, what=ReadKind.DATA))
        assert isinstance(event, ReadFailed)
        assert (event.cause, event.exchange_id) == (cause, 3)
        assert event.detail
        assert (await place.send(amps(10))).outcome is Outcome.NOT_DELIVERED
        with pytest.raises(SunboxError, match=r"garage at http://192\.168\.0\.76: "):
            await place.driver.probe()

    play(act)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b'{"override_current":100}', Outcome.UNCONFIRMED),
        (b"null", Outcome.REFUSED),
        (b"{}", Outcome.REFUSED),
        (b"<html>", Outcome.UNCONFIRMED),
    ],
)
def test_200_proves_nothing(reply: bytes, outcome: Outcome) -> None:
    async def act(place: Place) -> None:
        place.wire.instead = lambda method, _: (200, "application/json", reply) if method == "POST" else None
        assert (await place.send(amps(10))).outcome is outcome
        place.wire.instead = lambda *_: None
        assert (await place.send(amps(10))).outcome is Outcome.APPLIED

    play(act)


def test_a_set_whose_answer_is_lost_is_proven_by_reading_back() -> None:
    async def act(place: Place) -> None:
        def lose(method: str, _: str):
            if method == "POST":
                place.by_hand(override_current=100)
                return (500, "text/plain", b"")
            return None

        place.wire.instead = lose
        assert (await place.send(amps(10))).outcome is Outcome.APPLIED

    play(act)


# --- what it holds back ----------------------------------------------------------------------------------------------


def test_what_it_holds_back_by_itself_is_told() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(30)
            place.box.sync()
            place.box.base_da = (300, 0, 0)
            await asyncio.sleep(30)
            reading = place.last
            assert (reading.status, reading.is_enabled, reading.told) == (ChargerStatus.B, False, True)
            assert (reading.holds, reading.fault) == ("no power available", None)
            assert (await place.send(START)).outcome is Outcome.ALREADY_SET
            place.box.sync()
            place.box.base_da = (0, 0, 0)
            await asyncio.sleep(120)
            assert (place.last.status, place.last.told) == (ChargerStatus.C, True)

    play(act)


def test_a_fault_is_told_by_its_word() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(30)
            place.box.sync()
            place.box.device.temp_c = 70
            await asyncio.sleep(30)
            assert (place.last.status, place.last.fault) == (ChargerStatus.E, "temperature high")
            place.box.sync()
            place.box.device.temp_c = 40
            await asyncio.sleep(90)
            assert (place.last.status, place.last.fault) == (ChargerStatus.C, None)

    play(act)


def test_the_counter_of_a_session_is_that_of_this_car() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(600)
            assert (place.last.energy_session_wh or 0) > 1000
            await place.send(STOP)
            place.plug(is_plugged=False)
            await asyncio.sleep(20)
            place.plug()
            await asyncio.sleep(20)
            assert (place.last.status, place.last.energy_session_wh) == (ChargerStatus.B, None)
            await place.send(START)
            await asyncio.sleep(60)
            assert 0 < (place.last.energy_session_wh or 0) < 300

    play(act)


def test_without_a_meter_what_it_offers_counts() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(amps(7))
            await place.send(START)
            await asyncio.sleep(30)
            reading = place.last
            assert (reading.current_a, reading.power_w) == ((7.0, 7.0, 7.0), None)
            assert (reading.energy_session_wh, reading.energy_total_wh) == (None, None)
            await place.send(STOP)
            await asyncio.sleep(30)
            assert place.last.current_a is None

    play(act, changes={"ev_meter": Meter.DISABLED})


# --- how often -------------------------------------------------------------------------------------------------------


def test_it_is_read_faster_after_a_command_and_slower_without_a_car() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(61)
            assert place.wire.reads == 7
            place.plug()
            await asyncio.sleep(10)
            await place.send(START)
            await asyncio.sleep(40)
            begun = place.wire.reads
            await asyncio.sleep(50)
            assert place.wire.reads - begun == 10

    play(act, plugged=False)


# --- people ----------------------------------------------------------------------------------------------------------


def test_a_probe_says_who_it_is_and_changes_nothing() -> None:
    async def act(place: Place) -> None:
        text = await place.driver.probe()
        assert text.startswith("SmartEVSE 1234, firmware v3.11.1, HTTP: no car is plugged in, mode OFF")
        assert "write min_a: 8" in text
        assert "at most" in text
        assert place.wire.sets == []

    play(act, plugged=False, changes={"current_min": 8})


def test_a_probe_says_that_nobody_tells_it_what_flows() -> None:
    async def act(place: Place) -> None:
        place.box.feeds_mains = False
        await place.send(START)
        await asyncio.sleep(30)
        assert "write feeds_currents: true, or base_mode: normal" in await place.driver.probe()

    play(act)


@pytest.mark.parametrize("told", ["by the driver", "by a hand", "left in smart", "a while after its start"])
def test_what_was_silent_in_smart_is_told_once_for_normal(told: str) -> None:
    """In SMART it misses its meter; NORMAL goes without one, but the fault ends with the next word alone."""

    async def act(place: Place) -> None:
        place.box.feeds_mains = False
        place.by_hand(mode=3)
        if told != "left in smart":
            place.by_hand(mode=4)
        async with place.polling():
            await asyncio.sleep(60)
            assert (place.last.status, place.last.fault) == (ChargerStatus.E, "communication error")
            assert place.last.told is (None if told == "left in smart" else False), "a start is needed"
            assert "Disabled as MAINS MET" in await place.driver.probe()
            if told in ("by the driver", "left in smart"):
                place.balance = measured(place, (1.0, 0.0, 0.0))
            if told == "by a hand":
                place.by_hand(mode=1)
            assert (await place.send(START)).outcome in (Outcome.APPLIED, Outcome.ALREADY_SET)
            if told not in ("by the driver", "left in smart"):
                await asyncio.sleep(60)
                assert place.last.status is ChargerStatus.E
                assert place.last.fault is not None
                assert "tell it once" in place.last.fault
                place.balance = measured(place, (1.0, 0.0, 0.0))
            await asyncio.sleep(30)
            assert (place.last.status, place.last.fault) == (ChargerStatus.C, None)
            await asyncio.sleep(300)
            assert place.last.status is ChargerStatus.C
            assert place.wire.told("/currents") == [{"L1": "10", "L2": "0", "L3": "0"}]

    play(act, base_mode="normal")


def test_a_meter_of_its_own_that_is_silent_is_told_nothing() -> None:
    async def act(place: Place) -> None:
        place.box.feeds_mains = False
        place.by_hand(mode=3)
        place.by_hand(mode=4)
        async with place.polling():
            await asyncio.sleep(60)
            place.balance = measured(place, (1.0, 0.0, 0.0))
            await place.send(START)
            await asyncio.sleep(60)
            assert place.last.status is ChargerStatus.E
            assert place.wire.told("/currents") == []
            assert "its mains meter (Sensorbox) is silent" in await place.driver.probe()

    play(act, base_mode="normal", changes={"mains_meter": Meter.SENSORBOX})


def test_a_probe_says_that_the_meter_of_the_car_is_silent() -> None:
    async def act(place: Place) -> None:
        document = place.document
        document["evse"] |= {"error": "EV Meter Comm Error", "error_id": 4}
        place.wire.instead = lambda *_: (200, "application/json", json.dumps(document).encode())
        assert "its meter of the car is silent" in await place.driver.probe()

    play(act)


# --- feeding ---------------------------------------------------------------------------------------------------------


def measured(place: Place, phases_a: tuple[float, float, float]) -> MeterReading:
    return MeterReading(measured_at=place.clock.now(), grid_w=sum(phases_a) * 230, grid_phases_a=phases_a)


@pytest.mark.parametrize("every_s", [1, 5, 10, 20])
def test_a_box_is_fed_and_guards_its_fuses(every_s: int, capsys) -> None:
    async def act(place: Place) -> None:
        place.box.feeds_mains = False
        async with place.polling():
            await place.send(START)
            for _ in range(200 // every_s):
                place.balance = measured(place, (12.04, -3.0, 0.0))
                await asyncio.sleep(every_s)
            told = place.wire.told("/currents")
            assert told[0] == {"L1": "120", "L2": "-30", "L3": "0"}
            gaps = [b - a for a, b in pairwise(at for at, _, path, _ in place.wire.asked if path == "/currents")]
            assert min(gaps) >= 1.4
            assert max(gaps) < 10.0
            if every_s <= 10:
                assert len(told) <= 200 / min(every_s, 2) + 1
            assert place.last.status is ChargerStatus.C
            told_before = len(told)
            await asyncio.sleep(120)  # the meter is silent: it is told no more, and falls back by itself
            assert len(place.wire.told("/currents")) - told_before <= 6
            assert (place.last.status, place.last.fault) == (ChargerStatus.E, "communication error")
        assert "currents ignored" not in capsys.readouterr().out

    play(act, feeds_currents=True)


def test_a_meter_of_power_alone_is_told_in_thirds() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            place.balance = MeterReading(measured_at=place.clock.now(), grid_w=-2070.0)
            await asyncio.sleep(1)
            await asyncio.sleep(3)
        assert place.wire.told("/currents")[0] == {"L1": "-30", "L2": "-30", "L3": "-30"}

    play(act, feeds_currents=True)


def test_it_hears_what_its_car_takes_as_soon_as_it_obeys() -> None:
    """Told of the current from before a change, its law would count the change twice, and fall to the minimum."""

    async def act(place: Place) -> None:
        def measure(*house_a: float) -> None:
            place.box.sync()
            drawn_a = place.box.car.current_da / 10
            one, two, three = (amps + drawn_a for amps in house_a)
            place.balance = measured(place, (one, two, three))

        place.box.feeds_mains = False
        async with place.polling():
            await place.send(amps(16))
            measure(2, 1, 0)
            await place.send(START)
            for _ in range(30):
                await asyncio.sleep(2)
                measure(2, 1, 0)
            await asyncio.sleep(10)
            assert place.box.car.current_da == 160
            measure(15, 1, 0)
            await place.send(amps(10))
            assert place.wire.told("/currents")[-1] == {"L1": "250", "L2": "110", "L3": "100"}
            for _ in range(4):
                measure(15, 1, 0)
                await asyncio.sleep(10)
            assert {row["L1"] for row in place.wire.told("/currents")[-4:]} == {"250"}
            assert place.box.car.current_da == 100
            measure(23, 1, 0)  # a step of the house alone is the house's
            await asyncio.sleep(3)
            assert place.wire.told("/currents")[-1] == {"L1": "330", "L2": "110", "L3": "100"}

    play(act, feeds_currents=True, changes={"ev_meter": Meter.DISABLED, "current_main": 25})


def test_it_is_told_what_flows_before_it_starts() -> None:
    """With old news it may find no power, and waits for a minute."""

    async def act(place: Place) -> None:
        place.box.feeds_mains = False
        async with place.polling():
            place.balance = measured(place, (24, 0, 0))
            await asyncio.sleep(5)
            place.balance = measured(place, (2, 0, 0))
            await place.send(START)
            await asyncio.sleep(10)
            assert place.box.car.current_da >= 60
        paths = [(path, *query) for _, method, path, query in place.wire.asked if method == "POST"]
        assert paths[paths.index(("/settings", "mode")) - 1] == ("/currents", "L1", "L2", "L3")

    play(act, feeds_currents=True)


@pytest.mark.parametrize("power", [False, True])
def test_a_car_that_goes_on_by_itself_is_not_taken_for_the_house(*, power: bool) -> None:
    async def act(place: Place) -> None:
        place.box.feeds_mains = False
        async with place.polling():
            place.box.car.is_full = True
            place.balance = measured(place, (6, 6, 6))
            await place.send(amps(16))
            await place.send(START)
            for _ in range(4):
                await asyncio.sleep(8)
                place.balance = measured(place, (6, 6, 6))
            place.box.sync()
            place.box.car.is_full = False
            await asyncio.sleep(3)
            drawn_a = place.box.car.current_da / 10
            assert drawn_a >= 6
            found = measured(place, (6 + drawn_a,) * 3)
            place.balance = replace(found, grid_phases_a=None) if power else found
            await asyncio.sleep(2.5)
            assert max(int(row["L1"]) for row in place.wire.told("/currents")) <= 60 + 160
            await asyncio.sleep(20)
            assert place.box.device.state is State.C

    play(act, feeds_currents=True, changes={"ev_meter": Meter.DISABLED, "current_main": 25})


def test_a_box_that_does_not_listen_says_why() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            for _ in range(20):
                place.balance = measured(place, (1, 1, 1))
                await asyncio.sleep(2)
            assert "choose API as MAINS MET" in await place.driver.probe()

    with capture_logs() as logs:
        play(act, feeds_currents=True, changes={"mains_meter": Meter.SENSORBOX})
    assert {row["event"] for row in logs} == {"currents ignored"}
    assert len(logs) == 1


# --- its meters ------------------------------------------------------------------------------------------------------


def meter_of(place: Place, **settings) -> SmartEvseMeterDriver:
    own = SmartEvseMeterSettings(url=URL, **settings)
    return SmartEvseMeterDriver(MeterSettings(id="mains"), own, place.links, place.clock)


def test_its_mains_meter_is_one_of_the_site() -> None:
    async def act(place: Place) -> None:
        place.box.base_da = (50, -20, 10)
        meter = meter_of(place)
        events: list = []
        task = asyncio.create_task(meter.run(events.append))
        async with place.polling():
            await place.send(amps(10))
            await place.send(START)
            await asyncio.sleep(61)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        reading = events[-1].reading
        assert reading.grid_phases_a == pytest.approx((15.0, 8.0, 11.0))
        assert reading.grid_w == pytest.approx(34 * 230)
        assert 0 <= (events[-1].at - reading.measured_at).total_seconds() <= 3
        assert place.wire.most_under_way == 1
        assert "mains 7,820 W (15.0 A, 8.0 A, 11.0 A)" in await meter.probe()

    play(act)


def test_a_mains_meter_that_is_silent_grows_old_and_then_is_none() -> None:
    async def act(place: Place) -> None:
        meter = meter_of(place)
        await asyncio.sleep(10)
        asked = Read(device_id="mains", exchange_id=1, what=ReadKind.DATA)
        assert isinstance(await meter.read(asked), MeterRead)
        place.box.feeds_mains = False
        await asyncio.sleep(8)
        event = await meter.read(asked)
        assert isinstance(event, MeterRead)
        assert (event.at - event.reading.measured_at).total_seconds() >= 8
        await place.send(START)
        await asyncio.sleep(30)
        event = await meter.read(asked)
        assert isinstance(event, ReadFailed)
        assert event.detail == "its mains meter does not answer"

    play(act)


@pytest.mark.parametrize(
    ("about", "measures", "words"),
    [
        ({"changes": {"mains_meter": Meter.DISABLED}}, "mains", "it has no mains meter"),
        ({"feeds_currents": True}, "mains", "goes round in a circle"),
        ({"changes": {"ev_meter": Meter.DISABLED}}, "ev", "it has no meter of the car"),
        ({}, "circuit", "it has no meter of its circuit"),
    ],
)
def test_a_meter_that_is_none(about, measures: str, words: str) -> None:
    async def act(place: Place) -> None:
        await asyncio.sleep(10)
        with pytest.raises(SunboxError, match=words):
            await meter_of(place, measures=measures).probe()

    play(act, **about)


def test_its_meter_of_the_car_measures_a_circuit() -> None:
    async def act(place: Place) -> None:
        await place.send(START)
        await asyncio.sleep(60)
        assert "ev 11,040 W (16.0 A, 16.0 A, 16.0 A)" in await meter_of(place, measures="ev").probe()

    play(act)


# --- recorded documents, and the log ---------------------------------------------------------------------------------


@needs_files
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("settings_*")), ids=lambda path: path.stem)
def test_recorded_documents_arrive_whole(path) -> None:
    body = path.read_bytes()

    async def act(place: Place) -> None:
        place.wire.instead = lambda method, _: (200, "application/json", body) if method == "GET" else None
        document = await place.driver.read_document()
        whole = document_from_wire(body)
        assert whole is not None
        assert document.raw == whole.raw
        if path.suffix == ".json":
            assert document.raw == json.loads(body)
        event = await place.driver.read(Read(device_id="garage", exchange_id=1, what=ReadKind.DATA))
        assert isinstance(event, ChargerRead)
        assert event.reading.status is not None

    play(act)


def test_an_outage_is_logged_once_and_its_end_too() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(5)
            place.wire.is_silent = True
            await asyncio.sleep(300)
            place.wire.is_silent = False
            await asyncio.sleep(60)

    with capture_logs() as logs:
        play(act)
    assert [row["event"] for row in logs] == ["device unavailable", "device available again"]


# --- in the middle of things -----------------------------------------------------------------------------------------


def test_a_switch_of_phases_that_cannot_be_set_starts_it_again() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(60)
            refused = (200, "application/json", b"null")
            place.wire.instead = lambda _, target: refused if "enable_C2" in target else None
            ended = await place.send(phases(1))
            assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.REFUSED)
            await asyncio.sleep(60)
            assert (place.last.status, place.last.phases, place.last.is_switching) == (ChargerStatus.C, 3, False)

    play(act)


def test_a_switch_of_phases_whose_start_is_lost_is_not_confirmed_and_told_as_it_is() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(60)
            place.wire.instead = lambda _, target: BUSY if target.endswith("mode=3") else None
            ended = await place.send(phases(1))
            assert ended.outcome is Outcome.UNCONFIRMED
            assert "it is not started again" in ended.detail
            await asyncio.sleep(60)
            assert (place.last.status, place.last.is_enabled, place.last.told) == (ChargerStatus.B, False, False)
            place.wire.instead = lambda *_: None
            assert (await place.send(START)).outcome is Outcome.APPLIED
            await asyncio.sleep(60)
            assert place.last.phases == 1

    play(act)


def test_a_document_that_is_cut_off_behind_what_counts_is_read_as_far_as_it_goes() -> None:
    async def act(place: Place) -> None:
        await place.send(START)
        await asyncio.sleep(30)
        whole = json.dumps(place.document, separators=(",", ":")).encode()
        short = whole[: whole.index(b'"mqtt"')]
        place.wire.instead = lambda *_: (200, "application/json", short)
        event = await place.driver.read(Read(device_id="garage", exchange_id=1, what=ReadKind.DATA))
        assert isinstance(event, ChargerRead)
        assert (event.reading.status, event.reading.energy_total_wh) == (ChargerStatus.C, None)

    play(act)


# --- what it takes and does not do -----------------------------------------------------------------------------------


def ignoring(*names: str):
    """Answer as if a setting was taken, and change nothing."""

    def answer(_: str, target: str):
        taken = {"mode": '{"mode":"1"}', "enable_C2": '{"settings":{"enable_C2":"Auto"}}'}
        body = next((taken[name] for name in names if f"{name}=" in target), None)
        return None if body is None else (200, "application/json", body.encode())

    return answer


@pytest.mark.parametrize("command", [START, STOP], ids=str)
def test_what_it_ignores_is_not_written_to_its_flash_again_and_again(command: Command) -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            if command is START:
                await place.send(STOP)
            await asyncio.sleep(30)
            place.wire.instead = ignoring("mode")
            told, outcomes = len(place.wire.sets), set()
            for _ in range(300):
                outcomes.add((await place.send(command)).outcome)
                await asyncio.sleep(8)
            assert len(place.wire.sets) - told <= 65
            # a start is waited with, a stop is not
            late = {Outcome.UNCONFIRMED, Outcome.NOT_DELIVERED} if command is START else {Outcome.UNCONFIRMED}
            assert outcomes == late
            place.wire.instead = lambda *_: None
            await asyncio.sleep(60)
            assert (await place.send(command)).outcome is Outcome.APPLIED

    play(act)


def test_what_it_does_late_is_nobodys_hand() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            place.wire.instead = ignoring("mode")
            assert (await place.send(START)).outcome is Outcome.UNCONFIRMED
            await asyncio.sleep(20)
            assert place.last.told is False
            place.by_hand(mode=3)
            await asyncio.sleep(20)
            assert (place.last.status, place.last.told) == (ChargerStatus.C, None)
            await asyncio.sleep(60)
            assert place.last.told is True

    play(act)


@pytest.mark.parametrize("reply", [b"null", b'{"settings":{"enable_C2":"Always Off"}}'])
def test_a_car_is_not_stopped_again_and_again_for_phases_that_cannot_be_set(reply: bytes) -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(60)
            told = len(place.wire.sets)
            answer = (200, "application/json", reply)
            place.wire.instead = lambda _, target: answer if "enable_C2" in target else None
            for _ in range(10):
                await place.send(phases(1))
                await asyncio.sleep(60)
            assert len(place.wire.sets) - told <= 6  # stop, contactor, start; once more if it said that it took it
            assert (place.last.phases, place.last.phases_set) == (3, None)
            assert (await place.send(phases(1))).outcome is Outcome.REFUSED
            place.wire.instead = lambda *_: None
            await asyncio.sleep(1800)
            assert place.last.phases_set == 3
            assert (await place.send(phases(1))).outcome is Outcome.APPLIED

    play(act)


def test_a_page_in_place_of_its_word_refuses_nothing() -> None:
    async def act(place: Place) -> None:
        place.wire.instead = lambda method, _: (200, "text/html", b"<html>Login") if method == "POST" else None
        ended = await place.send(amps(10))
        assert (ended.outcome, ended.cause) == (Outcome.UNCONFIRMED, Cause.BAD_ANSWER)
        assert "no JSON: '<html>Login'" in ended.detail

    play(act)
