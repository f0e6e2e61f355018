"""The circuits as they are at this step: what each fuse has left once everything but the cars is taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunbox.core.behind import is_at_charger
from sunbox.core.belief import phases_of, voltage_of
from sunbox.core.circuits import NO_AMPS, Amps, Circuits, Fuse, Load, others_of, others_w_of
from sunbox.core.connection import whereabouts
from sunbox.core.draw import NOTHING, draw_at
from sunbox.core.model import Draw
from sunbox.core.surplus import stale_after_s

if TYPE_CHECKING:
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.settings import CircuitSettings, LoadpointSettings

MAIN = ""
"""The key of the main fuse beside the ids of circuits."""


def circuits_now(draft: Draft, draws: dict[str, Draw]) -> Circuits | None:
    """Return the circuits with nothing held for any car yet; None where nothing limits.

    `draws` is what the cars drew when the grid was measured, by vehicle id.
    """
    site = draft.settings.site
    limit = draft.memory.limit
    if site.main_fuse_a is None and limit is None and not draft.settings.circuits and site.unbalanced_a is None:
        return None
    loadpoints = list(draft.settings.loadpoints)
    others = _others_at_the_grid(draft, loadpoints, draws)
    roots: list[Fuse] = []
    if site.main_fuse_a is not None:
        left = None if others is None else [site.main_fuse_a - other for other in others]
        roots.append(Fuse(name=f"the main fuse of {site.main_fuse_a:.0f} A", left_a=left))
    if limit is not None:
        roots.append(Fuse(name=f"the grid operator's limit of {limit.max_w:.0f} W", left_w=limit.max_w))
    settings_of = {circuit.id: circuit for circuit in draft.settings.circuits}
    fuses = {circuit.id: _fuse(draft, circuit, loadpoints) for circuit in draft.settings.circuits}
    fuses_of: dict[str, tuple[Fuse, ...]] = {}
    for loadpoint in loadpoints:
        path = [fuses[circuit_id] for circuit_id in path_of(settings_of, loadpoint.circuit)]
        fuses_of[loadpoint.id] = (*path, *roots)
    measured = others if others is not None and draft.site.grid_phases_a is not None else NO_AMPS
    return Circuits(fuses_of=fuses_of, unbalanced_a=site.unbalanced_a, total=list(measured))


def path_of(circuits: dict[str, CircuitSettings], circuit_id: str | None) -> list[str]:
    """Return the ids of the circuits from one up to below the main fuse."""
    path: list[str] = []
    while circuit_id is not None and circuit_id not in path:
        path.append(circuit_id)
        circuit_id = circuits[circuit_id].parent
    return path


def load_of(draft: Draft, loadpoint: LoadpointSettings, draw: Draw) -> Load:
    """Return a loadpoint's car as a load on the circuits."""
    settings = draft.settings_of(loadpoint.device_id)
    memory = draft.vehicles[settings.id].memory
    phases = phases_of(draft.settings, loadpoint, settings, memory)
    voltage_v = voltage_of(draft.settings, memory)
    unit_w = phases * voltage_v
    return Load(
        phases=phases,
        first_phase=loadpoint.first_phase,
        voltage_v=voltage_v,
        low_a=draw.low_w / unit_w,
        high_a=draw.high_w / unit_w,
    )


def draw_here(draft: Draft, loadpoint: LoadpointSettings, at: datetime) -> Draw:
    """Return what a loadpoint's vehicle draws from this site at an instant: nothing elsewhere, anything where that is not known."""
    vehicle_id = loadpoint.device_id
    vehicle = draft.vehicles[vehicle_id]
    draw = draw_at(vehicle.steps, at)
    if draw.high_w <= 0:
        return draw
    if is_at_charger(draft, loadpoint):
        return NOTHING  # it counts there
    is_here = whereabouts(draft.settings, loadpoint, draft.settings_of(vehicle_id), vehicle.memory.facts).is_here
    return Draw(draw.low_w if is_here else 0.0, 0.0 if is_here is False else draw.high_w)


def _others_at_the_grid(draft: Draft, loadpoints: list[LoadpointSettings], draws: dict[str, Draw]) -> Amps | None:
    """Return what everything but the cars draws from the grid per phase, None while that is unknown or stale."""
    site = draft.site
    if site.is_stale or site.grid_w is None:
        return None
    loads = [load_of(draft, each, draws[each.device_id]) for each in loadpoints]
    return _others(draft, MAIN, site.grid_w, site.grid_phases_a, loads)


def _fuse(draft: Draft, circuit: CircuitSettings, loadpoints: list[LoadpointSettings]) -> Fuse:
    """Return a circuit with what is left of it."""
    limits = [f"{circuit.max_a:.0f} A"] if circuit.max_a is not None else []
    limits += [f"{circuit.max_w:.0f} W"] if circuit.max_w is not None else []
    name = f"circuit {circuit.id} of {' and '.join(limits)}"
    if circuit.meter is None:
        left_a = None if circuit.max_a is None else [circuit.max_a] * 3
        return Fuse(name=name, left_a=left_a, left_w=circuit.max_w)
    state = draft.meters.get(circuit.meter)
    reading = state.reading if state is not None else None
    meter = next(each for each in draft.settings.meters if each.id == circuit.meter)
    is_stale = (
        reading is None
        or reading.grid_w is None
        or (draft.at - reading.measured_at).total_seconds() > stale_after_s(meter)
    )
    if is_stale or reading is None or reading.grid_w is None:
        return Fuse(name=f"{name}, whose meter {circuit.meter} is silent", safe_a=circuit.safe_a)
    settings_of = {each.id: each for each in draft.settings.circuits}
    loads = [
        load_of(draft, each, draw_here(draft, each, reading.measured_at))
        for each in loadpoints
        if circuit.id in path_of(settings_of, each.circuit)
    ]
    others = _others(draft, circuit.id, reading.grid_w, reading.grid_phases_a, loads)
    left_a = None if circuit.max_a is None else [circuit.max_a - other for other in others]
    left_w = None
    if circuit.max_w is not None:
        left_w = circuit.max_w - _others_w(draft, circuit.id, reading.grid_w, loads)
    return Fuse(name=name, left_a=left_a, left_w=left_w)


def _others(draft: Draft, key: str, grid_w: float, phases_a: Amps | None, loads: list[Load]) -> Amps:
    others, is_certain = others_of(grid_w, phases_a, draft.settings.site.voltage_v, loads, draft.others.get(key))
    if is_certain and draft.others.get(key) != others:
        draft.others[key] = others
    return others


def _others_w(draft: Draft, key: str, grid_w: float, loads: list[Load]) -> float:
    others_w, is_certain = others_w_of(grid_w, loads, draft.others_w.get(key))
    if is_certain and draft.others_w.get(key) != others_w:
        draft.others_w[key] = others_w
    return others_w
