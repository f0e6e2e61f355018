"""What a charging command means for a loadpoint: the wish that it makes, or none."""

from __future__ import annotations

from typing import Any

import pytest

from sunbox.core.asked import WISHES, request_of
from sunbox.core.commands import ONE_SHOTS, CommandName
from sunbox.core.model import Override
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
