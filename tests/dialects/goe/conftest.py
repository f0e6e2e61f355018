"""A charger that charges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sunbox.dialects.goe.box import Box
from sunbox.dialects.goe.decide import Behind
from sunbox.dialects.goe.profiles import STANDARD
from sunbox.dialects.goe.state import DEVICE, first_state

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


@pytest.fixture
def whole_status() -> dict[str, Any]:
    """Return all that a charging one says."""
    box = Box(STANDARD, DEVICE)
    flowing = Behind(
        is_plugged=True, is_charging=True, cable_a=20, amps_a=(16.0, 15.9, 16.1), closed=(True, True, True)
    )
    state = box.advanced(first_state(AT), flowing, AT + timedelta(seconds=5))
    return box.read(box.advanced(state, flowing, AT + timedelta(seconds=7200))).values
