"""The box as its clients know it, pure: it reads its document, takes one bundle, and lives on to an instant.

Behind it stands either a simulated device with the firmware's law, or a loadpoint; both are seen through `Behind` and are
told by orders (`state.py`). A box is a profile, an identity and a frozen state; each call returns a new state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunbox.dialects.smartevse import posts
from sunbox.dialects.smartevse.mqtt import hear
from sunbox.dialects.smartevse.profiles import STANDARD, Profile
from sunbox.dialects.smartevse.readout import read_document
from sunbox.dialects.smartevse.settings import tell_settings
from sunbox.dialects.smartevse.state import COLORS, Behind, BoxState, Identity, SetAccess, Told
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import integer_from_text
from sunbox.dialects.smartevse.words import Access, Mode

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered; a text is no JSON."""

    reply: Json
    code: int = 200


@dataclass(frozen=True, slots=True)
class Box:
    """A box in one generation of firmware."""

    profile: Profile = STANDARD
    identity: Identity = field(default_factory=Identity)
    has_modem: bool = False  #: answers POST /modem and hears override_pwm, which no firmware does by default
    follows_document: bool = (
        False  #: start times as the REST document has them: in quotes or not, with NORMAL or SMART only
    )

    def read(self, state: BoxState) -> dict[str, Json]:
        """Return the settings document."""
        return read_document(state, self.identity, self.profile)

    def get(self, state: BoxState, path: str) -> Answer | None:
        """Answer a GET; None: there is nothing of the box at this path."""
        if path == "/settings":
            return Answer(self.read(state))
        if path == "/power_day" and self.profile.has_power_day:
            return Answer(posts.power_day(state))
        return None

    def post(self, state: BoxState, path: str, parameters: Mapping[str, str]) -> tuple[Told, Answer] | None:
        """Apply a POST as one bundle; None: there is nothing of the box at this path."""
        if path == "/reboot":
            told, code, text = posts.tell_reboot(state)
            return told, Answer(text, code)
        tell = self._requests.get(path)
        if tell is None:
            return None
        told = tell(state, parameters)
        return told, Answer(told.reply)

    @property
    def _requests(self) -> dict[str, Callable[[BoxState, Mapping[str, str]], Told]]:
        found: dict[str, Callable[[BoxState, Mapping[str, str]], Told]] = {
            "/settings": self._tell_settings,
            "/currents": posts.tell_currents,
            "/ev_meter": posts.tell_ev_meter,
        }
        if self.profile.number >= (3, 7, 0):
            found |= {f"/color_{name}": _painted(name) for name in COLORS}
        if self.profile.has_pause:
            found["/cablelock"] = posts.tell_cable_lock
        if self.profile.has_rfid_request:
            found["/rfid"] = posts.tell_rfid
        if self.has_modem:
            found["/modem"] = posts.tell_modem
        return found

    def _tell_settings(self, state: BoxState, parameters: Mapping[str, str]) -> Told:
        heard = {name: text for name, text in parameters.items() if self.has_modem or name != "override_pwm"}
        if self.follows_document:
            heard = _documented(heard)
        return tell_settings(state, heard, self.identity, self.profile)

    def hear(self, state: BoxState, name: str, payload: str) -> Told:
        """Apply one message of MQTT below `Set/`; there is no answer."""
        if name == "CPPWMOverride" and not self.has_modem:
            return Told(state=state)
        return hear(state, name, payload, self.identity, self.profile)

    # time

    def advanced(self, state: BoxState, behind: Behind, at: datetime) -> Told:
        """Live on to `at`, at whose end `behind` stands behind it: start and stop when they are due."""
        now = replace(state, at=max(at, state.at), behind=behind)
        orders = []
        if now.start_at is not None and now.start_at <= now.at:
            now = replace(now, start_at=_again(now.start_at, now), setup=replace(now.setup, access=Access.ON))
            orders.append(SetAccess(Access.ON))
        if now.stop_at is not None and now.stop_at <= now.at:
            now = replace(now, stop_at=_again(now.stop_at, now), setup=replace(now.setup, access=Access.OFF))
            orders.append(SetAccess(Access.OFF))
        return Told(state=now, orders=tuple(orders))

    def rebooted(self, state: BoxState) -> BoxState:
        """Begin anew: mode and access stay, what is only remembered is gone."""
        return replace(
            state,
            booted_at=state.at,
            setup=replace(state.setup, override_da=0),
            lit_until=None,
            is_custom=False,
            duty=None,
        )


def _painted(name: str) -> Callable[[BoxState, Mapping[str, str]], Told]:
    return lambda state, parameters: posts.tell_color(state, name, parameters)


TIMES = ("starttime", "stoptime")


def _documented(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return parameters with start times as the REST document gives them: between quotes too, and for two modes only."""
    waits = integer_from_text(parameters.get("mode", "")) in (Mode.NORMAL, Mode.SMART)
    return {
        name: _unquoted(text) if name in TIMES else text
        for name, text in parameters.items()
        if waits or name not in (*TIMES, "repeat")
    }


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _again(due_at: datetime, state: BoxState) -> datetime | None:
    """Return when something is due again: a day of 24 h later, whatever the clock does then."""
    if not state.repeats:
        return None
    missed = max(0, (state.at - due_at) // DAY)
    return due_at + DAY * (missed + 1)
