"""`sunbox demo` as a newcomer meets it: a process, a page, curl, Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.processes import Client, Sunbox, free_ports, no_traceback, run, started

pytestmark = pytest.mark.slow


def demo_words(ports: tuple[int, int, int], *more: str) -> tuple[str, ...]:
    port, base, world = ports
    return ("demo", "--port", str(port), "--port-base", str(base), "--world-port", str(world), *more)


def first_answer(demo: Sunbox, client: Client) -> None:
    demo.until(lambda: client.get("/healthz").status_code == 200)


def test_a_newcomer_looks_around_and_starts_the_car(tmp_path: Path) -> None:
    ports = free_ports()
    client = Client(ports[0], ports[2])
    with started(tmp_path, *demo_words(ports, "--speed", "300")) as demo:
        first_answer(demo, client)
        demo.until(lambda: "Ctrl-C stops it." in demo.printed)
        assert f"{client.url}/tlwb/1/status" in demo.printed

        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<title>" in page.text
        assert client.get("/ui/app.js").status_code == 200

        status = demo.until(lambda: (told := client.tlwb())["soc"] and told)
        assert (status["soc"], status["targetsoc"], status["mode"], status["pv"]) == (30, 90, "pv", True)
        site = client.get("/api/v1/site").json()
        assert [row["id"] for row in site["loadpoints"]] == ["carport"]
        assert site["grid_w"] is not None
        assert "pv_w" in site

        demo.until(lambda: client.tlwb()["asleep"])
        assert client.world()["cars"]["model3"]["state"] == "asleep"
        assert client.tlwb("/control?1")["control"] == 1
        demo.until(lambda: client.tlwb()["status"] == 3)
        assert client.world()["cars"]["model3"]["charging"] == "charging"
        assert client.tlwb()["amps"] > 0
        calls = client.world()["clouds"]["tesla"]["bill"]["total"]["calls"]
        assert (calls["wake_up"], calls["charge_start"]) == (1, 1)
        client.tlwb("/control?0")
        demo.until(lambda: client.tlwb()["status"] == 4)

        told = run(tmp_path, "status", "--url", client.url)
        assert told.returncode == 0, told.stderr
        assert "carport" in told.stdout
        assert "stopped by" in told.stdout

        assert demo.interrupt() == 0
        assert no_traceback(demo.printed), demo.printed
    assert (tmp_path / "sunbox-demo" / "sunbox.yaml").is_file()


def test_the_sun_wakes_the_car_and_clouds_leave_it_asleep(tmp_path: Path) -> None:
    ports = free_ports()
    client = Client(ports[0], ports[2])
    # a Saturday of clouds; the sun comes when the test says so
    rows = "\n".join(f"2024-06-15T{5 + m // 60:02}:{m % 60:02}:00Z,0,300" for m in range(600))
    (tmp_path / "sun.csv").write_text(f"time,pv_w,load_w\n{rows}\n", encoding="utf-8")
    with started(tmp_path, *demo_words(ports, "--speed", "300", "--trace", "sun.csv")) as demo:
        first_answer(demo, client)
        dark = demo.until(lambda: (told := client.tlwb())["asleep"] and told)
        assert dark["reason"].startswith("paused: surplus")
        assert client.get("/api/v1/site").json()["grid_w"] == pytest.approx(300, abs=50)
        client.change_world(sun={"pv_w": 6000})
        demo.until(lambda: client.tlwb()["status"] == 3)
        demo.until(lambda: client.tlwb()["reason"].startswith("charging"))
        demo.until(lambda: client.world()["cars_w"] > 1000)

        client.change_world(sun={"pv_w": 0})
        demo.until(lambda: client.tlwb()["status"] == 5)
        demo.until(lambda: client.tlwb()["asleep"])
        bill = client.world()["clouds"]["tesla"]["bill"]["total"]
        assert bill["calls"]["wake_up"] == 1
        assert bill["calls"]["charge_start"] == 1
        assert demo.interrupt() == 0
        assert no_traceback(demo.printed), demo.printed


def test_a_demo_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    ports = free_ports()
    client = Client(ports[0], ports[2])
    with started(tmp_path, *demo_words(ports)) as demo:
        first_answer(demo, client)
        second = run(tmp_path, *demo_words(ports))
        assert second.returncode == 1
        assert f"port {ports[1]}" in second.stderr
        assert "another program uses it" in second.stderr
        assert no_traceback(second.stderr)
        assert client.get("/healthz").status_code == 200
        assert demo.interrupt() == 0
