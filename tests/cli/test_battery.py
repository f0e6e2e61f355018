"""`sunbox battery` against the simulated cloud, over loopback."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from structlog.testing import capture_logs
from tests.powerwall_home import SITE, Standing, served_home

from sunbox.app import REGISTRY, compose
from sunbox.cli import battery as command
from sunbox.config import load
from sunbox.core.commands import RequestKind
from sunbox.dialects.powerwall.facts import Mode
from sunbox.drivers.tesla.by_hand import SentByHand
from sunbox.net.http import client_factory
from sunbox.simulator.tesla_tokens import FIRST_REFRESH

CONFIG = """
site: {{name: Home, timezone: Europe/Berlin}}
tesla: {{account: tokens.json, base_url: "{url}", auth_url: "{url}"}}
meters:
  - {{id: powerwall, driver: powerwall, site: {site}, {more}}}
"""


@pytest.fixture
def tell(run, tmp_path, monkeypatch):
    """Return a home and what tells its battery."""
    monkeypatch.setattr(command, "READ_BACK_S", 0.01)
    with served_home() as (url, home, _):

        def make(*words: str, more: str = "interval_s: 60", site: int = SITE):
            path = tmp_path / "sunbox.yaml"
            path.write_text(CONFIG.format(url=url, site=site, more=more))
            tokens = tmp_path / "tokens.json"
            if not tokens.exists():
                tokens.touch(mode=0o600)
                tokens.write_text(json.dumps({"refresh_token": FIRST_REFRESH, "client_id": "simulated"}))
            return run("battery", "-c", path, *words)

        yield home, make


def test_status_tells_what_flows_and_how_it_is_set(tell) -> None:
    _, battery = tell
    ran = battery("status")
    assert ran.code == 0, ran.err
    for words in ("charge", "reserve", "20", "self_consumption", "storm watch", "held"):
        assert words in ran.out
    told = json.loads(battery("status", "--json").out)
    assert (told["reserve_pct"], told["mode"], told["hold"], told["site"]) == (20.0, "self_consumption", "no", SITE)
    assert told["solar_w"] + told["battery_w"] + told["grid_w"] == pytest.approx(told["load_w"], abs=0.1)


def test_reserve_and_mode_are_set_and_read_back(tell) -> None:
    home, battery = tell
    ran = battery("reserve", "35")
    assert (ran.code, ran.out.strip()) == (0, "reserve 35"), ran.err
    assert home.battery.shown.reserve_pct == 35
    ran = battery("reserve", "90")
    assert "still tells 80" in ran.out
    assert battery("mode", "auto").code == 0
    assert home.battery.shown.mode is Mode.AUTONOMOUS
    home.cloud.add_faults([{"kind": "write_refused", "count": 1}])
    ran = battery("reserve", "30")
    assert ran.code == 1
    assert "not allowed" in ran.err


def test_a_hold_is_noted_and_released(tell) -> None:
    home, battery = tell
    ran = battery("hold")
    assert ran.code == 0, ran.err
    held = home.battery.shown.reserve_pct
    assert held == int(home.battery.app_soc_pct)
    assert ran.out.strip() == f"yes by hand: reserve {held} (it was 20)"
    assert battery("hold").out == ran.out  # once is enough
    assert home.cloud.bill.to_json()["total"]["calls"]["backup"] == 1
    assert "by hand" in battery("status").out
    ran = battery("release")
    assert (ran.code, ran.out.strip()) == (0, "as its owner has it"), ran.err
    assert home.battery.shown.reserve_pct == 20
    assert battery("release").out.strip() == "as its owner has it"


def test_what_is_sent_is_listed_for_the_gateway_as_it_is_billed(tell, tmp_path) -> None:
    home, battery = tell
    for words in (["status"], ["reserve", "35"], ["mode", "auto"], ["mode", "self"], ["hold"], ["release"]):
        assert battery(*words).code == 0
        counts: Counter[RequestKind] = Counter()
        for entry in SentByHand(tmp_path / "tokens.json").after(SITE, 0):
            counts[entry.kind] += entry.count
        assert counts == {kind: count for kind, count in home.cloud.bill.total.billed.items() if count}, words
    assert counts[RequestKind.COMMAND] == 5


def test_what_the_owner_set_meanwhile_is_left(tell) -> None:
    home, battery = tell
    battery("hold")
    battery("reserve", "33")
    assert battery("release").out.strip() == "as its owner has it"
    assert home.battery.shown.reserve_pct == 33


def test_the_very_reserve_of_a_hold_stays_where_its_owner_sets_it(tell) -> None:
    home, battery = tell
    battery("hold")
    held = home.battery.shown.reserve_pct
    battery("reserve", str(held))
    battery("release")
    assert home.battery.shown.reserve_pct == held


@pytest.mark.parametrize("meter", ["powerwall", "another"])
def test_what_is_not_to_be_held_any_more_is_given_back(tell, tmp_path, meter: str) -> None:
    home, battery = tell
    assert battery("hold").code == 0
    renamed = f"hold: off}}\n  - {{id: {meter}, driver: powerwall, site: {SITE}, hold: off"
    if meter == "powerwall":
        renamed = "hold: off"
    assert battery("hold", more=renamed).code == 1
    assert battery("--meter", meter, "release", more=renamed).code == 0
    assert home.battery.shown.reserve_pct == 20


def test_a_powerwall_that_was_held_and_is_not_written_any_more_is_told(tell, tmp_path) -> None:
    _, battery = tell
    battery("hold")
    path = tmp_path / "sunbox.yaml"
    path.write_text(path.read_text().replace(str(SITE), "7"))
    with capture_logs() as logs:
        compose(load(path, REGISTRY), client_factory(), Standing()).store.close()
    (told,) = [each for each in logs if "not in the configuration" in each["event"]]
    assert (told["powerwall"], told["it_was"]) == (f"site/{SITE}", "reserve 20 %")


@pytest.mark.parametrize(
    ("more", "why"),
    [({"is_storm_watched": True}, "storm watch"), ({"is_grid_down": True}, "no grid")],
)
def test_why_it_is_not_held(tell, more: dict[str, bool], why: str) -> None:
    home, battery = tell
    home.battery.behave(**more)
    ran = battery("hold")
    assert ran.code == 1
    assert why in ran.err
    home.battery.behave(**dict.fromkeys(more, False))
    assert battery("status", "--json").code == 0
    assert json.loads(battery("status", "--json").out)["hold"] == "no"  # it is not held later on either


def test_what_cannot_be_is_said(tell, run, tmp_path) -> None:
    _, battery = tell
    ran = battery("hold", more="hold: off")
    assert (ran.code, "hold: reserve" in ran.err) == (1, True)
    ran = battery("status", site=7)
    assert ran.code == 1
    assert "fleetapi sites" in ran.err
    assert battery("reserve", "101").code == 2
    assert battery("mode", "party").code == 2
    ran = battery("--meter", "other", "status")
    assert "there are: powerwall" in ran.err
    (tmp_path / "none.yaml").write_text("site: {timezone: Europe/Berlin}\n")
    ran = run("battery", "-c", tmp_path / "none.yaml", "status")
    assert "driver: powerwall" in ran.err
