"""The box over a loadpoint, by a wallbox in memory: what becomes a request, what is refused, what outlives the cable and what not."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallbox_double import CHARGING, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.model import ChargerStatus, Mode, Override, Terms
from sunbox.core.reasons import TEMPLATES, Reason, ReasonCode
from sunbox.core.wallbox import Accepted, Rejected, Request, SetPoint
from sunbox.dialects.smartevse.profiles import PROFILES, rows_of
from sunbox.dialects.smartevse.query import parameters_from_query
from sunbox.dialects.smartevse.table import PATHS
from sunbox.dialects.smartevse.wire import document_from_wire, document_to_wire, leaves, rows_missing
from sunbox.errors import StoreError
from sunbox.faces.smartevse import LoadpointBox, SmartEvseFaceSettings
from sunbox.faces.smartevse.loadpoint_box import BY
from sunbox.simulator.clock import VirtualTimeLoop, run_in

SHARED = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[2].parent / "shared"))
SAMPLE = SHARED / "fixtures" / "smartevse" / "settings_v3.11.1_COMPOSED_from_source.json"

UNPLUGGED: dict[str, Any] = {
    "status": ChargerStatus.A,
    "is_plugged": False,
    "is_flowing": False,
    "has_started": False,
    "draw_a": 0.0,
    "draw_w": 0.0,
    "phases": 0,
    "set_point": SetPoint(),
    "vehicle": make_vehicle(is_plugged=False),
    "reason": Reason(ReasonCode.NOT_PLUGGED),
}
FORGOTTEN = {**UNPLUGGED, "override": Override.NONE, "override_by": None, "amps_asked_a": None}
"""What the gateway makes of a wish at the end of a session, without a new version."""
PLUGGED: dict[str, Any] = {
    "status": ChargerStatus.B,
    "is_plugged": True,
    "vehicle": make_vehicle(),
    "reason": Reason(ReasonCode.MODE_OFF),
}


class Picky(WallboxDouble):
    """One that turns down some currents."""

    most_a = least_most_a = 32

    def request(self, request: Request) -> Accepted | Rejected:
        if request.terms is not None and (request.terms.min_a or 0) > self.least_most_a:
            return Rejected("terms.min_a", str(request.terms.min_a), f"6 to {self.least_most_a}")
        if request.amps_a is not None and request.amps_a > self.most_a:
            return Rejected("amps_a", str(request.amps_a), f"6 to {self.most_a}")
        return super().request(request)


class Wall:
    """A box, and the wallbox behind it."""

    def __init__(self, own: dict[str, Any] | None = None, *, has_other_meter: bool = True, **loadpoint: Any) -> None:
        self.wallbox = Picky(make_loadpoint(**loadpoint))
        self.own = SmartEvseFaceSettings.model_validate({"port": 5002, "mains_meter": "house", **(own or {})})
        self.has_other_meter = has_other_meter
        self.box = self.again()

    def again(self) -> LoadpointBox:
        """Return a box that begins now."""
        notebook = self.wallbox.notebook("box")
        return LoadpointBox(
            self.wallbox, self.own, ZoneInfo("Europe/Berlin"), notebook, has_other_meter=self.has_other_meter
        )

    def post(self, target: str) -> Any:
        path, _, query = target.partition("?")
        answer = self.box.post(path, parameters_from_query(query))
        return None if answer is None else answer.reply

    def look(self, path: str, box: LoadpointBox | None = None) -> Any:
        answer = (box or self.box).get("/settings")
        assert answer is not None
        value = answer.reply
        for name in path.split("."):
            value = value[name]
        return value

    def become(self, after_s: float = 5.0, **changes: Any) -> None:
        self.wallbox.change("carport", **changes)
        self.wallbox.site = replace(self.wallbox.site, at=self.wallbox.site.at + timedelta(seconds=after_s))
        self.box.look()

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The fields of every request so far."""
        names = ("mode", "override", "amps_a", "phases", "terms")
        rows = ({name: getattr(request, name) for name in names} for request in self.wallbox.requests)
        return [{name: value for name, value in row.items() if value is not None} for row in rows]


