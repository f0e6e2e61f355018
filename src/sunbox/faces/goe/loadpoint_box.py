"""The box over a loadpoint: clients see the loadpoint through it, and what they set becomes one request to the gateway.

The gateway ends start, stop and amps of a face when the cable is taken out; a wallbox on the wall does not forget. So what
was told here is told again when the car is back. The last word counts: a start or stop by anybody else is shown as `frc`.
What a real one keeps in its flash is kept in a notebook: soon what was told, now and then what is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo

import structlog

from sunbox.core.model import MeterReading, Mode, Override
from sunbox.core.wallbox import LoadpointSnapshot, Notebook, Rejected, Request, SiteSnapshot, Wallbox
from sunbox.dialects.goe.box import Box, Readout
from sunbox.dialects.goe.flash import document_from_state, is_worth_keeping_soon, restored
from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.profiles import PROFILES
from sunbox.dialects.goe.settings import Judged
from sunbox.dialects.goe.state import LOADPOINT, BoxState, Identity, first_state
from sunbox.dialects.goe.times import zone_values
from sunbox.dialects.goe.words import Access, Logic, PhaseMode
from sunbox.faces.goe.settings import GoeFaceSettings
from sunbox.faces.goe.translation import (
    AMPS_KEYS,
    FORCES,
    KEYS_BY_FIELD,
    MODE_KEYS,
    MODE_VALUES,
    OVERRIDE_KEYS,
    PHASE_KEYS,
    PHASE_MODES,
    PHASES,
    Intent,
    amps_to_wire,
    behind_of,
    intent_of,
    is_here,
    is_plugged_here,
    mode_of,
    serial_of,
)
from sunbox.faces.keeping import Keeper

log = structlog.get_logger(__name__)

BY = "goe"
LOOKS_S = 30.0
"""It looks at least so often: a limit that lapses and a schedule that begins are no event of the gateway."""
OWED_FIELDS = frozenset({"override", "amps_a"})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the loadpoint wished at the last look."""

    mode: Mode
    override: Override
    override_by: str | None
    amps_a: int | None
    phases: int | None
    version: int
    has_started: bool

    @classmethod
    def of(cls, loadpoint: LoadpointSnapshot) -> _Seen:
        """Return what matters of it."""
        return cls(
            mode=loadpoint.mode,
            override=loadpoint.override,
            override_by=loadpoint.override_by,
            amps_a=loadpoint.amps_asked_a,
            phases=loadpoint.phases_asked,
            version=loadpoint.version,
            has_started=loadpoint.has_started,
        )


