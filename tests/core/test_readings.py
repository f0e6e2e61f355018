"""What the answers to reads change, those that bring nothing, and those that say what was known or cannot be used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.bench import Bench, Car, Ending, after_s, charging_bench, facts_of, remembered

from sunbox.core.commands import Cause, CommandName, Outcome, ReadKind
from sunbox.core.dealings import FORGET_FAILURES_S, RATE_LIMIT_S
from sunbox.core.draw import draw_at
from sunbox.core.events import ReadFailed, VehicleRead
from sunbox.core.model import Availability, Charging, Draw, Override, VehicleFacts
from sunbox.core.readings import EXPECTED_STALE_S
from sunbox.core.reasons import ReasonCode
from sunbox.core.resilience import DELIVERY
from sunbox.core.vehicle import CONTACT, UNKNOWN_AGAIN_S, Situation

AMPS, START, STOP, WAKE = CommandName.SET_AMPS, CommandName.START, CommandName.STOP, CommandName.WAKE
NOTHING = Draw(0.0, 0.0)


def is_read(bench: Bench) -> bool:
    """Return whether a read of the car is under way."""
    return bench.vehicle.exchange is not None and bench.vehicle.exchange.read is not None


def tell(bench: Bench, facts: VehicleFacts | None = None, **changes: Any) -> None:
    """Have the car's answer to the read under way arrive now, or its word without having been asked."""
    exchange = bench.vehicle.exchange
    if is_read(bench):
        bench._replies.clear()
    event = VehicleRead(
        at=bench.at,
        vehicle_id="car",
        exchange_id=exchange.id if is_read(bench) else None,
        what=ReadKind.STATE if facts is None else ReadKind.DATA,
        availability=Availability.ONLINE,
        facts=facts,
    )
    bench.feed(replace(event, **changes))


def fail(bench: Bench, cause: Cause, **changes: Any) -> None:
    """Have the read under way bring nothing."""
    exchange = bench.vehicle.exchange
    assert is_read(bench)
    bench._replies.clear()
    event = ReadFailed(at=bench.at, device_id="car", exchange_id=exchange.id, what=exchange.read, cause=cause)
    bench.feed(replace(event, **changes))


def reading_bench(**changes: Any) -> Bench:
    """Return a bench with a read of the data of a car under way that is awake."""
    bench = Bench(**{"car": Car(is_awake=True), **changes})
    bench.until(lambda: bench.vehicle.exchange is not None and bench.vehicle.exchange.read is ReadKind.DATA)
    return bench


# Reads that bring nothing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "told_s", "waits_s"),
    [
        (Cause.SERVER_ERROR, None, DELIVERY.wait_s(1)),
        (Cause.NO_ANSWER, 40.0, 40.0),
        (Cause.RATE_LIMITED, None, RATE_LIMIT_S),
        (Cause.RATE_LIMITED, 700.0, 700.0),
    ],
)
def test_a_read_that_fails_is_waited_out(cause: Cause, told_s: float | None, waits_s: float) -> None:
    bench = reading_bench()
    failed_at, reads = bench.at, len(bench.reads)
    fail(bench, cause, retry_after_s=told_s)
    assert bench.vehicle.exchange is None
    assert bench.vehicle.memory.block_cause is cause
    bench.advance(waits_s - 0.5)
    assert len(bench.reads) == reads
    bench.until(lambda: bench.vehicle.memory.facts is not None, 10)
    assert (bench.reads[reads][0] - failed_at).total_seconds() == pytest.approx(waits_s, abs=0.1)
    assert bench.vehicle.memory.failures == 0


def test_a_paid_read_that_fails_is_on_the_bill() -> None:
    bench = reading_bench()
    fail(bench, Cause.SERVER_ERROR)
    assert bench.money() == 0.0
    bench.until(lambda: is_read(bench))
    fail(bench, Cause.BAD_ANSWER, billed=1)
    assert bench.money() == 0.002


def test_an_answer_without_data_is_no_data() -> None:
    bench = reading_bench()
    tell(bench, what=ReadKind.DATA)
    assert bench.vehicle.memory.facts is None
    assert bench.vehicle.memory.block_cause is Cause.BAD_ANSWER
    assert bench.data_reads() == 1
    bench.until(lambda: bench.vehicle.memory.facts is not None, 60)
    assert bench.data_reads() == 2


