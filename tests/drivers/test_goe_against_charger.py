"""The go-e driver against the simulated charger, in virtual time: what it says is what happened, whatever happens."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from goe_place import START, STOP, Place, amps, phases, play
from structlog.testing import capture_logs
from tests.dialects.goe.goe_files import FIXTURES, needs_files

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read
from sunbox.core.events import ChargerRead, ReadFailed
from sunbox.core.model import ChargerStatus, MeterReading
from sunbox.dialects.goe.profiles import PROFILES
from sunbox.errors import SunboxError

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


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", EVERY)
def test_ten_minutes_without_wifi_are_told_and_survived(profile: str) -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        async with place.polling():
            await place.send(START)
            await asyncio.sleep(30)
            place.charger.lose_wifi(600)
            ended = await place.send(STOP)
            assert (ended.outcome, ended.cause) == (Outcome.UNCONFIRMED, Cause.NO_ANSWER)
            await asyncio.sleep(500)
            assert {failed.cause for failed in place.failures} == {Cause.NO_ANSWER}
            assert all((failed.retry_after_s or 0) <= 30 for failed in place.failures)
            before = len(place.readings)
            await asyncio.sleep(140)
            assert len(place.readings) > before
            assert place.last.status is ChargerStatus.C
            assert (await place.send(STOP)).outcome is Outcome.APPLIED

    play(act, profile=profile)


def test_a_busy_charger_is_left_alone_and_was_told_nothing() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(1)
            place.charger.be_busy(120)
            ended = await place.send(amps(10))
            assert (ended.outcome, ended.cause) == (Outcome.NOT_DELIVERED, Cause.BUSY)
            assert ended.retry_after_s
            asked = len(place.wire.asked)
            await asyncio.sleep(110)
            assert {failed.cause for failed in place.failures} == {Cause.BUSY}
            assert len(place.wire.asked) - asked <= 6
            await asyncio.sleep(120)
            assert (await place.send(amps(10))).outcome is Outcome.APPLIED

    play(act)


def test_a_reboot_is_seen_by_its_instant_and_a_start_that_is_lost_by_what_it_reads() -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        async with place.polling():
            await place.set_by_hand(acs="1")
            await place.send(START)
            await asyncio.sleep(40)
            first = place.last.started_at
            assert {reading.started_at for reading in place.readings} == {first}
            place.charger.reboot()
            await asyncio.sleep(60)
            assert place.last.started_at is not None
            assert first is not None
            assert 40 < (place.last.started_at - first).total_seconds() < 60
            await place.send(START)
            await asyncio.sleep(20)
            assert place.last.is_enabled
            place.charger.lose_force()
            place.charger.unplug()
            await asyncio.sleep(20)
            assert (place.last.status, place.last.is_enabled) == (ChargerStatus.A, False)
            assert (await place.send(START)).outcome is Outcome.APPLIED

    play(act)


def test_a_start_opens_what_waits_for_a_card() -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        await place.set_by_hand(acs="1")
        assert (await place.send(START)).outcome is Outcome.APPLIED
        assert place.wire.sets == [{"frc": "2", "trx": "0"}]
        assert place.charger.read(("alw",)).values == {"alw": True}

    play(act)


def test_a_start_that_brings_nothing_says_why() -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        await place.set_by_hand(dwo="0")
        ended = await place.send(START)
        assert (ended.outcome, ended.detail) == (
            Outcome.APPLIED,
            "it took it, but does not allow charging: its energy limit `dwo` is reached",
        )

    play(act)


@pytest.mark.parametrize(
    ("command", "cause", "words"),
    [
        (amps(5), Cause.REFUSED, "Value 5 exceeds range 6 to 32"),
        (amps(33), Cause.REFUSED, "Value 33 exceeds range 6 to 32"),
        (phases(2), Cause.INVALID, "knows no set_phases"),
        (Command(CommandName.SET_AMPS), Cause.INVALID, "knows no set_amps"),
        (Command(CommandName.WAKE), Cause.INVALID, "knows no wake"),
        (Command(CommandName.SET_LIMIT, 80), Cause.INVALID, "knows no set_limit"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_the_chargers_words(command: Command, cause: Cause, words: str) -> None:
    async def act(place: Place) -> None:
        ended = await place.send(command)
        assert (ended.outcome, ended.cause, ended.exchange_id, ended.billed) == (Outcome.REFUSED, cause, 7, 0)
        assert words in ended.detail

    play(act)


def test_phases_are_not_switched_where_the_owner_forbids_it() -> None:
    async def act(place: Place) -> None:
        ended = await place.send(phases(1))
        assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.INVALID)
        assert place.wire.sets == []

    play(act, switch_phases=False)


PAGE = (200, "text/html", b"<html><body>Router</body></html>")
BAD_ANSWERS = [
    (PAGE, Cause.BAD_ANSWER),
    ((200, "application/json", b'{"car":2,"alw":tr'), Cause.BAD_ANSWER),
    ((200, "application/json", b""), Cause.BAD_ANSWER),
    ((200, "application/json", b"[1,2]"), Cause.BAD_ANSWER),
    ((200, "application/json", b'{"success":false}'), Cause.BAD_ANSWER),
    ((200, "application/json", b"[" * 100_000), Cause.BAD_ANSWER),
    ((200, "application/json", b"\xff\xfe\x00"), Cause.BAD_ANSWER),
    ((200, "application/json", b"x" * 2_000_001), Cause.BAD_ANSWER),
    ((302, "text/html", b""), Cause.BAD_ANSWER),
    ((401, "text/html", b""), Cause.FORBIDDEN),
    ((404, "text/html", b"This URI does not exist"), Cause.NOT_FOUND),
    ((500, "text/html", b"oops"), Cause.SERVER_ERROR),
    ((500, "text/plain", b"couldn't take api lock in 3s, please try again later"), Cause.BUSY),
    ((200, "text/plain", b"couldn't take api lock in 3s, please try again later"), Cause.BUSY),
]


@pytest.mark.parametrize(("answer", "cause"), BAD_ANSWERS, ids=lambda value: str(value)[:50])
def test_an_answer_that_is_none_is_a_failure_that_says_what_it_was(answer, cause: Cause) -> None:
    async def act(place: Place) -> None:
        place.wire.instead = lambda _: answer
        async with place.polling():
            await asyncio.sleep(8)
            assert place.failures[0].cause is cause
            assert place.failures[0].detail
            place.wire.instead = lambda _: None
            await asyncio.sleep(40)
            assert place.last.status is ChargerStatus.A

    play(act)


@pytest.mark.parametrize("code", [200, 400, 500])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "text/html"])
def test_a_body_counts_whatever_stands_around_it(code: int, media_type: str) -> None:
    async def act(place: Place) -> None:
        body = b'{"car":4,"modelStatus":39,"zzz":{"new":[1]},"amp":10,"err":null,"nrg":null,"eto":null}'
        place.wire.instead = lambda _: (code, media_type, body)
        async with place.polling():
            await asyncio.sleep(1)
            assert (place.last.status, place.last.amps_set_a, place.last.power_w) == (ChargerStatus.B, 10, None)

    play(act)


def test_a_set_that_is_not_read_back_is_not_confirmed() -> None:
    async def act(place: Place) -> None:
        def ignore(target: str):
            return (200, "application/json", b'{"amp":true}') if target.startswith("/api/set") else None

        place.wire.instead = ignore
        ended = await place.send(amps(10))
        assert (ended.outcome, ended.cause) == (Outcome.UNCONFIRMED, Cause.BAD_ANSWER)
        place.wire.instead = lambda _: None
        assert (await place.send(amps(10))).outcome is Outcome.APPLIED

    play(act)


def test_a_set_whose_answer_is_lost_is_proven_by_reading_back() -> None:
    async def act(place: Place) -> None:
        def lose(target: str):
            if not target.startswith("/api/set"):
                return None
            place.sync()
            place.charger.set([("amp", "10")])
            return (200, "text/html", b"")

        place.wire.instead = lose
        assert (await place.send(amps(10))).outcome is Outcome.APPLIED

    play(act)


def test_an_error_text_with_200_is_an_error() -> None:
    async def act(place: Place) -> None:
        words = b'{"amp":"amp: failed: Value 10 exceeds range 6 to 8 (10)"}'
        place.wire.instead = lambda target: (200, "text/plain", words) if "/api/set" in target else None
        ended = await place.send(amps(10))
        assert (ended.outcome, ended.detail) == (
            Outcome.REFUSED,
            "amp: failed: Value 10 exceeds range 6 to 8 (10)",
        )

    play(act)


def test_old_firmware_is_asked_as_it_understands() -> None:
    async def act(place: Place) -> None:
        def old(target: str):
            if target == "/api/status?":
                return (200, "application/json", b'{"car":1,"fwv":"051.3","amp":16}')
            if "filter=%5B%22" in target:
                return (200, "application/json", b'{"car":4,"amp":12}')
            return (200, "application/json", b"{}")

        place.wire.instead = old
        async with place.polling():
            await asyncio.sleep(30)
            assert (place.last.status, place.last.amps_set_a) == (ChargerStatus.B, 12)
        asked = [query["filter"][0] for _, _, query in place.wire.asked if "filter" in query]
        assert all(text.count(",") == 9 for text in asked[1:])

    play(act)


# --- how often -------------------------------------------------------------------------------------------------------


def test_it_is_read_faster_after_a_command_and_slower_without_a_car() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(61)
            assert len(place.wire.asked) == 7
            place.charger.plug()
            await asyncio.sleep(20)
            begun = len(place.wire.asked)
            await asyncio.sleep(50)
            assert len(place.wire.asked) - begun == 10
            await place.send(STOP)
            await asyncio.sleep(20)
            begun = len(place.wire.asked)
            await place.send(START)
            await asyncio.sleep(7)
            assert len(place.wire.asked) - begun >= 8
            await asyncio.sleep(25)
            begun = len(place.wire.asked)
            await asyncio.sleep(50)
            assert len(place.wire.asked) - begun == 10

    play(act)


# --- v1 --------------------------------------------------------------------------------------------------------------


def v2_is_off(target: str):
    return (404, "text/html", b"This URI does not exist") if target.startswith("/api/") else None


@pytest.mark.parametrize("settings", [{}, {"api": "v1"}], ids=str)
def test_v1_is_spoken_where_v2_is_switched_off(settings) -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        place.wire.instead = v2_is_off
        async with place.polling():
            await asyncio.sleep(3)
            assert (await place.send(STOP)).outcome is Outcome.APPLIED
            assert (await place.send(STOP)).outcome is Outcome.ALREADY_SET
            assert (await place.send(amps(10))).outcome is Outcome.APPLIED
            assert (await place.send(START)).outcome is Outcome.APPLIED
            await asyncio.sleep(30)
            reading = place.last
            assert (reading.status, reading.amps_set_a, reading.phases_set) == (ChargerStatus.C, 10, None)
            assert reading.power_w == pytest.approx(place.charger.draw_w, rel=0.05)
            ended = await place.send(phases(1))
            assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.INVALID)
            assert "HTTP API v2" in ended.detail
        assert {"payload": "amx=10"} in place.wire.sets
        assert "API v1" in await place.driver.probe()

    play(act, **settings)


def test_v2_is_taken_again_when_it_is_switched_on() -> None:
    async def act(place: Place) -> None:
        place.wire.instead = v2_is_off
        async with place.polling():
            await asyncio.sleep(60)
            assert place.wire.asked[-1][1] == "/status"
            place.wire.instead = lambda _: None
            await asyncio.sleep(600)
            assert place.wire.asked[-1][1] == "/api/status"

    play(act)


def test_v1_is_not_tried_where_the_owner_wants_v2() -> None:
    async def act(place: Place) -> None:
        place.wire.instead = v2_is_off
        async with place.polling():
            await asyncio.sleep(1)
        assert place.failures[0].cause is Cause.NOT_FOUND
        assert "Allow access to the HTTP API v2" in place.failures[0].detail
        assert {path for _, path, _ in place.wire.asked} == {"/api/status"}

    play(act, api="v2")


# --- people ----------------------------------------------------------------------------------------------------------


def test_a_probe_says_who_it_is_and_changes_nothing() -> None:
    async def act(place: Place) -> None:
        text = await place.driver.probe()
        assert text.startswith("go-eCharger 000000, firmware 055.5, HTTP API v2: no car is plugged in")
        await place.set_by_hand(acs="1", lmo="4", ama="16")
        text = await place.driver.probe()
        assert "access control is on" in text
        assert "eco mode" in text
        assert "at most 16 A" in text
        assert place.wire.sets == []

    play(act)


def test_a_probe_that_fails_says_what_to_do() -> None:
    async def act(place: Place) -> None:
        place.wire.instead = lambda _: PAGE
        with pytest.raises(SunboxError, match=r"garage at http://192\.168\.0\.75: .*no go-eCharger.*check `url`"):
            await place.driver.probe()

    play(act)


def test_a_read_that_the_core_asks_for_carries_its_number() -> None:
    async def act(place: Place) -> None:
        asked = Read(device_id="garage", exchange_id=3, what=ReadKind.DATA)
        assert isinstance(await place.driver.read(asked), ChargerRead)
        place.wire.instead = lambda _: PAGE
        event = await place.driver.read(asked)
        assert isinstance(event, ReadFailed)
        assert event.exchange_id == 3

    play(act)


# --- its own surplus logic -------------------------------------------------------------------------------------------


def test_a_charger_is_fed_with_the_surplus_and_follows_it(capsys) -> None:
    async def act(place: Place) -> None:
        place.charger.plug()
        await place.set_by_hand(lmo="4", fup="true")
        async with place.polling():
            for _ in range(120):
                place.balance = MeterReading(measured_at=place.clock.now(), grid_w=-4000.0, pv_w=5000.0, battery_w=0.0)
                await asyncio.sleep(1)
            told = [json.loads(each["ids"]) for each in place.wire.sets]
            assert 22 <= len(told) <= 25
            assert told[0] == {"pGrid": -4000.0, "pPv": 5000.0, "pAkku": 0.0}
            assert place.charger.draw_w > 1000
            await asyncio.sleep(60)  # the meter is silent
            assert 3 <= len(place.wire.sets) - len(told) <= 8
        assert "surplus ignored" not in capsys.readouterr().out

    play(act, feeds_surplus=True)


def test_a_charger_that_would_ignore_the_surplus_says_why(capsys) -> None:
    async def act(place: Place) -> None:
        await place.set_by_hand(acp="false", frc="1")
        async with place.polling():
            await asyncio.sleep(60)
            out = capsys.readouterr().out
            for key in ("fup", "lmo", "frc", "acp"):
                assert out.count(f"it ignores the surplus: `{key}`") == 1
            assert "it ignores the surplus: `fup` is false" in await place.driver.probe()
            await place.set_by_hand(acp="true", frc="0", fup="true", lmo="4")
            await asyncio.sleep(11)
            assert "surplus followed" in capsys.readouterr().out

    play(act, feeds_surplus=True)


# --- recorded answers, and the log -----------------------------------------------------------------------------------


@needs_files
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_recorded_answers_arrive_whole(path) -> None:
    body = path.read_bytes()
    is_v1 = path.name.startswith("v1_")

    async def act(place: Place) -> None:
        def recorded(target: str):
            return (200, "application/json", body) if target.startswith("/status" if is_v1 else "/api") else None

        place.wire.instead = recorded
        names = () if is_v1 else tuple(json.loads(body))
        status = await place.driver.read_keys(names)
        told = json.loads(body)
        if is_v1:
            assert len(status.raw) >= len(told) - 4  # the five presets are one key
        else:
            assert status.raw == told

    play(act, api="v1" if is_v1 else "v2")


def test_an_outage_is_logged_once_and_its_end_too() -> None:
    async def act(place: Place) -> None:
        async with place.polling():
            await asyncio.sleep(5)
            place.charger.lose_wifi(300)
            await asyncio.sleep(400)

    with capture_logs() as logs:
        play(act)
    assert [row["event"] for row in logs] == ["device unavailable", "device available again"]
