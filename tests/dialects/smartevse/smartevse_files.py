"""Where the recorded documents of real boxes are, if at hand (`SUNBOX_SHARED`)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[4] / "shared"))
FIXTURES = SHARED / "fixtures" / "smartevse"

needs_files = pytest.mark.skipif(
    not FIXTURES.is_dir() and not os.environ.get("CI"),  # in CI a missing file is a failure
    reason="recorded documents of SmartEVSEs are not at hand (SUNBOX_SHARED)",
)

PROFILE_OF = {
    "settings_v3.5dev_2024-01_docs.json": "3.5",
    "settings_v3.6.10_teslalogger.json": "3.6",
    "settings_v3.10.0_victron_raw.json": "3.10",
    "settings_v3.11.1_COMPOSED_from_source.json": "3.11",
}
"""Complete documents, and whose they are."""