@pytest.mark.parametrize(
    ("cause", "what", "is_forgotten"),
    [
        (Cause.LOGIN_REQUIRED, ReadKind.STATE, True),
        (Cause.UNREACHABLE, ReadKind.STATE, True),
        (Cause.BAD_ANSWER, ReadKind.STATE, False),  # the free call says nothing of the paid one
        (Cause.RATE_LIMITED, ReadKind.STATE, False),
        (Cause.BAD_ANSWER, ReadKind.DATA, True),
        (Cause.RATE_LIMITED, ReadKind.DATA, True),
    ],
)
def test_an_answer_disproves_the_failures_that_it_would_have_had_itself(
    cause: Cause, what: ReadKind, *, is_forgotten: bool
) -> None:
    bench = reading_bench()
    fail(bench, cause)
    assert bench.vehicle.memory.login_required is (cause is Cause.LOGIN_REQUIRED)
    tell(bench, bench.car.facts(bench.at) if what is ReadKind.DATA else None)
    memory = bench.vehicle.memory
    assert (memory.failures == 0, memory.not_before_at is None, memory.block_cause is None) == (is_forgotten,) * 3
    assert not memory.login_required


def test_no_read_proves_that_a_failing_command_will_go_through_but_in_time_its_failures_are_forgotten() -> None:
    bench = charging_bench()
    bench.endings += [Ending(AMPS, Outcome.NOT_DELIVERED, Cause.SERVER_ERROR)] * 4
    bench.ask(amps_a=8)
    bench.until(lambda: bench.vehicle.memory.failures == 3)
    bench.ask(amps_a=17)  # which it has
    tell(bench, bench.car.facts(bench.at))
    assert bench.vehicle.memory.failures == 3
    bench.advance(FORGET_FAILURES_S + DELIVERY.wait_s(3))
    assert bench.vehicle.memory.failures == 3
    bench.ask(amps_a=8)
    bench.until(lambda: not bench.endings)
    assert bench.vehicle.memory.failures == 1


def test_after_a_long_silence_it_is_first_asked_for_nothing_whether_it_is_still_awake() -> None:
    """The data is due, and the car may have fallen asleep while nothing was asked."""
    bench = reading_bench()
    fail(bench, Cause.RATE_LIMITED)
    reads = len(bench.reads)
    bench.car.is_awake = False
    bench.advance(RATE_LIMIT_S + 60)
    assert {what for _, _, what in bench.reads[reads:]} == {ReadKind.STATE}
    bench.car.is_awake = True
    bench.until(lambda: bench.data_reads() == 2, 400)


def test_a_car_that_answers_a_read_with_asleep_is_asked_for_nothing_first_and_gently_from_the_second_time_on() -> None:
    bench = reading_bench()
    reads = len(bench.reads)
    fail(bench, Cause.ASLEEP)
    assert bench.shown.vehicle.availability is Availability.UNKNOWN  # type: ignore[union-attr]
    assert bench.vehicle.memory.not_before_at is None
    bench.until(lambda: bench.data_reads() == 2, 5)
    assert [what for _, _, what in bench.reads[reads:]] == [ReadKind.STATE, ReadKind.DATA]
    fail(bench, Cause.ASLEEP)
    assert bench.vehicle.memory.block_cause is Cause.ASLEEP
    assert bench.vehicle.memory.not_before_at == after_s(DELIVERY.wait_s(1), bench.at)


def test_while_a_car_wakes_a_failed_poll_is_repeated_soon() -> None:
    bench = Bench(memory=remembered(facts_of()))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.vehicle.wake is not None and is_read(bench))
    fail(bench, Cause.NO_ANSWER)
    failed_at = bench.at
    bench.until(lambda: bench.shown.is_flowing, 60)
    assert len(bench.commands(WAKE)) == 1
    later = [at for at, _, _ in bench.reads if at > failed_at]
    assert (later[0] - failed_at).total_seconds() == 10.0


# What is said of being awake ------------------------------------------------------------------------------------------


def test_a_car_that_sleeps_does_not_charge() -> None:
    bench = charging_bench()
    bench.has_meter = False
    bench.car.is_awake = bench.car.is_charging = False
    tell(bench, availability=Availability.ASLEEP)
    assert bench.shown.vehicle.charging is Charging.STOPPED  # type: ignore[union-attr]
    assert not bench.shown.is_flowing
    assert draw_at(bench.vehicle.steps, bench.at) == NOTHING


