"""The box over a loadpoint, by a wallbox in memory: what becomes a request, what is refused, what outlives the cable and what not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallbox_double import AT, CHARGING, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.model import ChargerStatus, Mode, Override
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import Accepted, Rejected, Request, SetPoint
from sunbox.dialects.goe.readout import COMPUTED
from sunbox.dialects.goe.table import KEYS
from sunbox.dialects.goe.times import local_offset_min, zone_values
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox
from sunbox.faces.goe.loadpoint_box import BY
from sunbox.faces.goe.translation import MODE_VALUES, mode_of, serial_of

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

    most_a = 32

    def request(self, request: Request) -> Accepted | Rejected:
        if request.amps_a is not None and request.amps_a > self.most_a:
            return Rejected("amps_a", str(request.amps_a), f"6 to {self.most_a}")
        return super().request(request)


class Wall:
    """A box, and the wallbox behind it."""

    def __init__(self, profile: str = "055", **loadpoint: Any) -> None:
        self.wallbox = Picky(make_loadpoint(**loadpoint))
        own = GoeFaceSettings.model_validate({"port": 5001, "profile": profile})
        self.box = LoadpointBox(self.wallbox, own, ZoneInfo("Europe/Berlin"))

    def get(self, *names: str) -> Any:
        values = self.box.read(names).values
        return values[names[0]] if len(names) == 1 else tuple(values[name] for name in names)

    def set(self, **keys: Any) -> dict[str, bool | str]:
        return self.box.set(tuple((name, json.dumps(value)) for name, value in keys.items()))

    def become(self, after_s: float = 5.0, **changes: Any) -> None:
        self.wallbox.change("carport", **changes)
        self.wallbox.site = replace(self.wallbox.site, at=self.wallbox.site.at + timedelta(seconds=after_s))
        self.box.look()

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The fields of every request so far."""
        names = ("mode", "override", "amps_a")
        rows = ({name: getattr(request, name) for name in names} for request in self.wallbox.requests)
        return [{name: value for name, value in row.items() if value is not None} for row in rows]


ASKED = [
    ({"frc": 2}, [{"override": Override.CHARGE}]),
    ({"frc": 1}, [{"override": Override.STOP}]),
    ({"frc": 0}, [{"override": Override.NONE}]),
    ({"amp": 10}, [{"amps_a": 10}]),
    ({"amp": 10, "ama": 8}, [{"amps_a": 8}]),
    ({"tcl": 6}, [{"amps_a": 6}]),
    ({"lmo": 3}, [{"mode": Mode.NOW}]),
    ({"lmo": 4}, []),
    ({"acp": False}, [{"mode": Mode.MIN_PV}]),
    ({"fup": False}, [{"mode": Mode.OFF}]),
    ({"acs": 1}, [{"override": Override.STOP}]),
    ({"acs": 1, "trx": 0}, []),
    ({"acs": 1, "lmo": 3, "frc": 2, "trx": 0}, [{"mode": Mode.NOW, "override": Override.CHARGE}]),
    ({"psm": 1, "fna": "Wall", "lbr": 20, "cid": "#102030", "clp": [8, 10]}, []),
    ({"ids": {"pGrid": -800}}, []),
    ({"dwo": 5000}, []),
]


@pytest.mark.parametrize(("told", "asked"), ASKED, ids=[str(told) for told, _ in ASKED])
def test_what_a_bundle_asks_for(told: dict[str, Any], asked: list[dict[str, Any]]) -> None:
    wall = Wall()
    assert wall.set(**told) == dict.fromkeys(told, True)
    assert wall.asked == asked
    assert {request.by for request in wall.wallbox.requests} <= {BY}
    told = told if "ids" not in told else {"pgrid": -800}
    assert wall.box.read(told).values == told
    wall.box.look()
    assert wall.asked == asked, "it asks once"


def test_what_the_gateway_turns_down_is_the_keys_own_answer() -> None:
    wall = Wall()
    wall.wallbox.most_a = 20
    answers = wall.set(amp=25, frc=2)
    assert answers == {"amp": "amp: failed: Value 25 is not allowed: 6 to 20 (25)", "frc": True}
    assert wall.asked == [{"override": Override.CHARGE}]
    assert wall.get("amp", "frc") == (16, 2)


