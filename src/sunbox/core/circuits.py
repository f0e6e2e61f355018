"""Hard caps: fuses, cable, EVSE and vehicle limits hold whatever any request or plan says.

Circuits are a tree: what one carries, its parent carries too, up to the main fuse. Currents are kept per phase of the site.
A loadpoint of which nobody wrote on which phase it is wired counts on all of them, and where the meter tells no currents per
phase all that others use is assumed on one: on doubt there is less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sunbox.core.model import Terms, VehicleFacts
from sunbox.core.settings import Capabilities, LoadpointSettings

Amps = tuple[float, float, float]
"""Per phase of the site, + = out of the fuse into the house."""

NO_AMPS: Amps = (0.0, 0.0, 0.0)
ALL_PHASES = (0, 1, 2)
WIRED = [[tuple((first + number) % 3 for number in range(phases)) for first in ALL_PHASES] for phases in ALL_PHASES]
"""The phases of the site that a car on 0, 1 or 2 phases loads, by the index of the one that its first phase is wired to."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The highest current allowed, and what sets it (None = nothing but what was asked)."""

    amps_a: int
    why: str | None = None


def device_cap(loadpoint: LoadpointSettings, capabilities: Capabilities, facts: VehicleFacts | None) -> Cap:
    """Return the cap that loadpoint, cable, EVSE and vehicle set: the smallest of what is known."""
    cap = Cap(capabilities.max_a)
    if loadpoint.max_a is not None and loadpoint.max_a < cap.amps_a:
        cap = Cap(loadpoint.max_a, "the loadpoint's maximum")
    available = available_a(facts)
    if available is not None and available < cap.amps_a:
        cap = Cap(available, "what cable and car allow")
    return cap


def least_a(loadpoint: LoadpointSettings, capabilities: Capabilities, terms: Terms) -> int:
    """Return the smallest current that is charged with: what somebody asked for, else the file, never below the device."""
    if terms.min_a is not None:
        return max(terms.min_a, capabilities.min_a)
    return loadpoint.min_a if loadpoint.min_a is not None else capabilities.min_a


def available_a(facts: VehicleFacts | None) -> int | None:
    """Return the most that cable, EVSE and car allow in A: the pilot if plugged and > 0, else the car's own maximum."""
    if facts is None:
        return None
    if facts.is_plugged and facts.pilot_a:
        return facts.pilot_a
    return facts.amps_requested_max_a


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A car on the circuits, with what it drew when a meter was read: low_a … high_a per phase."""

    phases: int
    first_phase: int | None = None  #: 1–3, None = not known
    voltage_v: float
    low_a: float = 0.0
    high_a: float = 0.0

    @property
    def on(self) -> tuple[int, ...]:
        """Return the indices of the site's phases that it may load: all, unless its wiring is known or it uses all."""
        if self.phases >= 3 or self.first_phase is None:
            return ALL_PHASES
        return WIRED[self.phases][self.first_phase - 1]


def others_of(
    grid_w: float, phases_a: Amps | None, voltage_v: float, loads: list[Load], before: Amps | None
) -> tuple[Amps, bool]:
    """Return what everything but the cars draws per phase, and whether that is certain.

    While a car's draw is only known as low … high, the others are taken to be what they were before, as far as the meter allows
    it: the rise of a start is the car's and not the house's.

    Args:
        grid_w: through the fuse, + = into the house.
        phases_a: the same per phase, None = not measured.
        voltage_v: phase to neutral.
        loads: the cars behind the fuse.
        before: the others when that was certain last.
    """
    most = _without(grid_w, phases_a, voltage_v, loads, [load.low_a for load in loads])
    if all(load.low_a >= load.high_a for load in loads):
        return most, True
    if before is None:
        return most, False
    least = _without(grid_w, phases_a, voltage_v, loads, [load.high_a for load in loads])
    a, b, c = (min(high, max(low, was)) for high, low, was in zip(most, least, before, strict=True))
    return (a, b, c), False


def others_w_of(grid_w: float, low_w: float, high_w: float, before_w: float | None) -> tuple[float, bool]:
    """Return what everything but the cars draws in all, and whether that is certain, by the rule of `others_of`.

    Args:
        grid_w: through the fuse, + = into the house.
        low_w: the least that the cars draw of it.
        high_w: the most.
        before_w: the others when that was certain last.
    """
    most_w = grid_w - low_w
    if low_w >= high_w:
        return most_w, True
    return most_w if before_w is None else min(most_w, max(grid_w - high_w, before_w)), False


def _without(grid_w: float, phases_a: Amps | None, voltage_v: float, loads: list[Load], drawn_a: list[float]) -> Amps:
    if phases_a is None:
        cars_w = sum(amps * load.phases * load.voltage_v for amps, load in zip(drawn_a, loads, strict=True))
        one = max(0.0, (grid_w - cars_w) / voltage_v)
        return (one, one, one)
    known = [0.0, 0.0, 0.0]
    unknown: list[float] = []
    for amps, load in zip(drawn_a, loads, strict=True):
        if load.phases >= 3 or load.first_phase is not None:
            for phase in load.on:
                known[phase] += amps
        elif amps > 0:
            unknown.append(amps)
    if not unknown:
        return (phases_a[0] - known[0], phases_a[1] - known[1], phases_a[2] - known[2])
    # Wired to nobody knows which phase: the worst one counts for all, and of several such cars only the smallest is taken off.
    worst = max(measured - cars for measured, cars in zip(phases_a, known, strict=True)) - min(unknown)
    return (worst, worst, worst)


