"""The charging commands as two real clients send them, and what each of them makes of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from client_sessions import Client, Stage

from sunbox.simulator.tesla_tokens import FIRST_ACCESS

VIN = "LRW3F7EK4NC700000"
STRANGER = "5YJ3E1EA1JF000001"

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a client says came of a command: a result with its reason, or an error by its own name with all that it tells."""

    result: bool | None = None
    reason: str = ""
    error: str = ""
    about: str = ""


DONE = Said(result=True)


class ChargingClient(Protocol):
    """One client, whose command names and arguments are those of `table.COMMANDS`."""

    async def send(self, name: str, arguments: Arguments, vin: str = VIN) -> Said:
        """Send a command."""
        ...

    async def wake(self, vin: str = VIN) -> str:
        """Wake the car; return the state that is told."""
        ...

    async def listed(self) -> list[dict[str, Any]]:
        """Return the account's cars."""
        ...

    async def state(self, vin: str = VIN) -> str:
        """Return whether the car is online, or the error that is told."""
        ...

    async def data(self, *endpoints: str, vin: str = VIN) -> dict[str, Any] | Said:
        """Return the car's data."""
        ...


# --- tesla-fleet-api ---------------------------------------------------------------------------------------------------

_MADE_BY_THE_CLIENT = frozenset({"start_enabled", "end_enabled"})
"""Fields of a schedule that `tesla-fleet-api` makes from the times that it is given."""


@dataclass(frozen=True, slots=True)
class FleetApi:
    """`tesla-fleet-api`: a library, with one method for each command."""

    stage: Stage
    process: Client
    prefix: str = ""
    token: str = FIRST_ACCESS

    async def call(self, on: str, call: str, vin: str = VIN, **arguments: Any) -> Any:
        """Return what a method returns.

        Raises:
            RaisedError: the library raised one of its errors.
        """
        url = self.stage.url + self.prefix
        asked = {"url": url, "token": self.token, "vin": vin, "on": on, "call": call, "with": arguments}
        answer = await self.stage.ask(self.process, **asked)
        if "raised" in answer:
            raise RaisedError(answer["raised"], answer["data"])
        return answer["returned"]

    async def send(self, name: str, arguments: Arguments, vin: str = VIN) -> Said:
        """Send a command."""
        given = {key: value for key, value in arguments.items() if key not in _MADE_BY_THE_CLIENT}
        try:
            answer = await self.call("vehicle", name, vin, **given)
        except RaisedError as error:
            return error.said
        return Said(**answer["response"])

    async def wake(self, vin: str = VIN) -> str:
        """Wake the car; return the state that is told."""
        return str((await self.call("vehicle", "wake_up", vin))["response"]["state"])

    async def listed(self) -> list[dict[str, Any]]:
        """Return the account's cars."""
        return list((await self.call("vehicle", "list"))["response"])

    async def state(self, vin: str = VIN) -> str:
        """Return whether the car is online, or the error that is told."""
        try:
            return str((await self.call("vehicle", "vehicle", vin))["response"]["state"])
        except RaisedError as error:
            return error.kinds[0]

    async def data(self, *endpoints: str, vin: str = VIN) -> dict[str, Any] | Said:
        """Return the car's data."""
        try:
            answer = await self.call("vehicle", "vehicle_data", vin, **({"endpoints": endpoints} if endpoints else {}))
        except RaisedError as error:
            return error.said
        return dict(answer["response"])


class RaisedError(Exception):
    """An error of `tesla-fleet-api`: the names of its classes, its own first, and what came with it."""

    def __init__(self, kinds: list[str], data: Any) -> None:
        super().__init__(kinds[0], data)
        self.kinds, self.data = kinds, data

    @property
    def said(self) -> Said:
        """Return it as what the client says."""
        return Said(error=self.kinds[0], about=json.dumps(self.data))


# --- tescmd ------------------------------------------------------------------------------------------------------------


def _words(text: str) -> Callable[[Arguments], list[str]]:
    """Return what makes a command line of arguments; the VIN comes behind the second word."""
    return lambda arguments: [word.format(**arguments) for word in text.split()]


def _raw(name: str) -> Callable[[Arguments], list[str]]:
    """Return what makes the command line of a request with a body as it is."""
    return lambda arguments: [
        "raw",
        "post",
        f"/api/1/vehicles/{arguments['vin']}/command/{name}",
        "--body",
        json.dumps({key: value for key, value in arguments.items() if key != "vin"}),
    ]


