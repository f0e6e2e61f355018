"""Chargers: they are read all the time, told the wish, told it again when they forget, and believed when they measure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tests.core.bench import (
    BOX,
    BOX_S,
    NOON,
    WALLBOX,
    Bench,
    Box,
    Car,
    Ending,
    after_s,
    settings_of,
)

from sunbox.core.charger import IDLE_S, SILENT_S
from sunbox.core.charger import facts_of as facts_from
from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.draw import draw_at
from sunbox.core.effects import Remember
from sunbox.core.events import ChargerRead
from sunbox.core.model import ChargerReading, ChargerStatus, Charging, Mode, Override, Session
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import Capabilities, CircuitSettings, LoadpointSettings, Settings, as_own_chargers
from sunbox.core.snapshot import snapshot
from sunbox.core.wallbox import Pending

START, STOP, AMPS, PHASES = CommandName.START, CommandName.STOP, CommandName.SET_AMPS, CommandName.SET_PHASES
GARAGE = LoadpointSettings(id="garage", name="Garage", charger_id="box")
A, B, C, E, F = ChargerStatus.A, ChargerStatus.B, ChargerStatus.C, ChargerStatus.E, ChargerStatus.F


def box_settings(capabilities: Capabilities = WALLBOX, **changes: object) -> Settings:
    loadpoint = replace(GARAGE, **changes)  # type: ignore[arg-type]
    chargers = (replace(BOX, capabilities=capabilities),)
    return settings_of(vehicles=(), loadpoints=(loadpoint,), chargers=chargers)


def box_bench(box: Box | None = None, settings: Settings | None = None, **changes: object) -> Bench:
    given = {"settings": settings or box_settings(), "cars": {"none": Car(is_plugged=False)}, **changes}
    bench = Bench(boxes={"box": box or Box(told=False)}, **given)  # type: ignore[arg-type]
    bench.advance(1)
    return bench


def told(bench: Bench) -> list[tuple[str, int | None]]:
    return [(command.name.value, command.value) for command in bench.commands(device_id="box")]


def reading(status: ChargerStatus | None = B, at_s: float = 0.0, **changes: object) -> ChargerReading:
    return ChargerReading(measured_at=after_s(at_s), status=status, **changes)  # type: ignore[arg-type]


def charging(box: Box | None = None, settings: Settings | None = None, pv_w: float = 5000.0) -> Bench:
    """Return a bench whose car charges from the sun at the charger."""
    bench = box_bench(box, settings, pv_w=pv_w)
    bench.until(lambda: bench.shown.is_flowing and bench.shown.pending is None)
    bench.advance(60)
    return bench


def test_the_sun_starts_follows_switches_phases_and_stops() -> None:
    bench = charging(pv_w=2500.0)
    assert told(bench) == [("set_phases", 1), ("set_amps", 9), ("start", None)]
    assert (bench.shown.draw_w, bench.shown.phases, bench.shown.status) == (9 * 230.0, 1, C)
    bench.pv_w = 9000.0
    bench.advance(600)
    assert (bench.boxes["box"].phases_set, bench.shown.phases) == (3, 3)
    assert bench.shown.draw_w == pytest.approx(12 * 3 * 230.0, abs=3 * 230)
    bench.pv_w = 300.0
    bench.advance(120)
    assert bench.boxes["box"].told is False
    assert (bench.shown.status, bench.shown.draw_w, bench.code) == (B, 0.0, ReasonCode.SURPLUS_LOW)
    assert bench.reads == []


def test_a_switch_of_phases_is_no_full_car_and_its_gap_is_no_draw() -> None:
    bench = charging(pv_w=9000.0)
    bench.pv_w = 2500.0
    bench.until(lambda: Command(PHASES, 1) in bench.commands(PHASES, "box"))
    before = len(bench.sent)
    for _ in range(60):
        bench.advance(1)
        assert bench.shown.reason.code in {ReasonCode.CHARGING_PV, ReasonCode.STARTING}
        assert draw_at(bench.state.vehicles["box"].steps, bench.at).low_w <= bench.boxes["box"].draw_w
    assert [command.name for _, _, command in bench.sent[before:]] == [AMPS]  # more of it, on the one phase
    assert bench.shown.is_flowing


@pytest.mark.parametrize("phases", [1, 3])
def test_phases_that_are_asked_for_stand_until_they_are_left_to_the_sun(phases: int) -> None:
    bench = charging(Box(told=False, phases_set=4 - phases))
    bench.ask(loadpoint_id="garage", phases=phases)
    bench.pv_w = 2500.0 if phases == 3 else 9000.0
    bench.advance(900)
    assert bench.boxes["box"].phases_set == phases
    assert (bench.shown.phases_asked, bench.shown.can_switch_phases) == (phases, True)
    bench.ask(loadpoint_id="garage", phases=0)
    bench.pv_w = 9000.0 if phases == 1 else 2500.0
    bench.advance(900)
    assert bench.boxes["box"].phases_set == 4 - phases
    assert bench.shown.phases_asked is None


@pytest.mark.parametrize(("wired", "asked", "phases"), [(1, None, 1), (1, 3, 1), (3, 1, 1), (3, None, 3), (None, 3, 3)])
def test_what_is_asked_is_no_more_than_what_is_wired(wired: int | None, asked: int | None, phases: int) -> None:
    bench = box_bench(Box(told=False), box_settings(phases=wired, mode=Mode.NOW))
    if asked is not None:
        bench.ask(loadpoint_id="garage", phases=asked)
    bench.advance(60)
    assert bench.shown.phases == phases


def test_a_box_that_cannot_switch_charges_on_what_it_has() -> None:
    bench = charging(Box(told=False, phases_set=None), box_settings(replace(WALLBOX, phase_switch=None)))
    assert bench.shown.phases == 3
    assert not bench.shown.can_switch_phases
    assert PHASES not in {command.name for command in bench.commands(device_id="box")}


def test_more_than_sixteen_amperes_of_a_box_say_nothing_of_the_cars_phases() -> None:
    able = replace(WALLBOX, max_a=32, phase_switch=None)
    bench = box_bench(Box(told=False, phases_set=None, max_a=32, amps_a=6), box_settings(able), pv_w=2500.0)
    bench.advance(120)
    assert told(bench) == []  # 6 A on three phases may be needed: the sun is too little for them


# What it forgets, and what others tell it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_an_empty_box_is_locked_unless_the_next_car_shall_charge_at_once(mode: Mode) -> None:
    bench = box_bench(Box(is_plugged=False), box_settings(mode=mode))
    bench.advance(20)
    assert told(bench) == ([] if mode is Mode.NOW else [("stop", None)])
    assert bench.code is ReasonCode.NOT_PLUGGED
    assert bench.shown.is_settled


def test_a_stop_is_told_again_after_the_cable_was_out() -> None:
    bench = box_bench(Box(told=False))
    box = bench.boxes["box"]
    box.unplug()
    bench.advance(10)
    box.plug()
    bench.advance(60)
    assert box.told is False
    assert bench.shown.override is Override.NONE
    assert box.energy_wh == 0.0


@pytest.mark.parametrize("runs", [True, False])
def test_what_a_reboot_made_it_forget_is_told_again_and_is_nobodys_hand(runs: bool) -> None:
    bench = charging() if runs else box_bench()
    box = bench.boxes["box"]
    box.reboot(bench.at)
    box.own_rule = not runs
    bench.advance(60)
    assert bench.shown.override is Override.NONE
    assert box.told is runs
    assert bench.shown.is_flowing is runs


def test_a_lost_word_is_told_again_and_is_nobodys_hand() -> None:
    bench = box_bench()
    bench.boxes["box"].told = None
    bench.advance(20)
    assert bench.boxes["box"].told is False
    assert bench.shown.override is Override.NONE


@pytest.mark.parametrize("runs", [True, False])
def test_a_hand_in_the_chargers_app_is_respected_until_it_is_unplugged(runs: bool) -> None:
    bench = charging() if runs else box_bench()
    box = bench.boxes["box"]
    box.told = not runs
    bench.advance(60)
    assert bench.shown.override is (Override.STOP if runs else Override.CHARGE)
    assert bench.shown.override_by == "the charger's own app"
    assert bench.shown.is_flowing is not runs
    box.unplug()
    bench.advance(10)
    assert bench.shown.override is Override.NONE


def test_a_hand_that_stops_it_is_seen_while_the_current_still_ends() -> None:
    """It says that it was told to stop before the car has let go: what is read next is no news any more."""
    bench = charging()
    box = bench.boxes["box"]
    box.told, box.status = False, ChargerStatus.C
    bench.advance(6)
    box.status = None
    bench.advance(60)
    assert (bench.shown.override, bench.shown.override_by) == (Override.STOP, "the charger's own app")
    assert box.told is False


def test_a_hand_that_starts_it_is_seen_while_it_still_waits() -> None:
    bench = box_bench()
    box = bench.boxes["box"]
    box.told, box.holds = True, "it waits before it goes on"
    bench.advance(20)
    box.holds = None
    bench.advance(60)
    assert (bench.shown.override, bench.shown.override_by) == (Override.CHARGE, "the charger's own app")
    assert bench.shown.is_flowing


def test_a_hand_that_stops_what_cannot_charge_counts_too() -> None:
    bench = charging()
    box = bench.boxes["box"]
    box.fault = "temperature high"
    bench.advance(20)
    box.told = False
    bench.advance(20)
    box.fault = None
    bench.advance(60)
    assert (bench.shown.override, bench.shown.override_by) == (Override.STOP, "the charger's own app")
    assert box.told is False


def test_who_sets_its_current_again_and_again_is_another_manager() -> None:
    bench = charging()
    for amps in (10, 8, 10):
        bench.advance(137)
        bench.boxes["box"].amps_a = amps
        bench.poll()
    bench.advance(30)
    assert bench.code is ReasonCode.OTHER_MANAGER


def test_a_box_with_a_reason_of_its_own_is_not_told_again_and_again() -> None:
    bench = charging()
    bench.boxes["box"].holds = "its limit of energy"
    before = len(bench.sent)
    bench.advance(120)
    assert len(bench.sent) == before
    assert bench.code is ReasonCode.CHARGER_HOLDS
    assert bench.shown.reason.numbers == {"why": "its limit of energy"}
    bench.boxes["box"].holds = None
    bench.advance(60)
    assert bench.shown.is_flowing


def test_who_goes_on_by_itself_after_holding_back_was_started_by_nobody() -> None:
    bench = charging()
    bench.boxes["box"].holds = "its own guard"
    bench.advance(30)
    bench.boxes["box"].holds = None
    bench.advance(30)
    assert bench.shown.is_flowing
    assert bench.shown.override is Override.NONE


class Follower(Box):
    """A box without a meter, whose car comes down some seconds after the offer."""

    before_a, left_s = 0.0, 0.0

    @property
    def current_a(self) -> float:
        return self.before_a if self.left_s > 0.0 else super().current_a

    def do(self, command: Command, at: datetime) -> tuple[Outcome, Cause | None]:
        if command.name is AMPS:
            self.before_a, self.left_s = self.current_a, 3.0
        return super().do(command, at)

    def pass_time(self, at: datetime, seconds: float) -> None:
        super().pass_time(at, seconds)
        self.left_s = max(0.0, self.left_s - seconds)


def test_a_car_that_comes_down_late_is_not_taken_for_the_house() -> None:
    """What a charger without a meter offers is not yet what flows."""
    settings = box_settings(mode=Mode.NOW)
    settings = replace(settings, site=replace(settings.site, main_fuse_a=25.0))
    settings = replace(settings, meters=(replace(settings.meters[0], interval_s=1.0),))
    box = Follower(told=False, has_meter=False)
    bench = box_bench(box, settings, pv_w=0.0, load_w=690.0)
    bench.until(lambda: bench.shown.is_flowing)
    bench.advance(60)
    assert box.amps_a == 16
    bench.load_w = 15 * 230.0
    for _ in range(60):
        bench.advance(1)
        bench.poll()
        assert bench.shown.set_point.charge
    assert box.current_a == 10
    assert bench.commands(STOP, "box") == []


def test_who_goes_on_by_itself_is_not_taken_for_the_house() -> None:
    settings = box_settings(mode=Mode.NOW)
    settings = replace(settings, site=replace(settings.site, main_fuse_a=25.0))
    bench = box_bench(settings=settings, pv_w=0.0, load_w=690.0)
    box = bench.boxes["box"]
    bench.until(lambda: bench.shown.is_flowing)
    box.holds = "its own guard"
    bench.advance(120)
    assert bench.code is ReasonCode.CHARGER_HOLDS
    before = len(bench.sent)
    box.holds, box.waits_s = None, 0.0
    assert box.current_a == 16
    bench.meter()  # before it says so itself
    assert (bench.shown.set_point.charge, bench.shown.set_point.amps_a) == (True, 16)
    bench.advance(60)
    assert len(bench.sent) == before


def test_why_a_box_holds_back_may_be_unsaid() -> None:
    bench = charging()
    bench.boxes["box"].holds = ""
    bench.advance(20)
    assert bench.shown.reason.numbers == {"why": "it does not say why"}


# What it cannot do, and what nobody knows ---------------------------------------------------------------------------------


def test_a_car_that_takes_nothing_is_not_asked_again_and_its_sun_is_the_others() -> None:
    bench = box_bench(Box(told=False, wants=False), pv_w=5000.0)
    bench.advance(60)
    assert bench.code is ReasonCode.STARTING
    bench.advance(IDLE_S)
    assert bench.code is ReasonCode.CAR_IDLE
    assert bench.shown.is_target_reached
    assert bench.boxes["box"].amps_a == 6  # it may begin at any moment
    before = len(bench.sent)
    bench.advance(600)
    assert len(bench.sent) == before
    bench.boxes["box"].wants = True
    bench.advance(120)
    assert bench.shown.is_flowing
    assert bench.shown.draw_w == pytest.approx(4700, abs=700)


def test_a_car_that_is_full_is_not_stopped_by_us_and_does_not_begin_under_clouds() -> None:
    bench = charging()
    bench.boxes["box"].wants = False
    bench.advance(IDLE_S + 30)
    assert bench.code is ReasonCode.CAR_IDLE
    bench.pv_w = 0.0
    bench.advance(120)
    assert bench.boxes["box"].told is False
    bench.boxes["box"].wants = True
    bench.advance(120)
    assert not bench.shown.is_flowing


def test_a_car_that_takes_less_is_offered_little_more() -> None:
    bench = charging(Box(told=False, takes_a=7.0), pv_w=11_000.0)
    bench.advance(60)
    assert bench.boxes["box"].amps_a == 9
    assert bench.shown.draw_w == 7 * 3 * 230.0


def test_a_silent_box_may_do_what_it_did_or_nothing() -> None:
    bench = charging()
    box, drawn_w = bench.boxes["box"], bench.shown.draw_w
    box.is_silent = True
    bench.advance(SILENT_S + BOX_S)
    draw = draw_at(bench.state.vehicles["box"].steps, bench.at)
    assert draw.low_w == 0.0
    assert drawn_w is not None
    assert draw.high_w >= drawn_w
    assert bench.code is ReasonCode.CHARGER_SILENT
    assert bench.shown.reason.numbers["cause"] == "unreachable"
    bench.pv_w = 0.0
    before = len(bench.sent)
    bench.advance(300)
    assert len(bench.sent) == before
    box.is_silent = False
    bench.advance(30)
    assert box.told is False
    assert not bench.shown.is_flowing


@pytest.mark.parametrize(("box", "high_w"), [(Box(is_plugged=False, told=False), 0.0), (Box(told=False), 0.0)])
def test_a_silent_box_that_offered_nothing_may_not_draw(box: Box, high_w: float) -> None:
    bench = box_bench(box)
    box.is_silent = True
    bench.advance(2 * SILENT_S)
    assert draw_at(bench.state.vehicles["box"].steps, bench.at).high_w == high_w


def test_a_silent_box_in_whose_power_nobody_knows_may_draw_all_it_can() -> None:
    box = Box(wants=False)
    bench = box_bench(box, box_settings(mode=Mode.NOW))
    bench.advance(100)
    quiet = replace(box.reading(bench.at), amps_set_a=None)
    bench.feed(ChargerRead(at=bench.at, charger_id="box", reading=quiet))
    box.is_silent = True
    bench.advance(2 * SILENT_S)
    assert draw_at(bench.state.vehicles["box"].steps, bench.at).high_w == 16 * 3 * 230.0


def test_a_box_that_never_answered_is_said_to_be_silent() -> None:
    bench = box_bench(Box(is_silent=True), pv_w=9000.0)
    bench.advance(120)
    assert bench.code is ReasonCode.CHARGER_SILENT
    assert bench.sent == []
    never = Bench(settings=box_settings(), cars={"none": Car(is_plugged=False)})
    assert never.shown.reason.numbers["cause"] == "no answer"


def test_a_silent_box_leaves_the_sun_to_others() -> None:
    second = replace(BOX, id="other")
    two = settings_of(
        vehicles=(),
        chargers=(BOX, second),
        loadpoints=(replace(GARAGE, priority=1), LoadpointSettings(id="yard", name="Yard", charger_id="other")),
    )
    boxes = {"box": Box(told=False), "other": Box(told=False)}
    bench = Bench(settings=two, boxes=boxes, cars={"none": Car(is_plugged=False)}, pv_w=3000.0)
    bench.advance(120)
    assert boxes["box"].told
    assert not boxes["other"].told
    boxes["box"].told, boxes["box"].is_silent = False, True
    bench.advance(30)
    boxes["box"].is_silent = False
    bench.advance(10)
    bench.ask(loadpoint_id="garage", override=Override.NONE)
    boxes["box"].told, boxes["box"].is_silent = False, True
    bench.advance(300)
    assert boxes["other"].told


@pytest.mark.parametrize("status", [E, F])
def test_a_fault_is_shown_with_its_own_word(status: ChargerStatus) -> None:
    bench = charging()
    bench.boxes["box"].fault, bench.boxes["box"].status = "FiDc", status
    bench.advance(10)
    assert (bench.shown.status, bench.code) == (status, ReasonCode.CHARGER_FAULT)
    assert bench.shown.reason.numbers == {"fault": "FiDc"}
    bench.boxes["box"].fault = bench.boxes["box"].status = None
    bench.advance(60)
    assert bench.shown.is_flowing


def test_what_flows_is_shown_at_once_also_while_it_has_not_settled() -> None:
    bench = box_bench(Box(told=False), box_settings(replace(WALLBOX, start_settle_s=60.0)), pv_w=5000.0)
    bench.until(lambda: bench.boxes["box"].current_a > 0)
    bench.advance(BOX_S)
    assert bench.shown.status is C
    assert bench.shown.draw_w == pytest.approx(bench.boxes["box"].draw_w, abs=100)


def test_a_fault_without_a_word_is_called_by_its_letter() -> None:
    bench = box_bench(Box(told=False, status=F))
    assert bench.shown.reason.numbers == {"fault": "F"}


def test_a_box_without_a_meter_is_believed() -> None:
    bench = charging(Box(told=False, has_meter=False))
    assert bench.shown.draw_w == pytest.approx(4700.0, abs=3 * 230)
    assert bench.shown.status is C


def test_a_command_whose_end_nobody_knows_is_settled_by_the_next_reading() -> None:
    bench = box_bench(pv_w=5000.0)
    bench.endings.append(Ending(START, Outcome.UNCONFIRMED, Cause.NO_ANSWER))
    bench.advance(120)
    assert len(bench.commands(START, "box")) == 2
    assert bench.shown.is_flowing
    bench = box_bench(pv_w=5000.0)
    bench.endings.append(Ending(START, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=True))
    bench.advance(120)
    assert len(bench.commands(START, "box")) == 1


def test_a_busy_box_is_told_again_soon() -> None:
    bench = box_bench(pv_w=5000.0)
    bench.endings.append(Ending(AMPS, Outcome.NOT_DELIVERED, Cause.BUSY, retry_after_s=5.0))
    bench.advance(120)
    assert bench.shown.is_flowing


def test_an_answer_ends_the_trouble_that_reading_it_had() -> None:
    bench = box_bench()
    state = bench.state.vehicles["box"]
    failing = replace(
        state, memory=replace(state.memory, failures=2, not_before_at=after_s(500), block_cause=Cause.BUSY)
    )
    bench.state = replace(bench.state, vehicles={**bench.state.vehicles, "box": failing})
    bench.poll()
    assert bench.state.vehicles["box"].memory.failures == 0


def test_what_is_refused_is_not_repeated_until_something_changes() -> None:
    bench = box_bench(pv_w=5000.0)
    bench.endings.append(Ending(AMPS, Outcome.REFUSED, Cause.REFUSED, detail="out of range"))
    bench.advance(60)
    assert bench.code is ReasonCode.REFUSED
    assert len(bench.commands(AMPS, "box")) == 1


# Facts --------------------------------------------------------------------------------------------------------------------

IDLE = facts_from(reading(B, is_enabled=True), None)
STOPPED = facts_from(reading(B, is_enabled=False), None)
RUNNING = facts_from(reading(C, is_enabled=True, current_a=(10.0, 0.0, 0.0), power_w=2300.0), None)
COMPLETE = replace(IDLE, charging=Charging.COMPLETE)
FLOW = {"current_a": (10.0, 0.0, 0.0)}
NONE = {"current_a": (0.0, 0.0, 0.0)}


@pytest.mark.parametrize(
    ("said", "before", "is_so"),
    [
        (reading(A), None, Charging.DISCONNECTED),
        (reading(A, is_enabled=True), RUNNING, Charging.DISCONNECTED),
        (reading(B, is_enabled=False), None, Charging.STOPPED),
        (reading(B, is_enabled=False), RUNNING, Charging.STOPPED),
        (reading(B, is_enabled=True), None, Charging.STARTING),
        (reading(B), None, Charging.STARTING),
        (reading(B, is_enabled=True), RUNNING, Charging.STARTING),
        (reading(B, is_enabled=True), STOPPED, Charging.STARTING),
        (reading(B, IDLE_S - 1, is_enabled=True), IDLE, Charging.STARTING),
        (reading(B, IDLE_S, is_enabled=True), IDLE, Charging.COMPLETE),
        (reading(B, 5.0, is_enabled=True), COMPLETE, Charging.COMPLETE),
        (reading(B, is_enabled=False), COMPLETE, Charging.STOPPED),
        # the current goes before the state, and comes after it
        (reading(B, is_enabled=False, **FLOW), STOPPED, Charging.STOPPED),
        (reading(B, is_enabled=True, **FLOW), None, Charging.CHARGING),
        (reading(B, is_enabled=True, **FLOW), RUNNING, Charging.CHARGING),
        (reading(C, is_enabled=True, **NONE), STOPPED, Charging.STARTING),
        (reading(C, is_enabled=True, **NONE), RUNNING, Charging.CHARGING),
        (reading(C, is_enabled=True, **FLOW), STOPPED, Charging.CHARGING),
        (reading(C, is_enabled=True), STOPPED, Charging.CHARGING),
        (reading(E), RUNNING, Charging.NO_POWER),
        (reading(F), None, Charging.NO_POWER),
        # who does not know, or plays unplugged, is as he was
        (reading(None), None, Charging.UNKNOWN),
        (reading(None), RUNNING, Charging.CHARGING),
        (reading(None, **FLOW), STOPPED, Charging.CHARGING),
        (reading(A, is_switching=True), RUNNING, Charging.CHARGING),
        (reading(B, is_switching=True, **NONE), STOPPED, Charging.STOPPED),
    ],
)
def test_each_word_after_each_other(said: ChargerReading, before: object, is_so: Charging) -> None:
    assert facts_from(said, before).charging is is_so  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("volts", "amps", "voltage_v"),
    [
        (None, None, None),
        ((231.0, 229.0, 230.0), None, 230.0),
        ((226.0, 234.0, 234.0), (16.0, 0.0, 0.0), 226.0),
        ((0.0, 0.0, 0.0), None, None),
        ((230.0, 0.0, 0.0), (0.0, 0.0, 0.0), 230.0),
    ],
)
def test_the_voltage_is_that_under_load(
    volts: tuple[float, float, float] | None, amps: tuple[float, float, float] | None, voltage_v: float | None
) -> None:
    assert facts_from(reading(B, voltage_v=volts, current_a=amps), None).voltage_v == voltage_v


def test_what_it_says_of_the_future_is_of_now() -> None:
    bench = box_bench()
    bench.feed(ChargerRead(at=bench.at, charger_id="box", reading=reading(B, 1e6, is_enabled=False)))
    facts = bench.state.vehicles["box"].memory.facts
    assert facts is not None
    assert facts.measured_at == bench.at


def test_a_word_of_a_charger_that_is_not_there_is_an_error() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="there is no charger 'car'"):
        bench.feed(ChargerRead(at=NOON, charger_id="car", reading=reading(B)))


def test_readings_alone_are_not_worth_a_write() -> None:
    bench = charging()
    box = bench.boxes["box"]
    for seconds in (5, 10, 15):
        box.takes_a = 6.0 + seconds / 5
        effects = bench.feed(
            ChargerRead(
                at=after_s(seconds, bench.at), charger_id="box", reading=box.reading(after_s(seconds, bench.at))
            )
        )
        assert not [effect for effect in effects if isinstance(effect, Remember)]


def test_after_a_restart_it_says_itself_how_it_is() -> None:
    bench = charging()
    bench.restart()
    assert draw_at(bench.state.vehicles["box"].steps, bench.at).high_w > 0.0
    bench.advance(30)
    assert bench.shown.is_flowing
    assert bench.shown.override is Override.NONE
    before = len(bench.sent)
    bench.advance(60)
    assert len(bench.sent) <= before + 1


@pytest.mark.parametrize("runs", [True, False])
def test_a_hand_in_the_chargers_app_while_the_gateway_is_dead_is_respected(runs: bool) -> None:
    bench = charging() if runs else box_bench()
    box = bench.boxes["box"]
    box.told = not runs
    bench.restart()
    bench.advance(60)
    assert bench.shown.override is (Override.STOP if runs else Override.CHARGE)
    assert bench.shown.override_by == "the charger's own app"
    assert box.told is not runs


@pytest.mark.parametrize("runs", [True, False])
def test_what_it_forgot_while_the_gateway_is_dead_is_nobodys_hand(runs: bool) -> None:
    bench = charging() if runs else box_bench()
    box = bench.boxes["box"]
    box.reboot(bench.at)
    box.own_rule = not runs
    bench.restart()
    bench.advance(60)
    assert bench.shown.override is Override.NONE
    assert box.told is runs


def test_a_word_that_had_no_effect_while_the_gateway_is_dead_is_nobodys_hand() -> None:
    bench = box_bench(Box(told=False, wants=False))
    bench.advance(20)
    bench.boxes["box"].told, bench.boxes["box"].holds = True, "its limit of energy"
    bench.restart()
    bench.advance(5)
    assert bench.shown.override is Override.NONE


def test_what_a_box_was_told_before_this_car_came_is_nobodys_hand() -> None:
    bench = box_bench(Box(is_plugged=False, told=False))
    bench.advance(20)
    bench.boxes["box"].plug()
    bench.boxes["box"].told = True
    bench.restart()
    bench.advance(5)
    assert bench.shown.is_plugged
    assert bench.shown.override is Override.NONE


def test_a_charger_is_reckoned_as_a_car_that_is_its_own() -> None:
    both = settings_of(
        chargers=(BOX,), loadpoints=(LoadpointSettings(id="garage", name="Garage", charger_id="box", vehicle_id="car"),)
    )
    plain = as_own_chargers(both)
    assert (plain.chargers, [row.id for row in plain.vehicles]) == ((), ["car", "box"])
    assert (plain.loadpoints[0].vehicle_id, plain.loadpoints[0].charger_id) == ("box", None)


def test_what_it_has_counted_is_shown() -> None:
    bench = charging()
    assert bench.shown.energy_total_wh is not None
    assert bench.shown.energy_added_wh == pytest.approx(bench.boxes["box"].energy_wh, rel=0.2)
    assert bench.shown.vehicle is None
    assert snapshot(bench.state, bench.at).vehicles == ()


def test_two_commands_end_when_the_longer_one_does() -> None:
    """The current is changed while the phases are still being switched: what is drawn is not known before both are over."""
    bench = charging(pv_w=9000.0)
    bench.pv_w = 2500.0
    bench.until(lambda: Command(PHASES, 1) in bench.commands(PHASES, "box"))
    bench.until(lambda: bench.shown.pending is None)
    last = bench.state.vehicles["box"].steps[-1]
    assert (last.from_at - bench.at).total_seconds() > 20.0
    assert last.low_w == last.high_w


def test_pending_is_said_while_it_is_told() -> None:
    bench = box_bench(pv_w=5000.0)
    bench.until(lambda: bench.shown.pending is not None)
    assert bench.shown.pending in {Pending.STARTING, Pending.SETTING_PHASES}


def test_what_is_offered_to_a_car_that_takes_nothing_is_held_on_its_fuse() -> None:
    """It may begin at any moment, with the minimum: the other one at the same fuse leaves room for that."""
    second = replace(BOX, id="other")
    circuit = CircuitSettings(id="yard", max_a=20.0)
    rows = (
        replace(GARAGE, circuit="yard", mode=Mode.NOW, phases=3),
        LoadpointSettings(id="yard", name="Yard", charger_id="other", circuit="yard", mode=Mode.NOW, phases=3),
    )
    two = replace(settings_of(vehicles=(), chargers=(BOX, second), loadpoints=rows), circuits=(circuit,))
    boxes = {"box": Box(told=False, wants=False), "other": Box(told=False)}
    bench = Bench(settings=two, boxes=boxes, cars={"none": Car(is_plugged=False)})
    bench.advance(300)
    assert (boxes["box"].amps_a, boxes["other"].amps_a) == (6, 14)


def session_of(bench: Bench) -> Session:
    session = bench.state.loadpoints["garage"].memory.session
    assert session is not None
    return session


def test_a_car_that_takes_less_than_the_box_offers_does_not_swing_between_the_phases() -> None:
    """A box of 32 A and a car of 16 A: on one phase there is no more to be had than the car takes."""
    settings = box_settings(replace(WALLBOX, max_a=32))
    bench = charging(Box(told=False, max_a=32, amps_a=32, takes_a=16.0), settings, pv_w=2500.0)
    bench.pv_w = 5200.0 + bench.load_w
    bench.advance(3 * 3600)
    switches = [value for name, value in told(bench) if name == "set_phases"]
    assert (switches, bench.shown.phases) == ([1, 3], 3)
    bench.pv_w = 3000.0
    bench.advance(1800)
    assert bench.shown.phases == 1
    assert session_of(bench).takes_a == 16
    bench.boxes["box"].takes_a = None  # it was the cold
    bench.advance(300)
    assert session_of(bench).takes_a == 16
    bench.pv_w = 4600.0
    bench.advance(60)
    assert session_of(bench).takes_a is None
