"""Faces with ports of their own, from the owner's file to the answer over loopback."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from tests.loopback import free_port, free_ports
from wallbox_double import AT, CHARGING, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.app import REGISTRY, Served, running, serving_faces
from sunbox.cli.run import _live
from sunbox.clock import SystemClock
from sunbox.config.loader import Config, load
from sunbox.core.model import VehicleFacts
from sunbox.errors import ConfigError, ListenError
from sunbox.net.http import client_factory

PASSWORD = "right password"
AS_EVCC = {"accept": "application/json", "user-agent": "Go-http-client/1.1", "accept-encoding": "gzip"}

HOME = """\
site: {timezone: Europe/Berlin}
places: [{name: Home, lat: 52.394, lon: 13.542, tags: [home, pv]}]
vehicles:
  - {id: one, driver: tesla, vin: LRW3F7EK4NC700000, proxy_url: "http://127.0.0.1:1", proxy_kind: ble}
  - {id: two, driver: tesla, vin: LRW3F7EK4NC700001, proxy_url: "http://127.0.0.1:1", proxy_kind: ble}
loadpoints: [{id: carport, vehicle: one}, {id: garage, vehicle: two}]
"""


def config_of(folder: Path, faces: str) -> Config:
    path = folder / "sunbox.yaml"
    path.write_text(f"{HOME}faces: {faces}\njournal: {{enabled: false}}\n", encoding="utf-8")
    return load(path, REGISTRY, {})


def two_walls(folder: Path, more: str = "") -> Config:
    main, one, two = free_ports(3)
    return config_of(folder, f"{{port: {main}, twc3: [{{port: {one}}}, {{loadpoint: garage, port: {two}}}]{more}}}")


def a_wallbox() -> WallboxDouble:
    """Return one at whose first loadpoint a car charges, and at whose second there is none."""
    away = make_loadpoint(number=2, id="garage", is_plugged=False, vehicle=make_vehicle(id="two", is_plugged=False))
    return WallboxDouble(make_loadpoint(**CHARGING), away)


def at_the_doors(
    config: Config, wallbox: WallboxDouble, work: Callable[[tuple[Served, ...], httpx2.AsyncClient], Awaitable[None]]
) -> None:
    async def main() -> None:
        async with serving_faces(wallbox, config) as served, httpx2.AsyncClient(trust_env=False) as client:
            await work(served, client)

    asyncio.run(main())


def test_each_instance_is_a_wall_connector_on_its_port(tmp_path: Path) -> None:
    config = two_walls(tmp_path)

    async def work(served: tuple[Served, ...], client: httpx2.AsyncClient) -> None:
        main, first, garage = served
        assert [door.bound.port for door in served] == [
            config.faces.port,
            *(own.port for own in config.faces.by_name["twc3"]),  # type: ignore[attr-defined]
        ]
        assert garage.name == "garage as a Wall Connector (twc3)"
        answer = await client.get(f"{first.bound.url}/api/1/vitals", headers=AS_EVCC)
        vitals = answer.json()
        assert answer.headers["content-type"] == "application/json"
        assert (vitals["contactor_closed"], vitals["vehicle_connected"]) == (True, True)
        assert sum(vitals[f"current{phase}_a"] * vitals[f"voltage{phase}_v"] for phase in "ABC") == pytest.approx(3029)
        away = (await client.get(f"{garage.bound.url}/api/1/vitals", headers=AS_EVCC)).json()
        assert (away["contactor_closed"], away["vehicle_connected"]) == (False, False)
        # the main port is no Wall Connector, and theirs have nothing of the main port
        assert (await client.get(f"{main.bound.url}/api/1/vitals")).status_code == 404
        assert (await client.get(f"{first.bound.url}/api/v1/site")).status_code == 404

    at_the_doors(config, a_wallbox(), work)


def test_the_password_is_asked_for_at_every_door_and_guesses_count_together(tmp_path: Path) -> None:
    config = two_walls(tmp_path, f", password: {PASSWORD}")

    async def work(served: tuple[Served, ...], client: httpx2.AsyncClient) -> None:
        _, first, garage = served
        address = f"{first.bound.url}/api/1/vitals"
        answer = await client.get(address, headers=AS_EVCC)
        assert (answer.status_code, answer.json()["error"]) == (401, "a password is needed")
        assert (await client.get(address, auth=("evcc", PASSWORD))).status_code == 200
        assert (await client.get(address.replace("http://", f"http://any:{PASSWORD}@"))).status_code == 200
        began_s = asyncio.get_running_loop().time()
        assert (await client.get(address, auth=("evcc", "a wrong one"))).status_code == 401
        assert (await client.get(f"{garage.bound.url}/api/1/vitals", auth=("evcc", "another"))).status_code == 401
        assert asyncio.get_running_loop().time() - began_s > 0.2
        assert (await client.get(f"{first.bound.url}/healthz")).status_code == 404

    at_the_doors(config, a_wallbox(), work)


def test_a_running_gateway_has_them_beside_its_main_port(tmp_path: Path) -> None:
    config = two_walls(tmp_path)

    async def main() -> list[dict[str, Any]]:
        async with (
            running(config, client_factory(), SystemClock()) as gateway,
            serving_faces(gateway, config) as (page, *walls),
            httpx2.AsyncClient(trust_env=False) as client,
        ):
            assert (await client.get(f"{page.bound.url}/healthz")).status_code == 200
            answers = [await client.get(f"{wall.bound.url}/api/1/vitals", headers=AS_EVCC) for wall in walls]
            return [answer.json() for answer in answers]

    for vitals in asyncio.run(main()):
        assert (vitals["vehicle_connected"], vitals["evse_state"]) == (False, 1)  # a car that was never seen


def is_double(answer: httpx2.Response) -> bool:
    response = answer.json()["response"]
    assert "charge_state" in response.get("response", response)
    return "response" in response


@pytest.mark.parametrize(
    ("faces", "at_api_1"),
    [("", False), (", tesla: {}", False), (", tesla: {shape: single}", False), (", tesla: {shape: double}", True)],
)
def test_the_shape_of_api_1_is_as_written_and_the_others_stay(tmp_path: Path, faces: str, at_api_1: bool) -> None:
    config = config_of(tmp_path, f"{{port: {free_port()}{faces}}}")
    wallbox = WallboxDouble(make_loadpoint(vehicle=make_vehicle(is_plugged=False, facts=VehicleFacts(measured_at=AT))))

    async def work(served: tuple[Served, ...], client: httpx2.AsyncClient) -> None:
        for prefix, expected in (("", at_api_1), ("/fleet", False), ("/ble", True)):
            path = f"{served[0].bound.url}{prefix}/api/1/vehicles/1"
            assert is_double(await client.get(f"{path}/vehicle_data?endpoints=charge_state")) is expected
            # what is refused has TeslaBleHttpProxy's code there, too
            refused = await client.post(f"{path}/command/charge_start", content="true")
            assert (refused.status_code, refused.json()["response"]["result"]) == (503 if expected else 200, False)
            wrong = await client.post(f"{path}/command/set_charging_amps", content='{"charging_amps": 100}')
            assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_field")
            assert (wrong.json()["response"] is not None) is expected

    at_the_doors(config, wallbox, work)


def test_it_is_said_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = two_walls(tmp_path)

    async def main() -> None:
        stop = asyncio.Event()
        stop.set()
        await _live(config, stop)

    asyncio.run(main())
    first, garage = (own.port for own in config.faces.by_name["twc3"])  # type: ignore[attr-defined]
    assert capsys.readouterr().err.splitlines()[:3] == [
        f"sunbox runs on http://127.0.0.1:{config.faces.port} (Ctrl-C stops it)",
        f"the first loadpoint as a Wall Connector (twc3) is on http://127.0.0.1:{first}",
        f"garage as a Wall Connector (twc3) is on http://127.0.0.1:{garage}",
    ]


def test_a_port_that_another_program_has_is_told_and_nothing_is_served(tmp_path: Path) -> None:
    config = two_walls(tmp_path)
    wanted = config.faces.by_name["twc3"][1].port  # type: ignore[attr-defined]

    async def work(_served: tuple[Served, ...], _client: httpx2.AsyncClient) -> None:
        pytest.fail("nothing is to be served")

    with (
        socket.create_server(("127.0.0.1", wanted)),
        pytest.raises(ListenError, match=f"cannot serve on 127.0.0.1 port {wanted}: another program uses it"),
    ):
        at_the_doors(config, a_wallbox(), work)


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        (
            "{twc3: [{loadpoint: attic, port: 5003}]}",
            "twc3[0].loadpoint: there is no loadpoint 'attic'; known are carport",
        ),
        ("{twc3: [{loadpoint: carport}]}", "twc3[0].port: is missing"),
        ("{twc3: [{port: 0}]}", "twc3[0].port: 0 is below 1; allowed is 1 to 65535 (port of its own; clients know"),
        ("{twc3: [{port: 5000}]}", "twc3[0].port: 5000 is already taken by faces.port; use another port"),
        ("{twc3: [{port: 5003}, {port: 5003}]}", "twc3[1].port: 5003 is already taken by faces.twc3; use another port"),
        ("{twc3: [{port: 5003, prot: 1}]}", "twc3[0].prot: there is no such key; did you mean port?"),
        ("{twc3: {port: 5003}}", "twc3: a map is not a list"),
        (
            "{goe: [{loadpoint: attic, port: 5001}]}",
            "goe[0].loadpoint: there is no loadpoint 'attic'; known are carport",
        ),
        ("{goe: [{loadpoint: carport}]}", "goe[0].port: is missing"),
        ("{goe: [{port: 5000}]}", "goe[0].port: 5000 is already taken by faces.port; use another port"),
        ("{goe: [{port: 5003}], twc3: [{port: 5003}]}", "goe[0].port: 5003 is already taken by faces.twc3"),
        ('{goe: [{port: 5001, profile: "56"}]}', "goe[0].profile: '56' is none of 051, 055, 59.4, 60.3, 60.5-core"),
        ("{goe: [{port: 5001, profile: 59.4}]}", "goe[0].profile: 59.4 is none of"),
        ('{goe: [{port: 5001, name: ""}]}', "goe[0].name: '' is too short"),
        ("{goe: {port: 5001}}", "goe: a map is not a list"),
        ("{tesla: {shape: twice}}", "tesla.shape: 'twice' is none of single, double"),
        ("{tesla: {shape: doubel}}", "tesla.shape: 'doubel' is none of single, double; did you mean double?"),
        ("{tesla: {shap: single}}", "tesla.shap: there is no such key; did you mean shape?"),
        ("{tesla: [{shape: single}]}", "tesla: a list is not a map"),
    ],
)
def test_mistakes(tmp_path: Path, faces: str, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        config_of(tmp_path, faces)
    (problem,) = told.value.problems
    assert f"faces.{said}" in problem


@pytest.mark.parametrize("name", ["goe", "smartevse", "twc3"])
def test_without_a_loadpoint_there_is_nothing_to_show(tmp_path: Path, name: str) -> None:
    path = tmp_path / "sunbox.yaml"
    path.write_text(f"faces: {{{name}: [{{port: 5001}}]}}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load(path, REGISTRY, {})
    (problem,) = told.value.problems
    assert f"faces.{name}[0]: there is no loadpoint that it could show; write one below loadpoints" in problem


def test_the_example_of_the_document_is_right(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "twc3.md").read_text(encoding="utf-8")
    example, at_evcc = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    faces = config_of(tmp_path, json.dumps(example["faces"])).faces
    assert [(own.loadpoint, own.port) for own in faces.by_name["twc3"]] == [("carport", 5003), ("garage", 5004)]  # type: ignore[attr-defined]
    assert at_evcc["chargers"][0]["host"] == "gateway:5003"


def test_the_example_of_a_go_echarger_is_right(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "goe.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    example, at_evcc, at_broker, surplus = (yaml.safe_load(block) for block in blocks)
    config = config_of(tmp_path, json.dumps(example["faces"]))
    rows = [(own.loadpoint, own.port, own.name, own.profile) for own in config.faces.by_name["goe"]]  # type: ignore[attr-defined]
    assert rows == [("carport", 5001, None, "055"), ("garage", 5002, "Garage", "055")]
    assert at_evcc["chargers"][0]["host"] == "gateway:5001"
    (tmp_path / "sunbox.yaml").write_text(
        f"{HOME}meters: [{{id: manager, driver: pushed}}]\nfaces: {json.dumps(at_broker['faces'])}\n", encoding="utf-8"
    )
    loaded = load(tmp_path / "sunbox.yaml", REGISTRY, {"MQTT_PASSWORD": "a#b"})
    (plain, secret) = (own.mqtt for own in loaded.faces.by_name["goe"])  # type: ignore[attr-defined]
    assert (str(plain.broker), plain.prefix) == ("mqtt://192.168.0.5:1883", "go-eCharger")
    assert (str(secret.broker), secret.broker.password, secret.prefix) == (
        "mqtts://broker:8883",
        "a#b",
        "home/go-eCharger",
    )
    assert surplus["faces"]["goe"][0]["surplus_meter"] == "manager"


def test_the_examples_of_a_smartevse_are_right(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "smartevse.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    example, at_evcc, fed, at_broker = (yaml.safe_load(block) for block in blocks)
    config = config_of(tmp_path, json.dumps(example["faces"]))
    rows = [(own.loadpoint, own.port, own.profile, own.serial) for own in config.faces.by_name["smartevse"]]  # type: ignore[attr-defined]
    assert rows == [("carport", 5002, "3.11", None), ("garage", 5003, "3.6", 4711)]
    assert at_evcc["chargers"][0]["host"] == "gateway:5002"
    assert [(meter.id, meter.stale_after_s) for meter in config.settings.meters] == [("smartevse", 11.0)]
    (tmp_path / "sunbox.yaml").write_text(
        f"{HOME}meters: [{{id: p1, driver: pushed}}]\n{yaml.safe_dump(fed)}", encoding="utf-8"
    )
    assert [meter.id for meter in load(tmp_path / "sunbox.yaml", REGISTRY, {}).settings.meters] == ["p1"]
    (tmp_path / "sunbox.yaml").write_text(f"{HOME}faces: {json.dumps(at_broker['faces'])}\n", encoding="utf-8")
    loaded = load(tmp_path / "sunbox.yaml", REGISTRY, {"MQTT_PASSWORD": "a#b"})
    plain, secret = loaded.faces.by_name["smartevse"]
    assert plain.topics_of("carport").startswith("SmartEVSE/")  # type: ignore[attr-defined]
    assert secret.topics_of("garage") == "home/garage"  # type: ignore[attr-defined]


OWN = [
    ("{port: 5002}", "", ["smartevse"]),
    ("{port: 5002}", "meters: [{id: p1, driver: pushed}]", ["p1"]),
    ("{port: 5002, mains_meter: p1}", "meters: [{id: p1, driver: pushed}]", ["p1"]),
    ("{port: 5002, mains_meter: api}", "meters: [{id: p1, driver: pushed}]", ["p1", "smartevse"]),
    ("{port: 5002, mains_meter: api}", "meters: [{id: smartevse, driver: pushed}]", ["smartevse"]),
    ("{port: 5002, mains_meter: none}", "", []),
    ("{port: 5002}, {port: 5003, loadpoint: garage}", "", ["smartevse"]),
]


@pytest.mark.parametrize(("faces", "more", "meters"), OWN, ids=[f"{faces} {more}" for faces, more, _ in OWN])
def test_a_smartevse_brings_a_meter_only_where_there_is_no_other(
    tmp_path: Path, faces: str, more: str, meters: list[str]
) -> None:
    (tmp_path / "sunbox.yaml").write_text(f"{HOME}{more}\nfaces: {{smartevse: [{faces}]}}\n", encoding="utf-8")
    config = load(tmp_path / "sunbox.yaml", REGISTRY, {})
    assert [meter.id for meter in config.settings.meters] == meters
    assert [(device.id, device.driver) for device in config.meters] == [(name, "pushed") for name in meters]


def test_each_instance_is_a_go_echarger_on_its_port_behind_the_same_password(tmp_path: Path) -> None:
    main, one, two = free_ports(3)
    more = f"goe: [{{port: {one}}}, {{loadpoint: garage, port: {two}, name: Garage}}], password: {PASSWORD}"
    config = config_of(tmp_path, f"{{port: {main}, {more}}}")
    wallbox = a_wallbox()

    async def work(served: tuple[Served, ...], client: httpx2.AsyncClient) -> None:
        _, first, garage = served
        assert garage.name == "garage as a go-eCharger (goe)"
        address = f"{first.bound.url}/api/status?filter=car,nrg,sse,fna"
        assert (await client.get(address, headers=AS_EVCC)).status_code == 401
        client.auth = httpx2.BasicAuth("evcc", PASSWORD)
        told = (await client.get(address, headers=AS_EVCC)).json()
        assert (told["car"], told["nrg"][11], told["fna"]) == (2, 3029, "Carport")
        away = (await client.get(f"{garage.bound.url}/api/status?filter=car,sse,fna")).json()
        assert (away["car"], away["fna"]) == (1, "Garage")
        assert away["sse"] != told["sse"]
        assert (await client.get(f"{first.bound.url}/api/set?frc=1")).json() == {"frc": True}
        assert [(row.loadpoint_id, row.override) for row in wallbox.requests] == [("carport", "stop")]
        # nobody asks, and still it keeps up: what the loadpoint forgets with the cable is told again
        wallbox.change("carport", override="none", override_by=None, is_plugged=False, is_flowing=False)
        await in_turn()
        wallbox.change("carport", is_plugged=True)
        await in_turn()
        assert [(row.loadpoint_id, row.override) for row in wallbox.requests][1:] == [("carport", "stop")]
        assert (await client.get(f"{main_url(served)}/api/status?filter=car")).status_code == 404

    at_the_doors(config, wallbox, work)


async def in_turn() -> None:
    """Let everybody go on who waits for a change, and for nothing else."""
    for _ in range(50):
        await asyncio.sleep(0)


def main_url(served: tuple[Served, ...]) -> str:
    return served[0].bound.url
