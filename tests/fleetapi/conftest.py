"""What the tests of the Powerwall's class and command start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_bench import Bench
from tests.powerwall_home import served_home


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a home that is served, and a folder with a configuration that leads to it."""
    with served_home() as (url, home, clock):
        made = Bench(url, home, clock, tmp_path)
        made.write()
        yield made