COMMAND_LINES: dict[str, Callable[[Arguments], list[str]]] = {
    "charge_port_door_open": _words("charge port-open {vin}"),
    "charge_port_door_close": _words("charge port-close {vin}"),
    "charge_start": _words("charge start {vin}"),
    "charge_stop": _words("charge stop {vin}"),
    "charge_standard": _words("charge limit-std {vin}"),
    "charge_max_range": _words("charge limit-max {vin}"),
    "set_charge_limit": _words("charge limit {vin} {percent}"),
    "set_charging_amps": _words("charge amps {vin} {charging_amps}"),
    "set_scheduled_charging": _words("charge schedule {vin} --enable --time {time}"),
    "set_scheduled_departure": _words(
        "charge departure {vin} --on --time {departure_time} --off-peak --off-peak-end {end_off_peak_time}"
    ),
    "add_charge_schedule": _raw("add_charge_schedule"),  # its own words for it lack required fields
    "remove_charge_schedule": _words("charge remove-schedule {vin} --id {id}"),
}
"""Command → the words with which `tescmd` sends it."""


@dataclass(frozen=True, slots=True)
class TesCmd:
    """`tescmd`: a program for the command line."""

    stage: Stage
    process: Client

    async def run(self, *words: str) -> dict[str, Any]:
        """Return exit code and what was printed."""
        return await self.stage.ask(self.process, words=words)

    async def send(self, name: str, arguments: Arguments, vin: str = VIN) -> Said:
        """Send a command."""
        return said(await self.run(*COMMAND_LINES[name]({**arguments, "vin": vin})))

    async def send_raw(self, name: str, arguments: Arguments, vin: str = VIN) -> Said:
        """Send a command with these fields as they are, past what the program takes for right."""
        return said(await self.run(*_raw(name)({**arguments, "vin": vin})))

    async def wake(self, vin: str = VIN) -> str:
        """Wake the car; return the state that is told."""
        return str((await self.run("vehicle", "wake", vin))["out"]["data"]["state"])

    async def listed(self) -> list[dict[str, Any]]:
        """Return the account's cars; what is null is left out."""
        return list((await self.run("vehicle", "list"))["out"]["data"])

    async def state(self, vin: str = VIN) -> str:
        """Return whether the car is online, or the error that is told."""
        printed = await self.run("vehicle", "get", vin)
        return str(printed["out"]["data"]["state"] if printed["code"] == 0 else printed["err"]["error"]["message"])

    async def data(self, *endpoints: str, vin: str = VIN) -> dict[str, Any] | Said:
        """Return the car's data; what is null is left out."""
        chosen = ("--endpoints", ",".join(endpoints)) if endpoints else ()
        printed = await self.run("vehicle", "data", vin, *chosen)
        return said(printed) if printed["code"] else dict(printed["out"]["data"])


def said(printed: Mapping[str, Any]) -> Said:
    """Return what `tescmd` says came of a command."""
    if printed["code"] == 0:
        assert printed["err"] == ""
        assert printed["out"]["ok"] is True
        return Said(**printed["out"]["data"]["response"])
    assert printed["out"] == ""
    assert printed["err"]["ok"] is False
    error = printed["err"]["error"]
    return Said(error=error["code"], about=error["message"])


def tescmd_settings(folder: Path, url: str, **more: str) -> dict[str, str]:
    """Return the variables of a `tescmd` that speaks to `url`, keeps everything in `folder`, and signs nothing.

    Without its cache it would read the car only once a minute. No `.env` of whoever runs the tests is looked for.
    """
    return {
        "TESLA_API_BASE_URL": url,
        "TESLA_AUTH_BASE_URL": url,
        "TESLA_COMMAND_PROTOCOL": "unsigned",
        "TESLA_CLIENT_ID": "simulated",
        "TESLA_TOKEN_FILE": str(folder / "tescmd-tokens.json"),
        "TESLA_CONFIG_DIR": str(folder / "tescmd"),
        "TESLA_CACHE_DIR": str(folder / "tescmd-cache"),
        "TESLA_CACHE_ENABLED": "false",
        "PYTHON_DOTENV_DISABLED": "1",
        **more,
    }
