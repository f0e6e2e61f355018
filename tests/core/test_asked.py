"""What a charging command means for a loadpoint: the wish that it makes, or none."""

from __future__ import annotations

from typing import Any

import pytest

from sunbox.core.asked import WISHES, is_order_done, is_wish_done, request_of
from sunbox.core.commands import ONE_SHOTS, CommandName, Outcome
from sunbox.core.model import Override
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import Request


@pytest.mark.parametrize(("name", "value", "wish"), [
    (CommandName.START, None, {"override": Override.CHARGE}),
    (CommandName.STOP, None, {"override": Override.STOP}),
    (CommandName.SET_AMPS, 12, {"amps_a": 12}),
    (CommandName.SET_LIMIT, 80, {"target_soc_pct": 80}),
])  # fmt: skip
def test_the_wish_of_a_command(name: CommandName, value: int | None, wish: dict[str, Any]) -> None:
    assert request_of(name, value, loadpoint_id="carport", by="test") == Request(
        loadpoint_id="carport", by="test", **wish
    )


def test_what_is_no_wish_is_ordered_once_but_phases_which_nobody_asks_for() -> None:
    assert set(CommandName) == set(WISHES) | ONE_SHOTS | {CommandName.SET_PHASES}


@pytest.mark.parametrize(("name", "code", "done"), [
    (CommandName.START, ReasonCode.CHARGING_BY, True),
    (CommandName.START, ReasonCode.NOT_PLUGGED, False),
    (CommandName.STOP, ReasonCode.NOT_PLUGGED, True),
    (CommandName.SET_AMPS, ReasonCode.REFUSED, False),
])  # fmt: skip
def test_whether_a_wish_was_carried_out(name: CommandName, code: ReasonCode, done: bool) -> None:
    assert is_wish_done(name, Reason(code)) is done


def test_what_may_have_been_done_is_not_to_be_repeated() -> None:
    assert {outcome for outcome in Outcome if not is_order_done(outcome)} == {Outcome.REFUSED, Outcome.NOT_DELIVERED}
