"""The box by truth tables: may it charge and why, with how much, what `car` is, and what outlives what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.dialects.goe.box import Box
from sunbox.dialects.goe.decide import STATUS_ROWS, Behind, Case, Pause, decide_status, may_charge
from sunbox.dialects.goe.profiles import PROFILES, STANDARD, fault_from_wire, fault_to_wire
from sunbox.dialects.goe.state import DEVICE, LOADPOINT, BoxState, Conduct, Identity, first_state
from sunbox.dialects.goe.times import is_scheduled, local_offset_min
from sunbox.dialects.goe.words import WIDELY_KNOWN_STATUSES, Car, Fault, ModelStatus, PhaseMode

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)  # a Monday, 12:00 in Berlin
PLUGGED = Behind(is_plugged=True, cable_a=32)
FLOWING = replace(PLUGGED, is_charging=True, amps_a=(10.0, 10.0, 10.0), closed=(True, True, True))
GONE = Behind()


class Bench:
    """A box that is told things and lives on."""

    def __init__(self, conduct: Conduct = DEVICE, profile: str = "055", behind: Behind = PLUGGED, **who: Any) -> None:
        self.box = Box(PROFILES[profile], conduct)
        self.state: BoxState = first_state(AT, Identity(**who))
        self.live(0, behind)

    def live(self, seconds: float, behind: Behind | None = None) -> Bench:
        at = self.state.at + timedelta(seconds=seconds)
        self.state = self.box.advanced(self.state, behind or self.state.behind, at)
        return self

    def set(self, **settings: str) -> Bench:
        judged = self.box.judge(self.state, settings.items())
        assert judged.is_good, judged.answers
        self.state = self.box.settle(self.state, judged.good)
        return self

    def __getitem__(self, name: str) -> Any:
        return self.box.read(self.state, (name,)).values[name]

    def __call__(self, *names: str) -> tuple[Any, ...]:
        return tuple(self[name] for name in names)


NIGHT = '{"control":1,"ranges":[{"begin":{"hour":22,"minute":0},"end":{"hour":6,"minute":0}},{"begin":{"hour":0,"minute":0},"end":{"hour":0,"minute":0}}]}'
DAY = NIGHT.replace('"control":1', '"control":2')

REASONS: list[tuple[dict[str, str], dict[str, Any], int, bool]] = [
    ({}, {}, 15, True),
    ({"frc": "1"}, {}, 4, False),
    ({"frc": "2"}, {}, 3, True),
    ({"acs": "1"}, {}, 2, False),
    ({"acs": "1", "frc": "2"}, {}, 2, False),
    ({"acs": "1", "trx": "0"}, {}, 15, True),
    ({"acs": "1", "trx": "3", "frc": "2"}, {}, 3, True),
    ({"acs": "1", "trx": "0", "frc": "1"}, {}, 4, False),
    ({"dwo": "0"}, {}, 6, False),
    ({"dwo": "0", "frc": "2"}, {}, 6, False),
    ({"dwo": "5000"}, {}, 15, True),
    ({"sch_week": NIGHT}, {}, 5, False),
    ({"sch_week": NIGHT, "frc": "2"}, {}, 3, True),
    ({"sch_week": DAY}, {}, 14, True),
    ({"sch_satur": NIGHT}, {}, 15, True),
    ({"lmo": "4"}, {}, 17, False),
    ({"lmo": "4", "fup": "true"}, {}, 17, False),
    ({"lmo": "4", "fup": "true"}, {"eco": ModelStatus.PV_SURPLUS}, 12, True),
    ({"lmo": "4", "acp": "false"}, {}, 17, False),
    ({"lmo": "4", "awe": "true"}, {"eco": ModelStatus.PRICE_LOW}, 7, True),
    ({"lmo": "4", "frc": "2"}, {}, 3, True),
    ({"lmo": "3", "fup": "true"}, {}, 15, True),
    ({"lmo": "5"}, {}, 10, True),
    ({"lmo": "5", "ate": "0"}, {}, 18, False),
    ({"lmo": "5", "sch_week": NIGHT}, {}, 5, False),
    ({}, {"is_plugged": None}, 0, False),
    ({"frc": "2"}, {"fault": Fault.GROUND_INVALID}, 0, False),
    ({"frc": "2"}, {"temperature_limit_a": 0}, 1, False),
    ({"frc": "2"}, {"pause": Pause.PHASE_SWITCH}, 23, False),
    ({"frc": "2"}, {"pause": Pause.SIMULATED_UNPLUG}, 22, False),
    ({"frc": "2"}, {"pause": Pause.MIN_PAUSE}, 3, True),
    ({}, {"pause": Pause.MIN_PAUSE}, 24, False),
    ({"frc": "1"}, {"pause": Pause.PHASE_SWITCH}, 4, False),
    ({"acs": "2"}, {}, 2, False),
]


@pytest.mark.parametrize(("settings", "behind", "status", "allowed"), REASONS)
def test_why_it_may_charge(settings: dict[str, str], behind: dict[str, Any], status: int, allowed: bool) -> None:
    # told first, plugged in then: a transaction of before lasts a minute without a car
    bench = Bench(behind=GONE).set(**settings).live(1, replace(PLUGGED, **behind))
    if "acp" in settings:
        assert may_charge(bench.state.status) == allowed  # it was not charging: nothing to go on with
    assert bench("modelStatus", "alw") == (status, allowed)
    assert bench["acu"] == (16 if allowed else None)
    offer = bench.box.offer(bench.state)
    assert (offer.is_allowed, offer.amps_a, int(offer.status)) == (allowed, 16 if allowed else 0, status)


def test_charging_that_may_not_pause_goes_on() -> None:
    bench = Bench(behind=FLOWING).set(acp="false").set(lmo="4")
    assert bench("modelStatus", "alw") == (20, True)
    assert Bench(behind=FLOWING).set(lmo="4")("modelStatus", "alw") == (17, False)


def test_a_fault_is_told_in_the_words_of_the_generation() -> None:
    broken = replace(PLUGGED, fault=Fault.OVERTEMPERATURE)
    assert Bench(behind=broken)("modelStatus", "err", "car") == (0, 13, 5)
    assert Bench(profile="60.3", behind=broken)("modelStatus", "err", "car") == (26, 16, 5)


@given(
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0, 1]),
    st.sampled_from([None, 0, 1]),
    st.sampled_from([3, 4, 5]),
    st.booleans(),
    st.sampled_from([None, 0.0, 100.0]),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, ModelStatus.PV_SURPLUS, ModelStatus.PRICE_LOW]),
    st.sampled_from([None, *Pause]),
)
def test_every_case_has_its_reason(
    frc: int,
    acs: int,
    trx: int | None,
    lmo: int,
    acp: bool,
    dwo: float | None,
    scheduled: bool | None,
    eco: ModelStatus | None,
    pause: Pause | None,
) -> None:
    values = {**first_state(AT).values, "frc": frc, "acs": acs, "trx": trx, "lmo": lmo, "acp": acp, "dwo": dwo}
    case = Case(
        values=values,
        behind=replace(PLUGGED, eco=eco, pause=pause),
        session_wh=50,
        scheduled=scheduled,
        was_allowed=True,
    )
    status = decide_status(case)
    assert status in WIDELY_KNOWN_STATUSES
    allowed = may_charge(status)
    if frc == 1 or (acs and trx is None) or dwo == 0.0:
        assert not allowed
    elif frc == 2:
        assert allowed == (pause in {None, Pause.MIN_PAUSE})


def test_each_row_of_the_table_is_reached_by_a_case_here() -> None:
    reached = {status for _, _, status, _ in REASONS} | {20, 26}
    assert {int(row.status) for row in STATUS_ROWS} == reached


# --- amps ------------------------------------------------------------------------------------------------------------

LIMITS: list[tuple[dict[str, str], dict[str, Any], int | None]] = [
    ({"amp": "32"}, {}, 32),
    ({"amp": "32", "ama": "20"}, {}, 20),
    ({"amp": "32"}, {"cable_a": 13}, 13),
    ({"amp": "32"}, {"temperature_limit_a": 10}, 10),
    ({"amp": "32"}, {"has_adapter": True}, 16),
    ({"amp": "32", "tcl": "8"}, {}, 8),
    ({"amp": "32", "loe": "true"}, {"load_limit_a": 7}, 7),
    ({"amp": "32"}, {"load_limit_a": 7}, 32),
    ({"amp": "32"}, {"surplus_limit_a": 9}, 9),
    ({"amp": "6"}, {"surplus_limit_a": 9}, 6),
    ({"amp": "32", "tcl": "0"}, {}, None),
]


@pytest.mark.parametrize(("settings", "behind", "acu"), LIMITS)
def test_the_least_limit_holds(settings: dict[str, str], behind: dict[str, Any], acu: int | None) -> None:
    bench = Bench(behind=replace(PLUGGED, **behind)).set(**settings)
    assert bench["acu"] == acu
    assert bench.box.offer(bench.state).amps_a == (acu or 0)


def test_a_temporary_limit_lasts_ten_minutes_unless_renewed() -> None:
    bench = Bench().set(amp="20", tcl="8").live(599)
    assert bench("tcl", "acu", "amp") == (8, 8, 20)
    bench.set(tcl="9").live(599)
    assert bench["acu"] == 9
    assert bench.live(1)("tcl", "acu") == (None, 20)


def test_with_11_kw_it_never_offers_more_than_16_a() -> None:
    bench = Bench(variant=11)
    assert bench("var", "ama", "acu") == (11, 16, 16)
    assert max(bench["clp"]) == 16


# --- car -------------------------------------------------------------------------------------------------------------

CARS = [
    ((GONE,), Car.IDLE),
    ((PLUGGED,), Car.WAIT_CAR),
    ((PLUGGED, FLOWING), Car.CHARGING),
    ((PLUGGED, FLOWING, PLUGGED), Car.COMPLETE),
    ((FLOWING, GONE, PLUGGED), Car.WAIT_CAR),
    ((FLOWING, replace(PLUGGED, pause=Pause.PHASE_SWITCH)), Car.COMPLETE),
    ((FLOWING, replace(PLUGGED, pause=Pause.SIMULATED_UNPLUG)), Car.IDLE),
    ((FLOWING, replace(PLUGGED, pause=Pause.SIMULATED_UNPLUG), PLUGGED), Car.COMPLETE),
    ((replace(PLUGGED, fault=Fault.PHASE),), Car.ERROR),
    ((replace(PLUGGED, is_plugged=None),), None),
]


@pytest.mark.parametrize(("course", "car"), CARS)
def test_the_state_of_the_car(course: tuple[Behind, ...], car: Car | None) -> None:
    bench = Bench(behind=GONE)
    for behind in course:
        bench.live(5, behind)
    assert bench["car"] == car
    if car is None:
        assert bench["err"] is None


# --- unplug, boot, cards ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conduct", "frc", "alw"), [(DEVICE, 0, True), (LOADPOINT, 1, False)], ids=["device", "loadpoint"]
)
def test_the_wish_after_unplugging(conduct: Conduct, frc: int, alw: bool) -> None:
    bench = Bench(conduct, behind=FLOWING).set(frc="1").live(5, PLUGGED)
    assert bench("frc", "alw", "car") == (1, False, 4)
    assert bench.live(5, GONE)("frc", "alw", "car") == (frc, alw, 1)


def test_a_transaction_ends_with_its_car_or_after_a_minute_without() -> None:
    bench = Bench(behind=GONE).set(acs="1", trx="0").live(59)
    assert bench["trx"] == 0
    assert bench.live(2)("trx", "alw") == (None, False)
    bench.set(trx="2").live(30, PLUGGED).live(500)
    assert bench("trx", "alw") == (2, True)
    assert bench.live(1, GONE)["trx"] is None


def test_energy_is_counted_per_session_for_ever_and_by_card() -> None:
    bench = Bench(behind=GONE).live(10, PLUGGED).set(acs="1", trx="2").live(10, FLOWING).live(3600, PLUGGED)
    assert bench["wh"] == pytest.approx(6900)
    assert (bench["eto"], bench["cards"][1]["energy"], bench["cards"][0]["energy"]) == (6900, 6900, 0)
    assert bench["cdi"] == {"type": 1, "value": 3_600_000}
    assert bench.live(60, GONE)["wh"] == pytest.approx(6900)  # until the next car
    assert bench.live(60, PLUGGED)("wh", "eto") == (0, 6900)
    core = Bench(profile="60.5-core", behind=FLOWING).live(60).live(0, GONE)
    assert core["wh"] == 0


def test_what_is_counted_behind_it_is_shown_as_it_is() -> None:
    counted = replace(FLOWING, session_wh=1234.5678, total_wh=98_765.4, powers_w=(1000.0, 0.0, 0.0))
    bench = Bench(behind=counted).live(3600)
    assert bench("wh", "eto") == (1234.568, 98_765)
    assert bench["nrg"][7:12] == [1000, 0, 0, 0, 1000]


def test_when_things_happened() -> None:
    bench = Bench(behind=GONE).live(5, PLUGGED).live(5, FLOWING).live(20, PLUGGED)
    assert bench("lccfi", "lcctc", "lccfc", "rbt") == (5000, 10_000, 30_000, 30_000)
    assert bench["lfspt"] is None
    bench.live(5, replace(FLOWING, closed=(True, False, False)))
    assert bench["lfspt"] == 35_000


@pytest.mark.parametrize(("conduct", "boots", "frc"), [(DEVICE, 2, 0), (LOADPOINT, 1, 1)])
def test_told_to_boot(conduct: Conduct, boots: int, frc: int) -> None:
    bench = Bench(conduct).set(frc="1", amp="12", tcl="8").live(100).set(rst="true")
    assert bench("rbc", "frc", "amp") == (boots, frc, 12)
    assert (bench["rbt"] == 0) == (boots == 2)
    assert bench["tcl"] == (None if boots == 2 else 8)


def test_a_loadpoint_does_not_simulate_unplugging_and_keeps_its_api() -> None:
    device, loadpoint = Bench(DEVICE).set(su="true", hai="false"), Bench(LOADPOINT).set(su="true", hai="false")
    assert (device["su"], loadpoint["su"]) == (True, False)
    assert device("hai") == loadpoint("hai") == (False,)
    assert not device.box.has_api(device.state, "hai")
    assert loadpoint.box.has_api(loadpoint.state, "hai")
    assert device.box.has_api(device.state, "hla")
    assert device.live(1, replace(PLUGGED, pause=Pause.SIMULATED_UNPLUG))["su"] is False


def test_cards_are_learned_used_and_cleared() -> None:
    bench = Bench(behind=GONE).set(acs="1")
    bench.state = bench.box.with_card(bench.state, "CAFE01")
    assert bench("lrc", "trx") == (None, None)
    bench.set(lrn="3", cards='[{},{},{},{"name":"Ada"}]').live(5, PLUGGED)
    assert bench["cards"][3] == {"name": "Ada", "energy": 0, "cardId": True}
    bench.state = bench.box.with_card(bench.state, "CAFE01")
    assert bench("lrc", "trx", "alw") == (3, 4, True)
    bench.state = bench.box.with_card(bench.state, "CAFE01")
    assert bench("trx", "alw") == (None, False)
    bench.set(**{"del": "3"})
    assert bench["cards"][3] == {"name": "n/a", "energy": 0, "cardId": False}
    assert "CAFE01" not in str(bench.box.read(bench.state).values)


def test_cards_by_their_own_keys() -> None:
    bench = Bench(profile="60.3").set(c1n='"Bob"', c1e="1500", c1i='"CAFE02"')
    assert bench("c1n", "c1e", "c1i") == ("Bob", 1500, True)
    assert bench["cards"][1] == {"name": "Bob", "energy": 1500, "cardId": True}


def test_networks_are_merged_entry_by_entry_and_forgotten() -> None:
    bench = Bench().set(wifis='[{"ssid":"one","key":"1"},{"ssid":"two","key":"2"}]')
    bench.set(wifis='[{},{"ssid":"second"}]')
    assert [(wifi["ssid"], wifi["key"]) for wifi in bench["wifis"][:3]] == [
        ("one", True),
        ("second", True),
        ("", False),
    ]
    bench.set(delw="0")
    assert [(wifi["ssid"], wifi["key"]) for wifi in bench["wifis"][:2]] == [("", False), ("second", True)]
    bench.set(wifis='[{},{"key":true}]')  # as it reads: nothing new
    assert bench["wifis"][1]["key"] is True
    assert bench.set(wifis='[{},{"key":""}]')["wifis"][1]["key"] is False
    told = bench["wifis"]
    told[1]["staticIp"] = "10.0.0.9"
    assert bench["wifis"][1]["staticIp"] == "0.0.0.0"  # noqa: S104 - what is read is nobody's to change


def test_the_button_goes_through_the_presets_unless_locked() -> None:
    bench = Bench().set(clp="[16,8,20,32]", ama="20", amp="8")
    seen = []
    for _ in range(3):
        bench.state = bench.box.with_button(bench.state)
        seen.append(bench["amp"])
    assert seen == [16, 20, 8]
    for lock, moves in ((0, False), (1, False), (2, True), (3, True)):
        bench.set(bac=str(lock), amp="8")
        bench.state = bench.box.with_button(bench.state)
        assert (bench["amp"] == 16) == moves
    assert bench["lbp"] == 0


def test_surplus_is_shown_for_ten_seconds() -> None:
    bench = Bench().set(ids='{"pGrid":-1234,"pPv":2000.5,"pAkku":0}')
    assert bench.live(10)("pgrid", "ppv", "pakku", "inva") == (-1234, 2000.5, 0, 10_000)
    assert bench.live(1)("pgrid", "ppv", "pakku") == (None, None, None)


@pytest.mark.parametrize("profile", PROFILES)
def test_time_that_goes_back_changes_nothing(profile: str) -> None:
    bench = Bench(profile=profile, behind=FLOWING).live(100)
    before = bench.box.read(bench.state).values
    assert bench.live(-50).box.read(bench.state).values == before


def test_how_it_is_cut_into_steps_does_not_matter() -> None:
    long, short = Bench(behind=FLOWING).live(600), Bench(behind=FLOWING)
    for _ in range(600):
        short.live(1)
    assert short["wh"] == pytest.approx(long["wh"])
    assert short["tpa"] == pytest.approx(long["tpa"], abs=0.2)


@pytest.mark.parametrize("serial", ["", "12345", "1234567", "12345a", "１２３４５６"])
def test_a_serial_has_six_digits(serial: str) -> None:
    with pytest.raises(ValueError, match="6 digits"):
        Identity(serial=serial)


def test_a_variant_is_11_or_22() -> None:
    with pytest.raises(ValueError, match="11 or 22"):
        Identity(variant=16)


# --- time ------------------------------------------------------------------------------------------------------------

OFFSETS = [
    (1, "2024-03-31T00:59", 60),
    (1, "2024-03-31T01:00", 120),
    (1, "2024-10-27T00:59", 120),
    (1, "2024-10-27T01:00", 60),
    (0, "2024-07-01T00:00", 60),
    (2, "2024-03-10T00:59", 60),
    (2, "2024-03-10T01:00", 120),
    (2, "2024-11-02T23:59", 120),
    (2, "2024-11-03T00:00", 60),
    (3, "2024-01-15T00:00", 120),
    (3, "2024-06-15T00:00", 60),
    (9, "2024-07-01T00:00", 60),
]


@pytest.mark.parametrize(("tds", "at", "offset_min"), OFFSETS)
def test_daylight_saving(tds: int, at: str, offset_min: int) -> None:
    assert local_offset_min(datetime.fromisoformat(at).replace(tzinfo=UTC), 60, tds) == offset_min


def test_times_are_iso_and_agree() -> None:
    bench = Bench()
    assert bench("utc", "loc") == ("2024-06-17T10:00:00.000000", "2024-06-17T12:00:00.000000 +02:00")
    assert bench["tab"] + bench["rbt"] + bench["lto"] == (AT.timestamp() + 7200) * 1000
    assert bench.set(tof="-210", tds="0")["loc"] == "2024-06-17T06:30:00.000000 -03:30"


SCHEDULE_TIMES = [
    (NIGHT, "2024-06-17T21:59", False),
    (NIGHT, "2024-06-17T22:00", True),
    (NIGHT, "2024-06-17T05:59", True),
    (NIGHT, "2024-06-17T06:00", False),
    (DAY, "2024-06-17T12:00", True),
    (DAY, "2024-06-17T23:00", False),
]


@pytest.mark.parametrize(("schedule", "wall", "allows"), SCHEDULE_TIMES)
def test_the_scheduler(schedule: str, wall: str, allows: bool) -> None:
    bench = Bench().set(sch_week=schedule)
    assert is_scheduled(bench.state.values, datetime.fromisoformat(wall)) is allows
    assert is_scheduled(bench.state.values, datetime.fromisoformat("2024-06-16T12:00")) is None  # a Sunday


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "firmware", "fault"),
    [
        (0, (53, 1), Fault.NONE),
        (8, (53, 1), Fault.GROUND_INVALID),
        (8, None, Fault.GROUND_INVALID),
        (12, (53, 1), Fault.UNKNOWN),
        (12, (59, 4), Fault.LOCK_STUCK_OPEN),
        (16, (60, 3), Fault.OVERTEMPERATURE),
        (16, (55, 0), Fault.LOCK_STUCK_LOCKED),
        (12, None, None),
        (23, (60, 3), Fault.RDC_SELF_TEST),
        (23, (55, 0), None),
        (99, (60, 3), None),
    ],
)
def test_both_lists_of_faults(number: int, firmware: tuple[int, int] | None, fault: Fault | None) -> None:
    assert fault_from_wire(number, firmware) is fault


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_number_in_every_generation(profile: Any, fault: Fault) -> None:
    number = fault_to_wire(fault, profile.firmware)
    assert fault_from_wire(number, profile.firmware) in {fault, Fault.UNKNOWN}


def test_the_offer_tells_the_phases() -> None:
    assert [Bench().set(psm=str(mode)).box.offer(Bench().set(psm=str(mode)).state).phase_mode for mode in range(3)] == [
        PhaseMode.AUTO,
        PhaseMode.ONE,
        PhaseMode.THREE,
    ]
    assert STANDARD.name == "055"
