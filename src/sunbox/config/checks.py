"""What no single part of the file can know: references, ids that stand twice, limits of devices, passwords, oversights.

What concerns circuits is in `circuits.py`.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel

from sunbox.config.model import FacesPart, LoadpointPart, MeterPart, SitePart
from sunbox.config.problems import did_you_mean, listing, shown
from sunbox.config.reader import Reader
from sunbox.config.yaml12 import Path
from sunbox.core.connection import PV_TAGS
from sunbox.core.model import Mode
from sunbox.core.settings import ChargerSettings, Settings, VehicleSettings

AnyDevice = VehicleSettings | ChargerSettings


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_known(reader: Reader, noun: str, name: str | None, known: Sequence[str], where: Path) -> None:
    """Tell a reference that leads nowhere."""
    if name is not None and name not in known:
        hint = did_you_mean(name, known)
        reader.tell(where, f"there is no {noun} {shown(name)}; known are {listing(known)}{hint}")


PUSHED_KEYS = ("surplus_meter", "mains_meter", "ev_meter")
"""Keys of faces that name a meter to which the face pushes readings."""
PUSHED_WORDS = frozenset({"api", "none"})
"""What such a key may say instead."""


def check_pushed(reader: Reader, name: str | None, where: Path) -> None:
    """Tell a meter to which a face cannot push readings."""
    if name in PUSHED_WORDS and where[-1] != "surplus_meter":
        return
    drivers = {place[1]: driver for driver, place in reader.written("meters", "driver")}
    pushed = [own for own, place in reader.written("meters") if drivers.get(place[1]) == "pushed"]
    if name is not None and name not in pushed and name in reader.ids("meters"):
        reader.tell(where, f"{shown(name)} reads for itself; name a meter of driver pushed")
        return
    check_known(reader, "meter of driver pushed", name, pushed, where)


def check_unique(reader: Reader, *sections: str) -> None:
    """Tell ids that stand twice in these sections together."""
    first: dict[str, Path] = {}
    for name, where in (row for section in sections for row in reader.written(section)):
        other = first.setdefault(name, where)
        if other != where:
            reader.tell(where, f"the id {name} stands twice (first in line {reader.line(other)}); rename one")


def check_vins(reader: Reader) -> None:
    """Tell one car written twice."""
    first: dict[str, Path] = {}
    for vin, where in reader.written("vehicles", "vin"):
        other = first.setdefault(vin.strip().upper(), where)
        if other != where:
            line = reader.line(other)
            reader.tell(where, f"this car is written twice (first in line {line}); it may have several loadpoints")


def check_costs(reader: Reader, where: Path, own: MeterPart, *, is_counted: bool) -> None:
    """Tell what is written of the cost of a meter that costs nothing."""
    for key in ("prices", "budget"):
        if getattr(own, key) is not None and not is_counted:
            reader.tell(
                (*where, key),
                f"nothing is paid for {own.id}, which is read at home; leave it out, or write cloud: true",
            )


def check_site(reader: Reader, own: SitePart) -> None:
    """Tell charges of the home battery that contradict each other."""
    buffer_pct, priority_pct = own.battery_buffer_soc_pct, own.battery_priority_soc_pct
    if buffer_pct is not None and buffer_pct < priority_pct:
        reader.tell(
            ("site", "battery_buffer_soc_pct"),
            f"{buffer_pct:g} % is below battery_priority_soc_pct, {priority_pct:g} %: below that the battery gives the "
            "car nothing; raise it, or lower battery_priority_soc_pct",
        )


def check_phases(reader: Reader, where: Path, own: LoadpointPart, site: SitePart) -> None:
    """Tell phases of a loadpoint that the site does not have."""
    has = f"the site has {site.phases} phase{'' if site.phases == 1 else 's'} (site.phases)"
    if own.first_phase is not None and own.first_phase > site.phases:
        reader.tell((*where, "first_phase"), f"there is no phase {own.first_phase}: {has}; leave it out")
    if own.phases is not None and own.phases > site.phases:
        reader.tell((*where, "phases"), f"{own.phases} is too many: {has}; lower it, or write site.phases")


def check_loadpoint(
    reader: Reader, where: Path, own: LoadpointPart, by_id: Mapping[str, AnyDevice], place_names: Sequence[str]
) -> None:
    """Tell what does not fit together in a loadpoint."""
    raw = reader.root["loadpoints"][where[-1]]
    vehicles, chargers = reader.ids("vehicles"), reader.ids("chargers")
    if raw.get("vehicle") is None and raw.get("charger") is None:
        reader.tell(where, f"has neither vehicle nor charger; add one (vehicles: {listing(vehicles)})")
    check_known(reader, "vehicle", own.vehicle, vehicles, (*where, "vehicle"))
    check_known(reader, "charger", own.charger, chargers, (*where, "charger"))
    check_known(reader, "place", own.place, place_names, (*where, "place"))
    if own.min_a is not None and own.max_a is not None and own.min_a > own.max_a:
        reader.tell((*where, "min_a"), f"{own.min_a} A is more than max_a, {own.max_a} A; lower it, or raise max_a")
    for name in (own.vehicle, own.charger):
        if name is not None and name in by_id:
            _check_amps(reader, where, own, by_id[name])


def _check_amps(reader: Reader, where: Path, own: LoadpointPart, device: AnyDevice) -> None:
    can = device.capabilities
    for key, value in (("min_a", own.min_a), ("max_a", own.max_a)):
        if value is not None and value < can.min_a:
            least = f"{can.min_a} A (the least that {device.id} charges with)"
            reader.tell((*where, key), f"{value} is below {least}; use {can.min_a} or more")
    if own.min_a is not None and own.min_a > can.max_a:
        most = f"{can.max_a} A (the most that {device.id} charges with)"
        reader.tell((*where, "min_a"), f"{own.min_a} is above {most}; use less")


def check_shared(reader: Reader, loadpoints: Iterable[tuple[Path, LoadpointPart]]) -> None:
    """Tell a charger at two loadpoints, and a car that is its own charger twice at one place."""
    seen: dict[tuple[str | None, ...], LoadpointPart] = {}
    for where, own in loadpoints:
        if own.charger is None and own.vehicle is None:
            continue
        what = "vehicle" if own.charger is None else "charger"
        key = ("vehicle", own.vehicle, own.place) if own.charger is None else ("charger", own.charger)
        other = seen.setdefault(key, own)
        if other is not own:
            reader.tell((*where, what), f"{key[1]} is already at loadpoint {other.id}; remove one of them")


def check_faces(reader: Reader, own: FacesPart, ports: Iterable[tuple[Path, int]]) -> None:
    """Tell an open door without a password, and two faces on one port."""
    if not is_loopback(own.listen) and reader.root["faces"].get("password") is None:
        reader.tell(
            ("faces", "listen"),
            f"{shown(own.listen)} can be reached by other machines; add faces.password (env:NAME or file:PATH), "
            "or listen on 127.0.0.1",
        )
    used = {own.port: "faces.port"}
    for where, port in ports:
        if port in used:
            reader.tell(where, f"{port} is already taken by {used[port]}; use another port")
        used.setdefault(port, f"faces.{where[1]}")


def check_brokers(reader: Reader, rows: Iterable[tuple[Path, Any]]) -> None:
    """Tell two instances of a face that would write the same topics: each would call the other gone when it leaves."""
    first: dict[tuple[str, ...], Path] = {}
    loadpoints = reader.ids("loadpoints")
    for where, face in rows:
        mqtt = getattr(face, "mqtt", None)
        if mqtt is None:
            continue
        loadpoint = face.loadpoint or next(iter(loadpoints), "")
        topics_of = getattr(face, "topics_of", None)  # else they have the loadpoint's serial number behind the prefix
        topics = (mqtt.prefix.rstrip("/"), loadpoint) if topics_of is None else (topics_of(loadpoint),)
        other = first.setdefault((str(mqtt.broker), *topics), where)
        if other != where:
            what = loadpoint if topics_of is None else topics[0]
            reader.tell(
                (*where, "mqtt"),
                f"{what} is at this broker already (line {reader.line(other)}); write another prefix, or leave one out",
            )


def look_for_oversights(reader: Reader, settings: Settings, accounts: Mapping[str, BaseModel]) -> None:
    """Warn of what is allowed and probably not meant."""
    if not settings.meters:
        reader.warn(("meters",), "no meter is written; without one nothing charges from the sun")
    if settings.meters and settings.meters[0].is_cloud and any(not meter.is_cloud for meter in settings.meters):
        reader.warn(
            ("meters", 0),
            f"{settings.meters[0].id} stands first and is read rarely (cloud); write the meter that is read often before it",
        )
    if settings.site.phases == 1 and settings.site.unbalanced_a is not None:
        reader.warn(("site", "unbalanced_a"), "does nothing, as the site has one phase (site.phases)")
    if not settings.loadpoints:
        reader.warn(("loadpoints",), "no loadpoint is written; nothing will be charged")
    used = {name for row in settings.loadpoints for name in (row.vehicle_id, row.charger_id)}
    for name, where in (*reader.written("chargers"), *reader.written("vehicles")):
        if name not in used:
            reader.warn(where, f"{name} is at no loadpoint; it will not be charged")
    _look_at_places(reader, settings)
    for name, account in accounts.items():
        for key in type(account).model_fields:
            value = getattr(account, key)
            if isinstance(value, FilePath):
                _look_at_file(reader, value, (name, key))


def _look_at_places(reader: Reader, settings: Settings) -> None:
    """Warn of cars that the sun will never charge, because nothing says where it may."""
    has_pv_place = any(place.tags & PV_TAGS for place in settings.places)
    movers = {vehicle.id for vehicle in settings.vehicles if vehicle.capabilities.is_location_bound}
    for index, row in enumerate(settings.loadpoints):
        if row.mode is Mode.PV and row.device_id in movers and not has_pv_place:
            reader.warn(
                ("loadpoints", index),
                f"mode is pv, but no place has the tag pv: {row.vehicle_id} will not charge from the sun; "
                "write the place at home with tags: [home, pv]",
            )


def _look_at_file(reader: Reader, path: FilePath, where: Path) -> None:
    """Warn of an account file that is missing, or that others can read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        reader.warn(where, f"{path} is not there yet")
        return
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        reader.warn(where, f"{path} can be read by other users of this machine; run: chmod 600 {path}")