@pytest.mark.parametrize(("force", "override"), [(1, Override.STOP), (2, Override.CHARGE)])
def test_frc_and_amp_outlive_the_cable(force: int, override: Override) -> None:
    wall = Wall()
    wall.set(frc=force, amp=9)
    alw = wall.get("alw")
    assert alw is (force == 2)
    wall.become(**FORGOTTEN)
    assert wall.get("car", "frc", "amp", "alw") == (1, force, 9, alw)
    before = len(wall.asked)
    wall.become(**FORGOTTEN)
    assert len(wall.asked) == before
    wall.become(**PLUGGED)
    assert wall.asked[before:] == [{"override": override, "amps_a": 9}]
    wall.become(**PLUGGED)
    assert len(wall.asked) == before + 1


def test_it_begins_with_what_the_gateway_remembers() -> None:
    wall = Wall(**{**CHARGING, "override": Override.CHARGE, "override_by": BY, "amps_asked_a": 9, "mode": Mode.MIN_PV})
    assert wall.get("frc", "amp", "car", "lmo", "fup", "acp") == (2, 9, 2, 4, True, False)
    assert wall.asked == []
    wall.become(**FORGOTTEN)
    wall.become(**PLUGGED)
    assert wall.asked == [{"override": Override.CHARGE, "amps_a": 9}]


def test_it_does_not_follow_the_car_to_another_place() -> None:
    wall = Wall()
    wall.set(frc=2, amp=9)
    wall.become(**FORGOTTEN)
    before = len(wall.asked)
    for elsewhere in (
        {"is_here": False},
        {"is_here": True, "vehicle": make_vehicle(is_at_fast_charger=True)},
    ):
        wall.become(**{**PLUGGED, **CHARGING, **elsewhere})
        assert wall.get("car", "nrg")[0] == 1
        assert wall.get("nrg")[11] == 0
        assert wall.set(frc=1) == {"frc": True}
        assert wall.set(frc=2) == {"frc": True}
    assert len(wall.asked) == before
    wall.become(**UNPLUGGED)
    wall.become(**PLUGGED)
    assert wall.asked[before:] == [{"override": Override.CHARGE, "amps_a": 9}]


def test_what_others_wish_is_shown_and_not_overruled() -> None:
    wall = Wall()
    wall.set(frc=1, amp=9)
    before = len(wall.asked)
    version = wall.wallbox.loadpoint("carport").version
    wall.become(override=Override.CHARGE, override_by="tlwb", amps_asked_a=20, version=version + 1)
    assert wall.get("frc", "amp", "alw") == (2, 20, True)
    wall.become(override=Override.NONE, override_by=None, version=version + 2)
    assert wall.get("frc") == 0
    wall.become(mode=Mode.NOW, version=version + 3)
    assert wall.get("lmo", "alw") == (3, True)
    assert len(wall.asked) == before
    # a start of somebody else ends with the cable, as the gateway has it
    wall.become(override=Override.CHARGE, override_by="tlwb", version=version + 4)
    wall.become(**FORGOTTEN)
    assert wall.get("frc") == 0
    wall.become(**PLUGGED)
    assert len(wall.asked) == before


def test_amps_that_nobody_asked_for_are_the_most_that_there_are() -> None:
    wall = Wall(max_a=13)
    assert wall.get("amp", "cbl") == (13, 13)
    wall.become(max_a=48)
    assert wall.get("amp", "ama") == (32, 32)
    wall.become(amps_asked_a=5, version=9)
    assert wall.get("amp") == 6
    assert wall.asked == []


def test_charging_is_told_as_it_is() -> None:
    wall = Wall(**CHARGING)
    nrg = wall.get("nrg")
    assert nrg[:3] == [233, 0, 0]
    assert nrg[4:7] == [13, 0, 0]
    assert (len(nrg), nrg[11]) == (16, 3029)
    assert wall.get("car", "alw", "acu", "pnp", "modelStatus", "err") == (2, True, 13, 1, 12, 0)
    assert wall.get("pha") == [True, False, False, True, False, False]
    assert wall.get("wh") == 65_400
    assert wall.get("eto") == 65_400
    wall.become(3600, draw_w=3000.0)
    assert wall.get("wh") == pytest.approx(68_429)
    assert wall.get("cdi") == {"type": 0, "value": 3_600_000}
    assert wall.get("rbt") == 3_600_000


