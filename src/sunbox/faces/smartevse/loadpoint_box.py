"""The box over a loadpoint: clients see the loadpoint through it, and what they set becomes one request to the gateway.

The gateway forgets start, stop and amps of a face when the cable is taken out; a box on the wall does not. So whenever the car
is here and the loadpoint does not do what the box is set to, it is told again. The last word counts: what somebody else wishes
changes the box, a start, stop or current of theirs until the cable is taken out (`lent.py`). Settings that the gateway has no counterpart for are kept and shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

import structlog

from sunbox.core.model import MeterReading, Mode, Override, Terms
from sunbox.core.wallbox import Accepted, LoadpointSnapshot, Notebook, Rejected, Request, SiteSnapshot, Wallbox
from sunbox.dialects.smartevse.box import Answer, Box
from sunbox.dialects.smartevse.flash import document_from_state, is_worth_keeping_soon, restored
from sunbox.dialects.smartevse.profiles import PROFILES, Profile
from sunbox.dialects.smartevse.settings import NOT_ALLOWED
from sunbox.dialects.smartevse.state import (
    QUARTERS,
    Behind,
    BoxState,
    Configure,
    Identity,
    Reboot,
    SetAccess,
    SetDuty,
    Setup,
    SwitchTo,
    TellBattery,
    TellEv,
    TellMains,
    Told,
    first_state,
)
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import integer_from_text
from sunbox.dialects.smartevse.words import Access, Contactor, Meter, Regime
from sunbox.faces.keeping import Keeper
from sunbox.faces.smartevse.counting import Counters, added_wh_of
from sunbox.faces.smartevse.feeds import Feeds
from sunbox.faces.smartevse.lent import Lent, lent_from_document
from sunbox.faces.smartevse.settings import NONE, SmartEvseFaceSettings, ev_meter_of, mains_meter_of
from sunbox.faces.smartevse.translation import (
    MOST_A,
    OF_TERMS,
    ONLY_IF_SET,
    SUN_MODES,
    Intent,
    behind_of,
    contactor_of,
    counts_now,
    current_main_of,
    current_max_of,
    intent_of,
    is_plugged_here,
    limit_asked_a,
    most_a_of,
    setup_after,
    setup_on,
)

log = structlog.get_logger(__name__)

BY = "smartevse"
LOOKS_S = 30.0
"""It looks at least so often: a start time that comes is no event of the gateway."""
LEAST_S = 0.1
REBOOT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the loadpoint wished at the last look."""

    mode: Mode
    override: Override
    amps_a: int | None
    phases: int | None
    terms: Terms
    version: int

    @classmethod
    def of(cls, loadpoint: LoadpointSnapshot) -> _Seen:
        """Return what matters of it."""
        return cls(
            mode=loadpoint.mode,
            override=loadpoint.override,
            amps_a=loadpoint.amps_asked_a,
            phases=loadpoint.phases_asked,
            terms=loadpoint.terms,
            version=loadpoint.version,
        )


REFUSABLE = {"amps_a": ("override_current", "override_da"), "terms.min_a": ("current_min", "current_min")}
"""What the gateway may refuse: the parameter of a request and the setting behind it."""


