"""What answers of every kind share: waiting before the next try, a car that says it sleeps, a draw taken as believed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.belief import draw_w, holds_itself, is_offer, phases_of, voltage_of
from sunbox.core.commands import Cause
from sunbox.core.draw import became, follows, settles
from sunbox.core.model import Availability, Charging
from sunbox.core.resilience import DELIVERY
from sunbox.core.units import power_w

if TYPE_CHECKING:
    from sunbox.core.draft import Draft


RATE_LIMIT_S = 300.0
"""Wait after a 429 that does not say how long (TeslaMate's default)."""

RANGE_S = 120.0

USUAL_S: dict[Cause, float] = {Cause.RATE_LIMITED: RATE_LIMIT_S, Cause.OUT_OF_RANGE: RANGE_S}
"""Waits where nobody says how long, beside those that grow with each failure."""


FORGET_FAILURES_S = 3600.0
"""After so long without trouble the back-off begins anew."""


def hold_off(
    draft: Draft, vehicle_id: str, cause: Cause | None, retry_after_s: float | None, *, of_command: bool = False
) -> None:
    """Wait before the next request: what the service asks for, and longer with each failure."""
    memory = draft.vehicles[vehicle_id].memory
    is_old = memory.not_before_at is not None and draft.at > memory.not_before_at + timedelta(seconds=FORGET_FAILURES_S)
    failures = 1 if is_old else memory.failures + 1
    if retry_after_s is None:
        retry_after_s = USUAL_S.get(cause, 0.0) if cause is not None else 0.0
    if cause is not Cause.OUT_OF_RANGE:  # a car that is away costs nothing to look for, and comes home some time
        retry_after_s = max(retry_after_s, DELIVERY.wait_s(failures))  # who says 5 s each time is not asked for ever
    draft.remember_vehicle(
        vehicle_id,
        failures=failures,
        not_before_at=draft.at + timedelta(seconds=retry_after_s),
        block_cause=cause,
        is_command_failing=of_command or (memory.is_command_failing and not is_old),
        login_required=cause is Cause.LOGIN_REQUIRED,
    )


def note_asleep_answer(draft: Draft, vehicle_id: str, *, of_command: bool = False) -> None:
    """A paid request was answered with asleep: forget that it was online, ask the free state call, go easy."""
    vehicle = draft.vehicles[vehicle_id]
    draft.vehicle(
        vehicle_id,
        availability=Availability.UNKNOWN,
        availability_at=None,
        asleep_answers=vehicle.asleep_answers + 1,
        state_due_at=draft.at,
    )
    if vehicle.asleep_answers >= 1:
        hold_off(draft, vehicle_id, Cause.ASLEEP, None, of_command=of_command)


def draw_as_believed(draft: Draft, vehicle_id: str) -> None:
    """Take the draw to be what the facts say, from now on."""
    vehicle = draft.vehicles[vehicle_id]
    facts = draft.facts_of(vehicle_id)
    settings = draft.settings_of(vehicle_id)
    phases = phases_of(draft.settings, None, settings, vehicle.memory)
    now_w = draw_w(facts, phases, voltage_of(draft.settings, vehicle.memory))
    capabilities = settings.capabilities
    if facts.charging is Charging.STARTING:
        steps = settles(vehicle.steps, draft.at, now_w, capabilities.start_settle_s)
    elif facts.is_plugged and holds_itself(facts):  # it goes on when it likes, and is read later
        amps = facts.amps_requested_a or capabilities.max_a
        most_w = power_w(amps, phases, voltage_of(draft.settings, vehicle.memory))
        steps = became(vehicle.steps, draft.at, now_w, max(now_w, most_w))
    elif is_offer(facts):
        steps = follows(vehicle.steps, draft.at, now_w, capabilities.settle_s)
    else:
        steps = became(vehicle.steps, draft.at, now_w, now_w)
    draft.vehicle(vehicle_id, steps=steps)


def assumed_most_w(draft: Draft, vehicle_id: str) -> float:
    """Return the most that a vehicle of which nothing is known may draw."""
    settings = draft.settings_of(vehicle_id)
    phases = phases_of(draft.settings, None, settings, draft.vehicles[vehicle_id].memory)
    return power_w(settings.capabilities.max_a, phases, draft.settings.site.voltage_v)
