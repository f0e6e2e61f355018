"""The charger as its clients know it, pure: it reads keys, takes one bundle of settings, and lives on to an instant.

Behind it stands either a simulated device or a loadpoint; both are seen through `Behind` and act on `Offer` (`decide.py`),
and differ by `Conduct` only (`state.py`). A box is a profile, a conduct and a frozen state; each call returns a new state.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sunbox.dialects.goe.decide import (
    LEAST_A,
    Behind,
    Case,
    Offer,
    Pause,
    decide_status,
    limits_a,
    may_charge,
    shown_status,
)
from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.profiles import Profile
from sunbox.dialects.goe.readout import read_keys
from sunbox.dialects.goe.settings import Judged, judge
from sunbox.dialects.goe.state import LIMIT_LASTS_S, TRANSACTION_LASTS_S, BoxState, Conduct
from sunbox.dialects.goe.store import settled
from sunbox.dialects.goe.times import is_scheduled, local_time
from sunbox.dialects.goe.words import Access, ButtonLock, Force, ModelStatus, PhaseMode

AVERAGE_S = 30.0
"""Time constant of key `tpa`."""


@dataclass(frozen=True, slots=True)
class Readout:
    """What a status is answered."""

    values: dict[str, Json]
    code: int = 200


@dataclass(frozen=True, slots=True)
class Box:
    """A charger in one generation of firmware."""

    profile: Profile
    conduct: Conduct

    # what clients see

    def read(self, state: BoxState, names: Iterable[str] = ()) -> Readout:
        """Return the values of some keys, or of all, in the order of the device.

        Keys that the generation does not have are left out; some generations then answer 400, with all the rest.
        """
        asked = tuple(names)
        values = read_keys(state, self.profile, frozenset(asked))
        is_incomplete = any(name not in values for name in asked)
        return Readout(values, 400 if is_incomplete and self.profile.is_400_for_unknown else 200)

    def has_api(self, state: BoxState, switch: str) -> bool:
        """Return whether an API is switched on: `hai` for v2, `hla` for v1."""
        return bool(state.values.get(switch, True)) or not self.conduct.is_physical

    def judge(self, state: BoxState, items: Iterable[tuple[str, str]]) -> Judged:
        """Judge (key, JSON text) pairs; nothing is changed by it."""
        return judge(items, self.profile, state.values["var"])

    def settle(self, state: BoxState, good: Mapping[str, Json]) -> BoxState:
        """Apply settings that were judged good, all together."""
        changed = self._decided(settled(state, good, self.conduct))
        return self.rebooted(changed, changed.at) if "rst" in good and self.conduct.is_physical else changed

    def offer(self, state: BoxState) -> Offer:
        """Return what the car may have now."""
        least_a = min(limits_a(state.values, state.behind).values())
        is_allowed = may_charge(state.status) and least_a >= LEAST_A
        return Offer(
            is_allowed=is_allowed,
            amps_a=least_a if is_allowed else 0,
            phase_mode=PhaseMode(state.values["psm"]),
            status=state.status,
        )

    # what happens to it

    def advanced(self, state: BoxState, behind: Behind, at: datetime) -> BoxState:
        """Live on to `at`, at whose end `behind` stands behind it. What stood behind before counts until then."""
        elapsed_s = max(0.0, (at - state.at).total_seconds())
        lived = self._noticed(_counted(state, behind, elapsed_s, max(at, state.at)), state.behind)
        return self._decided(_timed_out(lived))

    def rebooted(self, state: BoxState, at: datetime) -> BoxState:
        """Boot again: counters and settings stay, what is only remembered for a while is gone."""
        values = {**state.values, "tcl": None, "su": False}
        if not self.conduct.keeps_wish:
            values["frc"] = int(Force.NEUTRAL)
        return self._decided(
            replace(
                state,
                at=at,
                booted_at=at,
                boots=state.boots + 1,
                values=values,
                surplus=None,
                limit_at=None,
                last_phases=0,
                stamps={},
                average_w=0.0,
            )
        )

    def with_card(self, state: BoxState, rfid: str) -> BoxState:
        """Hold a card to it: a known one begins a transaction where one is waited for, and ends its own."""
        index = next((index for index, card in enumerate(state.cards) if card.rfid == rfid), None)
        read = replace(state, last_card=(rfid, index), stamps={**state.stamps, "lrr": state.since_boot_ms})
        if index is None or state.values["acs"] == Access.OPEN:
            return read
        running = state.values["trx"]
        return self.settle(read, {"trx": None if running == index + 1 else index + 1})

    def with_button(self, state: BoxState) -> BoxState:
        """Press the button: the next preset current, if the button is allowed to."""
        pressed = replace(state, stamps={**state.stamps, "lbp": state.since_boot_ms})
        locked = {
            ButtonLock.ALWAYS: True,
            ButtonLock.CAR_CONNECTED: state.is_plugged,
            ButtonLock.CAR_CHARGING: state.behind.is_charging,
            ButtonLock.NEVER: False,
        }
        if locked[ButtonLock(state.values["bac"])]:
            return pressed
        presets = sorted(amps for amps in state.values["clp"] if amps <= state.values["ama"])
        higher = [amps for amps in presets if amps > state.values["amp"]]
        return self.settle(pressed, {"amp": (higher or presets)[0]}) if presets else pressed

    # inside

    def _noticed(self, state: BoxState, before: Behind) -> BoxState:
        """Take note of what has begun or ended behind it."""
        behind, now_ms = state.behind, state.since_boot_ms
        if _shape(behind) == _shape(before):
            return state
        stamps, values = dict(state.stamps), dict(state.values)
        has_charged, charge_s, session_wh, lonely_at = (
            state.has_charged,
            state.charge_s,
            state.session_wh,
            state.lonely_at,
        )
        if behind.is_plugged is not None and bool(behind.is_plugged) != bool(before.is_plugged):
            has_charged = False
            if behind.is_plugged:
                stamps["lccfi"] = now_ms
                session_wh, charge_s, lonely_at = 0.0, 0.0, None
            else:
                values["trx"] = None
                if not self.conduct.keeps_wish:
                    values["frc"] = int(Force.NEUTRAL)
                if self.profile.clears_wh_at_unplug:
                    session_wh = 0.0
        if behind.is_charging != before.is_charging:
            stamps["lcctc" if behind.is_charging else "lccfc"] = now_ms
        phases = sum(behind.closed) or state.last_phases
        if state.last_phases and phases != state.last_phases:
            stamps["lfspt"] = now_ms  # the contactor was open in between
        if behind.pause is Pause.SIMULATED_UNPLUG:
            values["su"] = False
        return replace(
            state,
            values=values,
            stamps=stamps,
            has_charged=(has_charged or behind.is_charging) and bool(behind.is_plugged),
            charge_s=charge_s,
            session_wh=session_wh,
            lonely_at=lonely_at,
            last_phases=phases,
        )

    def _decided(self, state: BoxState) -> BoxState:
        """Decide anew whether the car may charge, and remember when that changed."""
        decided = decide_status(
            Case(
                values=state.values,
                behind=state.behind,
                session_wh=state.told_session_wh,
                scheduled=is_scheduled(state.values, local_time(state.at, state.values)),
                was_allowed=may_charge(state.status) and state.is_plugged,
            )
        )
        known = self.profile.statuses
        status = decided if decided in known else ModelStatus.NO_CHARGE_CONTROLLER
        shown = shown_status(status, state.behind)
        shown = shown if shown in known else ModelStatus.NO_CHARGE_CONTROLLER
        if status is state.status and shown is state.shown:
            return state
        stamps = dict(state.stamps)
        if shown is not state.shown:
            stamps["lmsc"] = state.since_boot_ms
        if may_charge(shown) != may_charge(state.shown):
            stamps["alwt"] = state.since_boot_ms
        return replace(state, status=status, shown=shown, stamps=stamps)


def _shape(behind: Behind) -> tuple[object, ...]:
    """Return what of it is worth a note when it changes."""
    return behind.is_plugged, behind.is_charging, behind.closed, behind.pause


def _counted(state: BoxState, behind: Behind, elapsed_s: float, at: datetime) -> BoxState:
    """Count energy and time, by what stood behind it until now; `behind` stands there from `at` on."""
    flowing_w = state.behind.power_w
    energy_wh = max(0.0, flowing_w) * elapsed_s / 3600.0
    if behind.total_wh is not None:
        total_wh, added_wh = behind.total_wh, max(0.0, behind.total_wh - state.total_wh)
    else:
        total_wh, added_wh = state.total_wh + energy_wh, energy_wh
    cards = state.cards
    trx = state.values["trx"]
    if trx and trx <= len(cards) and state.is_plugged:
        card = replace(cards[trx - 1], energy_wh=cards[trx - 1].energy_wh + added_wh)
        cards = (*cards[: trx - 1], card, *cards[trx:])
    fade = math.exp(-elapsed_s / AVERAGE_S)
    return replace(
        state,
        at=at,
        behind=behind,
        total_wh=total_wh,
        session_wh=state.session_wh + energy_wh,
        charge_s=state.charge_s + (elapsed_s if state.behind.is_charging else 0.0),
        average_w=state.average_w * fade + flowing_w * (1.0 - fade),
        most_w=max(state.most_w, flowing_w),
        cards=cards,
    )


def _timed_out(state: BoxState) -> BoxState:
    """Forget what holds for a while only: a limit that nobody renews, a transaction without a car."""
    values, lonely_at, limit_at = state.values, state.lonely_at, state.limit_at
    if limit_at is None and lonely_at is None and (values["trx"] is None or state.is_plugged):
        return state
    if limit_at is not None and (state.at - limit_at).total_seconds() >= LIMIT_LASTS_S:
        values, limit_at = {**values, "tcl": None}, None
    if values["trx"] is None or state.is_plugged:
        lonely_at = None
    elif lonely_at is None:
        lonely_at = state.at
    elif (state.at - lonely_at).total_seconds() >= values.get("txt", TRANSACTION_LASTS_S):
        values, lonely_at = {**values, "trx": None}, None
    return replace(state, values=values, lonely_at=lonely_at, limit_at=limit_at)
