"""Other people's clients of a SmartEVSE at a Tesla and at a simulated box, over loopback, request by request.

Each is tried in the document that it needs; what it reads is checked with its type, what it sets on the car.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from client_sessions import Stage, staged
from smartevse_clients import (
    C2_WORDS,
    HA_ENERGIES,
    HA_FIELDS,
    HA_LOG,
    MODE_IDS,
    DualCharger,
    Hand,
    TeslaLogger,
    Victron,
    at,
    odd_fields,
    recorded_by_home_assistant,
)
from smartevse_places import PLACES

from sunbox.dialects.smartevse.profiles import PROFILES

Play = Callable[..., None]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.fixture(params=sorted(PLACES))
def play(request: pytest.FixtureRequest, stage: Stage) -> Play:
    def run(body: Callable[[Any], Awaitable[None]], profile: str = "3.11", *, is_fed: bool = False) -> None:
        PLACES[request.param](stage, body, profile, is_fed=is_fed)

    return run


@pytest.mark.parametrize("profile", ["3.9", "3.11"])
def test_home_assistant_sends_what_it_was_seen_to_send(play: Play, profile: str) -> None:
    """All of the recorded requests, header by header. It shows kWh rightly before 3.10, and knows PAUSE since 3.8."""
    if not HA_LOG.is_file() and not os.environ.get("CI"):
        pytest.skip("the recorded requests are not at hand (SUNBOX_SHARED)")
    requests = recorded_by_home_assistant()
    assert [request.method for request in requests].count("GET") == 3
    lengths = {(request.method, request.headers.get("Content-Length")) for request in requests}
    assert lengths == {("GET", None), ("POST", "0")}

    async def body(place: Any) -> None:
        replies = {
            "/settings?mode=4": {"mode": "4"},
            "/settings?mode=1": {"mode": "1"},
            "/settings?enable_C2=4": {"settings": {"enable_C2": place.c2_word}},
            "/settings?override_current=80.0": {"override_current": 80},
            "/settings?solar_max_import=8.0": {"solar_max_import": 8},
            "/settings?solar_start_current=8.0": {"solar_start_current": 8},
            "/settings?stop_timer=8.0": {"stop_timer": True},
            "/settings?override_current=83.0": {"override_current": 83},
            "/settings?mode=3": {"mode": "3"},
            "/settings?mode=0": {"mode": "0"},
        }
        assert {request.target for request in requests} == {"/settings", *replies}
        for request in requests:
            reply = await place.do(request.send, place.stage.url)
            assert reply.code == 200, "the only thing that it looks at"
            if request.method == "GET":
                check_home_assistant(reply.json, profile)
            else:
                assert reply.json == replies[request.target]
        document = await place.ask("GET", "/settings")
        check_home_assistant(document, profile)
        assert (document["mode"], document["settings"]["override_current"]) == ("OFF", 83)
        shown = [document["settings"][name] for name in ("solar_stop_time", "solar_max_import", "solar_start_current")]
        assert shown == [8, 8, 8]
        # its switch: SMART, where there is a meter of the mains
        assert document["settings"]["mains_meter"] != "Disabled"

    play(body, profile)


def check_home_assistant(document: Any, profile: str) -> None:
    """All that it reads is there, with its type: without the two words it fails, a missing key loses the rest of a block."""
    assert odd_fields(document, HA_FIELDS) == {}
    assert document["mode_id"] in MODE_IDS
    assert document["settings"]["enable_C2"] in C2_WORDS
    if not PROFILES[profile].has_watt_hours:
        assert odd_fields(document, HA_ENERGIES) == {}


def test_teslalogger_reads_kilowatt_hours_in_the_older_profile(play: Play) -> None:
    async def body(place: Any) -> None:
        await place.ask("POST", "/settings?mode=1&override_current=160")
        await place.flows(16)
        await place.live(600)
        logger = TeslaLogger(place.stage.url)
        kwh = place.phases * 16 * 230 / 6 / 1000
        assert await place.do(logger.version) == "v3.6.10"
        assert await place.do(logger.is_charging) is True
        assert await place.do(logger.vehicle_kwh) == pytest.approx(kwh, rel=0.2)
        utility_kwh = await place.do(logger.utility_kwh)
        assert utility_kwh is not None
        assert 0 <= utility_kwh < 2 * kwh
        await place.ask("POST", "/settings?mode=0")
        await place.flows(0)
        await place.live(30)
        assert await place.do(logger.is_charging) is False
        logger.close()

    play(body, "3.6")


@pytest.mark.parametrize("profile", ["3.10", "3.11"])
def test_victron_over_rest(play: Play, profile: str) -> None:
    """What it reads at its start, with Go's types, and the one thing that it sets over REST: whether OCPP lets a car charge."""

    async def body(place: Any) -> None:
        victron = Victron(place.stage.url)
        told = await place.do(victron.settings)
        assert told.absent == frozenset()
        assert told["version"] == PROFILES[profile].version
        assert told["mqtt.topic_prefix"] == f"SmartEVSE/{told['serialnr']}"
        assert (told["settings.current_min"], told["settings.current_max"] >= 16) == (6, True)
        assert (told["ocpp.auto_auth"], told["ocpp.auto_auth_idtag"]) == ("Disabled", "")
        # the answer must fit the same struct, though it has none of its keys
        await place.do(victron.set_ocpp_auto_start, 1)
        assert await place.ask("POST", "/settings?ocpp_update=1&ocpp_auto_auth=1") == {
            "ocpp_auto_auth": "Can only update when OCPP enabled"
        }
        assert (await place.do(victron.settings))["ocpp.auto_auth"] == "Disabled"
        assert await place.ask("POST", "/settings?ocpp_update=1&ocpp_mode=1") == {"ocpp_mode": 1}
        for value, word in ((1, "Enabled"), (0, "Disabled")):
            await place.do(victron.set_ocpp_auto_start, value)
            assert (await place.do(victron.settings))["ocpp.auto_auth"] == word
        assert place.amps() in (0, 16), "it moves no car"

    play(body, profile)


