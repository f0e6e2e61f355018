"""Two who hold one battery and keep one book: the gateway, and somebody at the command line."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.powerwall_home import SITE, Energy, at_home

from sunbox.clock import Clock
from sunbox.dialects.powerwall import table
from sunbox.dialects.powerwall.facts import SiteInfo
from sunbox.dialects.powerwall.hold_book import Book, Manner
from sunbox.dialects.powerwall.hold_kept import book_from_json
from sunbox.dialects.tesla.outcomes import Failed
from sunbox.dialects.tesla.table import Endpoint
from sunbox.drivers.powerwall.cloud import CloudSite
from sunbox.drivers.powerwall.holder import Holder
from sunbox.drivers.tesla.client import Answered, TeslaClient
from sunbox.drivers.tesla.settings import TeslaAccountSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.errors import StoreError, SunboxError
from sunbox.net.http import client_factory
from sunbox.simulator.tesla_tokens import FIRST_REFRESH


@dataclass
class Paper:
    """The book that both keep."""

    text: str | None = None
    is_full: bool = False  #: the disk

    def load(self) -> Mapping[str, Any] | None:
        return None if self.text is None else json.loads(self.text)

    async def save(self, document: Mapping[str, Any]) -> None:
        if self.is_full:
            raise StoreError("the disk is full")
        self.text = json.dumps(document)

    @property
    def book(self) -> Book:
        return book_from_json(self.load())


class Watched(CloudSite):
    """A site; something happens just before, or just after, it says for the first time how it is set."""

    before: Callable[[], Awaitable[Any]] | None = None
    after: Callable[[], Awaitable[Any]] | None = None

    async def info(self) -> SiteInfo | Failed:
        if (first := self.before) is not None:
            self.before = None
            await first()
        found = await super().info()
        if (then := self.after) is not None:
            self.after = None
            await then()
        return found


@dataclass
class Both:
    home: Energy
    folder: Path
    paper: Paper = field(default_factory=Paper)

    def holder(self) -> tuple[Holder, Watched]:
        tokens = self.folder / "tokens.json"
        if not tokens.exists():
            tokens.touch(mode=0o600)
            tokens.write_text(json.dumps({"refresh_token": FIRST_REFRESH, "client_id": "simulated"}))
        clients = client_factory(apps={"http://tesla.test": self.home.cloud.app})
        settings = TeslaAccountSettings(account=tokens, base_url="http://tesla.test", auth_url="http://tesla.test")
        clock = self.home.cloud.clock
        site = Watched(SITE, TeslaClient(TeslaAccount(settings, clients, clock), clients), clock)
        return Holder("powerwall", site, Manner(), self.paper, clock, ZoneInfo("Europe/Berlin")), site

    @property
    def told(self) -> list[int]:
        return [
            each.body["backup_reserve_percent"]
            for each in self.home.cloud.bill.requests
            if each.endpoint == "backup" and each.body is not None
        ]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hold_that_the_gateway_takes_in_the_middle_of_one_by_hand_keeps_what_the_owner_had(
    when: str, tmp_path: Path
) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        (gateway, _), (hand, hands_site) = both.holder(), both.holder()

        async def gateway_takes_it() -> None:
            gateway.want(is_held=True)
            await gateway.round()

        setattr(hands_site, when, gateway_takes_it)
        await hand.by_hand(is_held=True)
        if not hand.book.entries:
            await hand.forget_hand()
        (entry,) = both.paper.book.entries
        assert entry.original == 20
        assert len(both.told) == 1
        gateway.want(is_held=False)
        await hand.by_hand(is_held=False)
        for _ in range(3):
            await home.live(3700)  # then nothing can be on its way any more
            await gateway.round()
        assert both.home.battery.shown.reserve_pct == 20
        assert both.paper.book.entries == ()

    at_home(body)


def test_what_is_seen_is_not_acted_on_before_it_is_noted(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        (gateway, gateways_site), (hand, _) = both.holder(), both.holder()
        gateway.want(is_held=True)
        await gateway.round()
        held = both.told[-1]
        await home.live(60)
        await gateway.round()
        home.battery.tell(reserve_pct=33)  # the owner

        async def hand_looks() -> None:
            await hand.by_hand(is_held=True)

        gateways_site.after = hand_looks
        await home.live(200)
        await gateway.round()
        await home.live(700)
        await gateway.round()
        assert both.told == [held]
        assert home.battery.shown.reserve_pct == 33

    at_home(body)


@pytest.mark.parametrize("apply_s", [0.0, 900.0])
def test_on_a_full_disk_it_is_given_back_once_and_not_held(apply_s: float, tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        gateway, _ = both.holder()
        gateway.want(is_held=True)
        await gateway.round()
        await home.live(40)
        await gateway.round()
        both.paper.is_full = True
        home.battery.manner.apply_s = apply_s
        gateway.want(is_held=False)
        for _ in range(25):
            await home.live(60)
            await gateway.round()
        assert home.battery.shown.reserve_pct == 20
        assert both.told[1] == 20
        assert len(both.told) <= 4  # told again as ever, and not at each look
        assert "the disk is full" in (gateway.problem or "")
        gateway.want(is_held=True)
        await home.live(4000)
        await gateway.round()
        assert home.battery.shown.reserve_pct == 20
        gateway.want(is_held=False)
        both.paper.is_full = False
        for _ in range(3):
            await home.live(700)
            await gateway.round()
        assert (both.paper.book.entries, gateway.problem) == ((), None)

    at_home(body)


def test_a_book_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        both.paper.text = text = '{"entries": [{"part": "of a later version"}]}'
        gateway, _ = both.holder()
        gateway.want(is_held=True)
        for _ in range(2):
            await gateway.round()
            await home.live(100)
        assert (both.paper.text, both.told) == (text, [])
        assert "sunbox battery release" in (gateway.problem or "")
        hand, _ = both.holder()
        with pytest.raises(SunboxError, match=r"sunbox battery release"):
            await hand.by_hand(is_held=True)
        await hand.by_hand(is_held=False)
        await gateway.round()
        assert gateway.problem is None
        assert len(both.told) == 1

    at_home(body)


def test_what_was_seen_before_another_wrote_in_the_book_is_no_ground(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        (gateway, _), (hand, _) = both.holder(), both.holder()
        gateway.want(is_held=True)
        await gateway.round()
        await home.live(31)
        await gateway.round()  # it sees its own reserve
        home.battery.energy_wh *= 1.1  # the sun was strong
        await hand.by_hand(is_held=False)
        await hand.look(flows=False)
        await hand.round()
        assert home.battery.shown.reserve_pct == 20
        await gateway.round()
        assert {entry.original for entry in both.paper.book.entries} <= {20}

    at_home(body)


def test_no_answer_keeps_it_waiting_for_days(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        gateway, _ = both.holder()
        gateway.want(is_held=True)
        await gateway.round()
        home.cloud.add_faults([{"kind": "rate_limited", "count": 1, "retry_after_s": 9_000_000}])
        gateway.want(is_held=False)
        await home.live(100)
        await gateway.round()
        await home.live(3700)
        await gateway.round()
        assert home.battery.shown.reserve_pct == 20

    at_home(body)


class Put:
    """A clock that is put, as one without a battery is at the start."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.by = clock, timedelta()

    def now(self) -> datetime:
        return self.clock.now() + self.by


