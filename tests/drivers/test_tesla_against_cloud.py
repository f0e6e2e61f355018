"""The Tesla driver against the simulated cloud, in virtual time: what the driver says is what happened, and what it cost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tesla_wire import AUTH, BASE, VIN

from sunbox.core.commands import KIND_OF, Cause, Command, CommandName, Outcome, ReadKind, RequestKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, ReadFailed, VehicleRead
from sunbox.core.model import Availability, Charging, Weekday
from sunbox.drivers.tesla.driver import TeslaDriver
from sunbox.drivers.tesla.settings import TeslaAccountSettings, TeslaVehicleSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.errors import SunboxError
from sunbox.net.http import client_factory
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_tokens import FIRST_ACCESS, FIRST_REFRESH

EPOCH = datetime(2026, 6, 1, 12, tzinfo=UTC)
WAKE, START, STOP = (Command(name) for name in (CommandName.WAKE, CommandName.START, CommandName.STOP))


def amps(value: int) -> Command:
    return Command(CommandName.SET_AMPS, value)


def limit(value: int) -> Command:
    return Command(CommandName.SET_LIMIT, value)


class Garage:
    """A car, its cloud, and a driver that reaches it in process. Counts what the driver says it cost."""

    def __init__(self, folder: Path, *, cloud: CloudSettings | None = None, **car: Any) -> None:
        self.clock = LoopClock(EPOCH)
        self.path = folder / "tokens.json"
        self.car = TeslaCar(vin=VIN, now=self.clock.now, **({"charges_at_plug_in": False} | car))
        self.cloud = TeslaCloud(self.clock, [self.car], sync=self.sync, settings=cloud)
        self.seen_at = EPOCH
        self.told: Counter[RequestKind] = Counter()
        if not self.path.exists():
            self.path.touch(0o600)
            first = {
                "access_token": FIRST_ACCESS,
                "refresh_token": FIRST_REFRESH,
                "expires_at": (EPOCH + timedelta(seconds=self.cloud.settings.access_lasts_s)).isoformat(),
                "client_id": "sunbox",
            }
            self.path.write_text(json.dumps(first))
        self.restart()

    def restart(self) -> None:
        """Begin a new process: nothing is known but the file."""
        clients = client_factory(apps={BASE: self.cloud.app, AUTH: self.cloud.app})
        self.account = TeslaAccount(
            TeslaAccountSettings(account=self.path, base_url=BASE, auth_url=AUTH), clients, self.clock
        )
        self.driver = TeslaDriver("zora", TeslaVehicleSettings(vin=VIN), self.account, clients, self.clock)

    def sync(self) -> None:
        now = self.clock.now()
        while self.seen_at < now:
            step = min(timedelta(seconds=1), now - self.seen_at)
            self.seen_at += step
            self.car.advance(step.total_seconds())

    async def pass_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.sync()

    async def send(self, command: Command) -> CommandEnded:
        ended = await self.driver.send(Send(device_id="zora", exchange_id=1, command=command))
        self.told[command.kind] += ended.billed
        return ended

    async def read(self, what: ReadKind) -> VehicleRead | ReadFailed:
        event = await self.driver.read(Read(device_id="zora", exchange_id=1, what=what))
        self.told[KIND_OF[what]] += event.billed
        return event

    async def facts(self):
        event = await self.read(ReadKind.DATA)
        assert isinstance(event, VehicleRead), event
        assert event.facts is not None
        return event.facts

    def assert_bill(self) -> None:
        """Assert that the driver told exactly what Tesla charges for."""
        for kind in (RequestKind.DATA, RequestKind.COMMAND, RequestKind.WAKE):
            assert self.told[kind] == self.cloud.bill.count(kind), kind


def play(folder: Path, act: Callable[[Garage], Awaitable[None]], **garage: Any) -> None:
    async def main() -> None:
        scene = Garage(folder, **garage)
        await act(scene)
        await scene.driver.close()
        scene.assert_bill()

    run_in(VirtualTimeLoop, main())


def test_each_command_does_what_it_says(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        assert (await garage.send(limit(60))).outcome is Outcome.APPLIED
        assert (await garage.send(limit(60))).outcome is Outcome.ALREADY_SET
        assert (await garage.send(amps(8))).outcome is Outcome.APPLIED
        assert (await garage.send(STOP)).outcome is Outcome.ALREADY_SET
        assert (await garage.send(START)).outcome is Outcome.APPLIED
        await garage.pass_s(60)
        facts = await garage.facts()
        assert (facts.charging, facts.limit_soc_pct, facts.amps_requested_a) == (Charging.CHARGING, 60, 8)
        assert facts.actual_a == 8
        assert (await garage.send(START)).outcome is Outcome.ALREADY_SET
        assert (await garage.send(STOP)).outcome is Outcome.APPLIED
        await garage.pass_s(60)
        assert (await garage.facts()).charging is Charging.STOPPED

    play(tmp_path, act, soc_pct=50)


@pytest.mark.parametrize(
    ("car", "cause"),
    [({"is_plugged": False}, Cause.DISCONNECTED), ({"soc_pct": 70.0, "limit_pct": 60}, Cause.COMPLETE)],
)
def test_refusals_of_the_car(tmp_path: Path, car: dict[str, Any], cause: Cause) -> None:
    async def act(garage: Garage) -> None:
        ended = await garage.send(START)
        assert (ended.outcome, ended.cause, ended.billed) == (Outcome.REFUSED, cause, 1)

    play(tmp_path, act, **car)


@pytest.mark.parametrize("sleeps_as", [Availability.ASLEEP, Availability.OFFLINE])
def test_a_sleeping_car_is_seen_for_free_and_woken_once(tmp_path: Path, sleeps_as: Availability) -> None:
    async def act(garage: Garage) -> None:
        assert await garage.driver.probe() == f"Tesla …700000 is {sleeps_as.value}"
        for _ in range(3):
            event = await garage.read(ReadKind.STATE)
            assert isinstance(event, VehicleRead)
            assert (event.availability, event.billed) == (sleeps_as, 0)
        asleep = await garage.send(START)
        assert (asleep.outcome, asleep.cause, asleep.billed) == (Outcome.NOT_DELIVERED, Cause.ASLEEP, 1)
        failed = await garage.read(ReadKind.DATA)
        assert isinstance(failed, ReadFailed)
        assert (failed.cause, failed.billed) == (Cause.ASLEEP, 1)
        assert garage.car.is_asleep
        assert (await garage.send(WAKE)).outcome is Outcome.UNCONFIRMED
        await garage.pass_s(70)
        event = await garage.read(ReadKind.STATE)
        assert isinstance(event, VehicleRead)
        assert event.availability is Availability.ONLINE
        assert (await garage.send(START)).outcome is Outcome.APPLIED
        assert +garage.told == {RequestKind.WAKE: 1, RequestKind.COMMAND: 2, RequestKind.DATA: 1}

    play(tmp_path, act, is_asleep=True, sleeps_as=sleeps_as)


def test_an_access_token_is_renewed_before_it_ends_and_costs_nothing(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        for _ in range(30):
            await garage.pass_s(3600)
            assert isinstance(await garage.read(ReadKind.STATE), VehicleRead)
        calls = garage.cloud.bill.total.calls
        assert (calls["token"], calls["vehicle"]) == (3, 30)  # no request was refused and repeated

    play(tmp_path, act)


def test_an_access_token_that_ends_on_its_way_is_renewed_and_the_request_repeated(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([{"kind": "token_expired", "endpoint": "charge_start"}])
        ended = await garage.send(START)
        assert (ended.outcome, ended.billed) == (Outcome.APPLIED, 2)
        assert [request.endpoint for request in garage.cloud.bill.requests] == ["charge_start", "token", "charge_start"]

    play(tmp_path, act)


@pytest.mark.parametrize("strict", [False, True])
def test_tokens_rotate_for_ever(tmp_path: Path, strict: bool) -> None:
    async def act(garage: Garage) -> None:
        for _ in range(5):
            garage.cloud.add_faults([{"kind": "token_expired", "endpoint": "vehicle_data"}])
            await garage.facts()
            garage.restart()
        assert garage.cloud.bill.total.calls["token"] == 5

    play(tmp_path, act, cloud=CloudSettings(strict_refresh=strict))


def test_a_process_killed_between_receiving_and_saving_needs_no_login(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        before = garage.path.read_bytes()
        garage.cloud.add_faults([{"kind": "token_expired", "endpoint": "charge_start"}])
        await garage.account.renew(FIRST_ACCESS)  # received and saved …
        garage.path.write_bytes(before)  # … but the disk never got it, and the access token was never used
        garage.restart()
        ended = await garage.send(START)
        assert (ended.outcome, ended.billed) == (Outcome.APPLIED, 2)

    play(tmp_path, act)


def test_strict_rotation_ends_in_a_clear_login_required(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        before = garage.path.read_bytes()
        await garage.account.renew(FIRST_ACCESS)
        garage.path.write_bytes(before)
        garage.restart()
        garage.cloud.add_faults([{"kind": "token_expired", "endpoint": "charge_start"}])
        ended = await garage.send(START)
        assert (ended.outcome, ended.cause, ended.billed) == (Outcome.NOT_DELIVERED, Cause.LOGIN_REQUIRED, 1)
        assert "sunbox setup tesla" in ended.detail

    play(tmp_path, act, cloud=CloudSettings(strict_refresh=True))


def test_revoked_is_login_required(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([{"kind": "login_required"}])
        with pytest.raises(SunboxError, match="sunbox setup tesla"):
            await garage.driver.probe()
        failed = await garage.read(ReadKind.DATA)
        assert isinstance(failed, ReadFailed)
        assert (failed.cause, failed.billed) == (Cause.LOGIN_REQUIRED, 1)
        garage.cloud.clear_faults()
        assert (await garage.facts()).charging is Charging.STOPPED

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("fault", "outcome", "cause", "retry_after_s", "billed"),
    [
        ({"kind": "asleep"}, Outcome.NOT_DELIVERED, Cause.ASLEEP, None, 1),
        ({"kind": "asleep_while_online"}, Outcome.NOT_DELIVERED, Cause.ASLEEP, None, 1),
        ({"kind": "rate_limited"}, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, None, 1),
        ({"kind": "rate_limited", "retry_after_s": 90}, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, 90.0, 1),
        (
            {"kind": "rate_limited", "retry_after_s": 37829, "as_text": True},
            Outcome.NOT_DELIVERED,
            Cause.RATE_LIMITED,
            37829.0,
            1,
        ),
        ({"kind": "server_error", "status": 503, "html": True}, Outcome.NOT_DELIVERED, Cause.SERVER_ERROR, None, 0),
        ({"kind": "server_error", "status": 504, "applied": True}, Outcome.UNCONFIRMED, Cause.SERVER_ERROR, None, 0),
        ({"kind": "proxy_asleep"}, Outcome.NOT_DELIVERED, Cause.ASLEEP, None, 0),
        ({"kind": "limit_exceeded"}, Outcome.NOT_DELIVERED, Cause.LIMIT_EXCEEDED, 900.0, 1),
        ({"kind": "unsigned"}, Outcome.REFUSED, Cause.UNSIGNED, None, 1),
        ({"kind": "in_service"}, Outcome.NOT_DELIVERED, Cause.IN_SERVICE, 60.0, 1),
        ({"kind": "busy"}, Outcome.NOT_DELIVERED, Cause.BUSY, 5.0, 1),
        ({"kind": "no_power"}, Outcome.REFUSED, Cause.NO_POWER, None, 1),
    ],
)
def test_faults_of_the_cloud(
    tmp_path: Path,
    fault: dict[str, Any],
    outcome: Outcome,
    cause: Cause,
    retry_after_s: float | None,
    billed: int,
) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([fault])
        ended = await garage.send(START)
        assert (ended.outcome, ended.cause, ended.retry_after_s, ended.billed) == (
            outcome,
            cause,
            retry_after_s,
            billed,
        )
        assert (await garage.send(START)).outcome in {Outcome.APPLIED, Outcome.ALREADY_SET}

    play(tmp_path, act)


def test_a_lost_reply_is_unconfirmed_after_the_time_allowed_and_billed(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([{"kind": "lost_reply", "endpoint": "charge_start"}])
        ended = await garage.send(START)
        assert (ended.outcome, ended.cause, ended.billed) == (Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1)
        assert (ended.at - EPOCH).total_seconds() == pytest.approx(15.0)
        await garage.pass_s(60)
        assert (await garage.facts()).charging is Charging.CHARGING  # it was carried out

    play(tmp_path, act)


def test_a_lost_request_is_unconfirmed_and_counted_to_be_safe(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([{"kind": "lost_request", "endpoint": "charge_start"}])
        ended = await garage.send(START)
        assert (ended.outcome, ended.cause, ended.billed) == (Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1)
        assert garage.cloud.bill.count(RequestKind.COMMAND) == 0  # nobody here can know that
        garage.told.clear()
        assert (await garage.facts()).charging is Charging.STOPPED

    play(tmp_path, act)


def test_a_lost_answer_to_a_read_is_a_failure_and_billed(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([{"kind": "lost_reply", "endpoint": "vehicle_data"}])
        failed = await garage.read(ReadKind.DATA)
        assert isinstance(failed, ReadFailed)
        assert (failed.cause, failed.billed) == (Cause.NO_ANSWER, 1)

    play(tmp_path, act)


def test_a_cloud_that_breaks_off_is_no_answer(tmp_path: Path) -> None:
    async def act(garage: Garage) -> None:
        garage.cloud.add_faults([{"kind": "lost_reply", "endpoint": "charge_start"}])
        ended = await garage.send(START)
        assert (ended.outcome, ended.cause) == (Outcome.UNCONFIRMED, Cause.NO_ANSWER)
        assert (ended.at - EPOCH).total_seconds() < 5

    # the cloud closes the connection before the driver gives up
    play(tmp_path, act, cloud=CloudSettings(hang_s=3.0))


def test_the_schedules_of_the_car_come_with_its_data_at_no_further_cost(tmp_path: Path) -> None:
    noon = {
        "lat": 52.394,
        "lon": 13.542,
        "days_of_week": "Sat,Sun",
        "name": "Noon",
        "id": 7,
        "start_enabled": True,
        "start_time": 660,
        "end_enabled": False,
        "enabled": True,
        "one_time": False,
    }

    async def act(garage: Garage) -> None:
        assert (await garage.facts()).details.schedules == ()
        added = await garage.send(Command(CommandName.ADD_SCHEDULE, details=tuple(noon.items())))
        assert added.outcome is Outcome.APPLIED
        (schedule,) = (await garage.facts()).details.schedules
        assert (schedule.id, schedule.name, schedule.days) == (7, "Noon", (Weekday.SUN, Weekday.SAT))
        assert (schedule.starts, schedule.start_min, schedule.ends, schedule.is_enabled) == (True, 660, False, True)
        assert (schedule.latitude, schedule.longitude) == (52.394, 13.542)
        assert garage.cloud.bill.count(RequestKind.DATA) == 2
        assert (
            await garage.send(Command(CommandName.REMOVE_SCHEDULE, details=(("id", 7),)))
        ).outcome is Outcome.APPLIED
        assert (await garage.facts()).details.schedules == ()

    play(tmp_path, act)


def test_the_standard_transport_tells_the_same(tmp_path: Path) -> None:
    """httpx2's own in-process transport is the witness for ours."""

    async def act(garage: Garage) -> None:
        transport = httpx2.ASGITransport(garage.cloud.app)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
            headers = {"authorization": f"Bearer {FIRST_ACCESS}"}
            answer = await client.post(f"/api/1/vehicles/{VIN}/command/charge_start", json={}, headers=headers)
            assert answer.json()["response"]["result"] is True
        garage.told[RequestKind.COMMAND] += 1
        await garage.pass_s(60)
        assert (await garage.send(START)).outcome is Outcome.ALREADY_SET

    play(tmp_path, act)
