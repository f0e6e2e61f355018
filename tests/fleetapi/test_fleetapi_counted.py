"""What `fleetapi` sends with the login of a gateway is listed for its bill, request by request; else nothing is."""

from __future__ import annotations

from collections import Counter

import pytest
from fleet_bench import Bench
from tests.powerwall_home import SITE, served_home

from sunbox.core.commands import RequestKind
from sunbox.drivers.tesla.by_hand import SentByHand
from sunbox.fleetapi import FleetAPI, FleetUnreachableError
from sunbox.fleetapi.command import main
from sunbox.simulator.tesla_cloud import CloudSettings


def listed(bench: Bench, site: int = SITE) -> dict[RequestKind, int]:
    counts: Counter[RequestKind] = Counter()
    for entry in SentByHand(bench.path).after(site, 0):
        counts[entry.kind] += entry.count
    return dict(counts)


def billed(bench: Bench) -> dict[RequestKind, int]:
    return {kind: count for kind, count in bench.home.cloud.bill.total.billed.items() if count}


@pytest.fixture
def reckoned(bench: Bench) -> Bench:
    SentByHand(bench.path).make(bench.clock.now())
    return bench


def tell(bench: Bench, words: str) -> int:
    return main([*words.split(), "--config", str(bench.path)])


def test_alone_nothing_is_listed(bench: Bench) -> None:
    assert tell(bench, "status") == 0
    assert not SentByHand(bench.path).path.exists()


@pytest.mark.parametrize(
    "words", ["sites", "status", "info", "getmode", "getreserve", "setmode auto", "setreserve current"]
)
def test_each_command_is_listed_as_it_is_billed(reckoned: Bench, words: str) -> None:
    assert tell(reckoned, words) == 0
    assert listed(reckoned) == billed(reckoned)
    assert bool(listed(reckoned)) == (words != "sites")


FAULTS = (
    "rate_limited",
    "server_error",
    "write_refused",
    "no_object",
    "unpaid",
    "missing_scopes",
    "unregistered",
    "html_ok",
    "incomplete",
    "site_gone",
    "token_expired",
)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("words", ["setreserve 30", "info"])
def test_what_fails_is_listed_where_it_is_billed(reckoned: Bench, kind: str, words: str) -> None:
    reckoned.home.cloud.add_faults([{"kind": kind, "count": 1}])
    tell(reckoned, words)
    assert listed(reckoned) == billed(reckoned), kind


def test_what_is_not_answered_may_have_been_billed(reckoned: Bench) -> None:
    reckoned.home.cloud.add_faults([{"kind": "lost_reply", "count": 1}])
    with FleetAPI(reckoned.path, timeout=0.2) as fleet, pytest.raises(FleetUnreachableError):
        fleet.set_battery_reserve(30)
    assert listed(reckoned) == billed(reckoned) == {RequestKind.COMMAND: 1}


def test_a_token_that_is_renewed_is_paid_for_twice(tmp_path) -> None:
    with served_home(CloudSettings(slow_s=(0.0, 0.0), quick_s=(0.0, 0.0))) as (url, home, clock):
        bench = Bench(url, home, clock, tmp_path)
        bench.write(access_token="old")
        SentByHand(bench.path).make(clock.now())
        assert tell(bench, "getreserve") == 0
        assert listed(bench) == billed(bench) == {RequestKind.DATA: 2}


def test_what_did_not_arrive_costs_nothing(reckoned: Bench) -> None:
    reckoned.write(AUDIENCE="http://127.0.0.1:9")
    assert tell(reckoned, "status") == 1
    assert listed(reckoned) == {}


def test_a_list_that_cannot_be_written_stops_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    SentByHand(bench.path).path.write_text("nonsense, and longer than the head of a database" * 50)
    assert tell(bench, "getmode") == 0
    told = capsys.readouterr()
    assert told.out == "self_consumption\n"
    assert "not counted" in told.err