ASKED = [
    ("mode=0", [{"override": Override.STOP}]),
    ("mode=4", [{"override": Override.STOP}]),
    ("mode=abc", [{"override": Override.STOP}]),
    ("mode=1", [{"override": Override.CHARGE}]),
    ("mode=3", [{"override": Override.CHARGE}]),
    ("mode=2", []),
    ("mode=5", []),
    ("mode=1&override_current=80.0", [{"override": Override.CHARGE, "amps_a": 8}]),
    ("override_current=100&mode=1", [{"override": Override.CHARGE, "amps_a": 10}]),
    ("override_current=100", []),
    ("mode=1&override_current=59", [{"override": Override.CHARGE}]),
    ("stop_timer=5", [{"terms": Terms(stop_after_s=300.0)}]),
    ("stop_timer=0", [{"terms": Terms(stop_after_s=0.0)}]),
    ("solar_start_current=6", [{"terms": Terms(start_w=1380.0)}]),
    ("solar_start_current=4", [{"terms": Terms(start_w=920.0)}]),  # the default too is a wish once somebody sets it
    ("solar_start_current=49", []),
    ("solar_max_import=2", [{"terms": Terms(import_w=460.0)}]),
    ("solar_max_import=0", []),
    ("current_min=7", [{"terms": Terms(min_a=7)}]),
    ("current_max_sum_mains=30", [{"terms": Terms(grid_max_w=6900.0)}]),
    ("current_max_sum_mains=30&max_sum_mains_timer=5", [{"terms": Terms(grid_max_w=6900.0, grid_grace_s=300.0)}]),
    ("max_sum_mains_timer=5", []),
    ("current_max_sum_mains=0", []),
    ("mode=1&current_max_sum_mains=30", [{"override": Override.CHARGE}]),  # NORMAL has no regard for the mains
    ("mode=3&current_max_sum_mains=30", [{"override": Override.CHARGE, "terms": Terms(grid_max_w=6900.0)}]),
    (
        "stop_timer=5&solar_start_current=6&solar_max_import=2&current_min=7&current_max_sum_mains=30",
        [{"terms": Terms(min_a=7, start_w=1380.0, import_w=460.0, stop_after_s=300.0, grid_max_w=6900.0)}],
    ),
    ("enable_C2=1", []),
    ("override_pwm=500", []),
    ("mqtt_update=1&mode=1", []),
    ("backlight=1", []),
]


@pytest.mark.parametrize(("told", "asked"), ASKED, ids=[told for told, _ in ASKED])
def test_what_a_bundle_asks_for(told: str, asked: list[dict[str, Any]]) -> None:
    wall = Wall()
    wall.post(f"/settings?{told}")
    assert wall.asked == asked
    assert {request.by for request in wall.wallbox.requests} <= {BY}
    wall.box.look()
    assert wall.asked == asked, "it asks once"


def test_modes_one_after_the_other() -> None:
    wall = Wall(mode=Mode.OFF)
    assert (wall.look("mode_id"), wall.look("evse.access")) == (0, 0)
    for told, mode, override, amps_a in (
        ("override_current=80&mode=1", Mode.OFF, Override.CHARGE, 8),
        ("mode=3", Mode.OFF, Override.CHARGE, 8),
        ("mode=4", Mode.OFF, Override.STOP, 8),
        ("mode=3", Mode.OFF, Override.CHARGE, 8),
        ("mode=2", Mode.PV, Override.NONE, 32),
        ("mode=0", Mode.PV, Override.STOP, 32),
        ("mode=1", Mode.PV, Override.CHARGE, 32),
    ):
        wall.post(f"/settings?{told}")
        loadpoint = wall.wallbox.loadpoint("carport")
        assert (loadpoint.mode, loadpoint.override, loadpoint.amps_asked_a) == (mode, override, amps_a), told
        assert wall.look("mode_id") == int(told[-1])
    assert wall.look("settings.override_current") == 0


def test_a_current_that_the_gateway_does_not_take_is_not_allowed() -> None:
    wall = Wall(mode=Mode.OFF)
    wall.wallbox.most_a = 10
    assert wall.post("/settings?mode=1&override_current=120") == {"mode": "1", "override_current": "Value not allowed!"}
    assert wall.asked == [{"override": Override.CHARGE}]
    assert wall.look("settings.override_current") == 0


@pytest.mark.parametrize(("mode", "override"), [(4, Override.STOP), (1, Override.CHARGE)])
def test_mode_and_current_outlive_the_cable(mode: int, override: Override) -> None:
    wall = Wall()
    wall.post("/settings?mode=1&override_current=90")
    wall.post(f"/settings?mode={mode}")
    wall.become(**FORGOTTEN)
    assert (wall.look("mode_id"), wall.look("settings.override_current"), wall.look("evse.state_id")) == (mode, 90, 0)
    before = len(wall.asked)
    wall.become(**FORGOTTEN)
    assert len(wall.asked) == before
    wall.become(**PLUGGED)
    assert wall.asked[before:] == [{"override": override, "amps_a": 9}]
    wall.become(**PLUGGED)
    assert len(wall.asked) == before + 1