class LoadpointBox:
    """A loadpoint as a SmartEVSE: what the face of the dialect serves."""

    def __init__(
        self,
        wallbox: Wallbox,
        own: SmartEvseFaceSettings,
        zone: tzinfo | None = None,
        notebook: Notebook | None = None,
        *,
        main_fuse_a: float | None = None,
        has_other_meter: bool = True,
    ) -> None:
        """Begin with what the loadpoint is now, and what was kept.

        Args:
            wallbox: the gateway.
            own: which loadpoint, and as what.
            zone: the owner's time zone, by whose clock it starts; None = UTC.
            notebook: where it keeps what outlives a restart; None = nowhere.
            main_fuse_a: the limit of the mains; None = there is none.
            has_other_meter: the grid is measured without `/currents`.
        """
        site = wallbox.snapshot()
        loadpoint = next(row for row in site.loadpoints if own.loadpoint in (None, row.id))
        self._wallbox = wallbox
        self._id = loadpoint.id
        self._keeper = Keeper(notebook, self._document, is_worth_keeping_soon, face="smartevse", loadpoint=self._id)
        self._mains_meter = mains_meter_of(own, has_other_meter=has_other_meter)
        self._ev_meter = ev_meter_of(own)
        self._box = Box(
            PROFILES[own.profile], own.identity_of(loadpoint.id), has_modem=own.modem, follows_document=True
        )
        self._changed = asyncio.Event()
        self._feeds, self._counters = Feeds(), Counters(added_wh=added_wh_of(loadpoint))
        self._names_set: frozenset[str] = frozenset()
        self._lent = Lent()
        self._refused: tuple[Intent, int | None] | None = None
        self._reboots = False
        self._reboot_at: datetime | None = None
        mains = Meter.API if self._mains_meter else Meter.CUSTOM if has_other_meter else Meter.DISABLED
        setup = Setup(
            mains_meter=mains,
            ev_meter=Meter.CUSTOM if own.ev_meter == NONE else Meter.API,
            current_max=current_max_of(loadpoint),
            current_main=current_main_of(main_fuse_a),
            contactor=Contactor.NOT_PRESENT,
        )
        state = first_state(site.at, setup) if zone is None else first_state(site.at, setup, zone=zone)
        self._prefix = own.topics_of(loadpoint.id)
        if own.mqtt is not None:
            broker = own.mqtt.broker
            about: dict[str, Json] = {"host": broker.host, "port": broker.port, "username": broker.user or ""}
            state = replace(
                state,
                mqtt={**about, "tls": broker.tls, "topic_prefix": self._prefix},
                mqtt_password="*" if broker.password else "",
            )
        document = self._keeper.load()
        self._seen = _Seen.of(loadpoint)
        self._state = self._begun(state, loadpoint, document)
        self._look(site, loadpoint)

    def _begun(self, state: BoxState, loadpoint: LoadpointSnapshot, document: Mapping[str, Json] | None) -> BoxState:
        """Return the box as it goes on: the gateway's wish counts, unless it is the one that was known here."""
        is_known = False
        if document is not None:
            found = restored(state, document)
            for problem in found.problems:
                log.warning("smartevse_not_restored", loadpoint=self._id, why=problem)
            is_known = not found.problems and document.get("wish_version") == loadpoint.version
            state = replace(found.state, mqtt={**found.state.mqtt, **state.mqtt})
            kept = document.get("counters")
            total_wh, charged_wh = state.behind.ev_total_wh, state.behind.ev_charged_wh
            self._counters.restore(
                kept if isinstance(kept, dict) else {}, loadpoint, total_wh=total_wh, charged_wh=charged_wh
            )
            names = document.get("names_set")
            self._names_set = ONLY_IF_SET.intersection(names if isinstance(names, list) else ())
            self._lent = lent_from_document(document.get("lent"))
        if not is_known:
            state = self._lend(state, loadpoint, is_new=document is None)
            state = self._overruled(state, loadpoint)
            state = self._limited(state, loadpoint)
            state = self._on_terms(state, loadpoint)
        return state if is_known and loadpoint.can_switch_phases else self._with_phases(state, loadpoint)

    def _lend(self, state: BoxState, loadpoint: LoadpointSnapshot, *, is_new: bool) -> BoxState:
        """Return the box as it was before what others have started, stopped or limited by now, and take note of that."""
        if loadpoint.override is Override.NONE or loadpoint.override_by == BY:
            self._lent = self._lent.without_mode()
        else:
            if is_new:  # as out of its carton it is as the mode has it
                state = self._overruled(state, replace(loadpoint, override=Override.NONE))
            self._lent = self._lent.with_mode(state.setup)
        if (limit_asked_a(loadpoint, most_a_of(loadpoint)) or 0) * 10 != state.setup.override_da:
            self._lent = self._lent.with_limit(state.setup)
        return state

    # what the face asks

    @property
    def profile(self) -> Profile:
        """Return the generation of firmware that it is."""
        return self._box.profile

    @property
    def identity(self) -> Identity:
        """Return who it says that it is."""
        return self._box.identity

    @property
    def prefix(self) -> str:
        """Return what stands before its topics."""
        return self._prefix

    def state(self) -> BoxState:
        """Return the box as it is now."""
        self.look()
        return self._state

    def get(self, path: str) -> Answer | None:
        """Return what a GET is answered, None if there is nothing."""
        self.look()
        return self._box.get(self._state, path)

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        """Apply the parameters of a POST as one bundle; return what it is answered, None if there is nothing."""
        loadpoint = self.look()
        told_of = dict(parameters)
        if not loadpoint.can_switch_phases and "enable_C2" in told_of:
            number = integer_from_text(told_of["enable_C2"])
            told_of["enable_C2"] = str(int(Contactor.NOT_PRESENT)) if number in set(Contactor) else "-1"
        found = self._box.post(self._state, path, told_of)
        if found is None:
            return None
        told, answer = found
        refused = self._obey(told, loadpoint)
        if refused is not None and isinstance(answer.reply, dict) and refused in answer.reply:
            answer = replace(answer, reply={**answer.reply, refused: NOT_ALLOWED})
        return answer

    def hear(self, name: str, payload: str) -> None:
        """Apply one message of MQTT below `Set/`."""
        loadpoint = self.look()
        self._obey(self._box.hear(self._state, name, payload), loadpoint)

    # what happens by itself

    async def follow(self) -> None:
        """Keep up with the loadpoint until cancelled: count, and tell it again what it forgot with the cable."""
        async with self._keeper.keeping():
            while True:
                try:
                    self.look()
                except Exception:
                    log.exception("smartevse_look_failed", loadpoint=self._id)
                self._tell()
                try:
                    async with asyncio.timeout(self._looks_in_s()):
                        await self._wallbox.changed()
                except TimeoutError:
                    continue

    async def changed(self) -> None:
        """Wait until something may be different than before, other than by time alone."""
        await self._changed.wait()

    def note_broker(self, *, is_connected: bool) -> None:
        """Take note of whether its broker is there."""
        status = "Connected" if is_connected else "Disconnected"
        self._state = replace(self._state, mqtt={**self._state.mqtt, "status": status})

    def look(self) -> LoadpointSnapshot:
        """Bring it up to the present; return the loadpoint as it is. Contacts no device."""
        site, loadpoint = self._snapshot()
        self._look(site, loadpoint)
        if is_plugged_here(loadpoint) and self._ask(loadpoint, is_explicit=False):
            site, loadpoint = self._snapshot()
            self._look(site, loadpoint)
        return loadpoint

    # inside: requests

    def _obey(self, told: Told, loadpoint: LoadpointSnapshot) -> str | None:
        """Take over what a request made of the box; return the setting that the gateway does not take, None if it takes all."""
        before, state = self._state, told.state
        if not loadpoint.can_switch_phases:
            state = replace(state, setup=replace(state.setup, contactor=Contactor.NOT_PRESENT))
        self._state = state
        is_explicit = any(isinstance(order, SwitchTo | SetAccess) for order in told.orders)
        names = {name for order in told.orders if isinstance(order, Configure) for name in order.changes}
        has_duty = any(isinstance(order, SetDuty) for order in told.orders)
        for order in told.orders:
            match order:
                case TellMains():
                    self._report(self._mains_meter, self._feeds.tell_mains(order, state.at))
                case TellBattery():
                    self._feeds.tell_battery(order, state.at)
                case TellEv():
                    self._report(self._ev_meter, self._feeds.tell_ev(order, state.at))
                case Reboot():
                    self._reboots = True
                case _:
                    pass
        if is_explicit:
            self._lent = self._lent.without_mode()
        if "override_da" in names or (is_explicit and state.setup.regime is Regime.SOLAR):
            self._lent = replace(self._lent, override_da=None)
        self._refused, refused, set_before = None, None, self._names_set
        self._names_set |= ONLY_IF_SET & names
        if is_explicit or has_duty or names & {"override_da", "contactor", *OF_TERMS}:
            stops = is_explicit and before.setup.stops_for(state.setup.regime, before.behind.phases)
            verdict = self._ask(loadpoint, is_explicit=is_explicit, stops=stops)
            if isinstance(verdict, Rejected) and verdict.field in REFUSABLE:
                refused, attribute = REFUSABLE[verdict.field]
                kept = {attribute: getattr(before.setup, attribute)}
                self._state = replace(self._state, setup=replace(self._state.setup, **kept))
                self._names_set -= {attribute} - set_before
                self._ask(loadpoint, is_explicit=is_explicit, stops=stops)
        self.look()
        self._tell()
        return refused

    def _ask(
        self, loadpoint: LoadpointSnapshot, *, is_explicit: bool, stops: bool = False
    ) -> Accepted | Rejected | None:
        """Ask the gateway for what the box is set to, where the loadpoint does something else; None: nothing was asked.

        Args:
            loadpoint: as it is.
            is_explicit: somebody has just said so; else it is only told again what it forgot, or what is due now.
            stops: a car that charges stops for it, because the phases change with the mode.
        """
        intent = intent_of(self._state, self._names_set)
        if (intent, loadpoint.max_a) == self._refused:
            return None
        asked: dict[str, Any] = {}
        is_other = intent.override is not loadpoint.override if is_explicit else not intent.is_met(loadpoint)
        if counts_now(loadpoint, intent.override):
            if is_other:
                asked["override"] = intent.override
            most_a = most_a_of(loadpoint)
            limit_a = min(intent.limit_a or most_a, most_a)
            if limit_a != (limit_asked_a(loadpoint, most_a) or most_a):
                asked["amps_a"] = limit_a
        elif is_other and intent.override is Override.NONE:
            asked["override"] = intent.override
        if intent.override is Override.NONE and (
            loadpoint.mode is not Mode.PV if is_explicit else loadpoint.mode not in SUN_MODES
        ):
            asked["mode"] = Mode.PV
        if (
            loadpoint.can_switch_phases
            and intent.phases != (loadpoint.phases_asked or 0)
            # contactors are switched at the next start; a start that follows a stop at once is one too
            and (stops or not loadpoint.is_flowing or self._state.setup.access is not Access.ON)
        ):
            asked["phases"] = intent.phases
        if self._has_other_terms(loadpoint, intent.terms, is_explicit=is_explicit):
            asked["terms"] = intent.terms
        return self._request(asked, intent) if asked else None

    def _has_other_terms(self, loadpoint: LoadpointSnapshot, terms: Terms, *, is_explicit: bool) -> bool:
        """Return whether the terms differ by more than the box can say; who chooses a mode chooses whether the mains limit it."""
        setup = self._state.setup
        if is_explicit and (terms.grid_max_w is None) is not (loadpoint.terms.grid_max_w is None):
            return True
        return setup_on(setup, loadpoint.terms) != (setup, self._names_set)

    def _request(self, asked: Mapping[str, Any], intent: Intent) -> Accepted | Rejected:
        verdict = self._wallbox.request(Request(loadpoint_id=self._id, by=BY, **asked))
        if isinstance(verdict, Rejected) and verdict.field == "amps_a" and intent.limit_a is None:
            verdict = self._wallbox.request(Request(loadpoint_id=self._id, by=BY, **{**asked, "amps_a": MOST_A}))
        if isinstance(verdict, Rejected):
            self._refused = (intent, self._snapshot()[1].max_a)
            log.warning("smartevse_refused", loadpoint=self._id, field=verdict.field, value=verdict.value)
        self._seen = _Seen.of(self._snapshot()[1])
        return verdict

    def _report(self, meter: str | None, reading: MeterReading | None) -> None:
        """Tell the gateway what a feeder measured, where it is a meter of the site."""
        if meter is None or reading is None:
            return
        try:
            self._wallbox.report(meter, reading)
        except KeyError:
            log.warning("smartevse_no_such_meter", loadpoint=self._id, meter=meter)

    # inside: the present

    def _snapshot(self) -> tuple[SiteSnapshot, LoadpointSnapshot]:
        site = self._wallbox.snapshot()
        return site, next(row for row in site.loadpoints if row.id == self._id)

    def _look(self, site: SiteSnapshot, loadpoint: LoadpointSnapshot) -> None:
        ended_w = self._counters.count(site, loadpoint, self._feeds.counted_wh(site.at))
        state = replace(self._state, powers_w=(*self._state.powers_w, *ended_w)[-QUARTERS:])
        state = self._adopted(state, loadpoint)
        state = replace(state, setup=replace(state.setup, current_max=current_max_of(loadpoint)))
        told = self._box.advanced(state, self._measured(state, site, loadpoint), site.at)
        if told.orders:  # a start or stop time of its own
            self._lent = self._lent.without_mode()
        state = self._rebooted(told.state, loadpoint)
        # what it shows goes by what it is set to now
        self._state = replace(state, behind=self._measured(state, site, loadpoint))
        self._seen = _Seen.of(loadpoint)
        self._counters.added_wh = added_wh_of(loadpoint)

    def _adopted(self, state: BoxState, loadpoint: LoadpointSnapshot) -> BoxState:
        """Return the box with what others wished since the last look; what the loadpoint forgot with the cable stays."""
        seen, now = self._seen, _Seen.of(loadpoint)
        if now.version == seen.version:  # each wish has a version of its own; forgetting has none
            is_forgotten = (now.override, now.amps_a) != (seen.override, seen.amps_a)
            return self._given_back(state) if is_forgotten else state
        if (now.mode, now.override) != (seen.mode, seen.override):
            lasts = now.override is Override.NONE
            self._lent = self._lent.without_mode() if lasts else self._lent.with_mode(state.setup)
            state = self._overruled(state, loadpoint)
        if now.amps_a != seen.amps_a:
            self._lent = self._lent.with_limit(state.setup)
            state = self._limited(state, loadpoint)
        if now.terms != seen.terms:
            state = self._on_terms(state, loadpoint)
        return self._with_phases(state, loadpoint) if now.phases != seen.phases else state

    def _given_back(self, state: BoxState) -> BoxState:
        """Return the box as it was before others started, stopped or limited it, which has ended with the cable."""
        lent, self._lent = self._lent, Lent()
        return replace(state, setup=lent.given_back(state.setup))

    def _overruled(self, state: BoxState, loadpoint: LoadpointSnapshot) -> BoxState:
        """Return the box after a start, stop or mode by somebody else: who starts it waits for no start time."""
        setup = setup_after(state.setup, loadpoint, has_pause=self._box.profile.has_pause)
        is_started = setup.access is Access.ON and not state.repeats
        return replace(state, setup=setup, duty=None, start_at=None if is_started else state.start_at)

    def _on_terms(self, state: BoxState, loadpoint: LoadpointSnapshot) -> BoxState:
        setup, self._names_set = setup_on(state.setup, loadpoint.terms)
        return replace(state, setup=setup)

    @staticmethod
    def _limited(state: BoxState, loadpoint: LoadpointSnapshot) -> BoxState:
        limit_a = limit_asked_a(loadpoint, most_a_of(loadpoint))
        return replace(state, setup=replace(state.setup, override_da=(limit_a or 0) * 10))

    @staticmethod
    def _with_phases(state: BoxState, loadpoint: LoadpointSnapshot) -> BoxState:
        contactor = Contactor.NOT_PRESENT
        if loadpoint.can_switch_phases:
            contactor = contactor_of(state.setup, loadpoint.phases_asked)
        return replace(state, setup=replace(state.setup, contactor=contactor))

    def _measured(self, state: BoxState, site: SiteSnapshot, loadpoint: LoadpointSnapshot) -> Behind:
        """Return what stands behind the box, with what its meters say."""
        counters = self._counters
        behind = self._feeds.shown(
            behind_of(loadpoint, site, state),
            state,
            site,
            loadpoint,
            counters.power_w,
            is_meter=self._mains_meter is not None,
        )
        return replace(behind, ev_total_wh=int(counters.total_wh), ev_charged_wh=int(counters.charged_wh))

    def _rebooted(self, state: BoxState, loadpoint: LoadpointSnapshot) -> BoxState:
        """Return the box after a reboot that is due: some seconds after it was told to, or after the car has stopped."""
        if not self._reboots or (is_plugged_here(loadpoint) and loadpoint.is_flowing):
            self._reboot_at = None
            return state
        if self._reboot_at is None:
            self._reboot_at = state.at + timedelta(seconds=REBOOT_S)
        if state.at < self._reboot_at:
            return state
        self._reboots, self._reboot_at = False, None
        self._feeds, self._lent = Feeds(), replace(self._lent, override_da=None)
        self._counters.begin_anew(loadpoint)
        return self._box.rebooted(state)

    def _looks_in_s(self) -> float:
        """Return when there is something to do by time alone."""
        state = self._state
        dues = [at for at in (state.start_at, state.stop_at, self._reboot_at) if at is not None]
        return max(LEAST_S, min([LOOKS_S, *((at - state.at).total_seconds() for at in dues)]))

    # inside: what is kept

    def _tell(self) -> None:
        """Wake who waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _document(self) -> dict[str, Json]:
        document = document_from_state(self._state)
        return {
            **document,
            "counters": {**document["counters"], **self._counters.document()},
            "names_set": sorted(self._names_set),
            "lent": self._lent.document(),
            "wish_version": self._seen.version,
        }
