"""The class for scripts: a Powerwall site, asked and told through Tesla's Fleet API, one call after another."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sunbox.dialects.powerwall import table, wire
from sunbox.dialects.powerwall.facts import ExportRule
from sunbox.dialects.powerwall.table import EnergyEndpoint, Request, request_to_wire
from sunbox.dialects.tesla.table import Endpoint
from sunbox.fleetapi.client import FleetClient, object_of
from sunbox.fleetapi.config import ConfigFile, find_config
from sunbox.fleetapi.errors import FleetApiError, FleetRefusedError
from sunbox.net.http import BlockingClientFactory, Timeouts, blocking_client

CACHE_S = 5.0
TIMEOUT_S = 10.0

YES_WORDS: Mapping[str, bool] = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


class FleetAPI:
    """A Powerwall site, through Tesla's Fleet API.

    Powers are in W, energies in Wh, charges and reserves in % of what Tesla's app shows (its 0 % is 5 % of what is stored). Signs:
    grid + = import, battery + = discharging, sun and load are never negative; `solar + battery + grid = load`, and the load has
    the cars in it. What the site does not tell is None, never 0.

    What fails raises a `FleetApiError`, a value that is not allowed a ValueError. Threads may share an instance, and several
    programs the configuration file.

    Reads are kept for `pwcacheexpire` seconds, so that asking for solar, grid, battery and load one after the other costs one
    request, and all are of one instant. Tesla may charge for each request.
    """

    def __init__(
        self,
        configfile: str | Path | None = None,
        debug: bool = False,
        site_id: int | str | None = None,
        pwcacheexpire: float = CACHE_S,
        timeout: float = TIMEOUT_S,
        *,
        clients: BlockingClientFactory | None = None,
    ) -> None:
        """Read the configuration; nothing is sent yet.

        Args:
            configfile: made by `fleetapi setup`; default `.fleetapi.config`, else `.pypowerwall.fleetapi`, in this folder.
            debug: log each request to standard error.
            site_id: instead of the site in the file.
            pwcacheexpire: how many seconds a read may be old; 0 = ask each time.
            timeout: seconds that an answer may take.
            clients: makes HTTP clients; default: the network.

        Raises:
            FleetConfigError: there is no usable configuration.
        """
        self.configfile = Path(configfile) if configfile is not None else find_config()
        self.pwcacheexpire = pwcacheexpire
        if debug:
            from sunbox.fleetapi.logs import log_everything

            log_everything()
        timeouts = Timeouts(read_s=timeout, total_s=timeout)
        self._client = FleetClient(
            ConfigFile(self.configfile), clients or (lambda url: blocking_client(url, timeouts=timeouts))
        )
        self._told_site = None if site_id in {None, ""} else site_id
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._keeping = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. They open again when something is asked."""
        self._client.close()

    # asking

    def poll(
        self,
        api: str = table.PRODUCTS.path,
        action: str = "GET",
        data: Mapping[str, Any] | None = None,
        recursive: bool = False,  # noqa: ARG002 - scripts for other programs of this name pass it
        force: bool = False,
    ) -> dict[str, Any]:
        """Return the JSON object that any call of the Fleet API answers.

        Args:
            api: the path behind the server's address, with or without its first slash.
            action: GET or POST.
            data: what a POST sends.
            recursive: without effect.
            force: ask, even if an answer is at hand that is young enough.

        Raises:
            ValueError: the path or the action is not allowed.
            FleetApiError: there is no answer, or none that is of use.
        """
        method = action.upper()
        if method not in {"GET", "POST"}:
            raise ValueError(f"action is {action!r}; allowed is GET or POST")
        if "://" in api or api.startswith("//"):
            raise ValueError(f"api is {api!r}; allowed is a path such as {table.PRODUCTS.path}")
        row = Endpoint(name="poll", method=method, path="/" + api.lstrip("/"), help="")
        body = None if method == "GET" else dict(data or {})
        return self._ask(Request(row=row, path=row.path, query={}, body=body), force=force)

    @property
    def site_id(self) -> int | str:
        """The site that is asked: that of the constructor, else of the file, else the account's first with a battery.

        Raises:
            FleetApiError: the account has none, or cannot be asked.
        """
        if self._told_site is None:
            self._told_site = self._client.config.site_id
        if self._told_site is None:
            chosen = wire.chosen(wire.products_from_wire({"response": self.get_sites()}))
            if chosen is None or chosen.site_id is None:
                raise FleetApiError("the account has no energy site; look at `fleetapi sites`")
            self._told_site = chosen.site_id
        return self._told_site

    @site_id.setter
    def site_id(self, site_id: int | str | None) -> None:
        self._told_site = site_id

    def get_sites(self, force: bool = False) -> list[dict[str, Any]]:
        """Return all products of the account as Tesla tells them: energy sites have `energy_site_id`, vehicles have `vin`."""
        response = self._ask(request_to_wire(table.PRODUCTS), force=force).get("response")
        if not isinstance(response, list):
            raise FleetApiError("Tesla's answer has no list of products; try again")
        return [each for each in response if isinstance(each, dict)]

    def getsites(self, force: bool = False) -> list[dict[str, Any]]:
        """Return the same as `get_sites`."""
        return self.get_sites(force)

    def get_products(self, force: bool = False) -> list[dict[str, Any]]:
        """Return the same as `get_sites`."""
        return self.get_sites(force)

    def get_live_status(self, force: bool = False) -> dict[str, Any]:
        """Return what flows now, as Tesla tells it: powers in W, `percentage_charged` in %, `timestamp` when it was so."""
        return self._told(table.LIVE_STATUS, force=force)

    def get_site_info(self, force: bool = False) -> dict[str, Any]:
        """Return what the site is and how it is set, as Tesla tells it."""
        return self._told(table.SITE_INFO, force=force)

    def get_site_status(self, force: bool = False) -> dict[str, Any]:
        """Return the site in short, as Tesla tells it. Tesla does not document this call."""
        return self._told(table.SITE_STATUS, force=force)

    def get_backup_time_remaining(self, force: bool = False) -> dict[str, Any]:
        """Return `{"time_remaining_hours": …}`: for how long the battery would carry the home. Tesla does not document it."""
        return self._told(table.BACKUP_TIME_REMAINING, force=force)

    def site_name(self) -> str | None:
        """Return the name that the owner gave the site."""
        name = self.get_site_info().get("site_name")
        return name if isinstance(name, str) else None

    # powers and energies

    def solar_power(self) -> float | None:
        """Return what the sun gives, in W."""
        return _number(self.get_live_status(), "solar_power")

    def grid_power(self) -> float | None:
        """Return what comes from the grid, in W; negative = it is fed in."""
        return _number(self.get_live_status(), "grid_power")

    def battery_power(self) -> float | None:
        """Return what the battery gives, in W; negative = it is being charged."""
        return _number(self.get_live_status(), "battery_power")

    def load_power(self) -> float | None:
        """Return what is used, in W, cars included."""
        return _number(self.get_live_status(), "load_power")

    def home_power(self) -> float | None:
        """Return the same as `load_power`."""
        return self.load_power()

    def battery_level(self, force: bool = False) -> float | None:
        """Return the charge in %, on the scale of Tesla's app."""
        return _number(self.get_live_status(force), "percentage_charged")

    def energy_left(self) -> float | None:
        """Return what is stored, in Wh. Most sites tell it in the account's list alone, which is asked then."""
        return self._energy("energy_left")

    def total_pack_energy(self) -> float | None:
        """Return what can be stored, in Wh. Most sites tell it in the account's list alone, which is asked then."""
        return self._energy("total_pack_energy")

    def grid_status(self) -> str | None:
        """Return whether the grid is there: `Active`, `Inactive` or `Unknown`."""
        return _text(self.get_live_status(), "grid_status")

    def island_status(self) -> str | None:
        """Return whether the home runs by itself: `on_grid`, words that begin with `off_grid`, or `island_status_unknown`."""
        return _text(self.get_live_status(), "island_status")

    def firmware_version(self) -> str | None:
        """Return the version of the gateway's software."""
        return _text(self.get_site_info(), "version")

    # settings

    def get_operating_mode(self, force: bool = False) -> str | None:
        """Return the mode: `self_consumption` (Self-Powered), `autonomous` (Time-Based Control) or `backup`."""
        return _text(self.get_site_info(force), "default_real_mode")

    def operating_mode(self) -> str | None:
        """Return the same as `get_operating_mode`."""
        return self.get_operating_mode()

    def get_battery_reserve(self, force: bool = False) -> float | None:
        """Return the reserve in %: below it the battery gives nothing while there is a grid. In mode `backup` it says nothing."""
        return _number(self.get_site_info(force), "backup_reserve_percent")

    def battery_reserve(self) -> float | None:
        """Return the same as `get_battery_reserve`."""
        return self.get_battery_reserve()

    def get_grid_charging(self, force: bool = False) -> bool:
        """Return whether the battery may be charged from the grid."""
        return wire.may_charge_from_grid(_components(self.get_site_info(force)))

    def get_grid_export(self, force: bool = False) -> str:
        """Return what may be fed in: `battery_ok` (everything), `pv_only` (the sun alone) or `never`."""
        components = _components(self.get_site_info(force))
        rule = wire.export_rule_of(components)
        return str(components.get(wire.EXPORT_RULE)) if rule is ExportRule.UNKNOWN else rule.value

    def set_battery_reserve(self, reserve: int) -> dict[str, Any]:
        """Set the reserve and return Tesla's answer, which proves nothing: read it back after some seconds, or minutes.

        Sites with a recent firmware take 0 to 80 and 100: what is between becomes 80, and with some 100 does, too. A reserve above
        the charge fills the battery, from the grid if it may.

        Args:
            reserve: in %, 0 to 100.

        Raises:
            ValueError: it is not allowed; nothing was sent.
            FleetRefusedError: Tesla did not accept it.
        """
        return self._tell(table.BACKUP, {"backup_reserve_percent": reserve})

    def set_operating_mode(self, mode: str) -> dict[str, Any]:
        """Set the mode and return Tesla's answer, which proves nothing: read it back.

        Args:
            mode: `self_consumption`, `autonomous` or `backup`.

        Raises:
            ValueError: it is not allowed; nothing was sent.
            FleetRefusedError: Tesla did not accept it.
        """
        return self._tell(table.OPERATION, {"default_real_mode": mode})

    def set_grid_charging(self, mode: bool | str) -> dict[str, Any]:
        """Allow charging the battery from the grid, or not, and return Tesla's answer, which proves nothing: read it back.

        Args:
            mode: True, False, or one of on, off, yes, no.

        Raises:
            ValueError: it is not allowed; nothing was sent.
            FleetRefusedError: Tesla did not accept it.
        """
        is_allowed = YES_WORDS.get(mode.strip().lower()) if isinstance(mode, str) else mode
        if not isinstance(is_allowed, bool):
            raise ValueError(f"mode is {mode!r}; allowed is True, False, or one of {', '.join(YES_WORDS)}")  # noqa: TRY004
        return self._tell(table.GRID_IMPORT_EXPORT, {wire.DISALLOW_GRID_CHARGING: not is_allowed})

    def set_grid_export(self, mode: str) -> dict[str, Any]:
        """Set what may be fed in and return Tesla's answer, which proves nothing: read it back.

        Args:
            mode: `battery_ok` (everything), `pv_only` (the sun alone) or `never`.

        Raises:
            ValueError: it is not allowed; nothing was sent.
            FleetRefusedError: Tesla did not accept it.
        """
        return self._tell(table.GRID_IMPORT_EXPORT, {wire.EXPORT_RULE: mode})

    # what was

    def get_history(
        self,
        kind: str = "energy",
        duration: str | None = "day",
        time_zone: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> dict[str, Any]:
        """Return what was, as Tesla tells it: `power` in W, `energy` in Wh. Tesla does not document this call.

        Args:
            kind: power or energy.
            duration: day, week, month, year or lifetime.
            time_zone: a name such as Europe/Berlin.
            start: from when, such as 2024-06-01T00:00:00+02:00.
            end: until when.

        Raises:
            ValueError: a word is not allowed; nothing was sent.
        """
        return self._past(table.HISTORY, kind, duration, time_zone, start, end)

    def get_calendar_history(
        self,
        kind: str = "energy",
        duration: str | None = "day",
        time_zone: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> dict[str, Any]:
        """Return what was by the calendar, as Tesla tells it: `energy` in Wh, `backup` with times without the grid.

        Args:
            kind: energy or backup; also power, soe, self_consumption, time_of_use_energy and savings, which are not documented.
            duration: day, week, month, year or lifetime.
            time_zone: a name such as Europe/Berlin.
            start: from when, such as 2024-06-01T00:00:00+02:00.
            end: until when.

        Raises:
            ValueError: a word is not allowed; nothing was sent.
        """
        return self._past(table.CALENDAR_HISTORY, kind, duration, time_zone, start, end)

    def _past(self, row: EnergyEndpoint, *given: str | None) -> dict[str, Any]:
        names = ("kind", "period", "time_zone", "start_date", "end_date")
        query = dict(zip(names, given, strict=True))
        return object_of(self._ask(request_to_wire(row, self.site_id, query=query), force=True))

    # beneath

    def _told(self, row: EnergyEndpoint, *, force: bool) -> dict[str, Any]:
        return object_of(self._ask(request_to_wire(row, self.site_id), force=force))

    def _tell(self, row: EnergyEndpoint, fields: Mapping[str, Any]) -> dict[str, Any]:
        request_to_wire(row, 0, fields=fields)  # what is not allowed costs no look for the site
        answer = self._ask(request_to_wire(row, self.site_id, fields=fields), force=True)
        reply = wire.write_from_wire(answer)
        self._forget(request_to_wire(table.SITE_INFO, self.site_id).path)
        if not reply.is_accepted:
            raise FleetRefusedError(
                f"Tesla did not accept {', '.join(f'{key}={value}' for key, value in fields.items())}: "
                f"{reply.message or 'no reason given'} (code {reply.code})"
            )
        return answer

    def _ask(self, request: Request, *, force: bool) -> dict[str, Any]:
        may_keep = request.body is None and not request.query and "?" not in request.path
        if may_keep and not force:
            with self._keeping:
                at_s, kept = self._kept.get(request.path, (0.0, None))
            if kept is not None and time.monotonic() - at_s < self.pwcacheexpire:
                return kept
        answer = self._client.send(request)
        if may_keep:
            with self._keeping:
                self._kept[request.path] = (time.monotonic(), answer)
        return answer

    def _forget(self, path: str) -> None:
        with self._keeping:
            self._kept.pop(path, None)

    def _energy(self, key: str) -> float | None:
        told = _number(self.get_live_status(), key)
        if told is not None:
            return told
        site_id = str(self.site_id)
        mine = (each for each in self.get_sites() if str(each.get("energy_site_id")) == site_id)
        return next((_number(each, key) for each in mine), None)


def _number(told: Mapping[str, Any], key: str) -> float | None:
    value = told.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _text(told: Mapping[str, Any], key: str) -> str | None:
    value = told.get(key)
    return value if isinstance(value, str) else None


def _components(info: Mapping[str, Any]) -> Mapping[str, Any]:
    components = info.get("components")
    if not isinstance(components, Mapping):
        raise FleetApiError("the site does not tell how it is set; try again")
    return components