def test_three_phases() -> None:
    wall = Wall(**{**CHARGING, "phases": 3, "draw_w": 9087.0})
    nrg = wall.get("nrg")
    assert (nrg[4:7], nrg[7:10], nrg[11]) == ([13, 13, 13], [3029, 3029, 3029], 9087)
    assert wall.get("pnp") == 3
    wall.set(psm=1)
    assert wall.get("psm", "pnp") == (1, 3)


def test_a_cable_that_was_out_between_two_looks_begins_a_session() -> None:
    wall = Wall(**CHARGING)
    wall.become(600)
    assert wall.get("wh") > 65_000
    wall.become(**{**PLUGGED, "is_flowing": False, "has_started": False, "draw_w": 0.0, "energy_added_wh": 0.0})
    assert wall.get("wh", "car") == (0, 3)
    assert wall.get("eto") > 65_000


def test_a_fault() -> None:
    wall = Wall(status=ChargerStatus.F)
    assert wall.get("car", "err") == (5, 12)
    assert wall.get("alw") is False


@pytest.mark.parametrize("mode", Mode)
def test_modes_there_and_back(mode: Mode) -> None:
    assert mode_of({"fup": True, "acp": True, **MODE_VALUES[mode]}) is mode


def test_serials() -> None:
    assert serial_of("carport") == serial_of("carport") != serial_of("garage")
    for name in ("a", "ö", "x" * 64, ""):
        assert len(serial_of(name)) == 6


@pytest.mark.parametrize(
    ("zone", "values"),
    [
        ("Europe/Berlin", {"tof": 60, "tds": 1}),
        ("Europe/London", {"tof": 0, "tds": 1}),
        ("America/New_York", {"tof": -300, "tds": 2}),
        ("Australia/Sydney", {"tof": 600, "tds": 3}),
        ("Asia/Kolkata", {"tof": 330, "tds": 0}),
        ("UTC", {"tof": 0, "tds": 0}),
    ],
)
def test_zones(zone: str, values: dict[str, int]) -> None:
    assert zone_values(ZoneInfo(zone), 2026) == values
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    assert local_offset_min(at, values["tof"], values["tds"]) * 60 == offset.total_seconds()


def test_times_are_parsed_by_strict_clients() -> None:
    utc, loc = Wall().get("utc", "loc")
    assert datetime.fromisoformat(utc).replace(tzinfo=UTC) == AT
    assert datetime.fromisoformat(loc.replace(" ", "")) == AT


PIECES = st.tuples(
    st.sampled_from([key.name for key in KEYS]) | st.text(max_size=5),
    st.integers(-2, 40).map(str)
    | st.sampled_from(["null", "true", "false", '"x"', "[]", "{}", "1e999", '{"pGrid":1}', "["]),
)
LIVES = st.lists(
    st.lists(PIECES, max_size=6)
    | st.sampled_from([UNPLUGGED, FORGOTTEN, PLUGGED, CHARGING, {"is_here": False}, {"is_here": True}]),
    max_size=12,
)


@given(LIVES)
def test_whatever_comes_it_is_answered_and_its_values_are_json(life: list[Any]) -> None:
    wall = Wall()
    wall.wallbox.most_a = 20
    for each in life:
        if isinstance(each, dict):
            wall.become(**each)
            continue
        before = wall.box.read().values
        asked = len(wall.asked)
        answers = wall.box.set(each)
        assert set(answers) == {name for name, _ in each}
        assert len(wall.asked) - asked <= 1
        told = wall.box.read().values
        for name, answer in answers.items():
            if answer is not True and name in told and name not in COMPUTED:
                assert told[name] == before[name], "what was refused is as it was"
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert told["car"] in (1, 2, 3, 4, 5)
        assert 6 <= told["amp"] <= 32
    assert all(request.amps_a is None or 6 <= request.amps_a <= 20 for request in wall.wallbox.requests)
