"""A client of TeslaBleHttpProxy at a whole home: it reads for nothing, and its commands become wishes and orders."""

from __future__ import annotations

from typing import Any

from tests.scenarios.home import CarScenario, Home, live, living

from sunbox.dialects.tesla.wire import vehicle_from_wire

BASE = "/ble/api/1/vehicles/1"
ALL = "charge_state;drive_state;location_data;vehicle_state;climate_state;charge_schedule_data"


async def data(home: Home) -> dict[str, Any]:
    answer = await home.client.get(f"{BASE}/vehicle_data?endpoints={ALL}")
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


async def send(home: Home, command: str, body: str = "") -> tuple[int, str]:
    answer = await home.client.post(f"{BASE}/command/{command}", content=body)
    return answer.status_code, answer.json()["response"]["reason"]


def test_a_client_charges_a_sleeping_car() -> None:
    async def main() -> None:
        async with living(loadpoint={"mode": "off"}) as home:
            await home.sleep(5)
            assert home.truth()["state"] == "asleep"
            assert (await home.client.get(f"{BASE}/vehicle_data")).status_code == 408  # never read yet
            assert await send(home, "wake_up", "true") == (200, "accepted")
            await home.sleep(600)
            assert (home.count("wake"), home.count("data"), home.truth()["state"]) == (0, 0, "asleep")

            assert await send(home, "set_charging_amps", '{"charging_amps": 10}') == (200, "accepted")
            assert await send(home, "charge_start", "true") == (200, "accepted")
            await home.until(lambda: home.lp().is_flowing, 180)
            await home.sleep(120)
            whole = await data(home)
            charge = whole["response"]["response"]["charge_state"]
            assert (charge["charging_state"], charge["charge_amps"]) == ("Charging", 10)
            assert vehicle_from_wire(whole) == home.gateway.snapshot().vehicles[0].facts
            assert home.count("wake") == 1

            assert await send(home, "charge_stop?wait=true", "false") == (200, "accepted")
            assert home.truth()["charging"] == "stopped"
            charge = (await data(home))["response"]["response"]["charge_state"]
            assert charge["charging_state"] == "Stopped"
            await home.until(lambda: home.truth()["state"] == "asleep", 3600)
            spent = (home.count("wake"), home.count("data"), home.count("command"))
            for _ in range(100):
                await data(home)
                await home.sleep(60)
            assert (home.count("wake"), home.count("data"), home.count("command")) == spent
            assert home.truth()["state"] == "asleep"

    live(main)


def test_a_client_is_told_what_became_of_it() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=80.0, limit_pct=80)
        async with living(car=car, loadpoint={"mode": "off"}) as home:
            await home.sleep(5)
            assert await send(home, "charge_port_door_open?wait=true") == (200, "accepted")
            await home.sleep(120)
            assert await send(home, "charge_start?wait=true", "true") == (503, "complete")
            assert await send(home, "set_charge_limit?wait=true", '{"percent": 90}') == (200, "accepted")
            await home.until(lambda: home.lp().is_flowing, 180)
            assert home.truth()["limit_pct"] == 90

    live(main)
