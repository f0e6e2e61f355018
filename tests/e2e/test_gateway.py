"""A gateway and the devices around it as two processes: killed, started again, checked, asked, stopped, replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from tests.e2e.processes import Client, Sunbox, free_ports, no_traceback, run, started

pytestmark = pytest.mark.slow

VIN = "LRW3F7EK4NC700000"


@dataclass
class Around:
    """A folder with a configuration, the simulated devices that it names, and a client."""

    folder: Path
    devices: Sunbox
    client: Client
    config: dict[str, Any]

    def write(self, **changes: Any) -> None:
        text = yaml.safe_dump({**self.config, **changes}, sort_keys=False)
        (self.folder / "sunbox.yaml").write_text(text, encoding="utf-8")

    def bill(self) -> dict[str, int]:
        return dict(self.client.world()["clouds"]["tesla"]["bill"]["total"]["calls"])


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Around]:
    port, base, world = free_ports()
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    scenario = {
        "day": f"{now:%Y-%m-%d}",
        "start": f"{now:%H:%M}",
        "cars": [{"id": "model3", "asleep": False, "never_full": False, "soc_pct": 45}],
    }
    (tmp_path / "home.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
    (tmp_path / "tokens.json").touch(mode=0o600)
    tokens = {"refresh_token": "simulated-refresh", "client_id": "simulated"}
    (tmp_path / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    tesla = f"http://127.0.0.1:{base}"
    config = {
        "site": {"timezone": "Europe/Berlin"},
        "places": [{"name": "Home", "lat": 52.394, "lon": 13.542, "radius_m": 60, "tags": ["home", "pv"]}],
        "tesla": {"account": "tokens.json", "base_url": tesla, "auth_url": tesla},
        "meters": [
            {
                "id": "house",
                "driver": "http",
                "url": f"http://127.0.0.1:{base + 4}/meter",
                "interval_s": 1,
                "grid_w": "$.grid_w",
                "pv_w": "$.pv_w",
            }
        ],
        "vehicles": [{"id": "model3", "driver": "tesla", "vin": VIN}],
        "loadpoints": [{"id": "carport", "vehicle": "model3", "mode": "off"}],
        "faces": {"port": port},
    }
    words = ("simulate", "--scenario", "home.yaml", "--port-base", str(base), "--world-port", str(world))
    with started(tmp_path, *words, "--speed", "10") as devices:
        client = Client(port, world)
        devices.until(client.world)
        found = Around(tmp_path, devices, client, config)
        found.write()
        yield found


def test_killed_in_the_middle_it_goes_on_and_its_day_can_be_replayed(around: Around) -> None:
    client, folder = around.client, around.folder
    with started(folder, "run", "-c", "sunbox.yaml") as gateway:
        gateway.until(lambda: client.tlwb()["soc"] == 45)
        assert client.tlwb()["status"] == 2
        # it is carried out and never answered, so that there is time to be killed in the middle
        client.change_world(faults=[{"kind": "lost_reply", "endpoint": "charge_start"}])
        client.tlwb("?control=1&set_amps=10&set_soc=70")
        gateway.until(lambda: around.bill().get("charge_start"))
        before = client.tlwb()
        assert before["pending"] == "starting"
        gateway.kill()

    with started(folder, "run", "-c", "sunbox.yaml") as gateway:
        after = gateway.until(lambda: (told := client.tlwb())["status"] == 3 and told["pending"] is None and told)
        wish = ("control", "mode", "targetamp", "targetsoc")
        assert {key: after[key] for key in wish} == {key: before[key] for key in wish}
        assert (after["targetamp"], after["targetsoc"]) == (10, 70)
        # it looked before it acted, so the car was asked for nothing twice
        assert {name: around.bill()[name] for name in ("charge_start", "set_charging_amps")} == {
            "charge_start": 1,
            "set_charging_amps": 1,
        }

        told = run(folder, "status", "--url", client.url, "--json")
        assert json.loads(told.stdout)["loadpoints"][0]["id"] == "carport"

        client.tlwb("/control?0")
        gateway.until(lambda: client.tlwb()["status"] == 4)
        assert around.client.world()["cars"]["model3"]["charging"] == "stopped"
        assert gateway.interrupt() == 0
        assert no_traceback(gateway.printed), gateway.printed

    journals = sorted((folder / "journal").iterdir())
    assert journals
    for journal in journals:
        replayed = run(folder, "replay", str(journal))
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        assert "all the same" in replayed.stdout
    assert (folder / "tokens.json").stat().st_mode & 0o077 == 0
    assert around.devices.interrupt() == 0
    assert no_traceback(around.devices.printed), around.devices.printed


def test_a_token_of_a_killed_process_is_no_reason_to_log_in_again(around: Around) -> None:
    """Killed as early as possible, again and again: each time the next one gets in."""
    client = around.client
    for _ in range(3):
        with started(around.folder, "run") as gateway:
            gateway.until(lambda: around.client.world()["clouds"]["tesla"]["requests"])
            gateway.kill()
    with started(around.folder, "run") as gateway:
        gateway.until(lambda: client.tlwb()["soc"] == 45)
        assert "logged in" not in client.tlwb()["reason"]
        assert gateway.interrupt() == 0


def test_check_tries_the_devices_and_tells_every_mistake(around: Around) -> None:
    good = run(around.folder, "check", "-c", "sunbox.yaml")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "no mistakes" in good.stdout
    for word in ("house", "model3", "ok"):
        assert word in good.stdout
    assert no_traceback(good.stdout + good.stderr)
    assert "wake_up" not in around.bill()

    broken = (
        "places:\n"
        "  - {name: Home, lat: 99, lon: 13.5}\n"
        "meters:\n"
        "  - {id: house, driver: htp, url: 'http://127.0.0.1'}\n"
        "loadpoints:\n"
        "  - {id: carport, vehicle: model9, mode: sunny}\n"
    )
    (around.folder / "broken.yaml").write_text(broken, encoding="utf-8")
    bad = run(around.folder, "check", "-c", "broken.yaml")
    assert bad.returncode == 1
    for line in (2, 4, 6):
        assert f"broken.yaml:{line}" in bad.stderr, bad.stderr
    assert no_traceback(bad.stderr)
    assert run(around.folder, "run", "-c", "broken.yaml").returncode == 2
