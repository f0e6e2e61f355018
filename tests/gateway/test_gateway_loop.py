"""The loop: what is durable before what, how a gateway ends, what a broken driver or event costs."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs
from tests.core.bench import NOON, after_s
from tests.gateway.doubles import StoreDouble, live, running

from sunbox.core.commands import Cause, CommandName, Outcome
from sunbox.core.events import CommandEnded, Event, MeterRead, ReadFailed
from sunbox.core.model import MeterReading, Mode, Override
from sunbox.core.wallbox import Accepted, Rejected, Request
from sunbox.errors import StoreError
from sunbox.gateway.gateway import STOP_GRACE_S, Gateway
from sunbox.gateway.journal import Journal

CHARGE = Request(loadpoint_id="carport", by="tlwb", override=Override.CHARGE, amps_a=8)
STOP = Request(loadpoint_id="carport", by="tlwb", override=Override.STOP)


class Keeping(Journal):
    """A journal that keeps the events themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def add(self, before, event, after, effects) -> None:
        self.events.append(event)
        super().add(before, event, after, effects)


def test_what_is_sent_was_durable_before() -> None:
    async def main() -> None:
        async with running() as rig:
            rig.gateway.request(CHARGE)
            await rig.until(lambda: rig.lp.is_flowing)
            rig.gateway.request(STOP)
            await rig.until(lambda: not rig.driver.car.is_charging)
            assert [effect.command.name for effect in rig.driver.sent] == [
                CommandName.SET_AMPS,
                CommandName.START,
                CommandName.STOP,
            ]
            assert rig.driver.unknown_to_the_store == []
            assert rig.driver.most_at_once == 1

    live(main)


def test_nothing_is_sent_when_nothing_can_be_remembered() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            rig.store.is_full = True
            rig.gateway.request(CHARGE)
            assert rig.task is not None
            with pytest.raises(StoreError, match="disk full"):
                await rig.task
            assert rig.driver.sent == []

    live(main)


def test_a_driver_that_breaks_leaves_a_command_unconfirmed() -> None:
    async def main() -> None:
        journal = Keeping()
        async with running(journal=journal) as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            rig.driver.breaks = ["send"]
            with capture_logs() as logs:
                rig.gateway.request(CHARGE)
                await rig.until(lambda: rig.lp.is_flowing)
            ended = [event for event in journal.events if isinstance(event, CommandEnded)]
            assert (ended[0].outcome, ended[0].cause) == (Outcome.UNCONFIRMED, Cause.BAD_ANSWER)
            assert any(entry["event"] == "a driver failed" for entry in logs)
            assert rig.driver.car.current_a == 8.0

    live(main)


def test_a_driver_that_breaks_leaves_a_read_failed_and_is_asked_again() -> None:
    async def main() -> None:
        journal = Keeping()
        async with running(journal=journal) as rig:
            rig.driver.breaks = ["read"]
            with capture_logs():
                await rig.until(lambda: rig.lp.is_plugged)
            failed = [event for event in journal.events if isinstance(event, ReadFailed)]
            assert [event.cause for event in failed] == [Cause.BAD_ANSWER]

    live(main)


def test_a_device_without_a_driver_is_no_end_of_the_loop() -> None:
    async def main() -> None:
        async with running() as rig:
            rig.gateway._drivers.pop("car")
            with capture_logs():
                await asyncio.sleep(100)
            assert rig.gateway.faults == 0
            assert rig.task is not None
            assert not rig.task.done()

    live(main)


def test_a_broken_event_costs_itself_alone() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            before = rig.gateway.state
            with capture_logs() as logs:
                reading = MeterReading(measured_at=rig.clock.now(), grid_w=1.0)
                rig.gateway.feed(MeterRead(at=rig.clock.now(), meter_id="no such meter", reading=reading))
            assert rig.gateway.faults == 1
            assert rig.gateway.state is before
            assert [entry["log_level"] for entry in logs] == ["error"]
            rig.gateway.request(CHARGE)
            await rig.until(lambda: rig.lp.is_flowing)
            assert rig.gateway.faults == 1

    live(main)


def test_before_it_begins_there_is_no_state() -> None:
    gateway = Gateway(None, {}, clock=None, store=StoreDouble(), journal=Journal())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="begun"):
        _ = gateway.state


def test_time_alone_wakes_it_when_it_is_due() -> None:
    async def main() -> None:
        async with running() as rig:
            rig.gateway.request(Request(loadpoint_id="carport", by="x", override=Override.STOP, until_at=after_s(95)))
            await asyncio.sleep(94)
            assert rig.lp.override is Override.STOP
            await asyncio.sleep(2)
            assert rig.lp.override is Override.NONE

    live(main)


# Stopping -------------------------------------------------------------------------------------------------------------


