"""One-shot commands: sent once, within five minutes, to a car that is woken for them; and no wish is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CAR, CARPORT, NOON, Bench, Car, Ending, after_s, facts_of, remembered, settings_of

from sunbox.core.commands import SCHEDULING, Cause, Command, CommandName, Exchange, Outcome
from sunbox.core.events import Ordered
from sunbox.core.model import Mode, Override
from sunbox.core.orders import EXPIRES_S, MOST_ORDERS, end_of
from sunbox.core.settings import Budget
from sunbox.core.state import OrderEnd
from sunbox.core.wallbox import Accepted, Pending, Rejected

OPEN = Command(CommandName.OPEN_PORT)
ADD = Command(CommandName.ADD_SCHEDULE, details=(("days_of_week", "All"), ("enabled", True)))


def ordered(bench: Bench, command: Command = OPEN, vehicle_id: str = "car") -> int:
    reply = bench.order(command, vehicle_id)
    assert isinstance(reply, Accepted)
    return reply.version


def end(bench: Bench, number: int) -> OrderEnd | None:
    return end_of(bench.vehicle, number)


def awake(**options: object) -> Bench:
    """Return a bench whose car was just read, plugged in and stopped."""
    memory = remembered(facts_of(), mode=Mode.OFF)
    bench = Bench(car=Car(is_awake=True), memory=memory, **options)  # type: ignore[arg-type]
    bench.advance(30)
    bench.sent.clear()
    return bench


def test_an_order_is_sent_once_and_its_end_is_told() -> None:
    bench = awake()
    number = ordered(bench, ADD)
    assert end(bench, number) is None
    bench.advance(3600)
    assert bench.commands() == [ADD]
    assert end(bench, number) == OrderEnd(order_id=number, outcome=Outcome.APPLIED)
    assert bench.vehicle.memory.orders == ()
    assert bench.vehicle.doubt is None


def test_a_sleeping_car_is_woken_once_for_it_and_read_before() -> None:
    bench = Bench(memory=remembered(facts_of(), mode=Mode.OFF))
    bench.advance(60)
    bench.sent.clear()
    number = ordered(bench)
    bench.advance(EXPIRES_S)
    assert [command.name for command in bench.commands()] == [CommandName.WAKE, CommandName.OPEN_PORT]
    assert bench.data_reads() == 1
    found = end(bench, number)
    assert found is not None
    assert found.outcome is Outcome.APPLIED


def test_what_cannot_be_sent_in_time_is_given_up_and_never_sent_later() -> None:
    bench = Bench(car=Car(wakes_after_s=None), memory=remembered(facts_of(), mode=Mode.OFF))
    number = ordered(bench)
    bench.advance(EXPIRES_S + 1)
    assert end(bench, number) == OrderEnd(order_id=number, outcome=Outcome.NOT_DELIVERED, cause=Cause.EXPIRED)
    bench.car.is_awake = True
    bench.advance(7200)
    assert OPEN not in bench.commands()


@pytest.mark.parametrize(
    ("ending", "sent", "outcome"),
    [
        (Ending(CommandName.ADD_SCHEDULE, Outcome.NOT_DELIVERED, Cause.ASLEEP), 2, Outcome.APPLIED),
        (Ending(CommandName.ADD_SCHEDULE, Outcome.NOT_DELIVERED, Cause.UNREACHABLE), 2, Outcome.APPLIED),
        (Ending(CommandName.ADD_SCHEDULE, Outcome.UNCONFIRMED, Cause.NO_ANSWER), 1, Outcome.UNCONFIRMED),
        (Ending(CommandName.ADD_SCHEDULE, Outcome.UNCONFIRMED, is_done=True), 1, Outcome.UNCONFIRMED),
        (Ending(CommandName.ADD_SCHEDULE, Outcome.REFUSED, Cause.INVALID, detail="no"), 1, Outcome.REFUSED),
    ],
    ids=str,
)
def test_only_what_was_surely_not_done_is_sent_again(ending: Ending, sent: int, outcome: Outcome) -> None:
    bench = awake()
    bench.endings.append(ending)
    number = ordered(bench, ADD)
    bench.advance(EXPIRES_S)
    assert bench.commands(CommandName.ADD_SCHEDULE) == [ADD] * sent
    found = end(bench, number)
    assert found is not None
    assert (found.outcome, found.detail) == (outcome, ending.detail)
    assert bench.vehicle.refused == {}
    assert bench.vehicle.doubt is None


def test_while_the_service_asks_to_wait_an_order_waits_too() -> None:
    bench = awake()
    bench.endings.append(Ending(CommandName.OPEN_PORT, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, retry_after_s=120.0))
    ordered(bench)
    bench.advance(EXPIRES_S)
    first, second = bench.instants(CommandName.OPEN_PORT)
    assert 120.0 <= second - first < 130.0
    number = ordered(bench)
    bench.endings.append(Ending(CommandName.OPEN_PORT, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, retry_after_s=900.0))
    bench.advance(EXPIRES_S + 1)
    assert end(bench, number) == OrderEnd(order_id=number, outcome=Outcome.NOT_DELIVERED, cause=Cause.RATE_LIMITED)


def test_a_limit_set_by_hand_is_not_set_back() -> None:
    bench = awake()
    bench.ask(target_soc_pct=70)
    bench.advance(60)
    assert bench.car.limit_soc_pct == 70
    ordered(bench, Command(CommandName.LIMIT_MAX))
    bench.advance(600)
    assert bench.car.limit_soc_pct == 100
    assert bench.shown.vehicle is not None
    assert (bench.shown.vehicle.limit_soc_pct, bench.shown.vehicle.target_soc_pct) == (100, None)


def test_its_own_standard_is_known_to_the_car_only_so_it_is_asked() -> None:
    bench = awake()
    reads = bench.data_reads()
    ordered(bench, Command(CommandName.LIMIT_STANDARD))
    bench.car.limit_soc_pct = 90
    bench.advance(60)
    assert bench.data_reads() == reads + 1
    assert bench.shown.vehicle is not None
    assert bench.shown.vehicle.limit_soc_pct == 90


def test_a_stop_goes_first() -> None:
    bench = awake()
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.is_charging)
    bench.advance(30)
    bench.sent.clear()
    bench.ask(override=Override.STOP)
    ordered(bench)
    bench.advance(30)
    assert [command.name for command in bench.commands()] == [CommandName.STOP, CommandName.OPEN_PORT]


@pytest.mark.parametrize(("amps_a", "is_first"), [(6, True), (14, False)])
def test_less_current_goes_before_an_order_and_more_after_it(amps_a: int, is_first: bool) -> None:
    """A fuse may be waiting for less."""
    bench = awake()
    bench.ask(override=Override.CHARGE, amps_a=12)
    bench.until(lambda: bench.car.current_a == 12.0)
    bench.advance(60)
    bench.sent.clear()
    ordered(bench)  # under way while both of the others are asked for
    ordered(bench, ADD)
    bench.ask(amps_a=amps_a)
    bench.advance(60)
    names = [command.name for command in bench.commands()]
    amps, add = CommandName.SET_AMPS, CommandName.ADD_SCHEDULE
    assert names == [CommandName.OPEN_PORT, *((amps, add) if is_first else (add, amps))]


def test_an_order_and_a_start_are_both_done() -> None:
    bench = awake()
    number = ordered(bench)
    bench.ask(override=Override.CHARGE)
    assert bench.shown.pending in (None, Pending.STARTING, Pending.SETTING_AMPS)
    bench.until(lambda: bench.car.is_charging)
    assert end(bench, number) is not None


def test_a_car_at_no_loadpoint_gets_its_orders() -> None:
    """It is looked after only while one waits."""
    spare = replace(CAR, id="spare")
    settings = settings_of(vehicles=(CAR, spare), loadpoints=(CARPORT,))
    bench = Bench(settings=settings, cars={"car": Car(), "spare": Car()})
    number = ordered(bench, vehicle_id="spare")
    bench.advance(EXPIRES_S)
    assert [command.name for command in bench.commands(device_id="spare")] == [CommandName.WAKE, CommandName.OPEN_PORT]
    assert end_of(bench.state.vehicles["spare"], number) is not None
    count = sum(id_ == "spare" for _, id_, _ in bench.reads)
    bench.advance(3600)
    assert sum(id_ == "spare" for _, id_, _ in bench.reads) == count


@pytest.mark.parametrize("budget", [Budget(commands_per_day=0), Budget(commands_per_day=1)])
def test_the_hard_line_of_the_budget_holds_back_orders(budget: Budget) -> None:
    settings = settings_of(vehicles=(replace(CAR, budget=budget),))
    bench = awake(settings=settings)
    first = ordered(bench)
    second = ordered(bench)
    bench.advance(EXPIRES_S + 5)
    outcomes = [found.outcome for number in (first, second) if (found := end(bench, number)) is not None]
    assert len(bench.commands()) == budget.commands_per_day
    assert outcomes[-1] is Outcome.NOT_DELIVERED
    assert outcomes.count(Outcome.APPLIED) == budget.commands_per_day


def test_what_was_under_way_when_all_ended_is_neither_sent_again_nor_in_doubt() -> None:
    bench = awake()
    bench.reply_s = 60.0
    ordered(bench, ADD)
    bench.advance(1)
    assert bench.commands() == [ADD]
    bench.restart()
    assert bench.vehicle.doubt is None
    bench.advance(3600)
    assert bench.commands(CommandName.ADD_SCHEDULE) == [ADD]


def test_an_answer_that_comes_after_its_order_was_given_up_changes_nothing() -> None:
    bench = awake()
    bench.reply_s = EXPIRES_S + 60.0
    number = ordered(bench)
    bench.advance(EXPIRES_S + 30)
    assert end(bench, number) is None  # under way: its answer ends it
    bench.advance(60)
    found = end(bench, number)
    assert found is not None
    assert found.outcome is Outcome.APPLIED


def test_a_wake_is_sent_to_a_sleeping_car_only_and_done_when_it_was_read() -> None:
    bench = Bench(memory=remembered(facts_of(), mode=Mode.OFF))
    bench.advance(60)
    number = ordered(bench, Command(CommandName.WAKE))
    bench.advance(60)
    again = ordered(bench, Command(CommandName.WAKE))
    assert [end(bench, each) for each in (number, again)] == [
        OrderEnd(order_id=each, outcome=Outcome.APPLIED) for each in (number, again)
    ]
    assert [command.name for command in bench.commands()] == [CommandName.WAKE]
    assert bench.data_reads() == 1


def test_what_cannot_be_ordered_is_said() -> None:
    bench = awake()
    assert bench.order(OPEN, "bike") == Rejected("vehicle_id", "bike", "car")
    wish = bench.order(Command(CommandName.START))
    assert isinstance(wish, Rejected)
    assert (wish.field, wish.value) == ("command", "start")
    with pytest.raises(ValueError, match="there is no vehicle 'bike'"):
        bench.feed(Ordered(at=after_s(60, NOON), vehicle_id="bike", command=OPEN, by="test"))
    bench.car.is_awake = False
    bench.reply_s = 600.0
    for _ in range(MOST_ORDERS):
        ordered(bench)
    assert isinstance(bench.order(OPEN), Rejected)


def test_an_order_that_waits_survives_a_restart_and_keeps_its_time() -> None:
    bench = Bench(car=Car(wakes_after_s=None), memory=remembered(facts_of(), mode=Mode.OFF))
    number = ordered(bench, ADD)
    bench.advance(100)
    bench.restart()
    bench.car.is_awake = True
    bench.advance(150)
    assert bench.commands().count(ADD) == 1
    assert end(bench, number) == OrderEnd(order_id=number, outcome=Outcome.APPLIED)
    assert ordered(bench) > number
    late = ordered(bench)
    bench.car.is_awake, bench.car.wakes_after_s = False, None
    bench.restart()
    bench.advance(EXPIRES_S + 1)
    found = end(bench, late)
    assert found is not None
    assert found.outcome is Outcome.NOT_DELIVERED


def test_an_order_under_way_at_a_restart_may_have_been_done_and_is_not_sent_again() -> None:
    bench = awake()
    number = ordered(bench, ADD)
    assert bench.commands() == [ADD]
    bench.restart()
    assert end(bench, number) == OrderEnd(order_id=number, outcome=Outcome.UNCONFIRMED, cause=Cause.RESTARTED)
    bench.advance(3600)
    assert bench.commands() == [ADD]


def test_a_remembered_order_under_way_that_is_known_no_more_ends_nothing() -> None:
    exchange = Exchange(id=7, command=ADD, sent_at=NOON, order_id=5)
    bench = Bench(memory=remembered(facts_of(), mode=Mode.OFF, exchange=exchange))
    assert bench.vehicle.order_ends == ()
    assert ordered(bench) > 7


@pytest.mark.parametrize("name", sorted(SCHEDULING))
def test_a_car_that_was_given_other_plans_is_read_again(name: CommandName) -> None:
    bench = awake()
    reads = bench.data_reads()
    ordered(bench, Command(name))
    bench.advance(30)
    assert bench.data_reads() == reads + 1