def test_it_does_not_follow_the_car_to_another_place() -> None:
    wall = Wall()
    wall.post("/settings?mode=1&override_current=90")
    wall.become(**FORGOTTEN)
    before = len(wall.asked)
    for elsewhere in ({"is_here": False}, {"is_here": True, "vehicle": make_vehicle(is_at_fast_charger=True)}):
        wall.become(**{**PLUGGED, **CHARGING, **elsewhere})
        assert (wall.look("car_connected"), wall.look("evse.state_id")) == (False, 0)
        assert wall.look("ev_meter.import_active_power") == 0
        wall.post("/settings?mode=4")
        wall.post("/settings?mode=1")
    assert len(wall.asked) == before


def test_what_others_wish_is_shown_and_not_overruled() -> None:
    wall = Wall()
    wall.post("/settings?mode=4")
    before = len(wall.asked)
    version = wall.wallbox.loadpoint("carport").version
    wall.become(override=Override.CHARGE, override_by="tlwb", amps_asked_a=11, version=version + 1)
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (1, 110)
    wall.become(override=Override.NONE, override_by=None, version=version + 2)
    assert wall.look("mode_id") == 2
    wall.become(mode=Mode.NOW, version=version + 3)
    assert wall.look("mode_id") == 1
    wall.become(mode=Mode.OFF, version=version + 4)
    assert wall.look("mode_id") == 4
    wall.become(amps_asked_a=48, version=version + 5)
    assert wall.look("settings.override_current") == 0
    assert len(wall.asked) == before
    wall.become(override=Override.STOP, override_by="tlwb", version=version + 6)
    assert wall.look("mode_id") == 4


def test_what_others_start_stop_or_limit_ends_with_the_cable() -> None:
    """As the gateway has it: the next car finds the box as its own clients left it."""
    wall = Wall(**{**PLUGGED, "mode": Mode.PV})
    version = wall.wallbox.loadpoint("carport").version
    wall.become(override=Override.STOP, override_by="car_app", amps_asked_a=10, version=version + 1)
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (4, 100)
    wall.become(**FORGOTTEN)
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (2, 0)
    before = len(wall.asked)
    wall.become(**PLUGGED)
    assert len(wall.asked) == before
    # what its own clients set is told again, although somebody stopped it and took the current away meanwhile
    wall.post("/settings?mode=1&override_current=80")
    version = wall.wallbox.loadpoint("carport").version
    wall.become(override=Override.STOP, override_by="car_app", amps_asked_a=None, version=version + 1)
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (4, 0)
    wall.become(**FORGOTTEN)
    before = len(wall.asked)
    wall.become(**PLUGGED)
    assert wall.asked[before:] == [{"override": Override.CHARGE, "amps_a": 8}]
    # a client that says the same as somebody else before makes it the box's own
    version = wall.wallbox.loadpoint("carport").version
    wall.become(override=Override.STOP, override_by="car_app", amps_asked_a=10, version=version + 1)
    wall.post("/settings?mode=4&override_current=100")
    wall.become(**FORGOTTEN)
    before = len(wall.asked)
    wall.become(**PLUGGED)
    assert wall.asked[before:] == [{"override": Override.STOP, "amps_a": 10}]


def test_a_reboot_forgets_the_current_that_somebody_else_has_taken_away() -> None:
    wall = Wall(**{**PLUGGED, "mode": Mode.OFF})
    wall.post("/settings?mode=1&override_current=80")
    version = wall.wallbox.loadpoint("carport").version
    wall.become(amps_asked_a=10, version=version + 1)
    wall.post("/reboot")
    wall.become()
    wall.become(**FORGOTTEN)
    wall.become(**PLUGGED)
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (1, 0)


@pytest.mark.parametrize("is_stopped_while_away", [False, True])
def test_what_is_lent_outlives_a_restart(*, is_stopped_while_away: bool) -> None:
    async def main() -> None:
        wall = Wall(**{**PLUGGED, "mode": Mode.OFF})
        following = asyncio.create_task(wall.box.follow())
        wall.post("/settings?mode=3&override_current=90")
        version = wall.wallbox.loadpoint("carport").version
        stop = {"override": Override.STOP, "override_by": "tlwb", "amps_asked_a": 12, "version": version + 1}
        if not is_stopped_while_away:
            wall.become(**stop)
        await wall.wallbox.notebook("box").saved.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        if is_stopped_while_away:
            wall.wallbox.change("carport", **stop)
        wall.box = wall.again()
        assert (wall.look("mode_id"), wall.look("settings.override_current")) == (4, 120)
        wall.become(**FORGOTTEN)
        assert (wall.look("mode_id"), wall.look("settings.override_current")) == (3, 90)

    run_in(VirtualTimeLoop, main())


