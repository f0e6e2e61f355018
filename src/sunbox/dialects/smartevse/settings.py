"""POST /settings: one bundle, in the firmware's own order whatever the order of the query, with its own answers.

Source: dingo35/SmartEVSE-3.5, `esp32.cpp` and `network_common.cpp`, handling of POST /settings. Every accepted or refused
setting is answered with code 200; a setting that is neither known nor possible now is answered with nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeGuard

from sunbox.dialects.smartevse.pilot import NO_OFFER, RELEASED
from sunbox.dialects.smartevse.profiles import Profile
from sunbox.dialects.smartevse.state import (
    BoxState,
    Configure,
    Identity,
    Order,
    SetAccess,
    SetDuty,
    SwitchTo,
    Told,
)
from sunbox.dialects.smartevse.table import V3_6_10, V3_7, V3_7_4, V3_8_5, V3_11, Json, Version
from sunbox.dialects.smartevse.wire import integer_from_text
from sunbox.dialects.smartevse.words import CONTACTOR_TEXTS, REGIMES, Access, Capacity, Contactor, Mode, Regime

NOT_ALLOWED = "Value not allowed!"
NEEDS_OCPP = "Can only update when OCPP enabled"
LIT_S = 120
"""How long one unit of `backlight` lights."""
TIME_FORMAT = "%Y-%m-%dT%H:%M"
MOST_INTERVALS = 96


@dataclass(slots=True)
class Telling:
    """A request while it is worked off."""

    state: BoxState
    parameters: Mapping[str, str]
    identity: Identity
    profile: Profile
    reply: dict[str, Json] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)

    def number(self, name: str) -> int:
        """Return a parameter as a number."""
        return integer_from_text(self.parameters[name])

    def configure(self, **changes: int) -> None:
        """Change settings that have no effect of their own."""
        self.state = replace(self.state, setup=replace(self.state.setup, **changes))  # type: ignore[arg-type]
        self.orders.append(Configure(changes))

    def change(self, **changes: Json) -> None:
        """Change what is the box's own."""
        self.state = replace(self.state, **changes)


def tell_settings(state: BoxState, parameters: Mapping[str, str], identity: Identity, profile: Profile) -> Told:
    """Apply a POST /settings."""
    telling = Telling(state, parameters, identity, profile)
    if "mqtt_update" in parameters:
        if telling.number("mqtt_update") == 1:
            _tell_mqtt(telling)
    else:
        for parameter in PARAMETERS:
            if parameter.name in parameters and profile.number >= parameter.since:
                parameter.tell(telling)
    return Told(state=telling.state, reply=telling.reply or None, orders=tuple(telling.orders))


# --- one parameter each ----------------------------------------------------------------------------------------------


def _backlight(telling: Telling) -> None:
    units = telling.number("backlight")
    lit_s = min(max(0, units) * LIT_S, 65_535)
    telling.change(lit_until=telling.state.at + timedelta(seconds=lit_s) if lit_s else None)
    telling.reply["Backlight"] = units


def _limit(name: str, allowed: Callable[[int], bool], *, reply: str = "", for_node: bool = False) -> Tell:
    """Return what stores one of the settings that are a number."""
    key = reply or name

    def tell(telling: Telling) -> None:
        number = telling.number(name)
        if allowed(number) and (for_node or not telling.state.setup.is_node):
            telling.configure(**{key: number})
            telling.reply[key] = number
        else:
            telling.reply[key] = NOT_ALLOWED

    return tell


def _capacity_mode(telling: Telling) -> None:
    number = telling.number("capacity_mode")
    if number in set(Capacity):
        telling.configure(capacity=Capacity(number))
        if number == Capacity.DISABLED:
            telling.configure(current_max_sum_mains=0)
        telling.reply["capacity_mode"] = number


def _intervals(telling: Telling) -> None:
    try:
        told = json.loads(telling.parameters["intervals"])
    except (ValueError, RecursionError):
        return
    if not isinstance(told, list) or len(told) > MOST_INTERVALS:
        return
    good = tuple(_interval(each) for each in told)
    if all(good):
        telling.change(intervals=tuple(each for each in good if each is not None))


def _interval(told: Json) -> tuple[int, int] | None:
    """Return (min of the day, W), None if it is none."""
    start_min, power_w = (told.get("start"), told.get("power")) if isinstance(told, dict) else (None, None)
    if not _is_integer(start_min) or not _is_integer(power_w):
        return None
    return (start_min, power_w) if 0 <= start_min < 24 * 60 and 0 <= power_w <= 65_535 else None


def _is_integer(value: Json) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _disable_override(telling: Telling) -> None:
    telling.configure(override_da=0)
    telling.reply["disable_override_current"] = "OK"


def _custom_button(telling: Telling) -> None:
    telling.change(is_custom=telling.number("custombutton") > 0)
    telling.reply["custombutton"] = telling.state.is_custom


