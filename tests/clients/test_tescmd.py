"""A real client, `tescmd` 0.6.1 from PyPI, against the simulated cloud over loopback: it witnesses the simulator.

It takes its addresses, tokens and folders from variables (`tescmd_settings`), and with `TESLA_COMMAND_PROTOCOL=unsigned` it
sends commands as plain REST. What it cannot do, and what therefore is not tried:

- `charge add-schedule` has no words for `lat`, `lon`, `start_enabled` and `end_enabled`, which are required, and sends
  `days_of_week` as a number where a text is due. It is refused; `raw post` sends the same command as it should be.
- A limit or current out of range does not get past its own command line; `raw post` sends that, too.
- Signed commands: they need a key in the car, and the simulated cloud has none of the protocol.
- `--wake` and a 429 make it wait 20 s and longer on the wall before it asks again. So waking is tried in two steps, and a
  429 is left to the other client.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from charging_cases import CASES, SCHEDULE, Bench, make_bench
from charging_clients import COMMAND_LINES, DONE, STRANGER, VIN, Said, TesCmd, said, tescmd_settings
from client_sessions import PATIENCE_S, plain_environment, program_of, running, staged

from sunbox.dialects.tesla.table import COMMANDS
from sunbox.simulator.tesla_tokens import FIRST_ACCESS, FIRST_REFRESH

TOKENS = {"default/access_token": FIRST_ACCESS, "default/refresh_token": FIRST_REFRESH}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tescmd")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TesCmd]:
    with staged() as stage, running("tescmd", folder, tescmd_settings(folder, stage.url)) as process:
        yield TesCmd(stage, process)


@pytest.fixture
def token_file(folder: Path) -> Path:
    path = Path(tescmd_settings(folder, "")["TESLA_TOKEN_FILE"])
    write_tokens(path)
    return path


def write_tokens(path: Path) -> None:
    path.write_text(json.dumps(TOKENS), encoding="utf-8")


def read_tokens(path: Path) -> dict[str, str]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


Play = Callable[..., None]


@pytest.fixture
def play(client: TesCmd, token_file: Path) -> Play:
    """Return what runs a test's body with a cloud of its own behind the client."""

    def run(body: Callable[[Bench, TesCmd], Awaitable[None]], **about_car: object) -> None:
        async def main() -> None:
            bench = make_bench(**about_car)
            client.stage.app = bench.cloud.app
            await body(bench, client)

        client.stage.run(main())

    return run


def test_reads_list_state_data_and_region(play: Play) -> None:
    async def body(bench: Bench, client: TesCmd) -> None:
        listed = (await client.run("vehicle", "list"))["out"]["data"]
        assert [(row["vin"], row["state"], row["display_name"]) for row in listed] == [(VIN, "online", "Model 3")]
        assert (await client.run("vehicle", "get", VIN))["out"]["data"] == listed[0]
        data = await client.data("charge_state", "location_data")
        assert isinstance(data, dict)
        assert data["charge_state"]["battery_level"] == 50
        assert data["charge_state"]["charging_state"] == "Stopped"
        assert (data["drive_state"]["latitude"], data["drive_state"]["longitude"]) == bench.car.home
        assert "vehicle_state" not in data
        everything = await client.data()
        assert isinstance(everything, dict)
        assert everything["vehicle_state"]["vehicle_name"] == "Model 3"
        assert "latitude" not in everything["drive_state"]
        charge = (await client.run("charge", "status", VIN))["out"]["data"]
        assert (charge["charge_limit_soc"], charge["charging_state"]) == (80, "Stopped")
        where = (await client.run("vehicle", "location", VIN))["out"]["data"]
        assert (where["latitude"], where["longitude"]) == bench.car.home
        assert (await client.run("user", "region"))["out"]["data"]["region"] == "eu"

    play(body)


def test_wakes_a_sleeping_car(play: Play) -> None:
    async def body(bench: Bench, client: TesCmd) -> None:
        for told in (await client.data(), await client.send("charge_start", {})):
            assert isinstance(told, Said)
            assert told.error == "vehicle_asleep"
        assert await client.state() == "asleep"
        assert await client.wake() == "asleep"  # the old state, at once
        await bench.live(60)
        assert await client.state() == "online"
        assert isinstance(await client.data(), dict)
        counted = bench.cloud.bill.total.to_json()
        assert {key: counted[key] for key in ("data", "command", "wake")} == {"data": 2, "command": 1, "wake": 1}

    play(body, is_asleep=True)


def test_every_charging_command_is_tried() -> None:
    assert list(CASES) == list(COMMAND_LINES) == [row.name for row in COMMANDS]


@pytest.mark.parametrize("name", CASES)
def test_each_charging_command_has_its_effect(play: Play, name: str) -> None:
    case = CASES[name]

    async def body(bench: Bench, client: TesCmd) -> None:
        case.before(bench.car)
        assert case.look(bench.car) != case.expected
        assert await client.send(name, case.arguments) == DONE
        assert case.look(bench.car) == case.expected
        assert bench.cloud.bill.total.calls[name] == 1

    play(body)


def test_its_own_words_for_a_schedule_lack_what_is_required(play: Play) -> None:
    async def body(bench: Bench, client: TesCmd) -> None:
        words = ("charge", "add-schedule", VIN, "--id", "7", "--days-of-week", "127", "--start-time", "60")
        told = said(await client.run(*words))
        assert told.error == "TeslaAPIError"
        assert "invalid_field" in told.about
        assert "lat: required" in told.about
        as_number = {**SCHEDULE, "days_of_week": 127}
        assert "days_of_week: must be a text" in (await client.send_raw("add_charge_schedule", as_number)).about
        assert bench.car.kept_schedules == {}

    play(body)


