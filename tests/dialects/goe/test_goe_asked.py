"""What people type about keys is checked, and what they are shown has no secrets."""

from __future__ import annotations

import pytest

from sunbox.dialects.goe.asked import problem_with_name, problem_with_setting, shown
from sunbox.dialects.goe.table import KEYS


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_is_known_and_settable_as_its_row_says(key) -> None:
    assert problem_with_name(key.name) is None
    assert (problem_with_setting(key.name, "zzz") or "").startswith(
        f"{key.name}: 'zzz' is no JSON" if key.is_writable((9999, 0)) else f"{key.name} ({key.help}) can be read"
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("amp", "10", None),
        ("dwo", "null", None),
        ("frc", "2", None),
        ("fna", '"x"', None),
        ("amp", "null", "amp: value must be integer; allowed: 6–32"),
        ("dwo", "-1", "dwo: Value -1 exceeds range 0 to 1e+09; allowed: 0–1e+09, or null"),
        ("amp", "[", "amp: '[' is no JSON (IncompleteInput); allowed: 6–32"),
        ("zzzzzz", "1", "'zzzzzz' is no known key"),
    ],
)
def test_settings(name: str, text: str, problem: str | None) -> None:
    assert problem_with_setting(name, text) == problem


def test_a_key_that_old_firmware_cannot_set() -> None:
    assert problem_with_setting("trx", "0", (51, 4)) is not None
    assert problem_with_setting("trx", "0", (55, 5)) is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("amp", 16, 16),
        ("wak", "topsecret", "***"),
        ("wak", True, True),
        ("cak", "topsecret", "***"),
        ("mcu", "mqtts://me:topsecret@broker:8883", "mqtts://me:***@broker:8883"),
        ("wifis", [{"ssid": "home", "key": "topsecret"}, {"ssid": "", "key": False}], None),
        ("zzz", "anything", "anything"),
    ],
    ids=str,
)
def test_secrets_are_not_shown(name, value, told) -> None:
    assert "topsecret" not in str(shown(name, value))
    assert told is None or shown(name, value) == told