def test_a_word_that_is_no_known_state_says_nothing_of_the_car() -> None:
    bench = charging_bench()
    before = bench.vehicle
    tell(bench, availability=Availability.UNKNOWN)
    assert (bench.vehicle.memory, bench.vehicle.steps) == (before.memory, before.steps)
    assert not bench.vehicle.is_doubtful
    bench.ask(amps_a=8)
    assert (
        bench.commands(AMPS)[-1].value != 8
    )  # which is found out first, for nothing, and not at once: it did not know
    bench.until(lambda: bench.car.amps_a == 8, UNKNOWN_AGAIN_S + 10)
    assert bench.reads[-1][2] is ReadKind.STATE


# What is read ---------------------------------------------------------------------------------------------------------


def test_a_service_that_repeats_itself_proves_nothing_and_is_asked_less_and_less() -> None:
    bench = Bench(car=Car(is_awake=True, is_plugged=False))
    bench.until(lambda: bench.vehicle.memory.facts is not None)
    memory = bench.vehicle.memory
    waits_s = []
    for _ in range(6):
        tell(bench, replace(memory.facts, charging=Charging.CHARGING, actual_a=16.0))  # type: ignore[type-var]
        assert bench.vehicle.memory == memory
        assert bench.vehicle.data_due_at is not None
        waits_s.append((bench.vehicle.data_due_at - bench.at).total_seconds())
    first_s = 2 * CONTACT[Situation.UNPLUGGED].looks_s[0]
    assert waits_s == [first_s, 2 * first_s, 4 * first_s, 8 * first_s, 3600.0, 3600.0]


def test_data_that_is_older_than_a_start_is_read_again_a_minute_later() -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.until(lambda: bench.vehicle.memory.facts is not None)
    old = bench.vehicle.memory.facts
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.shown.vehicle.charging is Charging.STARTING)  # type: ignore[union-attr]
    tell(bench, old)
    assert bench.shown.vehicle.charging is Charging.STARTING  # type: ignore[union-attr]
    assert bench.vehicle.data_due_at == after_s(EXPECTED_STALE_S, bench.at)


@pytest.mark.parametrize(
    ("says", "draw_a"),
    [
        ({"charging": Charging.STOPPED, "actual_a": 0.0}, 0.0),
        ({"charging": Charging.COMPLETE, "actual_a": 0.0}, 0.0),
        ({"amps_requested_a": 12, "actual_a": 12.0}, 12.0),  # somebody else changed it meanwhile
        ({"actual_a": 24.0}, 24.0),  # that is no way from 17 A to 8 A
    ],
)
def test_a_car_that_is_no_longer_on_its_way_to_another_current_is_taken_at_its_word(
    says: dict[str, Any], draw_a: float
) -> None:
    bench = charging_bench()
    bench.ask(amps_a=8)
    bench.until(lambda: bench.vehicle.memory.facts.amps_requested_a == 8)  # type: ignore[union-attr]
    assert draw_at(bench.vehicle.steps, after_s(1, bench.at)) == Draw(8 * 230.0, 17 * 230.0)
    tell(bench, replace(bench.car.facts(bench.at), **says))
    assert draw_at(bench.vehicle.steps, bench.at) == Draw(draw_a * 230.0, draw_a * 230.0)


def test_a_start_that_brought_no_current_is_forgotten_once_it_flows() -> None:
    bench = Bench(car=Car(is_awake=True, has_power=False))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.vehicle.start_retry_at is not None, 120)
    assert bench.code is ReasonCode.NO_POWER
    bench.car.has_power = True
    bench.until(lambda: bench.vehicle.starts_failed == 0, 600)
    assert bench.shown.is_flowing
    assert bench.vehicle.start_retry_at is None


def test_a_car_on_the_road_is_looked_at_now_and_then() -> None:
    bench = reading_bench()
    tell(bench, replace(bench.car.facts(bench.at), charging=Charging.DISCONNECTED, is_driving=True))
    assert bench.vehicle.data_due_at == after_s(CONTACT[Situation.DRIVING].looks_s[0], bench.at)