def test_a_box_out_of_its_carton_begins_with_what_others_lent_it() -> None:
    wall = Wall(**{**PLUGGED, "mode": Mode.PV, "override": Override.STOP, "override_by": "tlwb", "amps_asked_a": 9})
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (4, 90)
    wall.become(**FORGOTTEN)
    assert (wall.look("mode_id"), wall.look("settings.override_current")) == (2, 0)


def test_an_older_firmware_knows_no_pause() -> None:
    wall = Wall({"profile": "3.6"})
    assert wall.post("/settings?mode=4") == {"mode": "Value not allowed!"}
    wall.become(override=Override.STOP, override_by="tlwb", version=9)
    assert (wall.look("mode"), wall.look("evse.access")) == ("OFF", False)


def test_phases_where_they_can_be_switched() -> None:
    wall = Wall(can_switch_phases=True, mode=Mode.OFF)
    assert wall.look("settings.enable_C2") == "Auto"
    assert wall.post("/settings?enable_C2=1") == {"settings": {"enable_C2": "Always Off"}}
    assert wall.asked == [{"phases": 1}]
    wall.post("/settings?mode=1")
    wall.become(**CHARGING)
    wall.post("/settings?enable_C2=3")
    assert len(wall.asked) == 2, "at the next start"
    wall.become(**PLUGGED, is_flowing=False)
    assert wall.asked[2:] == [{"phases": 3}]
    wall.become(phases_asked=1, version=20)
    assert wall.look("settings.enable_C2") == "Always Off"
    wall.post("/settings?enable_C2=2&mode=1")
    assert wall.asked[-1] == {"phases": 3}
    wall.post("/settings?mode=2")
    assert wall.asked[-1] == {"mode": Mode.PV, "override": Override.NONE, "phases": 1}


def test_phases_change_with_a_stop_that_is_taken_back_before_the_car_has_stopped() -> None:
    """evcc stops, sets the phases and starts again within the same second; a start is a start."""
    wall = Wall(can_switch_phases=True, mode=Mode.OFF)
    wall.post("/settings?mode=1")
    wall.become(**CHARGING, phases_asked=3, version=20)
    wall.post("/settings?enable_C2=1")
    assert wall.asked == [{"override": Override.CHARGE}], "no start yet"
    wall.post("/settings?mode=4")
    wall.post("/settings?mode=1")
    assert wall.asked[1:] == [{"override": Override.STOP, "phases": 1}, {"override": Override.CHARGE}]
    for told in ("mode=4", "enable_C2=3", "mode=1"):
        wall.post(f"/settings?{told}")
    assert wall.asked[3:] == [{"override": Override.STOP}, {"phases": 3}, {"override": Override.CHARGE}]


def test_a_car_that_charges_stops_for_phases_that_go_with_the_mode() -> None:
    wall = Wall(can_switch_phases=True, mode=Mode.OFF)
    wall.post("/settings?enable_C2=2&mode=2")
    wall.become(**CHARGING)
    wall.post("/settings?mode=1")
    assert wall.asked[-1] == {"override": Override.CHARGE, "phases": 3}
    wall.post("/settings?mode=3")
    wall.box.hear("Mode", "Solar")
    assert wall.asked[-1] == {"override": Override.NONE, "phases": 1}


@pytest.mark.parametrize("number", ["4", "1"])
def test_a_car_has_no_contactor(number: str) -> None:
    wall = Wall()
    assert wall.post(f"/settings?enable_C2={number}") == {"settings": {"enable_C2": "Not present"}}
    assert wall.post("/settings?enable_C2=9") is None
    wall.box.hear("EnableC2", "Auto")
    assert wall.look("settings.enable_C2") == "Not present"
    assert wall.asked == []


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("about", [{}, CHARGING, UNPLUGGED], ids=["waits", "charges", "away"])
def test_the_document_has_the_keys_order_and_types_of_its_firmware(profile: str, about: dict[str, Any]) -> None:
    wall = Wall({"profile": profile}, **about)
    answer = wall.box.get("/settings")
    assert answer is not None
    document = document_from_wire(document_to_wire(answer.reply))
    assert document is not None
    assert document.unknown_paths == document.odd_paths == frozenset()
    rows = rows_of(PROFILES[profile])
    assert rows_missing(document, rows) == frozenset()
    paths = [path for path, _ in leaves(answer.reply)]
    assert paths == [row.path for row in rows if row.path in paths]
    assert all(path in PATHS for path in paths)


