"""The metrics over HTTP, read back by the library's own parser."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import yaml
from metrics_docs import DOCUMENT, fill
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from wallbox_double import AT, CHARGING, WallboxDouble, make_loadpoint, make_meter, make_site, make_vehicle

from sunbox import __version__
from sunbox.core.model import Availability, ChargerStatus, Charging, Limit, Mode, Override
from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot
from sunbox.faces.main import create_main_app
from sunbox.faces.metrics.table import PARTS

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

NEVER_SEEN: dict[str, Any] = {
    "availability": Availability.UNKNOWN,
    "age_s": None,
    "charging": Charging.UNKNOWN,
    "is_plugged": None,
    "soc_pct": None,
    "limit_soc_pct": None,
    "amps_requested_a": None,
    "amps_requested_max_a": None,
    "pilot_a": None,
    "place": None,
    "is_at_pv_place": False,
}


def ask(wallbox: WallboxDouble, method: str = "GET", path: str = "/metrics") -> httpx2.Response:
    async def main() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_main_app(wallbox))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await client.request(method, path)

    return asyncio.run(main())


def scrape(*loadpoints: LoadpointSnapshot, site: SiteSnapshot | None = None) -> Series:
    wallbox = WallboxDouble(*loadpoints)
    wallbox.site = site or wallbox.site
    answer = ask(wallbox)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (wallbox.requests, wallbox.orders) == ([], [])
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(series: Series, name: str, /, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


def names(series: Series) -> set[str]:
    return {name for name, _ in series}


def test_the_flows_of_the_site() -> None:
    series = scrape()
    assert value(series, "sunbox_build_info", version=__version__) == 1
    for name, expected in {
        "sunbox_grid_power_watts": -820,
        "sunbox_grid_age_seconds": 4,
        "sunbox_grid_stale": 0,
        "sunbox_pv_power_watts": 1250,
        "sunbox_battery_power_watts": 0,
        "sunbox_battery_soc_ratio": 0.8,
        "sunbox_house_power_watts": 430,
        "sunbox_surplus_power_watts": 820,
        "sunbox_grid_limit_watts": None,
    }.items():
        assert value(series, name) == expected, name
    limited = make_site(limit=Limit(max_w=4200.0, until_at=AT + timedelta(hours=1)))
    assert value(scrape(site=limited), "sunbox_grid_limit_watts") == 4200


def test_a_loadpoint_that_charges() -> None:
    series = scrape(make_loadpoint(**CHARGING, override=Override.CHARGE))
    for name, expected in {
        "setpoint_charge": 1,
        "setpoint_amperes": 13,
        "setpoint_phases": 1,
        "max_amperes": 16,
        "draw_watts": 3029,
        "draw_amperes": 13,
        "energy_added_joules": 65_400 * 3600,
    }.items():
        assert value(series, f"sunbox_loadpoint_{name}", loadpoint="carport") == expected, name
    assert value(series, "sunbox_loadpoint_info", loadpoint="carport", name="Carport", vehicle="model3") == 1
    assert value(series, "sunbox_loadpoint_reason_info", loadpoint="carport", code="charging_pv", kind="charging") == 1


@pytest.mark.parametrize(
    ("name", "label", "words", "now"),
    [
        ("mode", "mode", Mode, "pv"),
        ("override", "override", Override, "none"),
        ("status", "status", ChargerStatus, "B"),
    ],
)
def test_of_each_state_one_series_is_1(name: str, label: str, words: Any, now: str) -> None:
    series = scrape()
    told = {word: value(series, f"sunbox_loadpoint_{name}", loadpoint="carport", **{label: word}) for word in words}
    assert told == {word: float(word == now) for word in words}


def test_a_car_and_what_it_has_cost() -> None:
    series = scrape(make_loadpoint(vehicle=make_vehicle(target_soc_pct=40)))
    for name, expected in {
        "soc_ratio": 0.67,
        "limit_soc_ratio": 0.9,
        "target_soc_ratio": 0.4,
        "plugged": 1,
        "online": 1,
        "asleep": 0,
        "data_age_seconds": 12.3,
        "login_required": 0,
        "spent_today_money": 0.024,
        "spent_this_month_money": 0.61,
        "projected_money": 1.83,
        "budget_money": 2,
        "soft_line_money": 0.15,
        "daily_line_money": 0.2,
        "wakes_today": 1,
        "wakes_line": 8,
    }.items():
        assert value(series, f"sunbox_vehicle_{name}", vehicle="model3") == pytest.approx(expected), name
    today = {"command": 4, "data": 0, "wake": 1}
    month = {"command": 210, "data": 80, "wake": 12}
    for name, counts in (("today", today), ("this_month", month)):
        told = {kind: value(series, f"sunbox_vehicle_requests_{name}", vehicle="model3", kind=kind) for kind in counts}
        assert told == counts


def test_a_meter_whose_requests_are_counted() -> None:
    held = make_meter(id="held", age_s=None, held_until_at=AT + timedelta(hours=1))
    series = scrape(site=make_site(meters=(make_meter(), held, make_meter(id="plain", spend=None))))
    for name, expected in {
        "age_seconds": 37,
        "interval_seconds": 412,
        "held": 0,
        "spent_today_money": 0.086,
        "spent_this_month_money": 2.31,
        "projected_money": 4.9,
        "budget_money": 5,
        "daily_line_money": 0.45,
    }.items():
        assert value(series, f"sunbox_meter_{name}", meter="powerwall") == pytest.approx(expected), name
    counts = {
        kind: value(series, "sunbox_meter_requests_today", meter="powerwall", kind=kind) for kind in ("data", "command")
    }
    assert counts == {"data": 42, "command": 2}
    assert value(series, "sunbox_meter_requests_today", meter="powerwall", kind="wake") is None
    assert (
        value(series, "sunbox_meter_held", meter="held"),
        value(series, "sunbox_meter_age_seconds", meter="held"),
    ) == (1, None)
    told = {name for name, labels in series if ("meter", "plain") in labels}
    assert told == {"sunbox_meter_age_seconds", "sunbox_meter_interval_seconds"}


def test_a_kind_that_was_not_billed_is_known_to_be_0() -> None:
    spend = replace(make_vehicle().spend, requests_today={})  # type: ignore[type-var]
    series = scrape(make_loadpoint(vehicle=make_vehicle(spend=spend)))
    told = {dict(labels)["kind"]: count for (name, labels), count in series.items() if name.endswith("requests_today")}
    assert told == {"data": 0, "command": 0, "wake": 0}


def test_a_car_that_sleeps() -> None:
    series = scrape(make_loadpoint(vehicle=make_vehicle(availability=Availability.OFFLINE, is_asleep=True)))
    assert value(series, "sunbox_vehicle_asleep", vehicle="model3") == 1
    assert value(series, "sunbox_vehicle_online", vehicle="model3") == 0


def test_of_a_car_that_was_never_seen_nothing_is_told_that_nobody_knows() -> None:
    unknown = {"draw_w": None, "draw_a": None, "energy_added_wh": None, "max_a": None, "is_plugged": False}
    vehicle = make_vehicle(**NEVER_SEEN, spend=None)
    series = scrape(make_loadpoint(vehicle=vehicle, status=ChargerStatus.A, **unknown))
    assert {name for name in names(series) if name.startswith("sunbox_vehicle_")} == {
        "sunbox_vehicle_info",
        "sunbox_vehicle_login_required",
    }
    assert {name for name in names(series) if name.startswith("sunbox_loadpoint_")} == {
        "sunbox_loadpoint_info",
        "sunbox_loadpoint_mode",
        "sunbox_loadpoint_override",
        "sunbox_loadpoint_reason_info",
        "sunbox_loadpoint_setpoint_charge",
        "sunbox_loadpoint_setpoint_amperes",
        "sunbox_loadpoint_setpoint_phases",
    }


def test_a_site_without_readings_and_numbers_that_are_none() -> None:
    nothing = dict.fromkeys(
        ("grid_w", "pv_w", "battery_w", "battery_soc_pct", "house_w", "surplus_w", "grid_age_s"), None
    )
    assert names(scrape(site=make_site(**nothing, is_grid_stale=True))) == {"sunbox_build_info", "sunbox_grid_stale"}
    series = scrape(site=make_site(grid_w=float("nan"), pv_w=float("inf")))
    assert names(series) & {"sunbox_grid_power_watts", "sunbox_pv_power_watts"} == set()


def test_lines_that_are_not_drawn_are_left_out_and_a_loadpoint_may_be_without_a_car() -> None:
    spend = replace(make_vehicle().spend, per_month=None, soft_line=None, daily_line=None, wakes_line=None)  # type: ignore[type-var]
    series = scrape(make_loadpoint(vehicle=make_vehicle(spend=spend)))
    lines = {"sunbox_vehicle_budget_money", "sunbox_vehicle_soft_line_money", "sunbox_vehicle_daily_line_money"}
    assert names(series) & {*lines, "sunbox_vehicle_wakes_line"} == set()
    series = scrape(make_loadpoint(vehicle=None, status=ChargerStatus.A))
    assert value(series, "sunbox_loadpoint_info", loadpoint="carport", name="Carport", vehicle="") == 1
    assert value(series, "sunbox_loadpoint_status", loadpoint="carport", status="A") == 1


def test_two_loadpoints_have_series_of_their_own_and_names_may_be_anything() -> None:
    other = make_loadpoint(
        number=2, id="garage", name='the "old"\\\nöne', vehicle=make_vehicle(id="model-y"), draw_w=7.0
    )
    series = scrape(make_loadpoint(), other)
    draws = {name: value(series, "sunbox_loadpoint_draw_watts", loadpoint=name) for name in ("carport", "garage")}
    assert draws == {"carport": 0, "garage": 7}
    info = value(series, "sunbox_loadpoint_info", loadpoint="garage", name=other.name, vehicle="model-y")
    assert info == 1
    assert value(series, "sunbox_vehicle_soc_ratio", vehicle="model-y") == 0.67


def test_nothing_of_the_process_and_nothing_kept_between_two_scrapes() -> None:
    before = {family.name for family in REGISTRY.collect()}
    wallbox = WallboxDouble()
    assert ask(wallbox).text == ask(wallbox).text
    wallbox.site = make_site()
    text = ask(wallbox).text
    assert "loadpoint" not in text
    assert {family.name for family in REGISTRY.collect()} == before
    assert all(line.startswith(("# ", "sunbox_")) for line in text.splitlines())


def test_names_follow_the_conventions() -> None:
    found = [metric.name for part in PARTS for metric in part.metrics]
    assert len(set(found)) == len(found)
    text = ask(WallboxDouble(make_loadpoint(**CHARGING))).text
    for name in found:
        assert re.fullmatch(r"sunbox_[a-z_]+", name)
        assert not re.search(r"_(w|wh|kwh|a|v|s|pct|percent|total|ms)$", name)
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) sunbox_.*|sunbox_[a-z_]+(\{.*\})? -?[0-9.e+-]+", line), line


@pytest.mark.parametrize(
    ("method", "path", "code", "error"),
    [
        ("POST", "/metrics", 405, "POST is not allowed"),
        ("DELETE", "/metrics", 405, "DELETE is not allowed"),
        ("GET", "/metrics/job", 404, "there is nothing here"),
    ],
)
def test_what_is_not_there(method: str, path: str, code: int, error: str) -> None:
    answer = ask(WallboxDouble(), method, path)
    assert (answer.status_code, answer.json()) == (code, {"error": error})
    assert answer.headers.get("allow") == ("GET, HEAD" if code == 405 else None)


def test_head_and_a_trailing_slash() -> None:
    assert ask(WallboxDouble(), "HEAD").status_code == 200
    assert ask(WallboxDouble(), path="/metrics/").status_code == 200


def test_a_gateway_that_fails_says_so() -> None:
    class Broken(WallboxDouble):
        def snapshot(self) -> SiteSnapshot:
            raise RuntimeError("broken")

    answer = ask(Broken())
    assert (answer.status_code, answer.json()) == (500, {"error": "the gateway failed; its log has the details"})


TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_table_of_the_document_is_that_of_the_code() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.faces.metrics_docs"


def test_the_examples_of_the_document() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["gateway:5000"]}]
    known = {metric.name for part in PARTS for metric in part.metrics}
    queries = re.findall(r"^\| [^|`]+ \| `(.*)` \|$", TEXT.partition("## Questions")[2], re.MULTILINE)
    assert len(queries) > 5
    for query in queries:
        assert set(re.findall(r"sunbox_\w+", query)) <= known, query
