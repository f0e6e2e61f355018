"""The world over HTTP, for tests and the curious: see everything, change anything. And the meter, as plain JSON.

`PATCH /world` is checked as a whole before anything changes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sunbox.simulator.meter import HANG_S, MeterFault
from sunbox.simulator.patch import PatchError, patch_world
from sunbox.simulator.powerwall import Powerwall
from sunbox.simulator.shortcut import Shortcut
from sunbox.simulator.world import World

HELP = """\
This is the simulated world of sunbox.

  GET   /world   everything that is true now, each car, each wallbox, and each cloud with its bill and last requests
  PATCH /world   change it; a JSON object with any of these keys:

    {"car": {"soc_pct": 40}}                  what is true of the car (of several: "cars": {"id": {…}})
    {"car": {"action": "unplug"}}             plug, unplug, drive_off, arrive, fall_asleep
    {"charger": {"plugged": true}}            a wallbox and its car (of several: "chargers": {"id": {…}}):
                                              plugged, soc_pct, limit_pct, wants_power, ambient_c, supply_phases …
    {"charger": {"reboot": true}}             what befalls it: reboot, busy_s, lose_wifi_s; of a go-e lose_force, fault;
                                              of a SmartEVSE lose_mains_s, mode (a hand at the box)
    {"sun": {"pv_w": 5000}}                   fix the sun's power; {"factor": 0.3} dims it; null gives it back
    {"load": {"extra_w": 2000}}               add to the house's load; {"w": 500} fixes it; null gives it back
    {"battery": {"soc_pct": 80}}              the home battery
    {"powerwall": {"apply_s": 45}}            how a Powerwall behaves: apply_s, acts, reserve_policy, is_grid_down …
    {"meter": {"fault": "stale"}}             stale, http_500, hang, null (the word), or null; delay_s, noise_w
    {"faults": [{…}]}                         have Tesla's cloud fail; {"clear_faults": true} ends that

Nothing is changed unless all of it is right. Example:

  curl -X PATCH http://127.0.0.1:5199/world -d '{"car": {"action": "unplug"}}'
"""


def world_truth(world: World) -> dict[str, Any]:
    """Return everything that is true now, as JSON."""
    world.sync()
    now = world.sample_at(world.t_s)
    total = world.total()
    cars = {}
    for car_id, car in world.cars.items():
        ledger = total.cars[car_id]
        cars[car_id] = car.truth() | {
            "energy": {
                "charged_wh": round(ledger.charged_wh, 1),
                "solar_wh": round(ledger.solar_wh, 1),
                "battery_wh": round(ledger.battery_wh, 1),
                "import_wh": round(ledger.import_wh, 1),
                "usable_wh": round(ledger.usable_wh, 1),
                "starts": ledger.starts,
            }
        }
    battery = world.battery
    return {
        "time": world.at(world.t_s).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "local_time": world.at(world.t_s).astimezone(world.place.timezone).isoformat(timespec="seconds"),
        "place": {
            "name": world.place.name,
            "latitude": world.place.latitude,
            "longitude": world.place.longitude,
            "timezone": str(world.place.timezone),
        },
        "sun": {"pv_w": round(now.pv_w, 1), "factor": world.sun.factor, "fixed_pv_w": world.sun.fixed_w},
        "load": {"w": round(now.house_w, 1), "extra_w": world.load.extra_w, "fixed_w": world.load.fixed_w},
        "grid_w": round(now.grid_w, 1),
        "cars_w": round(now.cars_w, 1),
        "battery": None
        if battery is None
        else {
            "power_w": round(battery.power_w, 1),
            "soc_pct": round(battery.soc_pct, 2),
            "capacity_wh": battery.params.capacity_wh,
            "reserve_pct": battery.params.reserve_pct,
            "max_charge_w": battery.params.max_charge_w,
            "max_discharge_w": battery.params.max_discharge_w,
        },
        **({"powerwall": battery.truth()} if isinstance(battery, Powerwall) else {}),
        "meter": world.meter.params.truth(),
        "energy": {
            "since": world.began_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "pv_wh": round(total.pv_wh, 1),
            "house_wh": round(total.house_wh, 1),
            "import_wh": round(total.import_wh, 1),
            "export_wh": round(total.export_wh, 1),
            "usable_wh": round(total.usable_wh, 1),
        },
        "cars": cars,
        "chargers": {charger_id: charger.box_truth() for charger_id, charger in world.chargers.items()},
        "clouds": {name: cloud.truth() for name, cloud in world.clouds.items()},
    }


def world_app(world: World, on_change: Callable[[], None] | None = None) -> Starlette:
    """Return the ASGI app of the world control. `on_change` is called after each accepted PATCH."""

    async def show_help(_: Request) -> Response:
        return PlainTextResponse(HELP)

    async def show_world(_: Request) -> Response:
        return JSONResponse(world_truth(world))

    async def change_world(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            return JSONResponse(
                {"error": f"the body is no JSON: {error}", "allowed": 'a JSON object, e.g. {"car": {"soc_pct": 40}}'},
                status_code=400,
            )
        try:
            patch_world(world, body)
        except PatchError as error:
            return JSONResponse({"error": str(error), "allowed": error.allowed}, status_code=400)
        if on_change is not None:
            on_change()
        return JSONResponse(world_truth(world))

    return Starlette(
        routes=[
            Route("/", show_help, methods=["GET"]),
            Route("/world", show_world, methods=["GET"]),
            Route("/world", change_world, methods=["PATCH"]),
        ]
    )


def meter_app(world: World) -> ASGIApp:
    """Return the ASGI app of the plain JSON meter."""

    async def read_meter(_: Request) -> Response:
        if world.meter.params.fault is MeterFault.HANG:
            await asyncio.sleep(HANG_S)
        status, body = world.meter.answer()
        return Response(body, status_code=status, media_type="application/json")

    paths = ("/", "/meter")
    app = Starlette(routes=[Route(path, read_meter, methods=["GET"]) for path in paths])
    return Shortcut(app, dict.fromkeys(paths, read_meter))
