"""Where the recorded answers of real Powerwalls and the first document are, if at hand (`SUNBOX_SHARED`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[4] / "shared"))
FIXTURES = SHARED / "fixtures" / "powerwall"

needs_files = pytest.mark.skipif(
    not FIXTURES.is_dir() and not os.environ.get("CI"),  # in CI a missing file is a failure
    reason="recorded answers of Powerwalls are not at hand (SUNBOX_SHARED)",
)


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