def test_a_stop_lets_the_request_under_way_end_and_keeps_its_end() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            rig.driver.takes_s = STOP_GRACE_S / 2
            rig.gateway.request(CHARGE)
            await rig.until(lambda: len(rig.driver.sent) == 1)
            began_s = asyncio.get_running_loop().time()
            assert isinstance(await rig.stop(), asyncio.CancelledError)
            assert asyncio.get_running_loop().time() - began_s < STOP_GRACE_S
            assert rig.driver.car.amps_a == 8
            memory = rig.store.memory.vehicles["car"]
            assert memory.facts is not None
            assert memory.facts.amps_requested_a == 8
            assert rig.store.memory.loadpoints["carport"].wish.override is Override.CHARGE
            assert len(rig.driver.sent) == 1  # nothing more is begun
            assert rig.driver.is_closed
            assert rig.meter.is_closed

    live(main)


def test_a_request_that_does_not_end_is_given_up_and_remembered() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            rig.driver.takes_s = 100 * STOP_GRACE_S
            rig.gateway.request(CHARGE)
            await rig.until(lambda: len(rig.driver.sent) == 1)
            began_s = asyncio.get_running_loop().time()
            await rig.stop()
            assert asyncio.get_running_loop().time() - began_s == pytest.approx(STOP_GRACE_S, abs=2)
            exchange = rig.store.memory.vehicles["car"].exchange
            assert exchange is not None
            assert exchange.command == rig.driver.sent[0].command
            assert rig.driver.is_closed

    live(main)


def test_a_new_gateway_goes_on_with_the_wish_of_the_old() -> None:
    async def main() -> None:
        async with running() as old:
            await old.until(lambda: old.lp.is_plugged)
            old.gateway.request(CHARGE)
            await asyncio.sleep(0.5)
        async with running(after=old) as rig:
            assert rig.lp.override is Override.CHARGE
            await rig.until(lambda: rig.lp.is_flowing)
            assert rig.driver.car.current_a == 8.0

    live(main)


# What faces may do ----------------------------------------------------------------------------------------------------


def test_settled_when_the_wish_is_applied() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            reply = rig.gateway.request(CHARGE)
            assert isinstance(reply, Accepted)
            assert not rig.lp.is_settled
            assert not await rig.gateway.settled("carport", reply.version, 0.5)
            assert await rig.gateway.settled("carport", reply.version, 120)
            assert rig.driver.car.is_charging
            assert rig.lp.is_settled

    live(main)


def test_settled_at_once_when_there_is_nothing_to_do() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            reply = rig.gateway.request(Request(loadpoint_id="carport", by="x", mode=Mode.OFF))
            assert isinstance(reply, Accepted)
            began_s = asyncio.get_running_loop().time()
            assert await rig.gateway.settled("carport", reply.version, 30)
            assert asyncio.get_running_loop().time() == began_s

    live(main)


def test_a_version_that_is_not_there_yet_is_waited_for_in_vain() -> None:
    async def main() -> None:
        async with running() as rig:
            began_s = asyncio.get_running_loop().time()
            assert not await rig.gateway.settled("carport", 99, 25)
            assert asyncio.get_running_loop().time() - began_s == pytest.approx(25)

    live(main)


def test_a_rejected_request_is_no_event() -> None:
    async def main() -> None:
        journal = Keeping()
        async with running(journal=journal) as rig:
            count = len(journal.events)
            reply = rig.gateway.request(Request(loadpoint_id="carport", by="x", amps_a=99, mode=Mode.OFF))
            assert isinstance(reply, Rejected)
            assert len(journal.events) == count
            assert rig.lp.mode is Mode.PV

    live(main)


def test_changed_wakes_everybody_once_a_change() -> None:
    async def main() -> None:
        async with running() as rig:
            await asyncio.sleep(1)
            waiting = [asyncio.create_task(rig.gateway.changed()) for _ in range(3)]
            await asyncio.sleep(0)
            assert not any(task.done() for task in waiting)
            rig.gateway.request(STOP)
            await asyncio.wait_for(asyncio.gather(*waiting), 0.01)
            late = asyncio.create_task(rig.gateway.changed())
            await asyncio.sleep(0)
            assert not late.done()
            late.cancel()

    live(main)


def test_a_client_may_push_a_reading() -> None:
    async def main() -> None:
        async with running() as rig:
            await asyncio.sleep(1)
            rig.gateway.report("house", MeterReading(measured_at=rig.clock.now(), grid_w=-777.0))
            assert rig.gateway.snapshot().grid_w == -777.0
            for other in ("nowhere", "model3"):
                with pytest.raises(KeyError):
                    rig.gateway.report(other, MeterReading(measured_at=NOON))

    live(main)


def test_a_snapshot_contacts_nobody() -> None:
    async def main() -> None:
        async with running() as rig:
            await rig.until(lambda: rig.lp.is_plugged)
            await asyncio.sleep(5)
            rig.driver.most_at_once = 0
            for _ in range(1000):
                rig.gateway.snapshot()
            await asyncio.sleep(1)
            assert rig.driver.most_at_once == 0

    live(main)