def test_without_a_counterpart_it_says_what_the_sample_says() -> None:
    if not SAMPLE.is_file() and not os.environ.get("CI"):
        pytest.skip("the sample is not at hand (SUNBOX_SHARED)")
    sample = json.loads(SAMPLE.read_text("utf-8"))
    document = Wall(mode=Mode.OFF).box.get("/settings")
    assert document is not None
    for path in (
        "version",
        "wifi",
        "eth",
        "evse.temp",
        "evse.temp_max",
        "evse.rfidreader",
        "evse.rfid",
        "settings.current_min",
        "settings.current_max_circuit",
        "settings.solar_start_current",
        "settings.solar_stop_time",
        "settings.mains_meter",
        "ocpp",
        "ev_meter.description",
        "ev_meter.address",
        "backlight",
        "color",
    ):
        told, expected = document.reply, sample
        for name in path.split("."):
            told, expected = told[name], expected[name]
        assert told == expected, path


def test_charging_is_told_as_it_is() -> None:
    wall = Wall(**CHARGING)
    assert (wall.look("evse.state"), wall.look("evse.pwm"), wall.look("evse.nrofphases")) == ("Charging", 221, 1)
    assert wall.look("settings.charge_current") == 130
    assert wall.look("ev_meter.currents") == {"TOTAL": 130, "L1": 130, "L2": 0, "L3": 0}
    assert wall.look("ev_meter.import_active_power") == 3029
    assert wall.look("ev_meter.charged_wh") == 65_400
    wall.become(after_s=3600, energy_added_wh=65_500.0)
    assert wall.look("ev_meter.charged_wh") == 65_400 + 3029
    wall.become(after_s=0, **UNPLUGGED)
    assert wall.look("ev_meter.charged_wh") == 65_400 + 3029, "until the next car"
    assert wall.look("settings.charge_current") == 130
    wall.become(**{**PLUGGED, **CHARGING, "energy_added_wh": 100.0})
    assert wall.look("ev_meter.charged_wh") == 100
    assert wall.look("ev_meter.total_wh") == 65_400 + 3029 + 100


@pytest.mark.parametrize("code", sorted(ReasonCode))
@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4])
def test_never_off_while_it_is_switched_on(code: ReasonCode, mode: int) -> None:
    """evcc takes states 9 and 10 for disabled, and starts nothing when the mode already is its own."""
    wall = Wall(reason=Reason(code), mode=Mode.OFF)
    wall.post(f"/settings?mode={mode}")
    for charges in (False, True):
        wall.become(reason=Reason(code), set_point=SetPoint(charge=charges, amps_a=10 * charges))
        state, text = wall.look("evse.state_id"), wall.look("evse.state")
        assert state in {0: (9,), 4: (9,), 1: (1,), 3: (1,), 2: (1, 9)}[mode]
        assert text
        assert 0 <= wall.look("evse.error_id") <= 8
        assert wall.look("evse.pwm") == (1024 if state == 9 or not charges else 169)
    assert code in TEMPLATES


def test_currents_are_a_reading_of_the_site() -> None:
    wall = Wall()
    wall.post("/currents?battery_current=300")
    assert wall.wallbox.readings == []
    reply = wall.post("/currents?L1=83&L2=-20&L3=10")
    assert reply == {"original": {"L1": 83, "L2": -20, "L3": 10}, "L1": -17, "L2": -120, "L3": -90, "TOTAL": -227}
    assert wall.look("phase_currents.TOTAL") == -227, "in SOLAR what the battery takes is the car's"
    ((meter, reading),) = wall.wallbox.readings
    assert (meter, reading.grid_phases_a, reading.battery_w) == ("house", (8.3, -2.0, 1.0), -6900.0)
    assert reading.grid_w == pytest.approx(7.3 * 230)
    assert reading.measured_at == wall.wallbox.site.at
    wall.become(after_s=61)
    wall.box.hear("MainsMeter", "10:20:30")
    assert wall.wallbox.readings[-1][1].battery_w is None, "after 60 s it is not known any more"
    assert wall.look("phase_currents.original_data") == {"TOTAL": 60, "L1": 10, "L2": 20, "L3": 30}
    for bad in ("L1=1&L2=2", "", "L1=1"):
        assert wall.post(f"/currents?{bad}") is None
    assert len(wall.wallbox.readings) == 2


def test_what_no_mains_carry_is_shown_and_is_no_reading_of_the_site() -> None:
    wall = Wall()
    for told in ("L1=30000&L2=1&L3=1", "L1=1&L2=-2000&L3=1"):
        reply = wall.post(f"/currents?{told}")
        assert reply["TOTAL"] == sum(int(part.partition("=")[2]) for part in told.split("&"))
    assert wall.look("phase_currents.original_data.L2") == -2000
    assert wall.wallbox.readings == []
    assert wall.post("/currents?battery_current=-327680&L1=1&L2=1999&L3=1")["battery_current"] == -327680
    ((_, reading),) = wall.wallbox.readings
    assert (reading.grid_phases_a, reading.battery_w) == ((0.1, 199.9, 0.1), None)


