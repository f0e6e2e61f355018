"""What must fit together around circuits: the tree of fuses, their meters, and what the loadpoints behind them need at least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from pydantic import BaseModel

from sunbox.config.checks import AnyDevice, check_known
from sunbox.config.model import CircuitPart, LoadpointPart, SitePart
from sunbox.config.problems import listing
from sunbox.config.reader import Reader
from sunbox.config.yaml12 import Path
from sunbox.core.settings import LoadpointSettings, Settings

MAIN_FUSE = "the main fuse"

_SITE_QUANTITIES = ("pv_w", "battery_w", "battery_soc_pct")
"""What a meter may measure that means nothing in a circuit."""


class _Fed(Protocol):
    """A circuit, as written or as the core has it."""

    @property
    def id(self) -> str: ...

    @property
    def parent(self) -> str | None: ...


Fed = TypeVar("Fed", bound=_Fed)


def upwards(circuits: Sequence[Fed], name: str | None) -> Iterator[Fed]:
    """Yield a circuit and those that feed it, up to the main fuse; each once, also where they go round in a ring."""
    by_id = {circuit.id: circuit for circuit in reversed(circuits)}
    seen: set[str] = set()
    while name is not None and name in by_id and name not in seen:
        seen.add(name)
        yield by_id[name]
        name = by_id[name].parent


def check_circuit(reader: Reader, where: Path, own: CircuitPart, meters: Mapping[str, BaseModel]) -> None:
    """Tell a circuit without a limit, references that lead nowhere, and what its meter cannot do.

    Args:
        reader: the file.
        where: the circuit in it.
        own: the circuit.
        meters: the drivers' settings by the ids of the meters.
    """
    raw = reader.root["circuits"][where[-1]]
    if raw.get("max_a") is None and raw.get("max_w") is None:
        reader.tell(where, "has neither max_a nor max_w; write what its fuse carries, such as max_a: 20")
    check_known(reader, "circuit", own.parent, reader.ids("circuits"), (*where, "parent"))
    check_known(reader, "meter", own.meter, reader.ids("meters"), (*where, "meter"))
    if "safe_a" in own.model_fields_set and own.max_a is not None and own.safe_a > own.max_a:
        reader.tell(
            (*where, "safe_a"), f"{own.safe_a} A is more than max_a, {own.max_a:g} A; lower it to what is safe unseen"
        )
    # A driver that has the key grid_w measures power by it; any other is taken to measure something.
    if own.meter is not None and getattr(meters.get(own.meter), "grid_w", "") is None:
        reader.tell(
            (*where, "meter"), f"{own.meter} has no grid_w: write there what flows through the circuit, + = to the cars"
        )


def check_meters(reader: Reader) -> None:
    """Tell a meter that two circuits name: it measures one place."""
    first: dict[str, Path] = {}
    for name, where in reader.written("circuits", "meter"):
        other = first.setdefault(name, where)
        if other != where:
            line = reader.line(other)
            reader.tell(where, f"{name} already measures another circuit (line {line}); one meter measures one place")


def check_tree(reader: Reader, circuits: Sequence[tuple[Path, CircuitPart]]) -> None:
    """Tell circuits that feed themselves, each ring once."""
    parts = [own for _, own in circuits]
    told: set[str] = set()
    for where, own in circuits:
        ring = [circuit.id for circuit in upwards(parts, own.id)]
        last = next(circuit for circuit in parts if circuit.id == ring[-1])
        if last.parent == own.id and not told & set(ring):
            told |= set(ring)
            way = " → ".join([*ring, own.id])
            reader.tell(
                (*where, "parent"),
                f"{own.id} would feed itself: {way}; leave out the parent of the one at the main fuse",
            )


def check_least(
    reader: Reader,
    where: Path,
    own: LoadpointPart,
    site: SitePart,
    circuits: Sequence[CircuitPart],
    devices: Sequence[AnyDevice],
) -> None:
    """Tell a loadpoint whose least current is more than a fuse above it carries: it could never charge."""
    needs = [device.capabilities.min_a for device in devices if device.id in {own.vehicle, own.charger}]
    least_a = own.min_a if own.min_a is not None else max(needs, default=None)
    if least_a is None:
        return
    for carries_a, what, key in _limits(own, site, circuits):
        if least_a <= carries_a:
            continue
        allowed = f"more than {what} allows, {carries_a:g} A on one phase"
        if own.min_a is not None:
            reader.tell((*where, "min_a"), f"{least_a} A is {allowed}: it could never charge; lower it")
        else:
            reader.tell((*where, key), f"needs {least_a} A at least, {allowed}: it could never charge")
        return


def _limits(own: LoadpointPart, site: SitePart, circuits: Sequence[CircuitPart]) -> Iterator[tuple[float, str, str]]:
    """Yield what one phase carries on the way to a loadpoint: the current, what sets it, the loadpoint's key concerned."""
    for circuit in upwards(circuits, own.circuit):
        if circuit.max_a is not None:
            yield circuit.max_a, f"circuit {circuit.id}", "circuit"
        if circuit.max_w is not None:
            amps = round(circuit.max_w / site.voltage_v, 1)
            yield amps, f"circuit {circuit.id} with its {circuit.max_w:g} W", "circuit"
    if site.main_fuse_a is not None:
        yield site.main_fuse_a, MAIN_FUSE, "id"
    if site.unbalanced_a is not None and own.phases == 1 and site.phases > 1:
        yield site.unbalanced_a, "site.unbalanced_a", "phases"


