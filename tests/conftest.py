"""What every test starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.recorded_days import Lived, copy_days, live_days


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo what a command configured about logs: its stream is closed when its test ends."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Return three recorded days, and what was true on them."""
    return live_days(tmp_path_factory.mktemp("three-days"))


@pytest.fixture(scope="session")
def fifteen_days(three_days: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with fifteen days of a meter that is read each 10 s."""
    folder = tmp_path_factory.mktemp("fifteen-days")
    copy_days(three_days.folder, folder, 5)
    return folder
