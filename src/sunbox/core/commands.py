"""What can be asked of a device, and the five ways in which asking ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RequestKind(StrEnum):
    """What a request costs: the billing classes of paid interfaces (free devices price them all 0)."""

    STATE = "state"
    DATA = "data"
    COMMAND = "command"
    WAKE = "wake"
    SIGNAL = "signal"  #: a value that the device streams by itself


class ReadKind(StrEnum):
    """What is read: the free state call (awake or not) or the full data (paid, keeps a car awake)."""

    STATE = "state"
    DATA = "data"


KIND_OF: dict[ReadKind, RequestKind] = {ReadKind.STATE: RequestKind.STATE, ReadKind.DATA: RequestKind.DATA}
"""The billing class of a read."""


class CommandName(StrEnum):
    """The commands that the core itself sends."""

    WAKE = "wake"
    START = "start"
    STOP = "stop"
    SET_AMPS = "set_amps"
    SET_LIMIT = "set_limit"
    SET_PHASES = "set_phases"
    # what people order once (`orders.py`)
    OPEN_PORT = "open_port"
    CLOSE_PORT = "close_port"
    LIMIT_STANDARD = "limit_standard"
    LIMIT_MAX = "limit_max"
    SCHEDULE_CHARGING = "schedule_charging"
    SCHEDULE_DEPARTURE = "schedule_departure"
    ADD_SCHEDULE = "add_schedule"
    REMOVE_SCHEDULE = "remove_schedule"


ONE_SHOTS = frozenset(
    {
        CommandName.WAKE,
        CommandName.OPEN_PORT,
        CommandName.CLOSE_PORT,
        CommandName.LIMIT_STANDARD,
        CommandName.LIMIT_MAX,
        CommandName.SCHEDULE_CHARGING,
        CommandName.SCHEDULE_DEPARTURE,
        CommandName.ADD_SCHEDULE,
        CommandName.REMOVE_SCHEDULE,
    }
)
KEEPS = ONE_SHOTS - {CommandName.LIMIT_STANDARD, CommandName.LIMIT_MAX}
"""Those that leave the charge limit as it is."""

SCHEDULING = frozenset(
    {
        CommandName.SCHEDULE_CHARGING,
        CommandName.SCHEDULE_DEPARTURE,
        CommandName.ADD_SCHEDULE,
        CommandName.REMOVE_SCHEDULE,
    }
)
"""Those after which the car has other plans: it is read again."""

Detail = bool | int | float | str
Details = tuple[tuple[str, Detail], ...]
"""Further words of a one-shot command, in its driver's own terms: the core passes them on and reads none of them."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `value` is amps for SET_AMPS, % for SET_LIMIT, 1 or 3 for SET_PHASES, else None."""

    name: CommandName
    value: int | None = None
    details: Details = ()

    @property
    def kind(self) -> RequestKind:
        """Return the billing class."""
        return RequestKind.WAKE if self.name is CommandName.WAKE else RequestKind.COMMAND


class Outcome(StrEnum):
    """How a command ended. Exactly one of these."""

    APPLIED = "applied"  #: proven done
    ALREADY_SET = "already_set"  #: proven to have been so before
    REFUSED = "refused"  #: proven not done, and asking again without a change is useless
    NOT_DELIVERED = "not_delivered"  #: proven not done, may be asked again after a back-off
    UNCONFIRMED = "unconfirmed"  #: may or may not have been done


class Cause(StrEnum):
    """Why a request did not simply succeed."""

    # refusals by the device
    COMPLETE = "complete"  #: at or above its charge limit
    DISCONNECTED = "disconnected"  #: not plugged in
    NO_POWER = "no_power"  #: plugged in, the socket gives nothing
    UNSIGNED = "unsigned"  #: this vehicle takes signed commands only
    INVALID = "invalid"  #: the request was wrong
    REFUSED = "refused"  #: another word; `detail` has it
    # not delivered, or unknown
    ASLEEP = "asleep"
    RATE_LIMITED = "rate_limited"
    LIMIT_EXCEEDED = "limit_exceeded"  #: the account's billing limit; no Retry-After
    LOGIN_REQUIRED = "login_required"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    IN_SERVICE = "in_service"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    OUT_OF_RANGE = "out_of_range"  #: not near the radio through which it is reached
    NO_ANSWER = "no_answer"  #: sent, and the reply never came
    BAD_ANSWER = "bad_answer"  #: an answer that cannot be read
    RESTARTED = "restarted"  #: the gateway was stopped while it was under way
    EXPIRED = "expired"  #: it could not be sent in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request under way to one device: `command` or `read`, exactly one of them. There is at most one per device."""

    id: int
    command: Command | None = None
    read: ReadKind | None = None
    sent_at: datetime
    attempt: int = 1
    order_id: int | None = None  #: of the order that it carries out
    may_pay: bool = True  #: False = only by a way that costs nothing