@pytest.mark.parametrize("word", ["", "unavailable", "None", "nan", "-"])
def test_a_word_is_answered_as_0_and_is_no_measurement(word: str) -> None:
    """Home Assistant's templates write such words while a meter is away; the device takes them for 0 A."""
    wall = Wall({"ev_meter": "house"})
    wall.post("/currents?battery_current=-100")
    reply = wall.post(f"/currents?battery_current={word}&L1={word}&L2=1&L3=1")
    assert (reply["battery_current"], reply["original"]) == (0, {"L1": 0, "L2": 1, "L3": 1})
    assert wall.post(f"/ev_meter?L1=1&L2={word}&L3=1")["ev_meter"]["currents"]["TOTAL"] == 2
    wall.post("/ev_meter?L1=1&L2=99999&L3=1")
    wall.box.hear("HomeBatteryCurrent", word)
    assert wall.wallbox.readings == []
    assert wall.look("home_battery.current") == -100
    wall.post("/currents?L1=-0&L2=1.6&L3=%202")
    ((_, reading),) = wall.wallbox.readings
    assert (reading.grid_phases_a, reading.battery_w) == ((0.0, 0.1, 0.2), 2300.0)


@pytest.mark.parametrize(
    ("own", "has_other", "name"),
    [
        ({"mains_meter": None}, True, "Custom"),
        ({"mains_meter": None}, False, "API"),
        ({"mains_meter": "none"}, False, "Disabled"),
        ({"mains_meter": "none"}, True, "Custom"),
        ({"mains_meter": "api"}, True, "API"),
        ({"mains_meter": "house"}, True, "API"),
    ],
)
def test_who_tells_the_mains(own: dict[str, Any], has_other: bool, name: str) -> None:
    wall = Wall(own, has_other_meter=has_other, mode=Mode.OFF)
    assert wall.look("settings.mains_meter") == name
    assert (wall.post("/currents?L1=1&L2=2&L3=3") is None) == (name != "API")
    assert wall.post("/settings?mode=3") == {"mode": "3"}
    assert wall.look("mode_id") == (0 if name == "Disabled" else 3), "without a meter it stays as it is"


def test_what_a_meter_of_the_car_tells_is_shown_for_64_seconds() -> None:
    wall = Wall({"ev_meter": "house"}, **CHARGING)
    energies = "import_active_power=700&import_active_energy=5000&export_active_energy=10"
    reply = wall.post(f"/ev_meter?L1=10&L2=11&L3=12&{energies}")
    assert reply["ev_meter"]["currents"]["TOTAL"] == 33
    assert wall.wallbox.readings[0][0] == "house"
    told = wall.look("ev_meter")
    assert (told["currents"]["L3"], told["import_active_power"], told["total_wh"]) == (12, 700, 4990)
    wall.become(after_s=65)
    assert wall.look("ev_meter.currents.L1") == 130
    assert wall.look("ev_meter.import_active_power") == 3029
    deaf = Wall({"ev_meter": "none"})
    assert deaf.post(f"/ev_meter?L1=1&L2=1&L3=1&{energies}") is None
    assert deaf.look("ev_meter.description") not in ("", "Disabled", "API")


def test_the_modem_is_an_opt_in() -> None:
    shut = Wall()
    assert shut.box.post("/modem", {"pwm": "100"}) is None
    assert shut.post("/settings?override_pwm=100") is None
    shut.box.hear("CPPWMOverride", "100")
    assert shut.asked == []
    wall = Wall({"modem": True}, mode=Mode.OFF)
    wall.post("/settings?mode=1")
    for told, asked in (
        ("/modem?pwm=500", {"amps_a": 30}),
        ("/modem?pwm=99", {"override": Override.STOP, "amps_a": 32}),
        ("/modem?override_pwm=102", {"override": Override.CHARGE, "amps_a": 6}),
        ("/modem?override_pwm=0", {"override": Override.STOP, "amps_a": 32}),
        ("/modem?override_pwm=1024", None),
        ("/modem?override_pwm=-1", {"override": Override.CHARGE}),
    ):
        before = len(wall.asked)
        wall.post(told)
        assert wall.asked[before:] == ([] if asked is None else [asked]), told
        assert wall.look("mode_id") == 1


def test_a_main_fuse_is_the_limit_of_the_mains() -> None:
    wall = Wall()
    assert wall.look("settings.current_main") == 200, "nothing holds it to less"
    box = LoadpointBox(wall.wallbox, wall.own, main_fuse_a=35)
    assert wall.look("settings.current_main", box) == 35