def look_at_circuits(reader: Reader, settings: Settings) -> None:
    """Warn of circuits that do nothing, of meters that lose their say, and of minimums that do not fit together."""
    named = {circuit.meter for circuit in settings.circuits}
    if settings.meters and all(meter.id in named for meter in settings.meters):
        reader.warn(
            ("meters",), "every meter is that of a circuit, none is the house's: nothing will charge from the sun"
        )
    for index, meter in enumerate(settings.meters):
        if meter.id not in named:
            continue
        lost = [key for key in _SITE_QUANTITIES if reader.root["meters"][index].get(key) is not None]
        if lost:
            reader.warn(
                ("meters", index, lost[0]),
                f"does not count, as {meter.id} is the meter of a circuit; write another meter",
            )
    used = {circuit.id for row in settings.loadpoints for circuit in upwards(settings.circuits, row.circuit)}
    for index, circuit in enumerate(settings.circuits):
        where = ("circuits", index)
        if circuit.id not in used:
            reader.warn((*where, "id"), f"{circuit.id} feeds no loadpoint; name it at one (circuit: {circuit.id})")
        if circuit.meter is None and reader.root["circuits"][index].get("safe_a") is not None:
            reader.warn((*where, "safe_a"), "does nothing without a meter")
    _look_at_minimums(reader, settings)


def _look_at_minimums(reader: Reader, settings: Settings) -> None:
    """Warn where loadpoints cannot all charge at the same time, not even with their least current."""
    for index, circuit in enumerate(settings.circuits):
        below = [
            row
            for row in settings.loadpoints
            if any(above.id == circuit.id for above in upwards(settings.circuits, row.circuit))
        ]
        least = max((_together_a(settings, below, phase) for phase in range(1, settings.site.phases + 1)), default=0)
        if circuit.max_a is not None and least > circuit.max_a:
            names = listing(row.id for row in below)
            reader.warn(
                ("circuits", index, "max_a"),
                f"{names} need {least} A at least to charge at the same time; they will take turns",
            )


def _together_a(settings: Settings, rows: Sequence[LoadpointSettings], phase: int) -> int:
    """Return what loadpoints need at least on one phase of the site; a car that has several is at one of them only."""
    by_car: dict[str, int] = {}
    for row in rows:
        is_elsewhere = row.phases == 1 and row.first_phase not in {None, phase}
        if not is_elsewhere:
            car = row.vehicle_id or row.id
            by_car[car] = max(by_car.get(car, 0), _least_a(settings, row))
    return sum(by_car.values())


def _least_a(settings: Settings, row: LoadpointSettings) -> int:
    """Return the least current that a loadpoint charges with."""
    if row.min_a is not None:
        return row.min_a
    devices: tuple[AnyDevice, ...] = (*settings.vehicles, *settings.chargers)
    return max(device.capabilities.min_a for device in devices if device.id in {row.vehicle_id, row.charger_id})
