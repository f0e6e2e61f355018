"""docs/tesla-face.md says what the table says, and its examples are answered as it shows."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx2
import yaml
from tesla_face_docs import DOCUMENT, fill
from wallbox_double import AT, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.model import VehicleFacts
from sunbox.faces.main import create_main_app
from sunbox.faces.tesla import Shape, TeslaFaceSettings

TEXT = DOCUMENT.read_text(encoding="utf-8")


def ask(method: str, address: str, content: str = "", shape: Shape = Shape.SINGLE) -> httpx2.Response:
    box = WallboxDouble(make_loadpoint(vehicle=make_vehicle(facts=VehicleFacts(measured_at=AT))))

    async def main() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_main_app(box, tesla_shape=shape))
        async with httpx2.AsyncClient(transport=transport) as client:
            return await client.request(method, address, content=content)

    return asyncio.run(main())


def test_the_generated_part_is_that_of_the_table() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.faces.tesla_face_docs"


def test_the_curl_examples_are_answered() -> None:
    found = re.findall(r"^curl (-X POST )?'?(http://[^'\s]+)'?(?: -d '(.*)')?$", TEXT, re.MULTILINE)
    assert len(found) == TEXT.count("\ncurl ") > 5
    answers = [ask("POST" if post else "GET", address, body) for post, address, body in found]
    assert [answer.status_code for answer in answers] == [200] * (len(found) - 1) + [400]
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert answers[-1].json() == json.loads(shown)


def blocks(key: str) -> list[dict[str, Any]]:
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
    return [block for block in found if key in block]


def test_evccs_template_is_answered_with_the_shape_that_the_document_writes() -> None:
    (faces,) = blocks("faces")
    shape = TeslaFaceSettings.model_validate(faces["faces"]["tesla"]).shape
    (vehicle,) = blocks("vehicles")[0]["vehicles"]
    assert vehicle["template"] == "tesla-ble"
    base = f"{vehicle['url']}:{vehicle['port']}/api/1/vehicles/{vehicle['vin']}"
    told = ask("GET", f"{base}/vehicle_data?endpoints=charge_state", shape=shape).json()
    needed = {"battery_level", "charge_amps", "charge_limit_soc", "battery_range", "charging_state"}
    assert needed <= set(told["response"]["response"]["charge_state"])
    for name, body in (("charge_start", "true"), ("set_charging_amps", '{"charging_amps": 7}'), ("wake_up", "true")):
        assert ask("POST", f"{base}/command/{name}", body, shape).status_code == 200


def test_evccs_vehicle_is_answered() -> None:
    (vehicle,) = blocks("vehicles")[1]["vehicles"]
    rows = [row for row in vehicle.values() if isinstance(row, dict)]
    assert len(rows) == 8
    for row in rows:
        address = row["uri"].replace("VIN", "1").replace("{{ if .chargeenable }}charge_start{{ else }}", "")
        address = address.replace("{{ end }}", "")
        body = row.get("body", "true").replace("${maxcurrent}", "10")
        answer = ask(row.get("method", "GET"), address, body)
        assert answer.status_code == 200, address
        for path in re.findall(r"\.(response\.response\.charge_state\.\w+)", row.get("jq", "")):
            told = answer.json()
            for key in path.split("."):
                assert key in told
                told = told[key]