def _mode(telling: Telling) -> None:
    """Switch to a mode, now or at a start time; without one a start that was waited for is forgotten."""
    if "starttime" in telling.parameters:
        _start(telling)
    else:
        telling.change(start_at=None)
    number = telling.number("mode")
    if number not in set(Mode) or (number == Mode.PAUSE and not telling.profile.has_pause):
        telling.reply["mode"] = NOT_ALLOWED
        return
    mode = Mode(number)
    if mode in REGIMES:
        switch_to(telling, REGIMES[mode])
    else:
        set_access(telling, Access.PAUSE if mode is Mode.PAUSE else Access.OFF)
    telling.reply["mode"] = telling.parameters["mode"]


def switch_to(telling: Telling, regime: Regime) -> None:
    """Choose a regime, if it can be: the answer is the same if not."""
    is_delayed = telling.state.start_at is not None
    setup = telling.state.setup
    if setup.takes(regime):
        telling.change(setup=setup.switched_to(regime, is_delayed=is_delayed))
        telling.orders.append(SwitchTo(regime, is_delayed))


def set_access(telling: Telling, access: Access) -> None:
    """Switch on, off or to pause."""
    telling.change(setup=replace(telling.state.setup, access=access))
    telling.orders.append(SetAccess(access))


def _start(telling: Telling) -> None:
    """Read start, stop and repetition; what is past or unreadable delays nothing."""
    now = telling.state.at
    start_at = instant_from_text(telling.parameters["starttime"], telling.state)
    if start_at is None or start_at <= now:
        telling.change(start_at=None, stop_at=None, repeats=False)
    else:
        telling.change(start_at=start_at)
        set_access(telling, Access.OFF)
        if "stoptime" in telling.parameters:
            stop_at = instant_from_text(telling.parameters["stoptime"], telling.state)
            is_good = stop_at is not None and stop_at > now and stop_at > start_at
            telling.change(stop_at=stop_at if is_good else None)
            telling.reply["stoptime"] = unix_of(telling.state.stop_at)
            if "repeat" in telling.parameters and telling.number("repeat") in (0, 1):
                telling.change(repeats=telling.number("repeat") == 1)
                telling.reply["repeat"] = int(telling.state.repeats)
    telling.reply["starttime"] = unix_of(telling.state.start_at)


def instant_from_text(text: str, state: BoxState) -> datetime | None:
    """Return the instant of a local time, None if it is none; what stands behind the minutes does not count."""
    try:
        local = datetime.strptime(text[:16], TIME_FORMAT).replace(tzinfo=state.zone)
        return local.astimezone(state.at.tzinfo)
    except (ValueError, OverflowError):
        return None


def unix_of(at: datetime | None) -> int:
    """Return an instant as unix time, 0 for none."""
    return 0 if at is None else int(at.timestamp())


def _contactor(telling: Telling) -> None:
    number = telling.number("enable_C2")
    if number in set(Contactor):  # the device reads beyond its table for others; here they are not heard
        telling.configure(contactor=Contactor(number))
        telling.reply["settings"] = {"enable_C2": CONTACTOR_TEXTS[Contactor(number)]}


def _stop_timer(telling: Telling) -> None:
    minutes = telling.number("stop_timer")
    is_good = 0 <= minutes <= 60
    if is_good:
        telling.configure(solar_stop_time=minutes)
    telling.reply["stop_timer"] = is_good


def _override(telling: Telling) -> None:
    setup = telling.state.setup
    if setup.regime is Regime.SOLAR:
        return  # not heard, not even refused
    number = telling.number("override_current")
    is_good = number == 0 or setup.current_min * 10 <= number <= setup.current_max * 10
    if is_good and not setup.is_node:
        telling.configure(override_da=number)
        telling.reply["override_current"] = number
    else:
        telling.reply["override_current"] = NOT_ALLOWED


def _override_pwm(telling: Telling) -> None:
    number = telling.number("override_pwm")
    duty = None if number < 0 else min(number, NO_OFFER)
    telling.change(duty=duty)
    telling.orders.append(SetDuty(duty))
    telling.reply["override_pwm"] = RELEASED if number < 0 else number


def _switch(name: str, attribute: str) -> Tell:
    def tell(telling: Telling) -> None:
        number = telling.number(name)
        if number in (0, 1):
            telling.change(**{attribute: number == 1})
            telling.reply[name] = number

    return tell


def _ocpp(telling: Telling) -> None:
    if telling.number("ocpp_update") != 1:
        return
    ocpp = dict(telling.state.ocpp)
    if "ocpp_mode" in telling.parameters:
        number = telling.number("ocpp_mode")
        ocpp["mode"] = "Enabled" if number else "Disabled"
        telling.reply["ocpp_mode"] = number
    for name in ("backend_url", "cb_id", "auth_key", "auto_auth", "auto_auth_idtag"):
        if f"ocpp_{name}" not in telling.parameters:
            continue
        if ocpp.get("mode") != "Enabled":
            telling.reply[f"ocpp_{name}"] = NEEDS_OCPP
        elif name == "auto_auth":
            is_on = telling.number("ocpp_auto_auth") != 0
            ocpp[name] = "Enabled" if is_on else "Disabled"
            telling.reply["ocpp_auto_auth"] = int(is_on)
        else:
            ocpp[name] = telling.reply[f"ocpp_{name}"] = telling.parameters[f"ocpp_{name}"]
    telling.change(ocpp=ocpp)


