"""The circuits as they are at this step: what each fuse has left once everything but the cars is taken off."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.behind import is_at_charger
from sunbox.core.belief import phases_at_most, phases_of, voltage_of
from sunbox.core.circuits import NO_AMPS, Amps, Circuits, Fuse, Load, least_a, others_of, others_w_of
from sunbox.core.connection import whereabouts
from sunbox.core.draw import NOTHING, draw_at
from sunbox.core.model import Charging, Draw
from sunbox.core.surplus import stale_after_s

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.model import Terms
    from sunbox.core.settings import CircuitSettings, LoadpointSettings

MAIN = ""
"""The key of the main fuse beside the ids of circuits."""


def circuits_now(draft: Draft, draws: dict[str, Draw]) -> Circuits | None:
    """Return the circuits with nothing held for any car yet; None where nothing limits.

    `draws` is what the cars drew when the grid was measured, by vehicle id.
    """
    site = draft.settings.site
    limit = draft.memory.limit
    loadpoints = draft.settings.loadpoints
    held = [row.id for row in loadpoints if terms_of(draft, row).grid_max_w is not None]
    if not held:
        draft.grid_over_since_at = None
        if MAIN in draft.others_w:  # what is not kept up does not count when somebody asks again
            draft.others_w = {key: others_w for key, others_w in draft.others_w.items() if key != MAIN}
    if (
        site.main_fuse_a is None
        and limit is None
        and not draft.settings.circuits
        and site.unbalanced_a is None
        and not held
    ):
        return None
    others = _others_at_the_grid(draft, loadpoints, draws)
    roots: list[Fuse] = []
    if site.main_fuse_a is not None:
        left = None if others is None else [site.main_fuse_a - other for other in others]
        roots.append(Fuse(name=f"the main fuse of {site.main_fuse_a:.0f} A", left_a=left))
    if limit is not None:
        roots.append(Fuse(name=f"the grid operator's limit of {limit.max_w:.0f} W", left_w=limit.max_w))
    asked = _asked_limit(draft, [row for row in loadpoints if row.id in held], draws) if held else None
    settings_of = {circuit.id: circuit for circuit in draft.settings.circuits}
    fuses = {circuit.id: _fuse(draft, circuit, loadpoints) for circuit in draft.settings.circuits}
    fuses_of: dict[str, tuple[Fuse, ...]] = {}
    for loadpoint in loadpoints:
        path = [fuses[circuit_id] for circuit_id in path_of(settings_of, loadpoint.circuit)]
        own = (asked,) if asked is not None and loadpoint.id in held else ()
        fuses_of[loadpoint.id] = (*path, *roots, *own)
    measured = others if others is not None and draft.site.grid_phases_a is not None else NO_AMPS
    return Circuits(fuses_of=fuses_of, unbalanced_a=site.unbalanced_a, total=list(measured))


def terms_of(draft: Draft, loadpoint: LoadpointSettings) -> Terms:
    """Return on which terms somebody wants a loadpoint regulated."""
    return draft.loadpoints[loadpoint.id].memory.wish.terms


BLIND_A = 6
"""What a loadpoint may take while the grid cannot be seen that somebody wants relieved: the least of IEC 61851."""


def _asked_limit(draft: Draft, loadpoints: Sequence[LoadpointSettings], draws: dict[str, Draw]) -> Fuse:
    """Return what is left of the most that the site may import because of some loadpoints; the smallest of several limits counts.

    The rule is that of SmartEVSE's MaxSumMains (reference: its CalcBalancedCurrent): where not even the minimums fit, those who
    charge go on with them for a time of grace.
    """
    terms = [terms_of(draft, each) for each in loadpoints]
    most_w = min(each.grid_max_w for each in terms if each.grid_max_w is not None)
    name = f"the limit of {most_w:.0f} W on the grid"
    if draft.site.is_stale or draft.site.grid_w is None:
        return Fuse(name=f"{name}, whose meter is silent", safe_a=BLIND_A)
    others_w = _others_w(draft, MAIN, draft.site.grid_w, list(draws.values()))
    held = {each.device_id for each in loadpoints}
    left_w = most_w - others_w - sum(draw.high_w for device_id, draw in draws.items() if device_id not in held)
    least_w = 0.0
    for each, own in zip(loadpoints, terms, strict=True):
        if draft.loadpoints[each.id].set_point.charge:
            load = load_of(draft, each, NOTHING)
            capabilities = draft.settings_of(each.device_id).capabilities
            least_w += least_a(each, capabilities, own) * load.phases * load.voltage_v
    if left_w >= least_w:
        draft.grid_over_since_at = None
        return Fuse(name=name, left_w=left_w)
    draft.grid_over_since_at = draft.grid_over_since_at or draft.at
    ends_at = draft.grid_over_since_at + timedelta(seconds=min(each.grid_grace_s for each in terms))
    if draft.at >= ends_at:
        return Fuse(name=name, left_w=left_w)
    draft.wait_for(ends_at)
    return Fuse(name=name, left_w=least_w)


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
    draw = _as_it_may_start(draft, loadpoint, draw, at)
    is_here = whereabouts(draft.settings, loadpoint, draft.settings_of(vehicle_id), vehicle.memory.facts).is_here
    if is_here:
        return draw
    return Draw(0.0, 0.0 if is_here is False else draw.high_w)


GUESSED_S = 60.0
"""How long after a start should have shown a car may still turn out to use more phases than was guessed."""


def _as_it_may_start(draft: Draft, loadpoint: LoadpointSettings, draw: Draw, at: datetime) -> Draw:
    """Return the draw of a car that starts, on all phases that it may use: its rise is not the house's, and no reason to stop it."""
    vehicle_id = loadpoint.device_id
    vehicle = draft.vehicles[vehicle_id]
    facts, settings = vehicle.memory.facts, draft.settings_of(vehicle_id)
    if facts is None or facts.charging is not Charging.STARTING:
        return draw
    if at > vehicle.steps[-1].from_at + timedelta(seconds=GUESSED_S):
        return draw
    believed = phases_of(draft.settings, loadpoint, settings, vehicle.memory)
    most = phases_at_most(draft.settings, loadpoint, settings, vehicle.memory)
    return Draw(draw.low_w, draw.high_w * most / believed)


