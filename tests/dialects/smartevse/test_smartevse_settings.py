"""POST /settings and the others: each parameter with its limits, the firmware's answers word by word, and its own order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES, STANDARD
from sunbox.dialects.smartevse.query import parameters_from_query
from sunbox.dialects.smartevse.settings import PARAMETERS
from sunbox.dialects.smartevse.state import (
    Behind,
    BoxState,
    Configure,
    SetAccess,
    SetDuty,
    Setup,
    SwitchTo,
    TellBattery,
    TellEv,
    TellMains,
    first_state,
)
from sunbox.dialects.smartevse.wire import amps_to_da, document_to_wire, integer_from_text
from sunbox.dialects.smartevse.words import Access, Capacity, Contactor, Meter, Mode, Regime, State

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)
BOX = Box()
SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.ON)
STATE = first_state(AT, SETUP)
NODE = first_state(AT, replace(SETUP, loadbl=2))
SOLAR = first_state(AT, replace(SETUP, regime=Regime.SOLAR))
NO = "Value not allowed!"


def tell(query: str, state: BoxState = STATE, path: str = "/settings", box: Box = BOX) -> tuple[BoxState, Any]:
    found = box.post(state, path, parameters_from_query(query))
    assert found is not None
    told, answer = found
    assert answer.code == 200
    return told.state, answer.reply


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("80.0", 80),
        ("83.00000001", 83),
        ("", 0),
        ("abc", 0),
        (" 12x", 12),
        ("-3", -3),
        ("+7", 7),
        ("--7", 0),
        ("1e3", 1),
        ("0x10", 0),
        ("99999999999999", 2**31 - 1),
        ("-99999999999999", -(2**31)),
        ("9" * 5000, 2**31 - 1),
        ("٣", 0),
    ],
)
def test_numbers_are_read_as_c_reads_them(text: str, number: int) -> None:
    assert integer_from_text(text) == number


@pytest.mark.parametrize(("amps", "deci"), [(8.7, 87), (6, 60), (6.09, 60), (16.0, 160), (8.3, 83), (0.0, 0)])
def test_amps_are_told_in_tenths(amps: float, deci: int) -> None:
    assert amps_to_da(amps) == deci


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        ("", None),
        ("nonsense=1", None),
        ("solar_stop_time=5", None),
        ("starttime=2024-06-17T12:00", None),
        ("backlight=1", {"Backlight": 1}),
        ("current_min=6", {"current_min": 6}),
        ("current_min=16", {"current_min": 16}),
        ("current_min=5", {"current_min": NO}),
        ("current_min=17", {"current_min": NO}),
        ("capacity_mode=3", {"capacity_mode": 3}),
        ("capacity_mode=4", None),
        ("intervals=[]", None),
        ("current_max_sum_mains=0", {"current_max_sum_mains": 0}),
        ("current_max_sum_mains=10", {"current_max_sum_mains": 10}),
        ("current_max_sum_mains=600", {"current_max_sum_mains": 600}),
        ("current_max_sum_mains=9", {"current_max_sum_mains": NO}),
        ("current_max_sum_mains=601", {"current_max_sum_mains": NO}),
        ("max_sum_mains_timer=60", {"max_sum_mains_time": 60}),
        ("max_sum_mains_timer=61", {"max_sum_mains_time": NO}),
        ("disable_override_current=", {"disable_override_current": "OK"}),
        ("custombutton=1", {"custombutton": True}),
        ("custombutton=0", {"custombutton": False}),
        ("mode=3", {"mode": "3"}),
        ("mode=3.0", {"mode": "3.0"}),
        ("mode=", {"mode": ""}),
        ("mode=abc", {"mode": "abc"}),
        ("mode=5", {"mode": NO}),
        ("mode=-1", {"mode": NO}),
        ("enable_C2=4", {"settings": {"enable_C2": "Auto"}}),
        ("enable_C2=9", None),
        ("stop_timer=60", {"stop_timer": True}),
        ("stop_timer=61", {"stop_timer": False}),
        ("override_current=80.0", {"override_current": 80}),
        ("override_current=0", {"override_current": 0}),
        ("override_current=59", {"override_current": NO}),
        ("override_current=161", {"override_current": NO}),
        ("solar_start_current=48", {"solar_start_current": 48}),
        ("solar_start_current=49", {"solar_start_current": NO}),
        ("solar_max_import=0", {"solar_max_import": 0}),
        ("solar_max_import=-1", {"solar_max_import": NO}),
        ("override_pwm=512", None),  # without the opt-in
        ("lcdlock=1", {"lcdlock": 1}),
        ("lcdlock=2", None),
        ("cablelock=1", {"cablelock": 1}),
        ("ocpp_update=1&ocpp_backend_url=x", {"ocpp_backend_url": "Can only update when OCPP enabled"}),
        ("ocpp_update=0&ocpp_mode=1", None),
    ],
)
def test_each_parameter_is_answered_as_the_firmware_does(query: str, reply: Any) -> None:
    assert tell(query)[1] == reply


def test_no_known_parameter_is_four_bytes() -> None:
    assert document_to_wire(tell("x=1")[1]) == b"null"


def test_only_the_first_of_a_name_counts_and_it_comes_from_the_query() -> None:
    assert tell("current_min=7&current_min=9")[1] == {"current_min": 7}
    assert parameters_from_query("a=%20b+c&d&e=") == {"a": " b c", "e": ""}
    assert parameters_from_query("e=&f=1", empty_counts=False) == {"f": "1"}
    assert parameters_from_query("a=" + "x" * 2048 + "&a=1") == {}
    assert parameters_from_query("MODE=4&mode=1&Enable_c2=3&l1=5&r=1") == {
        "mode": "4",
        "enable_C2": "3",
        "L1": "5",
        "R": "1",
    }
    assert parameters_from_query("mode=%zz&a=%4&b=%41%20%") == {}
    assert parameters_from_query("=1&&=&x") == {"": "1"}


def test_all_of_a_bundle_in_one_order_whatever_the_query() -> None:
    """From SOLAR an override is heard if the same request leaves it."""
    for parts in permutations(["mode=1", "override_current=100", "current_min=7"]):
        state, reply = tell("&".join(parts), SOLAR)
        assert list(reply) == ["current_min", "mode", "override_current"]
        assert (state.setup.mode, state.setup.override_da, state.setup.current_min) == (Mode.NORMAL, 100, 7)
    state, reply = tell("override_current=100&mode=2", STATE)
    assert reply == {"mode": "2"}
    assert state.setup.override_da == 0


def test_solar_hears_no_override_and_forgets_one() -> None:
    assert tell("override_current=80", SOLAR)[1] is None
    kept = first_state(AT, replace(SETUP, override_da=80))
    assert tell("mode=3", kept)[0].setup.override_da == 80
    assert tell("mode=4", kept)[0].setup.override_da == 80
    assert tell("mode=2", kept)[0].setup.override_da == 0


def test_a_node_leaves_what_is_the_masters() -> None:
    for name in ("current_min=8", "current_max_sum_mains=20", "override_current=80"):
        state, reply = tell(name, NODE)
        assert list(reply.values()) == [NO]
        assert state == NODE
    assert tell("solar_max_import=3", NODE)[1] == {"solar_max_import": 3}


def test_without_a_mains_meter_the_answer_is_the_same_and_nothing_happens() -> None:
    bare = first_state(AT, Setup())
    for mode in ("2", "3"):
        assert tell(f"mode={mode}", bare) == (bare, {"mode": mode})
    assert tell("mode=1", bare)[0].setup.mode is Mode.NORMAL


@pytest.mark.parametrize(
    ("number", "orders"),
    [
        ("0", (SetAccess(Access.OFF),)),
        ("1", (SwitchTo(Regime.NORMAL),)),
        ("2", (SwitchTo(Regime.SOLAR),)),
        ("3", (SwitchTo(Regime.SMART),)),
        ("4", (SetAccess(Access.PAUSE),)),
    ],
)
def test_modes_order_what_they_mean(number: str, orders: tuple[object, ...]) -> None:
    found = BOX.post(STATE, "/settings", {"mode": number})
    assert found is not None
    assert found[0].orders == orders
    assert int(found[0].state.setup.mode) == int(number)


def test_before_3_8_there_is_no_pause() -> None:
    old = Box(PROFILES["3.6"])
    state, reply = tell("mode=4", box=old)
    assert reply == {"mode": NO}
    assert state.setup.access is Access.ON
    assert old.read(state)["evse"]["access"] is True
    assert "custombutton" not in (tell("custombutton=1", box=old)[1] or {})
    assert tell("max_sum_mains_timer=3", box=Box(PROFILES["3.5"]))[1] is None
    assert old.post(STATE, "/color_off", {"R": "1", "G": "1", "B": "1"}) is None


def test_a_broker_turns_the_whole_request_to_itself() -> None:
    state, reply = tell(
        "mode=3&mqtt_update=1&mqtt_host=h&mqtt_port=0&mqtt_topic_prefix=&mqtt_username=u&mqtt_password=p&mqtt_tls=1"
    )
    assert reply == {
        "mqtt_host": "h",
        "mqtt_port": 1883,
        "mqtt_topic_prefix": "SmartEVSE-1234",
        "mqtt_username": "u",
        "mqtt_password_set": True,
        "mqtt_tls": True,
    }
    assert state.setup == SETUP
    mqtt = BOX.read(state)["mqtt"]
    assert mqtt["host"] == "h"
    assert mqtt["password_set"] is True
    assert "'p'" not in repr(state)
    assert tell("mqtt_update=0&mode=3") == (STATE, None)


def test_ocpp_that_is_on_can_be_told() -> None:
    state, reply = tell("ocpp_update=1&ocpp_mode=1&ocpp_cb_id=me&ocpp_auto_auth=1")
    assert reply == {"ocpp_mode": 1, "ocpp_cb_id": "me", "ocpp_auto_auth": 1}
    assert BOX.read(state)["ocpp"]["auto_auth"] == "Enabled"


def test_capacity_0_lifts_the_limit() -> None:
    state, _ = tell("capacity_mode=0", first_state(AT, replace(SETUP, current_max_sum_mains=40)))
    assert (state.setup.current_max_sum_mains, state.setup.capacity) == (0, Capacity.DISABLED)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[{"start":0,"power":5000},{"start":1080,"power":2500}]', ((0, 5000), (1080, 2500))),
        ('[{"start":1440,"power":1}]', ()),
        ('[{"start":true,"power":1}]', ()),
        ("[1]", ()),
        ("{}", ()),
        ("[", ()),
        ("[" * 2000, ()),
    ],
)
def test_intervals_are_taken_as_a_whole(text: str, kept: tuple[tuple[int, int], ...]) -> None:
    assert tell(f"intervals={text}")[0].intervals == kept


# start and stop


def test_a_start_time_switches_off_until_then() -> None:
    berlin = replace(STATE, zone=ZoneInfo("Europe/Berlin"))
    state, reply = tell("mode=3&starttime=2024-06-17T14:00&stoptime=2024-06-17T15:00&repeat=1", berlin)
    start = int(datetime(2024, 6, 17, 12, tzinfo=UTC).timestamp())
    assert reply == {"stoptime": start + 3600, "repeat": 1, "starttime": start, "mode": "3"}
    assert (state.setup.mode, state.setup.regime) == (Mode.OFF, Regime.SMART)
    document = BOX.read(state)["settings"]
    assert (document["starttime"], document["stoptime"], document["repeat"]) == (start, start + 3600, 1)
    before = BOX.advanced(state, Behind(), datetime(2024, 6, 17, 11, 59, tzinfo=UTC))
    assert before.orders == ()
    due = BOX.advanced(before.state, Behind(), datetime(2024, 6, 17, 12, 0, tzinfo=UTC))
    assert due.orders == (SetAccess(Access.ON),)
    assert due.state.setup.mode is Mode.SMART
    over = BOX.advanced(due.state, Behind(), datetime(2024, 6, 17, 13, 0, tzinfo=UTC))
    assert over.orders == (SetAccess(Access.OFF),)
    assert over.state.start_at == datetime(2024, 6, 18, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "start", ['"2024-06-17T14:00"', "2024-06-17T09:59", "tomorrow", "", "2024-13-01T00:00", "9999-12-31T23:59x"]
)
def test_a_start_that_is_past_or_unreadable_delays_nothing(start: str) -> None:
    armed = replace(STATE, start_at=AT + timedelta(hours=1), stop_at=AT + timedelta(hours=2), repeats=True)
    state, reply = tell(f"mode=1&starttime={start}", armed)
    if start.startswith("9999"):
        assert state.start_at is not None
        return
    assert reply == {"starttime": 0, "mode": "1"}
    assert (state.start_at, state.stop_at, state.repeats) == (None, None, False)
    assert state.setup.mode is Mode.NORMAL


def test_a_mode_without_a_start_forgets_one() -> None:
    armed = tell("mode=1&starttime=2024-06-17T14:00")[0]
    assert armed.setup.mode is Mode.OFF
    state, _ = tell("mode=1", armed)
    assert (state.start_at, state.setup.mode) == (None, Mode.NORMAL)


def test_a_stop_must_lie_behind_the_start() -> None:
    state, reply = tell("mode=1&starttime=2024-06-17T14:00&stoptime=2024-06-17T14:00&repeat=2")
    assert reply["stoptime"] == 0
    assert "repeat" not in reply
    assert state.stop_at is None


def test_without_repetition_it_starts_once() -> None:
    state, _ = tell("mode=1&starttime=2024-06-17T14:00", replace(STATE, zone=timezone(timedelta(hours=2))))
    later = BOX.advanced(state, Behind(), AT + timedelta(days=3))
    assert later.state.start_at is None
    assert later.orders == (SetAccess(Access.ON),)


# the other requests


@pytest.mark.parametrize(
    ("query", "state", "reply", "orders"),
    [
        ("battery_current=300", STATE, {"battery_current": 300}, (TellBattery(300),)),
        ("battery_current=300", NODE, {"battery_current": "not allowed on slave"}, ()),
        (
            "L1=100&L2=50&L3=30",
            STATE,
            {"original": {"L1": 100, "L2": 50, "L3": 30}, "L1": 100, "L2": 50, "L3": 30, "TOTAL": 180},
            (TellMains((100, 50, 30)),),
        ),
        (
            "L1=100&L2=50&L3=-0&battery_current=31",
            SOLAR,
            {
                "battery_current": 31,
                "original": {"L1": 100, "L2": 50, "L3": 0},
                "L1": 90,
                "L2": 40,
                "L3": -10,
                "TOTAL": 120,
            },
            (TellBattery(31), TellMains((100, 50, 0))),
        ),
        ("L1=100&L2=50&L3=30", NODE, {"TOTAL": "not allowed on slave"}, ()),
        ("L1=100&L2=50", STATE, None, ()),
        ("L1=1&L2=1&L3=1", first_state(AT, replace(SETUP, mains_meter=Meter.SENSORBOX)), None, ()),
        ("", STATE, None, ()),
    ],
)
def test_currents(query: str, state: BoxState, reply: Any, orders: tuple[object, ...]) -> None:
    found = BOX.post(state, "/currents", parameters_from_query(query))
    assert found is not None
    assert found[1].reply == reply
    assert found[0].orders == orders


def test_a_battery_counts_for_a_minute_and_on_l1_where_c2_is_off() -> None:
    state = replace(SOLAR, setup=replace(SOLAR.setup, contactor=Contactor.ALWAYS_OFF))
    told = replace(state, behind=Behind(battery_da=30, battery_at=AT - timedelta(seconds=59)))
    assert tell("L1=10&L2=10&L3=10", told, "/currents")[1]["L1"] == -20
    told = replace(state, behind=Behind(battery_da=30, battery_at=AT - timedelta(seconds=60)))
    assert tell("L1=10&L2=10&L3=10", told, "/currents")[1]["L1"] == 10


def test_the_cars_meter() -> None:
    started = replace(STATE, behind=Behind(ev_total_wh=1000, ev_charged_wh=200))
    found = BOX.post(
        started,
        "/ev_meter",
        parameters_from_query(
            "L1=100&L2=50&L3=30&import_active_power=4140&import_active_energy=1500&export_active_energy=0"
        ),
    )
    assert found is not None
    assert found[1].reply == {
        "ev_meter": {
            "currents": {"L1": 100, "L2": 50, "L3": 30, "TOTAL": 180},
            "import_active_power": 4140,
            "import_active_energy": 1500,
            "export_active_energy": 0,
            "total_kwh": 1500,
            "charged_kwh": 700,
        }
    }
    assert found[0].orders == (
        TellEv(currents_da=(100, 50, 30)),
        TellEv(power_w=4140, imported_wh=1500, exported_wh=0),
    )
    assert tell("import_active_power=1", started, "/ev_meter")[1] is None
    other = replace(STATE, setup=replace(SETUP, ev_meter=Meter.EASTRON3P))
    assert tell("L1=1&L2=1&L3=1", other, "/ev_meter")[1] is None


@pytest.mark.parametrize("name", ["off", "normal", "smart", "solar", "custom"])
def test_colours_want_all_three_parts(name: str) -> None:
    path = f"/color_{name}"
    state, reply = tell("R=0&G=1&B=255", STATE, path)
    assert reply == {"color": {name: {"R": 0, "G": 1, "B": 255}}}
    assert BOX.read(state)["color"][name] == {"R": 0, "G": 1, "B": 255}
    for bad in ("R=0&G=1", "R=0&G=1&B=256", "R=-1&G=0&B=0"):
        assert tell(bad, STATE, path) == (STATE, {})


def test_colours_as_delivered() -> None:
    assert BOX.read(STATE)["color"] == {
        "off": {"R": 0, "G": 0, "B": 0},
        "normal": {"R": 0, "G": 255, "B": 0},
        "smart": {"R": 0, "G": 255, "B": 0},
        "solar": {"R": 255, "G": 170, "B": 0},
        "custom": {"R": 0, "G": 0, "B": 255},
    }


def test_cable_lock() -> None:
    state, reply = tell("1=", STATE, "/cablelock")
    assert reply == {"cablelock": 1}
    assert tell("", state, "/cablelock")[1] == {"cablelock": 0}


@pytest.mark.parametrize(
    ("reader", "query", "reply"),
    [
        (0, "rfid=112233445566", {"rfid_status": "RFID reader not enabled"}),
        (1, "", {"rfid_status": "Missing rfid parameter"}),
        (1, "rfid=xy", {"rfid_status": "Invalid RFID hex string"}),
        (1, "rfid=1122", {"rfid_status": "Invalid RFID length"}),
        (1, "rfid=112233445566", {"rfid": "112233445566", "rfid_status": "Present"}),
        (1, "rfid=11223344556677", {"rfid": "11223344556677", "rfid_status": "Present"}),
    ],
)
def test_cards(reader: int, query: str, reply: Any) -> None:
    state, answer = tell(query, replace(STATE, rfid_reader=reader), "/rfid")
    assert answer == reply
    assert ("rfid_lastread" in BOX.read(state)["evse"]) == bool(reader)


def test_the_pilot_by_hand_needs_an_opt_in() -> None:
    assert BOX.post(STATE, "/modem", {"pwm": "500"}) is None
    modem = Box(has_modem=True)
    found = modem.post(STATE, "/modem", {"pwm": "500"})
    assert found is not None
    assert found[0].orders == (SetDuty(512),)
    assert tell("override_pwm=-1", STATE, box=modem)[1] == {"override_pwm": 100}
    assert tell("pwm=1001", STATE, "/modem", modem)[1] is None


def test_reboot_waits_for_the_car() -> None:
    found = BOX.post(STATE, "/reboot", {})
    assert found is not None
    assert (found[1].code, found[1].reply) == (200, "Device will reboot in 5 seconds...")
    charging = replace(STATE, behind=Behind(state=State.C))
    found = BOX.post(charging, "/reboot", {})
    assert found is not None
    assert found[1].code == 202
    state = BOX.rebooted(replace(STATE, setup=replace(SETUP, override_da=80, regime=Regime.SMART)))
    assert (state.setup.override_da, state.setup.mode) == (0, Mode.SMART)


def test_power_of_a_day() -> None:
    answer = BOX.get(STATE, "/power_day")
    assert answer is not None
    rows = answer.reply["power_day"]
    assert len(rows) == 96
    assert (rows[0], rows[-1]) == ({"time": "10:00", "power": 0}, {"time": "09:45", "power": 0})
    assert Box(PROFILES["3.10"]).get(STATE, "/power_day") is None


PATHS = ["/settings", "/currents", "/ev_meter", "/color_solar", "/cablelock", "/rfid", "/modem", "/nothing", "/reboot"]
NAMES = [
    *(parameter.name for parameter in PARAMETERS),
    *("L1", "L2", "L3", "R", "G", "B", "rfid", "starttime", "stoptime", "repeat", "battery_current", "mqtt_update"),
]


@given(
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20) | st.integers(-700, 700).map(str), max_size=6),
    st.sampled_from(sorted(PROFILES)),
    st.booleans(),
)
def test_whatever_is_told_it_answers_and_stays_within_limits(
    path: str, parameters: dict[str, str], profile: str, has_modem: bool
) -> None:
    box = Box(PROFILES[profile], has_modem=has_modem)
    found = box.post(STATE, path, parameters)
    if found is None:
        return
    told, answer = found
    if not isinstance(answer.reply, str):
        document_to_wire(answer.reply)
    setup = told.state.setup
    assert 6 <= setup.current_min <= 16
    assert setup.current_max_sum_mains == 0 or 10 <= setup.current_max_sum_mains <= 600
    assert setup.override_da == 0 or 60 <= setup.override_da <= 160
    assert 0 <= setup.solar_stop_time <= 60
    for order in told.orders:
        if isinstance(order, Configure):
            for name, value in order.changes.items():
                assert getattr(setup, name) == value or name == "current_max_sum_mains"
    document_to_wire(box.read(told.state))


NUMBERS = (
    "",
    "0",
    "1",
    "2",
    "3",
    "4",
    "6",
    "9",
    "16",
    "17",
    "60",
    "61",
    "80.0",
    "160",
    "161",
    "600",
    "-1",
    "abc",
    "[]",
)
WITH_MODE = ("starttime", "stoptime", "repeat")


@given(
    st.dictionaries(
        st.sampled_from([parameter.name for parameter in PARAMETERS]), st.sampled_from(NUMBERS), max_size=8
    ),
    st.dictionaries(st.sampled_from(WITH_MODE), st.sampled_from(("2024-06-17T23:00", "2020-01-01T00:00", "1", "x"))),
    st.sampled_from(sorted(PROFILES)),
    st.randoms(use_true_random=False),
)
def test_a_bundle_is_its_parameters_one_by_one_in_the_firmwares_order(
    told: dict[str, str], times: dict[str, str], profile: str, dice: Random
) -> None:
    """Nothing else is ever half-applied: what is refused leaves its own setting as it was, and nobody else's."""
    box = Box(PROFILES[profile], has_modem=True)
    items = list({**told, **times}.items())
    dice.shuffle(items)  # the order of the URL says nothing
    found = box.post(STATE, "/settings", dict(items))
    assert found is not None
    bundle, answer = found
    state, replies, orders = STATE, {}, []
    for parameter in PARAMETERS:
        if parameter.name not in told:
            continue
        alone = {parameter.name: told[parameter.name]} | (times if parameter.name == "mode" else {})
        one = box.post(state, "/settings", alone)
        assert one is not None
        state = one[0].state
        orders += one[0].orders
        replies |= one[1].reply or {}
        if NO in (one[1].reply or {}).values() and not (parameter.name == "mode" and "starttime" in times):
            # the start time is looked at before the mode
            assert one[0].orders == ()
    assert bundle.state == state
    assert list(bundle.orders) == orders
    assert list((answer.reply or {}).items()) == list(replies.items())


def test_the_order_is_the_firmwares() -> None:
    assert [parameter.name for parameter in PARAMETERS] == [
        "backlight",
        "current_min",
        "capacity_mode",
        "intervals",
        "current_max_sum_mains",
        "max_sum_mains_timer",
        "disable_override_current",
        "custombutton",
        "mode",
        "enable_C2",
        "stop_timer",
        "override_current",
        "solar_start_current",
        "solar_max_import",
        "override_pwm",
        "lcdlock",
        "cablelock",
        "ocpp_update",
    ]
    assert STANDARD.version == "v3.11.1"
