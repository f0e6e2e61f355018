"""What the grid meter tells about the cars for nothing: a step that proves a command, a draw that cannot be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.behind import charger_of
from sunbox.core.belief import draw_w, is_charging, phases_of, voltage_of
from sunbox.core.circuits import available_a
from sunbox.core.connection import whereabouts
from sunbox.core.draw import draw_at
from sunbox.core.headroom import draw_here
from sunbox.core.model import Availability, Charging, Draw
from sunbox.core.replies import proven, settle_s_of
from sunbox.core.session import note_reading
from sunbox.core.state import Quiet
from sunbox.core.units import power_w
from sunbox.core.values import replace

if TYPE_CHECKING:
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.state import Settling

MATCH = 0.35
"""A step proves a command if it differs from what was expected by less than this share."""

HITS = 2
"""Readings in a row that must show it: a kettle may look like a car once."""

NOISE_W = 60.0


def site_draws(draft: Draft, grid_at: datetime) -> dict[str, Draw]:
    """Return what each vehicle drew from this site when the grid was measured, bounded by what the site consumed.

    A vehicle elsewhere draws nothing here; one whose place is unknown may draw anything up to its draw.
    """
    consumption_w = draft.site.consumption_w
    most_w = None if consumption_w is None else max(0.0, consumption_w + NOISE_W)
    draws: dict[str, Draw] = {}
    for loadpoint in draft.settings.loadpoints:
        vehicle_id = loadpoint.device_id
        draw = draw_here(draft, loadpoint, grid_at)
        if most_w is not None and draw.high_w > most_w:
            draw = Draw(min(draw.low_w, most_w), most_w)
        if vehicle_id not in draws or draw.high_w > draws[vehicle_id].high_w:  # it may be elsewhere for one of its two
            draws[vehicle_id] = draw
    return draws


def on_reading(draft: Draft, grid_at: datetime) -> None:
    """Weigh what a new grid reading tells about commands in doubt and about the believed draws."""
    consumption_w = draft.site.consumption_w
    if consumption_w is None:
        return
    for vehicle_id, vehicle in draft.vehicles.items():
        if vehicle.settling is not None:
            _weigh_settling(draft, vehicle_id, vehicle.settling, consumption_w, grid_at)
        if vehicle.doubt is not None and vehicle.doubt.baseline_w is not None and grid_at > vehicle.doubt.since_at:
            _weigh_step(draft, vehicle_id, consumption_w)
        elif _is_metered(draft, vehicle_id):
            continue
        elif is_charging(vehicle.memory.facts) and not vehicle.is_doubtful:
            _weigh_belief(draft, vehicle_id, consumption_w, grid_at)
        elif vehicle.availability is Availability.ONLINE:
            _weigh_quiet(draft, vehicle_id, consumption_w)
        elif vehicle.quiet is not None:
            draft.vehicle(vehicle_id, quiet=None)


def _weigh_settling(draft: Draft, vehicle_id: str, settling: Settling, consumption_w: float, grid_at: datetime) -> None:
    """Learn from the readings around the response to a change of current how long it takes.

    It lies between the last reading that does not show it and the first that does. What is believed moves only where it lies
    outside, up faster than down: a draw that is taken as settled too early is the dearer mistake.
    """
    after_s = (grid_at - settling.since_at).total_seconds()
    if after_s <= 0.0:
        return
    settings = draft.settings_of(vehicle_id)
    declared_s = settings.capabilities.settle_s
    off_w = abs(consumption_w - settling.baseline_w - settling.expected_w)
    if off_w > SETTLED * abs(settling.expected_w):
        is_over = after_s > LEARN_MOST * declared_s  # the house does something itself: nothing is learned
        draft.vehicle(vehicle_id, settling=None if is_over else replace(settling, not_yet_s=after_s))
        return
    draft.vehicle(vehicle_id, settling=None)
    believed_s = settle_s_of(settings, draft.vehicles[vehicle_id].memory)
    if believed_s < settling.not_yet_s:
        believed_s += LEARN_UP * (settling.not_yet_s - believed_s)
    elif believed_s > after_s:
        believed_s += LEARN_DOWN * (after_s - believed_s)
    else:
        return
    draft.remember_vehicle(vehicle_id, settle_s=min(believed_s, LEARN_MOST * declared_s))


SETTLED = 0.15
"""A step is there when what is seen differs from what was expected by less than this share."""

LEARN_UP, LEARN_DOWN, LEARN_MOST = 0.5, 0.1, 4.0


def _weigh_step(draft: Draft, vehicle_id: str, consumption_w: float) -> None:
    doubt = draft.vehicles[vehicle_id].doubt
    if doubt is None or doubt.baseline_w is None or abs(doubt.expected_w) < 400.0:
        return
    step_w = consumption_w - doubt.baseline_w
    if abs(step_w - doubt.expected_w) > MATCH * abs(doubt.expected_w):
        if doubt.hits:
            draft.vehicle(vehicle_id, doubt=replace(doubt, hits=0))
        return
    if doubt.hits + 1 < HITS:
        draft.vehicle(vehicle_id, doubt=replace(doubt, hits=doubt.hits + 1))
        return
    proven(draft, vehicle_id, doubt.command)


def _weigh_belief(draft: Draft, vehicle_id: str, consumption_w: float, grid_at: datetime) -> None:
    """Count readings in which the site used less than its cars are believed to draw; three bring the next look forward.

    Of several cars the one that is nearest to its limit is looked at first, and the next one after three more.
    """
    vehicle = draft.vehicles[vehicle_id]
    if vehicle.memory.facts is not None and vehicle.memory.facts.charging is Charging.STARTING:
        _weigh_start(draft, vehicle_id, consumption_w)
        return
    believed = _believed_w(draft, consumption_w, grid_at)
    if vehicle_id not in believed or _is_explained(believed, consumption_w):
        if vehicle.unexplained:
            draft.vehicle(vehicle_id, unexplained=0)
        return
    count = vehicle.unexplained + 1
    draft.vehicle(vehicle_id, unexplained=count)
    suspects = sorted(believed, key=lambda id_: _left_pct(draft, id_))
    if count == UNEXPLAINED_LOOK * (suspects.index(vehicle_id) + 1):
        draft.vehicle(vehicle_id, data_due_at=draft.at)


def _believed_w(draft: Draft, consumption_w: float, grid_at: datetime) -> dict[str, float]:
    """Return what each car that charges here is believed to draw at the least; where it goes without saying, of those elsewhere too."""
    believed = {
        id_: draw_at(vehicle.steps, grid_at).low_w
        for id_, vehicle in draft.vehicles.items()
        if is_charging(vehicle.memory.facts)
    }
    if _is_explained(believed, consumption_w):  # then all the more without those that are elsewhere
        return believed
    return {id_: low_w for id_, low_w in believed.items() if _is_charging_here(draft, id_)}


def _is_explained(believed: dict[str, float], consumption_w: float) -> bool:
    return sum(believed.values()) * 0.85 - 2 * NOISE_W <= consumption_w


def _is_metered(draft: Draft, device_id: str) -> bool:
    """Return whether what it draws is told all the time: by itself, or by the charger that it is plugged into."""
    return draft.settings_of(device_id).capabilities.is_polled or charger_of(draft, device_id) is not None


def _is_charging_here(draft: Draft, vehicle_id: str) -> bool:
    vehicle, loadpoints = draft.vehicles[vehicle_id], draft.holders_of(vehicle_id)
    if not loadpoints or not is_charging(vehicle.memory.facts) or charger_of(draft, vehicle_id) is not None:
        return False
    where = whereabouts(draft.settings, loadpoints[0], draft.settings_of(vehicle_id), vehicle.memory.facts)
    return bool(where.is_here)


def _left_pct(draft: Draft, vehicle_id: str) -> float:
    """Return how far a car is from its limit."""
    facts = draft.facts_of(vehicle_id)
    return (facts.limit_soc_pct or 100) - (facts.soc_pct or 0)


def _weigh_quiet(draft: Draft, vehicle_id: str, consumption_w: float) -> None:
    """Look at a car that is awake and not believed to charge, when the site begins to use what its charging would take.

    It was plugged in, or started by hand: nothing else tells for nothing before the next look.
    """
    quiet = draft.vehicles[vehicle_id].quiet or Quiet(level_w=consumption_w)
    expected_w = _charging_w(draft, vehicle_id) if _may_begin_unseen(draft, vehicle_id) else 0.0
    step_w = consumption_w - quiet.level_w
    if step_w < QUIET_DRIFT * expected_w or expected_w <= 0.0:
        after = replace(quiet, level_w=consumption_w, hits=0, misses=0)
    elif abs(step_w - expected_w) > MATCH * expected_w:  # on its way up, or something else
        after = replace(quiet, hits=0, misses=quiet.misses + 1)
    else:
        after = replace(quiet, hits=quiet.hits + 1, misses=0)
    is_step = after.hits >= QUIET_HITS
    if is_step or after.misses >= QUIET_MISSES:
        after = replace(after, level_w=consumption_w, hits=0, misses=0)
        is_early = quiet.looked_at is not None and (draft.at - quiet.looked_at).total_seconds() < QUIET_AGAIN_S
        if is_step and not is_early:
            after = replace(after, looked_at=draft.at)
            draft.vehicle(vehicle_id, data_due_at=draft.at, data_wait_s=QUIET_AGAIN_S)
    if after != quiet or draft.vehicles[vehicle_id].quiet is None:
        draft.vehicle(vehicle_id, quiet=after)


def _may_begin_unseen(draft: Draft, vehicle_id: str) -> bool:
    """Return whether a charge that nobody here began would show: the car is awake, and no car's draw is changing.

    A car that was away when it was last read may have come home.
    """
    vehicle = draft.vehicles[vehicle_id]
    facts, loadpoints = vehicle.memory.facts, draft.holders_of(vehicle_id)
    if facts is None or not loadpoints or vehicle.is_doubtful or facts.charging is Charging.COMPLETE:
        return False
    for each in draft.vehicles.values():
        is_changing = bool(each.steps) and each.steps[-1].from_at > draft.at - timedelta(seconds=QUIET_AFTER_S)
        command = each.exchange.command if each.exchange is not None else None
        if is_changing or command is not None or each.doubt is not None:
            return False
    here = whereabouts(draft.settings, loadpoints[0], draft.settings_of(vehicle_id), facts).is_here
    return here is not False or not facts.is_plugged  # who is plugged in elsewhere is not plugged in here


def _charging_w(draft: Draft, vehicle_id: str) -> float:
    """Return what a car would take that begins to charge by itself."""
    vehicle, settings = draft.vehicles[vehicle_id], draft.settings_of(vehicle_id)
    facts = draft.facts_of(vehicle_id)
    amps = max(facts.amps_requested_a or settings.capabilities.max_a, settings.capabilities.min_a)
    amps = min(amps, available_a(facts) or amps)
    phases = phases_of(draft.settings, None, settings, vehicle.memory)
    return power_w(amps, phases, voltage_of(draft.settings, vehicle.memory))


QUIET_HITS, QUIET_MISSES = 3, 5
"""Readings in a row that must show the step; and after so many that show another one it is something else."""

QUIET_DRIFT = 0.3
"""Less than this share of it is what houses do."""

QUIET_AFTER_S = 60.0
"""So long after a change of any car's draw a step may still be its."""

