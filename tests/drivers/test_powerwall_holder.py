"""Two who hold one battery and keep one book: the gateway, and somebody at the command line."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.powerwall_home import SITE, Energy, at_home

from sunbox.dialects.powerwall.facts import SiteInfo
from sunbox.dialects.powerwall.hold_book import Book, Manner
from sunbox.dialects.powerwall.hold_kept import book_from_json
from sunbox.dialects.tesla.outcomes import Failed
from sunbox.drivers.powerwall.cloud import CloudSite
from sunbox.drivers.powerwall.holder import Holder
from sunbox.drivers.tesla.client import TeslaClient
from sunbox.drivers.tesla.settings import TeslaAccountSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.net.http import client_factory
from sunbox.simulator.tesla_tokens import FIRST_REFRESH


@dataclass
class Paper:
    """The book that both keep."""

    text: str | None = None

    def load(self) -> Mapping[str, Any] | None:
        return None if self.text is None else json.loads(self.text)

    async def save(self, document: Mapping[str, Any]) -> None:
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