@pytest.mark.parametrize("by_h", [-30, 30])
def test_a_hold_on_its_way_is_given_back_though_the_clock_is_put(by_h: int, tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        both = Both(home, tmp_path)
        gateway, _ = both.holder()
        clock = gateway._clock = Put(home.cloud.clock)
        home.battery.manner.apply_s = 900.0
        gateway.want(is_held=True)
        await gateway.round()
        await home.live(100)
        clock.by = timedelta(hours=by_h)
        gateway.want(is_held=False)
        for _ in range(80):
            await gateway.round()
            await home.live(60)
        assert home.battery.shown.reserve_pct == 20
        assert both.paper.book.entries == ()

    at_home(body)


@pytest.mark.parametrize(
    ("status", "document", "may_be_done"),
    [
        (408, {}, True),
        (202, {}, True),
        (500, {}, True),
        (403, {}, False),
        (429, {}, False),
        (200, {"response": {"Code": 504, "Message": "timeout"}}, True),
        (200, {"response": {"code": 403, "message": "no"}}, False),
        (200, {"response": {"result": False}}, False),
    ],
)
def test_what_may_come_of_a_write(status: int, document: dict[str, Any], may_be_done: bool, tmp_path: Path) -> None:
    class Deaf(TeslaClient):
        async def call(self, row: Endpoint, vin: str, fields: Mapping[str, Any] | None = None) -> Answered:
            return Answered(status=status, headers={}, body=json.dumps(document).encode(), billed_before=0)

    async def body(home: Energy) -> None:
        _, watched = Both(home, tmp_path).holder()
        client = Deaf(watched._client._account, watched._client._clients)
        site = CloudSite(SITE, client, home.cloud.clock)
        written = await site.write(table.BACKUP, {"backup_reserve_percent": 30})
        assert (written.is_taken, written.may_be_done) == (False, may_be_done)

    at_home(body)