QUIET_AGAIN_S = 600.0
"""Between two such looks: an oven may look like a car."""


def _weigh_start(draft: Draft, vehicle_id: str, consumption_w: float) -> None:
    """Take current to flow once the site has used that much more, in two readings in a row, since the start was sent."""
    vehicle = draft.vehicles[vehicle_id]
    facts = vehicle.memory.facts
    if facts is None or vehicle.baseline_w is None:
        return
    settings = draft.settings_of(vehicle_id)
    phases = phases_of(draft.settings, None, settings, vehicle.memory)
    expected_w = draw_w(facts, phases, voltage_of(draft.settings, vehicle.memory))
    if abs(consumption_w - vehicle.baseline_w - expected_w) > MATCH * expected_w:
        if vehicle.start_hits:
            draft.vehicle(vehicle_id, start_hits=0)
        return
    if vehicle.start_hits + 1 < HITS:
        draft.vehicle(vehicle_id, start_hits=vehicle.start_hits + 1)
        return
    draft.vehicle(vehicle_id, start_hits=0)
    now = replace(facts, charging=Charging.CHARGING)
    draft.remember_vehicle(vehicle_id, facts=now)
    note_reading(draft, vehicle_id, facts, now, was_sure=False)


UNEXPLAINED_LOOK = 3
"""Readings in a row in which the believed draw could not be, before the car is asked."""