@dataclass(slots=True, kw_only=True)
class Fuse:
    """One circuit within a step: what is left of it, less and less as loadpoints are served."""

    name: str  #: as people know it
    left_a: list[float] | None = None  #: per phase, None = no limit in A, or nothing is known of the others
    left_w: float | None = None  #: in all, None = no limit in W
    safe_a: int | None = None  #: what each loadpoint may take because the meter is silent


@dataclass(slots=True, kw_only=True)
class Circuits:
    """All fuses within a step, and which of them feed each loadpoint (by id), nearest first."""

    fuses_of: dict[str, tuple[Fuse, ...]]
    unbalanced_a: float | None = None
    total: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  #: held by cars, and measured others
    held: dict[str, float] = field(default_factory=dict)  #: by loadpoint, in A
    granted: dict[str, float] = field(default_factory=dict)  #: what a loadpoint is entitled to once all have obeyed
    kept: dict[str, float] = field(default_factory=dict)  #: for a loadpoint that waits until the others have come down
    _loads: dict[str, Load] = field(default_factory=dict)

    def hold(self, loadpoint_id: str, load: Load, amps: float) -> None:
        """Keep so much for a loadpoint instead of what was kept for it before."""
        held_a = self.held.get(loadpoint_id, 0.0)
        was = self._loads.get(loadpoint_id, load)
        self.held[loadpoint_id], self._loads[loadpoint_id] = amps, load
        if was is load or (was.on == load.on and was.phases == load.phases):
            self._take(loadpoint_id, load, amps - held_a)
        else:
            self._take(loadpoint_id, was, -held_a)
            self._take(loadpoint_id, load, amps)

    def _take(self, loadpoint_id: str, load: Load, more_a: float) -> None:
        if more_a == 0.0:
            return
        on = load.on
        for fuse in self.fuses_of.get(loadpoint_id, ()):
            if fuse.left_a is not None:
                for phase in on:
                    fuse.left_a[phase] -= more_a
            if fuse.left_w is not None:
                fuse.left_w -= more_a * load.phases * load.voltage_v
        for phase in on:
            self.total[phase] += more_a

    def room_for(self, loadpoint_id: str, load: Load) -> Cap | None:
        """Return the most that a loadpoint may take, what is kept for it included; None = no circuit limits it.

        More only once the others draw less; but nobody goes below his grant because others have not obeyed yet. A grant is for
        the phases that it was made for.
        """
        room = self._room_beside(loadpoint_id, load)
        if load.phases > self._loads[loadpoint_id].phases:
            return room
        granted_a = int(min(self.granted.get(loadpoint_id, 0.0), self.held.get(loadpoint_id, 0.0)))
        return room if room is None or room.amps_a >= granted_a else Cap(granted_a, room.why)

    def _room_beside(self, loadpoint_id: str, load: Load) -> Cap | None:
        held_a, held = self.held.get(loadpoint_id, 0.0), self._loads.get(loadpoint_id, load)
        self.hold(loadpoint_id, load, 0.0)
        room = self._room(loadpoint_id, load)
        self.hold(loadpoint_id, held, held_a)
        return room

    def _room(self, loadpoint_id: str, load: Load) -> Cap | None:
        least: float | None = None
        why = ""
        on = load.on
        for fuse in self.fuses_of.get(loadpoint_id, ()):
            room = math.inf
            if fuse.left_a is not None:
                room = min([fuse.left_a[phase] for phase in on])
            if fuse.left_w is not None:
                room = min(room, fuse.left_w / (load.phases * load.voltage_v))
            if fuse.safe_a is not None:
                room = min(room, float(fuse.safe_a))
            if least is None or room < least:
                least, why = room, fuse.name
        if self.unbalanced_a is not None and load.phases < 3:
            room = self.unbalanced_a - (max(self.total[phase] for phase in on) - min(self.total))
            if least is None or room < least:
                least, why = room, f"the limit of {self.unbalanced_a:.0f} A between phases"
        if least is None or math.isinf(least):
            return None
        return Cap(max(0, math.floor(least + 1e-6)), why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What a loadpoint would take if it could."""

    loadpoint_id: str
    load: Load
    min_a: int
    want_a: int
    priority: int = 0


def grant(circuits: Circuits, wants: list[Want]) -> None:
    """Hold for each loadpoint what it gets, 0 = not even its minimum: minimums first, then the rest by priority, fairly.

    `wants` is in the order of service: who comes first keeps its minimum when not all fit.
    """
    for want in wants:
        room = circuits.room_for(want.loadpoint_id, want.load)
        fits = room is None or room.amps_a >= want.min_a
        circuits.hold(want.loadpoint_id, want.load, want.min_a if fits else 0)
    for priority in sorted({want.priority for want in wants}, reverse=True):
        hungry = [want for want in wants if want.priority == priority and circuits.held[want.loadpoint_id]]
        while hungry:
            hungry = [want for want in hungry if _has_one_more(circuits, want)]
    circuits.granted.update(circuits.held)


def _has_one_more(circuits: Circuits, want: Want) -> bool:
    """Hold one more ampere if it is wanted and there; return whether it was."""
    held_a = circuits.held[want.loadpoint_id]
    if held_a >= want.want_a:
        return False
    room = circuits.room_for(want.loadpoint_id, want.load)
    if room is not None and room.amps_a <= held_a:
        return False
    circuits.hold(want.loadpoint_id, want.load, held_a + 1)
    return True