def test_charging_is_seen_in_charge_state(play: Play) -> None:
    async def body(bench: Bench, client: TesCmd) -> None:
        assert await client.send("charge_start", {}) == DONE
        assert await client.send("charge_start", {}) == Said(result=False, reason="requested")
        await bench.live(40)
        assert await client.send("charge_start", {}) == Said(result=False, reason="is_charging")
        charge = (await client.run("charge", "status", VIN))["out"]["data"]
        shown = {key: charge[key] for key in ("charging_state", "charger_actual_current", "charger_phases")}
        assert shown == {"charging_state": "Charging", "charger_actual_current": 16, "charger_phases": 2}
        assert (charge["charger_power"], charge["charger_voltage"]) == (11, 228)

    play(body, phases=3)


@pytest.mark.parametrize(
    ("about_car", "name", "arguments", "reason"),
    [
        ({"is_plugged": False}, "charge_start", {}, "disconnected"),
        ({"is_plugged": False}, "set_charging_amps", {"charging_amps": 10}, "disconnected"),
        ({"soc_pct": 80.0}, "charge_start", {}, "complete"),
        ({}, "charge_stop", {}, "not_charging"),
        ({}, "set_charge_limit", {"percent": 80}, "already_set"),
        ({}, "charge_standard", {}, "already_standard"),
        ({"limit_pct": 100}, "charge_max_range", {}, "already_max_range"),
    ],
)
def test_a_refusal_is_an_answer(
    play: Play, about_car: dict[str, object], name: str, arguments: dict[str, int], reason: str
) -> None:
    async def body(_: Bench, client: TesCmd) -> None:
        assert await client.send(name, arguments) == Said(result=False, reason=reason)

    play(body, **about_car)


@pytest.mark.parametrize(
    ("name", "arguments", "about"),
    [
        ("set_charge_limit", {"percent": 30}, "percent: must be from 50 to 100"),
        ("set_charge_limit", {"percent": 75.5}, "percent: must be a whole number"),
        ("set_charging_amps", {"charging_amps": 49}, "charging_amps: must be from 0 to 48"),
        ("set_charging_amps", {"charging_amps": "16"}, "charging_amps: must be a whole number"),
        ("set_scheduled_charging", {"time": 60}, "enable: required"),
    ],
)
def test_a_bad_field_is_told(play: Play, name: str, arguments: dict[str, object], about: str) -> None:
    async def body(_: Bench, client: TesCmd) -> None:
        told = await client.send_raw(name, arguments)
        assert told.error == "TeslaAPIError"
        assert told.about.startswith("HTTP 400")
        assert "invalid_field" in told.about
        assert about in told.about

    play(body)


def test_what_its_own_command_line_refuses_is_never_sent(play: Play) -> None:
    async def body(bench: Bench, client: TesCmd) -> None:
        for name, arguments in (("set_charge_limit", {"percent": 30}), ("set_charging_amps", {"charging_amps": 49})):
            assert (await client.send(name, arguments)).error == "BadParameter"
        assert bench.cloud.bill.total.calls == {}

    play(body)


def test_what_is_not_there(play: Play) -> None:
    async def body(_: Bench, client: TesCmd) -> None:
        for about in (
            (await client.send("charge_start", {}, STRANGER)).about,
            await client.state(STRANGER),
            (await client.run("vehicle", "wake", STRANGER))["err"]["error"]["message"],
        ):
            assert about.startswith("HTTP 404")
            assert "not_found" in about
        told = await client.send_raw("self_destruct", {"now": True})
        assert told.about.startswith("HTTP 400")
        assert "invalid_command" in told.about

    play(body)


def test_an_expired_token_is_renewed_and_the_new_one_kept(play: Play, token_file: Path) -> None:
    async def body(bench: Bench, client: TesCmd) -> None:
        await asyncio.sleep(8 * 3600)
        assert await client.send("charge_start", {}) == DONE
        assert bench.cloud.bill.total.calls["token"] == 1
        kept = read_tokens(token_file)
        assert all(kept[name] != first for name, first in TOKENS.items())
        assert await client.state() == "online"
        assert bench.cloud.bill.total.calls["token"] == 1

    play(body)


def test_tokens_are_renewed_on_demand_and_a_used_one_is_worth_nothing(play: Play, token_file: Path) -> None:
    async def body(_: Bench, client: TesCmd) -> None:
        for _time in range(2):
            assert (await client.run("auth", "refresh"))["out"]["data"] == {"status": "refreshed"}
        assert await client.state() == "online"
        write_tokens(token_file)
        told = await client.run("auth", "refresh")
        assert (told["code"], told["err"]["error"]["code"]) == (1, "auth_failed")
        assert "Refresh token is invalid or expired" in told["err"]["error"]["message"]

    play(body)


def test_the_program_as_people_run_it(client: TesCmd, folder: Path) -> None:
    """One command line in a process of its own; the others are spared the second that starting takes."""
    variables = tescmd_settings(folder, client.stage.url, TESLA_ACCESS_TOKEN=FIRST_ACCESS)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (program_of("tescmd", "tescmd"), "charge", "amps", VIN, "11"),
            cwd=folder,
            env=plain_environment(folder, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    async def main() -> None:
        bench = make_bench()
        client.stage.app = bench.cloud.app
        ended = await client.stage.call(run)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert json.loads(ended.stdout)["data"]["response"] == {"result": True, "reason": ""}
        assert bench.car.amps_a == 11

    client.stage.run(main())