def test_power_day_is_the_mains_by_quarters() -> None:
    wall = Wall()
    wall.become(after_s=1800)
    wall.wallbox.site = replace(wall.wallbox.site, grid_w=2000.0)
    for _ in range(30):
        wall.become(after_s=60)
    answer = wall.box.get("/power_day")
    assert answer is not None
    rows = answer.reply["power_day"]
    assert len(rows) == 96
    assert rows[-1]["power"] == 2000
    assert rows[0]["power"] == 0


def test_it_goes_on_where_it_was() -> None:
    async def main() -> None:
        wall = Wall(mode=Mode.OFF)
        following = asyncio.create_task(wall.box.follow())
        wall.post("/settings?mode=3&override_current=90&stop_timer=8")
        wall.post("/color_off?R=9&G=8&B=7")
        await wall.wallbox.notebook("box").saved.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        before = len(wall.asked)
        again = wall.again()
        assert (wall.look("mode_id", again), wall.look("settings.override_current", again)) == (3, 90)
        assert (wall.look("color.off", again), wall.look("settings.solar_stop_time", again)) == (
            {"R": 9, "G": 8, "B": 7},
            8,
        )
        # somebody else's word in the meantime counts
        wall.wallbox.change("carport", override=Override.STOP, override_by="tlwb", version=99)
        later = wall.again()
        assert (wall.look("mode_id", later), wall.look("color.off.R", later)) == (4, 9)
        assert len(wall.asked) == before

    run_in(VirtualTimeLoop, main())


def test_a_full_disk_stops_nothing() -> None:
    async def main() -> None:
        wall = Wall()
        wall.wallbox.notebook("box").fails = StoreError("full")
        following = asyncio.create_task(wall.box.follow())
        wall.post("/settings?stop_timer=8")
        await asyncio.sleep(20)
        assert not following.done()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    run_in(VirtualTimeLoop, main())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["/settings", "/currents", "/ev_meter", "/color_smart", "/cablelock", "/rfid", "/modem", "/reboot"]
            ),
            st.dictionaries(
                st.sampled_from(
                    [
                        "mode",
                        "override_current",
                        "enable_C2",
                        "L1",
                        "L2",
                        "L3",
                        "R",
                        "G",
                        "B",
                        "pwm",
                        "override_pwm",
                        "battery_current",
                        "starttime",
                        "import_active_energy",
                        "import_active_power",
                        "export_active_energy",
                        "current_min",
                        "backlight",
                        "stop_timer",
                        "capacity_mode",
                        "intervals",
                        "mqtt_update",
                        "mqtt_host",
                    ]
                ),
                st.sampled_from(
                    ["", "0", "1", "2", "3", "4", "-1", "80", "160.0", "9" * 30, "abc", "2099-01-01T00:00", "[]"]
                )
                | st.text(max_size=12),
                max_size=6,
            ),
            st.sampled_from([0.0, 1.0, 70.0]),
        ),
        max_size=6,
    )
)
def test_whatever_is_posted_is_answered(told: list[tuple[str, dict[str, str], float]]) -> None:
    wall = Wall({"modem": True})
    for path, parameters, after_s in told:
        answer = wall.box.post(path, parameters)
        assert answer is not None
        document_to_wire(answer.reply)
        wall.become(after_s=after_s)
        found = wall.box.get("/settings")
        assert found is not None
        document = document_from_wire(document_to_wire(found.reply))
        assert document is not None
        assert document.odd_paths == frozenset()
    count = len(wall.asked)
    wall.become()
    wall.become()
    assert len(wall.asked) <= count + 1, "it comes to rest"


def test_a_duty_that_is_given_back_leaves_the_mode_as_it_was() -> None:
    wall = Wall({"modem": True}, mode=Mode.MIN_PV)
    wall.post("/modem?pwm=200")
    assert wall.asked == [{"override": Override.CHARGE, "amps_a": 12}]
    wall.post("/modem?override_pwm=-1")
    assert wall.asked[1:] == [{"override": Override.NONE, "amps_a": 32}]
    assert wall.wallbox.loadpoint("carport").mode is Mode.MIN_PV


def test_what_is_turned_down_is_asked_again_when_the_charger_can_do_more() -> None:
    wall = Wall(mode=Mode.OFF)
    wall.post("/settings?override_current=120&mode=1")
    wall.become(**FORGOTTEN)
    wall.wallbox.most_a = 8
    before = len(wall.asked)
    wall.become(**PLUGGED)
    wall.become(**PLUGGED)
    assert len(wall.asked) == before
    wall.wallbox.most_a = 32
    wall.become(max_a=32)
    assert wall.asked[before:] == [{"override": Override.CHARGE, "amps_a": 12}]


