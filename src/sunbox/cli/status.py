"""`sunbox status`: what a running gateway does, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from sunbox.cli.gateway import call, with_gateway
from sunbox.cli.output import BAD, GOOD, WARNING, print_table, say
from sunbox.cli.spending import meter_line, spend_line
from sunbox.errors import SunboxError

SITE = "/api/v1/site"

COLOURS: dict[str, str] = {"charging": GOOD, "starting": GOOD, "waiting": "", "stopped": "", "fault": BAD}
"""The colour of a loadpoint by the kind of its reason."""


def read_site(url: str, password: str | None = None) -> dict[str, Any]:
    """Return the site as the gateway at `url` shows it.

    Raises:
        SunboxError: nothing usable answers there; the text says what to do.
    """
    answer = call(url, SITE, password=password)
    address, site = url.rstrip("/") + SITE, answer.document
    if answer.status != 200:
        raise SunboxError(f"{address} answers {answer.status}; is it a sunbox gateway? name another with --url")
    if not isinstance(site, dict) or not isinstance(site.get("loadpoints"), list):
        raise SunboxError(f"{address} is no sunbox gateway: its answer is no site; name another with --url")
    return site


def kilowatts(value_w: float | None) -> str:
    """Return a power for people; what is not known is a dash."""
    if value_w is None:
        return "–"
    return f"{value_w:.0f} W" if abs(value_w) < 1000 else f"{value_w / 1000:.2f} kW"


def site_rows(site: dict[str, Any]) -> list[Sequence[str]]:
    """Return the flows of the house in words."""
    grid_w, battery_w = site.get("grid_w"), site.get("battery_w")
    age_s = site.get("grid_age_s")
    stale = "" if not site.get("is_grid_stale") else " (old)" if age_s is None else f" (old: {age_s:.0f} s)"
    rows: list[Sequence[str]] = [
        ("sun", kilowatts(site.get("pv_w"))),
        ("grid", _direction(grid_w, "import", "export") + stale),
        ("house", kilowatts(site.get("house_w"))),
        ("surplus", kilowatts(site.get("surplus_w"))),
    ]
    soc_pct = site.get("battery_soc_pct")
    if battery_w is not None or soc_pct is not None:
        soc = "" if soc_pct is None else f", {soc_pct:.0f} %"
        rows.insert(2, ("battery", _direction(battery_w, "discharging", "charging") + soc))
    return rows


def _direction(value_w: float | None, above: str, below: str) -> str:
    if value_w is None:
        return "–"
    return kilowatts(abs(value_w)) + (f" {above}" if value_w > 0 else f" {below}" if value_w < 0 else "")


def loadpoint_row(loadpoint: dict[str, Any]) -> Sequence[str]:
    """Return a loadpoint in words."""
    vehicle = loadpoint.get("vehicle") or {}
    override = loadpoint.get("override")
    mode = str(loadpoint.get("mode", "–")) + (f" + {override}" if override not in {None, "none"} else "")
    soc_pct, target_pct = vehicle.get("soc_pct"), vehicle.get("target_soc_pct") or vehicle.get("limit_soc_pct")
    soc = "–" if soc_pct is None else f"{soc_pct} %" + ("" if target_pct is None else f" of {target_pct} %")
    car = str(vehicle.get("name", "–")) + (" (asleep)" if vehicle.get("is_asleep") else "")
    reason = loadpoint.get("reason") or {}
    return (
        str(loadpoint.get("number", "")),
        str(loadpoint.get("name", "–")),
        car,
        soc,
        mode,
        kilowatts(loadpoint.get("draw_w")),
        str(reason.get("text", "")),
    )


def show_site(site: dict[str, Any]) -> None:
    """Print the site."""
    say(f"{site.get('name', '')} at {site.get('at', '')}", "bold")
    print_table("", ("", "power"), site_rows(site))
    loadpoints = site["loadpoints"]
    if not loadpoints:
        say("No loadpoint: nothing is charged here.", WARNING)
        return
    colours = [COLOURS.get((row.get("reason") or {}).get("kind", ""), "") for row in loadpoints]
    columns = ("no.", "loadpoint", "car", "charge", "mode", "draws", "why")
    print_table("", columns, [loadpoint_row(row) for row in loadpoints], colours)
    for vehicle in site.get("vehicles") or []:
        line = spend_line(vehicle.get("spend"))
        if line:
            say(f"requests to {vehicle.get('name', vehicle.get('id'))}: {line}")
    for meter in site.get("meters") or []:
        line = meter_line(meter)
        if line:
            say(f"requests to the meter {meter.get('id')}: {line}")


@click.command(
    epilog="""\b
Examples:
  sunbox status
  sunbox status --json | jq .loadpoints[0].reason.text
  sunbox status --url http://192.168.0.5:5000
"""
)
@with_gateway
@click.option("--json", "as_json", is_flag=True, help="Print the answer of /api/v1/site as it is.")
def status(url: str, as_json: bool, password: str | None) -> None:
    """Show what a running gateway does, and why. No device is contacted."""
    site = read_site(url, password)
    if as_json:
        click.echo(json.dumps(site, indent=2, ensure_ascii=False))
    else:
        show_site(site)
