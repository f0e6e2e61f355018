"""How commands end: the five outcomes of each, doubt and its evidence, refusals, rate limits, restarts."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from tests.core.bench import (
    NOON,
    TESLA,
    Bench,
    Car,
    Ending,
    after_s,
    charging_bench,
    facts_of,
    remembered,
    settings_of,
    two_cars,
)

from sunbox.core.commands import Cause, Command, CommandName, Exchange, Outcome, ReadKind
from sunbox.core.dealings import RATE_LIMIT_S
from sunbox.core.draw import draw_at
from sunbox.core.effects import Remember, Send
from sunbox.core.engine import step
from sunbox.core.events import CommandEnded, Requested, Tick, VehicleRead
from sunbox.core.model import Availability, Charging, Draw, Mode, Override
from sunbox.core.reasons import ReasonCode
from sunbox.core.reconcile import AMPS_GAP_S, LOW_AMPS_GAP_S
from sunbox.core.replies import EVIDENCE_S
from sunbox.core.resilience import DELIVERY
from sunbox.core.resilience import WAKE as WAKE_BACKOFF
from sunbox.core.vehicle import CONTACT, Situation
from sunbox.core.wallbox import Pending, Request

START, STOP, AMPS, LIMIT, WAKE = (
    CommandName.START,
    CommandName.STOP,
    CommandName.SET_AMPS,
    CommandName.SET_LIMIT,
    CommandName.WAKE,
)
COMMANDS = (START, STOP, AMPS, LIMIT)


def about_to(name: CommandName) -> Bench:
    """Return a bench whose next command, after `wish_for`, is `name`."""
    return Bench(car=Car(is_awake=True)) if name is START else charging_bench()


def wish_for(bench: Bench, name: CommandName) -> None:
    wishes = {
        START: {"override": Override.CHARGE, "amps_a": 16},
        STOP: {"override": Override.STOP},
        AMPS: {"amps_a": 10},
        LIMIT: {"target_soc_pct": 70},
    }
    bench.ask(**wishes[name])


def is_so(bench: Bench, name: CommandName) -> bool:
    car = bench.car
    return {
        START: car.is_charging,
        STOP: not car.is_charging,
        AMPS: car.amps_a == 10,
        LIMIT: car.limit_soc_pct == 70,
    }[name]


def begin(name: CommandName, ending: Ending | None = None) -> tuple[Bench, int]:
    """Return a bench at the instant after the command was sent for the first time, and how many went before it."""
    bench = about_to(name)
    if name is START:
        bench.advance(5)
    before = len(bench.commands(name))
    if ending is not None:
        bench.endings.append(ending)
    wish_for(bench, name)
    bench.until(lambda: len(bench.commands(name)) > before)
    return bench, before


@pytest.mark.parametrize("name", COMMANDS)
def test_applied_is_done_once_and_never_again(name: CommandName) -> None:
    bench, before = begin(name)
    bench.until(lambda: bench.shown.is_settled)
    bench.advance(1800)
    assert is_so(bench, name)
    assert len(bench.commands(name)) == before + 1


@pytest.mark.parametrize("name", COMMANDS)
def test_already_set_counts_as_done(name: CommandName) -> None:
    bench, before = begin(name, Ending(name, Outcome.ALREADY_SET, is_done=True))
    bench.until(lambda: bench.shown.is_settled)
    bench.advance(1500)
    assert len(bench.commands(name)) == before + 1


@pytest.mark.parametrize("name", COMMANDS)
def test_refused_is_told_and_never_repeated_by_itself(name: CommandName) -> None:
    bench, before = begin(name, Ending(name, Outcome.REFUSED, Cause.REFUSED, detail="not today"))
    bench.advance(5)
    assert bench.code is ReasonCode.REFUSED or name is STOP
    assert "not today" in str(bench.vehicle.refused[name])
    reads = bench.data_reads()
    bench.advance(120)
    if bench.data_reads() == reads:  # a reading is news
        assert len(bench.commands(name)) == before + 1


@pytest.mark.parametrize("name", COMMANDS)
def test_refused_is_asked_again_after_a_new_wish(name: CommandName) -> None:
    bench, before = begin(name, Ending(name, Outcome.REFUSED, Cause.REFUSED))
    bench.advance(12)
    assert len(bench.commands(name)) == before + 1
    bench.ask(mode=Mode.NOW if bench.wish.mode is Mode.PV else Mode.PV)
    bench.until(lambda: len(bench.commands(name)) == before + 2, 60)
    bench.until(lambda: is_so(bench, name), 10)


@pytest.mark.parametrize("name", COMMANDS)
def test_not_delivered_is_retried_with_a_growing_wait(name: CommandName) -> None:
    bench = about_to(name)
    bench.advance(20)
    bench.endings += [Ending(name, Outcome.NOT_DELIVERED, Cause.SERVER_ERROR)] * 3
    before = len(bench.instants(name))
    wish_for(bench, name)
    bench.until(lambda: is_so(bench, name), 300)
    instants = bench.instants(name)[before:]
    waits_s = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert len(instants) == 4
    for wait_s, failures in zip(waits_s, (1, 2, 3), strict=True):
        assert wait_s >= DELIVERY.wait_s(failures)
        assert wait_s <= DELIVERY.wait_s(failures) + 15
    assert bench.vehicle.memory.failures == 0


def test_what_did_not_get_through_is_told() -> None:
    bench, _ = begin(AMPS, Ending(AMPS, Outcome.NOT_DELIVERED, Cause.SERVER_ERROR))
    bench.advance(2)
    assert bench.code is ReasonCode.RETRYING
    assert bench.shown.pending is Pending.SETTING_AMPS
    assert bench.car.current_a == 17.0


@pytest.mark.parametrize(("told_s", "waits_s"), [(120.0, 120.0), (None, RATE_LIMIT_S)])
def test_a_rate_limit_is_waited_out_without_any_paid_request(told_s: float | None, waits_s: float) -> None:
    bench, before = begin(AMPS, Ending(AMPS, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, retry_after_s=told_s))
    bench.advance(2)
    reads = bench.data_reads()
    bench.advance(waits_s - 5)
    assert len(bench.commands(AMPS)) == before + 1
    assert bench.data_reads() == reads
    assert bench.code is ReasonCode.RATE_LIMITED
    bench.until(lambda: bench.car.amps_a == 10, 30)


def test_a_rate_limit_survives_a_restart() -> None:
    bench, before = begin(AMPS, Ending(AMPS, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, retry_after_s=600.0))
    bench.advance(2)
    bench.restart()
    reads = len(bench.reads)
    bench.advance(590)
    assert len(bench.commands(AMPS)) == before + 1
    assert len(bench.reads) == reads
    bench.until(lambda: bench.car.amps_a == 10, 60)


def test_a_login_that_ended_is_told_and_tried_gently() -> None:
    bench, before = begin(AMPS, Ending(AMPS, Outcome.NOT_DELIVERED, Cause.LOGIN_REQUIRED))
    bench.advance(2)
    assert bench.code is ReasonCode.LOGIN_REQUIRED
    assert bench.shown.vehicle is not None
    assert bench.shown.vehicle.login_required
    bench.advance(600)
    assert len(bench.commands(AMPS)) <= before + 4
    assert not bench.shown.vehicle.login_required
    assert bench.car.amps_a == 10


def test_a_car_that_answers_commands_with_asleep_and_is_online_is_woken_once() -> None:
    """408 is also seen on cars that are awake: the free call is asked first, then the command is tried once more."""
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    bench.endings += [Ending(AMPS, Outcome.NOT_DELIVERED, Cause.ASLEEP)] * 2
    reads = len(bench.reads)
    bench.ask(override=Override.CHARGE, amps_a=10)
    bench.until(lambda: bench.car.is_charging, 60)
    assert [command.name for command in bench.commands()] == [AMPS, AMPS, WAKE, AMPS, START]
    assert [what for _, _, what in bench.reads[reads:]] == [ReadKind.STATE] * 3
    assert bench.vehicle.memory.failures == 0
    bench.advance(600)
    assert len(bench.commands(WAKE)) == 1


def test_what_was_answered_with_asleep_changed_nothing() -> None:
    bench, _ = begin(AMPS, Ending(AMPS, Outcome.NOT_DELIVERED, Cause.ASLEEP))
    bench.until(lambda: bench.vehicle.availability is Availability.UNKNOWN)
    assert bench.vehicle.memory.not_before_at is None
    assert draw_at(bench.vehicle.steps, after_s(1, bench.at)) == Draw(17 * 230.0, 17 * 230.0)
    bench.until(lambda: bench.car.amps_a == 10, 20)


@pytest.mark.parametrize(
    ("cause", "charging", "code"),
    [
        (Cause.COMPLETE, Charging.COMPLETE, ReasonCode.COMPLETE),
        (Cause.DISCONNECTED, Charging.DISCONNECTED, ReasonCode.REFUSED),
        (Cause.NO_POWER, Charging.NO_POWER, ReasonCode.NO_POWER),
        (Cause.UNSIGNED, Charging.STOPPED, ReasonCode.REFUSED),
        (None, Charging.STOPPED, ReasonCode.REFUSED),
    ],
)
def test_a_refusal_tells_what_the_car_is(cause: Cause | None, charging: Charging, code: ReasonCode) -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    bench.endings.append(Ending(START, Outcome.REFUSED, cause))
    bench.ask(override=Override.CHARGE, amps_a=16)
    bench.advance(5)
    is_out = charging is Charging.DISCONNECTED
    assert bench.shown.vehicle.charging is charging  # type: ignore[union-attr]
    assert bench.code is code
    assert (bench.lp.memory.session is None, bench.wish.override is Override.NONE) == (is_out, is_out)
    assert draw_at(bench.vehicle.steps, bench.at) == Draw(0.0, 0.0)
    bench.advance(60)
    assert len(bench.commands(START)) == 1


def test_a_full_car_whose_limit_is_raised_goes_on_by_itself_and_is_looked_at_once_it_should() -> None:
    bench = Bench(car=Car(is_awake=True, soc_pct=80.0))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, target_soc_pct=90)
    reads = bench.data_reads()
    bench.until(lambda: bench.car.limit_soc_pct == 90)
    bench.car.is_charging = True
    bench.advance(1)
    assert bench.code is ReasonCode.STARTING
    bench.advance(TESLA.start_settle_s + 5)
    assert (bench.data_reads(), bench.shown.is_flowing) == (reads + 1, True)
    assert bench.commands(START) == []


# Wakes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "wait_s", "failures"),
    [
        (Ending(WAKE, Outcome.NOT_DELIVERED, Cause.SERVER_ERROR), DELIVERY.wait_s(1), 0),
        (Ending(WAKE, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, retry_after_s=90.0), 90.0, 0),
        (Ending(WAKE, Outcome.REFUSED, Cause.REFUSED), WAKE_BACKOFF.wait_s(1), 1),
    ],
)
def test_a_wake_that_did_not_get_through_is_tried_again_soon_and_one_that_was_refused_much_later(
    ending: Ending, wait_s: float, failures: int
) -> None:
    bench = Bench(memory=remembered(facts_of()))
    bench.advance(5)
    bench.endings.append(ending)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.vehicle.memory.failures > 0)
    assert (bench.vehicle.wake, bench.vehicle.memory.wake_failures) == (None, failures)
    bench.until(lambda: bench.car.is_charging, 600)
    first_s, second_s = bench.instants(WAKE)
    assert wait_s <= second_s - first_s < wait_s + 10
    assert bench.vehicle.memory.wake_failures == 0


# Doubt ----------------------------------------------------------------------------------------------------------------


def lost(name: CommandName, *, is_done: bool) -> Ending:
    return Ending(name, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=is_done)


@pytest.mark.parametrize("name", [STOP, AMPS])
def test_a_lost_reply_is_proven_by_the_grid_for_nothing(name: CommandName) -> None:
    bench, before = begin(name, lost(name, is_done=True))
    bench.advance(2)
    assert bench.vehicle.doubt is not None
    assert not bench.shown.is_settled
    reads = bench.data_reads()
    took_s = bench.until(lambda: bench.vehicle.doubt is None, EVIDENCE_S)
    assert took_s > 10  # more than one reading
    assert len(bench.commands(name)) == before + 1
    assert bench.data_reads() == reads


@pytest.mark.parametrize("name", COMMANDS)
def test_a_lost_request_is_repeated_once(name: CommandName) -> None:
    bench, before = begin(name, lost(name, is_done=False))
    bench.until(lambda: is_so(bench, name), 2 * EVIDENCE_S)
    bench.advance(600)
    assert len(bench.commands(name)) == before + 2


@pytest.mark.parametrize("name", COMMANDS)
def test_after_two_lost_replies_the_car_is_read(name: CommandName) -> None:
    bench, before = begin(name, lost(name, is_done=False))
    bench.endings.append(lost(name, is_done=False))
    bench.until(lambda: len(bench.commands(name)) == before + 2, 2 * EVIDENCE_S)
    reads = bench.data_reads()
    bench.until(lambda: bench.data_reads() > reads, 2 * EVIDENCE_S + 60)
    assert len(bench.commands(name)) == before + 2
    bench.until(lambda: is_so(bench, name), 300)


def test_a_kettle_does_not_prove_a_start_that_never_came() -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    bench.endings.append(lost(START, is_done=False))
    bench.ask(override=Override.CHARGE, amps_a=16)
    bench.until(lambda: bench.vehicle.doubt is not None)
    bench.meter_at = after_s(500, bench.at)
    bench.advance(5)
    bench.meter(grid_w=300.0 + 3680.0, pv_w=0.0)  # once, as a kettle
    assert bench.vehicle.doubt is not None
    bench.advance(5)
    bench.meter(grid_w=300.0, pv_w=0.0)
    assert bench.vehicle.doubt is not None


def test_between_command_and_evidence_the_draw_is_an_interval() -> None:
    bench, _ = begin(STOP, lost(STOP, is_done=False))
    bench.advance(2)
    last = bench.vehicle.steps[-1]
    assert (last.low_w, last.high_w) == (0.0, 17 * 230.0)


def test_what_is_in_doubt_is_not_settled_until_the_car_was_looked_at_though_nobody_wants_it_any_more() -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    bench.endings.append(lost(AMPS, is_done=False))
    bench.ask(override=Override.CHARGE, amps_a=10)
    bench.until(lambda: bench.vehicle.doubt is not None)
    bench.ask(override=Override.STOP)
    bench.advance(EVIDENCE_S + 10)
    assert (bench.shown.pending, bench.shown.is_settled) == (Pending.SETTING_AMPS, False)
    reads = bench.data_reads()
    bench.until(lambda: bench.data_reads() > reads, CONTACT[Situation.PLUGGED].looks_s[0] + 60)
    bench.advance(1)
    assert bench.shown.is_settled
    assert [command.name for command in bench.commands()] == [AMPS]


def test_a_car_that_fell_asleep_while_a_stop_was_under_way_is_not_woken_to_stop_it() -> None:
    bench, before = begin(STOP, lost(STOP, is_done=True))
    bench.car.is_awake = False
    bench.feed(
        VehicleRead(
            at=bench.at, vehicle_id="car", exchange_id=None, what=ReadKind.STATE, availability=Availability.ASLEEP
        )
    )
    bench.until(lambda: bench.vehicle.doubt is not None)
    bench.advance(1800)
    assert len(bench.commands(STOP)) == before + 1
    assert bench.commands(WAKE) == []
    assert bench.shown.is_settled


# Restart --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_under_way_at_a_restart_is_in_doubt_and_resolved(name: CommandName) -> None:
    bench, before = begin(name)
    assert bench.vehicle.exchange is not None
    under_way = bench.vehicle.exchange.id
    bench.restart()
    assert bench.vehicle.doubt is not None
    assert bench.vehicle.doubt.command.name is name
    assert bench.vehicle.memory.exchange is None
    assert bench.state.next_exchange_id > under_way
    bench.until(lambda: is_so(bench, name), 300)
    bench.until(lambda: bench.shown.is_settled, 300)
    assert len(bench.commands(name)) <= before + 2
    assert bench.data_reads() >= 1


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_was_done_before_the_restart_is_not_sent_again(name: CommandName) -> None:
    bench, before = begin(name)
    bench.car.do(bench.commands(name)[-1], bench.at)
    bench.restart()
    bench.advance(600)
    assert is_so(bench, name)
    assert len(bench.commands(name)) == before + 1


def test_a_wake_under_way_at_a_restart_is_no_doubt() -> None:
    exchange = Exchange(id=7, command=Command(WAKE), sent_at=NOON)
    bench = Bench(memory=remembered(facts_of(), exchange=exchange, last_wake_at=NOON))
    assert bench.vehicle.doubt is None
    assert bench.state.next_exchange_id >= 8


def test_wishes_survive_a_restart() -> None:
    bench = charging_bench()
    bench.ask(override=Override.CHARGE, amps_a=9, target_soc_pct=80)
    bench.advance(60)
    wish, target = bench.wish, bench.vehicle.memory.target_soc_pct
    bench.restart()
    assert (bench.wish, bench.vehicle.memory.target_soc_pct) == (wish, target)
    bench.advance(300)
    assert bench.car.current_a == 9.0
    assert bench.wish == wish


def test_until_a_restarted_gateway_has_looked_the_draw_may_be_anything() -> None:
    bench = Bench(memory=remembered(facts_of(Charging.CHARGING)), has_meter=False)
    (first,) = bench.vehicle.steps
    assert first.low_w == 0.0
    assert first.high_w == 32 * 230.0


# Order ----------------------------------------------------------------------------------------------------------------


def test_what_must_survive_goes_before_what_is_sent() -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    state, seen = bench.state, 0
    request = Request(loadpoint_id="carport", by="tlwb", override=Override.CHARGE)
    _, effects = step(state, Requested(at=bench.at, request=request))
    for position, effect in enumerate(effects):
        if isinstance(effect, Send):
            seen += 1
            first = effects[0]
            assert position > 0
            assert isinstance(first, Remember)
            exchange = first.memory.vehicles[effect.device_id].exchange
            assert exchange is not None
            assert (exchange.id, exchange.command) == (effect.exchange_id, effect.command)
    assert seen == 1


def test_an_answer_to_something_given_up_changes_nothing() -> None:
    bench, _ = begin(AMPS)
    late = CommandEnded(at=bench.at, device_id="car", exchange_id=1, outcome=Outcome.REFUSED, cause=Cause.COMPLETE)
    before = bench.vehicle
    assert bench.feed(late) == ()
    assert bench.vehicle == before


def test_one_exchange_at_a_time_whatever_is_asked_meanwhile() -> None:
    bench, before = begin(AMPS)
    bench.ask(amps_a=12)
    bench.ask(override=Override.STOP)
    assert len(bench.commands()) == len(bench.commands(START)) + before + 1
    bench.until(lambda: not bench.car.is_charging, 30)


def test_each_car_has_an_exchange_of_its_own() -> None:
    bench = Bench(settings=two_cars(), cars={"car": Car(is_awake=True), "second": Car(is_awake=True)})
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.ask(override=Override.CHARGE, loadpoint_id="garage")
    assert bench.state.vehicles["car"].exchange is not None
    assert bench.state.vehicles["second"].exchange is not None
    bench.advance(10)
    assert [car.is_charging for car in bench.cars.values()] == [True, True]


# Amps -----------------------------------------------------------------------------------------------------------------


def test_many_changes_of_the_current_are_few_commands() -> None:
    bench = charging_bench()
    bench.ask(override=Override.CHARGE)
    bench.advance(60)
    before = len(bench.commands(AMPS))
    for amps in range(6, 30):
        bench.ask(amps_a=amps)
        bench.advance(1)
    bench.advance(30)
    instants = bench.instants(AMPS)[before:]
    assert bench.car.amps_a == 29
    assert all(later - earlier >= AMPS_GAP_S for earlier, later in itertools.pairwise(instants))


def test_below_its_minimum_a_car_starts_at_it_and_is_asked_twice() -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, amps_a=3)
    bench.until(lambda: bench.car.current_a == 3.0, 120)
    bench.advance(3600)
    sent = [(command.name, command.value) for command in bench.commands()]
    assert sent == [(AMPS, 5), (START, None), (AMPS, 3), (AMPS, 3)]
    first, second = bench.instants(AMPS)[1:]
    assert second - first >= LOW_AMPS_GAP_S


def test_a_car_that_stays_at_its_minimum_is_reported_and_asked_again_only_by_a_new_wish() -> None:
    bench = Bench(car=Car(is_awake=True, stays_at_min=True))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, amps_a=3)
    bench.advance(600)
    assert bench.vehicle.memory.low_amps_refused
    count = len(bench.commands(AMPS))
    bench.advance(3 * 3600)
    assert len(bench.commands(AMPS)) == count
    bench.ask(amps_a=4)
    bench.advance(60)
    assert count + 2 <= len(bench.commands(AMPS)) <= count + 3


def test_amps_for_an_unplugged_car_cost_nothing() -> None:
    bench = Bench(car=Car(is_awake=True, is_plugged=False))
    bench.advance(60)
    money = bench.money()
    for amps in (6, 10, 16):
        bench.ask(amps_a=amps)
        bench.advance(5)
    assert bench.commands() == []
    assert bench.money() == money


def test_a_start_that_brings_no_current_is_tried_later_and_later() -> None:
    bench = Bench(car=Car(is_awake=True, has_power=False))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(4 * 3600)
    instants = bench.instants(START)
    waits_s = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert 2 <= len(instants) <= 10
    assert waits_s == sorted(waits_s)


# Rejected and refused requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"amps_a": 2}, "amps_a"),
        ({"amps_a": 33}, "amps_a"),
        ({"amps_a": -1}, "amps_a"),
        ({"target_soc_pct": 0}, "target_soc_pct"),
        ({"target_soc_pct": 101}, "target_soc_pct"),
        ({"override": Override.STOP, "until_at": NOON}, "until_at"),
        ({"loadpoint_id": "nowhere", "amps_a": 6}, "loadpoint_id"),
    ],
)
def test_what_cannot_be_is_rejected_and_changes_nothing(wishes: dict[str, object], field: str) -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(5)
    before = bench.state
    reply = bench.ask(**wishes)
    assert reply.field == field  # type: ignore[union-attr]
    assert reply.allowed  # type: ignore[union-attr]
    assert bench.state is before


def test_a_car_without_a_trick_is_never_asked_below_its_minimum() -> None:
    capabilities = replace(settings_of().vehicles[0].capabilities, low_min_a=None)
    vehicle = replace(settings_of().vehicles[0], capabilities=capabilities)
    bench = Bench(settings=settings_of(vehicles=(vehicle,)))
    assert bench.ask(amps_a=4).field == "amps_a"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "wishes",
    [
        {"mode": Mode.NOW},
        {"override": Override.CHARGE},
        {"override": Override.STOP, "until_at": after_s(7200)},
        {"amps_a": 9},
        {"target_soc_pct": 65},
        {"mode": Mode.OFF, "override": Override.NONE, "amps_a": 7, "target_soc_pct": 40},
    ],
)
def test_repeating_a_request_changes_and_costs_nothing(wishes: dict[str, object]) -> None:
    bench = charging_bench()
    first = bench.ask(**wishes)
    bench.advance(120)
    before, sent, reads = bench.wish, len(bench.sent), len(bench.reads)
    for _ in range(5):
        assert bench.ask(**wishes) == first
    assert bench.wish == before
    assert (len(bench.sent), len(bench.reads)) == (sent, reads)


def test_time_alone_changes_nothing_before_it_is_due() -> None:
    bench = charging_bench()
    due_at = bench.state.due_at
    assert due_at is not None
    assert due_at > bench.at
    _, effects = step(bench.state, Tick(at=bench.at))
    assert effects == ()


def test_an_event_without_a_beginning_is_an_error() -> None:
    with pytest.raises(ValueError, match="Began"):
        step(None, Tick(at=NOON))


def test_reads_are_never_commands() -> None:
    bench = charging_bench()
    bench.advance(3 * 3600)
    assert {what for _, _, what in bench.reads} == {ReadKind.STATE, ReadKind.DATA}
    assert bench.data_reads() <= 12


def test_who_asks_for_five_seconds_again_and_again_is_asked_less_and_less() -> None:
    """`could_not_wake_buses` (TWCManager: wait 5 s, at most three times)."""
    bench = Bench(car=Car(is_awake=True), pv_w=4300.0)
    bench.endings.extend(
        Ending(CommandName.SET_AMPS, Outcome.NOT_DELIVERED, Cause.BUSY, retry_after_s=5.0) for _ in range(100)
    )
    bench.advance(3600)
    assert 3 <= len(bench.commands(CommandName.SET_AMPS)) <= 12
