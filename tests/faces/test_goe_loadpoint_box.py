"""The box over a loadpoint, by a wallbox in memory: what becomes a request, what is refused, what outlives the cable and what not."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallbox_double import AT, CHARGING, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.model import ChargerStatus, MeterReading, Mode, Override
from sunbox.core.reasons import TEMPLATES, Reason, ReasonCode, ReasonKind
from sunbox.core.wallbox import Accepted, Rejected, Request, SetPoint
from sunbox.dialects.goe.flash import KEPT
from sunbox.dialects.goe.readout import COMPUTED
from sunbox.dialects.goe.reasons import WORDS
from sunbox.dialects.goe.table import BY_NAME, KEYS
from sunbox.dialects.goe.times import local_offset_min, zone_values
from sunbox.dialects.goe.wire import fits
from sunbox.dialects.goe.words import CHARGING_STATUSES, WIDELY_KNOWN_STATUSES
from sunbox.errors import StoreError
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox
from sunbox.faces.goe.loadpoint_box import BY
from sunbox.faces.goe.translation import MODE_VALUES, mode_of, serial_of
from sunbox.simulator.clock import VirtualTimeLoop, run_in

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
        names = ("mode", "override", "amps_a", "phases")
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
    starting = {"set_point": SetPoint(charge=True, amps_a=16), "reason": Reason(ReasonCode.STARTING)}
    wall.become(mode=Mode.NOW, version=version + 3, **starting)
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


def test_phases_are_asked_for_where_they_can_be_switched() -> None:
    wall = Wall(can_switch_phases=True)
    assert wall.get("psm") == 0
    for psm, phases in ((1, 1), (2, 3), (0, 0)):
        assert wall.set(psm=psm) == {"psm": True}
        assert (wall.asked[-1], wall.get("psm")) == ({"phases": phases}, psm)
    wall.become(phases_asked=1, version=9)
    assert wall.get("psm") == 1
    begun = Wall(can_switch_phases=True, phases_asked=3)
    assert begun.get("psm") == 2


def test_phases_are_switched_without_a_car_too() -> None:
    wall = Wall(**{**UNPLUGGED, "can_switch_phases": True})
    wall.set(psm=1, amp=9)
    assert wall.asked == [{"phases": 1}]


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


# Why it charges or not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("charges", [False, True])
@pytest.mark.parametrize("mode", [Mode.NOW, Mode.PV])
@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_has_a_word_that_strict_clients_know(code: ReasonCode, mode: Mode, charges: bool) -> None:
    goal = SetPoint(charge=charges, amps_a=10 if charges else 0)
    wall = Wall(mode=mode, set_point=goal, reason=Reason(code))
    status, alw, acu = wall.get("modelStatus", "alw", "acu")
    assert status in {*range(21), 22, 23, 24}
    assert alw is (status in CHARGING_STATUSES)
    assert (acu is None) is not alw
    kind = TEMPLATES[code].kind
    if kind is ReasonKind.CHARGING:
        assert alw, "what charges is allowed to"
    if kind is ReasonKind.STOPPED or (not charges and kind is not ReasonKind.CHARGING):
        assert not alw or code in (
            ReasonCode.OTHER_MANAGER,
            ReasonCode.CAR_IDLE,
        )  # who is offered current and takes none
    # what was told here comes before what the loadpoint says
    wall.set(frc=1)
    assert wall.get("modelStatus", "alw") == (4, False)
    wall.set(frc=2)
    assert wall.get("modelStatus", "alw") == (3, True)
    wall.set(acs=1, trx=None)
    assert wall.get("modelStatus", "alw") == (2, False)


def test_the_table_has_every_reason() -> None:
    assert WORDS.keys() >= set(ReasonCode)
    said = {each for words in WORDS.values() for each in (words.offered, words.held)}
    assert said <= WIDELY_KNOWN_STATUSES


def test_a_change_of_word_has_its_instant() -> None:
    wall = Wall()
    assert wall.get("modelStatus") == 17
    before = wall.get("lmsc")
    wall.become(7, reason=Reason(ReasonCode.SURPLUS_STARTING))
    assert wall.get("modelStatus") == 24
    assert wall.get("lmsc") == before + 7000


# What it keeps --------------------------------------------------------------------------------------------------------


def written(wall: Wall) -> Any:
    return json.loads(json.dumps(wall.box._document(), allow_nan=False))


def again(wall: Wall, document: Any, profile: str = "055", **changes: Any) -> Wall:
    """A box over the same wallbox, started with a document."""
    new = Wall(profile)
    new.wallbox.site = wall.wallbox.site
    if changes:
        new.wallbox.change("carport", **changes)
    notebook = new.wallbox.notebook("goe")
    notebook.text = json.dumps(document)
    own = GoeFaceSettings.model_validate({"port": 5001, "profile": profile})
    new.box = LoadpointBox(new.wallbox, own, ZoneInfo("Europe/Berlin"), notebook)
    return new


def test_settings_cards_and_counters_outlive_a_restart() -> None:
    wall = Wall(**CHARGING)
    told: dict[str, Any] = {
        "fna": "Wand \N{SNOWMAN}", "cid": "#102030", "lbr": 20, "clp": [8, 10], "ust": 2, "bac": 1, "dwo": 90000, "acs": 1,
        "trx": 2, "tof": 120, "sch_week": {"control": 1, "ranges": [{"begin": {"hour": 1, "minute": 0}, "end": {"hour": 2, "minute": 0}}] * 2},
        "wifis": [{}, {"ssid": "home", "key": "s3cret-text", "useStaticIp": True}], "cards": [{"name": "Ada"}, {"name": "Bo", "energy": 7}],
        "amp": 9, "frc": 2, "lmo": 4, "cak": "s3cret-text", "mcu": "mqtt://me:s3cret-text@broker", "mhe": True, "psm": 1,
    }  # fmt: skip
    assert all(answer is True for answer in wall.set(**told).values())
    wall.become(3600)
    document = written(wall)
    assert "s3cret-text" not in json.dumps(document)
    new = again(wall, document)
    before, after = wall.box.read().values, new.box.read().values
    moving = {"rbt", "rbc", "scaa", "lmsc", "lccfi", "lcctc", "tab", "tpa", "alwt", "lccfc", "mcca"}
    assert {key for key in before if before[key] != after[key]} <= moving
    assert after["rbc"] == before["rbc"] + 1
    assert new.asked == []


def test_a_wish_that_waits_for_the_cable_outlives_a_restart() -> None:
    wall = Wall()
    wall.set(frc=1, amp=9)
    wall.become(**FORGOTTEN)
    assert (wall.get("frc"), wall.wallbox.loadpoint("carport").override) == (1, Override.NONE)
    new = again(wall, written(wall))
    assert new.get("frc", "amp", "alw") == (1, 9, False)
    new.become(**PLUGGED)
    assert new.asked == [{"override": Override.STOP, "amps_a": 9}]


def test_what_was_wished_of_the_gateway_meanwhile_counts() -> None:
    wall = Wall()
    wall.set(frc=1, amp=9)
    document = written(wall)
    version = wall.wallbox.loadpoint("carport").version
    elsewhere: dict[str, Any] = {
        "override": Override.CHARGE,
        "override_by": "api",
        "amps_asked_a": 12,
        "mode": Mode.NOW,
    }
    new = again(wall, document, **elsewhere, version=version + 1)
    assert new.get("frc", "amp", "lmo", "alw") == (2, 12, 3, True)
    assert new.asked == []


def test_a_stop_by_the_energy_limit_is_no_frc_after_a_restart() -> None:
    wall = Wall(**CHARGING)
    wall.set(dwo=100)
    assert wall.wallbox.loadpoint("carport").override is Override.STOP
    new = again(wall, written(wall))
    assert new.get("frc", "modelStatus") == (0, 6)
    new.set(dwo=None)
    assert new.asked[-1] == {"override": Override.NONE}


def test_another_session_begins_at_nothing() -> None:
    wall = Wall(**CHARGING)
    wall.become(3600)
    document = written(wall)
    eto = wall.get("eto")
    new = again(wall, document, energy_added_wh=500.0)
    assert (new.get("wh"), new.get("eto")) == (500, eto + 500)
    unplugged = again(wall, document, **UNPLUGGED)
    assert (unplugged.get("car"), unplugged.get("eto")) == (1, eto)


DAMAGED: list[Any] = [
    {},
    [],
    {"version": 2, "settings": {"amp": 9}},
    {"version": "1"},
    {"version": 1, "settings": 7, "cards": {"a": 1}, "counters": [], "car": None, "wish": "x"},
    {
        "version": 1,
        "settings": {"amp": 99, "fna": 7, "cid": "red", "wifis": [{"ssid": 1}], "sch_week": {}, "nope": 1, "car": 2},
    },
    {
        "version": 1,
        "settings": {"cak": "a text", "clp": None, "lot": "x", "trx": 99, "frc": True, "lmo": 5.5, "mcu": 1},
    },
    {"version": 1, "cards": [None, {"name": 1, "energy_wh": "x"}, {"name": "x" * 999, "energy_wh": -1}] * 20},
    {"version": 1, "counters": {"total_wh": -1, "session_wh": True, "boots": 1e300, "charge_s": None, "most_w": "1"}},
    {"version": 1, "wish": {"version": 3, "owed": ["amps_a", 5, "x"], "told_a": "x"}},
    {"version": 1, "wish": {"version": 3, "owed": 5, "told_a": None}},
]


@pytest.mark.parametrize("document", DAMAGED, ids=lambda each: json.dumps(each)[:60])
def test_a_damaged_document_stops_nothing(document: Any) -> None:
    wall = Wall()
    if not isinstance(document, dict):
        document = {"version": document}
    new = again(wall, document)
    told = new.box.read().values
    fresh = wall.box.read().values
    assert told.keys() == fresh.keys()
    assert {key for key in told if told[key] != fresh[key]} <= {"rbc"}


@given(st.dictionaries(st.sampled_from(KEPT), st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70_000) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ssid", "key", "amp", "control", "ranges"]), inner, max_size=3),
    max_leaves=6), max_size=12))  # fmt: skip
def test_whatever_a_document_says_the_box_works(settings: dict[str, Any]) -> None:
    wall = Wall()
    new = again(wall, {"version": 1, "settings": settings, "wish": {"version": 3}})
    told = new.box.read().values
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert all(fits(BY_NAME[key], value) for key, value in told.items())
    assert again(new, written(new)).box.read(KEPT).values == new.box.read(KEPT).values
    new.set(frc=2, amp=8)
    assert new.get("frc", "amp") == (2, 8)


def test_other_firmware_leaves_out_what_it_does_not_have() -> None:
    wall = Wall()
    wall.set(bac=1, fna="Here", psm=0)
    assert again(wall, written(wall), profile="60.5-core").get("fna") == "Here"
    assert again(wall, written(wall), profile="051").get("fna", "psm") == ("Here", 2)


def test_it_writes_soon_what_was_told_and_rarely_what_is_counted() -> None:
    async def main() -> None:
        wall = Wall(**CHARGING)
        notebook = wall.wallbox.notebook("goe")
        wall.box = LoadpointBox(wall.wallbox, GoeFaceSettings(port=5001), None, notebook)
        following = asyncio.create_task(wall.box.follow())
        await asyncio.sleep(6)
        before = notebook.saves
        wall.set(lbr=20)
        wall.set(lbr=21)
        await asyncio.sleep(5.5)
        assert notebook.saves == before + 1
        assert notebook.load()["settings"]["lbr"] == 21
        for _ in range(50):
            wall.become(1)
            await asyncio.sleep(1)
        assert notebook.saves <= before + 2
        notebook.fails = StoreError("the disk is full")
        wall.set(lbr=22)
        await asyncio.sleep(10)
        notebook.fails = None
        wall.set(lbr=23)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert notebook.load()["settings"]["lbr"] == 23, "at the end all of it is written"

    run_in(VirtualTimeLoop, main())


# Surplus from outside -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "pushed"),
    [
        ({"lmo": 4, "fup": True}, True),
        ({"lmo": 3}, False),
        ({"lmo": 4, "fup": False}, False),
    ],
)
def test_ids_is_a_meter_while_charging_follows_the_sun(keys: dict[str, Any], pushed: bool) -> None:
    wall = Wall()
    wall.box = LoadpointBox(wall.wallbox, GoeFaceSettings(port=5001, surplus_meter="house"))
    ids = {"pGrid": -1500.5, "pPv": -3, "pAkku": -200}
    assert wall.set(ids=ids, **keys) == {"ids": True, **dict.fromkeys(keys, True)}
    assert wall.get("pgrid", "ppv", "pakku") == (-1500.5, -3, -200)
    reading = MeterReading(measured_at=wall.wallbox.site.at, grid_w=-1500.5, pv_w=0.0, battery_w=-200.0)
    assert wall.wallbox.readings == ([("house", reading)] if pushed else [])


def test_ids_of_the_grid_alone_and_a_meter_that_is_gone() -> None:
    wall = Wall()
    wall.box = LoadpointBox(wall.wallbox, GoeFaceSettings(port=5001, surplus_meter="house"))
    assert wall.set(ids={"pGrid": 5}) == {"ids": True}
    assert [reading.pv_w for _, reading in wall.wallbox.readings] == [None]
    wall.box = LoadpointBox(wall.wallbox, GoeFaceSettings(port=5001, surplus_meter="gone"))
    assert wall.set(ids={"pGrid": 5}) == {"ids": True}