class LoadpointBox:
    """A loadpoint as a go-eCharger: what the face of the dialect serves."""

    def __init__(
        self, wallbox: Wallbox, own: GoeFaceSettings, zone: tzinfo | None = None, notebook: Notebook | None = None
    ) -> None:
        """Begin with what the loadpoint is now, and what was kept.

        Args:
            wallbox: the gateway.
            own: which loadpoint, and as what.
            zone: the owner's time zone; None = the device's own default.
            notebook: where it keeps what outlives a restart; None = nowhere.
        """
        site = wallbox.snapshot()
        loadpoint = next(row for row in site.loadpoints if own.loadpoint in (None, row.id))
        self._wallbox = wallbox
        self._id = loadpoint.id
        self._box = Box(PROFILES[own.profile], LOADPOINT)
        self._keeper = Keeper(notebook, self._document, is_worth_keeping_soon, face="goe", loadpoint=self._id)
        self._surplus_meter = own.surplus_meter
        self._changed = asyncio.Event()
        name = own.name or loadpoint.name
        delivered = first_state(site.at, Identity(serial=serial_of(loadpoint.id), name=name))
        values = {**delivered.values, "fup": True, "mcr": False}
        if zone is not None:
            values |= zone_values(zone, site.at.year)
        self._delivered = replace(delivered, values=values)
        document = self._keeper.load()
        self._seen = _Seen.of(loadpoint)
        self._told_a = loadpoint.amps_asked_a  #: what was asked here and still counts
        self._owed: frozenset[str] = frozenset()  #: fields to be told when the car is plugged in
        self._state = self._begun(loadpoint, document)
        self._supply_phases = 1
        self._look(site, loadpoint)
        self._intent = intent_of(self._state)

    def _begun(self, loadpoint: LoadpointSnapshot, document: Mapping[str, Json] | None) -> BoxState:
        """Return the box as it goes on: the gateway's wish counts, unless it is the one that was known here."""
        state, wish = self._delivered, dict[str, Json]()
        if document is not None:
            found = restored(state, document, self._box.profile)
            for problem in found.problems:
                log.warning("goe_not_restored", loadpoint=self._id, why=problem)
            state = found.state
            wish = document["wish"] if isinstance(document.get("wish"), dict) else {}
        values = dict(state.values)
        if document is not None and wish.get("version") == loadpoint.version:
            told_a = wish.get("told_a")
            self._told_a = told_a if isinstance(told_a, int) else None
            owed = wish.get("owed")
            self._owed = (
                OWED_FIELDS & frozenset(each for each in owed if isinstance(each, str))
                if isinstance(owed, list)
                else frozenset()
            )
        else:
            values["frc"] = int(FORCES[loadpoint.override])
            values["amp"] = self._delivered.values["amp"]
            if loadpoint.amps_asked_a is not None:
                values["amp"] = amps_to_wire(loadpoint.amps_asked_a)
        if mode_of(values) is not loadpoint.mode:
            values |= MODE_VALUES[loadpoint.mode]
        if loadpoint.can_switch_phases:
            values["psm"] = int(PHASE_MODES[loadpoint.phases_asked])
        counters = document.get("counters") if document is not None else None
        told_wh = counters.get("added_wh") if isinstance(counters, dict) else None
        added_wh = _added_wh(loadpoint)
        if state.is_plugged and isinstance(told_wh, int | float) and added_wh is not None and added_wh < told_wh:
            # another car, or the same one again: it was unplugged while nobody looked
            state = replace(state, behind=replace(state.behind, is_plugged=False), has_charged=False)
        return replace(state, values=values)

    # what the face asks

    def read(self, names: Iterable[str] = ()) -> Readout:
        """Return the values of some keys now, or of all."""
        self.look()
        return self._box.read(self._state, names)

    def has_api(self, switch: str) -> bool:
        """Return whether an API is there: both are, always."""
        return self._box.has_api(self._state, switch)

    def set(self, items: Iterable[tuple[str, str]]) -> dict[str, bool | str]:
        """Apply a bundle: what concerns the loadpoint as one request, and what that turns down not at all."""
        told = tuple(items)
        loadpoint = self.look()
        judged = self._box.judge(self._state, told)
        texts = dict(told)
        if judged.good.get("lmo") == Logic.TRIP:
            judged.refuse("lmo", f"Value {int(Logic.TRIP)} is not one of 3, 4", texts["lmo"])
        while True:
            after = self._box.settle(self._state, judged.good)
            verdict = self._ask(loadpoint, after, judged.good)
            if verdict is None:
                break
            refused = KEYS_BY_FIELD.get(verdict.field, KEYS_BY_FIELD["loadpoint_id"]) & set(judged.good)
            if not refused:
                break
            _refuse(judged, refused, verdict, texts)
        self._state = after
        self._intent = intent_of(after)
        if "ids" in judged.good:
            self._report(judged.good["ids"])
        self.look()
        self._tell()
        return judged.answers

    # what happens by itself

    async def follow(self) -> None:
        """Keep up with the loadpoint until cancelled: count, and tell it again what it forgot with the cable."""
        async with self._keeper.keeping():
            while True:
                try:
                    self.look()
                except Exception:
                    log.exception("goe_look_failed", loadpoint=self._id)
                self._tell()
                try:
                    async with asyncio.timeout(LOOKS_S):
                        await self._wallbox.changed()
                except TimeoutError:
                    continue

    async def changed(self) -> None:
        """Wait until a key may have another value than before, other than by time alone."""
        await self._changed.wait()

    def note(self, **values: Json) -> None:
        """Take note of keys that the face itself knows: how its connections are."""
        self._state = replace(self._state, values={**self._state.values, **values})
        self._delivered = replace(self._delivered, values={**self._delivered.values, **values})
        self._tell()

    def look(self) -> LoadpointSnapshot:
        """Bring it up to the present; return the loadpoint as it is. Contacts no device."""
        site, loadpoint = self._snapshot()
        self._look(site, loadpoint)
        return self._remind(loadpoint)

    # inside

    def _tell(self) -> None:
        """Wake who waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _document(self) -> dict[str, Json]:
        document = document_from_state(self._state, self._delivered)
        return {
            **document,
            "counters": {
                **document["counters"],
                "added_wh": self._added_wh,
            },  # a session that has got less is another one
            "wish": {"version": self._seen.version, "owed": sorted(self._owed), "told_a": self._told_a},
        }

    def _report(self, told: Mapping[str, Json]) -> None:
        """Hand over what an energy manager measured, if charging shall follow the surplus."""
        values = self._state.values
        if self._surplus_meter is None or values["lmo"] != Logic.ECO or not values["fup"]:
            return
        pv_w = told.get("pPv")
        reading = MeterReading(
            measured_at=self._state.at,
            grid_w=float(told["pGrid"]),
            pv_w=None if pv_w is None else max(0.0, float(pv_w)),
            battery_w=None if told.get("pAkku") is None else float(told["pAkku"]),
        )
        try:
            self._wallbox.report(self._surplus_meter, reading)
        except KeyError:
            log.warning("goe_no_such_meter", loadpoint=self._id, meter=self._surplus_meter)

    def _snapshot(self) -> tuple[SiteSnapshot, LoadpointSnapshot]:
        site = self._wallbox.snapshot()
        return site, next(row for row in site.loadpoints if row.id == self._id)

    def _look(self, site: SiteSnapshot, loadpoint: LoadpointSnapshot) -> None:
        self._adopt(loadpoint)
        self._supply_phases = max(self._supply_phases, loadpoint.phases, loadpoint.set_point.phases)
        behind = behind_of(loadpoint, self._supply_phases)
        if self._seen.has_started and not loadpoint.has_started and behind.is_plugged:
            # a session begins without a start: the cable was out between two looks
            gone = replace(behind, is_plugged=False, is_charging=False)
            self._state = self._box.advanced(self._state, gone, site.at)
        state = self._box.advanced(self._state, behind, site.at)
        if behind.is_plugged and loadpoint.has_started:
            # what the car says that it got is more than was counted if nobody looked meanwhile
            missed_wh = max(0.0, (loadpoint.energy_added_wh or 0.0) - state.session_wh)
            state = replace(
                state,
                has_charged=True,
                session_wh=state.session_wh + missed_wh,
                total_wh=state.total_wh + missed_wh,
            )
        self._state = state
        self._seen = _Seen.of(loadpoint)
        self._added_wh = _added_wh(loadpoint)

    def _adopt(self, loadpoint: LoadpointSnapshot) -> None:
        """Take over what others wished since the last look, and notice what the loadpoint forgot with the cable."""
        seen, now = self._seen, _Seen.of(loadpoint)
        is_forgotten = now.version == seen.version  # each wish has a version of its own; forgetting has none
        values: dict[str, Json] = {}
        if now.mode is not seen.mode:
            values |= MODE_VALUES[now.mode]
        if now.override is not seen.override:
            if is_forgotten and seen.override_by == BY:
                self._owed |= {"override"}
            else:
                values |= self._overruled(now.override)
        if now.phases != seen.phases and loadpoint.can_switch_phases:
            values["psm"] = int(PHASE_MODES[now.phases])
        if now.amps_a != seen.amps_a:
            if is_forgotten and seen.amps_a == self._told_a:
                self._owed |= {"amps_a"}
            else:
                self._told_a = None
                self._owed -= {"amps_a"}
        if now.amps_a is not None and self._told_a is None:
            values["amp"] = amps_to_wire(now.amps_a)
        elif self._told_a is None and "amps_a" not in self._owed and loadpoint.max_a:
            values["amp"] = amps_to_wire(loadpoint.max_a)
        if any(self._state.values[name] != value for name, value in values.items()):
            self._state = self._box.settle(self._state, values)
            self._intent = intent_of(self._state)

    def _overruled(self, override: Override) -> dict[str, Json]:
        """Return what a start or stop by somebody else makes of the settings."""
        self._owed -= {"override"}
        values: dict[str, Json] = {"frc": int(FORCES[override])}
        if override is Override.CHARGE:
            # who starts it elsewhere is let in, and wants more than the limit of this session
            values["dwo"] = None
            if self._state.values["acs"] != Access.OPEN and self._state.values["trx"] is None:
                values["trx"] = 0
        return values

    def _remind(self, loadpoint: LoadpointSnapshot) -> LoadpointSnapshot:
        """Ask for what has changed by itself (a limit, a schedule, a plug), once the car is here."""
        intent = intent_of(self._state)
        if not is_plugged_here(loadpoint) or (intent == self._intent and not self._owed):
            return loadpoint
        names: set[str] = set()
        if "override" in self._owed or intent.override is not self._intent.override:
            names |= OVERRIDE_KEYS
        if "amps_a" in self._owed or (intent.amps_a != self._intent.amps_a and self._told_a is not None):
            names |= AMPS_KEYS
        self._owed, self._intent = frozenset(), intent
        refused = self._ask(loadpoint, self._state, dict.fromkeys(names))
        if refused is not None:
            log.warning("goe_refused", loadpoint=self._id, field=refused.field, value=refused.value)
        return self._snapshot()[1]

    def _ask(self, loadpoint: LoadpointSnapshot, state: BoxState, good: Mapping[str, Json]) -> Rejected | None:
        """Ask the gateway for what these keys mean now; return what it turned down. What cannot count yet is owed."""
        intent, names = intent_of(state), set(good)
        is_override_new = intent.override is not intent_of(self._state).override
        fields = {
            "mode": bool(names & MODE_KEYS) and intent.mode is not loadpoint.mode,
            "override": "frc" in names
            or is_override_new
            or (bool(names & OVERRIDE_KEYS) and intent.override is not loadpoint.override),
            "amps_a": bool(names & AMPS_KEYS),
            "phases": bool(names & PHASE_KEYS) and loadpoint.can_switch_phases,
        }
        wanted = {name for name, is_wanted in fields.items() if is_wanted}
        owed = set() if self._counts_now(loadpoint, intent) else wanted - {"mode", "phases"}
        asked = wanted - owed
        if asked:
            verdict = self._wallbox.request(
                Request(
                    loadpoint_id=self._id,
                    by=BY,
                    mode=intent.mode if "mode" in asked else None,
                    override=intent.override if "override" in asked else None,
                    amps_a=intent.amps_a if "amps_a" in asked else None,
                    phases=PHASES[PhaseMode(state.values["psm"])] if "phases" in asked else None,
                )
            )
            if isinstance(verdict, Rejected):
                return verdict
        if "amps_a" in wanted:
            self._told_a = intent.amps_a
        self._owed = (self._owed - asked) | owed
        self._seen = _Seen.of(self._snapshot()[1])
        return None

    @staticmethod
    def _counts_now(loadpoint: LoadpointSnapshot, intent: Intent) -> bool:
        """Return whether start, stop and amps can be asked for: they shall not follow the car to another place.

        A car that was never seen may be plugged in here. A start for one that was seen unplugged is asked for as well:
        whoever starts has probably just plugged in, and the gateway has a look.
        """
        if is_plugged_here(loadpoint) or loadpoint.vehicle is None or loadpoint.vehicle.is_plugged is None:
            return True
        return is_here(loadpoint) and intent.override is Override.CHARGE


def _added_wh(loadpoint: LoadpointSnapshot) -> float | None:
    """Return what the car says that it got since it was plugged in."""
    return loadpoint.energy_added_wh if loadpoint.has_started else 0.0


def _refuse(judged: Judged, names: Iterable[str], verdict: Rejected, texts: Mapping[str, str]) -> None:
    for name in sorted(names):
        judged.refuse(name, f"Value {verdict.value} is not allowed: {verdict.allowed}", texts[name])
