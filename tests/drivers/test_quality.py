"""Each driver says how far it is, by the same rules, and gives a reason wherever it is not done."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import yaml

DRIVERS = sorted(
    folder.name for folder in files("sunbox.drivers").iterdir() if folder.is_dir() and not folder.name.startswith("_")
)


def rules_of(driver: str) -> dict[str, dict[str, Any]]:
    text = files("sunbox.drivers").joinpath(driver, "quality.yaml").read_text(encoding="utf-8")
    rules: dict[str, dict[str, Any]] = yaml.safe_load(text)["rules"]
    return rules


@pytest.mark.parametrize("driver", DRIVERS)
def test_rules_are_those_of_all_drivers(driver: str) -> None:
    assert list(rules_of(driver)) == list(rules_of(DRIVERS[0]))


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_not_done_has_a_reason(driver: str) -> None:
    for name, rule in rules_of(driver).items():
        assert rule["status"] in {"done", "todo", "exempt"}, name
        assert rule["status"] == "done" or rule["reason"], name
