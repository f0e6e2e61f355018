"""From the file to typed settings: everything is checked, and all mistakes are told at once.

`load` reads each section by its models (`reader.py`), looks across them (`checks.py`) and puts them into the core's words.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, SecretStr

from sunbox.config import checks, circuits
from sunbox.config.model import (
    STORE_DEFAULT,
    AccountPart,
    BudgetPart,
    ChargerPart,
    CircuitPart,
    DevicePart,
    FacesPart,
    GeofencePart,
    JournalPart,
    LoadpointPart,
    MeterPart,
    MeterPricesPart,
    PlacePart,
    SitePart,
    VehiclePart,
)
from sunbox.config.problems import Problem, did_you_mean, listing, path_text, shown
from sunbox.config.reader import Reader, keys_of, why_unreadable
from sunbox.config.registry import DriverKind, Registry
from sunbox.config.yaml12 import Path, parse
from sunbox.core.commands import RequestKind
from sunbox.core.settings import (
    Budget,
    Capabilities,
    ChargerSettings,
    CircuitSettings,
    LoadpointSettings,
    MeterSettings,
    PlaceSettings,
    Settings,
    SiteSettings,
    VehicleSettings,
)
from sunbox.errors import ConfigError

SECTIONS = ("site", "places", "meters", "chargers", "vehicles", "circuits", "loadpoints", "faces", "journal", "store")
"""What a file may have, beside one section per kind of account."""

UNLIMITED = Budget()

_STORE_SCHEME = "sqlite:///"

Device = TypeVar("Device", bound=DevicePart)
Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """What the composition root needs to open one device."""

    id: str
    driver: str
    settings: BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesConfig:
    """Where to serve, and the keys of each face that has some (its instances; none = not wanted)."""

    listen: str
    port: int
    password: SecretStr | None
    by_name: Mapping[str, tuple[BaseModel, ...]]

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach the faces."""
        return checks.is_loopback(self.listen)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """Where the journal is written; no folder = to memory only."""

    folder: FilePath | None
    keep_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file, checked."""

    path: FilePath
    settings: Settings
    meters: tuple[DeviceConfig, ...]
    chargers: tuple[DeviceConfig, ...]
    vehicles: tuple[DeviceConfig, ...]
    accounts: Mapping[str, BaseModel]  #: by the name of the driver
    faces: FacesConfig
    journal: JournalConfig
    store_path: FilePath
    warnings: tuple[str, ...]


def load(
    path: FilePath | str,
    registry: Registry,
    environ: Mapping[str, str] | None = None,
    *,
    text: str | None = None,
    changes: Sequence[tuple[Path, Any]] = (),
) -> Config:
    """Read a configuration file.

    Args:
        path: the file; paths in it are relative to its folder.
        registry: the drivers and faces there are.
        environ: where `env:` and `credential:` references look; default: the process's own environment.
        text: what the file would say, where there is none.
        changes: values that count in place of those in the file, by where they stand; list items must be there.

    Raises:
        ConfigError: with every mistake, in the order of the file.
    """
    path = FilePath(path)
    try:
        text = path.read_text(encoding="utf-8-sig") if text is None else text
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file; name another with -c"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {why_unreadable(error)}"]) from None
    document = parse(text)
    for where, value in changes:
        _put(document.value, where, value)
    reader = Reader(path, document, os.environ if environ is None else environ)
    config = _Assembly(reader, registry).config()
    if config is None:
        ours = {path_text(where[: end + 1]) for where, _ in changes for end in range(1, len(where))}
        raise ConfigError(
            [
                f"--set {problem.where}: {problem.text}" if problem.where in ours else problem.render(str(path))
                for problem in sorted(set(reader.problems))
            ]
        )
    return config


def _put(value: Any, where: Path, new: Any) -> None:
    """Put a value where it would stand in the file; where something else stands, the models tell what is wrong."""
    for part, after in pairwise(where):
        if isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        elif isinstance(value, dict) and isinstance(part, str):
            if not isinstance(value.get(part), dict | list):
                value[part] = [] if isinstance(after, int) else {}
            value = value[part]
        else:
            return
    if isinstance(value, dict):
        value[where[-1]] = new


@dataclass(slots=True)
class _Assembly:
    """Puts one file together."""

    reader: Reader
    registry: Registry

    def config(self) -> Config | None:
        """Return the configuration, None if there are problems."""
        reader = self.reader
        reader.problems += [Problem(fault.mark, "", fault.text) for fault in reader.document.faults]
        root = reader.map_at((), reader.document.value)
        if root is None:
            return None
        reader.tell_strangers(root, [*SECTIONS, *self.registry.accounts], ())
        site = reader.part(SitePart, root.get("site"), ("site",))
        timezone = self.timezone(site.timezone if site else None)
        places = self.places()
        accounts, budgets = self.accounts()
        meters = list(self.devices("meters", MeterPart, self.registry.meters))
        chargers = list(self.devices("chargers", ChargerPart, self.registry.chargers))
        vehicles = list(self.devices("vehicles", VehiclePart, self.registry.vehicles))
        fuses = list(self.items("circuits", CircuitPart))
        loadpoints = list(self.items("loadpoints", LoadpointPart))
        faces = self.faces()
        journal = reader.part(JournalPart, root.get("journal"), ("journal",))
        store_path = self.store_path(root.get("store"))

        core_vehicles = [self.vehicle(own, settings, accounts, budgets) for _, own, settings in vehicles]
        core_chargers = [self.charger(own, settings) for _, own, settings in chargers]
        self.check(vehicles, loadpoints, (*core_vehicles, *core_chargers), places)
        for where, own, row in meters:
            checks.check_costs(reader, where, own, is_counted=self.is_counted(own, row))
        self.check_limits(site or SitePart(), meters, fuses, loadpoints, (*core_vehicles, *core_chargers))
        if (
            reader.problems
            or site is None
            or timezone is None
            or faces is None
            or journal is None
            or store_path is None
        ):
            return None
        core_meters = tuple(self.meter(own, row, [fuse for _, fuse in fuses], budgets) for _, own, row in meters)
        own_meters = self.own_meters(faces, core_meters)
        settings = Settings(
            site=SiteSettings(**{**dict(site), "timezone": timezone}),
            places=tuple(places),
            meters=(*core_meters, *own_meters),
            circuits=tuple(_circuit(own) for _, own in fuses),
            vehicles=tuple(core_vehicles),
            chargers=tuple(core_chargers),
            loadpoints=tuple(_loadpoint(own) for _, own in loadpoints),
        )
        needed = {own.driver for _, own, row in vehicles if self.registry.vehicles[own.driver].needs_account(row)}
        for _, own, row in meters:
            kind = self.registry.meters[own.driver]
            if kind.account is not None and kind.needs_account(row):
                needed.add(kind.account)
        checks.look_for_oversights(reader, settings, {name: accounts[name] for name in accounts if name in needed})
        circuits.look_at_circuits(reader, settings)
        return Config(
            path=reader.path,
            settings=settings,
            meters=(*_device_configs(meters), *map(self.pushed, own_meters)),
            chargers=_device_configs(chargers),
            vehicles=_device_configs(vehicles),
            accounts=accounts,
            faces=faces,
            journal=JournalConfig(
                folder=reader.beside(journal.folder) if journal.enabled else None, keep_days=journal.keep_days
            ),
            store_path=store_path,
            warnings=tuple(warning.render(str(reader.path)) for warning in sorted(set(reader.warnings))),
        )

    def check(
        self,
        vehicles: list[tuple[Path, VehiclePart, BaseModel]],
        loadpoints: list[tuple[Path, LoadpointPart]],
        devices: tuple[checks.AnyDevice, ...],
        places: list[PlaceSettings],
    ) -> None:
        """Look across the parts."""
        written = [name for name, _ in self.reader.written("places", "name")]  # also those with mistakes
        place_names = list(dict.fromkeys([*written, *(place.name for place in places)]))
        checks.check_unique(self.reader, "meters", "chargers", "vehicles", "circuits")
        checks.check_unique(self.reader, "loadpoints")
        checks.check_vins(self.reader)
        for where, vehicle, _ in vehicles:
            checks.check_known(self.reader, "place", vehicle.assume_place, place_names, (*where, "assume_place"))
        by_id = {device.id: device for device in devices}
        for where, loadpoint in loadpoints:
            checks.check_loadpoint(self.reader, where, loadpoint, by_id, place_names)
        checks.check_shared(self.reader, loadpoints)

    def check_limits(
        self,
        site: SitePart,
        meters: list[tuple[Path, MeterPart, BaseModel]],
        fuses: list[tuple[Path, CircuitPart]],
        loadpoints: list[tuple[Path, LoadpointPart]],
        devices: tuple[checks.AnyDevice, ...],
    ) -> None:
        """Look at what the site and its circuits carry, and at what the loadpoints need."""
        checks.check_site(self.reader, site)
        for where, circuit in fuses:
            circuits.check_circuit(self.reader, where, circuit, {own.id: settings for _, own, settings in meters})
        circuits.check_meters(self.reader)
        circuits.check_tree(self.reader, fuses)
        for where, loadpoint in loadpoints:
            checks.check_known(
                self.reader, "circuit", loadpoint.circuit, self.reader.ids("circuits"), (*where, "circuit")
            )
            checks.check_phases(self.reader, where, loadpoint, site)
            circuits.check_least(self.reader, where, loadpoint, site, [own for _, own in fuses], devices)

    def items(self, section: str, model: type[Item]) -> Iterator[tuple[Path, Item]]:
        """Yield each item of a list that only one model knows, with where it stands."""
        for where, raw in self.reader.list_at((section,), self.reader.root.get(section)):
            part = self.reader.part(model, raw, where)
            if part is not None:
                yield where, part

    def timezone(self, name: str | None) -> ZoneInfo | None:
        """Return the time zone, by default the machine's own."""
        if name is None:
            name = _machine_timezone(self.reader.environ)
            self.reader.warn(("site",), f"no timezone is written; days begin and end as in {name}, as on this machine")
        known = available_timezones()
        if name in known:
            return ZoneInfo(name)
        hint = did_you_mean(name, known) or "; write one such as Europe/Berlin"
        self.reader.tell(("site", "timezone"), f"{shown(name)} is no time zone{hint}")
        return None

    def places(self) -> list[PlaceSettings]:
        """Return the places, with those of geofence files in their stead."""
        places: list[PlaceSettings] = []
        for where, raw in self.reader.list_at(("places",), self.reader.root.get("places")):
            if "geofence" in raw:
                fence = self.reader.part(GeofencePart, raw, where)
                found = self.geofence(fence.geofence, (*where, "geofence")) if fence else []
            else:
                part = self.reader.part(PlacePart, raw, where)
                found = [PlaceSettings(**{**dict(part), "tags": frozenset(part.tags)})] if part else []
            for place in found:
                if any(place.name == known.name for known in places):
                    self.reader.tell(where, f"there are two places named {shown(place.name)}; rename one")
                places.append(place)
        return places

    def geofence(self, name: str, where: Path) -> list[PlaceSettings]:
        """Return the places of a geofence file; its bad lines are warnings, as TeslaLogger skips them too."""
        path = self.reader.beside(name)
        if self.registry.parse_geofence is None:
            self.reader.tell(where, "geofence files cannot be read here; write the place as name, lat, lon")
            return []
        try:
            geofence = self.registry.parse_geofence(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            self.reader.tell(where, f"{path} cannot be read: {why_unreadable(error)}")
            return []
        for fault in geofence.problems:
            self.reader.warn(where, f"{path.name}:{fault.line}: {fault.error}")
        return list(geofence.places)

    def accounts(self) -> tuple[dict[str, BaseModel], dict[str, Budget]]:
        """Return the accounts that are written or that a device needs: their drivers' settings, and their budgets."""
        wanted = {name for name, _ in self.reader.written("vehicles", "driver")}
        kinds = self.registry.meters
        wanted |= {str(kinds[name].account) for name, _ in self.reader.written("meters", "driver") if name in kinds}
        accounts: dict[str, BaseModel] = {}
        budgets: dict[str, Budget] = {}
        for name, model in self.registry.accounts.items():
            raw = self.reader.root.get(name)
            mapping = self.reader.map_at((name,), raw) if raw is not None or name in wanted else None
            if mapping is None:
                continue
            self.reader.tell_strangers(mapping, keys_of(AccountPart, model), (name,))
            own = self.reader.validated(AccountPart, mapping, (name,))
            account = self.reader.validated(model, mapping, (name,))
            if own is not None and account is not None:
                accounts[name] = account
                budgets[name] = _budget(own.budget)
        return accounts, budgets

    def devices(
        self, section: str, model: type[Device], kinds: Mapping[str, DriverKind]
    ) -> Iterator[tuple[Path, Device, BaseModel]]:
        """Yield each device: where it stands, sunbox's own keys, its driver's settings. A key that both know goes to both."""
        for where, raw in self.reader.list_at((section,), self.reader.root.get(section)):
            kind = self.kind(raw.get("driver"), kinds, where)
            own = self.reader.validated(model, raw, where)
            if kind is None:
                continue
            self.reader.tell_strangers(raw, keys_of(model, kind.settings), where)
            settings = self.reader.validated(kind.settings, raw, where)
            if own is not None and settings is not None:
                yield where, own, settings

    def kind(self, name: Any, kinds: Mapping[str, DriverKind], where: Path) -> DriverKind | None:
        """Return the driver of a device, None if it is missing (its model tells that) or unknown."""
        if not isinstance(name, str) or name in kinds:
            return kinds.get(name) if isinstance(name, str) else None
        text = f"{shown(name)} is no driver of {where[0]}; known are {listing(kinds)}{did_you_mean(name, kinds)}"
        self.reader.tell((*where, "driver"), text)
        return None

    def faces(self) -> FacesConfig | None:
        """Return where to serve and the keys of the faces."""
        raw = self.reader.map_at(("faces",), self.reader.root.get("faces"))
        if raw is None:
            return None
        self.reader.tell_strangers(raw, [*keys_of(FacesPart), *self.registry.faces], ("faces",))
        own = self.reader.validated(FacesPart, raw, ("faces",))
        by_name = {name: list(self.face(name, raw[name])) for name in self.registry.faces if raw.get(name) is not None}
        if own is None:
            return None
        ports = [
            ((*where, "port"), face.port)
            for rows in by_name.values()
            for where, face in rows
            if isinstance(getattr(face, "port", None), int)
        ]
        checks.check_faces(self.reader, own, ports)
        for rows in by_name.values():
            checks.check_brokers(self.reader, rows)
        instances = {name: tuple(face for _, face in rows) for name, rows in by_name.items()}
        return FacesConfig(listen=own.listen, port=own.port, password=own.password, by_name=instances)

    def face(self, name: str, raw: Any) -> Iterator[tuple[Path, Any]]:
        """Yield each instance of a face and where it stands."""
        kind, where = self.registry.faces[name], ("faces", name)
        mapping = None if kind.is_list else self.reader.map_at(where, raw)
        rows = self.reader.list_at(where, raw) if kind.is_list else [(where, mapping)] if mapping is not None else []
        for place, row in rows:
            face = self.reader.part(kind.settings, row, place)
            loadpoint = getattr(face, "loadpoint", None)
            if hasattr(face, "loadpoint") and loadpoint is None and not self.reader.ids("loadpoints"):
                self.reader.tell(place, "there is no loadpoint that it could show; write one below loadpoints")
            checks.check_known(
                self.reader, "loadpoint", loadpoint, self.reader.ids("loadpoints"), (*place, "loadpoint")
            )
            for key in checks.PUSHED_KEYS:
                checks.check_pushed(self.reader, getattr(face, key, None), (*place, key))
            if face is not None:
                yield place, face

    def own_meters(self, faces: FacesConfig, written: Sequence[MeterSettings]) -> tuple[MeterSettings, ...]:
        """Return the meters that faces bring with them, behind those of the file; several faces may share one."""
        has_other = any(meter.is_site for meter in written)
        found: dict[str, MeterSettings] = {}
        for name, rows in faces.by_name.items():
            for row in rows:
                meter = self.registry.faces[name].own_meter(row, has_other)
                if meter is not None and all(meter.id != each.id for each in written):
                    found[meter.id] = meter
        return tuple(found.values())

    def pushed(self, meter: MeterSettings) -> DeviceConfig:
        """Return what opens a meter that a face brings with it."""
        return DeviceConfig(id=meter.id, driver="pushed", settings=self.registry.meters["pushed"].settings())

    def store_path(self, raw: Any) -> FilePath | None:
        """Return the file of the store."""
        url = STORE_DEFAULT if raw is None else raw
        if isinstance(url, str) and url.startswith(_STORE_SCHEME) and url != _STORE_SCHEME:
            return self.reader.beside(url.removeprefix(_STORE_SCHEME))
        self.reader.tell(("store",), f"{shown(url)} is no store; write sqlite:///FILE, such as {STORE_DEFAULT}")
        return None

    def charger(self, own: ChargerPart, settings: BaseModel) -> ChargerSettings:
        """Return a charger with what it can do."""
        capabilities = _capabilities(self.registry.chargers[own.driver], settings, None)
        return ChargerSettings(id=own.id, name=own.name or own.id, capabilities=capabilities)

    def meter(
        self, own: MeterPart, settings: BaseModel, fuses: Sequence[CircuitPart], budgets: Mapping[str, Budget]
    ) -> MeterSettings:
        """Return a meter; where the driver has its own word for a time, that counts: its defaults fit its device."""
        times = {key: getattr(settings, key, getattr(own, key)) for key in ("interval_s", "delay_s", "stale_after_s")}
        account = self.registry.meters[own.driver].account or ""
        is_counted = self.is_counted(own, settings)
        return MeterSettings(
            id=own.id,
            is_site=all(fuse.meter != own.id for fuse in fuses),
            is_cloud=getattr(settings, "cloud", own.cloud),
            price=_prices(own.prices or MeterPricesPart()) if is_counted else {},
            budget=budgets.get(account, UNLIMITED) if own.budget is None else _budget(own.budget),
            **times,
        )

    def is_counted(self, own: MeterPart, settings: BaseModel) -> bool:
        """Return whether anything about a meter goes to a service that may count requests."""
        kind = self.registry.meters[own.driver]
        return getattr(settings, "cloud", own.cloud) or (kind.account is not None and kind.needs_account(settings))

    def vehicle(
        self, own: VehiclePart, settings: BaseModel, accounts: Mapping[str, BaseModel], budgets: Mapping[str, Budget]
    ) -> VehicleSettings:
        """Return a vehicle with what it can do and what it may cost: without an account, requests cost nothing."""
        return VehicleSettings(
            id=own.id,
            name=own.name or own.id,
            vin=getattr(settings, "vin", None),
            capabilities=_capabilities(self.registry.vehicles[own.driver], settings, accounts.get(own.driver)),
            budget=budgets.get(own.driver, UNLIMITED) if own.budget is None else _budget(own.budget),
            assume_place=own.assume_place,
            capacity_wh=None if own.capacity_kwh is None else own.capacity_kwh * 1000,
            phases=own.phases,
        )


def _circuit(own: CircuitPart) -> CircuitSettings:
    """Return a circuit; what is safe without its meter is never more than its fuse carries."""
    safe_a = own.safe_a if own.max_a is None else min(own.safe_a, math.floor(own.max_a))
    return CircuitSettings(**{**dict(own), "safe_a": safe_a})


def _loadpoint(own: LoadpointPart) -> LoadpointSettings:
    values = dict(own)
    values["vehicle_id"], values["charger_id"] = values.pop("vehicle"), values.pop("charger")
    return LoadpointSettings(**{**values, "name": own.name or own.id})


def _prices(part: MeterPricesPart) -> dict[RequestKind, float]:
    return {RequestKind.DATA: part.data, RequestKind.COMMAND: part.command}


def _budget(part: BudgetPart) -> Budget:
    return Budget(**dict(part))


def _capabilities(kind: DriverKind, settings: BaseModel, account: BaseModel | None) -> Capabilities:
    return Capabilities() if kind.capabilities is None else kind.capabilities(settings, account)


def _device_configs(rows: list[tuple[Path, Device, BaseModel]]) -> tuple[DeviceConfig, ...]:
    return tuple(DeviceConfig(id=own.id, driver=own.driver, settings=settings) for _, own, settings in rows)


def _machine_timezone(environ: Mapping[str, str]) -> str:
    """Return the machine's time zone by name; UTC if it has none that can be named."""
    linked = str(FilePath("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    names = (environ.get("TZ", "").removeprefix(":"), linked)
    return next((name for name in names if name in available_timezones()), "UTC")
