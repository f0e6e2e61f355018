"""Where the recorded answers of real chargers and the first document are, if at hand (`SUNBOX_SHARED`)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[4] / "shared"))
FIXTURES = SHARED / "fixtures" / "goe"
DOCUMENT = SHARED / "seeds" / "004_2e6d45189f26360b.txt"

needs_files = pytest.mark.skipif(
    not FIXTURES.is_dir() and not os.environ.get("CI"),  # in CI a missing file is a failure
    reason="recorded answers of go-eChargers are not at hand (SUNBOX_SHARED)",
)