def test_who_starts_it_elsewhere_waits_for_no_start_time_and_who_stops_it_does() -> None:
    wall = Wall(mode=Mode.OFF)
    later = (wall.wallbox.site.at + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    wall.post(f"/settings?mode=1&starttime={later}")
    waits = wall.look("settings.starttime")
    assert waits > 0
    version = wall.wallbox.loadpoint("carport").version
    wall.become(override=Override.NONE, override_by=None, version=version + 1)
    wall.become(override=Override.STOP, override_by="tlwb", version=version + 2)
    assert (wall.look("settings.starttime"), wall.look("mode_id")) == (waits, 0)
    wall.become(override=Override.CHARGE, override_by="tlwb", version=version + 3)
    assert (wall.look("settings.starttime"), wall.look("mode_id")) == (0, 1)


def test_a_second_box_shows_what_the_first_is_fed() -> None:
    wall = Wall()
    wall.wallbox.site = replace(wall.wallbox.site, grid_w=690.0, is_grid_stale=False)
    assert wall.look("phase_currents.TOTAL") == 30
    wall.post("/currents?L1=10&L2=0&L3=0")
    assert wall.look("phase_currents.original_data.L1") == 10


def test_terms_of_others_are_shown_as_nearly_as_the_box_can_and_not_overruled() -> None:
    wall = Wall()
    others = Terms(min_a=8, start_w=1000.0, import_w=100.0, stop_after_s=90.0, grid_max_w=100.0, grid_grace_s=3.0)
    wall.become(terms=others, version=7)
    assert wall.look("settings.current_min") == 8
    shown = [wall.look(f"settings.solar_{name}") for name in ("start_current", "max_import", "stop_time")]
    assert shown == [4, 0, 2]
    assert wall.look("settings.current_max_sum_mains") == 10
    assert wall.asked == []
    wall.post("/settings?stop_timer=3")
    assert wall.asked == [
        {"terms": Terms(min_a=8, start_w=920.0, stop_after_s=180.0, grid_max_w=2300.0, grid_grace_s=60.0)}
    ]
    wall.become(terms=Terms(), version=9)
    assert wall.asked[1:] == []
    wall.post("/settings?solar_max_import=3")
    assert wall.asked[1:] == [{"terms": Terms(import_w=690.0)}], "what was lifted is no wish any more"


def test_terms_outlive_a_restart_and_the_last_word_counts() -> None:
    async def main() -> None:
        wall = Wall()
        following = asyncio.create_task(wall.box.follow())
        wall.post("/settings?stop_timer=8&solar_start_current=10")
        await wall.wallbox.notebook("box").saved.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert len(wall.asked) == 1
        again = wall.again()
        again.look()
        assert (wall.look("settings.solar_stop_time", again), wall.look("settings.solar_start_current", again)) == (
            8,
            10,
        )
        assert len(wall.asked) == 1
        wall.wallbox.change("carport", terms=Terms(stop_after_s=120.0), version=99)
        later = wall.again()
        later.look()
        assert (wall.look("settings.solar_stop_time", later), len(wall.asked)) == (2, 1)

    run_in(VirtualTimeLoop, main())


def test_a_minimum_that_the_gateway_does_not_take_is_not_allowed() -> None:
    wall = Wall()
    wall.wallbox.least_most_a = 13
    assert wall.post("/settings?current_min=14&stop_timer=5") == {
        "current_min": "Value not allowed!",
        "stop_timer": True,
    }
    assert wall.look("settings.current_min") == 6
    assert wall.asked == [{"terms": Terms(stop_after_s=300.0)}]


def test_normal_lifts_the_limit_of_the_mains_and_smart_sets_it_again() -> None:
    wall = Wall()
    wall.post("/settings?current_max_sum_mains=20&max_sum_mains_timer=1")
    wall.post("/settings?mode=1")
    wall.post("/settings?mode=3")
    limit = Terms(grid_max_w=4600.0, grid_grace_s=60.0)
    assert [row.get("terms") for row in wall.asked] == [limit, Terms(), limit]
    assert wall.look("settings.current_max_sum_mains") == 20


def test_currents_per_phase_are_shown_as_measured() -> None:
    wall = Wall()
    wall.wallbox.site = replace(wall.wallbox.site, grid_w=690.0, grid_phases_a=(4.04, -1.0, 0.0), grid_age_s=1.0)
    wall.box.look()
    assert [wall.look(f"phase_currents.L{number}") for number in (1, 2, 3)] == [40, -10, 0]
