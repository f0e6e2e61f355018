"""What every test starts from."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.recorded_days import Lived, copy_days, live_days

# A slow machine is no failure: hypothesis allows an example a fifth of a second, and gives up where making them takes long.
settings.register_profile("sunbox", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("sunbox")


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
    """Return three recorded days, and what was true on them; of several processes one lives them for all. Nobody changes them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return live_days(tmp_path_factory.mktemp("three-days"))
    shared = tmp_path_factory.getbasetemp().parent
    folder, kept = shared / "three-days", shared / "three-days.pickle"
    with (shared / "three-days.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder.mkdir()
            kept.write_bytes(pickle.dumps(live_days(folder)))
    found: Lived = pickle.loads(kept.read_bytes())  # noqa: S301 - written by this run
    return found


@pytest.fixture(scope="session")
def fifteen_days(three_days: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with fifteen days of a meter that is read each 10 s."""
    folder = tmp_path_factory.mktemp("fifteen-days")
    copy_days(three_days.folder, folder, 5)
    return folder