def _others_at_the_grid(draft: Draft, loadpoints: Sequence[LoadpointSettings], draws: dict[str, Draw]) -> Amps | None:
    """Return what everything but the cars draws from the grid per phase, None while that is unknown or stale."""
    site = draft.site
    is_old = site.old_at is not None and draft.at > site.old_at
    if site.is_stale or is_old or site.grid_w is None:
        return None
    loads = [load_of(draft, each, draws[each.device_id]) for each in loadpoints]
    return _others(draft, MAIN, site.grid_w, site.grid_phases_a, loads)


def _fuse(draft: Draft, circuit: CircuitSettings, loadpoints: Sequence[LoadpointSettings]) -> Fuse:
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
        units_w = [load.phases * load.voltage_v for load in loads]
        cars = [Draw(load.low_a * w, load.high_a * w) for load, w in zip(loads, units_w, strict=True)]
        left_w = circuit.max_w - max(0.0, _others_w(draft, circuit.id, reading.grid_w, cars))
    return Fuse(name=name, left_a=left_a, left_w=left_w)


def _others(draft: Draft, key: str, grid_w: float, phases_a: Amps | None, loads: list[Load]) -> Amps:
    before = draft.others.get(key)
    others, is_certain = others_of(grid_w, phases_a, draft.settings.site.voltage_v, loads, before)
    kept = others
    if before is not None and not is_certain:  # what a reading proved of the house is not the car's at the next one
        (a, b, c), (was_a, was_b, was_c) = others, before
        kept = (max(a, was_a), max(b, was_b), max(c, was_c))
    if kept != before:  # at first the most that it can be
        draft.others = {**draft.others, key: kept}
    return others


def _others_w(draft: Draft, key: str, grid_w: float, cars: list[Draw]) -> float:
    low_w, high_w = sum(draw.low_w for draw in cars), sum(draw.high_w for draw in cars)
    before_w = draft.others_w.get(key)
    others_w, is_certain = others_w_of(grid_w, low_w, high_w, before_w)
    kept_w = others_w if before_w is None or is_certain else max(others_w, before_w)
    if kept_w != before_w:
        draft.others_w = {**draft.others_w, key: kept_w}
    return others_w