def _tell_mqtt(telling: Telling) -> None:
    """Store the broker; nothing else of the request counts."""
    told, mqtt, reply = telling.parameters, dict(telling.state.mqtt), telling.reply
    if "mqtt_host" in told:
        mqtt["host"] = reply["mqtt_host"] = told["mqtt_host"]
    if "mqtt_port" in told:
        mqtt["port"] = reply["mqtt_port"] = telling.number("mqtt_port") or 1883
    if "mqtt_topic_prefix" in told:
        mqtt["topic_prefix"] = reply["mqtt_topic_prefix"] = told["mqtt_topic_prefix"] or telling.identity.host
    if "mqtt_username" in told:
        mqtt["username"] = reply["mqtt_username"] = told["mqtt_username"]
    if "mqtt_password" in told:
        telling.change(mqtt_password=told["mqtt_password"])
        reply["mqtt_password_set"] = bool(told["mqtt_password"])
    if "mqtt_tls" in told:
        mqtt["tls"] = reply["mqtt_tls"] = told["mqtt_tls"] == "1"
    if "mqtt_ca_cert" in told:
        telling.change(has_mqtt_ca=bool(told["mqtt_ca_cert"]))
        reply["mqtt_ca_cert_set"] = telling.state.has_mqtt_ca
    telling.change(mqtt=mqtt)


Tell = Callable[[Telling], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of POST /settings."""

    name: str
    tell: Tell
    allowed: str
    help: str
    since: Version = (0, 0, 0)


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(name="backlight", tell=_backlight, allowed="any number", help="lights its screen, 120 s each"),
    Parameter(
        name="current_min",
        tell=_limit("current_min", lambda number: 6 <= number <= 16),
        allowed="6–16 A, not on a node",
        help="least current",
    ),
    Parameter(
        name="capacity_mode", tell=_capacity_mode, allowed="0–3", help="0 also lifts the limit of the sum", since=V3_11
    ),
    Parameter(
        name="intervals",
        tell=_intervals,
        allowed='[{"start": 0–1439, "power": W}, …]',
        help="limits by the time of day; has no answer",
        since=V3_11,
    ),
    Parameter(
        name="current_max_sum_mains",
        tell=_limit("current_max_sum_mains", lambda number: number == 0 or 10 <= number <= 600),
        allowed="0, 10–600 A, not on a node",
        help="most of all phases of the mains",
    ),
    Parameter(
        name="max_sum_mains_timer",
        tell=_limit("max_sum_mains_timer", lambda number: 0 <= number <= 60, reply="max_sum_mains_time"),
        allowed="0–60 min, not on a node",
        help="how long that may be exceeded; answered as max_sum_mains_time",
        since=V3_6_10,
    ),
    Parameter(
        name="disable_override_current", tell=_disable_override, allowed="anything", help="forgets override_current"
    ),
    Parameter(name="custombutton", tell=_custom_button, allowed="any number", help="above 0 is on", since=V3_7),
    Parameter(
        name="mode",
        tell=_mode,
        allowed="0–4",
        help="0 OFF, 1 NORMAL, 2 SOLAR, 3 SMART, 4 PAUSE (since 3.8); with starttime, stoptime, repeat",
    ),
    Parameter(name="enable_C2", tell=_contactor, allowed="0–4", help="the second contactor; at the next start"),
    Parameter(name="stop_timer", tell=_stop_timer, allowed="0–60 min", help="how long it goes on without sun"),
    Parameter(
        name="override_current",
        tell=_override,
        allowed="0, 10 × current_min to 10 × current_max, not on a node, not in SOLAR",
        help="current, 0.1 A",
    ),
    Parameter(
        name="solar_start_current",
        tell=_limit("solar_start_current", lambda number: 0 <= number <= 48, for_node=True),
        allowed="0–48 A",
        help="export from which it charges",
    ),
    Parameter(
        name="solar_max_import",
        tell=_limit("solar_max_import", lambda number: 0 <= number <= 48, for_node=True),
        allowed="0–48 A",
        help="import for which it still charges",
    ),
    Parameter(
        name="override_pwm", tell=_override_pwm, allowed="-1, 0–1024", help="the pilot by hand; -1 gives it back"
    ),
    Parameter(
        name="lcdlock", tell=_switch("lcdlock", "is_lcd_locked"), allowed="0, 1", help="locks buttons", since=V3_7_4
    ),
    Parameter(
        name="cablelock",
        tell=_switch("cablelock", "is_cable_locked"),
        allowed="0, 1",
        help="keeps the cable locked",
        since=V3_8_5,
    ),
    Parameter(name="ocpp_update", tell=_ocpp, allowed="1", help="with ocpp_mode and others", since=V3_6_10),
)
"""In the order in which they are worked off."""