def test_the_dual_charger_feeds_and_drives(play: Play) -> None:
    async def body(place: Any) -> None:
        dual = DualCharger(place.urls)
        # a current of somebody else's is none of its own
        await place.ask("POST", "/settings?override_current=80&mode=1")
        await place.flows(8)
        told = (await place.do(dual.statuses))[0]
        assert (told.is_connected, told.mode, told.override_a, told.charge_a) == (True, "Normal", 8, 8)
        sent = (await place.do(dual.apply, 0))[0]
        assert sent == "/settings?mode=3&disable_override_current=1"
        for number in range(40):
            car_a = place.amps()
            await place.do(dual.push_currents, (3 + car_a, 2, -0.04))
            await place.do(dual.push_ev_meter, (car_a, 0, 0), car_a * 230, 5 + number / 1000, 0.0)
            await place.live(5)
        told = (await place.do(dual.statuses))[0]
        assert (told.is_connected, told.state, told.error, told.mode) == (True, "Charging", "None", "Smart")
        assert (told.override_a, told.max_a) == (0, place.most_a)
        assert told.charge_a == place.amps() == place.most_a
        document = await place.ask("GET", "/settings")
        assert [document["phase_currents"]["original_data"][f"L{phase}"] for phase in (1, 2, 3)] == [
            round(30 + place.most_a * 10),
            20,
            0,
        ]
        assert (document["ev_meter"]["total_wh"], type(document["ev_meter"]["total_wh"])) == (5039, int)
        assert await place.do(dual.apply, 0) == [], "nothing is sent that is so already"
        # what else the house takes comes off the car
        assert (await place.do(dual.apply, None))[0] == "/settings?mode=0"
        await place.flows(0)
        dual.close()

    play(body, is_fed=True)


def test_feeders_post_what_they_like(play: Play) -> None:
    async def body(place: Any) -> None:
        hand = Hand(place.stage.url)
        told = (await place.do(hand.esphome, (5.2, -1.0, -0.04))).json
        assert told == {"original": {"L1": 52, "L2": -10, "L3": 0}, "L1": 52, "L2": -10, "L3": 0, "TOTAL": 42}
        assert (await place.do(hand.node_red, 300)).json == {"battery_current": 300}
        told = await place.ask("GET", "/settings")
        assert told["home_battery"]["current"] == 300
        assert type(told["home_battery"]["last_update"]) is int
        assert (await place.do(hand.rest_command, "/currents?L1=10&L2=20&L3=30")).json["original"]["L3"] == 30

    play(body, is_fed=True)


def test_a_body_is_ignored_and_a_length_is_not_waited_for(play: Play) -> None:
    async def body(place: Any) -> None:
        hand = Hand(place.stage.url)
        assert (await place.do(hand.curl, "/settings?mode=1")).json == {"mode": "1"}
        assert (await place.do(hand.curl, "/settings?mode=2", "mode=1")).json == {"mode": "2"}
        assert (await place.do(hand.curl, "/settings", "mode=1")).json is None
        assert (await place.do(hand.rest_command, "/settings?mode=3")).json == {"mode": "3"}
        # a word for a word, in the order of the device whatever the order of the URL
        reply = (await place.do(hand.curl, "/settings?override_current=80&mode=abc&current_min=99", "")).json
        assert list(reply.items()) == [("current_min", "Value not allowed!"), ("mode", "abc"), ("override_current", 80)]
        assert at(await place.ask("GET", "/settings"), "mode_id") == 0

    play(body)


def test_the_web_page_of_the_firmware_sets_a_start_time(play: Play) -> None:
    async def body(place: Any) -> None:
        target = "/settings?mode=1&starttime=2026-07-01T23:30&stoptime=&repeat=0"
        reply = (await place.do(Hand(place.stage.url).curl, target, "")).json
        assert list(reply) == ["stoptime", "repeat", "starttime", "mode"]
        document = await place.ask("GET", "/settings")
        assert document["settings"]["starttime"] == reply["starttime"] > 0
        assert document["mode"] == "OFF", "until then"

    play(body)
